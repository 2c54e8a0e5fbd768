"""LSTM cell: what happens at one place, once the sums z of its four gates are known.

    o, f, i, g = σ(z_o), σ(z_f), σ(z_i), tanh(z_g)
    c = f · c_prev + i · g
    h = o · tanh(c)

Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000. The gates are in the order
of van den Oord et al. 2016, eq. 3. A sigmoid in place of tanh for g is a common fault. Such a cell
is causal and trains, so only a comparison of numbers finds it.

The layers lstm, row_lstm and diagonal_lstm use this cell. They differ in what z sums up and where
c_prev comes from. A place of spatial_lstm has two cells before it, so that layer has a cell of its
own.

As a layer it maps (z, c_prev) to h and c side by side. The other layers call `cell` and
`cell_backward`, which work in place on many places at once.

Read first: nothing.  Read next: layers/lstm.py.
"""

import numpy as np

from ..runtime import elementary
from ..runtime.elementary import sigmoid, tanh
from ..runtime.kernels import kernel


def forward(z, c_prev, /):
    """State and cell of every place, side by side, and the cache.

    z         (..., 4D)   sums of the gates o, f, i, g; float32 or float64
    c_prev    (..., D)
    returns   [h, c] (..., 2D); and the cache

    ValueError if shapes or dtypes disagree.

    >>> forward(np.zeros((1, 4)), np.ones((1, 1)))[0].round(3).tolist()      # σ(0) = 1/2
    [[0.231, 0.5]]
    """
    if z.shape != (*c_prev.shape[:-1], 4 * c_prev.shape[-1]) or z.dtype != c_prev.dtype:
        raise ValueError(f"z must be four times as wide as c_prev, {c_prev.shape} {c_prev.dtype}, "
                         f"and of its dtype, is {z.shape} {z.dtype}")
    D = c_prev.shape[-1]
    gates, before = np.array(z).reshape(-1, 4 * D), np.array(c_prev).reshape(-1, D)
    h, c = np.empty_like(before), np.empty_like(before)
    cell(gates, before, c, h)
    y = np.concatenate([h, c], axis=1).reshape(*c_prev.shape[:-1], 2 * D)
    return y, (gates, before, c, c_prev.shape)


def backward(dy, cache, /):
    """[dh, dc] (..., 2D) -> dz (..., 4D), dc_prev (..., D)."""
    gates, before, c, shape = cache
    D = before.shape[1]
    dy = dy.reshape(-1, 2 * D)
    dc, dz = dy[:, D:].copy(), np.empty_like(gates)
    cell_backward(gates, before, c, dy[:, :D].copy(), dc, dz)
    return dz.reshape(*shape[:-1], 4 * D), dc.reshape(shape)


def _cell_numpy(z, c_prev, c, h):
    """The cell at n places: z (n, 4D) becomes the gates; c and h (n, D) are filled in.

    c may be c_prev.
    """
    D = c.shape[1]
    z[:, :3 * D] = elementary.sigmoid(z[:, :3 * D])
    z[:, 3 * D:] = np.tanh(z[:, 3 * D:])
    o, f, i, g = (z[:, k * D:(k + 1) * D] for k in range(4))
    c[...] = f * c_prev + i * g
    h[...] = o * np.tanh(c)


# Each loop below runs over one row of one width and fills in one array. The compiler turns such
# loops into vector instructions. It could not if a loop wrote a second array, had an index that
# might be negative (D + d), or a literal 1, which makes a float32 expression float64.

@kernel(defined_by=_cell_numpy)
def cell(z, c_prev, c, h):
    D = c.shape[1]
    gates = z.reshape(z.shape[0], 4, D)                # o, f, i, g
    for n in range(c.shape[0]):
        for d in range(3 * D):
            z[n, d] = sigmoid(z[n, d])
        for d in range(D):
            gates[n, 3, d] = tanh(gates[n, 3, d])
        for d in range(D):
            c[n, d] = gates[n, 1, d] * c_prev[n, d] + gates[n, 2, d] * gates[n, 3, d]
        for d in range(D):
            h[n, d] = gates[n, 0, d] * tanh(c[n, d])


def _cell_backward_numpy(gates, c_prev, c, dh, dc, dz):
    """From dh (n, D) to the gradients of all that the cell read.

    dc   (n, D)    so far, from the cell that reads this one; becomes dc_prev
    dz   (n, 4D)   filled in
    """
    o, f, i, g = np.split(gates, 4, axis=1)
    tanh_c = np.tanh(c)
    # h = o tanh(c)
    do = dh * tanh_c
    total = dc + dh * o * (1 - tanh_c * tanh_c)
    # c = f c_prev + i g
    df, di, dg = total * c_prev, total * g, total * i
    dz_sigmoid = [da * a * (1 - a) for da, a in ((do, o), (df, f), (di, i))]
    dz[...] = np.concatenate([*dz_sigmoid, dg * (1 - g * g)], axis=1)
    dc[...] = total * f


@kernel(defined_by=_cell_backward_numpy)
def cell_backward(gates, c_prev, c, dh, dc, dz):
    D, one = c.shape[1], c.dtype.type(1)
    # o, f, i, g and their gradients
    a, da = gates.reshape(len(gates), 4, D), dz.reshape(len(gates), 4, D)
    for n in range(c.shape[0]):
        for d in range(D):
            da[n, 0, d] = tanh(c[n, d])                # held here until dc has been added up
        for d in range(D):
            dc[n, d] += dh[n, d] * a[n, 0, d] * (one - da[n, 0, d] * da[n, 0, d])
        for d in range(D):
            da[n, 0, d] *= dh[n, d] * a[n, 0, d] * (one - a[n, 0, d])
        for d in range(D):
            da[n, 1, d] = dc[n, d] * c_prev[n, d] * a[n, 1, d] * (one - a[n, 1, d])
        for d in range(D):
            da[n, 2, d] = dc[n, d] * a[n, 3, d] * a[n, 2, d] * (one - a[n, 2, d])
        for d in range(D):
            da[n, 3, d] = dc[n, d] * a[n, 2, d] * (one - a[n, 3, d] * a[n, 3, d])
        for d in range(D):
            dc[n, d] *= a[n, 1, d]
