"""Gymnasium's toy-text environments: their tables, as processes.

    env.unwrapped.P[s][a] = [(probability, next, reward, terminated)]

A terminated outcome ends the process, whatever rows the table has for the state it ends in. If
every arrow into a state terminates, the state itself is terminal here. If only some do, those lead
to a terminal copy of it, named ("end", s). Outcomes stay apart unless next and reward agree.

Read first: model.py, transforms.py.  Read next: formats/files.py, plots.py.
"""

from ..model import MDP
from ..transforms import meaning


def from_gymnasium(env, gamma=1, *, max_steps=None, fractions=None):
    """The MDP of an environment with a transition table (FrozenLake, CliffWalking, Taxi, ...).

    Its numbers are floats, which solve_exact reads. The initial distribution is taken from
    env.unwrapped.initial_state_distrib where there is one.

    gamma      discount
    max_steps  makes a limit on steps part of the state: states are then (s, steps so far), and the
               process ends at the limit
    fractions  what some of the floats stand for, such as {0.025000000000000022: "1/40"}; then the
               process is exact (transforms.in_fractions)

    ValueError if the environment has no table, or its steps do not follow the table: a taxi with a
    fickle passenger, a wrapper that changes rewards or actions.
    """
    inner = getattr(env, "unwrapped", env)
    _check_steps(env, inner)
    number = float if fractions is None else meaning(fractions)     # before outcomes are merged
    table = _table(inner)
    transitions = _transitions(table, number)
    start = getattr(inner, "initial_state_distrib", None)
    initial = None if start is None else {int(s): float(p) for s, p in enumerate(start) if p}
    if max_steps is not None:
        transitions = _timed(transitions, max_steps)
        initial = None if initial is None else {(s, 0): p for s, p in initial.items()}
    actions = sorted({a for row in table.values() for a in row})
    return MDP.from_dict(transitions, gamma, initial=initial, actions=[int(a) for a in actions])


def _table(inner):
    """{state: {action: outcomes}}, whether P and its rows are dicts or lists."""
    table = getattr(inner, "P", None)
    if table is None or not hasattr(table, "items") and not isinstance(table, (list, tuple)):
        raise ValueError(f"{type(inner).__name__} has no transition table "
                         "P[s][a] = [(probability, next, reward, terminated)]")
    rows = table.items() if hasattr(table, "items") else enumerate(table)
    return {s: dict(enumerate(row)) if isinstance(row, (list, tuple)) else dict(row)
            for s, row in rows}


def _transitions(table, number):
    """The form of MDP.from_dict.   number   makes a number of a float"""
    arrows = [(t, bool(done)) for row in table.values() for outcomes in row.values()
              for p, t, _, done in outcomes if p]
    ends, goes_on = ({t for t, done in arrows if done is ended} for ended in (True, False))
    terminal = ends - goes_on

    def after(t, done):
        return ("end", int(t)) if done and t not in terminal else int(t)

    out = {int(s): {} if s in terminal else
           {int(a): [(number(float(p)), after(t, done), float(r)) for p, t, r, done in outcomes]
            for a, outcomes in row.items()}
           for s, row in table.items()}
    return out | {("end", int(t)): {} for t in sorted(ends & goes_on)}


def _timed(transitions, max_steps):
    """States (s, n) after n steps; without actions at the limit."""
    if isinstance(max_steps, bool) or not isinstance(max_steps, int) or max_steps < 1:
        raise ValueError(f"max_steps must be an integer >= 1, is {max_steps!r}")
    out = {(s, n): {a: [(p, (t, n + 1), r) for p, t, r in outcomes] for a, outcomes in row.items()}
           for n in range(max_steps) for s, row in transitions.items()}
    return out | {(s, max_steps): {} for s in transitions}


def _check_steps(env, inner):
    """ValueError if steps of `env` are known to do something else than the table of `inner`."""
    if getattr(inner, "fickle_passenger", False):
        raise ValueError(f"{type(inner).__name__} has fickle_passenger=True, and its table does "
                         "not know that the passenger may change the destination")
    while env is not inner and env is not None:
        for kind in ("RewardWrapper", "ActionWrapper"):
            if kind in (base.__name__ for base in type(env).__mro__):
                raise ValueError(f"{type(env).__name__} is a {kind}, and the table does not know "
                                 "what it changes; give its inner environment")
        env = getattr(env, "env", None)
