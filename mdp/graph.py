"""What the arrows of a process say alone: without arithmetic, and therefore without rounding.

    closed class    states that reach each other and cannot be left: a chain that enters one stays
    end component   states, and actions in them that never leave these states, strongly connected:
                    a policy *can* stay for ever
    maximal end component (MEC)   one contained in no other; MECs are disjoint
    almost surely   with probability one, for a suitable policy (Prob1E in model checking)

Baier and Katoen, "Principles of Model Checking", 2008, sections 10.1.1 and 10.6.3; de Alfaro,
thesis, 1997.

Pairs are numbered 0..X-1. Pair k belongs to state `owner[k]`, and its arrows are the nonzero
entries of row k of an (X, S) CSR matrix. Searches visit every arrow once, in compiled loops: a
chain of a million states has a million layers.

Read first: checks.py.  Read next: elimination.py, linear.py.
"""

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components

from npixel.runtime.kernels import kernel

from .checks import rows_of


def closed_classes(P):
    """The recurrent classes of a chain: list of sorted index arrays.

    P        (S, S) scipy.sparse; a row without entries is an end of the process, not a class

    >>> closed_classes(sp.csr_matrix([[0.5, 0.5, 0], [0, 1, 0], [0, 0, 0]]))
    [array([1])]
    """
    count, label = connected_components(P, directed=True, connection="strong")
    rows, columns = P.nonzero()
    closed = np.ones(count, bool)
    closed[label[rows][label[rows] != label[columns]]] = False
    inside = np.zeros(count, bool)
    # at least one arrow that stays: not an end of the process
    inside[label[rows][label[rows] == label[columns]]] = True
    return _members(label, closed & inside)


def communicating_classes(P):
    """All classes of states that reach each other: list of index arrays, sorted by first state.

    P        (S, S) scipy.sparse
    """
    count, label = connected_components(P, directed=True, connection="strong")
    return _members(label, np.ones(count, bool))


def _members(label, chosen):
    """The states of each chosen component, in the order of their first states.

    label    (S,) the component of each state
    chosen   bools, one for each component
    returns  a list of sorted index arrays
    """
    states = np.flatnonzero(chosen[label])
    order = states[np.argsort(label[states], kind="stable")]
    ends = (np.flatnonzero(np.diff(label[order], append=-1)) + 1).tolist()
    parts = [order[first:last] for first, last in zip([0, *ends], ends)]
    return sorted(parts, key=lambda states: states[0])


def successors_first(P):
    """Components in an order in which every arrow leads backwards or stays: (order, ends).

    P        (S, S) scipy.sparse
    order    (S,) states
    ends     component i is the states order[ends[i]:ends[i+1]]; what it leads to stands before it
    """
    P = sp.csr_matrix(P)
    count, label = connected_components(P, directed=True, connection="strong")
    rows, columns = label[rows_of(P.indptr)], label[P.indices]
    between = rows != columns
    places = rows[between], columns[between]
    once = np.ones(places[0].size, np.int8)
    arrows = sp.csr_matrix((once, places), shape=(count, count))
    arrows.sum_duplicates()
    before = sp.csr_matrix(arrows.T)
    place = _levels(np.diff(arrows.indptr).astype(np.int64), before.indptr, before.indices)
    order = np.lexsort((np.arange(label.size), label, place[label]))
    changes = np.flatnonzero(np.diff(label[order])) + 1
    return order, np.concatenate(([0], changes, [label.size])).astype(np.int64)


def can_reach(P, targets):
    """Which states reach `targets` with positive probability, targets included: bools (S,).

    P        (S, S) scipy.sparse
    targets  (S,) bools
    """
    return steps_to(P, targets) >= 0


def steps_to(P, targets):
    """The smallest number of steps to `targets`: (S,) integers, -1 where there is no way.

    P        (S, S) scipy.sparse
    targets  (S,) bools
    """
    backward = sp.csr_matrix(P.T)
    return _distances(backward.indptr, backward.indices, targets)


def reachable(P, sources):
    """Which states are reached from `sources` with positive probability: bools (S,), like sources.

    P        (S, S) scipy.sparse
    """
    return can_reach(sp.csr_matrix(P).T, sources)


def maximal_end_components(P, owner, allowed):
    """The MECs of the `allowed` pairs: (label, pairs).

    P        (X, S) CSR
    owner    (X,) the state of each pair
    allowed  (X,) bools
    label    (S,) the MEC of each state, -1 outside
    pairs    (X,) bools: those that stay in the MEC of their state

    The strongly connected components of the states are found, and pairs that lead out of them are
    dropped, until none is dropped any more.
    """
    S = P.shape[1]
    rows = rows_of(P.indptr)                     # the pair of each arrow
    pairs = allowed.copy()
    while True:
        alive = pairs[rows]
        places = owner[rows[alive]], P.indices[alive]
        arrows = sp.csr_matrix((np.ones(alive.sum()), places), shape=(S, S))
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
    """States from which some policy reaches `targets` with probability one: bools (S,).

    P        (X, S) CSR
    owner    (X,) the state of each pair
    targets  (S,) bools; they reach themselves, and their pairs play no part
    """
    rows = rows_of(P.indptr)
    inside = np.ones(P.shape[1], bool)
    while True:
        safe = ~targets[owner] & inside[owner]
        safe[rows[~inside[P.indices]]] = False   # pairs that never leave `inside`
        distance = attractor_pairs(P, owner, targets, safe)[1]
        reached = distance >= 0
        if (reached == inside).all():
            return inside
        inside = reached


def attractor_pairs(P, owner, targets, allowed):
    """For each state a pair that may lead one step nearer to `targets`: (pair, distance).

    P         (X, S) CSR
    owner     (X,) the state of each pair
    targets   (S,) bools
    allowed   (X,) bools: the pairs to choose from
    pair      (S,) the first such pair, -1 where there is none
    distance  (S,) steps to `targets`, -1 where there is no way

    Whoever takes these pairs reaches `targets` with probability one, wherever the allowed pairs
    never lead to a state without one.
    """
    S, rows = P.shape[1], rows_of(P.indptr)
    keep = allowed[rows]
    rows, after = rows[keep], P.indices[keep]
    before = owner[rows]
    arrows = sp.csr_matrix((np.ones(rows.size, bool), (before, after)), shape=(S, S))
    distance = steps_to(arrows, targets)
    nearer = rows[(distance[before] > 0) & (distance[after] == distance[before] - 1)][::-1]
    pair = np.full(S, -1)
    pair[owner[nearer]] = nearer                 # reversed: the lowest is last
    return pair, distance


# searches

def _distances_numpy(ptr, before, targets):
    """Steps from each state to `targets`: (S,) int64, -1 where there is no way.

    before    the states that lead to s are before[ptr[s]:ptr[s+1]]
    targets   (S,) bools
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
    """The longest way from each of n nodes to one without successors: (n,) int64.

    waiting   (n,) number of successors of each node, used up
    before    the nodes that lead to node i are before[ptr[i]:ptr[i+1]], none twice
    There is no cycle.
    """
    level, frontier, step = np.zeros(waiting.size, np.int64), np.flatnonzero(waiting == 0), 0
    while frontier.size:
        level[frontier] = step
        step += 1
        ahead = np.concatenate([before[ptr[i]:ptr[i + 1]] for i in frontier])
        np.subtract.at(waiting, ahead, 1)
        frontier = np.unique(ahead[waiting[ahead] == 0])
    return level


@kernel(defined_by=_levels_numpy)
def _levels(waiting, ptr, before):
    nodes = waiting.size
    level, queue, count = np.zeros(nodes, np.int64), np.empty(nodes, np.int64), 0
    for i in range(nodes):
        if waiting[i] == 0:
            queue[count] = i
            count += 1
    at = 0
    while at < count:
        i = queue[at]
        at += 1
        for j in range(ptr[i], ptr[i + 1]):
            b = before[j]
            waiting[b] -= 1
            level[b] = max(level[b], level[i] + 1)
            if waiting[b] == 0:
                queue[count] = b
                count += 1
    return level
