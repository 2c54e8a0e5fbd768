"""A convolution with weight normalisation, as one layer.

    w = g v / |v|                                      weight_norm.py
    y = convolution(x, w, b)                           conv2d.py or deconv2d.py

`WeightNormed(conv2d)` has the functions of a layer's module, and its weights are v, g and b.

    >>> from npixel.layers import conv2d
    >>> layer, x = WeightNormed(conv2d), np.ones((1, 1, 1, 1))
    >>> v, g, b = np.array([[[-7.0]]]), np.array([3.0]), np.array([1.0])
    >>> y, cache = layer.forward(x, v, g, b, taps=[(0, 0)])      # w = -3
    >>> y.item()
    -2.0

Read first: layers/weight_norm.py, layers/conv2d.py.  Read next: models/pixelcnn_pp.py.
"""

from types import ModuleType
from typing import NamedTuple

import numpy as np

from . import weight_norm


class WeightNormed(NamedTuple):
    """The layer of the header. write, read, step and reach are those of the convolution."""
    convolution: ModuleType                            # conv2d or deconv2d

    Weights = weight_norm.Weights
    shapes = staticmethod(weight_norm.shapes)
    init = staticmethod(weight_norm.init)

    def forward(self, x, v, g, b, /, **options):
        """x (N, H, W, C) -> y, and the cache.   options: those of the convolution, such as taps"""
        w, norm = weight_norm.forward(v, g)
        y, cache = self.convolution.forward(x, w, b, **options)
        return y, (cache, norm)

    def backward(self, dy, cache, /):
        """dy, of y's shape -> dx (N, H, W, C), dv (U, C, D), dg (D,), db (D,)"""
        cache, norm = cache
        dx, dw, db = self.convolution.backward(dy, cache)
        return dx, *weight_norm.backward(dw, norm), db

    def from_data(self, x, v, g, b, /, *, scale, **options):
        """Weights whose outputs for x have mean 0 and deviation `scale`: weight_norm.from_data."""
        t, _ = self.forward(x, v, np.ones_like(g), np.zeros_like(b), **options)
        return weight_norm.from_data(weight_norm.Weights(v, g, b), t, scale=scale)

    def start(self, shape, v, g, b, /, **options):
        """Memory for going through x strip by strip: that of the convolution."""
        w, _ = weight_norm.forward(v, g)
        return self.convolution.start(shape, w, b, **options)

    @property
    def write(self):
        return self.convolution.write

    @property
    def read(self):
        return self.convolution.read

    @property
    def step(self):
        return self.convolution.step

    @property
    def reach(self):
        return self.convolution.reach
