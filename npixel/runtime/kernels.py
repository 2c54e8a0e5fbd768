"""Compiled loops, each beside the NumPy function that defines it.

    def _sweep_numpy(v, P, R): ...            the definition: what the loops mean

    @kernel(defined_by=_sweep_numpy)
    def _sweep(v, P, R): ...                  the same numbers, as loops that numba compiles

The name below the decorator is the compiled loop. It is the definition where numba is not
installed, or where the environment variable NPIXEL_KERNELS is "off" when this module is first
imported. Where the fast form is a Python function that calls kernels, `computed_by` binds it to its
definition in the same way.

Nothing is compiled at import. numba compiles a kernel at its first call with new types of
arguments. It keeps the result beside the source, or in its user-wide cache, if it can write there.
What is kept is used again only while all that was compiled into it is the same: the kernel, the
functions that it calls, in whichever files they stand, and the numbers that they name. numba alone
compares the kernel's own file only. With it, a kernel would go on with old code of what it calls. A
damaged file is replaced: the kernel is compiled anew.

Kernels are serial and release the interpreter lock. So they may run in several Python threads at
once, and they never meet another library's threads. Large matrix products are BLAS's (blas.py).
Kernels take arrays and numbers, no options. They are compiled without fast-math: a sum is added up
in the order written, and a division by zero is what it is in NumPy.

Loops do not check indices: one outside its array reads or overwrites foreign memory. So every
number that a user can set and that becomes an index is checked before a kernel sees it:

    mdp       states, actions, rows and columns of P     MDP._store and MarkovChain.__init__, with
                                                         `indices` and `pointers` of
                                                         given_numbers.py
    npixel    levels and targets                         losses/levels.py
              classes                                    Model.check_condition and
                                                         layers/conditional_bias.py
              taps, strides and shapes                   layers/live_taps.py
              the place of a strip                       conv2d.read
              gradients that come back                   plain(dy, shape), rows_in_lanes

All other indices are counted, come from argmax over a row, or from the shapes of arrays.

Read first: runtime/whole_file.py.  Read next: runtime/blas.py, runtime/elementary.py.
"""

import hashlib
import inspect
import itertools
import os
import pickle
import sys
import types
from functools import cache
from pathlib import Path
from typing import Callable, NamedTuple

import numpy as np

from .whole_file import write_whole

if os.environ.get("NPIXEL_KERNELS", "on").lower() == "off":
    numba = None
else:
    try:
        import numba
    except ImportError:
        numba = None                                   # definitions give the same numbers, slower


class Pair(NamedTuple):
    """A fast form and the function that defines it."""
    name: str                                          # module.function
    definition: Callable
    compiled: Callable                                 # what runs: it, or else the definition

    def define(self, *arguments):
        """Call the definition with the fast form's arguments, without those that it lacks."""
        return self.definition(*arguments[:len(_parameters(self.definition))])


PAIRS: list[Pair] = []                                 # all that were imported, in that order


def kernel(*, defined_by):
    """Decorator: compile the loops below it, which compute what `defined_by` computes.

    defined_by   the NumPy function with the same effect; called instead when kernels are off
    returns      the compiled function (the first call compiles), or one that calls `defined_by`

    The parameters of the definition are the first ones of the loops. Those that follow are for
    speed alone, such as memory to work in: the definition does not have them.

    TypeError if the loops do not begin with the parameters of the definition.
    """
    def decorate(loops):
        expected, given = _parameters(defined_by), _parameters(loops)
        if given[:len(expected)] != expected:
            raise TypeError(f"{loops.__name__}{given} does not begin with {expected}, the "
                            f"parameters of {defined_by.__name__}")
        return _register(loops, defined_by, None if numba is None else _compile(loops))
    return decorate


def computed_by(fast):
    """Decorator: the function below it is a definition, and `fast` runs in its place.

        @computed_by(canvas.correlate)
        def correlate(x, w, b, offsets, stride): ...   reads like the equation

    fast      a Python function with the same parameters and the same result; it may call kernels
    returns   `fast`, or the definition itself when kernels are off

    TypeError if the parameters differ.
    """
    def decorate(definition):
        expected, given = _parameters(definition), _parameters(fast)
        if given != expected:
            raise TypeError(f"{fast.__name__}{given} and {definition.__name__}{expected} have "
                            "different parameters")
        return _register(definition, definition, None if numba is None else fast)
    return decorate


def _register(named, definition, fast):
    """Add the pair of that name to PAIRS, and return what runs in place of the function `named`.

    fast   None if kernels are off: then the definition runs. It is not given the arguments for
           speed, which it does not have
    """
    pair = Pair(f"{named.__module__}.{named.__name__}", definition, fast)
    if fast is None:
        whole = named is definition or _parameters(named) == _parameters(definition)
        pair = pair._replace(compiled=definition if whole else pair.define)
    PAIRS.append(pair)
    return pair.compiled


@cache
def _parameters(function):
    """The names of a function's parameters."""
    return tuple(inspect.signature(function).parameters)


def _compile(loops):
    """The loops as numba compiles them, with a cache of our own."""
    compiled = numba.njit(loops, nogil=True, error_model="numpy")
    try:
        compiled._cache = _cache_of(loops)
    except (RuntimeError, OSError):                    # no writable directory, or no source
        pass                                           # compiled in memory, each time
    return compiled


def _cache_of(loops):
    """numba's cache for a kernel, which chooses the directory, with a file of ours in it."""
    from numba.core.caching import FunctionCache

    class Cache(FunctionCache):
        def save_overload(self, signature, compiled):
            try:
                super().save_overload(signature, compiled)
            except OSError:                            # a full disk costs the cache, not the answer
                pass

    cache = Cache(loops)
    name = f"{loops.__module__}.{loops.__qualname__}-{sys.implementation.cache_tag}.kernel"
    cache._cache_file = CacheFile(Path(cache.cache_path) / name, _stamp(loops))
    return cache


class CacheFile:
    """What was compiled from one kernel, in one file.

    It holds three things: a checksum of the other two, the stamp, and {key: bytes}, pickled. Its
    name has no line number and no version, so what is out of date is replaced and does not pile up.
    numba's FunctionCache reads and writes through the methods load, save and flush.
    """

    def __init__(self, path, stamp):
        self.path, self.stamp = path, stamp

    def load(self, key):
        """What `save` was given, or None."""
        data = self._entries().get(key)
        return None if data is None else pickle.loads(data)

    def save(self, key, data):
        from numba.core.serialize import dumps         # it can pickle numba's signatures

        content = self.stamp + dumps(self._entries() | {key: dumps(data)})
        write_whole(self.path, lambda file: file.write(hashlib.sha256(content).digest() + content))

    def flush(self):
        self.path.unlink(missing_ok=True)

    def _entries(self):
        """{key: bytes}; empty where it is missing, damaged or compiled from something else."""
        try:
            data = self.path.read_bytes()
        except OSError:
            return {}
        checksum, content = data[:32], data[32:]
        if hashlib.sha256(content).digest() != checksum or content[:32] != self.stamp:
            return {}
        return pickle.loads(content[32:])


def _stamp(loops):
    """A digest of everything that is compiled into a kernel.

    It covers the loops, the functions of our packages that they name, those that these name, and so
    on. Of each function it covers the code, the file in which it stands, and the numbers that it
    names. A function that is overloaded for numba (elementary.py) stands in one file with its
    overload.
    """
    ours = {package.partition(".")[0] for package in (__name__, loops.__module__)}
    digest = hashlib.sha256(repr((numba.__version__, _source(kernel))).encode())
    functions, files = [loops], set()
    for function in functions:                         # the list grows on the way
        codes = list(_codes(function.__code__))
        digest.update(
            repr([(code.co_code, code.co_names, _constants(code)) for code in codes]).encode()
        )
        if (file := function.__code__.co_filename) not in files:
            files.add(file)
            digest.update(_source(function))
        names = sorted({name for code in codes for name in code.co_names})
        for name, value in _named(function.__globals__, names, ours):
            if isinstance(value, (bool, int, float, complex, tuple, np.generic, np.ndarray)):
                digest.update(repr((name, np.asarray(value).tolist())).encode())
            value = getattr(value, "py_func", value)   # of a kernel, its loops
            inside = inspect.isfunction(value) and value.__module__.partition(".")[0] in ours
            if inside and value not in functions:
                functions.append(value)
    return digest.digest()


def _named(scope, names, ours):
    """(name, value) of the names that are in `scope`, and in the modules of our packages there."""
    found = [(name, scope[name]) for name in names if name in scope]
    modules = [vars(value) for _, value in found
               if inspect.ismodule(value) and value.__name__.partition(".")[0] in ours]
    return found + [(name, module[name]) for module in modules for name in names if name in module]


def _codes(code):
    """A code object and those inside it."""
    inner = (const for const in code.co_consts if isinstance(const, types.CodeType))
    return itertools.chain([code], *map(_codes, inner))


def _constants(code):
    return [const for const in code.co_consts if not isinstance(const, types.CodeType)]


def _source(function):
    """The bytes of the file in which a function stands, also in a zip; in a notebook its own."""
    scope = function.__globals__
    try:
        return scope["__loader__"].get_data(scope["__file__"])
    except (KeyError, AttributeError, OSError):
        return inspect.getsource(function).encode()


def enabled():
    """True if kernels are compiled, False if their definitions run instead."""
    return numba is not None


def plain(array, shape=None):
    """The array in memory order and writable, copied only if it is not.

    Kernels are compiled for this one type of array.

    shape   what it must have: loops run over one array and index the others alike

    ValueError if the array has another shape.

    >>> plain(np.zeros((2, 3)).T).flags.c_contiguous
    True
    """
    if shape is not None and array.shape != tuple(shape):
        raise ValueError(f"an array must have shape {tuple(shape)}, has shape {array.shape}")
    if type(array) is np.ndarray and array.flags.c_contiguous and array.flags.writeable:
        return array
    return np.require(array, requirements=["C", "W"])
