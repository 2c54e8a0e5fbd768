"""Keeping memory that was freed: a setting for programs that train, never made by importing.

    memory.keep()

A training step allocates and frees the same hundred megabytes again and again. GNU's allocator gives large blocks back to the system when they are
freed, and every page of the next ones must be cleared again at first touch: about a fifth of the time of a small PixelCNN's step. The command line
and the benchmarks (for every implementation alike) call this once at their beginning.
"""

import ctypes

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3            # malloc.h
MOST = 2**30


def keep():
    """Ask the C library to keep freed blocks up to 1 GB for this process; True if it could be asked (GNU's can), else nothing happens."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return False
    return bool(mallopt(M_TRIM_THRESHOLD, MOST) and mallopt(M_MMAP_THRESHOLD, MOST))


def release():
    """Give what is kept back to the system; True if something was."""
    try:
        return bool(ctypes.CDLL(None).malloc_trim(0))
    except (OSError, AttributeError, TypeError):
        return False
