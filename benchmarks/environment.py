"""What the figures depend on: processor, threads, versions, BLAS libraries, and date.

`describe` runs in a worker, where the number of threads is set as it is for every implementation.

Read first: worker.py.  Read next: report.py.
"""

import datetime
import importlib.metadata
import importlib.util
import os
import platform

from npixel.runtime import blas

PACKAGES = ("numpy", "scipy", "numba", "npixel", "torch", "quantecon", "mdpsolver", "pymdptoolbox")
BUSY = 0.5  # processors' worth of other work that is too much


def describe():
    """A dict of plain values, for the head of the tables and the JSON file."""
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "threads": blas.threads(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "packages": {name: version for name in PACKAGES if (version := _version(name))},
        "blas": libraries(),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def processor():
    """The processor's name as the system gives it."""
    try:
        with open("/proc/cpuinfo") as file:
            return next(line.split(":", 1)[1].strip()
                        for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def libraries():
    """Every BLAS and OpenMP that NumPy, SciPy and PyTorch load, one text each.

    An example: "openblas 0.3.30 SkylakeX, 2 threads (numpy.libs)".
    """
    if importlib.util.find_spec("threadpoolctl") is None:
        import numpy

        found = numpy.show_config(mode="dicts")["Build Dependencies"]["blas"]
        return [f"{found['name']} {found['version']} (numpy; pip install threadpoolctl to see the "
                "others)"]
    import threadpoolctl

    import scipy.linalg  # noqa: F401    loads its own BLAS

    if importlib.util.find_spec("torch"):
        import torch  # noqa: F401
    return sorted(                                     # they come in another order each time
        " ".join(one[key] for key in ("internal_api", "version", "architecture") if one.get(key))
        + f", {one['num_threads']} threads ({os.path.basename(os.path.dirname(one['filepath']))})"
        for one in threadpoolctl.threadpool_info())


def warning(load, cores):
    """One line if other work keeps the machine busy, else ""."""
    if load and load[0] > BUSY:
        return (f"load average {load[0]:.1f} on {cores} processors before the first timing: "
                "other work runs here, timings will be unquiet")
    return ""


def _version(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""
