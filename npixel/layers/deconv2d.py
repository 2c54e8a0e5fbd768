"""Transposed convolution: from a map of half the height and width to a whole one.

    y[r, c] = b + Σ_u x[(r + dr_u) / s, (c + dc_u) / s] · (w[u] ∘ mask[u])

    u: the taps for which both divisions come out even    s: stride    x = 0 outside the map

It is conv2d over the map with s - 1 zeros between its pixels, without the products with these
zeros. So the taps are those of conv2d, and what is causal there is causal here: with dr <= 0, row r
reads rows up to floor(r / s). The size of y is given; s need not divide H and W.

    >>> x, w, b = np.arange(4.0).reshape(2, 2, 1), np.arange(8.0).reshape(4, 1, 2), np.ones(2)
    >>> taps = [(-1, -1), (-1, 0), (0, -1), (0, 0)]
    >>> y = np.ones((3, 4, 2)) * b
    >>> for r, c in np.ndindex(3, 4):
    ...     for u, (dr, dc) in enumerate(taps):
    ...         i, j = (r + dr) / 2, (c + dc) / 2
    ...         if i in (0, 1) and j in (0, 1):
    ...             y[r, c] += x[int(i), int(j)] @ w[u]
    >>> np.array_equal(forward(x[None], w, b, taps=taps, size=(3, 4))[0][0], y)
    True

`forward` computes the s² phases y[p::s, q::s] in turn: each is a convolution of x, with the taps
that meet it.

Other programs write a pixel of x to y[s i + a, s j + e] with the weight w[a, e], and then cut the
edges off. That is this sum with dr = -a, dc = -e. So their kernels, cut as PixelCNN++ does, are
ours read backwards (Salimans et al. 2017, the authors' nn.py, deconv2d with down_shifted and
down_right_shifted).

Generation: a strip of y is decided by x at `coarse(at)` and before. So a model calls `write` with x
at the strip `coarse(at)`, and then `read` at the strip `at`.

Read first: masks.py, layers/conv2d.py.  Read next: models/wiring.py, models/pixelcnn_pp.py.
"""

from typing import NamedTuple

import numpy as np

from ..masks import Taps
from . import conv2d
from .conv2d import Weights                            # noqa: F401  they are those of a convolution
from .live_taps import check


def forward(x, w, b, /, *, taps, size, stride=2):
    """The sum above.

    x         (N, ceil(H/s), ceil(W/s), C)   float32 or float64
    w         (U, C, D)      one matrix per tap, of x's dtype
    b         (D,)
    taps      masks.Taps, or a plain list of U pairs (dr, dc) where nothing is masked
    size      (H, W) of y
    returns   y (N, H, W, D), and the cache

    ValueError if ranks, dtypes, channels, the number of taps or sizes disagree.
    """
    offsets, mask = check(x.shape, x.dtype, w, b, taps, stride)
    (H, W), rows, columns = size, -(-size[0] // stride), -(-size[1] // stride)
    if x.shape[1:3] != (rows, columns):
        raise ValueError(f"x must have {rows} x {columns} pixels for {H} x {W} at stride {stride}, "
                         f"has shape {x.shape}")
    y = np.empty((len(x), H, W, w.shape[2]), x.dtype)
    y[...] = b
    caches = []
    for phase, which, near in _phases(offsets, mask, stride):
        z, cache = conv2d.forward(x, w[which], b, taps=near)               # (N, rows, columns, D)
        part = y[phase]
        part[...] = z[:, :part.shape[1], :part.shape[2]]
        caches.append((phase, which, cache))
    return y, (x.shape, mask, stride, caches)


def backward(dy, cache, /):
    """dy (N, H, W, D) -> dx (N, ceil(H/s), ceil(W/s), C), dw (U, C, D), db (D,)."""
    x_shape, mask, stride, caches = cache
    dx, dw = np.zeros(x_shape, dy.dtype), np.zeros(mask.shape, dy.dtype)
    for phase, which, cache in caches:
        part = dy[phase]
        dz = np.zeros((*x_shape[:3], dy.shape[3]), dy.dtype)               # 0 beyond the edge of y
        dz[:, :part.shape[1], :part.shape[2]] = part
        # z, cache = conv2d.forward(x, w[which], b)
        dx_phase, dw[which], _ = conv2d.backward(dz, cache)
        dx += dx_phase
    return dx, dw, dy.sum(axis=(0, 1, 2))


def _phases(offsets, mask, stride):
    """Yields (place, which, taps) for every phase (p, q) that some tap meets.

    place   index of the phase in y (N, H, W, D)
    which   numbers of the taps that meet it
    taps    these, in pixels of x
    """
    for p, q in np.ndindex(stride, stride):
        which = [u for u, (dr, dc) in enumerate(offsets)
                 if (p + dr) % stride == 0 and (q + dc) % stride == 0]
        if which:
            near = tuple(((p + dr) // stride, (q + dc) // stride)
                         for dr, dc in (offsets[u] for u in which))
            place = slice(None), slice(p, None, stride), slice(q, None, stride)
            yield place, which, Taps(near, mask[which])


def coarse(at, stride=2):
    """The strip of x that is decided at the strip `at` of y.

    It is every stride-th row and column; in the rows between, no columns.

    >>> coarse((4, slice(1, 6))), coarse((5, slice(1, 6)))
    ((2, slice(1, 3, None)), (2, slice(1, 1, None)))
    """
    row, columns = at
    start, stop = -(-columns.start // stride), -(-columns.stop // stride)
    return row // stride, slice(start, stop if row % stride == 0 else start)


class State(NamedTuple):
    """The memory of the convolution of each phase."""
    phases: list                                       # [p][q] -> conv2d.State; None: no tap
    b: np.ndarray                                      # (D,)
    stride: int


def start(shape, w, b, /, *, taps, size, stride=2):
    """Memory for reading y strip by strip; the other arguments are those of forward.

    shape   (N, ceil(H/s), ceil(W/s), C) of x
    """
    offsets, mask = check(shape, w.dtype, w, b, taps, stride)
    phases = [[None] * stride for _ in range(stride)]
    for (_, rows, columns), which, near in _phases(offsets, mask, stride):
        phases[rows.start][columns.start] = conv2d.start(shape, w[which], b, taps=near)
    return State(phases, b, stride)


def write(x_t, state, /, *, at):
    """x_t (N, k, C) is x at the strip `at` = (row, columns).   Updates `state` in place."""
    for phase in _with_taps(state):
        conv2d.write(x_t, phase, at=at)


def read(state, /, *, at):
    """y (N, k, D) at the strip `at` = (row, columns), from what has been written so far."""
    (row, columns), s = at, state.stride
    N = len(next(_with_taps(state)).image)
    y = np.empty((N, columns.stop - columns.start, len(state.b)), state.b.dtype)
    y[...] = state.b
    for q, phase in enumerate(state.phases[row % s]):
        if phase is not None:                          # it has the columns s j + q of y
            first, last = -(-(columns.start - q) // s), -(-(columns.stop - q) // s)
            here = slice(s * first + q - columns.start, None, s)
            y[:, here] = conv2d.read(phase, at=(row // s, slice(first, last)))
    return y


def _with_taps(state):
    """The states of the phases that some tap meets."""
    return (phase for row in state.phases for phase in row if phase is not None)


def reach(seen, /, *, shape, taps, size, stride=2):
    """Which inputs (*shape, C) the outputs in `seen` (H, W, D) can depend on; both are bool.

    ValueError if taps have no channel mask: then C is unknown.
    """
    offsets, mask = taps
    if mask is None:
        raise ValueError("taps must have a channel mask (U, C, D) here, have none")
    needed = np.zeros((*shape, mask.shape[1]), bool)
    for (_, rows, columns), _, near in _phases(offsets, mask, stride):
        part = np.zeros((*shape, seen.shape[2]), bool)
        mine = seen[rows, columns]
        part[:mine.shape[0], :mine.shape[1]] = mine
        needed |= conv2d.reach(part, shape=shape, taps=near)
    return needed
