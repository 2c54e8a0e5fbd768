"""What the verbs do in one way with a model of levels, and in another with a density.

    kinds.of("pixelcnn")       Levels: a Model, whose images are levels
    kinds.of("ride")           Reals: a Density, whose images are real numbers

Both classes have the same methods, so a verb has one way through it. What differs in numbers is a
method of the two kinds of network themselves (network.py). What differs in options and words stands
here.

Read first: registry.py, evaluation.py, training/__init__.py, training/patches.py,
commands/shared.py, commands/drawing.py.
Read next: commands/evaluate.py, commands/sample.py, commands/complete.py, commands/train.py.
"""

from typing import NamedTuple

import numpy as np

from npixel import registry, training
from npixel.data.dataset import SPLITS
from npixel.density import Density
from npixel.evaluation import condition, evaluate, evaluate_density
from npixel.model import Model
from npixel.training import Patches

from .drawing import class_labels
from .shared import shape_words


class Wanted(NamedTuple):
    """What the verb sample was asked for."""
    shape: tuple                                       # (H, W, C) of the images
    labels: object                                     # (n,) integers, or None
    options: dict                                      # of the network's method sample
    about: dict                                        # written beside the images into an .npz


class Levels:
    """A Model, whose images are levels."""

    @staticmethod
    def of_one_size():
        """True: each is for images of one shape and one number of levels."""
        return True

    @staticmethod
    def add_training_options(parser, recipe):
        """Models of levels have no training options of their own."""

    @staticmethod
    def training_options(model, arguments, options):
        """Arguments of training.fit: `options`, the recipe with what every model may be asked."""
        return options

    @staticmethod
    def training_images(model, data):
        """What a model is trained and validated on: arguments of training.fit."""
        labels = {split: condition(model, data, split) for split in SPLITS}
        return {"images": data.train, "condition": labels["train"],
                "valid_images": data.valid, "valid_condition": labels["valid"]}

    @staticmethod
    def check_memory(model, batch):
        """ValueError with the estimate if a training step would not fit into memory."""
        training.check_memory(model, batch)

    @staticmethod
    def check_completes(file, model):
        """Every model of levels completes images."""

    @staticmethod
    def evaluate(model, data, split="test", *, ensemble=False):
        """The likelihood of one split of a data set: a dict of plain values."""
        if ensemble:
            raise ValueError(f"--ensemble is for densities ({', '.join(registry.DENSITIES)}), "
                             f"not for a {model.name}")
        return evaluate(model, data, split)

    @staticmethod
    def show(report):
        """Print what `evaluate` found."""
        error = _and_error(report["standard_error"])
        print(f"{report['split']:<11}{report['nats']:.4f} nats per image{error}; "
              f"{report['bits_per_dim']:.4f} bits/dim; "
              f"{report['images']:,} images of {report['data']}")
        if report["floor"] is not None:
            error = _and_error(report["gap_standard_error"])
            print(f"{'floor':<11}{report['floor']:.4f} nats per image; gap {report['gap']:.4f} "
                  f"on these images{error}")

    @staticmethod
    def wanted(model, arguments):
        """What to sample: labels of the class asked for, or of each class in turn."""
        if arguments.size is not None or arguments.clip:
            raise ValueError("--size and --clip are for densities "
                             f"({', '.join(registry.DENSITIES)}); this {model.name} draws "
                             f"{shape_words(model.image_shape)} images")
        n, classes = arguments.n, getattr(model.config, "classes", 0)
        labels = class_labels(model, arguments, n, np.arange(n) % classes if classes else None)
        return Wanted(model.image_shape, labels, {}, {"levels": model.levels})


class Reals:
    """A Density, whose images are real numbers."""

    @staticmethod
    def of_one_size():
        """False: each takes images of any height and width."""
        return False

    @staticmethod
    def add_training_options(parser, recipe):
        """Give a verb the option --refine."""
        parser.add_argument("--refine", type=int, metavar="N",
                            help="most evaluations of L-BFGS in each part of a run of --steps "
                                 f"or --epochs (default {recipe['refine']['evaluations']}); "
                                 "--minutes says how many by itself")

    @staticmethod
    def training_options(density, arguments, options):
        """Arguments of training.fit: `options`, and how L-BFGS refines the density."""
        refine = dict(options["refine"])
        if density.config.layers == 0:
            # there is nothing but the MCGSM, and L-BFGS is better at that
            refine["share"] = 0.9
        if arguments.refine is not None:
            refine["evaluations"] = arguments.refine
        return options | {"refine": refine}

    @staticmethod
    def training_images(density, data):
        """What a density is trained and validated on: arguments of training.fit."""
        return {"images": Patches(data.train, data.levels), "condition": None,
                "valid_images": Patches(data.valid, data.levels), "valid_condition": None}

    @staticmethod
    def check_memory(density, batch):
        """Patches are small: their steps always fit."""

    @staticmethod
    def check_completes(file, density):
        """ValueError: no density completes images."""
        raise ValueError(f"{file} holds a {density.name}, which is a density: "
                         "complete is for models of levels")

    @staticmethod
    def evaluate(density, data, split="test", *, ensemble=False):
        """The log-density of one split of a data set: a dict of plain values."""
        return evaluate_density(density, data, split, ensemble=ensemble)

    @staticmethod
    def show(report):
        """Print what `evaluate` found."""
        error = _and_error(report["standard_error"])
        print(f"{report['split']:<11}{report['log_density_bits_per_pixel']:.4f} bits per pixel of "
              f"log-density at scale [0, 1), more is better{error}; {report['images']:,} images of "
              f"{report['data']}, {report['scored']:,} pixels of each")
        print(f"{'':<11}{report['bits_per_dim']:.4f} bits/dim at scale [0, {report['levels']}): "
              "the integer images take no more, on average")

    @staticmethod
    def wanted(density, arguments):
        """What to sample: images of the size asked for, with or without limits."""
        class_labels(density, arguments, arguments.n, None)
        size = density.image_shape[:2] if arguments.size is None else arguments.size[:2]
        limits = (0, 1) if arguments.clip else None
        return Wanted((*size, density.image_shape[2]), None, {"size": size, "limits": limits}, {})


def of(name):
    """Levels or Reals, for the name of a network."""
    kind, _ = registry.look_up(name)
    return {Model: Levels, Density: Reals}[kind]


def _and_error(error):
    """The standard error in words; nothing where there is none, as for one image."""
    return "" if error is None else f", standard error {error:.4f}"
