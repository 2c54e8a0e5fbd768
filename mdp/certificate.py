"""What a certificate of solve_exact states: a dict for json.dump.

    format               "mdp-certificate"
    version              2
    model                sha256 of the process in integers (rational.py): the certificate speaks of
                         no other process
    criterion            as in solve_exact
    minimize             as in solve_exact
    policy               the action of each state, -1 where it is terminal
    slack                for each pair 0 if q(s, a) = v(s), 1 if it is worse.
                         Average: 1 if it loses bias, 2 if it loses gain
    num                  v(s) = num[s] / den: hexadecimal integers, since Python prints and reads
                         these at any length
    den                  see num

    finite horizon       policy and slack are lists, with one entry for each step
        horizon          the number of steps T
        steps            the values, T + 1 vectors {num, den}
    average              three vectors {num, den} instead of one
        gain             the mean reward per step
        bias             what starting in a state earns beyond the gain
        centre           bias = centre - P centre under the policy
    total                values are suprema over stationary policies, randomised ones included;
                         with a goal, one that may miss it is worth `miss`
        goal             list of states, or null
        miss             "inf" or "-inf"; null without a goal
        infinite         0, 1 or -1 for each state: its value is finite, inf or -inf.
                         num / den of a state whose value is infinite is its potential, not a value
        rank             how far the policy is from its end, or from where it gains
        tight            how far pairs with q(s, a) = v(s) are from their end, where it is needed
        layer            numbers the states that are worth -inf, where it is needed
        return           {policy, rank}: how to reach the goal, where it is needed.
                         These four are witnesses: verify_total.py says what each proves

Each field has one form, and there are no others: certificate_form.py.

exact/ writes it, verify.py and verify_total.py read it. Nothing here solves anything.

Read first: rational.py.  Read next: certificate_form.py, verify_total.py, verify.py.
"""

import math

FORMAT, VERSION = "mdp-certificate", 2


# writing

def write(R, criterion, minimize, **fields):
    """The certificate of a Rational."""
    return {"format": FORMAT, "version": VERSION, "model": R.hash, "criterion": criterion,
            "minimize": bool(minimize), **fields}


def vector(x, minimize):
    """Fractions -> {"num", "den"}, negated back where rewards were negated to minimise."""
    num, den = integers(x)
    return {"num": [hex(-n if minimize else n) for n in num], "den": hex(den)}


def integers(x):
    """Fractions -> (numerators, common denominator)."""
    den = math.lcm(*{y.denominator for y in x}) if x else 1
    return [y.numerator * (den // y.denominator) for y in x], den


# reading

def numbers(c, n):
    """{"num", "den"} of n states -> (numerators, denominator).   ValueError if den <= 0"""
    num, den = [int(x, 16) for x in c["num"]], int(c["den"], 16)
    if len(num) != n or den <= 0:
        raise ValueError("not n numbers over one positive denominator")
    return num, den


def pairs(R, policy):
    """The pair of each state's action; None in terminal states.

    ValueError or KeyError if there is no such action.
    """
    own = [range(R.pair_ptr[s], R.pair_ptr[s + 1]) for s in range(R.S)]
    if len(policy) != R.S or any(a != -1 for a, k in zip(policy, own) if not k):
        raise ValueError("not one action for each state that has any")
    return [{R.action[j]: j for j in k}[a] if k else None for a, k in zip(policy, own)]


def over_one(*vectors):
    """Several (numerators, denominator) -> (their numerators over one denominator, that one).

    >>> over_one(([1, 2], 4), ([5, 0], 6))
    ([[3, 6], [10, 0]], 12)
    """
    one = math.lcm(*(den for _, den in vectors))
    return [[n * (one // den) for n in num] for num, den in vectors], one


def gap(R, k, now, after, den, discounted=True):
    """v(s) - r(k) - gamma sum P(t | k) v'(t), times a positive integer.

    v = now / den, v' = after / den. The long integers are only multiplied by short ones.
    """
    (gn, gd), (rn, rd), D = R.g[k] if discounted else (1, 1), R.r[k], R.D[k]
    ahead = sum(n * after[t] for t, n in zip(R.next[k], R.n[k]))
    return rd * gd * D * now[R.owner[k]] - rd * gn * ahead - gd * D * rn * den
