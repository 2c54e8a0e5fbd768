"""Check a certificate of solve_exact: integers only, short functions, nothing of any solver.

What is believed afterwards follows from a few lines of mathematics, not from how the numbers were
found:

    discounted       v = r + gamma P v for the policy: v is what it is worth.
                     v >= r + gamma P v for every pair: no policy is worth more
    finite horizon   the same, step by step
    average          g = P g and g + h = r + P h for the policy, so that its gain is g.
                     g >= P g for every pair, and g + h >= r + P h where that is an equality: no
                     gain is larger (Puterman 1994, theorem 9.1.2).
                     h = w - P w for some w: the bias has mean zero in every class
    total            verify_total.py

Read first: rational.py, certificate.py, certificate_form.py, verify_total.py.
Read next: statement.py, exact/solve.py.
"""

from .certificate import FORMAT, VERSION, gap, numbers, over_one, pairs
from .certificate_form import malformed
from .rational import rational
from .verify_total import total


def verify(m, certificate):
    """True if every statement of the certificate is a fact about this very process.

    The form of every field is checked first, and the hash of the process.  statement.py says in
    words what has been verified: which criterion, goal, horizon and terminal values.

    >>> from mdp import MDP, solve_exact
    >>> m = MDP([[[1, 0], [0, 1]], [[0, 1], [0, 1]]], [[1, 1], [2, 2]], "1/2")
    >>> c = solve_exact(m).certificate
    >>> verify(m, c), verify(m, {**c, "minimize": True}), verify(m, {**c, "minimize": 0})
    (True, False, False)
    """
    R, c = rational(m), certificate
    if malformed(c, R.S, len(R.owner)):
        return False
    if (c["format"], c["version"], c["model"]) != (FORMAT, VERSION, R.hash):
        return False
    try:
        return CHECKS[c["criterion"]](R, c, -1 if c["minimize"] else 1)
    except (KeyError, ValueError):           # no such action or witness; den <= 0
        return False


def _discounted(R, c, side):
    v = numbers(c, R.S)
    return (all(v[0][s] == 0 for s in range(R.S) if R.pair_ptr[s] == R.pair_ptr[s + 1])
            and all(n < d for n, d in R.g)                       # gamma < 1
            and _step(R, side, c["policy"], c["slack"], v, v))


def _finite_horizon(R, c, side):
    steps = [numbers(x, R.S) for x in c["steps"]]
    return all(_step(R, side, c["policy"][t], c["slack"][t], steps[t], steps[t + 1])
               for t in range(c["horizon"]))


def _step(R, side, policy, slack, now, after):
    """One application of the Bellman equation, from the values `after` to the values `now`."""
    (v, w), den = over_one(now, after)
    loss = [side * gap(R, k, v, w, den) for k in range(len(R.owner))]     # v - r - gamma P w
    return (all(x >= 0 for x in loss)                            # no pair is better
            and all(n == int(x > 0) for n, x in zip(slack, loss, strict=True))
            and all(v[s] == w[s] if k is None                    # a terminal state keeps its value
                    else loss[k] == 0                            # the policy attains it
                    for s, k in enumerate(pairs(R, policy))))


def _average(R, c, side):
    """One pair after the other, then one state after the other."""
    (g, h, w), den = over_one(*(numbers(c[name], R.S) for name in ("gain", "bias", "centre")))
    slack = c["slack"]

    def drift(k, x):                         # x(s) - P x, times D den
        return R.D[k] * x[R.owner[k]] - sum(n * x[t] for t, n in zip(R.next[k], R.n[k]))

    for k, s in enumerate(R.owner):
        D, (rn, rd) = R.D[k], R.r[k]
        of_gain = side * drift(k, g)                                         # g - P g
        of_bias = side * (rd * (D * g[s] + drift(k, h)) - D * rn * den)      # g + h - r - P h
        if of_gain < 0 or of_gain == 0 and of_bias < 0:
            return False                                         # this pair is better
        if slack[k] != (2 if of_gain else int(of_bias > 0)):
            return False
    return all(g[s] == h[s] == w[s] == 0 if k is None
               else slack[k] == 0 and drift(k, w) == R.D[k] * h[s]           # w - P w = h
               for s, k in enumerate(pairs(R, c["policy"])))


CHECKS = {"discounted": _discounted, "finite_horizon": _finite_horizon, "average": _average,
          "total": total}
