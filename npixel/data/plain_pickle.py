"""What a pickle holds, without Python's unpickler, which runs any program that a pickle asks for.

A pickle is a program for a machine with a stack and a memory. pickletools lists the program step by
step. `read` is that machine with the steps that plain data and NumPy arrays of bytes need:

    step                          what it does
    BININT, BINUNICODE, ...       push a number or a text
    MARK ... TUPLE, LIST, DICT    take everything since the mark, push one collection of it
    APPENDS, SETITEMS             take values, put them into the list or dict below
    BINPUT, BINGET                copy the top into the memory, or push a copy from there
    GLOBAL, REDUCE, BUILD         push a name; call it; give a state to what it made

Any other step is an error, and so is any name but those in NAMES. These names do not call NumPy:
they make inert records, from which the bytes are taken later. A key must be text: to hash tuples
within tuples can take all of the stack or of the time.

Read first: nothing.  Read next: data/cifar10.py.
"""

import pickletools

import numpy as np

from npixel.runtime import limits

MOST_STEPS = 500_000                                   # 10,000 images take 40,000 to 100,000


def read(raw):
    """What a pickle holds: dicts, lists, tuples, numbers, text, bytes, and Array.

    raw    the bytes of the pickle

    ValueError for a step or a name that is refused. A damaged pickle raises nearly anything.

    >>> import pickle
    >>> read(pickle.dumps({"labels": [1, 2]}))
    {'labels': [1, 2]}
    """
    machine = _Machine()
    for number, (step, argument, _) in enumerate(pickletools.genops(raw)):
        if number >= MOST_STEPS:
            raise ValueError(f"more than {MOST_STEPS:,} steps")
        if step.name == "STOP":
            return machine.stack.pop()
        if step.name not in STEPS:
            raise ValueError(f"it has the step {step.name}, which is refused")
        STEPS[step.name](machine, argument)
    raise ValueError("it does not end")


class Record:
    """What a call in a pickle becomes: its arguments and state, kept and used for nothing."""

    def __init__(self, *arguments):
        self.arguments, self.state = arguments, None


class Dtype(Record):
    """A call of numpy.dtype."""

    def name(self):
        """Its name as text, or whatever stands in its place."""
        first = self.arguments[0] if self.arguments else None
        return first.decode("latin1") if isinstance(first, bytes) else first


class Array(Record):
    """An array of NumPy, in one of the two forms in which it is pickled.

    _reconstruct(ndarray, (0,), b"b")          with state (version, shape, dtype, fortran, bytes)
    _frombuffer(bytes, dtype, shape, order)    without a state
    """

    def to_numpy(self, origin):
        """The array; ValueError that names `origin` unless it is one of unsigned bytes."""
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
    """Bytes, as Python 3 writes them in protocol 2: _codecs.encode(text, "latin1")."""
    if encoding not in ("latin1", b"latin1"):
        raise ValueError(f"encoding {str(encoding)[:20]!r}, must be 'latin1'")
    return text.encode("latin1")


# the names that a pickle may call, and what they are here
NAMES = {("numpy", "ndarray"): Record, ("numpy", "dtype"): Dtype, ("_codecs", "encode"): _encode}
NAMES |= {
    (f"numpy.{core}.{module}", name): Array
    for core in ("core", "_core")
    for module, name in (("multiarray", "_reconstruct"), ("numeric", "_frombuffer"))}


class _Machine:
    """The state of the machine, and the steps that are more than one line."""

    def __init__(self):
        self.stack, self.marks, self.memory = [], [], {}
        self.made = 0                                  # bytes that _encode made

    def take(self, count):
        """The last `count` values, taken off the stack."""
        return self.take_from(len(self.stack) - count)

    def take_marked(self):
        """The values since the last mark, taken off the stack."""
        return self.take_from(self.marks.pop())

    def take_from(self, start):
        if not 0 <= start <= len(self.stack):
            raise ValueError("it takes more than there is")
        values = self.stack[start:]
        del self.stack[start:]
        return values

    def remember(self, place):
        self.memory[place] = self.stack[-1]

    def append(self, values):
        """Values into the list below them."""
        list.extend(self.stack[-1], values)

    def set_items(self, values):
        """Keys and values in turn, into the dict below them, whose keys are text."""
        target = self.stack[-1]
        if type(target) is not dict or len(values) % 2:
            raise ValueError("it sets keys of something that is no dict")
        for key, value in zip(values[::2], values[1::2]):
            if type(key) not in (bytes, str):
                raise ValueError(f"a key must be text, is a {type(key).__name__}")
            target[key] = value

    def push_dict(self, values):
        self.stack.append({})
        self.set_items(values)

    def push_name(self, module, name):
        if (module, name) not in NAMES:
            raise ValueError(f"it asks for {str(module)[:50]}.{str(name)[:50]}, which is refused")
        self.stack.append(NAMES[module, name])

    def call(self):
        """A name and its arguments become what it makes."""
        function, arguments = self.take(2)
        if function not in NAMES.values() or type(arguments) is not tuple:
            raise ValueError("it calls something that is no name")
        self.stack.append(function(*arguments))
        self.made += len(self.stack[-1]) if function is _encode else 0
        limits.check("what it makes", self.made)       # one text may be encoded again and again

    def give_state(self):
        """A record and its state become that record."""
        record, state = self.take(2)
        if not isinstance(record, Record):
            raise ValueError("it gives a state to something that has none")
        record.state = state
        self.stack.append(record)


def _push(machine, argument):
    machine.stack.append(argument)


def _nothing(machine, argument):
    """A step that only frames what follows."""


# name of a step -> function(machine, argument)
STEPS = {
    "PROTO": _nothing,
    "FRAME": _nothing,
    "NONE": lambda machine, _: machine.stack.append(None),
    "NEWTRUE": lambda machine, _: machine.stack.append(True),
    "NEWFALSE": lambda machine, _: machine.stack.append(False),
    "MARK": lambda machine, _: machine.marks.append(len(machine.stack)),
    "MEMOIZE": lambda machine, _: machine.remember(len(machine.memory)),
    "EMPTY_TUPLE": lambda machine, _: machine.stack.append(()),
    "TUPLE1": lambda machine, _: machine.stack.append(tuple(machine.take(1))),
    "TUPLE2": lambda machine, _: machine.stack.append(tuple(machine.take(2))),
    "TUPLE3": lambda machine, _: machine.stack.append(tuple(machine.take(3))),
    "TUPLE": lambda machine, _: machine.stack.append(tuple(machine.take_marked())),
    "EMPTY_LIST": lambda machine, _: machine.stack.append([]),
    "LIST": lambda machine, _: machine.stack.append(machine.take_marked()),
    "APPEND": lambda machine, _: machine.append(machine.take(1)),
    "APPENDS": lambda machine, _: machine.append(machine.take_marked()),
    "EMPTY_DICT": lambda machine, _: machine.push_dict([]),
    "DICT": lambda machine, _: machine.push_dict(machine.take_marked()),
    "SETITEM": lambda machine, _: machine.set_items(machine.take(2)),
    "SETITEMS": lambda machine, _: machine.set_items(machine.take_marked()),
    "GLOBAL": lambda machine, argument: machine.push_name(*argument.split(" ")),
    "STACK_GLOBAL": lambda machine, _: machine.push_name(*machine.take(2)),
    "REDUCE": lambda machine, _: machine.call(),
    "BUILD": lambda machine, _: machine.give_state(),
}
STEPS |= dict.fromkeys(("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1"), _push)
STEPS |= dict.fromkeys(("UNICODE", "BINUNICODE", "SHORT_BINUNICODE"), _push)
STEPS |= dict.fromkeys(("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
                       lambda machine, argument: machine.stack.append(bytes(argument)))
# text of Python 2 is bytes
STEPS |= dict.fromkeys(("STRING", "BINSTRING", "SHORT_BINSTRING"),
                       lambda machine, argument: machine.stack.append(argument.encode("latin1")))
STEPS |= dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"),
                       lambda machine, argument: machine.remember(argument))
STEPS |= dict.fromkeys(("GET", "BINGET", "LONG_BINGET"),
                       lambda machine, argument: machine.stack.append(machine.memory[argument]))
