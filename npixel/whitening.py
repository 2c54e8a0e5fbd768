"""Conditional whitening: a pixel and its neighbourhood become white noise, as far as a linear map can do that; with the logarithm of its Jacobian.

    x' = Cxx^(-1/2) (x - mx)                           inputs: the neighbourhood                            covariance 1
    base = my + P x',   P = Cyx Cxx^(-1/2)             the best linear prediction of y from x
    y' = (Cyy - P Pᵀ)^(-1/2) (y - base)                outputs: what it leaves, white                       covariance 1, uncorrelated with x'

    log p(y | x) = log p'(y' | x') + log |det (Cyy - P Pᵀ)^(-1/2)|         a density is in the units of y only with the second term

Theis and Bethge, "Generative Image Modeling Using Spatial LSTMs", 2015, section 3.1 (conditional whitening); the square roots are the symmetric ones.
A standard normal p' makes this the linear-Gaussian predictor.

The maps are numbers that data decide once (`fit`); nothing here is trained. An eigenvalue below 1e-10 of the largest is raised to it, so
that a direction in which the data are constant is not blown up without end.

Read next: models/ride.py.
"""

from typing import NamedTuple

import numpy as np

LEAST = 1e-10                                          # eigenvalues, relative to the largest


class Weights(NamedTuple):
    mean_x: np.ndarray                                 # (n,)
    w_x: np.ndarray                                    # (n, n)   Cxx^(-1/2), symmetric
    mean_y: np.ndarray                                 # (D,)
    p: np.ndarray                                      # (n, D)   Pᵀ
    w_y: np.ndarray                                    # (D, D)   (Cyy - P Pᵀ)^(-1/2), symmetric


def shapes(n, D):
    return Weights((n,), (n, n), (D,), (n, D), (D, D))


def identity(n, D, *, dtype=np.float64):
    """The map that changes nothing."""
    return Weights(np.zeros(n, dtype), np.eye(n, dtype=dtype), np.zeros(D, dtype), np.zeros((n, D), dtype), np.eye(D, dtype=dtype))


def fit(x, y):
    """Weights from samples: x (P, n), y (P, D), float64.   ValueError for fewer samples than numbers in one, or y that are constant"""
    (P, n), D = x.shape, y.shape[1]
    if P <= n + D:
        raise ValueError(f"{P} samples of {n} + {D} numbers are too few to whiten: at least {n + D + 1} are needed")
    mean_x, mean_y = x.mean(axis=0), y.mean(axis=0)
    x, y = x - mean_x, y - mean_y
    w_x = _inverse_root(x.T @ x / P)
    p = w_x @ (x.T @ y) / P
    rest = y.T @ y / P - p.T @ p
    if not np.linalg.eigvalsh(rest)[-1] > 1e-14 * (1 + np.abs(mean_y).max())**2:
        raise ValueError("the pixels are a linear function of their neighbourhoods: there is no density to fit")
    return Weights(mean_x, w_x, mean_y, p, _inverse_root(rest))


def inputs(x, weights):
    """x' (..., n)"""
    return (x - weights.mean_x) @ weights.w_x


def predict(white_x, weights):
    """base (..., D), from x'."""
    return weights.mean_y + white_x @ weights.p


def outputs(y, base, weights):
    """y' (..., D)"""
    return (y - base) @ weights.w_y


def restore(white_y, base, weights):
    """y (..., D) from y': the way back."""
    return base + np.linalg.solve(weights.w_y.astype(np.float64), white_y[..., None].astype(np.float64))[..., 0]


def log_jacobian(weights):
    """log |det dy' / dy|: what every log p(y') lacks."""
    return float(np.linalg.slogdet(weights.w_y.astype(np.float64))[1])


def _inverse_root(covariance):
    values, vectors = np.linalg.eigh(covariance)
    return (vectors / np.sqrt(np.maximum(values, LEAST * values[-1]))) @ vectors.T
