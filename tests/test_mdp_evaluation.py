"""Policy evaluation: by linear solve, and as a layer with gradients."""

import itertools
import warnings
from fractions import Fraction

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import cases_mdp
import mdp
from cases_mdp import exact_policy_value, exact_q, gammas, transitions
from mdp import policy_evaluation


@given(transitions(), gammas, st.integers(0, 99))
@settings(deadline=None, max_examples=100)
def test_the_value_lies_within_its_proven_error_of_the_exact_one(process, gamma, seed):
    m = mdp.MDP.from_dict(process, gamma)
    rng = np.random.default_rng(seed)
    policy = np.array([rng.choice(np.flatnonzero(row)) if row.any() else -1 for row in m.available])
    evaluation = mdp.evaluate(m, policy)
    names = cases_mdp.policy_of(m, policy)
    exact = exact_policy_value(process, names, Fraction(gamma))
    for s, v, error in zip(process, evaluation.v, evaluation.error):
        assert abs(Fraction(float(v)) - exact[s]) <= Fraction(float(error))
        # about 10 roundings of a value of 6 / (1 - gamma), times 1 / (1 - gamma)
        assert error <= 1e-10 / float(1 - Fraction(gamma)) and error <= 1e-7
    for (s, a), q in exact_q(process, exact, Fraction(gamma)).items():
        assert evaluation.q[s, m.action_names.index(a)] == pytest.approx(float(q), abs=1e-9)
    assert np.isnan(evaluation.q[~m.available]).all()


def test_dense_and_sparse_solves_agree(monkeypatch):
    m = cases_mdp.garnet(60, 3, 4, 0, 0.95)
    policy = np.full((60, 3), 1 / 3)
    dense = mdp.evaluate(m, policy)
    monkeypatch.setattr("mdp.linear.DENSE_UP_TO", 0)
    monkeypatch.setattr("mdp.linear.DENSE_UP_TO_IF_FULL", 0)
    sparse = mdp.evaluate(mdp.MDP(sp.csr_matrix(m.dense()[0].reshape(180, 60)), m.dense()[1], 0.95,
                                  initial=np.full(60, 1 / 60)), policy)
    np.testing.assert_allclose(sparse.v, dense.v, rtol=1e-12)
    np.testing.assert_allclose(sparse.return_variance, dense.return_variance, rtol=1e-12)
    assert sparse.initial_mean == pytest.approx((sparse.occupancy * m.dense()[1]).sum(), rel=1e-12)


@given(transitions(most_states=3, most_actions=2), st.sampled_from(["1/2", "9/10", "1"]),
       st.integers(0, 99))
@settings(deadline=None, max_examples=40)
def test_mean_variance_and_visits_over_steps_are_those_of_all_trajectories(process, gamma, seed):
    """T = 3 steps, every trajectory enumerated in Fractions by the test itself."""
    m = mdp.MDP.from_dict(process, gamma, initial=0)
    S, A, T = m.num_states, m.num_actions, 3
    rng = np.random.default_rng(seed)
    pi = rng.integers(1, 4, size=(T, S, A)) * m.available
    pi = pi / np.maximum(pi.sum(-1, keepdims=True), 1)
    terminal_values = rng.integers(-3, 4, size=S).astype(float)
    g = float(Fraction(gamma))
    moments, occupancy = np.zeros(2), np.zeros((T, S, A))

    def follow(s, t, probability, total):
        if t == T or not process[s]:
            moments[:] += probability * (total + g ** t * terminal_values[s]) ** np.array([1, 2])
            return
        for a, outcomes in process[s].items():
            i = m.action_names.index(a)
            occupancy[t, s, i] += g ** t * probability * pi[t, s, i]
            for p, s_next, r in outcomes:
                follow(s_next, t + 1, probability * pi[t, s, i] * float(p),
                       total + g ** t * float(r))

    follow(0, 0, 1.0, 0.0)
    evaluation = mdp.evaluate(m, pi, terminal_values=terminal_values)
    assert evaluation.v.shape == (T + 1, S) and evaluation.q.shape == (T, S, A)
    assert evaluation.initial_mean == pytest.approx(moments[0], abs=1e-10)
    assert evaluation.initial_variance == pytest.approx(moments[1] - moments[0] ** 2, abs=1e-9)
    np.testing.assert_allclose(evaluation.occupancy, occupancy, atol=1e-12)


def test_the_variance_of_a_geometric_number_of_steps():
    """Reward 1 each step, the process ends with p = 1/4: mean 1/p = 4, variance (1 - p) / p**2."""
    m = mdp.MDP.from_dict({"on": {"go": [("3/4", "on", 1), ("1/4", "off", 1)]}, "off": {}}, 1)
    evaluation = mdp.evaluate(m, [0, -1])
    np.testing.assert_allclose(evaluation.v, [4, 0], atol=1e-14)
    np.testing.assert_allclose(evaluation.return_variance, [12, 0], atol=1e-12)


def test_the_variance_sees_the_outcomes_and_the_value_their_mean():
    sure = mdp.MDP.from_dict({"a": {"go": [(1, "b", 0)]}, "b": {}}, 1)
    coin = mdp.MDP.from_dict({"a": {"go": [("1/2", "b", 3), ("1/2", "b", -3)]}, "b": {}}, 1)
    assert mdp.evaluate(sure, [0, -1]).v[0] == mdp.evaluate(coin, [0, -1]).v[0] == 0
    assert mdp.evaluate(sure, [0, -1]).return_variance[0] == 0
    assert mdp.evaluate(coin, [0, -1]).return_variance[0] == 9


def test_occupancy_needs_an_initial_distribution_and_says_so():
    m = mdp.problems.gridworld()
    evaluation = mdp.evaluate(m, np.full((25, 4), 0.25))
    for name in ("occupancy", "initial_mean", "initial_variance"):
        with pytest.raises(ValueError, match=f"{name} needs an initial distribution"):
            getattr(evaluation, name)
    there = mdp.evaluate(m.replace(initial=12), np.full((25, 4), 0.25))
    assert there.occupancy.sum() == pytest.approx(10, rel=1e-12)         # sum of 0.9**t


def test_a_policy_that_never_ends_among_rewards_is_refused_at_gamma_1():
    m = mdp.problems.student()
    with pytest.raises(ValueError, match=r"never leaves state 0 \('FB'\)"):
        mdp.evaluate(m, [0, 2, 2, 2, -1])
    free = mdp.MDP.from_dict({"a": {"stay": [(1, "a", 0)]}}, 1)
    assert mdp.evaluate(free, [0]).v.tolist() == [0]
    coin = mdp.MDP.from_dict({"a": {"stay": [("1/2", "a", 1), ("1/2", "a", -1)]}}, 1)
    # rewards that cancel on average are not "no rewards"
    with pytest.raises(ValueError, match="infinite or undefined"):
        mdp.evaluate(coin, [0])


def walk(N):
    """Haddad and Monmege's chain: outwards with a fair coin, every failure leads to the centre.

    Steps: 3 * 2**(N-1) - 2.
    """
    names = range(2 * N + 1)
    out = {}
    for x in names:
        if x in (0, 2 * N):
            out[x] = {}
        elif x == N:
            out[x] = {"go": [("7/10", N - 1, 1), ("3/10", N + 1, 1)]}
        else:
            out[x] = {"go": [("1/2", x - 1 if x < N else x + 1, 1), ("1/2", N, 1)]}
    return mdp.MDP.from_dict(out, 1)


def test_an_ill_conditioned_chain_is_right_or_known_to_be_lost(monkeypatch):
    policy = lambda N: np.where(walk(N).terminal, -1, 0)                # noqa: E731
    for N in (20, 60):
        found = mdp.evaluate(walk(N), policy(N))
        truth = 3 * 2 ** (N - 1) - 2
        # elimination
        assert abs(Fraction(float(found.v[N])) - truth) <= found.error[N] <= 1e-11 * truth
    monkeypatch.setattr("mdp.elimination.MOST", 0)  # LU factors cancel
    well = mdp.evaluate(walk(20), policy(20))
    assert abs(well.v[20] - (3 * 2**19 - 2)) <= well.error[20] < 1
    with pytest.warns(mdp.ConvergenceWarning, match="proved only to within inf"):
        lost = mdp.evaluate(walk(60), policy(60))
    assert abs(lost.v[60] - (3 * 2**59 - 2)) <= lost.error[60]


# the layer

def draw_case(data):
    arguments, configuration = cases_mdp.policy_evaluation(data.draw)
    assert configuration == {}
    return arguments


@given(st.data())
@settings(deadline=None, max_examples=60)
def test_the_layer_gives_the_value_of_evaluate_in_its_own_dtype(data):
    P, R, gamma, pi = draw_case(data)
    copies = [np.array(x) for x in (P, R, gamma, pi)]
    v, cache = policy_evaluation.forward(P, R, gamma, pi)
    assert v.dtype == P.dtype and v.shape == (len(P),)
    dv = np.ones_like(v)
    gradients = policy_evaluation.backward(dv, cache)
    assert [g.shape for g in gradients] == [x.shape for x in (P, R, gamma, pi)]
    assert all(g.dtype == P.dtype for g in gradients)
    assert all((a == b).all() for a, b in zip(copies, (P, R, gamma, pi))) and (dv == 1).all()
    P64, pi64 = (x.astype(float) / x.sum(-1, keepdims=True, dtype=float) for x in (P, pi))
    exact = mdp.evaluate(mdp.MDP(P64, R.astype(float), float(gamma)), pi64).v
    np.testing.assert_allclose(v, exact, rtol=1e-4 if P.dtype == np.float32 else 1e-11,
                               atol=1e-4 if P.dtype == np.float32 else 1e-11)


def slope_error(backward, data):
    """|<gradient, direction> - central difference|, relative to its size, in float64.

    The direction and dv are random.
    """
    P, R, gamma, pi = (np.asarray(x, dtype=float) for x in draw_case(data))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    arguments = (P, R, gamma, pi)
    direction = [rng.normal(size=x.shape) for x in arguments]
    v, cache = policy_evaluation.forward(*arguments)
    dv = rng.normal(size=v.shape)
    slope = sum((g * d).sum() for g, d in zip(backward(dv, cache), direction))
    step = 1e-6
    ahead, behind = ([x + sign * step * d for x, d in zip(arguments, direction)]
                     for sign in (1, -1))
    difference = dv @ (policy_evaluation.forward(*ahead)[0]
                       - policy_evaluation.forward(*behind)[0]) / (2 * step)
    scale = sum(np.abs(g * d).sum()
                for g, d in zip(policy_evaluation.backward(dv, cache), direction)) + 1
    return abs(slope - difference) / scale


@given(st.data())
@settings(deadline=None, max_examples=60)
def test_the_gradient_is_the_slope_along_a_random_direction(data):
    # 1e-16 / step, times the curvature at gamma = 0.9
    assert slope_error(policy_evaluation.backward, data) < 1e-6


def test_a_gradient_that_forgets_the_future_is_caught():
    """The classical mistake: dpi = q * dv in place of q * y drops what is visited later."""
    def biased(dv, cache):
        dP, dR, dgamma, _ = policy_evaluation.backward(dv, cache)
        P, R, gamma, pi, _, _, v = cache
        return dP, dR, dgamma, dv[:, None] * (R + gamma * (P @ v))

    caught = []

    @given(st.data())
    @settings(deadline=None, max_examples=30, derandomize=True, database=None)
    def look(data):
        caught.append(slope_error(biased, data) > 1e-4)

    look()
    assert sum(caught) > 10


@given(st.data())
@settings(deadline=None, max_examples=40)
def test_the_gradient_of_the_rewards_is_the_discounted_occupancy(data):
    P, R, gamma, pi = (np.asarray(x, dtype=float) for x in draw_case(data))
    P, pi = P / P.sum(-1, keepdims=True), pi / pi.sum(-1, keepdims=True)
    start = np.random.default_rng(data.draw(st.integers(0, 999))).dirichlet(np.ones(len(P)))
    _, cache = policy_evaluation.forward(P, R, gamma, pi)
    dR = policy_evaluation.backward(start, cache)[1]
    evaluation = mdp.evaluate(mdp.MDP(P, R, float(gamma), initial=start / start.sum()), pi)
    np.testing.assert_allclose(dR, evaluation.occupancy, rtol=1e-10, atol=1e-12)
    # and the sum that occupancy stands for, term by term
    visits, mu, seen = np.zeros_like(R), start, 0
    P_pi = np.einsum("sa,sat->st", pi, P)
    for _ in range(400):
        visits += mu[:, None] * pi
        mu = float(gamma) * mu @ P_pi
    np.testing.assert_allclose(dR, visits, rtol=1e-9, atol=1e-12)


def test_the_gradients_are_those_of_pytorch():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    P, R = rng.dirichlet(np.ones(6), size=(6, 3)), rng.normal(size=(6, 3))
    pi, gamma, dv = rng.dirichlet(np.ones(3), size=6), np.float64(0.95), rng.normal(size=6)
    leaves = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in (P, R, gamma, pi)]
    tP, tR, tg, tpi = leaves
    v = torch.linalg.solve(torch.eye(6, dtype=torch.float64) - tg
                           * torch.einsum("sa,sat->st", tpi, tP), (tpi * tR).sum(1))
    v.backward(torch.tensor(dv))
    ours, cache = policy_evaluation.forward(P, R, gamma, pi)
    np.testing.assert_allclose(ours, v.detach().numpy(), rtol=1e-12)
    for gradient, leaf in zip(policy_evaluation.backward(dv, cache), leaves):
        expected = leaf.grad.numpy()
        assert np.abs(gradient - expected).max() <= 1e-10 * np.abs(expected).max()


def test_the_layer_refuses_what_does_not_fit():
    P, R, pi = np.full((2, 1, 2), 0.5), np.zeros((2, 1)), np.ones((2, 1))
    shapes = "P, R, gamma and pi must be"
    for bad, message in (((P[0], R, 0.5, pi), shapes), ((P, R[:1], 0.5, pi), shapes),
                         ((P, R, [0.5], pi), shapes),
                         ((P, R.astype(np.float32), 0.5, pi), "one dtype"),
                         ((P.astype(int), R.astype(int), 0.5, pi.astype(int)), "one dtype"),
                         ((np.eye(2)[:, None], R, 1.0, pi), "singular")):
        with pytest.raises(ValueError, match=message):
            policy_evaluation.forward(*bad)


@given(transitions(most_states=4, most_actions=2), st.integers(0, 99))
@settings(deadline=None, max_examples=50)
def test_the_operators_are_what_their_equations_say(process, seed):
    m = mdp.MDP.from_dict(process, "9/10")
    rng = np.random.default_rng(seed)
    v = {s: Fraction(int(rng.integers(-8, 9)), 4) for s in process}
    values = np.array([float(x) for x in v.values()])
    q = exact_q(process, v, Fraction(9, 10))
    table = mdp.bellman.q(m, values)
    for (s, a), number in q.items():
        assert table[s, m.action_names.index(a)] == pytest.approx(float(number), abs=1e-12)
    best = [max((float(q[s, a]) for a in process[s]), default=0.0) for s in process]
    np.testing.assert_allclose(mdp.bellman.T(m, values), best, atol=1e-12)
    np.testing.assert_allclose(mdp.bellman.residual(m, values), best - values, atol=1e-12)
    greedy = mdp.bellman.greedy(m, values)
    np.testing.assert_allclose(mdp.bellman.T_pi(m, greedy, values), best, atol=1e-12)
    assert ((greedy == -1) == m.terminal).all()
    with pytest.raises(ValueError, match="v must be"):
        mdp.bellman.T(m, values[:-1] if len(values) > 1 else np.zeros(2))


def test_no_evaluation_warns_without_a_reason():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for problem, gamma in itertools.product(mdp.problems.PROBLEMS.values(),
                                                ("0", "1/2", "99/100")):
            m = problem.make(gamma)
            mdp.evaluate(m, m.available / np.maximum(m.available.sum(1, keepdims=True), 1))
