"""The demo's table: one block for each data set, one row in it for each model.

Read first: nothing.  Read next: demo/__init__.py.
"""

ROUNDING = 1e-12                                       # digits below it depend on the processor

# heading, width, alignment
_COLUMNS = (("data", 17, "<"), ("model", 19, "<"), ("parameters", 11, ">"), ("sees", 8, ">"),
            ("steps", 7, ">"), ("test nats", 14, ">"), ("bits/dim", 10, ">"), ("floor", 9, ">"),
            ("gap", 14, ">"), ("predicted", 10, ">"), ("passes", 8, ">"))

_LEGEND = """\
sees        the share of its past that changes a prediction, measured; see below
test nats   -log p per image: mean over the test images, ± its standard error; \
bits/dim: the same per pixel
floor, gap  the source's entropy, and how far the model is above the source on the same test images
predicted   the least gap that the model's blind spot allows on blind_corner, by theory; \
a gap below it would be a leak"""

# what lectures and papers say of the models side by side, and what the masks prove: `sees` counts
# pairs that are visible for some weights
_CLAIMS = {
    "pixelcnn": (
        "full dependency field",
        "not quite: {missing:,} pairs are out of sight, most of them for good: the wedge to the "
        "upper right, at any depth"),
    "row_lstm": (
        "triangular",
        "right: {missing:,} pairs lie outside the triangle, which has no end upward and the same "
        "wedge on the right"),
    "diagonal_bilstm": (
        "full dependency field",
        "not quite: {missing:,} pairs are out of sight at any depth: the last pixel of the row "
        "above, from all but its last columns"),
    "gated_pixelcnn": (
        "no blind spot",
        "right wherever its layers reach: {missing:,} pairs are out of sight at this depth, none "
        "of them for good"),
}


def text(report):
    """The whole table and the lines below it, from the dict that `demo.run` returns."""
    lines = [_line([name for name, _, _ in _COLUMNS])]
    for key in dict.fromkeys(row["data"] for row in report["rows"]):
        lines += [_row(row) for row in report["rows"] if row["data"] == key] + [""]
    return "\n".join([*lines, *_notes(report)])


def _line(cells):
    return "".join(f"{cell:{align}{width}}"
                   for cell, (_, width, align) in zip(cells, _COLUMNS)).rstrip()


def _row(row):
    def shown(name, form):
        return "" if row[name] is None else format(row[name], form)

    gap = "" if row["gap"] is None else f"{row['gap']:.3f} ±{row['gap_standard_error']:.3f}"
    return _line([row["data"], row["model"], f"{row['parameters']:,}",
                  f"{100 * row['past_seen']:.1f} %", str(row["steps"]),
                  f"{row['nats']:.2f} ±{row['standard_error']:.2f}", f"{row['bits_per_dim']:.4f}",
                  shown("floor", ".3f"), gap, shown("predicted_gap", ".3f"),
                  "" if row["passes"] is None else str(row["passes"])])


def _notes(report):
    yield from _LEGEND.splitlines()
    other = [row["model"] for row in report["rows"] if row["same"] is False]
    yield ("passes      forward passes that naive generation makes for one image; cached "
           "generation, which makes none, drew "
           + (f"ANOTHER IMAGE: {', '.join(other)}" if other else "the same image"))
    yield ""
    for row in report["dependencies"]:
        yield (f"seen: {row['model']}, {row['measured']:,} of all {row['pairs']:,} pairs of a "
               f"pixel and one before it, {_against_theory(row)}")
    yield from _claims(report["dependencies"])
    for row in report["rows"]:
        if row["predicted_gap"] is not None:
            yield (f"blind spot: {row['model']} on {row['data']}, gap measured {row['gap']:.4f}, "
                   f"predicted {row['predicted_gap']:.4f}" + _verdict(row))
    if row := report["conditional"]:
        yield (f"given the class: {row['model']} on {row['data']}, {row['nats']:.2f} "
               f"±{row['standard_error']:.2f} nats; {100 * row['as_asked']:.0f} % of "
               f"{row['samples']} samples are as asked (nearest images: "
               f"{100 * row['classifier']:.0f} % right), {100 * row['copies']:.0f} % copies")
    for row in report["normalisation"]:
        size = f"below {ROUNDING:g}" if row["error"] < ROUNDING else f"{row['error']:.1e}"
        yield (f"normalised: {row['model']}, |sum of p over all {row['images']:,} images of "
               f"{row['shape']} - 1| is {size}, random weights, float64")


def _against_theory(row):
    if row["measured"] == row["theory"] == row["both"]:
        return "as theory has it, pair for pair"
    if row["leaks"]:
        return f"theory {row['theory']:,}, LEAKS {row['leaks']:,}"
    return f"theory {row['theory']:,}, the rest without effect in these weights"


def _claims(dependencies):
    for row in dependencies:
        if row["model"] in _CLAIMS:
            claim, verdict = _CLAIMS[row["model"]]
            missing = row["pairs"] - row["theory"]
            yield f"said of {row['model']}: \"{claim}\"; " + verdict.format(missing=missing)


def _verdict(row):
    below = row["predicted_gap"] - row["gap"]
    if below > 3 * row["gap_standard_error"]:
        return ": BELOW BY MORE THAN THREE STANDARD ERRORS, a leak"
    return ""
