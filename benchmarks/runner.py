"""Runs rows: outputs are compared before anything is timed, then pairs run in the order A B B A.

    ours     A     A A     A ...
    other      B B     B B                             A B B A is one round

A drift of the machine that is linear in time costs both the same. Each implementation has a process
of its own. Never do two run at once: each waits on its pipe while the other is timed.

One timing repeats the call until it lasts LEAST seconds. The number of calls is found beforehand,
so compilation and first touches of memory are over. A round gives one ratio, the sum of B's two
times over the sum of A's. The figure is the median ratio of all rounds, with the interval of
intervals.py. Rounds during which other programs kept the machine busy are repeated (others.py).
Outputs that differ by more than the row's tolerance fail the row: nothing of it is timed, and it is
printed.

Read first: row.py, worker.py, others.py.  Read next: intervals.py, report.py.
"""

import importlib.util
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field, replace
from math import ceil
from statistics import median

import numpy as np

from .others import BUSY, Watch
from .row import relative_difference
from .intervals import median_interval, paired_ratios, spread

LEAST = 0.02                                           # seconds that one timing lasts at least
LONG = 0.3  # a call of so many seconds is not preceded by an untimed one
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS",
                    "VECLIB_MAXIMUM_THREADS", "NUMBA_NUM_THREADS",
                    "NPIXEL_THREADS")


class Failure(Exception):
    """An implementation raised, crashed, hung or returned something else: one line says what."""


@dataclass(frozen=True)
class Effort:
    """How long to measure."""
    threads: int
    rounds: int = 9  # at least 6, or the interval is the range of all ratios
    fewest: int = 6  # rounds that are run even where they take longer than `seconds`
    seconds: float = 20.0                              # per pair, about
    patience: float = 900.0                            # an answer that takes longer is a hang


QUICK = {"rounds": 5, "fewest": 2, "seconds": 1.5}


@dataclass
class Measured:
    """What one implementation of a row showed.

    Seconds are per call, extrapolated by `scale` where that is not 1.
    """
    name: str
    role: str
    counts_as: str
    seconds: list = field(default_factory=list)        # its own timings, in the rounds that count
    calls: int = 0                                     # in one timing
    scale: float = 1.0
    memory: int = 0                                    # bytes that a call adds at its peak
    # of its outputs from the first implementation's; None: not compared
    difference: float | None = None
    # [[ours, other, other, ours], ...]; empty for the first
    rounds: list = field(default_factory=list)
    # processors that other programs used during each round
    busy: list = field(default_factory=list)
    counted: list = field(default_factory=list)        # indices of the rounds behind the figures
    error: str = ""                                    # why it is not timed, or skipped
    other_quantity: bool = False                       # not compared: timed for the ratio alone

    @property
    def median(self):
        return median(self.seconds) if self.seconds else None

    @property
    def spread(self):
        return spread(self.seconds) if self.seconds else None

    @property
    def ratio(self):
        """The Interval of its time over the first implementation's, or None."""
        if not self.rounds:
            return None
        rounds = [self.rounds[i] for i in self.counted]
        return median_interval(paired_ratios([(a, d) for a, _, _, d in rounds],
                                             [(b, c) for _, b, c, _ in rounds]))

    @property
    def disturbed(self):
        """True if too few rounds were quiet, so that all had to count."""
        return any(self.busy[i] > BUSY for i in self.counted)


@dataclass
class Result:
    """One row, measured or failed."""
    row: object
    measured: list
    error: str = ""

    @property
    def failed(self):
        return bool(self.error)

    def verdicts(self):
        """Triples (target, the Measured it was held against, whether it is met).

        Of a group, the fastest counts. Where nothing was timed, the last two are None and False.
        """
        found = []
        for target in self.row.targets:
            timed = [m for m in self.measured if m.counts_as == target.against and m.ratio]
            best = min(timed, key=lambda m: m.ratio.median, default=None)
            found.append((target, best, bool(best) and best.ratio.median >= target.ratio))
        return found


class Worker:
    """A process that holds one implementation (worker.py).

    Use as a context: it is ended on every way out.
    """

    def __init__(self, name, effort, environment=None):
        self.name, self.patience = name, effort.patience
        variables = {key: value for key, value in os.environ.items() if key != "NPIXEL_KERNELS"}
        variables.update({key: str(effort.threads) for key in THREAD_VARIABLES})
        variables["PYTHONPATH"] = os.pathsep.join(path or os.getcwd() for path in sys.path)
        variables.update(environment or {})
        self.errors = tempfile.TemporaryFile("w+", errors="replace")
        # a session of its own: Ctrl-C reaches the parent alone, which ends its workers
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker"], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=self.errors,
            env=variables, start_new_session=True)
        self.pending = b""
        self.scale, self.long = 1.0, False
        self.processor = 0.0  # seconds of processor time it has used, as of its last answer

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """End the process, whatever it is doing."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.errors):
            try:
                stream.close()
            except OSError:  # a command that the process never read is still in the pipe
                pass

    def send(self, **command):
        """One command, one answer; Failure if there is none or it is an error."""
        try:
            self.process.stdin.write((json.dumps(command) + "\n").encode())
            self.process.stdin.flush()
        except OSError:                                # gone already: _read says why
            pass
        reply = json.loads(self._read())
        self.processor = reply["processor"]
        if "error" in reply:
            raise Failure(f"{self.name}: {reply['error']}")
        return reply

    def _read(self):
        deadline = time.monotonic() + self.patience
        while b"\n" not in self.pending:
            ready, _, _ = select.select([self.process.stdout], [], [],
                                        max(0.0, deadline - time.monotonic()))
            if not ready:
                raise Failure(f"{self.name}: no answer within {self.patience:g} s")
            data = os.read(self.process.stdout.fileno(), 1 << 16)
            if not data:
                raise Failure(f"{self.name}: its process ended ({self._cause()})")
            self.pending += data
        line, self.pending = self.pending.split(b"\n", 1)
        return line

    def _cause(self):
        code = self.process.wait()
        self.errors.seek(0)
        said = [line.strip() for line in self.errors if line.strip()]
        how = signal.Signals(-code).name if code < 0 else f"status {code}"
        return f"{how}: {said[-1]}" if said else how

    def setup(self, implementation, arguments, *, constants=None):
        """Import and set up; remembers the scale of its timings.

        constants    values for constants of the implementation's module (tiny.py)
        """
        place = f"{implementation.setup.__module__}:{implementation.setup.__qualname__}"
        arguments = {**arguments, **implementation.arguments}
        self.scale = self.send(do="setup", setup=place, arguments=arguments,
                               constants=constants or {})["scale"]

    def outputs(self, directory):
        """{name: array} of one call, handed over in a file."""
        path = os.path.join(directory, f"{id(self)}.npz")
        self.send(do="outputs", path=path)
        try:
            with np.load(path) as arrays:
                return dict(arrays)
        except ValueError as error:                    # arrays of objects
            raise Failure(f"{self.name}: {error}") from None

    def time(self, calls=1):
        """Seconds per call, times the Call's scale."""
        seconds = self.send(do="time", calls=calls, cold=self.long)["seconds"]
        self.long = seconds > LONG * self.scale
        return seconds

    def memory(self):
        """Bytes that one call adds at its peak. Also shows whether a call is long."""
        reply = self.send(do="memory")
        self.long = reply["seconds"] > LONG
        return reply["bytes"]


def calibrate(worker):
    """How many calls make one timing last at least LEAST seconds."""
    calls = 1
    if worker.long:
        return calls
    for _ in range(8):
        seconds = worker.time(calls) / worker.scale * calls
        if seconds >= LEAST:
            break
        calls = max(calls + 1, ceil(1.1 * calls * LEAST / max(seconds, 1e-7)))
    return calls


def pair(a, b, calls_a, calls_b, effort):
    """Rounds of A B B A until effort.rounds of them were quiet, or effort.seconds are over and
    there are effort.fewest.

    returns   rounds [[a, b, b, a], ...] in seconds per call; the processors that others used during
              each; indices of those that count:
              the quiet ones if there are effort.fewest of them, else all
    """
    rounds, busy, start = [], [], time.monotonic()
    while True:
        watch, own = Watch(), a.processor + b.processor + time.process_time()
        rounds.append([a.time(calls_a), b.time(calls_b), b.time(calls_b), a.time(calls_a)])
        busy.append(watch.busy(a.processor + b.processor + time.process_time() - own))
        quiet = [i for i, others in enumerate(busy) if others <= BUSY]
        next_ends = (time.monotonic() - start) * (len(rounds) + 1) / len(rounds)
        if len(quiet) >= effort.rounds or (len(rounds) >= effort.fewest
                                           and next_ends > effort.seconds):
            return rounds, busy, quiet if len(quiet) >= effort.fewest else list(range(len(rounds)))


def missing(implementation):
    """The first module that it requires and this machine has not, or ""."""
    return next((name for name in implementation.requires
                 if importlib.util.find_spec(name) is None), "")


def run(row, effort, *, peers=True, progress=lambda text: None):
    """Measure one row.

    An error in any implementation fails the row, which comes back with the reason.
    """
    chosen = [one for one in row.implementations if peers or one.role != "peer"]
    result = Result(row, [Measured(one.name, one.role, one.counts_as,
                                   other_quantity=not one.compared) for one in chosen])
    workers = []
    try:
        with tempfile.TemporaryDirectory() as directory:
            _run(row, chosen, result, workers, effort, directory, progress)
    except Failure as failure:
        result.error = str(failure)
    finally:
        for worker in workers:
            worker.close()
    return result


def _run(row, chosen, result, workers, effort, directory, progress):
    ready = []                                         # (Measured, Worker), ours first
    for implementation, measured in zip(chosen, result.measured):
        if missing(implementation):
            measured.error = f"skipped: {missing(implementation)} is not installed"
            if implementation is chosen[0]:
                raise Failure(f"{implementation.name}: {missing(implementation)} is not installed")
            continue
        progress(f"{row.name}: {implementation.name}, set up and compared")
        worker = Worker(implementation.name, effort, implementation.environment)
        workers.append(worker)
        worker.setup(implementation, row.arguments)
        measured.scale = worker.scale
        outputs = worker.outputs(directory)
        if not ready:
            reference = outputs
        elif implementation.compared:
            measured.difference = compare(implementation.name, reference, outputs, row.tolerance)
        ready.append((measured, worker))
    for measured, worker in ready:
        measured.memory = worker.memory()
        measured.calls = calibrate(worker)
    if 0 < row.rounds < effort.rounds:
        effort = replace(effort, rounds=row.rounds, fewest=min(row.rounds, effort.fewest))
    (ours, our_worker), *others = ready
    for measured, worker in others:
        progress(f"{row.name}: {measured.name}")
        measured.rounds, measured.busy, measured.counted = pair(our_worker, worker, ours.calls,
                                                                measured.calls, effort)
        for a, b, c, d in (measured.rounds[i] for i in measured.counted):
            ours.seconds += [a, d]
            measured.seconds += [b, c]
    if not others:
        ours.seconds = [our_worker.time(ours.calls) for _ in range(2 * effort.rounds)]


def compare(name, reference, outputs, tolerance):
    """The largest relative difference of any array; Failure where it exceeds the tolerance."""
    if outputs.keys() != reference.keys():
        raise Failure(f"{name}: returns {', '.join(sorted(outputs)) or 'nothing'}, expected "
                      f"{', '.join(sorted(reference))}")
    worst, largest = max(((key, relative_difference(outputs[key], reference[key]))
                          for key in reference), key=lambda pair: pair[1],
                         default=("", 0.0))
    if not largest <= tolerance:
        raise Failure(f"{name}: outputs differ: {worst} by {largest:.2g} relative, allowed "
                      f"{tolerance:.2g}"
                      + (f" (shapes {outputs[worst].shape} and {reference[worst].shape})"
                         if np.isinf(largest) else ""))
    return largest
