"""Keeping freed memory: the second step of a program that allocates much touches no new page."""

import platform
import subprocess
import sys

import pytest

CODE = """
import resource, sys
import numpy as np
from npixel import memory
if sys.argv[1] == "keep":
    assert memory.keep()
def step():
    held = [np.zeros(500_000) + i for i in range(20)]
step(), step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only GNU's allocator can be asked")
def test_freed_memory_is_kept_only_where_asked():
    faults = {how: int(subprocess.run([sys.executable, "-c", CODE, how], capture_output=True, text=True, check=True).stdout) for how in ("keep", "leave")}
    assert faults["keep"] < 100 < faults["leave"]
