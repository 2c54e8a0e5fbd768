"""LSTM over a sequence: the plain recurrence, each place reads the one before.

    z[t] = x[t] · w_x + h[t-1] · w_h + b
    h[t], c[t] = cell(z[t], c[t-1])      the gates o, f, i, g are inside: lstm_cell.py
    h[-1] = h0, c[-1] = c0               learned, and the same for every sequence

A model over pixels flattens the image and feeds pixel t - 1 at place t: models/raster_lstm.py. The
pixel above lies W steps back.

As a loop, for two sequences of three places:

    >>> rng = np.random.default_rng(0)
    >>> x, (w_x, w_h, b, h0, c0) = rng.standard_normal((2, 3, 5)), init(rng, 5, 4, dtype=float)
    >>> h, c = np.tile(h0, (2, 1)), np.tile(c0, (2, 1))
    >>> for t in range(3):
    ...     z = x[:, t] @ w_x + h @ w_h + b
    ...     h, c = np.split(lstm_cell.forward(z, c)[0], 2, axis=1)
    ...     assert np.allclose(h, forward(x, w_x, w_h, b, h0, c0)[0][:, t])

How it is computed. All products x[t] w_x are one large one. h[t-1] w_h must wait for h[t-1], so
compiled loops go through the sequence. They take up to 8 sequences at once, which makes each step a
small matrix product.

Read first: layers/lstm_cell.py, layers/conv2d.py.
Read next: models/raster_lstm.py, layers/spatial_lstm.py.
"""

from typing import NamedTuple

import numpy as np

from ..runtime import blas
from ..runtime.blas import BLOCK, TILE, add_product
from ..runtime.kernels import kernel, plain
from . import conv2d, lstm_cell
from .lstm_cell import cell, cell_backward

TOGETHER = 8                                           # most sequences in one lane


class Weights(NamedTuple):
    """Those of the equations, the gates side by side."""
    w_x: np.ndarray                                    # (C, 4D)   gates o, f, i, g side by side
    w_h: np.ndarray                                    # (D, 4D)
    b: np.ndarray                                      # (4D,)
    h0: np.ndarray                                     # (D,)
    c0: np.ndarray                                     # (D,)


def shapes(C, D):
    """The shapes of the weights for C numbers in and D states at each place."""
    return Weights((C, 4 * D), (D, 4 * D), (4 * D,), (D,), (D,))


def init(rng, C, D, /, *, dtype):
    """w_x of variance 1 / C; w_h of orthogonal matrices, one per gate; h0 and c0 are zero.

    The bias of the forget gate is 1, so that a new cell remembers. The others are zero.
    """
    w_h = np.concatenate([np.linalg.qr(rng.standard_normal((D, D)))[0] for _ in range(4)], axis=1)
    b = np.zeros(4 * D)
    b[D:2 * D] = 1
    w_x = rng.standard_normal((C, 4 * D)) / np.sqrt(C)
    return Weights(*(array.astype(dtype) for array in (w_x, w_h, b, np.zeros(D), np.zeros(D))))


def forward(x, w_x, w_h, b, h0, c0, /):
    """The states of every place, and the cache, which holds the gates, cells and states once.

    x         (N, T, C)  float32 or float64
    weights   the five fields of Weights
    returns   h (N, T, D); and the cache

    ValueError if shapes or dtypes disagree.
    """
    _check(x.shape, x.dtype, w_x, w_h, b, h0, c0)
    N, T, C = x.shape
    z, cache_x = conv2d.forward(x.reshape(N, 1, T, C), w_x[None], b, taps=HERE)
    D = len(h0)
    z, h, c = z.reshape(N, T, 4 * D), np.empty((N, T, D), x.dtype), np.empty((N, T, D), x.dtype)
    blas.images_in_lanes(lambda *lane: _scan(w_h, h0, c0, *lane), z, c, h, lanes=_lanes(N))
    return h, (cache_x, z, c, h, w_h, h0, c0)


def backward(dh, cache, /):
    """dh (N, T, D) -> dx, dw_x, dw_h, db, dh0, dc0."""
    cache_x, gates, c, h, w_h, h0, c0 = cache
    N, T, D = h.shape
    dh = plain(dh, h.shape)
    dz, w_back = np.empty_like(gates), np.ascontiguousarray(w_h.T)
    dw_h, dh0, dc0 = blas.images_in_lanes(
        lambda *lane: _scan_backward(w_h, h0, c0, *lane, w_back),
        dh, gates, c, h, dz, sums=(w_h, h0, c0), lanes=_lanes(N))
    dx, dw_x, db = conv2d.backward(dz.reshape(N, 1, T, 4 * D), cache_x)
    return dx[:, 0], dw_x[0], dw_h, db, dh0, dc0


HERE = ((0, 0),)                                       # the list of taps of a 1 x 1 convolution


class State(NamedTuple):
    """States and cells so far. Place t lies at t + 1, and the learned start at 0."""
    h: np.ndarray                                      # (N, 1 + T, D)
    c: np.ndarray                                      # (N, 1 + T, D)
    weights: Weights


def start(shape, w_x, w_h, b, h0, c0, /):
    """Memory for stepping through sequences of this shape, (N, T, C).

    All places lie in one row, so `at` is (0, places).
    """
    _check(shape, w_x.dtype, w_x, w_h, b, h0, c0)
    N, T, _ = shape
    h, c = (np.zeros((N, 1 + T, len(h0)), w_x.dtype) for _ in range(2))
    h[:, 0], c[:, 0] = h0, c0
    return State(h, c, Weights(w_x, w_h, b, h0, c0))


def step(x_t, state, /, *, at):
    """forward's h (N, k, D) at the places at[1], given the input x_t (N, k, C) there.

    Updates `state` in place.
    """
    h, c, (w_x, w_h, b, _, _) = state
    for k, place in enumerate(range(at[1].start, at[1].stop)):
        z = x_t[:, k] @ w_x + h[:, place] @ w_h + b                        # (N, 4D)
        cell(z, c[:, place], c[:, place + 1], h[:, place + 1])
    return h[:, at[1].start + 1:at[1].stop + 1].copy()


def _check(shape, dtype, w_x, w_h, b, h0, c0):
    D = len(h0)
    if len(shape) != 3:
        raise ValueError(f"x must be (N, T, C), has shape {tuple(shape)}")
    expected = {"w_x": (shape[2], 4 * D), "w_h": (D, 4 * D), "b": (4 * D,), "c0": (D,)}
    for (name, wanted), array in zip(expected.items(), (w_x, w_h, b, c0)):
        if array.shape != wanted:
            raise ValueError(f"{name} must be {wanted}, has shape {array.shape}")
    if len({dtype, *(array.dtype for array in (w_x, w_h, b, h0, c0))}) > 1:
        raise ValueError(f"x and the weights must have one dtype, have {dtype} and {w_x.dtype}")


def _lanes(N):
    """How many lanes: so many that none has more than TOGETHER sequences."""
    return -(-N // TOGETHER)


def _scan_numpy(w_h, h0, c0, z, c, h):
    """The recurrence: z (N, T, 4D) holds x w_x + b and becomes the gates; c and h are filled in."""
    h_prev, c_prev = (np.broadcast_to(start, h[:, 0].shape) for start in (h0, c0))
    for t in range(h.shape[1]):
        gates = z[:, t] + h_prev @ w_h                                     # (N, 4D)
        cell(gates, c_prev, c[:, t], h[:, t])
        z[:, t], h_prev, c_prev = gates, h[:, t], c[:, t]


# The product of a step is cut into the widest pieces that BLAS takes as one tile. So w_h is read
# once per step, in long rows.

@kernel(defined_by=_scan_numpy)
def _scan(w_h, h0, c0, z, c, h):
    N, T, D = h.shape
    gates = np.empty((N, 4 * D), z.dtype)
    cells, states = np.empty((N, D), z.dtype), np.empty((N, D), z.dtype)
    width = max(BLOCK, TILE // (N * D))
    for n in range(N):
        for d in range(D):
            cells[n, d] = c0[d]
        for d in range(D):
            states[n, d] = h0[d]
    for t in range(T):
        for n in range(N):
            for d in range(4 * D):
                gates[n, d] = z[n, t, d]
        for k in range(0, 4 * D, width):
            add_product(states, w_h[:, k:k + width], gates[:, k:k + width], 0, 0)
        cell(gates, cells, cells, states)
        for n in range(N):
            for d in range(4 * D):
                z[n, t, d] = gates[n, d]
            for d in range(D):
                c[n, t, d] = cells[n, d]
            for d in range(D):
                h[n, t, d] = states[n, d]


def _scan_backward_numpy(w_h, h0, c0, dh, gates, c, h, dz, dw_h, dh0, dc0):
    """Back through the sequences: dz is filled in; dw_h, dh0, dc0 are added to."""
    dh_next, dc = np.zeros_like(h[:, 0]), np.zeros_like(c[:, 0])           # (N, D)
    for t in reversed(range(h.shape[1])):
        h_prev = h[:, t - 1] if t else np.broadcast_to(h0, dh_next.shape)
        c_prev = c[:, t - 1] if t else np.broadcast_to(c0, dc.shape)
        dz_t = np.empty((len(h), gates.shape[2]), h.dtype)                 # (N, 4D)
        cell_backward(gates[:, t].copy(), c_prev, c[:, t], dh[:, t] + dh_next, dc, dz_t)
        # z[t] = x[t] w_x + h[t-1] w_h + b
        dz[:, t], dh_next = dz_t, dz_t @ w_h.T
        dw_h += h_prev.T @ dz_t
    dh0 += dh_next.sum(axis=0)
    dc0 += dc.sum(axis=0)


# The gradient of w_h is needed by no step of the loops. After them it is one large product for each
# sequence. w_back (4D, D) is w_h transposed.

@kernel(defined_by=_scan_backward_numpy)
def _scan_backward(w_h, h0, c0, dh, gates, c, h, dz, dw_h, dh0, dc0, w_back):
    N, T, D = h.shape
    if T == 0:
        return
    dh_t, dc = np.zeros((N, D), h.dtype), np.zeros((N, D), h.dtype)
    c_prev, c_t = np.empty((N, D), h.dtype), np.empty((N, D), h.dtype)
    gates_t, dz_t = np.empty((N, 4 * D), h.dtype), np.empty((N, 4 * D), h.dtype)
    width = max(BLOCK, TILE // (N * D))
    for t in range(T - 1, -1, -1):
        for n in range(N):
            before = c[n, t - 1] if t else c0
            for d in range(4 * D):
                gates_t[n, d] = gates[n, t, d]
            for d in range(D):
                dh_t[n, d] += dh[n, t, d]
            for d in range(D):
                c_t[n, d] = c[n, t, d]
            for d in range(D):
                c_prev[n, d] = before[d]
        cell_backward(gates_t, c_prev, c_t, dh_t, dc, dz_t)
        dh_t[...] = 0
        for k in range(0, 4 * D, width):
            add_product(dz_t[:, k:k + width], w_back[k:k + width], dh_t, 0, 0)
        for n in range(N):
            for d in range(4 * D):
                dz[n, t, d] = dz_t[n, d]
    first = h0.reshape(1, D)
    for n in range(N):
        # z[t] = x[t] w_x + h[t-1] w_h + b
        add_product(first, dz[n, :1], dw_h, 1, 0)
        add_product(h[n, :T - 1], dz[n, 1:], dw_h, 1, 0)
        for d in range(D):
            dh0[d] += dh_t[n, d]
        for d in range(D):
            dc0[d] += dc[n, d]
