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
    same_name.refuse_mixture()         # mdp/__init__.py asks too, but may have been overwritten
    from .cli import parser            # late, since it loads NumPy, SciPy and numba

    return parser()


if __name__ == "__main__":
    sys.exit(main())
