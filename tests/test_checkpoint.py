"""Checkpoints: what is written comes back, every kind of damage is one clear line, and an
interrupted save leaves the old file whole."""

import doctest
import io
import json
import os
import pickle
import signal
import subprocess
import sys
import time
import zipfile
from typing import NamedTuple

import numpy as np
import pytest

from npixel import checkpoint


class Weights(NamedTuple):
    w: np.ndarray
    b: np.ndarray


def params(seed=0, dtype=np.float32):
    rng = np.random.default_rng(seed)
    return {name: Weights(rng.standard_normal((2, 3, 4)).astype(dtype),
                          rng.standard_normal(4).astype(dtype))
            for name in ("conv0", "block1.conv")}


def one_line(error):
    text = str(error.value)
    assert text and "\n" not in text
    return text


def test_what_is_written_comes_back(tmp_path):
    path = tmp_path / "no_suffix"
    arrays = checkpoint.flatten(params()) | {"training/step": np.array(3),
                                             "training/flags": np.array([True, False]),
                                             "empty": np.zeros((0, 2))}
    checkpoint.write(path, arrays, {"model": {"name": "x"}})
    found, meta = checkpoint.read(path)
    assert list(found) == list(arrays)
    for name in arrays:
        assert found[name].dtype == arrays[name].dtype
        assert found[name].tobytes() == arrays[name].tobytes() and found[name].flags.writeable
    assert meta == {"model": {"name": "x"}, "format": "npixel", "version": 1}
    assert os.listdir(tmp_path) == ["no_suffix"]


def test_numpy_alone_reads_a_checkpoint(tmp_path):
    checkpoint.write(tmp_path / "a.npz", checkpoint.flatten(params()), {"a": 1})
    with np.load(tmp_path / "a.npz", allow_pickle=False) as file:
        np.testing.assert_array_equal(file["params/conv0/w"], params()["conv0"].w)
        assert json.loads(str(file["meta"]))["a"] == 1


def test_equal_contents_give_equal_bytes(tmp_path):
    for name in "ab":
        checkpoint.write(tmp_path / name, checkpoint.flatten(params()), {})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_flatten_names_leaves_and_unflatten_restores_their_types():
    tree = {"m": params(), "v": params(1)}
    flat = checkpoint.flatten(tree, "optimizer")
    assert list(flat)[:2] == ["optimizer/m/conv0/w", "optimizer/m/conv0/b"]
    assert flat["optimizer/m/conv0/w"] is tree["m"]["conv0"].w
    back = checkpoint.unflatten(flat | {"other": np.zeros(1)}, tree, "optimizer")
    assert isinstance(back["v"]["conv0"], Weights) and back["v"]["conv0"].b is tree["v"]["conv0"].b


def test_restore_fills_in_place_or_not_at_all():
    target = params(1)
    w = target["conv0"].w
    checkpoint.restore(target, checkpoint.flatten(params(0)))
    assert target["conv0"].w is w
    np.testing.assert_array_equal(w, params(0)["conv0"].w)
    broken = checkpoint.flatten(params(1))
    # the last one: all others would already have been copied
    broken["params/block1.conv/b"] = np.full(4, np.nan, np.float32)
    with pytest.raises(ValueError):
        checkpoint.restore(target, broken)
    np.testing.assert_array_equal(w, params(0)["conv0"].w)


@pytest.mark.parametrize("change, message", [
    (lambda a: a.pop("params/conv0/b"), "array params/conv0/b is missing, expected shape (4,)"),
    (lambda a: a.update({"params/conv0/b": np.zeros(5, np.float32)}),
     "array params/conv0/b has shape (5,), expected (4,)"),
    (lambda a: a.update({"params/conv0/b": np.zeros(4)}),
     "array params/conv0/b has dtype float64, expected float32"),
    (lambda a: a.update({"params/conv0/b": np.array([0, np.nan, np.inf, 0], np.float32)}),
     "array params/conv0/b has 2 entries of 4 that are nan or infinite"),
    (lambda a: a.update({"params/conv9/w": np.zeros((1, 2))}),
     "unexpected array params/conv9/w of shape (1, 2)"),
])
def test_an_array_that_does_not_fit_is_named(change, message):
    arrays = checkpoint.flatten(params())
    checkpoint.check(arrays, params())
    change(arrays)
    with pytest.raises(ValueError) as error:
        checkpoint.unflatten(arrays, params(), path="a.npz")
    assert one_line(error) == "a.npz: " + message


def test_two_leaves_of_one_name_are_refused():
    with pytest.raises(ValueError, match="two arrays are called a/b"):
        checkpoint.flatten({"a/b": np.zeros(1), "a": {"b": np.zeros(1)}}, "")


@pytest.mark.parametrize("content, message", [
    (b"", "no .npz file"),
    (b"hello", "no .npz file"),
    (pickle.dumps({"w": [1, 2]}), "no .npz file"),
    (b"PK\x03\x04 and nothing more", "damaged"),
])
def test_a_foreign_file_is_named(tmp_path, content, message):
    path = tmp_path / "foreign.npz"
    path.write_bytes(content)
    with pytest.raises(ValueError) as error:
        checkpoint.read(path)
    assert str(path) in one_line(error) and message in str(error.value)


def saved(**arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


class Bomb:
    def __reduce__(self):
        return (pytest.fail, ("the file was unpickled",))


@pytest.mark.parametrize("arrays, message", [
    ({"w": np.zeros(3)}, "without npixel's meta"),
    ({"meta": np.zeros(3)}, "without npixel's meta"),
    ({"meta": np.array("{")}, "no JSON"),
    ({"meta": np.array("[]")}, "its format is []"),
    ({"meta": np.array('{"format": "keras"}')}, "'keras'"),
    ({"meta": np.array('{"format": "npixel", "version": 7}')}, "version 7"),
    ({"meta": np.array('{"format": "npixel", "version": 1}'), "w": np.array([Bomb()], object)},
     "damaged"),
])
def test_a_foreign_npz_is_named(tmp_path, arrays, message):
    path = tmp_path / "foreign.npz"
    path.write_bytes(saved(**arrays))
    with pytest.raises(ValueError) as error:
        checkpoint.read(path)
    assert str(path) in one_line(error) and message in str(error.value)


def test_missing_files_and_folders_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere.npz not found"):
        checkpoint.read(tmp_path / "nowhere.npz")
    with pytest.raises(FileNotFoundError, match="folder .* does not exist"):
        checkpoint.write(tmp_path / "no" / "a.npz", {}, {})
    for call in (lambda: checkpoint.read(tmp_path), lambda: checkpoint.write(tmp_path, {}, {})):
        with pytest.raises(ValueError, match="not a file"):
            call()


def test_every_truncation_and_every_flipped_byte_is_noticed_or_harmless(tmp_path):
    path = tmp_path / "a.npz"
    arrays = {"params/w": np.arange(12.0).reshape(3, 4), "training/n": np.array([1, 2])}
    checkpoint.write(path, arrays, {"a": 1})
    content, noticed = path.read_bytes(), 0
    for size in range(0, len(content), 7):
        path.write_bytes(content[:size])
        with pytest.raises(ValueError):
            checkpoint.read(path)
    for place in range(len(content)):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0x41]) + content[place + 1:])
        try:
            found, meta = checkpoint.read(path)
        except ValueError as error:
            assert str(path) in str(error) and "\n" not in str(error)
            noticed += 1
        # dates, attributes, the zip's own version numbers
        else:
            assert meta["a"] == 1
            assert {name: array.tobytes()
                    for name, array in found.items()} == {name: array.tobytes()
                                                          for name, array in arrays.items()}
    assert noticed > 0.8 * len(content)


@pytest.mark.parametrize("arrays, meta, message", [
    ({"w": np.array([object()])}, {}, "w must be an array of numbers, has dtype object"),
    ({"w": np.zeros(1)}, {"a": object()}, "JSON"),
    ({"w": np.zeros(1)}, {"a": float("nan")}, "JSON"),
    ({"meta": np.zeros(1)}, {}, "may not be called meta"),
])
def test_a_save_that_fails_leaves_the_old_file_whole(tmp_path, arrays, meta, message):
    path = tmp_path / "a.npz"
    checkpoint.write(path, {"w": np.ones(2)}, {})
    before = path.read_bytes()
    with pytest.raises(ValueError) as error:
        checkpoint.write(path, arrays, meta)
    assert message in one_line(error)
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["a.npz"]


@pytest.mark.parametrize("place", ["write_array", "fsync", "replace"])
def test_an_interrupted_save_leaves_the_old_file_whole(tmp_path, monkeypatch, place):
    path = tmp_path / "a.npz"
    checkpoint.write(path, {"w": np.ones(2)}, {})
    before = path.read_bytes()

    def interrupt(*arguments, **options):
        raise KeyboardInterrupt
    monkeypatch.setattr(np.lib.format if place == "write_array" else os, place, interrupt)
    with pytest.raises(KeyboardInterrupt):
        checkpoint.write(path, {"w": np.zeros(2)}, {})
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["a.npz"]


def test_a_link_is_followed(tmp_path):
    checkpoint.write(tmp_path / "a.npz", {"w": np.zeros(2)}, {})
    (tmp_path / "link").symlink_to(tmp_path / "a.npz")
    checkpoint.write(tmp_path / "link", {"w": np.ones(2)}, {})
    assert (tmp_path / "link").is_symlink()
    assert checkpoint.read(tmp_path / "a.npz")[0]["w"].sum() == 2


WRITER = """
import sys, numpy as np
from npixel import checkpoint
for i in range(10**9):
    checkpoint.write(sys.argv[1], {"a": np.full(200_000, i), "b": np.full(200_000, i)}, {"i": i})
"""


def test_a_process_killed_while_saving_leaves_a_whole_file(tmp_path):
    path = tmp_path / "a.npz"
    for pause in (0.02, 0.05, 0.11):
        process = subprocess.Popen([sys.executable, "-c", WRITER, str(path)])
        try:
            started = path.stat().st_mtime_ns if path.exists() else 0
            deadline = time.monotonic() + 60
            while not path.exists() or path.stat().st_mtime_ns == started:
                assert time.monotonic() < deadline and process.poll() is None
                time.sleep(0.005)
            time.sleep(pause)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
        arrays, meta = checkpoint.read(path)
        assert (arrays["a"] == meta["i"]).all() and (arrays["b"] == meta["i"]).all()


def test_a_file_rewritten_by_another_zip_program_still_loads(tmp_path):
    checkpoint.write(tmp_path / "a.npz", {"w": np.arange(5.0)}, {"a": 1})
    with (zipfile.ZipFile(tmp_path / "a.npz") as old,
          zipfile.ZipFile(tmp_path / "b.npz", "w", zipfile.ZIP_DEFLATED) as new):
        for name in old.namelist():
            new.writestr(name, old.read(name))
    assert checkpoint.read(tmp_path / "b.npz")[0]["w"].tolist() == [0, 1, 2, 3, 4]


def test_examples_in_docstrings():
    assert doctest.testmod(checkpoint).failed == 0
