"""A model in hand: one of the modules in `models`, bound to a configuration and its weights.

    model = npixel.build("pixelcnn", image_shape=(28, 28, 1), levels=2, seed=0)
    model.log_prob(images)                             nats, exact
    model.sample(16, np.random.default_rng(0))

Images are integers in [0, levels), (N, H, W, C). A network sees them encoded: x = v for two levels, else x = 2 v / (levels - 1) - 1.
Nothing is derived from the weights and kept: `model.params` is writable and is the whole state.

Read first: models/pixelcnn.py, sampling.py.
"""

import dataclasses
import math

import numpy as np

from . import checkpoint, parameters, sampling
from .runtime import memory
from .losses.levels import check_outputs
from .models import diagonal_bilstm, diagonal_lstm, fvbn, gated_pixelcnn, multiscale_pixelrnn, pixelcnn, pixelcnn_pp, raster_lstm, row_lstm, spatial_lstm

MODELS = {"fvbn": fvbn, "raster_lstm": raster_lstm, "spatial_lstm": spatial_lstm, "pixelcnn": pixelcnn, "row_lstm": row_lstm,
          "diagonal_lstm": diagonal_lstm, "diagonal_bilstm": diagonal_bilstm, "multiscale_pixelrnn": multiscale_pixelrnn,
          "gated_pixelcnn": gated_pixelcnn, "pixelcnn_pp": pixelcnn_pp}

CHUNK_BYTES = 256 * 2**20                              # what one forward pass without caches may hold


def build(name, *, image_shape, levels=None, seed=0, dtype="float32", **config):
    """A model with random weights: a Model, or for a name in npixel.DENSITIES a density.Density.

    name          one of npixel.MODELS or npixel.DENSITIES
    image_shape   (H, W, C)
    levels        L >= 2: a sub-pixel is one of 0, ..., L - 1 (default 2, of a density 256)
    seed          of the weights; they are drawn in float64, so another dtype has the same weights, rounded
    dtype         "float32" or "float64"
    config        fields of the model's Config, such as hidden=64; the rest keep their defaults

    ValueError for an unknown name or field, or a value that makes no sense.
    """
    config = _config(name, image_shape, levels, config)
    dtype = _dtype(dtype)
    try:
        rng = np.random.default_rng(seed)
    except (TypeError, ValueError):
        raise ValueError(f"seed must be a non-negative integer, is {seed!r}") from None
    kind, modules = _kind(name)
    memory.check_config(modules[name], config, dtype)
    return kind(name, config, _cast(modules[name].init(rng, config), dtype))


def load(path):
    """The model that `Model.save`, or a training run, wrote to `path`.

    FileNotFoundError if there is no such file; ValueError if it is damaged or not ours.
    """
    found, meta = checkpoint.contents(path)
    about = meta.get("model")
    if not isinstance(about, dict) or not {"name", "image_shape", "levels", "dtype", "config"} <= about.keys():
        raise ValueError(f"{path} holds no model")
    try:
        config, dtype = _config(about["name"], about["image_shape"], about["levels"], about["config"]), _dtype(about["dtype"])
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    kind, modules = _kind(about["name"])
    like, expected = {}, set()
    # one by one, as the first that does not fit ends it: a config may ask for anything
    for name, shapes in modules[about["name"]].shapes(config):
        zeros = (np.broadcast_to(dtype.type(0), shape) for shape in shapes)            # one number
        like[name] = type(shapes)(*zeros)
        for leaf, array in checkpoint.flatten(like[name], f"params/{name}").items():
            checkpoint.check_header(found.get(leaf), leaf, array.shape, dtype, f"{path}: ")
            expected.add(leaf)
    for leaf, header in found.items():
        if leaf.startswith("params/") and leaf not in expected:
            raise ValueError(f"{path}: unexpected array {leaf} of shape {header.shape}")
    arrays, _ = checkpoint.read(path, "params")
    return kind(about["name"], config, checkpoint.unflatten(arrays, like, path=path))


def bits_per_dim(nats, image_shape):
    """Nats per image as bits per sub-pixel: nats / (log 2 · H W C)."""
    return nats / (math.log(2) * math.prod(_image_shape(image_shape)))


def encode(images, levels, dtype):
    """Levels as the numbers a network sees: v for two levels, else 2 v / (L - 1) - 1, in [-1, 1]."""
    return images.astype(dtype) if levels == 2 else (images * (2 / (levels - 1)) - 1).astype(dtype)


class Model:
    """See `build`. Attributes: name, module, config, image_shape, levels, params.

    A model can be copied, pickled and sent to another process.
    """

    modules = MODELS

    def __init__(self, name, config, params):
        self.name, self.config, self.params = name, config, params
        self.image_shape, self.levels = config.image_shape, config.levels

    @property
    def module(self):
        """The module of `models` that says what this model computes.

        AttributeError for a stand-in that is in no table.
        """
        if self.name not in self.modules:
            raise AttributeError(f"{self.name!r} is the name of no module")
        return self.modules[self.name]

    @property
    def loss(self):
        """What reads the outputs: a module of `losses`, or one bound to the number of levels."""
        return self.module.loss(self.config)

    def __repr__(self):
        return f"<{self.name} {self.config}, {self.num_parameters:,} parameters, {self.dtype}>"

    @property
    def dtype(self):
        """float32 or float64: that of the weights."""
        return next(iter(self.params.values()))[0].dtype

    @property
    def num_parameters(self):
        """Numbers in `params`; of a masked kernel all are counted, as in the papers and elsewhere."""
        return sum(array.size for weights in self.params.values() for array in weights)

    def parameter_shapes(self):
        """What `params` is made of: name -> field -> shape.

        >>> build("fvbn", image_shape=(2, 2, 1)).parameter_shapes()
        {'units': {'w': (6, 1, 1), 'b': (4, 1)}}
        """
        return {name: shapes._asdict() for name, shapes in self.module.shapes(self.config)}

    def set_params(self, params):
        """Copy weights from elsewhere into `params`; all or, where one does not fit, none.

        params   a mapping with the names of parameter_shapes(), all of them. Each value is a
                 Weights, another sequence of arrays in the order of the fields, or a mapping field
                 -> array. Tensors of other packages are taken too

        ValueError, one line that names the parameter, for unknown or missing names or fields,
        another shape or dtype, and numbers that are not finite.

        >>> model = build("fvbn", image_shape=(1, 2, 1), dtype="float64")
        >>> model.set_params({"units": (np.ones((1, 1, 1)), np.zeros((2, 1)))})
        >>> model.params["units"].w.item()
        1.0
        >>> model.set_params({"unit": (np.ones((1, 1, 1)), np.zeros((2, 1)))})
        Traceback (most recent call last):
            ...
        ValueError: params has 'unit', which this model has not: 'units' is meant?
        """
        accepted = parameters.accept(params, self._shapes(), self.dtype)
        self.check_weights()
        for name, weights in accepted.items():
            for old, new in zip(self.params[name], weights):
                old[...] = new

    def _shapes(self):
        """name -> Weights of shapes."""
        return dict(self.module.shapes(self.config))

    # likelihood

    def log_prob(self, images, *, condition=None, per="image"):
        """Exact log-likelihood in nats, float64.

        images    (N, H, W, C) integers or bools in [0, levels)
        per       "image": (N,);  "subpixel": (N, H, W, C), whose sum is the former

        ValueError for wrong shapes, levels out of range, an empty batch, and for weights, outputs
        of the network or results that are not finite.
        """
        if per not in ("image", "subpixel"):
            raise ValueError(f'per must be "image" or "subpixel", not {per!r}')
        images = self.check_images(images)
        if per == "subpixel" and hasattr(self.loss, "terms"):              # a loss that is joint over the colours of a pixel: by the chain rule
            return self._in_chunks(images, condition, lambda outputs, part: self.loss.terms(outputs, targets=part))
        terms = self._in_chunks(images, condition, lambda outputs, part: self.loss.forward(outputs, targets=part)[0])
        return terms.reshape(len(images), -1).sum(axis=1) if per == "image" else terms

    def log_conditionals(self, images, *, condition=None):
        """(N, H, W, C, L) float64: log p(this sub-pixel = v | everything before it), in nats. Each row's exponentials sum to one."""
        images = self.check_images(images)
        return self._in_chunks(images, condition, lambda outputs, part: self.loss.log_conditionals(outputs, targets=part))

    def loss_and_grads(self, images, *, condition=None, rng=None):
        """Mean negative log-likelihood in nats per image, and its gradients: a dict like `params`.

        rng   a numpy.random.Generator for dropout, or None for none
        """
        images = self.check_images(images)
        self.check_weights()
        self.check_condition(condition, len(images))
        outputs, caches = self.module.forward(self.params, self.encode(images), self.config, condition=condition, rng=rng)
        log_prob, cache = self.loss.forward(outputs, targets=images)
        doutputs, = self.loss.backward(np.full(log_prob.shape, -1 / len(images)), cache)
        _, _, grads = self.module.backward(doutputs, caches)
        return -log_prob.sum() / len(images), grads

    def mean_nll(self, images, *, condition=None):
        """Mean of -log p in nats per image: the unit of `loss_and_grads`."""
        return -float(self.log_prob(images, condition=condition).mean())

    def in_words(self, nats):
        """A loss in that unit, for people."""
        return f"{nats:.4g} nats = {bits_per_dim(nats, self.image_shape):.4g} bits/dim"

    # generation

    def sample(self, n, rng=None, *, uniforms=None, naive=False, condition=None, progress=None):
        """n images (n, H, W, C), integers. One uniform per sub-pixel, drawn from `rng` in one call before anything else.

        uniforms   float64 (n, H, W, C) in [0, 1), in place of rng: which number decides which sub-pixel is fixed
        naive      a whole forward pass per sub-pixel, the definition; else one step per pixel
        progress   called as progress(done, total) after every place that is drawn; or None

        ValueError, too, if so many images would not fit into memory.
        """
        if not _is_count(n):
            raise ValueError(f"n must be a positive integer, not {n!r}")
        self.check_weights()
        self.check_condition(condition, n)
        sampling.check_memory(n, self.image_shape)
        return sampling.sample(self, self._uniforms(n, rng, uniforms), naive=naive,
                               condition=condition, progress=progress)

    def complete(self, images, known, rng=None, *, uniforms=None, naive=False, condition=None,
                 progress=None):
        """Images with the sub-pixels that are not `known` drawn in order of generation, each given everything before it.

        images   (N, H, W, C); unknown entries are never read
        known    bool, broadcastable to images.shape: True keeps a sub-pixel

        The law is the exact conditional given the known sub-pixels if and only if these come before all unknown ones in the
        model's order; otherwise what is known further on does not influence what is drawn before it.
        """
        images, known = self._check_form(images), _array("known", known)
        if known.dtype != bool:
            raise ValueError(f"known must be bool, not {known.dtype}")
        try:
            known = np.broadcast_to(known, images.shape)
        except ValueError:
            raise ValueError(f"known has shape {known.shape}, which does not broadcast to {images.shape}") from None
        images = self.check_images(np.where(known, images, 0).astype(images.dtype))
        self.check_weights()
        self.check_condition(condition, len(images))
        sampling.check_memory(len(images), self.image_shape)
        return sampling.complete(self, images, known, self._uniforms(len(images), rng, uniforms),
                                 naive=naive, condition=condition, progress=progress)

    def visible_past(self, at):
        """bool, image_shape: what the prediction at `at` = (row, column, channel) can depend on for some weights. From masks alone."""
        at = tuple(at) if np.iterable(at) else (at,)
        if len(at) != 3 or not all(_is_integer(i) and 0 <= i < size for i, size in zip(at, self.image_shape)):
            raise ValueError(f"at must be (row, column, channel) inside {self.image_shape}, is {at}")
        seen = np.zeros(self.image_shape, bool)
        seen[at] = True
        return self.module.reach(seen, self.config)

    @property
    def order(self):
        """(H W C, 3): (row, column, channel) of every sub-pixel in the order of generation."""
        places = np.indices(self.image_shape).transpose(1, 2, 3, 0)        # (H, W, C, 3)
        return np.concatenate([places[mine].reshape(-1, 3) for mine in self.stages])

    @property
    def stages(self):
        """What is drawn in each stage of generation: bool (H, W) masks, one for most models, everything in raster order."""
        if hasattr(self.module, "stages"):
            return self.module.stages(self.config)
        return [np.ones(self.image_shape[:2], bool)]

    # what sampling.walk needs: the module's functions with weights, configuration and encoding bound

    def forward(self, images, *, condition=None):
        """The outputs of one whole forward pass on integer images; nothing is kept."""
        return self.module.forward(self.params, self.encode(images), self.config, condition=condition, keep=False)[0]

    def start(self, shape, *, condition=None, stage=0, images=None):
        """The memory with which `step` goes through images of this shape, (N, H, W, C).

        stage, images   for models with several stages: which one, and the images as drawn before it
        """
        extra = {} if condition is None else {"condition": condition}
        if hasattr(self.module, "stages"):
            extra |= {"stage": stage, "x": None if images is None else self.encode(images)}
        return self.module.start(self.params, shape, self.config, **extra)

    def see(self, pixels, state, /, *, at):
        """Integer pixels (N, k, C) at the strip `at` are known now."""
        self.module.see(self.encode(pixels), state, at=at)

    def step(self, state, /, *, at):
        """The outputs at the strip `at` = (row, columns)."""
        return self.module.step(state, at=at)

    def draw(self, outputs, uniforms):
        """Levels drawn from outputs at given uniforms."""
        return self.loss.draw(outputs, uniforms=uniforms)

    def encode(self, images):
        """Levels as the numbers the network sees: `encode` above, or the module's own."""
        return getattr(self.module, "encode", encode)(images, self.levels, self.dtype)

    # the rest

    def init_from_data(self, images, rng=None, *, condition=None):
        """Start from data, where the model knows how (fvbn's biases, pixelcnn_pp's scales): replaces `params` in place; else nothing happens."""
        images = self.check_images(images)
        self.check_weights()
        if hasattr(self.module, "init_from_data"):
            self.check_condition(condition, len(images))
            some = self.module.init_images(len(images)) if hasattr(self.module, "init_images") else slice(None)
            extra = {} if condition is None else {"condition": np.asarray(condition)[some]}
            params = self.module.init_from_data(self.params, self.encode(images[some]), self.config, rng=rng, **extra)
            for name, weights in params.items():
                for old, new in zip(self.params[name], weights):
                    old[...] = new

    def save(self, path):
        """Weights and configuration to one .npz, written whole or not at all.   ValueError for weights that are not finite: none could load it."""
        self.check_weights()
        checkpoint.write(path, checkpoint.flatten(self.params), {"model": self.describe()})

    def describe(self):
        """Name, image shape, levels, dtype and configuration: what, with the weights, makes the model."""
        config = dataclasses.asdict(self.config)
        shape, levels = config.pop("image_shape"), config.pop("levels")
        return {"name": self.name, "image_shape": list(shape), "levels": levels, "dtype": self.dtype.name, "config": config}

    def check_images(self, images):
        """Images as an array, after rank, size, dtype and range have been checked; ValueError that carries the numbers."""
        images = self._check_form(images)
        low, high = int(images.min()), int(images.max())
        if low < 0 or high >= self.levels:
            raise ValueError(f"images must hold levels in [0, {self.levels}), found {low} to {high}")
        return images

    def _check_form(self, images):
        images = _array("images", images)
        if images.ndim != 4 or images.shape[1:] != self.image_shape:
            raise ValueError(f"images must be (N, {', '.join(map(str, self.image_shape))}), have shape {images.shape}")
        if not len(images):
            raise ValueError("images is an empty batch")
        if images.dtype.kind not in "bui":
            raise ValueError(f"images must be integers or bools in [0, {self.levels}), not {images.dtype}")
        return images

    def check_condition(self, condition, n):
        """ValueError if a condition is missing, superfluous, or not what the configuration asks for.

        config.classes             (n,) integers in [0, classes)
        config.condition_features  (n, V) finite numbers or bools
        config.condition_maps      (n, H, W, M) finite numbers or bools
        """
        classes, V, M = (getattr(self.config, field, 0) for field in ("classes", "condition_features", "condition_maps"))
        if not (classes or V or M):
            if condition is not None:
                raise ValueError(f"this {self.name} is not conditional: condition must be None")
            return
        expected = (n,) if classes else (n, V) if V else (n, *self.image_shape[:2], M)
        if condition is None:
            raise ValueError(f"this {self.name} is conditional: condition must have shape {expected}, is None")
        condition = np.asarray(condition)
        if condition.shape != expected or condition.dtype.kind not in ("ui" if classes else "uifb"):
            raise ValueError(f"condition must be {expected} {'integers' if classes else 'numbers'}, is {condition.dtype} {condition.shape}")
        if classes and condition.size and not 0 <= condition.min() <= condition.max() < classes:
            raise ValueError(f"condition must hold classes in [0, {classes}), found {condition.min()} to {condition.max()}")
        if not np.isfinite(condition).all():
            raise ValueError("condition holds numbers that are not finite")

    def check_weights(self):
        """ValueError that names the first of `params` that is foreign, missing, of another form, or
        not finite: parameters.check."""
        parameters.check(self.params, self._shapes())

    def _in_chunks(self, images, condition, read):
        """read(outputs, images) over chunks of the batch, whose caches are dropped at once."""
        self.check_weights()
        self.check_condition(condition, len(images))
        chunk = max(1, CHUNK_BYTES // memory.forward_bytes(self))
        results = []
        for first in range(0, len(images), chunk):
            part = slice(first, first + chunk)
            given = None if condition is None else condition[part]
            outputs = self.forward(images[part], condition=given)
            results.append(read(check_outputs(outputs), images[part]))
        return check_outputs(np.concatenate(results), "the results")

    def _uniforms(self, n, rng, uniforms):
        shape = (n, *self.image_shape)
        if rng is not None and not isinstance(rng, np.random.Generator):
            raise ValueError(f"rng must be a numpy.random.Generator or None, is {rng!r}")
        if uniforms is None:
            return (np.random.default_rng() if rng is None else rng).random(shape)
        uniforms = _array("uniforms", uniforms)
        if uniforms.shape != shape or uniforms.dtype != np.float64:
            raise ValueError(f"uniforms must be float64 {shape}, are {uniforms.dtype} {uniforms.shape}")
        if not ((uniforms >= 0) & (uniforms < 1)).all():
            raise ValueError(f"uniforms must lie in [0, 1), found {uniforms.min()} to {uniforms.max()}")
        return uniforms


def _kind(name):
    """The class of models of this name, and the modules to which it belongs.   ValueError for a name that is not there"""
    from .density import DENSITIES, Density            # it is built on this file
    for kind, modules in ((Model, MODELS), (Density, DENSITIES)):
        if isinstance(name, str) and name in modules:
            return kind, modules
    raise ValueError(f"there is no model {name!r}; there are {', '.join([*MODELS, *DENSITIES])}")


def _config(name, image_shape, levels, fields):
    """The module's Config, every field checked."""
    kind, modules = _kind(name)
    image_shape = _image_shape(image_shape)
    if levels is None:
        levels = 2 if kind is Model else 256
    if not _is_count(levels) or levels < 2:
        raise ValueError(f"levels must be an integer of at least 2, is {levels!r}")
    if not isinstance(fields, dict):
        raise ValueError(f"config must be a dict of fields, is {fields!r}")
    known = {field.name: field for field in dataclasses.fields(modules[name].Config)}
    for field, value in fields.items():
        if field not in known or field in ("image_shape", "levels"):
            names = ", ".join(n for n in known if n not in ("image_shape", "levels"))
            raise ValueError(f"{name} has no field {field!r}; it has {names or 'none'}")
        _check_field(name, known[field], value)
    fields = {field: value.item() if isinstance(value, np.generic) else value
              for field, value in fields.items()}      # JSON knows no int64
    config = modules[name].Config(image_shape, int(levels), **fields)
    for field in ("hidden", "head"):
        maps = getattr(config, field, image_shape[2])
        if maps < image_shape[2]:
            raise ValueError(f"{field} must be at least the number of colours: {maps} < {image_shape[2]}")
    return config


def _image_shape(image_shape):
    sizes = tuple(image_shape) if np.iterable(image_shape) else (image_shape,)
    if len(sizes) != 3 or not all(_is_count(size) for size in sizes):
        raise ValueError(f"image_shape must be three positive integers (H, W, C), is {image_shape!r}")
    return tuple(map(int, sizes))


def _check_field(name, field, value):
    """A value must be of its field's type: a count a positive integer (layers, head_layers and the
    sizes of a condition may be 0), a kernel odd."""
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
        least = 0 if field.name in ("layers", "head_layers", "classes", "condition_features", "condition_maps") else 1
        if not _is_integer(value) or value < least:
            raise ValueError(f"{name}: {field.name} must be an integer of at least {least}, is {value!r}")
        if field.name.endswith("kernel") and value % 2 == 0:
            raise ValueError(f"{name}: {field.name} must be odd, is {value}")


def _is_integer(value):
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _is_count(value):
    return _is_integer(value) and value >= 1


def _array(name, value):
    try:
        return np.asarray(value)
    except ValueError:                                 # nested lists of unequal lengths
        raise ValueError(f"{name} must be one array; its lists have unequal lengths") from None


def _dtype(dtype):
    try:
        dtype = np.dtype("None" if dtype is None else dtype)               # np.dtype(None) would be float64
    except TypeError:
        raise ValueError(f"dtype must be float32 or float64, not {dtype!r}") from None
    if dtype not in (np.float32, np.float64):
        raise ValueError(f"dtype must be float32 or float64, not {dtype}")
    return dtype


def _cast(params, dtype):
    return {name: type(weights)(*(np.ascontiguousarray(array, dtype) for array in weights)) for name, weights in params.items()}
