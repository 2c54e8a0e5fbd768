"""Convolution of a rectified map:  y = conv2d(max(x, 0)), and max(x, 0) is never stored.

Networks with the relu in front of each convolution (PixelCNN's blocks, the readout) consist of these. The same as relu.py followed by
conv2d.py, which defines it; the canvas is rectified as it is drawn, and the gradient as it is read back, so two passes over memory and
one stored map fall away.

Read first: relu.py, conv2d.py.  Read next: models/pixelcnn.py.
"""

import numpy as np

from . import conv2d
from .conv2d import State, Weights, backward, init, reach, read, shapes, start                 # noqa: F401  what a relu does not change


def forward(x, w, b, /, *, taps, stride=1, dilation=1):
    """conv2d.forward(max(x, 0), w, b): shapes, options and errors are those of conv2d.forward; the cache is for conv2d.backward."""
    return conv2d.correlate(x, w, b, taps, stride, dilation, rectify=True)


def write(x_t, state, /, *, at):
    """Pixels `at` = (row, columns) of the input are known now: x_t (N, k, C).   Updates `state` in place."""
    conv2d.write(np.maximum(x_t, 0), state, at=at)


def step(x_t, state, /, *, at):
    """forward's y (N, k, D) at the strip `at`: conv2d.step.   Updates `state` in place."""
    return conv2d.step(np.maximum(x_t, 0), state, at=at)
