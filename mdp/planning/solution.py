"""What every planner returns, and the one place where it is made.

Read first: bellman.py, convergence.py.  Read next: planning/settle.py, planning/question.py.
"""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Callable

import numpy as np

from .. import bellman
from ..convergence import warn


@dataclass(frozen=True)
class Known:
    """The `q_of` of a Solution that was pickled or copied: it returns one q for every v."""
    q: np.ndarray

    def __call__(self, v):
        return self.q


@dataclass(frozen=True)
class Solution:
    """Values with bounds, and the policy they belong to.   S states, A actions, T steps

    With a finite horizon all tables have a leading axis of time: v, lower and upper are (T+1, S),
    q is (T, S, A) and policy (T, S). v[T] are the terminal values.

    v            (S,) the midpoint of the bounds.
                 Criterion "total": the value of `policy` as computed, since v* may lie anywhere
                 between its bounds. Where the sum is infinite, v and both bounds are inf or -inf
    lower        (S,) lower <= v of `policy` <= v* <= upper, rounding included.  When minimising:
                 lower <= v* <= v of `policy` <= upper
    upper        (S,) see lower
    q            (S, A) value of each first action, from v; nan where it is not available. It is
                 computed when it is first asked for
    policy       (S,) the first best action of each state, -1 in terminal states.
                 Floats cannot always tell which actions are equally good. Here they are if their q
                 differ by no more than rounding and what the bounds leave open: at most 1e-8 of
                 the largest value (settle.py).
                 Criterion "total": the first best action with which the policy still ends.
                 "average": the first action that keeps the best gain and, among those, the bias
    converged    True if upper - lower <= tol * max(1, the largest finite |v|) everywhere
    iterations   how many sweeps, improvements, policies or steps, depending on the method
    method       the name of the algorithm, a file of mdp/planning
    criterion    "discounted", "total", "finite_horizon" or "average"
    tol          as asked for
    history      (iterations,) the largest upper - lower after each iteration, where the method has
                 one, else None
    gain         criterion "average": (S,) the mean reward per step from each state, the same
                 numbers as v; else None
    bias         criterion "average": (S,) what starting in s earns beyond the gain under `policy`,
                 normalised P* bias = 0; else None
    """
    v: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    q_of: Callable = field(repr=False, compare=False)                  # v -> q
    policy: np.ndarray
    converged: bool
    iterations: int
    method: str
    criterion: str
    tol: float
    history: np.ndarray | None = None
    gain: np.ndarray | None = None
    bias: np.ndarray | None = None

    @cached_property
    def q(self):
        with np.errstate(over="ignore", invalid="ignore"):
            return self.q_of(self.v)

    def __getstate__(self):                  # to be pickled: with q instead of the way to it
        return {**self.__dict__, "q": self.q, "q_of": Known(self.q)}

    @property
    def width(self):
        """The largest upper - lower; 0 where both are the same infinity."""
        return float(np.max(_widths(self.lower, self.upper), initial=0.0))

    def mirrored(self):
        """The same for costs, from a solution for rewards that are their negatives."""
        turned = {name: None if getattr(self, name) is None else 0 - getattr(self, name)
                  for name in ("v", "gain", "bias")}
        return replace(self, lower=0 - self.upper, upper=0 - self.lower,
                       q_of=lambda _: 0 - self.q, **turned)


def allowed(tol, v):
    """How far apart bounds around v (S,) may be: tol, times the largest finite |v| if above one.

    >>> allowed(1e-8, np.array([0.5, -np.inf])), allowed(1e-8, np.array([-3e7, 2.0]))
    (1e-08, 0.3)
    """
    return float(tol * max(1.0, np.abs(v[np.isfinite(v)]).max(initial=0.0)))


def finish(m, e, *, lower, upper, pairs, tol, iterations, method, criterion="discounted",
           q_of=None, v=None, bias=None, history=None):
    """The Solution that bounds and a policy make, and the warning if they are too far apart.

    lower     (S,) what is proved; nan where a number overflowed, and nothing is proved
    upper     (S,) the same from above
    pairs     (S,) the policy as pairs of e, -1 in terminal states
    q_of      v -> q.   Default: one backup of v
    v         (S,) the value of the policy as computed, taken where `lower` proves it to some
              precision.  Default: the midpoint
    bias      (S,) criterion "average"
    history   the largest distance of the bounds after each iteration
    With a horizon lower, upper and pairs have a leading axis of time.
    """
    with np.errstate(invalid="ignore"):
        lower, upper, width, middle = _outward(lower, upper)
        known = lower == upper
        proved = False if v is None else np.isfinite(lower) & (lower <= v) & (v <= upper)
        v = np.where(proved, v, middle) if v is not None else middle
    v[~(np.isfinite(v) | known)] = 0.0       # one of the bounds is infinite
    widest, limit = float(np.max(width, initial=0.0)), allowed(tol, v)
    if not widest <= limit:
        warn(f"{method}: stopped after {iterations} iterations with bounds {widest:.3g} apart, "
             f"tol is {tol:.3g} and allows {limit:.3g}; the bounds are valid")
    if q_of is None:
        q_of = lambda v: bellman.table(e, bellman.pair_q(e, v), m.num_actions)         # noqa: E731
    return Solution(v, lower, upper, q_of, bellman.actions(e, pairs), bool(widest <= limit),
                    int(iterations), method, criterion, tol,
                    None if history is None else np.asarray(history, dtype=float),
                    None if bias is None else v, bias)


def _outward(lower, upper):
    """(lower, upper, their distance, their midpoint), bounds one unit farther apart.

    The subtractions and additions that made the bounds rounded once more. Where both are the same
    infinity, or proved equal, that is an answer.
    """
    lower = np.where(np.isnan(lower), -np.inf, lower)
    upper = np.where(np.isnan(upper), np.inf, upper)
    known = lower == upper
    lower = np.where(known, lower, np.nextafter(lower, -np.inf))
    upper = np.where(known, upper, np.nextafter(upper, np.inf))
    width = _widths(lower, upper)
    return lower, upper, width, np.where(known, lower, lower + width / 2)


def _widths(lower, upper):
    """upper - lower; 0 where both are the same infinity."""
    with np.errstate(invalid="ignore"):
        return np.where(lower == upper, 0.0, upper - lower)
