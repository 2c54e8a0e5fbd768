"""The cheap certificate: what one float sweep proves about any v, at any size.

    lower <= v of the greedy policy <= v* <= upper                          bounds.py: MacQueen and Porteus, rounding included
    r(s, a) + gamma sum of P(s' | s, a) upper(s') < lower(s)                then a is not optimal in s, whatever the exact values are

Where solve_exact takes fractions, this takes two sweeps, and leaves the near-ties undecided.

MacQueen, "A test for suboptimal actions in Markovian decision problems", Operations Research 15, 1967; Puterman 1994, section 6.7.

Read first: bounds.py.  The exact one: ../exact/.
"""

from typing import NamedTuple

import numpy as np

from .. import bellman
from ..model import check_model
from . import bounds


class Proof(NamedTuple):
    """What is proved, rounding included."""
    lower: np.ndarray                        # (S,) lower <= v of `policy` <= v* <= upper; minimising: lower <= v* <= v of `policy`
    upper: np.ndarray                        # (S,)
    policy: np.ndarray                       # (S,) greedy for v, -1 in terminal states
    suboptimal: np.ndarray                   # (S, A) bool: proved not optimal; False where undecided or unavailable


def certify(m, v, *, minimize=None):
    """Bounds and suboptimal actions from a guess v of the optimal discounted value -> Proof.   v (S,) finite; zero is assumed in terminal states

    minimize   rewards are costs.  Default: m.costs

    >>> from mdp import MDP
    >>> certify(MDP([[[1.0], [1.0]]], [[1.0, 0.0]], 0.5), [1.9]).suboptimal.tolist()
    [[False, True]]
    """
    check_model(m)
    minimize = m.costs if minimize is None else minimize
    e = m.expected
    if not e.gamma < 1:
        raise ValueError("certify needs gamma < 1; at gamma = 1 no residual bounds the error: use solve or solve_exact")
    v = np.asarray(v, dtype=float)
    if v.shape != (m.num_states,) or not np.isfinite(v).all():
        raise ValueError(f"v expects finite numbers of shape {(m.num_states,)}, got shape {v.shape}")
    e = e._replace(r=-e.r) if minimize else e
    v = -v if minimize else v
    v = v if e.choices else np.where(m.terminal, 0.0, v)
    lower, upper, pairs = bounds.discounted(e, v)
    table = bellman.table(e, bellman.pair_q(e, upper), m.num_actions)
    with np.errstate(invalid="ignore"):
        table = table < (lower - bounds.rounding(e, upper))[:, None]
    policy = bellman.actions(e, pairs)
    return Proof(0 - upper, 0 - lower, policy, table) if minimize else Proof(lower, upper, policy, table)
