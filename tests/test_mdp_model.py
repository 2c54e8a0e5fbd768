"""The process itself: its forms, its checks, chains and reward processes."""

from decimal import Decimal, InvalidOperation
from fractions import Fraction

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import mdp
from cases_mdp import by_rows, exact_policy_value, solve_exactly, transitions
from mdp import tables
from mdp.expected import Expected, induced
from mdp.forms import from_lists
from mdp.given_numbers import as_float, parse
from mdp.problems.student import PUBLISHED_REWARD_PROCESS, STATES
from npixel.runtime import safe_npz

P = np.array([[[0.5, 0.5], [0.8, 0.2]], [[0.0, 1.0], [0.1, 0.9]]])         # (S, A, S)
R = np.array([[5.0, 10.0], [-1.0, 2.0]])


def same(m, n):
    assert (m.num_states, m.num_actions, m.num_pairs) == (n.num_states, n.num_actions, n.num_pairs)
    for name in ("pair_ptr", "pair_state", "pair_action", "outcome_ptr", "next", "probability",
                 "reward"):
        np.testing.assert_array_equal(getattr(m, name), getattr(n, name), err_msg=name)


def test_every_form_gives_the_same_process():
    m = mdp.MDP(P, R, 0.9)
    per_transition = np.broadcast_to(R[:, :, None], P.shape)
    by_action = [sp.csr_matrix(P[:, a]) for a in range(2)]
    same(m, mdp.MDP(P.swapaxes(0, 1), R, 0.9, layout="ASS"))
    same(m, mdp.MDP(P, per_transition, 0.9))
    same(m, mdp.MDP(P.swapaxes(0, 1), per_transition.swapaxes(0, 1), 0.9, layout="ASS"))
    same(m, mdp.MDP(P.tolist(), R.tolist(), 0.9))
    same(m, mdp.MDP(by_action, R, 0.9))
    same(m, mdp.MDP(by_action, [sp.csr_matrix(per_transition[:, a]) for a in range(2)], 0.9))
    same(m, mdp.MDP(sp.csc_matrix(P.reshape(4, 2)), R, 0.9))
    same(m, mdp.MDP(sp.coo_array(P.reshape(4, 2)), R, 0.9))
    order = [2, 0, 3, 1]
    same(m, mdp.MDP.from_pairs(np.repeat([0, 1], 2)[order], np.tile([0, 1], 2)[order],
                               P.reshape(4, 2)[order], R.ravel()[order], 0.9))
    same(m, mdp.MDP.from_pairs([0, 0, 1, 1], [0, 1, 0, 1], sp.csr_matrix(P.reshape(4, 2)),
                               R.ravel(), 0.9))
    outcomes = lambda s, a: [(P[s, a, t], t, R[s, a]) for t in range(2) if P[s, a, t]]  # noqa: E731
    same(m, mdp.MDP.from_dict({s: {a: outcomes(s, a) for a in range(2)} for s in range(2)}, 0.9))
    np.testing.assert_array_equal(m.dense()[0], P)
    np.testing.assert_array_equal(m.dense()[1], R)


def test_a_reward_per_state_is_received_on_leaving_it():
    m = mdp.MDP(P, [3.0, 7.0], 0)
    np.testing.assert_allclose(mdp.solve(m).v, [3, 7], rtol=1e-14)


@given(transitions(), st.sampled_from(["1/3", "0", "1"]))
@settings(deadline=None, max_examples=50)
def test_the_dict_form_comes_back_from_the_process_and_from_its_file(tmp_path_factory, process,
                                                                     gamma):
    m = mdp.MDP.from_dict(process, gamma, initial=0)
    again = mdp.MDP.from_dict(m.to_dict(), gamma, initial=0, actions=m.action_names)
    same(m, again)
    path = tmp_path_factory.mktemp("mdp") / "m.json"
    mdp.save(m, path)
    back = mdp.load(path)
    same(m, back)
    assert (back.exact_probability == m.exact_probability).all()
    assert (back.exact_reward == m.exact_reward).all()
    assert back.exact_gamma == m.exact_gamma == Fraction(gamma)
    assert (back.exact_initial == m.exact_initial).all()
    assert back.state_names == tuple(map(str, m.state_names))
    assert back.action_names == tuple(map(str, m.action_names))


def test_outcomes_are_merged_only_if_next_and_reward_are_equal():
    m = mdp.MDP.from_dict({"a": {"go": [("1/4", "b", 1), ("1/4", "b", 2), ("1/2", "b", 1)]},
                           "b": {}}, 1)
    assert [(p, r) for p, r in zip(m.exact_probability, m.exact_reward)] == [(Fraction(3, 4), 1),
                                                                             (Fraction(1, 4), 2)]
    assert m.expected.r[0] == 1.25 and m.expected.P[0, 1] == 1


def test_exact_numbers_stay_exact_and_floats_are_not_guessed():
    m = mdp.MDP([[["1/3", Fraction(2, 3)]], [[0, 1]]], [["0.1"], [2]], "9/10")
    assert list(m.exact_probability) == [Fraction(1, 3), Fraction(2, 3), 1]
    assert list(m.exact_reward) == [Fraction(1, 10), Fraction(1, 10), 2]
    assert m.exact_gamma == Fraction(9, 10)
    assert mdp.MDP(P, R, 0.9).exact_probability is None and mdp.MDP(P, R, 0.9).exact_gamma is None
    # their sum is not 1 in binary, and that is no mistake
    mdp.MDP([[[0.1, 0.2, 0.7]]] * 3, [0, 0, 0], 0.5)


def test_terminal_states_and_unavailable_actions_are_not_read():
    bad = P.copy()
    bad[1] = np.nan
    m = mdp.MDP(bad, R, 0.9, terminal=[1])
    assert m.terminal.tolist() == [False, True] and m.num_pairs == 2
    bad = P.copy()
    bad[0, 1] = -1
    rewards = R.copy()
    rewards[0, 1] = -np.inf
    m = mdp.MDP(bad, rewards, 0.9, available=np.array([[True, False], [True, True]]))
    assert mdp.solve(m).policy[0] == 0 and np.isnan(mdp.solve(m).q[0, 1])


BAD_ROW = P.copy()
BAD_ROW[1, 0] = [0, 0.999]
NEGATIVE = P.copy()
NEGATIVE[0, 1] = [1.25, -0.25]
NOT_A_NUMBER = P.copy()
NOT_A_NUMBER[0, 0, 0] = np.nan
ONE = {"a": {"go": [(1, "a", 0)]}}
BAD = {
    "row sum": (lambda: mdp.MDP(BAD_ROW, R, 0.9),
                "P: the probabilities of state 1, action 0 sum to 0.999, not to 1 (off by -0.001)"),
    "sparse row sum": (lambda: mdp.MDP(sp.csr_matrix(BAD_ROW.reshape(4, 2)), R, 0.9),
                       "state 1, action 0 sum to 0.999"),
    "exact row sum": (lambda: mdp.MDP.from_dict(
        {"a": {"go": [("1/3", "a", 0), ("0.6666666666666666", "b", 0)]}, "b": {}}, 1),
        "state 0 ('a'), action 0 ('go') sum to"),
    "negative": (lambda: mdp.MDP(NEGATIVE, R, 0.9), "P is -0.25 for state 0, action 1 -> state 1"),
    "negative, hidden by a duplicate": (lambda: mdp.MDP.from_dict(
        {"a": {"go": [(1.5, "a", 0), (-0.5, "a", 0)]}}, 0), "P is -0.5"),
    "nan": (lambda: mdp.MDP(NOT_A_NUMBER, R, 0.9), "P is nan for state 0, action 0 -> state 0"),
    "infinite reward": (lambda: mdp.MDP(P, [[5, -np.inf], [0, 0]], 0.9),
                        "R is -inf for state 0, action 1"),
    "gamma above 1": (lambda: mdp.MDP(P, R, 1.2), "gamma is 1.2, outside [0, 1]"),
    "gamma below 0": (lambda: mdp.MDP(P, R, -0.1), "gamma is -0.1, outside [0, 1]"),
    "gamma nan": (lambda: mdp.MDP(P, R, np.nan), "gamma is nan, outside [0, 1]"),
    "gamma text": (lambda: mdp.MDP(P, R, "nine"), "gamma must be a number"),
    "gamma bool": (lambda: mdp.MDP(P, R, True), "gamma must be a number"),
    "rank of P": (lambda: mdp.MDP(P[0], R, 0.9), 'P must be (S, A, S) for layout "SAS"'),
    "empty P": (lambda: mdp.MDP(np.zeros((0, 2, 0)), R, 0.9), "P must be"),
    "ragged P": (lambda: mdp.MDP([[[1.0]], [[1.0, 0.0]]], R, 0.9), "P must be a rectangular array"),
    "P of text": (lambda: mdp.MDP([[["one"]]], [[0]], 0.9), "P[0, 0, 0] must be a number"),
    "complex P": (lambda: mdp.MDP(P.astype(complex), R, 0.9),
                  "P must be numbers, is an array of dtype complex128"),
    "bool P": (lambda: mdp.MDP(P > 0.5, R, 0.9), "P must be numbers, is an array of dtype bool"),
    "layout": (lambda: mdp.MDP(P, R, 0.9, layout="SSA"), 'layout must be "SAS" or "ASS"'),
    "shape of R": (lambda: mdp.MDP(P, np.zeros(3), 0.9),
                   "R must be (2,), (2, 2) or (2, 2, 2), has shape (3,)"),
    "initial sum": (lambda: mdp.MDP(P, R, 0.9, initial=[0.5, 0.4]),
                    "initial sums to 0.9, not to 1"),
    "initial state": (lambda: mdp.MDP(P, R, 0.9, initial=2), "initial is state 2, outside [0, 2)"),
    "terminal state": (lambda: mdp.MDP(P, R, 0.9, terminal=[5]),
                       "terminal[0] is 5, outside [0, 2)"),
    "available": (lambda: mdp.MDP(P, R, 0.9, available=np.ones((2, 3), bool)),
                  "available must be bools of shape (2, 2)"),
    "sparse shapes": (lambda: mdp.MDP([sp.eye(2), sp.eye(3)], R, 0.9), "P[1] is (3, 3)"),
    "unknown successor": (lambda: mdp.MDP.from_dict({"a": {"go": [(1, "b", 0)]}}, 1),
                          "state 'a', action 'go' leads to 'b', which is not a state"),
    "outcome": (lambda: mdp.MDP.from_dict({"a": {"go": [(1, "a")]}}, 1),
                "must have outcomes (probability, next, reward)"),
    "no outcome": (lambda: mdp.MDP.from_dict({"a": {"go": []}}, 1), "sum to 0, not to 1"),
    "unknown initial": (lambda: mdp.MDP.from_dict(ONE, 1, initial="z"),
                        "initial is 'z', which is not a state"),
    "empty dict": (lambda: mdp.MDP.from_dict({}, 1), "at least one state"),
    "pair twice": (lambda: mdp.MDP.from_pairs([0, 0], [1, 1], np.ones((2, 1)), [0, 0], 0),
                   "pair (0, 1) appears twice"),
    "pair out of range": (lambda: mdp.MDP.from_pairs([0, 3], [0, 0], [[1.0, 0], [0, 1]], [0, 0], 0),
                          "state[1] is 3, outside [0, 2)"),
    "pair rewards": (lambda: mdp.MDP.from_pairs([0, 1], [0, 0], [[1.0, 0], [0, 1]], [0, 0, 0], 0),
                     "R must be (2,) or (2, 2), has shape (3,)"),
    "chain row": (lambda: mdp.MarkovChain([[0.5, 0.499], [0, 1]]),
                  "P: the probabilities of state 0 sum to 0.999"),
    "chain shape": (lambda: mdp.MarkovChain([[0.5, 0.5]]), "P must be (S, S)"),
    "chain negative": (lambda: mdp.MarkovChain([[1.5, -0.5], [0, 1]]),
                       "P is -0.5 for state 0 -> state 1"),
    "reward process": (lambda: mdp.MarkovRewardProcess([[1.0]], [1, 2], 0.5),
                       "R must be (1,) or (1, 1), has shape (2,)"),
    "nothing": (lambda: mdp.MDP(None, R, 0.9), "P must be a number, is NoneType"),
    "too large": (lambda: mdp.MDP(P, [10**400, 0], 0.9), "R[0] is too large for a float: 1e400"),
    "float32": (lambda: mdp.MDP(P.astype(np.float32), R, 0.9),
                "state 0, action 1 sum to 1.0000000149011612"),
    "initial text": (lambda: mdp.MDP(P, R, 0.9, initial="x"),
                     "initial must be a number such as 0.5 or \"1/3\", is 'x'"),
    "period": (lambda: mdp.MarkovChain([[1.0]]).period(9), "state is 9, outside [0, 1)"),
    "reward nan": (lambda: mdp.MarkovRewardProcess([[1.0]], [np.nan], 0.5), "R[0] is nan"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_gets_one_line_with_the_numbers(name):
    make, message = BAD[name]
    with pytest.raises(ValueError) as error:
        make()
    assert message in str(error.value) and "\n" not in str(error.value)


BAD_POLICY = {
    "out of range": ([0, 2], "action 2 in state 1 is outside [0, 2)"),
    "negative": ([-1, 0], "action -1 in state 0 is outside"),
    "length": ([0, 0, 0], "policy must be integers of shape (2,) or (T, 2), has shape (3,)"),
    "shape": ([[0.5, 0.5]], "policy must be probabilities of shape (2, 2)"),
    "sum": ([[0.5, 0.4], [1.0, 0.0]], "the probabilities in state 0 sum to 0.9"),
    "negative probability": ([[1.5, -0.5], [1.0, 0.0]],
                             "the probability -0.5 of action 1 in state 0 is negative"),
    "nan": ([[np.nan, 0.5], [1.0, 0.0]], "not finite"),
    "floats for actions": ([0.0, 1.0], "policy must be probabilities"),
    "text": (["left", "right"], "must be a number"),
    "bool": ([True, False], "policy must be integers (actions) or floats"),
}


@pytest.mark.parametrize("name", BAD_POLICY)
def test_a_policy_that_does_not_fit_gets_one_line(name):
    policy, message = BAD_POLICY[name]
    with pytest.raises(ValueError, match="policy") as error:
        mdp.evaluate(mdp.MDP(P, R, 0.9), policy)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_a_policy_may_not_take_an_action_that_is_not_available():
    m = mdp.problems.student()
    with pytest.raises(ValueError, match=r"action 4 is not available in state 0 \('FB'\)"):
        mdp.evaluate(m, [4, 0, 2, 2, -1])


def test_saving_leaves_the_old_file_whole_when_it_fails(tmp_path):
    path = tmp_path / "m.json"
    mdp.save(mdp.problems.student(), path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match="not distinct"):
        mdp.save(mdp.MDP.from_dict({1: {}, "1": {}}, 1), path)
    broken = mdp.problems.student()
    # a lone surrogate cannot be written as UTF-8
    broken.state_names = ("\ud800", "b", "c", "d", "e")
    with pytest.raises(UnicodeEncodeError):
        mdp.save(broken, path)
    assert path.read_bytes() == before and [p.name for p in tmp_path.iterdir()] == ["m.json"]


BAD_FILES = {
    "not json": ("{", "not JSON"),
    "foreign": ("[1, 2]", "not an mdp file"),
    "version": ('{"format": "mdp", "version": 7}', "version 7 is not known"),
    "missing": ('{"format": "mdp", "version": 1, "gamma": 1}', "key 'states' is missing"),
    "unknown key": ('{"format": "mdp", "version": 1, "gamma": 1, "states": {}, "discount": 1}',
                    "unknown key 'discount'"),
    "twice": ('{"format": "mdp", "version": 1, "gamma": 1, "states": {"a": {}, "a": {}}}',
              "key 'a' appears twice"),
    "nan": ('{"format": "mdp", "version": 1, "gamma": NaN, "states": {"a": {}}}',
            "NaN is no number"),
    "successor": ('{"format": "mdp", "version": 1, "gamma": 1, '
                  '"states": {"a": {"go": [[1, "b", 0]]}}}', "leads to 'b'"),
    "states": ('{"format": "mdp", "version": 1, "gamma": 1, "states": [1]}',
               "transitions must be a dict"),
    "binary": ("\x00\x01", "not JSON"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_damaged_or_foreign_file_gets_one_line_that_names_it(tmp_path, name):
    text, message = BAD_FILES[name]
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(ValueError) as error:
        mdp.load(path)
    assert message in str(error.value) and str(path) in str(error.value)
    assert "\n" not in str(error.value)


# chains and reward processes

def test_the_student_reward_process_has_its_exact_values():
    exact = {"9/10": ("-17573620 3304760 14328275 35057990 6690440 -26775920 0", 3505799),
             "1": ("-1016 118 350 810 65 -1826 0", 81)}
    for gamma, (numerators, denominator) in exact.items():
        v = mdp.problems.student_reward_process(gamma).v
        np.testing.assert_allclose(v, [int(n) / denominator for n in numerators.split()],
                                   rtol=1e-13)


def test_the_student_reward_process_meets_the_slides():
    for published in PUBLISHED_REWARD_PROCESS:
        v = mdp.problems.student_reward_process(published.gamma).v
        assert not published.misses(dict(zip(STATES, v)))


def test_a_pseudo_inverse_at_gamma_1_would_give_another_answer():
    """The least-norm solution gives C1 -9.899, which has been published: it fails our check."""
    process = mdp.problems.student_reward_process(1)
    wrong = np.linalg.pinv(np.eye(7) - process.P.toarray()) @ process.R
    assert wrong[0] == pytest.approx(-9.899, abs=1e-3)
    assert PUBLISHED_REWARD_PROCESS[2].misses(dict(zip(STATES, wrong)))
    # it even gives a value to sleeping for ever without reward
    assert abs(wrong[6]) > 1 and process.v[6] == 0


def test_rewards_for_ever_at_gamma_1_are_refused_and_named():
    with pytest.raises(ValueError, match=r"never leaves state 1 \('b'\), and rewards"):
        mdp.MarkovRewardProcess([[0.5, 0.5], [0, 1]], [1, 1], 1, names=("a", "b")).v
    # +1 and -1 in turn: the sum has no limit
    with pytest.raises(ValueError, match="never leaves state 0"):
        mdp.MarkovRewardProcess([[0, 1], [1, 0]], [1, -1], 1).v


@given(transitions(most_states=6, most_actions=1, terminal=0), st.integers(0, 5))
@settings(deadline=None, max_examples=80)
def test_what_a_chain_says_of_itself_solves_its_equations(process, target):
    S = len(process)
    exact = [[sum((p for p, t, _ in process[s][0] if t == j), Fraction(0)) for j in range(S)]
             for s in range(S)]
    chain = mdp.MarkovChain(exact)
    P = np.array(exact, float)
    assert sorted(np.concatenate(chain.classes)) == list(range(S))
    np.testing.assert_allclose(chain.stationary @ P, chain.stationary, atol=1e-13)
    np.testing.assert_allclose(chain.stationary.sum(1), 1, rtol=1e-13)
    np.testing.assert_allclose(chain.absorption.sum(1), 1, rtol=1e-11)
    np.testing.assert_allclose(P @ chain.absorption, chain.absorption, atol=1e-11)
    reach = np.linalg.matrix_power((P > 0) + np.eye(S), S) > 0  # the same classes by brute force
    for states in chain.recurrent_classes:
        assert (reach[np.ix_(states, states)]).all()
        assert not np.delete(reach[states], states, axis=1).any()
    target %= S
    hit = chain.hitting_probabilities([target])
    others = np.arange(S) != target
    np.testing.assert_allclose(hit[others], (P @ hit)[others], atol=1e-11)
    assert hit[target] == 1 and (hit[~reach[:, target]] == 0).all()
    times = chain.hitting_times([target])
    assert ((times == np.inf) == (hit < 1 - 1e-9)).all()
    finite = others & np.isfinite(times)
    np.testing.assert_allclose(times[finite], 1 + P[finite][:, np.isfinite(times)]
                               @ times[np.isfinite(times)], rtol=1e-9)


def test_the_period_is_the_common_divisor_of_all_returns():
    assert mdp.MarkovChain(np.roll(np.eye(4), 1, axis=1)).period(2) == 4
    assert mdp.MarkovChain([[0, 1, 0], [0.5, 0, 0.5], [0, 1, 0]]).period(0) == 2
    assert mdp.MarkovChain([[0.5, 0.5], [1, 0]]).period(0) == 1
    assert mdp.MarkovChain([[0.0, 1.0], [0.0, 1.0]]).period(0) == 0


@given(transitions(most_states=5, most_actions=1), st.sampled_from(["1/2", "9/10"]))
@settings(deadline=None, max_examples=50)
def test_the_induced_reward_process_has_the_value_of_the_policy(process, gamma):
    m = mdp.MDP.from_dict(process, gamma)
    policy = {s: next(iter(a)) for s, a in process.items() if a}
    numbers = [m.action_names.index(policy[s]) if s in policy else -1 for s in process]
    exact = exact_policy_value(process, policy, Fraction(gamma))
    np.testing.assert_allclose(m.reward_process(numbers).v, [float(exact[s]) for s in process],
                               rtol=1e-12, atol=1e-12)
    assert m.chain(numbers).P.sum() == pytest.approx(len(process))


def test_a_policy_leaves_one_chain_whoever_asks_for_it():
    m = mdp.problems.student()
    uniform = m.available / np.maximum(m.available.sum(axis=1, keepdims=True), 1)
    chain, process = mdp.MarkovChain.of(m, uniform), mdp.MarkovRewardProcess.of(m, uniform)
    np.testing.assert_array_equal(chain.P.toarray(), m.chain(uniform).P.toarray())
    np.testing.assert_array_equal(process.v, m.reward_process(uniform).v)
    left = induced(m.expected, m.pair_weights(uniform))
    np.testing.assert_array_equal(left.P.toarray(), chain.P.toarray() - np.diag(m.terminal))
    np.testing.assert_array_equal(left.r, process.R)
    with pytest.raises(ValueError, match=r"policy depends on time \(T = 3\)"):
        mdp.MarkovChain.of(m, [uniform] * 3)
    with pytest.raises(ValueError, match="m must be an MDP, is MarkovChain"):
        mdp.MarkovChain.of(chain, uniform)


def test_a_chain_has_no_discount_though_the_pairs_have_their_own():
    m = mdp.MDP(P, R, [[0.5, 0.25], [0.125, 0.5]])
    np.testing.assert_array_equal(mdp.MarkovChain.of(m, [1, 0]).P.toarray(), P[[0, 1], [1, 0]])
    with pytest.raises(ValueError, match="takes pairs with discounts from 0.125 to 0.25"):
        mdp.MarkovRewardProcess.of(m, [1, 0])
    one = mdp.MarkovRewardProcess.of(m, [0, 1])
    assert one.gamma == 0.5
    np.testing.assert_allclose(one.v, mdp.evaluate(m, [0, 1]).v, rtol=1e-13)


@given(transitions(), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=40)
def test_pairs_and_weights_that_are_one_leave_the_same(process, seed):
    e = mdp.MDP.from_dict(process, "1/2").expected
    counts = np.diff(e.pair_ptr)
    pick = np.random.default_rng(seed).integers(0, np.maximum(counts, 1))
    pairs = np.where(counts > 0, e.pair_ptr[:-1] + pick, -1)
    weights = np.isin(np.arange(e.r.size), pairs).astype(float)
    pure, mixed, swept = induced(e, pairs), induced(e, weights), mdp.bellman.follow(e, pairs)
    np.testing.assert_array_equal(pure.P.toarray()[counts > 0], e.P.toarray()[pairs[pairs >= 0]])
    np.testing.assert_array_equal(pure.P.toarray(), mixed.P.toarray())
    np.testing.assert_array_equal(pure.r, mixed.r)
    np.testing.assert_array_equal(pure.r[counts > 0], swept.r)
    np.testing.assert_array_equal(pure.count + 2 * (counts > 0), mixed.count)


def test_what_is_not_given_of_an_expected_follows_what_is_replaced():
    e = Expected(sp.csr_matrix([[0.5, 0.5], [0, 1], [1, 0]]), np.array([-1.0, 2, 0]), 0.5,
                 np.array([0, 2, 3]))
    assert e.size.tolist() == [1, 2, 0] and e.zero.tolist() == [False, False, True]
    assert e.count.tolist() == [2, 1, 1] and e.most == 2 and e.every_action
    assert e.owner.tolist() == [0, 0, 1] and e.action.tolist() == [0, 1, 0]
    other = e.replace(r=np.array([3.0, 0, -4]), P=sp.csr_matrix(np.ones((3, 2)) / 2))
    assert other.size.tolist() == [3, 0, 4] and other.zero.tolist() == [False, True, False]
    assert other.count.tolist() == [2, 2, 2] and other.full.tolist() == [[0.5, 0.5]] * 3
    kept = e.replace(size=np.ones(3)).replace(r=np.zeros(3))
    assert kept.size.tolist() == [1, 1, 1] and not kept.zero.any()
    assert not e.replace(action=np.array([1, 2, 0])).every_action


def test_outcomes_are_checked_whoever_made_them():
    good = from_lists(2, 1, [0, 1], [0, 0], [0, 1], [1, 1], np.ones(2), np.array([3.0, 0]))
    assert mdp.solve(mdp.MDP.from_outcomes(good, 0.5)).v.tolist() == [3, 0]
    for change, message in (({"next": np.array([1, 2])}, r"next\[1\] is 2, outside \[0, 2\)"),
                            ({"probability": np.array([1, 0.5])}, "sum to 0.5, not to 1"),
                            ({"reward": np.array([np.nan, 0])}, "R is nan for state 0, action 0"),
                            ({"reward": np.ones(3)}, "reward has 3 entries where 2 are expected"),
                            ({"outcome_ptr": np.array([0, 3, 2])}, "outcome_ptr falls from 3")):
        with pytest.raises(ValueError, match=message):
            mdp.MDP.from_outcomes(good._replace(**change), 0.5)
    with pytest.raises(ValueError, match="pair falls from 1 to 0 at 1"):
        from_lists(2, 1, [0, 1], [0, 0], [1, 0], [1, 1], np.ones(2), np.ones(2))


def test_the_elimination_of_the_tests_is_itself_right():
    A, b = [[Fraction(2), Fraction(1)], [Fraction(1), Fraction(3)]], [Fraction(3), Fraction(5)]
    assert solve_exactly(A, b) == [Fraction(4, 5), Fraction(7, 5)]
    assert solve_exactly([[Fraction(1), Fraction(1)], [Fraction(2), Fraction(2)]],
                         [Fraction(1), Fraction(1)]) is None


# indices: nothing that is outside its array reaches compiled loops

THREE = mdp.MDP([[[0.5, 0.5, 0]], [[0, 0, 1]], [[0, 1, 0]]], [1, 2, 3], 0.5)


def arrays_of_choices():
    return {"choice_start": np.arange(4), "trans_start": np.array([0, 2, 3, 4]),
            "col": np.array([0, 1, 2, 1]), "num": np.ones(4, int), "den": np.array([2, 2, 1, 1]),
            "r_num": np.ones(3, int), "r_den": np.ones(3, int), "initial": np.array(0)}


@pytest.mark.parametrize("name, value, message", [
    ("col", [0, -1, 2, 1], "col[1] is -1, outside [0, 3)"),
    ("col", [0, 10 ** 8, 2, 1], "col[1] is 100000000, outside [0, 3)"),
    ("col", [0, 2 ** 32 + 1, 2, 1], "col[1] is 4294967297, outside [0, 3)"),
    ("col", [0, 1.0, 2, 1], "col must be a list of integers, is float64"),
    ("trans_start", [0, 2, 10 ** 9, 4], "trans_start falls from 1000000000 to 4 at 3"),
    ("trans_start", [0, 2, 3, 10 ** 12], "trans_start goes from 0 to 1000000000000"),
    ("choice_start", [0, 2, 1, 3], "choice_start falls from 2 to 1 at 2"),
    ("choice_start", [0, 1, 2, 2 ** 40], "choice_start goes from 0 to 1099511627776"),
    ("initial", 3, "initial is state 3, outside [0, 3)")])
def test_an_index_outside_its_array_is_named_when_choice_arrays_are_read(
        tmp_path, name, value, message):
    np.savez(tmp_path / "m.npz", **{**arrays_of_choices(), name: np.array(value)})
    with pytest.raises(ValueError) as error:
        mdp.read(tmp_path / "m.npz", reward="r", gamma=0.5)
    assert message in str(error.value)


@pytest.mark.parametrize("name, value, message", [
    ("next", [0, 10 ** 8, 2, 1], "next[1] is 100000000, outside [0, 3)"),
    ("next", [0, 2 ** 32 + 1, 2, 1], "next[1] is 4294967297, outside [0, 3)"),
    ("outcome_ptr", [0, 5, 3, 4], "outcome_ptr falls from 5 to 3 at 2"),
    ("pair_state", [0, 2, 1], "sorted, no pair twice: pair 2 is (1, 0), after (2, 0)"),
    ("pair_state", [0, 1, -1], "state[2] is -1, outside [0, 3)"),
    ("pair_action", [0, 0, 1], "action[2] is 1, outside [0, 1)"),
    ("pair_action", [0, 0], "action has 2 entries where 3 are expected"),
    ("gamma", [0.5, 0.5], "gamma must be a number, one for each pair (3,), or shape (3, 1)")])
def test_an_index_outside_its_array_is_named_when_our_own_file_is_read(
        tmp_path, name, value, message):
    mdp.write(THREE, tmp_path / "m.npz")
    arrays = dict(np.load(tmp_path / "m.npz")) | {name: np.array(value)}
    del arrays["digest"]
    np.savez(tmp_path / "n.npz", **arrays, digest=safe_npz.digest(arrays))
    with pytest.raises(ValueError) as error:
        mdp.read(tmp_path / "n.npz")
    assert message in str(error.value)


WILD = [-1, 3, 7, 10 ** 8, 2 ** 31, 2 ** 32, 2 ** 32 + 1, 2 ** 63 - 1, -2 ** 63]


@given(st.sampled_from(["csr", "csc", "coo", "bsr", "pairs", "dict", "chain", "policy", "terminal",
                        "goal", "initial", "rewards", "choices"]),
       st.sampled_from(WILD), st.integers(0, 3), st.sampled_from([np.int64, np.uint64, object]))
@settings(deadline=None, max_examples=300)
def test_no_constructor_hands_on_an_index_that_is_outside(kind, wild, at, dtype):
    """Each of these would be followed into foreign memory; -1 into the last entry."""
    def spoilt(good):
        good = [int(x) for x in np.atleast_1d(good)]
        good[at % len(good)] = wild
        return np.array(good, np.int64 if dtype is np.uint64 and wild < 0 else dtype)

    def broken(format):
        P = sp.csr_matrix(np.array([[0.5, 0.5, 0], [0, 0, 1], [0, 1, 0]])).asformat(format)
        names = ("row", "col") if format == "coo" else ("indices", "indptr")
        name = names[at % 2]
        index = spoilt(getattr(P, name)).astype(np.int64)
        index[index == 3] = 9 if name == "indptr" else 3                 # up to 4 a pointer may fit
        if format == "coo":
            P.coords = (index, P.col) if name == "row" else (P.row, index)
        else:
            setattr(P, name, index)
        return P
    make = {
        "pairs": lambda: mdp.MDP.from_pairs(spoilt([0, 1, 2]), [0, 0, 0], np.eye(3), [0] * 3, 0.5),
        "dict": lambda: mdp.MDP.from_dict({"a": {"x": [(1, "a", 0)]}}, 0.5, initial=wild),
        "chain": lambda: mdp.MarkovChain(broken("csr")),
        "policy": lambda: mdp.evaluate(THREE, spoilt([0, 0, 0])),
        "terminal": lambda: mdp.MDP(np.eye(3)[:, None], [0] * 3, 0.5, terminal=spoilt([0, 1])),
        "goal": lambda: mdp.solve(THREE, goal=spoilt([1])),
        "initial": lambda: mdp.MDP(np.eye(3)[:, None], [0] * 3, 0.5, initial=wild),
        "rewards": lambda: mdp.MDP([sp.csr_matrix(np.eye(3))], [broken("csr")], 0.5),
        "choices": lambda: mdp.formats.arrays.from_choices(
            {**arrays_of_choices(), "col": spoilt([0, 1, 2, 1])})}
    with pytest.raises(ValueError):
        make.get(kind, lambda: mdp.MDP([broken(kind)], [1, 2, 3], 0.5))()


# exact numbers

def test_counts_divided_by_totals_are_the_same_fractions_for_numpy_integers():
    """NumPy's integers wrap around at 2**31: this process was worth 0.0077 instead of 0.4178."""
    def value(i):
        p = [Fraction(i(12446), i(17200)), Fraction(i(4754), i(17200))]
        r = [Fraction(i(10855), i(37955)), Fraction(i(29071), i(38105))]
        m = mdp.MDP([[p], [p[::-1]]], [[r], [r[::-1]]], Fraction(i(1), i(2)))
        s = mdp.solve_exact(m, horizon=1)
        assert mdp.verify(m, s.certificate)
        return s.v[0][0]
    # by hand: p0 r0 + p1 r1
    right = Fraction(12446 * 10855, 17200 * 37955) + Fraction(4754 * 29071, 17200 * 38105)
    assert value(int) == value(np.int32) == value(np.int64) == right


@given(st.integers(1, 30_000), st.integers(1, 30_000), st.integers(-30_000, 30_000),
       st.sampled_from([np.int32, np.int64, np.uint32]))
@settings(deadline=None, max_examples=40)
def test_every_entry_turns_numpy_integers_into_pythons(a, b, r, kind):
    """Fractions made of NumPy's integers and of Python's give the same numbers everywhere."""
    p, reward = Fraction(a, a + b), Fraction(r, a + b)

    def everything(one):
        P, R = [[[one(p), one(1 - p)]], [[one(1 - p), one(p)]]], [[one(reward)], [one(p)]]
        m = mdp.MDP(P, R, one(p / 2), initial=[one(p), one(1 - p)])
        outcomes = {"a": {"x": [(one(p), "a", one(reward)), (one(1 - p), "b", 0)]},
                    "b": {"x": [(1, "b", one(p))]}}
        found = [m.replace(gamma=np.array([[one(p)], [one(p / 2)]], object)),
                 mdp.MDP.from_dict(outcomes, one(p), initial={"a": one(p), "b": one(1 - p)}),
                 mdp.MDP.from_pairs([0, 1], [0, 0], np.array(P, object)[:, 0], [one(p), 0], one(p)),
                 mdp.transforms.follow(m, [[one(Fraction(1))]] * 2),
                 mdp.transforms.semi_markov(P, R, [[one(1 + p)]] * 2, step=one(p / 2))[0],
                 mdp.MarkovRewardProcess([row[0] for row in P], [one(reward), one(p)],
                                         one(p / 2)).to_mdp()]
        numbers = [x for n in [m, *found] for name in ("probability", "reward", "initial")
                   if getattr(n, f"exact_{name}") is not None
                   for x in getattr(n, f"exact_{name}")]
        numbers += [x for n in [m, *found] for x in ([n.exact_gamma] if n.exact_pair_gamma is None
                                                     else n.exact_pair_gamma)]
        end = mdp.solve_exact(m, horizon=1, terminal_values=[one(p), one(reward)])
        bound = [{"reward": [[one(p)], [one(p)]], "at_least": one(Fraction(-1))}]
        numbers += [*end.v.ravel(), mdp.solve_constrained(m, bound).value]
        assert all(type(part) is int for x in numbers for part in (x.numerator, x.denominator))
        return numbers, [mdp.rational.rational(n).hash for n in [m, *found]], end.certificate

    def wrapped(x):
        if kind is np.uint32 and x < 0:
            return x
        return Fraction(kind(x.numerator), kind(x.denominator))
    assert everything(wrapped) == everything(lambda x: x)


@pytest.mark.parametrize("text", ["1e999999999", "1e-999999999", "1e999_999_999", "1e5000",
                                  "-1E-5000", "9" * 5000, "1/" + "3" * 5000, "0." + "1" * 5000])
def test_a_number_that_explodes_is_refused_in_one_line_wherever_it_stands(tmp_path, text):
    loop = {"a": {"x": [(1, "a", 1)]}}
    for make in (lambda: mdp.MDP.from_dict(loop, text), lambda: mdp.MDP([[[text]]], [0], 0.5),
                 lambda: mdp.MDP.from_dict({"a": {"x": [(1, "a", text)]}}, 0.5),
                 lambda: mdp.MDP.from_dict(loop, 0.5, initial={"a": text}),
                 lambda: mdp.solve_exact(THREE, horizon=1, terminal_values=[text, 0, 0]),
                 lambda: mdp.problems.gambler(p=text), lambda: mdp.problems.forest(p=text)):
        with pytest.raises(ValueError, match="at most 4300 digits") as error:
            make()
        assert len(str(error.value)) < 200 and "\n" not in str(error.value)
    (tmp_path / "m.tra").write_text(f"1 1 1\n0 0 0 {text}\n")
    with pytest.raises(ValueError, match="m.tra:2: the entry is .* at most 4300 digits"):
        mdp.read(tmp_path / "m.tra")


@given(st.text("0123456789eE+-./_ ", max_size=25), st.booleans())
@settings(deadline=None, max_examples=500)
def test_any_text_is_a_number_or_one_line(text, decimal):
    """Whatever is typed: a float beside its Fraction, or a ValueError; nothing runs away."""
    try:
        x = Decimal(text) if decimal else text
    except InvalidOperation:
        return
    try:
        value, exact = parse("x", x)
    except ValueError as error:
        assert "\n" not in str(error) and len(str(error)) < 200
        return
    assert abs(exact - Fraction(value)) <= abs(Fraction(value)) * Fraction(1, 2 ** 52) or \
        abs(exact) < Fraction(5, 10 ** 324)
    assert (exact == 0) == (value == 0) and (exact < 1) == (value < 1)


def test_a_number_too_small_for_a_float_is_not_zero():
    """1e-400 is a probability and an arrow; a row that sums to 1 + 1e-400 does not sum to one."""
    with pytest.raises(ValueError, match=r"sum to 1 \+ 1e-400, not to 1 \(off by 1e-400\)"):
        mdp.MDP.from_dict({"a": {"x": [("1e-400", "b", 1), ("1", "a", 1)]}, "b": {}}, 1)
    with pytest.raises(ValueError, match=r"sum to 1 \+ 1e-400"):
        mdp.MDP([[["1e-400", 1]], [[0, 1]]], [0, 0], 0.5)
    nearly = 1 - Fraction("1e-400")
    m = mdp.MDP.from_dict({"a": {"x": [(Decimal("1e-400"), "b", 1), (nearly, "a", 1)]}, "b": {}}, 1)
    assert m.exact_probability[0] == Fraction(1, 10 ** 400) and m.expected.P[0, 1] > 0
    assert mdp.solve_exact(m).v[0] == 10 ** 400                          # steps until the exit
    tiny = mdp.MDP.from_dict({"a": {"x": [(1, "a", "1e-400")]}}, 1)  # for ever, and all positive
    assert mdp.solve_exact(tiny).v[0] == np.inf and not tiny.expected.zero[0]
    with pytest.raises(ValueError, match="floats cannot decide"):
        mdp.solve(tiny)
    long = Fraction(10 ** 400 + 1, 10 ** 800)  # the numerator alone is too large for a float
    assert [as_float("x", x) for x in (long, -long)] == [5e-324, -5e-324]
    loop = mdp.MDP.from_dict({"a": {"x": [(1, "a", long)]}}, "1/2")
    assert mdp.solve_exact(loop).v[0] == 2 * long


def test_a_gamma_is_told_from_one_exactly():
    loop = {"a": {"x": [(1, "a", 1)]}}
    for wrong in ("1.00000000000000000001", "-1e-400", Fraction(10 ** 30 + 1, 10 ** 30)):
        with pytest.raises(ValueError, match=r"gamma is .*, outside \[0, 1\]"):
            mdp.MDP.from_dict(loop, wrong)
        with pytest.raises(ValueError, match=r"gamma is .* for pair 0, outside \[0, 1\]"):
            mdp.MDP.from_dict(loop, {"a": {"x": wrong}})
    m = mdp.MDP.from_dict(loop, "0.99999999999999999999")
    assert m.exact_gamma < 1 and m.gamma < 1  # so 1 / (1 - gamma) is finite
    assert mdp.solve_exact(m).v[0] == 10 ** 20 and mdp.solve_exact(m).criterion == "discounted"
    with pytest.warns(mdp.ConvergenceWarning):
        s = mdp.solve(m)
    assert s.lower[0] <= 10 ** 20 <= s.upper[0] and not s.converged


@pytest.mark.parametrize("gamma", [[], [0.5, 0.5], [[0.5]], np.zeros((2, 1))])
def test_discounts_per_pair_need_one_number_for_each(gamma):
    m = mdp.MDP.from_dict({"a": {"x": [(1, "a", 1)], "y": [(1, "a", 2)], "z": [(1, "b", 0)]},
                           "b": {}}, 0.5)
    for make in (lambda: m.replace(gamma=gamma), lambda: mdp.MDP.from_dict(m.to_dict(), gamma)):
        with pytest.raises(ValueError, match=r"gamma must be a number, one for each pair \(3,\)"):
            make()


def test_discounts_may_be_replaced_by_a_table_of_which_only_the_pairs_are_read():
    """{"a": stay +1 or go}, "b" with one action: two pairs of four do not exist."""
    m = mdp.MDP.from_dict({"a": {"stay": [(1, "a", 1)], "go": [(1, "b", 0)]}, "b": {}}, 0.5)
    table = np.array([[0.75, 0.25], [np.nan, 7]])
    assert m.replace(gamma=table).pair_gamma.tolist() == [0.75, 0.25]
    assert mdp.solve(m.replace(gamma=table)).v[0] == pytest.approx(4)    # 1 / (1 - 3/4)


@pytest.mark.parametrize("make", [
    lambda P: mdp.MDP(P, [0.0, 0], 0.5), lambda P: mdp.MDP(sp.csr_matrix(P[:, 0]), [0.0, 0], 0.5),
    lambda P: mdp.MarkovChain(P[:, 0])])
def test_rows_of_float32_that_do_not_sum_to_one_are_told_what_they_are(make):
    """0.1 and 0.9 in float32 are off by 1e-8, far above what float64 leaves."""
    P = np.array([[[0.1, 0.9]], [[0.9, 0.1]]], np.float32)
    with pytest.raises(ValueError, match="float32 numbers: convert them to float64 and divide"):
        make(P)


def test_a_belief_and_its_tables_are_exact_and_checked():
    """b(left) after one true sound of 17/20 is 17/20, also from NumPy's integers, which wrap."""
    tiger = mdp.problems.tiger(hearing=Fraction(np.int32(17), np.int32(20)))
    half = Fraction(np.int32(1), np.int32(2))
    belief, chance = tiger.update([half, half], 0, 0)
    assert belief == (Fraction(17, 20), Fraction(3, 20)) and chance == Fraction(1, 2)
    numbers = [*belief, chance, *(x for table in tiger.O for row in table for x in row)]
    assert all(type(x.numerator) is type(x.denominator) is int for x in numbers)
    for arguments, message in ((([1], 0, 0), "belief must be a state or probabilities of shape"),
                               (([1, 1], 0, 0), "belief sums to 2"),
                               (([1, 0], -1, 0), "action[0] is -1, outside [0, 3)"),
                               (([1, 0], 0, 2), "observation[0] is 2, outside [0, 2)")):
        with pytest.raises(ValueError) as error:
            tiger.update(*arguments)
        assert message in str(error.value)
    with pytest.raises(ValueError, match="r must be nested tuples of shape"):
        mdp.POMDP(tiger.mdp, tiger.O, tiger.r[:1], tiger.start, tiger.observation_names)


@pytest.mark.parametrize("name, value, message", [
    ("step", 0, "step is 0: it must be positive"), ("step", "-1/2", "step is -0.5: it must be"),
    ("step", np.nan, "step is nan"), ("step", "x", "step must be a number")])
def test_a_step_of_semi_markov_time_is_a_positive_number(name, value, message):
    for time in ([[1.0]], [["1/2"]]):
        with pytest.raises(ValueError, match=message):
            mdp.transforms.semi_markov([[["1"]]], [[1]], time, **{name: value})


@pytest.mark.parametrize("full", [True, False])
def test_values_of_another_size_are_refused_before_compiled_loops_follow_the_arrows(full):
    e = THREE.expected if full else by_rows(THREE.expected)
    for operator in (mdp.bellman.backup, mdp.bellman.pair_q):
        for size in (0, 2, 4):
            with pytest.raises(ValueError, match=r"v must be \(3,\), has shape"):
                operator(e, np.zeros(size))


def test_an_exact_value_of_any_size_can_be_printed():
    """A float holds neither 10**400 / 3 nor its neighbour."""
    assert tables.short(Fraction(10 ** 400 + 1, 3)) == "3.33333e399 (denominator of 2 bits)"
    assert tables.short(Fraction(1, 3)) == "1/3"
    assert tables.short(Fraction(10 ** 328)) == "1e328 (integer)"


@pytest.mark.parametrize("gamma, shown", [(1, "1"), (0.9999999, "0.9999999"), ("1/3", "0.333333"),
                                          ("0.99999999999999999999", "0.9999999999999999")])
def test_a_discount_below_one_is_not_shown_as_one(gamma, shown):
    m = mdp.MDP.from_dict({"a": {"x": [(1, "a", 1)]}}, gamma)
    assert f"gamma={shown})" in repr(m)


def test_a_policy_of_small_integers_may_choose_among_many_actions():
    """200 actions do not fit eight bits. Action 100 pays 100, for ever at gamma 1/2: 200."""
    m = mdp.MDP(np.ones((1, 200, 1)), [range(200)], 0.5)
    assert mdp.evaluate(m, np.array([100], np.int8)).v.tolist() == [200]
    assert mdp.evaluate(m, np.array([100], np.uint64)).v.tolist() == [200]
