"""Policies in fractions: a process in integers, the exact value of a policy, policy iteration.

    x(s) = r_k + sum over t of n / d x(t)        for the pair k that the policy takes in s

A policy is a list of pairs, one for each state, -1 where none is taken. Rewards are negated to
minimise, so that everything here maximises.

Read first: graph.py, rational.py, lifting.py, certificate.py.
Read next: exact/discounted.py, exact/average.py, exact/total.py, exact/solution.py.
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
    S: int                                   # states, or nodes
    owner: list                              # (X,) the state of each pair
    of: list                                 # (S,) list of the pairs of each state
    r: list                                  # (X,) Fractions
    d: list                                  # (X,) integers
    row: list                                # (X,) list of (t, n)


def process_of(R, minimize, discounted):
    """Rational -> Process, rewards negated to minimise."""
    d, row = R.D, [list(zip(after, n)) for after, n in zip(R.next, R.n)]
    if discounted:
        d = [D * gd for D, (_, gd) in zip(R.D, R.g)]
        row = [[(t, n * gn) for t, n in after if gn] for after, (gn, _) in zip(row, R.g)]
    return made_of(R.S, R.owner, [Fraction(-n if minimize else n, d) for n, d in R.r], d, row)


def made_of(S, owner, r, d, row):
    """The Process with these pairs."""
    of = [[] for _ in range(S)]
    for k, s in enumerate(owner):
        of[s].append(k)
    return Process(S, owner, of, r, d, row)


# the value of a policy

def evaluate(process, policy, b, known):
    """x = b + P_pi x on the states of `policy` -> {s: Fraction}.

    The strongly connected components are solved one after the other, last ones first.

    policy   {s: k}
    b        {s: number}
    known    {s: x}: values outside; 0 where there is none
    """
    states, value = list(policy), dict(known)
    if not states:
        return {}
    place = {s: i for i, s in enumerate(states)}
    edges = [(i, place[t]) for i, s in enumerate(states) for t, _ in process.row[policy[s]]
             if t in place]
    order, ends = graph.successors_first(arrows(edges, len(states)))
    for first, last in zip(ends[:-1], ends[1:]):
        component = [states[i] for i in order[first:last]]
        matrix, right = _equations(process, policy, b, value, component)
        if len(component) == 1:
            value[component[0]] = Fraction(right[0]) / matrix[0][0]
            continue
        numerators, den = integers(right)
        solved, d = solve_integers(matrix, numerators)
        for s, n in zip(component, solved):
            value[s] = Fraction(n, d * den)
    return {s: value[s] for s in states}


def _equations(process, policy, b, known, component):
    """(rows, right sides) of d x(s) - sum of n x(t) = d b(s) + what is known.

    rows   list of {number in the component: integer}
    """
    local = {s: i for i, s in enumerate(component)}
    matrix, right = [], []
    for s in component:
        d = process.d[policy[s]]
        row, total = {local[s]: d}, d * b[s]
        for t, n in process.row[policy[s]]:
            if t in local:
                row[local[t]] = row.get(local[t], 0) - n
            elif known.get(t):
                total += n * known[t]
        matrix.append(row), right.append(total)
    return matrix, right


def arrows(edges, n):
    """(n, n) CSR with these edges (row, column)."""
    rows, columns = zip(*edges) if edges else ((), ())
    return sp.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(n, n))


# policy iteration

def slack(process, k, num, den):
    """x(s) - q(k), times d r.den den, for x = num / den: an integer."""
    s, d, r = process.owner[k], process.d[k], process.r[k]
    ahead = sum(n * num[t] for t, n in process.row[k])
    return r.denominator * (d * num[s] - ahead) - d * r.numerator * den


def optimise(process, policy):
    """(x, policy, signs, iterations): exact policy iteration from a policy that has a value.

    x      (S,) Fractions, 0 where there is no pair
    signs  (X,) 0 where x(s) = q(k), else 1
    """
    iterations = 0
    while True:
        iterations += 1
        own = {s: k for s, k in enumerate(policy) if k >= 0}
        x = [Fraction(0)] * process.S
        for s, value in evaluate(process, own, {s: process.r[k] for s, k in own.items()},
                                 {}).items():
            x[s] = value
        num, den = integers(x)
        better, signs = {}, []               # {s: (loss, pair)} of the best pair
        for k, s in enumerate(process.owner):
            loss = slack(process, k, num, den) if policy[s] >= 0 else 1
            signs.append(int(loss != 0))
            if loss < 0:
                lower(better, s, Fraction(loss, process.d[k] * process.r[k].denominator), k)
        if not better:
            return x, policy, signs, iterations
        policy = [better[s][1] if s in better else k for s, k in enumerate(policy)]


def lower(best, s, loss, k):
    """best[s] = (loss, k) if there is none or it is larger: the first of the lowest stays."""
    if s not in best or loss < best[s][0]:
        best[s] = loss, k


def first_best(process, policy, signs):
    """The first pair with sign 0 of each state, -1 where `policy` takes none."""
    return [-1 if k < 0 else next(j for j in process.of[s] if signs[j] == 0)
            for s, k in enumerate(policy)]
