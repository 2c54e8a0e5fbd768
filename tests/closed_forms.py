"""What each model may see, as a formula of offsets (d, e): d rows above, e columns to the right.

Written down from the geometry, without masks.py. The first kernel is K0 x K0, with m = K0 // 2 and
m >= 1. Then there are n layers, and k = K // 2. Of a row d the models see these e:

    fvbn, raster_lstm    everything before
    pixelcnn             d = 0            -(m + n) <= e <= -1
                         1 <= d <= m + n  -(m + n) <= e <= min(d - 1, n) + m (later kernels 3 x 3)
    row_lstm             d = 0            -(m + n k) <= e <= -1
                         d >= 1           -(m + (n + d) k) <= e
                                          and e <= max((d - 1) k + m, min(d k, W - 1 - c) - 1)
    diagonal_lstm        d = 0            e <= -1
                         d >= 1           e <= m
    spatial_lstm         the same, with m = K0 // 2 of its neighbourhood
    diagonal_bilstm      everything before but (r - 1, W - 1) where c + m < W - 1
    pixelcnn_pp          no formula: sets of pixels, handed on from map to map as in the paper
    gated_pixelcnn       d = 0            -M <= e <= -1, with M = m + n k
                         1 <= d <= M + 1  |e| <= M

Of the pixel itself, a colour sees the colours before it. Of any other visible pixel it sees every
colour. With several colours there is one place between seen and not seen: a pixel that is reached
through its own features and through nothing later. These hold all of its colours but the last. For
diagonal_bilstm it is (r - 1, W - 1). For row_lstm it is e = min(d k, W - 1 - c), where that exceeds
(d - 1) k + m.
"""

import numpy as np


def fvbn(d, e, config, c):
    """How many colours are seen of the pixel d rows above, e columns to the right of column c."""
    return config.image_shape[2]


def pixelcnn(d, e, config, c):
    assert config.kernel == 3, "the formula is for later kernels of 3 x 3"
    m, n = config.first_kernel // 2, config.layers
    if d == 0:
        return config.image_shape[2] * (-(m + n) <= e <= -1)
    return config.image_shape[2] * (d <= m + n and -(m + n) <= e <= min(d - 1, n) + m)


def row_lstm(d, e, config, c):
    (_, W, C), n = config.image_shape, config.layers
    m, k = config.first_kernel // 2, config.kernel // 2
    if e < -(m + (n + d) * k):
        return 0
    if d == 0:
        return C * (e <= -1)
    own = min(d * k, W - 1 - c)    # the pixel whose features are reached last, and which these lack
    if e <= max((d - 1) * k + m, own - 1):
        return C
    return C - 1 if e == own else 0


def diagonal_lstm(d, e, config, c):
    return config.image_shape[2] * (e <= (config.first_kernel // 2 if d else -1))


def spatial_lstm(d, e, config, c):
    """The states on the pixel's left and above it gather whole quadrants.

    A state of column c' <= c shows the rows above it as far as c' + m, and its own up to c' - 1.
    """
    return config.image_shape[2] * (e <= config.first_kernel // 2 if d else e <= -1)


def diagonal_bilstm(d, e, config, c):
    _, W, C = config.image_shape
    return C - 1 if d == 1 and c + e == W - 1 and c + config.first_kernel // 2 < W - 1 else C


def gated_pixelcnn(d, e, config, c):
    M = config.first_kernel // 2 + config.layers * (config.kernel // 2)
    return config.image_shape[2] * (-M <= e <= (M if d else -1) and d <= M + 1)


def pixelcnn_pp(config):
    """(H, W, H, W) bool: the pixels that each place's outputs hold.

    A map (h, w, H, W) says what each of its places holds.
    """
    H, W, _ = config.image_shape

    def gather(held, shape, places):
        """Each new place holds what the places that it reads hold; places(r, c) may lie outside."""
        made = np.zeros((*shape, H, W), bool)
        for r, c in np.ndindex(*shape):
            for i, j in places(r, c):
                if 0 <= i < held.shape[0] and 0 <= j < held.shape[1]:
                    made[r, c] |= held[i, j]
        return made

    # (d, e): d rows up, e columns to the right
    kernel = {"u": [(d, e) for d in (0, 1) for e in (-1, 0, 1)],
              "ul": [(d, e) for d in (0, 1) for e in (0, -1)]}

    def conv(held, stream):
        return gather(held, held.shape[:2],
                      lambda r, c: [(r - d, c + e) for d, e in kernel[stream]])

    def resnet(held, stream, a):
        return held | conv(conv(held, stream) | a, stream)

    def shrink(held, stream):
        half = -(-held.shape[0] // 2), -(-held.shape[1] // 2)
        return gather(held, half, lambda r, c: [(2 * r - d, 2 * c + e) for d, e in kernel[stream]])

    def grow(held, stream, shape):
        return gather(held, shape,
                      lambda r, c: [((r - d) // 2, (c + e) // 2) for d, e in kernel[stream]
                                    if (r - d) % 2 == 0 and (c + e) % 2 == 0])

    image = np.eye(H * W, dtype=bool).reshape(H, W, H, W)
    u = gather(image, (H, W), lambda r, c: [(r - 1 - d, c + e) for d, e in kernel["u"]])
    ul = gather(image, (H, W),
                lambda r, c: [(r - 1, c - 1), (r - 1, c), (r - 1, c + 1), (r, c - 1)])
    us, uls, nothing = [u], [ul], np.zeros(1, bool)
    for level in range(3):
        if level:
            u, ul = shrink(u, "u"), shrink(ul, "ul")
            us.append(u), uls.append(ul)
        for _ in range(config.layers):
            u = resnet(u, "u", nothing)
            ul = resnet(ul, "ul", u)
            us.append(u), uls.append(ul)
    u, ul = us.pop(), uls.pop()
    for level in (2, 1, 0):
        for _ in range(config.layers + (level < 2)):
            u = resnet(u, "u", us.pop())
            ul = resnet(ul, "ul", u | uls.pop())
        if level:
            u, ul = grow(u, "u", us[-1].shape[:2]), grow(ul, "ul", us[-1].shape[:2])
    return ul


SEES = {
    "fvbn": fvbn, "raster_lstm": fvbn, "pixelcnn": pixelcnn, "row_lstm": row_lstm,
    "diagonal_lstm": diagonal_lstm, "diagonal_bilstm": diagonal_bilstm,
    "spatial_lstm": spatial_lstm, "gated_pixelcnn": gated_pixelcnn,
}


def visible(model):
    """(H W C, H W C) bool: [o, i] is True if the prediction of sub-pixel o sees sub-pixel i."""
    H, W, C = model.image_shape
    theory = np.zeros((H, W, C, H, W, C), bool)
    if model.name == "pixelcnn_pp":        # a pixel's colours come together, in the mixture's order
        theory[...] = pixelcnn_pp(model.config)[:, :, None, :, :, None]
        for r, c in np.ndindex(H, W):
            theory[r, c, :, r, c] = np.tri(C, k=-1, dtype=bool)
        return theory.reshape(H * W * C, H * W * C)
    sees = SEES[model.name]
    for r, c, g, r2, c2, g2 in np.ndindex(theory.shape):
        d, e = r - r2, c2 - c
        if d == 0 and e == 0:
            theory[r, c, g, r2, c2, g2] = g2 < g
        elif d > 0 or (d == 0 and e < 0):
            theory[r, c, g, r2, c2, g2] = g2 < sees(d, e, model.config, c)
    return theory.reshape(H * W * C, H * W * C)


def colour(features, colours):
    """The colour each feature belongs to: floor(colours k / features) of feature k.

    So the features are split in order, into groups as even as possible.
    """
    return [colours * k // features for k in range(features)]


def kernel_mask(K, inputs, outputs, *, own):
    """(K, K, C, D) float: 1 where a K x K masked kernel may have a weight.

    inputs    (C,) the colour of each channel
    outputs   (D,) the colour of each feature
    own       a colour sees itself (mask B)
    """
    mask = np.zeros((K, K, len(inputs), len(outputs)))
    for i, j, c, d in np.ndindex(mask.shape):
        before = (i, j) < (K // 2, K // 2)
        centre = (i, j) == (K // 2, K // 2)
        sees = inputs[c] < outputs[d] or (own and inputs[c] == outputs[d])
        mask[i, j, c, d] = before or (centre and sees)
    return mask
