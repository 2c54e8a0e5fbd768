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

Brackets hold one number for each reward model: of the state, and of the action. The model's reward
is their sum, for the reward model chosen. Numbers are read as words.py says. Of a chain (@type:
DTMC) the lines "action 0" may be missing. What @nr_states and @nr_choices count must be there.
Several states with the label init are read as a uniform distribution, which is written so, too.

Storm documentation, "The DRN file format"; Hensel et al., STTT 2022.

Read first: words.py, prism.py.
"""

from fractions import Fraction

import numpy as np

from npixel.runtime.whole_file import write_text

from ..model import MDP
from . import words
from .words import Numbers


def from_drn(path, *, reward=None, gamma=1, normalise=False):
    """Read a DRN file -> MDP.

    reward      name of a reward model; default the first
    normalise   divide rows that are off by less than 1e-5 by their sum

    ValueError with the line for what is no such file, and for one that lacks states or choices.
    """
    header, models, rows, initial = _read(path, reward)
    S = len(rows)
    choices_there = sum(len(choices) for choices in rows.values())
    for key, there in (("nr_states", S), ("nr_choices", choices_there)):
        if key in header and header[key] != str(there):
            raise ValueError(f"{path}: @{key} says {header[key][:40]}, the file has {there}; "
                             "it may have been cut off")
    if max(rows) + 1 != S:
        missing = next(s for s in range(S) if s not in rows)
        raise ValueError(f"{path}: state {missing} is not described, state {max(rows)} is")
    named = all(len({name for name, _, _ in choices}) == len(choices) for choices in rows.values())
    transitions = {s: {} for s in range(S)}
    for s, choices in rows.items():
        for c, (name, earned, entries) in enumerate(choices):
            for t in entries:
                if t >= S:
                    raise ValueError(f"{path}: state {s} leads to {t}, which is not described")
            where = f"{path}: the probabilities of state {s}, action {name}"
            p = words.row(where, list(entries.values()), normalise)
            outcomes = [(x, t, earned) for t, x in zip(entries, p)]
            transitions[s][name if named else c] = outcomes
    start = {s: Fraction(1, len(initial)) for s in initial} if initial else None
    return MDP.from_dict(transitions, gamma, initial=start)


def reward_models(path):
    """The names of the reward models of a DRN file."""
    models, inside = [], False
    with open(path, encoding="utf-8") as file:
        for line in file:
            line = line.split("//")[0].strip()
            if line.startswith("@"):
                inside = line[1:].partition(":")[0].strip() == "reward_models"
                if line[1:].strip() == "model":
                    break
            elif inside:
                models += line.split()
    return models


def _read(path, reward):
    """-> (header, reward models, {state: [(action, reward, {next: p})]}, initial states)."""
    number, header, models, rows, initial = Numbers(), {}, [], {}, []
    choices = index = waiting = None
    state_reward = Fraction(0)
    for n, raw in enumerate(words.read_text(path).split("\n"), start=1):
        line, where = raw.split("//")[0].strip(), f"{path}:{n}:"
        if not line:
            continue
        if line.startswith("@"):
            key, _, value = (x.strip() for x in line[1:].partition(":"))
            if key in header:
                raise ValueError(f"{where} @{key} appears twice")
            header[key], waiting = value, key
            if key == "type" and value.upper() not in ("MDP", "DTMC"):
                raise ValueError(f"{where} type {value!r} is not supported, expected MDP or DTMC")
            if key == "value_type" and "interval" in value.lower():
                raise ValueError(f"{where} processes with intervals are not supported")
            if key == "model":
                index = _place(path, models, reward)
            continue
        if "model" not in header:
            if waiting == "reward_models":
                models += line.split()
            elif waiting == "parameters":
                raise ValueError(f"{where} parametric models are not supported: {line!r}")
            elif waiting in ("nr_states", "nr_choices"):
                header[waiting] = line
            continue
        kind, *parts = line.split(None, 2)
        rest = parts[1] if len(parts) > 1 else ""
        if kind == "state" and parts:
            s = words.integer(where, parts[0])
            if s in rows:
                raise ValueError(f"{where} state {s} appears twice")
            state_reward, labels = _bracket(where, rest, index, number)
            choices = rows[s] = []
            if "init" in labels.split():
                initial.append(s)
        elif kind == "action" and parts:
            if choices is None:
                raise ValueError(f"{where} an action before any state")
            earned, _ = _bracket(where, rest, index, number)
            choices.append((parts[0], state_reward + earned, {}))
        else:
            target, colon, p = (x.strip() for x in line.partition(":"))
            if choices == [] and header.get("type", "").upper() == "DTMC":
                choices.append(("0", state_reward, {}))          # a chain needs no action lines
            if not colon or not choices:
                raise ValueError(f'{where} expects "next : probability" below an action, '
                                 f'got {line[:60]!r}')
            t, entries = words.integer(where, target), choices[-1][2]
            if t in entries:
                raise ValueError(f"{where} this action leads to {t} twice")
            entries[t] = number(where, p)
    if "type" not in header or not rows:
        raise ValueError(f"{path}: not a DRN file: expected @type and @model, with states")
    return header, models, rows, initial


def _place(path, models, reward):
    if reward is not None and reward not in models:
        names = ", ".join(models) or "none"
        raise ValueError(f"{path}: there is no reward model {reward!r}; there are {names}")
    return models.index(reward) if reward is not None else 0


def to_drn(m, path):
    """Write a DRN file: one reward model "r" on actions, numbers as fractions.

    Floats are written as rational.py reads them. A terminal state has no action. The reward of an
    action is the mean over its outcomes: values stay, the variance of the return does not. The
    discount and the names of states are not part of the file.

    ValueError for what it cannot say: discounts per pair, costs, an initial distribution that is
    not uniform, rewards of mean zero, and action names that are no single word.
    """
    from ..rational import rational
    words.refuse_what_has_no_place(m, "DRN files have", initial="uniform", means=True)
    R = rational(m)
    lines = ["@type: MDP", "@value_type: rational", "@parameters", "", "@reward_models", "r",
             "@nr_states", str(R.S), "@nr_choices", str(len(R.owner)), "@model"]
    start = set() if m.initial is None else set(np.flatnonzero(m.initial).tolist())
    for s in range(R.S):
        lines.append(f"state {s} [0]" + (" init" if s in start else ""))
        for k in range(R.pair_ptr[s], R.pair_ptr[s + 1]):
            name = words.one_word("action", m.action_names[R.action[k]])
            if "//" in name:
                raise ValueError(f"action {name!r}: what follows // is a comment in DRN files")
            lines.append(f"\taction {name} [{Fraction(*R.r[k])}]")
            lines += [f"\t\t{t} : {Fraction(n, R.D[k])}" for t, n in zip(R.next[k], R.n[k])]
    write_text(path, "\n".join(lines) + "\n")


def _bracket(where, text, index, number):
    """"[1, 2] init" -> (the number at `index`, " init")."""
    text = text.strip()
    if not text.startswith("["):
        return Fraction(0), text
    inside, close, rest = text[1:].partition("]")
    parts = [x.strip() for x in inside.split(",") if x.strip()]
    if not close or parts and index >= len(parts):
        raise ValueError(f"{where} expects [rewards], one for each reward model, got {text!r}")
    return (number(where, parts[index]) if parts else Fraction(0)), rest
