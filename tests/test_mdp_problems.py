"""The textbook examples: their data, and every published number to its printed digits."""

from fractions import Fraction

import numpy as np
import pytest

import mdp
from cases_mdp import contains, exact_policy_value, policy_of, solve_exactly
from mdp.problems import PROBLEMS, Published


def computed(make, published):
    """The numbers a Published entry speaks of, by the same keys."""
    m = make(published.gamma)
    if published.policy == "uniform":
        pi = m.available / np.maximum(m.available.sum(1, keepdims=True), 1)
        return dict(zip(m.state_names, mdp.evaluate(m, pi).v))
    if published.quantity == "gain":
        return dict(zip(m.state_names, mdp.solve(m, criterion="average").gain))
    s = mdp.solve(m, tol=1e-7)
    if published.quantity == "v*":
        return dict(zip(m.state_names, s.v))
    return {(m.state_names[i], m.action_names[a]): s.q[i, a] for i, a in np.argwhere(m.available)}


# Haddad and Monmege's steps, to within 0.03
@pytest.mark.filterwarnings("ignore::mdp.ConvergenceWarning")
@pytest.mark.parametrize("name, published",
                         [(n, p) for n, problem in PROBLEMS.items() for p in problem.published],
                         ids=lambda x: getattr(x, "quantity", x))
def test_published_values_are_met_to_their_printed_digits(name, published):
    numbers = computed(PROBLEMS[name].make, published)
    misses = published.misses(numbers)
    assert set(misses) == set(published.wrong or {})                    # all but the known slips
    for key, correct in (published.wrong or {}).items():
        assert numbers[key] == pytest.approx(float(correct), abs=1e-9)


def test_a_number_that_is_off_by_a_digit_is_a_miss():
    published = Published("v", "1", {"a": "-2.3", "b": "13"}, "nowhere")
    assert not published.misses({"a": -30 / 13, "b": 12.5})
    assert not published.misses({"a": -2.25, "b": 13.5})
    assert published.misses({"a": -2.2499, "b": 13.51}) == {"a": ("-2.3", -2.2499),
                                                            "b": ("13", 13.51)}
    assert published.misses({"a": np.nan, "b": 13}) == {"a": ("-2.3",
                                                              pytest.approx(np.nan, nan_ok=True))}


def test_the_student_has_its_exact_values():
    m = mdp.problems.student()
    uniform = m.available / np.maximum(m.available.sum(1, keepdims=True), 1)
    np.testing.assert_allclose(mdp.evaluate(m, uniform).v,
                               [-30 / 13, -17 / 13, 35 / 13, 96 / 13, 0], rtol=1e-13)
    s = mdp.solve(m)
    assert contains(s, dict(enumerate(map(Fraction, (6, 6, 8, 10, 0)))), range(5))
    assert s.q[3, m.action_names.index("pub")] == pytest.approx(47 / 5, abs=1e-10)
    s = mdp.solve(mdp.problems.student("9/10"))
    np.testing.assert_allclose(s.v, [3.87, 4.3, 7, 10, 0], atol=1e-10)
    assert s.q[3, 4] == pytest.approx(3947 / 500, abs=1e-10)
    np.testing.assert_allclose(mdp.solve(mdp.problems.student(0)).v, [0, -1, 0, 10, 0], atol=1e-12)


def test_the_gridworlds_have_their_exact_values():
    s = mdp.solve(mdp.problems.gridworld())
    for state, numerator in ((1, 1000000), (0, 900000), (3, 795245)):
        lower, upper = Fraction(float(s.lower[state])), Fraction(float(s.upper[state]))
        assert lower <= Fraction(numerator, 40951) <= upper
    m = mdp.problems.gridworld_4x4()
    uniform = m.available / np.maximum(m.available.sum(1, keepdims=True), 1)
    expected = "0 -14 -20 -22 -14 -18 -20 -20 -20 -20 -18 -14 -22 -20 -14 0".split()
    np.testing.assert_allclose(mdp.evaluate(m, uniform).v, [float(x) for x in expected], atol=1e-11)
    q = mdp.solve(mdp.problems.gridworld()).q
    best = q >= q.max(1, keepdims=True) - 1e-9
    assert best[1].all() and best[3].all()                              # A and B: every action
    assert [mdp.problems.gridworld().action_names[a] for a in np.flatnonzero(best[5])] == ["north",
                                                                                           "east"]


def test_russell_and_norvigs_world_has_its_exact_values():
    """The exact value of the optimal policy is the one on record, and lies within the bounds."""
    m = mdp.problems.russell_norvig()
    s = mdp.solve(m)
    process = m.to_dict()
    exact = exact_policy_value(process, policy_of(m, s.policy), Fraction(1))
    assert (exact[2, 0], exact[2, 2], exact[2, 3]) == (Fraction(4119, 5840), Fraction(1339, 2190),
                                                       Fraction(3823, 9855))
    assert contains(s, exact, m.state_names)
    discounted = mdp.solve(mdp.problems.russell_norvig("9/10"))
    assert discounted.v[m.state((2, 0))] == pytest.approx(0.296466541, abs=5e-10)
    best = {(2, 0): "north", (2, 1): "west", (2, 3): "west", (1, 2): "north", (0, 2): "east"}
    assert {cell: m.action_names[s.policy[m.state(cell)]] for cell in best} == best


def test_a_gridworld_of_ones_own():
    m = mdp.problems.gridworld("1/2", rows=1, columns=3, terminal=[(0, 2)], step_reward=1,
                               bump_reward=0)
    assert m.state_names == ((0, 0), (0, 1), (0, 2)) and m.num_pairs == 8
    np.testing.assert_allclose(mdp.solve(m).v, [2, 2, 0], rtol=1e-12)   # walk to and fro for ever
    slippery = mdp.problems.gridworld(rows=2, columns=2, slip="1/5")
    north = slippery.to_dict()[1, 0]["north"]
    assert sorted((p, t) for p, t, _ in north) == [(Fraction(1, 10), (1, 0)),
                                                   (Fraction(1, 10), (1, 1)),
                                                   (Fraction(4, 5), (0, 0))]
    for arguments, message in ((dict(rows=0), "rows must be an integer >= 1, is 0"),
                               (dict(walls=[(9, 9)]), r"walls names cell \(9, 9\)"),
                               (dict(terminal=[(1, 1)], walls=[(1, 1)]),
                                r"terminal names cell \(1, 1\)"),
                               (dict(slip=2), r"slip is 2, outside \[0, 1\]"),
                               (dict(jumps={(0, 0): ((7, 7), 1)}), r"jumps names cell \(7, 7\)")):
        with pytest.raises(ValueError, match=message):
            mdp.problems.gridworld(**arguments)


def test_the_bug_that_the_slip_would_be():
    """Without the reward of the pub, as the printed number has it, Bellman's equation fails."""
    q = solve_exactly([[Fraction(1)]],
                      [Fraction(1, 5) * 6 + Fraction(2, 5) * 8 + Fraction(2, 5) * 10])[0]
    assert q == Fraction(42, 5) and q + 1 == Fraction(47, 5)


def test_jacks_car_rental_has_its_values_and_cut_off_tails_are_refused():
    m = mdp.problems.car_rental()
    s = mdp.solve(m, tol=1e-11)                                          # times the largest value
    for cell, value in (((0, 0), 421.414063397), ((10, 10), 574.948323985),
                        ((20, 20), 636.989606804)):
        assert s.v[m.state(cell)] == pytest.approx(value, abs=1e-8)
    e = m.expected
    cut = e.P.toarray()[:50].copy()
    cut[cut < 1e-3] = 0  # what a truncated Poisson law leaves
    with pytest.raises(ValueError, match="sum to 0.9.*not to 1"):
        mdp.MDP.from_pairs(np.arange(50), np.zeros(50, int), cut, np.zeros(50), 0.9, num_states=441)


def test_the_other_textbook_processes_in_fractions():
    exact = lambda m, **options: mdp.solve_exact(m, **options)           # noqa: E731
    assert list(exact(mdp.problems.random_walk()).v[:5]) == [Fraction(i, 6) for i in range(1, 6)]
    assert exact(mdp.problems.taxicab(), criterion="average").gain[0] == Fraction(1588, 119)
    s = exact(mdp.problems.taxicab(), criterion="average")
    assert [s.bias[i] - s.bias[2] for i in range(2)] == [Fraction(-20, 17), Fraction(1506, 119)]
    assert list(exact(mdp.problems.taxicab("9/10")).v) == [Fraction(x, 11999)
                                                           for x in (1459720, 1623540, 1473920)]
    assert list(exact(mdp.problems.toymaker("9/10")).v) == [Fraction(2020, 91), Fraction(160, 13)]
    four = exact(mdp.problems.toymaker(), horizon=4).v
    assert [[float(x) for x in row] for row in four[::-1][1:]] == [[6, -3], [8.2, -1.7],
                                                                   [10.22, .23], [12.222, 2.223]]
    assert list(exact(mdp.problems.multichain(), criterion="average").gain) == [3, 2, 2]
    assert list(exact(mdp.problems.multichain(), criterion="average").bias) == [0, -1, 0]
    assert exact(mdp.problems.frozen_lake()).v[0] == Fraction(14, 17)
    assert exact(mdp.problems.haddad_monmege(N=100)).v[100] == 1901475900342344102245054808062
    ten = mdp.problems.forest("24/25", ages=10)
    v = exact(ten).v
    assert [float(x) for x in (v[0], v[1], v[9])] == pytest.approx([26.8301859311444,
                                                                    28.0723241686974,
                                                                    48.3507194808078], abs=1e-12)
    assert exact(ten, criterion="average").gain[0] == 4 * Fraction(9, 10) ** 9
    for make, options, message in ((mdp.problems.gambler, {"p": 2}, "p is 2, outside"),
                                   (mdp.problems.gambler, {"goal": 1},
                                    "goal must be an integer >= 2"),
                                   (mdp.problems.forest, {"ages": 1}, "ages must be"),
                                   (mdp.problems.haddad_monmege, {"N": 1}, "N must be"),
                                   (mdp.problems.frozen_lake, {"map": ["SX"]}, "map must be rows")):
        with pytest.raises(ValueError, match=message):
            make(**options)


def test_howards_iteration_visits_the_gains_he_printed():
    """From the greedy policy: 9.2, then 13.15, then 13.34."""
    from mdp.certificate import integers
    from mdp.exact.average import average_of
    from mdp.exact.process import process_of
    from mdp.rational import rational
    R = rational(mdp.problems.taxicab())
    process = process_of(R, False, False)
    policy, gains = [max(own, key=lambda k: process.r[k]) for own in process.of], []
    while True:
        g, h, _ = average_of(process, policy)
        gains.append(g[0])
        q = lambda k: process.r[k] + sum(Fraction(n, process.d[k]) * h[t]
                                         for t, n in process.row[k])      # noqa: E731
        better = [max(own, key=q) for own in process.of]
        if better == policy:
            break
        policy = better
    assert [round(float(x), 4) for x in gains] == [9.2, 13.1515, 13.3445] and integers(gains)[1] > 0
