"""What the verbs share: the process, the policy, named states, and the files that they write.

Read first: planning/solve.py, certificate.py, formats/files.py, problems/published.py,
policy_file.py, layout.py.
Read next: commands/solve.py.
"""

import sys
from pathlib import Path

import numpy as np

from npixel.runtime.command import TEXT, Kind, json_of, npz_of

from ..certificate import FORMAT
from ..convergence import ConvergenceWarning
from ..formats import files
from ..layout import printable
from ..planning import solve
from ..policy_file import read_policy
from ..problems import PROBLEMS

PROCESS = json_of("a process", format="mdp")
CERTIFICATE = json_of("a certificate", format=FORMAT)
ARRAYS = [npz_of("", "pair_state", "outcome_ptr"), npz_of("", "choice_start", "trans_start")]
BINARY = Kind("a process", lambda path: any(kind.is_one(path) for kind in ARRAYS))
PRISM = (".tra", ".sta", ".lab", ".trew")              # are written together
BESIDE = (".sta", ".lab", ".srew", ".trew", ".rew")    # may be read with a .tra file


def add_model(command):
    """Give a verb the process and what may be said about it."""
    command.add_argument("model", metavar="FILE|NAME",
                         help="a file (" + " ".join(files.ENDINGS) + "; see mdp problems NAME "
                              "--write), or an example: " + ", ".join(PROBLEMS))
    command.add_argument("--gamma", metavar="G",
                         help="another discount, for example 0.9 or 9/10; files without one have 1")
    command.add_argument("--reward", metavar="R",
                         help="which rewards: a reward model of a .drn file, a name of choice "
                              "arrays, the number or name of reward files beside a .tra file")
    command.add_argument("--normalize", "--normalise", action="store_true",
                         help="divide rows that are off by less than 1e-5 by their sum")
    command.set_defaults(notes=[])


def read_model(arguments):
    """The process that the arguments name; what is to be said about it goes to arguments.notes."""
    name = arguments.model
    if name in PROBLEMS:
        make = PROBLEMS[name].make
        return make() if arguments.gamma is None else make(arguments.gamma)
    path = Path(name)
    if not path.exists():
        raise ValueError(f"{name!r} is neither a file nor an example; "
                         f"the examples are {', '.join(PROBLEMS)}")
    m, notes = files.read_and_say(path, gamma=arguments.gamma, reward=arguments.reward,
                                  normalize=arguments.normalize)
    arguments.notes = [str(note) for note in notes]
    for kind, names in (("states", m.state_names), ("actions", m.action_names)):
        if len(set(map(str, names))) < len(names):     # 1 and "1" would be one line of the answer
            raise ValueError(f"{path}: two {kind} have the same name as text")
    return m


def inputs(arguments):
    """The files that a verb reads its process from: none for an example."""
    if arguments.model in PROBLEMS:
        return []
    path = Path(arguments.model)
    if path.suffix.lower() != ".tra":
        return [path]
    # rewards may be numbered: m1.srew
    return [path, *(one for one in path.parent.iterdir()
                    if one.name.startswith(path.stem) and one.suffix in BESIDE)]


def outputs(path):
    """[(file, Kind)] that convert writes for the name OUT."""
    path, ending = Path(path), Path(path).suffix.lower()
    if ending == ".tra":
        return [(path.with_suffix(one), TEXT) for one in PRISM]
    return [(path, {".json": PROCESS, ".npz": BINARY}.get(ending, TEXT))]


def add_policy(command):
    """Give a verb the option --policy."""
    command.add_argument("--policy", default="uniform", metavar="P",
                         help='uniform (default), optimal, or a JSON file: {"state": "action"}, '
                              '{"state": {"action": probability}}, a list of such objects, one '
                              "for each step, or what mdp solve --json prints")


def policy_of(m, text):
    """uniform, optimal or a file -> probabilities (S, A), or (T, S, A) with one policy per step."""
    if text == "uniform":
        return m.available / np.maximum(m.available.sum(axis=1, keepdims=True), 1)
    if text == "optimal":
        policy = solve(m).policy
        return np.eye(m.num_actions)[np.maximum(policy, 0)] * m.available
    path = Path(text)
    if not path.exists():
        raise ValueError(f"--policy {text!r} is neither uniform, nor optimal, nor a file")
    return read_policy(m, path)


def state(m, option, name):
    """The number of the state of this name.   ValueError names the option"""
    names = [str(name) for name in m.state_names]
    if name not in names:
        shown = ", ".join(map(printable, names[:12])) + (", ..." if len(names) > 12 else "")
        raise ValueError(f"{option} {name!r} is not a state; the states are {shown}")
    return names.index(name)


def telling(call):
    """A verb that says, after its answer, how its process was read. An error stays one line."""
    def verb(arguments):
        status = call(arguments)
        for note in arguments.notes:
            print(f"mdp: {printable(note)}", file=sys.stderr)
        return status
    return verb


def doubts(caught):
    """Warnings -> the texts of those that say that a number is not as precise as it should be."""
    return [str(w.message) for w in caught if issubclass(w.category, ConvergenceWarning)]


def say(doubts):
    """Doubts on standard error, one line each; the exit status."""
    for doubt in doubts:
        print(f"mdp: {doubt}", file=sys.stderr)
    return 1 if doubts else 0
