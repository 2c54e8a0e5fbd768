"""Which pixel, and which colour, may see which: the lists of taps behind every convolution of this package.

The image is generated row by row, in a row from left to right, in a pixel from the first colour to the last. A tap (dr, dc) looks
dr rows below and dc columns to the right, so a causal one has dr < 0, or dr = 0 and dc <= 0. At dr = dc = 0 it depends on colours:

    mask A    a feature of colour g sees the colours before g         (first layer: the pixel itself is what we predict)
    mask B    ... and g itself                                         (later layers: a feature of g holds only colours before g)

van den Oord et al. 2016, section 3.4. With C colours the h features of every layer are split into C groups, in order: feature k belongs
to colour floor(C k / h), also where h is not divisible by C. A layer with several gates computes its features side by side,
[gate][feature], and every gate has all the groups: `groups(D, C, gates)`. Groups over the contiguous 4h instead would
mislabel half of the gates. The logits' groups are the same function, so L logits per colour reshape to (C, L).

Taps     a list of offsets with a mask over channels, which conv2d sums over:
  square(K)               all K² taps around the pixel
  mask_a(K, ...), mask_b  the same list, with the future masked away; dead taps keep their place, so weights have K² matrices
  causal_row(K, ...)      1 x K along the row being generated, mask A or B
  row(K)                  1 x K along a finished row, nothing masked
  above(K)                the K x K window without the current row and below (`shift` rows further up)
  vertical(K)             rows up to and including this one, nothing masked: a stack whose output is shifted down before use
  down_shifted(KH, KW), down_right_shifted(KH, KW)       windows that end in this row, centred; or at this pixel (PixelCNN++)

Read next: layers/conv2d.py, models/pixelcnn.py.
"""

from typing import NamedTuple

import numpy as np


class Taps(NamedTuple):
    """Offsets into the input, and which input channel each may use for which output channel."""
    offsets: tuple                                     # T pairs (dr, dc)
    mask: np.ndarray | None = None                     # (T, C, D) bool; None: everything may be used


def as_taps(taps, C, D):
    """Taps, or a plain list of (dr, dc) pairs, as a list of T pairs and a bool mask (T, C, D); ValueError if they disagree."""
    offsets, mask = taps if isinstance(taps, Taps) else (taps, None)
    offsets = [(int(dr), int(dc)) for dr, dc in offsets]
    if mask is None:
        mask = np.ones((len(offsets), C, D), bool)
    if mask.shape != (len(offsets), C, D):
        raise ValueError(f"the mask must be {(len(offsets), C, D)}, is {mask.shape}")
    return offsets, mask


def groups(features, colours, gates=1):
    """(features,) int: the colour each feature belongs to; with gates, the features of every gate are split alike.

    >>> groups(7, 3).tolist()
    [0, 0, 0, 1, 1, 2, 2]
    >>> groups(6, 3, gates=2).tolist()
    [0, 1, 2, 0, 1, 2]

    ValueError if a gate has fewer features than there are colours: then some colour could say nothing.
    """
    if features % gates:
        raise ValueError(f"{features} features cannot be split into {gates} gates")
    if features // gates < colours:
        raise ValueError(f"{features // gates} features cannot be split into {colours} colour groups: at least {colours} are needed")
    return np.tile(colours * np.arange(features // gates) // (features // gates), gates)


def square(K):
    """All K x K offsets around the pixel, row by row.   ValueError if K is even: such a window has no centre"""
    if K < 1 or K % 2 == 0:
        raise ValueError(f"a centred kernel must have an odd size of at least 1, not {K}")
    reach = range(-(K // 2), K // 2 + 1)
    return tuple((dr, dc) for dr in reach for dc in reach)


def mask_a(K, inputs, outputs):
    """K x K taps with mask A.   inputs (C,), outputs (D,): the colour of every channel, from `groups`"""
    return _causal(square(K), np.less.outer(inputs, outputs))


def mask_b(K, inputs, outputs):
    """K x K taps with mask B; mask_b(1, ...) is the 1 x 1 convolution within a pixel."""
    return _causal(square(K), np.less_equal.outer(inputs, outputs))


def causal_row(K, inputs, outputs, *, first=False):
    """1 x K along the row being generated: mask A where `first`, else mask B."""
    compare = np.less if first else np.less_equal
    return _causal(row(K).offsets, compare.outer(inputs, outputs))


def row(K):
    """1 x K along a finished row, every channel."""
    return Taps(tuple((0, dc) for dr, dc in square(K) if dr == 0))


def above(K, shift=0):
    """The rows of a K x K window strictly above the pixel, `shift` rows further up."""
    return Taps(tuple((dr - shift, dc) for dr, dc in square(K) if dr < 0))


def vertical(K):
    """The rows of a K x K window down to the pixel's own, every channel: for a stack whose output is shifted down one row."""
    return Taps(tuple((dr, dc) for dr, dc in square(K) if dr <= 0))


def down_shifted(KH, KW):
    """KH rows that end in this one, KW columns around the pixel (KW odd)."""
    return Taps(tuple((dr, dc) for dr in range(1 - KH, 1) for dr_, dc in square(KW) if dr_ == 0))


def down_right_shifted(KH, KW):
    """KH rows that end in this one, KW columns that end at the pixel."""
    return Taps(tuple((dr, dc) for dr in range(1 - KH, 1) for dc in range(1 - KW, 1)))


def above_and_left(seen):
    """What states reach that are handed on downwards and to the right: seen (H, W, D) bool, and wherever such a state may come from, in every colour.

    >>> above_and_left(np.array([[[0, 0], [0, 0]], [[0, 0], [0, 1]]], bool)).astype(int).tolist()
    [[[1, 1], [1, 1]], [[1, 1], [0, 1]]]
    """
    reached = np.maximum.accumulate(np.maximum.accumulate(seen.any(axis=2)[::-1, ::-1], axis=0), axis=1)[::-1, ::-1]            # (H, W), the places of `seen` too
    before = np.zeros_like(reached)
    before[:-1] |= reached[1:]
    before[:, :-1] |= reached[:, 1:]
    return seen | before[..., None]


def _causal(offsets, centre):
    """Past taps see everything, the centre what `centre` (C, D) says, the future nothing."""
    mask = np.zeros((len(offsets), *centre.shape), bool)
    for t, (dr, dc) in enumerate(offsets):
        if dr < 0 or (dr == 0 and dc < 0):
            mask[t] = True
        elif dr == dc == 0:
            mask[t] = centre
    return Taps(tuple(offsets), mask)
