"""Our own file: the dict form of `MDP.from_dict` as JSON.

    {
      "format": "mdp", "version": 1,
      "gamma": "9/10",
      "costs": true,                                                optional: rewards are costs
      "initial": {"hungry": 1},                                     optional
      "actions": ["eat", "wait"],                                   optional: their order
      "states": {
        "hungry": {"eat": [["9/10", "full", 1], ["1/10", "hungry", 0]],
                   "wait": [[1, "hungry", "-1/2"]]},
        "full": {}                                                  no actions: terminal
      }
    }

gamma may also be one number for each pair: {"hungry": {"eat": "9/10", "wait": 0.5}}. An outcome is
[probability, next state, reward]. A number is a JSON number, or a string "1/3" or "0.1" that is
taken exactly. JSON integers are exact too, JSON decimals are floats. Names are strings. Writing and
reading again gives the same process. A file is written whole or not at all.

Read first: model.py, json_text.py, formats/words.py.
Read next: formats/files.py, formats/npz_file.py.
"""

import json
from fractions import Fraction

from npixel.runtime.whole_file import write_text

from ..checks import ROW_SUM_TOLERANCE
from ..given_numbers import parse
from ..json_text import read_json
from ..model import MDP
from .words import NEAR, either_spelling

KEYS = {"format", "version", "gamma", "costs", "initial", "actions", "states"}


@either_spelling
def load(path, *, normalize=False):
    """Read an MDP.

    normalize   divide rows that are off by less than 1e-5 by their sum

    OSError if the file cannot be read, ValueError in one line if it is not such a file.
    """
    data = read_json(path)
    if not isinstance(data, dict) or data.get("format") != "mdp":
        raise ValueError(f'{path}: not an mdp file: expected an object with "format": "mdp"')
    if data.get("version") != 1:
        raise ValueError(f'{path}: version {data.get("version")!r} is not known, expected 1')
    for key in sorted(set(data) - KEYS):
        raise ValueError(f"{path}: unknown key {key!r}; the keys are {', '.join(sorted(KEYS))}")
    for key in ("gamma", "states"):
        if key not in data:
            raise ValueError(f"{path}: key {key!r} is missing")
    _check_values(path, data)
    try:
        if normalize:
            _normalize(data["states"])
        return MDP.from_dict(data["states"], data["gamma"], initial=data.get("initial"),
                             actions=data.get("actions"), costs=data.get("costs", False))
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{path}: {error}") from None


def _check_values(path, data):
    """ValueError for a value of the wrong kind; MDP.from_dict looks at the states."""
    actions = data.get("actions")
    names = isinstance(actions, list) and all(isinstance(a, str) for a in actions)
    if actions is not None and not names:
        raise ValueError(f"{path}: actions must be a list of names, is {actions!r}")
    if isinstance(data["gamma"], bool) or not isinstance(data["gamma"], (int, float, str, dict)):
        raise ValueError(f"{path}: gamma must be a number, or an object of one for each pair, "
                         f"is {str(data['gamma'])[:40]}")
    if not isinstance(data.get("costs", False), bool):
        raise ValueError(f"{path}: costs must be true or false, is {str(data['costs'])[:40]}")
    if data.get("initial") is not None and not isinstance(data["initial"], (str, dict)):
        raise ValueError(f"{path}: initial must be a state or an object of probabilities, "
                         f"is {data['initial']!r}")


def save(m, path):
    """Write an MDP; names become strings.   ValueError if two names would then be the same"""
    for kind, names in (("state", m.state_names), ("action", m.action_names)):
        if len({str(name) for name in names}) < len(names):
            raise ValueError(f"{kind} names are not distinct as strings: "
                             f"{', '.join(map(str, names[:8]))}")
    states = {str(s): {str(a): [[_number(p), str(t), _number(r)] for p, t, r in outcomes]
                       for a, outcomes in choices.items()}
              for s, choices in m.to_dict().items()}
    data = {"format": "mdp", "version": 1, "gamma": _discount(m)}
    if m.costs:
        data["costs"] = True
    if m.initial is not None:
        p = m.initial.tolist() if m.exact_initial is None else m.exact_initial
        data["initial"] = {str(name): _number(x) for name, x in zip(m.state_names, p) if x}
    data["actions"] = [str(a) for a in m.action_names]
    data["states"] = states
    write_text(path, json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def _normalize(states):
    """Divide the probabilities of each row by their sum, in place, where that is near one.

    What else is wrong is left to MDP.from_dict.
    """
    for choices in states.values() if isinstance(states, dict) else ():
        for a, outcomes in choices.items() if isinstance(choices, dict) else ():
            if not isinstance(outcomes, list):
                continue
            if any(not isinstance(x, list) or len(x) != 3 for x in outcomes):
                continue
            given = [parse("P", x[0]) for x in outcomes]
            exactly = all(exact is not None for _, exact in given)
            p = [exact if exactly else number for number, exact in given]
            off = abs(sum(p) - 1)
            if (0 if exactly else ROW_SUM_TOLERANCE * len(p)) < off < NEAR:
                choices[a] = [[x / sum(p), *outcome[1:]] for x, outcome in zip(p, outcomes)]


def _discount(m):
    if m.pair_gamma is None:
        return _number(m.gamma if m.exact_gamma is None else m.exact_gamma)
    numbers = m.pair_gamma if m.exact_pair_gamma is None else m.exact_pair_gamma
    table = {str(s): {} for s in m.state_names}
    for s, a, g in zip(m.pair_state, m.pair_action, numbers):
        table[str(m.state_names[s])][str(m.action_names[a])] = _number(g)
    return table


def _number(x):
    if isinstance(x, Fraction):
        return int(x) if x.denominator == 1 else str(x)
    return float(x)
