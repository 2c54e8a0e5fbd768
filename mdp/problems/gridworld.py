"""Grid worlds: Sutton and Barto's 5x5 with two jumps (figures 3.2 and 3.5), and their 4x4 (example 4.1).

A state is a cell (row, column), row 0 at the top; the actions are north, south, east, west. A move off the grid or into a wall
leaves the cell as it is.

Sutton and Barto, "Reinforcement Learning", 2nd edition, 2018, examples 3.5, 3.8 and 4.1 (in the first edition figures 3.5 and 3.8).
"""

from ..given_numbers import given
from ..model import MDP
from .published import Published

MOVES = {"north": (-1, 0), "south": (1, 0), "east": (0, 1), "west": (0, -1)}


def gridworld(gamma="9/10", *, rows=5, columns=5, walls=(), terminal=(), jumps=None, step_reward=0, bump_reward=-1, slip=0):
    """A grid world; the defaults are Sutton and Barto's figure 3.2: every action in A = (0, 1) leads to (4, 1) with reward +10, in
    B = (0, 3) to (2, 3) with +5; a move off the grid costs 1; gamma = 0.9.

    rows, columns   size, at least 1
    walls           cells that are no states
    terminal        cells where the process ends
    jumps           cell -> (cell, reward): every action there leads there; default A and B as above on the 5x5 grid, else none
    step_reward     reward of a move that changes the cell (float, Fraction or text such as "-4/100")
    bump_reward     reward of a move against the border or a wall
    slip            probability to move at a right angle to the action instead, half to each side

    ValueError if a cell lies outside the grid or is a wall where it must not be.
    """
    for name, number in (("rows", rows), ("columns", columns)):
        if isinstance(number, bool) or not isinstance(number, int) or number < 1:
            raise ValueError(f"{name} expects an integer >= 1, got {number!r}")
    if jumps is None:
        jumps = {(0, 1): ((4, 1), 10), (0, 3): ((2, 3), 5)} if (rows, columns) == (5, 5) and not walls and not terminal else {}
    walls, terminal = set(walls), set(terminal)
    cells = [(r, c) for r in range(rows) for c in range(columns) if (r, c) not in walls]
    for name, cell in [("walls", c) for c in walls] + [("terminal", c) for c in terminal] + [
            ("jumps", c) for start, (to, _) in jumps.items() for c in (start, to)]:
        if name == "walls" and not (0 <= cell[0] < rows and 0 <= cell[1] < columns) or name != "walls" and cell not in cells:
            raise ValueError(f"{name} names cell {cell}, which is not a cell of the {rows}x{columns} grid")
    slip = given("slip", slip)
    if not 0 <= slip <= 1:
        raise ValueError(f"slip is {slip}, outside [0, 1]")

    def move(cell, direction):
        ahead = (cell[0] + direction[0], cell[1] + direction[1])
        inside = 0 <= ahead[0] < rows and 0 <= ahead[1] < columns and ahead not in walls
        return (ahead, step_reward) if inside else (cell, bump_reward)

    transitions = {}
    for cell in cells:
        transitions[cell] = {}
        if cell in terminal:
            continue
        for action, (dr, dc) in MOVES.items():
            if cell in jumps:
                transitions[cell][action] = [(1, *jumps[cell])]
            else:
                ways = [(1 - slip, (dr, dc)), (slip / 2, (dc, dr)), (slip / 2, (-dc, -dr))]
                transitions[cell][action] = [(p, *move(cell, direction)) for p, direction in ways if p]
    return MDP.from_dict(transitions, gamma)


def gridworld_4x4(gamma=1):
    """Example 4.1: a 4x4 grid, the process ends in two opposite corners, every step costs 1, gamma = 1."""
    return gridworld(gamma, rows=4, columns=4, terminal=[(0, 0), (3, 3)], step_reward=-1, bump_reward=-1)


def _grid(text):
    return {(r, c): value for r, line in enumerate(text.split("/")) for c, value in enumerate(line.split())}


PUBLISHED = [
    Published("v", "9/10", _grid("3.3 8.8 4.4 5.3 1.5 / 1.5 3.0 2.3 1.9 0.5 / 0.1 0.7 0.7 0.4 -0.4 / -1.0 -0.4 -0.4 -0.6 -1.2 / -1.9 -1.3 -1.2 -1.4 -2.0"),
              "Sutton and Barto 2018, figure 3.2", policy="uniform"),
    Published("v*", "9/10", _grid("22.0 24.4 22.0 19.4 17.5 / 19.8 22.0 19.8 17.8 16.0 / 17.8 19.8 17.8 16.0 14.4 / "
                                  "16.0 17.8 16.0 14.4 13.0 / 14.4 16.0 14.4 13.0 11.7"),
              "Sutton and Barto 2018, figure 3.5"),
]
PUBLISHED_4X4 = [
    Published("v", "1", _grid("0 -14 -20 -22 / -14 -18 -20 -20 / -20 -20 -18 -14 / -22 -20 -14 0"), "Sutton and Barto 2018, figure 4.1", policy="uniform"),
]
