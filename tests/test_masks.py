"""Masks: every list of taps against what it says it is, at sub-pixel resolution."""

import numpy as np
import pytest

from npixel import masks


def test_groups_are_in_order_nearly_equal_and_cover_every_colour():
    for colours in (1, 2, 3, 4):
        for features in range(colours, 40):
            g = masks.groups(features, colours)
            assert (np.diff(g) >= 0).all() and set(g) == set(range(colours))
            sizes = np.bincount(g)
            assert sizes.max() - sizes.min() <= 1


def test_groups_are_split_per_gate_and_not_over_all_gates_together():
    g = masks.groups(4 * 128, 3, gates=4)
    for gate in range(4):
        assert np.array_equal(g[128 * gate:128 * (gate + 1)], masks.groups(128, 3))
    over_all = 3 * np.arange(512) // 512
    # the fault: about half of the gates' channels are mislabelled
    assert (g != over_all).mean() >= 0.4


@pytest.mark.parametrize("features, colours, gates, words", [
    (2, 3, 1, "2 features"), (8, 3, 4, "2 features"), (7, 1, 2, "7 features")])
def test_too_few_features_are_refused(features, colours, gates, words):
    with pytest.raises(ValueError, match=words):
        masks.groups(features, colours, gates)


@pytest.mark.parametrize("K", [0, 2, 4, -1])
def test_even_or_empty_windows_are_refused(K):
    with pytest.raises(ValueError, match=str(K)):
        masks.square(K)


@pytest.mark.parametrize("K", [1, 3, 5, 7])
@pytest.mark.parametrize("colours", [1, 2, 3])
def test_mask_a_sees_earlier_colours_of_the_pixel_and_mask_b_its_own_too(K, colours):
    ins, outs = masks.groups(7, colours), masks.groups(5, colours)
    for make, may in ((masks.mask_a, np.less), (masks.mask_b, np.less_equal)):
        taps = make(K, ins, outs)
        assert len(taps.offsets) == K * K
        for (dr, dc), m in zip(taps.offsets, taps.mask):
            for c in range(7):
                for d in range(5):
                    before = dr < 0 or (dr == 0 and dc < 0)
                    here = dr == 0 and dc == 0 and may(ins[c], outs[d])
                    assert m[c, d] == (before or here)


def test_the_centre_is_not_empty_for_colours():
    """G sees its own pixel's R under mask A.

    A common fault is a centre that is all zero: it is causal, and blind.
    """
    taps = masks.mask_a(3, np.arange(3), np.arange(3))
    centre = taps.mask[taps.offsets.index((0, 0))]
    assert centre.tolist() == [[False, True, True], [False, False, True], [False, False, False]]


def test_the_other_lists_hold_the_offsets_they_name():
    assert masks.row(3).offsets == ((0, -1), (0, 0), (0, 1))
    assert masks.above(3).offsets == ((-1, -1), (-1, 0), (-1, 1))
    assert masks.above(3, shift=1).offsets == ((-2, -1), (-2, 0), (-2, 1))
    assert masks.vertical(3).offsets == ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 0), (0, 1))
    assert masks.down_shifted(2, 3).offsets == ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 0), (0, 1))
    assert masks.down_right_shifted(2, 2).offsets == ((-1, -1), (-1, 0), (0, -1), (0, 0))
    first = masks.causal_row(3, np.zeros(1, int), np.zeros(1, int), first=True)
    later = masks.causal_row(3, np.zeros(1, int), np.zeros(1, int))
    assert first.mask[:, 0, 0].tolist() == [True, False, False]
    assert later.mask[:, 0, 0].tolist() == [True, True, False]
