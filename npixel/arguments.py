"""What users hand over: arrays, counts, sizes, uniforms. Each kind is checked here, once.

A check returns the value in the form that is worked with. What is wrong is a ValueError of one
line: the name, what it must be, and what it is.

Read first: nothing.  Read next: parameters.py, network.py.
"""

import numpy as np


def is_integer(value):
    """True for an integer of Python or NumPy; bools are none.

    >>> is_integer(3), is_integer(np.int8(3)), is_integer(3.0), is_integer(True)
    (True, True, False, False)
    """
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def is_count(value):
    """True for an integer of at least one."""
    return is_integer(value) and value >= 1


def array(name, value):
    """`value` as an array of NumPy.   ValueError for nested lists of unequal lengths"""
    try:
        return np.asarray(value)
    except ValueError:
        raise ValueError(f"{name} must be one array; its lists have unequal lengths") from None


def image_shape(value):
    """(H, W, C) as a tuple of three ints.

    >>> image_shape([28, 28, 1])
    (28, 28, 1)
    """
    sizes = tuple(value) if np.iterable(value) else (value,)
    if len(sizes) != 3 or not all(is_count(size) for size in sizes):
        raise ValueError(f"image_shape must be three positive integers (H, W, C), is {value!r}")
    return tuple(map(int, sizes))


def float_dtype(value):
    """A numpy.dtype: that of float32 or of float64."""
    try:
        # np.dtype(None) would be float64
        dtype = np.dtype("None" if value is None else value)
    except TypeError:
        raise ValueError(f"dtype must be float32 or float64, is {value!r}") from None
    if dtype not in (np.float32, np.float64):
        raise ValueError(f"dtype must be float32 or float64, is {dtype}")
    return dtype


def generator(seed):
    """The numpy.random.Generator of a seed: None, or a non-negative integer."""
    try:
        return np.random.default_rng(seed)
    except (TypeError, ValueError):
        raise ValueError(f"seed must be a non-negative integer, is {seed!r}") from None


def uniforms(shape, rng, given):
    """The uniforms that decide a sample: those that were given, or else new ones from `rng`.

    shape   (n, H, W, C): one uniform for each number that is drawn
    rng     a numpy.random.Generator; None: a new one, whose numbers nobody can repeat
    given   None, or float64 of this shape in [0, 1)
    """
    if rng is not None and not isinstance(rng, np.random.Generator):
        raise ValueError(f"rng must be a numpy.random.Generator or None, is {rng!r}")
    if given is None:
        return (np.random.default_rng() if rng is None else rng).random(shape)
    given = array("uniforms", given)
    if given.shape != shape or given.dtype != np.float64:
        raise ValueError(f"uniforms must be float64 {shape}, are {given.dtype} {given.shape}")
    if not ((given >= 0) & (given < 1)).all():
        raise ValueError(f"uniforms must lie in [0, 1), found {given.min()} to {given.max()}")
    return given
