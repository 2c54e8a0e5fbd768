"""Images in an .npz file: three splits, two, or one array that is split here.

    train, valid, test         (N, H, W) or (N, H, W, C) integers or bools; labels in train_labels,
                               valid_labels, test_labels
    train, test                one training image in ten is held back for validation
                               (dataset.hold_back)
    images                     one in ten is for the test, as many for validation; labels in
                               `labels`
    levels                     how many there are; without it, what the values show (levels.of_file)

Axes in another order are read where `layout` names them, such as NCHW. Images that look like
(N, C, H, W), or like (H, W, C, N), are refused without it.

Read first: data/dataset.py, data/levels.py.
Read next: runtime/safe_npz.py, data/mnist.py.
"""

import numpy as np

from npixel.runtime import safe_npz
from npixel.data.dataset import SPLITS, Dataset, as_labels, from_images, from_train_and_test
from npixel.data.levels import of_file

COLOURS = (1, 3, 4)                                    # what the axis of colours usually has
FORMS = "train, valid, test, or train, test, or images"


def read(path):
    """All arrays of an .npz file, a dict; errors as safe_npz.read."""
    return safe_npz.read(path)


def load(path, *, name=None, content=None, levels_are=None, layout=None, **about):
    """A Dataset from an .npz file.

    content       what read(path) returned, if it was read already
    levels_are    how many levels the images have; None: what the file says or shows
    layout        the order of the axes, N, H, W and C in any order; None: NHWC

    ValueError that names the file if it has none of the keys above, or shapes, dtypes or levels are
    wrong.
    """
    content = read(path) if content is None else content
    about = {"source": str(path)} | about
    images = {key: _images(path, key, content[key], layout)
              for key in ("images", *SPLITS) if key in content}
    if not images:
        raise ValueError(f"{path}: must have {FORMS}; has keys {', '.join(content) or '(none)'}")
    told = _levels(path, content, levels_are)
    images, levels, about["levels_known"], how = of_file(path, images, told)
    about["source"] += how + (f"; axes {layout}" if layout else "")

    def labels(split):
        key = "labels" if split == "images" else split + "_labels"
        if key in content:
            return as_labels(f"{path}: {key}", content[key], len(images[split]))

    name = name or str(path)
    if {"train", "valid", "test"} <= images.keys():
        return Dataset(name, *(images[split] for split in SPLITS), levels,
                       *(labels(split) for split in SPLITS), **about)
    if {"train", "test"} <= images.keys():
        return from_train_and_test(name, images["train"], images["test"], levels=levels,
                                   train_labels=labels("train"), test_labels=labels("test"),
                                   **about)
    if "images" in images:
        return from_images(name, images["images"], levels=levels, labels=labels("images"), **about)
    raise ValueError(f"{path}: must have {FORMS}; has {', '.join(images)}")


def _images(path, key, array, layout):
    if array.ndim not in (3, 4) or 0 in array.shape:
        raise ValueError(f"{path}: {key} must be (N, H, W) or (N, H, W, C), none of them 0, "
                         f"has shape {array.shape}")
    if array.dtype.kind not in "biu":
        raise ValueError(f"{path}: {key} must be integers or bools, is {array.dtype}")
    if array.min() < 0 or array.max() > 255:
        raise ValueError(f"{path}: {key} must have levels in [0, 256), "
                         f"has {array.min()} to {array.max()}")
    array = _in_order(path, key, array, layout).astype(np.uint8)
    return array[..., None] if array.ndim == 3 else array


def _in_order(path, key, array, layout):
    """The array with axes (N, H, W) or (N, H, W, C)."""
    axes = "NHWC"[:array.ndim]
    if layout is not None:
        if sorted(layout) != sorted(axes):
            raise ValueError(f"{path}: {key} has shape {array.shape}: --layout must be {axes} in "
                             f"some order, is {layout}")
        return np.ascontiguousarray(array.transpose([layout.index(axis) for axis in axes]))
    if array.ndim == 4 and array.shape[3] not in COLOURS:
        looks_like = ("NCHW" if array.shape[1] in COLOURS else
                      "HWCN" if array.shape[2] in COLOURS and array.shape[3] > max(COLOURS) else "")
        if looks_like:
            raise ValueError(f"{path}: {key} has shape {array.shape}, which looks like "
                             f"{looks_like}: say --layout {looks_like}, or --layout NHWC")
    return array


def _levels(path, content, told):
    """What the file says, else what the user says; ValueError if they disagree."""
    if "levels" not in content:
        return told
    levels = content["levels"]
    if levels.size != 1 or levels.dtype.kind not in "iu":
        raise ValueError(f"{path}: levels must be one integer, is {levels.dtype} {levels.shape}")
    levels = int(levels.ravel()[0])
    if told not in (None, levels):
        raise ValueError(f"{path}: says that it holds {levels} levels, --levels-are says {told}")
    return levels
