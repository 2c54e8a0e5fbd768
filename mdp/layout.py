"""Where states stand on paper: cells of a grid, and actions as arrows. Shared by the command line and plots.py."""

import re

import numpy as np

ARROWS = {"north": "↑", "south": "↓", "east": "→", "west": "←", "up": "↑", "down": "↓", "right": "→", "left": "←"}
LETTERS = {"↑": "^", "↓": "v", "→": ">", "←": "<"}                      # where the terminal cannot print arrows


def cells(m):
    """State number -> (row, column) if the states are cells of a grid, named (row, column) or "(row, column)", all but one at most; else None."""
    found = {}
    for s, name in enumerate(m.state_names):
        match = re.fullmatch(r"\(?(\d+), *(\d+)\)?", str(name))
        if match and (isinstance(name, str) or isinstance(name, tuple)):
            found[s] = (int(match[1]), int(match[2]))
    return found if len(found) >= 2 and len(found) >= m.num_states - 1 and len(set(found.values())) == len(found) else None


def best_actions(m, solution):
    """For each state the actions whose value cannot be told from the best one: list of lists, empty in terminal states."""
    out = []
    for s in range(m.num_states):
        if m.terminal[s]:
            out.append([])
            continue
        q = solution.q[s]
        q = np.where(np.isinf(q), np.sign(q) * 1e300, q)                  # infinite totals compare like very large ones
        margin = 2 * solution.width + 1e-9 * (1 + float(np.nanmax(np.abs(q), initial=0, where=np.abs(q) < 1e300)))
        q = q if q[solution.policy[s]] >= np.nanmax(q) - margin else -q   # minimised
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
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1]
                                                   for c in text)
