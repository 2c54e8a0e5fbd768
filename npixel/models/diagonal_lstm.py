"""PixelRNN with single Diagonal LSTM layers: each state reads its left and its upper neighbour, so it sees all that is above and to the left.

van den Oord, Kalchbrenner, Kavukcuoglu, "Pixel Recurrent Neural Networks", 2016, section 3.2, without its second direction.
The network is pixelrnn.py, the layer layers/diagonal_lstm.py: K_is is 1 x 1 with mask B, K_ss reads left and above.
What it sees: rows <= r, columns <= c + m in rows above, m = K0 // 2 from the first convolution. Half a Diagonal BiLSTM; it is here to show what the
other half is for.

`padding` says what stands left of the image ("start" or "evolve", layers/diagonal_lstm.py).
Read next: diagonal_bilstm.py.
"""

from dataclasses import dataclass

from .. import masks
from ..layers import diagonal_lstm
from . import pixelrnn
from .pixelrnn import (  # noqa: F401  the model contract
    backward, draws, forward, init, loss, reach, see, shapes, start, step, width)

@dataclass(frozen=True)
class Config(pixelrnn.Config):
    padding: str = "start"                             # what stands left of the image: "start" or "evolve"

    layer = diagonal_lstm

    def __post_init__(self):
        super().__post_init__()
        if self.padding not in ("start", "evolve"):
            raise ValueError(f'padding must be "start" or "evolve", is {self.padding!r}')

    def lstm_taps(self):
        _, _, wide, gates = pixelrnn.groups(self)
        return masks.mask_b(1, wide, gates)

    def lstm_options(self):
        return {"padding": self.padding}

    def lstm_sizes(self):
        return {}
