"""Evaluate a policy exactly, by linear solve: values, visits, mean and variance of the return.

    v    = r_pi + gamma P_pi v                      values
    q    = r + gamma P v                            values of one other first action
    y    = initial + gamma P_pi^T y                 discounted visits of each state
    occupancy(s, a) = y(s) pi(a | s)                and of each action: initial . v = occupancy . r
    var  = psi + gamma**2 P_pi var                  variance of the return G = sum of gamma**t R_t
           psi(s) = E[(R + gamma v(S') - v(s))**2 | s]

Sobel, "The variance of discounted Markov decision processes", J. Appl. Prob. 19, 1982; Puterman
1994, sections 6.1 and 6.9. psi is taken over the outcomes as given, so two rewards with the same
mean but different spread differ in variance, not in value. Where v is computed from floats, `error`
is a proven bound on its distance from the true value (linear.py).

Iterative policy evaluation (Sutton and Barto, section 4.1) tends to the same v, one sweep of T_pi
after the other:

>>> import numpy as np
>>> from mdp import MDP, bellman, evaluate
>>> m = MDP([[[0.5, 0.5], [0, 1]], [[1, 0], [0, 1]]], [[1, 2], [0, 3]], 0.5)
>>> pi, v = [[0.5, 0.5], [1, 0]], np.zeros(2)
>>> for _ in range(60):
...     v = bellman.T_pi(m, pi, v)
>>> v.round(12).tolist() == evaluate(m, pi).v.round(12).tolist()
True

Read first: bellman.py, chains.py, linear.py, convergence.py.
Read next: policy_evaluation.py, planning/value_iteration.py.
"""

from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sp

from . import bellman
from .chains import refuse_rewards_for_ever
from .convergence import ConvergenceWarning, warn
from .given_numbers import parse_array
from .linear import Resolvent, spread
from .expected import induced
from .model import check_model

# `evaluate` warns if the proven error of v is a larger part of the largest value or reward
RELATIVE_ERROR = 1e-6


@dataclass(frozen=True)
class Evaluation:
    """What a policy is worth. With one policy for each step, tables have a leading axis of time.

    v                 (S,) expected return from each state
                      (T+1, S) with time: v[T] are the terminal values
    q                 (S, A) expected return after one first action, nan where it is not available
                      (T, S, A) with time
    error             (S,) proven bound on |v - true v|, rounding included; inf where there is none
                      (T+1, S) with time
    return_mean       (S,) mean of the return from each first state: v, at time 0
    return_variance   (S,) variance of the return from each first state
    occupancy         (S, A) expected discounted visits from the initial distribution
                      (T, S, A) with time
    initial_mean      mean of the return from the initial distribution
    initial_variance  variance of that return

    The last three are a ValueError without an initial distribution.
    """
    v: np.ndarray
    q: np.ndarray
    error: np.ndarray
    return_variance: np.ndarray
    _occupancy: np.ndarray | None = field(repr=False, default=None)
    _initial: np.ndarray | None = field(repr=False, default=None)

    @property
    def return_mean(self):
        return self.v if self.v.ndim == 1 else self.v[0]

    @property
    def occupancy(self):
        self._need_initial("occupancy")
        return self._occupancy

    @property
    def initial_mean(self):
        self._need_initial("initial_mean")
        return float(self._initial @ self.return_mean)

    @property
    def initial_variance(self):
        self._need_initial("initial_variance")
        # law of total variance: within the first states, and between them
        between = self._initial @ (self.return_mean - self.initial_mean) ** 2
        return float(self._initial @ self.return_variance + between)

    def _need_initial(self, name):
        if self._initial is None:
            raise ValueError(f"{name} needs an initial distribution: give the MDP initial=")


def evaluate(m, policy, *, terminal_values=None):
    """Evaluate `policy` on `m` -> Evaluation.

    policy            (S,) actions or (S, A) probabilities: the infinite horizon;
                      (T, S) or (T, S, A): one for each of T steps
    terminal_values   (S,) what follows after the T steps; default zero

    ValueError if the policy does not fit the process. At gamma = 1 also if it never leaves states
    in which rewards are received: the message names them. A ConvergenceWarning where the error is
    not proved to be below 1e-6 of the largest value or reward. A value that is too large for a
    float is such a case: its error is inf, and what depends on it may be inf or nan.

    At gamma = 1 the chance to stay in a state is what the chances to leave it leave of one. So a
    policy [1.0, 1e-20] leaves with chance 1e-20. For rewards of one sign `error` is then a few
    units times the number of states, however long the process takes. For more states than
    elimination can do (elimination.py) it is what the residual proves.

    >>> from mdp import MDP
    >>> evaluate(MDP([[[1.0]]], [1.0], 0.5), [0]).v.tolist()
    [2.0]
    """
    check_model(m)
    weights = m.pair_weights(policy)
    if weights.ndim == 1 and terminal_values is not None:
        raise ValueError("terminal_values needs a policy per step, of shape (T, S) or (T, S, A)")
    # what overflows has an infinite error, and a warning of ours
    with np.errstate(over="ignore", invalid="ignore"):
        if weights.ndim == 1:
            return _evaluate_forever(m, weights)
        return _evaluate_steps(m, weights, terminal_values)


def _evaluate_forever(m, weights):
    """The infinite horizon: linear systems in I - gamma P_pi.   weights (X,)"""
    e = m.expected
    P, r, count, size = induced(e, weights)
    inner = Resolvent(P, m.gamma, count=count)
    # a class is worth zero only if no outcome in it pays, not if rewards happen to cancel
    refuse_rewards_for_ever(m, inner.blocked(size))
    v = inner.solve(r)
    error = inner.error(r, v, spread(count) * size)
    _warn_unless_proved(e, v, error)
    variance = _variance_forever(m, weights, v, inner)
    occupancy = None
    if m.initial is not None:
        visits = inner.solve_transposed(m.initial)
        occupancy = _table(m, np.where(weights > 0, visits[e.owner] * weights, 0.0))
    q = bellman.table(e, bellman.pair_q(e, v), m.num_actions)
    return Evaluation(v, q, error, variance, occupancy, m.initial)


def _variance_forever(m, weights, v, inner):
    """var = psi + gamma**2 P_pi var, (S,).

    v       (S,) the values
    inner   the Resolvent that solved for them
    """
    if m.gamma != 1 or m.pair_gamma is not None:
        inner = Resolvent(induced(_squared(m), weights).P, m.gamma ** 2)
    psi = _spread_of_targets(m, weights, v, v)
    for states in inner.closed:                  # without rewards at gamma = 1
        psi[states] = 0
    return inner.solve(psi)


def _warn_unless_proved(e, v, error):
    """A ConvergenceWarning where a larger part of the value than RELATIVE_ERROR may be wrong."""
    largest = np.abs(v).max(initial=0)
    if not np.isfinite(largest):
        warn("evaluate: a value overflows: it is too large for a float, and its error is inf")
    elif not error.max(initial=0) <= RELATIVE_ERROR * max(largest, e.size.max(initial=0)):
        warn(f"evaluate: the value is proved only to within {error.max():.3g} "
             f"(largest value {largest:.3g})")


def _evaluate_steps(m, weights, terminal_values):
    """Backwards in time: v_t(s) = sum over a of pi_t(a | s) (r + gamma P v_{t+1}).

    weights   (T, X): one policy for each step
    """
    e, S, A, T = m.expected, m.num_states, m.num_actions, len(weights)
    squared = _squared(m)
    v, q = np.zeros((T + 1, S)), np.empty((T, S, A))
    error, variance = np.zeros((T + 1, S)), np.zeros(S)
    v[T] = check_terminal_values(m, terminal_values)
    for t in reversed(range(T)):
        pairs = bellman.pair_q(e, v[t + 1])                                    # (X,)
        v[t] = np.bincount(e.owner, weights[t] * pairs, minlength=S)
        v[t][m.terminal] = v[T][m.terminal]
        q[t] = bellman.table(e, pairs, A)
        error[t] = _step_error(e, A, weights[t], v[t], v[t + 1], error[t + 1])
        P = induced(squared, weights[t]).P
        psi = _spread_of_targets(m, weights[t], v[t], v[t + 1])
        variance = psi + m.gamma ** 2 * (P @ variance)
    error = np.where(np.isfinite(v) & ~np.isnan(error), error, np.inf)
    _warn_unless_proved(e, v, error)
    occupancy = None if m.initial is None else _visits(m, weights)
    return Evaluation(v, q, error, variance, occupancy, m.initial)


def _step_error(e, A, weights, v, v_next, error_next):
    """(S,) bound on the error of v after one step back.

    It adds up the error of q, of the values that q was made of, and of the mean over actions.
    """
    local = 2 * bellman.pair_rounding(e, v_next)                               # (X,)
    local += e.gamma * (1 + 2 * spread(e.count)) * (e.P @ error_next)
    average = np.bincount(e.owner, weights * local, minlength=v.size)
    return average * (1 + spread(A)) + spread(A) * np.abs(v)


def _visits(m, weights):
    """(T, S, A) discounted visits, forwards in time: mu_{t+1} = gamma mu_t P_pi_t."""
    e, mu = m.expected, m.initial
    out = np.zeros((len(weights), m.num_states, m.num_actions))
    for t, now in enumerate(weights):
        out[t] = _table(m, mu[e.owner] * now)
        mu = m.gamma * (induced(e, now).P.T @ mu)
    return out


def check_terminal_values(m, terminal_values):
    """None or (S,) finite numbers -> (S,) float64."""
    if terminal_values is None:
        return np.zeros(m.num_states)
    values = parse_array("terminal_values", terminal_values)[0]
    if values.shape != (m.num_states,):
        raise ValueError(f"terminal_values must be {(m.num_states,)}, has shape {values.shape}")
    for s in np.flatnonzero(~np.isfinite(values))[:1]:
        raise ValueError(f"terminal_values[{s}] is {values[s]}: values must be finite")
    return values


def _squared(m):
    """`expected` with other rows of P: gamma**2 times them is gamma(s, a)**2 P, for variances."""
    if m.pair_gamma is None or m.gamma == 0:
        return m.expected
    P = sp.csr_matrix(sp.diags_array(m.pair_gamma / m.gamma) @ m.expected.P)
    return m.expected.replace(P=P)


def _spread_of_targets(m, weights, v, v_next):
    """psi(s) = E[(R + gamma v_next(S') - v(s))**2 | s], (S,), over the outcomes as given."""
    pair = m.outcome_pair
    state = m.pair_state[pair]
    target = m.reward + m.discounts[pair] * v_next[m.next] - v[state]
    return np.bincount(state, weights[pair] * m.probability * target ** 2, minlength=m.num_states)


def _table(m, rows):
    out = np.zeros((m.num_states, m.num_actions))
    out[m.pair_state, m.pair_action] = rows
    return out
