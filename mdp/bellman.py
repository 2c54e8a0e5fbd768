"""The Bellman operators, of which everything else is made.

    q(s, a)     = r(s, a) + gamma sum over s' of P(s' | s, a) v(s')
    (T v)(s)    = max over a of q(s, a)                    the optimality operator
    (T_pi v)(s) = sum over a of pi(a | s) q(s, a)          the operator of a policy
    greedy(s)   = the first a with q(s, a) = max
    residual    = T v - v;  v is the optimal value if and only if it vanishes (gamma < 1)

Both operators are monotone (v <= w implies T v <= T w), and contract with factor gamma in the maximum norm.
A terminal state has value zero under every operator.

Bellman, "Dynamic Programming", 1957; Puterman, "Markov Decision Processes", 1994, chapter 6; Sutton and Barto, chapters 3 and 4.

Functions named `pair_...` work on `m.expected`, one number per available (state, action); the others take and return whole tables.

Read first: model.py.  Read next: evaluation.py, planning/value_iteration.py.
"""

import numpy as np

from .linear import spread


def q(m, v):
    """Action values of a state value: v (S,) -> q (S, A), nan where the action is not available."""
    return table(m.expected, pair_q(m.expected, _values(m, v)), m.num_actions)


def T(m, v):
    """(T v)(s) = max over a of q(s, a): (S,) -> (S,)."""
    e = m.expected
    return pair_max(e, pair_q(e, _values(m, v)))


def T_pi(m, policy, v):
    """(T_pi v)(s) = sum over a of pi(a | s) q(s, a): (S,) -> (S,).   policy as in MDP.pair_weights"""
    e = m.expected
    weighted = m.pair_weights(policy) * pair_q(e, _values(m, v))
    return np.bincount(e.owner, weighted, minlength=m.num_states)


def greedy(m, v):
    """The first best action for each state, (S,) integers, -1 in terminal states."""
    e = m.expected
    return actions(e, pair_argmax(e, pair_q(e, _values(m, v))))


def residual(m, v):
    """T v - v, (S,)."""
    return T(m, v) - _values(m, v)


# on pairs

def pair_q(e, v):
    """q of every pair: (K,)."""
    return e.r + e.gamma * (e.P @ v)


def pair_max(e, q, terminal=0.0):
    """Maximum over the pairs of each state, (S,); `terminal` where a state has none."""
    alive = np.flatnonzero(np.diff(e.pair_ptr))
    out = np.full(e.pair_ptr.size - 1, terminal, dtype=np.float64)
    if alive.size:
        out[alive] = np.maximum.reduceat(q, e.pair_ptr[alive])
    return out


def pair_argmax(e, q):
    """The first best pair of each state, (S,), -1 in terminal states."""
    best = np.flatnonzero(q == pair_max(e, q)[e.owner])
    out = np.full(e.pair_ptr.size - 1, -1)
    out[e.owner[best[::-1]]] = best[::-1]                              # reversed: the first one is written last
    return out


def pair_rounding(e, v):
    """Bound on the error of `pair_q(e, v)`, (K,): rounding, and 2 ulp in each number given (linear.spread)."""
    return spread(e.count) * (e.size + e.gamma * (e.P @ np.abs(v)))


def actions(e, pairs):
    """Pairs (S,), -1 where terminal -> actions (S,), -1 where terminal."""
    return np.where(pairs >= 0, e.action[pairs], -1) if e.action.size else np.full(pairs.shape, -1)


def table(e, q, A):
    """One number per pair -> (S, A), nan where the action is not available."""
    out = np.full((e.pair_ptr.size - 1, A), np.nan)
    out[e.owner, e.action] = q
    return out


def _values(m, v):
    v = np.asarray(v, dtype=float)
    if v.shape != (m.num_states,):
        raise ValueError(f"v expects shape {(m.num_states,)}, got {v.shape}")
    return v
