"""python -m npixel: the same as the command npixel.

Read first: cli.py.  Read next: runtime/command.py, commands/__init__.py.
"""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
