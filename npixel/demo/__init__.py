"""npixel demo: every model trained for a few seconds, side by side, in one table and eight pictures.

    npixel demo                                        three minutes, all models
    npixel demo --minutes 1 --models pixelcnn --out pictures

Each model is trained three times:

    digits              8x8 handwritten digits, 17 levels, bundled          what it is for
    noisy_rule:8x8      a parity of two neighbours, with noise              its entropy is known: how far is the model from the best possible one?
    blind_corner:8x8    rows that begin with the end of the row above       what does it cost not to see a pixel? predicted, then measured

One of them is trained on the digits once more, told which digit each image shows: then it draws those that it is asked for, and the nearest training
images say whether it did. The time is shared equally: what a model leaves over, because its recipe's epochs are done, goes to those after it. Every figure comes from
something that ran; where the naive generation of whole images would take too long it is stopped, and the figure is marked.

Read first: measure.py.  Read next: table.py, pictures.py.
"""

import functools
import sys
import time
from pathlib import Path

import numpy as np

from .. import command, data, doctor, plots, recipes, training
from ..evaluation import class_samples, condition, evaluate
from ..model import MODELS, build
from . import measure, pictures, table

DATA = {"digits": 5, "noisy_rule:8x8": 3, "blind_corner:8x8": 2}           # and the shares of a model's time for training on each
EPOCHS = {("fvbn", "digits"): 10}                      # fewer than the recipe's: 583,712 weights soon know 1,297 images by heart
SIZES = {"pixelcnn_pp": {"hidden": 16, "layers": 1, "mixtures": 5}}       # its defaults are the paper's 54 million weights
CONDITIONAL = "gated_pixelcnn"                         # the model that is told the class, too
ASKED = 100                                            # the images it is asked for
PICTURES = 8.0                                         # seconds set aside for drawing, less where the whole is short
MEASURING = 0.15                                       # the share of a model's time for what is not training
ENTRIES = 10                                           # of a learning curve
TRIAL = 5                                              # steps from which the cost of one is measured
NAIVE = 0.03                                           # the share of a model's time after which naive generation is stopped


def add_arguments(subparsers):
    """Add `demo` to the subcommands of a parser."""
    parser = subparsers.add_parser("demo", help="train all models for a few seconds: one table, eight pictures", description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=3.0, help="wall time of the whole on two cores, compilation included (default 3)")
    parser.add_argument("--models", default=",".join(MODELS), metavar="A,B", help="(default all: %(default)s)")
    parser.add_argument("--out", default="npixel-demo", metavar="DIR", help="where the pictures go (default npixel-demo, here)")
    parser.add_argument("--seed", type=int, default=0, help="(default 0)")
    command.add_json(parser)
    parser.set_defaults(call=_demo)


def _demo(arguments):
    report = run(arguments.models.split(","), minutes=arguments.minutes, out=arguments.out, seed=arguments.seed,
                 progress=lambda line: print(line, file=sys.stderr, flush=True))
    if arguments.json:
        command.print_json(report)
        return
    print(table.text(report))
    print(f"{report['seconds']:.0f} s in all" + (f"; pictures in {arguments.out}" if report["pictures"] else ""))
    if not report["pictures"]:
        print("no pictures: matplotlib is missing, pip install 'npixel[demo]'")


def run(names, *, minutes=3.0, out="npixel-demo", seed=0, progress=lambda line: None):
    """Train, measure, draw: a dict of all figures.

    names      models, of npixel.MODELS
    minutes    of wall time for everything
    out        folder for the pictures, made if it is missing; nothing is drawn without matplotlib
    progress   called with a line now and then

    rows            one for each model and data set: model, data, parameters, past_seen, seconds, seconds_per_epoch, steps, nats, standard_error, bits_per_dim; floor,
                    gap, gap_standard_error, predicted_gap or None; times {cached, naive, extrapolated, places} or None
    dependencies    one for each model: pairs, measured, theory, both, leaks: counts of pairs of sub-pixels
    normalisation   one for each model: shape, images, error
    conditional     of the model that is told the class: model, data, steps, seconds, nats, standard_error, and what evaluation.class_samples says; or None
    pictures        paths;  seconds   of the whole

    ValueError for an unknown model, a time that is not positive, a negative seed.
    """
    began = time.monotonic()
    names = list(dict.fromkeys(names))
    for name in names:
        if name not in MODELS:
            raise ValueError(f"there is no model {name!r}; there are {', '.join(MODELS)}")
    if not 0 < minutes < float("inf"):
        raise ValueError(f"minutes must be a positive number, is {minutes}")
    if seed < 0:
        raise ValueError(f"seed must be at least 0, is {seed}")
    draw = plots.available()
    if draw:
        Path(out).mkdir(parents=True, exist_ok=True)
    end = began + 60 * minutes
    reserve = min(PICTURES, 0.15 * 60 * minutes) if draw else 0.0
    sets = {name: data.load(name) for name in DATA}

    report = {"minutes": minutes, "seed": seed, "rows": [], "dependencies": [], "normalisation": [], "conditional": None}
    runs, curves = {}, {name: ({}, _marks(one)) for name, one in sets.items()}
    for name in names:                                 # compiles every kernel, so that no model's share pays for another's
        progress(f"compiling {name}")
        one = sets["digits"]
        _fit(_start(name, one, seed), one, 1, valid_images=one.valid, valid_size=1, progress=False,
             **{key: value for key, value in recipes.of(name, steps=1).items() if key != "steps"})
    jobs = len(names) + (CONDITIONAL in names)
    for number, name in enumerate(names):
        share = (end - reserve - time.monotonic()) / (jobs - number)
        trained = _train(name, sets, share, seed, curves, report, progress)
        runs[name] = _measure(name, trained, share, seed, report, progress)
    conditional = _train_with_classes(sets["digits"], end - reserve - time.monotonic(), seed, report, progress) if CONDITIONAL in names else None
    report["rows"].sort(key=lambda row: list(DATA).index(row["data"]))               # stable: models keep their order
    report["pictures"] = pictures.draw(out, sets["digits"], runs, curves, conditional, seed=seed, progress=progress) if draw else []
    report["seconds"] = time.monotonic() - began
    return report


def _train(name, sets, share, seed, curves, report, progress):
    """Train one model on every data set within its share of time, test it; {data name: model}."""
    until = time.monotonic() + (1 - MEASURING) * share
    left, trained = sum(DATA.values()), {}
    for key, one in sets.items():
        seconds = (until - time.monotonic()) * DATA[key] / left
        left -= DATA[key]
        model, result, times = _train_on(name, key, one, seconds, seed)
        curves[key][0][name] = ([entry["seconds"] for entry in result.history], [entry["valid"] for entry in result.history])
        row = {"model": name, **evaluate(model, one), "data": key, "parameters": model.num_parameters, **times, "predicted_gap": None, "times": None}
        if hasattr(one.process, "blind_gap"):
            row["predicted_gap"] = measure.predicted_gap(model, one.process)
        report["rows"].append(row)
        trained[key] = model
        progress(f"{name} on {key}: {row['steps']} steps in {row['seconds']:.1f} s, {row['nats']:.3f} nats per image")
    return trained


def _train_on(name, key, one, seconds, seed, **fields):
    """Train a model on a data set for some seconds: the model, the Result of training.fit, and what it took."""
    began = time.monotonic()
    make = functools.partial(_start, name, one, seed, **fields)
    recipe = recipes.of(name, epochs=EPOCHS.get((name, key)))
    options = {"valid_images": one.valid, "valid_size": 200, "seed": seed, "progress": False} | recipes.of(name, steps=1)
    options.pop("steps")
    steps, cost = _steps(make, one, options, recipe, seconds)
    model = make()
    result = _fit(model, one, steps, evaluate_every=-(-steps // ENTRIES), **options)
    return model, result, {"steps": steps, "seconds_per_epoch": cost * len(one.train) / recipe["batch"],
                           "seconds": time.monotonic() - began}            # with the trial steps and the learning curve's validation; without the test


def _train_with_classes(digits, seconds, seed, report, progress):
    """Train CONDITIONAL on the digits, each with its label; what it draws when it is asked for each of them. The images, one row for each class."""
    model, _, times = _train_on(CONDITIONAL, "digits", digits, (1 - MEASURING) * seconds, seed, classes=10)
    verdict, drawn = class_samples(model, digits, ASKED, rng=np.random.default_rng(seed))
    nats = evaluate(model, digits)
    report["conditional"] = {"model": CONDITIONAL, "data": "digits", "steps": times["steps"], "seconds": times["seconds"], "nats": nats["nats"],
                             "standard_error": nats["standard_error"], **verdict}
    progress(f"{CONDITIONAL} given the class: {times['steps']} steps in {times['seconds']:.1f} s, {nats['nats']:.3f} nats per image")
    return {str(k): drawn[k::10] for k in range(10)}


def _marks(one):
    """What a learning curve is held against: the source's entropy, and what is left to a model that cannot see the corner."""
    if one.process is None:
        return {}
    blind = {"floor of the blind": one.entropy + one.process.blind_gap} if hasattr(one.process, "blind_gap") else {}
    return {"floor": one.entropy} | blind


def _start(name, one, seed, **fields):
    """A model as it is before its first step."""
    model = build(name, image_shape=one.image_shape, levels=one.levels, seed=seed, **SIZES.get(name, {}), **fields)
    model.init_from_data(one.train, np.random.default_rng(seed), condition=condition(model, one, "train"))
    return model


def _steps(make, one, options, recipe, seconds):
    """How many steps fit into `seconds`, no more than the recipe's epochs have, and the seconds that one takes. Measured by two short runs of other
    weights, which are forgotten."""
    began = time.monotonic()
    fit = functools.partial(_fit, one=one, evaluate_every=1 + TRIAL, **options)
    fit(make(), steps=1)                               # may compile
    once = _seconds(lambda: fit(make(), steps=1))      # its start, one step and one point of the learning curve
    cost = max(1e-4, (_seconds(lambda: fit(make(), steps=1 + TRIAL)) - once) / TRIAL)
    most = max(1, round(recipe["epochs"] * len(one.train) / recipe["batch"]))
    left = seconds - (time.monotonic() - began) - ENTRIES * once
    return max(1, min(most, int(left / cost))), cost


def _fit(model, one, steps, **options):
    """training.fit, with the labels that the model asks for; but where that returns what there is when Ctrl-C is pressed, the demo stops: half a training is no figure."""
    labels = {split: condition(model, one, split) for split in ("train", "valid")}
    result = training.fit(model, one.train, steps=steps, condition=labels["train"], valid_condition=labels["valid"], **options)
    if result.status == "interrupted":
        raise KeyboardInterrupt
    return result


def _seconds(call):
    began = time.monotonic()
    call()
    return time.monotonic() - began


def _measure(name, trained, share, seed, report, progress):
    """What one model sees, how fast it draws, and that it is normalised; adds these to the report. What the pictures need."""
    model = trained["digits"]
    measured, seen = measure.dependencies(model, seed=seed), measure.visible(model)
    pairs = measure.past_pairs(model)
    counts = {"model": name, "pairs": pairs, "measured": int(measured.sum()), "theory": int(seen.sum()), "both": int((measured & seen).sum())}
    report["dependencies"].append(counts | {"leaks": counts["measured"] - counts["both"]})
    times = measure.generation_times(model, seconds=max(0.05, NAIVE * share), seed=seed)
    for row in report["rows"]:
        if row["model"] == name:
            row["past_seen"] = counts["both"] / pairs
            row["times"] = times._asdict() if row["data"] == "digits" else None
    small = doctor.small(name, np.random.default_rng(seed))
    report["normalisation"].append({"model": name, "shape": "x".join(map(str, small.image_shape)), "images": small.levels ** small.order.shape[0],
                                    "error": doctor.normalisation_error(small)})
    progress(f"{name}: {counts['measured']:,} of {pairs:,} dependencies measured; {times.cached:.2f} ms per image")
    return model, measured, seen
