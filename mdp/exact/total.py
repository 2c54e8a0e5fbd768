"""Total reward exactly: infinities from the arrows, then exact policy iteration.

End components and infinities are found on the arrows (planning/total.py). Where the sign of a mean
reward decides, it is computed exactly. In what is left a policy ends, or loses for ever, or, with a
goal, stays among rewards of mean zero. That is solved by exact policy iteration. The values are
suprema over stationary policies, randomised ones included (planning/policy_iteration_total.py).

Read first: planning/total.py, exact/process.py, exact/average.py, exact/total_witness.py.
Read next: exact/solve.py.
"""

from fractions import Fraction
from typing import NamedTuple

import numpy as np

from .. import graph
from ..certificate import integers, vector, write
from ..planning.collapse import arrows
from ..planning.gain import component_gain
from ..planning.policy_iteration_total import solve_proper
from ..planning.total import policy_of, prepare
from .average import optimise_average
from .process import made_of, optimise, process_of, slack
from .solution import ExactSolution, actions, array, ties
from .total_witness import INF, is_finite, witness


def total(m, R, goal, miss, minimize):
    """The ExactSolution of an MDP m; R is its Rational.

    goal   bool (S,) or None
    miss   what missing it is worth, for rewards negated to minimise
    """
    e = _rounded_once(m, R, minimize)
    prepared = _prepare(m, R, e, goal, miss, minimize)
    x, chosen, iterations = _solve(R, prepared, minimize)
    v = [INF if prepared.plus[n] else -INF if prepared.minus[n] else x[n]
         for n in prepared.nodes.node.tolist()]
    signs = _signs(R, v, minimize, goal)
    policy = _first_best(e, prepared, policy_of(e, prepared, chosen), np.array(signs) == 0,
                         np.array([is_finite(y) for y in v]))
    potential, policy, fields = witness(R, e, v, policy.tolist(), goal, miss, minimize)
    policy = actions(R, policy)
    certificate = _certificate(R, v, policy, signs, goal, miss, minimize, potential, fields)
    return ExactSolution(array(v, minimize), np.array(policy), ties(R, signs), certificate,
                         "total", iterations)


def _rounded_once(m, R, minimize):
    """The Expected of R at gamma = 1, its rewards rounded once from their fractions.

    `zero` is taken from the fractions as well. Rewards are negated to minimise. A float reward
    stands for a decimal: 0.3 * 7 - 0.7 * 3 is 4e-16 in floats, and 0 here.
    """
    r = np.array([n / d for n, d in R.r])
    return m.undiscounted.replace(r=-r if minimize else r, zero=np.array(R.zero, bool))


class Mean(NamedTuple):
    """The best mean reward of an end component, as planning/total.py asks for it."""
    lower: Fraction
    upper: Fraction
    pairs: np.ndarray                        # (n,) of its states: one recurrent class attains it


def _prepare(m, R, e, goal, miss, minimize):
    """planning.total.prepare with signs and means of the fractions -> Total."""
    signs = np.array([(n > 0) - (n < 0) for n, _ in R.r], int) * (-1 if minimize else 1)

    def gain(nodes, states, pairs):
        found = component_gain(nodes.e, states, pairs)
        if found.lower > 0 or found.upper < 0:                # its bounds hold, and decide the sign
            return found
        process = _between(R, minimize, nodes, pairs.tolist())
        place = {s: i for i, s in enumerate(states.tolist())}
        local = made_of(len(place), [place[s] for s in process.owner], process.r, process.d,
                        [[(place[t], n) for t, n in row] for row in process.row])
        g, _, _, policy, _, _ = optimise_average(local, [own[0] for own in local.of])
        best = max(g)                        # one number: every state reaches every other
        return Mean(best, best, pairs[np.array(policy)])

    return prepare(m, e, goal, miss, (signs, signs), gain)


def _solve(R, prepared, minimize):
    """(x (S',) list of Fractions, pairs (S',), iterations): the nodes of finite value, exactly."""
    with np.errstate(all="ignore"):                           # a proposal only
        _, _, proposed, _, _ = solve_proper(prepared)
    infinite = prepared.plus | prepared.minus
    usable = np.flatnonzero(prepared.usable).tolist()
    at = {k: i for i, k in enumerate(usable)}
    start = [-1 if far else at.get(int(k), -1) for far, k in zip(infinite, proposed)]
    process = _between(R, minimize, prepared.nodes, usable)
    x, policy, _, iterations = optimise(process, start)
    chosen = [usable[k] if k >= 0 else -1 for k in policy]
    return x, np.where(infinite, prepared.pairs, chosen), iterations


def _between(R, minimize, nodes, kept):
    """The Process between end components, of the pairs `kept`; "stay" is worth nothing."""
    sign, node, owner = -1 if minimize else 1, nodes.node.tolist(), nodes.e.owner.tolist()
    r, d, row = [], [], []
    for k in nodes.origin[kept].tolist():
        merged = {}
        for t, n in zip(R.next[k], R.n[k]) if k >= 0 else ():
            merged[node[t]] = merged.get(node[t], 0) + n
        r.append(sign * Fraction(*R.r[k]) if k >= 0 else Fraction(0))
        d.append(R.D[k] if k >= 0 else 1)
        row.append(list(merged.items()))
    return made_of(nodes.e.P.shape[1], [owner[k] for k in kept], r, d, row)


def _signs(R, v, minimize, goal):
    """(X,) 0 where q = v in the extended numbers, 1 where it is worse; 1 for pairs of the goal."""
    process = process_of(R, minimize, discounted=False)
    num, den = integers([y if is_finite(y) else Fraction(0) for y in v])
    signs = []
    for k, s in enumerate(process.owner):
        after = [v[t] for t in R.next[k]]
        if goal is not None and goal[s]:
            signs.append(1)
        elif -INF in after or INF in after:
            signs.append(int(v[s] != (-INF if -INF in after else INF)))
        else:
            signs.append(int(not is_finite(v[s]) or slack(process, k, num, den) != 0))
    return signs


def _first_best(e, prepared, pairs, tied, finite):
    """`pairs` (S,), each replaced by the first tied pair of its state, where the policy still ends.

    A state whose first tied pair stays in a component without rewards keeps its own: that one
    leads to where the component is left, or rests.

    tied     (X,) bool
    finite   (S,) bool: the value is a number
    """
    first, known = np.full(pairs.size, -1), np.flatnonzero(tied)[::-1]
    first[e.owner[known]] = known
    if not known.size:
        return pairs
    nodes = prepared.nodes
    new = np.where(finite & (first >= 0) & ~nodes.inside[first], first, pairs)
    moves = ~prepared.ends[nodes.node] & (pairs >= 0)
    while (new != pairs).any():
        classes = graph.closed_classes(arrows(e, new[moves]))
        stuck = [states for states in classes if (new != pairs)[states].any()]
        if not stuck:
            break
        new = np.where(np.isin(np.arange(new.size), np.concatenate(stuck)), pairs, new)
    return new


def _certificate(R, v, policy, signs, goal, miss, minimize, potential, fields):
    """What is stated, for rewards or costs as given."""
    side = -1 if minimize else 1
    stated = {"goal": None, "miss": None}
    if goal is not None:
        stated = {"goal": np.flatnonzero(goal).tolist(),
                  "miss": "inf" if miss * side > 0 else "-inf"}
    infinite = [0 if is_finite(y) else side if y > 0 else -side for y in v]
    return write(R, "total", minimize, policy=policy, slack=signs, **stated, infinite=infinite,
                 **vector(potential, minimize), **fields)
