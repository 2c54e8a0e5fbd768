"""Statically binarised MNIST: 70,000 images of 28x28, two levels, the same bits for everybody.

    H. Larochelle, I. Murray, "The Neural Autoregressive Distribution Estimator", AISTATS 2011. Each
    pixel was drawn once, with its intensity as probability, as in R. Salakhutdinov, I. Murray, "On
    the Quantitative Analysis of Deep Belief Networks", ICML 2008.

There are 50,000 training, 10,000 validation and 10,000 test images. NADE, MADE, DRAW and PixelRNN
were compared on them. Figures on them are in nats per image.

Two forms are read:
    text       binarized_mnist_train.amat, _valid.amat, _test.amat: one image a line, 784 digits 0
               or 1 with one space between
    packed     an .npz with train, valid, test uint8 (N, 98): np.packbits(x, axis=1), most
               significant bit first; `pack` makes it from the text (110 MB become about 2.5 MB).
               Optional: test_label (N,).

The checksums are those of the original text. An array is checked by writing it as text again, so
both forms have the same three.

**The test images of the original are sorted by digit.** The first part of them is all zeros: never
take it for a sample.

Read first: data/dataset.py, data/files.py, data/arrays.py.
Read next: data/plain_pickle.py, data/catalogue.py.
"""

import hashlib
import io
from pathlib import Path

import numpy as np

from npixel.runtime import limits
from npixel.data import arrays
from npixel.data.dataset import SPLITS, Dataset
from npixel.data.files import find, missing, read
from npixel.runtime.whole_file import write_whole

SHA256 = {"train": "ad693b29f94c14277b095f5238ddefbbdaaae0939789dd2f4f0205278cee3e4d",
          "valid": "1de3d397c40fe8eeb33dafd4099a1f665ec01e96d9be234aaeeac8a34930e2e2",
          "test": "e6687bfea3f820c174f33b7865140b2a2dd2930ef786f35d45795fc193b5ab2c"}
ROWS = {"train": 50_000, "valid": 10_000, "test": 10_000}
SOURCE = "Larochelle's static binarisation of MNIST; the test images are sorted by digit"
LICENCE = "none stated for the binarisation; MNIST is usually given as CC BY-SA 3.0"
WHERE = ("http://www.cs.toronto.edu/~larocheh/public/datasets/binarized_mnist/ "
         "(binarized_mnist_train.amat, _valid, _test)")
PACKED = "binarized_mnist.npz"
TEXT = "binarized_mnist_{}.amat"
LONGEST = 100_000                                      # characters of a line, spaces included


def locate(directory):
    """The file that load(directory) would read first, or None."""
    return find([PACKED, TEXT.format("train")], _folders(directory))


def load(directory):
    """Binarised MNIST from the data directory, packed if it is there, else text.

    returns    Dataset: train (50000, 28, 28, 1), valid and test (10000, 28, 28, 1) uint8, 2 levels

    A split of the complete number of rows must be the original; one with fewer rows is taken as a
    part. FileNotFoundError that says where to get the files; ValueError for a split that is not the
    original, or a damaged file.
    """
    path = locate(directory)
    if path is None:
        raise missing("binarized_mnist", f"{PACKED} or {TEXT.format('train')}",
                      _folders(directory), WHERE)
    if path.suffix == ".npz":
        data = load_packed(path, name="binarized_mnist")
    else:
        data = load_text(path.parent, name="binarized_mnist")
    for split in SPLITS:
        images = data.split(split)[0]
        part = len(images) < ROWS[split]
        if not part and not is_original(split, images):
            raise ValueError(f"{path}: {split} ({len(images)} rows) written as text has sha256 "
                             f"{digest(images)}, the original has {SHA256[split]}; get it from "
                             f"{WHERE}, or give the path instead of the name to use it as it is")
    return data


def is_packed(content):
    """True if the arrays of an .npz have the packed form."""
    return all(split in content and content[split].ndim == 2 and content[split].shape[1] == 98
               for split in SPLITS)


def load_packed(path, *, name=None, content=None):
    """A Dataset from a packed .npz.

    ValueError that names the file if keys, shapes or dtypes are wrong.
    """
    content = arrays.read(path) if content is None else content
    images = {}
    for split in SPLITS:
        bits = content.get(split)
        if bits is None or bits.dtype != np.uint8 or bits.ndim != 2 or bits.shape[1] != 98:
            found = "missing" if bits is None else f"{bits.dtype} {bits.shape}"
            raise ValueError(f"{path}: {split} must be uint8 (N, 98), bits packed, is {found}")
        unpacked = 8 * sum(content[name].nbytes for name in SPLITS if name in content)
        limits.check(path, unpacked, limits.most(path))
        images[split] = np.unpackbits(bits, axis=1).reshape(-1, 28, 28, 1)
    labels = content.get("test_label")
    if labels is not None and (labels.shape != (len(images["test"]),) or labels.dtype != np.uint8):
        raise ValueError(f"{path}: test_label must be uint8 ({len(images['test'])},), "
                         f"is {labels.dtype} {labels.shape}")
    return _dataset(name or str(path), images, labels)


def load_text(folder, *, name=None):
    """A Dataset from the three .amat files of a folder."""
    images = {split: read_amat(Path(folder) / TEXT.format(split)) for split in SPLITS}
    return _dataset(name or str(folder), images, None)


def read_amat(path):
    """One text file of binary images: (N, 28, 28, 1) uint8.

    FileNotFoundError that says where to get it; ValueError that names file and line if one has not
    784 digits 0 or 1.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} not found; get it from {WHERE}")
    raw = read(path)
    if raw.startswith(b"MATLAB"):
        raise ValueError(f"{path}: a MATLAB file, not the text of the original (get it from "
                         f"{WHERE})")
    width = 2 * 784                                    # a digit and a space, or a newline, each
    text = np.frombuffer(raw, np.uint8)
    if text.size and text.size % width == 0:
        text = text.reshape(-1, width)
        digits = text[:, ::2] - np.uint8(ord("0"))     # anything below "0" wraps to a large number
        gaps = text[:, 1::2]
        spaces, ends = gaps[:, :-1] == ord(" "), gaps[:, -1] == ord("\n")
        if digits.max() <= 1 and spaces.all() and ends.all():
            return digits.reshape(-1, 28, 28, 1)
    return _amat_line_by_line(path, raw)


def pack(text, path):
    """Write the packed form of three text files.

    text       the folder that holds them, or their paths (train, valid, test)
    path       the .npz to write, whole or not at all
    returns    split -> {"rows", "sha256" of the text, "original": True if it is the published one}

    FileNotFoundError, ValueError as read_amat.
    """
    if not isinstance(text, (list, tuple)):
        text = [Path(text) / TEXT.format(split) for split in SPLITS]
    if len(text) != 3:
        raise ValueError("text must be a folder or the three files train, valid, test, "
                         f"has {len(text)} paths")
    path = Path(path)
    if path.suffix != ".npz":
        raise ValueError(f"output must end in .npz, is {str(path)!r}")
    images = {split: read_amat(file) for split, file in zip(SPLITS, text)}
    bits = {split: np.packbits(x.reshape(len(x), 784), axis=1)             # (N, 98)
            for split, x in images.items()}
    write_whole(path, lambda file: np.savez_compressed(file, **bits))
    return {split: {"rows": len(x), "sha256": digest(x), "original": is_original(split, x)}
            for split, x in images.items()}


def digest(images):
    """sha256 of the text form of binary images (N, 28, 28, 1)."""
    hashed = hashlib.sha256()
    for start in range(0, len(images), 5000):          # 8 MB of text at a time
        rows = images[start:start + 5000].reshape(-1, 784)
        text = np.full((len(rows), 2 * 784), ord(" "), np.uint8)
        text[:, ::2] = rows + np.uint8(ord("0"))
        text[:, -1] = ord("\n")
        hashed.update(text)
    return hashed.hexdigest()


def is_original(split, images):
    """True if these are the images of the published split, to the last bit."""
    return len(images) == ROWS[split] and digest(images) == SHA256[split]


def _dataset(name, images, test_labels):
    states = [f"{split}: the original" if is_original(split, x) else
              f"{split}: {len(x)} rows, not the complete original" for split, x in images.items()]
    return Dataset(name, *(images[split] for split in SPLITS), 2, test_labels=test_labels,
                   source=f"{SOURCE} ({', '.join(states)})", licence=LICENCE)


def _amat_line_by_line(path, raw):
    """Any white space between the digits is accepted; the first line that is wrong is named."""
    rows = []
    for number, line in enumerate(io.BytesIO(raw), 1):
        if len(line) > LONGEST:
            raise ValueError(f"{path}: line {number} must have 784 values, "
                             f"has {len(line):,} characters")
        digits = line.split()
        if not digits:
            continue
        if len(digits) != 784:
            raise ValueError(f"{path}: line {number} must have 784 values, has {len(digits)}")
        if not set(digits) <= {b"0", b"1"}:
            wrong = next(digit for digit in digits if digit not in (b"0", b"1"))
            shown = wrong[:20].decode("ascii", "replace")
            raise ValueError(f"{path}: line {number} must have 0 or 1, has {shown!r}")
        rows.append(np.frombuffer(b"".join(digits), np.uint8) - np.uint8(ord("0")))
    if not rows:
        raise ValueError(f"{path}: no images")
    return np.stack(rows).reshape(-1, 28, 28, 1)


def _folders(directory):
    return [directory, directory / "binarized_mnist"] if directory else []
