"""Gauss-Seidel value iteration: every state already sees the new values of the states before it.

    v(s) <- max over a of (r(s, a) + gamma sum over s' != s of P(s' | s, a) v(s')) / (1 - gamma P(s | s, a))        for s in order, in place

The division closes the loop from s to itself. The order is what makes it fast: states are renumbered by their distance, backwards along the arrows,
from the states that gain most in the first sweep (the goal, the source of reward), so that news travels through the whole process in
one sweep, and memory is read in sequence.

Puterman 1994, section 6.3.3; Wingate and Seppi, "Prioritization methods for accelerating MDP solvers", JMLR 6, 2005 (orderings).
Differs from value_iteration.py in that the sweep works in place.

Read first: iterate.py.
"""

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import breadth_first_order

from npixel.kernels import kernel

from .. import bellman
from . import iterate


def gauss_seidel(m, e, *, tol, max_iterations=1_000_000):
    """Solve the discounted criterion.   m MDP, e its Expected (rewards negated to minimise), gamma < 1 -> Solution of e"""
    v = iterate.start(e)
    order = outward(e, v)
    ptr, row, column, p, r = renumbered(e, order)
    w = v[order]

    def sweep(v):
        change = _sweep(w, ptr, row, column, p, r, e.gamma)
        v[order] = w
        return v, change
    return iterate.close_in(m, e, sweep, v=v, tol=tol, method="gauss_seidel", limit=max_iterations)


def outward(e, v):
    """The states in order of their distance from those that gain most in one sweep from v: (S,) a permutation."""
    S = e.P.shape[1]
    gain = bellman.pair_max(e, bellman.pair_q(e, v), terminal=np.inf) - v
    gain[np.isinf(gain)] = gain[np.isfinite(gain)].max(initial=0.0)     # terminal states are where things end well
    sources = np.flatnonzero(gain >= gain.max(initial=0.0) - 1e-9 * np.abs(gain).max(initial=0.0))
    rows = np.repeat(e.owner, np.diff(e.P.indptr))
    # an extra node S points at the sources; arrows are reversed
    arrows = sp.csr_matrix((np.ones(rows.size + sources.size, np.int8),
                            (np.concatenate((e.P.indices, np.full(sources.size, S))), np.concatenate((rows, sources)))), shape=(S + 1, S + 1))
    found = breadth_first_order(arrows, S, directed=True, return_predecessors=False)[1:]
    rest = np.ones(S, bool)
    rest[found] = False
    return np.concatenate((found, np.flatnonzero(rest))).astype(np.int64)


def renumbered(e, order):
    """(pair_ptr, row, column, p, r) of the process whose state i is state order[i] of e."""
    place = np.empty(order.size, np.int32)
    place[order] = np.arange(order.size, dtype=np.int32)
    counts = np.diff(e.pair_ptr)[order]
    ptr = np.concatenate(([0], np.cumsum(counts)))
    pairs = np.repeat(e.pair_ptr[order] - ptr[:-1], counts) + np.arange(e.r.size)
    P = e.P[pairs]
    return ptr, P.indptr.astype(np.int64), place[P.indices], P.data, e.r[pairs]


def _sweep_numpy(v, pair_ptr, row, column, p, r, gamma):
    """One sweep in place, returns the largest change.   v (S,)   P as CSR: row (K+1,), column, p   r (K,)   pair_ptr (S+1,)"""
    largest = 0.0
    for s in range(v.size):
        q = []
        for k in range(pair_ptr[s], pair_ptr[s + 1]):
            to, probability = column[row[k]:row[k + 1]], p[row[k]:row[k + 1]]
            elsewhere = to != s
            q.append((r[k] + gamma * (probability[elsewhere] @ v[to[elsewhere]])) / (1 - gamma * probability[~elsewhere].sum()))
        if q:
            largest = max(largest, abs(max(q) - v[s]))
            v[s] = max(q)
    return largest


@kernel(defined_by=_sweep_numpy)
def _sweep(v, pair_ptr, row, column, p, r, gamma):
    largest = 0.0
    for s in range(v.size):
        if pair_ptr[s] < pair_ptr[s + 1]:
            best = -np.inf
            for k in range(pair_ptr[s], pair_ptr[s + 1]):
                total, loop = 0.0, 0.0
                for j in range(row[k], row[k + 1]):
                    if column[j] == s:
                        loop += p[j]
                    else:
                        total += p[j] * v[column[j]]
                best = max(best, (r[k] + gamma * total) / (1 - gamma * loop))
            largest = max(largest, abs(best - v[s]))
            v[s] = best
    return largest
