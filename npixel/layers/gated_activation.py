"""Gated activation: one half of the features says what, the other how much of it.

    f, g = the two halves of x
    y = tanh(f) · σ(g)

van den Oord et al., "Conditional Image Generation with PixelCNN Decoders", 2016, eq. 2: in place of the relu, since the gates of an LSTM are one thing that
PixelRNN has and PixelCNN has not. The features lie [gate][feature], so `masks.groups(2 p, C, gates=2)` deals each half out to the colours;
p features come out, with the groups of either half.

A sigmoid in both halves is causal and trains, and only a comparison of numbers finds it.
Read first: elementary.py.  Read next: conditional_bias.py, models/gated_pixelcnn.py.
"""

import numpy as np

from ..runtime import blas, elementary
from ..runtime.elementary import sigmoid, tanh
from ..runtime.kernels import kernel


def forward(x, /):
    """x (..., 2p) -> y (..., p), and the cache: tanh(f) and σ(g) side by side.   float32 or float64

    ValueError if the last axis cannot be halved.
    """
    if not x.ndim or x.shape[-1] % 2:
        raise ValueError(f"x must have an even number of features, has shape {x.shape}")
    gates = np.empty(x.shape, x.dtype)
    y = np.empty((*x.shape[:-1], x.shape[-1] // 2), x.dtype)
    blas.rows_in_lanes(_gate, x, gates, y)
    return y, gates


def backward(dy, cache, /):
    """dy (..., p) -> dx (..., 2p)."""
    gates = cache
    dx = np.empty_like(gates)
    blas.rows_in_lanes(_gate_backward, dy, gates, dx)
    return (dx,)


def _gate_numpy(x, gates, y):
    """x (n, 2p): gates (n, 2p) and y (n, p) are filled in."""
    p = y.shape[1]
    gates[:, :p], gates[:, p:] = np.tanh(x[:, :p]), elementary.sigmoid(x[:, p:])
    y[...] = gates[:, :p] * gates[:, p:]


# One row and one array to a loop, halves as an axis of their own: such loops become vector instructions (see lstm_cell.py).

@kernel(defined_by=_gate_numpy)
def _gate(x, gates, y):
    n, p = y.shape
    halves, both = x.reshape(n, 2, p), gates.reshape(n, 2, p)
    for i in range(n):
        for d in range(p):
            both[i, 0, d] = tanh(halves[i, 0, d])
        for d in range(p):
            both[i, 1, d] = sigmoid(halves[i, 1, d])
        for d in range(p):
            y[i, d] = both[i, 0, d] * both[i, 1, d]


def _gate_backward_numpy(dy, gates, dx):
    """dy (n, p), gates (n, 2p): dx (n, 2p) is filled in."""
    p = dy.shape[1]
    t, s = gates[:, :p], gates[:, p:]
    # y = t s,   t = tanh(f),   s = σ(g)
    dx[:, :p] = dy * s * (1 - t * t)
    dx[:, p:] = dy * t * s * (1 - s)


@kernel(defined_by=_gate_backward_numpy)
def _gate_backward(dy, gates, dx):
    n, p = dy.shape
    one = dy.dtype.type(1)
    both, halves = gates.reshape(n, 2, p), dx.reshape(n, 2, p)
    for i in range(n):
        for d in range(p):
            halves[i, 0, d] = dy[i, d] * both[i, 1, d] * (one - both[i, 0, d] * both[i, 0, d])
        for d in range(p):
            halves[i, 1, d] = dy[i, d] * both[i, 0, d] * both[i, 1, d] * (one - both[i, 1, d])
