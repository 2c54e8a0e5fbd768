"""PRISM's explicit files, and Storm's: .tra with .sta, .lab, .srew, .trew.

    .tra   [states choices transitions] or mdp, then lines: state choice next probability [action]
           of a chain: states transitions, or dtmc, then lines: state next probability
    .sta   (variables), then lines: number:(values)              names of states
    .lab   0="init" 1="deadlock" ..., then lines: state: labels
           Storm: #DECLARATION names #END, then lines: state labels
    .srew  [states entries], then lines: state reward            on leaving the state, by any choice
    .trew  [states choices entries], then lines: state choice next reward
           of a chain: [states entries], then lines: state next reward

PRISM's headers are the counts, Storm's are "mdp" and "dtmc". Numbers are read as words.py says.
A reward of the model is the state's plus the transition's. A state without choices is terminal.
Lines that begin with # are comments (but for Storm's declaration).

Nothing is guessed about a first line. It is a header where it cannot be an entry: it has fewer
words than an entry; or, in .srew, it begins with the number of states, which is the number of no
state. What a header counts must be there.

Several states labelled init are read as a uniform distribution, and a uniform distribution is
written so.

PRISM manual, "Explicit model files"; Hensel, Junges, Katoen, Quatmann, Volk, "The probabilistic
model checker Storm", STTT 2022.

Read first: model.py, formats/words.py.  Read next: formats/drn.py, formats/files.py.
"""

import re
from fractions import Fraction
from pathlib import Path

import numpy as np

from npixel.runtime.whole_file import write_text

from ..model import MDP
from . import words
from .words import Numbers, integer, read_lines, read_text


@words.either_spelling
def from_prism(tra, *, sta=None, lab=None, srew=None, trew=None, gamma=1, normalize=False):
    """Read explicit files -> MDP; states are named by .sta, else by number.

    The initial state is the one labelled init; without .lab it is state 0. Of a chain, every state
    has one action, 0.

    normalize   divide rows that are off by less than 1e-5 by their sum

    ValueError, with file and line, for what is no such file; OSError if one cannot be read.
    """
    number = Numbers()
    S, chain, outcomes, labels = _transitions(tra, number)
    counts = (S, len(outcomes), sum(map(len, outcomes.values())))
    state_reward = {} if srew is None else _state_rewards(srew, S, number)
    transition_reward = {}
    if trew is not None:
        transition_reward = _transition_rewards(trew, counts, chain, outcomes, number)
    names = list(range(S)) if sta is None else _state_names(sta, S)
    # choices are told apart by number; where no state uses an action name twice, by name
    per_state = {}
    for (s, c), name in labels.items():
        per_state.setdefault(s, []).append(name)
    named = len(labels) == len(outcomes) and all(len(set(x)) == len(x) for x in per_state.values())
    transitions = {name: {} for name in names}
    for (s, c), entries in sorted(outcomes.items()):
        where = f"{tra}: the probabilities of state {s}" + ("" if chain else f", choice {c}")
        p = words.row(where, list(entries.values()), normalize)
        transitions[names[s]][labels[s, c] if named else c] = [
            (x, names[t], state_reward.get(s, 0) + transition_reward.get((s, c, t), 0))
            for t, x in zip(entries, p)]
    first = [0] if lab is None else read_labels(lab, S).get("init", [0])
    initial = {names[s]: Fraction(1, len(first)) for s in first} if first else None
    return MDP.from_dict(transitions, gamma, initial=initial)


def _transitions(tra, number):
    """The .tra file -> (number of states, whether it is a chain, outcomes, names of choices).

    outcomes   {(state, choice): {next: probability}}
    names      {(state, choice): name}
    """
    chain, counts, lines = _header(tra, read_lines(tra))
    outcomes, names, size, named = {}, {}, 0, set()
    for n, line in lines:
        where = f"{tra}:{n}:"
        if len(line) != 3 if chain else len(line) not in (4, 5):
            form = "state next probability" if chain else "state choice next probability [action]"
            raise ValueError(f"{where} the line must be {form}, is {' '.join(line)[:60]!r}")
        if chain:
            line = [line[0], "0", *line[1:]]
        s, c, t = (integer(where, w) for w in line[:3])
        if len(line) == 5 and names.setdefault((s, c), line[4]) != line[4]:
            raise ValueError(f"{where} choice {c} of state {s} has two names, "
                             f"{names[s, c]!r} and {line[4]!r}")
        entries = outcomes.setdefault((s, c), {})
        if t in entries:
            raise ValueError(f"{where} state {s}, choice {c} leads to {t} twice")
        entries[t] = number(where, line[3])
        size = max(size, s + 1, t + 1)
        named.update((s, t))
    S = size if counts is None else counts[0]
    if size > S:
        raise ValueError(f"{tra}: state {size - 1} is beyond the {S} states of the header")
    found = [len(lines)] if chain else [len(outcomes), len(lines)]
    for what, told, there in zip(("choices", "transitions")[-len(found):], (counts or [])[1:],
                                 found):
        if told != there:
            raise ValueError(f"{tra}: the header counts {told} {what}, the file has {there}; "
                             "it may have been cut off")
    words.check_states(tra, S, len(named))
    return S, chain, outcomes, names


def _header(tra, lines):
    """(whether it is a chain, the counts of the header or None, the lines below it)."""
    if not lines:
        raise ValueError(f"{tra}: empty")
    head = [w.lower() for w in lines[0][1]]
    chain, counts, below = len(head) == 2, None, lines[1:]
    if head[0] in ("mdp", "dtmc") and len(head) == 1:
        chain = head == ["dtmc"]
    elif not head[0].isdigit():
        raise ValueError(f"{tra}:{lines[0][0]}: the first line must be counts, mdp or dtmc, "
                         f"is {' '.join(head)[:40]!r}")
    elif len(head) in (2, 3):
        counts = [integer(f"{tra}:{lines[0][0]}:", w) for w in head]
    else:
        below = lines                            # an entry: there is no header
    if not below:
        raise ValueError(f"{tra}: no transitions")
    return chain, counts, below


def _state_rewards(srew, S, number):
    """The .srew file -> {state: reward}. No state has the number S, so that it marks a header."""
    lines = read_lines(srew)
    if lines and len(lines[0][1]) == 2 and lines[0][1][0] == str(S):
        _check_count(srew, lines[0][1], len(lines) - 1)
        lines = lines[1:]
    out = {}
    for n, line in lines:
        where = f"{srew}:{n}:"
        if len(line) != 2:
            raise ValueError(f"{where} the line must be state reward, is {' '.join(line)[:60]!r}")
        s = integer(where, line[0])
        if s >= S:
            raise ValueError(f"{where} state {s} does not exist, there are {S}")
        if s in out:
            raise ValueError(f"{where} state {s} has two rewards")
        out[s] = number(where, line[1])
    return out


def _transition_rewards(trew, counts, chain, outcomes, number):
    """The .trew file -> {(state, choice, next): reward}. A header has a word less than an entry."""
    lines, width = read_lines(trew), 3 if chain else 4
    if lines and len(lines[0][1]) == width - 1:
        head = lines[0][1]
        for what, told, there in zip(("states", "choices"), head[:-1], counts):
            if told != str(there):
                raise ValueError(f"{trew}: the header counts {told} {what}, "
                                 f"the process has {there}")
        _check_count(trew, head, len(lines) - 1)
        lines = lines[1:]
    out = {}
    for n, line in lines:
        where = f"{trew}:{n}:"
        if len(line) != width:
            form = "state next reward" if chain else "state choice next reward"
            raise ValueError(f"{where} the line must be {form}, is {' '.join(line)[:60]!r}")
        if chain:
            line = [line[0], "0", *line[1:]]
        s, c, t = (integer(where, w) for w in line[:3])
        if (s, c) not in outcomes:
            raise ValueError(f"{where} state {s} has no choice {c}")
        if t not in outcomes[s, c]:
            raise ValueError(f"{where} choice {c} of state {s} does not lead to {t}")
        if (s, c, t) in out:
            raise ValueError(f"{where} state {s}, choice {c}, next {t} has two rewards")
        out[s, c, t] = number(where, line[3])
    return out


def _check_count(path, head, there):
    if head[-1] != str(there):
        raise ValueError(f"{path}: the header counts {head[-1]} entries, the file has {there}; "
                         "it may have been cut off")


def _state_names(sta, S):
    rows = {}
    for n, line in enumerate(read_text(sta).split("\n"), start=1):
        line = line.strip()
        if ":" not in line or line.startswith("#"):
            continue
        number, _, name = line.partition(":")
        s = integer(f"{sta}:{n}:", number.strip())
        if s >= S:
            raise ValueError(f"{sta}:{n}: state {s} does not exist, there are {S}")
        if s in rows:
            raise ValueError(f"{sta}:{n}: state {s} has two names")
        rows[s] = name
    names = [rows.get(s, str(s)) for s in range(S)]
    if len(set(names)) < S:
        raise ValueError(f"{sta}: two states have the same values")
    return names


def read_labels(lab, num_states=None):
    """A .lab file of PRISM or Storm -> {label: sorted list of states}.

    num_states   states from there on are refused; default: none is
    """
    text = read_text(lab)
    lines = [(n, line.split()) for n, line in enumerate(text.split("\n"), start=1)]
    lines = [(n, line) for n, line in lines if line]
    read = _storm_labels if "#DECLARATION" in text else _prism_labels
    declared, entries = read(lab, lines)
    out = {name: [] for name in declared}
    for n, state, names in entries:
        s = integer(f"{lab}:{n}:", state)
        if num_states is not None and s >= num_states:
            raise ValueError(f"{lab}:{n}: state {s} does not exist, there are {num_states}")
        for name in names:
            if name not in out:
                raise ValueError(f"{lab}:{n}: label {name!r} is not declared")
            out[name].append(s)
    return {name: sorted(set(states)) for name, states in out.items()}


def _storm_labels(lab, lines):
    """#DECLARATION names #END, then  state labels -> (names, [(line, state, its labels)])."""
    bounds = [i for i, (_, line) in enumerate(lines) if line[0] in ("#DECLARATION", "#END")]
    if len(bounds) != 2:
        raise ValueError(f"{lab}: must have one #DECLARATION and one #END")
    declared = [name for _, line in lines[bounds[0]:bounds[1] + 1] for name in line
                if not name.startswith("#")]
    return declared, [(n, line[0], line[1:]) for n, line in lines[bounds[1] + 1:]]


def _prism_labels(lab, lines):
    """0="init" ..., then  state: numbers -> (names, [(line, state, its labels)] one by one)."""
    lines = [(n, line) for n, line in lines if not line[0].startswith("#")]
    if not lines:
        raise ValueError(f'{lab}: empty; must begin with 0="init" 1="deadlock" ...')
    names = {}
    for word in lines[0][1]:
        number, _, name = word.partition("=")
        if not (number.isascii() and number.isdigit()) or not name.strip('"'):
            raise ValueError(f'{lab}: must begin with 0="init" 1="deadlock" ..., '
                             f'has {word[:40]!r}')
        names[number] = name.strip('"')

    def entries():
        for n, line in lines[1:]:
            state, colon, numbers = " ".join(line).partition(":")
            if not colon:
                raise ValueError(f"{lab}:{n}: the line must be state: labels, "
                                 f"is {' '.join(line)[:60]!r}")
            for label in numbers.split():
                if label not in names:
                    raise ValueError(f"{lab}:{n}: label {label[:40]!r} is not declared")
            yield n, state.strip(), [names[label] for label in numbers.split()]
    return names.values(), entries()


def rewards_beside(tra):
    """The reward files beside a .tra file: {label: {"srew": path, "trew": path}}, sorted by label.

        robot.srew, robot.trew                          label ""
        robot1.srew, robot1.trew                        label "1", PRISM's of several structures
        robot.state.rew, robot.trans.rew                label "", Storm's
        robot.flip.state.rew, robot.flip.trans.rew      label "flip"

    A numbered file that has a .tra of its own, robot1.tra, belongs to that.
    """
    tra, out = Path(tra), {}
    stem = re.escape(tra.stem)
    prism = re.compile(stem + r"(\d*)\.(s|t)rew")
    storm = re.compile(stem + r"(?:\.(.+))?\.(s|t)(?:tate|rans)\.rew")
    for path in sorted(tra.parent.iterdir()):
        match = prism.fullmatch(path.name) or storm.fullmatch(path.name)
        if not match or match[1] and tra.with_name(f"{tra.stem}{match[1]}.tra").exists():
            continue
        files, kind = out.setdefault(match[1] or "", {}), match[2] + "rew"
        if kind in files:
            raise ValueError(f"{tra}: {files[kind].name} and {path.name} hold the same kind of "
                             "rewards; leave one of them there")
        files[kind] = path
    return dict(sorted(out.items(), key=lambda item: (len(item[0]), item[0])))


def reward_name(files):
    """What PRISM calls these rewards, in a first comment: # Reward structure "time"; else ""."""
    for path in files.values():
        with open(path, encoding="utf-8", errors="replace") as file:
            match = re.match(r'# Reward structure "([^"]*)"', file.readline(1000))
        if match:
            return match[1]
    return ""


def to_prism(m, base):
    """Write base.tra, base.sta, base.lab and base.trew; returns their paths.

    The discount is not part of these files.

    Floats are written as words.print_row says, all other numbers as they are.

    ValueError for what these files cannot say: discounts per pair, costs, an initial distribution
    that is not uniform, action names that are no single word, and two outcomes of a pair with the
    same next state and different rewards. ValueError as well if a file of state rewards lies there
    already, which would belong to the new process.
    """
    for ending in (".srew", ".state.rew"):
        if Path(f"{base}{ending}").exists():
            raise ValueError(f"{base}{ending} exists, and would count as rewards of this process; "
                             "remove it, or choose another name")
    words.refuse_what_has_no_place(m, "PRISM's files have", initial="uniform")
    rows, rewards = [], []
    for k in range(m.num_pairs):
        s, c = int(m.pair_state[k]), k - int(m.pair_ptr[m.pair_state[k]])
        name = words.one_word("action", m.action_names[m.pair_action[k]])
        for t, p, r in words.outcomes(m, k):
            rows.append(f"{s} {c} {t} {p} {name}")
            if r:
                rewards.append(f"{s} {c} {t} {r}")
    S, X = m.num_states, m.num_pairs
    start = [] if m.initial is None else np.flatnonzero(m.initial).tolist()
    files = {".tra": [f"{S} {X} {len(rows)}", *rows],
             ".trew": [f"{S} {X} {len(rewards)}", *rewards],
             ".sta": ["(s)", *(f"{s}:{name}" for s, name in enumerate(_values(m)))],
             ".lab": ['0="init" 1="deadlock"', *(f"{s}: 0" for s in start),
                      *(f"{s}: 1" for s in np.flatnonzero(m.terminal).tolist())]}
    out = []
    for ending, lines in files.items():
        path = Path(f"{base}{ending}")
        write_text(path, "\n".join(lines) + "\n")
        out.append(path)
    return out


def _values(m):
    """The names of the states as .sta files need them: "(name)", on one line, all different."""
    names = [str(name) if str(name).startswith("(") else f"({name})" for name in m.state_names]
    for name in names:
        if len(name.splitlines()) != 1 or name != name.strip():
            raise ValueError(f"state {name!r} does not fit on one line, as .sta files need")
    if len(set(names)) < len(names):
        raise ValueError(f"state names are not distinct as text: {', '.join(names[:8])}")
    return names
