"""Numbers as users give them: floats, exact numbers, and indices.

A number is *exact* if it is an integer, a Fraction, a Decimal, or a string such as "1/3". A float
is taken as it is, and never guessed to be a fraction here. `parse` and `parse_array` return the
float64 values, and beside them the Fractions where every number was exact (else None).

Three promises hold for every exact number that has passed this file:

    its numerator and denominator are Python integers, which do not wrap around as NumPy's do
    written as text it has at most DIGITS digits above and below the line, so that no "1e999999999"
        takes all memory
    its float has its sign, and is below one where it is below one

An *index* names a state, an action, a pair or a place in another array. `indices` and `pointers`
check it as it was given, before anything is cast to 32 bits or handed to compiled loops: these
check nothing.

Read first: nothing.  Read next: checks.py, forms.py.
"""

import math
from decimal import Decimal
from fractions import Fraction
from numbers import Rational, Real

import numpy as np

SMALLEST = math.ulp(0.0)               # the smallest positive float
DIGITS = 4300                          # of a numerator or denominator; Python's own limit


def parse(name, x):
    """One number -> (float, Fraction or None).   ValueError names `name` if it is no number."""
    if isinstance(x, np.ndarray) and x.ndim == 0:
        x = x.item()
    if isinstance(x, (bool, np.bool_)):
        raise ValueError(f"{name} must be a number, is {x!r}")
    if isinstance(x, (str, Decimal, Rational)):  # an integer is a Rational
        value = exact(name, x)
        return as_float(name, value), value
    if isinstance(x, Real):
        return float(x), None
    raise ValueError(f"{name} must be a number, is {type(x).__name__}: {_quoted(x)}")


def exact(name, x):
    """A string, Decimal, integer or Fraction of any kind -> Fraction of Python integers.

    ValueError names `name` if it is none of them, or a text of more than DIGITS digits.

    >>> exact("p", "2.5e-1"), exact("p", Fraction(np.int32(2), np.int32(4)))
    (Fraction(1, 4), Fraction(1, 2))
    """
    if isinstance(x, (str, Decimal)):
        return _from_text(name, str(x))
    if isinstance(x, Rational) and not isinstance(x, (bool, np.bool_)):
        return Fraction(int(x.numerator), int(x.denominator))
    raise ValueError(f"{name} must be an exact number, is {type(x).__name__}: {_quoted(x)}")


def given(name, x):
    """The same as one number: a Fraction where x is exact, else a float."""
    value, fraction = parse(name, x)
    return value if fraction is None else fraction


def as_float(name, x):
    """A Fraction -> the nearest float; but what is not zero, or is below one, stays so.

    An arrow with a tiny probability is an arrow, a tiny reward has a sign, and a discount just
    below one is a discount. Such a number becomes the smallest float of its sign, or the largest
    one below one: at most an ulp from where it is.

    >>> as_float("gamma", Fraction("0." + 20 * "9")) < 1, as_float("p", Fraction("-1e-400"))
    (True, -5e-324)
    """
    try:
        value = x.numerator / x.denominator      # rounded once
    except OverflowError:
        raise ValueError(f"{name} is too large for a float: {_power(x)}") from None
    if value == 0 and x != 0:
        return SMALLEST if x > 0 else -SMALLEST
    return math.nextafter(1.0, 0.0) if value == 1 and x < 1 else value


def parse_array(name, x):
    """An array or nested list of numbers -> (float64 array, object array of Fractions or None)."""
    try:
        x = np.asarray(x)
    except ValueError:
        raise ValueError(f"{name} must be a rectangular array; its rows differ in length") from None
    if x.dtype.kind == "f":
        return x.astype(np.float64), None
    if x.dtype.kind in "iu":
        return x.astype(np.float64), fractions(x)
    if x.dtype.kind in "OU":
        floats, exacts, all_exact = np.empty(x.shape), np.empty(x.shape, object), True
        for at in np.ndindex(x.shape):
            floats[at], exacts[at] = parse(f"{name}{list(at)}" if at else name, x[at])
            all_exact = all_exact and exacts[at] is not None
        return floats, exacts if all_exact else None
    raise ValueError(f"{name} must be numbers, is an array of dtype {x.dtype}")


def fractions(x):
    """Integers, Fractions or floats -> Fractions of exactly their values, (...) object array."""
    x = np.asarray(x)
    out = np.empty(x.shape, object)
    for at in np.ndindex(x.shape):
        value = x[at]
        out[at] = exact("number", value) if isinstance(value, Rational) else Fraction(float(value))
    return out


def objects(values):
    """A list of Fractions -> object array (n,), or None if one of them is None."""
    if any(value is None for value in values):
        return None
    out = np.empty(len(values), object)
    out[:] = values
    return out


def indices(name, x, size):
    """A list of integers in [0, size) -> the same as an array (n,), of the dtype given.

    ValueError names the entry that is outside, or what is no list of integers.
    """
    x = np.asarray(x)
    if x.size == 0:
        return np.zeros(0, np.int64)
    if x.dtype.kind not in "iu" or x.ndim != 1:
        raise ValueError(f"{name} must be a list of integers, is {x.dtype} of shape {x.shape}")
    if x.min() < 0 or x.max() >= size:           # min and max need no array of this size
        i = np.flatnonzero((x < 0) | (x >= size))[0]
        raise ValueError(f"{name}[{i}] is {x[i]}, outside [0, {size})")
    return x


def pointers(name, x, entries):
    """Where each row begins, and the last one ends: integers from 0 to `entries`, never falling."""
    x = np.asarray(x)
    if x.dtype.kind not in "iu" or x.ndim != 1 or not x.size:
        raise ValueError(f"{name} must be a list of integers, is {x.dtype} of shape {x.shape}")
    if x[0] != 0 or x[-1] != entries:
        raise ValueError(f"{name} goes from {x[0]} to {x[-1]}; it must go from 0 to {entries}")
    for i in np.flatnonzero(x[1:] < x[:-1])[:1]:
        raise ValueError(f"{name} falls from {x[i]} to {x[i + 1]} at {i + 1}")
    return x


def short_gamma(x):
    """A discount (float) in some digits; 1 is one, and not a little less.

    >>> short_gamma(1.0), short_gamma(1 / 3), short_gamma(0.9999999)
    ('1', '0.333333', '0.9999999')
    """
    text = f"{x:g}"
    return repr(x) if text == "1" and x < 1 else text


def short(x):
    """A float or Fraction for a message: all of it where that is short, else some digits.

    >>> short(Fraction(1, 3)), short(1 - Fraction(1, 10**50)), short(Fraction(1, 10**5000))
    ('1/3', '1 - 1e-50', '1e-5000')
    """
    if not isinstance(x, Fraction) or max(abs(x.numerator), x.denominator) < 10 ** 20:
        return str(x)
    near = round(x) if abs(x) < 10 ** 15 else 0
    if near == 0 or abs(x - near) > Fraction(1, 10 ** 6):
        return _power(x)
    return f"{near} {'-' if x < near else '+'} {_power(abs(x - near))}"


def _power(x):
    """A Fraction that is not zero, of any size -> "0.25", "1.25e-5000"."""
    size = math.log10(abs(x.numerator)) - math.log10(x.denominator)
    if abs(size) < 300:
        return f"{x.numerator / x.denominator:.12g}"
    exponent = math.floor(size + 1e-9)
    return f"{'-' if x < 0 else ''}{10 ** (size - exponent):.6g}e{exponent}"


def _from_text(name, text):
    """"0.1", "1/3" or "1e-3" -> Fraction; its digits are counted before it is computed."""
    word = text.strip()
    mantissa, _, power = word.replace("_", "").lower().partition("e")
    power = power.lstrip("+-").lstrip("0")
    digits = max(sum(letter.isdigit() for letter in part) for part in mantissa.split("/"))
    if power.isdecimal():
        digits += int(power) if len(power) <= 5 else DIGITS
    if digits > DIGITS:
        raise ValueError(f"{name} is {_quoted(word)}: numbers have at most {DIGITS} digits, "
                         "written out without an exponent")
    try:
        return Fraction(word)
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"{name} must be a number such as 0.5 or \"1/3\", "
                         f"is {_quoted(text)}") from None


def _quoted(x):
    text = repr(x)
    return text if len(text) <= 60 else f"{text[:40]}...{text[-10:]}"
