"""What sample and complete share: the options, the file, and drawing in chunks.

Images are drawn a chunk at a time, as many as their states fit into memory. Each chunk goes into a
nameless file beside the output, and all of them together become the output. So a million images
need no more memory than a few, and images that are whole when Ctrl-C is pressed are kept.

Read first: sampling.py, plots.py.
Read next: commands/kinds.py, commands/sample.py, commands/complete.py.
"""

import math
import shutil
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np

from npixel import plots
from npixel.runtime import command, memory
from npixel.runtime.progress import Progress
from npixel.runtime.whole_file import write_whole

# memory for each number of a picture that is drawn
PICTURE_BYTES = 40


def add_class(parser, default):
    """Give a verb the option --class."""
    parser.add_argument("--class", type=int, metavar="K", dest="label",
                        help="of a model with classes: the class that is drawn "
                             f"(default {default})")


def class_labels(model, arguments, n, default):
    """n labels, all that of --class, or `default` without it."""
    if arguments.label is None:
        return default
    classes = getattr(model.config, "classes", 0)
    if not classes:
        raise ValueError(f"--class is for a model with classes; this {model.name} has none")
    if not 0 <= arguments.label < classes:
        raise ValueError(f"--class must be in [0, {classes}), is {arguments.label}")
    return np.broadcast_to(np.int64(arguments.label), max(n, 0))


def add_drawing(parser, what):
    """Give a verb the options of drawing: --seed, --naive, --out, --force, --quiet, --json."""
    parser.add_argument("--seed", type=int, default=0, help="(default 0)")
    parser.add_argument("--naive", action="store_true",
                        help="a whole forward pass for every sub-pixel, the definition: the same "
                             "images, slower")
    parser.add_argument("--out", metavar="FILE", help="a picture (.png) or arrays (.npz) "
                        f"(default: FILE-{what}.png, here)")
    command.add_force(parser)
    parser.add_argument("--quiet", action="store_true", help="no progress on standard error")
    command.add_json(parser)


def out_of(arguments, what, inputs):
    """The path of the images. What is wrong with it is said before anything is read or drawn."""
    out = Path(arguments.out or f"{Path(arguments.file).stem}-{what}.png")
    if out.suffix.lower() not in (".png", ".npz"):
        raise ValueError(f"--out must end in .png or .npz, is {str(out)!r}")
    kind = command.PICTURE if is_picture(out) else \
        command.npz_of(f"a file of {what} that npixel drew", "images", made_by=f"npixel {what}")
    command.check_output(out, kind, inputs=[arguments.file, *inputs], force=arguments.force)
    if is_picture(out) and not plots.available():
        raise ImportError("pictures need matplotlib: pip install 'npixel[demo]', "
                          "or --out FILE.npz for arrays")
    return out


def is_picture(out):
    """True if the file is to be a picture, not arrays."""
    return out.suffix.lower() == ".png"


def check_size(out, n, shape, dtype, words):
    """ValueError with the numbers, before anything is drawn, if n images (H, W, C) do not fit.

    words   says how many: "-n 1000000"
    """
    if is_picture(out) and shape[2] not in (1, 3):
        raise ValueError(f"pictures are drawn of 1 or 3 channels, these images have {shape[2]}: "
                         "--out FILE.npz keeps their numbers")
    numbers = n * math.prod(shape)
    if is_picture(out):
        memory.require(numbers * PICTURE_BYTES, f"the picture of {words}",
                       "draw fewer, or --out FILE.npz")
    needed, free = 2 * numbers * np.dtype(dtype).itemsize, shutil.disk_usage(out.parent).free
    if needed > free:
        raise ValueError(f"{words}: the images would take {memory.words(needed)} while they are "
                         f"written, and the disk of {out} has {memory.words(free)} free: "
                         "draw fewer")


class Drawn:
    """Images that were drawn: in a nameless file, read when they are needed."""

    def __init__(self, file, shape, dtype):
        self.file, self.shape, self.dtype = file, tuple(shape), np.dtype(dtype)
        self.n, self.seconds, self.interrupted = 0, 0.0, False

    def add(self, images):
        self.file.write(np.ascontiguousarray(images, self.dtype).data)
        self.n += len(images)

    def images(self):
        """All of them, (n, H, W, C), in memory."""
        self.file.seek(0)
        return np.fromfile(self.file, self.dtype).reshape(self.n, *self.shape)

    def write_npz(self, out, made_by, **arrays):
        """The images and other arrays as an .npz, without all of them in memory."""
        def put(archive):
            with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as members:
                with members.open("images.npy", "w", force_zip64=True) as member:
                    header = np.lib.format.header_data_from_array_1_0(np.empty(0, self.dtype))
                    header["shape"] = self.n, *self.shape
                    np.lib.format.write_array_header_1_0(member, header)
                    self.file.seek(0)
                    shutil.copyfileobj(self.file, member, 2**20)
                for name, array in (arrays | {"made_by": made_by}).items():
                    with members.open(name + ".npy", "w", force_zip64=True) as member:
                        np.lib.format.write_array(member, np.asarray(array), allow_pickle=False)
        write_whole(out, put)


def draw(arguments, out, n, shape, dtype, chunk, one_chunk):
    """Draw n images in chunks: all of them or, after Ctrl-C, those that were whole. A Drawn.

    shape       (H, W, C) of an image
    dtype       in which they are kept
    chunk       how many are drawn together
    one_chunk   called with a slice of 0 ... n and a progress; returns the images of the slice
    """
    drawn = Drawn(tempfile.TemporaryFile(dir=out.parent), shape, dtype)
    began, show = time.perf_counter(), None
    try:
        for first in range(0, n, chunk):
            part = slice(first, min(n, first + chunk))

            def progress(done, total):
                nonlocal show
                if show is None:
                    show = Progress(-(-n // chunk) * total, "place", on=not arguments.quiet)
                show.at(part.start // chunk * total + done,
                        lambda: f"{drawn.n} of {n} images whole")

            drawn.add(one_chunk(part, progress))
    except KeyboardInterrupt:
        if not drawn.n:
            raise
        drawn.interrupted = True
    finally:
        if show is not None:
            show.close()
    drawn.seconds = time.perf_counter() - began
    return drawn


def say_drawn(arguments, out, drawn, n, law=None, exact=None):
    """Report what was written; the exit status."""
    way = "naive" if arguments.naive else "cached"
    each = 1000 * drawn.seconds / drawn.n
    if arguments.json:
        report = {"out": str(out), "images": drawn.n, "seconds": drawn.seconds,
                  "milliseconds_per_image": each, "naive": arguments.naive}
        command.print_json(report if law is None else report | {"exact_conditional": exact})
    else:
        print(f"{drawn.n} images in {drawn.seconds:.2f} s, {each:.2f} ms each ({way})")
        if law:
            print(f"the law is {law}")
        print(f"wrote {out}")
    if drawn.interrupted:
        command.complain("npixel", f"interrupted: {out} holds the first {drawn.n} of {n} images")
        return command.INTERRUPTED
    return 0
