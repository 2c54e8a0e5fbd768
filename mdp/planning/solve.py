"""`solve`: one door to every planner. The table below is the only place that knows which method solves which criterion.

Read first: the planners. To add one: a file with a function like theirs, and a line in METHODS.
"""

import inspect
from dataclasses import replace

import numpy as np

from ..evaluation import check_terminal_values
from ..checks import state_set
from ..model import check_model
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
from .topological import topological
from .value_iteration import value_iteration

METHODS = {                                  # criterion -> method -> planner; the first method is what "auto" takes; discounted: choose.py
    "discounted": {"policy_iteration": policy_iteration, "policy_iteration_dense": policy_iteration_dense, "policy_iteration_sparse": policy_iteration_sparse,
                   "policy_iteration_krylov": policy_iteration_krylov, "modified_policy_iteration": modified_policy_iteration,
                   "value_iteration": value_iteration, "gauss_seidel": gauss_seidel, "modified_gauss_seidel": modified_gauss_seidel, "prioritized_sweeping": prioritized_sweeping,
                   "topological": topological, "anderson": anderson, "linear_programming": linear_programming,
                   "linear_programming_dual": linear_programming_dual, "enumerate_policies": enumerate_policies},
    "total": {"policy_iteration": policy_iteration_total, "value_iteration": value_iteration, "enumerate_policies": enumerate_policies},
    "finite_horizon": {"backward_induction": backward_induction},
    "average": {"policy_iteration": policy_iteration_multichain},
}


def solve(m, *, criterion=None, horizon=None, goal=None, miss=None, terminal_values=None,
          minimize=None, method="auto", tol=1e-8, max_iterations=None):
    """Solve a Markov decision process -> Solution, with bounds that hold.

    criterion        "discounted" (gamma < 1), "total" (the expected sum of rewards; ignores m.gamma) or "finite_horizon" (needs `horizon`, uses m.gamma).
                     "average" (the long-run mean reward per step; ignores m.gamma): the one to
                     ask for where a total is inf or -inf
                     Default: "finite_horizon" if `horizon` is given, else "discounted" if m.gamma < 1, else "total"
    horizon          number of steps, an integer >= 0
    goal             states (indices, or bool (S,)), for criterion "total": rewards count until the
                     goal is entered, goal states are worth 0. The value is the supremum over
                     *stationary policies*, randomised ones included (policy_iteration_total.py)
    miss             what it is worth to miss the goal with positive probability: -inf or inf; default -inf, minimising inf
    terminal_values  (S,) value at the end of the horizon, and of terminal states at any time before; default zero
    minimize         rewards are costs: the smallest expected sum.  Default: m.costs
    method           "auto", or a name of METHODS[criterion]
    tol              how far apart the bounds may be: at most tol * max(1, the largest finite |v|);
                     if they are farther, `converged` is False and a ConvergenceWarning says so
    max_iterations   for methods that sweep: stop after so many; bounds not yet tol apart are then `converged=False`

    ValueError for a model, a criterion and a method that do not go together, and where the total reward is undefined.

    >>> from mdp import MDP
    >>> s = solve(MDP([[[1.0, 0], [0, 1]], [[0, 1], [0, 1]]], [[1, 0], [2, 2]], 0.5))
    >>> s.policy.tolist(), s.v.round(6).tolist()
    ([0, 0], [2.0, 4.0])
    """
    check_model(m)
    minimize = check_minimize(m, minimize)
    criterion = default_criterion(m, horizon, goal) if criterion is None else criterion
    if not isinstance(criterion, str) or criterion not in METHODS:
        raise ValueError(f"criterion {criterion!r} does not exist; choose one of {', '.join(METHODS)}")
    methods = METHODS[criterion]
    if criterion == "discounted":
        check_discounted(m)
    if method == "auto":
        method = choose(m.expected) if criterion == "discounted" else next(iter(methods))
    if not isinstance(method, str) or method not in methods:
        raise ValueError(f"method {method!r} does not solve criterion {criterion!r}; choose auto or one of {', '.join(methods)}")
    try:
        good_tol = 0 < float(tol) < np.inf
    except (TypeError, ValueError):
        good_tol = False
    if not good_tol:
        raise ValueError(f"tol expects a positive number, got {tol!r}")
    options = {"tol": float(tol)}
    if criterion == "finite_horizon":
        if isinstance(horizon, (bool, np.bool_)) or not isinstance(horizon, (int, np.integer)) or horizon < 0:
            raise ValueError(f"horizon expects an integer >= 0 for criterion \"finite_horizon\", got {horizon!r}")
        values = check_terminal_values(m, terminal_values)
        options.update(horizon=int(horizon), terminal_values=-values if minimize else values)
    elif horizon is not None or terminal_values is not None:
        given = "horizon" if horizon is not None else "terminal_values"
        raise ValueError(f"{given} belongs to criterion \"finite_horizon\", not to {criterion!r}")
    if goal is not None or miss is not None:
        if criterion != "total" or method != "policy_iteration":
            raise ValueError(f"goal belongs to criterion \"total\" and method \"policy_iteration\", not to {criterion!r} and {method!r}")
        options.update(goal=check_goal(m, goal), miss=check_miss(miss, minimize))
    if max_iterations is not None:
        if isinstance(max_iterations, bool) or not isinstance(max_iterations, (int, np.integer)) or max_iterations < 1:
            raise ValueError(f"max_iterations expects an integer >= 1, got {max_iterations!r}")
        if "max_iterations" not in inspect.signature(methods[method]).parameters:
            raise ValueError(f"max_iterations: method {method!r} needs no cap; it belongs to the methods that sweep")
        options["max_iterations"] = int(max_iterations)
    e = m.undiscounted if criterion in ("total", "average") else m.expected
    with np.errstate(over="ignore", invalid="ignore"):       # what overflows: bounds are infinite
        if not minimize:
            return methods[method](m, e, **options)
        # min of costs = -max of rewards
        s = methods[method](m, e._replace(r=-e.r), **options)
    mirrored = {name: None if getattr(s, name) is None else 0 - getattr(s, name) for name in ("v", "gain", "bias")}
    return replace(s, lower=0 - s.upper, upper=0 - s.lower, q_of=lambda _: 0 - s.q, **mirrored)


def check_minimize(m, minimize):
    """None, True or False -> bool; None means what the process says."""
    if minimize is None:
        return m.costs
    if not isinstance(minimize, (bool, np.bool_)):
        raise ValueError(f"minimize expects True, False or None, got {minimize!r}")
    return bool(minimize)


def default_criterion(m, horizon, goal):
    """What is solved where no criterion is asked for.

    A gamma given exactly and below 1 has a float below 1 (given_numbers.py).
    """
    if horizon is not None:
        return "finite_horizon"
    return "total" if goal is not None or m.gamma == 1 else "discounted"


def check_discounted(m):
    """ValueError unless gamma < 1."""
    if m.gamma == 1:
        raise ValueError("criterion \"discounted\" needs gamma < 1, gamma is 1; use \"total\"")


def check_goal(m, goal):
    """States (indices or bool) -> bool (S,), at least one."""
    if goal is None:
        raise ValueError("miss belongs to goal=, which is missing")
    states = state_set("goal", [goal] if isinstance(goal, (int, np.integer)) and not isinstance(goal, bool) else goal, m.num_states)
    if not states.any():
        raise ValueError("goal names no state")
    return states


def check_miss(miss, minimize):
    """None, inf or -inf, for the rewards as given -> the same for rewards negated to minimise, float."""
    if miss is None:
        return -np.inf
    if isinstance(miss, (bool, str)) or miss not in (np.inf, -np.inf):
        raise ValueError(f"miss expects inf or -inf, got {miss!r}")
    return -float(miss) if minimize else float(miss)
