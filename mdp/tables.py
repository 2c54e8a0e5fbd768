"""Values and policies as text.

Where the states are cells, a grid of numbers and one of arrows; else one row for each state.

Read first: layout.py.  Read next: commands/shared.py.
"""

import sys

from . import given_numbers, layout
from .layout import printable

MOST = 200                             # states printed
HEIGHT, WIDTH = 41, 12                 # of the largest grid that is printed as one


def table(m, columns, policy, solution=None):
    """A grid of values and a grid of arrows if the states are cells, else one row for each state.

    columns   list of (heading, numbers); a grid shows the first
    solution  if given, every best action is shown, in place of that of `policy`
    """
    where = layout.cells(m)
    if where is None:
        return rows(m, columns, policy)
    height, width = (max(cell[i] for cell in where.values()) + 1 for i in (0, 1))
    if height > HEIGHT or width > WIDTH:
        return rows(m, columns, policy)
    best = [[a] if a >= 0 else [] for a in policy]
    if solution is not None:
        best = layout.best_actions(m, solution)
    numbers, state = columns[0][1], {cell: s for s, cell in where.items()}
    lines = []
    for row in range(height):
        states = [state.get((row, column)) for column in range(width)]
        values = "".join("     ####" if s is None else f"{numbers[s] + 0.0:9.4f}" for s in states)
        arrows = " ".join(f"{'#' if s is None else _arrows(m, best[s]):>5}" for s in states)
        lines.append(values + "    " + arrows)
    others = [s for s in range(m.num_states) if s not in where]
    return "\n".join(lines + [f"  {printable(m.state_names[s])}: {numbers[s]:.4f}" for s in others])


def _arrows(m, actions):
    """The actions of a cell, side by side; a point where there is none."""
    return "".join(_arrow(m.action_names[a]) for a in actions) or "."


def rows(m, columns, policy=None, most=MOST):
    """One row for each state.   columns: list of (heading, numbers)"""
    names = [printable(name) for name in m.state_names[:most]]
    width = max(map(len, names + ["state"]))
    head = f"{'state':{width}}" + "".join(f"{name:>14}" for name, _ in columns)
    lines = [head + ("   action" if policy is not None else "")]
    for s, name in enumerate(names):
        action = ""
        if policy is not None:
            action = "   (terminal)" if m.terminal[s] else ""
            if policy[s] >= 0:
                action = "   " + printable(m.action_names[policy[s]])
        values = "".join(f"{column[s] + 0.0:14.6g}" for _, column in columns)
        lines.append(f"{name:{width}}" + values + action)
    return "\n".join(lines + _rest(m, most))


def exact_rows(m, columns, actions=None, ends=None, most=MOST):
    """One row for each state, in fractions, with all its optimal actions.

    columns  {heading: Fractions}
    actions  for each state a list of printable names
    ends     for each state what is said if that is empty
    """
    names = [printable(name) for name in m.state_names[:most]]
    width = max(map(len, names + ["state"]))
    texts = {name: [short(x) for x in column[:most]] for name, column in columns.items()}
    wide = {name: max(map(len, column + [name])) + 3 for name, column in texts.items()}
    head = f"{'state':{width}}" + "".join(f"{name:>{wide[name]}}" for name in texts)
    lines = [head + ("" if actions is None else "   optimal actions")]
    for i, name in enumerate(names):
        values = "".join(f"{column[i]:>{wide[heading]}}" for heading, column in texts.items())
        best = "" if actions is None else "   " + (", ".join(actions[i]) or ends[i])
        lines.append(f"{name:{width}}" + values + best)
    return "\n".join(lines + _rest(m, most))


def _rest(m, most):
    more = m.num_states - most
    return [f"... and {more} more states; --json prints all"] if more > 0 else []


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
