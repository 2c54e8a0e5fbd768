"""The multi-scale PixelRNN: normalised, because a copied pixel is charged once.

It sees what its two networks and its maps bring, and draws in two stages.
"""

import math

import numpy as np
import pytest

import models
import npixel
from models import every_image, images, randomise, same_bits
from npixel import sampling
from npixel.models import multiscale_pixelrnn, pixelrnn, wiring

SMALL = {"hidden": 4, "layers": 1, "first_kernel": 3, "head": 5, "head_layers": 1}
each_lstm = pytest.mark.parametrize("lstm", list(multiscale_pixelrnn.LSTMS))


def small(image_shape, levels=2, *, seed=0, alive=False, scale_of_weights=1.0, **changes):
    model = npixel.build("multiscale_pixelrnn", image_shape=image_shape, levels=levels,
                         dtype="float64", **(SMALL | changes))
    return randomise(model, np.random.default_rng(seed), alive=alive, scale=scale_of_weights)


@pytest.mark.parametrize("image_shape, levels, changes", [
    ((4, 4, 1), 2, {}),
    ((2, 4, 1), 2, {"lstm": "row_lstm"}),
    ((2, 2, 1), 4, {"lstm": "diagonal_lstm"}),
    ((2, 2, 3), 2, {}),
    ((3, 3, 1), 2, {"scale": 3, "layers": 2}),
])
def test_the_probabilities_of_all_images_sum_to_one(image_shape, levels, changes):
    """1e-12 in float64: each log-probability is right to about 1e-14, and fsum does not round."""
    model = small(image_shape, levels, **changes)
    p = np.exp(model.log_prob(every_image(image_shape, levels)))
    assert abs(math.fsum(p) - 1) <= 1e-12


def test_charging_the_copied_pixels_twice_leaves_less_than_one(monkeypatch):
    """The planted fault: both networks charge for the small image.

    The sum over images is then a bound, no probability.
    """
    model = small((2, 4, 1))
    everything = every_image((2, 4, 1), 2)
    x, s = model.encode(everything), model.config.scale
    f = wiring.forwards(dict(multiscale_pixelrnn.layers(model.config)), model.params, {})
    maps = multiscale_pixelrnn.upsample(f, np.ascontiguousarray(x[:, ::s, ::s]), model.config)
    _, large = model.config.parts()
    params = multiscale_pixelrnn.part_of(model.params, "large_")
    again, _ = pixelrnn.forward(params, x, large, condition=maps)
    terms = model.loss.forward(again, targets=everything)[0]
    twice = terms[:, ::s, ::s].reshape(len(everything), -1).sum(axis=1)
    assert math.fsum(np.exp(model.log_prob(everything) + twice)) < 0.9


@each_lstm
@pytest.mark.parametrize("image_shape", [(4, 6, 1), (2, 4, 3)])
def test_what_it_sees_is_what_its_masks_say_and_no_more(lstm, image_shape):
    """Measured on the conditionals, with weights of several kinds.

    Every visible pair counts, and what is not visible changes no bit.
    """
    several = [small(image_shape, lstm=lstm, seed=seed, alive=seed % 2 == 0,
                     scale_of_weights=1 + seed) for seed in range(4)]
    seen, theory = models.measured(several), models.structural(several[0])
    assert not (seen & ~theory).any()
    assert (seen == theory).all()


def test_only_a_pixel_of_the_second_stage_sees_the_small_image_below_it():
    model = small((4, 6, 1), lstm="row_lstm")
    second, first = model.visible_past((1, 3, 0)), model.visible_past((2, 4, 0))
    assert second[2, 4, 0] and not second[1, 4, 0] and not second[1, 3, 0]
    assert first[::2, ::2].any() and not first[1::2].any() and not first[:, 1::2].any()


def test_the_order_is_the_small_image_and_then_the_rest():
    model = small((2, 4, 1))
    expected = [[0, 0], [0, 2], [0, 1], [0, 3], [1, 0], [1, 1], [1, 2], [1, 3]]
    assert model.order[:, :2].tolist() == expected
    rank = {tuple(place): i for i, place in enumerate(model.order.tolist())}
    for at in rank:
        past = np.argwhere(model.visible_past(at)).tolist()
        assert all(rank[tuple(place)] < rank[at] for place in past)


@each_lstm
@pytest.mark.parametrize("image_shape, levels", [((6, 4, 1), 2), ((4, 4, 3), 4)])
def test_cached_generation_is_the_naive_one(lstm, image_shape, levels):
    model, rng = small(image_shape, levels, lstm=lstm, scale_of_weights=2), np.random.default_rng(0)
    uniforms = rng.random((3, *image_shape))
    cached, naive = (model.sample(3, uniforms=uniforms, naive=naive) for naive in (False, True))
    assert np.array_equal(cached, naive)
    given, known = images(rng, 3, model), rng.random((3, *image_shape)) < 0.5
    result = model.complete(given, known, uniforms=uniforms)
    naive = model.complete(given, known, uniforms=uniforms, naive=True)
    assert np.array_equal(result, naive) and (result == given)[known].all()


@each_lstm
def test_a_walk_over_noise_hands_out_forwards_numbers(lstm):
    """What is not drawn yet holds noise.

    The outputs at each place are those of one forward pass over the finished image.
    """
    model, rng = small((4, 6, 3), 4, lstm=lstm), np.random.default_rng(1)
    truth, x = images(rng, 2, model), images(rng, 2, model)
    expected, places = model.forward(truth), 0
    for where, outputs in sampling.walk(model, x):
        atol = 1e-12 * np.abs(expected).max()
        np.testing.assert_allclose(outputs, expected[where], rtol=0, atol=atol)
        x[where] = truth[where]
        places += 1
    assert np.array_equal(x, truth) and places == 4 * 6 * 3


def test_200_000_samples_follow_the_enumerated_law():
    from scipy.stats import chisquare
    model = small((2, 4, 1), scale_of_weights=2, lstm="row_lstm")
    p = np.exp(model.log_prob(every_image((2, 4, 1), 2)))
    drawn = model.sample(200_000, np.random.default_rng(0)).reshape(200_000, -1)
    drawn = drawn @ (2 ** np.arange(8)[::-1])
    counts, expected = np.bincount(drawn, minlength=256), 200_000 * p
    rare = expected < 5
    observed = [*counts[~rare], counts[rare].sum()]
    wanted = [*expected[~rare], expected[rare].sum()]
    assert chisquare(observed, wanted).pvalue > 1e-4


@each_lstm
@pytest.mark.parametrize("image_shape, levels", [((6, 4, 1), 2), ((2, 4, 3), 4)])
def test_gradients_equal_autograd(lstm, image_shape, levels, monkeypatch):
    """1e-10 relative per array: float64, another order of sums."""
    torch_models = pytest.importorskip("oracles.torch_models", exc_type=ImportError)
    torch, F = torch_models.torch, torch_models.F
    layer = {"row_lstm": torch_models.rows, "diagonal_lstm": torch_models.diagonals,
             "diagonal_bilstm": torch_models.both_diagonals}[lstm]
    plain = torch_models.input_to_state

    def input_to_state(x, w, b, config, K):
        """2h maps as always; the condition maps behind them go unmasked through the middle tap."""
        wide = 2 * config.hidden
        return plain(x[..., :wide], w[:, :wide], b, config, K) + x[..., wide:] @ w[K // 2, wide:]

    def upsampled(params, x_small, config):
        s, h, (rows, columns) = config.scale, config.hidden, x_small.shape[1:3]
        w, b = params["deconv"]
        kernel = w[0].reshape(-1, s, s, h).permute(0, 3, 1, 2)             # (C, h, s, s)
        y = F.conv_transpose2d(x_small.permute(0, 3, 1, 2), kernel, stride=s)
        y = y + b.reshape(s, s, h).permute(2, 0, 1).repeat(1, rows, columns)
        w, b = params["maps"]
        kernel = w.reshape(3, 3, h, h).permute(3, 2, 0, 1)
        return F.conv2d(F.relu(y), kernel, b, padding=1).permute(0, 2, 3, 1)

    def oracle(params, x, config):
        (small_config, large_config), s = config.parts(), config.scale
        x_small = x[:, ::s, ::s]
        maps = upsampled(params, x_small, config)

        def layer_beside_maps(stream, weights, c):
            return layer(torch.cat([stream, maps], -1) if c.condition_maps else stream, weights, c)

        part = multiscale_pixelrnn.part_of
        network = torch_models.pixelrnn(layer_beside_maps)
        network_small = torch_models.pixelrnn(layer)
        outputs = network(part(params, "large_"), x, large_config).clone()
        outputs[:, ::s, ::s] = network_small(part(params, "small_"), x_small, small_config)
        return outputs

    monkeypatch.setattr(torch_models, "input_to_state", input_to_state)
    monkeypatch.setitem(torch_models.MODELS, "multiscale_pixelrnn", oracle)
    model, rng = small(image_shape, levels, lstm=lstm, layers=2), np.random.default_rng(0)
    x = model.encode(images(rng, 3, model)) + 0.1 * rng.standard_normal((3, *image_shape))
    outputs, caches = model.module.forward(model.params, x, model.config)
    doutputs = rng.standard_normal(outputs.shape)
    dx, _, grads = model.module.backward(doutputs, caches)
    expected, dx_expected, grads_expected = torch_models.run(model, x, doutputs)
    pairs = [(outputs, expected), (dx, dx_expected)]
    for name in grads:
        pairs += zip(grads[name], grads_expected[name], strict=True)
    for ours, theirs in pairs:
        assert ours.shape == theirs.shape
        assert np.abs(ours - theirs).max() <= 1e-10 * max(np.abs(theirs).max(), 1e-300)


def test_a_dropped_gradient_is_noticed():
    """Central differences along a random direction, for every array, need no PyTorch.

    They see a planted fault.
    """
    model, rng = small((4, 4, 1)), np.random.default_rng(0)
    x = images(rng, 3, model)
    _, grads = model.loss_and_grads(x)

    def wrong(grads):
        for name, weights in model.params.items():
            for array, gradient in zip(weights, grads[name]):
                v, e = rng.standard_normal(array.shape), 1e-6
                losses = []
                for sign in (1, -1):
                    array += sign * e * v
                    losses.append(-model.log_prob(x).mean())
                    array -= sign * e * v
                expected, found = (losses[0] - losses[1]) / (2 * e), (gradient * v).sum()
                if abs(expected - found) > 1e-6 * (1 + abs(expected)):
                    return name
        return None

    assert wrong(grads) is None
    dropped = dict(grads, deconv=type(grads["deconv"])(*(0 * array for array in grads["deconv"])))
    assert wrong(dropped) == "deconv"


def test_it_is_saved_and_loaded_and_bad_input_gets_one_line(tmp_path):
    model = small((4, 6, 1), lstm="row_lstm")
    model.save(tmp_path / "model.npz")
    x = images(np.random.default_rng(0), 2, model)
    assert same_bits(npixel.load(tmp_path / "model.npz").log_prob(x), model.log_prob(x))
    for change, words in (({"image_shape": (5, 6, 1)}, "5 x 6, scale 2"),
                          ({"lstm": "spatial"}, "'spatial'"), ({"scale": 1}, "scale 1")):
        with pytest.raises(ValueError) as error:
            small(**({"image_shape": (4, 6, 1)} | change))
        assert words in str(error.value) and "\n" not in str(error.value)
