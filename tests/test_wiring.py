"""A network as a table of layers: what the table and its two texts promise beside each model's own
tests, and networks that no model is."""

import doctest
import types

import numpy as np
import pytest

import npixel
from models import same_bits
from npixel import masks
from npixel.layers import conditional_bias, conv2d, linear, relu, relu_conv2d
from npixel.models import discrete, pixelcnn, pixelrnn, wiring
from npixel.models.wiring import NOTHING, Layer, Wiring, mask_a, mask_b

STREAMS = "pixelcnn_pp", "multiscale_pixelrnn"
TABLED = [name for name, module in npixel.MODELS.items() if hasattr(module.forward, "__self__")]


def test_examples_in_docstrings():
    for module in (wiring, discrete, linear):
        assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize("name", TABLED)
def test_every_layer_of_the_table_is_used_once_forward_and_once_back(name):
    """The texts name all layers, each of them once, and the way back is the way forward reversed.

    Skip connections and streams leave a choice of order: there the sets are compared.
    """
    fields = {} if name in ("fvbn", "spatial_lstm") else {"layers": 2}
    fields |= {"hidden": 4} if name in STREAMS else {}
    model = npixel.build(name, image_shape=(4, 6, 1), dtype="float64", **fields)
    made = model.module.forward.__self__
    table, caches, grads = dict(model.module.layers(model.config)), {}, {}
    there, back = [], []

    def noted(names, function):
        return lambda name, *given: names.append(name) or function(name, *given)

    f = noted(there, wiring.forwards(table, model.params, caches))
    outputs = made.network(f, np.zeros((1, 4, 6, 1)), model.config)
    made.network_backward(noted(back, wiring.backwards(table, caches, grads)), outputs,
                          model.config)
    assert sorted(there) == sorted(back) == sorted(table)
    assert there == back[::-1] or hasattr(model.config, "skip") or name in STREAMS


# a small value function: no image, no colours


def table_of_q(share):
    """Two linear layers of one width, a relu between; the second may use the first's weights."""
    return {"in": Layer(linear, 3, 3), "relu": Layer(relu),
            "out": Layer(linear, 3, 3, shares="in" if share else None)}


def q(f, x):
    return f("out", f("relu", f("in", x)))


def q_backward(b, dy):
    return b("in", b("relu", b("out", dy)))


def drawn_q(share, seed=0):
    params = wiring.drawn(np.random.default_rng(seed), table_of_q(share).items())
    return {name: linear.Weights(*(array + 0.1 for array in weights))
            for name, weights in params.items()}


@pytest.mark.parametrize("share", [False, True])
def test_a_value_function_of_linear_layers_has_the_gradients_of_differences(share):
    rng, table, params = np.random.default_rng(1), table_of_q(share), drawn_q(share)
    assert set(params) == ({"in"} if share else {"in", "out"})
    assert dict(wiring.shapes_of(table.items())).keys() == params.keys()
    x, caches, grads = rng.standard_normal((5, 3)), {}, {}
    y = q(wiring.forwards(table, params, caches), x)
    dy = rng.standard_normal(y.shape)
    dx = q_backward(wiring.backwards(table, caches, grads), dy)
    for array, gradient in [(x, dx), *((array, gradient) for name in params
                                       for array, gradient in zip(params[name], grads[name]))]:
        direction, ends = rng.standard_normal(array.shape), []
        for sign in (1, -2):
            array += sign * 1e-6 * direction
            ends.append(q(wiring.forwards(table, params, {}), x))
        array += 1e-6 * direction
        difference = (dy * (ends[0] - ends[1])).sum() / 2e-6
        assert (gradient * direction).sum() == pytest.approx(difference, rel=1e-6, abs=1e-8)


def test_shared_weights_whose_gradients_are_not_added_are_caught(monkeypatch):
    monkeypatch.setattr(wiring, "_add_to", lambda grads, name, gradient: grads.update(
        {name: gradient}))
    with pytest.raises(AssertionError):
        test_a_value_function_of_linear_layers_has_the_gradients_of_differences(True)


# a network with every kind of layer: two inputs, no weights, a condition


def conditional_layers(config):
    yield "first", Layer(conv2d, 1, 4, mask_a(3, 1))
    yield "bias", Layer(conditional_bias, 2, 4, sizes={"live": 2}, conditional=True)
    yield "relu", Layer(relu)
    yield "last", Layer(conv2d, 4, 1, mask_b(3, 1), gain=2.0)


def conditional_network(f, x, config, condition=None):
    return f("last", f("relu", f("bias", f("first", x), condition)))


def test_a_conditional_layer_is_told_its_condition_at_the_start_and_steps_give_forward():
    rng = np.random.default_rng(0)
    config = types.SimpleNamespace(image_shape=(4, 5, 1), levels=2)
    params = wiring.drawn(rng, conditional_layers(config))
    table, s = dict(conditional_layers(config)), rng.standard_normal((2, 4, 5, 2))
    x = rng.standard_normal((2, 4, 5, 1))
    y = conditional_network(wiring.forwards(table, params, {}), x, config, s)
    state = wiring.started(table, params, x.shape, config, code=s)
    for row in range(4):
        for columns in (slice(0, 2), slice(2, 5)):
            conv2d.write(x[:, row, columns], state.memories["first"], at=(row, columns))
            f = wiring.steps(state, (row, columns))
            found = conditional_network(f, None, config, "not told again")
            np.testing.assert_allclose(found, y[:, row, columns], rtol=0, atol=1e-13)


def test_what_a_set_of_outputs_can_see_is_the_way_back_with_bools():
    config = types.SimpleNamespace(image_shape=(3, 4, 1), levels=2)
    b = wiring.reaches(dict(conditional_layers(config)), (3, 4))
    seen = np.zeros((3, 4, 1), bool)
    seen[1, 2] = True
    dz, ds = b("bias", b("relu", b("last", seen)))
    assert ds is NOTHING and dz.dtype == bool and dz.shape == (3, 4, 4)
    assert b("first", dz)[..., 0].astype(int).tolist() == [[1, 1, 1, 1], [1, 1, 0, 0], [0] * 4]


# windows


@pytest.mark.parametrize("free", [0, 2])
def test_a_window_makes_the_mask_that_masks_makes_and_leaves_known_maps_unmasked(free):
    offsets, mask = mask_b(3, 3, gates=2, free=free).made(6 + free, 4)
    expected = masks.mask_b(3, masks.groups(6, 3), masks.groups(8, 3, gates=2))
    assert offsets == expected.offsets
    assert same_bits(mask[:, :6], expected.mask)
    at_the_pixel = np.array(offsets) == 0
    for tap, here in zip(mask[:, 6:], at_the_pixel.all(axis=1)):
        assert (tap == here).all()


def test_an_absurd_size_costs_nothing_until_it_is_used():
    for module in (pixelcnn, npixel.MODELS["row_lstm"], npixel.MODELS["spatial_lstm"]):
        config = module.Config((4, 4, 3), hidden=10**9, head=10**9, layers=10**9)
        name, shapes = next(iter(module.shapes(config)))
        assert name in ("first", "lstm0") and shapes[0][-1] >= 2 * 10**9


def test_one_table_makes_each_mask_once(monkeypatch):
    made = []
    original = masks.mask_b
    monkeypatch.setattr(masks, "mask_b", lambda *given: made.append(given[0]) or original(*given))
    config = pixelcnn.Config((4, 4, 1), hidden=4, layers=5, head=4)
    table = dict(pixelcnn.layers(config))
    for layer in table.values():
        layer.told()
    # 2h -> h, h -> 2h and h -> h within blocks; 2h -> head, head -> head, head -> 1 behind them
    assert sorted(made) == [1, 1, 1, 1, 1, 3]


def test_maps_are_read_by_every_lstm_and_reach_all_says_which():
    config = npixel.MODELS["row_lstm"].Config((3, 4, 1), hidden=3, layers=1, condition_maps=2)
    seen = np.zeros((3, 4, 1), bool)
    seen[0, 1] = True
    past, maps = pixelrnn.reach_all(seen, config)
    assert not past[1:].any() and maps[0, 1].all() and not maps[1:].any()


def test_wiring_makes_a_model_of_three_lines():
    """The header's example is a model."""
    def layers(config):
        yield "first", Layer(conv2d, 1, 8, mask_a(3, 1))
        yield "second", Layer(relu_conv2d, 8, 1, mask_b(3, 1))

    made = Wiring(layers, lambda f, x, config: f("second", f("first", x)),
                  lambda b, doutputs, config: b("first", b("second", doutputs)))
    shapes, init, forward, backward, start, see, step, reach = made.functions()
    config = types.SimpleNamespace(image_shape=(4, 5, 1), levels=2)
    params = init(np.random.default_rng(0), config)
    assert {name: weights.w for name, weights in shapes(config)} == {"first": (9, 1, 8),
                                                                     "second": (9, 8, 1)}
    x = np.random.default_rng(1).standard_normal((2, 4, 5, 1))
    y, caches = forward(params, x, config)
    dx, dcondition, grads = backward(np.ones_like(y), caches)
    assert dx.shape == x.shape and dcondition is None and grads.keys() == params.keys()
    state = start(params, x.shape, config)
    for row, column in np.ndindex(4, 5):
        at = (row, slice(column, column + 1))
        np.testing.assert_allclose(step(state, at=at), y[:, row, at[1]], rtol=0, atol=1e-13)
        see(x[:, row, at[1]], state, at=at)
    seen = np.zeros((4, 5, 1), bool)
    seen[0, 3] = True
    assert np.argwhere(reach(seen, config)).tolist() == [[0, 1, 0], [0, 2, 0]]
