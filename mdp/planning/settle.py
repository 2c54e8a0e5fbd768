"""Where every method of the discounted criterion ends: bounds, and the first of the best actions.

    high = T v,  low = T_pi v           what bounds.py needs
    pi(s) = the first a with q(s, a) >= high(s) - slack

The computed q of equally good actions differ by rounding. They also differ by up to gamma times
the distance of the bounds, since v is known no better. So the slack is the sum of both, if that is
small. The policy that takes the first of these actions is proved anew: its lower bound must leave
the bounds within tol. Where that fails, the slack is the rounding alone. Where that fails too, the
policy stays as the method found it.

Read first: bellman.py, planning/bounds.py, planning/solution.py.
Read next: planning/iterate.py, planning/policy_iteration.py.
"""

import numpy as np

from .. import bellman
from . import bounds
from .solution import allowed, finish

TIE = 1e-8                                   # of the largest value: a larger loss is never a tie
SWEEPS = 100                                 # of the policy of first actions, until its lower
                                             # bound is good
OUTWARD = 4                                  # spacings that `finish` may add


def settle(m, e, v, pairs, *, tol, iterations, method, history=None):
    """The Solution that v and a policy prove.

    v       (S,) any finite numbers, zero in terminal states
    pairs   (S,) the policy; None for the greedy one
    """
    high, best = bellman.backup(e, v)
    low = high if pairs is None else bellman.backup(bellman.follow(e, pairs), v)[0]
    pairs = best if pairs is None else pairs
    lower, upper = bounds.around(e, v, low, high)
    width = float(np.max(upper - lower, initial=0.0))
    if np.isfinite(width) and e.r.size:
        lower, pairs = _first_best(e, v, high, pairs, lower, upper, width, tol)
    return finish(m, e, lower=lower, upper=upper, pairs=pairs, tol=tol, iterations=iterations,
                  method=method, history=history)


def _first_best(e, v, high, pairs, lower, upper, width, tol):
    """(lower, pairs) of the policy of first best actions; as given where it proves too little."""
    middle = (lower + upper) / 2
    limit = allowed(tol, middle)
    rounding = 2 * bounds.rounding(e, v)
    unsure = min(e.gamma * width, TIE * max(1.0, float(np.abs(middle).max(initial=0.0))))
    q = bellman.pair_q(e, v)
    for slack in ([rounding + unsure] if width <= limit else []) + [rounding]:
        first = bellman.pair_first(e, q, high - slack)
        if (first == pairs).all():
            break
        proved = _lower(e, v, first, upper, max(limit, width))
        if proved is not None:
            return proved, first
    return lower, pairs


def _lower(e, v, pairs, upper, limit):
    """A lower bound (S,) on the value of `pairs`, at most `limit` below `upper`; or None."""
    chain, closest = bellman.follow(e, pairs), np.inf
    for _ in range(SWEEPS):
        swept = bellman.backup(chain, v)[0]
        lower, _ = bounds.around(e, v, swept, swept)
        distance = float(np.max(upper - lower))
        if distance <= limit - OUTWARD * np.spacing(np.abs(upper).max()):
            return lower
        if not distance < closest:
            return None
        v, closest = swept, distance
    return None
