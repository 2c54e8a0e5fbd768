"""Diagonal LSTM: an LSTM that reads the pixel above and the one on its left.

    z[r, c] = K_is x[r, c] + K_ss[0] h[r-1, c] + K_ss[1] h[r, c-1] + b
    h[r, c], c[r, c] = cell(z[r, c], c[r, c-1])        the gates o, f, i, g are inside: lstm_cell.py

van den Oord, Kalchbrenner, Kavukcuoglu, "Pixel Recurrent Neural Networks", 2016, section 3.2. K_is
is a 1 x 1 convolution with mask B. In the paper's skewed map (skew.py) a column is a diagonal of
the image. There K_ss is a 2 x 1 convolution down the column, padded with a zero row on *top*, and
the recurrence runs from column to column. Here the skewed map is never stored. Each diagonal is cut
out of the image when its turn comes.

As a loop, for one image of 2 x 4 pixels. Index -1 is what stands outside the image:

    >>> rng, taps = np.random.default_rng(0), [(0, 0)]
    >>> x, weights = rng.standard_normal((1, 2, 4, 5)), init(rng, 5, 3, taps=taps, dtype=float)
    >>> w_is, b, w_ss, h0, c0 = weights
    >>> h, cells = np.zeros((3, 5, 3)), np.zeros((3, 5, 3))
    >>> h[:2, -1], cells[:2, -1] = h0, c0
    >>> for r, c in np.ndindex(2, 4):
    ...     z = x[0, r, c] @ w_is[0] + h[r - 1, c] @ w_ss[0] + h[r, c - 1] @ w_ss[1] + b
    ...     h[r, c], cells[r, c] = np.split(lstm_cell.forward(z, cells[r, c - 1])[0], 2)
    >>> np.allclose(h[:2, :4], forward(x, *weights, taps=taps)[0][0])
    True

Order of w_ss: the matrix from above comes first, then the one from the left. spatial_lstm.py has
them the other way round, as in its authors' program. Files of weights keep both orders.

Left of the image. The skewed map has cells where the image has none, and the paper does not say
what they hold. There are two choices, called `padding`:
    "start"     the learned h0 and c0 stand left of every row (the default)
    "evolve"    h0 and c0 stand left of the whole skewed map. The recurrence runs through its
                padding cells (r, c < 0) too, with b as their only input. So lower rows start from
                a state that has run longer. Public code that does not mask these cells does this.
Both are causal, but the numbers differ. In both, h is zero above the image (the zero row).

What it sees from (r, c): all pixels in rows <= r and columns <= c. After a first convolution that
reaches m columns, they are the columns <= c + m in the rows above.

Read first: layers/row_lstm.py, layers/skew.py.
Read next: layers/shift.py, layers/diagonal_bilstm.py, models/diagonal_lstm.py.
"""

from typing import NamedTuple

import numpy as np

from .. import masks
from ..runtime import blas
from ..runtime.blas import add_product
from ..runtime.kernels import kernel, plain
from . import conv2d, lstm_cell, skew
from .lstm_cell import cell, cell_backward


class Weights(NamedTuple):
    """K_is with its bias, K_ss, and what stands left of the image."""
    w_is: np.ndarray                                   # (1, C, 4D)  gates o, f, i, g side by side
    b: np.ndarray                                      # (4D,)
    w_ss: np.ndarray                                   # (2, D, 4D)  from above; from the left
    h0: np.ndarray                                     # (D,)
    c0: np.ndarray                                     # (D,)


def shapes(C, D):
    """The shapes of the weights for C channels in and D features out."""
    return Weights((1, C, 4 * D), (4 * D,), (2, D, 4 * D), (D,), (D,))


def init(rng, C, D, /, *, taps, dtype):
    """Both products of variance 1 / fan-in; the start is zero.

    The bias of the forget gate is 1, so that a new cell remembers.
    """
    w_is, b = conv2d.init(rng, C, 4 * D, taps=taps, dtype=dtype)
    b[D:2 * D] = 1
    w_ss = (rng.standard_normal((2, D, 4 * D)) / np.sqrt(2 * D)).astype(dtype)
    return Weights(w_is, b, w_ss, np.zeros(D, dtype), np.zeros(D, dtype))


def forward(x, w_is, b, w_ss, h0, c0, /, *, taps, padding="start", mirrored=False):
    """The states of every pixel, and the cache, which holds the gates, cells and states once.

    x         (N, H, W, C)  float32 or float64
    taps      masks.Taps of K_is: masks.mask_b(1, ...)
    padding   "start" or "evolve", see above
    mirrored  True: the states are those of the image with its columns turned round. x is given as
              it is, h comes out turned round. K_is is 1 x 1, so its output is turned round instead
              of x, and no second copy of x is kept
    returns   h (N, H, W, D); and the cache

    ValueError if shapes or dtypes disagree.
    """
    check(w_is, w_ss, h0, c0, padding)
    z, cache_is = conv2d.forward(x, w_is, b, taps=taps)                    # (N, H, W, 4D)
    shape = *x.shape[:3], len(h0)
    (h_left, c_left), steps = _left_of_the_image(shape[1], b, w_ss, h0, c0, padding)
    h, c = np.empty(shape, x.dtype), np.empty(shape, x.dtype)

    def work(z, c, h):
        if mirrored:
            _mirror(z)
        _scan(w_ss, h_left, c_left, z, c, h)

    blas.images_in_lanes(work, z, c, h)
    return h, (cache_is, z, c, h, w_ss, h_left, c_left, steps, mirrored)


def backward(dh, cache, /):
    """dh (N, H, W, D) -> dx, dw_is, db, dw_ss, dh0, dc0.

    Where forward was mirrored, dh is turned round as h was. dx is as x was.
    """
    cache_is, gates, c, h, w_ss, h_left, c_left, steps, mirrored = cache
    dh, dz = plain(dh, h.shape), np.empty_like(gates)
    w_back = np.ascontiguousarray(w_ss.transpose(0, 2, 1))

    def work(dh, gates, c, h, dz, *sums):
        _scan_backward(w_ss, h_left, c_left, dh, gates, c, h, dz, *sums, w_back)
        if mirrored:
            _mirror(dz)

    dw_ss, dh_left, dc_left = blas.images_in_lanes(work, dh, gates, c, h, dz,
                                                   sums=(w_ss, h_left, c_left))
    dx, dw_is, db = conv2d.backward(dz, cache_is)
    db_more, dw_ss_more, dh0, dc0 = _left_of_the_image_backward(dh_left, dc_left, w_ss, steps)
    return dx, dw_is, db + db_more, dw_ss + dw_ss_more, dh0, dc0


def _mirror(z):
    """Turn the columns of z (N, H, W, 4D) round, in place.

    It goes image by image, since one image fits in the processor's cache.
    """
    for image in z:
        image[...] = image[:, ::-1].copy()


class State(NamedTuple):
    """States and cells so far; in both, pixel (r, c) lies at (r + 1, c + 1).

    Row 0 is above the image, and column 0 left of it.
    """
    i_s: conv2d.State
    h: np.ndarray                                      # (N, 1 + H, 1 + W, D)
    c: np.ndarray                                      # (N, 1 + H, 1 + W, D)
    w_ss: np.ndarray


def start(shape, w_is, b, w_ss, h0, c0, /, *, taps, padding="start"):
    """Memory for stepping through images of this shape, (N, H, W, C); the rest as in forward."""
    check(w_is, w_ss, h0, c0, padding)
    N, H, W, _ = shape
    h, c = (np.zeros((N, 1 + H, 1 + W, len(h0)), w_is.dtype) for _ in range(2))
    (h[:, 1:, 0], c[:, 1:, 0]), _ = _left_of_the_image(H, b, w_ss, h0, c0, padding)
    return State(conv2d.start(shape, w_is, b, taps=taps), h, c, w_ss)


def step(x_t, state, /, *, at):
    """forward's h (N, k, D) at the strip `at`, given the input x_t (N, k, C) there.

    Updates `state` in place.
    """
    row, columns = at
    z = conv2d.step(x_t, state.i_s, at=at)                                 # (N, k, 4D)
    above, h, c = state.h[:, row], state.h[:, row + 1], state.c[:, row + 1]
    for k, column in enumerate(range(columns.start, columns.stop)):
        gates = z[:, k] + above[:, column + 1] @ state.w_ss[0] + h[:, column] @ state.w_ss[1]
        cell(gates, c[:, column], c[:, column + 1], h[:, column + 1])
    return h[:, columns.start + 1:columns.stop + 1].copy()


def reach(seen, /, *, shape, taps, padding="start"):
    """Which inputs (H, W, C) the states in `seen` (H, W, D) can depend on.

    These are what K_is sees of all places above and to the left, in every colour.
    """
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
        dtypes = ", ".join(str(array.dtype) for array in (w_is, w_ss, h0, c0))
        raise ValueError(f"weights must have one dtype, have {dtypes}")


def _left_of_the_image(H, b, w_ss, h0, c0, padding):
    """((h, c), steps): what stands left of the image.

    h       (H, D)   the state left of each row
    c       (H, D)   the cell left of each row
    steps   what the way back needs, a tuple for each time

    Where padding is "evolve", padding cell (r, c), -r <= c < 0, is computed at time t = r + c. At
    t = -1 every row holds h0 and c0. Row r is padding at the times t = 0, ..., r - 1. No pixel has
    a part in it, so it is done once for all images.
    """
    h, c = (np.tile(start, (H, 1)) for start in (h0, c0))                  # (H, D) each
    steps = []
    for t in range(H - 1 if padding == "evolve" else 0):
        # rows t + 1, ..., H - 1 are still left of the image
        above, left, c_prev = h[t:H - 1].copy(), h[t + 1:].copy(), c[t + 1:].copy()
        gates = b + above @ w_ss[0] + left @ w_ss[1]
        cell(gates, c_prev, c[t + 1:], h[t + 1:])
        steps.append((gates, above, left, c_prev, c[t + 1:].copy()))
    return (h, c), steps


def _left_of_the_image_backward(dh, dc, w_ss, steps):
    """db, dw_ss, dh0, dc0 from the gradients (H, D) of the column left of the image."""
    db, dw_ss = np.zeros(w_ss.shape[2], w_ss.dtype), np.zeros_like(w_ss)
    for t, (gates, above, left, c_prev, c) in reversed(list(enumerate(steps))):
        dz, dc_t = np.empty_like(gates), np.ascontiguousarray(dc[t + 1:])
        cell_backward(gates, c_prev, c, np.ascontiguousarray(dh[t + 1:]), dc_t, dz)
        # gates = b + above w_ss[0] + left w_ss[1]
        db += dz.sum(axis=0)
        dw_ss[0] += above.T @ dz
        dw_ss[1] += left.T @ dz
        dc[t + 1:] = dc_t
        dh[t + 1:] = dz @ w_ss[1].T
        dh[t:-1] += dz @ w_ss[0].T
    return db, dw_ss, dh.sum(axis=0), dc.sum(axis=0)


def _scan_numpy(w_ss, h_left, c_left, z, c, h):
    """The recurrence: z holds K_is x + b and becomes the gates; c and h are filled in.

    z        (N, H, W, 4D)
    c        (N, H, W, D)
    h        (N, H, W, D)
    h_left   (H, D)   what stands left of each row
    c_left   (H, D)
    """
    N, H, W, D = h.shape
    for row in range(H):
        h_prev, c_prev = np.tile(h_left[row], (N, 1)), np.tile(c_left[row], (N, 1))
        for column in range(W):
            h_above = h[:, row - 1, column] if row else np.zeros_like(h_prev)
            gates = z[:, row, column] + h_above @ w_ss[0] + h_prev @ w_ss[1]               # (N, 4D)
            h_here, c_here = h[:, row, column], c[:, row, column]
            cell(gates, c_prev, c_here, h_here)
            z[:, row, column], h_prev, c_prev = gates, h_here, c_here


# The kernels go from diagonal t = row + column to diagonal, through all images of a lane together.
# Place (row, n) of the diagonal lies at [row, n] in their buffers, so the rows in play are one
# contiguous block. The states above them are the same block, one row earlier.

@kernel(defined_by=_scan_numpy)
def _scan(w_ss, h_left, c_left, z, c, h):
    N, H, W, D = h.shape
    states = np.zeros((H + 1, N, D), h.dtype)          # the zero row above the image; every row
    gates, cells = np.empty((H, N, 4 * D), h.dtype), np.empty((H, N, D), h.dtype)
    for t in range(H + W - 1):
        first, last = skew.rows(t, H, W)
        if t < H:                                                          # row t begins
            for n in range(N):
                for d in range(D):
                    states[t + 1, n, d] = h_left[t, d]
                for d in range(D):
                    cells[t, n, d] = c_left[t, d]
        size, gates_t, c_t = (last - first) * N, gates[first:last], cells[first:last]
        skew.cut(t, z, gates_t)
        # h of this diagonal takes the place of what was on its left
        above, left = states[first:last], states[first + 1:last + 1]
        z_t, h_t = gates_t.reshape(size, 4 * D), left.reshape(size, D)
        add_product(above.reshape(size, D), w_ss[0], z_t, 0, 0)
        add_product(h_t, w_ss[1], z_t, 0, 0)
        cell(z_t, c_t.reshape(size, D), c_t.reshape(size, D), h_t)
        skew.paste(t, gates_t, z)
        skew.paste(t, c_t, c)
        skew.paste(t, left, h)


def _scan_backward_numpy(w_ss, h_left, c_left, dh, gates, c, h, dz, dw_ss, dh_left, dc_left):
    """Back through the pixels: dz is filled in; dw_ss, dh_left, dc_left are added to."""
    N, H, W, D = h.shape
    dh = dh.copy()                                     # its neighbours add to the dh of a pixel
    for row in reversed(range(H)):
        dc = np.zeros((N, D), h.dtype)
        for column in reversed(range(W)):
            h_above = h[:, row - 1, column] if row else np.zeros_like(dc)
            h_prev = h[:, row, column - 1] if column else np.tile(h_left[row], (N, 1))
            c_prev = c[:, row, column - 1] if column else np.tile(c_left[row], (N, 1))
            gates_here, dz_here = gates[:, row, column].copy(), np.empty((N, 4 * D), h.dtype)
            cell_backward(gates_here, c_prev, c[:, row, column], dh[:, row, column], dc, dz_here)
            dz[:, row, column] = dz_here
            # z = K_is x + b + h_above w_ss[0] + h_prev w_ss[1]
            dw_ss[0] += h_above.T @ dz_here
            dw_ss[1] += h_prev.T @ dz_here
            if row:
                dh[:, row - 1, column] += dz_here @ w_ss[0].T
            if column:
                dh[:, row, column - 1] += dz_here @ w_ss[1].T
            else:
                dh_left[row] += (dz_here @ w_ss[1].T).sum(axis=0)
                dc_left[row] += dc.sum(axis=0)


# w_back (2, 4D, D) is w_ss transposed: BLAS is slower when it transposes.

@kernel(defined_by=_scan_backward_numpy)
def _scan_backward(w_ss, h_left, c_left, dh, gates, c, h, dz, dw_ss, dh_left, dc_left, w_back):
    N, H, W, D = h.shape
    gates_t, dz_t = np.empty((H, N, 4 * D), h.dtype), np.empty((H, N, 4 * D), h.dtype)
    c_t, c_prev = np.empty((H, N, D), h.dtype), np.empty((H, N, D), h.dtype)
    h_prev, dh_t = np.zeros((H + 1, N, D), h.dtype), np.empty((H, N, D), h.dtype)
    dstates, dc = np.zeros((H + 1, N, D), h.dtype), np.zeros((H, N, D), h.dtype)
    skew.cut(H + W - 2, c, c_t[H - 1:])                # the last diagonal is one pixel
    for t in range(H + W - 2, -1, -1):
        first, last = skew.rows(t, H, W)
        skew.cut(t, gates, gates_t[first:last])
        top, end = skew.rows(t - 1, H, W)
        skew.cut(t - 1, c, c_prev[top:end])
        skew.cut(t - 1, h, h_prev[top + 1:end + 1])
        if t < H:                                                          # row t begins here
            for n in range(N):
                for d in range(D):
                    h_prev[t + 1, n, d] = h_left[t, d]
                for d in range(D):
                    c_prev[t, n, d] = c_left[t, d]
        for row in range(first, last):
            for n in range(N):
                for d in range(D):
                    dh_t[row, n, d] = dh[n, row, t - row, d] + dstates[row + 1, n, d]
        size = (last - first) * N
        dz_here = dz_t[first:last].reshape(size, 4 * D)
        cell_backward(
            gates_t[first:last].reshape(size, 4 * D), c_prev[first:last].reshape(size, D),
            c_t[first:last].reshape(size, D), dh_t[first:last].reshape(size, D),
            dc[first:last].reshape(size, D), dz_here)
        skew.paste(t, dz_t[first:last], dz)
        dstates[...] = 0                                                   # now of diagonal t - 1
        for k in range(2):
            # z = K_is x + b + above w_ss[0] + left w_ss[1]
            here = slice(first + k, last + k)
            add_product(dz_here, w_back[k], dstates[here].reshape(size, D), 0, 0)
            add_product(h_prev[here].reshape(size, D), dz_here, dw_ss[k], 1, 0)
        if t < H:                                                          # its left is the start
            for n in range(N):
                for d in range(D):
                    dh_left[t, d] += dstates[t + 1, n, d]
                    dc_left[t, d] += dc[t, n, d]
                    dstates[t + 1, n, d] = 0
                    dc[t, n, d] = 0
        c_t, c_prev = c_prev, c_t
