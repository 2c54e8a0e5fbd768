"""What several verbs share: the model file, the data set that fits it, and words for sizes.

Read first: registry.py, data/command.py.  Read next: commands/drawing.py, commands/models.py.
"""

import dataclasses
import os
import re

import npixel
from npixel.data import command as data_command
from npixel.data.files import data_directory

MODULES = npixel.MODELS | npixel.DENSITIES


def add_file(parser):
    """Give a verb the trained model that it works with."""
    parser.add_argument("file", metavar="FILE.npz", help="a trained model: what npixel train wrote")


def data_for(model, arguments):
    """The data set asked for; ValueError unless it has the model's shape and levels."""
    data = data_command.load_from(arguments)
    if not model.fits(data.image_shape, data.levels):
        raise ValueError(f"{data.name} has {shape_words(data.image_shape)} images of {data.levels} "
                         f"levels, the model in {arguments.file} is for "
                         f"{shape_words(model.image_shape)} of {model.levels}")
    return data


def data_inputs(arguments):
    """Files and folders that --data reads: the path, or the folder of data sets for a name."""
    if os.path.exists(arguments.data):
        return [arguments.data]
    folder = data_directory(arguments.data_dir)
    return [] if folder is None else [folder, os.path.join(folder, arguments.data)]


def own_fields(name):
    """The fields of a model's Config that are its own: all but image_shape and levels."""
    return [field for field in dataclasses.fields(MODULES[name].Config)
            if field.name not in ("image_shape", "levels")]


def about(name):
    """What the file of a model says of it: a pair (summary, paper).

    summary   the first sentence
    paper     the start of the first paragraph that begins with authors, a title and a year; ""
              where there is none
    """
    paragraphs = [" ".join(part.split()) for part in MODULES[name].__doc__.split("\n\n")]
    summary = paragraphs[0].partition(": ")[2].rstrip(".") or paragraphs[0]
    papers = (re.match(r'[^"]{3,200}?"[^"]+"[^"]*?\b(19|20)\d\d\b', text)
              for text in paragraphs[1:])
    return summary, next((found.group() for found in papers if found), "")


def size(text):
    """HxW or HxWxC as (H, W, C), C = 1 if it is not there; ValueError for anything else."""
    parts = text.split("x")
    if len(parts) not in (2, 3) or not all(part.isascii() and part.isdigit() for part in parts):
        raise ValueError
    return tuple(map(int, parts)) if len(parts) == 3 else (*map(int, parts), 1)


size.__name__ = "HxW or HxWxC"                         # argparse: invalid HxW or HxWxC value: '28'


def shape_words(image_shape):
    """(28, 28, 1) as 28x28x1."""
    return "x".join(map(str, image_shape))


def seed_of(arguments):
    """The --seed; ValueError if it is negative."""
    if arguments.seed < 0:
        raise ValueError(f"--seed must be at least 0, is {arguments.seed}")
    return arguments.seed
