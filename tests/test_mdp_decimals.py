"""Total rewards of decimals typed as floats: 0.3 * 7 - 0.7 * 3 is meant to be 0, and is 4e-16.

The definition is written out in Fractions here, over all deterministic policies, without any code
of the package.

Read first: cases_mdp.py.
"""

import contextlib
import itertools
import json
import warnings
from fractions import Fraction

import numpy as np
import pytest

import mdp
from cases_mdp import exact_gain, exact_policy_value

INF = float("inf")


def decimals(rng):
    """A process of 1 to 3 states with probabilities in tenths and rewards: in floats; exactly.

    Every third action is a fair bet: its rewards cancel in decimals, seldom in floats.
    """
    S = int(rng.integers(1, 4))
    floats, exact = {}, {}
    for s in range(S):
        floats[s], exact[s] = {}, {}
        for a in range(rng.integers(0 if s else 1, 3)):
            k = int(rng.integers(1, 10))
            unit = int(rng.choice([1, 2, 5]))
            rewards = rng.integers(-3, 4, 2).tolist()
            if rng.random() < 1 / 3:
                rewards = [(10 - k) / unit, -k / unit]
            ahead = rng.integers(0, S, 2).tolist() if rng.random() < 0.7 else [s, s]
            chances = [k / 10, (10 - k) / 10]
            if rng.random() < 1 / 3:
                chances, ahead, rewards = [1.0], ahead[:1], rewards[:1]
            floats[s][a] = list(zip(chances, ahead, rewards))
            exact[s][a] = [(Fraction(repr(p)), t, Fraction(repr(float(r))))
                           for p, t, r in floats[s][a]]
    return floats, exact


# the definition

def policies(process):
    names = [s for s in process if process[s]]
    for choice in itertools.product(*(process[s] for s in names)):
        yield dict(zip(names, choice))


def reach(process, policy):
    """{s: set of states that the policy comes to from s, s included}."""
    after = {s: {t for _, t, _ in process[s][policy[s]]} if s in policy else set() for s in process}
    ahead = {s: {s} | after[s] for s in process}
    for _ in process:
        ahead = {s: set().union(*(ahead[t] for t in ahead[s])) for s in process}
    return ahead


def classes(process, policy):
    """{s: kind} of the states that a policy comes back to for ever.

    "rest": there are no rewards.   "win", "lose", "open": their mean is positive, negative, zero
    """
    ahead, kinds = reach(process, policy), {}
    gain = exact_gain(process, policy)[0]
    for s in policy:
        if all(s in ahead[t] for t in ahead[s]):
            paid = any(r for t in ahead[s] for _, _, r in process[t][policy[t]])
            sign = (gain[s] > 0) - (gain[s] < 0)
            kinds[s] = ("lose", "open", "win")[sign + 1] if paid else "rest"
    return kinds


def value(process, policy):
    """{s: the limit of E[R_1 + ... + R_n], or None where there is none}."""
    ahead, kinds = reach(process, policy), classes(process, policy)
    out = {}
    for s in process:
        met = {kinds[t] for t in ahead[s] if t in kinds}
        if "open" in met or {"win", "lose"} <= met:
            out[s] = None
        else:
            out[s] = INF if "win" in met else -INF if "lose" in met else 0
    ends = {s for s in process if out[s] == 0}
    world = {s: process[s] if s in ends and s not in kinds else {} for s in process}
    solved = exact_policy_value(world, {s: policy[s] for s in policy if world[s]}, Fraction(1))
    return {s: solved[s] if s in ends else out[s] for s in process}


def surely(process, policy, goal):
    """The states from which the policy comes to the goal with probability one."""
    ahead = reach(process, policy)
    return {s for s in process if all(ahead[t] & goal for t in ahead[s])}


def without_goal(process):
    """({s: the largest value}, whether some policy has none)."""
    values = [value(process, policy) for policy in policies(process)]
    best = {s: max((v[s] for v in values if v[s] is not None), default=None) for s in process}
    return best, any(None in v.values() for v in values)


def until(process, goal, miss):
    """{s: the largest value of a stationary policy}, where missing the goal is worth `miss`."""
    process = {s: {} if s in goal else process[s] for s in process}
    everyone = [(p, surely(process, p, goal)) for p in policies(process)]
    return (_missing_gains if miss > 0 else _missing_loses)(process, goal, everyone)


def _missing_gains(process, goal, everyone):
    """Where some policy may miss the goal the value is infinite.

    everyone   [(policy, the states from which it surely reaches the goal)]
    """
    certain = {s for s in process if all(s in sure for _, sure in everyone)}
    world = {s: process[s] if s in certain else {} for s in process}
    values = [value(world, {s: p[s] for s in p if s in certain}) for p, _ in everyone]
    return {s: max(v[s] for v in values) if s in certain else INF for s in process}


def _missing_loses(process, goal, everyone):
    """The best of the policies that surely reach the goal, and never leave for where none does."""
    possible = set().union(*(sure for _, sure in everyone))
    stays = lambda outcomes: {t for _, t, _ in outcomes} <= possible       # noqa: E731
    world = {s: {a: o for a, o in process[s].items() if stays(o)} if s in possible else {}
             for s in process}
    best = {s: -INF for s in process}
    for p in policies(world):
        sure, ahead, kinds = surely(world, p, goal), reach(world, p), classes(world, p)
        inner = {s: world[s] if s in sure else {} for s in world}
        v = value(inner, {s: p[s] for s in p if s in sure})
        for s in possible:
            if any(kinds.get(t) == "win" for t in ahead[s]):
                best[s] = INF                    # gain for long, then go
            elif s in sure:
                best[s] = max(best[s], v[s])
    return best


def _check_exact(m, x, goal):
    """The certificate is verified, and the policy takes optimal actions wherever there are some."""
    assert mdp.verify(m, json.loads(json.dumps(x.certificate)))
    for s, a in enumerate(x.policy):
        assert (a == -1) == m.terminal[s] and (a < 0 or a in x.optimal_actions[s] or s == goal)


def compare(floats, exact, goal, miss, minimize):
    """Hold solve_exact and solve against the definition. Returns what was seen."""
    m, sign = mdp.MDP.from_dict(floats, 1), -1 if minimize else 1
    turned = {s: {a: [(p, t, sign * r) for p, t, r in o] for a, o in exact[s].items()}
              for s in exact}
    options, doubtful = {"minimize": minimize}, False
    if goal is None:
        best, doubtful = without_goal(turned)
    else:
        best = until(turned, {goal}, miss)
        options |= {"goal": [goal], "miss": sign * miss}
    seen = "exact"
    try:
        x = mdp.solve_exact(m, **options)
    except ValueError as error:
        assert "total reward is undefined" in str(error) and doubtful
        seen = "undefined"
    else:
        assert [sign * v for v in x.v] == [best[s] for s in best]
        _check_exact(m, x, goal)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", mdp.ConvergenceWarning)
            f = mdp.solve(m, **options)
    except ValueError as error:
        assert "total reward is undefined" in str(error)
        return seen if seen == "undefined" else "left to exact"
    assert seen == "exact"
    assert all(low <= v <= high for low, v, high in zip(f.lower.tolist(), x.v, f.upper.tolist()))
    return seen if f.converged else "bounds"


def test_decimals_at_gamma_1_mean_what_was_typed():
    """Fair bets had the value inf, or a wrong one, in 1 of 1,000 processes, 1 in 20 of these."""
    rng, seen = np.random.default_rng(0), []
    for _ in range(300):
        floats, exact = decimals(rng)
        goal = int(rng.integers(0, len(floats)))
        for chosen, miss in ((None, -INF), (goal, -INF), (goal, INF)):
            seen.append(compare(floats, exact, chosen, miss, bool(rng.random() < 0.5)))
    assert min(seen.count(kind) for kind in ("exact", "undefined", "bounds")) >= 5


# the same kind, one by one: the sign of a mean reward that floats cannot see

BET = {"s": {"bet": [(0.3, "s", 7), (0.7, "s", -3)], "quit": [(1, "end", 5)]}, "end": {}}


def test_a_fair_bet_in_decimals_is_worth_what_it_pays_to_quit():
    """0.3 * 7 - 0.7 * 3 = 0: 5 is the most, for quitting. Without a goal bets have no limit."""
    m = mdp.MDP.from_dict(BET, 1)
    x = mdp.solve_exact(m, goal=[1])
    assert list(x.v) == [5, 0] and x.policy.tolist() == [1, -1] and x.optimal_actions[0] == {0, 1}
    with pytest.raises(ValueError, match="^total reward is undefined .* for ever in state 0 .'s'., "
                                         "with rewards of mean zero; use"):
        mdp.solve_exact(m)
    with pytest.raises(ValueError, match="^floats cannot decide whether .* far as rounding tells "
                                         r"\(between -.*e-15 and .*e-15 per step\); solve_exact"):
        mdp.solve(m)
    with pytest.warns(mdp.ConvergenceWarning):
        f = mdp.solve(m, goal=[1])
    assert 5 - 1e-12 < f.lower[0] <= f.v[0] == 5 and f.upper.tolist() == [INF, 0]
    assert not f.converged
    costs = {"s": {"bet": [(0.3, "s", -7), (0.7, "s", 3)], "quit": [(1, "end", -5)]}, "end": {}}
    assert list(mdp.solve_exact(mdp.MDP.from_dict(costs, 1), goal=[1], minimize=True).v) == [-5, 0]


def test_memory_does_not_count_where_bets_are_fair():
    """Bet 1 until 10 ahead, then quit for 5: the sum is 15 in the end, and 5 at most is expected
    after n bets. 5 is the supremum over stationary policies."""
    bet = {"bet": [("1/2", "s", 1), ("1/2", "s", -1)], "quit": [(1, "end", 5)]}
    x = mdp.solve_exact(mdp.MDP.from_dict({"s": bet, "end": {}}, 1), goal=[1])
    assert list(x.v) == [5, 0]
    ahead, through, before, none = {0: Fraction(1)}, Fraction(0), 0, Fraction(0)
    for _ in range(60):
        through += ahead.pop(10, none)
        ahead = {k: (ahead.get(k - 1, none) + ahead.get(k + 1, none)) / 2
                 for k in range(min(ahead) - 1, 11)}
        mean = 15 * through + sum(p * k for k, p in ahead.items())
        assert before <= mean == 5 * through < 5
        before = mean


def test_rewards_too_small_for_floats():
    """10**-400 a step is inf in the end, and so is 1e-9 a step beside bets of 1e9."""
    chance = Fraction("1e-200")
    bets = mdp.MDP.from_dict({"s": {"a": [(1, "s", "1e-9")], "b": [(1, "t", -10**9)]},
                              "t": {"a": [("1/2", "t", -10**9), ("1/2", "s", 0)]}}, 1)
    assert set(mdp.solve_exact(bets).v) == {INF} == set(mdp.solve(bets).lower)
    for process in ({"s": {"a": [(1, "s", "1e-400")]}},
                    {"s": {"a": [(chance, "s", "1e-200"), (1 - chance, "s", 0)]}}):
        m = mdp.MDP.from_dict(process, 1)
        assert set(mdp.solve_exact(m).v) == {INF}
        with pytest.raises(ValueError, match="floats cannot decide"):
            mdp.solve(m)
    assert mdp.solve(mdp.MDP.from_dict({"s": {"a": [(1, "s", 1e-200)]}}, 1)).lower.tolist() == [INF]
    tiny = mdp.MDP.from_dict({"s": {"a": [(1, "s", "1e-400")], "b": [(1, "t", 1)]}, "t": {}}, 1)
    for options, v in (({}, [INF, 0]), ({"goal": [1]}, [INF, 0]), ({"minimize": True}, [1, 0])):
        assert list(mdp.solve_exact(tiny, **options).v) == v
    with pytest.warns(mdp.ConvergenceWarning):
        s = mdp.solve(tiny, goal=[1])
    assert 1 - 1e-12 < s.lower[0] <= 1 and s.upper.tolist() == [INF, 0]
    half = mdp.MDP.from_dict({"s": {"a": [(.5, "s", 5e-324), (.5, "s", 0)]}}, .5)
    s = mdp.solve(half)                                                  # 2.5e-324, twice
    assert s.lower[0] <= 5e-324 <= s.upper[0]


@pytest.mark.parametrize("r", [5e307, 1e308, 1.7e308])
def test_rewards_too_large_for_floats(r):
    """In u take b: r a step, for ever. And a value of -r - 1e308, which is hardly a float."""
    m = mdp.MDP.from_dict({"s": {"a": [(.5, "s", -r), (.5, "u", -r)]},
                           "u": {"a": [(1, "s", -r)], "b": [(1, "u", r)]}}, 1)
    assert mdp.solve(m).lower.tolist() == [INF, INF] == list(mdp.solve_exact(m).v)
    m = mdp.MDP.from_dict({2: {0: [(1, 1, -r)]}, 1: {0: [(1, 0, -1e308)]}, 0: {}}, 1)
    fits = r + 1e308 < np.inf
    with contextlib.nullcontext() if fits else pytest.warns(mdp.ConvergenceWarning):
        s = mdp.solve(m)
    assert s.converged == fits
    assert all(Fraction(v) <= x for v, x in zip(s.lower, mdp.solve_exact(m).v) if v > -INF)
    assert all(x <= Fraction(v) for v, x in zip(s.upper, mdp.solve_exact(m).v) if v < INF)


def test_the_criterion_is_chosen_by_the_gamma_that_was_given():
    """1 / (1 - gamma) = 10**20, though the nearest float to gamma is 1.0; floats say so."""
    m = mdp.MDP.from_dict({"s": {"a": [(1, "s", 1)]}}, "0.99999999999999999999")
    for criterion in (None, "discounted"):
        x = mdp.solve_exact(m, criterion=criterion)
        assert x.v[0] == 10**20 and x.criterion == "discounted"
        with pytest.warns(mdp.ConvergenceWarning):
            s = mdp.solve(m, criterion=criterion)
        assert s.criterion == "discounted" and not s.converged
        assert (s.lower[0], s.upper[0]) == (-INF, INF)
    with pytest.raises(ValueError, match='criterion "discounted" needs gamma < 1, gamma is 1'):
        mdp.solve_exact(m.replace(gamma=1), criterion="discounted")
    assert mdp.solve_constrained(m.replace(initial=0), []).value == 10**20
    assert mdp.solve(m, criterion="total").v[0] == INF
    assert mdp.solve_exact(m, horizon=2).v[0, 0] == 2 - Fraction(1, 10**20)


def test_an_answer_whose_certificate_does_not_hold_is_not_returned(monkeypatch):
    """Plant a fault: a value that is one too large."""
    import mdp.exact.discounted as module
    from mdp.exact import CertificateError
    right = module.vector
    wrong = lambda x, minimize: right([y + 1 for y in x], minimize)      # noqa: E731
    monkeypatch.setattr(module, "vector", wrong)
    with pytest.raises(CertificateError, match="certificate does not hold.*please report it"):
        mdp.solve_exact(mdp.problems.gridworld())
