"""What a row of the benchmarks declares.

    Row(name="conv 5x5 64 forward",
        arguments={"K": 5, "D": 64},
        implementations=(ours, definition, peer, ...),
        targets=(Target("PyTorch as written", 1.2),), ...)

The first implementation is held against each of the others. An implementation names a *setup*: a
function at the top of a module, which a fresh process imports and calls with the row's arguments.
Setup imports its library, draws the inputs from a fixed seed, and returns a Call: what is timed,
and how to read its result.

Read first: nothing.  Read next: worker.py.
"""

from dataclasses import dataclass, field
from typing import Callable, NamedTuple

import numpy as np


class Call(NamedTuple):
    """One implementation, ready to be timed."""
    run: Callable  # () -> result; nothing else happens inside the clock
    read: Callable  # result -> {name: array}, in our layout, for the comparison
    scale: float = 1.0  # > 1 where run does a fraction of the work: seconds are multiplied by it


@dataclass(frozen=True)
class Implementation:
    """A way to compute what the row computes."""
    name: str                                          # as printed
    setup: Callable  # (**row.arguments, **arguments) -> Call; found again by module and name
    # "ours", "definition" (the plain form that ours stands for) or "peer" (another library)
    role: str = "ours"
    group: str = ""  # of several peers in one group, the fastest is the one that counts
    arguments: dict = field(default_factory=dict)      # plain values, besides the row's own
    # variables of its process, besides the number of threads
    environment: dict = field(default_factory=dict)
    requires: tuple = ()                               # modules it cannot do without
    compared: bool = True  # False: another quantity, timed for the ratio alone

    @property
    def counts_as(self):
        """The name under which a target speaks of it."""
        return self.group or self.name


class Target(NamedTuple):
    """How fast the row's first implementation is to be.

    against   the name of another one, or of a group, whose fastest counts
    ratio     so many times as fast as that
    """
    against: str
    ratio: float


@dataclass(frozen=True)
class Row:
    """One call at one size, with everything that computes it."""
    name: str
    call: str                                          # what is called
    shapes: str
    implementations: tuple
    dtype: str = "float32"
    arguments: dict = field(default_factory=dict)
    # max|a - b| <= tolerance max|b|, array by array, before anything is timed
    tolerance: float = 1e-4
    flops: float = 0.0  # useful floating-point operations of one call; 0: not counted
    bytes: float = 0.0  # memory one call must move at least; 0: not counted
    images: int = 0  # images per call, where milliseconds per image mean something
    # bytes of what the call is given; 0: of no interest. Memory is then shown as a multiple of it
    storage: float = 0.0
    # rounds A B B A, where that is fewer than usual, whatever they take; 0: as many as usual
    rounds: int = 0
    targets: tuple = ()
    # what this row times beside its definition: module.function, or a module for all of its kernels
    kernels: tuple = ()
    quick: bool = False                                # also part of a --quick run
    note: str = ""  # a reason, an extrapolation, what falls short

    def __post_init__(self):
        names = [implementation.name for implementation in self.implementations]
        if len(set(names)) < len(names) or not names:
            raise ValueError(f"row {self.name!r}: implementations need names of their own, has "
                             f"{names}")
        known = {implementation.counts_as for implementation in self.implementations[1:]}
        for target in self.targets:
            if target.against not in known:
                raise ValueError(f"row {self.name!r}: a target against {target.against!r}, which "
                                 f"is not among {sorted(known)}")


def relative_difference(a, b):
    """max|a - b| / max|b|; infinite where shapes differ or anything is not a number.

    >>> relative_difference([1.0, 2.0], [1.0, 2.5])
    0.2
    """
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape:
        return float("inf")
    if a.size == 0:
        return 0.0
    a, b = a.astype(np.float64), b.astype(np.float64)
    largest, difference = np.abs(b).max(), np.abs(a - b).max()
    if not np.isfinite(difference + largest):
        return float("inf")
    if difference == 0:
        return 0.0
    return float(difference / largest) if largest > 0 else float("inf")
