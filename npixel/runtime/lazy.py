"""Packages that import their modules when a public name is first used.

    lazy.names(__name__, {"solve": "planning", "verify": "verify"})       in a package's __init__.py

`import npixel` and `import mdp` take milliseconds. NumPy, SciPy and numba are loaded by the modules
that need them. So a command begins before they are loaded. If it is interrupted meanwhile, it says
so in one line.

A function may have the name of its module, as mdp.verify has. The import system binds the module to
that name in its package. Here the function takes its place, whichever is asked for first.

Read first: nothing.  Read next: runtime/same_name.py.
"""

import importlib
import sys
import types


def names(package, homes):
    """Give a package its public names.

    package   its __name__
    homes     {public name: the module of the package where it is defined, or "" if it is a module}

    Every other module of the package can be reached as an attribute, too. It is imported then.

    AttributeError, at the use of a name that the package does not have.

    >>> import npixel
    >>> npixel.losses.bernoulli.__name__
    'npixel.losses.bernoulli'
    """
    class Package(types.ModuleType):
        def __getattr__(self, name):
            if homes.get(name):
                value = getattr(importlib.import_module(f"{package}.{homes[name]}"), name)
                setattr(self, name, value)
                return value
            if not name.startswith("_"):
                try:
                    return importlib.import_module(f"{package}.{name}")
                except ModuleNotFoundError as error:
                    if error.name != f"{package}.{name}":
                        raise
            raise AttributeError(f"module {package!r} has no attribute {name!r}")

        def __setattr__(self, name, value):
            if homes.get(name) == name and isinstance(value, types.ModuleType):
                value = getattr(value, name)
            super().__setattr__(name, value)

        def __dir__(self):
            return sorted({*super().__dir__(), *homes})

    sys.modules[package].__class__ = Package


def moved(module, homes):
    """A `__getattr__` for a module from which names have moved to other modules.

    module   its __name__
    homes    {name: the module where it stands now}

    So an old `from npixel.model import build` goes on working. The new module may import the old
    one: it is imported only when the name is asked for.

    >>> moved("here", {"sqrt": "math"})("sqrt")(9.0)
    3.0
    >>> moved("here", {"sqrt": "math"})("cbrt")
    Traceback (most recent call last):
        ...
    AttributeError: module 'here' has no attribute 'cbrt'
    """
    def getattribute(name):
        if name in homes:
            return getattr(importlib.import_module(homes[name]), name)
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    return getattribute
