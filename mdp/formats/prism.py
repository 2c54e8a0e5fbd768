"""PRISM's explicit files, and Storm's: .tra with .sta, .lab, .srew, .trew.

    .tra   "states choices transitions" (PRISM) or "mdp" (Storm), then lines: state choice next probability [action]
    .sta   "(variables)", then lines: number:(values)                           names of states
    .lab   0="init" 1="deadlock" ..., then lines: state: labels;  Storm: #DECLARATION names #END, then lines: state labels
    .srew  [states entries], then lines: state reward                          received on leaving the state, by any choice
    .trew  [states choices entries], then lines: state choice next reward

Probabilities and rewards may be fractions ("1/2"); decimals are taken exactly. A reward of the model is the state's plus the transition's.
A state without choices is terminal. Lines that begin with # are comments (but for Storm's declaration).

PRISM manual, "Explicit model files"; Hensel, Junges, Katoen, Quatmann, Volk, "The probabilistic model checker Storm", STTT 2022.

Read first: ../model.py.
"""

from fractions import Fraction
from pathlib import Path

import numpy as np

from npixel.whole_file import write_text

from ..given_numbers import exact
from ..model import MDP


def from_prism(tra, *, sta=None, lab=None, srew=None, trew=None, gamma=1):
    """Read explicit files -> MDP; states are named by .sta, else by number; the initial state is the one labelled init (without .lab state 0).

    ValueError, with file and line, for what is no such file; OSError if one cannot be read.
    """
    lines = _lines(tra)
    if not lines:
        raise ValueError(f"{tra}: empty")
    head, count = lines[0][1], None
    if head[0].lower() in ("mdp", "dtmc"):
        lines = lines[1:]
    elif len(head) == 3 and head[0].isdigit():
        count, lines = int(head[0]), lines[1:]
    outcomes, labels, size = {}, {}, 0
    for number, words in lines:
        if len(words) not in (4, 5):
            raise ValueError(f"{tra}:{number}: expects state choice next probability [action], got {' '.join(words)!r}")
        s, c, t = (_integer(tra, number, w) for w in words[:3])
        outcomes.setdefault((s, c), []).append((t, _number(tra, number, words[3])))
        if len(words) == 5 and labels.setdefault((s, c), words[4]) != words[4]:
            raise ValueError(f"{tra}:{number}: choice {c} of state {s} has two names, {labels[s, c]!r} and {words[4]!r}")
        size = max(size, s + 1, t + 1)
    S = size if count is None else count
    if size > S:
        raise ValueError(f"{tra}: state {size - 1} is beyond the {S} states of the header")
    state_reward, transition_reward = {}, {}
    if srew is not None:
        for number, words in _table(srew, 2):
            state_reward[_integer(srew, number, words[0])] = _number(srew, number, words[1])
    if trew is not None:
        for number, words in _table(trew, 4):
            s, c, t = (_integer(trew, number, w) for w in words[:3])
            if (s, c) not in outcomes:
                raise ValueError(f"{trew}:{number}: state {s} has no choice {c}")
            transition_reward[s, c, t] = _number(trew, number, words[3])
    names = list(range(S))
    if sta is not None:
        rows = dict(line.split(":", 1) for line in (x.strip() for x in Path(sta).read_text(encoding="utf-8").splitlines()) if ":" in line and not line.startswith("#"))
        names = [rows.get(str(s), str(s)) for s in range(S)]
        if len(set(names)) < S:
            raise ValueError(f"{sta}: two states have the same values")
    # choices are told apart by number; where no state uses an action name twice, by name
    per_state = {}
    for (s, c), name in labels.items():
        per_state.setdefault(s, []).append(name)
    named = len(labels) == len(outcomes) and all(len(set(x)) == len(x) for x in per_state.values())
    transitions = {name: {} for name in names}
    for (s, c), row in sorted(outcomes.items()):
        transitions[names[s]][labels[s, c] if named else c] = [(p, names[t], state_reward.get(s, 0) + transition_reward.get((s, c, t), 0)) for t, p in row]
    first = read_labels(lab).get("init", [0]) if lab is not None else [0]
    initial = {names[s]: Fraction(1, len(first)) for s in first} if first else None
    return MDP.from_dict(transitions, gamma, initial=initial)


def read_labels(lab):
    """A .lab file of PRISM or Storm -> {label: sorted list of states}."""
    text = Path(lab).read_text(encoding="utf-8")
    out = {}
    if "#DECLARATION" in text:
        declared, _, rest = text.partition("#DECLARATION")[2].partition("#END")
        out = {name: [] for name in declared.split()}
        for words in (line.split() for line in rest.splitlines() if line.strip()):
            for name in words[1:]:
                out.setdefault(name, []).append(int(words[0]))
        return out
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    names = {}
    for word in lines[0].split():
        number, _, name = word.partition("=")
        if not number.isdigit() or not name:
            raise ValueError(f'{lab}: expects 0="init" 1="deadlock" ..., got {word!r}')
        names[int(number)] = name.strip('"')
        out[name.strip('"')] = []
    for line in lines[1:]:
        s, _, numbers = line.partition(":")
        for number in numbers.split():
            out[names[int(number)]].append(int(s))
    return out


def to_prism(m, base):
    """Write base.tra, base.sta, base.lab and base.trew; returns their paths. The discount is not part of these files.

    ValueError if an action name contains a space, or two outcomes of a pair have the same next state and different rewards.
    """
    p = m.probability.tolist() if m.exact_probability is None else m.exact_probability
    r = m.reward.tolist() if m.exact_reward is None else m.exact_reward
    rows, rewards = [], []
    for k in range(m.num_pairs):
        s, c = int(m.pair_state[k]), k - int(m.pair_ptr[m.pair_state[k]])
        name = str(m.action_names[m.pair_action[k]])
        if not name or len(name.split()) != 1:
            raise ValueError(f"action {name!r} is no single word, as .tra files need")
        seen = set()
        for j in range(m.outcome_ptr[k], m.outcome_ptr[k + 1]):
            if m.next[j] in seen:
                raise ValueError(f"{m.pair_label(k)} has two outcomes that lead to {m.state_label(m.next[j])}; the file has one reward for both")
            seen.add(m.next[j])
            rows.append(f"{s} {c} {m.next[j]} {p[j]} {name}")
            if m.reward[j]:
                rewards.append(f"{s} {c} {m.next[j]} {r[j]}")
    S, K = m.num_states, m.num_pairs
    files = {".tra": [f"{S} {K} {len(rows)}", *rows], ".trew": [f"{S} {K} {len(rewards)}", *rewards],
             ".sta": ["(s)", *(f"{s}:{name if str(name).startswith('(') else f'({name})'}" for s, name in enumerate(m.state_names))]}
    start = [] if m.initial is None else np.flatnonzero(m.initial).tolist()
    files[".lab"] = ['0="init" 1="deadlock"', *(f"{s}: 0" for s in start), *(f"{s}: 1" for s in np.flatnonzero(m.terminal).tolist())]
    out = []
    for ending, lines in files.items():
        path = Path(f"{base}{ending}")
        write_text(path, "\n".join(lines) + "\n")
        out.append(path)
    return out


def _lines(path):
    """[(line number, words)] without comments and empty lines."""
    return [(n, line.split()) for n, line in enumerate(Path(path).read_text(encoding="utf-8").splitlines(), start=1) if line.strip() and not line.lstrip().startswith("#")]


def _table(path, width):
    """Lines of `width` words; a header of counts, where there is one, is left out."""
    lines = _lines(path)
    if lines and (len(lines[0][1]) != width or width == 2 and len(lines) == int(lines[0][1][1]) + 1 and lines[0][1][0].isdigit()):
        lines = lines[1:]
    for number, words in lines:
        if len(words) != width:
            raise ValueError(f"{path}:{number}: expects {width} numbers, got {' '.join(words)!r}")
    return lines


def _integer(path, number, word):
    if not word.isdigit():
        raise ValueError(f"{path}:{number}: expects an integer >= 0, got {word!r}")
    return int(word)


def _number(path, number, word):
    return exact(f"{path}:{number}: the entry", word)
