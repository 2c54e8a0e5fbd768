"""Generation, one sub-pixel after the other, in the order in which the likelihood factorises.

    for where, outputs in walk(model, images):
        images[where] = draw(outputs, uniforms[where])

`walk` goes through the places of a batch in the order of generation and hands out the prediction of
each. The caller fills in what is there before it goes on. Sampling, completion and compression are
loops of a few lines around it. There are two ways to predict:

    naive    the definition: one whole forward pass per sub-pixel, H W C of them
    cached   the model's `step`. It computes the new column of every layer and remembers the rest:
             about one forward pass in all

Both give the same numbers up to rounding, hence from the same uniforms the same images.

Levels that are not known yet must be valid but do not matter: tests put noise there.

Read first: models/pixelcnn.py.  Read next: network.py, parameters.py.
"""

import math

import numpy as np

from .runtime import memory

CACHED_BYTES = 256 * 2**20                             # of the states of one chunk of images


def walk(model, images, *, naive=False, known=None, condition=None):
    """Yield (where, outputs) for every place of `images` in the order of generation.

    model      as `npixel.build` makes it
    images     (N, H, W, C) integers; the caller writes images[where] before it asks for more
    naive      True: a whole forward pass per sub-pixel
    known      bool (H, W) or None: pixels that the caller will not fill in, given in `images` from
               the start. They are not yielded. Unless `naive`, known neighbours in a row go
               through the model together
    yields     pairs of where, an index into images for one pixel and the channels drawn together,
               and outputs, the model's there, (N, channels[, L])

    Most models draw all pixels in one stage. Where there are several (model.stages), a pixel of an
    earlier stage is known in a later one, and one of a later stage does not exist yet.
    """
    H, W, C = images.shape[1:]
    draws, drawn = model.module.draws(C), np.zeros((H, W), bool)
    for stage, mine in enumerate(model.stages):
        given = drawn | (mine & known) if known is not None else drawn
        if naive:
            yield from _walk_naive(model, images, mine & ~given, draws, condition)
        else:
            state = model.start(images.shape, condition=condition, stage=stage, images=images)
            yield from _walk_cached(model, images, mine, given, draws, state)
        drawn = drawn | mine


def _walk_naive(model, images, wanted, draws, condition):
    """A whole forward pass at every place of `wanted`, (H, W) bool."""
    for row, column in np.argwhere(wanted).tolist():
        for channels in draws:
            outputs = model.forward(images, condition=condition)
            yield (slice(None), row, column, channels), outputs[:, row, column, channels]


def _walk_cached(model, images, mine, given, draws, state):
    """One step at every place of `mine`, and one for every run of `given` pixels in a row.

    What is seen goes into `state`: given pixels before their step, others when they were drawn.
    """
    H, W = mine.shape
    for row in range(H):
        column = 0
        while column < W:
            stop = column + 1
            if given[row, column]:
                while stop < W and given[row, stop]:
                    stop += 1
                at = (row, slice(column, stop))
                model.see(images[:, row, column:stop], state, at=at)
                model.step(state, at=at)
            elif mine[row, column]:
                at = (row, slice(column, stop))
                for channels in draws:
                    outputs = model.step(state, at=at)
                    yield (slice(None), row, column, channels), outputs[:, 0, channels]
                    model.see(images[:, row, column:stop], state, at=at)
            column = stop


def sample(model, uniforms, *, naive=False, condition=None, progress=None):
    """Images (N, H, W, C) from uniforms of the same shape.

    Each sub-pixel inverts the distribution function of its conditional at its own uniform.
    """
    nothing = np.zeros(uniforms.shape, bool)
    return complete(model, np.zeros(uniforms.shape, np.int64), nothing, uniforms, naive=naive,
                    condition=condition, progress=progress)


def complete(model, images, known, uniforms, *, naive=False, condition=None, progress=None):
    """Images with every sub-pixel that is not `known` drawn, in order, given everything before it.

    All arrays are (N, H, W, C). Unknown entries of `images` are never read. Images are drawn in
    chunks whose states fit in memory; chunks change nothing but rounding.

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
    """How many images (H, W, C) are drawn together: as many as fit into CACHED_BYTES, at least one.

    Each takes the memory of its state or, if `naive`, of its forward pass.
    """
    each = memory.forward_bytes(model) if naive else _bytes_per_image(model, shape, condition)
    return max(1, CACHED_BYTES // max(1, each))


def check_memory(n, shape):
    """ValueError with the estimate if n images (H, W, C) would not fit into memory when drawn.

    Each sub-pixel takes a uniform and a level.
    """
    memory.require(n * math.prod(shape) * 17, f"{n:,} images of {'x'.join(map(str, shape))}",
                   "draw fewer at a time")


def _cut(condition, part):
    return None if condition is None else condition[part]


def _bytes_per_image(model, shape, condition):
    """What each image adds to a state, in the stage that holds most.

    It is the state of two images less that of one, since a state also carries the weights.
    """
    def held(n, stage):
        some = np.zeros((n, *shape), np.int64)
        labels = None if condition is None else np.repeat(_cut(condition, slice(0, 1)), n, axis=0)
        return memory.nbytes(model.start(some.shape, condition=labels, stage=stage, images=some))
    return max(held(2, stage) - held(1, stage) for stage in range(len(model.stages)))
