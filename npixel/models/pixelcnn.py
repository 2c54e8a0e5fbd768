"""PixelCNN: a stack of masked convolutions, so that every pixel is predicted at once from a bounded
part of its past.

    h = conv_A(x)                                    C -> 2p maps, K0 x K0, mask A
    in each of the n blocks:
        z = conv1x1(relu(h))                         2p -> p maps, mask B
        z = conv_B(relu(z))                          p -> p maps, K x K, mask B
        h = h + conv1x1(relu(z))                     p -> 2p maps, mask B
    logits = readout(h)                              the head: readout.py

Both masks hide all later pixels. At the pixel itself, a map of one colour reads the colours before
it (mask A), or its own, too (mask B): masks.py.

van den Oord, Kalchbrenner, Kavukcuoglu, "Pixel Recurrent Neural Networks", 2016, section 3.5 and
table 1; p is their h. For CIFAR-10 they take n = 15, p = 128, head = 1024; for MNIST head = 32.

What it sees, with m = K0 // 2 and K = 3: a pixel in row r and column c sees its own row from column
c - (m + n) to c - 1, and earlier colours at c. In row r - d, for d from 1 to m + n, it sees columns
c - (m + n) to c + m + min(d - 1, n). The wedge to the right of that is the blind spot: more blocks
do not uncover it. gated_pixelcnn.py has none.

Read first: masks.py, layers/relu_conv2d.py, models/wiring.py, models/readout.py.
Read next: sampling.py, layers/fully_visible.py.
"""

from dataclasses import dataclass

import numpy as np

from ..layers import conv2d, relu_conv2d
from . import readout
from .discrete import draws, loss                      # noqa: F401  the model contract
from .wiring import Layer, Wiring, add, mask_a, mask_b


@dataclass(frozen=True)
class Config:
    image_shape: tuple                                 # (H, W, C)
    levels: int = 2
    hidden: int = 32                                   # p; the h of the header has 2p maps
    layers: int = 7                                    # n, the number of blocks
    first_kernel: int = 7                              # K0
    kernel: int = 3                                    # K
    head: int = 32                                     # maps of each hidden layer of the head
    head_layers: int = 2


def layers(config):
    """The table: (name, Layer) of every convolution. relu_conv2d takes the relu of its input.

    Weights start with variance gain² / fan-in. The more blocks there are, the smaller the last
    convolution of each one starts: so a deep network starts shallow.
    """
    C, p = config.image_shape[2], config.hidden
    within, around = mask_b(1, C), mask_b(config.kernel, C)
    yield "first", Layer(conv2d, C, 2 * p, mask_a(config.first_kernel, C))
    for n in range(config.layers):
        yield f"reduce{n}", Layer(relu_conv2d, 2 * p, p, within, gain=np.sqrt(2))
        yield f"conv{n}", Layer(relu_conv2d, p, p, around, gain=np.sqrt(2))
        yield f"expand{n}", Layer(relu_conv2d, p, 2 * p, within, gain=np.sqrt(2 / config.layers))
    yield from readout.layers(config, 2 * p)


def network(f, x, config):
    """x (N, H, W, C) -> logits (N, H, W, C) or (N, H, W, C, L).   f(name, x) computes a layer."""
    h = f("first", x)                                                      # (N, H, W, 2p)
    for n in range(config.layers):
        z = f(f"conv{n}", f(f"reduce{n}", h))                              # (N, H, W, p)
        h = add(h, f(f"expand{n}", z))                                     # h + z, written over z
    return readout.network(f, h, config)


def network_backward(b, doutputs, config):
    """doutputs, like logits -> dx (N, H, W, C).   b(name, dy) goes back through a layer."""
    dh = readout.network_backward(b, doutputs, config)
    for n in reversed(range(config.layers)):
        dz = b(f"conv{n}", b(f"expand{n}", dh))
        dh = add(dh, b(f"reduce{n}", dz))              # h went around the block and through it
    return b("first", dh)


# start, see and step run `network` at one strip; reach runs `network_backward` on bools
shapes, init, forward, backward, start, see, step, reach = Wiring(
    layers, network, network_backward).functions()


def width(config):
    """Numbers alive at once per pixel of a forward pass without caches."""
    # in a block: h, what is added to it, and z before and after conv_B: 2p + 2p + p + p
    return 6 * config.hidden + 2 * config.head + 4 * config.image_shape[2] * config.levels
