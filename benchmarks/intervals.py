"""Medians, and an interval around the median of paired ratios.

It assumes nothing about how times are distributed.

Of n independent values sorted, the k-th from below and the k-th from above enclose the median of
their law with probability

    1 - 2 P(Binomial(n, 1/2) < k)                      (order statistics; David and Nagaraja, "Order
                                                       Statistics", 7.1)

`median_interval` takes the largest k for which that is at least 95 %. Below six values even k = 1
does not get there. Then the interval is the range of all values, and the probability that comes
back says how little that is.

Read first: nothing.  Read next: runner.py, report.py.
"""

from math import comb
from statistics import median
from typing import NamedTuple


class Interval(NamedTuple):
    median: float
    lower: float
    upper: float
    coverage: float                                    # the probability above


def median_interval(values, confidence=0.95):
    """The median of `values`, and an Interval that holds the true one with at least `confidence`.

    It is the narrowest pair of order statistics that does.

    >>> median_interval([5, 1, 2, 4, 3, 9])
    Interval(median=3.5, lower=1, upper=9, coverage=0.96875)
    """
    values = sorted(values)
    n = len(values)
    if n == 0:
        raise ValueError("an interval needs at least one value")
    k, below = 1, _coverage(n, 1)
    while 2 * (k + 1) <= n and _coverage(n, k + 1) >= confidence:
        k, below = k + 1, _coverage(n, k + 1)
    return Interval(median(values), values[k - 1], values[n - k], below)


def _coverage(n, k):
    return max(0.0, 1 - 2 * sum(comb(n, j) for j in range(k)) / 2**n)


def spread(values):
    """How unquiet timings were: half the distance between the quartiles, relative to the median.

    >>> spread([10, 10, 10, 11, 9])
    0.0
    """
    values = sorted(values)
    n = len(values)
    return (values[(3 * (n - 1)) // 4] - values[(n - 1) // 4]) / 2 / median(values)


def paired_ratios(ours, others):
    """One ratio per round: the time of `others` over ours.

    Each is the sum of its two timings in the round, so a slow drift of the machine cancels.

    ours      a list of rounds, each a pair of seconds per call: the first and the last timing
    others    the same of the other: the two timings between them

    >>> paired_ratios([(1.0, 3.0)], [(2.0, 2.0)])
    [1.0]
    """
    return [sum(b) / sum(a) for a, b in zip(ours, others, strict=True)]
