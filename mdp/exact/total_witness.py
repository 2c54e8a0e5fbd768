"""Witnesses of a total reward: what verify_total.py needs beside the values.

All are found on the arrows and by exact policy iteration. verify_total.py checks all of them.

Read first: planning/collapse.py, exact/process.py, exact/average.py.  Read next: exact/total.py.
"""

from fractions import Fraction

import numpy as np
import scipy.sparse as sp

from .. import graph
from ..certificate import integers
from ..planning.collapse import leads_to
from .average import average_of_class
from .process import made_of, optimise, process_of, slack
from .solution import actions

INF = float("inf")


def is_finite(y):
    """A value is a Fraction, or an infinite float."""
    return isinstance(y, Fraction)


def witness(R, e, v, policy, goal, miss, minimize):
    """(potential, policy, fields of the certificate).

    v          (S,) list of Fractions and infinities
    policy     (S,) list of pairs; kept where the value is finite, completed elsewhere
    potential  (S,) list of Fractions: v where it is finite, else what verify_total.py asks for
    """
    found = _Witness(R, e, v, policy, goal, minimize)
    found.to_the_end()
    if goal is not None and miss > 0:
        found.avoid_the_goal()
    else:
        found.gain_for_ever()
    found.layers()
    found.tight_ranks()
    found.to_the_gain()
    if goal is not None and miss < 0:
        found.back_to_the_goal()
    return found.x, found.policy.tolist(), {"rank": found.rank.tolist(), **found.fields}


class _Witness:
    """The witnesses, found one after the other.   S states, X pairs"""

    def __init__(self, R, e, v, policy, goal, minimize):
        self.R, self.e, self.goal = R, e, goal
        self.process = process_of(R, minimize, discounted=False)
        self.finite = np.array([is_finite(y) for y in v])
        self.plus, self.minus = (np.array([y == far for y in v], bool) for far in (INF, -INF))
        self.terminal = np.diff(e.pair_ptr) == 0
        self.x = [y if is_finite(y) else Fraction(0) for y in v]
        self.policy, self.fields = np.array(policy), {}
        self.gained = self.safe = None       # where it gains for ever; pairs that lead to no -inf
        self.label = np.full(R.S, -1)        # components without rewards
        if goal is None:
            self.label = graph.maximal_end_components(e.P, e.owner, e.zero)[0]

    def to_the_end(self):
        """Ranks of the states of finite value: steps to the goal, or to where the policy rests."""
        R, e, policy = self.R, self.e, self.policy
        own = np.zeros(e.r.size, bool)
        own[policy[policy >= 0]] = True
        ends = self.goal
        if ends is None:
            still = [f and x == 0 and (k < 0 or R.zero[k])
                     for f, x, k in zip(self.finite, self.x, policy)]
            ends = _rests(R, policy, np.array(still, bool))
        steps = graph.attractor_pairs(e.P, e.owner, ends, own)[1]
        self.rank = np.where(self.finite, steps, 0)

    def avoid_the_goal(self):
        """A miss is worth inf: stay away from the goal, or in a dead end."""
        e, elsewhere = self.e, ~self.goal[self.e.owner]
        self.fields["tight"] = _universal(self.R, self.finite & ~self.goal)
        label, inside = graph.maximal_end_components(e.P, e.owner, elsewhere)
        self.gained, self.safe = self.plus & (self.terminal | (label >= 0)), elsewhere
        inner = np.flatnonzero(inside)[::-1]
        self.policy[e.owner[inner]] = inner  # the first pair that stays

    def gain_for_ever(self):
        """The classes of the policy with a positive gain; x becomes the bias there."""
        R, e, plus = self.R, self.e, self.plus
        self.safe = ~self.minus[e.owner] & ~leads_to(e.P, self.minus)
        self.gained, index = np.zeros(R.S, bool), np.flatnonzero(plus)
        if not plus.any():
            return
        chain = sp.csr_matrix(e.P[np.maximum(self.policy, 0)])[plus][:, plus]
        for states in graph.closed_classes(chain):
            states = index[states].tolist()
            members, pairs = set(states), {s: int(self.policy[s]) for s in states}
            if not all(t in members for k in pairs.values() for t in R.next[k]):
                continue                     # it leaves for states of finite value: no class
            gain, bias, _ = average_of_class(self.process, states, pairs)
            if gain > 0:
                self.gained[states] = True
                for s in states:
                    self.x[s] = bias[s]

    def layers(self):
        """Layers of the states worth -inf; without a goal a potential there."""
        if not self.minus.any():
            return
        ends = self.goal if self.goal is not None else self.terminal | (self.label >= 0)
        self.fields["layer"] = _layers(self.e, self.minus, ends)
        if self.goal is None:
            self._potential(self.fields["layer"])

    def _potential(self, layer):
        """x becomes, where the value is -inf, the most that staying in the layer can gain.

        One may stop at any time, worth 0. So x >= r + P x for pairs that stay.
        """
        R, process, minus = self.R, self.process, self.minus
        kept = [k for k, s in enumerate(process.owner)
                if minus[s] and all(minus[t] and layer[t] == layer[s] for t in R.next[k])]
        stops = np.flatnonzero(minus).tolist()
        owner, none = [process.owner[k] for k in kept] + stops, len(stops)
        start = [-1] * R.S
        for k, s in enumerate(owner):
            start[s] = k                     # its last one, to stop
        potential = optimise(made_of(R.S, owner,
                                     [process.r[k] for k in kept] + [Fraction(0)] * none,
                                     [process.d[k] for k in kept] + [1] * none,
                                     [process.row[k] for k in kept] + [[]] * none), start)[0]
        for s in stops:
            self.x[s] = potential[s]

    def tight_ranks(self):
        """Without a goal: ranks that tight pairs lower, those with x = r + P x."""
        if self.goal is not None:
            return
        process, layer = self.process, self.fields.get("layer")
        num, den = integers(self.x)

        def within(s, k):                    # all successors have values of the same kind
            if self.finite[s]:
                return all(self.finite[t] for t in self.R.next[k])
            return all(self.minus[t] and layer[t] == layer[s] for t in self.R.next[k])

        tight = [not self.plus[s] and within(s, k) and slack(process, k, num, den) == 0
                 for k, s in enumerate(process.owner)]
        self.fields["tight"] = _tight_ranks(self.R, self.label.tolist(), tight)

    def to_the_gain(self):
        """Policy and ranks of the states worth inf: steps to where it gains."""
        if self.plus.any():
            pair, distance = self._nearer(self.gained)
            self.policy = np.where(self.plus & ~self.gained, pair, self.policy)
            self.rank = np.where(self.plus, distance, self.rank)

    def back_to_the_goal(self):
        """`return`: from where it gains to states of finite value, and so to the goal."""
        if self.plus.any():
            pair, distance = self._nearer(self.goal | self.finite)
            policy = actions(self.R, np.where(self.plus, pair, self.policy))
            self.fields["return"] = {"policy": policy,
                                     "rank": np.where(self.plus, distance, 0).tolist()}

    def _nearer(self, targets):
        """(pair, distance), (S,) each, from states worth inf."""
        e = self.e
        return graph.attractor_pairs(e.P, e.owner, targets, self.safe & self.plus[e.owner])


def _rests(R, policy, still):
    """The largest part of `still` (S,) bool that the policy does not leave."""
    while True:
        leaves = np.array([still[s] and k >= 0 and not all(still[t] for t in R.next[k])
                           for s, k in enumerate(policy)], bool)
        if not leaves.any():
            return still
        still = still & ~leaves


def _universal(R, free):
    """Ranks such that every pair of a `free` state has a successor of smaller rank; 0 outside.

    returns   (S,) list of integers
    """
    rank = [-1 if f else 0 for f in free]
    waiting = [R.pair_ptr[s + 1] - R.pair_ptr[s] for s in range(R.S)]    # pairs that have none yet
    before, met = [[] for _ in range(R.S)], [False] * len(R.owner)
    for k, s in enumerate(R.owner):
        for t in R.next[k] if free[s] else ():
            before[t].append(k)
    queue = [s for s in range(R.S) if not free[s]]
    for t in queue:                          # grows as we go, by rank
        for k in before[t]:
            s = R.owner[k]
            waiting[s] -= not met[k]
            met[k] = True
            if waiting[s] == 0 and rank[s] < 0:
                rank[s] = rank[t] + 1
                queue.append(s)
    return rank


def _tight_ranks(R, label, tight):
    """Ranks, equal within a component, that every tight pair which leaves its component lowers.

    label    (S,) the component of each state, -1 for none: such a state is a group of its own
    tight    (X,) bools
    returns  (S,) list of integers
    """
    group = [c if c >= 0 else -1 - s for s, c in enumerate(label)]
    members, leaving, before = {}, {}, {}
    for s, g in enumerate(group):
        members.setdefault(g, []).append(s)
        leaving[g] = []
    for k, s in enumerate(R.owner):
        if tight[k] and any(group[t] != group[s] or label[s] < 0 for t in R.next[k]):
            leaving[group[s]].append(k)
            for t in R.next[k]:
                before.setdefault(t, set()).add(group[s])               # groups that lead to t
    rank, todo, level = [-1] * R.S, set(members), 0

    def falls(k):                            # it has a successor whose rank is known
        return any(rank[t] >= 0 for t in R.next[k])

    while todo:
        ready = [g for g in todo if all(map(falls, leaving[g]))]
        new = [s for g in ready for s in members[g]]
        for s in new:
            rank[s] = level
        todo = {g for s in new for g in before.get(s, ()) if rank[members[g][0]] < 0}
        level += 1
    return rank


def _layers(e, minus, ends):
    """Layers of the states that cannot end surely, (S,) list of integers, 0 elsewhere.

    Within one, every pair stays in it or may fall to a lower one.
    """
    layer = np.zeros(len(minus), np.int64)
    left, number = np.ones(len(minus), bool), 0
    while True:
        number += 1
        falls = leads_to(e.P, ~left)         # to an earlier layer
        safe = ~falls & left[e.owner] & ~ends[e.owner]
        reached = graph.attractor_pairs(e.P, e.owner, ends, safe)[1] >= 0
        fallen = left & ~reached
        if not fallen.any():
            return layer.tolist()
        layer[fallen] = number
        left &= ~fallen
