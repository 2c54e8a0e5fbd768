"""Levels: how many a file holds, and fewer of them, by requantising and binarising images.

    of a file          what it says, or what its values show (of_file)
    of the model       what is asked for

The conversion is one of these:

    requantise         v -> floor(v L' / L)            L levels become L' <= L, of equal width if
                                                       L' divides L
    threshold          v -> [v >= L / 2]               the same with L' = 2
    stochastic         v -> Bernoulli(v / (L-1))       drawn once, with a seed; how MNIST was
                                                       binarised for the static set

Stochastic binarisation draws one float64 uniform u per sub-pixel from
numpy.random.default_rng(seed). It goes through train, valid, test, and through each in memory
order. The bit is [u < v / (L-1)].

Read first: data/dataset.py.  Read next: data/arrays.py, data/catalogue.py.
"""

from dataclasses import replace

import numpy as np

from npixel.data.dataset import SPLITS

METHODS = ("threshold", "stochastic")


def of_file(origin, images, told=None):
    """How many levels the images of a file hold.

        told                    L = told, by the file or by the user
        only 0 and 1            L = 2
        only 0 and 255          L = 2: they become 0 and 1, also where L = 2 is told
        a level above 127       L = 256
        else                    L = 256, but not known: the file may as well hold fewer

    origin     the file, for errors
    images     key -> (N, H, W, C) uint8
    told       2 to 256; None if nobody says
    returns    (images, L, known, words): images as key -> uint8 in [0, L), True if L is known, and
               words for the data set's `source`

    ValueError if told is no such integer, or a level is not below it.

    >>> images, L, known, _ = of_file("x.npz", {"images": np.array([[[[0], [255]]]], np.uint8)})
    >>> images["images"].ravel(), L, known
    (array([0, 1], dtype=uint8), 2, True)
    """
    whole = isinstance(told, (int, np.integer)) and not isinstance(told, bool)
    if told is not None and not (whole and 2 <= told <= 256):
        raise ValueError(f"{origin}: its levels must be 2 to 256, are said to be {told!r}")
    highest = max((int(array.max()) for array in images.values() if array.size), default=0)
    if told in (None, 2) and highest == 255 and all(map(_black_and_white, images.values())):
        bits = {key: array // np.uint8(255) for key, array in images.items()}
        return bits, 2, True, "; 0 and 255 taken as 2 levels"
    if told is not None:
        if highest >= told:
            raise ValueError(f"{origin}: has level {highest}, levels must be in [0, {told})")
        return images, int(told), True, ""
    return images, 2 if highest <= 1 else 256, highest <= 1 or highest > 127, ""


def _black_and_white(images):
    return all(((image == 0) | (image == 255)).all() for image in images)


def requantise(images, levels, new_levels):
    """floor(images * new_levels / levels).

    images     (...) uint8 in [0, levels)
    returns    (...) uint8 in [0, new_levels)

    ValueError if new_levels is not in [2, levels].

    >>> requantise(np.array([0, 127, 128, 255], np.uint8), 256, 4)
    array([0, 1, 2, 3], dtype=uint8)
    """
    if not 2 <= new_levels <= levels:
        raise ValueError(f"levels must be 2 to {levels}, the levels of the images, "
                         f"is {new_levels}")
    return (images.astype(np.int32) * new_levels // levels).astype(np.uint8)


def binarize(images, levels, rng):
    """Bits drawn with probability images / (levels - 1).

    images     (N, ...) uint8 in [0, levels)
    rng        numpy.random.Generator: one uniform per entry, in memory order
    returns    the same shape, uint8 in {0, 1}
    """
    bits = np.empty_like(images)
    # some at a time: a float64 per pixel of all of MNIST would be 376 MB
    for start in range(0, len(images), 1000):
        part = images[start:start + 1000]
        bits[start:start + 1000] = rng.random(part.shape) < part / (levels - 1)
    return bits


def with_levels(data, levels=None, binarize_method=None, seed=0):
    """A Dataset with fewer levels, or the same one if nothing is asked for.

    Where the levels of the data are not known (of_file), the highest one decides. If it is the last
    of the levels that are asked for, the images already have these and stay as they are.

    levels             the number of levels wanted
    binarize_method    "threshold" or "stochastic" (then levels is None or 2)
    seed               of stochastic binarisation, an integer >= 0

    ValueError if levels exceeds those of the data, or an option is not one of these. ValueError,
    too, if the levels of the data are not known and it matters, or the conversion makes a split
    constant.
    """
    levels = _wanted(data, levels, binarize_method)
    if levels is None or levels == data.levels:
        return data
    if not data.levels_known:
        return _as_they_are(data, levels, binarize_method)
    if binarize_method == "stochastic":
        images, how = _binarized(data, seed)
    else:
        images = {split: requantise(data.split(split)[0], data.levels, levels) for split in SPLITS}
        how = f"{data.levels} levels requantised to {levels}"
    _check_not_constant(data, images, how)
    return replace(data, levels=levels, source=f"{data.source}; {how}", **images)


def _wanted(data, levels, binarize_method):
    """The number of levels asked for, or None."""
    if binarize_method is not None:
        if binarize_method not in METHODS:
            raise ValueError(f"binarize must be one of {', '.join(METHODS)}, "
                             f"is {binarize_method!r}")
        if levels not in (None, 2):
            raise ValueError(f"levels must be 2 where binarize is asked for, is {levels}")
        levels = 2
    if levels is not None and not 2 <= levels <= data.levels:
        raise ValueError(f"levels must be 2 to {data.levels}, the levels of {data.name}, "
                         f"is {levels}")
    return levels


def _as_they_are(data, levels, binarize_method):
    """The same images, whose levels were not known, if their highest is the last of `levels`."""
    highest = max(int(data.split(split)[0].max()) for split in SPLITS)
    if levels == highest + 1 and binarize_method is None:
        how = f"0 to {highest} taken as {levels} levels"
        return replace(data, levels=levels, levels_known=True, source=f"{data.source}; {how}")
    raise ValueError(f"{data.name}: holds 0 to {highest} and does not say of how many levels: "
                     f"--levels-are {max(levels, highest + 1)}, or --levels-are 256?")


def _binarized(data, seed):
    """Bits drawn for all splits, and words for the data set's `source`."""
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise ValueError(f"seed must be an integer, at least 0, is {seed!r}")
    rng = np.random.default_rng(seed)
    images = {split: binarize(data.split(split)[0], data.levels, rng) for split in SPLITS}
    return images, f"binarised at random, seed {seed}"


def _check_not_constant(data, images, how):
    """ValueError if a split that had several levels has one now."""
    for split in SPLITS:
        before, after = data.split(split)[0], images[split]
        if after.min() == after.max() and before.min() < before.max():
            raise ValueError(f"{data.name}: {how}, {before.min()} to {before.max()} of the {split} "
                             f"split all become {after.max()} (--levels-are: of how many levels)")
