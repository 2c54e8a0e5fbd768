"""Fully visible units: every unit reads all the units before it, with a matrix of its own for each pair.

    y[n, i] = b[i] + Σ_{j < i} x[n, j] · w[i (i - 1) / 2 + j]

Neal, "Connectionist learning of belief networks", 1992 (logistic units, K = L = 1; here K numbers in and L numbers out per unit).
Only the pairs j < i exist: w is a list of D (D - 1) / 2 matrices, in which those of unit i stand together. No mask, hence nothing to
forget in the gradient. Unit i is a sub-pixel in the order of generation.

Computed in blocks of units whose rows are laid out side by side in one matrix, and multiplied in tiles so small that BLAS does not share
them out among its threads (blas.py): how many there are would show in the last bits.
Read next: models/fvbn.py.
"""

from typing import NamedTuple

import numpy as np

BLOCK = 64                                             # units whose weights are unpacked together
SIDE = 64                                              # of a tile: SIDE³ is blas.TILE


class Weights(NamedTuple):
    w: np.ndarray                                      # (D (D - 1) / 2, K, L)   pairs in the order (1, 0), (2, 0), (2, 1), (3, 0), ...
    b: np.ndarray                                      # (D, L)


def shapes(D, K, L):
    return Weights((D * (D - 1) // 2, K, L), (D, L))


def unpacked(D, K, L):
    """The most numbers of one block of units in `forward`: weights, and zeros where none are."""
    return min(D, BLOCK) * L * D * K


def init(rng, D, K, L, /, *, dtype):
    """All zero: the likelihood is concave in w and b, so there is no symmetry to break. `rng` is not used."""
    return Weights(*(np.zeros(shape, dtype) for shape in shapes(D, K, L)))


def forward(x, w, b, /):
    """x (N, D, K), w (D(D-1)/2, K, L), b (D, L)  ->  y (N, D, L), and the cache.   float32 or float64

    ValueError if shapes or dtypes disagree.
    """
    _check(x.shape, x.dtype, w, b)
    N, D, K = x.shape
    flat = x.reshape(N, D * K)
    y = np.empty((N, D, w.shape[2]), x.dtype)
    for first in range(0, D, BLOCK):
        units = slice(first, min(D, first + BLOCK))
        y[:, units] = _product(flat[:, :units.stop * K], _unpack(w, units).T).reshape(N, -1, w.shape[2]) + b[units]
    return y, (x, w)


def backward(dy, cache, /):
    """dy (N, D, L) -> dx (N, D, K), dw, db."""
    x, w = cache
    N, D, K = x.shape
    flat, dflat = x.reshape(N, D * K), np.zeros((N, D * K), x.dtype)
    dw, db = np.empty_like(w), dy.sum(axis=0)
    for first in range(0, D, BLOCK):
        units = slice(first, min(D, first + BLOCK))
        dy_block = dy[:, units].reshape(N, -1)                             # (N, units L)
        dflat[:, :units.stop * K] += _product(dy_block, _unpack(w, units))
        _pack(_product(dy_block.T, flat[:, :units.stop * K]), dw, units)
    return dflat.reshape(N, D, K), dw, db


class State(NamedTuple):
    """What was told so far, and the weights."""
    x: np.ndarray                                      # (N, D, K)
    w: np.ndarray
    b: np.ndarray


def start(shape, w, b, /):
    """Memory for stepping through units in their order; they lie in one row, so `at` = (0, units)."""
    _check(shape, w.dtype, w, b)
    return State(np.zeros(shape, w.dtype), w, b)


def write(x_t, state, /, *, at):
    """Units at[1] are known now: x_t (N, k, K).   Updates `state` in place."""
    state.x[:, at[1]] = x_t


def read(state, /, *, at):
    """y (N, k, L) of the units at[1], from the units before each of them."""
    N, _, K = state.x.shape
    units = range(at[1].start, at[1].stop)
    y = np.empty((N, len(units), state.b.shape[1]), state.x.dtype)
    for k, i in enumerate(units):
        w_i = state.w[i * (i - 1) // 2:i * (i + 1) // 2]                   # (i, K, L)
        y[:, k] = state.x[:, :i].reshape(N, i * K) @ w_i.reshape(i * K, state.w.shape[2]) + state.b[i]
    return y


def step(x_t, state, /, *, at):
    """forward's y at the units at[1], where x_t is their input; every earlier unit has been stepped.   Updates `state` in place."""
    write(x_t, state, at=at)
    return read(state, at=at)


def _check(shape, dtype, w, b):
    if len(shape) != 3:
        raise ValueError(f"x must be (N, D, K), has shape {tuple(shape)}")
    _, D, K = shape
    if w.ndim != 3 or w.shape[:2] != (D * (D - 1) // 2, K):
        raise ValueError(f"w must be ({D * (D - 1) // 2}, {K}, L) for {D} units, has shape {w.shape}")
    if b.shape != (D, w.shape[2]):
        raise ValueError(f"b must be ({D}, {w.shape[2]}), has shape {b.shape}")
    if not dtype == w.dtype == b.dtype:
        raise ValueError(f"x, w and b must have one dtype, have {dtype}, {w.dtype}, {b.dtype}")


def _product(a, b):
    """a @ b, tile by tile, the sum over tiles from left to right."""
    c = np.zeros((len(a), b.shape[1]), a.dtype)
    for m in range(0, c.shape[0], SIDE):
        for n in range(0, c.shape[1], SIDE):
            for k in range(0, len(b), SIDE):
                c[m:m + SIDE, n:n + SIDE] += a[m:m + SIDE, k:k + SIDE] @ b[k:k + SIDE, n:n + SIDE]
    return c


def _unpack(w, units):
    """(units L, stop K): row (i, l) holds the weights of unit i's number l over all inputs before it, then zeros."""
    _, K, L = w.shape
    rows = np.zeros((units.stop - units.start, L, units.stop * K), w.dtype)
    for row, i in zip(rows, range(units.start, units.stop)):
        row[:, :i * K] = w[i * (i - 1) // 2:i * (i + 1) // 2].reshape(i * K, L).T
    return rows.reshape(-1, units.stop * K)


def _pack(rows, w, units):
    """The reverse of `_unpack`: the rows (units L, stop K) go to their places in w."""
    _, K, L = w.shape
    for row, i in zip(rows.reshape(-1, L, units.stop * K), range(units.start, units.stop)):
        w[i * (i - 1) // 2:i * (i + 1) // 2] = row[:, :i * K].T.reshape(i, K, L)
