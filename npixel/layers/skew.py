"""Skew: row r moves r columns to the right, so that a diagonal of the image becomes a column.

    y[n, r, r + c] = x[n, r, c]          y is W + H - 1 wide, zero elsewhere

van den Oord et al. 2016, section 3.2 (2n - 1 wide for n x n images; here H and W may differ). The
places with r + c = t form column t of y. A recurrence that reads left and up can compute them all
at once, column after column. `unskew` is the way back, and `backward` is `unskew` of a gradient.

Compiled loops need no skewed map: `rows` says which rows meet diagonal t, `cut` takes its pixels
out of the image, and `paste` puts them back.

    >>> x = np.arange(6).reshape(1, 2, 3, 1)
    >>> forward(x)[0][0, :, :, 0].tolist()
    [[0, 1, 2, 0], [0, 3, 4, 5]]

Read first: nothing.  Read next: layers/spatial_lstm.py, layers/diagonal_lstm.py.
"""

import numpy as np

from ..runtime.kernels import kernel


def forward(x, /):
    """x (N, H, W, C), any dtype -> y (N, H, W + H - 1, C), and the cache."""
    N, H, W, C = x.shape
    y = np.zeros((N, H, W + H - 1, C), x.dtype)
    for r in range(H):
        y[:, r, r:r + W] = x[:, r]
    return y, W


def backward(dy, cache, /):
    """dy (N, H, W + H - 1, C) -> dx (N, H, W, C): what lies outside the image is dropped."""
    return (unskew(dy, cache),)


def unskew(y, W):
    """y (N, H, W + H - 1, C) -> x (N, H, W, C).   W: columns of x"""
    return np.stack([y[:, r, r:r + W] for r in range(y.shape[1])], axis=1)


def _rows_numpy(t, H, W):
    """(first, last): the rows first, ..., last - 1 have a pixel on the diagonal r + c = t."""
    meets = [r for r in range(H) if 0 <= t - r < W]
    return (meets[0], meets[-1] + 1) if meets else (0, 0)


@kernel(defined_by=_rows_numpy)
def rows(t, H, W):
    return max(0, t - W + 1), min(H, t + 1)


def _cut_numpy(t, x, column):
    """The pixels of diagonal t, from the top down: column[r - first, n] = x[n, r, t - r].

    x        (N, H, W, C)
    column   (last - first, N, C)   filled in, for the rows first, ..., last - 1 on the diagonal
    """
    first, last = rows(t, *x.shape[1:3])
    for r in range(first, last):
        column[r - first] = x[:, r, t - r]


@kernel(defined_by=_cut_numpy)
def cut(t, x, column):
    N, H, W, C = x.shape
    first, last = rows(t, H, W)
    for r in range(first, last):
        for n in range(N):
            for k in range(C):
                column[r - first, n, k] = x[n, r, t - r, k]


def _paste_numpy(t, column, x):
    """The way back: x[n, r, t - r] = column[r - first, n] on diagonal t; other pixels stay."""
    first, last = rows(t, *x.shape[1:3])
    for r in range(first, last):
        x[:, r, t - r] = column[r - first]


@kernel(defined_by=_paste_numpy)
def paste(t, column, x):
    N, H, W, C = x.shape
    first, last = rows(t, H, W)
    for r in range(first, last):
        for n in range(N):
            for k in range(C):
                x[n, r, t - r, k] = column[r - first, n, k]
