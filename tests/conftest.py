"""Hypothesis without deadlines (the first call of a kernel compiles it), and derandomised where CI says so; Ctrl-C as it is on a terminal."""

import os
import signal
import sys
from pathlib import Path

from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).parent))         # properties, cases, oracles
settings.register_profile("npixel", deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow],
                          derandomize=bool(os.environ.get("CI")))
settings.load_profile("npixel")

# A shell gives a job in the background an ignored SIGINT, which would be handed on to every process that a test interrupts.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
