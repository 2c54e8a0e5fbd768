"""npixel complete: half-seen images, and what a model makes of the rest.

Read first: sampling.py, data/command.py, data/arrays.py.  Read next: plots.py.
"""

from pathlib import Path

import numpy as np

import npixel
from npixel import plots
from npixel.data import command as data_command
from npixel.data.arrays import read as read_arrays
from npixel.data.dataset import SPLITS
from npixel.evaluation import condition

from . import kinds
from .drawing import (add_class, add_drawing, check_size, class_labels, draw, is_picture, out_of,
                      say_drawn)
from .shared import add_file, data_for, data_inputs, seed_of


def add_arguments(verbs):
    parser = verbs.add_parser(
        "complete", help="complete half-seen images",
        description="Keep part of each image and draw the rest in the order of generation, each "
                    "sub-pixel given everything before it. The law is the exact conditional given "
                    "the known sub-pixels if and only if these come before all unknown ones in the "
                    "order of generation (row by row, from the left), as with --rows; with "
                    "--columns or --known, what is known further on does not influence what is "
                    "drawn before it.")
    add_file(parser)
    data_command.add_data_options(parser)
    parser.add_argument("--split", choices=SPLITS, default="test", help="(default test)")
    parser.add_argument("-n", type=int, default=8,
                        help="number of images, chosen at random (default 8)")
    parser.add_argument("--draws", type=int, default=3, help="completions of each (default 3)")
    known = parser.add_mutually_exclusive_group()
    known.add_argument("--rows", type=int, metavar="R",
                       help="keep the upper R rows (default: half of them)")
    known.add_argument("--columns", type=int, metavar="K", help="keep the left K columns")
    known.add_argument("--known", metavar="FILE.npz",
                       help="keep what is True in its array `known`, (H, W) or (H, W, C) bool")
    add_class(parser, "the label of each image")
    add_drawing(parser, "completions")
    parser.set_defaults(call=_complete)


def _complete(arguments):
    out = out_of(arguments, "completions", [*data_inputs(arguments), arguments.known])
    model = npixel.load(arguments.file)
    kinds.of(model.name).check_completes(arguments.file, model)
    for option, value in (("-n", arguments.n), ("--draws", arguments.draws)):
        if value < 1:
            raise ValueError(f"{option} must be at least 1, is {value}")
    data = data_for(model, arguments)
    images, _ = data.split(arguments.split)
    labels = class_labels(model, arguments, len(images), None)
    labels = condition(model, data, arguments.split) if labels is None else labels
    if arguments.n > len(images):
        raise ValueError(f"-n is {arguments.n}, but the {arguments.split} split has only "
                         f"{len(images)} images")
    n = arguments.n * arguments.draws
    check_size(out, n, model.image_shape, model.sample_dtype,
               f"-n {arguments.n} with --draws {arguments.draws}")
    known = _known(arguments, model.image_shape)
    rng = np.random.default_rng(seed_of(arguments))
    chosen = np.sort(rng.permutation(len(images))[:arguments.n])
    given, labels = images[chosen], None if labels is None else labels[chosen]
    chunk = model.images_per_chunk(model.image_shape, naive=arguments.naive,
                                   condition=None if labels is None else labels[:1])

    def one_chunk(part, progress):
        # the images in turn, draw by draw
        rows = np.arange(part.start, part.stop) % arguments.n
        return model.complete(given[rows], known, rng, naive=arguments.naive, progress=progress,
                              condition=None if labels is None else labels[rows])

    drawn = draw(arguments, out, n, model.image_shape, model.sample_dtype, chunk, one_chunk)
    exact = exact_conditional(known, model.order)
    if is_picture(out):
        images = drawn.images()
        firsts = range(0, drawn.n, arguments.n)
        rows = {f"draw {i + 1}": images[first:first + arguments.n]
                for i, first in enumerate(firsts)}
        plots.save(plots.completions(given, known, rows | {"the image": given}, levels=model.levels,
                                     title=f"Completions by {Path(arguments.file).name}"), out)
    else:
        more = {} if labels is None else {"labels": labels[np.arange(drawn.n) % arguments.n]}
        drawn.write_npz(out, "npixel completions", given=given, known=known, levels=model.levels,
                        **more)
    words = "the exact conditional given the known pixels" if exact else (
        "not the exact conditional: some known pixels come after unknown ones, and do not "
        "influence them")
    return say_drawn(arguments, out, drawn, n, law=words, exact=exact)


def _known(arguments, image_shape):
    """The sub-pixels to keep, (H, W, C) bool."""
    H, W, C = image_shape
    known = np.zeros(image_shape, bool)
    if arguments.known is not None:
        content = read_arrays(arguments.known)
        if "known" not in content or content["known"].dtype != bool:
            found = ", ".join(f"{key} ({array.dtype})" for key, array in content.items())
            raise ValueError(f"{arguments.known}: must have an array `known` of bools; "
                             f"it has {found or 'nothing'}")
        array = content["known"]
        if array.shape not in ((H, W), (H, W, C)):
            raise ValueError(f"{arguments.known}: known must be {(H, W)} or {(H, W, C)}, "
                             f"has shape {array.shape}")
        known[...] = array.reshape(H, W, -1)
    elif arguments.columns is not None:
        known[:, :_within("--columns", arguments.columns, W)] = True
    else:
        known[:_within("--rows", H // 2 if arguments.rows is None else arguments.rows, H)] = True
    return known


def exact_conditional(known, order):
    """True if no unknown sub-pixel comes before a known one.

    known   (H, W, C) bool
    order   (H W C, 3): row, column and channel of each sub-pixel in the order of generation
    """
    in_order = known[tuple(np.asarray(order).T)]
    return not (in_order[1:] & ~in_order[:-1]).any()


def _within(option, value, most):
    if not 0 <= value <= most:
        raise ValueError(f"{option} must be in [0, {most}], is {value}")
    return value
