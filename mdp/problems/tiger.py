"""The tiger: it is behind one of two doors, and can be heard, but not seen.

Opening its door pays -100, the other one 10. Listening pays -1, and what is heard is true with
probability 0.85. After a door was opened the tiger is behind either door with probability 1/2, and
what is heard says nothing. This is a POMDP, since the tiger is not seen.

Kaelbling, Littman and Cassandra, "Planning and acting in partially observable stochastic domains",
Artificial Intelligence 101, 1998, section 5.1.

Read first: model.py, pomdp.py.  Read next: formats/cassandra.py, policy_file.py.
"""

from fractions import Fraction

from ..given_numbers import given
from ..model import MDP
from ..pomdp import POMDP

DOORS = ("tiger left", "tiger right")


def tiger(gamma="19/20", *, hearing="17/20"):
    """The tiger as a POMDP; `.mdp` is the process for somebody who sees through doors.

    hearing   probability that what is heard is true
    """
    p, half = given("hearing", hearing), Fraction(1, 2)
    p = Fraction(repr(p)) if isinstance(p, float) else p
    if not 0 <= p <= 1:
        raise ValueError(f"hearing is {p}, outside [0, 1]")
    reward = {"listen": (-1, -1), "open left": (-100, 10), "open right": (10, -100)}
    rows = {}
    for door, paid in zip(DOORS, zip(*reward.values())):
        listen, left, right = paid
        rows[door] = {"listen": [(1, door, listen)],
                      "open left": [(half, anew, left) for anew in DOORS],
                      "open right": [(half, anew, right) for anew in DOORS]}
    heard = ((p, 1 - p), (1 - p, p)), ((half, half),) * 2, ((half, half),) * 2
    r = tuple(tuple(Fraction(reward[a][i]) for a in reward) for i in (0, 1))
    m = MDP.from_dict(rows, gamma, actions=list(reward))
    return POMDP(m, heard, r, (half, half), ("heard left", "heard right"))
