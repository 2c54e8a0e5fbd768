"""Planning: our methods beside those of QuantEcon, mdpsolver and Storm, and a sweep alone.

    grid      n x n cells, slip 0.8 / 0.1 / 0.1, -1 per step, walls, a goal in the far corner: news
              travels far
    garnet    every pair leads to b states drawn at random: everything is near everything
    queues    n queues of up to c customers, one server: which queue to serve, each waiting customer
              costs
    dense     every pair leads everywhere

Values are compared before anything is timed. Ours come with bounds 1e-6 apart, QuantEcon's with its
own rule epsilon = 1e-6. Storm (stormpy) solves the exact process, with the discount written as a
probability to end. Its fractions are compared as residues modulo a prime. A peer that needs many
seconds is timed in few rounds; the interval is then the range of the ratios. A sweep is held
against what the memory can deliver.

Read first: row.py, mdp/planning/solve.py.  Read next: generation.py.
"""

from fractions import Fraction

import numpy as np
import scipy.sparse as sp

from .row import Call, Implementation, Row, Target

NAME = "mdp"
TITLE = "Markov decision processes: certified values, exact values, one sweep"
PRIME = 2**31 - 1


def _tiny(arguments):
    """A row's `arguments`, with as few states as show that it runs."""
    *size, gamma = arguments["arguments"]
    exact = isinstance(gamma, str)
    model = "garnet" if exact else arguments.get("model", "grid")
    return (*SMALLEST[model], gamma)


COMPILED = 210                                         # side of a grid, solved once for compiling
SMALLEST = {"grid": (12,), "garnet": (60, 2, 3), "queues": (2, 3), "dense": (20, 2)}
TINY = {"COMPILED": 12, "SMALL": SMALLEST}
TINY_ARGUMENTS = {"arguments": _tiny, "n": 8}


def grid_arrays(n):
    """The slippery grid: (P (S*4, S) CSR, R (S, 4))."""
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
    for a, to in enumerate([(north, east, west), (east, north, south), (south, east, west),
                            (west, north, south)]):
        columns[:, a] = np.stack(to, axis=1)
    stay = walls.ravel().copy()
    stay[-1] = True
    columns[stay] = np.arange(n * n)[stay][:, None, None]
    P = sp.csr_matrix((np.tile([0.8, 0.1, 0.1], 4 * n * n), columns.ravel(),
                       np.arange(0, 12 * n * n + 1, 3)), shape=(4 * n * n, n * n))
    P.sum_duplicates()
    return P, np.where(stay[:, None], 0.0, -1.0) * np.ones((1, 4))


def grid(n, gamma):
    """The slippery grid, as an MDP."""
    import mdp
    return mdp.MDP(*grid_arrays(n), gamma)


def garnet(S, A, b, gamma):
    """A random sparse process, as an MDP."""
    import mdp
    rng = np.random.default_rng(0)
    p = rng.random((S * A, b))
    p /= p.sum(axis=1, keepdims=True)
    P = sp.csr_matrix((p.ravel(), rng.integers(0, S, S * A * b), np.arange(0, S * A * b + 1, b)),
                      shape=(S * A, S))
    P.sum_duplicates()
    return mdp.MDP(P, rng.integers(-10, 11, (S, A)).astype(float), gamma)


def queues(n, c, gamma):
    """n queues of up to c customers and one server, as an MDP.

    In a step of uniformised time a customer arrives at some queue, or the queue chosen is served.
    """
    import mdp
    S, rng = (c + 1) ** n, np.random.default_rng(0)
    length = np.stack(np.unravel_index(np.arange(S), (c + 1,) * n))      # (n, S)
    arrival = rng.random(n) + 0.5
    service = rng.random(n) + n
    total = arrival.sum() + service.max()
    # by how much the number of the state grows with each queue
    place = (c + 1) ** np.arange(n)[::-1]
    columns, p = np.empty((S, n, n + 2), np.int64), np.empty((S, n, n + 2))
    for a in range(n):
        columns[:, a, :n] = np.arange(S)[:, None] + np.where(length < c, place[:, None], 0).T
        columns[:, a, n], columns[:, a, n + 1] = np.arange(S) - np.where(length[a] > 0, place[a],
                                                                         0), np.arange(S)
        p[:, a, :n], p[:, a, n] = arrival / total, service[a] / total
        p[:, a, n + 1] = 1 - p[:, a, :n + 1].sum(axis=1)
    P = sp.csr_matrix((p.ravel(), columns.ravel(), np.arange(0, p.size + 1, n + 2)),
                      shape=(S * n, S))
    P.sum_duplicates()
    cost = length.T @ rng.integers(1, 6, n)
    return mdp.MDP(P, -np.repeat(cost[:, None], n, axis=1).astype(float), gamma)


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
    return mdp.MDP.from_dict({s: {a: [(f"{x}/100", int(t), int(r))
                                      for x, t in zip(w[s, a], rng.choice(S, b, replace=False)) if x
                                      for r in [rewards[a]]]
                                  for a in range(A)} for s in range(S)
                                  for rewards in [rng.integers(-10, 11, A)]}, gamma)


MODELS = {"grid": grid, "garnet": garnet, "queues": queues, "dense": dense}
# the same kernels, for compiling
SMALL = {"grid": (80,), "garnet": (3000, 2, 3), "queues": (3, 15), "dense": (450, 2)}


APART = 1e-6  # how far apart the bounds may be, whatever the values are


def ours(model, arguments, method="auto"):
    """mdp.solve: bounds 1e-6 apart, rounding included.

    `tol` counts in units of the largest value, so it is divided by that, which a first solution
    finds before the clock runs.
    """
    import mdp
    mdp.solve(MODELS[model](*SMALL[model], arguments[-1]), method=method, tol=APART)
    m = MODELS[model](*arguments)
    tol = APART / max(1.0, np.abs(mdp.solve(m, tol=APART).v).max())
    return Call(lambda: mdp.solve(m, method=method, tol=tol), _within)


def _within(s):
    """The values of a solution.   ValueError if its bounds are farther apart than APART"""
    if not s.width <= APART * (1 + 1e-9):
        raise ValueError(f"the bounds are {s.width:.3g} apart, more than {APART:g}")
    return {"v": s.v}


def quantecon(model, arguments, method="mpi", k=20):
    """QuantEcon's DiscreteDP, pair form (product form where the matrix is full)."""
    import mdp
    from quantecon.markov import DiscreteDP
    m = MODELS[model](*arguments)
    if model == "dense":
        P, R = m.dense()
        problem = DiscreteDP(R, P, m.gamma)
    else:
        problem = DiscreteDP(*mdp.to_quantecon(m))
    del m
    options = {} if method == "pi" else {"epsilon": 1e-6, "max_iter": 100_000, "k": k}
    problem.solve(method=method, max_iter=1)
    return Call(lambda: problem.solve(method=method, **options), lambda result: {"v": result.v})


def mdpsolver(model, arguments):
    """mdpsolver, its fastest here: modified policy iteration with Gauss-Seidel sweeps."""
    import mdpsolver as peer
    m = MODELS[model](*arguments)
    e, S, A = m.expected, m.num_states, m.num_actions
    ptr = e.P.indptr
    def rows(x):
        return [[x[ptr[k]:ptr[k + 1]].tolist() for k in range(s * A, (s + 1) * A)]
                for s in range(S)]

    lists = {"discount": m.gamma, "rewards": e.r.reshape(S, A).tolist(),
             "tranMatProbs": rows(e.P.data), "tranMatColumns": rows(e.P.indices)}

    def solve():
        problem = peer.model()  # a new one: an old one begins with its last solution
        problem.mdp(**lists)
        problem.solve(algorithm="mpi", update="gs", tolerance=1e-6)
        return problem
    return Call(solve, lambda problem: {"v": np.array(problem.getValueVector())})


def from_arrays(arguments):
    """The whole way: from the caller's CSR matrix to the values."""
    import mdp
    tol = APART * (1 - arguments[1])         # no value is above 1 / (1 - gamma)
    mdp.solve(grid(COMPILED, arguments[1]), method="modified_gauss_seidel", tol=tol)
    P, R = grid_arrays(arguments[0])
    return Call(lambda: mdp.solve(mdp.MDP(P, R, arguments[1]), tol=tol), _within)


def quantecon_from_arrays(arguments):
    """The same way in QuantEcon."""
    from quantecon.markov import DiscreteDP

    def problem(n):
        P, R = grid_arrays(n)
        state, action = np.repeat(np.arange(n * n), 4), np.tile(np.arange(4), n * n)
        return lambda **options: DiscreteDP(R.ravel(), P, arguments[1], state,
                                            action).solve(method="mpi", epsilon=1e-6, **options)
    problem(20)(max_iter=1)
    solve = problem(arguments[0])
    return Call(lambda: solve(max_iter=100_000), lambda result: {"v": result.v})


def certificate(arguments, which):
    """What certify costs, beside three Jacobi sweeps.

    It must prove 99 of 100 actions that are not tied to be suboptimal, or the row fails.
    """
    import mdp
    m = grid(*arguments)
    s = mdp.solve(m, tol=APART * (1 - m.gamma))
    if which == "sweeps":
        return Call(lambda: [mdp.bellman.backup(m.expected, s.v) for _ in range(3)], lambda _: {})
    worse = s.q < s.q.max(axis=1, keepdims=True) - 1e-6
    proved = (mdp.certify(m, s.v).suboptimal & worse).sum() / worse.sum()
    if proved < 0.99:
        raise ValueError(f"certify proves {100 * proved:.1f} % of the actions that are not tied to "
                         "be suboptimal, expected 99 %")
    return Call(lambda: mdp.certify(m, s.v), lambda _: {})


def exactly(arguments):
    """mdp.solve_exact: fractions and a certificate."""
    import mdp
    m = exact_garnet(*arguments)
    mdp.solve_exact(exact_garnet(20, 2, 3, "19/20"))
    return Call(lambda: mdp.solve_exact(m), lambda s: fingerprints(s.v))


def fingerprints(v):
    """Fractions as floats, and as residues modulo a prime.

    Two fractions that differ have the same residue once in two billion times.
    """
    return {"v": np.array([float(x) for x in v]),
            "residues": np.array([x.numerator * pow(x.denominator, -1, PRIME) % PRIME for x in v],
                                 float)}


def storm(arguments):
    """Storm's exact engine.

    It knows no discount: each step ends the process with probability 1 - gamma, and rewards are
    shifted to be positive.
    """
    import os
    import tempfile

    import stormpy
    m = exact_garnet(*arguments)
    gamma, shift = m.exact_gamma, Fraction(10)
    reward = m.exact_reward[m.outcome_ptr[:-1]]                          # one for each pair
    lines = ["@type: MDP", "@value_type: rational", "@parameters", "", "@reward_models", "r",
             "@nr_states", str(m.num_states + 1), "@nr_choices", str(m.num_pairs + 1), "@model"]
    for s in range(m.num_states):
        lines.append(f"state {s} [0]" + (" init" if s == 0 else ""))
        for k in range(m.pair_ptr[s], m.pair_ptr[s + 1]):
            lines.append(f"\taction {m.pair_action[k]} [{reward[k] + shift}]")
            lines += [f"\t\t{m.next[j]} : {gamma * m.exact_probability[j]}"
                      for j in sorted(range(m.outcome_ptr[k], m.outcome_ptr[k + 1]),
                                      key=lambda j: m.next[j])]
            lines.append(f"\t\t{m.num_states} : {1 - gamma}")
    lines += [f"state {m.num_states} [0] end", "\taction 0 [0]", f"\t\t{m.num_states} : 1"]
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "m.drn")
        with open(path, "w") as file:
            file.write("\n".join(lines) + "\n")
        if hasattr(stormpy.build_model_from_drn, "__getitem__"):
            model = stormpy.build_model_from_drn[stormpy.Rational](path)
        else:
            model = stormpy.build_parametric_model_from_drn(path)
    question = stormpy.parse_properties('R{"r"}max=? [F "end"]')[0]
    def read(result):
        return [Fraction(str(result.get_value(s))) - shift / (1 - gamma)
                for s in range(m.num_states)]

    return Call(lambda: stormpy.model_checking(model, question,
                                               environment=stormpy.environments.exact()),
                                               lambda result: fingerprints(read(result)))


def in_floats(arguments):
    """The same process in floats, for the ratio."""
    import mdp
    m = exact_garnet(*arguments)
    _ = m.expected
    return Call(lambda: mdp.solve(m), lambda s: {"v": s.v})


def one_sweep(arguments, which):
    """T v of a grid of a million states: the compiled loops over all threads, or NumPy and SciPy.
    """
    from mdp import bellman
    e = grid(*arguments).expected
    v = np.random.default_rng(0).standard_normal(e.P.shape[1])
    bellman.backup(e, v)
    return Call((lambda: bellman.backup(e, v)[0])
                if which == "compiled" else lambda: bellman.pair_max(e, e.r + e.gamma * (e.P @ v)),
                lambda v: {"v": v})


def kernel_call(name, arguments, which):
    """One call of the loops of a method on a grid, which is small since the definitions are slow.
    """
    import importlib

    from mdp import bellman
    from mdp.planning import iterate
    from npixel.runtime.kernels import PAIRS
    importlib.import_module(name.rsplit(".", 1)[0])
    pair = next(pair for pair in PAIRS if pair.name == name)
    e = grid(*arguments).expected
    S, X = e.P.shape[1], e.r.size
    # so that no two actions tie but equal ones
    v = iterate.start(e) + np.random.default_rng(0).standard_normal(S)
    ptr, row, column, p, r = e.pair_ptr, *e.rows, e.r
    owner = np.repeat(e.owner, np.diff(e.P.indptr))
    before = sp.csr_matrix((np.ones(owner.size), (e.P.indices, owner)), shape=(S, S))
    before.sum_duplicates()
    pairs, visit = bellman.backup(e, v)[1], np.arange(S, dtype=np.int32)
    chain = bellman.follow(e, pairs).rows
    make = {"bellman._backup": lambda: (0, S, v, ptr, row, column, p, r, e.gamma, np.empty(S),
                                        np.empty(S, np.int64)),
            "bellman._pair_q": lambda: (0, X, v, row, column, p, r, e.gamma, np.empty(X)),
            "bellman._take": lambda: (pairs, row, column, p, chain[0], chain[1].copy(),
                                      chain[2].copy()),
            "graph._distances": lambda: (before.indptr, before.indices, np.arange(S) == 0),
            "graph._levels": lambda: (np.minimum(np.arange(S), 1),                # a chain
                                      np.minimum(np.arange(S + 1), S - 1), np.arange(1, S)),
            "gauss_seidel.sweep": lambda: (v.copy(), ptr, row, column, p, r, e.gamma),
            "gauss_seidel._breadth_first": lambda: (np.array([S - 1], np.int32), ptr, row, column),
            "choose._steps_to_half": lambda: (ptr, row, column, 20, 989),
            "modified_gauss_seidel._sweep": lambda: (v.copy(), visit, ptr, row, column, p, r,
                                                     e.gamma, np.empty(S, np.int32)),
            "modified_gauss_seidel._size": lambda: (pairs, row),
            "modified_gauss_seidel._close": lambda: (visit, visit, pairs, row, column, p, r,
                                                     e.gamma, *(x.copy() for x in chain),
                                                     np.empty(S)),
            "modified_gauss_seidel._settle": lambda: (v.copy(), *chain, v / 2, 3, 0.0),
            "topological._components": lambda: (v.copy(), np.array([0, S]), ptr, row, column, p, r,
                                                e.gamma, 0.0, 1),
            "prioritized_sweeping._batch": lambda: (v.copy(), ptr, row, column, p, r, e.gamma,
                                                    before.indptr.astype(np.int64), before.indices,
                                                    0.5, 20)}[
                name.removeprefix("mdp.").removeprefix("planning.")]
    function = pair.compiled if which == "compiled" else pair.define

    def call():
        arguments = make()
        result = function(*arguments)
        # written in place, or returned
        return [x for x in (result, *arguments) if isinstance(x, np.ndarray)]
    call()
    return Call(call, lambda result: {str(i): x for i, x in enumerate(result)})


def modular(n, which):
    """LU factors of a random matrix modulo a prime."""
    from mdp import lifting
    M = np.random.default_rng(0).integers(0, lifting.PRIMES[0], (n, n))
    lu, solve = lifting._lu_mod_numpy, lifting._solve_mod_numpy
    if which == "compiled":
        lu, solve = lifting._lu_mod, lifting._solve_mod

    def run():
        A, order = M.copy(), np.arange(n)
        lu(A, order, lifting.PRIMES[0])
        return solve(A, order, np.arange(n), lifting.PRIMES[0])
    run()
    return Call(run, lambda x: {"x": x.astype(float)})


def _against_quantecon(name, model, arguments, ratio, *, k=(20, 100), others=(), targets=(),
                       rounds=0, quick=False, note=""):
    peers = tuple(Implementation(f"QuantEcon mpi, k = {n}", quantecon, "peer", "QuantEcon",
                                 arguments={"k": n}, requires=("quantecon",)) for n in k)
    return Row(name=name, call="mdp.solve", shapes=f"{model}{arguments}", dtype="float64",
               tolerance=1e-5, arguments={"model": model, "arguments": arguments},
               implementations=(Implementation("auto", ours), *peers, *others),
               targets=(Target("QuantEcon", ratio), *targets), rounds=rounds, quick=quick,
               note=note)


def _choice_row(name, model, arguments, *methods):
    """What "auto" takes beside what it might have taken."""
    return Row(name=f"auto, {name}", call="mdp.solve", shapes=f"{model}{arguments}",
               dtype="float64", tolerance=1e-5, arguments={"model": model, "arguments": arguments},
               implementations=(Implementation("auto", ours),
                                *(Implementation(method, ours, "definition", "the others",
                                                 arguments={"method": method})
                                                 for method in methods)),
               targets=(Target("the others", 0.9),), rounds=4)


def _kernel_row(name):
    full = f"mdp.{name}"
    return Row(name=f"kernel {name.removeprefix('planning.')}", call=full, shapes="grid(40, 0.99)",
               dtype="float64", tolerance=1e-12, arguments={"name": full, "arguments": (40, 0.99)},
               implementations=(Implementation("compiled", kernel_call,
                                               arguments={"which": "compiled"}),
                                               Implementation("definition", kernel_call,
                                                              "definition",
                                                              arguments={"which": "definition"})),
               kernels=(full,), rounds=3)


MDPSOLVER = Implementation("mdpsolver mpi gs", mdpsolver, "peer", "mdpsolver",
                           requires=("mdpsolver",))
CSR = 12 * 10_037_640 + 4 * 4_000_001            # bytes of the CSR arrays of grid(1000)
WHICH = {"compiled": {"which": "compiled"}, "definition": {"which": "definition"}}

ROWS = (
    _against_quantecon("grid 100 gamma 0.99", "grid", (100, 0.99), 2.0, quick=True),
    _against_quantecon("grid 316 gamma 0.999", "grid", (316, 0.999), 10.0, k=(20,),
                       others=(MDPSOLVER,), targets=(Target("mdpsolver", 20.0),), rounds=1,
                       note="one round, since the peers take so long"),
    Row(name="grid 1000 gamma 0.99", call="MDP(P, R, gamma), mdp.solve", shapes="P (4e6, 1e6) CSR",
        dtype="float64", tolerance=1e-5, arguments={"arguments": (1000, 0.99)},
        implementations=(Implementation("auto", from_arrays),
                         Implementation("QuantEcon mpi", quantecon_from_arrays, "peer", "QuantEcon",
                                        requires=("quantecon",))),
        targets=(Target("QuantEcon", 2.0),), rounds=1, storage=CSR,
        note="memory: what is added to the caller's own P, as a multiple of its CSR arrays; one "
             "round"),
    _against_quantecon("garnet 1e5 gamma 0.99", "garnet", (100_000, 4, 5, 0.99), 1.0, quick=True),
    _against_quantecon("garnet 1e5 gamma 0.999", "garnet", (100_000, 4, 5, 0.999), 1.0),
    _against_quantecon("queues 1e5 gamma 0.99", "queues", (4, 17, 0.99), 1.0),
    _against_quantecon("queues 1e5 gamma 0.999", "queues", (4, 17, 0.999), 1.0, rounds=3),
    _against_quantecon("dense 2000 gamma 0.99", "dense", (2000, 10, 0.99), 1 / 1.2,
                       note="both multiply a full matrix of 320 MB a few times"),
    Row(name="policy iteration, grid 100", call="mdp.solve(method=\"policy_iteration\")",
        shapes="grid(100, 0.99)", dtype="float64", tolerance=1e-5,
        arguments={"model": "grid", "arguments": (100, 0.99)},
        implementations=(Implementation("policy_iteration", ours,
                                        arguments={"method": "policy_iteration"}),
                         Implementation("QuantEcon pi", quantecon, "peer",
                                        arguments={"method": "pi"}, requires=("quantecon",))),
        targets=(Target("QuantEcon pi", 10.0),), rounds=2,
        note="QuantEcon goes round between two policies that tie, until its limit of 250"),
    _choice_row("grid 100", "grid", (100, 0.99), "modified_policy_iteration", "policy_iteration",
                "anderson"),
    _choice_row("garnet 1e5", "garnet", (100_000, 4, 5, 0.99), "modified_gauss_seidel", "anderson"),
    _choice_row("queues 1e5", "queues", (4, 17, 0.99), "modified_policy_iteration", "anderson"),
    Row(name="certificate, grid 316", call="mdp.certify", shapes="grid(316, 0.999)",
        dtype="float64", arguments={"arguments": (316, 0.999)},
        implementations=(Implementation("certify", certificate, arguments={"which": "certify"}),
                         Implementation("three sweeps", certificate, "definition",
                                        arguments={"which": "sweeps"}, compared=False)),
        targets=(Target("three sweeps", 1.0),),
        note="at least 99 % of the actions that are not tied are proved suboptimal, or the row "
             "fails"),
    Row(name="exact garnet 100", call="mdp.solve_exact",
        shapes="S = 100, A = 4, b = 5, gamma 19/20", dtype="fractions", tolerance=1e-12,
        arguments={"arguments": (100, 4, 5, "19/20")},
        implementations=(Implementation("exact", exactly),
                         Implementation("Storm exact", storm, "peer", "Storm",
                                        requires=("stormpy",))),
        targets=(Target("Storm", 20.0),), rounds=3, quick=True,
        note="the same fractions, compared as residues"),
    Row(name="exact garnet 1000", call="mdp.solve_exact",
        shapes="S = 1000, A = 4, b = 5, gamma 19/20", dtype="fractions", tolerance=1e-9,
        arguments={"arguments": (1000, 4, 5, "19/20")},
        implementations=(Implementation("exact", exactly),
                         Implementation("floats", in_floats, "definition", compared=False)),
                         rounds=2, note="a denominator of about 10,650 bits; to stay under 10 s"),
    Row(name="sweep 1e6 states", call="bellman.backup", shapes="grid(1000, 0.99)", dtype="float64",
        tolerance=1e-12, arguments={"arguments": (1000, 0.99)},
        implementations=(Implementation("compiled", one_sweep, arguments=WHICH["compiled"]),
                         Implementation("definition", one_sweep, "definition",
                                        arguments=WHICH["definition"])),
        bytes=12.0 * 10_000_000 + 8 * 4_000_000 + 24 * 1_000_000, rounds=6,
        note="to reach half of the triad"),
    *(_kernel_row(name) for name in ("bellman._backup", "bellman._pair_q", "bellman._take",
                                     "graph._distances", "graph._levels",
                                     "planning.gauss_seidel.sweep",
                                     "planning.gauss_seidel._breadth_first",
                                     "planning.choose._steps_to_half",
                                     *(f"planning.modified_gauss_seidel.{name}"
                                       for name in ("_sweep", "_size", "_close", "_settle")),
                                     "planning.topological._components",
                                     "planning.prioritized_sweeping._batch")),
    Row(name="kernel lifting", call="lifting._lu_mod, _solve_mod", shapes="n = 100", dtype="int64",
        tolerance=0.0, arguments={"n": 100},
        implementations=(Implementation("compiled", modular, arguments=WHICH["compiled"]),
                         Implementation("definition", modular, "definition",
                                        arguments=WHICH["definition"])),
        kernels=("mdp.lifting._lu_mod", "mdp.lifting._solve_mod"), rounds=3),
)
