"""Raster LSTM: the plain LSTM over an image read as one long line of sub-pixels, the first thing one would try.

    s[t] = [x[t-1], one-hot of the colour of t]        x[-1] = 0; the colour only where there are several
    h = lstm(s)                                        `layers` times, each over the whole line: layers/lstm.py
    logits[t] = w h[t] + b                             one, or L of them; the same for every place and colour

Graves, "Generating sequences with recurrent neural networks", 2013, is the model of text that this is for pixels; no paper fixes its sizes.
There is no cut anywhere: the gradient goes through all H W C steps, and the start token is x = 0 with learned h0 and c0, in training and sampling alike.

It sees its whole past, in principle. What it loses is the second dimension: the pixel above is W C steps ago, and everything on the way must be carried
through one state of `hidden` numbers. Nothing is masked: the order of the line is all there is.

Read first: layers/lstm.py.  Read next: pixelrnn.py.
"""

from dataclasses import dataclass
from math import prod
from typing import NamedTuple

import numpy as np

from .. import losses
from ..layers import conv2d, lstm
from . import new_caches


@dataclass(frozen=True)
class Config:
    image_shape: tuple                                 # (H, W, C)
    levels: int = 2
    hidden: int = 128                                  # states of each LSTM
    layers: int = 1


def loss(config):
    return losses.by_levels(config.levels)


def shapes(config):
    C, h = config.image_shape[2], config.hidden
    for n in range(config.layers):
        yield f"lstm{n}", lstm.shapes(h if n else inputs(C), h)
    yield "logits", conv2d.shapes(1, h if config.layers else inputs(C), outputs(config))


def init(rng, config):
    params, C = {}, config.image_shape[2]
    for n in range(config.layers):
        params[f"lstm{n}"] = lstm.init(rng, config.hidden if n else inputs(C), config.hidden, dtype=np.float64)
    features = config.hidden if config.layers else inputs(C)
    params["logits"] = conv2d.init(rng, features, outputs(config), taps=lstm.HERE, dtype=np.float64)
    return params


def forward(params, x, config, *, condition=None, rng=None, keep=True):
    """x (N, H, W, C) -> logits (N, H, W, C) or (N, H, W, C, L), and the caches."""
    caches = new_caches(keep)
    N, C = len(x), config.image_shape[2]
    line = x.reshape(N, -1)
    h = as_inputs(np.concatenate([np.zeros((N, 1), x.dtype), line[:, :-1]], axis=1), 0, C)     # (N, T, inputs)
    for n in range(config.layers):
        h, caches[f"lstm{n}"] = lstm.forward(h, *params[f"lstm{n}"])                           # (N, T, hidden)
    y, caches["logits"] = conv2d.forward(h[:, None], *params["logits"], taps=lstm.HERE)        # (N, 1, T, 1 or L)
    caches["config"] = config
    return y.reshape(*x.shape, *([] if config.levels == 2 else [config.levels])), caches


def backward(doutputs, caches):
    config, grads = caches["config"], {}
    N, T = len(doutputs), prod(config.image_shape)
    dh, *dw = conv2d.backward(doutputs.reshape(N, 1, T, -1), caches["logits"])
    grads["logits"], dh = conv2d.Weights(*dw), dh[:, 0]
    for n in reversed(range(config.layers)):
        dh, *dw = lstm.backward(dh, caches[f"lstm{n}"])
        grads[f"lstm{n}"] = lstm.Weights(*dw)
    # place t read x[t - 1]
    dx = np.concatenate([dh[:, 1:, 0], np.zeros((N, 1), dh.dtype)], axis=1)
    return dx.reshape(N, *config.image_shape), None, grads


class State(NamedTuple):
    line: np.ndarray                                   # (N, 1 + T)   what was seen, one place late: line[t] is x[t - 1]
    layers: list                                       # of lstm.State
    logits: lstm.Weights
    config: Config


def start(params, shape, config):
    N, T, C = shape[0], prod(shape[1:]), shape[3]
    sizes = [config.hidden if n else inputs(C) for n in range(config.layers)]
    layers = [lstm.start((N, T, size), *params[f"lstm{n}"]) for n, size in enumerate(sizes)]
    return State(np.zeros((N, 1 + T), params["logits"].w.dtype), layers, params["logits"], config)


def see(x_t, state, /, *, at):
    """These pixels are known now."""
    first, last = places(at, state.config)
    state.line[:, 1 + first:1 + last] = x_t.reshape(len(x_t), -1)


def step(state, /, *, at):
    """forward's outputs at the strip `at`, from the pixels seen so far."""
    config, (first, last) = state.config, places(at, state.config)
    C = config.image_shape[2]
    h = as_inputs(state.line[:, first:last], first, C)
    for layer in state.layers:
        h = lstm.step(h, layer, at=(0, slice(first, last)))
    y = h @ state.logits.w[0] + state.logits.b                             # (N, k C, 1 or L)
    return y.reshape(len(y), (last - first) // C, C, *([] if config.levels == 2 else [config.levels]))


def draws(C):
    return [slice(c, c + 1) for c in range(C)]


def reach(seen, config):
    """Everything before the last output in `seen`; without a layer, the sub-pixel before each."""
    flat = seen.reshape(-1)
    past = np.zeros_like(flat)
    if config.layers:
        past[:flat.nonzero()[0].max(initial=0)] = True
    else:
        past[:-1] = flat[1:]
    return past.reshape(seen.shape)


def width(config):
    return config.image_shape[2] * (8 * config.hidden + 4 * config.levels)


def inputs(C):
    return 1 if C == 1 else 1 + C


def outputs(config):
    return 1 if config.levels == 2 else config.levels


def places(at, config):
    """The strip `at` = (row, columns) as places on the line, first and last."""
    row, columns = at
    _, W, C = config.image_shape
    return (row * W + columns.start) * C, (row * W + columns.stop) * C


def as_inputs(before, first, C):
    """(N, k) sub-pixels, each the one before places first, first + 1, ... -> (N, k, inputs): with the colour of the place."""
    if C == 1:
        return before[..., None]
    colour = np.eye(C, dtype=before.dtype)[(first + np.arange(before.shape[1])) % C]           # (k, C)
    return np.concatenate([before[..., None], np.broadcast_to(colour, (*before.shape, C))], axis=2)
