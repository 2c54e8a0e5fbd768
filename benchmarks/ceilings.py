"""What this machine can do at all, measured in the same run and printed first.

    sgemm     GF/s             a product of two 2048 x 2048 matrices in NumPy's BLAS, float32, on
                               all threads
    dgemm     GF/s             the same in float64
    triad     GB/s             a = b + 3 c over arrays far larger than any cache, on all threads
                               (McCalpin's STREAM)
    exp       ns per element   numpy.exp, float32, in the cache, on the one thread that NumPy uses
    tanh      ns per element   numpy.tanh, likewise

Rows report their distance from a ceiling. A ceiling is the best of its timings, since anything
slower was held up by something else. They are taken again after each family. The triad counts the
three arrays that it names, 24 bytes per element. A processor that first reads what it is about to
write moves a third more.

Read first: row.py, runner.py.  Read next: report.py.
"""

from typing import NamedTuple

import numpy as np

from npixel.runtime import blas
from npixel.runtime.kernels import kernel

from .row import Call, Implementation
from .runner import Worker, calibrate

MATRIX = 2048
ELEMENTS = 2**24                                       # 128 MB per float64 array
CACHED = 2**14                                         # 64 kB per float32 array
SLICES = 64


class Ceiling(NamedTuple):
    """A rate: `work` per second (flops, bytes) or the time of one element."""
    name: str
    unit: str
    setup: object
    arguments: dict
    work: float


def product(dtype):
    """A matrix product."""
    a, b = np.random.default_rng(0).standard_normal((2, MATRIX, MATRIX)).astype(dtype)
    out = np.empty_like(a)
    return Call(lambda: np.matmul(a, b, out=out), lambda result: {"product": result})


def _triad_numpy(a, b, c):
    """a = b + 3 c   (n,) each"""
    a[...] = b + 3 * c


@kernel(defined_by=_triad_numpy)
def _triad(a, b, c):
    for i in range(a.size):
        a[i] = b[i] + 3.0 * c[i]


def triad():
    """STREAM's triad over slices, each thread its own."""
    a, b, c = np.zeros(ELEMENTS), np.ones(ELEMENTS), np.ones(ELEMENTS)
    size = ELEMENTS // SLICES

    def work(lane):
        here = slice(lane * size, (lane + 1) * size)
        _triad(a[here], b[here], c[here])

    return Call(lambda: blas.parallel(work, SLICES), lambda result: {"a": a})


def elementwise(function):
    """numpy.exp or numpy.tanh, in place of nothing."""
    x = np.random.default_rng(0).standard_normal(CACHED).astype(np.float32)
    out, function = np.empty_like(x), getattr(np, function)
    return Call(lambda: function(x, out=out), lambda result: {"y": result})


CEILINGS = (
    Ceiling("sgemm", "GF/s", product, {"dtype": "float32"}, 2e-9 * MATRIX**3),
    Ceiling("dgemm", "GF/s", product, {"dtype": "float64"}, 2e-9 * MATRIX**3),
    Ceiling("triad", "GB/s", triad, {}, 24e-9 * ELEMENTS),
    Ceiling("exp", "ns/element", elementwise, {"function": "exp"}, CACHED),
    Ceiling("tanh", "ns/element", elementwise, {"function": "tanh"}, CACHED),
)


def measure(effort, timings=10, found=None):
    """{name: {"value", "unit", "seconds"}} of every ceiling.

    found   an earlier answer, whose timings are kept
    """
    found = found or {}
    before = {name: values["seconds"] for name, values in found.items()}
    return {ceiling.name: _measure(ceiling, effort, timings, before.get(ceiling.name, []))
            for ceiling in CEILINGS}


def _measure(ceiling, effort, timings, earlier):
    with Worker(ceiling.name, effort) as worker:
        worker.setup(Implementation(ceiling.name, ceiling.setup), ceiling.arguments)
        calls = calibrate(worker)
        seconds = earlier + [worker.time(calls) for _ in range(timings)]
    best = min(seconds)
    value = best / ceiling.work * 1e9 if ceiling.unit == "ns/element" else ceiling.work / best
    return {"value": value, "unit": ceiling.unit, "seconds": seconds}
