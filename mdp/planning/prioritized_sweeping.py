"""Prioritized sweeping: back up the state whose value is most out of date, then look at the states before it.

    priority(s) = |(T v)(s) - v(s)|;    pop the largest, v(s) <- (T v)(s), raise the priority of every predecessor

Pays where most of the state space is settled most of the time. A heap replaces the order of the sweep.

Moore and Atkeson, "Prioritized sweeping: reinforcement learning with less data and less time", Machine Learning 13, 1993;
Sutton and Barto 2018, section 8.4. Differs from theirs in that the model is known, and in that priorities are exact when popped.

Read first: iterate.py, gauss_seidel.py.
"""

import heapq

import numpy as np
import scipy.sparse as sp

from npixel.runtime.kernels import kernel

from . import iterate


def prioritized_sweeping(m, e, *, tol, max_iterations=1_000_000):
    """Solve the discounted criterion.   m MDP, e its Expected (rewards negated to minimise), gamma < 1 -> Solution of e"""
    S = m.num_states
    before = sp.csr_matrix((np.ones(e.P.nnz, np.int8), e.P.indices, e.P.indptr), shape=e.P.shape)
    before = sp.csr_matrix(sp.csr_matrix((np.ones(e.r.size, np.int8), (e.owner, np.arange(e.r.size))), shape=(S, e.r.size)).astype(float) @ before.astype(float)).T.tocsr()
    arrays = (e.pair_ptr, e.P.indptr.astype(np.int64), e.P.indices, e.P.data, e.r, e.gamma, before.indptr.astype(np.int64), before.indices)

    floor = [np.inf]

    def sweep(v):
        # one batch: until no priority is above a quarter of the largest one at its beginning
        change = _batch(v, *arrays, floor[0] / 4, 20 * S)
        floor[0] = change
        return v, change
    return iterate.close_in(m, e, sweep, tol=tol, method="prioritized_sweeping", limit=max_iterations)


def _batch_numpy(v, pair_ptr, row, column, p, r, gamma, before_ptr, before, floor, most):
    """Back up states of priority > floor, largest first, at most `most` times, in place; returns the largest priority left.   v (S,)"""
    S = v.size
    P = sp.csr_matrix((p, column, row), shape=(r.size, S)).toarray()

    def backup(s):
        return max((r[k] + gamma * (P[k] @ v) for k in range(pair_ptr[s], pair_ptr[s + 1])), default=v[s])
    priority = np.array([abs(backup(s) - v[s]) for s in range(S)])
    for _ in range(most):
        s = int(np.argmax(priority))                                    # ties: the smallest state
        if not priority[s] > min(floor, np.inf):
            break
        v[s] = backup(s)
        priority[s] = abs(backup(s) - v[s])
        for t in before[before_ptr[s]:before_ptr[s + 1]]:
            priority[t] = abs(backup(t) - v[t])
    return float(priority.max(initial=0.0))


@kernel(defined_by=_batch_numpy)
def _batch(v, pair_ptr, row, column, p, r, gamma, before_ptr, before, floor, most):
    S = v.size
    priority, target = np.zeros(S), np.zeros(S)
    heap = [(-1.0, 0)]
    heap.pop()
    for s in range(S):
        best = -np.inf
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
            continue                                                    # an older entry of this state
        done += 1
        v[s] = target[s]
        priority[s] = 0.0
        for i in range(before_ptr[s] - 1, before_ptr[s + 1]):
            t = s if i < before_ptr[s] else before[i]                   # itself first, then every state before it
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
