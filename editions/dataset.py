"""The data set that an edition's runs are given: what it is to the published numbers' own."""

import argparse
import dataclasses
from dataclasses import dataclass

import numpy as np

import runs
import utils
from lab import known_data
from utils import SPLITS, InputError

# What the relation is called where it is none of lab/known_data.py's.
STANDIN = "stand-in images"
UNNAMED = "data not named"  # by the edition


@dataclass(frozen=True)
class DataSet:
    """The data of an edition's runs, and what is known of it.

    data : `runs.Data`, of whose arrays the labels alone are left.
    relation : to the data that the published numbers belong to.
    digests : {split: SHA-256 of its images and labels}, as an edition's `digests` has them.
    classes : their names.
    n_features : numbers in an image.
    """

    data: runs.Data
    relation: str
    digests: dict
    classes: tuple
    n_features: int

    @property
    def comparable(self):
        """Do the published numbers belong to this very data?"""
        return self.relation == known_data.THE_VERY_DATA

    @property
    def counts(self):
        """{split: number of images}."""
        return {split: len(self.data.arrays[f"{split}_labels"]) for split in SPLITS}

    def shares(self, label):
        """{split: the share of its images that are of a class}, the accuracy of giving it alone."""
        return {s: float(np.mean(self.data.arrays[f"{s}_labels"] == label)) for s in SPLITS}

    @property
    def majority(self):
        """The class that most training images are of, the first of equals."""
        return int(np.bincount(self.data.arrays["train_labels"]).argmax())

    def only_class(self, accuracies):
        """The class that a run gives on every image, told by {split: accuracy}; None if several.

        A class whose share of each split is the accuracy there, to the last digit.
        """
        for label in range(len(self.classes)):
            shares = self.shares(label)
            if all(abs(shares[split] - accuracies[split]) < 1e-9 for split in SPLITS):
                return label
        return None


def open_dataset(edition, data_path):
    """The edition's `DataSet`, its arrays read, checked and let go but for the labels.

    InputError, which says what to do, where the edition's file is not there, or is the very data and
    not of the sizes that the edition says.
    """
    if data_path is None and not edition.standin:
        data_path = utils.ROOT / edition.data
        if not data_path.exists():
            raise InputError(
                f"{edition.data}: is not there; '{edition.prepare}' gets it, or name another file "
                "with -data_path"
            )
    data = runs.open_data(argparse.Namespace(data_path=data_path))
    arrays = data.arrays
    digests = dict(zip(SPLITS, known_data.Fingerprint(arrays).content, strict=True))
    labels = {name: array for name, array in arrays.items() if name.endswith("labels")}
    dataset = DataSet(
        data=dataclasses.replace(data, arrays=labels),
        relation=STANDIN if data.standin else relation(edition, arrays, digests),
        digests=digests,
        classes=tuple(known_data.class_names(arrays)),
        n_features=int(np.prod(arrays["train_images"].shape[1:])),
    )
    if dataset.comparable and dataset.counts != edition.examples:
        counts = ", ".join(f"{split} = {count}" for split, count in dataset.counts.items())
        raise InputError(
            f"{edition.name}.toml: examples: the file that it names has others; write {{ {counts} }}"
        )
    return dataset


def relation(edition, arrays, digests):
    """What the arrays are to the data that the edition's published numbers belong to."""
    if edition.known:
        if edition.known not in known_data.KNOWN:
            raise InputError(
                f"{edition.name}.toml: known: {edition.known} is not in lab/known_data.py, which has "
                f"{', '.join(known_data.KNOWN)}; give the digests of the file's splits instead"
            )
        return known_data.relation(edition.known, arrays)
    if not edition.digests:
        return UNNAMED
    if digests == edition.digests:
        return known_data.THE_VERY_DATA
    shared = any(digests[split] == edition.digests[split] for split in SPLITS)
    return known_data.ANOTHER_SPLIT if shared else known_data.OTHER_DATA
