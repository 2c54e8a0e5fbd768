"""What the command lines of both packages share: one line for bad input and exit status 2, and --json.

    main(argv) = run(parser(), argv)

A subcommand is a function of the parsed arguments. It raises ValueError, OSError or ImportError for bad input, a missing file
or a missing extra; `run` prints that as one line on standard error and returns 2. It returns the exit status, None meaning 0.
"""

import argparse
import json
import sys


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose errors are one line."""

    def error(self, message):
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def run(parser, argv=None):
    """Parse `argv`, call the chosen subcommand, return the exit status (0, what it returned, or 2 for bad input)."""
    arguments = parser.parse_args(argv)
    if not hasattr(arguments, "call"):
        parser.print_help()
        return 2
    try:
        return arguments.call(arguments) or 0
    except (ValueError, OSError, ImportError) as error:
        print(f"{parser.prog}: {' '.join(str(error).split()) or type(error).__name__}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"{parser.prog}: interrupted", file=sys.stderr)
        return 130


def add_json(parser):
    """Give a subcommand the option --json."""
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")


def print_json(result):
    """One JSON object on standard output; NumPy numbers and arrays become plain ones, nan and infinities strings."""
    print(json.dumps(_plain(result), allow_nan=False))


def _plain(value):
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):                       # NumPy arrays and numbers
        return _plain(value.tolist())
    if isinstance(value, float) and (value != value or value in (float("inf"), -float("inf"))):
        return str(value)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return str(value)
