"""RIDE once more, in PyTorch, float64: the density from the equations of the paper.

It goes pixel by pixel over lists; gradients are autograd's.

    log_density(params, canvas, config) -> (N, H, W)

params has leaves, name -> tuple, in the order of the fields of each Weights.
"""

import numpy as np
import pytest

torch = pytest.importorskip("torch")


def log_density(params, canvas, config):
    m, (N, rows, columns, C) = config.first_kernel // 2, canvas.shape
    H, W = rows - m, columns - 2 * m
    mean_x, w_x, mean_y, p, w_y = params["whitening"]
    white, base = {}, {}
    for r in range(H):
        for c in range(W):
            above = canvas[:, r:r + m, c:c + 2 * m + 1].reshape(N, -1)
            left = canvas[:, r + m, c:c + m].reshape(N, -1)
            white[r, c] = (torch.cat([above, left], dim=1) - mean_x) @ w_x
            base[r, c] = mean_y + white[r, c] @ p
    h = white
    for i in range(config.layers):
        h = layer(h, *params[f"lstm{i}"])
    jacobian = torch.linalg.slogdet(w_y)[1]
    terms = []
    for r, c in base:
        y = (canvas[:, r + m, c + m] - base[r, c]) @ w_y
        terms.append(mixture(h[r, c], y, *params["mcgsm"]) + jacobian)
    return torch.stack(terms, dim=1).reshape(N, H, W)


def layer(x, w_is, b, w_ss):
    D = w_ss.shape[1]
    h, c = {}, {}
    none = torch.zeros(len(x[0, 0]), D, dtype=b.dtype)
    for row, column in sorted(x):
        places = (row, column - 1), (row - 1, column)
        near = [states.get(place, none) for states in (h, c) for place in places]
        recurrent = torch.cat(near[:len(w_ss)], dim=1) @ w_ss.reshape(-1, 5 * D)
        a = x[row, column] @ w_is[0] + recurrent + b
        g, (i, o, f_r, f_c) = torch.tanh(a[:, :D]), torch.sigmoid(a[:, D:]).chunk(4, dim=1)
        c[row, column] = f_r * near[3] + f_c * near[2] + i * g
        h[row, column] = torch.tanh(o * c[row, column])
    return h


def mixture(h, y, eta, alpha, w, b, A, L, mu):
    """log p(y | h), (N,): sums over components and scales, with PyTorch's own normal density."""
    (M, G), D = eta.shape, y.shape[1]
    gates, joint = [], []
    row, column = np.tril_indices(D)
    for m in range(M):
        factor = torch.zeros(D, D, dtype=L.dtype)
        factor[0, 0] = 1
        for entry, (i, j) in enumerate(zip(row[1:], column[1:])):
            factor[i, j] = L[m, entry]
        energy = ((h @ b)**2 @ w[m]**2)
        mean = h @ A[m].T + (mu[m] if len(mu) else 0)
        for g in range(G):
            gates.append(eta[m, g] - 0.5 * alpha[m, g].exp() * energy)
            precision = alpha[m, g].exp() * factor @ factor.T
            normal = torch.distributions.MultivariateNormal(mean, precision_matrix=precision)
            joint.append(gates[-1] + normal.log_prob(y))
    return torch.stack(joint).logsumexp(0) - torch.stack(gates).logsumexp(0)
