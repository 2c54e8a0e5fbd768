"""Total reward exactly: end components and infinities are found on the arrows (planning/total.py); where the sign of a mean reward decides, it is
computed exactly. What is left is a process whose policies end, or lose for ever, or, with a goal,
stay among rewards of mean zero: exact policy iteration. The values are suprema over stationary
policies, randomised ones included (../planning/policy_iteration_total.py).

Read first: process.py, average.py, ../planning/total.py.  Read next: total_witness.py.
"""

from fractions import Fraction
from types import SimpleNamespace

import numpy as np

from .. import graph
from ..certificate import integers, vector, write
from ..planning.gain import component_gain
from ..planning.policy_iteration_total import solve_proper
from ..planning.total import arrows, lift, prepare
from .average import optimise_average
from .process import Process, optimise, process_of, slack
from .solution import ExactSolution, actions, array, ties
from .total_witness import witness


def total(m, R, goal, miss, minimize):
    """goal bool (S,) or None;   miss what missing it is worth, for rewards negated to minimise -> ExactSolution"""
    e = _rounded_once(m, R, minimize)
    known = np.array([(n > 0) - (n < 0) for n, _ in R.r], int) * (-1 if minimize else 1)

    def gain(collapsed, states, pairs, origin, node):
        found = component_gain(collapsed, states, pairs)                 # its bounds hold: if they decide the sign, it is decided
        if found.lower > 0 or found.upper < 0:
            return found
        process = _nodes(R, minimize, origin, node, pairs.tolist())
        place = {s: i for i, s in enumerate(states.tolist())}
        rows = [[(place[t], n) for t, n in row] for row in process.row]
        local = Process(len(place), [place[s] for s in process.owner], [[] for _ in place], process.r, process.d, rows)
        for k, s in enumerate(local.owner):
            local.of[s].append(k)
        g, _, _, policy, _, _ = optimise_average(local, [own[0] for own in local.of])
        exact = max(g)                                                   # one number, since every state reaches every other
        return SimpleNamespace(lower=exact, upper=exact, pairs=pairs[np.array(policy)])

    prepared = prepare(m, e, goal, miss, (known, known), gain)
    with np.errstate(all="ignore"):                                      # a proposal only
        _, _, chosen, _, _ = solve_proper(prepared)
    infinite = (prepared.plus | prepared.minus).tolist()
    usable = np.flatnonzero(prepared.usable).tolist()
    at = {k: i for i, k in enumerate(usable)}
    x, policy, _, iterations = optimise(_nodes(R, minimize, prepared.origin, prepared.node, usable, len(infinite)),
                                        [-1 if far else at.get(int(k), -1) for far, k in zip(infinite, chosen)])
    chosen = np.where(infinite, prepared.pairs, [usable[k] if k >= 0 else -1 for k in policy])
    pairs = lift(e, prepared, chosen)
    if goal is not None:                                                 # after the goal nothing counts: the first pair, if there is one
        pairs = np.where(goal, e.pair_ptr[:-1] * (np.diff(e.pair_ptr) > 0) - (np.diff(e.pair_ptr) == 0), pairs)
    inf = float("inf")
    v = [inf if prepared.plus[n] else -inf if prepared.minus[n] else x[n] for n in prepared.node.tolist()]
    sign = _signs(R, v, minimize, goal)
    finite = np.array([isinstance(y, Fraction) for y in v])
    policy = _first_best(e, prepared, pairs, np.array(sign) == 0, finite)
    potential, policy, fields = witness(R, e, v, policy.tolist(), goal, miss, minimize)
    side = -1 if minimize else 1
    certificate = write(R, "total", minimize, policy=actions(R, policy), slack=sign, goal=None if goal is None else np.flatnonzero(goal).tolist(),
                        miss=None if goal is None else "inf" if miss * side > 0 else "-inf",
                        infinite=[0 if isinstance(y, Fraction) else side if y > 0 else -side for y in v], **vector(potential, minimize), **fields)
    return ExactSolution(array(v, minimize), np.array(actions(R, policy)), ties(R, sign), certificate, "total", iterations)


def _rounded_once(m, R, minimize):
    """The Expected of R at gamma = 1: rewards rounded once from their fractions, and `zero` as it
    is in fractions. Rewards are negated to minimise.

    A float reward stands for a decimal: 0.3 * 7 - 0.7 * 3 is 4e-16 in floats, and 0 here.
    """
    r = np.array([n / d for n, d in R.r])
    return m.undiscounted._replace(r=-r if minimize else r, zero=np.array(R.zero, bool))


def _first_best(e, prepared, pairs, tied, finite):
    """`pairs` (S,), each replaced by the first tied pair of its state, where the policy still ends.

    A state whose first tied pair stays in a component without rewards keeps its own: that one
    leads to where the component is left, or rests.

    tied (K,) bool   finite (S,) bool: the value is a number
    """
    first, known = np.full(pairs.size, -1), np.flatnonzero(tied)[::-1]
    first[e.owner[known]] = known
    if not known.size:
        return pairs
    new = np.where(finite & (first >= 0) & ~prepared.inside[first], first, pairs)
    moves = ~prepared.ends[prepared.node] & (pairs >= 0)
    while (new != pairs).any():
        classes = graph.closed_classes(arrows(e, new[moves]))
        stuck = [states for states in classes if (new != pairs)[states].any()]
        if not stuck:
            break
        new = np.where(np.isin(np.arange(new.size), np.concatenate(stuck)), pairs, new)
    return new


def _nodes(R, minimize, origin, node, kept, N=None):
    """The collapsed process in integers: pairs `kept` of it; origin -1 is "stay", worth nothing."""
    owner, r, d, row = [], [], [], []
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


def _signs(R, v, minimize, goal):
    """(K,) 0 where q = v in the extended numbers, 1 where it is worse; 1 for all pairs of goal states."""
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
    return sign
