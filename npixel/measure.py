"""What is true of a model is found out here by trying: on small images, by definition.

    normalisation_error    do the probabilities of all images sum to one?
    gradient_error         is the gradient the slope of the loss?
    dependencies           which predictions change when a sub-pixel changes?
    visible                which of them may change, by theory?
    naive_passes           how many forward passes does naive generation make?
    predicted_gap          what must a blind corner cost?

`small` makes a model to try it on. `npixel doctor`, the demo and the tests all ask here.

Read first: registry.py, sampling.py.  Read next: doctor.py, demo/__init__.py.
"""

import dataclasses
import math

import numpy as np

from . import sampling
from .registry import MODELS, build

# fields of a small model, where its Config has them
SMALL = {"hidden": 6, "layers": 2, "first_kernel": 3, "head": 6}
SHAPES = ((3, 3, 1), (4, 4, 1))                        # 512 or 65,536 images of two levels


# models to try


def small(name, rng, *, levels=2, shapes=SHAPES, dtype="float64", alive=False, scale=1.0, **config):
    """A small model with random weights, of the first image shape that it accepts.

    rng      a numpy.random.Generator
    shapes   image shapes to try, in this order
    config   fields of its Config, in place of SMALL or beside it

    The other arguments are those of `randomise` and `npixel.build`.
    """
    fields = {field.name for field in dataclasses.fields(MODELS[name].Config)}
    config = {field: value for field, value in SMALL.items() if field in fields} | config
    for shape in shapes:
        try:
            model = build(name, image_shape=shape, levels=levels, dtype=dtype, **config)
            break
        except ValueError:
            if shape == shapes[-1]:
                raise
    return randomise(model, rng, alive=alive, scale=scale)


def randomise(model, rng, *, alive=False, scale=1.0):
    """Draw every number in every weight anew, in place, those behind a mask too. Returns the model.

    Initial weights would not do, since some of them are zero.

    alive   all numbers positive: then no relu is dead, and no two ways through the network cancel
    scale   of the numbers, beside 1 / sqrt(inputs of the layer)
    """
    for weights in model.params.values():
        for array in weights:
            fan_in = array.size / array.shape[-1] if array.ndim > 1 else 4
            values = rng.standard_normal(array.shape) * scale / math.sqrt(fan_in)
            array[...] = np.abs(values) + 0.01 if alive else values
    return model


def in_float64(model):
    """The same model with its weights in float64, a copy."""
    return model.with_params({name: type(weights)(*(array.astype(np.float64) for array in weights))
                              for name, weights in model.params.items()})


# probabilities and gradients


def every_image(image_shape, levels):
    """(levels^(H W C), H, W, C): all images there are, in the order of counting.

    >>> every_image((1, 2, 1), 2)[..., 0].tolist()
    [[[0, 0]], [[0, 1]], [[1, 0]], [[1, 1]]]
    """
    places = math.prod(image_shape)
    digits = np.arange(levels**places)[:, None] // levels ** np.arange(places)[::-1] % levels
    return digits.reshape(-1, *image_shape)


def normalisation_error(model):
    """|sum over all images of p(image) - 1|, by enumeration."""
    log_prob = model.log_prob(every_image(model.image_shape, model.levels))
    return abs(float(np.exp(log_prob).sum()) - 1)


def gradient_error(model, images, rng, *, step=1e-6):
    """How far the gradient along a random direction d is from a central difference, relative.

        slope = < gradient, d >,   difference = (f(p + step d) - f(p - step d)) / (2 step)

    returns   |slope - difference| over the larger of the two. Weights stay as they were
    """
    before = {name: [array.copy() for array in weights] for name, weights in model.params.items()}
    direction = {name: [rng.standard_normal(array.shape) for array in weights]
                 for name, weights in before.items()}
    _, grads = model.loss_and_grads(images)
    slope = sum(float((g * d).sum())
                for name in grads for g, d in zip(grads[name], direction[name]))

    def loss(t):
        for name, weights in model.params.items():
            for array, start, d in zip(weights, before[name], direction[name]):
                array[...] = start + t * d
        return model.loss_and_grads(images)[0]

    difference = (loss(step) - loss(-step)) / (2 * step)
    loss(0)
    return abs(slope - difference) / max(abs(slope), abs(difference), 1e-300)


# what depends on what: (I, I) bool for I = H W C sub-pixels, [output, input]


def dependencies(models, *, draws=2, seed=0):
    """(I, I) bool: what was seen to depend on what.

    Entry [o, i] is True if changing sub-pixel i of some image changed any bit of the prediction of
    sub-pixel o.

    models   one architecture with several weights; a dependency counts if any of them shows it.
             Dead relus hide dependencies, and so do saturated gates. So pass weights of both signs,
             and positive ones
    draws    random images to change, for each of the models

    Every sub-pixel is changed in an image of its own. The images before and after stand at the same
    places of two batches. There a matrix product rounds both in one way, so what does not depend on
    the change keeps its bits.
    """
    rng = np.random.default_rng(seed)
    places = math.prod(models[0].image_shape)
    own = np.arange(places)
    seen = np.zeros((places, places), bool)
    for model in models:
        for _ in range(draws):
            image = rng.integers(0, model.levels, (1, *model.image_shape))
            before = np.repeat(image, places, axis=0)
            after = before.copy()
            flat = after.reshape(places, places)
            flat[own, own] = (flat[own, own] + rng.integers(1, model.levels, places)) % model.levels
            changed = model.log_conditionals(before) != model.log_conditionals(after)
            # [image i, output o] -> [o, i]
            seen |= changed.reshape(places, places, -1).any(axis=2).T
    return seen


def visible(model):
    """(I, I) bool: what may depend on what by theory, from Model.visible_past of each sub-pixel."""
    return np.array([model.visible_past(at).reshape(-1) for at in np.ndindex(model.image_shape)])


def past(model, at):
    """(H, W, C) bool: what is generated before `at`, in the model's own order."""
    before = np.zeros(model.image_shape, bool)
    for place in map(tuple, model.order.tolist()):
        if place == tuple(at):
            return before
        before[place] = True


def past_pairs(model):
    """I (I - 1) / 2: pairs of a sub-pixel and one before it."""
    places = math.prod(model.image_shape)
    return places * (places - 1) // 2


# generation


def naive_passes(model, *, seed=0):
    """Draw one image by whole forward passes, and once more cached.

    returns   how many forward passes the naive way made, and whether both images are the same
    """
    uniforms = np.random.default_rng(seed).random((1, *model.image_shape))
    x, passes = np.zeros(uniforms.shape, np.int64), 0
    for where, outputs in sampling.walk(model, x, naive=True):
        x[where] = model.draw(outputs, uniforms[where])
        passes += 1
    return passes, bool(np.array_equal(x, model.sample(1, uniforms=uniforms)))


def predicted_gap(model, source):
    """What a model must lose on blind_corner, nats per image.

    It loses where it cannot see the pixel that is copied.

    Each row r >= 1 whose first pixel cannot see x[r-1, W-1] costs log 2 - h(eps); see
    data/known_entropy/blind_corner.py.
    """
    blind = sum(not model.visible_past((r, 0, 0))[r - 1, source.W - 1, 0]
                for r in range(1, source.H))
    return blind * source.blind_gap / (source.H - 1) if source.H > 1 else 0.0
