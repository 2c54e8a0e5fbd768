"""The documents keep their word: README's code runs, its commands exist, its files are there, and
every example in a docstring is right."""

import contextlib
import doctest
import io
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import walking
from npixel import cli as npixel_cli
from mdp import cli as mdp_cli

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, re.DOTALL)


def commands():
    """Every line of a shell block that calls one of our two commands."""
    lines = [line for kind, text in BLOCKS if kind == "sh" for line in text.splitlines()]
    calls = [part.strip() for line in lines for part in line.split("&&")]
    return [call for call in calls if re.match(r"(\S*/)?(npixel|mdp) ", call)]


@pytest.mark.parametrize("code", [text for kind, text in BLOCKS if kind == "python"])
def test_the_code_in_the_readme_runs(code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(compile(code, "README.md", "exec"), {"__name__": "readme"})
    assert out.getvalue()


@pytest.mark.parametrize("call", commands())
def test_the_commands_in_the_readme_parse(call):
    """Each is understood by the command line that it names, options and all, up to the point where
    it would begin to work."""
    program, *arguments = shlex.split(call.split("#")[0])
    parser = (npixel_cli if program.endswith("npixel") else mdp_cli).parser()
    assert callable(parser.parse_args(arguments).call)


def test_a_command_that_does_not_exist_would_be_noticed():
    with pytest.raises(SystemExit), contextlib.redirect_stderr(io.StringIO()):
        npixel_cli.parser().parse_args(["train", "pixelcnn", "--minuets", "3"])


def test_the_files_that_the_readme_names_exist():
    named = set(re.findall(r"`((?:npixel|mdp|tests|benchmarks|\.ci)/[\w./-]*)`",
                           README)) | set(re.findall(r"\]\(([\w./-]+)\)", README))
    assert len(named) > 10
    missing = [name for name in named if not (ROOT / name).exists()]
    assert not missing


def test_every_module_with_examples_passes_them():
    found = 0
    for module in walking.modules().values():
        result = doctest.testmod(module)
        assert not result.failed, module.__name__
        found += result.attempted
    assert found > 5


def test_every_module_has_a_header_and_speaks_of_no_machine():
    paths = [path for package in ("npixel", "mdp", "benchmarks", "tests")
             for path in (ROOT / package).rglob("*.py")]
    for path in paths:
        text = path.read_text()
        assert text.lstrip().startswith(('"""', "'''")), f"{path} has no header"
    for path in [*paths, ROOT / "README.md", ROOT / ".ci/run"]:
        if path.name != "test_docs.py":
            assert not re.search(r"/work/|/root/|/opt/np", path.read_text()), path


def test_no_file_hides_a_module_of_the_standard_library():
    """Python puts the folder of the program that it starts first on its path: a numbers.py there
    would be taken for the standard one, and NumPy could not start."""
    paths = [path for package in ("npixel", "mdp", "benchmarks", "tests")
             for path in (ROOT / package).rglob("*")
             if path.suffix == ".py" or (path / "__init__.py").exists()]
    assert len(paths) > 100
    assert [path for path in paths if path.stem in sys.stdlib_module_names] == []


def test_every_name_that_the_readme_gives_with_its_package_is_there():
    """`mdp.transforms` and its like are reached as they are written, after `import mdp, npixel`
    alone."""
    named = set(re.findall(r"`((?:mdp|npixel)(?:\.[a-zA-Z_]\w*)+)", README)) - {"mdp.py"}
    program = "import mdp, npixel\n" + "\n".join(f"{name}" for name in sorted(named))
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True,
                          cwd=ROOT).stderr == ""
    modules = {path.stem for path in (ROOT / "mdp").glob("*.py")}
    modules &= set(re.findall(r"`mdp/(\w+)\.py`", README))
    assert len(modules) > 5
    program = "import mdp\n" + "\n".join(f"mdp.{name}" for name in sorted(modules))
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True,
                          cwd=ROOT).stderr == ""
