"""A source of known entropy: binary images drawn pixel by pixel from conditionals that are given.

    p(x)    = prod over r, c in raster order of  p(x[r, c] | everything before it)
    entropy = E[-log p(x)]                             nats per image

A concrete source defines `conditional` (one pixel given its past) and `entropy` (computed exactly,
not estimated). Sampling and log p(x) then are the chain rule, the same few lines for every source.

The entropy is a floor: no model can have a smaller expected negative log-likelihood. On given
images a model is best compared with log_prob of the source on the *same* images. Then the noise of
the draw cancels in the difference.

Read first: nothing.
Read next: data/known_entropy/noisy_rule.py, data/known_entropy/blind_corner.py.
"""

from dataclasses import dataclass

import numpy as np

UNIFORMS = 2**24                                       # 128 MB of random numbers at a time


@dataclass(frozen=True)
class Source:
    """Images (H, W, 1) of two levels. ValueError if H or W is not a positive integer."""
    H: int
    W: int

    levels = 2                                         # of every source: not a field

    def __post_init__(self):
        for name in ("H", "W"):
            size = getattr(self, name)
            if isinstance(size, bool) or not isinstance(size, (int, np.integer)) or size < 1:
                raise ValueError(f"{name} must be an integer of at least 1, is {size!r}")

    @property
    def image_shape(self):
        """(H, W, 1)"""
        return (self.H, self.W, 1)

    @property
    def entropy(self):
        """E[-log p(x)] in nats per image, exact up to rounding."""
        raise NotImplementedError

    def conditional(self, x, r, c):
        """p(x[r, c] = 1 | everything before it), for N images at once.

        x          (H, W, N) uint8: the past of (r, c). This pixel and everything after it are
                   zero, so a rule cannot read them
        returns    (N,) float64, or a float where the past does not matter
        """
        raise NotImplementedError

    def sample(self, n, rng=None):
        """Draw n independent images.

        rng        a numpy.random.Generator, a seed, or None (not reproducible). It gives one
                   float64 uniform u per pixel, in the order of (n, H, W, 1). The pixel is 1 where
                   u >= p(0), the inverse of its distribution function
        returns    (n, H, W, 1) uint8

        ValueError if n is not a positive integer.
        """
        if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1:
            raise ValueError(f"n must be an integer of at least 1, is {n!r}")
        rng = np.random.default_rng(rng)
        images = np.empty((n, self.H, self.W, 1), np.uint8)
        some = max(1, UNIFORMS // (self.H * self.W))   # at a time, with the same numbers
        for start in range(0, n, some):
            part = images[start:start + some]
            uniforms = rng.random(part.shape)
            x = np.zeros((self.H, self.W, len(part)), np.uint8)      # x[r, c] is contiguous
            for r in range(self.H):
                for c in range(self.W):
                    x[r, c] = uniforms[:, r, c, 0] >= 1 - self.conditional(x, r, c)
            part[..., 0] = np.moveaxis(x, 2, 0)
        return images

    def log_prob(self, images, *, per="image"):
        """log p(images), exact.

        images     (N, H, W, 1) integers or bools in {0, 1}
        per        "image" or "subpixel"
        returns    (N,) float64, or (N, H, W, 1) of the conditionals, in nats; -inf for what cannot
                   happen

        ValueError if shape, dtype or levels are wrong, or `per` is something else.
        """
        if per not in ("image", "subpixel"):
            raise ValueError(f"per must be 'image' or 'subpixel', is {per!r}")
        targets = np.moveaxis(self._checked(images)[..., 0], 0, 2)             # (H, W, N)
        x = np.zeros(targets.shape, np.uint8)          # the future stays zero until it is the past
        log_prob = np.empty(targets.shape)
        with np.errstate(divide="ignore"):             # log 0 = -inf: an impossible pixel
            for r in range(self.H):
                for c in range(self.W):
                    p = self.conditional(x, r, c)
                    log_prob[r, c] = np.log(np.where(targets[r, c] == 1, p, 1 - p))
                    x[r, c] = targets[r, c]
        log_prob = np.ascontiguousarray(np.moveaxis(log_prob, 2, 0))           # (N, H, W)
        return log_prob.sum((1, 2)) if per == "image" else log_prob[..., None]

    def _checked(self, images):
        images = np.asarray(images)
        if images.ndim != 4 or images.shape[1:] != self.image_shape or len(images) == 0:
            raise ValueError(f"images must be (N, {self.H}, {self.W}, 1) with N at least 1, "
                             f"have shape {images.shape}")
        if images.dtype.kind not in "biu":
            raise ValueError(f"images must be integers or bools, are {images.dtype}")
        if images.min() < 0 or images.max() > 1:
            raise ValueError(f"images must have levels 0 and 1, "
                             f"have {images.min()} to {images.max()}")
        return images.astype(np.uint8)


def binary_entropy(p):
    """h(p) = -p log p - (1-p) log(1-p) in nats, elementwise; h(0) = h(1) = 0.

    >>> bool(binary_entropy(0.5) == np.log(2))
    True
    """
    p = np.asarray(p, float)
    return _minus_x_log_x(p) + _minus_x_log_x(1 - p)


def _minus_x_log_x(x):
    return -x * np.log(np.where(x > 0, x, 1))


def check_probability(name, value):
    """`value` as a float; ValueError if it is not a number in [0, 1]."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be a number in [0, 1], is {value!r}") from None
    if not 0 <= number <= 1:                           # false for nan too
        raise ValueError(f"{name} must be in [0, 1], is {number}")
    return number
