"""npixel data: which data sets there are, what is in one, and the packed form of binarised MNIST.

    npixel data list
    npixel data info digits
    npixel data pack FOLDER --output binarized_mnist.npz

`add_arguments` hooks these below the command line; `add_data_options` and `load_from` give --data
and its options to other verbs.

Read first: data/catalogue.py.  Read next: commands/shared.py.
"""

import numpy as np

from npixel.runtime import command
from npixel.data import binarized_mnist, dead_leaves, known_entropy
from npixel.data.catalogue import NAMES, load
from npixel.data.dataset import SPLITS
from npixel.data.files import ENVIRONMENT, data_directory
from npixel.data.levels import METHODS, with_levels


def add_arguments(subparsers):
    """Add `data` with list, info and pack to the verbs of the command npixel; each sets `call`."""
    parser = subparsers.add_parser(
        "data", help="list data sets, describe one, pack binarised MNIST",
        description=__doc__.split("\n")[0])
    parser.set_defaults(
        call=lambda arguments: parser.error("must be followed by list, info or pack"))
    verbs = parser.add_subparsers(metavar="list | info | pack")

    verb = verbs.add_parser("list", help="the data sets by name, and where each was found")
    _add_data_dir(verb)
    command.add_json(verb)
    verb.set_defaults(call=_list)

    verb = verbs.add_parser(
        "info", help="shapes, levels, means, labels, source and licence of one data set")
    verb.add_argument("data", metavar="DATA", help=_DATA_HELP)
    _add_level_options(verb)
    command.add_json(verb)
    verb.set_defaults(call=_info)

    verb = verbs.add_parser("pack", help="make binarized_mnist.npz from the three .amat files")
    verb.add_argument("text", metavar="INPUT", nargs="+",
                      help="the folder of the .amat files, or the three: train valid test")
    verb.add_argument("--output", "-o", required=True, metavar="FILE.npz",
                      help="the file to write, whole or not at all")
    command.add_force(verb, "the file named by --output")
    command.add_json(verb)
    verb.set_defaults(call=_pack)


def add_data_options(parser, default=None):
    """Give a command --data and what load takes; --data is required where there is no default."""
    shown = f" (default {default})" if default else ""
    parser.add_argument("--data", default=default, required=default is None, metavar="DATA",
                        help=_DATA_HELP + shown)
    _add_level_options(parser)


def load_from(arguments):
    """The Dataset that the options of add_data_options ask for; errors as catalogue.load."""
    return _converted(load_file(arguments), arguments)


def load_file(arguments):
    """The same before its levels are converted."""
    return load(arguments.data, data_dir=arguments.data_dir, levels_are=arguments.levels_are,
                layout=arguments.layout, resize=arguments.resize, crop=arguments.crop)


def _converted(file, arguments):
    return with_levels(file, arguments.levels, arguments.binarize, arguments.data_seed)


_DATA_HELP = (f"{', '.join(NAMES)}; a source such as noisy_rule:8x8,eps=0.1; dead_leaves; "
              "or the path of a file or folder")


def _add_data_dir(parser):
    parser.add_argument("--data-dir", metavar="DIR",
                        help=f"the directory of data files (default: {ENVIRONMENT})")


def _add_level_options(parser):
    _add_data_dir(parser)
    parser.add_argument("--levels-are", type=int, metavar="L",
                        help="how many levels the file holds, where it does not say so "
                             "(default: 2 if it holds only 0 and 1, or only 0 and 255; else 256)")
    parser.add_argument("--layout", metavar="NCHW",
                        help="the axes of the arrays in an .npz file (default NHWC)")
    parser.add_argument("--resize", metavar="HxW",
                        help="make the images of this size: means over areas")
    parser.add_argument("--crop", metavar="HxW",
                        help="cut this size out of the middle, after --resize")
    parser.add_argument("--levels", type=int, metavar="L", help="requantise to L levels")
    parser.add_argument("--binarize", choices=METHODS, help="make two levels")
    parser.add_argument("--data-seed", type=int, default=0, metavar="SEED",
                        help="of stochastic binarisation (default 0)")


def _list(arguments):
    directory = data_directory(arguments.data_dir)
    rows = []
    for name, named in NAMES.items():
        path = named.locate(directory)
        rows.append({"name": name, "about": named.about,
                     "found": None if path is None else str(path), "get_it_from": named.where})
    sources = [{"name": name, "about": source.__doc__.split("\n")[0]}
               for name, source in known_entropy.SOURCES.items()]
    summary = " ".join(dead_leaves.__doc__.partition("\n\n")[0].split())
    drawn = [{"name": "dead_leaves", "about": summary.partition(": ")[2]}]
    if arguments.json:
        command.print_json({"data_dir": None if directory is None else str(directory),
                            "data": rows, "sources": sources, "drawn": drawn})
        return
    print(f"Data directory: {directory or f'none ({ENVIRONMENT} is not set)'}\n")
    for row in rows:
        print(f"{row['name']:<16} {row['about']}")
        print(f"{'':<16} {row['found'] or 'not found; get it from ' + row['get_it_from']}")
    print("\nSources of known entropy, as name:HxW[,key=value]...")
    for source in sources:
        print(f"{source['name']:<16} {source['about']}")
    print("\nDrawn images of unknown entropy, as name[:HxW[,key=value]...]")
    for row in drawn:
        print(f"{row['name']:<16} {row['about']}")


def _info(arguments):
    file = load_file(arguments)
    data = _converted(file, arguments)
    result = _described(file, data)
    if arguments.json:
        command.print_json(result)
        return
    H, W, C = data.image_shape
    print(f"{data.name}: {H}x{W}x{C}, {data.levels} levels")
    assumed = "" if file.levels_known else " (as a byte; it does not say, see --levels-are)"
    print(f"levels   of the file {file.levels}{assumed}, of the model {data.levels}: "
          f"{result['conversion']}")
    for split, row in result["splits"].items():
        _show_split(split, row, data.label_names)
    if data.entropy is not None:
        print(f"entropy  {data.entropy:.6f} nats per image: "
              "no model can have a lower expected loss")
    print(f"source   {data.source}")
    print(f"licence  {data.licence or 'not known'}")


def _described(file, data):
    """What is in a data set, as it is in the file and as it was converted: a dict."""
    splits = {}
    for split in SPLITS:
        images, labels = data.split(split)
        found, _ = file.split(split)
        splits[split] = {
            "images": len(images), "mean_level": float(images.mean()),
            "lowest_level": int(images.min()), "highest_level": int(images.max()),
            "lowest_level_in_file": int(found.min()), "highest_level_in_file": int(found.max()),
            "labels": None if labels is None else _counts(labels)}
    return {"name": data.name, "image_shape": data.image_shape, "levels": data.levels,
            "levels_in_file": file.levels, "levels_known": file.levels_known,
            "conversion": _conversion(file, data), "splits": splits,
            "label_names": data.label_names, "entropy_nats_per_image": data.entropy,
            "source": data.source, "licence": data.licence}


def _show_split(split, row, label_names):
    labels = ""
    if row["labels"] is not None:
        labels = "   images of each label: " + _shown_counts(row["labels"], label_names)
    before = f"{row['lowest_level_in_file']} to {row['highest_level_in_file']}"
    after = f"{row['lowest_level']} to {row['highest_level']}"
    levels = after if before == after else f"{before} become {after}"
    print(f"{split:<8} {row['images']:>6} images   levels {levels}   "
          f"mean level {row['mean_level']:.6f}{labels}")


def _conversion(file, data):
    """What was made of the levels of the file, in words."""
    same = all(np.array_equal(file.split(split)[0], data.split(split)[0]) for split in SPLITS)
    return "as they are" if same else data.source.removeprefix(file.source).removeprefix("; ")


MOST_LABELS = 1000                                     # labels below this are counted one by one


def _counts(labels):
    """Images of each label 0, 1, ...; where labels are large, label -> images."""
    if labels.max() < MOST_LABELS:
        return np.bincount(labels).tolist()
    return {int(label): int(n) for label, n in zip(*np.unique(labels, return_counts=True))}


def _shown_counts(counts, names):
    if isinstance(counts, dict):
        return f"{len(counts)} labels, {min(counts)} to {max(counts)}"
    names = [f"{name} " for name in names or ()] or [""] * len(counts)
    return " ".join(f"{name}{n}" for name, n in zip(names, counts))


def _pack(arguments):
    text = arguments.text[0] if len(arguments.text) == 1 else arguments.text
    files = text
    if isinstance(text, str):
        files = [f"{text}/{binarized_mnist.TEXT.format(split)}" for split in SPLITS]
    command.check_output(arguments.output, command.npz_of("packed images", *SPLITS), inputs=files,
                         force=arguments.force)
    packed = binarized_mnist.pack(text, arguments.output)
    if arguments.json:
        command.print_json({"output": arguments.output, "splits": packed})
        return
    for split, row in packed.items():
        which = "the original" if row["original"] else "not the original"
        print(f"{split:<6} {row['rows']:>6} images   {which}   sha256 of the text {row['sha256']}")
    print(f"wrote {arguments.output}")
