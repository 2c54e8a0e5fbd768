"""npixel sample: images, drawn pixel by pixel.

In an .npz, real-valued images have the scale [0, 1) and are not clipped. A picture shows what is
below 0 as black and what is above 1 as white.

Read first: sampling.py, commands/drawing.py, commands/kinds.py.  Read next: commands/complete.py.
"""

from pathlib import Path

import numpy as np

import npixel
from npixel import plots

from . import kinds
from .drawing import add_class, add_drawing, check_size, draw, is_picture, out_of, say_drawn
from .shared import add_file, seed_of, size


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
    shape, labels, options, about = kinds.of(model.name).wanted(model, arguments)
    check_size(out, n, shape, model.sample_dtype, f"-n {n}")
    chunk = model.images_per_chunk(shape, naive=arguments.naive,
                                   condition=None if labels is None else labels[:1])

    def one_chunk(part, progress):
        given = {} if labels is None else {"condition": labels[part]}
        return model.sample(part.stop - part.start, rng, naive=arguments.naive, progress=progress,
                            **options, **given)

    drawn = draw(arguments, out, n, shape, model.sample_dtype, chunk, one_chunk)
    labels = None if labels is None else labels[:drawn.n]
    if is_picture(out):
        images, levels = model.as_levels(drawn.images())
        if labels is not None and arguments.label is None:
            images = {str(k): images[labels == k] for k in np.unique(labels)}
        title = f"{drawn.n} samples of {Path(arguments.file).name}"
        plots.save(plots.samples(images, levels=levels, title=title), out)
    else:
        more = {} if labels is None else {"labels": labels}
        drawn.write_npz(out, "npixel samples", **about, **more)
    return say_drawn(arguments, out, drawn, n)
