"""A density in hand: a network whose images hold real numbers, which have a density.

    model = npixel.build("ride", image_shape=(64, 64, 1))
    model.log_density(images)                          nats, exact; images are floats in [0, 1)
    model.sample(4, np.random.default_rng(0), size=(128, 128))

A model (model.py) gives levels a probability. A density is of real numbers, and depends on their
unit:

    scale [0, 1)     log p in nats per image. The unit of Theis and Bethge 2015 is log2 p per pixel;
                     more is better
    scale [0, L)     log p is less by log L for each number. Then -log2 p per number is, on average,
                     at least the bits per dimension of the integer image

An integer image v of L levels becomes (v + u) / L, u uniform in [0, 1), by `dequantise`.

Read first: network.py, sampling.py, losses/levels.py, models/ride.py, optimizers/lbfgs.py.
Read next: training/patches.py, registry.py.
"""

import dataclasses
import math

import numpy as np

from . import arguments, sampling
from .losses.levels import check_outputs
from .network import Network, in_chunks
from .optimizers import lbfgs
from .runtime import lazy

CHUNK = 2**15                                          # pixels scored at a time
MARGIN = 40                                            # pixels drawn around a sample, and dropped
REFINED = 64                                           # patches in a forward pass of `refine`
__getattr__ = lazy.moved(__name__, {"DENSITIES": "npixel.registry"})


def dequantise(images, levels, rng):
    """(v + u) / L, float64: integers in [0, L) become real numbers in [0, 1).

    images   integers of any shape
    rng      a numpy.random.Generator; one uniform u for each number, in memory order
    """
    return (images + rng.random(images.shape)) / levels


def bits_per_number(log_density, numbers, *, levels=1):
    """-log2 p per number at the scale [0, levels), from nats at the scale [0, 1).

    >>> bits_per_number(-10 * math.log(2), 5), bits_per_number(-10 * math.log(2), 5, levels=256)
    (2.0, 10.0)
    """
    return -log_density / (math.log(2) * numbers) + math.log2(levels)


class Density(Network):
    """A network of real numbers. `npixel.build` makes one, `npixel.load` reads one.

    Its methods raise ValueError, one line with the numbers, for images or weights that do not fit.
    These have another shape or dtype, no images, or nan.
    """

    sample_dtype = np.dtype(np.float64)

    # likelihood

    def log_density(self, images, *, per="image"):
        """Exact log-density in nats at the scale [0, 1), float64.

        images    (N, H, W, C) floats, of any height and width
        per       "image": (N,);  "pixel": (N, H', W'), joint over colours, whose sum is the former

        With border="padded", H' W' are all pixels. With border="given" they are those that have a
        whole neighbourhood (`scored`), and the density is theirs given the rest.
        """
        if per not in ("image", "pixel"):
            raise ValueError(f'per must be "image" or "pixel", is {per!r}')
        images = self.check_images(images)
        self.check_weights()
        most = max(1, CHUNK // math.prod(images.shape[1:3]))
        terms = in_chunks(lambda part: self._log_density(images[part]), len(images), most)
        return terms.reshape(len(images), -1).sum(axis=1) if per == "image" else terms

    def _log_density(self, images):
        """log p of every scored pixel, (N, H', W')."""
        canvas = self.canvas(images)
        outputs, _ = self.module.forward(self.params, canvas, self.config, keep=False)
        check_outputs(outputs)
        rows = outputs.reshape(-1, outputs.shape[-1])
        pixels = self.inside(canvas).reshape(-1, canvas.shape[-1])
        terms = in_chunks(lambda part: self.module.log_density(self.params, rows[part],
                                                               pixels[part])[0], len(rows), CHUNK)
        return check_outputs(terms, "the results").reshape(outputs.shape[:3])

    def scored(self, shape):
        """(H', W'): how many rows and columns of images (H, W) have a density computed."""
        m = self.config.margin if self.config.border == "given" else 0
        return shape[0] - m, shape[1] - 2 * m

    def canvas(self, images):
        """Images with the border that their neighbourhoods need, in the weights' dtype."""
        if self.config.border == "given":
            return images.astype(self.dtype)
        return self._beside_grey(images)

    def inside(self, canvas):
        """The pixels of a canvas that are not border. A view."""
        m = self.config.margin
        return canvas[:, m:, m:canvas.shape[2] - m]

    def _grey(self, shape):
        """A canvas for images of this shape, all of it mean grey."""
        N, H, W, C = shape
        m = self.config.margin
        grey = self.params["whitening"].mean_y
        return np.broadcast_to(grey, (N, H + m, W + 2 * m, C)).astype(self.dtype)

    def _beside_grey(self, images):
        """A canvas of images with mean grey around them."""
        canvas = self._grey(images.shape)
        self.inside(canvas)[...] = images
        return canvas

    def _no_levels(self, *arguments, **options):
        raise ValueError(f"a {self.name} is a density of real numbers: log_density, not "
                         "probabilities of levels")

    log_prob = log_conditionals = complete = _no_levels

    def loss_and_grads(self, images, *, condition=None, rng=None):
        """Mean of -log p in nats per pixel, and its gradients: a dict like `params`.

        It is per pixel, not per image, since sizes change during training. Gradients of the
        whitening are zero: it is fitted to data once and not trained.
        """
        canvas = self.canvas(self.check_images(images))
        self.check_weights()
        outputs, caches = self.module.forward(self.params, canvas, self.config)
        log_p, cache = self.module.log_density(self.params, outputs, self.inside(canvas))
        # loss = -Σ log_p / pixels
        dlog_p = np.full(log_p.shape, -1 / log_p.size)
        dh, dmcgsm = self.module.log_density_backward(dlog_p, cache)
        fixed = self.params["whitening"]
        grads = {"whitening": type(fixed)(*map(np.zeros_like, fixed)), "mcgsm": dmcgsm}
        return -log_p.mean(), grads | self.module.backward(dh, caches)

    def mean_nll(self, images, *, condition=None):
        """Mean of -log p in nats per pixel: the unit of `loss_and_grads`."""
        return -float(self.log_density(images, per="pixel").mean())

    def in_words(self, nats):
        """A loss in that unit, for people."""
        return (f"{nats:.4g} nats/pixel, {-nats / math.log(2):.4g} bits/pixel of density "
                "at scale [0, 1)")

    def refine(self, images, evaluations):
        """The MCGSM alone, fitted to images by L-BFGS from where it is.

        images        (N, H, W, C) floats
        evaluations   most evaluations of the likelihood and its gradient
        returns       a new dict of params; the LSTMs' weights are those of `params`
        """
        canvas = self.canvas(self.check_images(images))
        self.check_weights()
        outputs = in_chunks(lambda part: self.module.forward(
            self.params, canvas[part], self.config, keep=False)[0], len(canvas), REFINED)
        rows = outputs.reshape(-1, outputs.shape[-1])
        pixels = self.inside(canvas).reshape(-1, canvas.shape[-1])

        def nll_and_grads(weights):
            nll, grads, params = 0.0, None, self.params | {"mcgsm": weights}
            for p in range(0, len(rows), CHUNK):
                log_p, cache = self.module.log_density(params, rows[p:p + CHUNK],
                                                       pixels[p:p + CHUNK])
                dlog_p = np.full(len(log_p), -1 / len(rows))
                _, dw = self.module.log_density_backward(dlog_p, cache)
                nll -= log_p.sum() / len(rows)
                grads = [g + d for g, d in zip(grads, dw)] if p else dw
            return nll, grads

        fitted = lbfgs.fit(nll_and_grads, self.params["mcgsm"], evaluations=evaluations)
        return self.params | {"mcgsm": fitted}

    # generation

    def sample(self, n, rng=None, *, size=None, uniforms=None, naive=False, limits=None,
               progress=None):
        """n images (n, H, W, C), float64 of scale [0, 1). They may lie outside: nothing is clipped.

        rng       a numpy.random.Generator. One uniform for each number is drawn from it, all in one
                  call and before anything else
        size      (H, W), by default those of image_shape
        uniforms  float64 in [0, 1), in place of rng: (n, *drawn_shape(H, W))
        naive     True: a whole forward pass per pixel, the definition. Else one step per pixel
        limits    (low, high): every number is brought between them as soon as it is drawn, as the
                  authors' program can. Then it is no longer a sample of the density. Without it,
                  a sample that has left the range of the data may never come back
        progress  called as progress(done, total) after every pixel that is drawn; or None

        With border="given" the density does not say what a border looks like. Drawing then begins
        40 pixels outside of the image, beside mean grey, and these 40 are dropped. For a model of
        photographs even that may not be enough: what begins beside smooth grey stays smooth for a
        while, as skies do.
        """
        if not arguments.is_count(n):
            raise ValueError(f"n must be a positive integer, is {n!r}")
        H, W = self.image_shape[:2] if size is None else size
        if not (arguments.is_count(H) and arguments.is_count(W)):
            raise ValueError(f"size must be two positive integers (H, W), is {size!r}")
        self.check_weights()
        shape = (n, *self.drawn_shape(H, W))
        sampling.check_memory(n, shape[1:])
        uniforms = arguments.uniforms(shape, rng, uniforms)
        drawn = self._draw_all(uniforms, naive, limits, progress)
        if not np.isfinite(drawn).all():
            raise ValueError("what was drawn left the range of the data and ran away to infinity: "
                             f"limits=(0, 1) keeps this {self.name} within it")
        return drawn[:, shape[1] - H:, (shape[2] - W) // 2:(shape[2] + W) // 2]

    def _draw_all(self, uniforms, naive, limits, progress):
        """One number for each of the uniforms (n, H, W, C), in order of generation."""
        drawn = np.zeros(uniforms.shape)
        _, H, W, _ = uniforms.shape
        places = sampling.walk(self.of_size(H, W), drawn, naive=naive)
        with np.errstate(over="ignore", invalid="ignore"):     # `sample` says it in words
            for done, (where, outputs) in enumerate(places, 1):
                if progress is not None:
                    progress(done, H * W)
                drawn[where] = self.module.draw(self.params, outputs, uniforms[where])
                if limits is not None:
                    drawn[where] = np.clip(drawn[where], *limits)
        return drawn

    def drawn_shape(self, H, W):
        """(H', W', C) of what is drawn for an image of (H, W).

        With border="given" that is more: the pixels around the image that are dropped.
        """
        around = MARGIN if self.config.border == "given" else 0
        return H + around, W + 2 * around, self.image_shape[2]

    def of_size(self, H, W):
        """The same weights for images of another size."""
        config = dataclasses.replace(self.config, image_shape=(H, W, self.image_shape[2]))
        return type(self)(self.name, config, self.params)

    def images_per_chunk(self, shape, *, naive=False, condition=None):
        """How many images (H, W, C) are best drawn together: as many as fit into memory."""
        around = self.drawn_shape(*shape[:2])
        return sampling.images_per_chunk(self.of_size(*around[:2]), around, naive=naive)

    def as_levels(self, images):
        """What a picture of images shows: integers, and how many levels they have.

        What is below 0 is shown as black, what is above 1 as white.
        """
        return np.clip(images * 256, 0, 255).astype(np.uint8), 256

    # what sampling.walk needs: the functions of the module, for images with mean grey around them

    def forward(self, images, *, condition=None):
        """The outputs of one whole forward pass on real images; nothing is kept."""
        canvas = self._beside_grey(images)
        return self.module.forward(self.params, canvas, self.config, keep=False)[0]

    def start(self, shape, *, condition=None, stage=0, images=None):
        """The memory with which `step` goes through images of this shape, (N, H, W, C)."""
        return self.module.start(self.params, self._grey(shape), self.config)

    def see(self, pixels, state, /, *, at):
        """Real pixels (N, k, C) at the strip `at` are known now. Updates `state` in place."""
        self.module.see(pixels, state, at=at)

    # the rest

    def visible_past(self, at):
        """bool (H + m, W + 2m): what the prediction at `at` can depend on for some weights.

        at       (row, column) of the inside
        returns  pixels of a canvas around (H, W)

        This is read off the masks alone, not off the weights.
        """
        seen = np.zeros(self.image_shape[:2], bool)
        seen[at] = True
        return self.module.reach(seen, self.config)

    def init_from_data(self, images, rng=None, *, condition=None):
        """Fit the whitening to images. Changes `params` in place.

        images   integers (N, H, W, C), which are dequantised, or floats of scale [0, 1)
        """
        rng = np.random.default_rng(0) if rng is None else rng
        self.check_weights()
        if np.asarray(images).dtype.kind in "bui":
            images = dequantise(images, self.levels, rng)
        else:
            images = self.check_images(images)
        self.copy_params(self.module.init_from_data(self.params, images, self.config, rng=rng))

    def fits(self, image_shape, levels):
        """True if images (H, W, C) of so many levels have its colours and its levels."""
        return image_shape[2] == self.image_shape[2] and levels == self.levels

    def check_images(self, images):
        """Images as an array, after rank, colours, size, dtype and values have been checked."""
        images = arguments.array("images", images)
        C, m = self.image_shape[2], self.config.margin
        if images.ndim != 4 or images.shape[3] != C:
            raise ValueError(f"images must be (N, H, W, {C}), have shape {images.shape}")
        if images.dtype.kind != "f":
            raise ValueError(f"images must be floats of scale [0, 1), are {images.dtype}: "
                             "density.dequantise makes them of integers")
        if not images.size or min(self.scored(images.shape[1:3])) < 1:
            raise ValueError(f"images of shape {images.shape} have no pixel to score: "
                             f"neighbourhoods reach {m} pixels up and to both sides; "
                             'with border="padded" (--border padded) every pixel is scored')
        if not np.isfinite(images).all():
            raise ValueError("images hold numbers that are not finite")
        return images


def ensemble(density, images):
    """(N,) log-density in nats under the mixture of eight views of an image.

        log p = log Σ_t exp(log p_t) - log 8           t: mirrored or not, upside down or not,
                                                          transposed or not

    This is EoRIDE, the ensemble of Theis and Bethge 2015.

    With border="given" each view would score other pixels. Those that all eight score are an inside
    with m pixels of border on every side, where m is config.margin. Each view is cut so that it
    scores just these. So images need 2 m more rows and columns than are scored.
    """
    images = density.check_images(images)
    scores = np.stack([density.log_density(view) for view in views(density, images)])
    most = scores.max(axis=0)
    return most + np.log(np.exp(scores - most).sum(axis=0)) - math.log(len(scores))


def views(density, images):
    """The eight views of images, each cut so that a density scores the same pixels of all."""
    cut = density.config.margin if density.config.border == "given" else 0
    for transposed in (False, True):
        for up in (slice(None), slice(None, None, -1)):
            for left in (slice(None), slice(None, None, -1)):
                view = images[:, up, left]
                view = view.transpose(0, 2, 1, 3) if transposed else view
                # a neighbourhood does not reach below its pixel: these rows would be scored
                yield view[:, :view.shape[1] - cut]
