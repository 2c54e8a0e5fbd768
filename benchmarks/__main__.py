"""python -m benchmarks: the command of cli.py.

Read first: cli.py.  Read next: families.py.
"""

import sys

if not __package__:                                    # python some/where/benchmarks
    print("benchmarks: run it from the top of a clone, as python -m benchmarks", file=sys.stderr)
    sys.exit(2)

from .cli import main  # noqa: E402

sys.exit(main())
