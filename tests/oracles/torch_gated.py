"""Gated PixelCNN once more, in PyTorch, float64.

Dense kernels are cut to the rows and columns they may read, and the shift is made by padding.

    run(model, x, doutputs, condition=None) -> outputs, dx, dcondition, {name: (gradients)}

All are NumPy; dcondition is None where there is none.
"""

import pytest

torch = pytest.importorskip("torch")
F = torch.nn.functional

from closed_forms import colour, kernel_mask  # noqa: E402


def run(model, x, doutputs, condition=None):
    leaf = lambda array: torch.tensor(array, requires_grad=True)
    params = {name: tuple(map(leaf, weights)) for name, weights in model.params.items()}
    x, s = leaf(x), None
    if condition is not None:
        s = torch.tensor(condition) if model.config.classes else leaf(condition)
    outputs = gated_pixelcnn(params, x, model.config, s)
    outputs.backward(torch.tensor(doutputs))
    gradient = lambda leaf: (torch.zeros_like(leaf) if leaf.grad is None else leaf.grad).numpy()
    grads = {name: tuple(map(gradient, weights)) for name, weights in params.items()}
    ds = None if s is None or model.config.classes else gradient(s)
    return outputs.detach().numpy(), gradient(x), ds, grads


def gated_pixelcnn(params, x, config, condition=None):
    (_, _, C), p, L, n = config.image_shape, config.hidden, config.levels, config.layers
    image, maps, head = list(range(C)), colour(p, C), colour(config.head, C)
    logits = colour(C * (1 if L == 2 else L), C)
    v = h = x.permute(0, 3, 1, 2)                      # (N, C, H, W) from here on
    skipped = 0
    for i in range(n + 1):
        K, inputs = (config.kernel, maps) if i else (config.first_kernel, image)
        z_up = vertical(v, *params[f"vertical{i}"], K)
        one_lower = F.pad(z_up, (0, 0, 1, 0))[:, :, :-1]            # row r: z_up of row r - 1
        z = horizontal(h, *params[f"horizontal{i}"], K, inputs, maps + maps, own=i > 0)
        z = z + pointwise(one_lower, *params[f"link{i}"])
        y = gate(z + bias(params, f"condition_horizontal{i}", condition, config))
        out = pointwise(y, *params[f"out{i}"], maps, maps)
        h = out + h if i else out
        if config.skip:
            skipped = skipped + pointwise(y, *params[f"skip{i}"], maps, maps)
        if i < n:
            v = gate(z_up + bias(params, f"condition_vertical{i}", condition, config))
    y, before = h + skipped, maps
    for i in range(config.head_layers):
        y, before = pointwise(F.relu(y), *params[f"head{i}"], before, head), head
    y = pointwise(F.relu(y), *params["logits"], before, logits).permute(0, 2, 3, 1)
    return y if L == 2 else y.reshape(*y.shape[:3], C, L)


def vertical(v, w, b, K):
    """The upper half of a K x K kernel down to the pixel's row: padded above and at the sides."""
    kernel = w.reshape(K // 2 + 1, K, *w.shape[1:]).permute(3, 2, 0, 1)
    return F.conv2d(F.pad(v, (K // 2, K // 2, K // 2, 0)), kernel, b)


def horizontal(h, w, b, K, inputs, outputs, *, own):
    # the middle row (K, C, 2p)
    kernel = w * torch.tensor(kernel_mask(K, inputs, outputs, own=own)[K // 2])
    return F.conv2d(h, kernel.permute(2, 1, 0)[:, :, None], b, padding=(0, K // 2))


def pointwise(h, w, b, inputs=None, outputs=None):
    kernel = w[0]
    if inputs is not None:
        kernel = kernel * torch.tensor(kernel_mask(1, inputs, outputs, own=True)[0, 0])
    return torch.einsum("nchw,cd->ndhw", h, kernel) + b[:, None, None]


def gate(z):
    f, g = z.chunk(2, dim=1)
    return torch.tanh(f) * torch.sigmoid(g)


def bias(params, name, condition, config):
    """(N, 2p, 1, 1) or (N, 2p, H, W), or 0."""
    if condition is None:
        return 0
    (v,) = params[name]
    if config.classes:
        return F.embedding(condition, v)[:, :, None, None]
    y = condition @ v
    return y[:, :, None, None] if y.ndim == 2 else y.permute(0, 3, 1, 2)
