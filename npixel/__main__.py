"""python -m npixel: the same as the command npixel."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
