"""Value iteration: apply the optimality operator until its bounds close in.

    v <- T v,   (T v)(s) = max over a of r(s, a) + gamma sum over s' of P(s' | s, a) v(s')

After each sweep the smallest and the largest change bound the optimal value from both sides (bounds.py). The iteration stops when the bounds
are tol apart, or when they cannot come closer in floating point. A small last change alone stops nothing.

Each sweep shrinks the distance of the bounds at least by gamma, which gives the number of sweeps beforehand. At gamma = 1 nothing of the
kind holds: use policy_iteration.

Bellman 1957; MacQueen, "A modified dynamic programming method for Markovian decision problems", 1966; Puterman 1994, section 6.3.

Read first: bellman.py, bounds.py.  Read next: policy_iteration.py.
"""

import numpy as np
import scipy.sparse as sp

from npixel.kernels import kernel

from .. import bellman
from . import bounds
from .solution import finish


def value_iteration(m, e, *, tol, max_iterations=1_000_000):
    """Solve the discounted criterion.   m MDP, e its Expected (rewards negated to minimise) -> Solution of e"""
    if e.gamma == 1:
        raise ValueError("value_iteration has no bound on its error at gamma = 1: use method=\"policy_iteration\"")
    alive = np.flatnonzero(np.diff(e.pair_ptr))
    worst, best = e.r.min(initial=0.0), e.r.max(initial=0.0)
    v = np.zeros(m.num_states)
    with np.errstate(over="ignore"):
        v[alive] = worst / (1 - e.gamma)                                # pessimistic: rewards then flow in from below
    if not np.isfinite(v).all():
        v[:] = 0
    with np.errstate(over="ignore"):
        enough = _sweeps_needed(e.gamma, (best - worst) / (1 - e.gamma), tol)
    limit, history, iterations, stalled = min(enough, max_iterations), [], 0, 0
    closest = (np.inf, None, None, None)                                # width, lower, upper, pairs
    while True:
        new = _sweep(v, e.P.indptr, e.P.indices, e.P.data, e.r, e.pair_ptr, e.gamma)
        iterations += 1
        change = new - v
        width = float(e.gamma / (1 - e.gamma) * np.ptp(change))          # terminal states: change 0
        history.append(width)
        v = new
        if width <= tol / 2 or iterations >= limit or stalled:
            # the width above is only an estimate that is cheap to have; these bounds count
            lower, upper, pairs = bounds.discounted(e, v)
            distance = float(np.max(upper - lower, initial=0.0))
            stalled = stalled + 1 if distance >= closest[0] else 0      # rounding: nothing was gained by this sweep
            if distance < closest[0]:
                closest = (distance, lower, upper, pairs)
            if closest[0] <= tol or iterations >= limit + 8 or stalled >= 8 or iterations >= max_iterations:
                break
    _, lower, upper, pairs = closest if closest[1] is not None else (None, *bounds.discounted(e, v))
    return finish(lower=lower, upper=upper, tol=tol, policy=bellman.actions(e, pairs), iterations=iterations, method="value_iteration",
                  criterion="discounted", q_of=lambda v: bellman.table(e, bellman.pair_q(e, v), m.num_actions), history=history)


def _sweeps_needed(gamma, span, tol):
    """Sweeps after which the bounds are tol apart in exact arithmetic."""
    if gamma == 0 or span == 0 or not np.isfinite(span):
        return 2
    target = max(tol, 1e-300) * (1 - gamma) / (4 * span)
    return 2 if target >= 1 else int(np.ceil(np.log(target) / np.log(gamma))) + 2


def _sweep_numpy(v, row, column, p, r, pair_ptr, gamma):
    """T v for one sweep.   v (S,)   P as CSR: row (K+1,), column, p   r (K,)   pair_ptr (S+1,)   returns (S,)"""
    q = r + gamma * (sp.csr_matrix((p, column, row), shape=(r.size, v.size)) @ v)      # (K,)
    out = np.zeros(v.size)
    alive = np.flatnonzero(np.diff(pair_ptr))
    if alive.size:
        out[alive] = np.maximum.reduceat(q, pair_ptr[alive])
    return out


@kernel(defined_by=_sweep_numpy)
def _sweep(v, row, column, p, r, pair_ptr, gamma):
    out = np.zeros(v.size)
    for s in range(v.size):
        if pair_ptr[s] < pair_ptr[s + 1]:
            best = -np.inf
            for k in range(pair_ptr[s], pair_ptr[s + 1]):
                total = 0.0
                for j in range(row[k], row[k + 1]):
                    total += p[j] * v[column[j]]
                best = max(best, r[k] + gamma * total)
            out[s] = best
    return out
