"""The command line: mdp solve | verify | convert | evaluate | simulate | problems | demo.

Exit status: 0; 1 if a solution did not reach its tolerance (its bounds are valid all the same) or a certificate is rejected; 2 for bad input, in one line.
"""

import json
import sys
import time
import warnings
from pathlib import Path

import numpy as np

from npixel.command import Parser, add_json, print_json, start
from npixel.whole_file import write_text

from . import tables
from .certificate import FORMAT, VERSION
from .evaluation import ConvergenceWarning, evaluate
from .exact import solve_exact
from .formats import files
from .formats.json_file import save
from .planning import METHODS, solve
from .problems import PROBLEMS
from .rational import MOST, rational, read_row
from .simulation import returns, simulate
from .transforms import follow
from .verify import verify


def main(argv=None):
    """The command `mdp`; returns the exit status."""
    return start("mdp", parser, argv)


def parser():
    parser = Parser(prog="mdp", description="Markov decision processes, solved exactly: values with bounds that hold.")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    command = commands.add_parser("solve", help="best policy and its value, with bounds", description="Solve a process.")
    _add_model(command)
    command.add_argument("--criterion", choices=list(METHODS), help="default: discounted if gamma < 1, else total; finite_horizon with --horizon")
    command.add_argument("--horizon", type=int, metavar="T", help="number of steps")
    command.add_argument("--goal", action="append", metavar="STATE",
                         help="rewards count until this state is entered; the best stationary "
                              "policy that reaches it (total reward; may be given again)")
    command.add_argument("--miss", choices=["inf", "-inf"], help="what missing the goal is worth: --miss=-inf (default) or inf; minimising inf")
    command.add_argument("--max-iterations", type=int, metavar="N", help="stop after N sweeps; the bounds are valid all the same")
    command.add_argument("--method", default="auto", metavar="M", help="auto, " + ", ".join(dict.fromkeys(m for methods in METHODS.values() for m in methods)))
    command.add_argument("--tol", type=float, help="how far apart the bounds may be: this, times the largest value if "
                         "that is above one (default 1e-8)")
    command.add_argument("--minimize", action="store_true",
                         help="rewards are costs (default for files that say so)")
    command.add_argument("--exact", action="store_true", help="in fractions, with every optimal action; floats are read as the fractions they stand for")
    command.add_argument("--certificate", metavar="FILE", help="with --exact: write the certificate, for mdp verify")
    add_json(command)
    command.set_defaults(call=_solve)

    command = commands.add_parser("verify", help="check a certificate, in integers", description="Check a certificate of mdp solve --exact against a process, "
                                  "with nothing but integers. Exit status 0 if every statement holds, 1 if not.")
    _add_model(command)
    command.add_argument("certificate", metavar="CERTIFICATE", help="a file written by mdp solve --exact --certificate")
    add_json(command)
    command.set_defaults(call=_verify)

    command = commands.add_parser("convert", help="from one file format to another", description="Read a process and write it in the format of the ending of OUT: "
                                  + " ".join(files.ENDINGS) + ". PRISM and DRN files have no discount.")
    _add_model(command)
    command.add_argument("out", metavar="OUT")
    command.add_argument("--choices", action="store_true", help="write an .npz of choice arrays instead of our own")
    command.set_defaults(call=_convert)

    command = commands.add_parser("evaluate", help="value, variance and visits of one policy", description="Evaluate a policy exactly.")
    _add_model(command)
    _add_policy(command)
    command.add_argument("--exact", action="store_true", help="its value in fractions, nothing else; probabilities are read as the fractions they stand for")
    add_json(command)
    command.set_defaults(call=_evaluate)

    command = commands.add_parser("simulate", help="episodes, and their mean return beside the exact one", description="Simulate a policy.")
    _add_model(command)
    _add_policy(command)
    command.add_argument("--episodes", type=int, default=1000, metavar="N", help="default 1000")
    command.add_argument("--horizon", type=int, metavar="T", help="stop after T steps (default: in a terminal state)")
    command.add_argument("--start", metavar="STATE", help="first state (default: the initial distribution of the process)")
    command.add_argument("--seed", type=int, default=0, help="of the random numbers (default 0)")
    command.add_argument("--show", type=int, default=3, metavar="N", help="print the first N episodes (default 3)")
    add_json(command)
    command.set_defaults(call=_simulate)

    command = commands.add_parser("problems", help="the textbook examples", description="List the examples, or show one with its published answers.")
    command.add_argument("name", nargs="?", metavar="NAME")
    command.add_argument("--write", metavar="FILE", help="write the process as a JSON file, a start for one's own")
    add_json(command)
    command.set_defaults(call=_problems)

    command = commands.add_parser("demo", help="solve the examples, compare with the published answers, draw them",
                                  description="Solve the examples with every method that can, beside the published answers, and draw them.")
    command.add_argument("--out", type=Path, default=Path("mdp-demo"), metavar="DIR", help="folder for the pictures (default mdp-demo)")
    command.add_argument("--no-pictures", action="store_true", help="only the text")
    add_json(command)
    command.set_defaults(call=_demo)
    return parser


def _add_model(command):
    command.add_argument("model", metavar="FILE|NAME", help="a file (" + " ".join(files.ENDINGS) + "; see mdp problems NAME --write), or an example: " + ", ".join(PROBLEMS))
    command.add_argument("--gamma", metavar="G", help="another discount, for example 0.9 or 9/10; files without one have 1")
    command.add_argument("--reward", metavar="R",
                         help="which rewards: a reward model of a .drn file, a name of choice "
                         "arrays, the number or name of reward files beside a .tra file")
    command.add_argument("--normalise", action="store_true",
                         help="divide rows that are off by less than 1e-5 by their sum")


def _add_policy(command):
    command.add_argument("--policy", default="uniform", metavar="P",
                         help='uniform (default), optimal, or a JSON file {"state": "action"} or {"state": {"action": probability}}')


def _model(arguments):
    name = arguments.model
    if name in PROBLEMS:
        return PROBLEMS[name].make() if arguments.gamma is None else PROBLEMS[name].make(arguments.gamma)
    path = Path(name)
    if not path.exists():
        raise ValueError(f"{name!r} is neither a file nor an example; the examples are {', '.join(PROBLEMS)}")
    m, notes = files.read_and_say(path, gamma=arguments.gamma, reward=arguments.reward,
                                  normalise=arguments.normalise)
    for note in notes:
        print(f"mdp: {note}", file=sys.stderr)
    return m


def _states(m, given):
    """Names of states, or None -> their numbers, or None."""
    if given is None:
        return None
    names = [str(name) for name in m.state_names]
    for name in given:
        if name not in names:
            raise ValueError(f"--goal {name!r} is not a state; the states are {', '.join(names[:12])}{', ...' if len(names) > 12 else ''}")
    return [names.index(name) for name in given]


def _policy(m, text):
    """uniform, optimal or a file -> (S, A) probabilities."""
    if text == "uniform":
        return m.available / np.maximum(m.available.sum(axis=1, keepdims=True), 1)
    if text == "optimal":
        policy = solve(m).policy
        return np.eye(m.num_actions)[np.maximum(policy, 0)] * m.available
    path = Path(text)
    if not path.exists():
        raise ValueError(f"--policy {text!r} is neither uniform, nor optimal, nor a file")
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: not JSON: {error}") from None
    if not isinstance(table, dict):
        raise ValueError(f"{path}: expects an object state -> action")
    states, actions = {str(s): i for i, s in enumerate(m.state_names)}, {str(a): i for i, a in enumerate(m.action_names)}
    pi = np.zeros((m.num_states, m.num_actions))
    for name, choice in table.items():
        if name not in states:
            raise ValueError(f"{path}: {name!r} is not a state")
        for action, p in (choice if isinstance(choice, dict) else {choice: 1}).items():
            if str(action) not in actions:
                raise ValueError(f"{path}: {action!r} (state {name!r}) is not an action")
            if isinstance(p, bool) or not isinstance(p, (int, float)):
                raise ValueError(f"{path}: the probability of {action!r} in {name!r} is {p!r}, not a number")
            pi[states[name], actions[str(action)]] = p
    try:
        m.pair_weights(pi)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return pi


# the commands

def _solve(arguments):
    m = _model(arguments)
    if arguments.criterion == "finite_horizon" and arguments.horizon is None:
        raise ValueError("--criterion finite_horizon needs --horizon")
    if arguments.certificate is not None and not arguments.exact:
        raise ValueError("--certificate needs --exact")
    if arguments.exact:
        return _solve_exactly(m, arguments)
    began = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)             # said below, and by the exit status
        s = solve(m, criterion=arguments.criterion, horizon=arguments.horizon,
                  goal=_states(m, arguments.goal), minimize=arguments.minimize or None,
                  miss=None if arguments.miss is None else float(arguments.miss), method=arguments.method, tol=1e-8 if arguments.tol is None else arguments.tol,
                  max_iterations=arguments.max_iterations)
    seconds = time.perf_counter() - began
    width = s.width
    first = (lambda x: x[0]) if s.v.ndim == 2 else (lambda x: x)
    policy = first(s.policy) if len(s.policy) else np.full(m.num_states, -1)
    if arguments.json:
        names = [str(name) for name in m.state_names]
        actions = lambda row: {name: None if a < 0 else str(m.action_names[a]) for name, a in zip(names, row)}             # noqa: E731
        bias = {} if s.bias is None else {"bias": dict(zip(names, s.bias.tolist()))}
        print_json({"criterion": s.criterion, "method": s.method, "gamma": m.gamma,
                    "minimize": arguments.minimize or m.costs, "converged": s.converged,
                    "iterations": s.iterations, "tol": s.tol,
                    "width": width, "seconds": seconds, "v": dict(zip(names, first(s.v).tolist())), "lower": dict(zip(names, first(s.lower).tolist())),
                    "upper": dict(zip(names, first(s.upper).tolist())), **bias,
                    "policy": [actions(row) for row in s.policy] if s.v.ndim == 2 else actions(s.policy)})
    else:
        steps = f", {arguments.horizon} steps" if s.v.ndim == 2 else ""
        print(f"{m!r}: {s.criterion}{steps}{_side(m, arguments)} by {s.method}, "
              f"{s.iterations} iterations, {seconds:.3f} s")
        print(f"bounds {width:.2g} apart, rounding included" + ("" if s.converged else f": not converged, tol is {s.tol:g}"))
        columns = [("v", first(s.v))] if s.bias is None else [("gain", s.gain), ("bias", s.bias)]
        print(tables.table(m, columns, policy, s if s.v.ndim == 1 and s.bias is None else None))
        _say_infinite(s, arguments)
    if not s.converged:
        print(f"mdp: not converged: the bounds are {width:.3g} apart, --tol is {s.tol:g}; they are valid", file=sys.stderr)
        return 1


def _solve_exactly(m, arguments):
    if arguments.method != "auto" or arguments.max_iterations is not None or arguments.tol is not None:
        raise ValueError("--exact has its own method and no tolerance: leave out --method, --max-iterations and --tol")
    began = time.perf_counter()
    s = solve_exact(m, criterion=arguments.criterion, horizon=arguments.horizon,
                    goal=_states(m, arguments.goal), minimize=arguments.minimize or None,
                    miss=None if arguments.miss is None else float(arguments.miss))
    seconds = time.perf_counter() - began
    if arguments.certificate is not None:
        write_text(arguments.certificate, json.dumps(s.certificate) + "\n")
    first = s.v.ndim == 2
    v, ties = (s.v[0], s.optimal_actions[0] if len(s.optimal_actions) else [frozenset()] * m.num_states) if first else (s.v, s.optimal_actions)
    names = [str(name) for name in m.state_names]
    actions = [[str(m.action_names[a]) for a in sorted(best)] for best in ties]
    columns = {"v": v} if s.bias is None else {"gain": s.gain, "bias": s.bias}
    if arguments.json:
        print_json({"criterion": s.criterion, "exact": True,
                    "minimize": arguments.minimize or m.costs, "iterations": s.iterations,
                    "seconds": seconds, "model": s.certificate["model"],
                    **{name: dict(zip(names, map(tables.fraction, x))) for name, x in columns.items()}, "optimal_actions": dict(zip(names, actions))})
        return
    print(f"{m!r}: {s.criterion}{_side(m, arguments)} exactly, {s.iterations} policies evaluated, "
          f"{seconds:.3f} s")
    ends = ["(terminal)" if m.terminal[i] else "(goal)" for i in range(m.num_states)]
    print(tables.exact_rows(m, columns, actions, ends))
    _say_infinite(s, arguments)


def _say_infinite(s, arguments):
    """What to ask instead where sums have no bound; with a goal -inf may mean that it is missed."""
    infinite = s.criterion == "total" and any(abs(v) == float("inf") for v in s.v)
    if infinite and not arguments.goal:
        print("inf or -inf: rewards add up without bound at gamma = 1; "
              "--criterion average gives the mean reward per step")


def _side(m, arguments):
    """What is said of the answer where the smallest is the best."""
    if m.costs:
        return ", costs minimised"
    return ", minimised" if arguments.minimize else ""


def _verify(arguments):
    m = _model(arguments)
    try:
        certificate = json.loads(Path(arguments.certificate).read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{arguments.certificate}: not JSON: {error}") from None
    if not isinstance(certificate, dict) or certificate.get("format") != FORMAT:
        raise ValueError(f'{arguments.certificate}: not a certificate: expected an object with "format": "{FORMAT}"')
    began = time.perf_counter()
    good = verify(m, certificate)
    seconds = time.perf_counter() - began
    same, version = certificate.get("model") == rational(m).hash, certificate.get("version")
    reason = f": it is of version {version!r}, this program checks {VERSION}" if version != VERSION else "" if same else ": it is about another process"
    if arguments.json:
        print_json({"verified": good, "same_model": same, "criterion": certificate.get("criterion"), "seconds": seconds})
    else:
        print(f"{'verified' if good else 'REJECTED' + reason}: {certificate.get('criterion')}, {m.num_states} states, {m.num_pairs} pairs, {seconds:.3f} s")
    return 0 if good else 1


def _convert(arguments):
    m = _model(arguments)
    files.write(m, arguments.out, choices=arguments.choices)
    lost = Path(arguments.out).suffix.lower() in (".tra", ".drn") or arguments.choices
    told = f", without its discount {m.gamma:g}: give --gamma again" if lost and m.gamma < 1 else ""
    print(f"{m!r} -> {arguments.out}{told}")


def _evaluate(arguments):
    m = _model(arguments)
    if arguments.exact:
        return _evaluate_exactly(m, arguments)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        evaluation = evaluate(m, _policy(m, arguments.policy))
    doubts = [w for w in caught if issubclass(w.category, ConvergenceWarning)]
    if arguments.json:
        names = [str(name) for name in m.state_names]
        result = {name: dict(zip(names, getattr(evaluation, name).tolist())) for name in ("v", "error", "return_variance")}
        if m.initial is not None:
            result |= {"initial_mean": evaluation.initial_mean, "initial_variance": evaluation.initial_variance,
                       "occupancy": {names[s]: {str(m.action_names[a]): evaluation.occupancy[s, a] for a in np.flatnonzero(m.available[s])} for s in range(m.num_states)}}
        print_json({"gamma": m.gamma, "policy": arguments.policy, **result})
    else:
        print(f"{m!r}: policy {arguments.policy}, proved to {float(np.max(evaluation.error)):.2g}")
        columns = [("v", evaluation.v), ("deviation", np.sqrt(np.maximum(evaluation.return_variance, 0)))]
        if m.initial is not None:
            columns.append(("visits", evaluation.occupancy.sum(axis=1)))
        print(tables.rows(m, columns))
        if m.initial is not None:
            print(f"from the initial distribution: mean {evaluation.initial_mean:.6g}, standard deviation {np.sqrt(max(evaluation.initial_variance, 0)):.6g}")
    for doubt in doubts:
        print(f"mdp: {doubt.message}", file=sys.stderr)
    return 1 if doubts else 0


def _evaluate_exactly(m, arguments):
    rows = [read_row(row) if m.available[x].any() else [0] * m.num_actions for x, row in enumerate(_policy(m, arguments.policy))]
    for x in [x for x, row in enumerate(rows) if row is None][:1]:
        raise ValueError(f"--policy: the probabilities in {m.state_label(x)} have no common denominator up to {MOST}")
    s = solve_exact(follow(m, rows))
    if arguments.json:
        print_json({"gamma": m.gamma, "policy": arguments.policy, "exact": True, "v": {str(name): tables.fraction(x) for name, x in zip(m.state_names, s.v)}})
    else:
        print(f"{m!r}: policy {arguments.policy}, exactly")
        print(tables.exact_rows(m, {"v": s.v}))


def _simulate(arguments):
    m = _model(arguments)
    policy = _policy(m, arguments.policy)
    if arguments.seed < 0:
        raise ValueError(f"--seed expects an integer >= 0, got {arguments.seed}")
    if arguments.show < 0:
        raise ValueError(f"--show expects an integer >= 0, got {arguments.show}")
    if arguments.episodes < 1:
        raise ValueError(f"--episodes expects an integer >= 1, got {arguments.episodes}")
    start = None
    if arguments.start is not None:
        names = [str(name) for name in m.state_names]
        if arguments.start not in names:
            raise ValueError(f"--start {arguments.start!r} is not a state; the states are {', '.join(names[:12])}{', ...' if len(names) > 12 else ''}")
        start = names.index(arguments.start)
    episodes = simulate(m, policy, np.random.default_rng(arguments.seed), episodes=arguments.episodes, horizon=arguments.horizon, start=start)
    G = np.array([returns(t, m.gamma)[0] for t in episodes])
    error = float(G.std(ddof=1) / np.sqrt(len(G))) if len(G) > 1 else float("nan")
    exact = None
    if arguments.horizon is None:
        mu = m.initial if start is None else np.eye(m.num_states)[start]
        exact = float(mu @ evaluate(m, policy).v)
    elif arguments.horizon * m.num_pairs <= 10**7:
        mu = m.initial if start is None else np.eye(m.num_states)[start]
        exact = float(mu @ evaluate(m, np.broadcast_to(policy, (arguments.horizon, *policy.shape))).v[0])
    if arguments.json:
        shown = [{"states": [str(m.state_names[s]) for s in t.states], "actions": [str(m.action_names[a]) for a in t.actions], "rewards": t.rewards,
                  "terminated": t.terminated, "return": returns(t, m.gamma)[0]} for t in episodes[:arguments.show]]
        print_json({"gamma": m.gamma, "episodes": len(G), "mean_return": G.mean(), "standard_error": error, "exact_mean_return": exact,
                    "mean_steps": np.mean([len(t.actions) for t in episodes]), "terminated": sum(t.terminated for t in episodes), "trajectories": shown})
        return
    for t in episodes[:arguments.show]:
        path = "".join(f"{m.state_names[s]} -{m.action_names[a]}({r:g})-> " for s, a, r in list(zip(t.states, t.actions, t.rewards))[:12])
        print(path + ("..." if len(t.actions) > 12 else f"{m.state_names[t.states[-1]]}") + f"   return {returns(t, m.gamma)[0]:.6g}")
    print(f"{len(G)} episodes: mean return {G.mean():.6g} +- {error:.2g} (one standard error)" + ("" if exact is None else f", exact {exact:.6g}"))


def _problems(arguments):
    if arguments.name is None:
        if arguments.write:
            raise ValueError("--write needs the NAME of an example")
        if arguments.json:
            print_json({name: {"about": p.about, "states": m.num_states, "gamma": m.gamma} for name, p in PROBLEMS.items() for m in [p.make()]})
        else:
            for name, problem in PROBLEMS.items():
                print(f"{name:16} {problem.about}; {problem.make().num_states} states")
        return
    if arguments.name not in PROBLEMS:
        raise ValueError(f"{arguments.name!r} is not an example; the examples are {', '.join(PROBLEMS)}")
    problem = PROBLEMS[arguments.name]
    if arguments.write:
        save(problem.make(), arguments.write)
    if arguments.json:
        print_json({"name": arguments.name, "about": problem.about, "published": [
            {"quantity": p.quantity, "gamma": p.gamma, "policy": p.policy, "source": p.source, "note": p.note,
             "values": {_key(k): v for k, v in p.values.items()}, "wrong": {_key(k): v for k, v in (p.wrong or {}).items()}} for p in problem.published]})
        return
    print(f"{problem.make()!r}: {problem.about}")
    for p in problem.published:
        print(f"\n{p.quantity}{' of the ' + p.policy + ' policy' if p.policy else ''}, gamma = {p.gamma}: {p.source}" + (f"\n({p.note})" if p.note else ""))
        print("  " + "  ".join(f"{_key(k)} {v}" for k, v in p.values.items()))


def _key(key):
    return f"{key[0]}/{key[1]}" if isinstance(key, tuple) and isinstance(key[1], str) else str(key)


def _demo(arguments):
    from . import demo
    return demo.run(arguments.out, pictures=not arguments.no_pictures, as_json=arguments.json)
