"""One strategy or more for every layer: how Hypothesis draws a call, and what theory says of it.

    @case("layers.relu")
    def _(draw, rng):
        return Case((normal(rng, draw(sizes), ...),))

The name is the module's, without the package. A layer without a case fails test_layers.py.
"""

from collections import defaultdict

import numpy as np
from hypothesis import strategies as st

import cases_mdp
from npixel import masks
from npixel.layers import dropout
from npixel.losses import discretized_logistic_mixture, mcgsm
from properties import Case

CASES = defaultdict(list)                              # layer -> its strategies

small = st.integers(1, 3)
size = st.integers(1, 6)


def case(layer):
    """Register a strategy, a function of (draw, rng) that returns a Case."""
    def register(strategy):
        def drawn(draw):
            return strategy(draw, np.random.default_rng(draw(st.integers(0, 2**32 - 1))))

        CASES[layer].append(st.composite(drawn)())
        return strategy
    return register


def normal(rng, *shape):
    return rng.standard_normal(shape)


@case("npixel.layers.relu")
def _(draw, rng):
    x = normal(rng, draw(small), draw(size), draw(size), draw(small))
    return Case((x + np.sign(x) * 1e-3,))                                  # away from the kink


@case("npixel.layers.relu")
def _(draw, rng):
    x = 1e-3 + np.abs(normal(rng, draw(small), draw(size), draw(size), draw(small)))
    # where it is alive, it sees its own number and no other
    return Case((x,), past=lambda where: one_hot(x.shape[1:], where))


@case("npixel.layers.conv2d")
def _(draw, rng):
    """Any list of taps, any mask, any stride and dilation.

    Taps may look below, and lie outside the image.
    """
    x, C, D = image(draw, rng)
    offsets = any_offsets(draw, 4, 8)
    mask = rng.random((len(offsets), C, D)) < draw(st.sampled_from([0.3, 0.8, 1.0]))
    stride, dilation = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    return convolution(rng, x, C, D, masks.Taps(tuple(offsets), mask), stride, dilation)


@case("npixel.layers.conv2d")
def _(draw, rng):
    """The lists that models use, in causal order: these can be stepped."""
    x, C, D = image(draw, rng)
    colours = draw(st.integers(1, min(C, D, 3)))
    ins, outs = masks.groups(C, colours), masks.groups(D, colours)
    K = draw(st.sampled_from([1, 3, 5, 7]))
    taps = draw(st.sampled_from([masks.mask_a(K, ins, outs), masks.mask_b(K, ins, outs),
                                 masks.causal_row(K, ins, outs),
                                 masks.causal_row(K, ins, outs, first=True),
                                 masks.above(K), masks.vertical(1),
                                 masks.down_right_shifted(draw(small), draw(small))]))
    if taps.mask is None:
        taps = masks.Taps(taps.offsets, np.ones((len(taps.offsets), C, D), bool))
    return convolution(rng, x, C, D, taps, 1, draw(st.integers(1, 2)), steps=True)


@case("npixel.layers.conv2d")
def _(draw, rng):
    """Enough channels and pixels for several tiles and blocks of channels."""
    C, D = draw(st.sampled_from([(8, 130), (130, 16), (70, 70)]))
    x = normal(rng, 2, draw(st.integers(5, 9)), draw(st.integers(5, 30)), C)
    taps = masks.mask_b(3, np.zeros(C, int), np.zeros(D, int))
    return convolution(rng, x, C, D, taps, 1, 1, steps=True)


def any_offsets(draw, reach, most):
    """A list of at most `most` offsets within `reach` of the pixel, none twice."""
    step = st.integers(-reach, reach)
    return draw(st.lists(st.tuples(step, step), min_size=1, max_size=most, unique=True))


def image(draw, rng):
    C, D = draw(st.integers(1, 10)), draw(st.integers(1, 4))
    return normal(rng, draw(small), draw(size), draw(size), C), C, D


def convolution(rng, x, C, D, taps, stride, dilation, steps=False, past=True):
    def seen_from(where):
        """By the definition: the taps of this output, one by one."""
        r, c, d = where
        seen = np.zeros(x.shape[1:], bool)
        for (dr, dc), m in zip(*taps):
            i, j = stride * r + dilation * dr, stride * c + dilation * dc
            if 0 <= i < x.shape[1] and 0 <= j < x.shape[2]:
                seen[i, j] |= m[:, d]
        return seen

    w = normal(rng, len(taps.offsets), C, D)
    configuration = {"taps": taps, "stride": stride, "dilation": dilation}
    return Case((x, w, normal(rng, D)), configuration, past=seen_from if past else None,
                steps=steps)


@case("npixel.layers.linear")
def _(draw, rng):
    C, D = draw(size), draw(size)
    x = normal(rng, draw(small), draw(size), draw(size), C)

    def past(where):
        r, c, _ = where
        return one_hot((*x.shape[1:3], 1), (r, c, 0)) & np.ones(C, bool)

    return Case((x, normal(rng, C, D), normal(rng, D)), past=past, structure={"C": C})


@case("npixel.layers.linear")
def _(draw, rng):
    """Observations without places: x (N, C)."""
    C, D = draw(size), draw(size)
    return Case((normal(rng, draw(size), C), normal(rng, C, D), normal(rng, D)))


@case("npixel.layers.relu_conv2d")
def _(draw, rng):
    x, C, D = image(draw, rng)
    x = np.sign(x) * (np.abs(x) + 1e-3)                                    # away from the kink
    ins, outs = np.zeros(C, int), np.zeros(D, int)
    taps = masks.mask_b(draw(st.sampled_from([1, 3])), ins, outs)
    return convolution(rng, x, C, D, taps, 1, 1, past=False, steps=True)


@case("npixel.layers.relu_conv2d")
def _(draw, rng):
    """Where everything is alive it sees what conv2d sees."""
    x, C, D = image(draw, rng)
    offsets = any_offsets(draw, 2, 6)
    taps = masks.Taps(tuple(offsets), rng.random((len(offsets), C, D)) < 0.8)
    stride, dilation = draw(st.integers(1, 3)), draw(st.integers(1, 2))
    return convolution(rng, 1e-3 + np.abs(x), C, D, taps, stride, dilation)


@case("npixel.layers.elu")
def _(draw, rng):
    x = normal(rng, draw(small), draw(size), draw(size), draw(small))
    return Case((x,), past=lambda where: one_hot(x.shape[1:], where), scale=1e-6)


@case("npixel.layers.concat_elu")
def _(draw, rng):
    x = normal(rng, draw(small), draw(size), draw(size), draw(small))

    def past(where):
        return one_hot(x.shape[1:], (*where[:2], where[2] % x.shape[3]))

    return Case((x,), past=past, scale=1e-6)


@case("npixel.layers.gated_linear")
def _(draw, rng):
    N, H, W, D = draw(small), draw(size), draw(size), draw(small)

    def past(where):
        *place, d = where
        seen = np.zeros((H, W, 2 * D), bool)
        seen[(*place, d)] = seen[(*place, D + d)] = True
        return seen

    return Case((normal(rng, N, H, W, 2 * D),), past=past)


@case("npixel.layers.dropout")
def _(draw, rng):
    x = normal(rng, draw(small), draw(size), draw(size), draw(small))
    rate = draw(st.sampled_from([0.0, 0.5, 0.9]))
    mask = dropout.draw(rng, x.shape[1:], rate=rate, dtype=np.float32)
    mask = np.broadcast_to(mask, x.shape)
    return Case((x,), {"mask": mask},
                past=lambda where: one_hot(x.shape[1:], where) & (mask[0] > 0))


@case("npixel.layers.shift")
def _(draw, rng):
    x = normal(rng, draw(small), draw(size), draw(size), draw(small))
    rows, columns = draw(st.integers(0, 3)), draw(st.integers(0, 3))

    def past(where):
        r, c, d = where
        seen = np.zeros(x.shape[1:], bool)
        if r >= rows and c >= columns:
            seen[r - rows, c - columns, d] = True
        return seen

    return Case((x,), {"rows": rows, "columns": columns}, past=past)


@case("npixel.layers.weight_norm")
def _(draw, rng):
    U, C, D = draw(size), draw(size), draw(small)
    return Case((0.2 + normal(rng, U, C, D), normal(rng, D)), data=0)


@case("npixel.layers.deconv2d")
def _(draw, rng):
    """Any list of taps, any mask, any stride.

    The stride need not divide the size, and a phase may meet no tap.
    """
    x, C, D = image(draw, rng)
    stride = draw(st.integers(1, 3))
    H, W = (stride * n - draw(st.integers(0, stride - 1)) for n in x.shape[1:3])
    offsets = any_offsets(draw, 3, 8)
    share = draw(st.sampled_from([0.3, 0.8, 1.0]))
    taps = masks.Taps(tuple(offsets), rng.random((len(offsets), C, D)) < share)

    def past(where):
        """By the definition: a convolution over the image with zeros between its pixels."""
        r, c, d = where
        seen = np.zeros(x.shape[1:], bool)
        for (dr, dc), m in zip(*taps):
            (i, row_rest), (j, column_rest) = divmod(r + dr, stride), divmod(c + dc, stride)
            if not row_rest and not column_rest and 0 <= i < x.shape[1] and 0 <= j < x.shape[2]:
                seen[i, j] |= m[:, d]
        return seen

    return Case((x, normal(rng, len(offsets), C, D), normal(rng, D)),
                {"taps": taps, "size": (H, W), "stride": stride}, past=past)


@case("npixel.layers.fully_visible")
def _(draw, rng):
    N, I = draw(small), draw(st.one_of(st.integers(1, 6), st.integers(60, 70)))
    C, D = draw(small), draw(small)

    def past(where):
        seen = np.zeros((I, C), bool)
        seen[:where[0]] = True
        return seen

    weights = normal(rng, I * (I - 1) // 2, C, D), normal(rng, I, D)
    return Case((normal(rng, N, I, C), *weights), past=past, steps=True)


@case("npixel.layers.gated_activation")
def _(draw, rng):
    N, H, W = draw(small), draw(size), draw(size)
    D = draw(st.one_of(small, st.integers(60, 70)))    # from some 4,096 numbers on in lanes

    def past(where):
        *place, d = where
        seen = np.zeros((H, W, 2 * D), bool)
        seen[(*place, d)] = seen[(*place, D + d)] = True
        return seen

    return Case((normal(rng, N, H, W, 2 * D),), past=past)


@case("npixel.layers.conditional_bias")
def _(draw, rng):
    """A vector for the image, or one for each place."""
    N, H, W, V, D = draw(small), draw(size), draw(size), draw(st.integers(1, 10)), draw(small)
    s = normal(rng, N, *draw(st.sampled_from([(1, 1), (H, W)])), V)
    return Case((normal(rng, N, H, W, D), s, normal(rng, V, D)), data=2,
                past=lambda where: one_hot((H, W, D), where), steps=True)


@case("npixel.layers.lstm_cell")
def _(draw, rng):
    N, H, W, D = draw(small), draw(size), draw(size), draw(small)
    return Case((normal(rng, N, H, W, 4 * D), normal(rng, N, H, W, D)), data=2,
                past=lambda where: cell_past(D, (H, W), where))


def cell_past(D, shape, where):
    """h sees its own four sums; c sees all of them but the output gate's."""
    *place, k = where
    seen = np.zeros((*shape, 4 * D), bool)
    seen[(*place, slice(k % D, None, D))] = True
    if k >= D:
        seen[(*place, k % D)] = False
    return seen


@case("npixel.layers.lstm")
def _(draw, rng):
    N, T, C, D = draw(st.integers(1, 10)), draw(size), draw(small), draw(small)

    def past(where):
        seen = np.zeros((T, C), bool)
        seen[:where[0] + 1] = True
        return seen

    shapes = (C, 4 * D), (D, 4 * D), (4 * D,), (D,), (D,)
    weights = [normal(rng, *shape) for shape in shapes]
    return Case((normal(rng, N, T, C), *weights), past=past, steps=True)


def recurrent(draw, rng, K, C, D):
    """An image, and the weights that the two-dimensional LSTMs share but for w_ss (K, D, 4D)."""
    def weights():
        shapes = (1, C, 4 * D), (4 * D,), (K, D, 4 * D), (D,), (D,)
        return [normal(rng, *shape) for shape in shapes]
    return normal(rng, draw(small), draw(size), draw(size), C), weights


def colours_of(draw, C, D):
    """A number of colours, and the groups of C inputs and of 4 gates of D features."""
    colours = draw(st.integers(1, min(C, D)))
    return masks.groups(C, colours), masks.groups(4 * D, colours, gates=4)


@case("npixel.layers.row_lstm")
def _(draw, rng):
    C, D, K = draw(small), draw(small), draw(st.sampled_from([1, 3, 5]))
    x, weights = recurrent(draw, rng, K, C, D)
    ins, outs = colours_of(draw, C, D)
    width = draw(st.sampled_from([1, 3, 5]))
    taps = masks.causal_row(width, ins, outs)
    _, b, *rest = weights()

    def past(where):
        """In row - d, whatever is within width // 2 to the left of a place that K_ss leads to.

        In its own row, by colour.
        """
        r, c, d = where
        seen = np.zeros(x.shape[1:], bool)
        for row in range(r + 1):
            side = (r - row) * (K // 2)
            for column in range(max(0, c - side), min(x.shape[2], c + side + 1)):
                seen[row, max(0, column - width // 2):column] = True
                seen[row, column] |= ins <= outs[d] if row == r else ins <= outs.max()
        return seen

    return Case((x, normal(rng, width, C, 4 * D), b, *rest), {"taps": taps}, past=past, steps=True,
                structure={"K": K})


@case("npixel.layers.skew")
def _(draw, rng):
    x = normal(rng, draw(small), draw(size), draw(size), draw(small))

    def past(where):
        r, t, c = where
        seen = np.zeros(x.shape[1:], bool)
        if 0 <= t - r < x.shape[2]:
            seen[r, t - r, c] = True
        return seen

    return Case((x,), past=past)


@case("npixel.layers.diagonal_lstm")
def _(draw, rng):
    C, D = draw(small), draw(small)
    x, weights = recurrent(draw, rng, 2, C, D)
    ins, outs = colours_of(draw, C, D)

    def past(where):
        return quadrant(x.shape[1:], where, ins, outs)

    padding = draw(st.sampled_from(["start", "evolve"]))
    return Case((x, *weights()), {"taps": masks.mask_b(1, ins, outs), "padding": padding},
                past=past, steps=True)


@case("npixel.layers.diagonal_bilstm")
def _(draw, rng):
    C, D = draw(small), draw(small)
    x, weights = recurrent(draw, rng, 2, C, D)
    ins, outs = colours_of(draw, C, D)

    def past(where):
        r, c, d = where
        seen = quadrant(x.shape[1:], where, ins, outs)
        if r:                                          # the right map, one row up
            mirrored = r - 1, x.shape[2] - 1 - c, d
            seen |= quadrant(x.shape[1:], mirrored, ins, outs)[:, ::-1]
        return seen

    padding = draw(st.sampled_from(["start", "evolve"]))
    return Case((x, *weights(), *weights()),
                {"taps": masks.mask_b(1, ins, outs), "padding": padding},
                past=past, steps=True)


@case("npixel.layers.spatial_lstm")
def _(draw, rng):
    """Over features: neighbourhoods or the states of a layer below."""
    C, D = draw(small), draw(small)
    ins, outs = spatial_colours(draw, C, D)
    x = normal(rng, draw(st.integers(1, 10)), draw(size), draw(size), C)
    return Case((x, *spatial_weights(draw, rng, 1, C, D)), {"taps": masks.mask_b(1, ins, outs)},
                past=lambda where: quadrant(x.shape[1:], where, ins, outs),
                steps=True)


@case("npixel.layers.spatial_lstm")
def _(draw, rng):
    """Over the image itself: a causal neighbourhood.

    It leaves out the pixel, or the later of its colours.
    """
    C, D, K = draw(small), draw(small), draw(st.sampled_from([3, 5]))
    ins, outs = spatial_colours(draw, C, D)
    x = normal(rng, draw(small), draw(size), draw(size), C)

    def past(where):
        r, c, d = where
        seen = np.zeros(x.shape[1:], bool)
        seen[:r, :c + K // 2 + 1] = True
        seen[r, :c] = True
        seen[r, c] = ins < outs[d]
        return seen

    weights = spatial_weights(draw, rng, K * K, C, D)
    return Case((x, *weights), {"taps": masks.mask_a(K, ins, outs)}, past=past, steps=True)


def spatial_colours(draw, C, D):
    """The groups of C inputs and of 5 gates of D features, for some number of colours."""
    colours = draw(st.integers(1, min(C, D)))
    return masks.groups(C, colours), masks.groups(5 * D, colours, gates=5)


def spatial_weights(draw, rng, U, C, D):
    """Plain or extended weights, and not large.

    A cell is up to as large as its two neighbours together. Where gates see cells, the slopes grow
    with them.
    """
    neighbours = draw(st.sampled_from([2, 4]))
    return (normal(rng, U, C, 5 * D), normal(rng, 5 * D),
            0.3 * normal(rng, neighbours, D, 5 * D))


def quadrant(shape, where, ins, outs):
    """Everything above and to the left, and at the place itself what its colour may see."""
    r, c, d = where
    seen = np.zeros(shape, bool)
    seen[:r + 1, :c + 1] = ins <= outs.max()
    seen[r, c] = ins <= outs[d]
    return seen


@case("npixel.losses.bernoulli")
def _(draw, rng):
    logits = 3 * normal(rng, draw(small), draw(size), draw(size), draw(small))
    return Case((logits,), {"targets": rng.integers(0, 2, logits.shape)},
                past=lambda where: one_hot(logits.shape[1:], where))


@case("npixel.losses.categorical")
def _(draw, rng):
    levels = draw(st.integers(2, 7))
    logits = 3 * normal(rng, draw(small), draw(size), draw(size), draw(small), levels)
    targets = rng.integers(0, logits.shape[-1], logits.shape[:-1])
    return Case((logits,), {"targets": targets},
                past=lambda where: one_hot(logits.shape[1:], where))


@case("npixel.losses.discretized_logistic_mixture")
def _(draw, rng):
    return mixture(draw, rng, shift=-1.0)


@case("npixel.losses.discretized_logistic_mixture")
def _(draw, rng):
    """Narrow bells: scales at the least there is, or below, where their slope is zero."""
    return mixture(draw, rng, shift=-6.0)


@case("npixel.losses.discretized_logistic_mixture")
def _(draw, rng):
    return mixture(draw, rng, shift=-2.0, robust=True)


def mixture(draw, rng, shift, robust=False):
    """All numbers of a pixel count, but for three.

    These are the weight of an only component, a scale below the least, and, where levels are odd,
    the coefficient of x = 0.
    """
    narrow = shift < -3                                # of many levels: bins a few scales wide
    levels = [64, 256] if narrow else [2, 3, 256] if robust else [2, 4, 256]
    C, M, L = draw(st.integers(1, 4)), draw(small), draw(st.sampled_from(levels))
    numbers = discretized_logistic_mixture.size(M, C)
    outputs = normal(rng, draw(small), draw(size), draw(size), numbers)
    targets = rng.integers(0, L, (*outputs.shape[:3], C))
    where = discretized_logistic_mixture.layout(M, C)
    # far from narrow bells a slope may underflow
    scales = (1 if narrow else 0.3) * outputs[..., where.log_scales] + shift
    # away from the kink
    outputs[..., where.log_scales] = np.where(np.abs(scales + 7) < 1e-2, -5, scales)
    if narrow:                                         # means near what is observed
        observed = 2 * targets[..., None] / (L - 1) - 1
        outputs[..., where.means] = observed + 0.002 * outputs[..., where.means]
        outputs[..., where.coefficients] *= 0.002
    if robust:
        apart(rng, outputs, targets, L, where)

    def past(place):
        seen = np.zeros(outputs.shape[1:], bool)
        seen[place] = True
        if M == 1:
            seen[(*place, where.log_weights)] = False
        return seen

    return Case((outputs,), {"targets": targets, "levels": L, "robust": robust},
                past=None if narrow or robust else past, scale=1e-7 if narrow else 1e-6)


def apart(rng, outputs, targets, L, where):
    """Bells near what is observed (|x - m| <= 1.5 s), or far away (40 s): what a central difference
    of step 1e-6 can tell of the robust form.

    A difference of two sigmoids is right to 2e-16. Near, it is at least 0.003, so log p is right to
    7e-14, and the central difference to 7e-8. At 1e-5, where the form changes, it would be right to
    2e-5, and log p jumps there.
    """
    x = targets * (2 / (L - 1)) - 1
    u = np.where(rng.random(outputs[..., where.means].shape) < 0.7,
                 rng.uniform(-1.5, 1.5, outputs[..., where.means].shape),
                 40 * rng.choice([-1, 1], outputs[..., where.means].shape))
    means = x[..., None] - u * np.exp(outputs[..., where.log_scales])
    for pair, (c, j) in enumerate(discretized_logistic_mixture.pairs(targets.shape[-1])):
        means[..., c, :] -= np.tanh(outputs[..., where.coefficients[pair]]) * x[..., j, None]
    outputs[..., where.means] = means


@case("npixel.losses.mcgsm")
def _(draw, rng):
    """M components, G scales, F features of C inputs."""
    D, M, G, F, C = draw(small), *(draw(st.integers(1, 4)) for _ in range(4))
    h = normal(rng, draw(small), draw(size), draw(size), C)
    L = np.broadcast_to(np.eye(D), (M, D, D)) + 0.3 * normal(rng, M, D, D)  # away from log 0
    means = normal(rng, M if draw(st.booleans()) else 0, D)
    shapes = (M, F), (C, F), (M, D, C)
    eta, alpha = 0.5 * normal(rng, M, G), 0.5 * normal(rng, M, G)
    weights = eta, alpha, *(normal(rng, *shape) for shape in shapes)

    def past(where):
        return one_hot(h.shape[1:3], where)[..., None] & np.ones(C, bool)

    return Case((h, *weights, mcgsm.lower_entries(L), means),
                {"targets": normal(rng, *h.shape[:3], D)}, past=past)


@case("mdp.policy_evaluation")
def _(draw, rng):
    arguments, configuration = cases_mdp.policy_evaluation(draw)
    # P stays a distribution only for small steps
    return Case(arguments, configuration, data=0, scale=1e-7)


def one_hot(shape, where):
    """True in the one place that a pointwise function of it may see."""
    seen = np.zeros(shape, bool)
    seen[where] = True
    return seen
