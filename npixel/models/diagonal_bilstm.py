"""PixelRNN with Diagonal BiLSTM layers: one Diagonal LSTM from each upper corner.

van den Oord, Kalchbrenner, Kavukcuoglu, "Pixel Recurrent Neural Networks", 2016, section 3.2.
The network is pixelrnn.py, and the layer is layers/diagonal_bilstm.py. The fields are those of
diagonal_lstm.py. The 1 x 1 convolution back to the residual stream follows the sum of the two
directions.

What it sees: all of the past but the last pixel of the row above, (r - 1, W - 1). Let m = K0 // 2.
That pixel is invisible to every (r, c) with c + m < W - 1, at any depth. These are
(H - 1) max(0, W - 1 - m) pairs, 648 of 307,000 at 28 x 28 with a 7 x 7 first convolution. The paper
says "full dependency field", which is not quite true. With several colours only the last colour of
that pixel is invisible: the features of the pixel itself hold the others.

Parameters. The paper's MNIST net (7 layers, h = 16) has 65,793 without learned start states:

    1,600                          first convolution
    7 (2 (2,112 + 2,048) + 544)    K_is and K_ss of two LSTMs, and the 1 x 1 convolution, each layer
    1,056 + 1,056 + 33             head

Here it has 66,241, since each of the 14 LSTMs also learns h0 and c0, 2 x 16 numbers.

Read first: models/pixelrnn.py, models/diagonal_lstm.py, layers/diagonal_bilstm.py.
Read next: models/multiscale_pixelrnn.py.
"""

from dataclasses import dataclass

from ..layers import diagonal_bilstm
from . import diagonal_lstm
from .pixelrnn import (  # noqa: F401  the model contract
    backward, draws, forward, init, layers, loss, reach, see, shapes, start, step, width)


@dataclass(frozen=True)
class Config(diagonal_lstm.Config):
    layer = diagonal_bilstm
