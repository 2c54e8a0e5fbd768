"""Modified policy iteration: between two improvements, evaluate the policy only by a few sweeps.

    pi <- greedy(v),   v <- T v,   then twenty times   v <- r_pi + gamma P_pi v

A sweep of a fixed policy reads one row per state instead of A. With no such sweep this is value iteration, with infinitely many policy iteration.

Puterman and Shin, "Modified policy iteration algorithms for discounted Markov decision problems", Management Science 24, 1978; Puterman 1994, section 6.5.

Read first: iterate.py.
"""

import numpy as np
import scipy.sparse as sp

from npixel.kernels import kernel

from . import iterate

SWEEPS = 20                                  # of the fixed policy; 20 and 100 differ by at most a factor of 1.6 either way


def modified_policy_iteration(m, e, *, tol, max_iterations=1_000_000):
    """Solve the discounted criterion.   m MDP, e its Expected (rewards negated to minimise), gamma < 1 -> Solution of e"""
    alive = np.flatnonzero(np.diff(e.pair_ptr))
    lasts = alive.size == m.num_states and bool((np.abs(np.asarray(e.P.sum(axis=1)) - 1) < 1e-9).all())      # nothing ends: a shift of v stays a shift

    arrays = (e.P.indptr, e.P.indices, e.P.data, e.r)

    def sweep(v):
        new, pairs = _improve(v, e.pair_ptr, *arrays, e.gamma)
        change = float(np.abs(new - v).max(initial=0.0))
        shift = np.zeros(1)
        if change > 0 and alive.size:
            chosen = pairs[alive]
            P, r = e.P[chosen], e.r[chosen]
            for _ in range(SWEEPS):
                step = r + e.gamma * (P @ new)
                shift = step - new[alive]
                new[alive] = step
                if np.abs(shift).max() <= 1e-3 * change:                # this policy is evaluated well enough
                    break
            if lasts:                                                   # the rest of the series, were every later change alike (MacQueen's middle)
                new += e.gamma / (1 - e.gamma) * (shift.min() + shift.max()) / 2
        return new, change
    return iterate.close_in(m, e, sweep, tol=tol, method="modified_policy_iteration", limit=max_iterations)


def _improve_numpy(v, pair_ptr, row, column, p, r, gamma):
    """(T v, the first best pair of each state, -1 where it has none), (S,) each.   v (S,)   P as CSR: row (K+1,), column, p   r (K,)   pair_ptr (S+1,)"""
    q = r + gamma * (sp.csr_matrix((p, column, row), shape=(r.size, v.size)) @ v)      # (K,)
    out, pairs = v.copy(), np.full(v.size, -1)
    for s in range(v.size):
        own = q[pair_ptr[s]:pair_ptr[s + 1]]
        if own.size:
            pairs[s] = pair_ptr[s] + own.argmax()
            out[s] = own.max()
    return out, pairs


@kernel(defined_by=_improve_numpy)
def _improve(v, pair_ptr, row, column, p, r, gamma):
    out, pairs = v.copy(), np.full(v.size, -1)
    for s in range(v.size):
        best = -np.inf
        for k in range(pair_ptr[s], pair_ptr[s + 1]):
            total = 0.0
            for j in range(row[k], row[k + 1]):
                total += p[j] * v[column[j]]
            total = r[k] + gamma * total
            if total > best:
                best = total
                pairs[s] = k
        if pairs[s] >= 0:
            out[s] = best
    return out, pairs
