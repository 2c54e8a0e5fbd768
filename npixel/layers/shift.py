"""A map moved down and to the right:  y[r, c] = x[r - rows, c - columns], zero outside x.

PixelCNN++'s down_shift is rows=1, its right_shift is columns=1. It needs them where a convolution
sees the pixel itself: the output may then be used only one place further on.

Zeros come in at the edge. A convolution over an empty image would give its bias there instead.

Read first: layers/conv2d.py.  Read next: layers/diagonal_bilstm.py, layers/shifted.py.
"""

import numpy as np


def forward(x, /, *, rows=0, columns=0):
    """x (N, H, W, C), any dtype -> y of the same shape, and the cache.

    rows      how far down, >= 0
    columns   how far to the right, >= 0

    >>> forward(np.array([[[[4.0], [5.0]]]]), columns=1)[0].ravel().tolist()
    [0.0, 4.0]
    """
    y = np.zeros_like(x)
    _, H, W, _ = x.shape
    y[:, rows:, columns:] = x[:, :max(0, H - rows), :max(0, W - columns)]
    return y, (rows, columns)


def backward(dy, cache, /):
    """dy (N, H, W, C) -> dx: moved back; what fell out below and to the right has gradient zero."""
    rows, columns = cache
    dx = np.zeros_like(dy)
    _, H, W, _ = dy.shape
    dx[:, :max(0, H - rows), :max(0, W - columns)] = dy[:, rows:, columns:]
    return (dx,)


def reach(seen, /, *, shape, rows=0, columns=0):
    """Which inputs (H, W, C) the outputs in `seen` (H, W, C) can depend on: one for each."""
    return backward(seen[None], (rows, columns))[0][0]
