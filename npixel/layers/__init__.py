"""The layers: modules of pure functions, one layer, one file.

    y, cache = forward(x, *weights, ...)          every layer has these two
    dx, *dweights = backward(dy, cache)
    state = start(shape, *weights, ...)           layers that generate from what they remember
    y_t = step(x_t, state, at=at)                 forward's y at one strip of the image
    reach(seen, ...)                              which inputs a set of outputs can depend on

    conv2d.py, relu_conv2d.py, deconv2d.py        convolutions
    live_taps.py                                  the taps of a convolution that some pixel can read
    linear.py                                     a weighted sum of all inputs
    relu.py, elu.py, concat_elu.py                activations
    gated_activation.py, gated_linear.py          activations with a gate
    conditional_bias.py                           what an image is to show
    dropout.py                                    numbers set to zero at random
    shift.py, shifted.py                          a map moved down or right; behind a convolution
    weight_norm.py, weight_normed.py              weights by length and direction; a convolution so
    fully_visible.py                              every unit reads all units before it
    lstm_cell.py, lstm.py                         the LSTM: at one place, and over a sequence
    row_lstm.py, diagonal_lstm.py, diagonal_bilstm.py, spatial_lstm.py        LSTMs over an image
    skew.py                                       the diagonals of an image
    canvas.py, unit_blocks.py                     the fast forms of conv2d.py and fully_visible.py

Read first: masks.py.  Read next: layers/conv2d.py, layers/lstm_cell.py.
"""
