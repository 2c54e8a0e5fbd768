"""Linear layer: every output is a weighted sum of all inputs, and a bias.

    y[..., d] = b[d] + Σ_c x[..., c] · w[c, d]

The sum runs over the last axis; all axes before it are a batch. On an image (N, H, W, C) this is a
1 x 1 convolution without a mask (conv2d.py). On (N, C) value functions and policies end with it.

These are plain NumPy products. BLAS may share a large one out among its own threads, and their
number then shows in the last bits (runtime/blas.py).

Read first: nothing.  Read next: models/__init__.py.
"""

from typing import NamedTuple

import numpy as np


class Weights(NamedTuple):
    """The matrix and the bias of the equation."""
    w: np.ndarray                                      # (C, D)
    b: np.ndarray                                      # (D,)


def shapes(C, D):
    """The shapes of the weights for C numbers in and D out."""
    return Weights((C, D), (D,))


def init(rng, C, D, /, *, dtype, gain=1.0):
    """w with mean 0 and variance gain² / C; b is zero.

    gain   1 keeps the variance of the input (LeCun 1998). After a relu sqrt(2) keeps it (He et al.
           2015)
    """
    w = rng.standard_normal((C, D)) * (gain / np.sqrt(max(C, 1)))
    return Weights(w.astype(dtype), np.zeros(D, dtype))


def forward(x, w, b, /):
    """x (..., C), w (C, D), b (D,) -> y (..., D), and the cache.   float32 or float64

    ValueError if shapes or dtypes disagree.

    >>> forward(np.array([[1.0, 2.0]]), np.array([[1.0], [10.0]]), np.array([0.5]))[0]
    array([[21.5]])
    """
    if w.ndim != 2:
        raise ValueError(f"w must be (C, D), has shape {w.shape}")
    if not x.ndim or x.shape[-1] != len(w):
        raise ValueError(f"x must be (..., {len(w)}), has shape {x.shape}")
    if b.shape != w.shape[1:]:
        raise ValueError(f"b must be {w.shape[1:]}, has shape {b.shape}")
    if not x.dtype == w.dtype == b.dtype:
        raise ValueError(f"x, w and b must have one dtype, have {x.dtype}, {w.dtype}, {b.dtype}")
    return x @ w + b, (x, w)


def backward(dy, cache, /):
    """dy (..., D) -> dx (..., C), dw (C, D), db (D,).

    ValueError if dy is not of the shape of y.
    """
    x, w = cache
    expected = (*x.shape[:-1], w.shape[1])
    if dy.shape != expected:
        raise ValueError(f"dy must be {expected}, has shape {dy.shape}")
    rows, drows = x.reshape(-1, x.shape[-1]), dy.reshape(-1, dy.shape[-1])
    # y = x w + b
    return dy @ w.T, rows.T @ drows, drows.sum(axis=0)


def reach(seen, /, *, shape, C):
    """Which inputs (H, W, C) the outputs in `seen` (H, W, D) can depend on: all of their place.

    shape   (H, W) of the input, that of `seen`
    """
    place = seen.any(axis=-1).reshape(*shape, 1)
    return np.repeat(place, C, axis=-1)
