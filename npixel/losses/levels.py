"""Observed levels: the check that every loss makes of its targets."""

import numpy as np


def check_targets(targets, shape, levels):
    """`targets` as an array, after shape, type and range have been checked; ValueError that carries the numbers."""
    targets = np.asarray(targets)
    if targets.shape != tuple(shape):
        raise ValueError(f"targets have shape {targets.shape}, logits are for {tuple(shape)}")
    if targets.dtype.kind not in "bui":
        raise ValueError(f"targets must be integers or bools, not {targets.dtype}")
    if targets.size and not 0 <= int(targets.min()) <= int(targets.max()) < levels:
        raise ValueError(f"targets must be levels in [0, {levels}), found {int(targets.min())} to {int(targets.max())}")
    return targets
