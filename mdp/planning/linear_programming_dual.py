"""Linear programming, dual: how often each pair is visited, and what that earns.

    maximise    sum over (s, a) of r(s, a) x(s, a)
    subject to  sum over a of x(s, a) = 1 + gamma sum over (t, b) of P(s | t, b) x(t, b),   x >= 0

x(s, a) is the discounted number of visits when every state is a start once (occupancy). A basic
solution has one positive pair in each state: the optimal policy.

Puterman 1994, section 6.9.3.  The primal: linear_programming.py.

Read first: planning/linear_programming.py.
Read next: planning/constrained.py, planning/anderson.py.
"""

import numpy as np
from scipy.optimize import linprog

from .. import bellman
from .linear_programming import balance, bounded


def linear_programming_dual(m, e, *, tol):
    """Solve the discounted criterion -> Solution of e.

    m   MDP
    e   its Expected, gamma < 1, rewards negated to minimise
    """
    if not e.r.size:
        return bounded(m, e, np.full(m.num_states, -1), tol, 0, "linear_programming_dual")
    alive = np.diff(e.pair_ptr) > 0
    result = linprog(-e.r, A_eq=balance(e).T.tocsr()[alive], b_eq=np.ones(int(alive.sum())),
                     bounds=(0, None), method="highs")
    x = result.x if result.x is not None else np.zeros(e.r.size)
    return bounded(m, e, bellman.pair_argmax(e, x), tol, result.nit, "linear_programming_dual")
