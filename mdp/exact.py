"""solve_exact: optimal values and policies as fractions, every optimal action, and a certificate that anybody can check.

1. The process is read as integers (rational.py), and its rows must sum to exactly one.
2. A float planner proposes a policy. Nothing else of it is used.
3. The policy is evaluated exactly, one strongly connected component after the other (lifting.py).
4. The Bellman inequality is checked for every pair in integers. Where it is violated the policy is switched, a strict improvement in exact arithmetic,
   so that this ends; where it is an equality the action is optimal too.
5. The certificate states what was found, with the witnesses that verify.py needs to believe it.

Total reward: end components and infinities are found on the arrows (planning/total.py); where the sign of a mean reward decides, it is computed exactly.
Average reward: multichain policy iteration on fractions (Puterman 1994, 9.2.1), gain and bias, the bias normalised P* bias = 0.

Read first: rational.py, lifting.py, planning/total.py.  Read next: verify.py.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp

from . import graph
from .evaluation import ConvergenceWarning
from .lifting import solve_integers
from .model import check_model
from .numbers import parse_array
from .planning.gain import component_gain
from .planning.policy_iteration_total import solve_proper
from .planning.solve import check_goal, check_miss, solve
from .planning.total import lift, prepare
from .planning.policy_iteration_multichain import optimal_gain
from .rational import rational

FORMAT = "mdp-certificate"


@dataclass(frozen=True)
class ExactSolution:
    """The fields of Solution as fractions.   S states, T steps

    v                (S,) Fractions, object array; float inf or -inf where the total is infinite;         finite horizon: (T+1, S)
    policy           (S,) actions, -1 in terminal states;   (T, S)
    optimal_actions  for each state the frozenset of all actions with q(s, a) = v(s), criterion "average": that attain both optimality equations;
                     (T, S) nested lists
    certificate      a dict for json.dump and mdp.verify
    gain, bias       criterion "average": (S,) Fractions; else None
    iterations       policies evaluated exactly
    """
    v: np.ndarray
    policy: np.ndarray
    optimal_actions: list
    certificate: dict
    criterion: str
    iterations: int
    gain: np.ndarray | None = None
    bias: np.ndarray | None = None


class Process(NamedTuple):
    """Pairs in integers, the discount folded in: x(s) = r_k + sum of n / d x(t)."""
    N: int                                   # states or nodes
    owner: list                              # (K,)
    of: list                                 # (N,) list of the pairs of each state
    r: list                                  # (K,) Fractions
    d: list                                  # (K,)
    row: list                                # (K,) list of (t, n)


def solve_exact(m, *, criterion=None, horizon=None, goal=None, miss=None, terminal_values=None, minimize=False):
    """Solve exactly -> ExactSolution. Criteria and arguments as in `solve`.

    Numbers given as Fractions or strings are taken as they are, floats as rational.py says.
    ValueError where `solve` raises one, and if a row of float probabilities is no row of small fractions.

    >>> from mdp import MDP
    >>> s = solve_exact(MDP([[["1/2", "1/2"], [0, 1]], [[0, 1], [0, 1]]], [[1, 0], [2, 2]], "1/3"))
    >>> [str(x) for x in s.v], s.optimal_actions[1]
    (['9/5', '3'], frozenset({0, 1}))
    """
    check_model(m)
    if criterion is None:
        criterion = "finite_horizon" if horizon is not None else "total" if goal is not None or m.gamma == 1 else "discounted"
    if criterion != "total" and (goal is not None or miss is not None):
        raise ValueError(f'goal and miss belong to criterion "total", not to {criterion!r}')
    R = rational(m)
    if criterion == "finite_horizon":
        return _finite_horizon(m, R, horizon, terminal_values, minimize)
    if horizon is not None or terminal_values is not None:
        raise ValueError(f'horizon and terminal_values belong to criterion "finite_horizon", not to {criterion!r}')
    if criterion == "discounted":
        if m.gamma == 1:
            raise ValueError('criterion "discounted" needs gamma < 1, gamma is 1; use "total"')
        return _discounted(m, R, minimize)
    if criterion == "total":
        states = None if goal is None and miss is None else check_goal(m, goal)
        return _total(m, R, states, check_miss(miss, minimize), minimize)
    if criterion == "average":
        return _average(m, R, minimize)
    raise ValueError(f"criterion {criterion!r} does not exist; choose one of discounted, finite_horizon, total, average")


# discounted

def _discounted(m, R, minimize):
    process = process_of(R, minimize, discounted=True)
    with np.errstate(all="ignore"):
        proposed = _quietly(solve, m, criterion="discounted", minimize=minimize, tol=1e-9 * max(1.0, float(np.abs(m.expected.r).max(initial=0)) / (1 - m.gamma)))
    policy = [-1 if a < 0 else R.pair_ptr[s] + R.action[R.pair_ptr[s]:R.pair_ptr[s + 1]].index(a) for s, a in enumerate(proposed.policy.tolist())]
    x, policy, sign, iterations = optimise(process, policy)
    certificate = _certificate(R, "discounted", minimize, policy=_actions(R, policy), slack=sign, **_common(x, minimize))
    return ExactSolution(_array(x, minimize), np.array(_actions(R, policy)), _ties(R, sign), certificate, "discounted", iterations)


# finite horizon

def _finite_horizon(m, R, horizon, terminal_values, minimize):
    if isinstance(horizon, (bool, np.bool_)) or not isinstance(horizon, (int, np.integer)) or horizon < 0:
        raise ValueError(f'horizon expects an integer >= 0 for criterion "finite_horizon", got {horizon!r}')
    x = [Fraction(0)] * R.S
    if terminal_values is not None:
        numbers, exact = parse_array("terminal_values", terminal_values)
        if numbers.shape != (R.S,) or not np.isfinite(numbers).all():
            raise ValueError(f"terminal_values expects finite numbers of shape {(R.S,)}, got shape {numbers.shape}")
        x = list(exact) if exact is not None else [Fraction(repr(v)) for v in numbers.tolist()]
        x = [-v for v in x] if minimize else x
    process = process_of(R, minimize, discounted=True)
    steps, policies, signs = [x], [], []
    for _ in range(horizon):
        q = [process.r[k] + sum((Fraction(n, process.d[k]) * x[t] for t, n in process.row[k]), Fraction(0)) for k in range(len(process.r))]
        best = [max((q[k] for k in own), default=x[s]) for s, own in enumerate(process.of)]
        policies.append([next((k for k in own if q[k] == best[s]), -1) for s, own in enumerate(process.of)])
        signs.append([int(best[s] > q[k]) for k, s in enumerate(process.owner)])
        x = best
        steps.append(x)
    steps.reverse(), policies.reverse(), signs.reverse()
    certificate = _certificate(R, "finite_horizon", minimize, horizon=int(horizon), policy=[_actions(R, p) for p in policies], slack=signs,
                               steps=[_common(x, minimize) for x in steps])
    v = np.array([_array(x, minimize) for x in steps], object).reshape(horizon + 1, R.S)
    return ExactSolution(v, np.array([_actions(R, p) for p in policies], np.int64).reshape(horizon, R.S), [_ties(R, sign) for sign in signs], certificate,
                         "finite_horizon", int(horizon))


# total

def _total(m, R, goal, miss, minimize):
    e = m.undiscounted
    e = e._replace(r=-e.r) if minimize else e

    def gain(collapsed, states, pairs, origin, node):
        found = component_gain(collapsed, states, pairs)                 # its bounds hold: if they decide the sign, it is decided
        if found.lower > 0 or found.upper < 0:
            return found
        process = _nodes(R, minimize, origin, node, pairs.tolist())
        place = {s: i for i, s in enumerate(states.tolist())}
        local = Process(len(place), [place[s] for s in process.owner], [[] for _ in place], process.r, process.d, [[(place[t], n) for t, n in row] for row in process.row])
        for k, s in enumerate(local.owner):
            local.of[s].append(k)
        start = [own[0] for own in local.of]
        g, _, _, policy, _, _ = optimise_average(local, start)
        exact = max(g)                                                   # one number, since every state reaches every other
        return SimpleNamespace(lower=exact, upper=exact, pairs=pairs[np.array(policy)])
    total = prepare(m, e, goal, miss, gain)
    lower, upper, chosen, _ = solve_proper(total)
    F = [bool(f) for f in ~total.plus & ~total.minus]
    usable = np.flatnonzero(total.usable).tolist()
    process = _nodes(R, minimize, total.origin, total.node, usable, len(F))
    at = {k: i for i, k in enumerate(usable)}
    policy = [at.get(int(chosen[n]), -1) if F[n] else -1 for n in range(len(F))]
    x, policy, sign, iterations = optimise(process, policy)
    chosen = np.where(F, [usable[k] if k >= 0 else -1 for k in policy], total.pairs)
    pairs = lift(e, total, chosen)
    if goal is not None:
        pairs = np.where(goal, e.pair_ptr[:-1] * (np.diff(e.pair_ptr) > 0) - (np.diff(e.pair_ptr) == 0), pairs)
    inf = float("inf")
    node = total.node.tolist()
    v = [inf if total.plus[n] else -inf if total.minus[n] else x[n] for n in node]
    ties, sign = _infinite_ties(R, v, minimize, goal)
    policy = [int(k) if R.pair_ptr[s] < R.pair_ptr[s + 1] else -1 for s, k in enumerate(pairs)]
    witness = _witness(R, e, v, policy, goal, miss, minimize, total)
    if goal is not None and miss > 0 and "plus" in witness:
        policy = [k if k < 0 or w < 0 else w for k, w in zip(policy, witness["plus"]["pair"])]
    finite = _common([y if isinstance(y, Fraction) else Fraction(0) for y in v], minimize)
    certificate = _certificate(R, "total", minimize, policy=_actions(R, policy), slack=sign, goal=None if goal is None else np.flatnonzero(goal).tolist(),
                               miss=None if goal is None else "inf" if (miss > 0) != minimize else "-inf",
                               infinite=[0 if isinstance(y, Fraction) else (1 if y > 0 else -1) * (-1 if minimize else 1) for y in v], **finite, **witness)
    return ExactSolution(_array(v, minimize), np.array(_actions(R, policy)), ties, certificate, "total", iterations)


def _nodes(R, minimize, origin, node, kept, N=None):
    """The collapsed process in integers: pairs `kept` of it; origin -1 is "stay", worth nothing."""
    owner, r, d, row = [], [], [], []
    first = {}
    N = int(max(node.max(initial=-1) + 2, 1)) if N is None else N
    stay_of = 0
    stays = {}
    for k in range(len(origin)):                                          # "stay" pairs stand before the others of their node, one for each component
        if origin[k] < 0:
            stays[k] = stay_of
            stay_of += 1
    node = node.tolist()
    for k in kept:
        o = int(origin[k])
        if o < 0:
            owner.append(stays[k]), r.append(Fraction(0)), d.append(1), row.append([])
            continue
        merged = {}
        for t, n in zip(R.next[o], R.n[o]):
            merged[node[t]] = merged.get(node[t], 0) + n
        owner.append(node[R.owner[o]]), r.append(Fraction(*R.r[o]) * (-1 if minimize else 1)), d.append(R.D[o]), row.append(list(merged.items()))
    of = [[] for _ in range(N)]
    for k, s in enumerate(owner):
        of[s].append(k)
    return Process(N, owner, of, r, d, row)


def _infinite_ties(R, v, minimize, goal):
    """(optimal actions, slack signs): q in the extended numbers; 0 optimal, 1 worse. Goal states and terminal ones have none."""
    process = process_of(R, minimize, discounted=False)
    finite = [y if isinstance(y, Fraction) else Fraction(0) for y in v]
    N, L = integers(finite)
    sign = []
    for k, s in enumerate(process.owner):
        up, down = (any(not isinstance(v[t], Fraction) and v[t] * side > 0 for t in R.next[k]) for side in (1, -1))
        q = float("-inf") if down else float("inf") if up else None
        if goal is not None and goal[s]:
            sign.append(1)
        elif q is not None or not isinstance(v[s], Fraction):
            sign.append(int(q != v[s]))
        else:
            sign.append(int(slack(process, k, N, L) != 0))
    return _ties(R, sign), sign


def _witness(R, e, v, policy, goal, miss, minimize, total):
    """What verify.py needs beside the values: ranks, layers, potentials. All found on the arrows, all checked there."""
    S = R.S
    process = process_of(R, minimize, discounted=False)
    finite = np.array([isinstance(y, Fraction) for y in v])
    plus, minus = (np.array([not f and y * side > 0 for f, y in zip(finite, v)], bool) for side in (1, -1))
    own = np.zeros(e.r.size, bool)
    own[[k for k in policy if k >= 0]] = True
    terminal = np.diff(e.pair_ptr) == 0
    out = {}
    label = np.full(S, -1)
    if goal is not None:
        ends = goal.copy()
    else:
        label, inside = graph.maximal_end_components(e.P, e.owner, e.zero)
        stay = np.array([policy[s] >= 0 and R.zero[policy[s]] and v[s] == 0 for s in range(S)], bool) | terminal
        while True:                                                      # the largest part of it that the policy does not leave
            leaves = np.array([stay[s] and policy[s] >= 0 and any(not stay[t] for t in R.next[policy[s]]) for s in range(S)], bool)
            if not leaves.any():
                break
            stay &= ~leaves
        ends = stay
        out["component"] = label.tolist()
    # the policy ends: a rank that some successor lowers
    out["rank"] = np.where(finite, graph.attractor_pairs(e.P, e.owner, ends, own)[1], 0).tolist()
    leads = lambda states: np.asarray(e.P @ states.astype(float)).ravel() > 0             # noqa: E731

    if goal is not None and miss > 0:
        # every pair of a finite state has a successor nearer to the goal, whatever is chosen
        free = finite & ~goal
        out["universal"] = _universal(R, free, lambda k: True)
        label_all, stays = graph.maximal_end_components(e.P, e.owner, ~goal[e.owner])
        trapped = plus & (terminal | (label_all >= 0))
        pair, distance = graph.attractor_pairs(e.P, e.owner, trapped, ~goal[e.owner] & plus[e.owner])
        first = np.full(S, -1)
        inner = np.flatnonzero(stays)[::-1]
        first[e.owner[inner]] = inner
        witness = np.where(distance == 0, first, pair)
        out["plus"] = {"rank": np.where(plus, distance, 0).tolist(), "pair": [int(k) if p else -1 for k, p in zip(witness, plus)]}
        return out
    if minus.any():
        out["layer"] = _layers(e, minus, ends if goal is not None else (terminal | (label >= 0)))
    if goal is None:
        u = v
        if minus.any():
            u = _potential(process, policy, finite, minus, ends & ~terminal, label)
            out["potential"] = _common(u, False)
        N, L = integers([y if isinstance(y, Fraction) else Fraction(0) for y in u])
        tight = [not plus[s] and slack(process, k, N, L) == 0 for k, s in enumerate(process.owner)]
        out["tight"] = _tight_ranks(R, label.tolist(), tight)
    if plus.any():
        closed = graph.closed_classes(sp.csr_matrix(e.P[[k if k >= 0 else 0 for k in policy]])[plus][:, plus]) if goal is None else None
        index = np.flatnonzero(plus)
        pairs = np.array(policy)
        if goal is not None:                                             # the policy itself reaches the goal: the gain needs another one
            pairs = lift(e, total, np.where(total.pairs >= 0, total.pairs, -1))
            safe = ~minus[e.owner] & ~leads(minus) & ~goal[e.owner]
            chain = sp.csr_matrix(e.P[np.maximum(pairs, 0)])[plus][:, plus]
            closed = graph.closed_classes(chain)
            out["return"] = dict(zip(("pair", "rank"), (np.where(plus, x, -1).tolist() for x in graph.attractor_pairs(e.P, e.owner, goal | finite, safe & plus[e.owner]))))
        recurrent = np.zeros(S, bool)
        h, g = [Fraction(0)] * S, []
        for states in closed:
            states = index[states].tolist()
            if any(t not in set(states) for s in states for t in R.next[pairs[s]]):
                continue                                                 # it leaves for finite states: not a class
            gain, bias, _ = average_of_class(process, states, {s: int(pairs[s]) for s in states})
            if gain > 0:
                recurrent[states] = True
                g.append(gain)
                for s in states:
                    h[s] = bias[s]
        unsafe = minus[e.owner] | leads(minus)
        pair, distance = graph.attractor_pairs(e.P, e.owner, recurrent, ~unsafe & plus[e.owner])
        witness = np.where(recurrent, pairs, pair)
        least = min(g, default=Fraction(0))
        out["plus"] = {"rank": np.where(plus, distance, 0).tolist(), "pair": [int(k) if p else -1 for k, p in zip(witness, plus)],
                       "gain": [hex(least.numerator), hex(least.denominator)], "bias": _common(h, False)}
    return out


def _universal(R, free, counts):
    """Ranks such that every counted pair of a `free` state has a successor of smaller rank; 0 outside. List of integers, -1 where impossible."""
    rank = [-1 if f else 0 for f in free]
    open_, level = [s for s in range(R.S) if free[s]], 0
    while open_:
        level += 1
        found = [s for s in open_ if all(any(0 <= rank[t] < level for t in R.next[k]) for k in range(R.pair_ptr[s], R.pair_ptr[s + 1]) if counts(k))]
        if not found:
            break
        for s in found:
            rank[s] = level
        open_ = [s for s in open_ if rank[s] < 0]
    return rank


def _tight_ranks(R, label, tight):
    """Ranks, equal within a component, such that every tight pair that leaves its component has a successor of smaller rank."""
    groups, members = {}, {}
    for s in range(R.S):
        members.setdefault(label[s] if label[s] >= 0 else -1 - s, []).append(s)
    leaving = {c: [k for s in states for k in range(R.pair_ptr[s], R.pair_ptr[s + 1])
                   if tight[k] and not (label[s] >= 0 and all(label[t] == label[s] for t in R.next[k]))] for c, states in members.items()}
    rank = [-1] * R.S
    before = {}                                                          # state -> groups that lead to it by a tight pair
    for c, pairs in leaving.items():
        for k in pairs:
            for t in R.next[k]:
                before.setdefault(t, set()).add(c)
    todo, level = list(members), 0
    while todo:
        ready = [c for c in set(todo) if c not in groups and all(any(rank[t] >= 0 for t in R.next[k]) for k in leaving[c])]
        for c in ready:
            groups[c] = level
        for c in ready:
            for s in members[c]:
                rank[s] = level
        todo = list({b for c in ready for s in members[c] for b in before.get(s, ()) if b not in groups})
        level += 1
    return rank


def _layers(e, minus, ends):
    """Layers of the states that cannot end surely: within one, every pair stays in it or may fall to a lower one. (S,) list, 0 elsewhere."""
    layer = np.zeros(len(minus), np.int64)
    left, number = np.ones(len(minus), bool), 0
    while True:
        number += 1
        falls = np.asarray(e.P @ (~left).astype(float)).ravel() > 0      # may lead to an earlier layer
        safe = ~falls & left[e.owner] & ~ends[e.owner]
        reached = graph.attractor_pairs(e.P, e.owner, ends, safe)[1] >= 0
        fallen = left & ~reached
        if not fallen.any():
            return layer.tolist()
        layer[fallen] = number
        left &= ~fallen


def _potential(process, policy, finite, minus, stay, label):
    """u >= r + P u for every pair of the finite and the -inf states: the optimum if -inf states, and components without rewards, may also stop, worth 0."""
    N = process.N
    of = [list(own) if finite[s] or minus[s] else [] for s, own in enumerate(process.of)]
    extended = Process(N, list(process.owner), of, list(process.r), list(process.d), list(process.row))
    start = [policy[s] if finite[s] else -1 for s in range(N)]
    for s in np.flatnonzero(minus | finite & (label >= 0)).tolist():
        k = len(extended.r)
        extended.owner.append(s), extended.r.append(Fraction(0)), extended.d.append(1), extended.row.append([])
        of[s].append(k)
        start[s] = k if minus[s] or stay[s] else start[s]
    return optimise(extended, start)[0]


# average

def _average(m, R, minimize):
    process = process_of(R, minimize, discounted=False)
    e = m.undiscounted
    _, pairs, _ = optimal_gain(e._replace(r=-e.r) if minimize else e)
    g, h, w, policy, signs, iterations = optimise_average(process, [int(k) if process.of[s] else -1 for s, k in enumerate(pairs)])
    ties = [[] for _ in range(R.S)]
    for k, s in enumerate(R.owner):
        if signs[k] == 0:
            ties[s].append(R.action[k])
    certificate = _certificate(R, "average", minimize, policy=_actions(R, policy), slack=signs, gain=_common(g, minimize), bias=_common(h, minimize),
                               centre=_common(w, minimize))
    gain = _array(g, minimize)
    return ExactSolution(gain, np.array(_actions(R, policy)), [frozenset(a) for a in ties], certificate, "average", iterations, gain, _array(h, minimize))


def optimise_average(process, policy):
    """(gain, bias, centre, policy, signs, iterations) by multichain policy iteration on fractions.

    signs (K,): 0 attains both optimality equations, 1 loses bias, 2 loses gain.   centre: w with w = h + P w, which shows P* h = 0
    """
    iterations = 0
    while True:
        iterations += 1
        g, h, w = average_of(process, policy)
        G, LG = integers(g)
        H, LH = integers(h)
        signs, better_gain, better_bias = [], {}, {}
        for k, s in enumerate(process.owner):
            d, r = process.d[k], process.r[k]
            loss = d * G[s] - sum(n * G[t] for t, n in process.row[k])
            if loss:
                signs.append(2)
                if loss < 0 and (s not in better_gain or Fraction(loss, d) < better_gain[s][0]):
                    better_gain[s] = (Fraction(loss, d), k)
                continue
            # g + h - r - P h, times d r.den LG LH
            loss = r.denominator * (LH * d * G[s] + LG * (d * H[s] - sum(n * H[t] for t, n in process.row[k]))) - d * r.numerator * LG * LH
            signs.append(int(loss != 0))
            if loss < 0 and (s not in better_bias or Fraction(loss, d * r.denominator) < better_bias[s][0]):
                better_bias[s] = (Fraction(loss, d * r.denominator), k)
        switch = better_gain or better_bias
        if not switch:
            return g, h, w, policy, signs, iterations
        policy = [switch[s][1] if s in switch else k for s, k in enumerate(policy)]


def average_of(process, policy):
    """(gain, bias, centre) of a policy, lists of Fractions, 0 where it takes no pair."""
    zero = Fraction(0)
    g, h, w = ([zero] * process.N for _ in range(3))
    chain = _arrows(process, policy)
    recurrent = set()
    for states in graph.closed_classes(chain):
        states = states.tolist()
        recurrent |= set(states)
        gain, bias, centre = average_of_class(process, states, {s: policy[s] for s in states})
        for s in states:
            g[s], h[s], w[s] = gain, bias[s], centre[s]
    rest = [s for s in range(process.N) if policy[s] >= 0 and s not in recurrent]
    known = lambda x: {s: x[s] for s in range(process.N) if s not in set_rest}           # noqa: E731
    set_rest = set(rest)
    if rest:
        own = {s: policy[s] for s in rest}
        for s, x in evaluate(process, own, {s: zero for s in rest}, known(g)).items():
            g[s] = x
        for s, x in evaluate(process, own, {s: process.r[policy[s]] - g[s] for s in rest}, known(h)).items():
            h[s] = x
        for s, x in evaluate(process, own, {s: h[s] for s in rest}, known(w)).items():
            w[s] = x
    return g, h, w


def average_of_class(process, states, policy):
    """(gain, {s: bias}, {s: centre}) of a recurrent class: cut at its first state, time a and reward c until it is met again."""
    first, rest = states[0], states[1:]
    own, known = {s: policy[s] for s in rest}, {first: Fraction(0)}
    back = lambda x: sum((Fraction(n, process.d[policy[first]]) * x[t] for t, n in process.row[policy[first]] if t != first), Fraction(0))      # noqa: E731
    a = evaluate(process, own, {s: Fraction(1) for s in rest}, known)
    c = evaluate(process, own, {s: process.r[policy[s]] for s in rest}, known)
    time = 1 + back(a)
    g = (process.r[policy[first]] + back(c)) / time
    h = {first: Fraction(0), **{s: c[s] - g * a[s] for s in rest}}
    c = evaluate(process, own, {s: h[s] for s in rest}, known)
    mean = back(c) / time                                                # of h under the stationary law
    c = {s: c[s] - mean * a[s] for s in rest}
    return g, {s: x - mean for s, x in h.items()}, {first: Fraction(0), **c}


# policies in fractions

def process_of(R, minimize, discounted):
    """Rational -> Process, rewards negated to minimise."""
    r = [Fraction(-n if minimize else n, d) for n, d in R.r]
    if discounted:
        d, row = [D * g[1] for D, g in zip(R.D, R.g)], [[(t, x * g[0]) for t, x in zip(after, n) if g[0]] for after, n, g in zip(R.next, R.n, R.g)]
    else:
        d, row = R.D, [list(zip(after, n)) for after, n in zip(R.next, R.n)]
    return Process(R.S, R.owner, [list(range(R.pair_ptr[s], R.pair_ptr[s + 1])) for s in range(R.S)], r, d, row)


def optimise(process, policy, known=None):
    """(x, policy, signs, iterations): exact policy iteration from a policy that has a value.

    x (N,) Fractions, 0 where there is no pair;   known {s: x} states whose value is given   signs (K,) 0 where x(s) = q(k), else 1
    """
    known = known or {}
    iterations = 0
    while True:
        iterations += 1
        own = {s: k for s, k in enumerate(policy) if k >= 0 and s not in known}
        x = [known.get(s, Fraction(0)) for s in range(process.N)]
        for s, value in evaluate(process, own, {s: process.r[k] for s, k in own.items()}, known).items():
            x[s] = value
        N, L = integers(x)
        better, signs = {}, []
        for k, s in enumerate(process.owner):
            loss = slack(process, k, N, L) if policy[s] >= 0 and s not in known else 1
            signs.append(int(loss != 0))
            if loss < 0:
                loss = Fraction(loss, process.d[k] * process.r[k].denominator)
                if s not in better or loss < better[s][0]:
                    better[s] = (loss, k)
        if not better:
            return x, policy, signs, iterations
        policy = [better[s][1] if s in better else k for s, k in enumerate(policy)]


def slack(process, k, N, L):
    """x(s) - q(k), times d r.den L, for x = N / L: an integer."""
    s, d, r = process.owner[k], process.d[k], process.r[k]
    return r.denominator * (d * N[s] - sum(n * N[t] for t, n in process.row[k])) - d * r.numerator * L


def integers(x):
    """Fractions -> (numerators, common denominator)."""
    L = math.lcm(*{y.denominator for y in x}) if x else 1
    return [y.numerator * (L // y.denominator) for y in x], L


def evaluate(process, policy, b, known):
    """x = b + P_pi x on the states of `policy` {s: k}, with `known` {s: x} and 0 elsewhere; components one after the other -> {s: Fraction}."""
    states = list(policy)
    if not states:
        return {}
    place = {s: i for i, s in enumerate(states)}
    edges = [(i, place[t]) for i, s in enumerate(states) for t, _ in process.row[policy[s]] if t in place]
    rows, columns = zip(*edges) if edges else ((), ())
    order, ends = graph.successors_first(sp.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(len(states),) * 2))
    x = {}
    for first, last in zip(ends[:-1], ends[1:]):
        component = [states[i] for i in order[first:last]]
        local = {s: i for i, s in enumerate(component)}
        matrix, right = [], []
        for s in component:
            d, row = process.d[policy[s]], {local[s]: process.d[policy[s]]}
            total = d * b[s]
            for t, n in process.row[policy[s]]:
                if t in local:
                    row[local[t]] = row.get(local[t], 0) - n
                else:
                    value = x.get(t, known.get(t))
                    if value:
                        total += n * value
            matrix.append(row), right.append(total)
        if len(component) == 1:
            x[component[0]] = Fraction(right[0]) / matrix[0][0]
            continue
        numerators, L = integers(right)
        solved, d = solve_integers(matrix, numerators)
        for s, n in zip(component, solved):
            x[s] = Fraction(n, d * L)
    return x


def _arrows(process, policy):
    edges = [(s, t) for s, k in enumerate(policy) if k >= 0 for t, _ in process.row[k]]
    rows, columns = zip(*edges) if edges else ((), ())
    return sp.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(process.N,) * 2)


# forms

def _quietly(call, *arguments, **options):
    import warnings
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)              # a proposal only: the exact check decides
        return call(*arguments, **options)


def _actions(R, policy):
    return [R.action[k] if k >= 0 else -1 for k in policy]


def _ties(R, sign):
    out = [set() for _ in range(R.S)]
    for k, s in enumerate(R.owner):
        if sign[k] == 0:
            out[s].add(R.action[k])
    return [frozenset(a) for a in out]


def _array(x, minimize):
    out = np.empty(len(x), object)
    out[:] = [-y if minimize else y for y in x]
    return out


def _common(x, minimize):
    """{"num": hexadecimal integers, "den": one}: Python prints hexadecimal numbers of any length."""
    N, L = integers(x)
    return {"num": [hex(-n if minimize else n) for n in N], "den": hex(L)}


def _certificate(R, criterion, minimize, **fields):
    return {"format": FORMAT, "version": 1, "model": R.hash, "criterion": criterion, "minimize": bool(minimize), **fields}
