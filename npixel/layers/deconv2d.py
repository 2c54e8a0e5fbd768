"""Transposed convolution: from a map of half the height and width to a whole one.

    y[r, c] = b + Σ_t x[(r + dr_t) / s, (c + dc_t) / s] · (w[t] ∘ mask[t])          over the taps for which both divisions come out even

It is conv2d over the image with s - 1 zeros put between its pixels, in which most products would be with zeros. So the taps are those of conv2d, and what is causal
there is causal here: with dr <= 0 row r reads rows up to floor(r / s). Other programs write a pixel of x to y[s i + a, s j + a'] with weight w[a, a'] and then cut the edges off; that is this sum with dr = -a, so their
kernels, cut as PixelCNN++ does, are ours read backwards (Salimans et al. 2017, the authors' nn.py, deconv2d with down_shifted and down_right_shifted).

The size of y is given: H and W need not be divisible by s. Each of the s² phases y[p::s, q::s] is a convolution of x with the taps that meet it.

Generation: a strip of y is decided by x at `coarse(at)` and what lies before: `write` there, `read` at `at`.
Read first: conv2d.py, masks.py.  Read next: models/pixelcnn_pp.py.
"""

from typing import NamedTuple

import numpy as np

from ..masks import Taps
from . import conv2d
from .conv2d import Weights                             # noqa: F401  they are those of a convolution


def forward(x, w, b, /, *, taps, size, stride=2):
    """The sum above.

    x   (N, ceil(H/s), ceil(W/s), C)   float32 or float64
    w   (T, C, D)      one matrix per tap, of x's dtype
    b   (D,)
    taps      masks.Taps, or a plain list of T pairs (dr, dc) where nothing is masked
    size      (H, W) of y
    returns   y (N, H, W, D), and the cache

    ValueError if ranks, dtypes, channels, the number of taps or sizes disagree.
    """
    offsets, mask = conv2d.check(x.shape, x.dtype, w, b, taps, stride)
    if x.shape[1:3] != (-(-size[0] // stride), -(-size[1] // stride)):
        raise ValueError(f"x must have {-(-size[0] // stride)} x {-(-size[1] // stride)} pixels for {size[0]} x {size[1]} at stride {stride}, has shape {x.shape}")
    y = np.empty((len(x), *size, w.shape[2]), x.dtype)
    y[...] = b
    caches = []
    for place, which, near in _phases(offsets, mask, stride):
        z, cache = conv2d.forward(x, w[which], b, taps=near)               # (N, ceil(H/s), ceil(W/s), D)
        part = y[place]
        part[...] = z[:, :part.shape[1], :part.shape[2]]
        caches.append((place, which, cache))
    return y, (x.shape, mask, stride, caches)


def backward(dy, cache, /):
    """dy (N, H, W, D) -> dx (N, ceil(H/s), ceil(W/s), C), dw (T, C, D), db (D,)."""
    x_shape, mask, stride, caches = cache
    dx, dw = np.zeros(x_shape, dy.dtype), np.zeros(mask.shape, dy.dtype)
    for place, which, phase in caches:
        part = dy[place]
        dz = np.zeros((*x_shape[:3], dy.shape[3]), dy.dtype)               # pixels beyond y's edge have gradient zero
        dz[:, :part.shape[1], :part.shape[2]] = part
        dx_phase, dw[which], _ = conv2d.backward(dz, phase)
        dx += dx_phase
    return dx, dw, dy.sum(axis=(0, 1, 2))


def coarse(at, stride=2):
    """The strip of the coarse map that is decided at `at`: every stride-th row and column; in the rows between, no columns.

    >>> coarse((4, slice(1, 6))), coarse((5, slice(1, 6)))
    ((2, slice(1, 3, None)), (2, slice(1, 1, None)))
    """
    row, columns = at
    start, stop = -(-columns.start // stride), -(-columns.stop // stride)
    return row // stride, slice(start, stop if row % stride == 0 else start)


class State(NamedTuple):
    phases: list                                       # [p][q] -> conv2d.State, or None where no tap meets the phase
    b: np.ndarray                                      # (D,)
    stride: int


def start(shape, w, b, /, *, taps, size, stride=2):
    """Memory for reading y pixel by pixel.   shape (N, ceil(H/s), ceil(W/s), C) of x"""
    offsets, mask = conv2d.check(shape, w.dtype, w, b, taps, stride)
    phases = [[None] * stride for _ in range(stride)]
    for (_, rows, columns), which, near in _phases(offsets, mask, stride):
        phases[rows.start][columns.start] = conv2d.start(shape, w[which], b, taps=near)
    return State(phases, b, stride)


def write(x_t, state, /, *, at):
    """Pixels `at` = (row, columns) of x are known now: x_t (N, k, C).   Updates `state` in place."""
    for phase in (phase for row in state.phases for phase in row if phase is not None):
        conv2d.write(x_t, phase, at=at)


def read(state, /, *, at):
    """y at `at` = (row, columns), (N, k, D), from what has been written so far."""
    row, columns = at
    s, parts = state.stride, {}
    for q in range(s):
        first, last = -(-(columns.start - q) // s), -(-(columns.stop - q) // s)        # columns s j + q of the strip
        phase = state.phases[row % s][q]
        parts[(s * first + q) - columns.start] = None if phase is None else conv2d.read(phase, at=(row // s, slice(first, last)))
    N = next((len(phase.canvas) for row in state.phases for phase in row if phase is not None))
    y = np.empty((N, columns.stop - columns.start, len(state.b)), state.b.dtype)
    y[...] = state.b
    for offset, part in parts.items():
        if part is not None:
            y[:, offset::s] = part
    return y


def reach(seen, /, *, shape, taps, size, stride=2):
    """Which inputs the outputs in `seen` (H, W, D) bool can depend on: (*shape, C) bool.   ValueError if taps have no channel mask."""
    offsets, mask = taps
    if mask is None:
        raise ValueError("taps need a channel mask (T, C, D) here: it says how many channels there are")
    needed = np.zeros((*shape, mask.shape[1]), bool)
    for place, which, near in _phases(offsets, mask, stride):
        _, rows, columns = place
        part = np.zeros((*shape, seen.shape[2]), bool)
        mine = seen[rows, columns]
        part[:mine.shape[0], :mine.shape[1]] = mine
        needed |= conv2d.reach(part, shape=shape, taps=near)
    return needed


def _phases(offsets, mask, stride):
    """For every phase that some tap meets: where it lies in y, which taps, and these taps in pixels of x."""
    for p, q in np.ndindex(stride, stride):
        which = [t for t, (dr, dc) in enumerate(offsets) if (p + dr) % stride == 0 and (q + dc) % stride == 0]
        if which:
            near = tuple(((p + dr) // stride, (q + dc) // stride) for dr, dc in (offsets[t] for t in which))
            yield (slice(None), slice(p, None, stride), slice(q, None, stride)), which, Taps(near, mask[which])
