"""Chains with exits as small as 1e-20: elimination without a subtraction, against Fractions.

The truth of a chain given in floats: the chances to go elsewhere are as given, the chance to stay
is what is left of one.
"""

import warnings
from fractions import Fraction

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import mdp
from cases_mdp import solve_exactly
from mdp import elimination, linear

UNIT = Fraction(1, 2 ** 53)
D = 1e-14
HALVES = [[1 - D, D, 0, 0], [.5, .5 - D, D, 0], [0, D, .5 - D, .5], [0, 0, D, 1 - D]]


@st.composite
def leaving(draw, most=7):
    """(Q (n, n) without a diagonal, exits (n,)), entries from 1 down to 1e-20; all states leave."""
    n = draw(st.integers(1, most))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    size = 10.0 ** -rng.integers(0, draw(st.sampled_from([1, 3, 20])) + 1, (n, n + 1))
    Q = rng.random((n, n + 1)) * size * (rng.random((n, n + 1)) < draw(st.sampled_from([.4, 1.0])))
    Q[np.arange(n), np.arange(n)] = 0
    # s -> s + 1, the last one out
    Q[np.arange(n), np.arange(n) + 1] += size[np.arange(n), np.arange(n) + 1]
    return Q[:, :n] / (2 * n + 2), Q[:, n] / (2 * n + 2)


def truth(Q, exits, b, transposed=False):
    """x = b + Q x in Fractions, the diagonal of Q being what is left of one."""
    n = len(exits)
    A = [[-Fraction(Q[i][j]) for j in range(n)] for i in range(n)]
    for i in range(n):
        A[i][i] = Fraction(exits[i]) + sum(Fraction(Q[i][j]) for j in range(n) if j != i)
    if transposed:
        A = [list(row) for row in zip(*A)]
    return solve_exactly(A, [Fraction(x) for x in b])


def chain_of(Q, exits, close):
    """P (n + 1, n + 1): exits lead to the last state, which leads to each other with `close`."""
    n = len(exits)
    P = np.zeros((n + 1, n + 1))
    P[:n, :n], P[:n, n] = Q, exits
    P[n, :n] = close
    P[np.arange(n + 1), np.arange(n + 1)] = 1 - P.sum(axis=1)
    return P


def relative(found, exact):
    """The largest relative error of an entry, as a float."""
    return max(float(abs(Fraction(float(x)) / y - 1)) if y else float(x != 0)
               for x, y in zip(found, exact))


def few_units(n):
    """What n states may lose: a few units each. 4 n**2 would be the proof; 8 n is what is seen."""
    return 8 * (n + 1) * 2.0 ** -53


@given(leaving(), st.integers(0, 99))
@settings(max_examples=60)
def test_every_entry_is_right_to_a_few_units(system, seed):
    Q, exits = system
    n, rng = len(exits), np.random.default_rng(seed)
    b = rng.random(n) * 10.0 ** -rng.integers(0, 9, n)
    inner = elimination.Elimination(sp.csr_matrix(Q), exits, rng.permutation(n))
    for solve, transposed in ((inner.solve, False), (inner.solve_transposed, True)):
        error = relative(solve(b), truth(Q, exits, b, transposed))
        assert error <= inner.rounding <= 1e-12 and error <= few_units(len(exits))


@given(leaving())
@settings(max_examples=60)
def test_stationary_laws_are_right_in_every_entry(system):
    Q, exits = system
    n = len(exits)
    P = chain_of(Q, exits, close=1 / (2 * n))
    # mu (I - P) = 0 with mu(n) = 1: the visits of the others between two stays in state n
    visits = truth(Q, exits, P[n, :n], transposed=True) + [Fraction(1)]
    mu = mdp.MarkovChain(P).stationary
    assert mu.shape == (1, n + 1)
    assert relative(mu[0], [x / sum(visits) for x in visits]) <= few_units(n + 1)


@given(leaving())
@settings(max_examples=60)
def test_times_and_chances_are_right_in_every_entry(system):
    Q, exits = system
    n = len(exits)
    chain = mdp.MarkovChain(chain_of(Q, exits, close=0))
    assert relative(chain.hitting_times([n])[:n], truth(Q, exits, np.ones(n))) <= few_units(n)
    assert relative(chain.hitting_probabilities([n])[:n], [Fraction(1)] * n) <= few_units(n)
    assert relative(chain.absorption[:n, 0], [Fraction(1)] * n) <= few_units(n)
    # half of each exit leads to a second end
    P = np.zeros((n + 2, n + 2))
    P[:n, :n], P[:n, n], P[:n, n + 1] = Q, exits / 4, exits * 3 / 4
    P[np.arange(n + 2), np.arange(n + 2)] = 1 - P.sum(axis=1)
    two = mdp.MarkovChain(P)
    assert relative(two.absorption[:n, 0], [Fraction(1, 4)] * n) <= few_units(n)
    assert relative(two.hitting_probabilities([n + 1])[:n], [Fraction(3, 4)] * n) <= few_units(n)
    assert (two.hitting_times([n])[:n] == np.inf).all()


@given(leaving(), st.booleans(), st.integers(0, 99))
@settings(max_examples=60)
def test_a_value_lies_within_its_error_which_is_small_for_one_sign(system, one_sign, seed):
    Q, exits = system
    n, rng = len(exits), np.random.default_rng(seed)
    r = rng.integers(1, 9, n) if one_sign else rng.integers(-9, 10, n)
    P = chain_of(Q, exits, close=0)
    process = {s: {"go": [(p, t, int(r[s])) for t, p in enumerate(P[s]) if p]} for s in range(n)}
    m = mdp.MDP.from_dict(process | {n: {}}, 1)
    e = mdp_evaluate_quietly(m, np.append(np.zeros(n, int), -1))
    exact = truth(P[:n, :n], P[:n, n], r.tolist())
    assert within(e.v, exact, e.error)
    if one_sign:
        assert (e.error[:n] <= 1e-11 * e.v[:n]).all() and relative(e.v[:n], exact) <= few_units(n)


def within(v, exact, error):
    return all(abs(Fraction(float(x)) - y) <= Fraction(float(z))
               for x, y, z in zip(v, exact, error))


def mdp_evaluate_quietly(m, policy):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mdp.ConvergenceWarning)  # rewards of both signs may cancel
        return mdp.evaluate(m, policy)


one_exit = st.tuples(st.floats(-20, 0), st.integers(1, 5))


@given(st.lists(one_exit, min_size=1, max_size=4), st.sampled_from([-1, 1]))
def test_a_policy_that_hardly_ever_leaves_does_leave(exits, sign):
    """State i leaves for the next with chance p = 10**x, and earns r a step: r / p in the mean."""
    n = len(exits)
    process = {i: {"stay": [(1, i, sign * r)], "go": [(1, i + 1, sign * r)]}
               for i, (_, r) in enumerate(exits)}
    m = mdp.MDP.from_dict(process | {n: {}}, 1)
    p = [min(10.0 ** x, .5) for x, _ in exits]
    e = mdp.evaluate(m, np.array([[1 - x, x] for x in p] + [[0, 0]]))
    each = [sign * (Fraction(1 - x) + Fraction(x)) * r / Fraction(x) for x, (_, r) in zip(p, exits)]
    exact = [sum(each[i:]) for i in range(n)]
    assert within(e.v, exact, e.error) and (e.error[:n] <= 1e-12 * np.abs(e.v[:n])).all()


def test_the_values_that_were_wrong():
    # symmetric: half of the time on each side, and 1e-14 of it in between
    mu = mdp.MarkovChain(HALVES).stationary
    np.testing.assert_allclose(mu, [[.5, 1e-14, 1e-14, .5]], rtol=3e-14)
    # from s to s + 1 in t(s) = (1 + .8 t(s-1)) / .2 steps, t(0) = 5
    P = np.zeros((25, 25))
    for s in range(24):
        P[s, s + 1], P[s, max(s - 1, 0)] = .2, .8
    P[24, 24] = 1
    t, total = Fraction(5), Fraction(5)
    for _ in range(23):
        t = 5 + 4 * t
        total += t
    assert mdp.MarkovChain(P).hitting_times([24])[0] == pytest.approx(float(total), rel=1e-14)
    # -1 a step, and a chance of 1e-20 to leave
    m = mdp.MDP.from_dict({"s": {"stay": [(1, "s", -1)], "go": [(1, "t", -1)]}, "t": {}}, 1)
    e = mdp.evaluate(m, [[1.0, 1e-20], [0, 0]])
    assert e.v[0] == pytest.approx(-1e20, rel=1e-14) and e.error[0] < 1e6
    assert e.v[1] == e.error[1] == 0


@given(leaving(), st.integers(0, 99))
@settings(max_examples=40)
def test_a_gain_lies_between_its_rewards_and_its_bounds(system, seed):
    """One policy, and with choices; the mean of the rewards under the exact stationary law."""
    Q, exits = system
    n, rng = len(exits), np.random.default_rng(seed)
    P, r = chain_of(Q, exits, close=1 / (2 * n)), rng.integers(-3, 4, n + 1).astype(float)
    visits = truth(Q, exits, P[n, :n], transposed=True) + [Fraction(1)]
    exact = sum(x * Fraction(y) for x, y in zip(visits, r)) / sum(visits)
    choice = mdp.MDP(np.stack([P, P], 1), np.stack([r - 1, r], 1), 1)
    for m, alone in ((mdp.MDP(P[:, None], r, 1), True), (choice, False)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", mdp.ConvergenceWarning)
            s = mdp.solve(m, criterion="average")
        bounds = zip(s.lower, s.upper)
        assert all(Fraction(float(x)) <= exact <= Fraction(float(y)) for x, y in bounds)
        assert (s.v >= r.min() - 1).all() and (s.v <= r.max()).all() and (s.gain == s.v).all()
        assert not alone or s.converged and abs(float(s.v[0] - exact)) <= 1e-12


def test_the_gain_of_a_chain_that_changes_sides_once_in_1e28_steps():
    s = mdp.solve(mdp.MDP(np.array(HALVES)[:, None], [0, 0, 1, 1], 1), criterion="average")
    assert s.converged and s.v == pytest.approx(.5, abs=1e-12)


def birth_and_death(n, up, down):
    """(P, exits at both ends) of a chain of n states in a row."""
    P = sp.csr_matrix(sp.diags_array([np.full(n - 1, down), np.full(n - 1, up)], offsets=[-1, 1]))
    exits = np.zeros(n)
    exits[0] += down
    exits[-1] += up
    return P, exits


def test_long_chains_and_grids_are_eliminated_in_a_narrow_band():
    n = 20_000  # s (n + 1 - s) steps of a fair walk to either end
    P, exits = birth_and_death(n, .5, .5)
    shuffled = np.random.default_rng(0).permutation(n)
    inner = linear.Resolvent(P[shuffled][:, shuffled], 1.0, exits=exits[shuffled])
    steps = inner.solve(np.ones(n))
    assert inner.eliminated is not None and inner.eliminated.band.shape[1] <= 5
    s = np.arange(1, n + 1.0)[shuffled]
    error = inner.error(np.ones(n), steps)
    # 20 units a state
    assert (np.abs(steps - s * (n + 1 - s)) <= error).all() and (error <= 1e-9 * steps).all()
    side = 30
    P, exits = birth_and_death(side, .25, .25)
    grid = sp.csr_matrix(sp.kron(P, sp.eye_array(side)) + sp.kron(sp.eye_array(side), P))
    out = np.add.outer(exits, exits).ravel()
    inner = linear.Resolvent(grid, 1.0, exits=out)
    assert inner.eliminated.band.shape[1] <= 2 * 2 * side + 1
    dense = np.linalg.solve(np.eye(side ** 2) - grid.toarray(), np.ones(side ** 2))
    np.testing.assert_allclose(inner.solve(np.ones(side ** 2)), dense, rtol=1e-12)


def test_factors_are_right_or_say_that_they_are_not(monkeypatch):
    monkeypatch.setattr(elimination, "MOST", 0)
    rng = np.random.default_rng(0)
    P = rng.dirichlet(np.ones(9), 9)
    chain, again = mdp.MarkovChain(P), mdp.MarkovChain(P[::-1, ::-1])
    np.testing.assert_allclose(chain.stationary[0] @ P, chain.stationary[0], rtol=1e-13)
    np.testing.assert_allclose(chain.stationary[0], again.stationary[0, ::-1], rtol=1e-13)
    for what in (lambda c: c.stationary, lambda c: c.hitting_times([3])):
        with pytest.warns(mdp.ConvergenceWarning, match="proved only to within"):
            what(mdp.MarkovChain(HALVES))
    with pytest.warns(mdp.ConvergenceWarning, match="absorption: the result is proved only to"):
        P = [[1 - D, D, 0, 0], [1 - D, 0, D, 0], [0, 1 - D, D / 2, D / 2], [0, 0, 0, 1]]
        mdp.MarkovChain(P).absorption


def test_numbers_too_small_or_too_large_for_floats_are_no_proof():
    tiny = 1e-200  # the chance of two steps forth, 1e-400, underflows
    with pytest.warns(mdp.ConvergenceWarning, match="hitting_times: .* only to within inf"):
        mdp.MarkovChain([[1, tiny, 0], [1, 0, tiny], [0, 0, 1]]).hitting_times([2])
    with pytest.warns(mdp.ConvergenceWarning, match="a value overflows"):
        e = mdp.evaluate(mdp.MDP([[[1.0]]], [1e308], 0.9), [0])          # 1e309
    assert e.error.tolist() == [np.inf]
    with pytest.warns(mdp.ConvergenceWarning, match="a value overflows"):
        assert mdp.evaluate(mdp.MDP([[[1.0]]], [1e308], 1), [[0]] * 3).error[0].tolist() == [np.inf]


@given(st.integers(1, 2000), st.sampled_from(["0", "1/2", "9/10", "1"]))
def test_errors_hold_below_the_smallest_normal_number(k, gamma):
    """A reward of k * 5e-324 = r, and with one half the process goes on: r / (1 - gamma / 2)."""
    r = k * 5e-324
    m = mdp.MDP([[[.5, .5]], [[0, 0]]], [r, 0], gamma, terminal=[1])
    exact = Fraction(r) / (1 - Fraction(gamma) / 2)
    for e in (mdp_evaluate_quietly(m, [0, -1]), mdp_evaluate_quietly(m, [[0, -1]] * 2)):
        v, error = e.v.reshape(-1, 2)[0], e.error.reshape(-1, 2)[0]
        wanted = exact if e.v.ndim == 1 else Fraction(r) * (1 + Fraction(gamma) / 2)
        assert within(v[:1], [wanted], error) and v[1] == error[1] == 0


def test_rewards_that_cancel_are_no_doubt():
    """+1 and -1 in turn at gamma = 1/2: 1 / (1 + 1/2); half and half: a value of exactly 0."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        turns = mdp.MarkovRewardProcess([[0, 1], [1, 0]], [1, -1], 0.5)
        np.testing.assert_allclose(turns.v, [2 / 3, -2 / 3], rtol=1e-15)
        R = np.array([[.3, -.3], [.3, -.3]])
        coin = mdp.MarkovRewardProcess([[.5, .5], [.5, .5]], R, 0.9)
        assert np.abs(coin.v).max() <= 1e-15


def test_warnings_point_at_the_line_that_asked():
    m = mdp.MDP([[[1.0]]], [1e308], 0.9)
    chain = mdp.MarkovChain([[1, 1e-200, 0], [1, 0, 1e-200], [0, 0, 1]])
    rewards = mdp.MarkovRewardProcess([[1.0]], [1e308], 0.9)
    for ask in (lambda: mdp.evaluate(m, [0]), lambda: chain.hitting_times([2]), lambda: rewards.v):
        with pytest.warns(mdp.ConvergenceWarning) as caught:
            ask()
        assert [(w.filename, w.lineno) for w in caught] == [(__file__, ask.__code__.co_firstlineno)]
