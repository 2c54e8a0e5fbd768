"""Pictures, by the data they show: colours, tiles, classes of pixels, texts and bar heights.

No test compares rendered pixels.
"""

import builtins
import struct

import numpy as np
import pytest

import npixel
from npixel import measure, plots

matplotlib = pytest.importorskip("matplotlib",
                                 reason="matplotlib is not installed: the tests of pictures are "
                                        "skipped")


def digits(n, H=3, W=2, C=1, levels=4, seed=0):
    return np.random.default_rng(seed).integers(0, levels, (n, H, W, C))


def test_levels_become_grey_from_black_to_white_and_three_channels_become_colours():
    assert plots.as_rgb(np.array([[0], [1]]), 2).tolist() == [[0, 0, 0], [255, 255, 255]]
    assert plots.as_rgb(np.array([[0], [8], [16]]), 17)[:, 1].tolist() == [0, 128, 255]
    assert plots.as_rgb(np.array([[3, 0, 1]]), 4).tolist() == [[255, 0, 85]]
    with pytest.raises(ValueError, match="must have 1 or 3 channels, have 2"):
        plots.as_rgb(np.zeros((1, 2)), 2)


def test_a_mosaic_holds_every_tile_at_its_place_and_gaps_elsewhere():
    tiles = plots.as_rgb(digits(5), 4)
    picture = plots.mosaic(tiles, 3)
    assert picture.shape == (2 * 4 - 1, 3 * 3 - 1, 3)
    for i, tile in enumerate(tiles):
        top, left = i // 3 * 4, i % 3 * 3
        assert np.array_equal(picture[top:top + 3, left:left + 2], tile)
    assert (picture[3] == plots.GAP).all() and (picture[:, 2] == plots.GAP).all()
    assert (picture[4:, 6:] == plots.GAP).all()


def test_every_sub_pixel_has_the_class_that_place_theory_and_measurement_give():
    visible, measured = np.zeros((2, 3, 1), bool), np.zeros((2, 3, 1), bool)
    visible[0, 0] = measured[0, 0] = True                                  # seen
    visible[0, 1] = True                                                   # allowed, without effect
    measured[0, 2] = True                                                  # a leak in the past
    measured[1, 2] = True                                                  # a leak from the future
    classes = plots.field_classes((1, 1, 0), visible, measured)[..., 0]
    assert classes.tolist() == [[plots.SEEN, plots.UNUSED, plots.LEAK],
                                [plots.BLIND, plots.PREDICTED, plots.LEAK]]
    # the predicted pixel itself
    measured[1, 1] = True
    assert plots.field_classes((1, 1, 0), visible, measured)[1, 1, 0] == plots.LEAK


def test_colours_of_one_pixel_are_past_and_future_in_their_order():
    nothing = np.zeros((1, 2, 3), bool)
    classes = plots.field_classes((0, 1, 1), nothing, nothing)
    assert classes.tolist() == [[[plots.BLIND] * 3, [plots.BLIND, plots.PREDICTED, plots.FUTURE]]]


def test_the_receptive_field_picture_shows_the_classes_and_counts_them():
    at, visible = (1, 1, 0), np.zeros((2, 3, 1), bool)
    visible[0] = True
    figure = plots.receptive_fields({"pixelcnn": (at, visible, visible),
                                     "leaky": (at, visible, ~visible)})
    shown = [axes for axes in figure.axes if axes.images]
    assert shown[0].get_title() == "pixelcnn: sees 3 of 4\ntheory says 3"
    assert shown[1].get_title() == "leaky: sees 0 of 4\ntheory says 3, LEAKS 3"
    assert np.array_equal(shown[0].images[0].get_array(),
                          plots.field_classes(at, visible, visible)[..., 0])
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "seen" in words and "leak: seen against theory" in words


def test_samples_have_a_labelled_row_for_each_model_and_short_rows_are_filled_with_gaps():
    images = {"real": digits(3), "model": digits(2, seed=1)}
    figure = plots.samples(images, levels=4)
    axes, = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["real", "model"]
    picture = axes.images[0].get_array()
    assert np.array_equal(picture[4:7, 3:5], plots.as_rgb(images["model"][1], 4))
    assert (picture[4:, 6:] == plots.GAP).all()
    grid, = plots.samples(digits(5), levels=4).axes
    assert grid.images[0].get_array().shape == (2 * 4 - 1, 3 * 3 - 1, 3)


def test_completions_never_show_unknown_pixels_and_outline_the_drawn_part():
    given, done = digits(2), digits(2, seed=1)
    known = np.zeros((3, 2, 1), bool)
    known[0] = True
    axes, = plots.completions(given, known, {"model": done}, levels=4).axes
    picture = axes.images[0].get_array()
    assert (picture[1:3, :2] == plots.UNKNOWN).all()
    assert np.array_equal(picture[0, :2], plots.as_rgb(given[0, 0], 4))
    assert np.array_equal(picture[4:7, 3:5], plots.as_rgb(done[1], 4))
    outline = axes.collections[0].get_segments()
    # above, below, left and right of a 2 x 2 region
    assert len(outline) == 2 + 2 + 2 + 2
    assert min(y for line in outline for _, y in line) == 4 + 1 - 0.5


def test_bits_are_summed_over_colours_and_share_one_scale():
    bits = {"a": np.full((2, 2, 3), 0.5), "b": np.full((2, 2, 3), 1.0)}
    figure = plots.bits_per_pixel(digits(1, 2, 2, 3)[0], bits, levels=4)
    a, b = figure.axes[1].images[0], figure.axes[2].images[0]
    assert (a.get_array() == 1.5).all() and (b.get_array() == 3).all()
    assert a.get_clim() == b.get_clim() == (0, 3)
    assert figure.axes[2].get_title() == "b: 12.0 bits,\n3.00 a pixel"


def test_bars_are_the_probabilities_and_the_level_that_is_there_is_coloured():
    image = np.array([[[0], [2]]])
    p = np.array([[0.5, 0.25, 0.25]])
    figure = plots.predicted_distributions(image, [(0, 1, 0)], {"model": p}, levels=3)
    axes = figure.axes[1]
    assert [bar.get_height() for bar in axes.patches] == [0.5, 0.25, 0.25]
    assert [bar.get_facecolor()
            for bar in axes.patches][2] == matplotlib.colors.to_rgba(plots.OUTLINE)
    assert "it is 2: 0.250, 2.00 bits" in axes.get_title()


def test_learning_curves_show_every_curve_and_every_mark():
    figure = plots.learning_curves({"mesh": ({"a": ([1, 2], [5.0, 4.0]), "b": ([1, 2], [6.0, 3.0])},
                                             {"floor": 2.5, "worst": 9.0})}, logarithmic=True)
    axes, = figure.axes
    assert [line.get_label() for line in axes.lines] == ["a", "b", "floor", "worst"]
    assert axes.get_ylim()[0] < 2.5 and axes.get_ylim()[1] > 9 and axes.get_xscale() == "log"


def test_the_strip_shows_real_images_samples_classes_and_bits():
    real, drawn, at = digits(4), digits(4, seed=1), (1, 1, 0)
    visible = np.zeros((3, 2, 1), bool)
    visible[0] = True
    axes = plots.strip(real, drawn, (at, visible, visible), np.full((3, 2, 1), 0.5), levels=4,
                       name="model").axes
    shown = [one.images[0].get_array() for one in axes]
    assert np.array_equal(shown[0], plots.mosaic(plots.as_rgb(real, 4), 2))
    assert np.array_equal(shown[1], plots.mosaic(plots.as_rgb(drawn, 4), 2))
    assert np.array_equal(shown[2], plots.field_classes(at, visible, visible)[..., 0])
    assert (shown[3] == 0.5).all()
    assert axes[1].get_title() == "samples of model"


def test_a_picture_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    figure = plots.samples(digits(4), levels=4)
    path = tmp_path / "samples.png"
    plots.save(figure, path)
    width, height = struct.unpack(">II", path.read_bytes()[16:24])
    assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n" and width > 300 and height > 300

    def fail(*arguments, **options):
        raise OSError("disk full")

    before = path.read_bytes()
    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError):
        plots.save(figure, path)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]
    with pytest.raises(ValueError, match="something.png, is 'x.jpg'"):
        plots.save(figure, "x.jpg")


def test_without_matplotlib_one_line_names_the_extra(monkeypatch):
    real = builtins.__import__

    def without(name, *arguments, **options):
        if name.partition(".")[0] == "matplotlib":
            raise ImportError(name)
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    assert not plots.available()
    with pytest.raises(ImportError, match=r"pip install 'npixel\[demo\]'"):
        plots.samples(digits(4), levels=4)


def test_a_model_with_another_order_has_another_past():
    """In the multi-scale model a pixel of the small image comes first, also where it stands
    below."""
    model = npixel.build("multiscale_pixelrnn", image_shape=(4, 4, 1), hidden=3, layers=1, head=3)
    past = measure.past(model, (1, 1, 0))
    assert past[2, 2, 0] and past[0, 1, 0] and not past[1, 2, 0] and past.sum() == 4 + 2 + 1
    classes = plots.field_classes((1, 1, 0), past, past, past)
    assert classes[2, 2, 0] == plots.SEEN and classes[1, 2, 0] == plots.FUTURE


@pytest.mark.parametrize("name", ["x_{$y$^", "$x_{$", r"\frac$$1", "50 % of $a_1$"])
def test_names_are_shown_as_they_are(name):
    """A dollar sign begins no formula: every picture with such names is drawn, and keeps the
    words."""
    from matplotlib.text import Text

    x = np.zeros((2, 3, 3, 1), int)
    past = np.zeros((3, 3, 1), bool)
    for figure in (plots.samples(x, levels=2, title=name), plots.samples({name: x}, levels=2),
                   plots.completions(x, x == 0, {name: x}, levels=2, title=name),
                   plots.receptive_fields({name: ((0, 0, 0), past, past)}, title=name),
                   plots.bits_per_pixel(x[0], {name: x[0] + 1.0}, levels=2, title=name),
                   plots.predicted_distributions(x[0], [(0, 0, 0)], {name: [[0.5, 0.5]]}, levels=2,
                                                 title=name),
                   plots.learning_curves({name: ({name: ([1, 2], [3.0, 2.0])}, {name: 1.0})},
                                         title=name)):
        assert figure._repr_png_()[:4] == b"\x89PNG"
        shown = [text for text in figure.findobj(Text) if name in text.get_text()]
        assert shown and not any(text.get_parse_math() for text in shown)
