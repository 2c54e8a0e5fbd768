"""What all models of discrete images have in common: their outputs, and in which order they draw.

    two levels     one logit per sub-pixel                 outputs (..., C)       Bernoulli
    L levels       L logits per sub-pixel                  outputs (..., C, L)    softmax

A network computes them as features, (..., C) or (..., C L). The L logits of a colour lie side by
side, so they belong to one group of masks.groups. The colours of a pixel are drawn one by one.

Read first: losses/__init__.py, losses/bernoulli.py, losses/categorical.py.
Read next: layers/deconv2d.py, models/wiring.py.
"""

import numpy as np

from .. import losses


def loss(config):
    """The module of losses that reads the outputs."""
    return losses.by_levels(config.levels)


def draws(C):
    """Which channels are drawn together, in order: each colour by itself.

    >>> draws(3)
    [slice(0, 1, None), slice(1, 2, None), slice(2, 3, None)]
    """
    return [slice(c, c + 1) for c in range(C)]


def logits(config):
    """How many logits a sub-pixel has: 1 for two levels, else L."""
    return 1 if config.levels == 2 else config.levels


def as_outputs(features, config):
    """Features (..., C) or (..., C L) -> outputs (..., C) or (..., C, L)."""
    if config.levels == 2:
        return features
    return features.reshape(*features.shape[:-1], config.image_shape[-1], config.levels)


def as_features(outputs, config):
    """Outputs (..., C) or (..., C, L) -> features (..., C) or (..., C L): the way back."""
    return outputs if config.levels == 2 else outputs.reshape(*outputs.shape[:-2], -1)


def seen_outputs(seen, config):
    """A bool map of sub-pixels (H, W, C) -> that of their outputs, (H, W, C) or (H, W, C, L)."""
    return seen if config.levels == 2 else np.repeat(seen[..., None], config.levels, axis=-1)
