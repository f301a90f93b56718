"""lab/known_data.py: a data set is known by its content, wherever it lies and whatever it is called."""

import dataclasses
import os
from pathlib import Path

import numpy as np
import pytest
from conftest import tiny_arrays

import utils
from lab import known_data
from lab.dataset import Data
from lab.known_data import ANOTHER_SPLIT, KNOWN, OTHER_DATA, THE_VERY_DATA, Fingerprint
from lab.stored import open_folder
from utils import SPLITS

SIZES = (300, 60, 60)


def as_known(arrays, **compared):
    """What the table would say of a small data set."""
    examples = Fingerprint(arrays).examples
    return dataclasses.replace(
        KNOWN["intel_landscapes"],
        title="small",
        classes=("dark", "grey", "bright"),
        sizes=SIZES,
        shape=(6, 5, 3),
        sample=" ".join(examples[:32]),
        **compared,
    )


@pytest.fixture
def small(monkeypatch):
    """A small data set that the table knows by its content, the only one there."""
    arrays = tiny_arrays(sizes=SIZES)
    known = as_known(arrays, content=Fingerprint(arrays).content)
    monkeypatch.setattr(known_data, "KNOWN", {"small": known})
    return arrays


def reordered(arrays, split, order=None):
    """The same with one split's examples in another order."""
    if order is None:
        order = np.random.default_rng(0).permutation(len(arrays[f"{split}_labels"]))
    keys = (f"{split}_images", f"{split}_labels")
    return arrays | {key: arrays[key][order] for key in keys}


def relation(name, arrays):
    """What the arrays are to a known data set."""
    found, how = known_data.identify(arrays)
    return how if found == name else OTHER_DATA


def as_data(arrays):
    """The arrays as a run has them, from a file whose name says nothing."""
    return Data(arrays, Path("x.npz"), "x.npz", 1, "0" * 64, standin=False, default=False)


def test_the_very_data(small, tmp_path):
    assert known_data.identify(small) == ("small", THE_VERY_DATA)
    assert as_data(small).known.title == "small"
    assert as_data(small).class_names == ("dark", "grey", "bright")
    assert relation("small", small) == THE_VERY_DATA
    assert relation("another", small) == OTHER_DATA
    # Labels of any integer type, as a column; the test set in any order; images on disk.
    labels = {
        key: a.astype(np.uint8)[:, None] if key.endswith("labels") else a
        for key, a in small.items()
    }
    assert as_data(labels).known
    assert as_data(reordered(small, "test")).known
    for key, array in small.items():
        np.save(tmp_path / f"{key}.npy", array)
    assert as_data(open_folder(tmp_path)).known


@pytest.mark.parametrize("split", ["train", "val"])
def test_another_order_of_training_or_validation_is_another_split(small, split):
    other = reordered(small, split)
    assert known_data.identify(other) == ("small", ANOTHER_SPLIT)
    assert as_data(other).known is None
    assert as_data(other).class_names == ("dark", "grey", "bright")


def test_the_same_images_in_other_splits_are_another_split(small):
    images = np.concatenate([small[f"{split}_images"] for split in SPLITS])
    labels = np.concatenate([small[f"{split}_labels"] for split in SPLITS])
    order = np.random.default_rng(1).permutation(len(labels))
    images[order[0]] ^= 1  # and one picture is another
    parts = {"train": order[:250], "val": order[250:350], "test": order[350:]}
    arrays = {f"{split}_images": images[rows] for split, rows in parts.items()}
    arrays |= {f"{split}_labels": labels[rows] for split, rows in parts.items()}
    assert relation("small", arrays) == ANOTHER_SPLIT


def test_one_pixel_or_one_label_is_enough_not_to_be_the_very_data(small):
    for key in ("train_images", "val_images", "test_images", "train_labels", "test_labels"):
        changed = small[key].copy()
        changed[-1] = (changed[-1] + 1) % 3
        assert relation("small", small | {key: changed}) == ANOTHER_SPLIT, key


def test_other_data(small):
    relabelled = {key: (a + 1) % 3 if key.endswith("labels") else a for key, a in small.items()}
    grey = {key: a[..., 0] if a.ndim == 4 else a for key, a in small.items()}
    half = small["train_images"].copy()
    half[::2] ^= 1
    for arrays in (
        relabelled,
        small | {"train_images": half},
        grey,
        tiny_arrays(seed=1, sizes=SIZES),
        tiny_arrays(sizes=SIZES, n_classes=2),
        tiny_arrays(),
    ):
        assert known_data.identify(arrays) == (None, OTHER_DATA)
        assert relation("small", arrays) == OTHER_DATA
        n = arrays["train_labels"].max() + 1
        assert as_data(arrays).class_names == [f"class {k}" for k in range(n)]


def test_images_that_are_not_all_compared(small, monkeypatch):
    """As CIFAR-10: by the labels' order, the test set's counts and a sample of the images."""
    order = Fingerprint(small).label_order[:2]
    known = as_known(small, content=(), label_order=order, test_counts=(20, 20, 20))
    monkeypatch.setattr(known_data, "KNOWN", {"small": known})
    one_image = small["train_images"].copy()
    one_image[5] ^= 1
    assert relation("small", small | {"train_images": one_image}) == THE_VERY_DATA
    assert relation("small", reordered(small, "test")) == THE_VERY_DATA
    assert relation("small", reordered(small, "train")) == ANOTHER_SPLIT
    other = tiny_arrays(seed=1, sizes=SIZES)  # with the same labels
    assert relation("small", other) == OTHER_DATA


def test_a_data_set_without_digests_is_known_by_its_counts(monkeypatch):
    known = dataclasses.replace(
        KNOWN["octmnist"], sizes=(100, 40, 20), shape=(4, 4), test_counts=(8, 6, 4, 2)
    )
    monkeypatch.setattr(known_data, "KNOWN", {"octmnist": known})
    arrays = tiny_arrays(sizes=(100, 40, 20), shape=(4, 4), n_classes=4)
    assert relation("octmnist", arrays) == ANOTHER_SPLIT
    arrays["test_labels"] = np.repeat(np.arange(4), known.test_counts)
    assert relation("octmnist", arrays) == THE_VERY_DATA
    assert as_data(arrays).class_names[2] == "drusen"
    fewer = tiny_arrays(sizes=(99, 40, 20), shape=(4, 4), n_classes=4)
    assert relation("octmnist", fewer) == OTHER_DATA


def test_the_table_has_what_was_published():
    assert "16AzJIrmra4qWdY7wU9N1ew4bwadmNt4j" in KNOWN["intel_landscapes"].download["url"]
    assert KNOWN["octmnist"].download["md5"] == "c68d92d5b585d8d81f7112f81e2d0842"
    assert KNOWN["cifar10"].download["md5"] == "c32a1d4ab5d03f1284b67883e8d87530"
    assert sum(KNOWN["octmnist"].test_counts) == 529 == KNOWN["octmnist"].sizes[2]
    for known in KNOWN.values():
        assert len(known.sample.split()) in (0, 32)


def test_the_names_of_the_public_photographs():
    train, test = known_data.landscape_names()
    assert [len(names) for names in train.values()] == [2191, 2271, 2404, 2512, 2274, 2382]
    assert [len(names) for names in test.values()] == [437, 474, 553, 525, 510, 501]
    every = [name for part in (train, test) for names in part.values() for name in names]
    assert len(set(every)) == 17_034
    assert "0.jpg" in train["buildings"]


if "HOMEWORK_DATA" in os.environ:

    @pytest.mark.long
    def test_the_courses_file():
        """The course's own file, which HOMEWORK_DATA names."""
        arrays = utils.read_npz(os.environ["HOMEWORK_DATA"])
        assert known_data.identify(arrays) == ("intel_landscapes", THE_VERY_DATA)
        turned = {key: a[::-1] if key.startswith("test") else a for key, a in arrays.items()}
        assert known_data.identify(turned) == ("intel_landscapes", THE_VERY_DATA)
