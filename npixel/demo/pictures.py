"""The demo's pictures, drawn from what was trained and measured.

Read first: plots.py, measure.py.  Read next: demo/table.py.
"""

import math
from pathlib import Path

import numpy as np

from .. import measure, plots

# names of the pictures, without .png
NAMES = ("samples", "classes", "completions", "receptive_field", "bits_per_pixel",
         "predicted_levels", "learning_curves", "strip")
STRIP = "pixelcnn"                                     # the model of the strip of four pictures
LABEL = 3                                              # the digit that is looked at closely
# whose receptive field is drawn: near the left edge, where blind spots are large
FIELD_AT = (6, 1, 0)


def draw(folder, data, runs, curves, conditional, *, seed, progress):
    """Write every picture; the list of their paths.

    data          the digits
    runs          {model name: (model trained on the digits, measured, visible)}. The last two are
                  (I, I) bool for I = H W C, as measure.dependencies and measure.visible give them
    curves        {data name: ({model name: (steps, nats)}, {words: nats to draw a line at})}
    conditional   {class: (n, H, W, C) images drawn for it}, or None
    """
    folder, written = Path(folder), []

    def save(figure, name):
        assert name in NAMES                           # what the command looks for beforehand
        path = folder / f"{name}.png"
        plots.save(figure, path)
        written.append(str(path))
        progress(f"wrote {path}")

    models = {name: model for name, (model, *_) in runs.items()}
    rng = np.random.default_rng(seed)
    _samples(save, data, models, conditional, rng.random((12, *data.image_shape)))
    panels = _fields(save, data, runs)
    bits = _close_look(save, data, models)
    save(plots.learning_curves(curves, x_label="steps", logarithmic=True, title="Validation loss"),
         "learning_curves")
    name = STRIP if STRIP in runs else list(runs)[-1]
    save(plots.strip(data.test[:16], models[name].sample(16, rng), panels[name], bits[name],
                     levels=data.levels, name=name), "strip")
    return written


def _samples(save, data, models, conditional, uniforms):
    """Samples and completions of every model from the same uniforms (n, H, W, C)."""
    n, (H, W, C), levels = len(uniforms), data.image_shape, data.levels
    images = {"test images": data.test[:n]}
    images |= {name: model.sample(n, uniforms=uniforms) for name, model in models.items()}
    title = f"Real images, and samples of each model ({data.name}, {H}x{W}, {levels} levels)"
    save(plots.samples(images, levels=levels, title=title), "samples")
    if conditional is not None:
        title = "Drawn by a model that was told which digit"
        save(plots.samples(conditional, levels=levels, title=title), "classes")
    given, known = data.test[:n], np.zeros((H, W, C), bool)
    known[:H // 2] = True
    done = {name: model.complete(given, known, uniforms=uniforms)
            for name, model in models.items()}
    title = "The lower half, drawn given the upper half"
    save(plots.completions(given, known, done | {"the image": given}, levels=levels, title=title),
         "completions")


def _fields(save, data, runs):
    """What every model sees from FIELD_AT: what plots.receptive_fields draws."""
    shape = data.image_shape
    index = np.ravel_multi_index(FIELD_AT, shape)
    panels = {name: (FIELD_AT, seen[index].reshape(shape), measured[index].reshape(shape),
                     measure.past(model, FIELD_AT))
              for name, (model, measured, seen) in runs.items()}
    title = (f"What the prediction of row {FIELD_AT[0]}, column {FIELD_AT[1]} depends on: "
             "measured, beside theory")
    save(plots.receptive_fields(panels, title=title), "receptive_field")
    return panels


def _close_look(save, data, models):
    """What every model makes of one test image; the bits of its pixels, {name: (H, W, C)}."""
    levels = data.levels
    image = data.test[np.flatnonzero(data.test_labels == LABEL)[:1]]           # (1, H, W, C)
    bits = {name: -model.log_prob(image, per="subpixel")[0] / math.log(2)
            for name, model in models.items()}
    save(plots.bits_per_pixel(image[0], bits, levels=levels,
                              title="What each pixel costs, given those before it"),
         "bits_per_pixel")
    predictions = {name: np.exp(model.log_conditionals(image)[0])              # (H, W, C, L)
                   for name, model in models.items()}
    places = uncertain_places(list(predictions.values()))
    shown = {name: np.array([p[place] for place in places]) for name, p in predictions.items()}
    title = f"Predicted distribution over the {levels} levels, where it is widest"
    save(plots.predicted_distributions(image[0], places, shown, levels=levels, title=title),
         "predicted_levels")
    return bits


def uncertain_places(predictions, count=4):
    """In each of `count` bands of rows, the sub-pixel whose distribution is widest.

    The widest is the one with the largest entropy, averaged over models.

    predictions   a list of (H, W, C, L) probabilities
    returns       [(row, column, channel), ...]
    """
    p = np.maximum(np.stack(predictions), 1e-300)
    entropy = -(p * np.log(p)).sum(axis=-1).mean(axis=0)                       # (H, W, C)
    places = []
    for band in np.array_split(np.arange(len(entropy)), min(count, len(entropy))):
        widest = entropy[band].argmax()
        row, column, channel = np.unravel_index(widest, entropy[band].shape)
        places.append((int(band[0] + row), int(column), int(channel)))
    return places
