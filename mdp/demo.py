"""mdp demo: the textbook examples, solved by every method that can, beside what was published.

Each example is solved, evaluated and simulated, held against the printed numbers, and drawn.

Read first: planning/solve.py, simulation.py, problems/student.py, problems/tiger.py, tables.py,
plots.py.
Read next: commands/demo.py, given_numbers.py.
"""

import time
import warnings

import numpy as np

from npixel.runtime.command import PICTURE, check_output, print_json

from . import plots, tables
from .bellman import T
from .convergence import ConvergenceWarning
from .evaluation import evaluate
from .planning import METHODS, solve
from .problems import PROBLEMS, tiger
from .problems.student import POSITIONS
from .simulation import returns, simulate

# solved by every method and drawn; mdp problems lists all
SHOWN = ("student", "gridworld", "gridworld_4x4", "russell_norvig")
PICTURES = tuple(f"{name}.png" for name in (*SHOWN, "bounds", "gains", "tiger"))
EPISODES = 5000
TITLES = {"student": "Student MDP, γ = 1: v* in the circles, best actions bold",
          "gridworld": "Sutton & Barto, figures 3.2 and 3.5, γ = 0.9",
          "gridworld_4x4": "Sutton & Barto, example 4.1, γ = 1",
          "russell_norvig": "Russell & Norvig's 4×3 world, γ = 1"}


def run(out, *, pictures=True, as_json=False, force=False):
    """Print the comparison, write PNGs into the folder `out`; returns the exit status.

    That is 1 if anything disagrees or did not converge.

    force   pictures of an earlier demo in that folder are replaced; else they are refused
    """
    if pictures:
        plots.figure(1, 1)                       # a missing matplotlib is said at once
        out.mkdir(parents=True, exist_ok=True)
        for name in PICTURES:
            check_output(out / name, PICTURE, force=force)
    say = (lambda *text: None) if as_json else print
    folder = out if pictures else None
    report, good = {}, True
    for name in SHOWN:
        fine, report[name] = _example(name, say, folder)
        good &= fine
    for section in (_averages, _tiger):
        fine, report_of = section(say, folder)
        good &= fine
        report |= report_of
    say("\n" + ("every number agrees" if good else "SOMETHING DISAGREES: see above"))
    if as_json:
        print_json({"good": bool(good), "problems": report})
    return 0 if good else 1


def _example(name, say, out):
    """One example, from solving to drawing -> (whether all agrees, its part of the report)."""
    problem = PROBLEMS[name]
    m = problem.make()
    say(f"\n== {name}: {problem.about}")
    say(f"   {m!r}")
    solutions, methods = _by_every_method(m, say)
    good = all(s.converged for s in solutions.values())
    best = solutions["policy_iteration"]
    agree = all((a.lower <= b.upper).all() for a in solutions.values() for b in solutions.values())
    say("   all bounds overlap: the methods agree" if agree else "   THE METHODS DISAGREE")
    say(tables.table(m, [("v*", best.v)], best.policy, best))

    uniform = m.available / np.maximum(m.available.sum(axis=1, keepdims=True), 1)
    random_policy = evaluate(m, uniform)
    published = [_published(p, m, best, random_policy, say) for p in problem.published]
    start = 1 if name == "student" else int(np.argmax(~m.terminal))
    inside, simulated = _simulated(m, uniform, random_policy, start, say)

    policy = {str(s): None if a < 0 else str(m.action_names[a])
              for s, a in zip(m.state_names, best.policy)}
    report = {"methods": methods, "published": published, "agree": bool(agree), **simulated,
              "v": {str(s): v for s, v in zip(m.state_names, best.v)}, "policy": policy}
    if out is not None:
        for file in _draw(name, m, best, random_policy, solutions, out):
            say(f"   drawn: {file}")
            report.setdefault("pictures", []).append(str(file))
    known = not any(p["disagree"] for p in published)
    return good and agree and known and inside, report


def _by_every_method(m, say):
    """({method: Solution}, {method: what it took, or why it refused})."""
    solutions, report = {}, {}
    for method in METHODS["discounted" if m.gamma < 1 else "total"]:
        began = time.perf_counter()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                s = solve(m, method=method)
        except ValueError as error:
            say(f"   {method:20} {error}")
            report[method] = {"refused": str(error)}
            continue
        seconds, width = time.perf_counter() - began, float(np.max(s.upper - s.lower))
        solutions[method] = s
        say(f"   {method:20} {s.iterations:6} iterations {seconds:8.3f} s   "
            f"bounds {width:.1e} apart")
        report[method] = {"iterations": s.iterations, "seconds": seconds, "width": width,
                          "converged": s.converged}
    return solutions, report


def _published(p, m, best, random_policy, say):
    """One published answer beside ours -> its part of the report."""
    if p.policy == "uniform":
        numbers = dict(zip(m.state_names, random_policy.v))
    elif p.quantity == "v*":
        numbers = dict(zip(m.state_names, best.v))
    else:
        numbers = {(m.state_names[s], m.action_names[a]): best.q[s, a]
                   for s, a in np.argwhere(m.available)}
    misses, slips = p.misses(numbers), p.wrong or {}
    unknown = set(misses) - set(slips)
    met = len(p.values) - len(misses)
    of = f" ({p.policy} policy)" if p.policy else ""
    say(f"   published {p.quantity}{of}: {met} of {len(p.values)} numbers met "
        f"to their printed digits: {p.source}")
    for key, (printed, ours) in misses.items():
        verdict = f"   ({p.note})" if key in slips else "   DISAGREES"
        say(f"      {key}: printed {printed}, computed {ours:.6g}{verdict}")
    say(_beside(p, numbers))
    return {"quantity": p.quantity, "policy": p.policy, "source": p.source, "met": met,
            "of": len(p.values), "known_slips": len(misses) - len(unknown),
            "disagree": len(unknown)}


def _simulated(m, policy, exactly, start, say):
    """Simulate `policy` from state `start` -> (whether its mean return fits, what was found).

    exactly   the Evaluation of the policy
    """
    episodes = simulate(m, policy, np.random.default_rng(0), episodes=EPISODES, start=start,
                        horizon=None if m.gamma == 1 else 200)
    G = np.array([returns(t, m.gamma)[0] for t in episodes])
    exact, error = exactly.v[start], np.sqrt(exactly.return_variance[start] / len(G))
    inside = abs(G.mean() - exact) <= 4 * error + 1e-6
    say(f"   simulated, uniform policy from {m.state_names[start]}: mean return {G.mean():.4f} "
        f"of {EPISODES} episodes, exact {exact:.4f}, "
        f"{abs(G.mean() - exact) / error:.1f} standard errors apart")
    return bool(inside), {"simulated_mean": G.mean(), "exact_mean": exact, "standard_error": error}


def _averages(say, out):
    """Gains and biases of three businesses that never end, beside the published gains."""
    good, report, panels = True, {}, []
    say("\n== average reward: gain per step, and bias: what it is worth to start here rather "
        "than elsewhere")
    for name in ("toymaker", "taxicab", "multichain"):
        m, published = PROBLEMS[name].make(), PROBLEMS[name].published[0]
        s = solve(m, criterion="average")
        disagree = published.misses(dict(zip(m.state_names, s.gain)))
        good &= s.converged and not disagree
        for i, state in enumerate(m.state_names):
            say(f"   {name:12} {state!s:13} gain {s.gain[i]:9.5f}   bias {s.bias[i]:9.5f}   "
                f"printed {published.values[state]:>6}"
                + ("   DISAGREES" if state in disagree else ""))
        names = [str(name) for name in m.state_names]
        report[name] = {"criterion": "average", "gain": dict(zip(names, s.gain.tolist())),
                        "bias": dict(zip(names, s.bias.tolist())),
                        "published": [{"quantity": "gain", "source": published.source,
                                       "disagree": len(disagree)}]}
        panels.append((PROBLEMS[name].about.partition(":")[0], m, s))
    if out is not None:
        drawn = plots.gains(panels, title="Gains are limits of (1 − γ) v*")
        say(f"   drawn: {_save(drawn, out / 'gains.png')}")
    return bool(good), report


def _tiger(say, out):
    """The tiger, exactly: how many plans are worth having, and what knowing nothing is worth."""
    pomdp = tiger()
    sets = dict(enumerate(pomdp.solve(3)))
    values = {n: pomdp.value(sets[n], pomdp.start) for n in (1, 2, 3)}
    say("\n== tiger: Kaelbling, Littman and Cassandra's two doors, seen through what is heard, "
        "gamma = 0.95")
    for n, (value, plan) in values.items():
        say(f"   {n} step{'s' if n > 1 else ' '} to go: {len(sets[n]):2} plans worth having; "
            f"knowing nothing: {pomdp.mdp.action_names[plan.action]}, worth {float(value):.6g}")
    if out is not None:
        drawn = plots.beliefs(pomdp, {n: sets[n] for n in (1, 2, 3)},
                              title="The tiger: value over the belief")
        say(f"   drawn: {_save(drawn, out / 'tiger.png')}")
    report = {"plans": {n: len(sets[n]) for n in values},
              "value": {n: str(value) for n, (value, _) in values.items()}, "published": []}
    return True, {"tiger": report}


def _beside(published, numbers):
    """Computed and printed numbers side by side: a line for each, or two grids."""
    first = next(iter(published.values))
    if not isinstance(first, tuple):
        return "\n".join(f"      {s!s:20} computed {numbers[s]:8.4f}   printed {text:>6}"
                         for s, text in published.values.items())
    if isinstance(first[1], str):
        lines = []
        for (s, a), text in published.values.items():
            value = f"q*({s}, {a})"
            lines.append(f"      {value:20} computed {numbers[s, a]:8.4f}   printed {text:>6}")
        return "\n".join(lines)
    rows, columns = (max(cell[i] for cell in published.values) + 1 for i in (0, 1))
    lines = [f"      {'computed':{9 * columns}}    printed"]
    for r in range(rows):
        cells = [(r, c) for c in range(columns)]
        ours = "".join(f"{numbers[cell] + 0.0:9.4f}" if cell in published.values else "     ####"
                       for cell in cells)
        theirs = "".join(f"{published.values.get(cell, '####'):>8}" for cell in cells)
        lines.append(f"      {ours}    {theirs}")
    return "\n".join(lines)


def _draw(name, m, best, random_policy, solutions, out):
    """The pictures of an example, written into `out`; yields their paths."""
    if name == "student":
        drawn = plots.transition_graph(m, positions=POSITIONS, solution=best, title=TITLES[name])
        yield _save(drawn, out / "student.png")
        return
    panels = [("uniformly random policy: v", random_policy.v, None),
              ("optimal: v* and every best action", best.v, best)]
    yield _save(plots.value_map(m, panels, title=TITLES[name]), out / f"{name}.png")
    if name == "gridworld":
        change = _changes(m, solutions["value_iteration"].iterations)
        curves = ("policy_iteration", "value_iteration", "gauss_seidel",
                  "modified_policy_iteration", "anderson")
        drawn = plots.convergence({name: solutions[name] for name in curves}, last_change=change,
                                  title="Bounds closing in on v* (gridworld, γ = 0.9)")
        yield _save(drawn, out / "bounds.png")


def _changes(m, iterations):
    """The largest change of v in each iteration of v <- T v, from zero."""
    change, v = [], np.zeros(m.num_states)
    for _ in range(iterations):
        new = T(m, v)
        change.append(np.abs(new - v).max())
        v = new
    return change


def _save(fig, path):
    plots.save(fig, path)
    return path
