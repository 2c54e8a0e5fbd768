"""Gauss-Seidel value iteration: every state already sees the new values of the states before it.

    v(s) <- max over a of (r(s, a) + gamma sum over s' != s of P(s' | s, a) v(s'))
                          / (1 - gamma P(s | s, a))                      for s in order, in place

The division closes the loop from s to itself: it solves v(s) = r + gamma P v for v(s). The textbook
loop, on a process that has every action in every state:

    >>> import mdp
    >>> m = mdp.problems.gridworld()
    >>> P, R = m.dense()                                     # (S, A, S), (S, A)
    >>> v = np.zeros(m.num_states)
    >>> for _ in range(500):
    ...     for s in range(m.num_states):
    ...         ahead = P[s] @ v - P[s, :, s] * v[s]         # of the other states
    ...         v[s] = max((R[s] + m.gamma * ahead) / (1 - m.gamma * P[s, :, s]))
    >>> bool(np.allclose(v, mdp.solve(m, method="gauss_seidel").v, rtol=0, atol=1e-7))
    True

The order of the states makes it fast. They are renumbered, beginning with those that gain most in
the first sweep (the goal, the source of reward). The others follow by their distance from these,
backwards along the arrows. So one sweep carries the gain through the whole process, and memory is
read in sequence.

Puterman 1994, section 6.3.3; Wingate and Seppi, "Prioritization methods for accelerating MDP
solvers", JMLR 6, 2005 (orderings). Differs from value_iteration.py in that sweeps work in place.

Read first: bellman.py, planning/iterate.py, planning/value_iteration.py.
Read next: planning/modified_gauss_seidel.py, planning/topological.py.
"""

import numpy as np
import scipy.sparse as sp

from npixel.runtime.kernels import kernel

from .. import bellman
from ..expected import Expected
from . import iterate

LEVEL = 1e-9                                 # relative: a gain this near the largest counts as it


def gauss_seidel(m, e, *, tol, max_iterations=iterate.MOST):
    """Solve the discounted criterion -> Solution of e.

    m   MDP
    e   its Expected, gamma < 1, rewards negated to minimise
    """
    v = iterate.start(e)
    order = outward(e, v)
    arrays, w = renumbered(e, order), v[order]
    stop = iterate.Sweeps(m, e, tol, "gauss_seidel", max_iterations)
    while True:
        change = sweep(w, *arrays, e.gamma)
        v[order] = w
        if stop.at(v, change):
            return stop.solution()


def closed_q_numpy(first, last, s, v, column, p, r, gamma):
    """q of a pair of state s, the loop from s to itself closed.

        (r + gamma sum over s' != s of P(s' | s, a) v(s')) / (1 - gamma P(s | s, a))

    column, p   P as CSR: the row of the pair has the entries first, ..., last - 1
    v           (S,)
    r           the reward of the pair, a number
    """
    to, probability = column[first:last], p[first:last]
    elsewhere = to != s
    ahead = probability[elsewhere] @ v[to[elsewhere]]
    return (r + gamma * ahead) / (1 - gamma * probability[~elsewhere].sum())


@kernel(defined_by=closed_q_numpy)
def closed_q(first, last, s, v, column, p, r, gamma):
    total, loop = 0.0, 0.0
    for j in range(first, last):
        if column[j] == s:
            loop += p[j]
        else:
            total += p[j] * v[column[j]]
    return (r + gamma * total) / (1 - gamma * loop)


def sweep_numpy(v, pair_ptr, row, column, p, r, gamma):
    """One sweep over all states, in place -> the largest change.

    v               (S,) overwritten
    pair_ptr        (S+1,)
    row, column, p  P as CSR, row (X+1,)
    r               (X,)
    """
    largest = 0.0
    for s in range(v.size):
        q = [closed_q_numpy(row[k], row[k + 1], s, v, column, p, r[k], gamma)
             for k in range(pair_ptr[s], pair_ptr[s + 1])]
        if q:
            largest = max(largest, abs(max(q) - v[s]))
            v[s] = max(q)
    return largest


@kernel(defined_by=sweep_numpy)
def sweep(v, pair_ptr, row, column, p, r, gamma):
    largest = 0.0
    for s in range(v.size):
        if pair_ptr[s] < pair_ptr[s + 1]:
            best = -np.inf
            for k in range(pair_ptr[s], pair_ptr[s + 1]):
                q = closed_q(row[k], row[k + 1], s, v, column, p, r[k], gamma)
                best = max(best, q)
            largest = max(largest, abs(best - v[s]))
            v[s] = best
    return largest


def outward(e, v):
    """The states in order of their distance from those that gain most in one sweep from v.

    returns   (S,) a permutation
    """
    gain = np.where(np.diff(e.pair_ptr) > 0, bellman.backup(e, v)[0] - v, -np.inf)
    most = gain.max()
    gain[np.isinf(gain)] = most              # a terminal state, such as a goal, is a source
    sources = np.arange(v.size)
    if np.isfinite(most):
        sources = np.flatnonzero(gain >= most - LEVEL * abs(most))
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
    """The states as a breadth-first search finds them, then those it does not find: (S,) int32.

    It searches backwards along the arrows. Predecessors of a state are found in their own order.

    sources   a list of states, none twice
    """
    S = pair_ptr.size - 1
    # the pairs of a state lie together
    arrows = sp.csr_matrix((np.ones(column.size), column, row[pair_ptr]), shape=(S, S)).T.tocsr()
    order, seen = list(sources), np.isin(np.arange(S), sources)
    for s in order:                          # grows as we go
        for t in sorted(set(arrows.indices[arrows.indptr[s]:arrows.indptr[s + 1]])):
            if not seen[t]:
                seen[t] = True
                order.append(t)
    return np.array([*order, *np.flatnonzero(~seen)], np.int32)


@kernel(defined_by=_breadth_first_numpy)
def _breadth_first(sources, pair_ptr, row, column):
    S = pair_ptr.size - 1
    # the arrows turned round, sorted by counting
    before_ptr, before = np.zeros(S + 2, np.int64), np.empty(column.size, np.int32)
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
