"""What a certificate of solve_exact states: a dict for json.dump.

    format, version      "mdp-certificate", 2
    model                sha256 of the process in integers (rational.py): the certificate speaks of no other
    criterion, minimize  as in solve_exact
    policy               the action of each state, -1 where it is terminal
    slack                for each pair 0 if q(s, a) = v(s), 1 if it is worse; average: 1 loses bias, 2 loses gain
    num, den             v(s) = num[s] / den: hexadecimal integers, since Python prints and reads these at any length

    finite horizon       horizon T; policy and slack are lists of T; steps, T + 1 vectors {num, den}
    average              gain, bias, centre: three vectors {num, den} instead of one; bias = centre - P centre under the policy
    total                values are suprema over stationary policies, randomised ones included;
                         with goal over those that reach it
                         goal (list of states, or null), miss ("inf", "-inf", null), infinite (0, 1
                         or -1 for each state), and witnesses:
                         rank (the policy comes nearer to the end; to where it gains), tight, layer, return.   See verify_total.py.
                         num / den of a state whose value is infinite is its potential there, not a value

Each field has one form, and there are no others: certificate_form.py.

exact/ writes it, verify.py and verify_total.py read it. Nothing here solves anything.
"""

import math

FORMAT, VERSION = "mdp-certificate", 2


# writing

def write(R, criterion, minimize, **fields):
    """The certificate of a Rational."""
    return {"format": FORMAT, "version": VERSION, "model": R.hash, "criterion": criterion, "minimize": bool(minimize), **fields}


def vector(x, minimize):
    """Fractions, negated if they were to minimise -> {"num", "den"}."""
    N, L = integers(x)
    return {"num": [hex(-n if minimize else n) for n in N], "den": hex(L)}


def integers(x):
    """Fractions -> (numerators, common denominator)."""
    L = math.lcm(*{y.denominator for y in x}) if x else 1
    return [y.numerator * (L // y.denominator) for y in x], L


# reading

def numbers(c, n):
    """{"num", "den"} of n states -> (numerators, denominator).   ValueError if den <= 0"""
    num, den = [int(x, 16) for x in c["num"]], int(c["den"], 16)
    if len(num) != n or den <= 0:
        raise ValueError("not n numbers over one positive denominator")
    return num, den


def pairs(R, policy):
    """The pair of each state's action; None where terminal.   ValueError or KeyError if there is no such action"""
    own = [range(R.pair_ptr[s], R.pair_ptr[s + 1]) for s in range(R.S)]
    if len(policy) != R.S or any(a != -1 for a, k in zip(policy, own) if not k):
        raise ValueError("not one action for each state that has any")
    return [{R.action[j]: j for j in k}[a] if k else None for a, k in zip(policy, own)]


def over_one(*vectors):
    """Several (numerators, denominator) -> (their numerators over one denominator, that one).

    >>> over_one(([1, 2], 4), ([5, 0], 6))
    ([[3, 6], [10, 0]], 12)
    """
    L = math.lcm(*(den for _, den in vectors))
    return [[n * (L // den) for n in num] for num, den in vectors], L


def gap(R, k, now, after, den, discounted=True):
    """v(s) - r(k) - gamma sum P(t | k) v'(t), times a positive integer.

    v = now / den, v' = after / den. The long integers are only multiplied by short ones.
    """
    (gn, gd), (rn, rd), D = R.g[k] if discounted else (1, 1), R.r[k], R.D[k]
    ahead = sum(n * after[t] for t, n in zip(R.next[k], R.n[k]))
    return rd * gd * D * now[R.owner[k]] - rd * gn * ahead - gd * D * rn * den
