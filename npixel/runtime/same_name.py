"""Another package of the name mdp: the distribution "MDP", Modular toolkit for Data Processing.

Its package has the name of ours: install only one of the two. If both are installed into one
folder, each overwrites files of the other, and its package `graph` hides our module of that name.
Then no answer of mdp can be relied on. `import mdp` and the command mdp then end with an error that
says so, and `npixel doctor` reports it.

`import mdp` calls `refuse_mixture`, which takes microseconds: it looks up three names in one
folder.

Read first: nothing.  Read next: doctor.py.
"""

import importlib.machinery
import os
import sys
from pathlib import Path

OURS = str(Path(__file__).resolve().parents[2] / "mdp")
THEIRS = ("signal_node.py", "nodes/__init__.py", "graph/__init__.py")    # ours has none of these


def refuse_mixture(folder=OURS):
    """ImportError, in one line, if files of the other package lie in the folder of ours."""
    if any(os.path.exists(os.path.join(folder, name)) for name in THEIRS):
        raise ImportError(
            'the distribution "MDP" (Modular toolkit for Data Processing) has put its package mdp '
            f"into {folder} as well, and neither works now: run pip uninstall MDP, then "
            "pip install --force-reinstall --no-deps npixel")


def trouble():
    """What is wrong with the name mdp in this installation, in one line; "" if nothing is."""
    try:
        refuse_mixture()
    except ImportError as error:
        return str(error)
    found = importlib.machinery.PathFinder.find_spec("mdp", sys.path)
    folder = os.path.dirname(os.path.realpath(found.origin)) if found and found.origin else OURS
    if folder == OURS:
        return ""
    return (f"import mdp finds {folder}, another package of this name, and not ours in {OURS}: "
            "uninstall one of them, or use another environment")
