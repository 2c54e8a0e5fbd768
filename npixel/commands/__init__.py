"""The verbs of the command npixel, one file each. The command itself is in cli.py.

Here are train, evaluate, sample, complete and models. What they share is in shared.py, drawing.py
and kinds.py. The verbs data, demo and doctor are in data/command.py, demo/ and doctor.py.

Each has `add_arguments(verbs)`, which adds its options to a parser and says what is called.

Read first: data/command.py.  Read next: cli.py.
"""

from npixel import demo, doctor
from npixel.runtime import command
from npixel.data import command as data

from . import complete, evaluate, models, sample, train


def parser(argv=()):
    """The whole command line; `argv` is what is parsed, for the line that says how to go on."""
    top = command.Parser.of_verbs(
        "npixel", "Autoregressive image models with exact likelihoods.",
        environment=["  NPIXEL_DATA        directory of data sets, where no --data-dir is given"],
        status=["  0      done", "  1      doctor found a fault"])
    top.set_defaults(argv=list(argv))
    verbs = top.add_subparsers(metavar="COMMAND", title="commands")
    for verb in (train, evaluate, sample, complete, models, data, demo, doctor):
        verb.add_arguments(verbs)
    return top
