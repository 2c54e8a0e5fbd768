"""Skew: row r moves r columns to the right, so that a diagonal of the image becomes a column.

    y[n, r, r + c] = x[n, r, c]          y is W + H - 1 wide, zero elsewhere

van den Oord et al. 2016, section 3.2 (2n - 1 wide for n x n images; any H and W here). Places with r + c = t can be computed at
once by a recurrence that reads left and up. `backward` is the way back, and `unskew` does it for maps.
Read next: diagonal_lstm.py.
"""

import numpy as np

from ..runtime.kernels import kernel


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


def _cut_numpy(t, x, column):
    """Column t of the skewed map, without making the map: column[r, n] = x[n, r, t - r].

    x        (N, H, W, C)
    column   (H, N, C)   filled in, but for the rows that the diagonal r + c = t does not meet
    """
    _, H, W, _ = x.shape
    for r in range(max(0, t - W + 1), min(H, t + 1)):
        column[r] = x[:, r, t - r]


@kernel(defined_by=_cut_numpy)
def cut(t, x, column):
    N, H, W, C = x.shape
    for r in range(max(0, t - W + 1), min(H, t + 1)):
        for n in range(N):
            for k in range(C):
                column[r, n, k] = x[n, r, t - r, k]


def _paste_numpy(t, column, x):
    """The way back: x[n, r, t - r] = column[r, n], for the pixels of the diagonal r + c = t."""
    _, H, W, _ = x.shape
    for r in range(max(0, t - W + 1), min(H, t + 1)):
        x[:, r, t - r] = column[r]


@kernel(defined_by=_paste_numpy)
def paste(t, column, x):
    N, H, W, C = x.shape
    for r in range(max(0, t - W + 1), min(H, t + 1)):
        for n in range(N):
            for k in range(C):
                x[n, r, t - r, k] = column[r, n, k]
