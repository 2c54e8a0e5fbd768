"""PixelCNN++ trained here and in PyTorch, side by side: the losses, and bits of held-back images.

    python tests/oracles/train_pixelcnn_pp.py --steps 20 --dtype float64
                       the losses agree step by step
    python tests/oracles/train_pixelcnn_pp.py --minutes 20
                       as many steps as npixel makes in that time; both are evaluated

Both begin with the same weights. They see the same batches and dropout masks.

    data          any that npixel knows (default cifar10). Training is on its training split,
                  evaluation on its held-back `valid` split
    optimizer     the authors': Adam, b1 0.95, b2 0.9995, 1e-8 inside the root; the rate of a step
                  is 1e-3 · 0.999995^step
    evaluated     the weights averaged with 0.9995; from the start in a growing window

PyTorch is the oracle of torch_pixelcnn_pp.py. Numbers are compared, not speed.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]

import npixel  # noqa: E402
from npixel import data as npixel_data  # noqa: E402
from npixel.layers import dropout  # noqa: E402
from npixel.models import pixelcnn_pp  # noqa: E402
from npixel.optimizers import averaging  # noqa: E402
from npixel.training import Rule  # noqa: E402
from oracles import torch_pixelcnn_pp as oracle  # noqa: E402

torch = oracle.torch
RULE = Rule("adam", {"b1": 0.95, "b2": 0.9995, "eps": 0.0, "root_eps": 1e-8}, average=0.9995)


def masks(config, n, rng, dtype):
    """The dropout masks of one step, as pixelcnn_pp.forward draws them from this generator."""
    drawn = {}
    for name, layer in pixelcnn_pp.layers(config):
        if name.endswith("_conv2") and config.dropout:
            shape = n, *layer.size(config.image_shape[:2]), layer.C
            mask = dropout.draw(rng, shape, rate=config.dropout, dtype=dtype)
            drawn[name.removesuffix("_conv2")] = mask
    return drawn


def batches(images, batch, seed, steps):
    rng = np.random.default_rng(seed)
    for _ in range(steps):
        yield images[rng.choice(len(images), batch, replace=False)]


def rate(step):
    return 1e-3 * 0.999995**step


def train_ours(model, images, batch, seed, steps, tell):
    """Losses; the model is left with the averaged weights."""
    state, losses = RULE.start(model.params), []
    for step, x in enumerate(batches(images, batch, seed, steps)):
        loss, grads = model.loss_and_grads(x, rng=np.random.default_rng((seed, step)))
        RULE.step(model.params, loss, grads, state, step=step, lr=rate(step))
        losses.append(float(loss))
        tell("npixel", step, loss)
    model.params = state.average
    return losses


def train_theirs(model, images, batch, seed, steps, tell):
    """The same in PyTorch, from the model's weights, which become its averaged ones."""
    params = oracle.leaves(model)
    average = {name: [leaf.detach().clone() for leaf in weights]
               for name, weights in params.items()}
    optimizer, losses = oracle.Adam(params), []
    for step, x in enumerate(batches(images, batch, seed, steps)):
        drawn = masks(model.config, len(x), np.random.default_rng((seed, step)), model.dtype)
        loss = oracle.nll(params, x, model.config, masks=drawn)
        loss.backward()
        optimizer.step(rate(step))
        decay = averaging.decay_at(step, decay=0.9995, warm_up=True)
        with torch.no_grad():
            for name, weights in params.items():
                for a, p in zip(average[name], weights):
                    a.mul_(decay).add_(p, alpha=1 - decay)
        losses.append(loss.item())
        tell("PyTorch", step, losses[-1])
    for name, weights in average.items():
        for array, leaf in zip(model.params[name], weights):
            array[...] = leaf.numpy()
    return losses


def test_bits(model, images):
    """Bits per dimension of npixel's likelihood."""
    return float(npixel.bits_per_dim(-model.log_prob(images).mean(), model.image_shape))


def test_bits_of_pytorch(model, images, batch=16):
    """The same weights, PyTorch's likelihood."""
    with torch.no_grad():
        nats = [oracle.nll(oracle.leaves(model), part, model.config).item() * len(part)
                for part in (images[first:first + batch] for first in range(0, len(images), batch))]
    return float(npixel.bits_per_dim(sum(nats) / len(images), model.image_shape))


def parser():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", default="cifar10")
    parser.add_argument("--data-dir")
    length = parser.add_mutually_exclusive_group(required=True)
    length.add_argument("--steps", type=int)
    length.add_argument("--minutes", type=float,
                        help="of npixel's training; PyTorch makes as many steps")
    numbers = {"hidden": 24, "layers": 1, "mixtures": 5, "batch": 16, "seed": 0}
    for field, default in numbers.items():
        parser.add_argument(f"--{field}", type=int, default=default)
    parser.add_argument("--dropout", type=float, default=0.5)
    parser.add_argument("--dtype", default="float32", choices=["float32", "float64"])
    parser.add_argument("--evaluate", type=int, metavar="N",
                        help="held-back images (default all; 0: none)")
    parser.add_argument("--json", metavar="FILE")
    return parser


def start(a, data):
    """A model before its first step."""
    model = npixel.build("pixelcnn_pp", image_shape=data.image_shape, levels=data.levels,
                         seed=a.seed, dtype=a.dtype, hidden=a.hidden, layers=a.layers,
                         mixtures=a.mixtures, dropout=a.dropout)
    model.init_from_data(data.train, np.random.default_rng(a.seed))
    return model


def steps_in(minutes, model, images, batch, seed):
    """How many steps of npixel fit into so many minutes."""
    train_ours(model, images, batch, seed, 2, lambda *_: None)             # compiles
    before = time.monotonic()
    train_ours(model, images, batch, seed, 5, lambda *_: None)
    return max(1, int(60 * minutes / ((time.monotonic() - before) / 5)))


def main(arguments=None):
    a = parser().parse_args(arguments)
    data = npixel_data.load(a.data, data_dir=a.data_dir)
    ours, theirs = start(a, data), start(a, data)
    print(f"{ours.num_parameters:,} parameters, {a.dtype}, {len(data.train):,} images of "
          f"{data.name}, batches of {a.batch}")
    steps = a.steps
    if steps is None:
        steps = steps_in(a.minutes, start(a, data), data.train, a.batch, a.seed)
        print(f"{steps} steps in {a.minutes:g} minutes")
    began = time.monotonic()

    def tell(who, step, loss):
        if steps <= 40 or step % (steps // 20) == 0:
            print(f"{who:<8} step {step:>6}  {time.monotonic() - began:8.1f} s  "
                  f"{npixel.bits_per_dim(loss, data.image_shape):.12f} bits per dimension",
                  flush=True)

    run = data.train, a.batch, a.seed, steps, tell
    losses = train_ours(ours, *run), train_theirs(theirs, *run)
    apart = [abs(one - other) / abs(other) for one, other in zip(*losses)]
    report = {"parameters": ours.num_parameters, "steps": steps, "losses": losses[0],
              "losses_of_pytorch": losses[1], "largest_difference": max(apart),
              "largest_difference_of_20_steps": max(apart[:20])}
    print(f"the losses differ by at most {max(apart[:20]):.1e} of themselves in the first 20 "
          f"steps, {max(apart):.1e} in all")
    if a.evaluate != 0:
        held_back = data.valid[:a.evaluate]
        report |= {"held_back": len(held_back), "bits": test_bits(ours, held_back),
                   "bits_of_pytorch": test_bits_of_pytorch(theirs, held_back)}
        print(f"{len(held_back):,} images held back: npixel {report['bits']:.4f}, "
              f"PyTorch {report['bits_of_pytorch']:.4f} bits per dimension")
    if a.json:
        Path(a.json).write_text(json.dumps(report, indent=1))
    return report


if __name__ == "__main__":
    main()
