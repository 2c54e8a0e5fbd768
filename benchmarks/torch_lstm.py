"""LSTMs over images in PyTorch: what npixel's recurrent layers and models are timed beside.

    as written    as people write them, with maps (N, C, H, W). The input-to-state map is one
                  convolution, masked by a product. Then row by row (or diagonal by diagonal of the
                  skewed map) conv1d of the states, chunk, sigmoid, tanh
    best          the best form we know, channels last. The places of one step lie side by side, the
                  neighbours that they read are gathered beside one another, and a step is one
                  addmm. The Diagonal BiLSTM takes both directions through the same steps, as a
                  batch of two products

Both leave the gradient to autograd, except the best Spatial LSTM, which has its own backward pass.
Gates come in npixel's order (o, f, i, g), and start states are zero, as is usual. So weights are
npixel's but for h0 and c0: w_is (U, C, 4D), w_ss (K, D, 4D), b (4D,).

Read first: nothing.  Read next: recurrent.py.
"""

import torch
from torch import nn
from torch.nn import functional as F


def gates(z, c, dim):
    """h and c of the sums z and the cell before."""
    D = c.shape[dim]
    o, f, i = torch.sigmoid(z.narrow(dim, 0, 3 * D)).chunk(3, dim)
    c = f * c + i * torch.tanh(z.narrow(dim, 3 * D, D))
    return o * torch.tanh(c), c


# as written: x (N, C, H, W) -> (N, D, H, W)

def row_as_written(x, w_is, b, w_ss):
    """w_is has the two live taps of three; the dead one is there, and multiplied away."""
    N, _, _, W = x.shape
    D = w_ss.shape[1]
    kernel = torch.cat([w_is, w_is[:1]]).permute(2, 1, 0).unsqueeze(2)               # (4D, C, 1, 3)
    mask = torch.tensor([1.0, 1.0, 0.0])
    z = F.conv2d(x, kernel * mask, b, padding=(0, 1))
    kernel = w_ss.permute(2, 1, 0).contiguous()                                         # (4D, D, 3)
    h, c, rows = x.new_zeros(N, D, W), x.new_zeros(N, D, W), []
    # unbind, since the gradient of z[:, :, row] would be a whole map of zeros for each row
    for z_row in z.unbind(2):
        h, c = gates(z_row + F.conv1d(h, kernel, padding=len(w_ss) // 2), c, 1)
        rows.append(h)
    return torch.stack(rows, 2)


def diagonal_as_written(x, w_is, b, w_ss):
    """On the skewed map; states of cells outside the image are set to zero.

    Otherwise lower rows would start from something else.
    """
    N, _, H, W = x.shape
    D = w_ss.shape[1]
    z = skew(F.conv2d(x, w_is.permute(2, 1, 0).unsqueeze(3), b))             # (N, 4D, H, W + H - 1)
    kernel = w_ss.permute(2, 1, 0).contiguous()                                         # (4D, D, 2)
    inside = skew(torch.ones(1, 1, H, W))
    h, c, columns = x.new_zeros(N, D, H), x.new_zeros(N, D, H), []
    for z_column, inside_column in zip(z.unbind(3), inside.unbind(3)):
        h, c = gates(z_column + F.conv1d(F.pad(h, (1, 0)), kernel), c, 1)
        h, c = h * inside_column, c * inside_column
        columns.append(h)
    y = torch.stack(columns, 3)
    return torch.stack([y[:, :, r, r:r + W] for r in range(H)], 2)


def bilstm_as_written(x, *weights):
    left = diagonal_as_written(x, *weights[:3])
    right = diagonal_as_written(x.flip(3), *weights[3:]).flip(3)
    return left + F.pad(right[:, :, :-1], (0, 0, 1, 0))


def skew(x):
    """(N, C, H, W) -> (N, C, H, W + H - 1)"""
    H = x.shape[2]
    return torch.stack([F.pad(x[:, :, r], (r, H - 1 - r)) for r in range(H)], 2)


# best: x (N, H, W, C) -> (N, H, W, D)

def row_best(x, w_is, b, w_ss):
    """Rows of all images side by side: a step is (N W, K D) @ (K D, 4D)."""
    N, H, W, C = x.shape
    K, D, _ = w_ss.shape
    x = x.transpose(0, 1)                                                             # (H, N, W, C)
    both = torch.cat([F.pad(x, (0, 0, 1, 0))[:, :, :W], x], 3)      # left, itself
    z = torch.addmm(b, both.reshape(-1, 2 * C), w_is.reshape(2 * C, -1)).view(H, N * W, 4 * D)
    w, c, rows = w_ss.reshape(K * D, 4 * D), x.new_zeros(N * W, D), []
    for row, sums in enumerate(z.unbind(0)):
        if row:                                        # above the first row there is nothing
            padded = F.pad(h.view(N, W, D), (0, 0, K // 2, K // 2))
            read = torch.cat([padded[:, k:k + W] for k in range(K)], 2)
            sums = torch.addmm(sums, read.view(N * W, K * D), w)
        h, c = gates(sums, c, 1)
        rows.append(h.view(N, W, D))
    return torch.stack(rows, 1)


def diagonal_best(x, *weights):
    """Pixels in the order of their diagonals; a step is (places, 2D) @ (2D, 4D) in each direction.

    There are three weights for each direction, of which there are one or two.
    """
    N, H, W, C = x.shape
    directions = [weights[i:i + 3] for i in range(0, len(weights), 3)]
    w_is = torch.stack([w[0] for w, _, _ in directions])                      # (directions, C, 4D)
    b = torch.stack([b for _, b, _ in directions])                            # (directions, 4D)
    w_ss = torch.stack([w.reshape(-1, w.shape[2]) for _, _, w in directions])
    B, D = len(directions), w_ss.shape[1] // 2                                # w_ss (B, 2D, 4D)
    order, back, sizes = diagonals(N, H, W)
    flat = torch.stack([x, x.flip(2)] if B == 2 else [x]).reshape(B, -1, C)[:, order]
    z = torch.baddbmm(b[:, None], flat, w_is)                                 # (B, N H W, 4D)
    h, c, steps = x.new_zeros(B, 0, D), x.new_zeros(B, 0, D), []
    before = 0                                                    # first row of the diagonal before
    for t, (size, sums) in enumerate(zip(sizes, z.split(sizes, 1))):
        first = max(0, t - W + 1)
        # above: rows first - 1, ..., last - 2 of the diagonal before; left: rows first, ...,
        # last - 1; outside the image there are zeros
        above = F.pad(h, (0, 0, N, 0)) if first == 0 else h
        left = F.pad(h, (0, 0, 0, N)) if t < H else h
        c = F.pad(c, (0, 0, 0, N)) if t < H else c
        skip = (first - before) * N
        above, left, c = above[:, :size], left[:, skip:][:, :size], c[:, skip:]
        h, c = gates(torch.baddbmm(sums, torch.cat([above, left], 2), w_ss), c, 2)
        steps.append(h)
        before = first
    y = torch.cat(steps, 1)[:, back].view(B, N, H, W, D)
    return y[0] if B == 1 else y[0] + F.pad(y[1].flip(2)[:, :-1], (0, 0, 0, 0, 1, 0))


def diagonals(N, H, W):
    """(order, back, sizes) of the pixels of N images by diagonals.

    order   of the pixels: rows downward, images innermost
    back    the way back
    sizes   how many pixels each diagonal has
    """
    ranges = torch.arange(H), torch.arange(W), torch.arange(N)
    row, column, image = torch.meshgrid(*ranges, indexing="ij")
    place = ((image * H + row) * W + column).flatten()
    order = place[torch.argsort((row + column).flatten(), stable=True)]
    return order, torch.argsort(order), torch.bincount((row + column).flatten()).tolist()


# the Spatial LSTM: gates g, i, o, f_r, f_c; weights w_is (1, C, 5D), b (5D,), w_ss (2, D, 5D);
# w_ss[0] is of the state on the left, w_ss[1] of that above

def spatial_as_written(x, w_is, b, w_ss):
    """x (N, C, H, W) -> (N, D, H, W), on the skewed map."""
    N, _, H, W = x.shape
    D = w_ss.shape[1]
    z = skew(F.conv2d(x, w_is.permute(2, 1, 0).unsqueeze(3), b))             # (N, 5D, H, W + H - 1)
    kernel = w_ss.flip(0).permute(2, 1, 0).contiguous()              # the row above, the row itself
    inside = skew(torch.ones(1, 1, H, W))
    h, c, columns = x.new_zeros(N, D, H), x.new_zeros(N, D, H), []
    for z_column, inside_column in zip(z.unbind(3), inside.unbind(3)):
        sums = z_column + F.conv1d(F.pad(h, (1, 0)), kernel)
        i, o, f_r, f_c = torch.sigmoid(sums[:, D:]).chunk(4, 1)
        c = f_r * F.pad(c, (1, 0))[:, :, :-1] + f_c * c + i * torch.tanh(sums[:, :D])
        h = torch.tanh(o * c)
        h, c = h * inside_column, c * inside_column
        columns.append(h)
    y = torch.stack(columns, 3)
    return torch.stack([y[:, :, r, r:r + W] for r in range(H)], 2)


def spatial_best(x, w_is, b, w_ss):
    """x (N, H, W, C) -> (N, H, W, D), in the order of the diagonals."""
    N, H, W, C = x.shape
    order, back, _ = diagonals(N, H, W)
    z = torch.addmm(b, x.reshape(-1, C)[order], w_is[0])
    return SpatialScan.apply(z, w_ss.reshape(-1, w_ss.shape[2]), N, H, W)[back].view(N, H, W, -1)


class SpatialScan(torch.autograd.Function):
    """The recurrence with a backward pass of its own.

    A step is one addmm and in-place operations each way; all of dw is one product. Autograd's own
    pass over the same steps takes longer: it keeps every intermediate value, and adds dw up step by
    step.
    """

    @staticmethod
    def forward(ctx, z, w, N, H, W):
        """z (places, 5D) by diagonals, w (2D, 5D) -> h (places, D)"""
        D = w.shape[0] // 2
        z = z.clone()                                                  # becomes the gates
        # h and c on the left and above
        inputs, cells = z.new_zeros(len(z), 2 * D), z.new_zeros(len(z), 2 * D)
        h, c = z.new_empty(len(z), D), z.new_empty(len(z), D)
        steps, begin, before = [], 0, 0
        for t in range(H + W - 1):
            first, last = max(0, t - W + 1), min(H, t + 1)
            size, left = (last - first) * N, before + (N if t >= W else 0)
            stop, skip = (min(last, t) - first) * N, (0 if first else N)
            here = slice(begin, begin + size)
            lefts, aboves = slice(left, left + stop), slice(before, before + size - skip)
            for near, of in ((inputs[here], h), (cells[here], c)):
                near[:stop, :D], near[skip:, D:] = of[lefts], of[aboves]
            gates = z[here].addmm_(inputs[here], w)
            gates[:, :D].tanh_()
            gates[:, D:].sigmoid_()
            g, i, o, f_r, f_c = gates.chunk(5, 1)
            c_left, c_above = cells[here, :D], cells[here, D:]
            torch.mul(i, g, out=c[here]).addcmul_(f_r, c_above).addcmul_(f_c, c_left)
            torch.mul(o, c[here], out=h[here]).tanh_()
            steps.append((here, lefts, stop, aboves, skip))
            begin, before = begin + size, begin
        ctx.save_for_backward(z, w, inputs, cells, h, c)
        ctx.steps = steps
        return h

    @staticmethod
    def backward(ctx, dh):
        z, w, inputs, cells, h, c = ctx.saved_tensors
        D, w_back = w.shape[0] // 2, w.t().contiguous()
        dh, dc, dz = dh.clone(), torch.zeros_like(c), torch.empty_like(z)
        for here, lefts, stop, aboves, skip in reversed(ctx.steps):
            g, i, o, f_r, f_c = z[here].chunk(5, 1)
            dg, di, do, df_r, df_c = dz[here].chunk(5, 1)
            du = dh[here] * (1 - h[here] * h[here])
            dc_here = dc[here].addcmul_(du, o)
            torch.mul(du, c[here], out=do)
            c_left, c_above = cells[here, :D], cells[here, D:]
            for factor, out in ((i, dg), (g, di), (c_above, df_r), (c_left, df_c)):
                torch.mul(dc_here, factor, out=out)
            dg.mul_(1 - g * g)
            dz[here, D:].mul_(z[here, D:] * (1 - z[here, D:]))
            dc[lefts].addcmul_(dc_here[:stop], f_c[:stop])
            dc[aboves].addcmul_(dc_here[skip:], f_r[skip:])
            dinputs = dz[here] @ w_back
            dh[lefts] += dinputs[:stop, :D]
            dh[aboves] += dinputs[skip:, D:]
        return dz, inputs.t() @ dz, None, None, None


FORMS = {
    ("row_lstm", "as written"): row_as_written,
    ("row_lstm", "best"): row_best,
    ("diagonal_lstm", "as written"): diagonal_as_written,
    ("diagonal_lstm", "best"): diagonal_best,
    ("diagonal_bilstm", "as written"): bilstm_as_written,
    ("diagonal_bilstm", "best"): diagonal_best,
    ("spatial_lstm", "as written"): spatial_as_written,
    ("spatial_lstm", "best"): spatial_best,
}


def layer(name, form):
    """The function of (x, *weights) above, and whether its maps are channels last."""
    return FORMS[name, form], form == "best"


# over a sequence: PyTorch's own

def sequence(kind, w_x, w_h, b):
    """A function x (N, T, C) -> h (N, T, D) by nn.LSTM or a loop of nn.LSTMCell, and the module.

    The module's gates come in the order i, f, g, o.
    """
    C, D = w_x.shape[0], w_h.shape[0]
    module = nn.LSTM(C, D, batch_first=True) if kind == "LSTM" else nn.LSTMCell(C, D)
    ih, hh, bias, zero = module.parameters()
    with torch.no_grad():
        for parameter, array in ((ih, w_x.T), (hh, w_h.T), (bias, b)):
            o, f, i, g = torch.from_numpy(array.copy()).chunk(4)
            parameter.copy_(torch.cat([i, f, g, o]))
        zero.zero_()

    def loop(x):
        h, c, states = x.new_zeros(len(x), D), x.new_zeros(len(x), D), []
        for x_t in x.unbind(1):
            h, c = module(x_t, (h, c))
            states.append(h)
        return torch.stack(states, 1)

    return (lambda x: module(x)[0]) if kind == "LSTM" else loop, module


def our_gates(gradient):
    """A gradient (4D, ...) in PyTorch's order of gates -> (..., 4D) in ours."""
    i, f, g, o = gradient.chunk(4)
    return torch.cat([o, f, i, g]).numpy().T


# the whole network: npixel/models/pixelrnn.py for one colour, two levels, no skip connections

class PixelRNN(nn.Module):
    """x (N, 1, H, W) -> one logit per pixel.

    Every convolution but the first is 1 x 1, and with one colour needs no mask.
    """

    def __init__(self, params, name, form, layers):
        super().__init__()
        self.run, self.last = layer(name, form)
        self.first, self.convolutions = convolution(params["first"], 7), nn.ModuleDict()
        mask = torch.ones(1, 1, 7, 7)
        mask[:, :, 3, 3:] = 0
        mask[:, :, 4:] = 0
        self.register_buffer("mask", mask)
        self.lstms = nn.ModuleList()
        for n in range(layers):
            fields = params[f"lstm{n}"]._asdict()
            kept = [array for key, array in fields.items() if not key.startswith(("h0", "c0"))]
            if name == "row_lstm":
                kept[0] = kept[0][:2]                  # the tap on the right is dead
            tensors = [torch.from_numpy(array.copy()) for array in kept]
            self.lstms.append(nn.ParameterList(map(nn.Parameter, tensors)))
        for key in [*(f"expand{n}" for n in range(layers)), "head0", "head1", "logits"]:
            self.convolutions[key] = convolution(params[key], 1)

    def forward(self, x):
        h = F.conv2d(x, self.first.weight * self.mask, self.first.bias, padding=3)
        if self.last:
            h = h.contiguous(memory_format=torch.channels_last)
        for n, weights in enumerate(self.lstms):
            if self.last:
                y = self.run(h.permute(0, 2, 3, 1), *weights).permute(0, 3, 1, 2)
            else:
                y = self.run(h, *weights)
            h = h + self.convolutions[f"expand{n}"](y)
        for key in ("head0", "head1", "logits"):
            h = self.convolutions[key](F.relu(h))
        return h


def convolution(weights, K):
    """nn.Conv2d with the numbers of npixel's (K*K, C, D)."""
    _, C, D = weights.w.shape
    module = nn.Conv2d(C, D, K)
    with torch.no_grad():
        module.weight.copy_(torch.from_numpy(weights.w.reshape(K, K, C, D)).permute(3, 2, 0, 1))
        module.bias.copy_(torch.from_numpy(weights.b))
    return module
