"""solve_exact against definitions in Fractions and published answers; certificates against
mutations; the lifting against elimination."""

import ast
import copy
import itertools
import json
import warnings
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import mdp
from cases_mdp import (exact_gain, exact_optimum, exact_q, gammas, hard_transitions, qvbs_models,
                       qvbs_questions, transitions)
from mdp import lifting
from mdp.cli import main
from mdp.rational import rational, read_row
from test_mdp_criteria import policies
from test_mdp_evaluation import walk
from test_mdp_planning import anchor_model, anchor_questions, frozen_lake, grid


def certified(m, **options):
    """solve_exact, its certificate checked after a journey through JSON."""
    s = mdp.solve_exact(m, **options)
    assert mdp.verify(m, json.loads(json.dumps(s.certificate)))
    return s


# numbers

def test_floats_are_read_as_the_fractions_they_stand_for():
    assert read_row([(1 - 1 / 3) / 2, 1 / 3, 1 / 3]) == [Fraction(1, 3)] * 3
    assert read_row([.1, .2, .7]) == [Fraction(1, 10), Fraction(1, 5), Fraction(7, 10)]
    assert read_row([1.0]) == [1] and read_row([np.pi / 4, 1 - np.pi / 4]) is None
    assert read_row([1 / 9973, 1 - 1 / 9973]) == [Fraction(1, 9973), Fraction(9972, 9973)]
    assert read_row([1 / 10007, 1 - 1 / 10007]) is None
    with pytest.raises(ValueError, match="P: state 0, action 0 has no common denominator up to "
                                         "10000 within 2 ulp"):
        mdp.solve_exact(mdp.MDP([[[np.pi / 4, 1 - np.pi / 4]], [[0, 1]]], [1, 2], .5))
    m = mdp.MDP([[[.8, .1, .1]], [[0, 1, 0]], [[0, 0, 1]]], [-.04, 1, -1], .9)
    R = rational(m)
    assert R.r == [(-1, 25), (1, 1), (-1, 1)] and R.g[0] == (9, 10)
    assert R.n[0] == [8, 1, 1] and R.D[0] == 10


def test_all_rows_of_the_frozen_lake_sum_to_one_exactly():
    """As floats 44 of 64 rows do not; one third of them is stored 2 ulp away.

    The start is worth 14/17 at gamma = 1.
    """
    lake = frozen_lake(1)
    floats = mdp.MDP.from_dict({s: {a: [((1 - 1 / 3) / 2
                                         if not i and p == Fraction(1, 3) else float(p), t,
                                         float(r)) for i, (p, t, r) in enumerate(o)]
                                         for a, o in c.items()}
                                for s, c in lake.to_dict().items()}, 1)
    assert floats.exact_probability is None
    for m in (lake, floats):
        s = certified(m)
        assert s.v[0] == Fraction(14, 17) and {17 * x for x in s.v} == {0, 9, 13, 14, 15, 16}
    assert rational(lake).hash == rational(floats).hash


@given(st.integers(1, 22), st.integers(0, 999), st.sampled_from([1, 3 ** 150]))
@settings(deadline=None, max_examples=60)
def test_every_way_to_solve_integers_gives_the_same_fractions(n, seed, size):
    rng = np.random.default_rng(seed)
    rows = [{int(j): -int(w) for j, w in zip(rng.choice(n, min(n, 3), replace=False),
                                             rng.integers(0, 30, 3))} for _ in range(n)]
    for i, row in enumerate(rows):
        row[i] = row.get(i, 0) + int(rng.integers(95, 120))
    b = [int(x) * size + int(y) for x, y in zip(rng.integers(-9, 10, n), rng.integers(-9, 10, n))]
    x = lifting.solve_integers(rows, b, "elimination")
    assert lifting.holds(rows, b, *x)
    assert x == lifting.solve_integers(rows, b, "float") == lifting.solve_integers(rows, b,
                                                                                   "p-adic")
    if any(b):
        wrong = ([x[0][0] + 1] + x[0][1:], x[1])
        assert not lifting.holds(rows, b, *wrong)  # the check that everything rests on


def test_a_singular_system_is_refused_and_an_ill_conditioned_one_goes_p_adic():
    singular = [{0: 1, 1: -1}, {0: -1, 1: 1}]
    for method in ("elimination", "p-adic"):
        with pytest.raises(ValueError, match="matrix of 2 equations is singular"):
            lifting.solve_integers(singular, [1, 2], method)
    n = 120  # a walk that comes back: condition 2**60
    rows = [{i: 2, (i + 1) % n: -1, 0: -1} if 0 < i < n - 1 else {0: 1, 1: -1}
            if i == 0 else {i: 2, 0: -1} for i in range(n)]
    with pytest.raises(ValueError, match="not good enough"):
        lifting.solve_integers(rows, [2] * n, "float")
    numerators, d = lifting.solve_integers(rows, [2] * n)
    assert lifting.holds(rows, [2] * n, numerators, d) and numerators[0] > 2 ** 100 * d


@pytest.mark.parametrize("name", ["_lu_mod", "_solve_mod"])
@given(n=st.integers(1, 9), seed=st.integers(0, 999), sparse=st.booleans())
@settings(deadline=None, max_examples=40)
def test_the_modular_loops_equal_their_definitions(name, n, seed, sparse):
    rng, p = np.random.default_rng(seed), lifting.PRIMES[0]
    M = rng.integers(0, p, (n, n)) * (rng.random((n, n)) < (.4 if sparse else 1))
    ours, theirs = (M.copy(), np.arange(n)), (M.copy(), np.arange(n))
    regular = lifting._lu_mod(*ours, p)
    assert regular == lifting._lu_mod_numpy(*theirs, p)
    if name == "_lu_mod":
        np.testing.assert_array_equal(ours[0], theirs[0]), np.testing.assert_array_equal(ours[1],
                                                                                         theirs[1])
    elif regular:
        b = rng.integers(0, p, n)
        x = lifting._solve_mod(*ours, b, p)
        np.testing.assert_array_equal(x, lifting._solve_mod_numpy(*theirs, b, p))
        assert all(sum(int(a) * int(y) for a, y in zip(row, x)) % p == int(z)
                   for row, z in zip(M, b))


# criteria against their definitions

@given(transitions(), gammas, st.booleans())
@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
def test_discounted_values_and_ties_are_those_of_the_definition(process, gamma, minimize):
    m = mdp.MDP.from_dict(process, gamma)
    sign = -1 if minimize else 1
    s = certified(m, minimize=minimize)
    exact = exact_optimum({x: {a: [(p, t, sign * r) for p, t, r in o] for a, o in c.items()}
                           for x, c in process.items()}, gamma)
    assert [sign * v for v in s.v] == [exact[x] for x in process]
    q = exact_q(process, dict(zip(process, s.v)), Fraction(gamma))
    for i, x in enumerate(process):
        assert s.optimal_actions[i] == frozenset(m.action_names.index(a)
                                                 for a in process[x] if q[x, a] == s.v[i])
        assert s.policy[i] == -1 or s.policy[i] in s.optimal_actions[i]


@given(transitions(most_states=4, most_actions=2), st.booleans(),
       st.one_of(st.none(), st.integers(0, 3)), st.booleans())
@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.too_slow])
def test_total_rewards_carry_certificates_and_lie_within_the_float_bounds(process, minimize, goal,
                                                                          other):
    """Every reading, all infinities; where the float planner refuses, so does this one, unless its
    rounding was the reason."""
    m = mdp.MDP.from_dict(process, 1)
    options = {"minimize": minimize}
    if goal is not None:
        options |= {"goal": [goal % len(process)],
                    "miss": np.inf * (1 if other == minimize else -1) * -1}
    try:
        s = certified(m, **options)
    except ValueError as error:
        assert "total reward is undefined" in str(error)
        with pytest.raises(ValueError, match="total reward is undefined"):
            mdp.solve(m, **options)
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mdp.ConvergenceWarning)
        f = mdp.solve(m, **options)
    assert all(low <= v <= high for low, v, high in zip(f.lower.tolist(), s.v, f.upper.tolist()))
    if goal is None and not minimize:
        defined = mdp.solve(m, method="enumerate_policies")
        assert all(low <= v <= high
                   for low, v, high in zip(defined.lower.tolist(), s.v, defined.upper.tolist()))


@given(transitions(most_states=5, most_actions=2), st.booleans())
@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
def test_gain_and_bias_are_those_of_the_definition(process, minimize):
    m = mdp.MDP.from_dict(process, 1)
    sign = -1 if minimize else 1
    s = certified(m, criterion="average", minimize=minimize)
    gains = [exact_gain(process, policy)[0] for policy in policies(process)]
    assert list(s.gain) == [sign * max(sign * g[x] for g in gains) for x in process] == list(s.v)
    own = exact_gain(process, {x: m.action_names[a] for x, a in zip(process, s.policy) if a >= 0})
    assert dict(zip(process, s.gain)) == own[0] and dict(zip(process, s.bias)) == own[1]


@given(transitions(most_states=3, most_actions=2), st.sampled_from(["1", "1/3"]), st.integers(0, 4),
       st.booleans())
@settings(deadline=None, max_examples=60)
def test_finite_horizons_are_those_of_the_definition(process, gamma, T, minimize):
    m = mdp.MDP.from_dict(process, gamma)
    end = [Fraction(i, 3) for i in range(len(process))]
    s = certified(m, horizon=T, terminal_values=end, minimize=minimize)
    v, best = dict(zip(process, end)), min if minimize else max
    for t in range(T, -1, -1):
        assert list(s.v[t]) == [v[x] for x in process]
        q = exact_q(process, v, Fraction(gamma))
        v = {x: best((q[x, a] for a in process[x]), default=v[x]) for x in process}


@given(transitions(most_states=4, most_actions=2))
@settings(deadline=None, max_examples=40)
def test_the_same_discount_for_every_pair_gives_the_same_fractions(process):
    m = mdp.MDP.from_dict(process, "9/10")
    each = mdp.MDP.from_dict(process, {s: {a: "9/10" for a in process[s]} for s in process})
    mixed = mdp.MDP.from_dict(process, {s: {a: "9/10" if (s + a) % 2 else "1/2" for a in process[s]}
                                        for s in process})
    assert (certified(m).v == certified(each).v).all()
    s = certified(mixed)
    for x in process:
        q = [sum(Fraction(p) * (r + (Fraction(9, 10) if (x + a) % 2 else Fraction(1, 2)) * s.v[t])
                 for p, t, r in process[x][a]) for a in process[x]]
        assert s.v[x] == max(q, default=0)


@given(hard_transitions("ties"), st.booleans(), st.one_of(st.none(), st.integers(0, 3)),
       st.booleans())
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_of_two_equal_actions_the_first_is_taken(process, minimize, goal, other):
    """Every action stands there twice, 2a and 2a + 1. Discounted the first of all best is taken."""
    m = mdp.MDP.from_dict(process, 1)
    options = {"minimize": minimize}
    for x in (certified(m, horizon=2, **options), certified(m, criterion="average", **options),
              certified(m.replace(gamma="9/10"), **options)):
        assert (x.policy[x.policy >= 0] % 2 == 0).all()
    assert x.policy.tolist() == [min(best, default=-1) for best in x.optimal_actions]
    if goal is not None:
        options |= {"goal": [goal % len(process)], "miss": np.inf if other else -np.inf}
    try:
        x = certified(m, **options)
    except ValueError:
        return
    assert (x.policy[x.policy >= 0] % 2 == 0).all()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mdp.ConvergenceWarning)
        f = mdp.solve(m, **options)
    assert (f.policy[f.policy >= 0] % 2 == 0).all()


def test_the_first_best_action_is_the_first_that_ends():
    """In s both actions are worth 0: the first of them. In t only the second leads on."""
    m = mdp.MDP.from_dict({"s": {"one": [(1, "end", 0)], "two": [(1, "s", 0)]},
                           "t": {"one": [(1, "t", 0)], "two": [(1, "end", 1)]}, "end": {}}, 1)
    for s in (certified(m), mdp.solve(m)):
        assert s.v.tolist() == [0, 1, 0] and s.policy.tolist() == [0, 1, -1]
    x = certified(m, goal=[2])
    assert x.policy.tolist() == [0, 1, -1] and x.optimal_actions == [{0, 1}, {0, 1}, set()]


# published answers

def test_the_student_in_fractions():
    s = certified(mdp.problems.student())
    assert list(s.v) == [6, 6, 8, 10, 0]
    assert exact_q(mdp.problems.student().to_dict(),
                   dict(zip(mdp.problems.student().state_names, s.v)), 1)["C3",
                                                                          "pub"] == Fraction(47, 5)
    assert certified(mdp.problems.student("9/10")).v[0] == Fraction(387, 100)
    assert list(certified(mdp.problems.student(0)).v) == [0, -1, 0, 10, 0]
    s = certified(mdp.problems.gridworld())
    assert (s.v[1], s.v[0], s.v[3]) == (Fraction(1000000, 40951), Fraction(900000, 40951),
                                        Fraction(795245, 40951))
    assert [len(a) for a in s.optimal_actions[1:4:2]] == [4, 4]
    s = certified(mdp.problems.russell_norvig())
    m = mdp.problems.russell_norvig()
    assert [s.v[m.state(c)] for c in ((2, 0), (2, 2), (2, 3))] == [Fraction(4119, 5840),
                                                                   Fraction(1339, 2190),
                                                                   Fraction(3823, 9855)]


def gambler(p):
    """Stake 1..min(s, 100 - s) of s; double it with probability p; 100 is worth 1."""
    p = Fraction(p)
    out = {s: {a: [(p, s + a, int(s + a == 100)), (1 - p, s - a, 0)]
               for a in range(1, min(s, 100 - s) + 1)} for s in range(1, 100)}
    return mdp.MDP.from_dict({0: {}, **out, 100: {}}, 1, actions=list(range(1, 51)))


def test_the_gamblers_ties_are_found_exactly():
    m = gambler("2/5")
    s = certified(m)
    assert (s.v[25], s.v[50], s.v[75]) == (Fraction(4, 25), Fraction(2, 5), Fraction(16, 25))
    assert s.v[1] == Fraction(4924830119296, 2384184279361225)
    assert s.v[51] == Fraction(961060956923434, 2384184279361225)
    assert s.v[99] == Fraction(2299147500532684, 2384184279361225)
    half = [1] * 12 + [2] * 12 + [1] + [3] * 12 + [2] * 12
    sizes = [*half, 1, *reversed(half)]
    assert [len(a) for a in s.optimal_actions[1:100]] == sizes
    assert {m.action_names[a] for a in s.optimal_actions[51]} == {1, 49}
    assert {m.action_names[a] for a in s.optimal_actions[37]} == {12, 13, 37}


def test_haddad_and_monmege_at_300():
    """91 digits, where floats return numbers of the wrong sign."""
    s = certified(walk(300))
    assert s.v[300] == 3 * 2 ** 299 - 2 and len(str(s.v[300])) == 91
    assert certified(walk(20)).v[20] == 1572862


def test_textbook_processes_in_fractions():
    small = mdp.MDP([[[.5, .5], [.8, .2]], [[0, 1], [.1, .9]]], [[5, 10], [-1, 2]], .9,
                    layout="ASS")
    assert list(certified(small).v) == [Fraction(1825, 43), Fraction(1550, 43)]
    assert list(certified(small, criterion="average").gain) == [Fraction(35, 9)] * 2
    puterman = mdp.MDP([[[.5, .5], [0, 1]], [[0, 1], [0, 1]]], [[5, 10], [-1, 0]], .95,
                       available=np.array([[True, True], [True, False]]))
    assert list(certified(puterman).v) == [Fraction(-60, 7), -20]
    toymaker = mdp.MDP([[[.5, .5], [.8, .2]], [[.4, .6], [.7, .3]]], [[6, 4], [-3, -5]], .9)
    assert list(certified(toymaker).v) == [Fraction(2020, 91), Fraction(160, 13)]
    s = certified(toymaker, criterion="average")
    assert list(s.gain) == [2, 2] and s.bias[0] - s.bias[1] == 10
    state, action = [int(c) for c in "0000111223"], [int(c) for c in "0123012010"]
    rows = np.array([[1, 0, 0, 0], [.75, .25, 0, 0], [.25, .5, .25, 0], [0, .25, .5, .25]])
    inventory = mdp.MDP.from_pairs(state, action, rows[np.add(state, action)],
                                   [0, -1, -2, -5, 5, 0, -3, 6, -1, 5], 1)
    s = certified(inventory, horizon=3)
    assert list(s.v[0]) == [Fraction(x, 16) for x in (67, 129, 194,
                                                      227)] and s.policy.tolist() == [[3, 0, 0, 0],
                                                                                      [2, 0, 0, 0],
                                                                                      [0, 0, 0, 0]]


def test_every_anchor_is_met_exactly_with_a_certificate():
    seen = 0
    for model, q in anchor_questions("total_reward", "reach_reward", "reach_probability",
                                     "finite_horizon", "discounted", "average", "bias"):
        options, values, what = {"minimize": q["optimum"] == "min"}, q["values"], q["what"]
        m = anchor_model(model, q.get("discount", 1))
        if what == "reach_reward":
            options |= {"goal": q["goal"], "miss": float(q["miss"])}
        elif what == "finite_horizon":
            options["horizon"] = q["horizon"]
        elif what in ("average", "bias"):
            options["criterion"] = "average"
        elif what == "reach_probability":
            m, values = mdp.transforms.reachability(m,
                                                    q["goal"]), [x if i not in q["goal"] else "0"
                                                                 for i, x in enumerate(values)]
        s = certified(m, **options)
        found = s.v[0] if what == "finite_horizon" else s.bias if what == "bias" else s.v
        assert all(float(x) == y if "inf" in x else Fraction(x) == y
                   for x, y in zip(values, found)), (model["name"], q["formula"])
        if "optimal_choices" in q:
            assert [sorted(a) for a in s.optimal_actions] == q["optimal_choices"]
        seen += 1
    assert seen == 127 - 13  # the others are constrained: test_mdp_criteria.py


@pytest.mark.parametrize("name", qvbs_models())
def test_published_answers_of_the_verification_benchmarks_are_met_exactly(name):
    for m, goal, options, at, value in qvbs_questions(name):
        assert certified(m, goal=goal, **options).v[at] == value


# the checker

CHECKER = {"verify.py": {"certificate", "certificate_form", "rational", "verify_total"},
           "verify_total.py": {"certificate", "typing"}, "certificate.py": {"math"},
           "certificate_form.py": {"re"},
           "rational.py": {"hashlib", "math", "fractions", "typing", "numpy"}}
"""Each file of the checker, and what it imports."""

LINES = {"verify_total.py": 120}             # at most, documentation apart; 60 for the others


@pytest.mark.parametrize("name", CHECKER)
def test_the_checker_uses_integers_only_and_imports_no_solver(name):
    """What is believed because of verify.py rests on these files, all short, and on no others."""
    text = Path(mdp.__file__).with_name(name).read_text(encoding="utf-8")
    nodes = list(ast.walk(ast.parse(text)))
    imported = {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
    imported |= {alias.name for node in nodes if isinstance(node, ast.Import)
                 for alias in node.names}
    assert imported == CHECKER[name]
    if name == "rational.py":                # it reads floats, as the fractions they stand for
        return
    assert not any(isinstance(node, ast.Constant) and isinstance(node.value, float)
                   or isinstance(node, ast.Div) for node in nodes)
    assert lines_of_code(text, nodes) <= LINES.get(name, 60)
    functions = [node for node in nodes if isinstance(node, ast.FunctionDef)]
    assert all(f.end_lineno - f.lineno < 25 for f in functions)


def lines_of_code(text, nodes):
    """The number of lines, without empty ones and documentation."""
    documentation = {line for node in nodes
                     if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
                     and ast.get_docstring(node)
                     for line in range(node.body[0].lineno, node.body[0].end_lineno + 1)}
    return sum(bool(line.strip()) for i, line in enumerate(text.splitlines(), start=1)
               if i not in documentation)


def take_a_worse_action(m, s, policy, rng):
    """Change the policy in one place; False if every action is optimal."""
    ties = s.optimal_actions
    if m.num_states and isinstance(policy[0], list):
        t = rng.integers(len(policy))
        policy, ties = policy[t], ties[t]
    wrong = [(x, a) for x in range(m.num_states)
             for a in np.flatnonzero(m.available[x]).tolist() if a not in ties[x]]
    if not wrong:
        return False
    x, a = wrong[rng.integers(len(wrong))]
    policy[x] = a
    return True


def some_vector(c, rng):
    """One of the {num, den} of a certificate."""
    vectors = [c] if "num" in c else [c[name] for name in ("gain", "bias") if name in c]
    vectors += c.get("steps", [])
    return vectors[rng.integers(len(vectors))]


def ways_to_spoil(m, s, rng):
    """Certificates in which one statement is false now: (what, certificate)."""
    c = s.certificate
    while True:
        new = copy.deepcopy(c)
        kind = rng.integers(6)
        if kind == 0:  # a policy entry, to an action that is not optimal
            if not take_a_worse_action(m, s, new["policy"], rng):
                continue
        elif kind == 1:                                                  # a numerator
            table = some_vector(new, rng)
            x = rng.integers(m.num_states)
            if "infinite" in new and new["infinite"][x]:
                continue
            table["num"][x] = hex(int(table["num"][x], 16) + int(rng.choice([-1, 1])))
        elif kind == 2:                                                  # a denominator
            table = some_vector(new, rng)
            if not any(int(x, 16) for x in table["num"]):
                continue
            table["den"] = hex(int(table["den"], 16) + 1)
        elif kind == 3:                                                  # a slack
            slack = new["slack"]
            if slack and isinstance(slack[0], list):
                slack = slack[rng.integers(len(slack))]
            k = rng.integers(len(slack))
            slack[k] = 1 - min(slack[k], 1)
        elif kind == 4:
            new["model"] = new["model"][:-1] + ("0" if new["model"][-1] != "0" else "1")
        else:
            new[["format", "version", "criterion", "minimize"][rng.integers(3)]] = "nothing"
        yield int(kind), new


SOLVED = {"discounted": lambda: (mdp.problems.gridworld(), {}),
          "total": lambda: (gambler("2/5"), {}),
          "total cost": lambda: (mdp.problems.student(), {"minimize": True, "goal": [4]}),
          "average": lambda: (garnet_in_fractions(12, 3), {"criterion": "average"}),
          "finite horizon": lambda: (garnet_in_fractions(8, 3), {"horizon": 3})}


def garnet_in_fractions(S, A, seed=0):
    rng = np.random.default_rng(seed)
    w = rng.multinomial(20, np.ones(4) / 4, size=(S, A))
    return mdp.MDP.from_dict({s: {a: [(Fraction(int(x), 20), int(t), int(rng.integers(-9, 10)))
                                      for x, t in zip(w[s, a], rng.choice(S, 4, replace=False))
                                      if x]
                                  for a in range(A)} for s in range(S)}, "9/10")


@pytest.mark.parametrize("name", SOLVED)
def test_a_hundred_mutations_are_rejected_and_tied_actions_accepted(name):
    m, options = SOLVED[name]()
    s = certified(m, **options)
    kinds = set()
    for kind, spoiled in itertools.islice(ways_to_spoil(m, s, np.random.default_rng(0)), 100):
        assert not mdp.verify(m, spoiled), (kind, name)
        kinds.add(kind)
    # there every value is 0 or infinite
    assert kinds >= {1, 3, 4, 5} and (2 in kinds or name == "total cost")
    if name == "discounted":  # every tied action is as good; for total rewards it must also end
        for x, ties in enumerate(s.optimal_actions):
            for a in ties:
                other = copy.deepcopy(s.certificate)
                other["policy"][x] = a
                assert mdp.verify(m, other)
    for broken in (None, [], {}, {"format": "mdp-certificate"}, {**s.certificate, "slack": None},
                   {**s.certificate, "policy": []}):
        assert mdp.verify(m, broken) is False


def test_witnesses_of_infinity_are_checked_as_well():
    """Ranks, layers, potentials and gains: spoil each one."""
    process = {"rich": {"earn": [(1, "rich", 1)], "quit": [(1, "end", 0)]},
               "near": {"go": [("1/2", "rich", -3), ("1/2", "end", 0)]},
               "poor": {"lose": [(1, "poor", -1)]},
               "fork": {"a": [(1, "poor", 5)], "b": [("1/2", "end", -1), ("1/2", "fork", -1)]},
               "idle": {"rest": [(1, "idle", 0)], "leave": [(1, "end", -1)]}, "end": {}}
    m = mdp.MDP.from_dict(process, 1)
    inf, quit_ = float("inf"), m.action_names.index("quit")
    but = lambda row, x, y: [y if i == x else z for i, z in enumerate(row)]          # noqa: E731
    for options, v, fields in (({}, [inf, inf, -inf, -2, 0, 0], {"rank", "layer", "tight"}),
                               ({"goal": [5]}, [inf, inf, -inf, -2, -1, 0],
                                {"rank", "layer", "return"}),
                               ({"goal": [5], "miss": inf}, [inf, inf, inf, inf, inf, 0],
                                {"rank", "tight"}),
                               ({"minimize": True, "goal": [5]},
                                [0, Fraction(-3, 2), inf, -2, -1, 0], {"rank", "layer"})):
        s = certified(m, **options)
        c = s.certificate
        assert list(s.v) == v and set(c) & {"rank", "layer", "tight", "return"} == fields
        spoiled = [{**c, "infinite": but(c["infinite"], x, i)} for x in range(6)
                   for i in {-1, 0, 1} - {c["infinite"][x]}]
        spoiled += [{**c, name: wrong} for name in fields if name != "return" and any(c[name])
                    for wrong in ([0] * 6, [0], None)]
        if 1 in c["infinite"] and not options.get("minimize"):
            spoiled.append({**c, "policy": but(c["policy"], 0, quit_)})
            spoiled.append({**c, "num": but(c["num"], 0, "none")})
        if "return" in c:
            # earns for ever, never returns
            spoiled.append({**c,
                            "return": {**c["return"], "policy": but(c["return"]["policy"], 0, 0)}})
            spoiled.append({**c, "return": {**c["return"], "policy": [-1] * 6}})
            spoiled.append({name: field for name, field in c.items() if name != "return"})
        assert not any(mdp.verify(m, one) for one in spoiled), options


def alter(c, m, chance):
    """Another number, witness or question in one place."""
    S = m.num_states

    def action(x):
        return chance.choice([a for a in range(m.num_actions) if m.available[x, a]] or [-1])

    x, name = chance.randrange(S), chance.choice(["infinite", "num", "rank", "tight", "layer",
                                                  "return", "policy", "slack", "question"])
    if name == "question":
        c["goal"] = chance.choice([None, [x], sorted({x, chance.randrange(S)})])
        c["miss"], c["minimize"] = chance.choice(["inf", "-inf"]), chance.random() < .5
    elif name == "return":
        c[name] = {"policy": [action(y) for y in range(S)],
                   "rank": [chance.randint(0, 4) for _ in range(S)]}
    elif name == "slack":
        c[name] = [1 - k if chance.random() < .2 else k for k in c[name]]
    else:
        c[name] = list(c.get(name, [0] * S))
        c[name][x] = {"infinite": chance.randint(-1, 1), "num": hex(chance.randint(-6, 6)),
                      "policy": action(x)}.get(name, chance.randint(0, 4))


@given(transitions(most_states=4, most_actions=2), st.booleans(),
       st.one_of(st.none(), st.integers(0, 3)), st.booleans(), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_the_checker_accepts_is_true(process, minimize, goal, other, chance):
    """Values, witnesses and the question itself altered at random, several at once: some are still
    accepted, but only with the right values."""
    m, S = mdp.MDP.from_dict(process, 1), len(process)
    options = {} if goal is None else {"goal": [goal % S], "miss": np.inf if other else -np.inf}
    try:
        s = mdp.solve_exact(m, minimize=minimize, **options)
    except ValueError:
        return
    for _ in range(15):
        c = copy.deepcopy(s.certificate)
        for _ in range(chance.randint(1, 5)):
            alter(c, m, chance)
        if mdp.verify(m, c):
            asked = {} if c["goal"] is None else {"goal": c["goal"], "miss": float(c["miss"])}
            true = mdp.solve_exact(m, minimize=c["minimize"], **asked).v
            assert [float("inf") * i if i else Fraction(int(n, 16), int(c["den"], 16))
                    for i, n in zip(c["infinite"], c["num"])] == list(true)


def test_wrong_answers_of_other_tools_are_refused():
    """The least-norm solution at gamma = 1 of a student process, and a value that merely stopped
    changing."""
    s = certified(mdp.problems.student("9/10"))
    wrong = {**s.certificate, "num": [hex(-9899)] * 5, "den": hex(1000)}
    assert not mdp.verify(mdp.problems.student("9/10"), wrong)
    small = mdp.MDP([[[.5, .5], [.8, .2]], [[0, 1], [.1, .9]]], [[5, 10], [-1, 2]], .9,
                    layout="ASS")
    s = certified(small)
    assert not mdp.verify(small,
                          {**s.certificate, "num": [hex(400486), hex(336537)], "den": hex(10000)})
    assert not mdp.verify(small.replace(gamma=.8), s.certificate)         # another process


# the cheap certificate

@given(transitions(), gammas, st.booleans(), st.integers(0, 99))
@settings(deadline=None, max_examples=80)
def test_what_one_sweep_proves_is_true(process, gamma, minimize, seed):
    m = mdp.MDP.from_dict(process, gamma)
    s = mdp.solve_exact(m, minimize=minimize)
    guess = np.array([float(x)
                      for x in s.v]) + np.random.default_rng(seed).normal(size=m.num_states) * .1
    proof = mdp.certify(m, guess, minimize=minimize)
    assert all(low <= v <= high
               for low, v, high in zip(proof.lower.tolist(), s.v, proof.upper.tolist()))
    for x, a in np.argwhere(proof.suboptimal):
        assert a not in s.optimal_actions[x]


def test_a_good_guess_proves_almost_every_action_suboptimal():
    m = grid(60, .999)
    s = mdp.solve(m, tol=1e-7)
    proof = mdp.certify(m, s.v)
    gap = s.v[:, None] - s.q
    clear = m.available & (gap > 1e-4)
    assert proof.suboptimal[clear].mean() >= .99 and not proof.suboptimal[gap < 1e-9].any()
    with pytest.raises(ValueError, match="certify needs gamma < 1"):
        mdp.certify(mdp.problems.student(), np.zeros(5))
    with pytest.raises(ValueError, match=r"v must be \(25,\), has shape \(3,\)"):
        mdp.certify(mdp.problems.gridworld(), np.zeros(3))


# the command line

def test_solve_exact_and_verify_on_the_command_line(capsys, tmp_path):
    path = str(tmp_path / "c.json")
    assert main(["solve", "gridworld", "--exact", "--certificate", path]) == 0
    text = capsys.readouterr().out
    assert "1000000/40951" in text and "north, south, east, west" in text
    assert main(["verify", "gridworld", path]) == 0 and "verified" in capsys.readouterr().out
    assert main(["verify", "gridworld_4x4",
                 path]) == 1 and "another process" in capsys.readouterr().out
    c = json.loads(Path(path).read_text())
    c["num"][0] = "0x0"
    Path(path).write_text(json.dumps(c))
    assert main(["verify", "gridworld", path,
                 "--json"]) == 1 and json.loads(capsys.readouterr().out)["verified"] is False
    assert main(["solve", "student", "--exact", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["v"]["C1"] == "6"
    for options in (["--criterion", "average"], ["--horizon", "2"], ["--goal", "C3"],
                    ["--horizon", "0"]):
        assert main(["solve", "student", "--exact", *options]) == 0
    capsys.readouterr()
    for argv, message in ((["solve", "student", "--certificate", path],
                           "--certificate needs --exact"),
                           (["verify", "student", str(tmp_path)], "directory"),
                          (["solve", "student", "--exact", "--method", "value_iteration"],
                           "--exact has its own method")):
        assert main(argv) == 2
        error = capsys.readouterr().err
        assert message in error.lower() and error.count("\n") == 1
    Path(path).write_text("[]")
    assert main(["verify", "student", path]) == 2 and "not a certificate" in capsys.readouterr().err


def test_bad_questions_get_one_line():
    m = mdp.problems.student()
    for options, message in ((dict(criterion="mean"), "criterion must be one of"),
                             (dict(criterion="discounted"), "needs gamma < 1"),
                             (dict(horizon=-1), "horizon must be an integer >= 0"),
                             (dict(criterion="average", goal=[1]),
                              'goal belongs to criterion "total"'),
                              (dict(miss=1, goal=[1]), "miss must be inf or -inf"),
                             (dict(criterion="total", terminal_values=[0] * 5),
                              "terminal_values belong"),
                              (dict(horizon=1, terminal_values=[0]),
                               r"terminal_values must be \(5,\), has shape \(1,\)")):
        with pytest.raises(ValueError, match=message):
            mdp.solve_exact(m, **options)


def test_a_row_is_read_over_its_smallest_denominator_after_outcomes_are_merged():
    """1/4 + 1/4 to t and 1/2 to s is 1/2, 1/2; the rewards 1/3 and -1/6 earn 1/4 (1/3 - 1/6) =
    1/24."""
    m = mdp.MDP.from_dict({"s": {"a": [("1/4", "t", "1/3"), ("1/4", "t", "-1/6"), ("1/2", "s", 0)]},
                           "t": {}}, "1/2")
    R = rational(m)
    assert (R.D, R.next, R.n, R.r, R.zero) == ([2], [[1, 0]], [[1, 1]], [(1, 24)], [False])
