"""Matrix products inside compiled loops, and the threads that share images among them.

    add_product(a, b, c, ta, tb)              c += op(a) op(b), from inside a kernel
    images_in_lanes(work, *arrays, sums)      work on the images of each lane, on a few threads
    rows_in_lanes(work, *arrays)              the same for the rows of arrays
    parallel(work, lanes)                     work(0), ..., work(lanes - 1), on a few threads
    workspace(dtype, size)                    memory for a kernel to work in

Products. NumPy's `@` is BLAS, but it cannot add to its result, and compiled loops cannot call it.
SciPy publishes BLAS's own routines as C functions (scipy.linalg.cython_blas). Kernels call these by
name. The compiler learns the names when this file is imported.

Tiles. `add_product` hands BLAS at most TILE = 2**18 multiplications at a time. Such a tile stays in
the first cache. It is also too small for OpenBLAS to split among threads of its own. So a kernel
never wakes BLAS's threads, and no global setting has to be touched.

Lanes. A lane is a part of the images: some that follow one another. Where lanes add something up,
their number depends on the shapes alone, and their sums are added in lane order. So the last bits
are the same with any number of threads. Where lanes add nothing up, any number of them gives the
same bits.

This holds for the threads of this file. What NumPy and SciPy multiply outside of kernels is another
matter: BLAS may split a large product, and the last bits then depend on OPENBLAS_NUM_THREADS (or
OMP_NUM_THREADS). That concerns layers/linear.py, the mixture and the L-BFGS of ride, and a model's
`step` where it draws many images.

Measured on two cores (Xeon, AVX-512, OpenBLAS 0.3.30, float32, 64 features). One core does 120 to
150 GF/s with such tiles, since OpenBLAS multiplies small matrices without packing them. One large
product over two threads of OpenBLAS does 200 to 240 GF/s in all. So nothing is lost with tiles, and
BLAS's threads need not be switched off.

Read first: runtime/kernels.py.  Read next: runtime/elementary.py, layers/canvas.py.
"""

import itertools
import os
import threading
from functools import cache

import numpy as np

from .kernels import kernel, numba, plain

KEEP, TRANSPOSE = ord("N"), ord("T")                  # what BLAS calls op
TILE = 2**18                                           # most multiplications in one call of BLAS
BLOCK = 64                                             # columns, and terms of a sum, in one tile
SMALL = 4096                                           # so few numbers get one lane
LANES = 8                                              # lanes of a batch, if nothing else is said


def check_dtype(dtype):
    """ValueError unless numbers of this dtype can be multiplied here: float32 or float64."""
    if dtype not in (np.float32, np.float64):
        raise ValueError(f"arrays must be float32 or float64, are {np.dtype(dtype)}")


def _add_product_numpy(a, b, c, ta, tb):
    """c += op(a) op(b), where op transposes if ta or tb is 1.

    a, b, c   matrices of one dtype; their rows may be strided, their columns may not
    """
    c += (a.T if ta else a) @ (b.T if tb else b)


def gemm(one, *places):
    """BLAS's product: sgemm if `one` is float32, dgemm if float64. It works inside kernels only.

    places   the addresses of its 13 arguments, which Fortran wants in place of values

    NotImplementedError outside of a kernel.
    """
    raise NotImplementedError("gemm can be called from a compiled loop only")


if numba is not None:
    from llvmlite import binding
    from numba import types
    from numba.core import cgutils
    from numba.extending import get_cython_function_address, intrinsic, overload

    def _external(name):
        """One of SciPy's C functions, which compiled code finds by name also in another process."""
        address = get_cython_function_address("scipy.linalg.cython_blas", name)
        binding.add_symbol(f"npixel_{name}", address)
        return types.ExternalFunction(f"npixel_{name}", types.void(*[types.voidptr] * 13))

    GEMM = {types.float32: _external("sgemm"), types.float64: _external("dgemm")}

    @overload(gemm)
    def _gemm(one, *places):
        product = GEMM[one]
        return lambda one, *places: product(*places)

    @intrinsic
    def place(context, value):
        """The address of a copy of the value on the stack. It works inside kernels only."""
        def generate(context, builder, signature, arguments):
            address = cgutils.alloca_once_value(builder, arguments[0])
            return builder.bitcast(address, cgutils.voidptr_t)
        return types.voidptr(value), generate


@kernel(defined_by=_add_product_numpy)
def _add_tile(a, b, c, ta, tb):
    one = c.dtype.type(1)
    terms = a.shape[0] if ta else a.shape[1]
    # numbers from one row to the next; an array of a single row may have any stride
    pitch_a = max(a.shape[1], a.strides[0] // a.itemsize)
    pitch_b = max(b.shape[1], b.strides[0] // b.itemsize)
    pitch_c = max(c.shape[1], c.strides[0] // c.itemsize)
    op_a, op_b = np.uint8(TRANSPOSE if ta else KEEP), np.uint8(TRANSPOSE if tb else KEEP)
    # BLAS counts columns first: it sees all arrays transposed, and c.T += op(b).T op(a).T
    gemm(one, place(op_b), place(op_a),
         place(np.int32(c.shape[1])), place(np.int32(c.shape[0])), place(np.int32(terms)),
         place(one), b.ctypes, place(np.int32(pitch_b)), a.ctypes, place(np.int32(pitch_a)),
         place(one), c.ctypes, place(np.int32(pitch_c)))


@kernel(defined_by=_add_product_numpy)
def add_product(a, b, c, ta, tb):
    terms = a.shape[0] if ta else a.shape[1]
    if c.size * terms <= TILE:
        _add_tile(a, b, c, ta, tb)
        return
    rows = max(1, TILE // (min(terms, BLOCK) * min(c.shape[1], BLOCK)))
    for i in range(0, c.shape[0], rows):
        for k in range(0, terms, BLOCK):
            for j in range(0, c.shape[1], BLOCK):
                a_tile = a[k:k + BLOCK, i:i + rows] if ta else a[i:i + rows, k:k + BLOCK]
                b_tile = b[j:j + BLOCK, k:k + BLOCK] if tb else b[k:k + BLOCK, j:j + BLOCK]
                _add_tile(a_tile, b_tile, c[i:i + rows, j:j + BLOCK], ta, tb)


def workspace(dtype, size):
    """An array of at least `size` numbers for a kernel to work in, with anything in it.

    Each thread has one for each dtype, and is given the same one again at the next call. Memory
    fresh from the system costs more to touch than the products that fill it.
    """
    held = _held.__dict__.setdefault(np.dtype(dtype).char, np.empty(0, dtype))
    if held.size < size:
        held = _held.__dict__[np.dtype(dtype).char] = np.empty(size, dtype)
    return held


_held = threading.local()


def images_in_lanes(work, *arrays, sums=(), lanes=None):
    """Share images out among lanes, run the lanes on a few threads, and add up what they sum.

        work(*(array[images] for array in arrays), *zeros)     for each lane, with images of its own

    arrays    (N, ...) each; a lane is given the same images of each, as a contiguous slice
    sums      arrays; a lane is given zeros of these shapes and dtypes, to add to
    lanes     how many, LANES if None; no more than there are images
    returns   what the lanes have added to their zeros: one array for each in `sums`

    Sums are added in lane order. So with sums, `lanes` must not depend on the number of threads:
    else the last bits would.

    >>> x, y = np.arange(6.0).reshape(3, 2), np.empty((3, 2))
    >>> def work(x, y, total):
    ...     y[...] = 2 * x
    ...     total += x.sum(axis=0)
    >>> images_in_lanes(work, x, y, sums=[np.empty(2)])
    [array([6., 9.])]
    >>> y.tolist()
    [[0.0, 2.0], [4.0, 6.0], [8.0, 10.0]]
    """
    N = len(arrays[0])
    lanes = min(N, LANES if lanes is None else lanes)
    totals = [np.zeros((lanes, *array.shape), array.dtype) for array in sums]

    def run(lane):
        images = slice(lane * N // lanes, (lane + 1) * N // lanes)
        work(*(array[images] for array in arrays), *(total[lane] for total in totals))

    parallel(run, lanes)
    return [total.sum(axis=0) for total in totals]


def rows_in_lanes(work, *arrays):
    """Share rows out among lanes: work(rows of each array) for each lane.

    arrays   (..., width) each, taken as matrices with rows of that width

    There is only one lane where there are few numbers.

    ValueError unless all have the same number of rows.
    """
    rows = [plain(array).reshape(-1, array.shape[-1]) for array in arrays]
    if len({len(part) for part in rows}) > 1:
        shapes = ", ".join(str(array.shape) for array in arrays)
        raise ValueError(f"arrays must have the same number of rows, have shapes {shapes}")
    if rows[0].size <= SMALL:
        work(*rows)
    else:
        images_in_lanes(work, *rows)


def parallel(work, lanes):
    """Call work(0), ..., work(lanes - 1), each once, in any order; the first error is raised.

    They run on threads() threads. To gain from that, `work` must release the interpreter lock, as
    kernels and NumPy do. Lanes must not write to the same places.

    Several Python threads may call this at once. They share the helper threads, and no helper waits
    for another.
    """
    if lanes == 1:
        work(0)
        return
    helpers = min(threads(), lanes) - 1
    counter = itertools.count()

    def run():
        while (lane := next(counter)) < lanes:         # next() on a count is atomic
            work(lane)

    futures = []
    try:
        for _ in range(helpers):
            futures.append(_pool().submit(run))
    except RuntimeError:
        pass                                           # Python is ending: this thread does it all
    try:
        run()
    finally:
        for future in futures:                         # never leave while a helper still writes
            future.exception()
    for future in futures:
        future.result()


def threads():
    """How many threads `parallel` uses.

    It is NPIXEL_THREADS, else OMP_NUM_THREADS, else the processors that this process may run on.
    """
    for name in ("NPIXEL_THREADS", "OMP_NUM_THREADS"):
        value = os.environ.get(name, "")
        if value.isdigit() and int(value) > 0:
            return int(value)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def _pool():
    """The helper threads of `parallel`, made when they are first needed."""
    # RuntimeError while Python ends: `parallel` expects it
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(max_workers=max(1, threads() - 1), thread_name_prefix="npixel")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)   # threads do not survive a fork
