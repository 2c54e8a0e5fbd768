"""The figure that the pictures of both packages are drawn on. It belongs to no window.

    fig = figure(6.0, 4.0)                   # inches

As the last line of a notebook's cell it is shown as a picture, whatever backend pyplot has: IPython
asks an object for _repr_png_. Names of files, models and states are shown as they are; a dollar
sign does not begin a formula. The powers of ten on a logarithmic axis are formulas of matplotlib's
own, and stay so. matplotlib is imported when the first figure is made.

Read first: nothing.  Read next: runtime/lazy.py.
"""

import functools
import io


def figure(width, height, **options):
    """An empty matplotlib Figure of this size.

    width     inches
    height    inches
    options   of matplotlib.figure.Figure

    ImportError, in one line, if matplotlib is not installed.
    """
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError:
        raise ImportError("pictures need matplotlib: pip install 'npixel[demo]'") from None
    return _class()(figsize=(width, height), layout="constrained", **options)


@functools.cache
def _class():
    """The class of these figures. matplotlib is imported here."""
    from matplotlib.figure import Figure
    from matplotlib.text import Text
    from matplotlib.ticker import LogFormatter

    class Picture(Figure):
        """A Figure that a notebook shows as a picture, and whose words are no formulas."""

        __qualname__ = "Picture"                       # pickle asks __getattr__ below for this name

        def draw(self, renderer):
            axes = [axis for one in self.axes for axis in (one.xaxis, one.yaxis)]
            powers = {label for axis in axes if isinstance(axis.get_major_formatter(), LogFormatter)
                      for label in axis.get_ticklabels(which="both")}
            for text in self.findobj(Text):
                text.set_parse_math(text in powers)
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
