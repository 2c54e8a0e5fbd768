"""Gauss-Seidel sweeps, most of them of one policy only.

This is to gauss_seidel.py what modified policy iteration is to value iteration. In turn:

    v <- T v, and the bounds. Where T v - v is nearly the same number everywhere, what all later
         sweeps would add, if each changed every state alike, is added at once
    one sweep over all actions, in place, in the order of gauss_seidel.py; it leaves the policy that
         it took
    some sweeps of that policy, in place, in the same order:
         v(s) <- (r_pi(s) + gamma sum over s' != s of P_pi(s' | s) v(s')) / (1 - gamma P_pi(s | s))

The first step matters where nothing ends, as in queues. Sweeps in place quickly remove errors that
differ between states. But an error that is the same everywhere shrinks only by the factor gamma in
each sweep. (Five times faster on 1e5 states of queues at gamma = .999.)

A sweep of the policy reads one row for each state, one row after the other in memory: its rows are
copied in the order of the sweep, with loops closed and the discount multiplied in. A small process
is copied in that order as a whole. A large one is not: the few sweeps over all actions read it
where it lies. Each then takes three times as long, but no memory.

Puterman and Shin 1978; MacQueen 1966; Wingate and Seppi 2005. Differs from gauss_seidel.py in the
sweeps of the policy, and from modified_policy_iteration.py in that they work in place, in an order.

Read first: planning/gauss_seidel.py, planning/modified_policy_iteration.py.
Read next: planning/choose.py, planning/linear_programming.py.
"""

import numpy as np

from npixel.runtime.kernels import kernel

from .. import bellman
from . import iterate
from .gauss_seidel import closed_q, closed_q_numpy, outward, renumbered

SWEEPS = 50                                  # of one policy, at most
ENOUGH = 0.03                                # of the largest change in the sweep over all actions
ALIKE = 0.5                                  # changes are alike if their mean distance from their
                                             # mean is below this part of it
COPIED = 4_000_000                           # entries of P: with more, the process is not copied


def modified_gauss_seidel(m, e, *, tol, max_iterations=iterate.MOST):
    """Solve the discounted criterion -> Solution of e.

    m   MDP
    e   its Expected, gamma < 1, rewards negated to minimise
    """
    v = iterate.start(e)
    sweeps, lasts = _Ordered(e, v), iterate.lasts(e)
    stop = iterate.Backups(m, e, tol, "modified_gauss_seidel", max_iterations)
    while True:
        Tv, _ = bellman.backup(e, v)
        if stop.at(v, Tv):
            return stop.solution()
        change = Tv - v
        mean = float(change.mean())
        if lasts and np.abs(change - mean).mean() < ALIKE * abs(mean):
            Tv = Tv + e.gamma / (1 - e.gamma) * mean
        v = sweeps.after(Tv)


class _Ordered:
    """The sweeps in place, in the order of gauss_seidel.py, and the memory they work in."""

    def __init__(self, e, v):
        self.gamma, self.order = e.gamma, outward(e, v)
        self.copied = e.P.nnz <= COPIED
        if self.copied:
            self.arrays, self.visit = renumbered(e, self.order), np.arange(v.size, dtype=np.int32)
        else:
            self.arrays, self.visit = (e.pair_ptr, *e.rows, e.r), self.order
        self.place = np.empty(v.size, np.int32)
        self.place[self.visit] = np.arange(v.size, dtype=np.int32)
        self.x = np.empty_like(v)            # values, numbered as `arrays` are
        self.pairs = np.empty(v.size, np.int32 if e.r.size < 2**31 else np.int64)
        self.chain = []                      # used again by every policy that fits

    def after(self, v):
        """v after one sweep over all actions, and some of the policy that it took; (S,) anew."""
        x, visit, pairs = self.x, self.visit, self.pairs
        x[:] = v[self.order] if self.copied else v
        change = _sweep(x, visit, *self.arrays, self.gamma, pairs)
        chain = self._room(_size(pairs, self.arrays[1]))
        _close(visit, self.place, pairs, *self.arrays[1:], self.gamma, *chain)
        y = x if self.copied else x[visit]   # numbered as visited
        _settle(y, *chain, SWEEPS, ENOUGH * change)
        v = np.empty_like(v)
        v[self.order] = y                    # what was visited, whichever way it is numbered
        return v

    def _room(self, size):
        """(ptr, to, weight, b) for a chain with `size` entries."""
        S = self.x.size
        if not self.chain or self.chain[1].size < size:
            index = np.uint32 if size < 2**32 else np.uint64
            self.chain[:] = (np.empty(S + 1, index), np.empty(size, np.uint32), np.empty(size),
                             np.empty(S))
        return self.chain


def _sweep_numpy(v, visit, pair_ptr, row, column, p, r, gamma, pairs):
    """One sweep in place over the states of `visit` in turn. Returns the largest change.

    v         (S,)
    visit     (S,) states
    pair_ptr  (S+1,)
    row       (X+1,) of P as CSR, with column and p
    r         (X,)
    pairs     (S,) becomes the pairs taken, -1 where there is none
    """
    largest = 0.0
    for s in visit:
        q = [closed_q_numpy(row[k], row[k + 1], s, v, column, p, r[k], gamma)
             for k in range(pair_ptr[s], pair_ptr[s + 1])]
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
            q = closed_q(row[k], row[k + 1], s, v, column, p, r[k], gamma)
            if q > most or at < 0:
                most, at = q, k
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
    """The chain of `pairs`, numbered as visited, loops closed.

        y[i] = b[i] + sum over j in ptr[i]:ptr[i+1] of weight[j] y[to[j]]

    place   (S,) the inverse of visit
    pairs   (S,) -1 where there is none: such a state has b = 0 and no entries
    row     (X+1,) of P as CSR, with column and p
    ptr     (S+1,), written
    to      written, as long as ptr says, like weight
    b       (S,), written
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
    """Sweep y <- b + weights y in place, in order. Returns the largest change of the last sweep.

    It stops when no change is larger than `enough`, or after so many sweeps.
    """
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
