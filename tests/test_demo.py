"""The demo, with a few steps per model.

It runs to its end, and every picture is written. Every figure is of something that ran, and is the
same again however busy the machine is.
"""

import json
import math
import signal
import subprocess
import sys

import numpy as np
import pytest

import npixel
from npixel import cli, data, demo, measure, plots, training
from npixel.demo import pictures, table

PICTURES = ["samples", "classes", "completions", "receptive_field", "bits_per_pixel",
            "predicted_levels", "learning_curves", "strip"]


# one of each kind of loss and generation, and the one with classes
MODELS = ["fvbn", "pixelcnn", "row_lstm", "pixelcnn_pp", "gated_pixelcnn"]


EFFORT = 0.02


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """What a demo with a fiftieth of the steps reports."""
    return demo.run(MODELS, effort=EFFORT, out=tmp_path_factory.mktemp("demo") / "pictures", seed=1)


def pixelcnn(**config):
    return npixel.build("pixelcnn", image_shape=(4, 5, 1), dtype="float32",
                        **{"hidden": 4, "layers": 1, "first_kernel": 3, "head": 4, **config})


def test_the_demo_trains_every_model_on_every_data_set_and_reports_what_ran(report):
    assert [(row["data"], row["model"])
            for row in report["rows"]] == [(key, name) for key in demo.DATA for name in MODELS]
    for row in report["rows"]:
        assert row["steps"] == max(1,
                                   round(EFFORT
                                         * demo.STEPS[row["model"]][demo.DATA.index(row["data"])]))
        assert row["seconds"] > 0 and row["nats"] > 0 and row["standard_error"] > 0
        assert 0 < row["past_seen"] <= 1
        assert row["bits_per_dim"] == pytest.approx(row["nats"] / 64 / math.log(2))
        assert (row["floor"] is None) == (row["data"] == "digits") == (row["gap"] is None)
        assert (row["passes"],
                row["same"]) == ((64, True) if row["data"] == "digits" else (None, None))
        assert (row["predicted_gap"] is not None) == row["data"].startswith("blind_corner")
    for row in report["dependencies"]:
        assert row["leaks"] == 0
        assert row["measured"] <= row["theory"] <= row["pairs"] == 64 * 63 // 2
    for row in report["normalisation"]:
        assert row["images"] in (2**9, 2**16) and row["error"] <= 1e-12
    pixelcnn = next(row for row in report["rows"] if row["model"] == "pixelcnn"
                    and row["predicted_gap"] is not None)
    source = data.load("blind_corner:8x8").process
    assert pixelcnn["predicted_gap"] == pytest.approx(source.blind_gap)
    assert pixelcnn["gap"] > pixelcnn["predicted_gap"] - 3 * pixelcnn["gap_standard_error"]


def test_every_picture_is_written(report):
    if not plots.available():
        assert report["pictures"] == []
        pytest.skip("matplotlib is not installed: there are no pictures to look for")
    assert [path.rpartition("/")[2]
            for path in map(str.strip, report["pictures"])] == [name + ".png" for name in PICTURES]
    for path in report["pictures"]:
        with open(path, "rb") as file:
            assert file.read(4) == b"\x89PNG"


def test_the_table_has_a_row_for_each(report):
    text = table.text(report)
    lines = text.splitlines()
    assert sum(line.startswith(demo.DATA) for line in lines) == len(report["rows"])
    assert len(max(lines, key=len)) <= 150
    head = lines[0].split()
    assert head[:3] == ["data", "model", "parameters"] and head[-1] == "passes"
    longer = {**report, "rows": [{**row, "model": "multiscale_pixelrnn", "parameters": 53_659_080}
                                 for row in report["rows"]]}
    columns = [line.index("parameters") + len("parameters")
               for line in table.text(longer).splitlines()[:1]]
    assert all(line[:columns[0]].endswith("53,659,080")
               for line in table.text(longer).splitlines()[1:3])


def test_every_model_has_its_steps_and_no_figure_of_the_table_is_a_time(report):
    assert set(demo.STEPS) == set(npixel.MODELS)
    assert all(len(steps) == len(demo.DATA) for steps in demo.STEPS.values())
    slower = json.loads(json.dumps(report),
                        object_hook=lambda d: {key: 1000 * value if key == "seconds" else value
                                               for key, value in d.items()})
    assert slower["seconds"] > report["seconds"] and table.text(slower) == table.text(report)


def test_the_same_figures_while_other_programs_keep_the_machine_busy(report, tmp_path):
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]
    try:
        again = demo.run(MODELS[:2], effort=EFFORT, out=tmp_path, seed=1)
    finally:
        for one in busy:
            one.kill()
            one.wait()
    for row in again["rows"]:
        first = next(one for one in report["rows"]
                     if (one["model"], one["data"]) == (row["model"], row["data"]))
        assert {**row, "seconds": 0} == {**first, "seconds": 0}


def test_another_image_from_cached_generation_is_told(report):
    rows = [{**row, "same": False if row["model"] == "fvbn" and row["same"] else row["same"]}
            for row in report["rows"]]
    assert "drew the same image" in table.text(report)
    assert "drew ANOTHER IMAGE: fvbn" in table.text({**report, "rows": rows})


def test_a_gap_below_the_predicted_one_is_called_a_leak(report):
    row = next(row for row in report["rows"] if row["model"] == "pixelcnn" and row["predicted_gap"])
    leaky = {**row, "gap": row["predicted_gap"] - 3.1 * row["gap_standard_error"]}
    assert "a leak" in table._verdict(leaky)
    assert table._verdict({**row,
                           "gap": row["predicted_gap"] - 2.9 * row["gap_standard_error"]}) == ""
    seen = {**next(row for row in report["dependencies"] if row["model"] == "pixelcnn"),
            "measured": 2000, "both": 1891, "leaks": 109}
    assert "LEAKS 109" in table.text({**report, "dependencies": [seen]})


def test_without_matplotlib_the_table_is_printed_and_one_line_names_the_extra(tmp_path, capsys,
                                                                              monkeypatch):
    monkeypatch.setattr(plots, "available", lambda: False)
    assert cli.main(["demo", "--effort", "0.005", "--models", "fvbn", "--out",
                     str(tmp_path / "none")]) == 0
    out = capsys.readouterr().out
    assert "no pictures: matplotlib is missing, pip install 'npixel[demo]'" in out
    assert "noisy_rule:8x8" in out and not (tmp_path / "none").exists()


def test_the_command_hands_its_options_on_and_prints_json(report, capsys, monkeypatch):
    asked = {}
    monkeypatch.setattr(demo, "run",
                        lambda names, **options: asked.update(names=names, **options) or report)
    assert cli.main(["demo", "--effort", "7", "--models", "fvbn", "--out", "there", "--seed", "3",
                     "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert asked.pop("progress")
    assert asked == {"names": ["fvbn"], "effort": 7.0, "out": "there", "seed": 3}
    assert [row["nats"] for row in found["rows"]] == [row["nats"] for row in report["rows"]]


def test_ctrl_c_stops_the_demo_and_prints_no_table(tmp_path, capsys, monkeypatch):
    fit = training.fit

    def interrupted(model, *arguments, **options):
        right = model.loss_and_grads

        def loss_and_grads(*a, **o):
            signal.raise_signal(signal.SIGINT)
            return right(*a, **o)

        model.loss_and_grads = loss_and_grads
        return fit(model, *arguments, **options)

    monkeypatch.setattr(training, "fit", interrupted)
    assert cli.main(["demo", "--models", "fvbn", "--out", str(tmp_path)]) == 130
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err == "npixel: interrupted\n"
    assert list(tmp_path.iterdir()) == []


def test_dependencies_are_measured_exactly_where_the_weights_are_alive():
    model = pixelcnn()
    rng = np.random.default_rng(0)
    for weights in model.params.values():
        for array in weights:
            array[...] = np.abs(rng.standard_normal(array.shape)) / 8     # no relu is dead
    before = [array.copy() for weights in model.params.values() for array in weights]
    seen, theory = measure.dependencies([measure.in_float64(model)],
                                        draws=4), measure.visible(model)
    assert np.array_equal(seen, theory) and 0 < seen.sum() < measure.past_pairs(model) == 190
    assert not np.triu(seen).any()                     # nothing sees itself or what comes later
    assert all(np.array_equal(a, b)
               for a, b in zip(before,
                               [array for weights in model.params.values() for array in weights]))


def test_a_planted_leak_is_measured(monkeypatch):
    model = pixelcnn()
    module = model.module
    forward = module.forward

    def shifted(params, x, *rest, **options):
        return forward(params, np.roll(x, -1, axis=2), *rest, **options)

    monkeypatch.setattr(module, "forward", shifted)
    assert np.diagonal(measure.dependencies([model])).any()


def test_naive_generation_makes_one_pass_for_each_place_and_a_wrong_cache_is_seen(monkeypatch):
    model = pixelcnn()
    assert measure.naive_passes(model) == (20, True)
    step = model.module.step
    monkeypatch.setattr(model.module, "step", lambda state, *, at: step(state, at=at) + 5.0)
    assert measure.naive_passes(model) == (20, False)


def test_the_predicted_gap_counts_the_rows_that_cannot_see_the_corner():
    source = data.known_entropy.parse("blind_corner:4x5")
    assert measure.predicted_gap(npixel.build("fvbn", image_shape=(4, 5, 1)), source) == 0
    assert measure.predicted_gap(pixelcnn(), source) == pytest.approx(source.blind_gap)
    # reaches four columns to the right in the row above
    wide = pixelcnn(first_kernel=9)
    assert measure.predicted_gap(wide, source) == 0


def test_the_places_shown_are_the_widest_of_each_band():
    p = np.full((4, 2, 1, 2), (1.0, 0.0))
    p[1, 1, 0] = p[2, 0, 0] = (0.5, 0.5)
    assert pictures.uncertain_places([p], count=2) == [(1, 1, 0), (2, 0, 0)]
    assert len(pictures.uncertain_places([p], count=9)) == 4
