"""`solve`: one door to every planner.

METHODS is the only place that knows which method solves which criterion. To add one: a file with a
function like theirs, and a line in METHODS.

Read first: planning/question.py, planning/solution.py, planning/choose.py,
planning/enumerate_policies.py, planning/value_iteration.py, planning/gauss_seidel.py,
planning/prioritized_sweeping.py, planning/topological.py, planning/anderson.py,
planning/policy_iteration.py, planning/policy_iteration_dense.py,
planning/policy_iteration_sparse.py, planning/policy_iteration_krylov.py,
planning/modified_policy_iteration.py, planning/modified_gauss_seidel.py,
planning/linear_programming.py, planning/linear_programming_dual.py, planning/backward_induction.py,
planning/policy_iteration_total.py, planning/policy_iteration_multichain.py.
Read next: planning/certify.py, exact/solve.py, exact/__init__.py.
"""

import inspect

import numpy as np

from ..evaluation import check_terminal_values
from .anderson import anderson
from .backward_induction import backward_induction
from .choose import choose
from .enumerate_policies import enumerate_policies
from .gauss_seidel import gauss_seidel
from .linear_programming import linear_programming
from .linear_programming_dual import linear_programming_dual
from .modified_gauss_seidel import modified_gauss_seidel
from .modified_policy_iteration import modified_policy_iteration
from .policy_iteration import policy_iteration
from .policy_iteration_dense import policy_iteration_dense
from .policy_iteration_krylov import policy_iteration_krylov
from .policy_iteration_multichain import policy_iteration_multichain
from .policy_iteration_sparse import policy_iteration_sparse
from .policy_iteration_total import policy_iteration_total
from .prioritized_sweeping import prioritized_sweeping
from .question import is_count, question
from .topological import topological
from .value_iteration import value_iteration

METHODS = {                                  # criterion -> method -> planner
    "discounted": {                          # "auto": choose.py
        "policy_iteration": policy_iteration, "policy_iteration_dense": policy_iteration_dense,
        "policy_iteration_sparse": policy_iteration_sparse,
        "policy_iteration_krylov": policy_iteration_krylov,
        "modified_policy_iteration": modified_policy_iteration,
        "value_iteration": value_iteration, "gauss_seidel": gauss_seidel,
        "modified_gauss_seidel": modified_gauss_seidel,
        "prioritized_sweeping": prioritized_sweeping, "topological": topological,
        "anderson": anderson, "linear_programming": linear_programming,
        "linear_programming_dual": linear_programming_dual,
        "enumerate_policies": enumerate_policies},
    "total": {                               # "auto": the first one, here and below
        "policy_iteration": policy_iteration_total, "value_iteration": value_iteration,
        "enumerate_policies": enumerate_policies},
    "finite_horizon": {"backward_induction": backward_induction},
    "average": {"policy_iteration": policy_iteration_multichain},
}


def solve(m, *, criterion=None, horizon=None, goal=None, miss=None, terminal_values=None,
          minimize=None, method="auto", tol=1e-8, max_iterations=None):
    """Solve a Markov decision process -> Solution: a policy, and bounds on its value that hold.

        criterion         value of a state                                options
        "discounted"      expected sum of gamma**t R_t, gamma < 1         method, max_iterations
        "finite_horizon"  the same over T steps, then a terminal value    horizon, terminal_values
        "total"           expected sum of R_t; m.gamma is not read        goal, miss, method
        "average"         mean reward per step; m.gamma is not read

    Default: "finite_horizon" with `horizon`; "total" with `goal` or m.gamma = 1; else "discounted".
    gamma may differ from pair to pair. The mean reward per step is the gain, which may differ from
    state to state (multichain). With it comes the bias: what starting in a state earns beyond it.

    A total may be inf or -inf; ask for "average" there. With a goal it is the supremum over
    *stationary policies*, randomised ones included (policy_iteration_total.py). A total that is
    undefined is a ValueError that names the states. Where floats cannot decide whether it is, the
    message says so, and `solve_exact` decides. That takes integers, Fractions, Decimals and text as
    they are. It takes float rewards as the decimals that were typed, and a row of float
    probabilities only if it stands for small fractions.

    horizon          T, an integer >= 0
    terminal_values  (S,) value at the end of the horizon, and of terminal states at any time
                     before; default zero
    goal             states (indices, or bool (S,)): rewards count until one of them is entered.
                     Goal states are worth 0
    miss             what a policy is worth that misses the goal with positive probability: -inf or
                     inf.  Default: -inf, minimising inf
    minimize         rewards are costs: the smallest value is the best.  Default: m.costs
    method           "auto", or a name of METHODS[criterion]
    tol              how far apart the bounds may be: tol, times the largest finite |v| where that
                     is above one. Bounds that stay farther apart hold all the same: `converged` is
                     False then, and a ConvergenceWarning says so
    max_iterations   for methods that sweep: stop after so many

    ValueError as well for a model, a criterion, options and a method that do not go together.

    >>> from mdp import MDP
    >>> s = solve(MDP([[[1.0, 0], [0, 1]], [[0, 1], [0, 1]]], [[1, 0], [2, 2]], 0.5))
    >>> s.policy.tolist(), s.v.round(6).tolist()
    ([0, 0], [2.0, 4.0])
    """
    asked = question(m, criterion=criterion, horizon=horizon, goal=goal, miss=miss,
                     terminal_values=terminal_values, minimize=minimize)
    method, planner = _planner(m, asked, method)
    options = _options(m, asked, method, planner, tol, max_iterations)
    e = m.undiscounted if asked.criterion in ("total", "average") else m.expected
    with np.errstate(over="ignore", invalid="ignore"):       # what overflows: bounds are infinite
        if not asked.minimize:
            return planner(m, e, **options)
        return planner(m, e.replace(r=-e.r), **options).mirrored()      # min of costs = -max


def _planner(m, asked, method):
    """(name, function) of the method that solves what is asked; of one chosen for "auto"."""
    methods = METHODS[asked.criterion]
    if method == "auto":
        method = choose(m.expected) if asked.criterion == "discounted" else next(iter(methods))
    if not isinstance(method, str) or method not in methods:
        raise ValueError(f"method must be auto or one of {', '.join(methods)} for criterion "
                         f"{asked.criterion!r}, is {method!r}")
    if asked.goal is not None and method != "policy_iteration":
        raise ValueError(f'goal belongs to method "policy_iteration", not to {method!r}')
    return method, methods[method]


def _options(m, asked, method, planner, tol, max_iterations):
    """What the planner takes beside m and e, checked: dict."""
    options = {"tol": _tol(tol)}
    if max_iterations is not None:
        options["max_iterations"] = _cap(max_iterations, method, planner)
    if asked.criterion == "finite_horizon":
        values = check_terminal_values(m, asked.terminal_values)
        options |= {"horizon": int(asked.horizon),
                    "terminal_values": -values if asked.minimize else values}
    if asked.goal is not None:
        options |= {"goal": asked.goal, "miss": asked.miss}
    return options


def _tol(tol):
    """A positive number -> float."""
    try:
        if 0 < float(tol) < np.inf:
            return float(tol)
    except (TypeError, ValueError):
        pass
    raise ValueError(f"tol must be a positive number, is {tol!r}")


def _cap(max_iterations, method, planner):
    """An integer >= 1, for a method that has a cap."""
    if not is_count(max_iterations, 1):
        raise ValueError(f"max_iterations must be an integer >= 1, is {max_iterations!r}")
    if "max_iterations" not in inspect.signature(planner).parameters:
        raise ValueError(f"max_iterations belongs to the methods that sweep, not to {method!r}")
    return int(max_iterations)
