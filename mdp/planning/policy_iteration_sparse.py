"""Policy iteration with sparse LU factors (SuperLU).

On a planar grid of 1e5 states a policy costs about as much as 65 sweeps. Where successors are
random the factors fill up: policy_iteration_krylov.py then needs less memory. It differs from
policy_iteration.py only in how a policy is evaluated.

Read first: planning/policy_iteration.py.  Read next: planning/policy_iteration_krylov.py.
"""

from functools import partial

from .policy_iteration import evaluate_pairs, policy_iteration


def policy_iteration_sparse(m, e, *, tol):
    """Solve the discounted criterion -> Solution of e.

    m   MDP
    e   its Expected, gamma < 1, rewards negated to minimise
    """
    return policy_iteration(m, e, tol=tol, method="policy_iteration_sparse",
                            evaluate=partial(evaluate_pairs, solver="sparse"))
