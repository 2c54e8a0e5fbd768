"""Images to train on: bundled digits, the usual data sets, photographs, known sources.

    data = npixel.data.load("digits")
    data = npixel.data.load("noisy_rule:8x8,eps=0.1")  # or "mnist", "folder/of/images", "file.npz"
    data.train, data.valid, data.test                  # (N, H, W, C) uint8 in [0, data.levels)
    data.process.log_prob(data.test)                   # where the images come from a known source

Files are looked for under the path given, then in the directory that the environment variable
NPIXEL_DATA names. Nothing is downloaded: an error says where to get what is missing.

Some files do not say how many levels they hold, or how their axes are ordered. Where it matters,
say it: load("codes.npz", levels_are=16, layout="NCHW"). Sizes are checked before contents.

The files, in the order of reading: dataset.py, digits.py, known_entropy/, levels.py, files.py,
idx.py, arrays.py, mnist.py, binarized_mnist.py, plain_pickle.py, cifar10.py, size.py,
image_folder.py, photographs.py, dead_leaves.py, catalogue.py (load), command.py (npixel data).

Read first: nothing.  Read next: data/dataset.py, data/catalogue.py.
"""

from npixel.data import digits, known_entropy
from npixel.data.binarized_mnist import pack
from npixel.data.catalogue import NAMES, load
from npixel.data.dataset import Dataset

__all__ = ["NAMES", "Dataset", "load", "pack", "digits", "known_entropy"]
