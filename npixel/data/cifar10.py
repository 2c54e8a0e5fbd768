"""CIFAR-10: 50,000 + 10,000 RGB images of 32x32, 256 levels.

    A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.

Read in three forms: the archive cifar-10-python.tar.gz (never unpacked to disk), its folder cifar-10-batches-py, and an .npz.
The batches are Python pickles, and a pickle can run any program. These are read without Python's
unpickler, step by step (_plain): the few names that NumPy arrays need stand for inert records, from
which the bytes are taken; every other name, and every other kind of step, is an error.

There is no validation set: one training image in ten is held back (5,000 of 50,000; dataset.hold_back). A batch holds planes, (N, 3, 32, 32) in memory order.
"""

import gzip
import pickletools
import tarfile
import zlib
from pathlib import Path

import numpy as np

from npixel.runtime import limits
from npixel.data import arrays
from npixel.data.dataset import from_train_and_test
from npixel.data.files import check_digest, find, incomplete, missing, read

TRAIN = tuple(f"data_batch_{i}" for i in range(1, 6))
TEST = "test_batch"
ANY = ("data_batch_*", TEST)
FOLDER = "cifar-10-batches-py"
ARCHIVE = "cifar-10-python.tar.gz"
MD5 = {ARCHIVE: "c58f30108f718f92721af3b95e74349a",
       "data_batch_1": "c99cafc152244af753f735de768cd75f", "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
       "data_batch_3": "54ebc095f3ab1f0389bbae665268c751", "data_batch_4": "634d18415352ddfa80567beed471001a",
       "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb", "test_batch": "40351d587109b95175f43aff81a1287e"}
SOURCE = "A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009 (CIFAR-10)"
LICENCE = "none stated by the authors"
WHERE = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"


def locate(directory):
    """The folder or file that load(directory) would read, or None."""
    return find([FOLDER, ARCHIVE, "cifar10*.npz"], _folders(directory))


def load(directory):
    """CIFAR-10 from the data directory: its folder, its archive, or an .npz (which may hold a part).

    returns    Dataset: train (45000, 32, 32, 3), valid (5000, ...), test (10000, ...) uint8, 256 levels, labels 0 to 9

    FileNotFoundError that says where to get it; ValueError for files that are not the originals, or damaged.
    """
    path = locate(directory)
    if path is None:
        raise missing("cifar10", f"{FOLDER}, {ARCHIVE} or cifar10*.npz", _folders(directory), WHERE)
    if path.suffix == ".npz":
        data = arrays.load(path, name="cifar10", source=f"{SOURCE}: {path.name}", licence=LICENCE)
        if data.image_shape != (32, 32, 3) or data.levels != 256:
            raise ValueError(f"{path}: images {data.image_shape} of {data.levels} levels, cifar10 has (32, 32, 3) of 256")
        return data
    return load_folder(path, "cifar10") if path.is_dir() else load_archive(path, "cifar10")


def load_folder(folder, name=None):
    """A Dataset from the six batch files of a folder; with a name, they must be the originals."""
    batches = {}
    for batch in (*TRAIN, TEST):
        path = Path(folder) / batch
        if not path.is_file():
            raise incomplete(folder, batch, WHERE)
        if name:
            check_digest(path, ("md5", MD5[batch]), name, WHERE)
        batches[batch] = read_batch(read(path), path)
    return _dataset(name or str(folder), batches)


def load_archive(path, name=None):
    """A Dataset from the archive (.tar.gz), read in memory; with a name, it must be the original."""
    path = Path(path)
    if name:
        check_digest(path, ("md5", MD5[ARCHIVE]), name, WHERE)
    batches, total = {}, 0
    try:
        with open(path, "rb") if path.suffix == ".tar" else gzip.open(path) as file:
            with tarfile.open(fileobj=limits.Reader(path, file), mode="r|") as archive:
                for member in archive:
                    batch = Path(member.name).name
                    if member.isfile() and batch in (*TRAIN, TEST):
                        total += member.size           # a sparse file takes far less in here
                        limits.check(path, total, limits.most(path))
                        batches[batch] = archive.extractfile(member).read()
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        raise ValueError(f"{path}: damaged archive ({error})") from None
    for batch in (*TRAIN, TEST):
        if batch not in batches:
            raise ValueError(f"{path}: the archive has no {batch} (get it from {WHERE})")
    return _dataset(name or str(path), {batch: read_batch(raw, f"{path}: {batch}") for batch, raw in batches.items()})


def read_batch(raw, origin):
    """One batch: images (N, 32, 32, 3) uint8 and labels (N,) uint8 from the bytes of its pickle.

    origin    what to call it in an error

    ValueError if the bytes are no pickle, ask for anything but plain data and arrays, or the contents have the wrong shape or range.
    """
    try:
        batch = _plain(raw)
    except Exception as error:                         # damaged pickles raise nearly anything
        raise ValueError(f"{origin}: not a CIFAR-10 batch ({type(error).__name__}: {error})") from None
    if not isinstance(batch, dict):
        raise ValueError(f"{origin}: not a CIFAR-10 batch (a {type(batch).__name__}, must be a dict)")
    batch = {key.decode("latin1") if isinstance(key, bytes) else key: value for key, value in batch.items()}
    data, labels = batch.get("data"), batch.get("labels")
    if not isinstance(data, _Array) or labels is None:
        keys = ", ".join(map(str, batch))[:100]
        raise ValueError(f"{origin}: not a CIFAR-10 batch (keys {keys}; "
                         "must have data, an array, and labels)")
    data = data.to_numpy(origin)
    if data.ndim != 2 or data.shape[1] != 3072:
        raise ValueError(f"{origin}: data has shape {data.shape}, must be (N, 3072)")
    labels = labels.to_numpy(origin).tolist() if isinstance(labels, _Array) else labels
    if not isinstance(labels, list) or len(labels) != len(data) or any(type(label) is not int or not 0 <= label <= 9 for label in labels):
        raise ValueError(f"{origin}: labels must be {len(data)} integers in [0, 10)")
    images = data.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)                       # (N, 32, 32, 3)
    return np.ascontiguousarray(images), np.array(labels, np.uint8)


class _Record:
    """What a call in a pickle becomes: its arguments and state, kept and used for nothing."""

    def __init__(self, *arguments):
        self.arguments, self.state = arguments, None


class _Dtype(_Record):
    def name(self):
        first = self.arguments[0] if self.arguments else None
        return first.decode("latin1") if isinstance(first, bytes) else first


class _Array(_Record):
    """numpy's _reconstruct(ndarray, (0,), b"b") with state (version, shape, dtype, fortran, bytes), or _frombuffer(bytes, dtype, shape, order)."""

    def to_numpy(self, origin):
        try:
            if self.state is not None:
                _, shape, dtype, fortran, raw = self.state
            else:
                raw, dtype, shape, order = self.arguments
                fortran = order != "C"
            if dtype.name() != "u1" or not isinstance(raw, bytes):
                raise ValueError(f"dtype {str(dtype.name())[:20]!r}, must be 'u1'")
            return np.frombuffer(raw, np.uint8).reshape(shape, order="F" if fortran else "C")
        except (TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
            raise ValueError(f"{origin}: not an array of unsigned bytes ({error})") from None


def _encode(text, encoding):
    """The bytes that Python 3 writes in protocol 2 as _codecs.encode(text, "latin1")."""
    if encoding not in ("latin1", b"latin1"):
        raise ValueError(f"encoding {str(encoding)[:20]!r}, must be 'latin1'")
    return text.encode("latin1")


# the names that a batch may call, and what they are here
NAMES = {("numpy", "ndarray"): _Record, ("numpy", "dtype"): _Dtype, ("_codecs", "encode"): _encode}
NAMES |= {
    (f"numpy.{core}.{module}", name): _Array
    for core in ("core", "_core")
    for module, name in (("multiarray", "_reconstruct"), ("numeric", "_frombuffer"))}

MOST_STEPS = 500_000                                   # a batch of 10,000 images: 40,000 to 100,000
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
NUMBERS = {"INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1"}
TEXTS = {"UNICODE", "BINUNICODE", "SHORT_BINUNICODE"}
BYTES = {"BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"}
OLD_TEXTS = {"STRING", "BINSTRING", "SHORT_BINSTRING"}           # of Python 2: bytes
PUT, GET = {"PUT", "BINPUT", "LONG_BINPUT"}, {"GET", "BINGET", "LONG_BINGET"}
TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


def _plain(raw):
    """What a pickle holds: dicts, lists, tuples, numbers, text, bytes, and the records above.

    A pickle is a program for a machine with a stack and a memory, which pickletools lists step by
    step. This is that machine with the steps that batches need; any other step, and any name but
    NAMES, is an error. Nothing is called but those, and nothing is hashed but text: tuples within
    tuples, as keys, can take all of the stack or of the time.
    """
    stack, marks, memory, made = [], [], {}, 0
    for number, (step, argument, _) in enumerate(pickletools.genops(raw)):
        name = step.name
        if number >= MOST_STEPS:
            raise ValueError(f"more than {MOST_STEPS:,} steps")
        if name in CONSTANTS:
            stack.append(CONSTANTS[name])
        elif name in NUMBERS or name in TEXTS:
            stack.append(argument)
        elif name in BYTES:
            stack.append(bytes(argument))
        elif name in OLD_TEXTS:
            stack.append(argument.encode("latin1"))
        elif name in PUT or name == "MEMOIZE":
            memory[len(memory) if name == "MEMOIZE" else argument] = stack[-1]
        elif name in GET:
            stack.append(memory[argument])
        elif name == "MARK":
            marks.append(len(stack))
        elif name in TUPLES:
            stack.append(tuple(_cut(stack, len(stack) - TUPLES[name])))
        elif name in ("TUPLE", "LIST"):
            stack.append((tuple if name == "TUPLE" else list)(_cut(stack, marks.pop())))
        elif name == "EMPTY_LIST":
            stack.append([])
        elif name in ("APPEND", "APPENDS"):
            values = _cut(stack, marks.pop() if name == "APPENDS" else len(stack) - 1)
            list.extend(stack[-1], values)
        elif name in ("EMPTY_DICT", "DICT"):
            values = _cut(stack, marks.pop()) if name == "DICT" else []
            stack.append({})
            _fill(stack[-1], values)
        elif name in ("SETITEM", "SETITEMS"):
            values = _cut(stack, marks.pop() if name == "SETITEMS" else len(stack) - 2)
            _fill(stack[-1], values)
        elif name in ("GLOBAL", "STACK_GLOBAL"):
            words = argument.split(" ") if name == "GLOBAL" else _cut(stack, len(stack) - 2)
            stack.append(_named(*words))
        elif name == "REDUCE":
            function, arguments = _cut(stack, len(stack) - 2)
            if function not in NAMES.values() or type(arguments) is not tuple:
                raise ValueError("it calls something that is no name")
            stack.append(function(*arguments))
            made += len(stack[-1]) if function is _encode else 0
            limits.check("what it makes", made)        # of one text, again and again
        elif name == "BUILD":
            record, state = _cut(stack, len(stack) - 2)
            if not isinstance(record, _Record):
                raise ValueError("it gives a state to something that has none")
            record.state = state
            stack.append(record)
        elif name == "STOP":
            return stack.pop()
        elif name not in ("PROTO", "FRAME"):
            raise ValueError(f"it has the step {name}, which is refused")
    raise ValueError("it does not end")


def _cut(stack, start):
    """The values from `start` on, taken off the stack."""
    if not 0 <= start <= len(stack):
        raise ValueError("it takes more than there is")
    values = stack[start:]
    del stack[start:]
    return values


def _fill(target, values):
    """Keys and values in turn, into a dict whose keys are text."""
    if type(target) is not dict or len(values) % 2:
        raise ValueError("it sets keys of something that is no dict")
    for key, value in zip(values[::2], values[1::2]):
        if type(key) not in (bytes, str):
            raise ValueError(f"a key is a {type(key).__name__}, must be text")
        target[key] = value


def _named(module, name):
    if (module, name) not in NAMES:
        raise ValueError(f"it asks for {str(module)[:50]}.{str(name)[:50]}, which is refused")
    return NAMES[module, name]


def _dataset(name, batches):
    train, train_labels = (np.concatenate(parts) for parts in zip(*(batches[batch] for batch in TRAIN)))
    return from_train_and_test(name, train, batches[TEST][0], levels=256, train_labels=train_labels, test_labels=batches[TEST][1],
                               source=SOURCE, licence=LICENCE)


def _folders(directory):
    return [directory, directory / "cifar10"] if directory else []
