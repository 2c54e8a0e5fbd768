"""PixelRNN: residual layers of two-dimensional LSTMs. What Row LSTM, Diagonal LSTM and Diagonal BiLSTM networks have in common.

    h = conv_A(x)                                      K0 x K0, mask A, C -> 2h maps
    y = lstm(h)                                        2h -> h maps; which LSTM: row_lstm.py, diagonal_lstm.py, diagonal_bilstm.py beside this
    h = h + conv1x1(y)                                 h -> 2h maps, mask B;  both lines `layers` times
    logits = readout(h + Σ conv1x1_skip(y))            the sum over layers only with skip=True

van den Oord, Kalchbrenner, Kavukcuoglu, "Pixel Recurrent Neural Networks", 2016, sections 3.1 to 3.3, table 1 and figure 5. The input-to-state
map takes the 2h maps to the four gates of h each, with colour groups in every gate; there is no relu in front of it. Skip connections go from each LSTM to the
head, 1 x 1 with mask B (the paper: "learnable skip connections from each layer to the output", sizes not given).
MNIST there: Row LSTM 12 layers, h = 32; Diagonal BiLSTM 7 layers, h = 16, or 1 layer, h = 32. CIFAR-10: 12 layers, h = 128.

Start states h0 and c0 are learned, one number per feature: 2 h parameters more per LSTM than a count without them.

With condition_maps = M the network is conditional on maps (N, H, W, M), known in advance at every place: an unmasked 1 x 1 convolution takes them to the
gates of every LSTM and is added to the input-to-state map (section 3.6, where the maps come from a smaller image: multiscale_pixelrnn.py).
Written as M more input channels of that map, which its centre tap reads unmasked.

A model of this family is its Config, which names its layer:
    Config.layer                    the module in layers
    lstm_taps(config)               masks.Taps of the input-to-state map
    lstm_options(config)            what else its forward takes
Read first: layers/row_lstm.py, readout.py.  Read next: row_lstm.py.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .. import losses, masks
from ..layers import conv2d
from . import new_caches, readout


@dataclass(frozen=True)
class Config:
    image_shape: tuple                                 # (H, W, C)
    levels: int = 2
    hidden: int = 32                                   # h; the residual stream has 2h maps
    layers: int = 3                                    # LSTM layers
    first_kernel: int = 7                              # K0
    head: int = 32                                     # maps of each hidden layer of the head
    head_layers: int = 2
    skip: bool = False                                 # a 1 x 1 convolution from every LSTM to the head
    condition_maps: int = 0                            # M

    def __post_init__(self):
        if self.condition_maps and not self.layers:
            raise ValueError(
                f"condition_maps={self.condition_maps} needs layers of at least 1: "
                "only the LSTMs read the maps"
            )


def groups(config):
    """The colour of every channel: of the image, of h maps, of 2h maps, of four gates of h maps."""
    C, h = config.image_shape[2], config.hidden
    return np.arange(C), masks.groups(h, C), masks.groups(2 * h, C), masks.groups(4 * h, C, gates=4)


class Taps(NamedTuple):
    first: masks.Taps                                  # (K0², C, 2h)   mask A
    expand: masks.Taps                                 # (1, h, 2h)     mask B; of the skip connections too


def taps(config):
    colours, narrow, wide, _ = groups(config)
    return Taps(masks.mask_a(config.first_kernel, colours, wide), masks.mask_b(1, narrow, wide))


def options(config):
    """What right of "*" goes to the LSTM layer: the taps of its input-to-state map, over 2h maps and M more, and its own options."""
    offsets, mask = config.lstm_taps()
    everything = np.zeros((len(offsets), config.condition_maps, mask.shape[2]), bool)
    everything[offsets.index((0, 0))] = True
    return {"taps": masks.Taps(offsets, np.concatenate([mask, everything], axis=1)), **config.lstm_options()}


def beside(h, condition, at=(slice(None), slice(None))):
    """The maps next to the features, at every place or at the strip `at`; h itself where the network has no maps."""
    return h if condition is None else np.concatenate([h, condition[:, *at].astype(h.dtype)], axis=-1)


def loss(config):
    return losses.by_levels(config.levels)


def shapes(config):
    h = config.hidden
    yield "first", conv2d.shapes(config.first_kernel**2, config.image_shape[2], 2 * h)
    for n in range(config.layers):
        inputs = 2 * h + config.condition_maps
        yield f"lstm{n}", config.layer.shapes(inputs, h, **config.lstm_sizes())
        yield f"expand{n}", conv2d.shapes(1, h, 2 * h)
        if config.skip:
            yield f"skip{n}", conv2d.shapes(1, h, 2 * h)
    yield from readout.shapes(config, 2 * h)


def init(rng, config):
    t, h, params = taps(config), config.hidden, {}
    params["first"] = conv2d.init(rng, config.image_shape[2], 2 * h, taps=t.first, dtype=np.float64)
    for n in range(config.layers):
        params[f"lstm{n}"] = config.layer.init(rng, 2 * h + config.condition_maps, h, taps=options(config)["taps"], dtype=np.float64,
                                               **config.lstm_sizes())
        params[f"expand{n}"] = conv2d.init(rng, h, 2 * h, taps=t.expand, dtype=np.float64)
        if config.skip:
            params[f"skip{n}"] = conv2d.init(rng, h, 2 * h, taps=t.expand, dtype=np.float64)
    return params | readout.init(rng, config, 2 * h)


def forward(params, x, config, *, condition=None, rng=None, keep=True):
    """x (N, H, W, C) -> logits (N, H, W, C) or (N, H, W, C, L), and the caches."""
    t, caches = taps(config), new_caches(keep)
    h, caches["first"] = conv2d.forward(x, *params["first"], taps=t.first)                     # (N, H, W, 2h)
    skipped = 0
    for n in range(config.layers):
        y, caches[f"lstm{n}"] = config.layer.forward(beside(h, condition), *params[f"lstm{n}"], **options(config))       # (N, H, W, h)
        up, caches[f"expand{n}"] = conv2d.forward(y, *params[f"expand{n}"], taps=t.expand)
        if config.skip:
            s, caches[f"skip{n}"] = conv2d.forward(y, *params[f"skip{n}"], taps=t.expand)
            skipped = skipped + s
        h = h + up
    caches["config"] = config
    return readout.forward(params, h + skipped, config, caches), caches


def backward(doutputs, caches):
    config, grads = caches["config"], {}
    dh = readout.backward(doutputs, config, caches, grads)
    dskipped, dcondition = dh, 0
    for n in reversed(range(config.layers)):
        # h = h + expand(y),   skipped += skip(y),   y = lstm(h)
        dy, *dw = conv2d.backward(dh, caches[f"expand{n}"])
        grads[f"expand{n}"] = conv2d.Weights(*dw)
        if config.skip:
            dy_skip, *dw = conv2d.backward(dskipped, caches[f"skip{n}"])
            grads[f"skip{n}"] = conv2d.Weights(*dw)
            dy = dy + dy_skip                                              # y went to the stream and to the head
        dh_lstm, *dw = config.layer.backward(dy, caches[f"lstm{n}"])
        grads[f"lstm{n}"] = config.layer.Weights(*dw)
        dh = dh + dh_lstm[..., :2 * config.hidden]                         # h went around the layer and through it
        dcondition = dcondition + dh_lstm[..., 2 * config.hidden:]         # every layer reads the maps
    dx, *dw = conv2d.backward(dh, caches["first"])
    grads["first"] = conv2d.Weights(*dw)
    return dx, dcondition if config.condition_maps else None, grads


class State(NamedTuple):
    first: conv2d.State
    layers: list                                       # (lstm, expand, skip or None) of each
    readout: readout.State
    condition: np.ndarray | None                       # (N, H, W, M)
    config: Config


def start(params, shape, config, *, condition=None):
    t, (N, H, W, _), h = taps(config), shape, config.hidden
    layers = []
    for n in range(config.layers):
        lstm = config.layer.start((N, H, W, 2 * h + config.condition_maps), *params[f"lstm{n}"], **options(config))
        expand = conv2d.start((N, H, W, h), *params[f"expand{n}"], taps=t.expand)
        skip = conv2d.start((N, H, W, h), *params[f"skip{n}"], taps=t.expand) if config.skip else None
        layers.append((lstm, expand, skip))
    return State(conv2d.start(shape, *params["first"], taps=t.first), layers, readout.start(params, (N, H, W, 2 * h), config), condition, config)


def see(x_t, state, /, *, at):
    """These pixels are known now: only the first convolution looks at the image itself."""
    conv2d.write(x_t, state.first, at=at)


def step(state, /, *, at):
    """forward's outputs at the strip `at`, from the pixels seen so far."""
    h = conv2d.read(state.first, at=at)                                    # (N, k, 2h)
    skipped = 0
    for lstm, expand, skip in state.layers:
        y = state.config.layer.step(beside(h, state.condition, at), lstm, at=at)               # (N, k, h)
        if skip is not None:
            skipped = skipped + conv2d.step(y, skip, at=at)
        h = h + conv2d.step(y, expand, at=at)
    return readout.step(h + skipped, state.readout, at=at)


def draws(C):
    return [slice(c, c + 1) for c in range(C)]


def reach(seen, config):
    """Upside down through the layers; the residual stream keeps what it had."""
    return reach_all(seen, config)[0]


def reach_all(seen, config):
    """Which inputs (H, W, C), and which of the maps (H, W, M), the outputs in `seen` can depend on."""
    t, shape, wide = taps(config), config.image_shape[:2], 2 * config.hidden
    maps = np.zeros((*shape, config.condition_maps), bool)
    seen = readout.reach(seen, config, 2 * config.hidden)
    to_head = seen if config.skip else np.zeros_like(seen)
    for _ in range(config.layers):
        y = conv2d.reach(seen | to_head, shape=shape, taps=t.expand)
        needed = config.layer.reach(y, shape=shape, **options(config), **config.lstm_sizes())
        seen, maps = seen | needed[..., :wide], maps | needed[..., wide:]
    return conv2d.reach(seen, shape=shape, taps=t.first), maps


def width(config):
    return 16 * config.hidden + 2 * config.head + 4 * config.image_shape[2] * config.levels
