"""What solve_exact returns, and how policies, ties and values are written in it.

Read first: certificate.py, planning/solution.py.  Read next: exact/discounted.py.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class ExactSolution:
    """The fields of Solution as fractions.   S states, T steps

    v                (S,) Fractions, object array; float inf or -inf where the total is infinite.
                     Finite horizon: (T+1, S)
    policy           (S,) the first optimal action of each state, -1 in terminal states.
                     Finite horizon: (T, S).
                     Criterion "total": the first with which the policy still ends. In a component
                     without rewards it is an action that leads to where the component is left.
                     "average": the first, if these actions together keep the bias
    optimal_actions  for each state the frozenset of all actions with q(s, a) = v(s).
                     Finite horizon: a list of such lists, one for each step.
                     "average": all actions that attain both optimality equations
    certificate      a dict for json.dump and mdp.verify
    criterion        as in `solve`
    iterations       policies evaluated exactly
    gain             criterion "average": (S,) Fractions; else None
    bias             criterion "average": (S,) Fractions; else None
    """
    v: np.ndarray
    policy: np.ndarray
    optimal_actions: list
    certificate: dict
    criterion: str
    iterations: int
    gain: np.ndarray | None = None
    bias: np.ndarray | None = None


def actions(R, policy):
    """A policy as pairs -> as actions, a list; -1 where there is none."""
    return [R.action[k] if k >= 0 else -1 for k in policy]


def ties(R, sign):
    """Signs of the pairs -> for each state the frozenset of actions with sign 0."""
    out = [set() for _ in range(R.S)]
    for k, s in enumerate(R.owner):
        if sign[k] == 0:
            out[s].add(R.action[k])
    return [frozenset(a) for a in out]


def array(x, minimize):
    """A list of numbers -> (n,) object array, negated back where rewards were negated."""
    out = np.empty(len(x), object)
    out[:] = [-y if minimize else y for y in x]
    return out
