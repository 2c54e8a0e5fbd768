"""Fully visible units: every unit reads all units before it, with one matrix for each pair.

    y[n, i] = b[i] + Σ_{j < i} x[n, j] · w[i (i - 1) / 2 + j]

Neal, "Connectionist learning of belief networks", 1992, has logistic units with C = D = 1. Here a
unit gives C numbers to the units after it, and D numbers come out of it. There are I units. In a
model, unit i is the i-th sub-pixel in the order of generation.

Only the pairs j < i have a matrix, (C, D). The I (I - 1) / 2 matrices are one list, in which those
of a unit stand together. So nothing is masked, and no gradient has to be masked.

    >>> x, w, b = np.array([[[1.0], [2.0], [3.0]]]), np.ones((3, 1, 1)), np.zeros((3, 1))
    >>> y = np.zeros((1, 3, 1))
    >>> for i in range(3):
    ...     for j in range(i):
    ...         y[0, i] += x[0, j] @ w[i * (i - 1) // 2 + j]
    >>> np.array_equal(forward(x, w, b)[0], y), y.ravel().tolist()
    (True, [0.0, 1.0, 3.0])

unit_blocks.py computes the same faster, in blocks of units.

Read first: nothing.  Read next: models/fvbn.py, layers/unit_blocks.py.
"""

from typing import NamedTuple

import numpy as np

from ..runtime.kernels import computed_by
from . import unit_blocks


class Weights(NamedTuple):
    """Pairs of units (i, j) are in the order (1, 0), (2, 0), (2, 1), (3, 0), ..."""
    w: np.ndarray                                      # (I (I - 1) / 2, C, D)
    b: np.ndarray                                      # (I, D)


def shapes(I, C, D):
    """The shapes of the weights for I units of C numbers in and D out."""
    return Weights((I * (I - 1) // 2, C, D), (I, D))


def init(rng, I, C, D, /, *, dtype):
    """All zero: the likelihood is concave in w and b, so no symmetry has to be broken.

    `rng` is not used.
    """
    return Weights(*(np.zeros(shape, dtype) for shape in shapes(I, C, D)))


def forward(x, w, b, /):
    """The sum above.

    x         (N, I, C)   float32 or float64
    w         (I (I - 1) / 2, C, D)
    b         (I, D)
    returns   y (N, I, D), and the cache

    ValueError if shapes or dtypes disagree.
    """
    _check(x.shape, x.dtype, w, b)
    return _sum(x, w, b), (x, w)


def backward(dy, cache, /):
    """dy (N, I, D) -> dx (N, I, C), dw (I (I - 1) / 2, C, D), db (I, D)."""
    x, w = cache
    return _sum_backward(dy, x, w)


@computed_by(unit_blocks.sum_over_pairs)
def _sum(x, w, b):
    """y[n, i] = b[i] + Σ_{j < i} x[n, j] w[i (i - 1) / 2 + j]"""
    (N, I, C), D = x.shape, w.shape[2]
    y = np.empty((N, I, D), x.dtype)
    for i in range(I):
        before, w_i = x[:, :i].reshape(N, i * C), w[_pairs(i)].reshape(i * C, D)
        y[:, i] = before @ w_i + b[i]
    return y


@computed_by(unit_blocks.sum_over_pairs_backward)
def _sum_backward(dy, x, w):
    """The gradients of `_sum`: dx, dw, db."""
    (N, I, C), D = x.shape, w.shape[2]
    dx, dw = np.zeros(x.shape, x.dtype), np.empty(w.shape, w.dtype)
    for i in range(I):
        before, w_i = x[:, :i].reshape(N, i * C), w[_pairs(i)].reshape(i * C, D)
        # y[:, i] = before @ w_i + b[i]
        dx[:, :i] += (dy[:, i] @ w_i.T).reshape(N, i, C)
        dw[_pairs(i)] = (before.T @ dy[:, i]).reshape(i, C, D)
    return dx, dw, dy.sum(axis=0)


def _pairs(i):
    """Where the matrices of unit i stand in w."""
    return slice(i * (i - 1) // 2, i * (i + 1) // 2)


class State(NamedTuple):
    """The units known so far, and the weights."""
    x: np.ndarray                                      # (N, I, C)
    w: np.ndarray                                      # (I (I - 1) / 2, C, D)
    b: np.ndarray                                      # (I, D)


def start(shape, w, b, /):
    """Memory for going through the units in their order.

    shape   (N, I, C) of x

    The units lie in one row, so `at` below is (0, a slice of the units).
    """
    _check(shape, w.dtype, w, b)
    return State(np.zeros(shape, w.dtype), w, b)


def write(x_t, state, /, *, at):
    """The units at[1] of the input are known now: x_t (N, k, C).   Updates `state` in place."""
    state.x[:, at[1]] = x_t


def read(state, /, *, at):
    """y (N, k, D) of the units at[1], from the units before each of them."""
    (N, _, C), D = state.x.shape, state.w.shape[2]
    units = range(at[1].start, at[1].stop)
    y = np.empty((N, len(units), D), state.x.dtype)
    for k, i in enumerate(units):
        w_i = state.w[_pairs(i)].reshape(i * C, D)
        y[:, k] = state.x[:, :i].reshape(N, i * C) @ w_i + state.b[i]
    return y


def step(x_t, state, /, *, at):
    """forward's y (N, k, D) of the units at[1], where x_t (N, k, C) is their input.

    Every earlier unit has been stepped. Updates `state` in place.
    """
    write(x_t, state, at=at)
    return read(state, at=at)


def _check(shape, dtype, w, b):
    if len(shape) != 3:
        raise ValueError(f"x must be (N, I, C), has shape {tuple(shape)}")
    _, I, C = shape
    pairs = I * (I - 1) // 2
    if w.ndim != 3 or w.shape[:2] != (pairs, C):
        raise ValueError(f"w must be ({pairs}, {C}, D) for {I} units, has shape {w.shape}")
    if b.shape != (I, w.shape[2]):
        raise ValueError(f"b must be ({I}, {w.shape[2]}), has shape {b.shape}")
    if not dtype == w.dtype == b.dtype:
        raise ValueError(f"x, w and b must have one dtype, have {dtype}, {w.dtype}, {b.dtype}")
