"""A finite horizon exactly: backward induction in fractions.

Read first: exact/process.py, exact/solution.py, planning/backward_induction.py.
Read next: exact/average.py.
"""

from fractions import Fraction

import numpy as np

from ..certificate import vector, write
from ..given_numbers import parse_array
from .process import process_of
from .solution import ExactSolution, actions, array, ties


def finite_horizon(R, horizon, terminal_values, minimize):
    """The ExactSolution of the process of a Rational.   terminal_values (S,) or None, as given"""
    x = _terminal(R, terminal_values)
    x = [-v for v in x] if minimize else x
    process = process_of(R, minimize, discounted=True)
    steps, policies, slack = [x], [], []
    for _ in range(horizon):
        x, policy, signs = _step(process, x)
        steps.insert(0, x), policies.insert(0, actions(R, policy)), slack.insert(0, signs)
    certificate = write(R, "finite_horizon", minimize, horizon=int(horizon), policy=policies,
                        slack=slack, steps=[vector(x, minimize) for x in steps])
    v = np.array([array(x, minimize) for x in steps], object).reshape(horizon + 1, R.S)
    return ExactSolution(v, np.array(policies, np.int64).reshape(horizon, R.S),
                         [ties(R, signs) for signs in slack], certificate, "finite_horizon",
                         int(horizon))


def _terminal(R, values):
    """None or checked numbers (S,) -> list of Fractions."""
    if values is None:
        return [Fraction(0)] * R.S
    numbers, exact = parse_array("terminal_values", values)
    return list(exact) if exact is not None else [Fraction(repr(v)) for v in numbers.tolist()]


def _step(process, x):
    """(T x, the first best pairs, signs: 0 where a pair is best, else 1).   x list of Fractions"""
    q = [r + sum((Fraction(n, d) * x[t] for t, n in row), Fraction(0))
         for r, d, row in zip(process.r, process.d, process.row)]
    best = [max((q[k] for k in own), default=x[s]) for s, own in enumerate(process.of)]
    policy = [next((k for k in own if q[k] == best[s]), -1) for s, own in enumerate(process.of)]
    return best, policy, [int(best[s] > q[k]) for k, s in enumerate(process.owner)]
