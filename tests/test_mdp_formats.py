"""File formats and arrays: round trips are identities.

The same process has the same exact answers whichever way it came.
"""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import mdp
from cases_mdp import data_folder, transitions
from mdp.cli import main
from mdp.formats import arrays, cassandra, prism
from mdp.rational import rational


def same(one, two, names=True):
    """Every number and, with names, every name."""
    return (rational(one).hash == rational(two).hash
            and (not names
                 or (tuple(map(str, one.state_names)) == tuple(map(str, two.state_names)))))


def content(m):
    """(state, action name) -> (expected reward, the fractions of its row)."""
    R = rational(m)
    rows = [{t: Fraction(n, d) for t, n in zip(*row)} for *row, d in zip(R.next, R.n, R.D)]
    return {(s, m.action_names[a]): (r, row)
            for s, a, r, row in zip(R.owner, R.action, R.r, rows)}


def merged(process):
    """Without two outcomes of different reward and one next state, which some formats cannot say.

    Each state has its own action names.
    """
    return {s: {f"a{a}": [(p, t, c[0][2]) for p, t, _ in c] for a, c in choices.items()}
            for s, choices in process.items()}


@given(transitions(), st.sampled_from([".json", ".npz", ".tra", ".drn"]))
@settings(deadline=None, max_examples=120,
          suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_writing_and_reading_is_an_identity(tmp_path, process, ending):
    process = process if ending in (".json", ".npz") else merged(process)
    m = mdp.MDP.from_dict(process, 1, initial=0, actions=None if ending in (".json", ".npz")
                          else [f"a{a}" for a in range(3)])
    path = tmp_path / f"model{ending}"
    mdp.write(m, path)
    back = mdp.read(path)
    if ending in (".json", ".npz"):
        assert same(m, back) and (back.initial == m.initial).all()
    else:  # action numbers follow the order of appearance there: compare pair by pair
        assert content(m) == content(back) and (back.initial == m.initial).all()


def test_our_binary_file_keeps_floats_discounts_and_names(tmp_path):
    m = mdp.MDP(np.array([[[.1, .9], [.5, .5]], [[.3, .7], [0, 1]]]), [[.1, 2], [np.pi, 4]],
                [[.5, .9], [.3, .7]], initial=[.25, .75])
    mdp.write(m, tmp_path / "m.npz")
    back = mdp.read(tmp_path / "m.npz")
    for name in ("probability", "reward", "pair_gamma", "initial", "next", "pair_state",
                 "pair_action"):
        np.testing.assert_array_equal(getattr(back, name), getattr(m, name))
    grid = mdp.problems.gridworld()
    mdp.write(grid, tmp_path / "g.npz")
    assert mdp.read(tmp_path / "g.npz").state_names == grid.state_names
    assert mdp.read(tmp_path / "g.npz").exact_gamma == Fraction(9, 10)
    (tmp_path / "bad.npz").write_bytes(b"PK no")
    for path, message in ((tmp_path / "bad.npz", "bad.npz|zip"),
                          (tmp_path / "x.yaml", "unknown ending '.yaml'")):
        with pytest.raises((ValueError, OSError), match=message):
            mdp.read(path)


def everywhere(process):
    """The same actions in every state, none terminal."""
    return {s: {a: choices.get(a, next(iter(choices.values()), [(1, s, 0)])) for a in range(2)}
            for s, choices in process.items()}


@given(transitions(most_actions=2))
@settings(deadline=None, max_examples=40,
          suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_the_same_process_through_every_adapter_has_the_same_fractions(tmp_path, process):
    process = everywhere(merged_numbers(process))
    m = mdp.MDP.from_dict(process, "9/10")
    expected = list(mdp.solve_exact(m).v)
    floats = {s: {a: [(float(p), t, float(r), False) for p, t, r in o] for a, o in c.items()}
              for s, c in process.items()}
    ways = {"gymnasium": mdp.from_gymnasium(type("Env", (), {"P": floats})(), "9/10")}
    P, R, gamma = mdp.to_mdptoolbox(m)
    # other packages know expected rewards, as floats
    whole = all(Fraction(float(r)).denominator < 2 ** 20 for r in R.ravel())
    if whole:
        ways["mdptoolbox"] = mdp.from_mdptoolbox(P, R, gamma)
        ways["mdptoolbox dense"] = mdp.from_mdptoolbox(np.stack([p.toarray() for p in P]), R, gamma)
        R, Q, beta, s, a = mdp.to_quantecon(m)
        order = np.random.default_rng(0).permutation(len(s))
        ways["quantecon pairs"] = mdp.from_quantecon(R[order], Q[order], beta, s[order], a[order])
        ways["quantecon product"] = mdp.from_quantecon(R.reshape(-1, 2),
                                                       Q.toarray().reshape(-1, 2, len(process)),
                                                       beta)
    for ending in (".drn", ".tra", ".json", ".npz", ".mdp"):
        mdp.write(m, tmp_path / f"m{ending}")
        ways[ending] = mdp.read(tmp_path / f"m{ending}", gamma="9/10")
    z = arrays.to_choices(m)
    ways["choices"] = arrays.from_choices(z, reward="reward", gamma="9/10")
    for name, other in ways.items():
        assert list(mdp.solve_exact(other).v) == expected, name


def merged_numbers(process):
    return {s: {a: [(p, t, c[0][2].numerator) for p, t, _ in c] for a, c in choices.items()}
            for s, choices in process.items()}


def test_arrays_of_other_packages_and_what_they_cannot_say():
    m = mdp.from_quantecon([[5, 10], [-1, -np.inf]], [[[.5, .5], [0, 1]], [[0, 1], [.5, .5]]], .95)
    assert list(mdp.solve_exact(m).v) == [Fraction(-60, 7), -20] and not m.available[1, 1]
    assert (mdp.to_quantecon(m)[3] == [0, 0, 1]).all()
    with pytest.raises(ValueError, match="state 1 has no feasible action"):
        mdp.from_quantecon([[5, 10], [-np.inf, -np.inf]], np.full((2, 2, 2), .5), .95)
    with pytest.raises(ValueError, match="state 1 has no feasible action"):
        mdp.from_quantecon([5, 10], np.full((2, 2), .5), .95, [0, 0], [0, 1])
    with pytest.raises(ValueError, match="appears twice"):
        mdp.from_quantecon([5, 10], np.full((2, 2), .5), .95, [0, 0], [1, 1])
    with pytest.raises(ValueError, match=r"action\[1\] is -1, outside"):
        mdp.from_quantecon([5, 10], np.full((2, 2), .5), .95, [0, 1], [0, -1])
    needs = "pymdptoolbox needs every action in every state; state 1 lacks action 1"
    with pytest.raises(ValueError, match=needs):
        mdp.to_mdptoolbox(m)
    ends = mdp.MDP([[[.5, .5]], [[1, 0]]], [1, 0], .9, terminal=[1])
    P, R, gamma = mdp.to_mdptoolbox(ends)
    assert P[0].toarray().tolist() == [[.5, .5], [0, 1]]
    assert mdp.solve_exact(mdp.from_mdptoolbox(P, R, gamma)).v[0] == mdp.solve_exact(ends).v[0]
    back = mdp.from_quantecon(*mdp.to_quantecon(ends))
    assert mdp.solve_exact(back).v[0] == mdp.solve_exact(ends).v[0]
    zero = mdp.from_quantecon([[5, 10], [-1, 2]], np.asfortranarray(np.full((2, 2, 2), .5)), 0)
    assert list(mdp.solve_exact(zero).v) == [10, 2]


def test_terminated_outcomes_end_the_process_whatever_the_table_says():
    class Env:
        P = {0: {0: [(.5, 1, 1.0, True), (.5, 2, 0.0, False)]}, 1: {0: [(1.0, 1, 7.0, True)]},
             2: {0: [(.5, 3, 5.0, True), (.5, 3, 5.0, False)]},
             3: {0: [(1.0, 0, 2.0, False)]}}
        initial_state_distrib = [1.0, 0, 0, 0]
    m = mdp.from_gymnasium(Env(), gamma="1/2")
    assert m.terminal[1] and m.state_names[-1] == ("end", 3) and m.initial[0] == 1
    assert not mdp.solve_exact(m).v[1]  # 14 if the flag were ignored
    v = mdp.solve_exact(m).v
    assert v[0] == Fraction(1, 2) + Fraction(1, 4) * v[2] and v[2] == 5 + Fraction(1, 4) * v[3]
    assert v[3] == 2 + Fraction(1, 2) * v[0]
    timed = mdp.from_gymnasium(Env(), gamma=1, max_steps=2)
    assert mdp.solve_exact(timed).v[timed.state((0, 0))] == Fraction(1, 2) + Fraction(5, 2)
    assert mdp.solve_exact(m.replace(gamma=1), horizon=2).v[0][0] == 3
    for bad in (object(), type("Env", (), {"P": None})()):
        with pytest.raises(ValueError, match="has no transition table"):
            mdp.from_gymnasium(bad)
    with pytest.raises(ValueError, match="max_steps must be an integer >= 1, is 0"):
        mdp.from_gymnasium(Env(), max_steps=0)


def test_gymnasium_environments_have_their_exact_values():
    gymnasium = pytest.importorskip("gymnasium")
    lake = mdp.from_gymnasium(gymnasium.make("FrozenLake-v1"), 1)
    s = mdp.solve_exact(lake)
    assert s.v[0] == Fraction(14, 17) and mdp.verify(lake, s.certificate)
    for gamma, value in (("99/100", .542025932), ("19/20", .180471578), ("9/10", .068890905)):
        assert float(mdp.solve_exact(lake.replace(gamma=gamma)).v[0]) == pytest.approx(value,
                                                                                       abs=6e-10)
    big = mdp.from_gymnasium(gymnasium.make("FrozenLake-v1", map_name="8x8"), 1)
    assert mdp.solve_exact(big).v[0] == 1
    for gamma, value in (("99/100", .4146403618), ("9/10", .00641111426)):
        assert float(mdp.solve_exact(big.replace(gamma=gamma)).v[0]) == pytest.approx(value,
                                                                                      abs=1e-10)
    table = gymnasium.make("FrozenLake-v1").unwrapped.P
    # of 64, as the floats that are stored
    assert sum(sum(Fraction(p) for p, _, _, _ in table[x][a]) != 1 for x in range(16)
               for a in range(4)) == 44
    cliff = mdp.from_gymnasium(gymnasium.make("CliffWalking-v1"), 1)
    assert mdp.solve_exact(cliff).v[36] == -13
    assert float(mdp.solve_exact(cliff.replace(gamma="9/10")).v[36]) == pytest.approx(-7.45813417,
                                                                                      abs=1e-8)
    slippery = mdp.from_gymnasium(gymnasium.make("CliffWalking-v1", is_slippery=True), 1)
    assert float(mdp.solve_exact(slippery).v[36]) == pytest.approx(-64.70917591, abs=1e-8)
    taxi = mdp.from_gymnasium(gymnasium.make("Taxi-v4"), 1)
    s = mdp.solve_exact(taxi)
    starts = taxi.initial > 0
    assert starts.sum() == 300 and sum(s.v[starts]) / 300 == Fraction(793, 100)
    assert (min(s.v[starts]), max(s.v[starts])) == (3, 15)
    rainy = mdp.from_gymnasium(gymnasium.make("Taxi-v4", is_rainy=True), "99/100")
    for m, value in ((taxi.replace(gamma="99/100"), 6.32746431492),
                     (taxi.replace(gamma="9/10"), -1.26332309904), (rainy, 2.2476293236)):
        assert float(sum(mdp.solve_exact(m).v[starts])) / 300 == pytest.approx(value, abs=1e-10)


def test_the_other_packages_agree_on_their_own_arrays():
    quantecon = pytest.importorskip("quantecon")
    R = np.array([[5., 10], [-1, 2]])
    Q = np.array([[[.5, .5], [0, 1]], [[.8, .2], [.1, .9]]])
    theirs = quantecon.markov.DiscreteDP(R, Q, .9).solve(method="policy_iteration")
    ours = mdp.solve(mdp.from_quantecon(R, Q, .9))
    np.testing.assert_allclose(ours.v, theirs.v, rtol=1e-10)
    assert ours.policy.tolist() == theirs.sigma.tolist()


# PRISM, Storm, Cassandra

def test_prisms_robot_and_storms_dice_are_read_and_solved():
    folder = data_folder() / "mdp"
    m = mdp.read(folder / "prism" / "robot.tra", reward="time")
    labels = prism.read_labels(folder / "prism" / "robot.lab")
    assert (m.num_states, m.num_pairs, m.next.size) == (6, 10, 16) and m.state_names[0] == "(0)"
    assert m.initial[0] == 1 and m.action_names[0] == "south"
    timed = prism.from_prism(folder / "prism" / "robot.tra", srew=folder / "prism" / "robot1.srew")
    for goal, minimize, value in ((["goal2"], True, Fraction(19, 15)),
                                  (["goal1", "goal2"], True, Fraction(6, 5)),
                                  (["goal1", "goal2"], False, Fraction(7, 2))):
        states = [s for name in goal for s in labels[name]]
        assert mdp.solve_exact(timed, goal=states, minimize=minimize, miss=np.inf).v[0] == value
    for goal in ("goal1", "goal2"):
        assert mdp.solve_exact(timed, goal=labels[goal], miss=np.inf).v[0] == np.inf
    energy = prism.from_prism(folder / "prism" / "robot.tra", trew=folder / "prism" / "robot2.trew")
    assert energy.exact_reward.tolist().count(Fraction(7, 2)) == 2
    labels = prism.read_labels(folder / "storm" / "two_dice.lab")
    dice = prism.from_prism(folder / "storm" / "two_dice.tra", lab=folder / "storm"
                            / "two_dice.lab", trew=folder / "storm" / "two_dice.flip.trans.rew")
    assert (dice.num_states, dice.num_pairs, dice.next.size) == (169, 254, 436)
    for minimize in (True, False):
        assert mdp.solve_exact(dice, goal=labels["done"], minimize=minimize).v[0] == Fraction(22, 3)
        for i, name in enumerate(("two", "three", "four"), start=1):
            reach = mdp.transforms.reachability(dice, labels[name])
            assert mdp.solve_exact(reach, minimize=minimize).v[0] == Fraction(i, 36)
    both = prism.from_prism(folder / "storm" / "two_dice.tra",
                            trew=folder / "storm" / "two_dice.flip.trans.rew",
                            srew=folder / "storm" / "two_dice.flip.state.rew")
    assert mdp.solve_exact(both, goal=labels["done"], minimize=True).v[0] == Fraction(44, 3)
    z = mdp.read(folder / "qvbs" / "consensus.2_K2.npz", reward="reward__steps")
    assert z.num_states == 272 and z.exact_probability is not None


BAD = {"m.tra": [("2 1 1\n0 0 1\n", "m.tra:2: the line must be state choice next probability"),
                 ("2 1 1\n0 0 5 1\n", "beyond the 2 states"),
                 ("1 1 1\n0 0 0 x\n", "must be a number"), ("", "empty"),
                 ("1 1 1\n0 zero 0 1\n", "the number must be an integer >= 0, is 'zero'"),
                 ("1 1 1\n0 0 0 0.9\n", "sum to 0.9, not to 1"),
                 ("1 2 2\n0 0 0 1/2 a\n0 0 0 1/2 b\n", "has two names")],
       "m.drn": [("nothing", "not a DRN file"),
                 ("@type: CTMC\n@model\nstate 0\n", "type 'CTMC' is not supported"),
                 ("@type: MDP\n@model\naction a\n", "an action before any state"),
                 ("@type: MDP\n@model\nstate 0 [1\naction a\n0 : 1", "must have \\[rewards\\]"),
                 ("@type: MDP\n@model\nstate 0\naction a\n1 : 1",
                  "leads to 1, which is not described"),
                 ("@type: MDP\n@model\nstate 0\nstate 0\n", "appears twice")],
       "m.pomdp": [("T: a", "discount: is missing|states: is missing"),
                   ("what", "not a Cassandra file"),
                   ("discount: 0.9\nstates: 2\nactions: a a\n", "distinct names"),
                   ("discount: 0.9\nstates: 2\nactions: a\nT: b identity", "'b' is not one of a"),
                   ("discount: 0.9\nstates: 2\nactions: a\nT: a\n1 0 1",
                    "must be 4 numbers, is 3"),
                   ("discount: 0.9\nstates: 2\nactions: a\nT: a\n1 0 0.9 0",
                    "sum to 0.9, not to 1"),
                   ("discount: 0.9\nstates: 2\nactions: a\nT: a\n1 0 0.333333 0.666666",
                    "normalize=True divides them")]}


@pytest.mark.parametrize("name, text, message",
                         [(n, t, m) for n, cases in BAD.items() for t, m in cases])
def test_a_bad_file_gets_one_line(tmp_path, capsys, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=message) as error:
        mdp.read(tmp_path / name)
    assert "\n" not in str(error.value) and name in str(error.value)
    assert main(["solve", str(tmp_path / name)]) == 2 and capsys.readouterr().err.count("\n") == 1


def test_convert_on_the_command_line(tmp_path, capsys):
    for name in ("g.json", "g.npz", "g.drn", "g.tra", "g.mdp"):
        assert main(["convert", "gridworld", str(tmp_path / name)]) == 0
        m = mdp.read(tmp_path / name, gamma="9/10")
        assert mdp.solve_exact(m).v[1] == Fraction(1000000, 40951)
        again = str(tmp_path / f"again_{name}.json")
        assert main(["convert", str(tmp_path / name), again, "--gamma", "9/10"]) == 0
        assert json.loads(Path(again).read_text())["gamma"] == "9/10"
    assert main(["convert", "gridworld", str(tmp_path / "c.npz"), "--choices"]) == 0
    m = mdp.read(tmp_path / "c.npz", reward="reward", gamma="9/10")
    assert mdp.solve_exact(m).v[1] == Fraction(1000000, 40951)
    capsys.readouterr()
    assert main(["convert", "gridworld", str(tmp_path / "g.txt")]) == 2
    assert "unknown ending" in capsys.readouterr().err
    assert main(["convert", "student", str(tmp_path / "s.mdp")]) == 2
    assert "every action in every state" in capsys.readouterr().err


# partially observable

TIGER = """discount: 0.95
values: reward
states: tiger-left tiger-right
actions: listen open-left open-right
observations: tiger-left tiger-right
start: uniform
T: listen
identity
T: open-left
uniform
T: open-right
uniform
O: listen
0.85 0.15
0.15 0.85
O: open-left
uniform
O: open-right
uniform
R: listen : * : * : * -1
R: open-left : tiger-left : * : * -100
R: open-left : tiger-right : * : * 10
R: open-right : tiger-left : * : * 10
R: open-right : tiger-right : * : * -100
"""


@pytest.fixture
def tiger(tmp_path):
    (tmp_path / "tiger.pomdp").write_text(TIGER)
    return cassandra.from_cassandra(tmp_path / "tiger.pomdp")


def test_the_tiger_is_listened_to(tiger):
    """Kaelbling, Littman and Cassandra 1998: 3, 5 and 9 plans for 1, 2 and 3 steps.

    At first one listens.
    """
    half = (Fraction(1, 2), Fraction(1, 2))
    belief, chance = tiger.update(half, 0, 0)
    assert belief == (Fraction(17, 20), Fraction(3, 20)) and chance == Fraction(1, 2)
    belief, chance = tiger.update(belief, 0, 0)
    assert belief == (Fraction(289, 298), Fraction(9, 298)) and chance == Fraction(149, 200)
    sets = tiger.solve(3)
    assert [len(s) for s in sets] == [1, 3, 5, 9]
    ours = mdp.problems.tiger()
    assert (ours.O, ours.r, ours.start) == (tiger.O, tiger.r, tiger.start)
    assert rational(ours.mdp).hash == rational(tiger.mdp).hash
    # who sees through doors takes 10 each time
    assert list(mdp.solve_exact(ours.mdp).v) == [200, 200]
    assert tiger.value(sets[1], half)[0] == -1
    assert tiger.value(sets[2], half)[0] == Fraction(-39, 20)
    assert tiger.value(sets[3], half)[1].action == 0
    assert {plan.action for plan in sets[1]} == {0, 1, 2}
    with pytest.raises(ValueError, match="horizon must be an integer >= 0, is -1"):
        tiger.solve(-1)
    sure = tiger.update((Fraction(1), Fraction(0)), 0, 0)
    assert sure[0] == (1, 0)


def exhaustive(tiger, belief, steps, gamma):
    """The definition: the best action for a belief, by looking at every observation."""
    if steps == 0:
        return Fraction(0)
    best = None
    for a in range(tiger.mdp.num_actions):
        q = sum((b * tiger.r[s][a] for s, b in enumerate(belief)), Fraction(0))
        for z in range(len(tiger.observation_names)):
            try:
                after, chance = tiger.update(belief, a, z)
            except ValueError:
                continue
            q += gamma * chance * exhaustive(tiger, after, steps - 1, gamma)
        best = q if best is None else max(best, q)
    return best


def test_alpha_vectors_are_the_value_of_looking_ahead(tiger):
    sets = tiger.solve(3)
    for steps in range(4):
        for i in range(11):
            belief = (Fraction(i, 10), 1 - Fraction(i, 10))
            assert tiger.value(sets[steps], belief)[0] == exhaustive(tiger, belief, steps,
                                                                     Fraction(19, 20))
    from mdp.pomdp import prune
    # a tie wins nowhere alone
    vectors = [tuple(map(Fraction, pair)) for pair in ((0, 4), (4, 0), (2, 2), (1, 1))]
    assert prune(vectors) == [(0, 4), (4, 0)]
    with pytest.raises(ValueError, match="has probability 0 after action"):
        cassandra_certain(tiger).update((Fraction(1), Fraction(0)), 0, 1)


def cassandra_certain(tiger):
    from dataclasses import replace
    O = [list(map(list, table)) for table in tiger.O]                    # noqa: E741
    O[0] = [[Fraction(1), Fraction(0)], [Fraction(0), Fraction(1)]]
    return replace(tiger, O=O)


def test_cassandras_own_files_are_read():
    folder = data_folder() / "mdp" / "pomdp"
    sizes = {"1d.pomdp": (4, 2), "parr95.95.pomdp": (7, 3), "tiger.symbolic.pomdp": (2, 3),
             "tiger.numeric.pomdp": (2, 3), "cassandra/4x3.95.POMDP": (11, 4),
             "cassandra/bridge-repair.POMDP": (5, 12), "cassandra/concert.POMDP": (2, 3),
             "cassandra/tiger.aaai.POMDP": (2, 3)}
    for name, (S, A) in sizes.items():
        p = cassandra.from_cassandra(folder / name, normalize=name == "1d.pomdp")
        assert (p.mdp.num_states, p.mdp.num_actions) == (S, A)
        assert p.mdp.exact_probability is not None, name
    with pytest.raises(ValueError, match="sum to 0.999999, not to 1"):
        mdp.read(folder / "1d.pomdp")
    half = (Fraction(1, 2), Fraction(1, 2))
    symbolic = cassandra.from_cassandra(folder / "tiger.symbolic.pomdp")
    assert symbolic.value(symbolic.solve(2)[2], half)[0] == Fraction(-39, 20)
