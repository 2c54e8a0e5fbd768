"""How the commands of both packages begin and end, and what they do to files that are there.

Read first: npixel/runtime/command.py.
"""

import errno
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import mdp.cli
import npixel.cli
from npixel.runtime import command, whole_file

ROOT = Path(__file__).parents[1]


def ended_by(error, capsys):
    """(status, standard output, standard error) of a command that raises `error` after one line."""
    def call(arguments):
        print("a line")
        raise error

    parser = command.Parser(prog="tool")
    parser.set_defaults(call=call)
    status = command.start("tool", lambda: parser, [])
    return status, *capsys.readouterr()


@pytest.mark.parametrize("error, words", [
    (ValueError("two\nlines"), "two lines"),
    (FileNotFoundError(2, "No such file", "x.npz"), "[Errno 2] No such file: 'x.npz'"),
    (ImportError("pip install x"), "pip install x"),
    (MemoryError(), "not enough memory"),
    (MemoryError("Unable to allocate 7 GiB"), "not enough memory: Unable to allocate 7 GiB"),
    (OverflowError("int too large"), "int too large"),
    (RecursionError("maximum depth"), "nested too deeply (maximum depth)"),
    (OSError(errno.ENOSPC, "No space left on device"), "standard output: No space left on device"),
    (ValueError("\x1b[31mred\x07"), r"\x1b[31mred\x07"),                   # no terminal hears it
    (ValueError(), "ValueError"),
])
def test_what_a_command_raises_becomes_one_line_and_status_2(error, words, capsys):
    assert ended_by(error, capsys) == (2, "a line\n", f"tool: {words}\n")


def test_ctrl_c_is_130_and_a_reader_that_went_away_is_141_in_silence(capsys):
    assert ended_by(KeyboardInterrupt(), capsys) == (130, "a line\n", "tool: interrupted\n")
    assert ended_by(BrokenPipeError(), capsys) == (141, "a line\n", "")


def test_a_mistake_of_ours_keeps_its_traceback(capsys):
    with pytest.raises(AttributeError):
        ended_by(AttributeError("no such attribute"), capsys)


PRINT = """
import sys
from npixel.runtime import command
parser = command.Parser(prog="tool", description="help " * 4000)
parser.set_defaults(call=lambda arguments: print({text!r} * {times}))
sys.exit(command.start("tool", lambda: parser, {argv!r}))
"""


def shell(line, text="x", times=1, argv=(), **environment):
    """A shell's line with such a program for PROGRAM: (exit status, standard output, standard
    error)."""
    program = PRINT.format(text=text, times=times, argv=list(argv))
    done = subprocess.run(["bash", "-c", line.replace("PROGRAM", '"$PYTHON" -c "$SOURCE"')],
                          cwd=ROOT,
                          env=os.environ | {"PYTHON": sys.executable, "SOURCE": program}
                          | environment,
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@pytest.mark.parametrize("times", [1, 10**6])          # in the buffer until the end, and beyond it
def test_a_full_a_closed_and_an_unread_standard_output(times):
    assert shell("PROGRAM | true; exit ${PIPESTATUS[0]}", times=10**6) == (141, "", "")
    if os.path.exists("/dev/full"):
        for argv in ([], ["--help"]):
            assert shell("PROGRAM > /dev/full", times=times, argv=argv) == (
                2, "", "tool: standard output: No space left on device\n")
    assert shell("PROGRAM >&-", times=times) == (2, "",
                                                 "tool: standard output: Bad file descriptor\n")
    assert shell("PROGRAM 2>&-", times=times)[0] == 0
    assert shell("PROGRAM 2>&- >&- <&-", argv=["--no-such-option"]) == (2, "", "")


def test_what_an_encoding_cannot_say_is_printed_with_backslashes():
    for encoding in ("ascii", "utf-8"):
        status, out, err = shell("PROGRAM", text="\xf6\ud800", PYTHONIOENCODING=encoding)
        assert (status, err) == (0, "") and out.endswith("\\ud800\n")


@pytest.mark.parametrize("parser", [npixel.cli.parser, mdp.cli.parser])
def test_the_help_names_every_variable_and_every_exit_status(parser):
    text = parser().epilog
    sources = "".join(path.read_text() for path in (ROOT / "npixel").rglob("*.py"))
    wanted = set(re.findall("NPIXEL_[A-Z_]+", sources))
    if parser is mdp.cli.parser:
        wanted.remove("NPIXEL_DATA")                   # it finds no data sets by name
    assert len(wanted) >= 4 and wanted <= set(re.findall("NPIXEL_[A-Z_]+", text))
    assert re.findall(r"(?m)^  (\d+) ", text) == ["0", "1", "2", "130", "141"]
    assert "--force" in text and all(len(line) < 80 for line in text.splitlines())


@pytest.mark.parametrize("package, module", [("npixel", "numpy"), ("mdp", "numpy"),
                                             ("npixel", "numba"), ("mdp", "scipy")])
def test_ctrl_c_during_the_imports_is_one_line(package, module, tmp_path):
    (tmp_path / f"{module}.py").write_text("import signal\nsignal.raise_signal(signal.SIGINT)\n")
    done = subprocess.run([sys.executable, "-m", package, "demo", "--help"], cwd=ROOT,
                          capture_output=True, timeout=60,
                          env=os.environ | {"PYTHONPATH": f"{tmp_path}"}, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", f"{package}: interrupted\n")


HEAVY = ("numpy", "numba", "scipy", "matplotlib", "npixel.models", "npixel.registry", "mdp.model")


def test_importing_the_packages_loads_nothing_heavy():
    """Both packages and both commands: each is there before NumPy is."""
    code = (f"import sys, npixel, mdp, npixel.cli, mdp.__main__\n"
            f"print([name for name in {HEAVY} if name in sys.modules])\n"
            f"import npixel.registry, mdp.model\n"
            f"print([name for name in {HEAVY} if name not in sys.modules])")
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, timeout=60,
                          text=True)
    # the second list is a check of the first: these names are what modules are called
    first, second = done.stdout.splitlines()
    assert first == "[]", done.stderr
    assert "numpy" not in second and "npixel.models" not in second and "mdp.model" not in second


def test_every_public_name_is_there():
    code = ("import npixel, mdp, mdp.verify, npixel.registry\n"
            "for package in (npixel, mdp):\n"
            "    for name in package.__all__: getattr(package, name)\n"
            "print(mdp.verify.__name__, mdp.verify.__module__, npixel.build.__name__, "
            "hasattr(mdp, 'nothing'))")
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, timeout=60,
                          text=True)
    assert done.stdout == "verify mdp.verify build False\n", done.stderr


# --- outputs ---

SAMPLES = command.npz_of("samples", "images", kind="samples")
PROCESS = command.json_of("a process", format="mdp")


def some_files(folder):
    """A file of each kind: {its Kind: path}."""
    np.savez(folder / "samples.npz", images=np.zeros(2), kind="samples")
    (folder / "process.json").write_text(json.dumps({"format": "mdp"}))
    (folder / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n and more")
    (folder / "text.tra").write_text("mdp\n0 0 0 1\n\xe4")
    return {SAMPLES: folder / "samples.npz", PROCESS: folder / "process.json",
            command.PICTURE: folder / "picture.png", command.TEXT: folder / "text.tra"}


def test_what_exists_is_replaced_only_with_force_and_only_by_its_kind(tmp_path):
    files = some_files(tmp_path)
    np.savez(tmp_path / "data.npz", images=np.zeros(2))
    others = [tmp_path / "data.npz", *files.values()]
    for kind, mine in files.items():
        assert command.check_output(tmp_path / "new", kind) == tmp_path / "new"
        with pytest.raises(ValueError, match="exists: --force replaces it"):
            command.check_output(mine, kind)
        assert command.check_output(str(mine), kind, force=True) == mine
        for other in others:
            # which is text
            if other != mine and not (kind is command.TEXT and other.suffix == ".json"):
                with pytest.raises(ValueError, match=f"is not {kind.name}: not even --force"):
                    command.check_output(other, kind, force=True)
        (tmp_path / "empty").write_bytes(b"")
        assert command.check_output(tmp_path / "empty", kind, force=True)          # nothing is lost
    for path, words in ((tmp_path, "is not a file"), (tmp_path / "no" / "x", "does not exist")):
        with pytest.raises((ValueError, FileNotFoundError), match=words):
            command.check_output(path, command.TEXT, force=True)


def test_a_damaged_output_is_of_its_kind_or_not_and_never_a_traceback(tmp_path):
    """Each byte of an .npz file changed in turn: zlib, zipfile and NumPy stumble in many ways."""
    path, answers = tmp_path / "samples.npz", []
    np.savez_compressed(path, images=np.zeros(2), kind="samples")
    whole = path.read_bytes()
    for i in range(len(whole)):
        path.write_bytes(whole[:i] + bytes([whole[i] ^ 0x55]) + whole[i + 1:])
        try:
            answers.append(command.check_output(path, SAMPLES, force=True) == path)
        except ValueError as error:
            assert "is not samples: not even --force" in str(error)
            answers.append(False)
    assert True in answers and False in answers


def test_an_input_is_never_written_over_by_whatever_name(tmp_path):
    files = some_files(tmp_path)
    (tmp_path / "below" / "deep").mkdir(parents=True)
    for kind, mine in files.items():
        soft, hard = tmp_path / "soft", tmp_path / "hard"
        inside = tmp_path / "below" / "deep" / mine.name
        soft.symlink_to(mine)
        os.link(mine, hard)
        inside.write_bytes(mine.read_bytes())
        around = tmp_path / "below" / ".." / mine.name
        for out, given in ((mine, mine), (soft, mine), (mine, soft), (hard, mine), (around, mine),
                           (inside, tmp_path / "below")):
            for force in (False, True):
                with pytest.raises(ValueError, match="read by this command"):
                    command.check_output(out, kind, inputs=[None, "noisy_rule:8x8", str(given)],
                                         force=force)
        # beside the folder
        assert command.check_output(mine, kind, inputs=[tmp_path / "below"], force=True)
        soft.unlink()
        hard.unlink()


def test_a_full_disk_is_named_with_the_file(tmp_path):
    def write(file):
        raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "x.npz"
    path.write_bytes(b"old")
    with pytest.raises(OSError, match=f"No space left on device: '{path}'"):
        whole_file.write_whole(path, write)
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["x.npz"]
