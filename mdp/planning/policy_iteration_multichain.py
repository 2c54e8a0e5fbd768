"""Average reward, multichain: where to end up, and what is earned per step there.

    g*(s) = sup over policies of liminf (1/n) E[R_1 + ... + R_n | s]

    g     = max over a of P_a g                              the optimality equations
    g + h = max over the a that attain it of r_a + P_a h

Within a maximal end component every state reaches every other, so the best gain is one number
(gain.py, with bounds). Every run ends up in some component for good. So the process between
components is a total-reward problem: to stay in a component is worth its gain, everything else
nothing. Every policy of it ends, and its bounds are those of policy_iteration_total.py. With one
component (the communicating case) the gain is one number; with many (the multichain case) it
depends on the state.

Then Howard's second step: among actions that keep the gain, improve the bias h of the policy, in
units of reward. The bias is normalised P* h = 0: its mean under the stationary law of every
recurrent class is zero. Then the value of n steps is n g(s) + h(s) + o(1), where there is no
period.

Puterman 1994, chapters 8 and 9 (multichain policy iteration: 9.2.1); Ashok, Chatterjee, Daca,
Kretinsky, Meggendorfer, "Value iteration for long-run average reward in Markov decision processes",
CAV 2017 (the decomposition).

Read first: planning/collapse.py, planning/gain.py, planning/policy_iteration_total.py.
Read next: exact/average.py.
"""

import numpy as np

from .. import bellman, graph
from ..expected import induced
from ..linear import UNIT, Resolvent, spread
from .collapse import collapse, components, lift
from .gain import class_gain, component_gain, steps
from .policy_iteration_total import solve_proper
from .solution import finish
from .total import Total

SAME = 1e-9                                  # relative: gains and biases this near are called equal
MOST = 1000                                  # improvements of the bias


def policy_iteration_multichain(m, e, *, tol):
    """Solve the average-reward criterion -> Solution of e.

    m   MDP
    e   its Expected, gamma = 1, rewards negated to minimise
    """
    upper, pairs, iterations = optimal_gain(e)
    pairs, more = improve_bias(e, pairs)
    pairs, h, lower = first_best(e, pairs)
    return finish(m, e, lower=np.minimum(lower, upper), upper=upper, pairs=pairs, bias=h, tol=tol,
                  iterations=iterations + more, method="policy_iteration", criterion="average",
                  q_of=lambda v: bellman.table(e, e.P @ v, m.num_actions))


def optimal_gain(e):
    """(upper bound on the optimal gain (S,), pairs, iterations).

    pairs   (S,) a policy that is optimal up to rounding
    """
    everything = np.ones(e.r.size, bool)
    label, stays = graph.maximal_end_components(e.P, e.owner, everything)
    nodes = collapse(e, everything, ends=(label, stays))
    found = [component_gain(e, states, own) for states, own in components(label, stays, e.owner)]
    worth = np.array([g.lower / 2 + g.upper / 2 for g in found])
    stay = nodes.origin < 0
    r = np.zeros(stay.size)                  # to stay is worth the gain, all else nothing
    r[stay] = worth[nodes.e.owner[stay]] if found else 0.0
    nodes = nodes._replace(e=nodes.e.replace(r=r, size=np.abs(r), zero=r == 0))
    nowhere = np.zeros(nodes.e.P.shape[1], bool)
    total = Total(nodes, np.diff(nodes.e.pair_ptr) == 0, nowhere, nowhere, np.ones(r.size, bool),
                  np.full(nowhere.size, -1))
    _, upper, chosen, iterations, _ = solve_proper(total)
    half = max((g.upper - g.lower for g in found), default=0.0) / 2
    half += 4 * UNIT * (half + np.abs(worth).max(initial=0.0))          # what the midpoint rounded
    pairs = lift(e, nodes, chosen)
    for c, (states, _) in enumerate(components(label, stays, e.owner)):
        if chosen[c] >= 0 and nodes.origin[chosen[c]] < 0:              # it is stayed in
            pairs[states] = found[c].pairs
    ends = [0.0] if (np.diff(e.pair_ptr) == 0).any() else []
    most = max([g.upper for g in found] + ends, default=0.0)            # no mean of gains is above
    return np.minimum((upper + half)[nodes.node], most), pairs, iterations


def policy_gain(e, pairs):
    """(gain, bias, proven lower bound on the gain) of a policy, (S,) each: 0 in terminal states.

        h = r - g + P h,   P* h = 0

    pairs   (S,) what the policy takes, -1 where terminal
    """
    S, chain = pairs.size, induced(e, pairs)
    g, h, lower, free = np.zeros(S), np.zeros(S), np.zeros(S), pairs >= 0
    classes = [(states, *class_gain(e, pairs, states)) for states in graph.closed_classes(chain.P)]
    for states, gain, _, bias, mu in classes:
        g[states], h[states] = gain, bias - mu @ bias
        free[states] = False
    step, rounding = steps(e, h)
    least = e.r - spread(e.count) * e.size
    for states, gain, error, _, _ in classes:
        taken = pairs[states]
        # in this order: what is not a number loses every comparison
        lower[states] = max(least[taken].min(), gain - error, (step - rounding)[taken].min())
    if free.any():
        _before_classes(chain, free, g, h, lower)
    return g, h, lower


def _before_classes(chain, free, g, h, lower):
    """Fill in gain, bias and lower bound where the chain has not come to a class yet.

    free   (S,) bool: these states
    g      (S,) known elsewhere, and written here; so are h and lower
    """
    rest, known = np.flatnonzero(free), ~free
    P_out, count = chain.P[rest], chain.count[rest]
    inner = Resolvent(P_out[:, rest], 1.0, exits=P_out @ known.astype(float), count=count)
    b = P_out @ np.where(known, lower, 0.0)
    x = inner.solve(b)
    mean = inner.solve(P_out @ np.where(known, g, 0.0))
    g[rest] = np.clip(mean, g[known].min(), g[known].max())
    h[rest] = inner.solve(chain.r[rest] - g[rest] + P_out @ np.where(known, h, 0.0))
    rounding = spread(count) * (P_out @ np.where(known, np.abs(lower), 0.0))
    lower[rest] = np.maximum(x - inner.error(b, x, rounding), lower[known].min())


def improve_bias(e, pairs):
    """(pairs, steps): Howard's second improvement, among the actions that keep the gain.

    A switch must gain more than rounding.
    """
    steps, seen = 0, set()
    g, h, _ = policy_gain(e, pairs)
    while steps < MOST and e.r.size:
        seen.add(pairs.tobytes())
        q, now, margin = _compared(e, pairs, g, h)
        best = bellman.pair_argmax(e, q)
        switch = (pairs >= 0) & (np.where(best >= 0, q[best], 0.0) > now + margin)
        new = np.where(switch, best, pairs)
        if not switch.any() or new.tobytes() in seen:
            break
        new_g, new_h, _ = policy_gain(e, new)
        if (new_g < g - SAME * (1 + np.abs(g))).any():
            break                            # rounding misled the switch
        pairs, g, h = new, new_g, new_h
        steps += 1
    return pairs, steps


def first_best(e, pairs):
    """(pairs, bias, proven lower bound on the gain) with the first of the actions that tie.

    Those keep the gain, and the bias to within rounding. The policy of first actions is evaluated
    anew. If its gain or its bias is another one, the policy stays as it is, as in exact/average.py.
    """
    g, h, lower = policy_gain(e, pairs)
    if e.r.size:
        q, now, margin = _compared(e, pairs, g, h)
        first = bellman.pair_first(e, q, now - margin)
        if (first != pairs).any():
            new_g, new_h, new_lower = policy_gain(e, first)
            same = np.abs(new_g - g) <= SAME * (1 + np.abs(g))
            if same.all() and (np.abs(new_h - h) <= margin).all():
                return first, new_h, new_lower
    return pairs, h, lower


def _compared(e, pairs, g, h):
    """(q, now, margin): how good each pair is for the bias, and what the policy has.

    q       (X,) r + P h of the pairs that keep the gain, else -inf
    now     (S,) the same of the policy
    margin  what rounding may have added
    """
    scale = spread(e.count) * (e.size + e.P @ (np.abs(h) + np.abs(g))
                               + np.abs(h[e.owner]) + np.abs(g[e.owner]))
    keeps = np.abs(e.P @ g - g[e.owner]) <= SAME * (1 + np.abs(g).max(initial=0.0))
    q = np.where(keeps, e.r + e.P @ h, -np.inf)
    margin = SAME * (1 + np.abs(h).max(initial=0.0)) + 4 * scale.max(initial=0.0)
    return q, np.where(pairs >= 0, q[pairs], 0.0), margin
