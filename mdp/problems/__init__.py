"""Textbook examples, each with its published answers.

    PROBLEMS[name].make(gamma)     the process; without gamma, the book's
    PROBLEMS[name].published       list of Published: what was printed, and where
    tiger()                        a POMDP, which is why it is not in the table

Read first: model.py, chains.py, pomdp.py.
Read next: problems/published.py, problems/student.py, problems/gridworld.py.
"""

from typing import Callable, NamedTuple

from . import (car_rental as _car_rental, chains as _chains, forest as _forest,
               frozen_lake as _frozen_lake, gambler as _gambler, gridworld as _gridworld,
               howard as _howard, russell_norvig as _russell_norvig, student as _student)
from .car_rental import car_rental
from .chains import haddad_monmege, multichain, random_walk
from .forest import forest
from .frozen_lake import frozen_lake
from .gambler import gambler
from .gridworld import gridworld, gridworld_4x4
from .howard import taxicab, toymaker
from .published import Published
from .russell_norvig import russell_norvig
from .student import student, student_chain, student_reward_process
from .tiger import tiger


class Problem(NamedTuple):
    make: Callable                     # gamma -> MDP
    published: list                    # of Published
    about: str                         # one line


PROBLEMS = {
    "student": Problem(
        student, _student.PUBLISHED,
        "Silver's Student MDP, gamma = 1"),
    "gridworld": Problem(
        gridworld, _gridworld.PUBLISHED,
        "Sutton and Barto's 5x5 grid with two jumps (figures 3.2 and 3.5), gamma = 0.9"),
    "gridworld_4x4": Problem(
        gridworld_4x4, _gridworld.PUBLISHED_4X4,
        "Sutton and Barto's 4x4 grid (example 4.1), gamma = 1"),
    "russell_norvig": Problem(
        russell_norvig, _russell_norvig.PUBLISHED,
        "Russell and Norvig's 4x3 world, gamma = 1"),
    "gambler": Problem(
        gambler, _gambler.PUBLISHED,
        "Sutton and Barto's gambler (example 4.3), p = 2/5, gamma = 1"),
    "car_rental": Problem(
        car_rental, _car_rental.PUBLISHED,
        "Jack's car rental (Sutton and Barto, example 4.2), gamma = 0.9"),
    "random_walk": Problem(
        random_walk, _chains.PUBLISHED_WALK,
        "Sutton and Barto's random walk (example 6.2), gamma = 1"),
    "toymaker": Problem(
        toymaker, _howard.PUBLISHED_TOYMAKER,
        "Howard's toymaker: average reward"),
    "taxicab": Problem(
        taxicab, _howard.PUBLISHED_TAXICAB,
        "Howard's taxicab: average reward"),
    "multichain": Problem(
        multichain, _chains.PUBLISHED_MULTICHAIN,
        "Puterman's example 9.1.1: the average reward depends on the state"),
    "forest": Problem(
        forest, _forest.PUBLISHED,
        "the MDP toolbox's forest, gamma = 0.9"),
    "frozen_lake": Problem(
        frozen_lake, _frozen_lake.PUBLISHED,
        "Gymnasium's FrozenLake, 4 x 4, gamma = 1"),
    "haddad_monmege": Problem(
        haddad_monmege, _chains.PUBLISHED_HADDAD_MONMEGE,
        "Haddad and Monmege's walk, N = 20: value iteration stops far too early"),
}

__all__ = ["PROBLEMS", "Problem", "Published", "car_rental", "forest", "frozen_lake", "gambler",
           "gridworld", "gridworld_4x4", "haddad_monmege", "multichain", "random_walk",
           "russell_norvig", "student", "student_chain", "student_reward_process", "taxicab",
           "tiger", "toymaker"]
