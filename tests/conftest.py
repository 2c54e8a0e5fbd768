"""What holds for all tests: settings of Hypothesis, Ctrl-C, and the command line as a fixture.

Hypothesis has no deadlines, since the first call of a kernel compiles it. It is derandomised where
CI says so. Ctrl-C is as on a terminal.
"""

import os
import signal
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).parent))         # properties, cases, oracles
settings.register_profile("npixel", deadline=None, max_examples=25,
                          suppress_health_check=[HealthCheck.too_slow],
                          derandomize=bool(os.environ.get("CI")))
settings.load_profile("npixel")

# A shell gives a job in the background an ignored SIGINT, which would be handed on to every process
# that a test interrupts.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


CACHES = {"__pycache__", ".pytest_cache", ".hypothesis"}


@pytest.fixture(autouse=True)
def nothing_is_left_behind():
    """A test writes into its own tmp_path, and leaves the folder where pytest began as it was."""
    folder = Path.cwd()
    before = set(os.listdir(folder))
    yield
    left = set(os.listdir(folder)) - before - CACHES
    assert not left, f"the test left {sorted(left)} in {folder}"


@pytest.fixture
def call(capsys):
    """npixel's command line: call("models", "--json") -> (exit status, standard output, standard
    error)"""
    from npixel import cli

    def run(*argv):
        try:
            status = cli.main([str(argument) for argument in argv])
        except SystemExit as stop:
            status = stop.code
        printed = capsys.readouterr()
        return status, printed.out, printed.err
    return run
