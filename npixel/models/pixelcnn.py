"""PixelCNN: a stack of masked convolutions, so that every pixel is predicted at once from a bounded part of its past.

    h = conv_A(x)                                                  K0 x K0, mask A, C -> 2h maps
    h = h + conv1x1(relu(conv_B(relu(conv1x1(relu(h))))))          residual block: 2h -> h -> h (K x K, mask B) -> 2h;  `layers` times
    logits = readout(h)                                            `head_layers` times 1 x 1 to `head` maps, then to the logits

van den Oord, Kalchbrenner, Kavukcuoglu, "Pixel Recurrent Neural Networks", 2016, section 3.5 and table 1. CIFAR-10 there: 15 blocks,
h = 128, head 1024; MNIST: head 32. Every 1 x 1 convolution carries mask B, so that the colours of a pixel stay in order.

What it sees: with m = K0 // 2 and n blocks of 3 x 3, row r - d from column -(m + n) to min(d - 1, n) + m. It never sees the
wedge to the right of that, however deep it is: the blind spot. gated_pixelcnn.py has none.

Read first: masks.py, layers/relu_conv2d.py, readout.py.  Read next: sampling.py.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .. import losses, masks
from ..layers import conv2d, relu_conv2d
from . import new_caches, readout


@dataclass(frozen=True)
class Config:
    image_shape: tuple                                 # (H, W, C)
    levels: int = 2
    hidden: int = 32                                   # h; the residual stream has 2h maps
    layers: int = 7                                    # residual blocks
    first_kernel: int = 7                              # K0
    kernel: int = 3                                    # K
    head: int = 32                                     # maps of each hidden layer of the head
    head_layers: int = 2


class Taps(NamedTuple):
    """The lists of taps of this network, by what they lead from and to."""
    first: masks.Taps                                  # (K0², C, 2h)     mask A
    reduce: masks.Taps                                 # (1, 2h, h)       the rest mask B
    conv: masks.Taps                                   # (K², h, h)
    expand: masks.Taps                                 # (1, h, 2h)


def taps(config):
    C, h = config.image_shape[2], config.hidden
    colours, narrow, wide = np.arange(C), masks.groups(h, C), masks.groups(2 * h, C)
    return Taps(masks.mask_a(config.first_kernel, colours, wide),
                masks.mask_b(1, wide, narrow), masks.mask_b(config.kernel, narrow, narrow), masks.mask_b(1, narrow, wide))


def loss(config):
    return losses.by_levels(config.levels)


def shapes(config):
    h = config.hidden
    yield "first", conv2d.shapes(config.first_kernel**2, config.image_shape[2], 2 * h)
    for n in range(config.layers):
        yield f"reduce{n}", conv2d.shapes(1, 2 * h, h)
        yield f"conv{n}", conv2d.shapes(config.kernel**2, h, h)
        yield f"expand{n}", conv2d.shapes(1, h, 2 * h)
    yield from readout.shapes(config, 2 * h)


def init(rng, config):
    """Weights of variance 2 / fan-in before a relu; the last convolution of a block starts small, so that a deep net starts shallow."""
    t, params = taps(config), {}

    def conv(name, taps, gain=np.sqrt(2)):
        params[name] = conv2d.init(rng, *taps.mask.shape[1:], taps=taps, dtype=np.float64, gain=gain)

    conv("first", t.first, gain=1)
    for n in range(config.layers):
        conv(f"reduce{n}", t.reduce)
        conv(f"conv{n}", t.conv)
        conv(f"expand{n}", t.expand, gain=np.sqrt(2 / config.layers))
    return params | readout.init(rng, config, 2 * config.hidden)


def forward(params, x, config, *, condition=None, rng=None, keep=True):
    """x (N, H, W, C) -> logits (N, H, W, C) or (N, H, W, C, L), and the caches."""
    t, caches = taps(config), new_caches(keep)

    def conv(name, h, taps):
        """conv(relu(h))"""
        h, caches[name] = relu_conv2d.forward(h, *params[name], taps=taps)
        return h

    h, caches["first"] = conv2d.forward(x, *params["first"], taps=t.first)                     # (N, H, W, 2h)
    for n in range(config.layers):
        z = conv(f"conv{n}", conv(f"reduce{n}", h, t.reduce), t.conv)      # (N, H, W, h)
        z = conv(f"expand{n}", z, t.expand)                                # (N, H, W, 2h)
        h = np.add(h, z, out=z)                                            # h + z, in the place of z, which no cache holds
    caches["config"] = config
    return readout.forward(params, h, config, caches), caches


def backward(doutputs, caches):
    config, grads = caches["config"], {}

    def conv(name, dh):
        dh, *dw = relu_conv2d.backward(dh, caches[name])
        grads[name] = conv2d.Weights(*dw)
        return dh

    dh = readout.backward(doutputs, config, caches, grads)
    for n in reversed(range(config.layers)):
        dz = conv(f"reduce{n}", conv(f"conv{n}", conv(f"expand{n}", dh)))
        dh = np.add(dh, dz, out=dz)                                        # h went around the block and through it
    dx, *dw = conv2d.backward(dh, caches["first"])
    grads["first"] = conv2d.Weights(*dw)
    return dx, None, grads


class State(NamedTuple):
    """One convolution's memory for each convolution of the network."""
    first: conv2d.State
    blocks: list                                       # (reduce, conv, expand) of each
    readout: readout.State


def start(params, shape, config):
    t, (N, H, W, _) = taps(config), shape

    def conv(name, taps):
        return conv2d.start((N, H, W, taps.mask.shape[1]), *params[name], taps=taps)           # also relu_conv2d's

    blocks = [(conv(f"reduce{n}", t.reduce), conv(f"conv{n}", t.conv), conv(f"expand{n}", t.expand)) for n in range(config.layers)]
    return State(conv("first", t.first), blocks, readout.start(params, (N, H, W, 2 * config.hidden), config))


def see(x_t, state, /, *, at):
    """These pixels are known now: only the first convolution looks at the image itself."""
    conv2d.write(x_t, state.first, at=at)


def step(state, /, *, at):
    """forward's outputs at the strip `at`, from the pixels seen so far."""
    h = conv2d.read(state.first, at=at)                                    # (N, k, 2h)
    for reduce, conv, expand in state.blocks:
        z = relu_conv2d.step(relu_conv2d.step(h, reduce, at=at), conv, at=at)                  # (N, k, h)
        h = h + relu_conv2d.step(z, expand, at=at)
    return readout.step(h, state.readout, at=at)


def draws(C):
    return [slice(c, c + 1) for c in range(C)]


def reach(seen, config):
    """Upside down through the same lists of taps; the residual stream keeps what it had."""
    t = taps(config)

    def conv(seen, taps):
        return conv2d.reach(seen, shape=config.image_shape[:2], taps=taps)

    seen = readout.reach(seen, config, 2 * config.hidden)
    for _ in range(config.layers):
        seen = seen | conv(conv(conv(seen, t.expand), t.conv), t.reduce)
    return conv(seen, t.first)


def width(config):
    return 6 * config.hidden + 2 * config.head + 4 * config.image_shape[2] * config.levels
