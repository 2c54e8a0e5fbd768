"""Fewer levels: requantising and binarising images.

    requantise         v -> floor(v L' / L)            L levels become L' <= L, of equal width if L' divides L
    threshold          v -> [v >= L / 2]               the same with L' = 2
    stochastic         v -> Bernoulli(v / (L-1))       drawn once, with a seed; how MNIST was binarised for the static set

Stochastic binarisation draws one float64 uniform u per sub-pixel from numpy.random.default_rng(seed), in order train, valid, test
and in memory order within each; the bit is [u < v / (L-1)].
"""

from dataclasses import replace

import numpy as np

from npixel.data.dataset import SPLITS

METHODS = ("threshold", "stochastic")


def requantise(images, levels, new_levels):
    """floor(images * new_levels / levels).

    images     (...) uint8 in [0, levels)
    returns    (...) uint8 in [0, new_levels)

    ValueError if new_levels is not in [2, levels].

    >>> requantise(np.array([0, 127, 128, 255], np.uint8), 256, 4)
    array([0, 1, 2, 3], dtype=uint8)
    """
    if not 2 <= new_levels <= levels:
        raise ValueError(f"levels is {new_levels}, must be 2 to {levels}, the levels of the images")
    return (images.astype(np.int32) * new_levels // levels).astype(np.uint8)


def binarize(images, levels, rng):
    """Bits drawn with probability images / (levels - 1).

    images     (N, ...) uint8 in [0, levels)
    rng        numpy.random.Generator: one uniform per entry, in memory order
    returns    the same shape, uint8 in {0, 1}
    """
    bits = np.empty_like(images)
    for start in range(0, len(images), 1000):          # a float64 per pixel of all of MNIST would be 376 MB
        part = images[start:start + 1000]
        bits[start:start + 1000] = rng.random(part.shape) < part / (levels - 1)
    return bits


def with_levels(data, levels=None, binarize_method=None, seed=0):
    """A Dataset with fewer levels, or the same one if nothing is asked for.

    levels             the number of levels wanted
    binarize_method    "threshold" or "stochastic" (then levels is None or 2)
    seed               of stochastic binarisation, an integer >= 0

    ValueError if levels exceeds those of the data, or an option is not one of these.
    """
    if binarize_method is not None:
        if binarize_method not in METHODS:
            raise ValueError(f"binarize is {binarize_method!r}, must be one of {', '.join(METHODS)}")
        if levels not in (None, 2):
            raise ValueError(f"levels is {levels}, binarize makes 2")
        levels = 2
    if levels is not None and not 2 <= levels <= data.levels:
        raise ValueError(f"levels is {levels}, must be 2 to {data.levels}, the levels of {data.name}")
    if levels is None or levels == data.levels:
        return data
    if binarize_method == "stochastic":
        if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
            raise ValueError(f"seed is {seed!r}, must be an integer, at least 0")
        rng = np.random.default_rng(seed)
        images = {split: binarize(data.split(split)[0], data.levels, rng) for split in SPLITS}
        how = f"binarised at random, seed {seed}"
    else:
        images = {split: requantise(data.split(split)[0], data.levels, levels) for split in SPLITS}
        how = f"{data.levels} levels requantised to {levels}"
    return replace(data, levels=levels, source=f"{data.source}; {how}", **images)
