"""Policy iteration: evaluate the policy exactly, improve it, until no action is better.

    v  = (I - gamma P_pi)^-1 r_pi
    pi(s) <- argmax over a of r(s, a) + gamma sum over s' of P(s' | s, a) v(s')
             only where that is an improvement

The textbook loop, on a process that has every action in every state:

    >>> import mdp
    >>> m = mdp.problems.gridworld()
    >>> P, R = m.dense()                                     # (S, A, S), (S, A)
    >>> states = np.arange(m.num_states)
    >>> pi = np.zeros(m.num_states, int)
    >>> while True:
    ...     v = np.linalg.solve(np.eye(m.num_states) - m.gamma * P[states, pi], R[states, pi])
    ...     q = R + m.gamma * P @ v
    ...     better = np.where(q.max(axis=1) > q[states, pi] + 1e-12, q.argmax(axis=1), pi)
    ...     if (better == pi).all():
    ...         break
    ...     pi = better
    >>> s = mdp.solve(m, method="policy_iteration")
    >>> bool(np.allclose(v, s.v, rtol=0, atol=1e-9))
    True

In exact arithmetic every switch makes the policy better, and there are finitely many policies. In
floating point two equally good actions may look better than each other in turn. A method that takes
the largest number then goes round for ever. So an action is switched only if its gain is larger
than the rounding error of the two numbers compared. Should a policy come back all the same, a gain
must from then on exceed the proven error of v as well. Then every switch is an improvement in exact
arithmetic, and no policy can come back.

The number of policies that are evaluated depends on the first one. Where a factorisation costs more
than some sweeps, it is greedy for the v that thirty sweeps of gauss_seidel.py leave: on a grid of
10,000 states five policies are then enough, instead of a hundred.

The bounds are those of bounds.py, from one application of T to the last v; settle.py breaks ties.

Howard, "Dynamic Programming and Markov Processes", 1960; Puterman 1994, section 6.4. This file is
for gamma < 1, policy_iteration_total.py for gamma = 1.

Read first: linear.py, planning/bounds.py, planning/gauss_seidel.py.
Read next: planning/policy_iteration_dense.py, planning/modified_policy_iteration.py,
planning/policy_iteration_total.py.
"""

import numpy as np

from .. import bellman
from ..expected import induced
from ..linear import DENSE_UP_TO, Resolvent, spread
from . import bounds, gauss_seidel, iterate
from .settle import settle

SWEEPS = 30                                  # before the first policy of a large process


def policy_iteration(m, e, *, tol, evaluate=None, method="policy_iteration"):
    """Solve the discounted criterion -> Solution of e.

    m          MDP
    e          its Expected, gamma < 1, rewards negated to minimise
    evaluate   (e, pairs) -> (v, bound on its error): how a policy is evaluated.  Default: the LU
               factors that suit the model. The variants policy_iteration_dense, _sparse and _krylov
               are this function with another one
    """
    evaluate = evaluate or evaluate_pairs
    pairs = first(e)
    seen, careful, history = set(), False, []
    while True:
        v, error = evaluate(e, pairs)
        lower, upper, _ = bounds.discounted(e, v, pairs)
        history.append(float(np.max(upper - lower, initial=0.0)))
        key = pairs.tobytes()
        careful = careful or key in seen     # it came back: from now on prove each switch
        seen.add(key)
        better = improve(e, pairs, v, 2 * e.gamma * error.max(initial=0) if careful else 0.0)
        if (better == pairs).all():
            break
        pairs = better
    return settle(m, e, v, pairs, tol=tol, iterations=len(history), method=method,
                  history=history)


def first(e):
    """The policy to begin with, as pairs (S,).

    Greedy for the next reward; in a large process for what a few ordered sweeps find.
    """
    if e.pair_ptr.size - 1 <= DENSE_UP_TO or e.full is not None:
        return bellman.pair_argmax(e, e.r)
    v = iterate.start(e)
    order = gauss_seidel.outward(e, v)
    w, arrays = v[order], gauss_seidel.renumbered(e, order)
    for _ in range(SWEEPS):
        gauss_seidel.sweep(w, *arrays, e.gamma)
    v[order] = w
    return bellman.backup(e, v)[1]


def evaluate_pairs(e, pairs, solver="auto"):
    """(v, proven error), (S,) each, of the policy that takes `pairs` (S,), -1 where terminal.

    At gamma = 1 it must end everywhere.

    solver   as in linear.Resolvent
    """
    chain = induced(e, pairs)
    inner = Resolvent(chain.P, e.gamma, count=chain.count, solver=solver)
    v = inner.solve(chain.r)
    return v, inner.error(chain.r, v, spread(chain.count) * chain.size)


def improve(e, pairs, v, margin):
    """Switch to the best pair where it gains enough; keep the old one elsewhere.

    Enough is more than the rounding error of the comparison and `margin`.
    """
    if not e.r.size:
        return pairs
    q, rounding = bellman.pair_q(e, v), bellman.pair_rounding(e, v)
    best = bellman.pair_argmax(e, q)
    gain = q[best] - q[pairs] - rounding[best] - rounding[pairs]
    return np.where((pairs >= 0) & (gain > margin), best, pairs)
