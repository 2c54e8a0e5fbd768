"""mdp solve: the best policy and its value, with bounds, or exactly and with a certificate.

Read first: commands/shared.py, planning/solve.py, exact/solve.py, tables.py.
Read next: commands/verify.py.
"""

import json
import sys
import time
import warnings

import numpy as np

from npixel.runtime import memory
from npixel.runtime.command import add_force, add_json, check_output, print_json
from npixel.runtime.whole_file import write_text

from .. import tables
from ..convergence import ConvergenceWarning
from ..exact import solve_exact
from ..given_numbers import short_gamma
from ..layout import printable
from ..planning import METHODS, solve
from .shared import CERTIFICATE, add_model, inputs, read_model, state, telling

# bytes of each step
STEP = 48                                    # for each state: values, bounds and actions
FRACTION = 350                               # for each state, exactly
PAIR = 8                                     # for each pair, in the certificate


def add_arguments(commands):
    command = commands.add_parser("solve", help="best policy and its value, with bounds",
                                  description="Solve a process.")
    methods = dict.fromkeys(m for methods in METHODS.values() for m in methods)
    add_model(command)
    add = command.add_argument
    add("--criterion", choices=list(METHODS),
        help="default: discounted if gamma < 1, else total; finite_horizon with --horizon")
    add("--horizon", type=int, metavar="T", help="number of steps")
    add("--goal", action="append", metavar="STATE",
        help="rewards count until this state is entered; the best stationary policy that reaches "
             "it (total reward; may be given again)")
    add("--miss", choices=["inf", "-inf"],
        help="what missing the goal is worth: --miss=-inf (default) or inf; minimising inf")
    add("--max-iterations", type=int, metavar="N",
        help="stop after N sweeps; the bounds are valid all the same")
    add("--method", default="auto", metavar="M", help="auto, " + ", ".join(methods))
    add("--tol", type=float,
        help="how far apart the bounds may be: this, times the largest value if that is above one "
             "(default 1e-8)")
    add("--minimize", action="store_true", help="rewards are costs (default for files that say so)")
    add("--exact", action="store_true",
        help="in fractions, with every optimal action; floats are read as the fractions they "
             "stand for")
    add("--certificate", metavar="FILE",
        help="with --exact: write the certificate, for mdp verify")
    add_force(command, "the file of --certificate")
    add_json(command)
    command.set_defaults(call=telling(_solve))


def _solve(arguments):
    _check(arguments)
    m = read_model(arguments)
    if arguments.horizon is not None:
        _require(m, arguments)
    goal = arguments.goal and [state(m, "--goal", name) for name in arguments.goal]
    question = {"criterion": arguments.criterion, "horizon": arguments.horizon, "goal": goal,
                "miss": None if arguments.miss is None else float(arguments.miss),
                "minimize": arguments.minimize or None}           # None: as it says itself
    return (_exactly if arguments.exact else _in_floats)(m, arguments, question)


def _check(arguments):
    """What is wrong with the options is said before anything is read or solved."""
    if arguments.criterion == "finite_horizon" and arguments.horizon is None:
        raise ValueError("--criterion finite_horizon needs --horizon")
    if arguments.certificate is not None and not arguments.exact:
        raise ValueError("--certificate needs --exact")
    if arguments.exact and (arguments.method != "auto" or arguments.max_iterations is not None
                            or arguments.tol is not None):
        raise ValueError("--exact has its own method and no tolerance: "
                         "leave out --method, --max-iterations and --tol")
    asks = f"--criterion {arguments.criterion}" if arguments.criterion else "--goal"
    if arguments.gamma is not None and (arguments.criterion in ("total", "average")
                                        or arguments.criterion is None and arguments.goal):
        raise ValueError(f"{asks} asks for rewards that are not discounted: "
                         f"leave out --gamma {arguments.gamma}")
    if arguments.certificate is not None:
        check_output(arguments.certificate, CERTIFICATE, inputs=inputs(arguments),
                     force=arguments.force)


def _require(m, arguments):
    """ValueError, with both numbers, if values and policies of all steps do not fit in memory."""
    T, S, X = arguments.horizon, m.num_states, m.num_pairs
    each = STEP * S + (FRACTION * S + PAIR * X if arguments.exact else 0)
    memory.require(T * each, f"--horizon {T}: {T} steps of {S} states", "fewer steps take less")


def _in_floats(m, arguments, question):
    began = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # said below, and by the exit status
        s = solve(m, **question, method=arguments.method, max_iterations=arguments.max_iterations,
                  tol=1e-8 if arguments.tol is None else arguments.tol)
    seconds = time.perf_counter() - began
    timed = s.v.ndim == 2                              # a finite horizon: the first step is shown
    first = (lambda x: x[0]) if timed else (lambda x: x)
    if arguments.json:
        names = [str(name) for name in m.state_names]
        tables_of = {name: dict(zip(names, first(getattr(s, name)).tolist()))
                     for name in ("v", "lower", "upper")}
        if s.bias is not None:
            tables_of["bias"] = dict(zip(names, s.bias.tolist()))
        print_json({"criterion": s.criterion, "method": s.method, "gamma": _discount(m, s),
                    "minimize": arguments.minimize or m.costs, "converged": s.converged,
                    "iterations": s.iterations, "tol": s.tol,
                    "width": s.width, "seconds": seconds, **tables_of, "policy": _policy(m, s)})
    else:
        steps = f", {arguments.horizon} steps" if timed else ""
        print(f"{m!r}: {s.criterion}{steps}{_unused(m, s)}{_side(m, arguments)} by {s.method}, "
              f"{s.iterations} iterations, {seconds:.3f} s")
        print(f"bounds {s.width:.2g} apart, rounding included"
              + ("" if s.converged else f": not converged, tol is {s.tol:g}"))
        columns = [("v", first(s.v))]
        if s.bias is not None:
            columns = [("gain", s.gain), ("bias", s.bias)]
        policy = first(s.policy) if len(s.policy) else np.full(m.num_states, -1)
        print(tables.table(m, columns, policy, None if timed or s.bias is not None else s))
        _hint(s, arguments)
    if not s.converged:
        print(f"mdp: not converged: the bounds are {s.width:.3g} apart, --tol is {s.tol:g}; "
              "they are valid", file=sys.stderr)
        return 1


def _exactly(m, arguments, question):
    began = time.perf_counter()
    s = solve_exact(m, **question)
    seconds = time.perf_counter() - began
    if arguments.certificate is not None:
        write_text(arguments.certificate, json.dumps(s.certificate) + "\n")
    v, ties = s.v, s.optimal_actions
    if v.ndim == 2:                                    # a finite horizon: the first step is shown
        v, ties = v[0], ties[0] if ties else [frozenset()] * m.num_states
    actions = [[str(m.action_names[a]) for a in sorted(best)] for best in ties]
    columns = {"v": v} if s.bias is None else {"gain": s.gain, "bias": s.bias}
    if arguments.json:
        names = [str(name) for name in m.state_names]
        tables_of = {name: dict(zip(names, map(tables.fraction, x))) for name, x in columns.items()}
        print_json({"criterion": s.criterion, "exact": True,
                    "minimize": arguments.minimize or m.costs, "iterations": s.iterations,
                    "seconds": seconds, "model": s.certificate["model"], **tables_of,
                    "optimal_actions": dict(zip(names, actions)), "policy": _policy(m, s)})
        return
    print(f"{m!r}: {s.criterion}{_unused(m, s)}{_side(m, arguments)} exactly, "
          f"{s.iterations} policies evaluated, {seconds:.3f} s")
    stop = "(goal)" if arguments.goal else ""          # --horizon 0: there is no step
    ends = ["(terminal)" if terminal else stop for terminal in m.terminal]
    print(tables.exact_rows(m, columns, [[printable(a) for a in best] for best in actions], ends))
    _hint(s, arguments)


def _policy(m, s):
    """A policy as evaluate --policy reads it; a list of them for a finite horizon."""
    def of_step(row):
        return {str(name): None if a < 0 else str(m.action_names[a])
                for name, a in zip(m.state_names, row.tolist())}
    return [of_step(row) for row in s.policy] if s.v.ndim == 2 else of_step(s.policy)


def _discount(m, s):
    """The discount that a solution uses; None for the average, which has none."""
    return {"total": 1.0, "average": None}.get(s.criterion, m.gamma)


def _unused(m, s):
    ignored = s.criterion in ("total", "average") and m.gamma < 1
    return f" (its gamma {short_gamma(m.gamma)} is not used)" if ignored else ""


def _side(m, arguments):
    """What is said of the answer where the smallest is the best."""
    if m.costs:
        return ", costs minimised"
    return ", minimised" if arguments.minimize else ""


def _hint(s, arguments):
    """Where rewards for ever add up to infinity, another question may be meant."""
    infinite = s.criterion == "total" and any(abs(x) == float("inf") for x in s.v)
    if infinite and not arguments.goal:
        print("inf: rewards without end. Their mean per step: --criterion average; "
              "discounted: --gamma G")
