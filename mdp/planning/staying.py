"""What those receive who stay for ever: the part of a total that no count of visits sees.

A policy that stays in an end component by a stationary policy receives of each reward

    nothing      if no action that it goes on using has any
    inf, -inf    if the mean per step is positive, negative
    no sum       if the mean is zero, though there are rewards: the partial sums have no limit

`offers` lists where, and with which rewards infinite, a policy may stay so that of every reward
given it receives nothing or inf. Within one end component all mixtures of behaviours are possible,
so that this is a linear program over the mean number of visits per step, x >= 0: what flows in
flows out, sum of x = 1, sum of f(k) x(k) >= 0 for each reward f. It is solved in Fractions
(linear_program). Where every reward has one sign, the signs decide.

Etessami, Kwiatkowska, Vardi, Yannakakis, "Multi-objective model checking of Markov decision
processes", LMCS 4, 2008; Forejt, Kwiatkowska, Norman, Parker, Qu, "Quantitative multi-objective
verification for probabilistic systems", TACAS 2011.

Read first: constrained.py, total.py.
"""

from fractions import Fraction
from typing import NamedTuple

import numpy as np

from .. import graph
from .total import components


class Offer(NamedTuple):
    """An end component to stay in."""
    states: np.ndarray                       # indices
    # pair -> its mean number of visits, up to a factor for each state; all of them positive
    weights: dict
    plus: frozenset  # the numbers of the rewards that sum to inf there; the others are absent


class NoSum(ValueError):
    """A reward of mean zero.   args: the number of the reward, the states"""


def offers(P, owner, rows, allowed, rewards, there):
    """The offers of all end components of the pairs `allowed` (K,) bool -> list of Offer.

    P, owner   as in graph.maximal_end_components
    rows       list of {successor: probability} in Fractions, one for each pair
    rewards    list of lists of K Fractions
    there      list of lists of K bools: False where a pair has no such reward
    NoSum where the best mean of a reward is zero, though it is there.
    """
    found = []
    label, inside = graph.maximal_end_components(P, owner, allowed)
    for states, own in components(label, inside, owner):
        present = [f for f, some in enumerate(there) if any(some[k] for k in own)]
        high = {f: max(rewards[f][k] for k in own) for f in present}
        low = {f: min(rewards[f][k] for k in own) for f in present}
        lost = [f for f in present if high[f] <= 0 and low[f] < 0]  # -inf, unless it is avoided
        if lost:
            still = [k for k in own if not any(rewards[f][k] for f in lost)]
        else:
            for f in present:
                if high[f] == 0:
                    raise NoSum(f, states)
            weights, zero = dict.fromkeys(own.tolist(), Fraction(1)), []
            if any(low[f] < 0 for f in present):
                both = [(rewards[f], there[f]) for f in present]
                weights, zero = _balance(states, own, owner, rows, both)
            if weights is None:
                continue  # some reward is lost whatever one does
            if not zero:
                found.append(Offer(states, weights, frozenset(present)))
                continue
            for f in (present[i] for i in zero):
                if any(there[f][k] for k in weights):
                    raise NoSum(f, states)
            still = [k for k in own if not any(there[present[i]][k] for i in zero)]
        kept = np.zeros(owner.size, bool)
        kept[still] = True
        found += offers(P, owner, rows, kept, rewards, there)
    return found


def _balance(states, own, owner, rows, rewards):
    """(weights, zero): visits per step with sum f x >= 0 for all rewards f, and those whose mean
    is zero for all such visits.

    Without any: visits to all pairs, all means positive. Else the pairs with such a reward that
    some of these visits have, as keys. (None, None) if there are no such visits.
    rewards   list of (numbers, whether there)
    """
    rewards, there = zip(*rewards)
    place, n, N = {int(s): i for i, s in enumerate(states)}, len(states), len(own)
    flow = []  # columns: flow, sum, a row for each reward
    for k in own:
        column = {place[int(owner[k])]: Fraction(1)}
        for t, p in rows[k].items():
            column[place[t]] = column.get(place[t], Fraction(0)) - p
        column[n] = Fraction(1)
        column.update({n + 1 + f: reward[k] for f, reward in enumerate(rewards) if reward[k]})
        flow.append(column)
    surplus = [{n + 1 + f: Fraction(-1)} for f in range(len(rewards))]
    b = [Fraction(0)] * n + [Fraction(1)] + [Fraction(0)] * len(rewards)
    # all visits at least t, all means at least t - u
    least = {}
    for column in flow:
        for i, x in column.items():
            least[i] = least.get(i, Fraction(0)) + x
    for f in range(len(rewards)):
        least[n + 1 + f] = least.get(n + 1 + f, Fraction(0)) - 1
    below = {n + 1 + f: Fraction(1) for f in range(len(rewards))}
    cost = [Fraction(0)] * (N + len(rewards)) + [Fraction(1), Fraction(-1)]
    _, x = _optimum(flow + surplus + [least, below], b, cost)
    if x[-2] > x[-1]:
        return {int(k): x[j] + x[-2] for j, k in enumerate(own)}, []
    if x[-2] < x[-1]:
        return None, None
    columns, free = flow + surplus, [Fraction(0)] * len(rewards)
    best = [_optimum(columns, b, [reward[k] for k in own] + free)[0] for reward in rewards]
    zero = [f for f, mean in enumerate(best) if mean == 0]
    used = [k for j, k in enumerate(own) if any(there[f][k] for f in zero)
            and _optimum(columns, b, [Fraction(int(i == j)) for i in range(N)] + free)[0] > 0]
    return {int(k): None for k in used}, zero


def _optimum(columns, b, cost):
    from .constrained import linear_program
    status, x = linear_program(columns, b, cost)
    if status != "optimal":
        raise AssertionError("visits per step are bounded, and there are some")
    return sum((c * y for c, y in zip(cost, x)), Fraction(0)), x
