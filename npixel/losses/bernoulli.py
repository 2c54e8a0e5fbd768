"""Bernoulli: two levels, one logit a per sub-pixel.

    p(v = 1) = σ(a) = 1 / (1 + exp(-a))
    log p(v) = -softplus((1 - 2 v) a)                  softplus(z) = log(1 + exp z)

    >>> a, v = np.array([0.5, 0.5, -2.0]), np.array([1, 0, 1])
    >>> p = 1 / (1 + np.exp(-a))
    >>> bool(np.allclose(forward(a, targets=v)[0], np.log(np.where(v == 1, p, 1 - p))))
    True

Read first: losses/levels.py.  Read next: losses/categorical.py.
"""

import numpy as np
from scipy.special import expit

from .levels import check_outputs, check_targets


def forward(logits, /, *, targets):
    """log p of the observed levels.

    logits    (N, H, W, C)   float32 or float64 (any shape)
    targets   the same shape, 0 or 1, integers or bools
    returns   log_prob of that shape, float64, in nats; and the cache

    ValueError if shapes disagree or a target is neither 0 nor 1.
    """
    targets = check_targets(targets, logits.shape, 2)
    sign = 1.0 - 2.0 * targets                         # -1 where v = 1
    return -np.logaddexp(0.0, sign * logits), (logits, targets)


def backward(dlog_prob, cache, /):
    """dlog_prob -> dlogits, both of the shape of logits:  d log p / d a = v - σ(a)"""
    logits, targets = cache
    slope = targets - expit(logits.astype(np.float64))
    return ((dlog_prob * slope).astype(logits.dtype),)


def log_conditionals(logits, /, *, targets=None):
    """(..., 2) float64: log p(v = 0) and log p(v = 1).

    targets   not needed, since the logits hold everything
    """
    a = logits.astype(np.float64)
    return np.stack([-np.logaddexp(0.0, a), -np.logaddexp(0.0, -a)], axis=-1)


def draw(logits, /, *, uniforms):
    """Levels from uniforms u in [0, 1) of the same shape: 0 where u < p(v = 0), else 1.

    >>> draw(np.zeros(3), uniforms=np.array([0.2, 0.5, 0.7])).tolist()
    [0, 1, 1]
    """
    return (uniforms >= expit(-check_outputs(logits).astype(np.float64))).astype(np.int64)
