"""A network in hand: one of the files in `models`, bound to a configuration and its weights.

Two kinds of network are built on this file. They differ in what an image is:

    model.py     Model      images hold levels, integers in [0, L), which have probabilities
    density.py   Density    images hold real numbers, which have a density

Both have what stands here: weights, their names and shapes, a description, a file, the order of
generation. Both also have the following, each in its own way:

    loss_and_grads(images)         the loss of a batch and its gradients, for training
    mean_nll(images)               that loss alone
    in_words(nats)                 that loss as words for people
    init_from_data(images, rng)    a start that knows the data
    sample(n, rng)                 new images
    visible_past(at)               what a prediction can depend on
    fits(image_shape, levels)      whether a data set has the right form

    forward(images)                the outputs of one whole forward pass
    start(shape)                   the memory with which `step` goes through such images
    see(pixels, state, at=at)      tells that memory what was drawn; sampling.py uses all three

    images_per_chunk(shape)        how many images are best drawn together
    sample_dtype                   the dtype in which drawn images are kept
    as_levels(images)              what a picture of them shows

`params` is a dict, name -> Weights. Its arrays are writable and are the whole state: nothing is
derived from them and kept.

Read first: parameters.py, checkpoint.py.  Read next: model.py, density.py, arguments.py.
"""

import dataclasses
import sys

import numpy as np

from . import checkpoint, parameters


class Network:
    """What a Model and a Density share. Attributes: name, config, params, image_shape, levels.

    name     of the file in `models`
    config   that file's Config
    params   name -> Weights of arrays

    A network can be copied, pickled and sent to another process.
    """

    def __init__(self, name, config, params):
        self.name, self.config, self.params = name, config, params
        self.image_shape, self.levels = config.image_shape, config.levels

    def __repr__(self):
        return f"<{self.name} {self.config}, {self.num_parameters:,} parameters, {self.dtype}>"

    @property
    def module(self):
        """The file of `models` that says what this network computes: the one with its Config."""
        return sys.modules[type(self.config).__module__]

    def with_params(self, params):
        """The same network on other weights, which it does not copy: a new Model or Density."""
        return type(self)(self.name, self.config, params)

    # weights

    @property
    def dtype(self):
        """float32 or float64: that of the weights."""
        return next(iter(self.params.values()))[0].dtype

    @property
    def num_parameters(self):
        """How many numbers `params` holds. Of a masked kernel all count, as in the papers."""
        return sum(array.size for weights in self.params.values() for array in weights)

    def parameter_shapes(self):
        """What `params` is made of: name -> field -> shape.

        >>> import npixel
        >>> npixel.build("fvbn", image_shape=(2, 2, 1)).parameter_shapes()
        {'units': {'w': (6, 1, 1), 'b': (4, 1)}}
        """
        return {name: shapes._asdict() for name, shapes in self.module.shapes(self.config)}

    def set_params(self, params):
        """Copy weights from elsewhere into `params`: all of them or, where one does not fit, none.

        params   a mapping with the names of parameter_shapes(), all of them. Each value is a
                 Weights, another sequence of arrays in the order of the fields, or a mapping field
                 -> array. Tensors of other packages are taken too

        ValueError, one line that names the parameter, for unknown or missing names or fields,
        another shape or dtype, and numbers that are not finite.

        >>> import npixel
        >>> model = npixel.build("fvbn", image_shape=(1, 2, 1), dtype="float64")
        >>> model.set_params({"units": (np.ones((1, 1, 1)), np.zeros((2, 1)))})
        >>> model.params["units"].w.item()
        1.0
        >>> model.set_params({"unit": (np.ones((1, 1, 1)), np.zeros((2, 1)))})
        Traceback (most recent call last):
            ...
        ValueError: params has 'unit', which this model has not: 'units' is meant?
        """
        accepted = parameters.accept(params, self.weights_of_shapes(), self.dtype)
        self.check_weights()
        self.copy_params(accepted)

    def copy_params(self, params):
        """Copy arrays of the right form into `params`, in place and without checks."""
        for name, weights in params.items():
            for old, new in zip(self.params[name], weights):
                old[...] = new

    def check_weights(self):
        """ValueError that names the first of `params` that is foreign, missing, of another form, or
        not finite: parameters.check."""
        parameters.check(self.params, self.weights_of_shapes())

    def weights_of_shapes(self):
        """name -> Weights whose fields are shapes in place of arrays."""
        return dict(self.module.shapes(self.config))

    # file

    def save(self, path):
        """Write weights and configuration to one .npz, whole or not at all.

        ValueError for weights that are not finite: no network could load them.
        """
        self.check_weights()
        checkpoint.write(path, checkpoint.flatten(self.params), {"model": self.describe()})

    def describe(self):
        """Name, image shape, levels, dtype and configuration: what makes the network, together
        with the weights. A dict of plain values."""
        config = dataclasses.asdict(self.config)
        shape, levels = config.pop("image_shape"), config.pop("levels")
        return {"name": self.name, "image_shape": list(shape), "levels": levels,
                "dtype": self.dtype.name, "config": config}

    # generation

    @property
    def order(self):
        """(H W C, 3): (row, column, channel) of every sub-pixel in the order of generation."""
        places = np.indices(self.image_shape).transpose(1, 2, 3, 0)        # (H, W, C, 3)
        return np.concatenate([places[mine].reshape(-1, 3) for mine in self.stages])

    @property
    def stages(self):
        """Which pixels each stage of generation draws: a list of bool (H, W).

        Most networks have one stage, which draws every pixel in raster order.
        """
        if hasattr(self.module, "stages"):
            return self.module.stages(self.config)
        return [np.ones(self.image_shape[:2], bool)]

    def step(self, state, /, *, at):
        """The outputs at the strip `at` = (row, columns), from what was seen before it."""
        return self.module.step(state, at=at)

    # conditions

    def check_condition(self, condition, n):
        """ValueError if a condition is missing, superfluous, or not what the config asks for.

        config.classes             (n,) integers in [0, classes)
        config.condition_features  (n, V) finite numbers or bools
        config.condition_maps      (n, H, W, maps) finite numbers or bools
        """
        classes = getattr(self.config, "classes", 0)
        V = getattr(self.config, "condition_features", 0)
        maps = getattr(self.config, "condition_maps", 0)
        if not (classes or V or maps):
            if condition is not None:
                raise ValueError(f"this {self.name} is not conditional: condition must be None")
            return
        expected = (n,) if classes else (n, V) if V else (n, *self.image_shape[:2], maps)
        if condition is None:
            raise ValueError(f"this {self.name} is conditional: condition must have shape "
                             f"{expected}, is None")
        condition = np.asarray(condition)
        if (condition.shape != expected
                or condition.dtype.kind not in ("ui" if classes else "uifb")):
            raise ValueError(f"condition must be {expected} {'integers' if classes else 'numbers'}"
                             f", is {condition.dtype} {condition.shape}")
        if classes and condition.size and not 0 <= condition.min() <= condition.max() < classes:
            raise ValueError(f"condition must hold classes in [0, {classes}), found "
                             f"{condition.min()} to {condition.max()}")
        if not np.isfinite(condition).all():
            raise ValueError("condition holds numbers that are not finite")


def in_chunks(function, n, most):
    """function(part) for slices of 0, ..., n - 1 of at most `most` each, joined.

    Slices are in order, and results are joined along their first axis.

    >>> in_chunks(lambda part: np.arange(5)[part] ** 2, 5, 2)
    array([ 0,  1,  4,  9, 16])
    """
    return np.concatenate([function(slice(i, min(n, i + most))) for i in range(0, n, most)])
