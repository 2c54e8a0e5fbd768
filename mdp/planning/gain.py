"""The largest mean reward per step within one end component, with bounds that hold.

In a maximal end component every state reaches every other, so that the optimal gain g is the same
number everywhere:

    g + h(s) = max over the actions that stay of r(s, a) + sum over s' of P(s' | s, a) h(s')

Policy iteration for such (communicating) processes: take the best recurrent class of the policy,
lead every other state into it, solve g + h = r_pi + P_pi h, improve. If the class is a new one the
gain grows, if it is the same one the bias h grows. So no policy comes back.

The bounds hold for any h whatever (Odoni 1969):

    min over s of (r_pi + P_pi h - h)  <=  gain of pi  <=  g  <=  max over pairs of (r + P h - h)

Where h is too large for that (a chain that changes sides once in 1e28 steps), another bound is
used: the gain of a policy is the mean of r under its stationary law, which is found without a
subtraction. And every gain lies between the smallest and the largest r.

Puterman 1994, sections 8.5.1 and 9.5.1.

Read first: bellman.py, graph.py, linear.py.
Read next: planning/policy_iteration_multichain.py, planning/total.py, planning/collapse.py.
"""

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp

from .. import bellman, graph
from ..expected import NORMAL
from ..linear import Resolvent, spread, stationary

LARGE = 1e290                                # rewards from which sums over long times may overflow
MOST = 10_000                                # policies
PATIENCE = 9_000                             # different policies
TIE = 1e-12                                  # of the largest step: what a switch must gain once a
                                             # policy has come back


class Gain(NamedTuple):
    """Of one end component."""
    lower: float                             # lower <= gain of `pairs` <= the optimal gain <= upper
    upper: float
    pairs: np.ndarray                        # (n,) the pair of each of its states, in the order
                                             # given; one recurrent class
    bias: np.ndarray                         # (n,) h, zero somewhere in the recurrent class


def restrict(e, states, pairs):
    """The process of some states, renumbered: Expected.

    states   indices
    pairs    sorted indices; they must stay among the states
    """
    place = np.full(e.P.shape[1], -1)
    place[states] = np.arange(len(states))
    P = e.P[pairs]
    P = sp.csr_matrix((P.data, place[P.indices], P.indptr), shape=(len(pairs), len(states)))
    owner = place[e.owner[pairs]]
    ptr = np.concatenate(([0], np.cumsum(np.bincount(owner, minlength=len(states)))))
    return e.replace(P=P, r=e.r[pairs], size=e.size[pairs], count=e.count[pairs], pair_ptr=ptr,
                      owner=owner, action=e.action[pairs], zero=e.zero[pairs])


def component_gain(e, states, pairs):
    """Gain of the end component with these states (sorted indices) and pairs (sorted indices).

    The bounds hold whatever the numbers: where they overflow, they are infinite.
    """
    c, unit = _in_units(restrict(e, states, pairs))
    policy = bellman.pair_argmax(c, c.r)
    given = spread(c.count) * c.size
    least, most = float((c.r - given).min()), float((c.r + given).max())
    alone = c.r.size == len(states)                                            # no choice
    best, seen = None, set()
    for _ in range(MOST):
        policy, g, error, h = _evaluate(c, policy)
        step, rounding = steps(c, h)
        low, high = float((step - rounding)[policy].min()), float((step + rounding).max())
        # in this order: what is not a number loses every comparison
        low, high = max(least, g - error, low), min(most, g + error if alone else np.inf, high)
        if best is None or high - low < best[1] - best[0]:
            best = (low, high, policy, h)
        back = policy.tobytes() in seen
        margin = 4 * rounding.max() + TIE * np.abs(step).max() if back else 0.0
        if back and margin > high - low:
            break
        seen.add(policy.tobytes())
        better = bellman.pair_argmax(c, step)
        switch = step[better] - step[policy] > rounding[better] + rounding[policy] + margin
        if not switch.any() or len(seen) > PATIENCE:
            break
        policy = np.where(switch, better, policy)
    low, high, policy, h = best
    with np.errstate(over="ignore"):
        return Gain(low * unit, high * unit, np.asarray(pairs)[policy], h * unit)


def _in_units(c):
    """(c, unit): rewards so large that sums of them might overflow are divided by a power of two.

    That rounds none but the smallest, whose `size` covers it.
    """
    if c.scale < LARGE:
        return c, 1.0
    unit = 2.0 ** (np.frexp(c.scale)[1] - 1)
    size = np.where(c.zero, 0.0, np.maximum(c.size / unit, NORMAL))
    return c.replace(r=c.r / unit, size=size, zero=c.zero), unit


def steps(e, h):
    """(r + P h - h of every pair, a bound on its rounding), (X,) each.   h (S,)

    As r + sum of P(s' | s, a) (h(s') - h(s)): where h is large and its differences small, nothing
    cancels.
    """
    rows = np.repeat(np.arange(e.r.size), np.diff(e.P.indptr))

    def total(terms):
        return np.bincount(rows, terms, minlength=e.r.size)

    terms = e.P.data * (h[e.P.indices] - h[e.owner[rows]])
    off = np.abs(total(e.P.data) - 1)  # decimals cut off: a row means no distribution
    off = np.where(off <= spread(e.count), 0.0, off)
    rounding = spread(e.count) * (e.size + total(np.abs(terms))) + off * np.abs(h[e.owner])
    return e.r + total(terms), rounding


def _evaluate(c, policy):
    """(policy, its gain, the error of that, its bias): with one recurrent class.

    It is the best class of the policy given; all other states are led into it.
    """
    S = c.P.shape[1]
    P, r = c.P[policy], c.r[policy]
    classes = graph.closed_classes(P)
    states = max(classes, key=lambda states: class_gain(c, policy, states)[0])
    if len(classes) > 1:
        inside = np.isin(np.arange(S), states)
        towards, _ = graph.attractor_pairs(c.P, c.owner, inside, np.ones(c.r.size, bool))
        stays = ~graph.can_reach(P, ~inside & np.isin(np.arange(S), np.concatenate(classes)))
        policy = np.where(inside | stays, policy, towards)
        P, r = c.P[policy], c.r[policy]
    g, error, h_inside, _ = class_gain(c, policy, states)
    h = np.zeros(S)
    h[states] = h_inside
    rest = np.setdiff1d(np.arange(S), states)
    if rest.size:
        into = P[rest][:, states]
        inner = Resolvent(P[rest][:, rest], 1.0, exits=into @ np.ones(len(states)))
        h[rest] = inner.solve(r[rest] - g + into @ h_inside)
    return policy, g, error, h


def class_gain(e, pairs, states):
    """(g, error, h, mu) of a recurrent class `states` (n,) of the policy that takes `pairs` (S,).

    g       mean reward per step, the mean of r under mu
    error   bound on |g - true g|
    h       (n,) relative values, zero in the first state
    mu      (n,) stationary law
    """
    taken = pairs[states]
    P, r, size, count = e.P[taken][:, states], e.r[taken], e.size[taken], e.count[taken]
    mu, relative = stationary(P)
    g = float(np.clip(mu @ r, r.min(), r.max()))
    error = relative * (r.max() - r.min()) + mu @ (spread(count) * size)
    error += spread(len(states)) * np.abs(r).max()
    if not (np.abs(P @ np.ones(len(states)) - 1) <= spread(count)).all():
        error = np.inf                       # decimals cut off: a row means no distribution
    h = np.zeros(len(states))
    if len(states) > 1:
        inner = Resolvent(P[1:][:, 1:], 1.0, exits=P[1:][:, [0]].toarray()[:, 0], count=count[1:])
        h[1:] = inner.solve((r - g)[1:])
    return g, 2 * float(error), h, mu
