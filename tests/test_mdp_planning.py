"""Planning: every method against the definition, exact fractions, published answers, and the bounds
it reports."""

import itertools
import json
import sys
import warnings
from fractions import Fraction

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import mdp
from cases_mdp import (by_rows, contains, data_folder, exact_optimum, exact_policy_value, exact_q,
                       gammas, garnet, policy_of, transitions)
from mdp.planning import bounds
from mdp.planning.policy_iteration import evaluate_pairs
from mdp.planning.collapse import collapse
from mdp.planning.policy_iteration_total import upper_function

pytestmark = pytest.mark.filterwarnings("error::mdp.ConvergenceWarning")


@given(transitions(), gammas, st.booleans())
@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.too_slow])
def test_every_method_brackets_the_exact_value_and_the_value_of_its_policy(process, gamma,
                                                                           minimize):
    """200 random processes: the exact optimum, in Fractions, lies within the bounds of every
    method, and so do they pairwise."""
    m = mdp.MDP.from_dict(process, gamma)
    sign = -1 if minimize else 1
    mirrored = {s: {a: [(p, t, sign * r) for p, t, r in o] for a, o in c.items()}
                for s, c in process.items()}
    exact = {s: sign * v for s, v in exact_optimum(mirrored, gamma).items()}
    tol = 1e-7
    solutions = [mdp.solve(m, method=method, minimize=minimize, tol=tol)
                 for method in mdp.planning.METHODS["discounted"]]
    for s in solutions:
        assert s.converged and (s.upper - s.lower).max() <= tol * max(1, np.abs(s.v).max())
        assert contains(s, exact, process), s.method
        names = policy_of(m, s.policy)
        assert set(names) == {state for state, choices in process.items() if choices}
        own = exact_policy_value(process, names, Fraction(gamma))
        assert contains(s, own, process), s.method  # the policy is as good as the bounds say
    for one, two in itertools.combinations(solutions, 2):
        assert (one.lower <= two.upper).all() and (two.lower <= one.upper).all()


@given(transitions(most_states=4, terminal=1))
@settings(deadline=None, max_examples=200,
          suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
def test_total_reward_agrees_with_the_definition_or_both_refuse(process):
    """gamma = 1: end components, improper policies, ties. Where the definition refuses (infinite,
    undefined), so does policy iteration."""
    m = mdp.MDP.from_dict(process, 1)
    try:
        defined = mdp.solve(m, method="enumerate_policies")
    except ValueError as error:
        with pytest.raises(ValueError, match="total reward is"):
            mdp.solve(m)
        assert "total reward is" in str(error)
        return
    s = mdp.solve(m)
    assert s.converged and s.criterion == "total"
    assert (s.lower <= defined.upper).all() and (defined.lower <= s.upper).all()
    infinite = np.isinf(defined.v)
    assert (s.v[infinite] == defined.v[infinite]).all() and np.isfinite(s.v[~infinite]).all()
    if infinite.any():
        return
    exact = exact_policy_value(process, policy_of(m, s.policy), Fraction(1))
    if exact is not None:  # the returned policy ends: its value is one exact solve away
        assert contains(s, exact, process)
        assert all(exact[state] >= q for (state, _), q in exact_q(process, exact, 1).items())
    evaluation = mdp.evaluate(m, s.policy)
    assert (s.lower <= evaluation.v
            + evaluation.error).all() and (evaluation.v - evaluation.error <= s.upper).all()


def frozen_lake(gamma, n=4, holes=((1, 1), (1, 3), (2, 3), (3, 0))):
    """Slippery 4x4 lake: each move goes ahead or to a side with probability 1/3; reward 1 on
    reaching the far corner. No reward on the way: staying is free."""
    moves = [(0, -1), (1, 0), (0, 1), (-1, 0)]
    clip = lambda x: min(max(x, 0), n - 1)                              # noqa: E731
    out = {}
    for r, c in itertools.product(range(n), repeat=2):
        ends = (r, c) in holes or (r, c) == (n - 1, n - 1)
        out[r, c] = {} if ends else {a: [("1/3", cell, int(cell == (n - 1, n - 1)))
                                         for b in (a - 1, a, a + 1)
                                         for cell in [(clip(r + moves[b % 4][0]),
                                                       clip(c + moves[b % 4][1]))]]
                                                       for a in range(4)}
    return mdp.MDP.from_dict(out, gamma, initial=(0, 0))


def test_the_frozen_lake_at_gamma_1_and_below():
    for gamma, value in ((1, 14 / 17), ("99/100", 0.542025932), ("9/10", 0.068890905)):
        s = mdp.solve(frozen_lake(gamma))
        assert s.v[0] == pytest.approx(value, abs=1e-9) and s.converged
    assert {round(17 * v) for v in mdp.solve(frozen_lake(1)).v} == {0, 9, 13, 14, 15, 16}


def test_the_upper_function_is_a_proof_even_where_an_action_almost_as_good_takes_a_million_steps():
    """u > r + P_a u for every action, checked in Fractions.

    The slow action gives away 1e-13; the first attempt at u is refuted by it.
    """
    m = mdp.MDP.from_dict({"a": {"end": [(1, "end", 1)],
                                 "slow": [(1, "wait", "-1/10000000000000")]},
                           "wait": {"end": [("999999/1000000", "wait", 0),
                                            ("1/1000000", "end", 1)]}, "end": {}}, 1)
    nodes = collapse(m.expected, np.ones(m.num_pairs, bool))
    pairs = np.array([0, 2, -1, -1])
    assert nodes.origin.tolist() == [0, 1, 2]
    v, _ = evaluate_pairs(nodes.e, pairs)
    u = [Fraction(float(x)) for x in upper_function(nodes.e, pairs, v)]
    assert u[2] == 0
    for (s, a), q in exact_q(m.to_dict(), dict(zip(m.state_names, u)), 1).items():
        assert u[m.state(s)] > q, (s, a)
    s = mdp.solve(m, tol=1e-7)  # a million steps, each rounded
    assert s.converged and contains(s, {"a": 1, "wait": 1, "end": 0}, m.state_names)


def test_value_iteration_at_gamma_1_refuses_and_names_policy_iteration():
    with pytest.raises(ValueError, match="policy_iteration"):
        mdp.solve(mdp.problems.student(), method="value_iteration")


def test_staying_for_ever_without_reward_is_worth_zero():
    m = mdp.MDP.from_dict({"a": {"stay": [(1, "b", 0)], "pay": [(1, "end", -1)]},
                           "b": {"back": [(1, "a", 0)],
                                 "win": [("1/2", "end", 3), ("1/2", "end", -4)]}, "end": {}}, 1)
    s = mdp.solve(m)
    np.testing.assert_allclose(s.v, 0, atol=1e-12)
    assert [m.action_names[a] for a in s.policy[:2]] == ["stay", "back"]
    # costs: now the way out that pays most is taken, through the component
    s = mdp.solve(m, minimize=True)
    np.testing.assert_allclose(s.v, [-1, -1, 0], atol=1e-12)
    assert [m.action_names[a] for a in s.policy[:2]] == ["pay", "back"]


@pytest.mark.parametrize("method", ["policy_iteration", "enumerate_policies"])
def test_infinite_totals_are_answers_and_undefined_ones_are_refused_and_named(method):
    infinite = [
        ([np.inf, 0], {"a": {"earn": [(1, "a", 1)], "stop": [(1, "end", 0)]}, "end": {}}),
        ([np.inf, np.inf, 0], {"a": {"on": [(1, "b", 2)], "stop": [(1, "end", 0)]},
                               "b": {"back": [(1, "a", -1)]}, "end": {}}),
        ([-np.inf, 0], {"a": {"pay": [(1, "a", -1)]}, "end": {}}),
        ([np.inf, np.inf, 0], {"a": {"risk": [("1/2", "rich", -5), ("1/2", "end", -7)]},
                               "rich": {"earn": [(1, "rich", "1/1000")]}, "end": {}}),
    ]
    for v, process in infinite:
        s = mdp.solve(mdp.MDP.from_dict(process, 1), method=method)
        assert s.v.tolist() == s.lower.tolist() == s.upper.tolist() == v and s.converged
    undefined = [
        {"a": {"on": [(1, "b", 1)], "stop": [(1, "end", 0)]}, "b": {"back": [(1, "a", -1)]},
         "end": {}},
        {"a": {"toss": [("1/2", "a", 1), ("1/2", "a", -1)]}},
        {"a": {"risk": [("1/2", "rich", 0), ("1/2", "poor", 0)]},
         "rich": {"earn": [(1, "rich", 1)]}, "poor": {"lose": [(1, "poor", -1)]}},
    ]
    for process in undefined:
        with pytest.raises(ValueError, match="total reward is undefined .*state [01]"):
            mdp.solve(mdp.MDP.from_dict(process, 1), method=method)


def test_policy_iteration_does_not_cycle_on_ties():
    """100 x 100 slippery grid full of symmetric actions, gamma = 0.99, where a rule that takes the
    largest number goes round for ever."""
    m = grid(100, 0.99)
    s = mdp.solve(m, method="policy_iteration", tol=1e-6)
    assert s.converged and s.iterations < 200
    vi = mdp.solve(m, method="value_iteration", tol=1e-6)
    assert (s.lower <= vi.upper).all() and (vi.lower <= s.upper).all()


def grid(n, gamma, wall=0.2):
    """Slip 0.8 / 0.1 / 0.1, -1 per step, goal in the far corner; walls and the goal stay where they
    are without reward."""
    rng = np.random.default_rng(0)
    walls = rng.random((n, n)) < wall
    walls[0, 0] = walls[-1, -1] = False
    index = np.arange(n * n).reshape(n, n)

    def move(dr, dc):
        r, c = np.meshgrid(np.arange(n), np.arange(n), indexing="ij")
        r, c = np.clip(r + dr, 0, n - 1), np.clip(c + dc, 0, n - 1)
        return np.where(walls | walls[r, c], index, index[r, c]).ravel()

    north, east, south, west = move(-1, 0), move(0, 1), move(1, 0), move(0, -1)
    columns = np.empty((n * n, 4, 3), np.int64)
    for a, to in enumerate([(north, east, west), (east, north, south), (south, east, west),
                            (west, north, south)]):
        columns[:, a] = np.stack(to, axis=1)
    stay = walls.ravel().copy()
    stay[-1] = True
    columns[stay] = np.arange(n * n)[stay][:, None, None]
    R = np.where(stay[:, None], 0.0, -1.0) * np.ones((1, 4))
    P = sp.coo_matrix((np.tile([0.8, 0.1, 0.1], 4 * n * n),
                       (np.repeat(np.arange(4 * n * n), 3), columns.ravel())),
                       shape=(4 * n * n, n * n))
    return mdp.MDP(P, R, gamma)


def test_stopping_on_a_small_last_change_would_be_wrong():
    """gamma = 0.999: the usual rule (largest change below 1e-4) stops 0.1 away from the optimum;
    our bounds say where it is."""
    m = mdp.MDP.from_dict({"a": {"go": [(1, "a", "1/10")]},
                           "b": {"go": [(1, "b", "-1/5")], "end": [(1, "c", -1)]}, "c": {}},
                           "999/1000")
    v, change = np.zeros(3), np.inf
    while change > 1e-4:
        new = mdp.bellman.T(m, v)
        v, change = new, np.abs(new - v).max()
    assert abs(v[0] - 100) > 0.09
    lower, upper, _ = bounds.discounted(m.expected, v)
    # the bounds of the same v admit it
    assert lower[0] <= 100 <= upper[0] and (upper - lower)[0] > 0.05
    s = mdp.solve(m, method="value_iteration", tol=1e-7)
    assert s.converged and abs(s.v[0] - 100) <= 1e-7 * 100  # tol is a part of the largest value


@given(transitions(most_states=4), gammas, st.integers(0, 999))
@settings(deadline=None, max_examples=100)
def test_the_bounds_hold_for_any_guess(process, gamma, seed):
    """bounds.discounted proves something about every v, however bad."""
    m = mdp.MDP.from_dict(process, gamma)
    v = np.where(m.terminal, 0, np.random.default_rng(seed).normal(scale=10, size=m.num_states))
    exact = exact_optimum(process, gamma)
    lower, upper, pairs = bounds.discounted(m.expected, v)
    own = exact_policy_value(process, policy_of(m, mdp.bellman.actions(m.expected, pairs)),
                             Fraction(gamma))
    for s, low, high in zip(process, lower, upper):
        assert Fraction(float(low)) <= own[s] <= exact[s] <= Fraction(float(high))


def test_bounds_that_forget_terminal_states_are_caught():
    """The textbook formula shifts v by the same constant everywhere; a state before the end gains
    nothing from the shift."""
    m = mdp.MDP.from_dict({"a": {"go": [(1, "a", 1)]}, "b": {"go": [(1, "end", 1)]}, "end": {}},
                          "9/10")
    v = np.array([0.0, 0.0, 0.0])
    Tv = mdp.bellman.T(m, v)
    textbook = Tv[:2] + 9 * (Tv - v)[:2].min()
    assert textbook[1] > 1                                              # above the true value, 1
    assert bounds.discounted(m.expected, v)[0][1] <= 1


def test_a_tolerance_out_of_reach_is_a_warning_with_valid_bounds():
    m = garnet(30, 3, 4, 1, 0.999)
    for method in ("value_iteration", "policy_iteration"):
        message = "tol is 1e-14 and allows .*; the bounds are valid"
        with pytest.warns(mdp.ConvergenceWarning, match=message):
            s = mdp.solve(m, method=method, tol=1e-14)
        assert not s.converged and (s.lower <= s.upper).all() and (s.upper - s.lower).max() < 1e-8
    # gamma so near 1 that a row sum cannot be told from 1 / gamma
    with pytest.warns(mdp.ConvergenceWarning):
        s = mdp.solve(mdp.MDP([[[1.0]]], [1.0], 1 - 2**-52), method="policy_iteration")
    assert s.lower[0] == -np.inf and s.upper[0] == np.inf and not s.converged


def test_numbers_that_overflow_leave_bounds_that_say_nothing_rather_than_something_wrong():
    m = mdp.MDP([[[0.5, 0.5]], [[0, 1]]], [1e308, 1e308], 0.99999)
    for method in ("policy_iteration", "value_iteration", "enumerate_policies"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            s = mdp.solve(m, method=method)
        assert not s.converged and (s.lower <= 1e308).all() and (s.upper == np.inf).all()


def test_history_shows_the_bounds_closing_in():
    s = mdp.solve(mdp.problems.gridworld(), method="value_iteration", tol=1e-6)
    assert len(s.history) == s.iterations and (np.diff(s.history) <= 1e-9).all()
    assert s.history[-1] <= 1e-6 * s.v.max()


@given(transitions(), gammas, st.integers(0, 999))
@settings(deadline=None, max_examples=60)
def test_a_backup_is_the_bellman_operator_and_a_followed_policy_its_own(process, gamma, seed):
    m = mdp.MDP.from_dict(process, gamma)
    e, v = m.expected, np.random.default_rng(seed).normal(size=m.num_states)
    v[m.terminal] = 0
    Tv, pairs = mdp.bellman.backup(e, v)
    q = mdp.bellman.q(m, v)
    best = np.where(m.terminal, 0, np.where(np.isnan(q), -np.inf, q).max(1))
    np.testing.assert_allclose(Tv, best, rtol=1e-13, atol=1e-13)
    assert mdp.bellman.actions(e, pairs).tolist() == np.where(m.terminal, -1,
                                                              np.where(np.isnan(q), -np.inf,
                                                                       q).argmax(1)).tolist()
    np.testing.assert_array_equal(mdp.bellman.backup(mdp.bellman.follow(e, pairs), v)[0], Tv)


@pytest.mark.parametrize("zeros", [0.0, 0.3])
def test_a_full_matrix_is_solved_as_the_same_one_in_rows(zeros):
    """BLAS products and compiled loops: the same values; the bounds of each hold for the other."""
    rng = np.random.default_rng(0)
    P = rng.random((60, 3, 60)) * (rng.random((60, 3, 60)) >= zeros)
    m = mdp.MDP(P / P.sum(-1, keepdims=True), rng.normal(size=(60, 3)), 0.95)
    full, rows = m.expected, by_rows(m.expected)
    assert full.full is not None and rows.full is None and np.array_equal(full.full,
                                                                          full.P.toarray())
    v = rng.normal(size=60)
    np.testing.assert_allclose(mdp.bellman.backup(full, v)[0], mdp.bellman.backup(rows, v)[0],
                               rtol=1e-13)
    np.testing.assert_allclose(mdp.bellman.pair_q(full, v), mdp.bellman.pair_q(rows, v), rtol=1e-13)
    for one, other in ((full, rows), (rows, full)):
        a, b = bounds.discounted(one, v)[:2], bounds.discounted(other, v)[:2]
        assert (a[0] <= b[1]).all() and (np.abs(np.subtract(a, b)) < 1e-10).all()


def test_no_bit_of_a_sweep_depends_on_the_number_of_threads(monkeypatch):
    m = grid(130, 0.99)
    v = np.random.default_rng(0).normal(size=m.num_states)
    assert m.expected.P.nnz > mdp.bellman.SMALL
    found = []
    for threads in ("1", "2"):
        monkeypatch.setenv("NPIXEL_THREADS", threads)
        found.append((*mdp.bellman.backup(m.expected, v), mdp.bellman.pair_q(m.expected, v)))
    for one, two in zip(*found):
        np.testing.assert_array_equal(one, two)


# finite horizon

@given(transitions(most_states=3, most_actions=2), st.sampled_from(["1", "1/2"]), st.integers(0, 3),
       st.integers(0, 99))
@settings(deadline=None, max_examples=60)
def test_backward_induction_is_the_best_of_all_policies_that_depend_on_time(process, gamma, T,
                                                                            seed):
    m = mdp.MDP.from_dict(process, gamma)
    end = {s: Fraction(int(x))
           for s, x in zip(process, np.random.default_rng(seed).integers(-3, 4, len(process)))}
    g = Fraction(gamma)

    def best(t):  # the definition, in Fractions
        if t == T:
            return end
        q = exact_q(process, best(t + 1), g)
        return {s: max((q[s, a] for a in process[s]), default=end[s]) for s in process}

    terminal_values = [float(x) for x in end.values()]
    s = mdp.solve(m, criterion="finite_horizon", horizon=T, terminal_values=terminal_values)
    assert s.v.shape == (T + 1, len(process)) and s.policy.shape == (T, len(process))
    assert s.converged
    for t in range(T + 1):
        for state, low, high in zip(process, s.lower[t], s.upper[t]):
            assert Fraction(float(low)) <= best(t)[state] <= Fraction(float(high))
    policies = every_policy(process)
    assume(len(policies) ** T <= 64)
    # and no sequence of policies does better
    for sequence in itertools.product(policies, repeat=T):
        v = end
        for policy in reversed(sequence):
            q = exact_q(process, v, g)
            v = {x: q[x, policy[x]] if process[x] else end[x] for x in process}
        assert all(Fraction(float(high)) >= v[x] for x, high in zip(process, s.upper[0]))


def test_the_inventory_of_quantecon():
    """QuantEcon's finite-horizon inventory problem (test_ddp.py), three steps, values and policies
    as given there."""
    state, action = [int(c) for c in "0000111223"], [int(c) for c in "0123012010"]
    rows = np.array([[1, 0, 0, 0], [.75, .25, 0, 0], [.25, .5, .25, 0], [0, .25, .5, .25]])
    m = mdp.MDP.from_pairs(state, action, rows[np.add(state, action)],
                           [0, -1, -2, -5, 5, 0, -3, 6, -1, 5], 1)
    s = mdp.solve(m, horizon=3)
    np.testing.assert_allclose(s.v[:3], [[67 / 16, 129 / 16, 194 / 16, 227 / 16],
                                         [2, 25 / 4, 10, 21 / 2], [0, 5, 6, 5]], rtol=1e-14)
    assert s.policy.tolist() == [[3, 0, 0, 0], [2, 0, 0, 0], [0, 0, 0, 0]]


def test_howards_toymaker_over_four_steps():
    m = mdp.MDP([[[.5, .5], [.8, .2]], [[.4, .6], [.7, .3]]], [[6, 4], [-3, -5]], 1)
    s = mdp.solve(m, horizon=4)
    np.testing.assert_allclose(s.v[::-1][1:], [[6, -3], [8.2, -1.7], [10.22, .23], [12.222, 2.223]],
                               rtol=1e-13)
    np.testing.assert_allclose(mdp.solve(m.replace(gamma="9/10")).v, [2020 / 91, 160 / 13],
                               rtol=1e-13)


def test_small_examples_of_the_literature():
    puterman = mdp.MDP([[[.5, .5], [0, 1]], [[0, 1], [0, 1]]], [[5, 10], [-1, 0]], 0.95,
                       available=np.array([[True, True], [True, False]]))
    np.testing.assert_allclose(mdp.solve(puterman).v, [-60 / 7, -20], rtol=1e-13)
    small = mdp.MDP([[[.5, .5], [.8, .2]], [[0, 1], [.1, .9]]], [[5, 10], [-1, 2]], 0.9,
                    layout="ASS")
    s = mdp.solve(small)
    np.testing.assert_allclose(s.v, [1825 / 43, 1550 / 43], rtol=1e-13)
    assert s.policy.tolist() == [1, 0]
    np.testing.assert_allclose(mdp.solve(small.replace(gamma=0.96)).v,
                               [100.67873303167413, 94.45701357466055], rtol=1e-13)
    # what another toolbox pins as the value: not within our bounds
    stopped_early = [40.0486, 33.6537]
    assert (np.abs(s.v - stopped_early) > 2).all()


# reference answers from other systems' test suites

def anchor_questions(*what):
    for model in json.loads((data_folder() / "mdp" / "anchors.json").read_text()):
        for question in model["questions"]:
            if question["what"] in what:
                yield model, question


def anchor_model(model, gamma):
    """The choices of an anchor as from_dict writes them; actions by number, since names may repeat.
    """
    return mdp.MDP.from_dict({s: {a: [(p, t, choice["reward"]) for t, p in choice["transitions"]]
                                  for a, choice in enumerate(choices)}
                              for s, choices in enumerate(model["choices"])}, gamma)


def test_discounted_anchors_lie_within_the_bounds():
    seen = 0
    for model, question in anchor_questions("discounted"):
        gamma = question.get("discount", question.get("gamma"))
        for method in mdp.planning.METHODS["discounted"]:
            s = mdp.solve(anchor_model(model, gamma), minimize=question["optimum"] == "min",
                          method=method, tol=1e-7)
            assert contains(s, dict(enumerate(map(Fraction, question["values"]))),
                            range(len(s.v))), (model["name"], question["formula"])
        seen += 1
    assert seen >= 3


def test_finite_horizon_anchors_lie_within_the_bounds():
    seen = 0
    for model, question in anchor_questions("finite_horizon"):
        s = mdp.solve(anchor_model(model, question.get("discount", 1)), criterion="finite_horizon",
                      horizon=question["horizon"],
                      minimize=question["optimum"] == "min", tol=1e-6)
        asked = model["name"], question["formula"]
        for low, high, value in zip(s.lower[0], s.upper[0], question["values"]):
            assert Fraction(float(low)) <= Fraction(value) <= Fraction(float(high)), asked
        seen += 1
    assert seen >= 3


def test_haddad_and_monmege_is_bracketed_or_given_up():
    from test_mdp_evaluation import walk
    s = mdp.solve(walk(20), tol=1)
    assert s.lower[20] <= 3 * 2**19 - 2 <= s.upper[20]
    with pytest.warns(mdp.ConvergenceWarning):
        s = mdp.solve(walk(60))
    assert s.lower[60] <= 3 * 2**59 - 2 <= s.upper[60] and not s.converged


def every_policy(process):
    """Each deterministic policy, {s: a}."""
    alive = [s for s in process if process[s]]
    return [dict(zip(alive, choice)) for choice in itertools.product(*map(process.get, alive))]


# what does not go together

def test_bad_arguments_get_one_line():
    """The same words from `solve` and, where it has the argument, from `solve_exact`."""
    both = [
        (dict(criterion="mean"),
         "criterion must be one of discounted, total, finite_horizon, average, is 'mean'"),
        (dict(criterion=["total"]), "average, is ['total']"),
        (dict(criterion="discounted"), 'criterion "discounted" needs gamma < 1, gamma is 1'),
        (dict(goal=[]), "goal must name a state, is empty"),
        (dict(goal=[9]), "goal[0] is 9, outside [0, 5)"),
        (dict(goal=[4], miss=0), "miss must be inf or -inf, is 0"),
        (dict(miss=np.inf), "miss belongs to goal="),
        (dict(goal=[4], horizon=3), 'goal belongs to criterion "total", not to "finite_horizon"'),
        (dict(criterion="finite_horizon"), "horizon must be an integer >= 0, is None"),
        (dict(horizon=-1), "horizon must be an integer >= 0, is -1"),
        (dict(horizon=2.5), "horizon must be an integer >= 0, is 2.5"),
        (dict(horizon=True), "horizon must be an integer >= 0, is True"),
        (dict(horizon=2, terminal_values=[0]), "terminal_values"),
        (dict(horizon=2, terminal_values=[0, 0, 0, 0, np.nan]), "terminal_values[4]"),
        (dict(criterion="total", horizon=3), 'horizon belongs to criterion "finite_horizon"'),
        (dict(terminal_values=[0] * 5), 'terminal_values belongs to criterion "finite_horizon"'),
        (dict(minimize="no"), "minimize must be True, False or None, is 'no'"),
    ]
    floats = [
        (dict(goal=[4], method="enumerate_policies"),
         "goal belongs to method \"policy_iteration\", not to 'enumerate_policies'"),
        (dict(max_iterations=3), "max_iterations belongs to the methods that sweep"),
        (dict(max_iterations=0), "max_iterations must be an integer >= 1, is 0"),
        (dict(method="linear_programming"), "method must be auto or one of policy_iteration, "
         "value_iteration, enumerate_policies for criterion 'total', is 'linear_programming'"),
        (dict(method="backward_induction"), "for criterion 'total', is 'backward_induction'"),
        (dict(method=None), "for criterion 'total', is None"),
        (dict(tol=0), "tol must be a positive number, is 0"),
        (dict(tol="small"), "tol must be a positive number, is 'small'"),
    ]
    m, g = mdp.problems.student(), mdp.problems.gridworld()
    for door, bad in ((mdp.solve, both + floats), (mdp.solve_exact, both)):
        for arguments, message in bad:
            with pytest.raises(ValueError) as error:
                door(m, **arguments)
            assert message in str(error.value) and "\n" not in str(error.value)
        with pytest.raises(ValueError, match="m .* an MDP, .* str"):
            door("student")
    with pytest.raises(ValueError,
                       match=r"would evaluate 1.13e\+15 policies, above its limit of 65536"):
        mdp.solve(g, method="enumerate_policies")


def test_total_ignores_gamma_and_the_model_of_one_terminal_state_is_solved():
    m = mdp.problems.student("1/2")
    np.testing.assert_allclose(mdp.solve(m, criterion="total").v, [6, 6, 8, 10, 0], atol=1e-11)
    empty = mdp.MDP.from_dict({"end": {}}, "1/2")
    for arguments in (dict(), dict(method="value_iteration"), dict(method="enumerate_policies"),
                      dict(criterion="total"), dict(horizon=2)):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert not mdp.solve(empty, **arguments).v.any()


# the warning

HERE = [(criterion, method) for criterion, methods in mdp.planning.METHODS.items()
        for method in methods if (criterion, method) != ("total", "value_iteration")]


@pytest.mark.parametrize("minimize", [False, True])
@pytest.mark.parametrize("criterion, method", HERE)
def test_the_warning_points_at_the_line_that_asked(criterion, method, minimize):
    """Every method, so that a filter by file or module works, and the line that is shown helps."""
    m, options = garnet(8, 2, 3, 0, 0.999), {}
    if criterion == "finite_horizon":
        options["horizon"] = 30
    if criterion == "total":                                             # some way to an end
        m = mdp.MDP.from_dict({"a": {"on": [(1 / 3, "a", 0.1), (1 / 3, "b", 0.7), (1 / 3, "c", 1)],
                                     "off": [(1, "c", 1)]},
                               "b": {"back": [(0.7, "a", 3), (0.3, "c", 2)]}, "c": {}}, 1)
    ask = {"door": mdp.solve, "m": m, "criterion": criterion, "method": method,
           "minimize": minimize, "tol": 1e-300, **options}
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        s = ask.pop("door")(ask.pop("m"), **ask); line = sys._getframe().f_lineno      # noqa: E702
    assert not s.converged
    mine = [w for w in seen if issubclass(w.category, mdp.ConvergenceWarning)]
    assert [(w.filename, w.lineno) for w in mine] == [(__file__, line)]


def test_what_is_asked_of_the_process_itself_warns_at_that_line_too():
    """Doors that are methods, and a policy that is evaluated."""
    m = garnet(8, 2, 3, 0, 0.999)
    with pytest.warns(mdp.ConvergenceWarning) as seen:
        mdp.solve(m, tol=1e-300)
        with np.errstate(all="ignore"):
            mdp.evaluate(mdp.MDP([[[1.0]]], [1e308], 0.999), [0])
    assert {w.filename for w in seen} == {__file__} and len(seen) == 2
