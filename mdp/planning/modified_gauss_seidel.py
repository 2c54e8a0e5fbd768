"""Gauss-Seidel sweeps, most of them of one policy only: what modified policy iteration is to value iteration.

    v <- T v, and the bounds; where T v - v is nearly the same everywhere, the rest of the series is added, were every later change alike
    one sweep over all actions, in place, in the order of gauss_seidel.py; it leaves the policy that it took
    then sweeps of that policy,   v(s) <- (r_pi(s) + gamma sum over s' != s of P_pi(s' | s) v(s')) / (1 - gamma P_pi(s | s)),   in place, in the same order

The first line matters where nothing ends, as in queues: sweeps in place wear away what differs between states, but a constant that is missing everywhere
only by the factor gamma. (Five times faster on 1e5 states of queues at gamma = .999.)

A sweep of the policy reads one row for each state, and reads it in sequence: its rows are copied in the order of the sweep, loops closed, discount
multiplied in. The process itself is copied in that order too where it is small; where it is large, the few sweeps over all actions read it
where it lies, which costs three times as much for each, and no memory.

Puterman and Shin 1978; MacQueen 1966; Wingate and Seppi 2005. Differs from gauss_seidel.py in the sweeps of the policy, and from modified_policy_iteration.py in that
they work in place, in an order.

Read first: gauss_seidel.py, modified_policy_iteration.py.
"""

import numpy as np

from npixel.runtime.kernels import kernel

from . import iterate
from .gauss_seidel import outward, renumbered

SWEEPS = 50                                  # of one policy, at most
ENOUGH = 0.03                                # of the largest change in the sweep over all actions
ALIKE = 0.5                                  # changes: their mean distance from their mean, as a part of it
COPIED = 4_000_000                           # entries of P: above, no copy is made


def modified_gauss_seidel(m, e, *, tol, max_iterations=1_000_000):
    """Solve the discounted criterion.   m MDP, e its Expected (rewards negated to minimise), gamma < 1 -> Solution of e"""
    v = iterate.start(e)
    order = outward(e, v)
    arrays, visit = (e.pair_ptr, *e.rows, e.r), order
    copied = e.P.nnz <= COPIED
    if copied:
        arrays, visit = renumbered(e, order), np.arange(v.size, dtype=np.int32)
    place = np.empty(v.size, np.int32)
    place[visit] = np.arange(v.size, dtype=np.int32)
    x = np.empty_like(v)                                                 # numbered as `arrays` are
    pairs = np.empty(v.size, np.int32 if e.r.size < 2**31 else np.int64)
    chain = []                                                           # its arrays, used again by every policy that fits
    lasts = iterate.lasts(e)

    def step(v, Tv, greedy, excess):
        change = Tv - v
        mean = float(change.mean())
        if lasts and np.abs(change - mean).mean() < ALIKE * abs(mean):
            Tv = Tv + e.gamma / (1 - e.gamma) * mean
        x[:] = Tv[order] if copied else Tv
        change = _sweep(x, visit, *arrays, e.gamma, pairs)
        size = _size(pairs, arrays[1])
        if not chain or chain[1].size < size:
            chain[:] = np.empty(v.size + 1, np.uint32 if size < 2**32 else np.uint64), np.empty(size, np.uint32), np.empty(size), np.empty(v.size)
        _close(visit, place, pairs, *arrays[1:], e.gamma, *chain)
        y = x if copied else x[visit]                                    # numbered as visited
        _settle(y, *chain, SWEEPS, ENOUGH * change)
        v = np.empty_like(v)
        v[order] = y                                                     # `order` is what was visited, whichever way it is numbered
        return v
    return iterate.from_backups(m, e, step, v=v, tol=tol, method="modified_gauss_seidel", limit=max_iterations)


def _sweep_numpy(v, visit, pair_ptr, row, column, p, r, gamma, pairs):
    """One sweep in place over the states of `visit` in turn; pairs (S,) becomes the pairs taken, -1 where there is none. Returns the largest change."""
    largest = 0.0
    for s in visit:
        q = []
        for k in range(pair_ptr[s], pair_ptr[s + 1]):
            to, probability = column[row[k]:row[k + 1]], p[row[k]:row[k + 1]]
            elsewhere = to != s
            q.append((r[k] + gamma * (probability[elsewhere] @ v[to[elsewhere]])) / (1 - gamma * probability[~elsewhere].sum()))
        pairs[s] = pair_ptr[s] + np.argmax(q) if q else -1
        if q:
            largest = max(largest, abs(max(q) - v[s]))
            v[s] = max(q)
    return largest


@kernel(defined_by=_sweep_numpy)
def _sweep(v, visit, pair_ptr, row, column, p, r, gamma, pairs):
    largest = 0.0
    for i in range(visit.size):
        s = visit[i]
        most, at = -np.inf, -1
        for k in range(pair_ptr[s], pair_ptr[s + 1]):
            total, loop = 0.0, 0.0
            for j in range(row[k], row[k + 1]):
                if column[j] == s:
                    loop += p[j]
                else:
                    total += p[j] * v[column[j]]
            total = (r[k] + gamma * total) / (1 - gamma * loop)
            if total > most or at < 0:
                most, at = total, k
        pairs[s] = at
        if at >= 0:
            largest = max(largest, abs(most - v[s]))
            v[s] = most
    return largest


def _size_numpy(pairs, row):
    """The number of entries in the rows `pairs`, -1 where there is none."""
    return int((row[pairs + 1] - row[pairs])[pairs >= 0].sum())


@kernel(defined_by=_size_numpy)
def _size(pairs, row):
    total = 0
    for k in pairs:
        if k >= 0:
            total += row[k + 1] - row[k]
    return total


def _close_numpy(visit, place, pairs, row, column, p, r, gamma, ptr, to, weight, b):
    """The chain of `pairs`, numbered as visited, loops closed: y[i] = b[i] + sum of weight[j] y[to[j]] over j in ptr[i]:ptr[i+1].

    place is the inverse of visit;  ptr (S+1,), to, weight, b (S,) are written;  states without a pair keep b = 0 and no entries
    """
    ptr[0] = 0
    for i, s in enumerate(visit):
        own = slice(row[pairs[s]], row[pairs[s] + 1]) if pairs[s] >= 0 else slice(0, 0)
        elsewhere = column[own] != s
        closing = 1 / (1 - gamma * p[own][~elsewhere].sum())
        ptr[i + 1] = ptr[i] + elsewhere.sum()
        to[ptr[i]:ptr[i + 1]] = place[column[own][elsewhere]]
        weight[ptr[i]:ptr[i + 1]] = gamma * p[own][elsewhere] * closing
        b[i] = r[pairs[s]] * closing if pairs[s] >= 0 else 0.0


@kernel(defined_by=_close_numpy)
def _close(visit, place, pairs, row, column, p, r, gamma, ptr, to, weight, b):
    n = 0
    ptr[0] = 0
    for i in range(visit.size):
        s = visit[i]
        k = pairs[s]
        b[i] = 0.0
        if k >= 0:
            loop = 0.0
            for j in range(row[k], row[k + 1]):
                if column[j] == s:
                    loop += p[j]
            closing = 1 / (1 - gamma * loop)
            for j in range(row[k], row[k + 1]):
                if column[j] != s:
                    to[n] = place[column[j]]
                    weight[n] = gamma * p[j] * closing
                    n += 1
            b[i] = r[k] * closing
        ptr[i + 1] = n


def _settle_numpy(y, ptr, to, weight, b, sweeps, enough):
    """Sweep y <- b + weights y in place, in order, until no change is larger than `enough`, or `sweeps` times. Returns the largest last change."""
    largest = 0.0
    for _ in range(sweeps):
        largest = 0.0
        for i in range(y.size):
            new = b[i] + weight[ptr[i]:ptr[i + 1]] @ y[to[ptr[i]:ptr[i + 1]]]
            largest = max(largest, abs(new - y[i]))
            y[i] = new
        if largest <= enough:
            break
    return largest


@kernel(defined_by=_settle_numpy)
def _settle(y, ptr, to, weight, b, sweeps, enough):
    largest = 0.0
    for _ in range(sweeps):
        largest = 0.0
        for i in range(y.size):
            total = b[i]
            for j in range(ptr[i], ptr[i + 1]):
                total += weight[j] * y[to[j]]
            largest = max(largest, abs(total - y[i]))
            y[i] = total
        if largest <= enough:
            break
    return largest
