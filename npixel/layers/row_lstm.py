"""Row LSTM: an LSTM whose time runs down the image, one whole row per step.

    z[row] = K_is ⊛ x[row] + b + K_ss ⊛ h[row-1]          ⊛: 1-D convolution along the row
    o, f, i, g = σ, σ, σ, tanh of z[row]'s quarters       gates: lstm_cell.py
    c[row] = f · c[row-1] + i · g                         cells
    h[row] = o · tanh(c[row])                             states: the output
    h[-1] = h0, c[-1] = c0                                learned, the same in every column

van den Oord, Kalchbrenner, Kavukcuoglu, "Pixel Recurrent Neural Networks", 2016, section 3.1,
equation 3. K_is (input to state) is masked, since it looks along the row being generated. K_ss
(state to state) needs no mask, since row-1 is complete. Left and right of a row h is zero. Cells
are not convolved. Only K_is has a bias.

As a loop, for one image of three rows with C = D = 4. All channels have colour 0; K is 3:

    >>> rng, along = np.random.default_rng(0), masks.causal_row(3, np.zeros(4), np.zeros(16))
    >>> x = rng.standard_normal((1, 3, 5, 4))
    >>> w_is, b, w_ss, h0, c0 = init(rng, 4, 4, taps=along, dtype=float)
    >>> y, _ = forward(x, w_is, b, w_ss, h0, c0, taps=along)
    >>> h, c = np.tile(h0, (1, 1, 5, 1)), np.tile(c0, (1, 1, 5, 1))
    >>> for row in range(3):
    ...     z = conv2d.forward(x[:, row:row + 1], w_is, b, taps=along)[0]
    ...     z = z + conv2d.forward(h, w_ss, np.zeros_like(b), taps=masks.row(3))[0]
    ...     h, c = np.split(lstm_cell.forward(z, c)[0], 2, axis=-1)
    ...     assert np.allclose(h[:, 0], y[:, row])

What it sees. Take n layers with K = 3 after a first convolution with mask A that reaches m columns
to either side. Then a pixel in column c sees, d >= 1 rows above it, columns c - (d + n + m) to
c + (d - 1 + m). This triangle opens upward without end. The wedge on its right is never seen.

Read first: masks.py, layers/conv2d.py, layers/lstm_cell.py.
Read next: layers/diagonal_lstm.py, models/row_lstm.py.
"""

from typing import NamedTuple

import numpy as np

from .. import masks
from ..runtime import blas
from ..runtime.blas import add_product
from ..runtime.kernels import kernel, plain
from . import conv2d, lstm_cell
from .lstm_cell import cell, cell_backward


class Weights(NamedTuple):
    w_is: np.ndarray    # (U, C, 4D)  K_is, a matrix per tap; for o, f, i, g, side by side
    b: np.ndarray       # (4D,)
    w_ss: np.ndarray    # (K, D, 4D)  K_ss, a matrix for each of K (odd) columns of the row above
    h0: np.ndarray      # (D,)        what stands above the first row
    c0: np.ndarray      # (D,)


def shapes(C, D, K=3):
    """The shapes of the weights for C channels in, D features out and K columns in both kernels."""
    return Weights((K, C, 4 * D), (4 * D,), (K, D, 4 * D), (D,), (D,))


def init(rng, C, D, /, *, taps, K=3, dtype):
    """w_is and w_ss of variance 1 / fan-in; h0 and c0 are zero.

    The bias of the forget gate is 1, so that a new cell remembers. The rest of b is zero.
    """
    w_is, b = conv2d.init(rng, C, 4 * D, taps=taps, dtype=dtype)
    b[D:2 * D] = 1
    w_ss = (rng.standard_normal((K, D, 4 * D)) / np.sqrt(K * D)).astype(dtype)
    return Weights(w_is, b, w_ss, np.zeros(D, dtype), np.zeros(D, dtype))


def forward(x, w_is, b, w_ss, h0, c0, /, *, taps):
    """The states of all pixels: K_is over the whole image first, then row by row (_scan_numpy).

    x         (N, H, W, C)  float32 or float64
    taps      masks.Taps of K_is: along the row, masked (masks.causal_row(K, ...))
    returns   h (N, H, W, D); and the cache, which holds h, too

    ValueError if shapes or dtypes disagree, or K is even.
    """
    check(w_is, w_ss, h0, c0)
    z, cache_is = conv2d.forward(x, w_is, b, taps=taps)                    # (N, H, W, 4D)
    shape = *x.shape[:3], len(h0)
    h, c = np.empty(shape, x.dtype), np.empty(shape, x.dtype)
    # a lane is some of the images; lanes run on a few threads
    blas.images_in_lanes(lambda *lane: _scan(w_ss, h0, c0, *lane), z, c, h)
    return h, (cache_is, z, c, h, w_ss, h0, c0)        # z holds the gates now


def backward(dh, cache, /):
    """dh (N, H, W, D) -> dx, dw_is, db, dw_ss, dh0, dc0, shaped like x and the weights.

    ValueError if dh has not the shape of h.
    """
    cache_is, gates, c, h, w_ss, h0, c0 = cache
    dh, dz = plain(dh, h.shape), np.empty_like(gates)
    w_back = np.ascontiguousarray(w_ss.transpose(0, 2, 1))
    dw_ss, dh0, dc0 = blas.images_in_lanes(
        lambda *lane: _scan_backward(w_ss, h0, c0, *lane, w_back),
        dh, gates, c, h, dz, sums=(w_ss, h0, c0))
    dx, dw_is, db = conv2d.backward(dz, cache_is)
    return dx, dw_is, db, dw_ss, dh0, dc0


class State(NamedTuple):
    """The memories of both convolutions, and the cells.

    Row r of the image lies at r + 1 in h and c; at 0 stand h0 and c0.
    """
    i_s: conv2d.State                                  # of K_is: it remembers x
    h: conv2d.State                                    # of K_ss: it remembers h
    c: np.ndarray                                      # (N, 1 + H, W, D)


def start(shape, w_is, b, w_ss, h0, c0, /, *, taps):
    """The State of images (N, H, W, C) before the first strip.   ValueError as in forward."""
    check(w_is, w_ss, h0, c0)
    N, H, W, _ = shape
    D = len(h0)
    h = conv2d.start((N, 1 + H, W, D), w_ss, np.zeros_like(b), taps=above(len(w_ss)))
    conv2d.write(np.broadcast_to(h0, (N, W, D)), h, at=(0, slice(0, W)))
    c = np.zeros((N, 1 + H, W, D), w_is.dtype)
    c[:, 0] = c0
    return State(conv2d.start(shape, w_is, b, taps=taps), h, c)


def step(x_t, state, /, *, at):
    """forward's h (N, k, D) at the strip `at` = (row, columns), where x is x_t (N, k, C).

    Every earlier strip has been stepped. Updates `state` in place.
    """
    row, columns = at
    here = row + 1, columns                            # the same place in state.h and state.c
    z = conv2d.step(x_t, state.i_s, at=at) + conv2d.read(state.h, at=here)           # (N, k, 4D)
    h = np.empty((*z.shape[:2], z.shape[2] // 4), z.dtype)
    # column by column: `cell` takes matrices of N rows, and a z in memory order
    for k, column in enumerate(range(columns.start, columns.stop)):
        cell(z[:, k].copy(), state.c[:, row, column], state.c[:, row + 1, column], h[:, k])
    conv2d.write(h, state.h, at=here)
    return h


def reach(seen, /, *, shape, taps, K):
    """All inputs (H, W, C) that a state in `seen` (H, W, D) depends on, for some weights: bools.

    A state depends on its four gates, and these on x along the row, by the taps of K_is. They also
    depend on all features of the K places above that K_ss reads.
    """
    H, W, D = seen.shape
    needed = seen.copy()
    for row in range(H - 1, 0, -1):
        columns = np.flatnonzero(needed[row].any(axis=1))
        for column in columns:
            needed[row - 1, max(0, column - K // 2):column + K // 2 + 1] = True
    return conv2d.reach(np.tile(needed, 4), shape=shape, taps=taps)        # the gates o, f, i, g


def above(K):
    """The taps of K_ss: K columns of the row above, nothing masked."""
    return masks.Taps(tuple((-1, dc) for _, dc in masks.row(K).offsets))


def check(w_is, w_ss, h0, c0):
    """ValueError if the weights disagree among themselves; conv2d checks w_is and b against x."""
    D = len(h0)
    if w_ss.ndim != 3 or w_ss.shape[1:] != (D, 4 * D) or len(w_ss) % 2 == 0:
        raise ValueError(f"w_ss must be (K, {D}, {4 * D}) with K odd, has shape {w_ss.shape}")
    if w_is.ndim != 3 or w_is.shape[2] != 4 * D:
        raise ValueError(f"w_is must be (U, C, {4 * D}), has shape {w_is.shape}")
    if c0.shape != h0.shape:
        raise ValueError(f"c0 must be {h0.shape}, has shape {c0.shape}")
    if not w_is.dtype == w_ss.dtype == h0.dtype == c0.dtype:
        dtypes = ", ".join(str(array.dtype) for array in (w_is, w_ss, h0, c0))
        raise ValueError(f"weights must have one dtype, have {dtypes}")


def _scan_numpy(w_ss, h0, c0, z, c, h):
    """The recurrence: z holds K_is ⊛ x + b, and becomes the gates; c and h are filled in.

    z   (N, H, W, 4D)
    c   (N, H, W, D)
    h   (N, H, W, D)
    """
    (N, H, W, D), K = h.shape, len(w_ss)
    for n in range(N):
        h_prev, c_prev = np.broadcast_to(h0, (W, D)), np.broadcast_to(c0, (W, D))
        for row in range(H):
            padded = np.pad(h_prev, ((K // 2, K // 2), (0, 0)))            # (W + K - 1, D)
            for k in range(K):
                z[n, row] += padded[k:k + W] @ w_ss[k]
            cell(z[n, row], c_prev, c[n, row], h[n, row])                  # fills in c and h
            h_prev, c_prev = h[n, row], c[n, row]


@kernel(defined_by=_scan_numpy)
def _scan(w_ss, h0, c0, z, c, h):
    (N, H, W, D), K = h.shape, len(w_ss)
    padded, first = np.zeros((W + K - 1, D), h.dtype), np.empty((W, D), h.dtype)
    states = padded[K // 2:K // 2 + W]                 # h of one row; zeros stay on both sides
    for w in range(W):
        for d in range(D):
            first[w, d] = c0[d]
    for n in range(N):
        cells = first
        for w in range(W):
            for d in range(D):
                states[w, d] = h0[d]
        for row in range(H):
            for k in range(K):
                # z[row] += padded[k:k + W] @ w_ss[k]
                add_product(padded[k:k + W], w_ss[k], z[n, row], 0, 0)
            cell(z[n, row], cells, c[n, row], states)
            cells = c[n, row]
            for w in range(W):
                for d in range(D):
                    h[n, row, w, d] = states[w, d]


def _scan_backward_numpy(w_ss, h0, c0, dh, gates, c, h, dz, dw_ss, dh0, dc0):
    """The recurrence in mirror, upward: dz is filled in; dw_ss, dh0, dc0 are added to.

    dpadded (W + K - 1, D) and dc (W, D) are what the row below adds to this row's gradients.
    """
    (N, H, W, D), K = h.shape, len(w_ss)
    middle = slice(K // 2, K // 2 + W)                 # the row without its padding
    for n in range(N):
        dpadded, dc = np.zeros((W + K - 1, D), h.dtype), np.zeros((W, D), h.dtype)
        for row in reversed(range(H)):
            h_prev = h[n, row - 1] if row else np.broadcast_to(h0, (W, D))
            c_prev = c[n, row - 1] if row else np.broadcast_to(c0, (W, D))
            dh_row = dh[n, row] + dpadded[middle]
            # fills in dz, and turns dc into that of c_prev
            cell_backward(gates[n, row], c_prev, c[n, row], dh_row, dc, dz[n, row])
            padded = np.pad(h_prev, ((K // 2, K // 2), (0, 0)))
            dpadded[...] = 0
            for k in range(K):
                # z[row] += padded[k:k + W] @ w_ss[k]
                dpadded[k:k + W] += dz[n, row] @ w_ss[k].T
                dw_ss[k] += padded[k:k + W].T @ dz[n, row]
        dh0 += dpadded[middle].sum(axis=0)
        dc0 += dc.sum(axis=0)


# w_back (K, 4D, D) is w_ss transposed, for the loops only: BLAS is slower when it transposes.

@kernel(defined_by=_scan_backward_numpy)
def _scan_backward(w_ss, h0, c0, dh, gates, c, h, dz, dw_ss, dh0, dc0, w_back):
    (N, H, W, D), K = h.shape, len(w_ss)
    padded, dpadded = np.zeros((W + K - 1, D), h.dtype), np.zeros((W + K - 1, D), h.dtype)
    h_prev, dh_row = padded[K // 2:K // 2 + W], np.empty((W, D), h.dtype)
    c_prev, dc = np.empty((W, D), h.dtype), np.empty((W, D), h.dtype)
    for n in range(N):
        dpadded[...] = 0
        dc[...] = 0
        for row in range(H - 1, -1, -1):
            for w in range(W):
                for d in range(D):
                    dh_row[w, d] = dh[n, row, w, d] + dpadded[K // 2 + w, d]
                above_h = h[n, row - 1, w] if row else h0
                for d in range(D):
                    h_prev[w, d] = above_h[d]
                above_c = c[n, row - 1, w] if row else c0
                for d in range(D):
                    c_prev[w, d] = above_c[d]
            cell_backward(gates[n, row], c_prev, c[n, row], dh_row, dc, dz[n, row])
            dpadded[...] = 0
            for k in range(K):
                # z[row] += padded[k:k + W] @ w_ss[k]
                add_product(dz[n, row], w_back[k], dpadded[k:k + W], 0, 0)
                add_product(padded[k:k + W], dz[n, row], dw_ss[k], 1, 0)
        for w in range(W):
            for d in range(D):
                dh0[d] += dpadded[K // 2 + w, d]
                dc0[d] += dc[w, d]
