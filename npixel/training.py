"""Training: the fit loop, its checkpoints, and going on after a stop with the same numbers.

    for step in 0, ..., steps - 1:
        nll, g = model.loss_and_grads(batch(step))                 nats per image, mean over the batch
        g = clip(g)
        p = optimizer(p, g, lr(step))
        a = d a + (1 - d) p                                        averaging.py, if asked for

Everything that happens at a step is a function of the seed and the step: the batch, the learning rate, the random numbers of dropout.
So the whole state of a run is its plan, the number of steps made, the weights, the optimizer's state and the average. A run that was
interrupted, or killed at any moment, goes on from its last checkpoint and ends with the weights it would have had, bit for bit, on the
same machine.

Batches. The images are put in random order, again for every epoch, and the epochs are laid end to end; batch s is the stretch from s B to
(s + 1) B. Every image is seen once per epoch, and a batch may lie across two epochs. A batch may not be larger than the data set.

Which weights are where. Kept are the average, if there is one, else the weights; with keep="best" as they were at the entry of the learning curve with the
lowest negative log-likelihood of the validation images (early stopping, except that the run goes on to its end):

    during training                params: the weights;   evaluation on validation images uses the average
    in a checkpoint                params/...: what is kept;   training/weights/... and training/average/...: what to go on from, where it differs from that
    when `fit` returns             model.params: what is kept

npixel.load opens the checkpoint of a run, finished or not, as a model.

What goes wrong. A loss, a gradient, or weights after an update that are not finite end the run:
Diverged. So do weights whose likelihood is not finite, at an entry of the learning curve and before
a checkpoint is written. The weights that had the last finite loss stay.

Densities (density.py) are trained by the same loop. Their images come from patches.py, which cuts other and larger ones as the run goes on; their loss is
in nats per pixel; and after a part of the run they refine some of their weights themselves (`refine`), which belongs to the step that ends the part.

Read first: optimizers/adam.py, optimizers/averaging.py, checkpoint.py.
"""

import dataclasses
import functools
import hashlib
import inspect
import json
import math
import os
import signal
import sys
import tempfile
import threading
import time
from functools import lru_cache
from pathlib import Path

import numpy as np

from . import checkpoint as files
from .runtime import memory
from .optimizers import adam, averaging, clipping, rmsprop, schedules, sgd
from .runtime.progress import Progress, clock as _clock
from .runtime.whole_file import lock

OPTIMIZERS = {"sgd": sgd, "rmsprop": rmsprop, "adam": adam}
SCHEDULES = {name: getattr(schedules, name) for name in ("constant", "exponential", "cosine", "piecewise")}
EVALUATIONS = 10, 100                                  # in a run, if evaluate_every is not given: at least, at most
BETWEEN = 7                                            # and between two of them at least this many images trained on for one evaluated: a twentieth of the time
# more are a mistake, and no float counts them
MOST_STEPS = 2**53
# images whose likelihood tells before a checkpoint whether weights are sound
HEALTHY = 4
MEASURE = 0.04                                         # the share of `minutes` spent on measuring the rate
_ORDER, _DROPOUT, _VALIDATION = range(3)               # streams of random numbers


class Diverged(ValueError):
    """The loss, a gradient or a weight is no longer finite."""


@dataclasses.dataclass(frozen=True)
class Plan:
    """Everything that decides the numbers of a run; saved in its checkpoint, and compared when the run goes on.

    steps                               length of the run
    batch                               images per step
    lr, schedule, schedule_options      learning rate at a step: schedules.NAME(step, steps=steps, lr=lr, **options)
    optimizer, optimizer_options        NAME.update(..., **options)
    clip_norm, clip_value               most the gradient's length, or an entry, may be; None: whatever it is
    average, average_warm_up            decay of the average of the weights, or None for no average; see averaging.decay_at
    keep                                "last", or "best" on the validation images: see the header of this file
    seed                                of the order of the images, of dropout, and of the choice of validation images
    evaluate_every, valid_size          steps from one entry of the learning curve to the next; validation images used for it, 0 for none
    minutes                             the time the number of steps was derived from, or None
    data, valid_data                    number and SHA-256 of the images, and their conditions
    refine                              None, or {"times", "pixels", "evaluations", "share"}: see `fit`
    """
    steps: int
    batch: int
    lr: float
    schedule: str
    schedule_options: dict
    optimizer: str
    optimizer_options: dict
    clip_norm: float | None
    clip_value: float | None
    average: float | None
    average_warm_up: bool
    keep: str
    seed: int
    evaluate_every: int
    valid_size: int
    minutes: float | None
    data: str
    valid_data: str | None
    refine: dict | None = None

    def lr_at(self, step):
        """The learning rate of a step."""
        return SCHEDULES[self.schedule](step, steps=self.steps, lr=self.lr, **self.schedule_options)

    def refines_after(self, step):
        """True if the model is refined when `step` steps are made: after each of `times` equal parts of the run."""
        times = self.refine["times"] if self.refine else 0
        return any(step == max(1, part * self.steps // times) for part in range(1, times + 1))


@dataclasses.dataclass
class Result:
    """What `fit` returns.

    status       "finished" or "interrupted"
    plan         the Plan
    step         steps made, in this call and before it
    seconds      of training, in this call and before it; without measuring
    losses       (step,) float64: mean negative log-likelihood of each step's batch, nats per image, before its update
    history      the learning curve, a list of dicts: step (steps made), seconds, train (mean of `losses` since the last entry), valid (None
                 without validation images), both in nats per image, lr
    message      one line for people
    """
    status: str
    plan: Plan
    step: int
    seconds: float
    losses: np.ndarray
    history: list
    message: str


def _locked(fit):
    """fit, while nobody else writes to its checkpoint."""
    @functools.wraps(fit)
    def locked(model, images, *, checkpoint=None, **options):
        if checkpoint is None:
            return fit(model, images, **options)
        if not isinstance(checkpoint, (str, os.PathLike)):
            raise ValueError(f"checkpoint must be a path or None, is {checkpoint!r}")
        with lock(checkpoint):
            return fit(model, images, checkpoint=checkpoint, **options)
    return locked


@_locked
def fit(model, images, *, steps=None, epochs=None, minutes=None, batch=32, optimizer="adam", optimizer_options=None, lr=1e-3, schedule="constant",
        schedule_options=None, clip_norm=None, clip_value=None, average=None, average_warm_up=True, keep="last", seed=0,
        condition=None, valid_images=None, valid_condition=None, valid_size=1000, evaluate_every=None, refine=None,
        checkpoint=None, checkpoint_every=60.0, resume=False, replace=False, progress=True,
        log=None):
    """Train a model by maximum likelihood: minimise the mean of -log p(image).   model.params: in place

    model               from npixel.build or npixel.load
    images              (N, *image_shape) integers or bools in [0, levels); or what cuts batches itself, as patches.Patches does, and then valid_images too
    steps, epochs, minutes      the length of the run, exactly one of them (or none with resume=True, then it is the checkpoint's):
                        steps; passes over the images; or minutes of wall time, evaluation included,
                        compilation and checks of the data not. For
                        `minutes` the rate is measured first, on copies of the weights, and the number of steps that fits is fixed once and for
                        all: it is then the same run as steps=that number, and goes on to its end if the machine turns out slower
    optimizer           "sgd", "rmsprop" or "adam", and its options, such as {"b2": 0.9995}
    lr, schedule        "constant", "exponential", "cosine" or "piecewise", and its options, such as {"warm_up": 100}
    clip_norm, clip_value, average, average_warm_up, keep, seed, evaluate_every        see Plan
    condition           (N, ...) what the model is conditioned on, row by row; None for an unconditional model
    valid_images        evaluated without dropout at every entry of the learning curve: a fixed random choice of `valid_size` of them
    refine              for models that have `refine` (density.py): {"times", "pixels", "evaluations", "share"}. After each of `times` equal parts of the run,
                        model.refine on images of about so many pixels, with so many evaluations at most; with `minutes` as many as fit into that share of it
    checkpoint          a path, or None. Written before the first step, every `checkpoint_every` seconds, and at the end
    resume              go on from `checkpoint`; every argument that decides the numbers must be as it was
    replace             start anew, though `checkpoint` exists: the new one replaces it
    progress            write the rate, loss and time left to standard error
    log                 called with every new entry of the learning curve, a dict

    returns             Result

    Ctrl-C and SIGTERM let the current step finish, write the checkpoint and return with status "interrupted"; a second one raises
    KeyboardInterrupt at once. (Signals reach Python's main thread only.)

    ValueError, one line with the numbers, for arguments that make no sense or differ from those of
    the checkpoint; if `checkpoint` exists and neither resume nor replace is True; if another run is
    writing to it; if a step would take more memory than is available. FileNotFoundError if there is
    nothing to go on from. Diverged (a ValueError) as the header says: the last checkpoint stays,
    and model.params are the weights that had the last finite loss.
    """
    if not hasattr(model, "loss_and_grads"):
        raise ValueError(f"model must be what npixel.build or npixel.load returns, is {model!r}")
    data = images if hasattr(images, "digest") else _Data("images", model, images, condition, "condition")
    valid = valid_images
    if valid is not None and not hasattr(valid, "digest"):
        valid = _Data("valid_images", model, valid_images, valid_condition, "valid_condition")
    saved = _read(checkpoint, model) if resume else None
    if checkpoint is not None and not resume and not replace and os.path.lexists(checkpoint):
        raise ValueError(f"{checkpoint} exists: resume goes on with it, another name starts anew")
    length = _length(steps, epochs, minutes, data, batch, saved)
    make = dict(batch=_count("batch", batch), lr=_number("lr", lr), schedule=schedule, schedule_options=_options("schedule_options", schedule_options),
                optimizer=optimizer, optimizer_options=_options("optimizer_options", optimizer_options), clip_norm=_maybe("clip_norm", clip_norm),
                clip_value=_maybe("clip_value", clip_value), average=_maybe("average", average), average_warm_up=bool(average_warm_up), keep=keep,
                seed=_count("seed", seed, least=0), valid_size=0 if valid is None else min(_count("valid_size", valid_size), len(valid)),
                minutes=saved[0].minutes if saved and minutes is None else _maybe("minutes", minutes),
                data=data.digest(), valid_data=valid and valid.digest(),
                refine=_refinement(refine))
    if make["refine"] and not (hasattr(model, "refine") and hasattr(data, "for_refining")):
        raise ValueError(f"refine is for densities that train on patches.Patches, not for {model.name} on {type(images).__name__}")
    if saved and saved[0].minutes is not None and saved[0].refine and make["refine"]:
        # derived from the time, as the steps were
        make["refine"]["evaluations"] = saved[0].refine["evaluations"]
    if evaluate_every is not None:
        _count("evaluate_every", evaluate_every)
    numbers = (int, float, np.integer, np.floating)
    if not isinstance(checkpoint_every, numbers) or not checkpoint_every >= 0:
        raise ValueError(f"checkpoint_every must be at least 0 seconds, is {checkpoint_every!r}")

    def plan_for(steps):
        return Plan(steps=steps, evaluate_every=evaluate_every or _every(steps, make["batch"], make["valid_size"]), **make)

    plan = plan_for(length or 10**9)
    _check(plan, data)
    if saved:
        _compare(saved[0], plan, checkpoint)
    if isinstance(data, _Data):                    # patches are small
        check_memory(model, plan.batch)
    run = _Run(model, plan, data, valid and valid.choose(plan.valid_size, plan.seed), checkpoint, checkpoint_every)
    with _Signals() as signals:
        if saved:
            run.restore(*saved)
        else:
            if length is None:
                steps, seconds = _measure(run, 60 * minutes, evaluate_every, signals)
                # the refinement's evaluations have been filled in
                run.plan = plan_for(steps)
                _check(run.plan, data)
            run.save()
        show = _Progress(run, progress)
        if length is None:
            show.say(f"{seconds:.3g} seconds per step: {steps} steps in {minutes:g} minutes")
        if saved:
            show.say(f"going on after step {run.step} of {run.plan.steps}")
        try:
            run.go(signals, show, log)
        finally:
            show.close()
        return run.finish(show)


def check_memory(model, batch):
    """ValueError with the estimate if a step on so many images would not fit into memory;
    memory.py.
    """
    if hasattr(model, "module"):                       # else it is a stand-in, and unknown
        H, W, C = model.image_shape
        memory.require(memory.training_bytes(model, batch),
                       f"a step of {model.name} on {batch} images of {H}x{W}x{C}, "
                       f"{model.levels} levels,",
                       "smaller or fewer images in a batch, fewer levels or features take less")


class _Run:
    """A run in progress: the plan, and everything that changes."""

    def __init__(self, model, plan, data, valid, path, every):
        self.model, self.plan, self.data, self.valid, self.path, self.every = model, plan, data, valid, path, every
        self.step, self.seconds, self.losses, self.history = 0, 0.0, [], []
        self.state = OPTIMIZERS[plan.optimizer].init(model.params)
        self.average = None if plan.average is None else averaging.init(model.params)
        self.best = None                               # with keep="best": the weights of the best entry so far

    def go(self, signals, show, log):
        """Make steps until the last one, or until a signal arrives; the checkpoint is written either way."""
        self.good = averaging.init(self.model.params)  # the weights that had the last finite loss
        try:
            self.loop(signals, show, log)
        except Diverged:
            _copy(self.good, self.model.params)
            raise

    def loop(self, signals, show, log):
        before, begun = self.seconds, time.monotonic()
        written, saved = begun, -1
        while self.step < self.plan.steps and not signals.caught:
            self.losses.append(self.advance(self.model.params, self.state, self.average, self.step))
            self.step += 1
            if self.plan.refines_after(self.step):
                self.refine(self.plan.refine["evaluations"], self.model.params)
            self.check_finite(files.flatten(self.model.params))
            self.seconds = before + time.monotonic() - begun
            show.step()
            if self.step % self.plan.evaluate_every == 0 or self.step == self.plan.steps:
                self.history.append(self.entry())
                self.keep()
                self.seconds = before + time.monotonic() - begun
                show.entry(self.history[-1])
                if log is not None:
                    log(dict(self.history[-1]))
            if time.monotonic() - written >= self.every:
                self.check_likelihood()
                self.save()
                written, saved = time.monotonic(), self.step
        if saved != self.step:
            self.check_likelihood()
            self.save()

    def advance(self, params, state, average, step):
        """One step of the loop in the header, on these weights; the gradient is that of the model's. Returns the loss."""
        plan, lr = self.plan, self.plan.lr_at(step)
        images, condition = self.data.batch(step, plan)
        try:
            nll, grads = self.model.loss_and_grads(images, condition=condition, rng=_generator(plan.seed, _DROPOUT, step))
        except ValueError as error:                    # images and conditions have been checked: it is the weights
            raise Diverged(f"step {step}: {error} (lr {lr:g}); {self.last_good()}") from None
        if not math.isfinite(nll):
            size, label = clipping.largest(params, grads)
            raise Diverged(f"step {step}: the loss is {nll} nats (lr {lr:g}, largest gradient {size:g} in {label}); {self.last_good()}")
        if params is self.model.params:                # not a trial on copies
            _copy(params, self.good)
        try:
            length = clipping.norm(params, grads, step=step)
        except ValueError as error:
            raise Diverged(f"{error} (loss {nll:g} nats, lr {lr:g}); {self.last_good()}") from None
        if plan.clip_norm is not None:
            clipping.by_norm(params, grads, length=length, most=plan.clip_norm)
        if plan.clip_value is not None:
            clipping.by_value(params, grads, most=plan.clip_value)
        OPTIMIZERS[plan.optimizer].update(params, grads, state, step=step, lr=lr, **plan.optimizer_options)
        if average is not None:
            averaging.update(params, average, decay=averaging.decay_at(step, decay=plan.average, warm_up=plan.average_warm_up))
        return float(nll)

    def refine(self, evaluations, params):
        """The model's own refinement of its weights, into `params`."""
        _copy(self.model.refine(self.data.for_refining(max(1, self.step), self.plan), evaluations), params)

    def entry(self):
        """A new entry of the learning curve."""
        last = self.history[-1]["step"] if self.history else 0
        return {"step": self.step, "seconds": self.seconds, "train": float(np.mean(self.losses[last:])), "valid": self.evaluate(),
                "lr": self.plan.lr_at(self.step - 1)}

    def keep(self):
        """With keep="best": take the last entry's weights if it is the best one."""
        values = [entry["valid"] for entry in self.history]
        if self.plan.keep == "best" and values[-1] <= min(values):
            self.best = averaging.init(self.running())

    def running(self):
        """The average, or without one the weights."""
        return self.model.params if self.average is None else self.average

    def kept(self):
        """What a checkpoint written now has as the model's parameters."""
        return self.running() if self.best is None else self.best

    def evaluate(self):
        """Mean negative log-likelihood of the chosen validation images under the average, nats per image (of a density, per pixel: model.mean_nll)."""
        if self.valid is None:
            return None
        return self.mean_nll(self.running(), self.valid.images, self.valid.condition,
                             "validation images")

    def mean_nll(self, weights, images, condition, words):
        """model.mean_nll under other weights.   Diverged if it is not finite"""
        own = averaging.init(self.model.params)
        _copy(weights, self.model.params)
        try:
            nll = self.model.mean_nll(images, condition=condition)
        # images and conditions have been checked: it is the weights
        except ValueError as error:
            raise self.diverged(f"no loss on {words}: {error}") from None
        finally:
            _copy(own, self.model.params)
        if not math.isfinite(nll):
            raise self.diverged(f"the loss on {words} is {nll} nats")
        return nll

    def check_likelihood(self):
        """Diverged unless the weights, and their average, give a few images of the last batch a
        finite likelihood.
        """
        images, condition = self.data.batch(max(0, self.step - 1), self.plan)
        condition = None if condition is None else condition[:HEALTHY]
        for weights in (self.model.params, self.average):
            if weights is not None:
                self.mean_nll(weights, images[:HEALTHY], condition, "images of the last batch")

    def check_finite(self, arrays):
        """Diverged unless all numbers of these arrays, by name, are finite."""
        for name, array in arrays.items():
            if not np.isfinite(array).all():
                raise self.diverged(f"{name} is no longer finite")

    def diverged(self, words):
        """The Diverged that says what was found after the last step."""
        lr = self.plan.lr_at(max(0, self.step - 1))
        return Diverged(f"step {self.step}: {words} (lr {lr:g}); {self.last_good()}")

    def finish(self, show):
        _copy(self.kept(), self.model.params)
        finished = self.step == self.plan.steps
        if finished:
            message = f"finished: {self.step} steps in {_clock(self.seconds)}{self.which()}"
        elif self.path is None:
            message = f"interrupted after step {self.step} of {self.plan.steps}; there is no checkpoint to go on from"
        else:
            message = f"interrupted after step {self.step} of {self.plan.steps}; {self.path} has it all: resume to go on"
        show.say(message)
        return Result("finished" if finished else "interrupted", self.plan, self.step, self.seconds, np.array(self.losses, np.float64),
                      self.history, message)

    def which(self):
        """With keep="best", which weights were kept."""
        if self.best is None:
            return ""
        best = min(reversed(self.history), key=lambda entry: entry["valid"])
        return f"; kept are the weights after step {best['step']}, with {best['valid']:.4g} nats on the validation images"

    # the checkpoint

    def last_good(self):
        return "there is no checkpoint" if self.path is None else f"the last checkpoint stays in {self.path}"

    def save(self):
        """Write the checkpoint, if there is to be one.   Diverged if a number of the state is not finite: the old one stays."""
        if self.path is not None:
            files.write(self.path, *self.contents())

    def contents(self):
        arrays = files.flatten(self.kept())
        for prefix, weights in (("training/weights", self.model.params), ("training/average", self.average)):
            if weights is not None and weights is not self.kept():
                arrays |= files.flatten(weights, prefix)
        arrays |= files.flatten(self.state, "training/optimizer")
        self.check_finite(arrays)
        arrays["training/losses"] = np.array(self.losses, np.float64)
        for field in ("step", "seconds", "train", "valid", "lr"):
            column = [entry[field] for entry in self.history]
            arrays[f"training/history/{field}"] = np.array(column, np.int64 if field == "step" else np.float64)      # valid: None becomes nan
        training = {"plan": dataclasses.asdict(self.plan), "step": self.step, "seconds": self.seconds}
        return arrays, {"model": self.model.describe(), "training": training}

    def restore(self, plan, step, seconds, arrays):
        """Take over what a checkpoint holds: everything, or nothing and a ValueError."""
        self.plan, params, path = plan, self.model.params, self.path
        history, losses = _history(path, arrays)
        best = plan.keep == "best" and bool(history)
        weights = files.unflatten(arrays, params, "training/weights" if best or self.average is not None else "params", path=path)
        average = files.unflatten(arrays, params, "training/average" if best else "params", path=path) if self.average is not None else None
        kept = files.unflatten(arrays, params, path=path)
        self.history, self.average, self.best = history, average, kept if best else None
        self.state = files.unflatten(arrays, self.state, "training/optimizer", path=path)
        self.losses = losses.tolist()
        if len(self.losses) != step or not 0 <= step <= plan.steps:
            raise ValueError(f"{path}: {len(self.losses)} losses after {step} of {plan.steps} steps")
        self.step, self.seconds = step, seconds
        _copy(weights, params)


def history(path):
    """The learning curve in the checkpoint of a run: (history, losses) as in Result.

    FileNotFoundError if there is no such file; ValueError if it is damaged, or no checkpoint of a run.
    """
    return _history(path, files.read(path)[0])


def _history(path, arrays):
    try:
        columns = {field: arrays[f"training/history/{field}"].tolist() for field in ("step", "seconds", "train", "valid", "lr")}
        losses = arrays["training/losses"]
    except KeyError:
        raise ValueError(f"{path} has no learning curve: it is no checkpoint of a training run") from None
    rows = [dict(zip(columns, row)) for row in zip(*columns.values())]
    return [row | {"valid": None if math.isnan(row["valid"]) else row["valid"]} for row in rows], losses      # None was written as nan


def _read(path, model):
    """(plan, step, seconds, arrays) of a checkpoint, after it has been held against the model."""
    if path is None:
        raise ValueError("resume needs the path of a checkpoint")
    arrays, meta = files.read(path)
    training = meta.get("training")
    if not isinstance(training, dict):
        raise ValueError(f"{path} is a model, but no checkpoint of a training run: there is nothing to go on with")
    try:
        plan, step, seconds = Plan(**training["plan"]), int(training["step"]), float(training["seconds"])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: the plan of the run cannot be read ({error})") from None
    stored, here = meta.get("model"), json.loads(json.dumps(model.describe()))
    if stored != here:
        stored = stored if isinstance(stored, dict) else {}
        field = next(name for name in (*here, *stored) if here.get(name) != stored.get(name))
        raise ValueError(f"{path}: its model has {field} {stored.get(field)}, this model has {here.get(field)}")
    return plan, step, seconds, arrays


def _compare(stored, plan, path):
    """ValueError that names the first field in which a run that goes on would differ."""
    for field in dataclasses.fields(Plan):
        old, new = getattr(stored, field.name), getattr(plan, field.name)
        if old != new:
            raise ValueError(f"{path}: {field.name} was {old} when the run began, is {new} now; a run goes on as it began")


def _length(steps, epochs, minutes, data, batch, saved):
    """The number of steps; None if it has to be measured."""
    given = {name: value for name, value in (("steps", steps), ("epochs", epochs), ("minutes", minutes)) if value is not None}
    if len(given) > 1 or not given and not saved:
        raise ValueError(f"give exactly one of steps, epochs and minutes, not {' and '.join(given) or 'none of them'}")
    _count("batch", batch)
    if steps is not None:
        return _at_most("steps", _count("steps", steps))
    for name, value in given.items():
        if _number(name, value) <= 0:
            raise ValueError(f"{name} must be positive, is {value}")
    if epochs is not None:
        steps = epochs * len(data) / batch - 1e-9      # 0.1 * 30 is not to be 4
        return max(1, math.ceil(_at_most(f"the steps of {epochs:g} epochs", steps)))
    return saved[0].steps if saved else None


def _at_most(name, steps):
    if steps > MOST_STEPS:
        raise ValueError(f"{name} must be at most {MOST_STEPS:,}, are {steps:.6g}")
    return steps


def _every(steps, batch, valid_size):
    """Steps from one entry of the learning curve to the next, where nobody says: see EVALUATIONS and BETWEEN."""
    fewest, most = (math.ceil(steps / number) for number in EVALUATIONS)
    return max(most, min(fewest, math.ceil(BETWEEN * valid_size / batch)))


def _check(plan, data):
    """Every number of the plan, before anything is computed or written: ValueError, one line."""
    if plan.batch > len(data):
        raise ValueError(f"batch is {plan.batch}, but there are only {len(data)} images")
    for kind, name, choices in (("optimizer", plan.optimizer, OPTIMIZERS), ("schedule", plan.schedule, SCHEDULES)):
        if name not in choices:
            raise ValueError(f"{kind} must be one of {', '.join(choices)}, is {name!r}")
    rule, schedule = OPTIMIZERS[plan.optimizer], SCHEDULES[plan.schedule]
    for function, options, name, fixed in ((rule.update, plan.optimizer_options, plan.optimizer, ("params", "grads", "state", "step", "lr")),
                                           (schedule, plan.schedule_options, plan.schedule, ("step", "steps", "lr"))):
        known = [option for option in inspect.signature(function).parameters if option not in fixed]
        for option in options:
            if option not in known:
                raise ValueError(f"{name} has no option {option!r}; it has {', '.join(known) or 'none'}")
    if plan.lr <= 0:
        raise ValueError(f"lr must be positive, is {plan.lr}")
    for name in ("clip_norm", "clip_value", "minutes"):
        if getattr(plan, name) is not None and getattr(plan, name) <= 0:
            raise ValueError(f"{name} must be positive, is {getattr(plan, name)}")
    if plan.keep not in ("last", "best"):
        raise ValueError(f"keep must be last or best, is {plan.keep!r}")
    if plan.keep == "best" and plan.valid_size == 0:
        raise ValueError("keep='best' needs valid_images to choose by")
    if plan.average is not None and not 0 <= plan.average < 1:
        raise ValueError(f"average must be in [0, 1), is {plan.average}")
    try:
        rule.update({}, {}, rule.init({}), step=0, lr=plan.lr, **plan.optimizer_options)       # no weights: only the options are looked at
        for step in (0, plan.steps - 1):
            plan.lr_at(step)
    except TypeError as error:
        raise ValueError(f"an option of {plan.optimizer} or {plan.schedule} has the wrong type ({error})") from None


def _refinement(refine):
    if refine is None:
        return None
    refine = {"times": 8, "pixels": 100_000, "evaluations": 500, "share": 0.25} | _options("refine", refine)
    if len(refine) != 4:
        raise ValueError(f"refine has times, pixels, evaluations and share, not {', '.join(refine)}")
    if not 0 < _number("share of refine", refine["share"]) < 1:
        raise ValueError(f"the share of refine must be in (0, 1), is {refine['share']}")
    return refine | {name: _count(f"{name} of refine", refine[name]) for name in ("times", "pixels", "evaluations")}


def _count(name, value, least=1):
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise ValueError(f"{name} must be an integer of at least {least}, is {value!r}")
    return int(value)


def _number(name, value):
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)) or not math.isfinite(value):
        raise ValueError(f"{name} must be a finite number, is {value!r}")
    return float(value)


def _maybe(name, value):
    return None if value is None else _number(name, value)


def _options(name, options):
    """A dict as JSON will give it back: tuples are lists."""
    try:
        return json.loads(json.dumps({} if options is None else dict(options), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be a dict of numbers ({error})") from None


# --- data ---

class _Data:
    """Images with their conditions, checked as a whole."""

    def __init__(self, name, model, images, condition, condition_name):
        try:
            self.images = model.check_images(images)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
        self.condition = None if condition is None else np.asarray(condition)
        if self.condition is not None and (self.condition.ndim == 0 or len(self.condition) != len(self.images)):
            raise ValueError(f"{condition_name} must have {len(self.images)} rows, one for each of {name}, has shape {self.condition.shape}")
        # the model itself says what else is wrong with a condition, or with its weights
        model.log_prob(self.images[:1], condition=None if condition is None else self.condition[:1])

    def __len__(self):
        return len(self.images)

    def digest(self):
        digest = hashlib.sha256()
        for array in (self.images, self.condition):
            if array is not None:
                digest.update(f"{array.dtype.str} {array.shape}".encode())
                digest.update(np.ascontiguousarray(array).view(np.uint8).data)
        return f"{len(self)} images, sha256 {digest.hexdigest()}"

    def trial(self, number, plan):
        """A step whose batch is to be timed: one is as good as another."""
        return number

    def batch(self, step, plan):
        """Images and conditions of a step: see the header."""
        size, seed = plan.batch, plan.seed
        epochs, places = np.divmod(np.arange(step * size, (step + 1) * size), len(self))
        rows = np.concatenate([_permutation(seed, int(epoch), len(self))[places[epochs == epoch]] for epoch in np.unique(epochs)])
        return self.images[rows], None if self.condition is None else self.condition[rows]

    def choose(self, size, seed):
        """`size` of the images, chosen at random: a file may be sorted by class, so its first rows would not do."""
        rows = np.sort(_generator(seed, _VALIDATION, 0).permutation(len(self))[:size])
        chosen = object.__new__(_Data)
        chosen.images, chosen.condition = self.images[rows], None if self.condition is None else self.condition[rows]
        return chosen


@lru_cache(maxsize=2)                                  # the epoch that ends in this batch, and the one that begins
def _permutation(seed, epoch, size):
    return _generator(seed, _ORDER, epoch).permutation(size)


def _generator(seed, stream, index):
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(stream, index))))


def _copy(source, target):
    for name, weights in target.items():
        for old, new in zip(weights, source[name]):
            old[...] = new


# --- minutes ---

def _measure(run, budget, evaluate_every, signals):
    """How many steps fit into `budget` seconds: (steps, seconds per step).

    The weights are not touched: trial steps update copies of them and of the optimizer's state. Of
    each kind of work the first call may compile. It is made before the clock starts. What
    evaluation and checkpoints will take is measured too, and set aside.
    """
    params, state = averaging.init(run.model.params), OPTIMIZERS[run.plan.optimizer].init(run.model.params)
    average = None if run.average is None else averaging.init(params)
    run.advance(params, state, average, 0)
    if run.valid is not None:
        some = min(run.plan.batch, len(run.valid))
        images, condition = run.valid.images[:some], None if run.valid.condition is None else run.valid.condition[:some]
        run.model.mean_nll(images, condition=condition)
    if run.plan.refine is not None:
        run.refine(1, params)

    started = time.monotonic()
    evaluation = 0.0 if run.valid is None else \
        _seconds(lambda: run.model.mean_nll(images, condition=condition)) * len(run.valid) / some
    saving = 0.0
    if run.path is not None:
        path = Path(os.path.realpath(run.path))
        with tempfile.TemporaryDirectory(prefix=f"{path.name}.", suffix=".trial",
                                         dir=path.parent) as folder:
            saving = _seconds(lambda: files.write(Path(folder, "trial"), *run.contents()))

    first, made = time.monotonic(), 0
    while made < 3 or time.monotonic() < first + MEASURE * budget:
        made += 1
        run.advance(params, state, average, run.data.trial(made, run.plan))
        if signals.caught:                             # nothing is decided yet, so there is nothing to go on from
            raise KeyboardInterrupt
    seconds = (time.monotonic() - first) / made        # the mean, not the median: what slows some steps will slow some later

    refining = 0.0
    if run.plan.refine is not None:
        refining = run.plan.refine["share"] * (budget - (time.monotonic() - started))
        few, more = (_seconds(lambda: run.refine(evaluations, params)) for evaluations in (1, 5))
        each = max((more - few) / 4, 0.02 * few)
        run.plan.refine["evaluations"] = max(1, int((refining / run.plan.refine["times"] - few) / each))

    left, cost = budget - (time.monotonic() - started) - 2 * saving - refining, seconds
    if run.every > 0:
        left *= run.every / (run.every + saving)
    else:
        cost += saving
    if evaluate_every is not None:
        return max(1, int(left / (cost + evaluation / evaluate_every))), seconds
    steps = max(1, int((left - EVALUATIONS[0] * evaluation) / cost))
    for _ in range(50):                                # more steps may have more evaluations, for which time has to be set aside
        entries = math.ceil(steps / _every(steps, run.plan.batch, run.plan.valid_size))
        if steps * cost + entries * evaluation <= left or steps == 1:
            break
        steps = max(1, int(0.98 * steps))
    return steps, seconds


def _seconds(call):
    begun = time.monotonic()
    call()
    return time.monotonic() - begun


# --- signals and progress ---

class _Signals:
    """While entered, the first SIGINT or SIGTERM is noted in `caught`, and a second one raises KeyboardInterrupt."""

    def __enter__(self):
        self.caught, self.old = None, {}
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                if signal.getsignal(number) != signal.SIG_IGN:             # a job in the background is not to hear Ctrl-C
                    self.old[number] = signal.signal(number, self._catch)
        return self

    def _catch(self, number, frame):
        if self.caught is not None:
            raise KeyboardInterrupt
        self.caught = number

    def __exit__(self, *_):
        for number, handler in self.old.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


class _Progress(Progress):
    """Rate, loss and time left of a run, on standard error; see progress.py."""

    def __init__(self, run, on):
        super().__init__(run.plan.steps if on else 0, "step", done=run.step, on=on)
        self.run, self.valid = run, None

    def step(self):
        self.at(self.run.step, self.numbers)

    def entry(self, entry):
        self.valid = entry["valid"]
        if self.bar is None:
            self.at(self.run.step, self.numbers, line=True)

    def numbers(self):
        """Images per second, the mean loss of the last 100 steps, and the latest validation."""
        rate = self.rate()
        parts = [] if rate is None else [f"{rate * self.run.plan.batch:.3g} images/s"]
        parts.append(f"train {self.loss(np.mean(self.run.losses[-100:]))}")
        if self.valid is not None:
            parts.append(f"valid {self.loss(self.valid)}")
        return ", ".join(parts)

    def loss(self, nats):
        return self.run.model.in_words(nats)
