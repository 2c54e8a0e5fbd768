"""Patches cut from larger pictures: what a density is trained on.

    batch(step) = patches at uniform places of uniform pictures, each mirrored or not, (v + u) / L

Every step has patches of its own, and they grow as the run goes on. Theis and Bethge 2015 and their
program train one epoch each on patches of 8, 10, ..., 22 pixels. Here the run is divided into as
many equal parts. All random numbers of a step are decided by the seed and the step.

Read first: training/batches.py, density.py.  Read next: training/run.py.
"""

import hashlib

import numpy as np

from .batches import Fixed

SIZES = (8, 10, 12, 14, 16, 18, 20, 22)
GOLDEN = 0.6180339887498949                            # its multiples modulo 1 are spread evenly
_TRAIN, _VALID, _REFINE = range(10, 13)                # streams of random numbers


class Patches:
    """Pictures as training.fit takes them: Batches of patches.

    pictures   (N, H, W, C) integers in [0, levels)
    levels     L
    sizes      of the patches, which are square, during the run. A size that does not fit into the
               pictures becomes as large as they are
    mirror     show half of the patches mirrored, left to right

    condition is always None: patches are for densities without one.
    """

    condition = None

    def __init__(self, pictures, levels, *, sizes=SIZES, mirror=True):
        self.pictures, self.levels, self.mirror = pictures, levels, mirror
        H, W = pictures.shape[1:3]
        self.sizes = tuple((min(size, H), min(size, W)) for size in sizes)

    def __len__(self):
        """How many patches of the smallest size there are side by side: an epoch."""
        (h, w), (_, H, W, _) = self.sizes[0], self.pictures.shape
        return len(self.pictures) * (H // h) * (W // w)

    def digest(self):
        about = (self.pictures.dtype.str, self.pictures.shape, self.levels, self.sizes, self.mirror)
        digest = hashlib.sha256(" ".join(map(str, about)).encode())
        digest.update(np.ascontiguousarray(self.pictures).view(np.uint8).data)
        return f"patches of {len(self.pictures)} pictures, sha256 {digest.hexdigest()}"

    def size_at(self, step, steps):
        """Height and width of the patches of a step."""
        return self.sizes[step * len(self.sizes) // steps]

    def batch(self, step, plan):
        rng = np.random.default_rng([plan.seed, _TRAIN, step])
        return Fixed(self._draw(plan.batch, self.size_at(step, plan.steps), rng))

    def trial(self, number, plan):
        # spread over the run, since a large patch takes longer than a small one
        return int(number * GOLDEN % 1 * plan.steps)

    def for_refining(self, step, plan):
        """Patches as large as those of the last step, with about plan.refine["pixels"] pixels."""
        h, w = self.size_at(step - 1, plan.steps)
        rng = np.random.default_rng([plan.seed, _REFINE, step])
        return self._draw(max(1, plan.refine["pixels"] // (h * w)), (h, w), rng)

    def choose(self, size, seed):
        """`size` patches of the largest size, a Fixed; always the same ones."""
        return Fixed(self._draw(size, self.sizes[-1], np.random.default_rng([seed, _VALID])))

    def _draw(self, n, size, rng):
        """n patches (n, h, w, C), dequantised."""
        _, H, W, _ = self.pictures.shape
        h, w = size
        which = rng.integers(0, len(self.pictures), n)
        row, column = rng.integers(0, H - h + 1, n), rng.integers(0, W - w + 1, n)
        mirrored = rng.random(n) < 0.5
        rows = row[:, None, None] + np.arange(h)[:, None]                  # (n, h, 1)
        columns = column[:, None, None] + np.arange(w)                     # (n, 1, w)
        patches = self.pictures[which[:, None, None], rows, columns]       # (n, h, w, C)
        if self.mirror:
            patches[mirrored] = patches[mirrored, :, ::-1]
        return (patches + rng.random(patches.shape)) / self.levels         # density.dequantise
