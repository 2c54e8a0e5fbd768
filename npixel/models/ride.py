"""RIDE: the density of real-valued images, by a spatial LSTM that reads what is above and to the left, and an MCGSM for the pixel.

    x_rc  = the causal neighbourhood of the pixel, whitened                        K x K, mask A: 12 pixels for K = 5
    h_rc  = spatial LSTM layers over x                                             without a layer h = x: the MCGSM alone
    log p(image) = Σ_rc log p(y_rc | h_rc) + log |det dy / d pixel|                the whitened pixel y under an MCGSM

Theis and Bethge, "Generative Image Modeling Using Spatial LSTMs", 2015, sections 2.3 and 3; sizes as in the authors' program: 64 hidden,
32 components, 4 scales, 32 features. All colours of a pixel are predicted together, from neighbourhoods without the pixel itself.

Units. Pixels are real numbers of scale [0, 1): an integer image of L levels becomes (v + u) / L, u uniform in [0, 1). The density is in nats at that
scale; at the scale [0, L) it is less by log L for each colour of each pixel, and its mean is then a lower bound of the integer image's log-probability.

The border. What is left of, right of and above an image the neighbourhoods see too. Two choices, `border`:
    "given"     the first K // 2 rows, and as many columns on the left and on the right, are given: the density of what is inside, given them.
                For patches of larger pictures, as the authors train and test on photographs                           (the default)
    "padded"    the mean grey stands there: the density of the whole image
So networks here take a *canvas* (N, H + m, W + 2m, C), m = K // 2, and predict its H x W inside. Outside the inside the LSTM's states are zero.

What a prediction at (r, c) sees of the canvas: the rows above, columns <= c + m, and the pixels to its left in its own row; without a layer, its neighbourhood alone.

With one component, one scale and no layer it is the linear-Gaussian predictor, which whitening has found already: nothing is left to train.

Read first: layers/spatial_lstm.py, losses/mcgsm.py, whitening.py.  Read next: density.py, training/patches.py.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .. import masks, whitening
from ..layers import spatial_lstm
from ..losses import mcgsm
from . import new_caches

HERE = ((0, 0),)                                       # neighbourhoods come as channels, so the layers' input map is 1 x 1
SAMPLES = 500_000                                      # pixels that whitening is fitted to


@dataclass(frozen=True)
class Config:
    image_shape: tuple                                 # (H, W, C) of the images trained on; any size can be evaluated and drawn
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
            raise ValueError(f"first_kernel must be at least 3, is {self.first_kernel}: there would be no neighbourhood")

    @property
    def margin(self):
        """m: how far a neighbourhood reaches."""
        return self.first_kernel // 2


def neighbourhood_size(config):
    """Numbers in a neighbourhood: the pixels before the centre, all their colours."""
    return config.image_shape[2] * (config.first_kernel**2 // 2)


def features_in(config):
    """M: numbers that the MCGSM sees."""
    return config.hidden if config.layers else neighbourhood_size(config)


def shapes(config):
    C, n, h = config.image_shape[2], neighbourhood_size(config), config.hidden
    yield "whitening", whitening.shapes(n, C)
    for i in range(config.layers):
        yield f"lstm{i}", spatial_lstm.shapes(len(HERE), h if i else n, h, extended=config.extended)
    yield "mcgsm", mcgsm.shapes(features_in(config), C, components=config.mixtures,
                                scales=config.scales, features=config.features, means=config.means)


def init(rng, config):
    C, n = config.image_shape[2], neighbourhood_size(config)
    params = {"whitening": whitening.identity(n, C)}
    for i in range(config.layers):
        params[f"lstm{i}"] = spatial_lstm.init(rng, config.hidden if i else n, config.hidden, taps=HERE, extended=config.extended, dtype=np.float64)
    params["mcgsm"] = mcgsm.init(rng, features_in(config), C, components=config.mixtures, scales=config.scales, features=config.features,
                                 means=config.means, dtype=np.float64)
    return params


def init_from_data(params, images, config, *, rng):
    """Weights with whitening fitted to images (N, H, W, C), floats in [0, 1), of which at most 500,000 pixels are looked at."""
    C, m = config.image_shape[2], config.margin
    N, H, W, _ = images.shape
    inside = (N, H - m, W - 2 * m)
    if min(inside) < 1:
        raise ValueError(f"images of {H} x {W} have no inside: neighbourhoods reach {m} pixels up and to both sides; "
                         'with border="padded" (--border padded) every pixel is scored')
    places = np.prod(inside)
    chosen = rng.permutation(places)[:SAMPLES] if places <= 20 * SAMPLES else rng.integers(0, places, SAMPLES)
    n, row, column = np.unravel_index(np.sort(chosen), inside)
    windows = _windows(images, config)[n, row, column].reshape(len(n), -1).astype(np.float64)
    before = neighbourhood_size(config)                                    # then comes the pixel itself, then what is right of it
    fitted = whitening.fit(windows[:, :before], windows[:, before:before + C])
    params = params | {"whitening": fitted}
    if config.layers == 0 and config.mixtures == config.scales == 1:
        weights = params["mcgsm"]
        params["mcgsm"] = weights._replace(alpha=0 * weights.alpha, A=0 * weights.A)                        # a standard normal: nothing is left to learn
    return params


def forward(params, canvas, config, *, keep=True):
    """canvas (N, H + m, W + 2m, C) -> outputs (N, H, W, M + C): features h, then the linear prediction of the pixel; and the caches."""
    caches = new_caches(keep)
    white = whitening.inputs(neighbourhoods(canvas, config), params["whitening"])                            # (N, H, W, n)
    h = white
    for i in range(config.layers):
        h, caches[f"lstm{i}"] = spatial_lstm.forward(h, *params[f"lstm{i}"], taps=HERE)                      # (N, H, W, hidden)
    caches["config"] = config
    return np.concatenate([h, whitening.predict(white, params["whitening"])], axis=-1), caches


def backward(dh, caches):
    """dh (N, H, W, M) -> gradients of the LSTMs. The whitening is not trained, so nothing goes below the first layer."""
    grads = {}
    for i in reversed(range(caches["config"].layers)):
        dh, *dw = spatial_lstm.backward(dh, caches[f"lstm{i}"])
        grads[f"lstm{i}"] = spatial_lstm.Weights(*dw)
    return grads


def log_density(params, outputs, pixels):
    """log p (N, H, W) float64, nats, of pixels (N, H, W, C) in raw units under `outputs`; and the cache."""
    C = pixels.shape[-1]
    h, base = outputs[..., :-C], outputs[..., -C:]
    log_prob, cache = mcgsm.forward(h, *params["mcgsm"], targets=whitening.outputs(pixels, base, params["whitening"]))
    return log_prob + whitening.log_jacobian(params["whitening"]), cache


def log_density_backward(dlog_prob, cache):
    """dlog_prob (N, H, W) -> dh (N, H, W, M) and the gradients of the MCGSM."""
    dh, *dw = mcgsm.backward(dlog_prob, cache)
    return dh, mcgsm.Weights(*dw)


def draw(params, outputs, uniforms):
    """Pixels (..., C) in raw units from outputs (..., M + C) at uniforms (..., C)."""
    C = uniforms.shape[-1]
    h, base = outputs[..., :-C], outputs[..., -C:]
    return whitening.restore(mcgsm.draw(h, *params["mcgsm"], uniforms=uniforms), base, params["whitening"])


class State(NamedTuple):
    canvas: np.ndarray                                 # (N, H + m, W + 2m, C)
    whitening: whitening.Weights
    layers: list                                       # of spatial_lstm.State
    config: Config


def start(params, canvas, config):
    """Memory for stepping through the inside of a canvas, of which the border is known."""
    (N, H, W, _), m = canvas.shape, config.margin
    sizes = [config.hidden if i else neighbourhood_size(config) for i in range(config.layers)]
    layers = [spatial_lstm.start((N, H - m, W - 2 * m, size), *params[f"lstm{i}"], taps=HERE) for i, size in enumerate(sizes)]
    return State(canvas.copy(), params["whitening"], layers, config)


def see(x_t, state, /, *, at):
    """These pixels are known now.   Updates `state` in place."""
    (row, columns), m = at, state.config.margin
    state.canvas[:, row + m, columns.start + m:columns.stop + m] = x_t


def step(state, /, *, at):
    """forward's outputs (N, k, M + C) at the strip `at` of the inside, from the pixels seen so far.   Updates `state` in place."""
    (row, columns), config = at, state.config
    m = config.margin
    strip = state.canvas[:, row:row + m + 1, columns.start:columns.stop + 2 * m]
    white = whitening.inputs(neighbourhoods(strip, config)[:, 0], state.whitening)                           # (N, k, n)
    h = white
    for layer in state.layers:
        h = spatial_lstm.step(h, layer, at=at)
    return np.concatenate([h, whitening.predict(white, state.whitening)], axis=-1)


def draws(C):
    return [slice(None)]


def reach(seen, config):
    """Which pixels of the canvas (H + m, W + 2m) the predictions in `seen` (H, W) bool can depend on."""
    H, W = seen.shape
    taps = masks.mask_a(config.first_kernel, np.zeros(1), np.zeros(1))
    if config.layers:                                                      # states above and to the left
        seen = masks.above_and_left(seen[..., None])[..., 0]
    m = config.margin
    needed = np.zeros((H + 2 * m, W + 2 * m), bool)
    for (dr, dc), alive in zip(taps.offsets, taps.mask[:, 0, 0]):
        if alive:
            needed[m + dr:m + dr + H, m + dc:m + dc + W] |= seen
    return needed[:H + m]


def width(config):
    return neighbourhood_size(config) * 2 + config.layers * 8 * config.hidden + 2 * config.mixtures * (config.scales + 2)


def _windows(canvas, config):
    """(N, H, W, m + 1, K, C): every window of the canvas down to its pixel's own row. A view."""
    m, K = config.margin, config.first_kernel
    return np.lib.stride_tricks.sliding_window_view(canvas, (m + 1, K), axis=(1, 2)).transpose(0, 1, 2, 4, 5, 3)


def neighbourhoods(canvas, config):
    """canvas (N, H + m, W + 2m, C) -> (N, H, W, n): the m rows above, K wide, and the m pixels on the left, each with its colours."""
    windows = _windows(canvas, config)
    flat = windows.reshape(*windows.shape[:3], -1)
    return flat[..., :neighbourhood_size(config)]
