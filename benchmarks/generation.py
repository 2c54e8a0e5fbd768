"""Generation of whole images, pixel by pixel: cached beside naive.

    cached            model.sample(n, uniforms=...): each layer's new column only
    naive             model.forward (nothing kept) and a draw for each sub-pixel: timed at 20
                      positions spread over the image, extrapolated to all
    one forward pass  for the cost of an image "in forwards"

At those 20 positions the levels of both ways are compared. The naive way draws them from the same
uniforms, given the pixels that the cached way drew before.

Read first: row.py.  Read next: npixel/sampling.py.
"""

import numpy as np

from .row import Call, Implementation, Row, Target

NAME = "generation"
TITLE = "PixelCNN, 28 x 28 x 1, two levels, h = 32, 15 blocks: whole images"

H, W, HIDDEN, LAYERS = 28, 28, 32, 15
PLACES = 20                                            # at which the naive way is timed
TINY, TINY_ARGUMENTS = {"H": 6, "W": 5, "HIDDEN": 4, "LAYERS": 2}, {}


def positions():
    """Places spread over the image, in order of generation."""
    return np.linspace(0, H * W - 1, PLACES).astype(int)


def _model_and_uniforms(n):
    import npixel

    model = npixel.build("pixelcnn", image_shape=(H, W, 1), levels=2, seed=0, dtype="float32",
                         hidden=HIDDEN, layers=LAYERS)
    return model, np.random.default_rng(1).random((n, H, W, 1))


def cached(n):
    """model.sample."""
    model, uniforms = _model_and_uniforms(n)
    return Call(lambda: model.sample(n, uniforms=uniforms),
                lambda images: {"levels": images.reshape(n, H * W)[:, positions()]})


def naive(n):
    """What sample(naive=True) does at a position, at 20 of them."""
    model, uniforms = _model_and_uniforms(n)
    images = model.sample(n, uniforms=uniforms)
    later = [np.arange(H * W).reshape(H, W, 1) >= position for position in positions()]
    # (n, H, W, 1): what is known at each position
    before = [np.where(unknown, 0, images) for unknown in later]

    def run():
        drawn = []
        for known, position in zip(before, positions()):
            where = (slice(None), *divmod(int(position), W))
            drawn.append(model.draw(model.forward(known)[where], uniforms[where]))
        return drawn

    return Call(run, lambda drawn: {"levels": np.concatenate(drawn, axis=1)}, scale=H * W / PLACES)


def one_forward(n):
    """model.forward of the finished images."""
    model, uniforms = _model_and_uniforms(n)
    images = model.sample(n, uniforms=uniforms)
    return Call(lambda: model.forward(images), lambda logits: {})


def _row(n, target=None, quick=False):
    return Row(
        name=f"{n} image{'s' if n > 1 else ''} at once",
        call="model.sample",
        shapes=f"{n} x {H} x {W} x 1",
        implementations=(
            Implementation("cached", cached),
            Implementation("naive", naive, "definition"),
            Implementation("one forward pass", one_forward, "definition", compared=False),
        ),
        arguments={"n": n},
        tolerance=0.0,                                 # levels
        images=n,
        targets=(Target("naive", target),) if target else (),
        quick=quick,
        note=f"~ timed on {PLACES} of {H * W} positions and extrapolated",
    )


ROWS = (_row(16, target=50), _row(1, quick=True))
