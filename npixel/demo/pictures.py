"""The demo's pictures, drawn from what was trained and measured.

Read first: ../plots.py, __init__.py.
"""

import math
from pathlib import Path

import numpy as np

from .. import measure, plots

NAMES = ("samples", "classes", "completions", "receptive_field", "bits_per_pixel",
         "predicted_levels", "learning_curves", "strip")                   # of the pictures, without .png
STRIP = "pixelcnn"                                     # the model of the strip of four small pictures
LABEL = 3                                              # the digit that is looked at closely
FIELD_AT = (6, 1, 0)                                   # whose receptive field is drawn: near the left edge, where blind spots are large


def draw(folder, data, runs, curves, conditional, *, seed, progress):
    """Write every picture; the list of their paths.

    data      the digits
    runs      {model name: (model trained on the digits, (S, S) measured dependencies, (S, S) visible)}
    curves    {data name: ({model name: (steps, nats)}, {words: nats to draw a line at})}
    conditional   {class: (n, H, W, C) images drawn for it}, or None
    """
    folder = Path(folder)
    levels, written = data.levels, []

    def save(figure, name):
        assert name in NAMES                           # what the command looks for before it begins
        path = folder / f"{name}.png"
        plots.save(figure, path)
        written.append(str(path))
        progress(f"wrote {path}")

    rng = np.random.default_rng(seed)
    H, W, C = data.image_shape
    uniforms = rng.random((12, H, W, C))               # the same for all models
    images = {"test images": data.test[:12]} | {name: model.sample(12, uniforms=uniforms) for name, (model, *_) in runs.items()}
    save(plots.samples(images, levels=levels, title=f"Real images, and samples of each model ({data.name}, {H}x{W}, {levels} levels)"), "samples")

    if conditional is not None:
        save(plots.samples(conditional, levels=levels, title="Drawn by a model that was told which digit"), "classes")

    given, known = data.test[:12], np.zeros((H, W, C), bool)
    known[:H // 2] = True
    done = {name: model.complete(given, known, uniforms=uniforms) for name, (model, *_) in runs.items()}
    save(plots.completions(given, known, done | {"the image": given}, levels=levels, title="The lower half, drawn given the upper half"), "completions")

    index = np.ravel_multi_index(FIELD_AT, (H, W, C))
    panels = {name: (FIELD_AT, seen[index].reshape(H, W, C), measured[index].reshape(H, W, C), measure.past(model, FIELD_AT))
              for name, (model, measured, seen) in runs.items()}
    save(plots.receptive_fields(panels, title=f"What the prediction of row {FIELD_AT[0]}, column {FIELD_AT[1]} depends on: measured, beside theory"),
         "receptive_field")

    image = data.test[np.flatnonzero(data.test_labels == LABEL)[:1]]                 # (1, H, W, C)
    bits = {name: -model.log_prob(image, per="subpixel")[0] / math.log(2) for name, (model, *_) in runs.items()}
    save(plots.bits_per_pixel(image[0], bits, levels=levels, title="What each pixel costs, given those before it"), "bits_per_pixel")

    predictions = {name: np.exp(model.log_conditionals(image)[0]) for name, (model, *_) in runs.items()}           # (H, W, C, L)
    places = uncertain_places(list(predictions.values()))
    save(plots.predicted_distributions(image[0], places, {name: np.array([p[place] for place in places]) for name, p in predictions.items()},
                                       levels=levels, title=f"Predicted distribution over the {levels} levels, where it is widest"), "predicted_levels")

    save(plots.learning_curves(curves, x_label="steps", logarithmic=True, title="Validation loss"), "learning_curves")
    name = STRIP if STRIP in runs else list(runs)[-1]
    save(plots.strip(data.test[:16], runs[name][0].sample(16, rng), panels[name], bits[name], levels=levels, name=name), "strip")
    return written


def uncertain_places(predictions, count=4):
    """In each of `count` bands of rows, the sub-pixel whose distribution has the largest entropy, averaged over models.

    predictions   a list of (H, W, C, L) probabilities
    returns       [(row, column, channel), ...]
    """
    p = np.maximum(np.stack(predictions), 1e-300)
    entropy = -(p * np.log(p)).sum(axis=-1).mean(axis=0)                             # (H, W, C)
    places = []
    for band in np.array_split(np.arange(len(entropy)), min(count, len(entropy))):
        row, column, channel = np.unravel_index(entropy[band].argmax(), entropy[band].shape)
        places.append((int(band[0] + row), int(column), int(channel)))
    return places
