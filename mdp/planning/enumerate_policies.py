"""Enumerate every deterministic policy: the definition of the optimal value.

    v*(s) = max over policies pi of v_pi(s)

For a finite process some deterministic stationary policy attains the maximum in all states at once
(Puterman 1994, theorem 6.2.7). So the policy with the largest sum of values is one of these. The
cost is the product of the numbers of actions: this is for tests and small examples.

At gamma = 1 a policy that stays for ever among rewards of negative mean is worth minus infinity
there; of positive mean, plus infinity. Where both can happen the policy has no value, nor where the
mean is zero and the sum has no limit. That is a ValueError, unless another policy is worth plus
infinity.

Read first: evaluation.py, chains.py, graph.py, linear.py, planning/solution.py,
planning/undefined.py.
Read next: planning/value_iteration.py, planning/policy_iteration.py, planning/bounds.py.
"""

import itertools

import numpy as np

from .. import graph
from ..chains import MarkovChain
from ..expected import induced
from ..linear import UNIT, Resolvent, spread
from .solution import finish
from .undefined import HINT

MOST = 2 ** 16                               # policies
OUTWARD = 1 + 8 * UNIT                       # rounding of the bounds on a mean


def enumerate_policies(m, e, *, tol):
    """Evaluate them all -> Solution of e.   ValueError above MOST policies

    m   MDP
    e   its Expected, rewards negated to minimise
    """
    choices, count = np.diff(e.pair_ptr), _count(e)
    lower, upper = np.where(choices, -np.inf, 0.0), np.where(choices, -np.inf, 0.0)
    best, best_total, doubtful = None, None, np.zeros(choices.size, bool)
    for pairs in _policies(e):
        v, error, undefined = value_of(e, pairs)
        doubtful |= undefined
        upper = np.maximum(upper, v + error)
        finite = np.isfinite(v)
        total = (np.isposinf(v).sum(), finite.sum(), v[finite].sum())
        # policies come in order: the first of equals stays
        unsure = 2 * error[finite].sum() + spread(v.size) * np.abs(v[finite]).sum()
        if best is None or total > (*best_total[:2], best_total[2] + unsure):
            best, best_total, lower = pairs, total, v - error
    for s in np.flatnonzero(doubtful & ~np.isposinf(upper))[:1]:
        raise ValueError("total reward is undefined (positive and negative parts are both "
                         f"infinite, or rewards have mean zero) in {m.state_label(s)} under some "
                         f"policy, as far as rounding tells; solve_exact (--exact) decides{HINT}")
    return finish(m, e, lower=lower, upper=upper, pairs=best, tol=tol, iterations=count,
                  method="enumerate_policies", criterion="total" if e.gamma == 1 else "discounted")


def _count(e):
    """The number of policies, a Python integer.   ValueError above MOST"""
    count = 1
    for n in np.diff(e.pair_ptr):
        count *= max(int(n), 1)
    if count > MOST:
        shown = "more than 1e300" if count >= 10**300 else f"{count:.3g}"
        shown = count if count < 10**12 else shown
        raise ValueError(f"enumerate_policies would evaluate {shown} policies, above its limit of "
                         f"{MOST}")
    return count


def _policies(e):
    """Every deterministic policy as pairs (S,), -1 in terminal states."""
    alive = np.flatnonzero(np.diff(e.pair_ptr))
    own = (range(e.pair_ptr[s], e.pair_ptr[s + 1]) for s in alive)
    for choice in itertools.product(*own):
        pairs = np.full(e.pair_ptr.size - 1, -1)
        pairs[alive] = choice
        yield pairs


def value_of(e, pairs):
    """(v, error, undefined), (S,) each, of the policy that takes `pairs` (S,), -1 where terminal.

    At gamma = 1 v is inf or -inf where it gains or loses for ever. It is undefined, and -inf, where
    both may happen, or where a mean reward is not proved to be other than zero.
    """
    chain, S = induced(e, pairs), pairs.size
    inner = Resolvent(chain.P, e.gamma, count=chain.count)
    lost, won, open_ = (np.zeros(S, bool) for _ in range(3))
    for states in inner.blocked(chain.size):
        gain, error = _gain(chain, states)
        (lost if gain + error < 0 else won if gain - error > 0 else open_)[states] = True
    rounding = spread(chain.count) * chain.size
    if not (lost | won | open_).any():
        v = inner.solve(chain.r)
        return v, inner.error(chain.r, v, rounding), np.zeros(S, bool)
    lost, won, open_ = (graph.can_reach(chain.P, states) for states in (lost, won, open_))
    undefined = open_ | won & lost
    keep = np.flatnonzero(~lost & ~won & ~open_)             # they never reach one of the others
    v, error = np.where(won & ~undefined, np.inf, -np.inf), np.zeros(S)
    if keep.size:
        inner = Resolvent(chain.P[keep][:, keep], e.gamma, count=chain.count[keep])
        v[keep] = inner.solve(chain.r[keep])
        error[keep] = inner.error(chain.r[keep], v[keep], rounding[keep])
    return v, error, undefined


def _gain(chain, states):
    """(mean reward per step in a recurrent class, bound on its error).

    The mean is mu . r with mu the stationary law. Any h proves a bound: the true mean lies between
    the smallest and the largest of r + P h - h over the class.
    """
    r, spread_of = chain.r[states], spread(chain.count[states])
    if len(states) == 1:
        return float(r[0]), float(spread_of[0] * chain.size[states[0]])
    P = chain.P[states][:, states]
    gain = float(MarkovChain(P).stationary[0] @ r)
    h = np.zeros(len(states))
    inner = Resolvent(P[1:][:, 1:], 1.0, exits=P[1:][:, [0]].toarray()[:, 0])
    h[1:] = inner.solve((r - gain)[1:])
    step = r + P @ h - h
    rounding = spread_of * (chain.size[states] + P @ np.abs(h) + np.abs(h))
    high, low = float((step + rounding).max()), float((step - rounding).min())
    return gain, float(max(high - gain, gain - low)) * OUTWARD
