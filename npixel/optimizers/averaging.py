"""A running mean of the weights. The last weights of a run are noisy, their mean is less so.

    a = d a + (1 - d) p                after every step; a starts as the initial weights

    >>> import numpy as np
    >>> params = {"p": np.array([0.0])}
    >>> average = init(params)
    >>> params["p"] += 8.0
    >>> update(params, average, decay=0.75)                                 # 0.25 · 8
    >>> average["p"]
    array([2.])

Polyak and Juditsky, "Acceleration of stochastic approximation by averaging", 1992. The window is
exponential, as in PixelCNN++ (Salimans et al. 2017: d = 0.9995; they evaluate and sample with a).
That window is 1 / (1 - d) = 2000 steps long. After n steps the initial weights still have the share
d^n in a: 61 % after 1000. For short runs `decay_at` lets the window grow with the run,

    d(step) = min(d, (1 + step) / (10 + step))
                                       TensorFlow's ExponentialMovingAverage(num_updates=step)

so that a forgets its start. It is a mean over about the last tenth of the run, until the window is
1 / (1 - d) steps long.

Read first: optimizers/walk.py.  Read next: optimizers/clipping.py, training/step.py.
"""

from .walk import blocks, copied, together


def init(params):
    """The average before the first step: a copy of the weights."""
    return copied(params)


def update(params, average, *, decay):
    """a = d a + (1 - d) p, as a -= (1 - d) (a - p).   average: in place; params are read

    decay    d in [0, 1)

    ValueError if d is outside, or the trees differ in form.
    """
    if not 0 <= decay < 1:
        raise ValueError(f"decay must be in [0, 1), is {decay}")
    for _, *arrays in together(params, average):
        for p, a in blocks(*arrays):
            t = a - p
            t *= 1 - decay
            a -= t


def decay_at(step, *, decay, warm_up):
    """The d of this step: `decay`, or with `warm_up` the smaller of it and the growing one above.

    step   the number of updates before it

    >>> decay_at(0, decay=0.9995, warm_up=True), decay_at(10**6, decay=0.9995, warm_up=True)
    (0.1, 0.9995)
    """
    return min(decay, (1 + step) / (10 + step)) if warm_up else decay
