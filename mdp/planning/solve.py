"""`solve`: one door to every planner. The table below is the only place that knows which method solves which criterion.

Read first: the planners. To add one: a file with a function like theirs, and a line in METHODS.
"""

import numpy as np

from ..evaluation import check_terminal_values
from ..model import check_model
from .backward_induction import backward_induction
from .enumerate_policies import enumerate_policies
from .policy_iteration import policy_iteration
from .policy_iteration_total import policy_iteration_total
from .solution import Solution
from .value_iteration import value_iteration

METHODS = {                                  # criterion -> method -> planner; the first method is what "auto" takes
    "discounted": {"policy_iteration": policy_iteration, "value_iteration": value_iteration, "enumerate_policies": enumerate_policies},
    "total": {"policy_iteration": policy_iteration_total, "value_iteration": value_iteration, "enumerate_policies": enumerate_policies},
    "finite_horizon": {"backward_induction": backward_induction},
}
POLICY_ITERATION_UP_TO = 5000                # states: above, "auto" iterates values, whose sweeps grow only with the number of outcomes


def solve(m, *, criterion=None, horizon=None, goal=None, terminal_values=None, minimize=False, method="auto", tol=1e-8):
    """Solve a Markov decision process -> Solution, with bounds that hold.

    criterion        "discounted" (gamma < 1), "total" (the expected sum of rewards; ignores m.gamma) or "finite_horizon" (needs `horizon`, uses m.gamma).
                     Default: "finite_horizon" if `horizon` is given, else "discounted" if m.gamma < 1, else "total"
    horizon          number of steps, an integer >= 0
    terminal_values  (S,) value at the end of the horizon, and of terminal states at any time before; default zero
    minimize         rewards are costs: the smallest expected sum
    method           "auto", "policy_iteration", "value_iteration", "enumerate_policies", "backward_induction"
    tol              how far apart the bounds may be, in units of reward; if they are farther, `converged` is False and a ConvergenceWarning says so

    ValueError for a model, a criterion and a method that do not go together, and where the total reward is infinite or undefined.

    >>> from mdp import MDP
    >>> s = solve(MDP([[[1.0, 0], [0, 1]], [[0, 1], [0, 1]]], [[1, 0], [2, 2]], 0.5))
    >>> s.policy.tolist(), s.v.round(6).tolist()
    ([0, 0], [2.0, 4.0])
    """
    check_model(m)
    if goal is not None:
        raise ValueError(f"goal is not supported; the criteria are {', '.join(METHODS)}, without a goal")
    if criterion is None:
        criterion = "finite_horizon" if horizon is not None else "discounted" if m.gamma < 1 else "total"
    if not isinstance(criterion, str) or criterion not in METHODS:
        raise ValueError(f"criterion {criterion!r} does not exist; choose one of {', '.join(METHODS)}")
    methods = METHODS[criterion]
    if method == "auto":
        method = "value_iteration" if criterion == "discounted" and m.num_states > POLICY_ITERATION_UP_TO else next(iter(methods))
    if not isinstance(method, str) or method not in methods:
        raise ValueError(f"method {method!r} does not solve criterion {criterion!r}; choose auto or one of {', '.join(methods)}")
    if criterion == "discounted" and m.gamma == 1:
        raise ValueError("criterion \"discounted\" needs gamma < 1, gamma is 1; use \"total\"")
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
    e = m.expected
    if criterion == "total":
        e = e._replace(gamma=1.0)
    if not minimize:
        return methods[method](m, e, **options)
    s = methods[method](m, e._replace(r=-e.r), **options)               # min of costs = -max of rewards
    return Solution(0 - s.v, 0 - s.upper, 0 - s.lower, 0 - s.q, s.policy, s.converged, s.iterations, s.method, s.criterion, s.tol, s.history)
