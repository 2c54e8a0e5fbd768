"""Average reward exactly: multichain policy iteration on fractions.

    g = P g,   g + h = r + P h,   h = w - P w        gain, bias and centre of a policy

The last equation shows that P* h = 0. Improve the gain first, then the bias among actions that keep
the gain (Puterman 1994, section 9.2.1).

Read first: exact/process.py, exact/solution.py, planning/policy_iteration_multichain.py.
Read next: exact/total.py.
"""

from fractions import Fraction

import numpy as np

from .. import graph
from ..certificate import integers, vector, write
from ..planning.policy_iteration_multichain import optimal_gain
from .process import arrows, evaluate, first_best, lower, process_of
from .solution import ExactSolution, actions, array, ties


def average(m, R, minimize):
    """The ExactSolution of an MDP m; R is its Rational."""
    process = process_of(R, minimize, discounted=False)
    e = m.undiscounted
    _, pairs, _ = optimal_gain(e.replace(r=-e.r) if minimize else e)
    start = [int(k) if process.of[s] else -1 for s, k in enumerate(pairs)]
    g, h, w, policy, signs, iterations = optimise_average(process, start)
    first = first_best(process, policy, signs)
    if first != policy:
        other = average_of(process, first)
        if other[:2] == (g, h):              # else they have another bias together
            policy, w = first, other[2]
    policy = actions(R, policy)
    certificate = write(R, "average", minimize, policy=policy, slack=signs,
                        gain=vector(g, minimize), bias=vector(h, minimize),
                        centre=vector(w, minimize))
    gain = array(g, minimize)
    return ExactSolution(gain, np.array(policy), ties(R, signs), certificate, "average",
                         iterations, gain, array(h, minimize))


def optimise_average(process, policy):
    """(gain, bias, centre, policy, signs, iterations) by multichain policy iteration.

    signs   (X,): 0 attains both optimality equations, 1 loses bias, 2 loses gain
    """
    iterations = 0
    while True:
        iterations += 1
        g, h, w = average_of(process, policy)
        signs, better = _compare(process, g, h)
        if not better:
            return g, h, w, policy, signs, iterations
        policy = [better[s][1] if s in better else k for s, k in enumerate(policy)]


def _compare(process, g, h):
    """(signs (X,), better {s: (loss, pair)}): the best pairs that improve the gain.

    Where no pair improves the gain, those that improve the bias.
    """
    (G, g_den), (H, h_den) = integers(g), integers(h)
    signs, of_gain, of_bias = [], {}, {}
    for k, s in enumerate(process.owner):
        d, r, row = process.d[k], process.r[k], process.row[k]
        loss = d * G[s] - sum(n * G[t] for t, n in row)                  # g - P g
        if loss:
            signs.append(2)
            if loss < 0:
                lower(of_gain, s, Fraction(loss, d), k)
            continue
        # g + h - r - P h, times d r.den g_den h_den
        drift = d * H[s] - sum(n * H[t] for t, n in row)
        loss = r.denominator * (h_den * d * G[s] + g_den * drift) - d * r.numerator * g_den * h_den
        signs.append(int(loss != 0))
        if loss < 0:
            lower(of_bias, s, Fraction(loss, d * r.denominator), k)
    return signs, of_gain or of_bias


def average_of(process, policy):
    """(gain, bias, centre) of a policy, lists of Fractions, 0 where it takes no pair."""
    zero = Fraction(0)
    g, h, w = ([zero] * process.S for _ in range(3))
    edges = [(s, t) for s, k in enumerate(policy) if k >= 0 for t, _ in process.row[k]]
    recurrent = set()
    for states in graph.closed_classes(arrows(edges, process.S)):
        states = states.tolist()
        recurrent |= set(states)
        gain, bias, centre = average_of_class(process, states, {s: policy[s] for s in states})
        for s in states:
            g[s], h[s], w[s] = gain, bias[s], centre[s]
    rest = {s: k for s, k in enumerate(policy) if k >= 0 and s not in recurrent}

    def fill(x, b):                          # x = b + P x where it is not known yet
        known = {s: x[s] for s in range(process.S) if s not in rest}
        for s, y in evaluate(process, rest, b, known).items():
            x[s] = y

    fill(g, dict.fromkeys(rest, zero))
    fill(h, {s: process.r[k] - g[s] for s, k in rest.items()})
    fill(w, {s: h[s] for s in rest})
    return g, h, w


def average_of_class(process, states, policy):
    """(gain, {s: bias}, {s: centre}) of a recurrent class under a policy {s: k}.

    The class is cut at its first state: a(s) is the mean time, c(s) the mean reward, until that
    state is entered.
    """
    first, rest = states[0], states[1:]
    own, known = {s: policy[s] for s in rest}, {first: Fraction(0)}
    d, row = process.d[policy[first]], process.row[policy[first]]

    def back(x):                             # the mean of x after the first step
        return sum((Fraction(n, d) * x[t] for t, n in row if t != first), Fraction(0))

    a = evaluate(process, own, {s: Fraction(1) for s in rest}, known)
    c = evaluate(process, own, {s: process.r[policy[s]] for s in rest}, known)
    time = 1 + back(a)
    g = (process.r[policy[first]] + back(c)) / time
    h = {first: Fraction(0), **{s: c[s] - g * a[s] for s in rest}}
    c = evaluate(process, own, {s: h[s] for s in rest}, known)
    mean = back(c) / time                                                # of h
    c = {s: c[s] - mean * a[s] for s in rest}
    return g, {s: x - mean for s, x in h.items()}, {first: Fraction(0), **c}
