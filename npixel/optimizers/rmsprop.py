"""RMSProp: each weight's gradient divided by the root of a running mean of its square.

    s = rho s + (1 - rho) g²
    p = p - lr g / (sqrt(s + root_eps) + eps)

Tieleman and Hinton, "Lecture 6.5: rmsprop", Coursera, 2012. The optimizer of van den Oord, Kalchbrenner, Kavukcuoglu 2016 (section 5.1),
who do not give rho and eps. Implementations differ in where eps stands: outside the root in PyTorch (eps), inside in TensorFlow (root_eps).
s starts at zero, as in PyTorch, so the first steps are long: 1 / sqrt(1 - rho) times lr; TensorFlow starts at one. adam.py corrects for it.

Read first: sgd.py.  Read next: adam.py.
"""

from typing import NamedTuple

import numpy as np

from .walk import blocks, flush, together, zeros_like


class State(NamedTuple):
    s: dict                                            # running mean of g², of the form of params


def init(params):
    """A mean square of zero."""
    return State(zeros_like(params))


def update(params, grads, state, *, step, lr, rho=0.99, eps=1e-8, root_eps=0.0):
    """One step of the equations above.   params and state: in place

    rho        in [0, 1), the memory of the mean: about 1 / (1 - rho) steps
    eps        added to the root;   root_eps   added inside the root;   at least one of them positive

    ValueError if a number is outside its range, or the trees differ in form.
    """
    if not 0 <= rho < 1:
        raise ValueError(f"rho must be in [0, 1), is {rho}")
    check_eps(eps, root_eps)
    for _, *arrays in together(params, grads, state.s):
        for p, g, s in blocks(*arrays):
            t = g * g
            t *= 1 - rho
            s *= rho
            s += t
            flush(s)
            np.add(s, root_eps, out=t)
            np.sqrt(t, out=t)
            t += eps
            np.divide(g, t, out=t)
            t *= lr
            p -= t


def check_eps(eps, root_eps):
    """ValueError unless both are at least 0 and one is positive: a weight without gradient would be 0 / 0."""
    if not (eps >= 0 and root_eps >= 0 and eps + root_eps > 0):
        raise ValueError(f"eps and root_eps must be at least 0 and not both 0, are {eps} and {root_eps}")
