"""The bundled data set: 1,797 handwritten digits, 8x8 pixels, 17 levels.

    E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning
    Repository, 1998, https://doi.org/10.24432/C50P49. Licence: Creative Commons Attribution 4.0
    International (CC BY 4.0).

These are the 1,797 images of its test part (13 writers), as scikit-learn ships them
(`load_digits`). They are stored as uint8, and nothing else was changed. A level is the number of
dark pixels in a 4x4 block of the 32x32 bitmap, 0 to 16.

The split is stored in digits.npz as row numbers. It was drawn once, class by class, with seed 0. Of
each digit, 30 images are for the test (300) and 20 for validation (200). The remaining 144 to 153
are for training (1,297). The order within each is shuffled, so that any part of it is
representative. Every writer occurs in all three: the split measures likelihood on new images, not
on new writers.

digits.npz was made by this, and holds `images` (1797, 8, 8) uint8, `labels` (1797,) uint8, `train`,
`valid`, `test` int16 and `attribution` (text):

    bunch = sklearn.datasets.load_digits()             # scikit-learn 1.9.1
    rng = np.random.default_rng(0)
    rows = [rng.permutation(np.flatnonzero(bunch.target == digit)) for digit in range(10)]
    split = {"test": [r[:30] for r in rows], "valid": [r[30:50] for r in rows],
             "train": [r[50:] for r in rows]}
    split = {name: rng.permutation(np.concatenate(parts)).astype(np.int16)
             for name, parts in split.items()}
    np.savez_compressed("digits.npz", images=bunch.images.astype(np.uint8),
                        labels=bunch.target.astype(np.uint8),
                        attribution=f"{ATTRIBUTION} Licence: {LICENCE}", **split)

Read first: data/dataset.py.  Read next: data/known_entropy/__init__.py.
"""

from pathlib import Path

import numpy as np

from npixel.data.dataset import Dataset

ATTRIBUTION = (
    "E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning "
    "Repository, 1998, https://doi.org/10.24432/C50P49. The 1,797 images of the test part as "
    "scikit-learn ships them, stored as uint8.")
LICENCE = ("Creative Commons Attribution 4.0 International (CC BY 4.0), "
           "https://creativecommons.org/licenses/by/4.0/")
FILE = Path(__file__).with_name("digits.npz")


def load():
    """The digits, 17 levels, labels 0 to 9.

    returns    Dataset: train (1297, 8, 8, 1), valid (200, ...), test (300, ...) uint8

    >>> load().train.shape
    (1297, 8, 8, 1)
    """
    with np.load(FILE, allow_pickle=False) as arrays:
        images, labels = arrays["images"][..., None], arrays["labels"]     # (1797, 8, 8, 1)
        train, valid, test = arrays["train"], arrays["valid"], arrays["test"]
    return Dataset("digits", images[train], images[valid], images[test], 17, labels[train],
                   labels[valid], labels[test], source=ATTRIBUTION, licence=LICENCE)
