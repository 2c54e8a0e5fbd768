"""Spatial LSTM: an LSTM with two forget gates, one for the cell above and one for the cell on the left.

    z[r, c] = K_is ⊛ x + W [h[r, c-1], h[r-1, c]] + b          extended: W [h[r, c-1], h[r-1, c], c[r, c-1], c[r-1, c]]
    g, i, o, f_r, f_c = tanh(z_g), σ(z_i), σ(z_o), σ(z_fr), σ(z_fc)
    c[r, c] = f_r · c[r-1, c] + f_c · c[r, c-1] + i · g
    h[r, c] = tanh(o · c[r, c])

Theis & Bethge, "Generative Image Modeling Using Spatial LSTMs", 2015; the order of inputs and gates, the tanh around o · c (not o · tanh c, which trains
as well and is a common fault) and the extended form as in the authors' program. A forget gate for each dimension is Graves & Schmidhuber 2009.
Outside the image h and c are zero; nothing is learned there.

The input x_<rc of the paper, a causal neighbourhood of the pixel, is the list of taps of K_is: masks.mask_a(5, ...) over the image itself. Or the
neighbourhoods are the channels of x, and the list is [(0, 0)]: so for a layer on top of another, and where they are whitened first.

Turning the image over (rows become columns), with f_r and f_c and the two neighbours exchanged, turns h over: the two directions are alike.
What it sees: as a Diagonal LSTM, whatever K_is sees of the places above and to the left of the pixel, columns <= c.

Read first: conv2d.py, diagonal_lstm.py.  Read next: models/spatial_lstm.py.
"""

from typing import NamedTuple

import numpy as np

from .. import masks
from ..runtime import blas, elementary
from ..runtime.blas import add_product
from ..runtime.elementary import sigmoid, tanh
from ..runtime.kernels import kernel, plain
from . import conv2d, skew


class Weights(NamedTuple):
    w_is: np.ndarray                                   # (T, C, 5D)  input to state, one matrix per tap; gates g, i, o, f_r, f_c side by side
    b: np.ndarray                                      # (5D,)
    w_ss: np.ndarray                                   # (2, D, 5D)  of h on the left, h above; extended (4, D, 5D): of c on the left, c above


def shapes(T, C, D, *, extended=False):
    return Weights((T, C, 5 * D), (5 * D,), (4 if extended else 2, D, 5 * D))


def init(rng, C, D, /, *, taps, extended=False, dtype):
    """Weights uniform in [-0.08, 0.08], biases zero, as in the authors' program; dead weights are zero.   extended: gates see the cells too"""
    offsets, mask = conv2d.as_taps(taps, C, 5 * D)
    w_is = rng.uniform(-0.08, 0.08, mask.shape) * mask
    w_ss = rng.uniform(-0.08, 0.08, (4 if extended else 2, D, 5 * D))
    return Weights(w_is.astype(dtype), np.zeros(5 * D, dtype), w_ss.astype(dtype))


def forward(x, w_is, b, w_ss, /, *, taps):
    """x (N, H, W, C) -> h (N, H, W, D), and the cache: the gates, cells and states, once.   float32 or float64

    taps   masks.Taps of K_is, or a plain list where nothing is masked: [(0, 0)]

    ValueError if shapes or dtypes disagree.
    """
    check(w_is, b, w_ss)
    inputs, w, back = conv2d.as_matrix(x, w_is, b, taps=taps)              # (N, H, W, K), (K, 5D)
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
    dx, dw_is = conv2d.from_matrix(dinputs, dw, back)
    return dx, dw_is, db, dw_ss


class State(NamedTuple):
    """States and cells so far. In both, pixel (r, c) lies at (r + 1, c + 1): row 0 is above the image, column 0 left of it, and both stay zero.
    Images come third, so that a pixel's numbers lie side by side."""
    i_s: conv2d.State
    h: np.ndarray                                      # (1 + H, 1 + W, N, D)
    c: np.ndarray                                      # (1 + H, 1 + W, N, D)
    w_ss: np.ndarray


def start(shape, w_is, b, w_ss, /, *, taps):
    """Memory for stepping through images of this shape."""
    check(w_is, b, w_ss)
    N, H, W, _ = shape
    h, c = (np.zeros((1 + H, 1 + W, N, w_ss.shape[1]), w_is.dtype) for _ in range(2))
    return State(conv2d.start(shape, w_is, b, taps=taps), h, c, w_ss)


def write(x_t, state, /, *, at):
    """Pixels `at` of the input are known now: x_t (N, k, C).   Updates `state` in place."""
    conv2d.write(x_t, state.i_s, at=at)


def read(state, /, *, at):
    """forward's h (N, k, D) at the strip `at`, from what has been written so far.   Updates `state` in place."""
    row, columns = at
    z = conv2d.read(state.i_s, at=at)                                      # (N, k, 5D)
    for k, column in enumerate(range(columns.start, columns.stop)):
        left, above, here = (row + 1, column), (row, column + 1), (row + 1, column + 1)
        neighbours = state.h[left], state.h[above], state.c[left], state.c[above]              # (N, D) each
        gates = z[:, k] + sum(a @ w for a, w in zip(neighbours, state.w_ss))
        cell(gates, state.c[left], state.c[above], state.c[here], state.h[here])
    return state.h[row + 1, columns.start + 1:columns.stop + 1].swapaxes(0, 1).copy()


def step(x_t, state, /, *, at):
    """forward's h (N, k, D) at the strip `at`, where x_t (N, k, C) is the input there.   Updates `state` in place."""
    write(x_t, state, at=at)
    return read(state, at=at)


def reach(seen, /, *, shape, taps):
    """Which inputs (H, W, C) the states in `seen` (H, W, D) can depend on: what K_is sees of every place above and to the left, in every colour."""
    return conv2d.reach(np.tile(masks.above_and_left(seen), 5), shape=shape, taps=taps)


def check(w_is, b, w_ss):
    """ValueError if the weights disagree among themselves; conv2d checks w_is and b against x."""
    if w_ss.ndim != 3 or len(w_ss) not in (2, 4) or w_ss.shape[2] != 5 * w_ss.shape[1]:
        raise ValueError(f"w_ss must be (2, D, 5D), or (4, D, 5D) with the cells, has shape {w_ss.shape}")
    if w_is.ndim != 3 or w_is.shape[2] != w_ss.shape[2]:
        raise ValueError(f"w_is must be (T, C, {w_ss.shape[2]}), has shape {w_is.shape}")
    if not w_is.dtype == b.dtype == w_ss.dtype:
        raise ValueError(f"weights must have one dtype, have {w_is.dtype}, {b.dtype}, {w_ss.dtype}")


def _by_place(*arrays):
    """Memory of a lane, (images, places, width) each, as (places, images, width).

    Nothing is moved. Place after place is filled in, with all images at each.
    """
    return [array.reshape(array.shape[1], array.shape[0], array.shape[2]) for array in arrays]


def _places(H, W):
    """(H, W) int: where each pixel stands when diagonals r + c = 0, 1, ... follow one another, each from the top down.

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


# As in lstm_cell.py each loop runs over one row and fills in one array, so that it becomes vector instructions.

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
            c[n, d] = gates[n, 3, d] * c_above[n, d] + gates[n, 4, d] * c_left[n, d] + gates[n, 1, d] * gates[n, 0, d]
        for d in range(D):
            h[n, d] = tanh(gates[n, 2, d] * c[n, d])


def _cell_backward_numpy(gates, c_left, c_above, c, h, dh, dc, dz, dc_left, dc_above):
    """dh, and dc so far (n, D) -> dz (n, 5D), dc_left, dc_above (n, D) filled in; dc becomes all of dc."""
    g, i, o, f_r, f_c = np.split(gates, 5, axis=1)
    # h = tanh(o c)
    du = dh * (1 - h * h)
    do = du * c
    dc += du * o
    # c = f_r c_above + f_c c_left + i g
    dg, di, df_r, df_c = dc * i, dc * g, dc * c_above, dc * c_left
    dz[...] = np.concatenate([dg * (1 - g * g), di * i * (1 - i), do * o * (1 - o), df_r * f_r * (1 - f_r), df_c * f_c * (1 - f_c)], axis=1)
    dc_left[...] = dc * f_c
    dc_above[...] = dc * f_r


@kernel(defined_by=_cell_backward_numpy)
def cell_backward(gates, c_left, c_above, c, h, dh, dc, dz, dc_left, dc_above):
    D, one = c.shape[1], c.dtype.type(1)
    a, da = gates.reshape(len(gates), 5, D), dz.reshape(len(gates), 5, D)                     # g, i, o, f_r, f_c and their gradients
    for n in range(c.shape[0]):
        for d in range(D):
            da[n, 2, d] = dh[n, d] * (one - h[n, d] * h[n, d])             # of o c, held here until dc has been added up
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


# The kernels go from diagonal t = row + column to diagonal, and on each through all its rows and
# all images together. These lie side by side in gates, c and h. In the diagonal before, so do their
# neighbours on the left and those above. So nothing is gathered: each operand of a product is a
# block of rows as it stands. The two blocks of neighbours begin one row apart, and at the edge of
# the image one row has no neighbour:
#     on the left   rows first, ..., min(last, t) - 1       row t of diagonal t is in column 0
#     above         rows max(first, 1), ..., last - 1

@kernel(defined_by=_scan_numpy)
def _scan(w_is, b, w_ss, x, gates, c, h, y):
    N, H, W, I = x.shape
    D, most = c.shape[2], min(H, W) * N
    gates, c, h = gates.reshape(H * W * N, 5 * D), c.reshape(H * W * N, D), h.reshape(H * W * N, D)
    x_t = np.empty((H, N, I), x.dtype)
    c_left, c_above = np.empty((most, D), x.dtype), np.empty((most, D), x.dtype)
    begin, before = 0, 0                               # where this diagonal begins; the one before
    for t in range(H + W - 1):
        first, last = max(0, t - W + 1), min(H, t + 1)                     # rows on this diagonal
        size = (last - first) * N
        z = gates[begin:begin + size]
        for n in range(size):
            for d in range(5 * D):
                z[n, d] = b[d]
        if I:
            skew.cut(t, x, x_t)
            add_product(x_t[first:last].reshape(size, I), w_is, z, 0, 0)
        # where the neighbours begin: on the left those of the places [:stop], above of [skip:]
        left, above = before + (N if t >= W else 0), before
        stop, skip = (min(last, t) - first) * N, (0 if first else N)
        for k in range(len(w_ss)):
            # h on the left, h above; extended: c on the left, c above
            source = h if k < 2 else c
            if k % 2 == 0:
                add_product(source[left:left + stop], w_ss[k], z[:stop], 0, 0)
            else:
                add_product(source[above:above + size - skip], w_ss[k], z[skip:], 0, 0)
        _neighbours(c, left, stop, above, skip, c_left[:size], c_above[:size])
        here = slice(begin, begin + size)
        cell(z, c_left[:size], c_above[:size], c[here], h[here])
        _spread(t, h[here], y)
        begin, before = begin + size, begin


def _spread_numpy(t, h, y):
    """y[n, row, t - row] = h of the places of diagonal t, row after row, in each all images."""
    N, H, W, D = y.shape
    first, last = max(0, t - W + 1), min(H, t + 1)
    for row, states in zip(range(first, last), h.reshape(last - first, N, D)):
        y[:, row, t - row] = states


@kernel(defined_by=_spread_numpy)
def _spread(t, h, y):
    N, H, W, D = y.shape
    first = max(0, t - W + 1)
    for row in range(first, min(H, t + 1)):
        for n in range(N):
            for d in range(D):
                y[n, row, t - row, d] = h[(row - first) * N + n, d]


def _neighbours_numpy(c, left, stop, above, skip, c_left, c_above):
    """The rows of c on the left and above each place of a diagonal, zero where there is none."""
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
            dz, dc_left, dc_above = (np.empty_like(array) for array in (gates[here], c_left, c_above))
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
    x_t, dx_t, dy_t = (np.empty((H, N, I), x.dtype), np.empty((H, N, I), x.dtype),
                       np.empty((H, N, D), x.dtype))
    dz_t, c_left, c_above = (np.empty((most, 5 * D), x.dtype), np.empty((most, D), x.dtype),
                             np.empty((most, D), x.dtype))
    dc_left, dc_above = np.empty((most, D), x.dtype), np.empty((most, D), x.dtype)
    dh, dh_before = np.zeros((most, D), x.dtype), np.empty((most, D), x.dtype)      # of diagonals t, t - 1
    dc, dc_before = np.zeros((most, D), x.dtype), np.empty((most, D), x.dtype)
    end = H * W * N
    for t in range(H + W - 2, -1, -1):
        first, last = max(0, t - W + 1), min(H, t + 1)
        size = (last - first) * N
        begin = end - size
        before = begin - (min(H, t) - max(0, t - W)) * N if t else 0
        left, above = before + (N if t >= W else 0), before
        stop, skip = (min(last, t) - first) * N, (0 if first else N)
        skew.cut(t, dy, dy_t)
        dh[:size] += dy_t[first:last].reshape(size, D)
        dz = dz_t[:size]
        _neighbours(c, left, stop, above, skip, c_left[:size], c_above[:size])
        cell_backward(gates[begin:end], c_left[:size], c_above[:size], c[begin:end], h[begin:end],
                      dh[:size], dc[:size], dz, dc_left[:size], dc_above[:size])
        # z = x w_is + b + h_left w_ss[0] + h_above w_ss[1] + c_left w_ss[2] + c_above w_ss[3]
        if I:
            skew.cut(t, x, x_t)
            dx_t[...] = 0
            add_product(dz, w_back, dx_t[first:last].reshape(size, I), 0, 0)
            add_product(x_t[first:last].reshape(size, I), dz, dw_is, 1, 0)
            skew.paste(t, dx_t, dx)
        for n in range(size):
            for d in range(5 * D):
                db[d] += dz[n, d]
        dh_before[...] = 0
        dc_before[...] = 0
        for k in range(len(w_ss)):
            source, dsource = (h, dh_before) if k < 2 else (c, dc_before)
            if k % 2 == 0:
                there, dz_there, count = left, dz[:stop], stop
            else:
                there, dz_there, count = above, dz[skip:], size - skip
            to = there - before
            add_product(dz_there, w_ss_back[k], dsource[to:to + count], 0, 0)
            add_product(source[there:there + count], dz_there, dw_ss[k], 1, 0)
        dc_before[left - before:left - before + stop] += dc_left[:stop]
        dc_before[:size - skip] += dc_above[skip:size]
        dh, dh_before = dh_before, dh
        dc, dc_before = dc_before, dc
        end = begin
