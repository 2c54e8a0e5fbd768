"""A process in integers: what `solve_exact` computes with and `verify` checks against.

Numbers given exactly (integers, Fractions, Decimals, text) are taken as they are. Floats are read
so:

    probabilities   row by row, before outcomes with the same next state are merged: the smallest
                    common denominator D <= 10,000 for which every |p - n/D| <= 2 ulp(p), and the n
                    sum to D. (Two ulp: 1/3 is often stored as (1 - 1/3)/2.) A row without such a D
                    is a ValueError
    rewards, gamma  the shortest decimal that reads back as the same float, which is what was typed:
                    -0.04 is -1/25. (What was computed as 3/7 is a decimal of 16 digits then, and
                    not 3/7: give it as a Fraction or a string.)

Then every row must sum to exactly 1.

Read first: given_numbers.py, model.py.
Read next: exact/solve.py, certificate.py, verify.py, layout.py.
"""

import hashlib
import math
from fractions import Fraction
from typing import NamedTuple

import numpy as np

MOST = 10_000                          # the largest denominator guessed for a row of floats


class Rational(NamedTuple):
    """Lists of Python integers (and bools), nothing else.   S states, A actions, X pairs"""
    S: int
    A: int
    pair_ptr: list                     # (S+1,)
    owner: list                        # (X,) state of each pair
    action: list                       # (X,)
    D: list                            # (X,) common denominator of each row
    next: list                         # (X,) lists of next states, distinct
    n: list                            # (X,) lists of positive integers n, P(t | k) = n/D
    r: list                            # (X,) expected reward (numerator, denominator)
    g: list                            # (X,) discount (numerator, denominator)
    zero: list                         # (X,) bool: no outcome has a reward
    hash: str                          # sha256 of all of the above


def rational(m):
    """MDP -> Rational; nothing is renormalised.

    ValueError, naming the row, if a row of floats has no small common denominator.

    >>> from mdp import MDP
    >>> R = rational(MDP([[[0.25, 0.75]], [[0, 1]]], [0.1, 0], "1/2"))
    >>> R.D, R.n, R.r
    ([4, 1], [[1, 3], [1]], [(1, 10), (0, 1)])
    """
    probability = _read_rows(m) if m.exact_probability is None else m.exact_probability
    reward = _decimals(m.reward) if m.exact_reward is None else m.exact_reward
    D, after, n, r, zero = [], [], [], [], []
    ptr, column = m.outcome_ptr.tolist(), m.next.tolist()
    for k in range(m.num_pairs):
        # integers are added, not Fractions: p over one denominator d, rewards over one b
        outcomes = range(ptr[k], ptr[k + 1])
        d = math.lcm(*(probability[j].denominator for j in outcomes))
        b = math.lcm(*(reward[j].denominator for j in outcomes))
        row, earned = {}, 0
        for j in outcomes:
            p, x = probability[j], reward[j]
            share = p.numerator * (d // p.denominator)
            row[column[j]] = row.get(column[j], 0) + share
            earned += share * x.numerator * (b // x.denominator)
        total = sum(row.values())
        if total != d:
            raise ValueError(f"P: the probabilities of {m.pair_label(k)} sum to "
                             f"{Fraction(total, d)}, not to 1")
        common = math.gcd(d, *row.values())      # where outcomes were merged
        D.append(d // common), after.append(list(row))
        n.append([share // common for share in row.values()])
        r.append(Fraction(earned, d * b).as_integer_ratio())
        zero.append(not any(reward[j] for j in outcomes))
    arrays = (m.num_states, m.num_actions, m.pair_ptr.tolist(), m.pair_state.tolist(),
              m.pair_action.tolist(), D, after, n, r, _discounts(m), zero)
    return Rational(*arrays, hashlib.sha256(repr(arrays).encode()).hexdigest())


def _discounts(m):
    """(X,) the discount of each pair, as (numerator, denominator)."""
    if m.pair_gamma is None:
        g = m.exact_gamma if m.exact_gamma is not None else Fraction(repr(m.gamma))
        return [(g.numerator, g.denominator)] * m.num_pairs
    exact = _decimals(m.pair_gamma) if m.exact_pair_gamma is None else m.exact_pair_gamma
    return [(g.numerator, g.denominator) for g in exact]


def _decimals(x):
    """Floats -> the shortest decimals that read back as the same floats, as Fractions."""
    return [Fraction(repr(number)) for number in x.tolist()]


def _read_rows(m):
    """Floats -> Fractions, (J,) list, row by row."""
    out, known = [None] * m.next.size, {}
    for k in range(m.num_pairs):
        first, last = m.outcome_ptr[k], m.outcome_ptr[k + 1]
        row = m.probability[first:last]
        key = row.tobytes()
        if key not in known:
            known[key] = read_row(row)
            if known[key] is None:
                raise ValueError(f"P: {m.pair_label(k)} has no common denominator up to {MOST} "
                                 f"within 2 ulp of its probabilities {row.tolist()[:6]}; give "
                                 "them as Fractions or strings such as \"1/3\", or say what "
                                 "the floats stand for: mdp.transforms.in_fractions")
        out[first:last] = known[key]
    return out


def read_row(row):
    """Floats -> Fractions over the smallest common denominator D <= 10,000 that fits, or None.

    >>> read_row(np.array([(1 - 1 / 3) / 2, 1 / 3, 1 / 3]))
    [Fraction(1, 3), Fraction(1, 3), Fraction(1, 3)]
    """
    row = np.asarray(row, float)
    for start, stop in ((1, 129), (129, MOST + 1)):
        D = np.arange(start, stop, dtype=float)[:, None]                 # (denominators, 1)
        n = np.rint(D * row)                                             # (denominators, outcomes)
        slack = 8 * np.spacing(row) * D + 4 * np.spacing(D * row)
        near = (np.abs(D * row - n) <= slack).all(1) & (n.sum(1) == D[:, 0])
        for i in np.flatnonzero(near):
            meant = [Fraction(int(x), start + int(i)) for x in n[i]]
            if all(abs(Fraction(float(p)) - x) <= 2 * Fraction(math.ulp(p))
                   for p, x in zip(row, meant)):
                return meant
    return None
