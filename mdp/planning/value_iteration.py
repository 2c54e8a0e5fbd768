"""Value iteration: apply the optimality operator until its bounds close in.

    v <- T v,   (T v)(s) = max over a of r(s, a) + gamma sum over s' of P(s' | s, a) v(s')

The textbook loop, on a process that has every action in every state:

    >>> import mdp
    >>> m = mdp.problems.gridworld()
    >>> P, R = m.dense()                                     # (S, A, S), (S, A)
    >>> v = np.zeros(m.num_states)
    >>> for _ in range(500):
    ...     v = (R + m.gamma * P @ v).max(axis=1)
    >>> bool(np.allclose(v, mdp.solve(m, method="value_iteration").v, rtol=0, atol=1e-7))
    True

After each sweep the smallest and the largest change bound the optimal value from both sides
(bounds.py). The iteration stops when the bounds are within tol, or when they cannot come closer in
floating point. A small last change alone stops nothing.

Each sweep shrinks the distance of the bounds at least by gamma, which gives the number of sweeps
beforehand. At gamma = 1 nothing of the kind holds: use policy_iteration.

Bellman 1957; MacQueen, "A modified dynamic programming method for Markovian decision problems",
1966; Puterman 1994, section 6.3.

Read first: bellman.py, planning/bounds.py, planning/iterate.py.
Read next: planning/gauss_seidel.py, planning/policy_iteration.py, planning/backward_induction.py.
"""

import numpy as np

from .. import bellman
from . import iterate

SPARE = 8                                    # sweeps more than needed, since numbers are rounded
LEAST = 1e-300                               # of tol, so that it has a logarithm


def value_iteration(m, e, *, tol, max_iterations=iterate.MOST):
    """Solve the discounted criterion -> Solution of e.

    m   MDP
    e   its Expected, rewards negated to minimise
    """
    if e.gamma == 1:
        raise ValueError("value_iteration has no bound on its error at gamma = 1: "
                         'use method="policy_iteration"')
    enough = _sweeps_needed(e.gamma, float(np.abs(e.r).max(initial=0.0)), tol) + SPARE
    stop = iterate.Backups(m, e, tol, "value_iteration", min(enough, max_iterations))
    v = iterate.start(e)
    while True:
        Tv, _ = bellman.backup(e, v)         # max over a of r(s, a) + gamma sum of P(s' | s, a) v
        if stop.at(v, Tv):
            return stop.solution()
        v = Tv


def _sweeps_needed(gamma, largest, tol):
    """Sweeps after which the bounds are tol apart in exact arithmetic.   largest: of all |r|"""
    if gamma == 0 or largest == 0:
        return 2
    # log of tol (1 - gamma)**2 / (8 largest): as numbers they would overflow or vanish
    target = np.log(max(tol, LEAST)) + 2 * np.log1p(-gamma) - np.log(8) - np.log(largest)
    return max(2, int(np.ceil(target / np.log(gamma))) + 2)
