"""JSON from files of others: one line for whatever is wrong, and no key twice in one object.

With a key twice, two readers may read two things: Python takes the last, others the first.

Read first: nothing.  Read next: formats/json_file.py, policy_file.py, convergence.py.
"""

import json
from pathlib import Path


def read_json(path):
    """The content of a JSON file.

    OSError if it cannot be read; ValueError in one line, with the path, for everything else.
    """
    path = Path(path)
    if path.exists() and not path.is_file():           # a pipe would block for ever
        raise ValueError(f"{path}: is {'a directory' if path.is_dir() else 'not a file'}")
    try:
        text = path.read_text(encoding="utf-8")
        return json.loads(text, object_pairs_hook=no_duplicates, parse_constant=_no_number)
    except RecursionError:
        raise ValueError(f"{path}: nested too deeply") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not JSON: {error}") from None
    except ValueError as error:                        # from the two below, or a huge integer
        raise ValueError(f"{path}: {error}") from None


def no_duplicates(pairs):
    """For json's object_pairs_hook.

    >>> no_duplicates([("a", 1), ("a", 2)])
    Traceback (most recent call last):
    ValueError: key 'a' appears twice in one object
    """
    out = {}
    for key, value in pairs:
        if key in out:
            raise ValueError(f"key {key!r} appears twice in one object")
        out[key] = value
    return out


def _no_number(name):
    raise ValueError(f"not JSON: {name} is no number")
