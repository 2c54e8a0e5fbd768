"""Constrained processes: the best policy among those that keep other promises.

    maximise  sum over (s, a) of r(s, a) x(s, a)      subject to      flow:        sum over a of x(s, a) = initial(s) + gamma sum of P(s | t, b) x(t, b)
                                                                      promises:    sum of c_i(s, a) x(s, a) >= b_i,     x >= 0

x is the expected (discounted) number of visits from the initial distribution. The optimal policy pi(a | s) = x(s, a) / sum over a of x(s, a) may have to
randomise, in at most as many states as there are promises, since a basic solution has that many positive entries beyond one for each state.

Total reward: "the goal is reached with probability at least b" is a promise about the flow into
the goal. So that it can be counted, the state remembers which goals were reached. And a policy may
stay for ever in an end component (staying.py): y >= 0, the probability to do so, is one more column
of the flow. Of each reward it then receives nothing, inf or -inf:

    a promise of inf       is kept as soon as y > 0, however small, so that it leaves the program
    a promise of -inf      is broken
    an objective of inf    is the answer, if y > 0 is possible
    an objective of -inf   is the answer, if no other policy keeps the promises

Which promises can be kept with y > 0 depends on the others: start with all that some component
offers, and drop those with max y = 0 until none is left to drop. The set of what remains is convex,
so that all of these y can be positive at once, and the largest objective of the program is the
supremum. It need not be attained: then y = 0 is best and y > 0 is needed.

The policies are those that visit states finitely often, in the mean, until they end or stay, and
stay by a stationary policy. A process where staying may earn rewards of mean zero is refused: such
a sum has no limit.

HiGHS (through scipy) finds a basis. The basis is solved again in Fractions, and its feasibility and optimality (reduced costs of every column) are
checked exactly; where rounding misled HiGHS, exact pivots (Bland's rule) go on from there. Nothing of the answer is a float.

Altman, "Constrained Markov Decision Processes", 1999; Etessami, Kwiatkowska, Vardi, Yannakakis, "Multi-objective model checking of Markov decision
processes", LMCS 4, 2008.

Read first: linear_programming_dual.py, total.py, ../rational.py.
"""

import itertools
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
import scipy.sparse as sp
from scipy.optimize import linprog

from .. import graph
from ..checks import state_set
from ..model import check_model
from ..given_numbers import parse, parse_array
from ..rational import rational
from .staying import NoSum, offers
from .total import names


@dataclass(frozen=True)
class Constrained:
    """The exact optimum.

    value      Fraction; inf where no policy bounds it, -inf if all that keep the promises lose for
               ever (floats; to minimise the other way round); None if no policy keeps the promises
    states     list of (state, frozenset of the numbers of the constraints whose goal was reached): the memory of the policy
    policy     {state of `states`: {action: Fraction}}, states that are visited; empty where the
               value is infinite. The action None: stay in this component from now on, by `stays`
    kept       list of Fraction, inf or -inf: the left side of each constraint
    randomised how many states choose more than one action
    attained   False: no policy found attains the value, which is a supremum; `policy` goes another
               way with one part in a thousand
    stays      {state of `states`: {action: Fraction}} for the components that are stayed in
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
    goal          maximise the probability to reach these states instead of the rewards (criterion "total")
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
    criterion = criterion or ("discounted" if m.gamma < 1 else "total")
    if criterion not in ("discounted", "total"):
        raise ValueError(f'criterion expects "discounted" or "total", got {criterion!r}')
    goals, tables, limits, senses = [], [], [], []
    for i, one in enumerate(constraints):
        given = set(one) if isinstance(one, dict) else set()
        if len(given & {"goal", "reward"}) != 1 or len(given & {"at_least", "at_most"}) != 1 or len(given) != 2:
            raise ValueError(f'constraint {i} expects {{"goal" or "reward": ..., "at_least" or "at_most": number}}, got {one!r}')
        if "goal" in one and criterion == "discounted":
            raise ValueError(f'constraint {i}: "goal" belongs to criterion "total"')
        goals.append(state_set("goal", one["goal"], m.num_states) if "goal" in one else None)
        tables.append(None if "goal" in one else _table(i, one["reward"], m))
        sense = "at_least" if "at_least" in one else "at_most"
        value, exact = parse(sense, one[sense])
        limits.append(exact if exact is not None else Fraction(repr(value)))
        senses.append(1 if sense == "at_least" else -1)
    R = rational(m)
    objective_goal = None if goal is None else state_set("goal", goal, m.num_states)
    discounted = criterion == "discounted"
    watched = goals + ([objective_goal] if objective_goal is not None else [])

    # unfold: (state, goals reached)
    reached = lambda s, before: before | frozenset(i for i, g in enumerate(watched) if g is not None and g[s])       # noqa: E731
    first = {}
    exact_initial = m.exact_initial if m.exact_initial is not None else [Fraction(repr(p)) for p in m.initial.tolist()]
    for s, p in enumerate(exact_initial):
        if p:
            first[s, reached(s, frozenset())] = p
    states = list(first)
    index = {state: i for i, state in enumerate(states)}
    columns = []                                                         # (owner, {successor: weight}, reward, promises, pair)
    for i, (s, before) in enumerate(states):                             # grows while it is read
        for k in range(R.pair_ptr[s], R.pair_ptr[s + 1]):
            after, gains = {}, [Fraction(0)] * len(watched)
            factor = Fraction(*R.g[k]) if discounted else Fraction(1)
            for t, n in zip(R.next[k], R.n[k]):
                state = (t, reached(t, before))
                if state not in index:
                    index[state] = len(states)
                    states.append(state)
                after[index[state]] = factor * Fraction(n, R.D[k])
                for w in state[1] - before:
                    gains[w] += Fraction(n, R.D[k])
            reward = Fraction(*R.r[k]) if objective_goal is None else gains[-1]
            promises = [gains[c] if goals[c] is not None else tables[c][s][R.action[k]] for c in range(len(constraints))]
            columns.append((i, after, reward, promises, k))
    # goals reached at the start count as well
    already = [sum((p for (s, before), p in first.items() if c in before), Fraction(0)) for c in range(len(watched))]
    constant = already[-1] if objective_goal is not None else Fraction(0)
    owner = np.array([c[0] for c in columns], np.int64)
    node, found, circles = np.arange(len(states)), [], False
    sign = -1 if minimize else 1
    if not discounted and columns:
        transitions = [c[1] for c in columns]
        ptr = np.concatenate(([0], np.cumsum([len(after) for after in transitions])))
        ahead = [t for after in transitions for t in after]
        P = sp.csr_matrix((np.ones(len(ahead)), ahead, ptr), shape=(len(columns), len(states)))
        objective = [sign * c[2] for c in columns]
        pledges = [[sense * c[3][i] for c in columns] for i, sense in enumerate(senses)]

        there = [[bool(x) for x in pledge] for pledge in pledges]
        paid = [bool(c[2]) or objective_goal is None and not R.zero[c[4]] for c in columns]

        def offered(allowed, *more):
            rewards, some = pledges + [x for x, _ in more], there + [x for _, x in more]
            try:
                return offers(P, owner, transitions, allowed, rewards, some)
            except NoSum as zero:
                f, where = zero.args
                what = "the reward" if f == len(constraints) else f"the reward of constraint {f}"
                where = names(m, [states[i][0] for i in where])
                raise ValueError("total reward is undefined: a policy may stay for ever in "
                                 f"{where}, where {what} has mean zero, though it is not absent; "
                                 "use gamma < 1") from None

        found = [(offer, False) for offer in offered(~np.array(paid))]
        found += [(offer, True) for offer in offered(np.ones(owner.size, bool), (objective, paid))
                  if len(constraints) in offer.plus]
        # an end component in which nothing is paid and nothing promised is one node
        quiet = np.array([not some and not any(c[3]) for c, some in zip(columns, paid)], bool)
        label, inside = graph.maximal_end_components(P, owner, quiet)
        node = np.where(label >= 0, label, label.max(initial=-1) + 1 + np.cumsum(label < 0) - 1)
        flows = [c for c, within in zip(columns, inside) if not within]
        circles = bool((graph.maximal_end_components(P, owner, ~inside)[0] >= 0).any())
    else:
        flows = columns
    starts = {}
    for state, p in first.items():
        starts[int(node[index[state]])] = starts.get(int(node[index[state]]), Fraction(0)) + p
    left = [limit if goals[c] is None else limit - already[c] for c, limit in enumerate(limits)]
    program = _Program(flows, found, node, starts, left, senses, sign, circles)
    status, x = program.best()
    if status == "infeasible" and not discounted and columns:
        found = [(offer, False) for offer in offered(np.ones(owner.size, bool))]  # and lose there
        losing = _Program(flows, found, node, starts, left, senses, sign, circles)
        if losing.best()[0] != "infeasible":
            return Constrained(-sign * np.inf, states, {}, [], 0)
    if status == "infeasible":
        return Constrained(None, states, {}, [], 0)
    if status == "unbounded":
        return Constrained(sign * np.inf, states, {}, [], 0)
    value = constant + sum((x[j] * flows[j][2] for j in range(len(flows))), Fraction(0))
    x, attained = program.attain(x)
    kept = []
    for c in range(len(constraints)):
        total = sum((x[j] * flows[j][3][c] for j in range(len(flows))), limits[c] - left[c])
        kept.append(senses[c] * np.inf if program.stays_for(c, x) else total)
    used, chosen, stays = {}, {}, {}
    for j, (i, n, k, offer) in enumerate(program.choices):
        if x[j]:
            used.setdefault(n, []).append((j, i, k))
            if offer is not None:
                stays.update(_stationary(offer, columns, states, owner, R))
    for group in used.values():
        total = sum(x[j] for j, _, _ in group)
        for j, i, k in group:
            chosen.setdefault(states[i], {})[None if k < 0 else R.action[k]] = x[j] / total
    randomised = sum(len(group) > 1 for group in used.values())
    return Constrained(value, states, chosen, kept, randomised, attained, stays)


def _stationary(offer, columns, states, owner, R):
    """How to stay: {state: {action: probability}}."""
    out = {}
    for k, weight in offer.weights.items():
        out.setdefault(states[owner[k]], {})[R.action[columns[k][4]]] = weight
    return {state: {a: w / sum(row.values()) for a, w in row.items()} for state, row in out.items()}


class _Program:
    """The linear program: flows, then a column for each state of each component to stay in.

    flows      list of (owner, {successor: weight}, reward, promises, pair)
    found      list of (Offer, whether the objective is inf there)
    choices    (state, node, pair or -1, Offer or None) of each column
    endless    the promises that are kept by staying, y > 0 however small; their rows are left out
    circles    whether visits may go round without an end: in end components with rewards
    alive      the columns that are not left out
    """

    def __init__(self, flows, found, node, starts, limits, senses, sign, circles):
        self.flows, self.circles = flows, circles
        self.choices = [(i, int(node[i]), k, None) for i, _, _, _, k in flows]
        self.paid = []  # columns with an objective of inf
        for offer, paid in found:
            for n in dict.fromkeys(int(node[s]) for s in offer.states):
                i = next(int(s) for s in offer.states if node[s] == n)
                self.paid += [len(self.choices)] * paid
                self.choices.append((i, n, -1, offer))
        place = {n: i for i, n in enumerate(sorted({n for _, n, _, _ in self.choices}))}
        self.nodes, self.promises = len(place), len(limits)
        self.columns = []                                                # {row: number}
        for i, n, k, _ in self.choices:
            column = {place[n]: Fraction(1)}
            if len(self.columns) < len(flows):
                _, after, _, promises, _ = flows[len(self.columns)]
                for t, w in after.items():
                    at = place.get(int(node[t]))
                    if at is not None:
                        column[at] = column.get(at, Fraction(0)) - w
                column.update({self.nodes + c: senses[c] * x for c, x in enumerate(promises) if x})
            self.columns.append(column)
        self.columns += [{self.nodes + c: Fraction(-1)} for c in range(self.promises)]  # surplus
        self.b = [Fraction(0)] * (self.nodes + self.promises)
        for n, p in starts.items():
            if n in place:
                self.b[place[n]] = p
        for c in range(self.promises):
            self.b[self.nodes + c] = senses[c] * limits[c]
        self.cost = {j: sign * c[2] for j, c in enumerate(flows) if c[2]}
        self.first = set(starts)
        self.to = [{int(node[t]) for t in c[1]} & set(place) for c in flows]
        self.endless = sorted({c for offer, _ in found for c in offer.plus if c < self.promises})

    def stayers(self, c):
        """The columns of staying where promise c is inf."""
        return [j for j, (_, _, _, offer) in enumerate(self.choices)
                if offer is not None and c in offer.plus]

    def stays_for(self, c, x):
        return any(x[j] for j in self.stayers(c))

    def best(self):
        """(status, x) of the supremum."""
        self.alive, self.inner = set(range(len(self.columns))), None
        if self.circles or self.endless:
            self.inner = self.settle()
            if self.inner is None:
                return "infeasible", None
        if self.paid:
            status, x = self.solve({j: 1 for j in self.paid})
            if status == "infeasible":
                return status, None
            if any(x[j] for j in self.paid):
                return "unbounded", None
        return self.solve(self.cost)

    def solve(self, cost, most=None):
        """linear_program of the columns `alive` without the promises `endless`.

        cost   {column: number}     most   the objective may not exceed it
        """
        gone = {self.nodes + c for c in self.endless}
        columns = [{i: x for i, x in column.items() if i not in gone and j in self.alive}
                   for j, column in enumerate(self.columns)]
        cost = {j: Fraction(c) for j, c in cost.items() if j in self.alive}
        b = [Fraction(0) if i in gone else x for i, x in enumerate(self.b)]
        if most is not None:
            for j, c in cost.items():
                columns[j][len(b)] = c
            columns.append({len(b): Fraction(1)})
            b.append(Fraction(most))
        costs = [cost.get(j, Fraction(0)) for j in range(len(columns))]
        status, x = linear_program(columns, b, costs)
        return status, x if x is None else x[:len(self.columns)]

    def settle(self):
        """A point that stays for each promise in `endless` and visits all nodes left; or None.

        Promises that no point stays for leave `endless`. Nodes that no point can go to from the
        initial states are left out: visits that go round among them alone would solve the
        equations, and are none.
        """
        while True:
            status, x = self.solve({})
            if status == "infeasible":
                return None
            points = [x]
            for c in self.endless:
                points.append(self.solve({j: 1 for j in self.stayers(c)})[1])
            still = [c for c, x in zip(self.endless, points[1:]) if self.stays_for(c, x)]
            if still != self.endless:
                self.endless = still
                continue
            while True:
                x = [sum(numbers) / len(points) for numbers in zip(*points)]
                seen = self.visited(x)
                further = [j for j in self.alive
                           if self.begins_in(j, seen) and not self.goes_to(j) <= seen]
                if not further:
                    break
                point = self.solve(dict.fromkeys(further, 1), most=1)[1]
                if not any(point[j] for j in further):
                    break
                points.append(point)
            left = {j for j in self.alive if j >= len(self.choices)
                    or self.begins_in(j, seen) and self.goes_to(j) <= seen}
            if left == self.alive:
                return x
            self.alive = left

    def begins_in(self, j, nodes):
        return j < len(self.choices) and self.choices[j][1] in nodes

    def goes_to(self, j):
        """The nodes that column j leads to."""
        return self.to[j] if j < len(self.flows) else set()

    def visited(self, x):
        """The nodes that are reached from the initial ones by what x visits."""
        seen, frontier = set(self.first), list(self.first)
        leaving = {}
        for j, (_, n, _, _) in enumerate(self.choices):
            if x[j]:
                leaving.setdefault(n, []).append(j)
        while frontier:
            new = set().union(*(self.goes_to(j) for j in leaving.get(frontier.pop(), ()))) - seen
            seen |= new
            frontier += new
        return seen

    def keeps(self, x):
        """Whether x is a policy, and keeps the endless promises by staying or by what it counts."""
        seen = self.visited(x)
        return (all(not x[j] or self.begins_in(j, seen) for j in range(len(self.choices)))
                and all(self.stays_for(c, x) or self.counts(c, x) for c in self.endless))

    def counts(self, c, x):
        """Whether the visits alone keep promise c."""
        row = self.nodes + c
        flows = self.columns[:len(self.flows)]
        return sum((column.get(row, 0) * x[j] for j, column in enumerate(flows)), 0) >= self.b[row]

    def attain(self, x):
        """(a policy that keeps all promises and is as good as x, True).

        If none is found, (one that goes with a thousandth where all promises are kept, False).
        """
        if self.keeps(x):
            return x, True
        alive, endless, row = self.alive, self.endless, len(self.b)
        # from now on among the best
        self.b.append(sum((c * x[j] for j, c in self.cost.items()), Fraction(0)))
        for j, c in self.cost.items():
            self.columns[j][row] = c
        for size in range(len(endless), -1, -1):
            for staying in itertools.combinations(endless, size):
                self.alive, self.endless = alive, list(staying)
                inner = self.settle()
                if inner is not None and self.endless == list(staying):
                    return inner, True
        return [Fraction(999, 1000) * y + z / 1000 for y, z in zip(x, self.inner)], False


def _table(i, reward, m):
    numbers, exact = parse_array(f"constraint {i}: reward", reward)
    if numbers.shape != (m.num_states, m.num_actions) or not np.isfinite(numbers).all():
        raise ValueError(f"constraint {i}: reward expects finite numbers of shape {(m.num_states, m.num_actions)}, got shape {numbers.shape}")
    return exact if exact is not None else [[Fraction(repr(x)) for x in row] for row in numbers.tolist()]


def linear_program(columns, b, cost):
    """maximise cost . x subject to sum of x_j columns_j = b, x >= 0, in Fractions -> ("optimal", x), ("infeasible", None) or ("unbounded", None).

    columns   list of {row: Fraction}     b, cost   lists of Fractions
    HiGHS proposes the basis; the tableau of that basis is computed exactly, and pivoted on until every reduced cost is right. Infeasibility
    and unboundedness are decided exactly as well.
    """
    M, N = len(b), len(columns)
    signs = [-1 if x < 0 else 1 for x in b]
    T = [[Fraction(0)] * (N + M + 1) for _ in range(M)]                  # the last M columns: artificial
    for j, column in enumerate(columns):
        for i, x in column.items():
            T[i][j] = signs[i] * x
    for i in range(M):
        T[i][N + i], T[i][-1] = Fraction(1), signs[i] * b[i]
    basis = [N + i for i in range(M)]
    for j in _proposed(columns, b, cost):                                # bring HiGHS's support in, where a pivot exists and keeps x >= 0
        _enter(T, basis, j)
    # phase 1: artificial variables out
    if not _optimise(T, basis, [Fraction(0)] * N + [Fraction(-1)] * M, N + M):
        raise AssertionError("phase 1 is bounded")
    if any(basis[i] >= N and T[i][-1] != 0 for i in range(M)):
        return "infeasible", None
    for i in range(M):
        if basis[i] >= N:
            j = next((j for j in range(N) if T[i][j] != 0), None)
            if j is not None:
                _pivot(T, basis, i, j)
    if not _optimise(T, basis, list(cost) + [Fraction(0)] * M, N):
        return "unbounded", None
    x = [Fraction(0)] * N
    for i, j in enumerate(basis):
        if j < N:
            x[j] = T[i][-1]
    for i in range(M):                                                   # the answer against the data, not the tableau
        if sum((column.get(i, 0) * x[j] for j, column in enumerate(columns)), Fraction(0)) != b[i] or min(x, default=0) < 0:
            raise AssertionError("the basic solution does not satisfy its equations")
    return "optimal", x


def _proposed(columns, b, cost):
    if not columns or not b:
        return []
    entries = [(i, j, float(x)) for j, column in enumerate(columns) for i, x in column.items()]
    rows, cols, data = zip(*entries)
    A = sp.csr_matrix((data, (rows, cols)), shape=(len(b), len(columns)))
    result = linprog([-float(c) for c in cost], A_eq=A, b_eq=[float(x) for x in b], bounds=(0, None), method="highs")
    return [] if result.x is None else [int(j) for j in np.argsort(-result.x) if result.x[j] > 1e-9]


def _enter(T, basis, j):
    """Pivot column j in by the ratio test; nothing if no row allows it."""
    if j in basis:
        return
    rows = [i for i in range(len(T)) if T[i][j] > 0]
    if rows:
        _pivot(T, basis, min(rows, key=lambda i: (T[i][-1] / T[i][j], -basis[i])), j)


def _optimise(T, basis, cost, columns):
    """Exact primal simplex with Bland's rule; False if unbounded."""
    while True:
        entering = None
        for j in range(columns):
            if j not in basis and cost[j] - sum((cost[basis[i]] * T[i][j] for i in range(len(T)) if T[i][j]), Fraction(0)) > 0:
                entering = j
                break
        if entering is None:
            return True
        rows = [i for i in range(len(T)) if T[i][entering] > 0]
        if not rows:
            return False
        _pivot(T, basis, min(rows, key=lambda i: (T[i][-1] / T[i][entering], basis[i])), entering)


def _pivot(T, basis, i, j):
    head = T[i][j]
    T[i] = [x / head for x in T[i]]
    for k, row in enumerate(T):
        if k != i and row[j]:
            factor = row[j]
            T[k] = [x - factor * y if y else x for x, y in zip(row, T[i])]
    basis[i] = j
