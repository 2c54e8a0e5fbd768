"""The command line `mdp`: what it prints, what it refuses, its exit status; and the pictures."""

import dataclasses
import json
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
    assert result["converged"] and result["v"]["C3"] == pytest.approx(10) and result["policy"]["C1"] == "study" and result["policy"]["Sleep"] is None
    assert result["lower"]["FB"] <= 6 <= result["upper"]["FB"]
    text = out(capsys, "solve", "gridworld")
    assert "24.4194" in text and ("↑↓→←" in text or "^v><" in text)


def test_a_file_of_ones_own_is_solved_with_another_gamma(capsys, tmp_path):
    path = str(tmp_path / "mine.json")
    out(capsys, "problems", "student", "--write", path)
    result = json.loads(out(capsys, "solve", path, "--gamma", "0.9", "--json"))
    assert result["gamma"] == 0.9 and result["v"]["FB"] == pytest.approx(3.87) and result["criterion"] == "discounted"
    same = json.loads(out(capsys, "solve", "student", "--gamma", "9/10", "--method", "value_iteration", "--json"))
    assert same["v"]["FB"] == pytest.approx(3.87) and same["method"] == "value_iteration"
    grid = str(tmp_path / "grid.json")
    out(capsys, "problems", "gridworld", "--write", grid)
    assert "24.4194" in out(capsys, "solve", grid)                       # still a grid, by the names of its states


def test_a_finite_horizon_has_one_policy_per_step(capsys):
    result = json.loads(out(capsys, "solve", "student", "--horizon", "2", "--json"))
    assert result["criterion"] == "finite_horizon" and len(result["policy"]) == 2 and result["v"]["C2"] == pytest.approx(8)
    assert "2 steps" in out(capsys, "solve", "gridworld", "--horizon", "2")
    out(capsys, "solve", "student", "--horizon", "0")


def test_goals_and_the_average_reward(capsys):
    result = json.loads(out(capsys, "solve", "student", "--goal", "C3", "--json"))
    assert result["v"]["C1"] == pytest.approx(-4) and result["v"]["C3"] == 0
    assert json.loads(out(capsys, "solve", "student", "--goal", "FB", "--json"))["v"]["Sleep"] == "-inf"
    assert "'C9' is not a state" in refused(capsys, "solve", "student", "--goal", "C9")
    result = json.loads(out(capsys, "solve", "gridworld", "--criterion", "average", "--json"))
    assert result["v"]["(4, 4)"] == pytest.approx(2) and set(result["bias"]) == set(result["v"])
    assert "gain" in out(capsys, "solve", "student", "--criterion", "average")


def test_a_cap_on_sweeps_is_said_and_leaves_valid_bounds(capsys):
    result = json.loads(out(capsys, "solve", "gridworld", "--method", "gauss_seidel", "--max-iterations", "3", "--json", status=1))
    assert result["iterations"] == 3 and not result["converged"] and result["lower"]["(0, 1)"] <= 1000000 / 40951 <= result["upper"]["(0, 1)"]


@pytest.mark.parametrize("minimize", [[], ["--minimize"]])
@pytest.mark.parametrize("criterion", [["discounted", "--gamma", "0.9"], ["total"], ["total", "--goal", "C3"], ["total", "--goal", "C3", "--miss", "inf"], ["finite_horizon", "--horizon", "3"],
                                       ["average"]], ids=" ".join)
def test_every_criterion_in_floats_and_in_fractions_with_a_certificate_that_verifies(capsys, tmp_path, criterion, minimize):
    question, path = ["student", "--criterion", *criterion, *minimize], str(tmp_path / "c.json")
    floats = json.loads(out(capsys, "solve", *question, "--json"))
    exact = json.loads(out(capsys, "solve", *question, "--exact", "--certificate", path, "--json"))
    number = lambda x: float(x) if "inf" in str(x) else Fraction(x)      # noqa: E731
    key = "gain" if criterion == ["average"] else "v"
    assert floats["converged"] and all(number(floats["lower"][s]) <= number(x) <= number(floats["upper"][s]) for s, x in exact[key].items())
    gamma = ["--gamma", "0.9"] if "discounted" in criterion else []
    assert "verified" in out(capsys, "verify", "student", path, *gamma)
    assert "optimal actions" in out(capsys, "solve", *question, "--exact") and "action" in out(capsys, "solve", *question)
    other = json.loads(Path(path).read_text())
    Path(path).write_text(json.dumps({**other, "version": 1}))
    assert "REJECTED: it is of version 1, this program checks 2" in out(capsys, "verify", "student", path, *gamma, status=1)


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
    assert result["v"]["(0, 0)"] == pytest.approx(-10)                   # bump into the wall for ever


def test_a_solution_that_did_not_converge_exits_with_status_1(capsys):
    assert main(["solve", "gridworld", "--tol", "1e-18"]) == 1
    captured = capsys.readouterr()
    assert "not converged" in captured.out and captured.err.count("\n") == 1 and "they are valid" in captured.err
    result = json.loads(out(capsys, "solve", "gridworld", "--tol", "1e-18", "--json", status=1))
    assert result["converged"] is False and result["lower"]["(0, 1)"] <= 1000000 / 40951 <= result["upper"]["(0, 1)"]


def test_evaluate_reads_a_policy(capsys, tmp_path):
    text = out(capsys, "evaluate", "student")
    assert "-2.30769" in text and "visits" in text
    result = json.loads(out(capsys, "evaluate", "student", "--policy", "optimal", "--json"))
    assert result["v"]["C1"] == pytest.approx(6) and result["initial_mean"] == pytest.approx(6) and result["occupancy"]["C2"]["study"] == pytest.approx(1)
    path = tmp_path / "pi.json"
    path.write_text(json.dumps({"FB": "quit", "C1": "study", "C2": "sleep", "C3": {"pub": 0.5, "study": 0.5}}))
    result = json.loads(out(capsys, "evaluate", "student", "--policy", str(path), "--json"))
    assert result["v"]["C1"] == pytest.approx(-2)
    assert "initial_mean" not in json.loads(out(capsys, "evaluate", "gridworld", "--json"))


def test_evaluate_in_fractions(capsys, tmp_path):
    result = json.loads(out(capsys, "evaluate", "student", "--exact", "--json"))
    assert result["v"] == {"FB": "-30/13", "C1": "-17/13", "C2": "35/13", "C3": "96/13", "Sleep": "0"}
    assert "96/13" in out(capsys, "evaluate", "student", "--exact")
    assert json.loads(out(capsys, "evaluate", "student", "--exact", "--policy", "optimal", "--json"))["v"]["C3"] == "10"
    path = tmp_path / "pi.json"
    path.write_text(json.dumps({"FB": "quit", "C1": "study", "C2": "sleep", "C3": {"pub": 2 ** -.5, "study": 1 - 2 ** -.5}}))
    assert "the probabilities in state 3 ('C3') have no common denominator up to 10000" in refused(capsys, "evaluate", "student", "--exact", "--policy", str(path))


def test_simulate_prints_episodes_and_the_exact_mean(capsys):
    text = out(capsys, "simulate", "student", "--seed", "1")
    assert "C1 -" in text and "exact -1.30769" in text
    result = json.loads(out(capsys, "simulate", "gridworld", "--start", "(0, 1)", "--horizon", "30", "--episodes", "400", "--json", "--show", "1"))
    assert abs(result["mean_return"] - result["exact_mean_return"]) < 5 * result["standard_error"]
    assert result["trajectories"][0]["states"][0] == "(0, 1)" and len(result["trajectories"]) == 1
    assert json.loads(out(capsys, "simulate", "student", "--json", "--seed", "3")) == json.loads(out(capsys, "simulate", "student", "--json", "--seed", "3"))
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
    assert pictures == ["bounds.png", "gains.png", "gridworld.png", "gridworld_4x4.png", "russell_norvig.png", "student.png", "tiger.png"]
    assert all((tmp_path / "new" / "folder" / name).read_bytes()[:4] == b"\x89PNG" for name in pictures)
    result = json.loads(out(capsys, "demo", "--no-pictures", "--json"))
    assert result["good"] and all(p["disagree"] == 0 for problem in result["problems"].values() for p in problem["published"])


def test_the_demo_fails_when_a_published_number_is_not_met(capsys, monkeypatch):
    from mdp.problems import PROBLEMS, Published
    wrong = Published("v*", "1", {"FB": "7"}, "nowhere")
    monkeypatch.setitem(PROBLEMS, "student", PROBLEMS["student"]._replace(published=[wrong]))
    text = out(capsys, "demo", "--no-pictures", status=1)
    assert "DISAGREES" in text and "SOMETHING DISAGREES" in text


BAD = {
    "unknown name": (["solve", "teacher"], "'teacher' is neither a file nor an example"),
    "gamma": (["solve", "student", "--gamma", "1.2"], "gamma is 1.2, outside [0, 1]"),
    "gamma text": (["solve", "student", "--gamma", "much"], "gamma expects a number"),
    "method": (["solve", "student", "--method", "value_iteration"], "policy_iteration"),
    "unknown method": (["solve", "student", "--method", "guess"], "method 'guess' does not solve"),
    "criterion": (["solve", "student", "--criterion", "constrained"], "invalid choice"),
    "horizon": (["solve", "student", "--horizon", "-3"], "horizon expects an integer >= 0"),
    "no horizon": (["solve", "student", "--criterion", "finite_horizon"], "needs --horizon"),
    "tol": (["solve", "student", "--tol", "0"], "tol expects a positive number"),
    "enumeration": (["solve", "gridworld", "--method", "enumerate_policies"], "above its limit of 65536"),
    "policy": (["evaluate", "student", "--policy", "lazy"], "neither uniform, nor optimal, nor a file"),
    "no start": (["simulate", "gridworld", "--horizon", "3"], "no first state"),
    "start": (["simulate", "student", "--start", "C9"], "'C9' is not a state"),
    "needs horizon": (["simulate", "gridworld", "--start", "(0, 0)"], "horizon is needed"),
    "episodes": (["simulate", "student", "--episodes", "0"], "--episodes expects an integer >= 1"),
    "show": (["simulate", "student", "--show", "-1"], "--show expects an integer >= 0, got -1"),
    "exact tol": (["solve", "student", "--exact", "--tol", "1e-3"], "no tolerance: leave out --method, --max-iterations and --tol"),
    "negative gamma": (["solve", "student", "--gamma", "-0.1"], "gamma is -0.1, outside [0, 1]"),
    "cap": (["solve", "gridworld", "--method", "gauss_seidel", "--max-iterations", "-2"], "max_iterations expects an integer >= 1, got -2"),
    "miss without goal": (["solve", "student", "--miss", "inf"], "miss belongs to goal="),
    "goal of averages": (["solve", "student", "--exact", "--criterion", "average", "--goal", "C1"], 'goal and miss belong to criterion "total"'),
    "no certificate": (["verify", "student", "nowhere.json"], "No such file"),
    "certificate folder": (["solve", "student", "--exact", "--certificate", "/nonexistent/c.json"], "/nonexistent"),
    "convert to": (["convert", "student", "out"], "unknown ending ''"),
    "no fractions": (["solve", "car_rental", "--exact"], "has no common denominator up to 10000"),
    "seed": (["simulate", "student", "--seed", "-1"], "--seed expects"),
    "problem": (["problems", "teacher"], "'teacher' is not an example"),
    "write": (["problems", "--write", "x.json"], "--write needs the NAME"),
    "folder": (["problems", "student", "--write", "/nonexistent/x.json"], "/nonexistent"),
    "command": (["win"], "invalid choice"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_gets_one_line_and_exit_status_2(capsys, name):
    argv, message = BAD[name]
    assert message in refused(capsys, *argv)


BAD_POLICY_FILES = {
    "{": "not JSON", "[]": "expects an object", '{"C9": "study"}': "'C9' is not a state", '{"C1": "nap"}': "'nap' (state 'C1') is not an action",
    '{"C1": {"study": "all"}}': "not a number", '{"C1": "study"}': "state 0 ('FB') sum to 0", '{"C1": "pub"}': "the action is not available",
}


@pytest.mark.parametrize("text", BAD_POLICY_FILES)
def test_a_bad_policy_file_gets_one_line(capsys, tmp_path, text):
    path = tmp_path / "pi.json"
    path.write_text(text)
    assert BAD_POLICY_FILES[text] in refused(capsys, "evaluate", "student", "--policy", str(path))


def test_a_bad_process_file_gets_one_line(capsys, tmp_path):
    path = tmp_path / "bad.json"
    path.write_text('{"format": "mdp", "version": 1, "gamma": 0.9, "states": {"a": {"go": [[0.999, "a", 1]]}}}')
    assert "sum to 0.999, not to 1" in refused(capsys, "solve", str(path))
    assert "directory" in refused(capsys, "solve", str(tmp_path)).lower()


def test_infinite_rewards_are_printed_and_undefined_ones_are_one_line_that_names_the_states(capsys, tmp_path):
    path = tmp_path / "rich.json"
    path.write_text('{"format": "mdp", "version": 1, "gamma": 1, "states": {"mine": {"dig": [[1, "mine", 1]], "go": [[1, "home", 0]]}, "home": {}}}')
    result = json.loads(out(capsys, "solve", str(path), "--json"))
    assert result["converged"] and result["v"] == {"mine": "inf", "home": 0.0} and result["policy"]["mine"] == "dig"
    assert " inf" in out(capsys, "solve", str(path))
    path.write_text('{"format": "mdp", "version": 1, "gamma": 1, "states": {"mine": {"dig": [["1/2", "mine", 1], ["1/2", "mine", -1]]}}}')
    assert "total reward is undefined (positive and negative parts are both infinite): a policy may stay for ever in state 0 ('mine')" in refused(capsys, "solve", str(path))


# importing, and pictures

def test_importing_compiles_nothing_and_loads_no_plots():
    code = ("import sys, mdp; from npixel import kernels; assert 'matplotlib' not in sys.modules and 'torch' not in sys.modules;"
            "assert all(not getattr(p.compiled, 'signatures', ()) for p in kernels.PAIRS); print(len(kernels.PAIRS))")
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def test_without_matplotlib_the_line_names_the_extra(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert "pip install 'npixel[demo]'" in refused(capsys, "demo", "--out", "nowhere")


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
    three = dataclasses.replace(mdp.problems.tiger(), mdp=mdp.problems.taxicab())
    with pytest.raises(ValueError, match="draws processes of two states, this one has 3"):
        plots.beliefs(three, {})


def test_pictures_show_the_numbers_they_are_given():
    """The curves end where the answers are: bounds at the last width, gains at the gains, the value over the belief at its ends and in the middle."""
    pytest.importorskip("matplotlib")
    m = mdp.problems.taxicab()
    average = mdp.solve(m, criterion="average")
    curves = [line.get_ydata() for line in plots.gains([("", m, average)]).axes[0].lines if len(line.get_ydata()) == 40]
    assert len(curves) == 3 and all(abs(y[-1] - g - h / 1000) < 1e-2 for y, g, h in zip(curves, average.gain, average.bias))
    s = mdp.solve(mdp.problems.gridworld(), method="value_iteration")
    assert plots.convergence({"one": s}).axes[0].lines[0].get_ydata()[-1] == s.history[-1]
    tiger = mdp.problems.tiger()
    bold = np.array([line.get_ydata() for line in plots.beliefs(tiger, {2: tiger.solve(2)[2]}).axes[0].lines if line.get_linewidth() > 2])
    assert np.nanmax(bold, axis=0)[[0, 200, 400]] == pytest.approx([9.05, -1.95, 9.05])


def test_the_transition_graph_places_states_by_itself():
    pytest.importorskip("matplotlib")
    fig = plots.transition_graph(mdp.problems.student())
    labels = {text.get_text() for text in fig.axes[0].texts}
    assert {"FB", "C1", "C2", "C3", "Sleep", "0.2", "0.4", "pub\nr = 1"} <= labels
