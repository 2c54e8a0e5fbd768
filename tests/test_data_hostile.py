"""Files that somebody damaged or crafted: one line, or a right answer, in little memory."""

import gzip
import io
import os
import pickle
import pickletools
import resource
import signal
import struct
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from npixel.runtime import limits
from npixel.data import cifar10, load, plain_pickle
from npixel.data.dataset import SPLITS
from hunt_files import damaged_bytes
from test_data_files import (images, python_2_batch, write_amat, write_archive, write_cifar,
                             write_idx)

ROOT = Path(__file__).resolve().parents[1]
MEGABYTE, MANY = 2**20, 80


def one_line(error, *words):
    text = str(error.value)
    assert "\n" not in text and all(str(word) in text for word in words), text


# sizes: looked at before anything is unpacked, decoded or drawn

def idx_bomb(folder):
    write_idx(folder, compressed=False)
    for name in ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"):
        (folder / name).unlink()
    header = bytes((0, 0, 8, 3)) + struct.pack(">3I", MANY, MEGABYTE, 1)
    raw = gzip.compress(header + bytes(MANY * MEGABYTE), 1)
    (folder / "train-images-idx3-ubyte.gz").write_bytes(raw)
    return folder


def idx_claim(folder):
    write_idx(folder, compressed=False)
    raw = bytes((0, 0, 8, 3)) + struct.pack(">3I", 10**4, 10**4, 10**4) + b"few"
    (folder / "train-images-idx3-ubyte").write_bytes(raw)
    return folder


def npz_bomb(folder):
    np.savez_compressed(folder / "x.npz", images=np.zeros((MANY, 1024, 1024), np.uint8))
    return folder / "x.npz"


def npz_claim(folder):
    """A header of 10^12 entries, and nothing behind it."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|u1", "fortran_order": False, "shape": (10**12, 1, 1)})
    with zipfile.ZipFile(folder / "x.npz", "w") as archive:
        archive.writestr("images.npy", header.getvalue())
    return folder / "x.npz"


def packed_bomb(folder):
    """Bits that fit, and bytes that do not."""
    bits = np.zeros((50_000, 98), np.uint8)            # 5 MB, and 39
    np.savez_compressed(folder / "x.npz", train=bits, valid=bits[:1], test=bits[:1])
    return folder / "x.npz"


def archive_bomb(folder):
    return _archive(folder, "data_batch_1")


def archive_bomb_beside(folder):
    """In a file that nobody asked for."""
    return _archive(folder, "readme.html")


def archive_bomb_in_a_header(folder):
    """An extended header, which tarfile reads whole."""
    return _archive(folder, "data_batch_1", tarfile.XHDTYPE)


def _archive(folder, name, kind=tarfile.REGTYPE):
    class Zeros:
        def read(self, n):
            return bytes(n)
    with tarfile.open(folder / "x.tar.gz", "w:gz", compresslevel=1) as archive:
        member = tarfile.TarInfo(name)
        member.size, member.type = MANY * MEGABYTE, kind
        archive.addfile(member, Zeros())
    return folder / "x.tar.gz"


def picture_bomb(folder):
    image = pytest.importorskip("PIL.Image").new("L", (3000, 3000))
    for i in range(12):
        image.save(folder / f"{i:02}.png")
    return folder


def frame_bomb(folder):
    Image = pytest.importorskip("PIL.Image")
    first, *others = (Image.new("P", (2000, 2000), i) for i in range(20))
    first.save(folder / "x.gif", save_all=True, append_images=others)
    return folder


BOMBS = (idx_bomb, idx_claim, npz_bomb, npz_claim, packed_bomb, archive_bomb, archive_bomb_beside,
         archive_bomb_in_a_header, picture_bomb, frame_bomb)
LOAD_ALL = """
import resource, sys
import PIL.Image
import npixel.data
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
npixel.data.load("digits")
before = peak()
for path in sys.argv[1:]:
    try:
        npixel.data.load(path)
        print("read")
    except ValueError as error:
        print(error)
print(peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss has other units elsewhere")
def test_a_small_file_does_not_become_a_large_one(tmp_path):
    """About 80 megabytes in each, 16 allowed: none takes much more than what is allowed."""
    pytest.importorskip("PIL.Image")
    paths = []
    for bomb in BOMBS:
        (tmp_path / bomb.__name__).mkdir()
        paths.append(bomb(tmp_path / bomb.__name__))
    limit = str(16 * MEGABYTE)
    command = [sys.executable, "-W", "error", "-c", LOAD_ALL, *map(str, paths)]
    done = subprocess.run(command, cwd=ROOT,
                          env=os.environ | {limits.VARIABLE: limit},
                          capture_output=True, text=True, timeout=120)
    *answers, grown = done.stdout.splitlines()
    assert not done.stderr and len(answers) == len(paths), done.stderr
    for path, answer in zip(paths, answers):
        assert str(path) in answer, answer
        assert limits.VARIABLE in answer or "should hold 1,000,000,000,000 bytes" in answer, answer
    assert int(grown) < 70                             # in megabytes


@pytest.mark.parametrize("text", [
    "noisy_rule:100000x100000", "markov_mesh:100000000x16", "noisy_rule:8x8,train=10000000000",
    "blind_corner:100000x100000", "dead_leaves:100000x100000", "noisy_rule:" + "9" * 200 + "x1",
    "dead_leaves:8x8,train=10000000000,colour=1"])
def test_a_source_says_how_much_it_would_draw_before_it_draws(text, call):
    with pytest.raises(ValueError) as error:
        load(text)
    one_line(error, text[:20])
    status, out, err = call("data", "info", text)
    assert status == 2 and not out and err.count("\n") == 1


def test_the_limit_can_be_set(monkeypatch):
    text = "noisy_rule:10x10,train=8,valid=1,test=1"   # 10 images of 100 bytes
    monkeypatch.setenv(limits.VARIABLE, "999")
    with pytest.raises(ValueError) as error:
        load(text)
    one_line(error, "1,000 bytes", "limit of 999", limits.VARIABLE)
    monkeypatch.setenv(limits.VARIABLE, "1000")
    load(text)
    for wrong in ("1 GB", "-1", "1e9"):
        monkeypatch.setenv(limits.VARIABLE, wrong)
        with pytest.raises(ValueError, match=f"{limits.VARIABLE} must be a number of bytes"):
            load(text)


def test_images_drawn_in_parts_are_those_drawn_at_once(monkeypatch):
    from npixel.data.known_entropy import source
    whole = load("noisy_rule:5x4,eps=0.2,train=50,valid=7,test=3")
    monkeypatch.setattr(source, "UNIFORMS", 3 * 20 + 1)
    parts = load("noisy_rule:5x4,eps=0.2,train=50,valid=7,test=3")
    assert all(np.array_equal(whole.split(split)[0], parts.split(split)[0]) for split in SPLITS)


# crafted files

def test_a_pickle_of_tuples_in_tuples_is_refused(tmp_path):
    """As a key, the first takes the whole stack to hash, and the second 2^60 steps."""
    nested = b"\x80\x02})" + b"\x85" * 200_000 + b"K\x01s."
    shared = b"\x80\x02})" + b"q\x00h\x00\x86" * 60 + b"K\x01s."
    for raw in (nested, shared):
        with pytest.raises(ValueError) as error:
            cifar10.read_batch(raw, "x")
        one_line(error, "x: not a CIFAR-10 batch", "a key must be text, is a tuple")
    write_cifar(tmp_path / "cifar-10-batches-py")
    (tmp_path / "cifar-10-batches-py" / "data_batch_1").write_bytes(
        nested.replace(b"K", b"\x85" * 2_800_000 + b"K"))           # 17 KB in the archive
    write_archive(tmp_path / "x.tar.gz", tmp_path / "cifar-10-batches-py")
    assert (tmp_path / "x.tar.gz").stat().st_size < 200_000
    with pytest.raises(ValueError, match="not a CIFAR-10 batch .*more than 500,000 steps"):
        load(tmp_path / "x.tar.gz")


def test_a_value_of_nested_tuples_is_no_labels_and_no_array():
    for key in (b"data", b"labels"):
        deep = b"})" + b"\x85" * 200_000               # kept, and taken apart again at the end
        raw = b"\x80\x02" + deep[:1] + b"U" + bytes((len(key),)) + key + deep[1:] + b"s."
        with pytest.raises(ValueError, match="not a CIFAR-10 batch"):
            cifar10.read_batch(raw, "x")


def test_one_text_many_times_is_refused(monkeypatch):
    """_codecs.encode makes bytes of text: a thousand times from one text in the memory."""
    monkeypatch.setenv(limits.VARIABLE, str(10**6))
    text = b"X" + struct.pack("<i", 10**4) + b"a" * 10**4
    raw = (b"\x80\x02c_codecs\nencode\nq\x01" + text + b"U\x06latin1\x86q\x02"
           + 1000 * b"h\x01h\x02R" + b".")
    with pytest.raises(ValueError, match=f"more than the limit of 1,000,000.*{limits.VARIABLE}"):
        cifar10.read_batch(raw, "x")


@pytest.mark.parametrize("raw", [
    b"\x80\x02(.", b"\x80\x020.", b"\x80\x02}K\x01K\x02s.", b"\x80\x02]}(U\x01aK\x01u.",
    b"\x80\x02h\x05.", b"\x80\x02)\x81.", b"\x80\x02K\x01)R.", b"\x80\x02K\x01}b.",
    b"\x80\x02]q\x00h\x00a.", b"(lp0\ng0\na."])
def test_steps_that_do_not_fit_are_refused(raw):
    with pytest.raises(ValueError, match="not a CIFAR-10 batch"):
        cifar10.read_batch(raw, "x")


def test_the_machine_reads_what_python_writes():
    """Random contents of the kinds that batches have, against pickle itself."""
    rng = np.random.default_rng(0)

    def value(depth):
        kind = rng.integers(0, 9 if depth else 6)
        if kind >= 6:
            parts = [value(depth - 1) for _ in range(rng.integers(0, 5))]
            keys = [f"k{i}" if i % 2 else f"k{i}".encode() for i in range(len(parts))]
            return parts if kind == 6 else tuple(parts) if kind == 7 else dict(zip(keys, parts))
        some = rng.integers(0, 256, int(rng.integers(300)), np.uint8)
        return [None, True, int(rng.integers(-2**40, 2**40)), len(some), "tëxt" * (len(some) % 3),
                bytes(some)][kind]

    for i in range(300):
        content = value(4)
        for protocol in range(6):
            found = plain_pickle.read(pickle.dumps(content, protocol))
            assert found == content, (content, protocol)


def test_no_interpreter_of_another_format_sees_a_picture(tmp_path, monkeypatch):
    """Pillow goes by content, and would hand this one to Ghostscript, which runs programs."""
    image = pytest.importorskip("PIL.Image")
    from PIL import EpsImagePlugin

    seen = []
    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *_, **__: seen.append("run"))
    monkeypatch.setattr(EpsImagePlugin.EpsImageFile, "_open", lambda self: seen.append("opened"))
    for i in range(12):
        image.new("L", (5, 5), 9 * i).save(tmp_path / f"{i:02}.png")
    load(tmp_path)
    program = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 5 5\n%%EndComments\n"
    (tmp_path / "00.png").write_bytes(program)
    with pytest.raises(ValueError, match="00.png: damaged image file"):
        load(tmp_path)
    assert not seen


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "x.npz")
    with pytest.raises(ValueError, match="is not a file"):
        load(tmp_path / "x.npz")
    write_idx(tmp_path / "idx", compressed=False)
    (tmp_path / "idx" / "train-images-idx3-ubyte").unlink()
    os.mkfifo(tmp_path / "idx" / "train-images-idx3-ubyte")
    with pytest.raises(ValueError, match="is not a file"):
        load(tmp_path / "idx")
    os.mkfifo(tmp_path / "x.tar.gz")
    with pytest.raises(ValueError, match="is not a file"):
        load(tmp_path / "x.tar.gz")


# damaged files

def pictures(ending):
    def write(folder):
        image = pytest.importorskip("PIL.Image")
        for i, x in enumerate(images(12, 6, 5, 3)):
            image.fromarray(x).save(folder / f"{i:02}{ending}")
        return folder / f"03{ending}"
    return write


def turned(folder):
    """Photographs as a camera turned on its side writes them."""
    image = pytest.importorskip("PIL.Image")
    exif = image.Exif()
    exif[0x0112], exif[0x010e] = 6, "a photograph"
    for i, x in enumerate(images(12, 6, 5, 3)):
        image.fromarray(x).save(folder / f"{i:02}.jpg", exif=exif)
    return folder / "03.jpg"


def pages(ending, **options):
    """Ten pages or frames in one file."""
    def write(folder):
        image = pytest.importorskip("PIL.Image")
        first, *more = map(image.fromarray, images(10, 6, 5)[..., 0])
        first.save(folder / f"x{ending}", save_all=True, append_images=more, **options)
        return folder / f"x{ending}"
    return write


def npz(**arrays):
    def write(folder):
        np.savez_compressed(folder / "x.npz", **arrays)
        return folder / "x.npz"
    return write


def idx(folder):
    return write_idx(folder) / "train-images-idx3-ubyte.gz"


def batch(folder):
    write_cifar(folder / "cifar-10-batches-py")
    return folder / "cifar-10-batches-py" / "data_batch_2"


def old_batch(folder):
    path = batch(folder)
    path.write_bytes(python_2_batch(images(10, 32, 32, 3), list(range(10))))
    return path


def archive(folder):
    write_cifar(folder / "cifar-10-batches-py")
    write_archive(folder / "x.tar.gz", folder / "cifar-10-batches-py")
    return folder / "x.tar.gz"


def amat(folder):
    write_amat(folder)
    return folder / "binarized_mnist_train.amat"


BITS = np.zeros((10, 98), np.uint8)
# kind -> how it is written; True if byte damage cannot go unnoticed: these carry checksums
KINDS = {
    "npz": (npz(images=images(40), labels=np.arange(40)), True),
    "packed": (npz(train=BITS + 1, valid=BITS + 2, test=BITS + 3), True),
    "photographs": (npz(gray=images(14, 6, 7)[..., 0], rgb=images(14, 6, 7, 3),
                        split=np.array(["train"] * 11 + ["val"] * 3)), True),
    "idx": (idx, True), "batch": (batch, False), "old batch": (old_batch, False),
    "archive": (archive, False), "amat": (amat, False), "turned": (turned, False),
    "pages": (pages(".tif"), False), "frames": (pages(".gif"), False),
    **{ending: (pictures(ending), False)
       for ending in (".png", ".gif", ".jpg", ".bmp", ".tif", ".webp", ".ppm")},
}


def _late(*_):
    raise AssertionError("ten seconds")


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_is_refused_in_one_line_or_read_rightly(tmp_path, kind, monkeypatch):
    monkeypatch.setenv(limits.VARIABLE, str(64 * MEGABYTE))
    write, checked = KINDS[kind]
    path = write(tmp_path)
    place = path if path.suffix in (".npz", ".gz") and kind != "idx" else tmp_path
    whole, raw, refused = load(place), path.read_bytes(), 0
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    rng = np.random.default_rng(list(kind.encode()))
    handler = signal.signal(signal.SIGALRM, _late)
    try:
        for _ in range(40):
            path.write_bytes(damaged_bytes(rng, raw))
            signal.alarm(10)
            try:
                data = load(place)
            except (ValueError, OSError) as error:
                assert "\n" not in str(error) and str(tmp_path) in str(error), str(error)
                refused += 1
                continue
            for split in SPLITS:
                part, _ = data.split(split)
                assert part.max() < data.levels and part.shape[1:] == data.image_shape
                assert not checked or np.array_equal(part, whole.split(split)[0])
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, handler)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert refused and grown < 500 * 1024              # kilobytes on Linux, bytes on a Mac


def test_every_step_of_the_machine_is_one_that_pickles_have():
    """And those that make objects of a class of their own, or look something up, are not there."""
    known = {step.name for step in pickletools.opcodes}
    assert set(plain_pickle.STEPS) <= known
    assert not set(plain_pickle.STEPS) & {"INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "PERSID",
                                          "BINPERSID", "EXT1", "EXT2", "EXT4"}
