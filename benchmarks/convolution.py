"""Masked convolution beside its NumPy definition, and beside PyTorch.

    npixel                conv2d.forward over the live taps of mask B, and conv2d.backward
    NumPy definition      the same functions with kernels switched off
    PyTorch as written    conv2d(x, w * mask, b, padding=K // 2), with autograd
    PyTorch expert        the kernel's dead rows are cut off, and rows padded above only

PyTorch's two run on contiguous arrays and on channels last; the faster one counts.

The flops are those of the live taps alone: 2 N H W C D for each tap and pass. Forward and backward
together are three passes. Multiplying by zeros earns nothing.

Read first: row.py.  Read next: pixelcnn.py.
"""

import os

import numpy as np

from .row import Call, Implementation, Row, Target

NAME = "convolution"
TITLE = "masked convolution, mask B, one colour"

N, H, W = 16, 28, 28
FORWARD = ("npixel.runtime.blas", "npixel.layers.conv2d.correlate",
           "npixel.layers.canvas._correlate")
BACKWARD = "npixel.layers.conv2d.correlate_backward", "npixel.layers.canvas._correlate_backward"
TINY, TINY_ARGUMENTS = {"N": 1, "H": 6, "W": 5}, {"D": 4}


def inputs(K, D):
    """x (N, H, W, D), w (K*K, D, D), b (D,), dy (N, H, W, D): float32, from a fixed seed.

    w is zero nowhere.
    """
    rng = np.random.default_rng(0)
    x, dy = rng.standard_normal((2, N, H, W, D), np.float32)
    w = rng.standard_normal((K * K, D, D), np.float32) / np.float32(K * D**0.5)
    return x, w, rng.standard_normal(D, np.float32), dy


def live_taps(K):
    """How many taps of a K x K mask B see anything: those above, to the left, and at the pixel.

    >>> live_taps(3)
    5
    """
    return K * K // 2 + 1


def ours(K, D, backward):
    """npixel.layers.conv2d."""
    from npixel import masks
    from npixel.layers import conv2d

    x, w, b, dy = inputs(K, D)
    colours = np.zeros(D, int)
    taps = masks.mask_b(K, colours, colours)
    if not backward:
        return Call(lambda: conv2d.forward(x, w, b, taps=taps)[0], lambda y: {"y": y})

    def run():
        y, cache = conv2d.forward(x, w, b, taps=taps)
        return y, *conv2d.backward(dy, cache)

    return Call(run, lambda result: dict(zip(("y", "dx", "dw", "db"), result)))


def torch_as_written(K, D, backward, channels_last):
    """The whole kernel times its mask."""
    import torch

    mask = np.zeros((K * K, D, D), np.float32)
    mask[:live_taps(K)] = 1
    mask = _kernel(mask, K, channels_last)

    def convolve(x, w, b):
        return torch.nn.functional.conv2d(x, w * mask, b, padding=K // 2)

    return _torch(convolve, K, K, D, backward, channels_last)


def torch_expert(K, D, backward, channels_last):
    """The rows of the kernel down to the pixel's own; what is left to mask lies in the last one."""
    import torch

    rows, reach = K // 2 + 1, K // 2
    mask = np.zeros((rows * K, D, D), np.float32)
    mask[:live_taps(K)] = 1
    mask = _kernel(mask, K, channels_last)

    def convolve(x, w, b):
        padded = torch.nn.functional.pad(x, (reach, reach, reach, 0))
        return torch.nn.functional.conv2d(padded, w * mask, b)

    return _torch(convolve, rows, K, D, backward, channels_last)


def _torch(convolve, rows, K, D, backward, channels_last):
    """A Call around convolve(x, w, b), where w has the first `rows` rows of the kernel."""
    import torch

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    x, w, b, dy = inputs(K, D)
    x, dy = _images(x, channels_last), _images(dy, channels_last)
    w, b = _kernel(w[:rows * K], K, channels_last), torch.from_numpy(b)
    if not backward:
        def run():
            with torch.no_grad():
                return convolve(x, w, b)

        return Call(run, lambda y: {"y": _ours(y)})
    for leaf in (x, w, b):
        leaf.requires_grad_()

    def run():
        y = convolve(x, w, b)
        return y, *torch.autograd.grad(y, (x, w, b), dy)

    def read(result):
        y, dx, dw, db = result
        dw_all = np.zeros((K * K, D, D), np.float32)
        dw_all[:rows * K] = dw.permute(2, 3, 1, 0).reshape(rows * K, D, D).numpy()
        return {"y": _ours(y), "dx": _ours(dx), "dw": dw_all, "db": db.numpy()}

    return Call(run, read)


def _images(x, channels_last):
    """(N, H, W, C) -> PyTorch's (N, C, H, W), in the memory order asked for."""
    import torch

    return _in_order(torch.from_numpy(x).permute(0, 3, 1, 2), channels_last)


def _kernel(w, K, channels_last):
    """(rows K, C, D) -> PyTorch's (D, C, rows, K), in the memory order asked for."""
    import torch

    w = torch.from_numpy(w).reshape(-1, K, *w.shape[1:]).permute(3, 2, 0, 1)
    return _in_order(w, channels_last)


def _in_order(array, channels_last):
    import torch

    order = torch.channels_last if channels_last else torch.contiguous_format
    return array.contiguous(memory_format=order)


def _ours(y):
    return y.detach().permute(0, 2, 3, 1).numpy()


IMPLEMENTATIONS = (
    Implementation("npixel", ours),
    Implementation("NumPy definition", ours, "definition", environment={"NPIXEL_KERNELS": "off"}),
    *(Implementation(f"PyTorch {form}, {order}", setup, "peer", f"PyTorch {form}",
                     {"channels_last": order == "channels last"}, requires=("torch",))
      for form, setup in (("as written", torch_as_written), ("expert", torch_expert))
      for order in ("contiguous", "channels last")),
)


def _row(K, D, backward):
    least = 0 if D < 64 or not backward else 1.1 if K == 3 else 1.2
    return Row(
        name=f"{K}x{K} {D} {'forward + backward' if backward else 'forward'}",
        call="layers.conv2d.forward" + (" and backward" if backward else ""),
        shapes=f"{N} x {H} x {W} x {D} -> {D}",
        implementations=IMPLEMENTATIONS,
        arguments={"K": K, "D": D, "backward": backward},
        flops=2.0 * N * H * W * D * D * live_taps(K) * (3 if backward else 1),
        targets=(Target("PyTorch as written", least),) if least else (),
        kernels=FORWARD + BACKWARD if backward else FORWARD,
        quick=(K, D, backward) == (5, 64, True),
    )


ROWS = tuple(_row(K, D, backward)
             for K in (3, 5, 7) for D in (32, 64, 128) for backward in (False, True))
