"""Layers that change resolution, and weight normalisation.

They are held against their definitions and PyTorch, and stepped pixel by pixel.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npixel import masks
from npixel.layers import conv2d, deconv2d, shift, weight_norm

seeds = st.integers(0, 2**32 - 1)
KERNELS = {"down_shifted": masks.down_shifted(2, 3),
           "down_right_shifted": masks.down_right_shifted(2, 2)}


def problem(rng, taps, stride=2, C=3, D=4, dtype=np.float64):
    H, W = (int(size) for size in rng.integers(1, 9, 2))
    x = rng.standard_normal((2, -(-H // stride), -(-W // stride), C)).astype(dtype)
    w, b = rng.standard_normal((len(taps.offsets), C, D)), rng.standard_normal(D)
    return (H, W), x, w.astype(dtype), b.astype(dtype)


def stuffed(x, size, stride):
    """x with zeros between its pixels, cut to size."""
    whole = np.zeros((len(x), x.shape[1] * stride, x.shape[2] * stride, x.shape[3]), x.dtype)
    whole[:, ::stride, ::stride] = x
    return whole


@pytest.mark.parametrize("name", KERNELS)
@given(seed=seeds, stride=st.integers(1, 3))
def test_a_transposed_convolution_is_one_over_the_image_stuffed_with_zeros(name, seed, stride):
    taps = KERNELS[name]
    size, x, w, b = problem(np.random.default_rng(seed), taps, stride)
    expected, _ = conv2d.forward(stuffed(x, size, stride), w, b, taps=taps)
    y, _ = deconv2d.forward(x, w, b, taps=taps, size=size, stride=stride)
    np.testing.assert_allclose(y, expected[:, :size[0], :size[1]], atol=1e-13)


def transposed_and_cut(torch, x, w, b, name):
    """The published layer, as its authors cut it.

    It is conv_transpose2d at stride 2, with one row (and column) of output padding.
    """
    KH, KW = (2, 3) if name == "down_shifted" else (2, 2)
    # (KH, KW, C, D), read backwards
    kernel = torch.tensor(w).reshape(KH, KW, *w.shape[1:]).flip(0, 1).permute(2, 3, 0, 1)
    y = torch.nn.functional.conv_transpose2d(torch.tensor(x).permute(0, 3, 1, 2), kernel,
                                             torch.tensor(b), stride=2, output_padding=1)
    H, W = y.shape[2:]
    edge = (KW - 1) // 2
    columns = slice(edge, W - edge) if name == "down_shifted" else slice(W - KW + 1)
    y = y[:, :, :H - KH + 1, columns]
    return y.permute(0, 2, 3, 1).numpy()


@pytest.mark.parametrize("name", KERNELS)
def test_it_is_the_published_transposed_convolution(name):
    torch = pytest.importorskip("torch")
    rng, taps = np.random.default_rng(0), KERNELS[name]
    shapes = (2, 3, 4, 5), (len(taps.offsets), 5, 6), (6,)
    x, w, b = (rng.standard_normal(shape) for shape in shapes)
    y, _ = deconv2d.forward(x, w, b, taps=taps, size=(6, 8))
    np.testing.assert_allclose(y, transposed_and_cut(torch, x, w, b, name), atol=1e-13)
    # a kernel that is not read backwards is another layer
    forwards = masks.Taps(taps.offsets[::-1], taps.mask)
    other, _ = deconv2d.forward(x, w, b, taps=forwards, size=(6, 8))
    assert np.abs(y - other).max() > 0.1


def test_a_map_of_the_wrong_size_is_refused():
    x, w, b = np.zeros((1, 2, 2, 3)), np.zeros((1, 3, 4)), np.zeros(4)
    words = r"3 x 2 pixels for 5 x 4 at stride 2, has shape \(1, 2, 2, 3\)"
    with pytest.raises(ValueError, match=words):
        deconv2d.forward(x, w, b, taps=[(0, 0)], size=(5, 4))


# stepped


def strips(rng, W, whole):
    cuts = [0, W] if whole else sorted({0, W, *rng.integers(0, W + 1, 3).tolist()})
    return [slice(a, b) for a, b in zip(cuts, cuts[1:])]


def stepped_down(rng, x, w, b, taps, whole):
    """A convolution of stride 2: told everything, asked at coarse(at)."""
    expected, _ = conv2d.forward(x, w, b, taps=taps, stride=2)
    state, found = conv2d.start(x.shape, w, b, taps=taps, stride=2), np.full_like(expected, np.nan)
    for row in range(x.shape[1]):
        for columns in strips(rng, x.shape[2], whole):
            told = x[:, row, columns]
            for pixels in (rng.standard_normal(told.shape), told):         # noise first
                conv2d.write(pixels, state, at=(row, columns))
                there = deconv2d.coarse((row, columns))
                found[:, there[0], there[1]] = conv2d.read(state, at=there)
    return found, expected


def stepped_up(rng, x, w, b, taps, size, whole):
    """Told at coarse(at), asked everywhere."""
    expected, _ = deconv2d.forward(x, w, b, taps=taps, size=size)
    state = deconv2d.start(x.shape, w, b, taps=taps, size=size)
    found = np.full_like(expected, np.nan)
    for row in range(size[0]):
        for columns in strips(rng, size[1], whole):
            there = deconv2d.coarse((row, columns))
            pixels = x[:, there[0], there[1]]
            for told in (rng.standard_normal(pixels.shape), pixels):
                deconv2d.write(told, state, at=there)
                found[:, row, columns] = deconv2d.read(state, at=(row, columns))
    return found, expected


@pytest.mark.parametrize("name", KERNELS)
@given(seed=seeds)
def test_the_strided_pair_steps_through_any_strips_with_forwards_numbers(name, seed):
    """A down-shifted kernel looks to the right in its own row: its rows come whole."""
    rng, taps = np.random.default_rng(seed), KERNELS[name]
    size, x, w, b = problem(rng, taps)
    fine = rng.standard_normal((2, *size, 3))
    whole = name == "down_shifted"
    for found, expected in (stepped_down(rng, fine, w, b, taps, whole),
                            stepped_up(rng, x, w, b, taps, size, whole)):
        np.testing.assert_allclose(found, expected, atol=1e-12)


def test_a_strided_convolution_that_is_not_told_at_odd_rows_is_caught(monkeypatch):
    write = conv2d.write

    def told_at_even_rows(x_t, state, /, *, at):
        write(x_t * (at[0] % 2 == 0), state, at=at)

    monkeypatch.setattr(conv2d, "write", told_at_even_rows)
    rng, taps = np.random.default_rng(0), KERNELS["down_right_shifted"]
    x, w = rng.standard_normal((2, 6, 5, 3)), rng.standard_normal((4, 3, 4))
    found, expected = stepped_down(rng, x, w, np.zeros(4), taps, False)
    assert np.abs(found - expected).max() > 0.1


def test_coarse_strips_of_a_row_are_a_partition_and_odd_rows_have_none():
    for W in range(1, 9):
        for cut in range(W + 1):
            left, right = deconv2d.coarse((4, slice(0, cut))), deconv2d.coarse((4, slice(cut, W)))
            assert left[0] == right[0] == 2
            assert (left[1].start, left[1].stop) == (0, right[1].start)
            assert right[1].stop == -(-W // 2)
            row, columns = deconv2d.coarse((5, slice(cut, W)))
            assert row == 2 and columns.start == columns.stop


def test_a_shift_is_padding_in_front():
    x = np.arange(1, 13.0).reshape(1, 3, 4, 1)
    y, _ = shift.forward(x, rows=1)
    np.testing.assert_array_equal(y, np.pad(x, ((0, 0), (1, 0), (0, 0), (0, 0)))[:, :3])
    y, _ = shift.forward(x, columns=1)
    np.testing.assert_array_equal(y, np.pad(x, ((0, 0), (0, 0), (1, 0), (0, 0)))[:, :, :4])


# weight normalisation


def test_each_output_channel_has_the_length_g():
    rng = np.random.default_rng(0)
    v, g = rng.standard_normal((6, 5, 4)), rng.standard_normal(4)
    w, _ = weight_norm.forward(v, g)
    np.testing.assert_allclose(np.sqrt((w**2).sum(axis=(0, 1))), np.abs(g), rtol=1e-14)
    again, _ = weight_norm.forward(7 * v, g)
    np.testing.assert_allclose(again, w, rtol=1e-14)


def test_it_is_weight_norm_of_pytorch_over_the_output_channels_and_over_no_other_axis():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    v, g, dw = (rng.standard_normal(shape) for shape in ((6, 4, 4), 4, (6, 4, 4)))
    v_t, g_t = torch.tensor(v, requires_grad=True), torch.tensor(g, requires_grad=True)
    w_t = torch._weight_norm(v_t, g_t.reshape(1, 1, 4), 2)
    w_t.backward(torch.tensor(dw))
    w, cache = weight_norm.forward(v, g)
    ours, theirs = (w, *weight_norm.backward(dw, cache)), (w_t.detach(), v_t.grad, g_t.grad)
    for found, expected in zip(ours, theirs):
        np.testing.assert_allclose(found, expected.numpy(), atol=1e-13)
    over_inputs = torch._weight_norm(torch.tensor(v), torch.tensor(g).reshape(1, 4, 1), 1).numpy()
    assert np.abs(w - over_inputs).max() > 0.1


def test_weights_that_are_all_zero_stay_zero():
    w, cache = weight_norm.forward(np.zeros((2, 3, 4)), np.ones(4))
    assert not w.any() and np.isfinite(weight_norm.backward(np.ones((2, 3, 4)), cache)[0]).all()


@pytest.mark.parametrize("scale", [1, 0.1])
def test_from_data_gives_every_channel_mean_0_and_the_scale(scale):
    rng = np.random.default_rng(0)
    t = 3 + 2 * rng.standard_normal((16, 4, 4, 5))
    weights = weight_norm.init(rng, 1, 5, 5, dtype=np.float64)
    weights = weight_norm.from_data(weights, t, scale=scale)
    y = t * weights.g + weights.b
    np.testing.assert_allclose(y.mean(axis=(0, 1, 2)), 0, atol=1e-9)
    np.testing.assert_allclose(y.std(axis=(0, 1, 2)), scale, rtol=1e-9)
