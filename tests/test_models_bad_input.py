"""Bad input to every public entry point: one error of one line.

The line names the argument and carries the numbers.

The table is long so that it can be read: what is called, and the words its error must have.
"""

import re

import numpy as np
import pytest

import npixel
from models import NAMES, images, same_bits, small
from npixel import checkpoint

SHAPE, LEVELS = (3, 4, 3), 4


def build(*, name="pixelcnn", image_shape=SHAPE, **arguments):
    return lambda model, x: npixel.build(name, image_shape=image_shape, **arguments)


def without_shape(model, x):
    npixel.build("pixelcnn", image_shape=None)


BAD_BUILDS = {
    "an unknown name": (build(name="pixelrnn"), "no model 'pixelrnn'",
                        "fvbn, raster_lstm, spatial_lstm, pixelcnn"),
    "a name that is a list": (build(name=["pixelcnn"]), "no model ['pixelcnn']"),
    "an unknown field": (build(hiden=8), "no field 'hiden'", "hidden, layers"),
    "a field of fvbn": (build(name="fvbn", hidden=8), "fvbn has no field 'hidden'", "none"),
    "no shape": (without_shape, "image_shape", "(H, W, C)", "None"),
    "two sizes": (build(image_shape=(28, 28)), "image_shape", "(28, 28)"),
    "no rows": (build(image_shape=(0, 4, 1)), "image_shape", "(0, 4, 1)"),
    "a negative size": (build(image_shape=(4, -4, 1)), "image_shape", "(4, -4, 1)"),
    "half a pixel": (build(image_shape=(4, 4.5, 1)), "image_shape", "4.5"),
    "one level": (build(levels=1), "levels", "at least 2", "is 1"),
    "levels as a float": (build(levels=4.0), "levels", "4.0"),
    "levels as a bool": (build(levels=True), "levels", "True"),
    "half precision": (build(dtype="float16"), "dtype", "float32 or float64", "float16"),
    "integers": (build(dtype=int), "dtype", "int64"),
    "no dtype": (build(dtype=None), "dtype", "None"),
    "a dtype of our own": (build(dtype="double32"), "dtype", "double32"),
    "a negative seed": (build(seed=-1), "seed", "-1"),
    "a seed in letters": (build(seed="one"), "seed", "'one'"),
    "fewer features than colours": (build(hidden=2), "hidden", "2 < 3"),
    "a head narrower than the colours": (build(head=2), "head", "2 < 3"),
    "no features": (build(image_shape=(4, 4, 1), hidden=0), "hidden", "at least 1", "is 0"),
    "features as a float": (build(hidden=8.0), "hidden", "8.0"),
    "features in letters": (build(hidden="8"), "hidden", "'8'"),
    "features as a bool": (build(hidden=True), "hidden", "True"),
    "layers less than none": (build(layers=-1), "layers", "at least 0", "-1"),
    "no layer to read the image": (build(name="spatial_lstm", layers=0),
                                   "layers must be at least 1", "is 0"),
    "no layers, as a float": (build(layers=0.0), "layers", "0.0"),
    "no layers, as a bool": (build(layers=False), "layers", "False"),
    "an even first kernel": (build(first_kernel=4), "first_kernel must be odd", "4"),
    "an even kernel": (build(kernel=2), "kernel must be odd", "2"),
    "an fvbn for colour images": (build(name="fvbn", image_shape=(32, 32, 3), levels=256),
                                  "309,137,768,448", "268,435,456"),
    "an fvbn a little too large": (build(name="fvbn", image_shape=(186, 125, 1)),
                                   f"{23250 * 23249 // 2 + 23250:,}", "268,435,456"),
}


def images_like(change):
    """Every entry point that takes images, given changed ones."""
    return {entry: lambda model, x, call=call: call(model, change(x)) for entry, call in {
        "log_prob": lambda model, x: model.log_prob(x),
        "log_prob per sub-pixel": lambda model, x: model.log_prob(x, per="subpixel"),
        "log_conditionals": lambda model, x: model.log_conditionals(x),
        "loss_and_grads": lambda model, x: model.loss_and_grads(x),
        "complete": lambda model, x: model.complete(x, True),
        "init_from_data": lambda model, x: model.init_from_data(x)}.items()}


BAD_IMAGES = {
    "of rank 3": (images_like(lambda x: x[0]), "images", "(3, 4, 3)", "have shape"),
    "of rank 5": (images_like(lambda x: x[None]), "images", "(1, 2, 3, 4, 3)"),
    "of another height": (images_like(lambda x: x[:, :2]), "images", "(2, 2, 4, 3)"),
    "transposed": (images_like(lambda x: x.transpose(0, 2, 1, 3)), "images", "(2, 4, 3, 3)"),
    "without colour": (images_like(lambda x: x[..., :1]), "images", "(2, 3, 4, 1)"),
    "none at all": (images_like(lambda x: None), "images", "()"),
    "an empty batch": (images_like(lambda x: x[:0]), "images", "empty"),
    "floats": (images_like(lambda x: x.astype(float)), "images", "integers or bools", "float64"),
    "floats that are nan": (images_like(lambda x: x * np.nan), "images", "float64"),
    "objects": (images_like(lambda x: x.astype(object)), "images", "object"),
    "letters": (images_like(lambda x: x.astype(str)), "images", "integers or bools"),
    "one level too high": (images_like(lambda x: x + (x == 3)), "images", "[0, 4)", "0 to 4"),
    "a negative level": (images_like(lambda x: x - 1), "images", "[0, 4)", "-1 to 2"),
    "levels beyond int64": (images_like(lambda x: x.astype(np.uint64) + np.uint64(2**63)), "images",
                            f"{2**63}"),
    "lists of unequal lengths": (images_like(lambda x: [[1, 2], [3]]), "images", "unequal lengths"),
}


def nan(model):
    last = list(model.params.values())[-1]
    last[0].reshape(-1)[3:5] = np.nan, np.inf
    return model


def uniforms(change):
    right = np.full((2, *SHAPE), 0.5)
    return lambda model, x: model.sample(2, uniforms=change(right))


BAD_ARGUMENTS = {
    "log_prob: per": (lambda model, x: model.log_prob(x, per="pixel"), "per",
                      '"image" or "subpixel"', "'pixel'"),
    "log_prob: condition": (lambda model, x: model.log_prob(x, condition=np.zeros(2, int)),
                            "condition", "None"),
    "log_conditionals: condition": (
        lambda model, x: model.log_conditionals(x, condition=np.zeros(2, int)),
        "condition", "None"),
    "loss_and_grads: condition": (
        lambda model, x: model.loss_and_grads(x, condition=np.zeros(2, int)),
        "condition", "None"),
    "sample: condition": (lambda model, x: model.sample(2, condition=np.zeros(2, int)), "condition",
                          "None"),
    "complete: condition": (lambda model, x: model.complete(x, True, condition=np.zeros(2, int)),
                            "condition", "None"),
    "log_prob: nan weights": (lambda model, x: nan(model).log_prob(x), "params[", "2 of",
                              "not finite"),
    "log_conditionals: nan weights": (lambda model, x: nan(model).log_conditionals(x), "params[",
                                      "2 of", "not finite"),
    "loss_and_grads: nan weights": (lambda model, x: nan(model).loss_and_grads(x), "params[",
                                    "2 of", "not finite"),
    "sample: nan weights": (lambda model, x: nan(model).sample(1), "params[", "2 of", "not finite"),
    "naive sample: nan weights": (lambda model, x: nan(model).sample(1, naive=True), "params[",
                                  "2 of", "not finite"),
    "complete: nan weights": (lambda model, x: nan(model).complete(x, True), "params[", "2 of",
                              "not finite"),
    "save: nan weights": (lambda model, x: nan(model).save("never_written.npz"), "params[", "2 of",
                          "not finite"),
    "sample: none": (lambda model, x: model.sample(0), "n must be", "0"),
    "sample: fewer than none": (lambda model, x: model.sample(-3), "n must be", "-3"),
    "sample: a float": (lambda model, x: model.sample(2.0), "n must be", "2.0"),
    "sample: a bool": (lambda model, x: model.sample(True), "n must be", "True"),
    "sample: a seed for a generator": (lambda model, x: model.sample(2, 5), "rng", "Generator",
                                       "5"),
    "sample: the old generator": (lambda model, x: model.sample(2, np.random.RandomState(0)), "rng",
                                  "Generator"),
    "complete: a seed for a generator": (lambda model, x: model.complete(x, True, 5), "rng",
                                         "Generator", "5"),
    "sample: uniforms for another n": (uniforms(lambda u: u[:1]), "uniforms", "(2, 3, 4, 3)",
                                       "(1, 3, 4, 3)"),
    "sample: uniforms without colour": (uniforms(lambda u: u[..., 0]), "uniforms", "(2, 3, 4)"),
    "sample: uniforms in float32": (uniforms(lambda u: u.astype(np.float32)), "uniforms", "float64",
                                    "float32"),
    "sample: a uniform of 1": (uniforms(lambda u: u + 0.5), "uniforms", "[0, 1)", "1.0"),
    "sample: a negative uniform": (uniforms(lambda u: u - 0.75), "uniforms", "[0, 1)", "-0.25"),
    "sample: uniforms that are nan": (uniforms(lambda u: u * np.nan), "uniforms", "[0, 1)", "nan"),
    "complete: uniforms of 1": (lambda model, x: model.complete(x, True, uniforms=np.ones(x.shape)),
                                "uniforms", "[0, 1)", "1.0"),
    "complete: known as levels": (lambda model, x: model.complete(x, x), "known", "bool", "int64"),
    "complete: known as nothing": (lambda model, x: model.complete(x, None), "known", "bool"),
    "complete: known for other images": (
        lambda model, x: model.complete(x, np.ones((3, 4, 2), bool)),
        "known", "(3, 4, 2)", "(2, 3, 4, 3)"),
    "complete: known for more images": (
        lambda model, x: model.complete(x[:1], np.ones((5, 3, 4, 3), bool)),
        "known", "(5, 3, 4, 3)"),
    "complete: wrong images and a right mask": (lambda model, x: model.complete(x[0], x == x),
                                                "images", "(3, 4, 3)", "have shape"),
    "complete: a known level too high": (lambda model, x: model.complete(x * 0 + 4, x == x),
                                         "images", "[0, 4)", "4"),
    "visible_past: below the image": (lambda model, x: model.visible_past((3, 0, 0)), "at must be",
                                      "(3, 4, 3)", "(3, 0, 0)"),
    "visible_past: a negative index": (lambda model, x: model.visible_past((0, -1, 0)),
                                       "at must be", "(0, -1, 0)"),
    "visible_past: two indices": (lambda model, x: model.visible_past((0, 1)), "at must be",
                                  "(0, 1)"),
    "visible_past: one number": (lambda model, x: model.visible_past(5), "at must be", "5"),
    "visible_past: half a pixel": (lambda model, x: model.visible_past((0.5, 0, 0)), "at must be",
                                   "0.5"),
    "visible_past: letters": (lambda model, x: model.visible_past("abc"), "at must be", "a"),
    "bits_per_dim: no sub-pixels": (lambda model, x: npixel.bits_per_dim(1.0, (0, 1, 1)),
                                    "image_shape", "(0, 1, 1)"),
    "bits_per_dim: one number": (lambda model, x: npixel.bits_per_dim(1.0, 784), "image_shape",
                                 "784"),
}


def complaint(call, *arguments, error=ValueError):
    """The one line that `call` raises."""
    with pytest.raises(error) as caught:
        call(*arguments)
    # a ValueError itself, not, say, a UnicodeError
    assert type(caught.value) is error
    text = str(caught.value)
    assert text and "\n" not in text and len(text) < 300
    return text


def says(text, *words):
    """True if every word stands in the text; numbers as whole numbers, so that 4 is not found in
    43."""
    return all(re.search(rf"(?<![\w.]){re.escape(word)}(?![\w])" if re.fullmatch(r"-?[\d.]+", word)
                         else re.escape(word), text) for word in words)


@pytest.mark.parametrize("what", BAD_BUILDS)
def test_a_model_that_makes_no_sense_is_not_built(what):
    call, *words = BAD_BUILDS[what]
    text = complaint(call, None, None)
    assert says(text, *words), text


@pytest.mark.parametrize("what", BAD_IMAGES)
@pytest.mark.parametrize("name", NAMES)
def test_bad_images_are_refused_by_every_entry_point(name, what):
    calls, *words = BAD_IMAGES[what]
    for entry, call in calls.items():
        model = small(name, SHAPE, LEVELS)
        x = images(np.random.default_rng(0), 2, model)
        # both ends of the range are there
        x.reshape(-1)[:2] = 0, 3
        text = complaint(call, model, x)
        assert says(text, *words), f"{entry}: {text}"


@pytest.mark.parametrize("what", BAD_ARGUMENTS)
@pytest.mark.parametrize("name", NAMES)
def test_other_bad_arguments_are_refused(name, what, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    call, *words = BAD_ARGUMENTS[what]
    model = small(name, SHAPE, LEVELS)
    text = complaint(call, model, images(np.random.default_rng(0), 2, model))
    assert says(text, *words), text
    assert not list(tmp_path.iterdir())


def test_the_table_itself_would_notice():
    """A check of the checks: no error, two lines, missing words, a number that is part of
    another."""
    with pytest.raises(pytest.fail.Exception):
        complaint(lambda: None)

    def two_lines():
        raise ValueError("n must be\npositive")

    def of_another_kind():
        b"\xff".decode("ascii")

    for call in (two_lines, of_another_kind):
        with pytest.raises(AssertionError):
            complaint(call)
    assert says("images must hold levels in [0, 4), found 0 to 43", "images", "[0, 4)")
    assert not says("found 0 to 43", "4")
    assert not says("n must be positive", "n must be", "0")


# files


def saved(name, path, **changes):
    model = small(name, SHAPE, LEVELS, **changes)
    model.save(path)
    return model


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NAMES)
def test_a_saved_model_comes_back_to_the_last_bit(name, dtype, tmp_path):
    model = saved(name, tmp_path / "model.npz", dtype=dtype)
    back = npixel.load(tmp_path / "model.npz")
    assert (back.name, back.config, back.dtype, back.image_shape,
            back.levels) == (model.name, model.config, model.dtype, SHAPE, LEVELS)
    assert list(back.params) == list(model.params)
    for key, weights in model.params.items():
        assert type(back.params[key]) is type(weights)
        for a, b in zip(back.params[key], weights):
            assert same_bits(a, b) and a.flags.writeable
    x = images(np.random.default_rng(0), 3, model)
    assert same_bits(back.log_prob(x), model.log_prob(x))
    assert same_bits(back.sample(3, np.random.default_rng(1)),
                     model.sample(3, np.random.default_rng(1)))


def test_numbers_from_numpy_make_a_model_that_can_be_saved(tmp_path):
    """np.int64 is an integer to Python, and none to JSON."""
    model = npixel.build("pixelcnn", image_shape=np.array([3, 4, 1]), levels=np.int64(4),
                         hidden=np.int32(5), layers=np.uint8(1), seed=np.int64(0))
    model.save(tmp_path / "model.npz")
    assert npixel.load(tmp_path / "model.npz").config == model.config


@pytest.mark.parametrize("after", [0, 1, 3])
def test_an_interrupted_save_leaves_the_old_file_whole(tmp_path, monkeypatch, after):
    path = tmp_path / "model.npz"
    saved("pixelcnn", path, seed=1)
    before = path.read_bytes()
    written, write = [], np.lib.format.write_array

    def full_disk(file, array, **kwargs):
        written.append(array)
        if len(written) > after:
            raise OSError(28, "No space left on device")
        write(file, array, **kwargs)

    monkeypatch.setattr(np.lib.format, "write_array", full_disk)
    with pytest.raises(OSError, match="No space left"):
        saved("pixelcnn", path, seed=2)
    assert len(written) == after + 1 and path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    monkeypatch.undo()
    saved("pixelcnn", path, seed=2)
    assert path.read_bytes() != before and npixel.load(path).name == "pixelcnn"


def test_a_folder_that_is_not_there_is_named(tmp_path):
    text = complaint(small("pixelcnn", SHAPE).save, tmp_path / "nowhere" / "model.npz",
                     error=FileNotFoundError)
    assert "nowhere" in text
    assert "is not a file" in complaint(small("pixelcnn", SHAPE).save, tmp_path)


def test_a_missing_file_is_named(tmp_path):
    assert "model.npz not found" in complaint(npixel.load, tmp_path / "model.npz",
                                              error=FileNotFoundError)
    assert "is not a file" in complaint(npixel.load, tmp_path)


def one_bit_turned(data):
    place = 9 * len(data) // 16                                            # within the weights
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1:]


DAMAGE = {"cut in half": lambda data: data[:len(data) // 2],
          "cut at its end": lambda data: data[:-1],
          "empty": lambda data: b"",
          "text": lambda data: b"not a model\n",
          "one bit of a weight turned": one_bit_turned}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_is_refused_by_name(tmp_path, damage):
    path = tmp_path / "model.npz"
    saved("fvbn", path)
    path.write_bytes(DAMAGE[damage](path.read_bytes()))
    assert "model.npz" in complaint(npixel.load, path)


def test_a_foreign_npz_is_refused_by_name(tmp_path):
    np.savez(tmp_path / "other.npz", w=np.zeros(3))
    assert says(complaint(npixel.load, tmp_path / "other.npz"), "other.npz",
                "not a checkpoint of npixel")


def test_a_file_of_objects_is_never_unpickled(tmp_path):
    np.savez(tmp_path / "objects.npz", meta=np.array({"format": "npixel"}, object))
    assert "objects.npz" in complaint(npixel.load, tmp_path / "objects.npz")


def replaced(field, value):
    return lambda arrays, meta: meta["model"].__setitem__(field, value)


def change_weights(change):
    def edit(arrays, meta):
        name = next(iter(arrays))
        arrays[name] = change(arrays[name])
    return edit


EDITS = {"no model": (lambda arrays, meta: meta.pop("model"), "no model"),
         "a model that is a word": (lambda arrays, meta: meta.__setitem__("model", "pixelcnn"),
                                    "no model"),
         "half a description": (lambda arrays, meta: meta["model"].pop("levels"), "no model"),
         "another name": (replaced("name", "pixelrnn"), "pixelrnn"),
         "a list for a name": (replaced("name", ["pixelcnn"]), "pixelcnn"),
         "another dtype": (replaced("dtype", "float16"), "float16"),
         "a number for a dtype": (replaced("dtype", 3), "dtype", "3"),
         "an unknown field": (replaced("config", {"depth": 3}), "depth"),
         "a list for the configuration": (replaced("config", [1, 2]), "config", "[1, 2]"),
         "another width": (lambda arrays, meta: meta["model"]["config"].__setitem__("hidden", 8),
                           "shape"),
         "a layer too many": (lambda arrays, meta: meta["model"]["config"].__setitem__("layers", 3),
                              "missing"),
         "a layer too few": (lambda arrays, meta: meta["model"]["config"].__setitem__("layers", 1),
                             "unexpected"),
         "the weights of another precision": (change_weights(lambda w: w.astype(np.float32)),
                                              "float32", "float64"),
         "weights that are nan": (change_weights(lambda w: w * np.nan), "nan")}


@pytest.mark.parametrize("edit", EDITS)
def test_a_file_whose_description_and_weights_disagree_is_refused_by_name(tmp_path, edit):
    path = tmp_path / "model.npz"
    saved("pixelcnn", path)
    arrays, meta = checkpoint.read(path)
    change, *words = EDITS[edit]
    change(arrays, meta)
    checkpoint.write(path, arrays, meta)
    text = complaint(npixel.load, path)
    assert says(text, "model.npz", *words), text
