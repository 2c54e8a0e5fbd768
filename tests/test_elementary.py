"""The functions for the inside of kernels, against NumPy in higher precision.

They differ by less than 3 units in the last place.
"""

import numpy as np
import pytest

from npixel.runtime import elementary, kernels

pytestmark = pytest.mark.skipif(not kernels.enabled(), reason="these are NumPy's own functions")


def compiled(function):
    import numba

    @numba.njit(error_model="numpy")
    def over(x, y):
        for i in range(x.size):
            y[i] = function(x[i])

    def run(x):
        y = np.empty_like(x)
        over(x, y)
        return y
    return run


def every(step):
    """Every step-th float32 that is finite."""
    bits = np.arange(0, 2**32, step, dtype=np.uint64).astype(np.uint32)
    x = bits.view(np.float32)
    return x[np.isfinite(x)]


REFERENCE = {"exp": np.exp, "tanh": np.tanh, "sigmoid": lambda x: 1 / (1 + np.exp(-x))}
RANGE = {"exp": (-87, 88), "tanh": (-np.inf, np.inf), "sigmoid": (-87, np.inf)}


@pytest.mark.parametrize("name", REFERENCE)
def test_float32_is_within_three_units_in_the_last_place(name):
    low, high = RANGE[name]
    x = every(1009)     # 4 million of them, all exponents; a prime, so that all mantissas take part
    x = x[(x >= low) & (x <= high)]
    with np.errstate(over="ignore"):
        expected = REFERENCE[name](x.astype(np.float64))
    found = compiled(getattr(elementary, name))(x)
    units = np.spacing(np.abs(expected).astype(np.float32)).astype(np.float64)
    assert np.max(np.abs(found - expected) / units) < 3


@pytest.mark.parametrize("name", REFERENCE)
def test_float64_is_within_three_units_in_the_last_place(name):
    rng = np.random.default_rng(0)
    large = rng.uniform(-30, 30, 200_000)
    small = rng.standard_normal(200_000) * 10.0 ** rng.uniform(-9, 1, 200_000)
    x = np.concatenate([large, small, [0.0, 0.625, -0.625]])
    expected = REFERENCE[name](x.astype(np.longdouble))
    found = compiled(getattr(elementary, name))(x)
    units = np.spacing(np.abs(expected).astype(np.float64))
    assert np.max(np.abs(found - expected) / units) < 3


def test_the_ends_saturate_and_nothing_is_nan():
    for dtype in (np.float32, np.float64):
        x = np.array([-1e30, -1000, -100, 0, 100, 1000, 1e30], dtype)
        sigmoid = compiled(elementary.sigmoid)(x)[[0, 3, 6]]
        assert sigmoid.tolist() == pytest.approx([0, 0.5, 1], abs=1e-37)
        assert compiled(elementary.tanh)(x).tolist() == [-1, -1, -1, 0, 1, 1, 1]
        assert np.isfinite(compiled(elementary.exp)(x)).all()


def test_outside_kernels_they_are_numpys():
    x = np.linspace(-3, 3, 7)
    assert np.array_equal(elementary.tanh(x), np.tanh(x))
    assert np.array_equal(elementary.exp(x), np.exp(x))
    np.testing.assert_allclose(elementary.sigmoid(x), 1 / (1 + np.exp(-x)), rtol=1e-15)


def test_a_coefficient_with_a_wrong_digit_would_be_seen():
    """The bound of three units notices one part in a million of one coefficient."""
    x = np.linspace(-0.3, 0.3, 1001)
    s = x * x
    expected = np.tanh(x.astype(np.longdouble))
    p = -9.64399179425052238628e-1 * s - 9.92877231001918586564e1
    p = p * s - 1.61468768441708447952e3 * (1 + 1e-6)
    q = (s + 1.12811678491632931402e2) * s + 2.23548839060100448583e3
    q = q * s + 4.84406305325125486048e3
    units = np.spacing(np.maximum(np.abs(expected).astype(float), 1e-3))
    assert np.max(np.abs(x + x * s * (p / q) - expected) / units) > 3
