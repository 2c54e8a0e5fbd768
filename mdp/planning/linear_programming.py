"""Linear programming, primal: the optimal value is the smallest function that no action improves.

    minimise    sum over s of v(s)
    subject to  v(s) >= r(s, a) + gamma sum over s' of P(s' | s, a) v(s')     for every pair

The solver (HiGHS, through scipy) works to a feasibility tolerance, which 1 / (1 - gamma) magnifies.
So only its policy is taken: the pair with the least slack in each state. It is evaluated anew, and
bounded like any other.

d'Epenoux 1960; Puterman 1994, section 6.9.  The dual: linear_programming_dual.py.

Read first: bellman.py, planning/policy_iteration.py, planning/settle.py.
Read next: planning/linear_programming_dual.py.
"""

import numpy as np
import scipy.sparse as sp
from scipy.optimize import linprog

from .. import bellman
from .policy_iteration import evaluate_pairs
from .settle import settle


def linear_programming(m, e, *, tol):
    """Solve the discounted criterion -> Solution of e.

    m   MDP
    e   its Expected, gamma < 1, rewards negated to minimise
    """
    if not e.r.size:
        return bounded(m, e, np.full(m.num_states, -1), tol, 0, "linear_programming")
    free = [(None, None) if n else (0, 0) for n in np.diff(e.pair_ptr)]      # terminal: worth zero
    result = linprog(np.ones(m.num_states), A_ub=-balance(e), b_ub=-e.r, bounds=free,
                     method="highs")
    v = result.x if result.x is not None else np.zeros(m.num_states)
    pairs = bellman.pair_argmax(e, bellman.pair_q(e, v))
    return bounded(m, e, pairs, tol, result.nit, "linear_programming")


def balance(e):
    """(X, S): row k is [s = owner of k] - gamma P_k."""
    X = e.r.size
    owner = sp.csr_matrix((np.ones(X), (np.arange(X), e.owner)), shape=e.P.shape)
    return owner - e.gamma * e.P


def bounded(m, e, pairs, tol, iterations, method):
    """The Solution that a policy proves: its own value, and how far from optimal it may be."""
    v, _ = evaluate_pairs(e, pairs)
    return settle(m, e, v, pairs, tol=tol, iterations=iterations, method=method)
