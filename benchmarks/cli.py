"""python -m benchmarks [names...] [--quick] [--peers] [--json FILE] [--plot DIR] [--list] [--threads N]

Exit status: 0; 1 if a row failed (its outputs differ, or an implementation raised or crashed); 2 for bad input; 130 after Ctrl-C.
A target that is missed is printed as such and changes nothing: timings depend on the machine.
"""

import os
import sys

from npixel import blas
from npixel.command import Parser, run

from . import ceilings, environment, families, plots, report, runner


def main(argv=None):
    """Parse, measure, print; the exit status."""
    return run(parser(), argv)


def parser():
    """The command line's options."""
    options = Parser(prog="python -m benchmarks",
                     description="Time our code beside its definitions, beside other libraries, beside the machine's limits.")
    options.add_argument("names", nargs="*", help="families, or parts of the names of rows (see --list); everything if there are none")
    options.add_argument("--quick", action="store_true", help="a few rows and few rounds, under a minute")
    options.add_argument("--peers", action="store_true", help="other libraries too, where they are installed")
    options.add_argument("--json", metavar="FILE", help="write everything that was measured, every single timing included")
    options.add_argument("--plot", metavar="DIR", help="draw one picture per family")
    options.add_argument("--list", action="store_true", help="print the rows and stop")
    options.add_argument("--threads", type=int, default=None, metavar="N", help="threads of every implementation (default: the processors)")
    options.set_defaults(call=benchmark)
    return options


def benchmark(arguments):
    """Measure the rows that were asked for."""
    chosen = families.choose(arguments.names, quick=arguments.quick)
    if arguments.threads is not None and not 1 <= arguments.threads <= (os.cpu_count() or 1):
        raise ValueError(f"--threads must be between 1 and the {os.cpu_count()} processors, is {arguments.threads}")
    if arguments.list:
        return _list(chosen, whole=not arguments.names)
    if arguments.json:
        report.check_file(arguments.json)
    if arguments.plot:
        plots.available()
        os.makedirs(arguments.plot, exist_ok=True)
    effort = runner.Effort(arguments.threads or blas.threads(), **(runner.QUICK if arguments.quick else {}))

    progress = _Progress()
    progress("the machine")
    load = list(os.getloadavg()) if hasattr(os, "getloadavg") else None                 # before our own
    with runner.Worker("environment", effort) as worker:
        described = worker.send(do="ask", ask="benchmarks.environment:describe")["answer"]
    described["load"] = load
    progress("ceilings")
    measured_ceilings = ceilings.measure(effort, timings=4 if arguments.quick else 10)
    progress.clear()
    print("\n".join(report.head(described, measured_ceilings, effort)))
    if warning := environment.warning(described["load"], described["cores"]):
        print(f"WARNING: {warning}")
    if arguments.peers:
        for line in _skipped(chosen):
            print(line)

    done = []
    for family, rows in chosen:
        results = [runner.run(row, effort, peers=arguments.peers, progress=progress) for row in rows]
        if not arguments.quick:
            progress("ceilings, again")
            measured_ceilings = ceilings.measure(effort, timings=5, found=measured_ceilings)
        progress.clear()
        done.append((family, results))
        print("\n" + "\n".join(report.table(family, results, measured_ceilings)), flush=True)
        if arguments.plot and (path := plots.draw(arguments.plot, family, results)):
            print(f"  drawn: {path}")
    missed = report.shortfalls(done)
    if missed:
        print("\n" + "\n".join(missed))
    if arguments.json:
        report.write_json(arguments.json, report.as_plain(described, measured_ceilings, effort, done))
    return 1 if any(result.failed for _, results in done for result in results) else 0


def _list(chosen, *, whole):
    for family, rows in chosen:
        print(f"{family.NAME}: {family.TITLE}")
        for row in rows:
            targets = "; ".join(f"target {target.ratio:g} x {target.against}" for target in row.targets)
            print(f"  {family.NAME}/{row.name}    {row.call}, {row.shapes}, {row.dtype}" + (f"    {targets}" if targets else ""))
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
    return [f"skipped, {module} is not installed: {', '.join(sorted(names))}" for module, names in absent.items()]


class _Progress:
    """One line on a terminal that overwrites itself; nothing elsewhere."""

    def __call__(self, text):
        if sys.stderr.isatty():
            print(f"\r\033[K{text[:100]}", end="", file=sys.stderr, flush=True)

    def clear(self):
        self("")
