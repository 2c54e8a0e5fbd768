"""Policy iteration whose linear systems are solved by a Krylov method.

    (I - gamma P_pi) v = r_pi     by BiCGSTAB with an incomplete LU factorisation

Memory stays that of the process. It differs from policy_iteration.py only in how a policy is
evaluated. An inexact v costs nothing but iterations: the bounds come from one application of T to
whatever was returned.

Gargiani, Liao-McPherson, Zanelli and Lygeros, "Inexact GMRES policy iteration for large-scale
Markov decision processes", 2022.

Read first: planning/policy_iteration.py.  Read next: planning/choose.py, planning/gain.py.
"""

from functools import partial

from .policy_iteration import evaluate_pairs, policy_iteration


def policy_iteration_krylov(m, e, *, tol):
    """Solve the discounted criterion -> Solution of e.

    m   MDP
    e   its Expected, gamma < 1, rewards negated to minimise
    """
    return policy_iteration(m, e, tol=tol, method="policy_iteration_krylov",
                            evaluate=partial(evaluate_pairs, solver="krylov"))
