"""The record of a run: what its checkpoint holds, and going on from one.

What is kept is the average of the weights, if there is one, else the weights. With keep="best" it
is kept as it was at the best entry of the learning curve. There the negative log-likelihood of the
validation images is lowest. This is early stopping, except that the run goes on.

    params/...                         what is kept; npixel.load reads it
    training/weights/...               the weights to go on from, where they are not what is kept
    training/average/...               the average to go on from, where it is not what is kept
    training/optimizer/...             the optimiser's state
    training/losses                    the loss of each step
    training/history/FIELD             the learning curve, one column for each field
    meta: training                     {"plan", "step", "seconds"}

Read first: checkpoint.py, training/plan.py, training/step.py.  Read next: training/run.py.
"""

import dataclasses
import json
import math
import os
from typing import NamedTuple

import numpy as np

from .. import checkpoint as files
from ..optimizers import walk
from .plan import Plan
from .step import State

FIELDS = ("step", "seconds", "train", "valid", "lr")   # of an entry of the learning curve


class Saved(NamedTuple):
    """A checkpoint that was read."""
    plan: Plan
    step: int                                          # steps made
    seconds: float                                     # of training
    arrays: dict                                       # every array of the file, by name


def weights(run):
    """What the run has in numbers: the kept weights, those to go on from, the optimiser's state."""
    arrays = files.flatten(run.kept())
    for prefix, tree in (("training/weights", run.model.params),
                         ("training/average", run.state.average)):
        if tree is not None and tree is not run.kept():
            arrays |= files.flatten(tree, prefix)
    return arrays | files.flatten(run.state.optimizer, "training/optimizer")


def curve(run):
    """The losses and the learning curve as arrays."""
    arrays = {"training/losses": np.array(run.losses, np.float64)}
    for field in FIELDS:
        dtype = np.int64 if field == "step" else np.float64
        column = [entry[field] for entry in run.history]
        arrays[f"training/history/{field}"] = np.array(column, dtype)      # None becomes nan
    return arrays


def meta(run):
    """The model and the plan, for JSON."""
    training = {"plan": dataclasses.asdict(run.plan), "step": run.step, "seconds": run.seconds}
    return {"model": run.model.describe(), "training": training}


def restore(run, saved):
    """Take over what a checkpoint holds.   run: in place, all of it or, with a ValueError, nothing

    saved   from `read`
    """
    (plan, step, seconds, arrays), params, path = saved, run.model.params, run.path
    history, losses = read_curve(path, arrays)
    best, averaged = plan.keep == "best" and bool(history), plan.average is not None

    def tree(like, prefix):
        return files.unflatten(arrays, like, prefix, path=path)
    to_go_on_from = tree(params, "training/weights" if best or averaged else "params")
    average = tree(params, "training/average" if best else "params") if averaged else None
    kept = tree(params, "params")
    optimizer = tree(run.state.optimizer, "training/optimizer")
    if len(losses) != step or not 0 <= step <= plan.steps:
        raise ValueError(f"{path}: {len(losses)} losses after {step} of {plan.steps} steps")

    walk.copy_into(to_go_on_from, params)
    run.state = State(optimizer, average, good=walk.copied(params))
    run.best = kept if best else None
    run.plan, run.step, run.seconds = plan, step, seconds
    run.losses, run.history = losses.tolist(), history


def history(path):
    """The learning curve in the checkpoint of a run: (history, losses) as in Result.

    FileNotFoundError if there is no such file; ValueError if it is damaged, or no checkpoint of a
    run.
    """
    return read_curve(path, files.read(path)[0])


def read_curve(path, arrays):
    """`history`, from the arrays of the file."""
    try:
        columns = [arrays[f"training/history/{field}"].tolist() for field in FIELDS]
        losses = arrays["training/losses"]
    except KeyError:
        raise ValueError(f"{path} has no learning curve: it is no checkpoint of a training "
                         "run") from None
    entries = [dict(zip(FIELDS, row)) for row in zip(*columns)]
    for entry in entries:
        if math.isnan(entry["valid"]):                 # None was written as nan
            entry["valid"] = None
    return entries, losses


def find(path, model, resume, replace):
    """The Saved to go on from; None where a run starts anew.

    ValueError if a checkpoint exists that the run neither resumes nor replaces.
    """
    if resume:
        return read(path, model)
    if path is not None and not replace and os.path.lexists(path):
        raise ValueError(f"{path} exists: resume goes on with it, another name starts anew")
    return None


def read(path, model):
    """The Saved of a checkpoint, after it has been held against the model.

    FileNotFoundError if there is no such file; ValueError, one line, if it is damaged, no
    checkpoint of a run, or that of another model.
    """
    if path is None:
        raise ValueError("resume needs the path of a checkpoint")
    arrays, about = files.read(path)
    training = about.get("training")
    if not isinstance(training, dict):
        raise ValueError(f"{path} is a model, but no checkpoint of a training run: there is "
                         "nothing to go on with")
    try:
        plan = Plan(**training["plan"])
        step, seconds = int(training["step"]), float(training["seconds"])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: the plan of the run cannot be read ({error})") from None
    stored, here = about.get("model"), json.loads(json.dumps(model.describe()))
    if stored != here:
        stored = stored if isinstance(stored, dict) else {}
        field = next(name for name in (*here, *stored) if here.get(name) != stored.get(name))
        raise ValueError(f"{path}: its model has {field} {stored.get(field)}, "
                         f"this model has {here.get(field)}")
    return Saved(plan, step, seconds, arrays)


def compare(stored, plan, path):
    """ValueError that names the first field in which a run that goes on would differ."""
    for field in dataclasses.fields(Plan):
        old, new = getattr(stored, field.name), getattr(plan, field.name)
        if old != new:
            raise ValueError(f"{path}: {field.name} was {old} when the run began, is {new} now; "
                             "a run goes on as it began")
