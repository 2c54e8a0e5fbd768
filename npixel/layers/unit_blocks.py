"""Fully visible units in blocks: the fast form of the sum in fully_visible.py.

A unit has few numbers, so its product alone is too thin to be fast. So the weights of BLOCK units
are unpacked as the rows of one matrix. A row of unit i has the weights over all inputs before i,
and zeros after them. One product serves the block.

The product is made in tiles so small that BLAS does not share them out among its threads
(runtime/blas.py). So the last bits do not depend on how many threads BLAS has.

Read first: layers/fully_visible.py, runtime/blas.py.  Read next: runtime/memory.py.
"""

import numpy as np

BLOCK = 64                                             # units whose weights are unpacked together
SIDE = 64                                              # of a tile: SIDE³ is runtime/blas.py's TILE


def sum_over_pairs(x, w, b):
    """x (N, I, C), w (I (I - 1) / 2, C, D), b (I, D) -> y (N, I, D)."""
    N, I, C = x.shape
    D = b.shape[1]
    flat, y = x.reshape(N, I * C), np.empty((N, I, D), x.dtype)
    for units in _blocks(I):
        rows = _unpack(w, units)                                           # (units D, stop C)
        part = _product(flat[:, :units.stop * C], rows.T)
        y[:, units] = part.reshape(N, -1, D) + b[units]
    return y


def sum_over_pairs_backward(dy, x, w):
    """dy (N, I, D) -> dx (N, I, C), dw, db (I, D)."""
    N, I, C = x.shape
    flat, dflat = x.reshape(N, I * C), np.zeros((N, I * C), x.dtype)
    dw = np.empty_like(w)
    for units in _blocks(I):
        dpart = dy[:, units].reshape(N, -1)                                # (N, units D)
        dflat[:, :units.stop * C] += _product(dpart, _unpack(w, units))
        _pack(_product(dpart.T, flat[:, :units.stop * C]), dw, units)
    return dflat.reshape(N, I, C), dw, dy.sum(axis=0)


def unpacked(I, C, D):
    """The most numbers that the weights of one block are unpacked to."""
    return min(I, BLOCK) * D * I * C


def _blocks(I):
    """The blocks of units, as slices."""
    return [slice(first, min(I, first + BLOCK)) for first in range(0, I, BLOCK)]


def _product(a, b):
    """a @ b, tile by tile; the sum over tiles is taken from left to right."""
    c = np.zeros((len(a), b.shape[1]), a.dtype)
    for i in range(0, c.shape[0], SIDE):
        for j in range(0, c.shape[1], SIDE):
            for k in range(0, len(b), SIDE):
                c[i:i + SIDE, j:j + SIDE] += a[i:i + SIDE, k:k + SIDE] @ b[k:k + SIDE, j:j + SIDE]
    return c


def _unpack(w, units):
    """The rows (units D, stop C): row (i, d) has the weights of number d of unit i, then zeros.

    units   a slice; `stop` is its end
    """
    _, C, D = w.shape
    rows = np.zeros((units.stop - units.start, D, units.stop * C), w.dtype)
    for row, i in zip(rows, range(units.start, units.stop)):
        row[:, :i * C] = w[i * (i - 1) // 2:i * (i + 1) // 2].reshape(i * C, D).T
    return rows.reshape(-1, units.stop * C)


def _pack(rows, w, units):
    """The way back from `_unpack`: rows (units D, stop C) go to their places in w."""
    _, C, D = w.shape
    for row, i in zip(rows.reshape(-1, D, units.stop * C), range(units.start, units.stop)):
        w[i * (i - 1) // 2:i * (i + 1) // 2] = row[:, :i * C].T.reshape(i, C, D)
