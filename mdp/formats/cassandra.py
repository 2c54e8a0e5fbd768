"""Cassandra's .pomdp and .mdp files.

    discount: 0.95        values: reward|cost        states: names or a number        actions: ...        observations: ...
    start: probabilities | uniform | a state | include/exclude: states
    T: action : state : next  probability      T: action : state  row      T: action  matrix | identity | uniform         * stands for every one
    O: action : next : observation  probability (likewise)
    R: action : state : next : observation  number (likewise; without observations one place less)

Later lines overrule earlier ones. Decimals are taken exactly, unless a row is one of floats in full length (rational.py), so that a row such as 0.333333 0.333333 0.333333 sums to less than one and is
refused; normalise=True divides such rows by their sum, and only rows that are off by less than 1e-5.
"values: cost" means that R is to be minimised: solve(..., minimize=True).

Cassandra, "POMDP file specification", pomdp.org.

Read first: ../pomdp.py.
"""

import re
from fractions import Fraction
from pathlib import Path

import numpy as np

from npixel.whole_file import write_text

from ..given_numbers import exact
from ..model import MDP
from ..pomdp import POMDP
from ..rational import read_row

PREAMBLE = ("discount", "values", "states", "actions", "observations", "start", "start include", "start exclude")


def from_cassandra(path, *, normalise=False):
    """Read a file -> POMDP (its `.mdp` is the process), or MDP where the file has no observations.   ValueError in one line for what is no such file"""
    text = re.sub(r"#.*", "", Path(path).read_text(encoding="utf-8", errors="replace"))
    parts = re.split(r"(?m)^\s*(discount|values|states|actions|observations|start\s+include|start\s+exclude|start|T|O|R)\s*:", text)
    if parts[0].strip() or len(parts) < 3:
        raise ValueError(f"{path}: not a Cassandra file: expected discount:, values:, states:, actions:, got {' '.join(parts[0].split())[:40]!r}")
    sections = [(re.sub(r"\s+", " ", key), body.strip()) for key, body in zip(parts[1::2], parts[2::2])]
    head = dict((key, body) for key, body in sections if key in PREAMBLE)
    for key in ("states", "actions", "discount"):
        if key not in head:
            raise ValueError(f"{path}: {key}: is missing")
    names = {key: _names(path, key, head[key]) for key in ("states", "actions", "observations") if key in head}
    S, A, Z = len(names["states"]), len(names["actions"]), len(names.get("observations", ()))
    T = np.full((A, S, S), Fraction(0), object)
    O = np.full((A, S, max(Z, 1)), Fraction(0), object)                  # noqa: E741
    R = np.full((A, S, S, max(Z, 1)), Fraction(0), object)
    for key, body in sections:
        if key == "T":
            _entry(path, "T", body, T, [names["actions"], names["states"], names["states"]])
        elif key == "O":
            _entry(path, "O", body, O, [names["actions"], names["states"], names.get("observations", [])])
        elif key == "R":
            if Z:
                _entry(path, "R", body, R, [names["actions"], names["states"], names["states"], names["observations"]])
            else:
                _entry(path, "R", body, R[..., 0], [names["actions"], names["states"], names["states"]])
    _check_rows(path, "T", T, names, normalise)
    if Z:
        _check_rows(path, "O", O, names, normalise)
    else:
        O[:] = Fraction(1)
    start = _start(path, head, names["states"], normalise)
    expected = [[[sum((O[a, t, z] * R[a, s, t, z] for z in range(max(Z, 1))), Fraction(0)) if T[a, s, t] else Fraction(0) for t in range(S)] for a in range(A)] for s in range(S)]
    transitions = {s: {a: [(T[i, j, t], names["states"][t], expected[j][i][t]) for t in range(S) if T[i, j, t]] for i, a in enumerate(names["actions"])}
                   for j, s in enumerate(names["states"])}
    m = MDP.from_dict(transitions, head["discount"].split()[0], initial=None if start is None else dict(zip(names["states"], start)), actions=names["actions"])
    if not Z:
        return m
    r = tuple(tuple(sum((T[a, s, t] * expected[s][a][t] for t in range(S)), Fraction(0)) for a in range(A)) for s in range(S))
    uniform = (Fraction(1, S),) * S
    return POMDP(m, tuple(tuple(tuple(row) for row in table) for table in O.tolist()), r, tuple(start) if start is not None else uniform, tuple(names["observations"]))


def to_cassandra(m, path):
    """Write an MDP as a file without observations.   ValueError for terminal states, absent actions, and names with spaces, which it cannot say"""
    if m.terminal.any() or not m.available.all():
        raise ValueError("a Cassandra file has every action in every state")
    exact = m.to_dict()
    word = lambda name: re.sub(r"[(),\s]+", "_", str(name)).strip("_")          # noqa: E731
    states = [word(s) if not word(s).isdigit() else f"s{word(s)}" for s in m.state_names]
    actions = [word(a) if not word(a).isdigit() else f"a{word(a)}" for a in m.action_names]
    if len(set(states)) < len(states) or len(set(actions)) < len(actions):
        raise ValueError("two names become the same word")
    gamma = m.gamma if m.exact_gamma is None else m.exact_gamma
    lines = [f"discount: {gamma}", "values: reward", f"states: {' '.join(states)}", f"actions: {' '.join(actions)}"]
    if m.initial is not None:
        lines.append("start: " + " ".join(str(p) for p in (m.initial.tolist() if m.exact_initial is None else m.exact_initial)))
    place = dict(zip(m.state_names, states))
    for s, choices in exact.items():
        for a, outcomes in choices.items():
            after = {}
            for p, t, r in outcomes:
                if t in after:
                    raise ValueError(f"state {s!r}, action {a!r} has two outcomes that lead to {t!r}; the file has one reward for both")
                after[t] = (p, r)
            for t, (p, r) in after.items():
                where = f"{actions[m.action_names.index(a)]} : {place[s]} : {place[t]}"
                lines += [f"T: {where} {p}"] + ([f"R: {where} {r}"] if r else [])
    write_text(path, "\n".join(lines) + "\n")


def _names(path, key, body):
    words = body.split()
    if len(words) == 1 and words[0].isdigit():
        return [str(i) for i in range(int(words[0]))]
    if not words or len(set(words)) < len(words):
        raise ValueError(f"{path}: {key}: expects a number, or distinct names; got {' '.join(words)[:60]!r}")
    return words


def _entry(path, key, body, table, names):
    """One T:, O: or R: entry, written into `table` (one axis for each list of names)."""
    places, words = [], body.replace(":", " : ").split()
    at = 0
    while at < len(words):                                               # names between colons
        if words[at] == ":":
            at += 1
            continue
        axis = len(places)
        if axis >= len(names) or axis and words[at - 1] != ":":
            break
        if words[at] == "*":
            places.append(slice(None))
        elif words[at] in names[axis]:
            places.append(names[axis].index(words[at]))
        elif words[at].isdigit() and int(words[at]) < len(names[axis]):
            places.append(int(words[at]))
        else:
            raise ValueError(f"{path}: {key}: {words[at]!r} is not one of {', '.join(names[axis][:8])}")
        at += 1
    rest = words[at:]
    target = table[tuple(places)]
    shape = tuple(len(n) for n in names[len(places):])
    if rest == ["identity"] and len(shape) == 2 and shape[0] == shape[1]:
        value = np.array([[Fraction(int(i == j)) for j in range(shape[1])] for i in range(shape[0])], object)
    elif rest == ["uniform"] and shape:
        value = np.full(shape, Fraction(1, shape[-1]), object)
    else:
        size = int(np.prod(shape)) if shape else 1
        if len(rest) != size:
            raise ValueError(f"{path}: {key}: {' '.join(words)[:50]!r} expects {size} numbers, got {len(rest)}")
        value = np.array([_number(path, w) for w in rest] + [None], object)[:-1].reshape(shape)
        value = value if shape else value.item()
    if len(places) == len(names) and not any(isinstance(p, slice) for p in places):
        table[tuple(places)] = value
    else:
        target[...] = value


def _check_rows(path, key, table, names, normalise):
    A, S = table.shape[:2]
    for a in range(A):
        for s in range(S):
            total = sum(table[a, s], Fraction(0))
            meant = read_row([float(x) for x in table[a, s]]) if total != 1 else None
            if meant is not None:                                        # floats printed by a program, such as 0.15000000000000002
                table[a, s] = meant
            elif total != 1 and normalise and abs(total - 1) < Fraction(1, 10 ** 5):
                table[a, s] = table[a, s] / total
            elif total != 1 or min(table[a, s]) < 0:
                raise ValueError(f"{path}: {key}: the probabilities of action {names['actions'][a]!r}, state {names['states'][s]!r} sum to {float(total):.9g}, not to 1 (off by {float(total - 1):.2g})"
                                 + ("; normalise=True divides them by their sum" if 0 < abs(total - 1) < Fraction(1, 10 ** 5) else ""))


def _start(path, head, states, normalise):
    S = len(states)
    chosen = None
    for key in ("start include", "start exclude"):
        if key in head:
            inside = {states[int(w)] if w.isdigit() and w not in states else w for w in head[key].split()}
            chosen = [s for s in states if (s in inside) == (key == "start include")]
    words = head.get("start", "").split()
    if chosen is None and len(words) == 1 and words[0] in states:
        chosen = [words[0]]
    if chosen is not None:
        return [Fraction(int(s in chosen), len(chosen)) for s in states]
    if words == ["uniform"]:
        return [Fraction(1, S)] * S
    if not words:
        return None
    numbers = [_number(path, w) for w in words]
    if len(numbers) != S:
        raise ValueError(f"{path}: start: expects {S} numbers, got {len(numbers)}")
    total = sum(numbers)
    if total != 1 and normalise and abs(total - 1) < Fraction(1, 10 ** 5):
        return [x / total for x in numbers]
    if total != 1:
        raise ValueError(f"{path}: start: sums to {float(total):.9g}, not to 1")
    return numbers


def _number(path, word):
    return exact(f"{path}: the entry", word)
