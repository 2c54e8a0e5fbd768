"""Pictures of processes and their solutions.

    value_map          a grid world's values and policies
    transition_graph   a small process as a graph
    convergence        bounds that close in
    gains              the average reward as a limit of discounted values
    beliefs            values over the belief in one of two states

Every function returns a matplotlib Figure that belongs to no window and shows itself in a notebook.
`save` writes it. matplotlib is imported when a picture is drawn (npixel/runtime/figure.py).

Read first: layout.py, planning/solve.py, pomdp.py.  Read next: demo.py.
"""

import math
from pathlib import Path

import numpy as np

from npixel.runtime import figure as figures
from npixel.runtime.whole_file import write_whole

from .layout import best_actions, cells, printable

STEP = {"north": (0, -1), "south": (0, 1), "east": (1, 0), "west": (-1, 0),
        "up": (0, -1), "down": (0, 1), "right": (1, 0), "left": (-1, 0)}
INK, SOFT, ACTION = "#1f2933", "#8794a3", "#b3541e"
CURVES = ("#1f6f8b", ACTION, "#5b8c5a", "#6b4c9a", "#b08900")


def figure(width, height):
    """An empty Figure, in inches.   ImportError, in one line, without matplotlib"""
    return figures.figure(width, height, dpi=130, facecolor="white")


def save(fig, path):
    """Write a figure as PNG (or what the name's ending says), whole or not at all."""
    write_whole(path, lambda file: fig.savefig(file, format=Path(path).suffix[1:] or "png"))


def label(name):
    """A name as matplotlib prints it, letter by letter.

    A dollar would begin a formula, a first underscore would hide a line from the legend.

    >>> print(label("$x_{"), label("_y"))
    \\$x_{  _y
    """
    text = printable(name).replace("$", r"\$")
    return " " + text if text.startswith("_") else text


def value_map(m, panels, *, title=""):
    """Values of a grid world as colours and numbers, with the best actions as arrows.

    panels   list of (heading, v (S,), solution or None): arrows are drawn where there is a Solution
    ValueError if the states are not cells of a grid (layout.cells).
    """
    where = cells(m)
    if where is None:
        raise ValueError("states must be named (row, column) for a value_map")
    rows, columns = (max(cell[i] for cell in where.values()) + 1 for i in (0, 1))
    size = 0.82
    fig = figure(len(panels) * (columns * size + 1.1), rows * size + (1.0 if title else 0.6))
    if title:
        fig.suptitle(title, color=INK, fontsize=12)
    for number, (heading, v, solution) in enumerate(panels, start=1):
        ax = fig.add_subplot(1, len(panels), number)
        picture = np.full((rows, columns), np.nan)
        for s, cell in where.items():
            picture[cell] = v[s]
        low, high = np.nanmin(picture), np.nanmax(picture)
        decimals = 1 if max(abs(low), abs(high)) >= 9.995 else 2
        ax.set_facecolor("#3e4c59")              # walls
        # colours that are light enough to read on
        lightest, darkest = low - 0.05 * (high - low), high + 1.1 * (high - low) + 1e-9
        ax.imshow(picture, cmap="YlGnBu", vmin=lightest, vmax=darkest)
        for s, (r, c) in where.items():
            below = 0.26 if solution is not None and not m.terminal[s] else 0
            text = f"{v[s] + 0.0:.{decimals}f}".replace("-", "−")
            ax.text(c, r + below, text, ha="center", va="center", fontsize=10, color=INK)
        if solution is not None:
            for s, actions in enumerate(best_actions(m, solution)):
                if s in where:
                    _arrows(ax, where[s], [str(m.action_names[a]) for a in actions])
        ax.set_xticks(np.arange(columns + 1) - 0.5, minor=True)
        ax.set_yticks(np.arange(rows + 1) - 0.5, minor=True)
        ax.grid(which="minor", color="white", linewidth=1.5)
        ax.tick_params(which="both", length=0, labelsize=8, colors=SOFT)
        ax.set_xticks(range(columns)), ax.set_yticks(range(rows))
        ax.set_title(heading, fontsize=10.5, color=INK)
        for side in ax.spines.values():
            side.set_visible(False)
    return fig


def _arrows(ax, cell, names):
    """The actions of a cell: arrows for directions, names for others."""
    r, c = cell
    for name in names:
        if name.lower() in STEP:
            dx, dy = STEP[name.lower()]
            style = {"arrowstyle": "-|>", "color": ACTION, "linewidth": 1.4, "shrinkA": 0,
                     "shrinkB": 0, "mutation_scale": 9}
            ax.annotate("", (c + 0.2 * dx, r - 0.14 + 0.2 * dy), (c, r - 0.14), arrowprops=style)
        else:
            ax.text(c, r - 0.16, label(name), ha="center", va="center", fontsize=8.5, color=ACTION,
                    style="italic")


RADIUS = 0.42                          # of a state in a transition graph; half a side of a square


def transition_graph(m, *, positions=None, solution=None, title=""):
    """States as circles, actions as dots on the way, arrows with probability and reward.

    positions   state name -> (x, y), and (state name, action name) -> (x, y) for the dot of an
                action; default: states on a circle
    solution    its actions are drawn bold, and values are written into the states
    ValueError above 20 states: nobody could read it.
    """
    if m.num_states > 20:
        raise ValueError("transition_graph draws at most 20 states, "
                         f"this process has {m.num_states}")
    positions = dict(positions or {})
    for s, name in enumerate(m.state_names):
        angle = math.pi / 2 - 2 * math.pi * s / m.num_states
        positions.setdefault(name, (2.4 * math.cos(angle), 2.4 * math.sin(angle)))
    xs, ys = zip(*(positions[name] for name in positions))
    fig = figure(1.35 * (max(xs) - min(xs)) + 2.2, 1.35 * (max(ys) - min(ys)) + 2.2)
    ax = fig.add_subplot()
    best = best_actions(m, solution) if solution is not None else [[]] * m.num_states
    for k in range(m.num_pairs):
        _draw_action(ax, m, k, positions, int(m.pair_action[k]) in best[m.pair_state[k]])
    for s, name in enumerate(m.state_names):
        text = label(name) if solution is None else f"{label(name)}\n{_short(solution.v[s])}"
        _draw_state(ax, positions[name], text, m.terminal[s])
    ax.set_xlim(min(xs) - 0.8, max(xs) + 0.8), ax.set_ylim(min(ys) - 0.7, max(ys) + 0.8)
    ax.set_aspect("equal"), ax.axis("off")
    if title:
        ax.set_title(title, fontsize=12, color=INK)
    return fig


def _draw_action(ax, m, k, positions, bold):
    """Pair k: a line from its state to a dot, and an arrow from the dot to each next state."""
    source, action = m.state_names[m.pair_state[k]], m.action_names[m.pair_action[k]]
    outcomes = range(m.outcome_ptr[k], m.outcome_ptr[k + 1])
    start = np.array(positions[source])
    targets = [np.array(positions[m.state_names[m.next[j]]]) for j in outcomes]
    dot = positions.get((source, action))
    if dot is None:
        middle = np.mean([positions[name] for name in m.state_names], axis=0)
        dot = _dot(start, targets, middle)
    dot = np.array(dot)
    colour, width = (ACTION, 2.2) if bold else (SOFT, 1.2)
    # there and back: an eye rather than two lines on each other
    back = any(np.allclose(target, start) for target in targets)
    _edge(ax, start, dot, (RADIUS, 0.0), colour, width, bend=-0.3 if back else 0.0, head=False)
    ax.plot(*dot, "o", color=colour, markersize=6, zorder=3)
    for j, target in zip(outcomes, targets):
        bend = -0.3 if np.allclose(target, start) else 0.1
        way = (target - dot) / np.linalg.norm(target - dot)
        reach = RADIUS / np.abs(way).max() if m.terminal[m.next[j]] else RADIUS
        _edge(ax, dot, target, (0.0, reach), colour, width, bend=bend, head=True)
        if m.probability[j] < 1:
            _write_probability(ax, dot, target, bend, m.probability[j])
    text = f"{label(action)}\nr = {_short(m.expected.r[k])}"
    _write_action(ax, text, start, dot, targets, ACTION if bold else INK)


def _dot(start, targets, middle):
    """Where the dot of an action stands: on the way; or, of a loop, away from the middle."""
    centre = np.mean(targets, axis=0)
    if np.allclose(centre, start):
        outward = start - middle
        return start + 1.05 * outward / (np.linalg.norm(outward) or 1)
    way = centre - start
    return start + 0.5 * way + 0.16 * np.array([-way[1], way[0]]) / np.linalg.norm(way)


def _write_probability(ax, dot, target, bend, p):
    """A probability on the middle of its curve."""
    sideways = np.array([target[1] - dot[1], dot[0] - target[0]])
    control = (dot + target) / 2 + bend * sideways
    middle = 0.5**2 * dot + 0.5 * control + 0.5**2 * target
    ax.text(*middle, f"{p:.3g}", fontsize=9, color=INK, ha="center", va="center", zorder=5,
            bbox={"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none"})


def _write_action(ax, text, start, dot, targets, colour):
    """The name of an action, on the side of its dot that is away from what it connects."""
    away = dot - np.mean([start, *targets], axis=0)
    if np.linalg.norm(away) < 0.12:
        way = targets[0] - start
        left = way[0] < 0 or way[0] == 0 < way[1]
        away = np.array([way[1], -way[0]]) if left else np.array([-way[1], way[0]])
    x, y = away / np.linalg.norm(away)
    ax.annotate(text, dot, xytext=(9 * x, 9 * y), textcoords="offset points", fontsize=9, zorder=6,
                ha="left" if x > 0.5 else "right" if x < -0.5 else "center",
                va="bottom" if y > 0.5 else "top" if y < -0.5 else "center", color=colour)


def _draw_state(ax, place, text, terminal):
    """A circle with its name; a square where the process ends."""
    from matplotlib.patches import Circle, Rectangle
    x, y = place
    line = {"edgecolor": INK, "linewidth": 1.4, "zorder": 4}
    if terminal:
        corner = (x - RADIUS, y - RADIUS)
        shape = Rectangle(corner, 2 * RADIUS, 2 * RADIUS, facecolor="#e4e7eb", **line)
    else:
        shape = Circle((x, y), RADIUS, facecolor="white", **line)
    ax.add_patch(shape)
    ax.text(x, y, text, ha="center", va="center", fontsize=10, color=INK, zorder=5)


def _edge(ax, start, end, gaps, colour, width, *, bend, head):
    """A line or an arrow, which leaves out the lengths `gaps` at its two ends."""
    way = end - start
    length = np.linalg.norm(way)
    if length == 0:
        return
    start, end = start + way / length * gaps[0], end - way / length * gaps[1]
    style = {"arrowstyle": "-|>" if head else "-", "color": colour, "linewidth": width,
             "shrinkA": 0, "shrinkB": 0, "mutation_scale": 13,
             "connectionstyle": f"arc3,rad={bend}"}
    ax.annotate("", end, start, zorder=2, arrowprops=style)


def convergence(solutions, *, title="", last_change=None):
    """Largest upper - lower after each iteration, one curve for each Solution with a history.

    solutions    {name: Solution}, at most five with a history
    last_change  (n,) drawn beside, dashed
    """
    fig = figure(6.4, 3.9)
    ax = fig.add_subplot()
    shown = {name: s.history for name, s in solutions.items() if s.history is not None}
    if len(shown) > len(CURVES):
        raise ValueError(f"convergence draws at most {len(CURVES)} curves, got {len(shown)}")
    for colour, (name, history) in zip(CURVES, shown.items()):
        style = "o-" if len(history) < 30 else "-"
        ax.semilogy(np.arange(1, len(history) + 1), np.maximum(history, 1e-17), style,
                    color=colour, label=label(name), markersize=4)
    if last_change is not None:
        ax.semilogy(np.arange(1, len(last_change) + 1), np.maximum(last_change, 1e-17), "--",
                    color=SOFT, label="last change of v (proves nothing)")
    ax.set_xlabel("iteration"), ax.set_ylabel("upper bound − lower bound")
    _plain(ax)
    ax.legend(frameon=False, fontsize=9)
    if title:
        ax.set_title(title, fontsize=11.5, color=INK)
    return fig


def gains(panels, *, title=""):
    """(1 - gamma) v of every state as gamma tends to 1, and the gains as its limits.

        v = gain / (1 - gamma) + bias + what vanishes

    panels   list of (heading, m, its Solution for criterion "average")
    """
    from .planning.solve import solve
    fig = figure(4.7 * len(panels) + 0.4, 3.9)
    horizon = np.geomspace(1, 1000, 40)          # 1 / (1 - gamma)
    for number, (heading, m, average) in enumerate(panels, start=1):
        ax = fig.add_subplot(1, len(panels), number)
        # (40, S)
        v = np.array([solve(m.replace(gamma=1 - 1 / h), tol=1e-4).v / h for h in horizon])
        for s, colour in zip(range(m.num_states), CURVES):
            worth = f"gain {_short(average.gain[s])}, bias {_short(average.bias[s])}"
            ax.semilogx(horizon, v[:, s], color=colour, label=f"{label(m.state_names[s])}: {worth}")
            ax.axhline(average.gain[s], color=colour, linestyle=":", linewidth=1)
        ax.set_xlabel("1 / (1 − γ)")
        ax.set_ylabel("(1 − γ) v*" if number == 1 else "")
        low, high = ax.get_ylim()
        ax.set_ylim(low - 0.4 * (high - low), high)        # room for the legend
        ax.legend(frameon=False, fontsize=8.5, loc="lower right")
        ax.set_title(heading, fontsize=10.5, color=INK)
        _plain(ax)
    if title:
        fig.suptitle(title, color=INK, fontsize=12)
    return fig


def beliefs(pomdp, sets, *, title=""):
    """The best value over the belief in the first of two states.

    There is one panel for each number of steps. Every plan is a line, the best of them bold.

    sets   {steps: list of Plan} of POMDP.solve
    ValueError if the process has not two states.
    """
    if pomdp.mdp.num_states != 2:
        raise ValueError("beliefs draws processes of two states, "
                         f"this one has {pomdp.mdp.num_states}")
    fig = figure(3.3 * len(sets) + 0.4, 3.9)
    b = np.linspace(0, 1, 401)
    for number, (steps, plans) in enumerate(sets.items(), start=1):
        ax = fig.add_subplot(1, len(sets), number)
        alphas = np.array([[float(x) for x in plan.alpha] for plan in plans])  # (plans, 2)
        lines = alphas @ np.array([b, 1 - b])                                  # (plans, 401)
        best = lines.argmax(0)
        low, high = lines.max(0).min(), lines.max()
        for line in lines:
            ax.plot(b, line, color=SOFT, linewidth=0.7, alpha=0.6)
        for a, colour in zip(range(pomdp.mdp.num_actions), CURVES):
            own = np.array([plan.action == a for plan in plans])[best]
            ax.plot(b, np.where(own, lines.max(0), np.nan), color=colour, linewidth=2.6,
                    label=label(pomdp.mdp.action_names[a]))
        ax.set_ylim(low - 0.5 * (high - low) - 0.5, high + 0.05 * (high - low) + 0.5)
        ax.set_xlim(0, 1)
        ax.set_xlabel(f"P({label(pomdp.mdp.state_names[0])})")
        ax.set_ylabel("value" if number == 1 else "")
        ax.set_title(f"{steps} step{'s' if steps > 1 else ''}, {len(plans)} plans", fontsize=10.5,
                     color=INK)
        _plain(ax)
        if number == 1:
            ax.legend(frameon=False, fontsize=9, loc="lower center")
    if title:
        fig.suptitle(title, color=INK, fontsize=12)
    return fig


def _plain(ax):
    ax.grid(alpha=0.25)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)


def _short(x):
    """A number in at most five characters or so, no minus zero."""
    text = f"{x:.2f}".rstrip("0").rstrip(".") if abs(x) < 10 else f"{x:.1f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text.replace("-", "−")
