"""`solve_exact`: one door to every criterion in fractions, and no answer leaves it unchecked.

Read first: the criteria.
"""

from ..model import check_model
from ..planning.solve import (check_discounted, check_goal, check_minimize, check_miss,
                              default_criterion)
from ..rational import rational
from ..verify import verify
from .average import average
from .discounted import discounted
from .finite_horizon import finite_horizon
from .total import total


class CertificateError(AssertionError):
    """An answer of solve_exact that its own certificate does not prove: a fault of the program."""


def solve_exact(m, *, criterion=None, horizon=None, goal=None, miss=None, terminal_values=None,
                minimize=None):
    """Solve exactly -> ExactSolution. Criteria and arguments as in `solve`.

    With `goal` the supremum is over stationary policies.
    Numbers given as Fractions or strings are taken as they are, floats as rational.py says:
    rewards as the decimals that were typed.
    The certificate is checked by verify.py before the answer is returned. CertificateError if it
    does not hold, which asks for a report.
    ValueError where `solve` raises one, unless floats alone were the reason, and if a row of float
    probabilities is no row of small fractions.

    >>> from mdp import MDP
    >>> s = solve_exact(MDP([[["1/2", "1/2"], [0, 1]], [[0, 1], [0, 1]]], [[1, 0], [2, 2]], "1/3"))
    >>> [str(x) for x in s.v], s.optimal_actions[1]
    (['9/5', '3'], frozenset({0, 1}))
    """
    check_model(m)
    minimize = check_minimize(m, minimize)
    s = _solve(m, criterion, horizon, goal, miss, terminal_values, minimize)
    if not verify(m, s.certificate):
        raise CertificateError(
            f"solve_exact found an answer to {m!r}, criterion {s.criterion!r}, whose certificate "
            "does not hold. It may be wrong, and is not returned. This is a fault of the program, "
            "not of the process: please report it, together with the process (mdp.save)")
    return s


def _solve(m, criterion, horizon, goal, miss, terminal_values, minimize):
    criterion = default_criterion(m, horizon, goal) if criterion is None else criterion
    if criterion != "total" and (goal is not None or miss is not None):
        raise ValueError(f'goal and miss belong to criterion "total", not to {criterion!r}')
    R = rational(m)
    if criterion == "finite_horizon":
        return finite_horizon(m, R, horizon, terminal_values, minimize)
    if horizon is not None or terminal_values is not None:
        raise ValueError(f'horizon and terminal_values belong to criterion "finite_horizon", not to {criterion!r}')
    if criterion == "discounted":
        check_discounted(m)
        return discounted(m, R, minimize)
    if criterion == "total":
        states = None if goal is None and miss is None else check_goal(m, goal)
        return total(m, R, states, check_miss(miss, minimize), minimize)
    if criterion == "average":
        return average(m, R, minimize)
    raise ValueError(f"criterion {criterion!r} does not exist; choose one of discounted, finite_horizon, total, average")
