"""The live taps of a convolution: those that some output pixel can read.

A tap is dead if its mask is all zero, or if it lies outside the image for every output pixel. In
mask B of 7 x 7, 24 of 49 taps are dead. A convolution picks the live ones and sums over these.

    wm, offsets, live = pick(x.shape, x.dtype, w, b, taps)       w ∘ mask, live taps only
    dw = put_back(dwm, live)                                     all taps; dead ones have gradient 0

`check` compares the arguments of a convolution with one another.

Read first: masks.py, layers/conv2d.py.  Read next: layers/canvas.py.
"""

import numpy as np

from ..masks import as_taps
from ..runtime.blas import check_dtype


def pick(shape, dtype, w, b, taps, stride=1, dilation=1):
    """The live taps of a convolution, of which there are n.

    shape     (N, H, W, C) of x
    dtype     of x
    returns   wm (n, C, D), their weights, masked;
              offsets (n, 2) int64, times the dilation;
              and what put_back needs

    ValueError as in `check`.

    >>> w, b, taps = np.ones((3, 1, 1)), np.zeros(1), [(-9, 0), (0, -1), (0, 0)]
    >>> pick((1, 4, 4, 1), w.dtype, w, b, taps)[1].tolist()
    [[0, -1], [0, 0]]
    """
    offsets, mask = check(shape, dtype, w, b, taps, stride, dilation)
    offsets, size = np.array(offsets, np.int64).reshape(-1, 2) * dilation, np.array(shape[1:3])
    last = (size - 1) // stride * stride               # where the last output pixel stands
    meets = ((-last <= offsets) & (offsets < size)).all(axis=1)
    live = np.flatnonzero(meets & mask.any(axis=(1, 2)))
    return w[live] * mask[live], offsets[live], (mask, live)


def put_back(dwm, live):
    """The gradient (U, C, D) of w, from the gradient (n, C, D) of the weights that `pick` returned.

    live   the last thing that `pick` returned
    """
    mask, live = live
    dw = np.zeros(mask.shape, dwm.dtype)
    dw[live] = dwm
    return dw * mask                                   # pick took w * mask


def check(shape, dtype, w, b, taps, stride=1, dilation=1):
    """The offsets and the mask (U, C, D) of `taps`, if all arguments agree; ValueError if not."""
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
    check_dtype(dtype)
    if stride < 1 or dilation < 1:
        raise ValueError(f"stride and dilation must be at least 1, are {stride} and {dilation}")
    offsets, mask = as_taps(taps, *w.shape[1:])
    if len(offsets) != len(w):
        raise ValueError(f"w has {len(w)} taps, the list {len(offsets)}")
    return offsets, mask


def check_gradient(dy, x, w, stride):
    """ValueError unless dy has the shape and the dtype of y."""
    N, H, W, _ = x.shape
    expected = N, -(-H // stride), -(-W // stride), w.shape[2]
    if dy.shape != expected or dy.dtype != w.dtype:
        raise ValueError(f"dy must be {w.dtype} {expected}, is {dy.dtype} {dy.shape}")
