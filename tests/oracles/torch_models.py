"""The models once more, in PyTorch and float64: outputs from the same weights, and gradients by
autograd.

They are written from the papers and the layout of the weights alone. Convolutions are F.conv2d with
dense masked kernels, and fvbn is a dense triangular matrix. The raster LSTM is PyTorch's own, and
the Row LSTM a loop over rows. The diagonals go over the skewed map of the paper, stored whole and
cut into columns.

    run(model, x, doutputs) -> outputs, dx, {name: (gradients)}
    run_loss(model, images) -> mean negative log-likelihood in nats per image, {name: (gradients)}

x (N, H, W, C) is encoded; everything is NumPy.
"""

import pytest

torch = pytest.importorskip("torch")
F = torch.nn.functional

from closed_forms import colour, kernel_mask  # noqa: E402
from oracles.torch_gated import gated_pixelcnn  # noqa: E402


def run(model, x, doutputs):
    params, x = leaves(model), torch.tensor(x, requires_grad=True)
    outputs = MODELS[model.name](params, x, model.config)
    outputs.backward(torch.tensor(doutputs))
    return outputs.detach().numpy(), gradient(x), {name: tuple(map(gradient, weights))
                                                   for name, weights in params.items()}


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
    return {name: tuple(torch.tensor(array, requires_grad=True) for array in weights)
            for name, weights in model.params.items()}


def gradient(leaf):
    return (torch.zeros_like(leaf) if leaf.grad is None else leaf.grad).numpy()


def masked_conv(h, w, b, K, inputs, outputs, *, own):
    """h (N, H, W, C), w (K * K, C, D) -> (N, H, W, D)"""
    kernel = w.reshape(K, K, *w.shape[1:]) * torch.tensor(kernel_mask(K, inputs, outputs, own=own))
    y = F.conv2d(h.permute(0, 3, 1, 2), kernel.permute(3, 2, 0, 1), b, padding=K // 2)
    return y.permute(0, 2, 3, 1)


def pixelcnn(params, x, config):
    C, h = config.image_shape[2], config.hidden
    image, narrow, wide = list(range(C)), colour(h, C), colour(2 * h, C)
    y = masked_conv(x, *params["first"], config.first_kernel, image, wide, own=False)
    for n in range(config.layers):
        z = masked_conv(F.relu(y), *params[f"reduce{n}"], 1, wide, narrow, own=True)
        z = masked_conv(F.relu(z), *params[f"conv{n}"], config.kernel, narrow, narrow, own=True)
        y = y + masked_conv(F.relu(z), *params[f"expand{n}"], 1, narrow, wide, own=True)
    return readout(params, y, config)


def readout(params, y, config):
    C, L = config.image_shape[2], config.levels
    before, head, logits = colour(2 * config.hidden, C), colour(config.head,
                                                                C), colour(C * (1 if L == 2 else L),
                                                                           C)
    for n in range(config.head_layers):
        y, before = masked_conv(F.relu(y), *params[f"head{n}"], 1, before, head, own=True), head
    y = masked_conv(F.relu(y), *params["logits"], 1, before, logits, own=True)
    return y if L == 2 else y.reshape(*y.shape[:3], C, L)


def pixelrnn(layer):
    """The network around one kind of LSTM layer: layer(h, weights, config) -> (N, H, W, hidden)."""
    def network(params, x, config):
        C, h = config.image_shape[2], config.hidden
        narrow, wide = colour(h, C), colour(2 * h, C)
        stream = masked_conv(x, *params["first"], config.first_kernel, list(range(C)), wide,
                             own=False)
        to_head = 0
        for n in range(config.layers):
            y = layer(stream, params[f"lstm{n}"], config)
            if config.skip:
                to_head = to_head + masked_conv(y, *params[f"skip{n}"], 1, narrow, wide, own=True)
            stream = stream + masked_conv(y, *params[f"expand{n}"], 1, narrow, wide, own=True)
        return readout(params, stream + to_head, config)
    return network


def input_to_state(x, w, b, config, K):
    """The middle row of a K x K mask B; every gate has the groups of h maps.

    (N, H, W, 2h) -> (N, H, W, 4h)
    """
    C, h = config.image_shape[2], config.hidden
    kernel = w * torch.tensor(kernel_mask(K, colour(2 * h, C), 4 * colour(h, C), own=True)[K // 2])
    return F.conv2d(x.permute(0, 3, 1, 2), kernel.permute(2, 1, 0)[:, :, None], b,
                    padding=(0, K // 2)).permute(0, 2, 3, 1)


def cell(z, c):
    o, f, i, g = z.chunk(4, dim=-1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


def rows(x, weights, config):
    w_is, b, w_ss, h0, c0 = weights
    z = input_to_state(x, w_is, b, config, config.kernel)
    N, H, W, _ = z.shape
    h, c, k, states = h0.expand(N, W, -1), c0.expand(N, W, -1), config.kernel // 2, []
    for r in range(H):
        above = F.pad(h, (0, 0, k, k))
        h, c = cell(z[:, r] + sum(above[:, j:j + W] @ w_ss[j] for j in range(config.kernel)), c)
        states.append(h)
    return torch.stack(states, dim=1)


def diagonals(x, weights, config):
    w_is, b, w_ss, h0, c0 = weights
    z = input_to_state(x, w_is, b, config, 1)
    N, H, W, _ = z.shape
    padding = b.expand(N, H, W + H - 1, -1)  # the map's own input there is zero
    skewed = torch.stack([torch.cat([padding[:, r, :r], z[:, r], padding[:, r, r + W:]], dim=1)
                          for r in range(H)], dim=1)
    h, c, columns = h0.expand(N, H, -1), c0.expand(N, H, -1), []
    for t in range(W + H - 1):
        above = torch.cat([torch.zeros_like(h[:, :1]), h[:, :-1]], dim=1)
        h_new, c_new = cell(skewed[:, :, t] + above @ w_ss[0] + h @ w_ss[1], c)
        if config.padding == "start":  # rows that have not begun keep the learned start
            begun = (torch.arange(H) <= t)[:, None]
            h_new, c_new = torch.where(begun, h_new, h), torch.where(begun, c_new, c)
        h, c = h_new, c_new
        columns.append(h)
    skewed = torch.stack(columns, dim=2)
    return torch.stack([skewed[:, r, r:r + W] for r in range(H)], dim=1)


def both_diagonals(x, weights, config):
    right = diagonals(x.flip(2), weights[5:], config).flip(2)
    return diagonals(x, weights[:5], config) + F.pad(right[:, :-1], (0, 0, 0, 0, 1, 0))


def spatial_lstm(params, x, config):
    """Pixel by pixel over whole lists of neighbours: y = [inputs; h left; h above], extended [...;
    c left; c above], then a = y W + b."""
    C, h = config.image_shape[2], config.hidden
    narrow, wide = colour(h, C), colour(2 * h, C)
    y, before, K = x, list(range(C)), config.first_kernel
    for n in range(config.layers):
        w_is, b, w_ss = params[f"lstm{n}"]
        z = masked_conv(y, w_is, b, K, before, 5 * narrow, own=n > 0)
        N, H, W, _ = z.shape
        h_of, c_of, none = {}, {}, torch.zeros(N, h, dtype=z.dtype)
        for r in range(H):
            for c in range(W):
                near = [states.get(place, none) for states in (h_of, c_of)
                        for place in ((r, c - 1), (r - 1, c))]
                a = z[:, r, c] + torch.cat(near[:len(w_ss)], dim=1) @ w_ss.reshape(-1, 5 * h)
                g, (i, o, f_r, f_c) = torch.tanh(a[:, :h]), torch.sigmoid(a[:, h:]).chunk(4, dim=1)
                c_of[r, c] = f_r * near[3] + f_c * near[2] + i * g
                h_of[r, c] = torch.tanh(o * c_of[r, c])
        y = torch.stack([h_of[place] for place in sorted(h_of)], dim=1).reshape(N, H, W, h)
        before, K = narrow, 1
    return readout(params, masked_conv(y, *params["expand"], 1, narrow, wide, own=True), config)


def raster_lstm(params, x, config):
    """torch.lstm is what nn.LSTM calls: weights (4D, C), gates in the order i, f, g, o, a second
    bias that is left at zero."""
    C, L, N = config.image_shape[2], config.levels, len(x)
    h = F.pad(x.reshape(N, -1)[:, :-1], (1, 0))[..., None]
    if C > 1:
        h = torch.cat([h, F.one_hot(torch.arange(h.shape[1]) % C, C).expand(N, -1, -1)], dim=2)
    for n in range(config.layers):
        w_x, w_h, b, h0, c0 = params[f"lstm{n}"]
        o, f, i, g = (torch.cat([w_x, w_h, b[None]]).chunk(4, dim=1))
        w = torch.cat([i, f, g, o], dim=1).T
        w_ih, w_hh, b_ih = w[:, :len(w_x)], w[:, len(w_x):-1], w[:, -1]
        start = tuple(s.expand(1, N, -1).contiguous() for s in (h0, c0))
        h, _, _ = torch.lstm(h, start, [w_ih, w_hh, b_ih, torch.zeros_like(b_ih)], True, 1, 0.0,
                             False, False, True)
    w, b = params["logits"]
    return (h @ w[0] + b).reshape(x.shape if L == 2 else (*x.shape, L))


def fvbn(params, x, config):
    (w, b), L = params["units"], config.levels
    D = b.shape[0]
    if L == 2:
        codes = x.reshape(len(x), D, 1)
    else:
        codes = F.one_hot(torch.round((x.detach().reshape(len(x), D) + 1) * (L - 1) / 2).long(),
                          L).double()
    rows, columns = torch.tril_indices(D, D, -1)  # pairs in the order (1, 0), (2, 0), (2, 1), ...
    dense = torch.zeros(D, D, *w.shape[1:], dtype=w.dtype).index_put((rows, columns), w)
    y = torch.einsum("njk,ijkl->nil", codes, dense) + b
    shape = (len(x), *config.image_shape)
    return y.reshape(shape if L == 2 else (*shape, L))


MODELS = {"fvbn": fvbn, "raster_lstm": raster_lstm, "spatial_lstm": spatial_lstm,
          "pixelcnn": pixelcnn, "row_lstm": pixelrnn(rows), "diagonal_lstm": pixelrnn(diagonals),
          "diagonal_bilstm": pixelrnn(both_diagonals), "gated_pixelcnn": gated_pixelcnn}
