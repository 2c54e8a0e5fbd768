"""Bars: how many times as long as ours each of the others takes, one picture per family.

Needs matplotlib.

Read first: report.py.  Read next: cli.py.
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

    bars = [(result, measured) for result in results if not result.failed
            for measured in result.measured if measured.ratio]
    if not bars:
        return None
    names = list(dict.fromkeys(measured.name for _, measured in bars))
    places, place = [], 0.0
    for (result, _), (before, _) in zip(bars, [bars[0], *bars]):
        place += 1.0 if result is before else 1.7                        # a gap between rows
        places.append(place)
    figure = Figure(figsize=(9, 1.2 + 0.19 * (place + 1)), layout="constrained")
    axes = figure.add_subplot()
    labelled = set()
    for y, (result, measured) in zip(places, bars):
        ratio, name = measured.ratio, measured.name
        axes.barh(y, ratio.median, height=0.9, color=COLOURS[names.index(name) % len(COLOURS)],
                  label=None if name in labelled else name)
        labelled.add(name)
        axes.plot([ratio.lower, ratio.upper], [y, y], color="black", linewidth=0.8)
        for target, best, _ in result.verdicts():
            if best is measured:
                axes.plot([target.ratio] * 2, [y - 0.6, y + 0.6], color="black", linewidth=2)
        axes.text(max(ratio.median, ratio.upper), y, f" {ratio.median:.3g}", va="center",
                  fontsize=6)
    rows = {id(result): result for result, _ in bars}
    middles = [[y for y, (other, _) in zip(places, bars) if other is result]
               for result in rows.values()]
    axes.set_yticks([sum(middle) / len(middle) for middle in middles],
                    [result.row.name for result in rows.values()], fontsize=7)
    axes.invert_yaxis()
    axes.margins(y=0.01)
    axes.axvline(1, color="black", linewidth=0.8, linestyle="--")
    if max(measured.ratio.median for _, measured in bars) > 10:
        axes.set_xscale("log")
    axes.set_xlabel(f"time over that of {results[0].measured[0].name} (dashed: the same; thin "
                    "line: interval; thick mark: target)", fontsize=8)
    axes.tick_params(axis="x", labelsize=7)
    figure.suptitle(f"{family.NAME}: {family.TITLE}", fontsize=9)
    figure.legend(loc="outside lower center", ncols=min(3, len(names)), fontsize=7)
    path = os.path.join(directory, f"{family.NAME}.png")
    figure.savefig(path, dpi=130)
    return path
