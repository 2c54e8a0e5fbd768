"""Concatenated elu:  y = (elu(x), elu(-x)), side by side: twice the features, and whichever sign a number has, one of its two is linear in it.

As in Shang, Sohn, Almeida, Lee, "Understanding and Improving Convolutional Neural Networks via Concatenated Rectified Linear Units", 2016, with elu for
relu: PixelCNN++ (Salimans et al. 2017, the authors' nn.py). One exponential serves both halves, exp(-|x|).

Read first: elu.py.  Read next: models/pixelcnn_pp.py.
"""

import numpy as np


def forward(x, /):
    """x (..., D) -> y (..., 2 D), and the cache.   float32 or float64"""
    D = x.shape[-1]
    e = np.exp(-np.abs(x))
    e -= 1
    positive = x > 0
    y = np.empty((*x.shape[:-1], 2 * D), x.dtype)
    y[..., :D] = np.where(positive, x, e)
    y[..., D:] = np.where(positive, e, -x)
    return y, y


def backward(dy, cache, /):
    """dy (..., 2 D) -> dx (..., D).   elu'(z) = 1 where z > 0, else exp(z) = elu(z) + 1"""
    slopes = np.minimum(cache, 0)
    slopes += 1
    slopes *= dy
    D = dy.shape[-1] // 2
    return (slopes[..., :D] - slopes[..., D:],)
