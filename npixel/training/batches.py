"""Where batches come from: what a run asks of its images, and images that lie in one array.

The images are put in random order, again for every epoch, and the epochs are laid end to end. Batch
s is the stretch from s B to (s + 1) B, where B is the size of a batch:

    >>> images = np.arange(5)
    >>> laid = np.concatenate([images[permutation(seed=0, epoch=epoch, size=5)]
    ...                        for epoch in range(2)])
    >>> [rows_of(step, batch=4, seed=0, size=5).tolist() for step in range(2)] == [
    ...     laid[:4].tolist(), laid[4:8].tolist()]
    True

Every image is seen once per epoch, and a batch may lie across two epochs.

Read first: training/streams.py.  Read next: training/patches.py, training/step.py.
"""

import hashlib
from functools import lru_cache
from typing import NamedTuple, Protocol

import numpy as np

from . import streams


class Fixed(NamedTuple):
    """Images that stay the same, with their conditions: what a run is validated on."""
    images: np.ndarray                                 # (N, H, W, C)
    condition: np.ndarray | None = None                # (N, ...), or None for models without one

    def first(self, n):
        """The first n of them, or all if there are fewer."""
        return Fixed(self.images[:n], None if self.condition is None else self.condition[:n])


class Batches(Protocol):
    """What a run asks of the images that it is trained on.

    Whatever is asked twice with the same arguments has the same answer: a run that goes on after a
    stop asks again.
    """

    def __len__(self):
        """Images in an epoch."""

    def digest(self):
        """Words that tell these images from all others: their number and SHA-256."""

    def batch(self, step, plan):
        """(images, condition) of a step: plan.batch images; None for models without condition."""

    def trial(self, number, plan):
        """The step whose batch is timed as trial `number`, where the rate is measured."""

    def choose(self, size, seed):
        """`size` images to validate on, a Fixed."""

    # where a model has `refine`, also for_refining(step, plan): the images that it is refined on


class Images:
    """Images in one array, with their conditions: Batches. They are checked as a whole.

    name        what they are called in errors
    model       says which images and conditions it takes
    images      (N, *image_shape) integers or bools in [0, levels)
    condition   (N, ...), or None

    ValueError, with the name, for images or conditions that the model does not take.
    """

    def __init__(self, name, model, images, condition, condition_name):
        try:
            self.images = model.check_images(images)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
        self.condition = None if condition is None else np.asarray(condition)
        if condition is not None and self.condition.shape[:1] != (len(self),):
            raise ValueError(f"{condition_name} must have {len(self)} rows, one for each of "
                             f"{name}, has shape {self.condition.shape}")
        # the model itself says what else is wrong with a condition, or with its weights
        one = self.rows(slice(1))
        model.log_prob(one.images, condition=one.condition)

    def __len__(self):
        return len(self.images)

    def rows(self, rows):
        """The images and conditions of these rows, a Fixed."""
        return Fixed(self.images[rows], None if self.condition is None else self.condition[rows])

    def digest(self):
        digest = hashlib.sha256()
        for array in (self.images, self.condition):
            if array is not None:
                digest.update(f"{array.dtype.str} {array.shape}".encode())
                digest.update(np.ascontiguousarray(array).view(np.uint8).data)
        return f"{len(self)} images, sha256 {digest.hexdigest()}"

    def batch(self, step, plan):
        return self.rows(rows_of(step, batch=plan.batch, seed=plan.seed, size=len(self)))

    def trial(self, number, plan):
        return number                                  # one batch takes as long as another

    def choose(self, size, seed):
        # at random: a file may be sorted by class, so its first rows would not do
        order = streams.generator(seed, streams.VALIDATION, 0).permutation(len(self))
        return self.rows(np.sort(order[:size]))


def rows_of(step, *, batch, seed, size):
    """The rows of a step's batch among `size` images: see the header."""
    epochs, places = np.divmod(np.arange(step * batch, (step + 1) * batch), size)
    return np.concatenate([permutation(seed, int(epoch), size)[places[epochs == epoch]]
                           for epoch in np.unique(epochs)])


@lru_cache(maxsize=2)                                  # a batch may lie in two epochs
def permutation(seed, epoch, size):
    """The order of `size` images in an epoch."""
    return streams.generator(seed, streams.ORDER, epoch).permutation(size)
