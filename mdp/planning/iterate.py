"""What the methods that improve a vector v step by step share: where they start, when they stop.

They start from below: v is the smallest over s of max over a of r(s, a), divided by 1 - gamma. Then
v <= T v, and values rise from where the rewards are. (From v = 0 with negative rewards a grid of
1e5 states took a hundred times longer.)

They stop when the bounds of the current v are within tol (solution.py: allowed), or come no closer
in floating point. These bounds hold for any v, however it was found (bounds.py).

    Backups   for methods whose step begins with T v, which gives the bounds at no further cost
    Sweeps    for methods that sweep in place: bounds cost one more sweep. They are computed when
              the largest change of a sweep has become small enough

Read first: bellman.py, planning/bounds.py, planning/settle.py.
Read next: planning/value_iteration.py, planning/gauss_seidel.py.
"""

import numpy as np

from .. import bellman
from ..linear import UNIT
from . import bounds
from .settle import settle

MOST = 1_000_000                             # steps or sweeps, where the user names no number
PATIENCE = 50                                # sweeps without a smaller change, or steps without
                                             # closer bounds: rounding, or an oscillation
CHECKS = 8                                   # bounds in a row that came no closer: rounding
WORTH = 1 / 4                                # of the change that tol allows: from there on bounds
                                             # are computed
WHOLE = 1 - 1e-9                             # a row sum from here on is one: the process goes on
NOISE = 2 * UNIT                             # of the largest value: a smaller change is rounding
OUTWARD = 24                                 # spacings by which rounding may widen the bounds


def start(e):
    """A v with v <= T v (in exact arithmetic): (S,), zero in terminal states."""
    alive = np.diff(e.pair_ptr) > 0
    least = bellman.pair_max(e, e.r)[alive].min(initial=np.inf)
    ends = not alive.all() or e.sums[0] < WHOLE
    if not alive.any() or not np.isfinite(least) or least > 0 and ends:
        return np.zeros(alive.size)          # where something ends, a constant gain does not last
    with np.errstate(over="ignore"):
        v = np.where(alive, least / (1 - e.gamma), 0.0)
    return v if np.isfinite(v).all() else np.zeros(alive.size)


def lasts(e):
    """True if nothing ends: T (v + c) = T v + gamma c for every number c.

    So a constant that is missing everywhere can be added in one go.
    """
    return bool((e.pair_ptr[1:] > e.pair_ptr[:-1]).all()) and e.sums[0] > WHOLE


class Backups:
    """When to stop a method that has T v in each step.

    m        MDP
    e        its Expected, gamma < 1, rewards negated to minimise
    tol      as in `solve`
    method   its name
    limit    steps at most; a limit reached is `converged=False` with valid bounds

    history  the width of the bounds at each step
    excess   how many times too far apart they are at the last one
    """

    def __init__(self, m, e, tol, method, limit=MOST):
        self.m, self.e, self.tol, self.method, self.limit = m, e, tol, method, limit
        self.history, self.excess = [], np.inf
        self._closest, self._smallest, self._since = (np.inf, None), np.inf, 0

    def at(self, v, Tv):
        """True if this is the last step.   v and T v (S,), neither of which is changed later"""
        width, size, change = bounds.width(self.e, v, Tv)
        self.history.append(width)
        closer = width < self._closest[0] or change < self._smallest
        self._since = 0 if closer else self._since + 1
        self._smallest = min(self._smallest, change)
        if width < self._closest[0] or self._closest[1] is None:
            self._closest = width, v
        self.excess = width / (self.tol * max(1.0, size))
        return (self._since >= PATIENCE or len(self.history) >= self.limit
                or not np.isfinite(width) or _within(width, size, self.tol))

    def solution(self):
        """The Solution of the v whose bounds were closest."""
        return settle(self.m, self.e, self._closest[1], None, tol=self.tol, method=self.method,
                      iterations=len(self.history), history=self.history)


class Sweeps:
    """When to stop a method that sweeps in place.

    m        MDP
    e        its Expected, gamma < 1, rewards negated to minimise
    tol      as in `solve`
    method   its name
    limit    sweeps at most; a limit reached is `converged=False` with valid bounds

    history  about the width of the bounds after each sweep
    """

    def __init__(self, m, e, tol, method, limit=MOST):
        self.m, self.e, self.tol, self.method, self.limit = m, e, tol, method, limit
        self.history, self._closest, self._stalled = [], (np.inf, None), 0
        self._smallest, self._since = np.inf, 0                         # the smallest change so far
        # a change from which bounds within tol may be hoped for, of the largest value above one
        self._worth = WORTH * tol * (1 - e.gamma)

    def at(self, v, change):
        """True if this is the last sweep.   v (S,) after it; change: the largest one"""
        e = self.e
        self.history.append(2 * e.gamma / (1 - e.gamma) * change)
        smaller = change < self._smallest
        self._smallest, self._since = (change, 0) if smaller else (self._smallest, self._since + 1)
        size = max(1.0, float(np.abs(v).max(initial=0.0)))
        over = len(self.history) >= self.limit or not np.isfinite(change)
        if not (change <= self._worth * size or self._since >= PATIENCE or over):
            return False
        width, middle, _ = bounds.width(e, v, bellman.backup(e, v)[0])
        closer = width < self._closest[0]
        self._stalled = 0 if closer else self._stalled + 1
        if closer or self._closest[1] is None:
            self._closest = width, v.copy()
        self._worth, self._since = max(change / 2 / size, NOISE), 0
        return over or self._stalled >= CHECKS or _within(width, middle, self.tol)

    def solution(self):
        """The Solution of the v whose bounds were closest."""
        return settle(self.m, self.e, self._closest[1], None, tol=self.tol, method=self.method,
                      iterations=len(self.history), history=self.history)


def _within(width, size, tol):
    """True if bounds about `width` apart are within tol once they have been rounded outwards.

    size   of the largest value
    """
    return bool(width + OUTWARD * np.spacing(size) <= tol * max(1.0, size) * (1 - 8 * UNIT))
