"""PixelRNN: residual layers of LSTMs. What Row, Diagonal and Diagonal BiLSTM have in common.

    h = conv_A(x)                            K0 x K0, mask A, C -> 2h maps
    y = lstm(h)                              2h -> h maps, by one of three LSTMs
    h = h + conv1x1(y)                       h -> 2h maps, mask B; the last two `layers` times
    logits = readout(h + Σ conv1x1_skip(y))  readout.py; the sum over layers only with skip=True

van den Oord, Kalchbrenner, Kavukcuoglu, "Pixel Recurrent Neural Networks", 2016, sections 3.1 to
3.3, table 1 and figure 5. The input-to-state map takes the 2h maps to the four gates of h each.
Every gate has all colour groups; there is no relu in front of it. Skip connections go from each
LSTM to the head, 1 x 1 with mask B. The paper has "learnable skip connections from each layer to
the output" and gives no sizes. Its networks for MNIST are a Row LSTM of 12 layers with h = 32, and
Diagonal BiLSTMs of 7 layers with h = 16 and of 1 layer with h = 32. For CIFAR-10 there are 12
layers with h = 128.

Start states h0 and c0 are learned, one number per feature: 2 h parameters more per LSTM than a
count without them.

With condition_maps = V the network is conditional on maps (N, H, W, V), known in advance at every
place. An unmasked 1 x 1 convolution takes them to the gates of every LSTM, where it is added to the
input-to-state map. In section 3.6 the maps come from a smaller image: multiscale_pixelrnn.py. The
convolution is written as V more input channels of that map, which its centre tap reads unmasked.

A model of this family is its Config, which names its layer:
    Config.layer          the module in layers
    Config.lstm(C, D)     the row of the table: C maps in, D out

Read first: models/wiring.py, models/readout.py, layers/row_lstm.py.
Read next: models/row_lstm.py, models/diagonal_lstm.py, models/diagonal_bilstm.py.
"""

from dataclasses import dataclass

import numpy as np

from ..layers import conv2d
from . import readout
from .discrete import draws, loss                      # noqa: F401  the model contract
from .wiring import NOTHING, Layer, Wiring, mask_a, mask_b


@dataclass(frozen=True)
class Config:
    image_shape: tuple                                 # (H, W, C)
    levels: int = 2
    hidden: int = 32                                   # h; the residual stream has 2h maps
    layers: int = 3                                    # LSTM layers
    first_kernel: int = 7                              # K0
    head: int = 32                                     # maps of each hidden layer of the head
    head_layers: int = 2
    skip: bool = False                                 # a 1 x 1 convolution from each LSTM on
    condition_maps: int = 0                            # V

    def __post_init__(self):
        if self.condition_maps and not self.layers:
            raise ValueError(
                f"condition_maps={self.condition_maps} needs layers of at least 1: "
                "only the LSTMs read the maps"
            )


def layers(config):
    """The table."""
    C, h = config.image_shape[2], config.hidden
    lstm, within = config.lstm(2 * h + config.condition_maps, h), mask_b(1, C)
    yield "first", Layer(conv2d, C, 2 * h, mask_a(config.first_kernel, C))
    for n in range(config.layers):
        yield f"lstm{n}", lstm
        yield f"expand{n}", Layer(conv2d, h, 2 * h, within)
        if config.skip:
            yield f"skip{n}", Layer(conv2d, h, 2 * h, within)
    yield from readout.layers(config, 2 * h)


def network(f, x, config, condition=None):
    """The forward pass: x (N, H, W, C) -> logits (N, H, W, C) or (N, H, W, C, L)."""
    h, skipped = f("first", x), NOTHING                                    # (N, H, W, 2h)
    for n in range(config.layers):
        y = f(f"lstm{n}", beside(h, condition))                            # (N, H, W, h)
        if config.skip:
            skipped = skipped + f(f"skip{n}", y)
        h = h + f(f"expand{n}", y)
    return readout.network(f, h + skipped, config)


def network_backward(b, doutputs, config):
    """The backward pass: doutputs -> dx (N, H, W, C), and dcondition (N, H, W, V) or None."""
    dh = dskipped = readout.network_backward(b, doutputs, config)
    wide, dcondition = 2 * config.hidden, NOTHING
    for n in reversed(range(config.layers)):
        # h = h + expand(y),   skipped = skipped + skip(y),   y = lstm(h beside the maps)
        dy = b(f"expand{n}", dh)
        if config.skip:
            dy = dy + b(f"skip{n}", dskipped)          # y went to the stream and to the head
        dboth = b(f"lstm{n}", dy)
        dh = dh + dboth[..., :wide]                    # h went around the layer and through it
        dcondition = dcondition + dboth[..., wide:]    # every layer reads the maps
    return b("first", dh), dcondition if config.condition_maps else None


def beside(h, condition):
    """The maps next to the features; h itself where the network has no maps."""
    if condition is None:
        return h
    return np.concatenate([h, condition.astype(h.dtype)], axis=-1)


made = Wiring(layers, network, network_backward)
shapes, init, forward, backward, start, see, step, reach = made.functions()
reach_all = made.reach_all                             # of the image, and of the maps


def width(config):
    """Numbers alive at once per pixel of a forward pass without caches."""
    return 16 * config.hidden + 2 * config.head + 4 * config.image_shape[2] * config.levels
