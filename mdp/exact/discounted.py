"""Discounted reward exactly: a policy proposed in floats, then exact policy iteration.

Read first: process.py.
"""

import warnings

import numpy as np

from ..certificate import vector, write
from ..evaluation import ConvergenceWarning
from ..planning.solve import solve
from .process import first_best, optimise, process_of
from .solution import ExactSolution, actions, array, ties


def discounted(m, R, minimize):
    process = process_of(R, minimize, discounted=True)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)              # a proposal only: the exact check decides
        proposed = solve(m, criterion="discounted", minimize=minimize, tol=1e-9)
    policy = [-1 if a < 0 else R.pair_ptr[s] + R.action[R.pair_ptr[s]:R.pair_ptr[s + 1]].index(a) for s, a in enumerate(proposed.policy.tolist())]
    x, policy, sign, iterations = optimise(process, policy)
    policy = first_best(process, policy, sign)
    certificate = write(R, "discounted", minimize, policy=actions(R, policy), slack=sign, **vector(x, minimize))
    return ExactSolution(array(x, minimize), np.array(actions(R, policy)), ties(R, sign), certificate, "discounted", iterations)
