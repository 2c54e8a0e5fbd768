"""npixel demo: every model trained for a fixed number of steps: one table and eight pictures.

    npixel demo                                        a few minutes on two cores, all models
    npixel demo --effort 0.3 --models pixelcnn --out pictures

Each model is trained three times:

    digits              8x8 handwritten digits, 17 levels, bundled: real images
    noisy_rule:8x8      a parity of two neighbours, with noise. Its entropy is known:
                        how far is the model from the best possible one?
    blind_corner:8x8    rows that begin with the end of the row above. What it costs not to see
                        a pixel is predicted, then measured

One of them is trained on the digits once more, told which digit each image shows. Then it draws
those that it is asked for, and the nearest training images say whether it did.

The numbers of steps stand in STEPS, and all arithmetic is in float64. So every figure of the table
is the same on every machine, however busy it is; only the time varies. The order in which a
processor's BLAS adds moves the test loss after 120 steps by less than 1e-8 nats. In float32 it
would move it by 0.2.

Read first: measure.py, plots.py, evaluation.py, training/__init__.py, training/recipes.py.
Read next: doctor.py, cli.py.
"""

import os
import time
from pathlib import Path

import numpy as np

from .. import data, measure, plots, training
from ..runtime import command
from ..evaluation import class_samples, condition, evaluate
from ..registry import build
from ..runtime.progress import say
from ..training import recipes
from . import pictures, table

DATA = ("digits", "noisy_rule:8x8", "blind_corner:8x8")
STEPS = {                                              # on each of DATA: about ten seconds a model
    "fvbn": (130, 300, 200),                 # 583,712 weights soon know the digits by heart
    "raster_lstm": (120, 120, 100),
    "spatial_lstm": (160, 120, 120),
    "pixelcnn": (300, 240, 240),
    "row_lstm": (120, 100, 100),
    "diagonal_lstm": (150, 120, 120),
    "diagonal_bilstm": (100, 80, 80),
    "multiscale_pixelrnn": (80, 60, 60),
    "gated_pixelcnn": (100, 60, 120),
    "pixelcnn_pp": (120, 60, 60),
}
# the defaults of PixelCNN++ are the paper's 54 million weights
SIZES = {"pixelcnn_pp": {"hidden": 16, "layers": 1, "mixtures": 5}}
CONDITIONAL, CLASS_STEPS = "gated_pixelcnn", 100       # the model that is told the class, too
ASKED = 100                                            # the images it is asked for
DRAWS = 16                                             # images in which each sub-pixel is changed
ENTRIES = 10                                           # of a learning curve


def add_arguments(subparsers):
    """Add `demo` to the subcommands of a parser."""
    parser = subparsers.add_parser(
        "demo", help="train all models for a little while: one table, eight pictures",
        description="Train every model for a fixed number of steps: one table, eight pictures. "
                    "The figures are the same on every machine; only the time varies.")
    parser.add_argument("--effort", type=float, default=1.0, metavar="F",
                        help="this times as many steps (default 1: a few minutes on two cores)")
    parser.add_argument("--models", default=",".join(STEPS), metavar="A,B",
                        help="(default all: %(default)s)")
    parser.add_argument("--out", default="npixel-demo", metavar="DIR",
                        help="where the pictures go (default npixel-demo, here)")
    command.add_force(parser, "pictures of an earlier demo")
    parser.add_argument("--seed", type=int, default=0, help="(default 0)")
    command.add_json(parser)
    parser.set_defaults(call=_demo)


def _demo(arguments):
    for name in pictures.NAMES if os.path.isdir(arguments.out) else ():
        command.check_output(Path(arguments.out, name + ".png"), command.PICTURE,
                             force=arguments.force)
    report = run(arguments.models.split(","), effort=arguments.effort, out=arguments.out,
                 seed=arguments.seed, progress=say)
    say(f"{report['seconds']:.0f} s in all")
    if arguments.json:
        command.print_json(report)
        return
    print(table.text(report))
    print(f"pictures in {arguments.out}" if report["pictures"] else
          "no pictures: matplotlib is missing, pip install 'npixel[demo]'")


def run(names, *, effort=1.0, out="npixel-demo", seed=0, progress=lambda line: None):
    """Train, measure, draw: a dict of all figures.

    names      models, of STEPS
    effort     this times as many steps as STEPS says, at least one
    out        folder for the pictures, made if it is missing; nothing is drawn without matplotlib
    progress   called with a line now and then

    rows            one dict for each model and data set: model, data, parameters, past_seen, steps,
                    seconds, nats, standard_error, bits_per_dim. Also, or None: floor, gap,
                    gap_standard_error, predicted_gap; passes, the forward passes that naive
                    generation makes for an image; same, whether cached generation drew this image
    dependencies    one dict for each model: pairs, measured, theory, both, leaks. They count pairs
                    of sub-pixels
    normalisation   one dict for each model: shape, images, error
    conditional     a dict for the model that is told the class, or None: model, data, steps,
                    seconds, nats, standard_error, and what evaluation.class_samples says
    pictures        paths
    seconds         of the whole. The seconds are the only figures that depend on the machine's load

    ValueError for an unknown model, an effort that is not positive, a negative seed.
    """
    began = time.monotonic()
    names = list(dict.fromkeys(names))
    for name in names:
        if name not in STEPS:
            raise ValueError(f"there is no model {name!r}; there are {', '.join(STEPS)}")
    if not 0 < effort < float("inf"):
        raise ValueError(f"effort must be a positive number, is {effort}")
    if seed < 0:
        raise ValueError(f"seed must be at least 0, is {seed}")
    draw = plots.available()
    if draw:
        Path(out).mkdir(parents=True, exist_ok=True)
    sets = {name: data.load(name) for name in DATA}

    report = {"effort": effort, "seed": seed, "rows": [], "dependencies": [], "normalisation": [],
              "conditional": None}
    runs, curves = {}, {name: ({}, _marks(one)) for name, one in sets.items()}
    for name in names:
        trained = _train(name, sets, effort, seed, curves, report, progress)
        runs[name] = _measure(name, trained, seed, report, progress)
    conditional = None
    if CONDITIONAL in names:
        conditional = _train_with_classes(sets["digits"], effort, seed, report, progress)
    # stable: models keep their order
    report["rows"].sort(key=lambda row: DATA.index(row["data"]))
    report["pictures"] = []
    if draw:
        report["pictures"] = pictures.draw(out, sets["digits"], runs, curves, conditional,
                                           seed=seed, progress=progress)
    report["seconds"] = time.monotonic() - began
    return report


def _train(name, sets, effort, seed, curves, report, progress):
    """Train one model on every data set and test it; {data name: model}."""
    trained = {}
    for (key, one), steps in zip(sets.items(), STEPS[name]):
        model, result, times = _train_on(name, one, steps, effort, seed)
        history = result.history
        curves[key][0][name] = ([entry["step"] for entry in history],
                                [entry["valid"] for entry in history])
        row = {"model": name, **evaluate(model, one), "data": key, **times,
               "parameters": model.num_parameters,
               "predicted_gap": None, "passes": None, "same": None}
        if hasattr(one.process, "blind_gap"):
            row["predicted_gap"] = measure.predicted_gap(model, one.process)
        report["rows"].append(row)
        trained[key] = model
        progress(f"{name} on {key}: {row['steps']} steps in {row['seconds']:.1f} s, "
                 f"{row['nats']:.3f} nats per image")
    return trained


def _train_on(name, one, steps, effort, seed, **fields):
    """Train a model on a data set: the model, training.fit's Result, the steps and seconds."""
    began = time.monotonic()
    steps = max(1, round(effort * steps))
    options = {"valid_images": one.valid, "valid_size": 200, "seed": seed, "progress": False}
    options |= recipes.of(name, steps=steps)
    model = _start(name, one, seed, **fields)
    result = _fit(model, one, evaluate_every=-(-steps // ENTRIES), **options)
    return model, result, {"steps": steps, "seconds": time.monotonic() - began}


def _train_with_classes(digits, effort, seed, report, progress):
    """Train CONDITIONAL on the digits, each with its label, and ask it for each of them.

    returns {class: (n, H, W, C) images drawn for it}
    """
    model, _, times = _train_on(CONDITIONAL, digits, CLASS_STEPS, effort, seed, classes=10)
    verdict, drawn = class_samples(model, digits, ASKED, rng=np.random.default_rng(seed))
    nats = evaluate(model, digits)
    report["conditional"] = {"model": CONDITIONAL, "data": "digits", **times, "nats": nats["nats"],
                             "standard_error": nats["standard_error"], **verdict}
    progress(f"{CONDITIONAL} given the class: {times['steps']} steps in {times['seconds']:.1f} s, "
             f"{nats['nats']:.3f} nats per image")
    return {str(k): drawn[k::10] for k in range(10)}


def _marks(one):
    """What a learning curve is held against: the entropy, and what a blind model has."""
    if one.process is None:
        return {}
    marks = {"floor": one.entropy}
    if hasattr(one.process, "blind_gap"):
        marks["floor of the blind"] = one.entropy + one.process.blind_gap
    return marks


def _start(name, one, seed, **fields):
    """A model as it is before its first step."""
    model = build(name, image_shape=one.image_shape, levels=one.levels, seed=seed, dtype="float64",
                  **SIZES.get(name, {}), **fields)
    model.init_from_data(one.train, np.random.default_rng(seed),
                         condition=condition(model, one, "train"))
    return model


def _fit(model, one, **options):
    """training.fit, with the labels that the model asks for.

    KeyboardInterrupt where training was interrupted: half a training is no figure.
    """
    labels = {split: condition(model, one, split) for split in ("train", "valid")}
    result = training.fit(model, one.train, condition=labels["train"],
                          valid_condition=labels["valid"], **options)
    if result.status == "interrupted":
        raise KeyboardInterrupt
    return result


def _measure(name, trained, seed, report, progress):
    """What one model sees, that it draws the same both ways, and that it is normalised.

    These go into the report. returns (model, measured, seen), which the pictures need
    """
    model = trained["digits"]
    measured = measure.dependencies([measure.in_float64(model)], draws=DRAWS, seed=seed)
    seen = measure.visible(model)
    pairs = measure.past_pairs(model)
    counts = {"model": name, "pairs": pairs, "measured": int(measured.sum()),
              "theory": int(seen.sum()), "both": int((measured & seen).sum())}
    report["dependencies"].append(counts | {"leaks": counts["measured"] - counts["both"]})
    passes, same = measure.naive_passes(model, seed=seed)
    for row in report["rows"]:
        if row["model"] == name:
            row["past_seen"] = counts["both"] / pairs
            row |= {"passes": passes, "same": same} if row["data"] == "digits" else {}
    small = measure.small(name, np.random.default_rng(seed))
    report["normalisation"].append({"model": name, "shape": "x".join(map(str, small.image_shape)),
                                    "images": small.levels ** small.order.shape[0],
                                    "error": measure.normalisation_error(small)})
    progress(f"{name}: {counts['measured']:,} of {pairs:,} dependencies measured; "
             f"{passes} forward passes for a naive image")
    return model, measured, seen
