"""What the tests of `mdp` draw, and exact answers to hold it against.

The answers are plain Fractions, and use no code of the package.

`policy_evaluation` is the case of the layer of that name for the common harness.
"""

import json
import os
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import strategies as st

import mdp
from mdp.forms import from_lists


def policy_evaluation(draw):
    """(P, R, gamma, pi), {}: rows of P and pi sum to one, and gamma is at most 0.9.

    So I - gamma P_pi is far from singular.
    """
    S, A = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    P = rng.dirichlet(np.ones(S), size=(S, A)).astype(dtype)
    pi = rng.dirichlet(np.ones(A), size=S).astype(dtype)
    R = rng.normal(size=(S, A)).astype(dtype)
    return (P, R, np.asarray(draw(st.floats(0, 0.9)), dtype=dtype), pi), {}


def by_rows(e):
    """An Expected whose products go through compiled rows, though its matrix be full."""
    e = e.replace()
    vars(e)["full"] = None
    return e


def sweep(draw, rng, dtype=np.float64):
    """A process as arrays (v, row, column, p, r, pair_ptr, gamma) on eighths: sums are exact.

    There are states without actions among them, and empty rows.
    """
    S = draw(st.integers(1, 6))
    choices = rng.integers(0, 4, S)
    X = int(choices.sum())
    count = rng.integers(0, 5, X)
    eighths = lambda n: (rng.integers(-16, 17, n) / 8).astype(dtype)               # noqa: E731
    ends = lambda n, index: np.concatenate(([0], np.cumsum(n))).astype(index)      # noqa: E731
    column = rng.integers(0, S, count.sum()).astype(np.int32)
    v, row = eighths(S), ends(count, np.int32)
    return v, row, column, eighths(count.sum()), eighths(X), ends(choices, np.int64), 0.5


def backup(draw, rng, dtype=np.float64):
    """Arguments of the kernel mdp.bellman._backup."""
    v, row, column, p, r, pair_ptr, gamma = sweep(draw, rng, dtype)
    first, last = sorted(int(x) for x in rng.integers(0, v.size + 1, 2))
    out = np.zeros(v.size), np.zeros(v.size, np.int64)
    return first, last, v, pair_ptr, row, column, p, r, gamma, *out


def pair_q(draw, rng, dtype=np.float64):
    """Arguments of the kernel mdp.bellman._pair_q."""
    v, row, column, p, r, _, gamma = sweep(draw, rng, dtype)
    first, last = sorted(int(x) for x in rng.integers(0, r.size + 1, 2))
    return first, last, v, row, column, p, r, gamma, np.zeros(r.size)


def take(draw, rng, dtype=np.float64):
    """Arguments of the kernel mdp.bellman._take."""
    _, row, column, p, r, _, _ = sweep(draw, rng, dtype)
    pairs = rng.integers(0, r.size, draw(st.integers(0, 5)) if r.size else 0)
    ptr = np.concatenate(([0], np.cumsum(row[pairs + 1] - row[pairs]))).astype(np.int32)
    return pairs, row, column, p, ptr, np.zeros(ptr[-1], np.int32), np.zeros(ptr[-1], dtype)


def distances(draw, rng, dtype=None):
    """Arguments of the kernel mdp.graph._distances: arrows at random, none to some hundred."""
    S = draw(st.integers(1, 9))
    arrows = sp.csr_matrix(rng.random((S, S)) < draw(st.sampled_from([0.1, 0.3])))
    return arrows.indptr, arrows.indices, rng.random(S) < 0.3


def levels(draw, rng, dtype=None):
    """Arguments of the kernel mdp.graph._levels: arrows to larger numbers only, no cycle."""
    n = draw(st.integers(1, 9))
    before = sp.csr_matrix(np.triu(rng.random((n, n)) < draw(st.sampled_from([0.1, 0.5])), 1))
    return np.bincount(before.indices, minlength=n), before.indptr, before.indices


@st.composite
def transitions(draw, most_states=5, most_actions=3, terminal=None):
    """A random process in the form of `MDP.from_dict`, states 0..S-1.

    There are dead ends, ties, self-loops, duplicate outcomes and thirds among them.
    """
    S, A = draw(st.integers(1, most_states)), draw(st.integers(1, most_actions))
    out = {}
    for s in range(S):
        if terminal is not None:
            ends = s in range(S - terminal, S)
            actions = set() if ends else {0} | draw(st.sets(st.integers(0, A - 1)))
        else:
            actions = draw(st.sets(st.integers(0, A - 1), min_size=0 if s else 1))
        out[s] = {}
        for a in sorted(actions):
            weights = draw(st.lists(st.integers(1, 7), min_size=1, max_size=3))
            out[s][a] = [(Fraction(w, sum(weights)), draw(st.integers(0, S - 1)),
                          Fraction(draw(st.integers(-6, 6)), draw(st.sampled_from([1, 2, 3]))))
                         for w in weights]
    return out


@st.composite
def hard_transitions(draw, kind):
    """A random process of a kind that breaks solvers, in the form of `MDP.from_dict`.

    near_singular   every action mostly stays where it is: with probability up to 1 - 10**-6
    periodic        states in 2 to 4 classes, each action leads from one class to the next
    multichain      two or three parts that nobody leaves, and states from which they are reached
    dead_ends       terminal states and loops without reward, on the way to others
    ties            every action twice, under another name
    """
    process = draw(transitions(most_states=4, most_actions=2))
    S = len(process)
    if kind == "near_singular":
        rest = Fraction(1, 10 ** draw(st.integers(1, 6)))
        return {s: {a: [(p * rest, t, r) for p, t, r in outcomes] + [(1 - rest, s, 0)]
                    for a, outcomes in choices.items()}
                for s, choices in process.items()}
    if kind == "periodic":
        d = draw(st.integers(2, 4))
        each = -(-S // d)
        next_class = lambda s, t: (s + 1) % d + d * (t % each)                     # noqa: E731
        return {s: {a: [(p, next_class(s, t), r) for p, t, r in outcomes]
                    for a, outcomes in (process.get(s) or process[0]).items()}
                for s in range(d * each)}
    if kind == "multichain":
        return _several_parts(draw, process)
    if kind == "dead_ends":
        half = Fraction(1, 2)
        dead = lambda: [(half, S + draw(st.integers(0, 1)), -1)]                   # noqa: E731
        out = {s: {a: [(p * half, t, r) for p, t, r in o] + dead() for a, o in choices.items()}
               for s, choices in process.items()}
        return out | {S: {}, S + 1: {0: [(1, S + 1, 0)]}}
    return {s: {2 * a + i: outcomes for a, outcomes in choices.items() for i in (0, 1)}
            for s, choices in process.items()}


def _several_parts(draw, process):
    """The process and one or two more that nobody leaves, and two states that lead to them."""
    parts = [process] + [draw(transitions(most_states=2, most_actions=2))
                         for _ in range(draw(st.integers(1, 2)))]
    out, first = {}, []
    for part in parts:
        base = len(out)
        first.append(base)
        for s, choices in part.items():
            stay = {0: [(1, base + s, 1)]}       # no terminal states: they stay instead
            moved = {a: [(p, base + t, r) for p, t, r in o] for a, o in choices.items()}
            out[base + s] = moved or stay
    base = len(out)
    for s in (base, base + 1):
        out[s] = {0: [("1/2", t, draw(st.integers(-3, 3))) for t in first[:2]],
                  1: [("1/3", 2 * base + 1 - s, 1), ("2/3", first[-1], -1)]}
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
    return {(s, a): sum((Fraction(p) * (Fraction(r) + gamma * v[t]) for p, t, r in outcomes),
                        Fraction(0))
            for s, choices in process.items() for a, outcomes in choices.items()}


def exact_policy_value(process, policy, gamma):
    """Value of a deterministic policy in Fractions, {s: v}; None if I - gamma P is singular.

    policy   {s: a}, terminal states absent
    """
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
    """The optimal value for gamma < 1, {s: v} in Fractions.

    Howard's iteration; then the Bellman equation is checked exactly.
    """
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
    return all(Fraction(float(lower)) <= exact[s] <= Fraction(float(upper))
               for s, lower, upper in zip(names, solution.lower, solution.upper))


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
    shared = Path(__file__).resolve().parents[1].parent / "shared" / "data"
    folder = Path(os.environ.get("NPIXEL_DATA", shared))
    if not (folder / "mdp" / "anchors.json").exists():
        pytest.skip(f"no reference data at {folder}: set NPIXEL_DATA")
    return folder


def exact_gain(process, policy):
    """(gain, bias) of a deterministic policy {s: a} in Fractions, {s: g} and {s: h}.

    Both are 0 in terminal states. The bias has mean 0 in each recurrent class.
    """
    names = list(process)
    P, r = _chain(process, policy)
    n = len(names)
    reach = _reached(P)
    g, h = [None] * n, [None] * n
    for i in range(n):
        states = [j for j in range(n) if reach[i][j]]
        if g[i] is None and all(reach[j][i] for j in states):              # a recurrent class
            gain, bias = _class_gain(P, r, states)
            for j, x in zip(states, bias):
                g[j], h[j] = gain, x
    rest = [i for i in range(n) if g[i] is None]
    if rest:
        known = [j for j in range(n) if g[j] is not None]
        ahead = lambda i, x: sum((P[i][j] * x[j] for j in known), Fraction(0))     # noqa: E731
        rows = [[_one(a, b) - P[a][b] for b in rest] for a in rest]
        new_g = solve_exactly(rows, [ahead(i, g) for i in rest])
        new_h = solve_exactly(rows, [r[i] - x + ahead(i, h) for i, x in zip(rest, new_g)])
        for i, x, y in zip(rest, new_g, new_h):
            g[i], h[i] = x, y
    return dict(zip(names, g)), dict(zip(names, h))


def _one(i, j):
    return Fraction(int(i == j))


def _chain(process, policy):
    """(P, r) of a deterministic policy {s: a}; terminal states lead to themselves."""
    at = {s: i for i, s in enumerate(process)}
    P, r = [[Fraction(0)] * len(at) for _ in at], [Fraction(0)] * len(at)
    for s, i in at.items():
        for p, t, reward in process[s][policy[s]] if s in policy else [(1, s, 0)]:
            P[i][at[t]] += Fraction(p)
            r[i] += Fraction(p) * Fraction(reward)
    return P, r


def _reached(P):
    """reach[i][j]: whether i leads to j in some number of steps, none included (Warshall)."""
    n = range(len(P))
    reach = [[P[i][j] > 0 or i == j for j in n] for i in n]
    for k in n:
        for i in n:
            if reach[i][k]:
                reach[i] = [x or y for x, y in zip(reach[i], reach[k])]
    return reach


def _class_gain(P, r, states):
    """(gain, biases) of a recurrent class: mu = mu P, gain = mu r; h = r - gain + P h, mu h = 0."""
    rows = [[_one(a, b) - P[b][a] for b in states] for a in states[1:]]
    rows += [[Fraction(1)] * len(states)]
    mu = solve_exactly(rows, [Fraction(0)] * (len(states) - 1) + [Fraction(1)])
    gain = sum(x * r[j] for x, j in zip(mu, states))
    rows = [[_one(a, b) - P[a][b] for b in states] for a in states[1:]] + [mu]
    return gain, solve_exactly(rows, [r[j] - gain for j in states[1:]] + [Fraction(0)])


def kernel_arguments(name, draw, rng):
    """Arguments of the kernels of the sweeping methods, on dyadic numbers.

    Their sums and quotients are exact.
    """
    v, row, column, p, r, pair_ptr, gamma = sweep(draw, rng)
    row, p = row.astype(np.int64), np.abs(p) / 4
    S, X = v.size, r.size
    owner = np.repeat(np.arange(S), np.diff(pair_ptr))
    _make_loops_dyadic(draw, S, owner, row, column, p)
    if name == "gauss_seidel.sweep":
        return v, pair_ptr, row, column, p, r, gamma
    if name == "gauss_seidel.closed_q":
        if X == 0:                               # a pair that leads nowhere
            return 0, 0, 0, v, column, p, 1.0, gamma
        k = int(rng.integers(0, X))
        return row[k], row[k + 1], owner[k], v, column, p, r[k], gamma
    if name == "gauss_seidel._breadth_first":
        return rng.permutation(S)[:draw(st.integers(0, S))].astype(np.int32), pair_ptr, row, column
    if name == "choose._steps_to_half":
        return pair_ptr, row, column, draw(st.integers(0, 4)), 1
    if name.startswith("modified_gauss_seidel."):
        return _modified_arguments(name, rng, (v, row, column, p, r, pair_ptr, gamma))
    if name == "topological._components":
        cuts = np.unique(np.concatenate(([0, S], rng.integers(0, S + 1, 2)))).astype(np.int64)
        return v, cuts, pair_ptr, row, column, p, r, gamma, 0.25, 3
    arrows = [(int(owner[k]), int(column[j])) for k in range(X) for j in range(row[k], row[k + 1])]
    before = [sorted({s for s, t in arrows if t == after}) for after in range(S)]
    ends = np.concatenate(([0], np.cumsum([len(b) for b in before]))).astype(np.int64)
    flat = np.array([t for b in before for t in b], np.int32)
    return v, pair_ptr, row, column, p, r, gamma, ends, flat, 0.125, 6


def _make_loops_dyadic(draw, S, owner, row, column, p):
    """Change loops from a state to itself in place, so that 1 - gamma * loop is 1 or 1/2."""
    for k in range(owner.size):
        for j in range(row[k], row[k + 1]):
            if column[j] == owner[k]:
                p[j] = draw(st.sampled_from([0.0, 1.0]))
                column[j] = column[j] if p[j] else (column[j] + 1) % S if S > 1 else column[j]
                if any(column[i] == owner[k] for i in range(row[k], j)):
                    p[j] = 0.0


def _modified_arguments(name, rng, process):
    """Arguments of the kernels of modified_gauss_seidel.py."""
    v, row, column, p, r, pair_ptr, gamma = process
    S = v.size
    visit = rng.permutation(S).astype(np.int32)
    pairs = np.array([rng.integers(*ends) if ends[0] < ends[1] else -1
                      for ends in zip(pair_ptr[:-1], pair_ptr[1:])], np.int32)
    entries = int((row[pairs + 1] - row[pairs])[pairs >= 0].sum())
    row_of, column_of = np.zeros(S + 1, np.int32), np.zeros(entries, np.int32)
    chain = row_of, column_of, np.zeros(entries), np.zeros(S)
    if name.endswith("_sweep"):
        return v, visit, pair_ptr, row, column, p, r, gamma, np.zeros(S, np.int32)
    if name.endswith("_size"):
        return pairs, row
    if name.endswith("_close"):
        place = np.argsort(visit).astype(np.int32)
        return visit, place, pairs, row, column, p, r, gamma, *chain
    first = np.sort(rng.integers(0, column.size + 1, S + 1))
    return v, first, column, p, v / 2, 2, 0.125


def qvbs_models():
    """Names of the verification benchmarks in the reference data; empty where it is absent."""
    shared = Path(__file__).resolve().parents[1].parent / "shared" / "data"
    index = Path(os.environ.get("NPIXEL_DATA", shared)) / "mdp" / "qvbs" / "qvbs.json"
    return sorted(json.loads(index.read_text())["models"]) if index.exists() else []


def qvbs_questions(name):
    """(process, goal or None, options of solve, initial state, published value) for each property.

    name   of a benchmark model
    """
    folder = data_folder() / "mdp" / "qvbs"
    model = json.loads((folder / "qvbs.json").read_text())["models"][name]
    z = np.load(folder / model["file"])
    start, trans, S = z["choice_start"], z["trans_start"], model["states"]
    X = int(start[-1])
    state = np.repeat(np.arange(S), np.diff(start))
    action = np.arange(X) - start[state]

    def exact(num, den):
        return np.array([Fraction(int(a), int(b)) for a, b in zip(num, den)], object)

    p = exact(z["num"], z["den"])
    pair = np.repeat(np.arange(X), np.diff(trans))
    at = int(z["initial"])
    for question in model["properties"]:
        target = z[question["target"]]
        options = {"minimize": question["opt"] == "min"}
        rewards = np.zeros(X, object) + Fraction(0)
        if question["kind"] == "expected_total_reward":
            rewards = exact(z[question["reward"] + "_num"], z[question["reward"] + "_den"])
        outcomes = from_lists(S, int(action.max()) + 1, state, action, pair, z["col"],
                              p.astype(float), rewards[pair].astype(float), p, rewards[pair])
        m = mdp.MDP.from_outcomes(outcomes, 1, initial=at)
        goal = None
        if question["kind"] == "expected_total_reward":
            goal, options["miss"] = target, np.inf
        else:
            stay = "stay__" + question["name"]
            m = mdp.transforms.reachability(m, target, stay=z[stay] if stay in z else None)
        value = Fraction(int(question["value_num"]), int(question["value_den"]))
        if goal is None and target[at]:
            value -= 1                           # the target is reached at the start
        yield m, goal, options, at, value
