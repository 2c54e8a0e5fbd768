"""PixelRNN with Row LSTM layers: each state reads three columns of the row above, so the dependency
field is a triangle that opens upward.

van den Oord, Kalchbrenner, Kavukcuoglu, "Pixel Recurrent Neural Networks", 2016, section 3.1.
The network is pixelrnn.py, and the layer is layers/row_lstm.py. K_is is 1 x `kernel` along the row
with mask B, since the first convolution has removed the pixel itself. K_ss is 1 x `kernel` over the
row above, unmasked.

What it sees. Take m = K0 // 2, n layers of kernel 3, and count columns from the pixel. It sees its
own row from column -(n + m) to -1, and row r - d, d >= 1, from column -(d + n + m) to d - 1 + m. On
the right the same wedge is missing as in PixelCNN's blind spot. But there is no limit upward, as
PixelCNN has one. "Full dependency field" is not true of it.

Read first: models/pixelrnn.py, layers/row_lstm.py.  Read next: models/diagonal_lstm.py.
"""

from dataclasses import dataclass

from ..layers import row_lstm
from . import pixelrnn
from .pixelrnn import (  # noqa: F401  the model contract
    backward, draws, forward, init, layers, loss, reach, see, shapes, start, step, width)
from .wiring import Layer, causal_row


@dataclass(frozen=True)
class Config(pixelrnn.Config):
    kernel: int = 3                                    # K of both convolutions along the row

    layer = row_lstm

    def lstm(self, C, D):
        """The row of the table for one LSTM: C maps in, D out."""
        taps = causal_row(self.kernel, self.image_shape[2], gates=4, free=self.condition_maps)
        return Layer(self.layer, C, D, taps, sizes={"K": self.kernel})
