"""Files written whole or not at all, beside others that write them, and locks.

Read first: npixel/runtime/whole_file.py.
"""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from npixel.runtime import whole_file

fcntl = pytest.importorskip("fcntl")
ROOT = Path(__file__).parents[1]


def write(path, text=b"new"):
    whole_file.write_whole(path, lambda file: file.write(text))


def test_a_new_file_has_the_usual_permissions_and_a_replaced_one_keeps_its_own(tmp_path):
    old = os.umask(0o027)
    try:
        write(tmp_path / "new")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o640       # 666 less 027
    for mode in (0o600, 0o664, 0o444):
        (tmp_path / "new").chmod(mode)
        write(tmp_path / "new")
        assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == mode
    assert os.listdir(tmp_path) == ["new"]


def test_no_file_that_is_there_is_used_as_the_temporary_one(tmp_path, monkeypatch):
    """Names that are taken, by a file or by a link to one, are left alone: the write fails and says
    so.
    """
    precious = tmp_path / "precious"
    precious.write_bytes(b"old")
    monkeypatch.setattr(whole_file.secrets, "token_hex", lambda n: "0" * 2 * n)
    taken = tmp_path / "x.npixel-00000000.tmp"
    taken.symlink_to(precious)
    with pytest.raises(FileExistsError):
        write(tmp_path / "x")
    assert precious.read_bytes() == b"old" and taken.is_symlink() and not (tmp_path / "x").exists()


WRITER = """
import sys, time
from npixel.runtime import whole_file
def write(file):
    file.write(b"half")
    file.flush()
    print("writing", flush=True)
    time.sleep(100)
whole_file.write_whole(sys.argv[1], write)
"""


def temporaries(folder):
    return [name for name in os.listdir(folder) if name.endswith(".tmp")]


def test_what_a_killed_writer_left_is_removed_and_what_a_living_one_writes_is_not(tmp_path):
    path = tmp_path / "x"
    for name in ("x.download.tmp", "x.npixel-zz.tmp", "y.npixel-00000000.tmp"):
        (tmp_path / name).write_bytes(b"somebody else's")
    others = sorted(os.listdir(tmp_path))
    process = subprocess.Popen([sys.executable, "-c", WRITER, path], cwd=ROOT,
                               stdout=subprocess.PIPE)
    try:
        assert process.stdout.readline() == b"writing\n"
        write(path, b"first")
        assert len(os.listdir(tmp_path)) == len(others) + 2                # x, and what lives
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
    assert len(temporaries(tmp_path)) == len(others) + 1
    write(path, b"second")
    assert sorted(os.listdir(tmp_path)) == sorted([*others, "x"]) and path.read_bytes() == b"second"


def test_one_at_a_time_has_the_lock_and_nothing_is_left(tmp_path):
    path = tmp_path / "x"
    with whole_file.lock(path):
        assert os.listdir(tmp_path) == ["x.lock"]
        with pytest.raises(ValueError, match=f"{path}: another run is writing to it"):
            with whole_file.lock(path):
                pytest.fail("two had it")
        (tmp_path / "link").symlink_to(path)
        with pytest.raises(ValueError, match="another run"), whole_file.lock(tmp_path / "link"):
            pytest.fail("two had it, by another name")
    assert os.listdir(tmp_path) == ["link"]
    with whole_file.lock(path):
        pass


def test_a_lock_whose_owner_was_killed_is_free(tmp_path):
    code = ("import sys, time\nfrom npixel.runtime import whole_file\n"
            "with whole_file.lock(sys.argv[1]):\n    print('mine', flush=True); time.sleep(100)")
    process = subprocess.Popen([sys.executable, "-c", code, tmp_path / "x"], cwd=ROOT,
                               stdout=subprocess.PIPE)
    try:
        assert process.stdout.readline() == b"mine\n"
        with pytest.raises(ValueError, match="another run"), whole_file.lock(tmp_path / "x"):
            pytest.fail("two had it")
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
    assert os.listdir(tmp_path) == ["x.lock"]
    with whole_file.lock(tmp_path / "x"):
        pass
    assert os.listdir(tmp_path) == []


def test_a_file_that_happens_to_be_called_like_a_lock_is_neither_taken_nor_removed(tmp_path):
    (tmp_path / "x.lock").write_text("of another program")
    with pytest.raises(ValueError, match="is no lock of ours"), whole_file.lock(tmp_path / "x"):
        pytest.fail("it was taken")
    assert (tmp_path / "x.lock").read_text() == "of another program"
