"""Memory: how much there is, how much a piece of work would take, and keeping what was freed.

    memory.require(memory.training_bytes(model, 16), "a batch of 16", "a smaller one takes less")

What is too large is refused before it begins, in one line with both numbers. The estimates are
rough. They come from what a forward pass holds, which the `width` of a model states in numbers for
each pixel. The limit is what the machine has available, or what a cgroup or `ulimit -v` leaves. The
environment variable NPIXEL_MEMORY, a number of bytes, sets another. How large the files of others
may become is another question, which limits.py answers (NPIXEL_DATA_LIMIT).

    memory.keep()

This is a setting for programs that train; no import makes it. A training step allocates and frees
the same hundred megabytes again and again. GNU's allocator gives large blocks back to the system
when they are freed. Every page of the next blocks must then be cleared at first touch, which takes
about a fifth of the time of a small PixelCNN's step. The command line calls this once at its
beginning. So do the benchmarks, for every implementation alike.

Read first: nothing.  Read next: runtime/whole_file.py, runtime/limits.py.
"""

import ctypes
import dataclasses
import math
import os
from pathlib import Path

import numpy as np

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3            # malloc.h
MOST = 2**30
VARIABLE = "NPIXEL_MEMORY"                             # of the environment: a number of bytes
# the side, in pixels, of the part of an image whose caches are counted
PART = 32
# how many copies of the caches, the outputs and the weights there are at the peak of a training
# step: measured on all models
BACKWARD, LOSS, WEIGHTS = 1.2, 2.75, 5
WEIGHT_BYTES = 8                                       # they are drawn in float64
MOST_WEIGHTS = 10**5                                   # names in a model's params
CGROUPS = (("memory.max", "memory.current"),
           ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"))


def forward_bytes(model, n=1):
    """How many bytes one forward pass over n images holds, without caches."""
    return n * _one_image(model.module, model.config, model.dtype)


def check_config(module, config, dtype):
    """ValueError with the estimate if a model could not hold its weights, or look at one image.

    The line names the fields that are not the default ones. Nothing is allocated here. A model with
    more than MOST_WEIGHTS names of weights is refused, too, and counting stops there.
    """
    H, W, C = config.image_shape
    name = module.__name__.rpartition(".")[2]
    chosen = [f"{field.name} {getattr(config, field.name)}" for field in dataclasses.fields(config)
              if field.name not in ("image_shape", "levels")
              and getattr(config, field.name) != field.default]
    given = f"{name} with {', '.join(chosen)}" if chosen else name
    needed = 0
    for count, (_, shapes) in enumerate(module.shapes(config)):
        if count == MOST_WEIGHTS:
            raise ValueError(f"the weights of {given} are more than {MOST_WEIGHTS:,} pairs of "
                             "kernels and biases: fewer layers have less")
        needed += WEIGHT_BYTES * sum(map(math.prod, shapes))
    require(needed,
            f"the weights of {given}, for images of {H}x{W}x{C} and {config.levels} levels,",
            "smaller ones take less")
    require(_one_image(module, config, dtype),
            f"one image of {H}x{W}x{C}, {config.levels} levels, in {given}",
            "smaller images, fewer levels or features take less")


def _one_image(module, config, dtype):
    """Bytes that a forward pass over one image holds, without caches."""
    return math.prod(config.image_shape[:2]) * module.width(config) * dtype.itemsize


def training_bytes(model, batch):
    """How many bytes a step of training holds: caches, the loss, and five times the weights.

    Forward passes over one image and over two are made, with caches. The difference is what each
    image holds. Of large images only a part is taken, since the rest holds as much per pixel.
    """
    H, W, C = model.image_shape
    part = model.config if H * W <= PART**2 else \
        dataclasses.replace(model.config, image_shape=(min(H, PART), min(W, PART), C))
    h, w = part.image_shape[:2]

    def held(n):
        x = model.encode(np.zeros((n, h, w, C), np.int64))
        outputs, caches = model.module.forward(model.params, x, part, condition=_condition(part, n))
        return nbytes([outputs, caches]), outputs.nbytes

    one, two = held(1), held(2)
    each = BACKWARD * (two[0] - one[0]) + LOSS * (two[1] - one[1])
    return each * batch * (H * W) / (h * w) + WEIGHTS * nbytes(model.params)


def _condition(config, n):
    """Some condition of the right shape for n images; None for a model without."""
    if getattr(config, "classes", 0):
        return np.zeros(n, np.int64)
    if V := getattr(config, "condition_features", 0):
        return np.zeros((n, V), np.float32)
    if V := getattr(config, "condition_maps", 0):
        return np.zeros((n, *config.image_shape[:2], V), np.float32)
    return None


def nbytes(tree):
    """Bytes of the arrays in a tree of dicts, tuples and lists. Shared memory counts once.

    >>> a = np.zeros(10)
    >>> nbytes({"a": a, "b": (a[:5], [np.zeros(1)])})
    88
    """
    found, waiting = {}, [tree]
    while waiting:
        tree = waiting.pop()
        if isinstance(tree, np.ndarray):
            while isinstance(tree.base, np.ndarray):
                tree = tree.base
            found[id(tree)] = tree.nbytes
        elif isinstance(tree, dict):
            waiting += tree.values()
        elif isinstance(tree, (tuple, list)):
            waiting += tree
    return sum(found.values())


def require(needed, what, remedy):
    """ValueError, one line with the numbers, if `needed` bytes are more than are available.

    needed   bytes
    what     words for what takes them: "a batch of 16 images"
    remedy   words for what would take less: "a smaller one takes less"
    """
    left = available()
    if needed > left:
        raise ValueError(f"{what} would take about {words(needed)} of memory, and {words(left)} "
                         f"are available: {remedy} ({VARIABLE}=BYTES sets another limit)")


def words(size):
    """Bytes for people.

    >>> words(700), words(3 * 2**29), words(2**50)
    ('700 bytes', '1.5 GiB', '1,024 TiB')
    """
    if size >= 2**100:
        return f"2^{int(size).bit_length() - 1} bytes"
    if size < 1000:
        return f"{size:.0f} bytes"
    for unit in ("KiB", "MiB", "GiB", "TiB"):
        size /= 1024
        if size < 1000:
            return f"{size:.3g} {unit}"
    return f"{size:,.0f} TiB"


def available():
    """Bytes that this process may still take; infinity where nothing is known.

    ValueError if the environment sets a limit that is no number.
    """
    given = os.environ.get(VARIABLE, "").strip()
    if given and not (given.isascii() and given.isdigit()):
        raise ValueError(f"{VARIABLE} must be a number of bytes, is {given!r}")
    if given:
        return int(given)
    return max(0, min(_of_the_machine(), _of_the_cgroup(), _of_the_address_space()))


def _of_the_machine():
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        parts = [line.partition(":") for line in lines]
        sizes = {name: int(rest.split()[0]) for name, _, rest in parts}
        return 1024 * (sizes["MemAvailable"] + sizes["SwapFree"])
    except (OSError, ValueError, KeyError, IndexError):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return math.inf


def _of_the_cgroup(root=Path("/sys/fs/cgroup")):
    for limit, used in CGROUPS:
        try:
            most, now = (int((root / name).read_text()) for name in (limit, used))
            return most - now + _reclaimable(root / used)
        except (OSError, ValueError):                  # no such file; "max", which is no limit
            pass
    return math.inf


def _reclaimable(used):
    """Bytes of cached files, which count as used, and which the system gives up when asked."""
    for line in (used.parent / "memory.stat").read_text().splitlines():
        name, _, size = line.partition(" ")
        if name in ("inactive_file", "total_inactive_file"):
            return int(size)
    return 0


def _of_the_address_space():
    try:
        import resource
        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        used = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except (ImportError, OSError, ValueError, IndexError):
        return math.inf
    return math.inf if limit == resource.RLIM_INFINITY else limit - used


def keep():
    """Ask the C library to keep freed blocks up to 1 GB for this process.

    returns   True if it did; only GNU's can, and otherwise nothing happens
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return False
    return bool(mallopt(M_TRIM_THRESHOLD, MOST) and mallopt(M_MMAP_THRESHOLD, MOST))


def release():
    """Give kept blocks back to the system; True if some were kept."""
    try:
        return bool(ctypes.CDLL(None).malloc_trim(0))
    except (OSError, AttributeError, TypeError):
        return False
