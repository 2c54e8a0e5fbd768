"""The plan of a run: everything that decides its numbers, read and checked before the first step.

    plan = make(steps, None, None, data=data, batch=32, lr=1e-3, schedule="cosine", ...)
    plan.lr_at(step)                   the learning rate, a function of the step alone
    plan.rule                          what a step does with it

The plan is saved in every checkpoint. When the run goes on, its plan has to be the same.

Read first: arguments.py, optimizers/schedules.py, training/step.py.
Read next: training/record.py, training/run.py.
"""

import dataclasses
import json
import math

import numpy as np

from .. import arguments
from ..optimizers import schedules
from ..runtime import memory
from .step import Rule, check_options, choose

SCHEDULES = {name: getattr(schedules, name)
             for name in ("constant", "exponential", "cosine", "piecewise")}

MOST_STEPS = 2**53                                     # no float counts more one by one
UNKNOWN_STEPS = 10**9                                  # until they are measured
# The learning curve, where evaluate_every is not given: it has at least so many entries ...
FEWEST_ENTRIES = 10
# ... and at most so many. Between two of them there are at least 7 training images for each image
# that is evaluated, so that evaluation takes a twentieth of the time.
MOST_ENTRIES = 100
TRAINED_PER_EVALUATED = 7
# Subtracted from a number of steps that epochs give, before it is rounded up: 0.1 · 30 is 3 steps.
ROUNDING = 1e-9

REFINE = {"times": 8, "pixels": 100_000, "evaluations": 500, "share": 0.25}


@dataclasses.dataclass(frozen=True)
class Plan:
    """Everything that decides the numbers of a run.

    steps               length of the run
    batch               images in a batch
    lr                  the learning rate that the schedule begins with
    schedule            "constant", "exponential", "cosine" or "piecewise": optimizers/schedules.py
    schedule_options    of the schedule, such as {"warm_up": 100}
    optimizer           see Rule
    optimizer_options   see Rule
    clip_norm           see Rule
    clip_value          see Rule
    average             see Rule
    average_warm_up     see Rule
    keep                "last", or "best" on the validation images: run.py
    seed                of the order of the images, of dropout, of the choice of validation images
    evaluate_every      steps from one entry of the learning curve to the next
    valid_size          validation images used for it; 0 for none
    minutes             the time that the number of steps was derived from, or None
    data                number and SHA-256 of the images and their conditions
    valid_data          the same of the validation images, or None
    refine              None, or how a density refines itself: {"times", "pixels", "evaluations",
                        "share"}; see `fit`
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

    @property
    def rule(self):
        """What a step does: the part of the plan that knows of no images."""
        return Rule(**{field.name: getattr(self, field.name) for field in dataclasses.fields(Rule)})

    def lr_at(self, step):
        """The learning rate of a step."""
        schedule = SCHEDULES[self.schedule]
        return schedule(step, steps=self.steps, lr=self.lr, **self.schedule_options)

    def refines_after(self, step):
        """Whether the model is refined when `step` steps are made.

        It is, after each of `times` equal parts of the run.
        """
        times = self.refine["times"] if self.refine else 0
        return any(step == max(1, part * self.steps // times) for part in range(1, times + 1))

    def of_steps(self, steps, evaluate_every):
        """The same plan for another number of steps.

        evaluate_every   None: what suits this number of steps
        """
        every = evaluate_every or entry_every(steps, self.batch, self.valid_size)
        return dataclasses.replace(self, steps=steps, evaluate_every=every)

    def check(self, number):
        """ValueError, one line, unless the plan makes sense for so many images."""
        if self.batch > number:
            raise ValueError(f"batch is {self.batch}, but there are only {number} images")
        choose("schedule", self.schedule, SCHEDULES)
        check_options(self.schedule, SCHEDULES[self.schedule], self.schedule_options,
                      without=("step", "steps", "lr"))
        for name in ("lr", "minutes"):
            if getattr(self, name) is not None and getattr(self, name) <= 0:
                raise ValueError(f"{name} must be positive, is {getattr(self, name)}")
        if self.keep not in ("last", "best"):
            raise ValueError(f"keep must be last or best, is {self.keep!r}")
        if self.keep == "best" and self.valid_size == 0:
            raise ValueError("keep='best' needs valid_images to choose by")
        try:
            self.rule.check()
            for step in (0, self.steps - 1):
                self.lr_at(step)
        except TypeError as error:
            raise ValueError(f"an option of {self.optimizer} or {self.schedule} has the wrong "
                             f"type ({error})") from None


def make(steps, evaluate_every, saved, *, data, valid, valid_size, **asked):
    """The Plan of a run on these images.

    steps            from `length`; None while it is not known
    evaluate_every   None: what suits the number of steps
    saved            the Plan of the run that goes on, or None
    data             Batches to train on
    valid            Batches to validate on, or None
    valid_size       how many of them, if there are as many
    asked            the other fields of Plan, as they were given to `fit`

    ValueError, one line, for what is no number where one is needed.
    """
    fields = {name: READERS[name](name, value) if name in READERS else value
              for name, value in asked.items()}
    if saved is not None and saved.minutes is not None:    # its steps fit into these
        if fields["minutes"] is None:
            fields["minutes"] = saved.minutes
        if fields["refine"] and saved.refine:
            fields["refine"] |= {"evaluations": saved.refine["evaluations"]}
    size = 0 if valid is None else min(read_count("valid_size", valid_size), len(valid))
    if evaluate_every is not None:
        read_count("evaluate_every", evaluate_every)
    plan = Plan(steps=0, evaluate_every=0, valid_size=size, data=data.digest(),
                valid_data=None if valid is None else valid.digest(), **fields)
    return plan.of_steps(UNKNOWN_STEPS if steps is None else steps, evaluate_every)


def length(steps, epochs, minutes, images, batch, saved):
    """The number of steps; None if it has to be measured.

    Exactly one of steps, epochs and minutes is given, or none if there is a saved plan.

    images   their number in an epoch
    batch    images in a batch
    saved    the Plan of the run that goes on, or None

    ValueError, one line, for a length that makes no sense.

    >>> length(steps=None, epochs=0.1, minutes=None, images=30, batch=1, saved=None)
    3
    """
    lengths = {"steps": steps, "epochs": epochs, "minutes": minutes}
    given = {name: value for name, value in lengths.items() if value is not None}
    if len(given) > 1 or not given and saved is None:
        raise ValueError("give exactly one of steps, epochs and minutes, not "
                         f"{' and '.join(given) or 'none of them'}")
    read_count("batch", batch)
    if steps is not None:
        return _at_most("steps", read_count("steps", steps))
    for name, value in given.items():
        if read_number(name, value) <= 0:
            raise ValueError(f"{name} must be positive, is {value}")
    if epochs is not None:
        exact = epochs * images / batch - ROUNDING
        return max(1, math.ceil(_at_most(f"the steps of {epochs:g} epochs", exact)))
    return None if saved is None else saved.steps


def _at_most(name, steps):
    if steps > MOST_STEPS:
        raise ValueError(f"{name} must be at most {MOST_STEPS:,}, are {steps:.6g}")
    return steps


def entry_every(steps, batch, valid_size):
    """Steps from one entry of the learning curve to the next, where nobody says.

    >>> entry_every(steps=300, batch=32, valid_size=0)                      # 100 entries
    3
    >>> entry_every(steps=300, batch=32, valid_size=200)                    # 10 of them
    30
    """
    fewest, most = (math.ceil(steps / number) for number in (FEWEST_ENTRIES, MOST_ENTRIES))
    return max(most, min(fewest, math.ceil(TRAINED_PER_EVALUATED * valid_size / batch)))


def check_memory(model, batch):
    """ValueError with the estimate if a step on so many images would not fit into memory."""
    # a stand-in has no file of `models`, and what it takes is unknown
    if hasattr(getattr(model, "module", None), "forward"):
        H, W, C = model.image_shape
        memory.require(memory.training_bytes(model, batch),
                       f"a step of {model.name} on {batch} images of {H}x{W}x{C}, "
                       f"{model.levels} levels,",
                       "smaller or fewer images in a batch, fewer levels or features take less")


# --- values as users give them: each reader returns a plain one, or ValueError with the name ---

def read_count(name, value, least=1):
    """An int of at least `least`."""
    if not arguments.is_integer(value) or value < least:
        raise ValueError(f"{name} must be an integer of at least {least}, is {value!r}")
    return int(value)


def read_number(name, value):
    """A finite float."""
    numeric = isinstance(value, (int, float, np.integer, np.floating))
    if not numeric or isinstance(value, bool) or not math.isfinite(value):
        raise ValueError(f"{name} must be a finite number, is {value!r}")
    return float(value)


def read_number_or_none(name, value):
    """A finite float, or None."""
    return None if value is None else read_number(name, value)


def read_options(name, options):
    """A dict as JSON will give it back: tuples are lists."""
    try:
        return json.loads(json.dumps({} if options is None else dict(options), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be a dict of numbers ({error})") from None


def read_refine(name, refine):
    """The refine of a Plan, with what was left out filled in."""
    if refine is None:
        return None
    refine = REFINE | read_options(name, refine)
    if len(refine) != len(REFINE):
        raise ValueError("refine has times, pixels, evaluations and share, "
                         f"not {', '.join(refine)}")
    if not 0 < read_number("share of refine", refine["share"]) < 1:
        raise ValueError(f"the share of refine must be in (0, 1), is {refine['share']}")
    return refine | {part: read_count(f"{part} of refine", refine[part])
                     for part in ("times", "pixels", "evaluations")}


READERS = {
    "batch": read_count, "lr": read_number, "seed": lambda name, value: read_count(name, value, 0),
    "schedule_options": read_options, "optimizer_options": read_options,
    "clip_norm": read_number_or_none, "clip_value": read_number_or_none,
    "average": read_number_or_none, "average_warm_up": lambda _, value: bool(value),
    "minutes": read_number_or_none, "refine": read_refine,
}
