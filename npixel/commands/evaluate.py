"""npixel evaluate: the likelihood of a data set under a model.

Read first: ../evaluation.py.
"""

import numpy as np

import npixel
from npixel.runtime import command
from npixel.data import command as data_command
from npixel.data.dataset import SPLITS
from npixel.evaluation import class_samples, evaluate, evaluate_density

from .shared import add_file, data_for, seed_of


def add_arguments(verbs):
    parser = verbs.add_parser(
        "evaluate", help="the likelihood of a data set under a model",
        description="The exact negative log-likelihood of images, in nats per image and bits per "
                    "dimension, with the standard error of the mean.")
    add_file(parser)
    data_command.add_data_options(parser)
    parser.add_argument("--split", choices=SPLITS, default="test", help="(default test)")
    parser.add_argument("--samples", type=int, metavar="N",
                        help="of a model with classes, also draw N images, and have the nearest "
                             "training images say whether they show the class they were drawn for")
    parser.add_argument("--seed", type=int, default=0, help="of those samples (default 0)")
    parser.add_argument("--ensemble", action="store_true",
                        help="of a density: the mixture of its eight views, mirrored, upside down, "
                             "transposed")
    command.add_json(parser)
    parser.set_defaults(call=_evaluate)


def _evaluate(arguments):
    model = npixel.load(arguments.file)
    report = {"file": arguments.file, "model": model.name, "parameters": model.num_parameters}
    data = data_for(model, arguments)
    if model.name in npixel.DENSITIES:
        report |= evaluate_density(model, data, arguments.split, ensemble=arguments.ensemble)
    elif arguments.ensemble:
        raise ValueError(f"--ensemble is for densities ({', '.join(npixel.DENSITIES)}), "
                         f"not for a {model.name}")
    else:
        report |= evaluate(model, data, arguments.split)
    if arguments.samples is not None:
        rng = np.random.default_rng(seed_of(arguments))
        report["class_samples"], _ = class_samples(model, data, arguments.samples, rng=rng)
    if arguments.json:
        command.print_json(report)
        return
    print(f"{'model':<11}{model.name}, {model.num_parameters:,} parameters")
    (show_density if model.name in npixel.DENSITIES else show_evaluation)(report)
    if arguments.samples is not None:
        drawn = report["class_samples"]
        print(f"{'samples':<11}{100 * drawn['as_asked']:.1f} % of {drawn['samples']} show the "
              f"class they were drawn for, say their {drawn['neighbours']} nearest training "
              f"images, which are right for {100 * drawn['classifier']:.1f} % of the test images; "
              f"{100 * drawn['copies']:.1f} % are copies of a training image")


def _and_error(error):
    """The standard error in words, nothing where there is none: of one image."""
    return "" if error is None else f", standard error {error:.4f}"


def show_evaluation(report):
    error = _and_error(report["standard_error"])
    print(f"{report['split']:<11}{report['nats']:.4f} nats per image{error}; "
          f"{report['bits_per_dim']:.4f} bits/dim; {report['images']:,} images of {report['data']}")
    if report["floor"] is not None:
        error = _and_error(report["gap_standard_error"])
        print(f"{'floor':<11}{report['floor']:.4f} nats per image; gap {report['gap']:.4f} "
              f"on these images{error}")


def show_density(report):
    error = _and_error(report["standard_error"])
    print(f"{report['split']:<11}{report['log_density_bits_per_pixel']:.4f} bits per pixel of "
          f"log-density at scale [0, 1), more is better{error}; {report['images']:,} images of "
          f"{report['data']}, {report['scored']:,} pixels of each")
    print(f"{'':<11}{report['bits_per_dim']:.4f} bits/dim at scale [0, {report['levels']}): "
          "the integer images take no more, on average")
