"""Weights on their way in: set_params, parameter_shapes, `params`, and what is not finite."""

import copy
import doctest
import re

import numpy as np
import pytest

import npixel
from models import NAMES, same_bits, small
from npixel import checkpoint, losses, model as model_module, parameters
from npixel.layers import conv2d
from npixel.losses import bernoulli, categorical, discretized_logistic_mixture

SHAPE = (3, 4, 1)


def pixelcnn(**changes):
    return small("pixelcnn", SHAPE, **changes)


def as_dict(model):
    return {name: weights for name, weights in model.params.items()}


def images(n=2):
    return np.random.default_rng(0).integers(0, 2, (n, *SHAPE))


def replaced(name, change):
    """An edit of a dict of params: one entry changed, or with None taken out."""
    def edit(params):
        value = change(params.pop(name))
        if value is not None:
            params[name] = value
    return edit


def renamed(old, new):
    return lambda params: params.update({new: params.pop(old)})


FOREIGN = {
    "a slip of the pen": (
        lambda p: p.update(frist=p["first"]),
        "params has 'frist', which this model has not: 'first'",
    ),
    "another name": (
        renamed("first", "frist"),
        "params has 'frist', which this model has not: 'first' is meant?",
    ),
    "a layer of a deeper model": (
        lambda p: p.update(conv7=p["conv0"]),
        "params has 'conv7'",
        "'conv0'",
    ),
    "a name that is a number": (lambda p: p.update({3: p["conv0"]}), "params has 3"),
    "a missing layer": (replaced("conv0", lambda w: None), "params lacks 'conv0'"),
    "another kernel": (
        replaced("conv0", lambda w: w._replace(w=w.w[:4])),
        "params['conv0'].w must have shape (9, 4, 4), has (4, 4, 4)",
    ),
    "another precision": (
        replaced("conv0", lambda w: w._replace(b=w.b.astype(np.float32))),
        "params['conv0'].b",
        "float32",
    ),
    "whole numbers": (
        replaced("first", lambda w: w._replace(w=w.w.astype(int))),
        "params['first'].w",
        "int64",
    ),
    "numbers that are no numbers": (
        replaced("conv0", lambda w: w._replace(b=w.b * np.nan)),
        "params['conv0'].b has 4 of 4 values that are not finite",
    ),
}
ACCEPTED = {  # set_params takes these, in `params` they are foreign
    "a tuple": (
        replaced("conv0", tuple),
        "params['conv0'] must be Weights(w, b), is tuple: set_params takes tuples",
    ),
    "a list": (replaced("conv0", list), "params['conv0'] must be Weights(w, b), is list"),
    "fields by name": (
        replaced("conv0", lambda w: {"b": w.b, "w": w.w}),
        "params['conv0'] must be Weights(w, b), is dict",
    ),
    "nested lists": (
        replaced("conv0", lambda w: w._replace(w=w.w.tolist())),
        "params['conv0'].w must be an array of NumPy, is list",
    ),
}
REFUSED = {  # by set_params, and so in `params`
    "one array": (replaced("conv0", lambda w: w.w), "params['conv0']", "w, b"),
    "one array of two": (
        replaced("conv0", lambda w: (w.w,)),
        "params['conv0'] must be the arrays w, b, is 1 arrays",
    ),
    "three arrays": (
        replaced("conv0", lambda w: (*w, w.b)),
        "params['conv0'] must be the arrays w, b, is 3 arrays",
    ),
    "nothing": (replaced("conv0", lambda w: 0), "params['conv0'] must be the arrays w, b, is int"),
    "a field of another layer": (
        replaced("conv0", lambda w: {"w": w.w, "bias": w.b}),
        "params['conv0'] has no field 'bias'; it has w, b",
    ),
    "a missing field": (replaced("conv0", lambda w: {"w": w.w}), "params['conv0'] lacks b"),
    "lists of unequal lengths": (
        replaced("conv0", lambda w: ([[1.0], [1.0, 2.0]], w.b)),
        "params['conv0'].w cannot be read as an array",
    ),
    "words": (
        replaced("conv0", lambda w: (w.w, ["a", "b", "c", "d"])),
        "params['conv0'].b must be float64",
    ),
}


def says(error, words):
    text = str(error.value)
    return "\n" not in text and all(word in text for word in words)


@pytest.mark.parametrize("fault", FOREIGN | ACCEPTED)
def test_what_does_not_belong_in_params_is_named_by_every_entry(tmp_path, fault):
    edit, *words = (FOREIGN | ACCEPTED)[fault]
    model = pixelcnn()
    edit(model.params)
    x = images()
    for entry in (
        lambda: model.log_prob(x),
        lambda: model.log_conditionals(x),
        lambda: model.loss_and_grads(x),
        lambda: model.sample(1),
        lambda: model.complete(x, x == x),
        lambda: model.init_from_data(x),
        lambda: model.save(tmp_path / "model.npz"),
    ):
        with pytest.raises(ValueError) as error:
            entry()
        assert says(error, words), error.value
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("fault", FOREIGN | REFUSED)
def test_set_params_refuses_by_name_and_changes_nothing(fault):
    edit, *words = (FOREIGN | REFUSED)[fault]
    model = pixelcnn()
    before, params = copy.deepcopy(model.params), as_dict(pixelcnn(seed=1))
    edit(params)
    with pytest.raises(ValueError) as error:
        model.set_params(params)
    assert says(error, words), error.value
    assert all(same_bits(a, b) for name in before for a, b in zip(before[name], model.params[name]))


@pytest.mark.parametrize("form", ACCEPTED)
def test_set_params_takes_weights_in_other_forms_and_keeps_no_hold_of_them(form):
    edit, *_ = ACCEPTED[form]
    model, other, x = pixelcnn(), pixelcnn(seed=1), images()
    arrays, expected = [
        array for weights in model.params.values() for array in weights
    ], other.log_prob(x)
    params = as_dict(other)
    edit(params)
    model.set_params(params)
    assert same_bits(model.log_prob(x), expected)
    for weights in other.params.values():
        weights[0][...] = 0
    assert same_bits(model.log_prob(x), expected)
    assert all(
        a is b
        for a, b in zip(arrays, (array for weights in model.params.values() for array in weights))
    )  # in place


def test_set_params_takes_tensors_that_ask_for_gradients():
    torch = pytest.importorskip("torch")
    model, other = pixelcnn(dtype="float32"), pixelcnn(seed=1, dtype="float32")
    params = {
        name: [torch.tensor(array, requires_grad=True) for array in weights]
        for name, weights in other.params.items()
    }
    model.set_params(params)
    assert same_bits(model.log_prob(images()), other.log_prob(images()))
    params["conv0"][0] = params["conv0"][0].bfloat16()                     # NumPy has none
    with pytest.raises(ValueError, match=re.escape("params['conv0'].w cannot be read as an array")):
        model.set_params(params)


@pytest.mark.parametrize("params", [None, [], 3, "first"])
def test_params_must_be_a_mapping(params):
    with pytest.raises(ValueError, match="params must be a mapping"):
        pixelcnn().set_params(params)


@pytest.mark.parametrize("name", NAMES)
def test_weights_with_which_outputs_overflow_are_refused_by_every_entry(name):
    """Weights of 3e38 in float32 are finite, a sum of two is not. A level drawn from nan was 0."""
    model = small(name, SHAPE, dtype="float32")
    if name == "pixelcnn_pp":                          # v counts by its direction only
        for weights in model.params.values():
            weights.g[...] = 1e38
    for weights in model.params.values():
        for array in weights if name != "pixelcnn_pp" else weights[2:]:
            array[...] = np.sign(array) * np.float32(3e38)
    x = np.ones((2, *SHAPE), int)
    for entry in (
        lambda: model.log_prob(x),
        lambda: model.log_prob(x, per="subpixel"),
        lambda: model.log_conditionals(x),
        lambda: model.sample(2, np.random.default_rng(0)),
        lambda: model.sample(2, np.random.default_rng(0), naive=True),
        lambda: model.complete(x, np.zeros(SHAPE, bool), np.random.default_rng(0)),
    ):
        with np.errstate(all="ignore"):
            try:
                found = entry()
            except ValueError as error:
                assert "not finite" in str(error) and "\n" not in str(error)
            else:
                assert np.isfinite(found).all()        # 3e38 may also saturate a gate


def test_a_network_whose_outputs_are_nan_is_named_by_all_that_read_them():
    model = pixelcnn(dtype="float32")
    for weights in model.params.values():
        weights.w[...] = 1e20
    x = images()
    for entry in (
        lambda: model.log_prob(x),
        lambda: model.log_conditionals(x),
        lambda: model.sample(1),
        lambda: model.complete(x, x != x),
    ):
        with np.errstate(all="ignore"), pytest.raises(
            ValueError, match="outputs of the network have .* not finite: the weights are too large"
        ):
            entry()


@pytest.mark.parametrize(
    "draw, outputs, uniforms",
    [
        (bernoulli.draw, np.array([[np.nan, 0.0]]), np.full((1, 2), 0.5)),
        (categorical.draw, np.array([[[0.0, np.inf]]]), np.full((1, 1), 0.5)),
        (
            lambda o, uniforms: discretized_logistic_mixture.draw(o, uniforms=uniforms, levels=4),
            np.array([[0.0, np.nan, 0.0]]),
            np.full((1, 1), 0.5),
        ),
    ],
)
def test_no_level_is_drawn_from_numbers_that_are_not_finite(draw, outputs, uniforms):
    with pytest.raises(ValueError, match="not finite"):
        draw(outputs, uniforms=uniforms)


def test_a_density_refuses_weights_and_results_that_are_not_finite():
    model = npixel.build(
        "ride", image_shape=(6, 6, 1), hidden=3, mixtures=2, scales=1, features=2, border="padded"
    )
    x = np.random.default_rng(0).random((2, 6, 6, 1))
    model.params["mcgsm"].A[...] = 1e38
    with np.errstate(all="ignore"), pytest.raises(ValueError, match="not finite"):
        model.log_density(x)
    model.params["mcgsm"].A[0] = np.nan
    for entry in (
        lambda: model.log_density(x),
        lambda: model.sample(1),
        lambda: model.loss_and_grads(x),
        lambda: model.refine(x, 2),
    ):
        with pytest.raises(ValueError, match=re.escape("params['mcgsm'].A has")):
            entry()


# files: shapes first


CONFIG = {
    "layers": 10**7,
    "first_kernel": 99999,
    "hidden": 10**9,
    "head": 10**12,
    "head_layers": 10**8,
    "kernel": 10**6 + 1,
}


@pytest.mark.parametrize("field", CONFIG)
@pytest.mark.parametrize("with_weights", [False, True])
def test_a_file_whose_configuration_asks_for_more_than_it_holds_draws_nothing(
    tmp_path, monkeypatch, field, with_weights
):
    """A file of 370 bytes with 10**7 layers took all memory: weights were drawn at first."""
    model, path = (
        npixel.build("pixelcnn", image_shape=(4, 4, 1), hidden=4, layers=1, head=4),
        tmp_path / "model.npz",
    )
    model.save(path)
    arrays, meta = checkpoint.read(path)
    meta["model"]["config"][field] = CONFIG[field]
    checkpoint.write(path, arrays if with_weights else {}, meta)
    monkeypatch.setattr(model.module, "init", None)
    with pytest.raises(ValueError, match="array params/.* (is missing|has shape)"):
        npixel.load(path)


def test_loading_draws_nothing_and_inflates_only_what_the_model_needs(tmp_path, monkeypatch):
    model, path = pixelcnn(), tmp_path / "model.npz"
    model.save(path)
    arrays, meta = checkpoint.read(path)
    checkpoint.write(path, arrays | {"training/more": np.zeros(10**6)}, meta)
    monkeypatch.setattr(model.module, "init", None)
    monkeypatch.setenv("NPIXEL_DATA_LIMIT", "100000")  # the weights are smaller, `more` is larger
    assert same_bits(npixel.load(path).log_prob(images()), model.log_prob(images()))
    with pytest.raises(ValueError, match="more than the limit of 100,000"):
        checkpoint.read(path)


def test_the_shapes_of_a_model_come_one_by_one():
    """So that a reader can stop: 10**9 layers are never listed."""
    module = npixel.MODELS["pixelcnn"]
    name, shapes = next(iter(module.shapes(module.Config((4, 4, 1), layers=10**9, first_kernel=3))))
    assert (name, shapes) == ("first", conv2d.Weights((9, 1, 64), (64,)))


def test_examples_in_docstrings():
    for module in (parameters, model_module, losses.levels):
        assert doctest.testmod(module).failed == 0
