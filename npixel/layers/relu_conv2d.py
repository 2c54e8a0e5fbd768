"""Convolution of a rectified map:  y = conv2d(max(x, 0)).

It is relu.py followed by conv2d.py. PixelCNN's blocks and the readout have a relu in front of each
convolution, so they consist of this layer. canvas.py computes it and never stores max(x, 0). That
saves two passes over memory, and one map in the cache.

Read first: layers/relu.py, layers/conv2d.py.
Read next: models/readout.py, models/pixelcnn.py, layers/linear.py.
"""

import numpy as np

from ..runtime.kernels import computed_by
from . import canvas, conv2d
from .conv2d import State, Weights, init, reach, read, shapes, start       # noqa: F401  as they are
from .live_taps import check_gradient, pick, put_back

ZERO = np.zeros((), np.float32)                        # a plain 0 is converted at every call


def forward(x, w, b, /, *, taps, stride=1, dilation=1):
    """y = conv2d(max(x, 0)): shapes, options and errors are those of conv2d.forward.

    >>> x, w, b = np.array([[[[-1.0], [2.0]]]]), np.full((1, 1, 1), 10.0), np.zeros(1)
    >>> forward(x, w, b, taps=[(0, 0)])[0].ravel().tolist()
    [0.0, 20.0]
    """
    wm, offsets, live = pick(x.shape, x.dtype, w, b, taps, stride, dilation)
    y = _correlate(x, wm, b, offsets, stride)
    return y, (x, wm, offsets, stride, live)


def backward(dy, cache, /):
    """dy (N, ceil(H/s), ceil(W/s), D) -> dx (N, H, W, C), which is 0 where x <= 0; dw; db (D,)."""
    x, wm, offsets, stride, live = cache
    check_gradient(dy, x, wm, stride)
    dx, dwm, db = _correlate_backward(dy, x, wm, offsets, stride)
    return dx, put_back(dwm, live), db


@computed_by(canvas.correlate_rectified)
def _correlate(x, w, b, offsets, stride):
    """The sum of conv2d.py over max(x, 0)."""
    return conv2d.correlate(np.maximum(x, 0), w, b, offsets, stride)


@computed_by(canvas.correlate_rectified_backward)
def _correlate_backward(dy, x, w, offsets, stride):
    """The gradients of `_correlate`: dx, dw, db."""
    dh, dw, db = conv2d.correlate_backward(dy, np.maximum(x, 0), w, offsets, stride)
    return np.where(x > 0, dh, 0), dw, db


def write(x_t, state, /, *, at):
    """x_t (N, k, C) is x at the strip `at` = (row, columns).   Updates `state` in place."""
    conv2d.write(np.maximum(x_t, ZERO), state, at=at)


def step(x_t, state, /, *, at):
    """forward's y (N, k, D) at the strip `at`: conv2d.step.   Updates `state` in place."""
    conv2d.write(np.maximum(x_t, ZERO), state, at=at)
    return read(state, at=at)
