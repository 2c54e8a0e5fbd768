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
from . import conv2d


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
    N, H, W, _ = x.shape
    D = w_ss.shape[1]
    gates, c, h = (np.empty((N * H * W, width), x.dtype) for width in (5 * D, D, D))          # by lanes, in each by diagonals, row of it, image
    y, gemm = np.empty((N, H, W, D), x.dtype), blas.gemm_pointer(x.dtype)
    lanes = _lanes(N)

    def work(lane):
        images, (gates_, c_, h_) = lanes[lane], _by_place(lanes[lane], H * W, gates, c, h)
        _scan(gemm, blas.scratch(x.dtype), w, b, w_ss, inputs[images], gates_, c_, h_, y[images])

    blas.parallel(work, len(lanes))
    return y, (inputs, w, back, w_ss, gates, c, h)


def backward(dh, cache, /):
    """dh (N, H, W, D) -> dx, dw_is, db, dw_ss."""
    inputs, w, back, w_ss, gates, c, h = cache
    N, H, W, _ = inputs.shape
    lanes, gemm, dh = _lanes(N), blas.gemm_pointer(h.dtype), plain(dh, (N, H, W, h.shape[-1]))
    w_back, w_ss_back = np.ascontiguousarray(w.T), np.ascontiguousarray(w_ss.transpose(0, 2, 1))
    dinputs = np.empty_like(inputs)
    dw, db, dw_ss = (np.zeros((len(lanes), *shape), h.dtype) for shape in (w.shape, w.shape[1:], w_ss.shape))

    def work(lane):
        images, (gates_, c_, h_) = lanes[lane], _by_place(lanes[lane], H * W, gates, c, h)
        _scan_backward(gemm, blas.scratch(h.dtype), w_back, w_ss_back, inputs[images], gates_, c_, h_, dh[images],
                       dinputs[images], dw[lane], db[lane], dw_ss[lane])

    blas.parallel(work, len(lanes))
    dx, dw_is = conv2d.from_matrix(dinputs, dw.sum(axis=0), back)
    return dx, dw_is, db.sum(axis=0), dw_ss.sum(axis=0)


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


def _lanes(N):
    """The images of each lane, as slices: as many lanes as ever, whatever the threads, or one per image."""
    lanes = min(N, blas.LANES)
    return [slice(lane * N // lanes, (lane + 1) * N // lanes) for lane in range(lanes)]


def _by_place(images, places, *arrays):
    """The rows of some images in arrays (N places, width), each as (places, images, width): a view, which belongs to the lane alone."""
    rows, M = slice(images.start * places, images.stop * places), images.stop - images.start
    return [array[rows].reshape(places, M, array.shape[1]) for array in arrays]


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


def _scan_numpy(gemm, scratch, w_is, b, w_ss, x, gates, c, h, y):
    """The recurrence, pixel by pixel, over all images in x (M, H, W, K).   w_is (K, 5D)

    Filled in: gates (places, M, 5D), c and h (places, M, D) in the order of the diagonals, and y (M, H, W, D), which is h again
    """
    M, H, W, _ = x.shape
    place, none = _places(H, W), np.zeros_like(h[0])                       # (M, D)
    for row in range(H):
        for column in range(W):
            here = place[row, column]
            h_left, c_left = (h[place[row, column - 1]], c[place[row, column - 1]]) if column else (none, none)
            h_above, c_above = (h[place[row - 1, column]], c[place[row - 1, column]]) if row else (none, none)
            gates[here] = x[:, row, column] @ w_is + b + sum(a @ w for a, w in zip((h_left, h_above, c_left, c_above), w_ss))
            cell(gates[here], c_left, c_above, c[here], h[here])
            y[:, row, column] = h[here]


# The kernels go from diagonal t = row + column to diagonal, and on each through all its rows and all images together: they lie side by side in gates, c
# and h, and so do, in the diagonal before, their neighbours on the left and those above. So nothing is gathered: each operand of a product is a block
# of rows as it stands. The two blocks of neighbours begin one row apart, and at the image's edge one row has no neighbour:
#     on the left   rows first, ..., min(last, t) - 1       row t of diagonal t is in column 0
#     above         rows max(first, 1), ..., last - 1

@kernel(defined_by=_scan_numpy)
def _scan(gemm, scratch, w_is, b, w_ss, x, gates, c, h, y):
    M, H, W, K = x.shape
    D, most = c.shape[2], min(H, W) * M
    gates, c, h = gates.reshape(H * W * M, 5 * D), c.reshape(H * W * M, D), h.reshape(H * W * M, D)
    x_t, c_left, c_above = np.empty((most, K), x.dtype), np.empty((most, D), x.dtype), np.empty((most, D), x.dtype)
    begin, before = 0, 0                                                   # where this diagonal begins, and the one before
    for t in range(H + W - 1):
        first, last = max(0, t - W + 1), min(H, t + 1)                     # rows on this diagonal
        size = (last - first) * M
        z = gates[begin:begin + size]
        for row in range(first, last):
            for m in range(M):
                place = (row - first) * M + m
                for k in range(K):
                    x_t[place, k] = x[m, row, t - row, k]
                for d in range(5 * D):
                    z[place, d] = b[d]
        if K:
            add_product(gemm, scratch, x_t[:size], w_is, z, 0, 0)
        left, above = before + (M if t >= W else 0), before                # where the neighbours begin, of the places [:stop] and [skip:]
        stop, skip = (min(last, t) - first) * M, (0 if first else M)
        if stop:
            add_product(gemm, scratch, h[left:left + stop], w_ss[0], z[:stop], 0, 0)
        if size > skip:
            add_product(gemm, scratch, h[above:above + size - skip], w_ss[1], z[skip:], 0, 0)
        if len(w_ss) == 4:
            if stop:
                add_product(gemm, scratch, c[left:left + stop], w_ss[2], z[:stop], 0, 0)
            if size > skip:
                add_product(gemm, scratch, c[above:above + size - skip], w_ss[3], z[skip:], 0, 0)
        _neighbours(c, left, stop, above, skip, c_left[:size], c_above[:size])
        cell(z, c_left[:size], c_above[:size], c[begin:begin + size], h[begin:begin + size])
        for row in range(first, last):
            for m in range(M):
                place = begin + (row - first) * M + m
                for d in range(D):
                    y[m, row, t - row, d] = h[place, d]
        begin, before = begin + size, begin


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


def _scan_backward_numpy(gemm, scratch, w_back, w_ss_back, x, gates, c, h, dy, dx, dw_is, db, dw_ss):
    """Backwards, pixel by pixel: dx is filled in; dw_is, db, dw_ss are added to.   w_back (5D, K), w_ss_back (2 or 4, 5D, D): transposed"""
    M, H, W, _ = x.shape
    place, none = _places(H, W), np.zeros_like(h[0])
    dh, dc = np.zeros_like(h), np.zeros_like(c)
    for row in reversed(range(H)):
        for column in reversed(range(W)):
            here = place[row, column]
            left, above = place[row, column - 1] if column else None, place[row - 1, column] if row else None
            c_left, c_above = (none if q is None else c[q] for q in (left, above))
            dz, dc_left, dc_above = np.empty_like(gates[here]), np.empty_like(none), np.empty_like(none)
            cell_backward(gates[here], c_left, c_above, c[here], h[here], dh[here] + dy[:, row, column], dc[here], dz, dc_left, dc_above)
            # z = x w_is + b + h_left w_ss[0] + h_above w_ss[1] + c_left w_ss[2] + c_above w_ss[3]
            dx[:, row, column] = dz @ w_back
            dw_is += x[:, row, column].T @ dz
            db += dz.sum(axis=0)
            for k, (q, dc_there) in enumerate([(left, dc_left), (above, dc_above)]):
                if q is not None:
                    dc[q] += dc_there
                    for d, state, j in [(dh, h, k), (dc, c, 2 + k)][:len(w_ss_back) // 2]:
                        d[q] += dz @ w_ss_back[j]
                        dw_ss[j] += state[q].T @ dz


@kernel(defined_by=_scan_backward_numpy)
def _scan_backward(gemm, scratch, w_back, w_ss_back, x, gates, c, h, dy, dx, dw_is, db, dw_ss):
    M, H, W, K = x.shape
    D, most = c.shape[2], min(H, W) * M
    gates, c, h = gates.reshape(H * W * M, 5 * D), c.reshape(H * W * M, D), h.reshape(H * W * M, D)
    x_t, dx_t, dz_t = np.empty((most, K), x.dtype), np.empty((most, K), x.dtype), np.empty((most, 5 * D), x.dtype)
    c_left, c_above = np.empty((most, D), x.dtype), np.empty((most, D), x.dtype)
    dc_left, dc_above = np.empty((most, D), x.dtype), np.empty((most, D), x.dtype)
    dh, dh_before = np.zeros((most, D), x.dtype), np.empty((most, D), x.dtype)                # of this diagonal, and of the one before
    dc, dc_before = np.zeros((most, D), x.dtype), np.empty((most, D), x.dtype)
    end = H * W * M
    for t in range(H + W - 2, -1, -1):
        first, last = max(0, t - W + 1), min(H, t + 1)
        size = (last - first) * M
        begin = end - size
        before = begin - (min(H, t) - max(0, t - W)) * M if t else 0
        left, above = before + (M if t >= W else 0), before
        stop, skip = (min(last, t) - first) * M, (0 if first else M)
        for row in range(first, last):
            for m in range(M):
                place = (row - first) * M + m
                for k in range(K):
                    x_t[place, k] = x[m, row, t - row, k]
                for d in range(D):
                    dh[place, d] += dy[m, row, t - row, d]
        dz = dz_t[:size]
        _neighbours(c, left, stop, above, skip, c_left[:size], c_above[:size])
        cell_backward(gates[begin:end], c_left[:size], c_above[:size], c[begin:end], h[begin:end], dh[:size], dc[:size],
                      dz, dc_left[:size], dc_above[:size])
        # z = x w_is + b + h_left w_ss[0] + h_above w_ss[1] + c_left w_ss[2] + c_above w_ss[3]
        dx_t[:size] = 0
        if K:
            add_product(gemm, scratch, dz, w_back, dx_t[:size], 0, 0)
            add_product(gemm, scratch, x_t[:size], dz, dw_is, 1, 0)
        for n in range(size):
            for d in range(5 * D):
                db[d] += dz[n, d]
        dh_before[...] = 0
        dc_before[...] = 0
        to_left, to_above = left - before, above - before
        if stop:
            add_product(gemm, scratch, dz[:stop], w_ss_back[0], dh_before[to_left:to_left + stop], 0, 0)
            add_product(gemm, scratch, h[left:left + stop], dz[:stop], dw_ss[0], 1, 0)
        if size > skip:
            add_product(gemm, scratch, dz[skip:], w_ss_back[1], dh_before[to_above:to_above + size - skip], 0, 0)
            add_product(gemm, scratch, h[above:above + size - skip], dz[skip:], dw_ss[1], 1, 0)
        if len(w_ss_back) == 4:
            if stop:
                add_product(gemm, scratch, dz[:stop], w_ss_back[2], dc_before[to_left:to_left + stop], 0, 0)
                add_product(gemm, scratch, c[left:left + stop], dz[:stop], dw_ss[2], 1, 0)
            if size > skip:
                add_product(gemm, scratch, dz[skip:], w_ss_back[3], dc_before[to_above:to_above + size - skip], 0, 0)
                add_product(gemm, scratch, c[above:above + size - skip], dz[skip:], dw_ss[3], 1, 0)
        for n in range(stop):
            for d in range(D):
                dc_before[to_left + n, d] += dc_left[n, d]
        for n in range(size - skip):
            for d in range(D):
                dc_before[to_above + n, d] += dc_above[skip + n, d]
        for row in range(first, last):
            for m in range(M):
                place = (row - first) * M + m
                for k in range(K):
                    dx[m, row, t - row, k] = dx_t[place, k]
        dh, dh_before = dh_before, dh
        dc, dc_before = dc_before, dc
        end = begin
