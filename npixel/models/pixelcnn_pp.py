"""PixelCNN++: two streams of convolutions at three resolutions, with shortcuts across, and a mixture of logistics for the whole pixel.

    x' = (x, 1)                                        a channel of ones: a pixel of value 0 is not padding
    u  = down_shift(conv 2 x 3 (x'))                   stream u: the rows above
    ul = down_shift(conv 1 x 3 (x')) + right_shift(conv 2 x 1 (x'))        stream ul: the rows above, and what lies to the left
    on the way up, at full, half and quarter size: R resnets in each stream,
        u  = resnet(u)                                 convolutions 2 x 3, rows that end in this one, columns around the pixel: down_shifted
        ul = resnet(ul, u)                             convolutions 2 x 2 that end at the pixel: down_right_shifted
        and between the sizes both by a convolution of stride 2. Every map, the first and the shrunken ones too, goes on its stream's stack
    on the way down, from the map on top of each stack: R resnets at quarter size, R + 1 at half and at full size,
        u  = resnet(u, stack of u)                     the map on top of the stack is taken off: shortcuts over everything in between
        ul = resnet(ul, (u, stack of ul))
        and between the sizes both by a transposed convolution
    outputs = conv1x1(elu(ul))                         10 M numbers per pixel for three colours, 3 M for one: discretized_logistic_mixture.py

    resnet(x, a, s):   c1 = conv(concat_elu(x)) + conv1x1(concat_elu(a))               F maps
                       c2 = conv(dropout(concat_elu(c1))) + s V                        2 F maps;  s: the condition, where there is one
                       x + c · σ(g)                                                    c, g the halves of c2: not tanh(c)

Every convolution is weight-normalised: parameters v, g, b. Salimans, Karpathy, Chen, Kingma, "PixelCNN++: Improving the PixelCNN with Discretized Logistic Mixture
Likelihood and Other Modifications", 2017, and the authors' model.py and nn.py. CIFAR-10 there: R = 5, F = 160, M = 10, dropout 0.5: 53,659,080 parameters.
Adam at 1e-3 · 0.999995^step with b1 = 0.95, b2 = 0.9995 and 1e-8 inside the root; weights averaged with 0.9995 are what is evaluated.

Initialisation from data (init_from_data): one batch goes forward, and each convolution in turn gets g and b so that its outputs have mean 0 and standard deviation 1,
0.1 for the second convolution of a resnet, in every channel. Without it g = 1 and b = 0, and the network trains badly.
A channel that the batch leaves constant keeps its g and b (layers/weight_norm.py).

Colours. Nothing is masked by colour: the network predicts a pixel from earlier pixels, and the mixture orders the colours of the pixel. So all colours are
drawn together, one pass for each pixel.

What it sees: nearly everything before. A row of the half-size map is decided at even rows, so that with one resnet in each block (R = 1) 8 pairs of
an 8 x 8 image, in odd rows, are out of reach; with R = 2 none is, and 12 are on 12 x 12.

Where we depart. Sizes need not be divisible by 4: small maps are rounded up, and the transposed convolutions cut. At sizes that are divisible this is the published network.
Levels are drawn, where the authors' sampler leaves real numbers between them.
init_from_data takes mean and deviation over the maps that the network uses. The authors' program
takes them, at transposed convolutions, over the map before it is cut to size, whose edges are made
of fewer taps. With that, ours equals theirs to 3e-15.

Read first: layers/concat_elu.py, layers/weight_norm.py, layers/deconv2d.py, layers/shift.py, losses/discretized_logistic_mixture.py.  Read next: sampling.py.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .. import masks
from ..layers import concat_elu, conditional_bias, conv2d, deconv2d, dropout, elu, gated_linear, shift, weight_norm
from ..layers.deconv2d import coarse
from ..losses import discretized_logistic_mixture
from . import new_caches

LEVELS = range(3)                                      # of resolution: full, half, quarter
INIT_BATCH = 16                                        # images, as in the authors' train.py


@dataclass(frozen=True)
class Config:
    image_shape: tuple                                 # (H, W, C)
    levels: int = 2
    hidden: int = 160                                  # F, maps of either stream
    layers: int = 5                                    # R, resnets per block
    mixtures: int = 10                                 # M
    dropout: float = 0.5                               # p, where forward has a generator
    classes: int = 0                                   # conditional on one of so many labels,
    condition_features: int = 0                        # or on a vector of so many numbers
    robust: bool = False                               # the authors' approximate likelihood, to compare with their numbers

    def __post_init__(self):
        if not isinstance(self.dropout, (int, float)) or not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be in [0, 1), is {self.dropout!r}")
        if self.classes and self.condition_features:
            raise ValueError(f"a model has one condition, not classes={self.classes} and condition_features={self.condition_features}")

    @property
    def codes(self):
        """Numbers in the code of a condition; 0: unconditional."""
        return self.classes or self.condition_features

    @property
    def sizes(self):
        """(H, W) of the maps at each resolution."""
        H, W, _ = self.image_shape
        return [(-(-H // 2**level), -(-W // 2**level)) for level in LEVELS]


class Layer(NamedTuple):
    """One convolution: what it is told beside its weights."""
    taps: masks.Taps
    C: int                                             # channels in
    D: int                                             # channels out
    level: int                                         # resolution of its input
    change: int = 0                                    # 1: to half the size, -1: to twice the size
    scale: float = 1.0                                 # standard deviation of its outputs after init_from_data


DOWN, DOWN_RIGHT, HERE = masks.down_shifted(2, 3), masks.down_right_shifted(2, 2), masks.Taps(((0, 0),))
STREAMS = {"u": DOWN, "ul": DOWN_RIGHT}


def layers(config):
    """name -> Layer of every convolution, in the order of the forward pass."""
    return dict(_layers(config))


def _layers(config):
    C, F, R = config.image_shape[2] + 1, config.hidden, config.layers
    yield "first_u", Layer(DOWN, C, F, 0)
    yield "first_above", Layer(masks.down_shifted(1, 3), C, F, 0)
    yield "first_left", Layer(masks.down_right_shifted(2, 1), C, F, 0)

    def resnet(name, taps, level, extra):
        yield f"{name}_conv1", Layer(taps, 2 * F, F, level)
        if extra:
            yield f"{name}_aux", Layer(HERE, 2 * extra, F, level)
        yield f"{name}_conv2", Layer(taps, 2 * F, 2 * F, level, scale=0.1)

    for level in LEVELS:
        for n in range(R):
            yield from resnet(f"up{level}_{n}_u", DOWN, level, 0)
            yield from resnet(f"up{level}_{n}_ul", DOWN_RIGHT, level, F)
        if level < 2:
            for stream, taps in STREAMS.items():
                yield f"shrink{level}_{stream}", Layer(taps, F, F, level, change=1)
    for level in reversed(LEVELS):
        for n in range(resnets_down(level, config)):
            yield from resnet(f"down{level}_{n}_u", DOWN, level, F)
            yield from resnet(f"down{level}_{n}_ul", DOWN_RIGHT, level, 2 * F)
        if level > 0:
            for stream, taps in STREAMS.items():
                yield f"grow{level}_{stream}", Layer(taps, F, F, level, change=-1)
    outputs = discretized_logistic_mixture.size(config.mixtures, config.image_shape[2])
    yield "out", Layer(HERE, F, outputs, 0)


def resnets_down(level, config):
    """As many as there are maps on the stack: at quarter size one of them has been taken to begin with."""
    return config.layers + (level < 2)


def shapes(config):
    for name, layer in _layers(config):
        yield name, weight_norm.shapes(len(layer.taps.offsets), layer.C, layer.D)
        if config.codes and name.endswith("_conv2"):
            condition = conditional_bias.shapes(config.codes, layer.D)
            yield name.replace("_conv2", "_condition"), condition


def loss(config):
    return discretized_logistic_mixture.Bound(config.levels, config.robust)


def encode(images, levels, dtype):
    """2 v / (L - 1) - 1 for any number of levels, two as well: the scale on which the mixture's means lie."""
    return (images * (2 / (levels - 1)) - 1).astype(dtype)


def init(rng, config):
    """v and V of standard deviation 0.05, g = 1, b = 0."""
    params = {}
    for name, (shape, *_) in shapes(config):
        if name.endswith("_condition"):
            params[name] = conditional_bias.Weights(0.05 * rng.standard_normal(shape))
        else:
            params[name] = weight_norm.init(rng, *shape, dtype=np.float64)
    return params


def init_images(n):
    """Which of n images init_from_data is to be given: INIT_BATCH of them, evenly spaced, as data may be sorted by class."""
    return np.linspace(0, n - 1, min(n, INIT_BATCH)).astype(int)


def init_from_data(params, x, config, *, rng=None, condition=None):
    """New params: every convolution's g and b from what it computes for the batch x, in the order of the forward pass.

    rng   for dropout, which the authors have on here; None: off
    """
    params = dict(params)

    def adjust(name, h, layer):
        v, g, b = params[name]
        w, _ = weight_norm.forward(v, np.ones_like(g))
        t, _ = convolve(h, w, np.zeros_like(b), layer, config)
        params[name] = weight_norm.from_data(params[name], t, scale=layer.scale)

    run(params, x, config, condition=condition, rng=rng, keep=False, adjust=adjust)
    return params


def forward(params, x, config, *, condition=None, rng=None, keep=True):
    """x (N, H, W, C) -> outputs (N, H, W, size(M, C)), and the caches.

    condition   (N,) integers or (N, V) numbers, or None: what the configuration asks for
    rng         a numpy.random.Generator for dropout; None: none
    """
    return run(params, x, config, condition=condition, rng=rng, keep=keep)


def run(params, x, config, *, condition, rng, keep, adjust=None):
    """forward; adjust(name, input, layer) is called in front of each convolution."""
    caches, net = new_caches(keep), layers(config)
    s = conditional_bias.encode(condition, config.classes, x.dtype) if config.codes else None
    rate = config.dropout if rng is not None else 0

    def conv(name, h):
        if adjust is not None:
            adjust(name, h, net[name])
        v, g, b = params[name]
        w, caches[f"{name} norm"] = weight_norm.forward(v, g)
        y, caches[name] = convolve(h, w, b, net[name], config)
        return y

    def pointwise(function, name, h, **options):
        y, caches[name] = function.forward(h, **options)
        return y

    def resnet(name, h, a=None):
        c1 = conv(f"{name}_conv1", pointwise(concat_elu, f"{name} elu1", h))                   # (N, H', W', F)
        if a is not None:
            c1 += conv(f"{name}_aux", pointwise(concat_elu, f"{name} elu_aux", a))
        e = pointwise(concat_elu, f"{name} elu2", c1)                      # (N, H', W', 2F)
        if rate:
            e = pointwise(dropout, f"{name} dropout", e, mask=dropout.draw(rng, e.shape, rate=rate, dtype=e.dtype))
        c2 = conv(f"{name}_conv2", e)                                      # (N, H', W', 2F)
        if s is not None:
            c2, caches[f"{name}_condition"] = conditional_bias.forward(c2, s, *params[f"{name}_condition"])
        return h + pointwise(gated_linear, f"{name} gate", c2)

    x = np.concatenate([x, np.ones_like(x[..., :1])], axis=-1)             # (N, H, W, C + 1)
    u = pointwise(shift, "shift u", conv("first_u", x), rows=1)
    ul = pointwise(shift, "shift above", conv("first_above", x), rows=1) + pointwise(shift, "shift left", conv("first_left", x), columns=1)
    us, uls = [u], [ul]
    for level in LEVELS:
        for n in range(config.layers):
            u = resnet(f"up{level}_{n}_u", u)
            ul = resnet(f"up{level}_{n}_ul", ul, u)
            us.append(u), uls.append(ul)
        if level < 2:
            u, ul = conv(f"shrink{level}_u", u), conv(f"shrink{level}_ul", ul)
            us.append(u), uls.append(ul)
    u, ul = us.pop(), uls.pop()
    for level in reversed(LEVELS):
        for n in range(resnets_down(level, config)):
            u = resnet(f"down{level}_{n}_u", u, us.pop())
            ul = resnet(f"down{level}_{n}_ul", ul, np.concatenate([u, uls.pop()], axis=-1))
        if level > 0:
            u, ul = conv(f"grow{level}_u", u), conv(f"grow{level}_ul", ul)
    outputs = conv("out", pointwise(elu, "elu", ul))
    caches["config"] = config
    return outputs, caches


def convolve(h, w, b, layer, config):
    """The convolution of a Layer, of any of the three kinds."""
    if layer.change < 0:
        return deconv2d.forward(h, w, b, taps=layer.taps, size=config.sizes[layer.level - 1])
    return conv2d.forward(h, w, b, taps=layer.taps, stride=1 + layer.change)


def backward(doutputs, caches):
    config, grads = caches["config"], {}
    net, F, ds = layers(config), config.hidden, 0

    def conv(name, dy):
        dh, dw, db = (deconv2d if net[name].change < 0 else conv2d).backward(dy, caches[name])
        grads[name] = weight_norm.Weights(*weight_norm.backward(dw, caches[f"{name} norm"]), db)
        return dh

    def pointwise(function, name, dy):
        dh, = function.backward(dy, caches[name])
        return dh

    def resnet(name, dy):
        """dy -> dh, da; da is None where the resnet has no a."""
        nonlocal ds
        dc2 = pointwise(gated_linear, f"{name} gate", dy)
        if config.codes:
            dc2, ds_here, *dv = conditional_bias.backward(dc2, caches[f"{name}_condition"])
            grads[f"{name}_condition"] = conditional_bias.Weights(*dv)
            ds = ds + ds_here                                              # every resnet reads the condition
        de = conv(f"{name}_conv2", dc2)
        if f"{name} dropout" in caches:
            de = pointwise(dropout, f"{name} dropout", de)
        dc1, da = pointwise(concat_elu, f"{name} elu2", de), None
        if f"{name}_aux" in net:
            da = pointwise(concat_elu, f"{name} elu_aux", conv(f"{name}_aux", dc1))
        return dy + pointwise(concat_elu, f"{name} elu1", conv(f"{name}_conv1", dc1)), da      # h went around the resnet and through it

    du, dul = 0, pointwise(elu, "elu", conv("out", doutputs))              # the last u went nowhere but to ul
    dus, duls = [], []
    for level in LEVELS:
        if level > 0:
            du, dul = conv(f"grow{level}_u", du), conv(f"grow{level}_ul", dul)
        for n in reversed(range(resnets_down(level, config))):
            # ul = resnet(ul, (u, uls.pop())),   u = resnet(u, us.pop())
            dul, da = resnet(f"down{level}_{n}_ul", dul)
            duls.append(da[..., F:])
            du, da = resnet(f"down{level}_{n}_u", du + da[..., :F])        # u went on and to ul
            dus.append(da)
    # the maps left on top of the stacks, where the way down began, have no other gradient
    for level in reversed(LEVELS):
        if level < 2:
            du, dul = conv(f"shrink{level}_u", du) + dus.pop(), conv(f"shrink{level}_ul", dul) + duls.pop()            # and from the stack
        for n in reversed(range(config.layers)):
            dul, da = resnet(f"up{level}_{n}_ul", dul)
            du, _ = resnet(f"up{level}_{n}_u", du + da)
            du, dul = du + dus.pop(), dul + duls.pop()                     # each map went on and on the stack
    dx = conv("first_u", pointwise(shift, "shift u", du))
    dx += conv("first_above", pointwise(shift, "shift above", dul)) + conv("first_left", pointwise(shift, "shift left", dul))
    return np.ascontiguousarray(dx[..., :-1]), ds[:, 0, 0] if config.condition_features else None, grads


# generation


class State(NamedTuple):
    """Each convolution's memory, and the maps of stream u in the rows where generation stands: stream ul reads them pixel by pixel."""
    convolutions: dict                                 # name -> conv2d.State or deconv2d.State
    conditions: dict                                   # resnet -> conditional_bias.State
    rows: dict                                         # resnet -> (N, W', F): what it made of this row
    net: dict                                          # name -> Layer
    config: Config


def start(params, shape, config, *, condition=None):
    N, dtype = shape[0], params["out"].v.dtype
    net, convolutions, conditions, rows = layers(config), {}, {}, {}
    s = conditional_bias.encode(condition, config.classes, dtype) if config.codes else None
    for name, layer in net.items():
        v, g, b = params[name]
        w, _ = weight_norm.forward(v, g)
        size = (N, *config.sizes[layer.level], layer.C)
        if layer.change < 0:
            convolutions[name] = deconv2d.start(size, w, b, taps=layer.taps, size=config.sizes[layer.level - 1])
        else:
            convolutions[name] = conv2d.start(size, w, b, taps=layer.taps, stride=1 + layer.change)
        resnet = name.removesuffix("_conv2")
        if resnet != name:
            if s is not None:
                conditions[resnet] = conditional_bias.start((*size[:3], layer.D), s, *params[f"{resnet}_condition"])
            if resnet.endswith("_u"):
                rows[resnet] = np.zeros((N, size[2], config.hidden), dtype)
    return State(convolutions, conditions, rows, net, config)


def see(x_t, state, /, *, at):
    """These pixels are known now: the three first convolutions look at the image itself."""
    x_t = np.concatenate([x_t, np.ones_like(x_t[..., :1])], axis=-1)
    for name in ("first_u", "first_above", "first_left"):
        conv2d.write(x_t, state.convolutions[name], at=at)


def step(state, /, *, at):
    """forward's outputs at the strip `at`, from the pixels seen so far."""
    row, columns = at
    config = state.config
    if columns.start == 0:                                                 # a row begins: the rows above are complete
        _row_of_u(state, row)
    places = _places(at)
    ul = _above(state, "first_above", at) + _left(state, "first_left", at)
    uls = [ul]
    for level in LEVELS:
        for n in range(config.layers):
            ul = _resnet(state, f"up{level}_{n}_ul", ul, places[level], _kept(state, f"up{level}_{n}_u", places[level]))
            uls.append(ul)
        if level < 2:
            ul = _shrink(state, f"shrink{level}_ul", ul, places)
            uls.append(ul)
    ul = uls.pop()
    for level in reversed(LEVELS):
        for n in range(resnets_down(level, config)):
            a = np.concatenate([_kept(state, f"down{level}_{n}_u", places[level]), uls.pop()], axis=-1)
            ul = _resnet(state, f"down{level}_{n}_ul", ul, places[level], a)
        if level > 0:
            ul = _grow(state, f"grow{level}_ul", ul, places)
    return conv2d.step(elu.forward(ul)[0], state.convolutions["out"], at=at)


def _row_of_u(state, row):
    """Stream u for one whole row, which only the rows above decide. At odd rows the smaller maps have no columns to do."""
    config = state.config
    places = _places((row, slice(0, config.sizes[0][1])))

    def resnet(name, u, level, a=None):
        u = _resnet(state, name, u, places[level], a)
        state.rows[name][:, places[level][1]] = u
        return u

    u = _above(state, "first_u", places[0])
    us = [u]
    for level in LEVELS:
        for n in range(config.layers):
            u = resnet(f"up{level}_{n}_u", u, level)
            us.append(u)
        if level < 2:
            u = _shrink(state, f"shrink{level}_u", u, places)
            us.append(u)
    u = us.pop()
    for level in reversed(LEVELS):
        for n in range(resnets_down(level, config)):
            u = resnet(f"down{level}_{n}_u", u, level, us.pop())
        if level > 0:
            u = _grow(state, f"grow{level}_u", u, places)


def _places(at):
    """The strip, and those it decides at half and quarter size."""
    return at, coarse(at), coarse(coarse(at))


def _kept(state, name, place):
    return state.rows[name][:, place[1]]


def _resnet(state, name, h, at, a=None):
    convolutions = state.convolutions
    c1 = conv2d.step(concat_elu.forward(h)[0], convolutions[f"{name}_conv1"], at=at)
    if a is not None:
        c1 += conv2d.step(concat_elu.forward(a)[0], convolutions[f"{name}_aux"], at=at)
    c2 = conv2d.step(concat_elu.forward(c1)[0], convolutions[f"{name}_conv2"], at=at)
    if name in state.conditions:
        c2 = conditional_bias.step(c2, state.conditions[name], at=at)
    return h + gated_linear.forward(c2)[0]


def _shrink(state, name, h, places):
    level = state.net[name].level
    conv2d.write(h, state.convolutions[name], at=places[level])
    return conv2d.read(state.convolutions[name], at=places[level + 1])


def _grow(state, name, h, places):
    level = state.net[name].level
    deconv2d.write(h, state.convolutions[name], at=places[level])
    return deconv2d.read(state.convolutions[name], at=places[level - 1])


def _above(state, name, at):
    """A convolution whose output is shifted down: read one row up; zeros at row 0."""
    row, columns = at
    y = conv2d.read(state.convolutions[name], at=(max(row - 1, 0), columns))
    return y if row > 0 else np.zeros_like(y)


def _left(state, name, at):
    """A convolution whose output is shifted to the right: read one column to the left; zeros at column 0."""
    row, columns = at
    first, last = max(columns.start - 1, 0), max(columns.stop - 1, 0)
    y = conv2d.read(state.convolutions[name], at=(row, slice(first, last)))
    return y if columns.start > 0 or columns.stop == 0 else np.pad(y, ((0, 0), (1, 0), (0, 0)))


def draws(C):
    return [slice(None)]                               # all colours together


def reach(seen, config):
    """Upside down through both streams, pixel by pixel, as everything in a pixel mixes; of its own pixel a colour sees those before it."""
    net = layers(config)
    own = np.zeros_like(seen)
    for c in range(seen.shape[2]):
        own[..., :c] |= seen[..., c, None]

    def conv(name, seen):
        taps, size, change = masks.Taps(*masks.as_taps(net[name].taps, 1, 1)), config.sizes[net[name].level], net[name].change
        if change < 0:
            return deconv2d.reach(seen, shape=size, taps=taps, size=config.sizes[net[name].level - 1])
        return conv2d.reach(seen, shape=size, taps=taps, stride=1 + change)

    def resnet(name, seen):
        """What of h, and what of a."""
        c1 = conv(f"{name}_conv2", seen)
        return seen | conv(f"{name}_conv1", c1), c1

    ul = seen.any(axis=2, keepdims=True)                                   # (H, W, 1)
    u, us, uls = np.zeros_like(ul), [], []
    for level in LEVELS:
        if level > 0:
            u, ul = conv(f"grow{level}_u", u), conv(f"grow{level}_ul", ul)
        for n in reversed(range(resnets_down(level, config))):
            ul, a = resnet(f"down{level}_{n}_ul", ul)
            uls.append(a)
            u, a = resnet(f"down{level}_{n}_u", u | a)
            us.append(a)
    for level in reversed(LEVELS):
        if level < 2:
            u, ul = conv(f"shrink{level}_u", u) | us.pop(), conv(f"shrink{level}_ul", ul) | uls.pop()
        for n in reversed(range(config.layers)):
            ul, a = resnet(f"up{level}_{n}_ul", ul)
            u, _ = resnet(f"up{level}_{n}_u", u | a)
            u, ul = u | us.pop(), ul | uls.pop()
    size = config.image_shape[:2]
    image = conv("first_u", shift.reach(u, shape=size, rows=1)) | conv("first_above", shift.reach(ul, shape=size, rows=1))
    return image | conv("first_left", shift.reach(ul, shape=size, columns=1)) | own


def width(config):
    """The stacks, a third more for the smaller maps; inside one resnet; and the mixture, for which every number is a float64 or two."""
    C, M = config.image_shape[2], config.mixtures
    return 3 * (config.layers + 1) * config.hidden + 16 * config.hidden + 40 * C * M + 8 * C * config.levels
