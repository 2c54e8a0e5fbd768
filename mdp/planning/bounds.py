"""Bounds on values that hold, rounding included: what a residual proves.

Discounted. If c <= T v - v <= d everywhere, then (MacQueen 1966, Porteus 1971)

    T v + gamma c / (1 - gamma)  <=  v of the greedy policy  <=  v*  <=  T v + gamma d / (1 - gamma)

whatever v is and however it was found. Here c and d include the rounding error of the computed T v.
If v is shifted by a constant, T v is shifted by gamma times the constant. Where a row of P leads to
a terminal state, or does not sum to exactly one, the factor is another one: see `_shifts`.

"The last change was small" proves nothing of the kind: with gamma near 1 the error may be
1 / (1 - gamma) times as large.

Puterman 1994, theorem 6.6.3; rounding: linear.spread.

Read first: bellman.py, linear.py.  Read next: planning/settle.py, planning/iterate.py.
"""

import numpy as np

from .. import bellman, linear
from ..linear import UNIT, spread

SHIFTED = 8 * UNIT                           # rounding of a shift, and of adding it, relative
TERMS = 2                                    # r and gamma, beside the outcomes of a pair


def discounted(e, v, pairs=None):
    """(lower, upper, pairs): bounds from one application of T to v.

    e        Expected, gamma < 1
    v        (S,) any finite numbers, zero in terminal states
    pairs    (S,) the policy, as pairs, that `lower` is about; default: the greedy one
    returns  lower <= v of that policy <= v* <= upper, each (S,); infinite where gamma times a row
             sum reaches 1
    """
    high, best = bellman.backup(e, v)
    low = high if pairs is None else bellman.backup(bellman.follow(e, pairs), v)[0]
    return *around(e, v, low, high), best if pairs is None else pairs


def around(e, v, low, high):
    """(lower, upper) from v, the computed low = T_pi v and high = T v."""
    below, above, slack, _ = _shifts(e, v, low, high)
    # of all |lower| and |upper|
    largest = max(-float(low.min()), float(high.max())) + max(-below, above)
    slack += SHIFTED * largest
    lower, upper = low + (below - slack), high + (above + slack)
    if not e.choices:                        # else every state has pairs
        terminal = np.diff(e.pair_ptr) == 0
        lower[terminal] = upper[terminal] = 0.0
    return lower, upper


def width(e, v, Tv):
    """(distance, |midpoint|, |T v - v|): numbers, the largest of each, from min and max alone.

    distance   about how far apart the bounds `around` of a greedy step are
    """
    below, above, slack, change = _shifts(e, v, Tv, Tv)
    if not np.isfinite(above - below):
        return np.inf, np.inf, change
    middle = (above + below) / 2
    largest = max(abs(float(Tv.min()) + middle), abs(float(Tv.max()) + middle))
    return above - below + 2 * slack, largest, change


def _shifts(e, v, low, high):
    """(below, above, slack, change), numbers.

    below    from T_pi v to the lower bound: negative
    above    from T v to the upper bound
    slack    how much rounding may have changed these two
    change   the largest |T v - v|
    """
    error = rounding(e, v)
    # a shift of v by one moves T v by between these
    gain = e.gamma * (max(1.0, e.sums[1]) + spread(e.most))
    loss = e.gamma * max(0.0, min(1.0, e.sums[0]) - spread(e.most))
    if not gain < 1:
        return -np.inf, np.inf, 0.0, np.inf
    change = low - v                         # 0 in terminal states
    c = float(change.min()) - error
    d = float((change if high is low else high - v).max()) + error
    below = gain * c / (1 - gain) if c < 0 else loss * c / (1 - loss)
    above = gain * d / (1 - gain) if d > 0 else loss * d / (1 - loss)
    slack = SHIFTED * (abs(c) + abs(d)) / (1 - gain)
    return below - error, above + error, slack, max(-c, d)


def rounding(e, v):
    """Bound on the error of every computed q at v: a number.

    It is bellman.pair_rounding with the largest value of each of its parts, without a pass over P.
    """
    largest = float(np.abs(v).max(initial=0.0))
    magnitude = e.scale + e.gamma * e.sums[1] * largest
    return float(linear.rounding(e.most + TERMS, magnitude, max(e.scale, largest)))
