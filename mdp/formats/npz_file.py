"""Our own binary file: the arrays of an MDP in one .npz, floats bit for bit, exact numbers as text. Never pickle.

Read first: ../model.py.  The readable form: json_file.py.
"""

import ast
import json

import numpy as np

from npixel.whole_file import write_whole

from ..given_numbers import parse_array, pointers
from ..model import MDP


def save_npz(m, path):
    """Write an MDP.   ValueError if a name is no number, text or tuple of them"""
    for name in (*m.state_names, *m.action_names):
        if ast.literal_eval(repr(name)) != name:
            raise ValueError(f"name {name!r} is no number, text or tuple")
    text = lambda x: np.array([str(y) for y in x])                       # noqa: E731
    arrays = {"pair_state": m.pair_state, "pair_action": m.pair_action, "outcome_ptr": m.outcome_ptr, "next": m.next, "probability": m.probability, "reward": m.reward,
              "names": np.array(json.dumps([repr(m.state_names), repr(m.action_names)])), "format": np.array("mdp 1")}
    for name in ("exact_probability", "exact_reward", "exact_initial", "exact_pair_gamma"):
        if getattr(m, name) is not None:
            arrays[name] = text(getattr(m, name))
    arrays["gamma"] = np.array(m.gamma) if m.pair_gamma is None else m.pair_gamma
    if m.exact_gamma is not None and m.pair_gamma is None:
        arrays["exact_gamma"] = np.array(str(m.exact_gamma))
    if m.initial is not None:
        arrays["initial"] = m.initial
    write_whole(path, lambda file: np.savez_compressed(file, **arrays))


def load_npz(path):
    """Read an MDP.   ValueError in one line if it is not such a file, OSError if it cannot be read"""
    try:
        with np.load(path, allow_pickle=False) as z:
            z = {name: z[name] for name in z.files}
    except (ValueError, EOFError, AttributeError) as error:
        raise ValueError(f"{path}: not an .npz file: {error}") from None
    if str(z.get("format")) != "mdp 1":
        raise ValueError(f"{path}: not an mdp file: expected the arrays of mdp.formats.npz_file")
    exact = lambda name: parse_array(name, z[name].astype(str))[1] if name in z else None        # noqa: E731
    states, actions = (ast.literal_eval(x) for x in json.loads(str(z["names"])))
    m = MDP.__new__(MDP)
    m.state_names, m.action_names = states, actions
    gamma = str(z["exact_gamma"]) if "exact_gamma" in z else exact("exact_pair_gamma") if "exact_pair_gamma" in z else z["gamma"] if z["gamma"].ndim else float(z["gamma"])
    initial = exact("exact_initial") if "exact_initial" in z else z.get("initial")
    pair = np.repeat(np.arange(z["pair_state"].size), np.diff(pointers("outcome_ptr", z["outcome_ptr"], z["next"].size)))
    try:
        m._assemble(len(states), len(actions), z["pair_state"], z["pair_action"], pair, z["next"], z["probability"], z["reward"],
                    exact("exact_probability"), exact("exact_reward"), gamma, initial)
    except (IndexError, KeyError) as error:
        raise ValueError(f"{path}: damaged: {error}") from None
    return m
