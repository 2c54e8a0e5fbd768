"""Convolution on a canvas: the fast form of the sums in conv2d.py and relu_conv2d.py.

An image is copied into a canvas: a list of pixels, in which its rows lie `pitch` pixels apart, with
zeros between and around them. On a canvas the offset of a tap is one number, the same for every
output pixel. So one product of matrices serves many pixels, across the ends of rows:

    Y[here] += X[here + offset_u] w[u]                 forward       X, Y: the canvases of x and y
    dX[here + offset_u] += dY[here] w[u]ᵀ              backward, the same loops
    dw[u] += X[here + offset_u]ᵀ dY[here]

Y has the pitch of X. What is computed for the pixels between two rows is dropped.

Tiles. `here` are pixels that follow one another, so many that their product stays in the first
cache: runtime/blas.py.
Strides. With stride s the canvas holds s² smaller images, one below the other: image (i, j) has the
pixels (s r + i, s c + j). A tap reads one of them, pixel by pixel.
Thin inputs. A product with few channels is too thin to be fast. So the taps of an input with fewer
than THIN channels are gathered first: U taps of C channels become one tap of U C channels.
Relu. max(x, 0) is taken while x is copied, and never stored.
Lanes. Each image is computed by itself. Lanes share them out among threads: runtime/blas.py.

The functions that define the kernels use the same canvases, in NumPy. Below, R and Q are the rows
and columns of y, and s is the stride.

Read first: layers/conv2d.py, layers/relu_conv2d.py, layers/live_taps.py, runtime/blas.py.
Read next: layers/unit_blocks.py.
"""

import numpy as np

from ..masks import margins
from ..runtime import blas
from ..runtime.blas import BLOCK, TILE, add_product
from ..runtime.kernels import kernel, plain
from .live_taps import pick, put_back

THIN = 8                                               # gather the taps of fewer channels than this
HERE = np.zeros((1, 2), np.int64)                      # the list of a 1 x 1 convolution


def correlate(x, w, b, offsets, stride):
    """conv2d's sum: x (N, H, W, C), w (U, C, D), b (D,), offsets (U, 2) -> y (N, R, Q, D)."""
    return _forward(x, w, b, offsets, stride, rectify=False)


def correlate_backward(dy, x, w, offsets, stride):
    """dy (N, R, Q, D) -> dx, dw, db."""
    return _backward(dy, x, w, offsets, stride, rectify=False)


def correlate_rectified(x, w, b, offsets, stride):
    """relu_conv2d's sum: that of max(x, 0)."""
    return _forward(x, w, b, offsets, stride, rectify=True)


def correlate_rectified_backward(dy, x, w, offsets, stride):
    """dy (N, R, Q, D) -> dx, dw, db; dx is 0 where x <= 0."""
    return _backward(dy, x, w, offsets, stride, rectify=True)


def _forward(x, w, b, offsets, stride, rectify):
    N, H, W, _ = x.shape
    y = np.empty((N, -(-H // stride), -(-W // stride), w.shape[2]), x.dtype)
    thin, w, plan = _arrange(w, offsets, stride, *y.shape[1:3])
    z = gather(x, offsets, stride) if thin else plain(x)
    tile, space = _tile(w), _space(plan, w, y.shape[1], 1)

    def work(z, y):
        _correlate(z, w, b, plan, rectify, y, tile, blas.workspace(x.dtype, space))

    blas.images_in_lanes(work, z, y, lanes=blas.threads())
    return y


def _backward(dy, x, w, offsets, stride, rectify):
    shape = w.shape
    thin, w, plan = _arrange(w, offsets, stride, *dy.shape[1:3])
    z = gather(x, offsets, stride) if thin else plain(x)
    dz, sums = np.empty_like(z), [w, np.empty(w.shape[2], w.dtype)]
    tile, space = _tile(w), _space(plan, w, dy.shape[1], 2)
    wt = np.ascontiguousarray(w.transpose(0, 2, 1))    # BLAS is slower when it transposes

    def work(dy, z, dz, dw, db):
        space_here = blas.workspace(x.dtype, space)
        _correlate_backward(dy, z, wt, plan, rectify, dz, dw, db, tile, space_here)

    dw, db = blas.images_in_lanes(work, plain(dy), z, dz, sums=sums)
    dx = scatter(dz, x.shape, offsets, stride) if thin else dz
    return dx, dw.reshape(shape), db


def as_matrix(x, w, b, /, *, taps):
    """conv2d's sum as one product y = z m + b, for a layer that computes it place by place.

    returns   z (N, H, W, I), the I numbers that live taps read, side by side;
              m (I, D), their weights, masked;
              and what from_matrix needs

    ValueError as in conv2d.forward.
    """
    wm, offsets, live = pick(x.shape, x.dtype, w, b, taps)
    return gather(x, offsets, 1), wm.reshape(-1, w.shape[2]), (x.shape, offsets, live)


def from_matrix(dz, dm, back):
    """dz (N, H, W, I), dm (I, D) -> dx (N, H, W, C), dw (U, C, D): the way back from as_matrix.

    back   the last thing that as_matrix returned
    """
    shape, offsets, live = back
    dw = put_back(dm.reshape(len(offsets), shape[3], dm.shape[1]), live)
    return scatter(dz, shape, offsets, 1), dw


def gather(x, offsets, stride):
    """(N, R, Q, U C): for every output pixel, the pixels that its taps read, side by side.

    Pixels outside the image are zero. For the list [(0, 0)] it is x itself.
    """
    x = plain(x)
    if stride == 1 and np.array_equal(offsets, HERE):
        return x
    N, H, W, C = x.shape
    z = np.empty((N, -(-H // stride), -(-W // stride), len(offsets), C), x.dtype)
    blas.images_in_lanes(lambda x, z: _gather(x, offsets, stride, z), x, z, lanes=blas.threads())
    return z.reshape(*z.shape[:3], len(offsets) * C)


def scatter(dz, shape, offsets, stride):
    """The way back from `gather`: a pixel of x collects the gradients of all its copies."""
    if stride == 1 and np.array_equal(offsets, HERE):
        return dz
    dz, dx = dz.reshape(*dz.shape[:3], len(offsets), shape[3]), np.empty(shape, dz.dtype)
    blas.images_in_lanes(lambda dz, dx: _scatter(dz, offsets, stride, dx), dz, dx,
                         lanes=blas.threads())
    return dx


def _arrange(w, offsets, stride, rows, columns):
    """How to compute rows x columns outputs: (thin, w, plan).

    thin   True: the taps of x are gathered first
    w      the weights for what is then read
    plan   the canvas: _plan
    """
    U, C, D = w.shape
    if thin := C < THIN and U * stride > 1:
        w, offsets, stride = w.reshape(1, U * C, D), HERE, 1
    return thin, w, _plan(offsets, stride, rows, columns)


def _plan(offsets, stride, rows, columns):
    """The canvas for rows x columns outputs: (left, pitch, top, height, stride, places).

    left     zero columns in front of a row; they also stand behind the row before it
    pitch    pixels from one row to the next
    top      rows of zeros above the image
    height   rows of one of the s² images, zeros included; taps right of the image end in the last
    places   (U,) the pixel that each tap reads when the output pixel is (0, 0)
    """
    shift, phase = np.divmod(offsets, stride)          # x[s r + dr] is pixel r + shift of its image
    top, left, bottom, right = margins(shift)
    pitch, height = columns + max(left, right), top + rows + bottom + 1
    first_row = (phase[:, 0] * stride + phase[:, 1]) * height + shift[:, 0] + top
    return left, pitch, top, height, stride, first_row * pitch + shift[:, 1] + left


def _tile(w):
    """Pixels in one product, which then has at most TILE multiplications.

    More than 8 are rounded down to a multiple of 8.
    """
    _, C, D = w.shape
    size = TILE // (min(C, BLOCK) * min(D, BLOCK))
    return max(1, size - size % 8 if size > 8 else size)


def _space(plan, w, rows, inputs):
    """How many numbers the canvases of one image have.

    inputs   canvases of the size of x: 1 forward, 2 backward (x and dx). There is one of y's size
    """
    (_, pitch, _, height, stride, _), (_, C, D) = plan, w.shape
    return inputs * stride * stride * height * pitch * C + rows * pitch * D


def _correlate_numpy(x, w, b, plan, rectify, y):
    """y[n, r, c] = b + Σ_u x[n, s r + dr_u, s c + dc_u] w[u], of max(x, 0) where `rectify`."""
    left, pitch, top, height, stride, places = plan
    N, R, Q, D = y.shape
    for n in range(N):
        X = np.zeros((stride * stride * height * pitch, x.shape[3]), x.dtype)
        _draw_canvas_numpy(X, x[n], left, pitch, top, height, stride, rectify)
        Y = np.empty((R * pitch, D), x.dtype)
        Y[...] = b
        last = (R - 1) * pitch + Q                     # pixels from the first output to the last
        for place, w_u in zip(places, w):
            Y[:last] += X[place:place + last] @ w_u
        y[n] = Y.reshape(R, pitch, D)[:, :Q]


# The kernels are given two things for speed: `tile`, the pixels in one product, and `space`, memory
# for the canvases. Where a canvas would be the image itself, they use the image.

@kernel(defined_by=_correlate_numpy)
def _correlate(x, w, b, plan, rectify, y, tile, space):
    left, pitch, top, height, stride, places = plan
    N, R, Q, D = y.shape
    C, last = x.shape[3], (R - 1) * pitch + Q
    whole = pitch == Q                                 # nothing between the rows: y is its canvas
    direct = whole and height == R + 1 and stride == 1 and not rectify     # 1 x 1: so is x
    cells = stride * stride * height * pitch
    X = space[:cells * C].reshape(cells, C)
    Y = space[cells * C:cells * C + R * pitch * D].reshape(R * pitch, D)
    if not direct:
        X[...] = 0
    for n in range(N):
        if direct:
            X = x[n].reshape(R * Q, C)
        else:
            _draw_canvas(X, x[n], left, pitch, top, height, stride, rectify)
        if whole:
            Y = y[n].reshape(R * Q, D)
        for start in range(0, last, tile):
            stop = min(last, start + tile)
            for i in range(start, stop):
                for d in range(D):
                    Y[i, d] = b[d]
            for u in range(len(w)):
                add_product(X[start + places[u]:stop + places[u]], w[u], Y[start:stop], 0, 0)
        if not whole:
            for r in range(R):
                for q in range(Q):
                    for d in range(D):
                        y[n, r, q, d] = Y[r * pitch + q, d]


def _correlate_backward_numpy(dy, x, wt, plan, rectify, dx, dw, db):
    """dx is filled in; dw and db are added to.   wt (U, D, C): w with its matrices transposed"""
    left, pitch, top, height, stride, places = plan
    N, R, Q, D = dy.shape
    for n in range(N):
        X = np.zeros((stride * stride * height * pitch, x.shape[3]), x.dtype)
        _draw_canvas_numpy(X, x[n], left, pitch, top, height, stride, rectify)
        dX, dY = np.zeros_like(X), np.zeros((R, pitch, D), x.dtype)
        dY[:, :Q] = dy[n]
        last = (R - 1) * pitch + Q
        dY = dY.reshape(-1, D)[:last]
        for u, place in enumerate(places):
            # Y += X[place:place + last] @ w[u]
            dX[place:place + last] += dY @ wt[u]
            dw[u] += X[place:place + last].T @ dY
        db += dy[n].sum(axis=(0, 1))
        _read_canvas_numpy(dX, x[n], dx[n], left, pitch, top, height, stride, rectify)


@kernel(defined_by=_correlate_backward_numpy)
def _correlate_backward(dy, x, wt, plan, rectify, dx, dw, db, tile, space):
    left, pitch, top, height, stride, places = plan
    N, R, Q, D = dy.shape
    C, last = x.shape[3], (R - 1) * pitch + Q
    whole = pitch == Q
    direct = whole and height == R + 1 and stride == 1 and not rectify
    cells, db_image = stride * stride * height * pitch, np.empty(D, x.dtype)
    X = space[:cells * C].reshape(cells, C)
    dX = space[cells * C:2 * cells * C].reshape(cells, C)
    dY = space[2 * cells * C:2 * cells * C + R * pitch * D].reshape(R * pitch, D)
    if not direct:
        X[...] = 0
    if not whole:
        dY[...] = 0                                    # the pixels between the rows stay zero
    for n in range(N):
        if direct:
            X, dX = x[n].reshape(R * Q, C), dx[n].reshape(R * Q, C)
        else:
            _draw_canvas(X, x[n], left, pitch, top, height, stride, rectify)
        if whole:
            dY = dy[n].reshape(R * Q, D)
        else:
            for r in range(R):
                for q in range(Q):
                    for d in range(D):
                        dY[r * pitch + q, d] = dy[n, r, q, d]
        dX[...] = 0
        for start in range(0, last, tile):
            stop = min(last, start + tile)
            for u in range(len(wt)):
                here, there = slice(start, stop), slice(start + places[u], stop + places[u])
                # Y[here] += X[there] @ w[u]
                add_product(dY[here], wt[u], dX[there], 0, 0)
                add_product(X[there], dY[here], dw[u], 1, 0)
        db_image[...] = 0                              # image by image: fewer roundings
        for r in range(R):
            for q in range(Q):
                for d in range(D):
                    db_image[d] += dy[n, r, q, d]
        for d in range(D):
            db[d] += db_image[d]
        if not direct:
            _read_canvas(dX, x[n], dx[n], left, pitch, top, height, stride, rectify)


def _draw_canvas_numpy(X, x, left, pitch, top, height, stride, rectify):
    """Copy the image x (H, W, C), or max(x, 0), into its s² images on the canvas X.

    Everything else on the canvas is zero and stays so.
    """
    phases = X.reshape(stride, stride, height, pitch, -1)
    for i in range(stride):
        for j in range(stride):
            phase = x[i::stride, j::stride]
            rows, columns = slice(top, top + len(phase)), slice(left, left + phase.shape[1])
            phases[i, j, rows, columns] = np.maximum(phase, 0) if rectify else phase


@kernel(defined_by=_draw_canvas_numpy)
def _draw_canvas(X, x, left, pitch, top, height, stride, rectify):
    nothing = x.dtype.type(0)
    for r in range(x.shape[0]):
        for c in range(x.shape[1]):
            row = ((r % stride) * stride + c % stride) * height + top + r // stride
            cell = row * pitch + left + c // stride
            if rectify:
                for k in range(x.shape[2]):
                    X[cell, k] = max(x[r, c, k], nothing)
            else:
                for k in range(x.shape[2]):
                    X[cell, k] = x[r, c, k]


def _read_canvas_numpy(dX, x, dx, left, pitch, top, height, stride, rectify):
    """The way back: fill dx (H, W, C) from the canvas dX; zero where x was rectified away."""
    phases = dX.reshape(stride, stride, height, pitch, -1)
    for i in range(stride):
        for j in range(stride):
            rows, columns = x[i::stride, j::stride].shape[:2]
            dx[i::stride, j::stride] = phases[i, j, top:top + rows, left:left + columns]
    if rectify:
        dx *= x > 0


@kernel(defined_by=_read_canvas_numpy)
def _read_canvas(dX, x, dx, left, pitch, top, height, stride, rectify):
    nothing = dx.dtype.type(0)
    for r in range(x.shape[0]):
        for c in range(x.shape[1]):
            row = ((r % stride) * stride + c % stride) * height + top + r // stride
            cell = row * pitch + left + c // stride
            if rectify:
                for k in range(x.shape[2]):
                    dx[r, c, k] = dX[cell, k] if x[r, c, k] > 0 else nothing
            else:
                for k in range(x.shape[2]):
                    dx[r, c, k] = dX[cell, k]


def _gather_numpy(x, offsets, stride, z):
    """z[n, r, q, u] = x[n, s r + dr_u, s q + dc_u], zero outside the image."""
    frame, inside, windows = _frame(offsets, x.shape, stride)
    framed = np.zeros(frame, x.dtype)
    framed[inside] = x
    for u, window in enumerate(windows):
        z[:, :, :, u] = framed[window]


@kernel(defined_by=_gather_numpy)
def _gather(x, offsets, stride, z):
    (N, R, Q, U, C), (_, H, W, _) = z.shape, x.shape
    top = left = bottom = right = 0                    # masks.margins
    for dr, dc in offsets:
        top, left, bottom, right = max(top, -dr), max(left, -dc), max(bottom, dr), max(right, dc)
    pitch = left + W + right
    frame = np.zeros((top + H + bottom, pitch, C), x.dtype)
    numbers = frame.reshape(-1)
    # the numbers that the taps read, counted from those of the pixel itself
    reads = (((offsets[:, 0] * pitch + offsets[:, 1]) * C).reshape(U, 1) + np.arange(C)).reshape(-1)
    for n in range(N):
        frame[top:top + H, left:left + W] = x[n]
        for r in range(R):
            for q in range(Q):
                here = ((top + stride * r) * pitch + left + stride * q) * C
                taps = z[n, r, q].reshape(-1)
                for i in range(U * C):
                    taps[i] = numbers[here + reads[i]]


def _scatter_numpy(dz, offsets, stride, dx):
    """dx[n, s r + dr_u, s q + dc_u] = the sum of dz[n, r, q, u], in the order of u."""
    frame, inside, windows = _frame(offsets, dx.shape, stride)
    dframed = np.zeros(frame, dx.dtype)
    for u, window in enumerate(windows):
        # z[:, :, :, u] = framed[window]
        dframed[window] += dz[:, :, :, u]
    dx[...] = dframed[inside]


@kernel(defined_by=_scatter_numpy)
def _scatter(dz, offsets, stride, dx):
    (N, R, Q, U, C), (_, H, W, _) = dz.shape, dx.shape
    for n in range(N):
        for i in range(H):
            dx[n, i] = 0
            for u in range(U):
                r, phase = divmod(i - offsets[u, 0], stride)
                if phase == 0 and 0 <= r < R:
                    dc = offsets[u, 1]
                    first, last = max(0, -(dc // stride)), min(Q, (W - 1 - dc) // stride + 1)
                    row, copies = dx[n, i, stride * first + dc:], dz[n, r, first:last, u]
                    for c in range(C):
                        for q in range(len(copies)):
                            row[stride * q, c] += copies[q, c]


def _frame(offsets, shape, stride):
    """Images in a frame of zeros: (shape, inside, windows).

    shape     (N, rows, columns, C) of the framed images
    inside    index of the images themselves in it
    windows   for each tap, index of what it reads in it
    """
    (N, H, W, C), (top, left, bottom, right) = shape, margins(offsets)
    all_images, rows, columns = slice(None), slice(top, top + H), slice(left, left + W)
    windows = [(all_images, slice(top + dr, top + dr + H, stride),
                slice(left + dc, left + dc + W, stride)) for dr, dc in offsets]
    return (N, top + H + bottom, left + W + right, C), (all_images, rows, columns), windows
