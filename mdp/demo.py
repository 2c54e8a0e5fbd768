"""mdp demo: the textbook examples, solved by every method that can, beside what was published, and drawn.

Read first: problems/, planning/, plots.py.
"""

import time
import warnings

import numpy as np

from npixel.runtime.command import PICTURE, check_output, print_json

from . import plots, tables
from .evaluation import ConvergenceWarning, evaluate
from .planning import METHODS, solve
from .problems import PROBLEMS, tiger
from .problems.student import POSITIONS
from .simulation import returns, simulate


SHOWN = ("student", "gridworld", "gridworld_4x4", "russell_norvig")     # what is solved by every method and drawn; mdp problems lists all


PICTURES = tuple(f"{name}.png" for name in (*SHOWN, "bounds", "gains", "tiger"))


def run(out, *, pictures=True, as_json=False, force=False):
    """Print the comparison, write PNGs into the folder `out`; returns the exit status.

    That is 1 if anything disagrees or did not converge.

    force   pictures of an earlier demo in that folder are replaced; else they are refused
    """
    if pictures:
        plots.figure(1, 1)                                              # a missing matplotlib is said at once
        out.mkdir(parents=True, exist_ok=True)
        for name in PICTURES:
            check_output(out / name, PICTURE, force=force)
    say = (lambda *text: None) if as_json else print
    report, good = {}, True
    for name in SHOWN:
        problem = PROBLEMS[name]
        m = problem.make()
        say(f"\n== {name}: {problem.about}")
        say(f"   {m!r}")
        report[name] = {"methods": {}, "published": []}
        solutions = {}
        criterion = "discounted" if m.gamma < 1 else "total"
        for method in METHODS[criterion]:
            began = time.perf_counter()
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", ConvergenceWarning)
                    s = solve(m, method=method)
            except ValueError as error:
                say(f"   {method:20} {error}")
                report[name]["methods"][method] = {"refused": str(error)}
                continue
            seconds, width = time.perf_counter() - began, float(np.max(s.upper - s.lower))
            solutions[method] = s
            good &= s.converged
            say(f"   {method:20} {s.iterations:6} iterations {seconds:8.3f} s   bounds {width:.1e} apart")
            report[name]["methods"][method] = {"iterations": s.iterations, "seconds": seconds, "width": width, "converged": s.converged}
        best = solutions["policy_iteration"]
        agree = all((a.lower <= b.upper).all() for a in solutions.values() for b in solutions.values())
        good &= agree
        say("   all bounds overlap: the methods agree" if agree else "   THE METHODS DISAGREE")
        say(tables.table(m, [("v*", best.v)], best.policy, best))
        uniform = m.available / np.maximum(m.available.sum(axis=1, keepdims=True), 1)
        random_policy = evaluate(m, uniform)

        for p in problem.published:
            if p.policy == "uniform":
                numbers = dict(zip(m.state_names, random_policy.v))
            elif p.quantity == "v*":
                numbers = dict(zip(m.state_names, best.v))
            else:
                numbers = {(m.state_names[s], m.action_names[a]): best.q[s, a] for s, a in np.argwhere(m.available)}
            misses = p.misses(numbers)
            unknown = set(misses) - set(p.wrong or {})
            good &= not unknown
            met = len(p.values) - len(misses)
            say(f"   published {p.quantity}{' (' + p.policy + ' policy)' if p.policy else ''}: {met} of {len(p.values)} numbers met to their printed digits: {p.source}")
            for key, (printed, ours) in misses.items():
                say(f"      {key}: printed {printed}, computed {ours:.6g}" + (f"   ({p.note})" if key in (p.wrong or {}) else "   DISAGREES"))
            if any(isinstance(key, tuple) and isinstance(key[1], str) for key in p.values):
                say("\n".join(f"      {f'q*({s}, {a})':20} computed {numbers[s, a]:8.4f}   printed {text:>6}" for (s, a), text in p.values.items()))
            elif not isinstance(next(iter(p.values)), tuple):
                say("\n".join(f"      {s!s:20} computed {numbers[s]:8.4f}   printed {text:>6}" for s, text in p.values.items()))
            else:
                say(_beside(p, numbers))
            report[name]["published"].append({"quantity": p.quantity, "policy": p.policy, "source": p.source, "met": met, "of": len(p.values),
                                              "known_slips": len(misses) - len(unknown), "disagree": len(unknown)})

        start = 1 if name == "student" else int(np.argmax(~m.terminal))
        episodes = simulate(m, uniform, np.random.default_rng(0), episodes=5000, start=start, horizon=None if m.gamma == 1 else 200)
        G = np.array([returns(t, m.gamma)[0] for t in episodes])
        exact, error = random_policy.v[start], np.sqrt(random_policy.return_variance[start] / len(G))
        inside = abs(G.mean() - exact) <= 4 * error + 1e-6
        good &= bool(inside)
        say(f"   simulated, uniform policy from {m.state_names[start]}: mean return {G.mean():.4f} of 5000 episodes, exact {exact:.4f}, "
            f"{abs(G.mean() - exact) / error:.1f} standard errors apart")
        report[name] |= {"agree": bool(agree), "simulated_mean": G.mean(), "exact_mean": exact, "standard_error": error,
                         "v": {str(s): v for s, v in zip(m.state_names, best.v)}, "policy": {str(s): None if a < 0 else str(m.action_names[a]) for s, a in zip(m.state_names, best.policy)}}
        if pictures:
            for file in _draw(name, m, best, random_policy, solutions, out):
                say(f"   drawn: {file}")
                report[name].setdefault("pictures", []).append(str(file))
    for section in (_averages, _tiger):
        fine, report_of = section(say, out if pictures else None)
        good &= fine
        report |= report_of
    say("\n" + ("every number agrees" if good else "SOMETHING DISAGREES: see above"))
    if as_json:
        print_json({"good": bool(good), "problems": report})
    return 0 if good else 1


def _averages(say, out):
    """Gains and biases of three businesses that never end, beside the published gains."""
    good, report, panels = True, {}, []
    say("\n== average reward: gain per step, and bias: what it is worth to start here rather than elsewhere")
    for name in ("toymaker", "taxicab", "multichain"):
        m, published = PROBLEMS[name].make(), PROBLEMS[name].published[0]
        s = solve(m, criterion="average")
        disagree = published.misses(dict(zip(m.state_names, s.gain)))
        good &= s.converged and not disagree
        for i, state in enumerate(m.state_names):
            say(f"   {name:12} {state!s:13} gain {s.gain[i]:9.5f}   bias {s.bias[i]:9.5f}   printed {published.values[state]:>6}" + ("   DISAGREES" if state in disagree else ""))
        report[name] = {"criterion": "average", "gain": dict(zip(map(str, m.state_names), s.gain.tolist())), "bias": dict(zip(map(str, m.state_names), s.bias.tolist())),
                        "published": [{"quantity": "gain", "source": published.source, "disagree": len(disagree)}]}
        panels.append((PROBLEMS[name].about.partition(":")[0], m, s))
    if out is not None:
        say(f"   drawn: {_save(plots.gains(panels, title='Gains are limits of (1 − γ) v*'), out / 'gains.png')}")
    return bool(good), report


def _tiger(say, out):
    """The tiger, exactly: how many plans are worth having, and what a listener without knowledge can expect."""
    pomdp = tiger()
    sets = dict(enumerate(pomdp.solve(3)))
    values = {n: pomdp.value(sets[n], pomdp.start) for n in (1, 2, 3)}
    say("\n== tiger: Kaelbling, Littman and Cassandra's two doors, seen through what is heard, gamma = 0.95")
    for n, (value, plan) in values.items():
        say(f"   {n} step{'s' if n > 1 else ' '} to go: {len(sets[n]):2} plans worth having; knowing nothing: {pomdp.mdp.action_names[plan.action]}, worth {float(value):.6g}")
    if out is not None:
        say(f"   drawn: {_save(plots.beliefs(pomdp, {n: sets[n] for n in (1, 2, 3)}, title='The tiger: value over the belief'), out / 'tiger.png')}")
    return True, {"tiger": {"plans": {n: len(sets[n]) for n in values}, "value": {n: str(value) for n, (value, _) in values.items()}, "published": []}}


def _beside(published, numbers):
    """Computed and printed grids side by side."""
    rows, columns = (max(cell[i] for cell in published.values) + 1 for i in (0, 1))
    lines = [f"      {'computed':{9 * columns}}    printed"]
    for r in range(rows):
        ours = "".join(f"{numbers[r, c] + 0.0:9.4f}" if (r, c) in published.values else "     ####" for c in range(columns))
        theirs = "".join(f"{published.values.get((r, c), '####'):>8}" for c in range(columns))
        lines.append(f"      {ours}    {theirs}")
    return "\n".join(lines)


def _draw(name, m, best, random_policy, solutions, out):
    if name == "student":
        yield _save(plots.transition_graph(m, positions=POSITIONS, solution=best, title="Student MDP, γ = 1: v* in the circles, best actions bold"), out / "student.png")
        return
    panels = [("uniformly random policy: v", random_policy.v, None), ("optimal: v* and every best action", best.v, best)]
    titles = {"gridworld": "Sutton & Barto, figures 3.2 and 3.5, γ = 0.9", "gridworld_4x4": "Sutton & Barto, example 4.1, γ = 1",
              "russell_norvig": "Russell & Norvig's 4×3 world, γ = 1"}
    yield _save(plots.value_map(m, panels, title=titles[name]), out / f"{name}.png")
    if name == "gridworld":
        change, v = [], np.zeros(m.num_states)
        from .bellman import T
        for _ in range(solutions["value_iteration"].iterations):
            new = T(m, v)
            change.append(np.abs(new - v).max())
            v = new
        curves = ("policy_iteration", "value_iteration", "gauss_seidel", "modified_policy_iteration", "anderson")
        yield _save(plots.convergence({name: solutions[name] for name in curves}, last_change=change, title="Bounds closing in on v* (gridworld, γ = 0.9)"), out / "bounds.png")


def _save(fig, path):
    plots.save(fig, path)
    return path
