"""Spatial LSTM network: the recurrence of RIDE over causal neighbourhoods, read out as levels of a pixel.

    h = slstm(x)                                       K0 x K0 taps, mask A: K0 rows end at the pixel's own, of which the left part; C -> h maps
    h = slstm(h)                                       1 x 1, mask B, h -> h maps; `layers` - 1 times
    logits = readout(conv1x1(h))                       h -> 2h maps, mask B; readout.py

Theis & Bethge, "Generative Image Modeling Using Spatial LSTMs", 2015: neighbourhoods of 5 (here K0 = 5: two rows above and the left part of the pixel's
own, 12 pixels), 64 states, layers on top of one another. There a mixture of Gaussian scale mixtures reads h as the density of a real number;
here it is the head of the other models, Bernoulli for two levels, softmax otherwise, so that likelihoods compare. `extended`: the gates see the cells.
Where the paper's inputs leave out the whole pixel, later colours here see the earlier ones: the h features are split into colours as everywhere, the first
layer has mask A, all later ones mask B.

What it sees. h[r, c] gathers the neighbourhoods of all places (r', c') with r' <= r, c' <= c, and each shows rows above up to column c' + m,
m = K0 // 2, and its own row left of it. Together, for K0 >= 3: the pixel's own row to its left, and of every row above the columns <= c + m, however far up and
however many layers. The same as a Diagonal LSTM; what is further to the right stays out of sight, H (H - 1) / 2 times (W - 1 - m) (W - m) / 2 pairs of pixels.

Read first: layers/spatial_lstm.py, readout.py.  Read next: ride.py, pixelrnn.py.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .. import losses, masks
from ..layers import conv2d, spatial_lstm
from . import new_caches, readout


@dataclass(frozen=True)
class Config:
    image_shape: tuple                                 # (H, W, C)
    levels: int = 2
    hidden: int = 64                                   # h
    layers: int = 1                                    # Spatial LSTMs, at least 1
    first_kernel: int = 5                              # K0, the size of the neighbourhood
    extended: bool = False                             # the gates see the cells on the left and above, too
    head: int = 32                                     # maps of each hidden layer of the head
    head_layers: int = 2

    def __post_init__(self):
        if self.layers == 0:
            raise ValueError("layers must be at least 1 in spatial_lstm: its first layer reads the image; is 0")


class Taps(NamedTuple):
    lstms: list                                        # of masks.Taps: the first (K0², C, 5h) with mask A, then (1, h, 5h) with mask B
    expand: masks.Taps                                 # (1, h, 2h)   mask B


def taps(config):
    C, h = config.image_shape[2], config.hidden
    colours, narrow, wide, gates = np.arange(C), masks.groups(h, C), masks.groups(2 * h, C), masks.groups(5 * h, C, gates=5)
    later = [masks.mask_b(1, narrow, gates)] * (config.layers - 1)
    return Taps([masks.mask_a(config.first_kernel, colours, gates), *later], masks.mask_b(1, narrow, wide))


def loss(config):
    return losses.by_levels(config.levels)


def shapes(config):
    C, h = config.image_shape[2], config.hidden
    for n in range(config.layers):
        T, inputs = (1, h) if n else (config.first_kernel**2, C)
        yield f"lstm{n}", spatial_lstm.shapes(T, inputs, h, extended=config.extended)
    yield "expand", conv2d.shapes(1, h, 2 * h)
    yield from readout.shapes(config, 2 * h)


def init(rng, config):
    t, h, params = taps(config), config.hidden, {}
    for n, lstm in enumerate(t.lstms):
        params[f"lstm{n}"] = spatial_lstm.init(rng, h if n else config.image_shape[2], h, taps=lstm, extended=config.extended, dtype=np.float64)
    params["expand"] = conv2d.init(rng, h, 2 * h, taps=t.expand, dtype=np.float64)
    return params | readout.init(rng, config, 2 * h)


def forward(params, x, config, *, condition=None, rng=None, keep=True):
    """x (N, H, W, C) -> logits (N, H, W, C) or (N, H, W, C, L), and the caches."""
    t, h, caches = taps(config), x, new_caches(keep)
    for n, lstm in enumerate(t.lstms):
        h, caches[f"lstm{n}"] = spatial_lstm.forward(h, *params[f"lstm{n}"], taps=lstm)        # (N, H, W, h)
    h, caches["expand"] = conv2d.forward(h, *params["expand"], taps=t.expand)                  # (N, H, W, 2h)
    caches["config"] = config
    return readout.forward(params, h, config, caches), caches


def backward(doutputs, caches):
    config, grads = caches["config"], {}
    dh = readout.backward(doutputs, config, caches, grads)
    dh, *dw = conv2d.backward(dh, caches["expand"])
    grads["expand"] = conv2d.Weights(*dw)
    for n in reversed(range(config.layers)):
        dh, *dw = spatial_lstm.backward(dh, caches[f"lstm{n}"])
        grads[f"lstm{n}"] = spatial_lstm.Weights(*dw)
    return dh, None, grads


class State(NamedTuple):
    lstms: list                                        # of spatial_lstm.State
    expand: conv2d.State
    readout: readout.State


def start(params, shape, config):
    t, (N, H, W, C), h = taps(config), shape, config.hidden
    lstms = [spatial_lstm.start((N, H, W, h if n else C), *params[f"lstm{n}"], taps=lstm) for n, lstm in enumerate(t.lstms)]
    return State(lstms, conv2d.start((N, H, W, h), *params["expand"], taps=t.expand), readout.start(params, (N, H, W, 2 * h), config))


def see(x_t, state, /, *, at):
    """These pixels are known now: only the first layer looks at the image itself."""
    spatial_lstm.write(x_t, state.lstms[0], at=at)


def step(state, /, *, at):
    """forward's outputs at the strip `at`, from the pixels seen so far."""
    first, *later = state.lstms
    h = spatial_lstm.read(first, at=at)                                    # (N, k, h)
    for lstm in later:
        h = spatial_lstm.step(h, lstm, at=at)
    return readout.step(conv2d.step(h, state.expand, at=at), state.readout, at=at)


def draws(C):
    return [slice(c, c + 1) for c in range(C)]


def reach(seen, config):
    """Upside down through the layers."""
    t, shape = taps(config), config.image_shape[:2]
    seen = conv2d.reach(readout.reach(seen, config, 2 * config.hidden), shape=shape, taps=t.expand)
    for lstm in reversed(t.lstms):
        seen = spatial_lstm.reach(seen, shape=shape, taps=lstm)
    return seen


def width(config):
    return 10 * config.hidden + 2 * config.head + 2 * config.first_kernel**2 * config.image_shape[2] + 4 * config.image_shape[2] * config.levels
