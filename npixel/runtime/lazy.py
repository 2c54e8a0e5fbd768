"""Packages that import their modules when a public name is first used.

    lazy.names(__name__, {"solve": "planning", "verify": "verify"})       in a package's __init__.py

`import npixel` and `import mdp` take milliseconds: NumPy, SciPy and numba are loaded by what needs
them. So a command can begin, and say in one line that it was interrupted, while they load.

A function may have the name of its module, as mdp.verify has. The import system binds the module to
that name in its package; here the function takes its place, whichever of the two is asked for
first.

Read first: nothing.  Read next: runtime/same_name.py.
"""

import importlib
import sys
import types


def names(package, homes):
    """Give a package its public names.

    package   its __name__
    homes     {public name: the module of the package where it is defined; "" for a module itself}

    Any other module of the package can be reached as an attribute, too, without an import of its
    own.

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
    """A `__getattr__` for a module from which names have moved to modules that import it.

    module   its __name__
    homes    {name: the module where it stands now}

    So an old `from npixel.model import build` goes on working, without a circle of imports.

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
