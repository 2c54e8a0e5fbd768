"""Hypothesis without deadlines (the first call of a kernel compiles it), and derandomised where CI says so."""

import os
import sys
from pathlib import Path

from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).parent))         # properties, cases, oracles
settings.register_profile("npixel", deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow],
                          derandomize=bool(os.environ.get("CI")))
settings.load_profile("npixel")
