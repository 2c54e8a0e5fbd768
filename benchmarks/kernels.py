"""Kernels, each beside the NumPy function that defines it.

A compiled loop earns its place here or in a row of the other families. The loops inside a
convolution are timed with it: convolution.py times the whole layer with kernels on and off. Here
are those that can be timed alone, on one thread.

Read first: row.py.  Read next: convolution.py.
"""

import functools
import importlib

import numpy as np

from .row import Call, Implementation, Row, Target

NAME = "kernels"
TITLE = "compiled loops beside the NumPy functions that define them"

H, W, D = 28, 28, 64
REACH = 2                                              # of a 5 x 5 convolution
TINY = {"H": 6, "W": 5, "D": 4, "S": 40, "PLACES": 3, "h": 4, "M": 3, "BLOCK": 6, "T": 9, "wide": 4}
TINY_ARGUMENTS = {"D": 4}


# a kernel called by itself

def kernel(name, case, which):
    """A Call of the kernel called `name`, compiled or as defined, on what CASES[case]() draws."""
    from npixel.runtime.kernels import PAIRS

    importlib.import_module(name.rsplit(".", 1)[0])
    pair = next((pair for pair in PAIRS if pair.name == name), None)
    if pair is None:
        raise ValueError(f"there is no kernel {name}")
    arguments, read = CASES[case]()
    function = pair.compiled if which == "compiled" else pair.define
    return Call(lambda: function(*arguments), read)


def _draw_canvas():
    """One image into a canvas of zeros, as a 5 x 5 convolution needs it."""
    x = np.random.default_rng(0).standard_normal((H, W, D), np.float32)
    pitch, height = W + REACH, H + 2 * REACH + 1
    X = np.zeros((height * pitch, D), np.float32)
    return (X, x, REACH, pitch, REACH, height, 1, False), lambda _: {"X": X}


def _read_canvas():
    """One image out of a canvas."""
    pitch, height = W + REACH, H + 2 * REACH + 1
    X = np.random.default_rng(0).standard_normal((height * pitch, D), np.float32)
    x, dx = np.zeros((H, W, D), np.float32), np.zeros((H, W, D), np.float32)
    return (X, x, dx, REACH, pitch, REACH, height, 1, False), lambda _: {"dx": dx}


S, A, B = 20_000, 4, 5                                 # states, actions, successors of each pair


def _sweep():
    """A random sparse process: every pair leads to B states drawn uniformly."""
    rng = np.random.default_rng(0)
    p = rng.random((S * A, B))
    p /= p.sum(axis=1, keepdims=True)
    column = rng.integers(0, S, S * A * B).astype(np.int32)
    row, pair_ptr = np.arange(0, S * A * B + 1, B, dtype=np.int32), np.arange(0, S * A + 1, A)
    v, r = rng.standard_normal(S), rng.standard_normal(S * A)
    return (v, pair_ptr, row, column, p.ravel(), r, 0.99), lambda _: {"v": v}


PLACES, h = 28, 32                                     # places in a strip, and states at each


def _cell():
    """Gates of a strip of places; called again on its own results, which takes the same time."""
    z, before = _normal(PLACES, 4 * h), _normal(PLACES, h)
    c, states = np.empty_like(before), np.empty_like(before)
    return (z, before, c, states), lambda _: {"gates": z, "c": c, "h": states}


def _cell_backward():
    """The backward pass of the same."""
    gates, (before, c, dh, dc) = np.abs(_normal(PLACES, 4 * h)) / 4, _normal(4, PLACES, h)
    dz = np.empty_like(gates)
    return (gates, before, c, dh, dc, dz), lambda _: {"dz": dz, "dc": dc}


def _spatial_cell():
    """Gates of a strip of places in a Spatial LSTM."""
    z, c_left, c_above = _normal(PLACES, 5 * h), _normal(PLACES, h), _normal(PLACES, h)
    c, states = np.empty_like(c_left), np.empty_like(c_left)
    return (z, c_left, c_above, c, states), lambda _: {"gates": z, "c": c, "h": states}


def _spatial_cell_backward():
    """The backward pass of the same."""
    gates, (c_left, c_above, c, dh, dc) = np.abs(_normal(PLACES, 5 * h)) / 4, _normal(5, PLACES, h)
    dz, dc_left, dc_above = np.empty_like(gates), np.empty_like(c), np.empty_like(c)
    filled = {"dz": dz, "dc left": dc_left, "dc above": dc_above}
    given = gates, c_left, c_above, c, np.tanh(c), dh, dc
    return (*given, *filled.values()), lambda _: filled


def _gate():
    """The features of one image, both halves of a gate of D."""
    x = _normal(H * W, 2 * D)
    gates, y = np.empty_like(x), np.empty((H * W, D), np.float32)
    return (x, gates, y), lambda _: {"gates": gates, "y": y}


def _gate_backward():
    """The backward pass of the same."""
    dy, gates = _normal(H * W, D), np.tanh(_normal(H * W, 2 * D))
    dx = np.empty_like(gates)
    return (dy, gates, dx), lambda _: {"dx": dx}


def _elus():
    """The features of one image, from D to 2 D."""
    y = np.empty((H * W, 2 * D), np.float32)
    return (_normal(H * W, D), y), lambda _: {"y": y}


def _elus_backward():
    """The backward pass of the same."""
    dy, y = _normal(H * W, 2 * D), np.maximum(_normal(H * W, 2 * D), -1)
    dx = np.empty((H * W, D), np.float32)
    return (dy, y, dx), lambda _: {"dx": dx}


def _scan(layer):
    """Arguments of a scan over one lane, two images or eight sequences, and what it fills in."""
    places, w_ss, start = _shapes(layer)
    N, D = (8, w_ss[0]) if layer == "lstm" else (2, w_ss[1])
    z, c, states = (np.empty((N, *places, width), np.float32) for width in (4 * D, D, D))
    z[...] = _normal(*z.shape)
    w, (h0, c0) = _normal(*w_ss) / np.float32((2 * D)**0.5), _normal(2, *start)
    return (w, h0, c0, z, c, states), {"gates": z, "c": c, "h": states}


def _forward_scan(layer):
    arguments, filled = _scan(layer)
    return arguments, lambda _: filled


def _backward_scan(layer):
    """The scan's own gates, cells and states, so that gradients stay what they are in training."""
    forward, _ = _scan(layer)
    w, h0, c0, gates, c, states = forward
    importlib.import_module(f"npixel.layers.{layer}")._scan(*forward)
    filled = {"dz": np.empty_like(gates),
              "dw": np.zeros_like(w), "dh0": np.zeros_like(h0), "dc0": np.zeros_like(c0)}
    w_back = np.ascontiguousarray(np.swapaxes(w, -1, -2))
    given = w, h0, c0, _normal(*c.shape), gates, c, states
    return (*given, *filled.values(), w_back), lambda _: filled


def _spatial_scan():
    """Arguments of the Spatial LSTM's scan over one lane, two images of neighbourhoods, and what it
    fills in."""
    N, inputs = 2, 12
    weights = _normal(inputs, 5 * D) / 10, _normal(5 * D), _normal(2, D, 5 * D) / 10
    gates, c, states = (np.empty((H * W, N, width), np.float32) for width in (5 * D, D, D))
    y = np.empty((N, H, W, D), np.float32)
    filled = {"y": y, "gates": gates, "c": c}
    return (*weights, _normal(N, H, W, inputs), gates, c, states, y), lambda _: filled


def _spatial_scan_backward():
    """The backward pass of the same, over its own gates, cells and states."""
    arguments, _ = _spatial_scan()
    w, b, w_ss, x, gates, c, states, y = arguments
    importlib.import_module("npixel.layers.spatial_lstm")._scan(*arguments)
    filled = {"dx": np.empty_like(x),
              "dw": np.zeros_like(w), "db": np.zeros_like(b), "dw_ss": np.zeros_like(w_ss)}
    back = [np.ascontiguousarray(np.swapaxes(array, -1, -2)) for array in (w, w_ss)]
    given = w, w_ss, x, gates, c, states, _normal(*y.shape)
    return (*given, *filled.values(), *back), lambda _: filled


M, SCALES, BLOCK = 32, 4, 512                          # mixtures of an MCGSM, and rows of a block


def _mcgsm_mix():
    """Log weights of every component and scale."""
    joint, gate = np.empty((2, M, SCALES, BLOCK), np.float32)
    constants = _normal(M, SCALES), np.exp(_normal(M, SCALES)), _normal(M, SCALES)
    energies = _normal(M, BLOCK)**2, _normal(M, BLOCK)**2
    return (*constants, *energies, joint, gate), lambda _: {"joint": joint, "gate": gate}


def _mcgsm_shares():
    """Log weights become shares of one; called again on shares, it takes the same time."""
    shares, log_sum = _normal(M, SCALES, BLOCK), np.empty(BLOCK, np.float32)
    return (shares, log_sum), lambda _: {"shares": shares, "log sum": log_sum}


def _mcgsm_backward():
    """The backward pass of the same; called again, it adds."""
    shares = np.abs(_normal(2, M, SCALES, BLOCK)) / 100
    sums, energies = np.zeros((3, M, SCALES), np.float32), np.zeros((2, M, BLOCK), np.float32)
    given = _normal(BLOCK), np.exp(_normal(M, SCALES)), _normal(M, BLOCK)**2, _normal(M, BLOCK)**2
    return (*given, *shares, *sums, *energies), lambda _: {"sums": sums, "energies": energies}


def _mcgsm_sum():
    return (_normal(BLOCK),), lambda result: {"sum": np.array([result])}


def _leaves():
    """256 leaves on an image of 64 x 64.

    All but the first call find the pixels taken, and still go over every disc.
    """
    from npixel.data import dead_leaves

    rng = np.random.default_rng(0)
    image, bare = np.zeros((64, 64, 1), np.uint8), np.ones((64, 64), bool)
    discs = dead_leaves.discs(256, 64, 64, rng, 2.0, 16.0)
    colours = rng.integers(0, 200, (256, 1), dtype=np.uint8)
    return (image, bare, *discs, colours), lambda _: {"image": image.astype(np.float32)}


def _normal(*shape):
    return np.random.default_rng(sum(shape)).standard_normal(shape, np.float32)


T, wide = 784, 128                                     # of the LSTM over a line of pixels
SCANS = ("lstm", "row_lstm", "diagonal_lstm")


def _shapes(layer):
    """Of a scan: the shape of a map, of w_ss, and of h0 and c0."""
    return {"lstm": ((T,), (wide, 4 * wide), (wide,)),
            "row_lstm": ((H, W), (3, h, 4 * h), (h,)),
            "diagonal_lstm": ((H, W), (2, h, 4 * h), (H, h))}[layer]


CASES = {"draw canvas": _draw_canvas, "read canvas": _read_canvas,
         "sweep": _sweep, "leaves": _leaves,
         "cell": _cell, "cell backward": _cell_backward,
         "spatial cell": _spatial_cell, "spatial cell backward": _spatial_cell_backward,
         "spatial_lstm scan": _spatial_scan, "spatial_lstm scan backward": _spatial_scan_backward,
         "gate": _gate, "gate backward": _gate_backward,
         "elus": _elus, "elus backward": _elus_backward,
         "mcgsm mix": _mcgsm_mix, "mcgsm shares": _mcgsm_shares,
         "mcgsm backward": _mcgsm_backward, "mcgsm sum": _mcgsm_sum,
         **{f"{layer} scan": functools.partial(_forward_scan, layer) for layer in SCANS},
         **{f"{layer} scan backward": functools.partial(_backward_scan, layer) for layer in SCANS}}

IN_LOOPS = "copies inside compiled loops, where its definition cannot be called: even is enough"


def _alone(name, case, shapes, *, dtype="float32", tolerance=0.0, quick=False, least=1.0, note="",
           environment=None):
    """A row of the kernel called `name`, on the arguments that CASES[case]() draws.

    environment   of the definition's process, for a definition that calls other kernels; if it is
                  not None, even {}, the row is named after its case
    """
    return Row(
        name=case if environment is not None else name.split(".")[-1].lstrip("_"),
        call=name,
        shapes=shapes,
        implementations=(Implementation("compiled", kernel, arguments={"which": "compiled"}),
                         Implementation("NumPy definition", kernel, "definition",
                                        arguments={"which": "definition"},
                                        environment=environment or {})),
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
    """conv2d.read of one pixel in the middle of n images.

    Half of their values are the zeros of a relu.
    """
    from npixel import masks
    from npixel.layers import conv2d

    rng = np.random.default_rng(0)
    colours = np.zeros(D, int)
    w, b = rng.standard_normal((K * K, D, D), np.float32), rng.standard_normal(D, np.float32)
    state = conv2d.start((n, H, W, D), w, b, taps=masks.mask_b(K, colours, colours))
    for row in range(H):
        x_row = np.maximum(rng.standard_normal((n, W, D), np.float32), 0)
        conv2d.write(x_row, state, at=(row, slice(0, W)))
    at = (H // 2, slice(W // 2, W // 2 + 1))
    return Call(lambda: conv2d.read(state, at=at), lambda y: {"y": y})


def _read_pixel(n, K, D):
    return Row(
        name=f"read one pixel of {n}",
        call="layers.conv2d.read",
        shapes=f"{n} x 1 x {D} -> {D}, {K} x {K} mask B",
        implementations=(Implementation("compiled", read_pixel),
                         Implementation("NumPy definition", read_pixel, "definition",
                                        environment={"NPIXEL_KERNELS": "off"})),
        arguments={"n": n, "K": K, "D": D},
        tolerance=1e-5,
        targets=(Target("NumPy definition", 1.0),),
        kernels=("npixel.layers.conv2d._read",),
    )


OFF = {"NPIXEL_KERNELS": "off"}


def _both(name, case, shapes, *, environment=None, tolerance=1e-5):
    """Rows of a kernel of npixel.layers and of its way back."""
    for way in ("", " backward"):
        whole = f"npixel.layers.{name}{way.replace(' ', '_')}"
        yield _alone(whole, case + way, shapes, tolerance=tolerance, environment=environment)


def _mcgsm(name, case, shapes=f"{M} x {SCALES} x {BLOCK}"):
    return _alone(f"npixel.losses.mcgsm.{name}", case, shapes, tolerance=1e-4, environment={})


IMAGES = f"2 x {H} x {W}"

ROWS = (
    *(_alone(f"npixel.layers.canvas.{kernel}", case, f"{H} x {W} x {D}", note=IN_LOOPS, least=0.8)
      for kernel, case in (("_draw_canvas", "draw canvas"), ("_read_canvas", "read canvas"))),
    _read_pixel(1, 3, 32),
    _read_pixel(16, 3, 32),
    *_both("gated_activation._gate", "gate", f"{H * W} x 2 {D}"),
    _alone("npixel.layers.concat_elu._both", "elus", f"{H * W} x {D}", tolerance=1e-5),
    _alone("npixel.layers.concat_elu._both_backward", "elus backward", f"{H * W} x 2 {D}",
           tolerance=1e-5),
    *_both("lstm_cell.cell", "cell", f"{PLACES} x {h}"),
    *(row for layer, shapes in (("lstm", f"8 x {T} x {wide}"), ("row_lstm", f"{IMAGES} x {h}"),
                                ("diagonal_lstm", f"{IMAGES} x {h}"))
      for row in _both(f"{layer}._scan", f"{layer} scan", shapes, tolerance=1e-4, environment=OFF)),
    *_both("spatial_lstm.cell", "spatial cell", f"{PLACES} x {h}", environment={}),
    *_both("spatial_lstm._scan", "spatial_lstm scan", f"{IMAGES} x 12 -> {D}", tolerance=1e-4,
           environment=OFF),
    _mcgsm("_mix", "mcgsm mix"),
    _mcgsm("_to_shares", "mcgsm shares"),
    _mcgsm("_mix_backward", "mcgsm backward"),
    _mcgsm("_sum", "mcgsm sum", f"{BLOCK}"),
    _alone("npixel.data.dead_leaves._lay", "leaves", "256 discs on 64 x 64", environment={}),
    _alone("mdp.planning.gauss_seidel.sweep", "sweep",
           f"{S} states x {A} actions x {B} successors", dtype="float64", tolerance=1e-12,
           quick=True),
)
