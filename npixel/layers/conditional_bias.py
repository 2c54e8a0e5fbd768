"""Conditional bias: what an image is to show is added to a pre-activation.

    y[n, r, c] = z[n, r, c] + s[n] v                   s: a vector, the same at every place
    y[n, r, c] = z[n, r, c] + s[n, r, c] v             s: a map, with a vector for every place

van den Oord et al., "Conditional Image Generation with PixelCNN Decoders", 2016, eq. 4 and 5. A
class is a vector, too: its one-hot code, which picks a row of v. The paper's V_f and V_g, for the
two halves of a gate, stand side by side in v.

The condition is known before the first pixel. So nothing is masked: every colour may see all of it.

Read first: layers/conv2d.py.  Read next: models/gated_pixelcnn.py.
"""

from typing import NamedTuple

import numpy as np

from . import conv2d

HERE = [(0, 0)]


class Weights(NamedTuple):
    """A matrix alone: the layer that computes z has a bias already."""
    v: np.ndarray                                      # (V, D)


def shapes(V, D):
    """The shapes of the weights for a condition of V numbers and D features."""
    return Weights((V, D))


def init(rng, V, D, /, *, live, dtype, gain=1.0):
    """Mean 0, variance gain² / live.

    live   how many numbers of the code count at once: 1 if it is one-hot, else V
    """
    return Weights((gain / np.sqrt(live) * rng.standard_normal((V, D))).astype(dtype))


def encode(condition, classes, dtype):
    """A condition as the code s.

    condition   (N,) integers in [0, classes), if classes > 0; else (N, V) or (N, H, W, V) numbers
    returns     (N, 1, 1, V) or (N, H, W, V), of the dtype. The code of a class is one-hot, and V
                is `classes`

    ValueError if a class is no such integer.

    >>> encode(np.array([2, 0]), 3, np.float32)[:, 0, 0].tolist()
    [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    """
    if not classes:
        s = np.asarray(condition, dtype)
    else:
        condition = np.asarray(condition)
        if condition.dtype.kind not in "ui" or condition.size and not (
                0 <= condition.min() <= condition.max() < classes):
            raise ValueError(f"condition must hold integers in [0, {classes}), is "
                             f"{condition.dtype}, from {condition.min()} to {condition.max()}")
        s = np.eye(classes, dtype=dtype)[condition]
    return s if s.ndim == 4 else s[:, None, None]


def forward(z, s, v, /):
    """y = z + s v, and the cache.

    z         (N, H, W, D)   float32 or float64
    s         (N, 1, 1, V), one vector for the image, or (N, H, W, V)
    v         (V, D)
    returns   y (N, H, W, D), and the cache

    ValueError if shapes or dtypes disagree.

    >>> z, s, v = np.zeros((1, 1, 1, 2)), np.full((1, 1, 1, 1), 3.0), np.array([[1.0, 10.0]])
    >>> forward(z, s, v)[0].ravel().tolist()
    [3.0, 30.0]
    """
    if s.ndim != 4 or z.ndim != 4 or len(s) != len(z) or s.shape[1:3] not in ((1, 1), z.shape[1:3]):
        raise ValueError("s must be (N, 1, 1, V) or (N, H, W, V) where z is (N, H, W, D); "
                         f"they are {s.shape} and {z.shape}")
    if v.ndim != 2 or z.shape[-1] != v.shape[1] or z.dtype != s.dtype:
        raise ValueError(f"z must have the {v.shape[-1]} features and the dtype of s v, "
                         f"is {z.dtype} {z.shape}")
    bias, cache = conv2d.forward(s, v[None], np.zeros(v.shape[1], v.dtype), taps=HERE)
    return z + bias, (cache, s.shape)


def backward(dy, cache, /):
    """dy (N, H, W, D) -> dz (N, H, W, D), ds of s's shape, dv (V, D)."""
    cache, (_, H, W, _) = cache
    # y = z + bias, the same at every place if s is a vector
    dbias = dy if (H, W) == dy.shape[1:3] else dy.sum(axis=(1, 2), keepdims=True)
    ds, dv, _ = conv2d.backward(dbias, cache)
    return dy, ds, dv[0]


class State(NamedTuple):
    """s v, computed once: the condition is known from the beginning."""
    bias: np.ndarray                                   # (N, 1, 1, D) or (N, H, W, D)


def start(shape, s, v, /):
    """Memory for stepping.   shape (N, H, W, D) of z"""
    return State(conv2d.forward(s, v[None], np.zeros(v.shape[1], v.dtype), taps=HERE)[0])


def step(z_t, state, /, *, at):
    """forward's y (N, k, D) at the strip `at` = (row, columns), where z_t (N, k, D) is z there."""
    row, columns = at
    everywhere = state.bias.shape[1:3] == (1, 1)
    return z_t + (state.bias[:, 0] if everywhere else state.bias[:, row, columns])
