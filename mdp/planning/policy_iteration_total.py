"""Policy iteration for the total expected reward, gamma = 1: the same two steps, and what must be known before they mean anything.

    v*(s) = sup over policies of the limit of E[R_1 + ... + R_n | s]

1. A policy may stay for ever where no reward is received, and that is worth zero. Each maximal end component without rewards becomes one state
   whose actions are those that leave it, and one more, "stay", that ends with reward zero.
2. What remains must be able to end: states from which no policy ends with probability one are a ValueError.
3. Start from a policy that ends ("proper"), found from the arrows alone. A switch that makes the policy stay for ever among rewards means
   that their mean is positive there: the total is infinite, a ValueError that names the states.
4. At the end an upper function u, u > r + P_a u for every action, strictly, is constructed and checked with its rounding. It proves both
   that every policy that never ends loses for ever (its mean reward is negative), and that every policy that ends is worth at most u.
   The lower bound is the policy's own value with its proven error (linear.py).

Bertsekas and Tsitsiklis, "An analysis of stochastic shortest path problems", Math. Oper. Res. 16, 1991; de Alfaro, "Computing minimum and
maximum reachability times in probabilistic systems", 1999 (end components). Differs from policy_iteration.py in steps 1, 2 and 4.

Read first: policy_iteration.py, ../graph.py.
"""

import numpy as np
import scipy.sparse as sp

from .. import bellman, graph
from ..linear import Resolvent, spread
from ..model import Expected, mix
from .enumerate_policies import _gain, refuse_gain
from .policy_iteration import evaluate_pairs, improve
from .solution import finish


def policy_iteration_total(m, e, *, tol):
    """Solve the total-reward criterion.   m MDP, e its Expected with gamma = 1 (rewards negated to minimise) -> Solution of e"""
    collapsed, origin, node, inside = _collapse(e)
    ends = np.diff(collapsed.pair_ptr) == 0                              # terminal states, and the END that "stay" leads to
    members = lambda nodes: np.flatnonzero(np.isin(node, nodes))         # noqa: E731
    trapped = np.flatnonzero(~graph.almost_surely(collapsed.P, collapsed.owner, ends))
    if trapped.size:
        states = members(trapped)
        named = ", ".join(m.state_label(s) for s in states[:5]) + (f" and {states.size - 5} more" if states.size > 5 else "")
        raise ValueError(f"total reward is infinite or undefined in {named}: no policy ends from there with probability one, and rewards are received "
                         "for ever; use gamma < 1 or criterion=\"finite_horizon\"")
    pairs, _ = graph.attractor_pairs(collapsed.P, collapsed.owner, ends, np.ones(collapsed.r.size, bool))
    seen, careful, iterations = set(), False, 0
    while True:
        iterations += 1
        v, error = evaluate_pairs(collapsed, pairs)
        key = pairs.tobytes()
        careful = careful or key in seen
        seen.add(key)
        better = improve(collapsed, pairs, v, 2 * error.max(initial=0) if careful else 0.0)
        better = _keep_ending(m, collapsed, pairs, better, members)
        if (better == pairs).all():
            break
        pairs = better
    u = _upper(m, collapsed, pairs, v, members)
    policy = _lift(e, collapsed, origin, node, inside, pairs)
    return finish(lower=(v - error)[node], upper=u[node], tol=tol, policy=bellman.actions(e, policy), iterations=iterations,
                  method="policy_iteration", criterion="total", q_of=lambda v: bellman.table(e, bellman.pair_q(e, v), m.num_actions))


def _collapse(e):
    """One node for each maximal end component without rewards.

    returns  the collapsed Expected, whose last node END has no pairs; origin (K',) the pair of e behind each of its pairs, -1 for "stay";
             node (S,) the node of each state; inside (K,) bool: the pairs that stay in their component
    """
    S = e.P.shape[1]
    label, inside = graph.maximal_end_components(e.P, e.owner, e.zero)
    count = label.max(initial=-1) + 1
    node = np.where(label >= 0, label, 0)
    node[label < 0] = count + np.arange((label < 0).sum())
    nodes = count + int((label < 0).sum())                               # END is number `nodes`
    kept = np.flatnonzero(~inside)
    owner = np.concatenate((node[e.owner[kept]], np.arange(count)))      # then one "stay" for each component
    origin = np.concatenate((kept, np.full(count, -1)))
    order = np.lexsort((origin, owner))                                  # "stay" first: ties are resolved by staying
    merge = sp.csr_matrix((np.ones(S), (np.arange(S), node)), shape=(S, nodes + 1))
    stay = sp.csr_matrix((np.ones(count), (np.arange(count), np.full(count, nodes))), shape=(count, nodes + 1))
    P = sp.csr_matrix(sp.vstack([sp.csr_matrix(e.P[kept]) @ merge, stay], format="csr"))[order]
    pad = lambda x: np.concatenate((x[kept], np.zeros(count, x.dtype)))[order]                    # noqa: E731
    ptr = np.concatenate(([0], np.cumsum(np.bincount(owner, minlength=nodes + 1))))
    collapsed = Expected(P, pad(e.r), pad(e.size), 2 * pad(e.count), 1.0, ptr, owner[order], np.zeros(owner.size, np.int64), pad(e.zero))
    return collapsed, origin[order], node, inside                        # 2 * count: adding merged columns rounds once more


def _keep_ending(m, e, pairs, better, members):
    """Refuse switches after which the policy never ends: with a gain that is not negative the problem is infinite."""
    while (better != pairs).any():
        weights = np.zeros(e.r.size)
        weights[better[better >= 0]] = 1
        P, r = mix(e, weights)
        classes = graph.closed_classes(P)
        if not classes:
            break
        size, count = np.bincount(e.owner, weights * e.size, minlength=r.size), np.bincount(e.owner, weights * e.count, minlength=r.size)
        for states in classes:
            refuse_gain(_Labels(m, members), states, *_gain(P, r, size, count, states))
            better = np.where(np.isin(np.arange(better.size), states), pairs, better)              # a loss after all: rounding misled the switch
    return better


def _upper(m, e, pairs, v, members):
    """u (N,) with u > r + P_a u for every pair, rounding included: u = v + delta w, w the longest expected time to the end over near-optimal actions.

    Where floating point cannot provide one, inf. ValueError if near-optimal actions, their differences below rounding, form an end
    component: staying there for ever has mean reward zero, and the total no limit.
    """
    infinite = np.where(np.diff(e.pair_ptr) == 0, 0.0, np.inf)
    if not np.isfinite(v).all():
        return infinite
    rounding = bellman.pair_rounding(e, v)
    slack = v[e.owner] - bellman.pair_q(e, v)                            # what an action gives away
    near = slack <= 4 * rounding
    near[pairs[pairs >= 0]] = True
    label, stays = graph.maximal_end_components(e.P, e.owner, near)
    if (label >= 0).any():
        refuse_gain(_Labels(m, members), np.flatnonzero(label >= 0), 0.0, float(rounding[stays].max()))
    w = _longest(e, pairs, near)
    delta = 2.5 * max(float((rounding - slack)[near].max(initial=0)), 0.0) + 1e-300
    for _ in range(100):
        if w is None:
            break
        u = v + delta * w
        gap = u[e.owner] - bellman.pair_q(e, u) - bellman.pair_rounding(e, u) - spread(0) * np.abs(u[e.owner])
        if (gap > 0).all():
            return u                                                     # this line is the proof; how u was found does not matter
        failed = (gap <= 0) & ~near
        if failed.any():
            near |= failed                                               # they were nearer than it seemed
            if (graph.maximal_end_components(e.P, e.owner, near)[0] >= 0).any():
                break
            w = _longest(e, pairs, near)
        else:
            delta *= 2                                                   # rounding of u itself: ask for more distance
    return infinite


def _longest(e, pairs, near):
    """w(s) = 1 + max over near-optimal actions of P_a w: (N,), zero at the end; None if it is not found.   There is no end component in `near`"""
    pairs = pairs.copy()
    time = e._replace(r=np.ones(e.r.size), size=np.ones(e.r.size))
    for _ in range(1000):
        w, _ = evaluate_pairs(time, pairs)
        if not np.isfinite(w).all() or (w < 0).any():
            return None
        q = np.where(near, bellman.pair_q(time, w), -np.inf)
        best = bellman.pair_argmax(e, q)
        alive = np.flatnonzero(pairs >= 0)
        now = q[pairs[alive]]                                            # the policy's own pairs are near: finite
        longer = alive[q[best[alive]] > now + 1e-6 * (1 + np.abs(now))]
        if not longer.size:
            return w
        pairs[longer] = best[longer]
    return None


def _lift(e, collapsed, origin, node, inside, pairs):
    """The policy of the original process: in a component, go to the state from which the chosen action leaves it, or stay."""
    chosen = np.where(pairs >= 0, origin[pairs], -1)[node] if origin.size else np.full(node.size, -1)    # (S,) of e, -1: stay, or terminal
    own = (chosen >= 0) & (e.owner[np.maximum(chosen, 0)] == np.arange(node.size)) if e.r.size else np.zeros(node.size, bool)
    policy = np.where(own, chosen, -1)
    rest = ~own & (np.diff(e.pair_ptr) > 0)                              # states inside a component
    towards, _ = graph.attractor_pairs(e.P, e.owner, own, inside & rest[e.owner])
    stay = np.flatnonzero(inside)[::-1]
    first = np.full(node.size, -1)
    first[e.owner[stay]] = stay
    # `towards` crosses no border between components: its pairs all stay inside theirs
    return np.where(rest, np.where((chosen >= 0) & (towards >= 0), towards, first), policy)


class _Labels:
    """Names of the states behind nodes, for messages."""

    def __init__(self, m, members):
        self.m, self.members = m, members

    def state_label(self, node):
        return ", ".join(self.m.state_label(s) for s in self.members([node])[:3])
