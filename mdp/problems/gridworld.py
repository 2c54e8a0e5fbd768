"""Grid worlds: Sutton and Barto's 5x5 with two jumps (figures 3.2 and 3.5), and 4x4 (example 4.1).

A state is a cell (row, column), row 0 at the top; the actions are north, south, east, west. A move
off the grid or into a wall leaves the cell as it is.

Sutton and Barto, "Reinforcement Learning", 2nd edition, 2018, examples 3.5, 3.8 and 4.1 (in the
first edition figures 3.5 and 3.8).

Read first: model.py, problems/published.py.  Read next: problems/russell_norvig.py.
"""

from ..given_numbers import given
from ..model import MDP
from .published import Published

JUMPS = {(0, 1): ((4, 1), 10), (0, 3): ((2, 3), 5)}    # of figure 3.2
MOVES = {"north": (-1, 0), "south": (1, 0), "east": (0, 1), "west": (0, -1)}


def gridworld(gamma="9/10", *, rows=5, columns=5, walls=(), terminal=(), jumps=None, step_reward=0,
              bump_reward=-1, slip=0):
    """A grid world; the defaults are Sutton and Barto's figure 3.2.

    There every action in A = (0, 1) leads to (4, 1) with reward +10, in B = (0, 3) to (2, 3) with
    +5; a move off the grid costs 1; gamma = 0.9.

    rows         height, at least 1
    columns      width, at least 1
    walls        cells that are no states
    terminal     cells where the process ends
    jumps        cell -> (cell, reward): every action there leads there; default A and B as above on
                 the 5x5 grid without walls and terminal cells, else none
    step_reward  reward of a move that changes the cell (float, Fraction or text such as "-4/100")
    bump_reward  reward of a move against the border or a wall
    slip         probability to move at a right angle to the action, half to each side

    ValueError if a cell lies outside the grid or is a wall where it must not be.

    >>> gridworld(rows=1, columns=2, terminal=[(0, 1)]).to_dict()[0, 0]["east"]
    [(Fraction(1, 1), (0, 1), Fraction(0, 1))]
    """
    _check_size(rows=rows, columns=columns)
    walls, terminal = set(walls), set(terminal)
    if jumps is None:
        figure = (rows, columns) == (5, 5) and not walls and not terminal
        jumps = JUMPS if figure else {}
    cells = [(r, c) for r in range(rows) for c in range(columns) if (r, c) not in walls]
    _check_cells(rows, columns, set(cells), walls, terminal, jumps)
    slip = given("slip", slip)
    if not 0 <= slip <= 1:
        raise ValueError(f"slip is {slip}, outside [0, 1]")

    def move(cell, direction):
        ahead = (cell[0] + direction[0], cell[1] + direction[1])
        inside = 0 <= ahead[0] < rows and 0 <= ahead[1] < columns and ahead not in walls
        return (ahead, step_reward) if inside else (cell, bump_reward)

    def outcomes(cell, dr, dc):
        if cell in jumps:
            return [(1, *jumps[cell])]
        ways = [(1 - slip, (dr, dc)), (slip / 2, (dc, dr)), (slip / 2, (-dc, -dr))]
        return [(p, *move(cell, direction)) for p, direction in ways if p]

    transitions = {cell: {} if cell in terminal else
                   {action: outcomes(cell, *direction) for action, direction in MOVES.items()}
                   for cell in cells}
    return MDP.from_dict(transitions, gamma)


def _check_size(**sizes):
    for name, number in sizes.items():
        if isinstance(number, bool) or not isinstance(number, int) or number < 1:
            raise ValueError(f"{name} must be an integer >= 1, is {number!r}")


def _check_cells(rows, columns, cells, walls, terminal, jumps):
    """ValueError unless walls are on the grid, and terminal cells and jumps on its other cells."""
    named = [("walls", cell) for cell in walls] + [("terminal", cell) for cell in terminal]
    named += [("jumps", cell) for start, (to, _) in jumps.items() for cell in (start, to)]
    for name, cell in named:
        on_grid = 0 <= cell[0] < rows and 0 <= cell[1] < columns
        if not (on_grid if name == "walls" else cell in cells):
            raise ValueError(f"{name} names cell {cell}, which is not a cell "
                             f"of the {rows}x{columns} grid")


def gridworld_4x4(gamma=1):
    """Example 4.1: a 4x4 grid, the process ends in two opposite corners, every step costs 1."""
    return gridworld(gamma, rows=4, columns=4, terminal=[(0, 0), (3, 3)], step_reward=-1,
                     bump_reward=-1)


def _grid(text):
    """Lines of numbers, separated by /, as {(row, column): number as printed}."""
    return {(r, c): value for r, line in enumerate(text.split("/"))
            for c, value in enumerate(line.split())}


PUBLISHED = [
    Published("v", "9/10", _grid("3.3 8.8 4.4 5.3 1.5 / 1.5 3.0 2.3 1.9 0.5 / 0.1 0.7 0.7 0.4 -0.4 "
                                 "/ -1.0 -0.4 -0.4 -0.6 -1.2 / -1.9 -1.3 -1.2 -1.4 -2.0"),
              "Sutton and Barto 2018, figure 3.2", policy="uniform"),
    Published("v*", "9/10", _grid("22.0 24.4 22.0 19.4 17.5 / 19.8 22.0 19.8 17.8 16.0 / "
                                  "17.8 19.8 17.8 16.0 14.4 / 16.0 17.8 16.0 14.4 13.0 / "
                                  "14.4 16.0 14.4 13.0 11.7"),
              "Sutton and Barto 2018, figure 3.5"),
]
PUBLISHED_4X4 = [
    Published("v", "1", _grid("0 -14 -20 -22 / -14 -18 -20 -20 / -20 -20 -18 -14 / -22 -20 -14 0"),
              "Sutton and Barto 2018, figure 4.1", policy="uniform"),
]
