"""The bundled digits, the Dataset type and the fixed splits."""

import numpy as np
import pytest

from npixel.data import digits
from npixel.data.dataset import Dataset, from_images, from_train_and_test, hold_back


def test_the_bundled_digits_are_the_1797_images_with_17_levels():
    data = digits.load()
    assert [len(images) for images in (data.train, data.valid, data.test)] == [1297, 200, 300]
    assert data.train.shape[1:] == data.valid.shape[1:] == data.test.shape[1:] == (8, 8, 1)
    images = np.concatenate([data.train, data.valid, data.test])
    assert data.levels == 17 and images.min() == 0 and images.max() == 16
    assert len(np.unique(images)) == 17
    assert np.bincount(data.test_labels).tolist() == [30] * 10
    assert np.bincount(data.valid_labels).tolist() == [20] * 10
    labels = np.concatenate([data.train_labels, data.valid_labels, data.test_labels])
    assert np.bincount(labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


def test_the_bundled_split_uses_every_image_once_and_the_file_names_its_authors():
    with np.load(digits.FILE, allow_pickle=False) as arrays:
        rows = np.concatenate([arrays["train"], arrays["valid"], arrays["test"]])
        attribution = str(arrays["attribution"])
    assert np.array_equal(np.sort(rows), np.arange(1797))
    assert all(word in attribution
               for word in ("Alpaydin", "Kaynak", "10.24432/C50P49", "CC BY 4.0"))
    assert digits.FILE.stat().st_size < 100_000


def test_the_bundled_digits_are_those_of_scikit_learn():
    datasets = pytest.importorskip("sklearn.datasets",
                                   reason="scikit-learn is not installed: the comparison with its "
                                          "copy is skipped")
    bunch = datasets.load_digits()
    with np.load(digits.FILE, allow_pickle=False) as arrays:
        assert np.array_equal(arrays["images"], bunch.images)
        assert np.array_equal(arrays["labels"], bunch.target)


def dataset(**change):
    images = np.zeros((3, 2, 4, 1), np.uint8)
    fields = dict(name="x", train=images, valid=images, test=images, levels=2)
    return Dataset(**(fields | change))


@pytest.mark.parametrize("change, message", [
    (dict(levels=1), "levels must be 2 to 256, is 1"),
    (dict(levels=257), "levels must be 2 to 256, is 257"),
    (dict(valid=np.zeros((3, 2, 4, 1))), "valid must be uint8"),
    (dict(test=np.zeros((3, 2, 4), np.uint8)),
     r"test must be uint8 \(N, H, W, C\), is uint8 \(3, 2, 4\)"),
    (dict(test=np.zeros((0, 2, 4, 1), np.uint8)), "test has no images"),
    (dict(test=np.zeros((3, 4, 2, 1), np.uint8)),
     r"test images are \(4, 2, 1\), train images are \(2, 4, 1\)"),
    (dict(test=np.full((3, 2, 4, 1), 2, np.uint8)),
     r"test must have levels in \[0, 2\), has level 2"),
    (dict(test_labels=np.zeros(2, np.uint8)), r"test_labels must be .* \(3,\), is uint8 \(2,\)"),
])
def test_a_dataset_refuses_splits_that_disagree(change, message):
    dataset()
    with pytest.raises(ValueError, match=message):
        dataset(**change)


def test_a_dataset_is_asked_for_a_split_by_name():
    assert dataset().split("valid")[0].shape == (3, 2, 4, 1) and dataset().entropy is None
    with pytest.raises(ValueError, match="split must be one of train, valid, test, is 'dev'"):
        dataset().split("dev")


def test_fixed_splits_use_every_row_once_and_the_same_share_of_sorted_classes():
    labels = np.repeat(np.arange(3, dtype=np.uint8), 40)
    images = np.arange(120, dtype=np.uint8).reshape(120, 1, 1, 1)
    data = from_images("x", images, levels=256, labels=labels)
    assert sorted(np.concatenate([data.train, data.valid, data.test]).ravel()) == list(range(120))
    assert all(np.abs(np.bincount(part) - share).max() <= 1
               for part, share in ((data.train_labels, 32), (data.valid_labels, 4),
                                   (data.test_labels, 4)))
    data = from_train_and_test("x", images, images[:5], levels=256, train_labels=labels, k=6)
    assert len(data.train) == 100 and len(data.valid) == 20 and len(data.test) == 5
    kept, held = hold_back(120, 20)
    assert np.array_equal(data.valid.ravel(), held)
    assert np.array_equal(data.train_labels, labels[kept])


def share_error(held, N, period):
    """How far the rows held back are from an equal share of each residue, in rows."""
    return np.abs(np.bincount(held % period, minlength=period) - len(held) / period).max()


@pytest.mark.parametrize("N, count", [(60_000, 10_000), (50_000, 5_000), (3_000, 300)])
def test_rows_held_back_follow_no_period(N, count):
    (_, held), every = hold_back(N, count), np.arange(N // count - 1, N, N // count)
    assert max(share_error(held, N, period) for period in range(2, 21)) < 0.03 * count
    # what a stride would do to rows that alternate
    assert share_error(every, N, 2) == count / 2
    runs = np.histogram(held, bins=100, range=(0, N))[0]
    assert np.abs(runs - count / 100).max() <= 3       # and every run of rows gives its share


def test_too_few_images_to_split_is_said_in_one_line():
    images = np.zeros((9, 1, 1, 1), np.uint8)
    with pytest.raises(ValueError, match="x: 9 images, at least 10"):
        from_images("x", images, levels=2)
    with pytest.raises(ValueError, match="x: 9 training images, at least 10"):
        from_train_and_test("x", images, images, levels=2)
