"""Multi-scale PixelRNN: first a small image, pixel by pixel, then the large one around its pixels.

    x_small = x[::s, ::s]                              the pixels that are drawn first
    p(x_small)                                         a PixelRNN of its own, H/s x W/s
    maps = conv3x3(relu(blocks(conv1x1(x_small))))     h maps at full size, nothing masked
    p(x | x_small)                                     a PixelRNN over the whole image, conditional
                                                       on the maps in every LSTM

The 1 x 1 convolution makes s s h maps of x_small. `blocks` turns each pixel of these into a block
of s x s pixels with h maps. Together the two are a transposed convolution.

van den Oord, Kalchbrenner, Kavukcuoglu, "Pixel Recurrent Neural Networks", 2016, section 3.6. The
paper names "deconvolution" layers and gives no sizes; the sizes are ours.

The likelihood. The pixels of the small image stand in the large one, so they are known when that is
drawn. Their probability counts once, as the small network gives it. From the large network only the
probability of the other pixels counts. The logits of both stand in one map, where outputs[::s, ::s]
come from the small network. So the model is normalised like every other. If the large network
predicted the copied pixels as well, the sum over images would be less than 1.

Order of generation. The small image comes first, in raster order, then the other pixels in raster
order. Every pixel of the second stage sees the whole small image that its maps reach, also what
lies below it.

Read first: models/pixelrnn.py, models/row_lstm.py, models/diagonal_lstm.py,
models/diagonal_bilstm.py.
Read next: layers/gated_activation.py.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .. import masks
from ..layers import conv2d, relu_conv2d
from . import diagonal_bilstm, diagonal_lstm, discrete, pixelrnn, row_lstm, wiring
from .discrete import draws, loss                      # noqa: F401  the model contract
from .wiring import Layer, Wiring

LSTMS = {"row_lstm": row_lstm, "diagonal_lstm": diagonal_lstm, "diagonal_bilstm": diagonal_bilstm}
HERE = ((0, 0),)
AROUND = masks.square(3)
SHARED = "levels", "hidden", "layers", "first_kernel", "head", "head_layers"


@dataclass(frozen=True)
class Config:
    image_shape: tuple                                 # (H, W, C), H and W divisible by scale
    levels: int = 2
    hidden: int = 32                                   # h of both networks, and number of maps
    layers: int = 3                                    # LSTM layers of each, at least 1
    first_kernel: int = 7                              # K0
    head: int = 32                                     # maps of each hidden layer of the heads
    head_layers: int = 2
    scale: int = 2                                     # s
    lstm: str = "diagonal_bilstm"                      # the layers of both networks

    def __post_init__(self):
        H, W, _ = self.image_shape
        if self.lstm not in LSTMS:
            raise ValueError(f"lstm must be one of {', '.join(LSTMS)}, is {self.lstm!r}")
        if self.layers < 1:
            raise ValueError("layers must be at least 1 in multiscale_pixelrnn: its LSTMs read "
                             "the maps of the small image; is 0")
        if self.scale < 2 or H % self.scale or W % self.scale:
            raise ValueError("height and width must be divisible by scale, which is at least 2: "
                             f"{H} x {W}, scale {self.scale}")

    def parts(self):
        """(small, large): the configurations of both networks."""
        H, W, C = self.image_shape
        small_shape = H // self.scale, W // self.scale, C
        shared = {name: getattr(self, name) for name in SHARED}
        make = LSTMS[self.lstm].Config
        return (make(image_shape=small_shape, **shared),
                make(image_shape=self.image_shape, condition_maps=self.hidden, **shared))


def layers(config):
    """The table: that of the maps, and those of both networks."""
    C, h, s = config.image_shape[2], config.hidden, config.scale
    small, large = config.parts()
    yield "deconv", Layer(conv2d, C, s * s * h, HERE, scale=s)
    yield "maps", Layer(relu_conv2d, h, h, AROUND, gain=np.sqrt(2))
    for name, layer in pixelrnn.layers(small):
        yield f"small_{name}", layer._replace(scale=s)
    for name, layer in pixelrnn.layers(large):
        yield f"large_{name}", layer


def network(f, x, config):
    """x (N, H, W, C) -> logits (N, H, W, C) or (N, H, W, C, L), the small network's in place."""
    s, (small, large) = config.scale, config.parts()
    x_small = np.ascontiguousarray(x[:, ::s, ::s])                         # (N, H/s, W/s, C)
    outputs_small = pixelrnn.network(of_part(f, "small_"), x_small, small)
    maps = upsample(f, x_small, config)                                    # (N, H, W, h)
    outputs = pixelrnn.network(of_part(f, "large_"), x, large, condition=maps)
    outputs[:, ::s, ::s] = outputs_small               # of the network that draws these pixels
    return outputs


def network_backward(b, doutputs, config):
    """doutputs -> dx (N, H, W, C)"""
    s, (small, large) = config.scale, config.parts()
    # outputs[:, ::s, ::s] = outputs_small
    dlogits = discrete.as_features(doutputs, config)                       # (N, H, W, C L)
    dsmall, dlarge = np.ascontiguousarray(dlogits[..., ::s, ::s, :]), dlogits.copy()
    dlarge[..., ::s, ::s, :] = 0
    dlarge = discrete.as_outputs(dlarge, config)
    dx, dmaps = pixelrnn.network_backward(of_part(b, "large_"), dlarge, large)
    dx_small = upsample_backward(b, dmaps, config)
    dsmall = discrete.as_outputs(dsmall, config)
    dx_drawn, _ = pixelrnn.network_backward(of_part(b, "small_"), dsmall, small)
    dx[..., ::s, ::s, :] += dx_small + dx_drawn        # all three read a pixel of the small image
    return dx


def upsample(f, x_small, config):
    """x_small (N, H/s, W/s, C) -> maps (N, H, W, h)"""
    return f("maps", blocks(f("deconv", x_small), config.scale))


def upsample_backward(b, dmaps, config):
    """dmaps (N, H, W, h) -> dx_small (N, H/s, W/s, C)"""
    return b("deconv", blocks_backward(b("maps", dmaps), config.scale))


def blocks(y, s):
    """(..., H/s, W/s, s s h) -> (..., H, W, h): every pixel becomes a block of s x s.

    >>> blocks(np.arange(8).reshape(1, 2, 4), 2)[..., 0].tolist()
    [[0, 1, 4, 5], [2, 3, 6, 7]]
    """
    *N, rows, columns, maps = y.shape
    y = y.reshape(*N, rows, columns, s, s, maps // (s * s)).swapaxes(-4, -3)
    return y.reshape(*N, rows * s, columns * s, maps // (s * s))


def blocks_backward(dy, s):
    """(..., H, W, h) -> (..., H/s, W/s, s s h): the way back from `blocks`."""
    *N, H, W, h = dy.shape
    dy = dy.reshape(*N, H // s, s, W // s, s, h).swapaxes(-4, -3)
    return dy.reshape(*N, H // s, W // s, s * s * h)


def of_part(f, prefix):
    """f or b for one of the two networks, whose text names its layers without the prefix."""
    return lambda name, *inputs: f(prefix + name, *inputs)


wired = Wiring(layers, network, network_backward)
shapes, init, forward, backward, reach = (
    wired.shapes, wired.init, wired.forward, wired.backward, wired.reach)


# generation


def stages(config):
    """Two stages, each a bool map (H, W) of the pixels drawn in it: sampling.py."""
    small = np.zeros(config.image_shape[:2], bool)
    small[::config.scale, ::config.scale] = True
    return [small, ~small]


class State(NamedTuple):
    """One network's memory: of the small one in the first stage, of the large one in the second."""
    part: wiring.State
    scale: int                                         # image rows for one row of the network


def start(params, shape, config, *, stage=0, x=None):
    """Memory for one stage of going through images of this shape (N, H, W, C).

    stage   0 for the small image, 1 for the other pixels
    x       (N, H, W, C) with the small image in its place; stage 1 computes the maps from it
    """
    small, large = config.parts()
    (N, H, W, C), s = shape, config.scale
    if stage == 0:
        shape = N, H // s, W // s, C
        return State(pixelrnn.start(part_of(params, "small_"), shape, small), s)
    f = wiring.forwards(dict(layers(config)), params, wiring.new_caches(False))
    maps = upsample(f, np.ascontiguousarray(x[:, ::s, ::s]), config)
    return State(pixelrnn.start(part_of(params, "large_"), shape, large, condition=maps), 1)


def part_of(params, prefix):
    """The weights of one of the two networks, named without the prefix."""
    return {name.removeprefix(prefix): weights for name, weights in params.items()
            if name.startswith(prefix)}


def see(x_t, state, /, *, at):
    """These pixels are known now.   Updates `state` in place.

    at   in the coordinates of the large image; in the first stage one pixel of the small one
    """
    pixelrnn.see(x_t, state.part, at=inside(at, state.scale))


def step(state, /, *, at):
    """forward's outputs at the strip `at`."""
    return pixelrnn.step(state.part, at=inside(at, state.scale))


def inside(at, scale):
    """The strip in the network's own coordinates."""
    row, columns = at
    return row // scale, slice(columns.start // scale, -(-columns.stop // scale))


def width(config):
    """Numbers alive at once per pixel of a forward pass without caches."""
    small, large = config.parts()
    return pixelrnn.width(large) + pixelrnn.width(small) + 4 * config.hidden
