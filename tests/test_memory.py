"""Memory that is kept, and estimates of what work would take.

The second step of a program that allocates much touches no new page.
"""

import dataclasses
import math
import platform
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import npixel
from npixel import arguments, training
from npixel.runtime import memory

CODE = """
import resource, sys
import numpy as np
from npixel.runtime import memory
if sys.argv[1] == "keep":
    assert memory.keep()
def step():
    held = [np.zeros(500_000) + i for i in range(20)]
step(), step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only GNU's allocator can be asked")
def test_freed_memory_is_kept_only_where_asked():
    faults = {how: int(subprocess.run([sys.executable, "-c", CODE, how], capture_output=True,
                                      text=True, check=True).stdout) for how in ("keep", "leave")}
    assert faults["keep"] < 100 < faults["leave"]


# --- estimates ---

@pytest.mark.parametrize("name, layers, levels", [
    ("pixelcnn", 1, 2), ("pixelcnn", 6, 2), ("pixelcnn", 1, 64), ("gated_pixelcnn", 4, 16),
    ("row_lstm", 2, 64)])
def test_the_estimate_of_a_step_is_what_a_step_takes(name, layers, levels):
    """Within a factor of two of what is allocated at the peak, beyond the weights, whose part is
    fixed.
    """
    model = npixel.build(name, image_shape=(12, 12, 1), levels=levels, hidden=8, head=8,
                         layers=layers)
    images = np.random.default_rng(0).integers(0, levels, (24, 12, 12, 1))

    def peak(n):
        model.loss_and_grads(images[:n])               # compiles
        tracemalloc.start()
        model.loss_and_grads(images[:n])
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    measured = peak(24) - peak(8)
    estimated = memory.training_bytes(model, 24) - memory.training_bytes(model, 8)
    assert 0.5 < estimated / measured < 2


def test_a_part_of_a_large_image_stands_for_all_of_it():
    small, large = (npixel.build("pixelcnn", image_shape=(side, side, 1), hidden=4, layers=1,
                                 head=4) for side in (32, 320))
    weights = memory.WEIGHTS * memory.nbytes(small.params)
    one = memory.training_bytes(small, 1) - weights
    assert memory.training_bytes(large, 3) - weights == pytest.approx(300 * one)


def test_what_is_too_large_is_refused_with_both_numbers(monkeypatch):
    monkeypatch.setenv("NPIXEL_MEMORY", str(3 * 2**29))
    assert memory.available() == 3 * 2**29
    memory.require(3 * 2**29, "it", "less")
    said = (r"^it would take about 2 GiB of memory, and 1.5 GiB are available: less "
            r"\(NPIXEL_MEMORY")
    with pytest.raises(ValueError, match=said):
        memory.require(2**31, "it", "less")
    monkeypatch.setenv("NPIXEL_MEMORY", "much")
    with pytest.raises(ValueError, match="NPIXEL_MEMORY must be a number of bytes, is 'much'"):
        memory.available()


@pytest.mark.parametrize("limit, used, stat, left", [
    # what files hold can be had back
    ("1000000", "400000", "inactive_file 300000\nactive_file 5\n", 900_000),
    ("max", "400000", "inactive_file 300000\n", math.inf)])
def test_the_limit_of_a_cgroup_counts(tmp_path, limit, used, stat, left):
    assert memory._of_the_cgroup(tmp_path) == math.inf
    for name, text in (("memory.max", limit), ("memory.current", used), ("memory.stat", stat)):
        (tmp_path / name).write_text(text + "\n")
    assert memory._of_the_cgroup(tmp_path) == left


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="ulimit -v is told by Linux")
def test_the_limit_of_the_address_space_counts():
    code = ("import resource; resource.setrlimit(resource.RLIMIT_AS, (3 * 10**9, 3 * 10**9))\n"
            "from npixel.runtime import memory; print(memory.available() < 3 * 10**9)")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                          cwd=Path(__file__).parents[1])
    assert done.stdout == "True\n"


def test_models_samples_and_steps_that_do_not_fit_are_refused_before_they_begin(monkeypatch):
    model = npixel.build("pixelcnn", image_shape=(8, 8, 1), hidden=4, layers=1, head=4)
    images = np.zeros((40, 8, 8, 1), int)
    monkeypatch.setattr(type(model), "loss_and_grads", lambda *_, **__: pytest.fail("it began"))
    monkeypatch.setattr(arguments, "uniforms", lambda *_, **__: pytest.fail("it began"))
    with pytest.raises(ValueError, match="2,000,000,000 images of 8x8x1 would take about .* TiB"):
        model.sample(2 * 10**9)
    monkeypatch.setenv("NPIXEL_MEMORY", "100000")
    said = "a step of pixelcnn on 40 images of 8x8x1, 2 levels, would take about"
    with pytest.raises(ValueError, match=said):
        training.fit(model, images, steps=1, batch=40, progress=False)
    monkeypatch.setenv("NPIXEL_MEMORY", "10000000")    # its weights need 0.8 MB
    said = "one image of 999x999x1, 2 levels, in pixelcnn would take about"
    with pytest.raises(ValueError, match=said):
        npixel.build("pixelcnn", image_shape=(999, 999, 1))


COUNTS = [(name, field.name) for name, module in sorted((npixel.MODELS | npixel.DENSITIES).items())
          for field in dataclasses.fields(module.Config)
          if "int" in str(field.type) and field.name not in ("image_shape", "levels", "scale")]


@pytest.mark.parametrize("name, field", COUNTS)
def test_absurd_fields_are_refused_before_anything_is_allocated(name, field, monkeypatch):
    """Whatever can be counted: features, layers, kernels, labels, mixtures."""
    module = (npixel.MODELS | npixel.DENSITIES)[name]
    monkeypatch.setattr(module, "init", lambda *_: pytest.fail("weights were drawn"))
    monkeypatch.setattr(memory, "MOST_WEIGHTS", 2000)  # ten times as many as any model has here
    for value in (10**9 + 1, 10**30 + 1, 10**600 + 1):
        said = (f"the weights of {name} with {field} {value}"
                "(, for .* would take about| are more than)")
        with pytest.raises(ValueError, match=said):
            npixel.build(name, image_shape=(8, 8, 1), **{field: value})


def test_a_model_is_refused_at_the_bytes_of_its_weights_and_not_before(monkeypatch):
    """A first convolution of kernel 3 from 1 to 2 h = 8 maps; each number is drawn in 8 bytes."""
    module = npixel.MODELS["pixelcnn"]
    config = npixel.build("pixelcnn", image_shape=(4, 4, 1), hidden=4, layers=1).config
    monkeypatch.setattr(module, "width", lambda _: 0)
    bytes_of_all = 8 * sum(math.prod(shape) for _, shapes in module.shapes(config)
                           for shape in shapes)
    assert bytes_of_all == 8 * npixel.Model("pixelcnn", config, module.init(
        np.random.default_rng(0), config)).num_parameters
    monkeypatch.setenv(memory.VARIABLE, str(bytes_of_all))
    memory.check_config(module, config, np.dtype("float32"))
    monkeypatch.setenv(memory.VARIABLE, str(bytes_of_all - 1))
    with pytest.raises(ValueError, match="the weights of pixelcnn with hidden 4, layers 1, for "
                                         "images of 4x4x1 and 2 levels, would take about"):
        memory.check_config(module, config, np.dtype("float32"))
