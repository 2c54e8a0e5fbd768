"""Matrix products where loops meet BLAS, and the threads that run them.

    add_product(gemm, scratch, a, b, c, ta, tb)       c += op(a) op(b), from inside a kernel, without a temporary, in tiles
    parallel(work, lanes)                             work(0), ..., work(lanes - 1) on a few Python threads

NumPy's `@` is BLAS, but it cannot add to its result, nor be called from a compiled loop. SciPy publishes the same routines as C
pointers (scipy.linalg.cython_blas); a kernel takes one as an argument.

Threads. One product here multiplies at most 2**18 numbers (m n k), a tile that stays in the first cache. OpenBLAS never splits so
small a product among its own threads, so no pool of BLAS's is ever woken from inside a kernel, and no global setting has to be
touched: the parallelism is ours, over lanes. A lane is a fixed part of the work (every 8th image, say), whatever the number of
threads, and sums over lanes are taken in order: no result depends on the number of threads that
this file uses. What NumPy and SciPy multiply outside of kernels is another matter. BLAS may share a
large product out among its own threads, and their number (OPENBLAS_NUM_THREADS, or OMP_NUM_THREADS)
then shows in the last bits: in the mixture and the L-BFGS of ride, and in a model's `step` where
many images are drawn at once. NPIXEL_THREADS changes nothing there either.
Measured on two cores (Xeon, AVX-512, OpenBLAS 0.3.30, float32, 64 features): such tiles reach 120 to 150 GF/s per core, since OpenBLAS multiplies
small matrices without packing them; one large product of the same shape over two OpenBLAS threads reaches 200 to 240 GF/s together.
This is why threadpoolctl is no dependency here.

Read first: kernels.py.  Read next: layers/conv2d.py.
"""

import ctypes
import itertools
import os
import threading
from functools import cache

import numpy as np
import scipy.linalg.cython_blas

from .kernels import kernel, plain

TILE = 2**18                                           # most multiplications (m n k) in one product
BLOCK = 64                                             # columns, and terms of a sum, in one product
SMALL = 4096                                          # numbers that are not worth a second thread
LANES = 8                                              # parts into which a batch is split


@cache
def gemm_pointer(dtype):
    """BLAS's sgemm or dgemm as a C function of 13 pointers.   dtype float32 or float64; ValueError otherwise"""
    names = {np.dtype(np.float32): "sgemm", np.dtype(np.float64): "dgemm"}
    if np.dtype(dtype) not in names:
        raise ValueError(f"arrays must be float32 or float64, not {np.dtype(dtype)}")
    capsule = scipy.linalg.cython_blas.__pyx_capi__[names[np.dtype(dtype)]]
    name_of = ctypes.PYFUNCTYPE(ctypes.c_char_p, ctypes.py_object)(("PyCapsule_GetName", ctypes.pythonapi))
    address_of = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(("PyCapsule_GetPointer", ctypes.pythonapi))
    return ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 13)(address_of(capsule, name_of(capsule)))


def scratch(dtype):
    """The small arrays through which `add_product` hands its sizes to BLAS; one set per thread and call."""
    return np.array([ord("N"), ord("T")], np.uint8), np.zeros(6, np.int32), np.ones(1, dtype)


def workspace(dtype, size):
    """An array of at least `size` numbers for a kernel to work in, of this thread's own and with anything in it; it is handed out again at the
    next call, since memory fresh from the system costs more to touch than the products that fill it."""
    held = _held.__dict__.setdefault(np.dtype(dtype).name, np.empty(0, dtype))
    if held.size < size:
        held = _held.__dict__[np.dtype(dtype).name] = np.empty(size, dtype)
    return held


_held = threading.local()


def _add_tile_numpy(gemm, scratch, a, b, c, ta, tb):
    """c += op(a) op(b), op transposing where ta or tb is 1.   a, b, c: 2-D, rows may be strided, columns may not"""
    c += (a.T if ta else a) @ (b.T if tb else b)


@kernel(defined_by=_add_tile_numpy)
def _add_tile(gemm, scratch, a, b, c, ta, tb):
    letters, sizes, one = scratch
    sizes[0] = c.shape[0]                                                  # m
    sizes[1] = c.shape[1]                                                  # n
    sizes[2] = a.shape[0] if ta else a.shape[1]                            # k
    sizes[3] = max(a.shape[1], a.strides[0] // a.itemsize)                          # row lengths in memory; a single row may have any stride
    sizes[4] = max(b.shape[1], b.strides[0] // b.itemsize)
    sizes[5] = max(c.shape[1], c.strides[0] // c.itemsize)
    # BLAS counts columns first: it sees every array transposed, and c.T += op(b).T op(a).T
    gemm(letters[tb:].ctypes, letters[ta:].ctypes, sizes[1:].ctypes, sizes.ctypes, sizes[2:].ctypes, one.ctypes,
         b.ctypes, sizes[4:].ctypes, a.ctypes, sizes[3:].ctypes, one.ctypes, c.ctypes, sizes[5:].ctypes)


def _add_product_numpy(gemm, scratch, a, b, c, ta, tb):
    """c += op(a) op(b), op transposing where ta or tb is 1.   a, b, c: 2-D, rows may be strided, columns may not"""
    c += (a.T if ta else a) @ (b.T if tb else b)


@kernel(defined_by=_add_product_numpy)
def add_product(gemm, scratch, a, b, c, ta, tb):
    inner = a.shape[0] if ta else a.shape[1]
    if c.size * inner <= TILE:
        _add_tile(gemm, scratch, a, b, c, ta, tb)
        return
    rows = max(1, TILE // (min(inner, BLOCK) * min(c.shape[1], BLOCK)))
    for m in range(0, c.shape[0], rows):
        for k in range(0, inner, BLOCK):
            for n in range(0, c.shape[1], BLOCK):
                a_tile = a[k:k + BLOCK, m:m + rows] if ta else a[m:m + rows, k:k + BLOCK]
                b_tile = b[n:n + BLOCK, k:k + BLOCK] if tb else b[k:k + BLOCK, n:n + BLOCK]
                _add_tile(gemm, scratch, a_tile, b_tile, c[m:m + rows, n:n + BLOCK], ta, tb)


def threads():
    """How many threads `parallel` uses: NPIXEL_THREADS, else OMP_NUM_THREADS, else the processors this process may run on."""
    for name in ("NPIXEL_THREADS", "OMP_NUM_THREADS"):
        value = os.environ.get(name, "")
        if value.isdigit() and int(value) > 0:
            return int(value)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def parallel(work, lanes):
    """Call work(0), ..., work(lanes - 1), each once, in any order, on threads() threads; the first error is raised.

    `work` must release the interpreter lock to gain (kernels and NumPy do), and lanes must not write to the same places.
    May be called from several Python threads at once: the helpers are shared and never wait for one another.
    """
    helpers = min(threads(), lanes) - 1
    counter = itertools.count()

    def run():
        while (lane := next(counter)) < lanes:         # next() on a count is atomic
            work(lane)

    futures = []
    try:
        for _ in range(helpers):
            futures.append(_pool().submit(run))
    # Python is ending, and starts no threads: this one does it all
    except RuntimeError:
        pass
    try:
        run()
    finally:
        for future in futures:                         # never leave while a helper still writes
            future.exception()
    for future in futures:
        future.result()


def rows_in_lanes(work, *arrays):
    """work(rows of each array): arrays (..., width) as matrices, their rows shared out among lanes.

    There are LANES lanes, or one where there are few numbers.

    ValueError unless all have the same number of rows.
    """
    rows = [plain(array).reshape(-1, array.shape[-1]) for array in arrays]
    n = len(rows[0])
    if any(len(part) != n for part in rows):
        shapes = ", ".join(str(array.shape) for array in arrays)
        raise ValueError(f"arrays of shapes {shapes} do not have the same number of rows")
    size = max(1, -(-n // (LANES if rows[0].size > SMALL else 1)))
    parallel(lambda lane: work(*(part[lane * size:(lane + 1) * size] for part in rows)), -(-n // size))


@cache
def _pool():
    # which refuses to be imported while Python ends
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(max_workers=max(1, threads() - 1), thread_name_prefix="npixel")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)   # threads do not survive a fork
