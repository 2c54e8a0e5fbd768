"""PixelCNN: a stack of masked convolutions, so every pixel is predicted at once from its past.

    h = conv_A(x)                                    K0 x K0, mask A, C -> 2h maps
    z = conv1x1(relu(h))                             2h -> h maps
    z = conv_B(relu(z))                              K x K, mask B
    h = h + conv1x1(relu(z))                         h -> 2h maps; the last three `layers` times
    logits = readout(h)                              readout.py

van den Oord, Kalchbrenner, Kavukcuoglu, "Pixel Recurrent Neural Networks", 2016, section 3.5 and
table 1. CIFAR-10 there: 15 blocks, h = 128, head 1024; MNIST: head 32. Every 1 x 1 convolution
carries mask B, so that the colours of a pixel stay in order.

What it sees: with m = K0 // 2 and n blocks of 3 x 3, row r - d from column -(m + n) to
min(d - 1, n) + m. It never sees the wedge to the right of that, however deep it is: the blind spot.
gated_pixelcnn.py has none.

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
    hidden: int = 32                                   # h; the residual stream has 2h maps
    layers: int = 7                                    # residual blocks
    first_kernel: int = 7                              # K0
    kernel: int = 3                                    # K
    head: int = 32                                     # maps of each hidden layer of the head
    head_layers: int = 2


def layers(config):
    """The table. Before a relu, weights have variance 2 / fan-in. The last convolution of a block
    starts small, so that a deep network starts shallow."""
    C, h, two = config.image_shape[2], config.hidden, np.sqrt(2)
    within, around = mask_b(1, C), mask_b(config.kernel, C)
    yield "first", Layer(conv2d, C, 2 * h, mask_a(config.first_kernel, C))
    for n in range(config.layers):
        yield f"reduce{n}", Layer(relu_conv2d, 2 * h, h, within, gain=two)
        yield f"conv{n}", Layer(relu_conv2d, h, h, around, gain=two)
        yield f"expand{n}", Layer(relu_conv2d, h, 2 * h, within, gain=np.sqrt(2 / config.layers))
    yield from readout.layers(config, 2 * h)


def network(f, x, config):
    """The forward pass: x (N, H, W, C) -> logits (N, H, W, C) or (N, H, W, C, L)."""
    h = f("first", x)                                                      # (N, H, W, 2h)
    for n in range(config.layers):
        z = f(f"conv{n}", f(f"reduce{n}", h))                              # (N, H, W, h)
        h = add(h, f(f"expand{n}", z))
    return readout.network(f, h, config)


def network_backward(b, doutputs, config):
    """The backward pass: doutputs -> dx (N, H, W, C)."""
    dh = readout.network_backward(b, doutputs, config)
    for n in reversed(range(config.layers)):
        dz = b(f"conv{n}", b(f"expand{n}", dh))
        dh = add(dh, b(f"reduce{n}", dz))              # h went around the block and through it
    return b("first", dh)


shapes, init, forward, backward, start, see, step, reach = Wiring(
    layers, network, network_backward).functions()


def width(config):
    """Numbers alive at once per pixel of a forward pass without caches."""
    return 6 * config.hidden + 2 * config.head + 4 * config.image_shape[2] * config.levels
