"""Gauss-Seidel value iteration: every state already sees the new values of the states before it.

    v(s) <- max over a of (r(s, a) + gamma sum over s' != s of P(s' | s, a) v(s')) / (1 - gamma P(s | s, a))        for s in order, in place

The division closes the loop from s to itself. The order is what makes it fast: states are renumbered by their distance, backwards along the arrows,
from the states that gain most in the first sweep (the goal, the source of reward), so that news travels through the whole process in
one sweep, and memory is read in sequence.

Puterman 1994, section 6.3.3; Wingate and Seppi, "Prioritization methods for accelerating MDP solvers", JMLR 6, 2005 (orderings).
Differs from value_iteration.py in that the sweep works in place.

Read first: iterate.py.  Read next: modified_gauss_seidel.py.
"""

import numpy as np
import scipy.sparse as sp

from npixel.runtime.kernels import kernel

from .. import bellman
from ..expected import Expected
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
    gain = np.where(np.diff(e.pair_ptr) > 0, bellman.backup(e, v)[0] - v, -np.inf)
    most = gain.max()
    gain[np.isinf(gain)] = most                                         # terminal states are where things end well
    sources = np.flatnonzero(gain >= most - 1e-9 * abs(most)) if np.isfinite(most) else np.arange(v.size)
    return _breadth_first(sources.astype(np.int32), e.pair_ptr, *e.rows[:2])


def renumbered(e, order):
    """(pair_ptr, row, column, p, r) of the process whose state i is state order[i] of e."""
    place = np.empty(order.size, np.int32)
    place[order] = np.arange(order.size, dtype=np.int32)
    counts = np.diff(e.pair_ptr)[order]
    ptr = np.concatenate(([0], np.cumsum(counts)))
    pairs = np.repeat(e.pair_ptr[order] - ptr[:-1], counts) + np.arange(e.r.size)
    P = e.P[pairs]
    P.indices = place[P.indices]
    row, column, p = Expected(P, e.r, e.gamma, ptr).rows
    return ptr, row, column, p, e.r[pairs]


def _breadth_first_numpy(sources, pair_ptr, row, column):
    """The states in the order in which a breadth-first search backwards along the arrows finds them, then those it does not find: (S,) int32.

    sources  a list of states, none twice      predecessors of a state are found in their own order
    """
    S = pair_ptr.size - 1
    arrows = sp.csr_matrix((np.ones(column.size), column, row[pair_ptr]), shape=(S, S)).T.tocsr()      # the pairs of a state lie together
    order, seen = list(sources), np.isin(np.arange(S), sources)
    for s in order:                                                     # grows as we go
        for t in sorted(set(arrows.indices[arrows.indptr[s]:arrows.indptr[s + 1]])):
            if not seen[t]:
                seen[t] = True
                order.append(t)
    return np.array([*order, *np.flatnonzero(~seen)], np.int32)


@kernel(defined_by=_breadth_first_numpy)
def _breadth_first(sources, pair_ptr, row, column):
    S = pair_ptr.size - 1
    before_ptr, before = np.zeros(S + 2, np.int64), np.empty(column.size, np.int32)         # the arrows turned round, sorted by counting
    for j in range(row[0], row[row.size - 1]):
        before_ptr[column[j] + 2] += 1
    for s in range(S):
        before_ptr[s + 2] += before_ptr[s + 1]
    for s in range(S):
        for j in range(row[pair_ptr[s]], row[pair_ptr[s + 1]]):
            before[before_ptr[column[j] + 1]] = s
            before_ptr[column[j] + 1] += 1
    seen, order = np.zeros(S, np.bool_), np.empty(S, np.int32)
    count = sources.size
    for i in range(count):
        order[i] = sources[i]
        seen[sources[i]] = True
    at = 0
    while at < count:
        for i in range(before_ptr[order[at]], before_ptr[order[at] + 1]):
            if not seen[before[i]]:
                seen[before[i]] = True
                order[count] = before[i]
                count += 1
        at += 1
    for s in range(S):
        if not seen[s]:
            order[count] = s
            count += 1
    return order


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
