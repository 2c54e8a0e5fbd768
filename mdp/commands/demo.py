"""mdp demo: solve the examples, compare them with the published answers, draw them.

Read first: nothing.  Read next: cli.py.
"""

from pathlib import Path

from npixel.runtime.command import add_force, add_json


def add_arguments(commands):
    command = commands.add_parser(
        "demo", help="solve the examples, compare with the published answers, draw them",
        description="Solve the examples with every method that can, beside the published answers, "
                    "and draw them.")
    command.add_argument("--out", type=Path, default=Path("mdp-demo"), metavar="DIR",
                         help="folder for the pictures (default mdp-demo)")
    command.add_argument("--no-pictures", action="store_true", help="only the text")
    add_force(command, "the pictures in the folder")
    add_json(command)
    command.set_defaults(call=_demo)


def _demo(arguments):
    from .. import demo
    return demo.run(arguments.out, pictures=not arguments.no_pictures, as_json=arguments.json,
                    force=arguments.force)
