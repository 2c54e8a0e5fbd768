"""LSTM over a sequence: the plain recurrence, each place reads the one before.

    z[t] = x[t] · w_x + h[t-1] · w_h + b          h[-1] = h0, c[-1] = c0: learned, the same for every sequence
    o, f, i, g, c[t], h[t]                        of z[t] and c[t-1]: lstm_cell.py

A model over pixels flattens the image and feeds pixel t - 1 at place t: models/raster_lstm.py. Its memory of the pixel above is W steps old.

The products x[t] w_x are one large one; h[t-1] w_h must wait for h[t-1], so a kernel scans. A lane of the batch (up to 8 sequences) goes through
the sequence together, so that each step is a small matrix product. The gradient of w_h waits for nothing: one large product after the scan.
Read first: lstm_cell.py.  Read next: row_lstm.py.
"""

from typing import NamedTuple

import numpy as np

from ..runtime import blas
from ..runtime.blas import BLOCK, TILE, add_product
from ..runtime.kernels import kernel, plain
from . import conv2d
from .lstm_cell import cell, cell_backward

TOGETHER = 8                                           # sequences in one lane


class Weights(NamedTuple):
    w_x: np.ndarray                                    # (C, 4D)   gates o, f, i, g side by side
    w_h: np.ndarray                                    # (D, 4D)
    b: np.ndarray                                      # (4D,)
    h0: np.ndarray                                     # (D,)
    c0: np.ndarray                                     # (D,)


def shapes(C, D):
    return Weights((C, 4 * D), (D, 4 * D), (4 * D,), (D,), (D,))


def init(rng, C, D, /, *, dtype):
    """w_x of variance 1 / C, w_h of orthogonal matrices, one per gate; forget bias 1, so that a new cell remembers; the rest zero."""
    w_h = np.concatenate([np.linalg.qr(rng.standard_normal((D, D)))[0] for _ in range(4)], axis=1)
    b = np.zeros(4 * D)
    b[D:2 * D] = 1
    w_x = rng.standard_normal((C, 4 * D)) / np.sqrt(C)
    return Weights(*(array.astype(dtype) for array in (w_x, w_h, b, np.zeros(D), np.zeros(D))))


def forward(x, w_x, w_h, b, h0, c0, /):
    """x (N, T, C) -> h (N, T, D), and the cache: the gates, cells and states, once.   float32 or float64

    ValueError if shapes or dtypes disagree.
    """
    _check(x.shape, x.dtype, w_x, w_h, b, h0, c0)
    N, T, C = x.shape
    D = len(h0)
    z, cache_x = conv2d.forward(x.reshape(N, 1, T, C), w_x[None], b, taps=HERE)      # (N, 1, T, 4D)
    z, h, c = z.reshape(N, T, 4 * D), np.empty((N, T, D), x.dtype), np.empty((N, T, D), x.dtype)
    gemm, lanes = blas.gemm_pointer(x.dtype), -(-N // TOGETHER)
    blas.parallel(lambda lane: _scan(gemm, blas.scratch(x.dtype), w_h, h0, c0, lane, lanes, z, c, h), lanes)
    return h, (cache_x, z, c, h, w_h, h0, c0)


def backward(dh, cache, /):
    """dh (N, T, D) -> dx, dw_x, dw_h, db, dh0, dc0."""
    cache_x, gates, c, h, w_h, h0, c0 = cache
    N, T, D = h.shape
    dh = plain(dh, h.shape)
    gemm, lanes = blas.gemm_pointer(h.dtype), max(1, -(-N // TOGETHER))
    dz, dw_h = np.empty_like(gates), np.zeros((lanes, *w_h.shape), h.dtype)
    dh0, dc0 = np.zeros((lanes, D), h.dtype), np.zeros((lanes, D), h.dtype)
    w_back = np.ascontiguousarray(w_h.T)
    blas.parallel(lambda lane: _scan_backward(gemm, blas.scratch(h.dtype), w_back, h0, c0, lane,
                                              lanes, dh, gates, c, h, dz, dw_h[lane], dh0[lane], dc0[lane]), lanes)
    dx, dw_x, db = conv2d.backward(dz.reshape(N, 1, T, 4 * D), cache_x)
    return dx.reshape(N, T, -1), dw_x[0], dw_h.sum(axis=0), db, dh0.sum(axis=0), dc0.sum(axis=0)


HERE = ((0, 0),)                                       # the list of taps of a 1 x 1 convolution


class State(NamedTuple):
    """States and cells of every place so far; place t lies at t + 1, the learned start at 0."""
    h: np.ndarray                                      # (N, 1 + T, D)
    c: np.ndarray                                      # (N, 1 + T, D)
    weights: Weights


def start(shape, w_x, w_h, b, h0, c0, /):
    """Memory for stepping through sequences of this shape, (N, T, C); places lie in one row, so `at` = (0, places)."""
    _check(shape, w_x.dtype, w_x, w_h, b, h0, c0)
    N, T, _ = shape
    h, c = (np.zeros((N, 1 + T, len(h0)), w_x.dtype) for _ in range(2))
    h[:, 0], c[:, 0] = h0, c0
    return State(h, c, Weights(w_x, w_h, b, h0, c0))


def step(x_t, state, /, *, at):
    """forward's h (N, k, D) at the places at[1], where x_t (N, k, C) is the input there.   Updates `state` in place."""
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


def _scan_numpy(gemm, scratch, w_h, h0, c0, lane, lanes, z, c, h):
    """The recurrence for the sequences n = lane, lane + lanes, ...: z (N, T, 4D) becomes the gates; c and h are filled in."""
    h_prev, c_prev = (np.broadcast_to(start, h[lane::lanes, 0].shape) for start in (h0, c0))
    for t in range(h.shape[1]):
        gates, c_t, h_t = z[lane::lanes, t] + h_prev @ w_h, np.empty_like(c_prev), np.empty_like(h_prev)
        cell(gates, c_prev, c_t, h_t)
        z[lane::lanes, t], c[lane::lanes, t], h[lane::lanes, t] = gates, c_t, h_t
        h_prev, c_prev = h_t, c_t


# The products of a step are cut into the widest pieces that BLAS takes as one tile: w_h is read once per step, in long rows.

@kernel(defined_by=_scan_numpy)
def _scan(gemm, scratch, w_h, h0, c0, lane, lanes, z, c, h):
    N, T, D = h.shape
    M = (N - lane + lanes - 1) // lanes                                    # sequences in this lane
    gates, cells, states = np.empty((M, 4 * D), z.dtype), np.empty((M, D), z.dtype), np.empty((M, D), z.dtype)
    width = max(BLOCK, TILE // (M * D))
    for m in range(M):
        for d in range(D):
            cells[m, d] = c0[d]
        for d in range(D):
            states[m, d] = h0[d]
    for t in range(T):
        for m in range(M):
            n = lane + m * lanes
            for d in range(4 * D):
                gates[m, d] = z[n, t, d]
        for k in range(0, 4 * D, width):
            add_product(gemm, scratch, states, w_h[:, k:k + width], gates[:, k:k + width], 0, 0)
        cell(gates, cells, cells, states)
        for m in range(M):
            n = lane + m * lanes
            for d in range(4 * D):
                z[n, t, d] = gates[m, d]
            for d in range(D):
                c[n, t, d] = cells[m, d]
            for d in range(D):
                h[n, t, d] = states[m, d]


def _scan_backward_numpy(gemm, scratch, w_back, h0, c0, lane, lanes, dh, gates, c, h, dz, dw_h, dh0, dc0):
    """Backwards through the sequences of the lane: dz is filled in; dw_h, dh0, dc0 are added to.   w_back (4D, D) is w_h transposed"""
    first = np.zeros_like(h[lane::lanes, 0])
    dh_next, dc = first.copy(), first.copy()
    for t in reversed(range(h.shape[1])):
        h_prev = h[lane::lanes, t - 1] if t else first + h0
        c_prev = c[lane::lanes, t - 1] if t else first + c0
        dz_t = np.empty_like(gates[lane::lanes, t])
        cell_backward(gates[lane::lanes, t].copy(), c_prev.copy(), c[lane::lanes, t].copy(), dh[lane::lanes, t] + dh_next, dc, dz_t)
        # z[t] = x[t] w_x + h[t-1] w_h + b
        dz[lane::lanes, t], dh_next = dz_t, dz_t @ w_back
        dw_h += h_prev.T @ dz_t
    dh0 += dh_next.sum(axis=0)
    dc0 += dc.sum(axis=0)


@kernel(defined_by=_scan_backward_numpy)
def _scan_backward(gemm, scratch, w_back, h0, c0, lane, lanes, dh, gates, c, h, dz, dw_h, dh0, dc0):
    N, T, D = h.shape
    M = (N - lane + lanes - 1) // lanes
    dh_t, dc, c_prev, c_t = np.zeros((M, D), h.dtype), np.zeros((M, D), h.dtype), np.empty((M, D), h.dtype), np.empty((M, D), h.dtype)
    gates_t, dz_t = np.empty((M, 4 * D), h.dtype), np.empty((M, 4 * D), h.dtype)
    width = max(BLOCK, TILE // (M * D))
    for t in range(T - 1, -1, -1):
        for m in range(M):
            n = lane + m * lanes
            for d in range(4 * D):
                gates_t[m, d] = gates[n, t, d]
            for d in range(D):
                dh_t[m, d] += dh[n, t, d]
            for d in range(D):
                c_t[m, d] = c[n, t, d]
            if t:
                for d in range(D):
                    c_prev[m, d] = c[n, t - 1, d]
            else:
                for d in range(D):
                    c_prev[m, d] = c0[d]
        cell_backward(gates_t, c_prev, c_t, dh_t, dc, dz_t)
        dh_t[...] = 0
        for k in range(0, 4 * D, width):
            add_product(gemm, scratch, dz_t[:, k:k + width], w_back[k:k + width], dh_t, 0, 0)
        for m in range(M):
            n = lane + m * lanes
            for d in range(4 * D):
                dz[n, t, d] = dz_t[m, d]
    if T == 0:
        return
    start = h0.reshape(1, D)
    for m in range(M):
        n = lane + m * lanes
        # z[t] = x[t] w_x + h[t-1] w_h + b
        add_product(gemm, scratch, start, dz[n, :1], dw_h, 1, 0)
        add_product(gemm, scratch, h[n, :T - 1], dz[n, 1:], dw_h, 1, 0)
        for d in range(D):
            dh0[d] += dh_t[m, d]
        for d in range(D):
            dc0[d] += dc[m, d]
