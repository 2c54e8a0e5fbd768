"""The same answers as QuantEcon's DiscreteDP (Sargent and Stachurski), which shares no code with
ours. Skipped where quantecon is not installed."""

import numpy as np
import pytest
import scipy.sparse as sp

import mdp
from cases_mdp import garnet
from mdp.planning import METHODS

markov = pytest.importorskip("quantecon.markov")


def full(S, A, gamma):
    """Every pair leads everywhere, most of it to a few states."""
    rng = np.random.default_rng(1)
    P = rng.random((S, A, S)) ** 20
    return mdp.MDP(P / P.sum(axis=2, keepdims=True), rng.normal(size=(S, A)), gamma)


def corridor(n, gamma):
    """Cells in a row, slippery steps to either side, a reward at each end: far across. The last
    state is terminal, and one cell has a single action."""
    P, R = np.zeros((n, 2, n)), np.zeros((n, 2))
    for s in range(n):
        for a, step in enumerate((-1, 1)):
            P[s, a, np.clip(s + step, 0, n - 1)] += 0.9
            P[s, a, np.clip(s - step, 0, n - 1)] += 0.1
    R[0], R[n - 2, 1] = 0.5, 10
    available = np.ones((n, 2), bool)
    available[n // 2, 0] = available[n - 1] = False
    return mdp.MDP(P, R, gamma, available=available)


MODELS = {
    "garnet": lambda: garnet(60, 4, 5, 0, 0.95),
    "garnet, near 1": lambda: garnet(40, 3, 4, 1, 0.999),
    "full": lambda: full(50, 4, 0.99),
    "full, many states": lambda: full(420, 2, 0.9),
    "corridor": lambda: corridor(80, 0.99),
    "grid": lambda: mdp.problems.gridworld().replace(gamma=0.9),
}


def theirs(m):
    """(values, actions) by QuantEcon's policy iteration."""
    result = markov.DiscreteDP(*mdp.to_quantecon(m)).solve(method="policy_iteration")
    assert result.num_iter < 100  # it did not go round between policies that tie
    return result.v, result.sigma


@pytest.mark.parametrize("name", MODELS)
def test_values_and_policies_are_those_of_quantecon(name):
    """Values of every method to 1e-8; the policy may differ only where two actions tie."""
    m = MODELS[name]()
    v, sigma = theirs(m)
    slow = {"enumerate_policies"} | ({"prioritized_sweeping", "linear_programming",
                                      "linear_programming_dual"} if "full" in name else set())
    for method in ["auto", *(method for method in METHODS["discounted"] if method not in slow)]:
        s = mdp.solve(m, method=method, tol=1e-8 / max(1.0, np.abs(v).max()))
        np.testing.assert_allclose(s.v, v, rtol=0, atol=1e-8 + 1e-12 * np.abs(v).max(),
                                   err_msg=s.method)
        for state in np.flatnonzero((s.policy != sigma) & ~m.terminal):
            assert s.q[state, sigma[state]] == pytest.approx(s.q[state, s.policy[state]],
                                                             abs=1e-7), (s.method, state)


def test_finite_horizons_are_those_of_quantecon():
    m, T, end = garnet(30, 3, 4, 2, 0.95), 7, np.arange(30.0)
    vs, sigmas = markov.backward_induction(markov.DiscreteDP(*mdp.to_quantecon(m)), T, end)
    s = mdp.solve(m, horizon=T, terminal_values=end)
    np.testing.assert_allclose(s.v, vs, rtol=1e-12)
    np.testing.assert_array_equal(s.policy, sigmas)


def test_a_process_read_from_quantecon_arrays_is_the_same_process():
    m = corridor(12, 0.9)
    R, Q, beta, state, action = mdp.to_quantecon(m)
    again = mdp.MDP.from_pairs(state, action, sp.csr_matrix(Q), R, beta)
    np.testing.assert_allclose(mdp.solve(again).v, mdp.solve(m).v, atol=1e-8)


def test_a_wrong_value_would_be_noticed():
    m = MODELS["garnet"]()
    wrong = m.replace(gamma=0.9500001)
    assert np.abs(mdp.solve(wrong).v - theirs(m)[0]).max() > 1e-7
