"""Checkpoints: networks, and training runs that can go on, each in one .npz file.

A file is written whole or not at all.

A checkpoint is a plain .npz (a zip of .npy arrays, readable by numpy.load), never pickle:

    meta                       JSON text, a string array of rank 0:
        format                     "npixel": set by `write`, checked by `read`
        version                    1: set by `write`, checked by `read`
        arrays                     the names of all arrays: set by `write`, and compared and removed
                                   by `read`
        model                      {name, image_shape, levels, dtype, config}, from Network.describe
        training                   only of a training run: its plan and its progress
                               (training/record.py)
    params/NAME/FIELD          the weights, such as params/conv0/w; what npixel.load reads
    training/...               only of a training run: optimizer state, unaveraged weights,
                               learning curve

A tree is nested dicts and NamedTuples with arrays as leaves: params, gradients, the state of an
optimizer. `flatten` names every leaf by its path, `unflatten` builds a tree of the same form back,
and `restore` fills one in place. The last two check every array first.

Equal contents give equal bytes: the zip carries no dates.

Read first: nothing.  Read next: network.py, runtime/safe_npz.py, runtime/whole_file.py.
"""

import json
import zipfile

import numpy as np

from .runtime import safe_npz
from .runtime.whole_file import write_whole

FORMAT = "npixel"
VERSION = 1
META_BYTES = 2**26                                     # of the JSON text, four for each letter


def write(path, arrays, meta):
    """Write arrays and meta to `path` as one .npz file, whole or not at all.

    path      exactly the name of the file: no suffix is added. A symbolic link is followed
    arrays    dict: name -> array of numbers or bools
    meta      dict that JSON can hold (no nan); `format`, `version` and `arrays` are added

    ValueError for an array of Python objects, a meta that JSON cannot hold, a path that is a
    directory. FileNotFoundError if the folder of `path` does not exist. OSError if the disk
    refuses. The old file is left as it was in every case.
    """
    meta = meta | {"format": FORMAT, "version": VERSION, "arrays": list(arrays)}
    try:
        text = json.dumps(meta, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: meta cannot be written as JSON ({error})") from None
    if "meta" in arrays:
        raise ValueError(f"{path}: an array may not be called meta")
    members = {"meta": np.array(text)}
    members |= {name: np.asarray(array) for name, array in arrays.items()}
    for name, array in members.items():
        if array.dtype.kind not in "biufcU":
            raise ValueError(f"{path}: {name} must be an array of numbers, has dtype {array.dtype}")

    def put(file):
        with zipfile.ZipFile(file, "w") as archive:
            for name, array in members.items():
                with archive.open(zipfile.ZipInfo(name + ".npy"), "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, array, allow_pickle=False)

    write_whole(path, put)


def read(path, prefix=""):
    """What `write` wrote: a pair of arrays and meta.

    prefix    "": every array; "params": those below params/, and the others are never inflated
    arrays    dict: name -> array, writable, in the order written
    meta      dict, with `format` and `version`

    Nothing is ever unpickled, and every byte that is read is checked against its checksum.

    FileNotFoundError if there is no such file. ValueError that names the file and what is wrong if
    it is damaged, truncated, pickled, of another program or of a later version. ValueError, too, if
    its arrays are too large for safe_npz.read.
    """
    found, meta = contents(path)
    wanted = {name for name in found if not prefix or name.startswith(prefix + "/")}
    return safe_npz.read(path, names=wanted) if wanted else {}, meta


def contents(path):
    """What `read` would give, with a safe_npz.Header in place of each array: a shape and a dtype.

    Nothing large is inflated. The errors are those of `read`.
    """
    try:
        found = safe_npz.headers(path)
        text = safe_npz.read(path, names={"meta"}, limit=META_BYTES).get("meta")
    except ValueError as error:
        foreign = "not a checkpoint of npixel (no .npz file: "
        raise ValueError(str(error).replace("not an .npz file (", foreign)) from None
    meta = _read_meta(path, text)
    found.pop("meta")
    names = meta.pop("arrays", None)
    if names != list(found):                           # damage to the zip can hide an array
        raise ValueError(f"{path}: damaged .npz file (it has {len(found)} arrays, and names "
                         f"{len(names or [])})")
    return found, meta


def _read_meta(path, text):
    foreign = f"{path}: not a checkpoint of npixel"
    if text is None or text.dtype.kind != "U" or text.ndim != 0:
        raise ValueError(f"{foreign} (an .npz file, but without npixel's meta)")
    try:
        meta = json.loads(str(text))
    except ValueError as error:
        raise ValueError(f"{foreign} (its meta is no JSON: {_one_line(error)})") from None
    if not isinstance(meta, dict) or meta.get("format") != FORMAT:
        found = meta.get("format") if isinstance(meta, dict) else meta
        raise ValueError(f"{foreign} (its format is {found!r}, not {FORMAT!r})")
    if meta.get("version") != VERSION:
        raise ValueError(f"{path}: a checkpoint of version {meta.get('version')!r}; "
                         f"this npixel reads version {VERSION}")
    return meta


def _one_line(error):
    return " ".join(str(error).split()) or type(error).__name__


def flatten(tree, prefix="params"):
    """Every array of a tree, named by its path, such as "params/conv0/w": a dict.

    The arrays are those of the tree, not copies.

    prefix    the first part of every name; "" for none

    ValueError if a leaf is no array or two leaves have one path.

    >>> flatten({"a": {"w": np.zeros(2)}})
    {'params/a/w': array([0., 0.])}
    """
    if isinstance(tree, np.ndarray):
        return {prefix: tree}
    flat = {}
    for name, branch in _branches(tree, prefix):
        for leaf, array in flatten(branch, _join(prefix, name)).items():
            if leaf in flat:
                raise ValueError(f"two arrays are called {leaf}")
            flat[leaf] = array
    return flat


def unflatten(arrays, like, prefix="params", *, path=None):
    """A new tree of the form of `like`, whose leaves are the arrays of those names.

    arrays    dict: name -> array; what stands outside `prefix` is not looked at
    like      the tree that says which names, shapes and dtypes are expected
    path      the file the arrays come from, for the error message
    returns   nested dicts and NamedTuples as in `like`, with the arrays of `arrays`, not copies

    ValueError (see `check`).
    """
    check(arrays, like, prefix, path=path)
    return _rebuild(arrays, like, prefix)


def _rebuild(arrays, like, prefix):
    if isinstance(like, np.ndarray):
        return arrays[prefix]
    branches = {name: _rebuild(arrays, branch, _join(prefix, name))
                for name, branch in _branches(like, prefix)}
    return branches if isinstance(like, dict) else type(like)(**branches)


def restore(tree, arrays, prefix="params", *, path=None):
    """Copy the arrays of those names into the arrays of `tree`, in place.

    All of them are copied or, where `check` raises, none.
    """
    check(arrays, tree, prefix, path=path)
    for name, array in flatten(tree, prefix).items():
        array[...] = arrays[name]


def check(arrays, like, prefix="params", *, path=None):
    """ValueError, one line, unless `arrays` holds exactly the leaves of `like` below `prefix`.

    They must have its shapes and dtypes, and all their numbers must be finite.
    """
    where, expected = "" if path is None else f"{path}: ", flatten(like, prefix)
    inside = [name for name in arrays if not prefix or name.startswith(prefix + "/")]
    for name in inside:
        if name not in expected:
            raise ValueError(f"{where}unexpected array {name} of shape {arrays[name].shape}")
    for name, array in expected.items():
        check_header(arrays.get(name), name, array.shape, array.dtype, where)
        found = arrays[name]
        if bad := found.size - np.count_nonzero(np.isfinite(found)):
            raise ValueError(f"{where}array {name} has {bad} entries of {found.size} that are nan "
                             "or infinite")


def check_header(found, name, shape, dtype, where=""):
    """ValueError, one line, unless `found`, an array or a Header, is there and fits."""
    if found is None:
        raise ValueError(f"{where}array {name} is missing, expected shape {shape}")
    if found.shape != shape:
        raise ValueError(f"{where}array {name} has shape {found.shape}, expected {shape}")
    if found.dtype != dtype:
        raise ValueError(f"{where}array {name} has dtype {found.dtype}, expected {dtype}")


def _join(prefix, name):
    return f"{prefix}/{name}" if prefix else str(name)


def _branches(tree, prefix):
    if isinstance(tree, dict):
        return tree.items()
    if hasattr(tree, "_asdict"):                       # a NamedTuple
        return tree._asdict().items()
    raise ValueError(f"{prefix or 'tree'} must be a dict, a NamedTuple or an array, "
                     f"is {type(tree).__name__}")
