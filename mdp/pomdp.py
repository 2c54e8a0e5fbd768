"""Partially observable processes, small and exact: what the agent sees, and what it believes.

An observation z is seen on entering a state. G_n is a set of vectors alpha (S,).

    belief   b'(t) = O(z | t, a) sum over s of P(t | s, a) b(s) / P(z | b, a)      Bayes' rule
    values   V_n(b) = max over alpha in G_n of alpha . b            piecewise linear and convex
    step     G_{n+1}: for each action a, and for each choice of an alpha_z in G_n for every z,
             alpha(s) = r(s, a) + gamma sum over z, t of P(t | s, a) O(z | t, a) alpha_z(t)

Costs are minimised: min for max in the second line, and vectors are kept where they are smallest.

Every alpha is the value, state by state, of one plan for n steps. Vectors that are best at no
belief are pruned by an exact linear program, so that the sets are minimal and nothing is rounded.

Smallwood and Sondik, "The optimal control of partially observable Markov processes over a finite
horizon", Operations Research 21, 1973; Cassandra, Littman and Zhang, "Incremental pruning", UAI
1997; Kaelbling, Littman and Cassandra, "Planning and acting in partially observable stochastic
domains", Artificial Intelligence 101, 1998 (the tiger).

Read first: model.py, planning/simplex.py, planning/question.py.
Read next: problems/tiger.py, formats/cassandra.py, simulation.py.
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from .checks import distribution
from .given_numbers import exact, indices
from .model import MDP
from .planning.question import check_horizon, check_minimize
from .planning.simplex import linear_program


@dataclass(frozen=True)
class Plan:
    """One alpha vector.

    alpha      tuple of S Fractions, the value from each state
    action     what to do first
    minimize   alpha is a cost: the best of several is the smallest
    """
    alpha: tuple
    action: int
    minimize: bool = False


@dataclass(frozen=True)
class POMDP:
    """A process that is seen through Z observations; all numbers are Fractions.

    mdp                the process itself
    O                  O[a][t][z] probability to observe z on entering t by action a: nested tuples
    r                  r[s][a] expected reward, or cost if mdp.costs, over next states and
                       observations
    start              S Fractions, the first belief
    observation_names  Z names
    """
    mdp: MDP
    O: tuple                                     # noqa: E741 (the field's letter)
    r: tuple
    start: tuple
    observation_names: tuple

    def __post_init__(self):
        S, A, Z = self.mdp.num_states, self.mdp.num_actions, len(self.observation_names)
        given = {"O": (self.O, (A, S, Z)), "r": (self.r, (S, A)), "start": (self.start, (S,))}
        for name, (table, shape) in given.items():
            object.__setattr__(self, name, _exact_table(name, table, shape))

    def update(self, belief, action, observation):
        """(new belief, probability of the observation), exactly.   ValueError if that is zero"""
        Z = len(self.observation_names)
        indices("action", [action], self.mdp.num_actions), indices("observation", [observation], Z)
        numbers, exact = distribution("belief", belief, self.mdp.num_states)
        belief = numbers.tolist() if exact is None else list(exact)
        after = [Fraction(0)] * self.mdp.num_states
        for s, b in enumerate(belief):
            for t, p in self._row(s, action):
                after[t] += b * p
        joint = [x * self.O[action][t][observation] for t, x in enumerate(after)]
        chance = sum(joint, Fraction(0))
        if chance == 0:
            seen, done = self.observation_names[observation], self.mdp.action_names[action]
            raise ValueError(f"observation {seen!r} has probability 0 "
                             f"after action {done!r} from this belief")
        return tuple(x / chance for x in joint), chance

    def solve(self, horizon, *, minimize=None):
        """The minimal sets of alpha vectors: list of lists of Plan, entry n with n steps to go.

        Entry 0 is the zero vector. The discount is that of the process.

        minimize   rewards are costs.  Default: mdp.costs
        """
        check_horizon(horizon)
        minimize = check_minimize(self.mdp, minimize)
        side = -1 if minimize else 1             # min of costs, -max of -costs
        sets = [[Plan((Fraction(0),) * self.mdp.num_states, -1)]]
        for _ in range(horizon):
            sets.append(self._step(sets[-1], side))
        return [[Plan(tuple(side * x for x in plan.alpha), plan.action, minimize) for plan in plans]
                for plans in sets]

    def _step(self, plans, side):
        """G_n -> G_{n+1}, pruned.   side   1, or -1 where rewards are costs"""
        found = [Plan(alpha, a) for a in range(self.mdp.num_actions)
                 for alpha in self._sums(plans, a, side)]
        first = {}
        for plan in found:
            first.setdefault(plan.alpha, plan)
        return [first[alpha] for alpha in prune([plan.alpha for plan in found])]

    def _sums(self, plans, a, side):
        """The vectors of action a: incremental pruning, one observation after the other."""
        sums = [tuple(side * row[a] for row in self.r)]
        for z in range(len(self.observation_names)):
            parts = prune([self._part(plan.alpha, a, z) for plan in plans])
            sums = prune([tuple(x + y for x, y in zip(one, other))
                          for one in sums for other in parts])
        return sums

    def _part(self, alpha, a, z):
        """gamma sum over t of P(t | s, a) O(z | t, a) alpha(t): a tuple of S Fractions."""
        m, seen = self.mdp, self.O[a]
        gamma = m.exact_gamma if m.exact_gamma is not None else Fraction(repr(m.gamma))
        return tuple(gamma * sum((p * seen[t][z] * alpha[t] for t, p in self._row(s, a)),
                                 Fraction(0))
                     for s in range(m.num_states))

    def value(self, plans, belief):
        """(V(b), the best Plan) from one set of solve's list."""
        def worth(plan):
            return sum((x * b for x, b in zip(plan.alpha, belief)), Fraction(0))

        best = (min if plans[0].minimize else max)(plans, key=worth)
        return worth(best), best

    def _row(self, s, a):
        m = self.mdp
        k = int(m.pair_ptr[s]) + int(m.available[s, :a].sum())
        outcomes = range(m.outcome_ptr[k], m.outcome_ptr[k + 1])
        return [(int(m.next[j]), m.exact_probability[j]) for j in outcomes]


def _exact_table(name, table, shape):
    """Nested sequences of this shape -> nested tuples of Fractions."""
    if not isinstance(table, (tuple, list, np.ndarray)) or len(table) != shape[0]:
        raise ValueError(f"{name} must be nested tuples of shape {shape}")
    if len(shape) == 1:
        return tuple(exact(name, x) for x in table)
    return tuple(_exact_table(name, row, shape[1:]) for row in table)


def prune(vectors):
    """The vectors that are the only best ones at some belief, each once, in order of appearance.

    Exact: a linear program in Fractions decides.

    >>> prune([(0, 2), (2, 0), (1, 1), (Fraction(3, 2), 1)])
    [(0, 2), (2, 0), (Fraction(3, 2), 1)]
    """
    vectors = list(dict.fromkeys(vectors))
    kept = list(vectors)
    for v in vectors:
        others = [u for u in kept if u != v]
        if others and not _wins(v, others):
            kept = others
    return kept


def _wins(v, others):
    """True if v . b > u . b for every u, at some belief b.

    Maximise d with (v - u) . b >= d, where b is a distribution.
    """
    if any(all(x >= y for x, y in zip(u, v)) for u in others):
        return False
    S, one = len(v), Fraction(1)
    # variables: b (S), d+ and d-, one surplus for each u
    # rows: sum b = 1, then (v - u) . b - d - surplus = 0 for each u
    columns = [{0: one, **{i + 1: x for i, u in enumerate(others) if (x := v[s] - u[s])}}
               for s in range(S)]
    columns += [{i + 1: -one for i in range(len(others))}, {i + 1: one for i in range(len(others))}]
    columns += [{i + 1: -one} for i in range(len(others))]
    cost = [Fraction(0)] * S + [one, -one] + [Fraction(0)] * len(others)
    status, x = linear_program(columns, [one] + [Fraction(0)] * len(others), cost)
    return status == "optimal" and x[S] - x[S + 1] > 0
