"""What the methods that improve a vector v step by step share: where they start, and when they stop.

They start from below: v = min over s of max over a of r(s, a), divided by 1 - gamma, so that v <= T v and rewards flow in from where they are.
(From v = 0 with negative rewards a grid of 1e5 states took a hundred times longer.)

They stop when bounds.discounted of the current v, which hold for any v however it was found, are
within tol (solution.py: allowed). Methods whose step begins with T v have these bounds in each step
for nothing (`from_backups`). For methods that sweep in place they cost one more sweep, and the
largest change of a sweep only tells when they are worth it (`close_in`).

Read first: bounds.py, settle.py.  Read next: value_iteration.py, modified_policy_iteration.py,
anderson.py; gauss_seidel.py, modified_gauss_seidel.py, prioritized_sweeping.py, topological.py.
"""

import numpy as np

from .. import bellman
from ..linear import UNIT
from . import bounds
from .settle import settle

PATIENCE = 50                                # sweeps without a smaller change, or steps without closer bounds: rounding, or an oscillation


def start(e):
    """A v with v <= T v (in exact arithmetic): (S,), zero in terminal states."""
    alive = np.diff(e.pair_ptr) > 0
    least = bellman.pair_max(e, e.r)[alive].min(initial=np.inf)
    if not alive.any() or not np.isfinite(least) or least > 0 and (not alive.all() or e.sums[0] < 1 - 1e-9):
        return np.zeros(alive.size)                                     # where something ends, a constant gain does not last
    with np.errstate(over="ignore"):
        v = np.where(alive, least / (1 - e.gamma), 0.0)
    return v if np.isfinite(v).all() else np.zeros(alive.size)


def lasts(e):
    """True if nothing ends: T (v + c) = T v + gamma c, so a constant that is missing everywhere can be added in one go."""
    return bool((e.pair_ptr[1:] > e.pair_ptr[:-1]).all()) and e.sums[0] > 1 - 1e-9


def from_backups(m, e, step, *, tol, method, v=None, limit=1_000_000):
    """Step until the bounds are within tol, or come no closer.

    step     (v, T v, pairs greedy for v, how many times too far apart the bounds at v are) -> the
             next v; all (S,), and v[s] = 0 stays so in terminal states
    limit    steps at most; a limit reached is `converged=False` with valid bounds
    """
    v = start(e) if v is None else v
    history, since, closest, smallest = [], 0, (np.inf, None), np.inf
    while True:
        Tv, pairs = bellman.backup(e, v)
        width, size, change = bounds.width(e, v, Tv)
        history.append(width)
        since = 0 if width < closest[0] or change < smallest else since + 1
        smallest = min(smallest, change)
        if width < closest[0] or closest[1] is None:
            closest = (width, v)
        given_up = since >= PATIENCE or len(history) >= limit or not np.isfinite(width)
        if given_up or _within(width, size, tol):
            break
        v = step(v, Tv, pairs, width / (tol * max(1.0, size)))
    return settle(m, e, closest[1], None, tol=tol, iterations=len(history), method=method,
                  history=history)


def close_in(m, e, sweep, *, tol, method, v=None, limit=1_000_000, checks=8):
    """Sweep until the bounds are within tol, or come no closer.

    sweep    v (S,) -> (v (S,), largest change); may work in place
    limit    sweeps at most; a limit reached is `converged=False` with valid bounds
    checks   how many times the bounds may be computed without coming closer before floating point is held responsible
    """
    v = start(e) if v is None else v
    history, iterations, stalled, closest = [], 0, 0, (np.inf, None)
    smallest, since = np.inf, 0                                          # the smallest change so far, and how long ago that was
    worth = 0.25 * tol * (1 - e.gamma)  # a change from which bounds within tol may be hoped for,
    while True:  # of the largest value if that is above one
        v, change = sweep(v)
        iterations += 1
        history.append(2 * e.gamma / (1 - e.gamma) * change)
        smallest, since = (change, 0) if change < smallest else (smallest, since + 1)
        size = max(1.0, float(np.abs(v).max(initial=0.0)))
        over = iterations >= limit or not np.isfinite(change)
        if change <= worth * size or since >= PATIENCE or over:
            Tv, _ = bellman.backup(e, v)
            width, middle, _ = bounds.width(e, v, Tv)
            stalled = stalled + 1 if not width < closest[0] else 0
            if width < closest[0] or closest[1] is None:
                closest = (width, v.copy())
            if over or stalled >= checks or _within(width, middle, tol):
                break
            # below a unit or two a change is rounding
            worth, since = max(change / 2 / size, 2 * UNIT), 0
    return settle(m, e, closest[1], None, tol=tol, iterations=iterations, method=method,
                  history=history)


def _within(width, size, tol):
    """True if bounds about `width` apart are within tol once they have been rounded outwards.

    size   of the largest value
    """
    return bool(width + 24 * np.spacing(size) <= tol * max(1.0, size) * (1 - 8 * UNIT))
