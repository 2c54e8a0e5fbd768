"""Howard's toymaker and taxicab: two businesses that never end, judged by their mean gain per step.

toymaker   a toy is successful or not; advertise (when successful) or do research (when not)
taxicab    three towns; cruise, wait at the stand, or wait for a radio call (not in town B)

Howard, "Dynamic Programming and Markov Processes", 1960. The toymaker's values over 4 steps are 6,
8.2, 10.22 and 12.222, and the gain is 2 with advertising and research. The taxicab's gains are 9.2,
13.15 and 13.34 for the three policies that his iteration visits.

Read first: model.py, problems/published.py.  Read next: planning/policy_iteration_multichain.py.
"""

from ..model import MDP
from .published import Published


def toymaker(gamma=1):
    """Two states, two actions: "wait" earns 6 or -3 in the mean, "invest" 4 or -5."""
    yes, no = "successful", "unsuccessful"
    return MDP.from_dict({yes: {"wait": [("1/2", yes, 9), ("1/2", no, 3)],
                                "invest": [("4/5", yes, 4), ("1/5", no, 4)]},
                          no: {"wait": [("2/5", yes, 3), ("3/5", no, -7)],
                               "invest": [("7/10", yes, 1), ("3/10", no, -19)]}}, gamma)


def taxicab(gamma=1):
    """Three towns A, B, C; a reward for each trip."""
    rows = {"A": {"cruise": (("1/2", "1/4", "1/4"), (10, 4, 8)),
                  "stand": (("1/16", "3/4", "3/16"), (8, 2, 4)),
                  "radio": (("1/4", "1/8", "5/8"), (4, 6, 4))},
            "B": {"cruise": (("1/2", "0", "1/2"), (14, 0, 18)),
                  "stand": (("1/16", "7/8", "1/16"), (8, 16, 8))},
            "C": {"cruise": (("1/4", "1/4", "1/2"), (10, 2, 8)),
                  "stand": (("1/8", "3/4", "1/8"), (6, 4, 2)),
                  "radio": (("3/4", "1/16", "3/16"), (4, 0, 8))}}
    return MDP.from_dict({s: {a: list(zip(p, "ABC", r)) for a, (p, r) in choices.items()}
                          for s, choices in rows.items()}, gamma)


PUBLISHED_TOYMAKER = [Published("gain", "1", {"successful": "2", "unsuccessful": "2"},
                                "Howard 1960, the toymaker's policy iteration")]
PUBLISHED_TAXICAB = [Published("gain", "1", {"A": "13.34", "B": "13.34", "C": "13.34"},
                               "Howard 1960, the taxicab's policy iteration")]
