"""Linear systems of a Markov chain, x = b + gamma P x and its transpose, with proven error bounds.

At gamma < 1 the solution is unique: x = sum over t of gamma**t P**t b.

At gamma = 1 it is that sum only where the sum converges. I - P is singular as soon as the chain has
a closed class. A closed class on which b is zero is worth zero; the others have no finite value. So
the closed classes are found exactly, from the arrows, and b must vanish on them. The system is
solved on the transient states, where I - P is invertible. A pseudo-inverse would return the
solution of least norm instead, which is another one.

At gamma = 1 the chance to stay, P(s, s), is not read: it is what is left of one. I - P is made of
the chances to go elsewhere,

    (x - P x)(s) = sum over t of P(s, t) (x(s) - x(t)) + exits(s) x(s)

which cancels nothing where a state is left with a chance of 1e-20. elimination.py solves it; where
that would take too long, LU factors do. Rows that do not sum to one within rounding (decimals cut
off) mean no such chain: without `exits` they are taken as they stand, by LU factors.

The error bound. Let x be any vector and d >= |b + gamma P x - x| its residual, rounding included.

    gamma < 1                  |x - x*| <= max d / (1 - gamma)
    gamma = 1, elimination     |x - x*| <= (I - P)^-1 d, found with a known relative error
    gamma = 1, LU factors      |x - x*| <= 2 max(d) w, for any w >= 0 with w - P w >= 1/2: then the
                               sum of P**t d is at most 2 max(d) w

All of them hold for every x, however it was found. Elimination has a bound of its own as well,
relative to (I - P)^-1 |b|, which does not depend on the condition of the system.

Read first: given_numbers.py, graph.py, elimination.py.
Read next: evaluation.py, planning/policy_iteration.py, lifting.py.
"""

from functools import cached_property

import numpy as np
import scipy.linalg
import scipy.sparse as sp
import scipy.sparse.linalg

from . import graph
from .elimination import UNIT, Elimination, growth, order_of
from .given_numbers import SMALLEST

DENSE_UP_TO = 400                      # states: a dense LU is faster up to here,
DENSE_UP_TO_IF_FULL = 4000             # and up to here if one entry in twenty is not zero
# what a sum of products may lose below the smallest normal number, in a product or in a probability
TINY = 2.0 ** -1060


def spread(count):
    """Relative error of r + gamma sum p v over `count` outcomes, to multiply sum |terms| with.

    It covers rounding, and the error of the numbers given. Each product, each addition, gamma and r
    round once: count + 2 units. A probability may stand for a fraction up to 2 ulp away: 4 units.
    gamma and a reward may stand for a decimal or fraction that was rounded to them: 1 unit. Three
    more cover the second order, and adding the bound itself.
    """
    return (np.asarray(count, float) + 10) * UNIT


def rounding(count, magnitude, largest):
    """Bound on the error of r + gamma sum p v: a part of `magnitude`, and what underflows.

    count      outcomes, as in spread
    magnitude  |r| + gamma sum p |v|
    largest    the largest of all |v| and |r|; 0 if every number in sight is zero

    A product may be rounded by half the smallest float; so may a probability, which v multiplies.
    """
    below = 0.0 if largest == 0 else SMALLEST * (1 + largest)
    return spread(count) * magnitude + (np.asarray(count, float) + 10) * below


class Resolvent:
    """(I - gamma P)^-1 on the states where it exists.

    P       (S, S) CSR without stored zeros; rows sum to one, or are empty where the process ends
    gamma   in [0, 1]
    exits   (S,) at gamma = 1, if P is a part of a larger chain: the chance to leave the part from
            each state. Rows with their exits sum to one, and the part is left with probability one.
            Each exit must be a sum of given numbers: 1 minus the row sum would lose digits
    count   (S,) how many terms each row of P was added up from; default: its entries
    solver  at gamma < 1 "dense", "sparse" (LU factors), "krylov" (BiCGSTAB with an incomplete
            factorisation), or "auto": dense for small or full matrices, else sparse.
            At gamma = 1 elimination is used where it is quick, else these
    """

    def __init__(self, P, gamma, *, exits=None, count=None, solver="auto"):
        self.solver = solver
        self.P, self.gamma = sp.csr_matrix(P), float(gamma)
        self.size = self.P.shape[0]
        self.count = np.diff(self.P.indptr) if count is None else count
        self.closed = graph.closed_classes(self.P) if self.gamma == 1 and exits is None else []
        free = np.ones(self.size, bool)
        for states in self.closed:
            free[states] = False
        self.free = np.flatnonzero(free)         # the transient states; all of them if gamma < 1
        self._ends = np.zeros(0, np.int64)       # free states that lead nowhere: there x = b
        self._out = None                         # (n,) exits of the states of _inner, at gamma = 1
        self._off = np.zeros(1)                  # (n,) what rows miss to one, if not rounding alone
        if self.gamma == 1:
            self._leave(free, exits)
        if self._out is None:
            self._inner = self.free              # (n,) the states for which there is a system
            self._Q = self.P if self.free.size == self.size else self.P[self.free][:, self.free]
        self._into_ends = self.P[self._inner][:, self._ends]

    def _leave(self, free, exits):
        """The system in terms of what leaves each state; not where rows are taken as they stand."""
        leads_on = np.diff(self.P.indptr) > 0
        inner, ends = np.flatnonzero(free & leads_on), np.flatnonzero(free & ~leads_on)
        P, inside = self.P[inner], free & leads_on
        rows = np.repeat(np.arange(inner.size), np.diff(P.indptr))
        out = np.bincount(rows, P.data * ~inside[P.indices], minlength=inner.size)
        out = out if exits is None else out + exits[inner]
        sums = out + np.bincount(rows, P.data * inside[P.indices], minlength=inner.size)
        off = np.abs(sums - 1)
        self._off = np.where(off <= spread(self.count[inner]), 0.0, off)
        if exits is None and self._off.any():
            return
        self._inner, self._ends, self._out = inner, ends, out
        Q = sp.coo_matrix(P[:, inner])
        away = Q.row != Q.col
        self._Q = sp.csr_matrix((Q.data[away], (Q.row[away], Q.col[away])), shape=Q.shape)

    @cached_property
    def eliminated(self):
        """The Elimination that solves the system; None where LU factors do."""
        order = order_of(self._Q) if self._out is not None else None
        return None if order is None else Elimination(self._Q, self._out, order)

    @cached_property
    def _matrix(self):
        if self._out is None:
            return sp.csc_matrix(sp.eye_array(self._inner.size) - self.gamma * self._Q)
        away = self._out + self._Q @ np.ones(self._inner.size)
        return sp.csc_matrix(sp.diags_array(away) - self._Q)

    @cached_property
    def _factors(self):
        n = self._inner.size
        if self.solver == "krylov":
            return _Krylov(self._matrix)
        small = n <= DENSE_UP_TO or n <= DENSE_UP_TO_IF_FULL and 20 * self._matrix.nnz > n * n
        if self.solver == "dense" or self.solver == "auto" and small:
            return scipy.linalg.lapack.dgetrf(self._matrix.toarray())[:2]
        return scipy.sparse.linalg.splu(self._matrix)

    def _solve(self, b, transposed):
        if isinstance(self._factors, tuple):
            trans = int(transposed)
            return scipy.linalg.lu_solve(self._factors, b, trans=trans, check_finite=False)
        return self._factors.solve(b, "T" if transposed else "N")

    def _invert(self, b, transposed=False):
        """(I - gamma P)^-1 b, or transposed, on the states of `_inner`: (n,)."""
        if self.eliminated is not None:
            apply = self.eliminated.solve_transposed if transposed else self.eliminated.solve
            signs = [sign for sign in (1, -1) if (sign * b > 0).any()]
            parts = [sign * apply(np.maximum(sign * b, 0)) for sign in signs]
            return sum(parts, np.zeros(b.size))            # apart, each without a subtraction
        A = self._matrix.T if transposed else self._matrix
        try:
            y = self._solve(b, transposed)
            z = y + self._solve(b - A @ y, transposed)     # one step of refinement
        except RuntimeError:                               # singular as far as floats can tell
            return np.full(b.size, np.nan)
        return np.where(np.isfinite(z), z, y)

    def solve(self, b):
        """x = b + gamma P x, (S,).

        At gamma = 1 x is zero on closed classes, where b must be zero: see `blocked`.
        """
        x = np.zeros(self.size)
        with np.errstate(all="ignore"):          # what overflows has an infinite `error`
            x[self._ends] = b[self._ends]
            if self._inner.size:
                x[self._inner] = self._invert(b[self._inner] + self._into_ends @ b[self._ends])
        return x

    def solve_transposed(self, b):
        """y = b + gamma P^T y on the free states, (S,): discounted visits from the start weights b.

        At gamma = 1 y is infinite on a closed class that is entered.
        """
        y = np.zeros(self.size)
        with np.errstate(all="ignore"):
            if self._inner.size:
                y[self._inner] = self._invert(b[self._inner], transposed=True)
            y[self._ends] = b[self._ends] + self._into_ends.T @ y[self._inner]
            for states in self.closed:
                if b[states].any() or (self.P[self.free][:, states].T @ y[self.free]).any():
                    y[states] = np.inf
        return y

    def blocked(self, b):
        """Closed classes on which b is not zero (gamma = 1): a list of index arrays.

        There the sum has no finite value.
        """
        return [states for states in self.closed if b[states].any()]

    def error(self, b, x, b_error=0.0):
        """Proven bound on |x - x*|, (S,), inf where none can be given.

        b_error (S,) bound on the error of b itself
        """
        b_error, out = np.broadcast_to(b_error, b.shape), np.zeros(self.size)
        with np.errstate(all="ignore"):
            out[self._ends] = np.abs(x - b)[self._ends] + b_error[self._ends]
            if self._inner.size:
                from_ends = self._into_ends @ out[self._ends]
                b_error = b_error[self._inner] + (1 + 8 * UNIT) * from_ends
                b = b[self._inner] + self._into_ends @ b[self._ends]
                x = x[self._inner]
                out[self._inner] = self._error(b, x, b_error)
                out[self._inner[~np.isfinite(x)]] = np.inf
        return np.where(np.isnan(out), np.inf, out)

    def _error(self, b, x, b_error):
        count = self.count[self._inner]
        Ax, size = self._product(x)
        size = size + np.abs(b)
        d = np.abs(b - Ax) + spread(count) * size + b_error + self._off * np.abs(x)
        some = (b != 0) | (x != 0) | (self._Q @ (x != 0).astype(float) > 0)
        d += TINY * (count + 10) * (1 + np.abs(x).max()) * some
        if self.gamma < 1:
            factor = self.gamma * (1 + self._row_excess(count))
            bound = d.max(initial=0) / (1 - factor) * (1 + 8 * UNIT) if factor < 1 else np.inf
            out = np.full(x.size, bound)
        elif self.eliminated is not None and self.eliminated.rounding < 0.1 and not self._off.any():
            return self._error_of_elimination(b, x, b_error, d)
        else:
            w = self._long()
            out = np.full(x.size, np.inf) if w is None else 2 * d.max() * w * (1 + 8 * UNIT)
        away = 1.0 if self._out is None else self._out + self._Q @ np.ones(x.size)
        for _ in range(2):                       # |x - x*| <= d + gamma P |x - x*|: sharp near ends
            sharper = (d + self.gamma * (self._Q @ out)) / away * (1 + 4 * spread(count))
            out = np.minimum(out, sharper)
        return out

    def _long(self):
        """w (n,) >= 0 with w - P w >= 1/2, rounding included: the time until the end; or None."""
        w = self._invert(np.ones(self._inner.size))
        Aw, size = self._product(w)
        gain = Aw - spread(self.count[self._inner]) * size - self._off * w
        return w if (w >= 0).all() and (gain >= 0.5).all() else None

    def _error_of_elimination(self, b, x, b_error, d):
        """The smaller of two bounds: from the residual d, and from the rounding of elimination."""
        solve, rounding = self.eliminated.solve, self.eliminated.rounding
        # what the numbers given may do to the inverse
        given = growth((2 * x.size - 1) * (self.count[self._inner].max() + 10.0))
        above, below = solve(np.maximum(b, 0)), solve(np.maximum(-b, 0))
        size = above + below
        own = np.abs(x - (above - below)) + UNIT * np.abs(x)
        own += (rounding + given) * size + solve(b_error) * (1 + given)
        return np.minimum(own, (1 + given) * solve(d)) / (1 - rounding) * (1 + 8 * UNIT)

    def error_transposed(self, b, y):
        """Proven relative error of the sum of y >= 0, y = b + P^T y; by elimination of each entry.

        With w as above, the sum of |y - y*| is at most 2 w . |b + P^T y - y|.
        """
        with np.errstate(all="ignore"):
            if self.eliminated is not None:
                given = growth((2 * self._inner.size + 1) * (self.count.max(initial=0) + 10.0))
                return self.eliminated.rounding + given + float(np.max(self._off, initial=0))
            w, y, b = self._long(), y[self._inner], b[self._inner]
            if w is None:
                return np.inf
            d = np.abs(b - self._matrix.T @ y)
            d += spread(self.count.max()) * (b + abs(self._matrix.T) @ y)
            return float(2 * (w @ d) / y.sum())

    def _product(self, x):
        """((I - gamma P) x, the sum of absolute values that was added up for it), (n,) each."""
        if self._out is None:
            return x - self.gamma * (self._Q @ x), np.abs(x) + self.gamma * (self._Q @ np.abs(x))
        rows = np.repeat(np.arange(x.size), np.diff(self._Q.indptr))
        steps = self._Q.data * (x[rows] - x[self._Q.indices])
        total = lambda terms: np.bincount(rows, terms, minlength=x.size)       # noqa: E731
        return self._out * x + total(steps), self._out * np.abs(x) + total(np.abs(steps))

    def _row_excess(self, count):
        """By how much a row may sum to more than one, rounding included."""
        sums = np.asarray(self.P.sum(axis=1)).ravel()
        return max(0.0, (sums - 1).max(initial=0)) + spread(count.max(initial=0))


def stationary(P):
    """(mu, error) of an irreducible chain: mu = mu P, sums to one; mu's error.   P (n, n) CSR

    Cut the chain at its first state: the visits to the others between two returns are sums of what
    is positive. By elimination each entry is right to `error`, relative to itself; by factors the
    sum of |mu - true mu| is at most twice `error`.
    """
    P = sp.csr_matrix(P)
    visits, error = np.ones(1), 0.0
    if P.shape[0] > 1:
        inner = Resolvent(P[1:][:, 1:], 1.0, exits=P[1:][:, [0]].toarray()[:, 0])
        b = P[[0]][:, 1:].toarray()[0]
        visits = np.maximum(np.append(1.0, inner.solve_transposed(b)), 0.0)
        error = inner.error_transposed(b, visits[1:])
    with np.errstate(all="ignore"):
        mu = visits / visits.sum()
    return mu, error if np.isfinite(mu).all() else np.inf


class _Krylov:
    """A x = b by BiCGSTAB (van der Vorst 1992), preconditioned by an incomplete LU.

    Whatever it returns, the residual decides what is proved.
    """

    def __init__(self, A):
        self.A = sp.csr_matrix(A)
        factors = scipy.sparse.linalg.spilu(sp.csc_matrix(A), drop_tol=1e-3, fill_factor=4)
        self.preconditioner = {"N": factors.solve, "T": lambda b: factors.solve(b, "T")}

    def solve(self, b, transposed):
        A, n = (self.A.T if transposed == "T" else self.A), b.size
        M = scipy.sparse.linalg.LinearOperator((n, n), self.preconditioner[transposed])
        return scipy.sparse.linalg.bicgstab(A, b, rtol=1e-13, atol=0.0, maxiter=2000, M=M)[0]
