"""A density of real-valued images in hand: one of the modules in DENSITIES, bound to a configuration and its weights.

    model = npixel.build("ride", image_shape=(64, 64, 1))
    model.log_density(images)                          nats, exact; images are floats of scale [0, 1)
    model.sample(4, np.random.default_rng(0), size=(128, 128))

Beside model.Model: there, images are levels and have probabilities; here they are real numbers and have a density, which depends on their unit.

    scale [0, 1)     log p, nats per image; log2 p / pixel is the unit of Theis and Bethge 2015: more is better
    scale [0, L)     log p less log L for each number: -log2 p per number bounds the bits per dimension of the integer image from above, on average

An integer image v of L levels becomes (v + u) / L, u uniform in [0, 1), by `dequantise`.

Read first: model.py, models/ride.py.  Read next: patches.py, training.py.
"""

import dataclasses
import math

import numpy as np

from . import sampling
from .losses.levels import check_outputs
from .model import Model, _array, _is_count
from .models import ride
from .optimizers import lbfgs

DENSITIES = {"ride": ride}
CHUNK = 2**15                                          # pixels whose mixtures are computed at a time
MARGIN = 40                                            # pixels drawn around a sample and thrown away, where the border is not part of the model


def dequantise(images, levels, rng):
    """(v + u) / L, float64: integers (...) in [0, L) become real numbers in [0, 1), u one uniform per number, in memory order."""
    return (images + rng.random(images.shape)) / levels


def bits_per_number(log_density, numbers, *, levels=1):
    """-log2 p per number at the scale [0, levels), from nats at the scale [0, 1).

    >>> bits_per_number(-10 * math.log(2), 5), bits_per_number(-10 * math.log(2), 5, levels=256)
    (2.0, 10.0)
    """
    return -log_density / (math.log(2) * numbers) + math.log2(levels)


class Density(Model):
    """See `npixel.build`. Attributes: name, module, config, image_shape, levels, params."""

    modules = DENSITIES

    # likelihood

    def log_density(self, images, *, per="image"):
        """Exact log-density in nats at the scale [0, 1), float64.

        images    (N, H, W, C) floats, of any height and width
        per       "image": (N,);  "pixel": (N, H', W'), joint over colours, whose sum is the former

        H' W' are all pixels with border="padded"; with border="given" those that have a whole neighbourhood (`scored`), and the density is theirs given the rest.

        ValueError for wrong shapes or dtypes, numbers that are not finite, or an empty batch.
        """
        if per not in ("image", "pixel"):
            raise ValueError(f'per must be "image" or "pixel", not {per!r}')
        images = self.check_images(images)
        self.check_weights()
        chunk = max(1, CHUNK // math.prod(images.shape[1:3]))
        terms = np.concatenate([self._log_density(images[n:n + chunk]) for n in range(0, len(images), chunk)])
        return terms.reshape(len(images), -1).sum(axis=1) if per == "image" else terms

    def _log_density(self, images):
        canvas = self.canvas(images)
        outputs, _ = self.module.forward(self.params, canvas, self.config, keep=False)
        check_outputs(outputs)
        h, y = outputs.reshape(-1, outputs.shape[-1]), self.inside(canvas).reshape(-1, canvas.shape[-1])
        terms = [self.module.log_density(self.params, h[p:p + CHUNK], y[p:p + CHUNK])[0] for p in range(0, len(h), CHUNK)]
        return check_outputs(np.concatenate(terms), "the results").reshape(outputs.shape[:3])

    def _beside_grey(self, shape):
        """A canvas for images of this shape, all of it mean grey."""
        N, H, W, C = shape
        m = self.config.margin
        return np.broadcast_to(self.params["whitening"].mean_y, (N, H + m, W + 2 * m, C)).astype(self.dtype)

    def scored(self, shape):
        """(H', W'): the pixels of images of this (H, W) whose density is computed."""
        m = self.config.margin if self.config.border == "given" else 0
        return shape[0] - m, shape[1] - 2 * m

    def canvas(self, images):
        """Images with the border that their neighbourhoods need, in the weights' dtype."""
        if self.config.border == "given":
            return images.astype(self.dtype)
        canvas = self._beside_grey(images.shape)
        self.inside(canvas)[...] = images
        return canvas

    def inside(self, canvas):
        """The pixels of a canvas that are not border."""
        m = self.config.margin
        return canvas[:, m:, m:canvas.shape[2] - m]

    def log_prob(self, *arguments, **options):
        raise ValueError(f"a {self.name} is a density of real numbers: log_density, not probabilities of levels")

    log_conditionals = complete = log_prob

    def loss_and_grads(self, images, *, condition=None, rng=None):
        """Mean of -log p in nats per pixel (not per image: sizes change during training), and its gradients: a dict like `params`."""
        canvas = self.canvas(self.check_images(images))
        self.check_weights()
        outputs, caches = self.module.forward(self.params, canvas, self.config)
        log_p, cache = self.module.log_density(self.params, outputs, self.inside(canvas))
        dh, dmcgsm = self.module.log_density_backward(np.full(log_p.shape, -1 / log_p.size), cache)
        fixed = self.params["whitening"]               # fitted to data once, not trained
        grads = {"whitening": type(fixed)(*map(np.zeros_like, fixed)), "mcgsm": dmcgsm, **self.module.backward(dh, caches)}
        return -log_p.mean(), grads

    def mean_nll(self, images, *, condition=None):
        """Mean of -log p in nats per pixel, as `loss_and_grads` has it."""
        return -float(self.log_density(images, per="pixel").mean())

    def in_words(self, nats):
        return f"{nats:.4g} nats/pixel, {-nats / math.log(2):.4g} bits/pixel of density at scale [0, 1)"

    def refine(self, images, evaluations):
        """The MCGSM alone, fitted to images by L-BFGS from where it is; a new dict of params, the LSTMs' as they are.

        images        (N, H, W, C) floats
        evaluations   most evaluations of the likelihood and its gradient
        """
        canvas = self.canvas(self.check_images(images))
        self.check_weights()
        outputs = np.concatenate([self.module.forward(self.params, canvas[n:n + 64], self.config, keep=False)[0] for n in range(0, len(canvas), 64)])
        rows, pixels = outputs.reshape(-1, outputs.shape[-1]), self.inside(canvas).reshape(-1, canvas.shape[-1])

        def nll_and_grads(weights):
            nll, grads, params = 0.0, None, self.params | {"mcgsm": weights}
            for p in range(0, len(rows), CHUNK):
                log_p, cache = self.module.log_density(params, rows[p:p + CHUNK], pixels[p:p + CHUNK])
                _, dw = self.module.log_density_backward(np.full(len(log_p), -1 / len(rows)), cache)
                nll, grads = nll - log_p.sum() / len(rows), [g + d for g, d in zip(grads, dw)] if p else dw
            return nll, grads

        return self.params | {"mcgsm": lbfgs.fit(nll_and_grads, self.params["mcgsm"], evaluations=evaluations)}

    # generation

    def sample(self, n, rng=None, *, size=None, uniforms=None, naive=False, limits=None,
               progress=None):
        """n images (n, H, W, C), float64 of scale [0, 1), which may lie outside it: nothing is clipped. One uniform per number.

        size      (H, W), by default those of image_shape
        uniforms  float64 in [0, 1), in place of rng; (n, H, W, C), with border="given" (n, H + 40, W + 80, C), for what is drawn around the image
        naive     a whole forward pass per pixel, the definition; else one step per pixel
        limits    (low, high): every number is brought between them as soon as it is drawn, as the authors' program can. Then it is no longer a sample of
                  the density; but one that has left the range of the data may never come back
        progress  called as progress(done, total) after every pixel that is drawn; or None

        With border="given" the model does not say what a border looks like: drawing begins 40 pixels outside of the image, beside mean grey, and these
        are dropped. After photographs even that may not be enough: what begins beside smooth grey stays smooth for a while, as skies do.
        """
        if not _is_count(n):
            raise ValueError(f"n must be a positive integer, not {n!r}")
        H, W = self.image_shape[:2] if size is None else size
        if not (_is_count(H) and _is_count(W)):
            raise ValueError(f"size must be two positive integers (H, W), is {size!r}")
        self.check_weights()
        shape = (n, *self.drawn_shape(H, W))
        sampling.check_memory(n, shape[1:])
        uniforms = self._uniforms(shape, rng, uniforms)
        drawn, model = np.zeros(shape), self.of_size(*shape[1:3])
        with np.errstate(over="ignore", invalid="ignore"):                 # said in words below
            for place, (where, outputs) in enumerate(sampling.walk(model, drawn, naive=naive), 1):
                if progress is not None:
                    progress(place, math.prod(shape[1:3]))
                drawn[where] = self.module.draw(self.params, outputs, uniforms[where])
                if limits is not None:
                    drawn[where] = np.clip(drawn[where], *limits)
        if not np.isfinite(drawn).all():
            raise ValueError(f"what was drawn left the range of the data and ran away to infinity: limits=(0, 1) keeps this {self.name} within it")
        return drawn[:, shape[1] - H:, (shape[2] - W) // 2:(shape[2] + W) // 2]

    def drawn_shape(self, H, W):
        """(H', W', C) of what is drawn for an image of (H, W): with border="given", pixels around
        it that are dropped.
        """
        around = MARGIN if self.config.border == "given" else 0
        return H + around, W + 2 * around, self.image_shape[2]

    def _uniforms(self, shape, rng, uniforms):
        if rng is not None and not isinstance(rng, np.random.Generator):
            raise ValueError(f"rng must be a numpy.random.Generator or None, is {rng!r}")
        if uniforms is None:
            return (np.random.default_rng() if rng is None else rng).random(shape)
        uniforms = _array("uniforms", uniforms)
        if uniforms.shape != shape or uniforms.dtype != np.float64 or not ((uniforms >= 0) & (uniforms < 1)).all():
            raise ValueError(f"uniforms must be float64 {shape} in [0, 1), are {uniforms.dtype} {uniforms.shape}")
        return uniforms

    def of_size(self, H, W):
        """The same weights for images of another size."""
        return Density(self.name, dataclasses.replace(self.config, image_shape=(H, W, self.image_shape[2])), self.params)

    # what sampling.walk needs

    def forward(self, images, *, condition=None):
        canvas = self._beside_grey(images.shape)
        self.inside(canvas)[...] = images
        return self.module.forward(self.params, canvas, self.config, keep=False)[0]

    def start(self, shape, *, condition=None, stage=0, images=None):
        return self.module.start(self.params, self._beside_grey(shape), self.config)

    def see(self, pixels, state, /, *, at):
        self.module.see(pixels, state, at=at)

    # the rest

    def visible_past(self, at):
        """bool (H + m, W + 2m): which pixels of a canvas around (H, W) the prediction at its inside's place `at` = (row, column) can depend on. From masks alone."""
        seen = np.zeros(self.image_shape[:2], bool)
        seen[at] = True
        return self.module.reach(seen, self.config)

    def init_from_data(self, images, rng=None, *, condition=None):
        """Fit the whitening to integer images, dequantised, or to floats.   params: in place"""
        rng = np.random.default_rng(0) if rng is None else rng
        self.check_weights()
        images = dequantise(images, self.levels, rng) if np.asarray(images).dtype.kind in "bui" else self.check_images(images)
        params = self.module.init_from_data(self.params, images, self.config, rng=rng)
        for name, weights in params.items():
            for old, new in zip(self.params[name], weights):
                old[...] = new

    def check_images(self, images):
        """Images as an array, after rank, colours, size, dtype and values have been checked."""
        images = _array("images", images)
        C, m = self.image_shape[2], self.config.margin
        if images.ndim != 4 or images.shape[3] != C:
            raise ValueError(f"images must be (N, H, W, {C}), have shape {images.shape}")
        if images.dtype.kind != "f":
            raise ValueError(f"images must be floats of scale [0, 1), not {images.dtype}: density.dequantise makes them of integers")
        if not images.size or min(self.scored(images.shape[1:3])) < 1:
            raise ValueError(f"images of shape {images.shape} have no pixel to score: neighbourhoods reach {m} pixels up and to both sides; "
                             'with border="padded" (--border padded) every pixel is scored')
        if not np.isfinite(images).all():
            raise ValueError("images hold numbers that are not finite")
        return images


def ensemble(model, images):
    """(N,) log-density in nats under the mixture of a model's eight views of an image: the ensemble EoRIDE of Theis and Bethge.

        log p = log Σ_t exp(log p_t) - log 8           t: mirrored or not, upside down or not, transposed or not

    With border="given" each view would score other pixels: those that all eight score are an inside with m pixels of border on every side, and each
    view is cut so that it scores just these. So images need 2 m more rows and columns than are scored.
    """
    images = model.check_images(images)
    scores = np.stack([model.log_density(view) for view in views(model, images)])
    most = scores.max(axis=0)
    return most + np.log(np.exp(scores - most).sum(axis=0)) - math.log(len(scores))


def views(model, images):
    """The eight views of images, each cut so that a model scores the same pixels of all."""
    cut = model.config.margin if model.config.border == "given" else 0
    for transposed in (False, True):
        for up in (slice(None), slice(None, None, -1)):
            for left in (slice(None), slice(None, None, -1)):
                view = images[:, up, left]
                view = view.transpose(0, 2, 1, 3) if transposed else view
                yield view[:, :view.shape[1] - cut]    # a neighbourhood does not reach below its pixel: these rows would be scored
