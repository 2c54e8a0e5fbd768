"""Row LSTM: an LSTM whose time runs down the image, one whole row per step.

    z[row] = K_is ⊛ x[row] + K_ss ⊛ h[row-1] + b          ⊛: 1-D convolution along the row
    o, f, i, g, c[row], h[row]                            of z[row] and c[row-1], place by place: lstm_cell.py

van den Oord, Kalchbrenner, Kavukcuoglu, "Pixel Recurrent Neural Networks", 2016, section 3.1, eq. 3.
K_is is masked, since it looks along the row being generated; K_ss needs no mask, since row-1 is complete. Cells are not convolved.
Above the first row stand the learned h0 and c0, the same in every column; left and right of a row h is zero. b is added once.

What it sees: row - d from column -(d + n + m) to d - 1 + m (n layers with K = 3 after a first convolution of reach m): a triangle that opens upward. It
has the same blind wedge to the right as PixelCNN, but no end upward.

Read first: masks.py, lstm_cell.py.  Read next: skew.py, diagonal_bilstm.py.
"""

from typing import NamedTuple

import numpy as np

from .. import masks
from ..runtime import blas
from ..runtime.blas import add_product
from ..runtime.kernels import kernel, plain
from . import conv2d
from .lstm_cell import cell, cell_backward


class Weights(NamedTuple):
    w_is: np.ndarray                                   # (T, C, 4D)  input to state, one matrix per tap; gates o, f, i, g side by side
    b: np.ndarray                                      # (4D,)
    w_ss: np.ndarray                                   # (K, D, 4D)  state to state, K (odd) columns of the row above
    h0: np.ndarray                                     # (D,)        what stands above the first row
    c0: np.ndarray                                     # (D,)


def shapes(C, D, K=3):
    return Weights((K, C, 4 * D), (4 * D,), (K, D, 4 * D), (D,), (D,))


def init(rng, C, D, /, *, taps, K=3, dtype):
    """Variance 1 / fan-in for both convolutions; forget bias 1, so that a new cell remembers; the start is zero."""
    w_is, b = conv2d.init(rng, C, 4 * D, taps=taps, dtype=dtype)
    b[D:2 * D] = 1
    w_ss = (rng.standard_normal((K, D, 4 * D)) / np.sqrt(K * D)).astype(dtype)
    return Weights(w_is, b, w_ss, np.zeros(D, dtype), np.zeros(D, dtype))


def forward(x, w_is, b, w_ss, h0, c0, /, *, taps):
    """x (N, H, W, C) -> h (N, H, W, D), and the cache: the gates, cells and states, once.   float32 or float64

    taps   masks.Taps of K_is: along the row, masked (masks.causal_row(K, ...))

    ValueError if shapes or dtypes disagree, or K is even.
    """
    check(w_is, w_ss, h0, c0)
    z, cache_is = conv2d.forward(x, w_is, b, taps=taps)                    # (N, H, W, 4D)
    N, H, W, _ = x.shape
    h, c = np.empty((N, H, W, len(h0)), x.dtype), np.empty((N, H, W, len(h0)), x.dtype)
    gemm, lanes = blas.gemm_pointer(x.dtype), min(N, blas.LANES)
    blas.parallel(lambda lane: _scan(gemm, blas.scratch(x.dtype), w_ss, h0, c0, lane, lanes, z, c, h), lanes)
    return h, (cache_is, z, c, h, w_ss, h0, c0)


def backward(dh, cache, /):
    """dh (N, H, W, D) -> dx, dw_is, db, dw_ss, dh0, dc0."""
    cache_is, gates, c, h, w_ss, h0, c0 = cache
    dh = plain(dh, h.shape)
    lanes = max(1, min(len(h), blas.LANES))
    gemm, dz, w_back = blas.gemm_pointer(h.dtype), np.empty_like(gates), np.ascontiguousarray(w_ss.transpose(0, 2, 1))
    dw_ss, dh0, dc0 = (np.zeros((lanes, *array.shape), h.dtype) for array in (w_ss, h0, c0))
    blas.parallel(lambda lane: _scan_backward(gemm, blas.scratch(h.dtype), w_back, h0, c0, lane,
                                              lanes, dh, gates, c, h, dz, dw_ss[lane], dh0[lane], dc0[lane]), lanes)
    dx, dw_is, db = conv2d.backward(dz, cache_is)
    return dx, dw_is, db, dw_ss.sum(axis=0), dh0.sum(axis=0), dc0.sum(axis=0)


class State(NamedTuple):
    """The memories of both convolutions, and the cells. Row r of the image lies at r + 1 in h and c; at 0 stands the learned start."""
    i_s: conv2d.State
    h: conv2d.State
    c: np.ndarray                                      # (N, 1 + H, W, D)


def start(shape, w_is, b, w_ss, h0, c0, /, *, taps):
    """Memory for stepping through images of this shape."""
    check(w_is, w_ss, h0, c0)
    N, H, W, _ = shape
    D = len(h0)
    h = conv2d.start((N, 1 + H, W, D), w_ss, np.zeros_like(b), taps=above(len(w_ss)))
    conv2d.write(np.broadcast_to(h0, (N, W, D)), h, at=(0, slice(0, W)))
    c = np.zeros((N, 1 + H, W, D), w_is.dtype)
    c[:, 0] = c0
    return State(conv2d.start(shape, w_is, b, taps=taps), h, c)


def step(x_t, state, /, *, at):
    """forward's h (N, k, D) at the strip `at`, where x_t (N, k, C) is the input there.   Updates `state` in place."""
    row, columns = at
    here = row + 1, columns
    z = conv2d.step(x_t, state.i_s, at=at) + conv2d.read(state.h, at=here)           # (N, k, 4D)
    h = np.empty((*z.shape[:2], z.shape[2] // 4), z.dtype)
    for k, column in enumerate(range(columns.start, columns.stop)):
        cell(z[:, k].copy(), state.c[:, row, column], state.c[:, row + 1, column], h[:, k])
    conv2d.write(h, state.h, at=here)
    return h


def reach(seen, /, *, shape, taps, K):
    """Which inputs (H, W, C) the states in `seen` (H, W, D) can depend on: along the row by K_is, upward by K_ss (K columns) from row to row.

    A state depends on all four gates of its place, and on any state of the row above within reach of K_ss, whatever its colour.
    """
    H, W, D = seen.shape
    needed = seen.copy()
    for row in range(H - 1, 0, -1):
        columns = np.flatnonzero(needed[row].any(axis=1))
        for column in columns:
            needed[row - 1, max(0, column - K // 2):column + K // 2 + 1] = True
    return conv2d.reach(np.tile(needed, 4), shape=shape, taps=taps)


def above(K):
    """The taps of K_ss: K columns of the row above, nothing masked."""
    return masks.Taps(tuple((-1, dc) for _, dc in masks.row(K).offsets))


def check(w_is, w_ss, h0, c0):
    """ValueError if the weights disagree among themselves; conv2d checks w_is and b against x."""
    D = len(h0)
    if w_ss.ndim != 3 or w_ss.shape[1:] != (D, 4 * D) or len(w_ss) % 2 == 0:
        raise ValueError(f"w_ss must be (K, {D}, {4 * D}) with K odd, has shape {w_ss.shape}")
    if w_is.ndim != 3 or w_is.shape[2] != 4 * D:
        raise ValueError(f"w_is must be (T, C, {4 * D}), has shape {w_is.shape}")
    if c0.shape != h0.shape:
        raise ValueError(f"c0 must be {h0.shape}, has shape {c0.shape}")
    if not w_is.dtype == w_ss.dtype == h0.dtype == c0.dtype:
        raise ValueError(f"weights must have one dtype, have {w_is.dtype}, {w_ss.dtype}, {h0.dtype}, {c0.dtype}")


def _scan_numpy(gemm, scratch, w_ss, h0, c0, lane, lanes, z, c, h):
    """The recurrence for the images n = lane, lane + lanes, ...: z (N, H, W, 4D) becomes the gates; c and h are filled in."""
    K, D, _ = w_ss.shape
    for n in range(lane, len(h), lanes):
        h_prev, c_prev = (np.broadcast_to(start, h[n, 0].shape) for start in (h0, c0))
        for row in range(h.shape[1]):
            padded = np.pad(h_prev, ((K // 2, K // 2), (0, 0)))            # (W + K - 1, D)
            for k in range(K):
                z[n, row] += padded[k:k + len(h_prev)] @ w_ss[k]
            cell(z[n, row], c_prev, c[n, row], h[n, row])
            h_prev, c_prev = h[n, row], c[n, row]


@kernel(defined_by=_scan_numpy)
def _scan(gemm, scratch, w_ss, h0, c0, lane, lanes, z, c, h):
    N, H, W, D = h.shape
    K = len(w_ss)
    padded, above = np.zeros((W + K - 1, D), h.dtype), np.empty((W, D), h.dtype)
    states = padded[K // 2:K // 2 + W]                                     # what the next row reads, zeros on both sides
    for w in range(W):
        for d in range(D):
            above[w, d] = c0[d]
    for n in range(lane, N, lanes):
        cells = above
        for w in range(W):
            for d in range(D):
                states[w, d] = h0[d]
        for row in range(H):
            for k in range(K):
                add_product(gemm, scratch, padded[k:k + W], w_ss[k], z[n, row], 0, 0)
            cell(z[n, row], cells, c[n, row], states)
            cells = c[n, row]
            for w in range(W):
                for d in range(D):
                    h[n, row, w, d] = states[w, d]


def _scan_backward_numpy(gemm, scratch, w_back, h0, c0, lane, lanes, dh, gates, c, h, dz, dw_ss, dh0, dc0):
    """Upward through the images of the lane: dz is filled in; dw_ss, dh0, dc0 are added to.   w_back (K, 4D, D) is w_ss transposed"""
    K, _, D = w_back.shape
    _, H, W, _ = h.shape
    for n in range(lane, len(h), lanes):
        dpadded, dc = np.zeros((W + K - 1, D), h.dtype), np.zeros((W, D), h.dtype)
        for row in reversed(range(H)):
            h_prev = h[n, row - 1] if row else np.broadcast_to(h0, (W, D))
            c_prev = c[n, row - 1] if row else np.broadcast_to(c0, (W, D))
            cell_backward(gates[n, row], c_prev, c[n, row], dh[n, row] + dpadded[K // 2:K // 2 + W], dc, dz[n, row])
            # z[row] += padded(h_prev)[k:k + W] w_ss[k]
            padded, dpadded = np.pad(h_prev, ((K // 2, K // 2), (0, 0))), np.zeros_like(dpadded)
            for k in range(K):
                dpadded[k:k + W] += dz[n, row] @ w_back[k]
                dw_ss[k] += padded[k:k + W].T @ dz[n, row]
        dh0 += dpadded[K // 2:K // 2 + W].sum(axis=0)
        dc0 += dc.sum(axis=0)


@kernel(defined_by=_scan_backward_numpy)
def _scan_backward(gemm, scratch, w_back, h0, c0, lane, lanes, dh, gates, c, h, dz, dw_ss, dh0, dc0):
    N, H, W, D = h.shape
    K = len(w_back)
    padded, dpadded = np.zeros((W + K - 1, D), h.dtype), np.zeros((W + K - 1, D), h.dtype)
    h_prev, dh_row = padded[K // 2:K // 2 + W], np.empty((W, D), h.dtype)
    c_prev, dc = np.empty((W, D), h.dtype), np.empty((W, D), h.dtype)
    for n in range(lane, N, lanes):
        dpadded[...] = 0
        dc[...] = 0
        for row in range(H - 1, -1, -1):
            for w in range(W):
                for d in range(D):
                    dh_row[w, d] = dh[n, row, w, d] + dpadded[K // 2 + w, d]
                if row:
                    for d in range(D):
                        h_prev[w, d] = h[n, row - 1, w, d]
                    for d in range(D):
                        c_prev[w, d] = c[n, row - 1, w, d]
                else:
                    for d in range(D):
                        h_prev[w, d] = h0[d]
                    for d in range(D):
                        c_prev[w, d] = c0[d]
            cell_backward(gates[n, row], c_prev, c[n, row], dh_row, dc, dz[n, row])
            dpadded[...] = 0
            for k in range(K):
                add_product(gemm, scratch, dz[n, row], w_back[k], dpadded[k:k + W], 0, 0)
                add_product(gemm, scratch, padded[k:k + W], dz[n, row], dw_ss[k], 1, 0)
        for w in range(W):
            for d in range(D):
                dh0[d] += dpadded[K // 2 + w, d]
                dc0[d] += dc[w, d]
