"""PixelRNN with Diagonal BiLSTM layers: one Diagonal LSTM from each upper corner.

van den Oord, Kalchbrenner, Kavukcuoglu, "Pixel Recurrent Neural Networks", 2016, section 3.2.
The network is pixelrnn.py, the layer layers/diagonal_bilstm.py; the fields are those of
diagonal_lstm.py. The 1 x 1 convolution back to the residual stream follows the sum of the two
directions.

What it sees: all of the past but the last pixel of the row above, (r - 1, W - 1). That one is
invisible to every (r, c) with c + m < W - 1, m = K0 // 2, at any depth:
(H - 1) max(0, W - 1 - m) pairs. The paper and the lecture say "full dependency field"; it misses
these (648 of 307,000 at 28 x 28 with a 7 x 7 first convolution). With several colours only the last
colour of that pixel is invisible: the features of the pixel itself hold the others.

Parameters of the paper's MNIST net (7 layers, h = 16): 65,793 without learned start states (first
1,600; per layer 2 (2,112 + 2,048) + 544; head 1,056 + 1,056 + 33); here 66,241, since each of the
14 LSTMs also learns h0 and c0, 2 x 16 numbers.

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
