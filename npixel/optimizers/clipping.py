"""Gradients that are too long, or not finite.

    norm = sqrt(sum of g² over all arrays)
    g = g min(1, most / norm)                                   by_norm: the direction stays
    g = min(max(g, -most), most)                                by_value: entry by entry

Pascanu, Mikolov, Bengio, "On the difficulty of training recurrent neural networks", 2013, algorithm 1 (by norm).
PyTorch's clip_grad_norm_ divides by norm + 1e-6 instead; here a clipped gradient has length `most`.

Read first: walk.py.
"""

from math import isfinite, sqrt

import numpy as np

from .walk import blocks, together


def norm(params, grads, *, step):
    """The length of the whole gradient, float, summed in float64 in a fixed order.

    ValueError that names the step and the array if an entry is nan or infinite.
    """
    total = 0.0
    for label, _, g in together(params, grads):
        square = _square(g)
        if not isfinite(square) and (bad := np.count_nonzero(~np.isfinite(g))):
            raise ValueError(f"step {step}: the gradient of {label} has {bad} entries of {g.size} that are nan or infinite")
        total += square
    if isfinite(total):
        return sqrt(total)
    scale, _ = largest(params, grads)                  # all finite, but beyond 1e154 the squares are not
    return scale * sqrt(sum(_square(g, scale) for _, _, g in together(params, grads)))


def _square(g, scale=1.0):
    # a plain sum, not a BLAS product: those split long vectors among their threads, and the last digits with them
    with np.errstate(over="ignore"):                   # seen by `norm`
        return float(sum(np.square(block / scale, dtype=np.float64).sum() for (block,) in blocks(g)))


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
    """Bring every entry into [-most, most].   grads: in place.   ValueError if `most` is not positive."""
    _check(most)
    for _, _, g in together(params, grads):
        np.clip(g, -most, most, out=g)


def _check(most):
    if not most > 0:
        raise ValueError(f"a gradient can be clipped to a positive size, not {most}")
