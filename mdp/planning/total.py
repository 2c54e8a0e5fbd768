"""Total reward: what the arrows decide before any arithmetic, and which states are worth plus or minus infinity.

Maximised (to minimise, rewards are negated). Three readings, all at gamma = 1:

    no goal          the limit of the expected sum of rewards; an end component without rewards may be stayed in, worth 0
    goal, miss=-inf  rewards until the goal is entered, over stationary policies, randomised ones
                     included; one that misses it with positive probability is worth -inf
    goal, miss=+inf  the same, but missing is worth +inf (the largest cost when a miss costs everything)

Steps:
1. Goal states lose their actions. Each maximal end component without rewards becomes one node, whose actions are those that leave it; without a goal
   one more, "stay", ends there with reward zero.
2. An end component whose best mean reward is positive is worth +inf, and so is whatever reaches it with positive probability and
   otherwise ends. Where the rest cannot end, positive and negative parts are both infinite: a
   ValueError names the states. In an end component with rewards of mean zero the sum has no limit:
   a ValueError as well, without a goal. With one it is left alone: no stationary policy both stays
   in it and reaches the goal.
3. What cannot end (reach the goal) with probability one is worth -inf. With miss=+inf, what can miss it is worth +inf.
4. The rest is left for policy_iteration_total.py: some policy ends there almost surely.

Whether a mean reward is positive is asked of `signs` and of `gain`. In floats both know only what
rounding leaves certain: 0.3 * 7 - 0.7 * 3 is not 0 there, though it may be meant to be. What they
leave open is a ValueError without a goal, and an upper bound of inf with one. exact/total.py passes
its own, from fractions.

de Alfaro, "Computing minimum and maximum reachability times in probabilistic systems", CONCUR 1999; Bertsekas and Tsitsiklis 1991;
Baier and Katoen 2008, section 10.6 (Prob0, Prob1); Baier, Bertrand, Dubslaff, Gburek, Sankur, "Stochastic shortest paths and weight-bounded
properties in Markov decision processes", LICS 2018 (signs of the mean reward).

Read first: ../graph.py, gain.py.  Read next: policy_iteration_total.py.
"""

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp

from .. import graph
from ..linear import spread
from ..expected import Expected
from .gain import component_gain

HINT = "; use gamma < 1, criterion=\"average\" or criterion=\"finite_horizon\""


class Total(NamedTuple):
    """The process after steps 1 to 3.   N nodes: components and states, the last one END   K' pairs between them"""
    e: Expected                              # of the nodes
    origin: np.ndarray                       # (K',) the pair of the process behind each pair, -1 for "stay"
    node: np.ndarray                         # (S,) the node of each state
    inside: np.ndarray                       # (K,) bool: pairs of the process that stay in their component
    ends: np.ndarray                         # (N,) bool: where nothing more is received: terminal states, END; with a goal the goal alone
    plus: np.ndarray                         # (N,) bool: worth +inf
    minus: np.ndarray                        # (N,) bool: worth -inf
    usable: np.ndarray                       # (K',) bool: pairs of the remaining nodes that lead to no infinity
    pairs: np.ndarray                        # (N,) for nodes worth +inf without a goal a pair that makes it so; else -1


def names(m, states):
    """"state 1, state 2 and 5 more"."""
    return ", ".join(m.state_label(s) for s in states[:5]) + (f" and {len(states) - 5} more" if len(states) > 5 else "")


def signs(e):
    """What rounding leaves certain of the sign of each expected reward: (least, most), (K,) each.

    >>> P = sp.csr_matrix(np.ones((3, 1)))
    >>> r, size = np.array([0.3 * 7 - 0.7 * 3, 2.0, 0.0]), np.array([4.2, 2.0, 0.0])
    >>> [x.tolist() for x in signs(Expected(P, r, 1.0, np.array([0, 3]), size=size))]
    [[-1.0, 1.0, 0.0], [1.0, 1.0, 0.0]]
    """
    rounding = spread(e.count) * e.size
    return np.sign(e.r - rounding), np.sign(e.r + rounding)


def _float_gain(collapsed, states, pairs, origin, node):
    return component_gain(collapsed, states, pairs)


def prepare(m, e, goal=None, miss=-np.inf, known=None, gain=_float_gain):
    """Steps 1 to 3 -> Total.   e gamma = 1, rewards negated to minimise   goal bool (S,) or None

    known    (least, most), (K,) each: between which signs each expected reward lies.
             Default: `signs`
    gain     (collapsed e, states, pairs, origin, node) -> an object with .lower, .upper, .pairs:
             the best mean reward of an end component.   Default: component_gain
    exact/total.py passes its own of both.
    """
    kept = np.ones(e.r.size, bool) if goal is None else ~goal[e.owner]
    collapsed, origin, node, inside = collapse(e, kept, stay=goal is None)
    P, owner, N = collapsed.P, collapsed.owner, collapsed.P.shape[1]
    members = lambda nodes: np.flatnonzero(np.isin(node, np.flatnonzero(nodes)))             # noqa: E731
    if goal is None:
        ends = np.diff(collapsed.pair_ptr) == 0
    else:
        ends = np.zeros(N, bool)
        ends[node[goal]] = True
    plus, minus, pairs = np.zeros(N, bool), np.zeros(N, bool), np.full(N, -1)
    real = np.zeros(N, bool)
    real[node] = True

    if goal is not None and miss > 0:
        # what can be avoided for ever, or until a dead end
        stuck = real & ~ends & (np.diff(collapsed.pair_ptr) == 0)
        stuck[node[e.owner[inside]]] = True                              # a component without rewards: stay in it
        label, _ = graph.maximal_end_components(P, owner, np.ones(owner.size, bool))
        plus = graph.can_reach(arrows(collapsed), stuck | (label >= 0))
        return Total(collapsed, origin, node, inside, ends, plus, minus, ~plus[owner], pairs)

    if goal is not None:
        minus = real & ~graph.almost_surely(P, owner, ends)
        allowed = ~minus[owner] & ~leads_to(P, minus)
    else:
        allowed = np.ones(owner.size, bool)
    positive = np.zeros(N, bool)
    known = signs(e) if known is None else known
    least, most = (np.where(origin >= 0, np.append(sign, 0)[origin], 0) for sign in known)
    label, stays = graph.maximal_end_components(P, owner, allowed)
    for states, own in components(label, stays, owner):
        cancelled = np.zeros(owner.size, bool)
        cancelled[own[most[own] == 0]] = True                            # absent ones are gone
        idle = graph.maximal_end_components(P, owner, cancelled)[0] >= 0
        if (most[own] <= 0).all() and not idle.any():
            continue                                                     # negative by the signs alone
        found = gain(collapsed, states, own, origin, node)
        if found.lower > 0 or (least[own] >= 0).all() and (least[own] > 0).any():
            positive[states] = True
            pairs[states] = found.pairs
        elif not found.upper < 0 and goal is None:
            raise ValueError(_undefined(names(m, members(np.isin(np.arange(N), states))), found))
    if positive.any():
        inner = graph.almost_surely(P, owner, ends | positive)
        safe = allowed & inner[owner] & ~leads_to(P, ~inner)
        towards, distance = graph.attractor_pairs(P, owner, positive, safe)
        plus = distance >= 0
        if goal is None:
            either = graph.can_reach(arrows(collapsed), positive) & ~plus
            if either.any():
                raise ValueError(f"total reward is undefined (positive and negative parts are both infinite) in {names(m, members(either))}: infinite gains can "
                                 "be reached from there only together with infinite losses" + HINT)
        pairs = np.where(plus & ~positive, towards, pairs)
    if goal is None:
        minus = ~plus & ~graph.almost_surely(P, owner, ends)
    usable = ~plus[owner] & ~minus[owner] & ~leads_to(P, minus)
    return Total(collapsed, origin, node, inside, ends, plus, minus, usable, pairs)


def _undefined(states, gain):
    """The message about an end component whose best mean reward is zero, or may be."""
    undefined = ("total reward is undefined (positive and negative parts are both infinite): a "
                 f"policy may stay for ever in {states}, with rewards of mean zero")
    if gain.lower == gain.upper:
        return undefined + HINT
    return (f"floats cannot decide whether the {undefined} as far as rounding tells (between "
            f"{gain.lower:.3g} and {gain.upper:.3g} per step); solve_exact (--exact) decides, and "
            f"takes the numbers as typed{HINT}")


def leads_to(P, nodes):
    """(K,) bool: pairs with an arrow into `nodes` (N,) bool."""
    arrows = sp.csr_matrix((np.ones(P.nnz, np.int64), P.indices, P.indptr), shape=P.shape)
    return arrows @ nodes.astype(np.int64) > 0


def arrows(e, pairs=None):
    """(N, N) CSR: which node leads to which, over the pairs given (indices), or over all."""
    P, owner = (e.P, e.owner) if pairs is None else (e.P[pairs], e.owner[pairs])
    rows = np.repeat(owner, np.diff(P.indptr))
    return sp.csr_matrix((np.ones(rows.size), (rows, P.indices)), shape=(P.shape[1],) * 2)


def components(label, stays, owner):
    """(states, pairs) of each end component, index arrays."""
    for c in range(label.max(initial=-1) + 1):
        states = np.flatnonzero(label == c)
        yield states, np.flatnonzero(stays & (label[owner] == c))


def collapse(e, kept, stay=True, components=None):
    """One node for each maximal end component without rewards, over the pairs `kept` (K,) bool; or for each of the `components` (label, inside) given.

    returns  the collapsed Expected, whose last node END has no pairs; origin (K',) the pair of e behind each of its pairs, -1 for "stay";
             node (S,) the node of each state; inside (K,) bool: the pairs that stay in their component
    """
    S = e.P.shape[1]
    label, inside = graph.maximal_end_components(e.P, e.owner, e.zero & kept) if components is None else components
    count = label.max(initial=-1) + 1
    node = np.where(label >= 0, label, 0)
    node[label < 0] = count + np.arange((label < 0).sum())
    nodes = count + int((label < 0).sum())                               # END is number `nodes`
    left = np.flatnonzero(~inside & kept)
    extra = count if stay else 0
    owner = np.concatenate((node[e.owner[left]], np.arange(extra)))      # then one "stay" for each component
    origin = np.concatenate((left, np.full(extra, -1)))
    order = np.lexsort((origin, owner))                                  # "stay" first: ties are resolved by staying
    merge = sp.csr_matrix((np.ones(S), (np.arange(S), node)), shape=(S, nodes + 1))
    ending = sp.csr_matrix((np.ones(extra), (np.arange(extra), np.full(extra, nodes))), shape=(extra, nodes + 1))
    P = sp.csr_matrix(sp.vstack([sp.csr_matrix(e.P[left]) @ merge, ending], format="csr"))[order]
    pad = lambda x: np.concatenate((x[left], np.zeros(extra, x.dtype)))[order]                    # noqa: E731
    ptr = np.concatenate(([0], np.cumsum(np.bincount(owner, minlength=nodes + 1))))
    collapsed = Expected(P, pad(e.r), 1.0, ptr, size=pad(e.size), count=2 * pad(e.count), owner=owner[order], action=np.zeros(owner.size, np.int64), zero=pad(e.zero))
    return collapsed, origin[order], node, inside                        # 2 * count: adding merged columns rounds once more


def numbers(e, total):
    """(K',) the pair behind each pair of total.e; behind "stay" the first one that stays."""
    first, inside = np.zeros(total.ends.size, np.int64), np.flatnonzero(total.inside)[::-1]
    first[total.node[e.owner[inside]]] = inside
    return np.where(total.origin >= 0, total.origin, first[total.e.owner])


def lift(e, total, pairs):
    """The policy of the process behind a policy of the nodes: in a component, go to the state from which the chosen action leaves it, or stay.

    pairs    (N,) pairs of total.e, -1 where none
    returns  (S,) pairs of e, -1 where terminal; the first pair where the value is -inf
    """
    S, has_pairs = total.node.size, np.diff(e.pair_ptr) > 0
    chosen = np.where(pairs >= 0, total.origin[pairs], -1)[total.node] if total.origin.size else np.full(S, -1)   # (S,) of e, -1: stay, or nothing to choose
    own = (chosen >= 0) & (e.owner[np.maximum(chosen, 0)] == np.arange(S)) if e.r.size else np.zeros(S, bool)
    policy = np.where(own, chosen, -1)
    rest = ~own & has_pairs
    towards, _ = graph.attractor_pairs(e.P, e.owner, own, total.inside & rest[e.owner])
    first = np.full(S, -1)
    everything = np.arange(e.r.size)[::-1]
    first[e.owner[everything]] = everything
    stay = np.flatnonzero(total.inside)[::-1]
    first[e.owner[stay]] = stay
    # `towards` crosses no border between components: its pairs all stay inside theirs
    lifted = np.where(rest, np.where((chosen >= 0) & (towards >= 0), towards, first), policy)
    return np.where(has_pairs & total.minus[total.node], e.pair_ptr[:-1], lifted)
