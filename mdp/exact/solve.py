"""`solve_exact`: one door to every criterion in fractions, and no answer leaves it unchecked.

Read first: planning/question.py, verify.py, exact/discounted.py, exact/finite_horizon.py,
exact/average.py, exact/total.py.
Read next: statement.py, tables.py.
"""

from ..planning.question import question
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

    Integers, Fractions, Decimals and text such as "1/3" are taken as they are. Float rewards, gamma
    and terminal values are the decimals that were typed. A row of float probabilities is taken only
    if it stands for small fractions (rational.py).

    The certificate is checked by verify.py before the answer is returned. CertificateError if it
    does not hold, which asks for a report.
    ValueError where `solve` raises one, unless floats alone were the reason. ValueError as well if
    a row of float probabilities does not stand for small fractions.

    >>> from mdp import MDP
    >>> s = solve_exact(MDP([[["1/2", "1/2"], [0, 1]], [[0, 1], [0, 1]]], [[1, 0], [2, 2]], "1/3"))
    >>> [str(x) for x in s.v], s.optimal_actions[1]
    (['9/5', '3'], frozenset({0, 1}))
    """
    asked = question(m, criterion=criterion, horizon=horizon, goal=goal, miss=miss,
                     terminal_values=terminal_values, minimize=minimize)
    s = _solve(m, rational(m), asked)
    if not verify(m, s.certificate):
        raise CertificateError(
            f"solve_exact found an answer to {m!r}, criterion {s.criterion!r}, whose certificate "
            "does not hold. It may be wrong, and is not returned. This is a fault of the program, "
            "not of the process: please report it, together with the process (mdp.save)")
    return s


def _solve(m, R, asked):
    """The ExactSolution of what is asked, not yet checked."""
    if asked.criterion == "finite_horizon":
        return finite_horizon(R, asked.horizon, asked.terminal_values, asked.minimize)
    if asked.criterion == "discounted":
        return discounted(m, R, asked.minimize)
    if asked.criterion == "average":
        return average(m, R, asked.minimize)
    return total(m, R, asked.goal, asked.miss, asked.minimize)
