"""The layers: modules of pure functions, one layer, one file. A layer has forward and backward.

    conv2d.py, relu_conv2d.py, deconv2d.py        convolutions; live_taps.py: what they share
    relu.py, elu.py, concat_elu.py                activations
    gated_activation.py, gated_linear.py          activations with a gate
    conditional_bias.py, weight_norm.py, dropout.py, shift.py
    fully_visible.py                              every unit reads all units before it
    lstm_cell.py, lstm.py                         the LSTM, over a sequence
    row_lstm.py, diagonal_lstm.py, diagonal_bilstm.py, spatial_lstm.py        over an image; skew.py
    canvas.py, unit_blocks.py                     the fast forms of conv2d.py and fully_visible.py

Read first: masks.py.  Read next: layers/conv2d.py, layers/lstm_cell.py.
"""
