"""Spatial LSTM network: the recurrence of RIDE over causal neighbourhoods, read out as levels of a
pixel.

    h = slstm(x)                             K0 x K0 taps, mask A, C -> h maps: K0 // 2 rows above,
                                             and the left part of the pixel's own
    h = slstm(h)                             1 x 1, mask B, h -> h maps, `layers` - 1 times
    logits = readout(conv1x1(h))             h -> 2h maps, mask B; readout.py

Theis & Bethge, "Generative Image Modeling Using Spatial LSTMs", 2015. They have neighbourhoods of
12 pixels (here K0 = 5: two rows above and the left part of the pixel's own), 64 states, and layers
on top of one another. There a mixture of Gaussian scale mixtures reads h as the density of a real
number. Here the readout of the other models reads h, Bernoulli for two levels and softmax
otherwise. So likelihoods can be compared. With `extended` the gates see the cells.

The paper's inputs leave out the whole pixel. Here later colours see the earlier ones. The h
features are split into colours as everywhere; the first layer has mask A, all later ones mask B.

What it sees. h[r, c] gathers the neighbourhoods of all places (r', c') with r' <= r, c' <= c. Let
m = K0 // 2. Each neighbourhood shows rows above up to column c' + m, and its own row left of c'.
For K0 >= 3 all of them show the pixel's own row to its left, and of every row above the columns
<= c + m, however far up and however many layers. That is what a Diagonal LSTM sees. What is further
to the right stays out of sight: H (H - 1) / 2 times (W - 1 - m) (W - m) / 2 pairs of pixels.

Read first: layers/spatial_lstm.py, models/readout.py.
Read next: models/ride.py, models/pixelrnn.py.
"""

from dataclasses import dataclass

from ..layers import conv2d, spatial_lstm
from . import readout
from .discrete import draws, loss                      # noqa: F401  the model contract
from .wiring import Layer, Wiring, mask_a, mask_b


@dataclass(frozen=True)
class Config:
    image_shape: tuple                                 # (H, W, C)
    levels: int = 2
    hidden: int = 64                                   # h
    layers: int = 1                                    # Spatial LSTMs, at least 1
    first_kernel: int = 5                              # K0, the size of the neighbourhood
    extended: bool = False                             # gates see the cells on the left and above
    head: int = 32                                     # maps of each hidden layer of the head
    head_layers: int = 2

    def __post_init__(self):
        if self.layers == 0:
            raise ValueError("layers must be at least 1 in spatial_lstm: "
                             "its first layer reads the image; is 0")


def layers(config):
    """The table."""
    C, h, sizes = config.image_shape[2], config.hidden, {"extended": config.extended}
    first, later = mask_a(config.first_kernel, C, gates=5), mask_b(1, C, gates=5)
    for n in range(config.layers):
        yield f"lstm{n}", Layer(spatial_lstm, h if n else C, h, later if n else first, sizes=sizes)
    yield "expand", Layer(conv2d, h, 2 * h, mask_b(1, C))
    yield from readout.layers(config, 2 * h)


def network(f, x, config):
    """The forward pass: x (N, H, W, C) -> logits (N, H, W, C) or (N, H, W, C, L)."""
    h = x
    for n in range(config.layers):
        h = f(f"lstm{n}", h)                                               # (N, H, W, h)
    return readout.network(f, f("expand", h), config)


def network_backward(b, doutputs, config):
    """The backward pass: doutputs -> dx (N, H, W, C)."""
    dh = b("expand", readout.network_backward(b, doutputs, config))
    for n in reversed(range(config.layers)):
        dh = b(f"lstm{n}", dh)
    return dh


shapes, init, forward, backward, start, see, step, reach = Wiring(
    layers, network, network_backward, image=("lstm0",)).functions()


def width(config):
    """Numbers alive at once per pixel of a forward pass without caches."""
    C, window = config.image_shape[2], config.first_kernel**2
    return 10 * config.hidden + 2 * config.head + 2 * window * C + 4 * C * config.levels
