"""MNIST and Fashion-MNIST: 60,000 + 10,000 grey images of 28x28, 256 levels, as four IDX files.

    Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits".
    H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine
    Learning Algorithms", 2017.

There is no validation set: one training image in six is held back (10,000 of 60,000;
dataset.hold_back). The files of both sets have the same names. So under a data set's name the .gz
files must have its md5 checksums, which torchvision and others publish. A test set of which only a
part is there is recognised by its name, t10k-NUMBER-images-idx3-ubyte.gz.

Read first: data/idx.py, data/files.py, data/arrays.py, data/levels.py.
Read next: data/binarized_mnist.py.
"""

from typing import NamedTuple

from npixel.data import arrays, idx
from npixel.data.dataset import from_train_and_test
from npixel.data.files import check_digest, find, incomplete, missing
from npixel.data.levels import of_file


class About(NamedTuple):
    """One of the two data sets."""
    folders: tuple                                     # below the data directory, best first
    part: str                                          # a pattern for an .npz of a part of it
    md5: dict                                          # of the original files
    source: str
    licence: str
    where: str


SETS = {
    "mnist": About(
        ("mnist", "MNIST/raw", "."), "mnist_*.npz",
        {"train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
         "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
         "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
         "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c"},
        "Y. LeCun, C. Cortes, C. Burges, The MNIST database of handwritten digits",
        "usually given as CC BY-SA 3.0",
        "https://ossci-datasets.s3.amazonaws.com/mnist/ "
        "(train- and t10k-, images-idx3- and labels-idx1-ubyte.gz)"),
    "fashion_mnist": About(
        ("fashion_mnist", "FashionMNIST/raw", "fashion"), "fashion_mnist*.npz",
        {"train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
         "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
         "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
         "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310"},
        "H. Xiao, K. Rasul, R. Vollgraf, Fashion-MNIST, 2017", "MIT",
        "https://github.com/zalandoresearch/fashion-mnist "
        "(data/fashion/*.gz, into a folder fashion_mnist)"),
}
TRAIN = ("train-images-idx3-ubyte.gz", "train-images-idx3-ubyte", "train-images.idx3-ubyte")
ANY = ("*images?idx3-ubyte*",)
TEST = ("t10k-images-idx3-ubyte.gz", "t10k-images-idx3-ubyte", "t10k-images.idx3-ubyte",
        "t10k-*-images-idx3-ubyte.gz", "t10k-*-images-idx3-ubyte")


def locate(name, directory):
    """The file that load(name, directory) would read first, or None."""
    return (find(TRAIN, _folders(name, directory))
            or (directory and find([SETS[name].part], [directory])))


def load(name, directory):
    """MNIST or Fashion-MNIST from the data directory.

    Where the IDX files are not there, a part of it is read from an .npz.

    returns    Dataset: train (50000, 28, 28, 1), valid (10000, ...), test (10000, ...) uint8, 256
               levels, labels where their files are

    FileNotFoundError that says where to get them; ValueError for a file that is not the original,
    or damaged.
    """
    about = SETS[name]
    path = locate(name, directory)
    if path is None:
        raise missing(name, TRAIN[0], _folders(name, directory), about.where)
    if path.suffix == ".npz":
        data = arrays.load(path, name=name, source=f"{about.source} (a part: {path.name})",
                           licence=about.licence)
        if data.image_shape != (28, 28, 1) or data.levels != 256:
            raise ValueError(f"{path}: images {data.image_shape} of {data.levels} levels, "
                             f"{name} has (28, 28, 1) of 256")
        return data
    return load_folder(path.parent, name)


def load_folder(folder, name=None, levels_are=None):
    """A folder of four IDX files (labels may be absent), of any size.

    name          the data set that the files claim to be, whose checksums they must have;
                  None: format and shapes only
    levels_are    how many levels the images have; None: 256 under a name, else as they show
    """
    about, read = SETS.get(name), []
    train, train_labels = _split(folder, TRAIN, name, read)
    test, test_labels = _split(folder, TEST, name, read)
    if about and train.shape[1:] != (28, 28, 1):
        raise ValueError(f"{folder}: images are {train.shape[1:]}, {name} has (28, 28, 1)")
    source = about.source if about else "IDX files"
    told = 256 if name else levels_are
    images, levels, known, how = of_file(folder, {"train": train, "test": test}, told)
    return from_train_and_test(name or str(folder), *images.values(), levels=levels,
                               train_labels=train_labels, test_labels=test_labels, k=6,
                               levels_known=known,
                               source=f"{source}: {', '.join(read)}{how}",
                               licence=about.licence if about else "")


def _split(folder, patterns, name, read):
    """Images (N, H, W, 1) and labels (N,) or None; what was read is added to `read`."""
    about = SETS.get(name)
    where = about.where if about else "where they come from"
    path = find(patterns, [folder])
    if path is None:
        raise incomplete(folder, patterns[0], where)
    labels = path.with_name(path.name.replace("images", "labels").replace("idx3", "idx1"))
    for file in (path, labels):
        if about and file.name in about.md5 and file.exists():
            check_digest(file, ("md5", about.md5[file.name]), name, where)
    images = idx.load(path, 3)[..., None]                                      # (N, H, W, 1)
    read.append(f"{path.name} ({len(images)} images)")
    if not labels.exists():
        return images, None
    labels_read = idx.load(labels, 1)
    if len(labels_read) != len(images):
        raise ValueError(f"{labels}: {len(labels_read)} labels, {path.name} has "
                         f"{len(images)} images")
    return images, labels_read


def _folders(name, directory):
    return [directory / folder for folder in SETS[name].folders] if directory else []
