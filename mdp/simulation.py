"""Simulation: trajectories, their probability, and their returns.

    tau = (s_0, a_0, r_1, s_1, a_1, r_2, ..., s_T)
    log p(tau) = log mu(s_0) + sum over t of log pi(a_t | s_t) + log P(s_{t+1}, r_{t+1} | s_t, a_t)
    G_t = r_{t+1} + gamma G_{t+1},   G_T = 0

Sutton and Barto, sections 3.1 and 3.3; Levine, "Deep Reinforcement Learning" (CS 285), lecture 4
for p(tau). An outcome carries next state and reward together, so a trajectory's probability is over
both. One uniform number chooses the first state, and one chooses action and outcome of each step:

>>> import mdp
>>> m = mdp.problems.student()
>>> policy = m.available / np.maximum(m.available.sum(axis=1, keepdims=True), 1)
>>> rng, weights = np.random.default_rng(0), m.pair_weights(policy)
>>> states = [np.searchsorted(np.cumsum(m.initial), rng.random(), side="right")]
>>> while not m.terminal[states[-1]]:
...     j = np.flatnonzero(m.pair_state[m.outcome_pair] == states[-1])
...     chance = weights[m.outcome_pair[j]] * m.probability[j]
...     states.append(m.next[j[np.searchsorted(np.cumsum(chance), rng.random(), side="right")]])
>>> states == mdp.simulate(m, policy, np.random.default_rng(0))[0].states.tolist()
True

Read first: model.py, expected.py, graph.py.  Read next: problems/student.py, problems/__init__.py.
"""

from typing import NamedTuple

import numpy as np

from . import graph
from .checks import distribution
from .expected import induced
from .model import check_model


class Trajectory(NamedTuple):
    """One episode of T steps."""
    states: np.ndarray                 # (T+1,) integers
    actions: np.ndarray                # (T,) integers
    rewards: np.ndarray                # (T,) float64; rewards[t] follows actions[t]
    terminated: bool                   # the last state is terminal; False: the horizon cut it off


def simulate(m, policy, rng, *, episodes=1, horizon=None, start=None):
    """Follow `policy` -> a list of `episodes` Trajectories.

    policy    (S,) actions or (S, A) probabilities; with a leading axis T, one for each of at most T
              steps
    rng       numpy.random.Generator; one uniform number for the first state of each episode, then
              one for each step of each episode that is running
    horizon   stop after so many steps; None: until a terminal state, which must be certain to come
    start     the first state, or (S,) probabilities; default: m.initial

    An episode stops in a terminal state. All episodes advance together, one step at a time.

    ValueError without a first state; and without a horizon, if a state that may be visited never
    leads to a terminal one.
    """
    check_model(m)
    if not isinstance(rng, np.random.Generator):
        raise ValueError(f"rng must be a numpy.random.Generator, is {type(rng).__name__}")
    for name, number in (("episodes", episodes), ("horizon", 0 if horizon is None else horizon)):
        whole = isinstance(number, (int, np.integer)) and not isinstance(number, bool)
        if not whole or number < 0:
            raise ValueError(f"{name} must be an integer >= 0, is {number!r}")
    weights, mu = m.pair_weights(policy), _start(m, start)
    horizon = _horizon(m, weights, mu, horizon)
    choose = _chooser(m, weights, rng)

    # (E,) the state of each of E episodes
    state = _draw(np.cumsum(mu), np.zeros(episodes, np.int64), np.full(episodes, m.num_states), rng)
    states, outcomes, running = [state], [], ~m.terminal[state]
    while running.any() and (horizon is None or len(outcomes) < horizon):
        active = np.flatnonzero(running)
        outcome = np.full(episodes, -1)
        outcome[active] = choose(len(outcomes), state[active])
        state = state.copy()
        state[active] = m.next[outcome[active]]
        states.append(state), outcomes.append(outcome)
        running = running & ~m.terminal[state]
    return _trajectories(m, np.array(states).T, np.array(outcomes, np.int64))


def _horizon(m, weights, mu, horizon):
    """The number of steps, or None: until the end, which must come."""
    if weights.ndim == 2:
        if horizon is not None and horizon > len(weights):
            raise ValueError(f"horizon is {horizon}, but the policy has only {len(weights)} steps")
        return len(weights) if horizon is None else horizon
    if horizon is None:
        _must_end(m, weights, mu)
    return horizon


def _chooser(m, weights, rng):
    """A function of the step t and of states (n,) -> an outcome for each state, (n,), drawn."""
    # outcomes of each state lie together: one number decides action and outcome
    first, last = m.outcome_ptr[m.pair_ptr[:-1]], m.outcome_ptr[m.pair_ptr[1:]]
    pair = m.outcome_pair
    law = lambda now: _cumulative(now[pair] * m.probability, first, last)      # noqa: E731
    stationary = law(weights) if weights.ndim == 1 else None

    def choose(t, here):
        cumulative = stationary if weights.ndim == 1 else law(weights[t])
        return _draw(cumulative, first[here], last[here], rng)

    return choose


def _trajectories(m, states, outcomes):
    """states (E, T+1), outcomes (T, E), -1 where an episode is over -> a Trajectory for each."""
    outcomes = outcomes.reshape(states.shape[1] - 1, len(states)).T            # (E, T)
    steps = (outcomes >= 0).sum(axis=1)
    pair, out = m.outcome_pair, []
    for path, taken, n in zip(states, outcomes, steps):
        taken = taken[:n]
        out.append(Trajectory(path[:n + 1].copy(), m.pair_action[pair[taken]], m.reward[taken],
                              bool(m.terminal[path[n]])))
    return out


def log_prob(m, policy, trajectory, *, start=None):
    """log p(tau), natural logarithm; -inf if it cannot happen.

    trajectory  a Trajectory, or a list of E of them. A step of one whose `rewards` is None counts
                every reward that may come with its next state
    start       as in `simulate`: the law of the first state; default m.initial
    returns     a float, or (E,) for a list

    ValueError if there is neither `start` nor `m.initial`.
    """
    if isinstance(trajectory, list):
        return np.array([log_prob(m, policy, one, start=start) for one in trajectory], dtype=float)
    check_model(m)
    _check_trajectory(trajectory)
    weights, mu = m.pair_weights(policy), _start(m, start)
    states, actions, rewards = _checked_arrays(m, trajectory)
    if weights.ndim == 2 and actions.size > len(weights):
        raise ValueError(f"trajectory has {actions.size} steps, but the policy only {len(weights)}")
    with np.errstate(divide="ignore"):
        total = float(np.log(mu[states[0]]))
        for t, (s, a) in enumerate(zip(states[:-1], actions)):
            if not m.available[s, a]:
                return -np.inf
            k = m.pair_ptr[s] + int(m.available[s, :a].sum())  # pairs are sorted by action
            j = np.arange(m.outcome_ptr[k], m.outcome_ptr[k + 1])
            same = m.next[j] == states[t + 1]
            if rewards is not None:
                same &= m.reward[j] == rewards[t]
            pi = (weights[t] if weights.ndim == 2 else weights)[k]
            total += float(np.log(pi) + np.log(m.probability[j][same].sum()))
    return total


def _checked_arrays(m, trajectory):
    """(states (T+1,), actions (T,), rewards (T,) or None) of a trajectory on m."""
    states, actions = np.asarray(trajectory.states), np.asarray(trajectory.actions)
    rewards = trajectory.rewards
    rewards = None if rewards is None else np.asarray(rewards, dtype=float)
    paid = actions.shape if rewards is None else rewards.shape
    if states.ndim != 1 or actions.shape != (states.size - 1,) or paid != actions.shape:
        raise ValueError("trajectory must have states (T+1,), actions (T,), rewards (T,), "
                         f"has shapes {states.shape}, {actions.shape}, "
                         f"{None if rewards is None else rewards.shape}")
    for name, numbers, size in (("states", states, m.num_states),
                                ("actions", actions, m.num_actions)):
        if numbers.size and numbers.dtype.kind not in "iu":
            raise ValueError(f"trajectory.{name} must be integers, is {numbers.dtype}")
        for t in np.flatnonzero((numbers < 0) | (numbers >= size))[:1]:
            raise ValueError(f"trajectory.{name}[{t}] is {numbers[t]}, outside [0, {size})")
    return states, actions, rewards


def returns(trajectory, gamma):
    """G_t for t = 0..T, (T+1,): the discounted sum of the rewards after time t; G_T = 0.

    >>> episode = Trajectory([0, 1, 2], [0, 0], [1.0, 4.0], True)
    >>> returns(episode, 0.5).tolist()
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
        raise ValueError(f"trajectory must be a Trajectory, is {type(trajectory).__name__}")


def _start(m, start):
    """(S,) the law of the first state."""
    if start is not None:
        return distribution("start", start, m.num_states)[0]
    if m.initial is None:
        raise ValueError("no first state: give the MDP initial=, or start=")
    return m.initial


def _must_end(m, weights, mu):
    """ValueError if a state that may be visited never leads to a terminal one."""
    P = induced(m.expected, weights).P
    stuck = graph.reachable(P, mu > 0) & ~graph.can_reach(P, m.terminal)
    if stuck.any():
        s = np.flatnonzero(stuck)
        others = f" (nor do {s.size - 1} others)" if s.size > 1 else ""
        raise ValueError(f"horizon is needed: under this policy {m.state_label(s[0])} "
                         f"never leads to a terminal state{others}")


def _cumulative(p, first, last):
    """Cumulative sums within each state's stretch: (J,)."""
    out = np.cumsum(p)
    before = np.concatenate(([0.0], out))[first]
    return out - np.repeat(before, last - first)


def _draw(cumulative, first, last, rng):
    """Invert a cumulative distribution within each stretch [first, last): indices (n,).

    Never one of probability zero. One uniform number for each, then bisection: the first index
    whose cumulative probability is above it.
    """
    u = rng.random(first.size)
    low, high = first.copy(), last - 1
    target = u
    if first.size:
        target = np.minimum(u * cumulative[high], np.nextafter(cumulative[high], 0))
    while True:
        open_ = low < high
        if not open_.any():
            return low
        middle = (low + high) // 2
        beyond = cumulative[middle] > target
        high = np.where(open_ & beyond, middle, high)
        low = np.where(open_ & ~beyond, middle + 1, low)
