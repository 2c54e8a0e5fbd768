"""Prioritized sweeping: back up the state whose value is most out of date, then look before it.

    priority(s) = |(T v)(s) - v(s)|
    pop the largest, v(s) <- (T v)(s), raise the priority of every predecessor

It pays where most states are settled most of the time. A heap replaces the order of the sweep.

Moore and Atkeson, "Prioritized sweeping: reinforcement learning with less data and less time",
Machine Learning 13, 1993; Sutton and Barto 2018, section 8.4. Differs from theirs in that the model
is known, and in that priorities are exact when popped.

Read first: planning/iterate.py, planning/collapse.py, planning/value_iteration.py.
Read next: planning/choose.py.
"""

import heapq

import numpy as np

from npixel.runtime.kernels import kernel

from . import iterate
from .collapse import arrows

BATCH = 20                                   # backups for each state, at most
PART = 4                                     # a batch ends when priorities have fallen to 1 / PART


def prioritized_sweeping(m, e, *, tol, max_iterations=iterate.MOST):
    """Solve the discounted criterion -> Solution of e.

    m   MDP
    e   its Expected, gamma < 1, rewards negated to minimise
    """
    before = arrows(e).T.tocsr()
    arrays = (e.pair_ptr, e.P.indptr.astype(np.int64), e.P.indices, e.P.data, e.r, e.gamma,
              before.indptr.astype(np.int64), before.indices)
    v, largest = iterate.start(e), np.inf    # the largest priority when a batch begins
    stop = iterate.Sweeps(m, e, tol, "prioritized_sweeping", max_iterations)
    while True:
        largest = _batch(v, *arrays, largest / PART, BATCH * v.size)
        if stop.at(v, largest):
            return stop.solution()


def _best(s, v, pair_ptr, row, column, p, r, gamma):
    """(T v)(s); v[s] where s has no pair.   Arrays as in `_batch_numpy`"""
    q = [r[k] + gamma * (p[row[k]:row[k + 1]] @ v[column[row[k]:row[k + 1]]])
         for k in range(pair_ptr[s], pair_ptr[s + 1])]
    return max(q, default=v[s])


def _batch_numpy(v, pair_ptr, row, column, p, r, gamma, before_ptr, before, floor, most):
    """Back up states of priority > floor in place, largest first, at most `most` of them.

    Returns the largest priority that is left.

    v         (S,)
    pair_ptr  (S+1,)
    row       (X+1,) of P as CSR, with column and p
    r         (X,)
    before    the predecessors of state s are before[before_ptr[s]:before_ptr[s+1]]
    """
    def priority_of(s):
        return abs(_best(s, v, pair_ptr, row, column, p, r, gamma) - v[s])

    priority = np.array([priority_of(s) for s in range(v.size)])
    for _ in range(most):
        s = int(np.argmax(priority))         # ties: the smallest state
        if not priority[s] > min(floor, np.inf):
            break
        v[s] = _best(s, v, pair_ptr, row, column, p, r, gamma)
        for t in (s, *before[before_ptr[s]:before_ptr[s + 1]]):
            priority[t] = priority_of(t)
    return float(priority.max(initial=0.0))


@kernel(defined_by=_batch_numpy)
def _batch(v, pair_ptr, row, column, p, r, gamma, before_ptr, before, floor, most):
    S = v.size
    priority, target = np.zeros(S), np.zeros(S)
    heap = [(-1.0, 0)]
    heap.pop()
    for s in range(S):
        best = -np.inf                       # (T v)(s), here and below: a call would cost more
        for k in range(pair_ptr[s], pair_ptr[s + 1]):
            total = 0.0
            for j in range(row[k], row[k + 1]):
                total += p[j] * v[column[j]]
            best = max(best, r[k] + gamma * total)
        target[s] = best if pair_ptr[s] < pair_ptr[s + 1] else v[s]
        priority[s] = abs(target[s] - v[s])
        if priority[s] > floor:
            heapq.heappush(heap, (-priority[s], s))
    done = 0
    while len(heap) and done < most:
        size, s = heapq.heappop(heap)
        if -size != priority[s]:
            continue                         # an older entry of this state
        done += 1
        v[s] = target[s]
        priority[s] = 0.0
        for i in range(before_ptr[s] - 1, before_ptr[s + 1]):           # itself, then those before
            t = s if i < before_ptr[s] else before[i]
            best = -np.inf
            for k in range(pair_ptr[t], pair_ptr[t + 1]):
                total = 0.0
                for j in range(row[k], row[k + 1]):
                    total += p[j] * v[column[j]]
                best = max(best, r[k] + gamma * total)
            target[t] = best if pair_ptr[t] < pair_ptr[t + 1] else v[t]
            changed = abs(target[t] - v[t])
            if changed != priority[t]:
                priority[t] = changed
                if changed > floor:
                    heapq.heappush(heap, (-changed, t))
    largest = 0.0
    for s in range(S):
        largest = max(largest, priority[s])
    return largest
