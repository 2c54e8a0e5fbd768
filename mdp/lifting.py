"""Integer linear systems solved exactly: from float factors, or p-adically, to fractions that are checked.

    A x = b,   A (n, n) integers, sparse;   x_i = numerator_i / denominator

n <= 15       fraction-free elimination (Bareiss 1968): every division is exact.

float lifting (Wan 2006; Gleixner, Steffy and Wolter 2016): with float LU factors of A,

    x_k = round(A^-1 2^e r_k),   r_{k+1} = 2^e r_k - A x_k   exactly, in int64;      x = sum over k of x_k 2^(-e k)

gives e bits of every component per step, as long as the factors are right to a few bits. b may be large: its digits in base 2^e are
fed in one by one. The bits are turned into fractions by continued fractions, which share one denominator.

p-adic lifting (Dixon 1982): the same with factors modulo a prime, x_k = A^-1 r_k mod p, r_{k+1} = (r_k - A x_k) / p. Conditioning plays no part: it
takes over where the float factors are not good enough (beyond a condition number of about 1e13), or numbers leave int64.

Whatever was reconstructed is accepted only if A numerator = denominator b, in integers. More bits are computed until it is.

Read next: exact/process.py.
"""

import math

import numpy as np
import scipy.linalg
import scipy.sparse as sp
import scipy.sparse.linalg

from npixel.runtime.kernels import kernel

SMALL = 15
PRIMES = (2147483629, 2147483587, 2147483579, 2147483563, 2147483549)      # the largest below 2**31


def solve_integers(rows, b, method="auto"):
    """A x = b -> (numerators, denominator): lists of integers and an integer > 0.

    rows     list of {column: integer}     b   list of integers
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
            raise ValueError(f"the float factors of this system of {n} equations are not good enough to be lifted")
        x = _lift_padic(rows, b)
    return x


def holds(rows, b, numerators, denominator):
    """True if A numerators = denominator b, exactly."""
    return all(sum(a * numerators[j] for j, a in row.items()) == denominator * y for row, y in zip(rows, b))


def _eliminate(rows, b):
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
                A[k] = [(head * x - factor * y) // previous for x, y in zip(A[k], A[i])]           # Gauss-Jordan: divides exactly
        previous = head
    d = A[n - 1][n - 1]
    for i in range(n):
        if A[i][i] != d:
            raise AssertionError("fraction-free elimination leaves one common diagonal")
    sign = 1 if d > 0 else -1
    return _reduced([sign * A[i][n] for i in range(n)], sign * d)


def _reduced(numerators, d):
    common = math.gcd(d, *numerators)
    return [x // common for x in numerators], d // common


# float factors

def _lift_float(rows, b):
    """The solution, or None where float lifting does not apply."""
    n = len(rows)
    columns = np.array([j for row in rows for j in row], np.int64)
    entries = [a for row in rows for a in row.values()]
    if max(map(abs, entries)) >= 2 ** 40:
        return None
    A = sp.csr_matrix((np.array(entries, np.int64), columns, np.concatenate(([0], np.cumsum([len(row) for row in rows])))), shape=(n, n))
    solve = _factors(A.astype(float))
    if solve is None:
        return None
    norm = float(abs(A).sum(axis=1).max())
    with np.errstate(all="ignore"):
        reach = float(np.abs(solve(np.ones(n))).max())                   # |A^-1|, as large as it gets for I - gamma P, whose inverse is not negative
    if not 0 < reach * norm < 2.0 ** 40:
        return None
    room = min(50 - math.log2(reach * norm), 60 - math.log2(norm * max(1.0, norm * reach)), 52 - math.log2(norm))
    e = next((e for e in (32, 24, 16, 8) if e <= room), None)
    if e is None:
        return None
    # b in signed digits, most significant first
    length = max((abs(y).bit_length() for y in b), default=0)
    count = max(1, -(-length // e))
    digits = np.zeros((count, n), np.int64)
    size = e // 8
    for i, y in enumerate(b):
        if y:
            raw = np.frombuffer(abs(y).to_bytes(count * size, "big"), np.uint8).reshape(count, size).astype(np.int64)
            value = np.zeros(count, np.int64)
            for byte in range(size):
                value = (value << 8) | raw[:, byte]
            digits[:, i] = value if y > 0 else -value
    found, r, fraction_steps, wanted = [], np.zeros(n, np.int64), 0, 64
    limit = 2.0 * norm + 4
    step = 0
    while True:
        while step < count or fraction_steps * e < wanted:
            r = (r << e) + (digits[step] if step < count else 0)
            x = np.rint(solve(r.astype(float)))
            if not np.isfinite(x).all() or np.abs(x).max() * norm >= 2.0 ** 62:
                return None
            x = x.astype(np.int64)
            r = r - A @ x
            if np.abs(r).max() > limit:
                return None
            found.append(x)
            fraction_steps += step >= count
            step += 1
        X = _joined(np.array(found), e)
        answer = _common_fractions(X, 1 << (fraction_steps * e))
        if answer is not None and holds(rows, b, *answer):
            return _reduced(*answer)
        wanted *= 2
        if wanted > 10**8:
            return None


def _factors(A):
    n = A.shape[0]
    try:
        if n <= 400 or 20 * A.nnz > n * n:
            lu = scipy.linalg.lu_factor(A.toarray(), check_finite=False)
            return lambda b: scipy.linalg.lu_solve(lu, b, check_finite=False)
        return scipy.sparse.linalg.splu(sp.csc_matrix(A)).solve
    except (RuntimeError, ValueError):                                    # exactly singular in floats
        return None


def _joined(digits, e):
    """sum of digits[k] 2**(e (steps - 1 - k)): list of n integers.   digits (steps, n) int64, signed, may exceed e bits"""
    steps, n = digits.shape
    carry = np.zeros(n, np.int64)
    low = np.empty((steps, n), np.int64)
    for k in range(steps - 1, -1, -1):
        total = digits[k] + carry
        carry = total >> e
        low[k] = total - (carry << e)
    size = e // 8
    raw = np.stack([(low >> (8 * (size - 1 - i))) & 255 for i in range(size)], axis=2).astype(np.uint8)      # (steps, n, size)
    raw = np.ascontiguousarray(raw.transpose(1, 0, 2)).reshape(n, steps * size)
    return [(int(c) << (e * steps)) + int.from_bytes(row.tobytes(), "big") for c, row in zip(carry, raw)]


def _common_fractions(X, scale):
    """(numerators, d) with |X_i / scale - numerator_i / d| <= 2 / scale, d <= sqrt(scale) / 2**8; None if there is none."""
    d, most = 1, 1 << max(1, scale.bit_length() // 2 - 8)
    out = []
    for x in X:
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
    """The smallest q of the continued fraction of y / scale with |q y - nearest multiple of scale| <= error q; None if q > most."""
    a, c, q0, q1 = scale, y, 0, 1                                        # remainders c = |q1 y mod scale|, convergents' denominators q1
    while c > error * q1:
        t = a // c
        a, c, q0, q1 = c, a - t * c, q1, q0 + t * q1
        if q1 > most:
            return None
    return q1


# modulo a prime

def _lift_padic(rows, b):
    n = len(rows)
    for p in PRIMES:
        M = np.zeros((n, n), np.int64)
        for i, row in enumerate(rows):
            for j, a in row.items():
                M[i, j] = a % p
        order = np.arange(n)
        if _lu_mod(M, order, p):
            break
    else:
        raise ValueError(f"the matrix of {n} equations is singular")
    norm = max(sum(map(abs, row.values())) for row in rows)
    small = norm * p < 2 ** 61
    if small:
        A = sp.csr_matrix((np.array([a for row in rows for a in row.values()], np.int64), np.array([j for row in rows for j in row], np.int64),
                           np.concatenate(([0], np.cumsum([len(row) for row in rows])))), shape=(n, n))
    r = np.array(b + [None], object)[:-1]
    digits, wanted = [], 4
    while True:
        while len(digits) < wanted:
            x = _solve_mod(M, order, (r % p).astype(np.int64), p)
            Ax = A @ x if small else np.array([sum(a * int(x[j]) for j, a in row.items()) for row in rows] + [None], object)[:-1]
            if small and r.dtype == object and max(map(abs, r.tolist())) < 2 ** 61:
                r = r.astype(np.int64)
            r = (r - (Ax if r.dtype != object else Ax.astype(object))) // p
            digits.append(x)
        modulus = p ** len(digits)
        answer = _common_fractions_mod(_joined_mod(digits, p), modulus)
        if answer is not None and holds(rows, b, *answer):
            return _reduced(*answer)
        wanted *= 2


def _joined_mod(digits, p):
    """sum of digits[k] p**k: list of n integers, by halves."""
    parts, power = [d.astype(object) for d in digits], p
    while len(parts) > 1:
        parts = [parts[i] + power * parts[i + 1] if i + 1 < len(parts) else parts[i] for i in range(0, len(parts), 2)]
        power *= power
    return parts[0].tolist()


def _common_fractions_mod(X, modulus):
    """(numerators, d) with d X_i = numerator_i mod modulus, both at most sqrt(modulus) / 2**8; None if there is none."""
    bound = 1 << max(1, modulus.bit_length() // 2 - 8)
    d, out = 1, []
    for x in X:
        y = x * d % modulus
        if min(y, modulus - y) > bound:
            a, c, q0, q1 = modulus, y, 0, 1
            while c > bound:
                t = a // c
                a, c, q0, q1 = c, a - t * c, q1, q0 + t * q1
            if q1 > bound:
                return None
            d *= q1
            if d > bound:
                return None
            out = [n * q1 for n in out]
            y = x * d % modulus
        out.append(y if 2 * y <= modulus else y - modulus)
    return out, d


def _lu_mod_numpy(M, order, p):
    """LU factors modulo p, in place, rows as in `order`; False if singular.   M (n, n) int64 in [0, p)   order (n,)"""
    n = M.shape[0]
    for i in range(n):
        candidates = np.flatnonzero(M[i:, i])
        if not candidates.size:
            return False
        k = i + candidates[0]
        if k != i:
            M[[i, k]], order[[i, k]] = M[[k, i]], order[[k, i]]
        inverse = pow(int(M[i, i]), -1, p)
        for k in np.flatnonzero(M[i + 1:, i]) + i + 1:
            factor = int(M[k, i]) * inverse % p
            M[k, i] = factor
            M[k, i + 1:] = (M[k, i + 1:] - factor * M[i, i + 1:] % p) % p
    return True


@kernel(defined_by=_lu_mod_numpy)
def _lu_mod(M, order, p):
    n = M.shape[0]
    for i in range(n):
        k = i
        while k < n and M[k, i] == 0:
            k += 1
        if k == n:
            return False
        if k != i:
            order[i], order[k] = order[k], order[i]
            for j in range(n):
                M[i, j], M[k, j] = M[k, j], M[i, j]
        # inverse by Fermat: M**(p - 2)
        inverse, base, power = 1, M[i, i], p - 2
        while power:
            if power & 1:
                inverse = inverse * base % p
            base = base * base % p
            power >>= 1
        for k in range(i + 1, n):
            if M[k, i] != 0:
                factor = M[k, i] * inverse % p
                M[k, i] = factor
                for j in range(i + 1, n):
                    if M[i, j] != 0:
                        M[k, j] = (M[k, j] - factor * M[i, j] % p) % p
    return True


def _solve_mod_numpy(M, order, b, p):
    """x with A x = b mod p from the factors of _lu_mod.   b (n,) int64 in [0, p)   returns (n,) int64 in [0, p)"""
    n = M.shape[0]
    x = b[order].copy()
    for i in range(n):
        x[i] = (int(x[i]) - sum(int(a) * int(y) for a, y in zip(M[i, :i], x[:i]))) % p
    for i in range(n - 1, -1, -1):
        x[i] = (int(x[i]) - sum(int(a) * int(y) for a, y in zip(M[i, i + 1:], x[i + 1:]))) * pow(int(M[i, i]), -1, p) % p
    return x


@kernel(defined_by=_solve_mod_numpy)
def _solve_mod(M, order, b, p):
    n = M.shape[0]
    x = b[order].copy()
    for i in range(n):
        total = x[i]
        for j in range(i):
            if M[i, j] != 0:
                total = (total - M[i, j] * x[j]) % p
        x[i] = total
    for i in range(n - 1, -1, -1):
        total = x[i]
        for j in range(i + 1, n):
            if M[i, j] != 0:
                total = (total - M[i, j] * x[j]) % p
        inverse, base, power = 1, M[i, i], p - 2
        while power:
            if power & 1:
                inverse = inverse * base % p
            base = base * base % p
            power >>= 1
        x[i] = total * inverse % p
    return x
