"""The data set that an edition's runs are given: what it is to the published numbers' own."""

import hashlib
from dataclasses import dataclass

import numpy as np

import utils
from lab import dataset, known_data
from utils import SPLITS, InputError

# What the relation is called where it is none of lab/known_data.py's.
STANDIN = "stand-in images"
UNNAMED = "data not named"  # by the edition
# What an edition's `digests` has: one of each split, and one of the images however split.
DIGESTS = (*SPLITS, "images")


@dataclass(frozen=True)
class EditionData:
    """The data of an edition's runs, and what is known of it.

    data : `lab.dataset.Data`, of whose arrays the labels alone are left.
    relation : to the data that the published numbers belong to.
    digests : a SHA-256 for each of DIGESTS, as an edition has them; {} where it knows its data by
        name.
    n_features : numbers in an image.
    """

    data: dataset.Data
    relation: str
    digests: dict
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
        for label in range(self.data.n_classes):
            shares = self.shares(label)
            if all(abs(shares[split] - accuracies[split]) < 1e-9 for split in SPLITS):
                return label
        return None


def open_dataset(edition, data_path):
    """The edition's `EditionData`, its arrays read, checked and let go but for the labels.

    InputError, which says what to do, where the edition's file is not there, or is the very data and
    not of the sizes that the edition says.
    """
    if data_path is None and not edition.standin:
        data_path = utils.ROOT / edition.data
        if not data_path.exists():
            raise InputError(
                f"{edition.data}: the data file of {edition.name}.toml is not there; "
                f"'{edition.prepare}' gets it, or name another file with -data_path"
            )
    data = dataset.open_data(data_path)
    arrays = data.arrays
    digests = {}
    if not edition.known:
        content = known_data.Fingerprint(arrays)
        images = hashlib.sha256(" ".join(content.examples).encode()).hexdigest()
        digests = dict(zip(DIGESTS, (*content.content, images), strict=True))
    found = EditionData(
        data=data.without_images(),
        relation=relation(edition, data, digests),
        digests=digests,
        n_features=int(np.prod(arrays["train_images"].shape[1:])),
    )
    if found.comparable and found.counts != edition.examples:
        counts = ", ".join(f"{split} = {count}" for split, count in found.counts.items())
        raise InputError(
            f"{edition.name}.toml: examples: the file that it names has others; write {{ {counts} }}"
        )
    return found


def relation(edition, data, digests):
    """What a `lab.dataset.Data` is to the data that the edition's published numbers belong to."""
    name, found = data.identity
    if data.standin or name == "synthetic":
        return STANDIN
    if edition.known:
        return found if name == edition.known else known_data.OTHER_DATA
    if not edition.digests:
        return UNNAMED
    same = [digests[name] == edition.digests[name] for name in DIGESTS]
    if all(same[: len(SPLITS)]):
        return known_data.THE_VERY_DATA
    return known_data.ANOTHER_SPLIT if any(same) else known_data.OTHER_DATA
