"""The step: a loss and its gradient change weights, whatever these weights belong to.

    the loss is finite, else Diverged
    g = clip(g)                        optimizers/clipping.py: first the length, then each entry
    p = optimizer(p, g, lr)            optimizers/sgd.py, rmsprop.py or adam.py
    a = d a + (1 - d) p                optimizers/averaging.py, if asked for

Nothing here knows of images. Any loop may call it with weights and gradients of its own:

    >>> params = {"w": np.array([3.0])}                # to be minimised: (w - 1)² / 2
    >>> rule = Rule(optimizer="sgd", optimizer_options={"momentum": 0.0})
    >>> state = rule.start(params)
    >>> for step in range(3):                          # w - 1 is halved at every step
    ...     error = params["w"] - 1
    ...     rule.step(params, float(error @ error) / 2, {"w": error}, state, step=step, lr=0.5)
    >>> params["w"]
    array([1.25])

Read first: optimizers/walk.py, optimizers/adam.py, optimizers/clipping.py, optimizers/averaging.py.
Read next: training/plan.py, training/run.py.
"""

import dataclasses
import inspect
import math
from typing import NamedTuple

import numpy as np

from ..optimizers import adam, averaging, clipping, rmsprop, sgd, walk

OPTIMIZERS = {"sgd": sgd, "rmsprop": rmsprop, "adam": adam}


class Diverged(ValueError):
    """The loss, a gradient or a weight is no longer finite."""


class State(NamedTuple):
    """What steps change beside the weights."""
    optimizer: NamedTuple                              # the State of the optimiser
    average: dict | None                               # a, of the form of params; None for none
    good: dict                                         # the weights that had the last finite loss


@dataclasses.dataclass(frozen=True)
class Rule:
    """How a step changes weights.

    optimizer           "sgd", "rmsprop" or "adam"
    optimizer_options   of its `update`, such as {"b2": 0.9995}
    clip_norm           the greatest length that the whole gradient may have; None: any length
    clip_value          the greatest size that an entry of it may have; None: any size
    average             decay of the average of the weights; None for no average
    average_warm_up     let the window of the average grow with the run: averaging.decay_at
    """
    optimizer: str = "adam"
    optimizer_options: dict = dataclasses.field(default_factory=dict)
    clip_norm: float | None = None
    clip_value: float | None = None
    average: float | None = None
    average_warm_up: bool = True

    def start(self, params):
        """The State before the first step. It holds no array of `params`.

        ValueError, one line, if a number of the rule makes no sense (`check`).
        """
        self.check()
        average = None if self.average is None else averaging.init(params)
        return State(OPTIMIZERS[self.optimizer].init(params), average, walk.copied(params))

    def step(self, params, loss, grads, state, /, *, step, lr, unit=""):
        """One step of the equations above.   params and state: in place

        params   dict: name -> NamedTuple of arrays, or name -> one array
        loss     a number; it is only asked whether it is finite
        grads    of the form of params; in place if they are clipped
        state    from `start`
        step     the number of steps already made
        lr       the learning rate of this step
        unit     of the loss, for the words of an error

        Diverged, a ValueError, if the loss or an entry of a gradient is not finite. The weights are
        as they were then, and state.good holds those that had the last finite loss. ValueError if
        params and grads differ in form.
        """
        loss_in_words = f"{loss:g} {unit}".rstrip()
        if not math.isfinite(loss):
            size, label = clipping.largest(params, grads)
            raise Diverged(f"step {step}: the loss is {loss_in_words} (lr {lr:g}, largest gradient "
                           f"{size:g} in {label})")
        walk.copy_into(params, state.good)
        self._clip(params, grads, step, f"(loss {loss_in_words}, lr {lr:g})")
        OPTIMIZERS[self.optimizer].update(params, grads, state.optimizer, step=step, lr=lr,
                                          **self.optimizer_options)
        if state.average is not None:
            decay = averaging.decay_at(step, decay=self.average, warm_up=self.average_warm_up)
            averaging.update(params, state.average, decay=decay)

    def _clip(self, params, grads, step, words):
        """g = clip(g), in place.   Diverged if an entry is not finite"""
        try:
            length = clipping.norm(params, grads, step=step)
        except clipping.NotFinite as error:
            raise Diverged(f"{error} {words}") from None
        if self.clip_norm is not None:
            clipping.by_norm(params, grads, length=length, most=self.clip_norm)
        if self.clip_value is not None:
            clipping.by_value(params, grads, most=self.clip_value)

    def check(self):
        """ValueError, one line, for a number that makes no sense.

        TypeError for an option that is no number where one is needed.
        """
        choose("optimizer", self.optimizer, OPTIMIZERS)
        rule = OPTIMIZERS[self.optimizer]
        check_options(self.optimizer, rule.update, self.optimizer_options,
                      without=("params", "grads", "state", "step", "lr"))
        for name in ("clip_norm", "clip_value"):
            if getattr(self, name) is not None and not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, is {getattr(self, name)}")
        if self.average is not None and not 0 <= self.average < 1:
            raise ValueError(f"average must be in [0, 1), is {self.average}")
        # without weights, an update looks at its options only
        rule.update({}, {}, rule.init({}), step=0, lr=1.0, **self.optimizer_options)


def choose(kind, name, choices):
    """ValueError unless `name` is one of the choices."""
    if name not in choices:
        raise ValueError(f"{kind} must be one of {', '.join(choices)}, is {name!r}")


def check_options(name, function, options, *, without):
    """ValueError that names the first option which is no parameter of `function`.

    without   parameters that are no options
    """
    known = [option for option in inspect.signature(function).parameters if option not in without]
    for option in options:
        if option not in known:
            raise ValueError(f"{name} has no option {option!r}; "
                             f"it has {', '.join(known) or 'none'}")
