"""npixel/runtime/safe_npz.py: sizes before numbers, and one line whatever is wrong."""

import gzip
import io
import tracemalloc
import zipfile

import numpy as np
import pytest

from npixel.runtime import limits, safe_npz
from npixel.data import files


def header(shape, descr="|u1"):
    return f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape!r}, }}"


def member(text, content=b"", version=b"\x01\x00"):
    """The bytes of an .npy file with this header."""
    text = text.encode().ljust(117) + b"\n"
    return np.lib.format.MAGIC_PREFIX + version + len(text).to_bytes(2, "little") + text + content


def archive(path, members, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as out:
        for name, content in members:
            out.writestr(name, content)
    return path


def test_what_numpy_writes_is_read(tmp_path):
    arrays = {"a": np.arange(6).reshape(2, 3), "b": np.array("text"), "c": np.array([], ">f4"),
              "d": np.asfortranarray(np.eye(3)), "e": np.array([True, False])}
    for write in (np.savez, np.savez_compressed):
        write(tmp_path / "a.npz", **arrays)
        back = safe_npz.read(tmp_path / "a.npz")
        assert list(back) == list(arrays)
        for name, x in arrays.items():
            assert np.array_equal(back[name], x) and back[name].dtype == x.dtype
        assert list(safe_npz.read(tmp_path / "a.npz", names={"e", "b", "z"})) == ["b", "e"]


def test_a_bomb_is_refused_before_it_is_inflated(tmp_path, monkeypatch):
    # 64 MB of zeros take 64 kB; the limit is one byte less than zeros and header (128 bytes) need
    size = 2 ** 26
    np.savez_compressed(tmp_path / "bomb.npz", x=np.zeros(size, np.uint8), y=np.zeros(2))
    tracemalloc.start()
    said = f"takes {size + 128:,} bytes, more than the limit of {size + 127:,};"
    with pytest.raises(ValueError, match=f"bomb.npz: {said}.*NPIXEL_DATA_LIMIT"):
        safe_npz.read(tmp_path / "bomb.npz", names={"x"}, limit=size + 127)
    assert list(safe_npz.read(tmp_path / "bomb.npz", names={"y"}, limit=200)) == ["y"]
    assert tracemalloc.get_traced_memory()[1] < 2 ** 21
    tracemalloc.stop()
    assert safe_npz.read(tmp_path / "bomb.npz", names={"x"}, limit=size + 128)["x"].size == size
    monkeypatch.setenv(limits.VARIABLE, "1000")
    with pytest.raises(ValueError, match="the limit of 1,000;"):
        safe_npz.read(tmp_path / "bomb.npz")
    monkeypatch.setenv(limits.VARIABLE, "1e9")
    with pytest.raises(ValueError, match="^NPIXEL_DATA_LIMIT must be a number of bytes, is '1e9'"):
        safe_npz.read(tmp_path / "bomb.npz")
    monkeypatch.setenv(limits.VARIABLE, "100000000")
    assert len(safe_npz.read(tmp_path / "bomb.npz")) == 2


def test_one_limit_holds_for_every_packed_file(tmp_path, monkeypatch):
    """100 kB of zeros as .npz and as .gz; a limit that is no number blames no file."""
    zeros = np.zeros(10**5, np.uint8)
    np.savez_compressed(tmp_path / "x.npz", x=zeros)
    (tmp_path / "x.gz").write_bytes(gzip.compress(zeros.tobytes()))
    reads = (lambda: safe_npz.read(tmp_path / "x.npz"), lambda: files.read(tmp_path / "x.gz"))
    for given, said in [("99999", "x.(npz|gz): .* more .*than the limit of 99,999;"),
                        ("much", f"^{limits.VARIABLE} must be a number of bytes, is 'much'$")]:
        monkeypatch.setenv(limits.VARIABLE, given)
        for read in reads:
            with pytest.raises(limits.LimitError, match=said):
                read()
    # without it: a gibibyte, or ten times the size of a file that is larger
    monkeypatch.delenv(limits.VARIABLE)
    with open(tmp_path / "large", "wb") as file:
        file.truncate(2**27)                           # no blocks on the disk
    assert limits.most() == limits.most(tmp_path / "x.npz") == 2**30
    assert limits.most(tmp_path / "large") == 10 * 2**27
    for read in reads:
        read()


def test_without_an_option_a_gibibyte_is_the_limit(tmp_path, monkeypatch):
    # the list of contents claims 4 GB; nothing of it is there
    monkeypatch.delenv(limits.VARIABLE, raising=False)
    members = [("x.npy", member(header((4 * 10 ** 9,))))]
    path = archive(tmp_path / "claim.npz", members, zipfile.ZIP_STORED)
    content = bytearray(path.read_bytes())
    at = content.rindex(b"PK\x01\x02")
    content[at + 24:at + 28] = (4 * 10 ** 9 + 128).to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(ValueError, match="4,000,000,128 bytes, more than .* 1,073,741,824"):
        safe_npz.read(path)


@pytest.mark.parametrize("members, message", [
    ([("x.npy", member(header((10 ** 12,))))], 
     r"'x' should hold 1,000,000,000,000 bytes as uint8 of shape \(1000000000000,\), and holds 0"),
    ([("x.npy", member(header((2,)), b"123"))], "'x' should hold 2 bytes .* and holds 3"),
    ([("x.npy", member(header((-1,)), b""))], r"'x' has shape \(-1,\)"),
    ([("x.npy", member(header((True,)), b"1"))], r"'x' has shape \(True,\)"),
    ([("x.npy", member(header((1,), "|O"), b"1"))], "'x' holds neither .*, its dtype is object"),
    ([("x.npy", member(header((1,), [("a", "|u1")]), b"1"))], "'x' holds neither numbers nor text"),
    ([("x.npy", member(header((1,)), b"1", b"\x09\x00"))], "."),
    ([("x.npy", member("(" * 100))], "."),
    ([("x.npy", member("import os"))], "."),
    ([("x.npy", b"")], "."),
    ([("x.npy", b"hello")], "."),
    ([("x.txt", b"hello")], "'x.txt' is no array"),
    ([("x.npy", member(header((1,)), b"1"))] * 2, "two arrays are called 'x'")])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_what_is_wrong_is_said_in_one_line_that_names_the_file(tmp_path, members, message):
    path = archive(tmp_path / "wrong.npz", members)
    with pytest.raises(ValueError, match=message) as error:
        safe_npz.read(path)
    assert str(error.value).startswith(f"{path}: damaged .npz file (")
    assert "\n" not in str(error.value)


def test_what_is_no_npz_file_is_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(3))
    for content, message in [(b"", "it starts with b''"), (b"hello", "it starts with b'hello'"),
                             ((tmp_path / "a.npy").read_bytes(), "it is one array without a name")]:
        (tmp_path / "a.npz").write_bytes(content)
        with pytest.raises(ValueError, match=f"a.npz: not an .npz file .{message}"):
            safe_npz.read(tmp_path / "a.npz")
    with pytest.raises(FileNotFoundError, match="nowhere.npz not found"):
        safe_npz.read(tmp_path / "nowhere.npz")
    with pytest.raises(ValueError, match="is not a file"):
        safe_npz.read(tmp_path)


def test_damage_never_ends_in_anything_but_the_arrays_or_one_line(tmp_path):
    rng = np.random.default_rng(0)
    arrays = {"a": np.arange(20.0), "names": np.array(["x", "yy"])}
    for write in (np.savez, np.savez_compressed):
        buffer = io.BytesIO()
        write(buffer, **arrays)
        whole = buffer.getvalue()
        for _ in range(300):
            content = bytearray(whole)
            for at in rng.integers(len(content), size=rng.integers(1, 4)):
                content[at] ^= 1 << int(rng.integers(8))
            if rng.random() < 0.3:
                del content[rng.integers(len(content)):]
            (tmp_path / "m.npz").write_bytes(content)
            try:
                back = safe_npz.read(tmp_path / "m.npz")
            except ValueError as error:
                assert "m.npz" in str(error) and "\n" not in str(error)
            else:                                      # an entry may have lost its name, no more
                for name in back.keys() & arrays.keys():
                    assert np.array_equal(back[name], arrays[name])


def test_the_digest_knows_names_dtypes_shapes_and_numbers():
    base = {"a": np.arange(4), "b": np.array("t")}
    arrays = [np.arange(4.0), np.arange(4).reshape(2, 2), np.array([0, 1, 2, 4])]
    others = [{"a": base["a"]}, {"c": base["a"], "b": base["b"]}, base | {"b": np.array("u")},
              *(base | {"a": array} for array in arrays)]
    assert len({safe_npz.digest(x) for x in (base, *others)}) == 7
    assert safe_npz.digest(base) == safe_npz.digest(dict(reversed(base.items())))
    assert safe_npz.digest(base) == safe_npz.digest(base | {"a": np.arange(4).astype(">i8")})
    assert len(safe_npz.digest({})) == 64
