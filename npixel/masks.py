"""Which pixel, and which colour, may see which: the taps of every convolution of this package.

An image is generated row by row, each row from left to right, each pixel from the first colour to
the last. A tap (dr, dc) looks dr rows below and dc columns to the right. It looks into the past if
dr < 0, or dr = 0 and dc < 0. At the pixel itself, dr = dc = 0, it depends on the colours:

    mask A    a feature of colour g sees the colours before g
              (first layer: the pixel itself is what we predict)
    mask B    it sees g too
              (later layers: a feature of colour g holds only colours before g)

van den Oord et al. 2016, section 3.4. With C colours the h features of every layer are split into
C groups, in order: feature k belongs to colour floor(C k / h), also where C does not divide h. The
logits are split by the same function, so L logits for each colour reshape to (C, L).

A layer with several gates computes their features side by side, [gate][feature]. Every gate has all
the groups: `groups(D, C, gates)`. To split the 4h features of four gates as one list is a fault: it
would give whole gates to one colour.

Taps are a list of offsets, with a mask over channels. These functions make them:

    square(K)               all K² offsets around the pixel
    mask_a(K, ...)          these with mask A; taps into the future stay in the list, masked away
    mask_b(K, ...)          these with mask B
    causal_row(K, ...)      1 x K along the row being generated, mask A or B
    row(K)                  1 x K along a finished row, nothing masked
    above(K)                the rows of the K x K window above the pixel's own
    vertical(K)             these rows and the pixel's own, for a stack that is shifted down
    down_shifted(KH, KW)    a window that ends in this row, centred (PixelCNN++)
    down_right_shifted(KH, KW)      a window that ends at this pixel (PixelCNN++)

Read first: nothing.
Read next: losses/__init__.py, layers/conv2d.py, models/pixelcnn.py.
"""

from typing import NamedTuple

import numpy as np


class Taps(NamedTuple):
    """Offsets into the input, and which input channel each may use for which output channel."""
    offsets: tuple                                     # U pairs (dr, dc)
    mask: np.ndarray | None = None                     # (U, C, D) bool; None: all may be used


def as_taps(taps, C, D):
    """Taps, or a plain list of pairs (dr, dc), as a list of U pairs and a bool mask (U, C, D).

    ValueError if the mask has another shape.
    """
    offsets, mask = taps if isinstance(taps, Taps) else (taps, None)
    offsets = [(int(dr), int(dc)) for dr, dc in offsets]
    if mask is None:
        mask = np.ones((len(offsets), C, D), bool)
    if mask.shape != (len(offsets), C, D):
        raise ValueError(f"the mask must be {(len(offsets), C, D)}, is {mask.shape}")
    return offsets, mask


def margins(offsets):
    """How far offsets (U, 2) look: rows above, columns left, rows below, columns right.

    >>> margins(np.array([(-1, 0), (-1, 2)]))
    (1, 0, 0, 2)
    """
    above, left = np.maximum(-offsets.min(axis=0, initial=0), 0).tolist()
    below, right = np.maximum(offsets.max(axis=0, initial=0), 0).tolist()
    return above, left, below, right


def groups(features, colours, gates=1):
    """The colour of each feature, (features,) int. The features of every gate are split alike.

    >>> groups(7, 3).tolist()
    [0, 0, 0, 1, 1, 2, 2]
    >>> groups(6, 3, gates=2).tolist()
    [0, 1, 2, 0, 1, 2]

    ValueError if a gate has fewer features than colours: then some colour could say nothing.
    """
    if features % gates:
        raise ValueError(f"{features} features cannot be split into {gates} gates")
    if features // gates < colours:
        raise ValueError(f"{features // gates} features cannot be split into {colours} colour "
                         f"groups: at least {colours} are needed")
    return np.tile(colours * np.arange(features // gates) // (features // gates), gates)


def square(K):
    """All K x K offsets around the pixel, row by row.

    ValueError if K is even: such a window has no centre.
    """
    if K < 1 or K % 2 == 0:
        raise ValueError(f"a centred kernel must have an odd size of at least 1, not {K}")
    reach = range(-(K // 2), K // 2 + 1)
    return tuple((dr, dc) for dr in reach for dc in reach)


def mask_a(K, inputs, outputs):
    """K x K taps with mask A.

    inputs    (C,) the colour of every input channel, from `groups`
    outputs   (D,) the colour of every output channel

    >>> taps = mask_a(3, groups(3, 3), groups(3, 3))
    >>> taps.offsets[4], taps.mask[4].astype(int).tolist()         # the pixel itself: (C, D)
    ((0, 0), [[0, 1, 1], [0, 0, 1], [0, 0, 0]])

    ValueError if K is even.
    """
    return _causal(square(K), np.less.outer(inputs, outputs))


def mask_b(K, inputs, outputs):
    """K x K taps with mask B; inputs and outputs as in mask_a.

    mask_b(1, ...) is for the 1 x 1 convolution within a pixel.
    """
    return _causal(square(K), np.less_equal.outer(inputs, outputs))


def causal_row(K, inputs, outputs, *, first=False):
    """1 x K along the row being generated; inputs and outputs as in mask_a.

    first   True: mask A, else mask B
    """
    compare = np.less if first else np.less_equal
    return _causal(row(K).offsets, compare.outer(inputs, outputs))


def row(K):
    """1 x K along a finished row, every channel."""
    return Taps(tuple((0, dc) for dr, dc in square(K) if dr == 0))


def above(K, shift=0):
    """The rows of a K x K window strictly above the pixel, `shift` rows further up."""
    return Taps(tuple((dr - shift, dc) for dr, dc in square(K) if dr < 0))


def vertical(K):
    """The rows of a K x K window down to the pixel's own, every channel.

    For a stack whose output is shifted down by one row.
    """
    return Taps(tuple((dr, dc) for dr, dc in square(K) if dr <= 0))


def down_shifted(KH, KW):
    """KH rows that end in this one, KW columns around the pixel (KW odd).

    >>> down_shifted(1, 3).offsets, down_right_shifted(2, 2).offsets
    (((0, -1), (0, 0), (0, 1)), ((-1, -1), (-1, 0), (0, -1), (0, 0)))
    """
    return Taps(tuple((dr, dc) for dr in range(1 - KH, 1) for dr_, dc in square(KW) if dr_ == 0))


def down_right_shifted(KH, KW):
    """KH rows that end in this one, KW columns that end at the pixel."""
    return Taps(tuple((dr, dc) for dr in range(1 - KH, 1) for dc in range(1 - KW, 1)))


def above_and_left(seen):
    """The places from which states reach those in `seen`, handed on downwards and to the right.

    seen      (H, W, D) bool
    returns   (H, W, D) bool: `seen`, and all features of every place above and to the left of it

    >>> above_and_left(np.array([[[0, 0], [0, 0]], [[0, 0], [0, 1]]], bool)).astype(int).tolist()
    [[[1, 1], [1, 1]], [[1, 1], [0, 1]]]
    """
    places = seen.any(axis=2)[::-1, ::-1]                                  # (H, W), from the end
    reached = np.maximum.accumulate(np.maximum.accumulate(places, axis=0), axis=1)[::-1, ::-1]
    before = np.zeros_like(reached)
    before[:-1] |= reached[1:]
    before[:, :-1] |= reached[:, 1:]
    return seen | before[..., None]


def _causal(offsets, centre):
    """Past taps see everything, the centre what `centre` (C, D) says, the future nothing."""
    mask = np.zeros((len(offsets), *centre.shape), bool)
    for u, (dr, dc) in enumerate(offsets):
        if dr < 0 or (dr == 0 and dc < 0):
            mask[u] = True
        elif dr == dc == 0:
            mask[u] = centre
    return Taps(tuple(offsets), mask)
