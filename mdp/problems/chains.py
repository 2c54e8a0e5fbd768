"""Small processes that break solvers, and one that everybody draws.

random_walk       Sutton and Barto 2018, example 6.2: five states, the right end pays 1
haddad_monmege    Haddad and Monmege, "Interval iteration algorithm for MDPs and IMDPs", 2018: the
                  walk leaves the middle N for a side. From there each step goes outward with
                  probability 1/2, else back to the middle. Value iteration stops far from the
                  answer, which is 3 * 2**(N - 1) - 2 expected steps
multichain        Puterman 1994, example 9.1.1: the gain depends on the state

Read first: model.py, problems/published.py.  Read next: problems/howard.py.
"""

from ..model import MDP
from .published import Published


def random_walk(gamma=1):
    """A to E, left or right with probability 1/2 each.

    The process ends beyond A with reward 0, and beyond E with reward 1.
    """
    way, steps = ["end", *"ABCDE", "end"], {}
    for before, here, after in zip(way, way[1:], way[2:]):
        steps[here] = {"walk": [("1/2", before, 0), ("1/2", after, int(here == "E"))]}
    return MDP.from_dict(steps | {"end": {}}, gamma, initial="C")


def haddad_monmege(gamma=1, *, N=20):
    """2 N + 1 states, reward 1 for each step; both ends are terminal.

    From the middle one step to the left with probability 7/10. N is the paper's letter.
    """
    if isinstance(N, bool) or not isinstance(N, int) or N < 2:
        raise ValueError(f"N must be an integer >= 2, is {N!r}")
    out = {}
    for x in range(2 * N + 1):
        outward = x - 1 if x < N else x + 1
        out[x] = {"go": [("1/2", outward, 1), ("1/2", N, 1)]}
    out[0] = out[2 * N] = {}
    out[N] = {"go": [("7/10", N - 1, 1), ("3/10", N + 1, 1)]}
    return MDP.from_dict(out, gamma, initial=N)


def multichain(gamma=1):
    """Three states: s1 stays for 3 or leaves for 1, s2 stays for 0 or leaves for 1, s3 earns 2."""
    return MDP.from_dict({"s1": {"a1": [(1, "s1", 3)], "a2": [(1, "s2", 1)]},
                          "s2": {"a1": [(1, "s2", 0)], "a2": [(1, "s3", 1)]},
                          "s3": {"a1": [(1, "s3", 2)]}}, gamma)


PUBLISHED_WALK = [
    Published("v*", "1", {"A": "0.1667", "B": "0.3333", "C": "0.5", "D": "0.6667", "E": "0.8333"},
              "Sutton and Barto 2018, example 6.2: 1/6, 2/6, ..., 5/6")]
PUBLISHED_HADDAD_MONMEGE = [
    Published("v*", "1", {20: "1572862"},
              "Quantitative Verification Benchmark Set, haddad-monmege, N = 20: 3 * 2**19 - 2")]
PUBLISHED_MULTICHAIN = [
    Published("gain", "1", {"s1": "3", "s2": "2", "s3": "2"}, "Puterman 1994, example 9.1.1")]
