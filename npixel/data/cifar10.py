"""CIFAR-10: 50,000 + 10,000 RGB images of 32x32, 256 levels.

    A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.

Three forms are read: the archive cifar-10-python.tar.gz (never unpacked to disk), its folder
cifar-10-batches-py, and an .npz. The batches are Python pickles, which plain_pickle.py reads.

There is no validation set: one training image in ten is held back (5,000 of 50,000;
dataset.hold_back). A batch holds planes, (N, 3, 32, 32) in memory order.

Read first: data/dataset.py, data/files.py, data/arrays.py, data/plain_pickle.py.
Read next: data/levels.py.
"""

import gzip
import tarfile
import zlib
from pathlib import Path

import numpy as np

from npixel.runtime import limits
from npixel.data import arrays, plain_pickle
from npixel.data.dataset import from_train_and_test
from npixel.data.files import check_digest, find, incomplete, missing, read

TRAIN = tuple(f"data_batch_{i}" for i in range(1, 6))
TEST = "test_batch"
ANY = ("data_batch_*", TEST)
FOLDER = "cifar-10-batches-py"
ARCHIVE = "cifar-10-python.tar.gz"
MD5 = {ARCHIVE: "c58f30108f718f92721af3b95e74349a",
       "data_batch_1": "c99cafc152244af753f735de768cd75f",
       "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
       "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
       "data_batch_4": "634d18415352ddfa80567beed471001a",
       "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
       "test_batch": "40351d587109b95175f43aff81a1287e"}
SOURCE = "A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009 (CIFAR-10)"
LICENCE = "none stated by the authors"
WHERE = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"


def locate(directory):
    """The folder or file that load(directory) would read, or None."""
    return find([FOLDER, ARCHIVE, "cifar10*.npz"], _folders(directory))


def load(directory):
    """CIFAR-10 from the data directory: its folder, its archive, or an .npz, perhaps of a part.

    returns    Dataset: train (45000, 32, 32, 3), valid (5000, ...), test (10000, ...) uint8,
               256 levels, labels 0 to 9

    FileNotFoundError that says where to get it; ValueError for files that are not the originals, or
    damaged.
    """
    path = locate(directory)
    if path is None:
        raise missing("cifar10", f"{FOLDER}, {ARCHIVE} or cifar10*.npz", _folders(directory),
                      WHERE)
    if path.suffix == ".npz":
        data = arrays.load(path, name="cifar10", source=f"{SOURCE}: {path.name}", licence=LICENCE)
        if data.image_shape != (32, 32, 3) or data.levels != 256:
            raise ValueError(f"{path}: images {data.image_shape} of {data.levels} levels, "
                             "cifar10 has (32, 32, 3) of 256")
        return data
    return load_folder(path, "cifar10") if path.is_dir() else load_archive(path, "cifar10")


def load_folder(folder, name=None):
    """A Dataset from the six batch files of a folder; with a name, they must be the originals."""
    batches = {}
    for batch in (*TRAIN, TEST):
        path = Path(folder) / batch
        if not path.is_file():
            raise incomplete(folder, batch, WHERE)
        if name:
            check_digest(path, ("md5", MD5[batch]), name, WHERE)
        batches[batch] = read_batch(read(path), path)
    return _dataset(name or str(folder), batches)


def load_archive(path, name=None):
    """A Dataset from the archive (.tar.gz), read in memory.

    name   of the data set, of which it must then be the original; None: any archive of this form
    """
    path = Path(path)
    if name:
        check_digest(path, ("md5", MD5[ARCHIVE]), name, WHERE)
    batches, total = {}, 0
    try:
        with open(path, "rb") if path.suffix == ".tar" else gzip.open(path) as file:
            with tarfile.open(fileobj=limits.Reader(path, file), mode="r|") as archive:
                for member in archive:
                    batch = Path(member.name).name
                    if member.isfile() and batch in (*TRAIN, TEST):
                        total += member.size           # a sparse file takes far less in the archive
                        limits.check(path, total, limits.most(path))
                        batches[batch] = archive.extractfile(member).read()
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        raise ValueError(f"{path}: damaged archive ({error})") from None
    for batch in (*TRAIN, TEST):
        if batch not in batches:
            raise ValueError(f"{path}: the archive has no {batch} (get it from {WHERE})")
    return _dataset(name or str(path), {batch: read_batch(raw, f"{path}: {batch}")
                                        for batch, raw in batches.items()})


def read_batch(raw, origin):
    """One batch from the bytes of its pickle.

    origin     what to call it in an error
    returns    images (N, 32, 32, 3) uint8 and labels (N,) uint8

    ValueError if the bytes are no pickle, ask for anything but plain data and arrays, or the
    contents have the wrong shape or range.
    """
    foreign = f"{origin}: not a CIFAR-10 batch"
    try:
        batch = plain_pickle.read(raw)
    except Exception as error:                         # damaged pickles raise nearly anything
        raise ValueError(f"{foreign} ({type(error).__name__}: {error})") from None
    if not isinstance(batch, dict):
        raise ValueError(f"{foreign} (a {type(batch).__name__}, must be a dict)")
    batch = {key.decode("latin1") if isinstance(key, bytes) else key: value
             for key, value in batch.items()}
    data, labels = batch.get("data"), batch.get("labels")
    if not isinstance(data, plain_pickle.Array) or labels is None:
        keys = ", ".join(map(str, batch))[:100]
        raise ValueError(f"{foreign} (keys {keys}; must have data, an array, and labels)")
    data = data.to_numpy(origin)
    if data.ndim != 2 or data.shape[1] != 3072:
        raise ValueError(f"{origin}: data must be (N, 3072), has shape {data.shape}")
    if isinstance(labels, plain_pickle.Array):
        labels = labels.to_numpy(origin).tolist()
    if not _are_labels(labels, len(data)):
        raise ValueError(f"{origin}: labels must be {len(data)} integers in [0, 10)")
    images = data.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)                 # (N, 32, 32, 3)
    return np.ascontiguousarray(images), np.array(labels, np.uint8)


def _are_labels(labels, N):
    return (isinstance(labels, list) and len(labels) == N
            and all(type(label) is int and 0 <= label <= 9 for label in labels))


def _dataset(name, batches):
    parts = zip(*(batches[batch] for batch in TRAIN))
    train, train_labels = map(np.concatenate, parts)
    test, test_labels = batches[TEST]
    return from_train_and_test(name, train, test, levels=256, train_labels=train_labels,
                               test_labels=test_labels, source=SOURCE, licence=LICENCE)


def _folders(directory):
    return [directory, directory / "cifar10"] if directory else []
