"""RMSProp: each weight's gradient divided by the root of a running mean of its square.

    s = rho s + (1 - rho) g²           g: the gradient;  s: the running mean, zero at first
    p = p - lr g / (sqrt(s + root_eps) + eps)

    >>> params, grads = {"p": np.array([10.0])}, {"p": np.array([4.0])}
    >>> update(params, grads, init(params), step=0, lr=1.0, rho=0.75)       # s = 0.25 · 16
    >>> params["p"].round(6)
    array([8.])

Tieleman and Hinton, "Lecture 6.5: rmsprop", Coursera, 2012. It is the optimiser of van den Oord,
Kalchbrenner, Kavukcuoglu 2016 (section 5.1), who do not give rho and eps. Implementations differ in
where eps stands: outside the root in PyTorch (eps), inside in TensorFlow (root_eps).
s starts at zero, as in PyTorch, so the first steps are long: 1 / sqrt(1 - rho) times lr. TensorFlow
starts at one. adam.py corrects for the start.

Read first: optimizers/sgd.py.  Read next: optimizers/adam.py.
"""

from typing import NamedTuple

import numpy as np

from .walk import blocks, flush, together, zeros_like


class State(NamedTuple):
    s: dict                                            # running mean of g², of the form of params


def init(params):
    """The State before the first step: a mean square of zero."""
    return State(zeros_like(params))


def update(params, grads, state, *, step, lr, rho=0.99, eps=1e-8, root_eps=0.0):
    """One step of the equations above.   params and state: in place

    step       is not used: the rule is the same at every step
    lr         the learning rate
    rho        in [0, 1), the memory of the mean: about 1 / (1 - rho) steps
    eps        added to the root, at least 0
    root_eps   added inside the root, at least 0; eps and root_eps are not both 0

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
            s += t                                     # s = rho s + (1 - rho) g²
            flush(s)
            np.add(s, root_eps, out=t)
            np.sqrt(t, out=t)
            t += eps                                   # t = sqrt(s + root_eps) + eps
            np.divide(g, t, out=t)
            t *= lr
            p -= t                                     # p = p - lr g / t


def check_eps(eps, root_eps):
    """ValueError unless both are at least 0 and one is positive.

    With both at zero, a weight without gradient would be 0 / 0.
    """
    if not (eps >= 0 and root_eps >= 0 and eps + root_eps > 0):
        raise ValueError("eps and root_eps must be at least 0 and not both 0, "
                         f"are {eps} and {root_eps}")
