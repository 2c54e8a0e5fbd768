"""A Dataset drawn from a source of known entropy.

    noisy_rule:8x8,eps=0.1,train=10000,valid=2000,test=2000,seed=0

Beside the parameters of the source the text may have the sizes of the splits (those above if it
does not) and a seed. Each split has a stream of its own, numpy.random.default_rng([seed, 0]),
[seed, 1], [seed, 2]: more training images leave the test images as they are.

Read first: data/dataset.py, data/known_entropy/__init__.py.  Read next: data/catalogue.py.
"""

import numpy as np

from npixel.runtime import limits
from npixel.data.dataset import SPLITS, Dataset
from npixel.data.known_entropy import parse, split

SIZES = {"train": 10_000, "valid": 2_000, "test": 2_000}


def dataset(text):
    """The Dataset that `text` describes, with the source as `process` and its floor as `entropy`.

    ValueError that names the text if a key or value is not right, or it asks for too much memory.
    """
    name, H, W, options = split(text)
    sizes = {key: _count(text, key, options.pop(key, SIZES[key]), 1) for key in SPLITS}
    seed = _count(text, "seed", options.pop("seed", 0), 0)
    limits.check(repr(text), H * W * sum(sizes.values()))
    pairs = "".join(f",{key}={value}" for key, value in options.items())
    process = parse(f"{name}:{H}x{W}{pairs}")
    images = [process.sample(sizes[key], np.random.default_rng([seed, i]))
              for i, key in enumerate(SPLITS)]
    source = f"{process}, seed {seed}; {process.entropy:.6f} nats per image"
    return Dataset(text, *images, levels=2, source=source, licence="none needed", process=process)


def _count(text, key, value, least):
    if not str(value).isdecimal() or int(value) < least:
        raise ValueError(f"{text!r}: {key} must be an integer of at least {least}, is {value!r}")
    return int(value)
