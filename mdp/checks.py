"""Checks of what users give, each of which returns the form that is stored.

    canonical        a sparse matrix as sorted CSR, its indices checked
    state_set        which states: None, bools or a list of states, as bools
    distribution     a law over the states: one state, or probabilities
    discount         one discount in [0, 1]
    discounts        one discount for each pair
    probabilities    numbers that are finite and not negative
    rows_sum_to_one  of every row of P; nothing is ever renormalised

What fails is a ValueError in one line with the numbers. A row sums to one exactly where every
probability is exact, else within ROW_SUM_TOLERANCE for each outcome.

Read first: given_numbers.py.  Read next: forms.py, model.py, rational.py.
"""

from fractions import Fraction

import numpy as np
import scipy.sparse as sp

from .given_numbers import indices, parse, parse_array, pointers, short

# per outcome: what adding decimals such as 0.1 may leave, and no more
ROW_SUM_TOLERANCE = 1e-12


def rows_of(ptr):
    """The row of each entry, when row i has the entries ptr[i], ..., ptr[i+1] - 1.

    >>> rows_of(np.array([0, 2, 2, 3])).tolist()
    [0, 0, 2]
    """
    return np.repeat(np.arange(ptr.size - 1), np.diff(ptr))


# matrices

def canonical(P, name="P"):
    """A copy as CSR, sorted, duplicates added up, without stored zeros, its indices checked."""
    if P.ndim != 2 or P.dtype.kind not in "fiu":
        raise ValueError(f"{name} must be sparse matrices of real numbers, "
                         f"is {P.dtype} of shape {P.shape}")
    _check_sparse(name, P)                       # SciPy follows indices without checking them
    P = sp.csr_matrix(P, dtype=np.float64, copy=True)
    _check_sparse(name, P)                       # other formats are CSR only now
    P.sum_duplicates()
    P.eliminate_zeros()
    return P


def _check_sparse(name, P):
    """ValueError if the index arrays of a sparse matrix do not fit its shape."""
    if P.format == "coo":
        count = len(P.data)
        places = {"row": (P.row, P.shape[0]), "col": (P.col, P.shape[1])}
    elif P.format in ("csr", "csc", "bsr"):
        size = np.array(P.shape) // (P.blocksize if P.format == "bsr" else 1)
        rows, columns = size[::-1] if P.format == "csc" else size
        count = int(P.indptr[-1]) if len(P.indptr) == rows + 1 else -1
        places = {"indices": (P.indices[:max(count, 0)], columns)}
    else:
        return
    if count < 0 or count > len(P.data) or any(len(index) != count for index, _ in places.values()):
        raise ValueError(f"{name}: the index arrays do not fit the numbers or shape {P.shape}")
    if P.format != "coo":
        pointers(f"{name}.indptr", P.indptr, count)
    for field, (index, most) in places.items():
        indices(f"{name}.{field}", index, most)


# states, and laws over them

def state_set(name, states, S):
    """None, bools (S,) or a list of states -> bools (S,).

    >>> state_set("goal", [2], 3).tolist()
    [False, False, True]
    """
    if states is None:
        return np.zeros(S, bool)
    states = np.asarray(states)
    if states.dtype == bool:
        if states.shape != (S,):
            raise ValueError(f"{name} must be bools of shape {(S,)}, has shape {states.shape}")
        return states.copy()
    out = np.zeros(S, bool)
    out[indices(name, np.atleast_1d(states), S)] = True
    return out


def distribution(name, x, S):
    """A state, or (S,) probabilities -> ((S,) float64, (S,) Fractions or None).

    >>> distribution("start", ["1/3", "2/3"], 2)[1].tolist()
    [Fraction(1, 3), Fraction(2, 3)]
    """
    if isinstance(x, (int, np.integer)) and not isinstance(x, bool):
        if not 0 <= x < S:
            raise ValueError(f"{name} is state {x}, outside [0, {S})")
        x = np.eye(1, S, int(x), dtype=int)[0]
    p, exact = parse_array(name, x)
    if p.shape != (S,):
        raise ValueError(f"{name} must be a state or probabilities of shape {(S,)}, "
                         f"has shape {p.shape}")
    for s in np.flatnonzero(~np.isfinite(p) | (p < 0))[:1]:
        raise ValueError(f"{name}[{s}] is {p[s]:.6g}: probabilities must be finite "
                         "and not negative")
    total = p.sum() if exact is None else sum(exact)
    if abs(total - 1) > (ROW_SUM_TOLERANCE * S if exact is None else 0):
        raise ValueError(wrong_sum(f"{name} sums", total, p))
    return p, exact


# discounts

def discount(gamma):
    """A number in [0, 1] -> (float, Fraction or None)."""
    value, exact = parse("gamma", gamma)
    number = value if exact is None else exact   # 1 + 1e-20 is 1.0 as a float
    if not 0 <= number <= 1:
        shown = short(number) if value == 1 else f"{value:g}"
        raise ValueError(f"gamma is {shown}, outside [0, 1]")
    return value, exact


def discounts(gamma, available):
    """The discounts of the pairs -> (their largest, and all of them or None if they are equal).

    gamma      (X,), one for each pair, or (S, A), of which only the pairs are read
    available  (S, A) bool
    returns    (float, Fraction or None, (X,) float64 or None, (X,) Fractions or None)
    """
    numbers, exact = parse_array("gamma", gamma)
    X = int(np.count_nonzero(available))
    if numbers.shape == available.shape:
        numbers = numbers[available]
        exact = None if exact is None else exact[available]
    if numbers.shape != (X,):
        raise ValueError(f"gamma must be a number, one for each pair ({X},), or "
                         f"shape {available.shape}, has shape {numbers.shape}")
    given = numbers if exact is None else exact
    for k in np.flatnonzero(~((given >= 0) & (given <= 1)))[:1]:
        shown = short(given[k]) if numbers[k] == 1 else f"{numbers[k]:g}"
        raise ValueError(f"gamma is {shown} for pair {k}, outside [0, 1]")
    largest = float(numbers.max(initial=0.0))
    exact_largest = None if exact is None else max(exact, default=Fraction(0))
    differ = (numbers != largest).any()
    if not differ and (exact is None or not (exact != exact_largest).any()):
        return largest, exact_largest, None, None
    for k in np.flatnonzero(numbers == 1)[:1]:
        raise ValueError(f"gamma is 1 for pair {k} and smaller for others: "
                         "discounts that differ must all be below 1")
    return largest, exact_largest, numbers, exact


# probabilities

def first_not_finite(x):
    """The first index where x is nan or infinite, as an array of one; empty if there is none."""
    with np.errstate(invalid="ignore", over="ignore"):
        # min and max need no temporary array of this size
        fine = np.isfinite(x.min(initial=0)) and np.isfinite(x.max(initial=0))
    return np.zeros(0, int) if fine else np.flatnonzero(~np.isfinite(x))[:1]


def rows_sum_to_one(label, p, column, ptr, S, exact=None):
    """ValueError unless the probabilities of each row sum to one.

    label    row -> its name in the message
    p        (J,) float64, of which ptr[i], ..., ptr[i+1] - 1 are those of row i
    column   (J,) the states that they lead to, of S
    exact    (J,) the same as Fractions, if all are exact: then the sums must be exactly one
    """
    rows = ptr.size - 1
    if exact is None:
        sums = sp.csr_matrix((p, column, ptr), shape=(rows, S)) @ np.ones(S)
        if max(sums.max(initial=1) - 1, 1 - sums.min(initial=1)) <= ROW_SUM_TOLERANCE:
            return                               # within the tolerance of a single outcome
        wrong = np.abs(sums - 1) > ROW_SUM_TOLERANCE * np.maximum(np.diff(ptr), 1)
    else:
        sums = np.full(rows, Fraction(0), object)
        np.add.at(sums, rows_of(ptr), exact)
        wrong = sums != 1
    for i in np.flatnonzero(wrong)[:1]:
        what = f"P: the probabilities of {label(i)} sum"
        raise ValueError(wrong_sum(what, sums[i], p[ptr[i]:ptr[i + 1]]))


def wrong_sum(what, total, row):
    """The message for probabilities `row` whose `total`, a float or a Fraction, is not one."""
    off = total - 1
    if isinstance(total, Fraction):
        return f"{what} to {short(total)}, not to 1 (off by {short(off)})"
    message = f"{what} to {short(total)}, not to 1 (off by {off:.3g})"
    if abs(off) < 1e-5 and (np.asarray(row, np.float32) == row).all():
        return message + ("; these are float32 numbers: convert them to float64 "
                          "and divide each row by its sum")
    return message
