"""npixel models: every model with its paper, its fields and its size; of one, its weights too.

Read first: commands/shared.py, commands/kinds.py.  Read next: commands/train.py.
"""

import npixel
from npixel.runtime import command

from . import kinds
from .shared import MODULES, about, own_fields, shape_words, size


def add_arguments(verbs):
    parser = verbs.add_parser("models", help="the models, their fields and their sizes",
                              description="Every model: its paper, its fields with their defaults, "
                                          "its size. Of one model also the shapes of its weights, "
                                          "with the default fields.")
    parser.add_argument("model", nargs="?", choices=MODULES, metavar="MODEL",
                        help="only this one, and what its weights are")
    parser.add_argument("--image-shape", type=size, default=(28, 28, 1), metavar="HxWxC",
                        help="for the number of parameters (default 28x28x1)")
    parser.add_argument("--levels", type=int, default=2, metavar="L", help="(default 2)")
    command.add_json(parser)
    parser.set_defaults(call=_models)


def _models(arguments):
    rows = []
    for name in MODULES if arguments.model is None else [arguments.model]:
        summary, paper = about(name)
        row = {"name": name, "about": summary, "paper": paper,
               "fields": {field.name: field.default for field in own_fields(name)},
               "parameters": None, "refused": None}
        try:
            model = npixel.build(name, image_shape=arguments.image_shape, levels=arguments.levels)
            row["parameters"] = model.num_parameters
            if arguments.model is not None:
                row["shapes"] = model.parameter_shapes()
        except (ValueError, MemoryError) as error:
            row["refused"] = str(error) or "not enough memory"
        rows.append(row)
    # a kind that takes any size says nothing about the size that was asked for
    tried = [row for row in rows if kinds.of(row["name"]).of_one_size()] or rows
    if all(row["refused"] for row in tried):
        raise ValueError(f"--image-shape {shape_words(arguments.image_shape)}, "
                         f"--levels {arguments.levels}: {tried[0]['refused']}")
    if arguments.json:
        command.print_json({"image_shape": arguments.image_shape, "levels": arguments.levels,
                            "models": rows})
        return
    print(f"Parameters are for {shape_words(arguments.image_shape)} images "
          f"of {arguments.levels} levels.")
    for row in rows:
        known = row["refused"] is None
        parameters = f"{row['parameters']:,} parameters" if known else f"refused: {row['refused']}"
        fields = ", ".join(f"{field}={value}" for field, value in row["fields"].items()) or "none"
        lines = [row["about"], *filter(None, [row["paper"]]), f"fields: {fields}", parameters]
        for weights, shapes in row.get("shapes", {}).items():
            lines.append(f"{weights:<20} " + "  ".join(f"{a} {b}" for a, b in shapes.items()))
        print("\n    ".join(["\n" + row["name"], *lines]))
