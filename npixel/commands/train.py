"""npixel train: a model, and the checkpoint that it is kept in.

Read first: training/__init__.py, training/recipes.py, data/command.py, commands/shared.py,
commands/kinds.py.
Read next: commands/sample.py.
"""

import ast
import dataclasses
import math
import os
import re
import shlex
import types
import typing
from pathlib import Path

import numpy as np

import npixel
from npixel import training
from npixel.runtime import command, progress
from npixel.data import command as data_command
from npixel.training import recipes

from . import kinds
from .shared import MODULES, about, data_inputs, own_fields, seed_of, shape_words

CHECKPOINT = command.npz_of("a checkpoint of npixel", "meta")

OFF = math.inf                                         # None is an option that was not given

# the fields that models share, in words; what is particular to a model stands in its own file
FIELDS = {
    "hidden": "features h of each hidden layer, at least one for each colour",
    "layers": "layers or residual blocks after the first convolution",
    "first_kernel": "width of the first kernel, odd",
    "kernel": "width of the later kernels, odd",
    "head": "maps of each hidden 1x1 layer before the logits",
    "head_layers": "number of those layers",
    "skip": "a connection from every layer to the head",
    "padding": 'what stands left of the image: "start", learned states, or "evolve", states that '
               "the padding of the skewed map has gone through",
    "mixtures": "components of the mixture",
    "dropout": "probability that a feature is dropped in training",
    "robust": "the approximate likelihood of the authors' program, to compare with its numbers",
    "classes": "number of labels the model is conditional on: those of the data set; 0: on none",
    "condition_features": "length of the vector the model is conditional on; from Python only, a "
                          "data set has none",
    "condition_maps": "maps the model is conditional on; from Python only, a data set has none",
    "scales": "scales of each component of the mixture",
    "features": "squared features by which the mixture's components are chosen",
    "means": "components of the mixture have means",
    "extended": "the gates see the cells on the left and above, too",
    "border": 'what stands around an image: "given", its own outermost pixels, whose density is '
              'not computed, or "padded", mean grey',
}


def add_arguments(verbs):
    train = verbs.add_parser("train", help="train a model and write it to a file",
                             description="Train a model by maximum likelihood. npixel train MODEL "
                                         "--help lists the fields of that model.")
    train.set_defaults(call=lambda arguments: train.error(
        f"must be followed by a model: {', '.join(MODULES)}"))
    models = train.add_subparsers(metavar="MODEL", title="models")
    for name in MODULES:
        summary = about(name)[0].replace("%", "%%")    # argparse formats its texts
        parser = models.add_parser(name, help=summary, description=f"Train {name}: {summary}.")
        recipe = recipes.of(name)
        data_command.add_data_options(parser)
        _add_checkpoint(parser)
        _add_length(parser, recipe)
        _add_plan(parser, recipe)
        _add_the_rest(parser)
        kinds.of(name).add_training_options(parser, recipe)
        command.add_json(parser)
        fields = parser.add_argument_group(f"fields of {name}")
        for field in own_fields(name):
            _add_field(fields, field)
        parser.set_defaults(call=_train, model=name)


def _add_checkpoint(parser):
    """Where the checkpoint is, and whether a run goes on with it or starts anew."""
    parser.add_argument("--out", metavar="FILE.npz",
                        help="the checkpoint, which is also the trained model "
                             "(default: MODEL-DATA.npz, here)")
    begin = parser.add_mutually_exclusive_group()
    begin.add_argument("--resume", action="store_true",
                       help="go on from the checkpoint; all other options as they were")
    command.add_force(begin, "the checkpoint; the run starts anew")


def _add_length(parser, recipe):
    """How long a run is: steps, epochs or minutes."""
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--steps", type=int, metavar="N",
                        help="length of the run: steps of one batch each")
    length.add_argument("--epochs", type=float, metavar="N",
                        help="... or passes over the training images "
                             f"(default {recipe['epochs']})")
    length.add_argument("--minutes", type=float, metavar="M",
                        help="... or minutes of wall time, without compilation, before "
                             "the test")


def _add_plan(parser, recipe):
    """What a step is, where it may differ from the recipe."""
    parser.add_argument("--batch", type=int, metavar="N",
                        help=f"images per step (default {recipe['batch']})")
    parser.add_argument("--optimizer", choices=training.OPTIMIZERS,
                        help=f"(default {recipe['optimizer']})")
    parser.add_argument("--lr", type=float, help=f"learning rate (default {recipe['lr']:g})")
    parser.add_argument("--schedule", choices=training.SCHEDULES,
                        help=f"of the learning rate (default {recipe['schedule']})")
    parser.add_argument("--clip", type=_number_or_off, metavar="NORM",
                        help="most length of the gradient, or off "
                             f"(default {recipe['clip_norm'] or 'off'})")
    parser.add_argument("--average", type=_number_or_off, metavar="DECAY",
                        help="decay of the running mean of the weights that is tested and "
                             f"kept, or off (default {recipe['average'] or 'off'})")


def _add_the_rest(parser):
    """What is the same for every model."""
    parser.add_argument("--keep", choices=("best", "last"), default="best",
                        help="the weights that were best on the validation images, or the last "
                             "(default best)")
    parser.add_argument("--seed", type=int, default=0,
                        help="of the weights and the order of the images (default 0)")
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32",
                        help="(default float32)")
    parser.add_argument("--checkpoint-every", type=float, default=60.0, metavar="SECONDS",
                        help="(default 60)")
    parser.add_argument("--quiet", action="store_true", help="no progress on standard error")


def _add_field(group, field):
    """One option for one field, of the field's type."""
    option, words = "--" + field.name.replace("_", "-"), FIELDS.get(field.name, "")
    words = f"{words} (default {field.default})".strip().replace("%", "%%")
    kind = _kind(field.type)
    if kind is bool:
        group.add_argument(option, dest="field_" + field.name, action="store_true", default=None,
                           help=words)
        group.add_argument("--no-" + option[2:], dest="field_" + field.name, action="store_false",
                           default=None)
    else:
        metavar = {int: "N", float: "X"}.get(kind, "VALUE")
        group.add_argument(option, dest="field_" + field.name, type=kind, metavar=metavar,
                           help=words)


def _kind(annotation):
    """What reads a field of this type: int, float, bool or str, also where it may be None.

    For any other type: a reader of Python literals.
    """
    if typing.get_origin(annotation) in (types.UnionType, typing.Union):
        annotation = next(part for part in typing.get_args(annotation) if part is not type(None))
    names = {"int": int, "float": float, "bool": bool, "str": str}
    kind = names.get(str(annotation).split(" ")[0], annotation)
    return kind if kind in names.values() else ast.literal_eval


def _number_or_off(text):
    """A number; OFF for the word."""
    return OFF if text == "off" else float(text)


def _train(arguments):
    name, data = arguments.model, data_command.load_from(arguments)
    out = arguments.out or default_out(name, arguments.data)
    if not arguments.resume:
        command.check_output(out, CHECKPOINT, inputs=data_inputs(arguments), force=arguments.force,
                             hint="resume goes on with it (--resume), --force starts anew in its "
                                  "place, another name keeps it")
    model = _build(arguments, data)
    kind = kinds.of(name)
    images = kind.training_images(model, data)
    options = _options(arguments, model, len(images["images"]))
    kind.check_memory(model, options["batch"])
    if not arguments.quiet:
        progress.say(f"{name}: {model.num_parameters:,} parameters, on {data.name}: "
                     f"{len(data.train):,} images of {shape_words(data.image_shape)}, "
                     f"{data.levels} levels")
    model.init_from_data(data.train, np.random.default_rng(seed_of(arguments)),
                         condition=images["condition"])
    result = training.fit(model, **images, **options, keep=arguments.keep, seed=arguments.seed,
                          checkpoint=out, resume=arguments.resume, replace=arguments.force,
                          checkpoint_every=arguments.checkpoint_every,
                          progress=not arguments.quiet)
    if result.status == "interrupted":
        return _say_how_to_go_on(arguments, out, result)
    _report(arguments, out, model, data, result)


def _build(arguments, data):
    """A new model for the images of a data set, with the fields asked for."""
    chosen = {field.name: getattr(arguments, "field_" + field.name)
              for field in own_fields(arguments.model)}
    fields = {field: value for field, value in chosen.items() if value is not None}
    return npixel.build(arguments.model, image_shape=data.image_shape, levels=data.levels,
                        seed=seed_of(arguments), dtype=arguments.dtype, **fields)


def _options(arguments, model, number):
    """The model's recipe with what was asked for: arguments of training.fit.

    number   of training images
    """
    options = recipes.of(model.name, steps=arguments.steps, epochs=arguments.epochs,
                         minutes=arguments.minutes, batch=arguments.batch,
                         optimizer=arguments.optimizer, lr=arguments.lr,
                         schedule=arguments.schedule, clip_norm=arguments.clip,
                         average=arguments.average)
    for name in ("clip_norm", "average"):
        if options[name] == OFF:
            options[name] = None
    if arguments.batch is None:
        options["batch"] = min(options["batch"], number)
    return kinds.of(model.name).training_options(model, arguments, options)


def _say_how_to_go_on(arguments, out, result):
    """The command that goes on with an interrupted run, on standard error; the exit status."""
    again = [word for word in arguments.argv if word not in ("--resume", "--force")]
    progress.say(f"npixel: {out} holds {result.step} of {result.plan.steps} steps; "
                 f"to go on: npixel {shlex.join([*again, '--resume'])}")
    return 130


def _report(arguments, out, model, data, result):
    """Evaluate the model on the test images, and print what was done."""
    kind = kinds.of(model.name)
    test = kind.evaluate(model, data)
    if arguments.json:
        command.print_json({
            "model": model.name, "parameters": model.num_parameters, "out": out,
            "steps": result.step, "training_seconds": result.seconds,
            "config": model.describe()["config"], "plan": dataclasses.asdict(result.plan),
            "history": result.history, "test": test})
        return
    print(f"{'trained':<11}{result.step:,} steps of {result.plan.batch} images "
          f"in {result.seconds:.1f} s")
    kind.show(test)
    print(f"{'wrote':<11}{out}")


def default_out(name, text):
    """The checkpoint's name where none is given: model and data.

    It has only letters that every file system takes.

    >>> default_out("fvbn", "data/binarized_mnist.npz")
    'fvbn-binarized_mnist.npz'
    >>> default_out("fvbn", "noisy_rule:8x8,eps=0.1")
    'fvbn-noisy_rule_8x8_eps_0_1.npz'
    """
    # "." has no name of its own
    for path in (Path(text), Path(os.path.abspath(text))):
        if words := re.sub("[^A-Za-z0-9]+", "_", path.name.removesuffix(".npz")).strip("_"):
            return f"{name}-{words}.npz"
    return f"{name}-data.npz"
