"""npixel sample: images, drawn pixel by pixel.

Read first: ../sampling.py, drawing.py.
"""

from pathlib import Path

import numpy as np

import npixel
from npixel import plots, sampling

from .drawing import (add_class, add_drawing, check_size, class_labels, draw, is_picture, out_of,
                      say_drawn)
from .shared import add_file, seed_of, shape_words, size


def add_arguments(verbs):
    parser = verbs.add_parser("sample", help="generate images",
                              description="Generate images pixel by pixel.")
    add_file(parser)
    parser.add_argument("-n", type=int, default=25, help="number of images (default 25)")
    parser.add_argument("--size", type=size, metavar="HxW",
                        help="of a density: height and width (default: those of the images it was "
                             "trained on)")
    parser.add_argument("--clip", action="store_true",
                        help="of a density: bring every number into [0, 1] as soon as it is drawn, "
                             "for models that run away from there")
    add_class(parser, "each in turn")
    add_drawing(parser, "samples")
    parser.set_defaults(call=_sample)


def _sample(arguments):
    out, n = out_of(arguments, "samples", []), arguments.n
    model = npixel.load(arguments.file)
    rng = np.random.default_rng(seed_of(arguments))
    if n < 1:
        raise ValueError(f"-n: n must be a positive integer, is {n}")
    density = model.name in npixel.DENSITIES
    if not density and (arguments.size is not None or arguments.clip):
        raise ValueError(f"--size and --clip are for densities ({', '.join(npixel.DENSITIES)}); "
                         f"this {model.name} draws {shape_words(model.image_shape)} images")
    H, W, C = model.image_shape
    shape = (H, W, C) if arguments.size is None else (*arguments.size[:2], C)
    dtype = np.float64 if density else np.min_scalar_type(model.levels - 1)
    check_size(out, n, shape, dtype, f"-n {n}")
    return (_density if density else _levels)(model, arguments, rng, out, shape, dtype)


def _levels(model, arguments, rng, out, shape, dtype):
    n, classes = arguments.n, getattr(model.config, "classes", 0)
    labels = class_labels(model, arguments, n, np.arange(n) % classes if classes else None)
    some = None if labels is None else labels[:1]
    chunk = sampling.images_per_chunk(model, shape, naive=arguments.naive, condition=some)

    def one_chunk(part, progress):
        return model.sample(part.stop - part.start, rng, naive=arguments.naive, progress=progress,
                            condition=None if labels is None else labels[part])

    drawn = draw(arguments, out, n, shape, dtype, chunk, one_chunk)
    labels = None if labels is None else labels[:drawn.n]
    if is_picture(out):
        images = drawn.images()
        by_class = labels is not None and arguments.label is None
        rows = {str(k): images[labels == k] for k in np.unique(labels)} if by_class else images
        plots.save(plots.samples(rows, levels=model.levels, title=_title(arguments, drawn)), out)
    else:
        more = {} if labels is None else {"labels": labels}
        drawn.write_npz(out, "npixel samples", levels=model.levels, **more)
    return say_drawn(arguments, out, drawn, n)


def _density(model, arguments, rng, out, shape, dtype):
    """Real-valued images: whole in an .npz, of scale [0, 1) and not clipped; a picture shows what
    is below 0 as black and above 1 as white.
    """
    class_labels(model, arguments, arguments.n, None)
    around = model.drawn_shape(*shape[:2])
    chunk = sampling.images_per_chunk(model.of_size(*around[:2]), around, naive=arguments.naive)

    def one_chunk(part, progress):
        return model.sample(part.stop - part.start, rng, size=shape[:2], naive=arguments.naive,
                            limits=(0, 1) if arguments.clip else None, progress=progress)

    drawn = draw(arguments, out, arguments.n, shape, dtype, chunk, one_chunk)
    if is_picture(out):
        shown = np.clip(drawn.images() * 256, 0, 255).astype(np.uint8)
        plots.save(plots.samples(shown, levels=256, title=_title(arguments, drawn)), out)
    else:
        drawn.write_npz(out, "npixel samples")
    return say_drawn(arguments, out, drawn, arguments.n)


def _title(arguments, drawn):
    return f"{drawn.n} samples of {Path(arguments.file).name}"
