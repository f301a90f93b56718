"""lab/standin.py: the same bytes everywhere, six balanced classes, nothing else disturbed."""

import random

import numpy as np
import pytest

from lab.known_data import THE_VERY_DATA, identify
from lab.standin import CHUNK, CLASSES, NEIGHBOURS, SPLITS, chunks, integers


def drawn(split):
    images, labels = zip(*chunks(split, SPLITS[split]), strict=True)
    return np.concatenate(images), np.concatenate(labels)


@pytest.fixture(scope="module")
def val():
    return drawn("val")


@pytest.fixture(scope="module")
def standin(val):
    return {"train": drawn("train"), "val": val, "test": drawn("test")}


@pytest.mark.long
def test_sizes_and_types_are_those_of_the_homework(standin):
    assert {split: len(y) for split, (_, y) in standin.items()} == {
        "train": 12_630,
        "val": 1_404,
        "test": 3_000,
    }
    for images, labels in standin.values():
        assert images.shape == (len(labels), 48, 48, 3)
        assert images.dtype == np.uint8
        assert labels.dtype == np.int64


@pytest.mark.long
def test_the_bytes_are_the_same_on_every_machine(standin):
    """Those whose digests the table has, which change only when the drawings do, on purpose."""
    arrays = {f"{split}_images": images for split, (images, _) in standin.items()}
    arrays |= {f"{split}_labels": labels for split, (_, labels) in standin.items()}
    assert identify(arrays) == ("synthetic", THE_VERY_DATA)
    # Of the test set too the order is fixed.
    labels = arrays["test_labels"][:20].tolist()
    assert labels == [5, 1, 1, 3, 1, 4, 4, 4, 3, 2, 5, 0, 0, 0, 2, 4, 2, 3, 2, 5]


@pytest.mark.long
def test_classes_are_about_as_many_as_in_the_photographs(standin):
    for _, labels in standin.values():
        share = np.bincount(labels, minlength=len(CLASSES)) / len(labels)
        assert len(share) == len(CLASSES)
        # Those of the photographs lie between .146 and .184.
        assert share.min() > 0.14 and share.max() < 0.19


@pytest.mark.long
def test_no_picture_is_in_two_splits_or_twice(standin):
    pictures = {image.tobytes() for images, _ in standin.values() for image in images}
    assert len(pictures) == sum(SPLITS.values())


def test_pictures_have_the_photographs_brightness_and_contrast(val):
    images, labels = val
    pixels = images / 256
    assert 0.28 < pixels.mean() < 0.38  # the photographs: .43
    assert 0.20 < pixels.std() < 0.27  # the photographs: .25
    for k in range(len(CLASSES)):
        assert pixels[labels == k].std(axis=0).mean() > 0.15


@pytest.mark.long
def test_class_means_tell_something_but_far_from_all(standin):
    means = []
    images, labels = standin["train"]
    for k in range(len(CLASSES)):
        means.append(images[labels == k].mean(axis=0).ravel() / 256)
    means = np.stack(means)
    images, labels = standin["val"]
    scores = images.reshape(len(images), -1) / 256 @ means.T - np.square(means).sum(axis=1) / 2
    accuracy = np.mean(scores.argmax(axis=1) == labels)
    assert 0.25 < accuracy < 0.55


def test_a_longer_set_starts_with_the_shorter_one():
    longer = list(chunks("val", CHUNK + 40))
    shorter = list(chunks("val", CHUNK - 1))
    assert [len(y) for _, y in longer] == [CHUNK, 40]
    assert np.array_equal(shorter[0][0], longer[0][0][:-1])
    assert np.array_equal(shorter[0][1], longer[0][1][:-1])


def test_a_class_may_show_its_neighbour():
    pairs = {name: CLASSES[other] for name, other in zip(CLASSES, NEIGHBOURS, strict=True)}
    assert pairs["street"] == "buildings" and pairs["buildings"] == "street"
    assert all(name != other for name, other in pairs.items())


def test_the_splits_differ():
    (train, _), (val, _) = next(chunks("train", 20)), next(chunks("val", 20))
    assert not np.array_equal(train, val)


def test_global_random_states_are_untouched():
    np.random.seed(3)
    random.seed(3)
    numpy_state, python_state = np.random.get_state(), random.getstate()
    next(chunks("test", 10))
    assert random.getstate() == python_state
    for before, after in zip(numpy_state, np.random.get_state(), strict=True):
        assert np.array_equal(before, after)


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-9, 9), (170, 380), (5, 5)])
def test_integers_cover_their_range_evenly(low, high):
    drawn = integers(np.random.PCG64(1), low, high, (50_000,))
    counts = np.bincount(drawn - low, minlength=high - low + 1)
    assert len(counts) == high - low + 1
    expected = 50_000 / len(counts)
    assert np.abs(counts - expected).max() < 6 * np.sqrt(expected) + 1
