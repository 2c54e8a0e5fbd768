"""MCGSM: a factorised mixture of conditional Gaussian scale mixtures. The density of real numbers y (D of them) given features h (M).

    gate_ks   = η_ks - ½ exp(α_ks) q_k                                     q_k = Σ_n w_kn² (b_nᵀ h)²
    expert_ks = ½ D α_ks + log |det L_k| - ½ D log 2π - ½ exp(α_ks) e_k    e_k = |L_kᵀ (y - A_k h - μ_k)|²
    log p(y | h) = log Σ_ks exp(gate_ks + expert_ks) - log Σ_ks exp(gate_ks)

A component k has a linear prediction A_k h and one shape of noise, L_k L_kᵀ; its S scales exp(α_ks) make heavy tails. Which one it is depends on h through
F squared features, which all components share. Theis and Bethge, "Generative Image Modeling Using Spatial LSTMs", 2015, section 2.2; Theis, Hosseini, Bethge,
"Mixtures of Conditional Gaussian Scale Mixtures Applied to Multiscale Image Representations", 2012. The authors' program can also add exp(α_ks) l_kᵀ h
to the gates, zero by default: left out here.

L_k is lower triangular with 1 in its first place, since α holds the scale: L stores what is left, row by row. μ is optional, an array without rows if there is none
(the authors keep it at zero). Numbers: 2 K S + K F + M F + K D M + K (D (D + 1) / 2 - 1), and K D more with μ.

log p is in nats, a density: in other units of y it differs by the logarithm of the ratio. What is wrong in many programs, and what tests plant here: w not squared,
exp(α) missing in the gate, the determinant forgotten.

Read first: discretized_logistic_mixture.py.  Read next: npixel/whitening.py, models/ride.py.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import ndtri

BLOCK = 1024                                           # rows at a time: their K S numbers stay in the cache


class Weights(NamedTuple):
    eta: np.ndarray                                    # (K, S)     log weights of the gate
    alpha: np.ndarray                                  # (K, S)     log precisions
    w: np.ndarray                                      # (K, F)     how much each component minds each feature; enters squared
    b: np.ndarray                                      # (M, F)     features
    A: np.ndarray                                      # (K, D, M)  predictions
    L: np.ndarray                                      # (K, D (D + 1) / 2 - 1)  Cholesky factors below, row by row, without their first place
    mu: np.ndarray                                     # (K, D) or (0, D)  means


def init(rng, M, D, /, *, components, scales, features, means=False, dtype):
    """As in the authors' program for whitened data: η = 0, L = 1; small numbers elsewhere, so that no two components are alike."""
    K, S, F = components, scales, features
    L = lower_entries(np.broadcast_to(np.eye(D), (K, D, D)))
    arrays = (np.zeros((K, S)), rng.standard_normal((K, S)) / 20, 0.01 + 0.01 * rng.random((K, F)), rng.standard_normal((M, F)) / 100,
              rng.standard_normal((K, D, M)) / 10, L, np.zeros((K if means else 0, D)))
    return Weights(*(array.astype(dtype) for array in arrays))


def forward(h, eta, alpha, w, b, A, L, mu, /, *, targets):
    """log p of what was observed, joint over its D numbers.

    h         (..., M)  float32 or float64
    targets   (..., D)  numbers; they are no argument of the gradient
    returns   log_prob (...) float64, in nats; and the cache

    ValueError if shapes disagree.
    """
    weights = Weights(eta, alpha, w, b, A, L, mu)
    rows, y = _rows(h, weights, targets)
    log_prob, blocks = np.empty(len(rows)), []
    for part in _parts(len(rows)):
        block = _shares(rows[part], y[part], weights)
        log_prob[part] = block.log_joint.astype(np.float64) - block.log_gate
        blocks.append(block)
    return log_prob.reshape(h.shape[:-1]), (h, rows, weights, blocks)


def backward(dlog_prob, cache, /):
    """dlog_prob (...) -> dh, and one gradient for each weight.   With r_ks the share of (k, s) in p(y | h), and π_ks its share in the gate,

        d log p / d(gate + expert)_ks = r_ks         d log p / d gate_ks, of the second sum = -π_ks
    """
    h, rows, weights, blocks = cache
    eta, alpha, w, b, A, L, mu = weights
    K, D, M = A.shape
    beta, factors = np.exp(alpha), lower(L, D)
    g = np.asarray(dlog_prob, h.dtype).reshape(-1)
    dh = np.empty_like(rows)
    deta, dalpha, dw, db, dA, dfactors, dmu = (np.zeros_like(array) for array in (eta, alpha, w, b, A, factors, np.empty((K, D), h.dtype)))
    for part, block in zip(_parts(len(rows)), blocks):
        scale = g[part, None, None]
        joint, gate = scale * block.joint, scale * block.gate              # (P, K, S)
        more = joint - gate
        deta += more.sum(axis=0)
        # gate = η - ½ β q,   joint = gate + ½ D α + log |det L| - ½ β e,   β = exp α
        total = joint.sum(axis=0)                                          # (K, S)
        dalpha += D / 2 * total - beta / 2 * (_over_rows(more, block.q) + _over_rows(joint, block.e))
        dq, de = -0.5 * np.einsum("pks,ks->pk", more, beta), -0.5 * np.einsum("pks,ks->pk", joint, beta)
        # e = |u|²,   u = Lᵀ r,   r = y - A h - μ
        du = 2 * de[:, :, None] * block.u                                  # (P, K, D)
        dfactors += np.einsum("pkd,pke->kde", block.r, du)
        diagonal = np.arange(D)
        dfactors[:, diagonal, diagonal] += total.sum(axis=1)[:, None] / factors[:, diagonal, diagonal]       # log |det L|
        dr = _by_factor(du, factors.swapaxes(1, 2)).reshape(-1, K * D)
        dmu -= dr.sum(axis=0).reshape(K, D)
        dA -= (dr.T @ rows[part]).reshape(K, D, M)
        # q = f² (w²)ᵀ,   f = h b
        square = block.f * block.f
        dw += 2 * w * (dq.T @ square)
        df = 2 * block.f * (dq @ (w * w))
        db += rows[part].T @ df
        dh[part] = df @ b.T - dr @ A.reshape(K * D, M)
    return dh.reshape(h.shape), deta, dalpha, dw, db, dA, lower_entries(dfactors), dmu[:len(mu)]


def posterior(h, eta, alpha, w, b, A, L, mu, /, *, targets):
    """(..., K): p(k | h, y), what each component had to do with what was observed."""
    weights = Weights(eta, alpha, w, b, A, L, mu)
    rows, y = _rows(h, weights, targets)
    shares = [_shares(rows[part], y[part], weights).joint.sum(axis=2) for part in _parts(len(rows))]
    return np.concatenate(shares).reshape(*h.shape[:-1], -1)


def prior(h, eta, alpha, w, b, A, L, mu, /):
    """(..., K): p(k | h)"""
    return _gate(h, eta, alpha, w, b).sum(axis=-1)


def draw(h, eta, alpha, w, b, A, L, mu, /, *, uniforms):
    """y (..., D) from uniforms in [0, 1) of the same shape.

    The first uniform decides which (k, s) it is. Where it lies within that one's share of [0, 1) is uniform again, and independent of the choice: this and the
    other uniforms become normal numbers z, and y = A_k h + μ_k + exp(-α_ks / 2) L_k⁻ᵀ z. One uniform per number, and no search.
    """
    K, D, M = A.shape
    share = _gate(h, eta, alpha, w, b).reshape(*h.shape[:-1], -1).astype(np.float64)                         # (..., K S)
    above = np.cumsum(share, axis=-1)
    above /= above[..., -1:]
    chosen = (above <= uniforms[..., :1]).sum(axis=-1)                                                       # (...)
    pick = lambda table: np.take_along_axis(table, chosen[..., None], axis=-1)
    inside = uniforms.astype(np.float64)
    inside[..., :1] = 1 - (pick(above) - uniforms[..., :1]) / (pick(above) - np.where(chosen[..., None], pick(np.roll(above, 1, axis=-1)), 0))
    z = ndtri(np.clip(inside, 2.0**-54, 1 - 2.0**-53))                                                       # (..., D)
    k, scale = np.divmod(chosen, eta.shape[1])
    noise = np.linalg.solve(lower(L, D).astype(np.float64).swapaxes(1, 2)[k], z[..., None])[..., 0]         # L_k⁻ᵀ z
    y = np.einsum("...dm,...m->...d", A[k], h) + np.exp(-0.5 * alpha[k, scale].astype(np.float64))[..., None] * noise
    return y + mu[k] if len(mu) else y


# L


def lower(L, D):
    """(K, D, D): the lower triangular matrices whose entries are 1 in the first place and then the rows of L.

    >>> lower(np.array([[2.0, 3.0]]), 2).tolist()
    [[[1.0, 0.0], [2.0, 3.0]]]
    """
    matrices = np.zeros((len(L), D, D), L.dtype)
    row, column = np.tril_indices(D)
    matrices[:, 0, 0] = 1
    matrices[:, row[1:], column[1:]] = L
    return matrices


def lower_entries(matrices):
    """(K, D, D) -> (K, D (D + 1) / 2 - 1): the entries that `lower` puts back."""
    row, column = np.tril_indices(matrices.shape[-1])
    return np.ascontiguousarray(matrices[:, row[1:], column[1:]])


# a block of rows


class Block(NamedTuple):
    """What P rows have to do with each component and scale."""
    f: np.ndarray                                      # (P, F)     bᵀ h
    q: np.ndarray                                      # (P, K)     energy of the gate
    r: np.ndarray                                      # (P, K, D)  y - A h - μ
    u: np.ndarray                                      # (P, K, D)  Lᵀ r
    e: np.ndarray                                      # (P, K)     |u|²
    joint: np.ndarray                                  # (P, K, S)  shares of p(y | h): they sum to one
    gate: np.ndarray                                   # (P, K, S)  shares of the gate
    log_joint: np.ndarray                              # (P,)       log Σ exp(gate + expert)
    log_gate: np.ndarray                               # (P,)       log Σ exp(gate)


def _shares(rows, y, weights):
    eta, alpha, w, b, A, L, mu = weights
    K, D, M = A.shape
    beta, factors = np.exp(alpha), lower(L, D)
    diagonal = np.arange(D)
    log_det = np.log(np.abs(factors[:, diagonal, diagonal])).sum(axis=1)                                     # (K,)
    f = rows @ b
    q = (f * f) @ (w * w).T
    r = y[:, None] - (rows @ A.reshape(K * D, M).T).reshape(-1, K, D)
    if len(mu):
        r -= mu
    u = _by_factor(r, factors)
    e = (u * u).sum(axis=2)
    gate = eta - 0.5 * beta * q[:, :, None]                                                                  # (P, K, S)
    constant = D / 2 * alpha + (log_det - D / 2 * np.log(2 * np.pi)).astype(rows.dtype)[:, None]
    joint = gate + constant - 0.5 * beta * e[:, :, None]
    log_joint, log_gate = _normalise(joint), _normalise(gate)
    return Block(f, q, r, u, e, joint, gate, log_joint, log_gate)


def _gate(h, eta, alpha, w, b):
    """(..., K, S): shares of the gate."""
    f = h @ b
    gate = eta - 0.5 * np.exp(alpha) * ((f * f) @ (w * w).T)[..., None]
    flat = gate.reshape(-1, *eta.shape)
    _normalise(flat)
    return flat.reshape(gate.shape)


def _normalise(a):
    """log Σ_ks exp a (P,); and a (P, K, S) becomes its shares exp a / Σ exp a, in place."""
    flat = a.reshape(len(a), -1)
    most = flat.max(axis=1, keepdims=True)                                 # cancels in the shares; it keeps exp from overflowing
    flat -= most
    np.exp(flat, out=flat)
    total = flat.sum(axis=1, keepdims=True)
    flat /= total
    return (most + np.log(total))[:, 0]


def _by_factor(r, factors):
    """(P, K, D): r_k F_k, row vectors times matrices. Of one number the factor is 1."""
    return r if factors.shape[1] == 1 else np.einsum("pkd,kde->pke", r, factors)


def _over_rows(shares, energy):
    """(K, S): Σ_p shares[p, k, s] energy[p, k]"""
    return np.einsum("pks,pk->ks", shares, energy)


def _parts(rows):
    return [slice(first, first + BLOCK) for first in range(0, rows, BLOCK)]


def _rows(h, weights, targets):
    """h as (P, M) and targets as (P, D), after the shapes have been checked."""
    eta, alpha, w, b, A, L, mu = weights
    (K, S), (M, F), D = eta.shape, b.shape, A.shape[1]
    expected = {"alpha": (K, S), "w": (K, F), "A": (K, D, M), "L": (K, D * (D + 1) // 2 - 1), "mu": (len(mu) and K, D)}
    for name, shape in expected.items():
        if getattr(weights, name).shape != shape:
            raise ValueError(f"{name} must be {shape}, has shape {getattr(weights, name).shape}")
    if h.shape[-1] != M:
        raise ValueError(f"b expects {M} features, h has {h.shape[-1]}")
    targets = np.asarray(targets)
    if targets.shape != (*h.shape[:-1], D):
        raise ValueError(f"targets must be {(*h.shape[:-1], D)}, have shape {targets.shape}")
    return np.ascontiguousarray(h).reshape(-1, M), targets.reshape(-1, D).astype(h.dtype)
