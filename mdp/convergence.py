"""The warning that a result is less precise than asked for, shown at the line that asked.

Read first: nothing.  Read next: evaluation.py, planning/solution.py, graph.py.
"""

import functools
import os
import sys
import warnings

OURS = os.path.dirname(os.path.abspath(__file__)) + os.sep


class ConvergenceWarning(UserWarning):
    """A result is not as precise as asked for; its bounds are valid all the same."""


def warn(message):
    """A ConvergenceWarning at the line that called this package, however deep the call went.

    A filter by module or file then means the user's own, and each line is shown once.
    """
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and _within(frame.f_code.co_filename):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, ConvergenceWarning, stacklevel=level)


def _within(file):
    """True for a file of this package, and for functools, which calls cached properties."""
    return os.path.abspath(file).startswith(OURS) or file == functools.__file__
