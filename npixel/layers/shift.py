"""A map moved down and to the right:  y[r, c] = x[r - rows, c - columns], and zeros come in from above and from the left.

PixelCNN++'s down_shift is rows=1 and its right_shift columns=1: what a convolution says of a pixel and those before it may be used one place further on only.
The zeros are not what the convolution would say of an empty image: it has a bias.

Read next: models/pixelcnn_pp.py.
"""

import numpy as np


def forward(x, /, *, rows=0, columns=0):
    """x (N, H, W, C) -> y of the same shape, and the cache.   rows, columns >= 0"""
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
    """Which inputs (H, W, C) the outputs in `seen` (H, W, C) are."""
    return backward(seen[None], (rows, columns))[0][0]
