"""The IDX format of MNIST: one array of unsigned bytes, preceded by its shape.

    bytes 0, 1    zero
    byte  2       type: 8 is unsigned byte, the only one read here
    byte  3       number of dimensions
    4 each        the dimensions, big-endian
    the rest      the values, last index fastest

Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits".

Read first: data/files.py.  Read next: data/mnist.py.
"""

import math
import struct

import numpy as np

from npixel.runtime import limits
from npixel.data.files import read


def load(path, dimensions):
    """One IDX file, plain or .gz.

    dimensions    how many there must be: 3 for images (N, H, W), 1 for labels (N,)
    returns       uint8 array

    ValueError that names the file if magic number, type, number of dimensions or length are wrong.
    """
    header = 4 + 4 * dimensions
    raw = read(path, header)                           # first: it says how much follows
    if len(raw) < 4 or raw[0] or raw[1]:
        raise ValueError(f"{path}: not an IDX file, it begins with {raw[:4].hex() or 'nothing'} "
                         f"instead of 000008{dimensions:02x}")
    if raw[2] != 8:
        raise ValueError(f"{path}: IDX values must be of type 0x08 (unsigned bytes), "
                         f"are of type 0x{raw[2]:02x}")
    if raw[3] != dimensions:
        raise ValueError(f"{path}: IDX array must have {dimensions} dimensions, has {raw[3]}")
    if len(raw) < header:
        raise ValueError(f"{path}: {len(raw)} bytes, the IDX header alone has {header}")
    shape = struct.unpack(f">{dimensions}I", raw[4:header])
    limits.check(path, header + math.prod(shape), limits.most(path))
    raw = read(path, header + math.prod(shape) + 1)
    if len(raw) - header > math.prod(shape):
        raise ValueError(f"{path}: more values than the {math.prod(shape)} of its shape {shape}")
    if len(raw) - header != math.prod(shape):
        raise ValueError(f"{path}: {len(raw) - header} values, its shape {shape} needs "
                         f"{math.prod(shape)}: truncated or damaged")
    return np.frombuffer(raw, np.uint8, offset=header).reshape(shape)
