"""How many bytes a file or a source of images may become.

A file of a few megabytes can hold gigabytes: .npz, .gz, archives and pictures are packed. So the
size that a header states, or that a source is asked for, is first compared with a limit. Only then
is anything unpacked, decoded or drawn. The limit is 1 GiB, or ten times the size of the file where
that is more. The environment variable NPIXEL_DATA_LIMIT, a number of bytes, sets another. It holds
for the readers of both packages.

The limit is for input that somebody else may have written, and it is the same on every machine.
What a computation takes is compared with the memory of this machine in memory.py (NPIXEL_MEMORY).

Read first: nothing.  Read next: runtime/safe_npz.py, data/files.py.
"""

import os

VARIABLE = "NPIXEL_DATA_LIMIT"               # of the environment: a number of bytes
LIMIT = 2**30                                # where that is not set
RATIO = 10                                   # a file may become so many times its own size
PART = 2**24                                 # bytes that are read at a time


class LimitError(ValueError):
    """A file or a source is larger than the limit, or the limit is no number.

    The file itself may be sound.
    """


def most(path=None):
    """How many bytes the file at `path` may become.

    path   None: the answer is for a folder or a source, which have no size of their own

    LimitError if the environment variable is no number.
    """
    given = os.environ.get(VARIABLE, "").strip()
    if given and not (given.isascii() and given.isdecimal()):
        raise LimitError(f"{VARIABLE} must be a number of bytes, is {given!r}")
    if given:
        return int(given)
    return LIMIT if path is None else max(LIMIT, RATIO * os.path.getsize(path))


def check(origin, size, limit=None):
    """LimitError that names `origin` if `size` bytes are more than `limit`, most() if None.

    >>> check("x.png", 10**12)                         # doctest: +ELLIPSIS
    Traceback (most recent call last):
    npixel.runtime.limits.LimitError: x.png: takes 1,000,000,000,000 bytes, more than ...
    """
    limit = most() if limit is None else limit
    if size > limit:
        raise _too_large(origin, f"takes {size:,} bytes, more", limit)


class Reader:
    """A file that is unpacked while it is read; LimitError once it has given more than most(path).

    path   of the file
    file   the open, unpacking file that is read
    """

    def __init__(self, path, file):
        self.path, self.file, self.limit = path, file, most(path)
        self.left = self.limit

    def read(self, size=-1):
        """At most `size` bytes, or all."""
        wanted, parts = size if size >= 0 else self.left + 1, []
        while wanted and (part := self.file.read(min(wanted, PART))):
            self.left -= len(part)
            if self.left < 0:
                raise _too_large(self.path, "unpacks to more bytes", self.limit)
            wanted -= len(part)
            parts.append(part)
        return b"".join(parts)


def _too_large(origin, words, limit):
    return LimitError(f"{origin}: {words} than the limit of {limit:,}; to allow it, set the "
                      f"environment variable {VARIABLE}")
