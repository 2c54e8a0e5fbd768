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

A sweep of a fixed policy reads one row for each state instead of A. With no such sweep this is
value iteration, with infinitely many it is policy iteration.

How many sweeps. The span of the change of v in a sweep is its largest entry minus its smallest.
The bounds are gamma / (1 - gamma) times as far apart as this. A constant that v still lacks
everywhere is added at once (the middle of MacQueen's bounds). So only the span must vanish, which
is as fast as the chain of the policy mixes, however near gamma is to 1.

A policy is swept until the span has fallen to a fraction of its first value. The fraction is the
share of states whose action the improvement changed: a policy that hardly changed is worth
evaluating well. If no action changed, it is swept until the bounds should be tol apart. Where the
span does not fall that far, no constant is added, and what is left is the plain method. The first
policy is greedy for the reward alone, which takes no product with P.

Puterman and Shin, "Modified policy iteration algorithms for discounted Markov decision problems",
Management Science 24, 1978; Puterman 1994, sections 6.5, 6.6.

Read first: bellman.py, planning/iterate.py, planning/value_iteration.py.
Read next: planning/modified_gauss_seidel.py.
"""

import numpy as np

from .. import bellman
from . import iterate

SWEEPS = 100                                 # of one policy, at most
ENOUGH = 0.3                                 # the largest fraction of the first span to sweep to
ONCE = 0.25                                  # the smallest one aims at this part of what tol allows


def modified_policy_iteration(m, e, *, tol, max_iterations=iterate.MOST):
    """Solve the discounted criterion -> Solution of e.

    m               MDP
    e               its Expected, gamma < 1, rewards negated to minimise
    tol             as in `solve`
    max_iterations  improvements at most
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

    chain   bellman.Followed: the process under one policy
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
            # what all later changes would add, if they were gamma, gamma**2, ... times their middle
            return v + chain.gamma / (1 - chain.gamma) * (low + high) / 2
    return v                                 # it mixes slowly or not at all: no constant to add
