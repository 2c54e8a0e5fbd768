"""Every gradient of every model, parameters and input: against PyTorch's autograd.

Where PyTorch is missing, they are held against differences."""

import numpy as np
import pytest

from closed_forms import colour, kernel_mask
from models import NAMES, images, plant, same_bits, small
from npixel import masks
from npixel.layers import conv2d, fully_visible, relu, relu_conv2d
from npixel.losses import bernoulli, categorical
from npixel.models import pixelcnn

# (name, image_shape, levels, config): H != W, one and three colours, groups that do not divide, a
# kernel larger than the image
CASES = [("pixelcnn", (5, 7, 1), 2, {}),
         ("pixelcnn", (6, 4, 3), 2, {}),
         ("pixelcnn", (5, 3, 1), 4, {"head_layers": 0}),
         ("pixelcnn", (3, 5, 3), 4, {"hidden": 5, "layers": 1, "first_kernel": 7}),
         ("pixelcnn", (4, 5, 3), 2, {"hidden": 6, "kernel": 5, "layers": 1, "head_layers": 1}),
         ("pixelcnn", (4, 3, 1), 256, {}),
         ("pixelcnn", (3, 2, 3), 256, {"layers": 1}),
         ("pixelcnn", (2, 3, 3), 2, {"layers": 0}),
         ("raster_lstm", (5, 3, 1), 2, {}), ("raster_lstm", (2, 3, 3), 4,
                                             {"layers": 3, "hidden": 5}),
         ("raster_lstm", (2, 3, 3), 2, {"layers": 0}),
         ("row_lstm", (5, 7, 1), 2, {}), ("row_lstm", (4, 5, 3), 2, {"skip": False}),
         ("row_lstm", (3, 4, 3), 4, {"kernel": 3, "first_kernel": 7}),
         ("row_lstm", (6, 2, 1), 4, {"kernel": 7, "layers": 1, "skip": False, "head_layers": 0}),
         ("row_lstm", (3, 2, 1), 256, {"kernel": 1}),
         *(("diagonal_lstm", shape, 2, {"padding": padding, "skip": skip})
           for shape in [(5, 3, 1), (3, 4, 3)]
           for padding in ("start", "evolve") for skip in (False, True)),
         *(("diagonal_bilstm", shape, 2, {"padding": padding, "skip": skip})
           for shape in [(3, 6, 1), (4, 3, 3)]
           for padding in ("start", "evolve") for skip in (False, True)),
         ("diagonal_lstm", (1, 4, 1), 4, {"layers": 1}),
         ("diagonal_bilstm", (4, 1, 3), 4, {"head_layers": 2, "padding": "evolve"}),
         ("diagonal_bilstm", (2, 3, 3), 256, {"hidden": 4, "layers": 3, "first_kernel": 7}),
         ("spatial_lstm", (5, 7, 1), 2, {}),
         ("spatial_lstm", (4, 3, 3), 2, {"extended": False, "head": 5, "head_layers": 2}),
         ("spatial_lstm", (3, 5, 3), 4, {"first_kernel": 5, "layers": 1}),
         ("spatial_lstm", (6, 2, 1), 4, {"layers": 3, "extended": False, "head_layers": 1}),
         ("spatial_lstm", (2, 3, 3), 256, {"first_kernel": 7}),
         ("gated_pixelcnn", (5, 4, 3), 4, {}),
         ("gated_pixelcnn", (6, 5, 1), 2, {"first_kernel": 7}),
         ("gated_pixelcnn", (2, 3, 3), 256, {"layers": 1}),
         # 70 units: more than one block
         ("fvbn", (5, 7, 1), 2, {}), ("fvbn", (3, 4, 3), 2, {}), ("fvbn", (10, 7, 1), 2, {}),
         ("fvbn", (3, 4, 1), 4, {}), ("fvbn", (2, 3, 3), 4,
                                      {}), ("fvbn", (2, 3, 1), 256,
                                            {}), ("fvbn", (1, 2, 3), 256, {})]
every_case = pytest.mark.parametrize("name, image_shape, levels, config", CASES)


def problem(name, image_shape, levels, config, *, n=3, seed=0):
    """A model, its encoded input (n, H, W, C) and a random cotangent for its outputs."""
    model = small(name, image_shape, levels, seed=seed, **config)
    rng = np.random.default_rng(seed)
    x = model.encode(images(rng, n, model))
    if name != "fvbn" or levels == 2:  # no network rests on x being a level; a one-hot code does
        x = x + 0.1 * rng.standard_normal(x.shape)
    outputs, _ = model.module.forward(model.params, x, model.config)
    return model, x, rng.standard_normal(outputs.shape)


def gradients(model, x, doutputs):
    """outputs, dx, grads of the model itself."""
    outputs, caches = model.module.forward(model.params, x, model.config)
    dx, dcondition, grads = model.module.backward(doutputs, caches)
    assert dcondition is None and grads.keys() == model.params.keys()
    return outputs, dx, grads


def disagreement(ours, theirs):
    """Largest max|a - b| / max|b| over pairs of arrays."""
    worst = 0.0
    for a, b in zip(ours, theirs, strict=True):
        assert a.shape == b.shape and a.dtype == b.dtype
        largest = np.abs(b).max(initial=0)
        worst = max(worst, np.abs(a - b).max(initial=0) / largest if largest else float(np.any(a)))
    return worst


def against_torch(model, x, doutputs):
    oracle = pytest.importorskip("oracles.torch_models", exc_type=ImportError)
    outputs, dx, grads = gradients(model, x, doutputs)
    outputs_t, dx_t, grads_t = oracle.run(model, x, doutputs)
    ours, theirs = [outputs, dx], [outputs_t, dx_t]
    for name, weights in model.params.items():
        ours += grads[name]
        theirs += grads_t[name]
    return disagreement(ours, theirs)


def against_differences(model, x, doutputs, step=1e-6):
    """Largest error of a directional derivative <doutputs, dy>, relative to |doutputs| |dy|, over x
    and every array of params.

    dy is a central difference of the outputs along a random direction. Outputs of convolutions are
    piecewise linear in one array, except for kinks within the step, of which the fixed seeds have
    none; those of LSTMs are smooth, which adds a third of the step's square.
    """
    _, dx, grads = gradients(model, x, doutputs)
    rng = np.random.default_rng(1)
    places = [(array, gradient) for name in model.params for array,
              gradient in zip(model.params[name], grads[name])]
    if model.name != "fvbn" or model.levels == 2:
        places.append((x, dx))
    worst = 0.0
    for array, gradient in places:
        direction, kept = rng.standard_normal(array.shape), array.copy()
        ends = []
        for sign in (1, -1):
            array[...] = kept + sign * step * direction
            ends.append(model.module.forward(model.params, x, model.config)[0])
        array[...] = kept
        dy = (ends[0] - ends[1]) / (2 * step)
        error = abs(np.vdot(doutputs, dy) - np.vdot(gradient, direction))
        worst = max(worst, error / (np.linalg.norm(doutputs) * np.linalg.norm(dy) or 1))
    return worst


@every_case
def test_outputs_and_all_gradients_equal_autograd(name, image_shape, levels, config):
    assert against_torch(*problem(name, image_shape, levels, config)) <= 1e-10


@every_case
def test_loss_and_gradients_equal_autograd(name, image_shape, levels, config):
    oracle = pytest.importorskip("oracles.torch_models", exc_type=ImportError)
    model, _, _ = problem(name, image_shape, levels, config)
    x = images(np.random.default_rng(2), 3, model)
    loss, grads = model.loss_and_grads(x)
    loss_t, grads_t = oracle.run_loss(model, x)
    assert abs(loss - loss_t) <= 1e-12 * loss_t
    assert disagreement([g for name in grads for g in grads[name]],
                        [g for name in grads for g in grads_t[name]]) <= 1e-10


@every_case
def test_all_gradients_equal_differences(name, image_shape, levels, config):
    """1e-7: outputs of size 1 are rounded to 1e-16, so differences over 2e-6 to 1e-10; where slopes
    are a hundred times smaller, to 1e-8 of them."""
    assert against_differences(*problem(name, image_shape, levels, config)) <= 1e-7


@every_case
def test_gradients_of_the_loss_equal_differences(name, image_shape, levels, config):
    model, _, _ = problem(name, image_shape, levels, config)
    x = images(np.random.default_rng(2), 3, model)
    rng, step = np.random.default_rng(1), 1e-6
    _, grads = model.loss_and_grads(x)
    directions = {name: [rng.standard_normal(array.shape) for array in weights] for name,
                  weights in model.params.items()}
    slope = sum(np.vdot(g, d) for name in grads for g, d in zip(grads[name], directions[name]))
    size = sum(np.linalg.norm(g) for name in grads for g in grads[name])
    ends = []
    for sign in (1, -2):  # + step, then from there to - step
        for name, weights in model.params.items():
            for array, direction in zip(weights, directions[name]):
                array += sign * step * direction
        ends.append(-model.log_prob(x).mean())
    # 1e-6: an error of third order in the step, through the loss, and rounding as above
    assert abs((ends[0] - ends[1]) / (2 * step) - slope) <= 1e-6 * (abs(slope) + size)


# masked weights; those of gated_pixelcnn in test_gated.py


def dead_weights(model):
    """{(name, field): bool mask of the weights that no mask lets through}, by the rule in words of
    kernel_mask."""
    C, h, L = model.image_shape[2], model.config.hidden, 1 if model.levels == 2 else model.levels
    image, narrow, wide = list(range(C)), colour(h, C), colour(2 * h, C)
    head, logits = colour(model.config.head, C), colour(C * L, C)

    def dead(K, inputs, outputs, own=True):
        mask = kernel_mask(K, inputs, outputs, own=own)
        return mask.reshape(K * K, len(inputs), len(outputs)) == 0

    K = getattr(model.config, "kernel", 1)
    # of an LSTM: one row, four gates
    along = kernel_mask(K, wide, 4 * narrow, own=True)[K // 2] == 0
    result = {("first", "w"): dead(model.config.first_kernel, image, wide, own=False)}
    for n in range(model.config.layers):
        result |= {(f"reduce{n}", "w"): dead(1, wide, narrow),
                   (f"conv{n}", "w"): dead(K, narrow, narrow),
                   (f"lstm{n}", "w_is"): along, (f"lstm{n}", "w_is_right"): along,
                   (f"expand{n}", "w"): dead(1, narrow, wide),
                   (f"skip{n}", "w"): dead(1, narrow, wide)}
    if model.name == "spatial_lstm":  # five gates; the first layer is the first convolution
        result |= {(f"lstm{n}", "w_is"): dead(1, narrow, 5 * narrow) if n
                   else dead(model.config.first_kernel, image, 5 * narrow, own=False)
                   for n in range(model.config.layers)}
        result["expand", "w"] = dead(1, narrow, wide)
    for n in range(model.config.head_layers):
        result[f"head{n}", "w"] = dead(1, wide if n == 0 else head, head)
    result["logits", "w"] = dead(1, head if model.config.head_layers else wide, logits)
    return {(name, field): mask for (name, field),
            mask in result.items() if hasattr(model.params.get(name), field)}


def masked_weights_stand_still(model, x, doutputs):
    """True if the gradients of masked weights are zero and other values there change no bit of
    anything."""
    before = gradients(model, x, doutputs)
    still = all(not np.any(getattr(before[2][name], field)[dead]) for (name, field),
                dead in dead_weights(model).items())
    rng = np.random.default_rng(5)
    for (name, field), dead in dead_weights(model).items():
        getattr(model.params[name], field)[dead] = 100 * rng.standard_normal(dead.sum())
    after = gradients(model, x, doutputs)
    return still and same_bits(before[0], after[0]) and same_bits(before[1], after[1]) and all(
        same_bits(a, b) for name in before[2] for a, b in zip(before[2][name], after[2][name]))


@pytest.mark.parametrize("name, image_shape, levels, config",
                         [case for case in CASES
                          if case[0] not in ("fvbn", "raster_lstm", "gated_pixelcnn")])
def test_masked_weights_have_gradient_zero_and_change_nothing(name, image_shape, levels, config):
    model, x, doutputs = problem(name, image_shape, levels, config)
    assert any(dead.any() for dead in dead_weights(model).values())
    assert masked_weights_stand_still(model, x, doutputs)


@pytest.mark.parametrize("levels", [2, 4])
@pytest.mark.parametrize("name", NAMES)
def test_a_forward_pass_without_caches_gives_the_same_bits(name, levels):
    model, x, _ = problem(name, (3, 4, 3), levels, {})
    outputs, _ = model.module.forward(model.params, x, model.config)
    lean, caches = model.module.forward(model.params, x, model.config, keep=False)
    assert same_bits(outputs, lean) and not caches


@pytest.mark.parametrize("levels", [2, 4])
@pytest.mark.parametrize("name", NAMES)
def test_backward_can_be_called_twice(name, levels):
    """It leaves its cotangent and the caches as they were."""
    model, x, doutputs = problem(name, (3, 4, 3), levels, {})
    kept = doutputs.copy()
    _, caches = model.module.forward(model.params, x, model.config)
    first, second = model.module.backward(doutputs, caches), model.module.backward(doutputs, caches)
    assert same_bits(first[0], second[0]) and same_bits(doutputs, kept)
    assert all(same_bits(a, b) for name in first[2] for a,
               b in zip(first[2][name], second[2][name]))


# planted faults: both checks must see each


CHECKS = [pytest.param(lambda *p: against_torch(*p) > 1e-10, id="autograd"),
          pytest.param(lambda *p: against_differences(*p) > 1e-7, id="differences")]
both = pytest.mark.parametrize("catches", CHECKS)
PLANTED = ("pixelcnn", (4, 5, 3), 4, {})


@both
def test_a_gradient_that_goes_around_a_block_only_is_caught(monkeypatch, catches):
    """dh = dh for dh = dh + block: the sum of two gradients is dropped in front of the first
    block."""
    original = pixelcnn.backward

    def backward(doutputs, caches):
        def around(dy, cache, /):
            dx, *dw = relu_conv2d.backward(dy, cache)
            return (np.zeros_like(dx) if cache is caches["reduce0"] else dx), *dw

        plant(monkeypatch, relu_conv2d, backward=around)
        return original(doutputs, caches)

    monkeypatch.setattr(pixelcnn, "backward", backward)
    assert catches(*problem(*PLANTED))


@both
def test_a_relu_without_its_slope_is_caught(monkeypatch, catches):
    plant(monkeypatch, relu, backward=lambda dy, cache, /: (dy,))
    assert catches(*problem(*PLANTED))


@both
@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_dropped_entry_of_any_gradient_of_a_convolution_is_caught(monkeypatch, catches, which):
    """dx, dw and db in turn: the last entry along the first axis is set to zero."""
    def backward(dy, cache, /):
        result = conv2d.backward(dy, cache)
        result[which][-1] = 0
        return result

    plant(monkeypatch, conv2d, backward=backward)
    assert catches(*problem(*PLANTED))


@both
def test_a_dropped_pair_of_units_is_caught(monkeypatch, catches):
    original = fully_visible.backward

    def backward(dy, cache, /):
        dx, dw, db = original(dy, cache)
        dw[3] = 0
        return dx, dw, db

    monkeypatch.setattr(fully_visible, "backward", backward)
    assert catches(*problem("fvbn", (3, 4, 1), 2, {}))


@pytest.mark.parametrize("levels, loss", [(2, bernoulli), (4, categorical)])
def test_a_wrong_gradient_of_the_loss_is_caught(monkeypatch, levels, loss):
    original = loss.backward
    monkeypatch.setattr(loss, "backward",
                        lambda dlog_prob, cache, /: (original(dlog_prob, cache)[0] * (1 + 1e-4),))
    for test in (test_loss_and_gradients_equal_autograd,
                 test_gradients_of_the_loss_equal_differences):
        with pytest.raises(AssertionError):
            test("pixelcnn", (3, 4, 1), levels, {})


def test_a_weight_gradient_that_is_not_masked_is_caught(monkeypatch):
    def backward(dy, cache, /):
        dx, dw, db = conv2d.backward(dy, cache)
        return dx, np.where(dw == 0, 1e-3, dw), db

    plant(monkeypatch, conv2d, backward=backward)
    model, x, doutputs = problem(*PLANTED)
    assert not masked_weights_stand_still(model, x,
                                          doutputs) and against_torch(model, x, doutputs) > 1e-10


def test_a_weight_that_reaches_through_its_mask_is_caught(monkeypatch):
    plant(monkeypatch, masks,
          mask_b=lambda K, inputs, outputs: masks.mask_b(K, inputs * 0, outputs * 0))
    model, x, doutputs = problem(*PLANTED)
    assert not masked_weights_stand_still(model, x,
                                          doutputs) and against_torch(model, x, doutputs) > 1e-10


def test_mask_a_behind_a_residual_stream_is_caught_by_autograd_alone(monkeypatch):
    """What it sees is the same as ever; the numbers are not."""
    plant(monkeypatch, masks,
          mask_b=lambda K, inputs, outputs: (masks.mask_a if K > 1
                                             else masks.mask_b)(K, inputs, outputs))
    assert against_differences(*problem(*PLANTED)) <= 1e-7
    assert against_torch(*problem(*PLANTED)) > 1e-10


def test_a_missing_relu_is_caught_by_autograd_alone(monkeypatch):
    """Forward and backward agree with each other, and not with the paper."""
    plant(monkeypatch, relu, forward=lambda x, /: (x, np.ones_like(x)), backward=relu.backward)
    assert against_differences(*problem(*PLANTED)) <= 1e-7
    assert against_torch(*problem(*PLANTED)) > 1e-10
