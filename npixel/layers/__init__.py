"""The layers: modules of pure functions, one layer, one file. Start at conv2d.py; lstm_cell.py begins the recurrent ones."""
