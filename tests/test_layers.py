"""Every layer of both packages, found by walking them, keeps every promise in properties.py."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import properties
import walking
from cases import CASES
from npixel.layers import conditional_bias, conv2d

LAYERS = walking.layers()
seeds = st.integers(0, 2**32 - 1)


def each_case(test):
    """Parametrise a test over all strategies of all layers."""
    pairs = [(LAYERS[name], strategy)
             for name, strategies in CASES.items() for strategy in strategies if name in LAYERS]
    names = [f"{name.split('.', 1)[1]}-{i}" for name, strategies in CASES.items()
             for i in range(len(strategies)) if name in LAYERS]
    return pytest.mark.parametrize("layer, strategy", pairs, ids=names)(test)


def test_every_layer_has_a_case_and_every_case_a_layer():
    assert set(LAYERS) == set(CASES)
    assert "npixel.layers.conv2d" in LAYERS and "mdp.policy_evaluation" in LAYERS


@each_case
@given(data=st.data(), seed=seeds)
def test_gradient_is_the_central_difference(layer, strategy, data, seed):
    properties.gradient(layer, data.draw(strategy), np.random.default_rng(seed))


@each_case
@given(data=st.data(), seed=seeds)
def test_nothing_is_mutated(layer, strategy, data, seed):
    properties.nothing_is_mutated(layer, data.draw(strategy), np.random.default_rng(seed))


@each_case
@given(data=st.data(), seed=seeds)
def test_dtype_is_kept(layer, strategy, data, seed):
    # a log-likelihood is always float64
    output = np.float64 if ".losses." in layer.__name__ else None
    properties.dtype_is_kept(layer, data.draw(strategy), np.random.default_rng(seed), output=output)


@each_case
@given(data=st.data(), seed=seeds)
def test_backward_is_linear(layer, strategy, data, seed):
    properties.backward_is_linear(layer, data.draw(strategy), np.random.default_rng(seed))


@each_case
@given(data=st.data(), seed=seeds)
def test_batch_members_are_independent(layer, strategy, data, seed):
    case = data.draw(strategy)
    if case.data:
        properties.batch_members_are_independent(layer, case, np.random.default_rng(seed))


@each_case
@given(data=st.data(), seed=seeds)
def test_the_visible_past_is_exactly_what_theory_says(layer, strategy, data, seed):
    case = data.draw(strategy)
    if case.past:
        properties.past_is_exact(layer, case, np.random.default_rng(seed))


@each_case
@given(data=st.data(), seed=seeds)
def test_step_is_forward_over_any_strips(layer, strategy, data, seed):
    case = data.draw(strategy)
    if case.steps:
        properties.step_is_forward(layer, case, np.random.default_rng(seed))


@pytest.mark.filterwarnings("ignore::hypothesis.errors.NonInteractiveExampleWarning")
def test_every_image_layer_says_what_it_sees_and_every_layer_with_memory_is_stepped():
    """Promises that no case asks for would hold nobody.

    So some case of each layer has `past`, and some case has `steps` if the layer has a step.
    """
    for name, strategies in CASES.items():
        drawn = [strategy.example() for strategy in strategies]
        assert any(case.past for case in drawn) == all(case.data for case in drawn), name
        assert any(case.steps for case in drawn) == hasattr(LAYERS[name], "step"), name


def test_the_losses_draw_by_inverting_their_distribution_function():
    """At the k-th of n equally spaced uniforms each level is drawn about n p times, in order."""
    rng = np.random.default_rng(0)
    for name, shape in (("npixel.losses.bernoulli", (5,)), ("npixel.losses.categorical", (5, 6))):
        loss, logits = LAYERS[name], rng.standard_normal(shape)
        n = 20_000
        uniforms = np.broadcast_to((np.arange(n) + 0.5)[:, None] / n, (n, 5))
        levels = loss.draw(np.broadcast_to(logits, (n, *shape)), uniforms=uniforms)
        assert (np.diff(levels, axis=0) >= 0).all()
        p = np.exp(loss.log_conditionals(logits))
        counts = (levels[..., None] == np.arange(p.shape[-1])).mean(axis=0)
        # a boundary moves at most one uniform on either side
        np.testing.assert_allclose(counts, p, atol=1.5 / n)


@pytest.mark.parametrize("name, logits, targets, words", [
    ("bernoulli", (2, 3), np.zeros((2, 4), int), "(2, 4)"),
    ("bernoulli", (2, 3), np.full((2, 3), 2), "found 2 to 2"),
    ("bernoulli", (2, 3), np.zeros((2, 3)), "float64"),
    ("categorical", (2, 3, 5), np.zeros((2, 3, 5), int), "(2, 3, 5)"),
    ("categorical", (2, 3, 5), np.full((2, 3), 5), "found 5 to 5"),
    ("categorical", (2, 3, 5), np.full((2, 3), -1), "found -1 to -1"),
])
def test_losses_refuse_targets_that_do_not_fit(name, logits, targets, words):
    with pytest.raises(ValueError, match="targets") as error:
        LAYERS[f"npixel.losses.{name}"].forward(np.zeros(logits), targets=targets)
    assert words in str(error.value)


@given(seed=seeds, stride=st.integers(1, 2), dtype=st.sampled_from([np.float32, np.float64]))
def test_relu_conv2d_is_relu_followed_by_conv2d(seed, stride, dtype):
    rng = np.random.default_rng(seed)
    layers = (LAYERS[f"npixel.layers.{name}"] for name in ("relu", "conv2d", "relu_conv2d"))
    relu, conv2d, both = layers
    C, D = rng.integers(1, 20, 2)
    shapes = (2, 5, 4, C), (4, C, D), (D,)
    x, w, b = (rng.standard_normal(shape).astype(dtype) for shape in shapes)
    taps = [(0, 0), (-1, 1), (0, -1), (1, 0)]
    h, cache_relu = relu.forward(x)
    expected, cache_conv = conv2d.forward(h, w, b, taps=taps, stride=stride)
    y, cache = both.forward(x, w, b, taps=taps, stride=stride)
    assert np.array_equal(y, expected)
    dy = rng.standard_normal(y.shape).astype(dtype)
    dh, *dw = conv2d.backward(dy, cache_conv)
    for found, wanted in zip(both.backward(dy, cache), (*relu.backward(dh, cache_relu), *dw)):
        assert np.array_equal(found, wanted)


@pytest.mark.parametrize("change, words", [
    ({"x": np.zeros((2, 3, 3))}, "(2, 3, 3)"),
    ({"x": np.zeros((1, 3, 3, 5))}, "w expects 2 channels, x has 5"),
    ({"w": np.zeros((2, 2))}, "(2, 2)"),
    ({"w": np.zeros((3, 2, 4))}, "3 taps, the list 2"),
    ({"b": np.zeros(3)}, "(3,)"),
    ({"x": np.zeros((1, 3, 3, 2), np.float32)}, "float32"),
    ({"stride": 0}, "0"),
])
def test_conv2d_refuses_arguments_that_do_not_fit(change, words):
    arguments = {"x": np.zeros((1, 3, 3, 2)), "w": np.zeros((2, 2, 4)), "b": np.zeros(4)} | change
    stride = arguments.pop("stride", 1)
    with pytest.raises(ValueError) as error:
        LAYERS["npixel.layers.conv2d"].forward(*arguments.values(), taps=[(0, 0), (-1, 0)],
                                               stride=stride)
    assert words in str(error.value)


@pytest.mark.parametrize("at", [(-1, slice(0, 1)), (3, slice(0, 1)), (10 ** 7, slice(0, 1)),
                                (2, slice(3, 6)), (0, slice(0, 10 ** 6)), (0, slice(-9, -8))])
def test_a_strip_outside_the_image_is_refused_before_memory_is_read(at):
    """The compiled loop checks no index: cells of other arrays would become numbers."""
    w = np.ones((2, 1, 1))
    state = conv2d.start((1, 3, 4, 1), w, np.zeros(1), taps=[(0, -1), (0, 0)])
    with pytest.raises(ValueError, match="outside the image"):
        conv2d.read(state, at=at)


@pytest.mark.parametrize("classes", [[-1], [3], [2 ** 40], [0.5], [True]])
def test_a_class_outside_its_range_is_no_other_class(classes):
    with pytest.raises(ValueError, match=r"condition must hold integers in \[0, 3\)"):
        conditional_bias.encode(np.array(classes), 3, np.float32)


COMPILED = ["concat_elu", "conv2d", "gated_activation", "relu", "relu_conv2d", "lstm", "row_lstm",
            "diagonal_lstm", "diagonal_bilstm", "spatial_lstm"]


@pytest.mark.parametrize("name", COMPILED)
@given(data=st.data())
@settings(deadline=None, max_examples=5, suppress_health_check=list(HealthCheck))
def test_a_gradient_of_another_shape_is_refused_before_loops_read_beyond_it(name, data):
    """The loops run over the shape of what forward kept, and index dy with it."""
    layer = LAYERS[f"npixel.layers.{name}"]
    case = data.draw(data.draw(st.sampled_from(CASES[f"npixel.layers.{name}"])))
    arguments, configuration = vars(case)["arguments"], vars(case)["configuration"]
    y, cache = layer.forward(*arguments, **configuration)
    for axis in range(y.ndim):
        dy = np.delete(y, 0, axis=axis)
        with pytest.raises(ValueError):
            layer.backward(dy, cache)
