"""Weight normalisation: the length of each output channel's weights is a parameter of its own.

    w[u, c, d] = g[d] v[u, c, d] / |v[:, :, d]|        |v|: length over all taps and input channels

    >>> forward(np.array([[[3.0], [4.0]]]), np.array([10.0]))[0].ravel().tolist()      # |v| = 5
    [6.0, 8.0]

Salimans and Kingma, "Weight Normalization: A Simple Reparameterization to Accelerate Training of
Deep Neural Networks", 2016, eq. 2 and 3. In the division |v| is at least 1e-6, as in the authors'
code (l2_normalize). So weights that are all zero stay zero.

The length is that of an *output* channel, in a transposed convolution too. Other programs store the
kernels of that the other way round. The length over their first axis would be that of an input
channel, which is another model.

Data-dependent initialisation (section 3). With g = 1 and b = 0, a layer computes outputs t from a
batch, with mean μ_t and standard deviation σ_t in a channel. With g = s / σ_t and b = -g μ_t its
outputs have mean 0 and standard deviation s in every channel. `from_data` computes these g and b.
1e-10 is added to the variance, as the authors do.

A channel may be constant in a batch. All of stream u of PixelCNN++ is, if images have one row. The
authors' g is then s / sqrt(1e-10), and layer after layer multiplies by it. Here such a channel
keeps its g and b. What deviates by less than 0.01 counts as constant. Other channels deviate by
about 1, since inputs have a size of about 1 and w has length 1. On digits and dead leaves it is at
least 0.1.

Read first: layers/conv2d.py.
Read next: losses/discretized_logistic_mixture.py, layers/weight_normed.py.
"""

from typing import NamedTuple

import numpy as np

LEAST = 1e-12                                          # of the squared length
LEAST_DEVIATION = 0.01                                 # of a channel that is not constant


class Weights(NamedTuple):
    """A convolution's weights, as direction and length."""
    v: np.ndarray                                      # (U, C, D)
    g: np.ndarray                                      # (D,)
    b: np.ndarray                                      # (D,)


def shapes(U, C, D):
    """The shapes of the weights for U taps, C channels in and D features out."""
    return Weights((U, C, D), (D,), (D,))


def init(rng, U, C, D, /, *, dtype):
    """v of standard deviation 0.05, g = 1, b = 0: `from_data` then sets g and b."""
    v = 0.05 * rng.standard_normal((U, C, D))
    return Weights(v.astype(dtype), np.ones(D, dtype), np.zeros(D, dtype))


def from_data(weights, t, /, *, scale):
    """Weights whose outputs have mean 0 and standard deviation `scale` in every channel.

    t    (..., D), the outputs with g = 1 and b = 0

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
    return weights._replace(g=np.where(varies, g, weights.g).astype(t.dtype),
                            b=np.where(varies, b, weights.b).astype(t.dtype))


def forward(v, g, /):
    """v (..., D), g (D,) -> w (..., D), and the cache.   float32 or float64"""
    axes = tuple(range(v.ndim - 1))
    square = (v * v).sum(axis=axes)                                        # (D,)
    inverse = 1 / np.sqrt(np.maximum(square, LEAST))                       # 1 / |v|
    return v * (g * inverse), (v, g, inverse, square > LEAST)


def backward(dw, cache, /):
    """dw (..., D) -> dv (..., D), dg (D,).   Each channel of dv is orthogonal to that of v."""
    v, g, inverse, free = cache
    along = (dw * v).sum(axis=tuple(range(v.ndim - 1))) * inverse          # (D,) dw along v
    # w = g v / |v|;   where |v| is at its least, it is a constant
    dg = along
    dv = dw * (g * inverse) - v * (g * along * inverse * inverse * free)
    return dv, dg
