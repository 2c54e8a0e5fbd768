"""The Markov decision process <S, A, P, R, gamma>: the tuple, its constructors and its names.

    P(s' | s, a)    from state s, action a leads to state s' with this probability
    R               the reward received on the way
    gamma           the discount: a reward t steps ahead counts gamma**t

Sutton and Barto, "Reinforcement Learning", 2nd edition, 2018, chapter 3; Silver, "Lectures on
Reinforcement Learning", 2015, lecture 2.

Inside there is one form, the `Outcomes` of forms.py. A *pair* k = 0..X-1 is an available (state,
action), sorted by state and then action: the pairs of state s are `pair_ptr[s]:pair_ptr[s+1]`. An
*outcome* j = 0..J-1 is what may follow a pair, (next, reward) with a probability: the outcomes of
pair k are `outcome_ptr[k]:outcome_ptr[k+1]`. Outcomes stay as given, and are merged only if next
and reward are both equal, since simulation and the variance of the return need them. Planners use
the expectation, `m.expected`. Numbers given exactly (integers, Fractions, strings such as "1/3")
are kept exactly as well.

A state without pairs is terminal: its value is zero, and the process ends there. An absorbing state
with reward zero has the same value, but the process goes on.

Read first: given_numbers.py, checks.py, forms.py, policies.py, expected.py.
Read next: chains.py, bellman.py, evaluation.py.
"""

from functools import cached_property

import numpy as np

from . import forms, policies
from .checks import discount, discounts, distribution, first_not_finite, rows_of, rows_sum_to_one
from .expected import Expected
from .given_numbers import indices, pointers, short_gamma


class MDP:
    """A finite Markov decision process, checked.

        m = MDP(P, R, gamma)

    P          probabilities, in one of these forms (S states, A actions):
               dense, layout="SAS": (S, A, S), P[s, a, s'];  layout="ASS": (A, S, S), P[a, s, s'];
               floats, or numbers given exactly: Fractions, integers or strings such as "1/3", in
               object arrays or nested lists;
               scipy.sparse: a list of A matrices (S, S), or one matrix (S*A, S) whose row s*A + a
               belongs to the pair (s, a)
    R          rewards: (S,) on leaving a state, (S, A), or one for each transition: (S, A, S), with
               layout="ASS" (A, S, S), with sparse P also a list of A sparse matrices (S, S)
    gamma      discount in [0, 1]; or one for each pair, (S, A): a reward that follows after (s, a)
               counts gamma(s, a) times as much
    initial    distribution of the first state: (S,) probabilities, or one state; none is assumed
    terminal   states without actions: bools (S,) or a list of states; their rows of P and R are not
               read
    available  bools (S, A): which actions exist in which state; rows of other pairs are not read.
               Default: all, except in terminal states
    costs      the rewards are costs: solvers minimise, unless they are told otherwise

    ValueError, in one line with the numbers, if a shape does not fit, a number is not finite, a
    probability is negative, a row does not sum to one, or gamma is outside [0, 1]. A row must sum
    to one exactly where every probability is exact, else within 1e-12 for each outcome; nothing is
    ever renormalised.

    >>> m = MDP([[[0.5, 0.5]], [[0, 1]]], [1, 0], 0.9)
    >>> m.num_states, m.num_actions, m.gamma
    (2, 1, 0.9)
    """

    def __init__(self, P, R, gamma, *, layout="SAS", initial=None, terminal=None, available=None,
                 costs=False):
        outcomes = forms.from_arrays(P, R, layout=layout, terminal=terminal, available=available)
        gamma = forms.discounts(gamma, outcomes.available)
        self._store(outcomes, gamma, initial, costs)

    @classmethod
    def from_pairs(cls, state, action, P, R, gamma, *, initial=None, num_states=None,
                   num_actions=None, costs=False):
        """One row of P for each available (state, action): states may have different actions.

        state    (X,) integers, in any order, no pair (state, action) twice
        action   (X,) integers
        P        (X, S) dense or scipy.sparse
        R        (X,), or (X, S) for each transition
        gamma    a number, or (X,): one for each pair
        costs    the rewards are costs

        A state that has no pair is terminal.

        >>> MDP.from_pairs([0, 0], [1, 0], [[0.5, 0.5], [0, 1]], [4, 5], 0.9).reward.tolist()
        [5.0, 4.0, 4.0]
        """
        outcomes, order = forms.from_pairs(state, action, P, R, num_states=num_states,
                                           num_actions=num_actions)
        gamma = forms.discounts(gamma, order)
        return cls.from_outcomes(outcomes, gamma, initial=initial, costs=costs)

    @classmethod
    def from_dict(cls, transitions, gamma, *, initial=None, actions=None, costs=False):
        """States and actions by name.

            {"hungry": {"eat": [("9/10", "full", 1), ("1/10", "hungry", 0)]}, "full": {}}

        transitions   state -> action -> list of (probability, next state, reward);
                      "full" has no actions: it is terminal
        initial       a state, or {state: probability}
        actions       the order of the actions; default: the order in which they first appear
        gamma         a number, or one for each pair: {"hungry": {"eat": "9/10"}}
        costs         the rewards are costs
        Numbers may be floats, integers, Fractions, or strings such as "1/3". A state that is only a
        successor is an error.

        >>> m = MDP.from_dict({"hungry": {"eat": [(1, "full", 1)]}, "full": {}}, "1/2")
        >>> m.terminal.tolist(), m.exact_gamma
        ([False, True], Fraction(1, 2))
        """
        outcomes, states, actions = forms.from_dict(transitions, actions)
        initial = forms.initial_by_name(initial, states)
        gamma = forms.discounts_by_name(gamma, transitions, outcomes, states, actions)
        return cls.from_outcomes(outcomes, gamma, initial=initial, costs=costs,
                                 state_names=states, action_names=actions)

    @classmethod
    def from_outcomes(cls, outcomes, gamma, *, initial=None, costs=False, state_names=None,
                      action_names=None):
        """The process of `forms.Outcomes`, checked like every other.

        gamma         a number, or (X,): one for each pair
        state_names   S names, all different; default: the numbers
        action_names  A names, all different; default: the numbers
        """
        m = cls.__new__(cls)
        m._store(outcomes, gamma, initial, costs, state_names, action_names)
        return m

    # every form and every reader passes here

    def _store(self, outcomes, gamma, initial, costs, state_names=None, action_names=None):
        """Check everything and store it, without a copy of what fits as it is."""
        if state_names is not None:
            self.state_names = tuple(state_names)
        if action_names is not None:
            self.action_names = tuple(action_names)
        self._store_outcomes(outcomes)
        self._set_costs(costs)
        self._set_discount(gamma)
        self._check_numbers(outcomes.reward)
        rows_sum_to_one(self.pair_label, self.probability, self.next, self.outcome_ptr,
                        self.num_states, self.exact_probability)
        self._set_initial(initial)

    def _store_outcomes(self, outcomes):
        """The arrays; their indices are checked before they are cast, or followed by anything."""
        available, ptr, column, probability, reward, exact_probability, exact_reward = outcomes
        S, A = available.shape
        X, J = int(np.count_nonzero(available)), len(probability)
        if S >= forms.MOST:
            raise ValueError(f"{S} states are too many: an index has 32 bits")
        column, ptr = indices("next", column, S), pointers("outcome_ptr", ptr, J)
        sizes = {"outcome_ptr": (ptr, (X + 1,)), "next": (column, (J,)),
                 "reward": (reward, (J, X)), "exact_reward": (exact_reward, (J,)),
                 "exact_probability": (exact_probability, (J,))}
        for name, (x, fit) in sizes.items():
            if x is not None and (len(x) not in fit or np.ndim(x) != 1):
                raise ValueError(f"{name} has {len(x)} entries where {fit[0]} are expected: "
                                 f"{X} pairs, {J} outcomes")
        self.num_states, self.num_actions, self.num_pairs = int(S), int(A), X
        self.available, self.terminal = available, ~available.any(axis=1)
        self.pair_ptr = np.concatenate(([0], np.cumsum(available.sum(axis=1)))).astype(np.int64)
        self.outcome_ptr = ptr.astype(np.int32 if J < 2**31 else np.int64, copy=False)
        self.next, self.probability = column.astype(np.int32, copy=False), probability
        self.pair_reward = reward if len(reward) == X != J else None
        if self.pair_reward is None:
            self.reward = reward
        self.exact_probability, self.exact_reward = exact_probability, exact_reward

    def _check_numbers(self, reward):
        """Probabilities are finite and not negative, rewards (J,) or (X,) are finite."""
        p = self.probability
        for j in first_not_finite(p):
            raise ValueError(f"P is {p[j]} for {self._outcome_label(j)}: numbers must be finite")
        for i in first_not_finite(reward):
            raise ValueError(f"R is {reward[i]} for {self._reward_label(i)}: numbers must be "
                             "finite; mark an action that does not exist with available=")
        for j in np.flatnonzero(p < 0)[:1] if p.min(initial=0) < 0 else ():
            raise ValueError(f"P is {p[j]:.6g} for {self._outcome_label(j)}: "
                             "probabilities must not be negative")

    def _outcome_label(self, j):
        k = np.searchsorted(self.outcome_ptr, j, side="right") - 1
        return f"{self.pair_label(k)} -> {self.state_label(self.next[j])}"

    def _reward_label(self, i):
        """Where reward i of `_check_numbers` belongs: an outcome, or the first one of a pair."""
        if self.pair_reward is None:
            return self._outcome_label(i)
        first = self.outcome_ptr[i]
        return self._outcome_label(first) if first < self.next.size else self.pair_label(i)

    def _set_discount(self, gamma):
        """Set `gamma`, the largest discount, and `pair_gamma`, (X,) if they differ, else None.

        `exact_gamma` and `exact_pair_gamma` are the same as Fractions, where given exactly.
        """
        self.pair_gamma = self.exact_pair_gamma = None
        if np.ndim(gamma) == 0:
            self.gamma, self.exact_gamma = discount(gamma)
        else:
            (self.gamma, self.exact_gamma,
             self.pair_gamma, self.exact_pair_gamma) = discounts(gamma, self.available)

    def _set_initial(self, initial):
        none = initial is None
        self.initial, self.exact_initial = \
            (None, None) if none else distribution("initial", initial, self.num_states)

    def _set_costs(self, costs):
        if not isinstance(costs, (bool, np.bool_)):
            raise ValueError(f"costs must be True or False, is {costs!r}")
        self.costs = bool(costs)

    # names

    @cached_property
    def state_names(self):
        """(S,) names as given, else the numbers."""
        return tuple(range(self.num_states))

    @cached_property
    def action_names(self):
        """(A,) names as given, else the numbers."""
        return tuple(range(self.num_actions))

    def state_label(self, s):
        """"state 3", or "state 3 ('Pub')" where states have names."""
        name = self.state_names[s]
        return f"state {s}" if isinstance(name, int) else f"state {s} ({name!r})"

    def pair_label(self, k):
        """"state 3, action 1" of pair k."""
        a = self.pair_action[k]
        name = self.action_names[a]
        called = "" if isinstance(name, int) else f" ({name!r})"
        return f"{self.state_label(self.pair_state[k])}, action {a}{called}"

    def state(self, name):
        """The number of the state called `name`."""
        try:
            return self.state_names.index(name)
        except ValueError:
            raise ValueError(f"{name!r} is not a state") from None

    def __repr__(self):
        return (f"MDP({self.num_states} states, {self.num_actions} actions, "
                f"{self.num_pairs} pairs, {self.next.size} outcomes, "
                f"gamma={short_gamma(self.gamma)}{', costs' if self.costs else ''})")

    # pairs and outcomes

    @cached_property
    def pair_state(self):
        """(X,) the state of each pair."""
        return np.nonzero(self.available)[0]

    @cached_property
    def pair_action(self):
        """(X,) the action of each pair."""
        return np.nonzero(self.available)[1]

    @property
    def outcome_pair(self):
        """(J,) the pair of each outcome."""
        return rows_of(self.outcome_ptr)

    @cached_property
    def reward(self):
        """(J,) the reward of each outcome."""
        return np.repeat(self.pair_reward, np.diff(self.outcome_ptr))

    @property
    def discounts(self):
        """(X,) the discount of each pair."""
        one = self.pair_gamma is None
        return np.full(self.num_pairs, self.gamma) if one else self.pair_gamma

    # other forms

    @cached_property
    def expected(self):
        """What the Bellman operators need: `Expected`, outcomes replaced by their expectation."""
        return Expected.of(self)

    @property
    def undiscounted(self):
        """`expected` at gamma = 1, for the criteria that ignore the discount."""
        one = self.pair_gamma is None
        return self.expected.replace(gamma=1.0) if one else self.replace(gamma=1).expected

    def dense(self):
        """(P (S, A, S), R (S, A)) float64: expected rewards; rows of other pairs are zero."""
        e, S, A = self.expected, self.num_states, self.num_actions
        P, R = np.zeros((S, A, S)), np.zeros((S, A))
        P[e.owner, e.action], R[e.owner, e.action] = e.P.toarray(), e.r
        return P, R

    def to_dict(self):
        """The names form of `from_dict`, with Fractions where numbers were given exactly.

        `MDP.from_dict(m.to_dict(), gamma)` is m again. The discount, the initial distribution and
        `costs` are not part of it.
        """
        p = self.probability.tolist() if self.exact_probability is None else \
            list(self.exact_probability)
        r = self.reward.tolist() if self.exact_reward is None else list(self.exact_reward)
        out = {name: {} for name in self.state_names}
        for k in range(self.num_pairs):
            state = self.state_names[self.pair_state[k]]
            action = self.action_names[self.pair_action[k]]
            outcomes = range(self.outcome_ptr[k], self.outcome_ptr[k + 1])
            out[state][action] = [(p[j], self.state_names[self.next[j]], r[j]) for j in outcomes]
        return out

    def replace(self, *, gamma=None, initial=None, costs=None):
        """The same process with another discount or initial distribution, or its rewards as costs.

        gamma   a number, (X,) one for each pair, or (S, A), of which only the pairs are read
        costs   True or False
        """
        m = MDP.__new__(MDP)
        vars(m).update({name: x for name, x in vars(self).items() if name != "expected"})
        if gamma is not None:
            m._set_discount(gamma)
        if costs is not None:
            m._set_costs(costs)
        if initial is not None:
            m._set_initial(initial)
        return m

    # policies

    def pair_weights(self, policy):
        """A policy as the probability of each pair given its state: (X,), or (T, X) with time.

        policy   (S,) integers: an action for each state, -1 allowed in terminal states;
                 (S, A) floats or Fractions: pi(a | s); with one more leading axis T: one policy for
                 each step

        ValueError names the first state whose action does not exist, or whose probabilities are no
        distribution. See policies.py.
        """
        return policies.pair_weights(self, policy)

    def chain(self, policy):
        """The Markov chain that `policy` leaves: `MarkovChain.of(m, policy)`."""
        from . import MarkovChain                # here, since chains.py imports this file as well
        return MarkovChain.of(self, policy)

    def reward_process(self, policy):
        """The Markov reward process that `policy` leaves: `MarkovRewardProcess.of(m, policy)`."""
        from . import MarkovRewardProcess
        return MarkovRewardProcess.of(self, policy)


def check_model(m):
    """ValueError unless m is an MDP."""
    if not isinstance(m, MDP):
        raise ValueError(f"m must be an MDP, is {type(m).__name__}")
