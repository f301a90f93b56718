"""The known data sets in one table, and what a run's data is to one of them: told by the content.

    name, relation = identify(arrays)

The file's name and place do not count. A test set may stand in any order, for no number depends on
it; training and validation set may not.
"""

import hashlib
import tomllib
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from utils import SPLITS

THE_VERY_DATA = "the very data"
ANOTHER_SPLIT = "another split"
OTHER_DATA = "other data"


@dataclass(frozen=True)
class Known:
    """A data set that has a name of its own; known_data.toml says what its fields are."""

    title: str
    classes: tuple
    sizes: tuple
    shape: tuple
    where: str
    download: dict | None = None
    content: tuple = ()
    label_order: tuple = ()
    test_counts: tuple = ()
    sample: str = ""


_TABLES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
KNOWN = msgspec.convert(_TABLES, dict[str, Known])
LANDSCAPES = KNOWN["intel_landscapes"].classes

CHUNK = 512  # images read at once


class Fingerprint:
    """What a data set's content comes down to.

    arrays : as `dataset.read_data` returns them; labels (n,) or (n, 1).

    content : SHA-256 of the examples' digests of train, val and test. An example's digest is the
        SHA-256 of its pixels and its label as 8 little-endian bytes; those of the test set are
        sorted, the others in order.
    label_order : SHA-256 of the labels of train, val and test as bytes, in order.
    examples : the first 4 bytes of every example's digest, sorted. The smallest of many digests
        are a random sample that depends on the examples alone: two data sets that share it are made
        of the same images, however split (Broder, On the resemblance and containment of documents,
        1997).
    """

    def __init__(self, arrays):
        content, label_order, examples = [], [], []
        for split in SPLITS:
            labels = np.ravel(arrays[f"{split}_labels"])
            digests = _digests(arrays[f"{split}_images"], labels)
            examples += digests
            joined = b"".join(sorted(digests) if split == "test" else digests)
            content.append(hashlib.sha256(joined).hexdigest())
            label_order.append(hashlib.sha256(labels.astype(np.uint8).tobytes()).hexdigest())
        self.content, self.label_order = tuple(content), tuple(label_order)
        self.examples = sorted(digest[:4].hex() for digest in examples)

    def has_digests_of(self, known):
        """Does the content agree with all digests that the table has?"""
        return (
            self.content[: len(known.content)] == known.content
            and self.label_order[: len(known.label_order)] == known.label_order
        )

    def has_images_of(self, known):
        """Are nine tenths of the known data set's sample among the examples?"""
        sample = set(known.sample.split())
        return len(sample & set(self.examples)) > 0.9 * len(sample)


def _digests(images, labels):
    digests = []
    for start in range(0, len(images), CHUNK):
        block = np.ascontiguousarray(images[start : start + CHUNK])
        for image, label in zip(block, labels[start : start + CHUNK].tolist(), strict=True):
            digests.append(hashlib.sha256(image.tobytes() + label.to_bytes(8, "little")).digest())
    return digests


def identify(arrays):
    """Which known data set the arrays are of, and how they relate to it.

    arrays : as `dataset.read_data` returns them; images may stay on disk.

    Returns (name in KNOWN, THE_VERY_DATA or ANOTHER_SPLIT), or (None, OTHER_DATA).

    The very data agrees in sizes, shape and all else that the table has; for OCTMNIST those are
    counts alone. Another split is made of the same images with the same labels, or nine tenths of
    them, so that some pictures exchanged or left out do not hide it; for OCTMNIST, of as many
    training and validation images. Images of another size or in grey are other data.
    """
    sizes = tuple(len(arrays[f"{split}_labels"]) for split in SPLITS)
    shape = tuple(arrays["train_images"].shape[1:])
    n_classes = int(np.max(arrays["train_labels"])) + 1
    fingerprint, nearest = None, (None, OTHER_DATA)
    for name, known in KNOWN.items():
        # So many more images are no split of the known ones, and take long to read.
        larger = sum(sizes) > 2 * sum(known.sizes)
        if shape != known.shape or n_classes != len(known.classes) or larger:
            continue
        equal, same_images = sizes == known.sizes, sizes[:2] == known.sizes[:2]
        if known.test_counts:
            counts = np.bincount(np.ravel(arrays["test_labels"]))
            equal = equal and tuple(counts.tolist()) == known.test_counts
        if known.sample:
            fingerprint = fingerprint or Fingerprint(arrays)
            equal = equal and fingerprint.has_digests_of(known)
            same_images = fingerprint.has_images_of(known)
        if equal and same_images:
            return name, THE_VERY_DATA
        if same_images:
            nearest = name, ANOTHER_SPLIT
    return nearest


def landscape_names():
    """The file names of the public photographs: ({class: names} of seg_train, the same of seg_test).

    Each number from 0 to 24,334 is the name of one photograph, of seg_train before 20,056 and of
    seg_test after; those of class 255 are in neither.
    """
    with np.load(Path(__file__).with_name("intel_classes.npz")) as archive:
        labels = archive["class_of_number"]

    def names(numbers):
        return {
            name: {f"{i}.jpg" for i in numbers if labels[i] == k}
            for k, name in enumerate(LANDSCAPES)
        }

    return names(range(20_056)), names(range(20_056, len(labels)))
