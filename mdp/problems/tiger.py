"""The tiger: behind one of two doors. Open the other one (10), not this one (-100), or listen first (-1): what is heard is true with probability 0.85.

After a door was opened the tiger is behind either door again, and nothing is heard. A POMDP, since the tiger is not seen.

Kaelbling, Littman and Cassandra, "Planning and acting in partially observable stochastic domains", Artificial Intelligence 101, 1998, section 5.1.
"""

from fractions import Fraction

from ..given_numbers import given
from ..model import MDP
from ..pomdp import POMDP

DOORS = ("tiger left", "tiger right")


def tiger(gamma="19/20", *, hearing="17/20"):
    """The tiger as a POMDP; `.mdp` is the process that somebody who sees through doors would face.   hearing: probability that what is heard is true"""
    p, half = given("hearing", hearing), Fraction(1, 2)
    p = Fraction(repr(p)) if isinstance(p, float) else p
    if not 0 <= p <= 1:
        raise ValueError(f"hearing is {p}, outside [0, 1]")
    reward = {"listen": (-1, -1), "open left": (-100, 10), "open right": (10, -100)}
    anew = [(half, door, 0) for door in DOORS]
    rows = {s: {a: [(q, t, r[i]) for q, t, _ in ([(1, s, 0)] if a == "listen" else anew)] for a, r in reward.items()} for i, s in enumerate(DOORS)}
    O = (((p, 1 - p), (1 - p, p)), ((half, half),) * 2, ((half, half),) * 2)               # noqa: E741 (the field's letter)
    r = tuple(tuple(Fraction(reward[a][i]) for a in reward) for i in (0, 1))
    return POMDP(MDP.from_dict(rows, gamma, actions=list(reward)), O, r, (half, half), ("heard left", "heard right"))
