"""The Bellman operators, of which everything else is made.

    q(s, a)     = r(s, a) + gamma sum over s' of P(s' | s, a) v(s')
    (T v)(s)    = max over a of q(s, a)                    the optimality operator
    (T_pi v)(s) = sum over a of pi(a | s) q(s, a)          the operator of a policy
    greedy(s)   = the first a with q(s, a) = max
    residual    = T v - v;  v is the optimal value if and only if it vanishes (gamma < 1)

Both operators are monotone (v <= w implies T v <= T w), and contract with factor gamma in the
maximum norm. A terminal state has value zero under every operator.

Bellman, "Dynamic Programming", 1957; Puterman, "Markov Decision Processes", 1994, chapter 6; Sutton
and Barto, chapters 3 and 4.

As loops over the arrays of a process, T is

>>> from mdp import MDP, bellman
>>> P, R, gamma = [[[0.5, 0.5], [0, 1]], [[1, 0], [0, 1]]], [[1, 2], [0, 3]], 0.5
>>> v = np.array([4.0, 8.0])
>>> Tv = [max(R[s][a] + gamma * sum(P[s][a][t] * v[t] for t in range(2)) for a in range(2))
...       for s in range(2)]
>>> Tv == bellman.T(MDP(P, R, gamma), v).tolist() == [6.0, 7.0]
True

These five functions take an MDP and return one number for each state, or each (state, action). What
planners call works on `e = m.expected`. There `backup` is T and greedy at once, and
`backup(follow(e, pairs), v)` is T_pi. Functions named `pair_...` work on the available pairs
(state, action).

Products with P take nearly all of the time. A full matrix is multiplied by BLAS. A sparse one is
multiplied by compiled loops over parts of the states, on threads (npixel/runtime/blas.py). Each sum
is added up in the order of its row, so that no bit depends on the number of threads.

Read first: model.py, expected.py, linear.py.
Read next: evaluation.py, planning/value_iteration.py.
"""

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp

from npixel.runtime import blas
from npixel.runtime.kernels import kernel

from .checks import rows_of
from .linear import rounding

LANES = 8                              # parts into which a large sweep is split
SMALL = 50_000                         # entries of P that are not worth a second thread


def q(m, v):
    """Action values of a state value: v (S,) -> q (S, A), nan where the action is not available."""
    return table(m.expected, pair_q(m.expected, _values(m, v)), m.num_actions)


def T(m, v):
    """(T v)(s) = max over a of q(s, a): (S,) -> (S,)."""
    return np.where(m.terminal, 0.0, backup(m.expected, _values(m, v))[0])


def T_pi(m, policy, v):
    """(T_pi v)(s) = sum over a of pi(a | s) q(s, a): (S,) -> (S,).   policy as in policies.py"""
    e = m.expected
    weighted = m.pair_weights(policy) * pair_q(e, _values(m, v))
    return np.bincount(e.owner, weighted, minlength=m.num_states)


def greedy(m, v):
    """The first best action for each state, (S,) integers, -1 in terminal states."""
    return actions(m.expected, backup(m.expected, _values(m, v))[1])


def residual(m, v):
    """T v - v, (S,)."""
    return T(m, v) - _values(m, v)


# on pairs

def backup(e, v):
    """(T v, the first best pair of each state), (S,) each.

    A terminal state keeps v[s], which planners start at zero; its pair is -1.
    """
    _check(e, v)
    if e.full is not None:
        q = pair_q(e, v)
        return np.where(np.diff(e.pair_ptr) > 0, pair_max(e, q), v), pair_argmax(e, q)
    out, best = np.empty(v.size), np.empty(v.size, np.int64)
    _lanes(v.size, e.rows, lambda first, last: _backup(first, last, v, e.pair_ptr, *e.rows,
                                                       e.r, e.gamma, out, best))
    return out, best


class Followed(NamedTuple):
    """What is left of an Expected where each state takes one pair: the part that sweeps read.

    r         (S',) expected reward of the pair of each of the S' states that have one
    gamma     the discount
    pair_ptr  (S+1,) state s has the pair pair_ptr[s], or none where pair_ptr[s+1] is the same
    full      P as a full matrix (S', S), or None
    rows      (row, column, p): P as CSR for compiled loops, or None
    """
    r: np.ndarray
    gamma: float
    pair_ptr: np.ndarray
    full: np.ndarray | None
    rows: tuple | None

    @property
    def choices(self):
        """1 where every state has a pair, else 0."""
        return int(self.r.size == self.pair_ptr.size - 1 > 0)

    @property
    def owner(self):
        """(S',) the states that have a pair."""
        return rows_of(self.pair_ptr)


def follow(e, pairs):
    """What is left of a process where each state takes the pair given: its `backup` is T_pi.

    pairs    (S,) integers, -1 where terminal
    returns  Followed: the numbers of `expected.induced`, as sweeps read them
    """
    ptr = np.concatenate(([0], np.cumsum(pairs >= 0)))
    pairs = pairs if ptr[-1] == pairs.size else pairs[pairs >= 0]
    if e.full is not None:
        return Followed(e.r[pairs], e.gamma, ptr, e.full[pairs], None)
    row, column, p = e.rows
    ends = np.zeros(pairs.size + 1, row.dtype)
    np.cumsum(row[pairs + 1] - row[pairs], out=ends[1:])
    to, weight = np.empty(ends[-1], column.dtype), np.empty(ends[-1])
    _take(pairs, row, column, p, ends, to, weight)
    return Followed(e.r[pairs], e.gamma, ptr, None, (ends, to, weight))


def pair_q(e, v):
    """q of every pair: (X,)."""
    _check(e, v)
    if e.full is not None:
        return e.r + e.gamma * _product(e.full, v)
    out = np.empty(e.r.size)
    _lanes(e.r.size, e.rows,
           lambda first, last: _pair_q(first, last, v, *e.rows, e.r, e.gamma, out))
    return out


def _check(e, v):
    """ValueError unless v has a number for each state: compiled loops would read beyond it."""
    if v.shape != (e.pair_ptr.size - 1,):
        raise ValueError(f"v must be {(e.pair_ptr.size - 1,)}, has shape {v.shape}")


def _product(full, v):
    """full @ v, (X,), where 0 times infinity is 0: what is not reached counts for nothing."""
    if np.isfinite(v).all():
        return full @ v
    out = full @ np.where(np.isfinite(v), v, 0.0)
    with np.errstate(invalid="ignore"):          # both infinities: nan
        for infinite in (np.inf, -np.inf):
            out[full @ (v == infinite).astype(float) > 0] += infinite
    return out


def _lanes(size, rows, work):
    """Call work(first, last) on parts of range(size), on threads where there are many entries."""
    lanes = LANES if rows[2].size > SMALL else 1
    blas.parallel(lambda lane: work(size * lane // lanes, size * (lane + 1) // lanes), lanes)


def _backup_numpy(first, last, v, pair_ptr, row, column, p, r, gamma, out, best):
    """For the states s = first, ..., last - 1: out[s] = (T v)(s), best[s] = the first best pair.

    Where s has no pair they are v[s] and -1.

    v         (S,), as are out and best
    pair_ptr  (S+1,)
    row       (X+1,) of P as CSR, with column and p
    r         (X,)
    """
    q = r + gamma * (sp.csr_matrix((p, column, row), shape=(r.size, v.size)) @ v)    # (X,)
    for s in range(first, last):
        own = q[pair_ptr[s]:pair_ptr[s + 1]]
        out[s], best[s] = (own.max(), pair_ptr[s] + own.argmax()) if own.size else (v[s], -1)


@kernel(defined_by=_backup_numpy)
def _backup(first, last, v, pair_ptr, row, column, p, r, gamma, out, best):
    for s in range(first, last):
        most, at = -np.inf, -1
        for k in range(pair_ptr[s], pair_ptr[s + 1]):
            total = 0.0
            for j in range(row[k], row[k + 1]):
                total += p[j] * v[column[j]]
            total = r[k] + gamma * total
            if total > most or at < 0:
                most, at = total, k
        out[s] = most if at >= 0 else v[s]
        best[s] = at


def _take_numpy(pairs, row, column, p, ptr, to, weight):
    """Copy rows of a CSR matrix: row i of (ptr, to, weight) is row pairs[i] of (row, column, p).

    pairs    (n,)
    ptr      (n+1,) given
    to       (ptr[n],) written
    weight   (ptr[n],) written
    """
    for i, k in enumerate(pairs):
        to[ptr[i]:ptr[i + 1]] = column[row[k]:row[k + 1]]
        weight[ptr[i]:ptr[i + 1]] = p[row[k]:row[k + 1]]


@kernel(defined_by=_take_numpy)
def _take(pairs, row, column, p, ptr, to, weight):
    for i in range(pairs.size):
        n = ptr[i]
        for j in range(row[pairs[i]], row[pairs[i] + 1]):
            to[n] = column[j]
            weight[n] = p[j]
            n += 1


def _pair_q_numpy(first, last, v, row, column, p, r, gamma, out):
    """out[k] = r[k] + gamma (P v)[k] for the pairs k = first, ..., last - 1.

    v      (S,)
    row    (X+1,) of P as CSR, with column and p
    r      (X,), as is out
    """
    P = sp.csr_matrix((p, column, row), shape=(r.size, v.size))
    out[first:last] = (r + gamma * (P @ v))[first:last]


@kernel(defined_by=_pair_q_numpy)
def _pair_q(first, last, v, row, column, p, r, gamma, out):
    for k in range(first, last):
        total = 0.0
        for j in range(row[k], row[k + 1]):
            total += p[j] * v[column[j]]
        out[k] = r[k] + gamma * total


def pair_max(e, q, terminal=0.0):
    """Maximum over the pairs of each state, (S,); `terminal` where a state has none."""
    if e.choices:
        return q.reshape(-1, e.choices).max(axis=1)
    alive = np.flatnonzero(np.diff(e.pair_ptr))
    out = np.full(e.pair_ptr.size - 1, terminal, dtype=np.float64)
    if alive.size:
        out[alive] = np.maximum.reduceat(q, e.pair_ptr[alive])
    return out


def pair_argmax(e, q):
    """The first best pair of each state, (S,), -1 in terminal states."""
    if e.choices:
        return e.pair_ptr[:-1] + q.reshape(-1, e.choices).argmax(axis=1)
    best = np.flatnonzero(q == pair_max(e, q)[e.owner])
    out = np.full(e.pair_ptr.size - 1, -1)
    out[e.owner[best[::-1]]] = best[::-1]        # reversed: the first one is written last
    return out


def pair_first(e, q, level):
    """The first pair of each state with q >= level, (S,); -1 if terminal.

    level   (S,) at most the largest q of the state
    """
    if e.choices:
        return e.pair_ptr[:-1] + (q.reshape(-1, e.choices) >= level[:, None]).argmax(axis=1)
    good = np.flatnonzero(q >= level[e.owner])
    out = np.full(e.pair_ptr.size - 1, -1)
    out[e.owner[good[::-1]]] = good[::-1]        # reversed: the first one is written last
    return out


def pair_rounding(e, v):
    """Bound on the error of `pair_q(e, v)`, (X,): rounding, and what linear.spread allows."""
    largest = max(e.scale, float(np.abs(v).max(initial=0.0)))
    return rounding(e.count, e.size + e.gamma * (e.P @ np.abs(v)), largest)


def actions(e, pairs):
    """Pairs (S,), -1 where terminal -> actions (S,), -1 where terminal."""
    if e.every_action:                           # the first pair of a state is its action 0
        return np.where(pairs >= 0, pairs - e.pair_ptr[:-1], -1)
    return np.where(pairs >= 0, e.action[pairs], -1) if e.action.size else np.full(pairs.shape, -1)


def table(e, q, A):
    """One number per pair -> (S, A), nan where the action is not available."""
    S = e.pair_ptr.size - 1
    if q.size == S * A:                          # every action exists
        return q.reshape(S, A)
    out = np.full((S, A), np.nan)
    out[e.owner, e.action] = q
    return out


def _values(m, v):
    v = np.asarray(v, dtype=float)
    if v.shape != (m.num_states,):
        raise ValueError(f"v must be {(m.num_states,)}, has shape {v.shape}")
    return v
