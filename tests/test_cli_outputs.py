"""What npixel's commands write, and what they never write over.

Also: drawing in chunks, and any command line at all.

Read first: npixel/runtime/command.py, npixel/commands/drawing.py.
"""

import itertools
import json
import os
import shutil
import signal

import numpy as np
import pytest

import npixel
from npixel import data, plots, sampling
from npixel.demo import pictures
from npixel.data.binarized_mnist import TEXT

SOURCE = "noisy_rule:4x5,train=64,valid=20,test=30"
SMALL = ["--hidden", "4", "--layers", "1", "--first-kernel", "3", "--head", "4"]


@pytest.fixture
def files(tmp_path, call):
    """A folder with a file of each kind that npixel reads or writes: {name: path}."""
    rng = np.random.default_rng(0)
    assert call("train", "pixelcnn", "--data", SOURCE, *SMALL, "--steps", 1, "--quiet", "--out",
                tmp_path / "run.npz")[0] == 0
    np.savez(tmp_path / "data.npz", images=rng.integers(0, 2, (40, 4, 5, 1)).astype(np.uint8))
    np.savez(tmp_path / "known.npz", known=np.zeros((4, 5), bool))
    assert call("sample", tmp_path / "run.npz", "-n", 3, "--out", tmp_path / "samples.npz")[0] == 0
    assert call("complete", tmp_path / "run.npz", "--data", SOURCE, "-n", 3, "--out",
                tmp_path / "completions.npz")[0] == 0
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n and so on")
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "amat").mkdir()
    for number, split in enumerate(("train", "valid", "test")):
        row = " ".join(map(str, rng.integers(0, 2, 784)))
        (tmp_path / "amat" / TEXT.format(split)).write_text((row + " \n") * (number + 1))
    return {path.stem: path for path in tmp_path.iterdir()
            if path.is_file()} | {"amat": tmp_path / "amat"}


def contents(folder):
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def refused(call, folder, *argv, words=""):
    """The line of a command that is refused before it changes anything."""
    before = contents(folder)
    status, out, err = call(*argv)
    assert (status, out, err.count("\n")) == (2, "", 1), (argv, status, out, err)
    assert contents(folder) == before, argv
    assert words in err, (argv, err)
    return err


def writers(files, out):
    """Every command that writes a file, with `out` as its output."""
    run, given = files["run"], files["data"]
    return {
        "train": ["train", "fvbn", "--data", given, "--steps", 1, "--quiet", "--out", out],
        "sample": ["sample", run, "-n", 2, "--out", out],
        "complete": ["complete", run, "--data", given, "-n", 2, "--known", files["known"], "--out",
                     out],
        "pack": ["data", "pack", files["amat"], "--output", out],
    }


def test_no_command_writes_over_what_it_reads_whatever_it_is_told(files, tmp_path, call,
                                                                  monkeypatch):
    monkeypatch.chdir(tmp_path)
    reads = {"train": ["data"], "sample": ["run"], "complete": ["run", "data", "known"], "pack": []}
    link = tmp_path / "link.npz"
    for verb, names in reads.items():
        for name, force in itertools.product(names, ([], ["--force"])):
            link.unlink(missing_ok=True)
            link.symlink_to(files[name])
            for out in (files[name], link, os.path.join(".", "amat", "..", f"{name}.npz")):
                refused(call, tmp_path, *writers(files, out)[verb], *force,
                        words="is read by this command")
    # by another ending they are refused in any case
    for split in ("train", "valid", "test"):
        text = tmp_path / "amat" / TEXT.format(split)
        link.unlink(missing_ok=True)
        link.symlink_to(text)
        refused(call, tmp_path, *writers(files, link)["pack"], "--force",
                words="is read by this command")
    inside = tmp_path / "photos" / "one.png"           # a picture among those that are read
    inside.parent.mkdir()
    inside.write_bytes(files["picture"].read_bytes())
    for force in ([], ["--force"]):
        refused(call, tmp_path, "complete", files["run"], "--data", inside.parent, "--out", inside,
                *force, words="is read by this command")


def test_an_output_that_exists_is_replaced_with_force_by_its_own_kind_alone(files, tmp_path, call):
    own = {"train": "run", "sample": "samples", "complete": "completions"}
    for verb in ("train", "sample", "complete", "pack"):
        for name in ("run", "data", "known", "samples", "completions", "notes"):
            copy = tmp_path / "copy.npz"
            shutil.copyfile(files[name], copy)
            refused(call, tmp_path, *writers(files, copy)[verb], words="exists: ")
            if own.get(verb) == name:
                status, _, err = call(*writers(files, copy)[verb], "--force")
                assert status == 0 and copy.read_bytes() != files[name].read_bytes(), err
            else:
                refused(call, tmp_path, *writers(files, copy)[verb], "--force",
                        words="not even --force")
    refused(call, tmp_path, "sample", files["run"], "--out", files["picture"],
            words="exists: --force")
    assert call("data", "pack", files["amat"], "--output", tmp_path / "packed.npz")[0] == 0
    assert call("data", "pack", files["amat"], "--output", tmp_path / "packed.npz",
                "--force")[0] == 0


def test_a_default_name_is_no_excuse(files, tmp_path, call, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if plots.available():
        assert call("sample", "run.npz", "-n", 2)[0] == 0
        refused(call, tmp_path, "sample", "run.npz", "-n", 2,
                words="run-samples.png exists: --force replaces it")
        assert call("sample", "run.npz", "-n", 2, "--force")[0] == 0
    argv = ["train", "fvbn", "--data", SOURCE, "--steps", 1, "--quiet"]
    assert call(*argv)[0] == 0
    refused(call, tmp_path, *argv,
            words="exists: resume goes on with it (--resume), --force starts anew in its place")


def test_the_demo_writes_over_no_picture_unasked(tmp_path, call):
    for name in pictures.NAMES:
        path = tmp_path / f"{name}.png"
        path.write_bytes(b"\x89PNG\r\n\x1a\n")
        refused(call, tmp_path, "demo", "--models", "fvbn", "--out", tmp_path,
                words=f"{path} exists: --force")
        path.write_bytes(b"somebody's")
        refused(call, tmp_path, "demo", "--models", "fvbn", "--out", tmp_path, "--force",
                words=f"{path} exists and is not a PNG")
        path.unlink()


# --- drawing ---

def test_images_drawn_in_chunks_are_those_drawn_at_once_and_can_be_read_as_data(files, tmp_path,
                                                                                call, monkeypatch):
    model = npixel.load(files["run"])
    expected = model.sample(7, np.random.default_rng(5))
    given = data.load(str(files["data"])).test
    chosen = np.sort(np.random.default_rng(5).permutation(len(given))[:3])
    for size in (1, 2, 3, 100):
        monkeypatch.setattr(sampling, "images_per_chunk", lambda *_, **__: size)
        assert call("sample", files["run"], "-n", 7, "--seed", 5, "--out",
                    tmp_path / f"{size}.npz")[0] == 0
        with np.load(tmp_path / f"{size}.npz") as arrays:
            np.testing.assert_array_equal(arrays["images"], expected)
            assert arrays["images"].dtype == np.uint8 and arrays["levels"] == 2
        assert call("complete", files["run"], "--data", files["data"], "-n", 3, "--draws", 2,
                    "--seed", 5,
                    "--out", tmp_path / f"c{size}.npz")[0] == 0
        with np.load(tmp_path / f"c{size}.npz") as arrays:
            whole = dict(arrays)
        np.testing.assert_array_equal(whole["given"], given[chosen])
        np.testing.assert_array_equal(whole["images"][:, :2],
                                      np.tile(given[chosen], (2, 1, 1, 1))[:, :2])
        first = whole["images"] if size == 1 else first
        np.testing.assert_array_equal(whole["images"], first)
    assert call("sample", files["run"], "-n", 20, "--out", tmp_path / "many.npz")[0] == 0
    assert data.load(str(tmp_path / "many.npz")).image_shape == (4, 5, 1)


def test_what_is_whole_when_ctrl_c_is_pressed_is_kept(files, tmp_path, call, monkeypatch):
    monkeypatch.setattr(sampling, "images_per_chunk", lambda *_, **__: 2)
    sample, calls = npixel.Model.sample, []

    def interrupted(self, *arguments, **options):
        calls.append(1)
        if len(calls) == 3:
            signal.raise_signal(signal.SIGINT)
        return sample(self, *arguments, **options)

    expected = npixel.load(files["run"]).sample(10, np.random.default_rng(0))[:4]
    monkeypatch.setattr(npixel.Model, "sample", interrupted)
    out = tmp_path / "s.npz"
    status, printed, err = call("sample", files["run"], "-n", 10, "--out", out, "--json")
    assert status == 130 and json.loads(printed)["images"] == 4
    assert err == f"npixel: interrupted: {out} holds the first 4 of 10 images\n"
    with np.load(out) as arrays:
        np.testing.assert_array_equal(arrays["images"], expected)
    # before anything is whole there is nothing to keep
    calls[:] = [1, 1]
    before = contents(tmp_path)
    assert call("sample", files["run"], "-n", 10, "--out",
                tmp_path / "t.npz") == (130, "", "npixel: interrupted\n")
    assert contents(tmp_path) == before


def test_sizes_are_found_too_large_before_anything_is_drawn(files, tmp_path, call, monkeypatch):
    monkeypatch.setattr(sampling, "walk", lambda *_, **__: pytest.fail("it began to draw"))
    if plots.available():
        refused(call, tmp_path, "sample", files["run"], "-n", 2 * 10**9, "--out",
                tmp_path / "x.png",
                # 40 bytes a number
                words="the picture of -n 2000000000 would take about 1.46 TiB of memory")
    refused(call, tmp_path, "sample", files["run"], "-n", 10**15, "--out", tmp_path / "x.npz",
            # twice a byte a number
            words="-n 1000000000000000: the images would take 36,380 TiB while they are written")
    refused(call, tmp_path, "sample", files["run"], "-n", 10**30, "--out", tmp_path / "x.npz",
            words="draw fewer")
    refused(call, tmp_path, "complete", files["run"], "--data", SOURCE, "-n", 2, "--draws", 10**15,
            "--out", tmp_path / "x.npz",
            words="-n 2 with --draws 1000000000000000: the images would take 72,760 TiB")


@pytest.mark.skipif(not plots.available(),
                    reason="matplotlib is not installed: no pictures are made")
@pytest.mark.parametrize("colours", [2, 4])
def test_pictures_of_other_than_1_or_3_colours_are_refused_before_anything_is_drawn(colours,
                                                                                    tmp_path, call,
                                                                                    monkeypatch):
    npixel.build("fvbn", image_shape=(3, 3, colours)).save(tmp_path / "c.npz")
    assert call("sample", tmp_path / "c.npz", "-n", 2, "--out", tmp_path / "s.npz")[0] == 0
    monkeypatch.setattr(sampling, "walk", lambda *_, **__: pytest.fail("it began to draw"))
    refused(call, tmp_path, "sample", tmp_path / "c.npz", "-n", 2, "--out", tmp_path / "s.png",
            words=f"pictures are drawn of 1 or 3 channels, these images have {colours}: --out "
                  "FILE.npz keeps")


def test_drawing_says_how_far_it_has_come_and_is_quiet_when_asked(files, tmp_path, call,
                                                                  monkeypatch):
    from npixel.runtime import progress

    monkeypatch.setattr(progress, "PAUSES", (0.0, 0.0))
    monkeypatch.setattr(sampling, "images_per_chunk", lambda *_, **__: 2)
    for verb, places in ((["sample", files["run"], "-n", 3], 2 * 20),
                         (["complete", files["run"], "--data", SOURCE, "-n", 3, "--draws", 1],
                          2 * 10)):
        lines = call(*verb, "--out", tmp_path / f"{verb[0]}-x.npz")[2].splitlines()
        assert len(lines) == places and lines[0] == f"place 1/{places}, 0 of 3 images whole"
        assert lines[places // 2].startswith(f"place {places // 2 + 1}/{places}, 2 of 3 images "
                                             "whole, ")
        assert lines[-1].endswith("0 s left")
        assert call(*verb, "--quiet", "--out", tmp_path / f"{verb[0]}-y.npz")[2] == ""


@pytest.mark.skipif(not plots.available(),
                    reason="matplotlib is not installed: no pictures are made")
@pytest.mark.parametrize("name", ["x_{$y$^.npz", "$x_{$.npz", r"\frac$$1.npz"])
def test_the_name_of_a_file_is_no_formula(name, files, tmp_path, call):
    shutil.copyfile(files["run"], tmp_path / name)
    assert call("sample", tmp_path / name, "-n", 2, "--out", tmp_path / "a.png")[0] == 0
    assert call("complete", tmp_path / name, "--data", SOURCE, "-n", 2, "--out",
                tmp_path / "b.png")[0] == 0


# --- any command line ---

VALUES = ["0", "-1", "1", "2", "3", "7", "1e3", "1e308", "-1e308", "nan", "inf", "", " ", "x",
          "8x8", "0x5", "4x5x1", "999999999999999999999",
          "10" * 40, "²", "١", "\x00", "a\nb", "\x1b[31m", "--", "-", "é", "digits", SOURCE,
          "noisy_rule:0x0", "nowhere/x.npz", ".", "/", "/dev/null"]


def random_line(rng, options, files):
    """A verb, some of its options, values that may make sense or not."""
    names = [str(path) for path in files.values()]

    def value():
        return str(rng.choice(names if rng.random() < 0.3 else VALUES))

    verb = list(options)[rng.integers(len(options))]
    line = [*verb]
    if verb[0] in ("evaluate", "sample", "complete"):
        line.append(str(files["run"]) if rng.random() < 0.7 else value())
    if verb[0] in ("train", "evaluate", "complete"):
        line += ["--data", SOURCE if rng.random() < 0.7 else value()]
    if verb == ("data", "info"):
        line.append(SOURCE if rng.random() < 0.4 else value())
    if verb == ("data", "pack"):
        line += [str(files["amat"]) if rng.random() < 0.5 else value(), "--output", value()]
    if verb[0] == "train":                             # short, whatever else is said
        line += ["--steps", str(rng.integers(1, 3)), "--batch", "8",
                 *(SMALL if verb[1] == "pixelcnn" else [])]
    if verb[0] == "sample":
        line += ["-n", str(rng.integers(0, 4))]
    for _ in range(rng.integers(0, 4)):
        option, takes = options[verb][rng.integers(len(options[verb]))]
        if option in LONG:                             # nothing that may take its time
            continue
        line += [option, value()] if takes and rng.random() < 0.95 else [option]
    return line


LONG = ("--steps", "--epochs", "--minutes", "--hidden", "--layers", "--first-kernel", "--kernel",
        "--head", "--head-layers", "--help", "-n", "--samples",
        "--draws", "--image-shape")


def test_any_command_line_ends_with_a_status_and_bad_ones_with_one_line(files, tmp_path, call,
                                                                        monkeypatch):
    """120 lines of a seeded generator: status 0, 1 or 2; one line for 2; inputs as they were; no
    traceback.
    """
    from npixel import cli

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NPIXEL_MEMORY", str(2**30))
    options, rng = {}, np.random.default_rng(20)
    for verb in (("train", "fvbn"), ("train", "pixelcnn"), ("evaluate",), ("sample",),
                 ("complete",), ("data", "info"), ("data", "list"), ("data", "pack")):
        parser = cli.parser()
        for word in verb:
            parser = next(action.choices[word] for action in parser._actions
                          if isinstance(action.choices, dict) and word in action.choices)
        options[verb] = [(action.option_strings[0], action.nargs != 0) for action in parser._actions
                         if action.option_strings]
    inputs = {path: path.read_bytes() for path in files.values() if path.is_file()}
    seen = {0: 0, 2: 0}
    for _ in range(120):
        line = random_line(rng, options, files)
        try:
            status, out, err = call(*line)
        except Exception as error:
            raise AssertionError(f"{line}: {error!r}") from error
        assert status in (0, 1, 2), line
        seen[status] += 1
        if status == 2:
            said = [text for text in err.splitlines() if text.startswith("npixel")]
            assert out == "" and said == err.splitlines()[-1:], (line, out, err)
        forced = "--force" in line or "--resume" in line
        for path, content in inputs.items():
            assert path.read_bytes() == content or forced and str(path) in line, line
            path.write_bytes(content)
    assert seen[0] > 15 and seen[2] > 40
