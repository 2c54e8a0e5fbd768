"""Random small configurations of every model, and the smallest, work in full or are refused.

A configuration that can be built can be started from data, trained, evaluated and drawn from. Its
images are random, or such as say little: constant ones, one row, one column, one pixel. Copies,
pickles and files give the same bits.
"""

import copy
import dataclasses
import multiprocessing
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import npixel
from models import same_bits

MODULES = npixel.MODELS | npixel.DENSITIES
SIZES = {
    "hidden": [1, 3, 4],
    "layers": [0, 1, 2],
    "first_kernel": [1, 3],
    "kernel": [1, 3],
    "head": [1, 3],
    "head_layers": [0, 1],
    "mixtures": [1, 2],
    "scales": [1, 2],
    "features": [1, 2],
    "scale": [2, 3],
    "classes": [0, 2],
    "condition_features": [0, 2],
    "condition_maps": [0, 2],
    "dropout": [0, 0.5],
    "lstm": ["row_lstm", "diagonal_lstm", "diagonal_bilstm"],
    "padding": ["start", "evolve"],
    "border": ["padded"],
}
FOOLISH = {
    int: ["2", 2.0, True, None, -1, [1]],
    bool: ["False", "no", 0, 1, None],
    float: ["0.5", True, None, [0.5]],
    str: ["none", 3, None, ["row_lstm"]],
}


def own_fields(name):
    return [
        field
        for field in dataclasses.fields(MODULES[name].Config)
        if field.name not in ("image_shape", "levels")
    ]


def drawn(data, name, dtype="float32"):
    """A model of random fields, or None where they are refused."""
    shape = data.draw(
        st.sampled_from(
            [(1, 1, 1), (1, 6, 1), (5, 1, 1), (2, 2, 1), (4, 4, 1), (3, 2, 3), (4, 6, 3)]
        )
    )
    fields = {
        field.name: data.draw(
            st.booleans() if field.type is bool else st.sampled_from(SIZES[field.name]),
            label=field.name,
        )
        for field in own_fields(name)
    }
    levels = data.draw(st.sampled_from([2, 5, 256] if name == "pixelcnn_pp" else [2, 5]))
    try:
        return npixel.build(name, image_shape=shape, levels=levels, dtype=dtype, **fields)
    except ValueError as error:
        assert "\n" not in str(error)
        return None


def examples(rng, model, n=4):
    """Random images, or constant ones; floats for a density."""
    constant = rng.random() < 0.4
    images = (
        np.broadcast_to(rng.integers(0, model.levels, (1, 1, 1, 1)), (n, *model.image_shape))
        if constant
        else rng.integers(0, model.levels, (n, *model.image_shape))
    )
    return images.astype(np.int64)


def conditions(rng, model, n):
    sizes = {
        field: getattr(model.config, field, 0)
        for field in ("classes", "condition_features", "condition_maps")
    }
    if sizes["classes"]:
        return rng.integers(0, sizes["classes"], n)
    if sizes["condition_features"]:
        return rng.random((n, sizes["condition_features"])) < 0.5          # a code of bools
    return (
        rng.standard_normal((n, *model.image_shape[:2], sizes["condition_maps"]))
        if sizes["condition_maps"]
        else None
    )


def all_finite(grads):
    return all(np.isfinite(array).all() for weights in grads.values() for array in weights)


def equal(a, b):
    return list(a) == list(b) and all(
        same_bits(x, y) for name in a for x, y in zip(a[name], b[name])
    )


@pytest.mark.parametrize("name", npixel.MODELS)
@given(data=st.data())
@settings(max_examples=15)
def test_what_can_be_built_can_be_started_trained_evaluated_copied_saved_and_drawn_from(
    tmp_path_factory, name, data
):
    model = drawn(data, name)
    if model is None:
        return
    assert {field: dict(shapes) for field, shapes in model.parameter_shapes().items()} == {
        field: {part: array.shape for part, array in weights._asdict().items()}
        for field, weights in model.params.items()
    }
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    x = examples(rng, model)
    condition = conditions(rng, model, len(x))
    model.init_from_data(x, condition=condition)
    loss, grads = model.loss_and_grads(x, condition=condition)
    assert np.isfinite(loss) and all_finite(grads) and set(grads) == set(model.params)
    log_prob = model.log_prob(x, condition=condition)
    np.testing.assert_allclose(log_prob.mean(), -loss, rtol=1e-4, atol=1e-4)  # float32
    uniforms = rng.random(x.shape)
    images = model.sample(len(x), uniforms=uniforms, condition=condition)
    path = tmp_path_factory.mktemp("model") / "model.npz"
    model.save(path)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model)), npixel.load(path)):
        assert equal(other.params, model.params) and other.config == model.config
        assert same_bits(other.log_prob(x, condition=condition), log_prob)
        assert np.array_equal(other.sample(len(x), uniforms=uniforms, condition=condition), images)
        next(iter(other.params.values()))[0][...] = 7                      # nothing is shared
    assert same_bits(model.log_prob(x, condition=condition), log_prob)


@given(data=st.data())
@settings(max_examples=15)
def test_a_density_that_can_be_built_can_be_started_trained_evaluated_copied_and_saved(
    tmp_path_factory, data
):
    model = drawn(data, "ride")
    if model is None:
        return
    x = np.random.default_rng(0).random((8, 6, 7, model.image_shape[2]))
    model.init_from_data(x)
    loss, grads = model.loss_and_grads(x)
    assert np.isfinite(loss) and all_finite(grads)
    path = tmp_path_factory.mktemp("density") / "model.npz"
    model.save(path)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model)), npixel.load(path)):
        assert same_bits(other.log_density(x), model.log_density(x)) and equal(
            other.params, model.params
        )


@pytest.mark.parametrize("name", MODULES)
def test_the_smallest_configuration_is_refused_or_works(name):
    """Every count at its least: multiscale_pixelrnn without layers was built and not trained."""
    for layers in (0, 1):
        fields = {
            field.name: {
                "layers": layers,
                "first_kernel": 3 if name == "ride" else 1,
                "scale": 2,
                "head_layers": 0,
            }.get(field.name, 1)
            for field in own_fields(name)
            if field.type is int and "condition" not in field.name and field.name != "classes"
        }
        shape = (4, 4, 1)
        try:
            model = npixel.build(name, image_shape=shape, **fields)
        except ValueError as error:
            assert (
                layers == 0
                and name in ("spatial_lstm", "multiscale_pixelrnn")
                and f"layers must be at least 1 in {name}" in str(error)
            )
            continue
        x = np.random.default_rng(0).integers(0, model.levels, (2, *shape))
        loss, grads = model.loss_and_grads(x / model.levels if name == "ride" else x)
        assert (
            np.isfinite(loss)
            and all_finite(grads)
            and np.isfinite(model.sample(2, np.random.default_rng(0))).all()
        )


def test_maps_that_no_layer_would_read_are_refused():
    with pytest.raises(ValueError, match="condition_maps=2 needs layers of at least 1"):
        npixel.build("diagonal_lstm", image_shape=(4, 4, 1), layers=0, condition_maps=2)


@pytest.mark.parametrize("name", MODULES)
def test_every_field_of_every_configuration_is_checked_for_its_type(name):
    """robust="False" counted as True, as every text that is not empty does."""
    for field in own_fields(name):
        for value in FOOLISH[field.type]:
            with pytest.raises(ValueError) as error:
                npixel.build(name, image_shape=(4, 4, 1), **{field.name: value})
            assert field.name in str(error.value) and "\n" not in str(error.value)


def test_numbers_of_numpy_are_taken_as_fields_and_saved(tmp_path):
    model = npixel.build(
        "pixelcnn_pp",
        image_shape=(4, 4, 1),
        hidden=np.int64(3),
        layers=np.int32(1),
        dropout=np.float32(0.5),
        robust=np.bool_(True),
    )
    model.save(tmp_path / "model.npz")
    assert (
        npixel.load(tmp_path / "model.npz").config
        == model.config
        == dataclasses.replace(model.config, robust=True, dropout=0.5)
    )


@pytest.mark.parametrize(
    "shape", [(1, 16, 1), (16, 1, 1), (1, 1, 3), (1, 16, 3), (2, 2, 1), (4, 4, 1)]
)
@pytest.mark.parametrize("constant", [False, True])
def test_pixelcnn_pp_starts_from_images_that_leave_channels_constant(shape, constant):
    """g is s / σ with σ >= 0.01, or stays 1: at most 100. It was s / sqrt(1e-10) = 1e5, and the
    gradients of one row were nan at step 0."""
    rng = np.random.default_rng(0)
    x = np.full((8, *shape), 77) if constant else rng.integers(0, 256, (8, *shape))
    model = npixel.build("pixelcnn_pp", image_shape=shape, levels=256, hidden=8, layers=1)
    before = model.loss_and_grads(x)[0]
    model.init_from_data(x)
    loss, grads = model.loss_and_grads(x)
    assert max(weights.g.max() for weights in model.params.values()) <= 100
    assert all_finite(grads) and loss < 1.2 * before


def test_constant_images_start_pixelcnn_pp_as_they_do_in_float64():
    """What is left alone is decided far from rounding: both precisions start from one place."""
    x = np.random.default_rng(0).integers(0, 256, (8, 1, 16, 1))
    models = [
        npixel.build(
            "pixelcnn_pp", image_shape=(1, 16, 1), levels=256, hidden=8, layers=1, dtype=dtype
        )
        for dtype in ("float32", "float64")
    ]
    for model in models:
        model.init_from_data(x)
    for name in models[0].params:
        for a, b in zip(*(model.params[name] for model in models)):
            np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-3)


def _log_prob(model):
    return model.log_prob(np.zeros((2, *model.image_shape), int))


def test_a_model_reaches_a_spawned_worker():
    model = npixel.build("pixelcnn", image_shape=(3, 3, 1), hidden=2, layers=1, first_kernel=3)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found, = pool.map(_log_prob, [model])
    assert same_bits(found, _log_prob(model))


def test_one_pixel_of_many_levels_needs_no_square_of_them():
    """fvbn unpacks its weights with zeros where there are none: L x L of them for one pixel."""
    with pytest.raises(
        ValueError, match="computes with 4,294,967,296 numbers at a time, more than 268,435,456"
    ):
        npixel.build("fvbn", image_shape=(1, 1, 1), levels=65536)
    model = npixel.build("fvbn", image_shape=(1, 1, 1), levels=1000)
    np.testing.assert_allclose(model.log_prob(np.array([[[[999]]]])), -np.log(1000))
