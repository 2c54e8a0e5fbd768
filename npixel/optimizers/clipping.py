"""Gradients that are too long, or not finite.

    norm = sqrt(sum of g² over all arrays)
    g = g min(1, most / norm)          by_norm: the direction stays
    g = min(max(g, -most), most)       by_value: entry by entry

    >>> params, grads = {"p": np.zeros(2)}, {"p": np.array([3.0, 4.0])}
    >>> length = norm(params, grads, step=0)
    >>> length
    5.0
    >>> by_norm(params, grads, length=length, most=2.5)
    >>> grads["p"]
    array([1.5, 2. ])
    >>> by_value(params, grads, most=1.75)
    >>> grads["p"]
    array([1.5 , 1.75])

Pascanu, Mikolov, Bengio, "On the difficulty of training recurrent neural networks", 2013,
algorithm 1 (by norm). PyTorch's clip_grad_norm_ divides by norm + 1e-6 instead; here a clipped
gradient has length `most`.

Read first: optimizers/walk.py.  Read next: optimizers/schedules.py, training/step.py.
"""

from math import isfinite, sqrt

import numpy as np

from .walk import blocks, together


class NotFinite(ValueError):
    """A gradient holds a nan or an infinity."""


def norm(params, grads, *, step):
    """The length of the whole gradient, float, summed in float64 in a fixed order.

    NotFinite, a ValueError that names the step and the array, if an entry is nan or infinite.
    ValueError if the trees differ in form.
    """
    total = 0.0
    for label, _, g in together(params, grads):
        square = _square(g)
        if not isfinite(square) and (bad := np.count_nonzero(~np.isfinite(g))):
            raise NotFinite(f"step {step}: the gradient of {label} has {bad} entries of {g.size} "
                            "that are nan or infinite")
        total += square
    if isfinite(total):
        return sqrt(total)
    # all are finite, but above 1e154 the squares are not: divide by the largest first
    scale, _ = largest(params, grads)
    return scale * sqrt(sum(_square(g, scale) for _, _, g in together(params, grads)))


def _square(g, scale=1.0):
    """The sum of (g / scale)², in float64."""
    # BLAS would split long vectors among its threads, and the last digits with them: a plain sum
    with np.errstate(over="ignore"):                   # `norm` looks for it
        return float(sum(np.square(block / scale, dtype=np.float64).sum()
                         for (block,) in blocks(g)))


def largest(params, grads):
    """(|g|, label) of the largest entry; nan counts as larger than everything."""
    worst = (0.0, "")
    for label, _, g in together(params, grads):
        size = float(np.abs(g).max(initial=0))
        if not size <= worst[0]:
            worst = (size, label)
            if size != size:
                break
    return worst


def by_norm(params, grads, *, length, most):
    """Shorten the gradient to the length `most` if it is longer.   grads: in place

    length    its length now, from `norm`
    most      positive

    ValueError if `most` is not positive.
    """
    _check(most)
    if length > most:
        for _, _, g in together(params, grads):
            g *= most / length


def by_value(params, grads, *, most):
    """Bring every entry into [-most, most].   grads: in place

    ValueError if `most` is not positive.
    """
    _check(most)
    for _, _, g in together(params, grads):
        np.clip(g, -most, most, out=g)


def _check(most):
    if not most > 0:
        raise ValueError(f"a gradient can be clipped to a positive size, not {most}")
