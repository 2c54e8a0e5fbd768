"""Images are read as what they are: axes, orientation, pages, palettes, classes, sizes."""

import struct

import numpy as np
import pytest

from npixel.data import load, size
from npixel.data.dataset import SPLITS

Image = pytest.importorskip("PIL.Image", reason="Pillow is not installed: image files are skipped")
ORIENTATION = 0x0112                                   # the EXIF tag


def images(N, H=5, W=7, C=1, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (N, H, W, C), np.uint8)


def picture(x):
    """(H, W, C) -> a Pillow image, grey or RGB."""
    return Image.fromarray(x if x.shape[2] == 3 else x[..., 0])


def save_all(folder, x, suffix=".png", **options):
    folder.mkdir(parents=True, exist_ok=True)
    for i, one in enumerate(x):
        picture(one).save(folder / f"{i:03}{suffix}", **options)


def everything(data):
    """All images, in an order of their own."""
    return sorted(image.tobytes() for split in SPLITS for image in data.split(split)[0])


def as_bytes(x):
    return sorted(image.tobytes() for image in x)


# axes

@pytest.mark.parametrize("layout, shape", [("NCHW", (20, 3, 5, 7)), ("HWCN", (5, 7, 3, 20)),
                                           ("NWHC", (20, 7, 5, 3))])
def test_arrays_with_other_axes_are_read_where_they_are_named(tmp_path, layout, shape):
    x = images(20, C=3)
    array = x.transpose([("NHWC").index(axis) for axis in layout])
    assert array.shape == shape
    np.savez(tmp_path / "x.npz", images=array)
    data = load(tmp_path / "x.npz", layout=layout)
    assert data.image_shape == (5, 7, 3) and everything(data) == as_bytes(x)
    assert f"axes {layout}" in data.source


@pytest.mark.parametrize("C", [1, 3, 4])
def test_images_with_colours_first_are_not_taken_for_flat_ones(tmp_path, call, C):
    np.savez(tmp_path / "x.npz", images=images(20, 32, 28, C).transpose(0, 3, 1, 2))
    words = rf"\(20, {C}, 32, 28\), which looks like NCHW: say --layout NCHW"
    with pytest.raises(ValueError, match=words):
        load(tmp_path / "x.npz")
    status, out, err = call("data", "info", tmp_path / "x.npz")
    assert status == 2 and not out and err.count("\n") == 1 and "--layout NCHW" in err
    assert call("data", "info", tmp_path / "x.npz", "--layout", "NCHW")[0] == 0
    assert load(tmp_path / "x.npz", layout="NHWC").image_shape == (C, 32, 28)


@pytest.mark.parametrize("shape, taken", [
    ((20, 5, 7, 1), True), ((20, 1, 7, 3), True), ((20, 3, 3, 3), True), ((20, 5, 7, 2), True),
    ((20, 5, 3, 2), True), ((20, 5, 6, 7), True), ((20, 3, 7, 7), False), ((5, 7, 1, 20), False)])
def test_only_what_looks_like_another_order_is_asked_about(tmp_path, shape, taken):
    np.savez(tmp_path / "x.npz", images=np.random.default_rng(0).integers(0, 256, shape, np.uint8))
    if taken:
        assert load(tmp_path / "x.npz").image_shape == shape[1:]
    else:
        with pytest.raises(ValueError, match="say --layout"):
            load(tmp_path / "x.npz")


def test_the_axes_of_grey_images_and_wrong_ones(tmp_path):
    x = images(20)
    np.savez(tmp_path / "x.npz", images=x[..., 0].transpose(1, 2, 0))
    assert everything(load(tmp_path / "x.npz", layout="HWN")) == as_bytes(x)
    for layout in ("NCHW", "HW", "NHW?", "NNH"):
        with pytest.raises(ValueError, match="must be NHW in some order"):
            load(tmp_path / "x.npz", layout=layout)
    save_all(tmp_path / "folder", x)
    for name in ("digits", "noisy_rule:4x4", tmp_path / "folder"):
        with pytest.raises(ValueError, match="--layout is for the arrays of an .npz file"):
            load(name, layout="NCHW")


# orientation

@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp"])
def test_a_picture_is_turned_as_its_camera_was(tmp_path, suffix):
    exif = Image.Exif()
    exif[ORIENTATION] = 6                              # the top of the scene is the right-hand side
    stored = np.zeros((8, 12, 3), np.uint8)            # as a viewer shows it: 12 high, 8 wide
    stored[:, :6] = 255                                # the left half, which is shown above
    lossless = {".webp": {"lossless": True}}.get(suffix, {})
    save_all(tmp_path, [stored] * 10, suffix, exif=exif, **lossless)
    shown = load(tmp_path, levels_are=256).train[0]
    assert shown.shape == (12, 8, 3)
    assert shown[:5].min() > 200 and shown[7:].max() < 50


@pytest.mark.parametrize("orientation, turn", [
    (1, lambda x: x), (2, lambda x: x[:, ::-1]),
    (3, lambda x: x[::-1, ::-1]), (4, lambda x: x[::-1]),
    (5, lambda x: x.swapaxes(0, 1)), (6, lambda x: np.rot90(x, -1)), (8, lambda x: np.rot90(x)),
    (7, lambda x: x[::-1, ::-1].swapaxes(0, 1))])
def test_all_eight_orientations_are_those_of_the_standard(tmp_path, orientation, turn):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    x = images(10, C=3)
    save_all(tmp_path, x, exif=exif)
    assert everything(load(tmp_path)) == as_bytes([turn(one) for one in x])


# pages and frames

def test_every_page_of_a_tiff_is_an_image(tmp_path):
    x = images(30)
    first, *others = map(picture, x)
    first.save(tmp_path / "stack.tif", save_all=True, append_images=others)
    data = load(tmp_path)
    assert everything(data) == as_bytes(x) and "30 pages or frames in 1 files" in data.source


@pytest.mark.parametrize("C", [1, 3])
def test_every_frame_of_an_animation_is_an_image(tmp_path, C):
    x = images(12 * 3, C=1).repeat(C, axis=3)
    if C == 3:
        x[..., 2] = 255 - x[..., 2]                    # 256 colours fit into one palette
    for i in range(0, 36, 3):
        first, *others = (picture(one).quantize() if C == 3 else picture(one) for one in x[i:i + 3])
        first.save(tmp_path / f"{i:02}.gif", save_all=True, append_images=others)
    data = load(tmp_path)
    assert data.image_shape == (5, 7, C) and everything(data) == as_bytes(x)
    assert "36 pages or frames in 12 files" in data.source


def test_the_second_picture_of_a_photograph_is_its_preview(tmp_path):
    x = images(20, 8, 8, 3)
    for i in range(10):
        first, second = picture(x[2 * i]), picture(x[2 * i + 1][:4, :4])
        first.save(tmp_path / f"{i}.jpg", format="MPO", save_all=True, append_images=[second])
    assert len(everything(load(tmp_path))) == 10


# palettes, black and white

@pytest.mark.parametrize("suffix", [".png", ".gif"])
def test_a_grey_palette_is_grey(tmp_path, suffix):
    x = images(12)
    for i, one in enumerate(x):
        paletted = picture(one).convert("P")
        paletted.save(tmp_path / f"{i:02}{suffix}")
        assert Image.open(tmp_path / f"{i:02}{suffix}").mode in ("P", "L")
    assert load(tmp_path).image_shape == (5, 7, 1) and everything(load(tmp_path)) == as_bytes(x)
    picture(x[0]).save(tmp_path / "99.png")            # grey beside them is the same
    assert everything(load(tmp_path)) == as_bytes([*x, x[0]])


def test_a_grey_palette_among_colours_is_a_colour(tmp_path):
    x = images(11, C=3)
    save_all(tmp_path, x)
    grey = images(1)[0]
    picture(grey.repeat(3, axis=2)).quantize().save(tmp_path / "99.png")
    assert everything(load(tmp_path)) == as_bytes([*x, grey.repeat(3, axis=2)])
    picture(grey).save(tmp_path / "99.png")            # but a grey file is not
    words = r"99.png: \(H, W, C\) is \(5, 7, 1\), 000.png is \(5, 7, 3\)"
    with pytest.raises(ValueError, match=words):
        load(tmp_path)


@pytest.mark.parametrize("mode", ["1", "L", "P"])
def test_black_and_white_pictures_have_two_levels(tmp_path, mode):
    bits = images(12) & 1
    for i, one in enumerate(bits):
        picture(255 * one).convert(mode).save(tmp_path / f"{i:02}.png")
    data = load(tmp_path)
    assert data.levels == 2 and data.image_shape == (5, 7, 1) and everything(data) == as_bytes(bits)


def test_bytes_of_0_and_255_in_idx_files_have_two_levels(tmp_path):
    bits = images(70)[..., 0] & 1
    for name, part in (("train", bits[:60]), ("t10k", bits[60:])):
        raw = bytes((0, 0, 8, 3)) + struct.pack(">3I", *part.shape) + (255 * part).tobytes()
        (tmp_path / f"{name}-images-idx3-ubyte").write_bytes(raw)
    assert load(tmp_path).levels == 2 and everything(load(tmp_path)) == as_bytes(bits)


# folders

def test_folders_of_classes_are_the_labels(tmp_path, call):
    x = images(30)
    for name, part in (("dog", x[:10]), ("cat", x[10:24]), ("ant", x[24:])):
        save_all(tmp_path / name, part)
    data = load(tmp_path)
    assert data.label_names == ("ant", "cat", "dog")
    found = {(image.tobytes(), int(label)) for split in SPLITS
             for image, label in zip(*data.split(split))}
    expected = {(image.tobytes(), 2 if i < 10 else 1 if i < 24 else 0) for i, image in enumerate(x)}
    assert found == expected
    status, out, _ = call("data", "info", tmp_path)
    assert status == 0 and "images of each label: ant " in out


def test_folders_of_classes_below_splits_share_their_labels(tmp_path):
    x = images(12)
    for i, (split, name) in enumerate((split, name) for split in SPLITS for name in ("10", "9")):
        save_all(tmp_path / split / name, x[2 * i:2 * i + 2])
    data = load(tmp_path)
    assert data.label_names == ("9", "10") and data.valid_labels.tolist() == [1, 1, 0, 0]
    assert np.array_equal(data.valid, x[4:8])          # folder 10 comes before folder 9


def test_a_folder_of_which_a_part_would_be_left_out_is_refused(tmp_path):
    save_all(tmp_path / "a", images(10))
    save_all(tmp_path / "b", images(10))
    load(tmp_path)
    for where, words in ((tmp_path, "beside a, a folder of images"),
                         (tmp_path / "b" / "c", "two folders below")):
        save_all(where, images(1))
        with pytest.raises(ValueError, match=words):
            load(tmp_path)
        (where / "000.png").unlink()
    for split in SPLITS:
        save_all(tmp_path / "all" / split, images(2))
    load(tmp_path / "all")
    save_all(tmp_path / "all" / "extra", images(2))
    with pytest.raises(ValueError, match="beside train, valid and test, in extra"):
        load(tmp_path / "all")


def test_a_mac_leaves_no_images(tmp_path):
    x = images(12)
    save_all(tmp_path / "cat", x[:6])
    save_all(tmp_path / "dog", x[6:])
    for below in (".", "cat", "__MACOSX", "__MACOSX/cat", ".git"):
        folder = tmp_path / below
        folder.mkdir(exist_ok=True)
        (folder / "._000.png").write_bytes(b"\x00\x05\x16\x07Mac OS X")
        (folder / ".DS_Store").write_bytes(b"Bud1")
        if "__" in below or "git" in below:
            (folder / "000.png").write_bytes(b"\x00\x05\x16\x07Mac OS X")
    data = load(tmp_path)
    assert everything(data) == as_bytes(x) and data.label_names == ("cat", "dog")


# sizes

def test_mixed_sizes_name_their_remedies_and_these_work(tmp_path, call):
    save_all(tmp_path, images(6, 5, 7))
    save_all(tmp_path / "x", images(6, 9, 6))
    for path in (tmp_path / "x").iterdir():
        path.rename(tmp_path / f"x{path.name}")
    (tmp_path / "x").rmdir()
    words = "all must be equal .--resize HxW or --crop HxW makes them so"
    with pytest.raises(ValueError, match=words):
        load(tmp_path)
    assert load(tmp_path, resize=(4, 4)).image_shape == (4, 4, 1)
    assert load(tmp_path, crop="5x6").image_shape == (5, 6, 1)
    assert load(tmp_path, resize="9x9", crop="8x8").image_shape == (8, 8, 1)
    with pytest.raises(ValueError, match="000.png: is 5x7, less than --crop 6x6; see --resize"):
        load(tmp_path, crop="6x6")
    status, out, _ = call("data", "info", tmp_path, "--resize", "9x9", "--crop", "8x8")
    assert status == 0 and "8x8x1" in out and "resized to 9x9; cropped to 8x8" in out


def test_a_resized_pixel_is_the_mean_of_its_area_and_a_crop_is_the_middle(tmp_path):
    x = images(10, 6, 8, 3)
    save_all(tmp_path / "folder", x)
    np.savez(tmp_path / "x.npz", images=x)
    for path in (tmp_path / "folder", tmp_path / "x.npz"):
        data = load(path, resize=(3, 4))
        small = np.concatenate([data.split(split)[0] for split in SPLITS])
        full = np.concatenate([load(path).split(split)[0] for split in SPLITS])
        expected = full.reshape(10, 3, 2, 4, 2, 3).mean(axis=(2, 4))
        assert np.abs(small - expected).max() <= 1     # rounded twice: across, then down
        middle = np.concatenate([load(path, crop=(3, 4)).split(split)[0] for split in SPLITS])
        assert np.array_equal(middle, full[:, 1:4, 2:6])


def test_any_data_set_can_be_cropped_and_then_its_entropy_is_unknown():
    full, data = load("digits"), load("digits", crop=(6, 4))
    assert np.array_equal(data.test, full.test[:, 1:7, 2:6]) and data.levels == 17
    source = load("noisy_rule:6x6,train=9,valid=2,test=2", crop="4x4")
    assert source.image_shape == (4, 4, 1) and source.entropy is None


@pytest.mark.parametrize("text", ["8", "8x", "x8", "0x8", "-1x8", "axb", "8x8x8", (8,), 8,
                                  (1, 2**21)])
def test_wrong_sizes_are_refused(text):
    for option in ("resize", "crop"):
        with pytest.raises(ValueError, match=f"--{option} must .*, is "):
            load("digits", **{option: text})
    assert size.parse(None, "--crop") is None


# labels

def test_labels_above_255_are_kept(tmp_path, call):
    labels = np.arange(0, 1000, 25)
    np.savez(tmp_path / "x.npz", images=images(40), labels=labels)
    data = load(tmp_path / "x.npz")
    found = np.concatenate([data.split(split)[1] for split in SPLITS])
    assert sorted(found) == labels.tolist() and data.train_labels.dtype == np.int32
    status, out, _ = call("data", "info", tmp_path / "x.npz")
    assert status == 0 and "images of each label" in out
    np.savez(tmp_path / "x.npz", images=images(40), labels=labels * 10**6)
    status, out, _ = call("data", "info", tmp_path / "x.npz")
    assert status == 0 and "32 labels, " in out        # not a list of 10^9 counts
