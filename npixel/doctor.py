"""npixel doctor: what this installation is, and whether it computes what it should.

`environment` describes the machine, the versions, the threads, and where compiled kernels are kept.
`checks` holds a small version of every model to three definitions: the gradient to a difference,
the sum over all images to one, cached generation to naive.

Read first: measure.py.  Read next: runtime/kernels.py, runtime/blas.py, runtime/__init__.py.
"""

import importlib.metadata
import math
import os
import platform
import sys
import time
from typing import NamedTuple

import numpy as np

from . import measure
from .registry import MODELS
from .runtime import blas, command, kernels, same_name

PACKAGES = ("npixel", "numpy", "scipy", "numba", "matplotlib", "tqdm", "pillow", "threadpoolctl")
VARIABLES = ("NPIXEL_KERNELS", "NPIXEL_THREADS", "NPIXEL_DATA", "OMP_NUM_THREADS",
             "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "NUMBA_CACHE_DIR",
             "NUMBA_DISABLE_JIT")


class Check(NamedTuple):
    """One check of one model. It is passed if its error is a number of at most the tolerance."""
    model: str
    name: str
    error: float
    tolerance: float

    @property
    def passed(self):
        """False, too, for an error that is nan."""
        return bool(self.error <= self.tolerance)


def add_arguments(verbs):
    """Add `doctor` to the verbs of the command npixel."""
    parser = verbs.add_parser(
        "doctor", help="versions, threads, kernels, and a check of every model",
        description="Describe this installation and check a small version of every model; "
                    "exit status 1 if a check fails.")
    command.add_json(parser)
    parser.set_defaults(call=_doctor)


def _doctor(arguments):
    began = time.monotonic()
    results = checks()
    seconds = time.monotonic() - began
    # after the checks, which compile or load the kernels
    facts = environment()
    failed = [check for check in results if not check.passed]
    passed = not failed and not same_name.trouble()
    if arguments.json:
        rows = [check._asdict() | {"passed": check.passed} for check in results]
        command.print_json(facts | {"checks": rows, "seconds": seconds, "passed": passed})
        return 0 if passed else 1
    _show(facts)
    print(f"\n{'model':<20} {'check':<58} {'error':>8}  {'at most':>8}")
    for check in results:
        print(f"{check.model:<20} {check.name:<58} {check.error:8.1e}  {check.tolerance:8.1e}  "
              f"{'ok' if check.passed else 'FAILED'}")
    print(f"\n{len(results) - len(failed)} of {len(results)} checks passed in {seconds:.1f} s, "
          "compilation included")
    return 0 if passed else 1


def _show(facts):
    for name, value in facts.items():
        if name == "kernels":
            print(f"{'kernels':<12} {value['status']}")
            for row in value["list"]:
                print(f"{'':<12} {row['name']:<44} {row['state']}")
        elif isinstance(value, dict):
            items = ", ".join(f"{key} {item}" for key, item in value.items())
            print(f"{name:<12} {items or 'none set'}")
        else:
            print(f"{name:<12} {value}")


# the installation


def environment():
    """What the numbers and the speed depend on: a dict of plain values."""
    return {
        "python": f"{platform.python_version()} ({sys.executable})",
        "system": platform.platform(),
        "processor": f"{_processor()}, {os.cpu_count()} processors",
        "packages": {name: _version(name) for name in PACKAGES},
        "mdp": same_name.trouble() or f"ours, in {same_name.OURS}",
        "threads": blas.threads(),
        "blas": _blas(),
        "variables": {name: os.environ[name] for name in VARIABLES if name in os.environ},
        "kernels": _kernels(),
    }


def _version(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _processor():
    try:
        with open("/proc/cpuinfo") as file:
            return next(line.split(":", 1)[1].strip() for line in file
                        if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _blas():
    """Name and version of NumPy's BLAS.

    Where threadpoolctl is installed: of all libraries, with their threads.
    """
    try:
        import threadpoolctl
    except ImportError:
        found = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
        return f"{found['name']} {found['version']}"
    import scipy.linalg  # noqa: F401    loads its own BLAS

    return ", ".join(f"{one['internal_api']} {one['version']} with {one['num_threads']} threads"
                     for one in threadpoolctl.threadpool_info())


def _kernels():
    """Every kernel that was imported so far, and where the cache is.

    A kernel is compiled in this process, loaded from the cache, or not called yet.
    """
    rows = []
    for pair in kernels.PAIRS:
        # a compiled kernel has them, a definition has not
        stats = getattr(pair.compiled, "stats", None)
        if stats is None:
            state, place = "its NumPy definition", None
        else:
            hits, place = sum(stats.cache_hits.values()), stats.cache_path
            compiled = len(pair.compiled.signatures) - hits
            state = "not called yet"
            if pair.compiled.signatures:
                state = f"{compiled} compiled now, {hits} from the cache"
            state += f", kept in {place}" if place else ", not kept: no directory is writable"
        rows.append({"name": pair.name, "state": state, "cache": place})
    status = "compiled by numba" if kernels.enabled() else (
        "off (NPIXEL_KERNELS, or numba is not installed): the NumPy definitions run")
    return {"status": status, "enabled": kernels.enabled(), "list": rows}


# the checks


def checks(names=None, *, seed=0):
    """A list of Check: three for each model, all in float64 with random weights.

    names   of npixel.MODELS; None for all
    """
    return [check for name in names or MODELS for check in check_model(name, seed=seed)]


def check_model(name, *, seed=0):
    """The three checks of one model."""
    rng = np.random.default_rng(seed)
    model = measure.small(name, rng)
    images = rng.integers(0, 2, (3, *model.image_shape))
    uniforms = rng.random(images.shape)
    cached = model.sample(3, uniforms=uniforms)
    naive = model.sample(3, uniforms=uniforms, naive=True)
    shape, count = "x".join(map(str, model.image_shape)), 2 ** math.prod(model.image_shape)
    return [
        Check(name, "gradient against a central difference, relative",
              measure.gradient_error(model, images, rng), 1e-5),
        Check(name, f"|sum of p over all {count:,} images of {shape}, 2 levels, - 1|",
              measure.normalisation_error(model), 1e-12),
        Check(name, "sub-pixels in which cached and naive samples differ",
              float(np.count_nonzero(cached != naive)), 0.0)]
