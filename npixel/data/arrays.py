"""Images in an .npz file: three splits, two, or one array that is split here.

    train, valid, test         (N, H, W) or (N, H, W, C) integers or bools; labels in train_labels, valid_labels, test_labels
    train, test                one training image in ten is held back for validation (dataset.hold_back)
    images                     one in ten is for the test, as many for validation; labels in `labels`
    levels                     optional; else 2 if all values are 0 or 1, else 256

Nothing in the file is ever unpickled.
"""

import zipfile
import zlib

import numpy as np

from npixel.data.dataset import SPLITS, Dataset, from_images, from_train_and_test


def read(path):
    """All arrays of an .npz file, a dict; ValueError if the file is damaged or holds pickled objects."""
    try:
        with np.load(path, allow_pickle=False) as file:
            if not isinstance(file, np.lib.npyio.NpzFile):
                raise ValueError("it holds one array without a name")
            return {key: file[key] for key in file.files}
    except FileNotFoundError:
        raise FileNotFoundError(f"{path} not found") from None
    except (ValueError, OSError, EOFError, KeyError, TypeError, AttributeError, NotImplementedError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{path}: not a readable .npz file ({error})") from None


def load(path, *, name=None, content=None, **about):
    """A Dataset from an .npz file.

    content    what read(path) returned, if it was read already

    ValueError that names the file if it has none of the keys above, or shapes, dtypes or levels are wrong.
    """
    content = read(path) if content is None else content
    about = {"source": str(path)} | about
    images = {key: _images(path, key, content[key]) for key in ("images", *SPLITS) if key in content}
    if not images:
        raise ValueError(f"{path}: has keys {', '.join(content) or '(none)'}; must have train, valid, test, or train, test, or images")
    levels = _levels(path, content, images)

    def labels(split):
        key = "labels" if split == "images" else split + "_labels"
        return _labels(path, key, content[key], len(images[split])) if key in content else None

    name = name or str(path)
    if {"train", "valid", "test"} <= images.keys():
        return Dataset(name, *(images[split] for split in SPLITS), levels, *(labels(split) for split in SPLITS), **about)
    if {"train", "test"} <= images.keys():
        return from_train_and_test(name, images["train"], images["test"], levels=levels,
                                   train_labels=labels("train"), test_labels=labels("test"), **about)
    if "images" in images:
        return from_images(name, images["images"], levels=levels, labels=labels("images"), **about)
    raise ValueError(f"{path}: has {', '.join(images)}; must have train, valid, test, or train, test, or images")


def _images(path, key, array):
    if array.ndim not in (3, 4) or 0 in array.shape:
        raise ValueError(f"{path}: {key} has shape {array.shape}, must be (N, H, W) or (N, H, W, C), none of them 0")
    if array.dtype.kind not in "biu":
        raise ValueError(f"{path}: {key} must be integers or bools, dtype is {array.dtype}")
    if array.min() < 0 or array.max() > 255:
        raise ValueError(f"{path}: {key} has levels {array.min()} to {array.max()}, must be in [0, 256)")
    array = array.astype(np.uint8)
    return array[..., None] if array.ndim == 3 else array


def _labels(path, key, array, N):
    if array.shape != (N,) or array.dtype.kind not in "iu" or array.min() < 0 or array.max() > 255:
        raise ValueError(f"{path}: {key} must be ({N},) integers in [0, 256), is {array.dtype} {array.shape}")
    return array.astype(np.uint8)


def _levels(path, content, images):
    if "levels" not in content:
        return 2 if max(array.max() for array in images.values()) <= 1 else 256
    levels = content["levels"]
    if levels.size != 1 or levels.dtype.kind not in "iu":
        raise ValueError(f"{path}: levels must be one integer, is {levels.dtype} {levels.shape}")
    return int(levels.ravel()[0])
