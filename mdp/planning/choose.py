"""Which method "auto" takes for the discounted criterion: a look at the process.

    few states                   policy_iteration: LU factors cost less than sweeps, unless the
                                 matrix is full
    full, or few steps across    modified_policy_iteration: a random process mixes in a few steps
    many steps across            modified_gauss_seidel: in grids and queues one ordered sweep
                                 carries a new value through the whole process

The look is far cheaper than one sweep. It counts the steps in which half of the states are reached
from a few of them. A bad choice costs time and nothing else: every method has bounds that hold.
Each case is a row of `python -m benchmarks mdp`.

Read first: bellman.py, planning/policy_iteration.py, planning/modified_policy_iteration.py,
planning/modified_gauss_seidel.py.
Read next: planning/solve.py, planning/simplex.py.
"""

import numpy as np

from npixel.runtime.kernels import kernel

POLICY_ITERATION_UP_TO = 2000                # states
DENSE = 400                                  # states: up to here a dense LU is cheaper than looking
FULL = 1 / 20                                # of the entries: the LU factors will be full
FAR = 2                                      # times log2 S steps; a process with two successors for
                                             # each state needs one
GOLDEN = 0.618                               # of the states lie between one start and the next


def choose(e):
    """The name of a method.   e Expected, gamma < 1"""
    S = e.pair_ptr.size - 1
    if S <= POLICY_ITERATION_UP_TO and (S <= DENSE or e.P.nnz <= FULL * e.r.size * S):
        return "policy_iteration"
    if e.full is not None:
        return "modified_policy_iteration"
    limit = int(FAR * np.log2(S))
    stride = next(j for j in range(int(GOLDEN * S), S + 1) if np.gcd(j, S) == 1)
    near = _steps_to_half(e.pair_ptr, *e.rows[:2], limit, stride) < limit
    return "modified_policy_iteration" if near else "modified_gauss_seidel"


def _steps_to_half_numpy(pair_ptr, row, column, limit, stride):
    """Steps after which half of the states are reached from some state, `limit` at most.

    It starts from the states 0, stride, 2 stride, ... modulo S in turn, and returns the most steps
    that were needed. Each time, states that were reached before do not count.

    pair_ptr  (S+1,)
    row       (X+1,) of the arrows as CSR, with column
    """
    S = pair_ptr.size - 1
    seen, most = np.zeros(S, bool), 0
    for i in range(S):
        layer, steps = [i * stride % S], 0
        if seen[layer[0]]:
            continue
        seen[layer[0]] = True
        while layer and 2 * seen.sum() < S and steps < limit:
            steps += 1
            after = []
            for s in layer:
                for t in column[row[pair_ptr[s]]:row[pair_ptr[s + 1]]]:
                    if not seen[t] and 2 * seen.sum() < S:
                        seen[t] = True
                        after.append(t)
            layer = after
        most = max(most, steps)
        if 2 * seen.sum() >= S or most >= limit:
            break
    return most


@kernel(defined_by=_steps_to_half_numpy)
def _steps_to_half(pair_ptr, row, column, limit, stride):
    S = pair_ptr.size - 1
    seen, queue = np.zeros(S, np.bool_), np.empty(S, np.int32)
    count, most = 0, 0
    for i in range(S):
        s = i * stride % S
        if seen[s]:
            continue
        seen[s] = True
        queue[count] = s
        first, count, steps = count, count + 1, 0
        while first < count and 2 * count < S and steps < limit:
            steps += 1
            last = count
            for at in range(first, last):
                for j in range(row[pair_ptr[queue[at]]], row[pair_ptr[queue[at] + 1]]):
                    if not seen[column[j]] and 2 * count < S:
                        seen[column[j]] = True
                        queue[count] = column[j]
                        count += 1
            first = last
        most = max(most, steps)
        if 2 * count >= S or most >= limit:
            break
    return most
