"""Small decision processes solved by going through all deterministic policies, in Fractions.

Nothing of `mdp` is used. A process is a list with one entry per state: the list of its actions,
each a list of (probability, next state, reward) of Fractions. A state without actions is terminal.
Every function maximises; `negated` turns costs into rewards.

    discounted       v_pi = r_pi + gamma P_pi v_pi, by elimination; v* is the largest of all
    finite_horizon   v_T = terminal values, v_t = max_a r_a + gamma P_a v_{t+1}
    average          gain of pi: absorption in its recurrent classes, times their mean reward
    total            value of pi: see `total`; with a goal: see `total_until`

Puterman, "Markov Decision Processes", 1994, chapters 5 to 9, which show that deterministic
stationary policies suffice.
"""

import itertools
from fractions import Fraction

INF = float("inf")


def negated(process):
    return [[[(p, t, -r) for p, t, r in action] for action in actions] for actions in process]


def policies(process):
    """Every deterministic stationary policy: a tuple of actions, None in terminal states."""
    return itertools.product(*(range(len(actions)) if actions else [None] for actions in process))


def eliminate(A, b):
    """Solve A x = b in Fractions by elimination (A nonsingular)."""
    n = len(A)
    rows = [list(A[i]) + [b[i]] for i in range(n)]
    for i in range(n):
        pivot = next(j for j in range(i, n) if rows[j][i] != 0)
        rows[i], rows[pivot] = rows[pivot], rows[i]
        rows[i] = [x / rows[i][i] for x in rows[i]]
        for j in range(n):
            if j != i and rows[j][i] != 0:
                rows[j] = [x - rows[j][i] * y for x, y in zip(rows[j], rows[i])]
    return [row[n] for row in rows]


class Chain:
    """A process under one policy; terminal states stay where they are and earn nothing.

    P (S, S) Fractions   r (S,) expected rewards   silent (S,) bool: no outcome has a reward
    classes: the recurrent classes, lists of states
    reach (S, S) bool: reached with positive probability (or equal)
    """

    def __init__(self, process, policy):
        S = len(process)
        self.S = S
        self.P = [[Fraction(0)] * S for _ in range(S)]
        self.r, self.silent = [Fraction(0)] * S, [True] * S
        for s, a in enumerate(policy):
            if a is None:
                self.P[s][s] = Fraction(1)
                continue
            for p, t, r in process[s][a]:
                self.P[s][t] += p
                self.r[s] += p * r
                self.silent[s] &= p == 0 or r == 0
        self.reach = [[s == t or self.P[s][t] > 0 for t in range(S)] for s in range(S)]
        for k in range(S):
            for s in range(S):
                if self.reach[s][k]:
                    self.reach[s] = [x or y for x, y in zip(self.reach[s], self.reach[k])]
        self.classes = []
        for s in range(S):
            mine = [t for t in range(S) if self.reach[s][t]]
            if all(self.reach[t][s] for t in mine) and mine not in self.classes:
                self.classes.append(mine)

    def mean(self, states):
        """The stationary mean reward of a recurrent class."""
        n = len(states)
        A = [[self.P[s][t] - (s == t) for s in states] for t in states[:-1]] + [[Fraction(1)] * n]
        weights = eliminate(A, [Fraction(0)] * (n - 1) + [Fraction(1)])
        return sum(w * self.r[s] for w, s in zip(weights, states))

    def until(self, known, reward=True):
        """x = r + P x outside `known` {state: value}, which is reached almost surely.

        Without `reward`, r = 0.
        """
        free = [s for s in range(self.S) if s not in known]
        A = [[(s == t) - self.P[s][t] for t in free] for s in free]
        b = [(self.r[s] if reward else 0) + sum(self.P[s][t] * y for t, y in known.items())
             for s in free]
        return dict(known) | dict(zip(free, eliminate(A, b)))


def discounted(process, gamma, policy=None):
    """v* (S,), or the value of `policy`."""
    if policy is None:
        return _largest(discounted(process, gamma, pi) for pi in policies(process))
    chain = Chain(process, policy)
    stays = [gamma if a is not None else Fraction(0) for a in policy]
    A = [[(s == t) - stays[s] * chain.P[s][t] for t in range(chain.S)] for s in range(chain.S)]
    return eliminate(A, chain.r)


def finite_horizon(process, gamma, horizon, terminal_values):
    """[v_0, ..., v_T], each (S,)."""
    values = [list(terminal_values)]
    for _ in range(horizon):
        after = values[0]
        q = [[sum(p * (r + gamma * after[t]) for p, t, r in action) for action in actions]
             for actions in process]
        values.insert(0, [max(q[s], default=terminal_values[s]) for s in range(len(process))])
    return values


def average(process, policy=None):
    """The best gain (S,), or that of `policy`."""
    if policy is None:
        return _largest(average(process, pi) for pi in policies(process))
    chain = Chain(process, policy)
    known = {s: g for states in chain.classes for g in [chain.mean(states)] for s in states}
    found = chain.until(known, reward=False)
    return [found[s] for s in range(chain.S)]


def total(process, policy=None):
    """The largest total reward (S,), and where it is undefined (S,) bool.

    With `policy`, its value instead, None where undefined. Under a policy, a recurrent class
    without rewards is worth 0. One with mean reward above zero is worth +inf, below zero -inf. One
    with rewards of mean zero has no total. A state that can reach such a class has none either, nor
    has one that can reach both infinities.
    """
    if policy is not None:
        return _total_of(Chain(process, policy))
    found = [total(process, pi) for pi in policies(process)]
    best = [max((v[s] for v in found if v[s] is not None), default=None)
            for s in range(len(process))]
    return best, [any(v[s] is None for v in found) for s in range(len(process))]


def _total_of(chain):
    """The total of the policy behind a Chain, (S,); None where undefined."""
    worth = {}                               # of the states in classes: inf, -inf, 0 or None
    for states in chain.classes:
        mean = chain.mean(states)
        kind = INF if mean > 0 else -INF if mean < 0 else None
        kind = 0 if all(chain.silent[s] for s in states) else kind
        worth |= {s: kind for s in states}
    far = [{worth[t] for t in worth if chain.reach[s][t]} for s in range(chain.S)]
    values = [_mixed(kinds) for kinds in far]
    # closed: what they reach is finite too
    rest = [s for s in range(chain.S) if values[s] == 0 and s not in worth]
    A = [[(s == t) - chain.P[s][t] for t in rest] for s in rest]
    for s, y in zip(rest, eliminate(A, [chain.r[s] for s in rest])):
        values[s] = y
    return values


def _mixed(kinds):
    """What it is worth to come to classes of these kinds by chance."""
    if None in kinds or {INF, -INF} <= kinds:
        return None
    return INF if INF in kinds else -INF if -INF in kinds else 0


def total_until(process, goal, miss=-INF):
    """The largest reward until `goal` (a set of states) is entered, over stationary policies.

    A policy that misses it with positive probability is worth `miss`. Where the goal is reached
    almost surely and can be delayed in an end component of positive mean, the supremum is +inf:
    stationary policies that leave it ever more rarely earn ever more.
    """
    best = _until_it_is_reached(process, goal, miss)
    if miss > 0:
        return best
    inside = [s for s in range(len(process)) if best[s] != miss]
    kept = [[action for action in actions if all(t in inside for p, t, _ in action if p)]
            if s in inside and s not in goal else [] for s, actions in enumerate(process)]
    for pi in policies(kept):
        chain = Chain(kept, pi)
        rich = {s for states in chain.classes if states[0] in inside and states[0] not in goal
                and chain.mean(states) > 0 for s in states}
        for s in inside:
            if any(chain.reach[s][t] for t in rich):
                best[s] = INF
    return best


def _until_it_is_reached(process, goal, miss):
    """The largest reward of the deterministic policies, (S,)."""
    S = len(process)
    stopped = [[] if s in goal else actions for s, actions in enumerate(process)]
    found = []
    for pi in policies(stopped):
        chain = Chain(stopped, pi)
        lost = {s for states in chain.classes for s in states if s not in goal}
        sure = [not any(chain.reach[s][t] for t in lost) for s in range(S)]
        # the others never go where the goal may be missed
        known = {s: Fraction(0) for s in range(S) if s in goal or not sure[s]}
        values = chain.until(known)
        found.append([values[s] if sure[s] else miss for s in range(S)])
    return _largest(found)


def _largest(vectors):
    return [max(column) for column in zip(*vectors)]
