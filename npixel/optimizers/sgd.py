"""Stochastic gradient descent with momentum.

    v = mu v + g                       g: the gradient;  v: the velocity, zero at first
    p = p - lr v                       p: the weights

    >>> params, grads = {"p": np.array([10.0])}, {"p": np.array([1.0])}
    >>> state = init(params)
    >>> for step in range(2):          # v = 1, then 0.5 · 1 + 1
    ...     update(params, grads, state, step=step, lr=2.0, momentum=0.5)
    >>> params["p"]
    array([5.])

Polyak, "Some methods of speeding up the convergence of iteration methods", 1964 (the heavy ball).
mu = 0 is plain gradient descent. The learning rate stands outside v, as in PyTorch: a change of lr
acts at once. Sutskever et al. 2013 write v = mu v - lr g, p = p + v; that differs only where lr
changes.

Read first: optimizers/walk.py.  Read next: optimizers/rmsprop.py.
"""

from typing import NamedTuple

import numpy as np

from .walk import blocks, flush, together, zeros_like


class State(NamedTuple):
    v: dict                                            # the velocity, of the form of params


def init(params):
    """The State before the first step: a velocity of zero."""
    return State(zeros_like(params))


def update(params, grads, state, *, step, lr, momentum=0.9):
    """One step of the equations above.   params and state: in place

    step       is not used: the rule is the same at every step
    lr         the learning rate
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
