"""Levels of a file, levels of a model, and what becomes of the ones on the way to the others."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npixel.data import levels, load
from npixel.data.dataset import SPLITS, from_images


@pytest.fixture
def write(tmp_path):
    """write(images, **other arrays) -> the path of an .npz file."""
    def write(images, **arrays):
        np.savez(tmp_path / "x.npz", images=images, **arrays)
        return tmp_path / "x.npz"
    return write


def codes(L, N=40, seed=0):
    """N images of 5 x 4 in which each of L levels occurs."""
    images = np.random.default_rng(seed).integers(0, L, (N, 5, 4), np.uint8)
    images[0].flat[:2] = 0, L - 1
    return images


def pixels(data):
    return sorted(np.concatenate([data.split(split)[0].ravel() for split in SPLITS]))


@pytest.mark.parametrize("L", [2, 3, 16, 17, 100, 128])
def test_asking_for_the_levels_that_a_file_holds_changes_nothing(write, L):
    images = codes(L)                                  # floor(v L / 256) would be 0 for v L < 256
    data = load(write(images), levels=L)
    assert data.levels == L and pixels(data) == sorted(images.ravel())


def test_a_conversion_goes_from_the_levels_of_the_file_to_those_of_the_model(write):
    images = codes(32)
    for arrays, options in (({"levels": 32}, {}), ({}, {"levels_are": 32})):
        path = write(images, **arrays)
        data = load(path, levels=16, **options)
        assert data.levels == 16 and pixels(data) == sorted(images.ravel() // 2)     # v 16 / 32
        assert pixels(load(path, binarize="threshold", **options)) == sorted(images.ravel() // 16)


def test_a_file_of_bytes_is_requantised_from_256(write):
    images = codes(256)
    assert pixels(load(write(images), levels=16)) == sorted(images.ravel() // 16)
    images = codes(129)                                # 0 to 128: more than half a byte's levels
    assert pixels(load(write(images), levels=16)) == sorted(images.ravel() // 16)


def test_where_it_matters_what_a_file_holds_the_user_is_asked(write):
    path = write(codes(13))                            # of 13, 16 or 256 levels?
    for options, remedy in (({"levels": 16}, "--levels-are 16"), ({"levels": 4}, "--levels-are 13"),
                            ({"binarize": "threshold"}, "--levels-are 13"),
                            ({"binarize": "stochastic"}, "--levels-are 256")):
        with pytest.raises(ValueError, match="0 to 12 and does not say of how many") as error:
            load(path, **options)
        assert remedy in str(error.value) and "x.npz" in str(error.value)
    assert load(path).levels == 256                    # nothing is converted, and nothing lost
    assert load(path, levels_are=np.int64(16), levels=16).levels == 16
    assert pixels(load(path, levels_are=13, levels=4)) == sorted(codes(13).ravel() * 4 // 13)


def test_black_and_white_is_two_levels(write):
    bits = codes(2)
    for images in (bits, bits.astype(bool), 255 * bits):
        for options in ({}, {"levels": 2}, {"levels_are": 2}, {"binarize": "threshold"}):
            data = load(write(images), **options)
            assert data.levels == 2 and pixels(data) == sorted(bits.ravel())
    assert "0 and 255 taken as 2 levels" in load(write(255 * bits)).source
    assert load(write(255 * bits), levels_are=256).levels == 256
    assert load(write(255 * bits, levels=256)).levels == 256
    grey = 255 * bits
    grey[1, 1, 1] = 254
    assert load(write(grey)).levels == 256


def test_a_split_that_a_conversion_makes_constant_is_refused(write):
    with pytest.raises(ValueError, match="0 to 15 of the train split all become 0"):
        load(write(codes(16)), levels_are=256, levels=16)          # floor(15 * 16 / 256) = 0
    train = codes(256)
    with pytest.raises(ValueError, match="100 to 110 of the valid split all become 6"):
        load(write(train, train=train, valid=train[:5] % 11 + 100, test=train), levels=16)
    black = np.zeros((20, 4, 4), np.uint8)             # is constant already
    assert load(write(black, levels=256), levels=4).test.max() == 0


@pytest.mark.parametrize("arrays, options, words", [
    ({"levels": 16}, {"levels_are": 17}, "holds 16 levels, --levels-are says 17"),
    ({}, {"levels_are": 15}, r"has level 15, levels must be in \[0, 15\)"),
    ({}, {"levels_are": 1}, "must be 2 to 256, are said to be 1"),
    ({}, {"levels_are": 257}, "must be 2 to 256, are said to be 257"),
])
def test_wrong_levels_of_a_file_are_refused(write, arrays, options, words):
    with pytest.raises(ValueError, match=words):
        load(write(codes(16), **arrays), **options)


def test_data_that_state_their_levels_cannot_be_said_to_hold_others():
    assert load("digits", levels_are=17).levels == 17
    for name in ("digits", "noisy_rule:4x4,train=9,valid=2,test=2"):
        with pytest.raises(ValueError, match="--levels-are says 16"):
            load(name, levels_are=16)


@given(st.integers(2, 256), st.integers(2, 256), st.integers(0, 2**32 - 1))
def test_no_conversion_loses_an_image_without_a_word(held, wanted, seed):
    """Whatever a file holds and a model wants: the scaled levels, the same levels, or an error."""
    images = {"images": codes(held, seed=seed)[..., None]}
    found, L, known, _ = levels.of_file("x", images)
    assert L in (2, 256) and (known or held <= 128) and len(np.unique(found["images"])) == \
        len(np.unique(images["images"]))
    data = from_images("x", found["images"], levels=L, levels_known=known)
    try:
        converted = levels.with_levels(data, wanted)
    except ValueError as error:
        assert "--levels-are" in str(error) or f"must be 2 to {L}" in str(error)
        return
    for split in SPLITS:
        before, after = data.split(split)[0].astype(int), converted.split(split)[0]
        assert after.max() > after.min() or before.max() == before.min()
        scaled = known and np.array_equal(after, before * wanted // L)
        assert np.array_equal(after, before) or scaled


def test_info_shows_what_becomes_of_the_levels(write, call):
    path = write(codes(16))
    status, out, _ = call("data", "info", path)
    assert status == 0 and "levels 0 to 15" in out
    assert "of the file 256 (as a byte; it does not say" in out
    status, out, _ = call("data", "info", path, "--levels", 16)
    assert status == 0 and "of the model 16: as they are" in out
    assert "0 to 15 taken as 16 levels" in out
    status, out, _ = call("data", "info", path, "--levels", 4, "--levels-are", 16)
    assert status == 0 and "of the file 16, of the model 4: 16 levels requantised to 4" in out
    assert "levels 0 to 15 become 0 to 3" in out
    status, out, err = call("data", "info", path, "--levels", 4)
    assert status == 2 and not out and err.count("\n") == 1 and "--levels-are 16" in err


def test_training_takes_codes_as_they_are_and_not_as_blank_images(write, call, tmp_path):
    path = write(codes(16, N=60))
    words = ("train", "fvbn", "--data", path, "--levels", 16, "--steps", 1, "--quiet", "--json")
    status, out, _ = call(*words, "--out", tmp_path / "run.npz")
    assert status == 0
    assert json.loads(out)["test"]["nats"] > 1         # blank images would cost next to nothing
