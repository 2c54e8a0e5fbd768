"""Sources of known entropy: normalised, entropies as enumeration gives them, samples as the law
says; planted faults are caught."""

import doctest
import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.stats import chi2

from npixel.data import known_entropy
from npixel.data.known_entropy import (
    BlindCorner, MarkovMesh, NoisyRule, blind_corner, blind_gap, binary_entropy, noisy_rule, parse,
    source)

LN2 = math.log(2)


def random_table(seed):
    return tuple(np.random.default_rng(seed).random(16))


def all_images(H, W):
    return np.array(list(itertools.product((0, 1), repeat=H * W)), np.uint8).reshape(-1, H, W, 1)


def parity_of_everything(x, r, c):
    """A rule that reads the whole image: what is not past must be zero."""
    return x.sum((0, 1), dtype=int) % 2 == 0


SMALL = [NoisyRule(3, 3, eps=0.1), NoisyRule(3, 3, eps=0.3, rule="long_range"),
         NoisyRule(3, 3, eps=0), NoisyRule(2, 5, 0.2), NoisyRule(3, 3, 0.2, parity_of_everything),
         MarkovMesh(3, 3), MarkovMesh(3, 3, random_table(0)), MarkovMesh(3, 3, (0, 1) * 8),
         BlindCorner(3, 3), BlindCorner(4, 2, eps=0.2)]


# The checks: functions, so that a faulty source can be put through them.

def check_normalised(case):
    total = np.exp(case.log_prob(all_images(case.H, case.W))).sum()
    assert abs(total - 1) < 1e-12, total


def check_entropy(case):
    log_prob = case.log_prob(all_images(case.H, case.W))
    possible = log_prob > -np.inf
    enumerated = -(np.exp(log_prob[possible]) * log_prob[possible]).sum()
    assert abs(case.entropy - enumerated) < 1e-12 * max(1, enumerated), (case.entropy, enumerated)


def check_samples(case, n=50_000, seed=1):
    """Pearson's chi-square against the enumerated law; cells with an expected count below 5 are
    pooled."""
    expected = n * np.exp(case.log_prob(all_images(case.H, case.W)))
    bits = case.sample(n, seed).reshape(n, -1) @ (1 << np.arange(case.H * case.W)[::-1])
    observed = np.bincount(bits, minlength=len(expected))
    assert observed[expected == 0].sum() == 0
    rare = expected < 5
    observed, expected = (np.append(a[~rare], a[rare].sum()) for a in (observed, expected))
    observed, expected = observed[expected > 0], expected[expected > 0]
    statistic = ((observed - expected) ** 2 / expected).sum()
    assert chi2.sf(statistic, max(1, len(expected) - 1)) > 1e-4, statistic


def check_future(case, seed=2):
    """Complementing a pixel and all later ones leaves the conditionals of the pixels before, to
    the last bit."""
    images = case.sample(20, seed)
    log_prob = case.log_prob(images, per="subpixel").reshape(20, -1)
    for t in range(case.H * case.W):
        changed = images.reshape(20, -1).copy()
        changed[:, t:] ^= 1
        again = case.log_prob(changed.reshape(images.shape), per="subpixel").reshape(20, -1)
        assert np.array_equal(again[:, :t], log_prob[:, :t])


CHECKS = [check_normalised, check_entropy, check_samples, check_future]


@pytest.mark.parametrize("case", SMALL, ids=str)
@pytest.mark.parametrize("check", CHECKS)
def test_small_sources_agree_with_enumeration(check, case):
    check(case)


class WrongEntropy(NoisyRule):
    entropy = property(lambda self: super().entropy * (1 + 1e-9))


class Unnormalised(NoisyRule):
    def log_prob(self, images, *, per="image"):
        return super().log_prob(images, per=per) + (1e-9 if per == "image" else 0)


class OtherSampler(NoisyRule):
    def sample(self, n, rng=None):
        return NoisyRule(self.H, self.W, self.eps + 0.01, self.rule).sample(n, rng)


class SeesTheFuture(NoisyRule):
    def log_prob(self, images, *, per="image"):
        return super().log_prob(images, per=per) + 1e-12 * np.asarray(images, float)[:, -1:, -1:, :]


@pytest.mark.parametrize("check, fault", list(zip(CHECKS, (Unnormalised, WrongEntropy, OtherSampler,
                                                           SeesTheFuture))))
def test_each_check_catches_its_fault(check, fault):
    check(NoisyRule(3, 3, 0.1))
    with pytest.raises(AssertionError):
        check(fault(3, 3, 0.1))


class RightEdgeForgotten(MarkovMesh):
    """above_right of the last column is taken from the window: the first pixel of the same row."""

    def _context_of_window(self, c):
        s = np.arange(2 ** (self.W + 1))
        return super()._context_of_window(c) | 8 * (s >> self.W - 2 & 1)


class LeftEdgeForgotten(MarkovMesh):
    def _context_of_window(self, c):
        return super()._context_of_window(c) | np.arange(2 ** (self.W + 1)) & 1


class TransposedContext(MarkovMesh):
    def _context_of_window(self, c):
        context = super()._context_of_window(c)
        return context & 10 | (context & 1) << 2 | context >> 2 & 1


@pytest.mark.parametrize("fault", [RightEdgeForgotten, LeftEdgeForgotten, TransposedContext])
def test_enumeration_catches_a_wrong_recursion(fault):
    with pytest.raises(AssertionError):
        check_entropy(fault(3, 3, random_table(3)))


@given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 2**32))
@settings(max_examples=25, deadline=None, derandomize=True)
def test_the_mesh_recursion_equals_brute_force_at_every_shape(H, W, seed):
    check_entropy(MarkovMesh(H, W, random_table(seed)))


@pytest.mark.parametrize("H, W", [(1, 12), (12, 1), (2, 6), (6, 2), (3, 5), (5, 3)])
def test_the_mesh_recursion_equals_brute_force_at_long_shapes(H, W):
    check_entropy(MarkovMesh(H, W, random_table(H)))


@pytest.mark.parametrize("H, W", [(1, 1), (1, 7), (7, 1), (8, 8), (5, 16), (16, 16)])
def test_a_mesh_of_independent_pixels_has_their_entropy(H, W):
    p = 0.3
    assert MarkovMesh(H, W, (p,) * 16).entropy == pytest.approx(H * W * float(binary_entropy(p)),
                                                                rel=1e-12)


@pytest.mark.parametrize("H, W", [(5, 9), (16, 16)])
def test_a_mesh_can_be_the_local_rule_with_its_entropy(H, W):
    eps = 0.1                                          # index bit 0 is left, bit 2 is above
    table = [1 - eps if (i & 1) ^ (i >> 2 & 1) else eps for i in range(16)]
    mesh, rule = MarkovMesh(H, W, tuple(table)), NoisyRule(H, W, eps)
    assert mesh.entropy == pytest.approx(rule.entropy, rel=1e-12)
    images = rule.sample(5, 0)
    assert np.array_equal(mesh.log_prob(images), rule.log_prob(images))
    assert np.array_equal(mesh.sample(5, 0), images)


@pytest.mark.parametrize("H, W", [(1, 1), (2, 7), (8, 8), (28, 28), (3, 40)])
@pytest.mark.parametrize("rule", ["local", "long_range"])
def test_the_noise_alone_decides_the_entropy_of_a_rule(rule, H, W):
    case = NoisyRule(H, W, eps=0.1, rule=rule)
    assert case.entropy == pytest.approx(H * W * -(0.1 * math.log(0.1) + 0.9 * math.log(0.9)),
                                         rel=1e-14)
    # each pixel costs log 1/eps or log 1/(1-eps), independently
    surprise = -case.log_prob(case.sample(2000, 3))
    deviation = math.sqrt(H * W * 0.1 * 0.9 / 2000) * math.log(9)
    assert abs(surprise.mean() - case.entropy) < 4 * deviation


def test_a_rule_without_noise_is_obeyed_pixel_by_pixel():
    image = NoisyRule(4, 5, eps=0, rule=parity_of_everything).sample(1, 0)[0, ..., 0].ravel()
    assert image.tolist() == [1] + [0] * 19
    x = np.zeros((8, 8, 1), np.uint8)
    x[1, 2] = 1
    seen = {(r, c) for r in range(8) for c in range(8) if noisy_rule.long_range(x, r, c)[0]}
    assert seen == {(5, 0), (5, 4)}                    # d = 4, e = 2
    seen = {(r, c) for r in range(8) for c in range(8) if noisy_rule.local(x, r, c)[0]}
    assert seen == {(1, 3), (2, 2)}


def test_the_price_of_the_blind_corner_is_what_ignoring_it_costs():
    case = BlindCorner(4, 3, eps=0.1)
    images = all_images(4, 3)
    p = np.exp(case.log_prob(images))
    nll_of_fair_noise = 12 * LN2                       # the best model that cannot see the corner
    gap = nll_of_fair_noise + (p * case.log_prob(images)).sum()
    assert gap == pytest.approx(case.blind_gap, rel=1e-12)
    expected = 3 * (LN2 + 0.1 * math.log(0.1) + 0.9 * math.log(0.9))
    assert case.blind_gap == blind_gap(4, 0.1) == pytest.approx(expected, rel=1e-14)
    assert blind_gap(1, 0.1) == 0 and blind_gap(5, 0.5) == 0


def test_no_other_pixel_of_the_past_tells_anything_about_the_corner_copy():
    """Mutual information between x[r, 0] and its past without x[r-1, W-1] is zero, by
    enumeration."""
    case = BlindCorner(3, 3, eps=0.1)
    images = all_images(3, 3)
    p = np.exp(case.log_prob(images))
    for r in (1, 2):
        past = [t for t in range(3 * r) if t != 3 * r - 1]
        key = images.reshape(len(images), -1)[:, past] @ (1 << np.arange(len(past)))
        ones = np.bincount(key, p * images[:, r, 0, 0])
        assert np.allclose(ones, np.bincount(key, p) / 2, rtol=0, atol=1e-15)


def test_images_and_samples_have_the_stated_types():
    case = MarkovMesh(3, 5)
    images = case.sample(4, np.random.default_rng(0))
    assert images.shape == (4, 3, 5, 1) and images.dtype == np.uint8
    assert images.flags["C_CONTIGUOUS"]
    assert np.array_equal(case.sample(4, 0), images)   # a seed is a generator
    whole, parts = case.log_prob(images), case.log_prob(images, per="subpixel")
    assert whole.shape == (4,) and parts.shape == images.shape
    assert whole.dtype == parts.dtype == np.float64
    assert np.allclose(parts.sum((1, 2, 3)), whole, rtol=0, atol=1e-12)
    assert np.array_equal(case.log_prob(images.astype(bool)), whole)
    assert np.array_equal(case.log_prob(images.astype(np.int64)), whole)
    assert case.image_shape == (3, 5, 1) and case.levels == 2


@pytest.mark.parametrize("make, message", [
    (lambda: NoisyRule(8, 8, eps=1.5), r"eps must be in \[0, 1\], is 1.5"),
    (lambda: NoisyRule(8, 8, eps=float("nan")), "eps must be in .*, is nan"),
    (lambda: NoisyRule(8, 8, eps="much"), "eps must be a number in .*, is 'much'"),
    (lambda: NoisyRule(8, 8, rule="global"),
     "rule must be one of local, long_range, or a function, is 'global'"),
    (lambda: NoisyRule(0, 8), "H must be an integer of at least 1, is 0"),
    (lambda: BlindCorner(8, 2.5), "W must be an integer of at least 1, is 2.5"),
    (lambda: BlindCorner(8, 1), "W must be at least 2 in blind_corner, is 1"),
    (lambda: BlindCorner(8, 8, eps=-0.1), "eps must be in .*, is -0.1"),
    (lambda: MarkovMesh(8, 17),
     "W must be at most 16 in markov_mesh, whose entropy is computed, is 17"),
    (lambda: MarkovMesh(8, 8, (0.5,) * 15), "table must have 16 entries, has 15"),
    (lambda: MarkovMesh(8, 8, (0.5,) * 15 + (2,)), r"table\[15\] must be in \[0, 1\], is 2.0"),
    (lambda: MarkovMesh(2, 2).sample(0), "n must be an integer of at least 1, is 0"),
    (lambda: MarkovMesh(2, 2).log_prob(np.zeros((1, 2, 3, 1), int)),
     r"images must be \(N, 2, 2, 1\) with N at least 1, have shape \(1, 2, 3, 1\)"),
    (lambda: MarkovMesh(2, 2).log_prob(np.zeros((0, 2, 2, 1), int)), "N at least 1"),
    (lambda: MarkovMesh(2, 2).log_prob(np.zeros((1, 2, 2, 1))),
     "must be integers or bools, are float64"),
    (lambda: MarkovMesh(2, 2).log_prob(np.full((1, 2, 2, 1), 2)), "have 2 to 2"),
    (lambda: MarkovMesh(2, 2).log_prob(np.zeros((1, 2, 2, 1), int), per="pixel"),
     "per must be 'image' or 'subpixel', is 'pixel'"),
    (lambda: parse("noisy_rule"), "name:HxW"),
    (lambda: parse("ising:8x8"), "'ising:8x8' is no source"),
    (lambda: parse("noisy_rule:8"), "size must be HxW, such as 8x8, is '8'"),
    (lambda: parse("noisy_rule:8x8,eps"), "'eps' must be key=value"),
    (lambda: parse("noisy_rule:8x8,eps=.1,eps=.2"), "each key once"),
    (lambda: parse("blind_corner:8x8,rule=local"),
     "blind_corner has no parameter 'rule', it has eps"),
    (lambda: parse("noisy_rule:8x8,eps=2"), "'noisy_rule:8x8,eps=2': eps must be in .*, is 2.0"),
    (lambda: parse("markov_mesh:8x8,table=.1/.2"), "table must have 16 entries, has 2"),
])
def test_bad_input_is_one_line_that_names_it(make, message):
    with pytest.raises(ValueError, match=message) as error:
        make()
    assert "\n" not in str(error.value)


def test_text_and_constructor_make_the_same_source():
    assert parse("noisy_rule:8x8") == NoisyRule(8, 8)
    assert parse("noisy_rule:3x4,rule=long_range,eps=0.2") == NoisyRule(3, 4, 0.2, "long_range")
    table = "/".join(["0.25"] * 16)
    assert parse(f"markov_mesh:3x4,table={table}") == MarkovMesh(3, 4, (0.25,) * 16)
    assert parse("blind_corner:28x28,eps=0.01") == BlindCorner(28, 28, 0.01)


@pytest.mark.parametrize("module", [known_entropy, noisy_rule, blind_corner, source],
                         ids=lambda m: m.__name__)
def test_the_examples_of_the_docstrings_hold(module):
    result = doctest.testmod(module)
    assert result.attempted and not result.failed
