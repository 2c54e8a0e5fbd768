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

Read first: model.py, rational.py, formats/words.py.
Read next: formats/cassandra.py, formats/files.py.
"""

from fractions import Fraction

import numpy as np

from npixel.runtime.whole_file import write_text

from ..model import MDP
from . import words
from .words import Numbers


@words.either_spelling
def from_drn(path, *, reward=None, gamma=1, normalize=False):
    """Read a DRN file -> MDP.

    reward      name of a reward model; default the first
    normalize   divide rows that are off by less than 1e-5 by their sum

    ValueError with the line for what is no such file, and for one that lacks states or choices.
    """
    file = _Reader(path, reward)
    file.read()
    _check_complete(path, file.header, file.rows)
    named = all(len({name for name, _, _ in choices}) == len(choices)
                for choices in file.rows.values())
    S = len(file.rows)
    transitions = {s: {} for s in range(S)}
    for s, choices in file.rows.items():
        for c, (name, earned, entries) in enumerate(choices):
            for t in entries:
                if t >= S:
                    raise ValueError(f"{path}: state {s} leads to {t}, which is not described")
            where = f"{path}: the probabilities of state {s}, action {name}"
            p = words.row(where, list(entries.values()), normalize)
            outcomes = [(x, t, earned) for t, x in zip(entries, p)]
            transitions[s][name if named else c] = outcomes
    start = {s: Fraction(1, len(file.initial)) for s in file.initial} if file.initial else None
    return MDP.from_dict(transitions, gamma, initial=start)


def _check_complete(path, header, rows):
    """ValueError unless there are as many states and choices as the header counts, from 0 on."""
    choices = sum(map(len, rows.values()))
    for key, there in (("nr_states", len(rows)), ("nr_choices", choices)):
        if key in header and header[key] != str(there):
            raise ValueError(f"{path}: @{key} says {header[key][:40]}, the file has {there}; "
                             "it may have been cut off")
    if max(rows) + 1 != len(rows):
        missing = next(s for s in range(len(rows)) if s not in rows)
        raise ValueError(f"{path}: state {missing} is not described, state {max(rows)} is")


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


class _Reader:
    """One pass over the lines of a DRN file: what they say, and where the pass stands."""

    def __init__(self, path, reward):
        self.path, self.reward, self.number = path, reward, Numbers()
        self.header, self.models = {}, []
        self.rows = {}                           # {state: [(action, reward, {next: p})]}
        self.initial = []
        self.where = ""                          # "file:line:"
        self.key = None                          # the last line that began with @
        self.index = None                        # the place in brackets of the reward chosen
        self.choices, self.state_reward = None, Fraction(0)              # of the last state

    def read(self):
        """Read it all.   ValueError with the line for what is no such file"""
        for n, raw in enumerate(words.read_text(self.path).split("\n"), start=1):
            line, self.where = raw.split("//")[0].strip(), f"{self.path}:{n}:"
            if line.startswith("@"):
                self.declaration(line)
            elif line and "model" not in self.header:
                self.below_declaration(line)
            elif line:
                self.part_of_model(line)
        if "type" not in self.header or not self.rows:
            raise ValueError(f"{self.path}: not a DRN file: expected @type and @model, with states")

    def declaration(self, line):
        """@key: value"""
        key, _, value = (x.strip() for x in line[1:].partition(":"))
        if key in self.header:
            raise ValueError(f"{self.where} @{key} appears twice")
        self.header[key], self.key = value, key
        if key == "type" and value.upper() not in ("MDP", "DTMC"):
            raise ValueError(f"{self.where} type {value!r} is not supported, expected MDP or DTMC")
        if key == "value_type" and "interval" in value.lower():
            raise ValueError(f"{self.where} processes with intervals are not supported")
        if key == "model":
            self.index = _place(self.path, self.models, self.reward)

    def below_declaration(self, line):
        """A line before @model that belongs to the key above it."""
        if self.key == "reward_models":
            self.models += line.split()
        elif self.key == "parameters":
            raise ValueError(f"{self.where} parametric models are not supported: {line!r}")
        elif self.key in ("nr_states", "nr_choices"):
            self.header[self.key] = line

    def part_of_model(self, line):
        """state s [rewards] labels,  action name [rewards],  or  next : probability"""
        kind, *parts = line.split(None, 2)
        rest = parts[1] if len(parts) > 1 else ""
        if kind == "state" and parts:
            self.state(parts[0], rest)
        elif kind == "action" and parts:
            self.action(parts[0], rest)
        else:
            self.outcome(line)

    def state(self, word, rest):
        s = words.integer(self.where, word)
        if s in self.rows:
            raise ValueError(f"{self.where} state {s} appears twice")
        self.state_reward, labels = _bracket(self.where, rest, self.index, self.number)
        self.choices = self.rows[s] = []
        if "init" in labels.split():
            self.initial.append(s)

    def action(self, name, rest):
        if self.choices is None:
            raise ValueError(f"{self.where} an action before any state")
        earned, _ = _bracket(self.where, rest, self.index, self.number)
        self.choices.append((name, self.state_reward + earned, {}))

    def outcome(self, line):
        target, colon, p = (x.strip() for x in line.partition(":"))
        if self.choices == [] and self.header.get("type", "").upper() == "DTMC":
            self.choices.append(("0", self.state_reward, {}))  # a chain needs no action lines
        if not colon or not self.choices:
            raise ValueError(f'{self.where} the line must be "next : probability" below an action, '
                             f'is {line[:60]!r}')
        t, entries = words.integer(self.where, target), self.choices[-1][2]
        if t in entries:
            raise ValueError(f"{self.where} this action leads to {t} twice")
        entries[t] = self.number(self.where, p)


def _place(path, models, reward):
    """The number of the reward model chosen; of the first one by default."""
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
        raise ValueError(f"{where} must have [rewards], one for each reward model, is {text!r}")
    return (number(where, parts[index]) if parts else Fraction(0)), rest
