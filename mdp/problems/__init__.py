"""Textbook examples, each with its published answers.

    PROBLEMS[name].make(gamma)     the process; without gamma, the book's
    PROBLEMS[name].published       list of Published: what was printed, and where
    tiger()                        a POMDP, which is why it is not in the table
"""

from typing import Callable, NamedTuple

from .car_rental import PUBLISHED as _CAR_RENTAL, car_rental
from .chains import PUBLISHED_HADDAD_MONMEGE, PUBLISHED_MULTICHAIN, PUBLISHED_WALK, haddad_monmege, multichain, random_walk
from .forest import PUBLISHED as _FOREST, forest
from .frozen_lake import PUBLISHED as _FROZEN_LAKE, frozen_lake
from .gambler import PUBLISHED as _GAMBLER, gambler
from .gridworld import PUBLISHED as _GRIDWORLD, PUBLISHED_4X4 as _GRIDWORLD_4X4, gridworld, gridworld_4x4
from .howard import PUBLISHED_TAXICAB, PUBLISHED_TOYMAKER, taxicab, toymaker
from .published import Published
from .russell_norvig import PUBLISHED as _RUSSELL_NORVIG, russell_norvig
from .student import PUBLISHED as _STUDENT, student, student_chain, student_reward_process
from .tiger import tiger


class Problem(NamedTuple):
    make: Callable                           # gamma -> MDP
    published: list                          # of Published
    about: str                               # one line


PROBLEMS = {
    "student": Problem(student, _STUDENT, "Silver's Student MDP, gamma = 1"),
    "gridworld": Problem(gridworld, _GRIDWORLD, "Sutton and Barto's 5x5 grid with two jumps (figures 3.2 and 3.5), gamma = 0.9"),
    "gridworld_4x4": Problem(gridworld_4x4, _GRIDWORLD_4X4, "Sutton and Barto's 4x4 grid (example 4.1), gamma = 1"),
    "russell_norvig": Problem(russell_norvig, _RUSSELL_NORVIG, "Russell and Norvig's 4x3 world, gamma = 1"),
    "gambler": Problem(gambler, _GAMBLER, "Sutton and Barto's gambler (example 4.3), p = 2/5, gamma = 1"),
    "car_rental": Problem(car_rental, _CAR_RENTAL, "Jack's car rental (Sutton and Barto, example 4.2), gamma = 0.9"),
    "random_walk": Problem(random_walk, PUBLISHED_WALK, "Sutton and Barto's random walk (example 6.2), gamma = 1"),
    "toymaker": Problem(toymaker, PUBLISHED_TOYMAKER, "Howard's toymaker: average reward"),
    "taxicab": Problem(taxicab, PUBLISHED_TAXICAB, "Howard's taxicab: average reward"),
    "multichain": Problem(multichain, PUBLISHED_MULTICHAIN, "Puterman's example 9.1.1: the average reward depends on the state"),
    "forest": Problem(forest, _FOREST, "the MDP toolbox's forest, gamma = 0.9"),
    "frozen_lake": Problem(frozen_lake, _FROZEN_LAKE, "Gymnasium's FrozenLake, 4 x 4, gamma = 1"),
    "haddad_monmege": Problem(haddad_monmege, PUBLISHED_HADDAD_MONMEGE, "Haddad and Monmege's walk, N = 20: value iteration stops far too early"),
}

__all__ = ["PROBLEMS", "Problem", "Published", "car_rental", "forest", "frozen_lake", "gambler", "haddad_monmege", "multichain", "random_walk", "taxicab", "toymaker",
           "gridworld", "gridworld_4x4", "russell_norvig", "student", "student_chain", "student_reward_process", "tiger"]
