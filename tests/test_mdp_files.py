"""Files of processes: what is written comes back or is refused; what is damaged is refused."""

import json
import os
import tracemalloc
from fractions import Fraction as F

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import hunt_files
import mdp
from cases_mdp import transitions
from mdp.cli import main
from mdp.formats import arrays, cassandra, files, prism
from mdp.formats.files import RewardWarning
from mdp.pomdp import POMDP
from mdp.rational import rational
from npixel.runtime import safe_npz

ENDINGS = (".json", ".npz", ".tra", ".drn", ".mdp", "choices")


def one_line(error):
    assert "\n" not in str(error.value)
    return str(error.value)


def through(m, folder, ending):
    """Write m, read it again; formats without a discount are told it."""
    path = folder / f"m{'.npz' if ending == 'choices' else ending}"
    mdp.write(m, path, choices=ending == "choices")
    told = ending in (".tra", ".drn", "choices")
    reward = "reward" if ending == "choices" else None
    gamma = m.gamma if m.exact_gamma is None else m.exact_gamma
    return mdp.read(path, reward=reward, gamma=gamma if told else None)


def meaning(m):
    """All that decides an answer: of each state its rows in any order, discounts, start, costs."""
    R = rational(m)
    rows = [sorted((sorted(zip(R.next[k], (F(n, R.D[k]) for n in R.n[k]))), R.r[k], R.g[k],
                    R.zero[k])
                   for k in range(R.pair_ptr[s], R.pair_ptr[s + 1])) for s in range(R.S)]
    return rows, None if m.initial is None else m.initial.tolist(), m.costs


# costs

COST = """discount: 0.9
values: cost
states: good bad
actions: wait repair
T: wait : good : good 0.8
T: wait : good : bad 0.2
T: wait : bad : bad 1
T: repair : * : good 1
R: wait : bad : * 10
R: repair : * : * 4
"""


@pytest.fixture
def cost(tmp_path):
    (tmp_path / "cost.mdp").write_text(COST)
    return mdp.read(tmp_path / "cost.mdp")


def test_a_file_of_costs_is_minimised(cost):
    # v(good) = 0.9 (0.8 v(good) + 0.2 v(bad)) = 6.10, v(bad) = 4 + 0.9 v(good) = 9.49
    right = [F(360, 59), F(560, 59)]
    assert cost.costs and repr(cost).endswith("gamma=0.9, costs)")
    for method in ("auto", "value_iteration", "linear_programming", "enumerate_policies"):
        s = mdp.solve(cost, method=method)
        np.testing.assert_allclose(s.v, [float(x) for x in right], rtol=1e-8)
        assert s.policy.tolist() == [0, 1]
    x = mdp.solve_exact(cost)
    assert list(x.v) == right and mdp.verify(cost, x.certificate)
    assert x.certificate["minimize"] is True
    assert list(mdp.solve_exact(cost.replace(costs=False), minimize=True).v) == right
    # the dearest policy waits: v(bad) = 10 / (1 - 0.9) = 100, v(good) = 18 / 0.28
    assert list(mdp.solve_exact(cost, minimize=False).v) == [F(450, 7), 100]
    proof = mdp.certify(cost, [float(x) for x in right])
    assert proof.suboptimal.tolist() == [[False, True], [True, False]]


def test_what_is_made_of_costs_has_costs(cost):
    right = [F(360, 59), F(560, 59)]
    assert list(mdp.solve_exact(mdp.transforms.follow(cost, [0, 1])).v) == right
    assert mdp.transforms.follow(cost, [0, 1]).costs and cost.replace(gamma=0.5).costs
    assert not mdp.transforms.reachability(cost, [1]).costs
    start = cost.replace(initial=[1, 0])
    assert mdp.solve_constrained(start, []).value == right[0]
    assert mdp.solve_constrained(start, [], minimize=False).value == F(450, 7)
    for made in (mdp.MDP([[[1]]], [1], "1/2", costs=True),
                 mdp.MDP.from_pairs([0], [0], [[1]], [1], "1/2", costs=True)):
        assert made.costs and mdp.solve_exact(made).certificate["minimize"] is True
    with pytest.raises(ValueError, match="costs must be True or False, is 'no'"):
        mdp.MDP([[[1]]], [1], 0.5, costs="no")
    with pytest.raises(ValueError, match="minimize must be True, False or None, is 'yes'"):
        mdp.solve(cost, minimize="yes")


def test_costs_on_the_command_line(cost, tmp_path, capsys):
    assert main(["solve", str(tmp_path / "cost.mdp")]) == 0
    out = capsys.readouterr().out
    assert "costs minimised" in out and "6.10169   wait" in out and "9.49153   repair" in out
    for ending in (".mdp", ".json", ".npz"):
        assert main(["convert", str(tmp_path / "cost.mdp"), str(tmp_path / f"again{ending}")]) == 0
        assert main(["solve", str(tmp_path / f"again{ending}"), "--json"]) == 0
        found = json.loads(capsys.readouterr().out.partition("{")[2].join(["{", ""]))
        assert found["minimize"] is True and found["policy"] == {"good": "wait", "bad": "repair"}
    for ending in (".tra", ".drn"):
        assert main(["convert", str(tmp_path / "cost.mdp"), str(tmp_path / f"again{ending}")]) == 2
        assert "costs" in capsys.readouterr().err and not (tmp_path / f"again{ending}").exists()


def test_other_values_than_reward_and_cost_are_refused(tmp_path):
    for word in ("profit", "costs", "Cost", "", "reward cost"):
        (tmp_path / "m.mdp").write_text(COST.replace("values: cost", f"values: {word}"))
        with pytest.raises(ValueError, match="m.mdp: values: must be reward or cost, is"):
            mdp.read(tmp_path / "m.mdp")


def test_a_partially_observable_process_of_costs_is_minimised(tmp_path):
    """Nothing is seen. One step: wait costs (0, 10), repair (4, 4). Two steps, from good: wait,
    then 0.9 min(0.2 * 10, 4) = 9/5; from bad: repair, then 0."""
    blind = COST.replace("actions:", "observations: nothing\nactions:") + "O: * uniform\n"
    blind = blind.replace(" : * 10", " : * : * 10").replace(" : * : * 4", " : * : * : * 4")
    (tmp_path / "m.pomdp").write_text(blind)
    p = cassandra.from_cassandra(tmp_path / "m.pomdp")
    one, two = p.solve(2)[1:]
    assert {plan.alpha for plan in one} == {(0, 10), (4, 4)}
    assert p.value(two, (F(1), F(0)))[0] == F(9, 5) and p.value(two, (F(0), F(1)))[0] == 4
    assert p.value(two, (F(0), F(1)))[1].action == 1
    dearest = p.solve(2, minimize=False)[2]
    # the dearest: from bad wait twice, 10 + 9; from good repair, then repair: 4 + 0.9 * 4
    assert p.value(dearest, (F(0), F(1)))[0] == 19 and p.value(dearest, (F(1), F(0)))[0] == F(38, 5)


# what a process has, and what every format does with it

SPREAD = {"a": {"x": [("1/3", "a", 2), ("2/3", "b", -1)], "y": [(1, "b", 3)]},
          "b": {"x": [(1, "a", 0)], "y": [("1/2", "b", 1), ("1/2", "a", 1)]}}


def process(change=None, gamma="9/10", **options):
    """Two states with two actions each, all of whose rewards depend on the pair alone."""
    table = {s: {a: [(p, t, row[0][2]) for p, t, _ in row] for a, row in choices.items()}
             for s, choices in SPREAD.items()}
    if change:
        change(table)
    return mdp.MDP.from_dict(table, gamma, **options)


def set_row(s, a, row):
    return lambda table: table[s].update({a: row})


PAIRS = {"a": {"x": "1/2", "y": "1/4"}, "b": {"x": "9/10", "y": "1/3"}}
ALL = frozenset(ENDINGS)
FEATURES = {                                 # name -> (process, the formats that keep it)
    "nothing special": (process(), ALL),
    "one initial state": (process(initial="b"), ALL),
    "uniform start": (process(initial={"a": "1/2", "b": "1/2"}), ALL - {"choices"}),
    "any start": (process(initial={"a": "9/10", "b": "1/10"}), {".json", ".npz", ".mdp"}),
    "float start": (process(initial=[0.3, 0.7]), {".json", ".npz", ".mdp"}),
    "discounts per pair": (process(gamma=PAIRS), {".json", ".npz"}),
    "costs": (process(costs=True), {".json", ".npz", ".mdp"}),
    "a terminal state": (process(lambda t: t.update(b={})), ALL - {".mdp"}),
    "an absent action": (process(lambda t: t["b"].pop("x")), ALL - {".mdp"}),
    "rewards by next state": (process(set_row("a", "x", [("1/3", "a", 2), ("2/3", "b", -5)])), ALL),
    "two rewards, one next state": (process(set_row("a", "x", [("1/3", "a", 2), ("2/3", "a", 5)])),
                                    ALL - {".tra", ".mdp"}),
    "rewards of mean zero": (process(set_row("a", "x", [("1/2", "a", 1), ("1/2", "b", -1)])),
                             ALL - {".drn", "choices"}),
    "floats": (process(set_row("a", "x", [(0.1, "a", 0.7), (0.9, "b", 0.7)])), ALL),
    "floats of thirds": (process(set_row("a", "x", [(1 / 3, "a", 1), (1 - 1 / 3, "b", 1)])), ALL),
    "a tiny probability": (process(set_row("a", "x",
                                           [("1e-300", "a", 1), (1 - F("1e-300"), "b", 1)])),
                           ALL - {"choices"}),
    "a float discount": (process(gamma=0.95), ALL),
    "a discount near one": (process(gamma="0.99999999999999999999"), ALL),
}


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("feature", FEATURES)
def test_what_a_format_cannot_hold_is_refused_and_all_else_comes_back(tmp_path, feature, ending):
    m, keep = FEATURES[feature]
    if ending in keep:
        back = through(m, tmp_path, ending)
        assert meaning(back) == meaning(m)
        s = mdp.solve_exact(m, criterion="finite_horizon", horizon=3).v
        assert (mdp.solve_exact(back, criterion="finite_horizon", horizon=3).v == s).all()
    else:
        with pytest.raises(ValueError) as error:
            through(m, tmp_path, ending)
        one_line(error)
        assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("write", [mdp.to_quantecon, mdp.to_mdptoolbox])
def test_arrays_refuse_what_they_cannot_hold(write):
    for feature in ("discounts per pair", "costs", "rewards of mean zero"):
        with pytest.raises(ValueError, match="arrays have"):
            write(FEATURES[feature][0])


@given(transitions(most_actions=2), st.booleans(), st.booleans(),
       st.sampled_from([None, "one", "some"]),
       st.sampled_from(ENDINGS))
@settings(deadline=None, max_examples=150,
          suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_every_writer_refuses_or_keeps_the_process(tmp_path, table, costs, pairs, start, ending):
    table = {f"s{s}": {f"a{a}": [(p, f"s{t}", r) for p, t, r in row] for a, row in choices.items()}
             for s, choices in table.items()}
    gamma = "3/4"
    if pairs:
        gamma = {s: {a: F(len(row), 7) for a, row in choices.items()}
                 for s, choices in table.items()}
    some = {s: F(i + 1, len(table) * (len(table) + 1) // 2) for i, s in enumerate(table)}
    m = mdp.MDP.from_dict(table, gamma, costs=costs, actions=["a0", "a1"],
                          initial={"one": "s0", "some": some, None: None}[start])
    try:
        back = through(m, tmp_path, ending)
    except ValueError as error:
        assert "\n" not in str(error) and ending not in (".json", ".npz")
        return
    one, two = meaning(m), meaning(back)
    assert one[1:] == two[1:]
    for first, second in zip(one[0], two[0]):
        # they have means: `zero` is lost where the mean is not zero
        if ending in (".drn", "choices"):
            first, second = ([row[:3] for row in rows] for rows in (first, second))
        assert first == second


def test_floats_of_no_small_fraction_come_back_as_floats(tmp_path):
    """Random rows: their decimals sum to 1 within rounding only, as JSON's and NumPy's do."""
    rng = np.random.default_rng(3)
    P = rng.dirichlet(np.ones(5), (5, 2))
    m = mdp.MDP(P, rng.normal(size=(5, 2)), 0.9)
    for ending in (".tra", ".mdp", ".json", ".npz"):
        back = through(m, tmp_path, ending)
        np.testing.assert_array_equal(back.expected.P.toarray(), m.expected.P.toarray())
        np.testing.assert_allclose(back.expected.r, m.expected.r, rtol=1e-15)
    with pytest.raises(ValueError, match="no common denominator.*in_fractions"):
        mdp.write(m, tmp_path / "m.drn")


def test_what_is_no_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "m.tra")                                        # would block for ever
    (tmp_path / "m.drn").mkdir()
    for name, message in (("m.tra", "is not a file"), ("m.drn", "is a directory")):
        with pytest.raises(ValueError, match=message):
            mdp.read(tmp_path / name)


def test_names_that_a_line_cannot_hold_are_refused_or_changed(tmp_path):
    odd = {"*": {"uniform": [(1, "a:b", 1)], "#x": [(1, "*", 2)]},
           "a:b": {"uniform": [(1, "a:b", 0)], "#x": [(1, "*", 5)]}}
    m = mdp.MDP.from_dict(odd, "1/2", initial="a:b")
    for ending in (".json", ".npz", ".mdp"):
        assert meaning(through(m, tmp_path, ending)) == meaning(m)
    for table, message in (({"a\nb": {"x": [(1, "a\nb", 0)]}}, "does not fit on one line"),
                           ({"a": {"x y": [(1, "a", 0)]}}, "is no single word"),
                           ({"a": {"": [(1, "a", 0)]}}, "is no single word")):
        with pytest.raises(ValueError, match=message):
            mdp.write(mdp.MDP.from_dict(table, 1), tmp_path / "m.tra")
    with pytest.raises(ValueError, match="is a comment in DRN files"):
        mdp.write(mdp.MDP.from_dict({"a": {"x//y": [(1, "a", 0)]}}, 1), tmp_path / "m.drn")


# PRISM and Storm

def write_all(folder, **texts):
    for name, text in texts.items():
        (folder / f"m.{name}").write_text(text)
    return folder / "m.tra"


def test_a_first_line_of_state_rewards_is_a_header_only_if_it_has_to_be(tmp_path):
    # state 0 earns 1 a step and leaves with 1/2: v(0) = 2
    tra = write_all(tmp_path, tra="2 2 3\n0 0 0 0.5\n0 0 1 0.5\n1 0 1 1\n", srew="0 1\n1 0\n")
    assert list(mdp.solve_exact(mdp.read(tra)).v) == [2, 0]
    for text, rewards in (("0 0.5\n1 5\n", [F(1, 2), 5]), ("2 1\n0 7\n", [7, 0]), ("2 0\n", [0, 0]),
                          ("1 0.7\n", [0, F(7, 10)]), ("", [0, 0]),
                          ("2 2\n1 3\n0 1/2\n", [F(1, 2), 3]),
                          ("0 1\n", [1, 0]), ("1 1\n0 0\n", [0, 1])):
        (tmp_path / "m.srew").write_text(text)
        assert list(mdp.solve_exact(mdp.read(tra), horizon=1).v[0]) == rewards, text
    for text, message in (("2 2\n0 1\n", "m.srew: the header counts 2 entries, the file has 1"),
                          ("0 1\n2 5\n", "m.srew:2: state 2 does not exist, there are 2"),
                          ("7 7\n", "m.srew:1: state 7 does not exist"),
                          ("0 1\n0 1\n", "state 0 has two rewards"),
                          ("0 1 2\n", "the line must be state reward, is '0 1 2'"),
                          ("-1 2\n", "the number must be an integer >= 0, is '-1'")):
        (tmp_path / "m.srew").write_text(text)
        with pytest.raises(ValueError, match=message):
            mdp.read(tra)


@given(st.lists(st.integers(-5, 9), min_size=1, max_size=9), st.booleans(), st.booleans(),
       st.randoms())
@settings(deadline=None, max_examples=80,
          suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_state_rewards_are_read_as_written(tmp_path, rewards, header, sparse, random):
    """In any order, all or some, with PRISM's header or without."""
    S = len(rewards)
    lines = [f"{s} {r}" for s, r in enumerate(rewards) if r or not sparse]
    random.shuffle(lines)
    tra = write_all(tmp_path, tra=f"{S} {S} {S}\n" + "".join(f"{s} 0 0 1\n" for s in range(S)),
                    srew="\n".join(([f"{S} {len(lines)}"] if header else []) + lines) + "\n")
    assert mdp.read(tra).expected.r.tolist() == rewards


def test_rewards_of_transitions_are_those_of_the_process(tmp_path):
    tra = write_all(tmp_path, tra="2 2 3\n0 0 0 0.5\n0 0 1 0.5\n1 0 1 1\n", trew="0 0 1 6\n")
    assert mdp.read(tra).expected.r.tolist() == [3, 0]
    (tmp_path / "m.trew").write_text("2 2 1\n0 0 1 6\n")
    assert mdp.read(tra).expected.r.tolist() == [3, 0]
    for text, message in (("2 2 2\n0 0 1 6\n", "counts 2 entries, the file has 1"),
                          ("3 2 1\n0 0 1 6\n", "counts 3 states, the process has 2"),
                          ("2 4 1\n0 0 1 6\n", "counts 4 choices, the process has 2"),
                          ("1 0 0 6\n", "choice 0 of state 1 does not lead to 0"),
                          ("1 1 1 6\n", "state 1 has no choice 1"),
                          ("0 0 1 6\n0 0 1 6\n", "has two rewards")):
        (tmp_path / "m.trew").write_text(text)
        with pytest.raises(ValueError, match=message):
            mdp.read(tra)


def test_numbered_reward_files_are_found_and_named(tmp_path, capsys):
    tra = write_all(tmp_path, tra="1 1 1\n0 0 0 1\n")
    notes = files.read_and_say(tra)[1]
    assert notes == ["no rewards: there is no .srew or .trew file beside it"]
    for label, name, reward in (("1", "time", 1), ("2", "energy", 5), ("10", "", 7)):
        comment = f'# Reward structure "{name}"\n' if name else ""
        (tmp_path / f"m{label}.srew").write_text(f"{comment}1 1\n0 {reward}\n")
    (tmp_path / "m2.trew").write_text("1 1 1\n0 0 0 1/2\n")
    (tmp_path / "m7.srew").write_text("0 99\n")
    (tmp_path / "m7.tra").write_text("1 1 1\n0 0 0 1\n")  # then m7.srew is that one's
    earns = lambda **options: mdp.read(tra, **options).expected.r.tolist()  # noqa: E731
    for label, reward in (("1", 1), ("time", 1), ("2", 5.5), ("energy", 5.5), ("10", 7)):
        assert earns(reward=label) == [reward]
    with pytest.warns(RewardWarning,
                      match="has rewards 1, 2, 10; 1 was taken, choose with reward="):
        assert earns() == [1]
    with pytest.raises(ValueError,
                       match=r"no rewards 'x' beside it; there are 1 \(time\), 2 \(energy\), 10"):
        earns(reward="x")
    assert files.read_and_say(tra, reward="energy")[1] == ["rewards: m2.srew, m2.trew (energy)"]
    assert main(["solve", str(tra), "--gamma", "0.5", "--reward", "2"]) == 0
    shown = capsys.readouterr()
    assert "mdp: rewards: m2.srew, m2.trew (energy)" in shown.err and "11" in shown.out
    (tmp_path / "m.flip.state.rew").write_text("0 3\n")                  # Storm's names
    assert earns(reward="flip") == [3]
    (tmp_path / "m.srew").write_text("0 4\n")
    (tmp_path / "m.state.rew").write_text("0 3\n")
    with pytest.raises(ValueError, match="m.srew and m.state.rew hold the same kind of rewards"):
        earns()


def test_nothing_that_is_asked_for_is_ignored(tmp_path):
    m = process()
    for ending in (".json", ".npz", ".mdp"):
        mdp.write(m, tmp_path / f"m{ending}")
        with pytest.raises(ValueError,
                           match="has one reward; --reward 'x' belongs to .tra, .drn and"):
            mdp.read(tmp_path / f"m{ending}", reward="x")
    mdp.write(m, tmp_path / "c.npz", choices=True)
    said = "no rewards: the file has reward; choose one with --reward"
    assert files.read_and_say(tmp_path / "c.npz")[1] == [said]
    (tmp_path / "old.srew").write_text("0 1\n")
    with pytest.raises(ValueError,
                       match="old.srew exists, and would count as rewards of this process"):
        mdp.write(m, tmp_path / "old.tra")


NEARLY = ["0.08333333333"] * 12                       # Storm's issue 297: sums to 1 - 4e-11


def test_every_format_can_divide_rows_by_their_sum(tmp_path):
    S = len(NEARLY)
    exact = mdp.MDP.from_dict({s: {"a": [(F(1, S), t, s) for t in range(S)]} for s in range(S)}, 1)
    rows = "".join(f"{s} 0 {t} {p} a\n" for s in range(S) for t, p in enumerate(NEARLY))
    (tmp_path / "m.tra").write_text(f"{S} {S} {S * S}\n{rows}")
    (tmp_path / "m.srew").write_text("".join(f"{s} {s}\n" for s in range(S)))
    text = "".join(f"state {s}\n\taction a [{s}]\n"
                   + "".join(f"\t\t{t} : {p}\n" for t, p in enumerate(NEARLY)) for s in range(S))
    head = f"@type: MDP\n@reward_models\nr\n@nr_states\n{S}\n@model\n"
    (tmp_path / "m.drn").write_text(head + text)
    (tmp_path / "m.mdp").write_text(f"discount: 1\nstates: {S}\nactions: a\nT: a\n"
                                    + "\n".join([" ".join(NEARLY)] * S)
                                    + "\n" + "".join(f"R: a : {s} : * {s}\n" for s in range(S)))
    for name, number in (("exact.json", str), ("floats.json", float)):
        states = {str(s): {"a": [[number(p), str(t), s] for t, p in enumerate(NEARLY)]}
                  for s in range(S)}
        (tmp_path / name).write_text(json.dumps({"format": "mdp", "version": 1, "gamma": 1,
                                                 "states": states}))
    mdp.write(exact, tmp_path / "c.npz", choices=True)
    z = dict(np.load(tmp_path / "c.npz"))
    np.savez(tmp_path / "c.npz",
             **(z | {"num": z["num"] * 8333333333, "den": np.full(S * S, 10 ** 11)}))
    mdp.write(exact, tmp_path / "own.npz")
    z = dict(np.load(tmp_path / "own.npz"))
    z = {k: x for k, x in z.items() if k not in ("digest", "exact_probability")}
    z["probability"] = np.full(S * S, 0.08333333333)
    np.savez(tmp_path / "own.npz", **z, digest=safe_npz.digest(z))
    for path in sorted(tmp_path.glob("*.*")):
        if path.suffix == ".srew":
            continue
        reward = "reward" if path.name == "c.npz" else None
        with pytest.raises(ValueError, match=path.name):
            mdp.read(path, reward=reward)
        m = mdp.read(path, reward=reward, normalize=True)
        assert np.abs(m.expected.P - exact.expected.P).max() < 1e-15, path.name
        assert m.expected.r.tolist() == pytest.approx(exact.expected.r.tolist(),
                                                      rel=1e-14), path.name
    (tmp_path / "off.tra").write_text("1 1 1\n0 0 0 0.999\n")            # too far from one for that
    with pytest.raises(ValueError, match=r"sum to 0.999, not to 1 \(off by -0.001\)$"):
        mdp.read(tmp_path / "off.tra", normalize=True)


def test_chains_are_read(tmp_path):
    """From 0 a fair coin leads to 1 or 2, from 1 one that is not fair to 0 or 2; 1 a step."""
    for head in ("dtmc\n", "3 4\n"):
        tra = write_all(tmp_path, tra=head + "0 1 0.5\n0 2 1/2\n1 0 0.25\n1 2 0.75\n",
                        srew="0 1\n1 1\n")
        m = mdp.read(tra)
        # v(0) = 1 + v(1) / 2, v(1) = 1 + v(0) / 4: v(0) = 12/7
        assert list(mdp.solve_exact(m).v) == [F(12, 7), F(10, 7), 0] and m.num_actions == 1
    (tmp_path / "m.trew").write_text("3 1\n0 1 2\n")
    assert mdp.read(tra).expected.r.tolist() == [2, 1]
    model = "state 0 [1] init\n{}1 : 0.5\n2 : 0.5\nstate 1 [1]\n{}0 : 0.25\n2 : 0.75\nstate 2\n"
    for action in ("", "action 0\n"):
        (tmp_path / "m.drn").write_text("@type: DTMC\n@reward_models\nr\n@nr_states\n3\n@model\n"
                                        + model.format(action, action))
        assert list(mdp.solve_exact(mdp.read(tmp_path / "m.drn")).v) == [F(12, 7), F(10, 7), 0]


def test_intervals_and_other_models_are_refused(tmp_path):
    cases = {"m.tra": [("1 1 1\n0 0 0 [0.5,1]\n", "m.tra:2: .* is an interval"),
                       ("ctmc\n0 0 1\n", "the first line must be counts, mdp or dtmc, is 'ctmc'")],
             "m.drn": [("@type: MDP\n@value_type: double-interval\n@model\nstate 0\n",
                        "m.drn:2: processes with intervals are not supported"),
                       ("@type: MDP\n@model\nstate 0\naction a\n0 : [0.5, 1]\n",
                        "m.drn:5: .* is an interval")]}
    for name, texts in cases.items():
        for text, message in texts:
            (tmp_path / name).write_text(text)
            with pytest.raises(ValueError, match=message) as error:
                mdp.read(tmp_path / name)
            one_line(error)


def test_a_file_that_was_cut_off_is_refused(tmp_path):
    """Every shorter beginning of a file, by lines: today's counts are there to be compared."""
    m = mdp.problems.gridworld()
    for ending, lines_of_model in ((".tra", 1), (".drn", 12)):
        mdp.write(m, tmp_path / f"m{ending}")
        lines = (tmp_path / f"m{ending}").read_text().splitlines(keepends=True)
        assert len(lines) > 100
        for n in [*range(lines_of_model, 40), *range(40, len(lines), 7), len(lines) - 1]:
            (tmp_path / f"m{ending}").write_text("".join(lines[:n]))
            with pytest.raises(ValueError, match=f"m{ending}"):
                mdp.read(tmp_path / f"m{ending}")


def test_labels_name_states_that_exist(tmp_path):
    tra = write_all(tmp_path, tra="2 2 2\n0 0 1 1\n1 0 0 1\n")
    for text, message in (("", "m.lab: empty"), ("\n# only a comment\n", "m.lab: empty"),
                          ('0="init"\n-1: 0\n', "m.lab:2: the number must be an integer >= 0"),
                          ('0="init"\n2: 0\n', "m.lab:2: state 2 does not exist, there are 2"),
                          ('0="init"\n0: 1\n', "m.lab:2: label '1' is not declared"),
                          ("0=\n0: 0\n", 'must begin with 0="init"'),
                          ('0="init"\n0 0\n', "the line must be state: labels"),
                          ("#DECLARATION\ninit\n0 init\n", "one #DECLARATION and one #END"),
                          ("#DECLARATION\ninit\n#END\n0 other\n", "label 'other' is not declared"),
                          ("#DECLARATION\ninit\n#END\n9 init\n", "state 9 does not exist")):
        (tmp_path / "m.lab").write_text(text)
        with pytest.raises(ValueError, match=message):
            mdp.read(tra)
    (tmp_path / "m.lab").write_text('0="init" 1="x"\n1: 0 1\n0: 1\n')
    assert mdp.read(tra).initial.tolist() == [0, 1]
    assert prism.read_labels(tmp_path / "m.lab") == {"init": [1], "x": [0, 1]}


@pytest.fixture
def little_memory():
    tracemalloc.start()
    yield
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 30 * 2 ** 20


@pytest.mark.parametrize("name, text, message", [
    ("m.tra", "4000000000 1 1\n0 0 0 1\n", "4,000,000,000 states, of which the file names 1"),
    ("m.tra", "mdp\n0 0 300000000 1\n", "300,000,001 states, of which the file names 2"),
    ("m.tra", "mdp\n0 0 " + "9" * 5000 + " 1\n", "must be below 10..18, has 5000 digits"),
    ("m.drn", "@type: MDP\n@model\nstate 30000000\n",
     "state 0 is not described, state 30000000 is"),
    ("m.mdp", "discount: 0.9\nstates: 9000\nactions: a\n", "state '0' sum to 0, not to 1"),
    ("m.mdp", "discount: 0.9\nstates: 9000\nactions: a\nT: a\nuniform\n",
     "stand for more than 5,000,000 numbers"),
    ("m.mdp", "discount: 0.9\nstates: 1000000000\nactions: a\n",
     "states: must be 1 to 5,000,000, is 1,000,000,000"),
    ("m.pomdp", "discount: 0.9\nstates: 9000\nactions: 9000\nobservations: 9000\n",
     "729,000,000,000 rows"),
    ("m.npz", None, "more than the limit of 1,073,741,824")])
def test_a_small_file_takes_little_memory(tmp_path, little_memory, name, text, message):
    if text is None:
        np.savez_compressed(tmp_path / name, choice_start=np.arange(2))
        content = bytearray((tmp_path / name).read_bytes())
        at = content.rindex(b"PK\x01\x02")
        # the size that the list of contents claims
        content[at + 24:at + 28] = (4 * 10 ** 9).to_bytes(4, "little")
        (tmp_path / name).write_bytes(content)
    else:
        (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=message) as error:
        mdp.read(tmp_path / name)
    one_line(error)


# Cassandra

def cassandra_file(folder, text, head="discount: 0.5\nstates: a b c\nactions: go\n"):
    (folder / "m.mdp").write_text(head + text)
    return mdp.read(folder / "m.mdp")


STAY = "T: go identity\n"


@pytest.mark.parametrize("start, initial", [
    ("start: b", [0, 1, 0]), ("start: 1", [0, 1, 0]), ("start: uniform", ["1/3"] * 3),
    ("start: 0.5 0.25 0.25", ["1/2", "1/4", "1/4"]),
    ("start include: a c", ["1/2", 0, "1/2"]), ("start include: 0 2", ["1/2", 0, "1/2"]),
    ("start exclude: b", ["1/2", 0, "1/2"]),
    ("start exclude: 0 b", [0, 0, 1]),
    ("start: 0.3333333333333333 0.3333333333333333 0.3333333333333333", ["1/3"] * 3)])
def test_where_a_file_starts(tmp_path, start, initial):
    m = cassandra_file(tmp_path, start + "\n" + STAY)
    assert m.exact_initial.tolist() == list(map(F, initial))


@pytest.mark.parametrize("start, message", [
    ("start include: nosuch", "start include: 'nosuch' is not one of a, b, c"),
    ("start exclude: nosuch", "start exclude: 'nosuch' is not one of"),
    ("start exclude: a b c", "leaves no state to start in"),
    ("start exclude: *", "leaves no state"), ("start: 3", "start: '3' is not one of"),
    ("start: a b", "must be 3 probabilities or one state, is 2 states; write start include: a b"),
    ("start: 0.5 0.5", "must be 3 numbers, is 2"),
    ("start: 1 1 -1", "start: the probabilities: -1 is negative"),
    ("start: 1 1 1", "start: the probabilities sum to 3"), ("start:", "start: is empty"),
    ("start include:", "start include: is empty"),
    ("start: a\nstart include: a", "cannot both be there"),
    ("start: a\nstart: b", "start: appears twice")])
def test_where_a_file_cannot_start(tmp_path, start, message):
    with pytest.raises(ValueError, match=message) as error:
        cassandra_file(tmp_path, start + "\n" + STAY)
    one_line(error)


def test_one_state_starts_in_itself(tmp_path):
    for start in ("1", "1.0", "only", "uniform"):
        m = cassandra_file(tmp_path, f"start: {start}\n{STAY}",
                           "discount: 0.5\nstates: only\nactions: go\n")
        assert m.initial.tolist() == [1]


def test_reset_is_the_start_distribution(tmp_path):
    m = cassandra_file(tmp_path, "start: 0.5 0.5 0\nT: go identity\nT: go : c reset\n")
    assert m.expected.P.toarray().tolist() == [[1, 0, 0], [0, 1, 0], [.5, .5, 0]]
    m = cassandra_file(tmp_path, "T: go reset\n")                        # none is given: uniform
    assert m.expected.P.toarray() == pytest.approx(np.full((3, 3), 1 / 3)) and m.initial is None
    m = cassandra_file(tmp_path, "start: b\nT: *\nreset\n")
    assert m.expected.P.toarray().tolist() == [[0, 1, 0]] * 3


def test_rewards_may_name_every_observation_where_there_is_none(tmp_path):
    m = cassandra_file(tmp_path,
                       STAY + "R: 0 : 1 : 1 : * -1.0\nR: go : a : a : 3\nR: * : c : * 4\n")
    assert m.expected.r.tolist() == [3, -1, 4]


@pytest.mark.parametrize("text, message", [
    ("discount:\nstates: 1\nactions: a\n", "discount: .* must be 1 numbers, is 0"),
    ("discount: 0.5 0.5\nstates: 1\nactions: a\n", "must be 1 numbers, is 2"),
    ("discount: 1e9999\nstates: 1\nactions: a\nT: a identity\n", "at most 4300 digits|too large"),
    ("discount: 0.9\nstates: 0\nactions: a\n", "states: must be 1 to 5,000,000, is 0"),
    ("discount: 0.9\nstates: 1\nactions: a\nT: a : 0 : 0 1e4000\n", "too large for a float|sum to"),
    ("discount: 0.9\nstates: 1\nactions: a\nT:\n", "T: an action is missing"),
    ("discount: 0.9\nstates: 1\nactions: a\nT: a :\n", "m.mdp: T"),
    ("discount: 0.9\nstates: 2\nactions: a\nT: a\n2 -1 0 1\n", "T: .*: -1 is negative"),
    ("discount: 0.9\nstates: 1\nactions: a\nT: a identity\nR: a : 0 : 0 1e400\n",
     "R: is too large for a float"),
    ("discount: 0.9\nstates: 1 1\nactions: a\n", "distinct names")])
def test_a_bad_cassandra_file_is_refused_in_one_line(tmp_path, text, message):
    (tmp_path / "m.mdp").write_text(text)
    with pytest.raises(ValueError, match=message) as error:
        mdp.read(tmp_path / "m.mdp")
    one_line(error)


def reference(text_of_T, text_of_R, S, A, Z, O):
    """T and the mean rewards from full tables, entry by entry: the definition.   O (A, S, Z)"""
    T, R = np.zeros((A, S, S)), np.zeros((A, S, S, Z))
    for table, entries in ((T, text_of_T), (R, text_of_R)):
        for at, value in entries:
            table[tuple(slice(None) if x is None else x for x in at)] = value
    return T, np.einsum("ast,atz,astz->sa", T, O, R)


@given(st.data())
@settings(deadline=None, max_examples=60,
          suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_later_lines_overrule_earlier_ones_whatever_they_speak_of(tmp_path, data):
    S, A, Z = 3, 2, 2
    axis = lambda n: st.one_of(st.none(), st.integers(0, n - 1))  # noqa: E731
    O = np.array([[[1, 0], [.5, .5], [.25, .75]], [[.5, .5], [0, 1], [1, 0]]])  # noqa: E741
    T = [((None, None, None), 0.0),
         *[((a, s, data.draw(st.integers(0, S - 1))), 1.0) for a in range(A) for s in range(S)]]
    R = data.draw(st.lists(st.tuples(st.tuples(axis(A), axis(S), axis(S), axis(Z)),
                                     st.integers(-4, 4)), max_size=12))
    line = lambda key, at, x: f"{key}: " + " : ".join("*" if i is None else str(i)
                                                      for i in at) + f" {x}\n"     # noqa: E731
    text = f"discount: 0.5\nstates: {S}\nactions: {A}\nobservations: {Z}\n" + "".join(line("T", at,
                                                                                           x)
                                                                                      for at,
                                                                                      x in T)
    text += "".join(line("O", (a, t, z), O[a, t, z]) for a in range(A) for t in range(S)
                    for z in range(Z))
    (tmp_path / "m.pomdp").write_text(text + "".join(line("R", at, x) for at, x in R))
    p = cassandra.from_cassandra(tmp_path / "m.pomdp")
    full, mean = reference(T, R, S, A, Z, O)
    assert p.mdp.dense()[0].tolist() == full.swapaxes(0, 1).tolist()
    assert np.array(p.r, float) == pytest.approx(mean) and np.array(p.O,
                                                                    float).tolist() == O.tolist()
    assert p.mdp.dense()[1] == pytest.approx(mean)


def tag(S, A=5, Z=30):
    """Few successors, one observation for each state, * in rewards: the form of tag_avoid."""
    lines = ["discount: 0.95", "values: reward", f"states: {S}", f"actions: {A}",
             f"observations: {Z}", "O: * : * : * 0.0"]
    lines += [f"T: {a} : {s} : {(s * (a + 2) + i) % S} {p}" for a in range(A) for s in range(S)
              for i, p in enumerate((0.5, 0.25, 0.25))]
    lines += [f"O: * : {s} : {s % Z} 1.0"
              for s in range(S)] + ["R: * : * : * : * -1"] + [f"R: 4 : {s} : * : * {s % 7}"
                                                              for s in range(S)]
    return "\n".join(lines) + "\n"


def test_a_file_takes_memory_for_what_it_says_and_not_for_full_tables(tmp_path):
    """300 states, 5 actions, 30 observations: full tables of pointers would take 120 MB."""
    (tmp_path / "tag.pomdp").write_text(tag(300))
    tracemalloc.start()
    p = cassandra.from_cassandra(tmp_path / "tag.pomdp")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert isinstance(p, POMDP) and p.mdp.next.size == 300 * 5 * 3 and peak < 20 * 2 ** 20
    assert p.r[10][4] == 3 and p.r[10][3] == -1 and p.O[2][31][1] == 1 and sum(p.O[2][31]) == 1


def test_the_command_line_says_that_it_sees_the_states(tmp_path, capsys):
    (tmp_path / "m.pomdp").write_text(hunt_files.POMDP)
    assert main(["solve", str(tmp_path / "m.pomdp")]) == 0
    said = "the file is partially observable; this is the process whose states are seen"
    assert said in capsys.readouterr().err


# our own files

def own(folder, m, change, digest=True):
    """m as an .npz file, its arrays changed, with a right digest or without."""
    mdp.write(m, folder / "m.npz")
    z = dict(np.load(folder / "m.npz"))
    del z["digest"]
    change(z)
    if digest:
        z["digest"] = np.array(safe_npz.digest(z))
    np.savez(folder / "m.npz", **z)
    return folder / "m.npz"


@pytest.mark.parametrize("name, value, message", [
    ("exact_probability", ["1/2", "1/2", "1", "1", "1/4", "3/4"],
     r"exact_probability\[0\] is 1/2, the float beside it is 0.333"),
    ("exact_reward", ["2"] * 5, r"exact_reward must be text of shape \(6,\)"),
    ("exact_gamma", "1/2", "exact_gamma is 1/2, the float beside it is"),
    ("gamma", [[0.5] * 4], "gamma"), ("gamma", [0.5] * 3, "gamma"),
    ("gamma", 1, "gamma must be float64"), ("pair_state", [0, 0, 1], "outcome_ptr"),
    ("pair_state", [1, 1, 0, 0], "sorted"), ("costs", 1, "costs must be one bool"),
    ("initial", [1.0], r"initial must be float64 of shape \(2,\)"),
    ("names", "[]", "names must be two tuples"), ("names", "[" * 100000, "names cannot be read"),
    ("names", json.dumps(["('a', 'a')", "('x', 'y')"]), "two states have one name"),
    ("names", json.dumps(["('a',)", "('x', 'y')"]), "outside"),
    ("reward", [1] * 6, "reward must be float64"),
    ("names", json.dumps(["([],)", "()"]), "no numbers, texts or tuples")])
def test_arrays_that_contradict_each_other_are_refused(tmp_path, name, value, message):
    path = own(tmp_path, process(), lambda z: z.update({name: np.array(value)}))
    with pytest.raises(ValueError, match=message) as error:
        mdp.read(path)
    assert one_line(error).startswith(f"{path}: ")


def test_an_own_file_carries_a_digest_and_older_ones_are_read(tmp_path):
    m = process(initial={"a": "9/10", "b": "1/10"})
    with pytest.raises(ValueError, match="the arrays and their digest do not belong together"):
        mdp.read(own(tmp_path, m, lambda z: z.update(reward=z["reward"] + 1), digest=False))
    assert meaning(mdp.read(own(tmp_path, m, lambda z: None))) == meaning(m)
    for name in ("next", "gamma", "pair_action", "names", "probability"):
        with pytest.raises(ValueError, match=f"array '{name}'" if name != "names" else "names"):
            mdp.read(own(tmp_path, m, lambda z, name=name: z.pop(name)))

    def older(z):
        z["format"] = np.array("mdp 1")
        del z["costs"]
    assert meaning(mdp.read(own(tmp_path, m, older, digest=False))) == meaning(m)
    with pytest.raises(ValueError, match="not an mdp file"):
        mdp.read(own(tmp_path, m, lambda z: z.update(format=np.array("mdp 3"))))


@pytest.mark.parametrize("change, message", [
    ({"gamma": []}, r"gamma must be a number, or an object of one for each pair, is \[\]"),
    ({"gamma": [0.5]}, "gamma must be"), ({"gamma": True}, "gamma must be"),
    ({"gamma": None}, "gamma must be"), ({"costs": 1}, "costs must be true or false, is 1"),
    ({"costs": "yes"}, "costs must be"), ({"cost": True}, "unknown key 'cost'")])
def test_json_of_another_shape_is_refused(tmp_path, change, message):
    data = {"format": "mdp", "version": 1, "gamma": "1/2",
            "states": {"a": {"x": [[1, "a", 1]]}}} | change
    (tmp_path / "m.json").write_text(json.dumps(data))
    with pytest.raises(ValueError, match=message):
        mdp.read(tmp_path / "m.json")
    (tmp_path / "deep.json").write_text("[" * 200_000)
    with pytest.raises(ValueError, match="nested too deeply"):
        mdp.read(tmp_path / "deep.json")


# arrays

def test_pymdptoolbox_takes_every_form_that_it_documents():
    P0, P1 = np.array([[.5, .5], [0, 1]]), np.array([[0, 1.], [1, 0]])
    R = np.array([[1., 2], [3, 4]])                                      # (S, A)
    objects = np.empty(2, object)
    objects[:] = [P0, P1]
    rewards = np.empty(2, object)
    rewards[:] = [R[:, 0], R[:, 1]]
    per_transition = [np.repeat(R[:, a, None], 2, axis=1) for a in range(2)]
    right = list(mdp.solve_exact(mdp.from_mdptoolbox(np.stack([P0, P1]), R, 0.5)).v)
    for P in (np.stack([P0, P1]), [P0, P1], (P0, P1), objects,
              [sp.csr_matrix(P0), sp.coo_matrix(P1)], [P0, sp.csr_matrix(P1)],
              {0: P0, 1: P1}, {"stay": P0, "go": P1}, [P0.tolist(), P1.tolist()]):
        forms = [R, [R[:, 0], R[:, 1]], rewards, per_transition, np.stack(per_transition),
                 list(map(sp.csr_matrix, per_transition)), [per_transition[0], R[:, 1]]]
        if isinstance(P, dict):
            forms.append(dict(zip(P, forms[1])))
        for form in forms:
            m = mdp.from_mdptoolbox(P, form, 0.5)
            assert list(mdp.solve_exact(m).v) == right
        if isinstance(P, dict):
            assert m.action_names == tuple(P)
    for P, R, message in (([P0, P1[:1]], R, "P must be square matrices of one size, has shapes"),
                          ([P0, P1], [R[:, 0]], "R must be 2 vectors"),
                          ({0: P0}, {1: R}, "P has actions 0, R has 1"),
                          ([P0, P1], {0: R}, "R is a dict and P is none"),
                          (3, R, "P must be"),
                          ([np.ones((2, 3))] * 2, R, "P must be square matrices"),
                          ([P0, P1], np.zeros(5), "R must be")):
        with pytest.raises(ValueError, match=message) as error:
            mdp.from_mdptoolbox(P, R, 0.5)
        one_line(error)


def test_rows_are_normalized_under_either_spelling(tmp_path):
    """The option was called normalise first; both names do the same, and no other is known."""
    off = tmp_path / "m.tra"
    off.write_text("2 1 2\n0 0 0 0.333333\n0 0 1 0.666666\n")
    for options in ({"normalize": True}, {"normalise": True}):
        assert list(mdp.read(off, **options).exact_probability) == [F(1, 3), F(2, 3)]
    for options in ({}, {"normalise": False}):
        with pytest.raises(ValueError, match="--normalize on the command line"):
            mdp.read(off, **options)
    with pytest.raises(TypeError, match="normalised"):
        mdp.read(off, normalised=True)


def test_quantecons_pairs_have_one_length():
    R, Q = [1., 2, 3], np.array([[1., 0], [0, 1], [1, 0]])
    assert mdp.from_quantecon(R, Q, 0.5, [0, 0, 1], [0, 1, 0]).num_pairs == 3
    for s, a in (([0, 0, 1], [0, 1]), ([0, 0], [0, 1, 0]), ([0, 0, 1, 1], [0, 1, 0, 1])):
        with pytest.raises(ValueError,
                           match=r"a_indices \(X,\), has shapes \(3,\), \(3, 2\)"):
            mdp.from_quantecon(R, Q, 0.5, s, a)
    with pytest.raises(ValueError, match="needs a_indices"):
        mdp.from_quantecon(R, Q, 0.5, [0, 0, 1])
    with pytest.raises(ValueError, match="R must be numbers, or -inf"):
        mdp.from_quantecon([np.nan, 2, 3], Q, 0.5, [0, 0, 1], [0, 1, 0])


def test_choice_arrays_that_lack_something_are_refused():
    good = {"choice_start": np.array([0, 1]), "trans_start": np.array([0, 1]), "col": np.array([0]),
            "num": np.array([1]), "den": np.array([1])}
    assert arrays.from_choices(good).num_states == 1
    for change, message in (({"den": np.array([0])}, r"den\[0\] is 0, not positive"),
                            ({"den": np.array([-1])}, "not positive"),
                            ({"num": np.array([1, 1])}, "num must be 1 integers"),
                            ({"num": np.array([1.0])}, "num must be 1 integers, is float64"),
                            ({"initial": np.array([0])}, "initial must be one state"),
                            ({"initial": np.array(0.0)}, "initial must be one state"),
                            ({"choice_start": np.array([0])}, "choice_start goes from 0 to 0")):
        with pytest.raises(ValueError, match=message):
            arrays.from_choices(good | change)
    for name in good:
        with pytest.raises(ValueError, match=f"array {name} is missing"):
            arrays.from_choices({k: x for k, x in good.items() if k != name})


# environments

def test_floats_that_stand_for_fractions_can_be_told_so(tmp_path):
    """FrozenLake with success_rate 0.95: (1 - 0.95) / 2 = 0.025000000000000022 stands for 1/40."""
    gymnasium = pytest.importorskip("gymnasium")
    for rate, slip in ((0.95, F(1, 40)), (0.99, F(1, 200))):
        env = gymnasium.make("FrozenLake-v1", success_rate=rate)
        floats = mdp.from_gymnasium(env, "9/10")
        with pytest.raises(ValueError, match="no common denominator.*mdp.transforms.in_fractions"):
            mdp.solve_exact(floats)
        m = mdp.from_gymnasium(env, "9/10", fractions={(1 - rate) / 2: slip})
        assert {F(p) for p in m.exact_probability} <= {slip, 2 * slip, 1 - slip, 1 - 2 * slip, F(1)}
        s, x = mdp.solve(floats), mdp.solve_exact(m)
        assert mdp.verify(m, x.certificate)
        assert (np.abs(s.v - np.array([float(v) for v in x.v])) < 1e-9).all() and x.v[0] > 0
        for ending in (".tra", ".json", ".npz"):  # the floats themselves come back, too
            back = through(floats, tmp_path, ending)
            np.testing.assert_array_equal(mdp.solve(back).v, s.v)
    with pytest.raises(ValueError, match=r"fractions\[0.95\] is 9/10, which is -0.05 off"):
        mdp.from_gymnasium(env, fractions={0.95: "9/10"})
    with pytest.raises(ValueError, match="sum to .*, not to 1"):
        mdp.transforms.in_fractions(floats, {})
    with pytest.raises(ValueError, match="fractions must be a dict"):
        mdp.transforms.in_fractions(floats, "normalize")


def test_environments_whose_steps_are_not_their_tables_are_refused():
    gymnasium = pytest.importorskip("gymnasium")
    with pytest.raises(ValueError, match="TaxiEnv has fickle_passenger=True"):
        mdp.from_gymnasium(gymnasium.make("Taxi-v4", fickle_passenger=True))
    with pytest.raises(ValueError, match="TransformReward is a RewardWrapper"):
        mdp.from_gymnasium(gymnasium.wrappers.TransformReward(gymnasium.make("FrozenLake-v1"),
                                                              lambda r: -r))
    assert mdp.from_gymnasium(gymnasium.make("Taxi-v4", is_rainy=True)).num_actions == 6
