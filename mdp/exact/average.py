"""Average reward exactly: multichain policy iteration on fractions, gain and bias, the bias normalised P* bias = 0.

Puterman 1994, section 9.2.1: improve the gain first, then the bias among actions that keep the gain.

Read first: process.py, ../planning/policy_iteration_multichain.py.
"""

from fractions import Fraction

import numpy as np
import scipy.sparse as sp

from .. import graph
from ..certificate import integers, vector, write
from ..planning.policy_iteration_multichain import optimal_gain
from .process import evaluate, first_best, process_of
from .solution import ExactSolution, actions, array, ties


def average(m, R, minimize):
    process = process_of(R, minimize, discounted=False)
    e = m.undiscounted
    _, pairs, _ = optimal_gain(e._replace(r=-e.r) if minimize else e)
    g, h, w, policy, signs, iterations = optimise_average(process, [int(k) if process.of[s] else -1 for s, k in enumerate(pairs)])
    first = first_best(process, policy, signs)
    if first != policy:
        other = average_of(process, first)
        if other[:2] == (g, h):                                          # else with another bias
            policy, w = first, other[2]
    certificate = write(R, "average", minimize, policy=actions(R, policy), slack=signs, gain=vector(g, minimize), bias=vector(h, minimize),
                               centre=vector(w, minimize))
    gain = array(g, minimize)
    return ExactSolution(gain, np.array(actions(R, policy)), ties(R, signs), certificate,
                         "average", iterations, gain, array(h, minimize))


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


def _arrows(process, policy):
    edges = [(s, t) for s, k in enumerate(policy) if k >= 0 for t, _ in process.row[k]]
    rows, columns = zip(*edges) if edges else ((), ())
    return sp.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(process.N,) * 2)
