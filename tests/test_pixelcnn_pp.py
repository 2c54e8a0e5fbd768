"""PixelCNN++: what only it has.

Gradients, conditions and dropout against PyTorch; initialisation from data; sizes; normalisation at
published shapes. What all models have is in test_models_*.py, its mixture in
test_discretized_logistic_mixture.py, and its strides in test_strided_layers.py.
"""

import math

import numpy as np
import pytest

import closed_forms
import npixel
from models import (compare, every_image, images, is_right, measured, same_bits, several, small,
                    structural)
from npixel.layers import (concat_elu, conv2d, deconv2d, dropout, gated_activation, gated_linear,
                           shift, weight_norm)
from npixel.layers.shifted import Shifted
from npixel.losses import discretized_logistic_mixture
from npixel.models import pixelcnn_pp, wiring
from npixel.optimizers import adam
from npixel.training import recipes
from test_models_generation import pixel_by_pixel, strip_by_strip
from test_models_gradients import disagreement

# (image_shape, levels, config); the oracle wants sizes divisible by 4
CASES = [((8, 4, 3), 256, {"hidden": 5, "mixtures": 3}),
         ((4, 8, 1), 2, {"layers": 2, "hidden": 3}),
         ((8, 8, 1), 4, {"layers": 0, "hidden": 4, "mixtures": 1}),
         ((8, 4, 3), 256, {"classes": 3}),
         ((4, 4, 1), 16, {"condition_features": 2, "layers": 2})]
every_case = pytest.mark.parametrize("image_shape, levels, config", CASES)


def problem(image_shape, levels, config, n=3, seed=0):
    """A model, images, a condition, its code as the oracle takes it, and a cotangent of outputs."""
    model = small("pixelcnn_pp", image_shape, levels, seed=seed, **config)
    rng = np.random.default_rng(seed)
    condition = code = None
    if model.config.classes:
        condition = rng.integers(0, model.config.classes, n)
        code = np.eye(model.config.classes)[condition]
    elif model.config.condition_features:
        condition = code = rng.standard_normal((n, model.config.condition_features))
    numbers = discretized_logistic_mixture.size(model.config.mixtures, image_shape[2])
    x = images(rng, n, model)
    return model, x, condition, code, rng.standard_normal((n, *image_shape[:2], numbers))


def dropout_masks(caches):
    return {name.removesuffix("_dropout"): mask for name, mask in caches.items()
            if name.endswith("_dropout") and mask is not None}


def against_torch(model, x, condition, code, doutputs, rng=None):
    """Largest error of outputs and all gradients, relative to the largest number of each."""
    oracle = pytest.importorskip("oracles.torch_pixelcnn_pp", exc_type=ImportError)
    # no network rests on x being a level
    x = model.encode(x) + 0.1 * np.random.default_rng(9).standard_normal(x.shape)
    outputs, caches = pixelcnn_pp.forward(model.params, x, model.config, condition=condition,
                                          rng=rng)
    dx, dcondition, grads = pixelcnn_pp.backward(doutputs, caches)
    outputs_t, dx_t, ds_t, grads_t = oracle.run(model, x, doutputs, code, dropout_masks(caches))
    assert grads.keys() == model.params.keys()
    assert (dcondition is None) == (not model.config.condition_features)
    ours, theirs = [outputs, dx], [outputs_t, dx_t]
    if dcondition is not None:
        ours, theirs = [*ours, dcondition], [*theirs, ds_t]
    for name in model.params:
        ours += grads[name]
        theirs += grads_t[name]
    return disagreement(ours, theirs)


@every_case
def test_outputs_and_all_gradients_equal_autograd(image_shape, levels, config):
    assert against_torch(*problem(image_shape, levels, config)) <= 1e-10


@every_case
def test_with_dropout_too(image_shape, levels, config):
    model, *rest = problem(image_shape, levels, config)
    assert against_torch(model, *rest, rng=np.random.default_rng(3)) <= 1e-10


@every_case
def test_loss_and_gradients_equal_autograd(image_shape, levels, config):
    oracle = pytest.importorskip("oracles.torch_pixelcnn_pp", exc_type=ImportError)
    model, x, condition, code, _ = problem(image_shape, levels, config)
    loss, grads = model.loss_and_grads(x, condition=condition)
    loss_t, grads_t = oracle.run_loss(model, x, code)
    assert abs(loss - loss_t) <= 1e-12 * loss_t
    ours, theirs = ([g for name in grads for g in of[name]] for of in (grads, grads_t))
    assert disagreement(ours, theirs) <= 1e-10


def twenty_steps(**options):
    """Our losses, and their largest relative difference to PyTorch's, in twenty steps of Adam.

    They begin at weights initialised from data, with dropout.
    """
    oracle = pytest.importorskip("oracles.torch_pixelcnn_pp", exc_type=ImportError)
    model = npixel.build("pixelcnn_pp", image_shape=(8, 8, 3), levels=256, hidden=6, layers=1,
                         mixtures=3, dtype="float64")
    rng = np.random.default_rng(0)
    x = np.clip(np.cumsum(rng.integers(-9, 10, (40, 8, 8, 3)), axis=2) + 128, 0, 255)
    model.init_from_data(x[:16], np.random.default_rng(1))
    params, state = oracle.leaves(model), adam.init(model.params)
    theirs = oracle.Adam(params)
    losses, apart = [], []
    for step in range(20):
        batch, lr = x[rng.integers(0, 40, 8)], 1e-3 * 0.999995**step
        _, caches = pixelcnn_pp.forward(model.params, model.encode(batch), model.config,
                                        rng=np.random.default_rng(step))
        loss, grads = model.loss_and_grads(batch, rng=np.random.default_rng(step))
        loss_t = oracle.nll(params, batch, model.config, masks=dropout_masks(caches))
        loss_t.backward()
        losses.append(loss)
        apart.append(abs(loss - loss_t.item()) / loss)
        adam.update(model.params, grads, state, step=step, lr=lr, **options)
        theirs.step(lr)
    return max(apart), losses


PUBLISHED = recipes.of("pixelcnn_pp")["optimizer_options"]


def test_twenty_steps_of_training_equal_pytorchs():
    """1e-9: what a step makes of rounding grows from step to step."""
    apart, losses = twenty_steps(**PUBLISHED)
    assert apart <= 1e-9 and np.mean(losses[-5:]) < np.mean(losses[:5]) - 5


@pytest.mark.parametrize("fault", [{"eps": 1e-8, "root_eps": 0.0}, {"b1": 0.9}, {"b2": 0.999}])
def test_another_adam_is_caught(fault):
    assert twenty_steps(**(PUBLISHED | fault))[0] > 1e-9


# faults in forward and backward alike, which only a comparison of numbers finds


def whole_maps(draw):
    """Dropout2d: one number for each map of each image."""
    def drawn(rng, shape, /, *, rate, dtype):
        maps = draw(rng, (shape[0], 1, 1, shape[3]), rate=rate, dtype=dtype)
        return np.broadcast_to(maps, shape)
    return drawn


def test_dropout_leaves_out_numbers_and_not_maps(monkeypatch):
    """Half of all numbers, and of every map of every image some and not all."""
    def elementwise():
        model, x, condition, _, _ = problem((8, 8, 1), 4, {"hidden": 20})
        _, caches = pixelcnn_pp.forward(model.params, model.encode(x), model.config,
                                        condition=condition, rng=np.random.default_rng(0))
        masks = [mask for mask in dropout_masks(caches).values() if mask.shape[1] == 8]
        some = [(kept.any(axis=(1, 2)) & ~kept.all(axis=(1, 2))).all()
                for kept in (mask > 0 for mask in masks)]
        return masks, all(some)

    masks, right = elementwise()
    assert right and {value for mask in masks for value in np.unique(mask)} == {0, 2}
    assert abs(np.mean([(mask > 0).mean() for mask in masks]) - 0.5) < 0.01
    monkeypatch.setattr(dropout, "draw", whole_maps(dropout.draw))
    assert not elementwise()[1]


def test_a_tanh_in_the_gate_is_caught(monkeypatch):
    monkeypatch.setattr(pixelcnn_pp, "gated_linear", gated_activation)
    assert against_torch(*problem(*CASES[0])) > 1e-3


def test_a_norm_over_the_wrong_axis_is_caught(monkeypatch):
    forward = weight_norm.forward
    def norm(v, g, /):
        w = v * g / np.sqrt((v * v).sum(axis=(0, 2), keepdims=True))
        return w, forward(v, g)[1]

    monkeypatch.setattr(weight_norm, "forward", norm)
    assert against_torch(*problem(*CASES[0])) > 1e-3


def test_shifted_taps_in_place_of_shifted_maps_are_caught(monkeypatch):
    """The same dependencies, but row 0 is a bias where it should be zero."""
    right = shift.forward

    def forward(x, /, *, rows=0, columns=0):
        y, cache = right(x, rows=rows, columns=columns)
        y[:, :rows], y[:, :, :columns] = 0.3, 0.3
        return y, cache

    monkeypatch.setattr(shift, "forward", forward)
    assert against_torch(*problem(*CASES[0])) > 1e-3


def test_a_shortcut_whose_gradient_is_dropped_is_caught(monkeypatch):
    right = pixelcnn_pp.backward
    zeroed = []

    def backward(doutputs, caches):
        original = conv2d.backward

        def forgetful(dy, cache, /):
            result = original(dy, cache)
            return (result[0] * (not zeroed or cache is not zeroed[0]), *result[1:])

        zeroed[:] = [caches["down0_0_u_aux"][0]]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(conv2d, "backward", forgetful)
            return right(doutputs, caches)

    monkeypatch.setattr(pixelcnn_pp, "backward", backward)
    assert against_torch(*problem(*CASES[0])) > 1e-6


@pytest.mark.parametrize("function", [concat_elu, gated_linear, dropout])
def test_a_wrong_backward_of_any_part_is_caught(monkeypatch, function):
    original = function.backward
    def wrong(dy, cache, /):
        return (original(dy, cache)[0] * (1 + 1e-6),)

    monkeypatch.setattr(function, "backward", wrong)
    assert against_torch(*problem(*CASES[0]), rng=np.random.default_rng(0)) > 1e-10


# sizes


def test_the_parameters_are_as_many_as_published_counted_from_shapes():
    def count(C=3, **config):
        shapes = pixelcnn_pp.shapes(pixelcnn_pp.Config((32, 32, C), 256, **config))
        return sum(math.prod(shape) for _, arrays in shapes for shape in arrays)

    assert count() == 53_659_080 and count(classes=10) == 53_863_880
    assert count(hidden=80) == 13_440_840
    assert count(C=1, layers=1, hidden=16, mixtures=5) == 145_262
    for config in ({}, {"classes": 3}):
        model = small("pixelcnn_pp", (4, 4, 3), 256, **config)
        shapes = pixelcnn_pp.shapes(model.config)
        made = {name: tuple(array.shape for array in weights)
                for name, weights in model.params.items()}
        assert made == dict(shapes)


def test_the_network_of_the_paper_runs_on_an_image_of_32_by_32_in_float32():
    model = npixel.build("pixelcnn_pp", image_shape=(32, 32, 3), levels=256)
    assert model.num_parameters == 53_659_080 and model.dtype == np.float32
    x = np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3))
    log_prob = model.log_prob(x)
    assert log_prob.shape == (1,) and 4 < npixel.bits_per_dim(-log_prob[0], (32, 32, 3)) < 20


@pytest.mark.parametrize("fields, words", [
    ({"dropout": 1.0}, "dropout"),
    ({"dropout": "half"}, "dropout"),
    ({"classes": 2, "condition_features": 3}, "one condition"),
    ({"mixtures": 0}, "mixtures"),
    ({"layers": -1}, "layers"),
])
def test_configurations_that_make_no_sense_are_refused(fields, words):
    with pytest.raises(ValueError, match=words):
        npixel.build("pixelcnn_pp", image_shape=(8, 8, 1), **fields)


# initialisation from data


def pre_activations(model, x, rng=None, condition=None):
    """{name: (what a convolution makes of the batch, the deviation it should have)}."""
    table, found = dict(pixelcnn_pp.layers(model.config)), {}
    plain = wiring.forwards(table, model.params, {})

    def record(name, h, *inputs, **drawn):
        layer = table[name]
        if hasattr(layer.module, "from_data"):
            module = layer.module
            module = module.convolution if isinstance(module, Shifted) else module
            y, _ = module.forward(h, *model.params[name], **layer.told())
            found[name] = y, layer.gain or 1.0
        return plain(name, h, *inputs, **drawn)

    pixelcnn_pp.network(record, model.encode(x), model.config, condition=condition, rng=rng)
    assert found.keys() == {name for name in model.params if not name.endswith("_condition")}
    return found


def misses(activations):
    """Largest error of a channel's mean, and of its deviation, relative to what it should be."""
    axes = 0, 1, 2
    means = [np.abs(y.mean(axis=axes)).max() / scale for y, scale in activations.values()]
    deviations = [np.abs(y.std(axis=axes) / scale - 1).max() for y, scale in activations.values()]
    return max(means), max(deviations)


@pytest.mark.parametrize("seeded", [False, True])
@pytest.mark.parametrize("config", [{}, {"classes": 3}])
def test_init_from_data_gives_every_channel_mean_0_and_its_standard_deviation(config, seeded):
    """To 1e-6: 1e-10 is added to each variance, which is some hundredths or more."""
    model = npixel.build("pixelcnn_pp", image_shape=(8, 8, 3), levels=256, hidden=8, layers=2,
                         mixtures=3, dtype="float64", **config)
    rng = np.random.default_rng(0)
    x = np.clip(np.cumsum(rng.integers(-20, 21, (16, 8, 8, 3)), axis=2) + 128, 0, 255)
    condition = rng.integers(0, 3, 16) if config else None
    before = {name: weights.v.copy() for name, weights in model.params.items()}
    def rng_again():
        return np.random.default_rng(5) if seeded else None

    model.init_from_data(x, rng_again(), condition=condition)
    activations = pre_activations(model, x, rng_again(), condition)
    assert max(misses(activations)) <= 1e-6
    assert {scale for _, scale in activations.values()} == {1.0, 0.1}
    assert all(same_bits(weights.v, before[name]) for name, weights in model.params.items())
    if seeded:                                         # another batch, and no dropout, are seen
        other = pre_activations(model, x[::-1] // 2, rng_again(), condition)
        assert max(misses(other)) > 1e-3
        assert max(misses(pre_activations(model, x, None, condition))) > 1e-3


def test_an_initialisation_that_runs_ahead_with_old_weights_is_caught(monkeypatch):
    """All layers adjusted to what they compute before any is adjusted."""
    model = npixel.build("pixelcnn_pp", image_shape=(8, 8, 1), levels=256, hidden=8, layers=1,
                         mixtures=3, dtype="float64")
    x = np.random.default_rng(0).integers(0, 256, (16, 8, 8, 1))
    for name, (y, scale) in pre_activations(model, x).items():
        model.params[name] = weight_norm.from_data(model.params[name], y, scale=scale)
    assert max(misses(pre_activations(model, x))) > 1e-3


def test_of_many_images_sixteen_spread_over_all_are_looked_at():
    """Data may be sorted by class; and a whole training set would take minutes."""
    config = dict(image_shape=(4, 4, 1), levels=256, hidden=3, layers=1, mixtures=2,
                  dtype="float64")
    x = np.random.default_rng(0).integers(0, 256, (160, 4, 4, 1))
    every, some = npixel.build("pixelcnn_pp", **config), npixel.build("pixelcnn_pp", **config)
    every.init_from_data(x)
    some.init_from_data(x[np.linspace(0, 159, 16).astype(int)])
    for name in some.params:
        assert all(same_bits(a, b) for a, b in zip(some.params[name], every.params[name]))


# likelihood


def total(model, condition=None):
    """The sum of p over all images, in parts."""
    sums = []
    every = every_image(model.image_shape, model.levels)
    for first in range(0, len(every), 8192):
        part = every[first:first + 8192]
        given = None if condition is None else np.full(len(part), condition)
        sums.append(math.fsum(np.exp(model.log_prob(part, condition=given))))
    return math.fsum(sums)


def test_all_65_536_images_of_4_by_4_bits_sum_to_one():
    """1e-12: each log-probability is right to about 1e-14."""
    assert abs(total(small("pixelcnn_pp", (4, 4, 1), 2, scale=2)) - 1) <= 1e-12


@pytest.mark.parametrize("label", [0, 1])
def test_so_they_do_given_either_label_and_the_labels_differ(label):
    model = small("pixelcnn_pp", (3, 4, 1), 2, scale=2, classes=2)
    assert abs(total(model, label) - 1) <= 1e-12
    x = every_image((3, 4, 1), 2)[::97]
    zero, one = (model.log_prob(x, condition=np.full(len(x), k)) for k in (0, 1))
    assert (zero != one).all()


def test_colour_by_colour_the_256_levels_sum_to_one_given_the_others():
    model, rng = small("pixelcnn_pp", (8, 8, 3), 256), np.random.default_rng(0)
    x = images(rng, 2, model)
    np.testing.assert_allclose(np.exp(model.log_conditionals(x)).sum(axis=-1), 1, atol=1e-12)
    # and the conditionals are those of the whole: all 256 levels in one place change the likelihood
    # from there on only as the chain rule says
    place = (3, 5)
    for c in range(3):
        every = np.repeat(x[:1], 256, axis=0)
        every[:, *place, c] = np.arange(256)
        terms = model.log_prob(every, per="subpixel")
        here = model.log_conditionals(x[:1])[0, *place, c]
        np.testing.assert_allclose(terms[:, *place, c], here, rtol=1e-12)
        flat = terms.reshape(256, -1)
        here = np.ravel_multi_index((*place, c), model.image_shape)
        assert (flat[:, :here] == flat[0, :here]).all()
        np.testing.assert_allclose(model.log_prob(every), flat.sum(axis=1), rtol=1e-13)


def test_the_robust_likelihood_is_close_to_the_exact_one_and_is_not_it():
    model = small("pixelcnn_pp", (4, 4, 3), 256)
    robust = small("pixelcnn_pp", (4, 4, 3), 256, robust=True)
    x = images(np.random.default_rng(0), 5, model)
    a, b = model.log_prob(x), robust.log_prob(x)
    assert (a != b).any()
    np.testing.assert_allclose(a, b, rtol=1e-4)
    drawn = (m.sample(2, np.random.default_rng(0)) for m in (model, robust))
    np.testing.assert_array_equal(*drawn)


# what it sees


@pytest.mark.parametrize("size, layers, missing", [(8, 1, 8), (8, 2, 0), (12, 2, 12)])
def test_the_published_geometry_misses_a_few_pairs_in_odd_rows(size, layers, missing):
    model = small("pixelcnn_pp", (size, size, 1), hidden=3, layers=layers)
    seen, theory = structural(model), closed_forms.visible(model)
    report = compare(seen, theory, model.image_shape)
    assert is_right(report) and report.unseen == missing
    outputs, inputs = np.indices(seen.shape)
    unseen = np.nonzero((inputs < outputs) & ~seen)[0]
    assert (unseen // size % 2 == 1).all()


@pytest.mark.parametrize("image_shape, layers", [
    ((8, 8, 1), 1), ((8, 8, 1), 2), ((4, 4, 3), 1), ((6, 9, 1), 1)])
def test_what_it_sees_is_measured_at_published_sizes_too(image_shape, layers):
    models = several("pixelcnn_pp", image_shape, 4, layers=layers)
    np.testing.assert_array_equal(measured(models, draws=1), closed_forms.visible(models[0]))


def report(image_shape=(8, 8, 1)):
    models = several("pixelcnn_pp", image_shape, 4)
    return compare(measured(models, draws=1), closed_forms.visible(models[0]), image_shape)


@pytest.mark.parametrize("which", ["rows", "columns"])
def test_a_shift_that_is_left_out_is_caught(monkeypatch, which):
    right = shift.forward
    def still(x, /, **options):
        return right(x, **options | {which: 0})

    monkeypatch.setattr(shift, "forward", still)
    assert report().leaks >= 64


def test_a_transposed_convolution_cut_at_the_wrong_edge_is_caught(monkeypatch):
    """One row and column later: the small map is used where it knows the pixel itself."""
    right = deconv2d.forward

    def forward(x, w, b, /, *, taps, size, stride=2):
        y, cache = right(x, w, b, taps=taps, size=size, stride=stride)
        return np.concatenate([y[:, 1:], y[:, -1:]], axis=1), cache

    monkeypatch.setattr(deconv2d, "forward", forward)
    assert report().leaks > 0


def test_a_strided_convolution_around_its_pixel_is_caught(monkeypatch):
    right = conv2d.forward

    def forward(x, w, b, /, *, taps, stride=1):
        if stride == 2:
            taps = taps._replace(offsets=tuple((dr + 1, dc) for dr, dc in taps.offsets))
        return right(x, w, b, taps=taps, stride=stride)

    monkeypatch.setattr(conv2d, "forward", forward)
    assert report().leaks > 0


def test_a_network_without_its_shortcuts_is_caught_though_it_is_causal(monkeypatch):
    """Both streams have the same outputs at half size; what lies in the rows between is lost."""
    right = conv2d.forward

    def forward(x, w, b, /, *, taps, stride=1):
        shortcut = taps == pixelcnn_pp.HERE and x.shape[3] in (2 * w.shape[2], 4 * w.shape[2])
        return right(x * (not shortcut or x.shape[1] < 8), w, b, taps=taps, stride=stride)

    monkeypatch.setattr(conv2d, "forward", forward)
    result = report()
    assert result.leaks == 0 and result.missing > 0


# generation


@pytest.mark.parametrize("config", [{"classes": 3}, {"condition_features": 2}, {"layers": 2}])
@pytest.mark.parametrize("image_shape, levels", [((8, 8, 3), 256), ((7, 5, 1), 4)])
def test_cached_samples_are_naive_samples_with_every_condition(config, image_shape, levels):
    model = small("pixelcnn_pp", image_shape, levels, scale=2, **config)
    rng = np.random.default_rng(0)
    condition = None
    if "classes" in config:
        condition = rng.integers(0, 3, 2)
    elif "condition_features" in config:
        condition = rng.standard_normal((2, 2))
    given = dict(uniforms=rng.random((2, *image_shape)), condition=condition)
    cached = model.sample(2, **given)
    np.testing.assert_array_equal(cached, model.sample(2, naive=True, **given))
    assert len(np.unique(cached)) > 2


def reads(change):
    """A fault in what a shifted convolution reads; change(right, self, state, at)."""
    def plant(monkeypatch, right=Shifted.read):
        monkeypatch.setattr(Shifted, "read", lambda self, state, /, *, at: change(
            lambda: right(self, state, at=at), self, state, at))
    return plant


def rows_of_u(change):
    """A fault in what is kept of stream u; change(right, state, row)."""
    def plant(monkeypatch, right=pixelcnn_pp.row_of_u):
        monkeypatch.setattr(pixelcnn_pp, "row_of_u", lambda state, row: change(right, state, row))
    return plant


def silent(right, state, row):
    right(state, row)
    for kept in state.rows:
        kept[...] = 0


def one_row_late(monkeypatch):
    def late(at, scale):
        row, columns = at
        if scale == 1:
            return at
        return (row - 1) // scale, deconv2d.coarse((row - 1, columns), scale)[1]

    for module in (wiring, pixelcnn_pp):
        monkeypatch.setattr(module, "coarse", late)


FAULTS = {
    "the row above read too low": reads(
        lambda right, layer, state, at: layer.convolution.read(state, at=at)),
    "the bias at row 0 of a shifted map": reads(
        lambda right, layer, state, at: layer.convolution.read(
            state, at=(max(at[0] - layer.rows, 0), at[1])) if layer.rows else right()),
    "column 0 of a shifted map that is not zero": reads(
        lambda right, layer, state, at: right() + 0.3 * (layer.columns and at[1].start == 0)),
    "a stream u that ul does not hear of": rows_of_u(silent),
    "stream u of one row only": rows_of_u(
        lambda right, state, row: right(state, row) if row == 0 else None),
    "half-size maps decided one row too late": one_row_late,
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_memory_that_is_not_forward_is_caught(monkeypatch, fault):
    FAULTS[fault](monkeypatch)
    model = small("pixelcnn_pp", (8, 8, 1), 256, scale=2)
    x = images(np.random.default_rng(0), 2, model)
    assert min(pixel_by_pixel(model, x), strip_by_strip(model, x)) > 1e-6


# the program that trains it beside PyTorch
QUICK = ["--data", "digits", "--hidden", "5", "--dtype", "float64"]


def test_the_comparison_program_gives_equal_losses_and_equal_test_bits(tmp_path):
    pytest.importorskip("torch")
    from oracles import train_pixelcnn_pp
    report = train_pixelcnn_pp.main([*QUICK, "--steps", "4", "--evaluate", "20",
                                     "--json", str(tmp_path / "report.json")])
    assert report["largest_difference"] <= 1e-12 and len(report["losses"]) == 4
    assert (tmp_path / "report.json").exists()
    assert report["bits"] == pytest.approx(report["bits_of_pytorch"], rel=1e-12)


def test_it_would_notice_other_dropout_masks(monkeypatch):
    pytest.importorskip("torch")
    from oracles import train_pixelcnn_pp
    masks = train_pixelcnn_pp.masks

    def others(config, n, rng, dtype):
        return masks(config, n, np.random.default_rng(1), dtype)

    monkeypatch.setattr(train_pixelcnn_pp, "masks", others)
    report = train_pixelcnn_pp.main([*QUICK, "--steps", "2", "--evaluate", "0"])
    assert report["largest_difference"] > 1e-6
