"""How many steps fit into a time. They are measured once; then the run is one of that many steps.

    steps = (minutes - measuring - 2 saving - refining - entries · evaluation) / seconds per step

The machine may turn out slower later. The number of steps stays, so the numbers of the run do.

Read first: training/run.py, training/plan.py.  Read next: training/fit.py.
"""

import dataclasses
import math
import os
import tempfile
import time
from pathlib import Path

from .. import checkpoint as files
from ..optimizers import walk
from .plan import FEWEST_ENTRIES, entry_every

MEASURE = 0.04                                         # share of the time spent on timing steps
FEWEST_TRIALS = 3                                      # steps that are timed, at least
# L-BFGS is timed with so many evaluations, few and more; the difference is the time of one
FEW, MORE = 1, 5
# an evaluation takes at least this share of a call with FEW, however the clock jumps
LEAST_SHARE = 0.02
# more steps may have more entries, and then not fit: their number is made smaller by this factor,
# at most so often
SHRINKINGS, SHRINK = 50, 0.98


def measure(run, budget, evaluate_every, signals):
    """The Plan of a run that takes `budget` seconds, and the seconds of a step: (plan, seconds).

    run              a Run that has made no step; its weights are not touched
    evaluate_every   as given to `fit`
    signals          Signals; KeyboardInterrupt if one is caught, since nothing is decided yet

    Trial steps update copies of the weights. The first call of each kind of work may compile. It is
    made before the clock starts. Evaluation and saving are timed as well, and set aside.
    """
    params = walk.copied(run.model.params)
    state = run.plan.rule.start(params)
    _compile(run, params, state)

    started = time.monotonic()
    evaluation, saving = _seconds_to_evaluate(run), _seconds_to_save(run)
    seconds = _seconds_of_a_step(run, params, state, MEASURE * budget, signals)
    plan, refining = _plan_refining(run, params, budget - (time.monotonic() - started))

    left, cost = budget - (time.monotonic() - started) - 2 * saving - refining, seconds
    if run.every > 0:
        left *= run.every / (run.every + saving)       # saving takes its share
    else:
        cost += saving
    steps = _steps_that_fit(plan, left, cost, evaluation, evaluate_every)
    return plan.of_steps(steps, evaluate_every), seconds


def _compile(run, params, state):
    """Do each kind of work once."""
    run.advance(params, state, 0)
    if run.valid is not None:
        _evaluate(run)
    if run.plan.refine is not None:
        run.refine(FEW, params)


def _evaluate(run):
    """Evaluate a batch of validation images, and return their number."""
    some = run.valid.first(run.plan.batch)
    run.model.mean_nll(some.images, condition=some.condition)
    return len(some.images)


def _seconds_to_evaluate(run):
    """What one entry of the learning curve takes."""
    if run.valid is None:
        return 0.0
    begun = time.monotonic()
    some = _evaluate(run)
    return (time.monotonic() - begun) * len(run.valid.images) / some


def _seconds_to_save(run):
    """What writing a checkpoint takes; it is written beside the real one, and removed."""
    if run.path is None:
        return 0.0
    path = Path(os.path.realpath(run.path))
    with tempfile.TemporaryDirectory(prefix=f"{path.name}.", suffix=".trial",
                                     dir=path.parent) as folder:
        return _seconds(lambda: files.write(Path(folder, "trial"), *run.contents()))


def _seconds_of_a_step(run, params, state, enough, signals):
    """The mean over trial steps. A median would leave out what slows some steps, now and later.

    enough   seconds to spend on it
    """
    first, made = time.monotonic(), 0
    while made < FEWEST_TRIALS or time.monotonic() < first + enough:
        made += 1
        run.advance(params, state, run.data.trial(made, run.plan))
        if signals.caught:
            raise KeyboardInterrupt
    return (time.monotonic() - first) / made


def _plan_refining(run, params, left):
    """(plan, seconds): the evaluations of L-BFGS that fit into their share of the time left."""
    refine = run.plan.refine
    if refine is None:
        return run.plan, 0.0
    refining = refine["share"] * left
    few, more = (_seconds(lambda: run.refine(evaluations, params)) for evaluations in (FEW, MORE))
    each = max((more - few) / (MORE - FEW), LEAST_SHARE * few)
    evaluations = max(1, int((refining / refine["times"] - few) / each))
    refine = refine | {"evaluations": evaluations}
    return dataclasses.replace(run.plan, refine=refine), refining


def _steps_that_fit(plan, left, cost, evaluation, evaluate_every):
    """How many steps, with the entries of their learning curve, fit into `left` seconds.

    cost         seconds of a step
    evaluation   seconds of an entry
    """
    if evaluate_every is not None:
        return max(1, int(left / (cost + evaluation / evaluate_every)))
    steps = max(1, int((left - FEWEST_ENTRIES * evaluation) / cost))
    for _ in range(SHRINKINGS):
        entries = math.ceil(steps / entry_every(steps, plan.batch, plan.valid_size))
        if steps * cost + entries * evaluation <= left or steps == 1:
            break
        steps = max(1, int(SHRINK * steps))
    return steps


def _seconds(call):
    begun = time.monotonic()
    call()
    return time.monotonic() - begun
