"""The figure that the pictures of both packages are drawn on: it belongs to no window.

    fig = figure(6.0, 4.0)                   # inches

As the last line of a notebook's cell it shows itself, whatever backend pyplot has there: IPython
asks an object for _repr_png_. Names of files, models and states are shown as they are: a dollar
sign begins no formula. matplotlib is imported when the first figure is made.

Read first: nothing.  Read next: runtime/lazy.py.
"""

import functools
import io


def figure(width, height, **options):
    """An empty matplotlib Figure, in inches; ImportError, in one line, without matplotlib.

    options    of matplotlib.figure.Figure
    """
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError:
        raise ImportError("pictures need matplotlib: pip install 'npixel[demo]'") from None
    return _class()(figsize=(width, height), layout="constrained", **options)


@functools.cache
def _class():
    from matplotlib.figure import Figure
    from matplotlib.text import Text

    class Picture(Figure):
        """A Figure that a notebook shows as a picture, and whose words are no formulas."""

        __qualname__ = "Picture"                       # pickle finds it by this name: __getattr__

        def draw(self, renderer):
            for text in self.findobj(Text):
                text.set_parse_math(False)
            super().draw(renderer)

        def _repr_png_(self):
            png = io.BytesIO()
            self.savefig(png, format="png")
            return png.getvalue()

    return Picture


def __getattr__(name):
    if name == "Picture":
        return _class()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
