"""Adam: RMSProp with momentum, both running means corrected for their start at zero.

    m = b1 m + (1 - b1) g                  m' = m / (1 - b1^t)          t = step + 1
    s = b2 s + (1 - b2) g²                 s' = s / (1 - b2^t)
    p = p - lr m' / (sqrt(s' + root_eps) + eps)

Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2015, algorithm 1 (s is their v): b1 = 0.9, b2 = 0.999, eps = 1e-8 outside the root.
PixelCNN++ (Salimans et al. 2017, the authors' nn.py) has b1 = 0.95, b2 = 0.9995 and 1e-8 *inside* the root: eps=0, root_eps=1e-8. The two
positions differ by a factor of 10,000 in what counts as a small gradient, 1e-8 against 1e-4.

Read first: rmsprop.py.  Read next: averaging.py.
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
    """Both means zero."""
    return State(zeros_like(params), zeros_like(params))


def update(params, grads, state, *, step, lr, b1=0.9, b2=0.999, eps=1e-8, root_eps=0.0):
    """One step of the equations above.   params and state: in place

    step       the number of updates already made; the first is step 0
    b1, b2     in [0, 1)
    eps        added to the root;   root_eps   added inside the root;   at least one of them positive

    ValueError if a number is outside its range, or the trees differ in form.
    """
    if not (0 <= b1 < 1 and 0 <= b2 < 1):
        raise ValueError(f"b1 and b2 must be in [0, 1), are {b1} and {b2}")
    check_eps(eps, root_eps)
    if step < 0:
        raise ValueError(f"step must be at least 0, is {step}")
    # lr m' / (sqrt(s' + root_eps) + eps), numerator and denominator times sqrt(1 - b2^t): two passes over the array less
    root = sqrt(1 - b2 ** (step + 1))
    rate, eps, root_eps = lr * root / (1 - b1 ** (step + 1)), eps * root, root_eps * root * root
    for _, *arrays in together(params, grads, state.m, state.s):
        for p, g, m, s in blocks(*arrays):
            t = g * (1 - b1)
            m *= b1
            m += t
            flush(m)
            np.multiply(g, g, out=t)
            t *= 1 - b2
            s *= b2
            s += t
            flush(s)
            np.add(s, root_eps, out=t) if root_eps else np.copyto(t, s)
            np.sqrt(t, out=t)
            t += eps
            np.divide(m, t, out=t)
            t *= rate
            p -= t
