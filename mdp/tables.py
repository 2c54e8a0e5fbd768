"""Values and policies as text: a grid of numbers and one of arrows where the states are cells, else one row for each state.

Read first: layout.py.
"""

import sys

from . import given_numbers, layout
from .layout import printable

MOST = 200                                   # states printed


def table(m, columns, policy, solution=None):
    """A grid of values and a grid of arrows if the states are cells, else one row per state."""
    where = layout.cells(m)
    if where is None or max(c for _, c in where.values()) > 11 or max(r for r, _ in where.values()) > 40:
        return rows(m, columns, policy)
    height, width = (max(cell[i] for cell in where.values()) + 1 for i in (0, 1))
    best = layout.best_actions(m, solution) if solution is not None else [[a] if a >= 0 else [] for a in policy]
    state = {cell: s for s, cell in where.items()}
    lines = []
    for r in range(height):
        values = "".join("     ####" if (r, c) not in state else f"{columns[0][1][state[r, c]] + 0.0:9.4f}" for c in range(width))
        arrows = " ".join(f"{'#' if (r, c) not in state else ''.join(_arrow(m.action_names[a]) for a in best[state[r, c]]) or '.':>5}" for c in range(width))
        lines.append(values + "    " + arrows)
    others = [s for s in range(m.num_states) if s not in where]
    return "\n".join(lines + [f"  {printable(m.state_names[s])}: {columns[0][1][s]:.4f}"
                              for s in others])


def rows(m, columns, policy=None, most=MOST):
    """One row for each state.   columns: list of (heading, numbers)"""
    names = [printable(name) for name in m.state_names[:most]]
    width = max(map(len, names + ["state"]))
    lines = [f"{'state':{width}}" + "".join(f"{name:>14}" for name, _ in columns) + ("   action" if policy is not None else "")]
    for s, name in enumerate(names):
        action = ""
        if policy is not None:
            action = "   (terminal)" if m.terminal[s] else ""
            if policy[s] >= 0:
                action = "   " + printable(m.action_names[policy[s]])
        lines.append(f"{name:{width}}" + "".join(f"{values[s] + 0.0:14.6g}" for _, values in columns) + action)
    return "\n".join(lines + _rest(m, most))


def exact_rows(m, columns, actions=None, ends=None, most=MOST):
    """One row for each state, in fractions, with all its optimal actions.

    columns {heading: Fractions}
    actions for each state a list of printable names
    ends    for each state what is said if that is empty
    """
    names = [printable(name) for name in m.state_names[:most]]
    width = max(map(len, names + ["state"]))
    texts = {name: [short(x) for x in column[:most]] for name, column in columns.items()}
    wide = {name: max(map(len, column + [name])) + 3 for name, column in texts.items()}
    lines = [f"{'state':{width}}" + "".join(f"{name:>{wide[name]}}" for name in texts) + ("" if actions is None else "   optimal actions")]
    for i, name in enumerate(names):
        best = "" if actions is None else "   " + (", ".join(actions[i]) or ends[i])
        lines.append(f"{name:{width}}" + "".join(f"{texts[c][i]:>{wide[c]}}" for c in texts) + best)
    return "\n".join(lines + _rest(m, most))


def _rest(m, most):
    return [f"... and {m.num_states - most} more states; --json prints all"] if m.num_states > most else []


def fraction(x):
    """A Fraction as text; digits beyond what Python converts by default stay hexadecimal."""
    try:
        return str(x)
    except ValueError:
        return f"{hex(x.numerator)}/{hex(x.denominator)}"


def short(x):
    """A Fraction in at most 40 characters or so."""
    text = fraction(x)
    if len(text) <= 40:
        return text
    kind = "integer" if x.denominator == 1 else f"denominator of {x.denominator.bit_length()} bits"
    return f"{given_numbers.short(x)} ({kind})"


def _arrow(name):
    text = layout.symbol(name)
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return layout.LETTERS.get(text, text)
    return text
