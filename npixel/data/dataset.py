"""Dataset: images in three splits, with what is known about them.

Every loader of this package returns one. Images are uint8 arrays (N, H, W, C) of levels in [0, L):
what a model's log_prob takes.

Read first: nothing.  Read next: data/digits.py, data/levels.py, data/size.py.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

SPLITS = ("train", "valid", "test")
LABELS = (np.uint8, np.int32)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Three splits of images of one shape.

    name            what was loaded
    train           (N, H, W, C) uint8, levels in [0, L), at least one image
    valid           the same, for the choice of a model
    test            the same, for its evaluation
    levels          L, 2 to 256
    *_labels        (N,) uint8, int32 where one is above 255; None where there are none
    source          text: where the images come from
    licence         text: under which terms
    process         the known_entropy source that drew the images, else None
    label_names     the names of labels 0, 1, ..., or None
    levels_known    False: 256 as a byte has; the file may hold fewer (levels.of_file)

    ValueError if shapes, dtypes or levels do not agree.
    """
    name: str
    train: np.ndarray
    valid: np.ndarray
    test: np.ndarray
    levels: int
    train_labels: np.ndarray | None = None
    valid_labels: np.ndarray | None = None
    test_labels: np.ndarray | None = None
    source: str = ""
    licence: str = ""
    process: Any = None
    label_names: tuple | None = None
    levels_known: bool = True

    def __post_init__(self):
        if not 2 <= self.levels <= 256:
            raise ValueError(f"{self.name}: levels must be 2 to 256, is {self.levels}")
        for split in SPLITS:
            images, labels = self.split(split)
            which = f"{self.name}: {split}"
            if images.dtype != np.uint8 or images.ndim != 4:
                raise ValueError(f"{which} must be uint8 (N, H, W, C), "
                                 f"is {images.dtype} {images.shape}")
            if 0 in images.shape:
                raise ValueError(f"{which} has no images, its shape is {images.shape}")
            if images.shape[1:] != self.image_shape:
                raise ValueError(f"{which} images are {images.shape[1:]}, "
                                 f"train images are {self.image_shape}")
            if images.max() >= self.levels:
                raise ValueError(f"{which} must have levels in [0, {self.levels}), "
                                 f"has level {images.max()}")
            expected = (len(images),)
            if labels is not None and (labels.shape != expected or labels.dtype not in LABELS):
                raise ValueError(f"{which}_labels must be uint8 or int32 {expected}, "
                                 f"is {labels.dtype} {labels.shape}")

    def split(self, name):
        """Images and labels of "train", "valid" or "test"; ValueError for another name."""
        if name not in SPLITS:
            raise ValueError(f"split must be one of {', '.join(SPLITS)}, is {name!r}")
        return getattr(self, name), getattr(self, name + "_labels")

    @property
    def image_shape(self):
        """(H, W, C)"""
        return self.train.shape[1:]

    @property
    def entropy(self):
        """Nats per image below which no model can go in expectation; None if that is not known.

        It is known where the images come from a source of known_entropy.
        """
        return None if self.process is None else self.process.entropy


def as_labels(origin, array, N):
    """Labels (N,) uint8, or int32 where one is above 255.

    ValueError that names `origin` and what is wrong unless they are N integers in [0, 2^31).

    >>> as_labels("x", np.array([0, 975]), 2)
    array([  0, 975], dtype=int32)
    """
    array = np.asarray(array)
    if array.shape != (N,) or array.dtype.kind not in "iu":
        raise ValueError(f"{origin} must be ({N},) integers, is {array.dtype} {array.shape}")
    if N and (array.min() < 0 or array.max() >= 2**31):
        wrong = array.min() if array.min() < 0 else array.max()
        raise ValueError(f"{origin} must be integers in [0, 2^31), has {wrong}")
    return array.astype(np.uint8 if not N or array.max() <= 255 else np.int32)


def hold_back(N, *counts):
    """Row numbers of a fixed split of N rows, spread evenly but not periodically.

        h[i] = (2654435769 i) mod 2^32,   2654435769 = 2^32 / golden ratio

    Rows are held back in the order of falling h.

    returns    (kept, held back: one array for each of `counts`), row numbers, ascending

    No random numbers are involved, so the split is the same everywhere and for ever. The multiples
    of the golden ratio fall evenly on every run of rows and every arithmetic progression. So each
    class has its share where rows are sorted by class, and each writer where writers alternate. The
    training images of MNIST do alternate: rows of even number have mean level 31.3, of odd number
    35.4, and "every tenth row" would be a biased sample.

    >>> hold_back(10, 2, 1)
    (array([0, 1, 2, 4, 5, 7, 9]), array([3, 8]), array([6]))
    """
    h = np.arange(N, dtype=np.uint64) * np.uint64(2654435769) % np.uint64(2**32)
    falling = np.argsort(h)[::-1]                      # all h differ: the factor is odd, N < 2^32
    ends = np.cumsum((0, *counts))
    held = [np.sort(falling[start:end]) for start, end in zip(ends, ends[1:])]
    return np.sort(falling[ends[-1]:]), *held


def from_train_and_test(name, train, test, *, levels, train_labels=None, test_labels=None, k=10,
                        **about):
    """A Dataset of a training set and a test set, without a validation set of their own.

    One in k training images is held back for validation (hold_back).

    ValueError if there are fewer than k training images.
    """
    if len(train) < k:
        raise ValueError(f"{name}: {len(train)} training images, at least {k} are needed to hold "
                         f"one in {k} back for validation")
    kept, held = hold_back(len(train), len(train) // k)
    return Dataset(name, train[kept], train[held], test, levels, _take(train_labels, kept),
                   _take(train_labels, held), test_labels, **about)


def from_images(name, images, *, levels, labels=None, **about):
    """A Dataset of images that come without splits.

    One in ten is for the test, and as many for validation (hold_back).

    ValueError if there are fewer than ten.
    """
    N = len(images)
    if N < 10:
        raise ValueError(f"{name}: {N} images, at least 10 are needed for a split of 8 : 1 : 1")
    train, test, valid = hold_back(N, N // 10, N // 10)
    return Dataset(name, images[train], images[valid], images[test], levels, _take(labels, train),
                   _take(labels, valid), _take(labels, test), **about)


def _take(labels, rows):
    return None if labels is None else labels[rows]
