"""What can be said of a decision process from its arrows alone, without any arithmetic, and therefore without rounding.

    closed class         states that reach each other and cannot be left: a chain that enters one stays
    end component        a set of states and of actions in them that never leave it, strongly connected: a policy *can* stay for ever
    maximal end component (MEC)   one contained in no other; MECs are disjoint
    almost surely        with probability one, for a suitable policy (Prob1E of the model checking literature)

Baier and Katoen, "Principles of Model Checking", 2008, sections 10.1.1 and 10.6.3; de Alfaro, thesis, 1997.
Pairs are numbered 0..K-1; pair k belongs to state `owner[k]`, and its arrows are the nonzero entries of row k of a (K, S) CSR matrix.

Read next: linear.py, planning/policy_iteration.py.
"""

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components


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
    order = np.argsort(label, kind="stable")
    members = np.split(order, np.cumsum(np.bincount(label, minlength=count))[:-1])
    return sorted((members[c] for c in np.flatnonzero(closed & inside)), key=lambda states: states[0])


def communicating_classes(P):
    """All classes of states that reach each other, sorted by their first state: list of index arrays.   P (S, S) scipy.sparse"""
    count, label = connected_components(P, directed=True, connection="strong")
    members = np.split(np.argsort(label, kind="stable"), np.cumsum(np.bincount(label, minlength=count))[:-1])
    return sorted(members, key=lambda states: states[0])


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
    waiting = np.diff(arrows.indptr).astype(np.int64)                  # successors not yet placed
    place, frontier, level = np.empty(count, np.int64), np.flatnonzero(waiting == 0), 0
    while frontier.size:                                                # one level at a time
        place[frontier] = level
        level += 1
        ahead = _neighbours(before, frontier)
        np.subtract.at(waiting, ahead, 1)
        frontier = np.unique(ahead[waiting[ahead] == 0])
    order = np.lexsort((np.arange(label.size), label, place[label]))
    changes = np.flatnonzero(np.diff(label[order])) + 1
    return order, np.concatenate(([0], changes, [label.size])).astype(np.int64)


def can_reach(P, targets):
    """Which states reach `targets` with positive probability, targets included: bool (S,).   P (S, S) scipy.sparse   targets bool (S,)"""
    backward = sp.csr_matrix(P.T)
    seen, frontier = targets.copy(), np.flatnonzero(targets)
    while frontier.size:
        found = np.zeros(len(seen), bool)
        found[_neighbours(backward, frontier)] = True
        frontier = np.flatnonzero(found & ~seen)
        seen[frontier] = True
    return seen


def layers(P, targets):
    """The largest number of steps that a state needs to reach `targets` bool (S,), among those that can.   P (S, S) scipy.sparse"""
    backward = sp.csr_matrix(P.T)
    seen, frontier, count = targets.copy(), np.flatnonzero(targets), -1
    while frontier.size:
        count += 1
        ahead = np.unique(_neighbours(backward, frontier))
        frontier = ahead[~seen[ahead]]
        seen[frontier] = True
    return count


def reachable(P, sources):
    """Which states are reached from `sources` with positive probability, sources included: bool (S,)."""
    return can_reach(sp.csr_matrix(P).T, sources)


def _neighbours(P, rows):
    counts = P.indptr[rows + 1] - P.indptr[rows]
    starts = np.repeat(P.indptr[rows] - np.concatenate(([0], np.cumsum(counts)[:-1])), counts)
    return P.indices[starts + np.arange(counts.sum())]


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
    K, S = P.shape
    rows = np.repeat(np.arange(K), np.diff(P.indptr))
    keep = allowed[rows]
    arrows = sp.csr_matrix((rows[keep], (P.indices[keep], np.arange(keep.sum()))), shape=(S, max(int(keep.sum()), 1)))
    pair, distance = np.full(S, -1), np.where(targets, 0, -1)
    frontier, step = np.flatnonzero(targets), 0
    while frontier.size:
        step += 1
        counts = arrows.indptr[frontier + 1] - arrows.indptr[frontier]
        starts = np.repeat(arrows.indptr[frontier] - np.concatenate(([0], np.cumsum(counts)[:-1])), counts)
        candidates = arrows.data[starts + np.arange(counts.sum())]    # pairs that may enter the frontier
        candidates = np.unique(candidates[distance[owner[candidates]] < 0])[::-1]
        pair[owner[candidates]] = candidates                          # reversed: the lowest action of a state is written last
        frontier = np.unique(owner[candidates])
        distance[frontier] = step
    return pair, distance
