"""Planning: our methods beside QuantEcon's, the exact solver, and a sweep beside what the memory can deliver.

    grid      n x n cells, slip 0.8 / 0.1 / 0.1, -1 per step, walls, a goal in the far corner: news travels far
    garnet    every pair leads to b states drawn at random: everything is near everything
    dense     every pair leads everywhere

Values are compared before anything is timed; ours come with bounds 1e-6 apart, QuantEcon's with its own rule epsilon = 1e-6.
"""

import numpy as np
import scipy.sparse as sp

from .row import Call, Implementation, Row, Target

NAME = "mdp"
TITLE = "Markov decision processes: certified values, exact values, one sweep"


def grid(n, gamma):
    """The slippery grid, as an MDP."""
    import mdp
    rng = np.random.default_rng(0)
    walls = rng.random((n, n)) < 0.2
    walls[0, 0] = walls[-1, -1] = False
    index = np.arange(n * n).reshape(n, n)
    r, c = np.meshgrid(np.arange(n), np.arange(n), indexing="ij")

    def move(dr, dc):
        to = np.clip(r + dr, 0, n - 1), np.clip(c + dc, 0, n - 1)
        return np.where(walls | walls[to], index, index[to]).ravel()

    north, east, south, west = move(-1, 0), move(0, 1), move(1, 0), move(0, -1)
    columns = np.empty((n * n, 4, 3), np.int64)
    for a, to in enumerate([(north, east, west), (east, north, south), (south, east, west), (west, north, south)]):
        columns[:, a] = np.stack(to, axis=1)
    stay = walls.ravel().copy()
    stay[-1] = True
    columns[stay] = np.arange(n * n)[stay][:, None, None]
    P = sp.csr_matrix((np.tile([0.8, 0.1, 0.1], 4 * n * n), columns.ravel(), np.arange(0, 12 * n * n + 1, 3)), shape=(4 * n * n, n * n))
    P.sum_duplicates()
    return mdp.MDP(P, np.where(stay[:, None], 0.0, -1.0) * np.ones((1, 4)), gamma)


def garnet(S, A, b, gamma):
    """A random sparse process, as an MDP."""
    import mdp
    rng = np.random.default_rng(0)
    p = rng.random((S * A, b))
    p /= p.sum(axis=1, keepdims=True)
    P = sp.csr_matrix((p.ravel(), rng.integers(0, S, S * A * b), np.arange(0, S * A * b + 1, b)), shape=(S * A, S))
    P.sum_duplicates()
    return mdp.MDP(P, rng.integers(-10, 11, (S, A)).astype(float), gamma)


def dense(S, A, gamma):
    """A random full process with skewed rows, as an MDP."""
    import mdp
    rng = np.random.default_rng(0)
    P = rng.random((S, A, S)) ** 40
    P /= P.sum(axis=2, keepdims=True)
    return mdp.MDP(P, np.repeat(rng.random((S, 1)), A, axis=1), gamma)


def exact_garnet(S, A, b, gamma):
    """A random sparse process whose probabilities are hundredths."""
    import mdp
    rng = np.random.default_rng(0)
    w = rng.multinomial(100, np.ones(b) / b, size=(S, A))
    return mdp.MDP.from_dict({s: {a: [(f"{x}/100", int(t), int(r)) for x, t in zip(w[s, a], rng.choice(S, b, replace=False)) if x for r in [rewards[a]]]
                                  for a in range(A)} for s in range(S) for rewards in [rng.integers(-10, 11, A)]}, gamma)


MODELS = {"grid": grid, "garnet": garnet, "dense": dense, "exact": exact_garnet}


def ours(model, arguments, method="auto"):
    """mdp.solve: bounds 1e-6 apart, rounding included."""
    import mdp
    m = MODELS[model](*arguments)
    _ = m.expected
    mdp.solve(MODELS[model](*((20, arguments[1]) if model == "grid" else (500, 2, *arguments[2:]))), method=method if method != "auto" else "gauss_seidel" if model == "grid" else "modified_policy_iteration")
    return Call(lambda: mdp.solve(m, method=method, tol=1e-6), lambda s: {"v": s.v})


def quantecon(model, arguments, method="mpi"):
    """QuantEcon's DiscreteDP, pair form (product form where the matrix is full)."""
    import mdp
    from quantecon.markov import DiscreteDP
    m = MODELS[model](*arguments)
    if model == "dense":
        P, R = m.dense()
        problem = DiscreteDP(R, P, m.gamma)
    else:
        R, Q, beta, s, a = mdp.to_quantecon(m)
        problem = DiscreteDP(R, Q, beta, s, a)
    problem.solve(method=method, max_iter=1)
    return Call(lambda: problem.solve(method=method, epsilon=1e-6, max_iter=100_000), lambda result: {"v": result.v})


def exactly(arguments):
    """mdp.solve_exact: fractions and a certificate."""
    import mdp
    m = exact_garnet(*arguments)
    mdp.solve_exact(exact_garnet(20, 2, 3, "19/20"))
    return Call(lambda: mdp.solve_exact(m), lambda s: {"v": s.v.astype(float)})


def in_floats(arguments):
    """The same process in floats, for the ratio."""
    import mdp
    m = exact_garnet(*arguments)
    _ = m.expected
    return Call(lambda: mdp.solve(m), lambda s: {"v": s.v})


def one_sweep(arguments, which):
    """T v of a grid of a million states: the compiled loops, or NumPy and SciPy."""
    from mdp.planning import value_iteration
    e = grid(*arguments).expected
    v = np.random.default_rng(0).standard_normal(e.P.shape[1])
    function = getattr(value_iteration, which)
    return Call(lambda: function(v, e.P.indptr, e.P.indices, e.P.data, e.r, e.pair_ptr, e.gamma), lambda v: {"v": v})


def kernel_call(name, arguments, which):
    """One call of a sweeping method's loops on a grid; the definitions on a small one."""
    import importlib

    from mdp.planning import gauss_seidel, iterate
    from npixel.kernels import PAIRS
    importlib.import_module(name.rsplit(".", 1)[0])
    pair = next(pair for pair in PAIRS if pair.name == name)
    e = grid(*arguments).expected
    v, S = iterate.start(e), e.P.shape[1]
    ptr, row, column, p, r = gauss_seidel.renumbered(e, np.arange(S))
    function = pair.compiled if which == "compiled" else pair.definition
    if name.endswith("_components"):
        call = lambda: function(v.copy(), np.array([0, S]), ptr, row, column, p, r, e.gamma, 0.0, 1)         # noqa: E731
    elif name.endswith("_batch"):
        owner = np.repeat(e.owner, np.diff(e.P.indptr))
        before = sp.csr_matrix((np.ones(owner.size), (column, owner)), shape=(S, S))
        before.sum_duplicates()
        call = lambda: function(v.copy(), ptr, row, column, p, r, e.gamma, before.indptr.astype(np.int64), before.indices, 0.5, 20)      # noqa: E731
    else:
        call = lambda: function(v.copy(), ptr, row, column, p, r, e.gamma)                                   # noqa: E731
    call()
    return Call(call, lambda result: {"result": np.atleast_1d(result[0] if isinstance(result, tuple) else result)})


def modular(n, which):
    """LU factors of a random matrix modulo a prime."""
    from mdp import lifting
    M = np.random.default_rng(0).integers(0, lifting.PRIMES[0], (n, n))
    lu, solve = (lifting._lu_mod, lifting._solve_mod) if which == "compiled" else (lifting._lu_mod_numpy, lifting._solve_mod_numpy)

    def run():
        A, order = M.copy(), np.arange(n)
        lu(A, order, lifting.PRIMES[0])
        return solve(A, order, np.arange(n), lifting.PRIMES[0])
    run()
    return Call(run, lambda x: {"x": x.astype(float)})


def _against_quantecon(name, model, arguments, ratio, quick=False, note=""):
    return Row(name=name, call="mdp.solve", shapes=f"{model}{arguments}", dtype="float64", tolerance=1e-5, arguments={"model": model, "arguments": arguments},
               implementations=(Implementation("auto", ours), Implementation("QuantEcon mpi", quantecon, "peer", "QuantEcon", requires=("quantecon",))),
               targets=(Target("QuantEcon", ratio),), quick=quick, note=note)


def _kernel_row(name):
    full = f"mdp.planning.{name}"
    return Row(name=f"kernel {name}", call=full, shapes="grid(40, 0.99)", dtype="float64", tolerance=1e-12, arguments={"name": full, "arguments": (40, 0.99)},
               implementations=(Implementation("compiled", kernel_call, arguments={"which": "compiled"}), Implementation("definition", kernel_call, "definition", arguments={"which": "definition"})),
               kernels=(full,))


ROWS = (
    _against_quantecon("grid 316 gamma 0.999", "grid", (316, 0.999), 10.0, note="the LU of policy iteration and MPI need thousands of sweeps here; ordered sweeps 135"),
    _against_quantecon("grid 1000 gamma 0.99", "grid", (1000, 0.99), 2.0),
    _against_quantecon("grid 100 gamma 0.99", "grid", (100, 0.99), 1.0, quick=True),
    _against_quantecon("garnet 1e5 gamma 0.99", "garnet", (100_000, 4, 5, 0.99), 1.0),
    _against_quantecon("garnet 1e5 gamma 0.999", "garnet", (100_000, 4, 5, 0.999), 1.0),
    _against_quantecon("dense 2000 gamma 0.99", "dense", (2000, 10, 0.99), 1 / 1.2, note="CSR rows carry an index beside every number; QuantEcon multiplies a full matrix"),
    Row(name="exact garnet 1000", call="mdp.solve_exact", shapes="S = 1000, A = 4, b = 5, gamma 19/20", dtype="fractions", tolerance=1e-9, arguments={"arguments": (1000, 4, 5, "19/20")},
        implementations=(Implementation("exact", exactly), Implementation("floats", in_floats, "definition")), note="a denominator of about 10,650 bits; to stay under 10 s"),
    Row(name="sweep 1e6 states", call="value_iteration._sweep", shapes="grid(1000, 0.99)", dtype="float64", tolerance=1e-12, arguments={"arguments": (1000, 0.99)},
        implementations=(Implementation("compiled", one_sweep, arguments={"which": "_sweep"}), Implementation("definition", one_sweep, "definition", arguments={"which": "_sweep_numpy"})),
        bytes=12.0 * 10_000_000 + 8 * 4_000_000 + 24 * 1_000_000),
    *(_kernel_row(name) for name in ("gauss_seidel._sweep", "modified_policy_iteration._improve", "topological._components", "prioritized_sweeping._batch")),
    Row(name="kernel lifting", call="lifting._lu_mod, _solve_mod", shapes="n = 100", dtype="int64", tolerance=0.0, arguments={"n": 100},
        implementations=(Implementation("compiled", modular, arguments={"which": "compiled"}), Implementation("definition", modular, "definition", arguments={"which": "definition"})),
        kernels=("mdp.lifting._lu_mod", "mdp.lifting._solve_mod")),
)
