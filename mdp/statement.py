"""What a verified certificate says, in words: for whoever has to believe it.

`verify` answers yes or no. What the answer is about stands in the certificate: which criterion,
costs or rewards, which goal, which horizon and which values at its end. All of it is said here, so
that no two statements that differ look the same.

Read first: rational.py, certificate.py, verify.py, tables.py.
Read next: commands/verify.py, transforms.py.
"""

import hashlib
from fractions import Fraction

from . import tables
from .certificate import numbers
from .layout import printable
from .rational import rational

SHOWN = 6                                    # names; of more there is a digest


def statement(m, certificate):
    """The statement of a certificate that `verify` accepts -> dict for JSON; numbers are texts.

    criterion         as in solve_exact
    minimize          as in solve_exact
    gamma             the discount, a list [smallest, largest] where pairs have their own; None for
                      criteria without
    horizon           finite horizon: the number of steps; else None
    terminal_values   finite horizon: what each state is worth at its end; else None
    goal              total reward: the names of the states; else None
    miss              total reward: what missing them is worth; else None
    v                 the value of each state; at the beginning of the horizon.
                      Criterion average: gain and bias instead

    >>> from mdp import MDP, solve_exact
    >>> m = MDP([[[0, 1]], [[0, 1]]], [[3], [0]], 1, terminal=[1])
    >>> said = statement(m, solve_exact(m, horizon=2, terminal_values=[0, 1000]).certificate)
    >>> said["v"], said["terminal_values"]
    ({'0': '1003', '1': '1000'}, {'0': '0', '1': '1000'})
    """
    c, names = certificate, [str(name) for name in m.state_names]
    said = {"criterion": c["criterion"], "minimize": c["minimize"], "gamma": None, "horizon": None,
            "terminal_values": None, "goal": None, "miss": None}
    if c["criterion"] in ("discounted", "finite_horizon"):
        said["gamma"] = _discount(m)
    if c["criterion"] == "finite_horizon":
        said["horizon"] = c["horizon"]
        said["terminal_values"] = _named(names, values(c["steps"][-1], m.num_states))
    if c["criterion"] == "total" and c["goal"] is not None:
        said |= {"goal": [names[s] for s in c["goal"]], "miss": c["miss"]}
    return said | {name: _named(names, x) for name, x in claimed(m, c).items()}


def claimed(m, c):
    """{"v": list of Fractions and infinities}, or {"gain": ..., "bias": ...}."""
    S = m.num_states
    if c["criterion"] == "average":
        return {"gain": values(c["gain"], S), "bias": values(c["bias"], S)}
    if c["criterion"] == "finite_horizon":
        return {"v": values(c["steps"][0], S)}
    x = values(c, S)
    return {"v": [float("inf") * i if i else y for i, y in zip(c.get("infinite", [0] * S), x)]}


def values(vector, S):
    """{"num", "den"} of S states -> list of Fractions."""
    num, den = numbers(vector, S)
    return [Fraction(n, den) for n in num]


def sentence(m, certificate):
    """The same in one line."""
    c, said = certificate, statement(m, certificate)
    parts = [c["criterion"], "costs minimised" if c["minimize"] else "rewards maximised"]
    if said["gamma"] is not None:
        gamma = said["gamma"]
        parts.append(f"gamma {gamma}" if isinstance(gamma, str)
                     else f"gamma of pairs {gamma[0]} to {gamma[1]}")
    if said["horizon"] is not None:
        last = values(c["steps"][-1], m.num_states)
        which = f"{_range(last)} (sha256 {digest(last)[:16]})" if any(last) else "0"
        parts += [f"horizon {said['horizon']}", f"terminal values {which}"]
    if said["goal"] is not None:
        goal = [printable(name) for name in said["goal"][:SHOWN]]
        more = len(said["goal"]) - len(goal)
        rest = f" and {more} more (sha256 {digest(c['goal'])[:16]})" if more else ""
        parts += [f"goal {', '.join(goal)}{rest}", f"missing it is worth {c['miss']}"]
    name, x = next(iter(claimed(m, c).items()))
    first = [] if m.initial is None else [s for s, p in enumerate(m.initial.tolist()) if p]
    where = f" in {printable(m.state_names[first[0]])}, the first state" if len(first) == 1 else ""
    return ", ".join(parts) + f": {name} {tables.short(x[first[0]]) if where else _range(x)}{where}"


def digest(x):
    """sha256 of a list of integers or Fractions, in hexadecimal."""
    text = " ".join(f"{y.numerator:x}/{y.denominator:x}" for y in x)
    return hashlib.sha256(text.encode()).hexdigest()


def _range(x):
    """The smallest and the largest number, as text."""
    low, high = min(x), max(x)
    return tables.short(low) if low == high else f"{tables.short(low)} to {tables.short(high)}"


def _named(names, x):
    """{name: number as text}."""
    return dict(zip(names, map(tables.fraction, x)))


def _discount(m):
    """gamma as text; [smallest, largest] where pairs have their own."""
    found = [Fraction(*g) for g in dict.fromkeys(rational(m).g)]
    if not found:
        return tables.fraction(Fraction(repr(m.gamma)))
    if len(found) == 1:
        return tables.fraction(found[0])
    return [tables.fraction(min(found)), tables.fraction(max(found))]
