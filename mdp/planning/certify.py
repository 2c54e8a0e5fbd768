"""The cheap certificate: what two sweeps in floats prove about any v, at any size.

    lower <= v of the greedy policy <= v* <= upper           bounds.py, rounding included
    a is not optimal in s, whatever the exact values are, if
        r(s, a) + gamma sum over s' of P(s' | s, a) upper(s') < lower(s)

solve_exact decides every tie, in fractions. Here actions that are nearly as good as the best stay
undecided.

MacQueen, "A test for suboptimal actions in Markovian decision problems", Operations Research 15,
1967; Puterman 1994, section 6.7.

Read first: bellman.py, planning/bounds.py, planning/question.py.  Read next: exact/solve.py.
"""

from typing import NamedTuple

import numpy as np

from .. import bellman
from ..model import check_model
from . import bounds
from .question import check_minimize


class Proof(NamedTuple):
    """What is proved, rounding included."""
    lower: np.ndarray                        # (S,) lower <= v of `policy` <= v* <= upper.
                                             # Minimising: lower <= v* <= v of `policy` <= upper
    upper: np.ndarray                        # (S,)
    policy: np.ndarray                       # (S,) greedy for v, -1 in terminal states
    suboptimal: np.ndarray                   # (S, A) bool: proved not optimal; False where it is
                                             # undecided or not available


def certify(m, v, *, minimize=None):
    """Bounds and suboptimal actions from a guess of the optimal discounted value -> Proof.

    v          (S,) finite; zero is assumed in terminal states
    minimize   rewards are costs.  Default: m.costs

    ValueError at gamma = 1, where no residual bounds the error.

    >>> from mdp import MDP
    >>> certify(MDP([[[1.0], [1.0]]], [[1.0, 0.0]], 0.5), [1.9]).suboptimal.tolist()
    [[False, True]]
    """
    check_model(m)
    minimize = check_minimize(m, minimize)
    e = m.expected
    if not e.gamma < 1:
        raise ValueError("certify needs gamma < 1; at gamma = 1 no residual bounds the error: use "
                         "solve or solve_exact")
    v = np.asarray(v, dtype=float)
    if v.shape != (m.num_states,):
        raise ValueError(f"v must be ({m.num_states},), has shape {v.shape}")
    for s in np.flatnonzero(~np.isfinite(v))[:1]:
        raise ValueError(f"v[{s}] must be finite, is {v[s]}")
    e = e.replace(r=-e.r) if minimize else e
    v = -v if minimize else v
    v = v if e.choices else np.where(m.terminal, 0.0, v)
    lower, upper, pairs = bounds.discounted(e, v)
    table = bellman.table(e, bellman.pair_q(e, upper), m.num_actions)
    with np.errstate(invalid="ignore"):
        table = table < (lower - bounds.rounding(e, upper))[:, None]
    policy = bellman.actions(e, pairs)
    if minimize:
        return Proof(0 - upper, 0 - lower, policy, table)
    return Proof(lower, upper, policy, table)
