"""python -m benchmarks [names...] [--quick | --tiny] [--peers] [--json FILE [--force | --resume]]
                        [--plot DIR] [--list] [--threads N]

Each row is printed as soon as it is measured, and the JSON file is written again after each, whole.
So a run that is stopped keeps what it has measured, and --resume goes on from there.

Exit status: 0; 1 if a row failed (its outputs differ, or an implementation raised or crashed);
2 for bad input; 130 after Ctrl-C, 143 after SIGTERM.
A target that is missed is printed as such and changes nothing: timings depend on the machine.

Read first: runner.py, report.py.  Read next: families.py, npixel/runtime/command.py.
"""

import os
import signal
import sys
from pathlib import Path

import npixel
from npixel.runtime import blas
from npixel.runtime.command import Parser, add_force, check_output, run

from . import ceilings, environment, families, plots, report, runner, tiny

CLONE = Path(__file__).resolve().parents[1]
TERMINATED = 143                                       # 128 + SIGTERM, as a shell counts


class _Terminated(BaseException):
    """SIGTERM: raised where it arrives, so that every worker is ended on the way out."""


def main(argv=None):
    """Parse, measure, print; the exit status."""
    return run(parser(), argv)


def parser():
    """The command line's options."""
    options = Parser(prog="python -m benchmarks",
                     description="Time our code beside its definitions, beside other libraries, "
                                 "beside the machine's limits. Runs in a clone only.")
    options.add_argument("names", nargs="*", help="families, or parts of the names of rows (see "
                                                  "--list); everything if there are none")
    effort = options.add_mutually_exclusive_group()
    effort.add_argument("--quick", action="store_true", help="a few rows and few rounds")
    effort.add_argument("--tiny", action="store_true",
                        help="every row once at a tiny size: shows that it runs, measures nothing")
    options.add_argument("--peers", action="store_true",
                         help="other libraries too, where they are installed")
    options.add_argument("--json", metavar="FILE",
                         help="write everything that was measured, every single timing included")
    add_force(options, "the file named by --json")
    options.add_argument("--resume", action="store_true",
                         help="keep the rows that the file named by --json has, measure the others")
    options.add_argument("--plot", metavar="DIR", help="draw one picture per family")
    options.add_argument("--list", action="store_true", help="print the rows and stop")
    options.add_argument("--threads", type=int, default=None, metavar="N",
                         help="threads of every implementation (default: the processors)")
    options.set_defaults(call=benchmark)
    return options


def benchmark(arguments):
    """Measure the rows that were asked for."""
    _check_clone()
    chosen = families.choose(arguments.names, quick=arguments.quick)
    if arguments.threads is not None and not 1 <= arguments.threads <= (os.cpu_count() or 1):
        raise ValueError(f"--threads must be between 1 and the {os.cpu_count()} processors, is "
                         f"{arguments.threads}")
    if arguments.list:
        return _list(chosen, whole=not arguments.names)
    effort = runner.Effort(arguments.threads or blas.threads(),
                           **(runner.QUICK if arguments.quick else {}))
    if arguments.tiny:
        if arguments.json or arguments.plot:
            raise ValueError("--tiny measures nothing: there is nothing for --json or --plot")
        return _tiny(chosen, effort, arguments.peers)
    _check_outputs(arguments)
    go_on = arguments.resume and os.path.exists(arguments.json)
    kept = report.read_json(arguments.json) if go_on else None
    sheet = report.Sheet(arguments.json, effort, arguments.peers, kept)
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        return _measure(arguments, chosen, effort, sheet)
    except KeyboardInterrupt:
        print(f"\npython -m benchmarks: interrupted{sheet.left()}", file=sys.stderr)
        return 130
    except _Terminated:
        print(f"\npython -m benchmarks: terminated{sheet.left()}", file=sys.stderr)
        return TERMINATED
    finally:
        signal.signal(signal.SIGTERM, before)


def _measure(arguments, chosen, effort, sheet):
    progress = _Progress()
    progress("the machine")
    load = list(os.getloadavg()) if hasattr(os, "getloadavg") else None  # before our own
    sheet.describe(_environment(effort) | {"load": load})
    progress("ceilings")
    sheet.ceilings = ceilings.measure(effort, 4 if arguments.quick else 10, found=sheet.ceilings)
    progress.clear()
    print("\n".join(report.head(sheet.environment, sheet.ceilings, effort)), flush=True)
    if warning := environment.warning(load, sheet.environment["cores"]):
        print(f"WARNING: {warning}")
    if arguments.peers:
        for line in _skipped(chosen):
            print(line)

    done = []
    for family, rows in chosen:
        if have := [row for row in rows if sheet.has(family, row)]:
            print(f"\n{family.NAME}: {len(have)} of {len(rows)} rows are in {arguments.json}")
        rows, results = [row for row in rows if row not in have], []
        if not rows:
            continue
        layout = report.Layout(family, rows, arguments.peers)
        print("\n" + "\n".join(layout.head()), flush=True)
        for row in rows:
            results.append(runner.run(row, effort, peers=arguments.peers, progress=progress))
            progress.clear()
            print("\n".join(layout.lines(results[-1], sheet.ceilings)), flush=True)
            sheet.add(family, results[-1])
        if not arguments.quick:
            progress("ceilings, again")
            sheet.ceilings = ceilings.measure(effort, 5, found=sheet.ceilings)
            progress.clear()
        done.append((family, results))
        if arguments.plot and (path := plots.draw(arguments.plot, family, results)):
            print(f"  drawn: {path}")
    sheet.write(complete=True)
    if missed := report.shortfalls(done):
        print("\n" + "\n".join(missed))
    return 1 if any(result.failed for _, results in done for result in results) else 0


def _environment(effort):
    """environment.describe, asked where threads are set as they are for every implementation."""
    with runner.Worker("environment", effort) as worker:
        return worker.send(do="ask", ask="benchmarks.environment:describe")["answer"]


def _check_clone():
    found = Path(npixel.__file__).resolve().parents[1]
    if found != CLONE:
        raise ValueError(f"benchmarks of {CLONE} would time the npixel of {found}: "
                         f"run them from a clone, cd {CLONE} first")


def _check_outputs(arguments):
    if arguments.resume:
        if not arguments.json or arguments.plot or arguments.force:
            raise ValueError("--resume needs --json FILE, and goes neither with --force nor with "
                             "--plot, which draws a whole run")
    if arguments.json:
        check_output(arguments.json, report.KIND, force=arguments.force or arguments.resume)
    if arguments.plot:
        plots.available()
        os.makedirs(arguments.plot, exist_ok=True)


def _terminate(*_):
    raise _Terminated


def _tiny(chosen, effort, peers):
    failed = 0
    for family, row, seconds, error in tiny.run(chosen, effort, peers=peers, progress=_Progress()):
        _Progress().clear()
        what = f"FAILED {error}" if error else f"{len(seconds)} implementations agree"
        print(f"{family.NAME}/{row.name}: {what}", flush=True)
        failed += bool(error)
    return 1 if failed else 0


def _list(chosen, *, whole):
    for family, rows in chosen:
        print(f"{family.NAME}: {family.TITLE}")
        for row in rows:
            targets = "; ".join(f"target {target.ratio:g} x {target.against}"
                                for target in row.targets)
            print(f"  {family.NAME}/{row.name}    {row.call}, {row.shapes}, {row.dtype}"
                  + (f"    {targets}" if targets else ""))
    if whole and (untimed := families.untimed_kernels()):
        print(f"kernels that no row names: {', '.join(untimed)}")


def _skipped(chosen):
    """One line per module that is missing for peers."""
    absent = {}
    for _, rows in chosen:
        for row in rows:
            for one in row.implementations:
                if module := runner.missing(one):
                    absent.setdefault(module, set()).add(one.counts_as)
    return [f"skipped, {module} is not installed: {', '.join(sorted(names))}"
            for module, names in absent.items()]


class _Progress:
    """One line on a terminal that overwrites itself; nothing elsewhere."""

    def __call__(self, text):
        if sys.stderr.isatty():
            print(f"\r\033[K{text[:100]}", end="", file=sys.stderr, flush=True)

    def clear(self):
        self("")
