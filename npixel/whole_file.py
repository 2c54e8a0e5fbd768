"""Files that are written whole or not at all: checkpoints, pictures, data sets, processes, certificates, reports of benchmarks.

The bytes go to a temporary file beside the path, reach the disk, and only then take its name: whatever interrupts this, the path is the old file or
the new one. A process killed on the way leaves the temporary file, NAME.PID.THREAD.tmp, and nothing else.

    write_whole(path, lambda file: np.savez(file, **arrays))
    write_text(path, "...")
"""

import os
import threading
from pathlib import Path


def write_whole(path, write):
    """Call write(file), a binary file, and give what it wrote the name `path`. A symbolic link is followed; no suffix is added.

    FileNotFoundError if the folder of `path` does not exist; ValueError if `path` is there and no file; OSError if the disk refuses, and whatever
    `write` raises. The old file is left as it was in every case.
    """
    path = Path(os.path.realpath(path))
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path}: its folder {path.parent} does not exist")
    if path.exists() and not path.is_file():
        raise ValueError(f"{path} exists and is not a file")
    temporary = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}.tmp")
    try:
        with open(temporary, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:                           # a write to a full disk does not know whose it is
        if error.filename is None and error.errno is not None:
            raise OSError(error.errno, os.strerror(error.errno), str(path)) from None
        raise
    finally:
        temporary.unlink(missing_ok=True)
    _sync_folder(path.parent)


def write_text(path, text):
    """The text in UTF-8, lines ending as they do in `text`; see write_whole."""
    write_whole(path, lambda file: file.write(text.encode()))


def _sync_folder(folder):
    """Bring the new name to the disk too, where folders can be opened (not on Windows)."""
    if hasattr(os, "O_DIRECTORY"):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        except OSError:                                # some network file systems do not sync folders; the file is whole all the same
            pass
        finally:
            os.close(descriptor)
