"""Fully visible belief network: each sub-pixel is predicted linearly from all those before it.

    two levels     p(x_i = 1 | x_<i) = σ(b_i + Σ_{j<i} w_ij x_j)
    L levels       p(x_i | x_<i) = softmax(b_i + Σ_{j<i} w_ij onehot(x_j)),   w_ij an L x L matrix

Neal, "Connectionist learning of belief networks", 1992; Frey, Hinton, Dayan 1996. It is the
simplest model that sees its whole past, and its log-likelihood is concave in the parameters. It
shares nothing between places. So it has I (I - 1) / 2 + I parameters for I binary sub-pixels
(307,720 for 28 x 28), and I (I - 1) / 2 L² + I L for L levels. That is for small images only.

A one-hot code is piecewise constant, so with more than two levels the gradient with respect to the
input is zero.

Read first: layers/fully_visible.py, models/wiring.py.  Read next: sampling.py.
"""

from dataclasses import dataclass
from math import prod

import numpy as np

from ..layers import fully_visible, unit_blocks
from . import wiring
from .discrete import draws, loss                      # noqa: F401  the model contract
from .wiring import Layer, Wiring

# The most parameters: 1 GB in float32, and training holds four times that. It is also the most
# numbers of one block of units. Few units with many levels have more of these than parameters.
LIMIT = 2**28


@dataclass(frozen=True)
class Config:
    image_shape: tuple                                 # (H, W, C)
    levels: int = 2

    def __post_init__(self):
        parameters = sum(map(prod, fully_visible.shapes(*_sizes(self))))
        block = unit_blocks.unpacked(*_sizes(self))
        for size, what in ((parameters, "has {:,} parameters"),
                           (block, "computes with {:,} numbers at a time")):
            if size > LIMIT:
                raise ValueError(
                    f"an fvbn for {self.image_shape} images of {self.levels} levels "
                    f"{what.format(size)}, more than {LIMIT:,}; "
                    "use fewer levels or smaller images"
                )


def layers(config):
    """The table: one layer, whose units lie in one row."""
    I, C, D = _sizes(config)
    yield "units", Layer(fully_visible, C, D, sizes={"I": I}, grid=(I,))


def network(f, x, config):
    """The forward pass: x (N, H, W, C) -> logits (N, H, W, C) or (N, H, W, C, L)."""
    return _as_outputs(f("units", _encode(x, config)), x.shape, config)


def network_backward(b, doutputs, config):
    """The backward pass: doutputs -> dx (N, H, W, C)."""
    N, I = len(doutputs), prod(config.image_shape)
    dcodes = b("units", doutputs.reshape(N, I, -1))
    shape = (N, *config.image_shape)
    return dcodes.reshape(shape) if config.levels == 2 else np.zeros(shape, doutputs.dtype)


made = Wiring(layers, network, network_backward, image=("units",))
shapes, init, forward, backward, start, *_ = made.functions()


def init_from_data(params, x, config, *, rng):
    """Start from independent sub-pixels: w = 0, and b the logits of each sub-pixel's frequencies.

    Frequencies are counted in x and smoothed by adding one.
    """
    codes = _encode(x, config)                                             # (N, I, D)
    counts = codes.sum(axis=0, dtype=np.float64) + 1                       # (I, D)
    total = len(x) + (2 if config.levels == 2 else config.levels)
    b = np.log(counts / total) - (np.log(1 - counts / total) if config.levels == 2 else 0)
    w, old = params["units"]
    return {"units": fully_visible.Weights(np.zeros_like(w), b.astype(old.dtype))}


def see(x_t, state, /, *, at):
    """The pixels x_t (N, k, C) at the strip `at` are known now.   Updates `state` in place."""
    made.see(_encode(x_t, state.config), state, at=_units(at, state.config))


def step(state, /, *, at):
    """forward's outputs at the strip `at`, from the pixels seen so far."""
    config, (_, columns) = state.config, at
    y = wiring.steps(state, _units(at, config))("units", None)             # (N, k C, 1 or L)
    shape = len(y), columns.stop - columns.start, config.image_shape[2]
    return _as_outputs(y, shape, config)


def reach(seen, config):
    """Which sub-pixels (H, W, C) the predictions of those in `seen` (H, W, C) can depend on.

    These are all before the last one in `seen`, in the order of generation.
    """
    flat = seen.reshape(-1)
    past = np.arange(flat.size) < (np.flatnonzero(flat).max() if flat.any() else 0)
    return past.reshape(seen.shape)


def width(config):
    """Numbers alive at once per pixel of a forward pass without caches."""
    return config.image_shape[2] * (2 if config.levels == 2 else 4 * config.levels)


def _sizes(config):
    """(I, C, D): how many units, numbers into each, and numbers out of each."""
    numbers = 1 if config.levels == 2 else config.levels
    return prod(config.image_shape), numbers, numbers


def _units(at, config):
    """The strip `at` = (row, columns) as units: sub-pixels in the order of generation."""
    row, columns = at
    _, W, C = config.image_shape
    return 0, slice((row * W + columns.start) * C, (row * W + columns.stop) * C)


def _encode(x, config):
    """Encoded pixels as what the units read: (N, I, 1) bits, or (N, I, L) one-hot levels.

    x   (N, H, W, C), or a strip (N, k, C)
    """
    if config.levels == 2:
        return x.reshape(len(x), -1, 1)
    levels = np.rint((x.reshape(len(x), -1, 1) + 1) / 2 * (config.levels - 1))
    return (levels == np.arange(config.levels)).astype(x.dtype)


def _as_outputs(y, shape, config):
    """What the units give, as logits of this shape, with an axis of levels if there are many."""
    return y.reshape(shape if config.levels == 2 else (*shape, config.levels))
