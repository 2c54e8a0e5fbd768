"""The command line, in this process: a whole small life of a model, every kind of bad input, and
what --json prints."""

import argparse
import dataclasses
import json
import math
import signal
import threading

import numpy as np
import pytest

import npixel
from npixel import data, doctor, measure, plots, training
from npixel.commands import complete, shared, train
from npixel.training import recipes
from npixel.training.run import Run

SOURCE = "noisy_rule:4x5,train=64,valid=20,test=30"
TINY = ["--data", SOURCE, "--batch", "16", "--quiet"]
SMALL = ["--hidden", "4", "--layers", "1", "--first-kernel", "3", "--head", "4"]


@pytest.fixture
def trained(tmp_path, call):
    """A pixelcnn after four steps."""
    path = tmp_path / "run.npz"
    assert call("train", "pixelcnn", *TINY, *SMALL, "--steps", 4, "--out", path)[0] == 0
    return path


def test_a_model_is_trained_evaluated_sampled_and_completed(trained, tmp_path, call):
    status, out, _ = call("evaluate", trained, "--data", SOURCE, "--json")
    report = json.loads(out)
    source = data.load(SOURCE)
    expected = -npixel.load(trained).log_prob(source.test)
    assert status == 0 and report["images"] == 30
    assert report["nats"] == pytest.approx(expected.mean(), rel=1e-12)
    assert report["standard_error"] == pytest.approx(expected.std(ddof=1) / 30**0.5, rel=1e-12)
    assert report["bits_per_dim"] == pytest.approx(expected.mean() / 20 / np.log(2), rel=1e-12)
    assert report["floor"] == source.entropy
    assert report["gap"] == pytest.approx((expected + source.process.log_prob(source.test)).mean(),
                                          rel=1e-12)

    status, out, _ = call("sample", trained, "-n", 3, "--seed", 5, "--out", tmp_path / "s.npz",
                          "--json")
    report = json.loads(out)
    with np.load(tmp_path / "s.npz") as arrays:
        images = arrays["images"]
    assert status == 0 and report["images"] == 3 and report["naive"] is False
    assert report["milliseconds_per_image"] > 0
    assert np.array_equal(images, npixel.load(trained).sample(3, np.random.default_rng(5)))
    assert call("sample", trained, "-n", 3, "--seed", 5, "--naive", "--out",
                tmp_path / "naive.npz")[0] == 0
    with np.load(tmp_path / "naive.npz") as arrays:
        assert np.array_equal(arrays["images"], images)

    status, out, _ = call("complete", trained, "--data", SOURCE, "-n", 4, "--draws", 2, "--rows", 3,
                          "--out", tmp_path / "c.npz")
    assert status == 0 and "the law is the exact conditional" in out
    with np.load(tmp_path / "c.npz") as arrays:
        assert arrays["images"].shape == (8, 4, 5, 1) and arrays["known"].sum() == 15
        assert np.array_equal(arrays["images"][:4, :3], arrays["given"][:, :3])
        assert np.array_equal(arrays["images"][4:, :3], arrays["given"][:, :3])


def test_train_reports_the_test_split_and_text_and_json_agree(tmp_path, call):
    argv = ["train", "pixelcnn", *TINY, *SMALL, "--steps", 3]
    status, out, _ = call(*argv, "--out", tmp_path / "a.npz", "--json")
    report = json.loads(out)
    assert status == 0 and report["steps"] == 3 and report["config"]["hidden"] == 4
    assert report["plan"]["batch"] == 16
    status, out, err = call(*argv, "--out", tmp_path / "b.npz")
    assert status == 0
    test = report["test"]
    assert (f"{test['nats']:.4f} nats per image, standard error {test['standard_error']:.4f}"
            in out)
    assert err == "" and f"floor      {report['test']['floor']:.4f} nats" in out


def test_progress_goes_to_standard_error_and_json_stays_alone(tmp_path, call):
    argv = [argument for argument in TINY if argument != "--quiet"]
    status, out, err = call("train", "fvbn", *argv, "--steps", 2, "--out", tmp_path / "a.npz",
                            "--json")
    assert status == 0 and json.loads(out)["model"] == "fvbn"
    assert "210 parameters" in err and "nats" in err and "bits/dim" in err and "left" in err


def test_pictures_are_written(trained, tmp_path, call):
    pytest.importorskip("matplotlib",
                        reason="matplotlib is not installed: the test of pictures is skipped")
    assert call("sample", trained, "-n", 2, "--out", tmp_path / "s.png")[0] == 0
    assert call("complete", trained, "--data", SOURCE, "-n", 2, "--columns", 2, "--out",
                tmp_path / "c.png")[0] == 0
    for name in ("s.png", "c.png"):
        assert (tmp_path / name).read_bytes()[:4] == b"\x89PNG"


def test_the_fields_of_a_model_are_options_with_their_own_help(call):
    status, out, _ = call("train", "pixelcnn", "--help")
    text = " ".join(out.split())
    assert status == 0
    for field in shared.own_fields("pixelcnn"):
        assert "--" + field.name.replace("_", "-") in text
    assert "(default 7)" in text and "--hidden" not in call("train", "fvbn", "--help")[1]


def test_an_annotation_says_how_an_option_is_read():
    assert train._kind(int) is int and train._kind("float") is float
    assert train._kind(int | None) is int and train._kind("str | None") is str
    assert train._kind("tuple")("(1, 2)") == (1, 2)


def test_flags_and_numbers_that_may_be_none_become_options():
    @dataclasses.dataclass
    class Config:
        skip: bool = True
        classes: int | None = None
        dropout: float = 0.5

    parser = argparse.ArgumentParser()
    for field in dataclasses.fields(Config):
        train._add_field(parser, field)
    assert vars(parser.parse_args([])) == {"field_skip": None, "field_classes": None,
                                           "field_dropout": None}
    chosen = vars(parser.parse_args(["--no-skip", "--classes", "10", "--dropout", "0.25"]))
    assert chosen == {"field_skip": False, "field_classes": 10, "field_dropout": 0.25}


def test_without_a_name_the_checkpoint_is_called_after_model_and_data(tmp_path, call, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert call("train", "fvbn", *TINY, "--steps", 1)[0] == 0
    assert [path.name
            for path in tmp_path.iterdir()] == ["fvbn-noisy_rule_4x5_train_64_valid_20_test_30.npz"]
    assert train.default_out("fvbn", "a/b.npz") == "fvbn-b.npz"
    assert train.default_out("fvbn", "folder/") == "fvbn-folder.npz"
    assert train.default_out("fvbn", ".") == f"fvbn-{tmp_path.name}.npz"   # not fvbn-.npz
    assert train.default_out("fvbn", "/") == "fvbn-data.npz"
    first, second = (train.default_out("fvbn", f"noisy_rule:8x8,eps={eps}") for eps in (0.1, 0.2))
    assert first != second


def test_one_image_has_a_mean_and_no_standard_error(trained, call):
    status, out, _ = call("evaluate", trained, "--data", "noisy_rule:4x5,test=1")
    assert status == 0 and "standard error" not in out and "1 images" in out
    assert json.loads(call("evaluate", trained, "--data", "noisy_rule:4x5,test=1",
                           "--json")[1])["standard_error"] is None


def test_an_interrupted_run_leaves_a_checkpoint_and_goes_on_to_the_same_weights(tmp_path, call,
                                                                                monkeypatch):
    argv = ["train", "pixelcnn", *TINY, *SMALL, "--steps", 6]
    assert call(*argv, "--out", tmp_path / "whole.npz")[0] == 0
    advance, made = Run.advance, []

    def interrupted(self, *arguments):
        made.append(1)
        if len(made) == 3:
            signal.raise_signal(signal.SIGINT)
        return advance(self, *arguments)

    assert threading.current_thread() is threading.main_thread()
    monkeypatch.setattr(Run, "advance", interrupted)
    argv += ["--out", str(tmp_path / "run.npz")]
    status, out, err = call(*argv)
    assert status == 130 and out == "" and err.count("\n") == 1
    assert err.rstrip().endswith("--resume") and "3 of 6 steps" in err
    monkeypatch.setattr(Run, "advance", advance)
    assert call("evaluate", tmp_path / "run.npz", "--data", SOURCE)[0] == 0
    assert call(*argv, "--resume")[0] == 0
    whole, resumed = npixel.load(tmp_path / "whole.npz"), npixel.load(tmp_path / "run.npz")
    for name, weights in whole.params.items():
        assert all(np.array_equal(a, b) for a, b in zip(weights, resumed.params[name]))


def test_completion_says_when_its_law_is_not_the_exact_conditional(trained, tmp_path, call):
    known = np.zeros((4, 5), bool)
    known[2] = True
    np.savez(tmp_path / "known.npz", known=known)
    for option, value, exact in (("--rows", 0, True), ("--rows", 4, True), ("--columns", 2, False),
                                 ("--known", tmp_path / "known.npz", False)):
        status, out, _ = call("complete", trained, "--data", SOURCE, "-n", 2, option, value,
                              "--out", tmp_path / "c.npz", "--force", "--json")
        assert status == 0 and json.loads(out)["exact_conditional"] is exact
    order = npixel.load(trained).order
    prefix = np.zeros(20, bool)
    prefix[:7] = True
    assert complete.exact_conditional(prefix.reshape(4, 5, 1), order)
    prefix[9] = True
    assert not complete.exact_conditional(prefix.reshape(4, 5, 1), order)


def test_models_lists_paper_fields_and_size_and_refuses_a_size_with_its_reason(call):
    rows = {row["name"]: row for row in json.loads(call("models", "--json")[1])["models"]}
    assert list(rows) == [*npixel.MODELS, *npixel.DENSITIES]
    assert all(row["about"] and row["paper"] is not None for row in rows.values())
    assert "Pixel Recurrent Neural Networks" in rows["pixelcnn"]["paper"]
    assert rows["fvbn"]["parameters"] == 307_720 and "1992" in rows["fvbn"]["paper"]
    assert rows["pixelcnn"]["fields"]["hidden"] == 32
    status, out, _ = call("models", "--image-shape", "32x32x3", "--levels", 256)
    assert status == 0 and "refused: an fvbn for (32, 32, 3) images of 256 levels has" in out


def test_one_model_is_listed_with_the_shapes_of_its_weights(call):
    status, out, _ = call("models", "fvbn", "--image-shape", "2x2")
    assert (
        status == 0
        and "units                w (6, 1, 1)  b (4, 1)" in out
        and "pixelcnn" not in out
    )
    row, = json.loads(call("models", "row_lstm", "--json")[1])["models"]
    assert row["shapes"]["first"] == {"w": [49, 1, 64], "b": [64]}
    assert (
        sum(math.prod(shape) for fields in row["shapes"].values() for shape in fields.values())
        == row["parameters"]
    )
    status, _, err = call("models", "rowlstm")
    assert status == 2 and "rowlstm" in err


def test_doctor_checks_every_model_and_fails_when_one_is_wrong(call, monkeypatch):
    status, out, _ = call("doctor", "--json")
    report = json.loads(out)
    assert status == 0 and report["passed"]
    assert {row["model"] for row in report["checks"]} == set(npixel.MODELS)
    assert len(report["checks"]) == 3 * len(npixel.MODELS)
    assert report["packages"]["numpy"] == np.__version__
    assert any(row["cache"]
               for row in report["kernels"]["list"]) or not report["kernels"]["enabled"]

    model = npixel.model.Model
    right = {"loss_and_grads": model.loss_and_grads, "log_prob": model.log_prob,
             "sample": model.sample}

    def twice_the_loss(self, images):
        nll, grads = right["loss_and_grads"](self, images)
        return 2 * nll, grads

    def other_if_naive(self, n, uniforms, naive=False):
        return right["sample"](self, n, uniforms=uniforms) ^ naive

    wrong = {"loss_and_grads": twice_the_loss,
             "log_prob": lambda self, images: right["log_prob"](self, images) + 1e-9,
             "sample": other_if_naive}
    for number, (name, function) in enumerate(wrong.items()):
        monkeypatch.setattr(model, name, function)
        failed = [number_ % 3 for number_, check in enumerate(doctor.checks()) if not check.passed]
        assert failed == [number] * len(npixel.MODELS)
        status, out, _ = call("doctor")
        assert status == 1 and out.count("FAILED") == len(npixel.MODELS)
        monkeypatch.setattr(model, name, right[name])


def test_a_nan_is_not_a_passed_check():
    assert not doctor.Check("m", "c", float("nan"), 1.0).passed


BAD = [
    ((), None),                                                            # prints the help
    (("paint",), "invalid choice: 'paint'"),
    (("train",), "must be followed by a model: fvbn"),
    (("train", "resnet"), "invalid choice: 'resnet'"),
    (("train", "pixelcnn"), "required: --data"),
    (("train", "pixelcnn", "--data", "nowhere.npz", "--steps", 1), "'nowhere.npz' is no data set"),
    (("train", "pixelcnn", *TINY, "--steps", 0), "steps must be an integer of at least 1, is 0"),
    (("train", "pixelcnn", *TINY, "--minutes", -1), "minutes must be positive, is -1.0"),
    (("train", "pixelcnn", *TINY, "--steps", 1, "--epochs", 1), "not allowed with argument"),
    (("train", "pixelcnn", *TINY, "--steps", 1, "--hidden", 0),
     "hidden must be an integer of at least 1, is 0"),
    (("train", "pixelcnn", *TINY, "--steps", 1, "--first-kernel", 4),
     "first_kernel must be odd, is 4"),
    (("train", "pixelcnn", *TINY, "--steps", 1, "--lr", 0), "lr must be positive, is 0.0"),
    (("train", "pixelcnn", *TINY, "--steps", 1, "--clip", "much"), "invalid"),
    (("train", "pixelcnn", *TINY, "--steps", 1, "--average", 1.5),
     "average must be in [0, 1), is 1.5"),
    (("train", "pixelcnn", *TINY, "--steps", 1, "--seed", -1), "--seed must be at least 0, is -1"),
    (("train", "pixelcnn", "--data", SOURCE, "--quiet", "--steps", 1, "--batch", 65),
     "batch is 65, but there are only 64 images"),
    (("train", "fvbn", *TINY, "--steps", 1, "--hidden", 3), "unrecognized arguments"),
    (("train", "fvbn", *TINY, "--steps", 1, "--resume"), "not found"),
    (("train", "fvbn", *TINY, "--steps", 1, "--out", "{}/no/run.npz"), "its folder"),
    (("train", "fvbn", *TINY, "--steps", 1, "--out", "{}/run.npz"),
     "exists: resume goes on with it"),
    (("train", "fvbn", *TINY, "--steps", 1, "--out", "{}/run.npz", "--resume"),
     "its model has name pixelcnn, this model has fvbn"),
    (("train", "pixelcnn", *TINY, *SMALL, "--steps", 5, "--out", "{}/run.npz", "--resume"),
     "steps was 4 when the run began, is 5 now"),
    (("train", "pixelcnn", *TINY, "--steps", 1, "--hidden", 10**9, "--out", "{}/x.npz"),
     "pixelcnn with hidden 1000000000, for images"),
    (("train", "ride", "--data", "noisy_rule:4x4,train=64,valid=20,test=30", "--quiet", "--steps",
      1, "--out", "{}/x.npz"), "(--border padded)"),
    (("evaluate", "{}/none.npz", "--data", SOURCE), "none.npz not found"),
    (("evaluate", "{}/foreign.npz", "--data", SOURCE), "not a checkpoint of npixel"),
    (("evaluate", "{}/damaged.npz", "--data", SOURCE), "damaged"),
    (("evaluate", "{}/run.npz", "--data", "digits"),
     "digits has 8x8x1 images of 17 levels, the model in {}/run.npz is for 4x5x1 of 2"),
    (("evaluate", "{}/run.npz", "--data", SOURCE, "--split", "all"), "invalid choice: 'all'"),
    (("sample", "{}/run.npz", "-n", 0), "n must be a positive integer, is 0"),
    (("sample", "{}/run.npz", "--seed", -2), "--seed must be at least 0, is -2"),
    (("sample", "{}/run.npz", "--out", "{}/s.jpg"), "--out must end in .png or .npz"),
    (("sample", "{}/run.npz", "--out", "{}/no/s.png"), "its folder {}/no does not exist"),
    (("complete", "{}/run.npz", "--data", SOURCE, "--rows", 5), "--rows must be in [0, 4], is 5"),
    (("complete", "{}/run.npz", "--data", SOURCE, "--rows", 1, "--columns", 1),
     "not allowed with argument"),
    (("complete", "{}/run.npz", "--data", SOURCE, "-n", 31),
     "-n is 31, but the test split has only 30 images"),
    (("complete", "{}/run.npz", "--data", SOURCE, "--draws", 0),
     "--draws must be at least 1, is 0"),
    (("complete", "{}/run.npz", "--data", SOURCE, "--known", "{}/foreign.npz"),
     "must have an array `known` of bools; it has a (int64)"),
    (("complete", "{}/run.npz", "--data", SOURCE, "--known", "{}/wide.npz"),
     "known must be (4, 5) or (4, 5, 1), has shape (4, 6)"),
    (("models", "--image-shape", "28"), "invalid HxW or HxWxC value: '28'"),
    (("models", "--levels", 1), "levels must be an integer of at least 2, is 1"),
    (("models", "--levels", 10**9), "--image-shape 28x28x1, --levels 1000000000: an fvbn for"),
    (("models", "pixelcnn", "--levels", 10**12),
     "--levels 1000000000000: the weights of pixelcnn, for"),
    (("train", "pixelcnn", "--data", "digits", "--hidden", 10**5),
     "the weights of pixelcnn with hidden 100000, for images of 8x8x1 and 17 levels, would take"),
    (("train", "gated_pixelcnn", "--data", "digits", "--classes", 10**12),
     "the weights of gated_pixelcnn with classes 1000000000000, for images of 8x8x1"),
    (("data", "info", "nowhere"), "'nowhere' is no data set"),
    (("demo", "--models", "fvbn,resnet"), "there is no model 'resnet'; there are fvbn"),
    (("demo", "--effort", 0), "effort must be a positive number, is 0.0"),
    (("demo", "--effort", "nan"), "effort must be a positive number, is nan"),
    (("demo", "--seed", -1), "seed must be at least 0, is -1"),
]


def test_bad_input_gets_one_line_with_the_numbers_and_status_2(trained, tmp_path, call,
                                                               monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez(tmp_path / "foreign.npz", a=np.arange(3))
    np.savez(tmp_path / "wide.npz", known=np.zeros((4, 6), bool))
    (tmp_path / "damaged.npz").write_bytes(trained.read_bytes()[:-200])
    before = sorted(tmp_path.iterdir())
    for argv, words in BAD:
        status, out, err = call(*[str(argument).replace("{}", str(tmp_path)) for argument in argv])
        if words is None:
            assert status == 2 and "train" in out
            continue
        assert status == 2 and out == "" and err.count("\n") == 1, (argv, status, out, err)
        assert words.replace("{}", str(tmp_path)) in err, (argv, err)
    assert sorted(tmp_path.iterdir()) == before        # nothing was left behind


def test_without_matplotlib_samples_still_go_to_npz_and_a_png_is_refused_before_work(trained,
                                                                                     tmp_path, call,
                                                                                     monkeypatch):
    monkeypatch.setattr(plots, "available", lambda: False)
    status, _, err = call("sample", trained, "--out", tmp_path / "s.png")
    assert status == 2 and "pip install 'npixel[demo]'" in err
    assert call("sample", trained, "-n", 2, "--out", tmp_path / "s.npz")[0] == 0


def test_a_recipe_gives_way_to_what_is_asked_for():
    assert recipes.of("fvbn", steps=5) == {k: v for k, v in recipes.RECIPES["fvbn"].items()
                                           if k != "epochs"} | {"steps": 5}
    changed = recipes.of("fvbn", schedule="constant", epochs=3, lr=None)
    assert "schedule_options" not in changed and changed["lr"] == 1e-2 and changed["epochs"] == 3
    assert recipes.of("a model without an entry") == recipes.DEFAULT
    for name in npixel.MODELS:                         # every recipe is one that fit accepts
        model = measure.small(name, np.random.default_rng(0))
        training.fit(model, np.zeros((200, *model.image_shape), int), progress=False,
                     **recipes.of(name, steps=2))
