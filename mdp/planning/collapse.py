"""End components as single nodes: the process between them, and the way back.

Who is in an end component may go to each of its states with probability one. If no reward is
received in it, its states are worth the same, and one node stands for all of them. Its actions are
those that leave the component, and "stay" if it may be stayed in.

    collapse      process -> process of the nodes
    lift          a policy of the nodes -> a policy of the process

The process between components has S' nodes and X' pairs. The last node is END, which has no pairs.

de Alfaro, "Computing minimum and maximum reachability times in probabilistic systems", CONCUR 1999.

Read first: graph.py, expected.py.
Read next: planning/total.py, planning/policy_iteration_multichain.py.
"""

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp

from .. import graph
from ..expected import Expected


class Collapsed(NamedTuple):
    """The process between end components.   S states, X pairs; S' nodes, X' pairs between them"""
    e: Expected                              # of the nodes
    origin: np.ndarray                       # (X',) the pair behind each pair, -1 for "stay"
    node: np.ndarray                         # (S,) the node of each state
    inside: np.ndarray                       # (X,) bool: pairs that stay in their component


def collapse(e, kept, stay=True, ends=None):
    """One node for each maximal end component, and for each state in none -> Collapsed.

    kept   (X,) bool: the pairs that exist
    stay   whether a component may be stayed in; its pair "stay" leads to END without a reward
    ends   (label (S,), inside (X,)): the components, as graph.maximal_end_components gives them.
           Default: those in which no reward is received
    """
    S = e.P.shape[1]
    if ends is None:
        ends = graph.maximal_end_components(e.P, e.owner, e.zero & kept)
    label, inside = ends
    count = label.max(initial=-1) + 1                                   # components
    node = np.where(label >= 0, label, 0)
    node[label < 0] = count + np.arange((label < 0).sum())
    end = count + int((label < 0).sum())
    left = np.flatnonzero(~inside & kept)
    extra = count if stay else 0
    owner = np.concatenate((node[e.owner[left]], np.arange(extra)))
    origin = np.concatenate((left, np.full(extra, -1)))
    order = np.lexsort((origin, owner))      # "stay" first: ties are resolved by staying
    merge = sp.csr_matrix((np.ones(S), (np.arange(S), node)), shape=(S, end + 1))
    ending = sp.csr_matrix((np.ones(extra), (np.arange(extra), np.full(extra, end))),
                           shape=(extra, end + 1))
    P = sp.csr_matrix(sp.vstack([sp.csr_matrix(e.P[left]) @ merge, ending], format="csr"))[order]

    def pad(x):                              # of the pairs that are left, 0 for "stay"
        return np.concatenate((x[left], np.zeros(extra, x.dtype)))[order]

    ptr = np.concatenate(([0], np.cumsum(np.bincount(owner, minlength=end + 1))))
    between = Expected(P, pad(e.r), 1.0, ptr, size=pad(e.size), zero=pad(e.zero),
                       count=2 * pad(e.count),                # merged columns are rounded once more
                       owner=owner[order], action=np.zeros(owner.size, np.int64))
    return Collapsed(between, origin[order], node, inside)


def numbers(e, collapsed):
    """(X',) the pair behind each pair; behind "stay" the first one that stays."""
    c = collapsed
    first, inside = np.zeros(c.e.P.shape[1], np.int64), np.flatnonzero(c.inside)[::-1]
    first[c.node[e.owner[inside]]] = inside
    return np.where(c.origin >= 0, c.origin, first[c.e.owner])


def lift(e, collapsed, pairs):
    """The policy of the process behind a policy of the nodes: (S,) pairs of e, -1 where terminal.

    In a component, go to the state from which the chosen action leaves it, or stay.

    pairs   (S',) pairs of collapsed.e, -1 where none
    """
    c, S, X = collapsed, collapsed.node.size, e.r.size
    chosen = np.full(S, -1)                  # of e; -1: stay, or nothing to choose
    if c.origin.size:
        chosen = np.where(pairs >= 0, c.origin[pairs], -1)[c.node]
    own = np.zeros(S, bool)                  # the states whose own action was chosen
    if X:
        own = (chosen >= 0) & (e.owner[np.maximum(chosen, 0)] == np.arange(S))
    rest = ~own & (np.diff(e.pair_ptr) > 0)
    # `towards` crosses no border between components: its pairs all stay inside theirs
    towards, _ = graph.attractor_pairs(e.P, e.owner, own, c.inside & rest[e.owner])
    first = np.full(S, -1)                   # the first pair that stays, else the first pair
    for some in (np.arange(X), np.flatnonzero(c.inside)):
        first[e.owner[some[::-1]]] = some[::-1]
    moved = np.where((chosen >= 0) & (towards >= 0), towards, first)
    return np.where(rest, moved, np.where(own, chosen, -1))


def components(label, inside, owner):
    """(states, pairs) of each end component, index arrays."""
    for c in range(label.max(initial=-1) + 1):
        states = np.flatnonzero(label == c)
        yield states, np.flatnonzero(inside & (label[owner] == c))


def leads_to(P, nodes):
    """(X,) bool: pairs with an arrow into `nodes` (S,) bool."""
    arrows = sp.csr_matrix((np.ones(P.nnz, np.int64), P.indices, P.indptr), shape=P.shape)
    return arrows @ nodes.astype(np.int64) > 0


def arrows(e, pairs=None):
    """(S, S) CSR: which state leads to which, over the pairs given (indices), or over all."""
    P, owner = (e.P, e.owner) if pairs is None else (e.P[pairs], e.owner[pairs])
    rows = np.repeat(owner, np.diff(P.indptr))
    return sp.csr_matrix((np.ones(rows.size), (rows, P.indices)), shape=(P.shape[1],) * 2)
