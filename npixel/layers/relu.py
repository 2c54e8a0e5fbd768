"""Rectified linear unit:  y = max(x, 0), applied to every number by itself.

The slope at 0 is 0, as in PyTorch.

Read first: nothing.  Read next: layers/relu_conv2d.py, layers/elu.py.
"""

import numpy as np

from ..runtime import blas
from ..runtime.kernels import kernel, plain


def forward(x, /):
    """x of any shape, float -> y of the same shape and dtype, and the cache.

    >>> forward(np.array([2.0, -1.0]))[0].tolist()
    [2.0, 0.0]
    """
    y = np.maximum(x, 0)
    return y, y                                        # y > 0 exactly where x > 0


def backward(dy, cache, /):
    """dy -> dx:  dy where x > 0, else 0."""
    dy, y = plain(dy, cache.shape), plain(cache)
    dx = np.empty_like(dy)
    blas.images_in_lanes(_pass, dy.reshape(-1), y.reshape(-1), dx.reshape(-1))
    return (dx,)


def _pass_numpy(dy, y, dx):
    """dx = dy where y > 0, else 0."""
    dx[...] = np.where(y > 0, dy, 0)


@kernel(defined_by=_pass_numpy)
def _pass(dy, y, dx):
    nothing = dy.dtype.type(0)
    for i in range(dx.size):
        dx[i] = dy[i] if y[i] > 0 else nothing
