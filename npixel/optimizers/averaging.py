"""A running mean of the weights: what training leaves behind is noisy, its mean over the last steps is less so.

    a = d a + (1 - d) p                    after every step; a starts as the initial weights

Polyak and Juditsky, "Acceleration of stochastic approximation by averaging", 1992, with an exponential window as in PixelCNN++ (Salimans et
al. 2017: d = 0.9995, evaluation and sampling with a). That window is 1 / (1 - d) = 2000 steps, and after T steps the initial weights still
have the share d^T in a: 61 % after 1000. For short runs `decay_at` lets the window grow with the run,

    d(step) = min(d, (1 + step) / (10 + step))            TensorFlow's ExponentialMovingAverage(num_updates=step)

so that a forgets its start: it is a mean over about the last tenth of the run until 1 / (1 - d) is reached.

Read first: walk.py.  Read next: training.py.
"""

from .walk import blocks, together


def init(params):
    """The average before the first step: a copy of the weights."""
    return {name: type(weights)(*(array.copy() for array in weights)) for name, weights in params.items()}


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
    """d at this step (the number of updates before it): `decay` itself, or with `warm_up` the smaller of it and (1 + step) / (10 + step).

    >>> decay_at(0, decay=0.9995, warm_up=True), decay_at(10**6, decay=0.9995, warm_up=True)
    (0.1, 0.9995)
    """
    return min(decay, (1 + step) / (10 + step)) if warm_up else decay
