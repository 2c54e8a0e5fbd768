"""Optimisers: hand recurrences, PyTorch as an oracle, and faults that the comparison notices."""

import doctest
import inspect
import math
import re
from typing import NamedTuple

import numpy as np
import pytest

from npixel.optimizers import adam, averaging, clipping, lbfgs, rmsprop, schedules, sgd, walk


class Weights(NamedTuple):
    w: np.ndarray
    b: np.ndarray


RULES = {"sgd": sgd, "rmsprop": rmsprop, "adam": adam}


def params(seed=0, dtype=np.float64, size=5):
    rng = np.random.default_rng(seed)
    return {name: Weights(rng.standard_normal((size, 3)).astype(dtype),
                          rng.standard_normal(3).astype(dtype)) for name in ("one", "two")}


def gradients(step, dtype=np.float64, size=5, scale=1.0):
    """Lists, as the models make them, of very different sizes: eps matters for some of them only.

    One weight never has a gradient.
    """
    rng = np.random.default_rng([7, step])
    sizes = 10.0 ** -np.arange(3) ** 2 * scale
    grads = {name: [rng.standard_normal((size, 3)) * sizes, rng.standard_normal(3) * scale]
             for name in ("one", "two")}
    grads["two"][1][1] = 0
    return {name: [g.astype(dtype) for g in pair] for name, pair in grads.items()}


def run(rule, steps=50, lr=lambda step: 0.01, dtype=np.float64, **options):
    p = params(dtype=dtype)
    state = rule.init(p)
    for step in range(steps):
        rule.update(p, gradients(step, dtype), state, step=step, lr=lr(step), **options)
    return p


def difference(a, b):
    return max(np.abs(x - y).max() / np.abs(y).max()
               for name in a for x, y in zip(a[name], b[name]))


def run_torch(make, steps=50, lr=lambda step: 0.01):
    torch = pytest.importorskip("torch")
    p = params()
    tensors = {name: [torch.tensor(array, requires_grad=True) for array in pair]
               for name, pair in p.items()}
    optimizer = make(torch.optim, [tensor for pair in tensors.values() for tensor in pair])
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = lr(step)
        for name, pair in gradients(step).items():
            for tensor, g in zip(tensors[name], pair):
                tensor.grad = torch.tensor(g)
        optimizer.step()
    return {name: [tensor.detach().numpy() for tensor in pair] for name, pair in tensors.items()}


ORACLES = {
    "sgd": (sgd, dict(momentum=0.0), lambda optim, t: optim.SGD(t)),
    "sgd momentum": (sgd, dict(momentum=0.9), lambda optim, t: optim.SGD(t, momentum=0.9)),
    "rmsprop": (rmsprop, dict(rho=0.99), lambda optim, t: optim.RMSprop(t, alpha=0.99)),
    "rmsprop eps": (rmsprop, dict(rho=0.9, eps=1e-3),
                    lambda optim, t: optim.RMSprop(t, alpha=0.9, eps=1e-3)),
    "adam": (adam, {}, lambda optim, t: optim.Adam(t)),
    "adam betas": (adam, dict(b1=0.95, b2=0.9995, eps=1e-4),
                   lambda optim, t: optim.Adam(t, betas=(0.95, 0.9995), eps=1e-4)),
}


@pytest.mark.parametrize("name", ORACLES)
def test_fifty_steps_equal_pytorch(name):
    rule, options, make = ORACLES[name]

    def lr(step):
        # it changes, since momentum inside and outside lr agree where it does not
        return 0.01 / (1 + step)

    assert difference(run(rule, lr=lr, **options), run_torch(make, lr=lr)) <= 1e-12


def by_hand(name, fault=None, steps=50, **o):
    """The equations of each header on scalars, one entry at a time, with one planted fault."""
    p = params()
    eps, root_eps = o.get("eps", 1e-8), o.get("root_eps", 0.0)
    if fault == "eps on the wrong side":
        eps, root_eps = root_eps, eps
    for key, pair in p.items():
        for place, array in enumerate(pair):
            for index in np.ndindex(array.shape):
                x, v, m, s = float(array[index]), 0.0, 0.0, 0.0
                for step in range(steps):
                    g, t = float(gradients_cache(step)[key][place][index]), step + 1
                    if name == "sgd":
                        v = o["momentum"] * v + g
                        x -= 0.01 * v
                    elif name == "rmsprop":
                        share = 1 if fault == "no weight on the square" else 1 - o["rho"]
                        s = o["rho"] * s + share * g * g
                        x -= 0.01 * g / (math.sqrt(s + root_eps) + eps)
                    else:
                        m = o["b1"] * m + (1 - o["b1"]) * g
                        s = o["b2"] * s + (1 - o["b2"]) * g * g
                        up, low = 1 - o["b1"]**t, 1 - o["b2"]**t
                        if fault == "no correction":
                            up, low = 1, 1
                        if fault == "step counts from 1":
                            up, low = 1 - o["b1"]**(t + 1), 1 - o["b2"]**(t + 1)
                        if fault == "eps before the correction":
                            root = math.sqrt((s + root_eps) / low)
                            x -= 0.01 * m / up / (root + eps / math.sqrt(low))
                        else:
                            x -= 0.01 * (m / up) / (math.sqrt(s / low + root_eps) + eps)
                array[index] = x
    return p


_GRADIENTS = {}


def gradients_cache(step):
    return _GRADIENTS.setdefault(step, gradients(step))


HAND = {
    "sgd": dict(momentum=0.9),
    "rmsprop": dict(rho=0.95, eps=0.0, root_eps=1e-4),
    "adam": dict(b1=0.95, b2=0.9995, eps=0.0, root_eps=1e-8),          # PixelCNN++
}


@pytest.mark.parametrize("name", HAND)
def test_fifty_steps_equal_the_equations_by_hand(name):
    assert difference(run(RULES[name], **HAND[name]), by_hand(name, **HAND[name])) <= 1e-12


@pytest.mark.parametrize("name, fault", [
    ("rmsprop", "eps on the wrong side"), ("rmsprop", "no weight on the square"),
    ("adam", "eps on the wrong side"), ("adam", "no correction"), ("adam", "step counts from 1"),
    ("adam", "eps before the correction"),
])
def test_the_comparison_notices_a_planted_fault(name, fault):
    assert difference(run(RULES[name], **HAND[name]), by_hand(name, fault, **HAND[name])) > 1e-9


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_updates_are_in_place_and_leave_gradients_alone(rule):
    p, g = params(), gradients(0)
    state = rule.init(p)
    arrays = [array for pair in p.values() for array in pair]
    rule.update(p, g, state, step=0, lr=0.1)
    assert all(a is b for a, b in zip(arrays, [array for pair in p.values() for array in pair]))
    assert all(np.array_equal(a, b) for name in g for a, b in zip(g[name], gradients(0)[name]))
    assert all((np.asarray(a) != b).any() for a, b in zip(arrays[:2], params()["one"]))


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_weight_without_gradient_stays_exactly_where_it_is(rule):
    assert run(rule)["two"].b[1] == params()["two"].b[1]


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_dtype_is_kept_and_blocks_do_not_matter(rule, monkeypatch):
    whole = run(rule, dtype=np.float32)
    assert all(array.dtype == np.float32 for pair in whole.values() for array in pair)
    monkeypatch.setattr(walk, "BLOCK", 4)
    for name, pair in run(rule, dtype=np.float32).items():
        for a, b in zip(pair, whole[name]):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_arrays_in_another_order_of_memory_get_the_same_numbers(rule):
    p = {name: Weights(np.asfortranarray(pair.w), pair.b) for name, pair in params().items()}
    state = rule.init(p)
    for step in range(50):
        g = {name: [np.asfortranarray(array) for array in pair]
             for name, pair in gradients(step).items()}
        rule.update(p, g, state, step=step, lr=0.01)
    for name, pair in run(rule).items():
        for a, b in zip(pair, p[name]):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("change, message", [
    (lambda g: g.pop("one"), "one is missing"),
    (lambda g: g.update(three=g["one"]), "three is not among the weights"),
    (lambda g: g["one"].pop(), "one has 1 arrays, the weights have 2"),
    (lambda g: g["one"].__setitem__(1, np.zeros(4)),
     "one/b is float64 (4,), the weights are float64 (3,)"),
    (lambda g: g["one"].__setitem__(1, np.zeros(3, np.float32)),
     "one/b is float32 (3,), the weights are float64 (3,)"),
])
def test_gradients_of_another_form_are_named(change, message):
    g = gradients(0)
    change(g)
    for rule in RULES.values():
        with pytest.raises(ValueError) as error:
            rule.update(params(), g, rule.init(params()), step=0, lr=0.1)
        assert str(error.value) == message


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_tree_may_hold_plain_arrays_beside_tuples(rule):
    """Named by their key alone, they get the numbers that fields of a NamedTuple get."""
    plain = {f"{name}/{field}": array for name, pair in params().items()
             for field, array in pair._asdict().items()}
    state, average, before = rule.init(plain), averaging.init(plain), walk.copied(plain)
    for step in range(50):
        g = {f"{name}/{field}": array for name, pair in gradients(step).items()
             for field, array in zip("wb", pair)}
        rule.update(plain, g, state, step=step, lr=0.01)
        averaging.update(plain, average, decay=0.0)
    for name, pair in run(rule).items():
        for field, array in pair._asdict().items():
            np.testing.assert_array_equal(plain[f"{name}/{field}"], array)
    assert [label for label, *_ in walk.together(plain, g)] == list(plain)
    walk.copy_into(before, plain)
    assert all(np.array_equal(array, plain[name]) for name, array in before.items())
    with pytest.raises(ValueError, match="one/w has 2 arrays, the weights have 1"):
        list(walk.together(plain, g | {"one/w": [g["one/w"]] * 2}))


@pytest.mark.parametrize("rule, options", [
    (sgd, dict(momentum=1.0)), (sgd, dict(momentum=-0.1)), (sgd, dict(momentum=math.nan)),
    (rmsprop, dict(rho=1.0)), (rmsprop, dict(eps=0.0)), (rmsprop, dict(eps=-1.0)),
    (adam, dict(b1=1.0)), (adam, dict(b2=2.0)), (adam, dict(eps=0.0)), (adam, dict(root_eps=-1e-8)),
    (adam, dict(eps=math.nan)),
])
def test_numbers_out_of_range_are_named(rule, options):
    (name, value), = options.items()
    with pytest.raises(ValueError, match=f"{name}.*{re.escape(str(value))}"):
        rule.update(params(), gradients(0), rule.init(params()), step=0, lr=0.1, **options)


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
@pytest.mark.parametrize("flushed", [True, False])
def test_the_state_of_a_dead_weight_never_becomes_denormal(rule, flushed, monkeypatch):
    if not flushed:
        monkeypatch.setattr(rule, "flush", lambda x: None)
    p = params(dtype=np.float32)
    state = rule.init(p)
    options = dict(rho=0.9) if rule is rmsprop else dict(b2=0.9) if rule is adam else {}
    for step in range(1200):                           # 0.9^1200 is 1e-55
        g = gradients(0, np.float32) if step == 0 else walk.zeros_like(p)
        rule.update(p, g, state, step=step, lr=0.01, **options)
    numbers = np.concatenate([np.abs(array).ravel() for tree in state
                              for weights in tree.values() for array in weights])
    denormal = (numbers > 0) & (numbers < np.finfo(np.float32).tiny)
    assert denormal.any() != flushed


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_flushing_leaves_ordinary_numbers_alone(dtype):
    tiny, m = np.finfo(dtype).tiny, np.finfo(dtype).nmant
    x = np.array([0, 1, 1e30, -1e-20, -1.3 * tiny * 2.0 ** (2 * m + 5), tiny, -tiny / 4], dtype)
    expected = x.copy()
    expected[-2:] = 0
    walk.flush(x)
    np.testing.assert_array_equal(x, expected)


# --- clipping ---

def length(grads):
    squares = (float((g.astype(np.float64) ** 2).sum()) for pair in grads.values() for g in pair)
    return math.sqrt(sum(squares))


def test_the_norm_is_of_all_arrays_together():
    g = gradients(0)
    assert clipping.norm(params(), g, step=0) == pytest.approx(length(g), rel=1e-14)
    p, g = params(dtype=np.float32), gradients(0, np.float32)
    assert clipping.norm(p, g, step=0) == pytest.approx(length(g), rel=1e-14)


def test_a_long_gradient_is_shortened_and_keeps_its_direction():
    g, before = gradients(0, scale=1e3), gradients(0, scale=1e3)
    clipping.by_norm(params(), g, length=clipping.norm(params(), g, step=0), most=0.5)
    assert length(g) == pytest.approx(0.5, rel=1e-14)
    for name in g:
        for a, b in zip(g[name], before[name]):
            np.testing.assert_allclose(a / 0.5, b / length(before), rtol=1e-13)


def test_clipping_equals_pytorch_up_to_its_guard():
    torch = pytest.importorskip("torch")
    g = gradients(0, scale=1e3)
    tensors = [torch.zeros(array.shape, dtype=torch.float64)
               for pair in g.values() for array in pair]
    for tensor, array in zip(tensors, [array for pair in g.values() for array in pair]):
        tensor.grad = torch.tensor(array)
    total = float(torch.nn.utils.clip_grad_norm_(tensors, 1.0))
    assert clipping.norm(params(), g, step=0) == pytest.approx(total, rel=1e-14)
    clipping.by_norm(params(), g, length=total, most=1.0)
    for tensor, array in zip(tensors, [array for pair in g.values() for array in pair]):
        np.testing.assert_allclose(tensor.grad.numpy(), array, rtol=2e-6 / total)


def test_a_short_gradient_is_left_alone():
    g = gradients(0)
    clipping.by_norm(params(), g, length=clipping.norm(params(), g, step=0), most=1e3)
    assert all(np.array_equal(a, b) for name in g for a, b in zip(g[name], gradients(0)[name]))


def test_clipping_by_value_bounds_every_entry():
    g = gradients(0)
    clipping.by_value(params(), g, most=0.1)
    for name in g:
        for a, b in zip(g[name], gradients(0)[name]):
            np.testing.assert_array_equal(a, np.clip(b, -0.1, 0.1))


def test_the_norm_of_huge_gradients_does_not_overflow():
    g = gradients(0, scale=1e200)
    expected = pytest.approx(length(gradients(0)) * 1e200, rel=1e-13)
    assert clipping.norm(params(), g, step=0) == expected


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("scale", [1.0, 1e200])
def test_a_gradient_that_is_not_finite_is_named_with_its_step(value, scale):
    g = gradients(0, scale=scale)
    g["two"][0][1, 2] = value
    with pytest.raises(ValueError) as error:
        clipping.norm(params(), g, step=12)
    assert str(error.value) == ("step 12: the gradient of two/w has 1 entries of 15 that are nan "
                                "or infinite")
    assert isinstance(error.value, clipping.NotFinite)
    size, label = clipping.largest(params(), g)
    assert label == "two/w" and not math.isfinite(size)


@pytest.mark.parametrize("most", [0, -1, math.nan])
def test_clipping_to_nothing_is_refused(most):
    for call in (lambda: clipping.by_value(params(), gradients(0), most=most),
                 lambda: clipping.by_norm(params(), gradients(0), length=1.0, most=most)):
        with pytest.raises(ValueError, match=f"not {most}"):
            call()


# --- averaging ---

def test_the_average_follows_the_recurrence_of_pixelcnn_pp():
    p, d = params(), 0.9995
    average = averaging.init(p)
    expected = {name: [array.copy() for array in pair] for name, pair in p.items()}
    rng = np.random.default_rng(0)
    for _ in range(50):
        for name, pair in p.items():
            for array, e in zip(pair, expected[name]):
                array += rng.standard_normal(array.shape)
                e[...] = d * e + (1 - d) * array
        averaging.update(p, average, decay=d)
    assert difference(average, expected) <= 1e-13


def test_the_average_owns_its_arrays_and_leaves_the_weights_alone():
    p = params()
    average = averaging.init(p)
    averaging.update(p, average, decay=0.0)
    p["one"].w[...] = 0
    np.testing.assert_array_equal(average["one"].w, params()["one"].w)
    assert isinstance(average["one"], Weights)


def test_with_warm_up_the_initial_weights_are_forgotten():
    shares = {}
    for warm_up in (False, True):
        p = params()
        # the share of the start: weights jump to zero before the first step
        average = averaging.init(p)
        for pair in p.values():
            for array in pair:
                array[...] = 0
        for step in range(1000):
            decay = averaging.decay_at(step, decay=0.9995, warm_up=warm_up)
            averaging.update(p, average, decay=decay)
        shares[warm_up] = average["one"].w[0, 0] / params()["one"].w[0, 0]
    assert shares[False] == pytest.approx(0.9995**1000) and 0 <= shares[True] < 1e-15


@pytest.mark.parametrize("decay", [1.0, -0.1, math.nan])
def test_a_decay_out_of_range_is_named(decay):
    with pytest.raises(ValueError, match=f"decay must be in .*{decay}"):
        averaging.update(params(), params(), decay=decay)


# --- schedules ---

def test_schedules_by_hand():
    assert schedules.constant(5, steps=10, lr=0.1) == 0.1
    assert schedules.exponential(1000, steps=10, lr=1e-3) == pytest.approx(
        1e-3 * 0.999995**1000, rel=1e-15)
    values = [schedules.cosine(step, steps=110, lr=2.0, warm_up=10) for step in range(110)]
    np.testing.assert_allclose(values[:10], 0.2 * np.arange(1, 11))
    np.testing.assert_allclose(values[10:], 1 + np.cos(np.pi * np.arange(100) / 100))
    assert values[60] == pytest.approx(1.0) and 0 < values[-1] < 1e-3
    pieces = [schedules.piecewise(step, steps=24, lr=1e-2) for step in range(24)]
    np.testing.assert_allclose(pieces, np.repeat([1e-2, 3e-3, 1e-3, 3e-4], 6))


@pytest.mark.parametrize("call, message", [
    (lambda: schedules.exponential(0, steps=1, lr=1, decay=1.5), "1.5"),
    (lambda: schedules.cosine(0, steps=10, lr=1, warm_up=10), r"\[0, 10\).*10"),
    (lambda: schedules.piecewise(0, steps=10, lr=1, at=(0.5,), factors=(1,)), "are 1 and 1"),
    (lambda: schedules.piecewise(0, steps=10, lr=1, at=(0.5, 0.5), factors=(1, 1, 1)), "rising"),
    (lambda: schedules.piecewise(0, steps=10, lr=1, at=(1.0,), factors=(1, 1)), "rising"),
])
def test_schedules_name_bad_numbers(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("module", [
    walk, sgd, rmsprop, adam, clipping, averaging, schedules, lbfgs])
def test_examples_in_docstrings(module):
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize("module", RULES.values(), ids=RULES)
def test_rules_share_one_form(module):
    names = list(inspect.signature(module.update).parameters)
    assert names[:5] == ["params", "grads", "state", "step", "lr"]
    assert list(inspect.signature(module.init).parameters) == ["params"]


class Pair(NamedTuple):
    a: np.ndarray
    b: np.ndarray


def quadratic(weights):
    """Σ (a - 2)² + 10 Σ (b + 1)², and its gradients."""
    value = ((weights.a - 2)**2).sum() + 10 * ((weights.b + 1)**2).sum()
    return value, (2 * (weights.a - 2), 20 * (weights.b + 1))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_lbfgs_finds_the_minimum_and_keeps_shapes_and_dtypes(dtype):
    start = Pair(np.zeros((2, 3), dtype), np.zeros(4, dtype))
    found = lbfgs.fit(quadratic, start, evaluations=50)
    assert isinstance(found, Pair)
    assert all(new.dtype == dtype and new.shape == old.shape for new, old in zip(found, start))
    assert np.abs(found.a - 2).max() < 1e-3 and np.abs(found.b + 1).max() < 1e-3
    assert not start.a.any()


@pytest.mark.parametrize("evaluations", [1, 2, 3])
def test_lbfgs_asks_no_more_often_than_it_may_and_returns_the_best_it_saw(evaluations):
    seen = []

    def bumpy(weights):
        value, gradients = quadratic(weights)
        seen.append((value if len(seen) % 2 == 0 else math.nan, weights))
        return seen[-1][0], gradients

    start = Pair(np.zeros((2, 3)), np.zeros(4))
    found = lbfgs.fit(bumpy, start, evaluations=evaluations)
    assert len(seen) <= evaluations
    best = min((value for value, _ in seen if not math.isnan(value)))
    assert quadratic(found)[0] == best


def test_lbfgs_leaves_weights_alone_where_nothing_is_finite():
    start = Pair(np.ones((2, 3)), np.ones(4))
    assert lbfgs.fit(lambda weights: (math.nan, weights), start, evaluations=3) is start
