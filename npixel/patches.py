"""Patches cut from larger pictures: what a density is trained on. At every step others, and larger ones as the run goes on.

    batch(step) = patches at uniform places of uniform pictures, each mirrored or not, (v + u) / L

Theis and Bethge 2015 and their program: an epoch each at patches of 8, 10, ..., 22 pixels. Here the run is divided into as many equal parts. All random
numbers of a step are decided by the seed and the step, as training.py asks.

Read first: density.py.  Read next: training.py.
"""

import hashlib

import numpy as np

SIZES = (8, 10, 12, 14, 16, 18, 20, 22)
_TRAIN, _VALID, _REFINE = range(10, 13)                # streams of random numbers, apart from those of training.py


class Patches:
    """Pictures as training.fit takes them.

    pictures   (N, H, W, C) integers in [0, levels)
    sizes      of the patches, square, during the run; those that do not fit into the pictures become as large as these
    mirror     show half of the patches mirrored, left to right

    condition is always None: these are for densities without one.
    """

    condition = None

    def __init__(self, pictures, levels, *, sizes=SIZES, mirror=True):
        self.pictures, self.levels, self.mirror = pictures, levels, mirror
        self.sizes = tuple((min(size, pictures.shape[1]), min(size, pictures.shape[2])) for size in sizes)

    def __len__(self):
        """How many patches of the smallest size there are side by side: an epoch."""
        (h, w), (_, H, W, _) = self.sizes[0], self.pictures.shape
        return len(self.pictures) * (H // h) * (W // w)

    def digest(self):
        digest = hashlib.sha256(f"{self.pictures.dtype.str} {self.pictures.shape} {self.levels} {self.sizes} {self.mirror}".encode())
        digest.update(np.ascontiguousarray(self.pictures).view(np.uint8).data)
        return f"patches of {len(self.pictures)} pictures, sha256 {digest.hexdigest()}"

    def size_at(self, step, steps):
        """Height and width of the patches of a step."""
        return self.sizes[step * len(self.sizes) // steps]

    def batch(self, step, plan):
        """Patches and condition of a step."""
        return self._draw(plan.batch, self.size_at(step, plan.steps), np.random.default_rng([plan.seed, _TRAIN, step])), None

    def trial(self, number, plan):
        """A step whose batch is to be timed: spread over the run, since a large patch takes longer than a small one."""
        return int(number * 0.6180339887498949 % 1 * plan.steps)

    def for_refining(self, step, plan):
        """Patches with about plan.refine["pixels"] pixels, as large as those of the last step."""
        h, w = size = self.size_at(step - 1, plan.steps)
        return self._draw(max(1, plan.refine["pixels"] // (h * w)), size, np.random.default_rng([plan.seed, _REFINE, step]))

    def choose(self, size, seed):
        """`size` patches of the largest size, to validate on: always the same ones."""
        return Fixed(self._draw(size, self.sizes[-1], np.random.default_rng([seed, _VALID])))

    def _draw(self, n, size, rng):
        _, H, W, C = self.pictures.shape
        (h, w), which = size, rng.integers(0, len(self.pictures), n)
        row, column, mirrored = rng.integers(0, H - h + 1, n), rng.integers(0, W - w + 1, n), rng.random(n) < 0.5
        patches = self.pictures[which[:, None, None], row[:, None, None] + np.arange(h)[:, None], column[:, None, None] + np.arange(w)]
        if self.mirror:
            patches[mirrored] = patches[mirrored, :, ::-1]
        return (patches + rng.random(patches.shape)) / self.levels         # density.dequantise


class Fixed:
    """Patches drawn once."""

    condition = None

    def __init__(self, images):
        self.images = images

    def __len__(self):
        return len(self.images)
