"""Diagonal LSTM: an LSTM that reads the pixel to the left and the one above, so its time runs along the diagonals.

    z[r, c] = K_is x[r, c] + K_ss[0] h[r-1, c] + K_ss[1] h[r, c-1] + b          K_is: 1 x 1, mask B
    o, f, i, g, c[r, c], h[r, c]                       of z[r, c] and the cell on the left, c[r, c-1]: lstm_cell.py

van den Oord, Kalchbrenner, Kavukcuoglu, "Pixel Recurrent Neural Networks", 2016, section 3.2: in the skewed map (skew.py) a column is a diagonal,
K_ss is a 2 x 1 convolution down that column, padded with a zero row on *top*, and the recurrence runs from column to column. Here the
diagonals are cut out of the image as they are needed; the skewed map is never stored.

Left of the image. The skewed map has cells where the image has none; the paper does not say what they hold. Two choices, `padding`:
    "start"     the learned h0 and c0 stand left of every row                                           (the default)
    "evolve"    h0 and c0 stand left of the whole skewed map, and the recurrence, with no input but b, runs through the padding cells (r, c < 0), as
                in public code that does not mask them: lower rows start from a state that has run longer
Both are causal; the numbers differ. Above the image h is zero (the zero row), in both.

What it sees: everything above and to the left of the pixel, columns <= c; after a first convolution of reach m, <= c + m.

Read first: skew.py, lstm_cell.py.  Read next: diagonal_bilstm.py, spatial_lstm.py.
"""

from typing import NamedTuple

import numpy as np

from .. import masks
from ..runtime import blas
from ..runtime.blas import add_product
from ..runtime.kernels import kernel, plain
from . import conv2d
from .lstm_cell import cell, cell_backward

UP_AND_LEFT = ((-1, 0), (0, -1))                       # the taps of K_ss, in the order of w_ss


class Weights(NamedTuple):
    w_is: np.ndarray                                   # (1, C, 4D)  gates o, f, i, g side by side
    b: np.ndarray                                      # (4D,)
    w_ss: np.ndarray                                   # (2, D, 4D)  from above, from the left
    h0: np.ndarray                                     # (D,)
    c0: np.ndarray                                     # (D,)


def shapes(C, D):
    return Weights((1, C, 4 * D), (4 * D,), (2, D, 4 * D), (D,), (D,))


def init(rng, C, D, /, *, taps, dtype):
    """Variance 1 / fan-in for both products; forget bias 1, so that a new cell remembers; the start is zero."""
    w_is, b = conv2d.init(rng, C, 4 * D, taps=taps, dtype=dtype)
    b[D:2 * D] = 1
    w_ss = (rng.standard_normal((2, D, 4 * D)) / np.sqrt(2 * D)).astype(dtype)
    return Weights(w_is, b, w_ss, np.zeros(D, dtype), np.zeros(D, dtype))


def forward(x, w_is, b, w_ss, h0, c0, /, *, taps, padding="start", mirrored=False):
    """x (N, H, W, C) -> h (N, H, W, D), and the cache: the gates, cells and states, once.   float32 or float64

    taps      masks.Taps of K_is: masks.mask_b(1, ...)
    padding   "start" or "evolve", see above
    mirrored  True: of the mirrored image. Give x as it is: K_is is 1 x 1, so its output can be
              mirrored instead of x, and no mirrored copy of x is kept. h and dh are mirrored

    ValueError if shapes or dtypes disagree.
    """
    check(w_is, w_ss, h0, c0, padding)
    z, cache_is = conv2d.forward(x, w_is, b, taps=taps)                    # (N, H, W, 4D)
    N, H, W, _ = x.shape
    (h_left, c_left), margin = _left_of_the_image(H, b, w_ss, h0, c0, padding)
    h, c = np.empty((N, H, W, len(h0)), x.dtype), np.empty((N, H, W, len(h0)), x.dtype)
    gemm, lanes = blas.gemm_pointer(x.dtype), min(N, blas.LANES)

    def work(lane):
        if mirrored:
            _mirror(z[lane::lanes])
        _scan(gemm, blas.scratch(x.dtype), w_ss, h_left, c_left, lane, lanes, z, c, h)

    blas.parallel(work, lanes)
    return h, (cache_is, z, c, h, w_ss, h_left, c_left, margin, mirrored)


def backward(dh, cache, /):
    """dh (N, H, W, D) -> dx, dw_is, db, dw_ss, dh0, dc0.   Where forward was mirrored, so is dh; dx is not."""
    cache_is, gates, c, h, w_ss, h_left, c_left, margin, mirrored = cache
    lanes = max(1, min(len(h), blas.LANES))
    gemm, dz, w_back = blas.gemm_pointer(h.dtype), np.empty_like(gates), np.ascontiguousarray(w_ss.transpose(0, 2, 1))
    dw_ss, dh_left, dc_left = (np.zeros((lanes, *array.shape), h.dtype) for array in (w_ss, h_left, c_left))
    dh = plain(dh, h.shape)

    def work(lane):
        _scan_backward(gemm, blas.scratch(h.dtype), w_back, h_left, c_left, lane, lanes, dh, gates, c, h,
                       dz, dw_ss[lane], dh_left[lane], dc_left[lane])
        if mirrored:
            _mirror(dz[lane::lanes])

    blas.parallel(work, lanes)
    dx, dw_is, db = conv2d.backward(dz, cache_is)
    db_more, dw_ss_more, dh0, dc0 = _left_of_the_image_backward(dh_left.sum(axis=0), dc_left.sum(axis=0), w_ss, margin)
    return dx, dw_is, db + db_more, dw_ss.sum(axis=0) + dw_ss_more, dh0, dc0


def _mirror(z):
    """Columns from right to left, in place, image by image: so much stays in the cache."""
    for image in z:
        image[...] = image[:, ::-1].copy()


class State(NamedTuple):
    """States and cells so far. In both, pixel (r, c) lies at (r + 1, c + 1): row 0 is above the image, column 0 left of it."""
    i_s: conv2d.State
    h: np.ndarray                                      # (N, 1 + H, 1 + W, D)
    c: np.ndarray                                      # (N, 1 + H, 1 + W, D)
    w_ss: np.ndarray


def start(shape, w_is, b, w_ss, h0, c0, /, *, taps, padding="start"):
    """Memory for stepping through images of this shape."""
    check(w_is, w_ss, h0, c0, padding)
    N, H, W, _ = shape
    h, c = (np.zeros((N, 1 + H, 1 + W, len(h0)), w_is.dtype) for _ in range(2))
    (h[:, 1:, 0], c[:, 1:, 0]), _ = _left_of_the_image(H, b, w_ss, h0, c0, padding)
    return State(conv2d.start(shape, w_is, b, taps=taps), h, c, w_ss)


def step(x_t, state, /, *, at):
    """forward's h (N, k, D) at the strip `at`, where x_t (N, k, C) is the input there.   Updates `state` in place."""
    row, columns = at
    z = conv2d.step(x_t, state.i_s, at=at)                                 # (N, k, 4D)
    above, h, c = state.h[:, row], state.h[:, row + 1], state.c[:, row + 1]
    for k, column in enumerate(range(columns.start, columns.stop)):
        gates = z[:, k] + above[:, column + 1] @ state.w_ss[0] + h[:, column] @ state.w_ss[1]
        cell(gates, c[:, column], c[:, column + 1], h[:, column + 1])
    return h[:, columns.start + 1:columns.stop + 1].copy()


def reach(seen, /, *, shape, taps, padding="start"):
    """Which inputs (H, W, C) the states in `seen` (H, W, D) can depend on: everything above and to the left, in every colour; at the place itself K_is."""
    return conv2d.reach(np.tile(masks.above_and_left(seen), 4), shape=shape, taps=taps)


def check(w_is, w_ss, h0, c0, padding):
    """ValueError if the weights disagree among themselves; conv2d checks w_is and b against x."""
    D = len(h0)
    if padding not in ("start", "evolve"):
        raise ValueError(f'padding must be "start" or "evolve", is {padding!r}')
    if w_ss.shape != (2, D, 4 * D):
        raise ValueError(f"w_ss must be (2, {D}, {4 * D}), has shape {w_ss.shape}")
    if w_is.ndim != 3 or w_is.shape[2] != 4 * D:
        raise ValueError(f"w_is must be (1, C, {4 * D}), has shape {w_is.shape}")
    if c0.shape != h0.shape:
        raise ValueError(f"c0 must be {h0.shape}, has shape {c0.shape}")
    if not w_is.dtype == w_ss.dtype == h0.dtype == c0.dtype:
        raise ValueError(f"weights must have one dtype, have {w_is.dtype}, {w_ss.dtype}, {h0.dtype}, {c0.dtype}")


def _left_of_the_image(H, b, w_ss, h0, c0, padding):
    """States and cells (H, D) each in the column left of the image, and what their backward needs (None for "start").

    "evolve": padding cell (r, c), -r <= c < 0, is computed at time t = r + c; at t = -1 every row holds h0 and c0. No pixel has a part in it,
    so it is done once for all images. Row r is padding at the times t = 0, ..., r - 1.
    """
    h, c = (np.tile(start, (H, 1)) for start in (h0, c0))                  # (H, D) each
    if padding == "start":
        return (h, c), None
    steps = []
    for t in range(H - 1):                                                 # rows t + 1, ..., H - 1 are still left of the image
        above, left, c_prev = h[t:H - 1].copy(), h[t + 1:].copy(), c[t + 1:].copy()
        gates = b + above @ w_ss[0] + left @ w_ss[1]
        cell(gates, c_prev, c[t + 1:], h[t + 1:])
        steps.append((gates, above, left, c_prev, c[t + 1:].copy()))
    return (h, c), (steps,)


def _left_of_the_image_backward(dh, dc, w_ss, margin):
    """(H, D) gradients of the column left of the image -> db, dw_ss, dh0, dc0."""
    db, dw_ss = np.zeros(w_ss.shape[2], w_ss.dtype), np.zeros_like(w_ss)
    if margin is not None:
        H, (steps,) = len(dh), margin
        for t in reversed(range(H - 1)):
            gates, above, left, c_prev, c = steps[t]
            dz, dc_t = np.empty_like(gates), np.ascontiguousarray(dc[t + 1:])
            cell_backward(gates, c_prev, c, np.ascontiguousarray(dh[t + 1:]), dc_t, dz)
            # gates = b + above w_ss[0] + left w_ss[1]
            db += dz.sum(axis=0)
            dw_ss[0] += above.T @ dz
            dw_ss[1] += left.T @ dz
            dc[t + 1:] = dc_t
            dh[t + 1:] = dz @ w_ss[1].T
            dh[t:H - 1] += dz @ w_ss[0].T
    return db, dw_ss, dh.sum(axis=0), dc.sum(axis=0)


def _scan_numpy(gemm, scratch, w_ss, h_left, c_left, lane, lanes, z, c, h):
    """The recurrence, pixel by pixel, for the images n = lane, lane + lanes, ...: z (N, H, W, 4D) becomes the gates; c and h are filled in."""
    _, H, W, D = h.shape
    part = slice(lane, None, lanes)
    none = np.zeros_like(h[part, 0, 0])                                    # (images, D)
    for row in range(H):
        for column in range(W):
            h_above = h[part, row - 1, column] if row else none
            h_prev = h[part, row, column - 1] if column else none + h_left[row]
            c_prev = c[part, row, column - 1] if column else none + c_left[row]
            gates, c_here, h_here = z[part, row, column] + h_above @ w_ss[0] + h_prev @ w_ss[1], np.empty_like(none), np.empty_like(none)
            cell(gates, np.ascontiguousarray(c_prev), c_here, h_here)
            z[part, row, column], c[part, row, column], h[part, row, column] = gates, c_here, h_here


# The kernels go through all images of a lane together, diagonal t = row + column after diagonal. In their buffers place (row, m) of the diagonal, m
# counting the lane's images, lies at row M + m, so the rows in play are one contiguous block: what is above it is the same block, one row earlier.
# Innermost loops fill in one array each: such loops become vector instructions.

@kernel(defined_by=_scan_numpy)
def _scan(gemm, scratch, w_ss, h_left, c_left, lane, lanes, z, c, h):
    N, H, W, D = h.shape
    M = (N - lane + lanes - 1) // lanes
    states, cells = np.zeros(((H + 1) * M, D), h.dtype), np.empty((H * M, D), h.dtype)        # states: the zero row above, then every row
    gates, new = np.empty((H * M, 4 * D), h.dtype), np.empty((H * M, D), h.dtype)
    for t in range(H + W - 1):
        first, last = max(0, t - W + 1), min(H, t + 1)                     # rows on this diagonal
        if t < H:                                                          # row t begins
            for m in range(M):
                for d in range(D):
                    states[(t + 1) * M + m, d] = h_left[t, d]
                for d in range(D):
                    cells[t * M + m, d] = c_left[t, d]
        here = slice(first * M, last * M)
        for row in range(first, last):
            for m in range(M):
                n, place, column = lane + m * lanes, row * M + m, t - row
                for d in range(4 * D):
                    gates[place, d] = z[n, row, column, d]
        add_product(gemm, scratch, states[here], w_ss[0], gates[here], 0, 0)                  # row - 1 of diagonal t - 1: above
        add_product(gemm, scratch, states[(first + 1) * M:(last + 1) * M], w_ss[1], gates[here], 0, 0)      # row of diagonal t - 1: left
        cell(gates[here], cells[here], cells[here], new[here])
        for row in range(first, last):
            for m in range(M):
                n, place, column = lane + m * lanes, row * M + m, t - row
                for d in range(4 * D):
                    z[n, row, column, d] = gates[place, d]
                for d in range(D):
                    states[place + M, d] = new[place, d]
                for d in range(D):
                    h[n, row, column, d] = new[place, d]
                for d in range(D):
                    c[n, row, column, d] = cells[place, d]


def _scan_backward_numpy(gemm, scratch, w_back, h_left, c_left, lane, lanes, dh, gates, c, h, dz, dw_ss, dh_left, dc_left):
    """Backwards, pixel by pixel: dz is filled in; dw_ss, dh_left, dc_left are added to.   w_back (2, 4D, D) is w_ss transposed"""
    _, H, W, D = h.shape
    part = slice(lane, None, lanes)
    none = np.zeros_like(h[part, 0, 0])
    total, dc = dh[part].copy(), none.copy()
    for row in reversed(range(H)):
        dc[...] = 0
        for column in reversed(range(W)):
            h_above = h[part, row - 1, column] if row else none
            h_prev = h[part, row, column - 1] if column else none + h_left[row]
            c_prev = c[part, row, column - 1] if column else none + c_left[row]
            dz_here = np.empty_like(gates[part, row, column])
            cell_backward(gates[part, row, column].copy(), c_prev.copy(), c[part, row, column].copy(), total[:, row, column].copy(), dc, dz_here)
            # z += h_above w_ss[0] + h_prev w_ss[1]
            dz[part, row, column] = dz_here
            dw_ss[0] += h_above.T @ dz_here
            dw_ss[1] += h_prev.T @ dz_here
            if row:
                total[:, row - 1, column] += dz_here @ w_back[0]
            if column:
                total[:, row, column - 1] += dz_here @ w_back[1]
            else:
                dh_left[row] += (dz_here @ w_back[1]).sum(axis=0)
                dc_left[row] += dc.sum(axis=0)


@kernel(defined_by=_scan_backward_numpy)
def _scan_backward(gemm, scratch, w_back, h_left, c_left, lane, lanes, dh, gates, c, h, dz, dw_ss, dh_left, dc_left):
    N, H, W, D = h.shape
    M = (N - lane + lanes - 1) // lanes
    dstates, dc = np.zeros(((H + 1) * M, D), h.dtype), np.zeros((H * M, D), h.dtype)          # of diagonal t, from diagonal t + 1
    gates_t, dz_t = np.empty((H * M, 4 * D), h.dtype), np.empty((H * M, 4 * D), h.dtype)
    dh_t, c_prev, c_t = np.empty((H * M, D), h.dtype), np.empty((H * M, D), h.dtype), np.empty((H * M, D), h.dtype)
    h_prev = np.zeros(((H + 1) * M, D), h.dtype)                                              # of diagonal t - 1
    for t in range(H + W - 2, -1, -1):
        first, last = max(0, t - W + 1), min(H, t + 1)
        for row in range(first, last):
            column = t - row
            for m in range(M):
                n, place = lane + m * lanes, row * M + m
                for d in range(4 * D):
                    gates_t[place, d] = gates[n, row, column, d]
                for d in range(D):
                    dh_t[place, d] = dh[n, row, column, d] + dstates[place + M, d]
                for d in range(D):
                    c_t[place, d] = c[n, row, column, d]
                if column:
                    for d in range(D):
                        c_prev[place, d] = c[n, row, column - 1, d]
                    for d in range(D):
                        h_prev[place + M, d] = h[n, row, column - 1, d]
                else:
                    for d in range(D):
                        c_prev[place, d] = c_left[row, d]
                    for d in range(D):
                        h_prev[place + M, d] = h_left[row, d]
        if first:                                                          # above the first row of the diagonal the image goes on
            for m in range(M):
                for d in range(D):
                    h_prev[first * M + m, d] = h[lane + m * lanes, first - 1, t - first, d]
        else:
            h_prev[:M] = 0
        here, left = slice(first * M, last * M), slice((first + 1) * M, (last + 1) * M)
        cell_backward(gates_t[here], c_prev[here], c_t[here], dh_t[here], dc[here], dz_t[here])
        dstates[...] = 0
        # gates = z + above w_ss[0] + left w_ss[1]
        add_product(gemm, scratch, dz_t[here], w_back[0], dstates[here], 0, 0)
        add_product(gemm, scratch, dz_t[here], w_back[1], dstates[left], 0, 0)
        add_product(gemm, scratch, h_prev[here], dz_t[here], dw_ss[0], 1, 0)
        add_product(gemm, scratch, h_prev[left], dz_t[here], dw_ss[1], 1, 0)
        for row in range(first, last):
            for m in range(M):
                for d in range(4 * D):
                    dz[lane + m * lanes, row, t - row, d] = dz_t[row * M + m, d]
        if t < H:                                                          # row t began here: what is left of it is the start
            for m in range(M):
                for d in range(D):
                    dh_left[t, d] += dstates[(t + 1) * M + m, d]
                    dc_left[t, d] += dc[t * M + m, d]
                    dstates[(t + 1) * M + m, d] = 0
                    dc[t * M + m, d] = 0
