"""Random small decision processes: `solve` and `solve_exact` held against enumeration.

Each process is solved under every criterion, and enumerated in Fractions.

    python tests/hunt_processes.py --count 20000 --seed 0 --jobs 2

A process has 1 to 4 states, probabilities that are tenths, halves, thirds or very small, and
rewards that are small integers or decimals of both signs. It is given as floats, or exactly. What
counts as wrong:

    * `solve` says converged, and the value lies outside its bounds, or its policy is worth less
      than the lower bound;
    * `solve` gives a number where the total is undefined;
    * `solve_exact` gives another number than enumeration, or its certificate is not verified;
    * an exception that is no ValueError, or one process that takes more than ten seconds.

"Refused" counts ValueErrors where a value exists: floats that cannot decide say so. It is counted,
and it is not wrong. test_hunt.py runs a small part and plants faults.

Read first: oracles/enumeration.py.
"""

import argparse
import signal
import sys
import traceback
import warnings
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from fractions import Fraction
from pathlib import Path

import numpy as np

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parent)]

import mdp                                                                # noqa: E402
from oracles import enumeration                                           # noqa: E402

INF = float("inf")
SECONDS = 10                             # for one process under all criteria
ROOM = 1e-7                              # relative; small chains of decimals lose 1e-12 at most


def draw(rng):
    """One random process: (states for enumeration.py, the same for MDP.from_dict, gamma, exact).

    gamma is as given, and exact says whether all numbers are given exactly.
    """
    S = int(rng.integers(1, 5))
    exact = bool(rng.random() < 0.5)
    kind = rng.choice(["tenths", "tenths", "small", "rare"])
    values = rng.choice(["integers", "integers", "decimals", "fair"])
    say = (lambda x: str(x)) if exact else float
    process, given = [], {}
    for s in range(S):
        actions, names = [], {}
        for a in range(0 if rng.random() < 0.2 else int(rng.integers(1, 4))):
            outcomes = [(p, int(rng.integers(S)), _reward(rng, values)) for p in _row(rng, kind)]
            # rewards whose mean is zero, and whose float mean may not be
            if values == "fair" and len(outcomes) == 2:
                (p, t, _), (q, u, _) = outcomes
                size = int(rng.integers(1, 4))
                outcomes = [(p, t, size * q * 10), (q, u, -size * p * 10)]
            actions.append(outcomes)
            names[f"a{a}"] = [(say(p), f"s{t}", say(r)) for p, t, r in outcomes]
        process.append(actions)
        given[f"s{s}"] = names
    gamma = Fraction(str(rng.choice(["1", "1", "0.9", "0.5", "0.99", "0"])))
    return process, given, say(gamma), exact


def _row(rng, kind):
    """Probabilities that sum to one."""
    n = int(rng.integers(1, 4))
    if n == 1:
        return [Fraction(1)]
    if kind == "small":
        whole = int(rng.choice([2, 3, 4]))
    elif kind == "rare":
        whole = int(rng.choice([10 ** 3, 10 ** 6]))
    else:
        whole = 10
    n = min(n, whole)
    cuts = sorted(rng.choice(min(whole - 1, 9), n - 1, replace=False) + 1)
    ends = [0, *(int(c) for c in cuts), whole]
    return [Fraction(b - a, whole) for a, b in zip(ends, ends[1:])]


def _reward(rng, values):
    if rng.random() < 0.25:
        return Fraction(0)
    if values == "decimals":
        return Fraction(int(rng.integers(-30, 31)), 10)
    return Fraction(int(rng.integers(-7, 8)))


class Wrong(AssertionError):
    """A wrong answer, with the case that gives it."""


def check(case, *, solve=mdp.solve, solve_exact=mdp.solve_exact, verify=mdp.verify, rng=None):
    """One process under every criterion -> Counter of outcomes.   Wrong: the first wrong answer"""
    process, given, gamma, exact = case
    rng = rng or np.random.default_rng(0)
    count = Counter()
    exact_gamma = Fraction(str(gamma))
    m = mdp.MDP.from_dict(given, gamma, actions=["a0", "a1", "a2"])
    S = len(process)
    goal = sorted(set(rng.integers(S, size=int(rng.integers(1, 3))).tolist()))
    horizon, terminal = int(rng.integers(0, 4)), [int(x) for x in rng.integers(-3, 4, S)]
    for minimize in (False, True):
        side = -1 if minimize else 1
        rewards = enumeration.negated(process) if minimize else process
        wanted = _wanted(rewards, exact_gamma, horizon, terminal, goal, side)
        for name, (options, value, undefined, of_policy) in wanted.items():
            criterion = name if isinstance(name, str) else name[0]
            call = f"criterion={criterion!r}, minimize={minimize}, {options}"
            value = _signed(value, side)
            for door in ("float", "exact"):
                try:
                    with warnings.catch_warnings():
                        warnings.simplefilter("ignore")
                        ask = solve if door == "float" else solve_exact
                        s = ask(m, criterion=criterion, minimize=minimize, **options)
                except ValueError as error:
                    why = _refusal(door, str(error), undefined, exact)
                    if why is None:
                        raise Wrong(f"{door}, {call}: ValueError {error}\n"
                                    f"{given} gamma {gamma!r}; right: {_show(value)}") from None
                    count[f"{door} {criterion}: {why}"] += 1
                    continue
                got = s.gain if criterion == "average" else s.v
                if door == "exact":
                    _exactly(m, s, got, value, undefined, call, case, verify)
                else:
                    _bounds(s, value, undefined, of_policy, side, call, case)
                right = "right" if door == "exact" or s.converged else "right, not converged"
                count[f"{door} {criterion}: {right}"] += 1
    return count


def _wanted(rewards, gamma, horizon, terminal, goal, side):
    """{criterion: (options, value by enumeration, where it is undefined, worth of a policy)}."""
    ends = [side * x for x in terminal]
    wanted = {
        "finite_horizon": (dict(horizon=horizon, terminal_values=terminal),
                           enumeration.finite_horizon(rewards, gamma, horizon, ends), None, None),
        "average": ({}, enumeration.average(rewards), None,
                    lambda pi: enumeration.average(rewards, pi)),
    }
    if gamma < 1:
        wanted["discounted"] = ({}, enumeration.discounted(rewards, gamma), None,
                                lambda pi: enumeration.discounted(rewards, gamma, pi))
    best, undefined = enumeration.total(rewards)
    wanted["total"] = ({}, best, undefined, lambda pi: enumeration.total(rewards, pi))
    for miss in (-INF, INF):
        wanted["total", miss] = (dict(goal=goal, miss=side * miss),
                                 enumeration.total_until(rewards, set(goal), miss), None, None)
    return wanted


def _refusal(door, error, undefined, exact):
    """Why there is a ValueError and no answer; None where there should be an answer."""
    if undefined is not None and any(undefined):
        return "undefined, and said so"
    if door == "float":
        return "refused" if "solve_exact" in error else None
    return "refused" if not exact and "common denominator" in error else None


def _signed(value, side):
    return [_signed(x, side) if isinstance(x, list) else None if x is None else side * x
            for x in value]


def _exactly(m, s, got, value, undefined, call, case, verify):
    if isinstance(value[0], list):
        right = [list(row) for row in got] == value
    else:
        right = all(_allowed(x, y, undefined, i) for i, (x, y) in enumerate(zip(got, value)))
    given = f"{case[1]} gamma {case[2]!r}"
    if not right:
        raise Wrong(f"solve_exact, {call}: {_show(got)}, right: {_show(value)}\n{given}")
    if not verify(m, s.certificate):
        raise Wrong(f"solve_exact, {call}: the certificate is not verified\n{given}")
    policy = np.asarray(s.policy)
    if policy.ndim == 1 and any((a < 0) != (not actions) for a, actions in zip(policy, case[0])):
        raise Wrong(f"solve_exact, {call}: policy {policy.tolist()}, "
                    f"-1 only in terminal states\n{given}")


def _allowed(got, right, undefined, i):
    """Where some policy has no total, only an infinity that another policy attains may be given."""
    if undefined is not None and undefined[i] and right not in (INF, -INF):
        return False
    return got == right


def _bounds(s, value, undefined, of_policy, side, call, case):
    lower, upper, v = (np.asarray(x, float)
                       for x in (s.lower, s.upper, s.gain if s.criterion == "average" else s.v))
    right = np.array([[_float(y) for y in row] if isinstance(row, list) else _float(row)
                      for row in value])
    told = (f"{call}: bounds {lower.tolist()} {upper.tolist()} v {v.tolist()}, "
            f"right: {_show(value)}\n{case[1]} gamma {case[2]!r}")
    if undefined is not None and any(undefined[i] and not np.isinf(right[i]) and s.converged
                                     for i in range(len(right))):
        raise Wrong(f"solve gives a number where there is none, {told}")
    known = ~np.isnan(right)
    with np.errstate(invalid="ignore"):
        room = ROOM * np.maximum(1, np.where(np.isinf(right), 1, np.abs(right)))
        if np.isnan(lower).any() or np.isnan(upper).any() or (lower > upper).any():
            raise Wrong(f"solve: no bounds, {told}")
        if not ((lower <= right + room) & (upper >= right - room))[known].all():
            raise Wrong(f"solve: the value lies outside, {told}")
        near = np.abs(v - right) <= 2 * room + 1e-6 * np.abs(right)
        if s.converged and not ((v == right) | near)[known].all():
            raise Wrong(f"solve: converged to another value, {told}")
    if of_policy is not None and np.asarray(s.policy).ndim == 1:
        bound = (lower if side > 0 else -upper) - room     # of what the policy earns, maximising
        _policy_earns(s, of_policy, np.where(np.isinf(right), -np.inf, bound), side, case, told)


def _policy_earns(s, of_policy, least, side, case, told):
    """Wrong unless the policy exists and earns at least `least` (S,), where that is finite."""
    pi = [int(a) if actions else None for a, actions in zip(s.policy, case[0])]
    if any(a is not None and not 0 <= a < len(actions) for a, actions in zip(pi, case[0])):
        raise Wrong(f"solve: policy {s.policy.tolist()}, {told}")
    for i, y in enumerate(of_policy(pi)):
        if least[i] != -np.inf and (y is None or _float(y) < least[i]):
            earned = _show([side * y if y is not None else None])
            raise Wrong(f"solve: its policy {pi} is worth {earned} in state {i}, {told}")


def _float(x):
    return np.nan if x is None else float(x)


def _show(values):
    return str([[str(y) for y in x] if isinstance(x, (list, np.ndarray)) else str(x)
                for x in values])


def hunt(seeds):
    """Every process of `seeds` -> (Counter, texts of what is wrong)."""
    count, wrong = Counter(), []

    def late(*_):
        raise TimeoutError(f"more than {SECONDS} seconds")
    check(draw(np.random.default_rng(1)))  # compiles, outside the clock
    signal.signal(signal.SIGALRM, late)
    for seed in seeds:
        rng = np.random.default_rng(seed)
        case = draw(rng)
        signal.alarm(SECONDS)
        try:
            count += check(case, rng=rng)
            count["processes"] += 1
        except Wrong as error:
            wrong.append(f"seed {seed}: {error}")
        except Exception:  # noqa: BLE001    a traceback is a finding
            wrong.append(f"seed {seed}: {traceback.format_exc()}\n{case[1]} gamma {case[2]!r}")
        finally:
            signal.alarm(0)
    return count, wrong


def main(argv=None):
    parser = argparse.ArgumentParser(description="Random processes held against enumeration.")
    parser.add_argument("--count", type=int, default=20000)
    parser.add_argument("--seed", type=int, default=0,
                        help="the first seed; each process has its own")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--show", type=int, default=5, help="wrong answers that are printed")
    a = parser.parse_args(argv)
    seeds = range(a.seed, a.seed + a.count)
    total, wrong = Counter(), []
    with ProcessPoolExecutor(a.jobs) as pool:
        for count, found in pool.map(hunt, [seeds[i:i + 100] for i in range(0, a.count, 100)]):
            total += count
            wrong += found
            for text in found[:max(0, a.show - len(wrong) + len(found))]:
                print(text, flush=True)
            done = total["processes"] + len(wrong)
            if done % 1000 == 0:
                print(f"{done} processes, {len(wrong)} wrong", file=sys.stderr, flush=True)
    for name, number in sorted(total.items()):
        print(f"{number:8d}  {name}")
    seeds = [int(text.split(":")[0].split()[1]) for text in wrong]
    print(f"{len(wrong):8d}  wrong: seeds {seeds[:50]}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
