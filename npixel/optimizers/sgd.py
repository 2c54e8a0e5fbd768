"""Stochastic gradient descent with momentum.

    v = mu v + g
    p = p - lr v

Polyak, "Some methods of speeding up the convergence of iteration methods", 1964 (the heavy ball); mu = 0 is plain gradient descent.
The learning rate stands outside v, as in PyTorch: a change of lr acts at once. Sutskever et al. 2013 write v = mu v - lr g, p = p + v,
which differs where lr changes, and only there.

Read first: walk.py.  Read next: rmsprop.py.
"""

from typing import NamedTuple

import numpy as np

from .walk import blocks, flush, together, zeros_like


class State(NamedTuple):
    v: dict                                            # the velocity, of the form of params


def init(params):
    """A velocity of zero."""
    return State(zeros_like(params))


def update(params, grads, state, *, step, lr, momentum=0.9):
    """One step of the equations above.   params and state: in place

    momentum   mu in [0, 1)

    ValueError if mu is outside, or the trees differ in form.
    """
    if not 0 <= momentum < 1:
        raise ValueError(f"momentum must be in [0, 1), is {momentum}")
    for _, *arrays in together(params, grads, state.v):
        for p, g, v in blocks(*arrays):
            v *= momentum
            v += g
            flush(v)
            p -= lr * v
