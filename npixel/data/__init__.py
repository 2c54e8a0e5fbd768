"""Images to train on: bundled digits, the usual data sets from files, photographs, and sources whose exact entropy is known.

    data = npixel.data.load("digits")                  # or "mnist", "noisy_rule:8x8,eps=0.1", "folder/of/images", "file.npz"
    data.train, data.valid, data.test                  # (N, H, W, C) uint8 in [0, data.levels)
    data.process.log_prob(data.test)                   # where the images come from a known source

Files are looked for under the path given, then in the directory that the environment variable NPIXEL_DATA names. Nothing is downloaded:
an error says where to get what is missing.

Where a file does not say how many levels it holds, or how its axes are ordered, and it matters, you
say it: load("codes.npz", levels_are=16, layout="NCHW"). Sizes are checked before contents.

Reading order: dataset.py, digits.py, known_entropy/, files.py, idx.py, mnist.py,
binarized_mnist.py, cifar10.py, levels.py, arrays.py, size.py, image_folder.py, photographs.py,
dead_leaves.py, catalogue.py (load), command.py (npixel data).
"""

from npixel.data import digits, known_entropy
from npixel.data.binarized_mnist import pack
from npixel.data.catalogue import NAMES, load
from npixel.data.dataset import Dataset

__all__ = ["NAMES", "Dataset", "load", "pack", "digits", "known_entropy"]
