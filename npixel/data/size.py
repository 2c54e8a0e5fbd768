"""Images of another size: resized, or cut out of the middle.

    resize    each new pixel is the mean of the area that it covers (Pillow's box filter, which
              rounds means across and then means down)
    crop      the middle H x W pixels; of an odd margin the smaller half is above, or to the left

Both act on each image and each colour alone. Resizing comes before cropping. It does not keep the
shape of things if the new height and width are not in the proportion of the old ones.

Read first: data/dataset.py.  Read next: data/image_folder.py.
"""

import logging
from dataclasses import replace

import numpy as np

from npixel.data.dataset import SPLITS


def parse(text, option):
    """"HxW", or a pair of integers, as (H, W); None stays None. ValueError that names the option.

    >>> parse("32x24", "--crop"), parse((8, 8), "crop")
    ((32, 24), (8, 8))
    """
    if text is None:
        return None
    parts = text.split("x") if isinstance(text, str) else text
    try:
        H, W = (int(part) for part in parts)
    except (TypeError, ValueError):
        raise ValueError(f"{option} must be HxW, such as 32x32, is {text!r}") from None
    if not (0 < H <= 2**20 and 0 < W <= 2**20):
        raise ValueError(f"{option} must have height and width of 1 to {2**20:,}, is {text!r}")
    return H, W


def fit(image, resize, crop, origin):
    """One image (H, W, C) uint8, resized and then cropped, each if it is not None.

    ValueError that names `origin` if the image is smaller than what is to be cut out of it.
    """
    if resize is not None and image.shape[:2] != resize:
        Image = pillow()
        planes = [Image.fromarray(image[..., c]).resize(resize[::-1], Image.Resampling.BOX)
                  for c in range(image.shape[2])]
        image = np.stack([np.asarray(plane) for plane in planes], axis=-1)
    if crop is not None:
        H, W, _ = image.shape
        h, w = crop
        if h > H or w > W:
            raise ValueError(f"{origin}: is {H}x{W}, less than --crop {h}x{w}; see --resize")
        top, left = (H - h) // 2, (W - w) // 2
        image = image[top:top + h, left:left + w]
    return image


def with_size(data, resize, crop):
    """A Dataset whose images are fitted; the same one if nothing is asked for. Levels stay."""
    if resize is None and crop is None:
        return data
    images = {}
    for split in SPLITS:
        images[split] = np.stack([fit(x, resize, crop, data.name) for x in data.split(split)[0]])
    return replace(data, source=f"{data.source}{said(resize, crop)}", process=None, **images)


def said(resize, crop):
    """What was done, for the data set's `source`.

    >>> said((8, 8), None)
    '; resized to 8x8'
    """
    return "".join(f"; {word} to {size[0]}x{size[1]}"
                   for word, size in (("resized", resize), ("cropped", crop)) if size is not None)


def pillow():
    """PIL.Image; ImportError that says what to install."""
    try:
        from PIL import Image                # an extra: only pictures need it
    except ImportError:
        what = 'image files and --resize need Pillow: pip install "npixel[images]"'
        raise ImportError(what) from None
    log = logging.getLogger("PIL")
    if not log.handlers:                     # what it says of damaged files comes as an error, too
        log.addHandler(logging.NullHandler())
    return Image
