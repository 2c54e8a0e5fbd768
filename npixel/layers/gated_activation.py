"""Gated activation: one half of the features says what, the other how much of it.

    f, g = the two halves of x
    y = tanh(f) · σ(g)

van den Oord et al., "Conditional Image Generation with PixelCNN Decoders", 2016, eq. 2. There it
replaces PixelCNN's relu. The paper's reason is that the LSTMs of PixelRNN have gates.

Features are in the order [gate][feature], so `masks.groups(2 * D, C, gates=2)` splits each half
among the colours. The D features that come out have the groups of one half.

A common fault is a sigmoid in both halves. It is causal and it trains; only a comparison of numbers
finds it.

Read first: masks.py.  Read next: models/condition.py, models/gated_pixelcnn.py.
"""

import numpy as np

from ..runtime import blas, elementary
from ..runtime.elementary import sigmoid, tanh
from ..runtime.kernels import kernel


def forward(x, /):
    """x (..., 2 D) -> y (..., D), and the cache: tanh(f) and σ(g).   float32 or float64

    ValueError if the last axis cannot be halved.

    >>> forward(np.array([1.0, 0.0]))[0].round(3).tolist()         # tanh(1) σ(0) = 0.762 / 2
    [0.381]
    """
    if not x.ndim or x.shape[-1] % 2:
        raise ValueError(f"x must have an even number of features, has shape {x.shape}")
    gates = np.empty(x.shape, x.dtype)
    y = np.empty((*x.shape[:-1], x.shape[-1] // 2), x.dtype)
    blas.rows_in_lanes(_gate, x, gates, y)
    return y, gates


def backward(dy, cache, /):
    """dy (..., D) -> dx (..., 2 D)."""
    gates = cache
    dx = np.empty_like(gates)
    blas.rows_in_lanes(_gate_backward, dy, gates, dx)
    return (dx,)


def reach(seen, /, *, shape=None):                    # of the map, which stays what it is
    """Which features (..., 2 D) the outputs in `seen` (..., D), bool, depend on: both halves."""
    return np.concatenate([seen, seen], axis=-1)


def _gate_numpy(x, gates, y):
    """x (n, 2 D): gates (n, 2 D) and y (n, D) are filled in."""
    D = y.shape[1]
    gates[:, :D], gates[:, D:] = np.tanh(x[:, :D]), elementary.sigmoid(x[:, D:])
    y[...] = gates[:, :D] * gates[:, D:]


# Each inner loop fills one row of one array, and the two halves are an axis of their own: such
# loops become vector instructions (lstm_cell.py).

@kernel(defined_by=_gate_numpy)
def _gate(x, gates, y):
    n, D = y.shape
    halves, both = x.reshape(n, 2, D), gates.reshape(n, 2, D)
    for i in range(n):
        for d in range(D):
            both[i, 0, d] = tanh(halves[i, 0, d])
        for d in range(D):
            both[i, 1, d] = sigmoid(halves[i, 1, d])
        for d in range(D):
            y[i, d] = both[i, 0, d] * both[i, 1, d]


def _gate_backward_numpy(dy, gates, dx):
    """dy (n, D), gates (n, 2 D): dx (n, 2 D) is filled in."""
    D = dy.shape[1]
    t, s = gates[:, :D], gates[:, D:]
    # y = t s,   t = tanh(f),   s = σ(g)
    dx[:, :D] = dy * s * (1 - t * t)
    dx[:, D:] = dy * t * s * (1 - s)


@kernel(defined_by=_gate_backward_numpy)
def _gate_backward(dy, gates, dx):
    n, D = dy.shape
    one = dy.dtype.type(1)
    both, halves = gates.reshape(n, 2, D), dx.reshape(n, 2, D)
    for i in range(n):
        for d in range(D):
            t, s = both[i, 0, d], both[i, 1, d]
            halves[i, 0, d] = dy[i, d] * s * (one - t * t)
        for d in range(D):
            t, s = both[i, 0, d], both[i, 1, d]
            halves[i, 1, d] = dy[i, d] * t * s * (one - s)
