"""Going through weights, gradients and states together, array by array and block by block.

A tree of weights is a dict: name -> NamedTuple of arrays, or name -> one array. Its gradients have
the same keys. Each key holds as many arrays as the weights, of the same shapes and in the same
order. These may stand in any sequence, such as a list.

    >>> weights = {"v": np.array([1.0, 2.0]), "w": np.array([[3.0]])}
    >>> gradients = {"v": np.array([0.5, 0.0]), "w": [np.array([[1.0]])]}
    >>> for label, p, g in together(weights, gradients):
    ...     p -= g
    >>> weights
    {'v': array([0.5, 2. ]), 'w': array([[2.]])}

Read first: nothing.  Read next: optimizers/sgd.py.
"""

import numpy as np

# numbers in a block: a few blocks of float32 stay in the second-level cache
BLOCK = 2**14


def arrays_of(weights):
    """The arrays under one key of a tree, in order."""
    return (weights,) if isinstance(weights, np.ndarray) else tuple(weights)


def mapped(function, params):
    """A tree of the form of `params` that holds function(array) in place of each array."""
    return {name: function(weights) if isinstance(weights, np.ndarray)
            else type(weights)(*map(function, weights)) for name, weights in params.items()}


def zeros_like(params):
    """A tree of the form of `params`, all zero."""
    return mapped(np.zeros_like, params)


def copied(params):
    """A tree of the form of `params` with the same numbers in arrays of its own."""
    return mapped(lambda array: array.copy(), params)


def copy_into(source, target):
    """Write the numbers of one tree into the arrays of another.   target: in place"""
    for name, weights in target.items():
        for old, new in zip(arrays_of(weights), arrays_of(source[name])):
            old[...] = new


def together(params, *others):
    """Yield (label, p, o1, o2, ...) for every array p of `params` and its counterparts.

    label   "conv0/w": the key and the field; the key alone where it holds one plain array

    ValueError that names the array if another tree lacks it, has one too many, or differs in shape
    or dtype.
    """
    for other in others:
        if surplus := [name for name in other if name not in params]:
            raise ValueError(f"{surplus[0]} is not among the weights")
    for name, weights in params.items():
        fields = (f"{name}/{field}" for field in getattr(weights, "_fields", ()))
        labels = [name] if isinstance(weights, np.ndarray) else list(fields)
        rows = [_counterparts(other, name, len(labels)) for other in others]
        for label, p, *row in zip(labels, arrays_of(weights), *rows):
            for array in row:
                if array.shape != p.shape or array.dtype != p.dtype:
                    raise ValueError(f"{label} is {array.dtype} {array.shape}, "
                                     f"the weights are {p.dtype} {p.shape}")
            yield label, p, *row


def _counterparts(other, name, count):
    """The arrays of another tree under this key.   ValueError unless there are `count`"""
    if name not in other:
        raise ValueError(f"{name} is missing")
    arrays = arrays_of(other[name])
    if len(arrays) != count:
        raise ValueError(f"{name} has {len(arrays)} arrays, the weights have {count}")
    return arrays


def blocks(*arrays):
    """Yield tuples of short flat views that cover the arrays, which have one shape.

    What is written to a view is written to its array. Several operations on one block find it in
    the cache; on whole arrays each of them would go through memory. Arrays that are not in memory
    order come as one block.
    """
    if all(array.flags.c_contiguous for array in arrays):
        flat = [array.reshape(-1) for array in arrays]
        for start in range(0, flat[0].size, BLOCK):
            yield tuple(array[start:start + BLOCK] for array in flat)
    else:
        yield arrays


def flush(x):
    """Set to zero what is far too small to matter: x = (x + t) - t.   x: in place

    The gradient of a dead unit is zero. A running mean of it shrinks by a constant factor per step,
    down to the denormal numbers. There it stays, since rounding up undoes each shrinking, and
    arithmetic on denormal numbers is 20 to 50 times slower.

    t is 2^(m + 3) times the smallest normal number, where m is the number of bits of the mantissa.
    The result is a multiple of 8 times the smallest normal number. From 2^(m + 2) t on, which is
    3e-23 in float32, x does not change.
    """
    limits = np.finfo(x.dtype)
    t = float(limits.tiny) * 2.0 ** (limits.nmant + 3)
    x += t
    x -= t
