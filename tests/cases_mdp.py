"""What the tests of `mdp` draw, and exact answers to hold it against: plain Fractions, no code of the package.

`policy_evaluation` is the case of the layer of that name for the common harness.
"""

import os
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import strategies as st

import mdp


def policy_evaluation(draw):
    """(P, R, gamma, pi), {}: rows of P and pi sum to one, gamma at most 0.9, so that I - gamma P_pi is far from singular."""
    S, A = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    P = rng.dirichlet(np.ones(S), size=(S, A)).astype(dtype)
    pi = rng.dirichlet(np.ones(A), size=S).astype(dtype)
    R = rng.normal(size=(S, A)).astype(dtype)
    return (P, R, np.asarray(draw(st.floats(0, 0.9)), dtype=dtype), pi), {}


def sweep(draw, rng, dtype=np.float64):
    """Arguments of the kernel mdp.planning.value_iteration._sweep on eighths, where sums are exact; states without actions and empty rows among them."""
    S = draw(st.integers(1, 6))
    choices = rng.integers(0, 4, S)
    K = int(choices.sum())
    count = rng.integers(0, 5, K)
    eighths = lambda n: (rng.integers(-16, 17, n) / 8).astype(dtype)      # noqa: E731
    ends = lambda n, index: np.concatenate(([0], np.cumsum(n))).astype(index)      # noqa: E731
    column = rng.integers(0, S, count.sum()).astype(np.int32)
    return eighths(S), ends(count, np.int32), column, eighths(count.sum()), eighths(K), ends(choices, np.int64), 0.5


@st.composite
def transitions(draw, most_states=5, most_actions=3, terminal=None):
    """A random process in the form of `MDP.from_dict`, states 0..S-1: dead ends, ties, self-loops, duplicate outcomes and thirds among them."""
    S, A = draw(st.integers(1, most_states)), draw(st.integers(1, most_actions))
    out = {}
    for s in range(S):
        if terminal is not None:
            actions = set() if s in range(S - terminal, S) else {0} | draw(st.sets(st.integers(0, A - 1)))
        else:
            actions = draw(st.sets(st.integers(0, A - 1), min_size=0 if s else 1))
        out[s] = {}
        for a in sorted(actions):
            weights = draw(st.lists(st.integers(1, 7), min_size=1, max_size=3))
            out[s][a] = [(Fraction(w, sum(weights)), draw(st.integers(0, S - 1)), Fraction(draw(st.integers(-6, 6)), draw(st.sampled_from([1, 2, 3]))))
                         for w in weights]
    return out


gammas = st.sampled_from(["0", "1/2", "9/10", "99/100", "999/1000"])


def solve_exactly(A, b):
    """A x = b in Fractions by elimination.   A list of rows; None if A is singular"""
    n = len(b)
    rows = [list(A[i]) + [b[i]] for i in range(n)]
    for i in range(n):
        pivot = next((k for k in range(i, n) if rows[k][i] != 0), None)
        if pivot is None:
            return None
        rows[i], rows[pivot] = rows[pivot], rows[i]
        head = rows[i][i]
        rows[i] = [x / head for x in rows[i]]
        for k in range(n):
            if k != i and rows[k][i] != 0:
                factor = rows[k][i]
                rows[k] = [x - factor * y for x, y in zip(rows[k], rows[i])]
    return [row[n] for row in rows]


def exact_q(process, v, gamma):
    """{(s, a): q} in Fractions."""
    return {(s, a): sum((Fraction(p) * (Fraction(r) + gamma * v[t]) for p, t, r in outcomes), Fraction(0))
            for s, choices in process.items() for a, outcomes in choices.items()}


def exact_policy_value(process, policy, gamma):
    """Value of a deterministic policy {s: a} (terminal states absent) in Fractions, {s: v}; None if I - gamma P is singular."""
    names = list(process)
    at = {s: i for i, s in enumerate(names)}
    A = [[Fraction(int(i == j)) for j in range(len(names))] for i in range(len(names))]
    b = [Fraction(0)] * len(names)
    for s, a in policy.items():
        for p, t, r in process[s][a]:
            A[at[s]][at[t]] -= gamma * Fraction(p)
            b[at[s]] += Fraction(p) * Fraction(r)
    x = solve_exactly(A, b)
    return None if x is None else dict(zip(names, x))


def exact_optimum(process, gamma):
    """The optimal value for gamma < 1, {s: v} in Fractions: Howard's iteration, then the Bellman equation is checked exactly."""
    gamma = Fraction(gamma)
    policy = {s: next(iter(choices)) for s, choices in process.items() if choices}
    while True:
        v = exact_policy_value(process, policy, gamma)
        q = exact_q(process, v, gamma)
        better = {s: max(process[s], key=lambda a: q[s, a]) for s in policy}
        improved = {s: better[s] if q[s, better[s]] > v[s] else policy[s] for s in policy}
        if improved == policy:
            assert all(v[s] == max(q[s, a] for a in process[s]) for s in policy)
            return v
        policy = improved


def contains(solution, exact, names):
    """True if lower <= exact <= upper for every state, compared in Fractions."""
    return all(Fraction(float(lower)) <= exact[s] <= Fraction(float(upper)) for s, lower, upper in zip(names, solution.lower, solution.upper))


def policy_of(m, policy):
    """(S,) actions -> {state name: action name}."""
    return {m.state_names[s]: m.action_names[a] for s, a in enumerate(policy) if a >= 0}


def garnet(S, A, b, seed, gamma):
    """A random process as floats: b successors for each pair."""
    rng = np.random.default_rng(seed)
    P = np.zeros((S, A, S))
    for s in range(S):
        for a in range(A):
            P[s, a, rng.choice(S, b, replace=False)] = rng.dirichlet(np.ones(b))
    return mdp.MDP(P, rng.normal(size=(S, A)), gamma)


def data_folder():
    """The folder of shared reference data; skips the test where it is absent."""
    folder = Path(os.environ.get("NPIXEL_DATA", Path(__file__).resolve().parents[1].parent / "shared" / "data"))
    if not (folder / "mdp" / "anchors.json").exists():
        pytest.skip(f"no reference data at {folder}: set NPIXEL_DATA")
    return folder
