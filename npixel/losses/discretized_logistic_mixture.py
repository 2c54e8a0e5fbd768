"""Mixture of discretised logistics: M bells over the levels of a pixel, its colours together.

    p(v) = Σ_m π_m Π_c P_m(v_c)                        one mixture for all colours
    P_m(v_c) = σ(upper) - σ(lower)                     the mass of the bin of level v_c
    upper, lower = (x_c ± half - mean_mc) / s_mc       x = 2 v / (L - 1) - 1,  half = 1 / (L - 1)
    mean_mc = μ_mc + Σ_(j < c) tanh(a_mcj) x_j         it moves with the colours before, as observed

The first and the last bin reach to infinity, so that the levels share all of the mass.

    >>> x, half = np.array([-1.0, 0.0, 1.0]), 0.5      # three levels, one colour, one bell
    >>> mean, s = 0.3, np.exp(-1.0)
    >>> above, below = expit((x + half - mean) / s), expit((x - half - mean) / s)
    >>> above[-1], below[0] = 1, 0
    >>> outputs = np.tile([0.0, mean, -1.0], (3, 1))   # log-weight, mean, log s
    >>> log_prob, _ = forward(outputs, targets=np.array([[0], [1], [2]]), levels=3)
    >>> bool(np.allclose(log_prob, np.log(above - below)))
    True

Salimans, Karpathy, Chen, Kingma, "PixelCNN++: Improving the PixelCNN with Discretized Logistic
Mixture Likelihood and Other Modifications", 2017, sections 2.1 and 2.2; the authors' nn.py,
discretized_mix_logistic_loss.

Scales. s = exp(max(log s, least)), where

    least = -7 for L <= 256, as the authors have it, else -7 - log((L - 1) / 255)

so a bell may always be as narrow, counted in bins, as with 256 levels. With -7 throughout, the
most probable inner level would have at most 0.97 of the mass at 256 levels, 0.49 at 1,024 and 0.13
at 4,096, however sure the network is. These shares cost 0.04, 1.03 and 2.91 bits.

Precision. The difference of two σ cancels where a bell is far away or narrow. This form does not:

    log(σ(upper) - σ(lower)) = -softplus(-upper) - softplus(lower) + log(1 - exp(-width))
    width = upper - lower = 2 half / s

robust=True is the authors' form, to compare with their numbers. Where the difference is below 1e-5,
it takes the density in the middle of the bin, times the bin's width. The sum over levels is then 1
only within 7.3e-6. `draw` inverts the exact distribution function in either case.

Colours. They factorise by the chain rule, exactly. The colours observed first weigh the bells,

    p(v_c | v_<c) = Σ_m w_mc P_m(v_c)
    w_mc = softmax over m of  log π_m + Σ_(j < c) log P_m(v_j)

so each conditional is again a mixture of discretised logistics. `terms`, `log_conditionals` and
`draw` use this. The authors draw a bell, then a logistic number, and do not round it to a level.
Here a level is drawn, and one uniform per colour decides.

Layout. The numbers of a pixel stand in the authors' order. First come M log-weights, then the
numbers of each colour: M means, M log s, and M coefficients a for each pair that is dealt to it.
The pairs (c, j) = (1, 0), (2, 0), (2, 1), ... are dealt out to the colours in turn. That makes 10 M
numbers for three colours and 3 M for one.

Read first: losses/bernoulli.py, losses/categorical.py, losses/levels.py.
Read next: models/pixelcnn_pp.py, layers/shifted.py.
"""

import math
from typing import NamedTuple

import numpy as np
from scipy.special import expit

from .levels import check_outputs, check_targets

TINY = 1e-300                                          # below it a float64 has fewer digits
ENOUGH = 1e-5                                          # mass of a bin that `robust` takes as it is


class Bound(NamedTuple):
    """The loss of one model: the functions of this module, with `levels` and `robust` filled in."""
    levels: int
    robust: bool = False

    def forward(self, outputs, /, *, targets):
        return forward(outputs, targets=targets, levels=self.levels, robust=self.robust)

    def backward(self, dlog_prob, cache, /):
        return backward(dlog_prob, cache)

    def terms(self, outputs, /, *, targets):
        return terms(outputs, targets=targets, levels=self.levels, robust=self.robust)

    def log_conditionals(self, outputs, /, *, targets):
        return log_conditionals(outputs, targets=targets, levels=self.levels, robust=self.robust)

    def draw(self, outputs, /, *, uniforms):
        return draw(outputs, uniforms=uniforms, levels=self.levels)


def size(mixtures, colours):
    """How many numbers a pixel has.

    >>> size(10, 3), size(10, 1)
    (100, 30)
    """
    return mixtures * (1 + 2 * colours + colours * (colours - 1) // 2)


def forward(outputs, /, *, targets, levels, robust=False):
    """log p of the observed pixels, joint over their colours.

    outputs   (N, H, W, size(M, C))  float32 or float64 (any number of leading axes)
    targets   (N, H, W, C)           integers in [0, levels)
    levels    L >= 2
    robust    True: the authors' approximation
    returns   log_prob (N, H, W) float64, in nats; and the cache

    ValueError if shapes disagree, or a target is no integer in [0, levels).
    """
    targets, x, mixture = _observe(outputs, targets, levels)
    log_p, bins = _log_p_observed(x, targets, mixture, levels, robust)     # (..., C, M)
    joint = mixture.log_weights + log_p.sum(axis=-2)                       # (..., M)
    cache = outputs, x, mixture, joint, bins, levels, robust
    return np.logaddexp.reduce(joint, axis=-1), cache


def backward(dlog_prob, cache, /):
    """dlog_prob (N, H, W) -> doutputs (N, H, W, size(M, C)).

    With r_m the share of bell m in p(v):

        d log p / d log-weight_m = r_m - π_m
        d log p / d log P_m(v_c) = r_m
    """
    outputs, x, mixture, joint, bins, levels, robust = cache
    C, M = mixture.means.shape[-2:]
    where = layout(M, C)
    scale = dlog_prob[..., None]
    share = scale * np.exp(_log_softmax(joint))                            # (..., M)
    dlog_weights = share - scale * np.exp(mixture.log_weights)
    dmeans, dlog_scales = (share[..., None, :] * slope for slope in _slopes(bins, robust))
    # log_scales = max(raw, least)
    dlog_scales *= outputs[..., where.log_scales] > least_log_scale(levels)
    doutputs = np.empty(outputs.shape, outputs.dtype)
    doutputs[..., where.log_weights] = dlog_weights                        # (..., M)
    doutputs[..., where.means] = dmeans                                    # (..., C, M)
    doutputs[..., where.log_scales] = dlog_scales                          # (..., C, M)
    # means[c] += tanh(raw) x[j]
    for pair, (c, j) in enumerate(pairs(C)):
        slope = 1 - mixture.coefficients[..., pair, :]**2
        doutputs[..., where.coefficients[pair]] = dmeans[..., c, :] * x[..., j, None] * slope
    return (doutputs,)


def terms(outputs, /, *, targets, levels, robust=False):
    """(N, H, W, C) float64: log p(v_c | v_<c) of every colour.

    Their sum over a pixel is `forward`'s log_prob.
    """
    targets, x, mixture = _observe(outputs, targets, levels)
    log_p, _ = _log_p_observed(x, targets, mixture, levels, robust)        # (..., C, M)
    log_w = _conditional_weights(mixture.log_weights, log_p)               # (..., C, M)
    return np.logaddexp.reduce(log_w + log_p, axis=-1)


def log_conditionals(outputs, /, *, targets, levels, robust=False):
    """(N, H, W, C, L) float64: log p(v_c = v | v_<c) for every level v.

    targets   what the colours before were observed to be
    """
    targets, x, mixture = _observe(outputs, targets, levels)
    log_p, _ = _log_p_observed(x, targets, mixture, levels, robust)
    log_w = _conditional_weights(mixture.log_weights, log_p)               # (..., C, M)
    every = np.arange(levels)
    result = np.full((*targets.shape, levels), -np.inf)
    for m in range(log_w.shape[-1]):                   # one bell at a time saves memory
        mean, log_scale = mixture.means[..., m, None], mixture.log_scales[..., m, None]
        here, _ = _log_p(_encode(every, levels), every, mean, log_scale, levels, robust)
        result = np.logaddexp(result, log_w[..., m, None] + here)          # (..., C, L)
    return result


def draw(outputs, /, *, uniforms, levels):
    """Levels (N, H, W, C) from uniforms u in [0, 1) of that shape.

    Colour by colour, it is the first v with u < p(0 | v_<c) + ... + p(v | v_<c). That sum is a
    mixture of σ((x_v + half - mean) / s), so it is not added up: bisection finds v.
    """
    C = uniforms.shape[-1]
    check_outputs(outputs)
    drawn, half = np.zeros(uniforms.shape, np.int64), 1 / (levels - 1)
    for c in range(C):
        _, x, mixture = _observe(outputs, drawn, levels)                   # given the colours < c
        log_p, _ = _log_p_observed(x, drawn, mixture, levels, False)
        w = np.exp(_conditional_weights(mixture.log_weights, log_p)[..., c, :])
        mean, inverse = mixture.means[..., c, :], np.exp(-mixture.log_scales[..., c, :])
        low = np.zeros(uniforms.shape[:-1], np.int64)
        high = np.full(uniforms.shape[:-1], levels - 1)
        while (low < high).any():
            middle = (low + high) // 2
            upper = inverse * (_encode(middle, levels)[..., None] + half - mean)
            below = (w * expit(upper)).sum(axis=-1) <= uniforms[..., c]
            low = np.where(below & (low < high), middle + 1, low)
            high = np.where(below, high, middle)
        drawn[..., c] = low
    return drawn


# the numbers of a pixel


class Layout(NamedTuple):
    """Where a pixel's numbers stand."""
    log_weights: np.ndarray                            # (M,)
    means: np.ndarray                                  # (C, M)
    log_scales: np.ndarray                             # (C, M)
    coefficients: np.ndarray                           # (C (C - 1) / 2, M)


def layout(M, C):
    """Layout for M bells and C colours.

    >>> [rows.reshape(-1).tolist() for rows in layout(1, 3)]
    [[0], [1, 4, 7], [2, 5, 8], [3, 6, 9]]
    """
    couplings = C * (C - 1) // 2
    means, log_scales, coefficients, row = [], [], [0] * couplings, 0
    for c in range(C):
        means.append(row)
        log_scales.append(row + 1)
        row += 2
        for pair in range(c, couplings, C):
            coefficients[pair] = row
            row += 1
    numbers = np.arange(M)

    def places(rows):
        return M + M * np.array(rows, np.int64).reshape(-1, 1) + numbers

    return Layout(numbers, places(means), places(log_scales), places(coefficients))


def pairs(C):
    """(colour, an earlier one) of every coefficient, in order.

    >>> pairs(3)
    [(1, 0), (2, 0), (2, 1)]
    """
    return [(c, j) for c in range(C) for j in range(c)]


class Mixture(NamedTuple):
    """What a pixel's outputs say, in float64."""
    log_weights: np.ndarray                            # (..., M)     log π
    means: np.ndarray                                  # (..., C, M)  moved by the colours before
    log_scales: np.ndarray                             # (..., C, M)  at least `least_log_scale`
    coefficients: np.ndarray                           # (..., C (C - 1) / 2, M)  tanh a


def _observe(outputs, targets, levels):
    """The checked targets, x (..., C) float64, and the Mixture given them."""
    targets = np.asarray(targets)
    C = targets.shape[-1] if targets.ndim else 0
    M = outputs.shape[-1] // size(1, C)
    if C < 1 or M < 1 or outputs.shape[-1] != size(M, C):
        raise ValueError(f"outputs must have a multiple of {size(1, C)} numbers per pixel of {C} "
                         f"colours, have shape {outputs.shape}")
    targets = check_targets(targets, (*outputs.shape[:-1], C), levels)
    where, x = layout(M, C), _encode(targets, levels)
    outputs = outputs.astype(np.float64)
    means, coefficients = outputs[..., where.means], np.tanh(outputs[..., where.coefficients])
    for pair, (c, j) in enumerate(pairs(C)):
        means[..., c, :] += coefficients[..., pair, :] * x[..., j, None]
    log_scales = np.maximum(outputs[..., where.log_scales], least_log_scale(levels))
    log_weights = _log_softmax(outputs[..., where.log_weights])
    return targets, x, Mixture(log_weights, means, log_scales, coefficients)


def least_log_scale(levels):
    """The bound of log s.

    >>> least_log_scale(2), least_log_scale(256), least_log_scale(255 * 2 + 1) + math.log(2)
    (-7.0, -7.0, -7.0)
    """
    return -7.0 - math.log(max(1.0, (levels - 1) / 255))


def _encode(levels_seen, levels):
    """Levels v as numbers x in [-1, 1], float64."""
    return levels_seen * (2 / (levels - 1)) - 1


# one logistic, cut into bins


class Bins(NamedTuple):
    """One bin of each logistic, in units of its scale."""
    inverse: np.ndarray                                # 1 / s
    upper: np.ndarray                                  # (x + half - mean) / s
    lower: np.ndarray                                  # (x - half - mean) / s
    width: np.ndarray                                  # upper - lower = 2 half / s
    first: np.ndarray                                  # bool: this bin has no lower edge
    last: np.ndarray                                   # bool: this bin has no upper edge


def _log_p_observed(x, targets, mixture, levels, robust):
    """log P_m(v_c) (..., C, M) of the observed levels, and their Bins."""
    x, v = x[..., None], targets[..., None]
    return _log_p(x, v, mixture.means, mixture.log_scales, levels, robust)


def _log_p(x, v, means, log_scales, levels, robust):
    """log P(v) of each logistic, and its Bins.   x = _encode(v); everything broadcasts"""
    half = 1 / (levels - 1)
    inverse = np.exp(-log_scales)
    away = x - means
    bins = Bins(inverse, inverse * (away + half), inverse * (away - half), 2 * half * inverse,
                v == 0, v == levels - 1)
    above = np.where(bins.last, 0, -np.logaddexp(0, -bins.upper))          # log σ(upper)
    below = np.where(bins.first, 0, -np.logaddexp(0, bins.lower))          # log (1 - σ(lower))
    inside = ~(bins.first | bins.last)
    if robust:
        mass, middle = _mass_and_middle(bins)
        density = middle - 2 * np.logaddexp(0, middle) - log_scales + np.log(2 * half)
        both = np.where(mass > ENOUGH, np.log(np.maximum(mass, 1e-12)), density)
        return np.where(inside, both, above + below), bins
    # log (1 - exp(-width)), which is log width where 1 / s is next to nothing
    tail = np.log(-np.expm1(-np.maximum(bins.width, TINY)))
    tail = np.where(bins.width < TINY, np.log(2 * half) - log_scales, tail)
    return above + below + np.where(inside, tail, 0), bins


def _slopes(bins, robust):
    """d log P / d mean, and d log P / d log s, of the bins that were observed."""
    inverse, upper, lower, width, first, last = bins
    above = np.where(last, 0, expit(-upper))           # d log σ(upper) / d upper
    below = np.where(first, 0, -expit(lower))          # d log (1 - σ(lower)) / d lower
    inside = ~(first | last)
    # upper, lower and width are multiples of 1 / s, so
    # d / d log s = -upper d / d upper - lower d / d lower - width d / d width
    width = np.maximum(width, TINY)                    # the last term tends to 1
    narrow = np.where(inside, width * np.exp(-width) / -np.expm1(-width), 0)
    dmean, dlog_scale = -(above + below), -upper * above - lower * below - narrow
    if robust:
        dmean_inside, dlog_scale_inside = _slopes_robust(bins)
        dmean = np.where(inside, dmean_inside, dmean)
        dlog_scale = np.where(inside, dlog_scale_inside, dlog_scale)
    return dmean * inverse, dlog_scale


def _slopes_robust(bins):
    """s d log P / d mean, and d log P / d log s, of the authors' form, for bins with two edges."""
    _, upper, lower, _, _, _ = bins
    mass, middle = _mass_and_middle(bins)
    by_mass, safe = mass > ENOUGH, np.maximum(mass, 1e-12)
    dupper, dlower = expit(upper) * expit(-upper), expit(lower) * expit(-lower)
    slope = 1 - 2 * expit(middle)                      # d log density / d middle
    dmean = np.where(by_mass, -(dupper - dlower) / safe, -slope)
    dlog_scale = np.where(by_mass, -(upper * dupper - lower * dlower) / safe, -middle * slope - 1)
    return dmean, dlog_scale


def _mass_and_middle(bins):
    """(mass, middle): σ(upper) - σ(lower), which cancels far from the mean; and (x - mean) / s."""
    return expit(bins.upper) - expit(bins.lower), (bins.upper + bins.lower) / 2


# mixtures


def _log_softmax(a):
    """log softmax over the last axis."""
    a = a - a.max(axis=-1, keepdims=True)              # else large numbers round
    return a - np.log(np.exp(a).sum(axis=-1, keepdims=True))


def _conditional_weights(log_weights, log_p):
    """log w_mc (..., C, M): how the colours before weigh the bells.

    log_weights   (..., M)      log π
    log_p         (..., C, M)   log P_m(v_c) of the observed colours
    """
    before = np.zeros_like(log_p)
    before[..., 1:, :] = np.cumsum(log_p[..., :-1, :], axis=-2)
    return _log_softmax(log_weights[..., None, :] + before)
