"""The logistic mixture is a distribution, to rounding, and what is drawn has its law.

Where the published formula is a distribution, it is that formula.

Each check is itself checked, by faults that are made when this loss is written.
"""

import decimal
import math

import numpy as np
import pytest
from scipy.special import expit

from models import every_image
from npixel.losses import discretized_logistic_mixture as mixture
from test_models_generation import p_value

MEANS, LOG_SCALES = np.linspace(-1.5, 1.5, 61), np.linspace(-7, 2, 37)


def bells():
    """(61, 37, 3): the numbers of one component, mean and log scale on the grid."""
    means, log_scales = np.meshgrid(MEANS, LOG_SCALES, indexing="ij")
    return np.stack([0 * means, means, log_scales], axis=-1)


def totals(levels, robust=False):
    """(61, 37): the sum over all levels of p, for every bell of the grid."""
    outputs = bells()
    zeros = np.zeros((*outputs.shape[:2], 1), int)
    log_p = mixture.log_conditionals(outputs, targets=zeros, levels=levels, robust=robust)
    return np.exp(log_p).sum(axis=-1)[..., 0]


def random_outputs(rng, *shape, M=3, C=3, log_scale=-1.0):
    outputs = rng.standard_normal((*shape, mixture.size(M, C)))
    outputs[..., mixture.layout(M, C).log_scales] += log_scale
    return outputs


# it is a distribution


@pytest.mark.parametrize("levels", [2, 3, 4, 16, 100, 256, 1000])
def test_the_levels_sum_to_one_within_1e_12_for_every_mean_and_scale(levels):
    assert np.abs(totals(levels) - 1).max() <= 1e-12


@pytest.mark.parametrize("levels", [256])
def test_the_published_approximation_misses_one_by_up_to_7_3e_6(levels):
    deficit = np.abs(totals(levels, robust=True) - 1)
    mean, log_scale = np.unravel_index(deficit.argmax(), deficit.shape)
    assert 7e-6 <= deficit.max() <= 7.3e-6
    assert (round(MEANS[mean], 2), LOG_SCALES[log_scale]) == (0.85, -7)


@pytest.mark.parametrize("C, M, levels", [(1, 3, 7), (2, 2, 8), (3, 2, 6), (3, 1, 4), (4, 3, 3)])
def test_all_colours_together_sum_to_one_and_factorise_by_the_chain_rule(C, M, levels):
    rng = np.random.default_rng(0)
    pixels = every_image((1, 1, C), levels)[:, 0, 0]                       # (levels^C, C)
    outputs = np.broadcast_to(random_outputs(rng, M=M, C=C), (len(pixels), mixture.size(M, C)))
    log_prob, _ = mixture.forward(outputs, targets=pixels, levels=levels)
    # up to 216 terms, each right to some 1e-15
    assert abs(math.fsum(np.exp(log_prob)) - 1) <= 1e-13
    terms = mixture.terms(outputs, targets=pixels, levels=levels)
    np.testing.assert_allclose(terms.sum(axis=-1), log_prob, rtol=1e-13)
    conditionals = mixture.log_conditionals(outputs, targets=pixels, levels=levels)
    np.testing.assert_allclose(np.exp(conditionals).sum(axis=-1), 1, atol=1e-14)
    observed = np.take_along_axis(conditionals, pixels[..., None], axis=-1)[..., 0]
    np.testing.assert_allclose(observed, terms, rtol=1e-13)


def test_a_conditional_depends_on_the_colours_before_it_and_on_nothing_later():
    rng = np.random.default_rng(0)
    outputs, pixels = random_outputs(rng, 50), rng.integers(0, 256, (50, 3))
    before = mixture.log_conditionals(outputs, targets=pixels, levels=256)
    for changed in range(3):
        other = pixels.copy()
        other[:, changed] = 255 - other[:, changed]
        after = mixture.log_conditionals(outputs, targets=other, levels=256)
        differs = (before != after).any(axis=(0, 2))
        assert differs.tolist() == [c > changed for c in range(3)]


def test_it_is_exact_far_from_the_mean_where_a_difference_of_sigmoids_is_zero():
    """Against decimals of 2,000 digits: a bell of scale e^-7 at 0, out to 1,092 scales."""
    levels = np.arange(0, 256, 17)
    outputs = np.broadcast_to([0.0, 0.0, -7.0], (len(levels), 3))
    log_p, _ = mixture.forward(outputs, targets=levels[:, None], levels=256)
    with decimal.localcontext() as context:
        context.prec = 2000
        inverse = decimal.Decimal(float(np.exp(7.0)))
        sigmoid = lambda z: 1 / (1 + (-z).exp())
        for v, found in zip(levels.tolist(), log_p):
            x = 2 * decimal.Decimal(v) / 255 - 1
            half = 1 / decimal.Decimal(255)
            upper = sigmoid(inverse * (x + half)) if v < 255 else decimal.Decimal(1)
            lower = sigmoid(inverse * (x - half)) if v > 0 else decimal.Decimal(0)
            context.prec = 30
            mass = 1 - lower if v == 255 else upper - lower
            expected = float(mass.ln())
            context.prec = 2000
            assert abs(found - expected) <= 1e-13 * abs(expected)
    assert log_p.min() < -1000


# it is the published formula


def published(outputs, targets, M):
    """log p (N,) of three colours of 256 levels, by discretized_mix_logistic_loss.

    That is a function of the authors' nn.py, copied line by line.
    """
    log_sum_exp = lambda x: np.log(np.exp(x - x.max(-1, keepdims=True)).sum(-1)) + x.max(-1)
    sigmoid = lambda z: 1 / (1 + np.exp(-z))
    softplus = lambda z: np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))
    x = (targets - 127.5) / 127.5
    logit_probs, rest = outputs[:, :M], outputs[:, M:].reshape(-1, 3, 3 * M)
    means, log_scales = rest[..., :M], np.maximum(rest[..., M:2 * M], -7)
    coeffs = np.tanh(rest[..., 2 * M:])
    m2 = means[:, 1] + coeffs[:, 0] * x[:, 0, None]
    m3 = means[:, 2] + coeffs[:, 1] * x[:, 0, None] + coeffs[:, 2] * x[:, 1, None]
    means = np.stack([means[:, 0], m2, m3], axis=1)
    x = x[..., None]
    centered, inv_stdv = x - means, np.exp(-log_scales)
    plus_in, min_in = inv_stdv * (centered + 1 / 255), inv_stdv * (centered - 1 / 255)
    mid_in = inv_stdv * centered
    log_cdf_plus, log_one_minus_cdf_min = plus_in - softplus(plus_in), -softplus(min_in)
    cdf_delta = sigmoid(plus_in) - sigmoid(min_in)
    log_pdf_mid = mid_in - log_scales - 2 * softplus(mid_in)
    inside = np.where(cdf_delta > 1e-5, np.log(np.maximum(cdf_delta, 1e-12)),
                      log_pdf_mid - np.log(127.5))
    log_probs = np.where(x < -0.999, log_cdf_plus,
                         np.where(x > 0.999, log_one_minus_cdf_min, inside))
    return log_sum_exp(log_probs.sum(axis=1) + logit_probs - log_sum_exp(logit_probs)[:, None])


@pytest.mark.parametrize("log_scale", [-1.0, -3.0, -6.0])
def test_the_robust_form_is_the_published_one_and_the_exact_one_is_close_to_it(log_scale):
    rng = np.random.default_rng(0)
    outputs = random_outputs(rng, 500, M=10, log_scale=log_scale)
    targets = rng.integers(0, 256, (500, 3))
    targets[:50] = rng.choice([0, 255], (50, 3))
    with np.errstate(over="ignore"):
        expected = published(outputs, targets, 10)
    robust, _ = mixture.forward(outputs, targets=targets, levels=256, robust=True)
    exact, _ = mixture.forward(outputs, targets=targets, levels=256)
    # a difference of sigmoids of about 1e-5 is right to 1e-11
    np.testing.assert_allclose(robust, expected, rtol=1e-10)
    # the density at the middle of a bin is its mean to within (half / s)² / 6: 2e-5 for each of
    # three colours with s around e^-1, and large for narrow bells
    assert (exact != robust).any()
    assert log_scale < -1 or np.abs(exact - robust).max() <= 1e-3


@pytest.mark.parametrize("levels", [2, 16, 256, 257, 1024, 4096, 65536])
def test_the_narrowest_bell_is_as_narrow_in_levels_as_the_published_one(levels):
    """At 256 levels s = e^-7 leaves a level σ(e^7 / 255) - σ(-e^7 / 255) = 0.973: 0.039 bits.

    With more levels it is the same.
    """
    level = levels // 2
    outputs = np.array([[0.0, 2 * level / (levels - 1) - 1, -50.0]])
    log_prob, _ = mixture.forward(outputs, targets=np.array([[level]]), levels=levels)
    least = np.log(expit(np.exp(7) / 255) - expit(-np.exp(7) / 255))
    assert log_prob[0] == pytest.approx(least, rel=1e-10) if levels >= 256 else log_prob[0] > -1e-12
    uniforms = np.array([[1e-3], [0.5], [0.98]])  # 0.0135 of the mass lies on either side
    drawn = mixture.draw(np.repeat(outputs, 3, axis=0), uniforms=uniforms, levels=levels)
    assert (drawn == ([[level - 1], [level], [level]] if levels >= 256 else level)).all()


@pytest.mark.parametrize("levels", [256, 1024, 65536])
@pytest.mark.parametrize("robust", [False, True])
def test_the_gradient_stops_at_the_bound_of_the_scale_and_is_torchs_above_it(levels, robust):
    torch = pytest.importorskip("torch")
    bound = -7 - math.log((levels - 1) / 255)
    rng = np.random.default_rng(0)
    targets = rng.integers(1, levels - 1, (60, 1))
    x = 2 * targets / (levels - 1) - 1
    log_scales = bound + np.linspace(-2, 3, 60)[:, None]
    outputs = np.concatenate(
        [np.zeros((60, 1)), x + np.exp(bound) * rng.standard_normal((60, 1)), log_scales], axis=1
    )
    log_prob, cache = mixture.forward(outputs, targets=targets, levels=levels, robust=robust)
    found, = mixture.backward(np.ones(60), cache)
    t = torch.tensor(outputs, requires_grad=True)
    inverse = torch.exp(-torch.clamp(t[:, 2], min=bound))
    away, half = torch.tensor(x[:, 0]) - t[:, 1], 1 / (levels - 1)
    expected = torch.log(
        torch.sigmoid(inverse * (away + half)) - torch.sigmoid(inverse * (away - half))
    )
    expected.sum().backward()
    np.testing.assert_allclose(
        log_prob, expected.detach(), rtol=1e-6, atol=1e-8
    )  # the difference of sigmoids cancels
    np.testing.assert_allclose(
        found[:, 1:], t.grad[:, 1:], rtol=1e-5, atol=1e-5 * float(t.grad.abs().max())
    )
    assert (found[log_scales[:, 0] < bound, 2] == 0).all() and (
        found[log_scales[:, 0] > bound, 2] != 0
    ).all()


@pytest.mark.parametrize("log_scale", [700.0, 746.0, 1e4, 1e30])
def test_a_bell_so_wide_that_its_inverse_scale_is_zero_is_still_a_bell(log_scale):
    """Both σ tend to 1/2, so log p of an inner level is log(2 h / s) + 2 log(1/2).

    It falls by 1 for each unit of log s.
    """
    outputs = np.array([[0.0, 0.1, log_scale]])
    with np.errstate(all="raise", under="ignore"):
        log_prob, cache = mixture.forward(outputs, targets=np.array([[100]]), levels=256)
        gradient, = mixture.backward(np.ones(1), cache)
    assert log_prob[0] == pytest.approx(
        math.log(2 / 255) - log_scale + 2 * math.log(0.5), rel=1e-14
    )
    assert gradient[0, 2] == pytest.approx(-1)
    ends = mixture.forward(
        np.repeat(outputs, 2, axis=0), targets=np.array([[0], [255]]), levels=256
    )[0]
    np.testing.assert_allclose(ends, math.log(0.5), rtol=1e-12)


def test_the_numbers_of_a_pixel_are_a_hundred_for_three_colours_and_thirty_for_one():
    assert mixture.size(10, 3) == 100 and mixture.size(10, 1) == 30 and mixture.size(5, 1) == 15
    for C in range(1, 6):                                                  # each place once
        places = np.concatenate([rows.reshape(-1) for rows in mixture.layout(4, C)])
        assert sorted(places) == list(range(mixture.size(4, C)))


# what is drawn


def drawn_levels(outputs, n, c, levels, others=0.37):
    """n draws of colour c at equally spaced uniforms: (n,), and the pixel that is drawn before c.

    The uniforms of the other colours are all `others`.
    """
    uniforms = np.full((n, 3), others)
    uniforms[:, c] = (np.arange(n) + 0.5) / n
    drawn = mixture.draw(np.tile(outputs, (n, 1)), uniforms=uniforms, levels=levels)
    assert (drawn[:, :c] == drawn[0, :c]).all()
    return drawn[:, c], drawn[:1]


@pytest.mark.parametrize("c", [0, 1, 2])
@pytest.mark.parametrize("levels", [2, 5, 256])
def test_a_uniform_inverts_the_distribution_function_of_its_colour_given_those_before(levels, c):
    for seed in range(3):
        outputs, n = random_outputs(np.random.default_rng(seed)), 20_000
        drawn, pixel = drawn_levels(outputs, n, c, levels)
        assert (np.diff(drawn) >= 0).all()
        p = np.exp(mixture.log_conditionals(outputs[None], targets=pixel, levels=levels))[0, c]
        # a boundary moves at most one uniform on either side
        np.testing.assert_allclose(np.bincount(drawn, minlength=levels) / n, p, atol=1.5 / n)


def law(c, n=200_000, seed=0):
    """p-value of n levels of colour c on the grid of 256, given the colours before it."""
    rng = np.random.default_rng(seed)
    outputs, uniforms = random_outputs(rng, log_scale=-2.0), np.full((n, 3), 0.37)
    uniforms[:, c] = rng.random(n)
    drawn = mixture.draw(np.broadcast_to(outputs, (n, outputs.size)), uniforms=uniforms, levels=256)
    p = np.exp(mixture.log_conditionals(outputs[None], targets=drawn[:1], levels=256))[0, c]
    return p_value(drawn[:, c], p)


@pytest.mark.parametrize("c", [0, 1, 2])
def test_each_colour_drawn_has_its_law_on_the_grid_of_256(c):
    """p > 1e-4: a right sampler fails for one seed in ten thousand, and the seed is fixed."""
    assert law(c) > 1e-4


def joint_law(n=200_000):
    """p-value of n pixels of three colours and four levels against the 64 cells of the joint."""
    rng = np.random.default_rng(0)
    outputs, pixels = random_outputs(rng, log_scale=-1.5), every_image((1, 1, 3), 4)[:, 0, 0]
    p = np.exp(mixture.forward(np.tile(outputs, (64, 1)), targets=pixels, levels=4)[0])
    drawn = mixture.draw(np.tile(outputs, (n, 1)), uniforms=rng.random((n, 3)), levels=4)
    return p_value(drawn @ [16, 4, 1], p)


def test_pixels_drawn_have_the_joint_law():
    assert joint_law() > 1e-4


# planted faults


def faulty_bins(change):
    """_log_p with its Bins changed before anything is made of them."""
    right = mixture.Bins

    def Bins(inverse, upper, lower, width, first, last):
        given = {"inverse": inverse, "upper": upper, "lower": lower, "width": width,
                 "first": first, "last": last}
        return right(**given | change(upper, lower, width, first, last))
    return Bins


def closed_edges(upper, lower, width, first, last):
    return {"first": first & False, "last": last & False}


def half_as_wide(upper, lower, width, first, last):
    return {"width": width / 2}


def bins_of_255(upper, lower, width, first, last):
    return {"upper": upper - 0.001 * width}


BIN_FAULTS = {"closed edges": closed_edges, "bins half as wide": half_as_wide,
              "bins for 255 in place of 256": bins_of_255}


@pytest.mark.parametrize("fault", BIN_FAULTS)
def test_bins_that_do_not_share_the_mass_are_caught(monkeypatch, fault):
    monkeypatch.setattr(mixture, "Bins", faulty_bins(BIN_FAULTS[fault]))
    assert np.abs(totals(256) - 1).max() > 1e-12


def test_a_sum_over_channels_that_is_missing_is_caught(monkeypatch):
    """Each colour with a mixture of its own: the sum is one, and it is another distribution."""
    def alone(log_weights, log_p):
        log_weights = log_weights - np.logaddexp.reduce(log_weights, axis=-1)[..., None]
        return np.broadcast_to(log_weights[..., None, :], log_p.shape)

    monkeypatch.setattr(mixture, "_conditional_weights", alone)
    with pytest.raises(AssertionError):
        test_all_colours_together_sum_to_one_and_factorise_by_the_chain_rule(3, 2, 6)
    assert joint_law() < 1e-4


def test_means_that_move_with_what_comes_later_are_caught(monkeypatch):
    """Blue first: the joint is a distribution still."""
    monkeypatch.setattr(mixture, "pairs", lambda C: [(j, c) for c in range(C) for j in range(c)])
    test_all_colours_together_sum_to_one_and_factorise_by_the_chain_rule(3, 2, 6)
    with pytest.raises(AssertionError):
        test_a_conditional_depends_on_the_colours_before_it_and_on_nothing_later()


def test_coefficients_dealt_out_wrongly_are_caught(monkeypatch):
    layout = mixture.layout
    def reversed_pairs(M, C):
        right = layout(M, C)
        return right._replace(coefficients=right.coefficients[::-1])

    monkeypatch.setattr(mixture, "layout", reversed_pairs)
    with pytest.raises(AssertionError):
        test_the_robust_form_is_the_published_one_and_the_exact_one_is_close_to_it(-1.0)


def test_a_level_one_too_high_is_caught(monkeypatch):
    draw = mixture.draw
    def one_higher(outputs, /, *, uniforms, levels):
        return np.minimum(draw(outputs, uniforms=uniforms, levels=levels) + 1, levels - 1)

    monkeypatch.setattr(mixture, "draw", one_higher)
    assert law(0) < 1e-4 and joint_law() < 1e-4


def test_colours_drawn_from_the_prior_weights_are_caught(monkeypatch):
    """A bell for each colour anew, as if the colours before it said nothing of which one it was."""
    right = mixture._conditional_weights

    def forgetful(log_weights, log_p):
        return right(log_weights, log_p * 0)

    draw = mixture.draw

    def draw_forgetful(outputs, /, *, uniforms, levels):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(mixture, "_conditional_weights", forgetful)
            return draw(outputs, uniforms=uniforms, levels=levels)

    monkeypatch.setattr(mixture, "draw", draw_forgetful)
    assert joint_law() < 1e-4


# bad input


@pytest.mark.parametrize("outputs, targets, words", [
    ((2, 3, 31), np.zeros((2, 3, 1), int), "multiple of 3"),
    ((2, 3, 30), np.zeros((2, 4, 1), int), "(2, 4, 1)"),
    ((2, 3, 30), np.full((2, 3, 1), 256), "found 256 to 256"),
    ((2, 3, 30), np.zeros((2, 3, 1)), "float64"),
    ((2, 3, 0), np.zeros((2, 3, 1), int), "(2, 3, 0)"),
    ((3,), np.array(1), "0 colours"),
])
def test_arguments_that_do_not_fit_are_refused(outputs, targets, words):
    with pytest.raises(ValueError) as error:
        mixture.forward(np.zeros(outputs), targets=targets, levels=256)
    assert words in str(error.value)
