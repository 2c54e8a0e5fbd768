"""Categorical: a softmax over L levels for every sub-pixel, whose logits are a_0, ..., a_(L-1).

    log p(v) = a_v - log Σ_u exp a_u

    >>> a = np.array([1.0, 2.0, 0.0])
    >>> log_prob, _ = forward(a, targets=np.array(1))
    >>> bool(np.isclose(log_prob, a[1] - np.log(np.exp(a).sum())))
    True

van den Oord, Kalchbrenner, Kavukcuoglu, "Pixel Recurrent Neural Networks", 2016, section 4, where L
is 256. The softmax does not know that level 100 is close to 101. A model learns that from data.

Read first: losses/bernoulli.py, losses/levels.py.
Read next: layers/__init__.py, losses/discretized_logistic_mixture.py.
"""

import numpy as np

from .levels import check_outputs, check_targets


def forward(logits, /, *, targets):
    """log p of the observed levels.

    logits    (N, H, W, C, L)   float32 or float64 (any number of leading axes)
    targets   (N, H, W, C)      integers in [0, L)
    returns   log_prob (N, H, W, C) float64, in nats, and the cache. Bits per dimension are
              -mean(log_prob) / log 2

    ValueError if shapes disagree or a target is outside [0, L).
    """
    targets = check_targets(targets, logits.shape[:-1], logits.shape[-1])
    targets = targets[..., None].astype(np.int64)
    # the max cancels in the ratio; it only keeps exp from overflowing
    a = logits - logits.max(axis=-1, keepdims=True)
    e = np.exp(a)
    total = e.sum(axis=-1, keepdims=True, dtype=np.float64)
    log_prob = np.take_along_axis(a, targets, axis=-1) - np.log(total)     # float64
    return log_prob[..., 0], (e, total, targets)


def backward(dlog_prob, cache, /):
    """dlog_prob (N, H, W, C) -> dlogits (N, H, W, C, L):  d log p(v) / d a_u = [u = v] - p(u)"""
    e, total, targets = cache
    scale = dlog_prob[..., None]
    dlogits = e * (-scale / total).astype(e.dtype)
    at_target = np.take_along_axis(dlogits, targets, axis=-1) + scale.astype(e.dtype)
    np.put_along_axis(dlogits, targets, at_target, axis=-1)
    return (dlogits,)


def log_conditionals(logits, /, *, targets=None):
    """(..., L) float64: log p of every level.

    targets   not needed, since the logits hold everything
    """
    a = logits.astype(np.float64)
    a -= a.max(axis=-1, keepdims=True)
    return a - np.log(np.exp(a).sum(axis=-1, keepdims=True))


def draw(logits, /, *, uniforms):
    """Levels from uniforms u in [0, 1): the first v with u < p(0) + ... + p(v).

    logits     (..., L)
    uniforms   (...)

    >>> draw(np.zeros((3, 4)), uniforms=np.array([0.1, 0.3, 0.99])).tolist()
    [0, 1, 3]
    """
    distribution = np.exp(log_conditionals(check_outputs(logits))).cumsum(axis=-1)
    levels = (distribution <= uniforms[..., None]).sum(axis=-1)
    return np.minimum(levels, logits.shape[-1] - 1)    # the last sum may round to less than 1
