"""Dropout: each number by itself is set to zero with probability p; the others are made larger.

    y = x · mask             mask: 0 with probability p, else 1 / (1 - p); its mean is 1

Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", 2014.

The mask is an argument. `draw` makes one; only a model's forward has a random generator.

Setting whole maps to zero at once (Dropout2d) is another layer. A network with it trains too, but
it is not PixelCNN++.

Read first: nothing.  Read next: layers/weight_norm.py, models/pixelcnn_pp.py.
"""

import numpy as np


def draw(rng, shape, /, *, rate, dtype):
    """A mask of this shape and dtype, from a numpy.random.Generator.

    rate   p in [0, 1)
    """
    mask = (rng.random(shape, np.float32) >= rate).astype(dtype)
    mask *= 1 / (1 - rate)
    return mask


def forward(x, /, *, mask=None):
    """x, of any shape -> y = x · mask, and the cache.

    mask   of the shape and dtype of x; None: nothing is dropped

    >>> forward(np.array([1.0, 2.0]), mask=np.array([0.0, 2.0]))[0].tolist()           # p = 1/2
    [0.0, 4.0]
    """
    return (x if mask is None else x * mask), mask


def backward(dy, cache, /):
    """dy -> dx = dy · mask."""
    mask = cache
    return (dy if mask is None else dy * mask,)
