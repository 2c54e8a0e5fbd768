"""RIDE: the density of real-valued images, by a spatial LSTM that reads what is above and to the
left, and an MCGSM for the pixel.

    x_rc = the causal neighbourhood of the pixel, whitened         K x K, mask A: 12 pixels if K = 5
    h_rc = spatial LSTM layers over x                              h = x if there is no layer
    log p(image) = Σ_rc log p(y_rc | h_rc) + log |det dy / d pixel|

y_rc is the whitened pixel (whitening.py). Its density is an MCGSM (losses/mcgsm.py), whose input is
h.

Theis and Bethge, "Generative Image Modeling Using Spatial LSTMs", 2015, sections 2.3 and 3. Sizes
are those of the authors' program: 64 hidden, 32 components, 4 scales, 32 features. All colours of a
pixel are predicted together, from neighbourhoods without the pixel itself.

Units. Pixels are real numbers of scale [0, 1). An integer image v of L levels becomes (v + u) / L
with u uniform in [0, 1). The log-density is in nats at that scale. At the scale [0, L) it is less
by log L for each colour of each pixel. Its mean over u is then a lower bound of the
log-probability of the integer image.

The border. Neighbourhoods also see what lies left of, right of and above an image. `border` says
what that is:

    "given"     The first K // 2 rows are given, and as many columns on the left and on the right.
                The density is that of the inside, given them. This is for patches of larger
                pictures, as the authors train and test on photographs (the default).
    "padded"    The border is the mean grey. The density is that of the whole image.

So networks here take a *canvas* (N, H + m, W + 2m, C) with m = K // 2, and predict its H x W
inside. Outside of that the LSTM's states are zero.

In the shapes below, I numbers are in a neighbourhood, and h has D numbers.

A prediction at (r, c) sees the rows of the canvas above, up to column c + m, and the pixels to its
left in its own row. Without a layer it sees its neighbourhood alone.

With one component, one scale and no layer RIDE is the linear-Gaussian predictor. Fitting the
whitening has found that already, so nothing is left to train.

Read first: layers/spatial_lstm.py, losses/mcgsm.py, whitening.py, models/wiring.py.
Read next: density.py, training/patches.py, optimizers/lbfgs.py.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .. import masks, whitening
from ..layers import spatial_lstm
from ..losses import mcgsm
from . import wiring
from .wiring import Layer

HERE = ((0, 0),)                                       # a neighbourhood comes as channels: 1 x 1
SAMPLES = 500_000                                      # pixels that whitening is fitted to


@dataclass(frozen=True)
class Config:
    image_shape: tuple                                 # (H, W, C) in training; other sizes do, too
    levels: int = 256                                  # L of the integer images
    hidden: int = 64                                   # states of each spatial LSTM
    layers: int = 1                                    # spatial LSTMs; 0: the MCGSM alone
    first_kernel: int = 5                              # K, width of the neighbourhood
    mixtures: int = 32                                 # components of the MCGSM
    scales: int = 4                                    # of each component
    features: int = 32                                 # squared features of its gates
    means: bool = False                                # components have means
    extended: bool = False                             # gates of the LSTM see the cells too
    border: str = "given"                              # or "padded"

    def __post_init__(self):
        if self.border not in ("given", "padded"):
            raise ValueError(f'border must be "given" or "padded", is {self.border!r}')
        if self.first_kernel < 3:
            raise ValueError(f"first_kernel must be at least 3, is {self.first_kernel}: "
                             "there would be no neighbourhood")

    @property
    def margin(self):
        """m: how far a neighbourhood reaches."""
        return self.first_kernel // 2


def neighbourhood_size(config):
    """Numbers in a neighbourhood: the pixels before the centre, all their colours."""
    return config.image_shape[2] * (config.first_kernel**2 // 2)


def features_in(config):
    """D: numbers h that the MCGSM sees."""
    return config.hidden if config.layers else neighbourhood_size(config)


# the spatial LSTMs


def layers(config):
    """The table."""
    for i in range(config.layers):
        inputs = config.hidden if i else neighbourhood_size(config)
        yield f"lstm{i}", Layer(spatial_lstm, inputs, config.hidden, HERE,
                                sizes={"extended": config.extended})


def stack(f, white, config):
    """x (N, H, W, I) -> h (N, H, W, D)"""
    h = white
    for i in range(config.layers):
        h = f(f"lstm{i}", h)
    return h


def stack_backward(b, dh, config):
    """dh (N, H, W, D) -> the gradient (N, H, W, I) of x"""
    for i in reversed(range(config.layers)):
        dh = b(f"lstm{i}", dh)
    return dh


# weights


def mcgsm_sizes(config):
    """What mcgsm.shapes and mcgsm.init ask for beside C and D."""
    return {"components": config.mixtures, "scales": config.scales, "features": config.features,
            "means": config.means}


def shapes(config):
    """(name, Weights of shapes) of the whitening, the LSTMs and the MCGSM, in order."""
    C = config.image_shape[2]
    yield "whitening", whitening.shapes(neighbourhood_size(config), C)
    yield from wiring.shapes_of(layers(config))
    yield "mcgsm", mcgsm.shapes(features_in(config), C, **mcgsm_sizes(config))


def init(rng, config):
    """Random weights, a dict name -> Weights, float64; the whitening changes nothing yet."""
    C = config.image_shape[2]
    params = {"whitening": whitening.identity(neighbourhood_size(config), C)}
    params |= wiring.drawn(rng, layers(config))
    mixture = mcgsm.init(rng, features_in(config), C, dtype=np.float64, **mcgsm_sizes(config))
    return params | {"mcgsm": mixture}


def init_from_data(params, images, config, *, rng):
    """Weights with whitening fitted to images, of which at most 500,000 pixels are looked at.

    images   (N, H, W, C) floats in [0, 1)

    ValueError if no pixel of an image has a whole neighbourhood.
    """
    C, m = config.image_shape[2], config.margin
    N, H, W, _ = images.shape
    inside = N, H - m, W - 2 * m
    if min(inside) < 1:
        raise ValueError(f"images of {H} x {W} have no inside: neighbourhoods reach {m} pixels up "
                         'and to both sides; with border="padded" (--border padded) every pixel '
                         "is scored")
    places = np.prod(inside)
    if places <= 20 * SAMPLES:
        chosen = rng.permutation(places)[:SAMPLES]
    else:                                              # a permutation would take much memory
        chosen = rng.integers(0, places, SAMPLES)
    n, row, column = np.unravel_index(np.sort(chosen), inside)
    windows = windows_of(images, config)[n, row, column].reshape(len(n), -1).astype(np.float64)
    before = neighbourhood_size(config)                # then come the pixel and what is right of it
    fitted = whitening.fit(windows[:, :before], windows[:, before:before + C])
    params = params | {"whitening": fitted}
    if config.layers == 0 and config.mixtures == config.scales == 1:       # a standard normal
        weights = params["mcgsm"]
        params["mcgsm"] = weights._replace(alpha=0 * weights.alpha, A=0 * weights.A)
    return params


# the network and its density


def forward(params, canvas, config, *, keep=True):
    """Outputs (N, H, W, D + C), and the caches.

    canvas    (N, H + m, W + 2m, C)
    returns   features h (D), and beside them the linear prediction of the pixel (C)
    """
    caches = wiring.new_caches(keep)
    white = whitening.inputs(neighbourhoods(canvas, config), params["whitening"])
    h = stack(wiring.forwards(dict(layers(config)), params, caches), white, config)
    caches["config"] = config
    return np.concatenate([h, whitening.predict(white, params["whitening"])], axis=-1), caches


def backward(dh, caches):
    """dh (N, H, W, D) -> gradients of the LSTMs.

    The whitening is not trained, so nothing goes below the first layer.
    """
    config, grads = caches["config"], {}
    stack_backward(wiring.backwards(dict(layers(config)), caches, grads), dh, config)
    return grads


def log_density(params, outputs, pixels):
    """log p (N, H, W) float64, in nats, and the cache.

    outputs   (N, H, W, D + C)
    pixels    (N, H, W, C) in raw units
    """
    C, white = pixels.shape[-1], params["whitening"]
    h, base = outputs[..., :-C], outputs[..., -C:]
    targets = whitening.outputs(pixels, base, white)
    log_prob, cache = mcgsm.forward(h, *params["mcgsm"], targets=targets)
    return log_prob + whitening.log_jacobian(white), cache


def log_density_backward(dlog_prob, cache):
    """dlog_prob (N, H, W) -> dh (N, H, W, D), and the gradients of the MCGSM."""
    dh, *dw = mcgsm.backward(dlog_prob, cache)
    return dh, mcgsm.Weights(*dw)


def draw(params, outputs, uniforms):
    """Pixels (..., C) in raw units.

    outputs    (..., D + C)
    uniforms   (..., C) in [0, 1)
    """
    C = uniforms.shape[-1]
    h, base = outputs[..., :-C], outputs[..., -C:]
    white = mcgsm.draw(h, *params["mcgsm"], uniforms=uniforms)
    return whitening.restore(white, base, params["whitening"])


# generation


class State(NamedTuple):
    """The canvas so far, and what the layers remember."""
    canvas: np.ndarray                                 # (N, H + m, W + 2m, C)
    whitening: whitening.Weights
    network: wiring.State                              # memories of the LSTMs
    config: Config


def start(params, canvas, config):
    """Memory for stepping through the inside of a canvas (N, H + m, W + 2m, C).

    Its border is known already; the inside may hold anything.
    """
    (N, H, W, C), m = canvas.shape, config.margin
    shape = N, H - m, W - 2 * m, C
    network = wiring.started(dict(layers(config)), params, shape, config)
    return State(canvas.copy(), params["whitening"], network, config)


def see(x_t, state, /, *, at):
    """The pixels x_t (N, k, C) at the strip `at` of the inside are known now.

    Updates `state` in place.
    """
    (row, columns), m = at, state.config.margin
    state.canvas[:, row + m, columns.start + m:columns.stop + m] = x_t


def step(state, /, *, at):
    """forward's outputs (N, k, D + C) at a strip, from the pixels seen so far.

    at   (row, columns) of the inside

    Updates `state` in place.
    """
    (row, columns), config = at, state.config
    m = config.margin
    strip = state.canvas[:, row:row + m + 1, columns.start:columns.stop + 2 * m]
    white = whitening.inputs(neighbourhoods(strip, config)[:, 0], state.whitening)
    h = stack(wiring.steps(state.network, at), white, config)
    return np.concatenate([h, whitening.predict(white, state.whitening)], axis=-1)


def draws(C):
    """All colours are drawn together."""
    return [slice(None)]


def reach(seen, config):
    """Which pixels of the canvas (H + m, W + 2m) the predictions in `seen` can depend on.

    seen   (H, W) bool
    """
    H, W = seen.shape
    taps = masks.mask_a(config.first_kernel, np.zeros(1), np.zeros(1))
    if config.layers:                                  # states above and to the left
        seen = masks.above_and_left(seen[..., None])[..., 0]
    m = config.margin
    needed = np.zeros((H + 2 * m, W + 2 * m), bool)
    for (dr, dc), alive in zip(taps.offsets, taps.mask[:, 0, 0]):
        if alive:
            needed[m + dr:m + dr + H, m + dc:m + dc + W] |= seen
    return needed[:H + m]


def width(config):
    """Numbers alive at once per pixel of a forward pass without caches."""
    network = neighbourhood_size(config) * 2 + config.layers * 8 * config.hidden
    return network + 2 * config.mixtures * (config.scales + 2)


def windows_of(canvas, config):
    """(N, H, W, m + 1, K, C): every window of the canvas down to its pixel's own row. A view."""
    size = config.margin + 1, config.first_kernel
    windows = np.lib.stride_tricks.sliding_window_view(canvas, size, axis=(1, 2))
    return windows.transpose(0, 1, 2, 4, 5, 3)


def neighbourhoods(canvas, config):
    """The causal neighbourhood (N, H, W, I) of every pixel inside a canvas (N, H + m, W + 2m, C).

    It holds the m rows above, K wide, and the m pixels on the left, each with its colours.
    """
    windows = windows_of(canvas, config)
    flat = windows.reshape(*windows.shape[:3], -1)
    return flat[..., :neighbourhood_size(config)]
