"""Every format that npixel.data reads: whole, damaged, under a name, by a path; and the command
line."""

import builtins
import doctest
import gzip
import hashlib
import io
import json
import os
import pickle
import struct
import tarfile
from pathlib import Path

import numpy as np
import pytest

from npixel.runtime import command, limits
from npixel.data import (NAMES, binarized_mnist, catalogue, cifar10, dataset, digits, files,
                         image_folder, levels, load, mnist, pack, size)
from npixel.data import command as data_command
from npixel.data.known_entropy import NoisyRule


@pytest.fixture(autouse=True)
def no_data_directory(monkeypatch):
    monkeypatch.delenv("NPIXEL_DATA", raising=False)


def one_line(error, *words):
    text = str(error.value)
    assert "\n" not in text and all(str(word) in text for word in words), text


def images(N, H=4, W=3, C=1, levels=256, seed=0):
    return np.random.default_rng(seed).integers(0, levels, (N, H, W, C), np.uint8)


# MNIST IDX

def idx_bytes(array):
    return bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I",
                                                      *array.shape) + array.tobytes()


def write_idx(folder, train=60, test=7, compressed=True, size=(4, 3), test_name="t10k"):
    folder.mkdir(parents=True, exist_ok=True)
    for name, N, seed in (("train", train, 0), (test_name, test, 1)):
        for kind, array in (("images-idx3", images(N, *size, seed=seed)[..., 0]),
                            ("labels-idx1", np.arange(N, dtype=np.uint8) % 10)):
            path, raw = folder / f"{name}-{kind}-ubyte", idx_bytes(array)
            if compressed:
                path.with_name(path.name + ".gz").write_bytes(gzip.compress(raw))
            else:
                path.write_bytes(raw)
    return folder


@pytest.mark.parametrize("compressed", [True, False])
def test_a_folder_of_idx_files_is_read_with_its_labels(tmp_path, compressed):
    data = load(write_idx(tmp_path, compressed=compressed))
    assert data.train.shape == (50, 4, 3, 1) and data.valid.shape == (10, 4, 3, 1)
    assert data.levels == 256
    assert np.array_equal(data.test, images(7, seed=1))
    assert data.test_labels.tolist() == list(range(7))
    kept, held = dataset.hold_back(60, 10)
    assert np.array_equal(data.train, images(60)[kept])
    assert np.array_equal(data.valid, images(60)[held])
    assert np.array_equal(data.valid_labels, held % 10)


def test_idx_labels_may_be_absent(tmp_path):
    for path in write_idx(tmp_path).glob("*labels*"):
        path.unlink()
    data = load(tmp_path)
    assert data.train_labels is None and data.test_labels is None


@pytest.mark.parametrize("damage, words", [
    (lambda raw: raw[:-1], ("values", "truncated")),
    (lambda raw: raw + b"x", ("values",)),
    (lambda raw: b"\x01" + raw[1:], ("not an IDX file", "00000803")),
    (lambda raw: b"\x89PNG", ("not an IDX file",)),
    (lambda raw: b"", ("not an IDX file", "nothing")),
    (lambda raw: raw[:2] + b"\x0d" + raw[3:], ("0x0d", "0x08")),
    (lambda raw: raw[:3] + b"\x01" + raw[4:], ("must have 3 dimensions", "has 1")),
    (lambda raw: raw[:10], ("10 bytes", "16")),
])
def test_a_damaged_idx_file_is_named_with_its_numbers(tmp_path, damage, words):
    path = write_idx(tmp_path, compressed=False) / "train-images-idx3-ubyte"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError) as error:
        load(tmp_path)
    one_line(error, path, *words)


@pytest.mark.parametrize("damage", [lambda raw: raw[:-20], lambda raw: b"plain text, not gzip",
                                    lambda raw: raw[:30] + b"\xff" * 20 + raw[50:]])
def test_a_damaged_gzip_file_is_named(tmp_path, damage):
    path = write_idx(tmp_path) / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError) as error:
        load(tmp_path)
    one_line(error, path, "gzip")


def test_a_folder_without_its_test_images_names_the_file(tmp_path):
    (write_idx(tmp_path) / "t10k-images-idx3-ubyte.gz").unlink()
    with pytest.raises(FileNotFoundError) as error:
        load(tmp_path)
    one_line(error, tmp_path, "t10k-images-idx3-ubyte.gz not found")


def test_idx_labels_of_another_number_are_refused(tmp_path):
    path = write_idx(tmp_path, compressed=False) / "t10k-labels-idx1-ubyte"
    path.write_bytes(idx_bytes(np.zeros(6, np.uint8)))
    with pytest.raises(ValueError) as error:
        load(tmp_path)
    one_line(error, path, "6 labels", "7 images")


def test_a_name_takes_only_the_original_files_and_a_path_takes_any(tmp_path):
    folder = write_idx(tmp_path / "mnist", size=(28, 28))
    with pytest.raises(ValueError) as error:
        load("mnist", data_dir=tmp_path)
    one_line(error, folder / "train-images-idx3-ubyte.gz", "md5",
             "f68b3c2dcbeaaa9fbdd348bbdeb94873", "https://")
    assert load(folder).train.shape == (50, 28, 28, 1)


def test_the_checksum_lets_the_original_pass(tmp_path, monkeypatch):
    folder = write_idx(tmp_path / "fashion_mnist", size=(28, 28))
    about = mnist.SETS["fashion_mnist"]
    assert all((folder / name).exists() for name in about.md5)
    md5 = {name: hashlib.md5((folder / name).read_bytes()).hexdigest() for name in about.md5}
    monkeypatch.setitem(mnist.SETS, "fashion_mnist", about._replace(md5=md5))
    assert load("fashion_mnist", data_dir=tmp_path).licence == "MIT"
    other = gzip.compress(idx_bytes(np.zeros(7, np.uint8)))
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(other)
    with pytest.raises(ValueError, match="t10k-labels-idx1-ubyte.gz: md5 is"):
        load("fashion_mnist", data_dir=tmp_path)


def test_a_part_of_the_test_set_has_a_name_of_its_own(tmp_path):
    write_idx(tmp_path / "mnist", compressed=False, size=(28, 28), test_name="t10k-7")
    data = load("mnist", data_dir=tmp_path)
    assert len(data.test) == 7 and "t10k-7-images-idx3-ubyte (7 images)" in data.source
    assert data.name == "mnist"


def test_a_name_with_images_of_another_size_is_refused(tmp_path):
    write_idx(tmp_path / "mnist", compressed=False)
    with pytest.raises(ValueError) as error:
        load("mnist", data_dir=tmp_path)
    one_line(error, "(4, 3, 1)", "(28, 28, 1)")


# Binarised MNIST

def amat(x):
    return "".join(" ".join(map(str, row)) + "\n" for row in x.reshape(-1, 784)).encode()


def write_amat(folder):
    x = {split: images(N, 28, 28, levels=2, seed=N)
         for split, N in (("train", 12), ("valid", 5), ("test", 6))}
    for split, part in x.items():
        (folder / f"binarized_mnist_{split}.amat").write_bytes(amat(part))
    return x


def test_amat_files_are_read_and_packed_to_the_same_bits(tmp_path):
    x = write_amat(tmp_path)
    written = pack(tmp_path, tmp_path / "packed.npz")
    assert written["valid"]["rows"] == 5 and not written["valid"]["original"]
    for data in (load(tmp_path), load(tmp_path / "packed.npz"),
                 load("binarized_mnist", data_dir=tmp_path)):
        assert data.levels == 2 and data.train_labels is None
        assert all(np.array_equal(data.split(split)[0], part) for split, part in x.items())
    with np.load(tmp_path / "packed.npz") as packed:
        assert sorted(packed.files) == ["test", "train", "valid"]
        assert np.array_equal(np.unpackbits(packed["train"], axis=1).reshape(-1, 28, 28, 1),
                              x["train"])
    first = (tmp_path / "packed.npz").read_bytes()
    paths = [tmp_path / f"binarized_mnist_{split}.amat" for split in ("train", "valid", "test")]
    pack(paths, tmp_path / "packed.npz")
    assert (tmp_path / "packed.npz").read_bytes() == first


def test_the_digest_of_an_array_is_that_of_its_text():
    x = images(5003, 28, 28, levels=2)                 # more than one block
    assert binarized_mnist.digest(x) == hashlib.sha256(amat(x)).hexdigest()


def test_other_white_space_in_an_amat_file_is_accepted(tmp_path):
    x = write_amat(tmp_path)
    path = tmp_path / "binarized_mnist_test.amat"
    path.write_bytes(path.read_bytes().replace(b"\n", b" \r\n") + b"\n")
    assert np.array_equal(load(tmp_path).test, x["test"])


@pytest.mark.parametrize("damage, words", [
    (lambda raw: raw[:-100], ("line 5", "has 734", "784")),
    (lambda raw: raw[:1568] + b"2" + raw[1569:], ("line 2", "'2'", "0 or 1")),
    (lambda raw: raw[:1568] + b"0.5" + raw[1569:], ("line 2", "'0.5'")),
    (lambda raw: raw[:1568] + b"\xff\x00" + raw[1570:], ("line 2",)),
    (lambda raw: raw[:1569] + b"0" + raw[1570:], ("line 2", "has 783")),
    (lambda raw: raw[:1567] + b" " + raw[1568:], ("line 1", "has 1568")),
    (lambda raw: b"", ("no images",)),
    (lambda raw: b"MATLAB 5.0 MAT-file" + raw, ("MATLAB",)),
])
def test_a_damaged_amat_file_is_named_with_its_line(tmp_path, damage, words):
    write_amat(tmp_path)
    path = tmp_path / "binarized_mnist_valid.amat"
    path.write_bytes(damage(path.read_bytes()))
    for call in (lambda: load(tmp_path), lambda: pack(tmp_path, tmp_path / "packed.npz")):
        with pytest.raises(ValueError) as error:
            call()
        one_line(error, path, *words)
    assert not list(tmp_path.glob("packed*"))


def test_packing_says_what_is_missing_and_leaves_an_old_file_whole(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError) as error:
        pack(tmp_path, tmp_path / "packed.npz")
    one_line(error, "binarized_mnist_train.amat", "http://")
    write_amat(tmp_path)
    for output, words in (("packed.txt", "must end in .npz"), ("no/packed.npz", "does not exist")):
        with pytest.raises((ValueError, FileNotFoundError), match=words):
            pack(tmp_path, tmp_path / output)
    with pytest.raises(ValueError, match="has 2 paths"):
        pack(["a", "b"], tmp_path / "packed.npz")
    (tmp_path / "packed.npz").write_bytes(b"old")

    def interrupted(file, **bits):
        file.write(b"half of it")
        raise KeyboardInterrupt

    def full(source, target):
        raise OSError("no space left")
    for module, name, fault, error in ((np, "savez_compressed", interrupted, KeyboardInterrupt),
                                       (os, "replace", full, OSError)):
        with monkeypatch.context() as patch, pytest.raises(error):
            patch.setattr(module, name, fault)
            pack(tmp_path, tmp_path / "packed.npz")
        assert (tmp_path / "packed.npz").read_bytes() == b"old"
        assert len(list(tmp_path.iterdir())) == 4


@pytest.mark.parametrize("change, words", [
    (dict(train=np.zeros((3, 98))), ("train", "float64 (3, 98)")),
    (dict(valid=None), ("valid", "missing")),
    (dict(test=np.zeros((3, 97), np.uint8)), ("test", "(3, 97)")),
    (dict(test_label=np.zeros(2, np.uint8)), ("test_label", "(3,)", "(2,)")),
])
def test_a_wrong_packed_file_is_refused(tmp_path, change, words):
    content = {split: np.zeros((3, 98), np.uint8) for split in ("train", "valid", "test")} | change
    np.savez(tmp_path / "binarized_mnist.npz",
             **{key: value for key, value in content.items() if value is not None})
    with pytest.raises(ValueError) as error:
        load("binarized_mnist", data_dir=tmp_path)
    one_line(error, "binarized_mnist.npz", *words)


def test_a_complete_split_with_another_content_is_refused_under_the_name(tmp_path):
    content = {split: np.zeros((N, 98), np.uint8)
               for split, N in (("train", 3), ("valid", 10_000), ("test", 3))}
    np.savez_compressed(tmp_path / "binarized_mnist.npz", **content)
    with pytest.raises(ValueError) as error:
        load("binarized_mnist", data_dir=tmp_path)
    one_line(error, "valid (10000 rows)", binarized_mnist.SHA256["valid"],
             "path instead of the name")
    assert len(load(tmp_path / "binarized_mnist.npz").valid) == 10_000
    np.savez_compressed(tmp_path / "binarized_mnist.npz",
                        **content | {"valid": np.zeros((10_001, 98), np.uint8)})
    with pytest.raises(ValueError, match=r"valid \(10001 rows\)"):
        load("binarized_mnist", data_dir=tmp_path)


# CIFAR-10

def cifar_batch(N=10, seed=0, protocol=2, **change):
    x = images(N, 32, 32, 3, seed=seed)
    batch = {b"batch_label": b"x",
             b"data": np.ascontiguousarray(x.transpose(0, 3, 1, 2)).reshape(N, 3072),
             b"labels": list(range(N)),
             b"filenames": [b"a.png"] * N} | change
    return x, pickle.dumps(batch, protocol=protocol)


def python_2_batch(x, labels):
    """The bytes that Python 2 and NumPy 1 wrote: text keys as byte strings, numpy.core names,
    dtype 'u1' with its state."""
    raw = np.ascontiguousarray(x.transpose(0, 3, 1, 2)).tobytes()

    def short(text):
        return b"U" + bytes((len(text),)) + text
    def number(n):
        return b"J" + struct.pack("<i", n)
    array = (b"cnumpy.core.multiarray\n_reconstruct\n" + b"(cnumpy\nndarray\n" + b"(" + number(0)
             + b"t" + short(b"b") + b"tR"
             + b"(" + number(1) + b"(" + number(len(x)) + number(3072) + b"t"
             + b"cnumpy\ndtype\n(" + short(b"u1") + number(0) + number(1) + b"tR"
             + b"(" + number(3) + short(b"|") + b"NNN" + number(-1) + number(-1) + number(0) + b"tb"
             + number(0) + b"T" + struct.pack("<i", len(raw)) + raw + b"tb")
    listed = b"](" + b"".join(map(number, labels)) + b"e"
    return b"\x80\x02}(" + short(b"data") + array + short(b"labels") + listed + b"u."


def write_cifar(folder):
    folder.mkdir(parents=True)
    x = [cifar_batch(seed=i) for i in range(6)]
    for i, (_, raw) in enumerate(x):
        (folder / (f"data_batch_{i + 1}" if i < 5 else "test_batch")).write_bytes(raw)
    return np.concatenate([part for part, _ in x[:5]]), x[5][0]


def write_archive(path, folder):
    with tarfile.open(path, "w:gz") as archive:
        archive.add(folder, "cifar-10-batches-py")


def test_cifar_batches_and_their_archive_hold_the_same_images(tmp_path):
    train, test = write_cifar(tmp_path / "cifar-10-batches-py")
    write_archive(tmp_path / "x.tar.gz", tmp_path / "cifar-10-batches-py")
    kept, held = dataset.hold_back(50, 5)
    for data in (load(tmp_path), load(tmp_path / "cifar-10-batches-py"),
                 load(tmp_path / "x.tar.gz")):
        assert data.levels == 256 and data.image_shape == (32, 32, 3)
        assert np.array_equal(data.train, train[kept]) and np.array_equal(data.valid, train[held])
        assert np.array_equal(data.test, test)
        assert data.test_labels.tolist() == list(range(10))
        assert np.array_equal(data.valid_labels, held % 10)


@pytest.mark.parametrize("protocol", range(6))
def test_batches_of_every_pickle_protocol_are_read(protocol):
    x, raw = cifar_batch(protocol=protocol)
    read, labels = cifar10.read_batch(raw, "x")
    assert np.array_equal(read, x) and labels.tolist() == list(range(10))
    x, raw = cifar_batch(protocol=protocol, **{"labels": np.arange(10, dtype=np.uint8)})
    assert np.array_equal(cifar10.read_batch(raw, "x")[0], x)


def test_batches_as_python_2_wrote_them_are_read():
    x = images(4, 32, 32, 3)
    raw = python_2_batch(x, [3, 1, 4, 1])
    planes = pickle.loads(raw, encoding="bytes")[b"data"].reshape(4, 3, 32, 32)
    assert np.array_equal(planes.transpose(0, 2, 3, 1), x)
    read, labels = cifar10.read_batch(raw, "x")
    assert np.array_equal(read, x) and labels.tolist() == [3, 1, 4, 1]


class Opens:
    """What a hostile pickle does when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def hostile_state(path):
    """A state for our own records that would call `open` if anything of it were run."""
    name = str(path).encode()
    return (b"\x80\x02cnumpy\nndarray\n)\x81(cio\nopen\n(X" + struct.pack("<i", len(name)) + name
            + b"X\x01\x00\x00\x00wtRtb.")


def test_a_pickle_that_runs_a_program_is_refused_and_not_run(tmp_path):
    victim = tmp_path / "written"
    pickle.loads(pickle.dumps(Opens(victim))).close()  # what would happen
    assert victim.exists()
    victim.unlink()
    for raw in (pickle.dumps(Opens(victim)), cifar_batch(labels=Opens(victim))[1],
                hostile_state(victim),
                b"cos\nsystem\n(S'touch " + str(victim).encode() + b"'\ntR."):
        with pytest.raises(ValueError) as error:
            cifar10.read_batch(raw, "some/file")
        one_line(error, "some/file", "not a CIFAR-10 batch")
        assert not victim.exists()


def test_no_codec_but_latin1_is_looked_up():
    with pytest.raises(ValueError, match="encoding 'punycode', must be 'latin1'"):
        cifar10.read_batch(b"\x80\x02c_codecs\nencode\n"
                           b"X\x01\x00\x00\x00aX\x08\x00\x00\x00punycode\x86R.", "x")


@pytest.mark.parametrize("name", ["numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar",
                                  "numpy.load", "numpy.frombuffer",
                                  "builtins.eval", "builtins.getattr"])
def test_no_other_name_is_looked_up(name):
    module, _, attribute = name.rpartition(".")
    with pytest.raises(ValueError, match="asks for .* which is refused"):
        cifar10.read_batch(f"c{module}\n{attribute}\n.".encode(), "x")


@pytest.mark.parametrize("raw, words", [
    (b"", ("exhausted before seeing STOP",)),
    (b"not a pickle", ("not a CIFAR-10 batch",)),
    (cifar_batch()[1][:-500], ("not a CIFAR-10 batch",)),
    (pickle.dumps([1, 2]), ("a list", "must be a dict")),
    (pickle.dumps({b"labels": [1]}), ("keys labels", "data")),
    (pickle.dumps({b"data": [1], b"labels": [1]}), ("must have data, an array",)),
    (cifar_batch(**{"data": np.zeros((10, 3071), np.uint8)})[1], ("(10, 3071)", "(N, 3072)")),
    (cifar_batch(**{"data": np.zeros((10, 3072))})[1], ("'f8'", "'u1'")),
    (cifar_batch(**{"data": np.array([object()] * 3)})[1], ("x",)),
    (cifar_batch(**{"labels": [0] * 9})[1], ("10 integers in [0, 10)",)),
    (cifar_batch(**{"labels": [0] * 9 + [10]})[1], ("10 integers in [0, 10)",)),
    (cifar_batch(**{"labels": [0] * 9 + [-1]})[1], ("10 integers in [0, 10)",)),
])
def test_a_damaged_batch_is_one_clear_line(raw, words):
    with pytest.raises(ValueError) as error:
        cifar10.read_batch(raw, "x")
    one_line(error, "x: ", *words)


def test_cifar_files_that_are_missing_damaged_or_not_the_original_are_named(tmp_path):
    folder = tmp_path / "cifar-10-batches-py"
    write_cifar(folder)
    archive = tmp_path / "cifar-10-python.tar.gz"
    write_archive(archive, folder)
    with pytest.raises(ValueError) as error:
        load("cifar10", data_dir=tmp_path)
    one_line(error, folder / "data_batch_1", "c99cafc152244af753f735de768cd75f")
    (folder / "data_batch_3").unlink()
    with pytest.raises(FileNotFoundError) as error:
        load(folder)
    one_line(error, "data_batch_3", "https://")
    write_archive(tmp_path / "less.tar.gz", folder)
    with pytest.raises(ValueError, match="the archive has no data_batch_3"):
        load(tmp_path / "less.tar.gz")
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    with pytest.raises(ValueError) as error:
        load("cifar10", data_dir=tmp_path)
    one_line(error, archive, "c58f30108f718f92721af3b95e74349a")
    whole = archive.read_bytes()
    for raw in (whole[:-2000], b"nothing of the kind"):
        archive.write_bytes(raw)
        with pytest.raises(ValueError) as error:
            load(archive)
        one_line(error, archive, "damaged archive")


def test_a_cifar_file_of_arrays_may_hold_a_part(tmp_path):
    np.savez(tmp_path / "cifar10_50.npz", images=images(50, 32, 32, 3), labels=np.arange(50) % 10)
    data = load("cifar10", data_dir=tmp_path)
    assert (len(data.train), len(data.valid), len(data.test)) == (40, 5, 5)
    assert "cifar10_50.npz" in data.source
    np.savez(tmp_path / "cifar10_50.npz", images=images(50, 32, 31, 3))
    with pytest.raises(ValueError, match=r"\(32, 31, 3\).*\(32, 32, 3\)"):
        load("cifar10", data_dir=tmp_path)


# Arrays

def test_npz_files_with_three_splits_two_or_none(tmp_path):
    path, x = tmp_path / "x.npz", images(20)
    np.savez(path, train=x, valid=x[:3], test=x[:4], test_labels=np.arange(4))
    data = load(path)
    assert np.array_equal(data.train, x) and data.test_labels.tolist() == [0, 1, 2, 3]
    assert data.test_labels.dtype == np.uint8
    np.savez(path, train=x[..., 0].astype(np.int64), test=x[:4, ..., 0].astype(np.int64))
    kept, held = dataset.hold_back(20, 2)
    assert np.array_equal(load(path).train, x[kept]) and np.array_equal(load(path).valid, x[held])
    np.savez(path, images=x, labels=np.arange(20))
    data = load(path)
    assert np.array_equal(np.sort(np.concatenate([data.train_labels, data.valid_labels,
                                                  data.test_labels])), np.arange(20))
    assert all(np.array_equal(part, x[labels])
               for part, labels in map(data.split, ("train", "valid", "test")))


def test_levels_of_an_npz_are_stored_or_two_or_256(tmp_path):
    path = tmp_path / "x.npz"
    for content, expected in ((dict(images=images(20, levels=2).astype(bool)), 2),
                              (dict(images=images(20, levels=3)), 256),
                              (dict(images=images(20, levels=3), levels=4), 4),
                              (dict(images=images(20, levels=2), levels=256), 256)):
        np.savez(path, **content)
        assert load(path).levels == expected


@pytest.mark.parametrize("content, words", [
    (dict(x=images(20)), ("keys x", "must have")),
    (dict(), ("(none)",)),
    (dict(train=images(20), valid=images(20)), ("has train, valid",)),
    (dict(images=images(20).astype(float)), ("images", "float64")),
    (dict(images=images(20).reshape(20, -1)), ("images", "(20, 12)")),
    (dict(images=images(20)[:0]), ("images", "(0, 4, 3, 1)")),
    (dict(images=images(20).astype(int) + 1), ("1 to 256",)),
    (dict(images=images(20).astype(int) - 1), ("-1 to",)),
    (dict(images=images(9)), ("9 images", "at least 10")),
    (dict(images=images(20), labels=np.zeros(19, int)), ("labels", "(20,)", "(19,)")),
    (dict(images=images(20), labels=np.arange(-1, 19)), ("labels", "has -1", "[0, 2^31)")),
    (dict(images=images(20), labels=np.full(20, 2**31)), ("labels", "has 2147483648", "[0, 2^31)")),
    (dict(images=images(20), labels=np.zeros(20)), ("labels", "integers", "float64")),
    (dict(images=images(20), levels=2), ("level", "[0, 2)")),
    (dict(images=images(20), levels=1.5), ("levels", "float64")),
    (dict(images=np.array([None] * 20)), ("damaged .npz", "object")),
    (dict(train=images(20), test=images(20, 5)), ("(5, 3, 1)", "(4, 3, 1)")),
])
def test_wrong_arrays_are_refused_by_name(tmp_path, content, words):
    np.savez(tmp_path / "x.npz", **content)
    with pytest.raises(ValueError) as error:
        load(tmp_path / "x.npz")
    one_line(error, "x.npz", *words)


def test_a_damaged_npz_is_refused(tmp_path):
    path = tmp_path / "x.npz"
    np.savez_compressed(path, images=images(200))
    whole = path.read_bytes()
    single = io.BytesIO()
    np.save(single, images(20))
    for raw in (whole[:-30], whole[:200], b"", b"text", single.getvalue(),
                whole[:300] + b"\x00" * 40 + whole[340:]):
        path.write_bytes(raw)
        with pytest.raises(ValueError) as error:
            load(path)
        one_line(error, path, ".npz file")


# Image files

@pytest.fixture
def image_module():
    return pytest.importorskip("PIL.Image",
                               reason="Pillow is not installed: folders of images are skipped")


def write_images(module, folder, x, suffix=".png"):
    folder.mkdir(parents=True, exist_ok=True)
    for i, image in enumerate(x):
        module.fromarray(image if image.shape[2] == 3
                         else image[..., 0]).save(folder / f"{i:03}{suffix}")


@pytest.mark.parametrize("C", [1, 3])
def test_a_folder_of_image_files_is_read_in_order_of_names(tmp_path, image_module, C):
    x = images(20, 5, 7, C)
    write_images(image_module, tmp_path, x)
    (tmp_path / "notes.txt").write_text("not an image")
    data = load(tmp_path)
    kept, test, valid = dataset.hold_back(20, 2, 2)
    assert data.levels == 256 and np.array_equal(data.train, x[kept])
    assert np.array_equal(data.test, x[test]) and np.array_equal(data.valid, x[valid])


def test_subfolders_are_splits(tmp_path, image_module):
    x = images(6, 5, 7)
    for split, part in (("train", x[:3]), ("valid", x[3:4]), ("test", x[4:])):
        write_images(image_module, tmp_path / split, part)
    data = load(tmp_path)
    assert np.array_equal(data.train, x[:3]) and np.array_equal(data.valid, x[3:4])
    assert np.array_equal(data.test, x[4:])
    for path in (tmp_path / "valid").iterdir():
        path.unlink()
    with pytest.raises(ValueError, match="valid has no images"):
        load(tmp_path)
    (tmp_path / "valid").rmdir()
    with pytest.raises(ValueError,
                       match="must have train, valid and test, or none of them, has train and "
                             "test"):
        load(tmp_path)


def test_an_image_file_that_does_not_fit_is_named(tmp_path, image_module):
    odd = tmp_path / "099.png"
    write_images(image_module, tmp_path, images(12, 5, 7))
    for make, words in ((lambda: image_module.fromarray(images(1, 7, 5)[0, ..., 0]).save(odd),
                         ("(7, 5, 1)", "000.png", "(5, 7, 1)")),
                        (lambda: image_module.fromarray(images(1, 5, 7, 3)[0]).save(odd),
                         ("(5, 7, 3)", "(5, 7, 1)")),
                        (lambda: image_module.fromarray(images(1, 5, 7, 4)[0]).save(odd),
                         ("RGBA", "transparency")),
                        (lambda: image_module.fromarray(
                            images(1, 5, 7)[0, ..., 0].astype(np.uint16)).save(odd),
                         ("I;16", "8-bit")),
                        (lambda: odd.write_bytes((tmp_path / "000.png").read_bytes()[:60]),
                         ("damaged image",)),
                        (lambda: odd.write_bytes(b"not a picture"), ("damaged image",))):
        make()
        with pytest.raises(ValueError) as error:
            load(tmp_path)
        one_line(error, odd, *words)


def test_without_pillow_the_error_says_what_to_install(tmp_path, image_module, monkeypatch):
    write_images(image_module, tmp_path, images(12))
    real = builtins.__import__

    def without(name, *rest, **more):
        if name.partition(".")[0] == "PIL":
            raise ImportError(name)
        return real(name, *rest, **more)
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r'pip install "npixel\[images\]"'):
        load(tmp_path)


# Names, paths, sources, levels

def test_each_missing_data_set_says_where_to_get_it(tmp_path):
    for name in set(NAMES) - {"digits"}:
        for data_dir, word in ((None, "NPIXEL_DATA is not set"), (tmp_path, tmp_path)):
            with pytest.raises(FileNotFoundError) as error:
                load(name, data_dir=data_dir)
            one_line(error, name + ":", word, "get it from http")


def test_a_relative_path_is_looked_for_below_the_data_directory_too(tmp_path, monkeypatch):
    np.savez(tmp_path / "mine.npz", images=images(20))
    with pytest.raises(FileNotFoundError) as error:
        load("mine.npz")
    one_line(error, "mine.npz", "digits", "noisy_rule")
    assert len(load("mine.npz", data_dir=tmp_path).train) == 16
    monkeypatch.setenv("NPIXEL_DATA", str(tmp_path))
    assert len(load("mine.npz").train) == 16
    monkeypatch.setenv("NPIXEL_DATA", str(tmp_path / "none"))
    with pytest.raises(ValueError, match="NPIXEL_DATA must be a directory, is .*none'"):
        load("mine.npz")
    with pytest.raises(ValueError, match="data_dir must be a directory, is"):
        load("mine.npz", data_dir=tmp_path / "none")
    # neither needs the directory
    assert len(load(tmp_path / "mine.npz").train) == 16 and load("digits").levels == 17


def test_the_better_form_wins_over_the_nearer_folder(tmp_path):
    near, far = tmp_path / "near", tmp_path / "far"
    for folder, name in ((near, "x.npz"), (far, "x.gz")):
        folder.mkdir()
        (folder / name).touch()
    assert files.find(["x.gz", "x.npz"], [near, far]) == far / "x.gz"
    assert files.find(["*.npz"], [far, near]) == near / "x.npz"
    assert files.find(["x"], [near, tmp_path / "none"]) is None


def test_a_folder_or_file_of_no_known_form_is_refused(tmp_path):
    with pytest.raises(ValueError, match="holds no images"):
        load(tmp_path)
    (tmp_path / "x.csv").write_text("1,2")
    with pytest.raises(ValueError, match="x.csv: not a known form of data"):
        load(tmp_path / "x.csv")
    with pytest.raises(FileNotFoundError, match="'' is no data set"):
        load("")


def test_a_source_of_known_entropy_is_a_data_set_with_a_floor():
    data = load("noisy_rule:4x5,eps=0.2,rule=long_range,train=30,valid=10,test=20,seed=3")
    assert (len(data.train), len(data.valid), len(data.test)) == (30, 10, 20)
    assert data.image_shape == (4, 5, 1) and data.levels == 2
    assert data.process == NoisyRule(4, 5, 0.2, "long_range")
    assert data.entropy == data.process.entropy
    more = load("noisy_rule:4x5,eps=0.2,rule=long_range,train=40,valid=10,test=20,seed=3")
    assert np.array_equal(more.test, data.test) and not np.array_equal(more.test, more.train[:20])
    other = load("noisy_rule:4x5,eps=0.2,rule=long_range,train=30,valid=10,test=20,seed=4")
    assert not np.array_equal(other.test, data.test)
    for text, message in (("noisy_rule:4x5,train=0",
                           "train must be an integer of at least 1, is '0'"),
                          ("noisy_rule:4x5,seed=-1",
                           "seed must be an integer of at least 0, is '-1'"),
                          ("noisy_rule:4x5,n=3", "no parameter 'n'"),
                          ("markov_mesh:4x17", "W must be at most 16 .*, is 17"),
                          ("markov_mesh", "name:HxW")):
        with pytest.raises(ValueError, match=message):
            load(text)


def test_requantised_levels_are_the_floor_of_the_scaled_level():
    data, full = load("digits", levels=4), load("digits")
    assert data.levels == 4 and np.array_equal(data.train, full.train.astype(int) * 4 // 17)
    assert data.test.max() == 3
    assert load("digits", levels=17).train is not None
    assert np.array_equal(load("digits", levels=17).train, full.train)
    assert np.array_equal(load("digits", binarize="threshold").test, full.test >= 8.5)
    assert np.array_equal(load("digits", levels=2).test, load("digits", binarize="threshold").test)
    v = np.arange(256, dtype=np.uint8)
    assert np.array_equal(levels.requantise(v, 256, 16), v >> 4)
    assert np.array_equal(levels.requantise(v, 256, 256), v)


def test_stochastic_binarisation_has_the_level_as_probability_and_its_seed_decides():
    full, data = load("digits"), load("digits", binarize="stochastic", seed=5)
    # the definition: one uniform per sub-pixel, train, valid, test
    rng = np.random.default_rng(5)
    for split in ("train", "valid", "test"):
        x = full.split(split)[0]
        assert np.array_equal(data.split(split)[0], rng.random(x.shape) < x / 16)
    assert data.levels == 2 and "seed 5" in data.source
    assert np.array_equal(data.test_labels, full.test_labels)
    assert not np.array_equal(load("digits", binarize="stochastic", seed=6).test, data.test)


def test_a_black_pixel_stays_black_and_a_white_one_white():
    class Extremes:                                    # the ends of [0, 1)
        def random(self, shape):
            return np.broadcast_to([0.0, np.nextafter(1, 0)], shape)
    x = np.array([[[0, 0]], [[255, 255]]], np.uint8)
    assert np.array_equal(levels.binarize(x, 256, Extremes()), x // 255)


@pytest.mark.parametrize("options, message", [
    (dict(levels=18), "levels must be 2 to 17, the levels of digits, is 18"),
    (dict(levels=1), "levels must be 2 to 17, the levels of digits, is 1"),
    (dict(binarize="coin"), "binarize must be one of threshold, stochastic, is 'coin'"),
    (dict(binarize="threshold", levels=4), "levels must be 2 where binarize is asked for, is 4"),
    (dict(binarize="stochastic", seed=-1), "seed must be an integer, at least 0, is -1"),
])
def test_wrong_level_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        load("digits", **options)


@pytest.mark.parametrize("module", [catalogue, dataset, digits, image_folder, levels, limits, size],
                         ids=lambda m: m.__name__)
def test_the_examples_of_the_docstrings_hold(module):
    result = doctest.testmod(module)
    assert result.attempted and not result.failed


# The command line

def npixel(*words):
    parser = command.Parser(prog="npixel")
    data_command.add_arguments(parser.add_subparsers())
    try:
        return command.run(parser, ["data", *map(str, words)])
    except SystemExit as exit:                         # argparse itself refuses
        return exit.code


def test_the_command_lists_describes_and_packs(tmp_path, capsys):
    write_amat(tmp_path)
    assert npixel("list", "--data-dir", tmp_path) == 0
    text = capsys.readouterr().out
    assert all(name in text for name in NAMES) and "binarized_mnist_train.amat" in text
    assert "get it from https" in text and "markov_mesh" in text
    assert npixel("pack", tmp_path, "-o", tmp_path / "x.npz") == 0
    assert "not the original" in capsys.readouterr().out
    assert npixel("info", tmp_path / "x.npz") == 0
    assert "28x28x1, 2 levels" in capsys.readouterr().out
    assert npixel("info", "blind_corner:4x4") == 0
    assert "nats per image: no model" in capsys.readouterr().out


def test_packing_replaces_nothing_unasked(tmp_path, capsys):
    write_amat(tmp_path)
    output = tmp_path / "x.npz"
    assert [npixel("pack", tmp_path, "-o", output) for _ in range(2)] == [0, 2]
    assert "x.npz exists: --force replaces it" in capsys.readouterr().err
    assert npixel("pack", tmp_path, "-o", output, "--force") == 0
    np.savez(output, mine=np.arange(3))
    assert npixel("pack", tmp_path, "-o", output, "--force") == 2
    with np.load(output) as file:
        assert file["mine"].tolist() == [0, 1, 2]


def test_the_command_prints_one_json_object(tmp_path, capsys):
    write_amat(tmp_path)
    for words in (("list",), ("info", "digits", "--levels", 4),
                  ("pack", tmp_path, "--output", tmp_path / "x.npz")):
        assert npixel(*words, "--json") == 0
        result = json.loads(capsys.readouterr().out)
        assert isinstance(result, dict)
    assert result["splits"]["train"]["rows"] == 12


@pytest.mark.parametrize("words, message", [
    ((), "list, info or pack"), (("info",), "DATA"),
    (("info", "nothing"), "'nothing' is no data set"), (("info", "mnist"), "get it from"),
    (("info", "digits", "--levels", "99"), "levels must be 2 to 17, the levels of digits, is 99"),
    (("info", "noisy_rule:8x8,eps=7"), "is 7.0"),
    (("pack", "nowhere", "-o", "x.npz"), "binarized_mnist_train.amat not found"),
    (("list", "--data-dir", "nowhere"), "data_dir must be a directory"),
])
def test_bad_input_on_the_command_line_is_one_line_and_status_2(words, message, capsys):
    assert npixel(*words) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and message in err


def test_other_commands_take_the_data_options():
    parser = command.Parser(prog="x")
    data_command.add_data_options(parser, default="digits")
    data = data_command.load_from(parser.parse_args(["--binarize", "stochastic", "--data-seed",
                                                     "5"]))
    assert np.array_equal(data.test, load("digits", binarize="stochastic", seed=5).test)
    parser = command.Parser(prog="x")
    data_command.add_data_options(parser)
    with pytest.raises(SystemExit):
        parser.parse_args([])


# The real files, where they are

SHARED = Path(os.environ.get("NPIXEL_DATA")
              or Path(__file__).resolve().parents[2] / "shared" / "data")


def shared(name):
    found = SHARED.is_dir() and NAMES[name].locate(SHARED)
    if not found:
        pytest.skip(f"{name} is not in {SHARED} (set NPIXEL_DATA): its published figures are not "
                    "checked")
    return load(name, data_dir=SHARED)


def test_binarised_mnist_has_its_published_means_and_baseline():
    data = shared("binarized_mnist")
    assert data.train.shape == (50_000, 28, 28, 1)
    assert "train: the original, valid: the original" in data.source
    assert data.train.mean() == pytest.approx(0.130562, abs=5e-7)
    assert data.valid.mean() == pytest.approx(0.131127, abs=5e-7)
    if len(data.test) == 8000:
        assert data.test.mean() == pytest.approx(0.132608, abs=5e-7)
        p = data.train.mean(0).clip(1 / 50_000, 1 - 1 / 50_000)
        nll = -(data.test * np.log(p) + (1 - data.test) * np.log(1 - p)).sum((1, 2, 3)).mean()
        assert nll == pytest.approx(205.727, abs=5e-4)


def test_a_changed_bit_of_binarised_mnist_is_noticed(tmp_path):
    data = shared("binarized_mnist")
    bits = {split: np.packbits(data.split(split)[0].reshape(-1, 784), axis=1)
            for split in ("train", "valid", "test")}
    bits["valid"][123, 45] ^= 4
    np.savez(tmp_path / "binarized_mnist.npz", **bits)
    with pytest.raises(ValueError, match=r"valid \(10000 rows\)"):
        load("binarized_mnist", data_dir=tmp_path)


def test_mnist_has_its_60000_images_and_a_fair_validation_set():
    data = shared("mnist")
    assert data.train.shape == (50_000, 28, 28, 1) and data.valid.shape == (10_000, 28, 28, 1)
    total = (data.train.sum(dtype=np.int64) + data.valid.sum(dtype=np.int64)) / (60_000 * 784)
    assert total / 255 == pytest.approx(0.13066, abs=5e-6)
    # rows alternate between two groups of writers, 31.3 and 35.4; a fair sample of 10,000 has a
    # standard error of 0.11
    assert abs(data.valid.mean() - data.train.mean()) < 0.4
    assert data.test_labels is not None and np.bincount(data.train_labels).min() > 4000


def test_cifar10_begins_with_its_known_pixel():
    data = shared("cifar10")
    assert data.image_shape == (32, 32, 3) and data.levels == 256
    assert data.train[0, 0, 0].tolist() == [59, 62, 63] and data.train_labels[0] == 6


def test_fashion_mnist_is_balanced():
    data = shared("fashion_mnist")
    counts = np.bincount(data.train_labels)
    assert len(counts) == 10 and counts.max() - counts.min() <= 0.05 * counts.mean()
