"""Labels as conditions: the command line hands them over.

The vote of the nearest training images tells whether samples show what was asked for.
"""

import json
from types import SimpleNamespace

import numpy as np
import pytest

import npixel
from npixel import data, evaluation

SIZES = dict(hidden=3, layers=1, first_kernel=3, head=3, head_layers=1)
TINY = ("--data", "digits", "--quiet", "--hidden", 3, "--layers", 1, "--first-kernel", 3,
        "--head", 3, "--head-layers", 1, "--batch", 8)
TRAIN = ("train", "gated_pixelcnn", *TINY, "--steps", 1)


@pytest.fixture(scope="module")
def digits():
    return data.load("digits")


@pytest.fixture
def trained(tmp_path, call):
    path = tmp_path / "run.npz"
    argv = "train", "gated_pixelcnn", *TINY, "--classes", 10, "--steps", 3, "--out", path
    assert call(*argv)[::2] == (0, "")
    return path


def images_in(path):
    with np.load(path) as arrays:
        return dict(arrays)


def test_a_model_with_classes_is_trained_and_tested_on_the_labels(trained, call, digits):
    model = npixel.load(trained)
    status, out, _ = call("evaluate", trained, "--data", "digits", "--split", "valid", "--json")
    expected = -model.log_prob(digits.valid, condition=digits.valid_labels)
    assert status == 0 and json.loads(out)["nats"] == pytest.approx(expected.mean(), rel=1e-12)
    shuffled = -model.log_prob(digits.valid, condition=digits.valid_labels[::-1])
    assert not np.allclose(expected, shuffled)


def test_training_is_fit_with_the_labels_as_condition(trained, tmp_path, digits):
    model = npixel.build("gated_pixelcnn", image_shape=(8, 8, 1), levels=17, classes=10, **SIZES)
    plan = npixel.training.recipes.of("gated_pixelcnn", steps=3, batch=8)
    npixel.training.fit(model, digits.train, condition=digits.train_labels, progress=False, **plan)
    for name, weights in npixel.load(trained).params.items():
        for a, b in zip(weights, model.params[name]):
            np.testing.assert_array_equal(a, b)


def test_samples_are_of_the_class_asked_for_or_of_each_in_turn(trained, tmp_path, call):
    model = npixel.load(trained)
    for more, labels in (((), np.arange(12) % 10), (("--class", 7), np.full(12, 7))):
        argv = "sample", trained, "-n", 12, *more, "--seed", 3, "--out", tmp_path / "s.npz"
        assert call(*argv, "--force")[0] == 0
        arrays = images_in(tmp_path / "s.npz")
        np.testing.assert_array_equal(arrays["labels"], labels)
        expected = model.sample(12, np.random.default_rng(3), condition=labels)
        np.testing.assert_array_equal(arrays["images"], expected)


def test_completions_take_labels_of_images_or_the_class(trained, tmp_path, call, digits):
    model = npixel.load(trained)
    for more in ((), ("--class", 7)):
        argv = "complete", trained, "--data", "digits", "-n", 4, "--draws", 2, *more
        assert call(*argv, "--out", tmp_path / "c.npz", "--force")[0] == 0
        arrays = images_in(tmp_path / "c.npz")
        rows = [np.flatnonzero((digits.test == image).all(axis=(1, 2, 3)))[0]
                for image in arrays["given"]]
        labels = np.tile(np.full(4, 7) if more else digits.test_labels[rows], 2)
        np.testing.assert_array_equal(arrays["labels"], labels)
        rng = np.random.default_rng(0)
        rng.permutation(len(digits.test))
        given = np.tile(arrays["given"], (2, 1, 1, 1))
        again = model.complete(given, arrays["known"], rng, condition=labels)
        np.testing.assert_array_equal(arrays["images"], again)


def test_pictures_of_classes_are_written(trained, tmp_path, call):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed: no test of pictures")
    for more in ((), ("--class", 2)):
        argv = "sample", trained, "-n", 12, *more, "--out", tmp_path / "s.png", "--force"
        assert call(*argv)[0] == 0


@pytest.mark.parametrize("argv, words", [
    ((*TRAIN, "--classes", 5, "--out", "{}/x.npz"), "classes in [0, 5), found 0 to 9"),
    (("train", "gated_pixelcnn", "--data", "noisy_rule:8x8,train=64,valid=20,test=30", "--quiet",
      "--steps", 1, "--classes", 2, "--out", "{}/x.npz"), "has no labels"),
    ((*TRAIN, "--condition-features", 5, "--out", "{}/x.npz"),
     "condition_features=5, and digits has nothing but"),
    ((*TRAIN, "--classes", 10, "--condition-maps", 5, "--out", "{}/x.npz"), "one condition, not"),
    (("sample", "{}/run.npz", "--class", 10), "--class must be in [0, 10), is 10"),
    (("sample", "{}/run.npz", "--class", -1), "is -1"),
    (("sample", "{}/run.npz", "--class", 3, "-n", 0), "n must be a positive integer"),
    (("sample", "{}/run.npz", "-n", -2), "n must be a positive integer"),
    (("evaluate", "{}/run.npz", "--data", "digits", "--samples", 9),
     "9 samples are fewer than the 10 classes"),
    (("sample", "{}/plain.npz", "--class", 3), "this gated_pixelcnn has none"),
    (("evaluate", "{}/plain.npz", "--data", "digits", "--samples", 20),
     "this gated_pixelcnn has no classes"),
    (("complete", "{}/plain.npz", "--data", "digits", "--class", 3),
     "this gated_pixelcnn has none"),
])
def test_what_makes_no_sense_is_refused_in_one_line(trained, tmp_path, call, argv, words):
    assert call(*TRAIN, "--out", tmp_path / "plain.npz")[0] == 0
    argv = [part.format(tmp_path) if isinstance(part, str) else part for part in argv]
    status, out, err = call(*argv)
    assert (status, out, err.count("\n")) == (2, "", 1) and words in err


# the vote


def test_nearest_labels_are_those_of_a_loop_over_all_pairs(digits):
    x, known, labels = digits.test[:40], digits.train[:200], digits.train_labels[:200]
    found = {k: evaluation.nearest(x, known, labels, k) for k in (1, 3, 5)}
    for i, image in enumerate(x):
        distances = [int(((image.astype(int) - other) ** 2).sum()) for other in known]
        order = sorted(range(200), key=distances.__getitem__)
        for k, (votes, nearest) in found.items():
            first = [labels[j] for j in order[:k]]
            best = max(first.count(label) for label in first)
            assert votes[i] == next(label for label in first if first.count(label) == best)
            assert nearest[i] == distances[order[0]]


def drawing(draw):
    """A model with ten classes whose samples are what `draw` makes of their labels."""
    model = npixel.build("gated_pixelcnn", image_shape=(8, 8, 1), levels=17, classes=10, hidden=1,
                         layers=0, head=1)
    return SimpleNamespace(name="x", config=model.config, check_condition=model.check_condition,
                           sample=lambda n, rng, condition: draw(condition))


def test_the_vote_tells_right_samples_from_wrong_ones_and_copies_from_new_images(digits):
    def of(images, labels, asked, n):
        return images[np.flatnonzero(labels == asked)[n]]

    def copies(labels):
        return np.array([of(digits.train, digits.train_labels, label, n)
                         for n, label in enumerate(labels)])

    def unseen(labels):
        return np.array([of(digits.test, digits.test_labels, label, n // 10)
                         for n, label in enumerate(labels)])

    def others(labels):
        return copies((labels + 1) % 10)

    known, _ = evaluation.class_samples(drawing(copies), digits, 100)
    # the test images, class by class: the vote's own share
    new, _ = evaluation.class_samples(drawing(unseen), digits, 300)
    wrong, _ = evaluation.class_samples(drawing(others), digits, 100)
    assert known["copies"] == wrong["copies"] == 1
    assert known["as_asked"] > 0.95 and wrong["as_asked"] < 0.05
    assert new["copies"] == 0 and new["as_asked"] == new["classifier"] > 0.95
    assert np.mean(new["as_asked_by_class"]) == pytest.approx(new["as_asked"])


def test_the_samples_of_a_file_are_judged(trained, call):
    status, out, _ = call("evaluate", trained, "--data", "digits", "--samples", 20, "--json")
    report = json.loads(out)["class_samples"]
    assert status == 0 and report["samples"] == 20 and report["copies"] == 0
    assert report["classifier"] == pytest.approx(0.9833, abs=1e-4)
    status, out, _ = call("evaluate", trained, "--data", "digits", "--samples", 20)
    words = f"{100 * report['as_asked']:.1f} % of 20 show the class they were drawn for"
    assert f"samples    {words}" in out
