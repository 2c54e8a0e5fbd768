"""Generation, one sub-pixel after the other, in the order in which the likelihood factorises.

    for where, outputs in walk(model, images):
        images[where] = draw(outputs, uniforms[where])

`walk` goes through the places of a batch in the order of generation and hands out the prediction of each; the caller fills in what is there
before it goes on. Sampling, completion and compression are loops of a few lines around it. Two ways to predict:

    naive    the definition: one whole forward pass per sub-pixel, H W C of them
    cached   the model's `step`, which computes the new column of every layer and remembers the rest: about one forward pass in all

Both give the same numbers up to rounding, hence from the same uniforms the same images.

Levels that are not known yet must be valid but do not matter: tests put noise there.
Read first: models/pixelcnn.py.
"""

import math

import numpy as np

from .runtime import memory
from .runtime.memory import nbytes as _nbytes

CACHED_BYTES = 256 * 2**20                             # what the states of one chunk of images may hold


def walk(model, images, *, naive=False, known=None, condition=None):
    """Yield (where, outputs) for every place of `images` in the order of generation.

    model      as `npixel.build` makes it
    images     (N, H, W, C) integers; the caller writes images[where] before it asks for the next place
    naive      True: a whole forward pass per sub-pixel
    known      bool (H, W) or None: pixels that the caller will not fill in, given in `images` from the start. They are not yielded; cached,
               neighbours in a row go through the model together
    yields     where, an index into images for one pixel and the channels drawn together; outputs, the model's there, (N, channels[, L])

    Most models draw all pixels in one stage. Where there are several (model.stages), a pixel of an earlier stage is known in a later one, and one of a later
    stage does not exist yet.
    """
    N, H, W, C = images.shape
    draws, drawn = model.module.draws(C), np.zeros((H, W), bool)
    for stage, mine in enumerate(model.stages):
        state = None if naive else model.start(images.shape, condition=condition, stage=stage, images=images)
        given = drawn | (mine & known) if known is not None else drawn
        for row in range(H):
            column = 0
            while column < W:
                stop = column + 1
                at = (row, slice(column, stop))
                if given[row, column]:
                    while stop < W and given[row, stop]:
                        stop += 1
                    at = (row, slice(column, stop))
                    if not naive:
                        model.see(images[:, row, column:stop], state, at=at)
                        model.step(state, at=at)
                elif mine[row, column]:
                    for channels in draws:
                        outputs = model.forward(images, condition=condition)[:, row, column:stop] if naive else model.step(state, at=at)
                        yield (slice(None), row, column, channels), outputs[:, 0, channels]
                        if not naive:
                            model.see(images[:, row, column:stop], state, at=at)
                column = stop
        drawn = drawn | mine


def sample(model, uniforms, *, naive=False, condition=None, progress=None):
    """Images (N, H, W, C) from uniforms of the same shape: each sub-pixel inverts its conditional's distribution function at its own uniform."""
    nothing = np.zeros(uniforms.shape, bool)
    return complete(model, np.zeros(uniforms.shape, np.int64), nothing, uniforms, naive=naive,
                    condition=condition, progress=progress)


def complete(model, images, known, uniforms, *, naive=False, condition=None, progress=None):
    """Images with every sub-pixel that is not `known` drawn, in order, given everything before it.   All arrays (N, H, W, C).

    Unknown entries of `images` are never read. Chunked so that the states fit in memory; chunks change nothing but rounding.

    progress   called as progress(done, total) after every place, or None; `total` is of all chunks
    """
    result = np.where(known, images, 0)
    chunk = images_per_chunk(model, images.shape[1:], naive=naive, condition=condition)
    parts = [slice(first, first + chunk) for first in range(0, len(images), chunk)]
    given = [known[part].all(axis=(0, 3)) for part in parts]
    draws = len(model.module.draws(images.shape[3]))   # of each pixel
    done, total = 0, draws * sum(int((~pixels).sum()) for pixels in given)
    for part, pixels in zip(parts, given):
        x, u, fixed = result[part], uniforms[part], known[part]
        places = walk(model, x, naive=naive, known=pixels, condition=_cut(condition, part))
        for where, outputs in places:
            x[where] = np.where(fixed[where], x[where], model.draw(outputs, u[where]))
            done += 1
            if progress is not None:
                progress(done, total)
    return result


def images_per_chunk(model, shape, *, naive=False, condition=None):
    """How many images (H, W, C) are drawn together: as many as their states, or naive their forward
    pass, fit into CACHED_BYTES; one at least.
    """
    each = memory.forward_bytes(model) if naive else _bytes_per_image(model, shape, condition)
    return max(1, CACHED_BYTES // max(1, each))


def check_memory(n, shape):
    """ValueError with the estimate if n images (H, W, C) that are drawn at once would not fit into
    memory: a uniform and a level each.
    """
    memory.require(n * math.prod(shape) * 17, f"{n:,} images of {'x'.join(map(str, shape))}",
                   "draw fewer at a time")


def _cut(condition, part):
    return None if condition is None else condition[part]


def _bytes_per_image(model, shape, condition):
    """What each image adds to a state, in the stage that holds most: two images' less one's, since a state also carries the weights."""
    def held(n, stage):
        some = np.zeros((n, *shape), np.int64)
        labels = None if condition is None else np.repeat(_cut(condition, slice(0, 1)), n, axis=0)
        return _nbytes(model.start(some.shape, condition=labels, stage=stage, images=some))
    return max(held(2, stage) - held(1, stage) for stage in range(len(model.stages)))
