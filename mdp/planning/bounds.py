"""Bounds on values that hold, rounding included: what a residual proves.

Discounted. If c <= T v - v <= d everywhere, then (MacQueen 1966, Porteus 1971)

    T v + gamma c / (1 - gamma)  <=  v of the greedy policy  <=  v*  <=  T v + gamma d / (1 - gamma)

whatever v is and however it was found. Here c and d include the rounding error of the computed T v, and where a row of P leads
to a terminal state, or does not sum to exactly one, the shift of v by a constant is passed on only in part, which the factors allow for.

"The last change was small" proves nothing of the kind: with gamma near 1 the error may be 1 / (1 - gamma) times as large.

Puterman 1994, theorem 6.6.3; spec of rounding: linear.spread.

Read first: bellman.py.  Read next: value_iteration.py, policy_iteration.py.
"""

import numpy as np

from .. import bellman
from ..linear import UNIT, spread


def discounted(e, v, pairs=None):
    """(lower, upper, pairs): bounds from one application of T to v.

    e        Expected, gamma < 1        v (S,) any finite numbers, zero in terminal states
    pairs    (S,) the policy, as pairs, that `lower` is about; default: the greedy one
    returns  lower <= v of that policy <= v* <= upper, each (S,); infinite where gamma times a row sum reaches 1
    """
    q, rounding = bellman.pair_q(e, v), bellman.pair_rounding(e, v)
    terminal = np.diff(e.pair_ptr) == 0
    if pairs is None:
        pairs = bellman.pair_argmax(e, q)
    low = np.where(terminal, 0.0, (q - rounding)[pairs] if q.size else 0.0)            # T_pi v is at least this
    high = bellman.pair_max(e, q + rounding)                                           # T v is at most this
    sums = np.asarray(e.P.sum(axis=1)).ravel()
    rounded = spread(e.count.max(initial=0))
    gain = e.gamma * (max(1.0, sums.max(initial=1)) + rounded)                          # a shift of v by one moves T v by between these
    loss = e.gamma * max(0.0, min(1.0, sums.min(initial=1)) - rounded)
    if not gain < 1:
        infinite = np.where(terminal, 0.0, np.inf)
        return -infinite, infinite, pairs
    c, d = (low - v).min(), (high - v).max()                                            # terminal states contribute 0
    lower = low + (gain * c / (1 - gain) if c < 0 else loss * c / (1 - loss))
    upper = high + (gain * d / (1 - gain) if d > 0 else loss * d / (1 - loss))
    lower, upper = lower - 8 * UNIT * (np.abs(lower) + np.abs(c / (1 - gain))), upper + 8 * UNIT * (np.abs(upper) + np.abs(d / (1 - gain)))
    return np.where(terminal, 0.0, lower), np.where(terminal, 0.0, upper), pairs
