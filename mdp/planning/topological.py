"""Topological value iteration: solve the strongly connected components, last ones first.

A component's values depend on itself and on components after it only, so each is iterated to its
end once, with everything behind it settled. Within a component the sweeps are those of
gauss_seidel.py. A process without cycles needs one backup for each state.

Dai, Mausam, Weld and Goldsmith, "Topological value iteration algorithms", JAIR 42, 2011.

Read first: graph.py, planning/collapse.py, planning/gauss_seidel.py.
Read next: planning/choose.py.
"""

import numpy as np

from npixel.runtime.kernels import kernel

from .. import graph
from . import iterate
from .collapse import arrows
from .gauss_seidel import closed_q, renumbered, sweep_numpy

SWEEPS = 100_000                             # of one component, at most
FINER = 8                                    # how much the next round asks of the changes


def topological(m, e, *, tol, max_iterations=iterate.MOST):
    """Solve the discounted criterion -> Solution of e.

    m   MDP
    e   its Expected, gamma < 1, rewards negated to minimise
    """
    order, ends = graph.successors_first(arrows(e))
    arrays, v = renumbered(e, order), iterate.start(e)
    w = v[order]
    precision = iterate.WORTH * tol * (1 - e.gamma)          # of the largest value above one
    stop = iterate.Sweeps(m, e, tol, "topological", max_iterations)
    while True:
        size = float(np.abs(w).max(initial=0.0))
        enough = max(precision * max(1.0, size), 2 * np.spacing(size))
        change = _components(w, ends, *arrays, e.gamma, enough, SWEEPS)
        precision /= FINER
        v[order] = w
        if stop.at(v, change):
            return stop.solution()


def _components_numpy(v, ends, pair_ptr, row, column, p, r, gamma, precision, most):
    """Sweep each component in place until it is settled; returns the largest last change.

    A component is settled when its change is at most `precision`, or after `most` sweeps.

    v         (S,)
    ends      (components + 1,): component c is the states ends[c]:ends[c+1], successors first
    pair_ptr  (S+1,)
    row       (X+1,) of P as CSR, with column and p
    r         (X,)
    """
    largest = 0.0
    for first, last in zip(ends[:-1], ends[1:]):
        only = pair_ptr.copy()               # the others have no pairs, and are left alone
        only[:first], only[last + 1:] = pair_ptr[first], pair_ptr[last]
        for _ in range(most):
            change = sweep_numpy(v, only, row, column, p, r, gamma)
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
                        q = closed_q(row[k], row[k + 1], s, v, column, p, r[k], gamma)
                        best = max(best, q)
                    change = max(change, abs(best - v[s]))
                    v[s] = best
            if change <= precision:
                break
        largest = max(largest, change)
    return largest
