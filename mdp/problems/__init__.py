"""Textbook examples, each with its published answers.

    PROBLEMS[name].make(gamma)     the process; without gamma, the book's
    PROBLEMS[name].published       list of Published: what was printed, and where
"""

from typing import Callable, NamedTuple

from .gridworld import PUBLISHED as _GRIDWORLD, PUBLISHED_4X4 as _GRIDWORLD_4X4, gridworld, gridworld_4x4
from .published import Published
from .russell_norvig import PUBLISHED as _RUSSELL_NORVIG, russell_norvig
from .student import PUBLISHED as _STUDENT, student, student_chain, student_reward_process


class Problem(NamedTuple):
    make: Callable                           # gamma -> MDP
    published: list                          # of Published
    about: str                               # one line


PROBLEMS = {
    "student": Problem(student, _STUDENT, "Silver's Student MDP, gamma = 1"),
    "gridworld": Problem(gridworld, _GRIDWORLD, "Sutton and Barto's 5x5 grid with two jumps (figures 3.2 and 3.5), gamma = 0.9"),
    "gridworld_4x4": Problem(gridworld_4x4, _GRIDWORLD_4X4, "Sutton and Barto's 4x4 grid (example 4.1), gamma = 1"),
    "russell_norvig": Problem(russell_norvig, _RUSSELL_NORVIG, "Russell and Norvig's 4x3 world, gamma = 1"),
}

__all__ = ["PROBLEMS", "Problem", "Published", "gridworld", "gridworld_4x4", "russell_norvig", "student", "student_chain", "student_reward_process"]
