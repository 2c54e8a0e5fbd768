"""Policy iteration with dense LU factors.

Each policy costs S**3 / 1.5 operations, whatever the number of zeros. This is the choice for small
processes and for full ones. It differs from policy_iteration.py only in how a policy is evaluated.

Read first: planning/policy_iteration.py.  Read next: planning/policy_iteration_sparse.py.
"""

from functools import partial

from .policy_iteration import evaluate_pairs, policy_iteration


def policy_iteration_dense(m, e, *, tol):
    """Solve the discounted criterion -> Solution of e.

    m   MDP
    e   its Expected, gamma < 1, rewards negated to minimise
    """
    return policy_iteration(m, e, tol=tol, method="policy_iteration_dense",
                            evaluate=partial(evaluate_pairs, solver="dense"))
