"""Integer linear systems solved exactly: to fractions that are checked.

    A x = b,   A (n, n) integers, sparse;   x_i = numerator_i / denominator

n <= 15       fraction-free elimination (Bareiss 1968): every division is exact.

float         lifting (Wan 2006; Gleixner, Steffy and Wolter 2016): with float LU factors of A,

                  x_k = round(A^-1 2^e r_k),   r_{k+1} = 2^e r_k - A x_k   exactly, in int64
                  x   = sum over k of x_k 2^(-e k)

              gives e bits of every component per step, as long as the factors are right to a few
              bits. b may be large: its digits in base 2^e are fed in one by one. The bits are
              turned into fractions by continued fractions, which share one denominator.

p-adic        lifting (Dixon 1982): the same with factors modulo a prime,

                  x_k = A^-1 r_k mod p,   r_{k+1} = (r_k - A x_k) / p

              Conditioning plays no part: it takes over where the float factors are not good enough
              (beyond a condition number of about 1e13), or numbers leave int64.

Whatever was reconstructed is accepted only if A numerator = denominator b, in integers. More bits
are computed until it is.

Read first: nothing.  Read next: exact/process.py.
"""

import math

import numpy as np
import scipy.linalg
import scipy.sparse as sp
import scipy.sparse.linalg

from npixel.runtime.kernels import kernel

SMALL = 15                                   # equations: up to here elimination costs less
DENSE = 400                                  # equations: up to here factors are full
PRIMES = (2147483629, 2147483587, 2147483579, 2147483563, 2147483549)      # the largest below 2**31
LARGEST = 2 ** 40                            # of entries, or of the condition: above, no floats
DIGITS = (32, 24, 16, 8)                     # bits e of one step
FIRST = 64                                   # bits, after which fractions are looked for
MOST = 10 ** 8                               # bits, after which float lifting gives up
FULL = 1 / 20                                # of the entries: with more, the factors are full
SAFE = 2 ** 61                               # integers below it may be added in int64


def solve_integers(rows, b, method="auto"):
    """A x = b -> (numerators, denominator): lists of integers and an integer > 0.

    rows     list of {column: integer}
    b        list of integers
    method   "auto", or one of "elimination", "float", "p-adic"
    ValueError if A is singular; with method="float" also if its condition is too bad for it.
    """
    n = len(rows)
    if n == 0:
        return [], 1
    if method == "elimination" or method == "auto" and n <= SMALL:
        return _eliminate(rows, b)
    x = None if method == "p-adic" else _lift_float(rows, b)
    if x is None:
        if method == "float":
            raise ValueError(f"the float factors of this system of {n} equations are not good "
                             "enough to be lifted")
        x = _lift_padic(rows, b)
    return x


def holds(rows, b, numerators, denominator):
    """True if A numerators = denominator b, exactly."""
    return all(sum(a * numerators[j] for j, a in row.items()) == denominator * y
               for row, y in zip(rows, b))


def _eliminate(rows, b):
    """The solution by Gauss-Jordan elimination, in which each division is exact."""
    n = len(rows)
    A = [[row.get(j, 0) for j in range(n)] + [y] for row, y in zip(rows, b)]
    previous = 1
    for i in range(n):
        pivot = next((k for k in range(i, n) if A[k][i]), None)
        if pivot is None:
            raise ValueError(f"the matrix of {n} equations is singular")
        A[i], A[pivot] = A[pivot], A[i]
        head = A[i][i]
        for k in range(n):
            if k != i:
                factor = A[k][i]
                A[k] = [(head * x - factor * y) // previous for x, y in zip(A[k], A[i])]
        previous = head
    d = A[n - 1][n - 1]
    for i in range(n):
        if A[i][i] != d:
            raise AssertionError("fraction-free elimination leaves one common diagonal")
    sign = 1 if d > 0 else -1
    return _reduced([sign * A[i][n] for i in range(n)], sign * d)


def _reduced(numerators, d):
    """The same fractions in lowest terms."""
    common = math.gcd(d, *numerators)
    return [x // common for x in numerators], d // common


def _csr(rows):
    """list of {column: integer} -> (n, n) CSR of int64."""
    entries = np.array([a for row in rows for a in row.values()], np.int64)
    columns = np.array([j for row in rows for j in row], np.int64)
    ptr = np.concatenate(([0], np.cumsum([len(row) for row in rows])))
    return sp.csr_matrix((entries, columns, ptr), shape=(len(rows),) * 2)


# float factors

def _lift_float(rows, b):
    """The solution, or None where float lifting does not apply."""
    if max(abs(a) for row in rows for a in row.values()) >= LARGEST:
        return None
    A = _csr(rows)
    solve = _factors(A.astype(float))
    norm = float(abs(A).sum(axis=1).max())
    e = None if solve is None else _bits(solve, norm, len(rows))
    if e is None:
        return None
    digits, found, r = _digits(b, e), [], np.zeros(len(rows), np.int64)
    wanted = FIRST                           # bits after the binary point
    while wanted <= MOST:
        while (len(found) - len(digits)) * e < wanted:
            step = len(found)
            r = (r << e) + (digits[step] if step < len(digits) else 0)
            x = _rounded(solve, r, norm)
            if x is None:
                return None
            r = r - A @ x
            if np.abs(r).max() > 2 * norm + 4:               # the factors were not good enough
                return None
            found.append(x)
        scale = 1 << ((len(found) - len(digits)) * e)
        answer = _common_fractions(_joined(np.array(found), e), scale)
        if answer is not None and holds(rows, b, *answer):
            return _reduced(*answer)
        wanted *= 2
    return None


def _factors(A):
    """b -> A^-1 b in floats, from LU factors; None if A is exactly singular in floats."""
    n = A.shape[0]
    try:
        if n <= DENSE or A.nnz > FULL * n * n:
            lu = scipy.linalg.lu_factor(A.toarray(), check_finite=False)
            return lambda b: scipy.linalg.lu_solve(lu, b, check_finite=False)
        return scipy.sparse.linalg.splu(sp.csc_matrix(A)).solve
    except (RuntimeError, ValueError):
        return None


def _bits(solve, norm, n):
    """How many bits one step may give; None if too few.   norm   the largest row sum of |A|"""
    with np.errstate(all="ignore"):
        # |A^-1|, as large as it gets for I - gamma P, whose inverse is not negative
        reach = float(np.abs(solve(np.ones(n))).max())
    if not 0 < reach * norm < LARGEST:
        return None
    room = min(50 - math.log2(reach * norm),                 # x is rounded to the right integer
               60 - math.log2(norm * max(1.0, norm * reach)),          # A x stays in int64
               52 - math.log2(norm))                         # 2^e r is exact as a float
    return next((e for e in DIGITS if e <= room), None)


def _digits(b, e):
    """b in signed digits of e bits, most significant first: (count, n) int64, count >= 1."""
    count = max(1, -(-max((abs(y).bit_length() for y in b), default=0) // e))
    digits, size = np.zeros((count, len(b)), np.int64), e // 8
    for i, y in enumerate(b):
        if y:
            raw = np.frombuffer(abs(y).to_bytes(count * size, "big"), np.uint8)
            value = np.zeros(count, np.int64)
            for byte in raw.reshape(count, size).astype(np.int64).T:
                value = (value << 8) | byte
            digits[:, i] = value if y > 0 else -value
    return digits


def _rounded(solve, r, norm):
    """A^-1 r to the nearest integers, (n,) int64; None if A times that might leave int64."""
    x = np.rint(solve(r.astype(float)))
    if not np.isfinite(x).all() or np.abs(x).max() * norm >= 2.0 ** 62:
        return None
    return x.astype(np.int64)


def _joined(digits, e):
    """sum of digits[k] 2**(e (steps - 1 - k)): list of n integers.

    digits   (steps, n) int64, signed; they may have more than e bits
    """
    steps, n = digits.shape
    carry = np.zeros(n, np.int64)
    low = np.empty((steps, n), np.int64)
    for k in range(steps - 1, -1, -1):
        total = digits[k] + carry
        carry = total >> e
        low[k] = total - (carry << e)
    size = e // 8
    raw = np.stack([(low >> (8 * (size - 1 - i))) & 255 for i in range(size)], axis=2)
    raw = np.ascontiguousarray(raw.astype(np.uint8).transpose(1, 0, 2)).reshape(n, steps * size)
    return [(int(c) << (e * steps)) + int.from_bytes(row.tobytes(), "big")
            for c, row in zip(carry, raw)]


def _common_fractions(bits, scale):
    """(numerators, d) with |bits_i / scale - numerator_i / d| <= 2 / scale; None if there is none.

    d <= sqrt(scale) / 2**8, so that no other fractions fit.
    """
    d, most = 1, 1 << max(1, scale.bit_length() // 2 - 8)
    out = []
    for x in bits:
        y = x * d
        nearest = (2 * y + scale) // (2 * scale)
        if abs(y - nearest * scale) > 4 * d:
            q = _denominator(y % scale, scale, 4 * d, most // d)
            if q is None:
                return None
            d *= q
            out = [n * q for n in out]
            nearest = (2 * x * d + scale) // (2 * scale)
        out.append(nearest)
    return out, d


def _denominator(y, scale, error, most):
    """The smallest q of the continued fraction of y / scale that comes near; None if q > most.

    Near: |q y - nearest multiple of scale| <= error q.
    """
    # remainders c = |q1 y mod scale|, q1 the denominators of the convergents
    a, c, q0, q1 = scale, y, 0, 1
    while c > error * q1:
        t = a // c
        a, c, q0, q1 = c, a - t * c, q1, q0 + t * q1
        if q1 > most:
            return None
    return q1


# modulo a prime

def _lift_padic(rows, b):
    """The solution.   ValueError if A is singular"""
    F, order, p = _factors_mod(rows)
    subtract = _exact_residual(rows, p)
    r, digits, wanted = _objects(b), [], 4
    while True:
        while len(digits) < wanted:
            x = _solve_mod(F, order, (r % p).astype(np.int64), p)
            r = subtract(r, x) // p
            digits.append(x)
        answer = _common_fractions_mod(_joined_mod(digits, p), p ** len(digits))
        if answer is not None and holds(rows, b, *answer):
            return _reduced(*answer)
        wanted *= 2


def _factors_mod(rows):
    """(LU factors (n, n), order of the rows (n,), prime) for the first prime that serves."""
    n = len(rows)
    for p in PRIMES:
        F, order = np.zeros((n, n), np.int64), np.arange(n)
        for i, row in enumerate(rows):
            for j, a in row.items():
                F[i, j] = a % p
        if _lu_mod(F, order, p):
            return F, order, p
    raise ValueError(f"the matrix of {n} equations is singular")


def _exact_residual(rows, p):
    """(r, x) -> r - A x, exactly: in int64 where A x and r fit, else in Python's integers."""
    norm = max(sum(map(abs, row.values())) for row in rows)
    if norm * p >= SAFE:
        return lambda r, x: r - _objects([sum(a * int(x[j]) for j, a in row.items())
                                          for row in rows])
    A = _csr(rows)

    def subtract(r, x):
        if r.dtype == object and max(map(abs, r.tolist())) < SAFE:
            r = r.astype(np.int64)           # it stays int64 from now on
        Ax = A @ x
        return r - (Ax if r.dtype != object else Ax.astype(object))

    return subtract


def _objects(values):
    """A list of integers -> object array."""
    out = np.empty(len(values), object)
    out[:] = values
    return out


def _joined_mod(digits, p):
    """sum of digits[k] p**k: list of n integers, by halves."""
    parts, power = [d.astype(object) for d in digits], p
    while len(parts) > 1:
        pairs = zip(parts[::2], parts[1::2])
        odd = parts[len(parts) // 2 * 2:]
        parts = [low + power * high for low, high in pairs] + odd
        power *= power
    return parts[0].tolist()


def _common_fractions_mod(residues, modulus):
    """(numerators, d) with d residue_i = numerator_i modulo the modulus; None if there is none.

    Both are at most sqrt(modulus) / 2**8, so that no other fractions fit.
    """
    bound = 1 << max(1, modulus.bit_length() // 2 - 8)
    d, out = 1, []
    for x in residues:
        y = x * d % modulus
        if min(y, modulus - y) > bound:
            q = _denominator_mod(y, modulus, bound)
            if q is None or d * q > bound:
                return None
            d *= q
            out = [n * q for n in out]
            y = x * d % modulus
        out.append(y if 2 * y <= modulus else y - modulus)
    return out, d


def _denominator_mod(y, modulus, bound):
    """The smallest q with |q y mod modulus| <= bound; None if q > bound."""
    a, c, q0, q1 = modulus, y, 0, 1
    while c > bound:
        t = a // c
        a, c, q0, q1 = c, a - t * c, q1, q0 + t * q1
    return None if q1 > bound else q1


def _inverse_numpy(x, p):
    """1 / x modulo a prime p."""
    return pow(int(x), -1, int(p))


@kernel(defined_by=_inverse_numpy)
def _inverse(x, p):
    result, power = 1, p - 2                 # Fermat: x**(p - 2)
    while power:
        if power & 1:
            result = result * x % p
        x = x * x % p
        power >>= 1
    return result


def _lu_mod_numpy(F, order, p):
    """LU factors modulo p, in place, rows as in `order`; False if singular.

    F       (n, n) int64 in [0, p)
    order   (n,)
    """
    n = F.shape[0]
    for i in range(n):
        candidates = np.flatnonzero(F[i:, i])
        if not candidates.size:
            return False
        k = i + candidates[0]
        if k != i:
            F[[i, k]], order[[i, k]] = F[[k, i]], order[[k, i]]
        inverse = pow(int(F[i, i]), -1, p)
        for k in np.flatnonzero(F[i + 1:, i]) + i + 1:
            factor = int(F[k, i]) * inverse % p
            F[k, i] = factor
            F[k, i + 1:] = (F[k, i + 1:] - factor * F[i, i + 1:] % p) % p
    return True


@kernel(defined_by=_lu_mod_numpy)
def _lu_mod(F, order, p):
    n = F.shape[0]
    for i in range(n):
        k = i
        while k < n and F[k, i] == 0:
            k += 1
        if k == n:
            return False
        if k != i:
            order[i], order[k] = order[k], order[i]
            for j in range(n):
                F[i, j], F[k, j] = F[k, j], F[i, j]
        inverse = _inverse(F[i, i], p)
        for k in range(i + 1, n):
            if F[k, i] != 0:
                factor = F[k, i] * inverse % p
                F[k, i] = factor
                for j in range(i + 1, n):
                    if F[i, j] != 0:
                        F[k, j] = (F[k, j] - factor * F[i, j] % p) % p
    return True


def _solve_mod_numpy(F, order, b, p):
    """x with A x = b mod p, from the factors of _lu_mod: (n,) int64 in [0, p).

    b (n,) int64 in [0, p)
    """
    n = F.shape[0]
    x = b[order].copy()
    for i in range(n):
        x[i] = (int(x[i]) - sum(int(a) * int(y) for a, y in zip(F[i, :i], x[:i]))) % p
    for i in range(n - 1, -1, -1):
        right = int(x[i]) - sum(int(a) * int(y) for a, y in zip(F[i, i + 1:], x[i + 1:]))
        x[i] = right * pow(int(F[i, i]), -1, p) % p
    return x


@kernel(defined_by=_solve_mod_numpy)
def _solve_mod(F, order, b, p):
    n = F.shape[0]
    x = b[order].copy()
    for i in range(n):
        total = x[i]
        for j in range(i):
            if F[i, j] != 0:
                total = (total - F[i, j] * x[j]) % p
        x[i] = total
    for i in range(n - 1, -1, -1):
        total = x[i]
        for j in range(i + 1, n):
            if F[i, j] != 0:
                total = (total - F[i, j] * x[j]) % p
        inverse = _inverse(F[i, i], p)
        x[i] = total * inverse % p
    return x
