"""The Spatial LSTM against what can be said of it without its code.

The mistakes that are made when one is written are planted, and found. Most of them are causal,
normalised, and train: only numbers tell. There are four checks of a function
forward(x, w_is, b, w_ss):

    single    a 1 x 1 image has no neighbour: h = tanh(σ(o) σ(i) tanh(g))
    pairs     in a 1 x 2 image only the left neighbour counts, in a 2 x 1 only the one above
    turned    the image turned over, f_r and f_c exchanged, and the neighbours: h turned over
    past      what the network around it sees is what theory says
"""

import types

import numpy as np
import pytest

import closed_forms
import properties
from models import compare, is_right, measured, plant, several
from npixel import masks
from npixel.layers import canvas, spatial_lstm
from npixel.runtime import kernels

HERE = [(0, 0)]
ROUNDING = 4e-15     # a dozen operations and transcendentals, of three units in the last place each


def problem(shape, C=3, D=4, neighbours=2, seed=0):
    """(x, w_is, b, w_ss) for images of this shape, every number drawn."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal((3, *shape, C)), *weights(rng, 1, C, D, neighbours)


def weights(rng, U, C, D, neighbours):
    """(w_is, b, w_ss), every number drawn."""
    w_is, b = rng.standard_normal((U, C, 5 * D)), rng.standard_normal(5 * D)
    return w_is, b, rng.standard_normal((neighbours, D, 5 * D)) / 2


def logistic(z):
    return 1 / (1 + np.exp(-z))


def gates(a):
    g, *rest = np.split(a, 5, axis=-1)
    return np.tanh(g), *map(logistic, rest)


# the four checks: True where the function passes


def single(forward, neighbours):
    x, w_is, b, w_ss = problem((1, 1), neighbours=neighbours)
    g, i, o, _, _ = gates(x[:, 0, 0] @ w_is[0] + b)
    return np.abs(forward(x, w_is, b, w_ss)[:, 0, 0] - np.tanh(o * i * g)).max() <= ROUNDING


def pairs(forward, neighbours):
    """The second of two pixels: y = [x; h_left; h_above; c_left; c_above], zeros where is none.

    In a row c = f_c c_left + i g, in a column c = f_r c_above + i g.
    """
    worst = 0
    for shape, k, forget in (((1, 2), 0, 4), ((2, 1), 1, 3)):
        x, w_is, b, w_ss = problem(shape, neighbours=neighbours)
        first, second = x.reshape(3, 2, -1).swapaxes(0, 1)
        g, i, o, _, _ = gates(first @ w_is[0] + b)
        c, h = i * g, np.tanh(o * i * g)
        a = second @ w_is[0] + h @ w_ss[k] + b
        if neighbours == 4:
            a = a + c @ w_ss[2 + k]
        act = gates(a)
        expected = np.tanh(act[2] * (act[forget] * c + act[1] * act[0]))
        found = forward(x, w_is, b, w_ss).reshape(3, 2, -1)[:, 1]
        worst = max(worst, np.abs(found - expected).max())
    return worst <= ROUNDING


def turned(forward, neighbours):
    x, w_is, b, w_ss = problem((4, 6), neighbours=neighbours)
    h = forward(x, w_is, b, w_ss)
    turn = [1, 0, 3, 2][:neighbours]
    other = forward(x.swapaxes(1, 2), exchanged(w_is), exchanged(b), exchanged(w_ss)[turn])
    return np.abs(other.swapaxes(1, 2) - h).max() <= 1e-14


def exchanged(array):
    """f_r and f_c in each other's place."""
    g, i, o, f_r, f_c = np.split(array, 5, axis=-1)
    return np.concatenate([g, i, o, f_c, f_r], axis=-1)


def past(forward, neighbours):
    """Measured in a network of one layer over its image, 4 x 5, and of two.

    True where nothing leaks, is missing or is added.
    """
    def layer(x, w_is, b, w_ss, /, *, taps):
        z, w, _ = canvas.as_matrix(x, w_is, b, taps=taps)
        return forward(z, w[None], b, w_ss), None

    with pytest.MonkeyPatch.context() as patch:
        plant(patch, spatial_lstm, forward=layer)
        for layers in (1, 2):
            models = several("spatial_lstm", (4, 5, 1), first_kernel=3, layers=layers,
                             extended=neighbours == 4)
            if not is_right(compare(measured(models), closed_forms.visible(models[0]), (4, 5, 1))):
                return False
    return True


CHECKS = {check.__name__: check for check in (single, pairs, turned, past)}
both_forms = pytest.mark.parametrize("neighbours", [2, 4], ids=["plain", "extended"])


# a loop of its own, in which faults are planted


def looped(output=lambda o, c: np.tanh(o * c), candidate=np.tanh,
           forgets=lambda f_r, f_c: (f_r, f_c), order=(0, 1, 2, 3),
           left=lambda r, c, W: (r, c - 1), above=lambda r, c, W: (r - 1, c), outside=0.0):
    """forward(x, w_is, b, w_ss), pixel by pixel; each argument is one of the faults below."""
    def forward(x, w_is, b, w_ss):
        N, H, W, _ = x.shape
        D = w_ss.shape[1]
        h, c, nothing = {}, {}, np.full((N, D), outside)
        for place in np.ndindex(H, W):
            near = [states.get(at(*place, W), nothing) for states in (h, c) for at in (left, above)]
            a = x[:, *place] @ w_is[0] + b + sum(near[order[k]] @ w_ss[k] for k in range(len(w_ss)))
            _, i, o, f_r, f_c = gates(a)
            for_above, for_left = forgets(f_r, f_c)
            c[place] = for_above * near[3] + for_left * near[2] + i * candidate(a[:, :D])
            h[place] = output(o, c[place])
        return np.stack([h[place] for place in np.ndindex(H, W)], axis=1).reshape(N, H, W, D)
    return forward


def goes_on_from_the_row_above(r, c, W):
    return divmod(r * W + c - 1, W)


OWN, NEAR = {"single", "pairs"}, {"pairs", "turned"}

# fault: (the loop with it, the checks that see it in the plain form, and in the extended form)
FAULTS = {
    "none": (looped(), set(), set()),
    "o tanh(c)": (looped(output=lambda o, c: o * np.tanh(c)), OWN, OWN),
    "no tanh around o c": (looped(output=lambda o, c: o * c), OWN, OWN),
    "five sigmoid gates": (looped(candidate=logistic), OWN, OWN),
    # symmetric itself: turning does not show it
    "f_r and f_c exchanged": (looped(forgets=lambda f_r, f_c: (f_c, f_r)), {"pairs"}, {"pairs"}),
    "one forget gate for both": (looped(forgets=lambda f_r, f_c: (f_r, f_r)), NEAR, NEAR),
    "half of both cells": (
        looped(forgets=lambda f_r, f_c: (f_r / 2, f_c / 2)), {"pairs"}, {"pairs"}),
    "neighbours exchanged": (looped(order=(1, 0, 3, 2)), {"pairs"}, {"pairs"}),
    # of the extended form alone
    "the cell above in place of that on the left": (looped(order=(0, 1, 3, 2)), set(), {"pairs"}),
    "one neighbour twice": (looped(order=(0, 0, 2, 2)), NEAR, NEAR),
    "outside the image there are ones": (looped(outside=1.0), OWN, OWN),
    "rows that go on from the end of the row above": (
        looped(left=goes_on_from_the_row_above), NEAR | {"past"}, NEAR | {"past"}),
    "above and one to the right": (
        looped(above=lambda r, c, W: (r - 1, c + 1)), NEAR | {"past"}, NEAR | {"past"}),
    "above and one to the left": (
        looped(above=lambda r, c, W: (r - 1, c - 1)), NEAR | {"past"}, NEAR | {"past"}),
}


@both_forms
def test_the_layer_passes_every_check(neighbours):
    layer = lambda x, w_is, b, w_ss: spatial_lstm.forward(x, w_is, b, w_ss, taps=HERE)[0]
    assert [name for name, check in CHECKS.items() if not check(layer, neighbours)] == []


@both_forms
@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_seen_by_these_checks_and_no_other(fault, neighbours):
    forward, *seen_by = FAULTS[fault]
    seen = {name for name, check in CHECKS.items() if not check(forward, neighbours)}
    assert seen == seen_by[neighbours == 4]


@both_forms
@pytest.mark.parametrize("fault", FAULTS)
def test_another_implementation_finds_every_fault_in_the_network(monkeypatch, fault, neighbours):
    """PyTorch, to 1e-10, which the faults exceed by far."""
    oracle = pytest.importorskip("oracles.torch_models", exc_type=ImportError)
    gradients = pytest.importorskip("test_models_gradients")
    config = {"extended": neighbours == 4, "first_kernel": 3}
    model, x, doutputs = gradients.problem("spatial_lstm", (3, 4, 3), 2, config)
    expected, _, _ = oracle.run(model, x, doutputs)

    def layer(x, w_is, b, w_ss, /, *, taps):
        z, w, _ = canvas.as_matrix(x, w_is, b, taps=taps)
        return FAULTS[fault][0](z, w[None], b, w_ss), None

    plant(monkeypatch, spatial_lstm, forward=layer)
    found, _ = model.module.forward(model.params, x, model.config)
    of_cells = "the cell above in place of that on the left"
    invisible = fault == "none" or (neighbours == 2 and fault == of_cells)
    assert (gradients.disagreement([found], [expected]) <= 1e-10) == invisible


# properties of the layer itself


@both_forms
@pytest.mark.parametrize("shape", [(4, 6), (7, 2), (1, 5), (5, 1)])
def test_turned_over_every_gradient_turns_over(shape, neighbours):
    """To 1e-14 of the largest number: sums are added up in another order."""
    x, w_is, b, w_ss = problem(shape, neighbours=neighbours, seed=1)
    turn = [1, 0, 3, 2][:neighbours]
    rng = np.random.default_rng(2)
    h, cache = spatial_lstm.forward(x, w_is, b, w_ss, taps=HERE)
    dh = rng.standard_normal(h.shape)
    dx, dw_is, db, dw_ss = spatial_lstm.backward(dh, cache)
    turned_weights = exchanged(w_is), exchanged(b), exchanged(w_ss)[turn]
    other, cache = spatial_lstm.forward(x.swapaxes(1, 2), *turned_weights, taps=HERE)
    ex, ew_is, eb, ew_ss = spatial_lstm.backward(dh.swapaxes(1, 2), cache)
    pairs_of = [(other.swapaxes(1, 2), h), (ex.swapaxes(1, 2), dx), (exchanged(ew_is), dw_is),
                (exchanged(eb), db), (exchanged(ew_ss)[turn], dw_ss)]
    for found, expected in pairs_of:
        assert np.abs(found - expected).max() <= 1e-14 * max(1, np.abs(expected).max())


@both_forms
def test_a_neighbourhood_read_by_taps_is_the_same_as_one_in_the_channels(neighbours):
    rng = np.random.default_rng(0)
    C, D = 2, 3
    taps = masks.mask_a(5, np.zeros(C, int), np.zeros(5 * D, int))
    x, (w_is, b, w_ss) = rng.standard_normal((2, 5, 7, C)), weights(rng, 25, C, D, neighbours)
    padded = np.pad(x, ((0, 0), (2, 2), (2, 2), (0, 0)))
    past_taps = [(u, offset) for u, offset in enumerate(taps.offsets) if offset < (0, 0)]
    beside = [padded[:, 2 + r:7 + r, 2 + c:9 + c] for _, (r, c) in past_taps]
    beside = np.concatenate(beside, axis=-1)
    assert beside.shape[-1] == 12 * C                                   # the 12 pixels of the paper
    w_beside = np.concatenate([w_is[u] for u, _ in past_taps])[None]
    found, _ = spatial_lstm.forward(x, w_is, b, w_ss, taps=taps)
    expected, _ = spatial_lstm.forward(beside, w_beside, b, w_ss, taps=HERE)
    np.testing.assert_allclose(found, expected, atol=1e-13)


def test_weights_are_drawn_as_in_the_authors_program():
    taps = masks.mask_a(5, np.zeros(1, int), np.zeros(320, int))
    w_is, b, w_ss = spatial_lstm.init(np.random.default_rng(0), 1, 64, taps=taps, dtype=np.float32)
    assert w_ss.shape == (2, 64, 320) and w_is.dtype == np.float32
    assert not b.any() and not w_is[12:].any()
    for array in (w_is[:12], w_ss):
        assert 0.079 < np.abs(array).max() <= 0.08 and abs(array.mean()) < 2e-3
        assert abs(array.std() - 0.08 / np.sqrt(3)) < 1e-3
    rng = np.random.default_rng(0)
    extended = spatial_lstm.init(rng, 1, 4, taps=HERE, extended=True, dtype=float)
    assert extended.w_ss.shape == (4, 4, 20)


def test_the_pairs_out_of_sight_are_as_many_as_the_header_says():
    H, W, m = 5, 9, 2
    models = several("spatial_lstm", (H, W, 1), first_kernel=5, layers=1)
    report = compare(measured(models), closed_forms.visible(models[0]), (H, W, 1))
    assert is_right(report) and report.unseen == H * (H - 1) // 2 * (W - 1 - m) * (W - m) // 2


@pytest.mark.parametrize("change, words", [
    ({"w_ss": np.zeros((3, 4, 20))}, "(3, 4, 20)"),
    ({"w_ss": np.zeros((2, 4, 16))}, "(2, 4, 16)"),
    ({"w_is": np.zeros((1, 3, 16))}, "(1, 3, 16)"),
    ({"b": np.zeros(4)}, "(4,)"),
    ({"b": np.zeros(20, np.float32)}, "float32"),
    ({"x": np.zeros((1, 2, 2, 5))}, "x has 5"),
    ({"x": np.zeros((2, 2, 3))}, "(2, 2, 3)"),
])
def test_arguments_that_do_not_fit_are_refused(change, words):
    arguments = dict(zip(("x", "w_is", "b", "w_ss"), problem((2, 2)))) | change
    with pytest.raises(ValueError) as error:
        spatial_lstm.forward(*arguments.values(), taps=HERE)
    assert words in str(error.value)


# the promises find what is planted in this layer


def case_of(neighbours):
    return properties.Case(problem((3, 4), neighbours=neighbours), {"taps": HERE}, steps=True)


def plant_cell_backward(monkeypatch, wrong):
    """A fault in the cell's backward pass, under the scan as it is defined."""
    monkeypatch.setattr(spatial_lstm, "cell_backward", wrong)
    definition = spatial_lstm._scan_backward_numpy
    pair, = (pair for pair in kernels.PAIRS if pair.definition is definition)
    monkeypatch.setattr(spatial_lstm, "_scan_backward", pair.define)


cell_backward = spatial_lstm._cell_backward_numpy


def exchanges_the_cells(gates, c_left, c_above, c, h, dh, dc, dz, dc_left, dc_above):
    cell_backward(gates, c_left, c_above, c, h, dh, dc, dz, dc_above, dc_left)


def takes_the_other_slope(gates, c_left, c_above, c, h, dh, dc, dz, dc_left, dc_above):
    """As if h were o tanh(c)."""
    o = np.split(gates, 5, axis=1)[2]
    h = o * np.tanh(c)
    cell_backward(gates, c_left, c_above, c, h, dh, dc, dz, dc_left, dc_above)


def forgets_its_cells(gates, c_left, c_above, c, h, dh, dc, dz, dc_left, dc_above):
    dc[...] = 0
    cell_backward(gates, c_left, c_above, c, h, dh, dc, dz, dc_left, dc_above)


@both_forms
@pytest.mark.parametrize("wrong", [exchanges_the_cells, takes_the_other_slope, forgets_its_cells])
def test_a_wrong_gradient_of_the_cell_is_caught(monkeypatch, wrong, neighbours):
    properties.gradient(spatial_lstm, case_of(neighbours), np.random.default_rng(0))
    plant_cell_backward(monkeypatch, wrong)
    with pytest.raises(AssertionError, match="backward says"):
        properties.gradient(spatial_lstm, case_of(neighbours), np.random.default_rng(0))


@both_forms
def test_a_step_that_takes_the_cell_above_for_that_on_the_left_is_caught(monkeypatch, neighbours):
    properties.step_is_forward(spatial_lstm, case_of(neighbours), np.random.default_rng(0))
    cell = spatial_lstm.cell

    def step(x_t, state, /, *, at):
        with monkeypatch.context() as patch:
            patch.setattr(spatial_lstm, "cell",
                          lambda z, c_left, c_above, c, h: cell(z, c_above, c_left, c, h))
            return spatial_lstm.step(x_t, state, at=at)

    faulty = types.SimpleNamespace(**vars(spatial_lstm) | {"step": step})
    with pytest.raises(AssertionError, match="step differs from forward"):
        properties.step_is_forward(faulty, case_of(neighbours), np.random.default_rng(0))


def test_a_first_layer_that_sees_the_pixel_itself_is_caught(monkeypatch):
    plant(monkeypatch, masks, mask_a=masks.mask_b)
    models = several("spatial_lstm", (4, 5, 1), first_kernel=3, layers=1)
    report = compare(measured(models), closed_forms.visible(models[0]), (4, 5, 1))
    assert (report.leaks, report.nearest) == (20, {(0, 0)})


def test_groups_over_the_five_gates_side_by_side_are_caught(monkeypatch):
    """One split of the contiguous 5h into colours, where every gate has all of them."""
    contiguous = lambda features, colours, gates=1: masks.groups(features, colours)
    plant(monkeypatch, masks, groups=contiguous)
    models = several("spatial_lstm", (2, 3, 3), first_kernel=3, layers=1)
    assert compare(measured(models), closed_forms.visible(models[0]), (2, 3, 3)).leaks > 0
