"""What can be measured about the pages of the two packages: lines, functions, imports, reading
order.

    sources(ROOT / "npixel")            {module name: Source}, of every file below the folder
    functions(source)                   the size and the cyclomatic complexity of each function
    imports(source, names)              which modules of ours a module imports, and where
    cycles(graph)                       groups of modules that import one another
    private_uses(source, names)         names with an underscore that belong to another module
    reading_lines(source)               the files of "Read first" and of "Read next"

Read first: walking.py.  Read next: test_pages.py.
"""

import ast
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

COLUMNS = 100
BRANCHES = (ast.If, ast.For, ast.While, ast.AsyncFor, ast.ExceptHandler, ast.IfExp, ast.Assert,
            ast.comprehension)


@dataclass(frozen=True)
class Source:
    """One file: its place below the folder that holds the package, and its text."""
    path: str                                          # npixel/layers/conv2d.py
    text: str

    @property
    def name(self):
        """The module's name: npixel.layers.conv2d, or npixel.layers for its __init__.py."""
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @property
    def package(self):
        """The package in which a relative import of this file begins."""
        return self.name if self.path.endswith("__init__.py") else self.name.rpartition(".")[0]

    @cached_property
    def tree(self):
        return ast.parse(self.text)

    @property
    def header(self):
        return ast.get_docstring(self.tree) or ""


def sources(folder):
    """{module name: Source} of all files of a package."""
    top = Path(folder).parent
    found = [Source(path.relative_to(top).as_posix(), path.read_text("utf-8"))
             for path in sorted(Path(folder).rglob("*.py"))]
    return {source.name: source for source in found}


def long_lines(text):
    """Numbers of the lines with more than COLUMNS columns.

    A table may be wider, if the comment above it begins with "# wide:" and says why; it ends at the
    next empty line.
    """
    found, wide = [], False
    for number, line in enumerate(text.split("\n"), 1):
        wide = (wide or line.lstrip().startswith("# wide: ")) and bool(line.strip())
        if len(line) > COLUMNS and not wide:
            found.append(number)
    return found


# functions

class Function(NamedTuple):
    name: str
    lines: int                                         # with its docstring and its decorators
    complexity: int                                    # 1 + the branches, as McCabe counts them


def functions(source):
    """Each function of a file, those inside others and those inside classes as well."""
    return [Function(node.name, node.end_lineno - node.lineno + 1, complexity(node))
            for node in ast.walk(source.tree)
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]


def complexity(node):
    """McCabe's number: 1, and 1 for each branch, loop, handler, condition, `and` and `or`."""
    number = 1
    for part in ast.walk(node):
        number += isinstance(part, BRANCHES)
        if isinstance(part, ast.BoolOp):
            number += len(part.values) - 1
        if isinstance(part, ast.comprehension):
            number += len(part.ifs)
    return number


# imports

class Import(NamedTuple):
    module: str                                        # of ours
    name: str                                          # what is taken from it, "" if it is itself
    alias: str                                         # what it is called here
    outside: bool                                      # not inside a function: runs at import


def imports(source, names):
    """The imports of modules in `names`."""
    inside = {id(node) for function in ast.walk(source.tree)
              if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef))
              for node in ast.walk(function)}
    found = []
    for node in ast.walk(source.tree):
        outside = id(node) not in inside
        if isinstance(node, ast.Import):
            found += [Import(one.name, "", one.asname or one.name, outside)
                      for one in node.names if one.name in names]
        if isinstance(node, ast.ImportFrom):
            base = _base(source, node)
            for one in node.names:
                alias, whole = one.asname or one.name, f"{base}.{one.name}"
                if whole in names:
                    found.append(Import(whole, "", alias, outside))
                elif base in names:
                    found.append(Import(base, one.name, alias, outside))
    return [one for one in found if one.module != source.name]


def _base(source, node):
    """The module after `from`."""
    if not node.level:
        return node.module
    parts = source.package.split(".")
    return ".".join(parts[:len(parts) - node.level + 1] + ([node.module] if node.module else []))


def import_graph(found):
    """{module: the modules of `found` that it imports, wherever in its file}."""
    return {name: {one.module for one in imports(source, found)}
            for name, source in found.items()}


def cycles(graph):
    """Groups of modules of which each can be reached from each: Tarjan's components."""
    index, low, stack, groups = {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in sorted(graph[node]):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            place = stack.index(node)
            groups.append(sorted(stack[place:]))
            del stack[place:]

    for node in graph:
        if node not in index:
            visit(node)
    return [group for group in groups if len(group) > 1 or group[0] in graph[group[0]]]


def private_uses(source, names):
    """Private names of other modules that a file imports, or reaches through a module."""
    taken = imports(source, names)
    modules = {one.alias: one.module for one in taken if not one.name}
    found = [f"{one.module}.{one.name}" for one in taken if private(one.name)]
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute) and private(node.attr):
            if (owner := modules.get(ast.unparse(node.value))):
                found.append(f"{owner}.{node.attr}")
    return sorted(set(found))


def private(name):
    return name.startswith("_") and not name.startswith("__")


# reading order

class Reading(NamedTuple):
    first: list                                        # paths; None if there is no such line
    next: list


def reading_lines(source):
    """The paths that "Read first" and "Read next" name, from the top of the repository."""
    match = re.search(r"Read first:(.*?)(?:Read next:(.*))?\Z", source.header, re.DOTALL)
    if not match:
        return Reading(None, None)
    return Reading(*(None if part is None else _paths(source, part) for part in match.groups()))


def reading_order(source, heading="Reading order"):
    """The paths that a package's header lists after a heading, one after the other."""
    listed = source.header.partition(heading)[2].partition("Read first:")[0]
    return _paths(source, listed)


def _paths(source, text):
    package = source.path.partition("/")[0]
    found = re.findall(r"[\w/]+\.py\b", text)
    return [path if path.startswith(("npixel/", "mdp/")) else f"{package}/{path}"
            for path in found]


def reached(start, following):
    """Everything that is found by following {path: paths} from `start`."""
    found = [start]
    for path in found:                                 # the list grows on the way
        found += [one for one in following.get(path, ()) if one not in found]
    return set(found)
