"""Bars: how many times as long as ours each of the others takes, one picture per family. Needs matplotlib.

Read first: report.py.
"""

import os

COLOURS = ("#3b6ea5", "#e08214", "#5aae61", "#9970ab", "#b2182b", "#777777", "#1b7837")


def available():
    """ImportError, in one line, where there is no matplotlib."""
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise ImportError("--plot needs matplotlib: pip install 'npixel[demo]'") from None


def draw(directory, family, results):
    """Write `directory`/<family>.png; the path, or None where nothing was compared."""
    from matplotlib.figure import Figure

    bars = [(result.row, measured, met) for result in results if not result.failed for measured in result.measured if measured.ratio
            for met in [[(target, met) for target, best, met in result.verdicts() if best is measured]]]
    if not bars:
        return None
    names = list(dict.fromkeys(measured.name for _, measured, _ in bars))
    logarithmic = max(measured.ratio.median for _, measured, _ in bars) > 10
    places, place, last = [], 0.0, None
    for row, _, _ in bars:
        place += 1.0 if row is last or last is None else 1.7             # a gap between rows
        places.append(place)
        last = row
    figure = Figure(figsize=(9, 1.2 + 0.19 * (place + 1)), layout="constrained")
    axes = figure.add_subplot()
    for y, (row, measured, met) in zip(places, bars):
        ratio = measured.ratio
        axes.barh(y, ratio.median, height=0.9, color=COLOURS[names.index(measured.name) % len(COLOURS)])
        axes.plot([ratio.lower, ratio.upper], [y, y], color="black", linewidth=0.8)
        for target, _ in met:
            axes.plot([target.ratio] * 2, [y - 0.6, y + 0.6], color="black", linewidth=2)
        axes.text(max(ratio.median, ratio.upper), y, f" {ratio.median:.3g}", va="center", fontsize=6)
    rows = list(dict.fromkeys(row.name for row, _, _ in bars))
    centres = [[y for y, (row, _, _) in zip(places, bars) if row.name == name] for name in rows]
    axes.set_yticks([sum(centre) / len(centre) for centre in centres], rows, fontsize=7)
    axes.invert_yaxis()
    axes.margins(y=0.01)
    axes.axvline(1, color="black", linewidth=0.8, linestyle="--")
    if logarithmic:
        axes.set_xscale("log")
    axes.set_xlabel(f"time over that of {results[0].measured[0].name} (dashed: the same; thin line: interval; thick mark: target)", fontsize=8)
    axes.tick_params(axis="x", labelsize=7)
    for name in names:
        axes.barh([place], [0 if not logarithmic else 1e-300], color=COLOURS[names.index(name) % len(COLOURS)], label=name)
    figure.suptitle(f"{family.NAME}: {family.TITLE}", fontsize=9)
    figure.legend(loc="outside lower center", ncols=min(3, len(names)), fontsize=7)
    path = os.path.join(directory, f"{family.NAME}.png")
    figure.savefig(path, dpi=130)
    return path
