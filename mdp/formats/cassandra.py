"""Cassandra's .pomdp and .mdp files.

    discount: 0.95        values: reward | cost
    states: names or a number        actions: ...        observations: ...
    start: probabilities | uniform | a state
    start include: states        start exclude: states
    T: action : state : next  probability        T: action : state  row        T: action  matrix
    O: action : next : observation  probability  (likewise)
    R: action : state : next : observation  number  (likewise; without observations one place less)

`*` stands for every one. A row may be `uniform` or, in T, `reset`: the start distribution, which is
uniform where none is given. A matrix may be one of these, for every row, or `identity`. Later lines
overrule earlier ones. Numbers and rows are read as words.py says; rows of partially observable
processes are exact.

"values: cost" says that the rewards are costs: the process has `costs`, and solvers minimise.

Rows are kept without their zeros, so that a file takes memory for what it says, not for S x S x A.

Cassandra, "POMDP file specification", pomdp.org.

Read first: model.py, pomdp.py, formats/words.py.  Read next: formats/files.py.
"""

import re
from fractions import Fraction
from math import prod
from pathlib import Path

import numpy as np

from npixel.runtime.whole_file import write_text

from ..forms import from_lists
from ..given_numbers import as_float, objects, short
from ..model import MDP
from ..pomdp import POMDP
from . import words

PREAMBLE = ("discount", "values", "states", "actions", "observations", "start", "start include",
            "start exclude")
SECTION = re.compile(r"(?m)^\s*(discount|values|states|actions|observations|"
                     r"start\s+include|start\s+exclude|start|T|O|R)\s*:")
MOST = 5_000_000                       # rows, and numbers that *, uniform and identity stand for
ZERO, ONE = Fraction(0), Fraction(1)


@words.either_spelling
def from_cassandra(path, *, normalize=False):
    """Read a file -> POMDP (its `.mdp` is the process), or MDP where the file has no observations.

    normalize   divide rows that are off by less than 1e-5 by their sum

    ValueError in one line for what is no such file.
    """
    file = _File(path, normalize)
    start = file.start()
    first = [Fraction(1, file.S)] * file.S if start is None else start
    moves = file.rows("T", file.states, first)
    sees = file.rows("O", file.observations, None) if file.Z else None
    outcomes, mean = _outcomes(file, moves, sees)
    m = MDP.from_outcomes(outcomes, file.discount, initial=start, costs=file.costs(),
                          state_names=file.states, action_names=file.actions)
    if sees is None:
        return m
    table = tuple(tuple(_full(sees[a * file.S + t], file.Z) for t in range(file.S))
                  for a in range(file.A))
    return POMDP(m, table, tuple(map(tuple, mean)), tuple(first), tuple(file.observations))


def _outcomes(file, moves, sees):
    """(Outcomes, mean rewards [s][a]).

    moves   at a * S + s the row [(next, probability)]
    sees    at a * S + t the row [(observation, probability)], or None: nothing is observed, and the
            mean rewards are not computed
    """
    S, A, R = file.S, file.A, _Rewards(file)
    pair, after, p, reward = [], [], [], []
    mean = [[ZERO] * A for _ in range(S)]
    for s in range(S):
        for a in range(A):
            for t, x in moves[a * S + s]:
                r = R.expected(a, s, t, None if sees is None else sees[a * S + t])
                pair.append(s * A + a), after.append(t), p.append(x), reward.append(r)
                if sees is not None:
                    mean[s][a] += x * r
    exactly = all(isinstance(x, Fraction) for x in p)
    floats = lambda key, x: np.array([as_float(f"{file.path}: {key}:", y) for y in x])  # noqa: E731
    state, action = np.divmod(np.arange(S * A), A)
    return from_lists(S, A, state, action, np.array(pair, np.int64), np.array(after, np.int64),
                      floats("T", p) if exactly else np.array(p, float), floats("R", reward),
                      objects(p) if exactly else None, objects(reward)), mean


def _full(row, size):
    """[(index, number)] -> tuple of `size` numbers."""
    out = [ZERO] * size
    for z, p in row:
        out[z] = p
    return tuple(out)


class _File:
    """The sections of a file, and what its preamble says."""

    def __init__(self, path, normalize):
        self.path, self.normalize, self.number, self.written = path, normalize, words.Numbers(), 0
        text = Path(path).read_text(encoding="utf-8", errors="replace")
        parts = SECTION.split(re.sub(r"#.*", "", text))
        if parts[0].strip() or len(parts) < 3:
            raise ValueError(f"{path}: not a Cassandra file: expected discount:, values:, states:, "
                             f"actions:, got {' '.join(parts[0].split())[:40]!r}")
        self.sections = [(" ".join(key.split()), body)
                         for key, body in zip(parts[1::2], parts[2::2])]
        self.head = {}
        for key, body in self.sections:
            if key in PREAMBLE:
                if key in self.head:
                    self.wrong(f"{key}: appears twice")
                self.head[key] = body.split()
        for key in ("states", "actions", "discount"):
            if key not in self.head:
                self.wrong(f"{key}: is missing")
        self.discount = self.numbers("discount", self.head["discount"], 1)[0]
        self.states, self.actions = self.names("states"), self.names("actions")
        self.observations = self.names("observations") if "observations" in self.head else []
        self.S, self.A, self.Z = len(self.states), len(self.actions), len(self.observations)
        size = self.S * self.A * max(self.Z, 1)
        if size > MOST:
            self.wrong(f"{size:,} rows and observations; {MOST:,} is the limit")
        self.place = {id(names): {name: i for i, name in enumerate(names)}
                      for names in (self.states, self.actions, self.observations)}

    def wrong(self, message):
        raise ValueError(f"{self.path}: {message}")

    def names(self, key):
        given = self.head[key]
        if len(given) == 1 and given[0].isascii() and given[0].isdigit():
            count = words.integer(f"{self.path}: {key}:", given[0])
            if not 1 <= count <= MOST:
                self.wrong(f"{key}: must be 1 to {MOST:,}, is {count:,}")
            return [str(i) for i in range(count)]
        if not given or len(set(given)) < len(given):
            self.wrong(f"{key}: must be a number, or distinct names, is "
                       f"{' '.join(given)[:60]!r}")
        return given

    def index(self, key, word, names):
        """The number of a name; None for *."""
        if word == "*":
            return None
        at = self.place[id(names)].get(word)
        if at is None and word.isascii() and word.isdigit() and len(word) < 10:
            at = int(word)
        if at is None or at >= len(names):
            self.wrong(f"{key}: {word[:40]!r} is not one of {', '.join(names[:8]) or 'nothing'}")
        return at

    def numbers(self, key, given, size):
        if len(given) != size:
            self.wrong(f"{key}: {' '.join(given)[:50]!r} must be {size} numbers, is {len(given)}")
        return [self.number(f"{self.path}: {key}:", word) for word in given]

    def costs(self):
        given = self.head.get("values", ["reward"])
        if given not in (["reward"], ["cost"]):
            self.wrong(f"values: must be reward or cost, is {' '.join(given)[:40]!r}")
        return given == ["cost"]

    def start(self):
        """The start distribution, a list of S numbers, or None."""
        given = [key for key in PREAMBLE[-3:] if key in self.head]
        if len(given) > 1:
            self.wrong(f"{given[0]}: and {given[1]}: cannot both be there")
        if not given or not self.head[given[0]]:
            return self.wrong(f"{given[0]}: is empty") if given else None
        key, told = given[0], self.head[given[0]]
        if key != "start":
            named = {self.index(key, word, self.states) for word in told}
            named = set(range(self.S)) if None in named else named
            chosen = [s for s in range(self.S) if (s in named) == (key == "start include")]
            if not chosen:
                self.wrong(f"{key}: leaves no state to start in")
            return self.spread(chosen)
        if told == ["uniform"]:
            return self.spread(range(self.S))
        if len(told) == 1 and (told[0] in self.place[id(self.states)] or self.S > 1):
            return self.spread([self.index(key, told[0], self.states)])
        if all(word in self.place[id(self.states)] and not word.isdigit() for word in told):
            self.wrong(f"start: must be {self.S} probabilities or one state, is {len(told)} "
                       f"states; write start include: {' '.join(told)[:60]}")
        numbers = self.numbers(key, told, self.S)
        return self.checked("start: the probabilities", list(enumerate(numbers)))

    def spread(self, chosen):
        out, p = [ZERO] * self.S, Fraction(1, len(chosen))
        for s in chosen:
            out[s] = p
        return out

    def checked(self, what, row):
        """[(index, number)] -> the numbers as words.row reads them."""
        for _, x in row:
            if x < 0:
                self.wrong(f"{what}: {short(x)} is negative")
        where = f"{self.path}: {what}"
        return words.row(where, [x for _, x in row], self.normalize, exactly=self.Z > 0)

    def entries(self, key, axes):
        """Every T:, O: or R: section -> (a number or None for each name, the words that follow)."""
        for name, body in self.sections:
            if name != key:
                continue
            told = body.replace(":", " : ").split()
            places, at = [], 0
            while at < len(told) and len(places) < len(axes):            # names between colons
                if places and told[at] != ":":
                    break
                at += bool(places)
                if at == len(told):
                    self.wrong(f"{key}: {' '.join(told)[:50]!r} ends with a colon")
                places.append(self.index(key, told[at], axes[len(places)]))
                at += 1
            if not places:
                self.wrong(f"{key}: an action is missing")
            yield places, told[at + (told[at:at + 1] == [":"]):]         # some write a colon more

    def rows(self, key, names, start):
        """T: or O: -> at a * S + s the row of action a and state s, without zeros.

        A row is a list of (index, number).

        names   of the columns: states or observations
        start   what `reset` stands for; None if it stands for nothing
        """
        S, A = self.S, self.A
        rows = [{} for _ in range(A * S)]        # later lines overrule earlier ones
        for places, told in self.entries(key, [self.actions, self.states, names]):
            actions = range(A) if places[0] is None else [places[0]]
            states = range(S) if len(places) < 2 or places[1] is None else [places[1]]
            if len(places) == 3:
                chosen = [rows[a * S + s] for a in actions for s in states]
                self.write_numbers(key, chosen, places[2], len(names), told)
                continue
            read = self.matrix if len(places) == 1 else self.whole_row
            content = read(key, told, len(names), start)
            new = {s: content[s] if len(places) == 1 else content for s in states}
            self.write(key, len(actions) * sum(map(len, new.values())))
            for s, row in new.items():
                for a in actions:
                    rows[a * S + s] = dict(row)
        return [self.checked_row(key, i, sorted(row.items())) for i, row in enumerate(rows)]

    def write_numbers(self, key, rows, column, size, told):
        """`T: action : state : next  number`: one number into some rows.   column   None for *"""
        value = self.numbers(key, told, 1)[0]
        columns = range(size) if column is None else [column]
        self.write(key, len(rows) * (len(columns) if value else 1))
        for row in rows:
            if value:
                row.update((t, value) for t in columns)
            elif column is None:
                row.clear()
            else:
                row.pop(column, None)

    def whole_row(self, key, told, size, start):
        """`T: action : state  row` -> {index: number}, without zeros."""
        if told == ["uniform"]:
            return {i: Fraction(1, size) for i in range(size)}
        if told == ["reset"] and start is not None:
            return {i: p for i, p in enumerate(start) if p}
        return {i: p for i, p in enumerate(self.numbers(key, told, size)) if p}

    def matrix(self, key, told, size, start):
        """`T: action  matrix` -> {index: number} for each state, without zeros."""
        S = self.S
        if told == ["uniform"] or told == ["reset"] and start is not None:
            return [self.whole_row(key, told, size, start)] * S
        if told == ["identity"] and size == S:
            return [{s: ONE} for s in range(S)]
        numbers = self.numbers(key, told, S * size)
        return [{i: p for i, p in enumerate(numbers[s * size:s * size + size]) if p}
                for s in range(S)]

    def checked_row(self, key, i, row):
        """Row i = a * S + s as a list of (index, number), the numbers as words.row reads them."""
        what = (f"{key}: the probabilities of action {self.actions[i // self.S]!r}, "
                f"state {self.states[i % self.S]!r}")
        return list(zip([t for t, _ in row], self.checked(what, row)))

    def write(self, key, count):
        """Count the numbers that are written, and stop where a short file stands for too many."""
        self.written += count
        if self.written > MOST:
            self.wrong(f"{key}: the lines stand for more than {MOST:,} numbers that are not zero, "
                       "which is the limit")


class _Rewards:
    """The lines R: as {(action, state, next, observation): (line, number)}, None for *.

    The reward of one transition is that of the last line that speaks of it.
    """

    def __init__(self, file):
        axes = [file.actions, file.states, file.states] + [file.observations] * (file.Z > 0)
        self.lines = {}
        for line, (places, rest) in enumerate(file.entries("R", axes)):
            if not file.Z and len(places) == 3 and rest[:1] == ["*"]:    # whatever is observed
                rest = rest[1:]
            sizes = [len(names) for names in axes[len(places):]]
            numbers = file.numbers("R", rest, prod(sizes))
            tail = (None,) * (4 - len(places) - len(sizes))
            for at, value in zip(np.ndindex(*sizes), numbers):
                self.lines[(*places, *at, *tail)] = line, value
        self.forms = {tuple(x is None for x in key) for key in self.lines}
        self.seen = any(not form[3] for form in self.forms)

    def expected(self, a, s, t, seen):
        """The mean reward of a transition.   seen   [(observation, probability)] on entering t"""
        if not self.seen:                        # no line names an observation
            return self.reward(a, s, t, None)
        return sum((p * self.reward(a, s, t, z) for z, p in seen), ZERO)

    def reward(self, *cell):
        best = -1, ZERO
        for form in self.forms:
            key = tuple(None if every else x for every, x in zip(form, cell))
            best = max(best, self.lines.get(key, best))
        return best[1]


def to_cassandra(m, path):
    """Write an MDP as a file without observations.

    Names become words of letters, digits, points, hyphens and underscores. Floats are written as
    words.print_row says.

    ValueError for what such a file cannot say: terminal states, absent actions, discounts per pair,
    two outcomes of a pair with one next state and different rewards, and names that become the same
    word.
    """
    if m.terminal.any() or not m.available.all():
        raise ValueError("a Cassandra file has every action in every state")
    words.refuse_what_has_no_place(m, "a Cassandra file has", initial="any", costs=False)
    states = [_word(name, "s") for name in m.state_names]
    actions = [_word(name, "a") for name in m.action_names]
    if len(set(states)) < len(states) or len(set(actions)) < len(actions):
        raise ValueError("two names become the same word")
    gamma = m.gamma if m.exact_gamma is None else m.exact_gamma
    lines = [f"discount: {gamma}", f"values: {'cost' if m.costs else 'reward'}",
             f"states: {' '.join(states)}", f"actions: {' '.join(actions)}"]
    if m.initial is not None:
        p = words.print_row(m.initial.tolist()) if m.exact_initial is None else m.exact_initial
        lines.append("start: " + " ".join(map(str, p)))
    for k in range(m.num_pairs):
        pair = f"{actions[m.pair_action[k]]} : {states[m.pair_state[k]]}"
        for t, x, y in words.outcomes(m, k):
            where = f"{pair} : {states[t]}"
            lines += [f"T: {where} {x}"] + ([f"R: {where} {y}"] if y else [])
    write_text(path, "\n".join(lines) + "\n")


def _word(name, letter):
    """A name as a word of the file; a number gets a letter, since it would be read as a place."""
    word = re.sub(r"[^\w.-]+", "_", str(name), flags=re.ASCII).strip("_")
    return word if word and not word.isdigit() else letter + word
