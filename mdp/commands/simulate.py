"""mdp simulate: episodes, and their mean return beside the exact one.

Read first: commands/shared.py, simulation.py.  Read next: commands/demo.py.
"""

import warnings

import numpy as np

from npixel.runtime import memory
from npixel.runtime.command import add_json, print_json

from ..convergence import ConvergenceWarning
from ..evaluation import evaluate
from ..layout import printable
from ..simulation import returns, simulate
from .shared import add_model, add_policy, doubts, policy_of, read_model, say, state, telling

LONG = 10**7                                 # pairs times steps: then no exact mean
EPISODE = 500                                # bytes of an episode
STEP = 1000                                  # bytes of a step of all episodes together
MOVE = 24                                    # bytes of a step of one episode, beside these


def add_arguments(commands):
    command = commands.add_parser("simulate", description="Simulate a policy.",
                                  help="episodes, and their mean return beside the exact one")
    add_model(command)
    add_policy(command)
    add = command.add_argument
    add("--episodes", type=int, default=1000, metavar="N", help="default 1000")
    add("--horizon", type=int, metavar="T",
        help="stop after T steps (default: in a terminal state)")
    add("--start", metavar="STATE",
        help="first state (default: the initial distribution of the process)")
    add("--seed", type=int, default=0, help="of the random numbers (default 0)")
    add("--show", type=int, default=3, metavar="N", help="print the first N episodes (default 3)")
    add_json(command)
    command.set_defaults(call=telling(_simulate))


def _simulate(arguments):
    for name, least in (("seed", 0), ("show", 0), ("episodes", 1)):
        given = getattr(arguments, name)
        if given < least:
            raise ValueError(f"--{name} must be an integer >= {least}, is {given}")
    m = read_model(arguments)
    _require(m, arguments)
    start = None if arguments.start is None else state(m, "--start", arguments.start)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        policy = policy_of(m, arguments.policy)
        episodes = simulate(m, policy, np.random.default_rng(arguments.seed), start=start,
                            episodes=arguments.episodes, horizon=arguments.horizon)
        v = _means(m, policy, arguments.horizon)
    mu = m.initial if start is None else np.eye(m.num_states)[start]
    exact = None if v is None else float(mu[mu > 0] @ v[mu > 0])         # 0 inf is nothing here
    G = np.array([returns(t, m.gamma)[0] for t in episodes])
    error = float(G.std(ddof=1) / np.sqrt(len(G))) if len(G) > 1 else float("nan")
    shown = episodes[:arguments.show]
    if arguments.json:
        print_json({"gamma": m.gamma, "episodes": len(G), "mean_return": G.mean(),
                    "standard_error": error, "exact_mean_return": exact,
                    "mean_steps": np.mean([len(t.actions) for t in episodes]),
                    "terminated": sum(t.terminated for t in episodes),
                    "trajectories": [_plain(m, t) for t in shown]})
        return say(doubts(caught))
    for t in shown:
        print(_line(m, t))
    print(f"{len(G)} episodes: mean return {G.mean():.6g} +- {error:.2g} (one standard error)"
          + ("" if exact is None else f", exact {exact:.6g}"))
    return say(doubts(caught))


def _require(m, arguments):
    """ValueError, if the episodes (one step at least) do not fit in memory."""
    E, T = arguments.episodes, 1
    what = f"--episodes {E}"
    if arguments.horizon is not None and not m.terminal.any():             # nothing ends before
        T = max(arguments.horizon, 1)
        what += f" of --horizon {T}"
    memory.require(EPISODE * E + T * (STEP + MOVE * E), what, "fewer or shorter ones take less")


def _means(m, policy, horizon):
    """The exact mean return from each state, (S,); None where it would take long."""
    if policy.ndim == 2 and horizon is None:
        return evaluate(m, policy).v
    T = len(policy) if horizon is None else horizon
    if T * m.num_pairs > LONG:
        return None
    steps = policy[:T] if policy.ndim == 3 else np.broadcast_to(policy, (T, *policy.shape))
    return evaluate(m, steps).v[0]


def _plain(m, t):
    return {"states": [str(m.state_names[s]) for s in t.states],
            "actions": [str(m.action_names[a]) for a in t.actions], "rewards": t.rewards,
            "terminated": t.terminated, "return": returns(t, m.gamma)[0]}


def _line(m, t):
    """An episode as text: the first twelve steps of it."""
    names = [printable(m.state_names[s]) for s in t.states]
    steps = [f"{names[i]} -{printable(m.action_names[a])}({r:g})-> "
             for i, (a, r) in enumerate(list(zip(t.actions, t.rewards))[:12])]
    end = "..." if len(t.actions) > 12 else names[-1]
    return "".join(steps) + end + f"   return {returns(t, m.gamma)[0]:.6g}"
