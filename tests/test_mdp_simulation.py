"""Simulation: the law of trajectories, their probability, their returns."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import mdp
from cases_mdp import transitions
from mdp.problems import PROBLEMS


def uniform(m):
    return m.available / np.maximum(m.available.sum(1, keepdims=True), 1)


# processes that end soon, or are discounted
@pytest.mark.parametrize("name", ["student", "gridworld", "gridworld_4x4", "russell_norvig"])
def test_the_simulated_mean_return_lies_in_its_confidence_interval(name):
    """20,000 episodes from each of two states, 4.5 standard errors of the exact variance.

    That is a false alarm once in 10**5 runs; the seed is fixed anyway.
    """
    m = PROBLEMS[name].make()
    steps = 150 if m.gamma < 1 else None                                # 0.9**150 * 100 < 1e-4
    evaluation = mdp.evaluate(m, uniform(m))
    for start in (0, m.num_states // 2):
        episodes = mdp.simulate(m, uniform(m), np.random.default_rng(1), episodes=20_000,
                                horizon=steps, start=start)
        G = np.array([mdp.returns(episode, m.gamma)[0] for episode in episodes])
        mean, variance = evaluation.return_mean[start], evaluation.return_variance[start]
        assert abs(G.mean() - mean) <= 4.5 * np.sqrt(variance / len(G)) + 1e-4
        assert np.var(G) == pytest.approx(variance, rel=0.15, abs=1e-9)


def test_a_wrong_value_lies_outside_the_confidence_interval():
    """The interval can tell: the slip q*(C3, pub) = 8.4 in place of 9.4 lies far outside."""
    m = mdp.problems.student()
    first, then = mdp.solve(m).policy.copy(), mdp.solve(m).policy
    first[3] = 4  # pub once, optimal afterwards
    steps = np.concatenate(([first], np.tile(then, (6, 1))))  # at most 3 more steps to the end
    G = np.array([mdp.returns(t, 1)[0] for t in mdp.simulate(m, steps, np.random.default_rng(0),
                                                             episodes=20_000, start=3)])
    standard_error = G.std() / np.sqrt(len(G))
    assert abs(G.mean() - 9.4) < 4.5 * standard_error < abs(G.mean() - 8.4)


def all_trajectories(m, T, start):
    """Every trajectory of at most T steps from `start`, outcomes as given."""
    def follow(states, actions, rewards):
        s = states[-1]
        if len(actions) == T or m.terminal[s]:
            yield mdp.Trajectory(np.array(states), np.array(actions, int), np.array(rewards, float),
                                 bool(m.terminal[s]))
            return
        for k in range(m.pair_ptr[s], m.pair_ptr[s + 1]):
            for j in range(m.outcome_ptr[k], m.outcome_ptr[k + 1]):
                yield from follow(states + [int(m.next[j])], actions + [int(m.pair_action[k])],
                                  rewards + [float(m.reward[j])])
    yield from follow([start], [], [])


@given(transitions(most_states=3, most_actions=2), st.integers(0, 999))
@settings(deadline=None, max_examples=50)
def test_the_probabilities_of_all_trajectories_sum_to_one_and_average_to_the_value(process, seed):
    m = mdp.MDP.from_dict(process, "1/2", initial=0)
    T = 3
    pi = np.random.default_rng(seed).integers(1, 4, (T, m.num_states, m.num_actions)) * m.available
    pi = pi / np.maximum(pi.sum(-1, keepdims=True), 1)
    trajectories = list(all_trajectories(m, T, 0))
    p = np.exp(mdp.log_prob(m, pi, trajectories))
    assert p.sum() == pytest.approx(1, abs=1e-12)
    mean = sum(q * mdp.returns(t, 0.5)[0] for q, t in zip(p, trajectories))
    assert mean == pytest.approx(mdp.evaluate(m, pi).v[0, 0], abs=1e-12)


@given(transitions(most_states=5, most_actions=2), st.sampled_from(["1", "9/10"]),
       st.integers(0, 6), st.booleans())
@settings(deadline=None, max_examples=40)
def test_enumerated_trajectories_are_backward_induction_in_fractions(process, gamma, T, minimize):
    """p(tau) = the product of P along it: over all trajectories of T steps they sum to exactly 1.

    Their mean return under the best policy is v*.
    """
    m, g = mdp.MDP.from_dict(process, gamma, initial=0), Fraction(gamma)
    s = mdp.solve_exact(m, horizon=T, minimize=minimize)

    def walk(t, state):
        """(probability, return) of every trajectory from here under the best policy"""
        if t == T or m.terminal[state]:
            yield Fraction(1), Fraction(0)
            return
        k = next(k for k in range(m.pair_ptr[state], m.pair_ptr[state + 1])
                 if m.pair_action[k] == s.policy[t][state])
        for j in range(m.outcome_ptr[k], m.outcome_ptr[k + 1]):
            for p, G in walk(t + 1, int(m.next[j])):
                yield m.exact_probability[j] * p, m.exact_reward[j] + g * G
    every = list(walk(0, 0))
    assert sum(p for p, _ in every) == 1 and sum(p * G for p, G in every) == s.v[0][0]


def test_trajectories_come_with_their_probabilities():
    """Chi-square of 20,000 trajectories against log_prob; expected counts below 5 are pooled."""
    m = mdp.MDP.from_dict({"a": {"x": [("1/2", "a", 1), ("1/4", "b", 1), ("1/4", "b", 2)],
                                 "y": [("1/3", "b", 0), ("2/3", "end", 5)]},
                           "b": {"y": [("9/10", "a", -1), ("1/10", "end", 0)]}, "end": {}}, "1/2",
                          initial={"a": "3/4", "b": "1/4"})
    pi = np.array([[0.3, 0.7], [0, 1], [0, 0]])
    n = 20_000
    key = lambda t: (tuple(t.states), tuple(t.actions), tuple(t.rewards))        # noqa: E731
    counts = {}
    for t in mdp.simulate(m, pi, np.random.default_rng(2), episodes=n, horizon=4):
        counts[key(t)] = counts.get(key(t), 0) + 1
    possible = [t for s in (0, 1) for t in all_trajectories(m, 4, s)]
    expected = n * np.exp(mdp.log_prob(m, pi, possible))
    observed = np.array([counts.pop(key(t), 0) for t in possible])
    assert not counts and not observed[expected == 0].any()
    rare = expected < 5
    assert expected[rare].sum() >= 5
    pool = lambda x: np.append(x[~rare], x[rare].sum())                           # noqa: E731
    assert stats.chisquare(pool(observed), pool(expected)).pvalue > 1e-4
    cells = len(pool(observed))
    # the test can fail: they are not uniform
    assert stats.chisquare(pool(observed), np.full(cells, n / cells)).pvalue < 1e-4


def test_returns_follow_their_recursion():
    t = mdp.Trajectory(np.arange(4), np.zeros(3, int), np.array([1.0, 2.0, 4.0]), True)
    assert mdp.returns(t, 0.5).tolist() == [3, 4, 4, 0]
    assert mdp.returns(t, 1).tolist() == [7, 6, 4, 0] and mdp.returns(t, 0).tolist() == [1, 2, 4, 0]
    ended = mdp.Trajectory(np.array([0]), np.array([], int), np.array([]), True)
    assert mdp.returns(ended, 1).tolist() == [0]
    with pytest.raises(ValueError, match="gamma is 1.5"):
        mdp.returns(t, 1.5)


def test_simulation_stops_in_terminal_states_and_at_the_horizon():
    m = mdp.problems.student()
    rng = np.random.default_rng(0)
    for t in mdp.simulate(m, uniform(m), rng, episodes=50):
        assert t.terminated and t.states[-1] == 4
        assert len(t.states) == len(t.actions) + 1 == len(t.rewards) + 1 and t.states[0] == 1
        assert m.available[t.states[:-1], t.actions].all()
    short = mdp.simulate(m, uniform(m), rng, episodes=50, horizon=1)
    assert all(len(t.actions) == 1 and t.terminated == (t.states[-1] == 4) for t in short)
    assert len(mdp.simulate(m, uniform(m), rng, episodes=3, start=4)[0].actions) == 0
    assert mdp.simulate(m, uniform(m), rng, episodes=0) == []
    steps = np.tile(mdp.solve(m).policy, (2, 1))
    # one policy per step: as many steps as policies
    assert len(mdp.simulate(m, steps, rng)[0].actions) == 2


def test_the_same_generator_gives_the_same_trajectories():
    m = mdp.problems.student()
    one, two = (mdp.simulate(m, uniform(m), np.random.default_rng(5), episodes=4) for _ in range(2))
    assert all((a.states == b.states).all() and (a.rewards == b.rewards).all()
               for a, b in zip(one, two))


def test_what_cannot_happen_has_log_probability_minus_infinity():
    m = mdp.problems.student()
    policy = mdp.solve(m).policy
    make = lambda states, actions, rewards: mdp.Trajectory(np.array(states), np.array(actions, int),
                                                           rewards if rewards is None
                                                           else np.array(rewards, float),
                                                           True)     # noqa: E731
    assert mdp.log_prob(m, policy, make([1, 2, 3, 4], [2, 2, 2], [-2, -2, 10])) == 0
    assert mdp.log_prob(m, policy, make([1, 2, 3, 4], [2, 2, 2], None)) == 0
    # another reward
    assert mdp.log_prob(m, policy, make([1, 2, 3, 4], [2, 2, 2], [-2, -2, 9])) == -np.inf
    # another successor
    assert mdp.log_prob(m, policy, make([1, 2, 3, 3], [2, 2, 2], None)) == -np.inf
    # an action that does not exist there
    assert mdp.log_prob(m, policy, make([1, 2, 3], [2, 4], None)) == -np.inf
    assert mdp.log_prob(m, policy, make([2, 3], [2], None)) == -np.inf  # another first state
    assert mdp.log_prob(m, policy, make([2, 3], [2], None), start=2) == 0


def test_bad_arguments_get_one_line():
    m, g = mdp.problems.student(), mdp.problems.gridworld()
    rng, pi = np.random.default_rng(0), uniform(g)
    t = mdp.Trajectory(np.array([0, 1]), np.array([0]), np.array([0.0]), False)
    bad = [
        (lambda: mdp.simulate(g, pi, rng, horizon=5), "no first state"),
        (lambda: mdp.simulate(g, pi, rng, start=0),
         r"horizon is needed: under this policy state 0 \(\(0, 0\)\) never leads to a terminal"),
        (lambda: mdp.simulate(g, pi, rng, start=25, horizon=1),
         r"start is state 25, outside \[0, 25\)"),
        (lambda: mdp.simulate(m, [0, 2, 2, 2, -1], rng, start=0), "horizon is needed"),
        (lambda: mdp.simulate(g, pi, 0, start=0, horizon=1),
         "rng must be a numpy.random.Generator, is int"),
        (lambda: mdp.simulate(g, pi, rng, start=0, horizon=1.5), "horizon must be an integer"),
        (lambda: mdp.simulate(g, pi, rng, start=0, horizon=1, episodes=-1),
         "episodes must be an integer >= 0, is -1"),
        (lambda: mdp.simulate(g, np.tile(pi, (2, 1, 1)), rng, start=0, horizon=3),
         "horizon is 3, but the policy has only 2 steps"),
        (lambda: mdp.log_prob(g, pi, t), "no first state"),
        (lambda: mdp.log_prob(g, pi, 5, start=0), "trajectory must be a Trajectory, is int"),
        (lambda: mdp.returns(5, 1), "trajectory must be a Trajectory, is int"),
        (lambda: mdp.log_prob(g, pi, t._replace(states=np.array([0, 99])), start=0),
         r"trajectory.states\[1\] is 99, outside \[0, 25\)"),
        (lambda: mdp.log_prob(g, pi, t._replace(actions=np.array([7])), start=0),
         r"trajectory.actions\[0\] is 7"),
        (lambda: mdp.log_prob(g, pi, t._replace(actions=np.array([0, 0])), start=0),
         "trajectory must have"),
        (lambda: mdp.log_prob(g, pi, t._replace(actions=np.array([0.5])), start=0),
         "must be integers"),
    ]
    for call, message in bad:
        with pytest.raises(ValueError, match=message) as error:
            call()
        assert "\n" not in str(error.value)


def test_outcomes_of_probability_zero_are_never_drawn():
    """The sampler inverts a cumulative sum; at its ends, and at 0, it returns no empty step."""
    from mdp.simulation import _cumulative, _draw

    class Uniforms:
        def __init__(self, u):
            self.u = np.array(u)

        def random(self, n):
            return self.u[:n]

    p = np.array([0, 0.5, 0, 0.5, 0, 0, 0.25, 0.75, 0])
    first, last = np.array([0, 5]), np.array([5, 9])
    cumulative = _cumulative(p, first, last)
    for u in itertools.product([0.0, 0.25, 0.5, 1 - 2**-53], repeat=2):
        assert (p[_draw(cumulative, first, last, Uniforms(u))] > 0).all()
