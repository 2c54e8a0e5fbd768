"""Natural photographs: 60 of BSDS500, 321 x 481, grey or in colour, 256 levels, as one .npz.

    P. Arbelaez, M. Maire, C. Fowlkes, J. Malik, "Contour Detection and Hierarchical Image
    Segmentation", 2011.

    gray      (N, 321, 481) uint8
    rgb       (N, 321, 481, 3) uint8
    split     (N,) "train" or "val", as in the benchmark. The photographs of `val` are the test. One
              in ten of the others is held back for validation

Files of other photographs: any .npz of arrays.py, or a folder of image files of one size
(image_folder.py).

Read first: data/files.py, data/arrays.py.  Read next: data/dead_leaves.py.
"""

from npixel.data import arrays
from npixel.data.dataset import from_train_and_test
from npixel.data.files import find, missing

WHERE = ("https://github.com/BIDS/BSDS500 "
         "(BSDS500/data/images, packed as said in npixel/data/photographs.py)")
SOURCE = ("Arbelaez, Maire, Fowlkes, Malik, Contour Detection and Hierarchical Image Segmentation, "
          "2011 (BSDS500)")
LICENCE = "for non-commercial research and education"
KEYS = {"gray", "rgb", "split"}


def is_photographs(content):
    """True if the arrays of an .npz are such photographs."""
    return KEYS <= content.keys()


def locate(directory):
    """The file that load(directory) would read, or None."""
    folders = [directory, directory / "bsds"] if directory else []
    return find(["bsds_*.npz", "bsds*.npz"], folders)


def load(directory, *, colour=False):
    """The photographs in the data directory; FileNotFoundError that says where to get them."""
    path, name = locate(directory), "photographs_rgb" if colour else "photographs"
    if path is None:
        raise missing(name, "bsds_60.npz", [directory] if directory else [], WHERE)
    return load_file(path, name=name, colour=colour)


def load_file(path, *, name=None, content=None, colour=False):
    """A Dataset from one file, grey unless `colour`.

    ValueError that names the file if it lacks a key, or one split.
    """
    content = arrays.read(path) if content is None else content
    if not is_photographs(content):
        raise ValueError(f"{path}: photographs must have {', '.join(sorted(KEYS))}; "
                         f"has keys {', '.join(content) or '(none)'}")
    images, split = content["rgb" if colour else "gray"], content["split"]
    images = images if images.ndim == 4 else images[..., None]
    if images.dtype != "uint8" or images.ndim != 4 or split.shape != (len(images),):
        raise ValueError(f"{path}: images are {images.dtype} {images.shape}, "
                         f"split is {split.shape}")
    parts = [images[split == which] for which in ("train", "val")]
    if not all(map(len, parts)):
        raise ValueError(f"{path}: split must have both train and val")
    return from_train_and_test(name or str(path), *parts, levels=256, source=SOURCE,
                               licence=LICENCE)
