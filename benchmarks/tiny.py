"""Every row once, at a tiny size: it shows that a row runs, and its implementations agree.

    python -m benchmarks --tiny [names...] [--peers]

A family says how its rows become tiny. TINY has values for constants of its module. TINY_ARGUMENTS
has values for arguments of its rows, or functions of these arguments. One process serves all
implementations that have the same environment, since starting one takes longer than a tiny call.
Nothing is measured: times of such sizes mean nothing.

Read first: runner.py.  Read next: cli.py.
"""

from contextlib import ExitStack
from tempfile import TemporaryDirectory

from .runner import Failure, Worker, compare, missing


def run(chosen, effort, *, peers=False, progress=lambda text: None):
    """Each row of families.choose once: yields (family, row, {implementation: seconds}, error).

    The error is one line, or "" if every implementation ran and returned what the first returned.
    """
    with ExitStack() as stack:
        directory = stack.enter_context(TemporaryDirectory())
        workers = {}                                   # environment -> Worker

        def worker(environment):
            key = tuple(sorted(environment.items()))
            if key not in workers or workers[key].process.poll() is not None:
                workers[key] = stack.enter_context(Worker("tiny", effort, environment))
            return workers[key]

        for family, rows in chosen:
            for row in rows:
                progress(f"{family.NAME}/{row.name}")
                seconds, error = {}, ""
                try:
                    for name, time in _once(family, row, worker, directory, peers):
                        seconds[name] = time
                except Failure as failure:
                    error = str(failure)
                yield family, row, seconds, error


def _once(family, row, worker, directory, peers):
    """(name, seconds) of each implementation that is here."""
    reference, arguments = None, arguments_of(family, row)
    for one in row.implementations:
        if missing(one) or (one.role == "peer" and not peers):
            continue
        process = worker(one.environment)
        process.name = one.name
        process.setup(one, arguments, constants=family.TINY)
        outputs = process.outputs(directory)
        if reference is None:
            reference = outputs
        elif one.compared:
            compare(one.name, reference, outputs, row.tolerance)
        yield one.name, process.time()


def arguments_of(family, row):
    """The arguments of a row, tiny where the family says how."""
    smaller = {key: value(row.arguments) if callable(value) else value
               for key, value in family.TINY_ARGUMENTS.items() if key in row.arguments}
    return row.arguments | smaller
