"""What is asked: the criterion and its arguments, checked once for `solve` and `solve_exact`.

    "discounted"       the expected sum of gamma**t R_t, gamma < 1
    "finite_horizon"   the same up to a horizon, then the terminal values
    "total"            the expected sum of rewards, gamma = 1; with a goal until it is entered
    "average"          the long-run mean reward per step

Read first: model.py, evaluation.py.  Read next: planning/solve.py, planning/undefined.py.
"""

from typing import NamedTuple

import numpy as np

from ..checks import state_set
from ..evaluation import check_terminal_values
from ..model import check_model

CRITERIA = ("discounted", "total", "finite_horizon", "average")


class Question(NamedTuple):
    """The arguments of `solve` and `solve_exact`, as far as both have them."""
    criterion: str
    minimize: bool
    horizon: int | None                      # of "finite_horizon"
    terminal_values: np.ndarray | None       # of "finite_horizon": (S,) as given; None: all zero
    goal: np.ndarray | None                  # of "total": (S,) bool
    miss: float                              # of "total": what a miss is worth; negated to
                                             # minimise, as rewards are


def question(m, *, criterion, horizon, goal, miss, terminal_values, minimize):
    """Check what is asked about m, fill in what is left to its default -> Question.

    ValueError for arguments that cannot be read or do not go together.
    """
    check_model(m)
    minimize = check_minimize(m, minimize)
    criterion = default_criterion(m, horizon, goal) if criterion is None else criterion
    if not isinstance(criterion, str) or criterion not in CRITERIA:
        raise ValueError(f"criterion must be one of {', '.join(CRITERIA)}, is {criterion!r}")
    if criterion == "discounted" and m.gamma == 1:
        raise ValueError('criterion "discounted" needs gamma < 1, gamma is 1; use "total"')
    if criterion == "finite_horizon":
        check_horizon(horizon)
        check_terminal_values(m, terminal_values)
    else:
        _refuse("finite_horizon", criterion, horizon=horizon, terminal_values=terminal_values)
    if criterion != "total":
        _refuse("total", criterion, goal=goal, miss=miss)
    states = None if goal is None and miss is None else _goal(m, goal)
    return Question(criterion, minimize, horizon, terminal_values, states, _miss(miss, minimize))


def check_minimize(m, minimize):
    """None, True or False -> bool; None means what the process says."""
    if minimize is None:
        return m.costs
    if not isinstance(minimize, (bool, np.bool_)):
        raise ValueError(f"minimize must be True, False or None, is {minimize!r}")
    return bool(minimize)


def default_criterion(m, horizon, goal):
    """What is solved where no criterion is asked for.

    A gamma given exactly and below 1 has a float below 1 (given_numbers.py).
    """
    if horizon is not None:
        return "finite_horizon"
    return "total" if goal is not None or m.gamma == 1 else "discounted"


def check_horizon(horizon):
    """ValueError unless it is an integer >= 0."""
    if not is_count(horizon, 0):
        raise ValueError(f"horizon must be an integer >= 0, is {horizon!r}")


def is_count(x, least):
    """True for an integer >= least, which True and False are not."""
    return (isinstance(x, (int, np.integer)) and not isinstance(x, (bool, np.bool_))
            and x >= least)


def _refuse(belongs, criterion, **given):
    """ValueError if one of the arguments is given."""
    for name, value in given.items():
        if value is not None:
            raise ValueError(f'{name} belongs to criterion "{belongs}", not to "{criterion}"')


def _goal(m, goal):
    """States (indices or bool) -> bool (S,), at least one."""
    if goal is None:
        raise ValueError("miss belongs to goal=, which is missing")
    one = isinstance(goal, (int, np.integer)) and not isinstance(goal, bool)
    states = state_set("goal", [goal] if one else goal, m.num_states)
    if not states.any():
        raise ValueError("goal must name a state, is empty")
    return states


def _miss(miss, minimize):
    """What a miss is worth, for rewards negated to minimise.   miss   None, inf or -inf"""
    if miss is None:
        return -np.inf
    if isinstance(miss, (bool, str)) or miss not in (np.inf, -np.inf):
        raise ValueError(f"miss must be inf or -inf, is {miss!r}")
    return -float(miss) if minimize else float(miss)
