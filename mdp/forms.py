"""Arrays, pairs and dicts: every form in which a process is given, as one `Outcomes`.

    from_arrays   P (S, A, S) or sparse, R (S,), (S, A) or one for each transition
    from_pairs    one row of P for each available (state, action), in any order
    from_dict     state -> action -> outcomes, by name
    from_lists    one entry for each pair and each outcome, sorted: what readers of files have

A *pair* k = 0..X-1 is an available (state, action), sorted by state and then action. An *outcome*
j = 0..J-1 is what may follow a pair: (next, reward), with a probability. The outcomes of pair k are
`outcome_ptr[k]:outcome_ptr[k+1]`.

What a form alone can have wrong is checked here: shapes, indices, names, order. What all forms can
have wrong is checked by model.py.

Read first: given_numbers.py, checks.py.  Read next: model.py, expected.py.
"""

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp

from .checks import canonical, rows_of, state_set
from .given_numbers import as_float, indices, objects, parse, parse_array

MOST = 2 ** 31                         # states, or actions: an index of either has 32 bits
CHUNK = 256                            # rows of a full matrix that are searched for zeros at a time


class Outcomes(NamedTuple):
    """What may follow each pair; the one form in which a process is stored.

    available          (S, A) bool: the pairs
    outcome_ptr        (X+1,) where the outcomes of each pair begin, and the last ones end
    next               (J,) the next state
    probability        (J,) float64
    reward             (J,) float64; or (X,), if all outcomes of a pair have the same
    exact_probability  (J,) Fractions, or None unless all probabilities are exact
    exact_reward       (J,) Fractions, or None unless all rewards are exact
    """
    available: np.ndarray
    outcome_ptr: np.ndarray
    next: np.ndarray
    probability: np.ndarray
    reward: np.ndarray
    exact_probability: np.ndarray | None = None
    exact_reward: np.ndarray | None = None


# arrays

def from_arrays(P, R, *, layout="SAS", terminal=None, available=None):
    """P, R, layout, terminal and available as for MDP -> Outcomes.

    >>> from_arrays([[["1/4", "3/4"]], [[0, 1]]], [5, 7]).next.tolist()
    [0, 1, 1]
    """
    if layout not in ("SAS", "ASS"):
        raise ValueError(f'layout must be "SAS" or "ASS", is {layout!r}')
    rows, exact_rows, S, A = _rows(P, layout)
    available = _available(available, terminal, S, A)
    every = available.all()
    # row s*A + a belongs to the pair (s, a)
    chosen = slice(None) if every else np.flatnonzero(available)
    ptr, column, probability = _nonzeros(rows if every else rows[chosen])
    rows = None                                  # P may be so large that one copy must do
    exact = None if exact_rows is None else exact_rows[chosen][rows_of(ptr), column]
    reward, exact_reward = _rewards(R, layout, available, ptr, column)
    return Outcomes(available, ptr, column, probability, reward, exact, exact_reward)


def discounts(gamma, pairs):
    """A number, or a discount for each place of `pairs` -> the number, or those of the pairs (X,).

    pairs   which places are pairs, in order: `available` (S, A) bool, or the `order` (X,) in which
            pairs that were given one by one are kept

    ValueError if gamma has another shape than pairs.
    """
    if not np.ndim(gamma):
        return gamma
    if np.shape(gamma) != pairs.shape:
        raise ValueError(f"gamma must be a number or shape {pairs.shape}, "
                         f"has shape {np.shape(gamma)}")
    return np.asarray(gamma)[pairs]


def _rows(P, layout):
    """Any form of P -> ((S*A, S) dense or CSR, the same as Fractions or None, S, A)."""
    if sp.issparse(P) or _is_list_of_sparse(P):
        rows, S, A = _sparse_rows(P)
        return rows, None, S, A
    P, exact = parse_array("P", P)
    if P.ndim != 3 or P.shape[2] != P.shape[0 if layout == "SAS" else 1] or 0 in P.shape:
        shape = "(S, A, S)" if layout == "SAS" else "(A, S, S)"
        raise ValueError(f'P must be {shape} for layout "{layout}", with at least '
                         f"one state and one action, has shape {P.shape}")
    if layout == "ASS":
        P, exact = P.swapaxes(0, 1), None if exact is None else exact.swapaxes(0, 1)
    S, A = P.shape[:2]
    return P.reshape(S * A, S), None if exact is None else exact.reshape(S * A, S), S, A


def _is_list_of_sparse(x):
    return isinstance(x, (list, tuple)) and len(x) and all(sp.issparse(matrix) for matrix in x)


def _sparse_rows(P):
    """A list of A matrices (S, S) or one (S*A, S) -> ((S*A, S) CSR, S, A)."""
    if sp.issparse(P):
        P = canonical(P)
        S = P.shape[1]
        if S == 0 or P.shape[0] == 0 or P.shape[0] % S:
            raise ValueError(f"P must be a sparse matrix of shape (S*A, S), has shape {P.shape}")
        return P, S, P.shape[0] // S
    S, A = P[0].shape[0], len(P)
    for a, p in enumerate(P):
        if p.shape != (S, S) or S == 0:
            raise ValueError("P must be sparse matrices of shape (S, S), all alike; "
                             f"P[{a}] is {p.shape}, P[0] is {P[0].shape}")
    return _stack([canonical(p) for p in P], S, A), S, A


def _stack(matrices, S, A):
    """A matrices (S, S) -> (S*A, S) CSR whose row s*A + a is row s of matrix a."""
    rows = (np.arange(A) * S + np.arange(S)[:, None]).ravel()
    return sp.csr_matrix(sp.vstack(matrices, format="csr"))[rows]


def _available(available, terminal, S, A):
    """Which actions exist, (S, A) bool: as given, or all except in terminal states."""
    terminal = state_set("terminal", terminal, S)
    if available is None:
        return np.repeat(~terminal[:, None], A, axis=1)
    available = np.asarray(available)
    if available.shape != (S, A) or available.dtype != bool:
        raise ValueError(f"available must be bools of shape {(S, A)}, "
                         f"is {available.dtype} of shape {available.shape}")
    for s in np.flatnonzero(terminal & available.any(1)):
        raise ValueError(f"available: state {s} is terminal, "
                         f"yet action {available[s].argmax()} is available in it")
    return available


def _nonzeros(rows):
    """The entries of `rows` that are not zero: (ptr (X+1,), column (J,), value (J,)).

    rows   (X, S) dense or CSR, which may be used up
    nan counts as an entry, and is refused later.
    """
    if sp.issparse(rows):
        return rows.indptr, rows.indices, rows.data
    count = np.count_nonzero(rows, axis=1)
    ptr = np.concatenate(([0], np.cumsum(count)))
    if ptr[-1] == rows.size:
        column = np.tile(np.arange(rows.shape[1], dtype=np.int32), len(rows))
        return ptr, column, rows.reshape(-1)
    column, value = np.empty(ptr[-1], np.int32), np.empty(ptr[-1], rows.dtype)
    for k in range(0, len(rows), CHUNK):         # np.nonzero takes 16 bytes for each entry
        row, found = np.nonzero(rows[k:k + CHUNK])
        here = slice(ptr[k], ptr[k] + found.size)
        column[here], value[here] = found, rows[k + row, found]
    return ptr, column, value


def _rewards(R, layout, available, ptr, column):
    """Any form of R -> (reward of each pair (X,) or outcome (J,), of each outcome exactly or None).

    available (S, A) and the outcomes' ptr (X+1,) and column (J,) are those of P.
    """
    S, A = available.shape
    per_transition = (S, A, S) if layout == "SAS" else (A, S, S)
    if _is_list_of_sparse(R):
        return _sparse_rewards(R, available, ptr, column), None
    if sp.issparse(R):
        R = canonical(R, "R").toarray()
    R, exact = parse_array("R", R)
    if R.shape not in ((S,), (S, A), per_transition):
        raise ValueError(f"R must be {(S,)}, {(S, A)} or {per_transition}, has shape {R.shape}")
    s, a = _outcome_pairs(available, ptr) if exact is not None or R.ndim == 3 else (None, None)
    if R.ndim == 1:
        return np.repeat(R, available.sum(axis=1)), None if exact is None else exact[s]
    if R.ndim == 2:
        return R[available], None if exact is None else exact[s, a]
    at = (s, a, column) if layout == "SAS" else (a, s, column)
    return R[at], None if exact is None else exact[at]


def _sparse_rewards(R, available, ptr, column):
    """A list of A sparse matrices (S, S), one reward for each transition -> (J,)."""
    S, A = available.shape
    if len(R) != A or any(r.shape != (S, S) for r in R):
        raise ValueError(f"R must be {A} sparse matrices of shape {(S, S)}, "
                         f"has shapes {[r.shape for r in R]}")
    stacked = _stack([canonical(r, "R") for r in R], S, A)
    s, a = _outcome_pairs(available, ptr)
    return np.asarray(stacked[s * A + a, column], float).ravel()


def _outcome_pairs(available, ptr):
    """The state and the action of each outcome, (J,) each."""
    pair = rows_of(ptr)
    return [index[pair] for index in np.nonzero(available)]


# pairs

def from_pairs(state, action, P, R, *, num_states=None, num_actions=None):
    """state, action (X,), P (X, S) and R as for MDP.from_pairs -> (Outcomes, order).

    order   (X,): pair k of the outcomes is number order[k] of the pairs as given
    """
    state, action = np.asarray(state), np.asarray(action)
    P, exact_rows = (canonical(P), None) if sp.issparse(P) else parse_array("P", P)
    if P.ndim != 2 or state.shape != action.shape or P.shape[0] != state.size or 0 in P.shape:
        raise ValueError("state, action and P must be (X,), (X,) and (X, S) with X >= 1, "
                         f"have shapes {state.shape}, {action.shape} and {P.shape}")
    S = P.shape[1]
    if num_states not in (None, S):
        raise ValueError(f"num_states is {num_states}, but P has {S} columns")
    state, action, A = _pair_indices(state, action, S, num_actions)
    order = _sorted_pairs(state, action)
    ptr, column, probability = _nonzeros(P if (np.diff(order) == 1).all() else P[order])
    P = None
    row = order[rows_of(ptr)]                    # of each outcome, as given
    exact = None if exact_rows is None else exact_rows[row, column]
    reward, exact_reward = _pair_rewards(R, (state.size, S), order, row, column)
    available = np.zeros((S, A), bool)
    available[state, action] = True
    return Outcomes(available, ptr, column, probability, reward, exact, exact_reward), order


def _pair_indices(state, action, S, num_actions):
    """(state (X,), action (X,), A), checked; A is num_actions, or as many as are used."""
    whole = isinstance(num_actions, (int, np.integer)) and not isinstance(num_actions, bool)
    if num_actions is not None and not (whole and num_actions >= 1):
        raise ValueError(f"num_actions must be an integer >= 1, is {num_actions!r}")
    state = indices("state", state, S)
    action = indices("action", action, MOST if num_actions is None else num_actions)
    return state, action, int(action.max()) + 1 if num_actions is None else int(num_actions)


def _sorted_pairs(state, action):
    """(X,) the pairs in order of state, then action.   ValueError if one appears twice"""
    order = np.lexsort((action, state))
    twice = np.flatnonzero((np.diff(state[order]) == 0) & (np.diff(action[order]) == 0))
    for first, second in zip(order[twice], order[twice + 1]):
        raise ValueError(f"state and action: pair ({state[first]}, {action[first]}) "
                         f"appears twice, at {first} and {second}")
    return order


def _pair_rewards(R, shape, order, row, column):
    """R (X,) or (X, S), as given -> (reward (X,) or (J,), in order, exact reward (J,) or None).

    row      (J,) the pair of each outcome, as given
    column   (J,) the next state of each outcome
    """
    R, exact = (canonical(R, "R").toarray(), None) if sp.issparse(R) else parse_array("R", R)
    if R.shape == shape[:1]:
        return R[order], None if exact is None else exact[row]
    if R.shape == shape:
        return R[row, column], None if exact is None else exact[row, column]
    raise ValueError(f"R must be {shape[:1]} or {shape}, has shape {R.shape}")


# names

def from_dict(transitions, actions=None):
    """transitions and actions as for MDP.from_dict -> (Outcomes, names of states, of actions).

    >>> outcomes, states, actions = from_dict({"up": {"go": [("1/2", "up", 1), ("1/2", "up", 1)]}})
    >>> outcomes.exact_probability.tolist(), states, actions
    ([Fraction(1, 1)], ('up',), ('go',))
    """
    states, actions = _state_names(transitions), _action_names(transitions, actions)
    state_index = {name: s for s, name in enumerate(states)}
    action_index = {name: a for a, name in enumerate(actions)}
    state, action, pair, outcomes = [], [], [], []
    for s, (name, choices) in enumerate(transitions.items()):
        for a in sorted(choices, key=action_index.__getitem__):
            where = f"state {name!r}, action {a!r}"
            merged = _merged(where, choices[a], state_index)
            pair += [len(state)] * len(merged)
            outcomes += merged
            state.append(s), action.append(action_index[a])
    after, p, exact_p, r, exact_r = zip(*outcomes) if outcomes else [()] * 5
    integers = lambda x: np.array(x, np.int64)                                 # noqa: E731
    floats = lambda x: np.array(x, float)                                      # noqa: E731
    lists = from_lists(len(states), len(actions), integers(state), integers(action),
                       integers(pair), integers(after), floats(p), floats(r),
                       objects(exact_p), objects(exact_r))
    return lists, states, actions


def initial_by_name(initial, states):
    """None, a state's name, {name: probability} or a list -> what `distribution` takes."""
    index = {name: s for s, name in enumerate(states)}
    if isinstance(initial, dict):
        for name in initial:
            if name not in index:
                raise ValueError(f"initial names {name!r}, which is not a state")
        return [initial.get(name, 0) for name in states]
    if initial is None or isinstance(initial, (list, np.ndarray)):
        return initial
    if initial not in index:
        raise ValueError(f"initial is {initial!r}, which is not a state")
    return index[initial]


def discounts_by_name(gamma, transitions, outcomes, states, actions):
    """A number, or {state: {action: number}} -> the number, or one for each pair (X,)."""
    if not isinstance(gamma, dict):
        return gamma
    rows = [(s, row if isinstance(row, dict) else {None: 0}) for s, row in gamma.items()]
    given = {(s, a) for s, row in rows for a in row}
    there = {(s, a) for s, choices in transitions.items() for a in choices}
    for s, a in sorted(given ^ there, key=str)[:1]:
        has, lacks = ("has", "lacks") if (s, a) in given else ("lacks", "has")
        raise ValueError(f"gamma {has} an entry for state {s!r}, action {a!r}, "
                         f"which the process {lacks}")
    pairs = zip(*np.nonzero(outcomes.available))
    return np.array([gamma[states[s]][actions[a]] for s, a in pairs], object)


def _state_names(transitions):
    """The keys of `transitions`, which must all lead to dicts."""
    if not isinstance(transitions, dict) or not transitions:
        length = len(transitions) if hasattr(transitions, "__len__") else 1
        raise ValueError("transitions must be a dict with at least one state, "
                         f"is {type(transitions).__name__} of length {length}")
    for name, choices in transitions.items():
        if not isinstance(choices, dict):
            raise ValueError(f"state {name!r} must be a dict action -> outcomes, "
                             f"is {type(choices).__name__}")
    return tuple(transitions)


def _action_names(transitions, actions):
    """The actions in the order given, or in which they first appear."""
    appearing = dict.fromkeys(a for choices in transitions.values() for a in choices)
    names = tuple(appearing if actions is None else actions)
    listed = set(names)
    for a in appearing:
        if a not in listed:
            raise ValueError(f"actions does not list {a!r}, which is used")
    return names


def _merged(where, outcomes, index):
    """The outcomes of one pair; those of equal next state and reward are added up.

    where    the pair's name in messages
    index    name of a state -> its number
    returns  a list of (next, probability, the same as a Fraction or None, reward, the same as a
             Fraction or None)
    """
    if not isinstance(outcomes, (list, tuple)):
        raise ValueError(f"{where} must be a list of (probability, next, reward), "
                         f"is {type(outcomes).__name__}")
    merged = {}
    for outcome in outcomes:
        if not isinstance(outcome, (list, tuple)) or len(outcome) != 3:
            raise ValueError(f"{where} must have outcomes (probability, next, reward), "
                             f"has {outcome!r}")
        p, name, r = outcome
        try:
            t = index[name]
        except (KeyError, TypeError):
            raise ValueError(f"{where} leads to {name!r}, which is not a state "
                             f"(write {name!r}: {{}} if it is terminal)") from None
        p, exact_p = parse(f"{where}: probability", p)
        r, exact_r = parse(f"{where}: reward", r)
        if p < 0:                                # before merging could hide it
            raise ValueError(f"P is {p:.6g} for {where} -> {name!r}: "
                             "probabilities must not be negative")
        key = (t, r if exact_r is None else exact_r)
        if key in merged:
            p, exact_p = _sum(merged[key][1:3], (p, exact_p))
        if p != 0:                               # the float of an exact number that is not zero
            merged[key] = (t, p, exact_p, r, exact_r)
    return merged.values()


def _sum(one, other):
    """The sum of two numbers (float, Fraction or None), rounded once where both are exact."""
    if None in (one[1], other[1]):
        return one[0] + other[0], None
    exact = one[1] + other[1]
    return as_float("P", exact), exact


# sorted lists

def from_lists(S, A, state, action, pair, next, probability, reward, exact_probability=None,
               exact_reward=None):
    """One entry for each pair and each outcome, sorted -> Outcomes.

    state              (X,) the state of each pair; pairs are sorted by state and then action
    action             (X,) the action of each pair
    pair               (J,) the pair of each outcome, never falling
    next               (J,) the next state
    probability        (J,)
    reward             (J,)
    exact_probability  (J,) Fractions, or None
    exact_reward       (J,) Fractions, or None
    """
    state, action = indices("state", state, S), indices("action", action, A)
    pair = indices("pair", pair, len(state))
    for name, index, rows in (("action", action, state), ("P", probability, pair),
                              ("next", next, pair)):
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
    return Outcomes(available, ptr, next, probability, reward, exact_probability, exact_reward)
