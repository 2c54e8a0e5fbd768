"""Storm's DRN files (direct encoding): one text file with rewards and labels.

    @type: MDP
    @value_type: rational
    @reward_models
    r
    @nr_states
    2
    @model
    state 0 [1/2] init
        action a [3]
            1 : 2/3
            0 : 1/3
    state 1

Brackets hold one number for each reward model: of the state, and of the action. The model's reward is their sum, for the reward model chosen.

Storm documentation, "The DRN file format"; Hensel et al., STTT 2022.

Read first: prism.py.
"""

from fractions import Fraction
from pathlib import Path

import numpy as np

from npixel.whole_file import write_text

from ..given_numbers import exact
from ..model import MDP


def from_drn(path, *, reward=None, gamma=1):
    """Read a DRN file -> MDP.   reward: name of a reward model; default the first.   ValueError with the line for what is no such file"""
    models, kind, rows, initial, current, waiting = [], None, {}, [], None, None
    in_model = False
    index = 0
    for number, raw in enumerate(Path(path).read_text(encoding="utf-8").splitlines(), start=1):
        line = raw.split("//")[0].strip()
        if not line:
            continue
        if line.startswith("@"):
            key, _, value = line[1:].partition(":")
            key, value = key.strip(), value.strip()
            if key == "type":
                kind = value
                if kind.upper() not in ("MDP", "DTMC"):
                    raise ValueError(f"{path}:{number}: type {kind!r} is not supported, expected MDP or DTMC")
            elif key == "model":
                in_model = True
                if reward is not None and reward not in models:
                    raise ValueError(f"{path}: there is no reward model {reward!r}; there are {', '.join(models) or 'none'}")
                index = models.index(reward) if reward is not None else 0
            waiting = key
            continue
        if not in_model:
            if waiting == "reward_models":
                models += line.split()
            elif waiting == "parameters":
                raise ValueError(f"{path}:{number}: parametric models are not supported: {line!r}")
            continue
        words = line.split()
        if words[0] == "state":
            s = int(words[1])
            earned, rest = _bracket(path, number, line.split(None, 2)[2] if len(words) > 2 else "", index)
            if s in rows:
                raise ValueError(f"{path}:{number}: state {s} appears twice")
            current = rows.setdefault(s, [earned, []])
            if "init" in rest.split():
                initial.append(s)
        elif words[0] == "action":
            if current is None:
                raise ValueError(f"{path}:{number}: an action before any state")
            earned, _ = _bracket(path, number, line.split(None, 2)[2] if len(words) > 2 else "", index)
            current[1].append((words[1], earned, []))
        else:
            target, colon, p = line.partition(":")
            if not colon or current is None or not current[1] or not target.strip().isdigit():
                raise ValueError(f"{path}:{number}: expects \"next : probability\" below an action, got {line!r}")
            current[1][-1][2].append((int(target), _number(path, number, p.strip())))
    if kind is None or not in_model or not rows:
        raise ValueError(f"{path}: not a DRN file: expected @type and @model")
    S = max(rows) + 1
    named = all(len({name for name, *_ in choices}) == len(choices) for _, choices in rows.values())
    transitions = {s: {} for s in range(S)}
    for s, (earned, choices) in rows.items():
        for c, (name, more, row) in enumerate(choices):
            for t, _ in row:
                if t >= S:
                    raise ValueError(f"{path}: state {s} leads to {t}, which is not described")
            transitions[s][name if named else c] = [(p, t, earned + more) for t, p in row]
    return MDP.from_dict(transitions, gamma, initial={s: Fraction(1, len(initial)) for s in initial} if initial else None)


def to_drn(m, path):
    """Write a DRN file: one reward model "r" on actions, numbers as fractions (floats as rational.py reads them). The discount is not part of it.

    A terminal state has no action. ValueError if an action name contains a space.
    """
    from ..rational import rational
    R = rational(m)
    lines = ["@type: MDP", "@value_type: rational", "@parameters", "", "@reward_models", "r", "@nr_states", str(R.S), "@nr_choices", str(len(R.owner)), "@model"]
    start = set() if m.initial is None else set(np.flatnonzero(m.initial).tolist())
    for s in range(R.S):
        lines.append(f"state {s} [0]" + (" init" if s in start else ""))
        for k in range(R.pair_ptr[s], R.pair_ptr[s + 1]):
            name = str(m.action_names[R.action[k]])
            if len(name.split()) != 1:
                raise ValueError(f"action {name!r} is no single word, as DRN files need")
            lines.append(f"\taction {name} [{Fraction(*R.r[k])}]")
            lines += [f"\t\t{t} : {Fraction(n, R.D[k])}" for t, n in zip(R.next[k], R.n[k])]
    write_text(path, "\n".join(lines) + "\n")


def _bracket(path, number, text, index):
    """"[1, 2] init" -> (the number at `index`, " init")."""
    text = text.strip()
    if not text.startswith("["):
        return Fraction(0), text
    inside, close, rest = text[1:].partition("]")
    parts = [x.strip() for x in inside.split(",") if x.strip()]
    if not close or parts and index >= len(parts):
        raise ValueError(f"{path}:{number}: expects [rewards], one for each reward model, got {text!r}")
    return (_number(path, number, parts[index]) if parts else Fraction(0)), rest


def _number(path, number, word):
    return exact(f"{path}:{number}: the entry", word)
