"""Every family of rows, in the order in which they run.

Read first: row.py.  Read next: kernels.py, cli.py.
"""

import importlib

MODULES = ("kernels", "convolution", "pixelcnn", "recurrent", "mdp", "generation")


def load():
    """{name: module}; a family has NAME, TITLE and ROWS."""
    families = [importlib.import_module(f"benchmarks.{name}") for name in MODULES]
    return {family.NAME: family for family in families}


def choose(names, *, quick=False):
    """The rows that the words of the command line ask for: a list of pairs (family, rows).

    names    each a family's name, or a part of the name of a row as --list prints it, such as
             "convolution/5x5 64 forward"; none: everything
    quick    only the rows meant for it, unless words ask for rows by name

    ValueError for a word that means nothing, with those that would.
    """
    families = load()
    chosen = {}                                        # (family, row) in order, without repeating
    for name in names or families:
        found = [(family, row) for family in families.values() for row in family.ROWS
                 if name == family.NAME
                 or (name not in families and name in f"{family.NAME}/{row.name}")]
        if not found and name not in families:
            raise ValueError(f"no benchmark is called {name!r}; families: {', '.join(families)} "
                             "(--list shows their rows)")
        if name in families and quick:
            found = [(family, row) for family, row in found if row.quick] or found[:1]
        chosen.update(((family.NAME, row.name), (family, row)) for family, row in found)
    return [(family, [row for other, row in chosen.values() if other is family])
            for family in families.values() if any(other is family for other, _ in chosen.values())]


def untimed_kernels():
    """Names of kernels of the packages that no row times beside their definition."""
    import pkgutil

    import mdp
    import npixel
    from npixel.runtime import kernels

    for package in (npixel, mdp):
        for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    timed = {name for family in load().values() for row in family.ROWS for name in row.kernels}
    return [one.name for one in kernels.PAIRS if one.name.split(".")[0] in ("npixel", "mdp")
            and not {one.name, one.name.rsplit(".", 1)[0]} & timed]
