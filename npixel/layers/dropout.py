"""Dropout: every number by itself is left out with probability p, the others are 1 / (1 - p) times as large.

    y = x · mask                           mask: 0 with probability p, else 1 / (1 - p); its mean is 1

Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", 2014. The mask comes in, `draw` makes one: a model's forward has the generator.
To leave out whole maps at once (Dropout2d) is another thing: it trains, and it is not PixelCNN++.
Read next: models/pixelcnn_pp.py.
"""

import numpy as np


def draw(rng, shape, /, *, rate, dtype):
    """A mask of this shape.   rate: p in [0, 1)"""
    mask = (rng.random(shape, np.float32) >= rate).astype(dtype)
    mask *= 1 / (1 - rate)
    return mask


def forward(x, /, *, mask):
    """x and mask of one shape and dtype -> y, and the cache."""
    return x * mask, mask


def backward(dy, cache, /):
    """dy -> dx, masked alike."""
    return (dy * cache,)
