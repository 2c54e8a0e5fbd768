"""The models once more, in PyTorch: from the same weights the outputs, and by autograd the gradients. float64.

Written from the papers and the layout of the weights alone: dense masked kernels and F.conv2d, a dense triangular matrix for fvbn.

    run(model, x, doutputs) -> outputs, dx, {name: (gradients)}          x (N, H, W, C) encoded; all NumPy
    run_loss(model, images) -> mean negative log-likelihood in nats per image, {name: (gradients)}
"""

import pytest

torch = pytest.importorskip("torch")
F = torch.nn.functional

from closed_forms import colour, kernel_mask  # noqa: E402


def run(model, x, doutputs):
    params, x = leaves(model), torch.tensor(x, requires_grad=True)
    outputs = MODELS[model.name](params, x, model.config)
    outputs.backward(torch.tensor(doutputs))
    return outputs.detach().numpy(), gradient(x), {name: tuple(map(gradient, weights)) for name, weights in params.items()}


def run_loss(model, images):
    params = leaves(model)
    levels = torch.tensor(images)
    L = model.config.levels
    x = levels.double() if L == 2 else 2 * levels.double() / (L - 1) - 1
    outputs = MODELS[model.name](params, x, model.config)
    if L == 2:
        nll = F.binary_cross_entropy_with_logits(outputs, levels.double(), reduction="sum")
    else:
        nll = F.cross_entropy(outputs.reshape(-1, L), levels.reshape(-1), reduction="sum")
    loss = nll / len(images)
    loss.backward()
    return loss.item(), {name: tuple(map(gradient, weights)) for name, weights in params.items()}


def leaves(model):
    return {name: tuple(torch.tensor(array, requires_grad=True) for array in weights) for name, weights in model.params.items()}


def gradient(leaf):
    return (torch.zeros_like(leaf) if leaf.grad is None else leaf.grad).numpy()


def masked_conv(h, w, b, K, inputs, outputs, *, own):
    """h (N, H, W, C), w (K * K, C, D) -> (N, H, W, D)"""
    kernel = w.reshape(K, K, *w.shape[1:]) * torch.tensor(kernel_mask(K, inputs, outputs, own=own))
    y = F.conv2d(h.permute(0, 3, 1, 2), kernel.permute(3, 2, 0, 1), b, padding=K // 2)
    return y.permute(0, 2, 3, 1)


def pixelcnn(params, x, config):
    C, h, L = config.image_shape[2], config.hidden, config.levels
    one = 1 if L == 2 else L
    image, narrow, wide, head, logits = list(range(C)), colour(h, C), colour(2 * h, C), colour(config.head, C), colour(C * one, C)
    y = masked_conv(x, *params["first"], config.first_kernel, image, wide, own=False)
    for n in range(config.layers):
        z = masked_conv(F.relu(y), *params[f"reduce{n}"], 1, wide, narrow, own=True)
        z = masked_conv(F.relu(z), *params[f"conv{n}"], config.kernel, narrow, narrow, own=True)
        y = y + masked_conv(F.relu(z), *params[f"expand{n}"], 1, narrow, wide, own=True)
    before = wide
    for n in range(config.head_layers):
        y, before = masked_conv(F.relu(y), *params[f"head{n}"], 1, before, head, own=True), head
    y = masked_conv(F.relu(y), *params["logits"], 1, before, logits, own=True)
    return y if L == 2 else y.reshape(*y.shape[:3], C, L)


def fvbn(params, x, config):
    (w, b), L = params["units"], config.levels
    D = b.shape[0]
    if L == 2:
        codes = x.reshape(len(x), D, 1)
    else:
        codes = F.one_hot(torch.round((x.detach().reshape(len(x), D) + 1) * (L - 1) / 2).long(), L).double()
    rows, columns = torch.tril_indices(D, D, -1)                           # pairs in the order (1, 0), (2, 0), (2, 1), ...
    dense = torch.zeros(D, D, *w.shape[1:], dtype=w.dtype).index_put((rows, columns), w)
    y = torch.einsum("njk,ijkl->nil", codes, dense) + b
    shape = (len(x), *config.image_shape)
    return y.reshape(shape if L == 2 else (*shape, L))


MODELS = {"pixelcnn": pixelcnn, "fvbn": fvbn}
