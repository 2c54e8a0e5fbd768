"""What the text formats share: lines, numbers, rows of probabilities, and what they cannot say.

A number is a decimal or a fraction ("1/2"), and is taken exactly. A row of probabilities must sum
to one exactly. Programs print floats, though, and their sums are a little off. So a row that does
not sum to one is read as follows:

    floats in full length, near small fractions      those fractions: rational.py says which
    floats in full length, within 1e-12 per outcome  floats, as JSON and arrays have them
    anything within 1e-5, and normalize=True         every number divided by the sum

Any other row is refused. Nothing else is ever normalised.

Read first: given_numbers.py, checks.py, rational.py.
Read next: formats/prism.py, formats/drn.py, formats/cassandra.py, formats/arrays.py.
"""

import functools
from fractions import Fraction
from pathlib import Path

import numpy as np

from ..checks import ROW_SUM_TOLERANCE
from ..given_numbers import as_float, exact
from ..rational import read_row

NEAR = Fraction(1, 10 ** 5)            # what normalize=True may mend
DIGITS = 10 ** 14                      # a float in full length has decimals beyond these
UNNAMED = 100_000                      # states that a header may count and no line names
ONE = Fraction(1)


def either_spelling(function):
    """Decorator: `normalise=`, as this option was first called, is taken as `normalize=`.

    >>> either_spelling(lambda *, normalize=False: normalize)(normalise=True)
    True
    """
    @functools.wraps(function)
    def wrapped(*arguments, **options):
        if "normalise" in options and "normalize" not in options:
            options["normalize"] = options.pop("normalise")
        return function(*arguments, **options)
    return wrapped


def read_text(path):
    """The text of a file in UTF-8.   ValueError if it is none, OSError if it cannot be read"""
    try:
        return Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not a text file in UTF-8 (byte {error.start})") from None


def read_lines(path):
    """[(line number, words)] without empty lines and those that begin with #."""
    lines = [(n, line.split()) for n, line in enumerate(read_text(path).split("\n"), start=1)]
    return [(n, words) for n, words in lines if words and not words[0].startswith("#")]


def integer(where, word):
    """A number of a state, a choice or an observation."""
    if not (word.isascii() and word.isdigit()):
        raise ValueError(f"{where} the number must be an integer >= 0, is {word[:40]!r}")
    if len(word) > 18:
        raise ValueError(f"{where} the number must be below 10**18, has {len(word)} digits")
    return int(word)


class Numbers:
    """Words -> Fractions. A file repeats few numbers many times, so each is read once."""

    def __init__(self):
        self.known = {}

    def __call__(self, where, word):
        if word not in self.known:
            if word.startswith("["):
                raise ValueError(f"{where} {word!r} is an interval; processes with intervals are "
                                 "not supported, give each probability as one number")
            self.known[word] = exact(f"{where} the entry", word)
        return self.known[word]


def row(where, numbers, normalize=False, *, exactly=False):
    """One row of probabilities (Fractions) -> the same, or what the header reads instead.

    exactly   floats are never returned

    ValueError, beginning with `where`, if it does not sum to one.
    """
    total = sum(numbers)
    if total == 1:
        return numbers
    off, floats = total - 1, [as_float(where, x) for x in numbers]
    if abs(off) < NEAR ** 2:
        meant = read_row(floats)
        if meant is not None:
            return meant
        near = abs(off) <= ROW_SUM_TOLERANCE * len(floats)
        if near and not exactly and _full_length(numbers, floats):
            return floats
    if abs(off) < NEAR and normalize:
        return [x / total for x in numbers]
    hint = ""
    if abs(off) < NEAR:
        hint = "; normalize=True divides them by their sum, --normalize on the command line"
    raise ValueError(f"{where} sum to {as_float(where, total):.9g}, not to 1 "
                     f"(off by {as_float(where, off):.2g}){hint}")


def _full_length(numbers, floats):
    """Whether every number is its float's shortest decimal, and one of them is a long one."""
    return (all(Fraction(repr(y)) == x for x, y in zip(numbers, floats))
            and any((x * DIGITS).denominator != 1 for x in numbers))


def print_row(numbers):
    """A row of floats -> words: the fractions of rational.py, where it reads some; else in full.

    >>> print_row([0.1, 0.9]), print_row([1 / 3, 2 / 3]), print_row([0.12345, 0.87655])
    (['0.1', '0.9'], ['1/3', '2/3'], ['0.12345', '0.87655'])
    """
    meant = read_row(numbers)
    if meant is None:
        return [repr(x) for x in numbers]
    return [repr(x) if Fraction(repr(x)) == y else str(y) for x, y in zip(numbers, meant)]


def outcomes(m, k):
    """Pair k as a text file has it: a list of (next, probability, reward), exact or in full.

    ValueError if two outcomes lead to one state: a file has one reward for both.
    """
    first, last = int(m.outcome_ptr[k]), int(m.outcome_ptr[k + 1])
    after = m.next[first:last].tolist()
    if len(set(after)) < len(after):
        t = next(t for i, t in enumerate(after) if t in after[:i])
        raise ValueError(f"{m.pair_label(k)} has two outcomes that lead to "
                         f"{m.state_label(t)}; the file has one reward for both")
    p, r = m.exact_probability, m.exact_reward
    p = print_row(m.probability[first:last].tolist()) if p is None else p[first:last]
    r = m.reward[first:last].tolist() if r is None else r[first:last]
    return list(zip(after, p, r))


def check_states(path, count, named):
    """ValueError if a file speaks of many more states than it names."""
    if count > named + UNNAMED:
        raise ValueError(f"{path}: {count:,} states, of which the file names {named:,}; "
                         f"at most {UNNAMED:,} may be left out")


def one_word(kind, name):
    """A name as one word of a line.   ValueError if it is none"""
    word = str(name)
    if len(word.split()) != 1:
        raise ValueError(f"{kind} {word!r} is no single word, as this file needs")
    return word


def refuse_what_has_no_place(m, what, *, initial="single", costs=True, means=False):
    """ValueError, naming a remedy, for what a format of other programs cannot say.

    what      the format, for the message
    initial   "single", "uniform" or "any": the distributions that have a place
    means     the format has one reward for each choice, the mean over its outcomes
    """
    other = "; .json and .npz files keep it"
    if m.pair_gamma is not None:
        raise ValueError(f"{what} one discount at most, this process has one for each pair{other}")
    if costs and m.costs:
        raise ValueError(f"{what} no place to say that rewards are costs{other}; "
                         "or write m.replace(costs=False), and minimise where it is solved")
    if m.initial is not None:
        start = m.initial[m.initial > 0]
        uniform = initial == "uniform" and (start == start[0]).all()
        if len(start) > 1 and initial != "any" and not uniform:
            raise ValueError(f"{what} no place for an initial distribution over {len(start)} "
                             f"states{other}")
    if means:
        _refuse_fair_bets(m, what)


def _refuse_fair_bets(m, what):
    """Rewards of both signs whose mean is zero are no longer rewards once they are averaged."""
    e = m.expected
    for k in np.flatnonzero((e.size > 0) & (np.abs(e.r) <= 1e-9 * e.size)):
        first, last = int(m.outcome_ptr[k]), int(m.outcome_ptr[k + 1])
        floats = m.probability[first:last].tolist()
        p = read_row(floats) if m.exact_probability is None else m.exact_probability[first:last]
        p = list(map(Fraction, floats)) if p is None else p              # no small fractions
        if m.exact_reward is None:
            r = [Fraction(repr(x)) for x in m.reward[first:last].tolist()]
        else:
            r = m.exact_reward[first:last]
        if sum(x * y for x, y in zip(p, r)) == 0:
            raise ValueError(f"{what} one reward for each choice, and those of {m.pair_label(k)} "
                             "have mean zero: a total reward would no longer see them; "
                             ".json and .npz files keep them")
