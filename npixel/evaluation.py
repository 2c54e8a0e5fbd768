"""What a model makes of images it was not trained on, in numbers that can be compared.

    evaluate            the likelihood of a data set, and how far it is from the best possible one
    evaluate_density    the same for a density of real numbers
    class_samples       do samples show the class that was asked for?

Read first: model.py, density.py, data/dataset.py, data/known_entropy/source.py.
Read next: commands/evaluate.py, demo/__init__.py, measure.py.
"""

import math

import numpy as np

from .density import Density, bits_per_number, dequantise
from .density import ensemble as mixed
from .model import bits_per_dim

AT_ONCE = 256                                          # images whose distances are in memory


def evaluate(model, data, split="test"):
    """The likelihood of one split of a Dataset under a model: a dict of plain values.

    data                  name of the data set
    split                 as given
    images                their number
    nats                  mean of -log p(image)
    standard_error        of that mean; None for a single image
    bits_per_dim          that mean in bits per sub-pixel
    floor                 the entropy of the source of the images, nats per image; None where it is
                          not known
    gap                   mean of log q(image) - log p(image), where q is the source; None without
                          one. Both are of the same images, so the noise of the draw cancels
    gap_standard_error    of that mean

    A model with classes is told each image's label.

    ValueError if the split is unknown, or its images do not fit the model.
    """
    images, _ = data.split(split)
    nats = -model.log_prob(images, condition=condition(model, data, split))
    mean = float(nats.mean())
    report = {"data": data.name, "split": split, "images": len(images), "nats": mean,
              "standard_error": standard_error(nats),
              "bits_per_dim": bits_per_dim(mean, model.image_shape), "floor": data.entropy,
              "gap": None, "gap_standard_error": None}
    if data.process is not None:
        gaps = nats + data.process.log_prob(images)
        report |= {"gap": float(gaps.mean()), "gap_standard_error": standard_error(gaps)}
    return report


def evaluate_density(model, data, split="test", *, ensemble=False):
    """The log-density of one split of a Dataset under a density.Density: a dict of plain values.

    Noise is added to the integer images, always the same (density.dequantise).

    data                          name of the data set
    split                         as given
    images                        their number
    levels                        L, of the integer images
    scored                        pixels of each image whose density is computed
    nats                          mean of log p(image), at the scale [0, 1)
    log_density_bits_per_pixel    the same in bits per pixel, all its colours together: the unit of
                                  Theis and Bethge 2015
    standard_error                of log_density_bits_per_pixel over images
    bits_per_dim                  mean of -log2 p per number, at the scale [0, L): on average at
                                  least what a code of the integer images needs
    ensemble                      True: the mixture of eight views (density.ensemble), on the pixels
                                  that all of them score
    """
    images, _ = data.split(split)
    H, W, C = data.image_shape
    rng, log_density = np.random.default_rng(0), mixed if ensemble else Density.log_density
    log_p = np.concatenate([log_density(model, dequantise(images[n:n + 1], data.levels, rng))
                            for n in range(len(images))])
    rows, columns = model.scored((H, W))
    if ensemble and rows < H:                          # no view scores the border of another
        rows -= H - rows
    scored = rows * columns
    bits = log_p / (math.log(2) * scored)
    mean = float(log_p.mean())
    return {"data": data.name, "split": split, "images": len(images), "levels": data.levels,
            "scored": scored, "nats": mean, "log_density_bits_per_pixel": float(bits.mean()),
            "standard_error": standard_error(bits),
            "bits_per_dim": bits_per_number(mean, scored * C, levels=data.levels),
            "ensemble": ensemble}


def standard_error(values):
    """The standard error of the mean of independent values (n,); None for one value.

    It is s / sqrt(n), where s² is their variance with n - 1 in the denominator.

    >>> standard_error(np.array([1.0, 3.0]))
    1.0
    """
    return float(values.std(ddof=1) / math.sqrt(len(values))) if len(values) > 1 else None


def condition(model, data, split):
    """What a model is conditional on, for one split of a Dataset: its labels, or None.

    ValueError if the model has classes and there are no labels, or one is not among the classes.
    ValueError, too, if the model asks for vectors or maps, which no Dataset has.
    """
    for field in ("condition_features", "condition_maps"):
        if getattr(model.config, field, 0):
            raise ValueError(f"this {model.name} has {field}={getattr(model.config, field)}, and "
                             f"{data.name} has nothing but images and labels: in Python, pass "
                             "condition= to training.fit, log_prob and sample")
    if not getattr(model.config, "classes", 0):
        return None
    images, labels = data.split(split)
    if labels is None:
        raise ValueError(f"this {model.name} has {model.config.classes} classes, and the {split} "
                         f"split of {data.name} has no labels")
    model.check_condition(labels, len(images))
    return labels


def class_samples(model, data, n=500, *, neighbours=3, rng=None):
    """Do samples of a model with classes show what was asked for?

    n images are drawn, the classes in turn, and labelled by their nearest training images.

    returns     a dict, and the images (n, H, W, C); number i is of class i mod `classes`

    samples             n
    neighbours          how many training images vote
    as_asked            the share of samples that are labelled with the class they were drawn for
    as_asked_by_class   the same for each class
    classifier          the share of test images that the same vote labels rightly: what `as_asked`
                        is to be held against
    copies              the share of samples that are equal to a training image. A model that knows
                        its images by heart passes the rest

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
             "classifier": float((labels == data.test_labels).mean()),
             "copies": float((distance == 0).mean())}
    return found, drawn


def nearest(images, known, labels, neighbours=1):
    """The label of each image by a vote of its nearest neighbours, and how far the nearest one is.

    A tied vote is decided by the nearest of those that are tied.

    images    (N, H, W, C) integers
    known     (I, H, W, C) integers
    labels    (I,), of the known images
    returns   labels (N,), and the squared distance of the nearest (N,) float64

    ValueError if there are fewer known images than neighbours.

    >>> x = np.arange(4).reshape(4, 1, 1, 1)
    >>> nearest(x + 1, x, np.array([5, 5, 6, 6]), 1)[0].tolist()
    [5, 6, 6, 6]
    """
    if not 1 <= neighbours <= len(known):
        raise ValueError(f"neighbours must be in [1, {len(known)}], is {neighbours}")
    known = known.reshape(len(known), -1).astype(np.float64)
    lengths = (known * known).sum(axis=1)
    votes, distances = [], []
    flat = images.reshape(len(images), -1).astype(np.float64)
    for part in np.array_split(flat, -(-len(images) // AT_ONCE)):
        # |x - y|² = |x|² + |y|² - 2 x y: of integers, so exact
        squares = (part * part).sum(axis=1)[:, None] + lengths - 2 * part @ known.T    # (n, I)
        nearest_first = np.argsort(squares, axis=1, kind="stable")[:, :neighbours]
        found = labels[nearest_first]                                      # (n, neighbours)
        counts = (found[:, :, None] == found[:, None]).sum(axis=2)
        rows = np.arange(len(found))
        votes.append(found[rows, counts.argmax(axis=1)])
        distances.append(squares[rows, nearest_first[:, 0]])
    return np.concatenate(votes), np.concatenate(distances)
