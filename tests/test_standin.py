"""lab/standin.py: the same bytes everywhere, six balanced classes, nothing else disturbed."""

import hashlib
import random

import numpy as np
import pytest

from lab.known_data import THE_VERY_DATA, identify
from lab.standin import CHUNK, CLASSES, SPLITS, Bits, chunks

# Of the images and labels of `standin`, split by split.
FIRST = "8f1dcbd9fd79948a2f1632bf53ffcb87ec5f0e5671a883eac7ff28cd84cba948"


def drawn(sizes):
    """{split: (images, labels)} of so many of each."""
    found = {}
    for split, n in sizes.items():
        images, labels = zip(*chunks(split, n), strict=True)
        found[split] = np.concatenate(images), np.concatenate(labels)
    return found


@pytest.fixture(scope="module")
def standin():
    """The first examples of each split."""
    return drawn({"train": 2 * CHUNK, "val": CHUNK, "test": CHUNK})


@pytest.mark.long
def test_the_bytes_are_the_same_on_every_machine():
    """Those whose digests the table has, which change only when the drawings do, on purpose."""
    whole = drawn(SPLITS)
    arrays = {f"{split}_images": images for split, (images, _) in whole.items()}
    arrays |= {f"{split}_labels": labels for split, (_, labels) in whole.items()}
    assert identify(arrays) == ("synthetic", THE_VERY_DATA)
    for split, (_, labels) in whole.items():
        share = np.bincount(labels, minlength=len(CLASSES)) / SPLITS[split]
        assert share.min() > 0.14 and share.max() < 0.19  # those of the photographs: .146 to .184
    pictures = {image.tobytes() for images, _ in whole.values() for image in images}
    assert len(pictures) == sum(SPLITS.values())  # none is there twice


def test_sizes_types_and_the_first_bytes(standin):
    """A chunk's bytes depend on no other chunk's, so the first ones stand for all."""
    assert SPLITS == {"train": 12_630, "val": 1_404, "test": 3_000}
    digest = hashlib.sha256()
    for images, labels in standin.values():
        assert images.shape == (len(labels), 48, 48, 3)
        assert images.dtype == np.uint8
        assert labels.dtype == np.int64
        digest.update(images.tobytes() + labels.astype("<i8").tobytes())
    assert digest.hexdigest() == FIRST


def test_classes_are_about_as_many_as_in_the_photographs(standin):
    labels = np.concatenate([labels for _, labels in standin.values()])
    share = np.bincount(labels, minlength=len(CLASSES)) / len(labels)
    assert len(share) == len(CLASSES)
    assert share.min() > 0.14 and share.max() < 0.19


def test_no_picture_is_in_two_splits_or_twice(standin):
    pictures = {image.tobytes() for images, _ in standin.values() for image in images}
    assert len(pictures) == 4 * CHUNK


def test_pictures_have_the_photographs_brightness_and_contrast(standin):
    images, labels = standin["val"]
    pixels = images / 256
    assert 0.28 < pixels.mean() < 0.38  # the photographs: .43
    assert 0.20 < pixels.std() < 0.27  # the photographs: .25
    for k in range(len(CLASSES)):
        assert pixels[labels == k].std(axis=0).mean() > 0.15


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


def test_a_longer_set_starts_with_the_shorter_one(monkeypatch):
    monkeypatch.setattr("lab.standin.CHUNK", 50)
    longer, shorter = (list(chunks("val", n)) for n in (90, 49))
    assert [len(y) for _, y in longer] == [50, 40]
    assert np.array_equal(shorter[0][0], longer[0][0][:-1])
    assert np.array_equal(shorter[0][1], longer[0][1][:-1])


def test_global_random_states_are_untouched(monkeypatch):
    monkeypatch.setattr("lab.standin.CHUNK", 50)
    np.random.seed(3)
    random.seed(3)
    numpy_state, python_state = np.random.get_state(), random.getstate()
    next(chunks("test", 10))
    assert random.getstate() == python_state
    for before, after in zip(numpy_state, np.random.get_state(), strict=True):
        assert np.array_equal(before, after)


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-9, 9), (170, 380), (5, 5)])
def test_integers_cover_their_range_evenly(low, high):
    drawn = Bits(np.random.PCG64(1)).integers(low, high, (50_000,))
    counts = np.bincount(drawn - low, minlength=high - low + 1)
    assert len(counts) == high - low + 1
    expected = 50_000 / len(counts)
    assert np.abs(counts - expected).max() < 6 * np.sqrt(expected) + 1
