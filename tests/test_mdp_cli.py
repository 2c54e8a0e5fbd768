"""The command line `mdp`: what it prints, what it refuses, its exit status; and the pictures."""

import dataclasses
import json
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import mdp
from mdp import plots
from mdp.cli import main


def out(capsys, *argv, status=0):
    """Run in this process; the text printed."""
    assert main(list(argv)) == status
    return capsys.readouterr().out


def refused(capsys, *argv):
    """The one line on standard error, with exit status 2."""
    try:
        status = main(list(argv))
    except SystemExit as exit_:                                        # argparse itself
        status = exit_.code
    captured = capsys.readouterr()
    assert status == 2 and captured.out == "" and captured.err.count("\n") == 1
    return captured.err


def test_solve_prints_values_policy_and_json(capsys):
    text = out(capsys, "solve", "student")
    assert "FB" in text and "quit" in text and "total by policy_iteration" in text
    result = json.loads(out(capsys, "solve", "student", "--json"))
    assert result["converged"] and result["v"]["C3"] == pytest.approx(10)
    assert result["policy"]["C1"] == "study" and result["policy"]["Sleep"] is None
    assert result["lower"]["FB"] <= 6 <= result["upper"]["FB"]
    text = out(capsys, "solve", "gridworld")
    assert "24.4194" in text and ("↑↓→←" in text or "^v><" in text)


def test_a_file_of_ones_own_is_solved_with_another_gamma(capsys, tmp_path):
    path = str(tmp_path / "mine.json")
    out(capsys, "problems", "student", "--write", path)
    result = json.loads(out(capsys, "solve", path, "--gamma", "0.9", "--json"))
    assert result["gamma"] == 0.9 and result["v"]["FB"] == pytest.approx(3.87)
    assert result["criterion"] == "discounted"
    same = json.loads(out(capsys, "solve", "student", "--gamma", "9/10", "--method",
                          "value_iteration", "--json"))
    assert same["v"]["FB"] == pytest.approx(3.87) and same["method"] == "value_iteration"
    grid = str(tmp_path / "grid.json")
    out(capsys, "problems", "gridworld", "--write", grid)
    assert "24.4194" in out(capsys, "solve", grid)  # still a grid, by the names of its states


def test_a_finite_horizon_has_one_policy_per_step(capsys):
    result = json.loads(out(capsys, "solve", "student", "--horizon", "2", "--json"))
    assert result["criterion"] == "finite_horizon" and len(result["policy"]) == 2
    assert result["v"]["C2"] == pytest.approx(8)
    assert "2 steps" in out(capsys, "solve", "gridworld", "--horizon", "2")
    out(capsys, "solve", "student", "--horizon", "0")


def test_goals_and_the_average_reward(capsys):
    result = json.loads(out(capsys, "solve", "student", "--goal", "C3", "--json"))
    assert result["v"]["C1"] == pytest.approx(-4) and result["v"]["C3"] == 0
    found = json.loads(out(capsys, "solve", "student", "--goal", "FB", "--json"))
    assert found["v"]["Sleep"] == "-inf"
    assert "'C9' is not a state" in refused(capsys, "solve", "student", "--goal", "C9")
    result = json.loads(out(capsys, "solve", "gridworld", "--criterion", "average", "--json"))
    assert result["v"]["(4, 4)"] == pytest.approx(2) and set(result["bias"]) == set(result["v"])
    assert "gain" in out(capsys, "solve", "student", "--criterion", "average")


def test_a_cap_on_sweeps_is_said_and_leaves_valid_bounds(capsys):
    result = json.loads(out(capsys, "solve", "gridworld", "--method", "gauss_seidel",
                            "--max-iterations", "3", "--json", status=1))
    assert result["iterations"] == 3 and not result["converged"]
    assert result["lower"]["(0, 1)"] <= 1000000 / 40951 <= result["upper"]["(0, 1)"]


@pytest.mark.parametrize("minimize", [[], ["--minimize"]])
@pytest.mark.parametrize("criterion",
                         [["discounted", "--gamma", "0.9"], ["total"], ["total", "--goal", "C3"],
                          ["total", "--goal", "C3", "--miss", "inf"],
                          ["finite_horizon", "--horizon", "3"],
                                       ["average"]], ids=" ".join)
def test_every_criterion_in_floats_and_in_fractions_with_a_certificate_that_verifies(capsys,
                                                                                     tmp_path,
                                                                                     criterion,
                                                                                     minimize):
    question, path = ["student", "--criterion", *criterion, *minimize], str(tmp_path / "c.json")
    floats = json.loads(out(capsys, "solve", *question, "--json"))
    exact = json.loads(out(capsys, "solve", *question, "--exact", "--certificate", path, "--json"))
    number = lambda x: float(x) if "inf" in str(x) else Fraction(x)      # noqa: E731
    key = "gain" if criterion == ["average"] else "v"
    assert floats["converged"]
    assert all(number(floats["lower"][s]) <= number(x) <= number(floats["upper"][s])
               for s, x in exact[key].items())
    gamma = ["--gamma", "0.9"] if "discounted" in criterion else []
    assert "verified" in out(capsys, "verify", "student", path, *gamma)
    assert "optimal actions" in out(capsys, "solve", *question, "--exact")
    assert "action" in out(capsys, "solve", *question)
    other = json.loads(Path(path).read_text())
    Path(path).write_text(json.dumps({**other, "version": 1}))
    assert "REJECTED: it is of version 1, this program checks 2" in out(capsys, "verify", "student",
                                                                        path, *gamma, status=1)


@pytest.mark.filterwarnings("error")
def test_infinite_values_of_a_grid_are_drawn_without_complaint(capsys):
    assert "inf" in out(capsys, "solve", "gridworld", "--criterion", "total")
    assert "(goal)" in out(capsys, "solve", "student", "--goal", "FB", "--exact")


@pytest.mark.parametrize("ending", [".json", ".npz", ".tra", ".drn", ".mdp", ".pomdp"])
def test_an_empty_file_is_refused_in_one_line_that_names_it(capsys, tmp_path, ending):
    (tmp_path / f"empty{ending}").write_text("")
    assert f"empty{ending}" in refused(capsys, "solve", str(tmp_path / f"empty{ending}"))


def test_minimizing_solves_for_costs(capsys):
    result = json.loads(out(capsys, "solve", "gridworld", "--minimize", "--json"))
    assert result["v"]["(0, 0)"] == pytest.approx(-10)  # bump into the wall for ever


def test_a_solution_that_did_not_converge_exits_with_status_1(capsys):
    assert main(["solve", "gridworld", "--tol", "1e-18"]) == 1
    captured = capsys.readouterr()
    assert "not converged" in captured.out and captured.err.count("\n") == 1
    assert "they are valid" in captured.err
    result = json.loads(out(capsys, "solve", "gridworld", "--tol", "1e-18", "--json", status=1))
    assert result["converged"] is False
    assert result["lower"]["(0, 1)"] <= 1000000 / 40951 <= result["upper"]["(0, 1)"]


def test_evaluate_reads_a_policy(capsys, tmp_path):
    text = out(capsys, "evaluate", "student")
    assert "-2.30769" in text and "visits" in text
    result = json.loads(out(capsys, "evaluate", "student", "--policy", "optimal", "--json"))
    assert result["v"]["C1"] == pytest.approx(6) and result["initial_mean"] == pytest.approx(6)
    assert result["occupancy"]["C2"]["study"] == pytest.approx(1)
    path = tmp_path / "pi.json"
    path.write_text(json.dumps({"FB": "quit", "C1": "study", "C2": "sleep",
                                "C3": {"pub": 0.5, "study": 0.5}}))
    result = json.loads(out(capsys, "evaluate", "student", "--policy", str(path), "--json"))
    assert result["v"]["C1"] == pytest.approx(-2)
    assert "initial_mean" not in json.loads(out(capsys, "evaluate", "gridworld", "--json"))


def test_evaluate_in_fractions(capsys, tmp_path):
    result = json.loads(out(capsys, "evaluate", "student", "--exact", "--json"))
    assert result["v"] == {"FB": "-30/13", "C1": "-17/13", "C2": "35/13", "C3": "96/13",
                           "Sleep": "0"}
    assert "96/13" in out(capsys, "evaluate", "student", "--exact")
    exactly = ("evaluate", "student", "--exact", "--policy")
    assert json.loads(out(capsys, *exactly, "optimal", "--json"))["v"]["C3"] == "10"
    path = tmp_path / "pi.json"
    path.write_text(json.dumps({"FB": "quit", "C1": "study", "C2": "sleep",
                                "C3": {"pub": 2 ** -.5, "study": 1 - 2 ** -.5}}))
    assert ("the probabilities in state 3 ('C3') have no common denominator up to 10000"
            in refused(capsys, *exactly, str(path)))


def test_simulate_prints_episodes_and_the_exact_mean(capsys):
    text = out(capsys, "simulate", "student", "--seed", "1")
    assert "C1 -" in text and "exact -1.30769" in text
    result = json.loads(out(capsys, "simulate", "gridworld", "--start", "(0, 1)", "--horizon", "30",
                            "--episodes", "400", "--json", "--show", "1"))
    assert abs(result["mean_return"] - result["exact_mean_return"]) < 5 * result["standard_error"]
    assert result["trajectories"][0]["states"][0] == "(0, 1)" and len(result["trajectories"]) == 1
    again = [json.loads(out(capsys, "simulate", "student", "--json", "--seed", "3"))
             for _ in range(2)]
    assert again[0] == again[1]
    out(capsys, "simulate", "student", "--episodes", "1")


def test_problems_lists_and_shows_the_published_answers(capsys):
    assert all(name in out(capsys, "problems") for name in mdp.problems.PROBLEMS)
    assert "8.4 is a slip" in out(capsys, "problems", "student")
    result = json.loads(out(capsys, "problems", "student", "--json"))
    assert result["published"][2]["wrong"] == {"C3/pub": "9.4"}
    assert json.loads(out(capsys, "problems", "--json"))["gridworld"]["states"] == 25


def test_the_demo_finds_every_number_and_draws(capsys, tmp_path):
    pytest.importorskip("matplotlib")
    text = out(capsys, "demo", "--out", str(tmp_path / "new" / "folder"))
    assert "every number agrees" in text and "DISAGREE" not in text and "(8.4 is a slip" in text
    pictures = sorted(p.name for p in (tmp_path / "new" / "folder").iterdir())
    assert pictures == ["bounds.png", "gains.png", "gridworld.png", "gridworld_4x4.png",
                        "russell_norvig.png", "student.png", "tiger.png"]
    assert all((tmp_path / "new" / "folder" / name).read_bytes()[:4] == b"\x89PNG"
               for name in pictures)
    result = json.loads(out(capsys, "demo", "--no-pictures", "--json"))
    assert result["good"]
    assert all(p["disagree"] == 0 for problem in result["problems"].values()
               for p in problem["published"])


def test_the_demo_fails_when_a_published_number_is_not_met(capsys, monkeypatch):
    from mdp.problems import PROBLEMS, Published
    wrong = Published("v*", "1", {"FB": "7"}, "nowhere")
    monkeypatch.setitem(PROBLEMS, "student", PROBLEMS["student"]._replace(published=[wrong]))
    text = out(capsys, "demo", "--no-pictures", status=1)
    assert "DISAGREES" in text and "SOMETHING DISAGREES" in text


BAD = {
    "unknown name": (["solve", "teacher"], "'teacher' is neither a file nor an example"),
    "gamma": (["solve", "student", "--gamma", "1.2"], "gamma is 1.2, outside [0, 1]"),
    "gamma text": (["solve", "student", "--gamma", "much"], "gamma must be a number"),
    "method": (["solve", "student", "--method", "value_iteration"], "policy_iteration"),
    "unknown method": (["solve", "student", "--method", "guess"], "method must be auto or one of"),
    "criterion": (["solve", "student", "--criterion", "constrained"], "invalid choice"),
    "horizon": (["solve", "student", "--horizon", "-3"], "horizon must be an integer >= 0"),
    "no horizon": (["solve", "student", "--criterion", "finite_horizon"], "needs --horizon"),
    "tol": (["solve", "student", "--tol", "0"], "tol must be a positive number"),
    "enumeration": (["solve", "gridworld", "--method", "enumerate_policies"],
                    "above its limit of 65536"),
    "policy": (["evaluate", "student", "--policy", "lazy"],
               "neither uniform, nor optimal, nor a file"),
    "no start": (["simulate", "gridworld", "--horizon", "3"], "no first state"),
    "start": (["simulate", "student", "--start", "C9"], "'C9' is not a state"),
    "needs horizon": (["simulate", "gridworld", "--start", "(0, 0)"], "horizon is needed"),
    "episodes": (["simulate", "student", "--episodes", "0"], "--episodes must be an integer >= 1"),
    "show": (["simulate", "student", "--show", "-1"], "--show must be an integer >= 0, is -1"),
    "exact tol": (["solve", "student", "--exact", "--tol", "1e-3"],
                  "no tolerance: leave out --method, --max-iterations and --tol"),
    "negative gamma": (["solve", "student", "--gamma", "-0.1"], "gamma is -0.1, outside [0, 1]"),
    "cap": (["solve", "gridworld", "--method", "gauss_seidel", "--max-iterations", "-2"],
            "max_iterations must be an integer >= 1, is -2"),
    "miss without goal": (["solve", "student", "--miss", "inf"], "miss belongs to goal="),
    "goal of averages": (["solve", "student", "--exact", "--criterion", "average", "--goal", "C1"],
                         'goal belongs to criterion "total"'),
    "no certificate": (["verify", "student", "nowhere.json"], "No such file"),
    "certificate folder": (["solve", "student", "--exact", "--certificate", "/nonexistent/c.json"],
                           "/nonexistent"),
    "convert to": (["convert", "student", "out"], "unknown ending ''"),
    "no fractions": (["solve", "car_rental", "--exact"], "has no common denominator up to 10000"),
    "seed": (["simulate", "student", "--seed", "-1"], "--seed must be"),
    "problem": (["problems", "teacher"], "'teacher' is not an example"),
    "write": (["problems", "--write", "x.json"], "--write needs the NAME"),
    "folder": (["problems", "student", "--write", "/nonexistent/x.json"], "/nonexistent"),
    "command": (["win"], "invalid choice"),
    "no value": (["evaluate", "student", "--policy=--"], "--policy=--: -- is no value"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_gets_one_line_and_exit_status_2(capsys, name):
    argv, message = BAD[name]
    assert message in refused(capsys, *argv)


BAD_POLICY_FILES = {
    "{": "not JSON", '"study"': "must be an object", "[7]": "must be an object",
    '{"C9": "study"}': "'C9' is not a state",
    '{"C1": "nap"}': "'nap' (state 'C1') is not an action",
    '{"C1": {"study": "all"}}': "not a number", '{"C1": "study"}': "state 0 ('FB') sum to 0",
                    '{"C1": "pub"}': "the action is not available",
}


@pytest.mark.parametrize("text", BAD_POLICY_FILES)
def test_a_bad_policy_file_gets_one_line(capsys, tmp_path, text):
    path = tmp_path / "pi.json"
    path.write_text(text)
    assert BAD_POLICY_FILES[text] in refused(capsys, "evaluate", "student", "--policy", str(path))


def test_a_bad_process_file_gets_one_line(capsys, tmp_path):
    path = tmp_path / "bad.json"
    path.write_text('{"format": "mdp", "version": 1, "gamma": 0.9, '
                    '"states": {"a": {"go": [[0.999, "a", 1]]}}}')
    assert "sum to 0.999, not to 1" in refused(capsys, "solve", str(path))
    assert "directory" in refused(capsys, "solve", str(tmp_path)).lower()


def test_infinite_rewards_are_printed_and_undefined_ones_are_one_line(capsys, tmp_path):
    path = tmp_path / "rich.json"
    head = '{"format": "mdp", "version": 1, "gamma": 1, "states": '
    mine = '{"dig": [[1, "mine", 1]], "go": [[1, "home", 0]]}'
    path.write_text(f'{head}{{"mine": {mine}, "home": {{}}}}}}')
    result = json.loads(out(capsys, "solve", str(path), "--json"))
    assert result["converged"] and result["v"] == {"mine": "inf", "home": 0.0}
    assert result["policy"]["mine"] == "dig"
    assert " inf" in out(capsys, "solve", str(path))
    path.write_text(f'{head}{{"mine": {{"dig": [["1/2", "mine", 1], ["1/2", "mine", -1]]}}}}}}')
    assert ("total reward is undefined (positive and negative parts are both infinite): a policy "
            "may stay for ever in state 0 ('mine')") in refused(capsys, "solve", str(path))


# what was verified

def certificate(tmp_path, m, name="c.json", **options):
    path = tmp_path / name
    path.write_text(json.dumps(mdp.solve_exact(m, **options).certificate))
    return str(path)


SAID = [
    ({"goal": [3]}, "total, rewards maximised, goal C3, missing it is worth -inf: v -4 in C1"),
    ({"goal": [3], "miss": float("inf")}, "goal C3, missing it is worth inf: v inf in C1"),
    ({"minimize": True, "goal": [3, 4]},
     "costs minimised, goal C3, Sleep, missing it is worth inf: v "),
    ({"criterion": "average"}, "average, rewards maximised: gain 0 in C1"),
    ({}, "total, rewards maximised: v 6 in C1")]


def test_verify_says_what_was_verified(capsys, tmp_path):
    """Two steps from C1, in which -1 is lost at best, and the terminal values are added to that."""
    m = mdp.problems.student()
    zero = out(capsys, "verify", "student", certificate(tmp_path, m, horizon=2))
    rich = out(capsys, "verify", "student", certificate(tmp_path, m, horizon=2,
                                                        terminal_values=[1000] * 5))
    assert zero.startswith("verified: finite_horizon, rewards maximised, gamma 1, horizon 2, "
                           "terminal values 0: v -1 in C1, the first state; 5 states")
    assert "terminal values 1000 (sha256 " in rich and ": v 999 in C1" in rich
    path = certificate(tmp_path, m, horizon=2, terminal_values=["1/2", 0, 0, 0, -3])
    assert "terminal values -3 to 1/2 (sha256 " in out(capsys, "verify", "student", path)
    said = json.loads(out(capsys, "verify", "student", path, "--json"))
    assert said["terminal_values"] == {"FB": "1/2", "C1": "0", "C2": "0", "C3": "0", "Sleep": "-3"}
    assert said["horizon"] == 2
    for options, words in SAID:
        path = certificate(tmp_path, m, **options)
        assert words in out(capsys, "verify", "student", path)
        said = json.loads(out(capsys, "verify", "student", path, "--json"))
        assert said["minimize"] is options.get("minimize", False)
        assert said["goal"] == ([["FB", "C1", "C2", "C3", "Sleep"][s] for s in options["goal"]]
                                if "goal" in options else None)
    grid = certificate(tmp_path, mdp.problems.gridworld())
    said = out(capsys, "verify", "gridworld", grid)
    assert "discounted, rewards maximised, gamma 9/10: v 4782969/409510 to 1000000/40951;" in said
    each = mdp.MDP.from_dict({"a": {"x": [(1, "a", 1)]}, "b": {"x": [(1, "b", 1)]}},
                             {"a": {"x": "1/2"}, "b": {"x": "9/10"}})
    mdp.save(each, tmp_path / "each.json")
    said = out(capsys, "verify", str(tmp_path / "each.json"), certificate(tmp_path, each))
    assert "gamma of pairs 1/2 to 9/10: v 2 to 10" in said


def test_long_goals_are_told_apart(capsys, tmp_path):
    """Two goals of eight states, the same values, and the first six names alike."""
    m = mdp.MDP.from_dict({**{i: {"a": [(1, i, 0)]} for i in range(9)}, 9: {"a": [(1, 0, 5)]}}, 1,
                          initial=9)
    mdp.save(m, tmp_path / "m.json")
    paths = [certificate(tmp_path, m, f"{last}.json", goal=[0, 1, 2, 3, 4, 5, 6, last])
             for last in (7, 8)]
    said = {out(capsys, "verify", str(tmp_path / "m.json"), path).partition(";")[0]
            for path in paths}
    assert len(said) == 2
    assert all("goal 0, 1, 2, 3, 4, 5 and 2 more (sha256 " in text for text in said)


def test_a_rejected_certificate_says_why(capsys, tmp_path):
    path = certificate(tmp_path, mdp.problems.student(), goal=[3])
    c = json.loads(Path(path).read_text())
    for change, reason in (({"goal": 0}, "of another form than a certificate: goal, miss"),
                           ({"version": 2.0}, "of another form than a certificate: version"),
                           ({"\x1b[2J": 1}, r"of another form than a certificate: \x1b[2J"),
                           ({"slack": [0] * 8}, "a statement in it is false"),
                           ({"version": "\x1b" * 99}, r"it is of version '\x1b"),
                           ({"model": "0"}, "it is about another process")):
        Path(path).write_text(json.dumps({**c, **change}))
        text = out(capsys, "verify", "student", path, status=1)
        assert text.startswith("REJECTED: " + reason) and len(text) < 200
        assert json.loads(out(capsys, "verify", "student", path, "--json",
                              status=1))["reason"].startswith(reason)


BAD_JSON = {"twice": ('{"num": ["0x1"], "num": ["0x2"]}', "key 'num' appears twice in one object"),
            "deep": ("[" * 200_000, "nested too deeply"), "nan": ('{"v": NaN}', "NaN is no number"),
            "not": ("{", "not JSON"), "bytes": ("\udcff", "not JSON")}


@pytest.mark.parametrize("name", BAD_JSON)
def test_json_of_others_is_read_strictly(capsys, tmp_path, name):
    text, message = BAD_JSON[name]
    path = tmp_path / "x.json"
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    for verb in (["verify", "student", str(path)], ["evaluate", "student", "--policy", str(path)],
                 ["simulate", "student", "--policy", str(path)]):
        error = refused(capsys, *verb)
        assert message in error and str(path) in error


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_refused_before_anybody_waits_for_it(capsys, tmp_path):
    os.mkfifo(tmp_path / "x.json")
    for verb in (["solve"], ["verify", "student"], ["evaluate", "student", "--policy"]):
        assert "x.json: is not a file" in refused(capsys, *verb, str(tmp_path / "x.json"))


def test_without_a_step_nothing_is_chosen_and_nothing_has_ended(capsys):
    """The student with no steps to go: all values are 0, and only Sleep is an end."""
    for exact in ([], ["--exact"]):
        text = out(capsys, "solve", "student", "--horizon", "0", *exact)
        assert text.count("(terminal)") == 1 and "(goal)" not in text
        assert [line.split()[1] for line in text.splitlines()[-5:]] == ["0"] * 5


# policies from one command to the next

def test_what_solve_prints_is_a_policy_for_evaluate_and_simulate(capsys, tmp_path):
    """Every criterion, floats and fractions, whole or the policy alone; the value is solve's."""
    path = tmp_path / "pi.json"
    for question in (["--gamma", "9/10"], [], ["--criterion", "average"], ["--goal", "Sleep"],
                     ["--horizon", "3"], ["--horizon", "0"], ["--minimize", "--horizon", "2"]):
        gamma = question if "--gamma" in question else []
        for exact in ([], ["--exact"]):
            solved = json.loads(out(capsys, "solve", "student", *question, *exact, "--json"))
            for content in (solved, solved["policy"]):
                path.write_text(json.dumps(content))
                found = json.loads(out(capsys, "evaluate", "student", "--policy", str(path), *gamma,
                                       "--json"))
                fractions = json.loads(out(capsys, "evaluate", "student", "--policy", str(path),
                                           *gamma, "--json", "--exact"))
                simulated = json.loads(out(capsys, "simulate", "student", "--policy", str(path),
                                           *gamma, "--json", "--episodes", "50"))
                # a goal at the end changes nothing
                if "v" in solved and solved["criterion"] != "average":
                    for s, x in solved["v"].items():
                        assert found["v"][s] == pytest.approx(float(Fraction(x)))
                        assert fractions["v"][s] == str(Fraction(x).limit_denominator(1000))
                    assert simulated["exact_mean_return"] == pytest.approx(found["v"]["C1"])
    assert "3 steps" in out(capsys, "solve", "student", "--horizon", "3")
    path.write_text(out(capsys, "solve", "student", "--horizon", "2", "--json"))
    mine = ["student", "--policy", str(path)]
    assert "2 steps, proved to" in out(capsys, "evaluate", *mine)
    assert "2 steps, exactly" in out(capsys, "evaluate", *mine, "--exact")
    assert "exact -1" in out(capsys, "simulate", *mine, "--horizon", "1")
    path.write_text('{"C1": null}')
    assert "'C1' must be an action or probabilities, is null" in refused(capsys, "evaluate", *mine)


def test_a_state_may_be_called_policy(capsys, tmp_path):
    m = mdp.MDP.from_dict({"policy": {"criterion": [(1, "criterion", 1)]},
                           "criterion": {"policy": [(1, "criterion", 0)]}}, "1/2")
    mdp.save(m, tmp_path / "m.json")
    (tmp_path / "pi.json").write_text('{"policy": "criterion", "criterion": "policy"}')
    argv = ["evaluate", str(tmp_path / "m.json"), "--policy", str(tmp_path / "pi.json"), "--json"]
    assert json.loads(out(capsys, *argv))["v"] == {"policy": 1.0, "criterion": 0.0}


def test_a_discount_that_would_be_ignored_is_refused_or_said(capsys, tmp_path):
    words = "asks for rewards that are not discounted: leave out --gamma 0.5"
    half = ["solve", "student", "--gamma", "0.5"]
    assert f"--goal {words}" in refused(capsys, *half, "--goal", "C3")
    for criterion in ("total", "average"):
        for exact in ([], ["--exact"]):
            line = refused(capsys, *half, "--criterion", criterion, *exact)
            assert f"--criterion {criterion} {words}" in line
    goal = ["solve", "gridworld", "--goal", "(0, 1)"]
    for exact in ([], ["--exact"]):
        assert "total (its gamma 0.9 is not used)" in out(capsys, *goal, *exact)
    assert json.loads(out(capsys, *goal, "--json"))["gamma"] == 1
    average = out(capsys, "solve", "gridworld", "--criterion", "average", "--json")
    assert json.loads(average)["gamma"] is None


def test_an_infinite_total_names_the_average(capsys):
    for exact in ([], ["--exact"]):
        assert "--criterion average" in out(capsys, "solve", "forest", "--gamma", "1", *exact)
        assert "--criterion average" not in out(capsys, "solve", "student", *exact)
        assert "--criterion average" not in out(capsys, "solve", "student", "--goal", "FB", *exact)


def test_an_error_without_a_bound_is_no_proof(capsys, monkeypatch):
    """nan is no number that anything was proved to."""
    from mdp.commands import evaluate as cli
    real = cli.evaluate

    def spoil(m, policy):
        return dataclasses.replace(real(m, policy), error=np.full(5, np.nan))
    monkeypatch.setattr(cli, "evaluate", spoil)
    assert main(["evaluate", "student"]) == 1
    captured = capsys.readouterr()
    assert "not proved" in captured.out and "nan" not in captured.out
    assert captured.err == "mdp: no bound of the error could be proved\n"


# outputs

@pytest.mark.parametrize("name", ["m.json", "m.npz", "m.tra", "m.drn", "m.mdp"])
def test_no_command_writes_over_its_input_or_over_what_exists(capsys, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    out(capsys, "convert", "gridworld", name)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    for target in before:                              # .tra files are read with what lies beside
        for force in ([], ["--force"]):
            assert "is read by this command" in refused(capsys, "solve", name, "--exact",
                                                        "--certificate", target, *force)
    for force in ([], ["--force"]):
        assert "is read by this command" in refused(capsys, "convert", name, name, *force)
    assert "--force replaces it" in refused(capsys, "convert", "gridworld", name)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    if name != "m.tra":
        Path("link").symlink_to(name)
        assert "is read by this command" in refused(capsys, "solve", name, "--exact",
                                                    "--certificate", "link", "--force")
    Path("other").mkdir()
    for path in before:
        Path("other", path).write_bytes(b"PK\3\4 something else\0")
    assert "not even --force replaces it" in refused(capsys, "convert", name, f"other/{name}",
                                                     "--force")
    Path("again").mkdir()
    out(capsys, "convert", name, f"again/{name}")
    out(capsys, "convert", name, f"again/{name}", "--force")


def test_every_verb_that_writes_keeps_what_exists(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("x.json").write_text("mine")
    certify = ["solve", "student", "--exact", "--certificate"]
    for argv in (["problems", "student", "--write", "x.json"], [*certify, "x.json"],
                 ["convert", "student", "x.json"]):
        assert "x.json exists" in refused(capsys, *argv)
        assert "not even --force" in refused(capsys, *argv, "--force")
        assert Path("x.json").read_text() == "mine"
    for argv in (["problems", "student", "--write", "y.json"], [*certify, "z.json"]):
        out(capsys, *argv)
        out(capsys, *argv, "--force")
    # y.json is a process, and no certificate
    assert "not even --force" in refused(capsys, *certify, "y.json", "--force")


def test_the_demo_keeps_pictures_that_exist(capsys, tmp_path):
    pytest.importorskip("matplotlib")
    (tmp_path / "tiger.png").write_bytes(b"\x89PNG\r\n\x1a\n mine")
    assert "tiger.png exists: --force replaces it" in refused(capsys, "demo", "--out",
                                                              str(tmp_path))
    (tmp_path / "gains.png").write_text("a text")
    assert "gains.png exists and is not a PNG picture" in refused(capsys, "demo", "--out",
                                                                  str(tmp_path), "--force")


# sizes

@pytest.mark.parametrize("argv, words", [
    (["solve", "forest", "--horizon", "100000000000"],
     "--horizon 100000000000: 100000000000 steps of 3 states"),
    (["solve", "student", "--exact", "--horizon", "9" * 30], "--horizon " + "9" * 30),
    (["simulate", "student", "--episodes", "100000000000"], "--episodes 100000000000"),
    (["simulate", "gridworld", "--start", "(0, 0)", "--horizon", "9" * 25],
     "of --horizon " + "9" * 25)],
    ids=["floats", "exact", "episodes", "steps"])
def test_what_does_not_fit_in_memory_is_refused_before_work(capsys, argv, words):
    """The line names the option and both sizes: 144 bytes for a step of 3 states, 1e11 steps."""
    line = refused(capsys, *argv)
    assert words in line and "of memory, and" in line
    assert argv[1] != "forest" or "13.1 TiB" in line


# names

EVIL = ["\x1b[2J\x07", "$x_{$", "a\u202eb", "_hidden", "line\nbreak", "\udc80", "\\frac{$", ""]


def test_names_reach_the_terminal_without_their_escapes(capsys, tmp_path):
    """Names in a file are somebody else's: nothing in them moves the cursor, in no verb."""
    names = [*EVIL, "end"]
    m = mdp.MDP.from_dict({s: {s: [(1, names[i + 1], -1)]} if i + 1 < len(names) else {}
                           for i, s in enumerate(names)}, 1, initial=names[0])
    path = tmp_path / "m.npz"
    mdp.write(m, path)
    for argv in (["solve"], ["solve", "--exact"], ["solve", "--goal", EVIL[2]],
                 ["solve", "--horizon", "2"], ["solve", "--criterion", "average"], ["evaluate"],
                 ["evaluate", "--exact"], ["simulate"], ["simulate", "--start", EVIL[0]]):
        text = out(capsys, argv[0], str(path), *argv[1:])
        assert all(c.isprintable() or c == "\n" for c in text) and "\\x1b[2J\\x07" in text
        json.loads(out(capsys, argv[0], str(path), *argv[1:], "--json"))
    c = certificate(tmp_path, m, goal=[0, 8])
    assert r"goal \x1b[2J\x07, end" in out(capsys, "verify", str(path), c)
    red = "\x1b[1m"
    for argv in (["solve", str(path), "--goal", red], ["simulate", str(path), "--start", red],
                 ["solve", red], ["convert", str(path), red + "/x.json"]):
        assert "\x1b" not in refused(capsys, *argv)


# any command line

ODD = ["", "0", "1", "-1", "3", "2.5", "nan", "inf", "-inf", "1e400", "1e-400", "9/10", "1/0",
       "9" * 30, "\u0661", "\u00b2", "--", "\0", ".", "/nonexistent/x.json", "x.json",
       "\udc80", "\x1b[2J", "{}", "C1", "C3", "(0, 0)", "uniform", "optimal", "auto", "total",
       "average", "discounted", "value_iteration", "-"]
MODELS = ["student", "gridworld", "m.json", "m.tra", "m.npz", "m.drn", "cut.npz", "c.json",
          "pi.json", "nowhere", ""]
OPTIONS = {
    "solve": ["--criterion", "--horizon", "--goal", "--miss", "--max-iterations", "--method",
              "--tol", "--minimize", "--exact", "--certificate", "--json", "--gamma", "--reward",
              "--normalize", "--normalise", "--force"],
    "verify": ["--json", "--gamma", "--reward"], "convert": ["--choices", "--force", "--gamma"],
    "evaluate": ["--policy", "--exact", "--json", "--gamma"],
    "simulate": ["--policy", "--episodes", "--horizon", "--start", "--seed", "--show", "--json",
                 "--gamma"], "problems": ["--write", "--json", "--force"]}
FLAGS = {"--minimize", "--exact", "--json", "--normalize", "--normalise", "--force",
         "--choices"}
GOOD = {"--criterion": ["total", "average", "discounted", "finite_horizon"],
        "--horizon": ["0", "1", "4"], "--goal": ["C3", "(0, 0)"], "--miss": ["inf", "-inf"],
        "--gamma": ["0.5", "1", "9/10", "1e-400"], "--tol": ["1e-3", "1e-12"],
        "--policy": ["uniform", "optimal", "pi.json", "c.json", "steps.json", "cut.npz"],
        "--episodes": ["1", "9"], "--start": ["C1", "(0, 0)"], "--write": ["w.json", "m.json"],
        "--certificate": ["new.json", "c.json", "m.json"]}


def random_command(rng):
    pick = lambda values: values[rng.integers(len(values))]              # noqa: E731
    verb = pick(list(OPTIONS))
    argv = [verb, pick(MODELS if rng.random() < .9 else ODD)]
    if verb in ("verify", "convert"):
        argv.append(pick(["c.json", "pi.json", "m.json", "out.json", "out.tra", "out.drn",
                          "out.npz", "out.mdp"] + (ODD if rng.random() < .2 else [])))
    for option in rng.choice(OPTIONS[verb], rng.integers(0, 4), replace=False).tolist():
        value = pick(GOOD[option] if option in GOOD and rng.random() < .6 else ODD)
        joined = [f"{option}={value}"] if rng.random() < .5 else [option, value]
        argv += [option] if option in FLAGS else joined
    return argv


@pytest.fixture
def furnished(tmp_path, monkeypatch, capsys):
    """A folder with a process in four forms, a certificate, policies, and a damaged file."""
    monkeypatch.chdir(tmp_path)
    for name in ("m.json", "m.npz", "m.tra", "m.drn"):
        mdp.write(mdp.problems.student(), name)
    Path("cut.npz").write_bytes(Path("m.npz").read_bytes()[:-90])
    certificate(tmp_path, mdp.problems.student())
    for name, more in (("pi.json", []), ("steps.json", ["--horizon", "2"])):
        Path(name).write_text(out(capsys, "solve", "student", "--json", *more))
    return {path.name: path.read_bytes() for path in tmp_path.iterdir()}


@pytest.mark.parametrize("seed", range(6))
def test_no_command_line_ends_in_a_traceback(furnished, capsys, recwarn, seed):
    """Random verbs, options and values: status 0, 1 or 2; bad input is one line. Inputs stay."""
    rng, seen = np.random.default_rng(seed), set()
    for _ in range(60):
        argv = random_command(rng)
        try:
            status = main(argv)
        except SystemExit as exit_:
            status = exit_.code
        captured = capsys.readouterr()
        assert status in (0, 1, 2), argv
        assert status != 2 or captured.err.count("\n") == 1, (argv, captured.err)
        assert "Traceback" not in captured.err
        assert all(c.isprintable() or c == "\n" for c in captured.err + captured.out), argv
        if status < 2 and "--json" in argv:
            json.loads(captured.out)
        assert not recwarn.list, (argv, [str(w.message) for w in recwarn.list])
        seen.add(status)
    assert seen >= {0, 2}
    written = {"c.json", "m.json"}                     # with --force it is asked for
    assert all(Path(name).read_bytes() == content for name, content in furnished.items()
               if name not in written)


# importing, and pictures

def test_importing_compiles_nothing_and_loads_no_plots():
    code = ("import sys, mdp; from npixel.runtime import kernels;"
            "assert 'matplotlib' not in sys.modules and 'torch' not in sys.modules;"
            "assert all(not getattr(p.compiled, 'signatures', ()) for p in kernels.PAIRS);"
            "print(len(kernels.PAIRS))")
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def test_without_matplotlib_the_line_names_the_extra(capsys, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert "pip install 'npixel[demo]'" in refused(capsys, "demo", "--out", str(tmp_path / "x"))


def blind(m):
    """A POMDP in which nothing is ever seen."""
    S, A = m.num_states, m.num_actions
    return mdp.POMDP(m, (((1,),) * S,) * A, ((0,) * A,) * S, (1,) + (0,) * (S - 1), ("nothing",))


def test_pictures_refuse_what_they_cannot_show():
    pytest.importorskip("matplotlib")
    m = mdp.problems.student()
    with pytest.raises(ValueError, match="named \\(row, column\\)"):
        plots.value_map(m, [("v", np.zeros(5), None)])
    with pytest.raises(ValueError, match="at most 20 states, this process has 25"):
        plots.transition_graph(mdp.problems.gridworld())
    s = mdp.solve(mdp.problems.gridworld(), method="value_iteration")
    with pytest.raises(ValueError, match="at most 5 curves, got 6"):
        plots.convergence({i: s for i in range(6)})
    three = blind(mdp.problems.taxicab())
    with pytest.raises(ValueError, match="draws processes of two states, this one has 3"):
        plots.beliefs(three, {})


def test_pictures_show_the_numbers_they_are_given():
    """The curves end where the answers are.

    Bounds end at the last width, gains at the gains, and the value over the belief is right at its
    ends and in the middle.
    """
    pytest.importorskip("matplotlib")
    m = mdp.problems.taxicab()
    average = mdp.solve(m, criterion="average")
    curves = [line.get_ydata() for line in plots.gains([("", m, average)]).axes[0].lines
              if len(line.get_ydata()) == 40]
    assert len(curves) == 3
    assert all(abs(y[-1] - g - h / 1000) < 1e-2
               for y, g, h in zip(curves, average.gain, average.bias))
    s = mdp.solve(mdp.problems.gridworld(), method="value_iteration")
    assert plots.convergence({"one": s}).axes[0].lines[0].get_ydata()[-1] == s.history[-1]
    tiger = mdp.problems.tiger()
    bold = np.array([line.get_ydata()
                     for line in plots.beliefs(tiger, {2: tiger.solve(2)[2]}).axes[0].lines
                     if line.get_linewidth() > 2])
    assert np.nanmax(bold, axis=0)[[0, 200, 400]] == pytest.approx([9.05, -1.95, 9.05])


def test_names_that_are_one_text_are_refused(capsys, tmp_path):
    """A file may hold the number 1 and the text "1": what is said of one would be about both."""
    for m, kind in ((mdp.MDP.from_dict({1: {"a": [(1, "1", 1)]}, "1": {}}, 1), "states"),
                    (mdp.MDP.from_dict({"s": {1: [(1, "s", 1)], "1": [(1, "s", 2)]}}, 0.5),
                     "actions")):
        mdp.write(m, tmp_path / "m.npz")
        assert f"two {kind} have the same name as text" in refused(capsys, "solve",
                                                                   str(tmp_path / "m.npz"))


def test_pictures_draw_names_letter_by_letter(tmp_path):
    """A dollar begins no formula, an underscore hides no line from a legend."""
    pytest.importorskip("matplotlib")
    names = EVIL[:5]
    m = mdp.MDP.from_dict({s: {s + "!": [("1/2", s, 1), ("1/2", names[0], 0)]} for s in names}, 1)
    average = mdp.solve(m, criterion="average")
    plots.save(plots.transition_graph(m, solution=mdp.solve(m.replace(gamma=0.5))),
               tmp_path / "graph.png")
    fig = plots.gains([("one", m, average)])
    plots.save(fig, tmp_path / "gains.png")
    assert len(fig.axes[0].get_legend().get_texts()) == 5
    fig = plots.convergence({"$x_{$": mdp.solve(m.replace(gamma=0.5), method="value_iteration")})
    plots.save(fig, tmp_path / "$x_{$.png")
    assert plots.label("a$b") == "a\\$b" and plots.label("_a") == " _a"
    grid = {(0, s): {"$x_{$": [(1, (0, 0), s)]} for s in range(2)}
    grid = mdp.MDP.from_dict(grid, "1/2")
    plots.save(plots.value_map(grid, [("v", np.zeros(2), mdp.solve(grid))]), tmp_path / "grid.png")
    odd = mdp.MDP.from_dict({s: {"$a_{$": [(1, s, 1)]} for s in ("$x_{$", "_y")}, 0.5)
    fig = plots.beliefs(blind(odd), {1: blind(odd).solve(1)[1]})
    plots.save(fig, tmp_path / "beliefs.png")
    assert sorted(path.name for path in tmp_path.iterdir())[0] == "$x_{$.png"


def test_the_transition_graph_places_states_by_itself():
    pytest.importorskip("matplotlib")
    fig = plots.transition_graph(mdp.problems.student())
    labels = {text.get_text() for text in fig.axes[0].texts}
    assert {"FB", "C1", "C2", "C3", "Sleep", "0.2", "0.4", "pub\nr = 1"} <= labels
