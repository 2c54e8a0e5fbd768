"""Compiled loops, each beside the NumPy function that defines it.

    def _sweep_numpy(v, P, R): ...            the definition: what the loops mean

    @kernel(defined_by=_sweep_numpy)
    def _sweep(v, P, R): ...                  the same numbers, as loops that numba compiles

The name bound by the decorator is the compiled loop, or the definition where numba is not installed or the environment
variable NPIXEL_KERNELS is "off" when this module is first imported. Nothing is compiled at import: numba compiles a kernel
at its first call with new argument types, and keeps the result beside the source (or in its user-wide cache) where a
directory is writable.

Kernels are serial and release the interpreter lock, so they may run in several Python threads at once and never
meet another library's thread pool; large matrix products are BLAS's own (blas.py). They take arrays and numbers, no options, and are
compiled without fast-math: a sum is added up in the order written, and a division by zero is what it is in NumPy.

Loops check no index: one outside its array reads or overwrites foreign memory. So every number that
a user can set and that becomes an index is checked before a kernel sees it, in these places:

    mdp       states, actions, rows and columns of P: MDP._store, which every form and every reader
              passes, and MarkovChain.__init__ (given_numbers.py: indices, pointers; before 32 bits)
    npixel    levels and targets: losses/levels.py;   classes: Model.check_condition and
              layers/conditional_bias.py;   taps, strides and shapes: conv2d.check, and conv2d.read
              for the place of a strip;   gradients that come back: plain(dy, shape), rows_in_lanes

All others are made here: by counting, by argmax over a row, or from the shapes of arrays.

Read next: blas.py, layers/conv2d.py.
"""

import os
from typing import Callable, NamedTuple

import numpy as np

if os.environ.get("NPIXEL_KERNELS", "on").lower() == "off":
    numba = None
else:
    try:
        import numba
    except ImportError:                                # the definitions give the same numbers, slower
        numba = None


class Pair(NamedTuple):
    """A kernel and the function that defines it."""
    name: str                                          # module.function
    definition: Callable
    compiled: Callable                                 # the definition itself where kernels are off


PAIRS: list[Pair] = []                                 # every kernel imported so far, in order of definition


def kernel(*, defined_by):
    """Decorator: compile the loops below it, which compute what `defined_by` computes.

    defined_by   the NumPy function with the same arguments and the same effect; called instead when kernels are off
    returns      the compiled function (lazily: the first call compiles), or `defined_by`
    """
    def decorate(loops):
        compiled = defined_by if numba is None else _compile(loops)
        PAIRS.append(Pair(f"{loops.__module__}.{loops.__name__}", defined_by, compiled))
        return compiled
    return decorate


def _compile(loops):
    try:
        return numba.njit(loops, nogil=True, error_model="numpy", cache=True)
    except RuntimeError:                               # numba found no writable directory for its cache
        return numba.njit(loops, nogil=True, error_model="numpy")


def enabled():
    """True if kernels are compiled, False if their definitions run instead."""
    return numba is not None


def plain(array, shape=None):
    """The array in memory order and writable, copied only if it is not.

    Kernels are compiled for one type of array.
    shape   what it must have, or ValueError: loops run over one array and index the others alike
    """
    if shape is not None and array.shape != tuple(shape):
        raise ValueError(f"an array of shape {tuple(shape)} was expected, got {array.shape}")
    return np.require(array, requirements=["C", "W"])
