"""Learning rates: functions of the step alone, so that a resumed run has the same ones.

    constant       lr
    exponential    lr decay^step                       PixelCNN++: lr 1e-3, decay 0.999995
    cosine         lr (step + 1) / warm_up             in the first `warm_up` steps, then
                   lr (1 + cos(pi u)) / 2              u = (step - warm_up) / (steps - warm_up)
    piecewise      lr factors[i]                       i: how many fractions in `at` are over

    >>> [round(cosine(step, steps=4, lr=1.0), 3) for step in range(4)]
    [1.0, 0.854, 0.5, 0.146]

The cosine is Loshchilov and Hutter, "SGDR", 2017, eq. 5, without restarts. `piecewise` counts in
fractions of the run, so it means the same in a run of any length. Every schedule takes
(step, *, steps, lr, ...): step counts from 0, and steps is the length of the run.

Read first: nothing.  Read next: training/plan.py.
"""

from math import cos, pi


def constant(step, *, steps, lr):
    """lr, at every step.

    >>> constant(7, steps=10, lr=0.1)
    0.1
    """
    return lr


def exponential(step, *, steps, lr, decay=0.999995):
    """lr decay^step.   ValueError unless 0 < decay <= 1

    >>> exponential(2, steps=10, lr=8.0, decay=0.5)
    2.0
    """
    if not 0 < decay <= 1:
        raise ValueError(f"decay must be in (0, 1], is {decay}")
    return lr * decay**step


def cosine(step, *, steps, lr, warm_up=0):
    """A straight line up to lr, then half a cosine down.

    The cosine would reach zero at step `steps`, one after the last.

    warm_up    steps of the straight line, an integer in [0, steps)

    ValueError if it is outside.

    >>> [cosine(step, steps=4, lr=1.0, warm_up=2) for step in range(4)]
    [0.5, 1.0, 1.0, 0.5]
    """
    if not 0 <= warm_up < steps:
        raise ValueError(f"warm_up must be in [0, {steps}), the steps of the run, is {warm_up}")
    if step < warm_up:
        return lr * (step + 1) / warm_up
    return lr * (1 + cos(pi * (step - warm_up) / (steps - warm_up))) / 2


def piecewise(step, *, steps, lr, at=(0.25, 0.5, 0.75), factors=(1.0, 0.3, 0.1, 0.03)):
    """lr times a factor that changes when given fractions of the run are over.

    at         rising fractions in (0, 1)
    factors    one more than `at`

    ValueError if they do not fit together.

    >>> [piecewise(step, steps=4, lr=1.0, at=(0.5,), factors=(1.0, 0.1)) for step in range(4)]
    [1.0, 1.0, 0.1, 0.1]
    """
    if len(factors) != len(at) + 1:
        raise ValueError(f"factors must be one more than at, are {len(factors)} and {len(at)}")
    if not all(0 < a < b for a, b in zip(at, (*at[1:], 1.0))):
        raise ValueError(f"at must be rising fractions in (0, 1), is {tuple(at)}")
    return lr * factors[sum(step >= fraction * steps for fraction in at)]
