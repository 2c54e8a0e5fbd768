"""Policies in fractions: a process in integers, the exact value of a policy, exact policy iteration.

    x(s) = r_k + sum over t of n / d x(t)        for the pair k that the policy takes in s

A policy is a list of pairs, one for each state, -1 where none is taken. Rewards are negated to minimise, so that everything here maximises.

Read first: ../rational.py, ../lifting.py.  Read next: discounted.py, average.py, total.py.
"""

from fractions import Fraction
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp

from .. import graph
from ..certificate import integers
from ..lifting import solve_integers


class Process(NamedTuple):
    """Pairs in integers, the discount folded in: x(s) = r_k + sum of n / d x(t)."""
    N: int                                   # states or nodes
    owner: list                              # (K,)
    of: list                                 # (N,) list of the pairs of each state
    r: list                                  # (K,) Fractions
    d: list                                  # (K,)
    row: list                                # (K,) list of (t, n)


def process_of(R, minimize, discounted):
    """Rational -> Process, rewards negated to minimise."""
    r = [Fraction(-n if minimize else n, d) for n, d in R.r]
    if discounted:
        d, row = [D * g[1] for D, g in zip(R.D, R.g)], [[(t, x * g[0]) for t, x in zip(after, n) if g[0]] for after, n, g in zip(R.next, R.n, R.g)]
    else:
        d, row = R.D, [list(zip(after, n)) for after, n in zip(R.next, R.n)]
    return Process(R.S, R.owner, [list(range(R.pair_ptr[s], R.pair_ptr[s + 1])) for s in range(R.S)], r, d, row)


def evaluate(process, policy, b, known):
    """x = b + P_pi x on the states of `policy` {s: k}, with `known` {s: x} and 0 elsewhere; components one after the other -> {s: Fraction}."""
    states = list(policy)
    if not states:
        return {}
    place = {s: i for i, s in enumerate(states)}
    edges = [(i, place[t]) for i, s in enumerate(states) for t, _ in process.row[policy[s]] if t in place]
    rows, columns = zip(*edges) if edges else ((), ())
    order, ends = graph.successors_first(sp.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(len(states),) * 2))
    x = {}
    for first, last in zip(ends[:-1], ends[1:]):
        component = [states[i] for i in order[first:last]]
        local = {s: i for i, s in enumerate(component)}
        matrix, right = [], []
        for s in component:
            d, row = process.d[policy[s]], {local[s]: process.d[policy[s]]}
            total = d * b[s]
            for t, n in process.row[policy[s]]:
                if t in local:
                    row[local[t]] = row.get(local[t], 0) - n
                else:
                    value = x.get(t, known.get(t))
                    if value:
                        total += n * value
            matrix.append(row), right.append(total)
        if len(component) == 1:
            x[component[0]] = Fraction(right[0]) / matrix[0][0]
            continue
        numerators, L = integers(right)
        solved, d = solve_integers(matrix, numerators)
        for s, n in zip(component, solved):
            x[s] = Fraction(n, d * L)
    return x


def slack(process, k, N, L):
    """x(s) - q(k), times d r.den L, for x = N / L: an integer."""
    s, d, r = process.owner[k], process.d[k], process.r[k]
    return r.denominator * (d * N[s] - sum(n * N[t] for t, n in process.row[k])) - d * r.numerator * L


def optimise(process, policy, known=None):
    """(x, policy, signs, iterations): exact policy iteration from a policy that has a value.

    x (N,) Fractions, 0 where there is no pair;   known {s: x} states whose value is given   signs (K,) 0 where x(s) = q(k), else 1
    """
    known = known or {}
    iterations = 0
    while True:
        iterations += 1
        own = {s: k for s, k in enumerate(policy) if k >= 0 and s not in known}
        x = [known.get(s, Fraction(0)) for s in range(process.N)]
        for s, value in evaluate(process, own, {s: process.r[k] for s, k in own.items()}, known).items():
            x[s] = value
        N, L = integers(x)
        better, signs = {}, []
        for k, s in enumerate(process.owner):
            loss = slack(process, k, N, L) if policy[s] >= 0 and s not in known else 1
            signs.append(int(loss != 0))
            if loss < 0:
                loss = Fraction(loss, process.d[k] * process.r[k].denominator)
                if s not in better or loss < better[s][0]:
                    better[s] = (loss, k)
        if not better:
            return x, policy, signs, iterations
        policy = [better[s][1] if s in better else k for s, k in enumerate(policy)]


def first_best(process, policy, signs):
    """The first pair with sign 0 of each state, -1 where `policy` takes none."""
    return [-1 if k < 0 else next(j for j in process.of[s] if signs[j] == 0)
            for s, k in enumerate(policy)]
