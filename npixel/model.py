"""A model in hand: a network whose images hold levels, and which gives each image a probability.

    model = npixel.build("pixelcnn", image_shape=(28, 28, 1), levels=2, seed=0)
    model.log_prob(images)                             nats, exact
    model.sample(16, np.random.default_rng(0))

Images are integers in [0, L), (N, H, W, C). A network sees them encoded: x = v for two levels, else
x = 2 v / (L - 1) - 1.

Read first: network.py, sampling.py, losses/levels.py.  Read next: density.py, registry.py.
"""

import math

import numpy as np

from . import arguments, sampling
from .losses.levels import check_outputs
from .network import Network, in_chunks
from .runtime import lazy, memory

CHUNK_BYTES = 256 * 2**20                              # of a forward pass without caches
__getattr__ = lazy.moved(__name__, dict.fromkeys(("MODELS", "build", "load"), "npixel.registry"))


def bits_per_dim(nats, image_shape):
    """Nats per image as bits per sub-pixel: nats / (log 2 · H W C).

    >>> bits_per_dim(4 * math.log(2), (2, 2, 1))
    1.0
    """
    return nats / (math.log(2) * math.prod(arguments.image_shape(image_shape)))


def encode(images, levels, dtype):
    """Levels as the numbers that a network sees: v for two levels, else 2 v / (L - 1) - 1.

    >>> encode(np.array([0, 128, 255]), 256, np.float32).round(3)
    array([-1.   ,  0.004,  1.   ], dtype=float32)
    """
    return images.astype(dtype) if levels == 2 else (images * (2 / (levels - 1)) - 1).astype(dtype)


class Model(Network):
    """A network of levels. `npixel.build` makes one, `npixel.load` reads one.

    Its methods raise ValueError, one line with the numbers, for images, conditions or weights that
    do not fit. These have another shape or dtype, levels out of range, no images, or nan.
    """

    @property
    def loss(self):
        """What reads the outputs: a module of `losses`, or one bound to the number of levels."""
        return self.module.loss(self.config)

    # likelihood

    def log_prob(self, images, *, condition=None, per="image"):
        """Exact log-likelihood in nats, float64.

        images    (N, H, W, C) integers or bools in [0, levels)
        per       "image": (N,);  "subpixel": (N, H, W, C), whose sum is the former

        ValueError, too, if outputs of the network or results are not finite.
        """
        if per not in ("image", "subpixel"):
            raise ValueError(f'per must be "image" or "subpixel", is {per!r}')
        images, loss = self.check_images(images), self.loss
        if per == "subpixel" and hasattr(loss, "terms"):
            # a loss that is joint over the colours of a pixel: by the chain rule
            return self._read(images, condition, loss.terms)
        terms = self._read(images, condition, lambda outputs, *, targets:
                           loss.forward(outputs, targets=targets)[0])
        return terms.reshape(len(images), -1).sum(axis=1) if per == "image" else terms

    def log_conditionals(self, images, *, condition=None):
        """(N, H, W, C, L) float64, nats: log p(this sub-pixel = v | everything before it).

        The exponentials of each row sum to one.
        """
        return self._read(self.check_images(images), condition, self.loss.log_conditionals)

    def _read(self, images, condition, loss):
        """loss(outputs, targets=images), chunk by chunk: no more than CHUNK_BYTES at a time."""
        self.check_weights()
        self.check_condition(condition, len(images))

        def results(part):
            given = None if condition is None else condition[part]
            outputs = check_outputs(self.forward(images[part], condition=given))
            return loss(outputs, targets=images[part])

        most = max(1, CHUNK_BYTES // memory.forward_bytes(self))
        return check_outputs(in_chunks(results, len(images), most), "the results")

    def loss_and_grads(self, images, *, condition=None, rng=None):
        """Mean negative log-likelihood in nats per image, and its gradients: a dict like `params`.

        rng   a numpy.random.Generator for dropout, or None for none
        """
        images = self.check_images(images)
        self.check_weights()
        self.check_condition(condition, len(images))
        outputs, caches = self.module.forward(self.params, self.encode(images), self.config,
                                              condition=condition, rng=rng)
        log_prob, cache = self.loss.forward(outputs, targets=images)
        # loss = -Σ log_prob / N
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
        """n images (n, H, W, C), integers.

        rng        a numpy.random.Generator. One uniform for each sub-pixel is drawn from it, all
                   in one call and before anything else
        uniforms   float64 (n, H, W, C) in [0, 1), in place of rng. Number (i, r, c, k) decides
                   sub-pixel (i, r, c, k)
        naive      True: a whole forward pass per sub-pixel, the definition. Else one step per pixel
        progress   called as progress(done, total) after every place that is drawn; or None

        ValueError, too, if so many images would not fit into memory.
        """
        if not arguments.is_count(n):
            raise ValueError(f"n must be a positive integer, is {n!r}")
        self.check_weights()
        self.check_condition(condition, n)
        sampling.check_memory(n, self.image_shape)
        uniforms = arguments.uniforms((n, *self.image_shape), rng, uniforms)
        return sampling.sample(self, uniforms, naive=naive, condition=condition, progress=progress)

    def complete(self, images, known, rng=None, *, uniforms=None, naive=False, condition=None,
                 progress=None):
        """Images whose unknown sub-pixels are drawn in order, each given everything before it.

        images   (N, H, W, C); unknown entries are never read
        known    bool, broadcastable to images.shape: True keeps a sub-pixel

        The other arguments are those of `sample`.

        The law is the exact conditional given the known sub-pixels if and only if these come before
        all unknown ones in the model's order. Otherwise a sub-pixel that is known further on does
        not influence what is drawn before it.
        """
        images, known = self._check_form(images), arguments.array("known", known)
        if known.dtype != bool:
            raise ValueError(f"known must be bool, is {known.dtype}")
        try:
            known = np.broadcast_to(known, images.shape)
        except ValueError:
            raise ValueError(f"known must be broadcastable to {images.shape}, "
                             f"has shape {known.shape}") from None
        images = self.check_images(np.where(known, images, 0).astype(images.dtype))
        self.check_weights()
        self.check_condition(condition, len(images))
        sampling.check_memory(len(images), self.image_shape)
        uniforms = arguments.uniforms(images.shape, rng, uniforms)
        return sampling.complete(self, images, known, uniforms, naive=naive, condition=condition,
                                 progress=progress)

    def images_per_chunk(self, shape, *, naive=False, condition=None):
        """How many images (H, W, C) are best drawn together: as many as fit into memory."""
        return sampling.images_per_chunk(self, shape, naive=naive, condition=condition)

    @property
    def sample_dtype(self):
        """The smallest dtype that holds what is drawn."""
        return np.min_scalar_type(self.levels - 1)

    def as_levels(self, images):
        """What a picture of images shows: integers, and how many levels they have."""
        return images, self.levels

    # what sampling.walk needs: the functions of the module, bound to weights, config and encoding

    def forward(self, images, *, condition=None):
        """The outputs of one whole forward pass on integer images; nothing is kept."""
        return self.module.forward(self.params, self.encode(images), self.config,
                                   condition=condition, keep=False)[0]

    def start(self, shape, *, condition=None, stage=0, images=None):
        """The memory with which `step` goes through images of this shape, (N, H, W, C).

        stage    which one, for a model with several
        images   as they were drawn before this stage
        """
        extra = {} if condition is None else {"condition": condition}
        if hasattr(self.module, "stages"):
            extra |= {"stage": stage, "x": None if images is None else self.encode(images)}
        return self.module.start(self.params, shape, self.config, **extra)

    def see(self, pixels, state, /, *, at):
        """Integer pixels (N, k, C) at the strip `at` are known now. Updates `state` in place."""
        self.module.see(self.encode(pixels), state, at=at)

    def draw(self, outputs, uniforms):
        """Levels that the outputs give at these uniforms."""
        return self.loss.draw(outputs, uniforms=uniforms)

    def encode(self, images):
        """Levels as the numbers that the network sees: `encode` above, or the module's own."""
        return getattr(self.module, "encode", encode)(images, self.levels, self.dtype)

    # the rest

    def visible_past(self, at):
        """bool (H, W, C): what the prediction at `at` can depend on for some weights.

        at   (row, column, channel)

        This is read off the masks, shifts and strides alone, not off the weights.
        """
        at = tuple(at) if np.iterable(at) else (at,)
        inside = len(at) == 3 and all(arguments.is_integer(i) and 0 <= i < size
                                      for i, size in zip(at, self.image_shape))
        if not inside:
            raise ValueError(f"at must be (row, column, channel) inside {self.image_shape}, "
                             f"is {at}")
        seen = np.zeros(self.image_shape, bool)
        seen[at] = True
        return self.module.reach(seen, self.config)

    def init_from_data(self, images, rng=None, *, condition=None):
        """Start from data: fvbn's biases, pixelcnn_pp's scales. Changes `params` in place.

        Most models have nothing to learn from data before training; then nothing happens.
        """
        images = self.check_images(images)
        self.check_weights()
        if hasattr(self.module, "init_from_data"):
            self.check_condition(condition, len(images))
            several = hasattr(self.module, "init_images")
            some = self.module.init_images(len(images)) if several else slice(None)
            extra = {} if condition is None else {"condition": np.asarray(condition)[some]}
            self.copy_params(self.module.init_from_data(
                self.params, self.encode(images[some]), self.config, rng=rng, **extra))

    def fits(self, image_shape, levels):
        """True if images of this shape (H, W, C) and so many levels are what it was built for."""
        return tuple(image_shape) == self.image_shape and levels == self.levels

    def check_images(self, images):
        """Images as an array, after rank, size, dtype and range have been checked."""
        images = self._check_form(images)
        low, high = int(images.min()), int(images.max())
        if low < 0 or high >= self.levels:
            raise ValueError(f"images must hold levels in [0, {self.levels}), "
                             f"found {low} to {high}")
        return images

    def _check_form(self, images):
        images = arguments.array("images", images)
        if images.ndim != 4 or images.shape[1:] != self.image_shape:
            raise ValueError(f"images must be (N, {', '.join(map(str, self.image_shape))}), "
                             f"have shape {images.shape}")
        if not len(images):
            raise ValueError("images is an empty batch")
        if images.dtype.kind not in "bui":
            raise ValueError(f"images must be integers or bools in [0, {self.levels}), "
                             f"are {images.dtype}")
        return images
