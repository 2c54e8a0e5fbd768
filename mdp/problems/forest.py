"""Forest management: wait for an old forest, or cut; a fire may come in any year.

States 0..S-1 are ages. After "wait" a fire leads back to 0 with probability p; else the forest
grows. In the oldest state waiting pays r1. After "cut" the next state is 0. Cutting pays 1, but r2
in the oldest state, and nothing in the youngest.

The example of the MDP toolbox: Chades, Chapron, Cros, Garcia, Sabbadin, "MDPtoolbox: a
multi-platform toolbox to solve stochastic dynamic programming problems", Ecography 37, 2014.

Read first: model.py, problems/published.py.  Read next: problems/frozen_lake.py.
"""

from ..given_numbers import given
from ..model import MDP
from .published import Published


def forest(gamma="9/10", *, ages=3, r1=4, r2=2, p="1/10"):
    """The forest; the defaults are the toolbox's."""
    p = given("p", p)
    if isinstance(ages, bool) or not isinstance(ages, int) or ages < 2:
        raise ValueError(f"ages must be an integer >= 2, is {ages!r}")
    if not 0 <= p <= 1:
        raise ValueError(f"p is {p}, outside [0, 1]")
    old, transitions = ages - 1, {}
    for age in range(ages):
        waiting = r1 if age == old else 0
        cutting = 0 if age == 0 else r2 if age == old else 1
        transitions[age] = {"wait": [(p, 0, waiting), (1 - p, min(age + 1, old), waiting)],
                            "cut": [(1, 0, cutting)]}
    return MDP.from_dict(transitions, gamma)


PUBLISHED = [Published("v*", "9/10", {0: "26.244", 1: "29.484", 2: "33.484"},
                       "pymdptoolbox, documentation and tests of PolicyIteration"),
             Published("v*", "24/25", {0: "74.6496", 1: "78.1056", 2: "82.1056"},
                       "pymdptoolbox, tests of PolicyIteration"),
             Published("gain", "9/10", {0: "3.24", 1: "3.24", 2: "3.24"},
                       "pymdptoolbox, tests of RelativeValueIteration")]
