"""PixelCNN++: two streams of convolutions at three resolutions, with shortcuts across, and a
mixture of logistics for the whole pixel.

    x' = (x, 1)                 a channel of ones, which tells a pixel of value 0 from padding
    u  = down_shift(conv 2 x 3 (x'))                   stream u sees the rows above
    ul = down_shift(conv 1 x 3 (x')) + right_shift(conv 2 x 1 (x'))
                                                       stream ul sees also what is left of the pixel

Each stream is a U. On the way up, at full, half and quarter size, stand R resnets at each size:

    u  = resnet(u)              convolutions 2 x 3: rows that end in this one, columns around it
    ul = resnet(ul, u)          convolutions 2 x 2 that end at the pixel

A convolution of stride 2 leads from one size to the next. Every map, the first and the shrunken
ones too, is put on a stack; each stream has its own. The way down begins with the map on top of the
stack. There are R resnets at quarter size and R + 1 at half and at full size. Each takes the next
map off the stack, which makes a shortcut over everything between:

    u  = resnet(u, map)
    ul = resnet(ul, (u, map))

A transposed convolution leads from one size to the next. What comes out of ul is the mixture, 10 M
numbers per pixel for three colours and 3 M for one (discretized_logistic_mixture.py):

    outputs = conv1x1(elu(ul))

    resnet(h, a):   c1 = conv(concat_elu(h)) + conv1x1(concat_elu(a))            F maps
                    c2 = conv(dropout(concat_elu(c1))) + s V                     2 F maps
                    h + c σ(g)                             c, g: the halves of c2; there is no tanh

s is the condition, where there is one (conditional_bias.py). Every convolution has weight
normalisation, with parameters v, g and b (weight_norm.py).

Salimans, Karpathy, Chen, Kingma, "PixelCNN++: Improving the PixelCNN with Discretized Logistic
Mixture Likelihood and Other Modifications", 2017, and the authors' model.py and nn.py. For CIFAR-10
there: R = 5, F = 160, M = 10 and dropout 0.5, which makes 53,659,080 parameters. They train with
Adam at 1e-3 · 0.999995^step, b1 = 0.95, b2 = 0.9995 and 1e-8 inside the root. They evaluate
weights that are averaged with 0.9995.

Initialisation from data. One batch goes forward. Each convolution in turn gets g and b so that its
outputs have mean 0 and standard deviation 1 in every channel (0.1 for the second convolution of a
resnet). Without it g = 1 and b = 0, and the network trains badly.

Colours. Nothing is masked by colour: the network predicts a pixel from earlier pixels, and the
mixture orders the colours of the pixel. So all colours are drawn together, one pass for each pixel.

What it sees: nearly everything before. A row of the half-size map is computed at even rows only. So
with R = 1, 8 pairs of pixels of an 8 x 8 image are out of reach, all of odd rows. With R = 2 there
are none on 8 x 8, and 12 on 12 x 12.

Where we depart:

  * Sizes need not be divisible by 4. The sizes of small maps are rounded up, and the transposed
    convolutions are cut. At sizes that are divisible this is the published network.
  * A level is drawn. The authors' sampler leaves real numbers between the levels.
  * The initialisation takes mean and deviation over the maps that the network uses. At transposed
    convolutions the authors take them over the map before it is cut, whose edges are made of fewer
    taps. With that, ours equals theirs to 3e-15.

Read first: layers/concat_elu.py, layers/gated_linear.py, layers/weight_normed.py,
layers/deconv2d.py, layers/shifted.py, losses/discretized_logistic_mixture.py, models/condition.py,
models/wiring.py.
Read next: whitening.py.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from .. import masks
from ..layers import concat_elu, conditional_bias, conv2d, deconv2d, dropout, elu, gated_linear
from ..layers.deconv2d import coarse
from ..layers.shifted import Shifted
from ..layers.weight_normed import WeightNormed
from ..losses import discretized_logistic_mixture
from . import condition as conditions
from . import wiring
from .wiring import NOTHING, Layer, Wiring, add

LEVELS = range(3)                                      # of resolution: full, half, quarter
INIT_BATCH = 16                                        # images, as in the authors' train.py
CONV, DECONV = WeightNormed(conv2d), WeightNormed(deconv2d)
DOWN, DOWN_RIGHT, HERE = masks.down_shifted(2, 3), masks.down_right_shifted(2, 2), ((0, 0),)


@dataclass(frozen=True)
class Config:
    image_shape: tuple                                 # (H, W, C)
    levels: int = 2
    hidden: int = 160                                  # F, maps of either stream
    layers: int = 5                                    # R, resnets per block
    mixtures: int = 10                                 # M
    dropout: float = 0.5                               # probability, in training
    classes: int = 0                                   # conditional on one of so many labels,
    condition_features: int = 0                        # or on a vector of so many numbers
    robust: bool = False                               # the authors' approximate likelihood

    def __post_init__(self):
        if not isinstance(self.dropout, (int, float)) or not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be in [0, 1), is {self.dropout!r}")
        conditions.check(self)


# the table


def layers(config):
    """Every layer of the network; `gain` is the deviation of its outputs after init_from_data."""
    C, F = config.image_shape[2], config.hidden
    yield "first_u", Layer(Shifted(CONV, rows=1), C + 1, F, DOWN)
    yield "first_above", Layer(Shifted(CONV, rows=1), C + 1, F, masks.down_shifted(1, 3))
    yield "first_left", Layer(Shifted(CONV, columns=1), C + 1, F, masks.down_right_shifted(2, 1))
    for level in LEVELS:
        for n in range(config.layers):
            yield from resnet_layers(f"up{level}_{n}_u", config, level, DOWN)
            yield from resnet_layers(f"up{level}_{n}_ul", config, level, DOWN_RIGHT, F)
        if level < 2:
            to = {"scale": 2**level, "to": 2**(level + 1), "options": {"stride": 2}}
            yield f"shrink{level}_u", Layer(CONV, F, F, DOWN, **to)
            yield f"shrink{level}_ul", Layer(CONV, F, F, DOWN_RIGHT, **to)
    for level in reversed(LEVELS):
        for n in range(resnets_down(level, config)):
            yield from resnet_layers(f"down{level}_{n}_u", config, level, DOWN, F)
            yield from resnet_layers(f"down{level}_{n}_ul", config, level, DOWN_RIGHT, 2 * F)
        if level > 0:
            size = map_size(config, level - 1)
            to = {"scale": 2**level, "to": 2**(level - 1), "options": {"size": size}}
            yield f"grow{level}_u", Layer(DECONV, F, F, DOWN, **to)
            yield f"grow{level}_ul", Layer(DECONV, F, F, DOWN_RIGHT, **to)
    yield "elu", Layer(elu)
    yield "out", Layer(CONV, F, discretized_logistic_mixture.size(config.mixtures, C), HERE)


def resnet_layers(name, config, level, taps, beside=0):
    """The layers of a resnet.   beside: maps of a, 0 if there is no a"""
    F, codes, scale = config.hidden, conditions.codes(config), 2**level
    yield f"{name}_elu1", Layer(concat_elu)
    yield f"{name}_conv1", Layer(CONV, 2 * F, F, taps, scale=scale)
    if beside:
        yield f"{name}_elu_a", Layer(concat_elu)
        yield f"{name}_aux", Layer(CONV, 2 * beside, F, HERE, scale=scale)
    yield f"{name}_elu2", Layer(concat_elu)
    yield f"{name}_dropout", Layer(dropout)
    yield f"{name}_conv2", Layer(CONV, 2 * F, 2 * F, taps, scale=scale, gain=0.1)
    if codes:
        yield f"{name}_condition", Layer(conditional_bias, codes, 2 * F, conditional=True,
                                         gain=0.05, sizes={"live": 1})
    yield f"{name}_gate", Layer(gated_linear)


def resnets_down(level, config):
    """How many resnets the way down has at a level: one for each map on the stack.

    At quarter size one map fewer is left: the way down began with it.
    """
    return config.layers + (level < 2)


def resnets(config):
    """The level of every resnet of one stream, in the order of the forward pass."""
    up = [level for level in LEVELS for _ in range(config.layers)]
    return up + [level for level in reversed(LEVELS) for _ in range(resnets_down(level, config))]


def map_size(config, level):
    """(H', W') of the maps at a level, for images (H, W)."""
    return tuple(-(-length // 2**level) for length in config.image_shape[:2])


# the forward pass


def network(f, x, config, *, condition=None, rng=None):
    """x (N, H, W, C) -> outputs (N, H, W, size(M, C))

    condition   (N,) integers or (N, V) numbers, or None: models/condition.py
    rng         a numpy.random.Generator for dropout; None: none
    """
    s = conditions.code(condition, config, x.dtype)
    x = with_ones(x)                                                       # (N, H, W, C + 1)
    us = stream(f, "u", f("first_u", x), None, config, s, rng)
    first_ul = f("first_above", x) + f("first_left", x)
    return readout(f, stream(f, "ul", first_ul, us, config, s, rng))


def stream(f, name, h, beside, config, s=None, rng=None):
    """Through the U, from the first map h: yields what each resnet makes.

    beside   for stream ul: what the resnets of u make, one after the other; for u: None
    """
    stack = [h]
    for level in LEVELS:
        for n in range(config.layers):
            a = None if beside is None else next(beside)
            h = resnet(f, f"up{level}_{n}_{name}", h, a, config, s, rng)   # (N, H', W', F)
            stack.append(h)
            yield h
        if level < 2:
            h = f(f"shrink{level}_{name}", h)
            stack.append(h)
    h = stack.pop()
    for level in reversed(LEVELS):
        for n in range(resnets_down(level, config)):
            a = stack.pop() if beside is None else np.concatenate([next(beside), stack.pop()], -1)
            h = resnet(f, f"down{level}_{n}_{name}", h, a, config, s, rng)
            yield h
        if level > 0:
            h = f(f"grow{level}_{name}", h)


def resnet(f, name, h, a, config, s=None, rng=None):
    """The resnet of the header: h (N, H', W', F), and a or None -> a map like h."""
    c1 = f(f"{name}_conv1", f(f"{name}_elu1", h))                          # (N, H', W', F)
    if a is not None:
        c1 = add(f(f"{name}_aux", f(f"{name}_elu_a", a)), c1)
    e = f(f"{name}_elu2", c1)                                              # (N, H', W', 2F)
    if rng is not None and config.dropout:
        mask = dropout.draw(rng, e.shape, rate=config.dropout, dtype=e.dtype)
        e = f(f"{name}_dropout", e, mask=mask)
    else:
        e = f(f"{name}_dropout", e)
    c2 = f(f"{name}_conv2", e)                                             # (N, H', W', 2F)
    if conditions.codes(config):
        c2 = f(f"{name}_condition", c2, s)
    return h + f(f"{name}_gate", c2)


def readout(f, uls):
    """The outputs, from the last of the maps of stream ul."""
    for ul in uls:
        pass
    return f("out", f("elu", ul))


def with_ones(x):
    """x (..., C) -> (x, 1), (..., C + 1)"""
    return np.concatenate([x, np.ones_like(x[..., :1])], axis=-1)


# the backward pass


def network_backward(b, doutputs, config):
    """doutputs -> dx (N, H, W, C), and ds, the gradient of the condition's code"""
    ds = []                                            # every resnet reads the condition
    dul = b("elu", b("out", doutputs))
    duls = stream_backward(b, "ul", dul, None, config, ds)
    *_, du = stream_backward(b, "u", NOTHING, duls, config, ds)            # the last u went to ul
    dul = next(duls)
    dx = b("first_u", du)
    dx = dx + (b("first_above", dul) + b("first_left", dul))
    return np.ascontiguousarray(dx[..., :-1]), sum(ds)


def stream_backward(b, name, dh, dbeside, config, ds):
    """Back through the U: yields the gradient of what each resnet read beside h, and at last dh.

    dh        the gradient of the last map
    dbeside   for stream u: the gradients that the resnets of ul yield; for stream ul: None
    """
    F, dstack = config.hidden, []
    for level in LEVELS:
        if level > 0:
            dh = b(f"grow{level}_{name}", dh)
        for n in reversed(range(resnets_down(level, config))):
            if dbeside is not None:
                dh = dh + next(dbeside)                # u went on and to ul
            dh, da = resnet_backward(b, f"down{level}_{n}_{name}", dh, True, config, ds)
            dstack.append(da if dbeside is not None else da[..., F:])
            yield da[..., :F]
    # the way down began with the map on top of the stack, which has no other gradient
    for level in reversed(LEVELS):
        if level < 2:
            dh = b(f"shrink{level}_{name}", dh) + dstack.pop()             # and from the stack
        for n in reversed(range(config.layers)):
            if dbeside is not None:
                dh = dh + next(dbeside)
            dh, da = resnet_backward(b, f"up{level}_{n}_{name}", dh, dbeside is None, config, ds)
            yield da
            dh = dh + dstack.pop()                     # each map went on and to the stack
    yield dh


def resnet_backward(b, name, dy, beside, config, ds):
    """dy -> dh, da.   The gradient of the condition's code is appended to ds.

    beside   True if the resnet has an a; else da is None
    """
    dc2, da = b(f"{name}_gate", dy), None
    if conditions.codes(config):
        dc2, ds_here = b(f"{name}_condition", dc2)
        ds.append(ds_here)
    dc1 = b(f"{name}_elu2", b(f"{name}_dropout", b(f"{name}_conv2", dc2)))
    if beside:
        da = b(f"{name}_elu_a", b(f"{name}_aux", dc1))
    dh = b(f"{name}_elu1", b(f"{name}_conv1", dc1))
    return dy + dh, da                                 # h went around the resnet and through it


wired = Wiring(layers, network, network_backward, image=("first_u", "first_above", "first_left"))
shapes, init, forward = wired.shapes, wired.init, wired.forward


def backward(doutputs, caches):
    """doutputs -> dx, dcondition (None for classes), and the gradients of all weights"""
    dx, ds, grads = wired.backward(doutputs, caches)
    return dx, conditions.code_backward(ds, caches["config"]), grads


def loss(config):
    """The mixture, with the number of levels filled in."""
    return discretized_logistic_mixture.Bound(config.levels, config.robust)


def encode(images, levels, dtype):
    """Levels v -> 2 v / (L - 1) - 1, for two levels as well: the scale of the mixture's means."""
    return (images * (2 / (levels - 1)) - 1).astype(dtype)


def init_images(n):
    """Which of n images init_from_data gets: INIT_BATCH of them, evenly spaced.

    Data may be sorted, so the first ones could all be alike.
    """
    return np.linspace(0, n - 1, min(n, INIT_BATCH)).astype(int)


def init_from_data(params, x, config, *, rng=None, condition=None):
    """New params: g and b of every convolution, from what it computes for the batch x.

    x     (N, H, W, C), encoded
    rng   for dropout, which the authors have on here; None: off
    """
    table, params = dict(layers(config)), dict(params)
    plain = wiring.forwards(table, params, wiring.new_caches(False))

    def f(name, h, *inputs, **drawn):
        layer = table[name]
        if hasattr(layer.module, "from_data"):
            scale = 1.0 if layer.gain is None else layer.gain
            params[name] = layer.module.from_data(h, *params[name], scale=scale, **layer.told())
        return plain(name, h, *inputs, **drawn)

    network(f, x, config, condition=condition, rng=rng)
    return params


# generation


class State(NamedTuple):
    """The memory of the network, and the maps of stream u in the rows where generation stands.

    Stream u goes through a whole row when it begins. Stream ul reads its maps pixel by pixel.
    """
    network: wiring.State
    rows: list                                         # (N, W', F) of each resnet of u


def start(params, shape, config, *, condition=None):
    """Memory for going through images of this shape (N, H, W, C), strip by strip."""
    N, dtype = shape[0], params["out"].v.dtype
    s = conditions.code(condition, config, dtype)
    network = wiring.started(dict(layers(config)), params, shape, config, code=s)
    rows = [np.zeros((N, map_size(config, level)[1], config.hidden), dtype)
            for level in resnets(config)]
    return State(network, rows)


def see(x_t, state, /, *, at):
    """The pixels x_t (N, k, C) at the strip `at` are known now.   Updates `state` in place."""
    wired.see(with_ones(x_t), state.network, at=at)


def step(state, /, *, at):
    """forward's outputs (N, k, size(M, C)) at the strip `at`, from the pixels seen so far."""
    row, columns = at
    config = state.network.config
    if columns.start == 0:                             # a row begins: the rows above are complete
        row_of_u(state, row)
    f = wiring.steps(state.network, at)
    here = [coarse(at, 2**level)[1] for level in LEVELS]
    us = (kept[:, here[level]] for kept, level in zip(state.rows, resnets(config)))
    first_ul = f("first_above", None) + f("first_left", None)
    return readout(f, stream(f, "ul", first_ul, us, config))


def row_of_u(state, row):
    """Stream u for a whole row. In odd rows nothing is computed of the smaller maps."""
    config = state.network.config
    f = wiring.steps(state.network, (row, slice(0, config.image_shape[1])))
    for kept, u in zip(state.rows, stream(f, "u", f("first_u", None), None, config)):
        kept[:, :u.shape[1]] = u                                           # (N, W' or 0, F)


def draws(C):
    """All colours are drawn together."""
    return [slice(None)]


def reach(seen, config):
    """Which sub-pixels (H, W, C) the predictions of those in `seen` (H, W, C) can depend on.

    All channels of a pixel mix. So a network of one colour and one map sees the same pixels, and is
    asked in its place. Of its own pixel a colour sees the colours before it.
    """
    H, W, C = seen.shape
    narrow = replace(config, image_shape=(H, W, 1), hidden=1, mixtures=1)
    pixels = np.repeat(seen.any(axis=2, keepdims=True), discretized_logistic_mixture.size(1, 1), 2)
    past, _ = network_backward(wiring.reaches(dict(layers(narrow)), (H, W)), pixels, narrow)
    own = np.zeros_like(seen)
    for c in range(C):
        own[..., :c] |= seen[..., c, None]
    return past | own


def width(config):
    """Numbers alive at once per pixel of a forward pass without caches.

    They are the stacks, with a third more for the smaller maps, and the inside of one resnet. To
    these come the numbers of the mixture, each a float64 or two.
    """
    C, M = config.image_shape[2], config.mixtures
    streams = 3 * (config.layers + 1) * config.hidden + 16 * config.hidden
    return streams + 40 * C * M + 8 * C * config.levels
