"""Gated PixelCNN: what the tests of all models do not ask.

Conditions of every kind, the reach of both stacks, and the mistakes that are easy to make. Each
planted fault names the check that sees it: leaks, a missing part of the past, or, where the network
remains causal, PyTorch alone.
"""

import functools
import math
from types import SimpleNamespace

import numpy as np
import pytest

import closed_forms
import npixel
from models import (compare, every_image, future_shuffle, images, is_right, measured, plant,
                    same_bits, several, small, structural)
from npixel import masks, measure
from npixel.data import load
from npixel.evaluation import evaluate
from npixel.layers import conditional_bias, conv2d, gated_activation
from npixel.models import gated_pixelcnn
from npixel.models.wiring import Window
from test_models_generation import LIKE_FORWARD, cells, p_value, pixel_by_pixel, strip_by_strip
from test_models_gradients import disagreement

KINDS = {"nothing": {}, "classes": {"classes": 3}, "features": {"condition_features": 4},
         "maps": {"condition_maps": 2}}
CONFIGS = [
    ((5, 7, 1), 2, {}),
    ((4, 3, 3), 2, {"hidden": 4}),
    ((3, 4, 1), 4, {"head_layers": 0, "kernel": 5}),
    ((3, 4, 3), 4, {"skip": False, "layers": 3}),
    ((2, 3, 3), 2, {"layers": 0, "first_kernel": 7, "head_layers": 2}),
    ((4, 1, 1), 2, {"kernel": 1}),
    ((1, 4, 3), 2, {}),
]


def condition_for(model, n, seed=0):
    """A random condition of the kind that the model has, or None."""
    rng, config = np.random.default_rng(seed), model.config
    if config.classes:
        return rng.integers(0, config.classes, n)
    if config.condition_features:
        return rng.standard_normal((n, config.condition_features))
    if config.condition_maps:
        return rng.standard_normal((n, *model.image_shape[:2], config.condition_maps))
    return None


def conditional(kind, image_shape=(3, 4, 1), levels=2, **changes):
    return small("gated_pixelcnn", image_shape, levels, **(KINDS[kind] | changes))


# gradients


def problem(kind, image_shape, levels, config, *, n=3):
    model = conditional(kind, image_shape, levels, **config)
    rng = np.random.default_rng(0)
    x = model.encode(images(rng, n, model)) + 0.1 * rng.standard_normal((n, *image_shape))
    condition = condition_for(model, n)
    outputs, _ = model.module.forward(model.params, x, model.config, condition=condition)
    return model, x, rng.standard_normal(outputs.shape), condition


def gradients(model, x, doutputs, condition):
    outputs, caches = model.module.forward(model.params, x, model.config, condition=condition)
    dx, dcondition, grads = model.module.backward(doutputs, caches)
    assert list(sorted(grads)) == list(sorted(model.params))
    return outputs, dx, dcondition, grads


def against_torch(model, x, doutputs, condition):
    """Largest max|a - b| / max|b| over outputs and every gradient."""
    oracle = pytest.importorskip("oracles.torch_gated", exc_type=ImportError)
    *ours, grads = gradients(model, x, doutputs, condition)
    *theirs, grads_t = oracle.run(model, x, doutputs, condition)
    integers = condition is None or condition.dtype.kind == "i"
    assert (ours[2] is None) == (theirs[2] is None) == integers
    pairs = [(a, b) for a, b in zip(ours, theirs) if a is not None]
    for name, weights in grads.items():
        pairs += zip(weights, grads_t[name], strict=True)
    return disagreement(*zip(*pairs))


@pytest.mark.parametrize("image_shape, levels, config", CONFIGS)
@pytest.mark.parametrize("kind", KINDS)
def test_outputs_and_all_gradients_equal_autograd(kind, image_shape, levels, config):
    """The gradient of the condition is among them."""
    assert against_torch(*problem(kind, image_shape, levels, config)) <= 1e-10


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_equal_differences(kind, step=1e-6):
    model, x, doutputs, condition = problem(kind, (3, 4, 3), 4, {})
    _, dx, dcondition, grads = gradients(model, x, doutputs, condition)
    places = [(array, gradient) for name in model.params
              for array, gradient in zip(model.params[name], grads[name])] + [(x, dx)]
    if dcondition is not None:
        places.append((condition, dcondition))
    rng = np.random.default_rng(1)
    for array, gradient in places:
        direction, ends = rng.standard_normal(array.shape), []
        for sign in (1, -2):
            array += sign * step * direction
            ends.append(model.module.forward(model.params, x, model.config, condition=condition)[0])
        array += step * direction
        dy = (ends[0] - ends[1]) / (2 * step)
        # outputs of size 1 are rounded to 1e-16, differences over 2e-6 to 1e-10; curvature adds
        # step² = 1e-12
        difference = np.vdot(doutputs, dy) - np.vdot(gradient, direction)
        assert abs(difference) <= 1e-7 * np.linalg.norm(doutputs) * (np.linalg.norm(dy) or 1)


def dead_weights(model):
    """{name: bool mask of the weights that no mask lets through}, by the rule of kernel_mask."""
    C, config = model.image_shape[2], model.config
    p, K0, K = config.hidden, config.first_kernel, config.kernel
    image, maps = list(range(C)), closed_forms.colour(p, C)
    pointwise = closed_forms.kernel_mask(1, maps, maps, own=True)[0] == 0
    result = {}
    for i in range(1 + model.config.layers):
        width, inputs = (K, maps) if i else (K0, image)
        row = closed_forms.kernel_mask(width, inputs, maps + maps, own=i > 0)[width // 2]
        result[f"horizontal{i}"] = row == 0
        result[f"out{i}"] = result[f"skip{i}"] = pointwise
    head, logits = closed_forms.colour(model.config.head, C), list(range(C))
    result["head0"] = closed_forms.kernel_mask(1, maps, head, own=True)[0] == 0
    return result | {"logits": closed_forms.kernel_mask(1, head, logits, own=True)[0] == 0}


@pytest.mark.parametrize("image_shape", [(3, 4, 1), (3, 4, 3)])
def test_masked_weights_have_gradient_zero_and_change_nothing(image_shape):
    model, x, doutputs, _ = problem("nothing", image_shape, 2, {})
    before = gradients(model, x, doutputs, None)
    rng = np.random.default_rng(5)
    for name, dead in dead_weights(model).items():
        assert not before[3][name].w[dead].any()
        model.params[name].w[dead] = 100 * rng.standard_normal(dead.sum())
    after = gradients(model, x, doutputs, None)
    assert same_bits(before[0], after[0]) and same_bits(before[1], after[1])
    for name in before[3]:
        assert all(same_bits(a, b) for a, b in zip(before[3][name], after[3][name]))
    # nothing is masked where all that is read lies in rows above
    assert all(before[3][name].w.all() for name in ("vertical0", "link0", "vertical1", "link1"))


# likelihoods


@pytest.mark.parametrize("image_shape, levels", [
    ((3, 3, 1), 2), ((2, 4, 1), 2), ((2, 2, 3), 2), ((2, 2, 1), 4)])
@pytest.mark.parametrize("kind", KINDS)
def test_probabilities_sum_to_one_under_each_of_two_conditions(kind, image_shape, levels):
    model, every = conditional(kind, image_shape, levels), every_image(image_shape, levels)
    tables = []
    rows = {"nothing": [None], "classes": np.array([0, 2])}.get(kind, condition_for(model, 2))
    for row in rows:
        condition = None if row is None else np.repeat(row[None], len(every), axis=0)
        tables.append(np.exp(model.log_prob(every, condition=condition)))
        assert abs(math.fsum(tables[-1]) - 1) <= 1e-12
    if kind != "nothing":
        assert np.abs(tables[0] - tables[1]).max() > 1e-4                  # the condition counts


def test_a_class_is_its_one_hot_vector_and_a_vector_is_a_constant_map():
    """Three conditions with the same weights, one network."""
    labels = np.array([2, 0, 1, 2])
    vectors = np.eye(3)[labels]
    maps = np.broadcast_to(vectors[:, None, None], (4, 3, 4, 3))
    x = images(np.random.default_rng(0), 4, conditional("nothing"))
    fields = "classes", "condition_features", "condition_maps"
    of = [conditional("nothing", **{field: 3}) for field in fields]
    terms = [model.log_prob(x, condition=condition, per="subpixel")
             for model, condition in zip(of, (labels, vectors, maps))]
    # the same products, added up in another order
    np.testing.assert_allclose(terms[1], terms[0], rtol=1e-13)
    np.testing.assert_allclose(terms[2], terms[0], rtol=1e-13)


@pytest.mark.parametrize("kind", ["classes", "features", "maps"])
def test_each_image_has_its_own_condition(kind):
    model = conditional(kind)
    x, condition = images(np.random.default_rng(0), 4, model), condition_for(model, 4)
    whole = model.log_prob(x, condition=condition)
    for n in range(4):
        alone = model.log_prob(x[n:n + 1], condition=condition[n:n + 1])
        np.testing.assert_allclose(alone, whole[n], rtol=1e-13)


def test_a_map_counts_where_it_is_and_in_what_is_generated_after_it():
    """Changing the map at one place: no prediction before that place changes, its own does."""
    model = conditional("maps", (4, 5, 1))
    x, condition = images(np.random.default_rng(0), 1, model), condition_for(model, 1)
    other = condition.copy()
    other[0, 2, 3] += 1
    before, after = (model.log_conditionals(x, condition=s).reshape(20, 2)
                     for s in (condition, other))
    changed = (before != after).any(axis=1)
    assert not changed[:13].any() and changed[13] and changed[14:].any()


@pytest.mark.parametrize("fields", [
    {"classes": 3, "condition_features": 2},
    {"condition_features": 2, "condition_maps": 1},
    {"classes": 3, "condition_maps": 1},
])
def test_a_model_has_one_condition(fields):
    words = " and ".join(f"{field}={size}" for field, size in fields.items())
    with pytest.raises(ValueError, match="one condition, not " + words):
        npixel.build("gated_pixelcnn", image_shape=(3, 4, 1), **fields)


@pytest.mark.parametrize("kind, condition, words", [
    ("classes", None, "(2,), is None"),
    ("classes", np.array([0, 3]), "classes in [0, 3), found 0 to 3"),
    ("classes", np.array([0.0, 1.0]), "integers"),
    ("classes", np.array([1]), "(2,) integers, is int64 (1,)"),
    ("features", np.zeros((2, 3)), "(2, 4)"),
    ("features", np.full((2, 4), np.nan), "not finite"),
    ("maps", np.zeros((2, 4, 3, 2)), "(2, 3, 4, 2)"),
    ("nothing", np.zeros(2, int), "must be None"),
])
def test_conditions_that_do_not_fit_are_refused(kind, condition, words):
    model = conditional(kind)
    x = np.zeros((2, 3, 4, 1), int)
    for call in (lambda: model.log_prob(x, condition=condition),
                 lambda: model.loss_and_grads(x, condition=condition),
                 lambda: model.sample(2, condition=condition),
                 lambda: model.complete(x, True, condition=condition)):
        with pytest.raises(ValueError) as error:
            call()
        assert words in str(error.value)


@pytest.mark.parametrize("kind", KINDS)
def test_a_conditional_model_comes_back_from_its_file(kind, tmp_path):
    model = conditional(kind)
    model.save(tmp_path / "model.npz")
    back = npixel.load(tmp_path / "model.npz")
    x, condition = images(np.random.default_rng(0), 3, model), condition_for(model, 3)
    assert back.config == model.config
    assert same_bits(*(m.log_prob(x, condition=condition) for m in (back, model)))


# generation


def bound(model, condition):
    """The model under one condition, with the functions that the promises of `step` call."""
    return SimpleNamespace(
        module=model.module,
        encode=model.encode,
        forward=lambda x: model.forward(x, condition=condition),
        start=lambda shape: model.start(shape, condition=condition),
    )


@pytest.mark.parametrize("image_shape, levels, config", CONFIGS)
@pytest.mark.parametrize("kind", KINDS)
def test_step_keeps_both_promises_under_a_condition(kind, image_shape, levels, config):
    model = conditional(kind, image_shape, levels, **config)
    x, fixed = images(np.random.default_rng(0), 2, model), bound(model, condition_for(model, 2))
    strips = [strip_by_strip(fixed, x, seed) for seed in range(3)]
    assert max(pixel_by_pixel(fixed, x), *strips) <= LIKE_FORWARD


@pytest.mark.parametrize("kind", KINDS)
def test_cached_samples_and_completions_are_naive_ones_whatever_the_chunk(kind, monkeypatch):
    model = conditional(kind, (4, 5, 3), scale=2)
    given = dict(condition=condition_for(model, 3),
                 uniforms=np.random.default_rng(0).random((3, 4, 5, 3)))
    whole = model.sample(3, **given)
    np.testing.assert_array_equal(whole, model.sample(3, naive=True, **given))
    known = np.random.default_rng(1).random(whole.shape) < 0.5
    done = model.complete(whole[::-1], known, **given)
    naive = model.complete(whole[::-1], known, naive=True, **given)
    np.testing.assert_array_equal(done, naive)
    monkeypatch.setattr(npixel.sampling, "CACHED_BYTES", 1)                # image by image
    np.testing.assert_array_equal(whole, model.sample(3, **given))


@pytest.mark.parametrize("label", [0, 2])
def test_samples_under_a_label_have_the_law_that_enumeration_gives(label):
    model = conditional("classes", (3, 3, 1), scale=2)
    every = every_image((3, 3, 1), 2)
    laws = [np.exp(model.log_prob(every, condition=np.full(len(every), k))) for k in range(3)]
    condition = np.full(50_000, label)
    drawn = cells(model.sample(50_000, np.random.default_rng(12345), condition=condition), 2)
    assert p_value(drawn, laws[label]) > 1e-4 and p_value(drawn, laws[1]) < 1e-4


# what it sees

REACHES = [
    ((6, 6, 1), dict(first_kernel=7, layers=3)),
    ((8, 8, 1), dict(first_kernel=3, layers=6)),
    ((5, 9, 1), dict(first_kernel=3, layers=1)),
    ((9, 5, 1), dict(first_kernel=3, layers=2)),
    ((4, 9, 1), dict(first_kernel=5, layers=0)),
    ((6, 9, 1), dict(first_kernel=3, layers=1, kernel=5)),
    ((4, 5, 3), dict(first_kernel=3, layers=1, hidden=4)),
    ((3, 6, 3), dict(first_kernel=3, layers=2, hidden=7, head=9, head_layers=2)),
    ((5, 6, 2), dict(first_kernel=3, layers=1, kernel=1)),
    ((3, 7, 3), dict(first_kernel=5, layers=1, hidden=3, skip=False)),
]


@pytest.mark.parametrize("image_shape, config", REACHES)
def test_it_sees_what_theory_says_neither_more_nor_less(image_shape, config):
    models = several("gated_pixelcnn", image_shape, **config)
    theory = closed_forms.visible(models[0])
    np.testing.assert_array_equal(structural(models[0]), theory)
    np.testing.assert_array_equal(measured(models), theory)
    assert future_shuffle(models[2]) == []


@pytest.mark.parametrize("image_shape, config, pairs", [
    ((6, 6, 1), dict(first_kernel=7, layers=3), 630),
    ((8, 8, 1), dict(first_kernel=3, layers=6), 2016),
])
def test_with_layers_enough_nothing_of_the_past_is_missing(image_shape, config, pairs):
    models = several("gated_pixelcnn", image_shape, **config)
    report = compare(measured(models), structural(models[0]), image_shape)
    assert is_right(report) and report.unseen == 0 and structural(models[0]).sum() == pairs
    one_less = small("gated_pixelcnn", image_shape, **(config | {"layers": config["layers"] - 2}))
    assert compare(structural(one_less), structural(models[0]), image_shape).unseen > 0


@pytest.mark.parametrize("kind", ["classes", "features", "maps"])
def test_a_condition_changes_nothing_of_what_is_seen(kind):
    models = several("gated_pixelcnn", (3, 4, 3), **KINDS[kind])
    fixed = []
    for seed, model in enumerate(models):
        condition = np.repeat(condition_for(model, 1, seed), 36, axis=0)
        fixed.append(SimpleNamespace(
            image_shape=model.image_shape, levels=model.levels,
            log_conditionals=functools.partial(model.log_conditionals, condition=condition)))
    np.testing.assert_array_equal(measured(fixed), closed_forms.visible(models[0]))


def test_the_blind_corner_is_seen_where_pixelcnn_is_blind():
    source = load("blind_corner:8x8").process
    for name, blind in (("gated_pixelcnn", False), ("pixelcnn", True)):
        model = npixel.build(name, image_shape=(8, 8, 1))
        assert (measure.predicted_gap(model, source) > 0) == blind


def test_it_learns_what_stands_in_the_blind_corner():
    """The pixel needed is 5 columns to the right.

    Some 300 small steps close at least half of what being blind costs.
    """
    source = load("blind_corner:4x6,train=4000,valid=20,test=1000")
    model = npixel.build("gated_pixelcnn", image_shape=(4, 6, 1), hidden=8, layers=2,
                         first_kernel=3, kernel=5, head=8)
    npixel.training.fit(model, source.train, steps=300, lr=1e-2, schedule="cosine", clip_norm=10.0,
                        progress=False)
    found = evaluate(model, source)
    assert -3 * found["gap_standard_error"] < found["gap"] < 0.5 * source.process.blind_gap


# planted faults


def report(image_shape=(6, 6, 1), levels=2, **config):
    """Measured against theory; by default with the kernels 7 x 7, then 3 x 3 on 6 x 6."""
    config = {"first_kernel": 7, "layers": 3} | config
    models = several("gated_pixelcnn", image_shape, levels, **config)
    return compare(measured(models), closed_forms.visible(models[0]), image_shape), models


def is_found(models):
    """By the masks alone, and by noise in place of the future."""
    model = models[0]
    found = compare(structural(model), closed_forms.visible(model), model.image_shape)
    wrong = not is_right(found)
    return wrong and any(future_shuffle(model) for model in models)


def test_a_vertical_stack_that_is_not_shifted_down_is_caught(monkeypatch):
    monkeypatch.setattr(gated_pixelcnn, "ONE_ROW_UP", ((0, 0),))
    result, models = report()
    # every pixel sees itself and all to its right: 6 rows of 6 + 5 + ... + 1
    assert (result.leaks, result.missing) == (126, 0)
    assert {(0, 0), (0, 1)} <= result.offsets and is_found(models)


def test_a_vertical_stack_that_is_shifted_twice_is_caught_though_it_is_causal(monkeypatch):
    """A crop that is off by one row: the row above is blind to the right."""
    monkeypatch.setattr(gated_pixelcnn, "ONE_ROW_UP", ((-2, 0),))
    result, models = report()
    assert result.leaks == 0 and result.missing > 0 and future_shuffle(models[0]) == []


def test_a_first_horizontal_mask_b_is_caught(monkeypatch):
    def causal_row(K, inputs, outputs, *, first=False):
        return masks.causal_row(K, inputs, outputs)

    plant(monkeypatch, masks, causal_row=causal_row)
    result, models = report()
    assert (result.leaks, result.nearest, result.missing) == (36, {(0, 0)}, 0) and is_found(models)


def test_a_residual_in_the_first_layer_is_caught(monkeypatch):
    """h = h + out(y) there too, where h is the image."""
    def forward(params, x, config, **kwargs):
        def conv(h, w, b, /, *, taps):
            y, cache = conv2d.forward(h, w, b, taps=taps)
            return (y + x if w is params["out0"].w else y), cache

        with pytest.MonkeyPatch.context() as inner:
            plant(inner, conv2d, forward=conv)
            return original(params, x, config, **kwargs)

    original = gated_pixelcnn.forward
    monkeypatch.setattr(gated_pixelcnn, "forward", forward)
    result, models = report()
    assert (result.leaks, result.nearest, result.missing) == (36, {(0, 0)}, 0)
    assert any(future_shuffle(model) for model in models)


def test_mask_a_in_the_1x1_convolutions_is_caught_though_it_is_causal(monkeypatch):
    """With one colour the centre of mask A is zero, so what the horizontal stack saw is lost."""
    def mask_b(K, inputs, outputs):
        wrong = len(inputs) == len(outputs) == 5
        return (masks.mask_a if wrong else masks.mask_b)(K, inputs, outputs)

    plant(monkeypatch, masks, mask_b=mask_b)
    result, models = report(hidden=5, head=4)
    assert result.leaks == 0 and result.missing > 0 and future_shuffle(models[0]) == []


def test_mask_a_in_every_layer_is_caught_though_it_is_causal(monkeypatch):
    """The second horizontal layer does not see its own features.

    The residual stream goes around it, so only the numbers tell.
    """
    def causal_row(K, inputs, outputs, *, first=False):
        return masks.causal_row(K, inputs, outputs, first=True)

    plant(monkeypatch, masks, causal_row=causal_row)
    assert against_torch(*problem("nothing", (4, 5, 1), 2, {})) > 1e-10


def test_a_link_behind_the_gate_is_caught_by_numbers_alone(monkeypatch):
    """y + link for gate(z + link): causal, sees everything, trains, and is another model."""
    links = []

    def conv(h, w, b, /, *, taps):
        y, cache = conv2d.forward(h, w, b, taps=taps)
        if taps == gated_pixelcnn.ONE_ROW_UP:
            links.append(y)
            return np.zeros_like(y), cache
        return y, cache

    def gate(z):
        y, cache = gated_activation.forward(z)
        return (y + links.pop()[..., :y.shape[-1]] if links else y), cache

    def fault():
        plant(monkeypatch, conv2d, forward=conv)
        plant(monkeypatch, gated_activation, forward=gate)

    assert against_torch(*problem("nothing", (4, 5, 1), 2, {})) <= 1e-10
    fault()
    result, models = report()
    assert is_right(result) and future_shuffle(models[0]) == []
    assert against_torch(*problem("nothing", (4, 5, 1), 2, {})) > 1e-10


def test_a_sigmoid_in_both_halves_is_caught_by_numbers_alone(monkeypatch):
    def gate(z):
        f, g = np.split(1 / (1 + np.exp(-z)), 2, axis=-1)
        return f * g, np.concatenate([f, g], axis=-1)

    plant(monkeypatch, gated_activation, forward=gate)
    assert is_right(report((4, 5, 1), layers=1)[0])
    assert against_torch(*problem("nothing", (4, 5, 1), 2, {})) > 1e-10


RGB = dict(image_shape=(2, 3, 3), first_kernel=3, layers=2, hidden=7, head=7)


def test_the_colour_network_is_right_before_faults_are_planted():
    assert is_right(report(**RGB)[0]) and is_right(report(levels=4, **RGB)[0])


def test_groups_over_both_halves_of_the_gate_together_are_caught(monkeypatch):
    """The contiguous 2p features split into colours, where each half should be."""
    def groups(features, colours, gates=1):
        return masks.groups(features, colours)

    plant(monkeypatch, masks, groups=groups)
    result, models = report(**RGB)
    assert result.leaks > 0 and result.nearest == {(0, 0)} and is_found(models)


def test_horizontal_convolutions_without_colour_groups_are_caught(monkeypatch):
    """The later ones let every colour of a pixel's own features through."""
    def causal_row(K, inputs, outputs, *, first=False):
        inputs, outputs = (inputs, outputs) if first else (inputs * 0, outputs * 0)
        return masks.causal_row(K, inputs, outputs, first=first)

    plant(monkeypatch, masks, causal_row=causal_row)
    result, models = report(**RGB)
    assert result.leaks > 0 and result.nearest == {(0, 0)} and is_found(models)


def test_a_vertical_stack_with_colour_groups_is_caught_though_it_is_causal(monkeypatch):
    """Rows above are known in all colours; masks there only cost."""
    def grouped(taps):
        def make(C, D):
            offsets, mask = masks.as_taps(taps, C, D)
            colours = masks.groups(C, 3), masks.groups(D, 3, gates=2)
            return masks.Taps(offsets, mask & np.less_equal.outer(*colours))
        return Window(len(masks.as_taps(taps, 0, 0)[0]), make)

    monkeypatch.setattr(gated_pixelcnn, "vertical", lambda K: grouped(masks.vertical(K)))
    monkeypatch.setattr(gated_pixelcnn, "ONE_ROW_UP", grouped(((-1, 0),)))
    result, models = report(**RGB)
    assert result.leaks == 0 and result.missing > 0 and future_shuffle(models[0]) == []


def test_a_vertical_row_that_is_stepped_too_late_breaks_step(monkeypatch):
    """Run at the second pixel of a row in place of the first."""
    original = gated_pixelcnn.vertical_row
    model = small("gated_pixelcnn", (4, 5, 1))
    x = images(np.random.default_rng(0), 2, model)
    late = []

    def when_asked_again(state, at):
        late.append(at)
        if len(late) > 1:
            original(state, late[-2])

    monkeypatch.setattr(gated_pixelcnn, "vertical_row", when_asked_again)
    assert pixel_by_pixel(model, x) > 1e-6


def test_a_vertical_row_from_the_strip_alone_breaks_only_the_order_of_pixels(monkeypatch):
    """Only the columns of the first strip are run: a whole row at once hides it."""
    original = gated_pixelcnn.vertical_row
    model = small("gated_pixelcnn", (4, 5, 1))
    x = images(np.random.default_rng(0), 2, model)

    def narrow(state, at):
        original(state, (at[0], slice(0, 1)))

    monkeypatch.setattr(gated_pixelcnn, "vertical_row", narrow)
    assert pixel_by_pixel(model, x) > 1e-6


def test_a_bias_of_another_place_breaks_step(monkeypatch):
    """Maps read at the row of the horizontal stack while the vertical one is a row behind."""
    original = conditional_bias.step

    def step(z_t, state, /, *, at):
        row, columns = at
        row = min(row + 1, 3) if columns == slice(0, 5) else row
        return original(z_t, state, at=(row, columns))

    plant(monkeypatch, conditional_bias, step=step)
    model = conditional("maps", (4, 5, 1))
    x = images(np.random.default_rng(0), 2, model)
    assert pixel_by_pixel(bound(model, condition_for(model, 2)), x) > 1e-6


# sizes


def test_it_has_as_many_parameters_as_its_header_says():
    p, head, n, K0, K = 128, 32, 10, 7, 3
    model = npixel.build("gated_pixelcnn", image_shape=(28, 28, 1), hidden=p, layers=n,
                         first_kernel=K0, kernel=K, head=head, head_layers=1, skip=True)

    def layer(C, K):
        """K x (K + 1) / 2 and 1 x K to 2p maps, the link, and two 1 x 1."""
        both = (K * (K // 2 + 1) * C + 1 + K * C + 1) * 2 * p
        return both + (2 * p + 1) * 2 * p + 2 * (p + 1) * p

    def port(C, K):
        """The published network.

        It has 1 x K to p maps and (K + 1) / 2 x 1 to 2p in place of the first, 1 x 1 from the input
        to 2p beside them, and of 1 x K the live half.
        """
        vertical = (K * C + 1) * p + ((K // 2 + 1) * p + 1) * 2 * p + (C + 1) * 2 * p
        return vertical + ((K // 2 + 1) * C + 1) * 2 * p + (2 * p + 1) * 2 * p + 2 * (p + 1) * p

    readout = (p + 1) * head + head + 1
    assert layer(1, K0) + n * layer(p, K) + readout == model.num_parameters == 4_054_849
    assert port(1, K0) + n * port(p, K) + readout == 3_364_161             # as published
    # classes: a row for each label, for both stacks of every layer but the vertical one of the last
    config = dict(image_shape=(8, 8, 1), hidden=4, layers=3)
    with_classes = npixel.build("gated_pixelcnn", classes=10, **config).num_parameters
    without = npixel.build("gated_pixelcnn", **config).num_parameters
    assert with_classes - without == 10 * 8 * 7


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("layers", [1, 20])
def test_it_begins_with_variances_of_about_one_at_any_depth(layers, kind, monkeypatch):
    """Those of the pre-activations."""
    variances = []

    def gate(z):
        variances.append(z.var())
        return gated_activation.forward(z)

    plant(monkeypatch, gated_activation, forward=gate)
    model = npixel.build("gated_pixelcnn", image_shape=(12, 12, 1), levels=256, layers=layers,
                         **KINDS[kind])
    x = images(np.random.default_rng(0), 8, model)
    model.forward(x, condition=condition_for(model, 8))
    assert len(variances) == 2 * layers + 1 and 0.1 < min(variances) and max(variances) < 4
