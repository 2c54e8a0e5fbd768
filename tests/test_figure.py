"""What plots return is shown by a notebook, belongs to no window, and can be kept."""

import copy
import pickle
import re
import struct
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="matplotlib is not installed: pictures are skipped")

import mdp  # noqa: E402
import npixel.plots  # noqa: E402
from mdp import plots as mdp_plots  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]


def pictures():
    """One of each package."""
    images = np.random.default_rng(0).integers(0, 2, (6, 4, 4, 1))
    m = mdp.problems.student()
    return [npixel.plots.samples(images, levels=2), mdp_plots.transition_graph(m)]


@pytest.mark.parametrize("which", [0, 1], ids=["npixel", "mdp"])
def test_a_notebook_shows_a_picture(which):
    figure = pictures()[which]
    png = figure._repr_png_()                          # what IPython asks an object for
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">2I", png[16:24])   # of the header, IHDR
    inches = figure.get_size_inches() * figure.dpi
    assert abs(width - inches[0]) <= 1 and abs(height - inches[1]) <= 1


def test_a_notebook_takes_the_picture_before_the_words():
    formatters = pytest.importorskip("IPython.core.formatters", reason="IPython is not installed")
    for figure in pictures():
        shown, _ = formatters.DisplayFormatter().format(figure)
        assert shown["image/png"][:4] == b"\x89PNG"


def test_a_figure_can_be_copied_and_pickled():
    for figure in pictures():
        for other in (copy.deepcopy(figure), pickle.loads(pickle.dumps(figure))):
            assert other._repr_png_() == figure._repr_png_()


def test_every_picture_of_both_packages_is_such_a_figure():
    makers = [path.relative_to(ROOT).as_posix() for package in ("npixel", "mdp")
              for path in sorted((ROOT / package).rglob("*.py"))
              if re.search(r"import (Figure\b|matplotlib\.pyplot|pyplot)", path.read_text())]
    assert makers == ["npixel/runtime/figure.py"]


def test_a_dollar_sign_in_a_name_is_shown_and_powers_of_ten_are_set_as_powers():
    figure = npixel.runtime.figure.figure(3.0, 2.0)
    axes = figure.add_subplot()
    axes.semilogy([1, 2, 3], [1e-6, 1.0, 1e6])
    axes.set_title("cost in $ and $")
    axes.set_xticks([1, 2], ["$a$", "b"])
    figure._repr_png_()
    assert not axes.title.get_parse_math()
    assert not any(label.get_parse_math() for label in axes.get_xticklabels())
    powers = [label for label in axes.get_yticklabels() if label.get_text().startswith("$")]
    assert len(powers) > 3 and all(label.get_parse_math() for label in powers)
