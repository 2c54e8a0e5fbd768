"""Mixture of discretised logistics: M bells over the levels of a pixel, and the colours of one pixel together.

    p(v) = Σ_k π_k Π_c P_k(v_c)                                            one mixture for all colours: joint over channels
    P_k(v_c) = σ((x_c + h - m_kc) / s_kc) - σ((x_c - h - m_kc) / s_kc)     x = 2 v / (L - 1) - 1,  h = 1 / (L - 1) half a bin
    m_kc = μ_kc + Σ_(j < c) tanh(a_kcj) x_j                                the mean moves with the colours before it, as observed

The first and the last bin reach to infinity, so that the levels share all of the mass.
s = exp(max(log s, least)), where

    least = -7 for L <= 256, as the authors have it, else -7 - log((L - 1) / 255)

so that a bell may be as narrow in bins as with 256 levels. With -7 the most probable inner level
has at most 0.97 of the mass at 256 levels (0.04 bits), 0.49 at 1,024 and 0.13 at 4,096 (1.03 and
2.91 bits), however sure the network is.

Salimans, Karpathy, Chen, Kingma, "PixelCNN++", 2017, sections 2.1 and 2.2; the authors' nn.py, discretized_mix_logistic_loss.
The difference of two σ cancels where a bell is far away or narrow. The form used here does not, with p and m the two arguments of σ:

    log(σ(p) - σ(m)) = -softplus(-p) - softplus(m) + log(1 - exp(-(p - m)))              p - m = 2 h / s, exactly

robust=True is the authors' form: the density in the middle of the bin, times its width, where the difference is below 1e-5. Its levels sum to one
only within 7.3e-6. It is there to compare with their numbers; `draw` inverts the exact distribution function in either case.

The colours of a pixel factorise by the chain rule, exactly. What is observed of the first colours weighs the components,

    p(v_c | v_<c) = Σ_k w_kc P_k(v_c),     w_kc = softmax over k of  log π_k + Σ_(j < c) log P_k(v_j)

and each conditional is again a mixture of discretised logistics. `terms`, `log_conditionals` and `draw` are made of these. The authors draw a component, then a
logistic number, and do not round it to a level; here a level is drawn, and one uniform per colour decides.

The numbers of a pixel, as the authors lay them out: M log weights, then for every colour M means, M log scales and M coefficients, where the coefficients of the pairs
(c, j) = (1, 0), (2, 0), (2, 1), ... are dealt out to the colours in turn: 10 M numbers for three colours, 3 M for one.

Read first: bernoulli.py, categorical.py.  Read next: models/pixelcnn_pp.py.
"""

import math
from typing import NamedTuple

import numpy as np
from scipy.special import expit

from .levels import check_outputs, check_targets

TINY = 1e-300                                          # below it a float64 has fewer digits


class Bound(NamedTuple):
    """The loss of one model: the functions of this module with the number of levels filled in."""
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
    """Numbers per pixel.

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

    ValueError if shapes disagree or a target is outside [0, levels).
    """
    targets, x, mixture = _observe(outputs, targets, levels)
    log_p, bins = _log_p(x[..., None], targets[..., None], mixture.means, mixture.log_scales, levels, robust)            # (..., C, M)
    joint = mixture.log_weights + log_p.sum(axis=-2)                       # (..., M)
    return np.logaddexp.reduce(joint, axis=-1), (outputs, x, mixture, joint, bins, levels, robust)


def backward(dlog_prob, cache, /):
    """dlog_prob (N, H, W) -> doutputs (N, H, W, size(M, C)).   With r_k the share of component k in p(v),

        d log p / d log-weight_k = r_k - π_k         d log p / d log P_k(v_c) = r_k
    """
    outputs, x, mixture, joint, bins, levels, robust = cache
    C, M = mixture.means.shape[-2:]
    where = layout(M, C)
    scale = dlog_prob[..., None]
    share = scale * np.exp(_log_softmax(joint))                            # (..., M)
    dlog_weights = share - scale * np.exp(mixture.log_weights)
    dmeans, dlog_scales = (share[..., None, :] * slope for slope in _slopes(bins, robust))     # (..., C, M)
    # log_scales = max(raw, least)
    dlog_scales *= outputs[..., where.log_scales] > least_log_scale(levels)
    doutputs = np.empty(outputs.shape, outputs.dtype)
    doutputs[..., where.log_weights], doutputs[..., where.means], doutputs[..., where.log_scales] = dlog_weights, dmeans, dlog_scales
    # means[c] += tanh(raw) x[j]
    for pair, (c, j) in enumerate(pairs(C)):
        slope = 1 - mixture.coefficients[..., pair, :]**2
        doutputs[..., where.coefficients[pair]] = dmeans[..., c, :] * x[..., j, None] * slope
    return (doutputs,)


def terms(outputs, /, *, targets, levels, robust=False):
    """(N, H, W, C) float64: log p(v_c | v_<c) of every colour. Their sum over a pixel is `forward`'s log_prob."""
    targets, x, mixture = _observe(outputs, targets, levels)
    log_p, _ = _log_p(x[..., None], targets[..., None], mixture.means, mixture.log_scales, levels, robust)               # (..., C, M)
    return np.logaddexp.reduce(_conditional_weights(mixture.log_weights, log_p) + log_p, axis=-1)


def log_conditionals(outputs, /, *, targets, levels, robust=False):
    """(N, H, W, C, L) float64: log p(v_c = v | v_<c) for every level v.   targets: what the colours before it were observed to be"""
    targets, x, mixture = _observe(outputs, targets, levels)
    log_p, _ = _log_p(x[..., None], targets[..., None], mixture.means, mixture.log_scales, levels, robust)
    log_w = _conditional_weights(mixture.log_weights, log_p)               # (..., C, M)
    every = np.arange(levels)
    result = np.full((*targets.shape, levels), -np.inf)
    for k in range(log_w.shape[-1]):                                       # one component at a time: L numbers per sub-pixel are enough to hold
        mean, log_scale = mixture.means[..., k, None], mixture.log_scales[..., k, None]
        here, _ = _log_p(_encode(every, levels), every, mean, log_scale, levels, robust)         # (..., C, L)
        result = np.logaddexp(result, log_w[..., k, None] + here)
    return result


def draw(outputs, /, *, uniforms, levels):
    """Levels from uniforms in [0, 1), (N, H, W, C): colour by colour the first v with u < p(0 | v_<c) + ... + p(v | v_<c).

    The sum is a mixture of σ((x_v + h - m) / s), so it is never added up: v is found by bisection.
    """
    C = uniforms.shape[-1]
    check_outputs(outputs)
    drawn, half = np.zeros(uniforms.shape, np.int64), 1 / (levels - 1)
    for c in range(C):
        _, x, mixture = _observe(outputs, drawn, levels)                   # means of colour c: from the colours drawn so far
        log_p, _ = _log_p(x[..., None], drawn[..., None], mixture.means, mixture.log_scales, levels, False)
        w = np.exp(_conditional_weights(mixture.log_weights, log_p)[..., c, :])                  # (..., M)
        mean, inverse = mixture.means[..., c, :], np.exp(-mixture.log_scales[..., c, :])
        low, high = np.zeros(uniforms.shape[:-1], np.int64), np.full(uniforms.shape[:-1], levels - 1)
        while (low < high).any():
            middle = (low + high) // 2
            below = (w * expit(inverse * (_encode(middle, levels)[..., None] + half - mean))).sum(axis=-1) <= uniforms[..., c]
            low, high = np.where(below & (low < high), middle + 1, low), np.where(below, high, middle)
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
    """Layout for M components and C colours.

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
    return Layout(numbers, *(M + M * np.array(rows, np.int64).reshape(-1, 1) + numbers for rows in (means, log_scales, coefficients)))


def pairs(C):
    """(colour, an earlier one) of every coefficient, in order.

    >>> pairs(3)
    [(1, 0), (2, 0), (2, 1)]
    """
    return [(c, j) for c in range(C) for j in range(c)]


class Mixture(NamedTuple):
    """What a pixel's outputs say, in float64."""
    log_weights: np.ndarray                            # (..., M)  log π
    means: np.ndarray                                  # (..., C, M)  m, moved by the colours before
    log_scales: np.ndarray                             # (..., C, M)  at least `least_log_scale`
    coefficients: np.ndarray                           # (..., C (C - 1) / 2, M)  tanh a


def _observe(outputs, targets, levels):
    """The checked targets, x (..., C) float64, and the Mixture given them."""
    targets = np.asarray(targets)
    C = targets.shape[-1] if targets.ndim else 0
    M = outputs.shape[-1] // size(1, C)
    if C < 1 or M < 1 or outputs.shape[-1] != size(M, C):
        raise ValueError(f"outputs must have a multiple of {size(1, C)} numbers per pixel of {C} colours, have shape {outputs.shape}")
    targets = check_targets(targets, (*outputs.shape[:-1], C), levels)
    where, x = layout(M, C), _encode(targets, levels)
    outputs = outputs.astype(np.float64)
    means, coefficients = outputs[..., where.means], np.tanh(outputs[..., where.coefficients])
    for pair, (c, j) in enumerate(pairs(C)):
        means[..., c, :] += coefficients[..., pair, :] * x[..., j, None]
    log_scales = np.maximum(outputs[..., where.log_scales], least_log_scale(levels))
    return targets, x, Mixture(_log_softmax(outputs[..., where.log_weights]), means, log_scales, coefficients)


def least_log_scale(levels):
    """The bound of log s.

    >>> least_log_scale(2), least_log_scale(256), least_log_scale(255 * 2 + 1) + math.log(2)
    (-7.0, -7.0, -7.0)
    """
    return -7.0 - math.log(max(1.0, (levels - 1) / 255))


def _encode(levels_seen, levels):
    """v -> x in [-1, 1], float64."""
    return levels_seen * (2 / (levels - 1)) - 1


# one logistic, cut into bins


class Bins(NamedTuple):
    """One bin of each logistic, in units of its scale."""
    inverse: np.ndarray                                # 1 / s
    upper: np.ndarray                                  # p = (x + h - m) / s
    lower: np.ndarray                                  # m = (x - h - m) / s
    width: np.ndarray                                  # p - m = 2 h / s
    first: np.ndarray                                  # bool: this bin has no lower edge
    last: np.ndarray                                   # bool: this bin has no upper edge


def _log_p(x, v, means, log_scales, levels, robust):
    """log P(v) of each logistic, and its Bins.   x = _encode(v); everything broadcasts"""
    half = 1 / (levels - 1)
    inverse = np.exp(-log_scales)
    away = x - means
    bins = Bins(inverse, inverse * (away + half), inverse * (away - half), 2 * half * inverse, v == 0, v == levels - 1)
    above = np.where(bins.last, 0, -np.logaddexp(0, -bins.upper))          # log σ(p)
    below = np.where(bins.first, 0, -np.logaddexp(0, bins.lower))          # log (1 - σ(m))
    inside = ~(bins.first | bins.last)
    if not robust:
        # log (1 - exp(-width)), which is log width where 1 / s is next to nothing
        tail = np.log(-np.expm1(-np.maximum(bins.width, TINY)))
        tail = np.where(bins.width < TINY, np.log(2 * half) - log_scales, tail)
        return above + below + np.where(inside, tail, 0), bins
    mass, middle = _mass_and_middle(bins)
    density = middle - 2 * np.logaddexp(0, middle) - log_scales + np.log(2 * half)
    return np.where(inside, np.where(mass > 1e-5, np.log(np.maximum(mass, 1e-12)), density), above + below), bins


def _slopes(bins, robust):
    """d log P / d mean and d log P / d log s."""
    inverse, upper, lower, width, first, last = bins
    above = np.where(last, 0, expit(-upper))           # d log σ(p) / dp
    below = np.where(first, 0, -expit(lower))          # d log (1 - σ(m)) / dm
    inside = ~(first | last)
    # p, m and the width are multiples of 1 / s, so d / d log s = -p d / dp - m d / dm - width d / dwidth
    width = np.maximum(width, TINY)                    # the last term tends to 1
    dmean, dlog_scale = -(above + below), -upper * above - lower * below - np.where(inside, width * np.exp(-width) / -np.expm1(-width), 0)
    if robust:
        mass, middle = _mass_and_middle(bins)
        dupper, dlower = expit(upper) * expit(-upper), expit(lower) * expit(-lower)
        by_mass, safe = mass > 1e-5, np.maximum(mass, 1e-12)
        slope = 1 - 2 * expit(middle)                                      # of the log density, by middle
        dmean = np.where(inside, np.where(by_mass, -(dupper - dlower) / safe, -slope), dmean)
        dlog_scale = np.where(inside, np.where(by_mass, -(upper * dupper - lower * dlower) / safe, -middle * slope - 1), dlog_scale)
    return dmean * inverse, dlog_scale


def _mass_and_middle(bins):
    """σ(p) - σ(m), which cancels far from the mean, and (x - m) / s."""
    return expit(bins.upper) - expit(bins.lower), (bins.upper + bins.lower) / 2


# mixtures


def _log_softmax(a):
    a = a - a.max(axis=-1, keepdims=True)                                  # rounding of large numbers must not unbalance the sum
    return a - np.log(np.exp(a).sum(axis=-1, keepdims=True))


def _conditional_weights(log_weights, log_p):
    """(..., C, M): log w_kc, from log π (..., M) and log P of the observed colours (..., C, M)."""
    before = np.zeros_like(log_p)
    before[..., 1:, :] = np.cumsum(log_p[..., :-1, :], axis=-2)
    return _log_softmax(log_weights[..., None, :] + before)
