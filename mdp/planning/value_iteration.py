"""Value iteration: apply the optimality operator until its bounds close in.

    v <- T v,   (T v)(s) = max over a of r(s, a) + gamma sum over s' of P(s' | s, a) v(s')

After each sweep the smallest and the largest change bound the optimal value from both sides
(bounds.py). The iteration stops when the bounds are within tol, or when they cannot come closer in
floating point. A small last change alone stops nothing.

Each sweep shrinks the distance of the bounds at least by gamma, which gives the number of sweeps beforehand. At gamma = 1 nothing of the
kind holds: use policy_iteration.

Bellman 1957; MacQueen, "A modified dynamic programming method for Markovian decision problems", 1966; Puterman 1994, section 6.3.

Read first: bellman.py, bounds.py, iterate.py.  Read next: policy_iteration.py.
"""

import numpy as np

from . import iterate


def value_iteration(m, e, *, tol, max_iterations=1_000_000):
    """Solve the discounted criterion.   m MDP, e its Expected (rewards negated to minimise) -> Solution of e"""
    if e.gamma == 1:
        raise ValueError("value_iteration has no bound on its error at gamma = 1: use method=\"policy_iteration\"")
    enough = _sweeps_needed(e.gamma, float(np.abs(e.r).max(initial=0.0)), tol)
    return iterate.from_backups(m, e, lambda v, Tv, pairs, excess: Tv, tol=tol,
                                method="value_iteration", limit=min(enough + 8, max_iterations))


def _sweeps_needed(gamma, largest, tol):
    """Sweeps after which the bounds are tol apart in exact arithmetic.   largest: of all |r|"""
    if gamma == 0 or largest == 0:
        return 2
    # log of tol (1 - gamma)**2 / (8 largest): as numbers they would overflow or vanish
    target = np.log(max(tol, 1e-300)) + 2 * np.log1p(-gamma) - np.log(8) - np.log(largest)
    return max(2, int(np.ceil(target / np.log(gamma))) + 2)
