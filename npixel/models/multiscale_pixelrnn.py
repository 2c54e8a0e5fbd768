"""Multi-scale PixelRNN: first a small image, pixel by pixel, then the large one around its pixels.

    x_small = x[::s, ::s]                              the pixels that are drawn first
    p(x_small)                                         a PixelRNN of its own, H/s x W/s
    maps = conv3x3(relu(deconv(x_small)))              h maps at full size; s x s blocks, then an unmasked 3 x 3 convolution
    p(x | x_small)                                     a PixelRNN over the whole image, conditional on the maps in every LSTM

van den Oord, Kalchbrenner, Kavukcuoglu, "Pixel Recurrent Neural Networks", 2016, section 3.6. The paper names "deconvolution" layers and gives no sizes; ours
are the two above.

The likelihood. The pixels of the small image stand in the large one, so they are known when that is drawn. Each is charged once, by the small
network; the large one is charged for the others only. The logits of both are laid into one map, outputs[::s, ::s] from the small network, and the model
is normalised like every other. Charging the copied pixels twice gives a bound below the likelihood, not a likelihood: the sum over images is < 1.

Order of generation: the small image in raster order, then the other pixels in raster order. Every pixel of the second stage sees the whole small image that
its maps reach, also what lies below it.

Read first: pixelrnn.py, row_lstm.py, diagonal_bilstm.py.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .. import losses, masks
from ..layers import conv2d, relu_conv2d
from . import diagonal_bilstm, diagonal_lstm, new_caches, pixelrnn, row_lstm

LSTMS = {"row_lstm": row_lstm, "diagonal_lstm": diagonal_lstm, "diagonal_bilstm": diagonal_bilstm}


@dataclass(frozen=True)
class Config:
    image_shape: tuple                                 # (H, W, C), H and W divisible by scale
    levels: int = 2
    hidden: int = 32                                   # h of both networks, and the number of maps
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
            raise ValueError(
                "layers must be at least 1 in multiscale_pixelrnn: its LSTMs read the maps of the "
                "small image; is 0"
            )
        if self.scale < 2 or H % self.scale or W % self.scale:
            raise ValueError(f"height and width must be divisible by scale, which is at least 2: {H} x {W}, scale {self.scale}")

    def parts(self):
        """The configurations of the small network and of the large one."""
        H, W, C = self.image_shape
        shared = {name: getattr(self, name) for name in ("levels", "hidden", "layers", "first_kernel", "head", "head_layers")}
        make = LSTMS[self.lstm].Config
        return make(image_shape=(H // self.scale, W // self.scale, C), **shared), make(image_shape=self.image_shape, condition_maps=self.hidden, **shared)


def loss(config):
    return losses.by_levels(config.levels)


def shapes(config):
    small, large = config.parts()
    h = config.hidden
    yield "deconv", conv2d.shapes(1, config.image_shape[2], config.scale**2 * h)
    yield "maps", conv2d.shapes(9, h, h)
    for prefix, part in (("small_", small), ("large_", large)):
        for name, weights in pixelrnn.shapes(part):
            yield prefix + name, weights


def init(rng, config):
    small, large = config.parts()
    C, h = config.image_shape[2], config.hidden
    params = {"deconv": conv2d.init(rng, C, config.scale ** 2 * h, taps=HERE, dtype=np.float64),
              "maps": conv2d.init(rng, h, h, taps=AROUND, dtype=np.float64, gain=np.sqrt(2))}
    for prefix, part in (("small_", small), ("large_", large)):
        params |= {prefix + name: weights for name, weights in pixelrnn.init(rng, part).items()}
    return params


HERE = ((0, 0),)
AROUND = masks.square(3)


def part_of(params, prefix):
    """The weights of one of the two networks, under its own names."""
    return {name.removeprefix(prefix): weights for name, weights in params.items() if name.startswith(prefix)}


def forward(params, x, config, *, condition=None, rng=None, keep=True):
    """x (N, H, W, C) -> logits (N, H, W, C) or (N, H, W, C, L), those of the small network in their places; and the caches."""
    s, caches = config.scale, new_caches(keep)
    small, large = config.parts()
    x_small = np.ascontiguousarray(x[:, ::s, ::s])
    outputs_small, caches["small"] = pixelrnn.forward(part_of(params, "small_"), x_small, small, keep=keep)
    maps = upsample(params, x_small, config, caches)
    outputs, caches["large"] = pixelrnn.forward(part_of(params, "large_"), x, large, condition=maps, keep=keep)
    outputs[:, ::s, ::s] = outputs_small                                   # charged once, by the network that drew them
    caches["config"] = config
    return outputs, caches


def backward(doutputs, caches):
    config, grads = caches["config"], {}
    s = config.scale
    # outputs[:, ::s, ::s] = outputs_small
    dlarge = doutputs.copy()
    dlarge[:, ::s, ::s] = 0
    dx, dmaps, grads_large = pixelrnn.backward(dlarge, caches["large"])
    dx_small = upsample_backward(dmaps, config, caches, grads)
    dx_drawn, _, grads_small = pixelrnn.backward(np.ascontiguousarray(doutputs[:, ::s, ::s]), caches["small"])
    dx[:, ::s, ::s] += dx_small + dx_drawn                                 # a pixel of the small image is read by all three
    for prefix, part in (("small_", grads_small), ("large_", grads_large)):
        grads |= {prefix + name: weights for name, weights in part.items()}
    return dx, None, grads


def upsample(params, x_small, config, caches):
    """x_small (N, H/s, W/s, C) -> maps (N, H, W, h)"""
    s, (N, R, Q, _), h = config.scale, x_small.shape, config.hidden
    y, caches["deconv"] = conv2d.forward(x_small, *params["deconv"], taps=HERE)                # (N, R, Q, s s h)
    y = y.reshape(N, R, Q, s, s, h).transpose(0, 1, 3, 2, 4, 5).reshape(N, R * s, Q * s, h)    # every pixel becomes a block
    maps, caches["maps"] = relu_conv2d.forward(y, *params["maps"], taps=AROUND)
    return maps


def upsample_backward(dmaps, config, caches, grads):
    s, (N, H, W, h) = config.scale, dmaps.shape
    dy, *dw = relu_conv2d.backward(dmaps, caches["maps"])
    grads["maps"] = conv2d.Weights(*dw)
    dy = dy.reshape(N, H // s, s, W // s, s, h).transpose(0, 1, 3, 2, 4, 5).reshape(N, H // s, W // s, s * s * h)
    dx_small, *dw = conv2d.backward(dy, caches["deconv"])
    grads["deconv"] = conv2d.Weights(*dw)
    return dx_small


def stages(config):
    """Two stages, each a bool map (H, W) of the pixels drawn in it: sampling.py."""
    small = np.zeros(config.image_shape[:2], bool)
    small[::config.scale, ::config.scale] = True
    return [small, ~small]


class State(NamedTuple):
    """One network's memory: of the small one in the first stage, of the large one in the second."""
    part: pixelrnn.State
    scale: int                                         # columns and rows of the image for one of the network's


def start(params, shape, config, *, stage=0, x=None):
    """stage 1 needs x (N, H, W, C) with the small image in its place: its maps are computed here, once."""
    small, large = config.parts()
    N, H, W, C = shape
    s = config.scale
    if stage == 0:
        return State(pixelrnn.start(part_of(params, "small_"), (N, H // s, W // s, C), small), s)
    maps = upsample(params, np.ascontiguousarray(x[:, ::s, ::s]), config, new_caches(False))
    return State(pixelrnn.start(part_of(params, "large_"), shape, large, condition=maps), 1)


def see(x_t, state, /, *, at):
    """These pixels are known now. In the first stage `at` is one pixel of the small image, in the coordinates of the large one."""
    pixelrnn.see(x_t, state.part, at=inside(at, state.scale))


def step(state, /, *, at):
    """forward's outputs at the strip `at`."""
    return pixelrnn.step(state.part, at=inside(at, state.scale))


def inside(at, scale):
    """The strip in the network's own coordinates."""
    row, columns = at
    return row // scale, slice(columns.start // scale, -(-columns.stop // scale))


def draws(C):
    return [slice(c, c + 1) for c in range(C)]


def reach(seen, config):
    """What both networks read, and what the maps bring of the small image."""
    s, (small, large) = config.scale, config.parts()
    drawn = np.zeros_like(seen)
    drawn[::s, ::s] = pixelrnn.reach(seen[::s, ::s], small)
    rest = seen.copy()
    rest[::s, ::s] = False
    past, maps = pixelrnn.reach_all(rest, large)
    H, W, C = config.image_shape
    everything = masks.Taps(AROUND, np.ones((len(AROUND), config.hidden, config.hidden), bool))
    blocks = conv2d.reach(maps, shape=(H, W), taps=everything).any(axis=2).reshape(H // s, s, W // s, s).any(axis=(1, 3))
    drawn[::s, ::s] |= blocks[..., None]
    return drawn | past


def width(config):
    small, large = config.parts()
    return pixelrnn.width(large) + pixelrnn.width(small) + 4 * config.hidden
