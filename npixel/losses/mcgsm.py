"""MCGSM: a mixture of conditional Gaussian scale mixtures, the density of real numbers y given h.

    gate_mg   = η_mg - ½ exp(α_mg) q_m                 q_m = Σ_f w_mf² (b_fᵀ h)²
    expert_mg = ½ D α_mg + log |det L_m| - ½ D log 2π - ½ exp(α_mg) e_m
                                                       e_m = |L_mᵀ (y - A_m h - μ_m)|²
    log p(y | h) = log Σ_mg exp(gate_mg + expert_mg) - log Σ_mg exp(gate_mg)

h has C numbers and y has D. Each of the M components has a linear prediction A_m h. Its noise has
the inverse covariance exp(α_mg) L_m L_mᵀ, with G scales g, which make heavy tails. The gates say
how probable a component is given h, through F squared features (b_fᵀ h)² that all components share.

    >>> rng = np.random.default_rng(0)
    >>> weights = init(rng, 3, 1, components=2, scales=2, features=4, dtype=np.float64)
    >>> eta, alpha, w, b, A, L, mu = weights           # one number in y: |det L| = 1
    >>> h, y = rng.standard_normal(3), rng.standard_normal(1)
    >>> q, e = w**2 @ (b.T @ h)**2, ((y - A @ h)**2).sum(axis=1)
    >>> gate = eta - np.exp(alpha) * q[:, None] / 2
    >>> expert = (alpha - np.log(2 * np.pi) - np.exp(alpha) * e[:, None]) / 2
    >>> log_p = np.log(np.exp(gate + expert).sum()) - np.log(np.exp(gate).sum())
    >>> bool(np.isclose(forward(h, *weights, targets=y)[0], log_p))
    True

Theis and Bethge, "Generative Image Modeling Using Spatial LSTMs", 2015, section 2.2; Theis,
Hosseini, Bethge, "Mixtures of Conditional Gaussian Scale Mixtures Applied to Multiscale Image
Representations", 2012. The authors' program can add exp(α_mg) l_mᵀ h to the gates. That term is
zero by default, and we omit it.

L_m is lower triangular with 1 in its first place, since α holds the scale. The array L stores its
other entries, row by row. μ is optional: if there is none, it is an array without rows (the authors
keep it at zero). The weights are 2 M G + M F + C F + M D C + M (D (D + 1) / 2 - 1) numbers, and M D
more with μ.

log p is the logarithm of a density, in nats. If y is measured in units s times as large, log p is
more by D log s. Three mistakes are easy to make, and the tests plant them: w that is not squared, a
gate without exp(α), and a forgotten determinant.

Read first: losses/discretized_logistic_mixture.py.  Read next: models/ride.py.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import ndtri

from ..runtime.elementary import exp
from ..runtime.kernels import kernel, plain

# Rows at a time: their M G numbers stay in the processor's cache. BLAS may share the products of a
# block out among its own threads, whose number then shows in the last bits (runtime/blas.py).
BLOCK = 512


class Weights(NamedTuple):
    """Those of the equations; `lower` makes the matrices L_m of L."""
    eta: np.ndarray                                    # (M, G)     log-weights of the gate
    alpha: np.ndarray                                  # (M, G)     log-precisions
    w: np.ndarray                                      # (M, F)     weights of features, squared
    b: np.ndarray                                      # (C, F)     features
    A: np.ndarray                                      # (M, D, C)  predictions
    L: np.ndarray                                      # (M, D (D + 1) / 2 - 1)  factors
    mu: np.ndarray                                     # (M, D) or (0, D)  means


def shapes(C, D, *, components, scales, features, means=False):
    """The shapes of the weights for C numbers in h and D in y.   means: whether there is μ"""
    M, G, F = components, scales, features
    entries = D * (D + 1) // 2 - 1
    return Weights((M, G), (M, G), (M, F), (C, F), (M, D, C), (M, entries), (M if means else 0, D))


def init(rng, C, D, /, *, components, scales, features, means=False, dtype):
    """As in the authors' program for whitened data: η = 0, L_m = 1, and small random numbers else.

    The random numbers make the components differ from the start. Options are those of `shapes`.
    """
    M, G, F = components, scales, features
    arrays = (np.zeros((M, G)),
              rng.standard_normal((M, G)) / 20,
              0.01 + 0.01 * rng.random((M, F)),
              rng.standard_normal((C, F)) / 100,
              rng.standard_normal((M, D, C)) / 10,
              lower_entries(np.broadcast_to(np.eye(D), (M, D, D))),
              np.zeros((M if means else 0, D)))
    return Weights(*(array.astype(dtype) for array in arrays))


def forward(h, eta, alpha, w, b, A, L, mu, /, *, targets):
    """log p of what was observed, joint over its D numbers.

    h         (..., C)  float32 or float64
    weights   the seven fields of Weights
    targets   (..., D)  numbers y; they get no gradient
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
    """dlog_prob (...) -> dh (..., C), and one gradient for each weight.

    With r_mg the share of (m, g) in p(y | h), and π_mg its share in the gate:

        d log p / d expert_mg = r_mg
        d log p / d gate_mg = r_mg - π_mg
    """
    h, rows, weights, blocks = cache
    eta, alpha, w, b, A, L, mu = weights
    M, D, C = A.shape
    beta, factors = np.exp(alpha), lower(L, D)
    dlog_prob = plain(np.asarray(dlog_prob, h.dtype), h.shape[:-1]).reshape(-1)
    dh = np.empty_like(rows)
    deta, dalpha, dw, db, dA = (np.zeros_like(array) for array in (eta, alpha, w, b, A))
    dfactors, dmu = np.zeros_like(factors), np.zeros((M, D), h.dtype)
    for part, block in zip(_parts(len(rows)), blocks):
        # gate = η - ½ β q,   joint = gate + ½ D α + log |det L| - ½ β e,   β = exp α
        total, energy = np.zeros_like(eta), np.zeros_like(eta)             # (M, G) each
        dq = np.zeros((M, len(block.q)), h.dtype)                          # (M, B)
        de = np.zeros((M, len(block.q)), h.dtype)
        _mix_backward(dlog_prob[part], beta, block.q.T.copy(), block.e.T.copy(), block.joint,
                      block.gate, deta, total, energy, dq, de)
        dalpha += D / 2 * total - beta / 2 * energy
        dq, de = dq.T, de.T                                                # (B, M)
        # e = |u|²,   u = Lᵀ r,   r = y - A h - μ
        du = 2 * de[:, :, None] * block.u                                  # (B, M, D)
        if D > 1:                                      # else L has no numbers
            diagonal = np.arange(D)
            dfactors += np.einsum("bmd,bme->mde", block.r, du)
            of_log_det = total.sum(axis=1)[:, None] / factors[:, diagonal, diagonal]
            dfactors[:, diagonal, diagonal] += of_log_det
        dr = _by_factor(du, factors.swapaxes(1, 2)).reshape(-1, M * D)
        dmu -= dr.sum(axis=0).reshape(M, D)
        dA -= (dr.T @ rows[part]).reshape(M, D, C)
        # q = f² (w²)ᵀ,   f = h b
        square = block.f * block.f
        dw += 2 * w * (dq.T @ square)
        df = 2 * block.f * (dq @ (w * w))
        db += rows[part].T @ df
        dh[part] = df @ b.T - dr @ A.reshape(M * D, C)
    dL = lower_entries(dfactors)
    return dh.reshape(h.shape), deta, dalpha, dw, db, dA, dL, dmu[:len(mu)]


def posterior(h, eta, alpha, w, b, A, L, mu, /, *, targets):
    """p(m | h, y), (..., M): the share of each component in what was observed.

    h         (..., C)
    targets   (..., D)
    """
    weights = Weights(eta, alpha, w, b, A, L, mu)
    rows, y = _rows(h, weights, targets)
    blocks = (_shares(rows[part], y[part], weights) for part in _parts(len(rows)))
    shares = [block.joint.sum(axis=1).T for block in blocks]
    return np.concatenate(shares).reshape(*h.shape[:-1], -1)


def prior(h, eta, alpha, w, b, A, L, mu, /):
    """p(m | h), (..., M): how probable the gate makes each component.   h (..., C)"""
    return _gate(h, eta, alpha, w, b).sum(axis=-1)


def draw(h, eta, alpha, w, b, A, L, mu, /, *, uniforms):
    """y (..., D) from uniforms in [0, 1) of the same shape, one for each number.

    The first uniform decides which (m, g) it is. Where it lies within that one's share of [0, 1) is
    uniform again, and independent of the choice. This and the other uniforms become normal numbers
    z, and

        y = A_m h + μ_m + exp(-α_mg / 2) L_m⁻ᵀ z
    """
    M, D, C = A.shape
    rows, u = h.reshape(-1, C), uniforms.reshape(-1, D).astype(np.float64)
    above = np.zeros((len(rows), 1 + eta.size))        # where each share begins, and the end
    shares = _gate(rows, eta, alpha, w, b).reshape(len(rows), -1)          # (B, M G)
    np.cumsum(shares, axis=1, out=above[:, 1:])
    above /= above[:, -1:]
    row, chosen = np.arange(len(rows)), (above[:, 1:] <= u[:, :1]).sum(axis=1)
    first, last = above[row, chosen], above[row, chosen + 1]
    u[:, 0] = (u[:, 0] - first) / (last - first)
    z = ndtri(np.clip(u, 2.0**-54, 1 - 2.0**-53))                          # (B, D)
    m, scale = np.divmod(chosen, eta.shape[1])
    if D > 1:                                          # L_m⁻ᵀ z
        upper = lower(L, D).astype(np.float64).swapaxes(1, 2)
        z = np.linalg.solve(upper[m], z[:, :, None])[:, :, 0]
    deviation = np.exp(-0.5 * alpha[m, scale].astype(np.float64))
    y = np.einsum("bdc,bc->bd", A[m], rows) + deviation[:, None] * z
    return (y + mu[m] if len(mu) else y).reshape(uniforms.shape)


# L


def lower(L, D):
    """The lower triangular matrices (M, D, D) with 1 in the first place and then the rows of L.

    >>> lower(np.array([[2.0, 3.0]]), 2).tolist()
    [[[1.0, 0.0], [2.0, 3.0]]]
    """
    matrices = np.zeros((len(L), D, D), L.dtype)
    row, column = np.tril_indices(D)
    matrices[:, 0, 0] = 1
    matrices[:, row[1:], column[1:]] = L
    return matrices


def lower_entries(matrices):
    """(M, D, D) -> (M, D (D + 1) / 2 - 1): the entries that `lower` puts back."""
    row, column = np.tril_indices(matrices.shape[-1])
    return np.ascontiguousarray(matrices[:, row[1:], column[1:]])


# Below, h and y are rows: every leading axis is one, and B rows are a block.


class Block(NamedTuple):
    """What B rows of h and y give for each component and scale."""
    f: np.ndarray                                      # (B, F)     bᵀ h
    q: np.ndarray                                      # (B, M)     energy of the gate
    r: np.ndarray                                      # (B, M, D)  y - A h - μ
    u: np.ndarray                                      # (B, M, D)  Lᵀ r
    e: np.ndarray                                      # (B, M)     |u|²
    joint: np.ndarray                                  # (M, G, B)  shares of p(y | h), sum one
    gate: np.ndarray                                   # (M, G, B)  shares of the gate, sum one
    log_joint: np.ndarray                              # (B,)       log Σ exp(gate + expert)
    log_gate: np.ndarray                               # (B,)       log Σ exp(gate)


def _shares(rows, y, weights):
    """The Block of rows (B, C) and y (B, D): the equations of the header, in their order."""
    eta, alpha, w, b, A, L, mu = weights
    M, D, C = A.shape
    beta, factors = np.exp(alpha), lower(L, D)
    diagonal = np.arange(D)
    log_det = np.log(np.abs(factors[:, diagonal, diagonal])).sum(axis=1)   # (M,)
    f = rows @ b
    q = (f * f) @ (w * w).T
    r = y[:, None] - (rows @ A.reshape(M * D, C).T).reshape(-1, M, D)
    if len(mu):
        r -= mu
    u = _by_factor(r, factors)
    e = (u * u).sum(axis=2)
    log_normal = (log_det - D / 2 * np.log(2 * np.pi)).astype(rows.dtype)
    constant = D / 2 * alpha + log_normal[:, None]                         # (M, G)
    joint, gate = (np.empty((*eta.shape, len(rows)), rows.dtype) for _ in range(2))
    log_joint, log_gate = (np.empty(len(rows), rows.dtype) for _ in range(2))
    _mix(eta, beta, constant, q.T.copy(), e.T.copy(), joint, gate)         # gate + expert, and gate
    _to_shares(joint, log_joint)
    _to_shares(gate, log_gate)
    return Block(f, q, r, u, e, joint, gate, log_joint, log_gate)


# Rows lie innermost: every loop over them becomes vector instructions, sums over components too.

def _mix_numpy(eta, beta, constant, q, e, joint, gate):
    """gate = η - ½ β q and joint = gate + constant - ½ β e are filled in.

    eta        (M, G)
    beta       (M, G)      exp α
    constant   (M, G)      of the expert
    q          (M, B)
    e          (M, B)
    joint      (M, G, B)   filled in
    gate       (M, G, B)   filled in
    """
    gate[...] = eta[:, :, None] - 0.5 * beta[:, :, None] * q[:, None]
    joint[...] = gate + constant[:, :, None] - 0.5 * beta[:, :, None] * e[:, None]


@kernel(defined_by=_mix_numpy)
def _mix(eta, beta, constant, q, e, joint, gate):
    M, G, B = joint.shape
    half = eta.dtype.type(0.5)
    for m in range(M):
        q_m, e_m = q[m], e[m]
        for g in range(G):
            a, b, c = eta[m, g], half * beta[m, g], constant[m, g]
            gate_mg, joint_mg = gate[m, g], joint[m, g]
            for i in range(B):
                gate_mg[i] = a - b * q_m[i]
            for i in range(B):
                joint_mg[i] = gate_mg[i] + c - b * e_m[i]


def _to_shares_numpy(shares, log_sum):
    """exp shares / Σ exp shares, over the first two axes, in place; and the log of the sum.

    shares    (M, G, B)   changed
    log_sum   (B,)        filled in
    """
    most = shares.max(axis=(0, 1))                     # cancels; it keeps exp from overflowing
    shares[...] = np.exp(shares - most)
    total = shares.sum(axis=(0, 1))
    shares /= total
    log_sum[...] = most + np.log(total)


@kernel(defined_by=_to_shares_numpy)
def _to_shares(shares, log_sum):
    M, G, B = shares.shape
    total, most = np.zeros(B, shares.dtype), shares[0, 0].copy()
    for m in range(M):
        for g in range(G):
            share = shares[m, g]
            for i in range(B):
                most[i] = max(most[i], share[i])
    for m in range(M):
        for g in range(G):
            share = shares[m, g]
            for i in range(B):
                share[i] = exp(share[i] - most[i])
            for i in range(B):
                total[i] += share[i]
    for i in range(B):
        log_sum[i] = most[i] + np.log(total[i])
    for i in range(B):
        total[i] = 1 / total[i]
    for m in range(M):
        for g in range(G):
            share = shares[m, g]
            for i in range(B):
                share[i] *= total[i]


def _mix_backward_numpy(dlog_prob, beta, q, e, joint, gate, deta, total, energy, dq, de):
    """Back through log Σ joint - log Σ gate, where joint and gate are shares.

    dlog_prob   (B,)
    beta        (M, G)      exp α
    q           (M, B)
    e           (M, B)
    joint       (M, G, B)   shares of p(y | h)
    gate        (M, G, B)   shares of the gate
    deta        (M, G)      the gradient of η is added
    total       (M, G)      the gradient of the experts, summed over the rows, is added
    energy      (M, G)      the gradient of -½ β, as the factor of q and e, is added
    dq          (M, B)      the gradient of q is added
    de          (M, B)      the gradient of e is added
    """
    more = dlog_prob * (joint - gate)                  # (M, G, B)
    shares = dlog_prob * joint
    deta += more.sum(axis=2)
    total += shares.sum(axis=2)
    energy += (more * q[:, None] + shares * e[:, None]).sum(axis=2)
    dq -= 0.5 * (beta[:, :, None] * more).sum(axis=1)
    de -= 0.5 * (beta[:, :, None] * shares).sum(axis=1)


@kernel(defined_by=_mix_backward_numpy)
def _mix_backward(dlog_prob, beta, q, e, joint, gate, deta, total, energy, dq, de):
    M, G, B = joint.shape
    half = beta.dtype.type(0.5)
    more, share = np.empty(B, joint.dtype), np.empty(B, joint.dtype)
    mixed = np.empty(B, joint.dtype)
    for m in range(M):
        q_m, e_m, dq_m, de_m = q[m], e[m], dq[m], de[m]
        for g in range(G):
            b, joint_mg, gate_mg = half * beta[m, g], joint[m, g], gate[m, g]
            for i in range(B):
                share[i] = dlog_prob[i] * joint_mg[i]
            for i in range(B):
                more[i] = share[i] - dlog_prob[i] * gate_mg[i]
            for i in range(B):
                mixed[i] = more[i] * q_m[i] + share[i] * e_m[i]
            for i in range(B):
                dq_m[i] -= b * more[i]
            for i in range(B):
                de_m[i] -= b * share[i]
            deta[m, g] += _sum(more)
            total[m, g] += _sum(share)
            energy[m, g] += _sum(mixed)


def _sum_numpy(a):
    """Σ a (B,)"""
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
    for i in range(whole, len(a)):
        result += a[i]
    return result


def _gate(h, eta, alpha, w, b):
    """Shares of the gate (..., M, G)."""
    f = h @ b
    gate = eta - 0.5 * np.exp(alpha) * ((f * f) @ (w * w).T)[..., None]
    flat = gate.reshape(-1, eta.size)                  # (B, M G)
    flat -= flat.max(axis=1, keepdims=True)            # cancels; it keeps exp from overflowing
    np.exp(flat, out=flat)
    flat /= flat.sum(axis=1, keepdims=True)
    return flat.reshape(gate.shape)


def _by_factor(r, factors):
    """r_m F_m (B, M, D), row vectors times matrices. Where D = 1 the factor is 1."""
    return r if factors.shape[1] == 1 else np.einsum("bmd,mde->bme", r, factors)


def _parts(rows):
    """The rows in blocks, as slices."""
    return [slice(first, first + BLOCK) for first in range(0, rows, BLOCK)]


def _rows(h, weights, targets):
    """h as rows (B, C) and targets as (B, D), after the shapes have been checked."""
    eta, _, _, b, A, _, mu = weights
    (M, G), (C, F), D = eta.shape, b.shape, A.shape[1]
    entries = D * (D + 1) // 2 - 1
    expected = Weights((M, G), (M, G), (M, F), (C, F), (M, D, C), (M, entries), (len(mu) and M, D))
    for name, array, shape in zip(Weights._fields, weights, expected):
        if array.shape != shape:
            raise ValueError(f"{name} must be {shape}, has shape {array.shape}")
    if h.shape[-1] != C:
        raise ValueError(f"b expects {C} features, h has {h.shape[-1]}")
    targets = np.asarray(targets)
    if targets.shape != (*h.shape[:-1], D):
        raise ValueError(f"targets must be {(*h.shape[:-1], D)}, have shape {targets.shape}")
    return np.ascontiguousarray(h).reshape(-1, C), targets.reshape(-1, D).astype(h.dtype)
