"""The linear program of a constrained process: visits, and the probability to stay for ever.

    maximise    sum over flows of reward x
    subject to  flow       what leaves a node is what starts there and what comes in
                promises   sense (sum of promise x) >= sense limit, for each promise
                x >= 0

A column is a flow (the visits of one pair), or the decision to stay in a component from a state on.
Staying is worth inf to some promises. Such a promise is kept if one stays with a probability y > 0,
however small, so that its row is left out. `Program.best` decides which promises those are, and
`attain` looks for a policy that keeps all.

Read first: planning/simplex.py, planning/staying.py.  Read next: planning/constrained.py.
"""

import itertools
from fractions import Fraction
from typing import NamedTuple

from .simplex import linear_program
from .staying import Offer

LITTLE = Fraction(1, 1000)                   # how much of another way a supremum is mixed with


class Flow(NamedTuple):
    """One available action of the process that remembers which goals were reached."""
    state: int                               # the state that it belongs to
    after: dict                              # {successor: probability, times the discount}
    reward: Fraction                         # of the objective
    promises: list                           # what it adds to each promise
    pair: int                                # the pair of the process behind it


class Choice(NamedTuple):
    """What a column decides."""
    state: int
    node: int                                # of the state; end components without rewards are one
    pair: int                                # -1 to stay from now on
    offer: Offer | None                      # where to stay


class Program:
    """The linear program, and which of its promises and columns are left out.

    flows      list of Flow
    found      list of (Offer, whether the objective is inf there)
    node       (S,) the node of each state
    starts     {node: probability to start there}
    limits     list of Fractions
    senses     list of 1 (at least) and -1 (at most)
    sign       1 to maximise the rewards, -1 to minimise them
    circles    whether visits may go round without an end: in end components with rewards
    """

    def __init__(self, flows, found, node, starts, limits, senses, sign, circles):
        self.flows, self.circles, self.promises = flows, circles, len(limits)
        self.choices = [Choice(f.state, int(node[f.state]), f.pair, None) for f in flows]
        self.paid = []                       # the columns where the objective is inf
        for offer, paid in found:
            for choice in _stays(offer, node):
                self.paid += [len(self.choices)] * paid
                self.choices.append(choice)
        self.place = {n: i for i, n in enumerate(sorted({c.node for c in self.choices}))}
        self.nodes, self.first = len(self.place), set(starts)
        self.columns = [self._column(choice, node, senses, flow) for choice, flow
                        in itertools.zip_longest(self.choices, flows)]
        self.columns += [{self.nodes + c: Fraction(-1)} for c in range(self.promises)]  # surplus
        self.b = [starts.get(n, Fraction(0)) for n in self.place]
        self.b += [sense * limit for sense, limit in zip(senses, limits)]
        self.cost = {j: sign * f.reward for j, f in enumerate(flows) if f.reward}
        self.to = [{int(node[t]) for t in f.after} & set(self.place) for f in flows]
        # the promises that are kept by staying, y > 0 however small; their rows are left out
        self.endless = sorted({c for offer, _ in found for c in offer.plus if c < self.promises})
        self.alive, self.inner = set(range(len(self.columns))), None

    def _column(self, choice, node, senses, flow):
        """{row: number}: leave a node, enter others, add to promises."""
        column = {self.place[choice.node]: Fraction(1)}
        if flow is None:
            return column
        for t, p in flow.after.items():
            at = self.place.get(int(node[t]))
            if at is not None:
                column[at] = column.get(at, Fraction(0)) - p
        return column | {self.nodes + c: senses[c] * x for c, x in enumerate(flow.promises) if x}

    # the supremum

    def best(self):
        """(status, x) of the supremum."""
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

        cost   {column: number}
        most   the objective may not exceed it
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
            points = [self.solve({j: 1 for j in self.stayers(c)})[1] for c in self.endless]
            still = [c for c, y in zip(self.endless, points) if self.stays_for(c, y)]
            if still != self.endless:
                self.endless = still
                continue
            x, seen = self._spread([x, *points])
            left = {j for j in self.alive if j >= len(self.choices)
                    or self.begins_in(j, seen) and self.goes_to(j) <= seen}
            if left == self.alive:
                return x
            self.alive = left

    def _spread(self, points):
        """(x, the nodes that it visits): a mean of the points and of others that go further."""
        while True:
            x = [sum(numbers) / len(points) for numbers in zip(*points)]
            seen = self.visited(x)
            further = [j for j in self.alive
                       if self.begins_in(j, seen) and not self.goes_to(j) <= seen]
            if not further:
                return x, seen
            point = self.solve(dict.fromkeys(further, 1), most=1)[1]
            if not any(point[j] for j in further):
                return x, seen
            points.append(point)

    # a policy that attains it

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
        return [(1 - LITTLE) * y + LITTLE * z for y, z in zip(x, self.inner)], False

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

    # columns and nodes

    def stayers(self, c):
        """The columns of staying where promise c is inf."""
        return [j for j, choice in enumerate(self.choices)
                if choice.offer is not None and c in choice.offer.plus]

    def stays_for(self, c, x):
        """Whether x stays where promise c is inf."""
        return any(x[j] for j in self.stayers(c))

    def begins_in(self, j, nodes):
        """Whether column j leaves one of the nodes."""
        return j < len(self.choices) and self.choices[j].node in nodes

    def goes_to(self, j):
        """The nodes that column j leads to."""
        return self.to[j] if j < len(self.flows) else set()

    def visited(self, x):
        """The nodes that are reached from the initial ones by what x visits."""
        seen, frontier, leaving = set(self.first), list(self.first), {}
        for j, choice in enumerate(self.choices):
            if x[j]:
                leaving.setdefault(choice.node, []).append(j)
        while frontier:
            new = set().union(*(self.goes_to(j) for j in leaving.get(frontier.pop(), ()))) - seen
            seen |= new
            frontier += new
        return seen


def _stays(offer, node):
    """The Choices to stay: one for each node of the component, in its first state."""
    first = {}
    for s in offer.states:
        first.setdefault(int(node[s]), int(s))
    return [Choice(s, n, -1, offer) for n, s in first.items()]
