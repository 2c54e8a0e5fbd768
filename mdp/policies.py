"""Policies as weights: the probability of each pair given its state.

    policy (S,) integers       the action of each state; -1 is allowed in terminal states
           (S, A) floats       pi(a | s)
           one more axis T     one policy for each step

    weights (X,), or (T, X)    pi of each available (state, action): pair k of the process

Integers are always actions, floats and Fractions always probabilities. What a policy says of a
terminal state is not read.

Read first: checks.py.  Read next: model.py, forms.py.
"""

import numpy as np

from .checks import ROW_SUM_TOLERANCE
from .given_numbers import parse_array


def pair_weights(m, policy):
    """The weights of a policy on m, (X,) or (T, X) float64.

    ValueError names the first state whose action does not exist, or whose probabilities are no
    distribution.

    >>> from mdp import MDP
    >>> m = MDP([[[1, 0], [0, 1]], [[0, 1], [0, 1]]], [[0, 1], [2, 3]], 0.5)
    >>> pair_weights(m, [0, 1]).tolist(), pair_weights(m, [[0.25, 0.75], [0, 1.0]]).tolist()
    ([1.0, 0.0, 0.0, 1.0], [0.25, 0.75, 0.0, 1.0])
    """
    policy = parse_array("policy", policy)[0] if _is_exact(policy) else np.asarray(policy)
    if policy.dtype.kind in "iu":
        return _of_actions(m, policy)
    if policy.dtype.kind == "f":
        return _of_probabilities(m, policy)
    raise ValueError("policy must be integers (actions) or floats (probabilities), "
                     f"is {policy.dtype}")


def _of_actions(m, policy):
    """(S,) or (T, S) integers -> weights that are 0 or 1."""
    S, A = m.num_states, m.num_actions
    if policy.ndim not in (1, 2) or policy.shape[-1] != S:
        raise ValueError(f"policy must be integers of shape ({S},) or (T, {S}), "
                         f"has shape {policy.shape}")
    if A == 0:
        return np.zeros((*policy.shape[:-1], 0))
    for at in np.argwhere(~m.terminal & ((policy < 0) | (policy >= A)))[:1]:
        raise ValueError(f"policy: action {policy[tuple(at)]} in {m.state_label(at[-1])} "
                         f"is outside [0, {A})")
    clipped = np.clip(policy.astype(np.int64), 0, A - 1)   # of terminal states, which are not read
    for at in np.argwhere(~m.terminal & ~m.available[np.arange(S), clipped])[:1]:
        raise ValueError(f"policy: action {policy[tuple(at)]} is not available "
                         f"in {m.state_label(at[-1])}")
    return (clipped[..., m.pair_state] == m.pair_action).astype(float)


def _of_probabilities(m, policy):
    """(S, A) or (T, S, A) floats -> the same numbers, one for each pair."""
    S, A = m.num_states, m.num_actions
    if policy.ndim not in (2, 3) or policy.shape[-2:] != (S, A):
        raise ValueError(f"policy must be probabilities of shape ({S}, {A}) or (T, {S}, {A}), "
                         f"has shape {policy.shape}")
    tolerance = 1e-6 if policy.dtype == np.float32 else ROW_SUM_TOLERANCE * max(A, 1)
    policy = policy.astype(float)
    for message, wrong in (("not finite", ~np.isfinite(policy)), ("negative", policy < 0),
                           ("not zero, yet the action is not available",
                            (policy != 0) & ~m.available)):
        for at in np.argwhere(wrong & ~m.terminal[:, None])[:1]:
            raise ValueError(f"policy: the probability {policy[tuple(at)]:.6g} of action {at[-1]} "
                             f"in {m.state_label(at[-2])} is {message}")
    sums = policy.sum(-1)
    for at in np.argwhere((np.abs(sums - 1) > tolerance) & ~m.terminal)[:1]:
        raise ValueError(f"policy: the probabilities in {m.state_label(at[-1])} "
                         f"sum to {float(sums[tuple(at)])!r}, not to 1")
    return policy[..., m.pair_state, m.pair_action]


def _is_exact(policy):
    """True for objects and text: numbers that `parse_array` reads.   ValueError if ragged"""
    try:
        return np.asarray(policy).dtype.kind in "OU"
    except ValueError:
        raise ValueError("policy must be a rectangular array; its rows differ in length") from None
