"""Skew: row r moves r columns to the right, so that a diagonal of the image becomes a column.

    y[n, r, r + c] = x[n, r, c]          y is W + H - 1 wide, zero elsewhere

van den Oord et al. 2016, section 3.2 (2n - 1 wide for n x n images; any H and W here). Places with r + c = t can be computed at
once by a recurrence that reads left and up. `backward` is the way back, and `unskew` does it for maps.
Read next: diagonal_lstm.py.
"""

import numpy as np


def forward(x, /):
    """x (N, H, W, C) -> y (N, H, W + H - 1, C), and the cache.   any dtype"""
    N, H, W, C = x.shape
    y = np.zeros((N, H, W + H - 1, C), x.dtype)
    for r in range(H):
        y[:, r, r:r + W] = x[:, r]
    return y, W


def backward(dy, cache, /):
    """dy (N, H, W + H - 1, C) -> dx (N, H, W, C): what lies outside the image is dropped."""
    return (unskew(dy, cache),)


def unskew(y, W):
    """y (N, H, W + H - 1, C) -> x (N, H, W, C).   W is given, since for H != W it is not H"""
    return np.stack([y[:, r, r:r + W] for r in range(y.shape[1])], axis=1)
