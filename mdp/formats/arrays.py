"""Arrays of other programs: pymdptoolbox, QuantEcon, and choice arrays of verification benchmarks.

    pymdptoolbox   P: A matrices (S, S); R (S, A), (S,) or one for each transition; every action
                   exists everywhere
    QuantEcon      product form: R (S, A) with -inf where an action does not exist, Q (S, A, S);
                   pair form: R (X,), Q (X, S), s_indices (X,), a_indices (X,)
    choices        the arrays of a .npz file: choice_start (S+1,), trans_start (X+1,), col, num and
                   den (J,); its probabilities num / den are exact

Neither package knows states without actions. A terminal state is written as one that stays where it
is with reward zero, which has the same value. Nor do they know an initial distribution, or names.
All three forms have the mean reward of a pair only: values stay, the variance of the return does
not. They have no place for costs, for discounts per pair, and for rewards of both signs whose mean
is zero, which a total reward would no longer see. Those are refused.

Read first: model.py, rational.py, formats/words.py.  Read next: formats/files.py.
"""

from fractions import Fraction

import numpy as np
import scipy.sparse as sp

from ..checks import rows_of
from ..forms import from_lists
from ..given_numbers import indices, pointers
from ..model import MDP
from . import words


def from_mdptoolbox(P, R, gamma, **options):
    """pymdptoolbox's (P, R, discount) -> MDP.

    P    A matrices (S, S): an array (A, S, S), a list, a tuple, an object array, or a dict
         {action: matrix}, whose keys become the names of the actions; each matrix dense or
         scipy.sparse
    R    (S,), (S, A), or A matrices (S, S) or vectors (S,) in the same forms

    >>> P = np.empty(2, object)
    >>> P[:] = [np.eye(2), np.array([[0, 1], [1, 0]])]
    >>> m = from_mdptoolbox(P, [[1, 0], [0, 2]], 0.5)
    >>> m.num_states, m.num_actions, m.expected.r.tolist()
    (2, 2, [1.0, 0.0, 0.0, 2.0])
    """
    names = None
    if isinstance(P, dict):
        names, R = tuple(P), _in_order(P, R)
        P = list(P.values())
    elif isinstance(R, dict):
        raise ValueError("R is a dict and P is none: give both by action")
    P, R = _by_action(P), _by_action(R)
    if isinstance(P, list):
        P = _of_one_size(P)
    if isinstance(R, list) and (isinstance(P, list) or np.ndim(P) == 3):
        R = _rewards_by_action(R, len(P), P[0].shape[0] if np.ndim(P[0]) == 2 else 0)
    if isinstance(R, list):
        if isinstance(P, list):
            R = [sp.csr_matrix(r) for r in R]
        else:
            R = np.stack([r.toarray() if sp.issparse(r) else np.asarray(r) for r in R])
    m = MDP(P, R, gamma, layout="ASS", **options)
    if names is not None:
        m.action_names = names
    return m


def _in_order(P, R):
    """R, a dict or not, in the order of the actions of P."""
    if not isinstance(R, dict):
        return R
    if set(R) != set(P):
        raise ValueError(f"P has actions {_few(P)}, R has {_few(R)}")
    return [R[a] for a in P]


def _by_action(given):
    """A list, tuple or object array of arrays -> list, one for each action; else one array."""
    if sp.issparse(given):
        return given
    parts = given
    if isinstance(given, np.ndarray) and given.dtype == object and given.ndim == 1:
        parts = list(given)
    several = isinstance(parts, (list, tuple))
    if several and any(isinstance(x, np.ndarray) or sp.issparse(x) for x in parts):
        return list(parts)
    return np.array(given, object) if isinstance(given, (list, tuple)) else np.asarray(given)


def _of_one_size(P):
    """Matrices by action -> list of CSR matrices if one is sparse, else array (A, S, S)."""
    shapes = [np.shape(p) for p in P]
    if any(len(x) != 2 or x != (shapes[0][0],) * 2 for x in shapes) or 0 in shapes[0]:
        raise ValueError(f"P must be square matrices of one size, has shapes {_few(shapes)}")
    if any(map(sp.issparse, P)):
        return [sp.csr_matrix(p) for p in P]
    return np.stack([np.asarray(p) for p in P])


def _rewards_by_action(R, A, S):
    """Vectors (S,) by action -> array (S, A); with matrices (S, S) among them -> list of those."""
    if len(R) != A or any(np.shape(r) not in ((S,), (S, S)) for r in R):
        raise ValueError(f"R must be {A} vectors {(S,)} or matrices {(S, S)}, "
                         f"is {len(R)} of shapes {_few(map(np.shape, R))}")
    if all(np.ndim(r) == 1 for r in R):
        return np.stack([np.asarray(r) for r in R], axis=1)
    return [np.repeat(np.asarray(r)[:, None], S, axis=1) if np.ndim(r) == 1 else r for r in R]


def _few(things):
    things = list(map(str, things))
    return ", ".join(things[:4]) + (", ..." if len(things) > 4 else "")


def to_mdptoolbox(m):
    """MDP -> (P, R, discount): P a list of A CSR matrices (S, S), R (S, A) expected rewards.

    ValueError where states differ in their actions, and for what these arrays cannot say.
    """
    _same_actions(m)
    words.refuse_what_has_no_place(m, "pymdptoolbox's arrays have", initial="any", means=True)
    e, S, A = m.expected, m.num_states, m.num_actions
    P, R = [], np.zeros((S, A))
    R[e.owner, e.action] = e.r
    for a in range(A):
        chosen = np.flatnonzero(e.action == a)
        matrix = sp.csr_matrix((S, S))
        if chosen.size:
            places = e.owner[chosen], np.arange(chosen.size)
            place = sp.csr_matrix((np.ones(chosen.size), places), shape=(S, chosen.size))
            matrix = place @ e.P[chosen]
        P.append(sp.csr_matrix(matrix + sp.diags_array(m.terminal.astype(float))))
    return P, R, m.gamma


def from_quantecon(R, Q, beta, s_indices=None, a_indices=None, **options):
    """QuantEcon's DiscreteDP(R, Q, beta, s_indices, a_indices) -> MDP.

    Actions with reward -inf do not exist.

    ValueError, naming the state, if a state has no action left (there it is an error as well).
    """
    R = np.asarray(R, dtype=float)
    if np.isnan(R).any() or (R == np.inf).any():
        raise ValueError("R must be numbers, or -inf where an action does not exist")
    if s_indices is None:
        if R.ndim != 2:
            raise ValueError(f"R must be (S, A) in product form, has shape {R.shape}; "
                             "give s_indices and a_indices for the pair form")
        if a_indices is not None:
            raise ValueError("a_indices belongs to the pair form: give s_indices too")
        available = R > -np.inf
        states = np.arange(R.shape[0])
        m = MDP(Q, np.where(available, R, 0.0), beta, available=available, **options)
    else:
        if a_indices is None:
            raise ValueError("the pair form needs a_indices beside s_indices")
        lengths = [np.shape(x)[:1] for x in (R, Q, s_indices, a_indices)]
        if R.ndim != 1 or any(x != R.shape for x in lengths):
            shapes = ", ".join(str(np.shape(x)) for x in (R, Q, s_indices, a_indices))
            raise ValueError("the pair form must be R (X,), Q (X, S), s_indices (X,) and "
                             f"a_indices (X,), has shapes {shapes}")
        kept = np.flatnonzero(R > -np.inf)
        Q = sp.csr_matrix(Q)[kept] if sp.issparse(Q) else np.asarray(Q)[kept]
        states = np.arange(Q.shape[1])
        state, action = np.asarray(s_indices)[kept], np.asarray(a_indices)[kept]
        m = MDP.from_pairs(state, action, Q, R[kept], beta, **options)
    for s in states[m.terminal]:
        raise ValueError(f"state {s} has no feasible action")
    return m


def to_quantecon(m):
    """MDP -> (R (X,), Q (X, S) CSR, beta, s_indices (X,), a_indices (X,)), the pair form.

    There is a pair more for each terminal state.   ValueError for what these arrays cannot say
    """
    words.refuse_what_has_no_place(m, "QuantEcon's arrays have", initial="any", means=True)
    e, ends = m.expected, np.flatnonzero(m.terminal)
    stay = sp.csr_matrix((np.ones(ends.size), (np.arange(ends.size), ends)),
                         shape=(ends.size, m.num_states))
    state = np.concatenate((e.owner, ends))
    action = np.concatenate((e.action, np.zeros(ends.size, np.int64)))
    order = np.lexsort((action, state))
    R = np.concatenate((e.r, np.zeros(ends.size)))
    Q = sp.csr_matrix(sp.vstack([e.P, stay], format="csr"))
    return R[order], Q[order], m.gamma, state[order], action[order]


@words.either_spelling
def from_choices(arrays, *, reward=None, gamma=1, normalize=False):
    """Choice arrays (a mapping, such as np.load of a .npz file) -> MDP with exact probabilities.

    reward      the name R of the arrays R_num, R_den (X,): reward of each choice; default none
    normalize   divide rows that are off by less than 1e-5 by their sum

    ValueError, naming the array, if one is missing, or they do not fit together.
    """
    for name in ("choice_start", "trans_start", "col", "num", "den"):
        if name not in arrays:
            raise ValueError(f"array {name} is missing")
    J = np.asarray(arrays["col"]).size
    trans = pointers("trans_start", arrays["trans_start"], J).astype(np.int64)
    start = pointers("choice_start", arrays["choice_start"], trans.size - 1).astype(np.int64)
    S, X = start.size - 1, trans.size - 1
    if S < 1 or X < 1:
        raise ValueError(f"there are {S} states and {X} choices")
    column = indices("col", arrays["col"], S).astype(np.int64)
    p = _fractions(arrays, "num", "den", J)
    if reward is not None and not {reward + "_num", reward + "_den"} <= set(arrays):
        there = ", ".join(choice_rewards(arrays)) or "none"
        raise ValueError(f"there is no reward {reward!r}; the rewards are {there}")
    r = np.full(X, Fraction(0), object)
    if reward is not None:
        r = _fractions(arrays, reward + "_num", reward + "_den", X)
    initial = None
    if "initial" in arrays:
        initial = np.asarray(arrays["initial"])
        if initial.shape != () or initial.dtype.kind not in "iu":
            raise ValueError("initial must be one state, "
                             f"is {initial.dtype} of shape {initial.shape}")
        initial = int(initial)
    state, pair = rows_of(start), rows_of(trans)
    action = np.arange(X) - start[state]
    if normalize:
        for k in range(X):
            first, last = trans[k], trans[k + 1]
            if last > first:
                p[first:last] = words.row(f"num and den: choice {k}", list(p[first:last]), True)
    outcomes = from_lists(S, int(action.max()) + 1, state, action, pair, column, p.astype(float),
                          r[pair].astype(float), p, r[pair])
    return MDP.from_outcomes(outcomes, gamma, initial=initial)


def choice_rewards(arrays):
    """The names of the rewards of choice arrays."""
    names = (name.removesuffix("_num") for name in arrays if name.endswith("_num"))
    return sorted(name for name in names if name + "_den" in arrays)


def _fractions(arrays, num, den, size):
    """Two arrays of integers -> (size,) object array of Fractions."""
    for name in (num, den):
        x = np.asarray(arrays[name])
        if x.shape != (size,) or x.dtype.kind not in "iu":
            raise ValueError(f"{name} must be {size} integers, is {x.dtype} of shape {x.shape}")
    for j in np.flatnonzero(np.asarray(arrays[den]) < 1)[:1]:
        raise ValueError(f"{den}[{j}] is {arrays[den][j]}, not positive")
    pairs = zip(np.asarray(arrays[num]).tolist(), np.asarray(arrays[den]).tolist())
    out = np.empty(size, object)
    out[:] = [Fraction(a, b) for a, b in pairs]
    return out


def to_choices(m):
    """MDP -> choice arrays, rewards as "reward_num" and "reward_den".

    Floats are written as rational.py reads them. The discount and names are not part of the arrays.

    ValueError if numbers have no small common denominator or do not fit int64, and for what the
    arrays cannot say: discounts per pair, costs, rewards of mean zero, and more than one initial
    state.
    """
    from ..rational import rational
    words.refuse_what_has_no_place(m, "choice arrays have", means=True)
    R = rational(m)
    lists = {"num": [x for row in R.n for x in row],
             "den": [d for d, row in zip(R.D, R.n) for _ in row],
             "reward_num": [r[0] for r in R.r], "reward_den": [r[1] for r in R.r]}
    for name, numbers in lists.items():
        if max(map(abs, numbers), default=0) >= 2 ** 63:
            raise ValueError(f"{name} does not fit 64 bits")
    out = {name: np.array(numbers, np.int64) for name, numbers in lists.items()}
    ends = np.cumsum([len(row) for row in R.n])
    out |= {"choice_start": m.pair_ptr,
            "trans_start": np.concatenate(([0], ends)).astype(np.int64),
            "col": np.array([t for row in R.next for t in row], np.int32)}
    if m.initial is not None:
        out["initial"] = np.array(int(m.initial.argmax()))
    return out


def _same_actions(m):
    for s in np.flatnonzero(~m.terminal & ~m.available.all(axis=1))[:1]:
        lacking = m.action_names[int((~m.available[s]).argmax())]
        raise ValueError("pymdptoolbox needs every action in every state; "
                         f"{m.state_label(s)} lacks action {lacking!r}")
