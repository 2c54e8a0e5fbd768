"""How much memory a data set may take: asked before anything is unpacked, decoded or drawn.

A file of a few megabytes can hold gigabytes: .gz, archives and pictures are packed. The size that
a header states, or that a source is asked for, is compared with a limit first. Arrays of .npz files
have the same guard in npixel/safe_npz.py.

Read next: files.py, image_folder.py.
"""

import os

VARIABLE = "NPIXEL_DATA_LIMIT"               # bytes; of the environment
LIMIT = 2**30                                # without it
PART = 2**24                                 # bytes that are asked for at a time


def most():
    """Bytes that a data set may take; ValueError if the environment variable is no number."""
    given = os.environ.get(VARIABLE, "").strip()
    if given and not (given.isascii() and given.isdecimal()):
        raise ValueError(f"{VARIABLE} must be a number of bytes, is {given!r}")
    return int(given) if given else LIMIT


def check(origin, size):
    """ValueError that names `origin` if `size` bytes are more than the limit.

    >>> check("x.png", 10**12)                         # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: x.png: takes 1,000,000,000,000 bytes, more than the limit of ...; to allow it, ...
    """
    if size > most():
        raise _too_large(origin, f"takes {size:,} bytes, more")


class Reader:
    """A file that is unpacked while it is read, and ends with ValueError at the limit."""

    def __init__(self, origin, file):
        self.origin, self.file, self.left = origin, file, most()

    def read(self, size=-1):
        """At most `size` bytes, or all."""
        wanted, parts = size if size >= 0 else self.left + 1, []
        while wanted and (part := self.file.read(min(wanted, PART))):
            self.left -= len(part)
            if self.left < 0:
                raise _too_large(self.origin, "unpacks to more bytes")
            wanted -= len(part)
            parts.append(part)
        return b"".join(parts)


def _too_large(origin, words):
    return ValueError(f"{origin}: {words} than the limit of {most():,}; to allow it, set the "
                      f"environment variable {VARIABLE}")
