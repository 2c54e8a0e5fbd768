"""The command npixel: train, evaluate, sample, complete, models, data, demo, doctor.

    npixel train pixelcnn --data binarized_mnist --minutes 10 --out run.npz
    npixel evaluate run.npz --data binarized_mnist
    npixel sample run.npz -n 25
    npixel complete run.npz --data binarized_mnist

Results go to standard output, as text or with --json as one JSON object; progress and errors go to
standard error. Exit status: 0; 1 if doctor finds a fault; 2 for bad input, with one line that says
what; 130 after Ctrl-C; 141 if nobody reads standard output any more.

Read first: nothing.  Read next: __main__.py, runtime/command.py.
"""

import sys
import warnings

from npixel.runtime import command


def main(argv=None):
    """Run one command; the exit status."""
    argv = sys.argv[1:] if argv is None else list(argv)
    with warnings.catch_warnings():
        # NumPy's one warning about a nan; what is not finite is refused in words
        warnings.simplefilter("ignore", RuntimeWarning)
        return command.start("npixel", lambda: parser(argv), argv)


def parser(argv=()):
    """The whole command line; `argv` is what is parsed, for the line that says how to go on."""
    # NumPy, numba and every model: `main` is ready before they are
    from npixel import commands
    from npixel.runtime import memory

    memory.keep()
    return commands.parser(argv)
