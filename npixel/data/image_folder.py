"""A folder of image files, all of one size, grey or RGB: 256 levels.

Files are taken in the order of their names; one in ten is for the test and as many for validation (dataset.hold_back), unless the
folder has subfolders train, valid and test. Reading image files is Pillow's work (pip install "npixel[images]").
"""

from pathlib import Path

import numpy as np

from npixel.data.dataset import SPLITS, Dataset, from_images

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".pbm"}
GREY, COLOUR = {"1", "L"}, {"RGB", "P"}                # Pillow's modes; an alpha channel or 16 bits would be lost, so they are refused


def holds_images(folder):
    """True if load(folder) would find image files."""
    return any(_files(place) for place in (folder, *(folder / split for split in SPLITS)) if place.is_dir())


def load(folder):
    """A Dataset of the images in a folder.

    ImportError that says what to install if Pillow is missing; ValueError that names the file if one is damaged, of another
    size or kind than the first, or has transparency or more than 8 bits.
    """
    folder = Path(folder)
    splits = [folder / split for split in SPLITS if (folder / split).is_dir()]
    if not splits:
        return from_images(str(folder), _stack(folder, _files(folder)), levels=256, source=f"image files of {folder}")
    if len(splits) < 3:
        raise ValueError(f"{folder}: has {' and '.join(place.name for place in splits)}, must have train, valid and test, or none of them")
    counts = [_files(place) for place in splits]
    images = _stack(folder, [path for paths in counts for path in paths])
    ends = np.cumsum([len(paths) for paths in counts])
    return Dataset(str(folder), *np.split(images, ends[:-1]), levels=256, source=f"image files of {folder}")


def _files(folder):
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file())


def _stack(folder, paths):
    """The images of the files, (N, H, W, C) uint8."""
    if not paths:
        raise ValueError(f"{folder}: no image files ({', '.join(sorted(SUFFIXES))})")
    first = _image(paths[0])
    images = np.empty((len(paths), *first.shape), np.uint8)
    for i, path in enumerate(paths):
        image = _image(path)
        if image.shape != first.shape:
            raise ValueError(f"{path}: (H, W, C) is {image.shape}, {paths[0].name} is {first.shape}; all must be equal")
        images[i] = image
    return images


def _image(path):
    try:
        from PIL import Image                          # an extra: only here is it needed
    except ImportError:
        raise ImportError('reading image files needs Pillow: pip install "npixel[images]"') from None
    try:
        with Image.open(path) as image:
            if image.mode not in GREY | COLOUR or "transparency" in image.info:
                kind = image.mode + (" with transparency" if "transparency" in image.info else "")
                raise ValueError(f"{path}: Pillow mode {kind}, must be 8-bit grey (L, 1) or colour (RGB, P) without transparency")
            return np.atleast_3d(np.asarray(image.convert("L" if image.mode in GREY else "RGB")))    # (H, W, C)
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path}: damaged image file ({error})") from None
