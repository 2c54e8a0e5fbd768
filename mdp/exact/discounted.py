"""Discounted reward exactly: a policy proposed in floats, then exact policy iteration.

Read first: planning/solve.py, exact/process.py, exact/solution.py.
Read next: exact/finite_horizon.py.
"""

import warnings

import numpy as np

from ..certificate import vector, write
from ..convergence import ConvergenceWarning
from ..planning.solve import solve
from .process import first_best, optimise, process_of
from .solution import ExactSolution, actions, array, ties

PROPOSED = 1e-9                              # the tol of the proposal


def discounted(m, R, minimize):
    """The ExactSolution of an MDP m; R is its Rational."""
    process = process_of(R, minimize, discounted=True)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a proposal: the exact check decides
        proposed = solve(m, criterion="discounted", minimize=minimize, tol=PROPOSED)
    policy = [-1 if a < 0 else next(k for k in process.of[s] if R.action[k] == a)
              for s, a in enumerate(proposed.policy.tolist())]
    x, policy, signs, iterations = optimise(process, policy)
    policy = actions(R, first_best(process, policy, signs))
    certificate = write(R, "discounted", minimize, policy=policy, slack=signs,
                        **vector(x, minimize))
    return ExactSolution(array(x, minimize), np.array(policy), ties(R, signs), certificate,
                         "discounted", iterations)
