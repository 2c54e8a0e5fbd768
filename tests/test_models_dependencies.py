"""What a model sees is exactly what theory says: measured, from the masks, and by formula, as sets.
Too little is as wrong as too much.

The second half plants the mistakes that are made when a PixelCNN is written, and each is found. It
shows by its leaks or, where it is perfectly causal, by what it no longer sees.
"""

import dataclasses

import numpy as np
import pytest

import closed_forms
from models import (
    NAMES, compare, future_shuffle, is_right, measured, plant, several, small, structural)
from npixel import masks
from npixel.layers import conv2d, fully_visible, relu
from npixel.models import pixelcnn, readout, wiring

# (image_shape, levels, fields of pixelcnn): H != W throughout, first kernels 3 and 7, depths 1 to
# 3, with h and 2 h not divisible by 3
PIXELCNNS = [((5, 7, 1), 2, dict(first_kernel=3, layers=1)),
             ((7, 5, 1), 2, dict(first_kernel=3, layers=2)),
             ((6, 9, 1), 2, dict(first_kernel=3, layers=3, head_layers=0)),
             ((7, 9, 1), 2, dict(first_kernel=7, layers=1, head_layers=1)),
             ((6, 11, 1), 2, dict(first_kernel=7, layers=2)),
             ((8, 6, 1), 2, dict(first_kernel=7, layers=3)),
             ((4, 6, 1), 4, dict(first_kernel=3, layers=2)),
             ((1, 5, 1), 2, dict(first_kernel=3, layers=1)),
             ((5, 1, 1), 2, dict(first_kernel=3, layers=1)),
             ((4, 5, 3), 2, dict(first_kernel=3, layers=1, hidden=4, head=5)),
             ((3, 6, 3), 2, dict(first_kernel=3, layers=2, hidden=5, head=3, head_layers=0)),
             ((4, 3, 3), 4, dict(first_kernel=7, layers=1, hidden=7, head=4)),
             ((3, 4, 3), 4, dict(first_kernel=3, layers=3, hidden=3, head=3, head_layers=1)),
             ((4, 3, 2), 4, dict(first_kernel=3, layers=2, hidden=5))]
SIZES = [((4, 6, 1), 2), ((5, 3, 1), 2), ((3, 4, 1), 4), ((2, 3, 3), 2), ((2, 3, 3), 4)]
# the same for the recurrent models, which have no end upward; with a kernel of 5 or 7, m < k: there
# a colour is between seen and not seen
RECURRENT = [((5, 7, 1), 2, dict(first_kernel=3, layers=1)),
             ((7, 5, 1), 2, dict(first_kernel=3, layers=2)),
             ((4, 8, 1), 2, dict(first_kernel=3, layers=3)),
             ((9, 3, 1), 2, dict(first_kernel=3, layers=1)),
             ((7, 9, 1), 2, dict(first_kernel=7, layers=1)),
             ((4, 9, 1), 2, dict(first_kernel=7, layers=2)),
             ((6, 5, 1), 4, dict(first_kernel=7, layers=3)),
             ((1, 5, 1), 2, dict(first_kernel=3, layers=1)),
             ((5, 1, 1), 2, dict(first_kernel=3, layers=1)),
             ((4, 5, 3), 2, dict(first_kernel=3, layers=1, hidden=4, head=5)),
             ((3, 6, 3), 4, dict(first_kernel=3, layers=2, hidden=5, head=3)),
             ((3, 4, 3), 4, dict(first_kernel=3, layers=3, hidden=3, head=3)),
             ((3, 5, 3), 2, dict(first_kernel=7, layers=1, hidden=7, head=4)),
             ((2, 6, 3), 2, dict(first_kernel=7, layers=2, hidden=4, head=4)),
             ((4, 3, 2), 4, dict(first_kernel=3, layers=2, hidden=5))]
RECURRENT = [(name, shape, levels, config | options) for shape, levels,
             config in RECURRENT for name, options in
             [("row_lstm", {"kernel": 3}), ("row_lstm", {"kernel": 5, "skip": False}),
              ("diagonal_lstm", {}), ("diagonal_bilstm", {"skip": False}),
              ("diagonal_bilstm", {"padding": "evolve"}),
              ("spatial_lstm", {"extended": False}), ("spatial_lstm", {"extended": True})]]
RECURRENT += [("row_lstm", (5, 9, 1), 2, dict(kernel=7, layers=1)),
              ("row_lstm", (4, 6, 1), 2, dict(kernel=1, first_kernel=7)),
              *[("raster_lstm", (4, 5, 1), 2, dict(layers=n))
                for n in (1, 2, 3)], ("raster_lstm", (3, 2, 3), 4, dict(layers=3, hidden=4))]
CASES = [("pixelcnn", *case)
         for case in PIXELCNNS] + RECURRENT + [(name, *size, {}) for name in NAMES
                                               for size in SIZES]


@pytest.mark.parametrize("name, image_shape, levels, config", CASES)
def test_a_model_sees_what_theory_says_neither_more_nor_less(name, image_shape, levels, config):
    models = several(name, image_shape, levels, **config)
    theory = closed_forms.visible(models[0])
    np.testing.assert_array_equal(structural(models[0]), theory)
    np.testing.assert_array_equal(measured(models), theory)


@pytest.mark.parametrize("name, image_shape, levels, config", CASES)
def test_what_comes_later_never_changes_a_bit(name, image_shape, levels, config):
    for model in several(name, image_shape, levels, **config)[1:3]:
        assert future_shuffle(model) == []


@pytest.mark.parametrize("levels", [2, 4])
@pytest.mark.parametrize("name", NAMES)
def test_green_sees_its_own_red_and_blue_both(name, levels):
    seen = measured(several(name, (2, 3, 3), levels)).reshape(6, 3, 6, 3)
    for pixel in range(6):
        np.testing.assert_array_equal(seen[pixel, :, pixel],
                                      [[False, False, False], [True, False, False],
                                       [True, True, False]])


def test_the_published_blind_spots_come_out():
    """19 of 630 pairs at 6 x 6 behind 7 x 7 and three layers; nothing to the right of a 7 x 7
    kernel's wedge."""
    model = small("pixelcnn", (6, 6, 1), first_kernel=7, layers=3)
    theory = closed_forms.visible(model)
    assert compare(structural(model), theory, (6, 6, 1)).unseen == 19
    deep = structural(small("pixelcnn", (9, 28, 1), first_kernel=7,
                            layers=15)).reshape(9, 28, 9, 28)
    for d in range(1, 9):
        assert deep[8, 10, 8 - d, :10 + d + 3].any() and not deep[8, 10, 8 - d, 10 + d + 3:].any()


@pytest.mark.parametrize("image_shape", [(28, 28, 1), (5, 9, 1), (4, 6, 3)])
@pytest.mark.parametrize("first_kernel", [3, 7])
def test_a_diagonal_bilstm_misses_the_last_pixel_of_the_row_above_from_far_columns(
        image_shape, first_kernel):
    """(H - 1) max(0, W - 1 - m) pairs of pixels, 648 at 28 x 28 behind 7 x 7; of colours, every one
    misses the last. Deeper is no better."""
    H, W, C = image_shape
    unseen = (H - 1) * max(0, W - 1 - first_kernel // 2)
    assert unseen == 648 or image_shape[0] < 28 or first_kernel == 3
    for layers in (1, 4):
        model, past = small("diagonal_bilstm", image_shape, first_kernel=first_kernel,
                            layers=layers), np.arange(H * W * C)
        for r in (0, 1, H - 1):  # the rows below the first are alike
            missing = 0
            for place in np.ndindex(1, W, C):
                place, i = (r, *place[1:]), np.ravel_multi_index((r, *place[1:]), image_shape)
                missing += (~model.visible_past(place).reshape(-1) & (past < i)).sum()
            assert missing == (C * unseen // (H - 1) if r else 0)


def test_a_row_lstm_has_no_end_upward_and_pixelcnns_wedge_to_the_right():
    seen = structural(small("row_lstm", (20, 50, 1), first_kernel=7, kernel=3,
                            layers=1)).reshape(20, 50, 20, 50)[19, 25]
    for d in range(1, 20):
        columns = np.flatnonzero(seen[19 - d])
        first, last = 25 - (d + 1 + 3), 25 + d - 1 + 3
        assert columns.tolist() == list(range(first, last + 1))


def test_the_order_of_generation_is_that_of_memory():
    model = small("pixelcnn", (2, 3, 3))
    assert [np.ravel_multi_index(at, model.image_shape) for at in model.order] == list(range(18))


@pytest.mark.parametrize("dead", [False, True])
def test_dead_relus_hide_dependencies_and_are_why_weights_are_positive_too(dead):
    """A check of the measurement: one draw of signed weights misses pairs, the union that `several`
    gives misses none."""
    models = [small("pixelcnn", (6, 6, 1), first_kernel=7, layers=3,
                    seed=3)] if dead else several("pixelcnn", (6, 6, 1), first_kernel=7, layers=3)
    if dead:
        for weights in models[0].params.values():
            weights.b[...] -= 0.5
    report = compare(measured(models, draws=1), closed_forms.visible(models[0]), (6, 6, 1))
    assert (report.missing > 0) == dead and not report.leaks and not report.extra


# planted faults: each changes what the network takes from masks, conv2d or relu


def report(image_shape=(6, 6, 1), levels=2, **config):
    """Measured against theory; by default the network of the catalogue: 7 x 7, then three 3 x 3 on
    6 x 6."""
    models = several("pixelcnn", image_shape, levels, **({"first_kernel": 7, "layers": 3} | config))
    return compare(measured(models), closed_forms.visible(models[0]), image_shape), models


def test_the_catalogue_starts_from_a_network_that_is_right():
    result, _ = report()
    assert is_right(result) and result.unseen == 19


def test_a_first_mask_b_is_caught(monkeypatch):
    plant(monkeypatch, masks, mask_a=masks.mask_b)
    result, models = report()
    assert (result.leaks, result.nearest, result.missing, result.extra) == (36, {(0, 0)}, 0, 0)
    # the masks alone show it as well
    assert not is_right(compare(structural(models[0]), closed_forms.visible(models[0]), (6, 6, 1)))
    assert future_shuffle(models[0])


def _all_mask_a(K, inputs, outputs):
    return masks.mask_a(K, inputs, outputs) if K > 1 else masks.mask_b(K, inputs, outputs)


def _plain_stack(f, x, config):
    """pixelcnn.network with `h =` in place of `h = h +`."""
    h = f("first", x)
    for n in range(config.layers):
        h = f(f"expand{n}", f(f"conv{n}", f(f"reduce{n}", h)))
    return readout.network(f, h, config)


_without_residuals = wiring.Wiring(pixelcnn.layers, _plain_stack, None).forward


def test_mask_a_in_every_layer_of_a_plain_stack_is_caught_though_it_is_causal(monkeypatch):
    """207 pairs unseen in place of 19. (With residuals nothing would be missing: the stream goes
    around the mask, at the centre as well.)"""
    monkeypatch.setattr(pixelcnn, "forward", _without_residuals)
    assert is_right(report()[0])  # the plain stack alone sees what theory says
    plant(monkeypatch, masks, mask_b=_all_mask_a)
    result, models = report()
    assert (result.leaks, result.missing, result.unseen) == (0, 207 - 19, 207)
    assert future_shuffle(models[0]) == []


def _normalised_over(axes):
    def forward(x):
        y = np.maximum((x - x.mean(axes, keepdims=True)) / (x.std(axes, keepdims=True) + 1e-5), 0)
        return y, y
    return forward


def test_normalisation_over_space_is_caught(monkeypatch):
    """Every prediction sees every pixel but the last, which no feature sees: 35 (35 + 1) / 2
    leaks."""
    plant(monkeypatch, relu, forward=_normalised_over((1, 2)))
    result, models = report()
    assert result.leaks == 630 and future_shuffle(models[0])


def test_batch_normalisation_is_caught(monkeypatch):
    """Over batch and space: here other images of the batch show too, so that everything depends on
    everything."""
    plant(monkeypatch, relu, forward=_normalised_over((0, 1, 2)))
    result, models = report()
    assert result.leaks >= 630 and future_shuffle(models[0])
    image = np.ones((1, 6, 6, 1), int)
    other = np.zeros((1, 6, 6, 1), int)
    alike, unlike = np.concatenate([image, image]), np.concatenate([image, other])
    assert models[2].log_prob(alike)[0] != models[2].log_prob(unlike)[0]


def _padded(mode):
    """conv2d.forward whose image is continued in this way instead of by zeros."""
    def forward(x, w, b, /, *, taps):
        reach = max(max(map(abs, offset)) for offset in taps.offsets)
        edge = ((0, 0), (reach, reach), (reach, reach), (0, 0))
        y, cache = conv2d.forward(np.pad(x, edge, mode=mode), w, b, taps=taps)
        inside = slice(reach, -reach or None)
        return y[:, inside, inside], cache
    return forward


def test_zero_padding_by_hand_is_right(monkeypatch):
    """A check of the next one's instrument."""
    plant(monkeypatch, conv2d, forward=_padded("constant"))
    assert is_right(report((6, 7, 1), first_kernel=3, layers=2)[0])


@pytest.mark.parametrize("mode", ["wrap", "reflect", "symmetric", "edge"])
def test_an_image_that_is_not_continued_by_zeros_is_caught(monkeypatch, mode):
    """A circle or a mirror shows the future; the nearest edge pixel, repeated, shows pixels out of
    reach and the first one itself."""
    plant(monkeypatch, conv2d, forward=_padded(mode))
    result, models = report((6, 7, 1), first_kernel=3, layers=2)
    assert result.leaks > 0 and future_shuffle(models[0])


def _mask_a_off_by_one(shift):
    """Mask A that forgets the pixel to the left (-1), or shows the one to the right (+1)."""
    def mask_a(K, inputs, outputs):
        right = masks.mask_a(K, inputs, outputs)
        mask = right.mask.copy()
        mask[right.offsets.index((0, shift))] = shift > 0
        return masks.Taps(right.offsets, mask)
    return mask_a


def test_a_mask_that_ends_one_pixel_too_late_is_caught(monkeypatch):
    plant(monkeypatch, masks, mask_a=_mask_a_off_by_one(1))
    result, models = report()
    # 30 pixels have a right neighbour, and 30 a left one, through which mask B shows a pixel to
    # itself
    assert (result.leaks, result.nearest) == (60, {(0, 0)}) and future_shuffle(models[0])


def test_a_mask_that_ends_one_pixel_too_early_is_caught(monkeypatch):
    plant(monkeypatch, masks, mask_a=_mask_a_off_by_one(-1))
    result, _ = report()
    # one pair for each pixel with a left neighbour
    assert result.leaks == 0 and result.missing >= 30


def test_a_later_mask_without_its_centre_column_is_caught(monkeypatch):
    """mask[:, K // 2] = 0 for mask[K // 2, K // 2:] = 0; here the plain stack, or the residual
    stream would go around it."""
    def mask_b(K, inputs, outputs):
        right = masks.mask_b(K, inputs, outputs)
        mask = right.mask.copy()
        for t, (_, dc) in enumerate(right.offsets):
            mask[t] &= dc != 0 or K == 1
        return masks.Taps(right.offsets, mask)

    monkeypatch.setattr(pixelcnn, "forward", _without_residuals)
    plant(monkeypatch, masks, mask_b=mask_b)
    result, _ = report()
    assert result.leaks == 0 and result.missing > 0


# planted faults of colour: 2 x 3 images, so that every pair within a pixel counts 6 times

RGB = dict(image_shape=(2, 3, 3), first_kernel=3, layers=2, hidden=6, head=6)


def test_the_colour_network_is_right_before_faults_are_planted():
    assert is_right(report(levels=4, **RGB)[0]) and is_right(report(levels=2, **RGB)[0])


def test_logits_laid_out_level_by_level_are_caught(monkeypatch):
    """(L, C) for (C, L)."""
    forward = pixelcnn.forward

    def wrong(params, x, config, **kwargs):
        logits, caches = forward(params, x, config, **kwargs)              # (N, H, W, C, L)
        return logits.reshape(*logits.shape[:3], config.levels, -1).swapaxes(-1, -2), caches

    monkeypatch.setattr(pixelcnn, "forward", wrong)
    result, models = report(levels=4, **RGB)
    assert result.leaks > 0 and result.nearest == {(0, 0)} and future_shuffle(models[0])


def test_a_feature_map_with_two_different_colour_groupings_is_caught(monkeypatch):
    """The first layer deals its features out in turn, R G B R G B, the layers behind it read them
    as R R G G B B."""
    plant(monkeypatch, masks,
          mask_a=lambda K, inputs, outputs: masks.mask_a(K, inputs, np.arange(len(outputs)) % 3))
    result, models = report(**RGB)
    assert result.leaks > 0 and result.nearest == {(0, 0)} and future_shuffle(models[0])


def test_groups_over_two_gates_side_by_side_are_caught(monkeypatch):
    """One split of all features where each half should be split, as a layer with gates has it: the
    halves' producer and consumer disagree."""
    def mask_a(K, inputs, outputs):
        return masks.mask_a(K, inputs, masks.groups(len(outputs), 3, gates=2))

    plant(monkeypatch, masks, mask_a=mask_a)
    result, models = report(**RGB)
    assert result.leaks > 0 and result.nearest == {(0, 0)} and future_shuffle(models[0])


def test_a_first_layer_that_shows_no_colour_of_its_pixel_is_caught_though_it_is_causal(monkeypatch):
    """Mask A with an all-zero centre: 3 pairs are missing in each of the 6 pixels."""
    plant(monkeypatch, masks,
          mask_a=lambda K, inputs, outputs: masks.mask_a(K, inputs * 0, outputs * 0))
    result, _ = report(**RGB)
    assert (result.leaks, result.missing, result.extra) == (0, 18, 0)


def test_colours_in_reverse_are_caught(monkeypatch):
    """B before G before R: each of the 6 pixels has its 3 pairs the wrong way round."""
    plant(monkeypatch, masks, mask_a=lambda K, inputs, outputs: masks.mask_a(K, -inputs, -outputs),
          mask_b=lambda K, inputs, outputs: masks.mask_b(K, -inputs, -outputs))
    result, _ = report(**RGB)
    assert (result.leaks, result.nearest, result.missing) == (18, {(0, 0)}, 18)


def test_a_head_that_mixes_colours_is_caught(monkeypatch):
    """1 x 1 convolutions without a mask: a pixel's red sees its green through its own features."""
    def mask_b(K, inputs, outputs):
        if K > 1:
            return masks.mask_b(K, inputs, outputs)
        return masks.Taps(((0, 0),), np.ones((1, len(inputs), len(outputs)), bool))

    plant(monkeypatch, masks, mask_b=mask_b)
    result, models = report(**RGB)
    assert result.leaks > 0 and result.nearest == {(0, 0)} and future_shuffle(models[0])


# planted faults that the formula, the masks and fvbn's own reach would each hide if they were not
# compared


def test_a_visible_past_that_forgets_a_layer_is_caught(monkeypatch):
    original = pixelcnn.reach
    def reach(seen, config):
        return original(seen, dataclasses.replace(config, layers=config.layers - 1))

    monkeypatch.setattr(pixelcnn, "reach", reach)
    models = several("pixelcnn", (6, 6, 1), first_kernel=3)
    theory = closed_forms.visible(models[0])
    assert is_right(compare(measured(models), theory, (6, 6, 1)))
    assert compare(structural(models[0]), theory, (6, 6, 1)).missing > 0


def test_an_fvbn_that_sees_itself_is_caught(monkeypatch):
    """tril(0) for tril(-1): the forward pass reads one unit too far."""
    original = fully_visible.forward

    def forward(x, w, b, /):
        y, cache = original(x, w, b)
        return y + x, cache

    monkeypatch.setattr(fully_visible, "forward", forward)
    models = several("fvbn", (3, 4, 1))
    result = compare(measured(models), closed_forms.visible(models[0]), (3, 4, 1))
    assert (result.leaks, result.nearest) == (12, {(0, 0)}) and future_shuffle(models[0])
