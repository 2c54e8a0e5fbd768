"""Enumerate every deterministic policy: the definition of the optimal value.

    v*(s) = max over policies pi of v_pi(s)

For a finite process some deterministic stationary policy attains the maximum in all states at once (Puterman 1994, theorem 6.2.7), so that the
policy with the largest sum of values is one. The cost is the product of the numbers of actions: this is for tests and small examples.

At gamma = 1 a policy that stays for ever among rewards of negative mean is worth minus infinity there; a mean that is positive makes the
problem infinite, and one of zero leaves the sum without a limit: both are a ValueError.

Read first: evaluation.py.  Read next: policy_iteration.py, value_iteration.py.
"""

import itertools

import numpy as np

from .. import bellman, graph
from ..linear import UNIT, Resolvent, spread
from ..model import mix
from .solution import finish

MOST = 2 ** 16                               # policies


def enumerate_policies(m, e, *, tol):
    """Evaluate them all.   m MDP, e its Expected (rewards negated to minimise) -> Solution of e.   ValueError above MOST policies"""
    choices = np.diff(e.pair_ptr)
    alive = np.flatnonzero(choices)
    count = 1
    for n in choices[alive]:
        count *= int(n)                                                # Python integers: no overflow
    if count > MOST:
        raise ValueError(f"enumerate_policies would evaluate {count if count < 10**12 else f'{count:.3g}' if count < 10**300 else 'more than 1e300'} policies, above its limit of {MOST}")
    S = m.num_states
    lower, upper = np.where(choices, -np.inf, 0.0), np.where(choices, -np.inf, 0.0)
    best_total, best = None, None
    for choice in itertools.product(*(range(e.pair_ptr[s], e.pair_ptr[s + 1]) for s in alive)):
        pairs = np.full(S, -1)
        pairs[alive] = choice
        v, error = value_of(m, e, pairs)
        upper = np.maximum(upper, v + error)
        total = (np.isfinite(v).sum(), np.where(np.isfinite(v), v, 0).sum())
        if best is None or total > best_total:
            best_total, best, lower = total, pairs, v - error
    for s in np.flatnonzero(np.isneginf(upper))[:1]:
        raise ValueError(f"total reward is infinite in {m.state_label(s)}: every policy loses for ever there; use gamma < 1 or criterion=\"finite_horizon\"")
    return finish(lower=lower, upper=upper, tol=tol, policy=bellman.actions(e, best), iterations=count, method="enumerate_policies",
                  criterion="total" if e.gamma == 1 else "discounted",
                  q_of=lambda v: bellman.table(e, bellman.pair_q(e, v), m.num_actions))


def value_of(m, e, pairs):
    """(v, error) of the deterministic policy that takes `pairs` (S,), -1 where terminal; -inf where gamma = 1 and it loses for ever."""
    S = m.num_states
    weights = np.zeros(e.r.size)
    weights[pairs[pairs >= 0]] = 1
    P, r = mix(e, weights)
    size = np.bincount(e.owner, weights * e.size, minlength=S)
    count = np.bincount(e.owner, weights * e.count, minlength=S)
    inner = Resolvent(P, e.gamma)
    lost = np.zeros(S, bool)
    for states in inner.blocked(size):
        refuse_gain(m, states, *_gain(P, r, size, count, states))
        lost[states] = True
    if not lost.any():
        v = inner.solve(r)
        return v, inner.error(r, v, spread(count) * size, count)
    lost = graph.can_reach(P, lost)
    keep = np.flatnonzero(~lost)                                       # a closed world: they never reach a lost state
    v, error = np.full(S, -np.inf), np.zeros(S)
    if keep.size:
        inner = Resolvent(P[keep][:, keep], e.gamma)
        v[keep] = inner.solve(r[keep])
        error[keep] = inner.error(r[keep], v[keep], (spread(count) * size)[keep], count[keep])
    return v, error


def refuse_gain(m, states, gain, error):
    """ValueError unless the mean reward per step of staying in `states` for ever is proved negative."""
    if not gain + error < 0:
        named = ", ".join(m.state_label(s) for s in states[:5]) + (f" and {len(states) - 5} more" if len(states) > 5 else "")
        worth = "infinite" if gain - error > 0 else "undefined (positive and negative parts are both infinite)"
        raise ValueError(f"total reward is {worth}: a policy may stay for ever in {named}, with a mean reward of {abs(gain):.3g} per step "
                         "in the direction of optimisation; use gamma < 1 or criterion=\"finite_horizon\"")


def _gain(P, r, size, count, states):
    """(mean reward per step in a recurrent class, bound on its error): with mu the stationary law, mu . r."""
    if len(states) == 1:
        return float(r[states[0]]), float(spread(count[states[0]]) * size[states[0]])
    from ..chains import MarkovChain
    inside = P[states][:, states]
    mu = MarkovChain(inside).stationary[0]
    gain = float(mu @ r[states])
    # any bias h proves: the true gain lies between the smallest and the largest of r + P h - h over the class
    h = np.zeros(len(states))
    h[1:] = Resolvent(inside[1:][:, 1:], 1.0, leaves=True).solve((r[states] - gain)[1:])
    step = r[states] + inside @ h - h
    rounding = spread(count[states]) * (size[states] + inside @ np.abs(h) + np.abs(h))
    error = float(max((step + rounding).max() - gain, gain - (step - rounding).min())) * (1 + 8 * UNIT)
    return gain, error
