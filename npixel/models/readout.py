"""From the features of every pixel to its logits: what all networks of convolutions end with.

    h = conv1x1(relu(h))              to `head` maps; `head_layers` times
    logits = conv1x1(relu(h))         one logit per sub-pixel, or L

van den Oord et al. 2016, table 1. Every 1 x 1 convolution carries mask B. The layers are named
head0, head1, ..., logits. A model's layers, network and network_backward call the functions of the
same names here.

Read first: models/discrete.py, models/wiring.py, layers/relu_conv2d.py.
Read next: models/pixelcnn.py.
"""

import numpy as np

from ..layers import relu_conv2d
from . import discrete
from .wiring import Layer, mask_b


def layers(config, features):
    """The table of the head; features: how many maps come in.

    Each convolution follows a relu, so its weights have variance 2 / fan-in; those of the logits
    have 1 / fan-in.
    """
    C, within = config.image_shape[2], mask_b(1, config.image_shape[2])
    for n in range(config.head_layers):
        inputs = config.head if n else features
        yield f"head{n}", Layer(relu_conv2d, inputs, config.head, within, gain=np.sqrt(2))
    inputs = config.head if config.head_layers else features
    yield "logits", Layer(relu_conv2d, inputs, C * discrete.logits(config), within)


def network(f, h, config):
    """h (N, H, W, features) -> logits (N, H, W, C) or (N, H, W, C, L)"""
    for n in range(config.head_layers):
        h = f(f"head{n}", h)                                               # (N, H, W, head)
    return discrete.as_outputs(f("logits", h), config)


def network_backward(b, doutputs, config):
    """doutputs -> dh (N, H, W, features)"""
    dh = b("logits", discrete.as_features(doutputs, config))
    for n in reversed(range(config.head_layers)):
        dh = b(f"head{n}", dh)
    return dh
