"""Modified policy iteration: between two improvements, evaluate the policy only by a few sweeps.

    pi <- greedy(v),   v <- T v,   then some times   v <- r_pi + gamma P_pi v

The textbook loop, on a process that has every action in every state:

    >>> import mdp
    >>> m = mdp.problems.gridworld()
    >>> P, R = m.dense()                                     # (S, A, S), (S, A)
    >>> v, states = np.zeros(m.num_states), np.arange(m.num_states)
    >>> for _ in range(60):
    ...     pi = (R + m.gamma * P @ v).argmax(axis=1)
    ...     for _ in range(10):
    ...         v = R[states, pi] + m.gamma * P[states, pi] @ v
    >>> s = mdp.solve(m, method="modified_policy_iteration")
    >>> bool(np.allclose(v, s.v, rtol=0, atol=1e-7))
    True

A sweep of a fixed policy reads one row per state instead of A. With no such sweep this is value
iteration, with infinitely many policy iteration.

How many sweeps. What counts is the span of the change, max - min: the bounds are
gamma / (1 - gamma) times as far apart. It shrinks as fast as the chain of the policy mixes, however
near gamma is to 1, since a constant that is still missing everywhere is added in one go (MacQueen's
middle).

Stop sweeping a policy when the span of the change has fallen to a fraction of its first value. The
fraction is the share of states whose action the improvement changed: a policy that hardly changed
is worth evaluating well. If no action changed, sweep until the bounds should be tol apart. Where
the span does not shrink, nothing is added, and what is left is the plain method. The first policy
is greedy for the reward alone, which takes no product.

Puterman and Shin, "Modified policy iteration algorithms for discounted Markov decision problems",
Management Science 24, 1978; Puterman 1994, sections 6.5, 6.6.

Read first: bellman.py, planning/iterate.py, planning/value_iteration.py.
Read next: planning/modified_gauss_seidel.py.
"""

import numpy as np

from .. import bellman
from . import iterate

SWEEPS = 100                                 # of one policy, at most
ENOUGH = 0.3                                 # of the span at the first sweep, at most
ONCE = 0.25                                  # of what tol allows: one evaluation is to reach it


def modified_policy_iteration(m, e, *, tol, max_iterations=iterate.MOST):
    """Solve the discounted criterion -> Solution of e.

    m   MDP
    e   its Expected, gamma < 1, rewards negated to minimise
    """
    lasts = iterate.lasts(e)
    policy = bellman.pair_argmax(e, e.r)
    chain = bellman.follow(e, policy)
    stop = iterate.Backups(m, e, tol, "modified_policy_iteration", max_iterations)
    v = _evaluate(iterate.start(e), chain, ENOUGH, lasts)
    while True:
        Tv, greedy = bellman.backup(e, v)
        if stop.at(v, Tv):
            return stop.solution()
        share = np.count_nonzero(greedy != policy) / greedy.size
        if share:
            policy, chain = greedy, bellman.follow(e, greedy)
        v = _evaluate(Tv, chain, max(min(share, ENOUGH), ONCE / stop.excess), lasts)


def _evaluate(v, chain, enough, lasts):
    """Sweep v (S,) until the span of the change is `enough` times the first one.

    chain   Expected of one policy
    lasts   whether a constant that is missing everywhere can be added
    """
    first = None
    for _ in range(SWEEPS):
        v, old = bellman.backup(chain, v)[0], v                          # v <- r_pi + gamma P_pi v
        change = v - old
        low, high = float(change.min()), float(change.max())
        size = high - low if lasts else max(-low, high)
        first = size if first is None else first
        if size <= enough * first:
            if not lasts:
                return v
            # the rest of the series, were every later change alike
            return v + chain.gamma / (1 - chain.gamma) * (low + high) / 2
    return v                                 # it does not mix, or is periodic: none is alike
