"""The distribution "MDP" beside ours: a fake one, laid into a copy, is named in one line."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import npixel

HERE = Path(npixel.__file__).resolve().parent.parent


@pytest.fixture
def installed(tmp_path):
    """A folder with npixel and mdp, as pip lays them out."""
    for package in ("npixel", "mdp"):
        shutil.copytree(HERE / package, tmp_path / "site" / package,
                        ignore=shutil.ignore_patterns("__pycache__", "*.npz", "tests"))
    return tmp_path / "site"


def python(folder, code, *more):
    """(status, output, error) of a fresh interpreter that finds `folder` first."""
    code = f"import sys; sys.path[:0] = {[str(folder), *map(str, more)]!r}; {code}"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                            cwd=folder)
    return result.returncode, result.stdout, result.stderr


COMMAND = "sys.argv = ['mdp', 'problems']; from mdp.__main__ import main; sys.exit(main())"
TROUBLE = "from npixel.runtime import same_name; print(same_name.trouble())"


def test_alone_nothing_is_said(installed):
    found = python(installed, "import mdp; print(mdp.__file__)")
    assert found == (0, f"{installed}/mdp/__init__.py\n", "")
    assert python(installed, TROUBLE) == (0, "\n", "")


@pytest.mark.parametrize("file", ["signal_node.py", "nodes/__init__.py", "graph/__init__.py"])
def test_files_of_the_other_beside_ours_are_said_in_one_line(installed, file):
    """Ours was installed last, so that __init__.py is ours."""
    (installed / "mdp" / file).parent.mkdir(exist_ok=True)
    (installed / "mdp" / file).write_text("")
    status, _, error = python(installed, "import mdp")
    assert status == 1
    assert error.splitlines()[-1].startswith("ImportError: the distribution \"MDP\"")
    assert "pip uninstall MDP" in error.splitlines()[-1] and str(installed / "mdp") in error
    assert "pip uninstall MDP" in python(installed, TROUBLE)[1]


def test_the_command_says_it_where_the_other_init_has_replaced_ours(installed):
    """The other was installed last: `import mdp` is theirs, but the command mdp is ours."""
    (installed / "mdp" / "__init__.py").write_text("")
    (installed / "mdp" / "signal_node.py").write_text("")
    status, out, error = python(installed, COMMAND)
    assert status == 2 and out == "" and error.startswith("mdp: the distribution")
    assert error.count("\n") == 1


def test_doctor_sees_that_another_package_is_found_first(installed, tmp_path):
    other = tmp_path / "other"
    (other / "mdp").mkdir(parents=True)
    (other / "mdp" / "__init__.py").write_text("")
    said = python(other, TROUBLE, installed)[1]
    assert f"import mdp finds {other}/mdp, another package" in said and f"{installed}/mdp" in said


def test_doctor_prints_it_and_fails(monkeypatch, capsys):
    from npixel import doctor
    from npixel.cli import main
    monkeypatch.setattr(doctor, "checks", lambda: [])
    monkeypatch.setattr(doctor.same_name, "trouble", lambda: "import mdp finds another")
    assert main(["doctor"]) == 1
    assert "mdp          import mdp finds another" in capsys.readouterr().out
    monkeypatch.setattr(doctor.same_name, "trouble", lambda: "")
    assert main(["doctor"]) == 0 and "mdp          ours, in" in capsys.readouterr().out
