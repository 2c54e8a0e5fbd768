"""mdp evaluate: value, variance and visits of one policy, or its value in fractions.

Read first: commands/shared.py, evaluation.py, exact/solve.py, transforms.py, tables.py.
Read next: commands/simulate.py.
"""

import warnings

import numpy as np

from npixel.runtime.command import add_json, print_json

from .. import tables
from ..convergence import ConvergenceWarning
from ..evaluation import evaluate
from ..exact import solve_exact
from ..layout import printable
from ..rational import MOST, read_row
from ..transforms import follow
from .shared import add_model, add_policy, doubts, policy_of, read_model, say, telling


def add_arguments(commands):
    command = commands.add_parser("evaluate", help="value, variance and visits of one policy",
                                  description="Evaluate a policy exactly.")
    add_model(command)
    add_policy(command)
    command.add_argument("--exact", action="store_true",
                         help="its value in fractions, nothing else; probabilities are read as the "
                              "fractions they stand for")
    add_json(command)
    command.set_defaults(call=telling(_evaluate))


def _evaluate(arguments):
    m = read_model(arguments)
    return (_exactly if arguments.exact else _in_floats)(m, arguments)


def _in_floats(m, arguments):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        found = evaluate(m, policy_of(m, arguments.policy))
    unsure = doubts(caught)
    worst = float(np.max(found.error, initial=0.0))
    if not np.isfinite(worst) and not unsure:          # nan is no bound either
        unsure = ["no bound of the error could be proved"]
    timed = found.v.ndim == 2                # one policy for each step: the first is shown
    v, error = (found.v[0], found.error[0]) if timed else (found.v, found.error)
    visits = None
    if m.initial is not None:
        visits = found.occupancy.sum(axis=0) if timed else found.occupancy           # (S, A)
    if arguments.json:
        print_json({"gamma": m.gamma, "policy": arguments.policy,
                    **_named(m, v=v, error=error, return_variance=found.return_variance),
                    **({} if visits is None else _from_the_start(m, found, visits))})
        return say(unsure)
    steps = f", {len(found.v) - 1} steps" if timed else ""
    proved = f"proved to {worst:.2g}" if np.isfinite(worst) else "not proved"
    print(f"{m!r}: policy {printable(arguments.policy)}{steps}, {proved}")
    columns = [("v", v), ("deviation", np.sqrt(np.maximum(found.return_variance, 0)))]
    if visits is not None:
        columns.append(("visits", visits.sum(axis=1)))
    print(tables.rows(m, columns))
    if visits is not None:
        deviation = np.sqrt(max(found.initial_variance, 0))
        print(f"from the initial distribution: mean {found.initial_mean:.6g}, "
              f"standard deviation {deviation:.6g}")
    return say(unsure)


def _named(m, **numbers):
    names = [str(name) for name in m.state_names]
    return {name: dict(zip(names, x.tolist())) for name, x in numbers.items()}


def _from_the_start(m, found, visits):
    occupancy = {str(name): {str(m.action_names[a]): visits[s, a]
                             for a in np.flatnonzero(m.available[s])}
                 for s, name in enumerate(m.state_names)}
    return {"initial_mean": found.initial_mean, "initial_variance": found.initial_variance,
            "occupancy": occupancy}


def _exactly(m, arguments):
    policy = policy_of(m, arguments.policy)
    timed = policy.ndim == 3
    if timed:                                          # one step before the other
        v = [0] * m.num_states
        for pi in policy[::-1]:
            step = solve_exact(follow(m, _fractions(m, pi)), horizon=1, terminal_values=v)
            v = step.v[0].tolist()
    else:
        v = solve_exact(follow(m, _fractions(m, policy))).v
    if arguments.json:
        print_json({"gamma": m.gamma, "policy": arguments.policy, "exact": True,
                    "v": {str(name): tables.fraction(x) for name, x in zip(m.state_names, v)}})
        return
    steps = f", {len(policy)} steps" if timed else ""
    print(f"{m!r}: policy {printable(arguments.policy)}{steps}, exactly")
    print(tables.exact_rows(m, {"v": v}))


def _fractions(m, policy):
    """(S, A) floats -> rows of Fractions.   ValueError where one stands for no small fractions"""
    rows = []
    for s, row in enumerate(policy):
        rows.append([0] * m.num_actions if m.terminal[s] else read_row(row))
        if rows[-1] is None:
            raise ValueError(f"--policy: the probabilities in {m.state_label(s)} have no common "
                             f"denominator up to {MOST}")
    return rows
