"""PixelCNN in PyTorch, as people write it and as an expert would.

A training step of npixel.models.pixelcnn is timed beside it. It is the same network with the same
weights (van den Oord et al. 2016, table 1), for one colour and two levels. With one colour the
1 x 1 convolutions need no mask.

Read first: npixel/models/pixelcnn.py.  Read next: pixelcnn.py.
"""

import torch
from torch import nn
from torch.nn import functional as F


class MaskedConv2d(nn.Module):
    """A K x K convolution under mask A or B.

    cut   keep only the rows of the kernel that the mask leaves, and pad only above
    """

    def __init__(self, C, D, K, kind, cut):
        super().__init__()
        rows = K // 2 + 1 if cut else K
        self.cut, self.reach = cut, K // 2
        self.weight = nn.Parameter(torch.zeros(D, C, rows, K))
        self.bias = nn.Parameter(torch.zeros(D))
        mask = torch.ones(1, 1, rows, K)
        mask[:, :, K // 2, K // 2 + (kind == "B"):] = 0
        mask[:, :, K // 2 + 1:] = 0
        self.register_buffer("mask", mask)

    def forward(self, x):
        r = self.reach
        if self.cut:
            return F.conv2d(F.pad(x, (r, r, r, 0)), self.weight * self.mask, self.bias)
        return F.conv2d(x, self.weight * self.mask, self.bias, padding=r)


class PixelCNN(nn.Module):
    """x (N, 1, H, W) -> one logit per pixel, (N, 1, H, W)"""

    def __init__(self, hidden, layers, head=32, cut=False):
        super().__init__()
        self.first = MaskedConv2d(1, 2 * hidden, 7, "A", cut)
        self.reduce = nn.ModuleList(nn.Conv2d(2 * hidden, hidden, 1) for _ in range(layers))
        self.conv = nn.ModuleList(MaskedConv2d(hidden, hidden, 3, "B", cut) for _ in range(layers))
        self.expand = nn.ModuleList(nn.Conv2d(hidden, 2 * hidden, 1) for _ in range(layers))
        self.head = nn.ModuleList((nn.Conv2d(2 * hidden, head, 1), nn.Conv2d(head, head, 1)))
        self.logits = nn.Conv2d(head, 1, 1)

    def forward(self, x):
        h = self.first(x)
        for reduce, conv, expand in zip(self.reduce, self.conv, self.expand):
            h = h + expand(F.relu(conv(F.relu(reduce(F.relu(h))))))
        for head in self.head:
            h = head(F.relu(h))
        return self.logits(F.relu(h))

    def named_convolutions(self):
        """(name as in npixel's params, module)"""
        yield "first", self.first
        for name in ("reduce", "conv", "expand", "head"):
            for n, module in enumerate(getattr(self, name)):
                yield f"{name}{n}", module
        yield "logits", self.logits

    def load(self, params):
        """Take over the weights of an npixel model: params[name].w (K*K, C, D) and .b (D,)."""
        with torch.no_grad():
            for name, module in self.named_convolutions():
                rows, K = module.weight.shape[2:]
                w = torch.from_numpy(params[name].w)
                w = w.reshape(-1, K, *w.shape[1:])[:rows]                  # (rows, K, C, D)
                module.weight.copy_(w.permute(3, 2, 0, 1))
                module.bias.copy_(torch.from_numpy(params[name].b))
        return self


def loss(logits, x):
    """Negative log-likelihood in nats per image, the mean over the batch."""
    return F.binary_cross_entropy_with_logits(logits, x, reduction="sum") / len(x)
