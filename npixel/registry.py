"""The table of all networks, and the two ways to get one: `build` it anew, `load` it from a file.

    MODELS       name -> file of `models`, of those that give levels a probability
    DENSITIES    name -> file of `models`, of those that give real numbers a density

    model = build("pixelcnn", image_shape=(28, 28, 1), levels=2, seed=0)
    model.save("model.npz")
    model = load("model.npz")

Read first: model.py, density.py, models/fvbn.py, models/raster_lstm.py, models/spatial_lstm.py,
models/pixelcnn.py, models/row_lstm.py, models/diagonal_lstm.py, models/diagonal_bilstm.py,
models/multiscale_pixelrnn.py, models/gated_pixelcnn.py, models/pixelcnn_pp.py, models/ride.py.
Read next: data/__init__.py, training/__init__.py.
"""

import dataclasses

import numpy as np

from . import arguments, checkpoint
from .density import Density
from .model import Model
from .models import (diagonal_bilstm, diagonal_lstm, fvbn, gated_pixelcnn, multiscale_pixelrnn,
                     pixelcnn, pixelcnn_pp, raster_lstm, ride, row_lstm, spatial_lstm)
from .runtime import memory

MODELS = {
    "fvbn": fvbn,
    "raster_lstm": raster_lstm,
    "spatial_lstm": spatial_lstm,
    "pixelcnn": pixelcnn,
    "row_lstm": row_lstm,
    "diagonal_lstm": diagonal_lstm,
    "diagonal_bilstm": diagonal_bilstm,
    "multiscale_pixelrnn": multiscale_pixelrnn,
    "gated_pixelcnn": gated_pixelcnn,
    "pixelcnn_pp": pixelcnn_pp,
}
DENSITIES = {"ride": ride}
LEVELS = {Model: 2, Density: 256}                      # where none are given
MAY_BE_ZERO = ("layers", "head_layers", "classes", "condition_features", "condition_maps")


def build(name, *, image_shape, levels=None, seed=0, dtype="float32", **config):
    """A network with random weights: a Model or a Density.

    name          one of npixel.MODELS or npixel.DENSITIES
    image_shape   (H, W, C)
    levels        L >= 2: a sub-pixel is one of 0, ..., L - 1 (default 2, of a density 256)
    seed          of the weights. They are drawn in float64 and then rounded to `dtype`
    dtype         "float32" or "float64"
    config        fields of the network's Config, such as hidden=64; the rest keep their defaults

    ValueError for an unknown name or field, or a value that makes no sense.

    >>> build("fvbn", image_shape=(2, 2, 1)).num_parameters
    10
    """
    config = configuration(name, image_shape, levels, config)
    dtype = arguments.float_dtype(dtype)
    rng = arguments.generator(seed)
    kind, module = look_up(name)
    memory.check_config(module, config, dtype)
    params = {key: type(weights)(*(np.ascontiguousarray(array, dtype) for array in weights))
              for key, weights in module.init(rng, config).items()}
    return kind(name, config, params)


def load(path):
    """The network that `save`, or a training run, wrote to `path`.

    FileNotFoundError if there is no such file; ValueError if it is damaged or not ours.
    """
    found, meta = checkpoint.contents(path)
    about = meta.get("model")
    if not isinstance(about, dict) or not {"name", "image_shape", "levels", "dtype",
                                           "config"} <= about.keys():
        raise ValueError(f"{path} holds no model")
    try:
        config = configuration(about["name"], about["image_shape"], about["levels"],
                               about["config"])
        dtype = arguments.float_dtype(about["dtype"])
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    kind, module = look_up(about["name"])
    like = _check_headers(found, module.shapes(config), dtype, path)
    arrays, _ = checkpoint.read(path, "params")
    return kind(about["name"], config, checkpoint.unflatten(arrays, like, path=path))


def _check_headers(found, shapes, dtype, path):
    """What a file says of its weights is compared with the shapes that its configuration asks for.

    found     name -> Header, as checkpoint.contents gives it
    shapes    pairs (name, Weights of shapes). The first that does not fit ends it: a configuration
              may ask for anything, and no more is ever listed than the file has
    returns   name -> Weights of arrays of these shapes, which take the memory of one number each
    """
    like, expected = {}, set()
    for name, weights in shapes:
        like[name] = type(weights)(*(np.broadcast_to(dtype.type(0), shape) for shape in weights))
        for leaf, array in checkpoint.flatten(like[name], f"params/{name}").items():
            checkpoint.check_header(found.get(leaf), leaf, array.shape, dtype, f"{path}: ")
            expected.add(leaf)
    for leaf, header in found.items():
        if leaf.startswith("params/") and leaf not in expected:
            raise ValueError(f"{path}: unexpected array {leaf} of shape {header.shape}")
    return like


def look_up(name):
    """The kind of network of this name, Model or Density, and its file of `models`.

    ValueError for a name that is in no table.
    """
    for kind, modules in ((Model, MODELS), (Density, DENSITIES)):
        if isinstance(name, str) and name in modules:
            return kind, modules[name]
    names = ", ".join([*MODELS, *DENSITIES])
    raise ValueError(f"there is no model {name!r}; there are {names}")


def configuration(name, image_shape, levels, fields):
    """A network's Config, after every field has been checked.

    fields   field -> value, those of its own: all but image_shape and levels
    """
    kind, module = look_up(name)
    image_shape = arguments.image_shape(image_shape)
    levels = LEVELS[kind] if levels is None else levels
    if not arguments.is_count(levels) or levels < 2:
        raise ValueError(f"levels must be an integer of at least 2, is {levels!r}")
    if not isinstance(fields, dict):
        raise ValueError(f"config must be a dict of fields, is {fields!r}")
    known = {field.name: field for field in dataclasses.fields(module.Config)
             if field.name not in ("image_shape", "levels")}
    for field, value in fields.items():
        if field not in known:
            raise ValueError(f"{name} has no field {field!r}; it has {', '.join(known) or 'none'}")
        _check_field(name, known[field], value)
    # JSON knows no int64
    fields = {field: value.item() if isinstance(value, np.generic) else value
              for field, value in fields.items()}
    config = module.Config(image_shape, int(levels), **fields)
    for field in ("hidden", "head"):
        maps = getattr(config, field, image_shape[2])
        if maps < image_shape[2]:
            raise ValueError(f"{field} must be at least the number of colours: "
                             f"{maps} < {image_shape[2]}")
    return config


def _check_field(name, field, value):
    """ValueError unless a value is of its field's type.

    A count is a positive integer; those in MAY_BE_ZERO may be 0, too. A kernel is odd.
    """
    kinds = {
        bool: ((bool, np.bool_), "True or False"),
        str: (str, "a string"),
        float: ((int, float, np.integer, np.floating), "a number"),
    }
    if field.type in kinds:
        kind, words = kinds[field.type]
        if not isinstance(value, kind) or field.type is float and isinstance(value, bool):
            raise ValueError(f"{name}: {field.name} must be {words}, is {value!r}")
    elif field.type in (int, "int"):
        least = 0 if field.name in MAY_BE_ZERO else 1
        if not arguments.is_integer(value) or value < least:
            raise ValueError(f"{name}: {field.name} must be an integer of at least {least}, "
                             f"is {value!r}")
        if field.name.endswith("kernel") and value % 2 == 0:
            raise ValueError(f"{name}: {field.name} must be odd, is {value}")
