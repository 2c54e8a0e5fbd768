"""blind_corner: a source on which a blind spot has a price that is known beforehand.

    x[r, 0] = x[r-1, W-1]  xor  Bernoulli(eps)         for r >= 1: a row begins with a noisy copy of
                                                       the last pixel before it
    every other pixel is a fair coin
    entropy = (H W - (H-1)) log 2 + (H-1) h(eps)       h(eps): the entropy of one bit

In the order of generation x[r-1, W-1] is the pixel directly before x[r, 0]. In the image it is W-1
columns away. Several models of the literature are blind there however deep they are, once W - 1 is
more than K // 2 for a first kernel K x K. PixelCNN and the Row LSTM do not see a wedge to the
right. Nor does the Diagonal BiLSTM see that pixel, since its right-hand map is shifted down by one
row.

A model that cannot see x[r-1, W-1] when it predicts x[r, 0] sees a fair coin there, since nothing
else in the past depends on that pixel. In expectation it loses at least, and with the best weights
exactly,

    blind_gap = (H-1) (log 2 - h(eps))                 nats per image

A measured gap below it means that the model sees what it should not.

Read first: data/known_entropy/source.py.  Read next: data/known_entropy/markov_mesh.py.
"""

import math
from dataclasses import dataclass

import numpy as np

from npixel.data.known_entropy.source import Source, binary_entropy, check_probability


def blind_gap(H, eps):
    """What a model that cannot see x[r-1, W-1] from x[r, 0] loses, nats per image.

        (H-1) (log 2 - h(eps))

    >>> round(blind_gap(8, 0.05), 6)
    3.462424
    """
    return (H - 1) * (math.log(2) - float(binary_entropy(eps)))


@dataclass(frozen=True)
class BlindCorner(Source):
    """Fair noise whose rows begin with a noisy copy of the end of the row above.

    eps     in [0, 1]: the probability that the copy is wrong

    ValueError if eps is outside [0, 1], or W is 1: then the copied pixel is directly above, and
    itself a copy.
    """
    eps: float = 0.05

    def __post_init__(self):
        super().__post_init__()
        object.__setattr__(self, "eps", check_probability("eps", self.eps))
        if self.W < 2:
            raise ValueError(f"W must be at least 2 in blind_corner, is {self.W}")

    @property
    def entropy(self):
        """(H W - (H-1)) log 2 + (H-1) h(eps), nats per image."""
        return self.H * self.W * math.log(2) - self.blind_gap

    @property
    def blind_gap(self):
        """(H-1) (log 2 - h(eps)), nats per image."""
        return blind_gap(self.H, self.eps)

    def conditional(self, x, r, c):
        if r == 0 or c > 0:
            return 0.5
        return np.where(x[r - 1, self.W - 1], 1 - self.eps, self.eps)
