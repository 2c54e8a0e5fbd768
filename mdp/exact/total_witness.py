"""Witnesses of a total reward: what verify_total.py needs beside the values. All found on the arrows and by exact policy iteration, all checked there.

Read first: ../verify_total.py, which says what each of them proves.
"""

from fractions import Fraction

import numpy as np
import scipy.sparse as sp

from .. import graph
from ..certificate import integers
from ..planning.total import leads_to
from .average import average_of_class
from .process import Process, optimise, process_of, slack
from .solution import actions


def witness(R, e, v, policy, goal, miss, minimize):
    """(potential, policy, fields of the certificate).   v (S,) Fractions and infinities   policy (S,) pairs; both keep what is finite, the rest is completed"""
    S, process = R.S, process_of(R, minimize, discounted=False)
    finite = np.array([isinstance(y, Fraction) for y in v])
    plus, minus = (np.array([y == inf for y in v], bool) for inf in (float("inf"), -float("inf")))
    x = [y if f else Fraction(0) for f, y in zip(finite, v)]
    policy = np.array(policy)
    own = np.zeros(e.r.size, bool)
    own[policy[policy >= 0]] = True
    terminal = np.diff(e.pair_ptr) == 0
    free = goal is None

    label = graph.maximal_end_components(e.P, e.owner, e.zero)[0] if free else np.full(S, -1)
    ends = _rests(R, policy, np.array([y == 0 and (k < 0 or R.zero[k]) for y, k in zip(v, policy)], bool)) if free else goal
    rank = np.where(finite, graph.attractor_pairs(e.P, e.owner, ends, own)[1], 0)
    fields = {}
    if not free and miss > 0:
        fields["tight"] = _universal(R, finite & ~goal)
        stay_away, inside = graph.maximal_end_components(e.P, e.owner, ~goal[e.owner])
        gained = plus & (terminal | (stay_away >= 0))
        safe = ~goal[e.owner]
        inner = np.flatnonzero(inside)[::-1]
        policy[e.owner[inner]] = inner                                   # the first pair that stays
    else:
        safe = ~minus[e.owner] & ~leads_to(e.P, minus)
        gained = _gaining(R, process, policy, e, plus, x)
    if minus.any():
        layer = fields["layer"] = _layers(e, minus, (terminal | (label >= 0)) if free else goal)
        if free:
            _potential(R, process, minus, layer, x)
    if free:
        N, L = integers(x)
        within = lambda s, k: all(finite[t] if finite[s] else minus[t] and layer[t] == layer[s] for t in R.next[k])        # noqa: E731
        tight = [not plus[s] and within(s, k) and slack(process, k, N, L) == 0 for k, s in enumerate(process.owner)]
        fields["tight"] = _tight_ranks(R, label.tolist(), tight)
    if plus.any():
        pair, distance = graph.attractor_pairs(e.P, e.owner, gained, safe & plus[e.owner])
        policy = np.where(plus & ~gained, pair, policy)
        rank = np.where(plus, distance, rank)
        if not free and miss < 0:
            pair, distance = graph.attractor_pairs(e.P, e.owner, goal | finite, safe & plus[e.owner])
            fields["return"] = {"policy": actions(R, np.where(plus, pair, policy)), "rank": np.where(plus, distance, 0).tolist()}
    return x, policy.tolist(), {"rank": rank.tolist(), **fields}


def _rests(R, policy, still):
    """The largest part of `still` (S,) bool that the policy does not leave."""
    while True:
        leaves = np.array([still[s] and k >= 0 and not all(still[t] for t in R.next[k]) for s, k in enumerate(policy)], bool)
        if not leaves.any():
            return still
        still = still & ~leaves


def _gaining(R, process, policy, e, plus, x):
    """The states worth inf in classes where the policy gains for ever, (S,) bool; x becomes its bias there."""
    gained, index = np.zeros(R.S, bool), np.flatnonzero(plus)
    for states in graph.closed_classes(sp.csr_matrix(e.P[np.maximum(policy, 0)])[plus][:, plus]) if plus.any() else ():
        states = index[states].tolist()
        members = set(states)
        if all(t in members for s in states for t in R.next[policy[s]]):  # else it leaves for finite states: not a class
            gain, bias, _ = average_of_class(process, states, {s: int(policy[s]) for s in states})
            if gain > 0:
                gained[states] = True
                for s in states:
                    x[s] = bias[s]
    return gained


def _universal(R, free):
    """Ranks such that every pair of a `free` state has a successor of smaller rank; 0 outside. List of integers."""
    rank = [-1 if f else 0 for f in free]
    waiting = [R.pair_ptr[s + 1] - R.pair_ptr[s] for s in range(R.S)]    # pairs that have none yet
    before, met = [[] for _ in range(R.S)], [False] * len(R.owner)
    for k, s in enumerate(R.owner):
        for t in R.next[k] if free[s] else ():
            before[t].append(k)
    queue = [s for s in range(R.S) if not free[s]]
    for t in queue:                                                      # grows as we go, by rank
        for k in before[t]:
            s = R.owner[k]
            waiting[s] -= not met[k]
            met[k] = True
            if waiting[s] == 0 and rank[s] < 0:
                rank[s] = rank[t] + 1
                queue.append(s)
    return rank


def _tight_ranks(R, label, tight):
    """Ranks, equal within a component, such that every tight pair that leaves its component has a successor of smaller rank."""
    groups, members = {}, {}
    for s in range(R.S):
        members.setdefault(label[s] if label[s] >= 0 else -1 - s, []).append(s)
    leaving = {c: [k for s in states for k in range(R.pair_ptr[s], R.pair_ptr[s + 1])
                   if tight[k] and not (label[s] >= 0 and all(label[t] == label[s] for t in R.next[k]))] for c, states in members.items()}
    rank = [-1] * R.S
    before = {}                                                          # state -> groups that lead to it by a tight pair
    for c, pairs in leaving.items():
        for k in pairs:
            for t in R.next[k]:
                before.setdefault(t, set()).add(c)
    todo, level = list(members), 0
    while todo:
        ready = [c for c in set(todo) if c not in groups and all(any(rank[t] >= 0 for t in R.next[k]) for k in leaving[c])]
        for c in ready:
            groups[c] = level
        for c in ready:
            for s in members[c]:
                rank[s] = level
        todo = list({b for c in ready for s in members[c] for b in before.get(s, ()) if b not in groups})
        level += 1
    return rank


def _layers(e, minus, ends):
    """Layers of the states that cannot end surely: within one, every pair stays in it or may fall to a lower one. (S,) list, 0 elsewhere."""
    layer = np.zeros(len(minus), np.int64)
    left, number = np.ones(len(minus), bool), 0
    while True:
        number += 1
        falls = leads_to(e.P, ~left)                                     # to an earlier layer
        safe = ~falls & left[e.owner] & ~ends[e.owner]
        reached = graph.attractor_pairs(e.P, e.owner, ends, safe)[1] >= 0
        fallen = left & ~reached
        if not fallen.any():
            return layer.tolist()
        layer[fallen] = number
        left &= ~fallen


def _potential(R, process, minus, layer, x):
    """x becomes, where the value is -inf, the most that can be gained by staying in the layer or stopping, worth 0: x >= r + P x for pairs that stay."""
    kept = [k for k, s in enumerate(process.owner) if minus[s] and all(minus[t] and layer[t] == layer[s] for t in R.next[k])]
    stops = np.flatnonzero(minus).tolist()
    owner = [process.owner[k] for k in kept] + stops
    of, start = [[] for _ in range(R.S)], [-1] * R.S
    for k, s in enumerate(owner):
        of[s].append(k)
        start[s] = k                                                     # its last one, to stop
    rest = lambda column, value: [column[k] for k in kept] + [value] * len(stops)        # noqa: E731
    potential = optimise(Process(R.S, owner, of, rest(process.r, Fraction(0)), rest(process.d, 1), rest(process.row, [])), start)[0]
    for s in stops:
        x[s] = potential[s]
