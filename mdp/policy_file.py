"""A policy as a JSON file, for mdp evaluate and mdp simulate; mdp solve --json prints one.

    {"hungry": "eat", "full": null}                     null: the state is terminal
    {"hungry": {"eat": 0.25, "wait": 0.75}}             probabilities
    [{"hungry": "wait"}, {"hungry": "eat"}]             one policy for each step
    {"criterion": "total", "policy": {...}, ...}        what mdp solve --json prints, whole

Read first: policies.py, json_text.py.  Read next: commands/evaluate.py, formats/__init__.py.
"""

import json

import numpy as np

from .json_text import read_json


def read_policy(m, path):
    """Probabilities (S, A), or (T, S, A) for one policy for each of T steps.

    ValueError in one line, with the path, if the file is no policy of this process.
    """
    table = read_json(path)
    states = {str(s): i for i, s in enumerate(m.state_names)}
    actions = {str(a): i for i, a in enumerate(m.action_names)}
    whole = isinstance(table, dict) and {"criterion", "policy"} <= set(table)
    if whole and not set(table) <= set(states):        # states may have such names
        table = table["policy"]
    try:
        if isinstance(table, list):
            rows = [_probabilities(m, states, actions, one) for one in table]
            pi = np.array(rows).reshape(len(rows), m.num_states, m.num_actions)
        else:
            pi = _probabilities(m, states, actions, table)
        m.pair_weights(pi)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return pi


def _probabilities(m, states, actions, table):
    """{state: action, null or {action: probability}} -> (S, A)."""
    if not isinstance(table, dict):
        raise ValueError("must be an object state -> action, or a list of them, one for each step")
    pi = np.zeros((m.num_states, m.num_actions))
    for name, choice in table.items():
        if name not in states:
            raise ValueError(f"{name!r} is not a state")
        s = states[name]
        if choice is None and m.terminal[s]:
            continue
        if isinstance(choice, (str, int)) and not isinstance(choice, bool):
            choice = {str(choice): 1}
        if not isinstance(choice, dict):
            raise ValueError(f"state {name!r} must be an action or probabilities, "
                             f"is {_short(choice)}")
        for action, p in choice.items():
            if action not in actions:
                raise ValueError(f"{action!r} (state {name!r}) is not an action")
            where = f"the probability of {action!r} in {name!r} is {_short(p)}"
            if isinstance(p, bool) or not isinstance(p, (int, float)):
                raise ValueError(f"{where}, not a number")
            if not 0 <= p <= 1:
                raise ValueError(f"{where}, outside [0, 1]")
            pi[s, actions[action]] = p
    return pi


def _short(x):
    text = json.dumps(x)
    return text if len(text) <= 40 else text[:37] + "..."
