"""The checks of losses over levels: of the targets, and of the outputs that levels are drawn from.

Read first: nothing.  Read next: losses/bernoulli.py.
"""

import numpy as np


def check_targets(targets, shape, levels):
    """`targets` as an array.

    shape    what targets must have
    levels   L: targets are integers or bools in [0, L)

    ValueError, with the numbers, if shape, type or range is another.

    >>> check_targets([0, 2], (2,), 2)
    Traceback (most recent call last):
        ...
    ValueError: targets must be levels in [0, 2), found 0 to 2
    """
    targets = np.asarray(targets)
    if targets.shape != tuple(shape):
        raise ValueError(f"targets must be {tuple(shape)}, have shape {targets.shape}")
    if targets.dtype.kind not in "bui":
        raise ValueError(f"targets must be integers or bools, are {targets.dtype}")
    if not targets.size:
        return targets
    low, high = int(targets.min()), int(targets.max())
    if not 0 <= low <= high < levels:
        raise ValueError(f"targets must be levels in [0, {levels}), found {low} to {high}")
    return targets


def check_outputs(outputs, what="the outputs of the network"):
    """`outputs` themselves.

    ValueError if a value is not finite. Comparisons with a nan are false, so a level would be drawn
    from it without complaint.
    """
    if bad := outputs.size - np.count_nonzero(np.isfinite(outputs)):
        raise ValueError(f"{what} have {bad} of {outputs.size} values that are not finite: "
                         "the weights are too large")
    return outputs
