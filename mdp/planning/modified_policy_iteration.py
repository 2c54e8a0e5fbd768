"""Modified policy iteration: between two improvements, evaluate the policy only by a few sweeps.

    pi <- greedy(v),   v <- T v,   then some times   v <- r_pi + gamma P_pi v

A sweep of a fixed policy reads one row per state instead of A. With no such sweep this is value iteration, with infinitely many policy iteration.

How many sweeps. What counts is the span of the change, max - min: the bounds are gamma / (1 - gamma) times as far apart. It shrinks as fast as the
chain of the policy mixes, however near gamma is to 1, since a constant that is still missing
everywhere is added in one go (MacQueen's middle). Stop sweeping a policy when the span of the
change has fallen to a fraction of its first value. The fraction is the share of states whose action
the improvement changed: a policy that hardly changed is worth evaluating well. If no action
changed, sweep until the bounds should be tol apart. Where the span does not shrink, nothing is
added, and what is left is the plain method. The first policy is greedy for the reward alone, which
takes no product.

Puterman and Shin, "Modified policy iteration algorithms for discounted Markov decision problems", Management Science 24, 1978; Puterman 1994, sections 6.5, 6.6.

Read first: iterate.py.
"""

import numpy as np

from .. import bellman
from . import iterate

SWEEPS = 100                                 # of one policy, at most
ENOUGH = 0.3                                 # of the span at the first sweep, at most


def modified_policy_iteration(m, e, *, tol, max_iterations=1_000_000):
    """Solve the discounted criterion.   m MDP, e its Expected (rewards negated to minimise), gamma < 1 -> Solution of e"""
    lasts = iterate.lasts(e)

    def evaluate(v, chain, enough):
        """Sweep v by the chain of a policy until the span of the change is `enough` times that of the first one."""
        first = None
        for _ in range(SWEEPS):
            v, old = bellman.backup(chain, v)[0], v
            change = v - old
            low, high = float(change.min()), float(change.max())
            size = high - low if lasts else max(-low, high)
            first = size if first is None else first
            if size <= enough * first:
                return v + e.gamma / (1 - e.gamma) * (low + high) / 2 if lasts else v    # the rest of the series, were every later change alike
        return v                                                        # a chain that does not mix, or is periodic: no later change is alike

    def step(v, Tv, pairs, excess):
        nonlocal last, chain
        share = np.count_nonzero(pairs != last) / pairs.size
        if share:
            last, chain = pairs, bellman.follow(e, pairs)
        return evaluate(Tv, chain, max(min(share, ENOUGH), 0.25 / excess))
    last = bellman.pair_argmax(e, e.r)
    chain = bellman.follow(e, last)
    return iterate.from_backups(m, e, step, v=evaluate(iterate.start(e), chain, ENOUGH), tol=tol, method="modified_policy_iteration", limit=max_iterations)
