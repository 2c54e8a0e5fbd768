"""Linear programs in Fractions: the primal simplex method, with a start that floats propose.

    maximise cost . x     subject to     sum over j of x_j columns_j = b,   x >= 0

HiGHS (through scipy) proposes which x_j are positive. They are brought into the basis of an exact
tableau, which is pivoted on by Bland's rule until every reduced cost is right. So neither the
answer nor "infeasible" nor "unbounded" depends on a float; a proposal only saves pivots.

Dantzig 1963; Bland, "New finite pivoting rules for the simplex method", Math. Oper. Res. 2, 1977.

Read first: nothing.  Read next: planning/staying.py, planning/constrained.py.
"""

from fractions import Fraction

import numpy as np
import scipy.sparse as sp
from scipy.optimize import linprog

POSITIVE = 1e-9                              # what HiGHS leaves above it, it means to be positive


def linear_program(columns, b, cost):
    """Solve one linear program -> ("optimal", x), ("infeasible", None) or ("unbounded", None).

    columns   list of {row: Fraction}
    b         list of Fractions, one for each row
    cost      list of Fractions, one for each column
    returns   x: list of Fractions, a basic solution

    >>> one = Fraction(1)
    >>> linear_program([{0: one}, {0: 2 * one}], [Fraction(3)], [one, one])     # x + 2 y = 3
    ('optimal', [Fraction(3, 1), Fraction(0, 1)])
    """
    rows, basis = _tableau(columns, b)
    for j in _proposed(columns, b, cost):
        _enter(rows, basis, j)
    if not _feasible(rows, basis, len(columns)):
        return "infeasible", None
    if not _optimise(rows, basis, list(cost) + [Fraction(0)] * len(b), len(columns)):
        return "unbounded", None
    x = [Fraction(0)] * len(columns)
    for row, j in zip(rows, basis):
        if j < len(x):
            x[j] = row[-1]
    _check(columns, b, x)
    return "optimal", x


def _tableau(columns, b):
    """(rows, basis): the equations, turned so that b >= 0, with an artificial variable in each.

    A row has a number for each column, then for each artificial variable, then b.
    """
    count, signs = len(columns), [-1 if x < 0 else 1 for x in b]
    rows = [[Fraction(0)] * (count + len(b) + 1) for _ in b]
    for j, column in enumerate(columns):
        for i, x in column.items():
            rows[i][j] = signs[i] * x
    for i, x in enumerate(b):
        rows[i][count + i], rows[i][-1] = Fraction(1), signs[i] * x
    return rows, [count + i for i in range(len(b))]


def _proposed(columns, b, cost):
    """The columns that are positive in the solution of HiGHS, the largest first."""
    if not columns or not b:
        return []
    entries = [(i, j, float(x)) for j, column in enumerate(columns) for i, x in column.items()]
    at, of, data = zip(*entries)
    A = sp.csr_matrix((data, (at, of)), shape=(len(b), len(columns)))
    result = linprog([-float(c) for c in cost], A_eq=A, b_eq=[float(x) for x in b],
                     bounds=(0, None), method="highs")
    if result.x is None:
        return []
    return [int(j) for j in np.argsort(-result.x) if result.x[j] > POSITIVE]


def _enter(rows, basis, j):
    """Pivot column j into the basis by the ratio test; nothing if no row allows it."""
    if j in basis:
        return
    able = [i for i, row in enumerate(rows) if row[j] > 0]
    if able:
        _pivot(rows, basis, min(able, key=lambda i: (rows[i][-1] / rows[i][j], -basis[i])), j)


def _feasible(rows, basis, count):
    """Phase 1: drive the artificial variables out of the basis; False if they cannot be zero."""
    artificial = [Fraction(0)] * count + [Fraction(-1)] * len(rows)
    if not _optimise(rows, basis, artificial, len(artificial)):
        raise AssertionError("phase 1 is bounded")
    if any(j >= count and row[-1] != 0 for row, j in zip(rows, basis)):
        return False
    for i in range(len(rows)):
        if basis[i] >= count:
            j = next((j for j in range(count) if rows[i][j] != 0), None)
            if j is not None:
                _pivot(rows, basis, i, j)
    return True


def _optimise(rows, basis, cost, count):
    """Pivot among the first `count` columns until none improves the cost; False if unbounded.

    Bland's rule: the first column that improves enters, so that no basis comes back.
    """
    while True:
        entering = next((j for j in range(count)
                         if j not in basis and _reduced(rows, basis, cost, j) > 0), None)
        if entering is None:
            return True
        able = [i for i, row in enumerate(rows) if row[entering] > 0]
        if not able:
            return False
        leaving = min(able, key=lambda i: (rows[i][-1] / rows[i][entering], basis[i]))
        _pivot(rows, basis, leaving, entering)


def _reduced(rows, basis, cost, j):
    """What one unit of x_j gains."""
    return cost[j] - sum((cost[basis[i]] * row[j] for i, row in enumerate(rows) if row[j]),
                         Fraction(0))


def _pivot(rows, basis, i, j):
    """Solve equation i for x_j and put it into the others."""
    head = rows[i][j]
    rows[i] = [x / head for x in rows[i]]
    for k, row in enumerate(rows):
        if k != i and row[j]:
            factor = row[j]
            rows[k] = [x - factor * y if y else x for x, y in zip(row, rows[i])]
    basis[i] = j


def _check(columns, b, x):
    """The answer against the equations as given, not against the tableau."""
    left = [Fraction(0)] * len(b)
    for column, y in zip(columns, x):
        for i, a in column.items():
            left[i] += a * y
    if left != list(b) or min(x, default=0) < 0:
        raise AssertionError("the basic solution does not satisfy its equations")
