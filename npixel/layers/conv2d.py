"""Convolution as a sum over a list of taps: every convolution of this package is this one.

    y[n, r, c] = b + Σ_u x[n, s r + δ dr_u, s c + δ dc_u] · (w[u] ∘ mask[u])

    x (N, H, W, C), 0 outside the image     w, mask (U, C, D)     ∘: entry by entry
    y (N, ⌈H/s⌉, ⌈W/s⌉, D)                  b (D,)                s: stride     δ: dilation

Tap u reads the input dr_u rows below and dc_u columns to the right of the output pixel. A K x K
convolution has K² taps; a 1 x 1 convolution has one, (0, 0). masks.py makes lists of taps, and the
masks that hide later pixels.

Taps whose mask is all zero, or that never meet the image, are dead: they cost nothing. The others
are live. Van den Oord et al. 2016 (section 3.4) multiply a K x K kernel by a mask: the same sum.

The loops of the textbook, for one image and a causal 2 x 2 kernel:

    >>> x, w, b = np.arange(12.0).reshape(3, 4, 1), np.arange(8.0).reshape(4, 1, 2), np.ones(2)
    >>> taps = [(-1, -1), (-1, 0), (0, -1), (0, 0)]
    >>> y = np.zeros((3, 4, 2)) + b
    >>> for r, c in np.ndindex(3, 4):
    ...     for u, (dr, dc) in enumerate(taps):
    ...         if 0 <= r + dr < 3 and 0 <= c + dc < 4:
    ...             y[r, c] += x[r + dr, c + dc] @ w[u]
    >>> np.array_equal(forward(x[None], w, b, taps=taps)[0][0], y)
    True

`correlate` sums tap by tap, over all pixels at once; canvas.py runs in its place, and is faster.
Generation goes strip by strip. A strip is k neighbouring pixels of a row: `at` = (row, columns),
where `columns` is a slice.

Read first: masks.py, layers/live_taps.py.
Read next: layers/relu.py, layers/relu_conv2d.py, layers/canvas.py.
"""

from typing import NamedTuple

import numpy as np

from ..masks import as_taps, margins
from ..runtime.kernels import computed_by, kernel
from . import canvas
from .live_taps import check_gradient, pick, put_back


class Weights(NamedTuple):
    w: np.ndarray                                      # (U, C, D)  one matrix per tap
    b: np.ndarray                                      # (D,)


def shapes(U, C, D):
    """The shapes of the weights for U taps, C channels in and D features out."""
    return Weights((U, C, D), (D,))


def init(rng, C, D, /, *, taps, dtype, gain=1.0):
    """w of mean 0 and variance gain² / fan-in, zero where the mask is; b is zero.

    The fan-in of an output channel counts the inputs that the mask leaves it.

    gain   1 keeps the variance of a linear layer (LeCun 1998); sqrt(2) keeps that of a layer that
           follows a relu (He et al. 2015)
    """
    _, mask = as_taps(taps, C, D)
    fan_in = np.maximum(mask.sum(axis=(0, 1)), 1)                          # (D,)
    w = rng.standard_normal(mask.shape) * (gain / np.sqrt(fan_in)) * mask
    return Weights(w.astype(dtype), np.zeros(D, dtype))


def forward(x, w, b, /, *, taps, stride=1, dilation=1):
    """The sum above.

    x         (N, H, W, C)  float32 or float64
    w         (U, C, D)     of x's dtype
    b         (D,)          of x's dtype
    taps      masks.Taps (offsets, mask), or a list of U pairs (dr, dc): then nothing is masked
    stride    s >= 1
    dilation  δ >= 1
    returns   y (N, ⌈H/s⌉, ⌈W/s⌉, D); and the cache

    ValueError if ranks, dtypes, channels or the number of taps disagree.
    """
    # of the live taps: w ∘ mask (live taps, C, D), and the offsets (live taps, 2) times δ
    wm, offsets, live = pick(x.shape, x.dtype, w, b, taps, stride, dilation)
    y = correlate(x, wm, b, offsets, stride)
    return y, (x, wm, offsets, stride, live)


def backward(dy, cache, /):
    """dy (N, ⌈H/s⌉, ⌈W/s⌉, D) -> dx (N, H, W, C), dw (U, C, D), db (D,).

    dw is zero where the mask is. ValueError if dy has not the shape and the dtype of y.
    """
    x, wm, offsets, stride, live = cache
    check_gradient(dy, x, wm, stride)
    dx, dwm, db = correlate_backward(dy, x, wm, offsets, stride)
    return dx, put_back(dwm, live), db                 # dwm (live taps, C, D) -> dw


@computed_by(canvas.correlate)
def correlate(x, w, b, offsets, stride):
    """y[n, r, c] = b + Σ_u x[n, s r + dr_u, s c + dc_u] · w[u], over the taps given."""
    N, H, W, _ = x.shape
    y = np.empty((N, -(-H // stride), -(-W // stride), w.shape[2]), x.dtype)   # ⌈H/s⌉, ⌈W/s⌉
    y[...] = b
    for u, out, inside in _places(offsets, x.shape, stride):
        y[out] += x[inside] @ w[u]
    return y


@computed_by(canvas.correlate_backward)
def correlate_backward(dy, x, w, offsets, stride):
    """The gradients of `correlate`: dx, dw, db."""
    _, C, D = w.shape
    dx, dw = np.zeros(x.shape, x.dtype), np.empty(w.shape, w.dtype)
    for u, out, inside in _places(offsets, x.shape, stride):
        # y[out] += x[inside] @ w[u]
        dx[inside] += dy[out] @ w[u].T
        dw[u] = x[inside].reshape(-1, C).T @ dy[out].reshape(-1, D)
    return dx, dw, dy.sum(axis=(0, 1, 2))


def _places(offsets, shape, stride):
    """For each tap: u, the index in y of outputs that it serves, and in x of what they read."""
    _, H, W, _ = shape
    for u, (dr, dc) in enumerate(offsets):
        (out_rows, rows), (out_columns, columns) = _span(H, dr, stride), _span(W, dc, stride)
        yield u, (slice(None), out_rows, out_columns), (slice(None), rows, columns)


def _span(size, shift, stride):
    """The outputs i whose input s i + shift lies inside [0, size), and these inputs: two slices."""
    # -(a // s) is -a / s, rounded up
    first = max(0, -(shift // stride))
    stop = max(first, min(-(-size // stride), -((shift - size) // stride)))
    return slice(first, stop), slice(first * stride + shift, stop * stride + shift, stride)


class State(NamedTuple):
    """What a causal convolution remembers: x where it was written, zeros elsewhere and around."""
    image: np.ndarray                                  # (N, top + H + bottom, left + W + right, C)
    corner: tuple                                      # (top, left), the place of pixel (0, 0)
    size: tuple                                        # (⌈H/s⌉, ⌈W/s⌉), rows and columns of y
    stride: int
    offsets: np.ndarray                                # (live taps, 2), times δ
    w: np.ndarray                                      # (live taps, C, D), masked
    b: np.ndarray                                      # (D,)


def start(shape, w, b, /, *, taps, stride=1, dilation=1):
    """The State of images (N, H, W, C) before the first strip.   ValueError as in forward."""
    wm, offsets, _ = pick(shape, w.dtype, w, b, taps, stride, dilation)
    N, H, W, C = shape
    top, left, bottom, right = margins(offsets)
    image = np.zeros((N, top + H + bottom, left + W + right, C), w.dtype)
    return State(image, (top, left), (-(-H // stride), -(-W // stride)), stride, offsets, wm, b)


def write(x_t, state, /, *, at):
    """x is x_t (N, k, C) at the strip `at` of x.   Updates `state` in place."""
    row, columns = at
    top, left = state.corner
    state.image[:, top + row, left + columns.start:left + columns.stop] = x_t


def read(state, /, *, at):
    """y (N, k, D) at the strip `at` of y, from what has been written so far.

    ValueError if the strip is outside the image. An empty one may be anywhere.
    """
    (row, columns), (top, left), (rows, width) = at, state.corner, state.size
    y = np.empty((len(state.image), columns.stop - columns.start, len(state.b)), state.b.dtype)
    if y.shape[1] and not (0 <= row < rows and 0 <= columns.start and columns.stop <= width):
        raise ValueError(f"row {row}, columns {columns.start} to {columns.stop} "
                         "are outside the image")
    row, column = top + state.stride * row, left + state.stride * columns.start
    _read(state.image, row, column, state.stride, state.offsets, state.w, state.b, y)
    return y


def step(x_t, state, /, *, at):
    """forward's y (N, k, D) at the strip `at`, where x is x_t (N, k, C). Updates `state` in place.

    Every earlier strip has been stepped, the stride is 1, and no live tap reads a later strip.
    """
    write(x_t, state, at=at)
    return read(state, at=at)


def _read_numpy(image, row, column, stride, offsets, w, b, y):
    """y[n, k] = b + Σ_u image[n, row + dr_u, column + s k + dc_u] · w[u], k along the strip."""
    columns = column + stride * np.arange(y.shape[1])
    y[...] = b
    for (dr, dc), w_u in zip(offsets, w):
        y += image[:, row + dr, columns + dc] @ w_u


@kernel(defined_by=_read_numpy)
def _read(image, row, column, stride, offsets, w, b, y):
    N, width, D = y.shape
    for n in range(N):
        for k in range(width):
            for d in range(D):
                y[n, k, d] = b[d]
            for u in range(len(offsets)):
                r, c = row + offsets[u, 0], column + stride * k + offsets[u, 1]
                for i in range(w.shape[1]):
                    v = image[n, r, c, i]
                    if v != 0:                         # not relu's zeros, nor what is not written
                        for d in range(D):
                            y[n, k, d] += v * w[u, i, d]


def reach(seen, /, *, shape, taps, stride=1, dilation=1):
    """The reach of a set of outputs: all inputs that one of them depends on, for some weights.

    seen      (⌈H/s⌉, ⌈W/s⌉, D) bool, the set of outputs
    shape     (H, W) of the input
    taps      masks.Taps with a mask
    returns   (H, W, C) bool, the set of inputs

    ValueError if taps have no channel mask: then C is unknown.
    """
    offsets, mask = taps
    if mask is None:
        raise ValueError("taps must have a channel mask (U, C, D) here, have none")
    needed = np.zeros((1, *shape, mask.shape[1]), bool)
    for u, out, inside in _places(np.multiply(offsets, dilation), needed.shape, stride):
        needed[inside] |= seen[None][out] @ mask[u].T  # of bools: "and" for ·, "or" for +
    return needed[0]
