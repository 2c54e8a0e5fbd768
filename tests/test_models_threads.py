"""No number depends on threads, nor on compiled kernels beyond rounding.

It depends neither on how many threads there are, nor on how many Python threads call at once. What
is fixed when a process starts (threads, kernels) is measured in processes of their own, which write
their numbers to a file.
"""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from models import NAMES, images, same_bits, small

TESTS = Path(__file__).parent

# (name, image_shape, levels, images, config). There are more images than lanes, and fewer; more
# units than a block of fvbn has; and products of fvbn that BLAS shares out among its threads
PROBLEMS = [
    ("pixelcnn", (12, 10, 1), 2, 20, {"hidden": 32, "head": 32}),
    ("pixelcnn", (5, 4, 3), 4, 9, {}),
    ("pixelcnn", (6, 5, 1), 2, 1, {}),
    ("fvbn", (12, 10, 1), 2, 20, {}),
    ("fvbn", (28, 28, 1), 2, 100, {}),
    ("fvbn", (3, 4, 3), 4, 9, {}),
    ("fvbn", (28, 28, 1), 2, 1, {}),
    ("raster_lstm", (7, 6, 1), 2, 20, {"hidden": 32}),
    ("raster_lstm", (3, 4, 3), 4, 9, {}),
    ("row_lstm", (7, 6, 1), 2, 20, {"hidden": 32}),
    ("row_lstm", (4, 3, 3), 4, 9, {}),
    ("diagonal_lstm", (4, 3, 3), 4, 9, {}),
    ("diagonal_bilstm", (7, 6, 1), 2, 20, {"hidden": 32}),
    ("diagonal_bilstm", (3, 4, 3), 4, 5, {}),
    ("spatial_lstm", (7, 6, 1), 2, 20, {"hidden": 32}),
    ("spatial_lstm", (3, 4, 3), 4, 9, {}),
    ("gated_pixelcnn", (9, 8, 1), 2, 20, {"hidden": 32, "head": 32}),
    ("gated_pixelcnn", (4, 5, 3), 4, 9, {}),
    ("pixelcnn_pp", (6, 7, 1), 2, 20, {"hidden": 16}),
    ("pixelcnn_pp", (4, 5, 3), 4, 9, {}),
]


def numbers(dtype):
    """{name: array}: what every problem's model computes. Run in each process alike."""
    results = {}
    for number, (name, image_shape, levels, n, config) in enumerate(PROBLEMS):
        model = small(name, image_shape, levels, dtype=dtype, **config)
        x = images(np.random.default_rng(number), n, model)
        loss, grads = model.loss_and_grads(x)
        found = {"log_prob": model.log_prob(x), "conditionals": model.log_conditionals(x),
                 "loss": np.array(loss)}
        found |= {f"d{key}.{field}": array for key, weights in grads.items()
                  for field, array in weights._asdict().items()}
        if n < 10 and image_shape[0] < 10:
            found["sample"] = model.sample(n, np.random.default_rng(0))
        results |= {f"{number} {name} {key}": array for key, array in found.items()}
    return results


def elsewhere(tmp_path, dtype="float64", patch="", **environment):
    """`numbers` from a process of its own, with these variables set; `patch` is run there first."""
    path = tmp_path / "numbers.npz"
    program = f"""
import numpy as np
import test_models_threads
{patch}
np.savez({str(path)!r}, **test_models_threads.numbers({dtype!r}))
"""
    inherited = {key: value for key, value in os.environ.items()
                 if not key.endswith("_NUM_THREADS") and not key.startswith("NPIXEL_")}
    done = subprocess.run([sys.executable, "-c", program], cwd=TESTS, env=inherited | environment,
                          capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    with np.load(path) as file:
        return dict(file)


def different_bits(a, b):
    """The names whose arrays are not equal to the last bit."""
    assert a.keys() == b.keys() and len(a) > 20
    return [name for name in a if not same_bits(a[name], b[name])]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_results_do_not_depend_on_the_number_of_threads(tmp_path, dtype):
    def threads(ours, theirs):
        return elsewhere(tmp_path, dtype,
                         NPIXEL_THREADS=str(ours), OPENBLAS_NUM_THREADS=str(theirs))

    one = threads(1, 1)
    assert different_bits(one, threads(2, 2)) == []
    if dtype == "float64":
        assert different_bits(one, threads(3, 1)) == []
        assert different_bits(one, threads(1, 2)) == []


def test_a_sum_whose_order_depends_on_the_threads_is_caught(tmp_path):
    """The fault: as many lanes as threads, so that images are added up in other groups."""
    patch = "from npixel.runtime import blas; blas.LANES = blas.threads()"
    one, two = (elsewhere(tmp_path, patch=patch, NPIXEL_THREADS=number, OPENBLAS_NUM_THREADS="1")
                for number in "12")
    assert any(" dfirst." in name for name in different_bits(one, two))


def test_without_kernels_the_numbers_are_the_same(tmp_path):
    """1e-12: sums of some thousand terms in another order."""
    with_kernels, without = elsewhere(tmp_path), elsewhere(tmp_path, NPIXEL_KERNELS="off")
    assert with_kernels.keys() == without.keys()
    for name, b in with_kernels.items():
        largest = max(1, np.abs(b).max(initial=0))
        assert np.abs(without[name] - b).max(initial=0) <= 1e-12 * largest, name
    # the switch does something
    assert any("conditionals" in name for name in different_bits(with_kernels, without))


# several Python threads


def task(model, seed):
    """Everything a model can be asked, as one list of arrays."""
    x = images(np.random.default_rng(seed), 9, model)
    loss, grads = model.loss_and_grads(x)
    gradients = [array for weights in grads.values() for array in weights]
    drawn = [model.sample(3, np.random.default_rng(seed)),
             model.complete(x, x > 0, np.random.default_rng(seed))]
    return [model.log_prob(x), model.log_conditionals(x), np.array(loss), *gradients, *drawn]


def at_once_and_in_turn(work, seeds):
    """True if work(seed) gives the same bits from four threads at once as one after the other."""
    with ThreadPoolExecutor(4) as pool:
        at_once = list(pool.map(work, seeds))
    in_turn = [work(seed) for seed in seeds]
    return all(same_bits(a, b) for one, other in zip(at_once, in_turn)
               for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("image_shape, levels", [((6, 7, 1), 2), ((4, 3, 3), 4)])
@pytest.mark.parametrize("name", NAMES)
def test_calls_from_several_python_threads_at_once_give_the_bits_of_one(
        name, image_shape, levels, dtype):
    model = small(name, image_shape, levels, dtype=dtype)
    assert at_once_and_in_turn(lambda seed: task(model, seed), range(12))


def test_memory_that_calls_share_is_caught():
    """The fault: one buffer for all calls, as a layer that holds state would have."""
    model = small("pixelcnn", (3, 4, 1))
    buffer = np.empty((9, 3, 4, 1, 2))

    def shared(seed):
        buffer[...] = model.log_conditionals(images(np.random.default_rng(seed), 9, model))
        time.sleep(0.005)                                        # the other threads write meanwhile
        return [buffer.copy()]

    assert not at_once_and_in_turn(shared, range(12))
