"""Modified policy iteration: between two improvements, evaluate the policy only by a few sweeps.

    pi <- greedy(v),   v <- T v,   then twenty times   v <- r_pi + gamma P_pi v

A sweep of a fixed policy reads one row per state instead of A. With no such sweep this is value iteration, with infinitely many policy iteration.

Puterman and Shin, "Modified policy iteration algorithms for discounted Markov decision problems", Management Science 24, 1978; Puterman 1994, section 6.5.

Read first: iterate.py.
"""

import numpy as np

from .. import bellman
from . import iterate

SWEEPS = 20                                  # of the fixed policy; 20 and 100 differ by at most a factor of 1.6 either way


def modified_policy_iteration(m, e, *, tol, max_iterations=1_000_000):
    """Solve the discounted criterion.   m MDP, e its Expected (rewards negated to minimise), gamma < 1 -> Solution of e"""
    alive = np.flatnonzero(np.diff(e.pair_ptr))
    lasts = alive.size == m.num_states and bool((np.abs(np.asarray(e.P.sum(axis=1)) - 1) < 1e-9).all())      # nothing ends: a shift of v stays a shift

    def sweep(v):
        q = bellman.pair_q(e, v)
        pairs = bellman.pair_argmax(e, q)[alive]
        new = v.copy()
        new[alive] = q[pairs]
        change = float(np.abs(new - v).max(initial=0.0))
        P, r = e.P[pairs], e.r[pairs]
        shift = 0.0
        for _ in range(SWEEPS if change > 0 else 0):
            step = r + e.gamma * (P @ new)
            shift = step - new[alive]
            new[alive] = step
        if lasts and np.ndim(shift):                      # the rest of the series, were every later change alike (MacQueen's middle)
            new += e.gamma / (1 - e.gamma) * (shift.min() + shift.max()) / 2
        return new, change
    return iterate.close_in(m, e, sweep, tol=tol, method="modified_policy_iteration", limit=max_iterations)
