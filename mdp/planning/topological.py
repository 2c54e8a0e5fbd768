"""Topological value iteration: solve the strongly connected components one after the other, last ones first.

A component's values depend on itself and on components after it only, so each is iterated to its end once, with everything behind it settled.
Within a component the sweeps are those of gauss_seidel.py. A process without cycles needs one backup for each state.

Dai, Mausam, Weld and Goldsmith, "Topological value iteration algorithms", JAIR 42, 2011.

Read first: gauss_seidel.py.
"""

import numpy as np
import scipy.sparse as sp

from npixel.runtime.kernels import kernel

from .. import graph
from . import iterate
from .gauss_seidel import renumbered


def topological(m, e, *, tol, max_iterations=1_000_000):
    """Solve the discounted criterion.   m MDP, e its Expected (rewards negated to minimise), gamma < 1 -> Solution of e"""
    rows = np.repeat(e.owner, np.diff(e.P.indptr))
    order, ends = graph.successors_first(sp.csr_matrix((np.ones(rows.size), (rows, e.P.indices)), shape=(m.num_states,) * 2))
    arrays = renumbered(e, order)
    v = iterate.start(e)
    w = v[order]
    precision = [0.25 * tol * (1 - e.gamma)]  # of the largest value if that is above one

    def sweep(v):
        size = float(np.abs(w).max(initial=0.0))
        enough = max(precision[0] * max(1.0, size), 2 * np.spacing(size))
        change = _components(w, ends, *arrays, e.gamma, enough, 100_000)
        precision[0] /= 8
        v[order] = w
        return v, change
    return iterate.close_in(m, e, sweep, v=v, tol=tol, method="topological", limit=max_iterations)


def _components_numpy(v, ends, pair_ptr, row, column, p, r, gamma, precision, most):
    """Sweep each component in place until its change is at most `precision`, or `most` times; returns the largest last change.

    v (S,)   ends (C+1,): component c is the states ends[c]:ends[c+1], successors first
    """
    from .gauss_seidel import _sweep_numpy
    largest = 0.0
    for first, last in zip(ends[:-1], ends[1:]):
        only = np.where((np.arange(v.size + 1) >= first) & (np.arange(v.size + 1) <= last), pair_ptr, 0)      # others: no pairs, left alone
        only[:first] = pair_ptr[first]
        only[last + 1:] = pair_ptr[last]
        for _ in range(most):
            change = _sweep_numpy(v, only, row, column, p, r, gamma)
            if change <= precision:
                break
        largest = max(largest, change)
    return largest


@kernel(defined_by=_components_numpy)
def _components(v, ends, pair_ptr, row, column, p, r, gamma, precision, most):
    largest = 0.0
    for c in range(ends.size - 1):
        change = 0.0
        for _ in range(most):
            change = 0.0
            for s in range(ends[c], ends[c + 1]):
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
                    change = max(change, abs(best - v[s]))
                    v[s] = best
            if change <= precision:
                break
        largest = max(largest, change)
    return largest
