"""Numbers as users give them: floats, integers, Fractions, and strings such as "1/3" or "0.1".

A number is *exact* if it is an integer, a Fraction or a string; a float is taken as it is, and never guessed to be a fraction here.
Every function returns the float64 values, and beside them the Fractions where every number was exact (else None).

Read next: model.py.
"""

from fractions import Fraction
from numbers import Integral, Rational, Real

import numpy as np


def parse(name, x):
    """One number -> (float, Fraction or None).   ValueError names `name` if it is not a real number."""
    if isinstance(x, (bool, np.bool_)):
        raise ValueError(f"{name} expects a number, got {x!r}")
    if isinstance(x, str):
        try:
            x = Fraction(x.strip())
        except (ValueError, ZeroDivisionError):
            raise ValueError(f"{name} expects a number such as 0.5 or \"1/3\", got {str(x)!r}") from None
    if isinstance(x, np.ndarray) and x.ndim == 0:
        x = x.item()
    if isinstance(x, (Integral, Rational)):
        exact = Fraction(int(x)) if isinstance(x, Integral) else Fraction(x.numerator, x.denominator)
        try:
            return float(exact), exact
        except OverflowError:
            raise ValueError(f"{name} is too large for a float: 10**{len(str(abs(exact.numerator) // exact.denominator)) - 1} or more") from None
    if isinstance(x, Real):
        return float(x), None
    raise ValueError(f"{name} expects a number, got {type(x).__name__}: {x!r}")


def parse_array(name, x):
    """An array or nested list of numbers -> (float64 array, object array of Fractions or None), of the same shape."""
    try:
        x = np.asarray(x)
    except ValueError:
        raise ValueError(f"{name} expects a rectangular array; its rows differ in length") from None
    if x.dtype.kind == "f":
        return x.astype(np.float64), None
    if x.dtype.kind in "iu":
        return x.astype(np.float64), fractions(x)
    if x.dtype.kind in "OU":
        floats, exact, all_exact = np.empty(x.shape), np.empty(x.shape, object), True
        for at in np.ndindex(x.shape):
            floats[at], exact[at] = parse(f"{name}{list(at)}" if at else name, x[at])
            all_exact = all_exact and exact[at] is not None
        return floats, exact if all_exact else None
    raise ValueError(f"{name} expects numbers, got an array of dtype {x.dtype}")


def fractions(x):
    """Each number of an integer, Fraction or float array as a Fraction of exactly its value: object array of the same shape."""
    x = np.asarray(x)
    out = np.empty(x.shape, object)
    for at in np.ndindex(x.shape):
        value = x[at]
        out[at] = Fraction(int(value)) if isinstance(value, Integral) else value if isinstance(value, Fraction) else Fraction(float(value))
    return out
