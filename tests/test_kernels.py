"""Every kernel equals the NumPy function that defines it, to the last bit.

Numbers are drawn whose sums are exact: eighths between -2 and 2. Their products are 64ths, and sums
of a few thousand of them are exact in float32 and float64, in any order. So loops and definition
must agree bit for bit, unless a transcendental function is involved.
"""

import ast
import copy
import importlib
import inspect
import os
import shutil
import subprocess
import sys
import textwrap
import types
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import cases_mdp
import npixel
import walking
from npixel import masks
from npixel.runtime import blas, kernels
from npixel.layers import canvas, conv2d, skew

walking.modules()                              # so that every kernel of both packages is registered
PAIRS = {pair.name: pair for pair in kernels.PAIRS}
needs_numba = pytest.mark.skipif(not kernels.enabled(), reason="numba is not installed")
CASES = {}                                             # kernel -> its strategy
TRANSCENDENTAL = {}  # kernels with exp, tanh or quotients: how far from their definition


def case(name):
    """Register a strategy: a function of (draw, rng, dtype) that returns the kernel's arguments."""
    def register(strategy):
        def drawn(draw):
            rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
            return strategy(draw, rng, draw(st.sampled_from([np.float32, np.float64])))
        CASES[name] = st.composite(drawn)()
        return strategy
    return register


def eighths(rng, dtype, *shape):
    return (rng.integers(-16, 17, shape) / 8).astype(dtype)


@case("npixel.runtime.blas.add_product")
@case("npixel.runtime.blas._add_tile")
def _(draw, rng, dtype):
    sizes = st.one_of(st.integers(1, 20), st.sampled_from([70, 150]))      # more than one tile, too
    m, n, k, ta, tb = *(draw(sizes) for _ in range(3)), draw(st.booleans()), draw(st.booleans())
    # rows may be strided
    wide = lambda rows, columns: eighths(rng, dtype, rows, columns + 3)[:, 1:columns + 1]
    return (wide(*((k, m) if ta else (m, k))), wide(*((n, k) if tb else (k, n))),
            wide(m, n), int(ta), int(tb))


@case("npixel.data.dead_leaves._lay")
def _(draw, rng, dtype):
    H, W, n = draw(st.integers(1, 9)), draw(st.integers(1, 9)), draw(st.integers(1, 30))
    rows, columns, radii = (eighths(rng, np.float64, n) for _ in range(3))
    discs = 4 * rows, 4 * columns, np.abs(radii) + 0.5
    image, colours = (rng.integers(0, 200, shape, dtype=np.uint8) for shape in ((H, W, 3), (n, 3)))
    return image, rng.random((H, W)) < 0.8, *discs, colours


BLOCKS = 1, 5, 16, 40                                  # rows of a block


@case("npixel.losses.mcgsm._mix")
def _(draw, rng, dtype):
    M, G, rows = draw(st.integers(1, 4)), draw(st.integers(1, 3)), draw(st.sampled_from(BLOCKS))
    eta, beta, constant = (eighths(rng, dtype, M, G) for _ in range(3))
    q, e = (np.abs(eighths(rng, dtype, M, rows)) for _ in range(2))
    filled = (np.zeros((M, G, rows), dtype) for _ in range(2))
    return eta, np.abs(beta), constant, q, e, *filled


@case("npixel.losses.mcgsm._mix_backward")
def _(draw, rng, dtype):
    M, G, rows = draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.sampled_from(BLOCKS))
    # sums of products of four of these are still exact
    small = lambda *shape: (rng.integers(-4, 5, shape) / 4).astype(dtype)
    sums, gradients = (small(M, G) for _ in range(3)), (small(M, rows) for _ in range(2))
    given = small(rows), np.abs(small(M, G)), small(M, rows), small(M, rows)
    return *given, small(M, G, rows), small(M, G, rows), *sums, *gradients


@case("npixel.losses.mcgsm._sum")
def _(draw, rng, dtype):
    return (eighths(rng, dtype, draw(st.integers(0, 70))),)


def convolution(draw, rng, dtype):
    """x, w, b, the offsets and the stride of a convolution, and the shape (R, Q) of its output.

    Offsets are in any order, and some output reads each of them.
    """
    N, H, W, D = draw(st.integers(1, 12)), *(draw(st.integers(1, 6)) for _ in range(3))
    C, stride = draw(st.sampled_from([1, 2, 5, 8, 11])), draw(st.integers(1, 3))
    shifts = st.tuples(st.integers(-3, 3), st.integers(-3, 3))
    offsets = np.array(draw(st.lists(shifts, min_size=1, max_size=6, unique=True)), np.int64)
    size = np.array([H, W])
    last = (size - 1) // stride * stride
    offsets = offsets[((offsets >= -last) & (offsets < size)).all(axis=1)]
    x, w, b = (eighths(rng, dtype, *shape) for shape in ((N, H, W, C), (len(offsets), C, D), (D,)))
    return (x, w, b, offsets, stride), (-(-H // stride), -(-W // stride))


@case("npixel.layers.conv2d.correlate")
@case("npixel.layers.relu_conv2d._correlate")
def _(draw, rng, dtype):
    arguments, _ = convolution(draw, rng, dtype)
    return arguments


@case("npixel.layers.conv2d.correlate_backward")
@case("npixel.layers.relu_conv2d._correlate_backward")
def _(draw, rng, dtype):
    (x, w, b, offsets, stride), out = convolution(draw, rng, dtype)
    return eighths(rng, dtype, len(x), *out, len(b)), x, w, offsets, stride


class Workspace(np.ndarray):
    """Memory for a kernel to work in, with noise in it; what it holds afterwards may differ."""

    def __new__(cls, array):
        return array.view(cls)


def on_canvas(draw, rng, dtype, inputs):
    """A convolution's arguments, its plan, the outputs' shape, and the memory: tile and space."""
    (x, w, b, offsets, stride), out = convolution(draw, rng, dtype)
    plan = canvas._plan(offsets, stride, *out)
    space = Workspace(eighths(rng, dtype, canvas._space(plan, w, out[0], inputs)))
    return (x, w, b), plan, (len(x), *out, len(b)), (draw(st.integers(1, 40)), space)


@case("npixel.layers.canvas._correlate")
def _(draw, rng, dtype):
    (x, w, b), plan, out, memory = on_canvas(draw, rng, dtype, 1)
    return x, w, b, plan, draw(st.booleans()), eighths(rng, dtype, *out), *memory


@case("npixel.layers.canvas._correlate_backward")
def _(draw, rng, dtype):
    (x, w, b), plan, out, memory = on_canvas(draw, rng, dtype, 2)
    wt = np.ascontiguousarray(w.transpose(0, 2, 1))
    sums = eighths(rng, dtype, *w.shape), eighths(rng, dtype, *b.shape)
    dy, dx = eighths(rng, dtype, *out), eighths(rng, dtype, *x.shape)
    return dy, x, wt, plan, draw(st.booleans()), dx, *sums, *memory


def units(draw, rng, dtype):
    """x, w and b of fully visible units; a block has 64 of them."""
    N, C, D = draw(st.integers(1, 4)), draw(st.integers(1, 3)), draw(st.integers(1, 3))
    I = draw(st.one_of(st.integers(1, 6), st.integers(60, 70)))
    pairs = I * (I - 1) // 2
    return [eighths(rng, dtype, *shape) for shape in ((N, I, C), (pairs, C, D), (I, D))]


@case("npixel.layers.canvas._gather")
def _(draw, rng, dtype):
    (x, w, b, offsets, stride), out = convolution(draw, rng, dtype)
    return x, offsets, stride, eighths(rng, dtype, len(x), *out, len(offsets), x.shape[3])


@case("npixel.layers.canvas._scatter")
def _(draw, rng, dtype):
    (x, w, b, offsets, stride), out = convolution(draw, rng, dtype)
    return eighths(rng, dtype, len(x), *out, len(offsets), x.shape[3]), offsets, stride, x


@case("npixel.layers.fully_visible._sum")
def _(draw, rng, dtype):
    return units(draw, rng, dtype)


@case("npixel.layers.fully_visible._sum_backward")
def _(draw, rng, dtype):
    x, w, b = units(draw, rng, dtype)
    return eighths(rng, dtype, len(x), *b.shape), x, w


@case("npixel.layers.relu._pass")
def _(draw, rng, dtype):
    size = draw(st.integers(0, 20))
    return eighths(rng, dtype, size), eighths(rng, dtype, size), eighths(rng, dtype, size)


case("mdp.bellman._backup")(cases_mdp.backup)
case("mdp.bellman._pair_q")(cases_mdp.pair_q)
case("mdp.bellman._take")(cases_mdp.take)
def arguments_of(module):
    """A strategy for the kernel of a planner."""
    return st.composite(lambda draw: cases_mdp.kernel_arguments(
        module, draw, np.random.default_rng(draw(st.integers(0, 2**32 - 1)))))()


for module in ("gauss_seidel.sweep", "gauss_seidel.closed_q", "gauss_seidel._breadth_first",
               "modified_gauss_seidel._sweep", "modified_gauss_seidel._size",
               "modified_gauss_seidel._close", "modified_gauss_seidel._settle",
               "choose._steps_to_half", "topological._components",
               "prioritized_sweeping._batch"):
    CASES["mdp.planning." + module] = arguments_of(module)


def banded(draw, rng, dtype):
    """A band (n, 2 half + 1) of positive numbers with holes; exits (n,), one at the last state."""
    n = draw(st.integers(1, 7))
    half = draw(st.integers(0, n - 1))
    band = rng.integers(0, 9, (n, 2 * half + 1)) / 8.0 * (rng.random((n, 2 * half + 1)) < 0.7)
    rows = np.arange(n)[:, None] + np.arange(-half, half + 1)
    band[(rows < 0) | (rows >= n)] = 0
    band[:-1, half + 1:half + 2] += 0.5  # each state leads on to the next
    exits = rng.integers(0, 3, n) / 8.0
    exits[-1] += 0.5
    return band, exits, np.zeros(n), np.zeros(2)


@case("mdp.elimination._eliminate")
def _(draw, rng, dtype):
    return banded(draw, rng, dtype)


@case("mdp.elimination._substitute")
@case("mdp.elimination._substitute_transposed")
def _(draw, rng, dtype):
    band, exits, _, _ = banded(draw, rng, dtype)
    return band, exits + 0.5, eighths(rng, dtype, exits.size).astype(float)


for solve in ("_eliminate", "_substitute", "_substitute_transposed"):  # quotients and sums round
    TRANSCENDENTAL["mdp.elimination." + solve] = {np.float64: 1e-12}


case("mdp.graph._distances")(cases_mdp.distances)
case("mdp.graph._levels")(cases_mdp.levels)


def residues(draw, rng, dtype):
    """A square matrix modulo a prime, with zeros to step over, and its order of rows."""
    n, p = draw(st.integers(1, 6)), 2**31 - 1
    M = rng.integers(0, p, (n, n)) * (rng.random((n, n)) < 0.7)
    return M, np.arange(n), p


@case("mdp.lifting._inverse")
def _(draw, rng, dtype):
    p = 2**31 - 1
    return int(rng.integers(1, p)), p


case("mdp.lifting._lu_mod")(residues)


@case("mdp.lifting._solve_mod")
def _(draw, rng, dtype):
    M, order, p = residues(draw, rng, dtype)
    M[np.diag_indices_from(M)] = rng.integers(1, p, len(M))            # factors of a regular matrix
    return M, rng.permutation(len(M)), rng.integers(0, p, len(M)), p


def drawn_canvas(draw, rng, dtype):
    """A canvas X, an image and another of its shape, and where they stand."""
    H, W, C, stride = *(draw(st.integers(1, 6)) for _ in range(3)), draw(st.integers(1, 3))
    left, top, more = (draw(st.integers(0, 3)) for _ in range(3))
    pitch, height = left + -(-W // stride) + more, top + -(-H // stride) + 1
    images = eighths(rng, dtype, H, W, C), eighths(rng, dtype, H, W, C)
    X = eighths(rng, dtype, stride * stride * height * pitch, C)
    return X, images, (left, pitch, top, height, stride, draw(st.booleans()))


@case("npixel.layers.canvas._draw_canvas")
def _(draw, rng, dtype):
    X, (x, _), geometry = drawn_canvas(draw, rng, dtype)
    return X, x, *geometry


@case("npixel.layers.canvas._read_canvas")
def _(draw, rng, dtype):
    X, images, geometry = drawn_canvas(draw, rng, dtype)
    return X, *images, *geometry


@case("npixel.layers.conv2d._read")
def _(draw, rng, dtype):
    N, width, C, D, U = (draw(st.integers(1, 4)) for _ in range(5))
    stride = draw(st.integers(1, 2))
    width -= draw(st.integers(0, 1))                   # a strip may be empty
    image, offsets = eighths(rng, dtype, N, 6, 12, C), rng.integers(-2, 3, (U, 2))
    return (image, 3, 2, stride, offsets, eighths(rng, dtype, U, C, D), eighths(rng, dtype, D),
            eighths(rng, dtype, N, width, D))


def recurrent_case(name):
    """A case of a kernel with gates. They round, so loops agree to about the last digits."""
    def register(strategy):
        TRANSCENDENTAL[name] = {np.float32: 2e-5, np.float64: 1e-13}
        return case(name)(strategy)
    return register


@recurrent_case("npixel.losses.mcgsm._to_shares")
def _(draw, rng, dtype):
    shape = draw(st.integers(1, 4)), draw(st.integers(1, 3)), draw(st.sampled_from([1, 5, 16, 40]))
    return draw(st.sampled_from([1, 50])) * eighths(rng, dtype, *shape), np.zeros(shape[2], dtype)


@recurrent_case("npixel.layers.lstm_cell.cell")
def _(draw, rng, dtype):
    n, D = draw(st.integers(1, 5)), draw(st.integers(1, 20))
    return eighths(rng, dtype, n, 4 * D), *(eighths(rng, dtype, n, D) for _ in range(3))


@recurrent_case("npixel.layers.lstm_cell.cell_backward")
def _(draw, rng, dtype):
    n, D = draw(st.integers(1, 5)), draw(st.integers(1, 20))
    gates, *states = eighths(rng, dtype, n, 4 * D), *(eighths(rng, dtype, n, D) for _ in range(4))
    return gates, *states, eighths(rng, dtype, n, 4 * D)


@recurrent_case("npixel.layers.gated_activation._gate")
def _(draw, rng, dtype):
    n, p = draw(st.integers(0, 5)), draw(st.integers(1, 20))
    return eighths(rng, dtype, n, 2 * p), eighths(rng, dtype, n, 2 * p), eighths(rng, dtype, n, p)


@recurrent_case("npixel.layers.gated_activation._gate_backward")
def _(draw, rng, dtype):
    n, p = draw(st.integers(0, 5)), draw(st.integers(1, 20))
    return eighths(rng, dtype, n, p), eighths(rng, dtype, n, 2 * p), eighths(rng, dtype, n, 2 * p)


@recurrent_case("npixel.layers.concat_elu._both")
def _(draw, rng, dtype):
    n, D = draw(st.integers(0, 5)), draw(st.integers(1, 20))
    return eighths(rng, dtype, n, D), eighths(rng, dtype, n, 2 * D)


@case("npixel.layers.concat_elu._both_backward")
def _(draw, rng, dtype):
    n, D = draw(st.integers(0, 5)), draw(st.integers(1, 20))
    return eighths(rng, dtype, n, 2 * D), eighths(rng, dtype, n, 2 * D), eighths(rng, dtype, n, D)


def scan_case(name, places, make_w_ss, make_start):
    """Cases of a pair of scans, forward and backward; w_ss and the start differ between layers."""
    def drawn(draw, rng, dtype):
        """(w_ss, h0, c0), a function that makes maps (N, *places, width D), and another start."""
        N, D = draw(st.integers(1, 4)), draw(st.integers(1, 4))
        where = tuple(draw(st.integers(1, 5)) for _ in range(places))
        w_ss, start, other = make_w_ss(draw, rng, dtype, D), *(
            make_start(rng, dtype, D, where) for _ in range(2))
        return (w_ss, *start), lambda width: eighths(rng, dtype, N, *where, width * D), other

    def forward(draw, rng, dtype):
        weights, maps, _ = drawn(draw, rng, dtype)
        return *weights, maps(4), maps(1), maps(1)

    def backward(draw, rng, dtype):
        (w_ss, *start), maps, dstart = drawn(draw, rng, dtype)
        w_back = np.ascontiguousarray(np.swapaxes(w_ss, -1, -2))
        filled = maps(4), eighths(rng, dtype, *w_ss.shape), *dstart
        return w_ss, *start, maps(1), maps(4), maps(1), maps(1), *filled, w_back

    recurrent_case(f"npixel.layers.{name}._scan")(forward)
    recurrent_case(f"npixel.layers.{name}._scan_backward")(backward)


def one_start(rng, dtype, D, where):
    return eighths(rng, dtype, D), eighths(rng, dtype, D)


def start_of_each_row(rng, dtype, D, where):
    return eighths(rng, dtype, where[0], D), eighths(rng, dtype, where[0], D)


def square_w_ss(draw, rng, dtype, D):
    return eighths(rng, dtype, D, 4 * D)


def row_w_ss(draw, rng, dtype, D):
    return eighths(rng, dtype, draw(st.sampled_from([1, 3, 5])), D, 4 * D)


def diagonal_w_ss(draw, rng, dtype, D):
    return eighths(rng, dtype, 2, D, 4 * D)


scan_case("lstm", 1, square_w_ss, one_start)
scan_case("row_lstm", 2, row_w_ss, one_start)
scan_case("diagonal_lstm", 2, diagonal_w_ss, start_of_each_row)


@case("npixel.layers.skew.rows")
def _(draw, rng, dtype):
    H, W = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    return draw(st.integers(-1, H + W - 2)), H, W                          # -1: none of the rows


@case("npixel.layers.skew.cut")
def diagonal(draw, rng, dtype):
    N, H, W, C = (draw(st.integers(1, 5)) for _ in range(4))
    t = draw(st.integers(-1, H + W - 2))
    first, last = skew.rows(t, H, W)
    return t, eighths(rng, dtype, N, H, W, C), eighths(rng, dtype, last - first, N, C)


@case("npixel.layers.skew.paste")
def _(draw, rng, dtype):
    t, x, column = diagonal(draw, rng, dtype)
    return t, column, x


@recurrent_case("npixel.layers.spatial_lstm.cell")
def _(draw, rng, dtype):
    n, D = draw(st.integers(1, 5)), draw(st.integers(1, 20))
    return eighths(rng, dtype, n, 5 * D), *(eighths(rng, dtype, n, D) for _ in range(4))


@recurrent_case("npixel.layers.spatial_lstm.cell_backward")
def _(draw, rng, dtype):
    n, D = draw(st.integers(1, 5)), draw(st.integers(1, 20))
    gates, *states = eighths(rng, dtype, n, 5 * D), *(eighths(rng, dtype, n, D) for _ in range(6))
    filled = (eighths(rng, dtype, n, width) for width in (5 * D, D, D))
    return gates, *states, *filled


@case("npixel.layers.spatial_lstm._neighbours")
def _(draw, rng, dtype):
    n, D = draw(st.integers(1, 6)), draw(st.integers(1, 20))
    stop, skip, left, above = (draw(st.integers(0, most)) for most in (n, n, 3, 3))
    filled = eighths(rng, dtype, n, D), eighths(rng, dtype, n, D)
    return eighths(rng, dtype, n + 3, D), left, stop, above, skip, *filled


def spatial(draw, rng, dtype):
    """For both scans: (w_is, b, w_ss), images of a width, and the maps that a cache holds."""
    N, H, W, D = *(draw(st.integers(1, 5)) for _ in range(3)), draw(st.integers(1, 4))
    inputs, neighbours = draw(st.integers(0, 4)), draw(st.sampled_from([2, 4]))
    weights = [eighths(rng, dtype, *shape) for shape in
               ((inputs, 5 * D), (5 * D,), (neighbours, D, 5 * D))]
    images = lambda width: eighths(rng, dtype, N, H, W, width)
    return weights, images, [eighths(rng, dtype, H * W, N, width) for width in (5 * D, D, D)]


@recurrent_case("npixel.layers.spatial_lstm._scan")
def _(draw, rng, dtype):
    weights, images, kept = spatial(draw, rng, dtype)
    return *weights, images(len(weights[0])), *kept, images(weights[2].shape[1])


@recurrent_case("npixel.layers.spatial_lstm._scan_backward")
def _(draw, rng, dtype):
    (w_is, b, w_ss), images, kept = spatial(draw, rng, dtype)
    back = [np.ascontiguousarray(np.swapaxes(w, -1, -2)) for w in (w_is, w_ss)]
    sums = [eighths(rng, dtype, *w.shape) for w in (w_is, b, w_ss)]
    x, dx, dy = images(len(w_is)), images(len(w_is)), images(w_ss.shape[1])
    return w_is, w_ss, x, *kept, dy, dx, *sums, *back


def test_every_kernel_has_a_case_and_every_case_a_kernel():
    assert set(PAIRS) == set(CASES) and len(PAIRS) >= 14


def unread(function):
    """The parameters of a function that its body never reads, by its source."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    names = {node.arg for node in ast.walk(tree.args) if isinstance(node, ast.arg)}
    nodes = [node for part in tree.body for node in ast.walk(part)]
    read = {node.id for node in nodes if isinstance(node, ast.Name)
            and isinstance(node.ctx, ast.Load)}
    added_to = {node.target.id for node in nodes if isinstance(node, ast.AugAssign)
                and isinstance(node.target, ast.Name)}
    return names - read - added_to


@pytest.mark.parametrize("name", sorted(PAIRS))
def test_a_definition_reads_all_its_parameters(name):
    assert not unread(PAIRS[name].definition)


@pytest.mark.skipif(not kernels.enabled(), reason="kernels are off: each is its own definition")
@pytest.mark.parametrize("name", sorted(CASES))
@given(data=st.data())
def test_a_kernel_equals_its_definition_to_the_last_bit(name, data):
    arguments = data.draw(CASES[name])
    dtype = next((a.dtype.type for a in arguments
                  if isinstance(a, np.ndarray) and a.dtype.kind == "f"), None)
    assert_equal(PAIRS[name], arguments, TRANSCENDENTAL.get(name, {}).get(dtype, 0))


def taps_in_reverse(monkeypatch):
    plan = canvas._plan

    def reversed_plan(*arguments):
        *geometry, places = plan(*arguments)
        return *geometry, places[::-1].copy()

    monkeypatch.setattr(canvas, "_plan", reversed_plan)


def taps_gathered_in_reverse(monkeypatch):
    gather = canvas.gather
    monkeypatch.setattr(canvas, "gather",
                        lambda x, offsets, stride: gather(x, offsets[::-1], stride))


def last_image_forgotten(monkeypatch):
    share = blas.images_in_lanes

    def all_but_one(work, *arrays, **options):
        return share(work, *(array[:-1] for array in arrays), **options)

    monkeypatch.setattr(blas, "images_in_lanes", all_but_one)


def slope_forgotten(monkeypatch):
    backward = canvas._backward

    def without(*arguments, rectify):
        return backward(*arguments, rectify=False)

    monkeypatch.setattr(canvas, "_backward", without)


@needs_numba
@pytest.mark.parametrize("fault, C", [(taps_in_reverse, 8), (taps_gathered_in_reverse, 2),
                                      (last_image_forgotten, 8), (slope_forgotten, 8)])
def test_a_fast_form_that_computes_something_else_is_caught(monkeypatch, fault, C):
    rng, offsets = np.random.default_rng(0), np.array([(0, 0), (-1, 0), (0, 2)])
    shapes = (9, 4, 5, 3), (9, 4, 5, C), (3, C, 3)
    dy, x, w = (eighths(rng, np.float64, *shape) for shape in shapes)
    arguments = dy, x, w, offsets, 1
    pair = PAIRS["npixel.layers.relu_conv2d._correlate_backward"]
    assert_equal(pair, arguments)
    fault(monkeypatch)
    # the definition calls conv2d, which must not have the fault as well
    monkeypatch.setattr(conv2d, "correlate_backward",
                        PAIRS["npixel.layers.conv2d.correlate_backward"].definition)
    with pytest.raises(AssertionError):
        assert_equal(pair, arguments)


def assert_equal(pair, arguments, tolerance=0):
    """Same result and same effect on every array; tolerance: relative to the largest number."""
    ours, theirs = duplicate(arguments), duplicate(arguments)
    result, expected = pair.compiled(*ours), pair.define(*theirs)
    results, wanted = (value if isinstance(value, tuple) else (value,)
                       for value in (result, expected))
    for a, b in zip((*results, *ours), (*wanted, *theirs), strict=True):
        if isinstance(b, (np.ndarray, int)) and not isinstance(b, Workspace):
            atol = tolerance * (1 + np.abs(b).max(initial=0)) if np.ndim(b) else 0
            np.testing.assert_allclose(a, b, rtol=0, atol=atol, err_msg=pair.name)


def duplicate(arguments):
    return [np.array(a, subok=True) if isinstance(a, np.ndarray)
            else copy.copy(a) if isinstance(a, tuple) else a for a in arguments]


def run(code, **environment):
    return subprocess.run([sys.executable, "-c", code], env=os.environ | environment,
                          capture_output=True, text=True, check=True).stdout


def test_importing_compiles_nothing_and_changes_no_global_setting():
    out = run("""
import numpy, os, threading
before = dict(os.environ), numpy.geterr(), threading.active_count()
import npixel, mdp, npixel.layers.conv2d
from npixel.runtime import kernels
assert (dict(os.environ), numpy.geterr(), threading.active_count()) == before
print(sum(len(getattr(pair.compiled, "signatures", [])) for pair in kernels.PAIRS))
""")
    assert out.strip() == "0"


def test_kernels_can_be_switched_off():
    out = run("""
import walking; walking.modules()
from npixel.runtime import kernels
define = kernels.Pair.define
off = [p.compiled is p.definition or p.compiled.__func__ is define for p in kernels.PAIRS]
print(kernels.enabled(), len(off) > 14 and all(off))
""", NPIXEL_KERNELS="off", PYTHONPATH=os.pathsep.join([str(Path(__file__).parent), *sys.path]))
    assert out.split() == ["False", "True"]


def total(x, y):
    return x + y


def loops_with_memory(x, y, memory):
    memory[0] = y
    return x + memory[0]


def test_loops_begin_with_the_parameters_of_their_definition(monkeypatch):
    monkeypatch.setattr(kernels, "PAIRS", [])
    for wrong in (lambda y, x: 0, lambda memory, x, y: 0, lambda x: 0, lambda x, memory, y: 0):
        with pytest.raises(TypeError, match="does not begin with"):
            kernels.kernel(defined_by=total)(wrong)
    assert not kernels.PAIRS


@pytest.mark.parametrize("on", [pytest.param(True, marks=needs_numba), False])
def test_what_loops_have_for_speed_alone_does_not_reach_the_definition(on, monkeypatch):
    monkeypatch.setattr(kernels, "PAIRS", [])
    if not on:
        monkeypatch.setattr(kernels, "numba", None)
    memory = np.zeros(1)
    runs = kernels.kernel(defined_by=total)(loops_with_memory)
    assert runs(1.0, 2.0, memory) == 3 and memory[0] == (2 if on else 0)
    pair, = kernels.PAIRS
    assert pair.name.endswith(".loops_with_memory")
    assert pair.define(1.0, 2.0, memory) == 3


@pytest.mark.parametrize("on", [pytest.param(True, marks=needs_numba), False])
def test_a_definition_is_computed_by_its_fast_form_unless_kernels_are_off(on, monkeypatch):
    monkeypatch.setattr(kernels, "PAIRS", [])
    if not on:
        monkeypatch.setattr(kernels, "numba", None)
    called = []

    def fast(x, y):
        called.append("fast")
        return y + x

    runs = kernels.computed_by(fast)(total)
    assert runs is (fast if on else total)
    assert runs(1, 2) == 3 and called == ["fast"] * on
    pair, = kernels.PAIRS
    assert pair.name.endswith(".total") and pair.definition is total
    for wrong in (lambda y, x: 0, lambda x, y, memory: 0):
        with pytest.raises(TypeError, match="different parameters"):
            kernels.computed_by(wrong)(total)


def test_a_directory_that_cannot_be_written_only_costs_the_cache():
    """Where numba finds no place for its cache, kernels compile in memory."""
    out = run("""
import numba.core.caching as caching
caching.CacheImpl._locator_classes = []
import numpy as np
from npixel.layers import conv2d
y, _ = conv2d.forward(np.ones((1, 2, 2, 8)), np.ones((1, 8, 1)), np.zeros(1), taps=[(0, 0)])
print(y.sum())
""")
    assert out.strip() == "32.0"


ONES = """
import numpy as np
from npixel.layers import conv2d
y, _ = conv2d.forward(np.ones((1, 2, 2, 8)), np.ones((1, 8, 1)), np.zeros(1), taps=[(0, 0)])
from npixel.layers import canvas
stats = canvas._correlate.stats
print(y.sum(), sum(stats.cache_hits.values()), sum(stats.cache_misses.values()))
"""


@pytest.mark.skipif(not kernels.enabled(), reason="numba is not installed")
def test_an_edit_of_what_a_kernel_calls_is_seen(tmp_path):
    """Four pixels of 8 ones: 32. In an edited copy of blas.py BLAS's α and β are 2 in place of 1,
    so that c = 2 a b + 2 0 = 64."""
    shutil.copytree(
        Path(npixel.__file__).parent,
        tmp_path / "npixel",
        ignore=shutil.ignore_patterns("__pycache__"),
    )

    def ones():
        return run(
            f"import sys; sys.path.insert(0, {str(tmp_path)!r})" + ONES,
            NUMBA_CACHE_DIR=str(tmp_path / "cache"),
        ).split()

    assert ones() == ["32.0", "0", "1"]
    path = tmp_path / "npixel" / "runtime" / "blas.py"
    text, times = path.read_text(), path.stat()
    edited = text.replace("one = c.dtype.type(1)", "one = c.dtype.type(2)")
    assert edited != text
    path.write_text(edited)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))              # as some copies do
    before = {file.name for file in (tmp_path / "cache").rglob("*.*") if file.is_file()}
    assert ones() == ["64.0", "0", "1"]
    after = {file.name for file in (tmp_path / "cache").rglob("*.*") if file.is_file()}
    assert after == before                             # nothing piles up
    assert ones() == ["64.0", "1", "0"]


def test_what_is_kept_of_a_kernel_is_read_only_where_it_is_whole_and_of_the_same_sources(tmp_path):
    path = tmp_path / "k.kernel"
    file = kernels.CacheFile(path, b"1" * 32)
    assert file.load("float32") is None
    file.save("float32", [1, 2])
    file.save("float64", [3])
    assert (file.load("float32"), file.load("float64"), file.load("int8")) == ([1, 2], [3], None)
    assert kernels.CacheFile(path, b"2" * 32).load("float32") is None
    whole = path.read_bytes()
    for place in range(0, len(whole), 7):
        for damaged in (
            whole[:place],
            whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :],
        ):
            path.write_bytes(damaged)
            assert file.load("float32") is None
    file.save("float32", [4])
    assert file.load("float32") == [4]
    assert list(tmp_path.iterdir()) == [path]


def loops(x):
    return helper(x) + SIZE  # noqa: F821  these names come with each call of `stamp` below


def helper(x):
    return x


def changed(x):
    return x + 1


def test_the_stamp_of_a_kernel_covers_what_it_calls_and_the_numbers_it_names():
    def stamp(**scope):
        return kernels._stamp(types.FunctionType(loops.__code__, globals() | scope))

    assert stamp(SIZE=3) == stamp(SIZE=3)
    scopes = [{"SIZE": 3}, {"SIZE": 4}, {"SIZE": 3, "helper": changed}, {"SIZE": np.arange(3)},
              {"SIZE": (1, 2)}]
    assert len({stamp(**scope) for scope in scopes}) == len(scopes)


@pytest.mark.skipif(not kernels.enabled(), reason="numba is not installed")
def test_stamps_are_the_same_in_every_process():
    code = """
import walking; walking.modules()
from npixel.runtime import kernels
print(*[kernels._stamp(pair.compiled.py_func).hex() for pair in kernels.PAIRS
        if hasattr(pair.compiled, "py_func")])
"""
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    found = {run(code, PYTHONHASHSEED=seed, PYTHONPATH=path) for seed in ("1", "2")}
    assert len(found) == 1


def test_convolutions_in_several_python_threads_at_once_give_the_same_bits():
    from concurrent.futures import ThreadPoolExecutor
    rng = np.random.default_rng(0)
    x = rng.standard_normal((4, 9, 11, 20))
    taps = masks.mask_b(3, np.zeros(20, int), np.zeros(24, int))
    w, b = conv2d.init(rng, 20, 24, taps=taps, dtype=np.float64)

    def work(_):
        y, cache = conv2d.forward(x, w, b, taps=taps)
        big = np.ones((300, 300)) @ np.ones((300, 300))        # NumPy's own BLAS threads, meanwhile
        return y, *conv2d.backward(y, cache), big

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(work, range(24)))
    for result in results:
        for found, expected in zip(result, work(0)):
            assert np.array_equal(found, expected)


def test_no_result_depends_on_the_number_of_threads():
    code = """
import numpy as np, hashlib
from npixel import masks
from npixel.layers import conv2d
rng = np.random.default_rng(0)
taps = masks.mask_b(3, np.zeros(70, int), np.zeros(40, int))
w, b = conv2d.init(rng, 70, 40, taps=taps, dtype=np.float32)
y, cache = conv2d.forward(rng.standard_normal((11, 9, 12, 70)).astype(np.float32), w, b, taps=taps)
print(hashlib.sha256(b"".join(a.tobytes() for a in (y, *conv2d.backward(y, cache)))).hexdigest())
"""
    digests = {run(code, NPIXEL_THREADS=str(ours), OPENBLAS_NUM_THREADS=str(theirs))
               for ours in (1, 2, 3) for theirs in (1, 2)}
    assert len(digests) == 1


def test_work_in_lanes_runs_each_once_and_the_first_error_is_raised():
    done = []
    blas.parallel(done.append, 13)
    assert sorted(done) == list(range(13))

    def fail(lane):
        if lane == 2:
            raise ValueError("lane 2")
    with pytest.raises(ValueError, match="lane 2"):
        blas.parallel(fail, 5)


def test_each_lane_has_its_images_and_sums_are_added_in_lane_order():
    images = np.arange(11)[:, None]
    twice, seen = np.empty_like(images), []

    def work(images, twice, total):
        seen.append(images[:, 0].tolist())
        twice[...] = 2 * images
        total += 2.0**-52 if 0 in images else 1.0     # lost in a sum in which it is not the first

    sums = blas.images_in_lanes(work, images, twice, sums=[np.empty(1)])
    assert np.array_equal(twice, 2 * images) and len(seen) == blas.LANES
    assert sorted(sum(seen, [])) == list(range(11)) and {len(part) for part in seen} == {1, 2}
    assert sums[0].tolist() == [np.cumsum([2.0**-52] + [1.0] * (blas.LANES - 1))[-1]]


@pytest.mark.parametrize("name, taps", [
    ("lstm", None), ("row_lstm", masks.causal_row(3, np.zeros(2), np.zeros(12))),
    ("diagonal_lstm", [(0, 0)]), ("diagonal_bilstm", [(0, 0)]), ("spatial_lstm", [(0, 0)]),
    ("spatial_lstm", masks.mask_a(3, np.zeros(2), np.zeros(15)))])
def test_a_batch_of_no_images_has_no_states_and_no_gradient(name, taps):
    layer = importlib.import_module(f"npixel.layers.{name}")
    options = {"taps": taps} if taps else {}
    x = np.zeros((0, 5, 2) if name == "lstm" else (0, 4, 5, 2))
    weights = layer.init(np.random.default_rng(0), 2, 3, dtype=float, **options)
    h, cache = layer.forward(x, *weights, **options)
    dx, *gradients = layer.backward(h, cache)
    assert h.shape == (*x.shape[:-1], 3) and dx.shape == x.shape
    for gradient, array in zip(gradients, weights, strict=True):
        assert gradient.shape == array.shape and not gradient.any()
