"""Going through weights, gradients and states together, array by array, and through an array block by block.

Weights are a dict: name -> NamedTuple of arrays. Gradients have the same keys and, key by key, as many arrays of the same shapes in any
sequence (`dx, *grads["conv0"] = conv2d.backward(...)` makes lists).
"""

import numpy as np

BLOCK = 2**14                                          # numbers per block: a few blocks of float32 stay in the second-level cache


def zeros_like(params):
    """A tree of the form of `params`, all zero."""
    return {name: type(weights)(*(np.zeros_like(array) for array in weights)) for name, weights in params.items()}


def together(params, *others):
    """Yield (label, p, o1, o2, ...) for every array p of `params` and its counterparts; the label is "conv0/w".

    ValueError that names the array if another tree lacks it, has one too many, or differs in shape or dtype.
    """
    for other in others:
        if surplus := [name for name in other if name not in params]:
            raise ValueError(f"{surplus[0]} is not among the weights")
    for name, weights in params.items():
        rows = []
        for other in others:
            if name not in other:
                raise ValueError(f"{name} is missing")
            if len(other[name]) != len(weights):
                raise ValueError(f"{name} has {len(other[name])} arrays, the weights have {len(weights)}")
            rows.append(other[name])
        for field, p, *row in zip(weights._fields, weights, *rows):
            for array in row:
                if array.shape != p.shape or array.dtype != p.dtype:
                    raise ValueError(f"{name}/{field} is {array.dtype} {array.shape}, the weights are {p.dtype} {p.shape}")
            yield f"{name}/{field}", p, *row


def blocks(*arrays):
    """Yield tuples of short flat views that cover the arrays, all of one shape; what is written to them is written to the arrays.

    Several operations on one block find it in the cache; on whole arrays each would go through memory. Arrays that are not in memory
    order come as one block.
    """
    if all(array.flags.c_contiguous for array in arrays):
        flat = [array.reshape(-1) for array in arrays]
        for start in range(0, flat[0].size, BLOCK):
            yield tuple(array[start:start + BLOCK] for array in flat)
    else:
        yield arrays


def flush(x):
    """Let what is far too small to matter be zero, in place: x = (x + t) - t.

    A running mean of a gradient that has become zero (a dead unit) shrinks by a constant factor per step, into the denormal numbers, and stays
    there, since rounding up undoes each shrinking. Arithmetic on those is 20 to 50 times slower. With t = 2^(m + 3) times the smallest normal
    number, m the bits of the mantissa, the result is a multiple of 8 times that number, and x from 2^(m + 2) t on does not change: 3e-23
    in float32.
    """
    limits = np.finfo(x.dtype)
    t = float(limits.tiny) * 2.0 ** (limits.nmant + 3)
    x += t
    x -= t
