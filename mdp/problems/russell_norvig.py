"""Russell and Norvig's 4x3 world: noisy moves, one good and one bad exit.

A move goes as intended with probability 0.8 and at a right angle with 0.1 to each side; against the
border or the wall the cell stays. The reward R(s) = -0.04 is received on leaving any of the nine
other cells. The two exits have R = +1 and -1: their only action collects it and ends the process,
which keeps the book's convention v(exit) = R(exit) at every gamma.

The book's cell (x, y), counted from the bottom left corner from 1, is (3 - y, x - 1) here: (row,
column) from the top left.

Russell and Norvig, "Artificial Intelligence: A Modern Approach", 3rd edition, 2010, section 17.1,
figures 17.1 to 17.3.

Read first: problems/gridworld.py.  Read next: problems/gambler.py.
"""

from fractions import Fraction

from ..model import MDP
from .gridworld import MOVES, gridworld
from .published import Published

EXITS = {(0, 3): 1, (1, 3): -1}


def russell_norvig(gamma=1, *, step_reward="-1/25"):
    """The 4x3 world: 11 cells, and the terminal state "end" behind the two exits.

    It starts in the bottom left corner.
    """
    grid = gridworld(gamma, rows=3, columns=4, walls=[(1, 1)], jumps={}, step_reward=step_reward,
                     bump_reward=step_reward, slip=Fraction(1, 5))
    transitions = grid.to_dict()
    for cell, reward in EXITS.items():
        transitions[cell] = {"exit": [(1, "end", reward)]}
    transitions["end"] = {}
    return MDP.from_dict(transitions, gamma, initial=(2, 0), actions=[*MOVES, "exit"])


PUBLISHED = [
    Published("v*", "1", {(0, 0): "0.812", (0, 1): "0.868", (0, 2): "0.918", (0, 3): "1",
                          (1, 0): "0.762", (1, 2): "0.660", (1, 3): "-1",
                          (2, 0): "0.705", (2, 1): "0.655", (2, 2): "0.611", (2, 3): "0.388"},
              "Russell and Norvig 2010, figure 17.3"),
]
