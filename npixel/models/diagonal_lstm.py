"""PixelRNN with single Diagonal LSTM layers: each state reads its left and its upper neighbour, so
it sees all that is above and to the left.

van den Oord, Kalchbrenner, Kavukcuoglu, "Pixel Recurrent Neural Networks", 2016, section 3.2,
without its second direction. The network is pixelrnn.py, and the layer is layers/diagonal_lstm.py:
K_is is 1 x 1 with mask B, and K_ss reads left and above.

What it sees from (r, c): its own row to the left, and of every row above the columns <= c + m. Here
m = K0 // 2 comes from the first convolution. The model is half a Diagonal BiLSTM, and shows what
the other half is for.

`padding` says what stands left of the image: "start" or "evolve", as in layers/diagonal_lstm.py.

Read first: models/pixelrnn.py, layers/diagonal_lstm.py.  Read next: models/diagonal_bilstm.py.
"""

from dataclasses import dataclass

from ..layers import diagonal_lstm
from . import pixelrnn
from .pixelrnn import (  # noqa: F401  the model contract
    backward, draws, forward, init, layers, loss, reach, see, shapes, start, step, width)
from .wiring import Layer, mask_b


@dataclass(frozen=True)
class Config(pixelrnn.Config):
    padding: str = "start"                             # what stands left of the image, or "evolve"

    layer = diagonal_lstm

    def __post_init__(self):
        super().__post_init__()
        if self.padding not in ("start", "evolve"):
            raise ValueError(f'padding must be "start" or "evolve", is {self.padding!r}')

    def lstm(self, C, D):
        """The row of the table for one LSTM: C maps in, D out."""
        taps = mask_b(1, self.image_shape[2], gates=4, free=self.condition_maps)
        return Layer(self.layer, C, D, taps, {"padding": self.padding})
