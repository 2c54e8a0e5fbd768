"""PixelRNN with Row LSTM layers: each state reads three columns of the row above, so the dependency field is a triangle that opens upward.

van den Oord, Kalchbrenner, Kavukcuoglu, "Pixel Recurrent Neural Networks", 2016, section 3.1.
The network is pixelrnn.py, the layer layers/row_lstm.py: K_is is 1 x `kernel` along the row, mask B (the first convolution has removed
the pixel itself); K_ss is 1 x `kernel` over the row above, unmasked.

What it sees: with m = K0 // 2 and n layers of kernel 3, the pixel's own row from column -(n + m) to -1; row r - d, d >= 1, from -(d + n + m) to
d - 1 + m. The lecture calls the field triangular; it is the same wedge on the right as PixelCNN's blind spot, but without PixelCNN's limit
upward. "Full dependency field" is not true of it.

Read next: diagonal_bilstm.py.
"""

from dataclasses import dataclass

from .. import masks
from ..layers import row_lstm
from . import pixelrnn
from .pixelrnn import (  # noqa: F401  the model contract
    backward, draws, forward, init, loss, reach, see, shapes, start, step, width)

@dataclass(frozen=True)
class Config(pixelrnn.Config):
    kernel: int = 3                                    # K of both convolutions along the row

    layer = row_lstm

    def lstm_taps(self):
        _, _, wide, gates = pixelrnn.groups(self)
        return masks.causal_row(self.kernel, wide, gates)

    def lstm_options(self):
        return {}

    def lstm_sizes(self):
        return {"K": self.kernel}
