"""Dead leaves: discs that hide one another, a texture with edges, occlusion and structure at every
scale.

    centre    uniform
    radius    density ∝ r^-3 on [rmin, rmax]
    colour    one uniform grey, or three uniform colours
    order     each disc lies below those that were laid before it

Matheron, "Modèle séquentiel de partition aléatoire", 1968. The radii are those of Lee, Mumford,
Huang, "Occlusion Models for Natural Images", 2001: with r^-3 the image looks alike at every scale
between rmin and rmax. Theis and Bethge 2015 train RIDE on such images. Discs are laid from the top
down until every pixel is covered. So what is seen is the stationary pattern exactly (Kendall and
Thönnes, "Perfect simulation in stochastic geometry", 1999).

Written as text, as for --data, the images are  dead_leaves  or
dead_leaves:256x256,rmin=2,rmax=64,colour=0,train=40,valid=4,test=20,seed=0.
There are 256 levels, each as likely as another. A pixel belongs to the disc that covers its centre
(no smoothing). Each split has a stream of random numbers of its own. The entropy is not known.

Read first: data/dataset.py.  Read next: data/catalogue.py.
"""

import numpy as np

from npixel.runtime import limits
from npixel.data.dataset import SPLITS, Dataset
from npixel.runtime.kernels import kernel

DEFAULTS = {"rmin": 2.0, "rmax": 64.0, "colour": 0, "train": 40, "valid": 4, "test": 20, "seed": 0}
SIZE = "256x256"
DISCS = 4096                                           # random numbers for so many at a time


def sample(n, H, W, rng, *, rmin=2.0, rmax=64.0, colour=False):
    """n images (n, H, W, 1 or 3), uint8.

    ValueError unless 0.5 < rmin < rmax: smaller discs can fall between the centres of pixels.
    """
    if not 0.5 < rmin < rmax < np.inf:
        raise ValueError(f"radii must have 0.5 < rmin < rmax, are {rmin:g} and {rmax:g}")
    C = 3 if colour else 1
    images = np.zeros((n, H, W, C), np.uint8)
    for image in images:
        bare = np.ones((H, W), bool)
        while bare.any():
            rows, columns, radii = discs(DISCS, H, W, rng, rmin, rmax)
            colours = rng.integers(0, 256, (DISCS, C), dtype=np.uint8)
            _lay(image, bare, rows, columns, radii, colours)
    return images


def discs(n, H, W, rng, rmin, rmax):
    """Rows, columns and radii of n discs, (n,) each.

    Centres are uniform on the image and rmax around it, so that no disc that touches it is missed.
    The distribution function of a radius is inverted at a uniform number:

        F(r) = (rmin^-2 - r^-2) / (rmin^-2 - rmax^-2)
    """
    u = rng.random((3, n))
    rows, columns = u[0] * (H + 2 * rmax) - rmax, u[1] * (W + 2 * rmax) - rmax
    return rows, columns, (rmin**-2 - u[2] * (rmin**-2 - rmax**-2))**-0.5


def _lay_numpy(image, bare, rows, columns, radii, colours):
    """Disc after disc takes those pixels whose centre it covers and that are still bare.

    image   (H, W, C), changed in place
    bare    (H, W) bool: not covered yet, changed in place
    """
    row, column = np.indices(bare.shape)
    for i in range(len(radii)):
        taken = bare & ((row - rows[i])**2 + (column - columns[i])**2 <= radii[i]**2)
        image[taken] = colours[i]
        bare &= ~taken


@kernel(defined_by=_lay_numpy)
def _lay(image, bare, rows, columns, radii, colours):
    H, W, C = image.shape
    for i in range(len(radii)):
        r = radii[i]
        top, left = max(0, int(np.ceil(rows[i] - r))), max(0, int(np.ceil(columns[i] - r)))
        bottom = min(H, int(np.floor(rows[i] + r)) + 1)
        right = min(W, int(np.floor(columns[i] + r)) + 1)
        for row in range(top, bottom):
            for column in range(left, right):
                if bare[row, column] and (row - rows[i])**2 + (column - columns[i])**2 <= r**2:
                    bare[row, column] = False
                    for c in range(C):
                        image[row, column, c] = colours[i, c]


def is_text(text):
    """True if `text` asks for dead leaves."""
    return text.partition(":")[0] == "dead_leaves"


def dataset(text):
    """The Dataset that dead_leaves[:HxW[,key=value]...] describes.

    ValueError that names the text if a key or value is not right, or it asks for too much memory.

    >>> dataset("dead_leaves:8x9,rmin=1,rmax=4,train=2,valid=1,test=1").image_shape
    (8, 9, 1)
    """
    H, W, options = _parts(text)
    numbers = H * W * (3 if options["colour"] else 1)
    limits.check(repr(text), numbers * sum(options[split] for split in SPLITS))
    rmin, rmax, seed = options["rmin"], options["rmax"], options["seed"]
    try:
        images = [sample(options[split], H, W, np.random.default_rng([seed, i]), rmin=rmin,
                         rmax=rmax, colour=bool(options["colour"]))
                  for i, split in enumerate(SPLITS)]
    except ValueError as error:
        raise ValueError(f"{text!r}: {error}") from None
    source = f"dead leaves, radii {rmin:g} to {rmax:g}, seed {seed}"
    return Dataset(text, *images, levels=256, source=source, licence="none needed")


def _parts(text):
    """H, W and the options, as numbers."""
    size, *pairs = (text.partition(":")[2] or SIZE).split(",")
    H, cross, W = size.partition("x")
    digits = H.isdecimal() and W.isdecimal() and max(len(H), len(W)) < 10
    if not (cross and digits and int(H) and int(W)):
        raise ValueError(f"{text!r}: size must be HxW, such as {SIZE}, is {size!r}")
    options = dict(DEFAULTS)
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or key not in DEFAULTS:
            raise ValueError(f"{text!r}: {pair!r} must be key=value, key one of "
                             f"{', '.join(DEFAULTS)}")
        try:
            options[key] = type(DEFAULTS[key])(value)
        except ValueError:
            raise ValueError(f"{text!r}: {key} must be a number, is {value!r}") from None
        least = 1 if key in SPLITS else 0
        if options[key] < least:
            raise ValueError(f"{text!r}: {key} must be at least {least}, is {value}")
    return int(H), int(W), options
