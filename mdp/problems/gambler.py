"""The gambler: stake some of your money on a coin; at 100 you have won.

In state s = 1..99 the stake is a = 1..min(s, 100 - s). The next state is s + a with probability p,
else s - a. Reaching 100 pays 1, so the value is the probability to win. At p < 1/2 many stakes are
exactly equally good, and rounding decides which a solver in floats takes. solve_exact finds every
tie.

Sutton and Barto, "Reinforcement Learning", 2nd edition, 2018, example 4.3; Dubins and Savage, "How
to Gamble If You Must", 1965 (bold play).

Read first: model.py, problems/published.py.  Read next: problems/car_rental.py.
"""

from ..given_numbers import given
from ..model import MDP
from .published import Published


def gambler(gamma=1, *, p="2/5", goal=100):
    """The gambler's problem; states 0..goal, actions are stakes.

    p   probability to win one stake, in [0, 1]
    """
    p = given("p", p)
    if not 0 <= p <= 1:
        raise ValueError(f"p is {p}, outside [0, 1]")
    if isinstance(goal, bool) or not isinstance(goal, int) or goal < 2:
        raise ValueError(f"goal must be an integer >= 2, is {goal!r}")
    transitions = {s: {a: [(p, s + a, int(s + a == goal)), (1 - p, s - a, 0)]
                       for a in range(1, min(s, goal - s) + 1)}
                   for s in range(goal + 1)}
    return MDP.from_dict(transitions, gamma, actions=range(1, goal // 2 + 1))


PUBLISHED = [Published("v*", "1", {25: "0.16", 50: "0.4", 75: "0.64"},
                       "Dubins and Savage 1965: bold play wins with p**2, p, p + p (1 - p) "
                       "(Sutton and Barto 2018, figure 4.3 draws it)")]
