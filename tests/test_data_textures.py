"""Photographs are split as their benchmark splits them; dead leaves are discs whose law is what
their file says."""

import json

import numpy as np
import pytest
from scipy import stats

from npixel import cli
from npixel.data import dead_leaves, load


def write_photographs(path, n=14, **changes):
    rng = np.random.default_rng(0)
    content = {"gray": rng.integers(0, 256, (n, 6, 7), dtype=np.uint8),
               "rgb": rng.integers(0, 256, (n, 6, 7, 3), dtype=np.uint8),
               "split": np.array(["train"] * (n - 3) + ["val"] * 3)} | changes
    np.savez(path, **content)
    return content


def test_photographs_are_split_as_the_benchmark_does_and_come_grey_or_in_colour(tmp_path):
    content = write_photographs(tmp_path / "bsds_14.npz")
    grey, colour = load("photographs", data_dir=tmp_path), load("photographs_rgb",
                                                                data_dir=tmp_path)
    assert (len(grey.train), len(grey.valid), len(grey.test)) == (10, 1, 3)
    assert grey.image_shape == (6, 7, 1) and grey.levels == 256
    assert np.array_equal(grey.test[..., 0], content["gray"][11:])
    assert np.array_equal(colour.test, content["rgb"][11:])
    assert colour.image_shape == (6, 7, 3)
    assert np.array_equal(load(tmp_path / "bsds_14.npz").train, grey.train)
    both = np.concatenate([grey.train, grey.valid])[..., 0]
    assert sorted(map(bytes, both)) == sorted(map(bytes, content["gray"][:11]))


@pytest.mark.parametrize("changes, words",
                         [({"split": np.array(["train"] * 14)}, "both train and val"),
                          ({"split": np.array(["val"] * 3)}, r"split is \(3,\)"),
                                            ({"gray": np.zeros((14, 6, 7))}, "float64")])
def test_photographs_in_another_form_are_refused(tmp_path, changes, words):
    write_photographs(tmp_path / "bsds_14.npz", **changes)
    with pytest.raises(ValueError, match=words) as error:
        load(tmp_path / "bsds_14.npz")
    assert "bsds_14.npz" in str(error.value)


def test_radii_and_places_have_their_law():
    rng = np.random.default_rng(0)
    rows, columns, radii = dead_leaves.discs(50_000, 30, 40, rng, 2.0, 20.0)

    def law(r):
        return (2.0**-2 - np.asarray(r)**-2) / (2.0**-2 - 20.0**-2)

    assert stats.kstest(radii, law).pvalue > 1e-4
    assert stats.kstest(rows, stats.uniform(-20, 70).cdf).pvalue > 1e-4
    assert stats.kstest(columns, stats.uniform(-20, 80).cdf).pvalue > 1e-4
    slope = np.polyfit(np.log([3, 6, 12]), np.log([np.histogram(radii, [r, 1.1 * r])[0][0] / r
                                                   for r in (3, 6, 12)]), 1)[0]
    # a power law, of exponent -3
    assert abs(slope + 3) < 0.15


def test_discs_laid_from_above_are_those_laid_from_below_in_reverse():
    rng = np.random.default_rng(1)
    rows, columns, radii = dead_leaves.discs(300, 12, 15, rng, 1.0, 6.0)
    colours = rng.integers(0, 256, (300, 3), dtype=np.uint8)
    above, bare = np.zeros((12, 15, 3), np.uint8), np.ones((12, 15), bool)
    dead_leaves._lay(above, bare, rows, columns, radii, colours)
    below = np.zeros((12, 15, 3), np.uint8)
    place = np.indices((12, 15))
    for i in reversed(range(300)):
        below[(place[0] - rows[i])**2 + (place[1] - columns[i])**2 <= radii[i]**2] = colours[i]
    assert np.array_equal(above, below) and not bare.any()


@pytest.mark.parametrize("d", [(0, 1), (3, 0), (4, 5)])
def test_two_pixels_are_alike_as_often_as_theory_says(d):
    """Two pixels share a leaf if the first disc that covers either covers both: E|A ∩ A + d| /
    E|A ∪ A + d|, A a random disc."""
    distance = np.hypot(*d)
    # quantiles of the radius
    r = 2.0 * (1 - np.arange(200_000) / 200_000 * (1 - (2.0 / 30)**2))**-0.5
    half = np.minimum(distance / (2 * r), 1)
    both = (2 * r**2 * (np.arccos(half) - half * np.sqrt(1 - half**2))).mean()
    expected = both / (2 * (np.pi * r**2).mean() - both)
    expected += (1 - expected) / 256                                       # leaves of equal grey
    images = dead_leaves.sample(60, 64, 64, np.random.default_rng(0), rmax=30.0)[..., 0]
    alike = images[:, d[0]:, d[1]:] == images[:, :64 - d[0], :64 - d[1]]
    alike = alike.reshape(60, -1).mean(axis=1)
    assert abs(alike.mean() - expected) < 4 * alike.std() / np.sqrt(60)


def test_dead_leaves_are_a_data_set_that_its_text_decides():
    data = load("dead_leaves:20x24,rmin=1,rmax=8,train=3,valid=1,test=2,seed=5")
    assert data.train.shape == (3, 20, 24, 1)
    assert (len(data.valid), len(data.test), data.levels) == (1, 2, 256) and data.entropy is None
    more = load("dead_leaves:20x24,rmin=1,rmax=8,train=4,valid=1,test=2,seed=5")
    assert np.array_equal(more.test, data.test) and np.array_equal(more.train[:3], data.train)
    other = load("dead_leaves:20x24,rmin=1,rmax=8,train=3,valid=1,test=2,seed=6")
    assert not np.array_equal(other.test, data.test)
    coloured = load("dead_leaves:20x24,rmin=1,rmax=8,train=1,valid=1,test=1,colour=1")
    assert coloured.image_shape == (20, 24, 3)


@pytest.mark.parametrize("text, words",
                         [("dead_leaves:20", "must be HxW"), ("dead_leaves:20x0", "must be HxW"),
                          ("dead_leaves:8x8,rim=3", "'rim=3' must be key=value"),
                                         ("dead_leaves:8x8,rmin=x",
                                          "rmin must be a number, is 'x'"),
                          ("dead_leaves:8x8,rmin=9,rmax=3", "0.5 < rmin < rmax"),
                                         ("dead_leaves:8x8,test=0",
                                          "test must be at least 1, is 0"),
                          ("dead_leaves:8x8,rmin=0.2", "0.5 < rmin")])
def test_wrong_dead_leaves_are_refused(text, words):
    with pytest.raises(ValueError, match=words):
        load(text)


def test_the_command_lists_both(capsys):
    assert cli.main(["data", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert {"photographs", "photographs_rgb"} <= {row["name"] for row in listed["data"]}
    assert listed["drawn"][0]["name"] == "dead_leaves"
    assert cli.main(["data", "list"]) == 0
    assert "dead_leaves" in capsys.readouterr().out
