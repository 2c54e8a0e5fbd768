"""Pictures: samples, completions, receptive fields, bits per pixel, distributions, learning curves.

    figure = plots.samples({"pixelcnn": images}, levels=2)
    plots.save(figure, "samples.png")

Every function takes plain arrays and returns a matplotlib Figure that belongs to nobody else: no
global state of pyplot, no window. In a notebook it shows itself, and its texts are never read as
formulas (runtime/figure.py). What a picture shows is computed by `as_rgb`, `mosaic` and
`field_classes`. They give arrays, and these are what the tests read. Matplotlib comes with the
extra npixel[demo] and is imported when the first figure is made.

Read first: nothing.  Read next: runtime/figure.py, demo/pictures.py.
"""

import io
import math
import textwrap

import numpy as np

from .runtime import figure as figures
from .runtime.whole_file import write_whole

GAP = np.array((255, 255, 255), np.uint8)              # between the tiles of a mosaic
UNKNOWN = np.array((233, 168, 92), np.uint8)           # a pixel that is not given
OUTLINE = "#d9731a"                                    # around the part that was drawn
COLOURS = ("#3b6ea5", "#d9731a", "#4c9a5b", "#8a63a8", "#b3323e", "#6d6d6d", "#00868b", "#a07c00",
           "#c25f96", "#5b4636", "#1f1f1f")

# what a pixel is to the one that is predicted, in the order of their numbers: its colour, and words
# for the legend
FIELD = {
    "future": ("#e6e6e6", "not generated yet"),
    "seen": ("#3b6ea5", "seen"),
    "blind": ("#d9731a", "blind spot: in the past, not seen"),
    "unused": ("#b7cbe2", "seen in theory, no effect measured"),
    "leak": ("#c2185b", "leak: seen against theory"),
    "predicted": ("#1f1f1f", "predicted"),
}
FUTURE, SEEN, BLIND, UNUSED, LEAK, PREDICTED = range(len(FIELD))


def available():
    """True if matplotlib is installed."""
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        return False
    return True


def save(figure, path):
    """Write a figure as PNG, whole or not at all.

    ValueError if the name does not end in .png; FileNotFoundError if its folder does not exist.
    """
    if not str(path).lower().endswith(".png"):
        raise ValueError(f"a picture must be called something.png, is {str(path)!r}")
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=150)
    write_whole(path, lambda file: file.write(picture.getbuffer()))


# what the pictures show, as arrays


def as_rgb(images, levels):
    """Levels as colours: 0 is black, L - 1 white; three channels are red, green and blue.

    images    (..., C) integers in [0, L), C = 1 or 3
    returns   (..., 3) uint8

    ValueError for another number of channels.

    >>> as_rgb(np.array([[0], [1], [3]]), 4)[:, 0].tolist()
    [0, 85, 255]
    """
    images = np.asarray(images)
    if images.shape[-1] not in (1, 3):
        raise ValueError(f"pictures must have 1 or 3 channels, have {images.shape[-1]}")
    grey = np.rint(images * (255 / (levels - 1))).astype(np.uint8)
    return np.broadcast_to(grey, (*images.shape[:-1], 3)).copy()


def mosaic(tiles, columns):
    """Tiles in rows of `columns`, one pixel of GAP between them.

    tiles     (n, H, W, 3) uint8
    returns   (rows (H+1) - 1, columns (W+1) - 1, 3) uint8; places without a tile are GAP
    """
    n, H, W, _ = tiles.shape
    rows = -(-n // columns)
    picture = np.empty((rows * (H + 1) - 1, columns * (W + 1) - 1, 3), np.uint8)
    picture[:] = GAP
    for i, tile in enumerate(tiles):
        top, left = i // columns * (H + 1), i % columns * (W + 1)
        picture[top:top + H, left:left + W] = tile
    return picture


def field_classes(at, visible, measured, past=None):
    """What every sub-pixel is to the prediction at one place.

    at         (row, column, channel)
    visible    (H, W, C) bool: what theory lets the prediction depend on (Model.visible_past)
    measured   (H, W, C) bool: what changed it
    past       (H, W, C) bool: what is generated before it; by default in raster order
    returns    (H, W, C) int: FUTURE, SEEN, BLIND, UNUSED, LEAK or PREDICTED

    A leak is any effect that theory excludes, in the past too. The place itself is PREDICTED, or
    LEAK if it changed its own prediction.
    """
    visible, measured = np.asarray(visible, bool), np.asarray(measured, bool)
    past = _before(at, visible.shape) if past is None else past
    classes = np.where(past, BLIND, FUTURE)
    classes[visible & ~measured] = UNUSED
    classes[visible & measured] = SEEN
    classes[tuple(at)] = PREDICTED
    classes[measured & ~visible] = LEAK
    return classes


def _before(at, shape):
    """(H, W, C) bool: what comes before `at` in raster order."""
    return (np.arange(math.prod(shape)) < np.ravel_multi_index(tuple(at), shape)).reshape(shape)


# pictures


def samples(images, *, levels, title="", columns=None):
    """Images side by side.

    images    integers in [0, levels): {label: (n, H, W, C)} makes one row for each label, and
              (n, H, W, C) is wrapped into a grid
    columns   of the grid; by default as many as rows
    """
    if not isinstance(images, dict):
        columns = columns or math.ceil(math.sqrt(len(images)))
        return _mosaic_figure(mosaic(as_rgb(images, levels), columns), title=title)[0]
    columns, tiles = _rows_of_tiles(images, levels)
    H = tiles.shape[1]
    figure, axes = _mosaic_figure(mosaic(tiles, columns), title=title, labels=True)
    _label_rows(axes, images, H)
    return figure


def completions(given, known, completed, *, levels, title=""):
    """What was given, and below it, column by column, how it was completed.

    The unknown part is coloured where it was given, and outlined where it was completed.

    given       (n, H, W, C); unknown entries are not read
    known       bool, broadcastable to it
    completed   {label: (n, H, W, C)}, one row each
    """
    given = np.asarray(given)
    # a pixel is known if all its colours are
    known = np.broadcast_to(known, given.shape).all(axis=-1)                   # (n, H, W)
    first = as_rgb(np.where(known[..., None], given, 0), levels)
    first[~known] = UNKNOWN
    rows = {"given": given, **completed}
    columns, tiles = _rows_of_tiles(completed, levels)
    tiles = np.concatenate([_filled(first, columns), tiles])
    figure, axes = _mosaic_figure(mosaic(tiles, columns), title=title, labels=True)
    H, W = given.shape[1:3]
    _label_rows(axes, rows, H)
    for row in range(1, len(rows)):
        for column in range(len(given)):
            _outline(axes, ~known[column], row * (H + 1), column * (W + 1))
    return figure


def receptive_fields(panels, *, title=""):
    """What the prediction at one place depends on: one panel for each label.

    Colour images have one panel for each of their colours.

    panels    {label: (at, visible, measured) or (at, visible, measured, past)}, as for
              field_classes
    """
    parts = []
    for label, (at, visible, measured, *order) in panels.items():
        classes = field_classes(at, visible, measured, *order)
        past = np.count_nonzero(order[0] if order else _before(at, classes.shape))
        caption = (f"{label}: sees {np.count_nonzero(classes == SEEN)} of {past}\n"
                   f"theory says {np.count_nonzero(visible)}")
        if leaks := np.count_nonzero(classes == LEAK):
            caption += f", LEAKS {leaks}"
        for channel in range(classes.shape[2]):
            suffix = f"\nits colour {at[2]}, from colour {channel}" if classes.shape[2] > 1 else ""
            parts.append((caption + suffix, classes[..., channel]))
    figure, grid = _panels(len(parts), 2.5, 2.75, title, below=0.75)
    from matplotlib.patches import Patch

    for axes, (caption, classes) in zip(grid, parts):
        _draw_classes(axes, classes)
        axes.set_title(caption, fontsize=8)
    present = np.unique(np.concatenate([classes.ravel() for _, classes in parts]))
    handles = [Patch(color=colour, label=words)
               for i, (colour, words) in enumerate(FIELD.values()) if i in present]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, fontsize=8, frameon=False)
    return figure


def bits_per_pixel(image, bits, *, levels, title=""):
    """An image, and what each of its pixels costs under each model; one scale for all.

    image     (H, W, C)
    bits      {label: (H, W, C)}: bits of every sub-pixel, -log2 p; summed over colours
    """
    figure, grid = _panels(1 + len(bits), 2.5, 2.75, title)
    grid[0].imshow(as_rgb(image, levels), interpolation="nearest")
    grid[0].set_title("the image", fontsize=8)
    maps = {label: np.asarray(values).sum(axis=-1) for label, values in bits.items()}
    most = max(float(values.max()) for values in maps.values())
    for axes, (label, values) in zip(grid[1:], maps.items()):
        heat = axes.imshow(values, cmap="magma", vmin=0, vmax=most, interpolation="nearest")
        axes.set_title(f"{label}: {values.sum():.1f} bits,\n{values.mean():.2f} a pixel",
                       fontsize=8)
    for axes in grid:
        axes.set_xticks([])
        axes.set_yticks([])
    figure.colorbar(heat, ax=grid, shrink=0.8, pad=0.01).set_label("bits", fontsize=8)
    return figure


def predicted_distributions(image, places, probabilities, *, levels, title=""):
    """What each model expects at some places of an image, given what comes before them.

    The level that is there is coloured.

    image           (H, W, C)
    places          n triples (row, column, channel)
    probabilities   {label: (n, L)}
    """
    rows = list(probabilities)
    figure = _figure(2.4 + 2.1 * len(places), 0.9 + 1.7 * len(rows), title)
    grid = figure.subplots(len(rows), 1 + len(places), squeeze=False,
                           width_ratios=[1.25] + [1] * len(places))
    for axes, label in zip(grid[:, 0], rows):
        _numbered_image(axes, as_rgb(image, levels), places)
        axes.set_ylabel(label, fontsize=9)
    for bars, label in zip(grid[:, 1:], rows):
        for number, (place, p) in enumerate(zip(places, np.asarray(probabilities[label])), 1):
            axes, level = bars[number - 1], int(image[place])
            _distribution(axes, p, level, levels)
            colour = f", colour {place[2]}" if image.shape[2] > 1 else ""
            bits = abs(math.log2(max(p[level], 1e-300)))
            axes.set_title(f"{number}: row {place[0]}, column {place[1]}{colour}\n"
                           f"it is {level}: {p[level]:.3f}, {bits:.2f} bits", fontsize=7)
        bars[0].set_ylabel("probability", fontsize=8)
    for axes in grid[-1, 1:]:
        axes.set_xlabel("level", fontsize=8)
    return figure


def _numbered_image(axes, picture, places):
    """An image with the numbers 1, 2, ... at some of its places."""
    axes.imshow(picture, interpolation="nearest")
    for number, (row, column, _) in enumerate(places, 1):
        axes.text(column, row, str(number), color="white", fontsize=7, ha="center",
                  va="center_baseline", weight="bold",
                  bbox={"boxstyle": "circle,pad=0.15", "facecolor": OUTLINE, "edgecolor": "none"})
    axes.set_xticks([])
    axes.set_yticks([])


def _distribution(axes, p, level, levels):
    """Bars for the probabilities p (L,) of all levels, one of them coloured."""
    colours = [OUTLINE if v == level else COLOURS[0] for v in range(levels)]
    axes.bar(np.arange(levels), p, width=1.0 if levels > 32 else 0.85, color=colours)
    axes.set_xlim(-0.75, levels - 0.25)
    axes.set_ylim(0, max(1.08 * float(np.max(p)), 0.1))
    axes.set_xticks([0, (levels - 1) // 2, levels - 1] if levels > 2 else [0, 1])
    axes.tick_params(labelsize=7)


def learning_curves(panels, *, x_label="steps", logarithmic=False, title=""):
    """Loss against steps or seconds, on a logarithmic scale if asked: one panel for each entry.

    panels    {label: (curves, marks)}
    curves    {label: (x, nats)}
    marks     {words: nats}, drawn as dashed lines, such as a floor
    """
    figure, grid = _panels(len(panels), 4.2, 3.2, title)
    names = list(dict.fromkeys(name for curves, _ in panels.values() for name in curves))
    colours = {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(names)}
    for axes, (label, (curves, marks)) in zip(grid, panels.items()):
        for name, (x, nats) in curves.items():
            axes.plot(x, nats, color=colours[name], linewidth=1.2, marker=".", markersize=4,
                      label=name)
        for number, (words, nats) in enumerate(marks.items()):
            axes.axhline(nats, color="black", linewidth=0.9, label=words,
                         linestyle=("--", ":", "-.")[number % 3])
        axes.set_ylim(*_limits(curves, marks))
        if logarithmic:
            _logarithmic(axes)
        axes.set_title(label, fontsize=9)
        axes.set_xlabel(x_label, fontsize=8)
        axes.set_ylabel("nats per image", fontsize=8)
        axes.tick_params(labelsize=7)
        axes.grid(alpha=0.25)
    # the same names in all panels: one legend, beside the curves
    lines = {line.get_label(): line for axes in grid for line in axes.get_lines()}
    figure.legend(lines.values(), lines.keys(), loc="outside right center", fontsize=7)
    return figure


def _limits(curves, marks):
    """The lowest and the highest loss that a panel shows."""
    # the first tenth falls steeply and would flatten the rest
    ends = [np.asarray(nats)[len(nats) // 10:] for _, nats in curves.values()]
    high = max([*map(np.max, ends), *marks.values()])
    low = min([*map(np.min, ends), *marks.values()])
    margin = 0.06 * (high - low) or 0.5
    return low - margin, high + margin


def _logarithmic(axes):
    """A logarithmic scale with ticks at 1, 2, 5, 10, ..."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def strip(real, drawn, field, bits, *, levels, name):
    """Four small pictures in a row, for the head of a page.

    They show real images, samples, what a model sees, and what it finds hard.

    real    (n, H, W, C)
    drawn   (n, H, W, C)
    field   (at, visible, measured), as for field_classes; the first colour is shown
    bits    (H, W, C)
    name    the model's
    """
    figure = _figure(10.0, 2.65, "")
    figure.get_layout_engine().set(wspace=0.06)
    panels = figure.subplots(1, 4)
    columns = math.ceil(math.sqrt(len(real)))
    for axes, images in zip(panels, (real, drawn)):
        axes.imshow(mosaic(as_rgb(images, levels), columns), interpolation="nearest")
    _draw_classes(panels[2], field_classes(*field)[..., 0])
    panels[3].imshow(np.asarray(bits).sum(axis=-1), cmap="magma", vmin=0, interpolation="nearest")
    titles = ("real images", f"samples of {name}",
              "black: predicted. blue: seen. orange: blind spot", "bits per pixel of a digit")
    for axes, words in zip(panels, titles):
        axes.set_title(words, fontsize=8)
        axes.set_xticks([])
        axes.set_yticks([])
        for side in axes.spines.values():
            side.set_visible(False)
    return figure


def _figure(width, height, title):
    """An empty figure with a title, inches."""
    figure = figures.figure(width, height)
    if title:
        # about 13 letters to the inch
        figure.suptitle(textwrap.fill(title, int(13 * width)), fontsize=10)
    return figure


def _panels(n, width, height, title, below=0.0):
    """A figure of n equal panels, at most four in a row, and their axes in order."""
    columns = min(n, 4)
    rows = -(-n // columns)
    figure = _figure(max(columns * width, 5.0), rows * height + 0.4 + below, title)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid[n:]:
        axes.remove()
    return figure, list(grid[:n])


def _mosaic_figure(picture, *, title, labels=False):
    H, W, _ = picture.shape
    scale = min(9.0 / W, 9.0 / H)                      # the longer side is 9 inches
    width, height = W * scale + (1.1 if labels else 0.1), H * scale + (0.45 if title else 0.1)
    figure = _figure(width, height, title)
    axes = figure.add_subplot()
    axes.imshow(picture, interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set_visible(False)
    return figure, axes


def _rows_of_tiles(rows, levels):
    """The longest row's length, and all tiles with shorter rows filled up."""
    columns = max(map(len, rows.values()))
    tiles = [_filled(as_rgb(images, levels), columns) for images in rows.values()]
    return columns, np.concatenate(tiles)


def _filled(tiles, columns):
    empty = np.empty((columns - len(tiles), *tiles.shape[1:]), np.uint8)
    empty[:] = GAP
    return np.concatenate([tiles, empty])


def _label_rows(axes, rows, H):
    middles = [i * (H + 1) + (H - 1) / 2 for i in range(len(rows))]
    axes.set_yticks(middles, list(rows), fontsize=9)
    axes.tick_params(axis="y", length=0)


def _outline(axes, region, top, left):
    """Lines around the True part of `region`, whose corner stands at (top, left) of the mosaic."""
    from matplotlib.collections import LineCollection

    padded = np.pad(region, 1)
    # between rows r-1 and r, and between columns c-1 and c
    across = np.argwhere(padded[1:, 1:-1] != padded[:-1, 1:-1])
    along = np.argwhere(padded[1:-1, 1:] != padded[1:-1, :-1])
    corners = np.array([left - 0.5, top - 0.5])
    lines = [(corners + (c, r), corners + (c + 1, r)) for r, c in across]
    lines += [(corners + (c, r), corners + (c, r + 1)) for r, c in along]
    axes.add_collection(LineCollection(lines, colors=OUTLINE, linewidths=1.2), autolim=False)


def _draw_classes(axes, classes):
    """Classes (H, W) in their colours, with white lines between pixels and numbers at the sides."""
    from matplotlib.colors import ListedColormap

    colours = ListedColormap([colour for colour, _ in FIELD.values()])
    axes.imshow(classes, cmap=colours, vmin=-0.5, vmax=len(FIELD) - 0.5, interpolation="nearest")
    H, W = classes.shape
    axes.set_xticks(np.arange(W + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(H + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=0.8 if max(H, W) <= 16 else 0.3)
    axes.tick_params(which="minor", length=0)
    axes.set_xticks(range(0, W, max(1, W // 7)))
    axes.set_yticks(range(0, H, max(1, H // 7)))
    axes.tick_params(labelsize=6, length=2)
