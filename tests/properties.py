"""The promises that every layer keeps, each a function that raises AssertionError where one is
broken.

A promise takes a layer (a module with forward and backward, or anything that looks like one), a
Case and a numpy Generator. The tests in test_layers.py hold every layer of both packages to every
promise that applies. Those in test_harness.py plant a fault for each promise and see it caught.

    gradient                     central differences along a random direction, under a random
                                 cotangent
    nothing_is_mutated           arguments, cotangent and cache stay as they were; a cache can be
                                 used twice
    dtype_is_kept                float32 in, float32 out; losses return float64
    backward_is_linear           in its cotangent
    batch_members_are_independent    bit for bit
    past_is_exact                the derivative is non-zero exactly where theory says, and nothing
                                 else has influence, bit for bit
    step_is_forward              any strips, each told and asked twice, noise first
"""

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Callable

import numpy as np


@dataclass
class Case:
    """One call of a layer, with what theory says of it."""
    arguments: tuple  # what stands left of "/": data first, then weights
    configuration: dict = field(default_factory=dict)  # what stands right of "*"
    data: int = 1  # how many of the arguments have the batch as their first axis
    # past(output index) -> bool array like arguments[0][0]: what that output may depend on
    past: Callable | None = None
    # what `reach` must be told beside the configuration: sizes that forward reads off the weights
    structure: dict = field(default_factory=dict)
    steps: bool = False  # the layer is causal here, so start and step must give forward's numbers
    differences: int = 3                               # random directions tried
    scale: float = 1e-5                                # step of the central difference


def noise(rng, array):
    """Random numbers of the array's shape and dtype."""
    return rng.standard_normal(np.shape(array)).astype(np.asarray(array).dtype)


def gradient(layer, case, rng):
    """< dy, y(a + e v) - y(a - e v) > / 2e  =  < backward(dy), v >

    in float64, for random dy and v.
    """
    arguments = [np.asarray(a, np.float64) for a in case.arguments]
    y, cache = layer.forward(*arguments, **case.configuration)
    for _ in range(case.differences):
        dy = rng.standard_normal(np.shape(y))
        gradients = layer.backward(dy, cache)
        assert len(gradients) == len(arguments), (
            f"{len(gradients)} gradients for {len(arguments)} arguments")
        for i, (argument, d) in enumerate(zip(arguments, gradients)):
            assert np.shape(d) == np.shape(argument), (
                f"gradient {i} has shape {np.shape(d)}, its argument {np.shape(argument)}")
            v = rng.standard_normal(np.shape(argument))
            ahead, behind = ([a + sign * case.scale * v if j == i else a
                              for j, a in enumerate(arguments)] for sign in (1, -1))
            y_ahead, y_behind = (layer.forward(*point, **case.configuration)[0]
                                 for point in (ahead, behind))
            difference = (y_ahead - y_behind) / (2 * case.scale)
            expected, found = (dy * difference).sum(), (d * v).sum()
            # the difference's own error: rounding eps / scale and truncation scale², each times the
            # size of what is summed
            size = np.abs(dy * difference).sum() + np.abs(d * v).sum() + np.abs(dy * y).sum() + 1e-3
            assert abs(expected - found) <= 1e-7 * size, (
                f"argument {i}: backward says {found}, differences say {expected}")


def nothing_is_mutated(layer, case, rng):
    """Functions leave their arguments, dy and the cache as they found them, so a cache answers
    twice alike."""
    arguments = [np.array(a) for a in case.arguments]
    before = [a.copy() for a in arguments]
    y, cache = layer.forward(*arguments, **case.configuration)
    dy = noise(rng, y)
    dy_before = dy.copy()
    first = [np.array(d) for d in layer.backward(dy, cache)]
    second = layer.backward(dy, cache)
    for i, (a, b) in enumerate(zip(arguments, before)):
        assert np.array_equal(a, b), f"argument {i} was changed"
    assert np.array_equal(dy, dy_before), "dy was changed"
    for i, (a, b) in enumerate(zip(first, second)):
        assert np.array_equal(a, b), f"gradient {i} differs when backward is called again"


def dtype_is_kept(layer, case, rng, *, output=None):
    """The dtype that comes in goes out.

    output: the dtype of y where it is fixed (losses return float64)
    """
    for dtype in (np.float32, np.float64):
        arguments = [np.asarray(a, dtype) for a in case.arguments]
        y, cache = layer.forward(*arguments, **case.configuration)
        assert y.dtype == (output or dtype), f"y is {y.dtype} for {np.dtype(dtype)} arguments"
        for i, d in enumerate(layer.backward(noise(rng, y), cache)):
            assert np.asarray(d).dtype == dtype, (
                f"gradient {i} is {np.asarray(d).dtype} for {np.dtype(dtype)} arguments")


def backward_is_linear(layer, case, rng):
    """backward(a dy + b dz) = a backward(dy) + b backward(dz)"""
    arguments = [np.asarray(a, np.float64) for a in case.arguments]
    y, cache = layer.forward(*arguments, **case.configuration)
    dy, dz = noise(rng, y), noise(rng, y)
    for both, one, other in zip(*(layer.backward(d, cache) for d in (2 * dy - 3 * dz, dy, dz))):
        np.testing.assert_allclose(both, 2 * one - 3 * other, rtol=0,
                                   atol=1e-11 * (1 + np.abs(one).max(initial=0)
                                                 + np.abs(other).max(initial=0)),
                                   err_msg="backward is not linear in dy")


def batch_members_are_independent(layer, case, rng):
    """Replacing all images but one by noise changes nothing of that one, bit for bit."""
    y, _ = layer.forward(*case.arguments, **case.configuration)
    kept = int(rng.integers(len(y)))
    arguments = list(case.arguments)
    for i in range(case.data):
        arguments[i] = noise(rng, arguments[i])
        arguments[i][kept] = case.arguments[i][kept]
    z, _ = layer.forward(*arguments, **case.configuration)
    assert np.array_equal(y[kept], z[kept]), "another image of the batch has influence"


def past_is_exact(layer, case, rng):
    """A random output depends on exactly the inputs that theory says: the rest may be noise, and
    none of these is without effect."""
    arguments = [np.asarray(a, np.float64) for a in case.arguments]
    x = arguments[0]
    y, cache = layer.forward(*arguments, **case.configuration)
    where = tuple(int(rng.integers(size)) for size in y.shape)
    past = case.past(where[1:])
    assert past.shape == x.shape[1:]

    disturbed = noise(rng, x)
    disturbed[where[0], past] = x[where[0], past]
    z, _ = layer.forward(disturbed, *arguments[1:], **case.configuration)
    assert y[where] == z[where], f"output {where} depends on something outside its past"

    dy = np.zeros(y.shape)
    dy[where] = 1
    dx = layer.backward(dy, cache)[0]
    assert not dx[np.arange(len(x)) != where[0]].any(), (
        f"output {where} has a gradient in another image")
    leaks, missing = (dx[where[0]] != 0) & ~past, (dx[where[0]] == 0) & past
    assert not leaks.any(), f"output {where} sees {np.argwhere(leaks)[:3].tolist()}"
    assert not missing.any(), f"output {where} does not see {np.argwhere(missing)[:3].tolist()}"
    if hasattr(layer, "reach"):
        seen = np.zeros(y.shape[1:], bool)
        seen[where[1:]] = True
        found = layer.reach(seen, shape=x.shape[1:3], **case.configuration, **case.structure)
        assert np.array_equal(found, past), (
            f"reach differs from theory at {np.argwhere(found != past)[:3].tolist()}")


def step_is_forward(layer, case, rng):
    """Over random strips of every row, each told and asked twice, first with noise: forward's
    numbers come out.

    Equal up to the rounding of sums in another order: 1e-12 of the largest output in float64.
    """
    x, *weights = (np.asarray(a, np.float64) for a in case.arguments)
    y, _ = layer.forward(x, *weights, **case.configuration)
    grid = x.ndim == 4  # (N, H, W, C); units (N, D, K) lie in one row
    rows = range(x.shape[1]) if grid else [0]
    state = layer.start(x.shape, *weights, **case.configuration)
    for row in rows:
        line, expected = (x[:, row], y[:, row]) if grid else (x, y)
        W = line.shape[1]
        cuts = sorted({0, W, *rng.integers(0, W + 1, size=rng.integers(0, 4)).tolist()})
        for first, last in pairwise(cuts):
            at, strip = (row, slice(first, last)), line[:, first:last]
            layer.step(noise(rng, strip), state, at=at)
            found = layer.step(strip, state, at=at)
            np.testing.assert_allclose(found, expected[:, first:last], rtol=0,
                                       atol=1e-12 * (1 + np.abs(y).max()),
                                       err_msg=f"step differs from forward at row {row}, columns "
                                               f"{first} to {last}")
