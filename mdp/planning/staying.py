"""What a policy receives that stays for ever: the part of a total that no count of visits sees.

A policy that stays in an end component by a stationary policy receives of each reward

    nothing      if no action that it goes on using has any
    inf, -inf    if the mean per step is positive, negative
    no sum       if the mean is zero, though there are rewards: the partial sums have no limit

`offers` lists the end components in which a policy may stay so that of every reward it receives
nothing or inf. It says which are inf. Within one end component all mixtures of behaviours are
possible. So this is a linear program over the mean number of visits per step, x >= 0: what flows in
flows out, sum of x = 1, sum over k of f(k) x(k) >= 0 for each reward f. It is solved in Fractions
(simplex.py). Where every reward has one sign, the signs decide.

Etessami, Kwiatkowska, Vardi, Yannakakis, "Multi-objective model checking of Markov decision
processes", LMCS 4, 2008; Forejt, Kwiatkowska, Norman, Parker, Qu, "Quantitative multi-objective
verification for probabilistic systems", TACAS 2011.

Read first: graph.py, planning/collapse.py, planning/simplex.py.
Read next: planning/constrained_program.py.
"""

from fractions import Fraction
from typing import NamedTuple

import numpy as np

from .. import graph
from .collapse import components
from .simplex import linear_program


class Offer(NamedTuple):
    """An end component to stay in."""
    states: np.ndarray                       # indices
    weights: dict                            # pair -> its mean number of visits, all of them
                                             # positive, up to a factor for each state
    plus: frozenset                          # the numbers of the rewards that sum to inf there;
                                             # the others are absent


class NoSum(ValueError):
    """A reward of mean zero.   args: the number of the reward, the states"""


def offers(P, owner, rows, allowed, rewards, there):
    """The offers of all end components of the pairs `allowed` (X,) bool -> list of Offer.

    P          as in graph.maximal_end_components
    owner      as in graph.maximal_end_components
    rows       list of {successor: probability} in Fractions, one for each pair
    rewards    list of lists of X Fractions
    there      list of lists of X bools: False where a pair has no such reward
    NoSum where the best mean of a reward is zero, though it is there.
    """
    found = []
    label, inside = graph.maximal_end_components(P, owner, allowed)
    for states, own in components(label, inside, owner):
        offer, still = _offer(states, own, owner, rows, rewards, there)
        if offer is not None:
            found.append(offer)
        elif still is not None:              # look again without the pairs that spoil it
            kept = np.zeros(owner.size, bool)
            kept[still] = True
            found += offers(P, owner, rows, kept, rewards, there)
    return found


def _offer(states, own, owner, rows, rewards, there):
    """(the Offer of one end component, None), or (None, the pairs among which to look again).

    (None, None) where some reward is lost whatever one does.
    """
    present = [f for f, some in enumerate(there) if any(some[k] for k in own)]
    lost, mixed = _by_signs(states, own, present, rewards)
    if lost:                                 # -inf, unless it is avoided
        return None, _without(own, [rewards[f] for f in lost])
    weights = dict.fromkeys(own.tolist(), Fraction(1))
    if mixed:
        visits = _Visits(states, own, owner, rows, [rewards[f] for f in present])
        weights = visits.positive()
    if weights:
        return Offer(states, weights, frozenset(present)), None
    if weights is None:
        return None, None
    zero = [present[i] for i in visits.means_of_zero()]
    for f in zero:
        if visits.some([k for k in own if there[f][k]]):
            raise NoSum(f, states)
    return None, _without(own, [there[f] for f in zero])


def _by_signs(states, own, present, rewards):
    """(the rewards that are -inf whatever one does, those that have both signs), lists of numbers.

    NoSum for a reward that is zero everywhere, though it is there.
    """
    high = {f: max(rewards[f][k] for k in own) for f in present}
    low = {f: min(rewards[f][k] for k in own) for f in present}
    lost = [f for f in present if high[f] <= 0 and low[f] < 0]
    for f in present if not lost else ():
        if high[f] == 0:
            raise NoSum(f, states)
    return lost, [f for f in present if low[f] < 0 < high[f]]


def _without(own, tables):
    """The pairs of `own` for which every table has a zero."""
    return [k for k in own if not any(table[k] for table in tables)]


class _Visits:
    """The mean numbers of visits per step, x (n,), in one end component of n pairs.

    What flows in flows out, sum of x = 1, sum of f x >= 0 for each of the `rewards`.
    """

    def __init__(self, states, own, owner, rows, rewards):
        self.own, self.rewards, S = own, rewards, len(states)
        place = {int(s): i for i, s in enumerate(states)}
        flow = []                            # rows: a state each, the sum, a reward each
        for k in own:
            column = {place[int(owner[k])]: Fraction(1)}
            for t, p in rows[k].items():
                column[place[t]] = column.get(place[t], Fraction(0)) - p
            column[S] = Fraction(1)
            column.update({S + 1 + f: reward[k] for f, reward in enumerate(rewards) if reward[k]})
            flow.append(column)
        self.means = [S + 1 + f for f in range(len(rewards))]           # their rows
        self.columns = flow + [{i: Fraction(-1)} for i in self.means]   # with a surplus each
        self.b = [Fraction(0)] * S + [Fraction(1)] + [Fraction(0)] * len(rewards)

    def positive(self):
        """{pair: visits} where all visits and all means are positive; {} if there are none such,
        None if no visits have means >= 0.

        Maximise t - u where all visits are at least t, and all means at least t - u.
        """
        t = {}                               # t more of all visits, t less of each mean
        for column in self.columns[:len(self.own)]:
            for i, x in column.items():
                t[i] = t.get(i, Fraction(0)) + x
        for i in self.means:
            t[i] = t.get(i, Fraction(0)) - 1
        u = {i: Fraction(1) for i in self.means}
        cost = [Fraction(0)] * len(self.columns) + [Fraction(1), Fraction(-1)]
        _, x = _optimum([*self.columns, t, u], self.b, cost)
        if x[-2] < x[-1]:
            return None
        return {int(k): x[j] + x[-2] for j, k in enumerate(self.own)} if x[-2] > x[-1] else {}

    def means_of_zero(self):
        """The numbers of the rewards whose largest mean is zero."""
        return [f for f, reward in enumerate(self.rewards)
                if self.largest([reward[k] for k in self.own]) == 0]

    def some(self, pairs):
        """True if one of the pairs can be visited."""
        return any(self.largest([Fraction(int(k == j)) for j in self.own]) > 0 for k in pairs)

    def largest(self, cost):
        """The largest sum of cost x.   cost   a number for each pair"""
        return _optimum(self.columns, self.b, cost + [Fraction(0)] * len(self.rewards))[0]


def _optimum(columns, b, cost):
    status, x = linear_program(columns, b, cost)
    if status != "optimal":
        raise AssertionError("visits per step are bounded, and there are some")
    return sum((c * y for c, y in zip(cost, x)), Fraction(0)), x
