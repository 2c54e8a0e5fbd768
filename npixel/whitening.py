"""Conditional whitening: a pixel and its neighbourhood become white noise, by a linear map.

    x' = Cxx^(-1/2) (x - mx)                           inputs: the neighbourhood
    base = my + P x',   P = Cyx Cxx^(-1/2)             the best linear prediction of y from x
    y' = (Cyy - P Pᵀ)^(-1/2) (y - base)                outputs: what the prediction leaves

    log p(y | x) = log p'(y' | x') + log |det (Cyy - P Pᵀ)^(-1/2)|

x' and y' are uncorrelated, and the covariance of each is the identity matrix. The last term is the
logarithm of the map's Jacobian: only with it is the density in the units of y. A standard normal p'
makes this the linear-Gaussian predictor. The square roots are the symmetric ones.

Theis and Bethge, "Generative Image Modeling Using Spatial LSTMs", 2015, section 3.1 (conditional
whitening).

`fit` computes the maps from data once; nothing here is trained. An eigenvalue of a covariance that
is below 1e-10 of the largest is raised to that. Else a direction in which the data are constant
would be blown up.

In the shapes below, I is the length of x, D that of y, and B counts samples.

Read first: nothing.  Read next: losses/mcgsm.py, models/ride.py.
"""

from typing import NamedTuple

import numpy as np

LEAST = 1e-10                                          # eigenvalues, relative to the largest


class Weights(NamedTuple):
    """The means and matrices of the header."""
    mean_x: np.ndarray                                 # (I,)
    w_x: np.ndarray                                    # (I, I)   Cxx^(-1/2), symmetric
    mean_y: np.ndarray                                 # (D,)
    p: np.ndarray                                      # (I, D)   Pᵀ
    w_y: np.ndarray                                    # (D, D)   (Cyy - P Pᵀ)^(-1/2), symmetric


def shapes(I, D):
    """The shapes of the weights for I numbers in x and D in y."""
    return Weights((I,), (I, I), (D,), (I, D), (D, D))


def identity(I, D, *, dtype=np.float64):
    """The map that changes nothing."""
    return Weights(np.zeros(I, dtype), np.eye(I, dtype=dtype), np.zeros(D, dtype),
                   np.zeros((I, D), dtype), np.eye(D, dtype=dtype))


def fit(x, y):
    """Weights from B samples, one in each row.

    x   (B, I) float64
    y   (B, D) float64

    ValueError if there are no more samples than numbers in one, or if y is a linear function of x.

    >>> rng = np.random.default_rng(0)
    >>> x, y = rng.standard_normal((50, 2)), rng.standard_normal((50, 1))
    >>> weights = fit(x, 0.1 * y + x[:, :1])
    >>> white = inputs(x, weights)
    >>> bool(np.allclose(white.T @ white / 50, np.eye(2)))
    True
    """
    (B, I), D = x.shape, y.shape[1]
    if B <= I + D:
        raise ValueError(f"{B} samples of {I} + {D} numbers are too few to whiten: "
                         f"at least {I + D + 1} are needed")
    mean_x, mean_y = x.mean(axis=0), y.mean(axis=0)
    x, y = x - mean_x, y - mean_y
    w_x = _inverse_root(x.T @ x / B)
    p = w_x @ (x.T @ y) / B
    rest = y.T @ y / B - p.T @ p
    if not np.linalg.eigvalsh(rest)[-1] > 1e-14 * (1 + np.abs(mean_y).max())**2:
        raise ValueError("the pixels are a linear function of their neighbourhoods: "
                         "there is no density to fit")
    return Weights(mean_x, w_x, mean_y, p, _inverse_root(rest))


def inputs(x, weights):
    """x (..., I) -> x' (..., I)"""
    return (x - weights.mean_x) @ weights.w_x


def predict(white_x, weights):
    """x' (..., I) -> base (..., D)"""
    return weights.mean_y + white_x @ weights.p


def outputs(y, base, weights):
    """y and base (..., D) -> y' (..., D)"""
    return (y - base) @ weights.w_y


def restore(white_y, base, weights):
    """y' and base (..., D) -> y (..., D) float64: the way back from `outputs`."""
    w_y, white_y = weights.w_y.astype(np.float64), white_y[..., None].astype(np.float64)
    return base + np.linalg.solve(w_y, white_y)[..., 0]


def log_jacobian(weights):
    """log |det dy' / dy|, which is added to log p(y')."""
    return float(np.linalg.slogdet(weights.w_y.astype(np.float64))[1])


def _inverse_root(covariance):
    values, vectors = np.linalg.eigh(covariance)
    return (vectors / np.sqrt(np.maximum(values, LEAST * values[-1]))) @ vectors.T
