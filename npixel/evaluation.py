"""What a model makes of images it was not trained on, in numbers that can be compared.

Read first: model.py, data/known_entropy/source.py.
"""

import math

import numpy as np

from .density import Density, bits_per_number, dequantise
from .density import ensemble as mixed
from .model import bits_per_dim


def evaluate(model, data, split="test"):
    """The likelihood of one split of a Dataset under a model: a dict of plain values.

    data, split, images          name, split, number of images
    nats, standard_error         mean of -log p(image), and the standard error of this mean (None for a single image)
    bits_per_dim                 the mean in bits per sub-pixel
    floor                        the entropy of the source the images come from, nats per image; None where it is not known
    gap, gap_standard_error      mean of log q(image) - log p(image), q the source: on the same images, so that the noise of the draw cancels; None
                                 without a source

    A model with classes is told each image's label. ValueError if the split is unknown, or it does not fit the model.
    """
    images, _ = data.split(split)
    nats = -model.log_prob(images, condition=condition(model, data, split))
    gaps = None if data.process is None else nats + data.process.log_prob(images)
    return {"data": data.name, "split": split, "images": len(images), "nats": float(nats.mean()), "standard_error": standard_error(nats),
            "bits_per_dim": bits_per_dim(float(nats.mean()), model.image_shape), "floor": data.entropy,
            "gap": None if gaps is None else float(gaps.mean()), "gap_standard_error": None if gaps is None else standard_error(gaps)}


def evaluate_density(model, data, split="test", *, ensemble=False):
    """The log-density of one split of a Dataset under a density.Density: a dict of plain values.

    data, split, images             name, split, number of images
    levels, scored                  of the integer images, to which noise is added (density.dequantise, always the same); pixels of each whose density is computed
    nats                            mean of log p(image), nats per image at the scale [0, 1)
    log_density_bits_per_pixel      the same in bits per pixel, all its colours together: the unit of Theis and Bethge 2015; and its standard_error over images
    bits_per_dim                    mean of -log2 p per number at the scale [0, L): on average at least what a code of the integer images needs
    ensemble                        True: the mixture of eight views, on the pixels that all score (density.ensemble)
    """
    images, _ = data.split(split)
    H, W, C = data.image_shape
    rng = np.random.default_rng(0)
    log_p = np.concatenate([(mixed if ensemble else Density.log_density)(model, dequantise(images[n:n + 1], data.levels, rng)) for n in range(len(images))])
    rows, columns = model.scored((H, W))
    scored = (rows - H + rows if ensemble and rows < H else rows) * columns
    bits = log_p / (math.log(2) * scored)
    return {"data": data.name, "split": split, "images": len(images), "levels": data.levels, "scored": scored, "nats": float(log_p.mean()),
            "log_density_bits_per_pixel": float(bits.mean()), "standard_error": standard_error(bits),
            "bits_per_dim": bits_per_number(float(log_p.mean()), scored * C, levels=data.levels), "ensemble": ensemble}


def standard_error(values):
    """Of the mean of independent values (n,): s / sqrt(n), where s² is their variance with n - 1 below; None for one value."""
    return float(values.std(ddof=1) / math.sqrt(len(values))) if len(values) > 1 else None


def condition(model, data, split):
    """What a model is conditional on, for one split of a Dataset: its labels where the model has classes, None where it has no condition.

    ValueError if there are no labels, or one is not among the classes, or the model asks for vectors or maps, which no Dataset has.
    """
    for field in ("condition_features", "condition_maps"):
        if getattr(model.config, field, 0):
            raise ValueError(f"this {model.name} has {field}={getattr(model.config, field)}, and {data.name} has nothing but images and labels: "
                             "in Python, pass condition= to training.fit, log_prob and sample")
    if not getattr(model.config, "classes", 0):
        return None
    images, labels = data.split(split)
    if labels is None:
        raise ValueError(f"this {model.name} has {model.config.classes} classes, and the {split} split of {data.name} has no labels")
    model.check_condition(labels, len(images))
    return labels


def class_samples(model, data, n=500, *, neighbours=3, rng=None):
    """Do samples of a model with classes show what was asked for? n images, the classes in turn, are labelled by their nearest training images.

    returns     a dict, and the images (n, H, W, C), number i of class i mod `classes`

    samples, neighbours     n, and how many training images vote
    as_asked                the share of samples that are labelled with the class they were drawn for
    as_asked_by_class       the same for each class
    classifier              the share of test images that the same vote labels rightly: what `as_asked` is to be held against
    copies                  the share of samples that are equal to a training image: a model that knows its images by heart passes the rest

    ValueError if the model has no classes, or n or neighbours make no sense.
    """
    classes = getattr(model.config, "classes", 0)
    if not classes:
        raise ValueError(f"this {model.name} has no classes")
    if n < classes:
        raise ValueError(f"{n} samples are fewer than the {classes} classes")
    condition(model, data, "train")
    asked = np.arange(n) % classes
    drawn = model.sample(n, rng, condition=asked)
    shown, distance = nearest(drawn, data.train, data.train_labels, neighbours)
    labels, _ = nearest(data.test, data.train, data.train_labels, neighbours)
    right = shown == asked
    found = {"samples": n, "neighbours": neighbours, "as_asked": float(right.mean()),
            "as_asked_by_class": [float(right[asked == k].mean()) for k in range(classes)],
            "classifier": float((labels == data.test_labels).mean()), "copies": float((distance == 0).mean())}
    return found, drawn


def nearest(images, known, labels, neighbours=1):
    """The label of each image by a vote of its nearest neighbours, of a tied vote the nearest one's; and the squared distance of the nearest.

    images (N, H, W, C), known (M, H, W, C) integers, labels (M,)  ->  (N,) labels, (N,) float64

    >>> x = np.arange(4).reshape(4, 1, 1, 1)
    >>> nearest(x + 1, x, np.array([5, 5, 6, 6]), 1)[0].tolist()
    [5, 6, 6, 6]

    ValueError if there are fewer known images than neighbours.
    """
    if not 1 <= neighbours <= len(known):
        raise ValueError(f"neighbours must be in [1, {len(known)}], is {neighbours}")
    known = known.reshape(len(known), -1).astype(np.float64)
    votes, distances = [], []
    for part in np.array_split(images.reshape(len(images), -1).astype(np.float64), -(-len(images) // 256)):
        squares = (part * part).sum(axis=1)[:, None] + (known * known).sum(axis=1) - 2 * part @ known.T     # of integers: exact
        nearest_first = np.argsort(squares, axis=1, kind="stable")[:, :neighbours]
        found = labels[nearest_first]                                      # (n, neighbours)
        counts = (found[:, :, None] == found[:, None]).sum(axis=2)
        votes.append(found[np.arange(len(found)), counts.argmax(axis=1)])
        distances.append(squares[np.arange(len(found)), nearest_first[:, 0]])
    return np.concatenate(votes), np.concatenate(distances)
