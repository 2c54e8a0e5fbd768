"""What the packages hold, found by importing every module below them."""

import importlib
import pkgutil

import mdp
import npixel


def modules():
    """Every module of both packages, by name; running one as a program (__main__) is left out."""
    found = {}
    for package in (npixel, mdp):
        for info in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            if not info.name.endswith("__main__"):
                found[info.name] = importlib.import_module(info.name)
    return found


def layers():
    """Modules of pure functions with forward and backward: layers and losses of both packages.
    Models, which take params, are not among them."""
    return {name: module for name, module in modules().items()
            if hasattr(module, "forward") and hasattr(module, "backward")
            and not name.startswith("npixel.models.")}
