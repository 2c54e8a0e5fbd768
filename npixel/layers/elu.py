"""Exponential linear unit:  y = x where x > 0, else exp(x) - 1, applied to every number by itself.

Clevert, Unterthiner, Hochreiter, "Fast and Accurate Deep Network Learning by Exponential Linear
Units", 2016. The slope is 1 at 0 from both sides.

Read first: layers/relu.py.  Read next: layers/concat_elu.py.
"""

import numpy as np


def forward(x, /):
    """x of any shape, float -> y of the same shape and dtype, and the cache.

    >>> forward(np.array([2.0, 0.0, -1.0]))[0].round(3).tolist()
    [2.0, 0.0, -0.632]
    """
    y = np.exp(np.minimum(x, 0))
    y -= 1
    np.copyto(y, x, where=x > 0)
    return y, y


def backward(dy, cache, /):
    """dy -> dx:  dy where y > 0, else dy exp(x) = dy (y + 1)."""
    y = cache
    return (dy * (np.minimum(y, 0) + 1),)
