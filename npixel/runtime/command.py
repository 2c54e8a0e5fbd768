"""What the command lines of both packages share: beginning and end, outputs, --json.

    main(argv) = start("npixel", parser, argv)

A subcommand is a function of the parsed arguments. It returns the exit status, where None means 0.
It raises ValueError, OSError or ImportError for bad input, a missing file or a missing extra. `run`
prints that as one line on standard error and returns 2. Sizes that do not fit (MemoryError,
OverflowError) and nesting that is too deep (RecursionError) end in the same way.

    2      bad input, or standard output cannot be written
    130    Ctrl-C
    141    the reader of standard output went away, as in `npixel models | head -1`; nothing is said

Before any work, `check_output` checks where a command will write. A file that exists is replaced
only with --force, and only by a file of the same kind. A file that the command reads is never
replaced.

This file imports nothing heavy, so `start` runs before NumPy and numba are loaded.

Read first: runtime/whole_file.py, runtime/safe_npz.py.  Read next: runtime/progress.py.
"""

import argparse
import errno
import json
import os
import sys
from pathlib import Path
from typing import Callable, NamedTuple

# a shell gives signals the status 128 + number: of SIGINT and of SIGPIPE
INTERRUPTED, READER_GONE = 130, 141
# errors with which a stream refuses what is written
WRITING = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EIO, errno.EBADF}

# what the help of both commands says below their list of verbs
FILES = """\
files:
  A file that exists is replaced only with --force, and only by one of the
  same kind. A file that the command reads is never written over."""
SETTINGS = """\
  NPIXEL_MEMORY      bytes that a piece of work may take (default: what the
                     machine has available); more is refused at the start
  NPIXEL_DATA_LIMIT  bytes that a file may unpack to (default: 1 GiB, or ten
                     times its own size if that is more)
  NPIXEL_THREADS     number of threads (default: OMP_NUM_THREADS, else one
                     for each processor)
  NPIXEL_KERNELS     off: run the NumPy definitions, not compiled loops"""
STATUS = """\
  2      bad input, or standard output cannot be written: one line says what
  130    Ctrl-C
  141    the reader of standard output went away"""


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose errors are one line."""

    @classmethod
    def of_verbs(cls, prog, description, environment, status):
        """The parser of a whole command, whose help ends with what holds for all its verbs.

        environment   lines on variables that this command alone reads
        status        lines on exit statuses that this command gives a meaning of its own
        """
        variables = "\n".join(["environment:", *environment, SETTINGS])
        ends = "\n".join(["exit status:", *status, STATUS])
        return cls(prog=prog, description=description, epilog="\n\n".join([FILES, variables, ends]),
                   formatter_class=argparse.RawDescriptionHelpFormatter)

    def error(self, message):
        complain(self.prog, f"{message} (see {self.prog} --help)")
        self.exit(2)

    def parse_known_args(self, args=None, namespace=None):
        for text in sys.argv[1:] if args is None else args:
            if text.startswith("--") and text.endswith("=--"):         # argparse: an empty list
                self.error(f"{text}: -- is no value")
        return super().parse_known_args(args, namespace)

    def print_help(self, file=None):
        print(self.format_help(), end="", file=file)   # argparse's own hides that a disk is full


def start(prog, make, argv=None):
    """The `main` of a package: parse `argv` with the parser that make() returns, and run.

    make() imports what the commands need. Ctrl-C and errors meanwhile become one line, too.
    Standard streams that were closed are opened on the null device, so that no file of ours gets
    their numbers. Characters that the encoding of a stream lacks are printed with backslashes. So
    no finished run is lost because it cannot print a name.
    """
    _open_streams()
    return _in_one_line(prog, lambda: _call(make(), argv))


def run(parser, argv=None):
    """Parse `argv`, call the chosen subcommand, return the exit status: see the header."""
    return _in_one_line(parser.prog, lambda: _call(parser, argv))


def _call(parser, argv):
    """Parse `argv` and call the chosen subcommand; the exit status."""
    arguments = parser.parse_args(argv)
    if not hasattr(arguments, "call"):
        parser.print_help()
        return 2
    return arguments.call(arguments) or 0


def _in_one_line(prog, call):
    """call()'s exit status; what it raises becomes one line and a status.

    Standard output is flushed before the end.
    """
    try:
        try:
            return call()
        finally:                                       # also before argparse's SystemExit
            if sys.stdout is not None:
                sys.stdout.flush()
    except BrokenPipeError:
        _abandon(sys.stdout)
        return READER_GONE
    except (ValueError, OSError, ImportError, MemoryError, OverflowError, RecursionError) as error:
        _abandon(sys.stdout)
        complain(prog, _words(error))
        return 2
    except KeyboardInterrupt:
        complain(prog, "interrupted")
        return INTERRUPTED
    finally:
        _abandon(sys.stderr)


def _words(error):
    """An error as words for people, which its text alone may not be."""
    text = str(error).strip()
    if isinstance(error, OSError) and error.filename is None and error.errno in WRITING:
        return f"standard output: {error.strerror}"    # of a file, write_whole says which
    if isinstance(error, MemoryError):
        return f"not enough memory: {text}" if text else "not enough memory"
    if isinstance(error, RecursionError):
        return f"nested too deeply ({text})"
    return text or type(error).__name__


def complain(prog, text):
    """One line on standard error, whatever stands in `text`.

    Terminal escapes are shown, not obeyed. Nothing is said where there is no standard error.
    """
    text = " ".join(text.split())
    text = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    try:
        print(f"{prog}: {text}", file=sys.stderr or open(os.devnull, "w"), flush=True)
    except OSError:
        pass


def _abandon(stream):
    """Flush a standard stream; if it cannot be written, let it lead to the null device. True then.

    Python flushes it at its end, and would complain otherwise.
    """
    try:
        if stream is not None:
            stream.flush()
        return False
    except (OSError, ValueError):                      # ValueError: it was closed
        try:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
        except (OSError, ValueError):
            pass
        return True


def _open_streams():
    """Open the standard streams that were closed, on the null device."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            # a standard output that was closed refuses what is printed, as other tools find it to
            flags = os.O_WRONLY if name == "stderr" else os.O_RDONLY
            descriptor = os.open(os.devnull, flags)
            if descriptor != number:
                os.dup2(descriptor, number)
                os.close(descriptor)
            setattr(sys, name, open(number, "r" if name == "stdin" else "w"))
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


# --- outputs ---

class Kind(NamedTuple):
    """A kind of file."""
    name: str                                          # with an article
    is_one: Callable[[Path], bool]                     # whether the file at a path is of this kind


def npz_of(name, *arrays, **texts):
    """The Kind of .npz files that have arrays of these names, and texts of these values.

    Files of npz_of("samples", "images", kind="samples") have an array `images`, and the text
    "samples" as `kind`. Those of npz_of("a checkpoint", "meta") have an array `meta`, whatever is
    in it.
    """
    def is_one(path):
        import zipfile

        from . import safe_npz                    # NumPy: no command needs it to begin

        try:
            with zipfile.ZipFile(path) as archive:
                names = archive.namelist()
            if not all(array + ".npy" in names for array in (*arrays, *texts)):
                return False
            found = safe_npz.read(path, names=texts, limit=2**20) if texts else {}
            return all(str(found[key]) == value for key, value in texts.items())
        except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile):
            return False
    return Kind(name, is_one)


def json_of(name, **fields):
    """The Kind of JSON files that are an object with these fields.

    An example: json_of("a process", format="mdp").
    """
    def is_one(path):
        try:
            content = json.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return False
        return isinstance(content, dict) and fields.items() <= content.items()
    return Kind(name, is_one)


def beginning_with(name, *starts):
    """The Kind of files that begin with one of these bytes.

    An example: beginning_with("a PNG picture", b"\\x89PNG").
    """
    def is_one(path):
        with open(path, "rb") as file:
            return file.read(max(map(len, starts))).startswith(starts)
    return Kind(name, is_one)


def _is_text(path):
    """True if a file begins with UTF-8 without zero bytes."""
    with open(path, "rb") as file:
        start = file.read(4096)
    try:
        start.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(start) - 3:               # a letter may be cut at the end
            return False
    return b"\0" not in start


PICTURE = beginning_with("a PNG picture", b"\x89PNG\r\n\x1a\n")
TEXT = Kind("a text file", _is_text)


def add_force(parser, what="the file named by --out"):
    """Give a subcommand the option --force."""
    parser.add_argument("--force", action="store_true",
                        help=f"replace what is there, if it is of the same kind: {what}")


def check_output(path, kind, *, inputs=(), force=False,
                 hint="--force replaces it, another name keeps it"):
    """Check where a command is to write, before any work is done for it; return the Path.

    path      where a command is about to write; a symbolic link stands for what it leads to
    kind      the Kind that will be written: PICTURE, TEXT, or what npz_of, json_of or
              beginning_with returns
    inputs    files and folders that the command reads; None, and names that are no files, do not
              count
    force     True: a file of that kind, or an empty one, may be replaced
    hint      what to do about a file that exists

    FileNotFoundError if its folder does not exist.
    ValueError if it is a folder or a device, or exists and is of another kind.
    ValueError if it is an input, or a file in a folder that is an input, even with --force.
    ValueError if it exists, without --force.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path}: its folder {path.parent} does not exist")
    if not os.path.lexists(path):
        return path
    if path.exists() and not path.is_file():
        raise ValueError(f"{path} exists and is not a file")
    for given in inputs:
        if given is not None and _reads(given, path):
            raise ValueError(f"{path} is read by this command ({given}): it is never written over")
    if not force:
        raise ValueError(f"{path} exists: {hint}")
    if path.exists() and path.stat().st_size and not kind.is_one(path):
        raise ValueError(f"{path} exists and is not {kind.name}: not even --force replaces it")
    return path


def _reads(given, path):
    """True if the file `path` is `given`, or lies in the folder `given`."""
    try:
        if os.path.isdir(given):
            return Path(os.path.realpath(given)) in Path(os.path.realpath(path)).parents
        return os.path.exists(path) and os.path.samefile(given, path)
    except (OSError, ValueError):                      # no file: a name, such as noisy_rule:8x8
        return False


# --- JSON ---

def add_json(parser):
    """Give a subcommand the option --json."""
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")


def print_json(result):
    """One JSON object on standard output.

    NumPy numbers and arrays become plain ones, nan and infinities strings.
    """
    print(json.dumps(_plain(result), allow_nan=False))


def _plain(value):
    """The value, as json can write it."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):                       # NumPy arrays and numbers
        return _plain(value.tolist())
    if isinstance(value, float) and (value != value or value in (float("inf"), -float("inf"))):
        return str(value)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return str(value)
