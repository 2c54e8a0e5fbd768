"""The checks that every loss makes: of its targets, and, where it draws, of its outputs."""

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


def check_outputs(outputs, what="the outputs of the network"):
    """`outputs` themselves; ValueError if one is not finite: nan compares as if it were small."""
    if bad := outputs.size - np.count_nonzero(np.isfinite(outputs)):
        raise ValueError(
            f"{what} have {bad} of {outputs.size} values that are not finite: "
            "the weights are too large"
        )
    return outputs
