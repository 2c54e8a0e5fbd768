"""Diagonal BiLSTM: two Diagonal LSTMs, one from each upper corner, so that together they see the past on both sides.

    left  = diagonal_lstm(x)                           sees rows <= r, columns <= c
    right = flip(diagonal_lstm(flip(x)))               sees rows <= r, columns >= c: in its own row, the future
    y[r]  = left[r] + right[r-1],   right[-1] = 0

van den Oord, Kalchbrenner, Kavukcuoglu, "Pixel Recurrent Neural Networks", 2016, section 3.2: "to prevent the layer from seeing future
pixels, the right output map is then shifted down by one row and added to the left output map". The flip is along the columns and is undone.
Without the shift every pixel sees itself. The two directions have weights of their own. A 1 x 1 convolution up to the residual stream follows
the sum, not each direction: it is linear, so only where its bias is added would differ.

What it sees: not quite everything, although the paper says so. Row r - 1 is known up to column W - 1, but the right map of row r - 1 at column
c reads x only through a first convolution that is centred: (r - 1, W - 1) is invisible from (r, c) with c + m < W - 1, at any depth, since no feature
that contains it lies in row r - 1 or to the left. Count: (H - 1) max(0, W - 1 - m) pairs, m the reach of the first convolution. With several colours
it is the pixel's last colour only, and from each of them: features of a later colour hold the earlier ones.

Read first: diagonal_lstm.py.  Read next: models/diagonal_bilstm.py.
"""

from typing import NamedTuple

import numpy as np

from . import diagonal_lstm


class Weights(NamedTuple):
    """Those of diagonal_lstm.Weights, from the left and from the right."""
    w_is: np.ndarray                                   # (1, C, 4D)
    b: np.ndarray                                      # (4D,)
    w_ss: np.ndarray                                   # (2, D, 4D)
    h0: np.ndarray                                     # (D,)
    c0: np.ndarray                                     # (D,)
    w_is_right: np.ndarray
    b_right: np.ndarray
    w_ss_right: np.ndarray
    h0_right: np.ndarray
    c0_right: np.ndarray


def shapes(C, D):
    return Weights(*diagonal_lstm.shapes(C, D), *diagonal_lstm.shapes(C, D))


def init(rng, C, D, /, *, taps, dtype):
    """Two independent draws of diagonal_lstm.init."""
    return Weights(*diagonal_lstm.init(rng, C, D, taps=taps, dtype=dtype), *diagonal_lstm.init(rng, C, D, taps=taps, dtype=dtype))


def forward(x, /, *weights, taps, padding="start"):
    """x (N, H, W, C) -> y (N, H, W, D), and the cache.   float32 or float64

    weights   the ten fields of Weights
    taps      masks.Taps of K_is: masks.mask_b(1, ...)
    padding   "start" or "evolve": diagonal_lstm.py

    ValueError if shapes or dtypes disagree.
    """
    left, cache_left = diagonal_lstm.forward(x, *weights[:5], taps=taps, padding=padding)
    right, cache_right = diagonal_lstm.forward(x, *weights[5:], taps=taps, padding=padding, mirrored=True)
    y = left.copy()                                    # left belongs to its cache
    y[:, 1:] += right[:, :-1, ::-1]
    return y, (cache_left, cache_right)


def backward(dy, cache, /):
    """dy (N, H, W, D) -> dx, and a gradient for each of the ten weights."""
    cache_left, cache_right = cache
    dx, *dw_left = diagonal_lstm.backward(dy, cache_left)              # checks the shape of dy
    # y[:, 1:] += right[:, :-1, ::-1]
    dright = np.empty_like(dy)
    dright[:, :-1], dright[:, -1] = dy[:, 1:, ::-1], 0
    dx_right, *dw_right = diagonal_lstm.backward(dright, cache_right)
    dx += dx_right
    return dx, *dw_left, *dw_right


class State(NamedTuple):
    left: diagonal_lstm.State
    right: diagonal_lstm.State
    x: np.ndarray                                      # (N, W, C)         the input of the row being generated
    shifted: np.ndarray                                # (N, 1 + H, W, D)  the right-to-left map, one row down


def start(shape, /, *weights, taps, padding="start"):
    """Memory for stepping through images of this shape."""
    N, H, W, C = shape
    left = diagonal_lstm.start(shape, *weights[:5], taps=taps, padding=padding)
    right = diagonal_lstm.start(shape, *weights[5:], taps=taps, padding=padding)
    return State(left, right, np.zeros((N, W, C), weights[0].dtype), np.zeros((N, 1 + H, W, len(weights[3])), weights[0].dtype))


def step(x_t, state, /, *, at):
    """forward's y (N, k, D) at the strip `at`, where x_t (N, k, C) is the input there.   Updates `state` in place."""
    row, columns = at
    W = state.x.shape[1]
    state.x[:, columns] = x_t
    if columns.stop == W:                              # the row is complete: run from the right, for the row below
        state.shifted[:, row + 1] = diagonal_lstm.step(state.x[:, ::-1], state.right, at=(row, slice(0, W)))[:, ::-1]
    return diagonal_lstm.step(x_t, state.left, at=at) + state.shifted[:, row, columns]


def reach(seen, /, *, shape, taps, padding="start"):
    """Which inputs (H, W, C) the outputs in `seen` (H, W, D) can depend on: what the left map sees, and what the right map sees one row up."""
    right = np.zeros_like(seen)
    right[:-1] = seen[1:, ::-1]
    return (diagonal_lstm.reach(seen, shape=shape, taps=taps, padding=padding)
            | diagonal_lstm.reach(right, shape=shape, taps=taps, padding=padding)[:, ::-1])
