"""Our own binary file: an MDP's arrays as .npz, floats bit for bit, exact numbers as text.

    format                       "mdp 2"; "mdp 1" is read too, which had neither costs nor digest
    names                        JSON of two texts: names of states and actions, as repr has them
    pair_state                   (X,) the state of each pair, sorted by state, then action
    pair_action                  (X,) its action
    outcome_ptr                  (X+1,) the outcomes of each pair
    next                         (J,) the next state of each outcome
    probability                  (J,)
    reward                       (J,)
    gamma                        one number, or (X,)
    initial                      (S,), where there is one
    costs                        bool
    exact_...                    text: the same numbers as fractions, where they were given exactly
    digest                       safe_npz.digest of all others

A file whose arrays contradict each other, or its digest, is refused. Nothing is ever pickled. The
readable form is json_file.py.

Read first: model.py, formats/words.py.  Read next: formats/files.py.
"""

import ast
import json

import numpy as np

from npixel.runtime import safe_npz
from npixel.runtime.whole_file import write_whole

from ..checks import rows_of
from ..forms import from_lists
from ..given_numbers import as_float, indices, parse, pointers
from ..model import MDP
from . import words

EXACT = ("probability", "reward", "initial", "pair_gamma")
CLOSE = 1e-12                          # relative: a float and the fraction beside it


def save_npz(m, path):
    """Write an MDP.   ValueError if a name is no number, text or tuple of them"""
    for name in (*m.state_names, *m.action_names):
        if not _literal(name):
            raise ValueError(f"name {name!r} is no number, text or tuple")
    text = lambda x: np.array([str(y) for y in x], dtype=str)            # noqa: E731
    names = json.dumps([repr(tuple(m.state_names)), repr(tuple(m.action_names))])
    arrays = {"pair_state": m.pair_state, "pair_action": m.pair_action,
              "outcome_ptr": m.outcome_ptr,
              "next": m.next, "probability": m.probability, "reward": m.reward,
              "names": np.array(names), "format": np.array("mdp 2"), "costs": np.array(m.costs),
              "gamma": np.array(m.gamma) if m.pair_gamma is None else m.pair_gamma}
    for name in EXACT:
        if getattr(m, "exact_" + name) is not None:
            arrays["exact_" + name] = text(getattr(m, "exact_" + name))
    if m.exact_gamma is not None and m.pair_gamma is None:
        arrays["exact_gamma"] = np.array(str(m.exact_gamma))
    if m.initial is not None:
        arrays["initial"] = m.initial
    arrays["digest"] = np.array(safe_npz.digest(arrays))
    write_whole(path, lambda file: np.savez_compressed(file, **arrays))


def _literal(name):
    try:
        return ast.literal_eval(repr(name)) == name
    except (ValueError, SyntaxError):
        return False


@words.either_spelling
def load_npz(path, *, normalize=False):
    """Read an MDP.   ValueError in one line if it is no such file, OSError if it cannot be read"""
    return from_arrays(safe_npz.read(path), path, normalize=normalize)


def from_arrays(z, path, *, normalize=False):
    """The arrays of such a file -> MDP.

    normalize   divide rows that are off by less than 1e-5 by their sum

    ValueError, beginning with `path`, if they contradict each other.
    """
    version = str(z.get("format"))
    if version not in ("mdp 1", "mdp 2"):
        raise ValueError(f"{path}: not an mdp file: expected the arrays of mdp.formats.npz_file")
    try:
        if version == "mdp 2":
            digest = str(z.pop("digest", None))
            if digest != safe_npz.digest(z):
                raise ValueError("the arrays and their digest do not belong together")
        return _process(z, normalize)
    except (ValueError, KeyError, TypeError, IndexError, OverflowError) as error:
        missing = "array " * isinstance(error, KeyError)
        raise ValueError(f"{path}: damaged: {missing}{error}") from None


def _process(z, normalize):
    states, actions = _names(z["names"])
    S, A = len(states), len(actions)
    state = indices("pair_state", z["pair_state"], S)
    action = indices("pair_action", z["pair_action"], A)
    column = indices("next", z["next"], S)
    X, J = state.size, column.size
    ptr = pointers("outcome_ptr", z["outcome_ptr"], J).astype(np.int64)
    if ptr.size != X + 1:
        raise ValueError(f"pair_state has {X} pairs, outcome_ptr {ptr.size - 1}")
    sizes = {"probability": (J,), "reward": (J,), "gamma": z["gamma"].shape[:1],
             "initial": (S,), "pair_gamma": (X,)}
    floats, exact = {}, {}
    for name in ("probability", "reward", "gamma", "initial"):
        if name in z:
            if z[name].dtype != np.float64 or z[name].shape != sizes[name]:
                raise ValueError(f"{name} must be float64 of shape {sizes[name]}, "
                                 f"is {z[name].dtype} of shape {z[name].shape}")
            floats[name] = z[name]
    floats["pair_gamma"] = floats["gamma"]
    for name in (*EXACT, "gamma"):
        if "exact_" + name in z:
            exact[name] = _exact("exact_" + name, z["exact_" + name], floats[name])
    gamma = exact.get("pair_gamma" if z["gamma"].ndim else "gamma", floats["gamma"])
    gamma = gamma if np.ndim(gamma) else gamma[()]
    p, exact_p = floats["probability"], exact.get("probability")
    if normalize:
        p, exact_p = _normalized(p, exact_p, ptr)
    costs = z.get("costs", np.array(False))
    if costs.dtype != bool or costs.shape != ():
        raise ValueError(f"costs must be one bool, is {costs.dtype} of shape {costs.shape}")
    outcomes = from_lists(S, A, state, action, rows_of(ptr), column, p, floats["reward"],
                          exact_p, exact.get("reward"))
    initial = exact.get("initial", floats.get("initial"))
    return MDP.from_outcomes(outcomes, gamma, initial=initial, costs=bool(costs),
                             state_names=states, action_names=actions)


def _names(text):
    """-> (names of states, names of actions), tuples."""
    try:
        lists = [ast.literal_eval(x) for x in json.loads(str(text))]
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        raise ValueError("names cannot be read") from None
    if len(lists) != 2 or any(not isinstance(x, tuple) for x in lists) or not lists[0]:
        raise ValueError("names must be two tuples, of states and of actions")
    for kind, names in zip(("states", "actions"), lists):
        try:
            distinct = len(set(names)) == len(names)
        except TypeError:
            raise ValueError(f"names of {kind} are no numbers, texts or tuples") from None
        if not distinct:
            raise ValueError(f"two {kind} have one name")
    return lists


def _exact(name, text, floats):
    """Fractions as text -> object array.   ValueError unless the floats beside them are theirs"""
    if text.size and text.dtype.kind != "U" or text.shape != floats.shape:
        raise ValueError(f"{name} must be text of shape {floats.shape}, "
                         f"is {text.dtype} of shape {text.shape}")
    known, out = {}, np.empty(text.shape, object)
    for at in np.ndindex(text.shape):
        word = str(text[at])
        if word not in known:
            known[word] = parse(f"{name}{list(at)}" if at else name, word)
        value, out[at] = known[word]
        if not abs(value - floats[at]) <= CLOSE * abs(value):
            raise ValueError(f"{name}{list(at) if at else ''} is {word[:40]}, "
                             f"the float beside it is {float(floats[at])!r}")
    return out


def _normalized(p, exact, ptr):
    """(probabilities, as fractions or None), each row divided by its sum where that is near one."""
    if exact is not None:
        exact = exact.copy()
        for first, last in zip(ptr[:-1], ptr[1:]):
            if last > first:
                exact[first:last] = words.row("P: probabilities", list(exact[first:last]), True)
        return np.array([as_float("P", x) for x in exact]), exact
    sums = np.add.reduceat(np.append(p, 0.0), ptr[:-1])
    near = (np.abs(sums - 1) > CLOSE) & (np.abs(sums - 1) < float(words.NEAR)) & (np.diff(ptr) > 0)
    return p / np.repeat(np.where(near, sums, 1.0), np.diff(ptr)), None
