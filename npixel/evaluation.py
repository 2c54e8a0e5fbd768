"""What a model makes of images it was not trained on, in numbers that can be compared.

Read first: model.py, data/known_entropy/source.py.
"""

import math

from .model import bits_per_dim


def evaluate(model, data, split="test"):
    """The likelihood of one split of a Dataset under a model: a dict of plain values.

    data, split, images          name, split, number of images
    nats, standard_error         mean of -log p(image), and the standard error of this mean (None for a single image)
    bits_per_dim                 the mean in bits per sub-pixel
    floor                        the entropy of the source the images come from, nats per image; None where it is not known
    gap, gap_standard_error      mean of log q(image) - log p(image), q the source: on the same images, so that the noise of the draw cancels; None
                                 without a source

    ValueError if the split is unknown or its images do not fit the model.
    """
    images, _ = data.split(split)
    nats = -model.log_prob(images)
    gaps = None if data.process is None else nats + data.process.log_prob(images)
    return {"data": data.name, "split": split, "images": len(images), "nats": float(nats.mean()), "standard_error": standard_error(nats),
            "bits_per_dim": bits_per_dim(float(nats.mean()), model.image_shape), "floor": data.entropy,
            "gap": None if gaps is None else float(gaps.mean()), "gap_standard_error": None if gaps is None else standard_error(gaps)}


def standard_error(values):
    """Of the mean of independent values (n,): s / sqrt(n), where s² is their variance with n - 1 below; None for one value."""
    return float(values.std(ddof=1) / math.sqrt(len(values))) if len(values) > 1 else None
