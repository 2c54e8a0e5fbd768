"""Systems of a Markov chain, solved without a subtraction: every entry right to a few units.

    x = b + Q x,   y = b + Q^T y     Q >= 0 leads from state to state, exits(s) >= 0 out of them all

Eliminate a state k: the chain is watched only while it is elsewhere. With d = exits(k) + sum of
Q(k, j) over the j that are left,

    Q(i, j) += Q(i, k) / d Q(k, j)     exits(i) += Q(i, k) / d exits(k)     b(i) += Q(i, k) / d b(k)

and, when the others are known, x(k) = (b(k) + sum of Q(k, j) x(j)) / d. Gauss would compute d as
1 - Q(k, k), which cancels. Here d is a sum of what leaves k, and Q(k, k) is never read: it is what
is left of one. Numbers of one sign are added, multiplied and divided, no more. So an exit of 1e-20
beside a probability of one keeps all its digits.

The error. Let every number of Q, exits and b that is not zero, Q(k, k) apart, change by a relative
e. By the matrix tree theorem an entry of (I - Q)^-1 is a quotient of two sums. Above, each term is
a product of n - 1 of these numbers, below of n. All are positive, and no term has two numbers of
one row. So the entry changes by at most (2n - 1) e. Eliminating k rounds the numbers of those rows
i only where Q(i, k) > 0; each counts twice, in the same way. Adding these up, with what
substitution rounds, gives `rounding`: a bound on the relative error of x for b >= 0, whatever the
condition of the system.

Grassmann, Taksar and Heyman, "Regenerative analysis and steady state distributions for Markov
chains", Oper. Res. 33, 1985; O'Cinneide, "Entrywise perturbation theory and error analysis for
Markov chains", Numer. Math. 65, 1993; Alfa, Xue and Ye, "Accurate computation of the smallest
eigenvalue of a diagonally dominant M-matrix", Math. Comp. 71, 2002 (systems with exits).

Read first: nothing.  Read next: linear.py.
"""

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import reverse_cuthill_mckee

from npixel.runtime.kernels import kernel

UNIT = 2.0 ** -53                      # unit roundoff of float64
NORMAL = 2.0 ** -1022                  # what is smaller loses digits
MOST = 1e8                             # multiplications: n times the square of the band


class Elimination:
    """(I - Q)^-1, applied to vectors.

    Q        (n, n) CSR without duplicates, >= 0; the diagonal is not read
    exits    (n,) >= 0; from every state some exit can be reached
    order    from `order_of`
    rounding proven relative error of both solves for b >= 0; inf where numbers underflow

    >>> one = Elimination(sp.csr_matrix([[1.0]]), np.array([1e-20]), np.array([0]))
    >>> one.solve(np.array([2.0]))
    array([2.e+20])
    """

    def __init__(self, Q, exits, order):
        n = exits.size
        place = np.empty(n, np.int64)
        place[order] = np.arange(n)
        rows, columns = place[np.repeat(np.arange(n), np.diff(Q.indptr))], place[Q.indices]
        half = int(np.abs(rows - columns).max(initial=0))
        self.order = order
        self.band = np.zeros((n, 2 * half + 1))  # row i holds Q(i, i - half .. i + half)
        self.band[rows, columns - rows + half] = Q.data
        self.pivot, proof = np.empty(n), np.empty(2)
        _eliminate(self.band, exits[order], self.pivot, proof)
        units, least = proof
        given = np.concatenate((Q.data[rows != columns], exits))
        least = min(least, given.min(initial=1.0, where=given > 0))
        sound = least >= NORMAL and np.isfinite(self.pivot).all() and (self.pivot > 0).all()
        self.rounding = growth(units) if sound else np.inf

    def solve(self, b):
        """x = b + Q x, (n,), for b >= 0."""
        return self._apply(_substitute, b)

    def solve_transposed(self, b):
        """y = b + Q^T y, (n,), for b >= 0: expected visits from the start weights b."""
        return self._apply(_substitute_transposed, b)

    def _apply(self, substitute, b):
        x = b[self.order]
        substitute(self.band, self.pivot, x)
        out = np.empty(x.size)
        out[self.order] = x
        return out


def growth(units):
    """(1 + u)**units - 1, rounded up; inf where it would be larger than one."""
    return 1.001 * np.expm1(units * UNIT) if units * UNIT < 0.5 else np.inf


def order_of(Q):
    """An order in which elimination takes at most MOST multiplications, or None.   Q (n, n) CSR

    As given, or by Cuthill and McKee's breadth-first search, after which a long chain or a grid has
    a narrow band.
    """
    n = Q.shape[0]
    rows = np.repeat(np.arange(n), np.diff(Q.indptr))
    order, half = np.arange(n), np.abs(rows - Q.indices).max(initial=0)
    if n * float(half) ** 2 > MOST / 100:
        narrow = reverse_cuthill_mckee(sp.csr_matrix(Q + Q.T), symmetric_mode=True).astype(np.int64)
        place = np.empty(n, np.int64)
        place[narrow] = order
        width = np.abs(place[rows] - place[Q.indices]).max(initial=0)
        if width < half:
            order, half = narrow, width
    return order if n * float(half) ** 2 <= MOST else None


def _eliminate_numpy(band, exits, pivot, proof):
    """Eliminate states 0, 1, ..., n - 1 in this order, in place.

    Row k of `band` then holds what its state led to when it was eliminated: Q(k, j) right of the
    diagonal. Left of it stands Q(k, j) / pivot(j).

    band    (n, 2 half + 1), overwritten
    exits   (n,), overwritten
    pivot   (n,) what leaves each state when it is eliminated
    proof   (2,) the relative rounding of all together, in units of u; and the smallest product that
            was formed, at most 1
    """
    n, half = len(band), band.shape[1] // 2
    units, least = 0.0, 1.0
    for k in range(n):
        last = min(k + half, n - 1)
        ahead = band[k, half + 1:half + 1 + last - k]                  # Q(k, k+1 .. last)
        pivot[k] = exits[k] + ahead.sum()
        smallest = ahead[ahead > 0].min(initial=exits[k] or np.inf)
        terms = 1 + int((ahead > 0).sum())
        share, count = np.inf, 0
        for i in range(k + 1, last + 1):
            if band[i, k - i + half] > 0:
                band[i, k - i + half] /= pivot[k]
                part = band[i, k - i + half]
                exits[i] += part * exits[k]
                band[i, k + 1 - i + half:last + 1 - i + half] += part * ahead
                share, count = min(share, part), count + 1
        if count:
            least = min(least, share * smallest)
        # each number of `count` rows and each b: terms - 1 additions in the pivot, a division,
        # a product, a sum; then substitution: at most terms + count products and sums, the pivot
        # and a division
        units += (2 * count + 1) * (terms + 3) + 2 * terms + count + 3
    proof[0], proof[1] = units, least


@kernel(defined_by=_eliminate_numpy)
def _eliminate(band, exits, pivot, proof):
    n, half = band.shape[0], band.shape[1] // 2
    units, least = 0.0, 1.0
    for k in range(n):
        last = min(k + half, n - 1)
        total, terms, smallest = exits[k], 1, np.inf
        if exits[k] > 0:
            smallest = exits[k]
        for j in range(half + 1, half + 1 + last - k):
            if band[k, j] > 0:
                total += band[k, j]
                terms += 1
                smallest = min(smallest, band[k, j])
        pivot[k] = total
        share, count = np.inf, 0
        for i in range(k + 1, last + 1):
            back = i - k
            if band[i, half - back] > 0:
                part = band[i, half - back] / total
                band[i, half - back] = part
                exits[i] += part * exits[k]
                for j in range(half + 1, half + 1 + last - k):
                    band[i, j - back] += part * band[k, j]
                share, count = min(share, part), count + 1
        if count > 0:
            least = min(least, share * smallest)
        units += (2 * count + 1) * (terms + 3) + 2 * terms + count + 3
    proof[0], proof[1] = units, least


def _substitute_numpy(band, pivot, x):
    """x (n,) from b, in place.

    Forwards b(i) += Q(i, k) / d b(k), backwards x(k) = (b(k) + sum of Q(k, j) x(j)) / d.
    """
    n, half = len(band), band.shape[1] // 2
    for k in range(n):
        first = max(k - half, 0)
        x[k] += (band[k, first - k + half:half] * x[first:k]).sum()
    for k in reversed(range(n)):
        last = min(k + half, n - 1)
        x[k] = (x[k] + (band[k, half + 1:half + 1 + last - k] * x[k + 1:last + 1]).sum()) / pivot[k]


@kernel(defined_by=_substitute_numpy)
def _substitute(band, pivot, x):
    n, half = band.shape[0], band.shape[1] // 2
    for k in range(n):
        total = 0.0
        for j in range(max(k - half, 0), k):
            if band[k, j - k + half] > 0:
                total += band[k, j - k + half] * x[j]
        x[k] += total
    for k in range(n - 1, -1, -1):
        total = 0.0
        for j in range(k + 1, min(k + half, n - 1) + 1):
            if band[k, j - k + half] > 0:
                total += band[k, j - k + half] * x[j]
        x[k] = (x[k] + total) / pivot[k]


def _substitute_transposed_numpy(band, pivot, y):
    """y (n,) from b, in place.

    Forwards y(k) = b(k) / d and b(j) += Q(k, j) y(k), backwards y(k) += sum of y(i) Q(i, k) / d.
    """
    n, half = len(band), band.shape[1] // 2
    for k in range(n):
        last = min(k + half, n - 1)
        y[k] /= pivot[k]
        y[k + 1:last + 1] += band[k, half + 1:half + 1 + last - k] * y[k]
    for k in reversed(range(n)):
        first = max(k - half, 0)
        y[first:k] += band[k, first - k + half:half] * y[k]


@kernel(defined_by=_substitute_transposed_numpy)
def _substitute_transposed(band, pivot, y):
    n, half = band.shape[0], band.shape[1] // 2
    for k in range(n):
        y[k] /= pivot[k]
        for j in range(k + 1, min(k + half, n - 1) + 1):
            if band[k, j - k + half] > 0:
                y[j] += band[k, j - k + half] * y[k]
    for k in range(n - 1, -1, -1):
        for j in range(max(k - half, 0), k):
            if band[k, j - k + half] > 0:
                y[j] += band[k, j - k + half] * y[k]
