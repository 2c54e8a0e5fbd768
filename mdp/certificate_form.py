"""The one form of each field of a certificate, and that there are no other fields.

Whoever reads a verified certificate must read what the checker has read. So 0 is no list of goals,
True is no 1, and each integer is written in one way only. The meaning of the fields is in
certificate.py; verify.py looks here first.

Read first: certificate.py.  Read next: verify_total.py, verify.py.
"""

import re

HEX = "0x0|-?0x[1-9a-f][0-9a-f]*"            # what hex() prints


def malformed(c, S, X):
    """The fields that are missing, unknown or of another form, for S states and X pairs.

    >>> malformed({"criterion": "average", "minimize": 0}, 2, 3)[:4]
    ['format', 'version', 'model', 'minimize']
    """
    if type(c) is not dict or type(c.get("criterion")) is not str:
        return ["criterion"]
    known = forms(c, S, X)
    wrong = [name for name, form in known.items() if name not in c or not fits(c[name], form)]
    return wrong + [name for name in c if name not in known]


def forms(c, S, X):
    """{field: its form, see `fits`} for the criterion of a certificate."""
    states, pairs, vector = (int, S), (range(3), X), {"num": (HEX, S), "den": HEX}
    T = c["horizon"] if type(c.get("horizon")) is int else 0
    goal = (range(S), len(c["goal"]) or 1) if type(c.get("goal")) is list else None
    witness = {"tight": states, "layer": states, "return": {"policy": states, "rank": states}}
    own = {
        "discounted": {"policy": states, "slack": pairs, **vector},
        "finite_horizon": {"horizon": int, "policy": (states, T), "slack": (pairs, T),
                           "steps": (vector, T + 1)},
        "average": {"policy": states, "slack": pairs,
                    "gain": vector, "bias": vector, "centre": vector},
        "total": {"policy": states, "slack": pairs, **vector, "infinite": (range(-1, 2), S),
                  "goal": goal, "miss": goal and "-?inf", "rank": states,
                  **{name: form for name, form in witness.items() if name in c}}}
    every = {"format": str, "version": int, "model": str, "criterion": "|".join(own),
             "minimize": bool}
    return every | own.get(c["criterion"], {})


def fits(x, form):
    """True if x is of this form; True is no integer here, nor is 1.0.

    a type     a value of this very type          a string   a string that this pattern matches
    a range    an integer in it                   None       null
    (form, n)  a list of n                        a dict     an object with these keys, no others
    """
    if form is None:
        return x is None
    if type(form) is tuple:
        return type(x) is list and len(x) == form[1] and all(fits(y, form[0]) for y in x)
    if type(form) is dict:
        same = type(x) is dict and x.keys() == form.keys()
        return same and all(fits(x[name], form[name]) for name in form)
    if type(form) is str:
        return type(x) is str and re.fullmatch(form, x) is not None
    if type(form) is range:
        return type(x) is int and x in form
    return type(x) is form
