"""From the features of every pixel to its logits: what all networks of convolutions and LSTMs here end with.

    h = conv1x1(relu(h))              `head` maps;  `head_layers` times
    logits = conv1x1(relu(h))         one per sub-pixel, or L per sub-pixel

van den Oord et al. 2016, table 1. Every 1 x 1 convolution carries mask B. The functions mirror those of a model, and put what they make
under the names head0, head1, ..., logits.
"""

from typing import NamedTuple

import numpy as np

from .. import masks
from ..layers import conv2d, relu_conv2d


def taps(config, features):
    """The lists of taps of the 1 x 1 convolutions, in order; features: how many maps come in."""
    C = config.image_shape[2]
    outputs = C * (1 if config.levels == 2 else config.levels)
    maps = [masks.groups(size, C) for size in (features, *[config.head] * config.head_layers, outputs)]
    return [masks.mask_b(1, before, after) for before, after in zip(maps, maps[1:])]


def names(config):
    return [*(f"head{n}" for n in range(config.head_layers)), "logits"]


def shapes(config, features):
    """(name, shapes of its weights) of each 1 x 1 convolution, in order."""
    for n in range(config.head_layers):
        yield f"head{n}", conv2d.shapes(1, config.head if n else features, config.head)
    outputs = config.image_shape[2] * (1 if config.levels == 2 else config.levels)
    yield "logits", conv2d.shapes(1, config.head if config.head_layers else features, outputs)


def init(rng, config, features):
    """Variance 2 / fan-in, since each convolution follows a relu; 1 / fan-in for the logits."""
    made = {}
    for name, t in zip(names(config), taps(config, features)):
        made[name] = conv2d.init(rng, *t.mask.shape[1:], taps=t, dtype=np.float64, gain=1 if name == "logits" else np.sqrt(2))
    return made


def forward(params, h, config, caches):
    """h (N, H, W, features) -> logits (N, H, W, C) or (N, H, W, C, L)"""
    for name, t in zip(names(config), taps(config, h.shape[-1])):
        h, caches[name] = relu_conv2d.forward(h, *params[name], taps=t)
    return as_outputs(h, config)


def backward(doutputs, config, caches, grads):
    """doutputs -> dh (N, H, W, features); the weights' gradients go into `grads`."""
    dh = doutputs.reshape(*doutputs.shape[:3], -1)
    for name in reversed(names(config)):
        dh, *dw = relu_conv2d.backward(dh, caches[name])
        grads[name] = conv2d.Weights(*dw)
    return dh


class State(NamedTuple):
    convolutions: list                                 # of conv2d.State
    config: object


def start(params, shape, config):
    """shape (N, H, W, features)"""
    states = []
    for name, t in zip(names(config), taps(config, shape[3])):
        states.append(relu_conv2d.start((*shape[:3], t.mask.shape[1]), *params[name], taps=t))
    return State(states, config)


def step(h, state, /, *, at):
    """h (N, k, features) -> logits (N, k, C) or (N, k, C, L)"""
    for convolution in state.convolutions:
        h = relu_conv2d.step(h, convolution, at=at)
    return as_outputs(h, state.config)


def reach(seen, config, features):
    """Which features (H, W, features) the sub-pixels in `seen` (H, W, C) can depend on."""
    seen = np.repeat(seen, 1 if config.levels == 2 else config.levels, axis=2)
    for t in reversed(taps(config, features)):
        seen = conv2d.reach(seen, shape=config.image_shape[:2], taps=t)
    return seen


def as_outputs(h, config):
    """(..., C L) -> (..., C) or (..., C, L): the groups of the logits are the colours, in order."""
    return h if config.levels == 2 else h.reshape(*h.shape[:-1], config.image_shape[2], config.levels)
