"""Constrained total rewards where a policy may stay for ever.

Answers are checked by hand, and against the discounted program as gamma goes to 1.
"""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mdp
from cases_mdp import solve_exactly

HALF = Fraction(1, 2)
NEAR = 1 - Fraction(1, 10 ** 7)
LITTLE = Fraction(1, 1000)


def solve(process, constraints=(), **options):
    m = mdp.MDP.from_dict(process, 1, initial="s")
    return mdp.solve_constrained(m, list(constraints), **options)


def at_least(reward, number):
    return {"reward": reward, "at_least": number}


def test_a_promise_is_kept_by_looping_for_ever():
    """The promise counts rounds: infinity >= 5 for those who never leave, and they lose nothing."""
    process = {"s": {"loop": [(1, "s", 0)], "leave": [(1, "t", -10)]}, "t": {}}
    c = solve(process, [at_least([[1, 0], [0, 0]], 5)])
    assert c.value == 0 and c.kept == [np.inf] and c.attained
    assert c.policy == {(0, frozenset()): {None: 1}} and c.stays == {(0, frozenset()): {0: 1}}


def test_who_can_only_lose_for_ever_loses_infinitely_and_breaks_no_promise():
    """One loop of -1: the value is -inf. "At most -3" is kept by -inf, "at least -3" is not."""
    loop = {"s": {"stay": [(1, "s", -1)]}}
    assert solve(loop).value == -np.inf and solve(loop, minimize=True).value == -np.inf
    gain = {"s": {"stay": [(1, "s", 1)]}}
    assert solve(gain).value == np.inf and solve(gain, minimize=True).value == np.inf
    assert solve(loop, [{"reward": [[-1]], "at_most": -3}]).value == -np.inf
    assert solve(loop, [{"reward": [[-1]], "at_least": -3}]).value is None
    # a way out is better than -inf, and a promise may close it
    both = {"s": {"stay": [(1, "s", -1)], "leave": [(1, "t", -7)]}, "t": {}}
    assert solve(both).value == -7
    assert solve(both, [{"reward": [[0, 1], [0, 0]], "at_most": 0}]).value == -np.inf
    # two rounds, then leave
    assert solve(both, [{"reward": [[1, -1], [0, 0]], "at_least": 1}]).value == -9


def test_a_value_that_is_only_approached_says_so():
    """Who plays stays for ever. Any probability above 0 keeps the promise; who quits earns 10."""
    process = {"s": {"play": [(1, "e", 0)], "quit": [(1, "t", 10)]},
               "e": {"play": [(1, "e", 0)]}, "t": {}}
    c = solve(process, [{"reward": [[0, 0], [1, 0], [0, 0]], "at_least": 5}])
    assert c.value == 10 and not c.attained and c.kept == [np.inf]
    assert 0 < c.policy[0, frozenset()][0] <= LITTLE and c.policy[1, frozenset()] == {None: 1}


def test_rounds_that_nobody_starts_do_not_count():
    """x = 5 rounds in e solve the flow without a visit to e. Who goes there loses for ever."""
    process = {"s": {"play": [(1, "e", 0)], "quit": [(1, "t", 10)]},
               "e": {"play": [(1, "e", -1)]}, "t": {}}
    played = [[0, 0], [1, 0], [0, 0]]
    assert solve(process, [{"reward": played, "at_least": 5}]).value == -np.inf
    process["e"] = {"play": [(1, "e", 0)], "quit": [(1, "t", 0)]}
    never_enter = {"reward": [[1, 0], [0, 0], [0, 0]], "at_most": 0}
    assert solve(process, [{"reward": played, "at_least": 5}, never_enter]).value is None
    assert solve(process, [never_enter]).value == 10


def test_two_promises_may_need_one_mixture():
    """a: +2 and -1, b: -1 and +2. Half and half both gain; each alone breaks one promise."""
    process = {"s": {"a": [(1, "s", 0)], "b": [(1, "s", 0)], "leave": [(1, "t", -1)]}, "t": {}}
    c = solve(process, [at_least([[2, -1, 0], [0, 0, 0]], 3), at_least([[-1, 2, 0], [0, 0, 0]], 3)])
    assert c.value == 0 and c.kept == [np.inf, np.inf]
    share = c.stays[0, frozenset()][0]
    assert 2 * share > 1 - share and 2 * (1 - share) > share
    # -2.5 instead of -1: every mixture loses one of them
    lost = [at_least([[2, -2.5, 0], [0, 0, 0]], 3), at_least([[-2.5, 2, 0], [0, 0, 0]], 3)]
    assert solve(process, lost).value is None


def test_a_sum_without_a_limit_is_refused():
    coin = {"s": {"bet": [(HALF, "s", 1), (HALF, "s", -1)], "quit": [(1, "t", 5)]}, "t": {}}
    with pytest.raises(ValueError, match=r"in state 0 \('s'\), where the reward has mean zero"):
        solve(coin)
    turns = {"s": {"go": [(1, "u", 0)], "quit": [(1, "t", 5)]}, "u": {"go": [(1, "s", 0)]}, "t": {}}
    with pytest.raises(ValueError, match="where the reward of constraint 0 has mean zero"):
        solve(turns, [{"reward": [[1, 0], [-1, 0], [0, 0]], "at_least": 0}])


@st.composite
def problems(draw):
    """(process that may be quit anywhere, constraints)."""
    S, A = draw(st.integers(1, 3)), draw(st.integers(1, 2))
    reward = st.sampled_from([-1, 0, 0, 0, 1, 2])
    process = {}
    for s in range(S):
        process[s] = {}
        for a in range(A):
            ahead = draw(st.lists(st.integers(0, S), min_size=1, max_size=2))
            r = draw(reward)
            process[s][a] = [(Fraction(1, len(ahead)), t, r) for t in ahead]
        process[s][A] = [(1, S, draw(st.integers(-2, 2)))]
    process[S] = {}
    constraints = []
    for _ in range(draw(st.integers(0, 2))):
        low = draw(st.sampled_from([-1, 0]))
        table = [[draw(st.integers(low, 1)) for _ in range(A + 1)] for _ in range(S + 1)]
        side = draw(st.sampled_from(["at_least", "at_most"]))
        constraints.append({"reward": table, side: Fraction(draw(st.integers(-6, 6)), 2)})
    return process, constraints


def moved(constraints, by):
    """The same promises, harder to keep by `by`."""
    sides = {"at_least": by, "at_most": -by}
    return [{name: x + sides[name] if name in sides else x for name, x in c.items()}
            for c in constraints]


def keeps(kept, constraint):
    return kept >= constraint.get("at_least", -np.inf) and kept <= constraint.get("at_most", np.inf)


@given(problems(), st.booleans())
@settings(max_examples=60)
def test_the_total_is_the_limit_of_the_discounted(problem, minimize):
    """gamma = 1 - 1e-7: between the discounted values with promises a little harder and easier.

    Where every state may be quit, whoever stays by chance only loses as little as one likes.
    """
    process, constraints = problem
    m = mdp.MDP.from_dict(process, 1, initial=0)
    try:
        c = mdp.solve_constrained(m, constraints, minimize=minimize)
    except ValueError as error:
        assert "mean zero" in str(error)
        return
    near, sign = m.replace(gamma=NEAR), -1 if minimize else 1
    harder, easier = (mdp.solve_constrained(near, moved(constraints, by), minimize=minimize).value
                      for by in (LITTLE, -LITTLE))
    if c.value is None:
        assert harder is None
    elif sign * c.value == np.inf:
        assert easier * sign > 1000
    elif sign * c.value == -np.inf:
        assert harder is None or harder * sign < -1000
    else:
        assert harder is None or harder * sign <= c.value * sign + LITTLE
        assert easier is not None and c.value * sign <= easier * sign + LITTLE
        assert all(map(keeps, c.kept, constraints))
        follow(process, m, constraints, c)


def flow(process, m, policy, at):
    """(matrix of the equations of the visits, {(s, a): (probability, reward)}).   at {s: row}"""
    A = [[Fraction(int(i == j)) for j in range(len(at))] for i in range(len(at))]
    pays = {}
    for (s, _), choice in policy.items():
        for a, pi in choice.items():
            if a is not None:
                outcomes = process[s][m.action_names[a]]
                for p, t, r in outcomes:
                    if t in at:
                        A[at[t]][at[s]] -= pi * Fraction(p)
                pays[s, a] = pi, sum(Fraction(p) * r for p, _, r in outcomes)
    return A, pays


def follow(process, m, constraints, c):
    """What the policy of c is worth, counted here: visits by elimination in Fractions."""
    names = list(c.policy)
    at = {s: i for i, (s, _) in enumerate(names)}
    ahead = {t for (s, _), choice in c.policy.items() for a in choice if a is not None
             for _, t, _ in process[s][m.action_names[a]]} | {0}
    whole = all(sum(c.policy[x].values()) == 1 for x in names)
    if not whole or any(process[t] and t not in at for t in ahead):
        return  # a component without rewards is one node, left from any of its states
    A, pays = flow(process, m, c.policy, at)
    visits = solve_exactly(A, [Fraction(int(s == 0)) for s, _ in names])
    value = sum(visits[at[s]] * pi * r for (s, _), (pi, r) in pays.items())
    assert value == c.value if c.attained else abs(value - c.value) <= abs(c.value) + 10
    for one, kept in zip(constraints, c.kept):
        total = sum(visits[at[s]] * pi * one["reward"][s][a] for (s, a), (pi, _) in pays.items())
        assert kept == total or not np.isfinite(float(kept))
