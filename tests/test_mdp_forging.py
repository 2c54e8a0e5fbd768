"""The checker as somebody who wants to deceive it sees it.

Small processes are searched to the end: every certificate whose fields are small integers is shown
to the checker. None with a wrong value may be accepted. What is right is computed here, by
enumeration in Fractions. Then every field is given every wrong type.

Read first: mdp/certificate_form.py, mdp/verify.py, mdp/verify_total.py.
"""

import copy
import itertools
import json
from fractions import Fraction

import numpy as np
import pytest

import mdp
from cases_mdp import solve_exactly
from mdp.rational import rational
from mdp.statement import statement
from mdp.verify import CHECKS

INF = float("inf")
HALF = Fraction(1, 2)


# what is right: enumeration

def policies(process):
    names = [s for s in process if process[s]]
    for choice in itertools.product(*(process[s] for s in names)):
        yield dict(zip(names, choice))


def reachable(arrows, s):
    """The states that are reached from s, itself among them."""
    found = {s}
    for _ in arrows:
        found |= {t for u in found for t in arrows[u]}
    return found


def sums(process, rows, known, gamma=1):
    """x = r + gamma P x on the states of `rows` {s: outcomes}, with `known` {s: x} elsewhere."""
    names = list(rows)
    at = {s: i for i, s in enumerate(names)}
    A = [[Fraction(int(i == j)) for j in range(len(names))] for i in range(len(names))]
    b = [Fraction(0)] * len(names)
    for s, outcomes in rows.items():
        for p, t, r in outcomes:
            b[at[s]] += p * r
            if t in at:
                A[at[s]][at[t]] -= gamma * p
            else:
                b[at[s]] += gamma * p * known[t]
    return dict(zip(names, solve_exactly(A, b))) if names else {}


def classes(process, policy):
    """(arrows, list of closed classes) of the chain of a policy; terminal states are classes."""
    arrows = {s: {t for p, t, _ in process[s][policy[s]]} if s in policy else {s} for s in process}
    ahead = {s: reachable(arrows, s) for s in process}
    closed = [frozenset(ahead[s]) for s in process if all(s in ahead[t] for t in ahead[s])]
    return ahead, list(dict.fromkeys(closed))


def gain_of(process, policy, states):
    """Mean reward per step in a closed class: the stationary law times the rewards."""
    states = sorted(states)
    if states[0] not in policy:
        return Fraction(0)
    P = {(s, t): sum(p for p, u, _ in process[s][policy[s]] if u == t)
         for s in states for t in states}
    A = [[(s == t) - P[s, t] for s in states] for t in states]
    A[0] = [1] * len(states)                                             # the law sums to one
    law = solve_exactly(A, [1] + [0] * (len(states) - 1))
    return sum(x * p * r for x, s in zip(law, states) for p, _, r in process[s][policy[s]])


def total_of_policy(process, policy):
    """{s: sum of rewards for ever: a Fraction, inf, -inf, or None where it is undefined}."""
    ahead, closed = classes(process, policy)
    worth = {}
    for states in closed:
        gain = gain_of(process, policy, states)
        pays = any(r for s in states if s in policy for _, _, r in process[s][policy[s]])
        worth |= dict.fromkeys(states, gain * INF if gain else None if pays else Fraction(0))
    rest = [s for s in process if s not in worth]
    for s in rest:
        ends = {worth[t] for t in ahead[s] if t not in rest}
        if None in ends or {INF, -INF} <= ends:
            worth[s] = None
        elif INF in ends or -INF in ends:
            worth[s] = INF if INF in ends else -INF
    finite = [s for s in rest if s not in worth]
    return worth | sums(process, {s: process[s][policy[s]] for s in finite}, worth)


def total(process):
    """{s: (the largest defined total, whether every policy has a total)}."""
    found = [total_of_policy(process, policy) for policy in policies(process)]
    out = {}
    for s in process:
        values = [v[s] for v in found]
        out[s] = max((v for v in values if v is not None), default=None), None not in values
    return out


def until_goal(process, miss):
    """The value of state 0 for stationary policies when 1 is the goal and there is no other state.

    Staying with probability p < 1 at r a step is worth r / (1 - p). To mix actions gives a mean of
    their numbers. Whoever can stay for ever misses the goal; for a reward he stays as long as pays.
    """
    actions = [(sum(p for p, t, _ in o if t == 0), sum(p * r for p, _, r in o))
               for o in process[0].values()]
    leave = [r / (1 - p) for p, r in actions if p < 1]
    if miss > 0 and len(leave) < len(actions) or not actions:
        return miss
    if not leave:
        return miss
    return INF if any(p == 1 and r > 0 for p, r in actions) else max(leave)


# what is tried: every small process, every small certificate

def outcomes(S, rewards):
    """Every pair with at most two successors, each reached with 1 or 1/2."""
    one = [[(Fraction(1), t, r)] for t in range(S) for r in rewards]
    two = [[(HALF, t, x), (HALF, u, y)] for t, u in itertools.combinations(range(S), 2)
           for x in rewards for y in rewards]
    fair = [[(HALF, t, x), (HALF, t, y)] for t in range(S)
            for x, y in itertools.combinations(rewards, 2)]
    return one + two + fair


def processes(S, counts, rewards=(-1, 0, 1)):
    """Every process of S states in which state s has counts[s] different actions."""
    pairs = outcomes(S, rewards)
    for choice in itertools.product(*(itertools.combinations(pairs, n) for n in counts)):
        yield {s: dict(enumerate(pair)) for s, pair in enumerate(choice)}


def sample(items, n, seed=0):
    items = list(items)
    if len(items) <= n:
        return items
    return [items[i] for i in np.random.default_rng(seed).choice(len(items), n, replace=False)]


ORDERS = {1: [(0,), (1,)], 2: [(0, 0), (0, 1), (1, 0), (1, 1), (1, 2), (2, 1), (-1, 0)]}
"""Ranks are only compared, with each other and with zero: these stand for all of two states."""


def policy_fields(process):
    return list(itertools.product(*(list(process[s]) or [-1] for s in process)))


def vectors(S, numbers, dens=(1,)):
    return [({"num": [hex(x) for x in num], "den": hex(den)}, [Fraction(x, den) for x in num])
            for den in dens for num in itertools.product(numbers, repeat=S)]


def return_fields(process):
    return [{"policy": list(p), "rank": list(x)} for p in policy_fields(process)
            for x in ORDERS[len(process)][:3]]


def totals(process, numbers, goal=None, miss=None):
    """Every certificate of the total reward with small numbers -> (certificate, value claimed)."""
    S, X = len(process), sum(map(len, process.values()))
    plain = [s for s in range(S) if goal is None or s not in goal]
    for infinite in itertools.product((0, 1, -1), repeat=S):
        lost = [i < 0 for i in infinite]                                 # layers speak of these
        layers = sorted({tuple(n * i for n, i in zip(x, lost)) for x in ORDERS[S] if min(x) >= 0})
        tights = ORDERS[S][:3] if miss != "-inf" else [(0,) * S]
        needed = goal and miss == "-inf" and 1 in infinite
        returns = return_fields(process) if needed else [None]
        for vector, x in vectors(S, numbers):
            claim = [i * INF if i else y for i, y in zip(infinite, x)]
            for policy, slack, rank, tight, layer, back in itertools.product(
                    policy_fields(process), itertools.product((0, 1), repeat=X), ORDERS[S],
                    tights, layers, returns):
                c = {"policy": policy, "slack": slack, **vector, "infinite": infinite,
                     "goal": goal, "miss": miss, "rank": rank, "tight": tight, "layer": layer}
                yield (c if back is None else {**c, "return": back}), [claim[s] for s in plain]


def accepted(process, criterion, certificates, gamma=1, side=1, **lies):
    """[claim] of the certificates that the checker accepts."""
    R = rational(mdp.MDP.from_dict(process, gamma))._replace(**lies)
    check, claims = CHECKS[criterion], []
    for c, claim in certificates:
        try:
            if check(R, c, side):
                claims.append(claim)
        except (KeyError, ValueError):
            pass
    return claims


# the search

def check_totals(process, numbers):
    truth = total(process)
    claims = accepted(process, "total", totals(process, numbers))
    for claim in claims:
        for s, x in enumerate(claim):
            value, defined = truth[s]
            assert x == value and (defined or x == INF), (process, claim, truth)
    return len(claims)


def test_no_wrong_total_of_one_state_is_accepted():
    """All 44 processes of at most two actions, all certificates."""
    found = sum(check_totals(p, range(-2, 3)) for n in (0, 1, 2) for p in processes(1, [n]))
    assert found > 20                                  # the true ones are accepted


def test_the_search_finds_a_planted_fault():
    """A checker that takes a fair bet for a rest would say that it is worth 0; it is undefined."""
    bet = {0: {0: [(HALF, 0, -1), (HALF, 0, 1)]}}
    assert total(bet) == {0: (None, False)}
    assert not accepted(bet, "total", totals(bet, range(-2, 3)))
    assert [Fraction(0)] in accepted(bet, "total", totals(bet, range(-2, 3)), zero=[True])


@pytest.mark.parametrize("counts", [(1, 0), (2, 0), (1, 1), (2, 1)], ids=str)
def test_no_wrong_total_of_two_states_is_accepted(counts):
    """Search of a sample of the processes; each to the end."""
    n = {(1, 0): 3, (2, 0): 2, (1, 1): 3, (2, 1): 1}[counts]
    found = sum(check_totals(p, range(-1, 2) if sum(counts) > 1 else range(-2, 3))
                for p in sample(processes(2, counts), n))
    assert found > 0


@pytest.mark.parametrize("miss", ["inf", "-inf"])
def test_no_wrong_value_of_a_goal_is_accepted(miss):
    """Two states, the second is the goal: with an action of its own, or without."""
    found = 0
    for counts, n in (((0, 0), 1), ((1, 0), 4), ((2, 0), 1)):
        for process in sample(processes(2, counts), n, seed=1):
            right = [until_goal(process, float(miss))]
            claims = accepted(process, "total", totals(process, range(-2, 3), [1], miss))
            assert all(claim == right for claim in claims), (process, right, claims)
            found += len(claims)
    assert found > 10


def test_costs_are_rewards_with_the_other_sign():
    """Side -1 on negated rewards accepts no wrong value either: its inf is the other's -inf."""
    found = 0
    for process in sample(processes(2, (2, 0)), 2, seed=2):
        costs = {s: {a: [(p, t, -r) for p, t, r in o] for a, o in own.items()}
                 for s, own in process.items()}
        truth = total(process)
        for claim in accepted(costs, "total", totals(costs, range(-1, 2)), side=-1):
            assert all(-x == truth[s][0] for s, x in enumerate(claim)), (costs, claim)
            found += 1
    assert found > 0


def discounted(process, gamma):
    ends = {s: 0 for s in process if not process[s]}
    values = [sums(process, {s: process[s][policy[s]] for s in policy}, ends, gamma)
              for policy in policies(process)]
    return [max((v[s] for v in values if s in v), default=0) for s in process]


def test_no_wrong_discounted_value_is_accepted():
    found = 0
    for counts, n in (((0, 0), 1), ((1, 1), 20), ((2, 0), 20), ((2, 1), 10), ((2, 2), 3)):
        for process in sample(processes(2, counts), n, seed=3):
            X, right = sum(counts), discounted(process, HALF)
            tries = (({"policy": policy, "slack": slack, **vector}, x)
                     for vector, x in vectors(2, range(-4, 5), (1, 2, 3))
                     for policy in policy_fields(process)
                     for slack in itertools.product((0, 1), repeat=X))
            claims = accepted(process, "discounted", tries, HALF)
            assert all(x == right for x in claims), (process, right, claims)
            found += len(claims)
    assert found > 20


def finite_horizons(process, end):
    """Certificates of two steps whose values are a quarter off at most, with their claims."""
    right = two_steps(process, end)
    around = [[[4 * x + d for x, d in zip(v, both)]
               for both in itertools.product((-1, 0, 1), repeat=2)]
              for v in right[:2]]
    last = {"num": [hex(x) for x in end], "den": "0x1"}
    for first, second in itertools.product(*around):
        steps = [{"num": [hex(int(x)) for x in v], "den": "0x4"} for v in (first, second)] + [last]
        claim = [[x / 4 for x in first], [x / 4 for x in second], list(end)]
        for slack in itertools.product((0, 1), repeat=4):
            for a, b in itertools.product(range(2), repeat=2):
                yield {"horizon": 2, "policy": [[a, -1], [b, -1]],
                       "slack": [slack[:2], slack[2:]], "steps": steps}, claim


def two_steps(process, end):
    def step(v):
        return [max((sum(p * (r + HALF * v[t]) for p, t, r in o) for o in process[s].values()),
                    default=Fraction(end[s])) for s in (0, 1)]
    return [step(step(end)), step(end), list(end)]


def test_no_wrong_finite_horizon_is_accepted():
    """The terminal values are part of the claim: nothing is right but for them."""
    found = 0
    for process in sample(processes(2, (2, 0)), 3, seed=4):
        for end in itertools.product((0, 1), repeat=2):
            claims = accepted(process, "finite_horizon", finite_horizons(process, end), HALF)
            assert all(claim == two_steps(process, end) for claim in claims)
            found += len(claims)
    assert found >= 12


def gain(process):
    """{s: the largest mean reward per step}: classes, and the chances to come to them."""
    best = dict.fromkeys(process, -INF)
    for policy in policies(process):
        worth = {s: gain_of(process, policy, c) for c in classes(process, policy)[1] for s in c}
        rows = {s: [(p, t, 0) for p, t, _ in process[s][policy[s]]]
                for s in policy if s not in worth}
        for s, x in (worth | sums(process, rows, worth)).items():
            best[s] = max(best[s], x)
    return [best[s] for s in process]


def test_no_wrong_gain_is_accepted():
    found = 0
    for S, counts, n in ((1, (1,), 99), (1, (2,), 4), (2, (1, 0), 2), (2, (1, 1), 1)):
        for process in sample(processes(S, counts), n, seed=5):
            right, X = gain(process), sum(counts)
            some = vectors(S, (-1, 0, 1), (1, 2))
            tries = (({"policy": policy, "slack": slack, "gain": g, "bias": h, "centre": w}, x)
                     for g, x in some for h, _ in some for w, _ in some
                     for policy in policy_fields(process)
                     for slack in itertools.product((0, 1, 2), repeat=X))
            claims = accepted(process, "average", tries)
            assert all(x == right for x in claims), (process, right, claims)
            found += len(claims)
    assert found > 10


# every field of every wrong type

ODD = [None, True, False, 0, 1, -1, 2, 1.0, 0.0, -0.0, float("nan"), INF, 10**30,
       "", "0", "0x0", "-0x0", "0X1", "0x1", "0x01", "0x_1", " 0x1", "0x1\n", "1", "\u0661",
       "0x\u0661",
       "inf", "-inf", "Infinity", "+inf", [], [0], [[0]], [True], [None], ["0x0"], [0, 0], [1, 1],
       {}, {"num": [], "den": "0x1"}, {"0": 0}]


def places(x, path=()):
    """Every place in a certificate: (path, value)."""
    yield path, x
    for key, y in x.items() if type(x) is dict else enumerate(x) if type(x) is list else ():
        yield from places(y, (*path, key))


def put(c, path, value):
    """A copy with another value at one place."""
    c = copy.deepcopy(c)
    if not path:
        return value
    at = c
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return c


HOUSE = {"rich": {"earn": [(1, "rich", 1)], "quit": [(1, "end", 0)]},
         "fork": {"a": [(HALF, "end", -1), (HALF, "fork", 0)]},
         "poor": {"lose": [(1, "poor", -1)]}, "end": {}}
QUESTIONS = {"discounted": (HALF, {}), "average": (1, {"criterion": "average"}), "total": (1, {}),
             "finite horizon": (HALF, {"horizon": 2, "terminal_values": [1, 0, 2, 0]}),
             "goal": (1, {"goal": [3]}), "other miss": (1, {"goal": [3], "miss": INF}),
             "costs": (1, {"minimize": True, "goal": [3]})}


@pytest.mark.parametrize("name", QUESTIONS)
def test_every_field_has_one_type(name):
    """Whatever else stands anywhere is refused, or it is another witness of the same statement."""
    gamma, options = QUESTIONS[name]
    m = mdp.MDP.from_dict(HOUSE, gamma)
    c = json.loads(json.dumps(mdp.solve_exact(m, **options).certificate))
    assert mdp.verify(m, c)
    for path, value in places(c):
        for odd in ODD:
            if type(odd) is type(value) and odd == value:
                continue
            spoiled = put(c, path, odd)
            if mdp.verify(m, spoiled):
                same = statement(m, spoiled) == statement(m, c) and spoiled["slack"] == c["slack"]
                assert same and type(odd) is type(value), (path, odd)
        for wrong in of_another_size(value):
            assert not mdp.verify(m, put(c, path, wrong)), path


def of_another_size(value):
    """A field with something more, or without something that is needed; a list as a tuple."""
    if type(value) is dict:
        needed = [key for key in value if key not in ("tight", "layer")]
        without = [{k: y for k, y in value.items() if k != key} for key in needed]
        return [{**value, "more": 0}, *without]
    return [value + value[-1:] or [0], tuple(value)] if type(value) is list else []


def test_what_looks_like_a_goal_is_no_empty_goal():
    """The goal is worth 0 and 5 is earned on the way: no other reading of "goal" verifies -inf."""
    m = mdp.MDP.from_dict({"goal": {"stay": [(1, "goal", 0)]}, "a": {"x": [(1, "goal", 5)]}}, 1)
    c = mdp.solve_exact(m, criterion="total", goal=[0]).certificate
    c |= {"miss": "-inf", "infinite": [-1, -1], "slack": [0, 0], "rank": [0, 0], "layer": [1, 1],
          "tight": [0, 0], "num": ["0x0", "0x0"], "den": "0x1", "policy": [0, 1]}
    for goal in (0, [], "", False, {}, None, [0, 0], [1, 0], [0.0], [False], "0", 1, [2], [-1],
                 [0]):
        assert not mdp.verify(m, {**c, "goal": goal}), goal
