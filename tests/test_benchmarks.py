"""The benchmarks' own promises: outputs are compared before anything is timed, A B B A, and every
failure is one visible line."""

import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent
# benchmarks is no installed package; workers find this module by name
for folder in (ROOT, ROOT / "tests"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

from benchmarks import convolution, families, intervals, others, plots, recurrent  # noqa: E402
from benchmarks import report, runner, tiny  # noqa: E402    light: workers import this
from benchmarks.row import Call, Implementation, Row, Target, relative_difference  # noqa: E402

EFFORT = runner.Effort(threads=1, rounds=2, fewest=2, seconds=1.0, patience=60.0)


# what workers set up: functions at the top of a module

def toy(size=3, add=0.0, scale=1.0):
    """Adds up an array; `add` plants a difference."""
    x = np.arange(float(size))
    return Call(lambda: x.sum() + add, lambda total: {"total": np.array(total)}, scale)


def logged(path, letter, run_before=0):
    """Writes a letter per timed or untimed call, so that the order in which processes run can be
    read."""
    def run():
        with open(path, "a") as file:
            file.write(letter)
        time.sleep(0.03)                               # one call per timing

    return Call(run, lambda _: {})


def other_keys():
    return Call(lambda: 0, lambda _: {"product": np.zeros(1)})


def other_shape():
    return Call(lambda: 0, lambda _: {"total": np.zeros((1, 1))})


def objects():
    return Call(lambda: 0, lambda _: {"total": np.array([None])})


def raising():
    raise ValueError("no such\nthing")


def crashing():
    def run():
        print("last words", file=sys.stderr, flush=True)
        os._exit(7)

    return Call(run, lambda _: {})


def hanging():
    return Call(lambda: time.sleep(1000), lambda _: {})


def chatty():
    """Prints while it works, as libraries do."""
    def run():
        print('{"seconds": 0}')
        os.write(1, b"noise\n")
        return 3.0

    return Call(run, lambda total: {"total": np.array(total)})


def settings():
    """The number of threads that an implementation finds in its environment."""
    counts = [int(os.environ[name]) for name in runner.THREAD_VARIABLES]
    return Call(lambda: 0, lambda _: {"counts": np.array(counts),
                                      "off": np.array(os.environ.get("NPIXEL_KERNELS") == "off")})


def touching():
    """A call that needs 64 MB while it runs."""
    return Call(lambda: float(np.ones(2**23).sum()), lambda total: {})


def answer():
    return {"threads": os.environ["OMP_NUM_THREADS"]}


def row(*others, first=None, **fields):
    """A row of toy implementations."""
    ours = first or Implementation("ours", toy)
    return Row("toy row", "toy", "3", (ours, *others), "float64", **fields)


# the runner

def test_two_implementations_that_agree_are_timed_in_pairs():
    result = runner.run(row(Implementation("other", toy, "peer")), EFFORT)
    assert not result.failed
    ours, other = result.measured
    assert len(other.rounds) >= 2 and all(len(legs) == 4 and min(legs) > 0 for legs in other.rounds)
    assert len(ours.seconds) == len(other.seconds) == 2 * len(other.counted)
    assert ours.calls > 1 and other.difference == 0.0
    assert other.ratio.lower <= other.ratio.median <= other.ratio.upper


def test_one_round_runs_in_the_order_a_b_b_a(tmp_path):
    log = tmp_path / "log"
    a, b = (Implementation(letter, logged, arguments={"letter": letter}) for letter in "AB")
    result = runner.run(row(b, first=a, arguments={"path": str(log)}), EFFORT)
    rounds = len(result.measured[1].rounds)
    # outputs, then memory and calibration of each (an untimed call and a timed one), then rounds of
    # pairs of calls
    assert log.read_text() == "AB" + "AAA" + "BBB" + rounds * "AABBBBAA"


def test_a_wrong_output_fails_the_row_before_anything_is_timed(tmp_path):
    log = tmp_path / "log"
    wrong = Implementation("wrong", toy, "peer", arguments={"add": 0.01})
    result = runner.run(row(wrong, tolerance=1e-4), EFFORT)
    assert result.failed
    assert "wrong: outputs differ: total by 0.0033 relative, allowed 0.0001" == result.error
    assert all(not measured.seconds and not measured.rounds for measured in result.measured)
    assert not log.exists()
    lines = report.table(_family(result.row), [result], {})
    assert any("FAILED, not timed" in line for line in lines)
    assert report.shortfalls([(_family(result.row), [result])])[0].startswith("FAILED toys/toy "
                                                                              "row: wrong")


def test_a_difference_within_the_tolerance_is_reported():
    near = Implementation("near", toy, "peer", arguments={"add": 3e-6})
    result = runner.run(row(near, tolerance=1e-4), EFFORT)
    assert not result.failed and result.measured[1].difference == pytest.approx(1e-6)


@pytest.mark.parametrize("setup, says", [
    (other_keys, "returns product, expected total"),
    (other_shape, "outputs differ: total by inf"),
    (objects, "Object arrays cannot be loaded"),
    (raising, "ValueError: no such thing"),
    (crashing, "its process ended (status 7: last words)"),
])
def test_every_failure_is_one_line_with_its_cause(setup, says):
    result = runner.run(row(Implementation("bad", setup, "peer")), EFFORT)
    assert result.error.startswith("bad: ") and says in result.error and "\n" not in result.error


def test_a_worker_that_never_answers_is_ended():
    effort = runner.Effort(threads=1, rounds=2, fewest=2, patience=3.0)
    start = time.monotonic()
    result = runner.run(row(first=Implementation("slow", hanging)), effort)
    assert result.error == "slow: no answer within 3 s" and time.monotonic() - start < 20


def test_a_worker_that_was_killed_says_by_what():
    with runner.Worker("victim", EFFORT) as worker:
        worker.process.kill()
        with pytest.raises(runner.Failure, match=r"victim: its process ended \(SIGKILL\)"):
            worker.send(do="time", calls=1, cold=False)
    assert worker.process.poll() is not None


def test_what_an_implementation_prints_is_no_answer():
    result = runner.run(row(Implementation("chatty", chatty, "peer")), EFFORT)
    assert not result.failed and result.measured[1].seconds


def test_every_worker_has_the_same_number_of_threads_and_kernels_on_unless_it_says_so(
        monkeypatch, tmp_path):
    monkeypatch.setenv("NPIXEL_KERNELS", "off")        # of the caller: not inherited
    for implementation, off in ((Implementation("on", settings), False),
                                (Implementation("off", settings,
                                                environment={"NPIXEL_KERNELS": "off"}), True)):
        with runner.Worker("settings", runner.Effort(threads=2),
                           implementation.environment) as worker:
            worker.setup(implementation, {})
            outputs = worker.outputs(str(tmp_path))
        assert (outputs["counts"] == 2).all() and bool(outputs["off"]) == off


def test_a_fraction_of_the_work_is_extrapolated_and_marked():
    part = Implementation("part", toy, "definition", arguments={"scale": 1000.0})
    result = runner.run(row(part), EFFORT)
    assert result.measured[1].scale == 1000.0 and 100 < result.measured[1].ratio.median < 10000
    assert result.measured[1].calls > 1                # calibrated on what is really run
    assert sum("~" in line for line in report.table(_family(result.row), [result], {})) == 1


def test_memory_is_what_a_call_adds_at_its_peak():
    with runner.Worker("touching", EFFORT) as worker:
        worker.setup(Implementation("touching", touching), {})
        worker.memory()
        assert 60e6 < worker.memory() < 80e6


def test_peers_are_left_out_unless_asked_for_and_definitions_stay():
    both = row(Implementation("defined", toy, "definition"), Implementation("peer", toy, "peer"))
    assert [measured.name
            for measured in runner.run(both, EFFORT, peers=False).measured] == ["ours", "defined"]


def test_a_missing_library_skips_its_peer_and_nothing_else():
    absent = Implementation("absent", toy, "peer", requires=("no_such_module",))
    result = runner.run(row(absent, targets=(Target("absent", 2.0),)), EFFORT)
    assert not result.failed
    assert result.measured[1].error == "skipped: no_such_module is not installed"
    assert result.measured[0].seconds
    assert result.verdicts() == [(Target("absent", 2.0), None, False)]
    assert not report.shortfalls([(_family(result.row), [result])])


def test_of_a_group_the_fastest_member_is_held_against_the_target():
    def measured(name, ratio):
        return runner.Measured(name, "peer", "written", rounds=[[1.0, ratio, ratio, 1.0]],
                               busy=[0.0], counted=[0])

    peers = [Implementation(name, toy, "peer", "written") for name in ("one", "two")]
    result = runner.Result(row(*peers, targets=(Target("written", 1.2),)),
                           [measured("one", 1.5), measured("two", 1.1)])
    (_, best, met), = result.verdicts()
    assert best.name == "two" and not met


def test_only_quiet_rounds_count_if_there_are_enough(monkeypatch):
    class Clock:                                       # stands for a worker
        processor, legs = 0.0, 0

        def time(self, calls):
            self.legs += 1
            return float(self.legs)

    loads = iter([0.9, 0.0, 0.5, 0.1])
    monkeypatch.setattr(runner, "Watch",
                        lambda: type("Watch", (), {"busy": lambda self, own: next(loads)})())
    rounds, busy, counted = runner.pair(Clock(), Clock(), 1, 1,
                                        runner.Effort(threads=1, rounds=2, fewest=2))
    assert len(rounds) == 4 and busy == [0.9, 0.0, 0.5, 0.1] and counted == [1, 3]
    monkeypatch.setattr(runner, "Watch",
                        lambda: type("Watch", (), {"busy": lambda self, own: 0.9})())
    rounds, busy, counted = runner.pair(Clock(), Clock(), 1, 1,
                                        runner.Effort(threads=1, rounds=2, fewest=2, seconds=0.0))
    # never quiet: all of them, and the figure is marked
    assert len(rounds) == 2 and counted == [0, 1]
    assert runner.Measured("x", "peer", "x", rounds=rounds, busy=busy, counted=counted).disturbed


def test_a_target_is_short_met_or_left_open_by_a_busy_machine():
    def lines(ratio, busy):
        one = row(Implementation("other", toy, "peer"), targets=(Target("other", 1.2),),
                  note="because")
        measured = [runner.Measured(name, "peer", name, seconds=[1.0], rounds=rounds,
                                    busy=[busy] * len(rounds), counted=list(range(len(rounds))))
                    for name, rounds in (("ours", []), ("other", [[1.0, ratio, ratio, 1.0]]))]
        result = runner.Result(one, measured)
        shown = report.table(_family(one), [result], {})[-2].split()[-1]
        return report.shortfalls([(_family(one), [result])]), shown

    assert lines(1.3, 0.0) == ([], "met")
    assert lines(1.1, 0.0) == (["SHORT toys/toy row: 1.10 x other, target 1.2 (because)"], "SHORT")
    (unsure,), shown = lines(1.3, 0.9)
    assert unsure.startswith("UNSURE toys/toy row: 1.30 x other, target 1.2; other programs")
    assert shown == "met?"


def test_own_work_is_not_counted_as_that_of_others(monkeypatch):
    used = iter([10.0, 13.0])
    monkeypatch.setattr(others, "machine_seconds", lambda: next(used))
    watch = others.Watch()
    watch.start -= 2.0
    # 3 s were used in 2 s, 1 s of it by us
    assert watch.busy(own=1.0) == pytest.approx(1.0, rel=1e-2)


# figures

def test_the_interval_is_that_of_order_statistics():
    interval = intervals.median_interval([9, 1, 8, 2, 7, 3, 6, 4, 5])
    # k = 2: 1 - 2 (1 + 9) / 2^9 = 0.961; k = 3 would be 0.82
    assert interval == (5, 2, 8, 1 - 20 / 512)
    assert intervals.median_interval([3.0]) == (3.0, 3.0, 3.0, 0.0)
    assert intervals.median_interval([1, 2, 3, 4, 5]).coverage == 0.9375
    with pytest.raises(ValueError, match="at least one"):
        intervals.median_interval([])


def test_the_interval_covers_the_true_median_as_often_as_it_says():
    rng = np.random.default_rng(0)
    draws = rng.exponential(size=(4000, 9))            # skewed, like timings; median log 2
    found = [intervals.median_interval(list(draw)) for draw in draws]
    covered = np.mean([one.lower <= np.log(2) <= one.upper for one in found])
    assert abs(covered - found[0].coverage) < 0.012                    # four standard errors


def test_a_linear_drift_cancels_in_paired_ratios():
    # A B B A on a machine that slows down by a tenth per leg
    times = [1.0, 2.0 * 1.1, 2.0 * 1.2, 1.0 * 1.3]
    assert intervals.paired_ratios([(times[0], times[3])],
                                   [(times[1], times[2])]) == [pytest.approx(2.0)]


def test_relative_difference_is_infinite_for_anything_that_is_not_a_number():
    assert relative_difference([1.0, np.nan], [1.0, np.nan]) == float("inf")
    assert relative_difference([1.0], [1.0, 2.0]) == float("inf")
    assert relative_difference([0.0], [0.0]) == 0.0
    assert relative_difference([1.0], [0.0]) == float("inf")
    assert relative_difference([2.0, 0.0], [4.0, 0.0]) == 0.5


def test_a_target_against_nobody_is_refused():
    with pytest.raises(ValueError, match="a target against 'nobody'"):
        row(targets=(Target("nobody", 1.0),))


# rows

def test_every_row_can_be_declared_and_is_named_once():
    for family in families.load().values():
        names = [one.name for one in family.ROWS]
        assert names and len(set(names)) == len(names)
        assert any(one.quick for one in family.ROWS)
        for one in family.ROWS:
            json.dumps([one.arguments,
                        *(implementation.arguments for implementation in one.implementations)])


def test_every_row_runs_once_and_its_implementations_agree():
    """At a tiny size, with every peer that is installed."""
    effort = runner.Effort(threads=1, patience=120.0)
    found = list(tiny.run(families.choose([]), effort, peers=True))
    assert [f"{family.NAME}/{one.name}: {error}" for family, one, _, error in found if error] == []
    assert len(found) == sum(len(family.ROWS) for family in families.load().values())
    assert all(seconds and min(seconds.values()) > 0 for _, _, seconds, _ in found)


def test_a_tiny_run_finds_a_row_that_fails():
    failing = [row(Implementation("other", toy, "definition", arguments={"add": 1.0})),
               row(first=Implementation("ours", raising)),
               row(first=Implementation("ours", crashing)), row()]
    family = type("toys", (), {"NAME": "toys", "TINY": {}, "TINY_ARGUMENTS": {}})
    errors = [error for *_, error in tiny.run([(family, failing)], EFFORT)]
    assert "outputs differ" in errors[0] and "no such thing" in errors[1]
    assert "status 7" in errors[2] and errors[3] == ""


def test_rows_name_kernels_that_exist():
    from npixel.runtime import kernels

    families.untimed_kernels()                         # imports every module of both packages
    known = {pair.name for pair in kernels.PAIRS}
    modules = {name.rpartition(".")[0] for name in known}
    rows = [one for family in families.load().values() for one in family.ROWS]
    named = {name for one in rows for name in one.kernels}
    assert named <= known | modules, named - known - modules


def test_convolution_counts_the_live_taps_of_its_mask():
    from npixel import masks

    for K in (3, 5, 7):
        mask = masks.mask_b(K, np.zeros(2, int), np.zeros(2, int)).mask
        assert mask.any(axis=(1, 2)).sum() == convolution.live_taps(K)


def test_a_row_of_convolution_computes_the_same_in_every_implementation(monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.setattr(convolution, "N", 1)
    for backward in (False, True):
        arguments = {"K": 3, "D": 4, "backward": backward}
        monkeypatch.setenv("OMP_NUM_THREADS", "1")
        outputs = []
        for implementation in convolution.IMPLEMENTATIONS:
            call = implementation.setup(**arguments, **implementation.arguments)
            outputs.append(call.read(call.run()))
        for other in outputs[1:]:
            assert other.keys() == outputs[0].keys()
            assert all(relative_difference(other[key], outputs[0][key]) < 1e-5 for key in other)


@pytest.mark.parametrize("one", recurrent.ROWS, ids=lambda one: one.name)
def test_a_row_of_recurrent_layers_computes_the_same_in_every_implementation(one, monkeypatch):
    pytest.importorskip("torch")
    for name, size in (("N", 2), ("H", 5), ("W", 4)):
        monkeypatch.setattr(recurrent, name, size)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    small = {"D": 8, "T": 7, "hidden": 4, "rows": 5, "columns": 4}
    arguments = {key: small.get(key, value) for key, value in one.arguments.items()}
    calls = [(other.compared, other.setup(**arguments, **other.arguments))
             for other in one.implementations]
    outputs = [call.read(call.run()) for compared, call in calls if compared]
    assert len(outputs) >= 3
    for other in outputs[1:]:
        assert other.keys() == outputs[0].keys()
        assert all(relative_difference(other[key], outputs[0][key]) < 1e-4
                   for key in other), one.name
    for compared, call in calls:
        if not compared:
            call.run()


@pytest.mark.parametrize("name, numbers", [("row_lstm", 6), ("diagonal_lstm", 6),
                                           ("diagonal_bilstm", 12), ("spatial_lstm", 7)])
def test_the_cache_of_a_recurrent_layer_holds_gates_cells_and_states_once(name, numbers):
    """numbers: of each state, its gates, its cell and itself, in each direction"""
    if name == "spatial_lstm":
        (x, weights, _), taps = recurrent.spatial(28, 30, 8), [(0, 0)]
        module = importlib.import_module("npixel.layers.spatial_lstm")
    else:
        module, x, weights, taps, _ = recurrent.inputs(name, 8)
    _, cache = module.forward(x, *weights, taps=taps)
    held = {}  # each block of memory once; the input and the weights are the caller's

    def weigh(value):
        if isinstance(value, np.ndarray):
            while isinstance(value.base, np.ndarray):
                value = value.base
            held[id(value)] = value.nbytes
        elif isinstance(value, (tuple, list)):
            for part in value:
                weigh(part)

    weigh(cache)
    for array in (x, *weights):
        held.pop(id(array), None)
    gates_cells_states = numbers * x.shape[0] * x.shape[1] * x.shape[2] * 8 * x.itemsize
    # weights masked, masks of bools, starts of every row
    small = sum(weight.nbytes + weight.size for weight in weights) + 2**14
    assert gates_cells_states <= sum(held.values()) <= gates_cells_states + small


def test_ceilings_name_a_rate_of_this_machine():
    from benchmarks import ceilings

    for ceiling in ceilings.CEILINGS:
        assert ceiling.work > 0 and ceiling.unit in ("GF/s", "GB/s", "ns/element")
    call = ceilings.triad()
    assert (call.read(call.run())["a"] == 4.0).all()   # 1 + 3


def test_the_environment_is_described():
    from benchmarks import environment

    described = environment.describe()
    assert described["cores"] >= 1 and "numpy" in described["packages"] and described["blas"]
    json.dumps(described)
    assert environment.warning([3.0, 0, 0], 2).startswith("load average 3.0")
    assert not environment.warning([0.1, 0, 0], 2)


# the command

def _command(*words, timeout=120):
    return subprocess.run([sys.executable, "-m", "benchmarks", *words], cwd=ROOT,
                          capture_output=True, text=True, timeout=timeout)


@pytest.mark.parametrize("words, says", [
    (["no-such-row"], "no benchmark is called 'no-such-row'; families: kernels, convolution"),
    (["--threads", "0"], "--threads must be between 1 and"),
    (["--json", "no/such/folder/x.json", "kernels"], "folder no/such/folder does not exist"),
    (["--resume", "kernels"], "--resume needs --json FILE"),
    (["--tiny", "--json", "x.json"], "--tiny measures nothing"),
    (["--tiny", "--quick"], "not allowed with argument"),
    (["--rounds"], "unrecognized arguments"),
])
def test_bad_input_is_one_line_and_status_2(words, says):
    done = _command(*words)
    assert done.returncode == 2 and says in done.stderr and len(done.stderr.splitlines()) == 1
    assert not done.stdout


def test_list_prints_rows_and_times_nothing():
    done = _command("--list", "convolution")
    assert done.returncode == 0 and "convolution/7x7 128 forward + backward" in done.stdout
    assert "target 1.2 x PyTorch as written" in done.stdout


def test_rows_are_chosen_by_family_or_by_part_of_their_name():
    (family, rows), = families.choose(["convolution/5x5 64"])
    assert family is convolution and [one.name for one in rows] == ["5x5 64 forward",
                                                                    "5x5 64 forward + backward"]
    assert [one.NAME for one, _ in families.choose([])] == list(families.load())
    assert all(one.quick for _, rows in families.choose([], quick=True) for one in rows)


def _family(one):
    return type("toys", (), {"NAME": "toys", "TITLE": "for the tests", "ROWS": (one,)})


@pytest.fixture
def clone(monkeypatch):
    """The tests may run on an installed npixel."""
    import npixel
    from benchmarks import cli

    monkeypatch.setattr(cli, "CLONE", Path(npixel.__file__).resolve().parents[1])


def test_the_command_writes_tables_every_timing_and_a_picture(clone, monkeypatch, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    from benchmarks import ceilings, cli

    good = row(Implementation("other", toy, "peer"), targets=(Target("other", 1e-6),), flops=3.0)
    family = _family(good)
    monkeypatch.setattr(families, "load", lambda: {"toys": family})
    rate = {"value": 100.0, "unit": "GF/s", "seconds": [1.0]}
    monkeypatch.setattr(ceilings, "measure", lambda *_, **__: {"sgemm": rate, "dgemm": rate})
    path = tmp_path / "all.json"
    assert cli.main(["--peers", "--quick", "--threads", "1", "--json", str(path), "--plot",
                     str(tmp_path / "plots")]) == 0
    printed = capsys.readouterr().out
    assert "toys: for the tests" in printed and "1e-06 met" in printed
    assert "ceilings: sgemm 100 GF/s" in printed
    content = json.loads(path.read_text())
    ours, other = content["rows"][0]["implementations"]
    assert content["environment"]["threads"] == 1
    assert content["rows"][0]["targets"][0]["met"] is True
    assert len(other["rounds"]) == len(other["busy"]) >= 2 and ours["seconds"]
    assert other["ratio"]["coverage"] >= 0
    assert (tmp_path / "plots" / "toys.png").stat().st_size > 1000

    bad = row(Implementation("other", toy, "peer", arguments={"add": 1.0}))
    monkeypatch.setattr(families, "load", lambda: {"toys": _family(bad)})
    again = ["--peers", "--quick", "--threads", "1", "--json", str(path)]
    assert cli.main(again) == 2 and "x.json"[1:] in capsys.readouterr().err        # it exists
    assert cli.main([*again, "--force"]) == 1
    assert json.loads(path.read_text())["rows"][0]["failed"] is True


@pytest.fixture
def two_rows(clone, monkeypatch, tmp_path):
    """two_rows(stop) -> (run, measured): the command over two rows; stop() before the second."""
    from benchmarks import ceilings, cli

    ours = Implementation("ours", toy)
    rows = tuple(Row(name, "toy", "3", (ours,), "float64", quick=True)
                 for name in ("first", "second"))
    family = type("toys", (), {"NAME": "toys", "TITLE": "for the tests", "ROWS": rows})
    monkeypatch.setattr(families, "load", lambda: {"toys": family})
    rate = {"value": 100.0, "unit": "GF/s", "seconds": [1.0]}
    monkeypatch.setattr(ceilings, "measure", lambda *_, **__: {"sgemm": rate, "dgemm": rate})
    described = {"processor": "one", "cores": 2, "threads": 1, "system": "x", "python": "3",
                 "packages": {}, "blas": [], "date": "today"}
    monkeypatch.setattr(cli, "_environment", lambda effort: described)
    original = runner.run

    def make(stop=lambda: None):
        measured = []

        def run(one, *arguments, **options):
            if one.name == "second":
                stop()
            measured.append(one.name)
            return original(one, *arguments, **options)
        monkeypatch.setattr(runner, "run", run)
        words = ["--quick", "--threads", "1", "--json", str(tmp_path / "x.json")]
        return lambda *more: cli.main([*words, *more]), measured
    return make


def _interrupt():
    raise KeyboardInterrupt


def _terminate():
    os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.parametrize("stop, status, says", [(_interrupt, 130, "interrupted"),
                                                (_terminate, 143, "terminated")])
def test_a_stopped_run_keeps_what_it_measured(two_rows, tmp_path, capsys, stop, status, says):
    handler = signal.getsignal(signal.SIGTERM)
    run, _ = two_rows(stop)
    assert run() == status and signal.getsignal(signal.SIGTERM) == handler
    printed = capsys.readouterr()
    assert "first    toy, 3, float64" in printed.out   # row by row
    assert f"{says}; {tmp_path / 'x.json'} has 1 rows, --resume goes on" in printed.err
    content = json.loads((tmp_path / "x.json").read_text())
    assert [one["row"] for one in content["rows"]] == ["first"] and content["complete"] is False
    kept = content["rows"][0]["implementations"][0]["seconds"]
    run, measured = two_rows()
    assert run() == 2 and not measured                 # exists: not without --resume or --force
    assert run("--resume") == 0 and measured == ["second"]
    content = json.loads((tmp_path / "x.json").read_text())
    assert [one["row"] for one in content["rows"]] == ["first", "second"]
    assert content["complete"] is True
    assert content["rows"][0]["implementations"][0]["seconds"] == kept


def test_figures_of_another_machine_or_effort_are_not_gone_on_with(two_rows, tmp_path, capsys):
    path = tmp_path / "x.json"
    run, measured = two_rows(_interrupt)
    run()
    whole = json.loads(path.read_text())
    run, measured = two_rows()
    another = {"environment": whole["environment"] | {"processor": "another"}}
    for change, words in ((another, "its processor is another, now it is one"),
                          ({"effort": whole["effort"] | {"rounds": 99}}, "its effort is"),
                          ({"rows": 3}, "has no figures of these benchmarks")):
        path.write_text(json.dumps(whole | change))
        capsys.readouterr()
        assert run("--resume") == 2 and not measured
        err = capsys.readouterr().err
        assert words in err and err.count("\n") == 1
    path.write_text(json.dumps(whole | {"rows": [whole["rows"][0] | {"failed": True}]}))
    assert run("--resume") == 0 and measured == ["first", "second"]        # a failed row: again
    path.write_text("mine")
    assert run("--force") == 2 and path.read_text() == "mine"


def test_the_benchmarks_run_from_a_clone_only_and_say_so(tmp_path):
    caches = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "benchmarks", tmp_path / "benchmarks", ignore=caches)
    for words, says in (([str(ROOT / "benchmarks")], "from the top of a clone"),
                        (["-m", "benchmarks"], "run them from a clone")):
        done = subprocess.run([sys.executable, *words, "--list"], cwd=tmp_path, capture_output=True,
                              text=True, env=os.environ | {"PYTHONPATH": str(ROOT)}, timeout=60)
        assert done.returncode == 2 and not done.stdout
        assert says in done.stderr and done.stderr.count("\n") == 1


def test_an_interrupted_write_leaves_the_old_file_whole(tmp_path):
    path = tmp_path / "x.json"
    report.write_json(path, {"old": 1})
    with pytest.raises(ValueError):
        report.write_json(path, {"new": float("nan")})
    with pytest.raises(TypeError):
        report.write_json(path, {"new": object()})
    assert json.loads(path.read_text()) == {"old": 1} and os.listdir(tmp_path) == ["x.json"]


def test_interruption_ends_the_workers(monkeypatch):
    seen = []

    def interrupted(*_):
        raise KeyboardInterrupt

    original = runner.Worker.__init__
    monkeypatch.setattr(runner.Worker, "__init__",
                        lambda self, *arguments: (original(self, *arguments),
                                                  seen.append(self.process))[0])
    monkeypatch.setattr(runner, "pair", interrupted)
    with pytest.raises(KeyboardInterrupt):
        runner.run(row(Implementation("other", toy, "peer")), EFFORT)
    assert len(seen) == 2 and all(process.poll() is not None for process in seen)


def test_numbers_are_printed_with_three_figures():
    assert [report.seconds(value) for value in (75.0, 1.5, 0.0123, 4.5e-6)] == ["75 s", "1.5 s",
                                                                                "12.3 ms", "4.5 us"]


def test_a_picture_is_drawn_only_where_something_was_compared(tmp_path):
    pytest.importorskip("matplotlib")
    alone = row()
    assert plots.draw(tmp_path, _family(alone),
                      [runner.Result(alone, [runner.Measured("ours", "ours", "ours")])]) is None
