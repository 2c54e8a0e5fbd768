"""RIDE: its density integrates to one, its gradients are autograd's, and samples have its law.

It sees its past and all of it, whatever the border; the ensemble is a density, too.

Each check is itself checked, by faults that are made when this model is written.
"""

import json
import math
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats
from scipy.special import ndtr

import npixel
from npixel import checkpoint, data, density, evaluation, training, whitening
from npixel.models import ride
from npixel.training import recipes
from npixel.training.patches import Patches
from npixel.training.run import Run
from test_mcgsm import mixture_of_normals

SMALL = {"hidden": 5, "layers": 1, "first_kernel": 3, "mixtures": 2, "scales": 2, "features": 3}
KINDS = [{}, {"layers": 2, "extended": True, "means": True}, {"layers": 0},
         {"border": "padded", "first_kernel": 5}]
TEXT = "dead_leaves:24x28,rmin=1,rmax=8,train=4,valid=1,test=2"


def small(image_shape=(4, 5, 1), seed=0, dtype="float64", scale=0.6, **changes):
    """A model in which every number is drawn anew, whitening included.

    It is as if fitted to pictures around 0.4, in steps of 0.1.
    """
    model = npixel.build("ride", image_shape=image_shape, dtype=dtype, **(SMALL | changes))
    rng = np.random.default_rng(seed)
    for name, weights in model.params.items():
        for array in weights:
            array[...] = scale * rng.standard_normal(array.shape)
    model.params["whitening"] = whitening_of(model, rng)
    C = image_shape[2]
    if C > 1:                                          # factors near one
        model.params["mcgsm"].L[...] *= 0.3
        model.params["mcgsm"].L[...] += ride.mcgsm.lower_entries(np.eye(C)[None])
    return model


def whitening_of(model, rng):
    n, C = ride.neighbourhood_size(model.config), model.image_shape[2]
    root = np.eye(n) + 0.2 * rng.standard_normal((n, n))
    own = np.eye(C) + 0.2 * rng.standard_normal((C, C))
    arrays = (np.full(n, 0.4), 5 * (root + root.T), np.full(C, 0.4),
              0.03 * rng.standard_normal((n, C)), 10 * own @ own.T + 5 * np.eye(C))
    return whitening.Weights(*(array.astype(model.dtype) for array in arrays))


def pictures(model, n=3, seed=0, size=None):
    m = model.config.margin if model.config.border == "given" else 0
    H, W = model.image_shape[:2] if size is None else size
    shape = n, H + m, W + 2 * m, model.image_shape[2]
    return 0.4 + 0.1 * np.random.default_rng(seed).standard_normal(shape)


# gradients


def against_torch(model, images):
    """max |a - b| / max |b| over the density of every pixel and all gradients."""
    torch = pytest.importorskip("torch")
    from oracles import torch_ride
    leaves = {name: tuple(torch.tensor(array, requires_grad=name != "whitening")
                          for array in weights) for name, weights in model.params.items()}
    expected = torch_ride.log_density(leaves, torch.tensor(model.canvas(images)), model.config)
    (-expected.mean()).backward()
    nll, grads = model.loss_and_grads(images)
    found = model.log_density(images, per="pixel")
    pairs = [(found, expected.detach().numpy()), (np.array(nll), -expected.mean().detach().numpy())]
    for name, weights in leaves.items():
        if name == "whitening":
            assert not any(g.any() for g in grads[name])
        else:
            pairs += [(g, leaf.grad.numpy()) for g, leaf in zip(grads[name], weights)
                      if leaf.numel()]
    return max(np.abs(a - b).max() / np.abs(b).max() for a, b in pairs)


@pytest.mark.parametrize("changes", KINDS)
@pytest.mark.parametrize("C", [1, 3])
def test_density_and_gradients_are_autograds(changes, C):
    model = small((3, 4, C), **changes)
    assert against_torch(model, pictures(model)) <= 1e-10


def test_single_precision_is_near():
    model = small((3, 4, 1), seed=1)
    images = pictures(model)
    nll, grads = model.loss_and_grads(images)
    low = small((3, 4, 1), seed=1, dtype="float32")
    nll_low, grads_low = low.loss_and_grads(images)
    assert abs(nll - nll_low) <= 1e-4 * (1 + abs(nll))
    for name in grads:
        for a, b in zip(grads[name], grads_low[name]):
            difference = np.abs(a - b).max(initial=0)
            assert b.dtype == np.float32 and difference <= 1e-3 * (1 + np.abs(a).max(initial=0))


# what it sees


def measured(model, seed=0):
    """(H, W, rows, columns) bool: whether a number of the canvas changes a bit of a prediction."""
    rng = np.random.default_rng(seed)
    H, W, C = model.image_shape
    rows, columns = H + model.config.margin, W + 2 * model.config.margin
    canvas = 0.4 + 0.1 * rng.standard_normal((1, rows, columns, C))
    seen = np.zeros((H, W, rows, columns), bool)
    before = np.repeat(canvas, rows * columns, axis=0)
    for colour in range(C):
        after = before.copy()
        own = np.arange(rows * columns)
        after.reshape(rows * columns, rows * columns, C)[own, own, colour] += 0.05
        outputs = (ride.forward(model.params, images, model.config)[0]
                   for images in (before, after))
        changed = np.not_equal(*outputs).any(axis=3)
        seen |= changed.reshape(rows, columns, H, W).transpose(2, 3, 0, 1)
    return seen


def theory(model):
    H, W, _ = model.image_shape
    m = model.config.margin
    r, c, R, X = np.ogrid[:H, :W, :H + m, :W + 2 * m]
    if model.config.layers:
        return ((R < r + m) & (X <= c + 2 * m)) | ((R == r + m) & (X < c + m))
    above = (R >= r) & (R < r + m) & (X >= c) & (X <= c + 2 * m)
    return above | ((R == r + m) & (X >= c) & (X < c + m))


@pytest.mark.parametrize("changes", KINDS)
@pytest.mark.parametrize("shape", [(4, 5, 1), (5, 3, 3)])
def test_it_sees_its_past_exactly(changes, shape):
    model = small(shape, **changes)
    expected = theory(model)
    assert np.array_equal(measured(model), expected)
    structural = np.array([[model.visible_past((r, c)) for c in range(shape[1])]
                           for r in range(shape[0])])
    assert np.array_equal(structural, expected)


def test_a_neighbourhood_with_the_pixel_itself_would_be_seen(monkeypatch):
    model = small((4, 5, 1))
    def one_further(canvas, config):
        windows = ride.windows_of(canvas, config)
        flat = windows.reshape(*windows.shape[:3], -1)
        return flat[..., 1:ride.neighbourhood_size(config) + 1]

    monkeypatch.setattr(ride, "neighbourhoods", one_further)
    leaks = measured(model) & ~theory(model)
    r, c = np.indices((4, 5))
    assert leaks[r, c, r + 1, c + 1].all()


def test_a_neighbourhood_without_the_corner_would_be_missed(monkeypatch):
    right = ride.neighbourhoods
    def without(canvas, config):
        x = right(canvas, config).copy()
        x[..., 2] = 0                                  # above, on the right
        return x
    monkeypatch.setattr(ride, "neighbourhoods", without)
    model = small((4, 5, 1))
    assert (theory(model) & ~measured(model)).any() and not (measured(model) & ~theory(model)).any()


# it is a density


def integral(model, log_density=None, points=161, width=7):
    """∫∫ p over an image of two pixels side by side, by the trapezoid rule in raw units.

    With border="given" the border is noise.
    """
    log_density = log_density or (lambda images: model.log_density(images))
    m = model.config.margin if model.config.border == "given" else 0
    # many of the widest component's deviations
    spread = 2 * width / model.params["whitening"].w_y[0, 0]
    side = 0.4 + np.linspace(-spread, spread, points)
    x = np.stack(np.meshgrid(side, side, indexing="ij"), axis=-1).reshape(-1, 2)
    images = np.repeat(pictures(model, 1, size=(1, 2)), len(x), axis=0)
    images[:, m, m:m + 2, 0] = x
    return np.exp(log_density(images)).sum() * (side[1] - side[0])**2


@pytest.mark.parametrize("changes", KINDS)
def test_images_of_two_pixels_integrate_to_one_in_raw_units(changes):
    for seed in range(2):
        model = broad(changes, seed)
        # the grid's error: tails beyond it, and narrow components
        assert abs(integral(model) - 1) <= 1e-6


def broad(changes, seed=0):
    """A model of images of two pixels without very narrow components, which a grid would miss."""
    model = small((1, 2, 1), seed=seed, **changes)
    model.params["mcgsm"].alpha[...] *= 0.3
    model.params["mcgsm"].A[...] *= 0.3
    return model


@pytest.mark.parametrize("border", ["given", "padded"])
def test_the_ensemble_of_eight_views_integrates_to_one(border):
    model = broad({"border": border})
    cut = model.config.margin if border == "given" else 0
    below = pictures(model, 1, seed=5, size=(cut + 1, 2))[:, -cut:] if cut else None
    def mixed(images):
        whole = images
        if cut:
            rows = np.repeat(below, len(images), axis=0)
            whole = np.concatenate([images, rows], axis=1)
        return density.ensemble(model, whole)
    assert abs(integral(model, mixed) - 1) <= 1e-6


def test_the_views_of_an_ensemble_score_the_same_pixels():
    """A number outside of the scored inside may matter, but only what is inside is scored."""
    for border in ("given", "padded"):
        model = small((4, 5, 1), border=border)
        m = model.config.margin if border == "given" else 0
        images = np.arange(6 * 7, dtype=float).reshape(1, 6, 7, 1)
        canvases = (model.canvas(view) for view in density.views(model, images))
        insides = [set(model.inside(canvas).ravel()) for canvas in canvases]
        scored = set(images[0, m:6 - m, m:7 - m].ravel())
        assert len(insides) == 8 and all(inside == scored for inside in insides)


def test_a_forgotten_jacobian_is_caught(monkeypatch):
    monkeypatch.setattr(whitening, "log_jacobian", lambda weights: 0.0)
    assert abs(integral(broad({})) - 1) > 0.5


def test_nats_per_image_are_the_sum_over_pixels_and_bits_are_in_their_units():
    model = small((4, 5, 3), border="padded")
    images = pictures(model)
    terms = model.log_density(images, per="pixel")
    assert terms.shape == (3, 4, 5)
    np.testing.assert_allclose(model.log_density(images), terms.sum(axis=(1, 2)), rtol=1e-14)
    given = small((4, 5, 1))
    shape = given.log_density(pictures(given), per="pixel").shape
    assert shape == (3, *given.scored((5, 7))) == (3, 4, 5)
    # the same images at another scale: their density is less by the logarithm of the factor, for
    # each number
    bits = density.bits_per_number(-3.0, 4)
    assert density.bits_per_number(-3.0, 4, levels=256) == pytest.approx(bits + 8)


def test_noise_below_a_level_makes_the_density_a_bound_of_the_probability():
    """E log p(v + u) + log L^n <= log P(v), where P(v) is the integral over the cell.

    Theis, van den Oord, Bethge 2016. Held for one pixel by quadrature.
    """
    model = npixel.build("ride", image_shape=(1, 1, 1), levels=4, dtype="float64",
                         border="padded", **SMALL)
    model.params = broad({"border": "padded"}).params
    u = (np.arange(2000) + 0.5) / 2000
    p = np.exp(model.log_density(((1 + u) / 4)[:, None, None, None]))
    assert np.log(p).mean() - math.log(4) <= math.log((p / 4).mean())


def test_without_layers_and_with_one_component_it_is_the_linear_gaussian_predictor():
    d = data.load(TEXT)
    model = npixel.build("ride", image_shape=d.image_shape, dtype="float64", layers=0, mixtures=1,
                         scales=1)
    rng = np.random.default_rng(0)
    images = density.dequantise(d.train, 256, rng)
    model.init_from_data(images, rng)
    windows = np.lib.stride_tricks.sliding_window_view(images[..., 0], (3, 5), axis=(1, 2))
    windows = windows.reshape(-1, 15)
    x, y = np.column_stack([np.ones(len(windows)), windows[:, :12]]), windows[:, 12]
    residual = y - x @ np.linalg.lstsq(x, y, rcond=None)[0]
    expected = stats.norm(0, residual.std()).logpdf(residual).mean()
    assert -model.mean_nll(images) == pytest.approx(expected, rel=1e-8)
    _, grads = model.loss_and_grads(images)
    # the maximum of the likelihood
    assert max(np.abs(g).max(initial=0) for g in grads["mcgsm"]) < 1e-8


# generation


@pytest.mark.parametrize("changes", KINDS)
@pytest.mark.parametrize("C", [1, 3])
def test_cached_samples_are_naive_samples(monkeypatch, changes, C):
    monkeypatch.setattr(density, "MARGIN", 2)
    model = small((3, 4, C), **changes)
    around = 0 if model.config.border == "padded" else 2
    uniforms = np.random.default_rng(0).random((2, 3 + around, 4 + 2 * around, C))
    cached, naive = (model.sample(2, uniforms=uniforms, naive=naive) for naive in (False, True))
    assert cached.shape == (2, 3, 4, C)
    np.testing.assert_allclose(cached, naive, rtol=0, atol=1e-11)
    again = model.sample(2, np.random.default_rng(0))
    np.testing.assert_array_equal(again, cached)       # the uniforms are drawn in one call
    assert model.sample(1, np.random.default_rng(0), size=(6, 3)).shape == (1, 6, 3, C)


@pytest.mark.parametrize("changes", KINDS)
def test_step_is_forward_over_any_strips_told_twice(changes):
    model = small((4, 5, 2), **changes)
    rng, m = np.random.default_rng(0), model.config.margin
    canvas = 0.4 + 0.1 * rng.standard_normal((2, 4 + m, 5 + 2 * m, 2))
    expected, _ = ride.forward(model.params, canvas, model.config)
    unknown = canvas.copy()
    unknown[:, m:, m:m + 5] = rng.standard_normal((2, 4, 5, 2))
    state = ride.start(model.params, unknown, model.config)
    for row in range(4):
        cuts = [0, *sorted(rng.choice(np.arange(1, 5), 2, replace=False)), 5]
        for first, last in zip(cuts, cuts[1:]):
            at = (row, slice(first, last))
            for column in range(first, last - 1):      # within a strip what is on the left is known
                ride.see(canvas[:, row + m, column + m:column + m + 1], state,
                         at=(row, slice(column, column + 1)))
            for _ in range(2):
                found = ride.step(state, at=at)
            np.testing.assert_allclose(found, expected[:, row, first:last], rtol=0, atol=1e-12)
            ride.see(canvas[:, row + m, first + m:last + m], state, at=at)


def test_samples_follow_the_density():
    """An image of two pixels, drawn 10,000 times.

    The distribution function of each pixel, given those before it, is uniform at it.
    """
    n = 10_000
    model = small((1, 2, 1), border="padded")
    drawn = model.sample(n, np.random.default_rng(1))
    outputs = model.forward(drawn)
    base = outputs[..., -1:]
    values = whitening.outputs(drawn, base, model.params["whitening"])[..., 0]
    weights = model.params["mcgsm"]._replace(mu=np.zeros((2, 1)))
    for column in range(2):
        u = np.empty(n)
        for i in range(n) if column else [0]:
            shares, means, covariances = mixture_of_normals(outputs[i, 0, column, :-1], weights)
            mine = values[i, 0, column] if column else values[:, 0, 0][:, None]
            cdf = (shares * ndtr((mine - means[:, 0]) / np.sqrt(covariances[:, 0, 0]))).sum(axis=-1)
            if column:
                u[i] = cdf
            else:
                u = cdf
        assert stats.kstest(u, "uniform").pvalue > 1e-4


def test_limits_hold_every_number_as_it_is_drawn_and_a_model_that_runs_away_is_told_of():
    model = small((6, 6, 1), border="padded")
    free, held = (model.sample(3, np.random.default_rng(0), limits=limits)
                  for limits in (None, (0.3, 0.5)))
    assert free.min() < 0.3 and free.max() > 0.5
    assert held.min() == 0.3 and held.max() == 0.5
    np.testing.assert_array_equal(held[:, 0, 0], np.clip(free[:, 0, 0], 0.3, 0.5))
    # what follows has seen the limits
    assert not np.array_equal(held, np.clip(free, 0.3, 0.5))
    model.params["whitening"].p[...] = 1e30
    with pytest.raises(ValueError, match=r"limits=\(0, 1\)"):
        model.sample(3, np.random.default_rng(0))


def test_a_step_that_sees_a_pixel_too_late_is_caught(monkeypatch):
    see = ride.see
    def forgetful(x_t, state, /, *, at):
        if at[1].start % 2:
            see(x_t, state, at=at)

    monkeypatch.setattr(ride, "see", forgetful)
    model = small((3, 4, 1), border="padded")
    uniforms = np.random.default_rng(0).random((1, 3, 4, 1))
    cached, naive = (model.sample(1, uniforms=uniforms, naive=naive) for naive in (False, True))
    assert np.abs(cached - naive).max() > 1e-6


# files and training


def test_a_saved_density_comes_back(tmp_path):
    model = small((4, 5, 1), layers=2, means=True, extended=True)
    model.save(tmp_path / "m.npz")
    back = npixel.load(tmp_path / "m.npz")
    images = pictures(model)
    assert isinstance(back, density.Density) and back.config == model.config
    np.testing.assert_array_equal(back.log_density(images), model.log_density(images))


def fit(path=None, resume=False, model=None, **changes):
    d = data.load(TEXT)
    if model is None:
        model = npixel.build("ride", image_shape=d.image_shape, dtype="float64", **SMALL)
    if not resume:
        model.init_from_data(d.train, np.random.default_rng(0))
    options = recipes.of("ride", steps=12) | {
        "batch": 6, "valid_size": 5, "evaluate_every": 3, "keep": "best", "checkpoint": path,
        "resume": resume, "progress": False,
        "refine": {"times": 4, "pixels": 2000, "evaluations": 4}}
    result = training.fit(model, Patches(d.train, 256), valid_images=Patches(d.valid, 256),
                          **(options | changes))
    return model, result


def test_training_makes_the_density_better_and_every_part_counts():
    d = data.load(TEXT)
    held_out = density.dequantise(d.test, 256, np.random.default_rng(0))
    first = npixel.build("ride", image_shape=d.image_shape, dtype="float64", **SMALL)
    first.init_from_data(d.train, np.random.default_rng(0))
    before = first.mean_nll(held_out)
    model, result = fit(steps=64, evaluate_every=16)
    assert model.mean_nll(held_out) < before - 0.1
    assert result.plan.refine == {"times": 4, "pixels": 2000, "evaluations": 4, "share": 0.25}
    whitening_before, after = first.params["whitening"], model.params["whitening"]
    assert all(np.array_equal(a, b) for a, b in zip(whitening_before, after))
    pairs = zip(first.params["lstm0"], model.params["lstm0"])
    assert any(not np.array_equal(a, b) for a, b in pairs)


def test_refining_never_makes_the_likelihood_worse_and_moves_the_mcgsm_alone():
    model = small((8, 9, 1))
    images = pictures(model, 40, size=(8, 9))
    params = model.refine(images, 20)
    before = model.mean_nll(images)
    for name in ("whitening", "lstm0"):
        assert all(np.array_equal(a, b) for a, b in zip(params[name], model.params[name]))
    model.params = params
    assert model.mean_nll(images) < before
    assert model.refine(images, 1)["mcgsm"].A.shape == params["mcgsm"].A.shape


@pytest.mark.parametrize("killed_at", [1, 3, 4, 7, 11])
def test_a_run_that_was_killed_ends_as_if_it_had_not_been(tmp_path, monkeypatch, killed_at):
    """Steps 3, 6, 9 and 12 end with L-BFGS.

    A run killed before, at and after one of them goes on to the same weights, bit for bit.
    """
    whole, _ = fit(tmp_path / "whole.npz")
    advance = Run.advance

    def killed(self, params, state, step):
        if step == killed_at:
            raise RuntimeError("killed")
        return advance(self, params, state, step)

    monkeypatch.setattr(Run, "advance", killed)
    with pytest.raises(RuntimeError):
        fit(tmp_path / "run.npz", checkpoint_every=0)
    monkeypatch.setattr(Run, "advance", advance)
    resumed, result = fit(tmp_path / "run.npz", resume=True)
    assert result.status == "finished" and result.step == 12
    arrays = [checkpoint.read(tmp_path / f"{name}.npz")[0] for name in ("whole", "run")]
    for key in arrays[0]:
        assert key.endswith("seconds") or np.array_equal(arrays[0][key], arrays[1][key])


@pytest.mark.parametrize("refine, words", [
    ({"share": 1.5}, r"share of refine must be in \(0, 1\)"),
    ({"often": 3}, "refine has times"),
    ({"times": 0}, "times of refine must be an integer"),
])
def test_a_refinement_that_makes_no_sense_is_refused(refine, words):
    with pytest.raises(ValueError, match=words):
        fit(refine=refine)
    with pytest.raises(ValueError, match="refine is for densities"):
        model = npixel.build("fvbn", image_shape=(2, 3, 1))
        training.fit(model, np.zeros((40, 2, 3, 1), int), steps=2, refine={}, progress=False)


def test_minutes_are_steps_and_evaluations_that_are_stored(tmp_path):
    model, result = fit(tmp_path / "m.npz", steps=None, minutes=0.05)
    plan = result.plan
    assert plan.steps > 1 and plan.refine["evaluations"] >= 1 and plan.minutes == 0.05
    _, again = fit(tmp_path / "m.npz", resume=True, steps=None, minutes=0.05)
    assert again.plan == plan


def test_patches_grow_are_cut_from_the_pictures_and_decided_by_the_step():
    rows, columns = np.indices((30, 40))
    coded = np.stack([rows * 6 % 250, columns * 6 % 250, np.full((30, 40), 9)], axis=-1)
    coded = coded.astype(np.uint8)[None].repeat(3, axis=0)
    coded[:, :, :, 2] += np.arange(3, dtype=np.uint8)[:, None, None]
    patches = Patches(coded, 256)
    plan = SimpleNamespace(steps=80, batch=200, seed=1, refine={"pixels": 5000})
    sizes = [patches.batch(step, plan)[0].shape[1:3] for step in (0, 9, 10, 45, 79)]
    assert sizes == [(8, 8), (8, 8), (10, 10), (16, 16), (22, 22)]
    x, condition = patches.batch(5, plan)
    again, next_one = (patches.batch(step, plan)[0] for step in (5, 6))
    assert condition is None and np.array_equal(x, again) and not np.array_equal(x, next_one)
    v = np.floor(x * 256).astype(int)
    assert set(v[..., 2].ravel()) == {9, 10, 11} and (x >= 0).all() and (x < 1).all()
    assert (np.diff(v[:, :, 0, 0], axis=1) == 6).all()                     # rows go down
    turned = (np.diff(v[:, 0, :, 1], axis=1) == -6).all(axis=1)
    assert (np.diff(v[~turned, 0, :, 1], axis=1) == 6).all() and 60 < turned.sum() < 140
    assert stats.kstest((x * 256 - v).ravel(), "uniform").pvalue > 1e-4
    assert abs(patches.for_refining(80, plan).shape[0] * 22 * 22 - 5000) < 22 * 22
    assert np.array_equal(*(patches.choose(4, 0).images for _ in range(2)))
    assert len(patches) == 3 * (30 // 8) * (40 // 8)
    assert Patches(coded[:, :9], 256).sizes[-1] == (9, 22)
    spread = [patches.trial(number, plan) for number in range(1, 30)]
    assert min(spread) < 10 and max(spread) > 70


# the command line, and bad input


FIELDS = ["--hidden", "4", "--mixtures", "2", "--scales", "2", "--features", "2"]


def test_the_life_of_a_density_on_the_command_line(tmp_path, call):
    path = tmp_path / "r.npz"
    status, out, err = call("train", "ride", "--data", TEXT, "--steps", 8, "--refine", 2, *FIELDS,
                            "--out", path, "--json", "--quiet")
    report = json.loads(out)
    assert status == 0, err
    assert report["steps"] == 8 and report["plan"]["refine"]["evaluations"] == 2
    assert report["test"]["scored"] == 22 * 24
    status, out, _ = call("evaluate", path, "--data", TEXT, "--json")
    found = json.loads(out)
    model, d = npixel.load(path), data.load(TEXT)
    rng = np.random.default_rng(0)
    log_p = np.array([model.log_density(density.dequantise(d.test[i:i + 1], 256, rng))[0]
                      for i in range(2)])
    assert found["nats"] == pytest.approx(log_p.mean(), rel=1e-12)
    bits = log_p.mean() / (22 * 24) / math.log(2)
    assert found["log_density_bits_per_pixel"] == pytest.approx(bits, rel=1e-12)
    assert found["bits_per_dim"] == pytest.approx(8 - bits, rel=1e-12)
    status, out, _ = call("evaluate", path, "--data", TEXT, "--ensemble", "--json")
    assert status == 0 and json.loads(out)["scored"] == 20 * 24
    ensemble = evaluation.evaluate_density(model, d, ensemble=True)
    assert json.loads(out)["nats"] == pytest.approx(ensemble["nats"])
    words = "bits per pixel of log-density at scale [0, 1)"
    assert words in call("evaluate", path, "--data", TEXT)[1]
    assert call("sample", path, "-n", 2, "--size", "6x7", "--seed", 3,
                "--out", tmp_path / "s.npz")[0] == 0
    with np.load(tmp_path / "s.npz") as arrays:
        expected = model.sample(2, np.random.default_rng(3), size=(6, 7))
        np.testing.assert_array_equal(arrays["images"], expected)
    pytest.importorskip("matplotlib")
    assert call("sample", path, "-n", 2, "--size", "6x7", "--out", tmp_path / "s.png")[0] == 0
    assert (tmp_path / "s.png").read_bytes()[:4] == b"\x89PNG"


def test_bad_input_to_a_density_is_one_line_and_status_2(tmp_path, call):
    path = tmp_path / "r.npz"
    train = "train", "ride", "--data", TEXT, "--steps", 1
    assert call(*train, "--refine", 1, *FIELDS, "--out", path, "--quiet")[0] == 0
    assert call("train", "fvbn", "--data", "noisy_rule:4x5,train=64,valid=20,test=30",
                "--steps", 1, "--out", tmp_path / "f.npz", "--quiet")[0] == 0
    for argv, words in (
            ((*train, "--border", "open"), 'border must be "given" or "padded"'),
            ((*train, "--first-kernel", 1), "first_kernel must be at least 3"),
            ((*train, "--refine", 0, "--out", tmp_path / "x.npz"),
             "evaluations of refine must be an integer of at least 1"),
            (("train", "fvbn", "--data", TEXT, "--refine", 1), "unrecognized arguments"),
            (("train", "ride", "--data", "dead_leaves:8x8,rmax=x", "--steps", 1),
             "rmax must be a number, is 'x'"),
            (("evaluate", path, "--data", "dead_leaves:24x28,colour=1,train=1,valid=1,test=1"),
             "the model in"),
            (("evaluate", tmp_path / "f.npz", "--data", "noisy_rule:4x5", "--ensemble"),
             "--ensemble is for densities"),
            (("sample", tmp_path / "f.npz", "--size", "8x8", "--out", tmp_path / "s.npz"),
             "--size and --clip are for densities"),
            (("sample", path, "-n", 0, "--out", tmp_path / "s.npz"),
             "n must be a positive integer"),
            (("complete", path, "--data", TEXT, "--out", tmp_path / "c.npz"), "is a density")):
        quiet = ["--quiet"] if argv[0] == "train" and "--refine" in argv else []
        status, out, err = call(*argv, *quiet)
        lines = err.count("\n")
        assert (status, out, lines) == (2, "", 1) and words in err, (argv, status, err)


@pytest.mark.parametrize("images, words", [
    (np.zeros((2, 6, 7)), r"\(N, H, W, 1\)"),
    (np.zeros((2, 6, 7, 3)), r"have shape \(2, 6, 7, 3\)"),
    (np.zeros((2, 6, 7, 1), int), "must be floats"),
    (np.full((2, 6, 7, 1), np.nan), "not finite"),
    (np.zeros((0, 6, 7, 1)), "no pixel"),
    (np.zeros((1, 1, 2, 1)), "no pixel to score"),
])
def test_images_that_have_no_density_are_refused(images, words):
    with pytest.raises(ValueError, match=words):
        small().log_density(images)


def test_a_density_has_no_probabilities_of_levels_and_its_arguments_are_checked():
    model = small()
    for call_ in (lambda: model.log_prob(np.zeros((1, 4, 5, 1), int)),
                  lambda: model.complete(None, None), lambda: model.log_conditionals(None)):
        with pytest.raises(ValueError, match="density"):
            call_()
    with pytest.raises(ValueError, match="size must be two positive"):
        model.sample(1, size=(0, 3))
    with pytest.raises(ValueError, match="uniforms must be"):
        model.sample(1, uniforms=np.zeros((1, 4, 5, 1)))
    with pytest.raises(ValueError, match="per must be"):
        model.log_density(pictures(model), per="row")
    with pytest.raises(ValueError, match="there is no model 'rido'; there are .*ride"):
        npixel.build("rido", image_shape=(4, 5, 1))
    model.params["mcgsm"].A[0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="mcgsm"):
        model.log_density(pictures(model))
