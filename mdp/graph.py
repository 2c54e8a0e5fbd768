"""What can be said of a decision process from its arrows alone, without any arithmetic, and therefore without rounding.

    closed class         states that reach each other and cannot be left: a chain that enters one stays
    end component        a set of states and of actions in them that never leave it, strongly connected: a policy *can* stay for ever
    maximal end component (MEC)   one contained in no other; MECs are disjoint
    almost surely        with probability one, for a suitable policy (Prob1E of the model checking literature)

Baier and Katoen, "Principles of Model Checking", 2008, sections 10.1.1 and 10.6.3; de Alfaro, thesis, 1997.
Pairs are numbered 0..K-1; pair k belongs to state `owner[k]`, and its arrows are the nonzero entries of row k of a (K, S) CSR matrix.
Searches visit every arrow once, in compiled loops: a chain of a million states has a million
layers.

Read next: linear.py, planning/policy_iteration.py.
"""

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components

from npixel.runtime.kernels import kernel


def closed_classes(P):
    """The recurrent classes of a chain: list of sorted index arrays.

    P        (S, S) scipy.sparse; a row without entries is a place where the process ends, not a class
    """
    count, label = connected_components(P, directed=True, connection="strong")
    rows, columns = P.nonzero()
    closed = np.ones(count, bool)
    closed[label[rows][label[rows] != label[columns]]] = False
    inside = np.zeros(count, bool)
    inside[label[rows][label[rows] == label[columns]]] = True          # at least one arrow that stays: not an end of the process
    return _members(label, closed & inside)


def communicating_classes(P):
    """All classes of states that reach each other, sorted by their first state: list of index arrays.   P (S, S) scipy.sparse"""
    count, label = connected_components(P, directed=True, connection="strong")
    return _members(label, np.ones(count, bool))


def _members(label, chosen):
    """The states of each component that is `chosen` (C,) bool, in the order of their first states.

    label (S,)   returns a list of sorted index arrays
    """
    states = np.flatnonzero(chosen[label])
    order = states[np.argsort(label[states], kind="stable")]
    ends = (np.flatnonzero(np.diff(label[order], append=-1)) + 1).tolist()
    parts = [order[first:last] for first, last in zip([0, *ends], ends)]
    return sorted(parts, key=lambda states: states[0])


def successors_first(P):
    """Components in an order in which every arrow leads backwards or stays: (order (S,), ends (C+1,)).   P (S, S) scipy.sparse

    Component c is the states order[ends[c]:ends[c+1]]; what it leads to stands before it.
    """
    P = sp.csr_matrix(P)
    count, label = connected_components(P, directed=True, connection="strong")
    rows = label[np.repeat(np.arange(P.shape[0]), np.diff(P.indptr))]
    columns = label[P.indices]
    between = rows != columns
    arrows = sp.csr_matrix((np.ones(int(between.sum()), np.int8), (rows[between], columns[between])), shape=(count, count))     # duplicates merge
    arrows.sum_duplicates()
    before = sp.csr_matrix(arrows.T)
    place = _levels(np.diff(arrows.indptr).astype(np.int64), before.indptr, before.indices)
    order = np.lexsort((np.arange(label.size), label, place[label]))
    changes = np.flatnonzero(np.diff(label[order])) + 1
    return order, np.concatenate(([0], changes, [label.size])).astype(np.int64)


def can_reach(P, targets):
    """Which states reach `targets` with positive probability, targets included: bool (S,).   P (S, S) scipy.sparse   targets bool (S,)"""
    return steps_to(P, targets) >= 0


def layers(P, targets):
    """The largest number of steps that a state needs to `targets` bool (S,), among those that can.

    P (S, S) scipy.sparse   returns -1 without targets
    """
    return int(steps_to(P, targets).max(initial=-1))


def steps_to(P, targets):
    """The smallest number of steps to `targets` bool (S,): (S,) integers, -1 where there is no way.

    P (S, S) scipy.sparse
    """
    backward = sp.csr_matrix(P.T)
    return _distances(backward.indptr, backward.indices, targets)


def reachable(P, sources):
    """Which states are reached from `sources` with positive probability, sources included: bool (S,)."""
    return can_reach(sp.csr_matrix(P).T, sources)


def maximal_end_components(P, owner, allowed):
    """MECs using only the `allowed` pairs: (label (S,) with -1 outside any MEC, pairs bool (K,) that stay in the MEC of their state).

    P        (K, S) CSR     owner (K,) the state of each pair     allowed bool (K,)
    """
    S = P.shape[1]
    rows = np.repeat(np.arange(P.shape[0]), np.diff(P.indptr))        # the pair of each arrow
    pairs = allowed.copy()
    while True:
        # keep only the pairs all of whose arrows stay in the strongly connected component of their state; repeat until none falls
        alive = pairs[rows]
        arrows = sp.csr_matrix((np.ones(alive.sum()), (owner[rows[alive]], P.indices[alive])), shape=(S, S))
        _, component = connected_components(arrows, directed=True, connection="strong")
        leaves = component[owner[rows]] != component[P.indices]
        falls = np.zeros(len(pairs), bool)
        falls[rows[leaves]] = True
        falls &= pairs
        if not falls.any():
            break
        pairs &= ~falls
    label = np.full(S, -1)
    inside = np.unique(owner[pairs])
    if inside.size:
        label[inside] = np.unique(component[inside], return_inverse=True)[1]
    return label, pairs


def almost_surely(P, owner, targets):
    """States from which some policy reaches `targets` with probability one: bool (S,), targets included.

    P (K, S) CSR   owner (K,)   targets bool (S,); pairs of target states play no part
    """
    rows = np.repeat(np.arange(P.shape[0]), np.diff(P.indptr))
    inside = np.ones(P.shape[1], bool)
    while True:
        safe = ~targets[owner] & inside[owner]
        safe[rows[~inside[P.indices]]] = False                        # pairs that never leave `inside`
        distance = attractor_pairs(P, owner, targets, safe)[1]
        reached = distance >= 0
        if (reached == inside).all():
            return inside
        inside = reached


def attractor_pairs(P, owner, targets, allowed):
    """A pair for each state that has a positive chance of being one step nearer to `targets`: (pair (S,) or -1, distance (S,) or -1).

    Following these pairs reaches `targets` with probability one wherever the allowed pairs never lead to a state without one.
    """
    S, rows = P.shape[1], np.repeat(np.arange(P.shape[0]), np.diff(P.indptr))
    keep = allowed[rows]
    rows, after = rows[keep], P.indices[keep]
    before = owner[rows]
    arrows = sp.csr_matrix((np.ones(rows.size, bool), (before, after)), shape=(S, S))
    distance = steps_to(arrows, targets)
    nearer = rows[(distance[before] > 0) & (distance[after] == distance[before] - 1)][::-1]
    pair = np.full(S, -1)
    pair[owner[nearer]] = nearer                                      # reversed: the lowest is last
    return pair, distance


# searches

def _distances_numpy(ptr, before, targets):
    """Steps from each state to `targets` bool (S,): (S,) int64, -1 where there is no way.

    before[ptr[s]:ptr[s + 1]]   the states that lead to s
    """
    distance, frontier, step = np.where(targets, 0, -1), np.flatnonzero(targets), 0
    while frontier.size:
        step += 1
        found = np.unique(np.concatenate([before[ptr[s]:ptr[s + 1]] for s in frontier]))
        frontier = found[distance[found] < 0]
        distance[frontier] = step
    return distance


@kernel(defined_by=_distances_numpy)
def _distances(ptr, before, targets):
    S = targets.size
    distance, queue, count = np.empty(S, np.int64), np.empty(S, np.int64), 0
    for s in range(S):
        distance[s] = -1
        if targets[s]:
            distance[s] = 0
            queue[count] = s
            count += 1
    at = 0
    while at < count:
        s = queue[at]
        at += 1
        for j in range(ptr[s], ptr[s + 1]):
            t = before[j]
            if distance[t] < 0:
                distance[t] = distance[s] + 1
                queue[count] = t
                count += 1
    return distance


def _levels_numpy(waiting, ptr, before):
    """The longest way from each node to one without successors: (C,) int64.   There is no cycle

    waiting                     (C,) number of successors of each node, used up
    before[ptr[c]:ptr[c + 1]]   the nodes that lead to c, none twice
    """
    level, frontier, step = np.zeros(waiting.size, np.int64), np.flatnonzero(waiting == 0), 0
    while frontier.size:
        level[frontier] = step
        step += 1
        ahead = np.concatenate([before[ptr[c]:ptr[c + 1]] for c in frontier])
        np.subtract.at(waiting, ahead, 1)
        frontier = np.unique(ahead[waiting[ahead] == 0])
    return level


@kernel(defined_by=_levels_numpy)
def _levels(waiting, ptr, before):
    C = waiting.size
    level, queue, count = np.zeros(C, np.int64), np.empty(C, np.int64), 0
    for c in range(C):
        if waiting[c] == 0:
            queue[count] = c
            count += 1
    at = 0
    while at < count:
        c = queue[at]
        at += 1
        for j in range(ptr[c], ptr[c + 1]):
            b = before[j]
            waiting[b] -= 1
            level[b] = max(level[b], level[c] + 1)
            if waiting[b] == 0:
                queue[count] = b
                count += 1
    return level
