"""Linear systems of a Markov chain: x = b + gamma P x, and its transpose, with a proven bound on the error.

At gamma < 1 the solution is unique: x = sum over t of gamma**t P**t b.

At gamma = 1 it is that sum of expectations only where it converges, and I - P is singular as soon as the chain has a closed class.
A closed class on which b is zero is worth zero; the others have no finite value. So the closed classes are found (exactly, from the arrows), b
is required to vanish on them, and the system is solved on the transient states, where I - P is invertible. A pseudo-inverse would
return the solution of least norm instead, which is another one.

The error bound. Let x be any vector and d >= |b + gamma P x - x| its residual, rounding included. At gamma < 1 |x - x*| <= max d / (1 - gamma).
At gamma = 1 let w >= 0 with w - P w >= 1/2 on the transient states: then sum of P**t d <= 2 max(d) w, so |x - x*| <= 2 max(d) w.
Both hold for every x, however it was found.

Read first: graph.py.  Read next: evaluation.py, planning/policy_iteration.py.
"""

from functools import cached_property

import numpy as np
import scipy.linalg
import scipy.sparse as sp
import scipy.sparse.linalg

from . import graph
from .given_numbers import SMALLEST

UNIT = 2.0 ** -53                            # unit roundoff of float64
DENSE_UP_TO = 400                            # states; a dense LU is faster below,
DENSE_UP_TO_IF_FULL = 4000                   # and up to here if one entry in twenty is not zero


def spread(count):
    """Relative error of r + gamma sum p v over `count` outcomes: rounding, and that of the numbers given.

    Each product, each addition, gamma and r round once: count + 2 units. A probability may stand for a fraction up to 2 ulp away: 4 units; gamma
    and a reward for a decimal or fraction that was rounded to them: 1. Three more cover the second order, and adding the bound itself. To be
    multiplied by the sum of absolute values.
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
    """Factorisation of I - gamma P on the states where it is invertible.

    P       (S, S) CSR without stored zeros; rows sum to one, or are empty where the process ends
    gamma   in [0, 1]
    solver  "dense", "sparse" (LU factors), "krylov" (BiCGSTAB with an incomplete factorisation), or "auto": dense for small or full matrices, else sparse
    leaves  True: P is a part of a larger chain, and its states are known to leave it with probability one; rows may sum to less
    """

    def __init__(self, P, gamma, *, leaves=False, solver="auto"):
        self.solver = solver
        self.P, self.gamma = sp.csr_matrix(P), float(gamma)
        self.size = self.P.shape[0]
        self.closed = graph.closed_classes(self.P) if self.gamma == 1 and not leaves else []
        free = np.ones(self.size, bool)
        for states in self.closed:
            free[states] = False
        self.free = np.flatnonzero(free)                               # the transient states; all of them if gamma < 1
        inner = self.P if self.free.size == self.size else self.P[self.free][:, self.free]
        self._matrix = sp.csc_matrix(sp.eye_array(self.free.size) - self.gamma * inner)

    @cached_property
    def _factors(self):
        n = self.free.size
        if self.solver == "krylov":
            return _Krylov(self._matrix)
        if self.solver == "dense" or self.solver == "auto" and (n <= DENSE_UP_TO or n <= DENSE_UP_TO_IF_FULL and 20 * self._matrix.nnz > n * n):
            return scipy.linalg.lu_factor(self._matrix.toarray(), check_finite=False)
        return scipy.sparse.linalg.splu(self._matrix)

    def _solve(self, b, transposed):
        if isinstance(self._factors, tuple):
            return scipy.linalg.lu_solve(self._factors, b, trans=int(transposed), check_finite=False)
        return self._factors.solve(b, "T" if transposed else "N")

    def solve(self, b):
        """x = b + gamma P x, (S,); at gamma = 1 zero on closed classes, where b must be zero (see `blocked`)."""
        x = np.zeros(self.size)
        if self.free.size:
            A, part = self._matrix, b[self.free]
            y = self._solve(part, False)
            y += self._solve(part - A @ y, False)                      # one step of refinement
            x[self.free] = y
        return x

    def solve_transposed(self, b):
        """y = b + gamma P^T y on the free states: discounted visits from the start weights b; at gamma = 1 infinite where a closed class is entered."""
        y = np.zeros(self.size)
        if self.free.size:
            A, part = self._matrix, b[self.free]
            z = self._solve(part, True)
            z += self._solve(part - A.T @ z, True)
            y[self.free] = z
        for states in self.closed:
            if b[states].any() or (self.P[self.free][:, states].T @ y[self.free]).any():
                y[states] = np.inf
        return y

    def blocked(self, b):
        """Closed classes on which b is not zero (gamma = 1): there the sum has no finite value. List of index arrays."""
        return [states for states in self.closed if b[states].any()]

    def error(self, b, x, b_error=0.0, count=None):
        """Proven bound on |x - x*|, (S,), inf where none can be given.

        b_error (S,) bound on the error of b itself;  count (S,) how many terms each row of P was added up from, default its entries
        """
        count = np.diff(self.P.indptr) if count is None else count
        magnitude = np.abs(b) + np.abs(x) + self.gamma * (self.P @ np.abs(x))
        d = np.abs(b + self.gamma * (self.P @ x) - x) + spread(count) * magnitude + b_error
        if self.gamma < 1:
            factor = self.gamma * (1 + self._row_excess(count))
            out = np.full(self.size, d.max(initial=0) / (1 - factor) * (1 + 8 * UNIT) if factor < 1 else np.inf)
        else:
            w = self.solve(np.isin(np.arange(self.size), self.free).astype(float))
            gain = w - self.P @ w - spread(count) * (w + self.P @ np.abs(w))
            out = np.zeros(self.size)
            if self.free.size:
                proved = (w[self.free] >= 0).all() and (gain[self.free] >= 0.5).all()
                out[self.free] = 2 * d[self.free].max() * w[self.free] * (1 + 8 * UNIT) if proved else np.inf
        for _ in range(2):                                             # |x - x*| <= d + gamma P |x - x*|: sharper next to the end
            out = np.minimum(out, (d + self.gamma * (self.P @ out)) * (1 + 2 * spread(count)))
        return out

    def _row_excess(self, count):
        """By how much a row may sum to more than one, rounding included."""
        sums = np.asarray(self.P.sum(axis=1)).ravel()
        return max(0.0, (sums - 1).max(initial=0)) + spread(count.max(initial=0))


class _Krylov:
    """A x = b by BiCGSTAB (van der Vorst 1992), preconditioned by an incomplete LU; whatever it returns, the residual decides what is proved."""

    def __init__(self, A):
        self.A = sp.csr_matrix(A)
        factors = scipy.sparse.linalg.spilu(sp.csc_matrix(A), drop_tol=1e-3, fill_factor=4)
        self.preconditioner = {"N": factors.solve, "T": lambda b: factors.solve(b, "T")}

    def solve(self, b, transposed):
        A, n = (self.A.T if transposed == "T" else self.A), b.size
        M = scipy.sparse.linalg.LinearOperator((n, n), self.preconditioner[transposed])
        return scipy.sparse.linalg.bicgstab(A, b, rtol=1e-13, atol=0.0, maxiter=2000, M=M)[0]
