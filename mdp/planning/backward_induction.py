"""Backward induction: the finite horizon, one step at a time from the end.

    v_T = terminal values
    v_t(s) = max over a of r(s, a) + gamma sum over s' of P(s' | s, a) v_{t+1}(s')
             for t = T-1, ..., 0

The textbook loop, on a process that has every action in every state:

    >>> import mdp
    >>> m = mdp.problems.gridworld()
    >>> P, R = m.dense()                                     # (S, A, S), (S, A)
    >>> v = [np.zeros(m.num_states)]
    >>> for _ in range(5):
    ...     v.insert(0, (R + m.gamma * P @ v[0]).max(axis=1))
    >>> bool(np.allclose(v, mdp.solve(m, horizon=5).v, rtol=0, atol=1e-12))
    True

The optimal policy depends on time: policy[t] is what to do with T - t steps to go, the first of the
actions that rounding cannot tell from the best. gamma may be 1. In a terminal state the process has
ended: its value is its terminal value at every t.

Bellman 1957; Puterman 1994, section 4.5. The bounds carry the rounding of each step back through
the operator, which is monotone.

Read first: bellman.py, planning/solution.py.  Read next: planning/policy_iteration_total.py.
"""

import numpy as np

from .. import bellman
from ..linear import spread
from .solution import finish

OUTWARD = 1 + 4 * spread(0)                  # what rounding may take from a sum of errors


def backward_induction(m, e, *, horizon, terminal_values, tol):
    """Solve the finite-horizon criterion -> Solution of e.

    m                MDP
    e                its Expected, rewards negated to minimise
    terminal_values  (S,), negated as well
    """
    S, T = m.num_states, horizon
    v, error = np.empty((T + 1, S)), np.zeros((T + 1, S))
    policy, q = np.empty((T, S), np.int64), np.empty((T, S, m.num_actions))
    v[T] = terminal_values
    for t in reversed(range(T)):
        own = bellman.pair_q(e, v[t + 1])                              # (X,)
        v[t] = np.where(m.terminal, v[T], bellman.pair_max(e, own))
        policy[t], error[t] = _first_best(e, own, v[t], v[t + 1], error[t + 1])
        q[t] = bellman.table(e, own, m.num_actions)
    return finish(m, e, lower=v - error, upper=v + error, pairs=policy, tol=tol, iterations=T,
                  method="backward_induction", criterion="finite_horizon", q_of=lambda _: q)


def _first_best(e, q, v, after, error):
    """(pairs, bound on the error of v), (S,) each: the first of those that may be best.

    q      (X,)
    v      (S,) the largest q of each state
    after  (S,) the values one step later
    error  (S,) bound on the error of `after`
    """
    # both for the best action and for the value of the policy: |true q - q| <= this, for every pair
    passed_on = e.gamma * (1 + spread(e.count)) * (e.P @ error)
    wrong = bellman.pair_max(e, (bellman.pair_rounding(e, after) + passed_on) * OUTWARD)
    pairs = bellman.pair_first(e, q, v - 2 * wrong)
    given_up = np.where(pairs >= 0, v - q[pairs], 0.0) if q.size else 0.0
    return pairs, (wrong + given_up) * OUTWARD
