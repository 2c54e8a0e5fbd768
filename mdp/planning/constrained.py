"""Constrained processes: the best policy among those that keep other promises.

    maximise  sum over (s, a) of r(s, a) x(s, a)      subject to      flow:        sum over a of x(s, a) = initial(s) + gamma sum of P(s | t, b) x(t, b)
                                                                      promises:    sum of c_i(s, a) x(s, a) >= b_i,     x >= 0

x is the expected (discounted) number of visits from the initial distribution. The optimal policy pi(a | s) = x(s, a) / sum over a of x(s, a) may have to
randomise, in at most as many states as there are promises, since a basic solution has that many positive entries beyond one for each state.

Total reward: "the goal is reached with probability at least b" is a promise about the flow into the goal. So that it can be counted, the state remembers
which goals were reached; end components without rewards are collapsed and may be stayed in, worth 0.

HiGHS (through scipy) finds a basis. The basis is solved again in Fractions, and its feasibility and optimality (reduced costs of every column) are
checked exactly; where rounding misled HiGHS, exact pivots (Bland's rule) go on from there. Nothing of the answer is a float.

Altman, "Constrained Markov Decision Processes", 1999; Etessami, Kwiatkowska, Vardi, Yannakakis, "Multi-objective model checking of Markov decision
processes", LMCS 4, 2008.

Read first: linear_programming_dual.py, total.py, ../rational.py.
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import scipy.sparse as sp
from scipy.optimize import linprog

from .. import graph
from ..model import _state_set, check_model
from ..given_numbers import parse, parse_array
from ..rational import rational


@dataclass(frozen=True)
class Constrained:
    """The exact optimum.

    value      Fraction; inf or -inf (floats) where no policy bounds it; None if no policy keeps the promises
    states     list of (state, frozenset of the numbers of the constraints whose goal was reached): the memory of the policy
    policy     {state of `states`: {action: Fraction}}, states that are visited
    kept       list of Fraction: the left side of each constraint
    randomised how many states choose more than one action
    """
    value: object
    states: list
    policy: dict
    kept: list
    randomised: int


def solve_constrained(m, constraints, *, goal=None, minimize=None, criterion=None):
    """The best randomised policy from m.initial under constraints -> Constrained, exactly.

    constraints   list of dicts, each with "at_least" or "at_most" (a number, better "2/5"), and
                  "goal": states, the probability to reach them (criterion "total"), or
                  "reward": (S, A) numbers, the expected (discounted) sum of them
    goal          maximise the probability to reach these states instead of the rewards (criterion "total")
    minimize      the smallest value instead.  Default: m.costs; with `goal` the largest
    criterion     "discounted" or "total"; default: by m.gamma

    ValueError for constraints that cannot be read, or without an initial distribution.
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
        goals.append(_state_set("goal", one["goal"], m.num_states) if "goal" in one else None)
        tables.append(None if "goal" in one else _table(i, one["reward"], m))
        sense = "at_least" if "at_least" in one else "at_most"
        value, exact = parse(sense, one[sense])
        limits.append(exact if exact is not None else Fraction(repr(value)))
        senses.append(1 if sense == "at_least" else -1)
    R = rational(m)
    objective_goal = None if goal is None else _state_set("goal", goal, m.num_states)
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
    node = np.arange(len(states))
    if not discounted:
        # an end component in which nothing is paid and nothing promised is one node
        P = sp.csr_matrix((np.ones(sum(len(c[1]) for c in columns)), [t for c in columns for t in c[1]],
                           np.concatenate(([0], np.cumsum([len(c[1]) for c in columns])))), shape=(len(columns), len(states)))
        quiet = np.array([not c[2] and not any(c[3]) for c in columns], bool)
        label, inside = graph.maximal_end_components(P, owner, quiet) if len(columns) else (np.full(len(states), -1), np.zeros(0, bool))
        node = np.where(label >= 0, label, label.max(initial=-1) + 1 + np.cumsum(label < 0) - 1)
        columns = [c for c, within in zip(columns, inside) if not within]
        stays = [(int(np.flatnonzero(label == c)[0]), {}, Fraction(0), [Fraction(0)] * len(constraints), -1) for c in range(label.max(initial=-1) + 1)]
        columns += stays
    alive = sorted({int(node[c[0]]) for c in columns})
    place = {n: i for i, n in enumerate(alive)}
    rows = []                                                            # columns of the program: {row: number}
    for i, after, reward, promises, k in columns:
        column = {place[int(node[i])]: Fraction(1)}
        for t, w in after.items():
            if int(node[t]) in place:
                at = place[int(node[t])]
                column[at] = column.get(at, Fraction(0)) - w
        for c, x in enumerate(promises):
            if x:
                column[len(alive) + c] = senses[c] * x
        rows.append(column)
    b = [Fraction(0)] * (len(alive) + len(constraints))
    for state, p in first.items():
        if int(node[index[state]]) in place:
            b[place[int(node[index[state]])]] += p
    for c in range(len(constraints)):
        b[len(alive) + c] = senses[c] * (limits[c] - (already[c] if goals[c] is not None else 0))
        rows.append({len(alive) + c: Fraction(-1)})                      # surplus
    cost = [(-c[2] if minimize else c[2]) for c in columns] + [Fraction(0)] * len(constraints)
    status, x = linear_program(rows, b, cost)
    if status == "infeasible":
        return Constrained(None, states, {}, [], 0)
    if status == "unbounded":
        return Constrained(float("-inf") if minimize else float("inf"), states, {}, [], 0)
    value = constant + sum((x[j] * columns[j][2] for j in range(len(columns))), Fraction(0))
    kept = [(already[c] if goals[c] is not None else 0) + sum((x[j] * columns[j][3][c] for j in range(len(columns))), Fraction(0)) for c in range(len(constraints))]
    used, chosen = {}, {}
    for j, column in enumerate(columns):
        if x[j]:
            used.setdefault(int(node[column[0]]), []).append(j)
    for group in used.values():
        total = sum(x[j] for j in group)
        for j in group:
            i, k = columns[j][0], columns[j][4]
            name = None if k < 0 else R.action[k]                       # None: stay in this component, by any of its actions
            chosen.setdefault(states[i], {})[name] = x[j] / total
    return Constrained(value, states, chosen, kept, sum(len(group) > 1 for group in used.values()))


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
