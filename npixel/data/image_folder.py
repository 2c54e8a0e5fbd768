"""A folder of image files, all of one size, grey or RGB.

    folder/a.png ...                             images without labels; one in ten is for the test,
                                                 as many for validation (dataset.hold_back)
    folder/cat/a.png ..., folder/dog/b.png ...   the folders are labels 0, 1, ... in sorted order
    folder/train/..., valid/..., test/...        the splits, each in one of the two forms above

Files are taken in the order of their names; hidden ones, and __MACOSX, are left out. An image is
turned as its EXIF orientation says. Every page of a TIFF and every frame of an animation is an
image of its own. A preview of another page is none, nor is what a JPEG holds beside its picture.
Pictures with a palette are grey if all pictures of the folder can be, else RGB. Their levels are
those of levels.of_file: 2 where all are black and white, else 256.

Decoding is Pillow's work (pip install "npixel[images]"). Only the decoders of the formats below
may look at a file, whatever it contains, and its size is checked before it is decoded.

Read first: data/dataset.py, data/levels.py, data/size.py.
Read next: data/photographs.py, runtime/limits.py.
"""

import warnings
from pathlib import Path

import numpy as np

from npixel.runtime import limits
from npixel.data.dataset import SPLITS, Dataset, as_labels, from_images
from npixel.data.levels import of_file
from npixel.data.size import fit, pillow, said

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm",
            ".pbm"}
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
# Pillow's modes. An alpha channel or 16 bits would be lost, so they are refused
GREY, COLOUR = {"1", "L"}, {"RGB", "P"}
ONE_PICTURE = {"JPEG", "MPO"}                          # what follows is a preview, or a depth map
SUBFILE_TYPE, PREVIEW = 254, 1                         # of a page of a TIFF


def holds_images(folder, depth=2):
    """True if load(folder) would find image files: in it, or in folders down to `depth` below."""
    return bool(_files(folder)) or depth > 0 and any(holds_images(place, depth - 1)
                                                     for place in _folders(folder))


def load(folder, *, levels_are=None, resize=None, crop=None):
    """A Dataset of the images in a folder.

    levels_are    how many levels the images have; None: 2 or 256, as they show
    resize        (H, W), applied before crop; levels are counted after both
    crop          (H, W)

    ImportError that says what to install if Pillow is missing. ValueError that names the file if
    one is damaged, of another size or kind than the first, has transparency or more than 8 bits.
    ValueError, too, if files and folders are mixed, so that some would be left out.
    """
    folder = Path(folder)
    parts = _parts(folder)
    listed = [pair for part in parts.values() for pair in part]
    images, counts = _stack([path for path, _ in listed], resize, crop)
    file_of = np.repeat(np.arange(len(listed)), counts)              # (N,): a file may hold several
    cuts = np.searchsorted(file_of, np.cumsum([len(part) for part in parts.values()])[:-1])
    images = dict(zip(parts, np.split(images, cuts)))
    images, levels, known, how = of_file(folder, images, levels_are)
    names = sorted({name for _, name in listed if name is not None}, key=_numbers_first)
    labels = [None] * len(parts)
    if names:
        labels = np.take([names.index(name) for _, name in listed], file_of)
        labels = np.split(as_labels(f"{folder}: labels", labels, len(file_of)), cuts)
    several = len(file_of) > len(listed)
    pages = f" ({len(file_of)} pages or frames in {len(listed)} files)" if several else ""
    about = {"source": f"image files of {folder}{pages}{said(resize, crop)}{how}",
             "levels_known": known, "label_names": tuple(names) or None}
    if len(parts) == 1:
        return from_images(str(folder), *images.values(), levels=levels, labels=labels[0], **about)
    return Dataset(str(folder), *images.values(), levels, *labels, **about)


# which files

def _parts(folder):
    """{"images": files} or {split: files}; files are pairs (path, name of the class or None)."""
    folders = {place.name: place for place in _folders(folder)}
    splits = [split for split in SPLITS if split in folders]
    if not splits:
        return {"images": _listed(folder)}
    if len(splits) < 3:
        raise ValueError(f"{folder}: must have train, valid and test, or none of them, "
                         f"has {' and '.join(splits)}")
    others = _files(folder) + [place for name, place in folders.items()
                               if name not in SPLITS and holds_images(place, 1)]
    if others:
        raise ValueError(f"{folder}: has images beside train, valid and test, in {others[0].name}")
    parts = {split: _listed(folders[split]) for split in SPLITS}
    for split, files in parts.items():
        if not files:
            raise ValueError(f"{folder}: {split} has no images")
    if len({name is None for files in parts.values() for _, name in files}) > 1:
        raise ValueError(f"{folder}: some of train, valid and test have folders of classes, "
                         "and some have none")
    return parts


def _listed(place):
    """[(path, name of its class, or None)]; ValueError where images would be left out."""
    files = _files(place)
    classes = [folder for folder in _folders(place) if holds_images(folder, 1)]
    if files and classes:
        raise ValueError(f"{place}: has the image {files[0].name} beside {classes[0].name}, "
                         "a folder of images: either may be there, not both")
    for folder in classes:
        for below in _folders(folder):
            if holds_images(below, 0):
                raise ValueError(f"{below}: has images two folders below {place}; "
                                 "folders right below it are the classes")
    return [(path, None) for path in files] + [(path, folder.name) for folder in classes
                                               for path in _files(folder)]


def _files(folder):
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES
                  and not path.name.startswith(".") and path.is_file())


def _folders(folder):
    return sorted(path for path in folder.iterdir()
                  if not path.name.startswith(".") and path.name != "__MACOSX" and path.is_dir())


def _numbers_first(name):
    """Numbers in their order, then names in theirs.

    >>> sorted(["10", "cat", "9"], key=_numbers_first)
    ['9', '10', 'cat']
    """
    return (0, int(name), name) if name.isascii() and name.isdecimal() else (1, 0, name)


# what is in them

def _stack(paths, resize, crop):
    """The images of the files, (N, H, W, C) uint8, and how many each file has."""
    found, counts, taken = [], [], 0                   # found: (path, image, has it a palette?)
    for path in paths:
        pictures = _pictures(path, taken, resize, crop)
        found += [(path, *picture) for picture in pictures]
        taken += sum(image.nbytes for image, _ in pictures)
        counts.append(len(pictures))
    if not found:
        raise ValueError(f"{paths[0]}: holds no picture, only previews")
    grey = all(image.shape[2] == 1 or palette and (image == image[..., :1]).all()
               for _, image, palette in found)
    name, (H, W, C) = found[0][0].name, found[0][1].shape
    stack = np.empty((len(found), H, W, 1 if grey else C), np.uint8)
    for i, (path, image, _) in enumerate(found):
        image = image[..., :1] if grey else image
        if image.shape != stack.shape[1:]:
            other_size = image.shape[2] == stack.shape[3]
            remedy = " (--resize HxW or --crop HxW makes them so)" if other_size else ""
            raise ValueError(f"{path}: (H, W, C) is {image.shape}, {name} is {stack.shape[1:]}; "
                             f"all must be equal{remedy}")
        stack[i], found[i] = image, None               # so all are never there twice
    return stack, counts


def _pictures(path, taken, resize, crop):
    """[(image (H, W, C) uint8, has it a palette?)] of every picture in a file.

    taken    bytes that the pictures of other files take
    """
    Image, found = pillow(), []
    try:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")            # limits.check decides what is too large
            with Image.open(path, formats=FORMATS) as file:
                pages = 1 if file.format in ONE_PICTURE else getattr(file, "n_frames", 1)
                animated = file.format != "TIFF" and pages > 1
                for page in range(pages):
                    file.seek(page)
                    if file.format == "TIFF" and file.tag_v2.get(SUBFILE_TYPE, 0) & PREVIEW:
                        continue
                    grey = file.mode in GREY
                    size = file.width * file.height * (1 if grey else 3)
                    limits.check(path, taken + size)
                    _check_mode(path, file, animated)
                    palette = animated or file.mode == "P"           # later frames come as RGB
                    found.append((fit(_upright(file, grey), resize, crop, path), palette))
                    taken += found[-1][0].nbytes
        truncated = [warning for warning in warned if warning.category is UserWarning]
        if truncated and file.format == "TIFF":        # elsewhere of notes beside the picture
            raise OSError(truncated[0].message)
    except Exception as error:                         # damage makes Pillow raise nearly anything
        what = " ".join(str(error).split()) or type(error).__name__
        ours = (MemoryError, limits.LimitError)
        if what.startswith(f"{path}: ") or isinstance(error, ours):
            raise
        raise ValueError(f"{path}: damaged image file ({what})") from None
    return found


def _upright(file, grey):
    """The page that is open, turned as its EXIF orientation says: (H, W, C) uint8."""
    from PIL import ImageOps

    image = ImageOps.exif_transpose(file).convert("L" if grey else "RGB")
    return np.atleast_3d(np.asarray(image))


def _check_mode(path, image, animated):
    """ValueError unless the picture is 8-bit grey or colour, and nothing of it is transparent."""
    if animated and image.mode == "RGBA" and image.getextrema()[3] == (255, 255):
        return                                         # so Pillow marks what a frame did not change
    if image.mode not in GREY | COLOUR or "transparency" in image.info:
        kind = image.mode + (" with transparency" if "transparency" in image.info else "")
        raise ValueError(f"{path}: Pillow mode {kind}, must be 8-bit grey (L, 1) or colour (RGB, P)"
                         " without transparency")
