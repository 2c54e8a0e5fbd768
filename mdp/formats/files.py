"""One door to every file format, by the ending of the name.

    .json           our own, readable
    .npz            our own, binary; or the choice arrays of verification benchmarks
    .tra            PRISM or Storm explicit, with .sta and .lab beside it, and rewards (prism.py)
    .drn            Storm
    .pomdp, .mdp    Cassandra

Read first: formats/json_file.py, formats/npz_file.py, formats/arrays.py, formats/prism.py,
formats/drn.py, formats/cassandra.py.
Read next: commands/shared.py.
"""

import warnings
from pathlib import Path

import numpy as np

from npixel.runtime import safe_npz
from npixel.runtime.whole_file import write_whole

from .arrays import choice_rewards, from_choices, to_choices
from .cassandra import from_cassandra, to_cassandra
from .drn import from_drn, reward_models, to_drn
from .json_file import load, save
from .npz_file import from_arrays, save_npz
from .prism import from_prism, reward_name, rewards_beside, to_prism
from .words import either_spelling

ENDINGS = (".json", ".npz", ".tra", ".drn", ".pomdp", ".mdp")


class RewardWarning(UserWarning):
    """A file has several rewards, none was chosen, and the first was taken."""


@either_spelling
def read(path, *, gamma=None, reward=None, normalize=False):
    """Read a process from a file of any known format -> MDP.

    Of a .pomdp file this is the process whose states are seen.

    gamma      another discount (formats without one have 1)
    reward     which rewards, where there may be several. In a .drn file the name of a reward model;
               of choice arrays the name of theirs, without which there are none; beside a .tra file
               the number or name of one of its reward files. Default for .drn and .tra: the first,
               with a RewardWarning if there are more
    normalize  divide rows that are off by less than 1e-5 by their sum

    ValueError in one line if the ending is unknown or the file is not what it says; OSError if it
    cannot be read.
    """
    m, notes = read_and_say(path, gamma=gamma, reward=reward, normalize=normalize)
    for note in notes:
        if isinstance(note, RewardWarning):
            warnings.warn(note, stacklevel=3)          # at the caller of the decorated `read`
    return m


def read_and_say(path, *, gamma=None, reward=None, normalize=False):
    """As `read` -> (MDP, list of notes: which rewards were taken, and what was left out).

    A note about a choice that was made for the reader is a RewardWarning, the others are strings.
    """
    path = Path(path)
    if path.is_dir():
        raise ValueError(f"{path}: is a directory")
    if path.exists() and not path.is_file():           # a pipe would block for ever
        raise ValueError(f"{path}: is not a file")
    try:
        m, notes = _read(path, reward, normalize)
        m = m if gamma is None else m.replace(gamma=gamma)
    except ValueError as error:                        # what the model finds does not name the file
        raise error if str(path) in str(error) else ValueError(f"{path}: {error}") from None
    return m, notes


def _read(path, reward, normalize):
    ending = path.suffix.lower()
    if ending == ".tra":
        return _read_tra(path, reward, normalize)
    if ending == ".drn":
        m = from_drn(path, reward=reward, normalize=normalize)
        return m, _taken(path, reward, reward_models(path))
    if ending == ".npz":
        arrays = safe_npz.read(path)
        if "choice_start" in arrays:
            m = from_choices(arrays, reward=reward, normalize=normalize)
            names = choice_rewards(arrays)
            none = [f"no rewards: the file has {', '.join(names)}; choose one with --reward"]
            return m, none if names and reward is None else []
    if reward is not None and ending in ENDINGS:
        raise ValueError(f"{path}: has one reward; --reward {reward!r} belongs to .tra, .drn and "
                         "choice arrays")
    if ending == ".npz":
        return from_arrays(arrays, path, normalize=normalize), []
    if ending == ".json":
        return load(path, normalize=normalize), []
    if ending in (".pomdp", ".mdp"):
        m = from_cassandra(path, normalize=normalize)
        if not hasattr(m, "mdp"):
            return m, []
        return m.mdp, ["the file is partially observable; this is the process whose states are "
                       "seen (from_cassandra in Python reads the whole of it)"]
    raise ValueError(f"{path}: unknown ending {ending!r}; the formats are {', '.join(ENDINGS)}")


def _read_tra(path, reward, normalize):
    """A .tra file with what lies beside it -> (MDP, notes)."""
    beside = {name: path.with_suffix("." + name) for name in ("sta", "lab")}
    beside = {name: file for name, file in beside.items() if file.exists()}
    rewards = rewards_beside(path)
    names = {label: reward_name(files) for label, files in rewards.items()}
    label = _chosen(path, reward, names)
    if not rewards:
        m = from_prism(path, **beside, normalize=normalize)
        return m, ["no rewards: there is no .srew or .trew file beside it"]
    m = from_prism(path, **beside, **rewards[label], normalize=normalize)
    told = "rewards: " + ", ".join(file.name for file in rewards[label].values())
    told += f" ({names[label]})" if names[label] else ""
    known = [label or name or path.stem for label, name in names.items()]
    return m, [told, *_taken(path, reward, known)]


def _chosen(path, reward, names):
    """The label of the rewards called `reward`, by label or else by name; by default the first.

    names   {label: what PRISM calls them, or ""}
    """
    if reward is None:
        return next(iter(names), None)
    by_label = [label for label in names if label == reward]
    by_name = [label for label, name in names.items() if reward and name == reward]
    chosen = by_label or by_name
    if len(chosen) != 1:
        shown = ", ".join(f"{label} ({name})" if label and name else label or name or path.stem
                          for label, name in names.items())
        raise ValueError(f"{path}: there are no rewards {reward!r} beside it; "
                         f"there are {shown or 'none'}")
    return chosen[0]


def _taken(path, reward, names):
    """A note if there are several rewards and none was chosen."""
    if reward is not None or len(names) < 2:
        return []
    return [RewardWarning(f"{path}: has rewards {', '.join(names)}; {names[0]} was taken, "
                          "choose with reward= (--reward)")]


def write(m, path, *, choices=False):
    """Write a process in the format of the ending.

    choices    an .npz of choice arrays instead of our own

    .json and .npz files keep everything. .tra and .drn files and choice arrays have no discount,
    and leave it out. What else a format cannot say is a ValueError: in .mdp files, for example,
    discounts per pair, and actions that only some states have.
    """
    path = Path(path)
    ending = path.suffix.lower()
    if ending == ".npz" and choices:
        content = to_choices(m)
        write_whole(path, lambda file: np.savez_compressed(file, **content))
        return
    writers = {".json": save, ".npz": save_npz, ".drn": to_drn,
               ".tra": lambda m, path: to_prism(m, path.with_suffix("")),
               ".pomdp": to_cassandra, ".mdp": to_cassandra}
    if ending not in writers:
        raise ValueError(f"{path}: unknown ending {ending!r}; the formats are {', '.join(ENDINGS)}")
    writers[ending](m, path)
