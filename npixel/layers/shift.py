"""A map moved down and to the right:  y[r, c] = x[r - rows, c - columns], zero outside x.

PixelCNN++'s down_shift is rows=1, its right_shift is columns=1. Where a convolution sees the pixel
itself, its output may be used only one place further on.

The zeros that come in are not what the convolution gives for an empty image: it has a bias.

Read first: layers/conv2d.py.  Read next: layers/deconv2d.py, models/pixelcnn_pp.py.
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
