"""The harness itself: for every promise a layer that breaks it, and the promise must notice.

Each fault is a real layer with one function replaced. A promise that accepts its fault proves
nothing about the layers that pass it.
"""

from types import SimpleNamespace

import numpy as np
import pytest

import properties
import test_kernels
import test_layers
from cases import one_hot
from npixel import masks
from npixel.runtime import kernels
from npixel.layers import conv2d, relu
from npixel.losses import categorical
from properties import Case

RNG = np.random.default_rng(0)
TAPS = masks.mask_b(3, np.zeros(2, int), np.zeros(3, int))


def convolution(taps=TAPS):
    """A 3 x 3 mask-B convolution of two images, with what theory says of it."""
    def past(where):
        r, c, d = where
        seen = np.zeros((4, 5, 2), bool)
        for (dr, dc), m in zip(*TAPS):
            if 0 <= r + dr < 4 and 0 <= c + dc < 5:
                seen[r + dr, c + dc] |= m[:, d]
        return seen

    x, w, b = RNG.standard_normal((2, 4, 5, 2)), RNG.standard_normal((9, 2,
                                                                      3)), RNG.standard_normal(3)
    return Case((x, w, b), {"taps": taps}, past=past, steps=True)


def like(layer, **changes):
    """The layer with some functions replaced."""
    return SimpleNamespace(**{name: getattr(layer, name)
                              for name in ("forward", "backward", "start", "step", "reach")
                              if hasattr(layer, name)} | changes)


def backward_in_float64(dy, cache, /):
    return (relu.backward(dy, cache)[0].astype(np.float64),)


def reach_everything(seen, /, shape, **configuration):
    return np.ones((*shape, 2), bool)


def often(promise, layer, case):
    """Call a promise that draws at random often enough to be sure."""
    for seed in range(20):
        promise(layer, case, np.random.default_rng(seed))


# faults, each a function that makes the faulty layer

def scaled_gradient(dy, cache, /):
    dx, dw, db = conv2d.backward(dy, cache)
    return dx, 1.001 * dw, db


def unmasked_gradient(dy, cache, /):
    """dw without its mask: what weight decay, clipping and Adam's moments would then see."""
    dx, dw, db = conv2d.backward(dy, cache)
    return dx, dw + (dw == 0), db


def zero_gradient(dy, cache, /):
    """What all-ones cotangents would let through for a softmax over its levels."""
    dlogits, = categorical.backward(dy, cache)
    return (np.zeros_like(dlogits),)


def one_gradient_too_few(dy, cache, /):
    return conv2d.backward(dy, cache)[:2]


def overwriting_relu(x, /):
    y = np.maximum(x, 0, out=x)
    return y, y


def backward_that_spoils_its_cache(dy, cache, /):
    dx, = relu.backward(dy, cache)
    cache[...] = 0
    return (dx,)


def backward_that_spoils_dy(dy, cache, /):
    dy *= cache > 0
    return (dy.copy(),)


def float64_everywhere(x, w, b, /, **configuration):
    y, cache = conv2d.forward(x, w, b, **configuration)
    return y.astype(np.float64), cache


def square(dy, cache, /):
    return (dy * dy * (cache > 0),)


def minus_the_batch_mean(x, w, b, /, **configuration):
    y, cache = conv2d.forward(x, w, b, **configuration)
    return y - y.mean(axis=0), cache


def minus_the_image_mean(x, w, b, /, **configuration):
    """Normalisation over space: every pixel sees every pixel."""
    y, cache = conv2d.forward(x, w, b, **configuration)
    return y - y.mean(axis=(1, 2), keepdims=True), cache


def circular(x, w, b, /, *, taps):
    """Wraps around the border in place of zero padding."""
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="wrap")
    y, cache = conv2d.forward(padded, w, b, taps=taps)
    return y[:, 1:-1, 1:-1], conv2d.forward(x, w, b, taps=taps)[1]


def with_other_taps(taps):
    """A convolution that silently uses another list."""
    return like(conv2d,
                forward=lambda x, w, b, /, **configuration: conv2d.forward(x, w, b, taps=taps),
                reach=lambda seen, /, shape, **configuration: conv2d.reach(seen, shape=shape,
                                                                           taps=taps))


def step_one_row_late(x_t, state, /, *, at):
    conv2d.write(x_t, state, at=at)
    return conv2d.read(state, at=(max(0, at[0] - 1), at[1]))


def step_that_adds_up(x_t, state, /, *, at):
    """Not idempotent: told twice, it remembers the sum."""
    row, columns = at
    top, left = state.corner
    state.image[:, top + row, left + columns.start:left + columns.stop] += x_t
    return conv2d.read(state, at=at)


def step_that_forgets_empty_and_wide_strips(x_t, state, /, *, at):
    """Right pixel by pixel, wrong for strips: only the last pixel of a strip is remembered."""
    row, columns = at
    if columns.stop > columns.start:
        conv2d.write(x_t[:, -1:], state, at=(row, slice(columns.stop - 1, columns.stop)))
    return conv2d.read(state, at=at)


alive = Case((1 + RNG.random((2, 3, 3, 1)),), past=lambda where: one_hot((3, 3, 1), where))
mixed = Case((RNG.standard_normal((2, 3, 3, 1)),))
softmax = Case((RNG.standard_normal((2, 2, 2, 1, 4)),),
               {"targets": RNG.integers(0, 4, (2, 2, 2, 1))})


FAULTS = [
    (properties.gradient, like(conv2d, backward=scaled_gradient), convolution()),
    (properties.gradient, like(conv2d, backward=unmasked_gradient), convolution()),
    (properties.gradient, like(conv2d, backward=one_gradient_too_few), convolution()),
    (properties.gradient, like(categorical, backward=zero_gradient), softmax),
    (properties.nothing_is_mutated, like(relu, forward=overwriting_relu), mixed),
    (properties.nothing_is_mutated,
     like(relu, forward=lambda x, /: (np.maximum(x, 0), np.maximum(x, 0)),
          backward=backward_that_spoils_its_cache), mixed),
    (properties.nothing_is_mutated, like(relu, backward=backward_that_spoils_dy), mixed),
    (properties.dtype_is_kept, like(conv2d, forward=float64_everywhere), convolution()),
    (properties.dtype_is_kept, like(relu, backward=backward_in_float64), mixed),
    (properties.backward_is_linear, like(relu, backward=square), mixed),
    (properties.batch_members_are_independent, like(conv2d, forward=minus_the_batch_mean),
     convolution()),
    (properties.past_is_exact, like(conv2d, forward=minus_the_image_mean), convolution()),
    (properties.past_is_exact, like(conv2d, forward=circular), convolution()),
    (properties.past_is_exact,
     with_other_taps(masks.Taps(masks.square(3), np.ones((9, 2, 3), bool))), convolution()),
    (properties.past_is_exact, with_other_taps(masks.mask_a(3, np.zeros(2, int), np.zeros(3, int))),
     convolution()),
    (properties.past_is_exact, like(conv2d, reach=reach_everything), convolution()),
    (properties.step_is_forward, like(conv2d, step=step_one_row_late), convolution()),
    (properties.step_is_forward, like(conv2d, step=step_that_adds_up), convolution()),
    (properties.step_is_forward, like(conv2d, step=step_that_forgets_empty_and_wide_strips),
     convolution()),
]


@pytest.mark.parametrize("promise, layer, case", FAULTS,
                         ids=[f"{promise.__name__}-{i}"
                              for i, (promise, _, _) in enumerate(FAULTS)])
def test_a_planted_fault_is_caught(promise, layer, case):
    with pytest.raises(AssertionError):
        often(promise, layer, case)


@pytest.mark.parametrize("layer, case", [(conv2d, convolution()), (relu, alive),
                                         (categorical, softmax)],
                                         ids=["conv2d", "relu", "categorical"])
def test_the_layers_without_the_faults_keep_every_promise(layer, case):
    for promise in (properties.gradient, properties.nothing_is_mutated,
                    properties.backward_is_linear, properties.batch_members_are_independent):
        often(promise, layer, case)
    if case.past:
        often(properties.past_is_exact, layer, case)
    if case.steps:
        often(properties.step_is_forward, layer, case)


def test_every_promise_has_a_planted_fault():
    promises = {name for name, value in vars(properties).items()
                if callable(value) and getattr(value, "__module__", "") == "properties"}
    assert promises - {"Case", "noise", "dataclass",
                       "field"} == {promise.__name__ for promise, _, _ in FAULTS}


def test_a_kernel_that_differs_in_one_place_or_one_bit_is_caught():
    def definition(x, y):
        y[...] = 2 * x

    def misses_the_last(x, y):
        y[:-1] = 2 * x[:-1]

    def one_bit(x, y):
        y[...] = np.nextafter(2 * x, np.inf)

    x = np.arange(1, 5) / 8
    for loops in (misses_the_last, one_bit):
        with pytest.raises(AssertionError):
            test_kernels.assert_equal(kernels.Pair("planted", definition, loops), (x, np.zeros(4)))
    test_kernels.assert_equal(kernels.Pair("right", definition, definition), (x, np.zeros(4)))


def test_a_layer_without_a_case_fails_the_run(monkeypatch):
    monkeypatch.setitem(test_layers.LAYERS, "npixel.layers.forgotten", SimpleNamespace())
    with pytest.raises(AssertionError):
        test_layers.test_every_layer_has_a_case_and_every_case_a_layer()


def test_a_kernel_without_a_case_fails_the_run(monkeypatch):
    monkeypatch.setitem(test_kernels.PAIRS, "npixel.forgotten", None)
    with pytest.raises(AssertionError):
        test_kernels.test_every_kernel_has_a_case_and_every_case_a_kernel()


def test_a_parameter_that_a_definition_does_not_read_is_seen():
    def definition(x, lane, y):
        """lane is written down, and written to, but never read."""
        lane = 0
        y[...] = 2 * x

    def nested(x, y):
        y[...] = [x[i] for i in range(len(y))]

    assert test_kernels.unread(definition) == {"lane"}
    assert not test_kernels.unread(nested)
