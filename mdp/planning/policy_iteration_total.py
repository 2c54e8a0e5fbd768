"""Policy iteration for the total expected reward, gamma = 1.

    without a goal   v*(s) = sup over policies of the limit of E[R_1 + ... + R_n | s]
    with a goal      v*(s) = sup over stationary policies that reach it of E[rewards until then | s]

The two steps, evaluate and improve, are those of policy_iteration.py. Step 1 below comes before
them, since not every policy has a finite value.

A stationary policy looks at the current state alone, and may be randomised. Without a goal memory
gains nothing. With one it may, where rewards of mean zero can be collected for as long as one
likes: "bet 1 until 10 ahead, then quit for 5" reaches the goal with probability one and ends with
15. That is not counted: after n bets never more is expected than the 5 for quitting at once,
which is v* here.

1. total.py finds what is infinite, and turns end components without rewards into single nodes.
2. Start from a policy that ends ("proper"), found from the arrows alone. In what is left a policy
   that never ends loses for ever or, with a goal, has rewards of mean zero. So every switch that
   gains, beyond rounding, leads to a proper policy again.
3. At the end an upper function u is constructed: u > r + P_a u for every action, strictly. The
   inequality is checked with its rounding. It proves two things. A policy that never ends loses for
   ever: its mean reward is negative. A policy that ends is worth at most u. The lower bound is
   the policy's own value with its proven error (linear.py). Where no reward ahead is positive u is
   at most 0. Where none on the policy's way is negative its value is at least 0. No rounding takes
   part in that.

With a goal, no policy attains an infinite value. The one returned collects rewards for ever without
reaching the goal. To collect at least x and still reach it, follow it for long enough and then go
to the goal. Among actions that rounding cannot tell apart the first is taken, where the policy
still ends.

Bertsekas and Tsitsiklis, "An analysis of stochastic shortest path problems", Math. Oper. Res. 16,
1991; de Alfaro, "Computing minimum and maximum reachability times in probabilistic systems", 1999
(end components). Differs from policy_iteration.py in steps 1 and 3.

Read first: planning/policy_iteration.py, planning/total.py.
Read next: planning/policy_iteration_multichain.py, exact/total.py.
"""

import numpy as np

from .. import bellman, graph
from ..expected import induced
from ..linear import spread
from .collapse import arrows, numbers
from .gain import restrict
from .policy_iteration import evaluate_pairs, improve
from .solution import finish
from .total import policy_of, prepare, signs

ATTEMPTS = 100                               # at an upper function
IMPROVEMENTS = 1000                          # of the longest way to the end
LONGER = 1e-6                                # relative: by how much an improvement makes it longer
NEAR = 4                                     # times rounding: an action that gives away no more
                                             # may be optimal
AHEAD = 2.5                                  # the first delta, times what near-optimal actions seem
                                             # to gain
LEAST = 1e-300                               # of a distance, so that it is not zero


def policy_iteration_total(m, e, *, tol, goal=None, miss=-np.inf):
    """Solve the total-reward criterion -> Solution of e.

    m      MDP
    e      its Expected, gamma = 1, rewards negated to minimise
    goal   bool (S,) or None
    miss   what missing the goal is worth, -inf or inf
    """
    with np.errstate(over="ignore", invalid="ignore"):                  # then bounds are infinite
        total = prepare(m, e, goal, miss)
        lower, upper, chosen, iterations, v = solve_proper(total, numbers(e, total.nodes))
    node = total.nodes.node
    return finish(m, e, lower=lower[node], upper=upper[node], v=v[node], tol=tol,
                  pairs=policy_of(e, total, chosen), iterations=iterations,
                  method="policy_iteration", criterion="total")


def solve_proper(total, number=None):
    """(lower, upper, pairs, iterations, v): the infinities of total.py, and the rest.

    lower    (S',) bound on the value
    upper    (S',) bound on the value
    pairs    (S',) the policy
    v        (S',) its value as computed
    number   (X',) the order in which the first of the best pairs is looked for; None: any of them
    """
    lower = np.where(total.plus, np.inf, np.where(total.minus, -np.inf, 0.0))
    upper, pairs, values = lower.copy(), total.pairs.copy(), lower.copy()
    left = np.flatnonzero(~total.plus & ~total.minus)
    kept = np.flatnonzero(total.usable)
    if not kept.size:
        return lower, upper, pairs, 0, values
    e = restrict(total.nodes.e, left, kept)
    ends = total.ends[left] | (np.diff(e.pair_ptr) == 0)
    policy, _ = graph.attractor_pairs(e.P, e.owner, ends, np.ones(e.r.size, bool))
    policy, v, error, iterations = _improved(e, policy)
    if number is not None:
        policy, v, error = _first_best(e, policy, v, error, number[kept])
    lower[left], upper[left] = _by_signs(e, policy, v - error, upper_function(e, policy, v))
    values[left] = v
    pairs[left] = np.where(policy >= 0, kept[policy], -1)
    return lower, upper, pairs, iterations, values


def _improved(e, policy):
    """(policy, v, error, iterations): improve until no action is better beyond rounding."""
    seen, careful, iterations = set(), False, 0
    while True:
        iterations += 1
        v, error = evaluate_pairs(e, policy)
        key = policy.tobytes()
        careful = careful or key in seen
        seen.add(key)
        better = improve(e, policy, v, 2 * error.max(initial=0) if careful else 0.0)
        better = _keep_ending(e, policy, better)
        if (better == policy).all():
            return policy, v, error, iterations
        policy = better


def _first_best(e, pairs, v, error, number):
    """(pairs, v, error): the first of the best pairs of each node, unless that lost something.

    The best pairs are those that rounding cannot tell from the best one.

    number   (X,) the order of pairs
    """
    q, rounding = bellman.pair_q(e, v), bellman.pair_rounding(e, v)
    tied = np.flatnonzero(q + rounding >= (v - spread(0) * np.abs(v))[e.owner])
    tied = tied[np.argsort(-number[tied], kind="stable")]               # the first is written last
    first = pairs.copy()
    first[e.owner[tied]] = tied
    first = _keep_ending(e, pairs, first)
    if (first == pairs).all():
        return pairs, v, error
    new, new_error = evaluate_pairs(e, first)
    lost = (new < v - spread(0) * np.abs(v)).any()
    return (pairs, v, error) if lost else (first, new, new_error)


def _by_signs(e, pairs, lower, upper):
    """(lower, upper), closed in by what the arrows prove.

    Nothing to gain ahead: v* <= 0. Nothing to lose on the way of the policy: its value >= 0.
    """
    least, most = signs(e)
    gains, losses = np.zeros(lower.size, bool), np.zeros(lower.size, bool)
    gains[e.owner[most > 0]] = True
    chosen = pairs[pairs >= 0]
    losses[e.owner[chosen[least[chosen] < 0]]] = True
    lower = np.where(graph.can_reach(arrows(e, chosen), losses), lower, np.fmax(lower, 0))
    return lower, np.where(graph.can_reach(arrows(e), gains), upper, np.fmin(upper, 0))


def _keep_ending(e, pairs, better):
    """Undo switches after which the policy would never end: rounding misled them, or made a tie."""
    while (better != pairs).any():
        classes = graph.closed_classes(induced(e, better).P)
        if not classes:
            break
        stuck = np.isin(np.arange(better.size), np.concatenate(classes))
        better = np.where(stuck, pairs, better)
    return better


def upper_function(e, pairs, v):
    """u (S,) with u > r + P_a u for every pair, rounding included.

    u = v + delta w, where w is the longest expected time to the end over near-optimal actions. It
    is infinite where floating point cannot provide one: for example if near-optimal actions, whose
    differences are below rounding, form an end component.
    """
    infinite = np.where(np.diff(e.pair_ptr) == 0, 0.0, np.inf)
    if not np.isfinite(v).all():
        return infinite
    rounding = bellman.pair_rounding(e, v)
    slack = v[e.owner] - bellman.pair_q(e, v)                            # what an action gives away
    near = slack <= NEAR * rounding
    near[pairs[pairs >= 0]] = True
    w = _longest(e, pairs, near)
    delta = AHEAD * max(float((rounding - slack)[near].max(initial=0)), 0.0) + LEAST
    for _ in range(ATTEMPTS):
        if w is None:
            break
        u = v + delta * w
        gap = u[e.owner] - bellman.pair_q(e, u) - bellman.pair_rounding(e, u)
        gap -= spread(0) * np.abs(u[e.owner])
        if (gap > 0).all():
            return u                         # this line is the proof; how u was found is no part
        failed = (gap <= 0) & ~near
        if failed.any():                     # they were nearer than it seemed
            near |= failed
            w = _longest(e, pairs, near)
        else:
            delta *= 2                       # rounding of u itself: ask for more distance
    return infinite


def _longest(e, pairs, near):
    """w(s) = 1 + max over near-optimal actions of P_a w: (S,), zero at the end.

    None if there is none: if an end component can be stayed in by pairs of `near` (X,) bool.
    """
    if (graph.maximal_end_components(e.P, e.owner, near)[0] >= 0).any():
        return None
    pairs = pairs.copy()
    time = e.replace(r=np.ones(e.r.size), size=np.ones(e.r.size))
    for _ in range(IMPROVEMENTS):
        w, _ = evaluate_pairs(time, pairs)
        if not np.isfinite(w).all() or (w < 0).any():
            return None
        q = np.where(near, bellman.pair_q(time, w), -np.inf)
        best = bellman.pair_argmax(e, q)
        alive = np.flatnonzero(pairs >= 0)
        now = q[pairs[alive]]                # the policy's own pairs are near: finite
        longer = alive[q[best[alive]] > now + LONGER * (1 + np.abs(now))]
        if not longer.size:
            return w
        pairs[longer] = best[longer]
    return None
