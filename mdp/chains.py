"""Markov chains and Markov reward processes: a process without choices.

    chain:            P(s' | s)
    reward process:   v = R + gamma P v,   hence   v = (I - gamma P)^-1 R

A chain falls into communicating classes. The closed ones are recurrent: the chain ends up in one of
them with probability one, and each has one stationary distribution. The other states are transient.
A chain without periods tends to its stationary distribution, whatever its first state:

>>> import numpy as np
>>> from mdp import MarkovChain
>>> P, mu = np.array([[0.5, 0.5], [0.25, 0.75]]), np.array([1.0, 0.0])
>>> for _ in range(60):
...     mu = mu @ P
>>> mu.round(12).tolist() == MarkovChain(P).stationary[0].round(12).tolist()
True

`MarkovChain.of(m, policy)` is the chain that a policy leaves of a decision process.

How precise. Stationary laws, hitting times, hitting probabilities and absorption are solved without
a subtraction (elimination.py). The relative error of each entry is a few roundings times the number
of states, however small the chances to leave a state are. The chance to stay is not read: it is
one minus the chances to leave.

LU factors are used where a chain is too large for that: n states, numbered breadth first, lie in a
band of width w, and n w**2 > 1e8. By factors, in `v`, or where numbers leave the range of floats,
an error may be larger. If it is not proved to be at most 1e-6 of the largest entry, there is a
ConvergenceWarning.

Silver, lecture 2; Kemeny and Snell, "Finite Markov Chains", 1960, chapters 3 to 5; Norris, "Markov
Chains", 1997, chapter 1.

Read first: graph.py, linear.py, elimination.py.  Read next: model.py, policies.py.
"""

from functools import cached_property
from math import gcd

import numpy as np
import scipy.sparse as sp

from . import graph
from .checks import canonical, discount, distribution, rows_of, rows_sum_to_one, state_set
from .convergence import warn
from .given_numbers import parse_array
from .linear import Resolvent, stationary

RELATIVE_ERROR = 1e-6                  # a larger error, or none that is proved, is a warning


class MarkovChain:
    """A finite Markov chain.

    P         (S, S) floats, exact numbers (Fractions, integers, strings) or scipy.sparse; its rows
              sum to one
    initial   distribution of the first state, or a state; optional
    names     names of the states; default 0..S-1

    >>> MarkovChain([["1/2", "1/2"], [1, 0]]).stationary.round(4).tolist()
    [[0.6667, 0.3333]]
    """

    def __init__(self, P, initial=None, *, names=None):
        self.exact_P = None
        if sp.issparse(P):
            P = canonical(P)
        else:
            P, self.exact_P = parse_array("P", P)
        if P.ndim != 2 or P.shape[0] != P.shape[1] or P.shape[0] == 0:
            raise ValueError(f"P must be (S, S) with at least one state, has shape {P.shape}")
        self.num_states = S = P.shape[0]
        self.state_names = tuple(range(S)) if names is None else tuple(names)
        if len(self.state_names) != S:
            raise ValueError(f"names has {len(self.state_names)} entries, P has {S} states")
        self.P = canonical(sp.csr_matrix(P))
        self._check_rows()
        self.initial = None if initial is None else distribution("initial", initial, S)[0]

    @classmethod
    def of(cls, m, policy):
        """The chain that `policy` leaves of the MDP m; terminal states lead to themselves.

        policy   (S,) actions or (S, A) probabilities

        >>> from mdp import MDP
        >>> m = MDP([[[0, 1], [1, 0]], [[1, 0], [1, 0]]], [0, 0], 0.5)
        >>> MarkovChain.of(m, [0, 0]).P.toarray().tolist()
        [[0.0, 1.0], [1.0, 0.0]]
        """
        return cls(_left(m, policy)[0], m.initial, names=m.state_names)

    def _check_rows(self):
        """ValueError unless probabilities are finite, not negative, and sum to one in each row."""
        P, label = self.P, self.state_label
        rows = rows_of(P.indptr)
        for j in np.flatnonzero(~np.isfinite(P.data) | (P.data < 0))[:1]:
            raise ValueError(f"P is {P.data[j]:.6g} for {label(rows[j])} -> {label(P.indices[j])}: "
                             "probabilities must be finite and not negative")
        exact = None if self.exact_P is None else self.exact_P[rows, P.indices]
        rows_sum_to_one(label, P.data, P.indices, P.indptr, self.num_states, exact)

    def state_label(self, s):
        """"state 3", or "state 3 ('Pub')" where states have names."""
        name = self.state_names[s]
        return f"state {s}" if isinstance(name, int) else f"state {s} ({name!r})"

    @cached_property
    def classes(self):
        """Communicating classes, each an array of states, sorted by first state."""
        return graph.communicating_classes(self.P)

    @cached_property
    def recurrent_classes(self):
        """The closed classes: the chain enters one of them and stays."""
        return graph.closed_classes(self.P)

    @property
    def transient(self):
        """(S,) bool: states visited finitely often."""
        out = np.ones(self.num_states, bool)
        for states in self.recurrent_classes:
            out[states] = False
        return out

    @property
    def irreducible(self):
        """True if every state reaches every other."""
        return len(self.classes) == 1

    def period(self, state):
        """Greatest common divisor of the lengths of all ways from `state` back to itself.

        0 if there is no way back.

        depth(s) is the number of steps to s, breadth first. An arrow s -> t inside the class of
        `state` gives the number depth(s) + 1 - depth(t). All these numbers have the same greatest
        common divisor as the lengths.

        >>> MarkovChain([[0, 1], [1, 0]]).period(0)
        2
        """
        if not isinstance(state, (int, np.integer)) or not 0 <= state < self.num_states:
            raise ValueError(f"state is {state!r}, outside [0, {self.num_states})")
        members = next(states for states in self.classes if state in states)
        inside = np.isin(np.arange(self.num_states), members)
        depth, frontier, period = {int(state): 0}, [int(state)], 0
        while frontier:
            ahead = []
            for s in frontier:
                for t in self.P.indices[self.P.indptr[s]:self.P.indptr[s + 1]]:
                    if not inside[t]:
                        continue
                    if int(t) not in depth:
                        depth[int(t)] = depth[s] + 1
                        ahead.append(int(t))
                    period = gcd(period, depth[s] + 1 - depth[int(t)])
            frontier = ahead
        return period

    @cached_property
    def stationary(self):
        """mu = mu P: one distribution for each recurrent class, a row each, (classes, S).

        >>> MarkovChain([[1.0, 1e-20], [0.5, 0.5]]).stationary.tolist()
        [[1.0, 2e-20]]
        """
        out = np.zeros((len(self.recurrent_classes), self.num_states))
        for i, states in enumerate(self.recurrent_classes):
            out[i, states], error = stationary(self.P[states][:, states])
            self._warn_unless(error <= RELATIVE_ERROR, "stationary", error)
        return out

    @cached_property
    def absorption(self):
        """(S, classes) probability to end in each recurrent class."""
        inner = self._leaving(np.flatnonzero(self.transient))
        out = np.zeros((self.num_states, len(self.recurrent_classes)))
        for i, states in enumerate(self.recurrent_classes):
            enters = np.asarray(self.P[:, states].sum(axis=1)).ravel()
            if inner is not None:
                out[self.transient, i] = self._solve(inner, enters[self.transient], "absorption")
            out[states, i] = 1
        return out

    def hitting_probabilities(self, targets):
        """(S,) probability to be in one of `targets` (states, or bool (S,)) at some time."""
        targets = state_set("targets", targets, self.num_states)
        able = graph.can_reach(self.P, targets) & ~targets
        out = targets.astype(float)
        free = np.flatnonzero(able)
        if free.size:
            enters = np.asarray(self.P[free][:, np.flatnonzero(targets)].sum(axis=1)).ravel()
            out[free] = self._solve(self._leaving(free), enters, "hitting_probabilities")
        return out

    def hitting_times(self, targets):
        """(S,) expected number of steps to `targets`; inf where they may be missed."""
        targets = state_set("targets", targets, self.num_states)
        # a state that must pass a target before it can miss the targets misses nothing
        through = self.P.copy()
        through.data[np.repeat(targets, np.diff(through.indptr))] = 0
        through.eliminate_zeros()
        missed = graph.can_reach(through, ~graph.can_reach(self.P, targets)) & ~targets
        out = np.where(missed, np.inf, 0.0)
        free = np.flatnonzero(~missed & ~targets)
        if free.size:
            out[free] = self._solve(self._leaving(free), np.ones(free.size), "hitting_times")
        return out

    def _leaving(self, states):
        """The Resolvent of states that the chain surely leaves in the end; None without states."""
        if not states.size:
            return None
        inside = np.isin(np.arange(self.num_states), states)
        exits = self.P[states] @ (~inside).astype(float)
        return Resolvent(self.P[states][:, states], 1.0, exits=exits)

    def _solve(self, inner, b, name):
        """The solution x of x = b + gamma P x; a warning if its error is not proved to be small.

        inner   the Resolvent of gamma P
        name    of the result, for the warning
        """
        x = inner.solve(b)
        error = inner.error(b, x)
        largest = max(np.abs(x).max(), np.abs(b).max())
        proved = error.max() <= RELATIVE_ERROR * largest < np.inf
        self._warn_unless(proved, name, error.max())
        return x

    def _warn_unless(self, proved, name, error):
        if not proved:
            warn(f"{name}: the result is proved only to within {error:.3g}")

    def distribution(self, steps):
        """Law of the state after `steps` steps from `initial`: (S,)."""
        if self.initial is None:
            raise ValueError("distribution needs an initial distribution: give the chain initial=")
        if isinstance(steps, bool) or not isinstance(steps, (int, np.integer)) or steps < 0:
            raise ValueError(f"steps must be an integer >= 0, is {steps!r}")
        mu = self.initial
        for _ in range(steps):
            mu = self.P.T @ mu
        return mu


class MarkovRewardProcess(MarkovChain):
    """A Markov chain with rewards and a discount.

    P         as for MarkovChain, like initial and names
    R         (S,) reward on leaving a state; or (S, S), one for each transition, of which `v` uses
              the expectation, and `variance` the spread as well
    gamma     in [0, 1]

    >>> MarkovRewardProcess([[0, 1], [0, 1]], [1, 2], "1/2").v.tolist()
    [3.0, 4.0]
    """

    def __init__(self, P, R, gamma, initial=None, *, names=None):
        super().__init__(P, initial, names=names)
        R = canonical(R, "R").toarray() if sp.issparse(R) else R
        R, self.exact_R = parse_array("R", R)
        self.gamma, self.exact_gamma = discount(gamma)
        S = self.num_states
        if R.shape not in ((S,), (S, S)):
            raise ValueError(f"R must be {(S,)} or {(S, S)}, has shape {R.shape}")
        for at in np.argwhere(~np.isfinite(R))[:1]:
            raise ValueError(f"R{at.tolist()} is {R[tuple(at)]}: rewards must be finite")
        row = rows_of(self.P.indptr)
        self.transition_reward = R[row] if R.ndim == 1 else R[row, self.P.indices]  # beside P.data
        mean = lambda r: np.bincount(row, self.P.data * r, minlength=S)        # noqa: E731
        self.R = R if R.ndim == 1 else mean(self.transition_reward)

    @classmethod
    def of(cls, m, policy):
        """The reward process that `policy` leaves of the MDP m.

        Terminal states lead to themselves with reward zero. The rewards are means for each state,
        which is all that the value needs; the variance of the return is `evaluate`'s, which reads
        the outcomes.

        policy   (S,) actions or (S, A) probabilities

        ValueError if the policy takes pairs of different discounts: a reward process has one.

        >>> from mdp import MDP
        >>> m = MDP([[[1], [1]]], [[2, 4]], 0.5)
        >>> MarkovRewardProcess.of(m, [[0.5, 0.5]]).v.tolist()
        [6.0]
        """
        P, r, gamma = _left(m, policy)
        if (gamma != gamma[:1]).any():
            raise ValueError("a Markov reward process has one discount, this policy takes pairs "
                             f"with discounts from {gamma.min():g} to {gamma.max():g}")
        gamma = gamma[0] if gamma.size else m.gamma
        return cls(P, r, gamma, m.initial, names=m.state_names)

    @cached_property
    def v(self):
        """Value, (S,): v = (I - gamma P)^-1 R.

        At gamma = 1 a closed class without rewards is worth zero, and the system is solved on the
        transient states. A closed class with rewards is a ValueError that names its states: the sum
        of its rewards is infinite or has no limit.
        A ConvergenceWarning where no error below 1e-6 of the largest value or reward is proved.
        """
        inner = Resolvent(self.P, self.gamma)
        self._refuse_rewards_for_ever(inner)
        return self._solve(inner, self.R, "v")

    @cached_property
    def variance(self):
        """Variance of the return from each state, (S,).

            var    = psi + gamma**2 P var
            psi(s) = sum over s' of P(s' | s) (r(s, s') + gamma v(s') - v(s))**2

        Sobel, "The variance of discounted Markov decision processes", 1982.
        """
        v, row = self.v, rows_of(self.P.indptr)
        inner = Resolvent(self.P, self.gamma ** 2)
        target = self.transition_reward + self.gamma * v[self.P.indices] - v[row]
        psi = np.bincount(row, self.P.data * target ** 2, minlength=self.num_states)
        for states in inner.closed:              # at gamma = 1: no rewards, see v; psi is rounding
            psi[states] = 0
        return inner.solve(psi)

    def to_mdp(self):
        """The same as an MDP with one action, "go", in every state.

        For solve_exact, files, and whatever else reads decision processes.
        """
        from .model import MDP                   # explained after chains

        if self.exact_P is not None and self.exact_R is not None:
            P, R = self.exact_P[:, None], self.exact_R
            R = R if R.ndim == 1 else R[:, None]
        else:
            P, rewards = self.P, (self.transition_reward, self.P.indices, self.P.indptr)
            R = [sp.csr_matrix(rewards, shape=P.shape)]
        gamma = self.gamma if self.exact_gamma is None else self.exact_gamma
        m = MDP(P, R, gamma, initial=self.initial)
        m.state_names, m.action_names = self.state_names, ("go",)
        return m

    def _refuse_rewards_for_ever(self, inner):
        paid = np.zeros(self.num_states, bool)
        paid[rows_of(self.P.indptr)[self.transition_reward != 0]] = True
        refuse_rewards_for_ever(self, inner.blocked(paid))


def _left(m, policy):
    """(P_pi (S, S) CSR, r_pi (S,), discounts of the pairs taken) of a policy on an MDP.

    Terminal states lead to themselves.
    """
    from .expected import induced                # both are explained after chains
    from .model import check_model

    check_model(m)
    weights = m.pair_weights(policy)
    if weights.ndim != 1:
        raise ValueError(f"policy depends on time (T = {len(weights)}): it induces no single chain")
    P, r, _, _ = induced(m.undiscounted, weights)
    P = sp.csr_matrix(P + sp.diags_array(m.terminal.astype(float)))
    return P, r, m.discounts[weights > 0]


def refuse_rewards_for_ever(m, classes):
    """ValueError if there are closed classes with rewards at gamma = 1.   m needs `state_label`"""
    if classes:
        states = np.concatenate(classes)
        named = ", ".join(m.state_label(s) for s in states[:5])
        named += f" and {states.size - 5} more" if states.size > 5 else ""
        raise ValueError("at gamma = 1 the value is infinite or undefined: the process never "
                         f"leaves {named}, and rewards are received there for ever")
