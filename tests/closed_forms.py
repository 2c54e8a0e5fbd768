"""What each model may see, as a formula: an offset is (d, e), the pixel d rows above and e columns to the right.

Written down from the geometry, without masks.py: with a first kernel K0 x K0 (m = K0 // 2) and n later layers,

    fvbn         everything before
    pixelcnn     d = 0: -(m + n) <= e <= -1;     1 <= d <= m + n: -(m + n) <= e <= min(d - 1, n) + m          (later kernels 3 x 3)

Of the pixel itself, a colour sees the colours before it. Of any other visible pixel it sees every colour.
"""

import numpy as np


def fvbn(d, e, config):
    return True


def pixelcnn(d, e, config):
    assert config.kernel == 3, "the formula is for later kernels of 3 x 3"
    m, n = config.first_kernel // 2, config.layers
    if d == 0:
        return -(m + n) <= e <= -1
    return d <= m + n and -(m + n) <= e <= min(d - 1, n) + m


SEES = {"fvbn": fvbn, "pixelcnn": pixelcnn}


def visible(model):
    """(S, S) bool, S = H W C: entry [o, i] is True if the prediction of sub-pixel o sees sub-pixel i."""
    H, W, C = model.image_shape
    sees = SEES[model.name]
    theory = np.zeros((H, W, C, H, W, C), bool)
    for r, c, g, r2, c2, g2 in np.ndindex(theory.shape):
        d, e = r - r2, c2 - c
        if d == 0 and e == 0:
            theory[r, c, g, r2, c2, g2] = g2 < g
        elif d > 0 or (d == 0 and e < 0):
            theory[r, c, g, r2, c2, g2] = sees(d, e, model.config)
    return theory.reshape(H * W * C, H * W * C)


def colour(features, colours):
    """The colour each feature belongs to: the features are split in order into as even groups as possible, floor(colours k / features)."""
    return [colours * k // features for k in range(features)]


def kernel_mask(K, inputs, outputs, *, own):
    """(K, K, C, D) float: 1 where a K x K masked kernel may have a weight. `inputs`, `outputs`: colours; `own`: a colour sees itself (mask B)."""
    mask = np.zeros((K, K, len(inputs), len(outputs)))
    for i, j, c, d in np.ndindex(mask.shape):
        before = (i, j) < (K // 2, K // 2)
        centre = (i, j) == (K // 2, K // 2)
        mask[i, j, c, d] = before or (centre and (inputs[c] < outputs[d] or (own and inputs[c] == outputs[d])))
    return mask
