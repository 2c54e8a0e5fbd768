"""`solve_exact`: one door to every criterion in fractions.

Read first: the criteria.
"""

from ..model import check_model
from ..planning.solve import check_goal, check_minimize, check_miss
from ..rational import rational
from .average import average
from .discounted import discounted
from .finite_horizon import finite_horizon
from .total import total


def solve_exact(m, *, criterion=None, horizon=None, goal=None, miss=None, terminal_values=None,
                minimize=None):
    """Solve exactly -> ExactSolution. Criteria and arguments as in `solve`.

    Numbers given as Fractions or strings are taken as they are, floats as rational.py says.
    ValueError where `solve` raises one, and if a row of float probabilities is no row of small fractions.

    >>> from mdp import MDP
    >>> s = solve_exact(MDP([[["1/2", "1/2"], [0, 1]], [[0, 1], [0, 1]]], [[1, 0], [2, 2]], "1/3"))
    >>> [str(x) for x in s.v], s.optimal_actions[1]
    (['9/5', '3'], frozenset({0, 1}))
    """
    check_model(m)
    minimize = check_minimize(m, minimize)
    if criterion is None:
        criterion = "finite_horizon" if horizon is not None else "total" if goal is not None or m.gamma == 1 else "discounted"
    if criterion != "total" and (goal is not None or miss is not None):
        raise ValueError(f'goal and miss belong to criterion "total", not to {criterion!r}')
    R = rational(m)
    if criterion == "finite_horizon":
        return finite_horizon(m, R, horizon, terminal_values, minimize)
    if horizon is not None or terminal_values is not None:
        raise ValueError(f'horizon and terminal_values belong to criterion "finite_horizon", not to {criterion!r}')
    if criterion == "discounted":
        if m.gamma == 1:
            raise ValueError('criterion "discounted" needs gamma < 1, gamma is 1; use "total"')
        return discounted(m, R, minimize)
    if criterion == "total":
        states = None if goal is None and miss is None else check_goal(m, goal)
        return total(m, R, states, check_miss(miss, minimize), minimize)
    if criterion == "average":
        return average(m, R, minimize)
    raise ValueError(f"criterion {criterion!r} does not exist; choose one of discounted, finite_horizon, total, average")
