"""Kernels, each beside the NumPy function that defines it. A compiled loop earns its place here or in a row of the other families.

Those inside a convolution are timed with it (convolution.py times the whole layer with kernels on and off); what is timed here is a kernel alone.
"""

import importlib

import numpy as np

from .row import Call, Implementation, Row, Target

NAME = "kernels"
TITLE = "kernels alone, on one thread"

N, H, W, D = 16, 28, 28, 64
REACH = 2                                              # of a 5 x 5 convolution


def kernel(name, case, which):
    """A Call of the kernel called `name`, compiled or as defined, with the arguments that cases[case]() draws."""
    from npixel.kernels import PAIRS

    module, _ = name.rsplit(".", 1)
    importlib.import_module(module)
    pair = next(pair for pair in PAIRS if pair.name == name)
    arguments, read = CASES[case]()
    function = pair.compiled if which == "compiled" else pair.definition
    return Call(lambda: function(*arguments), lambda result: read())


def _draw_canvas():
    """One image into a canvas of zeros, as a 5 x 5 convolution needs it."""
    x = np.random.default_rng(0).standard_normal((H, W, D), np.float32)
    pitch, height = W + REACH, H + 2 * REACH + 1
    X = np.zeros((height * pitch, D), np.float32)
    return (X, x, REACH, pitch, REACH, height, 1), lambda: {"X": X}


def _read_canvas():
    """And back."""
    pitch, height = W + REACH, H + 2 * REACH + 1
    X = np.random.default_rng(0).standard_normal((height * pitch, D), np.float32)
    x = np.zeros((H, W, D), np.float32)
    return (X, x, REACH, pitch, REACH, height, 1), lambda: {"x": x}


CASES = {"draw canvas": _draw_canvas, "read canvas": _read_canvas}


def _row(name, case, shapes, *, quick=False, note=""):
    return Row(
        name=name.split(".")[-1].lstrip("_"),
        call=name,
        shapes=shapes,
        implementations=(Implementation("compiled", kernel, arguments={"which": "compiled"}),
                         Implementation("NumPy definition", kernel, "definition", arguments={"which": "definition"})),
        arguments={"name": name, "case": case},
        tolerance=0.0,                                 # copies
        targets=(Target("NumPy definition", 1.0),),
        kernels=(name,),
        quick=quick,
        note=note,
    )


ROWS = (
    _row("npixel.layers.conv2d._draw_canvas", "draw canvas", f"{H} x {W} x {D}", quick=True),
    _row("npixel.layers.conv2d._read_canvas", "read canvas", f"{H} x {W} x {D}"),
)
