"""Gymnasium's FrozenLake-v1, 4 x 4: reach the goal over slippery ice without falling into a hole.

A move goes where it should or to one of the two sides, each with probability 1/3. A move off the
lake leaves the cell as it is. Holes and the goal end the process, and reaching the goal pays 1. At
gamma = 1 the start is worth 14/17.

Gymnasium 1.4, toy_text/frozen_lake.py. Cells are (row, column); "S" is (0, 0), the goal (3, 3).

Read first: model.py.  Read next: formats/gymnasium_env.py.
"""

from ..model import MDP

MAP = ("SFFF", "FHFH", "FFFH", "HFFG")
MOVES = {"left": (0, -1), "down": (1, 0), "right": (0, 1), "up": (-1, 0)}


def frozen_lake(gamma=1, *, map=MAP):
    """A frozen lake from a map of S, F (frozen), H (hole) and G (goal)."""
    rows = [str(row) for row in map]
    cells = "".join(rows)
    same = len({len(row) for row in rows}) == 1
    if not same or set(cells) - set("SFHG") or cells.count("S") != 1:
        raise ValueError(f"map must be rows of equal length of S (once), F, H and G, is {rows}")
    height, width, names = len(rows), len(rows[0]), list(MOVES)
    out, start = {}, None
    for r in range(height):
        for c in range(width):
            out[r, c] = {}
            start = (r, c) if rows[r][c] == "S" else start
            if rows[r][c] in "HG":
                continue
            for i, name in enumerate(names):
                out[r, c][name] = []
                for way in (i - 1, i, i + 1):
                    dr, dc = MOVES[names[way % 4]]
                    cell = (min(max(r + dr, 0), height - 1), min(max(c + dc, 0), width - 1))
                    out[r, c][name].append(("1/3", cell, int(rows[cell[0]][cell[1]] == "G")))
    return MDP.from_dict(out, gamma, initial=start)


PUBLISHED = []
