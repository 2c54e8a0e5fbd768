"""Simulation: trajectories, their probability, and their returns.

    tau = (s_0, a_0, r_1, s_1, a_1, r_2, ..., s_T)
    log p(tau) = log mu(s_0) + sum over t of [log pi(a_t | s_t) + log P(s_{t+1}, r_{t+1} | s_t, a_t)]
    G_t = r_{t+1} + gamma G_{t+1},   G_T = 0

Sutton and Barto, sections 3.1 and 3.3; Levine, "Deep Reinforcement Learning" (CS 285), lecture 4 for p(tau).
An outcome carries next state and reward together, so a trajectory's probability is over both.

Read first: model.py.
"""

from typing import NamedTuple

import numpy as np

from . import graph
from .checks import distribution
from .expected import induced
from .model import check_model


class Trajectory(NamedTuple):
    """One episode of T steps."""
    states: np.ndarray                       # (T+1,) integers
    actions: np.ndarray                      # (T,) integers
    rewards: np.ndarray                      # (T,) float64; rewards[t] follows actions[t]
    terminated: bool                         # True: the last state is terminal; False: the horizon cut the episode off


def simulate(m, policy, rng, *, episodes=1, horizon=None, start=None):
    """Follow `policy` -> a list of `episodes` Trajectories.

    policy    (S,) actions or (S, A) probabilities; with a leading axis T, one per step (then T steps at most)
    rng       numpy.random.Generator; one uniform per running episode and step, after one per episode for the first state
    horizon   stop after so many steps; None: until a terminal state, which must then be certain to come
    start     the first state, or (S,) probabilities; default: m.initial
    An episode stops in a terminal state. All episodes advance together, one step at a time.

    ValueError without a first state; without a horizon if a state that may be visited never leads to a terminal one.
    """
    check_model(m)
    if not isinstance(rng, np.random.Generator):
        raise ValueError(f"rng expects a numpy.random.Generator, got {type(rng).__name__}")
    for name, number, least in (("episodes", episodes, 0), ("horizon", 0 if horizon is None else horizon, 0)):
        if isinstance(number, bool) or not isinstance(number, (int, np.integer)) or number < least:
            raise ValueError(f"{name} expects an integer >= {least}, got {number!r}")
    weights = m.pair_weights(policy)
    mu = _start(m, start)
    if weights.ndim == 2:
        if horizon is not None and horizon > len(weights):
            raise ValueError(f"horizon is {horizon}, but the policy has only {len(weights)} steps")
        horizon = len(weights) if horizon is None else horizon
    elif horizon is None:
        _must_end(m, weights, mu)

    state = _draw(np.cumsum(mu), np.zeros(episodes, np.int64), np.full(episodes, m.num_states), rng)   # (N,)
    states, pairs, rewards, running = [state], [], [], ~m.terminal[state]
    steps, t = np.zeros(episodes, np.int64), 0
    first, last = m.outcome_ptr[m.pair_ptr[:-1]], m.outcome_ptr[m.pair_ptr[1:]]        # outcomes of each state lie together
    outcome_pair = m.outcome_pair
    cumulative = None
    while running.any() and (horizon is None or t < horizon):
        if cumulative is None or weights.ndim == 2:
            cumulative = _cumulative((weights[t] if weights.ndim == 2 else weights)[outcome_pair] * m.probability, first, last)
        active = np.flatnonzero(running)
        here = state[active]
        j = _draw(cumulative, first[here], last[here], rng)             # one number decides action and outcome together
        state = state.copy()
        state[active] = m.next[j]
        pair, reward = np.full(episodes, -1), np.zeros(episodes)
        pair[active], reward[active] = outcome_pair[j], m.reward[j]
        states.append(state), pairs.append(pair), rewards.append(reward)
        steps[active] += 1
        running = running & ~m.terminal[state]
        t += 1
    states = np.array(states).T                                                          # (N, T+1)
    actions = m.pair_action[np.array(pairs, np.int64).T] if pairs else np.zeros((episodes, 0), np.int64)
    rewards = np.array(rewards, float).T if pairs else np.zeros((episodes, 0))
    return [Trajectory(states[n, :steps[n] + 1].copy(), actions[n, :steps[n]].copy(), rewards[n, :steps[n]].copy(), bool(m.terminal[states[n, steps[n]]]))
            for n in range(episodes)]


def log_prob(m, policy, trajectory, *, start=None):
    """log p(tau), natural logarithm: a float, or (N,) for a list of trajectories; -inf if it cannot happen.

    start    as in `simulate`: the law of the first state; default m.initial.  ValueError if there is neither.
    A step of a trajectory whose `rewards` is None counts every reward that may come with its next state.
    """
    if isinstance(trajectory, list):
        return np.array([log_prob(m, policy, one, start=start) for one in trajectory], dtype=float)
    check_model(m)
    _check_trajectory(trajectory)
    weights, mu = m.pair_weights(policy), _start(m, start)
    states, actions = np.asarray(trajectory.states), np.asarray(trajectory.actions)
    rewards = None if trajectory.rewards is None else np.asarray(trajectory.rewards, dtype=float)
    if states.ndim != 1 or actions.shape != (states.size - 1,) or rewards is not None and rewards.shape != actions.shape:
        raise ValueError(f"trajectory expects states (T+1,), actions (T,), rewards (T,); got {states.shape}, {actions.shape}, "
                         f"{None if rewards is None else rewards.shape}")
    for name, numbers, size in (("states", states, m.num_states), ("actions", actions, m.num_actions)):
        if numbers.size and numbers.dtype.kind not in "iu":
            raise ValueError(f"trajectory.{name} expects integers, got {numbers.dtype}")
        for t in np.flatnonzero((numbers < 0) | (numbers >= size))[:1]:
            raise ValueError(f"trajectory.{name}[{t}] is {numbers[t]}, outside [0, {size})")
    if weights.ndim == 2 and actions.size > len(weights):
        raise ValueError(f"trajectory has {actions.size} steps, but the policy only {len(weights)}")
    with np.errstate(divide="ignore"):
        total = float(np.log(mu[states[0]]))
        for t, (s, a) in enumerate(zip(states[:-1], actions)):
            if not m.available[s, a]:
                return -np.inf
            k = m.pair_ptr[s] + int(m.available[s, :a].sum())            # pairs are sorted by action
            j = np.arange(m.outcome_ptr[k], m.outcome_ptr[k + 1])
            same = m.next[j] == states[t + 1]
            if rewards is not None:
                same &= m.reward[j] == rewards[t]
            pi = (weights[t] if weights.ndim == 2 else weights)[k]
            total += float(np.log(pi) + np.log(m.probability[j][same].sum()))
    return total


def returns(trajectory, gamma):
    """G_t for t = 0..T, (T+1,): the discounted sum of the rewards after time t; G_T = 0.

    >>> returns(Trajectory(np.array([0, 1, 2]), np.array([0, 0]), np.array([1.0, 4.0]), True), 0.5).tolist()
    [3.0, 4.0, 0.0]
    """
    _check_trajectory(trajectory)
    gamma = float(gamma)
    if not 0 <= gamma <= 1:
        raise ValueError(f"gamma is {gamma:g}, outside [0, 1]")
    rewards = np.asarray(trajectory.rewards, dtype=float)
    out = np.zeros(rewards.size + 1)
    for t in range(rewards.size - 1, -1, -1):
        out[t] = rewards[t] + gamma * out[t + 1]
    return out


def _check_trajectory(trajectory):
    if not all(hasattr(trajectory, name) for name in ("states", "actions", "rewards")):
        raise ValueError(f"trajectory expects a Trajectory, got {type(trajectory).__name__}")


def _start(m, start):
    if start is not None:
        return distribution("start", start, m.num_states)[0]
    if m.initial is None:
        raise ValueError("no first state: give the MDP initial=, or start=")
    return m.initial


def _must_end(m, weights, mu):
    P = induced(m.expected, weights).P
    stuck = graph.reachable(P, mu > 0) & ~graph.can_reach(P, m.terminal)
    if stuck.any():
        s = np.flatnonzero(stuck)
        raise ValueError(f"horizon is needed: under this policy {m.state_label(s[0])} never leads to a terminal state"
                         + (f" (nor do {s.size - 1} others)" if s.size > 1 else ""))


def _cumulative(p, first, last):
    """Cumulative sums within each state's stretch: (J,)."""
    out = np.cumsum(p)
    before = np.concatenate(([0.0], out))[first]
    return out - np.repeat(before, last - first)


def _draw(cumulative, first, last, rng):
    """Invert a cumulative distribution within the stretch [first, last): indices (n,), never one of probability zero."""
    u = rng.random(first.size)
    low, high = first.copy(), last - 1
    target = np.minimum(u * cumulative[high], np.nextafter(cumulative[high], 0)) if first.size else u
    while True:                                                          # bisection: the first index with cumulative > target
        open_ = low < high
        if not open_.any():
            return low
        middle = (low + high) // 2
        beyond = cumulative[middle] > target
        high = np.where(open_ & beyond, middle, high)
        low = np.where(open_ & ~beyond, middle + 1, low)
