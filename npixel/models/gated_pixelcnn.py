"""Gated PixelCNN: two stacks of convolutions, of which one looks up and the other left, so that no
blind spot remains; conditional on anything known.

    z = conv(v)                 vertical stack: K rows up to this one, nothing masked, p -> 2p maps
    v = gate(z)                 gate(z) = tanh(f) σ(g), where f and g are the halves of z
    z' = conv_row(h) + link(z one row up)
                                horizontal stack: 1 x K to the left; the link is 1 x 1, 2p -> 2p
    y = gate(z')
    h = h + conv1x1(y)          mask B; the first layer has no `h +`
    logits = readout(h + Σ conv1x1_skip(y))
                                the sum over the layers only with skip=True

Both stacks begin with the image, v = h = x. In the first layer, K is K0 and conv_row has mask A; in
the n layers after it, K is `kernel` and conv_row has mask B. The network may be conditional on s:

    v = gate(z + s A),   y = gate(z' + s B)            conditional_bias.py

A and B (V, 2p) belong to this layer. They hold V_f and V_g of equations 4 and 5, side by side.

van den Oord, Kalchbrenner, Vinyals, Espeholt, Graves, Kavukcuoglu, "Conditional Image Generation
with PixelCNN Decoders", 2016, sections 2.2 and 2.3, figure 2. For ImageNet there: 20 layers,
p = 384, 5 x 5 kernels.

Implementations go wrong in three places:

  The row.       z at row r knows row r itself, also to the right. So it may be used only one row
                 further down. The link is a 1 x 1 convolution whose tap stands one row up: it
                 shifts the map down by one row, too. At row 0 it gives its bias.
  The residual.  The first layer's input is the image. So `h +` there would add the pixel to its own
                 prediction.
  The link.      It is added before the gate. Added to y it would be causal too, and would train,
                 but it would be another model.

Colours. The convolutions of the horizontal stack carry masks over groups of colours, in each half
of the gate alike. The vertical stack and the link have no masks: all they read lies in rows above.

What it sees. Let m = K0 // 2 + n (K // 2), and count columns from the pixel. It sees its own row
from column -m to -1, and the rows r - 1 to r - (m + 1) from column -m to m. That is a rectangle:
where it covers the image, nothing of the past is missing. What many layers must hand on is learned
late, and never if the steps are too large. An example is blind_corner:8x8, where the pixel needed
is 7 columns away. 500 steps of 32 images close the gap at 3e-3 (0.005 is left of 3.462). At 6e-3
they have not begun to.

What the paper leaves open, and where we depart. The link reads z without the condition. The
vertical gate of the last layer would lead nowhere, so there is none. Skip connections are those of
public ports. One is pytorch-generative's Gated (10 layers, 128 maps, head 32), with 3,364,161
parameters. It is this network with skip=True and head_layers=1, but for four differences:

  * z is a 1 x K convolution to p maps and then a K x 1 one to 2p.
  * v = gate(z + conv1x1(v)).
  * Of a masked 1 x K kernel only the live taps are counted, and its first mask A has one more of
    them to the left.
  * h itself does not go to the head.

Read first: models/pixelcnn.py, layers/gated_activation.py, models/condition.py.
Read next: layers/elu.py, models/pixelcnn_pp.py.
"""

import itertools
from dataclasses import dataclass

import numpy as np

from .. import masks
from ..layers import conditional_bias, conv2d, gated_activation
from . import condition as conditions
from . import readout, wiring
from .discrete import draws, loss                      # noqa: F401  the model contract
from .wiring import NOTHING, Layer, Window, Wiring, add, mask_b

ONE_ROW_UP = ((-1, 0),)
# 1 / sqrt(E tanh² E σ²) over standard normal numbers: a gate divides a deviation of 1 by this
GATE = 2.94


@dataclass(frozen=True)
class Config:
    image_shape: tuple                                 # (H, W, C)
    levels: int = 2
    hidden: int = 32                                   # p, maps of either stack
    layers: int = 4                                    # n, after the first
    first_kernel: int = 7                              # K0
    kernel: int = 5                                    # K
    head: int = 32                                     # maps of each hidden layer of the head
    head_layers: int = 2
    skip: bool = False                                 # 1 x 1 from every layer to the head
    classes: int = 0                                   # conditional on one of so many labels,
    condition_features: int = 0                        # or on a vector of so many numbers,
    condition_maps: int = 0                            # or on so many maps

    def __post_init__(self):
        conditions.check(self)


def layers(config):
    """The table. Every pre-activation begins with about variance 1.

    The vertical stack has it at any depth. The horizontal one is a sum of what it carries on and
    what the layers add, and these begin as large as each other.
    """
    C, p, n = config.image_shape[2], config.hidden, config.layers
    within, half = mask_b(1, C), np.sqrt(1 / 2)
    K0, K = config.first_kernel, config.kernel
    deep = min(n, 2**53)                               # NumPy has no root of an absurd n
    first = C, vertical(K0), causal_row(K0, C, first=True)
    later = p, vertical(K), causal_row(K, C)
    for i in range(1 + n):
        inputs, above, row = later if i else first
        yield f"vertical{i}", Layer(conv2d, inputs, 2 * p, above, gain=GATE if i else 1)
        yield f"link{i}", Layer(conv2d, 2 * p, 2 * p, ONE_ROW_UP, gain=half)
        yield f"horizontal{i}", Layer(conv2d, inputs, 2 * p, row, gain=half)
        yield f"out{i}", Layer(conv2d, p, p, within, gain=GATE / np.sqrt(deep) if i else GATE)
        if config.skip:
            yield f"skip{i}", Layer(conv2d, p, p, within, gain=GATE / np.sqrt(deep + 1))
        yield from gate_layers(f"horizontal{i}", config)
        if i < n:
            yield from gate_layers(f"vertical{i}", config)
    yield from readout.layers(config, p)


def gate_layers(name, config):
    """The layers of one gate: what it is conditional on, where the model is, and the activation."""
    codes = conditions.codes(config)
    if codes:
        yield f"condition_{name}", Layer(
            conditional_bias, codes, 2 * config.hidden, conditional=True, gain=0.5,
            sizes={"live": conditions.live(config)})
    yield f"gate_{name}", Layer(gated_activation)


def vertical(K):
    """The rows of a K x K window down to the pixel's own, nothing masked."""
    def make(C, D):
        return masks.Taps(*masks.as_taps(masks.vertical(K), C, D))
    return Window((K + 1) // 2 * K, make)


def causal_row(K, colours, *, first=False):
    """1 x K along the row being generated; each half of the output is split into all colours.

    first   True: mask A, else mask B
    """
    def make(C, D):
        inputs, gates = masks.groups(C, colours), masks.groups(D, colours, gates=2)
        return masks.causal_row(K, inputs, gates, first=first)
    return Window(K, make)


# the network


def network(f, x, config, *, condition=None):
    """x (N, H, W, C) -> logits (N, H, W, C) or (N, H, W, C, L)

    condition   (N,) integers, (N, V) or (N, H, W, V) numbers, or None: models/condition.py
    """
    s = conditions.code(condition, config, x.dtype)
    return horizontal_stack(f, x, vertical_stack(f, x, config, s), config, s)


def vertical_stack(f, v, config, s=None):
    """From the image v: yields z (N, H, W, 2p) of every layer, which the links need."""
    for i in range(1 + config.layers):
        z = f(f"vertical{i}", v)
        yield z
        if i < config.layers:
            v = gate(f, f"vertical{i}", z, config, s)                      # (N, H, W, p)


def horizontal_stack(f, h, above, config, s=None):
    """From the image h to the logits.

    above   z of the vertical stack, layer by layer
    """
    skipped = 0
    for i, z in zip(range(1 + config.layers), above):
        z = add(f(f"link{i}", z), f(f"horizontal{i}", h))                  # (N, H, W, 2p)
        y = gate(f, f"horizontal{i}", z, config, s)                        # (N, H, W, p)
        up = f(f"out{i}", y)
        h = up if i == 0 else add(h, up)
        if config.skip:
            skipped = skipped + f(f"skip{i}", y)
    return readout.network(f, h + skipped, config)


def gate(f, name, z, config, s):
    """y = gate(z + s A)   z (N, H, W, 2p) -> y (N, H, W, p)"""
    if conditions.codes(config):
        z = f(f"condition_{name}", z, s)
    return f(f"gate_{name}", z)


def network_backward(b, doutputs, config):
    """doutputs -> dx (N, H, W, C), and ds, the gradient of the condition's code"""
    dh = readout.network_backward(b, doutputs, config)
    dskipped, dv, ds = dh, None, NOTHING
    for i in reversed(range(1 + config.layers)):
        # h = h + out(y),   skipped = skipped + skip(y)
        dy = b(f"out{i}", dh)
        if config.skip:
            dy = dy + b(f"skip{i}", dskipped)          # y went to the stream and to the head
        # y = gate(horizontal(h) + link(z))
        drow, ds = gate_backward(b, f"horizontal{i}", dy, config, ds)
        dz = b(f"link{i}", drow)
        if i < config.layers:
            dz_v, ds = gate_backward(b, f"vertical{i}", dv, config, ds)
            dz = dz + dz_v                             # z went to the link and to its own gate
        dh_row = b(f"horizontal{i}", drow)
        dh = dh_row if i == 0 else dh + dh_row         # h went around the layer and through it
        dv = b(f"vertical{i}", dz)
    return dh + dv, ds                                 # both stacks began with the image


def gate_backward(b, name, dy, config, ds):
    """dy -> dz, and ds + what this gate adds to it, since every layer reads the condition."""
    dz = b(f"gate_{name}", dy)
    if conditions.codes(config):
        dz, ds_here = b(f"condition_{name}", dz)
        ds = ds + ds_here
    return dz, ds


wired = Wiring(layers, network, network_backward, image=("vertical0", "horizontal0"))
shapes, init, forward, see, reach = (
    wired.shapes, wired.init, wired.forward, wired.see, wired.reach)


def backward(doutputs, caches):
    """doutputs -> dx, dcondition (None for classes), and the gradients of all weights"""
    dx, ds, grads = wired.backward(doutputs, caches)
    return dx, conditions.code_backward(ds, caches["config"]), grads


# generation


def start(params, shape, config, *, condition=None):
    """Memory for going through images of this shape (N, H, W, C), strip by strip."""
    s = conditions.code(condition, config, params["logits"].w.dtype)
    return wiring.started(dict(layers(config)), params, shape, config, code=s)


def step(state, /, *, at):
    """forward's outputs at the strip `at`, from the pixels seen so far.

    When a row begins, the one above is complete. Then the vertical stack goes through that row.
    """
    row, columns = at
    if columns.start == 0 and row > 0:
        vertical_row(state, (row - 1, slice(0, state.config.image_shape[1])))
    remembered = itertools.repeat(None)
    return horizontal_stack(wiring.steps(state, at), None, remembered, state.config)


def vertical_row(state, at):
    """The vertical stack at a whole row. The links remember its z, and read it at the next row."""
    for i, z in enumerate(vertical_stack(wiring.steps(state, at), None, state.config)):
        conv2d.write(z, state.memories[f"link{i}"], at=at)


def width(config):
    """Numbers alive at once per pixel of a forward pass without caches."""
    maps = 14 * config.hidden + 2 * config.head + config.condition_maps
    return maps + 4 * config.image_shape[2] * config.levels
