"""Generation: `step` is `forward`, cached images are naive images, what is known stays, and what is
drawn has the law that was computed.

Outputs are compared rather than samples where that is possible: a wrong logit seldom changes a bit.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2

from models import NAMES, every_image, images, plant, same_bits, small
from npixel import sampling
from npixel.runtime import memory
from npixel.layers import conv2d, fully_visible
from npixel.losses import bernoulli, categorical
from npixel.models import fvbn, pixelcnn

SIZES = [((4, 5, 1), 2), ((5, 3, 1), 4), ((3, 4, 3), 2), ((2, 4, 3), 4), ((1, 6, 1), 2),
         ((5, 1, 3), 2)]
CASES = [(name, *size, {}) for name in NAMES for size in SIZES]
CASES += [("pixelcnn", (6, 8, 1), 2, {"first_kernel": 7, "layers": 3}),
          ("pixelcnn", (4, 5, 3), 2, {"kernel": 5, "hidden": 7, "head_layers": 0}),
          ("pixelcnn", (2, 3, 3), 256, {"layers": 1}),
          ("raster_lstm", (2, 3, 3), 256, {"layers": 1}),
          ("row_lstm", (5, 6, 1), 2, {"first_kernel": 7, "kernel": 3, "layers": 3, "skip": False}),
          ("row_lstm", (2, 3, 3), 256, {"kernel": 1, "layers": 1}),
          ("diagonal_lstm", (5, 6, 1), 2,
           {"first_kernel": 7, "padding": "start", "layers": 3, "skip": True}),
          ("diagonal_bilstm", (5, 6, 1), 2,
           {"first_kernel": 7, "padding": "evolve", "skip": False}),
          ("diagonal_bilstm", (2, 3, 3), 256, {"layers": 1, "padding": "evolve"}),
          ("spatial_lstm", (5, 6, 1), 2,
           {"first_kernel": 5, "layers": 3, "extended": False, "head": 5,
            "head_layers": 2}), ("spatial_lstm", (2, 3, 3), 256, {"layers": 1})]
every_case = pytest.mark.parametrize("name, image_shape, levels, config", CASES)
LIKE_FORWARD = 1e-12  # the same sums in another order: some 1e-15, times the layers


# the two promises of step


def pixel_by_pixel(model, x, seed=0):
    """Error of `step` in the order of generation, sub-pixel after sub-pixel, while everything
    unknown is noise.

    The memory has been through a whole image of noise before: whatever later calls do not overwrite
    remains wrong.
    """
    module, rng = model.module, np.random.default_rng(seed)
    encoded, expected = model.encode(x), model.forward(x)
    now = (3 * rng.standard_normal(encoded.shape)).astype(encoded.dtype)
    _, H, W, C = x.shape
    state, found = model.start(x.shape), np.full_like(expected, np.nan)
    for row in range(H):
        at = (row, slice(0, W))
        module.see(now[:, row], state, at=at)
        module.step(state, at=at)
    for row, column in np.ndindex(H, W):
        at = (row, slice(column, column + 1))
        for channels in module.draws(C):
            found[:, row, column, channels] = module.step(state, at=at)[:, 0, channels]
            now[:, row, column, channels] = encoded[:, row, column, channels]
            module.see(now[:, row, column:column + 1], state, at=at)
    return error(found, expected)


def strip_by_strip(model, x, seed=0):
    """Error of `step` over random partitions of the rows, some empty, some whole; each strip first
    holds noise, and is told and asked twice."""
    module, rng = model.module, np.random.default_rng(seed)
    encoded, expected = model.encode(x), model.forward(x)
    _, H, W, _ = x.shape
    state, worst = model.start(x.shape), 0.0
    for row in range(H):
        cuts = [0, *sorted(rng.integers(0, W + 1, rng.integers(0, 4))), W]
        for start, stop in zip(cuts, cuts[1:]):
            at = (row, slice(int(start), int(stop)))
            strip = encoded[:, row, at[1]]
            module.see(rng.standard_normal(strip.shape).astype(strip.dtype), state, at=at)
            module.step(state, at=at)
            for _ in range(2):
                module.see(strip, state, at=at)
                found = module.step(state, at=at)
                assert found.shape == expected[:, row,
                                               at[1]].shape and found.dtype == expected.dtype
                worst = max(worst, error(found, expected[:, row, at[1]],
                                         scale=np.abs(expected).max()))
    return worst


def error(found, expected, scale=None):
    """max|a - b| / max|b|; nan counts as infinite. scale: the max where b is a part of something
    whose rounding it shares."""
    scale = np.abs(expected).max(initial=0) if scale is None else scale
    largest = np.abs(found - expected).max(initial=0) / scale
    return np.inf if np.isnan(largest) else float(largest)


@every_case
def test_step_gives_forwards_numbers_pixel_by_pixel_with_noise_in_the_unknown(
        name, image_shape, levels, config):
    model = small(name, image_shape, levels, **config)
    assert pixel_by_pixel(model, images(np.random.default_rng(0), 2, model)) <= LIKE_FORWARD


@every_case
@given(seed=st.integers(0, 2**32 - 1))
def test_step_gives_forwards_numbers_for_any_strips_told_and_asked_twice(
        name, image_shape, levels, config, seed):
    model = small(name, image_shape, levels, seed=seed, **config)
    assert strip_by_strip(model, images(np.random.default_rng(seed), 2, model),
                          seed) <= LIKE_FORWARD


@every_case
def test_step_in_float32_is_within_1e_4_of_forward(
        name, image_shape, levels, config):
    model = small(name, image_shape, levels, dtype="float32", **config)
    x = images(np.random.default_rng(0), 2, model)
    assert max(pixel_by_pixel(model, x), strip_by_strip(model, x)) <= 1e-4


# faults planted in see and step: which promise shows which is stated, since neither is enough

RGB = ("pixelcnn", (4, 5, 3))


def broken(monkeypatch, module, **changes):
    for name, change in changes.items():
        monkeypatch.setattr(module, name, change)


def errors(name=RGB[0], image_shape=RGB[1], levels=2):
    model = small(name, image_shape, levels)
    x = images(np.random.default_rng(0), 2, model)
    return pixel_by_pixel(model, x), max(strip_by_strip(model, x, seed) for seed in range(5))


@pytest.mark.parametrize("module", [pixelcnn, fvbn])
def test_a_see_that_drops_a_channel_breaks_both_promises(monkeypatch, module):
    see = module.see

    def without_blue(x_t, state, /, *, at):
        x_t = x_t.copy()
        x_t[..., 2] = 0
        see(x_t, state, at=at)

    broken(monkeypatch, module, see=without_blue)
    assert min(errors(module.__name__.rsplit(".", 1)[1], (4, 5, 3))) > 1e-6


@pytest.mark.parametrize("image_shape", [(4, 5, 1), (4, 5, 3)])
def test_a_step_that_is_told_the_row_so_far_breaks_only_the_order_of_pixels(
        monkeypatch, image_shape):
    """The last pixel of a row never delivers its last channel, as nobody steps in that row again.
    Whole strips hide it."""
    see, step, told = pixelcnn.see, pixelcnn.step, {}

    def remember(x_t, state, /, *, at):
        mine = told.setdefault(id(state.memories["first"]), {})
        mine[at[0], at[1].start, at[1].stop] = x_t.copy()

    def step_with_row(state, /, *, at):
        for (row, start, stop), x_t in told.get(id(state.memories["first"]), {}).items():
            if row == at[0] and stop <= at[1].stop:
                see(x_t, state, at=(row, slice(start, stop)))
        return step(state, at=at)

    broken(monkeypatch, pixelcnn, see=remember, step=step_with_row)
    in_order, in_strips = errors(image_shape=image_shape)
    assert in_order > 1e-6 and in_strips <= LIKE_FORWARD


def test_a_memory_of_single_pixels_breaks_only_the_strips(monkeypatch):
    """Layers that remember the last column of a strip: the order of pixels never asks for more."""
    def step(x_t, state, /, *, at):
        row, columns = at
        if columns.stop > columns.start:
            conv2d.write(x_t[:, -1:], state, at=(row, slice(columns.stop - 1, columns.stop)))
        return conv2d.read(state, at=at)

    plant(monkeypatch, conv2d, step=step)  # in all layers but the first, which is told by `see`
    in_order, in_strips = errors()
    assert in_order <= LIKE_FORWARD and in_strips > 1e-6


def test_a_memory_that_is_added_to_breaks_both_promises(monkeypatch):
    """What was told twice counts twice."""
    def step(x_t, state, /, *, at):
        row, columns = at
        top, left = state.corner
        state.image[:, top + row, left + columns.start:left + columns.stop] += x_t
        return conv2d.read(state, at=at)

    plant(monkeypatch, conv2d, step=step)  # in all layers but the first, which is told by `see`
    assert min(errors()) > 1e-6


def test_a_memory_one_column_off_breaks_both_promises(monkeypatch):
    def step(x_t, state, /, *, at):
        row, columns = at
        off = int(len(state.offsets) > 1)  # a 1 x 1 convolution has no room to its left
        conv2d.write(x_t, state, at=(row, slice(columns.start - off, columns.stop - off)))
        return conv2d.read(state, at=at)

    plant(monkeypatch, conv2d, step=step)  # in all layers but the first, which is told by `see`
    assert min(errors()) > 1e-6


def test_an_fvbn_that_forgets_its_last_unit_breaks_both_promises(monkeypatch):
    read = fully_visible.read

    def forgetful(state, /, *, at):
        x = state.x.copy()
        x[:, max(0, at[1].start - 1)] = 0
        return read(state._replace(x=x), at=at)

    monkeypatch.setattr(fully_visible, "read", forgetful)
    assert min(errors("fvbn")) > 1e-6


# cached is naive


def uniforms(model, n, seed=0):
    return np.random.default_rng(seed).random((n, *model.image_shape))


@pytest.mark.parametrize("name, image_shape, levels, config", [
    ("pixelcnn", (28, 28, 1), 2, dict(hidden=8, layers=2, first_kernel=7, head=8)),
    ("pixelcnn", (8, 8, 3), 256, dict(hidden=8, layers=2, first_kernel=7, head=8)),
    ("fvbn", (28, 28, 1), 2, {}),
    ("fvbn", (4, 3, 3), 8, {}),
    ("raster_lstm", (8, 7, 3), 8, {}),
    ("row_lstm", (9, 8, 1), 8, {"kernel": 3, "skip": False}),
    ("diagonal_lstm", (9, 8, 1), 8, {"padding": "start"}),
    ("diagonal_bilstm", (9, 8, 1), 8, {"padding": "evolve"}),
    *[(name, *size, {}) for name in NAMES for size in SIZES]])
def test_cached_samples_are_naive_samples(
        name, image_shape, levels, config):
    # large weights: what was drawn before matters
    model = small(name, image_shape, levels, scale=2, **config)
    u = uniforms(model, 2)
    cached, naive = model.sample(2, uniforms=u), model.sample(2, uniforms=u, naive=True)
    np.testing.assert_array_equal(cached, naive)
    assert cached.shape == (2, *image_shape) and cached.dtype.kind == "i"
    assert 0 <= cached.min() and cached.max() < levels
    assert len(np.unique(cached)) > 1


@pytest.mark.parametrize("image_shape, levels", [((6, 8, 1), 2), ((4, 4, 3), 256), ((5, 4, 1), 4)])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype, tolerance", [("float64", LIKE_FORWARD), ("float32", 1e-4)])
def test_cached_logits_are_naive_logits(name, image_shape, levels, dtype, tolerance):
    """Along one and the same image, what is still unknown holding levels of another."""
    if name == "fvbn" and levels == 256:
        levels = 8                                     # it grows with the square of levels
    model = small(name, image_shape, levels, dtype=dtype)
    rng = np.random.default_rng(0)
    truth, cached, naive = (images(rng, 2, model) for _ in range(3))
    places, scale = 0, np.abs(model.forward(truth)).max()
    for (where, a), (also, b) in zip(sampling.walk(model, cached),
                                     sampling.walk(model, naive, naive=True), strict=True):
        assert where == also and error(a, b, scale) <= tolerance
        cached[where], naive[where] = truth[where], truth[where]
        places += truth[where][0].size  # one sub-pixel, or all colours of a pixel
    assert places == np.prod(image_shape) and (cached == truth).all()


# completion


def _upper_half(shape):
    upper = np.arange(shape[1]) < shape[1] // 2
    return np.broadcast_to(upper[:, None, None], shape)



KNOWN = {"a column": lambda rng, shape: np.broadcast_to(np.arange(shape[2])[:, None] == 1, shape),
         "the upper half": lambda rng, shape: _upper_half(shape),
         "the lower half": lambda rng, shape: ~_upper_half(shape),
         "one channel": lambda rng, shape: np.broadcast_to(np.arange(shape[3]) == 0, shape),
         "anything": lambda rng, shape: rng.random(shape) < 0.5,
         "everything": lambda rng, shape: np.ones(shape, bool),
         "nothing": lambda rng, shape: np.zeros(shape, bool)}


@pytest.mark.parametrize("which", KNOWN)
@pytest.mark.parametrize("image_shape, levels", [((5, 4, 1), 2), ((3, 4, 3), 4)])
@pytest.mark.parametrize("name", NAMES)
def test_completion_keeps_what_is_known_and_is_naive_completion(
        name, image_shape, levels, which):
    model, rng = small(name, image_shape, levels, scale=2), np.random.default_rng(0)
    x, u = images(rng, 3, model), uniforms(model, 3)
    known = KNOWN[which](rng, x.shape)
    done = model.complete(x, known, uniforms=u)
    np.testing.assert_array_equal(done[known], x[known])
    np.testing.assert_array_equal(done, model.complete(x, known, uniforms=u, naive=True))
    for garbage in (-5, levels, 10**9):
        found = model.complete(np.where(known, x, garbage), known, uniforms=u)
        np.testing.assert_array_equal(done, found)
    assert 0 <= done.min() and done.max() < levels
    if which == "nothing":
        np.testing.assert_array_equal(done, model.sample(3, uniforms=u))
    if which == "everything":
        np.testing.assert_array_equal(done, x)


@pytest.mark.parametrize("name", NAMES)
def test_known_may_be_any_shape_that_broadcasts(name):
    model, rng = small(name, (3, 4, 3), 4), np.random.default_rng(0)
    x, u = images(rng, 3, model), uniforms(model, 3)
    for shape in [(), (1,), (3,), (4, 1), (4, 3), (3, 1, 1), (3, 4, 3), (1, 3, 4, 1), (3, 1, 1, 1),
                  (3, 3, 4, 3)]:
        known = rng.random(shape) < 0.5
        whole = np.broadcast_to(known, x.shape)
        np.testing.assert_array_equal(model.complete(x, known, uniforms=u),
                                      model.complete(x, whole, uniforms=u))
    given = rng.integers(0, 4, x.shape).astype(np.uint8)
    kept = given.copy()
    model.complete(given, False, uniforms=u)
    assert same_bits(given, kept)


# which number decides what


@pytest.mark.parametrize("name", NAMES)
def test_the_generator_gives_one_uniform_per_sub_pixel_in_one_call(name):
    model = small(name, (3, 4, 3), 4)
    rng = np.random.default_rng(7)
    drawn = model.sample(5, rng)
    u = np.random.default_rng(7).random((5, 3, 4, 3))
    np.testing.assert_array_equal(drawn, model.sample(5, uniforms=u))
    after = np.random.default_rng(7)
    after.random((5, 3, 4, 3))
    assert rng.random() == after.random()                                  # nothing else was drawn
    known = np.random.default_rng(0).random(drawn.shape) < 0.5  # known ones use up theirs as well
    u = np.random.default_rng(8).random(drawn.shape)
    np.testing.assert_array_equal(model.complete(drawn, known, np.random.default_rng(8)),
                                  model.complete(drawn, known, uniforms=u))


@pytest.mark.parametrize("naive", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_neither_batch_nor_chunk_changes_which_number_decides_what(name, naive, monkeypatch):
    model = small(name, (3, 4, 3), 4)
    u = uniforms(model, 7)
    whole = model.sample(7, uniforms=u, naive=naive)
    for part in (slice(0, 1), slice(2, 5), slice(6, 7)):
        some = model.sample(part.stop - part.start, uniforms=u[part], naive=naive)
        np.testing.assert_array_equal(some, whole[part])
    known = np.random.default_rng(0).random(whole.shape) < 0.5
    completed = model.complete(whole[::-1], known, uniforms=u, naive=naive)
    starts, start = [], model.module.start
    def counted(params, shape, config):
        starts.append(shape[0])
        return start(params, shape, config)

    monkeypatch.setattr(model.module, "start", counted)
    two, one = (memory.nbytes(start(model.params, (n, 3, 4, 3), model.config)) for n in (2, 1))
    for size, chunks in [(1, [1] * 7), (3, [3, 3, 1])]:
        monkeypatch.setattr(sampling, "CACHED_BYTES", size * (two - one))
        starts.clear()
        np.testing.assert_array_equal(model.sample(7, uniforms=u, naive=naive), whole)
        assert naive or starts == [2, 1, *chunks]  # two and one to weigh it, then the work
        np.testing.assert_array_equal(model.complete(whole[::-1], known, uniforms=u, naive=naive),
                                      completed)


@pytest.mark.parametrize("name", NAMES)
def test_a_uniform_moves_its_own_sub_pixel_and_none_before_it(name):
    """A fault of `where` would show here: the number of one place decides another."""
    model = small(name, (3, 4, 3), 4)
    for place in (0, 1, 7, 20, 35):
        low, high = uniforms(model, 1), uniforms(model, 1)
        low.reshape(-1)[place], high.reshape(-1)[place] = 0, 1 - 2**-53
        a, b = (model.sample(1, uniforms=u).reshape(-1) for u in (low, high))
        assert (a[place], b[place]) == (0, 3) and (a[:place] == b[:place]).all()


# the law


def p_value(drawn, p):
    """Chi-square of counts of the cells `drawn` (n,) against probabilities p (cells,); cells with
    expectation below 5 are pooled into one."""
    expected, counts = len(drawn) * p, np.bincount(drawn, minlength=len(p))
    rare = expected < 5
    if rare.any():
        expected = np.append(expected[~rare], expected[rare].sum())
        counts = np.append(counts[~rare], counts[rare].sum())
    expected, counts = expected[expected > 0], counts[expected > 0]
    return chi2.sf(((counts - expected) ** 2 / expected).sum(), len(expected) - 1)


def cells(x, levels):
    """The place of each image in every_image."""
    return x.reshape(len(x), -1) @ levels ** np.arange(np.prod(x.shape[1:]))[::-1]


def law_of_samples(name, image_shape=(3, 3, 1), levels=2, n=50_000):
    """p-value of n samples of a model whose sub-pixels depend strongly on one another: with weights
    half as large, faults pass."""
    model = small(name, image_shape, levels, seed=1, scale=2)
    p = np.exp(model.log_prob(every_image(image_shape, levels)))
    return p_value(cells(model.sample(n, np.random.default_rng(12345)), levels), p)


@pytest.mark.parametrize("image_shape, levels", [((3, 3, 1), 2), ((2, 2, 1), 4), ((1, 3, 3), 2)])
@pytest.mark.parametrize("name", NAMES)
def test_samples_have_the_law_that_enumeration_gives(name, image_shape, levels):
    """p > 1e-4: a right sampler fails for one seed in ten thousand, and the seed is fixed. The two
    fastest models, which have the walk and the draw in common with all others, draw 200,000; the
    rest as many as show every fault planted below."""
    assert law_of_samples(name, image_shape, levels,
                          **({"n": 200_000} if name in ("fvbn", "pixelcnn") else {})) > 1e-4


def law_of_completions(model, image, known, n=50_000):
    """p-value of completions of one image against prod over unknown sub-pixels of p(x_i | x_<i),
    and that law with its images."""
    every = every_image(model.image_shape, model.levels)
    fits = every[(every == image)[:, known].all(axis=1)]
    law = np.exp(np.where(known, 0, model.log_prob(fits, per="subpixel")).sum(axis=(1, 2, 3)))
    p = np.zeros(len(every))
    p[cells(fits, model.levels)] = law
    done = model.complete(np.repeat(image[None], n, axis=0), known, np.random.default_rng(54321))
    assert (done[:, known] == image[known]).all()
    return p_value(cells(done, model.levels), p), law, fits


@pytest.mark.parametrize("image_shape, levels", [((3, 3, 1), 2), ((2, 2, 1), 4), ((1, 3, 3), 2)])
@pytest.mark.parametrize("name", NAMES)
def test_completions_have_the_exact_law_when_the_known_part_comes_first(name, image_shape, levels):
    model = small(name, image_shape, levels, seed=1, scale=2)
    image, places = images(np.random.default_rng(3), 1, model)[0], int(np.prod(image_shape))
    first = (np.arange(places) < places // 2).reshape(image_shape)
    p, law, fits = law_of_completions(model, image, first)
    joint = np.exp(model.log_prob(fits))
    # the exact conditional; sums of some hundred terms
    np.testing.assert_allclose(law, joint / joint.sum(), rtol=1e-12)
    assert p > 1e-4
    later = ~first
    p, law, fits = law_of_completions(model, image, later)
    joint = np.exp(model.log_prob(fits))
    # as the docstring says, not the conditional
    assert p > 1e-4 and np.abs(law - joint / joint.sum()).max() > 1e-3


# faults planted in the sampler: each passes as an image, none as a law


def test_a_uniform_used_twice_is_caught(monkeypatch):
    complete = sampling.complete

    def reuse(model, x, known, u, **kwargs):
        u = u.copy()
        u[:, :, 1] = u[:, :, 0]  # two neighbours share their number
        return complete(model, x, known, u, **kwargs)

    monkeypatch.setattr(sampling, "complete", reuse)
    assert law_of_samples("pixelcnn") < 1e-4


def test_levels_the_wrong_way_round_are_caught(monkeypatch):
    def draw(logits, /, *, uniforms):
        return (uniforms < 1 / (1 + np.exp(logits))).astype(int)

    monkeypatch.setattr(bernoulli, "draw", draw)
    assert law_of_samples("pixelcnn") < 1e-4


def test_a_level_one_too_high_is_caught(monkeypatch):
    draw = categorical.draw
    def one_more(logits, /, *, uniforms):
        return np.minimum(draw(logits, uniforms=uniforms) + 1, 3)

    monkeypatch.setattr(categorical, "draw", one_more)
    assert law_of_samples("pixelcnn", (2, 2, 1), 4) < 1e-4


def test_uniforms_that_miss_the_ends_are_caught(monkeypatch):
    """Numbers from [0, 0.99): every conditional distribution loses a little of its last level."""
    draw = bernoulli.draw
    monkeypatch.setattr(bernoulli, "draw",
                        lambda logits, /, *, uniforms: draw(logits, uniforms=0.99 * uniforms))
    assert law_of_samples("pixelcnn") < 1e-4


def test_a_memory_that_is_not_told_is_caught(monkeypatch):
    monkeypatch.setattr(pixelcnn, "see", lambda x_t, state, /, *, at: None)
    assert law_of_samples("pixelcnn") < 1e-4


def test_places_filled_in_another_order_than_predicted_are_caught(monkeypatch):
    """Row and column change places when the level is written."""
    walk = sampling.walk

    def transposed(model, x, **kwargs):
        for (everything, row, column, channels), outputs in walk(model, x, **kwargs):
            yield (everything, column, row, channels), outputs

    monkeypatch.setattr(sampling, "walk", transposed)
    assert law_of_samples("pixelcnn") < 1e-4


def test_a_completion_that_draws_over_what_is_known_is_caught(monkeypatch):
    complete = sampling.complete
    def over(model, x, known, u, **kwargs):
        return complete(model, x, known & False, u, **kwargs)

    monkeypatch.setattr(sampling, "complete", over)
    with pytest.raises(AssertionError):
        test_completion_keeps_what_is_known_and_is_naive_completion(
            "pixelcnn", (5, 4, 1), 2, "anything")


def test_known_strips_that_do_not_go_through_the_layers_are_caught(monkeypatch):
    step = pixelcnn.step
    def pixels_only(state, /, *, at):
        return step(state, at=at) if at[1].stop - at[1].start == 1 else None

    monkeypatch.setattr(pixelcnn, "step", pixels_only)
    with pytest.raises(AssertionError):
        test_completion_keeps_what_is_known_and_is_naive_completion(
            "pixelcnn", (5, 4, 1), 2, "the upper half")


def test_a_step_that_is_off_by_rounding_only_would_pass_and_by_1e_9_is_caught(monkeypatch):
    """A check of the tolerance of the two promises."""
    step = pixelcnn.step
    for size, passes in [(1e-15, True), (1e-9, False)]:
        monkeypatch.setattr(pixelcnn, "step",
                            lambda state, /, *, at, size=size: step(state, at=at) * (1 + size))
        assert (max(errors()) <= LIKE_FORWARD) == passes
