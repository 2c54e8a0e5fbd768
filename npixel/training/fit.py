"""Training a model: the function that users call.

    training.fit(model, images, minutes=10, checkpoint="run.npz")
    training.fit(model, images, checkpoint="run.npz", resume=True)         # after a stop

    >>> import npixel
    >>> model = npixel.build("fvbn", image_shape=(2, 3, 1), dtype="float64")
    >>> black = np.zeros((8, 2, 3, 1), int)
    >>> result = fit(model, black, steps=60, batch=8, lr=0.1, progress=False)
    >>> result.status, bool(result.losses[0] > 4), bool(result.losses[-1] < 0.5)
    ('finished', True, True)

Here the arguments become a plan; run.py makes the steps.

Read first: training/plan.py, training/run.py, training/minutes.py.
Read next: training/recipes.py, evaluation.py.
"""

import functools
import os

import numpy as np

from ..runtime.whole_file import lock
from . import plan as plans
from . import record
from .batches import Images
from .minutes import measure
from .progress import RunProgress
from .run import Run
from .signals import Signals


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
def fit(model, images, *, steps=None, epochs=None, minutes=None, batch=32, optimizer="adam",
        optimizer_options=None, lr=1e-3, schedule="constant", schedule_options=None,
        clip_norm=None, clip_value=None, average=None, average_warm_up=True, keep="last", seed=0,
        condition=None, valid_images=None, valid_condition=None, valid_size=1000,
        evaluate_every=None, refine=None, checkpoint=None, checkpoint_every=60.0, resume=False,
        replace=False, progress=True, log=None):
    """Train a model by maximum likelihood: minimise the mean of -log p(image).

    model.params change in place. The length of the run is one of steps, epochs and minutes, or with
    resume none of them. Arguments that are not listed here are fields of Plan.

    model             from npixel.build or npixel.load
    images            (N, *image_shape) integers or bools in [0, levels). Or Batches, such as
                      patches.Patches; then valid_images are Batches, too
    steps             of one batch each
    epochs            passes over the images
    minutes           of wall time, without compilation. How many steps fit is measured, once and
                      for all, on copies of the weights: minutes.py
    condition         (N, ...) what the model is conditioned on; None for an unconditional model
    valid_images      evaluated without dropout at every entry of the learning curve
    valid_condition   their conditions
    valid_size        how many of them, a fixed random choice
    refine            for densities: {"times", "pixels", "evaluations", "share"}. After each of
                      `times` equal parts of the run, model.refine on about so many pixels with at
                      most so many evaluations; with minutes, as many as fit into that share
    checkpoint        a path, or None. It is written before the first step and at the end
    checkpoint_every  seconds from one writing to the next
    resume            go on from checkpoint; what decides the numbers must be as it was
    replace           start anew, though checkpoint exists
    progress          write the rate, loss and time left to standard error
    log               called with every new entry of the learning curve, a dict

    returns           Result; it is "interrupted" after Ctrl-C or SIGTERM, which let the step finish
                      and the checkpoint be written. A second one raises KeyboardInterrupt at once

    ValueError, one line, for arguments that make no sense or differ from those of the checkpoint.
    ValueError, too, for a checkpoint that exists or is in use, and for too little memory.
    FileNotFoundError if there is nothing to go on from. Diverged if a loss, a gradient or a weight
    is not finite; model.params are then the weights of the last finite loss.
    """
    data, valid = _batches(model, images, condition, valid_images, valid_condition)
    saved = record.find(checkpoint, model, resume, replace)
    old = None if saved is None else saved.plan
    steps = plans.length(steps, epochs, minutes, len(data), batch, old)
    plan = plans.make(steps, evaluate_every, old, data=data, valid=valid, valid_size=valid_size,
                      minutes=minutes, batch=batch, lr=lr, schedule=schedule,
                      schedule_options=schedule_options, optimizer=optimizer,
                      optimizer_options=optimizer_options, clip_norm=clip_norm,
                      clip_value=clip_value, average=average, average_warm_up=average_warm_up,
                      keep=keep, seed=seed, refine=refine)
    _check(plan, model, images, data, saved, checkpoint, checkpoint_every)
    run = Run(model, plan, data, valid, checkpoint, checkpoint_every)
    return _go(run, saved, steps, evaluate_every, progress, log)


def _batches(model, images, condition, valid_images, valid_condition):
    """Batches to train on, and to validate on or None."""
    if not hasattr(model, "loss_and_grads"):
        raise ValueError(f"model must be what npixel.build or npixel.load returns, is {model!r}")
    data, valid = images, valid_images
    if not hasattr(images, "digest"):
        data = Images("images", model, images, condition, "condition")
    if valid is not None and not hasattr(valid, "digest"):
        valid = Images("valid_images", model, valid_images, valid_condition, "valid_condition")
    return data, valid


def _check(plan, model, images, data, saved, path, every):
    """ValueError, one line, before anything is computed or written."""
    if plan.refine and not (hasattr(model, "refine") and hasattr(data, "for_refining")):
        raise ValueError("refine is for densities that train on patches.Patches, "
                         f"not for {model.name} on {type(images).__name__}")
    numeric = isinstance(every, (int, float, np.integer, np.floating))
    if not numeric or not every >= 0:
        raise ValueError(f"checkpoint_every must be at least 0 seconds, is {every!r}")
    plan.check(len(data))
    if saved is not None:
        record.compare(saved.plan, plan, path)
    if isinstance(data, Images):                       # patches are small
        plans.check_memory(model, plan.batch)


def _go(run, saved, steps, evaluate_every, progress, log):
    """Begin the run, or go on from what was saved, and go to its end.

    steps   None: they have to be measured
    """
    with Signals() as signals:
        words = ""
        if saved is not None:
            record.restore(run, saved)
            words = f"going on after step {run.step} of {run.plan.steps}"
        else:
            if steps is None:
                words = _measure(run, evaluate_every, signals)
            run.save()
        show = RunProgress(run, progress)
        if words:
            show.say(words)
        try:
            run.go(signals, show, log)
        finally:
            show.close()
        return run.finish(show)


def _measure(run, evaluate_every, signals):
    """Give the run the plan of as many steps as fit into its minutes, and say so."""
    minutes = run.plan.minutes
    run.plan, seconds = measure(run, 60 * minutes, evaluate_every, signals)
    run.plan.check(len(run.data))
    return f"{seconds:.3g} seconds per step: {run.plan.steps} steps in {minutes:g} minutes"
