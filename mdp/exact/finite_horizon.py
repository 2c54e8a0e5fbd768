"""A finite horizon exactly: backward induction in fractions.

Read first: process.py.
"""

from fractions import Fraction

import numpy as np

from ..certificate import vector, write
from ..given_numbers import parse_array
from .process import process_of
from .solution import ExactSolution, actions, array, ties


def finite_horizon(m, R, horizon, terminal_values, minimize):
    if isinstance(horizon, (bool, np.bool_)) or not isinstance(horizon, (int, np.integer)) or horizon < 0:
        raise ValueError(f'horizon expects an integer >= 0 for criterion "finite_horizon", got {horizon!r}')
    x = [Fraction(0)] * R.S
    if terminal_values is not None:
        numbers, exact = parse_array("terminal_values", terminal_values)
        if numbers.shape != (R.S,) or not np.isfinite(numbers).all():
            raise ValueError(f"terminal_values expects finite numbers of shape {(R.S,)}, got shape {numbers.shape}")
        x = list(exact) if exact is not None else [Fraction(repr(v)) for v in numbers.tolist()]
        x = [-v for v in x] if minimize else x
    process = process_of(R, minimize, discounted=True)
    steps, policies, signs = [x], [], []
    for _ in range(horizon):
        q = [process.r[k] + sum((Fraction(n, process.d[k]) * x[t] for t, n in process.row[k]), Fraction(0)) for k in range(len(process.r))]
        best = [max((q[k] for k in own), default=x[s]) for s, own in enumerate(process.of)]
        policies.append([next((k for k in own if q[k] == best[s]), -1) for s, own in enumerate(process.of)])
        signs.append([int(best[s] > q[k]) for k, s in enumerate(process.owner)])
        x = best
        steps.append(x)
    steps.reverse(), policies.reverse(), signs.reverse()
    certificate = write(R, "finite_horizon", minimize, horizon=int(horizon), policy=[actions(R, p) for p in policies], slack=signs,
                               steps=[vector(x, minimize) for x in steps])
    v = np.array([array(x, minimize) for x in steps], object).reshape(horizon + 1, R.S)
    return ExactSolution(v, np.array([actions(R, p) for p in policies], np.int64).reshape(horizon, R.S), [ties(R, sign) for sign in signs], certificate,
                         "finite_horizon", int(horizon))
