"""MCGSM: a factorised mixture of conditional Gaussian scale mixtures. The density of real numbers y (D of them) given features h (M).

    gate_ks   = η_ks - ½ exp(α_ks) q_k                                     q_k = Σ_n w_kn² (b_nᵀ h)²
    expert_ks = ½ D α_ks + log |det L_k| - ½ D log 2π - ½ exp(α_ks) e_k    e_k = |L_kᵀ (y - A_k h - μ_k)|²
    log p(y | h) = log Σ_ks exp(gate_ks + expert_ks) - log Σ_ks exp(gate_ks)

A component k has a linear prediction A_k h and one shape of noise, L_k L_kᵀ; its S scales exp(α_ks) make heavy tails. Which one it is depends on h
through F squared features, which all components share. Theis and Bethge, "Generative Image Modeling Using Spatial LSTMs", 2015, section 2.2; Theis,
Hosseini, Bethge, "Mixtures of Conditional Gaussian Scale Mixtures Applied to Multiscale Image Representations", 2012. The authors' program can also add
exp(α_ks) l_kᵀ h to the gates, zero by default: left out here.

L_k is lower triangular with 1 in its first place, since α holds the scale: L stores what is left, row by row. μ is optional, an array without rows
if there is none (the authors keep it at zero). Numbers: 2 K S + K F + M F + K D M + K (D (D + 1) / 2 - 1), and K D more with μ.

log p is in nats, a density: in other units of y it differs by the logarithm of the ratio. What goes wrong, and what tests plant here: w not squared,
exp(α) missing in the gate, the determinant forgotten.

Read first: discretized_logistic_mixture.py.  Read next: npixel/whitening.py, models/ride.py.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import ndtri

from ..runtime.elementary import exp
from ..runtime.kernels import kernel, plain

# Products of a block may be large enough for BLAS's own threads, whose number then shows in the
# last bits.
BLOCK = 512                                            # rows at a time: their K S numbers stay in the cache


class Weights(NamedTuple):
    eta: np.ndarray                                    # (K, S)     log weights of the gate
    alpha: np.ndarray                                  # (K, S)     log precisions
    w: np.ndarray                                      # (K, F)     how much each component minds each feature; enters squared
    b: np.ndarray                                      # (M, F)     features
    A: np.ndarray                                      # (K, D, M)  predictions
    L: np.ndarray                                      # (K, D (D + 1) / 2 - 1)  Cholesky factors below, row by row, without their first place
    mu: np.ndarray                                     # (K, D) or (0, D)  means


def shapes(M, D, *, components, scales, features, means=False):
    K, S, F = components, scales, features
    return Weights(
        (K, S), (K, S), (K, F), (M, F), (K, D, M), (K, D * (D + 1) // 2 - 1), (K if means else 0, D)
    )


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
    g = plain(np.asarray(dlog_prob, h.dtype), h.shape[:-1]).reshape(-1)
    dh = np.empty_like(rows)
    deta, dalpha, dw, db, dA, dfactors, dmu = (np.zeros_like(array) for array in (eta, alpha, w, b, A, factors, np.empty((K, D), h.dtype)))
    for part, block in zip(_parts(len(rows)), blocks):
        # gate = η - ½ β q,   joint = gate + ½ D α + log |det L| - ½ β e,   β = exp α
        total, energy = np.zeros_like(eta), np.zeros_like(eta)             # (K, S) each
        dq, de = np.zeros((K, len(block.q)), h.dtype), np.zeros((K, len(block.q)), h.dtype)
        _mix_backward(g[part], beta, block.q.T.copy(), block.e.T.copy(), block.joint, block.gate, deta, total, energy, dq, de)
        dalpha += D / 2 * total - beta / 2 * energy
        dq, de = dq.T, de.T                                                # (P, K)
        # e = |u|²,   u = Lᵀ r,   r = y - A h - μ
        du = 2 * de[:, :, None] * block.u                                  # (P, K, D)
        if D > 1:                                      # else L has no numbers
            diagonal = np.arange(D)
            dfactors += np.einsum("pkd,pke->kde", block.r, du)
            dfactors[:, diagonal, diagonal] += total.sum(axis=1)[:, None] / factors[:, diagonal, diagonal]   # log |det L|
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
    shares = [_shares(rows[part], y[part], weights).joint.sum(axis=1).T for part in _parts(len(rows))]
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
    rows, u = h.reshape(-1, M), uniforms.reshape(-1, D).astype(np.float64)
    above = np.zeros((len(rows), 1 + eta.size))                            # (P, 1 + K S): where each share begins, and the end
    np.cumsum(_gate(rows, eta, alpha, w, b).reshape(len(rows), -1), axis=1, out=above[:, 1:])
    above /= above[:, -1:]
    row, chosen = np.arange(len(rows)), (above[:, 1:] <= u[:, :1]).sum(axis=1)
    u[:, 0] = (u[:, 0] - above[row, chosen]) / (above[row, chosen + 1] - above[row, chosen])
    z = ndtri(np.clip(u, 2.0**-54, 1 - 2.0**-53))                          # (P, D)
    k, scale = np.divmod(chosen, eta.shape[1])
    if D > 1:
        z = np.linalg.solve(lower(L, D).astype(np.float64).swapaxes(1, 2)[k], z[:, :, None])[:, :, 0]       # L_k⁻ᵀ z
    y = np.einsum("pdm,pm->pd", A[k], rows) + np.exp(-0.5 * alpha[k, scale].astype(np.float64))[:, None] * z
    return (y + mu[k] if len(mu) else y).reshape(uniforms.shape)


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
    joint: np.ndarray                                  # (K, S, P)  shares of p(y | h): they sum to one
    gate: np.ndarray                                   # (K, S, P)  shares of the gate
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
    constant = D / 2 * alpha + (log_det - D / 2 * np.log(2 * np.pi)).astype(rows.dtype)[:, None]
    joint, gate = np.empty((*eta.shape, len(rows)), rows.dtype), np.empty((*eta.shape, len(rows)), rows.dtype)                       # (K, S, P)
    log_joint, log_gate = np.empty(len(rows), rows.dtype), np.empty(len(rows), rows.dtype)
    _mix(eta, beta, constant, q.T.copy(), e.T.copy(), joint, gate)
    _to_shares(joint, log_joint)
    _to_shares(gate, log_gate)
    return Block(f, q, r, u, e, joint, gate, log_joint, log_gate)


# Rows lie innermost, so that every loop over them becomes vector instructions, sums over components too.

def _to_shares_numpy(shares, log_sum):
    """exp shares / Σ exp shares over K and S, in place, and log Σ (P,).   shares (K, S, P)"""
    most = shares.max(axis=(0, 1))                                         # cancels in the shares; it keeps exp from overflowing
    shares[...] = np.exp(shares - most)
    total = shares.sum(axis=(0, 1))
    shares /= total
    log_sum[...] = most + np.log(total)


@kernel(defined_by=_to_shares_numpy)
def _to_shares(shares, log_sum):
    K, S, P = shares.shape
    total, most = np.zeros(P, shares.dtype), shares[0, 0].copy()
    for k in range(K):
        for s in range(S):
            share = shares[k, s]
            for p in range(P):
                most[p] = max(most[p], share[p])
    for k in range(K):
        for s in range(S):
            share = shares[k, s]
            for p in range(P):
                share[p] = exp(share[p] - most[p])
            for p in range(P):
                total[p] += share[p]
    for p in range(P):
        log_sum[p] = most[p] + np.log(total[p])
    for p in range(P):
        total[p] = 1 / total[p]
    for k in range(K):
        for s in range(S):
            share = shares[k, s]
            for p in range(P):
                share[p] *= total[p]


def _mix_numpy(eta, beta, constant, q, e, joint, gate):
    """gate = η - ½ β q and joint = gate + constant - ½ β e (K, S, P), filled in.   q, e (K, P), the rest (K, S)"""
    gate[...] = eta[:, :, None] - 0.5 * beta[:, :, None] * q[:, None]
    joint[...] = gate + constant[:, :, None] - 0.5 * beta[:, :, None] * e[:, None]


@kernel(defined_by=_mix_numpy)
def _mix(eta, beta, constant, q, e, joint, gate):
    K, S, P = joint.shape
    half = eta.dtype.type(0.5)
    for k in range(K):
        for s in range(S):
            a, b, c, q_k, e_k, gate_ks, joint_ks = eta[k, s], half * beta[k, s], constant[k, s], q[k], e[k], gate[k, s], joint[k, s]
            for p in range(P):
                gate_ks[p] = a - b * q_k[p]
            for p in range(P):
                joint_ks[p] = gate_ks[p] + c - b * e_k[p]


def _mix_backward_numpy(g, beta, q, e, joint, gate, deta, total, energy, dq, de):
    """Under a cotangent g (P,) of log Σ joint - log Σ gate: sums over rows are added to deta, total and energy (K, S), gradients to dq and de (K, P)."""
    more = g * (joint - gate)                                              # (K, S, P)
    shares = g * joint
    deta += more.sum(axis=2)
    total += shares.sum(axis=2)
    energy += (more * q[:, None] + shares * e[:, None]).sum(axis=2)
    dq -= 0.5 * (beta[:, :, None] * more).sum(axis=1)
    de -= 0.5 * (beta[:, :, None] * shares).sum(axis=1)


@kernel(defined_by=_mix_backward_numpy)
def _mix_backward(g, beta, q, e, joint, gate, deta, total, energy, dq, de):
    K, S, P = joint.shape
    half = beta.dtype.type(0.5)
    more, share, mixed = np.empty(P, joint.dtype), np.empty(P, joint.dtype), np.empty(P, joint.dtype)
    for k in range(K):
        for s in range(S):
            b, joint_ks, gate_ks, q_k, e_k, dq_k, de_k = half * beta[k, s], joint[k, s], gate[k, s], q[k], e[k], dq[k], de[k]
            for p in range(P):
                share[p] = g[p] * joint_ks[p]
            for p in range(P):
                more[p] = share[p] - g[p] * gate_ks[p]
            for p in range(P):
                mixed[p] = more[p] * q_k[p] + share[p] * e_k[p]
            for p in range(P):
                dq_k[p] -= b * more[p]
            for p in range(P):
                de_k[p] -= b * share[p]
            deta[k, s] += _sum(more)
            total[k, s] += _sum(share)
            energy[k, s] += _sum(mixed)


def _sum_numpy(a):
    """Σ a (P,)"""
    return a.sum()


@kernel(defined_by=_sum_numpy)
def _sum(a):
    """Sixteen sums side by side, then together: one alone would wait for each addition."""
    sums, whole = np.zeros(16, a.dtype), len(a) // 16 * 16
    for first in range(0, whole, 16):
        for lane in range(16):
            sums[lane] += a[first + lane]
    result = a.dtype.type(0)
    for lane in range(16):
        result += sums[lane]
    for p in range(whole, len(a)):
        result += a[p]
    return result


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
