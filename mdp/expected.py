"""A process as planners see it: expectations over outcomes, and the chain that a policy leaves.

    P(s' | k) = sum over the outcomes j of pair k with next state s' of p_j
    r(k)      = sum over the outcomes j of pair k of p_j reward_j

    P_pi(s' | s) = sum over the pairs k of s of pi(k) P(s' | k)       the chain that a policy leaves
    r_pi(s)      = sum over the pairs k of s of pi(k) r(k)            and its rewards

`Expected` holds the first two, `induced` makes the others of them. `evaluate`, `simulate` and
policy iteration begin with `induced`. `bellman.follow` does the same for sweeps, with one pair for
each state.

Read first: checks.py, forms.py.  Read next: bellman.py, evaluation.py.
"""

from fractions import Fraction
from functools import cached_property
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp

from .checks import rows_of
from .given_numbers import as_float

NORMAL = np.finfo(float).tiny          # the smallest float whose rounding error is relative to it
FULL = 1 / 3                           # share of entries that are not zero. From here on a full
                                       # matrix is used: it takes less memory, and BLAS is faster


class Expected:
    """The part of a process that the Bellman operators see: one row for each pair.

    P         (X, S) CSR, probabilities of the next state, times gamma(s, a) / gamma where pairs
              have their own discounts
    r         (X,) expected reward
    gamma     the discount
    pair_ptr  (S+1,) the pairs of state s are pair_ptr[s], ..., pair_ptr[s+1] - 1
    size      (X,) sum of p * |reward|: the scale of the rounding error in r. At least NORMAL where
              an outcome has a reward, even if the sum is too small for a float.
              None: |r|, which is the same where all outcomes of a pair have one reward
    count     (X,) number of outcomes.  None: the number of entries in the row of P
    owner     (X,) state of each pair.  None: as pair_ptr says
    action    (X,) action of each pair.  None: every action exists, so that the action is the place
              of the pair among those of its state
    zero      (X,) bool: no outcome has a reward.  None: where size is zero

    What is None is computed when it is first asked for: sweeps over a million states never ask.
    """

    def __init__(self, P, r, gamma, pair_ptr, *, size=None, count=None, owner=None, action=None,
                 zero=None):
        self.P, self.r, self.gamma, self.pair_ptr = P, r, gamma, pair_ptr
        self._size, self._count, self._owner, self._zero = size, count, owner, zero
        self._action = action

    @classmethod
    def of(cls, m):
        """The Expected of an MDP."""
        P = sp.csr_matrix((m.probability, m.next, m.outcome_ptr), shape=(m.num_pairs, m.num_states))
        count = None
        if not P.has_canonical_format:           # outcomes that differ in reward alone, or unsorted
            count = np.diff(m.outcome_ptr)
            P = P.copy()
            P.sum_duplicates()
        r = _mean_rewards(m, P)
        size, zero = _sizes(m, r)
        action = None if m.available.all() else m.pair_action
        e = cls(P, r, m.gamma, m.pair_ptr, size=size, count=count, action=action, zero=zero)
        e.sums, e.full                           # every solver asks for them
        return e if m.pair_gamma is None or m.gamma == 0 else _with_own_discounts(e, m.pair_gamma)

    def replace(self, **changes):
        """The same with some fields changed. Fields that were given as None follow the change."""
        fields = dict(P=self.P, r=self.r, gamma=self.gamma, pair_ptr=self.pair_ptr,
                      size=self._size, count=self._count, owner=self._owner, action=self._action,
                      zero=self._zero)
        e = Expected(**{**fields, **changes})
        if e.P is self.P and e.pair_ptr is self.pair_ptr:
            known = ["sums", "full", "rows", "choices"] + ["most"] * ("count" not in changes)
            vars(e).update({name: vars(self)[name] for name in known if name in vars(self)})
        return e

    @cached_property
    def size(self):
        return np.abs(self.r) if self._size is None else self._size

    @cached_property
    def count(self):
        return np.diff(self.P.indptr) if self._count is None else self._count

    @cached_property
    def owner(self):
        return rows_of(self.pair_ptr) if self._owner is None else self._owner

    @cached_property
    def action(self):
        places = self._action is None
        return np.arange(self.r.size) - self.pair_ptr[self.owner] if places else self._action

    @cached_property
    def zero(self):
        return self.size == 0 if self._zero is None else self._zero

    @property
    def every_action(self):
        """True where the actions of each state are 0, 1, ...: no `action` was given."""
        return self._action is None

    @cached_property
    def choices(self):
        """The number of pairs of each state where it is the same for all; else 0."""
        counts = np.diff(self.pair_ptr)
        return int(counts[0]) if counts.size and (counts == counts[0]).all() else 0

    @cached_property
    def rows(self):
        """(row, column, p): P for compiled loops, its indices unsigned.

        An index that may be negative costs a comparison at each access, which doubles the time of
        a sweep.
        """
        P = self.P
        unsigned = lambda index: index.view(f"u{index.itemsize}")              # noqa: E731
        return unsigned(P.indptr), unsigned(P.indices), P.data

    @cached_property
    def full(self):
        """P as a full matrix (X, S), which BLAS multiplies; None if most entries are zero."""
        X, S = self.P.shape
        if self.P.nnz < FULL * X * S or not self.P.nnz:
            return None
        whole = self.P.nnz == X * S and self.P.has_canonical_format
        return self.P.data.reshape(X, S) if whole else self.P.toarray()

    @cached_property
    def sums(self):
        """(smallest, largest) row sum of P; (1, 1) without rows."""
        sums = self.P @ np.ones(self.P.shape[1])
        return float(sums.min(initial=1)), float(sums.max(initial=1))

    @cached_property
    def most(self):
        """The largest `count`."""
        return int(self.count.max(initial=0))

    @cached_property
    def scale(self):
        """The largest `size`."""
        return float(self.size.max(initial=0.0))


def _mean_rewards(m, P):
    """(X,) sum of p * reward over the outcomes of each pair."""
    if m.exact_probability is not None and m.exact_reward is not None:
        exact = np.full(m.num_pairs, Fraction(0), object)
        np.add.at(exact, m.outcome_pair, m.exact_probability * m.exact_reward)
        return np.array([as_float("R", x) for x in exact])                     # rounded once
    if m.pair_reward is not None:
        sums = P @ np.ones(m.num_states)
        return m.pair_reward if (sums == 1).all() else sums * m.pair_reward
    return np.bincount(m.outcome_pair, m.probability * m.reward, minlength=m.num_pairs)


def _sizes(m, r):
    """`size` and `zero` of Expected; None for what is |r|, or where size is zero."""
    size = zero = None
    if m.pair_reward is None:
        size = np.bincount(m.outcome_pair, m.probability * np.abs(m.reward), minlength=m.num_pairs)
        zero = np.bincount(m.outcome_pair, m.reward != 0, minlength=m.num_pairs) == 0
    found = np.abs(r) if size is None else size
    if found.min(initial=1.0) >= NORMAL:
        return size, zero
    # a product may vanish where no factor does
    tiny = (found < NORMAL) & ~(r == 0 if zero is None else zero)
    return np.where(tiny, NORMAL, found) if tiny.any() else size, zero


def _with_own_discounts(e, pair_gamma):
    """gamma(s, a) P = gamma (gamma(s, a) / gamma) P: the rows of P take what differs."""
    P = e.P.copy()
    P.data *= np.repeat(pair_gamma / e.gamma, np.diff(P.indptr))
    P.eliminate_zeros()
    return e.replace(P=P, count=e.count + 4)     # what the quotient and the product round


class Induced(NamedTuple):
    """What a policy leaves of a process: a Markov chain with rewards.

    P      (S, S) CSR without stored zeros; rows of terminal states are empty
    r      (S,) expected reward on leaving a state
    count  (S,) numbers that were added up in an entry of P or r, for the rounding error
    size   (S,) sum of |terms| in r: the scale of its rounding error
    """
    P: sp.csr_matrix
    r: np.ndarray
    count: np.ndarray
    size: np.ndarray


def induced(e, policy):
    """The Markov chain with rewards that a policy leaves of a process.   e Expected

        P_pi(s' | s) = sum over a of pi(a | s) P(s' | s, a)
        r_pi(s)      = sum over a of pi(a | s) r(s, a)

    policy   (S,) integers: the pair that each state takes, -1 where it has none;
             or (X,) floats: the probability of each pair given its state
    returns  Induced; discounts of pairs stay in P

    >>> e = Expected(sp.csr_matrix([[1.0, 0], [0, 1], [0, 1]]), np.array([2.0, 4, 6]), 0.5,
    ...              np.array([0, 2, 3]))
    >>> induced(e, np.array([1, 2])).P.toarray().tolist(), induced(e, np.array([1, 2])).r.tolist()
    ([[0.0, 1.0], [0.0, 1.0]], [4.0, 6.0])
    >>> induced(e, np.array([0.75, 0.25, 1])).r.tolist()
    [2.5, 6.0]
    """
    S, pure = e.pair_ptr.size - 1, policy.dtype.kind in "iu"
    weights = policy
    if pure:
        weights = np.zeros(e.r.size)
        weights[policy[policy >= 0]] = 1
    P, r = mix(e, weights)
    # a weight rounds each product, and their sum
    count = np.bincount(e.owner, (weights > 0) * (e.count + (0 if pure else 2)), minlength=S)
    return Induced(P, r, count, np.bincount(e.owner, weights * e.size, minlength=S))


def mix(e, weights):
    """Average the pairs of each state: (P_pi (S, S) CSR without stored zeros, r_pi (S,)).

    weights   (X,) probability of each pair given its state
    """
    S = e.P.shape[1]
    choose = sp.csr_matrix((weights, np.arange(weights.size), e.pair_ptr), shape=(S, weights.size))
    P = sp.csr_matrix(choose @ e.P)
    P.eliminate_zeros()
    return P, choose @ e.r
