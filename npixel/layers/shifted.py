"""A convolution and the shift of its output, as one layer: shift(convolution(x)).

Together they are causal where the convolution alone is not. In generation nothing is shifted. The
convolution is read one place earlier, where it is complete. Where that place is outside the image,
the layer gives zero.

    >>> from npixel.layers import conv2d
    >>> layer, x = Shifted(conv2d, columns=1), np.array([[[[4.0], [5.0]]]])
    >>> y, _ = layer.forward(x, np.array([[[2.0]]]), np.array([1.0]), taps=[(0, 0)])
    >>> y.ravel().tolist()
    [0.0, 9.0]

Read first: layers/shift.py, layers/conv2d.py.
Read next: layers/weight_normed.py, models/pixelcnn_pp.py.
"""

from typing import NamedTuple

import numpy as np

from . import shift


class Shifted(NamedTuple):
    """The layer of the header: it has the functions of a layer's module.

    Weights, shapes, init, start and write are those of the convolution.
    """
    convolution: object                                # conv2d, or what has its functions
    rows: int = 0                                      # down, 0 or 1
    columns: int = 0                                   # to the right, 0 or 1

    @property
    def Weights(self):
        return self.convolution.Weights

    @property
    def shapes(self):
        return self.convolution.shapes

    @property
    def init(self):
        return self.convolution.init

    def forward(self, x, /, *weights, **options):
        """x (N, H, W, C) -> y (N, H, W, D), and the cache."""
        y, cache = self.convolution.forward(x, *weights, **options)
        y, moved = shift.forward(y, rows=self.rows, columns=self.columns)
        return y, (cache, moved)

    def backward(self, dy, cache, /):
        """dy (N, H, W, D) -> dx (N, H, W, C), and the gradients of the weights."""
        cache, moved = cache
        dy, = shift.backward(dy, moved)
        return self.convolution.backward(dy, cache)

    def from_data(self, x, /, *weights, **options):
        """Weights from data, as the convolution makes them: they concern its output unshifted."""
        return self.convolution.from_data(x, *weights, **options)

    @property
    def start(self):
        return self.convolution.start

    @property
    def write(self):
        return self.convolution.write

    def read(self, state, /, *, at):
        """y (N, k, D) at the strip `at`, from the pixels written so far."""
        row, columns = at
        first, last = columns.start - self.columns, columns.stop - self.columns
        inside = max(row - self.rows, 0), slice(max(first, 0), max(last, 0))
        y = self.convolution.read(state, at=inside)
        if row < self.rows:
            y = np.zeros_like(y)
        missing = (columns.stop - columns.start) - y.shape[1]              # left of the image
        return np.pad(y, ((0, 0), (missing, 0), (0, 0))) if missing else y

    def step(self, x_t, state, /, *, at):
        """forward's y (N, k, D) at the strip `at`, given the input x_t (N, k, C) there.

        Updates `state` in place.
        """
        self.write(x_t, state, at=at)
        return self.read(state, at=at)

    def reach(self, seen, /, *, shape, taps):
        """Which inputs (H, W, C) the outputs in `seen` (H, W, D) can depend on."""
        seen = shift.reach(seen, shape=shape, rows=self.rows, columns=self.columns)
        return self.convolution.reach(seen, shape=shape, taps=taps)
