"""Raster LSTM: the plain LSTM over an image read as one long line of sub-pixels, the first thing
one would try.

    s[t] = [x[t-1], one-hot of the colour of t]        x[-1] = 0; one colour needs no one-hot code
    h = lstm(s)                                        `layers` times, each over the whole line
    logits[t] = w h[t] + b                             one logit, or L; w and b for every place

Graves, "Generating sequences with recurrent neural networks", 2013, is the model of text that this
is for pixels; no paper fixes its sizes. The gradient goes through all H W C places and is cut
nowhere. The start token is x = 0 with learned h0 and c0, in training and sampling alike.

It sees its whole past, in principle. But the line has lost the second dimension. The pixel above is
W C places ago, and all that is between must pass through one state of `hidden` numbers. Nothing is
masked, since the line has only the past in it.

In the table the line is an image of one row, and its places are the columns.

Read first: layers/lstm.py, models/wiring.py.  Read next: models/spatial_lstm.py, layers/skew.py.
"""

from dataclasses import dataclass
from math import prod
from typing import NamedTuple

import numpy as np

from ..layers import conv2d, lstm
from . import discrete, wiring
from .discrete import draws, loss                      # noqa: F401  the model contract
from .wiring import Layer, Wiring


@dataclass(frozen=True)
class Config:
    image_shape: tuple                                 # (H, W, C)
    levels: int = 2
    hidden: int = 128                                  # states of each LSTM
    layers: int = 1


def layers(config):
    """The table. The line has H W C places."""
    inputs, h, line = _inputs(config), config.hidden, prod(config.image_shape)
    for n in range(config.layers):
        yield f"lstm{n}", Layer(lstm, h if n else inputs, h, grid=(line,))
    features = h if config.layers else inputs
    yield "logits", Layer(conv2d, features, discrete.logits(config), lstm.HERE, grid=(1, line))


def network(f, x, config):
    """The forward pass: x (N, H, W, C) -> logits (N, H, W, C) or (N, H, W, C, L)."""
    line = x.reshape(len(x), -1)                                           # (N, places)
    start = np.zeros((len(x), 1), x.dtype)
    s = as_inputs(np.concatenate([start, line[:, :-1]], axis=1), 0, config)
    y = f("logits", states(f, s, config)[:, None])                         # (N, 1, places, 1 or L)
    return y.reshape(x.shape if config.levels == 2 else (*x.shape, config.levels))


def states(f, s, config):
    """The LSTMs on top of one another: s (N, places, inputs) -> h (N, places, hidden)."""
    h = s
    for n in range(config.layers):
        h = f(f"lstm{n}", h)
    return h


def network_backward(b, doutputs, config):
    """The backward pass: doutputs -> dx (N, H, W, C)."""
    N, places = len(doutputs), prod(config.image_shape)
    dh = b("logits", doutputs.reshape(N, 1, places, -1))[:, 0]             # (N, places, hidden)
    for n in reversed(range(config.layers)):
        dh = b(f"lstm{n}", dh)
    # s[t] = [x[t - 1], ...]
    dx = np.concatenate([dh[:, 1:, 0], np.zeros((N, 1), dh.dtype)], axis=1)
    return dx.reshape(N, *config.image_shape)


shapes, init, forward, backward, *_ = Wiring(layers, network, network_backward).functions()


class State(NamedTuple):
    """The line so far, the memories of the LSTMs, and the weights of the logits."""
    line: np.ndarray                                   # (N, 1 + places)   line[:, t] is x[t - 1]
    lstms: wiring.State
    logits: conv2d.Weights


def start(params, shape, config):
    """Memory for going through images of this shape (N, H, W, C), strip by strip."""
    line = np.zeros((shape[0], 1 + prod(shape[1:])), params["logits"].w.dtype)
    lstms = {name: layer for name, layer in layers(config) if name != "logits"}
    return State(line, wiring.started(lstms, params, shape, config), params["logits"])


def see(x_t, state, /, *, at):
    """The pixels x_t (N, k, C) at the strip `at` are known now.   Updates `state` in place."""
    first, last = _places(at, state.lstms.config)
    state.line[:, 1 + first:1 + last] = x_t.reshape(len(x_t), -1)


def step(state, /, *, at):
    """forward's outputs at the strip `at`, from the pixels seen so far."""
    config, (first, last) = state.lstms.config, _places(at, state.lstms.config)
    s = as_inputs(state.line[:, first:last], first, config)
    h = states(wiring.steps(state.lstms, (0, slice(first, last))), s, config)
    y = h @ state.logits.w[0] + state.logits.b         # one product for all images is faster here
    shape = len(y), at[1].stop - at[1].start, config.image_shape[2]        # (N, k, C)
    return y.reshape(shape if config.levels == 2 else (*shape, config.levels))


def reach(seen, config):
    """Which sub-pixels (H, W, C) the predictions of those in `seen` (H, W, C) can depend on.

    These are all before the last one in `seen`. Without a layer it is the one before each.
    """
    flat = seen.reshape(-1)
    past = np.zeros_like(flat)
    if config.layers:
        past[:flat.nonzero()[0].max(initial=0)] = True
    else:
        past[:-1] = flat[1:]
    return past.reshape(seen.shape)


def width(config):
    """Numbers alive at once per pixel of a forward pass without caches."""
    return config.image_shape[2] * (8 * config.hidden + 4 * config.levels)


def as_inputs(before, first, config):
    """s (N, k, inputs) at the places first, first + 1, ...

    before   (N, k) the sub-pixel before each of them
    """
    C = config.image_shape[2]
    if C == 1:
        return before[..., None]
    colour = np.eye(C, dtype=before.dtype)[(first + np.arange(before.shape[1])) % C]  # (k, C)
    return np.concatenate([before[..., None], np.broadcast_to(colour, (*before.shape, C))], axis=2)


def _inputs(config):
    """Numbers in s at each place: the sub-pixel before it, and the code of its colour."""
    C = config.image_shape[2]
    return 1 if C == 1 else 1 + C


def _places(at, config):
    """(first, last): the strip `at` = (row, columns) is the places first, ..., last - 1."""
    row, columns = at
    _, W, C = config.image_shape
    return (row * W + columns.start) * C, (row * W + columns.stop) * C
