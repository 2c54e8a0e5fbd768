"""Files that are written whole or not at all: checkpoints, pictures, data sets, processes,
certificates, reports of benchmarks.

The bytes go to a temporary file beside the path. When they have reached the disk, that file takes
the name. Whatever interrupts this, the path is the old file or the new one. The temporary file,
NAME.npixel-XXXXXXXX.tmp, is made exclusively, so nothing of that name is ever followed or
overwritten. A process that is killed on the way leaves it there. The next process that writes NAME
removes it, unless its writer still lives.

    write_whole(path, lambda file: np.savez(file, **arrays))
    write_text(path, "...")

    with lock(path):                                   while one process has it, another is refused
        ...

Read first: nothing.  Read next: runtime/limits.py.
"""

import contextlib
import os
import re
import secrets
import stat
from pathlib import Path

try:
    import fcntl
except ImportError:                                    # Windows: no locks, and stale files stay
    fcntl = None

_EXCLUSIVE = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0)


def write_whole(path, write):
    """Call write(file), a binary file, and give what it wrote the name `path`.

    A symbolic link is followed; no suffix is added. The new file has the permissions of the one
    that it replaces.

    FileNotFoundError if the folder of `path` does not exist. ValueError if `path` exists and is no
    file. OSError, which names the path, if the disk refuses. Whatever `write` raises is passed on.
    The old file is left as it was in every case.
    """
    path = Path(os.path.realpath(path))
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path}: its folder {path.parent} does not exist")
    if path.exists() and not path.is_file():
        raise ValueError(f"{path} exists and is not a file")
    try:
        _remove_stale(path)
        temporary, file = _create(path)
        try:
            with file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
                if fcntl is None:                      # Windows renames no open file
                    file.close()
                # inside "with", so it is still locked and nobody takes it for stale
                os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
        _sync_folder(path.parent)
    except OSError as error:
        # an error of a full disk does not say which file it was
        if error.filename is None and error.errno is not None:
            raise OSError(error.errno, os.strerror(error.errno), str(path)) from None
        raise


def write_text(path, text):
    """The text in UTF-8, lines ending as they do in `text`; see write_whole."""
    write_whole(path, lambda file: file.write(text.encode()))


@contextlib.contextmanager
def lock(path):
    """Keep `path` to this process while the block runs; ValueError if another one has it.

    The lock is on a file of its own, NAME.lock, which is removed at the end. The lock ends with its
    process, however that dies. A file that is left behind then is taken over. Where the system has
    no locks, nothing is locked.
    """
    if fcntl is None:
        yield
        return
    path = Path(os.path.realpath(path))
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path}: its folder {path.parent} does not exist")
    beside = path.with_name(path.name + ".lock")
    descriptor = _open_locked(path, beside)
    try:
        yield
    finally:
        beside.unlink(missing_ok=True)                 # before others can have it
        os.close(descriptor)


def _open_locked(path, beside):
    """The descriptor of the file `beside`, made if need be, which this process has locked now."""
    while True:
        descriptor = os.open(beside, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o666)
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode) or found.st_size:
                raise ValueError(f"{beside} is no lock of ours: it is not an empty file")
            if not _lock(descriptor):
                raise ValueError(f"{path}: another run is writing to it")
            if _is_at(beside, found):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)                           # its last owner removed it meanwhile


def _lock(descriptor):
    """True if nobody else has this open file locked, and from now on we have."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:                                    # a file system without locks
        pass
    return True


def _is_at(path, found):
    """True if `path` is still the file of this status."""
    try:
        return os.path.samestat(os.stat(path, follow_symlinks=False), found)
    except FileNotFoundError:
        return False


def _create(path):
    """A new temporary file beside `path`, locked, with the permissions that the file will have."""
    while True:
        temporary = path.with_name(f"{path.name}.npixel-{secrets.token_hex(4)}.tmp")
        descriptor = os.open(temporary, _EXCLUSIVE, 0o666)
        file = open(descriptor, "wb")
        if fcntl is None:
            return temporary, file
        if path.exists():
            with contextlib.suppress(OSError):         # a file system without permissions
                os.fchmod(descriptor, stat.S_IMODE(path.stat().st_mode) & 0o777)
        if _lock(descriptor) and _is_at(temporary, os.fstat(descriptor)):
            return temporary, file
        file.close()                                   # taken for stale before it was locked


def _remove_stale(path):
    """Remove the temporary files of `path` that nobody is writing any more."""
    if fcntl is None:
        return
    name = re.compile(re.escape(path.name) + r"\.npixel-[0-9a-f]{8}\.tmp")
    for other in os.scandir(path.parent):
        if not name.fullmatch(other.name) or not other.is_file(follow_symlinks=False):
            continue
        with contextlib.suppress(OSError):
            descriptor = os.open(other.path, os.O_RDONLY | os.O_NOFOLLOW)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.unlink(other.path)
            finally:
                os.close(descriptor)


def _sync_folder(folder):
    """Bring the new name to the disk too, where folders can be opened (not on Windows)."""
    if hasattr(os, "O_DIRECTORY"):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        except OSError:                                # some network file systems refuse it
            pass
        finally:
            os.close(descriptor)
