"""The loop of a run, in the order in which things happen.

    batch, loss, clip, update, average         every step
    refine                                     where a density refines itself: see Plan
    evaluate, keep                             every `evaluate_every` steps, and after the last one
    save                                       every so many seconds, and at the end

Evaluation uses the average, if there is one: a second model is built on it, which shares all but
the weights. Until the run ends, `model.params` are the weights that are trained. When it returns,
they are what is kept (record.py).

Read first: training/step.py, training/batches.py, training/plan.py, training/record.py.
Read next: training/minutes.py, training/fit.py.
"""

import dataclasses
import math
import time

import numpy as np

from .. import checkpoint as files
from ..optimizers import walk
from ..runtime.progress import clock
from . import record, streams
from .plan import Plan
from .step import Diverged

HEALTHY = 4                                            # images that show whether weights are sound


@dataclasses.dataclass
class Result:
    """What `fit` returns.

    status       "finished" or "interrupted"
    plan         the Plan
    step         steps made, in this call and before it
    seconds      of training, in this call and before it; without measuring
    losses       (step,) float64: mean negative log-likelihood of each step's batch before its
                 update, in nats per image
    history      the learning curve, a list of dicts: step (steps made), seconds, train (mean of
                 `losses` since the last entry), valid (None without validation images), lr; train
                 and valid are in nats per image
    message      one line for people
    """
    status: str
    plan: Plan
    step: int
    seconds: float
    losses: np.ndarray
    history: list
    message: str


class Run:
    """A run in progress: the plan, and everything that changes.

    model   the model; its params change in place
    plan    the Plan
    data    Batches to train on
    valid   Batches to validate on, or None
    path    of the checkpoint, or None
    every   seconds from one checkpoint to the next
    """

    def __init__(self, model, plan, data, valid, path, every):
        self.model, self.plan, self.data, self.path, self.every = model, plan, data, path, every
        self.valid = None if valid is None else valid.choose(plan.valid_size, plan.seed)
        self.step, self.seconds, self.losses, self.history = 0, 0.0, [], []
        self.state = plan.rule.start(model.params)
        self.best = None                               # with keep="best": the best weights so far

    def go(self, signals, show, log):
        """Make steps until the last one, or until a signal arrives; the checkpoint is written.

        signals   Signals
        show      RunProgress
        log       called with every new entry of the learning curve, a copy; or None

        Diverged: model.params are then the weights that had the last finite loss.
        """
        try:
            self._loop(signals, show, log)
        except Diverged:
            walk.copy_into(self.state.good, self.model.params)
            raise

    def _loop(self, signals, show, log):
        """`go`, whatever becomes of the weights."""
        before, begun = self.seconds, time.monotonic()
        written, saved = begun, None
        while self.step < self.plan.steps and not signals.caught:
            # batch, loss, clip, update, average
            self.losses.append(self.advance(self.model.params, self.state, self.step))
            self.step += 1
            # refine
            if self.plan.refines_after(self.step):
                self.refine(self.plan.refine["evaluations"], self.model.params)
            self._check_finite(files.flatten(self.model.params))
            self.seconds = before + time.monotonic() - begun
            show.step()
            # evaluate, keep
            if self.step % self.plan.evaluate_every == 0 or self.step == self.plan.steps:
                self.history.append(self._entry())
                self._keep_if_best()
                self.seconds = before + time.monotonic() - begun
                show.entry(self.history[-1])
                if log is not None:
                    log(dict(self.history[-1]))
            # save
            if time.monotonic() - written >= self.every:
                self._check_likelihood()
                self.save()
                written, saved = time.monotonic(), self.step
        if saved != self.step:
            self._check_likelihood()
            self.save()

    def advance(self, params, state, step):
        """One step: batch, loss, clip, update, average.   params and state: in place

        The gradient is that of the model's own weights, also where `params` are copies of them.

        returns   the loss before the update, nats per image
        """
        lr = self.plan.lr_at(step)
        images, condition = self.data.batch(step, self.plan)
        dropout = streams.generator(self.plan.seed, streams.DROPOUT, step)
        try:
            loss, grads = self.model.loss_and_grads(images, condition=condition, rng=dropout)
        except ValueError as error:                    # of the weights: images are checked
            raise self._diverged(step, error, lr) from None
        try:
            self.plan.rule.step(params, loss, grads, state, step=step, lr=lr, unit="nats")
        except Diverged as error:
            raise Diverged(f"{error}; {self._last_good()}") from None
        return float(loss)

    def refine(self, evaluations, params):
        """The model's own refinement of its weights.   params: in place"""
        images = self.data.for_refining(max(1, self.step), self.plan)
        walk.copy_into(self.model.refine(images, evaluations), params)

    # evaluate and keep

    def _entry(self):
        """A new entry of the learning curve."""
        last = self.history[-1]["step"] if self.history else 0
        valid = None if self.valid is None else \
            self._mean_nll(self.running(), *self.valid, "validation images")
        return {"step": self.step, "seconds": self.seconds,
                "train": float(np.mean(self.losses[last:])), "valid": valid,
                "lr": self.plan.lr_at(self.step - 1)}

    def _keep_if_best(self):
        """With keep="best": copy the weights of the last entry if no other one is better."""
        values = [entry["valid"] for entry in self.history]
        if self.plan.keep == "best" and values[-1] <= min(values):
            self.best = walk.copied(self.running())

    def running(self):
        """The average, or without one the weights."""
        return self.model.params if self.state.average is None else self.state.average

    def kept(self):
        """What is kept if the run ends now."""
        return self.running() if self.best is None else self.best

    def _mean_nll(self, params, images, condition, words):
        """model.mean_nll under these weights, in nats.   Diverged if it is not finite"""
        try:
            nll = self.model.with_params(params).mean_nll(images, condition=condition)
        except ValueError as error:                    # of the weights: images are checked
            raise self._diverged(self.step, f"no loss on {words}: {error}") from None
        if not math.isfinite(nll):
            raise self._diverged(self.step, f"the loss on {words} is {nll} nats")
        return nll

    # save

    def save(self):
        """Write the checkpoint, if there is to be one.

        Diverged if a number of the weights or of the optimiser's state is not finite; the old
        checkpoint stays.
        """
        if self.path is not None:
            files.write(self.path, *self.contents())

    def contents(self):
        """(arrays, meta) of a checkpoint that is written now: record.py."""
        weights = record.weights(self)
        self._check_finite(weights)
        return weights | record.curve(self), record.meta(self)

    def finish(self, show):
        """Put what is kept into the model, and return the Result."""
        walk.copy_into(self.kept(), self.model.params)
        finished = self.step == self.plan.steps
        message = self._finished() if finished else self._interrupted()
        show.say(message)
        return Result("finished" if finished else "interrupted", self.plan, self.step,
                      self.seconds, np.array(self.losses, np.float64), self.history, message)

    def _finished(self):
        which = ""
        if self.best is not None:
            best = min(reversed(self.history), key=lambda entry: entry["valid"])
            which = (f"; kept are the weights after step {best['step']}, "
                     f"with {best['valid']:.4g} nats on the validation images")
        return f"finished: {self.step} steps in {clock(self.seconds)}{which}"

    def _interrupted(self):
        where = "there is no checkpoint to go on from" if self.path is None \
            else f"{self.path} has it all: resume to go on"
        return f"interrupted after step {self.step} of {self.plan.steps}; {where}"

    # what is not finite

    def _check_likelihood(self):
        """Diverged unless a few images of the last batch have a finite likelihood.

        They have to under the weights, and under their average.
        """
        images, condition = self.data.batch(max(0, self.step - 1), self.plan)
        some = images[:HEALTHY], None if condition is None else condition[:HEALTHY]
        for params in (self.model.params, self.state.average):
            if params is not None:
                self._mean_nll(params, *some, "images of the last batch")

    def _check_finite(self, arrays):
        """Diverged unless all numbers of these arrays, by name, are finite."""
        for name, array in arrays.items():
            if not np.isfinite(array).all():
                raise self._diverged(self.step, f"{name} is no longer finite")

    def _diverged(self, step, words, lr=None):
        """The Diverged that says what was found.   lr: None for that of the last step"""
        lr = self.plan.lr_at(max(0, self.step - 1)) if lr is None else lr
        return Diverged(f"step {step}: {words} (lr {lr:g}); {self._last_good()}")

    def _last_good(self):
        return "there is no checkpoint" if self.path is None \
            else f"the last checkpoint stays in {self.path}"
