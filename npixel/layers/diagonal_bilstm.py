"""Diagonal BiLSTM: two Diagonal LSTMs, one from each upper corner.

    left  = diagonal_lstm(x)                           sees rows <= r, columns <= c
    right = flip(diagonal_lstm(flip(x)))               sees rows <= r, columns >= c: also the future
    y[r]  = left[r] + right[r-1],   right[-1] = 0

van den Oord, Kalchbrenner, Kavukcuoglu, "Pixel Recurrent Neural Networks", 2016, section 3.2: "to
prevent the layer from seeing future pixels, the right output map is then shifted down by one row
and added to the left output map". The flip is along the columns, and it is undone. Without the
shift every pixel sees itself. The two directions have weights of their own. A 1 x 1 convolution up
to the residual stream follows the sum, not each direction. It is linear, so only the place where
its bias is added would differ.

What it sees: together almost all the past, but not quite, although the paper says so. Say the first
convolution reaches m columns. From (r, c) with c + m < W - 1, the pixel (r - 1, W - 1) is invisible
at any depth. It could come only through the right map, whose row r - 1 is added here. Mask A hides
the pixel from the features at its own place. No other feature in row r - 1 or above contains it,
since in its own row it is the last. There are (H - 1) max(0, W - 1 - m) such pairs. With several
colours only the last colour of that pixel is invisible: features of a later colour hold the earlier
ones.

Read first: layers/diagonal_lstm.py.
Read next: layers/conditional_bias.py, models/pixelrnn.py, models/diagonal_bilstm.py.
"""

from typing import NamedTuple

import numpy as np

from . import diagonal_lstm


class Weights(NamedTuple):
    """Those of diagonal_lstm.Weights, from the left, and then from the right."""
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
    """The shapes of the weights for C channels in and D features out."""
    return Weights(*diagonal_lstm.shapes(C, D), *diagonal_lstm.shapes(C, D))


def init(rng, C, D, /, *, taps, dtype):
    """Two independent draws of diagonal_lstm.init."""
    left = diagonal_lstm.init(rng, C, D, taps=taps, dtype=dtype)
    return Weights(*left, *diagonal_lstm.init(rng, C, D, taps=taps, dtype=dtype))


def forward(x, /, *weights, taps, padding="start"):
    """The sum of both maps, the right one shifted down, and the cache.

    x         (N, H, W, C)  float32 or float64
    weights   the ten fields of Weights
    taps      masks.Taps of K_is: masks.mask_b(1, ...)
    padding   "start" or "evolve": diagonal_lstm.py
    returns   y (N, H, W, D); and the cache

    ValueError if shapes or dtypes disagree.
    """
    options = {"taps": taps, "padding": padding}
    left, cache_left = diagonal_lstm.forward(x, *weights[:5], **options)
    right, cache_right = diagonal_lstm.forward(x, *weights[5:], **options, mirrored=True)
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
    """The memories of both directions, and what the right one says of finished rows."""
    left: diagonal_lstm.State
    right: diagonal_lstm.State
    x: np.ndarray            # (N, W, C)         the input of the row being generated
    shifted: np.ndarray      # (N, 1 + H, W, D)  the right-to-left map, one row down


def start(shape, /, *weights, taps, padding="start"):
    """Memory for stepping through images of this shape, (N, H, W, C)."""
    N, H, W, C = shape
    left = diagonal_lstm.start(shape, *weights[:5], taps=taps, padding=padding)
    right = diagonal_lstm.start(shape, *weights[5:], taps=taps, padding=padding)
    D, dtype = len(weights[3]), weights[0].dtype
    return State(left, right, np.zeros((N, W, C), dtype), np.zeros((N, 1 + H, W, D), dtype))


def step(x_t, state, /, *, at):
    """forward's y (N, k, D) at the strip `at`, given the input x_t (N, k, C) there.

    Updates `state` in place.
    """
    row, columns = at
    W = state.x.shape[1]
    state.x[:, columns] = x_t
    if columns.stop == W:
        # the row is complete: run from the right, for the row below
        right = diagonal_lstm.step(state.x[:, ::-1], state.right, at=(row, slice(0, W)))
        state.shifted[:, row + 1] = right[:, ::-1]
    return diagonal_lstm.step(x_t, state.left, at=at) + state.shifted[:, row, columns]


def reach(seen, /, *, shape, taps, padding="start"):
    """Which inputs (H, W, C) the outputs in `seen` (H, W, D) can depend on.

    These are what the left map sees, and what the right map sees one row up.
    """
    options = {"shape": shape, "taps": taps, "padding": padding}
    right = np.zeros_like(seen)
    right[:-1] = seen[1:, ::-1]
    return (diagonal_lstm.reach(seen, **options)
            | diagonal_lstm.reach(right, **options)[:, ::-1])
