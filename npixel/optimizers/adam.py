"""Adam: RMSProp with momentum, both running means corrected for their start at zero.

    m = b1 m + (1 - b1) g              m' = m / (1 - b1^t)           t = step + 1
    s = b2 s + (1 - b2) g²             s' = s / (1 - b2^t)
    p = p - lr m' / (sqrt(s' + root_eps) + eps)

At the first step m' = g and s' = g², so every weight moves by lr:

    >>> params, grads = {"p": np.array([10.0, 10.0])}, {"p": np.array([4.0, -0.5])}
    >>> update(params, grads, init(params), step=0, lr=1.0)
    >>> params["p"].round(6)
    array([ 9., 11.])

Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2015, algorithm 1 (s is their v):
b1 = 0.9, b2 = 0.999, eps = 1e-8 outside the root. PixelCNN++ (Salimans et al. 2017, the authors'
nn.py) has b1 = 0.95, b2 = 0.9995 and 1e-8 *inside* the root: eps=0, root_eps=1e-8. The position
matters: a gradient counts as small below 1e-8 with the one, below 1e-4 with the other.

Read first: optimizers/rmsprop.py.  Read next: optimizers/averaging.py.
"""

from math import sqrt
from typing import NamedTuple

import numpy as np

from .rmsprop import check_eps
from .walk import blocks, flush, together, zeros_like


class State(NamedTuple):
    m: dict                                            # running mean of g, of the form of params
    s: dict                                            # running mean of g²


def init(params):
    """The State before the first step: both means zero."""
    return State(zeros_like(params), zeros_like(params))


def update(params, grads, state, *, step, lr, b1=0.9, b2=0.999, eps=1e-8, root_eps=0.0):
    """One step of the equations above.   params and state: in place

    step       the number of updates already made; the first is step 0
    lr         the learning rate
    b1         in [0, 1), the memory of m
    b2         in [0, 1), the memory of s
    eps        added to the root, at least 0
    root_eps   added inside the root, at least 0; eps and root_eps are not both 0

    ValueError if a number is outside its range, or the trees differ in form.
    """
    if not (0 <= b1 < 1 and 0 <= b2 < 1):
        raise ValueError(f"b1 and b2 must be in [0, 1), are {b1} and {b2}")
    check_eps(eps, root_eps)
    if step < 0:
        raise ValueError(f"step must be at least 0, is {step}")
    # numerator and denominator of lr m' / (sqrt(s' + root_eps) + eps), both times sqrt(1 - b2^t):
    # rate m / (sqrt(s + root_eps (1 - b2^t)) + eps sqrt(1 - b2^t)) makes two passes less
    root = sqrt(1 - b2 ** (step + 1))
    rate = lr * root / (1 - b1 ** (step + 1))
    eps, root_eps = eps * root, root_eps * root * root
    for _, *arrays in together(params, grads, state.m, state.s):
        for p, g, m, s in blocks(*arrays):
            t = g * (1 - b1)
            m *= b1
            m += t                                     # m = b1 m + (1 - b1) g
            flush(m)
            np.multiply(g, g, out=t)
            t *= 1 - b2
            s *= b2
            s += t                                     # s = b2 s + (1 - b2) g²
            flush(s)
            np.add(s, root_eps, out=t) if root_eps else np.copyto(t, s)
            np.sqrt(t, out=t)
            t += eps                                   # t = sqrt(s + root_eps) + eps
            np.divide(m, t, out=t)
            t *= rate
            p -= t                                     # p = p - rate m / t
