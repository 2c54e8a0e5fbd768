"""The command mdp, and python -m mdp.

What it does is in cli.py, which this imports when it runs.

Read first: cli.py.  Read next: commands/solve.py, commands/__init__.py.
"""

import sys

from npixel.runtime import same_name
from npixel.runtime.command import start


def main(argv=None):
    """Run one command; the exit status."""
    return start("mdp", _parser, argv)


def _parser():
    same_name.refuse_mixture()         # its __init__.py may have replaced ours
    from .cli import parser            # NumPy, SciPy and numba: `main` is ready before

    return parser()


if __name__ == "__main__":
    sys.exit(main())
