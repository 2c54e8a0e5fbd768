"""A training step of PixelCNN, beside the same network in PyTorch.

A step is the loss, every gradient, and one Adam update. Loss and the gradients of five layers are
compared at the first step, from the same weights and images. In PyTorch the step is what people
write: zero_grad, forward, loss, backward, step.

Read first: row.py.  Read next: torch_pixelcnn.py.
"""

import numpy as np

from .row import Call, Implementation, Row, Target

NAME = "pixelcnn"
TITLE = "training step of PixelCNN, 28 x 28 x 1, two levels"

N, H, W = 16, 28, 28
HEAD = 32
RATE = 1e-4
TINY = {"N": 1, "H": 6, "W": 5, "HEAD": 4}
TINY_ARGUMENTS = {"hidden": 4, "layers": 2}


def _model_and_images(hidden, layers):
    import npixel

    model = npixel.build("pixelcnn", image_shape=(H, W, 1), levels=2, seed=0, dtype="float32",
                         hidden=hidden, layers=layers, head=HEAD)
    return model, np.random.default_rng(1).integers(0, 2, (N, H, W, 1))


def _compared(layers):
    """Layers whose gradients are compared: the ends, and one convolution of each kind between."""
    n = layers // 2
    return "first", f"reduce{n}", f"conv{n}", f"expand{n}", "logits"


def ours(hidden, layers):
    """npixel: model.loss_and_grads and optimizers.adam."""
    from npixel.optimizers import adam

    model, images = _model_and_images(hidden, layers)
    state, done = adam.init(model.params), [0]

    def run():
        loss, grads = model.loss_and_grads(images)
        adam.update(model.params, grads, state, step=done[0], lr=RATE)
        done[0] += 1
        return loss, grads

    def read(result):
        loss, grads = result
        return {"loss": np.array(loss), **{name: grads[name].w for name in _compared(layers)}}

    return Call(run, read)


def torch_step(hidden, layers, cut, channels_last):
    """torch_pixelcnn.PixelCNN and torch.optim.Adam."""
    import torch

    from . import torch_pixelcnn

    model, images = _model_and_images(hidden, layers)
    order = torch.channels_last if channels_last else torch.contiguous_format
    net = torch_pixelcnn.PixelCNN(hidden, layers, HEAD, cut).load(model.params)
    net = net.to(memory_format=order)
    x = torch.from_numpy(images).permute(0, 3, 1, 2).float().contiguous(memory_format=order)
    optimizer = torch.optim.Adam(net.parameters(), lr=RATE)

    def run():
        optimizer.zero_grad()
        loss = torch_pixelcnn.loss(net(x), x)
        loss.backward()
        optimizer.step()
        return loss

    def read(loss):
        arrays, modules = {"loss": loss.detach().numpy()}, dict(net.named_convolutions())
        for name in _compared(layers):
            full = np.zeros(model.params[name].w.shape, np.float32)
            dw = modules[name].weight.grad.permute(2, 3, 1, 0).reshape(-1, *full.shape[1:])
            full[:len(dw)] = dw.numpy()                # rows that are cut off have none
            arrays[name] = full
        return arrays

    return Call(run, read)


def flops(hidden, layers):
    """Useful operations of a step: three passes over the live taps.

    These are 24 of 7 x 7 under mask A, and 5 of 3 x 3 under mask B.
    """
    head = 2 * hidden * HEAD + HEAD**2 + HEAD
    weights = 24 * 2 * hidden + layers * (2 + 5 + 2) * hidden**2 + head
    return 3 * 2.0 * N * H * W * weights


def _row(hidden, layers=7, quick=False):
    return Row(
        name=f"h = {hidden}, {layers} blocks, batch {N}",
        call="loss_and_grads, adam.update",
        shapes=f"{N} x {H} x {W} x 1",
        implementations=(
            Implementation("npixel", ours),
            Implementation("NumPy definition", ours, "definition",
                           environment={"NPIXEL_KERNELS": "off"}),
            *(Implementation(f"PyTorch {form}, {order}", torch_step, "peer", f"PyTorch {form}",
                             {"cut": form == "expert", "channels_last": order == "channels last"},
                             requires=("torch",))
              for form in ("as written", "expert") for order in ("contiguous", "channels last")),
        ),
        arguments={"hidden": hidden, "layers": layers},
        flops=flops(hidden, layers),
        tolerance=1e-3,                # a relu within rounding of zero falls on either side
        targets=(Target("PyTorch as written", 1.0),),
        quick=quick,
    )


ROWS = (_row(32, quick=True), _row(64))
