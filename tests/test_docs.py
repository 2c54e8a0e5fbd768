"""The documents keep their word: README's code runs, its commands exist, its files are there, and every example in a docstring is right."""

import contextlib
import doctest
import io
import re
import shlex
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
    """Each is understood by the command line that it names, options and all, up to the point where it would begin to work."""
    program, *arguments = shlex.split(call.split("#")[0])
    parser = (npixel_cli if program.endswith("npixel") else mdp_cli).parser()
    assert callable(parser.parse_args(arguments).call)


def test_a_command_that_does_not_exist_would_be_noticed():
    with pytest.raises(SystemExit), contextlib.redirect_stderr(io.StringIO()):
        npixel_cli.parser().parse_args(["train", "pixelcnn", "--minuets", "3"])


def test_the_files_that_the_readme_names_exist():
    named = set(re.findall(r"`((?:npixel|mdp|tests|benchmarks|\.ci)/[\w./-]*)`", README)) | set(re.findall(r"\]\(([\w./-]+)\)", README))
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
    paths = [path for package in ("npixel", "mdp", "benchmarks", "tests") for path in (ROOT / package).rglob("*.py")]
    for path in paths:
        text = path.read_text()
        assert text.lstrip().startswith(('"""', "'''")), f"{path} has no header"
    for path in [*paths, ROOT / "README.md", ROOT / ".ci/run"]:
        if path.name != "test_docs.py":
            assert not re.search(r"/work/|/root/|/opt/np", path.read_text()), path
