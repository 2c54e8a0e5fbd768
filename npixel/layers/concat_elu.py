"""Concatenated elu:  y = (elu(x), elu(-x)), side by side.

There are twice as many features. A number x other than 0 gives x or -x in one of its two, whichever
is positive, and an exponential in the other.

Shang, Sohn, Almeida, Lee, "Understanding and Improving Convolutional Neural Networks via
Concatenated Rectified Linear Units", 2016, do this with relu. PixelCNN++ does it with elu (Salimans
et al. 2017, the authors' nn.py).

Read first: layers/elu.py.  Read next: layers/gated_linear.py, models/pixelcnn_pp.py.
"""

import numpy as np

from ..runtime import blas
from ..runtime.elementary import exp
from ..runtime.kernels import kernel


def forward(x, /):
    """x (..., D) -> y (..., 2 D), and the cache.   float32 or float64

    >>> forward(np.array([2.0, -1.0]))[0].round(3).tolist()        # exp(-2) - 1 = -0.865
    [2.0, -0.632, -0.865, 1.0]
    """
    y = np.empty((*x.shape[:-1], 2 * x.shape[-1]), x.dtype)
    blas.rows_in_lanes(_both, x, y)
    return y, y


def backward(dy, cache, /):
    """dy (..., 2 D) -> dx (..., D)."""
    dx = np.empty((*dy.shape[:-1], dy.shape[-1] // 2), dy.dtype)
    blas.rows_in_lanes(_both_backward, dy, cache, dx)
    return (dx,)


def reach(seen, /, *, shape=None):                    # of the map, which stays what it is
    """Which inputs (..., D) the outputs in `seen` (..., 2 D), bool, depend on."""
    D = seen.shape[-1] // 2
    return seen[..., :D] | seen[..., D:]


def _both_numpy(x, y):
    """x (n, D): y (n, 2 D) is filled in."""
    D = x.shape[1]
    e = np.exp(-np.abs(x)) - 1                         # elu of that of x and -x that is <= 0
    y[:, :D] = np.where(x > 0, x, e)
    y[:, D:] = np.where(x > 0, e, -x)


# Each inner loop fills one row of one array, and the two halves are an axis of their own: such
# loops become vector instructions (lstm_cell.py).

@kernel(defined_by=_both_numpy)
def _both(x, y):
    n, D = x.shape
    nothing, one = x.dtype.type(0), x.dtype.type(1)
    halves = y.reshape(n, 2, D)
    for i in range(n):
        # elu(z) = max(z, 0) + exp(min(z, 0)) - 1, without a branch
        for d in range(D):
            halves[i, 0, d] = max(x[i, d], nothing) + (exp(min(x[i, d], nothing)) - one)
        for d in range(D):
            halves[i, 1, d] = max(-x[i, d], nothing) + (exp(min(-x[i, d], nothing)) - one)


def _both_backward_numpy(dy, y, dx):
    """dy (n, 2 D), y (n, 2 D): dx (n, D) is filled in.

    elu'(z) = 1 where z > 0, else exp(z) = elu(z) + 1
    """
    D = dx.shape[1]
    slopes = dy * (np.minimum(y, 0) + 1)
    dx[...] = slopes[:, :D] - slopes[:, D:]


@kernel(defined_by=_both_backward_numpy)
def _both_backward(dy, y, dx):
    n, D = dx.shape
    nothing, one = dy.dtype.type(0), dy.dtype.type(1)
    halves, dhalves = y.reshape(n, 2, D), dy.reshape(n, 2, D)
    for i in range(n):
        for d in range(D):
            up = dhalves[i, 0, d] * (min(halves[i, 0, d], nothing) + one)
            down = dhalves[i, 1, d] * (min(halves[i, 1, d], nothing) + one)
            dx[i, d] = up - down
