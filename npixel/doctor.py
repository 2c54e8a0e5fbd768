"""npixel doctor: what this installation is, and whether it computes what it should.

`environment` describes the machine, the versions, the threads, and where compiled kernels are kept. `checks` runs three checks on a small
version of every model, each against its own definition: the gradient against a difference, the sum over all images against one, and cached
generation against naive.

Read first: kernels.py, blas.py.
"""

import dataclasses
import importlib.metadata
import math
import os
import platform
import sys
import time
from typing import NamedTuple

import numpy as np

from .runtime import blas, command, kernels, same_name
from .registry import MODELS, build

PACKAGES = ("npixel", "numpy", "scipy", "numba", "matplotlib", "tqdm", "pillow", "threadpoolctl")
VARIABLES = ("NPIXEL_KERNELS", "NPIXEL_THREADS", "NPIXEL_DATA", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS",
             "NUMBA_NUM_THREADS", "NUMBA_CACHE_DIR", "NUMBA_DISABLE_JIT")
SMALL = {"hidden": 6, "layers": 2, "first_kernel": 3, "head": 6}           # what the models under check have, where they have such a field
SHAPES = ((3, 3, 1), (4, 4, 1))                        # the first that a model accepts is enumerated: 512 or 65,536 images


class Check(NamedTuple):
    """One check of one model. `error` is compared with `tolerance`; it may not be above it, nor nan."""
    model: str
    name: str
    error: float
    tolerance: float

    @property
    def passed(self):
        return bool(self.error <= self.tolerance)


def add_arguments(subparsers):
    """Add `doctor` to the subcommands of a parser."""
    parser = subparsers.add_parser("doctor", help="versions, threads, kernels, and a check of every model",
                                   description="Describe this installation and check a small version of every model; exit status 1 if a check fails.")
    command.add_json(parser)
    parser.set_defaults(call=_doctor)


def _doctor(arguments):
    began = time.monotonic()
    results = checks()
    seconds = time.monotonic() - began
    facts = environment()                              # after the checks, which compile or load the kernels
    failed = [check for check in results if not check.passed]
    passed = not failed and not same_name.trouble()
    if arguments.json:
        rows = [check._asdict() | {"passed": check.passed} for check in results]
        command.print_json(facts | {"checks": rows, "seconds": seconds, "passed": passed})
    else:
        _show(facts)
        print(f"\n{'model':<20} {'check':<58} {'error':>8}  {'at most':>8}")
        for check in results:
            print(f"{check.model:<20} {check.name:<58} {check.error:8.1e}  {check.tolerance:8.1e}  {'ok' if check.passed else 'FAILED'}")
        print(f"\n{len(results) - len(failed)} of {len(results)} checks passed in {seconds:.1f} s, compilation included")
    return 0 if passed else 1


def _show(facts):
    for name, value in facts.items():
        if name == "kernels":
            print(f"{'kernels':<12} {value['status']}")
            for row in value["list"]:
                print(f"{'':<12} {row['name']:<44} {row['state']}")
        else:
            text = ", ".join(f"{key} {item}" for key, item in value.items()) or "none set" if isinstance(value, dict) else value
            print(f"{name:<12} {text}")


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
            return next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _blas():
    """Name and version of NumPy's BLAS; all libraries with their threads where threadpoolctl is installed."""
    try:
        import threadpoolctl
    except ImportError:
        found = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
        return f"{found['name']} {found['version']}"
    import scipy.linalg  # noqa: F401    loads its own BLAS

    return ", ".join(f"{one['internal_api']} {one['version']} with {one['num_threads']} threads" for one in threadpoolctl.threadpool_info())


def _kernels():
    """Every kernel imported so far: compiled in this process, loaded from a cache, or not called yet, and where the cache is."""
    rows = []
    for pair in kernels.PAIRS:
        stats = getattr(pair.compiled, "stats", None)  # a compiled kernel has them, a definition has not
        if stats is None:
            state, place = "its NumPy definition", None
        else:
            hits, place = sum(stats.cache_hits.values()), stats.cache_path
            compiled = len(pair.compiled.signatures) - hits
            state = f"{compiled} compiled now, {hits} from the cache" if pair.compiled.signatures else "not called yet"
            state += f", kept in {place}" if place else ", not kept: no directory is writable"
        rows.append({"name": pair.name, "state": state, "cache": place})
    status = "compiled by numba" if kernels.enabled() else "off (NPIXEL_KERNELS, or numba is not installed): the NumPy definitions run"
    return {"status": status, "enabled": kernels.enabled(), "list": rows}


# the checks


def checks(names=None, *, seed=0):
    """Check a small version of each model, all in float64 with random weights: a list of Check."""
    return [check for name in names or MODELS for check in check_model(name, seed=seed)]


def check_model(name, *, seed=0):
    """The three checks of one model."""
    rng = np.random.default_rng(seed)
    model = small(name, rng)
    shape = "x".join(map(str, model.image_shape))
    images = rng.integers(0, 2, (3, *model.image_shape))
    uniforms = rng.random(images.shape)
    different = np.count_nonzero(model.sample(3, uniforms=uniforms) != model.sample(3, uniforms=uniforms, naive=True))
    return [Check(name, "gradient against a central difference, relative", gradient_error(model, images, rng), 1e-5),
            Check(name, f"|sum of p over all {2 ** math.prod(model.image_shape):,} images of {shape}, 2 levels, - 1|", normalisation_error(model), 1e-12),
            Check(name, "sub-pixels in which cached and naive samples differ", float(different), 0.0)]


def small(name, rng, *, levels=2, shapes=SHAPES):
    """A small model with random weights (not the initial ones, of which some are zero), float64, of the first shape it accepts."""
    fields = {field.name for field in dataclasses.fields(MODELS[name].Config)}
    config = {field: value for field, value in SMALL.items() if field in fields}
    for shape in shapes:
        try:
            model = build(name, image_shape=shape, levels=levels, dtype="float64", **config)
            break
        except ValueError:
            if shape == shapes[-1]:
                raise
    for weights in model.params.values():
        for array in weights:
            fan_in = array.size / array.shape[-1] if array.ndim > 1 else 4
            array[...] = rng.standard_normal(array.shape) / math.sqrt(fan_in)
    return model


def every_image(image_shape, levels):
    """(levels^(H W C), H, W, C): all images there are, in the order of counting.

    >>> every_image((1, 2, 1), 2)[..., 0].tolist()
    [[[0, 0]], [[0, 1]], [[1, 0]], [[1, 1]]]
    """
    places = math.prod(image_shape)
    digits = np.arange(levels**places)[:, None] // levels ** np.arange(places)[::-1] % levels
    return digits.reshape(-1, *image_shape)


def normalisation_error(model):
    """|sum over all images of p(image) - 1|, by enumeration."""
    return abs(float(np.exp(model.log_prob(every_image(model.image_shape, model.levels))).sum()) - 1)


def gradient_error(model, images, rng, *, step=1e-6):
    """The gradient along a random direction against (f(p + step d) - f(p - step d)) / (2 step), relative to the larger. Weights stay as they were."""
    before = {name: [array.copy() for array in weights] for name, weights in model.params.items()}
    direction = {name: [rng.standard_normal(array.shape) for array in weights] for name, weights in before.items()}
    _, grads = model.loss_and_grads(images)
    slope = sum(float((g * d).sum()) for name in grads for g, d in zip(grads[name], direction[name]))

    def loss(t):
        for name, weights in model.params.items():
            for array, start, d in zip(weights, before[name], direction[name]):
                array[...] = start + t * d
        return model.loss_and_grads(images)[0]

    difference = (loss(step) - loss(-step)) / (2 * step)
    loss(0)
    return abs(slope - difference) / max(abs(slope), abs(difference), 1e-300)
