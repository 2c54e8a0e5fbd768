"""The Markov decision process <S, A, P, R, gamma>: its checks and its forms.

    P(s' | s, a)    from state s, action a leads to state s' with this probability
    R               the reward received on the way
    gamma           the discount: a reward t steps ahead counts gamma**t

Sutton and Barto, "Reinforcement Learning", 2nd edition, 2018, chapter 3; Silver, "Lectures on Reinforcement Learning", 2015, lecture 2.

Inside there is one form. A *pair* k = 0..K-1 is an available (state, action), sorted by state and then action, so that the pairs of state s
are `pair_ptr[s]:pair_ptr[s+1]`. An *outcome* j is what may follow a pair: (next, reward) with a probability; the outcomes of pair k are
`outcome_ptr[k]:outcome_ptr[k+1]`. Outcomes stay as given (merged only if next and reward are both equal), since simulation and the variance of the
return need them; planners use the expectation, `m.expected`. Numbers given exactly (integers, Fractions, strings such as "1/3") are kept
exactly as well.

A state without pairs is terminal: its value is zero, the process ends there. An absorbing state with reward zero has the same
value, but the process goes on.

Read first: given_numbers.py.  Read next: chains.py, bellman.py, evaluation.py, planning/.
"""

from fractions import Fraction
from functools import cached_property

import numpy as np
import scipy.sparse as sp

from .given_numbers import as_float, indices, parse, parse_array, pointers, short, short_gamma

ROW_SUM_TOLERANCE = 1e-12                    # per outcome: what adding decimals such as 0.1 may leave, and no more
MOST = 2 ** 31                               # states, or actions: an index of either has 32 bits
CHUNK = 256                                  # rows of a full matrix that are searched for zeros at a time
NORMAL = np.finfo(float).tiny                # the smallest: from here on rounding is relative
FULL = 1 / 3                                 # of the entries not zero: a full matrix takes less memory, and BLAS is faster


class Expected:
    """The part of a process that the Bellman operators see: one row per pair, outcomes replaced by their expectation.

    P         (K, S) CSR, probabilities of the next state, times gamma(s, a) / gamma where pairs have their own discounts
    r         (K,) expected reward: sum of p * reward over the outcomes
    gamma     the discount
    pair_ptr  (S+1,)
    size      (K,) sum of p * |reward|: the scale of the rounding error in r.  Default: |r|, which it is where all outcomes of a pair have one reward
              At least NORMAL where an outcome has a reward, though it be too small for a float
    count     (K,) number of outcomes.  Default: the entries of P
    owner     (K,) state of each pair
    action    (K,) action of each pair.  Default: its place among the pairs of its state, which it is where every action exists
    zero      (K,) bool: no outcome has a reward
    given     {field: value} of what was not left to its default

    What is left to its default is computed when it is first asked for: sweeps over a million states never ask.
    """

    def __init__(self, P, r, gamma, pair_ptr, **given):
        self.P, self.r, self.gamma, self.pair_ptr = P, r, gamma, pair_ptr
        self.__dict__.update(given)
        self.given = {"P": P, "r": r, "gamma": gamma, "pair_ptr": pair_ptr, **given}

    def _replace(self, **changes):
        """The same with other fields; defaults follow them."""
        e = Expected(**{**self.given, **changes})
        if e.P is self.P and e.pair_ptr is self.pair_ptr:
            e.__dict__.update({name: self.__dict__[name] for name in ("sums", "full", "most", "rows", "choices") if name in self.__dict__ and name not in changes})
        return e

    @cached_property
    def size(self):
        return np.abs(self.r)

    @cached_property
    def count(self):
        return np.diff(self.P.indptr)

    @cached_property
    def owner(self):
        return np.repeat(np.arange(self.pair_ptr.size - 1), np.diff(self.pair_ptr))

    @cached_property
    def action(self):
        return np.arange(self.r.size) - self.pair_ptr[self.owner]

    @cached_property
    def choices(self):
        """The number of pairs of each state where it is the same for all; else 0."""
        counts = np.diff(self.pair_ptr)
        return int(counts[0]) if counts.size and (counts == counts[0]).all() else 0

    @cached_property
    def rows(self):
        """(row, column, p): P for compiled loops. An index that may be negative costs a comparison at each access, which doubles the time of a sweep."""
        return self.P.indptr.view(f"u{self.P.indptr.itemsize}"), self.P.indices.view(f"u{self.P.indices.itemsize}"), self.P.data

    @cached_property
    def zero(self):
        return self.size == 0

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

    @cached_property
    def full(self):
        """P as a full matrix (K, S), which BLAS multiplies, if at least every third entry is not zero; else None."""
        K, S = self.P.shape
        if self.P.nnz < FULL * K * S or not self.P.nnz:
            return None
        whole = self.P.nnz == K * S and self.P.has_canonical_format        # then the numbers already lie as they should
        return self.P.data.reshape(K, S) if whole else self.P.toarray()


class MDP:
    """A finite Markov decision process, checked.

        m = MDP(P, R, gamma)

    P          probabilities, in one of these forms (S states, A actions):
               dense, layout="SAS": (S, A, S), P[s, a, s'];  layout="ASS": (A, S, S), P[a, s, s']
               floats, or numbers given exactly: Fractions, integers or strings such as "1/3", in object arrays or nested lists
               scipy.sparse: a list of A matrices (S, S), or one matrix (S*A, S) whose row s*A + a belongs to the pair (s, a)
    R          rewards: (S,) on leaving a state, (S, A), or one per transition: (S, A, S), with layout="ASS" (A, S, S),
               with sparse P also a list of A sparse matrices (S, S)
    gamma      discount in [0, 1]; or one per pair, (S, A): a reward that follows after (s, a) counts gamma(s, a) times as much
    initial    distribution of the first state: (S,) probabilities, or one state; none is assumed
    terminal   states without actions: a bool (S,) or a list of states; their rows of P and R are not read
    available  bool (S, A): which actions exist in which state; rows of unavailable pairs are not read.  Default: all, except in terminal states
    costs      the rewards are costs: solvers minimise, unless they are told otherwise

    ValueError, in one line with the numbers, if a shape does not fit, a number is not finite, a probability is negative, a row does not
    sum to one (exactly where every probability is exact, else within 1e-12 per outcome; nothing is ever renormalised), or
    gamma is outside [0, 1].

    >>> m = MDP([[[0.5, 0.5]], [[0, 1]]], [1, 0], 0.9)
    >>> m.num_states, m.num_actions, m.gamma
    (2, 1, 0.9)
    """

    def __init__(self, P, R, gamma, *, layout="SAS", initial=None, terminal=None, available=None,
                 costs=False):
        if layout not in ("SAS", "ASS"):
            raise ValueError(f'layout expects "SAS" or "ASS", got {layout!r}')
        if sp.issparse(P) or isinstance(P, (list, tuple)) and len(P) and all(sp.issparse(p) for p in P):
            rows, S, A = _sparse_rows(P)
            exact_rows = None
        else:
            P, exact_rows = parse_array("P", P)
            if P.ndim != 3 or P.shape[2] != P.shape[0 if layout == "SAS" else 1] or 0 in P.shape:
                shape = "(S, A, S)" if layout == "SAS" else "(A, S, S)"
                raise ValueError(f'P expects shape {shape} for layout "{layout}", with at least one state and one action; got {P.shape}')
            if layout == "ASS":
                P, exact_rows = P.swapaxes(0, 1), None if exact_rows is None else exact_rows.swapaxes(0, 1)
            S, A = P.shape[:2]
            rows = P.reshape(S * A, S)
            exact_rows = None if exact_rows is None else exact_rows.reshape(S * A, S)

        terminal = _state_set("terminal", terminal, S)
        if available is None:
            available = np.repeat(~terminal[:, None], A, axis=1)
        else:
            available = np.asarray(available)
            if available.shape != (S, A) or available.dtype != bool:
                raise ValueError(f"available expects bools of shape {(S, A)}, got {available.dtype} of shape {available.shape}")
            for s in np.flatnonzero(terminal & available.any(1)):
                raise ValueError(f"available: state {s} is terminal, yet action {available[s].argmax()} is available in it")
        chosen = slice(None) if available.all() else np.flatnonzero(available)               # the pairs' rows s*A + a
        ptr, column, probability = _nonzeros(rows[chosen] if available.size > available.sum() else rows)
        rows = None                                                            # of what is this large, one copy is enough
        exact_probability = None if exact_rows is None else exact_rows[chosen][_pairs(ptr), column]
        if np.ndim(gamma):
            if np.shape(gamma) != (S, A):
                raise ValueError(f"gamma expects a number or shape {(S, A)}, got shape {np.shape(gamma)}")
            gamma = np.asarray(gamma).reshape(S * A)[chosen]
        reward, exact_reward = _rewards(R, layout, available, ptr, column)
        self._store(available, ptr, column, probability, reward, exact_probability, exact_reward,
                    gamma, initial, costs)

    @classmethod
    def from_pairs(cls, state, action, P, R, gamma, *, initial=None, num_states=None,
                   num_actions=None, costs=False):
        """One row of P for each available (state, action): states may have different actions.

        state, action   (K,) integers, in any order, no pair twice
        P               (K, S) dense or scipy.sparse
        R               (K,), or (K, S) per transition
        gamma           a number, or (K,): one per pair
        costs           the rewards are costs
        A state that has no pair is terminal.
        """
        state, action = np.asarray(state), np.asarray(action)
        exact_rows = None
        if sp.issparse(P):
            P = _canonical(P)
        else:
            P, exact_rows = parse_array("P", P)
        if P.ndim != 2 or state.shape != action.shape or P.shape[0] != state.size or 0 in P.shape:
            raise ValueError(f"from_pairs expects state (K,), action (K,) and P (K, S) with K >= 1; got {state.shape}, {action.shape} and {P.shape}")
        S = P.shape[1]
        if num_states not in (None, S):
            raise ValueError(f"num_states is {num_states}, but P has {S} columns")
        whole = isinstance(num_actions, (int, np.integer)) and not isinstance(num_actions, bool)
        if num_actions is not None and not (whole and num_actions >= 1):
            raise ValueError(f"num_actions expects an integer >= 1, got {num_actions!r}")
        state = indices("state", state, S)
        action = indices("action", action, MOST if num_actions is None else num_actions)
        A = int(action.max()) + 1 if num_actions is None else int(num_actions)
        order = np.lexsort((action, state))
        twice = np.flatnonzero((np.diff(state[order]) == 0) & (np.diff(action[order]) == 0))
        for first, second in zip(order[twice], order[twice + 1]):
            raise ValueError(f"state and action: pair ({state[first]}, {action[first]}) appears twice, at {first} and {second}")
        ptr, column, probability = _nonzeros(P if (np.diff(order) == 1).all() else P[order])
        P = None
        exact_probability = None if exact_rows is None else exact_rows[order[_pairs(ptr)], column]
        if sp.issparse(R):
            R, exact_R = _canonical(R, "R").toarray(), None
        else:
            R, exact_R = parse_array("R", R)
        if R.shape == state.shape:
            reward, exact_reward = R[order], None if exact_R is None else exact_R[order[_pairs(ptr)]]
        elif R.shape == (state.size, S):
            at = order[_pairs(ptr)], column
            reward, exact_reward = R[at], None if exact_R is None else exact_R[at]
        else:
            raise ValueError(f"R expects shape {state.shape} or {(state.size, S)}, got {R.shape}")
        if np.ndim(gamma):
            if np.shape(gamma) != state.shape:
                raise ValueError(f"gamma expects a number or shape {state.shape}, got shape {np.shape(gamma)}")
            gamma = np.asarray(gamma)[order]
        available = np.zeros((S, A), bool)
        available[state, action] = True
        m = cls.__new__(cls)
        m._store(available, ptr, column, probability, reward, exact_probability, exact_reward,
                 gamma, initial, costs)
        return m

    @classmethod
    def from_dict(cls, transitions, gamma, *, initial=None, actions=None, costs=False):
        """States and actions by name.

            {"hungry": {"eat": [("9/10", "full", 1), ("1/10", "hungry", 0)]}, "full": {}}

        transitions   state -> action -> list of (probability, next state, reward); "full" has no actions: it is terminal
        initial       a state, or {state: probability}
        actions       the order of the actions; default: the order in which they first appear
        gamma         a number, or one per pair: {"hungry": {"eat": "9/10"}}
        costs         the rewards are costs
        Numbers may be floats, integers, Fractions, or strings such as "1/3". A state that is only a successor is an error.
        """
        if not isinstance(transitions, dict) or not transitions:
            raise ValueError(f"transitions expects a dict with at least one state, got {type(transitions).__name__} of length {_length(transitions)}")
        names = list(transitions)
        index = {name: s for s, name in enumerate(names)}
        for name, choices in transitions.items():
            if not isinstance(choices, dict):
                raise ValueError(f"state {name!r} expects a dict action -> outcomes, got {type(choices).__name__}")
        appearing = list(dict.fromkeys(a for choices in transitions.values() for a in choices))
        actions = appearing if actions is None else list(actions)
        action_index = {a: i for i, a in enumerate(actions)}
        for a in appearing:
            if a not in action_index:
                raise ValueError(f"actions does not list {a!r}, which is used")
        state_of, action_of, pair, column, probability, reward, exact_p, exact_r = [], [], [], [], [], [], [], []
        for s, (name, choices) in enumerate(transitions.items()):
            for a in sorted(choices, key=action_index.__getitem__):
                where = f"state {name!r}, action {a!r}"
                merged = {}
                outcomes = choices[a]
                if not isinstance(outcomes, (list, tuple)):
                    raise ValueError(f"{where} expects a list of (probability, next, reward), got {type(outcomes).__name__}")
                for outcome in outcomes:
                    if not isinstance(outcome, (list, tuple)) or len(outcome) != 3:
                        raise ValueError(f"{where} expects outcomes (probability, next, reward), got {outcome!r}")
                    p, next_name, r = outcome
                    try:
                        t = index[next_name]
                    except (KeyError, TypeError):
                        raise ValueError(f"{where} leads to {next_name!r}, which is not a state (write {next_name!r}: {{}} if it is terminal)") from None
                    p, fraction_p = parse(f"{where}: probability", p)
                    r, fraction_r = parse(f"{where}: reward", r)
                    if p < 0:                                                  # before merging could hide it
                        raise ValueError(f"P is {p:.6g} for {where} -> {next_name!r}: probabilities must not be negative")
                    key = (t, r if fraction_r is None else fraction_r)
                    if key in merged:                                          # same next and same reward: one outcome
                        before, fraction_before = merged[key][:2]
                        p, fraction_p = before + p, None if None in (fraction_before, fraction_p) else fraction_before + fraction_p
                        p = p if fraction_p is None else as_float("P", fraction_p)
                    if p != 0:  # an exact number that is not zero has a float that is not
                        merged[key] = (p, fraction_p, r, fraction_r)
                for (t, _), (p, fraction_p, r, fraction_r) in merged.items():
                    pair.append(len(state_of)), column.append(t)
                    probability.append(p), reward.append(r), exact_p.append(fraction_p), exact_r.append(fraction_r)
                state_of.append(s), action_of.append(action_index[a])
        if isinstance(initial, dict):
            for name in initial:
                if name not in index:
                    raise ValueError(f"initial names {name!r}, which is not a state")
            initial = [initial.get(name, 0) for name in names]
        elif initial is not None and not isinstance(initial, (list, np.ndarray)):
            if initial not in index:
                raise ValueError(f"initial is {initial!r}, which is not a state")
            initial = index[initial]
        if isinstance(gamma, dict):
            given = {(s, a) for s, row in gamma.items() for a in (row if isinstance(row, dict) else {None: 0})}
            for s, a in sorted(given ^ {(s, a) for s in names for a in transitions[s]}, key=str)[:1]:
                raise ValueError(f"gamma {'has' if (s, a) in given else 'lacks'} an entry for state {s!r}, action {a!r}, which the process {'lacks' if (s, a) in given else 'has'}")
            gamma = np.array([gamma[names[s]][actions[a]] for s, a in zip(state_of, action_of)], object)
        m = cls.__new__(cls)
        m.state_names, m.action_names = tuple(names), tuple(actions)
        m._assemble(len(names), len(actions), np.array(state_of, np.int64), np.array(action_of, np.int64),
                    np.array(pair, np.int64), np.array(column, np.int64), np.array(probability, float), np.array(reward, float),
                    _objects(exact_p), _objects(exact_r), gamma, initial, costs)
        return m

    def _assemble(self, S, A, state, action, pair, column, probability, reward, exact_probability,
                  exact_reward, gamma, initial, costs=False):
        """Check everything and store it.   state, action (K,), sorted   pair, column, probability, reward (J,), sorted by pair"""
        state, action = indices("state", state, S), indices("action", action, A)
        pair = indices("pair", pair, len(state))
        for name, index in (("action", action), ("P", probability), ("next", column)):
            rows = state if name == "action" else pair
            if len(index) != len(rows):
                raise ValueError(f"{name} has {len(index)} entries where {len(rows)} are expected")
        rank = state.astype(np.int64) * A + action
        for k in np.flatnonzero(np.diff(rank) <= 0)[:1]:
            before, after = ((int(state[i]), int(action[i])) for i in (k, k + 1))
            raise ValueError(f"state and action must be sorted, no pair twice: "
                             f"pair {k + 1} is {after}, after {before}")
        for j in np.flatnonzero(pair[1:] < pair[:-1])[:1]:
            raise ValueError(f"pair falls from {pair[j]} to {pair[j + 1]} at {j + 1}")
        available = np.zeros((int(S), int(A)), bool)
        available[state, action] = True
        ptr = np.concatenate(([0], np.cumsum(np.bincount(pair, minlength=len(state)))))
        self._store(available, ptr, column, probability, reward, exact_probability, exact_reward,
                    gamma, initial, costs)

    def _store(self, available, outcome_ptr, column, probability, reward, exact_probability,
               exact_reward, gamma, initial, costs=False):
        """Check everything and store it, without a copy of what fits as it is.

        Every form and every reader passes here.

        available (S, A)   outcome_ptr (K+1,)   column, probability, exact_probability, exact_reward (J,)   reward (J,), or (K,): the same for all outcomes of a pair
        """
        S, A = available.shape
        K, J = int(np.count_nonzero(available)), len(probability)
        if S >= MOST:
            raise ValueError(f"{S} states are too many: an index has 32 bits")
        # before they are cast, and before anything follows them
        column = indices("next", column, S)
        outcome_ptr = pointers("outcome_ptr", outcome_ptr, J)
        sizes = {"outcome_ptr": (outcome_ptr, (K + 1,)), "next": (column, (J,)),
                 "reward": (reward, (J, K)), "exact_reward": (exact_reward, (J,)),
                 "exact_probability": (exact_probability, (J,))}
        for name, (x, fit) in sizes.items():
            if x is not None and (len(x) not in fit or np.ndim(x) != 1):
                raise ValueError(f"{name} has {len(x)} entries where {fit[0]} are expected: "
                                 f"{K} pairs, {J} outcomes")
        self.num_states, self.num_actions, self.num_pairs = int(S), int(A), int(K)
        self._set_costs(costs)
        self.available, self.terminal = available, ~available.any(axis=1)
        self._set_discount(gamma)
        self.pair_ptr = np.concatenate(([0], np.cumsum(available.sum(axis=1)))).astype(np.int64)
        self.outcome_ptr = outcome_ptr.astype(np.int32 if J < 2**31 else np.int64, copy=False)
        self.next, self.probability = column.astype(np.int32, copy=False), probability
        self._reward_per_pair = reward if len(reward) == K != J else None
        if self._reward_per_pair is None:
            self.reward = reward
        self.exact_probability, self.exact_reward = exact_probability, exact_reward

        label = lambda j: f"{self.pair_label(np.searchsorted(self.outcome_ptr, j, side='right') - 1)} -> {self.state_label(column[j])}"      # noqa: E731
        for j in _not_finite(probability):
            raise ValueError(f"P is {probability[j]} for {label(j)}: numbers must be finite")
        for j in _not_finite(reward):
            where = label(j) if self._reward_per_pair is None else label(self.outcome_ptr[j]) if self.outcome_ptr[j] < J else self.pair_label(j)
            raise ValueError(f"R is {reward[j]} for {where}: numbers must be finite; mark an action that does not exist with available=")
        for j in np.flatnonzero(probability < 0)[:1] if probability.min(initial=0) < 0 else ():
            raise ValueError(f"P is {probability[j]:.6g} for {label(j)}: probabilities must not be negative")
        if exact_probability is None:
            sums = sp.csr_matrix((probability, self.next, self.outcome_ptr), shape=(K, S)) @ np.ones(S)
            if max(sums.max(initial=1) - 1, 1 - sums.min(initial=1)) <= ROW_SUM_TOLERANCE:
                wrong = np.zeros(0, bool)                                      # so near that the number of outcomes does not matter
            else:
                wrong = np.abs(sums - 1) > ROW_SUM_TOLERANCE * np.maximum(np.diff(self.outcome_ptr), 1)
        else:
            sums = np.full(K, Fraction(0), object)
            np.add.at(sums, self.outcome_pair, exact_probability)
            wrong = sums != 1
        for k in np.flatnonzero(wrong)[:1]:
            row = probability[outcome_ptr[k]:outcome_ptr[k + 1]]
            what = f"P: the probabilities of {self.pair_label(k)} sum"
            raise ValueError(wrong_sum(what, sums[k], row))
        self.initial, self.exact_initial = (None, None) if initial is None else _distribution("initial", initial, S, exactly=True)

    @cached_property
    def state_names(self):
        """(S,) names as given, else the numbers."""
        return tuple(range(self.num_states))

    @cached_property
    def action_names(self):
        """(A,) names as given, else the numbers."""
        return tuple(range(self.num_actions))

    @cached_property
    def pair_state(self):
        """(K,) the state of each pair."""
        return np.nonzero(self.available)[0]

    @cached_property
    def pair_action(self):
        """(K,) the action of each pair."""
        return np.nonzero(self.available)[1]

    @cached_property
    def reward(self):
        """(J,) the reward of each outcome."""
        return np.repeat(self._reward_per_pair, np.diff(self.outcome_ptr))

    def _set_discount(self, gamma):
        """`gamma` the discount, the largest one if each pair has its own; then `pair_gamma` (K,), else None. Exactly beside them, where given exactly."""
        self.pair_gamma = self.exact_pair_gamma = None
        if np.ndim(gamma) == 0:
            self.gamma, self.exact_gamma = _discount(gamma)
            return
        numbers, exact = parse_array("gamma", gamma)
        if numbers.shape == self.available.shape and numbers.ndim == 2:
            numbers = numbers[self.available]
            exact = None if exact is None else exact[self.available]
        if numbers.shape != (self.num_pairs,):
            raise ValueError(f"gamma expects a number, one for each pair ({self.num_pairs},), or "
                             f"shape {self.available.shape}; got shape {numbers.shape}")
        given = numbers if exact is None else exact
        for k in np.flatnonzero(~((given >= 0) & (given <= 1)))[:1]:
            shown = short(given[k]) if numbers[k] == 1 else f"{numbers[k]:g}"
            raise ValueError(f"gamma is {shown} for pair {k}, outside [0, 1]")
        self.gamma, self.exact_gamma = float(numbers.max(initial=0.0)), None if exact is None else max(exact, default=Fraction(0))
        if (numbers != self.gamma).any() or exact is not None and (exact != self.exact_gamma).any():
            for k in np.flatnonzero(numbers == 1)[:1]:
                raise ValueError(f"gamma is 1 for pair {k} and smaller for others: discounts that differ must all be below 1")
            self.pair_gamma, self.exact_pair_gamma = numbers, exact

    def _set_costs(self, costs):
        if not isinstance(costs, (bool, np.bool_)):
            raise ValueError(f"costs expects True or False, got {costs!r}")
        self.costs = bool(costs)

    @property
    def discounts(self):
        """(K,) the discount of each pair."""
        return np.full(self.num_pairs, self.gamma) if self.pair_gamma is None else self.pair_gamma

    # names for messages

    def state_label(self, s):
        """"state 3", or "state 3 ('Pub')" where states have names."""
        name = self.state_names[s]
        return f"state {s}" if isinstance(name, int) else f"state {s} ({name!r})"

    def pair_label(self, k):
        """"state 3, action 1" of pair k."""
        a = self.pair_action[k]
        name = self.action_names[a]
        return f"{self.state_label(self.pair_state[k])}, action {a}" + ("" if isinstance(name, int) else f" ({name!r})")

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

    # forms

    @cached_property
    def expected(self):
        """What the Bellman operators need: `Expected`, outcomes replaced by their expectation."""
        K, S = self.num_pairs, self.num_states
        P = sp.csr_matrix((self.probability, self.next, self.outcome_ptr), shape=(K, S))
        given = {}
        if not P.has_canonical_format:                                         # outcomes that differ in their reward alone, or unsorted
            given["count"] = np.diff(self.outcome_ptr)
            P = P.copy()
            P.sum_duplicates()
        if self.exact_probability is not None and self.exact_reward is not None:
            exact = np.full(K, Fraction(0), object)
            np.add.at(exact, self.outcome_pair, self.exact_probability * self.exact_reward)
            r = np.array([as_float("R", x) for x in exact])                    # rounded once
        elif self._reward_per_pair is not None:
            r = P @ np.ones(S)
            r = self._reward_per_pair if (r == 1).all() else r * self._reward_per_pair
        else:
            r = np.bincount(self.outcome_pair, self.probability * self.reward, minlength=K)
        if self._reward_per_pair is None:
            given["size"] = np.bincount(self.outcome_pair, self.probability * np.abs(self.reward), minlength=K)
            given["zero"] = np.bincount(self.outcome_pair, self.reward != 0, minlength=K) == 0
            # a product may vanish where no factor does
        size = given.get("size", np.abs(r))
        if size.min(initial=1.0) < NORMAL:                                     # absent, or tiny
            tiny = (size < NORMAL) & ~given.get("zero", r == 0)
            if tiny.any():
                given["size"] = np.where(tiny, NORMAL, size)
        if not self.available.all():
            given["action"] = self.pair_action
        e = Expected(P, r, self.gamma, self.pair_ptr, **given)
        e.sums, e.full                                                         # every solver asks for them
        if self.pair_gamma is None or self.gamma == 0:
            return e
        P = P.copy()                                                           # gamma(s, a) P = gamma (gamma(s, a) / gamma) P
        P.data *= np.repeat(self.pair_gamma / self.gamma, np.diff(P.indptr))
        P.eliminate_zeros()
        return e._replace(P=P, count=e.count + 4)                              # what the quotient and the product round

    @property
    def undiscounted(self):
        """`expected` at gamma = 1, for the criteria that ignore the discount."""
        return self.expected._replace(gamma=1.0) if self.pair_gamma is None else self.replace(gamma=1).expected

    @property
    def outcome_pair(self):
        """(J,) the pair of each outcome."""
        return _pairs(self.outcome_ptr)

    def dense(self):
        """(P (S, A, S), R (S, A)) float64: expected rewards; rows of unavailable pairs are zero."""
        e = self.expected
        P, R = np.zeros((self.num_states, self.num_actions, self.num_states)), np.zeros((self.num_states, self.num_actions))
        P[e.owner, e.action], R[e.owner, e.action] = e.P.toarray(), e.r
        return P, R

    def to_dict(self):
        """The names form of `from_dict`, with Fractions where numbers were given exactly.

        `MDP.from_dict(m.to_dict(), gamma)` is m again.

        The discount, the initial distribution and `costs` are not part of it.
        """
        p = self.probability.tolist() if self.exact_probability is None else list(self.exact_probability)
        r = self.reward.tolist() if self.exact_reward is None else list(self.exact_reward)
        out = {name: {} for name in self.state_names}
        for k in range(self.num_pairs):
            outcomes = range(self.outcome_ptr[k], self.outcome_ptr[k + 1])
            out[self.state_names[self.pair_state[k]]][self.action_names[self.pair_action[k]]] = [
                (p[j], self.state_names[self.next[j]], r[j]) for j in outcomes]
        return out

    def replace(self, *, gamma=None, initial=None, costs=None):
        """The same process with another discount or initial distribution, or its rewards as costs.

        gamma   a number, (K,) one for each pair, or (S, A), of which only the pairs are read
        costs   True or False
        """
        m = MDP.__new__(MDP)
        m.__dict__.update({name: value for name, value in self.__dict__.items() if name != "expected"})
        if gamma is not None:
            m._set_discount(gamma)
        if costs is not None:
            m._set_costs(costs)
        if initial is not None:
            m.initial, m.exact_initial = _distribution("initial", initial, self.num_states, exactly=True)
        return m

    # policies

    def pair_weights(self, policy):
        """A policy as the probability of each pair given its state: (K,), or (T, K) for a policy that depends on time.

        policy   (S,) integers: an action per state, -1 allowed in terminal states;  (S, A) floats or Fractions: pi(a | s);
                 with one more leading axis T: one policy per step.  Integers are always actions, floats always probabilities
        ValueError names the first state whose action does not exist or whose probabilities are no distribution.
        """
        policy = parse_array("policy", policy)[0] if _is_exact(policy) else np.asarray(policy)
        tolerance = 1e-6 if policy.dtype == np.float32 else ROW_SUM_TOLERANCE * max(self.num_actions, 1)
        S, A = self.num_states, self.num_actions
        if policy.dtype.kind in "iu":
            if policy.ndim not in (1, 2) or policy.shape[-1] != S:
                raise ValueError(f"policy expects integers of shape ({S},) or (T, {S}), got shape {policy.shape}")
            if A == 0:
                return np.zeros((*policy.shape[:-1], 0))
            out_of_range = ~self.terminal & ((policy < 0) | (policy >= A))
            for at in np.argwhere(out_of_range)[:1]:
                raise ValueError(f"policy: action {policy[tuple(at)]} in {self.state_label(at[-1])} is outside [0, {A})")
            # what a terminal state names is not read
            clipped = np.clip(policy.astype(np.int64), 0, A - 1)
            missing = ~self.terminal & ~self.available[np.arange(S), clipped]
            for at in np.argwhere(missing)[:1]:
                raise ValueError(f"policy: action {policy[tuple(at)]} is not available in {self.state_label(at[-1])}")
            return (clipped[..., self.pair_state] == self.pair_action).astype(float)
        if policy.dtype.kind != "f":
            raise ValueError(f"policy expects integers (actions) or floats (probabilities), got {policy.dtype}")
        if policy.ndim not in (2, 3) or policy.shape[-2:] != (S, A):
            raise ValueError(f"policy expects probabilities of shape ({S}, {A}) or (T, {S}, {A}), got shape {policy.shape}")
        policy = policy.astype(float)
        rows = ~self.terminal
        for message, wrong in (("not finite", ~np.isfinite(policy)), ("negative", policy < 0), ("not zero, yet the action is not available", (policy != 0) & ~self.available)):
            for at in np.argwhere(wrong & rows[:, None])[:1]:
                raise ValueError(f"policy: the probability {policy[tuple(at)]:.6g} of action {at[-1]} in {self.state_label(at[-2])} is {message}")
        sums = policy.sum(-1)
        for at in np.argwhere((np.abs(sums - 1) > tolerance) & rows)[:1]:
            raise ValueError(f"policy: the probabilities in {self.state_label(at[-1])} sum to {float(sums[tuple(at)])!r}, not to 1")
        return policy[..., self.pair_state, self.pair_action]

    def chain(self, policy):
        """The Markov chain that `policy` induces; terminal states stay where they are."""
        from .chains import MarkovChain
        P, _ = self._induced(policy)
        P = P + sp.diags_array(self.terminal.astype(float))
        return MarkovChain(sp.csr_matrix(P), initial=self.initial, names=self.state_names)

    def reward_process(self, policy):
        """The Markov reward process that `policy` induces; terminal states stay where they are with reward zero.

        Its rewards are means per state, which is all that its value needs; the variance of the return is `evaluate`'s, from the outcomes.
        """
        from .chains import MarkovRewardProcess
        P, r = self._induced(policy)
        P = P + sp.diags_array(self.terminal.astype(float))
        return MarkovRewardProcess(sp.csr_matrix(P), r, self.gamma, initial=self.initial, names=self.state_names)

    def _induced(self, policy):
        """(P_pi (S, S) CSR, r_pi (S,)): the expectation over actions; rows of terminal states are empty."""
        weights = self.pair_weights(policy)
        if weights.ndim != 1:
            raise ValueError(f"policy depends on time (T = {len(weights)}): it induces no single chain")
        return mix(self.expected, weights)


def check_model(m):
    """ValueError unless m is an MDP."""
    if not isinstance(m, MDP):
        raise ValueError(f"m expects an MDP, got {type(m).__name__}")


def mix(e, weights):
    """Average the pairs of each state: (P_pi (S, S) CSR without stored zeros, r_pi (S,)).   weights (K,) probability of each pair given its state"""
    S = e.P.shape[1]
    choose = sp.csr_matrix((weights, np.arange(weights.size), e.pair_ptr), shape=(S, weights.size))
    P = sp.csr_matrix(choose @ e.P)
    P.eliminate_zeros()
    return P, choose @ e.r


# reading the forms

def _sparse_rows(P):
    """A list of A matrices (S, S) or one (S*A, S) -> ((S*A, S) CSR, S, A)."""
    if sp.issparse(P):
        P = _canonical(P)
        S = P.shape[1]
        if S == 0 or P.shape[0] == 0 or P.shape[0] % S:
            raise ValueError(f"P expects a sparse matrix of shape (S*A, S), got {P.shape}")
        return P, S, P.shape[0] // S
    S, A = P[0].shape[0], len(P)
    for a, p in enumerate(P):
        if p.shape != (S, S) or S == 0:
            raise ValueError(f"P expects sparse matrices of shape (S, S), all alike; P[{a}] is {p.shape}, P[0] is {P[0].shape}")
    return _stack([_canonical(p) for p in P], S, A), S, A


def _stack(matrices, S, A):
    """A matrices (S, S) -> (S*A, S) CSR whose row s*A + a is row s of matrix a."""
    rows = (np.arange(A) * S + np.arange(S)[:, None]).ravel()
    return sp.csr_matrix(sp.vstack(matrices, format="csr"))[rows]


def _canonical(P, name="P"):
    """A copy as CSR, sorted, duplicates added up, without stored zeros, its indices checked."""
    if P.ndim != 2 or P.dtype.kind not in "fiu":
        raise ValueError(f"{name} expects sparse matrices of real numbers, "
                         f"got {P.dtype} of shape {P.shape}")
    _check_sparse(name, P)  # SciPy follows them without a look
    P = sp.csr_matrix(P, dtype=np.float64, copy=True)
    _check_sparse(name, P)  # of other formats, what came of them
    P.sum_duplicates()
    P.eliminate_zeros()
    return P


def _check_sparse(name, P):
    """ValueError if the index arrays of a sparse matrix do not fit its shape."""
    if P.format == "coo":
        count = len(P.data)
        places = {"row": (P.row, P.shape[0]), "col": (P.col, P.shape[1])}
    elif P.format in ("csr", "csc", "bsr"):
        size = np.array(P.shape) // (P.blocksize if P.format == "bsr" else 1)
        rows, columns = size[::-1] if P.format == "csc" else size
        count = int(P.indptr[-1]) if len(P.indptr) == rows + 1 else -1
        places = {"indices": (P.indices[:max(count, 0)], columns)}
    else:
        return
    if count < 0 or count > len(P.data) or any(len(index) != count for index, _ in places.values()):
        raise ValueError(f"{name}: the index arrays do not fit the numbers or shape {P.shape}")
    if P.format != "coo":
        pointers(f"{name}.indptr", P.indptr, count)
    for field, (index, most) in places.items():
        indices(f"{name}.{field}", index, most)


def _nonzeros(rows):
    """(K, S) dense or CSR, which may be used up -> its nonzero entries as (ptr (K+1,), column, value); nan counts as nonzero, and is refused later."""
    if sp.issparse(rows):
        return rows.indptr, rows.indices, rows.data
    count = np.count_nonzero(rows, axis=1)
    ptr = np.concatenate(([0], np.cumsum(count)))
    if ptr[-1] == rows.size:
        return ptr, np.tile(np.arange(rows.shape[1], dtype=np.int32), len(rows)), rows.reshape(-1)
    column, value = np.empty(ptr[-1], np.int32), np.empty(ptr[-1], rows.dtype)
    for k in range(0, len(rows), CHUNK):                                       # a few rows at a time: np.nonzero takes 16 bytes per entry
        row, found = np.nonzero(rows[k:k + CHUNK])
        column[ptr[k]:ptr[k] + found.size], value[ptr[k]:ptr[k] + found.size] = found, rows[k + row, found]
    return ptr, column, value


def _pairs(ptr):
    """(K+1,) -> (J,) the pair of each outcome."""
    return np.repeat(np.arange(ptr.size - 1), np.diff(ptr))


def _rewards(R, layout, available, ptr, column):
    """Any form of R -> (reward of each pair (K,) or each outcome (J,), and of each outcome exactly (J,), or None)."""
    S, A = available.shape
    outcomes = lambda: [index[_pairs(ptr)] for index in np.nonzero(available)]          # noqa: E731
    if isinstance(R, (list, tuple)) and len(R) and all(sp.issparse(r) for r in R):
        if len(R) != A or any(r.shape != (S, S) for r in R):
            raise ValueError(f"R expects {A} sparse matrices of shape {(S, S)}, got {[r.shape for r in R]}")
        stacked, (s, a) = _stack([_canonical(r, "R") for r in R], S, A), outcomes()
        return np.asarray(stacked[s * A + a, column], float).ravel(), None
    if sp.issparse(R):
        R = _canonical(R, "R").toarray()
    R, exact = parse_array("R", R)
    if R.shape == (S,):
        return np.repeat(R, available.sum(axis=1)), None if exact is None else exact[outcomes()[0]]
    if R.shape == (S, A):
        return R[available], None if exact is None else exact[tuple(outcomes())]
    if R.shape == ((S, A, S) if layout == "SAS" else (A, S, S)):
        s, a = outcomes()
        at = (s, a, column) if layout == "SAS" else (a, s, column)
        return R[at], None if exact is None else exact[at]
    per_transition = (S, A, S) if layout == "SAS" else (A, S, S)
    raise ValueError(f"R expects shape {(S,)}, {(S, A)} or {per_transition}, got {R.shape}")


def _not_finite(x):
    """The first index where x is nan or infinite, as an array of one; empty if there is none."""
    with np.errstate(invalid="ignore", over="ignore"):
        fine = np.isfinite(x.min(initial=0)) and np.isfinite(x.max(initial=0))            # without a temporary of this size
    return np.zeros(0, int) if fine else np.flatnonzero(~np.isfinite(x))[:1]


def wrong_sum(what, total, row):
    """The message for probabilities `row` whose `total`, a float or a Fraction, is not one."""
    off = total - 1
    if isinstance(total, Fraction):
        return f"{what} to {short(total)}, not to 1 (off by {short(off)})"
    message = f"{what} to {short(total)}, not to 1 (off by {off:.3g})"
    if abs(off) < 1e-5 and (np.asarray(row, np.float32) == row).all():
        return message + ("; these are float32 numbers: convert them to float64 "
                          "and divide each row by its sum")
    return message


def _discount(gamma):
    value, exact = parse("gamma", gamma)
    number = value if exact is None else exact  # 1 + 1e-20 is 1.0 as a float
    if not 0 <= number <= 1:
        shown = short(number) if value == 1 else f"{value:g}"
        raise ValueError(f"gamma is {shown}, outside [0, 1]")
    return value, exact


def _state_set(name, states, S):
    """None, bool (S,) or a list of states -> bool (S,)."""
    if states is None:
        return np.zeros(S, bool)
    states = np.asarray(states)
    if states.dtype == bool:
        if states.shape != (S,):
            raise ValueError(f"{name} expects bools of shape {(S,)}, got {states.shape}")
        return states.copy()
    out = np.zeros(S, bool)
    out[indices(name, np.atleast_1d(states), S)] = True
    return out


def _distribution(name, x, S, exactly=False):
    """A state or (S,) probabilities -> (S,) float64, checked; exactly=True: and beside it the Fractions, or None."""
    if isinstance(x, (int, np.integer)) and not isinstance(x, bool):
        if not 0 <= x < S:
            raise ValueError(f"{name} is state {x}, outside [0, {S})")
        x = np.eye(1, S, int(x), dtype=int)[0]
    p, exact = parse_array(name, x)
    if p.shape != (S,):
        raise ValueError(f"{name} expects a state or probabilities of shape {(S,)}, got shape {p.shape}")
    for s in np.flatnonzero(~np.isfinite(p) | (p < 0))[:1]:
        raise ValueError(f"{name}[{s}] is {p[s]:.6g}: probabilities must be finite and not negative")
    total = p.sum() if exact is None else sum(exact)
    if abs(total - 1) > (ROW_SUM_TOLERANCE * S if exact is None else 0):
        raise ValueError(wrong_sum(f"{name} sums", total, p))
    return (p, exact) if exactly else p


def _objects(values):
    """A list of Fractions -> object array, or None if any of them is None."""
    if any(value is None for value in values):
        return None
    out = np.empty(len(values), object)
    out[:] = values
    return out


def _is_exact(policy):
    try:
        return np.asarray(policy).dtype.kind in "OU"
    except ValueError:
        raise ValueError("policy expects a rectangular array; its rows differ in length") from None


def _length(x):
    return len(x) if hasattr(x, "__len__") else 1
