"""The likelihoods are likelihoods: over all images they sum to one, and every conditional does; and
they are those of known constants."""

import math

import numpy as np
import pytest

import npixel
from models import ELSEWHERE, NAMES, SMALL, every_image, images, randomise, small
from npixel import masks, model as model_module
from npixel.losses import bernoulli, categorical

ENUMERATED = [((3, 3, 1), 2), ((2, 4, 1), 2), ((2, 2, 1), 4), ((2, 2, 3), 2)]
SHAPES = [((3, 4, 1), 2), ((3, 2, 1), 4), ((2, 3, 3), 2), ((2, 3, 3), 4)]
LN2 = math.log(2)


def total(model):
    return math.fsum(np.exp(model.log_prob(every_image(model.image_shape, model.levels))))


def test_every_model_is_tested():
    assert set(NAMES) | ELSEWHERE.keys() == set(npixel.MODELS) and len(NAMES) == len(SMALL)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("image_shape, levels", ENUMERATED)
@pytest.mark.parametrize("name", NAMES)
def test_the_probabilities_of_all_images_sum_to_one(name, image_shape, levels, seed):
    """1e-12: each log-probability is right to about 1e-14 (12 terms of size 1), so is the sum,
    which fsum adds without rounding."""
    model = small(name, image_shape, levels, seed=seed, scale=1 + seed)
    assert abs(total(model) - 1) <= 1e-12


@pytest.mark.parametrize("image_shape, levels", SHAPES)
@pytest.mark.parametrize("name", NAMES)
def test_conditionals_sum_to_one_and_the_likelihood_is_their_sum(name, image_shape, levels):
    model = small(name, image_shape, levels)
    x = images(np.random.default_rng(0), 5, model)
    conditionals = model.log_conditionals(x)
    terms = model.log_prob(x, per="subpixel")
    assert conditionals.shape == (*x.shape, levels) and terms.shape == x.shape
    assert conditionals.dtype == terms.dtype == np.float64
    # L terms below 1: a few times 2^-53
    np.testing.assert_allclose(np.exp(conditionals).sum(axis=-1), 1, atol=1e-14)
    own = np.take_along_axis(conditionals, x[..., None], axis=-1)[..., 0]
    np.testing.assert_allclose(terms, own, rtol=1e-13)  # two ways to round
    np.testing.assert_allclose(model.log_prob(x), terms.sum(axis=(1, 2, 3)), rtol=1e-14)
    loss, _ = model.loss_and_grads(x)
    np.testing.assert_allclose(loss, -model.log_prob(x).mean(), rtol=1e-14)


@pytest.mark.parametrize("name", NAMES)
def test_bools_and_integers_of_any_width_are_the_same_images(name):
    model = small(name, (3, 4, 1))
    x = images(np.random.default_rng(0), 5, model)
    for dtype in (bool, np.uint8, np.int8, np.uint64, np.int32):
        np.testing.assert_array_equal(model.log_prob(x.astype(dtype)), model.log_prob(x))
        np.testing.assert_array_equal(model.log_conditionals(x.astype(dtype)),
                                      model.log_conditionals(x))
    coloured = small(name, (2, 2, 1), 256 if name != "fvbn" else 200)  # levels beyond those of int8
    y = images(np.random.default_rng(0), 5, coloured)
    np.testing.assert_array_equal(coloured.log_prob(y.astype(np.uint8)), coloured.log_prob(y))


# constants


@pytest.mark.parametrize("name, image_shape",
                         [("pixelcnn", (3, 4, 3)), ("pixelcnn", (4, 4, 1)), ("fvbn", (2, 2, 1)),
                          ("fvbn", (2, 1, 3))])
def test_zero_weights_and_256_levels_are_exactly_8_bits_per_dimension(name, image_shape):
    model = zero(small(name, image_shape, 256))
    x = images(np.random.default_rng(0), 3, model)
    # ln 256 is rounded once, and so are the sum and the division
    np.testing.assert_allclose(npixel.bits_per_dim(-model.log_prob(x), image_shape), 8,
                               rtol=4e-16 * math.prod(image_shape))


@pytest.mark.parametrize("name", NAMES)
def test_zero_weights_on_28_by_28_bits_are_784_ln_2(name):
    model = zero(small(name, (28, 28, 1)))
    nats = -model.log_prob(np.random.default_rng(0).integers(0, 2, (2, 28, 28, 1)))
    np.testing.assert_allclose(nats, 784 * LN2, rtol=1e-13)                # 784 additions
    assert round(float(nats[0]), 3) == 543.427


def test_the_parameters_are_as_many_as_published():
    """fvbn: D (D - 1) / 2 + D. pixelcnn: pytorch-generative's, which counts masked weights too.
    diagonal_bilstm: the paper's net for MNIST."""
    assert npixel.build("fvbn", image_shape=(28, 28, 1)).num_parameters == 307_720
    port = npixel.build("pixelcnn", image_shape=(28, 28, 1), hidden=16, layers=15, head=32,
                        head_layers=1)
    assert port.num_parameters == 53_569
    # 65,793, and for each of the 14 LSTMs, two directions of 7 layers, learned starts h0 and c0 of
    # 16 numbers each
    layer = 2 * ((2 * 16 * 64 + 64) + 2 * 16 * 64) + (16 * 32 + 32)
    paper = (49 * 32 + 32) + 7 * layer + 2 * (32 * 32 + 32) + (32 + 1)
    bilstm = npixel.build("diagonal_bilstm", image_shape=(28, 28, 1), hidden=16, layers=7, head=32)
    assert paper == 65_793 and bilstm.num_parameters == paper + 14 * 2 * 16 == 66_241
    levels = npixel.build("fvbn", image_shape=(2, 2, 3), levels=4)
    assert levels.num_parameters == 12 * 11 // 2 * 16 + 12 * 4


def test_bits_per_dimension_are_nats_over_ln_2_and_the_number_of_sub_pixels():
    assert npixel.bits_per_dim(3072 * 8 * LN2, (32, 32, 3)) == pytest.approx(8, rel=1e-15)
    np.testing.assert_allclose(npixel.bits_per_dim(np.array([LN2, 2 * LN2]), (1, 2, 1)), [0.5, 1])


def zero(model):
    for weights in model.params.values():
        for array in weights:
            array[...] = 0
    return model


# chunks and precision


@pytest.mark.parametrize("image_shape, levels", SHAPES)
@pytest.mark.parametrize("name", NAMES)
def test_working_in_chunks_changes_nothing_but_rounding(name, image_shape, levels, monkeypatch):
    model = small(name, image_shape, levels)
    x = images(np.random.default_rng(0), 7, model)
    whole, conditionals = model.log_prob(x), model.log_conditionals(x)
    terms = model.log_prob(x, per="subpixel")
    passes = []
    forward = model.module.forward
    monkeypatch.setattr(model.module, "forward",
                        lambda *a, **k: passes.append(len(a[1])) or forward(*a, **k))
    for images_at_once in (1, 2, 3):
        per_image = math.prod(image_shape[:2]) * model.module.width(model.config) * 8
        monkeypatch.setattr(model_module, "CHUNK_BYTES", images_at_once * per_image)
        # 1e-13: BLAS may add in another order for another number of rows
        np.testing.assert_allclose(model.log_prob(x), whole, rtol=1e-13)
        np.testing.assert_allclose(model.log_conditionals(x), conditionals, rtol=1e-13)
        np.testing.assert_allclose(model.log_prob(x, per="subpixel"), terms, rtol=1e-13)
        assert max(passes) == images_at_once
        passes.clear()


@pytest.mark.parametrize("image_shape, levels", SHAPES)
@pytest.mark.parametrize("name", NAMES)
def test_float32_is_close_to_float64(name, image_shape, levels):
    """1e-4: weights and activations of size 1 are rounded to 6e-8, and pass through at most some
    ten layers."""
    double = small(name, image_shape, levels)
    single = small(name, image_shape, levels, dtype="float32")
    x = images(np.random.default_rng(0), 5, double)
    assert single.dtype == np.float32 and single.log_prob(x).dtype == np.float64
    np.testing.assert_allclose(single.log_conditionals(x), double.log_conditionals(x), rtol=1e-4,
                               atol=1e-4)
    (loss, grads), (loss64, grads64) = single.loss_and_grads(x), double.loss_and_grads(x)
    assert abs(loss - loss64) <= 1e-4 * abs(loss64)
    for key, weights in grads64.items():
        for a, b in zip(grads[key], weights):
            assert a.dtype == np.float32
            error, size = np.abs(a - b).max(initial=0), np.abs(b).max(initial=0)
            assert error <= 1e-4 * max(1, size)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_a_model_computes_changes_its_weights_or_its_images(name):
    model = small(name, (3, 4, 3), 4)
    x = images(np.random.default_rng(0), 3, model)
    image_bytes, weight_bytes = x.tobytes(), [array.tobytes() for weights in model.params.values()
                                              for array in weights]
    model.log_prob(x), model.log_conditionals(x), model.loss_and_grads(x)
    model.sample(2), model.complete(x, x > 1), model.sample(1, naive=True)
    assert x.tobytes() == image_bytes
    assert [array.tobytes() for weights in model.params.values()
            for array in weights] == weight_bytes


def test_one_seed_gives_one_set_of_weights_in_either_precision():
    double, single = (npixel.build("pixelcnn", image_shape=(4, 4, 1), seed=3, dtype=dtype)
                      for dtype in ("float64", "float32"))
    other = npixel.build("pixelcnn", image_shape=(4, 4, 1), seed=4, dtype="float64")
    for key, weights in double.params.items():
        for a, b in zip(weights, single.params[key]):
            np.testing.assert_array_equal(a.astype(np.float32), b)
    assert not np.array_equal(double.params["first"].w, other.params["first"].w)


def test_init_from_data_starts_fvbn_at_independent_sub_pixels():
    """Add-one smoothed frequencies: log p of an image is the sum of the logs of its sub-pixels'
    frequencies."""
    rng = np.random.default_rng(0)
    for levels in (2, 4):
        model = randomise(npixel.build("fvbn", image_shape=(3, 2, 1), levels=levels,
                                       dtype="float64"), np.random.default_rng(0))
        x = rng.integers(0, levels, (40, 3, 2, 1))
        model.init_from_data(x)
        # (H, W, C, L)
        frequencies = ((x[..., None] == np.arange(levels)).sum(axis=0) + 1) / (40 + levels)
        expected = np.log(np.take_along_axis(np.broadcast_to(frequencies, (40, *frequencies.shape)),
                                             x[..., None], axis=-1))
        np.testing.assert_allclose(model.log_prob(x), expected.sum(axis=(1, 2, 3, 4)), rtol=1e-13)


# planted faults


@pytest.mark.parametrize("factor", [1 + 1e-10, 0.99])
def test_a_model_whose_conditionals_do_not_sum_to_one_is_caught(monkeypatch, factor):
    """A log-likelihood a little too large, in one place of each image."""
    forward = bernoulli.forward

    def wrong(logits, /, *, targets):
        log_prob, cache = forward(logits, targets=targets)
        log_prob[:, 0, 0] += math.log(factor)
        return log_prob, cache

    monkeypatch.setattr(bernoulli, "forward", wrong)
    assert abs(total(small("pixelcnn", (3, 3, 1))) - 1) > 1e-12


def test_a_model_that_looks_at_what_it_predicts_is_caught_by_enumeration(monkeypatch):
    """Each conditional sums to one, the joint does not: mask B in the first layer."""
    monkeypatch.setattr(masks, "mask_a", masks.mask_b)
    assert abs(total(small("pixelcnn", (3, 3, 1))) - 1) > 1e-3


def test_colours_that_see_each_other_are_caught_by_enumeration(monkeypatch):
    monkeypatch.setattr(masks, "groups",
                        lambda features, colours, gates=1: np.full(features, colours - 1))
    assert abs(total(small("pixelcnn", (2, 2, 3))) - 1) > 1e-3


def test_a_softmax_over_one_level_too_few_is_caught(monkeypatch):
    forward = categorical.forward

    def wrong(logits, /, *, targets):
        return forward(np.concatenate([logits, -8 + 0 * logits[..., :1]], axis=-1), targets=targets)

    monkeypatch.setattr(categorical, "forward", wrong)
    assert abs(total(small("pixelcnn", (2, 2, 1), 4)) - 1) > 1e-12
