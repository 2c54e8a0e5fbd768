"""A small part of the two hunts at every run of the tests, and faults planted to see them caught.

The hunts in full are `python tests/hunt_processes.py` and `python tests/hunt_files.py`.
"""

import resource
import signal
import time
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

import hunt_files
import hunt_processes
import mdp
from oracles import enumeration

FAIR = ([[[(Fraction(3, 10), 0, Fraction(7)), (Fraction(7, 10), 0, Fraction(-3))],
          [(Fraction(1), 1, Fraction(5))]], []],
        {"s0": {"a0": [(0.3, "s0", 7), (0.7, "s0", -3)], "a1": [(1, "s1", 5)]}, "s1": {}}, 1.0,
        False)


@pytest.fixture
def guarded():
    """The alarm of the hunt, and 2 GB more memory than there is."""
    before = signal.signal(signal.SIGALRM, hunt_files._late)
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 2 ** 31, hard))
    yield
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    signal.signal(signal.SIGALRM, before)


def test_random_processes_are_solved_right_under_every_criterion():
    count = hunt_processes.Counter()
    for rng in map(np.random.default_rng, range(60)):
        count += hunt_processes.check(hunt_processes.draw(rng), rng=rng)
    right = sum(n for name, n in count.items() if "right" in name)
    assert sum(count.values()) > 1000 and right > 0.9 * sum(count.values())


def test_enumeration_agrees_with_what_can_be_worked_out_by_hand():
    process = FAIR[0]
    best, undefined = enumeration.total(process)
    assert undefined == [True, False]  # the bet for ever has mean zero
    # a stationary policy that bets sometimes quits with 5 on average
    assert enumeration.total_until(process, {1}) == [5, 0]
    up = [[[(Fraction(1, 2), 0, Fraction(2)), (Fraction(1, 2), 0, Fraction(-1))],
           [(Fraction(1), 1, Fraction(5))]], []]
    assert enumeration.total_until(up, {1}) == [float("inf"), 0]
    assert enumeration.total(up)[0] == [float("inf"), 0]
    assert enumeration.average(up) == [Fraction(1, 2), 0]
    assert enumeration.discounted(up, Fraction(1, 2)) == [5, 0]
    assert enumeration.finite_horizon(up, Fraction(1), 2, [0, 7]) == [[Fraction(25, 2), 7], [12, 7],
                                                                      [0, 7]]


def _shifted(solve, by, names=("v", "lower", "upper")):
    def wrong(*arguments, **options):
        s = solve(*arguments, **options)
        return replace(s, **{name: getattr(s, name) + by for name in names})
    return wrong


@pytest.mark.parametrize("fault, words", [
    (dict(solve=_shifted(mdp.solve, 1e-3)), "the value lies outside"),
    (dict(solve=lambda *a, **o: replace(mdp.solve(*a, **o), converged=True,
                                        v=np.full_like(mdp.solve(*a, **o).v, 3))), "solve"),
    (dict(solve_exact=_shifted(mdp.solve_exact, Fraction(1, 10 ** 9), ["v"])), "solve_exact"),
    (dict(verify=lambda m, certificate: False), "not verified"),
    (dict(solve_exact=lambda *a, **o: (_ for _ in ()).throw(ValueError("no"))), "ValueError no"),
])
def test_a_planted_wrong_answer_is_caught(fault, words):
    with pytest.raises(hunt_processes.Wrong, match=words):
        for rng in map(np.random.default_rng, range(30)):
            hunt_processes.check(hunt_processes.draw(rng), rng=rng, **fault)


def test_a_number_for_a_fair_bet_is_caught():
    def infinite(m, *, criterion, **options):
        if criterion != "total":
            return mdp.solve(m, criterion=criterion, **options)
        s = mdp.solve(m, criterion="average")
        far = np.array([np.inf, 0.0])
        return replace(s, criterion="total", v=far, lower=far, upper=far, converged=True)
    with pytest.raises(hunt_processes.Wrong):
        hunt_processes.check(FAIR, solve=infinite)


@pytest.mark.parametrize("kind", list(hunt_files.KINDS))
def test_damaged_files_are_refused_in_one_line_or_read_right(kind, guarded):
    if kind in ("png", "gif", "jpg"):
        pytest.importorskip("PIL")
    assert hunt_files.one(kind, -1)[0].startswith(("read", "verified", "evaluated"))
    for seed in range(20):
        outcome, text = hunt_files.one(kind, seed)
        assert outcome not in ("wrong", "traceback", "hang"), f"seed {seed}: {outcome} {text}"


def _raises(error):
    def read(path):
        raise error
    return read


def _wrong(path):
    raise AssertionError("P")


@pytest.mark.parametrize("read, outcome", [
    (_raises(KeyError("x")), "traceback"), (_raises(RecursionError("deep")), "traceback"),
                                           (_raises(ValueError("two\nlines")), "wrong"),
    (_raises(ValueError("")), "wrong"), (_wrong, "wrong"), (lambda path: time.sleep(5), "hang"),
                                           (_raises(ValueError("one line")), "refused"),
])
def test_a_planted_bad_reader_is_caught(read, outcome, monkeypatch, guarded):
    monkeypatch.setitem(hunt_files.KINDS, "planted", (hunt_files.KINDS["json"][0], read))
    monkeypatch.setattr(hunt_files, "SECONDS", 1)
    assert hunt_files.one("planted", 0)[0] == outcome


def test_the_end_of_a_reading_process_is_caught(monkeypatch, tmp_path):
    """The child of `run` is this program again: a copy of it whose reader kills the process."""
    program = tmp_path / "hunt_files.py"
    text = (hunt_files.ROOT / "tests/hunt_files.py").read_text()
    program.write_text(text.replace("Path(__file__).resolve().parents[1]",
                                    f"Path({str(hunt_files.ROOT)!r})")
                       .replace("    import mdp\n    m = mdp.read(",
                                "    os.kill(os.getpid(), 9)\n    m = mdp.read("))
    monkeypatch.setattr(hunt_files, "__file__", str(program))
    assert [outcome for _, outcome, _ in hunt_files.run("json", [0, 1])] == ["crash", "crash"]
