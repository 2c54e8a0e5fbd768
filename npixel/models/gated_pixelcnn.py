"""Gated PixelCNN: two stacks of convolutions, of which one looks up and the other left, so that no blind spot remains; conditional on anything known.

    V = conv(v)                             vertical stack: K rows up to this one, all K columns, p -> 2p maps, nothing masked
    v = gate(V)                             tanh(V_f) · σ(V_g)
    z = conv_row(h) + link(V one row up)    horizontal stack: 1 x K to the left, mask A in the first layer, B after; link is 1 x 1, 2p -> 2p
    y = gate(z)
    h = conv1x1(y) + h                      mask B; in the first layer without `+ h`
    logits = readout(h + Σ conv1x1_skip(y))                            the sum over layers only with skip=True

both stacks begin with the image, v = h = x; K is K0 in the first layer and `kernel` in the `layers` after it. Conditional on s (conditional_bias.py):

    v = gate(V + s A),   y = gate(z + s B)                             A, B (V, 2p) of this layer: V_f and V_g of eq. 4 and 5, side by side

van den Oord, Kalchbrenner, Vinyals, Espeholt, Graves, Kavukcuoglu, "Conditional Image Generation with PixelCNN Decoders", 2016, sections 2.2 to 2.3,
figure 2. ImageNet there: 20 layers, p = 384, 5 x 5 kernels.

Three places where implementations go wrong.
  The row.       V at row r knows row r itself, to the right as well. It may be used one row further down only: the link is a 1 x 1 convolution whose tap
                 stands one row up, which is `shift the map down one row, then 1 x 1` in one. Above row 0 there is nothing, and the link is its bias.
  The residual.  The first layer's input is the image, so `+ h` there would add the pixel to its own prediction.
  The link       is added before the gate: added to y it would be causal and train, and be another model.

Colours. The convolutions of the horizontal stack carry masks over colour groups, in each half of the gate alike: masks.groups(2 p, C, gates=2). The vertical stack
and the link carry none, since all they read lies in rows above.

What it sees: with M = K0 // 2 + n (K // 2) after n later layers, its own row from column -M to -1, and rows r - 1 to r - (M + 1) from column -M to M. A rectangle: where it
covers the image, nothing of the past is missing. What lies far away is learned late if many layers hand it on, and never if the steps are too large: on
blind_corner:8x8, where the pixel needed is 7 columns away, 500 steps of 32 images at 3e-3 close the gap (0.005 left of 3.462), and at 6e-3 have not begun to.

Where we depart, or the paper leaves it open. The link reads V without the condition. The vertical gate of the last layer leads nowhere and is left out.
Skip connections are those of public ports. pytorch-generative's Gated(10 layers, 128, head 32) has 3,364,161 parameters and is this network with skip=True,
head_layers=1, and four differences: V is a 1 x K convolution to p maps and then a K x 1 one to 2p; v = gate(V + conv1x1(v)); of a masked 1 x K kernel only the live
taps are counted, and the first mask A has one more of them to the left; h itself does not go to the head.

Read first: pixelcnn.py, layers/gated_activation.py.  Read next: layers/conditional_bias.py, sampling.py.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .. import losses, masks
from ..layers import conditional_bias, conv2d, gated_activation
from . import new_caches, readout

ONE_ROW_UP = ((-1, 0),)
GATE = 2.94                                            # 1 / sqrt(E tanh² E σ²) over standard normal sums: what a gate leaves of variance 1


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
    skip: bool = False                                 # a 1 x 1 convolution from every layer to the head
    classes: int = 0                                   # conditional on one of so many labels,
    condition_features: int = 0                        # or on a vector of so many numbers,
    condition_maps: int = 0                            # or on so many maps

    def __post_init__(self):
        given = {field: getattr(self, field) for field in ("classes", "condition_features", "condition_maps") if getattr(self, field)}
        if len(given) > 1:
            raise ValueError(f"a model has one condition, not {' and '.join(f'{field}={size}' for field, size in given.items())}")

    @property
    def codes(self):
        """V, the numbers in the code of a condition; 0: unconditional."""
        return self.classes or self.condition_features or self.condition_maps


class Taps(NamedTuple):
    """The lists of taps of one layer."""
    vertical: masks.Taps                               # ((K + 1) / 2 K, p, 2p)  p: C in the first layer
    link: masks.Taps                                   # (1, 2p, 2p)
    horizontal: masks.Taps                             # (K, p, 2p)              mask A in the first layer, then B
    out: masks.Taps                                    # (1, p, p)               mask B; of the skip connection too


def taps(config):
    """The Taps of every layer, a list of 1 + n."""
    C, p = config.image_shape[2], config.hidden
    colours, maps, gates = np.arange(C), masks.groups(p, C), masks.groups(2 * p, C, gates=2)

    def layer(K, inputs, first):
        return Taps(_everything(masks.vertical(K), len(inputs), 2 * p), _everything(ONE_ROW_UP, 2 * p, 2 * p),
                    masks.causal_row(K, inputs, gates, first=first), masks.mask_b(1, maps, maps))

    return [layer(config.first_kernel, colours, True), *[layer(config.kernel, maps, False)] * config.layers]


def _everything(taps, C, D):
    """The taps with a mask that hides nothing."""
    return masks.Taps(*masks.as_taps(taps, C, D))


def loss(config):
    return losses.by_levels(config.levels)


def shapes(config):
    p, codes = config.hidden, config.codes
    for i in range(1 + config.layers):
        K, C = (config.kernel, p) if i else (config.first_kernel, config.image_shape[2])
        yield f"vertical{i}", conv2d.shapes((K + 1) // 2 * K, C, 2 * p)
        yield f"link{i}", conv2d.shapes(1, 2 * p, 2 * p)
        yield f"horizontal{i}", conv2d.shapes(K, C, 2 * p)
        yield f"out{i}", conv2d.shapes(1, p, p)
        if config.skip:
            yield f"skip{i}", conv2d.shapes(1, p, p)
        if codes:
            yield f"condition_horizontal{i}", conditional_bias.shapes(codes, 2 * p)
            if i < config.layers:
                yield f"condition_vertical{i}", conditional_bias.shapes(codes, 2 * p)
    yield from readout.shapes(config, p)


def init(rng, config):
    """Every pre-activation begins with about variance 1: the vertical stack at any depth, the horizontal one as a sum of what it carries on and what each
    layer adds, which are as large together."""
    params, p, n = {}, config.hidden, config.layers

    def conv(name, taps, gain):
        params[name] = conv2d.init(rng, *taps.mask.shape[1:], taps=taps, dtype=np.float64, gain=gain)

    def condition(name):
        params[name] = conditional_bias.init(rng, config.codes, 2 * p, live=1 if config.classes else config.codes, dtype=np.float64, gain=0.5)

    for i, t in enumerate(taps(config)):
        conv(f"vertical{i}", t.vertical, gain=GATE if i else 1)            # reads a gate, or the image
        conv(f"link{i}", t.link, gain=np.sqrt(1 / 2))
        conv(f"horizontal{i}", t.horizontal, gain=np.sqrt(1 / 2))
        conv(f"out{i}", t.out, gain=GATE / np.sqrt(n) if i else GATE)
        if config.skip:
            conv(f"skip{i}", t.out, gain=GATE / np.sqrt(n + 1))
        if config.codes:
            condition(f"condition_horizontal{i}")
            if i < n:
                condition(f"condition_vertical{i}")
    return params | readout.init(rng, config, p)


def forward(params, x, config, *, condition=None, rng=None, keep=True):
    """x (N, H, W, C) -> logits (N, H, W, C) or (N, H, W, C, L), and the caches.

    condition   (N,) integers, (N, V) or (N, H, W, V) numbers, or None: what the configuration asks for
    """
    caches = new_caches(keep)
    s = conditional_bias.encode(condition, config.classes, x.dtype) if config.codes else None

    def conv(name, h, taps):
        h, caches[name] = conv2d.forward(h, *params[name], taps=taps)
        return h

    def gate(stack, z):
        if s is not None:
            z, caches[f"condition_{stack}"] = conditional_bias.forward(z, s, *params[f"condition_{stack}"])
        y, caches[f"gate_{stack}"] = gated_activation.forward(z)
        return y

    v = h = x
    skipped = 0
    for i, t in enumerate(taps(config)):
        V = conv(f"vertical{i}", v, t.vertical)                            # (N, H, W, 2p)
        z = conv(f"horizontal{i}", h, t.horizontal)                        # (N, H, W, 2p)
        z += conv(f"link{i}", V, t.link)                                   # V of the row above
        y = gate(f"horizontal{i}", z)                                      # (N, H, W, p)
        up = conv(f"out{i}", y, t.out)
        h = up if i == 0 else np.add(h, up, out=up)                        # h + up, in the place of up, which no cache holds
        if config.skip:
            skipped = skipped + conv(f"skip{i}", y, t.out)
        if i < config.layers:
            v = gate(f"vertical{i}", V)                                    # (N, H, W, p)
    caches["config"] = config
    return readout.forward(params, h + skipped, config, caches), caches


def backward(doutputs, caches):
    config, grads = caches["config"], {}
    ds = 0

    def conv(name, dh):
        dh, *dw = conv2d.backward(dh, caches[name])
        grads[name] = conv2d.Weights(*dw)
        return dh

    def gate(stack, dy):
        nonlocal ds
        dz, = gated_activation.backward(dy, caches[f"gate_{stack}"])
        if config.codes:
            dz, ds_here, *dv = conditional_bias.backward(dz, caches[f"condition_{stack}"])
            grads[f"condition_{stack}"] = conditional_bias.Weights(*dv)
            ds = ds + ds_here                                              # every layer reads the condition
        return dz

    dh = readout.backward(doutputs, config, caches, grads)
    dskipped, dv = dh, None
    for i in reversed(range(1 + config.layers)):
        # h = h + out(y),   skipped += skip(y)
        dy = conv(f"out{i}", dh)
        if config.skip:
            dy = dy + conv(f"skip{i}", dskipped)                           # y went to the stream and to the head
        # y = gate(horizontal(h) + link(V))
        dz = gate(f"horizontal{i}", dy)
        dV = conv(f"link{i}", dz)
        if i < config.layers:
            dV = dV + gate(f"vertical{i}", dv)                             # V went to the link and to its own gate
        dh_row = conv(f"horizontal{i}", dz)
        dh = dh_row if i == 0 else dh + dh_row                             # h went around the layer and through it
        dv = conv(f"vertical{i}", dV)
    dcondition = None if config.classes or not config.codes else ds[:, 0, 0] if config.condition_features else ds
    return dh + dv, dcondition, grads                                      # both stacks began with the image


class Layer(NamedTuple):
    """The memories of one layer. The link's holds V, of rows that are complete."""
    vertical: conv2d.State
    link: conv2d.State
    horizontal: conv2d.State
    out: conv2d.State
    skip: conv2d.State | None
    condition_vertical: conditional_bias.State | None
    condition_horizontal: conditional_bias.State | None


class State(NamedTuple):
    layers: list
    readout: readout.State
    columns: int                                       # W


def start(params, shape, config, *, condition=None):
    N, H, W, _ = shape
    p = config.hidden
    s = conditional_bias.encode(condition, config.classes, params["logits"].w.dtype) if config.codes else None

    def conv(name, taps):
        return conv2d.start((N, H, W, taps.mask.shape[1]), *params[name], taps=taps)

    def bias(stack):
        name = f"condition_{stack}"
        return conditional_bias.start((N, H, W, 2 * p), s, *params[name]) if name in params else None

    layers = [Layer(conv(f"vertical{i}", t.vertical), conv(f"link{i}", t.link), conv(f"horizontal{i}", t.horizontal), conv(f"out{i}", t.out),
                    conv(f"skip{i}", t.out) if config.skip else None, bias(f"vertical{i}"), bias(f"horizontal{i}"))
              for i, t in enumerate(taps(config))]
    return State(layers, readout.start(params, (N, H, W, p), config), W)


def see(x_t, state, /, *, at):
    """These pixels are known now: both stacks begin with the image."""
    conv2d.write(x_t, state.layers[0].vertical, at=at)
    conv2d.write(x_t, state.layers[0].horizontal, at=at)


def step(state, /, *, at):
    """forward's outputs at the strip `at`, from the pixels seen so far."""
    row, columns = at
    if columns.start == 0 and row > 0:                                     # a row begins: the one above is complete
        _vertical_row(state, (row - 1, slice(0, state.columns)))
    skipped = 0
    for i, layer in enumerate(state.layers):
        z = conv2d.read(layer.horizontal, at=at) if i == 0 else conv2d.step(h, layer.horizontal, at=at)     # (N, k, 2p)
        z = z + conv2d.read(layer.link, at=at)
        y = _gate(z, layer.condition_horizontal, at)                       # (N, k, p)
        up = conv2d.step(y, layer.out, at=at)
        h = up if i == 0 else h + up
        if layer.skip is not None:
            skipped = skipped + conv2d.step(y, layer.skip, at=at)
    return readout.step(h + skipped, state.readout, at=at)


def _vertical_row(state, at):
    """The vertical stack of one whole row, whose V the links then find one row up."""
    for i, layer in enumerate(state.layers):
        V = conv2d.read(layer.vertical, at=at) if i == 0 else conv2d.step(v, layer.vertical, at=at)         # (N, W, 2p)
        conv2d.write(V, layer.link, at=at)
        if i + 1 < len(state.layers):
            v = _gate(V, layer.condition_vertical, at)                     # (N, W, p)


def _gate(z, condition, at):
    if condition is not None:
        z = conditional_bias.step(z, condition, at=at)
    return gated_activation.forward(z)[0]


def draws(C):
    return [slice(c, c + 1) for c in range(C)]


def reach(seen, config):
    """Upside down through both stacks; the horizontal one keeps what it had."""
    def conv(seen, taps):
        return conv2d.reach(seen, shape=config.image_shape[:2], taps=taps)

    seen = readout.reach(seen, config, config.hidden)
    to_head = seen if config.skip else np.zeros_like(seen)
    v = np.zeros_like(seen)
    for i, t in reversed([*enumerate(taps(config))]):
        z = _both_halves(conv(seen | to_head, t.out))                      # (H, W, 2p)
        V = conv(z, t.link) | _both_halves(v)
        row = conv(z, t.horizontal)
        seen, v = row if i == 0 else seen | row, conv(V, t.vertical)
    return seen | v


def _both_halves(y):
    return np.concatenate([y, y], axis=-1)


def width(config):
    return 14 * config.hidden + 2 * config.head + 4 * config.image_shape[2] * config.levels + config.condition_maps
