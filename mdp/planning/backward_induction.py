"""Backward induction: the finite horizon, one step at a time from the end.

    v_T = terminal values
    v_t(s) = max over a of r(s, a) + gamma sum over s' of P(s' | s, a) v_{t+1}(s'),   t = T-1, ..., 0

The optimal policy depends on time: policy[t] is what to do with T - t steps to go,
the first of the actions that rounding cannot tell from the best.
gamma may be 1. In a terminal state the process has
ended: its value is its terminal value at every t.

Bellman 1957; Puterman 1994, section 4.5. The bounds carry the rounding of each step back through the operator, which is monotone.

Read first: bellman.py.
"""

import numpy as np

from .. import bellman
from ..linear import spread
from .solution import finish


def backward_induction(m, e, *, horizon, terminal_values, tol):
    """Solve the finite-horizon criterion.   m MDP, e its Expected (rewards negated to minimise), terminal_values (S,) -> Solution of e"""
    S, K, T = m.num_states, e.r.size, horizon
    v, error = np.empty((T + 1, S)), np.zeros((T + 1, S))
    policy, q = np.empty((T, S), np.int64), np.empty((T, S, m.num_actions))
    v[T] = terminal_values
    for t in reversed(range(T)):
        pairs = bellman.pair_q(e, v[t + 1])                             # (K,)
        v[t] = np.where(m.terminal, v[T], bellman.pair_max(e, pairs))
        # both for the best action and for the value of the policy: |true q - q| <= this, for every pair
        passed_on = e.gamma * (1 + spread(e.count)) * (e.P @ error[t + 1])
        wrong = bellman.pair_rounding(e, v[t + 1]) + passed_on
        wrong = bellman.pair_max(e, wrong * (1 + 4 * spread(0)))
        first = bellman.pair_first(e, pairs, v[t] - 2 * wrong)  # of those that may be the best
        given_up = np.where(first >= 0, v[t] - pairs[first], 0.0) if K else 0.0
        error[t] = (wrong + given_up) * (1 + 4 * spread(0))
        policy[t], q[t] = bellman.actions(e, first), bellman.table(e, pairs, m.num_actions)
    return finish(lower=v - error, upper=v + error, tol=tol, policy=policy, iterations=T, method="backward_induction",
                  criterion="finite_horizon", q_of=lambda _: q)
