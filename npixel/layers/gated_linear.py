"""Gated linear unit:  one half of the features, as it is, times a gate made of the other.

    a, g = the two halves of x
    y = a · σ(g)

PixelCNN++ (Salimans et al. 2017, the authors' nn.py, gated_resnet). The Gated PixelCNN has
tanh(a) · σ(g) in its place: gated_activation.py.

Read first: layers/gated_activation.py.  Read next: layers/dropout.py, models/pixelcnn_pp.py.
"""

import numpy as np

from ..runtime.elementary import sigmoid


def forward(x, /):
    """x (..., 2 D) -> y (..., D), and the cache.   float32 or float64

    ValueError if the last axis cannot be halved.

    >>> forward(np.array([5.0, 0.0]))[0].tolist()                  # 5 σ(0)
    [2.5]
    """
    if not x.ndim or x.shape[-1] % 2:
        raise ValueError(f"x must have an even number of features, has shape {x.shape}")
    a, g = np.split(x, 2, axis=-1)
    s = sigmoid(g)
    return a * s, (a, s)


def backward(dy, cache, /):
    """dy (..., D) -> dx (..., 2 D)."""
    a, s = cache
    # y = a s,   s = σ(g)
    da, ds = dy * s, dy * a
    return (np.concatenate([da, ds * s * (1 - s)], axis=-1),)


def reach(seen, /, *, shape=None):                    # of the map, which stays what it is
    """Which features (..., 2 D) the outputs in `seen` (..., D), bool, depend on: both halves."""
    return np.concatenate([seen, seen], axis=-1)
