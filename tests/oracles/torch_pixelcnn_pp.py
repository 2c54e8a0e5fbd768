"""PixelCNN++ once more, in PyTorch, float64, after the authors' nn.py and model.py.

It has explicit padding, F.conv2d, F.conv_transpose2d cut to size, and autograd. It is written from
the paper's code and the layout of our weights alone. Heights and widths must be divisible by 4, as
there.

    outputs(params, x, config, s=None, masks=None)     x (N, H, W, C) -> (N, H, W, numbers)
    log_prob(outputs, levels, L) -> (N, H, W)          the mixture, exact
    run, run_loss                                      as in torch_models.py

s (N, V) are codes; masks: name of a resnet -> its dropout mask.
"""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
F = torch.nn.functional


def leaves(model):
    return {name: tuple(torch.tensor(array, requires_grad=True) for array in weights)
            for name, weights in model.params.items()}


def gradient(leaf):
    return (torch.zeros_like(leaf) if leaf.grad is None else leaf.grad).numpy()


def run(model, x, doutputs, s=None, masks=None):
    """outputs, dx, ds, {name: (gradients)}; all NumPy"""
    params, x = leaves(model), torch.tensor(x, requires_grad=True)
    s = None if s is None else torch.tensor(s, requires_grad=True)
    y = outputs(params, x, model.config, s, masks)
    y.backward(torch.tensor(doutputs))
    grads = {name: tuple(map(gradient, weights)) for name, weights in params.items()}
    return y.detach().numpy(), gradient(x), None if s is None else gradient(s), grads


def run_loss(model, images, s=None, masks=None):
    """Mean negative log-likelihood in nats per image, and {name: (gradients)}."""
    params = leaves(model)
    loss = nll(params, images, model.config, s, masks)
    loss.backward()
    return loss.item(), {name: tuple(map(gradient, weights)) for name, weights in params.items()}


def nll(params, images, config, s=None, masks=None):
    levels, L = torch.tensor(np.asarray(images, np.int64)), config.levels
    x = (2 * levels.double() / (L - 1) - 1).to(params["out"][0].dtype)
    y = outputs(params, x, config, None if s is None else torch.tensor(s), masks)
    return -log_prob(y, levels, L).sum() / len(images)


def kernel(v, g, KH, KW):
    """(T, C, D) -> (D, C, KH, KW), each output channel of length g."""
    length = torch.sqrt(torch.sum(v * v, dim=(0, 1)))
    return (g * v / length).reshape(KH, KW, *v.shape[1:]).permute(3, 2, 0, 1)


def down_shifted(x, weights, KH=2, KW=3, stride=1):
    v, g, b = weights
    x = F.pad(x, ((KW - 1) // 2, (KW - 1) // 2, KH - 1, 0))
    return F.conv2d(x, kernel(v, g, KH, KW), b, stride=stride)


def down_right_shifted(x, weights, KH=2, KW=2, stride=1):
    v, g, b = weights
    x = F.pad(x, (KW - 1, 0, KH - 1, 0))
    return F.conv2d(x, kernel(v, g, KH, KW), b, stride=stride)


def transposed(x, weights, KH, KW):
    v, g, b = weights
    turned = kernel(v, g, KH, KW).flip(2, 3).transpose(0, 1)
    return F.conv_transpose2d(x, turned, b, stride=2, output_padding=1)


def down_shifted_deconv(x, weights):
    y = transposed(x, weights, 2, 3)
    return y[:, :, :-1, 1:-1]                          # [: xs-kh+1, (kw-1)/2 : xs-(kw-1)/2]


def down_right_shifted_deconv(x, weights):
    y = transposed(x, weights, 2, 2)
    return y[:, :, :-1, :-1]


def nin(x, weights):
    v, g, b = weights
    return F.conv2d(x, kernel(v, g, 1, 1), b)


def concat_elu(x):
    return F.elu(torch.cat([x, -x], dim=1))


CONV = {"u": down_shifted, "ul": down_right_shifted}
DECONV = {"u": down_shifted_deconv, "ul": down_right_shifted_deconv}


def outputs(params, x, config, s=None, masks=None):
    R, width = config.layers, config.hidden
    masks = masks or {}

    def gated_resnet(name, stream, x, a=None):
        c1 = CONV[stream](concat_elu(x), params[f"{name}_conv1"])
        if a is not None:
            c1 = c1 + nin(concat_elu(a), params[f"{name}_aux"])
        c1 = concat_elu(c1)
        if name in masks:
            c1 = c1 * torch.tensor(masks[name]).permute(0, 3, 1, 2)
        c2 = CONV[stream](c1, params[f"{name}_conv2"])
        if s is not None:
            c2 = c2 + (s @ params[f"{name}_condition"][0])[:, :, None, None]
        return x + c2[:, :width] * torch.sigmoid(c2[:, width:])

    x = x.permute(0, 3, 1, 2)
    x = torch.cat([x, torch.ones_like(x[:, :1])], dim=1)
    down_shift = lambda y: F.pad(y, (0, 0, 1, 0))[:, :, :-1]
    right_shift = lambda y: F.pad(y, (1, 0, 0, 0))[:, :, :, :-1]
    us = [down_shift(down_shifted(x, params["first_u"]))]
    left = right_shift(down_right_shifted(x, params["first_left"], 2, 1))
    uls = [down_shift(down_shifted(x, params["first_above"], 1, 3)) + left]
    for level in range(3):
        for n in range(R):
            us.append(gated_resnet(f"up{level}_{n}_u", "u", us[-1]))
            uls.append(gated_resnet(f"up{level}_{n}_ul", "ul", uls[-1], us[-1]))
        if level < 2:
            us.append(down_shifted(us[-1], params[f"shrink{level}_u"], stride=2))
            uls.append(down_right_shifted(uls[-1], params[f"shrink{level}_ul"], stride=2))
    u, ul = us.pop(), uls.pop()
    for level in (2, 1, 0):
        for n in range(R if level == 2 else R + 1):
            u = gated_resnet(f"down{level}_{n}_u", "u", u, us.pop())
            ul = gated_resnet(f"down{level}_{n}_ul", "ul", ul, torch.cat([u, uls.pop()], dim=1))
        if level:
            u = DECONV["u"](u, params[f"grow{level}_u"])
            ul = DECONV["ul"](ul, params[f"grow{level}_ul"])
    assert not us and not uls
    return nin(F.elu(ul), params["out"]).permute(0, 2, 3, 1)


def log_prob(y, levels, L):
    """The authors' discretized_mix_logistic_loss for one colour or three, in the exact form."""
    *_, C = levels.shape
    x, half = 2 * levels.double() / (L - 1) - 1, 1 / (L - 1)
    M = y.shape[-1] // (10 if C == 3 else 3)
    log_pi, rest = F.log_softmax(y[..., :M], dim=-1), y[..., M:].reshape(*levels.shape, -1)
    means, log_scales = rest[..., :M], torch.clamp(rest[..., M:2 * M], min=-7)
    if C == 3:
        c, x_ = torch.tanh(rest[..., 2 * M:]), x[..., None]
        m0, m1, m2 = means.unbind(-2)
        m1, m2 = m1 + c[..., 0, :] * x_[..., 0, :], m2 + c[..., 1, :] * x_[..., 0, :]
        means = torch.stack([m0, m1, m2 + c[..., 2, :] * x_[..., 1, :]], dim=-2)
    inverse = torch.exp(-log_scales)
    plus, minus = inverse * (x[..., None] - means + half), inverse * (x[..., None] - means - half)
    v = levels[..., None]
    middle = -F.softplus(-plus) - F.softplus(minus) + torch.log(-torch.expm1(-2 * half * inverse))
    last = torch.where(v == L - 1, -F.softplus(minus), middle)
    log_p = torch.where(v == 0, -F.softplus(-plus), last)
    return torch.logsumexp(log_pi + log_p.sum(dim=-2), dim=-1)


class Adam:
    """The authors' adam_updates: bias correction in the means, 1e-8 inside the root."""

    def __init__(self, params, b1=0.95, b2=0.9995):
        self.leaves = [leaf for weights in params.values() for leaf in weights]
        self.b1, self.b2, self.t = b1, b2, 0
        self.v, self.mg = ([torch.zeros_like(leaf) for leaf in self.leaves] for _ in range(2))

    def step(self, lr):
        self.t += 1
        with torch.no_grad():
            for leaf, v, mg in zip(self.leaves, self.v, self.mg):
                v.mul_(self.b1).add_(leaf.grad, alpha=1 - self.b1)
                mg.mul_(self.b2).add_(leaf.grad**2, alpha=1 - self.b2)
                change = (v / (1 - self.b1**self.t)) / torch.sqrt(mg / (1 - self.b2**self.t) + 1e-8)
                leaf -= lr * change
                leaf.grad = None
