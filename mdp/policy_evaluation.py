"""Policy evaluation as a layer: the value of a policy, and its gradient by one adjoint solve.

    P_pi(s, s') = sum over a of pi(s, a) P(s, a, s')        r_pi(s) = sum over a of pi(s, a) R(s, a)
    v = r_pi + gamma P_pi v,   that is   B v = r_pi  with  B = I - gamma P_pi

    B^T y = dv                                the adjoint: y is the discounted occupancy of the
                                              states under start weights dv
    dR(s, a)     = pi(s, a) y(s)              the discounted occupancy of the pairs
    dP(s, a, s') = gamma pi(s, a) y(s) v(s')
    dgamma       = y . P_pi v
    dpi(s, a)    = y(s) q(s, a)               with q = R + gamma P v: the policy gradient theorem,
                                              before any parametrisation

Sutton, McAllester, Singh and Mansour, "Policy gradient methods for reinforcement learning with
function approximation", 2000, theorem 1. The entries of P and pi are free numbers here: rows need
not sum to one, so that a gradient can be held against differences. I - gamma P_pi must not be
singular; at gamma = 1 a row that sums to less than one is a chance to end.

Read first: evaluation.py.  Read next: planning/value_iteration.py, planning/__init__.py.
"""

import numpy as np


def forward(P, R, gamma, pi, /):
    """v = (I - gamma P_pi)^-1 r_pi.

    P        (S, A, S)  float32 or float64
    R        (S, A)     same dtype
    gamma    scalar: a Python float or a 0-d array
    pi       (S, A)     same dtype
    returns  v (S,) of the dtype of P, in units of reward; and the cache

    ValueError if the shapes do not fit, or if I - gamma P_pi is singular.

    >>> forward(np.array([[[1.0]]]), np.array([[1.0]]), 0.5, np.array([[1.0]]))[0].tolist()
    [2.0]
    """
    P, R, pi = np.asarray(P), np.asarray(R), np.asarray(pi)
    gamma = np.asarray(gamma, dtype=P.dtype)                            # ()
    square = P.ndim == 3 and P.shape[0] == P.shape[2]
    if not square or not R.shape == pi.shape == P.shape[:2] or gamma.shape != ():
        raise ValueError("P, R, gamma and pi must be (S, A, S), (S, A), () and (S, A), "
                         f"have shapes {P.shape}, {R.shape}, {gamma.shape}, {pi.shape}")
    if P.dtype not in (np.float32, np.float64) or R.dtype != P.dtype or pi.dtype != P.dtype:
        raise ValueError("P, R and pi must be of one dtype, float32 or float64, "
                         f"are {P.dtype}, {R.dtype}, {pi.dtype}")
    P_pi = np.einsum("sa,sat->st", pi, P)                               # (S, S)
    r_pi = np.einsum("sa,sa->s", pi, R)                                 # (S,)
    B = np.eye(len(P), dtype=P.dtype) - gamma * P_pi                    # (S, S)
    try:
        v = np.linalg.solve(B, r_pi)                                    # (S,)
    except np.linalg.LinAlgError:
        raise ValueError(f"I - gamma P_pi is singular at gamma = {float(gamma):g}: "
                         "the process never ends under pi") from None
    return v, (P, R, gamma, pi, P_pi, B, v)


def backward(dv, cache, /):
    """One solve with B^T.   dv (S,) -> dP (S, A, S), dR (S, A), dgamma (), dpi (S, A)."""
    P, R, gamma, pi, P_pi, B, v = cache
    # B v = r_pi
    y = np.linalg.solve(B.T, dv)                                        # (S,)
    # r_pi = sum_a pi R,   P_pi = sum_a pi P,   B = I - gamma P_pi
    visits = pi * y[:, None]                                            # (S, A)
    dR = visits
    dP = gamma * visits[:, :, None] * v                                 # (S, A, S)
    dgamma = np.asarray(y @ (P_pi @ v), dtype=P.dtype)                  # ()
    dpi = y[:, None] * (R + gamma * (P @ v))                            # (S, A)
    return dP, dR, dgamma, dpi
