"""mdp convert: from one file format to another.

Read first: commands/shared.py, formats/files.py.  Read next: commands/evaluate.py.
"""

from pathlib import Path

from npixel.runtime.command import add_force, check_output

from ..formats import files
from ..given_numbers import short_gamma
from ..layout import printable
from .shared import add_model, inputs, outputs, read_model, telling


def add_arguments(commands):
    command = commands.add_parser(
        "convert", help="from one file format to another",
        description="Read a process and write it in the format of the ending of OUT: "
                    + " ".join(files.ENDINGS) + ". PRISM and DRN files have no discount.")
    add_model(command)
    command.add_argument("out", metavar="OUT")
    command.add_argument("--choices", action="store_true",
                         help="write an .npz of choice arrays instead of our own")
    add_force(command, "OUT")
    command.set_defaults(call=telling(_convert))


def _convert(arguments):
    for path, kind in outputs(arguments.out):
        check_output(path, kind, inputs=inputs(arguments), force=arguments.force)
    m = read_model(arguments)
    files.write(m, arguments.out, choices=arguments.choices)
    lost = Path(arguments.out).suffix.lower() in (".tra", ".drn") or arguments.choices
    told = ""
    if lost and m.gamma < 1:
        told = f", without its discount {short_gamma(m.gamma)}: give --gamma again"
    print(f"{m!r} -> {printable(arguments.out)}{told}")
