"""What is printed, and what is written.

One aligned table per family and the list of what falls short are printed. The JSON file is written.

Read first: runner.py.  Read next: plots.py, cli.py.
"""

import json

from npixel.runtime.command import json_of
from npixel.runtime.whole_file import write_text

COLUMNS = ("implementation", "median", "spread", "rate", "of ceiling", "memory", "ratio",
           "interval", "target")
LEFT = {0, 8}                                          # columns set flush left
RATES = {"float32": "sgemm", "float64": "dgemm"}       # the ceiling of a row that counts flops


def head(environment, ceilings, effort):
    """The lines above the tables: the machine, the libraries, the ceilings, how to read on."""
    packages = ", ".join(f"{name} {version}" for name, version in environment["packages"].items())
    load = " ".join(f"{value:.2f}" for value in environment["load"] or ())
    return [
        f"{environment['processor']}, {environment['cores']} processors, {environment['threads']} "
        "threads per implementation",
        f"{environment['date']}, load average {load or 'unknown'}",
        f"Python {environment['python']}, {packages}",
        *(f"  {library}" for library in environment["blas"]),
        "ceilings: "
        + ", ".join(f"{name} {one['value']:.3g} {one['unit']}" for name, one in ceilings.items()),
        f"ratio: time over that of the first line of the row, the median of up to {effort.rounds} "
        "rounds A B B A; interval: order statistics "
        "around it, at least 95 % from 6 rounds on",
        "  ! and ?: other programs kept the machine busy in too many rounds; spread: half the "
        "quartile distance of one implementation's timings;",
        "  memory: what one call adds at its peak; of ceiling: the best sgemm (float64: dgemm) or "
        "triad measured so far.",
    ]


def table(family, results, ceilings):
    """The family's rows as lines of text."""
    layout = Layout(family, [result.row for result in results], peers=True)
    return layout.head() + [line for result in results for line in layout.lines(result, ceilings)]


class Layout:
    """A family's table, line by line: how wide columns are is known beforehand."""

    def __init__(self, family, rows, peers):
        self.title = f"{family.NAME}: {family.TITLE}"
        shown = [one for row in rows for one in row.implementations if peers or one.role != "peer"]
        rates = any(row.flops or row.bytes for row in rows)
        others = any(row.images for row in rows) or not all(one.compared for one in shown)
        self.widths = [max(len(name) for name in (COLUMNS[0], *(one.name for one in shown))), 8, 6,
                       20 if others else 10 if rates else 0, 10 if rates else 0,
                       18 if any(row.storage for row in rows) else 8,
                       *((8, 18) if len(shown) > len(rows) else (0, 0)),
                       10 if any(row.targets for row in rows) else 0]

    def head(self):
        """Title and the names of the columns."""
        return [self.title, "=" * len(self.title), _align(COLUMNS, self.widths)]

    def lines(self, result, ceilings):
        """One row."""
        row = result.row
        lines = [f"{row.name}    {row.call}, {row.shapes}, {row.dtype}"]
        if result.failed:
            return [*lines, f"  FAILED, not timed: {result.error}"]
        verdicts = {id(measured): (target, met)
                    for target, measured, met in result.verdicts() if measured}
        for measured in result.measured:
            if measured.error:
                lines.append(f"  {measured.name.ljust(self.widths[0])}  {measured.error}")
            else:
                cells = _cells(row, measured, ceilings, verdicts.get(id(measured)))
                lines.append(_align(cells, self.widths))
        return [*lines, f"  {row.note}"] if row.note else lines


def _cells(row, measured, ceilings, verdict):
    extrapolated = "~" if measured.scale != 1 else ""
    ratio = measured.ratio
    doubt = "?" if measured.disturbed else ""
    target = f"{verdict[0].ratio:g} {'met' if verdict[1] else 'SHORT'}{doubt}" if verdict else ""
    return (measured.name, extrapolated + seconds(measured.median),
            f"{100 * measured.spread:.0f} %", *_rate(row, measured, ceilings),
            f"{measured.memory / 1e6:.0f} MB"
            + (f", {measured.memory / row.storage:.2f} x" if row.storage else ""),
            f"{extrapolated}{ratio.median:.2f}" if ratio else "",
            f"[{ratio.lower:.2f}, {ratio.upper:.2f}]{'!' if measured.disturbed else ' '}"
            if ratio else "", target)


def _rate(row, measured, ceilings):
    """(rate, of ceiling): GF/s or GB/s and the percentage of the ceiling, or the time per image.

    For an implementation of another quantity: how many of it take the time of one of ours.
    """
    if measured.other_quantity:
        return f"ours = {1 / measured.ratio.median:.3g} of it", ""
    if row.flops:
        value, unit = row.flops / measured.median / 1e9, "GF/s"
        ceiling = ceilings[RATES[row.dtype]]["value"]
    elif row.bytes:
        value, unit, ceiling = row.bytes / measured.median / 1e9, "GB/s", ceilings["triad"]["value"]
    elif row.images:
        return f"{seconds(measured.median / row.images)} / image", ""
    else:
        return "", ""
    return f"{value:.3g} {unit}", f"{100 * value / ceiling:.0f} %"


def seconds(value):
    """Three figures with a unit.

    >>> seconds(0.01234), seconds(75.0)
    ('12.3 ms', '75 s')
    """
    for unit, size in (("s", 1), ("ms", 1e-3), ("us", 1e-6)):
        if value >= size:
            break
    value /= size
    whole = value >= 99.95 or (unit == "s" and value >= 10)
    return f"{value:.0f} {unit}" if whole else f"{value:.3g} {unit}"


def _align(cells, widths):
    return ("  " + "  ".join(cell.ljust(width) if i in LEFT else cell.rjust(width)
                             for i, (cell, width) in enumerate(zip(cells, widths))
                             if width)).rstrip()


def shortfalls(families):
    """One line per failed row, per target missed, and per target that a busy machine leaves open.

    families   pairs (family, results)
    """
    lines = []
    for family, results in families:
        for result in results:
            where = f"{family.NAME}/{result.row.name}"
            if result.failed:
                lines.append(f"FAILED {where}: {result.error}")
                continue
            for target, measured, met in result.verdicts():
                if not measured or (met and not measured.disturbed):
                    continue
                word = "UNSURE" if measured.disturbed else "SHORT"
                line = (f"{word} {where}: {measured.ratio.median:.2f} x {measured.name}, "
                        f"target {target.ratio:g}")
                if measured.disturbed:
                    line += "; other programs kept the machine busy, try again when it is quiet"
                elif measured.ratio.upper >= target.ratio:
                    line += "; the target lies inside the interval"
                lines.append(line + (f" ({result.row.note})" if result.row.note else ""))
    return lines


KIND = json_of("figures of these benchmarks", format="npixel benchmarks")
# of the environment: what must be the same if a run is to go on
SAME = ("processor", "cores", "threads", "system", "python", "packages", "blas")
RATIO = ("time over that of the first implementation: median over rounds A B B A of "
         "(B + B) / (A + A); lower, upper: order statistics around it, which hold the true median "
         "with probability `coverage`")


class Sheet:
    """The JSON file of a run: everything that was measured, written whole after each row.

    path    where; None: nowhere
    kept    what read_json returned, to go on with its rows
    """

    def __init__(self, path, effort, peers, kept=None):
        self.path, self.environment, self.kept = path, None, kept
        self.effort = {"threads": effort.threads, "rounds": effort.rounds,
                       "fewest_rounds": effort.fewest, "seconds_per_pair": effort.seconds,
                       "peers": peers}
        self.ceilings = kept["ceilings"] if kept else None
        self.rows = [row for row in kept["rows"] if not row["failed"]] if kept else []

    def describe(self, environment):
        """What the machine is; ValueError if rows that are kept come from another, or effort."""
        if self.kept:
            before = self.kept["environment"] | {"effort": self.kept["effort"]}
            after = environment | {"effort": self.effort}
            for what in (*SAME, "effort"):
                if before.get(what) != after[what]:
                    raise ValueError(f"{self.path} cannot be resumed: its {what} is "
                                     f"{before.get(what)}, now it is {after[what]}")
        self.environment = environment

    def has(self, family, row):
        """True if the row was measured by the run that is resumed."""
        return any((one["family"], one["row"]) == (family.NAME, row.name) for one in self.rows)

    def add(self, family, result):
        """One more row."""
        self.rows.append(_plain_row(family, result))
        self.write()

    def write(self, complete=False):
        """The whole file or none: what was there stays until the new one is complete."""
        if self.path:
            write_json(self.path, {"format": "npixel benchmarks", "complete": complete,
                                   "environment": self.environment, "ceilings": self.ceilings,
                                   "effort": self.effort, "ratio": RATIO, "rows": self.rows})

    def left(self):
        """What a run that was stopped leaves, in words."""
        if not (self.path and self.rows):
            return ""
        return f"; {self.path} has {len(self.rows)} rows, --resume goes on"


def read_json(path):
    """What Sheet wrote.   ValueError, in one line, if it is something else"""
    try:
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
        fields = {"environment": dict, "ceilings": dict, "effort": dict, "rows": list}
        if all(isinstance(content[key], kind) for key, kind in fields.items()):
            if all({"family", "row", "failed"} <= row.keys() for row in content["rows"]):
                return content
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        pass
    raise ValueError(f"{path} has no figures of these benchmarks: it cannot be resumed")


def _plain_row(family, result):
    row = result.row
    return {
        "family": family.NAME, "row": row.name, "call": row.call, "shapes": row.shapes,
        "dtype": row.dtype, "arguments": row.arguments,
        "flops": row.flops, "bytes": row.bytes, "storage": row.storage, "images": row.images,
        "tolerance": row.tolerance, "note": row.note,
        "failed": result.failed, "error": result.error,
        "targets": [{"against": target.against, "ratio": target.ratio,
                     "met": met if measured else None}
                    for target, measured, met in result.verdicts()],
        "implementations": [_plain_measured(one) for one in result.measured],
    }


def _plain_measured(one):
    ratio = one.ratio
    return {
        "name": one.name, "role": one.role, "counts_as": one.counts_as, "error": one.error,
        "calls": one.calls, "scale": one.scale,
        "extrapolated": one.scale != 1, "relative_difference": one.difference,
        "memory_bytes": one.memory,
        "median_seconds": one.median, "spread": one.spread,
        "ratio": ratio._asdict() if ratio else None,
        "disturbed": one.disturbed, "seconds": one.seconds, "rounds": one.rounds, "busy": one.busy,
        "counted": one.counted,
    }


def write_json(path, content):
    """The whole file or none: what was there stays until the new one is complete."""
    write_text(path, json.dumps(content, indent=1, allow_nan=False) + "\n")
