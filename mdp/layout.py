"""Where states stand on paper: cells of a grid, and actions as arrows.

The command line and the pictures share it.

Read first: model.py, planning/solution.py.  Read next: tables.py, plots.py, json_text.py.
"""

import re

import numpy as np

ARROWS = {"north": "↑", "south": "↓", "east": "→", "west": "←",
          "up": "↑", "down": "↓", "right": "→", "left": "←"}
LETTERS = {"↑": "^", "↓": "v", "→": ">", "←": "<"}     # where the terminal cannot print arrows


def cells(m):
    """{state: (row, column)} if all states, but for one at most, are cells of a grid; else None.

    A cell is named (row, column) or "(row, column)".
    """
    found = {}
    for s, name in enumerate(m.state_names):
        match = re.fullmatch(r"\(?(\d+), *(\d+)\)?", str(name))
        if match and isinstance(name, (str, tuple)):
            found[s] = (int(match[1]), int(match[2]))
    distinct = len(set(found.values())) == len(found)
    return found if distinct and len(found) >= max(2, m.num_states - 1) else None


def best_actions(m, solution):
    """For each state a list of the actions whose value cannot be told from the best one.

    It is empty in terminal states.
    """
    out = []
    for s in range(m.num_states):
        if m.terminal[s]:
            out.append([])
            continue
        q = solution.q[s]
        q = np.where(np.isinf(q), np.sign(q) * 1e300, q)   # infinite totals compare like large ones
        largest = float(np.nanmax(np.abs(q), initial=0, where=np.abs(q) < 1e300))
        margin = 2 * solution.width + 1e-9 * (1 + largest)
        if not q[solution.policy[s]] >= np.nanmax(q) - margin:
            q = -q                                         # minimised
        with np.errstate(invalid="ignore"):
            out.append([int(a) for a in np.flatnonzero(q >= np.nanmax(q) - margin)])
    return out


def symbol(name):
    """An action as it is drawn: an arrow for a direction, else its name."""
    return ARROWS.get(str(name).lower(), printable(name))


def printable(name):
    r"""A name as it may reach a terminal: what moves the cursor or cannot be encoded, as an escape.

    >>> printable("a\x1b[2Jb"), printable(("left", 1))
    ('a\\x1b[2Jb', "('left', 1)")
    """
    text = str(name)
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
