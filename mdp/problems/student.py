"""Silver's student: a chain, a reward process and a decision process about one evening of studying.

Silver, "Lectures on Reinforcement Learning", UCL, 2015, lecture 2: the slides "Student Markov
Chain", "Student MRP", "Student MDP", and the value slides that follow them. Names: C1, C2, C3
classes, FB Facebook. The reward of a state in the reward process is received on leaving it; in the
decision process it comes with the action.

Slip: the slide "Optimal action-value function for Student MDP" prints q*(C3, pub) = 8.4, which
leaves out the reward +1 of the pub itself; 1 + 0.2 * 6 + 0.4 * 8 + 0.4 * 10 = 9.4.

Read first: model.py, chains.py, problems/published.py.  Read next: problems/gridworld.py.
"""

from ..chains import MarkovChain, MarkovRewardProcess
from ..model import MDP
from .published import Published

STATES = ("C1", "C2", "C3", "Pass", "Pub", "FB", "Sleep")
NEXT = {"C1": {"C2": "1/2", "FB": "1/2"}, "C2": {"C3": "4/5", "Sleep": "1/5"},
        "C3": {"Pass": "3/5", "Pub": "2/5"}, "Pass": {"Sleep": "1"},
        "Pub": {"C1": "1/5", "C2": "2/5", "C3": "2/5"}, "FB": {"FB": "9/10", "C1": "1/10"},
        "Sleep": {"Sleep": "1"}}
REWARDS = {"C1": -2, "C2": -2, "C3": -2, "Pass": 10, "Pub": 1, "FB": -1, "Sleep": 0}


def student_chain():
    """The Student Markov chain: 7 states, starts in C1, Sleep is absorbing."""
    return MarkovChain(_arrows(), initial=0, names=STATES)


def student_reward_process(gamma=1):
    """The Student reward process: the chain with R(s) on leaving s.

    gamma   float, Fraction or text; the slides show 0, 0.9 and 1
    """
    R = [REWARDS[s] for s in STATES]
    return MarkovRewardProcess(_arrows(), R, gamma, initial=0, names=STATES)


def _arrows():
    """P as rows of text, exact."""
    return [[NEXT[s].get(t, "0") for t in STATES] for s in STATES]


def student(gamma=1):
    """The Student decision process: 5 states, Sleep terminal, two actions in each of the others.

    gamma   the slides use 1
    """
    return MDP.from_dict({
        "FB": {"facebook": [(1, "FB", -1)], "quit": [(1, "C1", 0)]},
        "C1": {"facebook": [(1, "FB", -1)], "study": [(1, "C2", -2)]},
        "C2": {"sleep": [(1, "Sleep", 0)], "study": [(1, "C3", -2)]},
        "C3": {"study": [(1, "Sleep", 10)],
               "pub": [("1/5", "C1", 1), ("2/5", "C2", 1), ("2/5", "C3", 1)]},
        "Sleep": {},
    }, gamma, initial="C1")


def _values(names, text):
    return dict(zip(names, text.split()))


_MRP = "Silver, lecture 2, slide \"Example: State-Value Function for Student MRP\""
_MDP_STATES = ("FB", "C1", "C2", "C3", "Sleep")
PUBLISHED_REWARD_PROCESS = [
    Published("v", "0", _values(STATES, "-2 -2 -2 10 1 -1 0"), _MRP + " (1)"),
    Published("v", "9/10", _values(STATES, "-5.0 0.9 4.1 10 1.9 -7.6 0"), _MRP + " (2)"),
    Published("v", "1", _values(STATES, "-13 1.5 4.3 10 0.8 -23 0"), _MRP + " (3)"),
]
PUBLISHED = [
    Published("v", "1", _values(_MDP_STATES, "-2.3 -1.3 2.7 7.4 0"),
              "Silver, lecture 2, slide \"Example: State-Value Function for Student MDP\"",
              policy="uniform"),
    Published("v*", "1", _values(_MDP_STATES, "6 6 8 10 0"),
              "Silver, lecture 2, slide \"Example: Optimal Value Function for Student MDP\""),
    Published("q*", "1", {("FB", "facebook"): "5", ("FB", "quit"): "6", ("C1", "facebook"): "5",
                          ("C1", "study"): "6", ("C2", "sleep"): "0", ("C2", "study"): "8",
                          ("C3", "study"): "10", ("C3", "pub"): "8.4"},
              "Silver, lecture 2, slide \"Example: Optimal Action-Value Function for Student MDP\"",
              note="8.4 is a slip: it leaves out the reward +1 of the pub",
              wrong={("C3", "pub"): "9.4"}),
]

# where the slide puts things: state, or (state, action) for the dot of an action -> (x, y)
POSITIONS = {"FB": (0, 3), "C1": (0, 0), "C2": (3, 0), "C3": (6, 0), "Sleep": (6, 3),
             ("FB", "facebook"): (-1.2, 3.3), ("FB", "quit"): (0.55, 1.5),
             ("C1", "facebook"): (-0.55, 1.5), ("C1", "study"): (1.5, 0),
             ("C2", "study"): (4.5, 0), ("C2", "sleep"): (4.2, 1.9),
             ("C3", "study"): (6, 1.5), ("C3", "pub"): (3.3, -1.7)}
