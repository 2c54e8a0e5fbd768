"""The fit loop: a killed or interrupted run ends as if it had not been; bad input is one line.

A number of minutes becomes a number of steps, once and for all.
"""

import copy
import dataclasses
import itertools
import math
import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

import npixel
from npixel import checkpoint as files
from npixel import training
from npixel.optimizers import adam, averaging, schedules, walk
from npixel.runtime.progress import clock as words_of
from npixel.training import batches, minutes, plan, progress, record, run, streams
from npixel.training import step as step_file


ROOT = Path(__file__).parents[1]


class Weights(NamedTuple):
    w: np.ndarray
    b: np.ndarray


@dataclasses.dataclass(frozen=True)
class Config:
    drop: float = 0.5


class Pixels(npixel.Model):
    """A stand-in that is fast: independent pixels, p(x_i = 1) = σ(b_i + w_i m_i).

    m is drawn like a dropout mask, or is its mean. With a condition, the label is added to it.
    """

    name, levels, dtype, config = "pixels", 2, np.dtype(np.float64), Config()

    def __init__(self, shape=(2, 3, 1), conditional=False, seed=0):
        self.image_shape, self.conditional = shape, conditional
        rng = np.random.default_rng(seed)
        self.params = {"pixels": Weights(rng.standard_normal(shape), rng.standard_normal(shape))}
        self.seen, self.weights_evaluated = [], []

    def with_params(self, params):
        second = copy.copy(self)
        second.params = params
        return second

    def describe(self):
        return {"name": self.name, "image_shape": self.image_shape, "levels": 2,
                "dtype": "float64", "config": {}}

    def check_condition(self, condition, n=None):
        if (condition is not None) != self.conditional:
            raise ValueError("condition is missing" if self.conditional
                             else "condition must be None")

    def logits(self, condition, mask):
        w, b = self.params["pixels"]
        label = 0 if condition is None else np.asarray(condition, float).reshape(-1, 1, 1, 1)
        return b + w * (mask + label)

    def log_prob(self, images, condition=None):
        self.check_condition(condition)
        self.weights_evaluated.append(self.params["pixels"].b.copy())
        z = self.logits(condition, self.config.drop)
        return (images * z - np.logaddexp(0, z)).reshape(len(images), -1).sum(axis=1)

    def loss_and_grads(self, images, *, condition=None, rng=None):
        self.check_condition(condition)
        self.seen.append(images)
        mask = self.config.drop
        if rng is not None:
            mask = (rng.random(self.image_shape) < self.config.drop) * 1.0
        z = self.logits(condition, mask)
        dz = (1 / (1 + np.exp(-z)) - images) / len(images)
        label = 0 if condition is None else np.asarray(condition, float).reshape(-1, 1, 1, 1)
        nll = -(images * z - np.logaddexp(0, z)).sum() / len(images)
        return nll, {"pixels": [(dz * (mask + label)).sum(axis=0), dz.sum(axis=0)]}


def images(n=20, shape=(2, 3, 1), seed=0):
    return (np.random.default_rng(seed).random((n, *shape)) < 0.3).astype(np.uint8)


ALL = dict(steps=23, batch=6, optimizer="adam", lr=0.05, schedule="cosine",
           schedule_options={"warm_up": 3}, clip_norm=0.9, clip_value=0.5, average=0.9, seed=5,
           valid_images=images(9, seed=1), valid_size=4, evaluate_every=4, progress=False)
PLAIN = dict(schedule="constant", schedule_options={}, clip_norm=None, clip_value=None)


def fit(model=None, data=None, **changes):
    model = Pixels() if model is None else model
    return model, training.fit(model, images() if data is None else data, **{**ALL, **changes})


def arrays_of(path):
    """Everything in a checkpoint that should not depend on interruptions: all but the times."""
    return {name: array.tobytes() for name, array in files.read(path)[0].items()
            if not name.endswith("/seconds")}


def one_line(error):
    assert "\n" not in str(error.value)
    return str(error.value)


# --- what a run does ---

@pytest.mark.parametrize("optimizer, lr", [("sgd", 0.1), ("rmsprop", 0.02), ("adam", 0.05)])
def test_training_reaches_the_maximum_of_the_likelihood(optimizer, lr):
    data = images(64)
    model, result = fit(**PLAIN | dict(data=data, optimizer=optimizer, lr=lr, steps=1500, batch=16,
                                       average=0.99, schedule="cosine", evaluate_every=300))
    p = data.mean(axis=0)
    best = -(p * np.log(p) + (1 - p) * np.log(1 - p)).sum()            # of independent pixels
    assert 0 <= -model.log_prob(data).mean() - best < 0.02
    assert result.status == "finished" and result.step == 1500 and result.losses.shape == (1500,)


def test_every_image_is_seen_once_per_epoch_in_an_order_of_its_own():
    data = np.zeros((20, 2, 3, 1), np.uint8)
    # six bits tell the images apart
    data[:, 0, :, 0] = np.arange(20)[:, None] >> np.arange(3) & 1
    data[:, 1, :, 0] = np.arange(20)[:, None] >> np.arange(3, 6) & 1
    model, _ = fit(data=data, steps=20, batch=6)
    codes = (np.concatenate(model.seen).reshape(-1, 6) @ (1 << np.arange(6))).reshape(6, 20)
    assert all(sorted(epoch) == list(range(20)) for epoch in codes)
    assert len({tuple(epoch) for epoch in codes}) == 6
    again, _ = fit(data=data, steps=20, batch=6)
    assert np.array_equal(np.concatenate(model.seen), np.concatenate(again.seen))
    other, _ = fit(data=data, steps=20, batch=6, seed=6)
    assert not np.array_equal(np.concatenate(model.seen), np.concatenate(other.seen))


def test_conditions_go_with_their_images():
    data = images(20)
    labels = data.reshape(20, -1).sum(axis=1)
    model = Pixels(conditional=True)
    original, pairs = model.loss_and_grads, []
    def loss_and_grads(x, condition, rng):
        pairs.append((x, condition))
        return original(x, condition=condition, rng=rng)
    model.loss_and_grads = loss_and_grads
    valid_labels = ALL["valid_images"].reshape(9, -1).sum(axis=1)
    fit(model, data, condition=labels, valid_condition=valid_labels)
    assert len(pairs) == 23
    assert all((x.reshape(len(x), -1).sum(axis=1) == c).all() for x, c in pairs)


class Drawn:
    """Batches that are in no array: drawn anew at every step, from the seed and the step."""

    def __len__(self):
        return 12

    def digest(self):
        return "drawn"

    def batch(self, step, plan):
        return training.Fixed(images(plan.batch, seed=[plan.seed, step]))

    def trial(self, number, plan):
        return number

    def choose(self, size, seed):
        return training.Fixed(images(size, seed=seed))


def test_whatever_keeps_the_protocol_of_batches_is_trained_on(tmp_path):
    protocol = ("__len__", "digest", "batch", "trial", "choose")
    for kind in (training.Batches, batches.Images, training.Patches, Drawn):
        assert all(hasattr(kind, name) for name in protocol)
    options = dict(data=Drawn(), valid_images=Drawn(), valid_size=4)
    whole, result = fit(checkpoint=tmp_path / "whole", **options)
    assert result.plan.data == result.plan.valid_data == "drawn"
    assert np.array_equal(whole.seen[3], images(6, seed=[5, 3]))
    interrupted(tmp_path / "cut", 8, **options)
    fit(checkpoint=tmp_path / "cut", resume=True, **options)
    assert arrays_of(tmp_path / "cut") == arrays_of(tmp_path / "whole")


@pytest.mark.parametrize("epochs, steps", [(1, 4), (3, 10), (0.3, 1), (0.01, 1), (2.7, 9)])
def test_epochs_are_passes_over_the_images(epochs, steps):
    assert fit(steps=None, epochs=epochs, schedule_options={})[1].plan.steps == steps


def test_the_learning_curve_is_in_nats_and_has_its_steps():
    entries = []
    model, result = fit(log=entries.append)
    assert [entry["step"] for entry in result.history] == [4, 8, 12, 16, 20, 23]
    assert entries == result.history
    assert result.history[1]["train"] == pytest.approx(result.losses[4:8].mean())
    assert result.history[-1]["lr"] == schedules.cosine(22, steps=23, lr=0.05, warm_up=3)
    assert list(np.diff([entry["seconds"] for entry in result.history]) >= 0) == [True] * 5
    chosen = np.sort(streams.generator(5, streams.VALIDATION, 0).permutation(9)[:4])
    nll = -model.log_prob(ALL["valid_images"][chosen]).mean()
    assert result.history[-1]["valid"] == pytest.approx(nll)
    assert list(chosen) != [0, 1, 2, 3]
    assert fit(valid_images=None)[1].history[-1]["valid"] is None


def test_the_average_is_evaluated_and_left_in_the_model_and_the_checkpoint_has_both(tmp_path):
    path = tmp_path / "a.npz"
    model, result = fit(checkpoint=path)
    plain, _ = fit(average=None)
    arrays, meta = files.read(path)
    # averaging does not disturb training
    np.testing.assert_array_equal(arrays["training/weights/pixels/b"], plain.params["pixels"].b)
    np.testing.assert_array_equal(arrays["params/pixels/b"], model.params["pixels"].b)
    assert (model.params["pixels"].b != plain.params["pixels"].b).all()
    np.testing.assert_array_equal(model.weights_evaluated[-1], model.params["pixels"].b)
    assert meta["model"]["name"] == "pixels" and meta["training"]["step"] == 23
    assert meta["training"]["plan"]["average"] == 0.9
    fit(average=None, checkpoint=tmp_path / "b.npz")
    names = files.read(tmp_path / "b.npz")[0]
    assert not [name for name in names if name.startswith("training/weights")]


def test_the_average_is_of_the_weights_after_each_step():
    model, start, trace = Pixels(), Pixels().params["pixels"].b.copy(), []
    original = model.loss_and_grads
    def loss_and_grads(*arguments, **options):
        trace.append(model.params["pixels"].b.copy())
        return original(*arguments, **options)
    model.loss_and_grads = loss_and_grads
    fit(model, average=0.9, average_warm_up=False)
    plain, _ = fit(average=None)
    expected = start
    for b in [*trace[1:], plain.params["pixels"].b]:
        expected = 0.9 * expected + 0.1 * b
    np.testing.assert_allclose(model.params["pixels"].b, expected, rtol=1e-13)


# --- going on after a stop ---

def interrupted(path, at, number=signal.SIGINT, **changes):
    """A run that gets a signal when `at` steps are made."""
    def log(entry):
        if entry["step"] == at:
            os.kill(os.getpid(), number)
    return fit(checkpoint=path, log=log, **changes)


@pytest.mark.parametrize("optimizer", ["sgd", "rmsprop", "adam"])
@pytest.mark.parametrize("average", [None, 0.9])
@pytest.mark.parametrize("number, keep", [
    (signal.SIGINT, "last"), (signal.SIGTERM, "last"), (signal.SIGINT, "best")])
def test_an_interrupted_run_goes_on_with_the_same_numbers(tmp_path, optimizer, average, number,
                                                          keep):
    options = dict(optimizer=optimizer, average=average, keep=keep)
    whole, expected = fit(checkpoint=tmp_path / "whole", **options)
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    _, first = interrupted(tmp_path / "cut", 8, number, **options)
    assert (first.status, first.step) == ("interrupted", 8)
    assert "step 8 of 23" in first.message and str(tmp_path / "cut") in first.message
    model, second = fit(Pixels(seed=99), checkpoint=tmp_path / "cut", resume=True, **options)
    assert second.status == "finished"
    assert arrays_of(tmp_path / "cut") == arrays_of(tmp_path / "whole")
    assert model.params["pixels"].w.tobytes() == whole.params["pixels"].w.tobytes()
    of_whole, of_cut = ([dict(entry, seconds=0) for entry in result.history]
                        for result in (expected, second))
    assert of_whole == of_cut
    assert second.losses.tobytes() == expected.losses.tobytes() and second.seconds > first.seconds
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def replace(run, **changes):
    run.state = run.state._replace(**changes)


FAULTS = {
    "optimizer state lost": lambda run: replace(run, optimizer=adam.init(run.model.params)),
    "goes on from the average": lambda run: walk.copy_into(run.state.average, run.model.params),
    "average starts again": lambda run: replace(run, average=averaging.init(run.model.params)),
    "one step skipped": lambda run: (setattr(run, "step", run.step + 1), run.losses.append(0.0)),
    "plan's seed changed": lambda run: setattr(run, "plan", dataclasses.replace(run.plan, seed=6)),
    "learning rate restarted": lambda run: setattr(
        run, "plan", dataclasses.replace(run.plan, schedule_options={"warm_up": 0})),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_in_going_on_changes_the_numbers(tmp_path, monkeypatch, fault):
    whole, _ = fit()
    interrupted(tmp_path / "cut", 8)
    restore = record.restore
    monkeypatch.setattr(record, "restore",
                        lambda run, saved: (restore(run, saved), FAULTS[fault](run)))
    model, _ = fit(checkpoint=tmp_path / "cut", resume=True)
    assert model.params["pixels"].w.tobytes() != whole.params["pixels"].w.tobytes()


def test_a_stateful_source_of_dropout_would_be_noticed(tmp_path, monkeypatch):
    whole, _ = fit()
    interrupted(tmp_path / "cut", 8)
    calls, original = itertools.count(), streams.generator

    def stateful(seed, stream, index):
        return original(seed, stream, next(calls) if stream == streams.DROPOUT else index)
    monkeypatch.setattr(streams, "generator", stateful)
    model, _ = fit(checkpoint=tmp_path / "cut", resume=True)
    assert model.params["pixels"].w.tobytes() != whole.params["pixels"].w.tobytes()


@pytest.mark.parametrize("average", [None, 0.9])
def test_the_best_weights_are_kept_and_do_not_disturb_training(tmp_path, average):
    """Trained on the same few images again and again, it is best on others early. Kept are exactly
    the weights of that entry of the curve.
    """
    options = PLAIN | dict(data=images(6), steps=60, batch=6, lr=0.3, optimizer="sgd",
                           average=average, valid_size=9)
    last, plain = fit(**options)
    best, result = fit(keep="best", checkpoint=tmp_path / "a", **options)
    assert result.losses.tobytes() == plain.losses.tobytes()
    assert [e["valid"] for e in result.history] == [e["valid"] for e in plain.history]
    entry = min(result.history, key=lambda e: e["valid"])
    assert entry["step"] < 60 and f"after step {entry['step']}" in result.message
    nll, nll_of_last = (-model.log_prob(ALL["valid_images"]).mean() for model in (best, last))
    assert nll == entry["valid"] < nll_of_last
    short, _ = fit(**{**options, "steps": entry["step"]})
    assert short.params["pixels"].w.tobytes() == best.params["pixels"].w.tobytes()
    arrays, _ = files.read(tmp_path / "a")
    np.testing.assert_array_equal(arrays["params/pixels/w"], best.params["pixels"].w)
    name = "training/weights/pixels/w" if average is None else "training/average/pixels/w"
    np.testing.assert_array_equal(arrays[name], last.params["pixels"].w)


@pytest.mark.parametrize("steps, batch, valid_size, every", [
    (23, 6, 0, 1), (23, 6, 4, 3), (300, 32, 200, 30), (3711, 16, 1000, 372),
    (12240, 32, 200, 123), (3000, 32, 200, 44), (1, 1, 1, 1)])
def test_the_learning_curve_costs_little_and_has_ten_to_a_hundred_entries(
        steps, batch, valid_size, every):
    assert plan.entry_every(steps, batch, valid_size) == every


def test_a_finished_run_has_nothing_left_to_do(tmp_path):
    whole, _ = fit(checkpoint=tmp_path / "a")
    before = (tmp_path / "a").read_bytes()
    model, result = fit(Pixels(seed=9), checkpoint=tmp_path / "a", resume=True, steps=None)
    assert result.status == "finished" and not model.seen
    assert (tmp_path / "a").read_bytes() == before
    assert model.params["pixels"].b.tobytes() == whole.params["pixels"].b.tobytes()


def test_a_second_signal_stops_at_once(tmp_path):
    def log(entry):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        fit(checkpoint=tmp_path / "a", log=log)
    assert files.read(tmp_path / "a")[1]["training"]["step"] == 0


def test_an_interrupted_run_without_a_checkpoint_says_so():
    assert "no checkpoint" in interrupted(None, 8)[1].message


def test_training_in_another_thread_leaves_signals_alone():
    import threading
    results = []
    thread = threading.Thread(target=lambda: results.append(fit()[1]))
    thread.start()
    thread.join()
    assert results[0].status == "finished"


def test_the_learning_curve_can_be_read_from_a_checkpoint(tmp_path):
    _, result = interrupted(tmp_path / "a", 12)
    history, losses = training.history(tmp_path / "a")
    assert history == result.history and losses.tobytes() == result.losses.tobytes()
    fit(checkpoint=tmp_path / "b", valid_images=None)
    assert [entry["valid"] for entry in training.history(tmp_path / "b")[0]] == [None] * 6
    files.write(tmp_path / "c", {"params/w": np.zeros(1)}, {})
    with pytest.raises(ValueError, match="no learning curve"):
        training.history(tmp_path / "c")


@pytest.mark.parametrize("changes, message", [
    (dict(batch=5), "batch was 6 when the run began, is 5 now"),
    (dict(lr=0.06), "lr was 0.05"),
    (dict(steps=24), "steps was 23"),
    (dict(steps=None, epochs=3), "steps was 23"),
    (dict(steps=None, minutes=1), "minutes was None"),
    (dict(optimizer="sgd"), "optimizer was adam"),
    (dict(optimizer_options={"b1": 0.8}), "optimizer_options was {}"),
    (dict(schedule_options={"warm_up": 2}), "schedule_options was {'warm_up': 3}"),
    (dict(average=0.95), "average was 0.9"),
    (dict(average=None), "average was 0.9"),
    (dict(average_warm_up=False), "average_warm_up was True"),
    (dict(keep="best"), "keep was last"),
    (dict(clip_norm=None), "clip_norm was 0.9"),
    (dict(seed=4), "seed was 5"),
    (dict(evaluate_every=5), "evaluate_every was 4"),
    (dict(data=images(20, seed=3)), "data was 20 images, sha256"),
    (dict(data=images(21)), "data was 20 images, sha256"),
    (dict(valid_images=images(9, seed=4)), "valid_data was 9 images"),
    (dict(model=Pixels((3, 2, 1)), data=images(20, (3, 2, 1)),
          valid_images=images(9, (3, 2, 1))),
     "its model has image_shape [2, 3, 1], this model has [3, 2, 1]"),
])
def test_a_run_that_goes_on_differently_is_refused(tmp_path, changes, message):
    path = tmp_path / "a"
    interrupted(path, 8)
    before = path.read_bytes()
    with pytest.raises(ValueError) as error:
        fit(**{**dict(checkpoint=path, resume=True), **changes})
    assert message in one_line(error) and str(path) in str(error.value)
    assert path.read_bytes() == before


def test_what_cannot_be_resumed_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="not found"):
        fit(checkpoint=tmp_path / "a", resume=True)
    with pytest.raises(ValueError, match="needs the path"):
        fit(resume=True)
    files.write(tmp_path / "model", files.flatten(Pixels().params), {"model": Pixels().describe()})
    with pytest.raises(ValueError, match="no checkpoint of a training run"):
        fit(checkpoint=tmp_path / "model", resume=True)
    with pytest.raises(ValueError, match="exists: resume"):
        fit(checkpoint=tmp_path / "model")
    fit(checkpoint=tmp_path / "a")
    arrays, meta = files.read(tmp_path / "a")
    for change, message in (
            (lambda a, m: a["training/weights/pixels/b"].fill(np.nan),
             "training/weights/pixels/b has 6 entries of 6 that are nan"),
            (lambda a, m: a.pop("training/optimizer/m/pixels/w"),
             "training/optimizer/m/pixels/w is missing"),
            (lambda a, m: a.update({"training/losses": np.zeros(3)}),
             "3 losses after 23 of 23 steps"),
            (lambda a, m: a.pop("training/history/lr"), "no learning curve"),
            (lambda a, m: m["training"].pop("step"), "cannot be read"),
            (lambda a, m: m["training"]["plan"].pop("lr"), "cannot be read"),
            (lambda a, m: m.pop("model"), "its model has name None")):
        a, m = copy.deepcopy((arrays, meta))
        change(a, m)
        files.write(tmp_path / "b", a, m)
        model = Pixels(seed=3)
        with pytest.raises(ValueError) as error:
            fit(model, checkpoint=tmp_path / "b", resume=True)
        assert message in one_line(error) and str(tmp_path / "b") in str(error.value)
        assert model.params["pixels"].b.tobytes() == Pixels(seed=3).params["pixels"].b.tobytes()


# --- killed ---

SCRIPT = """
import sys, time, numpy as np, npixel
from npixel import training
name, path, resume, length, pause = sys.argv[1:]
images = (np.random.default_rng(0).random((40, 6, 5, 1)) < 0.3).astype(np.uint8)
model = npixel.build(name, image_shape=(6, 5, 1), seed=int(resume),
                     **({} if name == "fvbn" else dict(hidden=4, layers=1)))
kind, _, amount = length.partition("=")
training.fit(model, images, **{kind: float(amount) if "." in amount else int(amount)}, batch=16,
             optimizer="adam" if name == "fvbn" else "rmsprop", lr=0.01, schedule="cosine",
             clip_norm=1.0, average=0.99, valid_images=images[:7], evaluate_every=1,
             checkpoint=path, checkpoint_every=0.0,
             resume=resume == "1", progress=False, log=lambda entry: time.sleep(float(pause)))
"""


def start(name, path, resume, length, pause, threads):
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NPIXEL_THREADS")
    arguments = name, str(path), str(int(resume)), length, str(pause)
    return subprocess.Popen([sys.executable, "-c", SCRIPT, *arguments],
                            env=os.environ | dict.fromkeys(names, str(threads)))


def steps_in(path):
    return files.read(path)[1]["training"]["step"] if path.exists() else -1


@pytest.mark.parametrize("name, length, threads", [
    ("fvbn", "steps=40", 1), ("pixelcnn", "steps=40", 2), ("pixelcnn", "epochs=16", 1),
    ("fvbn", "minutes=0.02", 2)])
def test_a_killed_run_that_is_resumed_ends_bit_by_bit_as_if_it_had_not_been(
        tmp_path, name, length, threads):
    cut, whole = tmp_path / "cut", tmp_path / "whole"
    for resume, at in ((False, 1), (True, 6)):
        process = start(name, cut, resume, length, 0.05, threads)
        try:
            deadline = time.monotonic() + 100
            while steps_in(cut) < at:
                assert process.poll() is None and time.monotonic() < deadline
                time.sleep(0.005)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
    plan = files.read(cut)[1]["training"]["plan"]
    assert 6 <= steps_in(cut) < plan["steps"]
    assert start(name, cut, True, length, 0, threads).wait(100) == 0
    # the uninterrupted run; that of a number of minutes is that of the number of steps they became
    assert start(name, whole, False, f"steps={plan['steps']}", 0, threads).wait(100) == 0
    assert steps_in(cut) == plan["steps"] and arrays_of(cut) == arrays_of(whole)
    x = images(5, (6, 5, 1))
    assert np.array_equal(npixel.load(cut).log_prob(x), npixel.load(whole).log_prob(x))


@pytest.mark.parametrize("name", ["fvbn", "pixelcnn"])
def test_real_models_learn(name):
    data = np.zeros((32, 6, 5, 1), np.uint8)
    data[::2, :, ::2] = 1                              # two images only: the entropy is ln 2
    fields, lr = ({}, 0.5) if name == "fvbn" else (dict(hidden=8, layers=1), 0.02)
    model = npixel.build(name, image_shape=(6, 5, 1), **fields)
    result = training.fit(model, data, steps=300, batch=16, lr=lr, schedule="cosine",
                          progress=False)
    assert result.losses[0] > 10 and abs(-model.log_prob(data).mean() - math.log(2)) < 0.05


# --- minutes ---

class Timed(Pixels):
    """A stand-in on a clock of its own: 40 seconds to compile, 0.5 per step, 0.01 per evaluation of
    an image.
    """

    def __init__(self, clock, step=0.5):
        super().__init__()
        self.clock, self.per_step, self.compiled = clock, step, False

    def loss_and_grads(self, x, **rest):
        self.clock.now += self.per_step * (1 + 0.3 * np.sin(len(self.seen)))
        self.clock.now += 0 if self.compiled else 40
        self.compiled = True
        return super().loss_and_grads(x, **rest)

    def log_prob(self, x, condition=None):
        self.clock.now += 0.01 * len(x)
        return super().log_prob(x)


class Clock:
    now = 100.0

    def monotonic(self):
        return self.now


def set_clock(monkeypatch, clock):
    for module in (run, minutes):
        monkeypatch.setattr(module, "time", clock)


MANY = dict(valid_images=images(2000, seed=1), valid_size=1000)


@pytest.mark.parametrize("options", [{}, MANY, dict(MANY, evaluate_every=50)])
@pytest.mark.parametrize("saving", [0.0, 3.0])
def test_ten_minutes_are_ten_minutes_beside_compilation(tmp_path, monkeypatch, options, saving):
    clock = Clock()
    set_clock(monkeypatch, clock)
    write = files.write

    def slow_write(path, *rest):
        clock.now += saving
        write(path, *rest)
    monkeypatch.setattr(files, "write", slow_write)
    model = Timed(clock)
    result = training.fit(model, images(), minutes=10, batch=6, checkpoint=tmp_path / "a",
                          progress=False, **options)
    assert abs(clock.now - 100 - 40 - 600) < 0.02 * 600          # compilation eats no minutes
    measuring = len(model.seen) - result.step
    assert measuring * 0.5 < 0.05 * 600 and result.plan.minutes == 10
    assert os.listdir(tmp_path) == ["a"]


def test_measuring_leaves_no_trace_in_the_numbers(tmp_path, monkeypatch):
    clock = Clock()
    set_clock(monkeypatch, clock)
    timed = Timed(clock)
    _, result = fit(timed, steps=None, minutes=1.5, checkpoint=tmp_path / "minutes",
                    evaluate_every=None)
    assert result.plan.steps > 50
    fit(steps=result.plan.steps, checkpoint=tmp_path / "steps", evaluate_every=None)
    assert arrays_of(tmp_path / "minutes") == arrays_of(tmp_path / "steps")


def test_a_machine_that_turns_out_slower_keeps_the_number_of_steps(tmp_path, monkeypatch):
    clock = Clock()
    set_clock(monkeypatch, clock)
    model = Timed(clock)

    def log(entry):
        model.per_step = 5.0
    options = dict(evaluate_every=None, checkpoint=tmp_path / "a")
    _, result = fit(model, steps=None, minutes=2, log=log, **options)
    assert result.status == "finished" and result.step == result.plan.steps
    assert clock.now - 100 > 300
    again = Timed(clock)
    options["resume"] = True
    _, resumed = fit(again, steps=None, minutes=2, **options)
    assert resumed.plan == result.plan and not again.seen
    with pytest.raises(ValueError, match="minutes was 2.0 when the run began, is 3.0 now"):
        fit(again, steps=None, minutes=3, **options)
    assert fit(again, steps=result.plan.steps, **options)[1].status == "finished"


def test_a_signal_while_the_rate_is_measured_leaves_nothing_behind(tmp_path):
    model = Pixels()
    original = model.loss_and_grads

    def loss_and_grads(*rest, **options):
        if len(model.seen) == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return original(*rest, **options)
    model.loss_and_grads = loss_and_grads
    with pytest.raises(KeyboardInterrupt):
        fit(model, steps=None, minutes=10, checkpoint=tmp_path / "a")
    assert os.listdir(tmp_path) == []


# --- errors ---

class Broken(Pixels):
    """Goes wrong at one step, in one way."""

    def __init__(self, how):
        super().__init__()
        self.how = how

    def loss_and_grads(self, x, **rest):
        nll, grads = super().loss_and_grads(x, **rest)
        if len(self.seen) == 11:
            if self.how == "loss":
                nll, grads["pixels"][1][0, 1, 0] = math.inf, -1e30
            if self.how == "gradient":
                grads["pixels"][1][0, 1, 0] = math.nan
            if self.how == "weight":
                self.params["pixels"].w[0, 0, 0] = math.inf
        return nll, grads


@pytest.mark.parametrize("how, message", [
    ("loss", "step 10: the loss is inf nats (lr 0.0363498, largest gradient 1e+30 in pixels/b); "),
    ("gradient", "step 10: the gradient of pixels/b has 1 entries of 6 that are nan or infinite "
                 "(loss "),
    ("weight", "step 11: pixels/w is no longer finite (lr 0.0363498); "),
])
def test_a_run_that_diverges_stops_with_its_numbers_and_keeps_its_last_good_checkpoint(
        tmp_path, how, message):
    path = tmp_path / "a"
    with pytest.raises(training.Diverged) as error:
        fit(Broken(how), checkpoint=path, checkpoint_every=0.0, average_warm_up=False)
    found = one_line(error)
    assert message in found.replace("params/", "") and "lr 0.0363498" in found
    assert f"the last checkpoint stays in {path}" in found
    assert steps_in(path) == 10 and np.isfinite(files.read(path)[0]["params/pixels/w"]).all()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("lr", [1e39, 1e100])
def test_a_real_model_whose_rate_is_absurd_stops_at_a_named_step(tmp_path, lr):
    model = npixel.build("fvbn", image_shape=(2, 3, 1))
    with pytest.raises(training.Diverged) as error:
        fit(model, optimizer="sgd", lr=lr, average=None, evaluate_every=23,
            checkpoint=tmp_path / "a", **PLAIN)
    assert one_line(error).startswith("step ") and f"lr {lr:g}" in str(error.value)
    assert "the last checkpoint stays" in str(error.value)


# --- what is not finite ---

class Spoiled(Pixels):
    """Weights that are finite and give no finite likelihood from the fourth update on, as 1e12 in
    float32 do.
    """

    def __init__(self):
        super().__init__()
        self.trace = []

    def spoiled(self):
        return len(self.seen) >= 4

    def loss_and_grads(self, x, **rest):
        nll, grads = super().loss_and_grads(x, **rest)
        self.trace.append(self.params["pixels"].b.copy())
        return (math.nan if len(self.seen) > 4 else nll), grads

    def log_prob(self, x, condition=None):
        found = super().log_prob(x, condition=condition)
        return found * math.nan if self.spoiled() else found


@pytest.mark.parametrize("valid", [True, False])
@pytest.mark.parametrize("steps, every", [(4, 60.0), (4, 0.0), (9, 60.0), (9, 0.0)])
def test_weights_without_a_finite_loss_end_a_run_at_its_last_step_too_and_the_last_good_ones_stay(
        tmp_path, steps, every, valid):
    model, path = Spoiled(), tmp_path / "a"
    changes = {} if valid else dict(valid_images=None)
    with pytest.raises(training.Diverged) as error:
        fit(model, steps=steps, checkpoint=path, checkpoint_every=every, evaluate_every=1,
            average=None, **changes)
    told = steps == 9 and every == 60.0 and not valid  # nobody looks before the next loss
    assert one_line(error).startswith(f"step 4: the loss {'is nan' if told else 'on '}")
    assert f"the last checkpoint stays in {path}" in str(error.value)
    # the fourth update spoiled them: the loss of those before it was the last that is finite
    assert model.params["pixels"].b.tobytes() == model.trace[3].tobytes()
    assert steps_in(path) == (3 if every == 0 else 0)


def test_the_history_of_a_run_is_finite_or_the_run_has_diverged(tmp_path):
    """Real models at absurd rates, from the first step to the last: either everything is finite, or
    Diverged and the model still works.
    """
    x = (np.random.default_rng(0).random((32, 6, 5, 1)) < 0.3).astype(np.uint8)
    rng, diverged = np.random.default_rng(1), 0
    for number in range(12):
        name = ("fvbn", "pixelcnn")[number % 2]
        fields = {} if name == "fvbn" else dict(hidden=4, layers=1, head=4)
        model = npixel.build(name, image_shape=(6, 5, 1), **fields)
        path = tmp_path / f"{number}.npz"
        try:
            result = training.fit(model, x, steps=int(rng.integers(1, 4)), batch=16,
                                  lr=float(10 ** rng.uniform(-2, 39)), checkpoint=path,
                                  optimizer=str(rng.choice(["sgd", "adam"])),
                                  average=None if number % 3 else 0.5, progress=False,
                                  valid_images=x[:4] if number % 4 else None)
            assert np.isfinite(result.losses).all()
            assert all(math.isfinite(e["valid"] or 0.0) for e in result.history)
        except training.Diverged:
            diverged += 1
        for ours in (model, npixel.load(path)):
            assert np.isfinite(ours.log_prob(x)).all()
    assert 0 < diverged < 12


# --- other processes ---

def test_the_second_of_two_runs_on_one_checkpoint_is_refused(tmp_path):
    def log(entry):
        with pytest.raises(ValueError, match="another run is writing to it"):
            fit(Pixels(seed=2), checkpoint=tmp_path / "a")
        with pytest.raises(ValueError, match="another run is writing to it"):
            fit(Pixels(seed=2), checkpoint=tmp_path / "a", resume=True)
    fit(checkpoint=tmp_path / "a", log=log)
    fit(checkpoint=tmp_path / "b")
    assert arrays_of(tmp_path / "a") == arrays_of(tmp_path / "b")
    assert sorted(os.listdir(tmp_path)) == ["a", "b"]


def test_measuring_overwrites_and_follows_nothing_beside_the_checkpoint(tmp_path, monkeypatch):
    clock = Clock()
    set_clock(monkeypatch, clock)
    (tmp_path / "precious").write_text("old")
    (tmp_path / "a.trial").symlink_to(tmp_path / "precious")
    fit(Timed(clock), steps=None, minutes=0.5, checkpoint=tmp_path / "a", evaluate_every=None)
    assert (tmp_path / "a.trial").is_symlink() and (tmp_path / "precious").read_text() == "old"
    assert sorted(os.listdir(tmp_path)) == ["a", "a.trial", "precious"]


def test_a_run_that_goes_on_keeps_the_permissions_of_its_checkpoint(tmp_path):
    interrupted(tmp_path / "a", 8)
    (tmp_path / "a").chmod(0o600)
    fit(checkpoint=tmp_path / "a", resume=True)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600


def test_a_run_may_start_anew_where_it_is_asked_to(tmp_path):
    fit(Pixels(seed=3), checkpoint=tmp_path / "a", seed=7)
    with pytest.raises(ValueError, match="exists: resume goes on with it"):
        fit(checkpoint=tmp_path / "a")
    fit(checkpoint=tmp_path / "a", replace=True)
    fit(checkpoint=tmp_path / "b")
    assert arrays_of(tmp_path / "a") == arrays_of(tmp_path / "b")


OUTLIVES = """
import threading, numpy as np, npixel
from npixel import training
def work():
    threading.main_thread().join()
    model = npixel.build("pixelcnn", image_shape=(8, 8, 1), hidden=8, layers=1)
    training.fit(model, np.zeros((64, 8, 8, 1), int), steps=3, progress=False)
    print("trained", len(model.sample(2)), flush=True)
threading.Thread(target=work).start()
"""


def test_a_thread_that_outlives_the_main_thread_trains_and_draws():
    done = subprocess.run([sys.executable, "-c", OUTLIVES], capture_output=True, text=True,
                          timeout=100, env=os.environ | {"NPIXEL_THREADS": "2"}, cwd=ROOT)
    assert (done.returncode, done.stdout, done.stderr) == (0, "trained 2\n", "")


SAYS_MUCH = """
import os, sys, numpy as np, npixel
from npixel import training
images = (np.random.default_rng(0).random((40, 6, 5, 1)) < 0.3).astype(np.uint8)
model = npixel.build("fvbn", image_shape=(6, 5, 1))
training.fit(model, images, steps=60, batch=8, evaluate_every=1, valid_images=images,
             checkpoint=sys.argv[1])
print("trained")
"""


@pytest.mark.parametrize("stderr", ['2>&1 >"$OUT.out" | head -2', "2>&-", "2>/dev/full"])
def test_a_run_survives_its_standard_error(tmp_path, stderr):
    if stderr.endswith("full") and not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full")
    line = f'"$PYTHON" -c "$CODE" "$OUT" {stderr}'
    environment = {"PYTHON": sys.executable, "CODE": SAYS_MUCH, "OUT": str(tmp_path / "a")}
    subprocess.run(["bash", "-c", line], timeout=100, capture_output=True, cwd=ROOT,
                   env=os.environ | environment)
    assert steps_in(tmp_path / "a") == 60


@pytest.mark.parametrize("changes, message", [
    (dict(steps=None), "exactly one of steps, epochs and minutes, not none of them"),
    (dict(epochs=2), "not steps and epochs"),
    (dict(steps=0), "steps must be an integer of at least 1, is 0"),
    (dict(steps=10**30), "steps must be at most 9,007,199,254,740,992, are 1e+30"),
    (dict(steps=None, epochs=1e308),
     "the steps of 1e+308 epochs must be at most 9,007,199,254,740,992, are inf"),
    (dict(checkpoint_every="1"), "checkpoint_every must be at least 0 seconds, is '1'"),
    (dict(checkpoint=5), "checkpoint must be a path or None, is 5"),
    (dict(steps=-3), "-3"),
    (dict(steps=2.5), "2.5"),
    (dict(steps=True), "True"),
    (dict(steps=None, epochs=0), "epochs must be positive, is 0"),
    (dict(steps=None, minutes=-1), "minutes must be positive, is -1"),
    (dict(steps=None, minutes=math.nan), "minutes must be a finite number, is nan"),
    (dict(batch=21), "batch is 21, but there are only 20 images"),
    (dict(batch=0), "batch must be an integer of at least 1, is 0"),
    (dict(lr=0), "lr must be positive, is 0"),
    (dict(lr=math.inf), "lr must be a finite number, is inf"),
    (dict(lr="fast"), "lr must be a finite number, is 'fast'"),
    (dict(optimizer="lbfgs"), "optimizer must be one of sgd, rmsprop, adam, is 'lbfgs'"),
    (dict(optimizer_options={"beta": 1}),
     "adam has no option 'beta'; it has b1, b2, eps, root_eps"),
    (dict(optimizer_options={"b1": 1.5}), "b1 and b2 must be in [0, 1), are 1.5"),
    (dict(optimizer_options={"b1": "x"}), "wrong type"),
    (dict(optimizer_options={"b1": object()}), "optimizer_options must be a dict of numbers"),
    (dict(schedule="linear"),
     "schedule must be one of constant, exponential, cosine, piecewise, is 'linear'"),
    (dict(schedule_options={"steps": 3}), "cosine has no option 'steps'; it has warm_up"),
    (dict(schedule_options={"warm_up": 23}), "warm_up must be in [0, 23)"),
    (dict(clip_norm=0), "clip_norm must be positive, is 0"),
    (dict(clip_value=-1), "clip_value must be positive, is -1"),
    (dict(average=1), "average must be in [0, 1), is 1"),
    (dict(keep="first"), "keep must be last or best, is 'first'"),
    (dict(keep="best", valid_images=None), "needs valid_images"),
    (dict(seed=-1), "seed must be an integer of at least 0, is -1"),
    (dict(evaluate_every=0), "evaluate_every must be an integer of at least 1, is 0"),
    (dict(valid_size=0), "valid_size must be an integer of at least 1, is 0"),
    (dict(checkpoint_every=-1), "checkpoint_every must be at least 0 seconds, is -1"),
    (dict(data=images(0)), "images: images is an empty batch"),
    (dict(data=images()[..., 0]), "images: images must be (N, 2, 3, 1), have shape (20, 2, 3)"),
    (dict(data=images() * 2), "images: images must hold levels in [0, 2), found 0 to 2"),
    (dict(data=images() * 1.0), "float64"),
    (dict(valid_images=images(4) * 3),
     "valid_images: images must hold levels in [0, 2), found 0 to 3"),
    (dict(condition=np.zeros(19, int)),
     "condition must have 20 rows, one for each of images, has shape (19,)"),
    (dict(condition=np.zeros(20, int)), "condition must be None"),
    (dict(model=Pixels(conditional=True)), "condition is missing"),
    (dict(model=Pixels(conditional=True), condition=np.zeros(20, int),
          valid_condition=np.zeros(8, int)), "valid_condition must have 9 rows"),
])
def test_bad_input_is_one_line_and_nothing_is_written(tmp_path, changes, message):
    with pytest.raises(ValueError) as error:
        fit(**{**dict(checkpoint=tmp_path / "a"), **changes})
    assert message in one_line(error) and os.listdir(tmp_path) == []


def test_a_checkpoint_in_a_folder_that_does_not_exist_is_noticed_before_training(tmp_path):
    model = Pixels()
    with pytest.raises(FileNotFoundError, match="does not exist"):
        fit(model, checkpoint=tmp_path / "no" / "a")
    assert not model.seen


# --- the step alone ---

class Line(NamedTuple):
    slope: np.ndarray
    offset: np.ndarray


def squared_error(params, x, y):
    """½ mean (slope x + offset + shift - y)², and its gradients; of no image."""
    line, shift = params["line"], params["shift"]
    error = line.slope * x + line.offset + shift - y
    mean = error.mean(keepdims=True)
    return (error @ error) / (2 * len(x)), {"line": [(error @ x)[None] / len(x), mean],
                                            "shift": mean.copy()}


def no_image(rule, steps=400, lr=0.2):
    """Weights that a rule finds for y = 3 x - 2 from other points at every step, and its State."""
    params = {"line": Line(np.zeros(1), np.zeros(1)), "shift": np.zeros(1)}
    state = rule.start(params)
    for step in range(steps):
        x = np.random.default_rng([0, step]).uniform(-1, 1, 8)
        loss, grads = squared_error(params, x, 3 * x - 2)
        rule.step(params, loss, grads, state, step=step, lr=lr)
    return params, state


@pytest.mark.parametrize("optimizer, lr", [("sgd", 0.2), ("rmsprop", 0.02), ("adam", 0.05)])
def test_a_step_trains_what_is_no_image_model(optimizer, lr):
    rule = training.Rule(optimizer, clip_norm=1.0, clip_value=0.9, average=0.9)
    params, state = no_image(rule, lr=lr)
    for found in (params, state.average):
        values = found["line"].slope[0], found["line"].offset[0] + found["shift"][0]
        np.testing.assert_allclose(values, (3, -2), atol=0.05)


def test_a_step_is_loss_clip_update_average_in_this_order():
    """By hand: the whole gradient is 5 long, then 2, then its entries are at most 1.5."""
    rule = training.Rule("sgd", {"momentum": 0.0}, clip_norm=2.0, clip_value=1.5, average=0.75,
                         average_warm_up=False)
    params = {"p": np.array([10.0, 10.0])}
    state = rule.start(params)
    rule.step(params, 1.0, {"p": np.array([3.0, -4.0])}, state, step=0, lr=2.0)
    np.testing.assert_allclose(params["p"], (10 - 2 * 1.2, 10 + 2 * 1.5))
    np.testing.assert_allclose(state.average["p"], 10 + 0.25 * (params["p"] - 10))
    np.testing.assert_array_equal(state.good["p"], (10, 10))


@pytest.mark.parametrize("loss, entry, message", [
    (math.nan, 1.0, "step 1: the loss is nan (lr 2, largest gradient 1 in p)"),
    (math.inf, 1.0, "step 1: the loss is inf (lr 2, largest gradient 1 in p)"),
    (7.5, math.nan, "step 1: the gradient of p has 1 entries of 2 that are nan or infinite "
                    "(loss 7.5, lr 2)")])
def test_a_step_that_diverges_leaves_the_weights_and_the_good_ones(loss, entry, message):
    rule, params = training.Rule("sgd"), {"p": np.array([10.0, 10.0])}
    state = rule.start(params)
    rule.step(params, 1.0, {"p": np.array([3.0, 0.0])}, state, step=0, lr=2.0)
    before = params["p"].copy()
    with pytest.raises(training.Diverged) as error:
        rule.step(params, loss, {"p": np.array([0.5, entry])}, state, step=1, lr=2.0)
    assert one_line(error) == message and np.array_equal(params["p"], before)
    assert np.array_equal(state.good["p"], before if math.isfinite(loss) else [10, 10])
    with pytest.raises(ValueError, match="q is not among the weights") as error:
        rule.step(params, 1.0, {"q": np.zeros(2)}, state, step=1, lr=2.0)
    assert not isinstance(error.value, training.Diverged)


@pytest.mark.parametrize("rule, message", [
    (training.Rule("lbfgs"), "optimizer must be one of sgd, rmsprop, adam, is 'lbfgs'"),
    (training.Rule("sgd", {"b1": 0.5}), "sgd has no option 'b1'; it has momentum"),
    (training.Rule("sgd", {"momentum": 2.0}), "momentum must be in [0, 1), is 2.0"),
    (training.Rule(clip_norm=0.0), "clip_norm must be positive, is 0.0"),
    (training.Rule(clip_value=math.nan), "clip_value must be positive, is nan"),
    (training.Rule(average=1.0), "average must be in [0, 1), is 1.0")])
def test_a_rule_that_makes_no_sense_is_refused_before_its_first_step(rule, message):
    with pytest.raises(ValueError) as error:
        rule.start({"p": np.zeros(1)})
    assert one_line(error) == message


@pytest.mark.parametrize("fault", ["adam.update", "averaging.update", "clipping.by_norm"])
def test_a_part_of_the_step_that_is_left_out_would_be_noticed(monkeypatch, fault):
    rule = training.Rule("adam", clip_norm=0.1, average=0.9)
    whole, averages = (files.flatten(tree) for tree in (no_image(rule, 5)[0],
                                                        no_image(rule, 5)[1].average))
    module, name = fault.split(".")
    monkeypatch.setattr(getattr(step_file, module), name, lambda *_, **__: None)
    params, state = no_image(rule, 5)
    found = files.flatten(params) | {f"average {name}": array
                                     for name, array in files.flatten(state.average).items()}
    expected = whole | {f"average {name}": array for name, array in averages.items()}
    assert any((found[name] != expected[name]).any() for name in expected)


# --- measuring and evaluating leave no trace ---

def test_measuring_returns_a_plan_and_leaves_the_one_it_was_given(monkeypatch):
    clock = Clock()
    set_clock(monkeypatch, clock)
    model = Timed(clock)
    data = batches.Images("images", model, images(), None, "condition")
    asked = dict(batch=6, lr=0.05, schedule="constant", schedule_options=None, optimizer="adam",
                 optimizer_options=None, clip_norm=None, clip_value=None, average=0.9,
                 average_warm_up=True, keep="last", seed=5, minutes=2.0, refine=None)
    before = plan.make(None, None, None, data=data, valid=None, valid_size=9, **asked)
    kept = dataclasses.replace(before)
    begun = run.Run(model, before, data, None, None, 60.0)
    weights = walk.copied(model.params)
    found, seconds = minutes.measure(begun, 120.0, None, SimpleNamespace(caught=None))
    assert begun.plan is before and before == kept and begun.step == 0 and not begun.losses
    assert found == kept.of_steps(found.steps, None) and 200 < found.steps < 250
    assert seconds == pytest.approx(0.5, rel=0.1)
    for name, pair in model.params.items():
        assert all(np.array_equal(a, b) for a, b in zip(pair, weights[name]))


def test_evaluation_builds_a_second_model_and_leaves_the_weights_where_they_are(monkeypatch):
    """While validation images are evaluated, the model in hand has the weights that are trained."""
    model, seen = Pixels(), []
    weights = model.params["pixels"].b
    mean_nll = Pixels.mean_nll

    def watched(self, *arguments, **options):
        seen.append((self is not model, self.params["pixels"].b is not weights,
                     model.params["pixels"].b is weights, weights.copy()))
        return mean_nll(self, *arguments, **options)
    monkeypatch.setattr(Pixels, "mean_nll", watched)
    _, result = fit(model)
    # six entries of the curve; then the weights and the average, before the checkpoint is written
    assert len(seen) == len(result.history) + 2 == 8
    assert all(second and left for second, _, left, _ in seen)
    assert [average for _, average, _, _ in seen] == [True] * 6 + [False, True]
    plain, _ = fit(average=None)
    assert np.array_equal(seen[5][3], plain.params["pixels"].b)


# --- progress ---

def test_progress_without_a_terminal_is_a_few_lines(capsys):
    fit(progress=True)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 7 and lines[-1].startswith("finished: 23 steps in ")
    parts = (" images/s, train ", " nats = ", " bits/dim, valid ", " left")
    assert lines[1].startswith("step 8/23, ") and all(part in lines[1] for part in parts)
    fit()
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("bar", [True, False])
def test_progress_on_a_terminal_uses_tqdm_if_there_is_one(capsys, monkeypatch, bar):
    if bar:
        pytest.importorskip("tqdm")
    else:
        monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    fit(progress=True)
    error = capsys.readouterr().err
    assert ("23/23" in error and "step/s" in error) if bar else "step 23/23" in error


def test_times_are_written_for_people():
    assert [words_of(seconds) for seconds in (45.2, 720, 12240)] == ["45 s", "12 min", "3.4 h"]


def test_bits_are_those_of_the_package():
    model = npixel.build("fvbn", image_shape=(28, 28, 1))
    bits = npixel.bits_per_dim(97.45, (28, 28, 1))
    show = progress.RunProgress(SimpleNamespace(step=0, model=model), False)
    assert show.loss(97.45) == f"97.45 nats = {bits:.4g} bits/dim"
