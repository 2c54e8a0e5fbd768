"""Spatial LSTM: an LSTM with two forget gates, for the cell above and the one on the left.

    z[r, c] = K_is ⊛ x + W [h[r, c-1], h[r-1, c]] + b
    g, i, o, f_r, f_c = tanh(z_g), σ(z_i), σ(z_o), σ(z_fr), σ(z_fc)
    c[r, c] = f_r · c[r-1, c] + f_c · c[r, c-1] + i · g
    h[r, c] = tanh(o · c[r, c])

    extended: the gates see the cells, too: W [h[r, c-1], h[r-1, c], c[r, c-1], c[r-1, c]]

Theis & Bethge, "Generative Image Modeling Using Spatial LSTMs", 2015. The order of inputs and
gates, the extended form, and the tanh around o · c are those of the authors' program. To take
o · tanh(c) is a common fault, and trains as well. A forget gate for each dimension is due to Graves
& Schmidhuber 2009. Outside the image h and c are zero; nothing is learned there.

As a loop, for one image of 2 x 3 pixels. Index -1 is what stands outside the image:

    >>> rng, taps = np.random.default_rng(0), [(0, 0)]
    >>> x, (w_is, b, w_ss) = rng.random((1, 2, 3, 5)), init(rng, 5, 4, taps=taps, dtype=float)
    >>> h, cells = np.zeros((3, 4, 4)), np.zeros((3, 4, 4))
    >>> for r, c in np.ndindex(2, 3):
    ...     z = x[0, r, c] @ w_is[0] + h[r, c - 1] @ w_ss[0] + h[r - 1, c] @ w_ss[1] + b
    ...     g, i, o, f_r, f_c = np.tanh(z[:4]), *np.split(elementary.sigmoid(z[4:]), 4)
    ...     cells[r, c] = f_r * cells[r - 1, c] + f_c * cells[r, c - 1] + i * g
    ...     h[r, c] = np.tanh(o * cells[r, c])
    >>> np.allclose(h[:2, :3], forward(x, w_is, b, w_ss, taps=taps)[0][0])
    True

Order of w_ss: the matrix from the left comes first, then the one from above. diagonal_lstm.py has
them the other way round, as in its paper. Files of weights keep both orders.

Input. The paper's x_<rc is a causal neighbourhood of the pixel. There are two ways to give it:
    x is the image, and K_is has the taps of the neighbourhood, masks.mask_a(5, ...)
    the numbers of the neighbourhood are the channels of x, and K_is has the one tap (0, 0). This is
    for layers on top of another, and for neighbourhoods that are whitened first
`canvas.as_matrix` brings both to one matrix I x 5D, where I numbers are read at each place.

The two directions are alike. If the image is transposed, f_r and f_c are exchanged, and so are the
two neighbours, then h is transposed.

What it sees from (r, c): what K_is sees of all places in rows <= r and columns <= c. A Diagonal
LSTM sees the same.

Read first: layers/conv2d.py, layers/lstm.py, layers/skew.py.
Read next: models/spatial_lstm.py, layers/row_lstm.py.
"""

from typing import NamedTuple

import numpy as np

from .. import masks
from ..runtime import blas, elementary
from ..runtime.blas import add_product
from ..runtime.elementary import sigmoid, tanh
from ..runtime.kernels import kernel, plain
from . import canvas, conv2d, skew


class Weights(NamedTuple):
    """The gates g, i, o, f_r, f_c stand side by side.

    The matrices of w_ss belong to h on the left, h above and, in the extended form, c on the left
    and c above.
    """
    w_is: np.ndarray                                   # (U, C, 5D)
    b: np.ndarray                                      # (5D,)
    w_ss: np.ndarray                                   # (2, D, 5D), or (4, D, 5D) if extended


def shapes(U, C, D, *, extended=False):
    """The shapes of the weights for U taps, C channels in and D features out."""
    return Weights((U, C, 5 * D), (5 * D,), (4 if extended else 2, D, 5 * D))


def init(rng, C, D, /, *, taps, extended=False, dtype):
    """Weights uniform in [-0.08, 0.08] and biases zero, as in the authors' program.

    taps       as in forward; weights that it masks away are zero
    extended   True: gates see the cells, too
    """
    _, mask = masks.as_taps(taps, C, 5 * D)
    w_is = rng.uniform(-0.08, 0.08, mask.shape) * mask
    w_ss = rng.uniform(-0.08, 0.08, (4 if extended else 2, D, 5 * D))
    return Weights(w_is.astype(dtype), np.zeros(5 * D, dtype), w_ss.astype(dtype))


def forward(x, w_is, b, w_ss, /, *, taps):
    """The states of every pixel, and the cache, which holds the gates, cells and states.

    x         (N, H, W, C)  float32 or float64
    taps      masks.Taps of K_is, or a plain list where nothing is masked: [(0, 0)]
    returns   h (N, H, W, D); and the cache

    ValueError if shapes or dtypes disagree.
    """
    check(w_is, b, w_ss)
    inputs, w, back = canvas.as_matrix(x, w_is, b, taps=taps)              # (N, H, W, I), (I, 5D)
    blas.check_dtype(x.dtype)
    N, H, W, _ = x.shape
    D = w_ss.shape[1]
    gates, c, h = (np.empty((N, H * W, width), x.dtype) for width in (5 * D, D, D))
    y = np.empty((N, H, W, D), x.dtype)

    def work(inputs, gates, c, h, y):
        _scan(w, b, w_ss, inputs, *_by_place(gates, c, h), y)

    blas.images_in_lanes(work, inputs, gates, c, h, y)
    return y, (inputs, w, back, w_ss, gates, c, h)


def backward(dh, cache, /):
    """dh (N, H, W, D) -> dx, dw_is, db, dw_ss."""
    inputs, w, back, w_ss, gates, c, h = cache
    dh, dinputs = plain(dh, (*inputs.shape[:3], h.shape[2])), np.empty_like(inputs)
    w_back, w_ss_back = np.ascontiguousarray(w.T), np.ascontiguousarray(w_ss.transpose(0, 2, 1))

    def work(inputs, gates, c, h, dh, dinputs, *sums):
        _scan_backward(w, w_ss, inputs, *_by_place(gates, c, h), dh, dinputs, *sums,
                       w_back, w_ss_back)

    dw, db, dw_ss = blas.images_in_lanes(work, inputs, gates, c, h, dh, dinputs,
                                         sums=(w, np.empty(w.shape[1], w.dtype), w_ss))
    dx, dw_is = canvas.from_matrix(dinputs, dw, back)
    return dx, dw_is, db, dw_ss


class State(NamedTuple):
    """States and cells so far; in both, pixel (r, c) lies at (r + 1, c + 1).

    Row 0 is above the image and column 0 left of it; both stay zero. Images come third, so that the
    numbers of a pixel lie side by side.
    """
    i_s: conv2d.State
    h: np.ndarray                                      # (1 + H, 1 + W, N, D)
    c: np.ndarray                                      # (1 + H, 1 + W, N, D)
    w_ss: np.ndarray


def start(shape, w_is, b, w_ss, /, *, taps):
    """Memory for stepping through images of this shape, (N, H, W, C)."""
    check(w_is, b, w_ss)
    N, H, W, _ = shape
    h, c = (np.zeros((1 + H, 1 + W, N, w_ss.shape[1]), w_is.dtype) for _ in range(2))
    return State(conv2d.start(shape, w_is, b, taps=taps), h, c, w_ss)


def write(x_t, state, /, *, at):
    """Pixels `at` of the input are known now: x_t (N, k, C).   Updates `state` in place."""
    conv2d.write(x_t, state.i_s, at=at)


def read(state, /, *, at):
    """forward's h (N, k, D) at the strip `at`, from what has been written so far.

    Updates `state` in place.
    """
    row, columns = at
    z = conv2d.read(state.i_s, at=at)                                      # (N, k, 5D)
    for k, column in enumerate(range(columns.start, columns.stop)):
        left, above, here = (row + 1, column), (row, column + 1), (row + 1, column + 1)
        neighbours = state.h[left], state.h[above], state.c[left], state.c[above]          # (N, D)
        gates = z[:, k] + sum(a @ w for a, w in zip(neighbours, state.w_ss))
        cell(gates, state.c[left], state.c[above], state.c[here], state.h[here])
    return state.h[row + 1, columns.start + 1:columns.stop + 1].swapaxes(0, 1).copy()


def step(x_t, state, /, *, at):
    """forward's h (N, k, D) at the strip `at`, given the input x_t (N, k, C) there.

    Updates `state` in place.
    """
    write(x_t, state, at=at)
    return read(state, at=at)


def reach(seen, /, *, shape, taps):
    """Which inputs (H, W, C) the states in `seen` (H, W, D) can depend on.

    These are what K_is sees of all places above and to the left, in every colour.
    """
    return conv2d.reach(np.tile(masks.above_and_left(seen), 5), shape=shape, taps=taps)


def check(w_is, b, w_ss):
    """ValueError if the weights disagree among themselves; conv2d checks w_is and b against x."""
    if w_ss.ndim != 3 or len(w_ss) not in (2, 4) or w_ss.shape[2] != 5 * w_ss.shape[1]:
        raise ValueError(f"w_ss must be (2, D, 5D), or (4, D, 5D) with the cells, "
                         f"has shape {w_ss.shape}")
    if w_is.ndim != 3 or w_is.shape[2] != w_ss.shape[2]:
        raise ValueError(f"w_is must be (U, C, {w_ss.shape[2]}), has shape {w_is.shape}")
    if not w_is.dtype == b.dtype == w_ss.dtype:
        raise ValueError(f"weights must have one dtype, have {w_is.dtype}, {b.dtype}, {w_ss.dtype}")


def _by_place(*arrays):
    """Memory of a lane, (images, places, width) each, as (places, images, width).

    Nothing is moved. Forward fills the memory in this order, all images of a place side by side.
    Backward has the same lanes, and reads it in this order.
    """
    return [array.reshape(array.shape[1], array.shape[0], array.shape[2]) for array in arrays]


def _places(H, W):
    """(H, W) int: where each pixel stands when diagonal follows diagonal.

    Diagonal t holds the pixels with r + c = t, from the top down.

    >>> _places(2, 3).tolist()
    [[0, 1, 3], [2, 4, 5]]
    """
    row, column = np.indices((H, W)).reshape(2, -1)
    places = np.empty(H * W, int)
    places[np.lexsort((row, row + column))] = np.arange(H * W)
    return places.reshape(H, W)


def _cell_numpy(z, c_left, c_above, c, h):
    """z (n, 5D) becomes the gates, in place; c and h (n, D) are filled in."""
    D = c.shape[1]
    z[:, :D] = np.tanh(z[:, :D])
    z[:, D:] = elementary.sigmoid(z[:, D:])
    g, i, o, f_r, f_c = (z[:, k * D:(k + 1) * D] for k in range(5))
    c[...] = f_r * c_above + f_c * c_left + i * g
    h[...] = np.tanh(o * c)


# As in lstm_cell.py each loop runs over one row and fills in one array, so that the compiler turns
# it into vector instructions.

@kernel(defined_by=_cell_numpy)
def cell(z, c_left, c_above, c, h):
    D = c.shape[1]
    gates = z.reshape(z.shape[0], 5, D)                # g, i, o, f_r, f_c
    for n in range(c.shape[0]):
        for d in range(D):
            gates[n, 0, d] = tanh(gates[n, 0, d])
        for k in range(1, 5):
            for d in range(D):
                gates[n, k, d] = sigmoid(gates[n, k, d])
        for d in range(D):
            c[n, d] = (gates[n, 3, d] * c_above[n, d] + gates[n, 4, d] * c_left[n, d]
                       + gates[n, 1, d] * gates[n, 0, d])
        for d in range(D):
            h[n, d] = tanh(gates[n, 2, d] * c[n, d])


def _cell_backward_numpy(gates, c_left, c_above, c, h, dh, dc, dz, dc_left, dc_above):
    """From dh (n, D) to the gradients of all that the cell read, row by row.

    dc         (n, D)    so far, from the cells that read this one; becomes all of it
    dz         (n, 5D)   filled in
    dc_left    (n, D)    filled in
    dc_above   (n, D)    filled in
    """
    g, i, o, f_r, f_c = np.split(gates, 5, axis=1)
    # h = tanh(o c)
    du = dh * (1 - h * h)
    do = du * c
    dc += du * o
    # c = f_r c_above + f_c c_left + i g
    dg, di, df_r, df_c = dc * i, dc * g, dc * c_above, dc * c_left
    dz_sigmoid = [da * a * (1 - a) for da, a in ((di, i), (do, o), (df_r, f_r), (df_c, f_c))]
    dz[...] = np.concatenate([dg * (1 - g * g), *dz_sigmoid], axis=1)
    dc_left[...] = dc * f_c
    dc_above[...] = dc * f_r


@kernel(defined_by=_cell_backward_numpy)
def cell_backward(gates, c_left, c_above, c, h, dh, dc, dz, dc_left, dc_above):
    D, one = c.shape[1], c.dtype.type(1)
    # g, i, o, f_r, f_c and their gradients
    a, da = gates.reshape(len(gates), 5, D), dz.reshape(len(gates), 5, D)
    for n in range(c.shape[0]):
        for d in range(D):
            # the gradient of o c, held here until dc has been added up
            da[n, 2, d] = dh[n, d] * (one - h[n, d] * h[n, d])
        for d in range(D):
            dc[n, d] += da[n, 2, d] * a[n, 2, d]
        for d in range(D):
            da[n, 2, d] *= c[n, d] * a[n, 2, d] * (one - a[n, 2, d])
        for d in range(D):
            da[n, 0, d] = dc[n, d] * a[n, 1, d] * (one - a[n, 0, d] * a[n, 0, d])
        for d in range(D):
            da[n, 1, d] = dc[n, d] * a[n, 0, d] * a[n, 1, d] * (one - a[n, 1, d])
        for d in range(D):
            da[n, 3, d] = dc[n, d] * c_above[n, d] * a[n, 3, d] * (one - a[n, 3, d])
        for d in range(D):
            da[n, 4, d] = dc[n, d] * c_left[n, d] * a[n, 4, d] * (one - a[n, 4, d])
        for d in range(D):
            dc_left[n, d] = dc[n, d] * a[n, 4, d]
        for d in range(D):
            dc_above[n, d] = dc[n, d] * a[n, 3, d]


def _scan_numpy(w_is, b, w_ss, x, gates, c, h, y):
    """The recurrence, pixel by pixel: gates, c, h and y are filled in.

    x       (N, H, W, I)     inputs, with w_is (I, 5D)
    gates   (H W, N, 5D)     place by place, in the order of `_places`; so are c, h (H W, N, D)
    y       (N, H, W, D)     h once more, in the order of the image
    """
    N, H, W, _ = x.shape
    place, nothing = _places(H, W), np.zeros_like(h[0])                    # (N, D)
    for row in range(H):
        for column in range(W):
            here = place[row, column]
            left = place[row, column - 1] if column else None
            above = place[row - 1, column] if row else None
            h_left, c_left = (nothing, nothing) if left is None else (h[left], c[left])
            h_above, c_above = (nothing, nothing) if above is None else (h[above], c[above])
            gates[here] = x[:, row, column] @ w_is + b
            gates[here] += sum(a @ w for a, w in zip((h_left, h_above, c_left, c_above), w_ss))
            cell(gates[here], c_left, c_above, c[here], h[here])
            y[:, row, column] = h[here]


# The kernels go from diagonal t = row + column to diagonal, and on each through all rows and all
# images together. The places of a diagonal lie side by side in gates, c and h. In the diagonal
# before, their neighbours on the left lie side by side, and so do those above. So nothing has to be
# gathered: each operand of a product is a block of rows as it stands. At the edge of the image one
# row has no neighbour:
#     left    rows first, ..., min(last, t) - 1     the first `stop` places have one on the left
#     above   rows max(first, 1), ..., last - 1     all but the first `skip` places have one above

def _neighbours_numpy(c, left, stop, above, skip, c_left, c_above):
    """Fill in the cells on the left of each place of a diagonal, and those above.

    They are zero where there is no neighbour.

    c         (places, D)   those of the diagonal before begin at `left` and at `above`
    stop      how many places have a neighbour on the left: the first ones
    skip      how many have none above: the first ones
    c_left    filled in
    c_above   filled in
    """
    c_left[:stop], c_left[stop:] = c[left:left + stop], 0
    c_above[:skip], c_above[skip:] = 0, c[above:above + len(c_above) - skip]


@kernel(defined_by=_neighbours_numpy)
def _neighbours(c, left, stop, above, skip, c_left, c_above):
    D = c.shape[1]
    for n in range(len(c_left)):
        if n < stop:
            for d in range(D):
                c_left[n, d] = c[left + n, d]
        else:
            for d in range(D):
                c_left[n, d] = 0
        if n < skip:
            for d in range(D):
                c_above[n, d] = 0
        else:
            for d in range(D):
                c_above[n, d] = c[above + n - skip, d]


@kernel(defined_by=_scan_numpy)
def _scan(w_is, b, w_ss, x, gates, c, h, y):
    N, H, W, I = x.shape
    D, most = c.shape[2], min(H, W) * N
    gates, c, h = gates.reshape(H * W * N, 5 * D), c.reshape(H * W * N, D), h.reshape(H * W * N, D)
    x_t, c_left, c_above = (np.empty((most, I), x.dtype), np.empty((most, D), x.dtype),
                            np.empty((most, D), x.dtype))
    begin, before = 0, 0                               # where this diagonal begins; the one before
    for t in range(H + W - 1):
        first, last = skew.rows(t, H, W)
        size = (last - first) * N
        end = begin + size
        z = gates[begin:end]
        for n in range(size):
            for d in range(5 * D):
                z[n, d] = b[d]
        if I:
            skew.cut(t, x, x_t[:size].reshape(last - first, N, I))
            add_product(x_t[:size], w_is, z, 0, 0)
        left, above = before + (N if t >= W else 0), before
        stop, skip = (min(last, t) - first) * N, (0 if first else N)
        for k in range(len(w_ss)):                     # h on the left, h above; c left, c above
            state = h if k < 2 else c
            if k % 2 == 0:
                add_product(state[left:left + stop], w_ss[k], z[:stop], 0, 0)
            else:
                add_product(state[above:above + size - skip], w_ss[k], z[skip:], 0, 0)
        _neighbours(c, left, stop, above, skip, c_left[:size], c_above[:size])
        cell(z, c_left[:size], c_above[:size], c[begin:end], h[begin:end])
        skew.paste(t, h[begin:end].reshape(last - first, N, D), y)
        begin, before = end, begin


def _scan_backward_numpy(w_is, w_ss, x, gates, c, h, dy, dx, dw_is, db, dw_ss):
    """Back through the pixels: dx is filled in; dw_is, db, dw_ss are added to."""
    N, H, W, _ = x.shape
    place, nothing = _places(H, W), np.zeros_like(h[0])
    dh, dc = np.zeros_like(h), np.zeros_like(c)
    for row in reversed(range(H)):
        for column in reversed(range(W)):
            here = place[row, column]
            left = place[row, column - 1] if column else None
            above = place[row - 1, column] if row else None
            c_left, c_above = (nothing if q is None else c[q] for q in (left, above))
            dz, dc_left, dc_above = (np.empty_like(a) for a in (gates[here], c_left, c_above))
            cell_backward(gates[here], c_left, c_above, c[here], h[here],
                          dh[here] + dy[:, row, column], dc[here], dz, dc_left, dc_above)
            # z = x w_is + b + h_left w_ss[0] + h_above w_ss[1] + c_left w_ss[2] + c_above w_ss[3]
            dx[:, row, column] = dz @ w_is.T
            dw_is += x[:, row, column].T @ dz
            db += dz.sum(axis=0)
            for k, (q, dc_there) in enumerate([(left, dc_left), (above, dc_above)]):
                if q is not None:
                    dc[q] += dc_there
                    for state, dstate, j in [(h, dh, k), (c, dc, 2 + k)][:len(w_ss) // 2]:
                        dstate[q] += dz @ w_ss[j].T
                        dw_ss[j] += state[q].T @ dz


# w_back (5D, I) and w_ss_back (2 or 4, 5D, D) are w_is and w_ss transposed: BLAS is slower when it
# transposes.

@kernel(defined_by=_scan_backward_numpy)
def _scan_backward(w_is, w_ss, x, gates, c, h, dy, dx, dw_is, db, dw_ss, w_back, w_ss_back):
    N, H, W, I = x.shape
    D, most = c.shape[2], min(H, W) * N
    gates, c, h = gates.reshape(H * W * N, 5 * D), c.reshape(H * W * N, D), h.reshape(H * W * N, D)
    x_t, dx_t = np.empty((most, I), x.dtype), np.empty((most, I), x.dtype)
    dy_t, dz_t = np.empty((most, D), x.dtype), np.empty((most, 5 * D), x.dtype)
    c_left, c_above = np.empty((most, D), x.dtype), np.empty((most, D), x.dtype)
    dc_left, dc_above = np.empty((most, D), x.dtype), np.empty((most, D), x.dtype)
    dh, dc = np.zeros((most, D), x.dtype), np.zeros((most, D), x.dtype)
    dh_before, dc_before = np.empty((most, D), x.dtype), np.empty((most, D), x.dtype)
    end = H * W * N
    for t in range(H + W - 2, -1, -1):
        first, last = skew.rows(t, H, W)
        top, bottom = skew.rows(t - 1, H, W)                               # of the diagonal before
        size = (last - first) * N
        begin = end - size
        before = begin - (bottom - top) * N
        left, above = before + (N if t >= W else 0), before
        stop, skip = (min(last, t) - first) * N, (0 if first else N)
        skew.cut(t, dy, dy_t[:size].reshape(last - first, N, D))
        for n in range(size):
            for d in range(D):
                dh[n, d] += dy_t[n, d]
        dz = dz_t[:size]
        _neighbours(c, left, stop, above, skip, c_left[:size], c_above[:size])
        cell_backward(gates[begin:end], c_left[:size], c_above[:size], c[begin:end], h[begin:end],
                      dh[:size], dc[:size], dz, dc_left[:size], dc_above[:size])
        # z = x w_is + b + h_left w_ss[0] + h_above w_ss[1] + c_left w_ss[2] + c_above w_ss[3]
        if I:
            skew.cut(t, x, x_t[:size].reshape(last - first, N, I))
            dx_t[:size] = 0
            add_product(dz, w_back, dx_t[:size], 0, 0)
            add_product(x_t[:size], dz, dw_is, 1, 0)
            skew.paste(t, dx_t[:size].reshape(last - first, N, I), dx)
        for n in range(size):
            for d in range(5 * D):
                db[d] += dz[n, d]
        dh_before[...] = 0
        dc_before[...] = 0
        for k in range(len(w_ss)):
            state, dstate = (h, dh_before) if k < 2 else (c, dc_before)
            there, dz_k = (left, dz[:stop]) if k % 2 == 0 else (above, dz[skip:])
            place = slice(there - before, there - before + len(dz_k))
            add_product(dz_k, w_ss_back[k], dstate[place], 0, 0)
            add_product(state[there:there + len(dz_k)], dz_k, dw_ss[k], 1, 0)
        for n in range(stop):
            for d in range(D):
                dc_before[left - before + n, d] += dc_left[n, d]
        for n in range(size - skip):
            for d in range(D):
                dc_before[n, d] += dc_above[skip + n, d]
        dh, dh_before = dh_before, dh
        dc, dc_before = dc_before, dc
        end = begin
