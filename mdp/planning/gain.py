"""The largest mean reward per step within one end component, with bounds that hold.

In a maximal end component every state reaches every other, so that the optimal gain g is the same number everywhere:

    g + h(s) = max over the actions that stay of r(s, a) + sum over s' of P(s' | s, a) h(s')

Policy iteration for such (communicating) processes: take the best recurrent class of the policy, lead every other state into it, solve
g + h = r_pi + P_pi h, improve. A policy with a new class has a larger gain, one without a larger bias, so that no policy comes back.

For any h whatever, min over s of (r_pi + P_pi h - h) <= gain of pi, and g <= max over pairs of (r + P h - h): these are the bounds (Odoni 1969).

Puterman 1994, sections 8.5.1 and 9.5.1.

Read first: policy_iteration.py, ../graph.py.  Read next: policy_iteration_multichain.py, total.py.
"""

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp

from .. import bellman, graph
from ..linear import Resolvent, spread
from ..model import mix


class Gain(NamedTuple):
    """Of one end component."""
    lower: float                             # lower <= gain of `pairs` <= the optimal gain <= upper
    upper: float
    pairs: np.ndarray                        # (n,) the pair of each of its states, in the order given; one recurrent class
    bias: np.ndarray                         # (n,) h, zero somewhere in the recurrent class


def restrict(e, states, pairs):
    """The process of `states` (indices) and `pairs` (indices, sorted), which must stay in it: Expected with states renumbered."""
    place = np.full(e.P.shape[1], -1)
    place[states] = np.arange(len(states))
    P = e.P[pairs]
    P = sp.csr_matrix((P.data, place[P.indices], P.indptr), shape=(len(pairs), len(states)))
    owner = place[e.owner[pairs]]
    ptr = np.concatenate(([0], np.cumsum(np.bincount(owner, minlength=len(states)))))
    return e._replace(P=P, r=e.r[pairs], size=e.size[pairs], count=e.count[pairs], pair_ptr=ptr, owner=owner, action=e.action[pairs], zero=e.zero[pairs])


def component_gain(e, states, pairs):
    """Gain of the end component with these states (sorted indices) and pairs (sorted indices)."""
    c = restrict(e, states, pairs)
    policy = bellman.pair_argmax(c, c.r)
    best, seen = None, set()
    for _ in range(10_000):
        policy, g, h = _evaluate(c, policy)
        q = c.r + c.P @ h
        rounding = spread(c.count) * (c.size + c.P @ np.abs(h)) + spread(0) * np.abs(h[c.owner])
        step = q - h[c.owner]
        low, high = float((step - rounding)[policy].min()), float((step + rounding).max())
        if best is None or high - low < best[1] - best[0]:
            best = (low, high, policy, h)
        key = policy.tobytes()
        margin = 0.0 if key not in seen else 4 * rounding.max() + 1e-12 * np.abs(step).max()
        if key in seen and margin > high - low:
            break
        seen.add(key)
        better = bellman.pair_argmax(c, q)
        switch = q[better] - q[policy] > rounding[better] + rounding[policy] + margin
        if not switch.any() or key in seen and len(seen) > 9_000:
            break
        policy = np.where(switch, better, policy)
    low, high, policy, h = best
    return Gain(low, high, np.asarray(pairs)[policy], h)


def _evaluate(c, policy):
    """(policy with a single recurrent class, its gain, its bias): the best class of the one given, all other states led into it."""
    S = c.P.shape[1]

    def chain(policy):
        weights = np.zeros(c.r.size)
        weights[policy] = 1
        return mix(c, weights)
    P, r = chain(policy)
    classes = graph.closed_classes(P)
    solved = [(*class_gain(P, r, states), states) for states in classes]
    g, _, _, states = max(solved, key=lambda x: x[0])
    if len(classes) > 1:
        inside = np.isin(np.arange(S), states)
        towards, _ = graph.attractor_pairs(c.P, c.owner, inside, np.ones(c.r.size, bool))
        stays = ~graph.can_reach(P, ~inside & np.isin(np.arange(S), np.concatenate(classes)))
        policy = np.where(inside | stays, policy, towards)
        P, r = chain(policy)
    g, h_inside, _ = class_gain(P, r, states)
    h = np.zeros(S)
    h[states] = h_inside
    rest = np.setdiff1d(np.arange(S), states)
    if rest.size:
        h[rest] = Resolvent(P[rest][:, rest], 1.0, leaves=True).solve(r[rest] - g + P[rest][:, states] @ h_inside)
    return policy, g, h


def class_gain(P, r, states):
    """(g, h, mu) of a recurrent class: mean reward, relative values with h = 0 in its first state, stationary law; (n,) each but g."""
    inside = sp.csr_matrix(P[states][:, states])
    visits = np.ones(len(states))
    if len(states) > 1:
        inner = Resolvent(inside[1:][:, 1:], 1.0, leaves=True)
        visits[1:] = inner.solve_transposed(inside[[0]][:, 1:].toarray()[0])
    mu = visits / visits.sum()
    g = float(mu @ r[states])
    h = np.zeros(len(states))
    if len(states) > 1:
        h[1:] = inner.solve((r[states] - g)[1:])
    return g, h, mu
