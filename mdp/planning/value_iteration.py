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

After each sweep the smallest and the largest change T v - v bound the optimal value from below and
above (planning/bounds.py). The iteration stops when the bounds are within tol of each other, or
when they cannot come closer in floating point (planning/iterate.py). A small change is not enough:
near gamma = 1 the error may be much larger.

Each sweep multiplies the distance between the bounds by gamma at most. So the number of sweeps that
are needed is known beforehand. At gamma = 1 there are no such bounds: use policy_iteration.

Bellman 1957; MacQueen, "A modified dynamic programming method for Markovian decision problems",
1966; Puterman 1994, section 6.3.

Read first: bellman.py, planning/bounds.py, planning/iterate.py.
Read next: planning/gauss_seidel.py, planning/policy_iteration.py, planning/backward_induction.py.
"""

import numpy as np

from .. import bellman
from . import iterate

SPARE = 8                                    # sweeps beyond the number needed in exact arithmetic
LEAST = 1e-300                               # a smaller tol counts as this one: log of 0 is -inf


def value_iteration(m, e, *, tol, max_iterations=iterate.MOST):
    """Solve the discounted criterion -> Solution of e.

    m               MDP
    e               its Expected, rewards negated to minimise
    tol             as in `solve`
    max_iterations  sweeps at most; bounds that are still too far apart then are returned as such

    ValueError at gamma = 1.
    """
    if e.gamma == 1:
        raise ValueError("value_iteration has no bound on its error at gamma = 1: "
                         'use method="policy_iteration"')
    enough = _sweeps_needed(e.gamma, float(np.abs(e.r).max(initial=0.0)), tol) + SPARE
    stop = iterate.Backups(m, e, tol, "value_iteration", min(enough, max_iterations))
    v = iterate.start(e)
    while True:
        Tv, _ = bellman.backup(e, v)         # (S,) T v; beside it the greedy policy
        if stop.at(v, Tv):
            return stop.solution()
        v = Tv


def _sweeps_needed(gamma, largest, tol):
    """A number n of sweeps after which the bounds are within tol in exact arithmetic.

    largest   of all |r|

    iterate.start has |v| <= largest / (1 - gamma), so that |T v - v| <= 2 largest / (1 - gamma).
    After n sweeps the changes are gamma**n times as large at most. Bounds are at most
    2 |T v - v| / (1 - gamma) apart, so that n is enough if

        4 largest gamma**n / (1 - gamma)**2 <= tol

    and half of tol is aimed at.

    >>> _sweeps_needed(0.5, 1.0, 2.0**-10)   # 2**-n = 2**-10 / 4 / 8 for n = 15; 2 more
    17
    """
    if gamma == 0 or largest == 0:           # the first bounds meet
        return 2
    # gamma**n = tol (1 - gamma)**2 / (8 largest), in logarithms: the numbers might leave floats
    target = np.log(max(tol, LEAST)) + 2 * np.log1p(-gamma) - np.log(8) - np.log(largest)
    return max(2, int(np.ceil(target / np.log(gamma))) + 2)
