"""Arrays of other packages: pymdptoolbox, QuantEcon, and the choice arrays of verification benchmarks.

    pymdptoolbox   P: A matrices (S, S), R (S, A), (S,) or per transition; every action exists everywhere
    QuantEcon      product form R (S, A) with -inf where an action does not exist, Q (S, A, S);  pair form R (K,), Q (K, S), s_indices, a_indices
    choices        choice_start (S+1,), trans_start (K+1,), col, num, den (J,): the arrays of a .npz file, exact probabilities

Neither package knows states without actions: a terminal state is written as one that stays where it is for nothing, which has the same value.

Read first: ../model.py.
"""

from fractions import Fraction

import numpy as np
import scipy.sparse as sp

from ..given_numbers import indices, pointers
from ..model import MDP


def from_mdptoolbox(P, R, gamma, **options):
    """pymdptoolbox's (P, R, discount) -> MDP.   P (A, S, S) or a list of A sparse matrices"""
    return MDP(P, R, gamma, layout="ASS", **options)


def to_mdptoolbox(m):
    """MDP -> (P, R, discount): P a list of A CSR matrices (S, S), R (S, A) expected rewards.   ValueError where states differ in their actions"""
    _same_actions(m)
    e, S, A = m.expected, m.num_states, m.num_actions
    if m.pair_gamma is not None:
        raise ValueError("pymdptoolbox has one discount, this process has one for each pair")
    P, R = [], np.zeros((S, A))
    R[e.owner, e.action] = e.r
    for a in range(A):
        rows = sp.lil_matrix((S, S))
        chosen = np.flatnonzero(e.action == a)
        matrix = sp.csr_matrix((np.ones(chosen.size), (e.owner[chosen], np.arange(chosen.size))), shape=(S, chosen.size)) @ e.P[chosen] if chosen.size else sp.csr_matrix(rows)
        P.append(sp.csr_matrix(matrix + sp.diags_array(m.terminal.astype(float))))
    return P, R, m.gamma


def from_quantecon(R, Q, beta, s_indices=None, a_indices=None, **options):
    """QuantEcon's DiscreteDP(R, Q, beta, s_indices, a_indices) -> MDP; actions with reward -inf do not exist.

    ValueError, naming the state, if a state has no action left (there it is an error as well).
    """
    R = np.asarray(R, dtype=float)
    if s_indices is None:
        if R.ndim != 2:
            raise ValueError(f"R expects shape (S, A) in product form, got {R.shape}; give s_indices and a_indices for the pair form")
        available = R > -np.inf
        states = np.arange(R.shape[0])
        m = MDP(Q, np.where(available, R, 0.0), beta, available=available, **options)
    else:
        kept = np.flatnonzero(R > -np.inf)
        Q = sp.csr_matrix(Q)[kept] if sp.issparse(Q) else np.asarray(Q)[kept]
        states = np.arange(Q.shape[1])
        m = MDP.from_pairs(np.asarray(s_indices)[kept], np.asarray(a_indices)[kept], Q, R[kept], beta, **options)
    for s in states[m.terminal]:
        raise ValueError(f"state {s} has no feasible action")
    return m


def to_quantecon(m):
    """MDP -> (R (K,), Q (K, S) CSR, beta, s_indices (K,), a_indices (K,)): the pair form, a pair more for each terminal state."""
    if m.pair_gamma is not None:
        raise ValueError("QuantEcon has one discount, this process has one for each pair")
    e, ends = m.expected, np.flatnonzero(m.terminal)
    stay = sp.csr_matrix((np.ones(ends.size), (np.arange(ends.size), ends)), shape=(ends.size, m.num_states))
    state, action = np.concatenate((e.owner, ends)), np.concatenate((e.action, np.zeros(ends.size, np.int64)))
    order = np.lexsort((action, state))
    return np.concatenate((e.r, np.zeros(ends.size)))[order], sp.csr_matrix(sp.vstack([e.P, stay], format="csr"))[order], m.gamma, state[order], action[order]


def from_choices(arrays, *, reward=None, gamma=1):
    """Choice arrays (a mapping, such as np.load of a .npz file) -> MDP with exact probabilities.

    reward   the name R of the arrays R_num, R_den (K,): reward of each choice; default none
    """
    columns = np.asarray(arrays["col"])
    trans = pointers("trans_start", arrays["trans_start"], columns.size)
    start = pointers("choice_start", arrays["choice_start"], trans.size - 1)
    S, K = start.size - 1, trans.size - 1
    state = np.repeat(np.arange(S), np.diff(start))
    p = _fractions(arrays["num"], arrays["den"])
    if reward is not None and reward + "_num" not in arrays:
        raise ValueError(f"there is no reward {reward!r}; the arrays are {', '.join(sorted(arrays))}")
    r = _fractions(np.zeros(K, int), np.ones(K, int)) if reward is None else _fractions(arrays[reward + "_num"], arrays[reward + "_den"])
    pair = np.repeat(np.arange(K), np.diff(trans))
    m = MDP.__new__(MDP)
    m._assemble(S, int((np.arange(K) - start[state]).max(initial=-1)) + 1, state, np.arange(K) - start[state], pair, indices("col", columns, S),
                p.astype(float), r[pair].astype(float), p, r[pair], gamma, arrays["initial"][()] if "initial" in arrays else None)
    return m


def to_choices(m):
    """MDP -> choice arrays, rewards as "reward_num" and "reward_den".   ValueError if its numbers were not given exactly, or do not fit int64"""
    from ..rational import rational
    R = rational(m)
    lists = {"num": [x for row in R.n for x in row], "den": [d for d, row in zip(R.D, R.n) for _ in row], "reward_num": [r[0] for r in R.r], "reward_den": [r[1] for r in R.r]}
    for name, numbers in lists.items():
        if max(map(abs, numbers), default=0) >= 2 ** 63:
            raise ValueError(f"{name} does not fit 64 bits")
    out = {name: np.array(numbers, np.int64) for name, numbers in lists.items()}
    out |= {"choice_start": m.pair_ptr, "trans_start": np.concatenate(([0], np.cumsum([len(row) for row in R.n]))).astype(np.int64),
            "col": np.array([t for row in R.next for t in row], np.int32)}
    if m.initial is not None and m.initial.max() == 1:
        out["initial"] = np.array(int(m.initial.argmax()))
    return out


def _fractions(num, den):
    out = np.empty(len(num), object)
    out[:] = [Fraction(int(a), int(b)) for a, b in zip(num, den)]
    return out


def _same_actions(m):
    for s in np.flatnonzero(~m.terminal & ~m.available.all(axis=1))[:1]:
        raise ValueError(f"pymdptoolbox needs every action in every state; {m.state_label(s)} lacks action {m.action_names[int((~m.available[s]).argmax())]!r}")
