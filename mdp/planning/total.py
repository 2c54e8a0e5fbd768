"""Total reward: what the arrows decide before any arithmetic, and which states are worth infinity.

Maximised (to minimise, rewards are negated). Three readings, all at gamma = 1:

    no goal          the limit of the expected sum of rewards; an end component without rewards may
                     be stayed in, worth 0
    goal, miss=-inf  rewards until the goal is entered, over stationary policies, randomised ones
                     included; one that misses it with positive probability is worth -inf
    goal, miss=+inf  the same, but missing is worth +inf: the largest cost, when a miss costs
                     everything

Steps:
1. Goal states lose their actions. Each maximal end component without rewards becomes one node,
   whose actions are those that leave it; without a goal one more, "stay", ends there with reward
   zero (collapse.py).
2. An end component whose best mean reward is positive is worth +inf, and so is whatever reaches it
   with positive probability and otherwise ends. Where the rest cannot end, positive and negative
   parts are both infinite: a ValueError names the states. In an end component with rewards of mean
   zero the sum has no limit: a ValueError as well, without a goal. With one it is left alone: no
   stationary policy both stays in it and reaches the goal.
3. What cannot end (reach the goal) with probability one is worth -inf. With miss=+inf, what can
   miss it is worth +inf.
4. The rest is left for policy_iteration_total.py: some policy ends there almost surely.

Whether a mean reward is positive is asked of `signs` and of `gain`. In floats both know only what
rounding leaves certain: 0.3 * 7 - 0.7 * 3 is not 0 there, though it may be meant to be. What they
leave open is a ValueError without a goal, and an upper bound of inf with one. exact/total.py passes
its own, from fractions.

de Alfaro, "Computing minimum and maximum reachability times in probabilistic systems", CONCUR 1999;
Bertsekas and Tsitsiklis 1991; Baier and Katoen 2008, section 10.6 (Prob0, Prob1); Baier, Bertrand,
Dubslaff, Gburek, Sankur, "Stochastic shortest paths and weight-bounded properties in Markov
decision processes", LICS 2018 (signs of the mean reward).

Read first: graph.py, planning/collapse.py, planning/gain.py, planning/undefined.py.
Read next: planning/policy_iteration_total.py.
"""

from typing import NamedTuple

import numpy as np

from .. import graph
from ..linear import spread
from .collapse import Collapsed, arrows, collapse, components, leads_to, lift
from .gain import component_gain
from .undefined import HINT, names


class Total(NamedTuple):
    """The process after steps 1 to 3.   S' nodes, X' pairs between them"""
    nodes: Collapsed                         # the process of the nodes
    ends: np.ndarray                         # (S',) bool: where nothing more is received: terminal
                                             # states and END; with a goal the goal alone
    plus: np.ndarray                         # (S',) bool: worth +inf
    minus: np.ndarray                        # (S',) bool: worth -inf
    usable: np.ndarray                       # (X',) bool: pairs of the remaining nodes that lead to
                                             # no infinity
    pairs: np.ndarray                        # (S',) a pair that makes a node worth +inf, if there
                                             # is no goal; else -1


def signs(e):
    """What rounding leaves certain of the sign of each expected reward: (least, most), (X,) each.

    >>> import scipy.sparse as sp
    >>> from mdp.expected import Expected
    >>> P = sp.csr_matrix(np.ones((3, 1)))
    >>> r, size = np.array([0.3 * 7 - 0.7 * 3, 2.0, 0.0]), np.array([4.2, 2.0, 0.0])
    >>> [x.tolist() for x in signs(Expected(P, r, 1.0, np.array([0, 3]), size=size))]
    [[-1.0, 1.0, 0.0], [1.0, 1.0, 0.0]]
    """
    rounding = spread(e.count) * e.size
    return np.sign(e.r - rounding), np.sign(e.r + rounding)


def _float_gain(nodes, states, pairs):
    return component_gain(nodes.e, states, pairs)


def prepare(m, e, goal=None, miss=-np.inf, known=None, gain=_float_gain):
    """Steps 1 to 3 -> Total.

    e        gamma = 1, rewards negated to minimise
    goal     bool (S,) or None
    miss     what missing the goal is worth, -inf or inf
    known    (least, most), (X,) each: between which signs each expected reward lies.
             Default: `signs`
    gain     (nodes, states, pairs) -> an object with .lower, .upper, .pairs: the best mean reward
             of an end component of the nodes.   Default: component_gain
    exact/total.py passes `known` and `gain` of its own.
    """
    kept = np.ones(e.r.size, bool) if goal is None else ~goal[e.owner]
    nodes = collapse(e, kept, stay=goal is None)                        # step 1
    P, owner, nowhere = nodes.e.P, nodes.e.owner, np.zeros(nodes.e.P.shape[1], bool)
    ends, minus, nothing = _ends(nodes, goal), nowhere, np.full(nowhere.size, -1)
    if goal is not None and miss > 0:
        plus = _may_miss(e, nodes, ends)
        return Total(nodes, ends, plus, minus, ~plus[owner], nothing)
    if goal is not None:
        minus = _real(nodes) & ~graph.almost_surely(P, owner, ends)     # step 3
    allowed = ~minus[owner] & ~leads_to(P, minus)
    least, most = (np.where(nodes.origin >= 0, np.append(sign, 0)[nodes.origin], 0)
                   for sign in (signs(e) if known is None else known))
    positive, pairs = nowhere.copy(), nothing                           # step 2
    label, stays = graph.maximal_end_components(P, owner, allowed)
    for states, own in components(label, stays, owner):
        found = _positive(m, nodes, states, own, least, most, gain, goal)
        if found is not None:
            positive[states], pairs[states] = True, found
    plus = nowhere
    if positive.any():
        plus, towards = _reach(m, nodes, ends, positive, allowed, goal)
        pairs = np.where(plus & ~positive, towards, pairs)
    if goal is None:
        minus = ~plus & ~graph.almost_surely(P, owner, ends)            # step 3
    usable = ~plus[owner] & ~minus[owner] & ~leads_to(P, minus)
    return Total(nodes, ends, plus, minus, usable, pairs)


def _real(nodes):
    """(S',) bool: nodes that stand for states."""
    real = np.zeros(nodes.e.P.shape[1], bool)
    real[nodes.node] = True
    return real


def _ends(nodes, goal):
    """(S',) bool: where nothing more is received."""
    if goal is None:
        return np.diff(nodes.e.pair_ptr) == 0
    ends = np.zeros(nodes.e.P.shape[1], bool)
    ends[nodes.node[goal]] = True
    return ends


def _may_miss(e, nodes, ends):
    """(S',) bool: from where the goal can be avoided for ever, or until a dead end."""
    owner = nodes.e.owner
    stuck = _real(nodes) & ~ends & (np.diff(nodes.e.pair_ptr) == 0)
    stuck[nodes.node[e.owner[nodes.inside]]] = True          # a component without rewards
    label, _ = graph.maximal_end_components(nodes.e.P, owner, np.ones(owner.size, bool))
    return graph.can_reach(arrows(nodes.e), stuck | (label >= 0))


def _positive(m, nodes, states, own, least, most, gain, goal):
    """The pairs by which an end component gains for ever, one for each state; None if it does not.

    ValueError where the best mean is zero, or may be, and there is no goal.
    """
    cancelled = np.zeros(nodes.e.owner.size, bool)
    cancelled[own[most[own] == 0]] = True                    # rewards that are absent are gone
    idle = graph.maximal_end_components(nodes.e.P, nodes.e.owner, cancelled)[0] >= 0
    if (most[own] <= 0).all() and not idle.any():
        return None                                          # negative by the signs alone
    found = gain(nodes, states, own)
    if found.lower > 0 or (least[own] >= 0).all() and (least[own] > 0).any():
        return found.pairs
    if not found.upper < 0 and goal is None:
        where = np.flatnonzero(np.isin(nodes.node, states))
        raise ValueError(_undefined(names(m, where), found))
    return None


def _reach(m, nodes, ends, positive, allowed, goal):
    """(plus, towards), (S',) each: who can come to a positive component, and by which pair.

    Whoever does not come there must end for certain. ValueError, without a goal, where infinite
    gains can only be reached together with infinite losses.
    """
    P, owner = nodes.e.P, nodes.e.owner
    inner = graph.almost_surely(P, owner, ends | positive)
    safe = allowed & inner[owner] & ~leads_to(P, ~inner)
    towards, distance = graph.attractor_pairs(P, owner, positive, safe)
    plus = distance >= 0
    either = goal is None and graph.can_reach(arrows(nodes.e), positive) & ~plus
    if np.any(either):
        raise ValueError(
            "total reward is undefined (positive and negative parts are both infinite) in "
            f"{names(m, np.flatnonzero(either[nodes.node]))}: infinite gains can be reached from "
            f"there only together with infinite losses{HINT}")
    return plus, towards


def _undefined(states, gain):
    """The message about an end component whose best mean reward is zero, or may be."""
    undefined = ("total reward is undefined (positive and negative parts are both infinite): a "
                 f"policy may stay for ever in {states}, with rewards of mean zero")
    if gain.lower == gain.upper:
        return undefined + HINT
    return (f"floats cannot decide whether the {undefined} as far as rounding tells (between "
            f"{gain.lower:.3g} and {gain.upper:.3g} per step); solve_exact (--exact) decides, and "
            f"takes the numbers as typed{HINT}")


def policy_of(e, total, pairs):
    """The policy of the process behind a policy of the nodes, (S,) pairs of e, -1 where terminal.

    The first pair where the value is -inf, and after the goal, where nothing counts.

    pairs   (S',) pairs of the nodes, -1 where none
    """
    policy = lift(e, total.nodes, pairs)
    lost = total.minus[total.nodes.node] & (np.diff(e.pair_ptr) > 0)
    return np.where(lost, e.pair_ptr[:-1], policy)
