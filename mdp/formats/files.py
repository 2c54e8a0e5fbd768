"""One door to every file format, by the ending of the name.

    .json           our own, readable            .npz    our own, binary; or the choice arrays of verification benchmarks
    .tra            PRISM or Storm explicit, with .sta .lab .srew .trew beside it if they exist
    .drn            Storm                        .pomdp, .mdp    Cassandra

Read next: json_file.py, npz_file.py, prism.py, drn.py, cassandra.py, arrays.py.
"""

import zipfile
from pathlib import Path

import numpy as np

from npixel.whole_file import write_whole

from .arrays import from_choices, to_choices
from .cassandra import from_cassandra, to_cassandra
from .drn import from_drn, to_drn
from .json_file import load, save
from .npz_file import load_npz, save_npz
from .prism import from_prism, to_prism

ENDINGS = (".json", ".npz", ".tra", ".drn", ".pomdp", ".mdp")


def read(path, *, gamma=None, reward=None, normalise=False):
    """Read a process from a file of any known format -> MDP.

    gamma      another discount (formats without one have 1)
    reward     the reward model of a .drn file or of choice arrays; for .tra the ending of the files beside it is .srew and .trew
    normalise  for Cassandra files: divide rows that are off by less than 1e-5
    ValueError in one line if the ending is unknown or the file is not what it says; OSError if it cannot be read.
    """
    path = Path(path)
    if path.is_dir():
        raise ValueError(f"{path}: is a directory")
    try:
        m = _read(path, reward, normalise)
    except ValueError as error:                                          # what the model finds wrong does not know the file
        raise error if str(path) in str(error) else ValueError(f"{path}: {error}") from None
    return m if gamma is None else m.replace(gamma=gamma)


def _read(path, reward, normalise):
    ending = path.suffix.lower()
    if ending == ".json":
        m = load(path)
    elif ending == ".npz":
        with open(path, "rb") as file:
            if not zipfile.is_zipfile(file):
                raise ValueError(f"{path}: not an .npz file")
        with np.load(path, allow_pickle=False) as z:
            choices = {name: z[name] for name in z.files} if "choice_start" in z.files else None
        m = load_npz(path) if choices is None else from_choices(choices, reward=reward)
    elif ending == ".tra":
        beside = {name: path.with_suffix("." + name) for name in ("sta", "lab", "srew", "trew")}
        m = from_prism(path, **{name: file for name, file in beside.items() if file.exists()})
    elif ending == ".drn":
        m = from_drn(path, reward=reward)
    elif ending in (".pomdp", ".mdp"):
        m = from_cassandra(path, normalise=normalise)
        m = getattr(m, "mdp", m)
    else:
        raise ValueError(f"{path}: unknown ending {ending!r}; the formats are {', '.join(ENDINGS)}")
    return m


def write(m, path, *, choices=False):
    """Write a process in the format of the ending.   choices: an .npz of choice arrays instead of our own"""
    path = Path(path)
    ending = path.suffix.lower()
    if ending == ".npz" and choices:
        content = to_choices(m)
        write_whole(path, lambda file: np.savez_compressed(file, **content))
        return
    writers = {".json": save, ".npz": save_npz, ".tra": lambda m, path: to_prism(m, path.with_suffix("")), ".drn": to_drn, ".pomdp": to_cassandra, ".mdp": to_cassandra}
    if ending not in writers:
        raise ValueError(f"{path}: unknown ending {ending!r}; the formats are {', '.join(ENDINGS)}")
    writers[ending](m, path)
