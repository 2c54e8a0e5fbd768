"""Policy iteration with dense LU factors: each policy costs S**3 / 1.5 operations, whatever the number of zeros.

Differs from policy_iteration.py only in how a policy is evaluated. The choice for small models and for full ones.

Read first: policy_iteration.py.
"""

from functools import partial

from .policy_iteration import evaluate_pairs, policy_iteration


def policy_iteration_dense(m, e, *, tol):
    """Solve the discounted criterion.   m MDP, e its Expected (rewards negated to minimise), gamma < 1 -> Solution of e"""
    return policy_iteration(m, e, tol=tol, evaluate=partial(evaluate_pairs, solver="dense"), method="policy_iteration_dense")
