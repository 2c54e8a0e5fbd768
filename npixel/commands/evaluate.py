"""npixel evaluate: the likelihood of a data set under a model.

Read first: evaluation.py, commands/kinds.py, commands/shared.py, data/command.py.
Read next: commands/sample.py.
"""

import numpy as np

import npixel
from npixel.runtime import command
from npixel.data import command as data_command
from npixel.data.dataset import SPLITS
from npixel.evaluation import class_samples

from . import kinds
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
    kind, data = kinds.of(model.name), data_for(model, arguments)
    report = {"file": arguments.file, "model": model.name, "parameters": model.num_parameters}
    report |= kind.evaluate(model, data, arguments.split, ensemble=arguments.ensemble)
    if arguments.samples is not None:
        rng = np.random.default_rng(seed_of(arguments))
        report["class_samples"], _ = class_samples(model, data, arguments.samples, rng=rng)
    if arguments.json:
        command.print_json(report)
        return
    print(f"{'model':<11}{model.name}, {model.num_parameters:,} parameters")
    kind.show(report)
    if arguments.samples is not None:
        _show_samples(report["class_samples"])


def _show_samples(drawn):
    print(f"{'samples':<11}{100 * drawn['as_asked']:.1f} % of {drawn['samples']} show the class "
          f"they were drawn for, say their {drawn['neighbours']} nearest training images, "
          f"which are right for {100 * drawn['classifier']:.1f} % of the test images; "
          f"{100 * drawn['copies']:.1f} % are copies of a training image")
