"""The models under test: small configurations of every one, and what is done to them.

A new model adds rows to SMALL, a rule to closed_forms.py and an oracle to oracles/torch_models.py;
all test_models_*.py read these. What users may want, too, stands in npixel/measure.py.
"""

import math
import sys
import types
from typing import NamedTuple

import numpy as np

from npixel import measure
from npixel.layers import conv2d, relu, relu_conv2d
from npixel.measure import dependencies as measured, every_image  # noqa: F401  for the tests
from npixel.measure import randomise, visible as structural  # noqa: F401


class Small(NamedTuple):
    """Fields of a model's configuration with which it is small, but has every kind of layer it
    can have."""
    name: str
    config: dict
    levels: tuple = (2, 4)                             # numbers of levels it can do


# no width is divisible by 3; random weights do not saturate at scale 2
SMALL = [
    Small("fvbn", {}),
    Small("raster_lstm", {"hidden": 7, "layers": 2}),
    # more relus are soon all dead behind a tanh
    Small("spatial_lstm",
          {"hidden": 5, "layers": 2, "first_kernel": 3, "extended": True, "head_layers": 0}),
    Small("pixelcnn", {"hidden": 4, "layers": 2, "first_kernel": 3, "head": 5, "head_layers": 2}),
    Small("row_lstm", {"hidden": 4, "layers": 2, "first_kernel": 3, "kernel": 5, "head": 4,
                       "head_layers": 1, "skip": True}),
    Small("diagonal_lstm", {"hidden": 5, "layers": 2, "first_kernel": 3, "head": 5,
                            "head_layers": 1, "padding": "evolve"}),
    Small("diagonal_bilstm",
          {"hidden": 5, "layers": 2, "first_kernel": 3, "head": 5, "head_layers": 1, "skip": True}),
    Small("pixelcnn_pp", {"hidden": 4, "layers": 1, "mixtures": 2}),
    Small("gated_pixelcnn", {"hidden": 5, "layers": 2, "first_kernel": 3, "kernel": 3, "head": 5,
                             "head_layers": 1, "skip": True}),
]
NAMES = [row.name for row in SMALL]
# models that do not take images of every size
ELSEWHERE = {"multiscale_pixelrnn": "test_multiscale.py"}


def small(name, image_shape, levels=2, *, seed=0, dtype="float64", alive=False, scale=1.0,
          **changes):
    """A small model of SMALL with random weights, drawn by `randomise`."""
    config = next(row.config for row in SMALL if row.name == name)
    return measure.small(name, np.random.default_rng(seed), shapes=[image_shape], levels=levels,
                         dtype=dtype, alive=alive, scale=scale, **(config | changes))


def images(rng, n, model):
    """n images of independent uniform levels."""
    return rng.integers(0, model.levels, (n, *model.image_shape))


def plant(monkeypatch, module, **changes):
    """A fault: whatever npixel.models took from `module` by its name is a copy with `changes`.

    module   masks, conv2d, relu, ...

    A fault of relu or of conv2d is one of relu_conv2d as well: this becomes the one after the
    other, as its definition is.
    """
    copies = {id(module): types.SimpleNamespace(**(vars(module) | changes))}
    if module in (relu, conv2d):
        copies[id(relu_conv2d)] = _one_after_the_other(*(copies.get(id(part), part)
                                                         for part in (relu, conv2d)))
    for name, model in list(sys.modules.items()):
        if name.startswith("npixel.models."):
            for attribute, value in list(vars(model).items()):
                if id(value) in copies:
                    monkeypatch.setattr(model, attribute, copies[id(value)])


def _one_after_the_other(relu, conv2d):
    """relu_conv2d by its definition."""
    def forward(x, w, b, /, *, taps):
        rectified, cache = relu.forward(x)
        y, cache_conv = conv2d.forward(rectified, w, b, taps=taps)
        return y, (cache, cache_conv)

    def backward(dy, caches, /):
        dx, *dw = conv2d.backward(dy, caches[1])
        return *relu.backward(dx, caches[0]), *dw

    def step(x_t, state, /, *, at):
        return conv2d.step(relu.forward(x_t)[0], state, at=at)

    return types.SimpleNamespace(**(vars(relu_conv2d)
                                    | {"forward": forward, "backward": backward, "step": step}))


def same_bits(a, b):
    """True if two arrays are equal to the last bit."""
    return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()


# what depends on what


def several(name, image_shape, levels=2, **changes):
    """One architecture with four weights, for `measured`: two all positive, two of both signs."""
    return [small(name, image_shape, levels, seed=seed, alive=seed < 2, **changes)
            for seed in range(4)]


class Report(NamedTuple):
    """How a set of dependencies differs from what theory says."""
    # pairs in which a prediction sees itself or what comes later
    leaks: int
    # offsets (rows down, columns right) of the leaks' nearest pixels
    nearest: set
    missing: int                                       # pairs that theory has, and it has not
    # pairs of the past that theory has not, and it has
    extra: int
    # pairs of the past that it has not, whatever the theory
    unseen: int
    offsets: set                                       # of all leaks


def compare(seen, theory, image_shape):
    """A Report on `seen` against `theory`, both (S, S) bool."""
    H, W, C = image_shape
    outputs, inputs = np.indices(seen.shape)
    past = inputs < outputs
    leaks = seen & ~past
    o, i = np.nonzero(leaks)
    offsets = {(int(r), int(c))
               for r, c in zip(i // (W * C) - o // (W * C), i // C % W - o // C % W)}
    closest = min((abs(r) + abs(c) for r, c in offsets), default=0)
    nearest = {(r, c) for r, c in offsets if abs(r) + abs(c) == closest}
    return Report(int(leaks.sum()), nearest, int((theory & ~seen).sum()),
                  int((seen & past & ~theory).sum()), int((past & ~seen).sum()),
                  offsets)


def is_right(report):
    """True if nothing leaks, nothing is missing and nothing of the past is seen that theory
    denies."""
    return not (report.leaks or report.missing or report.extra)


def future_shuffle(model, *, seed=0):
    """Pairs (first place replaced, place whose prediction changed) after everything from that
    place on became noise; [] if none."""
    rng = np.random.default_rng(seed)
    places = math.prod(model.image_shape)
    before = np.repeat(images(rng, 1, model), places, axis=0)
    noise = images(rng, places, model)
    # image n: from place n on
    later = np.arange(places)[None] >= np.arange(places)[:, None]
    after = np.where(later.reshape(before.shape), noise, before)
    changed = model.log_conditionals(before) != model.log_conditionals(after)
    changed = changed.reshape(places, places, -1).any(axis=2)
    return [(int(n), int(o)) for n, o in zip(*np.nonzero(changed)) if o <= n]
