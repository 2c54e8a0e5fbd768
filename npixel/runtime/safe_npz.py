"""Reading .npz files that somebody else may have written: sizes first, then the numbers.

An .npz file is a zip of .npy arrays. The zip's list of contents says how large each array will be,
and the header of each array says its dtype and shape. Both are read and compared before any array
is inflated, so a small file cannot fill the memory. Nothing is ever unpickled, and every byte is
checked against its checksum.

    arrays = read(path)                      every array
    arrays = read(path, names={"images"})    these, where they are there; others are never inflated

`digest` sums up arrays in one line of text, which a writer can keep in the file. Then a reader
finds what the checksums of the zip cannot show: an array that is missing, renamed, or from another
file.

Read first: runtime/limits.py.  Read next: checkpoint.py, data/arrays.py, runtime/command.py.
"""

import hashlib
import math
import zipfile
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from . import limits

METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def read(path, *, names=None, limit=None):
    """The arrays of an .npz file: dict name -> array, in the order of the file.

    names    the names that are wanted, all if None; other arrays are never inflated
    limit    how many bytes the wanted arrays may take, limits.most(path) if None

    FileNotFoundError if there is no such file. ValueError, in one line that names the file, if it
    is no .npz file, damaged or too large. The same if two arrays have one name, or if an array
    holds anything but numbers, bools and text.
    """
    with _opened(path) as archive:
        members = _members(archive, names)
        total = sum(info.file_size for info in members.values())
        limits.check(path, total, limits.most(path) if limit is None else limit)
        for name, info in members.items():             # all headers before the first array
            _check_header(archive, name, info)
        return {name: _array(archive, name, info) for name, info in members.items()}


def headers(path):
    """{name: Header} of every array; no array is inflated. Errors are those of `read`."""
    with _opened(path) as archive:
        members = _members(archive, None)
        return {name: _check_header(archive, name, info) for name, info in members.items()}


class Header(NamedTuple):
    """What the header of an array says."""
    shape: tuple
    dtype: np.dtype


@contextmanager
def _opened(path):
    """The zip archive of that name. Errors of whoever reads it become a ValueError of one line."""
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"{path} not found")
    if not path.is_file():                             # a pipe would block for ever
        raise ValueError(f"{path} is not a file")
    with open(path, "rb") as file:
        start = file.read(6)
        if start == np.lib.format.MAGIC_PREFIX:
            raise ValueError(f"{path}: not an .npz file (it is one array without a name, .npy)")
        if start[:2] != b"PK":                         # every zip file begins with these
            raise ValueError(f"{path}: not an .npz file (it starts with {start!r})")
        try:
            with zipfile.ZipFile(file) as archive:
                yield archive
        except (MemoryError, limits.LimitError):
            raise
        except Exception as error:                     # damage makes zipfile stumble in many ways
            raise ValueError(f"{path}: damaged .npz file ({_one_line(error)})") from None


def digest(arrays):
    """SHA-256 over names, dtypes, shapes and bytes, 64 hexadecimal digits.

    The order in which the arrays come does not matter.

    >>> digest({"a": np.arange(3)}) == digest({"a": np.arange(3)}) != digest({"a": np.arange(3.0)})
    True
    """
    total = hashlib.sha256()
    for name in sorted(arrays):
        array = np.asarray(arrays[name])
        array = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<"), copy=False))
        for part in (name, array.dtype.str, str(array.shape)):
            total.update(f"{len(part)} {part}".encode())
        total.update(array.tobytes())
    return total.hexdigest()


def _members(archive, names):
    """{name: entry of the zip's list of contents} of the wanted arrays."""
    members = {}
    for info in archive.infolist():
        if not info.filename.endswith(".npy"):
            if names is None:
                raise ValueError(f"{info.filename!r} is no array")
            continue
        name = info.filename.removesuffix(".npy")
        if names is not None and name not in names:
            continue
        if name in members:
            raise ValueError(f"two arrays are called {name!r}")
        if info.compress_type not in METHODS or info.flag_bits & 1:
            raise ValueError(f"{name!r} is encrypted, or packed in a way that NumPy does not write")
        members[name] = info
    return members


def _header(member, name):
    """(shape, dtype, bytes of the numbers), from the header of an open .npy file.

    ValueError if it holds objects, or anything else but numbers, bools and text.
    """
    version = np.lib.format.read_magic(member)
    if version not in HEADERS:
        raise ValueError(f"{name!r} has a header of version {version}")
    shape, _, dtype = HEADERS[version](member)
    if dtype.kind not in "biufcUS":
        raise ValueError(f"{name!r} holds neither numbers nor text, its dtype is {dtype}")
    if any(type(n) is not int or n < 0 for n in shape):
        raise ValueError(f"{name!r} has shape {shape}")
    return shape, dtype, math.prod(shape) * dtype.itemsize


def _check_header(archive, name, info):
    """The Header of one array; ValueError if its size is not what the zip says."""
    with archive.open(info) as member:
        shape, dtype, size = _header(member, name)
        if member.tell() + size != info.file_size:
            raise ValueError(f"{name!r} should hold {size:,} bytes as {dtype} of shape {shape}, "
                             f"and holds {info.file_size - member.tell():,}")
        return Header(shape, dtype)


def _array(archive, name, info):
    with archive.open(info) as member:
        array = np.lib.format.read_array(member, allow_pickle=False)
        if member.read(1):                             # the end: here the checksum is compared
            raise ValueError(f"{name!r} is longer than its header says")
        return array


def _one_line(error):
    return " ".join(str(error).split()) or type(error).__name__
