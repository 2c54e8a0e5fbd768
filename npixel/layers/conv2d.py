"""Convolution as a sum over a list of taps: every convolution of this package is this one with another list.

    y[n, r, c] = b + Σ_t x[n, s r + δ dr_t, s c + δ dc_t] · (w[t] ∘ mask[t])      s: stride, δ: dilation; x = 0 outside the image

A tap is an offset (dr, dc) into the input, dr rows below and dc columns to the right of the output pixel. A K x K convolution is
K² taps; a masked one is a list whose mask is zero below and to the right; 1 x 1 is the list [(0, 0)]. masks.py makes the lists.
The same sum as van den Oord et al. 2016 (section 3.4) write with a mask over a K x K kernel, but dead taps cost nothing:
a tap whose mask is all zero, or that lies outside every image, is never read.

How it is computed. Each image is copied once into a zero-padded canvas whose rows lie `pitch` pixels apart, so a tap is one
constant offset in flattened pixels, and a tile of pixels times w[t] is one small BLAS product added to the tile of y:

    Y[tile] += X[tile + offset_t] w[t]                       forward
    dX[tile + offset_t] += dY[tile] w[t]ᵀ                    backward, the same loops
    dw[t]   += X[tile + offset_t]ᵀ dY[tile]

With stride s the canvas holds the s² phases of the image, each of which meets the output pixel by pixel. Convolutions
over few channels (the first of a net) are gathered into one tap of T C channels first: their products would be too thin.

Read first: masks.py, blas.py.  Read next: relu.py, models/pixelcnn.py.
"""

from typing import NamedTuple

import numpy as np

from ..runtime import blas
from ..runtime.blas import BLOCK, TILE, add_product
from ..runtime.kernels import kernel, plain
from ..masks import Taps, as_taps

THIN = 8                                               # gather the taps of inputs with fewer channels than this


class Weights(NamedTuple):
    w: np.ndarray                                      # (T, C, D)  one matrix per tap
    b: np.ndarray                                      # (D,)


def shapes(T, C, D):
    return Weights((T, C, D), (D,))


def init(rng, C, D, /, *, taps, dtype, gain=1.0):
    """Weights for the live taps with mean 0 and variance gain² / (live inputs of an output channel); dead weights and b are zero.

    gain   1 keeps the variance of a linear layer (LeCun 1998), sqrt(2) that of one that follows a relu (He et al. 2015)
    """
    offsets, mask = as_taps(taps, C, D)
    fan_in = np.maximum(mask.sum(axis=(0, 1)), 1)                          # (D,)
    w = rng.standard_normal(mask.shape) * (gain / np.sqrt(fan_in)) * mask
    return Weights(w.astype(dtype), np.zeros(D, dtype))


def forward(x, w, b, /, *, taps, stride=1, dilation=1):
    """The sum above.

    x   (N, H, W, C)   float32 or float64
    w   (T, C, D)      one matrix per tap, of x's dtype
    b   (D,)
    taps      masks.Taps, or a plain list of T pairs (dr, dc) where nothing is masked
    stride    s >= 1; y has ceil(H / s) rows and ceil(W / s) columns
    dilation  δ >= 1; offsets are multiplied by it
    returns   y (N, ceil(H/s), ceil(W/s), D), and the cache

    ValueError if ranks, dtypes, channels or the number of taps disagree.
    """
    return correlate(x, w, b, taps, stride, dilation, rectify=False)


def correlate(x, w, b, taps, stride, dilation, rectify):
    """forward, of x or, where `rectify`, of max(x, 0): relu_conv2d.py."""
    offsets, mask = check(x.shape, x.dtype, w, b, taps, stride, dilation)
    live = _live(offsets, mask, x.shape, stride, dilation)                 # indices into the list
    lists = np.array(offsets, np.int64).reshape(-1, 2)[live] * dilation    # (T', 2)
    wm = np.ascontiguousarray((w * mask)[live])                            # (T', C, D)
    gathered = x.shape[3] < THIN and len(live) * stride > 1
    if gathered:
        z = _gather(x, lists, stride)                                      # (N, H', W', T' C)
        y = _correlate_all(z, wm.reshape(1, -1, wm.shape[2]), b, _HERE, 1, rectify)
    else:
        z = plain(x)
        y = _correlate_all(z, wm, b, lists, stride, rectify)
    return y, (z, x.shape, wm, mask, live, lists, stride, gathered, rectify)


def backward(dy, cache, /):
    """dy (N, H', W', D) -> dx (N, H, W, C), dw (T, C, D), db (D,).   Masked and dead weights have gradient zero."""
    z, x_shape, wm, mask, live, lists, stride, gathered, rectify = cache
    expected = (len(z), -(-x_shape[1] // stride), -(-x_shape[2] // stride), wm.shape[2])
    if dy.shape != expected or dy.dtype != wm.dtype:
        raise ValueError(f"dy must be {wm.dtype} {expected}, is {dy.dtype} {dy.shape}")
    dy = plain(dy)
    if gathered:
        dz, dwm, db = _correlate_all_backward(dy, z, wm.reshape(1, -1, wm.shape[2]), _HERE, 1, rectify)
        dx = _scatter(dz, x_shape, lists, stride)
    else:
        dx, dwm, db = _correlate_all_backward(dy, z, wm, lists, stride, rectify)
    dw = np.zeros(mask.shape, dy.dtype)
    dw[live] = dwm.reshape(wm.shape)
    dw *= mask                                                             # forward used w * mask
    return dx, dw, db


class State(NamedTuple):
    """What a causal convolution remembers: the image so far, on a zero-padded canvas of flattened pixels."""
    canvas: np.ndarray                                 # (N, cells, C)   pixel (r, c) is cell (top + r) pitch + left + c
    pitch: int                                         # cells in a canvas row
    origin: int                                        # the cell of pixel (0, 0)
    stride: int
    offsets: np.ndarray                                # (T',) where each live tap stands, in cells from the pixel it belongs to
    w: np.ndarray                                      # (T', C, D)      masked once, live taps only
    b: np.ndarray                                      # (D,)
    reach: tuple                                       # the smallest and the largest offset


def start(shape, w, b, /, *, taps, stride=1, dilation=1):
    """Memory for stepping through images of this shape, pixel by pixel: start is to step what forward is to backward."""
    offsets, mask = check(shape, w.dtype, w, b, taps, stride, dilation)
    N, H, W, C = shape
    live = _live(offsets, mask, shape, stride, dilation)
    lists = np.array(offsets, np.int64).reshape(-1, 2)[live] * dilation
    top, left = np.maximum(-lists.min(axis=0, initial=0), 0)
    bottom, right = np.maximum(lists.max(axis=0, initial=0), 0)
    pitch = int(left + W + right)
    canvas = np.zeros((N, int(top + H + bottom) * pitch, C), w.dtype)
    offsets = lists @ [pitch, 1]
    reach = (int(offsets.min()), int(offsets.max())) if offsets.size else (0, 0)
    return State(canvas, pitch, int(top * pitch + left), stride, offsets,
                 np.ascontiguousarray((w * mask)[live]), b, reach)


def write(x_t, state, /, *, at):
    """Pixels `at` = (row, columns) of the input are known now: x_t (N, k, C).   Updates `state` in place."""
    row, columns = at
    first = state.origin + row * state.pitch
    state.canvas[:, first + columns.start:first + columns.stop] = x_t


def read(state, /, *, at):
    """y at `at` = (row, columns) of the output, (N, k, D), from what has been written so far.

    ValueError if that is outside the image.
    """
    row, columns = at
    y = np.empty((len(state.canvas), columns.stop - columns.start, len(state.b)), state.canvas.dtype)
    first = state.origin + state.stride * (row * state.pitch + columns.start)
    lowest = first + state.reach[0]
    highest = first + state.stride * (y.shape[1] - 1) + state.reach[1]
    if y.shape[1] and not 0 <= lowest <= highest < state.canvas.shape[1]:
        raise ValueError(f"row {row}, columns {columns.start} to {columns.stop} "
                         "are outside the image")
    _read(state.canvas, first, state.stride, state.offsets, state.w, state.b, y)
    return y


def step(x_t, state, /, *, at):
    """forward's y (N, k, D) at the strip `at` = (row, columns), where x_t (N, k, C) is the input there; every earlier strip
    has been stepped. For taps that look up and to the left only, stride 1.   Updates `state` in place."""
    write(x_t, state, at=at)
    return read(state, at=at)


def reach(seen, /, *, shape, taps, stride=1, dilation=1):
    """Which inputs the outputs in `seen` can depend on for some weights.

    seen      (H', W', D) bool, a set of outputs;  shape (H, W) of the input
    returns   (H, W, C) bool

    ValueError if taps have no channel mask: then C is unknown.
    """
    offsets, mask = taps
    if mask is None:
        raise ValueError("taps need a channel mask (T, C, D) here: it says how many channels there are")
    needed = np.zeros((*shape, mask.shape[1]), bool)
    for (dr, dc), m in zip(offsets, mask):
        (r, rx), (c, cx) = (_overlap(size, out, shift * dilation, stride) for size, out, shift in zip(shape, seen.shape, (dr, dc)))
        needed[rx, cx] |= seen[r, c] @ m.T
    return needed


def as_matrix(x, w, b, /, *, taps):
    """The same sum as one product, for layers that do it bit by bit: y = z m + b.   stride 1, dilation 1

    returns   z (N, H, W, K), the numbers that live taps read, side by side (x itself for the list [(0, 0)]);
              m (K, D), their weights, masked; and what from_matrix needs

    ValueError as in forward.
    """
    offsets, mask = check(x.shape, x.dtype, w, b, taps)
    live = _live(offsets, mask, x.shape, 1, 1)
    lists = np.array(offsets, np.int64).reshape(-1, 2)[live]
    here = np.array_equal(lists, _HERE)
    z = plain(x) if here else _gather(x, lists, 1)
    m = np.ascontiguousarray((w * mask)[live].reshape(-1, w.shape[2]))
    return z, m, (x.shape, mask, live, lists, here)


def from_matrix(dz, dm, back):
    """dz (N, H, W, K), dm (K, D) -> dx, dw: the way back from as_matrix."""
    shape, mask, live, lists, here = back
    dw = np.zeros(mask.shape, dm.dtype)
    dw[live] = dm.reshape(len(live), *mask.shape[1:])
    return dz if here else _scatter(dz, shape, lists, 1), dw * mask


def check(shape, dtype, w, b, taps, stride=1, dilation=1):
    """The offsets and the mask (T, C, D) of `taps`, after every argument has been held against the others."""
    if len(shape) != 4:
        raise ValueError(f"x must be (N, H, W, C), has shape {tuple(shape)}")
    if w.ndim != 3:
        raise ValueError(f"w must be (taps, C, D), has shape {w.shape}")
    if w.shape[1] != shape[3]:
        raise ValueError(f"w expects {w.shape[1]} channels, x has {shape[3]}")
    if b.shape != w.shape[2:]:
        raise ValueError(f"b must be ({w.shape[2]},), has shape {b.shape}")
    if not dtype == w.dtype == b.dtype:
        raise ValueError(f"x, w and b must have one dtype, have {dtype}, {w.dtype}, {b.dtype}")
    if stride < 1 or dilation < 1:
        raise ValueError(f"stride and dilation must be at least 1, are {stride} and {dilation}")
    offsets, mask = as_taps(taps, *w.shape[1:])
    if len(offsets) != len(w):
        raise ValueError(f"w has {len(w)} taps, the list {len(offsets)}")
    return offsets, mask


_HERE = np.zeros((1, 2), np.int64)                     # the list of a 1 x 1 convolution


def _live(offsets, mask, shape, stride, dilation):
    """Indices of the taps that some output pixel can read: not masked away, and not outside the image everywhere."""
    _, H, W, _ = shape
    last_row, last_column = (H - 1) // stride * stride, (W - 1) // stride * stride      # where the last output pixel stands
    return [t for t, (dr, dc) in enumerate(offsets)
            if mask[t].any() and -last_row <= dr * dilation < H and -last_column <= dc * dilation < W]


def _overlap(size, out, shift, stride):
    """Where output i reads input stride i + shift inside [0, size): the slice of outputs and the slice of inputs."""
    first = max(0, -(shift // stride))
    last = min(out, -((shift - size) // stride))                           # ceil((size - shift) / stride)
    start = first * stride + shift
    return slice(first, max(first, last)), slice(start, max(start, (last - 1) * stride + shift + 1), stride)


def _gather(x, lists, stride):
    """(N, H', W', T C): for every output pixel, the pixels its taps read, side by side."""
    N, H, W, C = x.shape
    rows, columns = -(-H // stride), -(-W // stride)
    z = np.zeros((N, rows, columns, len(lists), C), x.dtype)
    for t, (dr, dc) in enumerate(lists):
        (r, rx), (c, cx) = _overlap(H, rows, dr, stride), _overlap(W, columns, dc, stride)
        z[:, r, c, t] = x[:, rx, cx]
    return z.reshape(N, rows, columns, len(lists) * C)


def _scatter(dz, shape, lists, stride):
    """The transpose of `_gather`: every pixel collects the gradients of the places it was copied to."""
    _, H, W, C = shape
    _, rows, columns, _ = dz.shape
    dz = dz.reshape(len(dz), rows, columns, len(lists), C)
    dx = np.zeros(shape, dz.dtype)
    for t, (dr, dc) in enumerate(lists):
        (r, rx), (c, cx) = _overlap(H, rows, dr, stride), _overlap(W, columns, dc, stride)
        dx[:, rx, cx] += dz[:, r, c, t]
    return dx


def _correlate_all(x, w, b, lists, stride, rectify):
    """y of the whole batch.

    Lane l computes the images l, l + lanes, ... An image is computed alone, so the result does not
    depend on the number of threads.
    """
    N, H, W, _ = x.shape
    y = np.empty((N, -(-H // stride), -(-W // stride), w.shape[2]), x.dtype)
    blas.check_dtype(x.dtype)
    lanes, plan = min(N, blas.threads()), _plan(lists, stride, *y.shape[1:3])
    size = _space(plan, stride, y.shape[1], x.shape[3], y.shape[3], 1)
    blas.parallel(lambda lane: _correlate(blas.workspace(x.dtype, size), plan, x, w, b, lists, stride, rectify,
                                          lane, lanes, y), lanes)
    return y


def _correlate_all_backward(dy, x, w, lists, stride, rectify):
    """dx, dw, db of the whole batch; each lane sums dw and db over its own images.

    There are always LANES lanes, however many threads. Their sums are added in lane order, so the
    last bits never change.
    """
    lanes, plan = max(1, min(len(x), blas.LANES)), _plan(lists, stride, *dy.shape[1:3])
    dx = np.empty_like(x)
    dw, db = np.zeros((lanes, *w.shape), x.dtype), np.zeros((lanes, w.shape[2]), x.dtype)
    size, workers = _space(plan, stride, dy.shape[1], x.shape[3], dy.shape[3], 2), min(lanes, blas.threads())
    blas.parallel(lambda worker: _correlate_backward(blas.workspace(x.dtype, size), plan, dy, x, w, lists, stride, rectify,
                                                     worker, workers, dx, dw, db), workers)
    return dx, dw.sum(axis=0), db.sum(axis=0)


def _plan(taps, stride, rows, columns):
    """The geometry of the canvas for `rows` x `columns` outputs: (left, pitch, top, height, offsets).

    left     zero columns in front of each row; those in front of the next row serve as the ones behind this one
    pitch    pixels from one canvas row to the next
    top      canvas rows above the first output row
    height   rows of one phase; the last is zero, for the taps to the right of the row before it
    offsets  (T,) where each tap stands, in flattened pixels, when the output pixel is (0, 0)
    """
    shift, phase = np.divmod(taps, stride)                                 # (T, 2) each: x[s r + dr] is phase[r + shift]
    top, left = np.maximum(-shift.min(axis=0, initial=0), 0)
    bottom, right = np.maximum(shift.max(axis=0, initial=0), 0)
    pitch, height = columns + max(left, right), top + rows + bottom + 1
    offsets = ((phase[:, 0] * stride + phase[:, 1]) * height + shift[:, 0] + top) * pitch + shift[:, 1] + left
    return int(left), int(pitch), int(top), int(height), offsets


def _space(plan, stride, rows, C, D, inputs):
    """Numbers in the canvases of one image: `inputs` for x (and dx), one for y."""
    _, pitch, _, height, _ = plan
    return inputs * stride * stride * height * pitch * C + rows * pitch * D


def _correlate_numpy(space, plan, x, w, b, taps, stride, rectify, lane, lanes, y):
    """y[n, r, c] = b + sum over t of x[n, s r + dr, s c + dc] w[t], for the images n = lane, lane + lanes, ...   rectify: of max(x, 0)"""
    x, y = x[lane::lanes], y[lane::lanes]
    if rectify:
        x = np.maximum(x, 0)
    y[...] = b
    for t, (dr, dc) in enumerate(taps):
        (r, rx), (c, cx) = _overlap(x.shape[1], y.shape[1], dr, stride), _overlap(x.shape[2], y.shape[2], dc, stride)
        y[:, r, c] += x[:, rx, cx] @ w[t]


@kernel(defined_by=_correlate_numpy)
def _correlate(space, plan, x, w, b, taps, stride, rectify, lane, lanes, y):
    left, pitch, top, height, offsets = plan
    N, R, Q, D = y.shape
    C, last = x.shape[3], (R - 1) * pitch + Q                              # flattened pixels, from the first output to the last
    whole = pitch == Q                                                     # no columns between the rows: y is its own canvas
    direct = whole and height == R + 1 and stride == 1 and not rectify     # 1 x 1: so is x
    cells, size = stride * stride * height * pitch, _tile(C, D)
    X, Y = space[:cells * C].reshape(cells, C), space[cells * C:cells * C + R * pitch * D].reshape(R * pitch, D)
    X[...] = 0
    for n in range(lane, N, lanes):
        if direct:
            X = x[n].reshape(R * Q, C)
        else:
            _draw_canvas(X, x[n], left, pitch, top, height, stride, rectify)
        if whole:
            Y = y[n].reshape(R * Q, D)
        for start in range(0, last, size):
            stop = min(last, start + size)
            for i in range(start, stop):
                for d in range(D):
                    Y[i, d] = b[d]
            for t in range(len(w)):
                add_product(X[start + offsets[t]:stop + offsets[t]], w[t], Y[start:stop], 0, 0)
        if not whole:
            for r in range(R):
                for q in range(Q):
                    for d in range(D):
                        y[n, r, q, d] = Y[r * pitch + q, d]


def _correlate_backward_numpy(space, plan, dy, x, w, taps, stride, rectify, worker, workers, dx, dw, db):
    """The gradients of the images of lanes worker, worker + workers, ...: dx is filled in, each lane's dw and db are added to.

    dw (lanes, T, C, D)   db (lanes, D)   lane l holds the images l, l + lanes, ...
    """
    lanes, _, C, D = dw.shape
    for lane in range(worker, lanes, workers):
        dy_lane, x_lane, dx_lane = dy[lane::lanes], x[lane::lanes], dx[lane::lanes]
        alive = x_lane > 0 if rectify else True
        x_lane = x_lane * alive
        dx_lane[...] = 0
        db[lane] += dy_lane.sum(axis=(0, 1, 2))
        for t, (dr, dc) in enumerate(taps):
            (r, rx), (c, cx) = _overlap(x.shape[1], dy.shape[1], dr, stride), _overlap(x.shape[2], dy.shape[2], dc, stride)
            dx_lane[:, rx, cx] += dy_lane[:, r, c] @ w[t].T
            dw[lane, t] += x_lane[:, rx, cx].reshape(-1, C).T @ dy_lane[:, r, c].reshape(-1, D)
        dx_lane *= alive


@kernel(defined_by=_correlate_backward_numpy)
def _correlate_backward(space, plan, dy, x, w, taps, stride, rectify, worker, workers, dx, dw, db):
    left, pitch, top, height, offsets = plan
    N, R, Q, D = dy.shape
    C, last, lanes = x.shape[3], (R - 1) * pitch + Q, dw.shape[0]
    whole = pitch == Q
    direct = whole and height == R + 1 and stride == 1 and not rectify
    cells, size, db_image = stride * stride * height * pitch, _tile(C, D), np.empty(D, x.dtype)
    X, dX = space[:cells * C].reshape(cells, C), space[cells * C:2 * cells * C].reshape(cells, C)
    dY = space[2 * cells * C:2 * cells * C + R * pitch * D].reshape(R * pitch, D)
    X[...] = 0
    dY[...] = 0                                                            # the columns between the rows stay zero
    wt = np.ascontiguousarray(w.transpose(0, 2, 1))                        # BLAS is slower when it transposes
    for lane in range(worker, lanes, workers):
        for n in range(lane, N, lanes):
            if direct:
                X, dX = x[n].reshape(R * Q, C), dx[n].reshape(R * Q, C)
            else:
                _draw_canvas(X, x[n], left, pitch, top, height, stride, rectify)
            if whole:
                dY = dy[n].reshape(R * Q, D)
            else:
                for r in range(R):
                    for q in range(Q):
                        for d in range(D):
                            dY[r * pitch + q, d] = dy[n, r, q, d]
            dX[...] = 0
            for start in range(0, last, size):
                stop = min(last, start + size)
                for t in range(len(w)):
                    here, there = slice(start, stop), slice(start + offsets[t], stop + offsets[t])
                    # Y[here] += X[there] w[t]
                    add_product(dY[here], wt[t], dX[there], 0, 0)
                    add_product(X[there], dY[here], dw[lane, t], 1, 0)
            db_image[...] = 0                                              # image by image: fewer roundings than one long sum
            for r in range(R):
                for q in range(Q):
                    for d in range(D):
                        db_image[d] += dy[n, r, q, d]
            for d in range(D):
                db[lane, d] += db_image[d]
            if not direct:
                _read_canvas(dX, x[n], dx[n], left, pitch, top, height, stride, rectify)


def _tile_numpy(C, D):
    """Pixels in one product, so that it multiplies at most blas.TILE numbers; a multiple of 8 where that leaves more than 8."""
    size = blas.TILE // (min(C, BLOCK) * min(D, BLOCK))
    return max(1, size - size % 8 if size > 8 else size)


@kernel(defined_by=_tile_numpy)
def _tile(C, D):
    size = TILE // (min(C, BLOCK) * min(D, BLOCK))
    return max(1, size - size % 8 if size > 8 else size)


def _draw_canvas_numpy(X, x, left, pitch, top, height, stride, rectify):
    """Copy the image x (H, W, C) into its s² phases on the canvas X; everything else on the canvas is zero and stays so."""
    phases = X.reshape(stride, stride, height, pitch, -1)
    for i in range(stride):
        for j in range(stride):
            phase = x[i::stride, j::stride]
            phases[i, j, top:top + phase.shape[0], left:left + phase.shape[1]] = np.maximum(phase, 0) if rectify else phase


@kernel(defined_by=_draw_canvas_numpy)
def _draw_canvas(X, x, left, pitch, top, height, stride, rectify):
    nothing = x.dtype.type(0)
    for r in range(x.shape[0]):
        for c in range(x.shape[1]):
            cell = (((r % stride) * stride + c % stride) * height + top + r // stride) * pitch + left + c // stride
            if rectify:
                for k in range(x.shape[2]):
                    X[cell, k] = max(x[r, c, k], nothing)
            else:
                for k in range(x.shape[2]):
                    X[cell, k] = x[r, c, k]


def _read_canvas_numpy(dX, x, dx, left, pitch, top, height, stride, rectify):
    """The reverse of `_draw_canvas`: fill dx (H, W, C) from the canvas dX; where x was rectified away, zero."""
    phases = dX.reshape(stride, stride, height, pitch, -1)
    for i in range(stride):
        for j in range(stride):
            rows, columns = x[i::stride, j::stride].shape[:2]
            dx[i::stride, j::stride] = phases[i, j, top:top + rows, left:left + columns]
    if rectify:
        dx *= x > 0


@kernel(defined_by=_read_canvas_numpy)
def _read_canvas(dX, x, dx, left, pitch, top, height, stride, rectify):
    nothing = dx.dtype.type(0)
    for r in range(x.shape[0]):
        for c in range(x.shape[1]):
            cell = (((r % stride) * stride + c % stride) * height + top + r // stride) * pitch + left + c // stride
            if rectify:
                for k in range(x.shape[2]):
                    dx[r, c, k] = dX[cell, k] if x[r, c, k] > 0 else nothing
            else:
                for k in range(x.shape[2]):
                    dx[r, c, k] = dX[cell, k]


def _read_numpy(canvas, first, stride, offsets, w, b, y):
    """y[n, k] = b + sum over t of canvas[n, first + stride k + offsets[t]] w[t]"""
    cells = first + stride * np.arange(y.shape[1])[:, None] + offsets      # (k, T)
    y[...] = np.einsum("nktc,tcd->nkd", canvas[:, cells], w) + b


@kernel(defined_by=_read_numpy)
def _read(canvas, first, stride, offsets, w, b, y):
    N, K, D = y.shape
    for n in range(N):
        for k in range(K):
            for d in range(D):
                y[n, k, d] = b[d]
            for t in range(len(offsets)):
                cell = first + stride * k + offsets[t]
                for c in range(w.shape[1]):
                    v = canvas[n, cell, c]
                    if v != 0:                                             # relu's zeros, and what is not known yet
                        for d in range(D):
                            y[n, k, d] += v * w[t, c, d]
