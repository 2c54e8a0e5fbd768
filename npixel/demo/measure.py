"""What the demo measures on a trained model: what it sees, how many forward passes
an image takes, and what a blind corner must cost.

Read first: sampling.py.  Read next: __init__.py.
"""

import math

import numpy as np

from .. import sampling
from ..registry import build


def dependencies(model, *, images=16, seed=0):
    """(S, S) bool, S = H W C: entry [o, i] is True if changing sub-pixel i of some image changed the prediction of o at all.

    A float64 copy of the model is asked for its log_conditionals of random images, and again with one sub-pixel changed in all of them. Each
    image keeps its place in the batch, so what does not depend on the change keeps its last bit.
    """
    model = _as_float64(model)
    rng = np.random.default_rng(seed)
    x = rng.integers(0, model.levels, (images, *model.image_shape))
    before = model.log_conditionals(x)                                     # (N, H, W, C, L)
    places = math.prod(model.image_shape)
    seen = np.zeros((places, places), bool)
    for i, place in enumerate(np.ndindex(*model.image_shape)):
        changed = x.copy()
        changed[:, *place] = (changed[:, *place] + rng.integers(1, model.levels, images)) % model.levels
        seen[:, i] = (model.log_conditionals(changed) != before).any(axis=(0, -1)).reshape(-1)
    return seen


def visible(model):
    """(S, S) bool: the same by theory, from Model.visible_past of every sub-pixel."""
    return np.array([model.visible_past(place).reshape(-1) for place in np.ndindex(*model.image_shape)])


def past(model, at):
    """(H, W, C) bool: what is generated before `at`, in the model's own order."""
    before = np.zeros(model.image_shape, bool)
    for place in map(tuple, model.order.tolist()):
        if place == tuple(at):
            return before
        before[place] = True


def past_pairs(model):
    """S (S - 1) / 2: pairs of a sub-pixel and one before it."""
    places = math.prod(model.image_shape)
    return places * (places - 1) // 2


def naive_passes(model, *, seed=0):
    """Draw one image by whole forward passes, and again cached: (passes of the naive way, the images are the same)."""
    uniforms = np.random.default_rng(seed).random((1, *model.image_shape))
    x, passes = np.zeros(uniforms.shape, np.int64), 0
    for where, outputs in sampling.walk(model, x, naive=True):
        x[where] = model.draw(outputs, uniforms[where])
        passes += 1
    return passes, bool(np.array_equal(x, model.sample(1, uniforms=uniforms)))


def predicted_gap(model, source):
    """What a model must lose on blind_corner because of the places from which it cannot see the copied pixel: nats per image.

    Each row r >= 1 whose first pixel cannot see x[r-1, W-1] costs log 2 - h(eps); see data/known_entropy/blind_corner.py.
    """
    blind = sum(not model.visible_past((r, 0, 0))[r - 1, source.W - 1, 0] for r in range(1, source.H))
    return blind * source.blind_gap / (source.H - 1) if source.H > 1 else 0.0


def _as_float64(model):
    about = model.describe()
    copy = build(about["name"], image_shape=about["image_shape"], levels=about["levels"], dtype="float64", **about["config"])
    for name, weights in copy.params.items():
        for new, old in zip(weights, model.params[name]):
            new[...] = old
    return copy
