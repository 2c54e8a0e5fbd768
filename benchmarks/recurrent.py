"""Recurrent layers and their models, beside their definitions, PyTorch and a floor.

    npixel               forward and backward of a layer; of a model a whole training step
    NumPy definition     the same functions, kernels switched off
    PyTorch as written   conv1d per row or diagonal, autograd (torch_lstm.py)
    PyTorch best         products over gathered neighbours, channels last, autograd. A BiLSTM takes
                         both directions at once. The Spatial LSTM has a backward pass of its own,
                         which is faster
    floor                what no implementation in NumPy's precision gets below. The products of the
                         layer are a few large ones in NumPy's BLAS. Its transcendentals are NumPy's
                         in the cache, spread over the threads. Nothing is copied, nothing waits

Layers have 2h maps in and h out, as in a PixelRNN. Their transcendentals are four gates and tanh(c)
per state, and tanh(c) once more in the backward pass. It is not kept: a cache holds gates, cells
and states once and nothing else (tests/test_benchmarks.py weighs it). The Spatial LSTM reads
neighbourhoods of 12 pixels. It has five gates and tanh(o c) per state. Its backward pass has none,
since it finds tanh(o c) in h.

Read first: row.py, torch_lstm.py.  Read next: report.py.
"""

import os

import numpy as np

from .row import Call, Implementation, Row, Target

NAME = "recurrent"
TITLE = "LSTMs over images, forward + backward, and training steps"

N, H, W = 16, 28, 28
NEIGHBOURS = 12                                      # pixels in the causal neighbourhood of width 5
RATE = 1e-4
TINY = {"N": 2, "H": 5, "W": 4}
TINY_ARGUMENTS = {"D": 8, "T": 7, "hidden": 4, "rows": 5, "columns": 4}
SLICE = 2**13                      # numbers in one call of a transcendental: they stay in the cache


# layers over images

def inputs(layer, D):
    """(module, x, weights, taps, dh) from a fixed seed: x (N, H, W, 2D) and dh (N, H, W, D).

    Start states are zero, as PyTorch's are.
    """
    import importlib

    from npixel import masks

    module, rng = importlib.import_module(f"npixel.layers.{layer}"), np.random.default_rng(0)
    x, dh = (rng.standard_normal((N, H, W, width), np.float32) for width in (2 * D, D))
    colours = np.zeros(2 * D, int), np.zeros(4 * D, int)
    taps = masks.causal_row(3, *colours) if layer == "row_lstm" else masks.mask_b(1, *colours)
    return module, x, module.init(rng, 2 * D, D, taps=taps, dtype=np.float32), taps, dh


def kept(layer, weights):
    """The arrays that PyTorch has, too: no start states, and of the Row LSTM the two live taps."""
    arrays = {key: array for key, array in zip(_fields(layer), weights)
              if not key.startswith(("h0", "c0"))}
    if layer == "row_lstm":
        arrays["w_is"] = arrays["w_is"][:2]
    return arrays


def _fields(layer):
    import importlib

    return importlib.import_module(f"npixel.layers.{layer}").Weights._fields


def ours(layer, D):
    """forward and backward of npixel.layers.<layer>."""
    module, x, weights, taps, dh = inputs(layer, D)

    def run():
        h, cache = module.forward(x, *weights, taps=taps)
        return h, *module.backward(dh, cache)

    return Call(run, lambda result: {"h": result[0], "dx": result[1], **kept(layer, result[2:])})


def torch_layer(layer, D, form):
    """The function of torch_lstm.py and autograd."""
    _, x, weights, _, dh = inputs(layer, D)
    return _torch(layer, form, x, kept(layer, weights), dh)


def _torch(layer, form, x, arrays, dh):
    import torch

    from . import torch_lstm

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    function, channels_last = torch_lstm.layer(layer, form)
    turn, back = ((0, 1, 2, 3), (0, 1, 2, 3)) if channels_last else ((0, 3, 1, 2), (0, 2, 3, 1))
    x, dh = (torch.from_numpy(array).permute(turn).contiguous() for array in (x, dh))
    leaves = [x, *(torch.from_numpy(array.copy()) for array in arrays.values())]
    for leaf in leaves:
        leaf.requires_grad_()

    def run():
        h = function(*leaves)
        return h, *torch.autograd.grad(h, leaves, dh)

    def read(result):
        h, dx, *dw = result
        maps = {"h": h.detach().permute(back).numpy(), "dx": dx.permute(back).numpy()}
        return maps | {key: array.numpy() for key, array in zip(arrays, dw)}

    return Call(run, read)


# the Spatial LSTM over neighbourhoods of 12 pixels

def spatial(rows, columns, D):
    """(x (N, rows, columns, 12), weights, dh) from a fixed seed."""
    from npixel.layers import spatial_lstm

    rng = np.random.default_rng(0)
    x, dh = (rng.standard_normal((N, rows, columns, width), np.float32)
             for width in (NEIGHBOURS, D))
    return x, spatial_lstm.init(rng, NEIGHBOURS, D, taps=[(0, 0)], dtype=np.float32), dh


def ours_spatial(rows, columns, D):
    """forward and backward of npixel.layers.spatial_lstm."""
    from npixel.layers import spatial_lstm

    x, weights, dh = spatial(rows, columns, D)

    def run():
        h, cache = spatial_lstm.forward(x, *weights, taps=[(0, 0)])
        return h, *spatial_lstm.backward(dh, cache)

    return Call(run, lambda result: dict(zip(("h", "dx", *spatial_lstm.Weights._fields), result)))


def torch_spatial(rows, columns, D, form):
    """The function of torch_lstm.py, with autograd or its own backward pass."""
    x, weights, dh = spatial(rows, columns, D)
    return _torch("spatial_lstm", form, x, dict(zip(("w_is", "b", "w_ss"), weights)), dh)


def floor_spatial(rows, columns, D):
    places = N * rows * columns
    return _floor(places, [(NEIGHBOURS, 5 * D), (2 * D, 5 * D)], D, (4, 2))


def floor(layer, D):
    """The layer's products and transcendentals alone."""
    taps, neighbours, directions = _counts(layer)
    products = [(taps * 2 * D, 4 * D), (neighbours * D, 4 * D)] * directions
    return _floor(N * H * W, products, D * directions, (3, 3))


def _counts(layer):
    """Live taps of the input-to-state map, neighbours that a state reads, and directions."""
    if layer == "row_lstm":
        return 2, 3, 1
    return 1, 2, 2 if layer == "diagonal_bilstm" else 1


def _floor(places, products, states, calls):
    """Products and transcendentals over all places.

    products   pairs (C, D): x w, dz wᵀ and xᵀ dz for each
    states     of each place
    calls      so many sigmoids and so many tanh for each state
    """
    from npixel.runtime import blas

    rng, work = np.random.default_rng(0), []
    for C, D in products:
        shapes = (places, C), (C, D), (places, D)
        x, w, dz = (rng.standard_normal(shape, np.float32) for shape in shapes)
        work.append((x, w, dz, np.empty_like(dz), np.empty_like(x), np.empty_like(w)))
    lanes, numbers = 8, rng.standard_normal(SLICE).astype(np.float32)
    buffers = [(numbers, np.empty_like(numbers)) for _ in range(lanes)]

    def transcendentals(lane):
        source, target = buffers[lane]
        for function, number in zip((np.exp, np.tanh), calls):             # of each state
            for _ in range(round(number * places * states / SLICE / lanes)):
                function(source, out=target)

    def run():
        for x, w, dz, z, dx, dw in work:
            np.matmul(x, w, out=z)
            np.matmul(dz, w.T, out=dx)
            np.matmul(x.T, dz, out=dw)
        blas.parallel(transcendentals, lanes)

    return Call(run, lambda _: {})


def flops(layer, D):
    """Three passes over the live taps of both convolutions."""
    taps, neighbours, directions = _counts(layer)
    return 3 * 2.0 * N * H * W * (taps * 2 + neighbours) * D * 4 * D * directions


# the plain LSTM over a line of pixels

def line(T, D):
    """(x (N, T, 1), weights, dh (N, T, D)) of a raster LSTM."""
    from npixel.layers import lstm

    rng = np.random.default_rng(0)
    x, weights = rng.standard_normal((N, T, 1), np.float32), lstm.init(rng, 1, D, dtype=np.float32)
    return x, weights, rng.standard_normal((N, T, D), np.float32)


def ours_line(T, D):
    """forward and backward of npixel.layers.lstm."""
    from npixel.layers import lstm

    x, weights, dh = line(T, D)

    def run():
        h, cache = lstm.forward(x, *weights)
        return h, *lstm.backward(dh, cache)

    return Call(run, lambda result: dict(zip(("h", "dx", "w_x", "w_h", "b"), result)))


def torch_line(T, D, kind):
    """nn.LSTM, or a loop of nn.LSTMCell, and autograd."""
    import torch

    from . import torch_lstm

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    x, weights, dh = line(T, D)
    function, module = torch_lstm.sequence(kind, *weights[:3])
    x, dh = torch.from_numpy(x).requires_grad_(), torch.from_numpy(dh)
    leaves = [x, *module.parameters()]

    def run():
        h = function(x)
        return h, *torch.autograd.grad(h, leaves, dh)

    def read(result):
        h, dx, w_x, w_h, b, _ = result
        weights = {key: torch_lstm.our_gates(gradient)
                   for key, gradient in (("w_x", w_x), ("w_h", w_h), ("b", b))}
        return {"h": h.detach().numpy(), "dx": dx.numpy(), **weights}

    return Call(run, read)


def floor_line(T, D):
    return _floor(N * T, [(1, 4 * D), (D, 4 * D)], D, (3, 3))


# a training step of a model

def _model_and_images(model, hidden, layers):
    import npixel

    built = npixel.build(model, image_shape=(H, W, 1), levels=2, seed=0, dtype="float32",
                         hidden=hidden, layers=layers)
    return built, np.random.default_rng(1).integers(0, 2, (N, H, W, 1))


def ours_step(model, hidden, layers):
    """npixel: model.loss_and_grads and optimizers.adam."""
    from npixel.optimizers import adam

    model, images = _model_and_images(model, hidden, layers)
    state, done = adam.init(model.params), [0]

    def run():
        loss, grads = model.loss_and_grads(images)
        adam.update(model.params, grads, state, step=done[0], lr=RATE)
        done[0] += 1
        return loss, grads

    def read(result):
        loss, grads = result
        recurrent = {f"lstm{n} {field}": getattr(grads[f"lstm{n}"], field)
                     for n in range(layers) for field in ("b", "w_ss")}
        return {"loss": np.array(loss), "first": grads["first"].w, "expand0": grads["expand0"].w,
                **recurrent}

    return Call(run, read)


def torch_step(model, hidden, layers, form):
    """torch_lstm.PixelRNN and torch.optim.Adam."""
    import torch

    from . import torch_lstm

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    fields = list(kept(model, [np.zeros(3)] * len(_fields(model))))
    built, images = _model_and_images(model, hidden, layers)
    net = torch_lstm.PixelRNN(built.params, model, form, layers)
    x = torch.from_numpy(images).permute(0, 3, 1, 2).float()
    optimizer = torch.optim.Adam(net.parameters(), lr=RATE)

    def run():
        optimizer.zero_grad()
        entropy = torch.nn.functional.binary_cross_entropy_with_logits
        loss = entropy(net(x), x, reduction="sum") / len(x)
        loss.backward()
        optimizer.step()
        return loss

    def read(loss):
        arrays = {"loss": loss.detach().numpy()}
        for name, module in (("first", net.first), ("expand0", net.convolutions["expand0"])):
            arrays[name] = module.weight.grad.permute(2, 3, 1, 0).flatten(0, 1).numpy()
        for n, lstm in enumerate(net.lstms):
            grads = dict(zip(fields, (weight.grad.numpy() for weight in lstm)))
            arrays |= {f"lstm{n} {field}": grads[field] for field in ("b", "w_ss")}
        return arrays

    return Call(run, read)


def _torch_forms(setup):
    """Both forms of torch_lstm.py."""
    return [_peer(f"PyTorch {form}", setup, form=form) for form in ("as written", "best")]


def _peer(name, setup, **arguments):
    return Implementation(name, setup, "peer", arguments=arguments, requires=("torch",))


def _targets(as_written, best, floor):
    """How many times as fast as PyTorch in both forms, and as the floor."""
    return (Target("PyTorch as written", as_written), Target("PyTorch best", best),
            Target("floor", floor))


DEFINITION = {"NPIXEL_KERNELS": "off"}
ONE_CELL = ("npixel.layers.lstm_cell",)


def _layer(name, D, quick=False):
    scans = "npixel.layers." + ("diagonal_lstm" if name == "diagonal_bilstm" else name)
    return Row(
        name=f"{name} layer, h = {D}",
        call=f"layers.{name}.forward and backward",
        shapes=f"{N} x {H} x {W} x {2 * D} -> {D}",
        implementations=(
            Implementation("npixel", ours),
            Implementation("NumPy definition", ours, "definition", environment=DEFINITION),
            *_torch_forms(torch_layer),
            Implementation("floor", floor, "definition", compared=False),
        ),
        arguments={"layer": name, "D": D},
        flops=flops(name, D),
        targets=_targets(2.0, 1.3, 0.4),
        kernels=ONE_CELL + (scans,),
        quick=quick,
        note="the cache holds gates, cells and states once: 1.00 of their bytes, weights aside",
    )


def _line(T, D):
    return Row(
        name=f"raster LSTM layer, h = {D}",
        call="layers.lstm.forward and backward",
        shapes=f"{N} x {T} x 1 -> {D}",
        implementations=(
            Implementation("npixel", ours_line),
            Implementation("NumPy definition", ours_line, "definition", environment=DEFINITION),
            _peer("PyTorch, nn.LSTMCell in a loop", torch_line, kind="LSTMCell"),
            _peer("PyTorch, nn.LSTM", torch_line, kind="LSTM"),
            Implementation("floor", floor_line, "definition", compared=False),
        ),
        arguments={"T": T, "D": D},
        tolerance=1e-3,                                # 784 steps, each of which rounds
        flops=3 * 2.0 * N * T * (D + 1) * 4 * D,
        targets=(Target("PyTorch, nn.LSTMCell in a loop", 4.0), Target("PyTorch, nn.LSTM", 1.0)),
        kernels=ONE_CELL + ("npixel.layers.lstm",),
    )


def _spatial(rows, columns, D):
    return Row(
        name=f"spatial_lstm layer, h = {D}",
        call="layers.spatial_lstm.forward and backward",
        shapes=f"{N} x {rows} x {columns} x {NEIGHBOURS} -> {D}",
        implementations=(
            Implementation("npixel", ours_spatial),
            Implementation("NumPy definition", ours_spatial, "definition", environment=DEFINITION),
            *_torch_forms(torch_spatial),
            Implementation("floor", floor_spatial, "definition", compared=False),
        ),
        arguments={"rows": rows, "columns": columns, "D": D},
        tolerance=1e-4,                       # a cell adds up both of its neighbours, 62 steps deep
        flops=3 * 2.0 * N * rows * columns * (NEIGHBOURS + 2 * D) * 5 * D,
        targets=_targets(4.0, 2.0, 0.5),
        kernels=("npixel.layers.spatial_lstm",),
    )


def _step(model, hidden, layers):
    return Row(
        name=f"training step of {model}, h = {hidden}, {layers} layers",
        call="loss_and_grads, adam.update",
        shapes=f"{N} x {H} x {W} x 1",
        implementations=(
            Implementation("npixel", ours_step),
            *_torch_forms(torch_step),
        ),
        arguments={"model": model, "hidden": hidden, "layers": layers},
        tolerance=1e-3,                      # sums over 12,544 pixels behind three recurrent layers
        targets=(Target("PyTorch as written", 2.0), Target("PyTorch best", 1.3)),
    )


ROWS = (
    _layer("row_lstm", 32, quick=True),
    _layer("diagonal_lstm", 32),
    _layer("diagonal_bilstm", 32),
    _spatial(32, 32, 64),
    _line(H * W, 128),
    _step("row_lstm", 32, 3),
    _step("diagonal_bilstm", 32, 3),
)
