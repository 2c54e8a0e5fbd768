"""The page: no line too long, no function too large, no import in a circle, and a reading order.

Each measurement is itself tested on a small package in which the fault is planted.

Read first: pages.py.
"""

from pathlib import Path

import pytest

import pages
from pages import Source

ROOT = Path(__file__).resolve().parents[1]
NPIXEL, MDP = pages.sources(ROOT / "npixel"), pages.sources(ROOT / "mdp")
BOTH = NPIXEL | MDP
PACKAGES = {"npixel": NPIXEL, "mdp": MDP}

LINES, COMPLEXITY = 60, 20                             # of one function, at most
EXCEPTIONS = {                                         # at most five: function -> reason
}


def test_no_line_is_longer_than_the_page():
    files = [path for folder in ("npixel", "mdp", "benchmarks", "tests")
             for path in (ROOT / folder).rglob("*.py")]
    files += [ROOT / "setup.py", ROOT / "pyproject.toml", ROOT / ".ci" / "run"]
    found = [f"{path.relative_to(ROOT)}:{number}" for path in files
             for number in pages.long_lines(path.read_text("utf-8"))]
    assert found == []


def test_functions_are_short_and_plain():
    found = {f"{name}.{one.name}": one for name, source in BOTH.items()
             for one in pages.functions(source)
             if one.lines > LINES or one.complexity > COMPLEXITY}
    assert set(found) == set(EXCEPTIONS), found
    assert len(EXCEPTIONS) <= 5 and all(EXCEPTIONS.values())


def test_no_imports_run_in_a_circle():
    assert pages.cycles(pages.import_graph(BOTH)) == []


def test_no_module_takes_a_private_name_of_another():
    found = {name: uses for name, source in BOTH.items()
             if (uses := pages.private_uses(source, BOTH))}
    assert found == {}


def test_mdp_stands_on_the_runtime_and_npixel_on_no_mdp():
    taken = {(name, one) for name, others in pages.import_graph(BOTH).items() for one in others
             if name.partition(".")[0] != one.partition(".")[0]}
    assert taken and all(one.startswith("npixel.runtime.") for _, one in taken), taken
    graph = pages.import_graph(NPIXEL)
    assert not [one for name in graph if name.startswith("npixel.runtime.") for one in graph[name]
                if not one.startswith("npixel.runtime")]


def test_every_page_says_what_to_read_before_and_after():
    lines = {source.path: pages.reading_lines(source) for source in BOTH.values()}
    assert [path for path, one in lines.items() if one.first is None or not one.next] == []
    named = {path for one in lines.values() for path in one.first + one.next}
    assert sorted(path for path in named if not (ROOT / path).is_file()) == []


@pytest.mark.parametrize("package", PACKAGES)
def test_following_the_lines_reaches_every_page(package):
    found = PACKAGES[package]
    following = {source.path: pages.reading_lines(source).next or [] for source in found.values()}
    missing = set(following) - pages.reached(f"{package}/__init__.py", following)
    assert sorted(missing) == []


@pytest.mark.parametrize("package", PACKAGES)
def test_nothing_is_used_before_it_is_explained(package):
    """The header of the package lists all its pages; what a page uses stands before it.

    The part "Below everything" is the exception: it is read last, and all pages may use it.
    """
    found = PACKAGES[package]
    order = pages.reading_order(found[package])
    below = set(pages.reading_order(found[package], "Below everything"))
    listed = {source.path for source in found.values()} - {f"{package}/__init__.py"}
    assert len(order) == len(set(order)) and set(order) == listed, listed ^ set(order)
    place = {path: number for number, path in enumerate(order)}
    too_early = []
    for source in found.values():
        if source.path.endswith("__init__.py"):        # a package names its pages, and uses none
            continue
        used = {found[one.module].path for one in pages.imports(source, found) if one.outside}
        explained = {path for path in pages.reading_lines(source).first or []
                     if path.startswith(f"{package}/")}
        too_early += [(source.path, path) for path in used | explained
                      if path not in below and path in place
                      and place[path] > place[source.path]]
    assert too_early == []


# the measurements themselves, on planted faults

def test_a_long_line_is_seen_and_a_table_may_say_why():
    wide = "x" * 101
    assert pages.long_lines(f"a\n{wide}\n") == [2] and pages.long_lines("x" * 100) == []
    assert pages.long_lines(f"# wide: a table\n{wide}\n{wide}\n\n{wide}") == [5]


def test_complexity_counts_what_mccabe_counts():
    def number(code):
        return pages.functions(Source("p/m.py", code))[0].complexity

    assert number("def f(): pass") == 1
    assert number("def f():\n if a and b or c: pass\n elif d: pass") == 5
    assert number("def f():\n return [x for x in y if x if not x]") == 4
    assert number("def f():\n try: pass\n except A: pass\n except B: pass") == 3
    assert number("def f():\n while a: b = 1 if c else 2") == 3


def test_a_circle_is_seen_through_any_number_of_modules():
    assert pages.cycles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]
    assert pages.cycles({"a": {"a"}}) == [["a"]] and pages.cycles({"a": {"b"}, "b": set()}) == []


FAULTY = {source.name: source for source in (
    Source("p/__init__.py",
           '"""P\n\nReading order: a.py, b.py\n\nRead first: nothing.\nRead next: a.py.\n"""'),
    Source("p/a.py", '"""A.\n\nRead first: b.py, npixel/model.py.\nRead next: b.py.\n"""\n'
                     "from . import b\nx = b._hidden\ny = b.__name__\n"),
    Source("p/b.py", '"""B."""\ndef f():\n    from .a import _x, y\n'))}


def test_imports_are_found_wherever_they_stand():
    graph = pages.import_graph(FAULTY)
    assert graph == {"p": set(), "p.a": {"p.b"}, "p.b": {"p.a"}}
    assert pages.cycles(graph) == [["p.a", "p.b"]]
    assert [one.outside for one in pages.imports(FAULTY["p.b"], FAULTY)] == [False, False]


def test_private_names_are_seen_by_import_and_by_attribute():
    assert pages.private_uses(FAULTY["p.a"], FAULTY) == ["p.b._hidden"]
    assert pages.private_uses(FAULTY["p.b"], FAULTY) == ["p.a._x"]


def test_reading_lines_are_read():
    assert pages.reading_lines(FAULTY["p.a"]) == (["p/b.py", "npixel/model.py"], ["p/b.py"])
    assert pages.reading_lines(FAULTY["p.b"]) == (None, None)
    assert pages.reading_order(FAULTY["p"])[:2] == ["p/a.py", "p/b.py"]
    following = {"p/__init__.py": ["p/a.py"], "p/a.py": ["p/b.py"], "p/c.py": ["p/a.py"]}
    assert pages.reached("p/__init__.py", following) == {"p/__init__.py", "p/a.py", "p/b.py"}
