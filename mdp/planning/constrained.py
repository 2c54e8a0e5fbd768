"""Constrained processes: the best policy among those that keep other promises.

    maximise    sum over (s, a) of r(s, a) x(s, a)
    subject to  flow      sum over a of x(s, a) = initial(s) + gamma sum of P(s | t, b) x(t, b)
                promises  sum of c_i(s, a) x(s, a) >= b_i,     x >= 0

x is the expected (discounted) number of visits from the initial distribution. The optimal policy is
pi(a | s) = x(s, a) / sum over a of x(s, a). It may have to randomise, but in no more states than
there are promises: a basic solution has that many positive entries beyond one for each state.

Total reward: "the goal is reached with probability at least b" is a promise about the flow into
the goal. So that it can be counted, the state remembers which goals were reached. A policy may also
stay for ever in an end component (staying.py). The probability to do so, y >= 0, is one more column
of the flow. Of each reward the policy then receives nothing, inf or -inf:

    a promise of inf       is kept as soon as y > 0, however small: its row leaves the program
    a promise of -inf      is broken
    an objective of inf    is the answer, if y > 0 is possible
    an objective of -inf   is the answer, if no other policy keeps the promises

Which promises can be kept with y > 0 depends on the others. Start with all that some component
offers, and drop those with max y = 0 until none is left to drop. The solutions that remain are a
convex set, so all of these y can be positive at once. The largest objective of the program is the
supremum. It need not be attained: y = 0 may be best while y > 0 is needed.

The policies are those that visit states finitely often, in the mean, until they end or stay, and
stay by a stationary policy. A process where staying may earn rewards of mean zero is refused: such
a sum has no limit.

The program is solved in Fractions (constrained_program.py, simplex.py). Nothing of the answer is a
float.

Altman, "Constrained Markov Decision Processes", 1999; Etessami, Kwiatkowska, Vardi, Yannakakis,
"Multi-objective model checking of Markov decision processes", LMCS 4, 2008.

Read first: rational.py, planning/question.py, planning/undefined.py, planning/staying.py,
planning/constrained_program.py.
Read next: pomdp.py, planning/prioritized_sweeping.py.
"""

from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp

from .. import graph
from ..checks import state_set
from ..given_numbers import parse, parse_array
from ..model import check_model
from ..rational import rational
from .constrained_program import Flow, Program
from .question import default_criterion
from .staying import NoSum, offers
from .undefined import names


@dataclass(frozen=True)
class Constrained:
    """The exact optimum.

    value       Fraction; None if no policy keeps the promises. As floats: inf if it is unbounded,
                -inf if every policy that keeps the promises loses for ever; minimising, the signs
                are the other way round
    states      list of (state, frozenset of the numbers of the constraints whose goal was reached):
                the memory of the policy
    policy      {state of `states`: {action: Fraction}} for the states that are visited; empty where
                the value is infinite. The action None means: stay in this component from now on,
                as `stays` says
    kept        list of Fraction, inf or -inf: the left side of each constraint
    randomised  how many states choose more than one action
    attained    False if no policy was found that attains the value, which is a supremum. Then
                `policy` keeps the promises by going another way with probability 1/1000
    stays       {state of `states`: {action: Fraction}} for the components that are stayed in
    """
    value: object
    states: list
    policy: dict
    kept: list
    randomised: int
    attained: bool = True
    stays: dict = field(default_factory=dict)


def solve_constrained(m, constraints, *, goal=None, minimize=None, criterion=None):
    """The best randomised policy from m.initial under constraints -> Constrained, exactly.

    constraints   list of dicts, each with "at_least" or "at_most" (a number, better "2/5"), and
                  "goal": states, the probability to reach them (criterion "total"), or
                  "reward": (S, A) numbers, the expected (discounted) sum of them
    goal          maximise the probability to reach these states instead of the rewards; it belongs
                  to criterion "total"
    minimize      the smallest value instead.  Default: m.costs; with `goal` the largest
    criterion     "discounted" or "total"; default: by m.gamma

    ValueError for constraints that cannot be read, without an initial distribution, and where a
    total reward has no sum.

    >>> from mdp import MDP
    >>> process = {"s": {"loop": [(1, "s", 0)], "leave": [(1, "t", -10)]}, "t": {}}
    >>> m = MDP.from_dict(process, 1, initial="s")
    >>> c = solve_constrained(m, [{"reward": [[1, 0], [0, 0]], "at_least": 5}])  # loop for ever
    >>> c.value, c.kept
    (Fraction(0, 1), [inf])
    """
    check_model(m)
    if m.initial is None:
        raise ValueError("constraints speak of the initial distribution: give the MDP initial=")
    if minimize is None:
        minimize = m.costs and goal is None
    criterion = criterion or default_criterion(m, None, None)
    if criterion not in ("discounted", "total"):
        raise ValueError(f'criterion must be "discounted" or "total", is {criterion!r}')
    sign, discounted = -1 if minimize else 1, criterion == "discounted"
    promises = [_promise(i, one, m, discounted) for i, one in enumerate(constraints)]
    aim = None if goal is None else state_set("goal", goal, m.num_states)
    unfolded = _unfold(m, promises, aim, discounted)
    ends = None if discounted or not unfolded.flows else _Ends(m, unfolded, promises, aim, sign)
    program = _program(unfolded, promises, sign, ends, [] if ends is None else ends.offered())
    status, x = program.best()
    if status == "optimal":
        already = unfolded.already[-1] if aim is not None else 0
        return _answer(program, x, unfolded, promises, already)
    value = sign * np.inf if status == "unbounded" else None
    if value is None and ends is not None:
        losing = _program(unfolded, promises, sign, ends, ends.losing())
        if losing.best()[0] != "infeasible":
            value = -sign * np.inf
    return Constrained(value, unfolded.states, {}, [], 0)


# 1. what is promised

class Promise(NamedTuple):
    """One constraint: sense times what is counted >= sense times limit."""
    goal: np.ndarray | None                  # (S,) bool: the states to reach; or None, and
    table: list | None                       # (S, A) Fractions: the reward to collect
    limit: Fraction
    sense: int                               # 1 at least, -1 at most


def _promise(i, one, m, discounted):
    """Constraint number i -> Promise."""
    given = set(one) if isinstance(one, dict) else set()
    what, sense = given & {"goal", "reward"}, given & {"at_least", "at_most"}
    if len(what) != 1 or len(sense) != 1 or len(given) != 2:
        raise ValueError(f'constraint {i} must be {{"goal" or "reward": ..., "at_least" or '
                         f'"at_most": number}}, is {one!r}')
    (what,), (sense,) = what, sense
    if what == "goal" and discounted:
        raise ValueError(f'constraint {i}: "goal" belongs to criterion "total"')
    goal = state_set("goal", one["goal"], m.num_states) if what == "goal" else None
    table = _table(i, one["reward"], m) if what == "reward" else None
    value, exact = parse(sense, one[sense])
    limit = exact if exact is not None else Fraction(repr(value))
    return Promise(goal, table, limit, 1 if sense == "at_least" else -1)


def _table(i, reward, m):
    """(S, A) numbers -> the same as Fractions."""
    numbers, exact = parse_array(f"constraint {i}: reward", reward)
    shape = m.num_states, m.num_actions
    if numbers.shape != shape:
        raise ValueError(f"constraint {i}: reward must be {shape}, has shape {numbers.shape}")
    for s, a in np.argwhere(~np.isfinite(numbers))[:1]:
        raise ValueError(f"constraint {i}: reward[{s}, {a}] must be finite, is {numbers[s, a]}")
    if exact is not None:
        return exact
    return [[Fraction(repr(x)) for x in row] for row in numbers.tolist()]


# 2. the process whose states remember

class Unfolded(NamedTuple):
    """The process whose states remember which goals were reached."""
    m: object                                # the MDP
    R: object                                # the same in integers
    states: list                             # of (state, frozenset of the goals that were reached)
    first: dict                              # {number of a state: probability to start there}
    flows: list                              # Flow of each available action
    already: list                            # for each goal the probability to start in it


def _unfold(m, promises, aim, discounted):
    """Follow every action from the initial states -> Unfolded.

    The goals are those of the promises, and the one that is aimed at, the last, if there is one.
    """
    R = rational(m)
    watched = [p.goal for p in promises] + ([aim] if aim is not None else [])

    initial = _initial(m)
    states = [_enter(s, frozenset(), watched) for s, p in enumerate(initial) if p]
    first = {i: initial[s] for i, (s, _) in enumerate(states)}
    already = [sum((first[i] for i, (_, before) in enumerate(states) if c in before), Fraction(0))
               for c in range(len(watched))]
    index, flows = {state: i for i, state in enumerate(states)}, []

    def number(state):
        if state not in index:
            index[state] = len(states)
            states.append(state)
        return index[state]

    for i, (s, before) in enumerate(states):                             # grows while it is read
        for k in range(R.pair_ptr[s], R.pair_ptr[s + 1]):
            ahead = [(_enter(t, before, watched), Fraction(n, R.D[k]))
                     for t, n in zip(R.next[k], R.n[k])]
            gains = _gains(ahead, before, len(watched))
            counted = [gain if p.goal is not None else p.table[s][R.action[k]]
                       for gain, p in zip(gains, promises)]
            reward = Fraction(*R.r[k]) if aim is None else gains[-1]
            gamma = Fraction(*R.g[k]) if discounted else 1
            after = {number(state): gamma * p for state, p in ahead}
            flows.append(Flow(i, after, reward, counted, k))
    return Unfolded(m, R, states, first, flows, already)


def _enter(s, before, watched):
    """(s, the goals reached before or now)."""
    return s, before | {i for i, goal in enumerate(watched) if goal is not None and goal[s]}


def _gains(ahead, before, count):
    """The probability that each of `count` goals is reached now, for the first time."""
    gains = [Fraction(0)] * count
    for (_, reached), p in ahead:
        for c in reached - before:
            gains[c] += p
    return gains


def _initial(m):
    """The initial distribution as Fractions: floats are the decimals that were typed."""
    if m.exact_initial is not None:
        return m.exact_initial
    return [Fraction(repr(p)) for p in m.initial.tolist()]


# 3. where a policy may stay for ever

class _Ends:
    """The end components of the unfolded process, criterion "total", and what they offer."""

    def __init__(self, m, unfolded, promises, aim, sign):
        self.m, self.states, flows = m, unfolded.states, unfolded.flows
        self.transitions = [f.after for f in flows]
        ptr = np.concatenate(([0], np.cumsum([len(after) for after in self.transitions])))
        ahead = [t for after in self.transitions for t in after]
        self.P = sp.csr_matrix((np.ones(len(ahead)), ahead, ptr),
                               shape=(len(flows), len(self.states)))
        self.owner = np.array([f.state for f in flows], np.int64)
        self.objective = [sign * f.reward for f in flows]
        # a reward may be there and have mean zero
        self.paid = [bool(f.reward) or aim is None and not unfolded.R.zero[f.pair] for f in flows]
        self.pledges = [[p.sense * f.promises[i] for f in flows] for i, p in enumerate(promises)]
        self.there = [[bool(x) for x in pledge] for pledge in self.pledges]
        # an end component in which nothing is paid and nothing promised is one node
        quiet = np.array([not some and not any(f.promises) for f, some in zip(flows, self.paid)])
        label, self.inside = graph.maximal_end_components(self.P, self.owner, quiet)
        alone = label.max(initial=-1) + 1 + np.cumsum(label < 0) - 1
        self.node = np.where(label >= 0, label, alone)
        left, _ = graph.maximal_end_components(self.P, self.owner, ~self.inside)
        self.circles = bool((left >= 0).any())

    def offered(self):
        """[(Offer, whether the objective is inf there)] where the objective is never -inf."""
        objective = len(self.pledges)
        found = [(offer, False) for offer in self._offers(~np.array(self.paid))]
        every = np.ones(self.owner.size, bool)
        paid = self._offers(every, [self.objective], [self.paid])
        return found + [(offer, True) for offer in paid if objective in offer.plus]

    def losing(self):
        """The same where only the promises matter."""
        return [(offer, False) for offer in self._offers(np.ones(self.owner.size, bool))]

    def _offers(self, allowed, rewards=(), there=()):
        """staying.offers of the promises and of further rewards."""
        try:
            return offers(self.P, self.owner, self.transitions, allowed,
                          [*self.pledges, *rewards], [*self.there, *there])
        except NoSum as zero:
            f, where = zero.args
            what = "the reward" if f == len(self.pledges) else f"the reward of constraint {f}"
            where = names(self.m, [self.states[i][0] for i in where])
            raise ValueError("total reward is undefined: a policy may stay for ever in "
                             f"{where}, where {what} has mean zero, though it is not absent; "
                             "use gamma < 1") from None


# 4. the program and its answer

def _program(unfolded, promises, sign, ends, found):
    """The Program of what is unfolded and of the components that may be stayed in."""
    flows, node, circles = unfolded.flows, np.arange(len(unfolded.states)), False
    if ends is not None:
        flows = [f for f, within in zip(flows, ends.inside) if not within]
        node, circles = ends.node, ends.circles
    starts = {}
    for i, p in unfolded.first.items():
        starts[int(node[i])] = starts.get(int(node[i]), Fraction(0)) + p
    return Program(flows, found, node, starts, _left(unfolded, promises),
                   [p.sense for p in promises], sign, circles)


def _left(unfolded, promises):
    """What the limits leave: goals that are reached at the start count as well."""
    return [p.limit if p.goal is None else p.limit - already
            for p, already in zip(promises, unfolded.already)]


def _answer(program, x, unfolded, promises, already):
    """The Constrained of an optimal x.   already   what is received before the first step"""
    flows = program.flows
    value = already + sum((y * f.reward for y, f in zip(x, flows)), Fraction(0))
    x, attained = program.attain(x)
    kept = []
    for c, (p, left) in enumerate(zip(promises, _left(unfolded, promises))):
        total = sum((y * f.promises[c] for y, f in zip(x, flows)), p.limit - left)
        kept.append(p.sense * np.inf if program.stays_for(c, x) else total)
    used = {}                                # {node: the columns that are taken in it}
    for j, choice in enumerate(program.choices):
        if x[j]:
            used.setdefault(choice.node, []).append(j)
    policy, stays = {}, {}
    for group in used.values():
        total = sum(x[j] for j in group)
        for j in group:
            state, _, pair, offer = program.choices[j]
            action = None if pair < 0 else unfolded.R.action[pair]
            policy.setdefault(unfolded.states[state], {})[action] = x[j] / total
    for j, choice in enumerate(program.choices):
        if x[j] and choice.offer is not None:
            stays.update(_stationary(choice.offer, unfolded))
    randomised = sum(len(group) > 1 for group in used.values())
    return Constrained(value, unfolded.states, policy, kept, randomised, attained, stays)


def _stationary(offer, unfolded):
    """How to stay: {state: {action: probability}}."""
    out = {}
    for k, weight in offer.weights.items():
        flow = unfolded.flows[k]
        out.setdefault(unfolded.states[flow.state], {})[unfolded.R.action[flow.pair]] = weight
    return {state: {a: w / sum(row.values()) for a, w in row.items()} for state, row in out.items()}
