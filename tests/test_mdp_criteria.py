"""Every criterion against its definition in Fractions, and against reference answers of other
systems."""

import itertools
import warnings
from fractions import Fraction

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import hunt_processes
import mdp
from cases_mdp import (contains, exact_gain, exact_optimum, exact_policy_value, garnet, gammas,
                       policy_of,
                       qvbs_questions, solve_exactly, transitions)
from mdp.planning import gain, gauss_seidel, iterate, simplex
from mdp.planning.choose import choose
from mdp.planning.simplex import linear_program
from test_mdp_planning import anchor_model, anchor_questions, grid
from oracles import enumeration

pytestmark = pytest.mark.filterwarnings("error::mdp.ConvergenceWarning")


def brackets(s, values):
    """True if the bounds hold `values` (texts), infinities exactly."""
    return all(low == high == float(x)
               if "inf" in x else Fraction(float(low)) <= Fraction(x) <= Fraction(float(high))
               for low, high, x in zip(s.lower, s.upper, values))


def policies(process):
    names = [s for s in process if process[s]]
    for choice in itertools.product(*(process[s] for s in names)):
        yield dict(zip(names, choice))


# goals

def reaches_surely(process, policy, goal):
    """States from which the goal is reached with probability one: {s: bool}."""
    able = set(goal)
    for _ in process:
        able |= {s for s in policy
                 if s not in goal and any(t in able for _, t, _ in process[s][policy[s]])}
    sure = {s: True for s in process}
    for _ in process:
        for s in process:
            if s not in goal and (s not in able
                                  or any(not sure[t] for _, t, _ in process[s][policy[s]])):
                sure[s] = False
    return sure


def best_that_reaches(cut, goal, sign):
    """{s: the best value of a policy that reaches the goal surely, None if there is none}."""
    best = {s: 0 if s in goal else None for s in cut}
    for policy in policies(cut):
        sure = reaches_surely(cut, policy, goal)
        inner = {s: a for s, a in policy.items() if sure[s]}
        world = {s: cut[s] if sure[s] else {} for s in cut}
        v = exact_policy_value(world, inner, Fraction(1))
        for s in inner:
            best[s] = v[s] if best[s] is None else max(best[s], v[s], key=lambda x: sign * x)
    return best


def improved(cut, best, missing, sign):
    """The states with an action that improves on the best stationary policy.

    If there is none, that policy is the answer. Else ever longer detours gain without bound.
    """
    q = {(x, a): sum(Fraction(p) * (Fraction(r) + best[t]) for p, t, r in outcomes)
         for x in cut if x not in missing for a, outcomes in cut[x].items()
         if all(t not in missing for _, t, _ in outcomes)}
    return {x for (x, a), value in q.items() if sign * value > sign * best[x]}


@given(transitions(most_states=4, most_actions=2), st.integers(0, 3), st.booleans())
@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.too_slow])
def test_rewards_until_a_goal_are_the_best_over_policies_that_reach_it(process, chosen, minimize):
    """miss = -inf (minimising +inf).

    The definition: the best policy that reaches the goal surely; gains that repeat without bound
    are infinite.

    Where rewards cancel around a loop, floating point cannot prove an upper bound: then there is a
    warning, and the bounds hold all the same.
    """
    goal, sign = {chosen % len(process)}, -1 if minimize else 1
    cut = process | dict.fromkeys(goal, {})
    best = best_that_reaches(cut, goal, sign)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mdp.ConvergenceWarning)
        s = mdp.solve(mdp.MDP.from_dict(process, 1), goal=list(goal), minimize=minimize)
    missing = {x for x in process if best[x] is None}
    assert all(s.v[x] == -sign * np.inf for x in missing)
    finite = [x for x in process if x not in missing]
    unbounded = improved(cut, best, missing, sign)
    for x in finite:
        if s.lower[x] < s.upper[x] or np.isfinite(s.v[x]):
            assert x not in unbounded or not s.converged
            # Python compares Fractions with floats exactly, infinities too
            assert unbounded or float(s.lower[x]) <= best[x] <= float(s.upper[x])
        else:
            assert s.v[x] == sign * np.inf and unbounded
    assert unbounded or not s.converged or np.isfinite(s.v[finite]).all()


@given(transitions(most_states=4, most_actions=2), st.integers(0, 3))
@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
def test_missing_a_goal_may_be_worth_the_other_infinity(process, chosen):
    """The largest cost when a miss costs everything: infinite wherever some policy may miss."""
    goal = {chosen % len(process)}
    cut = {s: {} if s in goal else choices for s, choices in process.items()}
    values = [(reaches_surely(cut, p, goal), exact_policy_value(cut, p, Fraction(1)))
              for p in policies(cut)]
    s = mdp.solve(mdp.MDP.from_dict(process, 1), goal=list(goal), miss=np.inf)
    for x in process:
        if all(sure[x] for sure, _ in values):
            best = max(exact_policy_value({y: cut[y] if sure[y] else {} for y in cut},
                                          {y: a for y, a in p.items() if sure[y]}, Fraction(1))[x]
                       for p, (sure, _) in zip(policies(cut), values))
            assert Fraction(float(s.lower[x])) <= best <= Fraction(float(s.upper[x]))
        else:
            assert s.v[x] == np.inf


def test_the_total_reward_of_a_long_chain():
    """-1 a step to the end: minus the number of steps, as a sum without rounding."""
    S = 100_000
    P = sp.csr_matrix((np.ones(S - 1), (np.arange(S - 1), np.arange(1, S))), shape=(S - 1, S))
    m = mdp.MDP.from_pairs(np.arange(S - 1), np.zeros(S - 1, int), P, -np.ones(S - 1), 1)
    s = mdp.solve(m, tol=1e-3)
    assert (s.v == np.arange(S) - (S - 1.0)).all()
    assert (s.lower <= s.v).all() and (s.v <= s.upper).all()


def cliff():
    """4 x 12 cells, -1 a step; in the last row, between its corners, -100 and back to the start."""
    moves, out = {"north": (-1, 0), "east": (0, 1), "south": (1, 0), "west": (0, -1)}, {}
    for r, c in itertools.product(range(4), range(12)):
        out[r, c] = {}
        for name, (down, right) in moves.items() if (r, c) != (3, 11) else ():
            to = min(max(r + down, 0), 3), min(max(c + right, 0), 11)
            falls = to[0] == 3 and 0 < to[1] < 11
            out[r, c][name] = [(1, (3, 0), -100.0)] if falls else [(1, to, -1.0)]
    return mdp.MDP.from_dict(out, 1, initial=(3, 0))


def test_the_value_of_a_total_is_the_value_of_the_policy():
    """13 steps along the cliff: -13, which the midpoint of lopsided bounds misses."""
    m = cliff()
    s, x = mdp.solve(m), mdp.solve_exact(m)
    assert s.v.tolist() == mdp.evaluate(m, s.policy).v.tolist() == list(x.v)
    assert s.v[m.state((3, 0))] == -13.0
    assert (s.lower <= s.v).all() and (s.v <= s.upper).all() and s.width < 1e-10
    first = [min(best, default=-1) for best in x.optimal_actions]
    assert s.policy.tolist() == x.policy.tolist() == first


@given(transitions(most_states=5, most_actions=3), st.booleans())
@settings(deadline=None, max_examples=60)
def test_where_nothing_can_be_gained_or_lost_the_value_is_zero(process, minimize):
    """Rewards taken as losses: what may end or rest without one is worth 0, and nothing more."""
    turned = lambda f: mdp.MDP.from_dict(                                # noqa: E731
        {s: {a: [(p, t, f(r)) for p, t, r in o] for a, o in process[s].items()}
         for s in process}, 1)
    losses, nothing = turned(lambda r: -abs(r)), turned(lambda r: 0.0)
    s, x = mdp.solve(losses, tol=1e3), mdp.solve_exact(losses)
    zero = x.v == 0
    assert (s.upper <= 0).all() and not s.lower[zero].any() and not s.v[zero].any()
    assert not s.upper[zero].any()
    for criterion in ("total", "average"):
        s = mdp.solve(nothing, criterion=criterion, minimize=minimize)
        assert not s.lower.any() and not s.v.any() and not s.upper.any() and s.width == 0


@pytest.mark.parametrize("what, least",
                         [("total_reward", 48), ("reach_reward", 36), ("reach_probability", 4)])
def test_total_reward_anchors_in_every_reading(what, least):
    seen = 0
    for model, question in anchor_questions(what):
        m, minimize = anchor_model(model, 1), question["optimum"] == "min"
        tol = 1 if "haddad" in model["name"] else 1e-6                   # 1.5e6 steps, each rounded
        if what == "reach_probability":
            s = mdp.solve(mdp.transforms.reachability(m, question["goal"]), minimize=minimize,
                          tol=1e-6)
            values = [x if i not in question["goal"] else "0"
                      for i, x in enumerate(question["values"])]
        elif what == "reach_reward":
            s, values = mdp.solve(m, goal=question["goal"], miss=float(question["miss"]),
                                  minimize=minimize, tol=tol), question["values"]
        else:
            s, values = mdp.solve(m, minimize=minimize, tol=tol), question["values"]
        assert s.converged and brackets(s, values), (model["name"], question["formula"])
        seen += 1
    assert seen == least


@pytest.mark.parametrize("name",
                         ["cdrive.3", "consensus.2_K2", "ij.3", "beb.3-4_N3", "wlan.0_COL0"])
def test_published_answers_of_the_verification_benchmarks_lie_within_the_bounds(name):
    for m, goal, options, at, value in qvbs_questions(name):
        s = mdp.solve(m, goal=goal, tol=1e-6, **options)
        assert s.converged and Fraction(float(s.lower[at])) <= value <= Fraction(float(s.upper[at]))


# average reward

@given(transitions(most_states=5, most_actions=2), st.booleans())
@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.too_slow])
def test_the_gain_is_the_best_over_all_policies_and_the_bias_solves_its_equation(process, minimize):
    """Multichain: periodic, transient, several classes, dead ends."""
    m = mdp.MDP.from_dict(process, 1)
    sign = -1 if minimize else 1
    best = None
    for policy in policies(process):
        g, _ = exact_gain(process, policy)
        best = g if best is None else {s: max(best[s], g[s], key=lambda x: sign * x) for s in g}
    s = mdp.solve(m, criterion="average", minimize=minimize)
    assert s.converged and contains(s, best, process) and (s.gain == s.v).all()
    own, bias = exact_gain(process, policy_of(m, s.policy))
    assert contains(s, own, process)
    np.testing.assert_allclose(s.bias, [float(bias[x]) for x in process],
                               atol=1e-7 * (1 + max(abs(float(x)) for x in bias.values())))


def test_average_anchors_lie_within_the_bounds():
    seen = 0
    for model, question in anchor_questions("average", "bias"):
        s = mdp.solve(anchor_model(model, 1), criterion="average",
                      minimize=question["optimum"] == "min")
        if question["what"] == "bias":
            np.testing.assert_allclose(s.bias, [float(Fraction(x)) for x in question["values"]],
                                       atol=1e-12)
        else:
            assert brackets(s, question["values"]), model["name"]
        seen += 1
    assert seen == 6


def test_howards_taxicab_and_toymaker_on_average():
    P = [[["1/2", "1/4", "1/4"], ["1/16", "3/4", "3/16"], ["1/4", "1/8", "5/8"]],
         [["1/2", "0", "1/2"], ["1/16", "7/8", "1/16"], ["1", "0", "0"]],
         [["1/4", "1/4", "1/2"], ["1/8", "3/4", "1/8"], ["3/4", "1/16", "3/16"]]]
    R = [[[10, 4, 8], [8, 2, 4], [4, 6, 4]], [[14, 0, 18], [8, 16, 8], [0, 0, 0]],
         [[10, 2, 8], [6, 4, 2], [4, 0, 8]]]
    m = mdp.MDP(P, R, "9/10", available=np.array([[1, 1, 1], [1, 1, 0], [1, 1, 1]], bool))
    s = mdp.solve(m, criterion="average")
    assert s.policy.tolist() == [1, 1, 1] and s.lower[0] <= 1588 / 119 <= s.upper[0]
    np.testing.assert_allclose(s.bias - s.bias[2], [-20 / 17, 1506 / 119, 0], rtol=1e-12)
    toymaker = mdp.MDP([[[.5, .5], [.8, .2]], [[.4, .6], [.7, .3]]], [[6, 4], [-3, -5]], 1)
    s = mdp.solve(toymaker, criterion="average")
    assert s.policy.tolist() == [1, 1] and s.gain.tolist() == pytest.approx([2, 2])
    assert s.bias[0] - s.bias[1] == pytest.approx(10)
    small = mdp.MDP([[[.5, .5], [.8, .2]], [[0, 1], [.1, .9]]], [[5, 10], [-1, 2]], 0.9,
                    layout="ASS")
    # the suite of another toolbox pins 3.88523
    assert mdp.solve(small, criterion="average").gain == pytest.approx([35 / 9, 35 / 9])


def test_a_gain_bound_that_took_the_midpoint_for_the_truth_would_be_caught(monkeypatch):
    """Plant a fault: bounds without the rounding and the span of the residual."""
    m = garnet(20, 2, 3, 0, 0.9)
    e = m.undiscounted
    found = gain.component_gain(e, np.arange(20), np.arange(m.num_pairs))
    assert found.lower <= found.upper and found.upper - found.lower < 1e-10
    wrong = gain.component_gain(e.replace(r=e.r + 1e-6), np.arange(20), np.arange(m.num_pairs))
    assert wrong.lower > found.upper  # a shift of a millionth is far outside the bounds


# semi-Markov, and discounts of single pairs

def test_the_data_transformation_of_a_semi_markov_process_solved_by_hand():
    """State 0: work (reward 5, 2 hours, then 1) or rest (reward 1, 1 hour, stays). State 1: reward
    2, half an hour, back. Working: 7 per 2.5 hours."""
    P = [[[0, 1], [1, 0]], [[1, 0], [1, 0]]]
    m, step = mdp.transforms.semi_markov(P, [[5, 1], [2, 2]], [[2, 1], ["1/2", "1/2"]], initial=0)
    s = mdp.solve(m, criterion="average")
    assert step == Fraction(1, 4) and s.policy[0] == 0
    assert float(s.gain[0] / step) == pytest.approx(14 / 5,
                                                    rel=1e-12) and m.exact_probability is not None
    with pytest.raises(ValueError,
                       match=r"step is 3, but at most 2 is possible for state 0, action 0"):
        mdp.transforms.semi_markov(P, [[5, 1], [2, 2]], [[2, 1], ["1/2", "1/2"]], step=3)
    with pytest.raises(ValueError, match=r"time\[1, 0\] is 0: it must be positive"):
        mdp.transforms.semi_markov(P, [[5, 1], [2, 2]], [[2, 1], [0, 1]])
    with pytest.raises(ValueError, match="P, R and time must be"):
        mdp.transforms.semi_markov(P, [[5, 1], [2, 2]], [2, 1])


def q_by_pair(process, g, v):
    """{(s, a): r + gamma(s, a) P v}.   g {(s, a): gamma}"""
    return {(s, a): sum(Fraction(p) * (r + g[s, a] * v[t]) for p, t, r in process[s][a])
            for s, a in g}


def best_by_pair(process, g):
    """(v, policy) of policy iteration in Fractions.   g {(s, a): gamma}"""
    policy = {s: next(iter(process[s])) for s in process if process[s]}
    while True:
        v = discounted_by_pair(process, policy, g, lambda s, a, t, r: r, 1)
        q = q_by_pair(process, g, v)
        better = {s: max(process[s], key=lambda a: q[s, a]) for s in policy}
        if all(q[s, better[s]] == v[s] for s in policy):
            return v, policy
        policy = better


def discounted_by_pair(process, policy, g, reward, power):
    """x = reward + gamma(s, a)**power P x of a policy {s: a}.   g {(s, a): gamma}"""
    A = [[Fraction(int(i == j)) for j in process] for i in process]
    b = [Fraction(0) for _ in process]
    for s, a in policy.items():
        for p, t, r in process[s][a]:
            A[s][t] -= g[s, a] ** power * Fraction(p)
            b[s] += Fraction(p) * reward(s, a, t, r)
    return solve_exactly(A, b)


@given(transitions(most_states=4, most_actions=2),
       st.lists(st.sampled_from(["0", "1/2", "9/10", "99/100"]), min_size=8, max_size=8))
@settings(deadline=None, max_examples=60)
def test_every_pair_may_have_its_own_discount(process, discounts):
    """The Bellman equation with gamma(s, a), in Fractions; evaluation, variance and every method
    agree with it."""
    pairs = [(s, a) for s in process for a in process[s]]
    assume(pairs)
    g = {pair: Fraction(discounts[i % 8]) for i, pair in enumerate(pairs)}
    table = {s: {a: str(g[s, a]) for a in process[s]} for s in process}
    m = mdp.MDP.from_dict(process, table)
    v, policy = best_by_pair(process, g)
    for method in mdp.planning.METHODS["discounted"]:
        s = mdp.solve(m, method=method, tol=1e-6)
        assert contains(s, v, process), method
    pi = np.array([m.action_names.index(policy[s]) if s in policy else -1 for s in process])
    evaluation = mdp.evaluate(m, pi)
    np.testing.assert_allclose(evaluation.v, [float(x) for x in v], atol=1e-9)
    variance = discounted_by_pair(process, policy, g,
                                  lambda s, a, t, r: (r + g[s, a] * v[t] - v[s]) ** 2, 2)
    np.testing.assert_allclose(evaluation.return_variance, [float(x) for x in variance], atol=1e-8)
    same = mdp.MDP.from_dict(process, {s: {a: "9/10" for a in process[s]} for s in process})
    assert same.pair_gamma is None and same.exact_gamma == Fraction(9, 10)


def test_discounts_of_pairs_come_in_every_form_and_survive_a_file(tmp_path):
    g = np.array([[.5, .9], [.25, .75]])
    P, R = np.full((2, 2, 2), .5), np.array([[1., 2], [3, 4]])
    m = mdp.MDP(P, R, g)
    k = mdp.MDP.from_pairs([1, 0, 1, 0], [1, 0, 0, 1], np.full((4, 2), .5), [4., 1, 3, 2],
                           [.75, .5, .25, .9])
    assert (m.pair_gamma == k.pair_gamma).all() and m.gamma == 0.9
    assert (mdp.solve(m, tol=1e-9).v == mdp.solve(k, tol=1e-9).v).all()
    named = mdp.MDP.from_dict({"a": {"x": [(1, "b", 1)], "y": [(1, "a", 0)]},
                               "b": {"x": [(1, "a", 2)]}},
                               {"a": {"x": "1/2", "y": 0}, "b": {"x": .5}})
    mdp.save(named, tmp_path / "m.json")
    assert (mdp.load(tmp_path / "m.json").pair_gamma == named.pair_gamma).all()
    assert mdp.solve(named).v.tolist() == pytest.approx([8 / 3, 10 / 3])
    # ignores them
    np.testing.assert_allclose(mdp.solve(m, criterion="average").gain,
                               mdp.solve(m.replace(gamma=.5), criterion="average").gain)
    for gamma, message in ((np.ones((3, 2)), r"gamma must be a number or shape \(2, 2\), has shape "
                                             r"\(3, 2\)"),
                                             ([[.5, 1.5], [0, 0]], "gamma is 1.5 for pair 1"),
                           ([[.5, 1], [0, 0]], "gamma is 1 for pair 1 and smaller for others")):
        with pytest.raises(ValueError, match=message):
            mdp.MDP(P, R, gamma)
    with pytest.raises(ValueError, match="gamma lacks an entry for state 'b', action 'x', which "
                                         "the process has"):
        mdp.MDP.from_dict({"b": {"x": [(1, "b", 1)]}}, {"b": {}})


# constraints

def test_constrained_anchors_are_met_exactly():
    seen = 0
    for model, question in anchor_questions("constrained"):
        m = anchor_model(model, 1).replace(initial=model["initial"])
        c = mdp.solve_constrained(m, question["constraints"], goal=question["goal"],
                                  minimize=question["optimum"] == "min")
        if question["answer"] == "infeasible":
            assert c.value is None
        else:
            assert c.value == Fraction(question["answer"]), (model["name"], question["constraints"])
            assert c.randomised <= len(question["constraints"])
            assert all(kept >= Fraction(one["at_least"])
                       for kept, one in zip(c.kept, question["constraints"]))
        seen += 1
    assert seen == 13


@given(transitions(most_states=4, most_actions=2), st.booleans())
@settings(deadline=None, max_examples=50)
def test_without_constraints_the_program_is_the_plain_problem(process, minimize):
    m = mdp.MDP.from_dict(process, "9/10", initial=0)
    c = mdp.solve_constrained(m, [], minimize=minimize)
    sign = -1 if minimize else 1
    exact = exact_optimum({s: {a: [(p, t, sign * r) for p, t, r in o] for a, o in x.items()}
                           for s, x in process.items()}, "9/10")
    assert sign * c.value == exact[0] and c.randomised == 0


def test_a_discounted_constraint_randomises_between_two_policies():
    """One state, a: reward 1 and cost 1, b: nothing. Discounted cost at most 3 of 10: a with
    probability 3/10."""
    m = mdp.MDP([[[1], [1]]], [["1", "0"]], "9/10", initial=0)
    c = mdp.solve_constrained(m, [{"reward": [[1, 0]], "at_most": 3}])
    assert c.value == 3 and c.policy[0, frozenset()] == {0: Fraction(3, 10),
                                                         1: Fraction(7, 10)} and c.randomised == 1
    assert mdp.solve_constrained(m, [{"reward": [[1, 0]], "at_least": 11}]).value is None
    assert mdp.solve_constrained(m.replace(gamma=1), []).value == np.inf
    for bad, message in (({"reward": [[1, 0]]}, "constraint 0 must be"),
                         ({"reward": [[1]], "at_most": 1},
                          r"reward must be \(1, 2\), has shape \(1, 1\)"),
                         ({"goal": [0], "at_least": 1}, '"goal" belongs to criterion "total"')):
        with pytest.raises(ValueError, match=message):
            mdp.solve_constrained(m, [bad])
    with pytest.raises(ValueError, match="give the MDP initial="):
        mdp.solve_constrained(mdp.problems.gridworld(), [])


def test_the_exact_pivots_repair_a_wrong_basis(monkeypatch):
    """Whatever HiGHS proposes, a wrong basis is only a slow start."""
    columns = [{0: Fraction(1), 1: Fraction(1)}, {0: Fraction(1)}, {1: Fraction(1)}]
    b, cost = [Fraction(4), Fraction(3)], [Fraction(2), Fraction(1), Fraction(0)]
    expected = linear_program(columns, b, cost)
    assert expected == ("optimal", [3, 1, 0])
    for proposal in ([], [2, 1], [0, 1, 2], [1]):
        monkeypatch.setattr(simplex, "_proposed", lambda *_: proposal)
        assert linear_program(columns, b, cost) == expected
    assert linear_program([{0: Fraction(1)}], [Fraction(-1)], [Fraction(1)]) == ("infeasible", None)
    assert linear_program([{0: Fraction(1)}, {0: Fraction(-1)}], [Fraction(1)],
                          [Fraction(1), Fraction(0)]) == ("unbounded", None)


# methods

@given(transitions(most_states=6), st.integers(0, 99))
@settings(deadline=None, max_examples=60)
def test_renumbering_and_components_keep_the_process(process, seed):
    m = mdp.MDP.from_dict(process, "9/10")
    e = m.expected
    order = np.random.default_rng(seed).permutation(m.num_states)
    ptr, row, column, p, r = gauss_seidel.renumbered(e, order)
    v = np.random.default_rng(seed).normal(size=m.num_states)
    P = sp.csr_matrix((p, column, row), shape=e.P.shape)
    moved = e.replace(P=P, r=r, pair_ptr=ptr, owner=np.repeat(np.arange(order.size), np.diff(ptr)))
    np.testing.assert_allclose(mdp.bellman.pair_max(moved, mdp.bellman.pair_q(moved, v[order])),
                               mdp.bellman.T(m, v)[order], atol=1e-12)
    assert sorted(gauss_seidel.outward(e, iterate.start(e))) == list(range(m.num_states))
    rows = np.repeat(e.owner, np.diff(e.P.indptr))
    arrows = sp.csr_matrix((np.ones(rows.size), (rows, e.P.indices)), shape=(m.num_states,) * 2)
    found, ends = mdp.graph.successors_first(arrows)
    place = np.empty(m.num_states, int)
    place[found] = np.searchsorted(ends, np.arange(m.num_states), side="right")
    assert sorted(found) == list(range(m.num_states)) and all(place[t] <= place[s]
                                                              for s, t in zip(*arrows.nonzero()))
    assert len(ends) - 1 == len(mdp.graph.communicating_classes(arrows))


@given(transitions(), gammas)
@settings(deadline=None, max_examples=60)
def test_sweeps_start_from_below(process, gamma):
    m = mdp.MDP.from_dict(process, gamma)
    v = iterate.start(m.expected)
    assert (mdp.bellman.T(m, v) >= v - 1e-9 * np.abs(v).max(initial=1)).all()
    assert not v[m.terminal].any()


def test_a_cap_on_sweeps_is_a_warning_with_valid_bounds():
    """Where another toolbox stops after 250 sweeps, 8.0 away, without a word."""
    m = grid(30, 0.99)
    reference = mdp.solve(m, method="policy_iteration")
    for method in ("value_iteration", "gauss_seidel", "modified_gauss_seidel",
                   "modified_policy_iteration", "anderson", "prioritized_sweeping"):
        with pytest.warns(mdp.ConvergenceWarning, match="the bounds are valid"):
            s = mdp.solve(m, method=method, max_iterations=2)
        assert not s.converged and s.iterations <= 10 and (s.lower <= reference.upper).all()
        assert (reference.lower <= s.upper).all()


def test_auto_probes_the_process():
    assert choose(garnet(50, 2, 3, 0, .9).expected) == "policy_iteration"
    assert choose(grid(60, 0.999).expected) == "modified_gauss_seidel"
    rng = np.random.default_rng(0)
    P = sp.csr_matrix((np.full(4 * 3000 * 2, .25),
                       (np.repeat(np.arange(6000), 4), rng.integers(0, 3000, 24000))),
                       shape=(6000, 3000))
    m = mdp.MDP(P, rng.normal(size=(3000, 2)), 0.99)
    assert choose(m.expected) == "modified_policy_iteration"
    for model in (m, grid(60, 0.99)):
        s = mdp.solve(model, tol=1e-6)
        assert s.converged and s.method == choose(model.expected)


@pytest.mark.parametrize("order", [("at once", "by halves"), ("by halves", "at once")])
@pytest.mark.parametrize("side", [1, -1])
def test_of_actions_with_equal_gain_and_bias_the_first_is_taken(order, side):
    """1 on the way to the end, at once or as 1/2 a step while half of the steps stay: bias 1, gain
    0.

    In u staying earns 1 a step, and so does the round trip by w; but staying has the better bias.
    """
    ways = {"at once": [(1, "end", side)],
            "by halves": [(.5, "s", side / 2), (.5, "end", side / 2)]}
    m = mdp.MDP.from_dict({"s": {name: ways[name] for name in order},
                           "end": {"rest": [(1, "end", 0)]},
                           "u": {"go": [(1, "w", 0)], "stay": [(1, "u", side)]},
                           "w": {"back": [(1, "u", 2 * side)]}}, 1)
    for found in (mdp.solve, mdp.solve_exact):
        s = found(m, criterion="average", minimize=side < 0)
        assert [m.action_names[a] for a in s.policy] == [order[0], "rest", "stay", "back"]
        assert [float(x) for x in s.gain] == pytest.approx([0, 0, side, side])
        assert [float(x) for x in s.bias] == pytest.approx([side, 0, 0, side])


def test_floats_and_fractions_take_the_same_first_action_under_the_average_criterion():
    """Random processes; or floats cannot tell: their policy's exact gain is another, and near."""
    for seed in [40, 185, 306, 400, 460, 509, 649, 137, *range(30)]:
        process, given, gamma, _ = hunt_processes.draw(np.random.default_rng(seed))
        m = mdp.MDP.from_dict(given, gamma, actions=["a0", "a1", "a2"])
        try:
            x = mdp.solve_exact(m, criterion="average")
        except ValueError:                                               # no small fractions
            continue
        policy = mdp.solve(m, criterion="average").policy
        if (policy != x.policy).any():
            taken = [int(a) if actions else None for a, actions in zip(policy, process)]
            gain = enumeration.average(process, taken)
            assert gain != list(x.gain) and max(map(abs, gain - x.gain)) < 1e-9, seed
