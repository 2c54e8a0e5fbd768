"""Weight normalisation: the length of each output channel's weights is a parameter of its own.

    w[t, c, d] = g[d] v[t, c, d] / |v[:, :, d]|                            |v| over all taps and input channels

Salimans and Kingma, "Weight Normalization: A Simple Reparameterization to Accelerate Training of Deep Neural Networks", 2016, eq. 2 and 3. The norm is per *output* channel also
in a transposed convolution, whose kernels other programs store the other way round: normalised over their first axis it would be per input channel, another model.
|v| is at least 1e-6, as in the authors' code (l2_normalize): weights that are all zero stay zero.

Data-dependent initialisation (section 3): with w at g = 1, a layer computes t from a batch; g = s / σ_t and b = -g μ_t give its outputs mean 0 and
standard deviation s in every channel. `from_data` does this. 1e-10 is added to the variance, as the authors do.

Where a batch says nothing about a channel, the authors' g is s / sqrt(1e-10), and layer after layer
multiplies by it: in images of one row, stream u of PixelCNN++ is constant. Here such a channel is
left alone. Inputs have a size of about 1 and w has length 1, so t deviates by about 1 too (by 0.1
at least on digits and dead leaves). What deviates by less than 0.01 counts as constant.

Read first: conv2d.py.  Read next: models/pixelcnn_pp.py.
"""

from typing import NamedTuple

import numpy as np

LEAST = 1e-12                                          # of the squared length
LEAST_DEVIATION = 0.01                                 # of a channel that `from_data` scales


class Weights(NamedTuple):
    """A convolution's weights in this form."""
    v: np.ndarray                                      # (T, C, D)
    g: np.ndarray                                      # (D,)
    b: np.ndarray                                      # (D,)


def shapes(T, C, D):
    return Weights((T, C, D), (D,), (D,))


def init(rng, T, C, D, /, *, dtype):
    """v of standard deviation 0.05, g = 1, b = 0: what `from_data` starts from."""
    return Weights((0.05 * rng.standard_normal((T, C, D))).astype(dtype), np.ones(D, dtype), np.zeros(D, dtype))


def from_data(weights, t, /, *, scale):
    """Weights whose outputs have mean 0 and standard deviation `scale` in every channel, where with
    g = 1 and b = 0 they are t (..., D).

    A channel of t that deviates by less than 0.01 keeps its g and b.

    >>> t = np.array([[3.0, 1.0], [3.0, -1.0]])        # the first channel is constant
    >>> g, b = from_data(Weights(np.ones((1, 1, 2)), np.ones(2), np.zeros(2)), t, scale=0.5)[1:]
    >>> g.round(6).tolist(), abs(b.round(6)).tolist()
    ([1.0, 0.5], [0.0, 0.0])
    """
    places = t.reshape(-1, t.shape[-1]).astype(np.float64)
    deviation = places.std(axis=0)                                         # (D,)
    varies = deviation >= LEAST_DEVIATION
    g = scale / np.sqrt(np.where(varies, deviation, 1)**2 + 1e-10)
    b = -g * places.mean(axis=0)
    return weights._replace(
        g=np.where(varies, g, weights.g).astype(t.dtype),
        b=np.where(varies, b, weights.b).astype(t.dtype),
    )


def forward(v, g, /):
    """v (..., D), g (D,) -> w (..., D), and the cache."""
    axes = tuple(range(v.ndim - 1))
    square = (v * v).sum(axis=axes)                                        # (D,)
    inverse = 1 / np.sqrt(np.maximum(square, LEAST))                       # 1 / |v|
    return v * (g * inverse), (v, g, inverse, square > LEAST)


def backward(dw, cache, /):
    """dw (..., D) -> dv (..., D), which is orthogonal to v channel by channel, and dg (D,)."""
    v, g, inverse, free = cache
    along = (dw * v).sum(axis=tuple(range(v.ndim - 1))) * inverse          # (D,)  dw along the direction of v
    # w = g u,   u = v / |v|;   where |v| stands at its least, it is a constant
    dg = along
    dv = dw * (g * inverse) - v * (g * along * inverse * inverse * free)
    return dv, dg
