"""The MCGSM is the authors' density, to the digits that their program prints.

It integrates to one, in raw units too, and what is drawn has its law. Each check is itself checked
by faults that are easy to make. Features' weights are not squared, a gate lacks the precision, or a
determinant or Jacobian is forgotten.
"""

import numpy as np
import pytest
from scipy import stats
from scipy.special import logsumexp, ndtr

from npixel import whitening
from npixel.losses import mcgsm


def waves():
    """sin(0.7 k + 0.3), k = 1, 2, ..., as arrays of any shape, one after the other."""
    k = 0

    def take(*shape):
        nonlocal k
        count = int(np.prod(shape))
        k += count
        return np.sin(0.7 * np.arange(k - count + 1, k + 1) + 0.3).reshape(shape)

    return take


def golden(C=3, D=1, M=2, G=2, F=4, B=5):
    """h, y and weights, filled in the order in which the authors' program was.

    That order is η, α, w, b, then every A_m, then every L_m (1 + 0.2 v on the diagonal), then h and
    y in turn.
    """
    take = waves()
    eta, alpha, w, b = take(M, G), take(M, G), take(M, F), take(C, F)
    A = np.stack([take(D, C) for _ in range(M)])
    factors = np.zeros((M, D, D))
    for factor in factors:
        factor[np.tril_indices(D)] = take(D * (D + 1) // 2)
        factor[np.diag_indices(D)] = 1 + 0.2 * np.diag(factor)
        factor[0, 0] = 1
    pairs = [(take(C), take(D)) for _ in range(B)]
    h, y = (np.stack(arrays) for arrays in zip(*pairs))
    return h, y, mcgsm.Weights(eta, alpha, w, b, A, mcgsm.lower_entries(factors), np.zeros((M, D)))


def random(D, *, C=3, M=3, G=2, F=4, B=7, seed=0, means=True, dtype=np.float64):
    rng = np.random.default_rng(seed)
    shapes = mcgsm.shapes(C, D, components=M, scales=G, features=F, means=means)
    weights = mcgsm.Weights(*(rng.standard_normal(shape).astype(dtype) for shape in shapes))
    h, y = rng.standard_normal((B, C)), rng.standard_normal((B, D))
    return h.astype(dtype), y.astype(dtype), weights


# the published program


LOG_PROB = [-1.991952368537, -1.837659089565, -1.691421776245, -1.677164979203, -1.759491923826]
POSTERIOR = [.7348184392, .8524349036, .8885733840, .8635331911, .7602277831]
PRIOR = [.6297376434, .6287003513, .6264112562, .6238957882, .6222896566]


def test_likelihoods_shares_objective_and_gradient_are_those_of_the_authors_program():
    """Values printed by their C++ (lucastheis/cmt, commit 39cf7a3), to as many digits as it has."""
    h, y, weights = golden()
    log_prob, cache = mcgsm.forward(h, *weights, targets=y)
    assert np.abs(log_prob - LOG_PROB).max() <= 1e-11
    posterior, prior = mcgsm.posterior(h, *weights, targets=y), mcgsm.prior(h, *weights)
    assert np.abs(posterior[:, 0] - POSTERIOR).max() <= 6e-11              # ten digits were printed
    assert np.abs(prior[:, 0] - PRIOR).max() <= 6e-11
    # their objective: bits per dimension
    assert abs(-log_prob.mean() / np.log(2) - 2.584643027802) <= 1e-11
    gradients = mcgsm.backward(np.full(5, -1 / 5 / np.log(2)), cache)[1:]
    assert sum(g.size for g in gradients) == 36
    assert abs(np.sqrt(sum((g**2).sum() for g in gradients)) - 0.621295557478) <= 1e-11


@pytest.mark.parametrize("D, means", [(1, True), (1, False), (2, True), (3, False)])
def test_the_number_of_weights_is_the_formula(D, means):
    M, G, F, C = 5, 3, 4, 6
    weights = mcgsm.init(np.random.default_rng(0), C, D, components=M, scales=G, features=F,
                         means=means, dtype=np.float32)
    expected = 2 * M * G + M * F + C * F + M * D * C + M * (D * (D + 1) // 2 - 1)
    assert sum(array.size for array in weights) == expected + (M * D if means else 0)
    assert all(array.dtype == np.float32 for array in weights)


def definition(h, y, weights):
    """log p of one row, from the header: a loop over components and scales, with SciPy's normal."""
    eta, alpha, w, b, A, L, mu = weights
    (M, G), D = eta.shape, A.shape[1]
    gates, experts = np.empty((M, G)), np.empty((M, G))
    for m in range(M):
        precision = mcgsm.lower(L, D)[m] @ mcgsm.lower(L, D)[m].T
        q = sum(w[m, f]**2 * (b[:, f] @ h)**2 for f in range(b.shape[1]))
        for g in range(G):
            gates[m, g] = eta[m, g] - 0.5 * np.exp(alpha[m, g]) * q
            covariance = np.linalg.inv(np.exp(alpha[m, g]) * precision)
            mean = A[m] @ h + (mu[m] if len(mu) else 0)
            experts[m, g] = stats.multivariate_normal(mean, covariance).logpdf(y)
    return np.log(np.exp(gates + experts).sum()) - np.log(np.exp(gates).sum())


@pytest.mark.parametrize("D, means", [(1, True), (1, False), (2, True), (3, True), (3, False)])
def test_it_is_its_definition(D, means):
    h, y, weights = random(D, means=means)
    log_prob, _ = mcgsm.forward(h, *weights, targets=y)
    expected = [definition(*row, weights) for row in zip(h, y)]
    np.testing.assert_allclose(log_prob, expected, rtol=1e-10)             # inv costs digits


@pytest.mark.parametrize("D", [1, 3])
def test_many_rows_are_the_rows_one_by_one(D):
    def forward(part):
        return mcgsm.forward(h[part], *weights, targets=y[part])

    h, y, weights = random(D, B=2 * mcgsm.BLOCK + 5)
    log_prob, cache = forward(slice(None))
    dlog_prob = np.random.default_rng(1).standard_normal(len(h))
    some = [0, 1, mcgsm.BLOCK - 1, mcgsm.BLOCK, 2 * mcgsm.BLOCK + 4]
    alone = [forward(slice(i, i + 1))[0][0] for i in some]
    np.testing.assert_allclose(log_prob[some], alone, rtol=1e-12)
    whole = mcgsm.backward(dlog_prob, cache)
    halves = slice(0, 900), slice(900, None)
    parts = [mcgsm.backward(dlog_prob[half], forward(half)[1]) for half in halves]
    dh = np.concatenate([part[0] for part in parts])
    np.testing.assert_allclose(whole[0], dh, rtol=0, atol=1e-12)
    for gradient, first, second in zip(whole[1:], parts[0][1:], parts[1][1:]):
        # sums of 2,000 terms
        np.testing.assert_allclose(gradient, first + second, rtol=0, atol=1e-10)


def test_far_away_and_at_enormous_precision_nothing_overflows():
    h, y, weights = random(1)
    weights.alpha[0, 0], weights.alpha[1, 1] = 60, -60
    log_prob, cache = mcgsm.forward(1e3 * h, *weights, targets=1e6 * y)
    assert np.isfinite(log_prob).all()
    assert all(np.isfinite(g).all() for g in mcgsm.backward(np.ones(len(h)), cache))


# gradients


def torch_log_prob(torch, h, y, eta, alpha, w, b, A, L, mu):
    """The header once more, in PyTorch."""
    M, D, _ = A.shape
    row, column = (torch.tensor(indices[1:]) for indices in np.tril_indices(D))
    factors = torch.zeros(M, D, D, dtype=h.dtype)
    factors[:, 0, 0] = 1
    factors = factors.index_put((torch.arange(M)[:, None], row, column), L)
    q = (w**2 @ ((h @ b)**2).T).T[:, :, None]                              # (P, K, 1)
    r = y[:, None] - torch.einsum("kdm,pm->pkd", A, h) - (mu if len(mu) else 0)
    e = torch.einsum("kde,pkd->pke", factors, r).square().sum(-1)[:, :, None]
    gate = eta - alpha.exp() * q / 2
    log_det = torch.diagonal(factors, dim1=1, dim2=2).abs().log().sum(1)[:, None]
    expert = D / 2 * alpha + log_det - D / 2 * np.log(2 * np.pi) - alpha.exp() * e / 2
    return (gate + expert).flatten(1).logsumexp(1) - gate.flatten(1).logsumexp(1)


def against_torch(D, means):
    """max |a - b| / max |b| over the likelihood and all gradients."""
    torch = pytest.importorskip("torch")
    h, y, weights = random(D, means=means, B=50)
    log_prob, cache = mcgsm.forward(h, *weights, targets=y)
    dlog_prob = np.random.default_rng(2).standard_normal(50)
    leaves = [torch.tensor(array, requires_grad=True) for array in (h, *weights)]
    expected = torch_log_prob(torch, leaves[0], torch.tensor(y), *leaves[1:])
    expected.backward(torch.tensor(dlog_prob))
    gradients = mcgsm.backward(dlog_prob, cache)
    pairs = [(log_prob, expected.detach().numpy()),
             *((g, leaf.grad.numpy()) for g, leaf in zip(gradients, leaves) if leaf.numel())]
    return max(np.abs(a - b).max() / np.abs(b).max() for a, b in pairs)


@pytest.mark.parametrize("D, means", [(1, True), (1, False), (2, True), (3, True), (3, False)])
def test_gradients_of_every_weight_and_of_the_input_are_autograds(D, means):
    assert against_torch(D, means) <= 1e-10


# it is a density, in the units of the data


def total(D, whitened, *, precision=1.0, seed=0):
    """∫ p(y | x) dy by the trapezoid rule, where y is in raw units.

    They are those of a photograph in [0, 1], where the Jacobian is large.
    """
    rng = np.random.default_rng(seed)
    _, _, weights = random(D, C=4, seed=seed)
    weights.alpha[...] = 0.3 * weights.alpha + precision
    if D > 1:
        one = mcgsm.lower_entries(np.broadcast_to(np.eye(D), (3, D, D)))
        weights.L[...] = 0.2 * weights.L + one
    mix = rng.standard_normal((4 + D, 4 + D))
    samples = 0.4 + 0.03 * rng.standard_normal((2000, 4 + D)) @ mix
    x, y = samples[:, :4], samples[:, 4:]
    map_ = whitening.fit(x, y) if whitened else whitening.identity(4, D)
    white_x = whitening.inputs(x[:1] if whitened else rng.standard_normal((1, 4)), map_)
    base = whitening.predict(white_x, map_)
    # in white units: everything that is not negligible
    side = np.linspace(-12, 12, 4001 if D == 1 else 601)
    white = np.stack(np.meshgrid(*[side] * D, indexing="ij"), axis=-1).reshape(-1, D)
    y = whitening.restore(white, base, map_)
    h = np.broadcast_to(white_x, (len(y), 4))
    log_prob, _ = mcgsm.forward(h, *weights, targets=whitening.outputs(y, base, map_))
    cell = (side[1] - side[0])**D / abs(np.linalg.det(map_.w_y))           # in raw units
    return np.exp(log_prob + whitening.log_jacobian(map_)).sum() * cell


@pytest.mark.parametrize("D", [1, 2])
@pytest.mark.parametrize("whitened", [False, True])
def test_it_integrates_to_one_in_raw_units(D, whitened):
    # the tails lie beyond 12 of at least ten deviations
    assert abs(total(D, whitened) - 1) <= 1e-9


def test_the_raw_grid_is_a_grid_in_raw_units():
    """The same integral by SciPy, over raw y, for one number: it uses of the map what RIDE uses."""
    from scipy.integrate import quad
    _, _, weights = random(1, C=2)
    rng = np.random.default_rng(3)
    x = 0.5 + 0.1 * rng.standard_normal((500, 2))
    y = x @ [[0.5], [0.3]] + 0.01 * rng.standard_normal((500, 1))
    map_ = whitening.fit(x, y)
    white_x = whitening.inputs(x[:1], map_)
    base = whitening.predict(white_x, map_)

    def density(value):
        white_y = whitening.outputs(np.array([[value]]), base, map_)
        log_prob, _ = mcgsm.forward(white_x, *weights, targets=white_y)
        return float(np.exp(log_prob[0] + whitening.log_jacobian(map_)))

    middle = float(base[0, 0])
    integral, _ = quad(density, middle - 0.5, middle + 0.5, points=[middle], limit=500)
    assert abs(integral - 1) <= 1e-7


def test_whitening_makes_white_noise_and_comes_back():
    rng = np.random.default_rng(0)
    both = 0.4 + rng.standard_normal((5000, 6)) @ rng.standard_normal((6, 6))
    x, y = both[:, :4], both[:, 4:]
    map_ = whitening.fit(x, y)
    white_x = whitening.inputs(x, map_)
    base = whitening.predict(white_x, map_)
    white_y = whitening.outputs(y, base, map_)
    together = np.concatenate([white_x, white_y], axis=1)
    np.testing.assert_allclose(together.T @ together / 5000, np.eye(6), atol=1e-10)
    np.testing.assert_allclose(whitening.restore(white_y, base, map_), y, atol=1e-12)
    x1 = np.column_stack([np.ones(5000), x])
    residual = y - x1 @ np.linalg.lstsq(x1, y, rcond=None)[0]
    # the linear prediction is least squares
    np.testing.assert_allclose(y - base, residual, atol=1e-10)
    # a standard normal in white units is the linear-Gaussian predictor
    expected = stats.multivariate_normal(np.zeros(2), residual.T @ residual / 5000).logpdf(residual)
    log_prob = stats.norm.logpdf(white_y).sum(axis=1) + whitening.log_jacobian(map_)
    np.testing.assert_allclose(log_prob, expected, rtol=1e-9)


@pytest.mark.parametrize("rows, words", [(3, "too few"), (50, "no density")])
def test_data_that_cannot_be_whitened_are_refused(rows, words):
    x, y = np.random.default_rng(0).random((rows, 2)), np.ones((rows, 1))
    with pytest.raises(ValueError, match=words):
        whitening.fit(x, y)


# what is drawn


DRAWS = 20_000


def drawn(D, seed=0):
    """Many draws for one h, each with what the mixture is for it."""
    h, _, weights = random(D, seed=seed)
    h = np.broadcast_to(h[:1], (DRAWS, h.shape[1]))
    uniforms = np.random.default_rng(seed + 1).random((DRAWS, D))
    return mcgsm.draw(h, *weights, uniforms=uniforms), mixture_of_normals(h[0], weights)


def mixture_of_normals(h, weights):
    """Shares (M G,), means (M G, D) and covariances (M G, D, D), by the header."""
    eta, alpha, w, b, A, L, mu = weights
    D = A.shape[1]
    gate = eta - 0.5 * np.exp(alpha) * (w**2 @ (b.T @ h)**2)[:, None]
    shares = np.exp(gate - gate.max())
    factors = mcgsm.lower(L, D)
    precisions = np.exp(alpha)[..., None, None] * (factors @ factors.transpose(0, 2, 1))[:, None]
    covariances = np.linalg.inv(precisions)
    means = np.repeat((A @ h + mu)[:, None], eta.shape[1], axis=1)
    return (shares / shares.sum()).reshape(-1), means.reshape(-1, D), covariances.reshape(-1, D, D)


def kolmogorov_smirnov(values, cdf):
    return stats.kstest(values, cdf).pvalue


def cdf_of(shares, means, variances):
    def cdf(v):
        return (shares * ndtr((np.asarray(v)[:, None] - means) / np.sqrt(variances))).sum(axis=-1)
    return cdf


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_draws_of_one_number_follow_the_distribution_function(seed):
    y, (shares, means, covariances) = drawn(1, seed)
    assert kolmogorov_smirnov(y[:, 0], cdf_of(shares, means[:, 0], covariances[:, 0, 0])) > 1e-4


@pytest.mark.parametrize("seed", [0, 1])
def test_draws_of_two_numbers_follow_the_marginal_and_the_conditional(seed):
    """F1(y1) and F2(y2 | y1) are uniform and independent.

    F1 is the distribution function of y1, and F2 that of y2 given y1.
    """
    y, (shares, means, covariances) = drawn(2, seed)
    assert kolmogorov_smirnov(y[:, 0], cdf_of(shares, means[:, 0], covariances[:, 0, 0])) > 1e-4
    variance = covariances[:, 0, 0]
    first = shares * np.exp(-0.5 * (y[:, :1] - means[:, 0])**2 / variance) / np.sqrt(variance)
    given = first / first.sum(axis=1, keepdims=True)                       # (draws, M G): given y1
    slope = covariances[:, 1, 0] / covariances[:, 0, 0]
    mean = means[:, 1] + slope * (y[:, :1] - means[:, 0])
    deviation = np.sqrt(covariances[:, 1, 1] - slope * covariances[:, 1, 0])
    u2 = (given * ndtr((y[:, 1:] - mean) / deviation)).sum(axis=1)
    assert kolmogorov_smirnov(u2, "uniform") > 1e-4
    u1 = cdf_of(shares, means[:, 0], covariances[:, 0, 0])(y[:, 0])
    assert abs(stats.spearmanr(u1, u2).statistic) < 4 / np.sqrt(DRAWS)


def test_the_two_ends_of_the_uniforms_are_finite_numbers():
    h, _, weights = random(2)
    for end in (0.0, 1 - 2.0**-53):
        assert np.isfinite(mcgsm.draw(h, *weights, uniforms=np.full((len(h), 2), end))).all()


# faults


def wrong(monkeypatch, name):
    """One fault, made in the module's own function."""
    right = mcgsm._shares

    def log_det_of(weights):
        D = weights.A.shape[1]
        diagonals = np.diagonal(mcgsm.lower(weights.L, D), axis1=1, axis2=2)
        return np.log(np.abs(diagonals)).sum(axis=1)

    def log_sum(a):
        """(B, M, G) -> (B,)"""
        return logsumexp(a, axis=(1, 2))

    def without_squares(rows, y, weights):
        return right(rows, y, weights._replace(w=np.sqrt(np.abs(weights.w))))

    def without_precision(rows, y, weights):
        block, D = right(rows, y, weights), weights.A.shape[1]
        gate = weights.eta - 0.5 * ((block.f**2) @ (weights.w**2).T)[:, :, None]
        log_normal = log_det_of(weights)[:, None] - D / 2 * np.log(2 * np.pi)
        energy = np.exp(weights.alpha) * block.e[:, :, None]
        joint = gate + D / 2 * weights.alpha + log_normal - 0.5 * energy
        return block._replace(log_joint=log_sum(joint), log_gate=log_sum(gate))

    def without_determinant(rows, y, weights):
        block = right(rows, y, weights)
        shares = block.joint * np.exp(-log_det_of(weights))[:, None, None]
        return block._replace(log_joint=block.log_joint + np.log(shares.sum(axis=(0, 1))))

    faults = {"squares": without_squares, "precision": without_precision,
              "determinant": without_determinant}
    monkeypatch.setattr(mcgsm, "_shares", faults[name])


@pytest.mark.parametrize("fault", ["squares", "precision"])
def test_a_wrong_gate_integrates_to_one_and_is_caught_by_the_golden_values(monkeypatch, fault):
    """The gate is normalised whatever it is: only another program or the definition can tell."""
    wrong(monkeypatch, fault)
    assert abs(total(1, True) - 1) <= 1e-9
    h, y, weights = golden()
    assert np.abs(mcgsm.forward(h, *weights, targets=y)[0] - LOG_PROB).max() > 1e-3
    h, y, weights = random(2)
    assert abs(mcgsm.forward(h, *weights, targets=y)[0][0] - definition(h[0], y[0], weights)) > 1e-3


def test_a_forgotten_determinant_is_caught_by_the_integral(monkeypatch):
    wrong(monkeypatch, "determinant")
    assert abs(total(2, False) - 1) > 1e-2
    assert abs(total(1, False) - 1) <= 1e-9            # of one number there is no determinant


@pytest.mark.parametrize("D", [1, 2])
def test_a_forgotten_jacobian_is_caught_by_the_integral_in_raw_units_alone(monkeypatch, D):
    monkeypatch.setattr(whitening, "log_jacobian", lambda weights: 0.0)
    assert abs(total(D, True) - 1) > 0.5 and abs(total(D, False) - 1) <= 1e-9


def test_draws_with_the_wrong_scale_are_caught(monkeypatch):
    right = mcgsm.draw

    def wide(h, *weights, uniforms):
        return 1.1 * right(h, *weights, uniforms=uniforms)

    monkeypatch.setattr(mcgsm, "draw", wide)
    with pytest.raises(AssertionError):
        test_draws_of_one_number_follow_the_distribution_function(0)


@pytest.mark.parametrize("change, words", [
    ({"h": np.zeros((7, 2))}, "b expects 3 features, h has 2"),
    ({"targets": np.zeros((7, 2))}, r"targets must be \(7, 1\)"),
    ({"mu": np.zeros((2, 1))}, r"mu must be \(3, 1\)"),
    ({"L": np.zeros((3, 1))}, r"L must be \(3, 0\)"),
])
def test_arguments_that_do_not_fit_are_refused(change, words):
    h, y, weights = random(1)
    arguments = {"h": h, **weights._asdict(), "targets": y} | change
    targets = arguments.pop("targets")
    with pytest.raises(ValueError, match=words):
        mcgsm.forward(*arguments.values(), targets=targets)
