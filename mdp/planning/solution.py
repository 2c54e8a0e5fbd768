"""What every planner returns."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Callable

import numpy as np

from ..convergence import ConvergenceWarning, warn

__all__ = ["ConvergenceWarning", "Solution", "finish"]


@dataclass(frozen=True)
class Known:
    """The q of a Solution that was pickled or copied: whatever v is."""
    q: np.ndarray

    def __call__(self, v):
        return self.q


@dataclass(frozen=True)
class Solution:
    """Values with bounds, and the policy they belong to.   S states, A actions, T steps

    v            (S,) the midpoint of the bounds;   finite horizon: (T+1, S), v[T] terminal values.
                 Criterion "total": the value of `policy` as computed, since bounds are lopsided;
                 inf or -inf where the sum is infinite, bounds alike
    lower, upper (S,) lower <= v of `policy` <= v* <= upper, rounding included (when minimising: lower <= v* <= v of `policy` <= upper);   (T+1, S)
    q            (S, A) value of each first action, from v; nan where it is not available;   (T, S, A).  Computed when it is first asked for
    policy       (S,) actions, -1 in terminal states;   (T, S).  In each state the first best one.
                 Floats cannot always tell which actions are equally good. They are called so if
                 their q differ by no more than rounding and what the bounds leave open, up to 1e-8
                 of the largest value (settle.py). Criterion "total": the first with which the
                 policy still ends. "average": gain comes first, then bias; the first that keep both
    converged    True if upper - lower <= tol * max(1, the largest finite |v|) everywhere
    iterations   sweeps, policy improvements, policies or steps, depending on the method
    method       the name of the algorithm, a file of mdp/planning
    criterion    "discounted", "total", "finite_horizon" or "average"
    gain, bias   criterion "average": (S,) the mean reward per step from each state, the same numbers as v; and of the returned policy what
                 starting in s earns beyond it, normalised P* bias = 0; else None
    history      (iterations,) the largest upper - lower after each iteration, where the method has one, else None
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

    def __getstate__(self):                                            # to be pickled: with q instead of the way to it
        return {**self.__dict__, "q": self.q, "q_of": Known(self.q)}

    @property
    def width(self):
        """The largest upper - lower; 0 where both are the same infinity."""
        with np.errstate(invalid="ignore"):
            return float(np.max(np.where(self.lower == self.upper, 0.0, self.upper - self.lower), initial=0.0))


def allowed(tol, v):
    """How far apart bounds around v (S,) may be: tol, times the largest finite |v| if above one.

    >>> allowed(1e-8, np.array([0.5, -np.inf])), allowed(1e-8, np.array([-3e7, 2.0]))
    (1e-08, 0.3)
    """
    return float(tol * max(1.0, np.abs(v[np.isfinite(v)]).max(initial=0.0)))


def finish(*, lower, upper, tol, q_of, policy, iterations, method, criterion, history=None, v=None):
    """The value, convergence, and the warning that goes with its absence.   q_of: v -> q

    v   (S,) the value of the policy as computed, taken where `lower` proves it to some precision.
        Default: the midpoint
    """
    with np.errstate(invalid="ignore"):
        # where a number overflowed, nothing is known
        for bound, nothing in ((lower, -np.inf), (upper, np.inf)):
            if np.isnan(bound).any():
                bound[np.isnan(bound)] = nothing
        # the subtractions and additions that made the bounds rounded once more; where both are the same infinity, or proved equal, that is an answer
        known = lower == upper
        lower, upper = np.where(known, lower, np.nextafter(lower, -np.inf)), np.where(known, upper, np.nextafter(upper, np.inf))
        width = np.where(known, 0.0, upper - lower)
        middle = np.where(known, lower, lower + width / 2)
        if v is not None:
            proved = np.isfinite(lower) & (lower <= v) & (v <= upper)
        v = middle if v is None else np.where(proved, v, middle)
    v[~(np.isfinite(v) | known)] = 0.0                                 # one of the bounds is infinite
    widest, limit = float(np.max(width, initial=0.0)), allowed(tol, v)
    converged = bool(widest <= limit)
    if not converged:
        warn(f"{method}: stopped after {iterations} iterations with bounds {widest:.3g} apart, "
             f"tol is {tol:.3g} and allows {limit:.3g}; the bounds are valid")
    return Solution(v, lower, upper, q_of, policy, converged, int(iterations), method, criterion, tol,
                    None if history is None else np.asarray(history, dtype=float))
