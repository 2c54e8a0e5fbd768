"""The command npixel: train, evaluate, sample, complete, models, data, demo, doctor.

    npixel train pixelcnn --data binarized_mnist --minutes 10 --out run.npz
    npixel evaluate run.npz --data binarized_mnist
    npixel sample run.npz -n 25
    npixel complete run.npz --data binarized_mnist

Results go to standard output, as text or with --json as one JSON object; progress and errors go to standard error. Exit status: 0; 1 if
doctor finds a fault; 2 for bad input, with one line that says what; 130 after Ctrl-C.

Read first: command.py.  `data`, `demo` and `doctor` are in data/command.py, demo/ and doctor.py.
"""

import ast
import dataclasses
import math
import re
import shlex
import sys
import time
import types
import typing
from pathlib import Path

import numpy as np

import npixel
from npixel import command, demo, doctor, plots, recipes, training
from npixel.data import command as data_command
from npixel.data.arrays import read as read_arrays
from npixel.data.dataset import SPLITS
from npixel.evaluation import class_samples, condition, evaluate, evaluate_density
from npixel.patches import Patches
from npixel.whole_file import write_whole

# the fields that models share, in words; what is particular to a model stands in its own file
FIELDS = {
    "hidden": "features h of each hidden layer, at least one for each colour",
    "layers": "layers or residual blocks after the first convolution",
    "first_kernel": "width of the first kernel, odd",
    "kernel": "width of the later kernels, odd",
    "head": "maps of each hidden 1x1 layer before the logits",
    "head_layers": "number of those layers",
    "skip": "a connection from every layer to the head",
    "padding": 'what stands left of the image: "start", learned states, or "evolve", states that the padding of the skewed map has gone through',
    "mixtures": "components of the mixture",
    "dropout": "probability that a feature is dropped in training",
    "robust": "the approximate likelihood of the authors' program, to compare with its numbers",
    "classes": "number of labels the model is conditional on: those of the data set; 0: on none",
    "condition_features": "length of the vector the model is conditional on; from Python only, a data set has none",
    "condition_maps": "maps the model is conditional on; from Python only, a data set has none",
    "scales": "scales of each component of the mixture",
    "features": "squared features by which the mixture's components are chosen",
    "means": "components of the mixture have means",
    "extended": "the gates see the cells on the left and above, too",
    "border": 'what stands around an image: "given", its own outermost pixels, whose density is not computed, or "padded", mean grey',
}
MODULES = npixel.MODELS | npixel.DENSITIES


def parser(argv=()):
    """The whole command line; `argv` is what is being parsed, for the line that says how to go on."""
    top = command.Parser(prog="npixel", description="Autoregressive image models with exact likelihoods.")
    top.set_defaults(argv=list(argv))
    verbs = top.add_subparsers(metavar="COMMAND", title="commands")
    _add_train(verbs)
    _add_evaluate(verbs)
    _add_sample(verbs)
    _add_complete(verbs)
    _add_models(verbs)
    data_command.add_arguments(verbs)
    demo.add_arguments(verbs)
    doctor.add_arguments(verbs)
    return top


# --- train ---

def _add_train(verbs):
    train = verbs.add_parser("train", help="train a model and write it to a file",
                             description="Train a model by maximum likelihood. npixel train MODEL --help lists the fields of that model.")
    train.set_defaults(call=lambda arguments: train.error(f"must be followed by a model: {', '.join(MODULES)}"))
    models = train.add_subparsers(metavar="MODEL", title="models")
    for name in MODULES:
        summary = about(name)[0].replace("%", "%%")    # argparse formats its texts
        parser = models.add_parser(name, help=summary, description=f"Train {name}: {summary}.")
        data_command.add_data_options(parser)
        parser.add_argument("--out", metavar="FILE.npz", help="the checkpoint, which is also the trained model (default: MODEL-DATA.npz, here)")
        parser.add_argument("--resume", action="store_true", help="go on from the checkpoint; all other options as they were")
        recipe = recipes.of(name)
        length = parser.add_mutually_exclusive_group()
        length.add_argument("--steps", type=int, metavar="N", help="length of the run: steps of one batch each")
        length.add_argument("--epochs", type=float, metavar="N", help=f"... or passes over the training images (default {recipe['epochs']})")
        length.add_argument("--minutes", type=float, metavar="M", help="... or minutes of wall time, compilation included, before the test")
        parser.add_argument("--batch", type=int, metavar="N", help=f"images per step (default {recipe['batch']})")
        parser.add_argument("--optimizer", choices=training.OPTIMIZERS, help=f"(default {recipe['optimizer']})")
        parser.add_argument("--lr", type=float, help=f"learning rate (default {recipe['lr']:g})")
        parser.add_argument("--schedule", choices=training.SCHEDULES, help=f"of the learning rate (default {recipe['schedule']})")
        parser.add_argument("--clip", type=_number_or_off, metavar="NORM",
                            help=f"most length of the gradient, or off (default {recipe['clip_norm'] or 'off'})")
        parser.add_argument("--average", type=_number_or_off, metavar="DECAY",
                            help=f"decay of the running mean of the weights that is tested and kept, or off (default {recipe['average'] or 'off'})")
        parser.add_argument("--keep", choices=("best", "last"), default="best", help="the weights that were best on the validation images, or the last "
                                                                                     "(default best)")
        parser.add_argument("--seed", type=int, default=0, help="of the weights and the order of the images (default 0)")
        parser.add_argument("--dtype", choices=("float32", "float64"), default="float32", help="(default float32)")
        parser.add_argument("--checkpoint-every", type=float, default=60.0, metavar="SECONDS", help="(default 60)")
        parser.add_argument("--quiet", action="store_true", help="no progress on standard error")
        if name in npixel.DENSITIES:
            parser.add_argument("--refine", type=int, metavar="N", help="most evaluations of L-BFGS in each part of a run of --steps or --epochs (default "
                                                                        f"{recipe['refine']['evaluations']}); --minutes says how many by itself")
        command.add_json(parser)
        fields = parser.add_argument_group(f"fields of {name}")
        for field in own_fields(name):
            _add_field(fields, field)
        parser.set_defaults(call=_train, model=name)


def own_fields(name):
    """The fields of a model's Config that are its own: all but image_shape and levels."""
    return [field for field in dataclasses.fields(MODULES[name].Config) if field.name not in ("image_shape", "levels")]


def _add_field(group, field):
    """One option for one field, of the field's type."""
    option, words = "--" + field.name.replace("_", "-"), FIELDS.get(field.name, "")
    words = f"{words} (default {field.default})".strip().replace("%", "%%")
    kind = _kind(field.type)
    if kind is bool:
        group.add_argument(option, dest="field_" + field.name, action="store_true", default=None, help=words)
        group.add_argument("--no-" + option[2:], dest="field_" + field.name, action="store_false", default=None)
    else:
        metavar = {int: "N", float: "X"}.get(kind, "VALUE")
        group.add_argument(option, dest="field_" + field.name, type=kind, metavar=metavar, help=words)


def _kind(annotation):
    """int, float, bool or str for such a field (or one that may also be None), else a reader of Python literals."""
    if typing.get_origin(annotation) in (types.UnionType, typing.Union):
        annotation = next(part for part in typing.get_args(annotation) if part is not type(None))
    names = {"int": int, "float": float, "bool": bool, "str": str}
    kind = names.get(str(annotation).split(" ")[0], annotation)
    return kind if kind in names.values() else ast.literal_eval


def _number_or_off(text):
    return math.inf if text == "off" else float(text)


def _train(arguments):
    name, data = arguments.model, data_command.load_from(arguments)
    out = arguments.out or default_out(name, arguments.data)
    chosen = {field.name: getattr(arguments, "field_" + field.name) for field in own_fields(name)}
    model = npixel.build(name, image_shape=data.image_shape, levels=data.levels, seed=_seed(arguments), dtype=arguments.dtype,
                         **{field: value for field, value in chosen.items() if value is not None})
    options = recipes.of(name, steps=arguments.steps, epochs=arguments.epochs, minutes=arguments.minutes, batch=arguments.batch,
                         optimizer=arguments.optimizer, lr=arguments.lr, schedule=arguments.schedule, clip_norm=arguments.clip, average=arguments.average)
    options = {key: None if value == math.inf and key in ("clip_norm", "average") else value for key, value in options.items()}
    train, valid, labels = data.train, data.valid, dict.fromkeys(SPLITS)
    if name in npixel.DENSITIES:
        train, valid = (Patches(pictures, data.levels) for pictures in (train, valid))
        share = {"share": 0.9} if model.config.layers == 0 else {}         # nothing but the MCGSM: L-BFGS is better at that
        options["refine"] = options["refine"] | share | ({} if arguments.refine is None else {"evaluations": arguments.refine})
    else:
        labels = {split: condition(model, data, split) for split in SPLITS}
    options["batch"] = min(options["batch"], len(train)) if arguments.batch is None else options["batch"]
    _tell(arguments, f"{name}: {model.num_parameters:,} parameters, on {data.name}: {len(data.train):,} images of {_shape(data.image_shape)}, "
                     f"{data.levels} levels")
    model.init_from_data(data.train, np.random.default_rng(_seed(arguments)), condition=labels["train"])
    result = training.fit(model, train, condition=labels["train"], valid_images=valid, valid_condition=labels["valid"],
                          keep=arguments.keep, seed=arguments.seed, checkpoint=out, resume=arguments.resume, checkpoint_every=arguments.checkpoint_every,
                          progress=not arguments.quiet, **options)
    if result.status == "interrupted":
        again = [*arguments.argv] if arguments.resume else [*arguments.argv, "--resume"]
        print(f"npixel: {out} holds {result.step} of {result.plan.steps} steps; to go on: npixel {shlex.join(again)}", file=sys.stderr)
        return 130
    report = {"model": name, "parameters": model.num_parameters, "out": out, "steps": result.step, "training_seconds": result.seconds,
              "config": model.describe()["config"], "plan": dataclasses.asdict(result.plan), "history": result.history,
              "test": (evaluate_density if name in npixel.DENSITIES else evaluate)(model, data)}
    if arguments.json:
        command.print_json(report)
        return 0
    print(f"{'trained':<11}{result.step:,} steps of {result.plan.batch} images in {result.seconds:.1f} s")
    (_show_density if name in npixel.DENSITIES else _show_evaluation)(report["test"])
    print(f"{'wrote':<11}{out}")


def default_out(name, text):
    """The checkpoint's name where none is given: model and data, in letters that every file system takes.

    >>> default_out("fvbn", "data/binarized_mnist.npz"), default_out("fvbn", "noisy_rule:8x8,eps=0.1")
    ('fvbn-binarized_mnist.npz', 'fvbn-noisy_rule_8x8_eps_0_1.npz')
    """
    return f"{name}-{re.sub('[^A-Za-z0-9]+', '_', Path(text).name.removesuffix('.npz')).strip('_')}.npz"


# --- evaluate ---

def _add_evaluate(verbs):
    parser = verbs.add_parser("evaluate", help="the likelihood of a data set under a model",
                              description="The exact negative log-likelihood of images, in nats per image and bits per dimension, with the standard error "
                                         "of the mean.")
    _add_file(parser)
    data_command.add_data_options(parser)
    parser.add_argument("--split", choices=SPLITS, default="test", help="(default test)")
    parser.add_argument("--samples", type=int, metavar="N", help="of a model with classes, also draw N images, and have the nearest training images say "
                                                                 "whether they show the class they were drawn for")
    parser.add_argument("--seed", type=int, default=0, help="of those samples (default 0)")
    parser.add_argument("--ensemble", action="store_true", help="of a density: the mixture of its eight views, mirrored, upside down, transposed")
    command.add_json(parser)
    parser.set_defaults(call=_evaluate)


def _evaluate(arguments):
    model = npixel.load(arguments.file)
    report = {"file": arguments.file, "model": model.name, "parameters": model.num_parameters}
    data = _data_for(model, arguments)
    if model.name in npixel.DENSITIES:
        report |= evaluate_density(model, data, arguments.split, ensemble=arguments.ensemble)
    elif arguments.ensemble:
        raise ValueError(f"--ensemble is for densities ({', '.join(npixel.DENSITIES)}), not for a {model.name}")
    else:
        report |= evaluate(model, data, arguments.split)
    if arguments.samples is not None:
        report["class_samples"], _ = class_samples(model, data, arguments.samples, rng=np.random.default_rng(_seed(arguments)))
    if arguments.json:
        command.print_json(report)
        return
    print(f"{'model':<11}{model.name}, {model.num_parameters:,} parameters")
    (_show_density if model.name in npixel.DENSITIES else _show_evaluation)(report)
    if arguments.samples is not None:
        drawn = report["class_samples"]
        print(f"{'samples':<11}{100 * drawn['as_asked']:.1f} % of {drawn['samples']} show the class they were drawn for, say their {drawn['neighbours']} nearest training "
              f"images, which are right for {100 * drawn['classifier']:.1f} % of the test images; {100 * drawn['copies']:.1f} % are copies of a training image")


def _show_evaluation(report):
    error = "" if report["standard_error"] is None else f", standard error {report['standard_error']:.4f}"
    print(f"{report['split']:<11}{report['nats']:.4f} nats per image{error}; "
          f"{report['bits_per_dim']:.4f} bits/dim; {report['images']:,} images of {report['data']}")
    if report["floor"] is not None:
        error = "" if report["gap_standard_error"] is None else f", standard error {report['gap_standard_error']:.4f}"
        print(f"{'floor':<11}{report['floor']:.4f} nats per image; gap {report['gap']:.4f} on these images{error}")


def _show_density(report):
    error = "" if report["standard_error"] is None else f", standard error {report['standard_error']:.4f}"
    print(f"{report['split']:<11}{report['log_density_bits_per_pixel']:.4f} bits per pixel of log-density at scale [0, 1), more is better{error}; "
          f"{report['images']:,} images of {report['data']}, {report['scored']:,} pixels of each")
    print(f"{'':<11}{report['bits_per_dim']:.4f} bits/dim at scale [0, {report['levels']}): the integer images take no more, on average")


# --- sample and complete ---

def _add_sample(verbs):
    parser = verbs.add_parser("sample", help="generate images", description="Generate images pixel by pixel.")
    _add_file(parser)
    parser.add_argument("-n", type=int, default=25, help="number of images (default 25)")
    parser.add_argument("--size", type=_image_shape, metavar="HxW", help="of a density: height and width (default: those of the images it was trained on)")
    parser.add_argument("--clip", action="store_true", help="of a density: bring every number into [0, 1] as soon as it is drawn, for models that run away from there")
    _add_class(parser, "each in turn")
    _add_drawing(parser, "samples")
    parser.set_defaults(call=_sample)


def _sample(arguments):
    model, out = npixel.load(arguments.file), _out(arguments, "samples")
    rng, classes = np.random.default_rng(_seed(arguments)), getattr(model.config, "classes", 0)
    labels = _class(model, arguments, arguments.n, np.arange(arguments.n) % classes if classes else None)
    if model.name in npixel.DENSITIES:
        return _sample_density(model, arguments, rng, out)
    if arguments.size is not None or arguments.clip:
        raise ValueError(f"--size and --clip are for densities ({', '.join(npixel.DENSITIES)}); this {model.name} draws {_shape(model.image_shape)} images")
    began = time.perf_counter()
    images = model.sample(arguments.n, rng, naive=arguments.naive, condition=labels)
    seconds = time.perf_counter() - began
    rows = images if labels is None or arguments.label is not None else {str(k): images[labels == k] for k in np.unique(labels)}
    _write_images(out, lambda: plots.samples(rows, levels=model.levels, title=f"{arguments.n} samples of {Path(arguments.file).name}"),
                  images=images, levels=model.levels, **({} if labels is None else {"labels": labels}))
    _say_drawn(arguments, out, len(images), seconds)


def _sample_density(model, arguments, rng, out):
    """Real-valued images: whole in an .npz, of scale [0, 1) and not clipped; a picture shows what is below 0 as black and above 1 as white."""
    size = model.image_shape[:2] if arguments.size is None else arguments.size[:2]
    began = time.perf_counter()
    images = model.sample(arguments.n, rng, size=size, naive=arguments.naive, limits=(0, 1) if arguments.clip else None)
    seconds = time.perf_counter() - began
    if out.suffix.lower() == ".png":
        shown = np.clip(images * 256, 0, 255).astype(np.uint8)
        plots.save(plots.samples(shown, levels=256, title=f"{arguments.n} samples of {Path(arguments.file).name}"), out)
    else:
        write_whole(out, lambda file: np.savez_compressed(file, images=images))
    _say_drawn(arguments, out, len(images), seconds)


def _add_complete(verbs):
    parser = verbs.add_parser(
        "complete", help="complete half-seen images",
        description="Keep part of each image and draw the rest in the order of generation, each sub-pixel given everything before it. The law is "
                    "the exact conditional given the known sub-pixels if and only if these come before all unknown ones in the order of generation "
                    "(row by row, from the left), as with --rows; with --columns or --known, what is known further on does not influence what is "
                    "drawn before it.")
    _add_file(parser)
    data_command.add_data_options(parser)
    parser.add_argument("--split", choices=SPLITS, default="test", help="(default test)")
    parser.add_argument("-n", type=int, default=8, help="number of images, chosen at random (default 8)")
    parser.add_argument("--draws", type=int, default=3, help="completions of each (default 3)")
    known = parser.add_mutually_exclusive_group()
    known.add_argument("--rows", type=int, metavar="R", help="keep the upper R rows (default: half of them)")
    known.add_argument("--columns", type=int, metavar="K", help="keep the left K columns")
    known.add_argument("--known", metavar="FILE.npz", help="keep what is True in its array `known`, (H, W) or (H, W, C) bool")
    _add_class(parser, "the label of each image")
    _add_drawing(parser, "completions")
    parser.set_defaults(call=_complete)


def _complete(arguments):
    model, out = npixel.load(arguments.file), _out(arguments, "completions")
    if model.name in npixel.DENSITIES:
        raise ValueError(f"{arguments.file} holds a {model.name}, which is a density: complete is for models of levels")
    data = _data_for(model, arguments)
    images, _ = data.split(arguments.split)
    labels = _class(model, arguments, len(images), None)
    labels = condition(model, data, arguments.split) if labels is None else labels
    for option, value in (("-n", arguments.n), ("--draws", arguments.draws)):
        if value < 1:
            raise ValueError(f"{option} must be at least 1, is {value}")
    if arguments.n > len(images):
        raise ValueError(f"-n is {arguments.n}, but the {arguments.split} split has only {len(images)} images")
    known = _known(arguments, model.image_shape)
    rng = np.random.default_rng(_seed(arguments))
    chosen = np.sort(rng.permutation(len(images))[:arguments.n])
    given = images[chosen]
    labels = None if labels is None else np.tile(labels[chosen], arguments.draws)
    began = time.perf_counter()
    drawn = model.complete(np.tile(given, (arguments.draws, 1, 1, 1)), known, rng, naive=arguments.naive, condition=labels)
    seconds = time.perf_counter() - began
    exact = exact_conditional(known, model.order)
    rows = {f"draw {i + 1}": drawn[i * arguments.n:(i + 1) * arguments.n] for i in range(arguments.draws)}
    _write_images(out, lambda: plots.completions(given, known, rows | {"the image": given}, levels=model.levels,
                                                 title=f"Completions by {Path(arguments.file).name}"),
                  images=drawn, given=given, known=known, levels=model.levels, **({} if labels is None else {"labels": labels}))
    words = "the exact conditional given the known pixels" if exact else \
        "not the exact conditional: some known pixels come after unknown ones, and do not influence them"
    _say_drawn(arguments, out, len(drawn), seconds, law=words, exact=exact)


def _known(arguments, image_shape):
    """The sub-pixels to keep, (H, W, C) bool."""
    H, W, C = image_shape
    known = np.zeros(image_shape, bool)
    if arguments.known is not None:
        content = read_arrays(arguments.known)
        if "known" not in content or content["known"].dtype != bool:
            raise ValueError(f"{arguments.known}: must have an array `known` of bools; it has "
                             f"{', '.join(f'{key} ({array.dtype})' for key, array in content.items()) or 'nothing'}")
        array = content["known"]
        if array.shape not in ((H, W), (H, W, C)):
            raise ValueError(f"{arguments.known}: known has shape {array.shape}, must be {(H, W)} or {(H, W, C)}")
        known[...] = array.reshape(H, W, -1)
    elif arguments.columns is not None:
        known[:, :_within("--columns", arguments.columns, W)] = True
    else:
        known[:_within("--rows", H // 2 if arguments.rows is None else arguments.rows, H)] = True
    return known


def exact_conditional(known, order):
    """True if no unknown sub-pixel comes before a known one.   known (H, W, C) bool; order (H W C, 3) indices"""
    in_order = known[tuple(np.asarray(order).T)]
    return not (in_order[1:] & ~in_order[:-1]).any()


def _within(option, value, most):
    if not 0 <= value <= most:
        raise ValueError(f"{option} must be in [0, {most}], is {value}")
    return value


def _add_class(parser, default):
    parser.add_argument("--class", type=int, metavar="K", dest="label", help=f"of a model with classes: the class that is drawn (default {default})")


def _class(model, arguments, n, default):
    """n labels, all that of --class, or `default` without it."""
    if arguments.label is None:
        return default
    classes = getattr(model.config, "classes", 0)
    if not classes:
        raise ValueError(f"--class is for a model with classes; this {model.name} has none")
    if not 0 <= arguments.label < classes:
        raise ValueError(f"--class must be in [0, {classes}), is {arguments.label}")
    return np.full(max(n, 0), arguments.label)


def _add_drawing(parser, what):
    parser.add_argument("--seed", type=int, default=0, help="(default 0)")
    parser.add_argument("--naive", action="store_true", help="a whole forward pass for every sub-pixel, the definition: the same images, slower")
    parser.add_argument("--out", metavar="FILE", help=f"a picture (.png) or arrays (.npz) (default: FILE-{what}.png, here)")
    command.add_json(parser)


def _out(arguments, what):
    """Where the images go, found wrong before anything is drawn."""
    out = Path(arguments.out or f"{Path(arguments.file).stem}-{what}.png")
    if out.suffix.lower() not in (".png", ".npz"):
        raise ValueError(f"--out must end in .png or .npz, is {str(out)!r}")
    if not out.parent.is_dir():
        raise FileNotFoundError(f"{out}: its folder {out.parent} does not exist")
    if out.suffix.lower() == ".png" and not plots.available():
        raise ImportError("pictures need matplotlib: pip install 'npixel[demo]', or --out FILE.npz for arrays")
    return out


def _write_images(out, picture, **arrays):
    if out.suffix.lower() == ".png":
        plots.save(picture(), out)
    else:
        arrays["images"] = arrays["images"].astype(np.min_scalar_type(int(arrays["levels"]) - 1))
        write_whole(out, lambda file: np.savez_compressed(file, **arrays))


def _say_drawn(arguments, out, n, seconds, law=None, exact=None):
    way = "naive" if arguments.naive else "cached"
    if arguments.json:
        report = {"out": str(out), "images": n, "seconds": seconds, "milliseconds_per_image": 1000 * seconds / n, "naive": arguments.naive}
        command.print_json(report if law is None else report | {"exact_conditional": exact})
        return
    print(f"{n} images in {seconds:.2f} s, {1000 * seconds / n:.2f} ms each ({way})")
    if law:
        print(f"the law is {law}")
    print(f"wrote {out}")


def _add_file(parser):
    parser.add_argument("file", metavar="FILE.npz", help="a trained model: what npixel train wrote")


def _data_for(model, arguments):
    """The data set asked for; ValueError unless it has the model's shape and levels."""
    data = data_command.load_from(arguments)
    same = data.image_shape[2:] == model.image_shape[2:] if model.name in npixel.DENSITIES else data.image_shape == model.image_shape
    if not same or data.levels != model.levels:
        raise ValueError(f"{data.name} has {_shape(data.image_shape)} images of {data.levels} levels, "
                         f"the model in {arguments.file} is for {_shape(model.image_shape)} of {model.levels}")
    return data


# --- models ---

def _add_models(verbs):
    parser = verbs.add_parser("models", help="the models, their fields and their sizes",
                              description="Every model: its paper, its fields with their defaults, its size.")
    parser.add_argument("--image-shape", type=_image_shape, default=(28, 28, 1), metavar="HxWxC", help="for the number of parameters (default 28x28x1)")
    parser.add_argument("--levels", type=int, default=2, metavar="L", help="(default 2)")
    command.add_json(parser)
    parser.set_defaults(call=_models)


def _image_shape(text):
    parts = text.split("x")
    if len(parts) not in (2, 3) or not all(part.isdecimal() for part in parts):
        raise ValueError
    return tuple(map(int, parts)) if len(parts) == 3 else (*map(int, parts), 1)


_image_shape.__name__ = "HxW or HxWxC"                 # argparse: invalid HxW or HxWxC value: '28'


def _models(arguments):
    rows = []
    for name in MODULES:
        summary, paper = about(name)
        row = {"name": name, "about": summary, "paper": paper, "fields": {field.name: field.default for field in own_fields(name)},
               "parameters": None, "refused": None}
        try:
            row["parameters"] = npixel.build(name, image_shape=arguments.image_shape, levels=arguments.levels).num_parameters
        except ValueError as error:
            row["refused"] = str(error)
        rows.append(row)
    if all(row["refused"] for row in rows):
        raise ValueError(rows[0]["refused"])
    if arguments.json:
        command.print_json({"image_shape": arguments.image_shape, "levels": arguments.levels, "models": rows})
        return
    print(f"Parameters are for {_shape(arguments.image_shape)} images of {arguments.levels} levels.")
    for row in rows:
        size = f"{row['parameters']:,} parameters" if row["refused"] is None else f"refused: {row['refused']}"
        fields = ", ".join(f"{field}={default}" for field, default in row["fields"].items()) or "none"
        lines = [row["about"], *filter(None, [row["paper"]]), f"fields: {fields}", size]
        print("\n    ".join(["\n" + row["name"], *lines]))


def about(name):
    """What a model is, and its paper, as its file says: the first sentence, and the first paragraph that begins
    with authors, a title and a year; "" where there is none."""
    paragraphs = [" ".join(part.split()) for part in MODULES[name].__doc__.split("\n\n")]
    summary = paragraphs[0].partition(": ")[2].rstrip(".") or paragraphs[0]
    papers = (re.match(r'[^"]{3,200}?"[^"]+"[^"]*?\b(19|20)\d\d\b', text) for text in paragraphs[1:])
    return summary, next((found.group() for found in papers if found), "")


# --- helpers ---

def _shape(image_shape):
    return "x".join(map(str, image_shape))


def _seed(arguments):
    if arguments.seed < 0:
        raise ValueError(f"--seed must be at least 0, is {arguments.seed}")
    return arguments.seed


def _tell(arguments, text):
    if not arguments.quiet:
        print(text, file=sys.stderr, flush=True)
