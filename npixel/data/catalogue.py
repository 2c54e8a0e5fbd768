"""load: a data set by name, by path, or as a source of known entropy.

Looked up in this order:
    1. a name in NAMES               digits is bundled; the others are searched in data_dir, else in
                                     NPIXEL_DATA
    2. name:HxW[,key=value]...       a source of known entropy (known_entropy), or dead_leaves (also
                                     without a size)
    3. a path                        as given, then below data_dir or NPIXEL_DATA:
           .npz                      arrays.py; bits packed as in binarized_mnist.py; photographs as
                                     in photographs.py
           .tar.gz .tgz .tar         the archive of cifar10.py
           folder                    binarized_mnist_*.amat, IDX files, CIFAR-10 batches, or image
                                     files: the first that it holds

A name claims more than a path does: files.py says what.

Read first: data/digits.py, data/known_entropy/draw.py, data/files.py, data/levels.py,
data/arrays.py, data/mnist.py, data/binarized_mnist.py, data/cifar10.py, data/size.py,
data/image_folder.py, data/photographs.py, data/dead_leaves.py.
Read next: data/command.py.
"""

from functools import partial
from pathlib import Path
from typing import Callable, NamedTuple

from npixel.data import (arrays, binarized_mnist, cifar10, dead_leaves, digits, image_folder,
                         known_entropy, mnist, photographs, size)
from npixel.data.files import data_directory, find
from npixel.data.known_entropy import draw
from npixel.data.levels import with_levels


class Named(NamedTuple):
    """A data set that has a name."""
    about: str
    where: str                                         # where to get it; empty if it is bundled
    locate: Callable                                   # directory or None -> its file, or None
    load: Callable                                     # directory or None -> Dataset


def _mnist(name, about):
    return Named(about, mnist.SETS[name].where, partial(mnist.locate, name),
                 partial(mnist.load, name))


NAMES = {
    "digits": Named("1,797 handwritten digits, 8x8, 17 levels, bundled", "",
                    lambda _: digits.FILE, lambda _: digits.load()),
    "binarized_mnist": Named("statically binarised MNIST, 28x28, 2 levels",
                             binarized_mnist.WHERE, binarized_mnist.locate, binarized_mnist.load),
    "mnist": _mnist("mnist", "MNIST, 28x28, 256 levels"),
    "fashion_mnist": _mnist("fashion_mnist", "Fashion-MNIST, 28x28, 256 levels"),
    "cifar10": Named("CIFAR-10, 32x32 RGB, 256 levels",
                     cifar10.WHERE, cifar10.locate, cifar10.load),
    "photographs": Named("photographs of BSDS500, 321x481 grey, 256 levels",
                         photographs.WHERE, photographs.locate, photographs.load),
    "photographs_rgb": Named("the same in colour", photographs.WHERE, photographs.locate,
                             partial(photographs.load, colour=True)),
}


def load(name_or_path, *, data_dir=None, levels_are=None, layout=None, resize=None, crop=None,
         levels=None, binarize=None, seed=0):
    """A Dataset by name ("digits"), as a source ("noisy_rule:8x8,eps=0.1"), or by path.

    data_dir     the directory of data files; None: the environment variable NPIXEL_DATA
    levels_are   how many levels the file holds, where it does not say so itself (levels.of_file)
    layout       the axes of the arrays in an .npz file, such as "NCHW"; None: NHWC (arrays.py)
    resize       (H, W) or "HxW": make the images of this size (size.py)
    crop         (H, W) or "HxW": cut this size out of the middle, after resize
    levels       requantise to this number of levels
    binarize     "threshold" or "stochastic": make two levels (levels.py)
    seed         of stochastic binarisation

    FileNotFoundError that says where to get a missing file. ValueError for a damaged or foreign
    file or a wrong option. ImportError if a folder of images is asked for without Pillow.

    >>> int(load("digits", levels=4).train.max())
    3
    """
    text = str(name_or_path)
    resize, crop = size.parse(resize, "--resize"), size.parse(crop, "--crop")
    path = None
    if text in NAMES:
        # what is bundled does not depend on the data directory
        data = NAMES[text].load(data_directory(data_dir) if NAMES[text].where else None)
    elif text.partition(":")[0] in known_entropy.SOURCES and not Path(text).exists():
        data = draw.dataset(text)
    elif dead_leaves.is_text(text) and not Path(text).exists():
        data = dead_leaves.dataset(text)
    else:
        path = _existing(text, data_dir)
        if not (path.is_file() or path.is_dir()):      # a pipe would block for ever
            raise ValueError(f"{path} is not a file")
    if path is not None and path.suffix == ".npz" and path.is_file():
        data = _load_npz(path, levels_are, layout)
    elif layout is not None:
        raise ValueError(f"{text}: --layout is for the arrays of an .npz file")
    elif path is not None:
        data = _load_path(path, levels_are, resize, crop)
    if levels_are not in (None, data.levels):
        raise ValueError(f"{text}: holds {data.levels} levels, --levels-are says {levels_are}")
    if path is None or not _is_picture_folder(path):   # pictures were fitted one by one
        data = size.with_size(data, resize, crop)
    return with_levels(data, levels, binarize, seed)


def _existing(text, data_dir):
    """The path meant by `text`: as given, or below the data directory.

    FileNotFoundError with both if there is neither.
    """
    given = Path(text).expanduser()
    if text and given.exists():
        return given
    directory = data_directory(data_dir)
    below = directory / text if directory and text else None
    if below and below.exists():
        return below
    raise FileNotFoundError(f"{text!r} is no data set ({', '.join(NAMES)}), no source "
                            f"({', '.join(known_entropy.SOURCES)}, dead_leaves, as name:HxW), and "
                            f"no file or folder{f' (nor is {below})' if below else ''}")


def _load_npz(path, levels_are, layout):
    content = arrays.read(path)
    if binarized_mnist.is_packed(content):
        special = binarized_mnist.load_packed
    elif photographs.is_photographs(content):
        special = photographs.load_file
    else:
        return arrays.load(path, content=content, levels_are=levels_are, layout=layout)
    if layout is not None:
        raise ValueError(f"{path}: --layout is not for files of this form, whose order is known")
    return special(path, content=content)


def _load_path(path, levels_are, resize, crop):
    if _is_picture_folder(path):
        return image_folder.load(path, levels_are=levels_are, resize=resize, crop=crop)
    if path.is_dir():
        return _load_data_folder(path, levels_are)
    if path.name.endswith((".tar.gz", ".tgz", ".tar")):
        return cifar10.load_archive(path)
    raise ValueError(f"{path}: not a known form of data, must be .npz, .tar.gz, or the folder of "
                     "its files")


def _is_picture_folder(path):
    return path.is_dir() and not _holds_data_files(path) and image_folder.holds_images(path)


def _holds_data_files(folder):
    return bool(find([binarized_mnist.TEXT.format("*"), *mnist.ANY, *cifar10.ANY], [folder])
                or find(cifar10.ANY, [folder / cifar10.FOLDER]))


def _load_data_folder(folder, levels_are):
    if find([binarized_mnist.TEXT.format("*")], [folder]):
        return binarized_mnist.load_text(folder)
    if find(mnist.ANY, [folder]):
        return mnist.load_folder(folder, levels_are=levels_are)
    for batches in (folder, folder / cifar10.FOLDER):
        if find(cifar10.ANY, [batches]):
            return cifar10.load_folder(batches)
    raise ValueError(f"{folder}: holds no images ({binarized_mnist.TEXT.format('train')}, "
                     f"{mnist.TRAIN[0]}, {cifar10.TRAIN[0]}, or image files such as .png)")
