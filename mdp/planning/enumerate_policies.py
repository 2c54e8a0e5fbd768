"""Enumerate every deterministic policy: the definition of the optimal value.

    v*(s) = max over policies pi of v_pi(s)

For a finite process some deterministic stationary policy attains the maximum in all states at once (Puterman 1994, theorem 6.2.7), so that the
policy with the largest sum of values is one. The cost is the product of the numbers of actions: this is for tests and small examples.

At gamma = 1 a policy that stays for ever among rewards of negative mean is worth minus infinity there, of positive mean plus infinity. Where both can
happen, or the mean is zero and the sum has no limit, the policy has no value: a ValueError, unless another policy is worth plus infinity.

Read first: evaluation.py.  Read next: policy_iteration.py, value_iteration.py.
"""

import itertools

import numpy as np

from .. import bellman, graph
from ..linear import UNIT, Resolvent, spread
from ..expected import mix
from .solution import finish
from .total import HINT

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
    best_total, best, doubtful = None, None, np.zeros(S, bool)
    for choice in itertools.product(*(range(e.pair_ptr[s], e.pair_ptr[s + 1]) for s in alive)):
        pairs = np.full(S, -1)
        pairs[alive] = choice
        v, error, undefined = value_of(m, e, pairs)
        doubtful |= undefined
        upper = np.maximum(upper, v + error)
        finite = np.isfinite(v)
        total = (np.isposinf(v).sum(), finite.sum(), v[finite].sum())
        # policies come in order: the first of equals stays
        unsure = 2 * error[finite].sum() + spread(S) * np.abs(v[finite]).sum()
        if best is None or total > (*best_total[:2], best_total[2] + unsure):
            best_total, best, lower = total, pairs, v - error
    for s in np.flatnonzero(doubtful & ~np.isposinf(upper))[:1]:
        raise ValueError("total reward is undefined (positive and negative parts are both "
                         f"infinite, or rewards have mean zero) in {m.state_label(s)} under some "
                         f"policy, as far as rounding tells; solve_exact (--exact) decides{HINT}")
    return finish(lower=lower, upper=upper, tol=tol, policy=bellman.actions(e, best), iterations=count, method="enumerate_policies",
                  criterion="total" if e.gamma == 1 else "discounted",
                  q_of=lambda v: bellman.table(e, bellman.pair_q(e, v), m.num_actions))


def value_of(m, e, pairs):
    """(v, error, undefined), (S,) each, of the deterministic policy that takes `pairs` (S,), -1 where terminal.

    At gamma = 1 v is inf or -inf where it gains or loses for ever; undefined, with v = -inf, where both may happen or a mean of zero is not proved otherwise.
    """
    S = m.num_states
    weights = np.zeros(e.r.size)
    weights[pairs[pairs >= 0]] = 1
    P, r = mix(e, weights)
    size = np.bincount(e.owner, weights * e.size, minlength=S)
    count = np.bincount(e.owner, weights * e.count, minlength=S)
    inner = Resolvent(P, e.gamma, count=count)
    lost, won, open_ = (np.zeros(S, bool) for _ in range(3))
    for states in inner.blocked(size):
        gain, error = _gain(P, r, size, count, states)
        (lost if gain + error < 0 else won if gain - error > 0 else open_)[states] = True
    if not (lost | won | open_).any():
        v = inner.solve(r)
        return v, inner.error(r, v, spread(count) * size), np.zeros(S, bool)
    lost, won, open_ = (graph.can_reach(P, states) for states in (lost, won, open_))
    undefined = open_ | won & lost
    keep = np.flatnonzero(~lost & ~won & ~open_)                       # a closed world: they never reach one of the others
    v, error = np.where(won & ~undefined, np.inf, -np.inf), np.zeros(S)
    if keep.size:
        inner = Resolvent(P[keep][:, keep], e.gamma, count=count[keep])
        v[keep] = inner.solve(r[keep])
        error[keep] = inner.error(r[keep], v[keep], (spread(count) * size)[keep])
    return v, error, undefined


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
    inner = Resolvent(inside[1:][:, 1:], 1.0, exits=inside[1:][:, [0]].toarray()[:, 0])
    h[1:] = inner.solve((r[states] - gain)[1:])
    step = r[states] + inside @ h - h
    rounding = spread(count[states]) * (size[states] + inside @ np.abs(h) + np.abs(h))
    error = float(max((step + rounding).max() - gain, gain - (step - rounding).min())) * (1 + 8 * UNIT)
    return gain, error
