"""Kernels, each beside the NumPy function that defines it. A compiled loop earns its place here or in a row of the other families.

The loops inside a convolution are timed with it (convolution.py times the whole layer with kernels on and off). Here are those that can be
timed alone, on one thread.
"""

import importlib

import numpy as np

from .row import Call, Implementation, Row, Target

NAME = "kernels"
TITLE = "compiled loops beside the NumPy functions that define them"

H, W, D = 28, 28, 64
REACH = 2                                              # of a 5 x 5 convolution


# a kernel called by itself

def kernel(name, case, which):
    """A Call of the kernel called `name`, compiled or as defined, with the arguments that CASES[case]() draws."""
    from npixel.kernels import PAIRS

    importlib.import_module(name.rsplit(".", 1)[0])
    pair = next(pair for pair in PAIRS if pair.name == name)
    arguments, read = CASES[case]()
    function = pair.compiled if which == "compiled" else pair.definition
    return Call(lambda: function(*arguments), read)


def _draw_canvas():
    """One image into a canvas of zeros, as a 5 x 5 convolution needs it."""
    x = np.random.default_rng(0).standard_normal((H, W, D), np.float32)
    pitch, height = W + REACH, H + 2 * REACH + 1
    X = np.zeros((height * pitch, D), np.float32)
    return (X, x, REACH, pitch, REACH, height, 1), lambda _: {"X": X}


def _read_canvas():
    """And back."""
    pitch, height = W + REACH, H + 2 * REACH + 1
    X = np.random.default_rng(0).standard_normal((height * pitch, D), np.float32)
    x = np.zeros((H, W, D), np.float32)
    return (X, x, REACH, pitch, REACH, height, 1), lambda _: {"x": x}


S, A, B = 20_000, 4, 5                                 # states, actions, successors of each pair


def _sweep():
    """A random sparse process: every pair leads to B states drawn uniformly."""
    rng = np.random.default_rng(0)
    p = rng.random((S * A, B))
    p /= p.sum(axis=1, keepdims=True)
    column = rng.integers(0, S, S * A * B).astype(np.int32)
    row, pair_ptr = np.arange(0, S * A * B + 1, B, dtype=np.int32), np.arange(0, S * A + 1, A)
    return (rng.standard_normal(S), row, column, p.ravel(), rng.standard_normal(S * A), pair_ptr, 0.99), lambda v: {"v": v}


CASES = {"draw canvas": _draw_canvas, "read canvas": _read_canvas, "sweep": _sweep}

IN_LOOPS = "copies inside compiled loops, where its definition cannot be called: even is enough"


def _alone(name, case, shapes, *, dtype="float32", tolerance=0.0, quick=False, least=1.0, note=""):
    return Row(
        name=name.split(".")[-1].lstrip("_"),
        call=name,
        shapes=shapes,
        implementations=(Implementation("compiled", kernel, arguments={"which": "compiled"}),
                         Implementation("NumPy definition", kernel, "definition", arguments={"which": "definition"})),
        dtype=dtype,
        arguments={"name": name, "case": case},
        tolerance=tolerance,
        targets=(Target("NumPy definition", least),),
        kernels=(name,),
        quick=quick,
        note=note,
    )


# a kernel inside a function of its layer: the definition runs where kernels are switched off

def read_pixel(n, K, D):
    """conv2d.read of one pixel in the middle of n images, half of whose values are the zeros of a relu."""
    from npixel import masks
    from npixel.layers import conv2d

    rng = np.random.default_rng(0)
    colours = np.zeros(D, int)
    w, b = rng.standard_normal((K * K, D, D), np.float32), rng.standard_normal(D, np.float32)
    state = conv2d.start((n, H, W, D), w, b, taps=masks.mask_b(K, colours, colours))
    for row in range(H):
        conv2d.write(np.maximum(rng.standard_normal((n, W, D), np.float32), 0), state, at=(row, slice(0, W)))
    at = (H // 2, slice(W // 2, W // 2 + 1))
    return Call(lambda: conv2d.read(state, at=at), lambda y: {"y": y})


def _read_pixel(n, K, D):
    return Row(
        name=f"read one pixel of {n}",
        call="layers.conv2d.read",
        shapes=f"{n} x 1 x {D} -> {D}, {K} x {K} mask B",
        implementations=(Implementation("compiled", read_pixel),
                         Implementation("NumPy definition", read_pixel, "definition", environment={"NPIXEL_KERNELS": "off"})),
        arguments={"n": n, "K": K, "D": D},
        tolerance=1e-5,
        targets=(Target("NumPy definition", 1.0),),
        kernels=("npixel.layers.conv2d._read",),
    )


ROWS = (
    _alone("npixel.layers.conv2d._draw_canvas", "draw canvas", f"{H} x {W} x {D}", note=IN_LOOPS, least=0.8),
    _alone("npixel.layers.conv2d._read_canvas", "read canvas", f"{H} x {W} x {D}", note=IN_LOOPS, least=0.8),
    _read_pixel(1, 3, 32),
    _read_pixel(16, 3, 32),
    _alone("mdp.planning.value_iteration._sweep", "sweep", f"{S} states x {A} actions x {B} successors", dtype="float64", tolerance=1e-12,
           quick=True),
)
