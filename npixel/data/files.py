"""Files of data sets: where they are looked for, how they are recognised.

    A name claims an identity.  load("mnist") takes train-images-idx3-ubyte.gz only if it is the
        original file, to the last bit: a complete file with another checksum is an error that shows
        both checksums.
    A path claims nothing.  load("some/folder") checks format, shapes and levels, and says in
        `source` what it read.
    A part of a data set has a name of its own (t10k-8000-images-idx3-ubyte.gz, cifar10_3000.npz) or
        fewer rows than the complete one. It is accepted under the data set's name on format, shapes
        and levels alone.

Read first: nothing.  Read next: data/idx.py, runtime/limits.py.
"""

import gzip
import hashlib
import os
import zlib
from pathlib import Path

from npixel.runtime.limits import Reader

ENVIRONMENT = "NPIXEL_DATA"


def data_directory(data_dir=None):
    """`data_dir`, else the directory in the environment variable NPIXEL_DATA, else None.

    ValueError if it is not a directory.
    """
    origin, place = "data_dir", data_dir
    if place is None:
        origin, place = ENVIRONMENT, os.environ.get(ENVIRONMENT) or None
    if place is None:
        return None
    if not Path(place).is_dir():
        raise ValueError(f"{origin} must be a directory, is {str(place)!r}")
    return Path(place)


def find(candidates, folders):
    """The first of `candidates` that exists in one of `folders`, else None.

    candidates    glob patterns, best first
    folders       best first, too
    """
    for pattern in candidates:
        for folder in folders:
            matches = sorted(folder.glob(pattern)) if folder.is_dir() else []
            # ._x is written by a Mac
            matches = [path for path in matches if not path.name.startswith(".")]
            if matches:
                return matches[0]
    return None


def missing(name, what, folders, where):
    """The FileNotFoundError for a data set that is not there.

    what       the names of its files
    folders    where they were looked for
    where      to get them
    """
    looked = ", ".join(str(folder) for folder in folders)
    looked = looked or f"{ENVIRONMENT} is not set and no data_dir was given"
    return FileNotFoundError(f"{name}: {what} not found ({looked}); get it from {where} and set "
                             f"{ENVIRONMENT} to its folder")


def incomplete(folder, what, where):
    """The FileNotFoundError for a folder that lacks one of the files that belong together."""
    return FileNotFoundError(f"{folder}: {what} not found beside the others; get it from {where}")


def read(path, size=-1):
    """The bytes of a file, or the first `size`; uncompressed if its name ends in .gz.

    ValueError if the compressed data is damaged, or there is more than runtime/limits.py allows.
    """
    if path.exists() and not path.is_file():           # a pipe would block for ever
        raise ValueError(f"{path} is not a file")
    try:
        with gzip.open(path) if path.suffix == ".gz" else open(path, "rb") as file:
            return Reader(path, file).read(size)
    except FileNotFoundError:
        raise FileNotFoundError(f"{path} not found") from None
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"{path}: damaged gzip file ({error})") from None


def check_digest(path, known, name, where):
    """ValueError unless the file has the checksum of the original.

    known      (algorithm, hexadecimal digest), such as ("md5", "f68b...")
    """
    algorithm, expected = known
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.new(algorithm, usedforsecurity=False))
    found = digest.hexdigest()
    if found != expected:
        raise ValueError(f"{path}: {algorithm} is {found}, the original of {name} has {expected}; "
                         f"get it from {where}, or give the path instead of the name to use the "
                         "file as it is")
