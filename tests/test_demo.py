"""The demo, with a budget of a second: it runs to its end, every figure is of something that ran, every picture is written."""

import json
import math
import signal

import numpy as np
import pytest

import npixel
from npixel import cli, data, demo, plots, training
from npixel.demo import measure, pictures, table

PICTURES = ["samples", "classes", "completions", "receptive_field", "bits_per_pixel", "predicted_levels", "learning_curves", "strip"]


MODELS = ["fvbn", "pixelcnn", "row_lstm", "pixelcnn_pp", "gated_pixelcnn"]       # one of each kind of loss and generation, and the one with classes


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """What a demo of two seconds reports."""
    return demo.run(MODELS, minutes=2 / 60, out=tmp_path_factory.mktemp("demo") / "pictures", seed=1)


def pixelcnn(**config):
    return npixel.build("pixelcnn", image_shape=(4, 5, 1), dtype="float32", **{"hidden": 4, "layers": 1, "first_kernel": 3, "head": 4, **config})


def test_the_demo_trains_every_model_on_every_data_set_and_reports_what_ran(report):
    assert [(row["data"], row["model"]) for row in report["rows"]] == [(key, name) for key in demo.DATA for name in MODELS]
    for row in report["rows"]:
        assert row["steps"] >= 1 and row["seconds"] > 0 and row["nats"] > 0 and row["standard_error"] > 0 and 0 < row["past_seen"] <= 1
        assert row["bits_per_dim"] == pytest.approx(row["nats"] / 64 / math.log(2))
        assert (row["floor"] is None) == (row["data"] == "digits") == (row["gap"] is None)
        assert (row["times"] is not None) == (row["data"] == "digits")
        assert (row["predicted_gap"] is not None) == row["data"].startswith("blind_corner")
    for row in report["dependencies"]:
        assert row["leaks"] == 0 and row["measured"] <= row["theory"] <= row["pairs"] == 64 * 63 // 2
    for row in report["normalisation"]:
        assert row["images"] in (2**9, 2**16) and row["error"] <= 1e-12
    pixelcnn = next(row for row in report["rows"] if row["model"] == "pixelcnn" and row["predicted_gap"] is not None)
    assert pixelcnn["predicted_gap"] == pytest.approx(data.load("blind_corner:8x8").process.blind_gap)
    assert pixelcnn["gap"] > pixelcnn["predicted_gap"] - 3 * pixelcnn["gap_standard_error"]


def test_every_picture_is_written(report):
    if not plots.available():
        assert report["pictures"] == []
        pytest.skip("matplotlib is not installed: there are no pictures to look for")
    assert [path.rpartition("/")[2] for path in map(str.strip, report["pictures"])] == [name + ".png" for name in PICTURES]
    for path in report["pictures"]:
        with open(path, "rb") as file:
            assert file.read(4) == b"\x89PNG"


def test_the_table_has_a_row_for_each_and_says_what_was_extrapolated(report):
    text = table.text(report)
    lines = text.splitlines()
    assert sum(line.startswith(tuple(demo.DATA)) for line in lines) == len(report["rows"]) and len(max(lines, key=len)) <= 150
    head = lines[0].split()
    assert head[:3] == ["data", "model", "parameters"] and head[-1] == "naive"
    times = {row["model"]: row["times"] for row in report["rows"] if row["times"]}
    starred = [line for line in lines if line.endswith("*")]
    assert len(starred) == sum(one["extrapolated"] for one in times.values())
    longer = {**report, "rows": [{**row, "model": "multiscale_pixelrnn", "parameters": 53_659_080} for row in report["rows"]]}
    columns = [line.index("parameters") + len("parameters") for line in table.text(longer).splitlines()[:1]]
    assert all(line[:columns[0]].endswith("53,659,080") for line in table.text(longer).splitlines()[1:3])


def test_a_gap_below_the_predicted_one_is_called_a_leak(report):
    row = next(row for row in report["rows"] if row["model"] == "pixelcnn" and row["predicted_gap"])
    leaky = {**row, "gap": row["predicted_gap"] - 3.1 * row["gap_standard_error"]}
    assert "a leak" in table._verdict(leaky) and table._verdict({**row, "gap": row["predicted_gap"] - 2.9 * row["gap_standard_error"]}) == ""
    seen = {**next(row for row in report["dependencies"] if row["model"] == "pixelcnn"), "measured": 2000, "both": 1891, "leaks": 109}
    assert "LEAKS 109" in table.text({**report, "dependencies": [seen]})


def test_without_matplotlib_the_table_is_printed_and_one_line_names_the_extra(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(plots, "available", lambda: False)
    assert cli.main(["demo", "--minutes", "0.005", "--models", "fvbn", "--out", str(tmp_path / "none")]) == 0
    out = capsys.readouterr().out
    assert "no pictures: matplotlib is missing, pip install 'npixel[demo]'" in out and "noisy_rule:8x8" in out and not (tmp_path / "none").exists()


def test_the_command_hands_its_options_on_and_prints_json(report, capsys, monkeypatch):
    asked = {}
    monkeypatch.setattr(demo, "run", lambda names, **options: asked.update(names=names, **options) or report)
    assert cli.main(["demo", "--minutes", "7", "--models", "fvbn", "--out", "there", "--seed", "3", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert asked.pop("progress") and asked == {"names": ["fvbn"], "minutes": 7.0, "out": "there", "seed": 3}
    assert [row["nats"] for row in found["rows"]] == [row["nats"] for row in report["rows"]]


def test_ctrl_c_stops_the_demo_and_prints_no_table(tmp_path, capsys, monkeypatch):
    fit = training.fit

    def interrupted(model, *arguments, **options):
        model.loss_and_grads, right = lambda *a, **o: signal.raise_signal(signal.SIGINT) or right(*a, **o), model.loss_and_grads
        return fit(model, *arguments, **options)

    monkeypatch.setattr(training, "fit", interrupted)
    assert cli.main(["demo", "--models", "fvbn", "--out", str(tmp_path)]) == 130
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err == "compiling fvbn\nnpixel: interrupted\n" and list(tmp_path.iterdir()) == []


def test_dependencies_are_measured_exactly_where_the_weights_are_alive():
    model = pixelcnn()
    rng = np.random.default_rng(0)
    for weights in model.params.values():
        for array in weights:
            array[...] = np.abs(rng.standard_normal(array.shape)) / 8     # no relu is dead
    before = [array.copy() for weights in model.params.values() for array in weights]
    seen, theory = measure.dependencies(model, images=4), measure.visible(model)
    assert np.array_equal(seen, theory) and 0 < seen.sum() < measure.past_pairs(model) == 190
    assert not np.triu(seen).any()                     # nothing sees itself or what comes later
    assert all(np.array_equal(a, b) for a, b in zip(before, [array for weights in model.params.values() for array in weights]))


def test_a_planted_leak_is_measured(monkeypatch):
    model = pixelcnn()
    module = model.module
    forward = module.forward
    monkeypatch.setattr(module, "forward", lambda params, x, *rest, **options: forward(params, np.roll(x, -1, axis=2), *rest, **options))
    assert np.diagonal(measure.dependencies(model)).any()


def test_generation_times_say_when_they_are_extrapolated():
    model = pixelcnn()
    whole, part = measure.generation_times(model, images=2, seconds=100), measure.generation_times(model, images=2, seconds=0)
    assert not whole.extrapolated and whole.places == 20 and part.extrapolated and part.places == 1
    assert whole.cached > 0 and whole.naive > 0 and part.naive > 0


def test_the_predicted_gap_counts_the_rows_that_cannot_see_the_corner():
    source = data.known_entropy.parse("blind_corner:4x5")
    assert measure.predicted_gap(npixel.build("fvbn", image_shape=(4, 5, 1)), source) == 0
    assert measure.predicted_gap(pixelcnn(), source) == pytest.approx(source.blind_gap)
    wide = pixelcnn(first_kernel=9)                    # reaches four columns to the right in the row above
    assert measure.predicted_gap(wide, source) == 0


def test_the_places_shown_are_the_widest_of_each_band():
    p = np.full((4, 2, 1, 2), (1.0, 0.0))
    p[1, 1, 0] = p[2, 0, 0] = (0.5, 0.5)
    assert pictures.uncertain_places([p], count=2) == [(1, 1, 0), (2, 0, 0)]
    assert len(pictures.uncertain_places([p], count=9)) == 4
