"""The known data sets in one table, and what a run's data is to one of them: told by the content.

    name, relation = identify(arrays)

The file's name and place do not count. A test set may stand in any order, for no number depends on
it; training and validation set may not.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from utils import OCT_TEST_IMAGES, SPLITS

THE_VERY_DATA = "the very data"
ANOTHER_SPLIT = "another split"
OTHER_DATA = "other data"


class Download(NamedTuple):
    """A published file: its address, its MD5 where its authors publish one, its name in data/."""

    url: str
    md5: str | None
    file: str


@dataclass(frozen=True)
class Known:
    """A data set that has a name of its own.

    title : what figures call it.
    classes : the names of classes 0, 1, ...
    sizes : examples in train, val and test.
    shape : of an image.
    where : how to get it.
    download : what `data/prepare.py download` fetches, or None.

    What the content is compared with, as `Fingerprint` has it; each may be missing:

    content : of train, val and test.
    label_order : of train and val.
    test_counts : test examples of each class.
    sample : the 32 smallest of its `examples`.
    """

    title: str
    classes: tuple
    sizes: tuple
    shape: tuple
    where: str
    download: Download | None = None
    content: tuple = ()
    label_order: tuple = ()
    test_counts: tuple = ()
    sample: str = ""


LANDSCAPES = ("buildings", "forest", "glacier", "mountain", "sea", "street")

# Each key is also the name of the data set's file in data/, without .npz.
KNOWN = {
    "intel_landscapes": Known(
        title="Intel landscapes",
        classes=LANDSCAPES,
        sizes=(12_630, 1_404, 3_000),
        shape=(48, 48, 3),
        where="the course's file with 'python data/prepare.py download intel'; or from the "
        "photographs, 'Intel Image Classification' on Kaggle (puneet6060/intel-image-"
        "classification), with 'python data/prepare.py images SEG_TRAIN SEG_TEST'",
        # the address in the handout of the 2024-25 edition
        download=Download(
            "https://drive.google.com/uc?id=16AzJIrmra4qWdY7wU9N1ew4bwadmNt4j",
            None,
            "intel_landscapes.npz",
        ),
        content=(
            "df1539d4ff84d075fe4fa7af363556efc145c194f753969ffde3c586349539c0",
            "5bbb5ef9d396ea670c039684ee7a56566b16d31be968d7d61fa60e6e9e9ea4b4",
            "ae937f701e1cd982d29b7afd17b4a78a28f10aeaa73829383700123fc107baac",
        ),
        sample="00002918 00008147 000604be 00071001 00083ce4 000b714c 000db129 0016fbe3 "
        "001c00ad 0021cf5c 00255a90 002a65d5 002b22e1 002c2f9d 002c7e43 00342dfa "
        "0034bd0c 0034d313 00368aaa 0038fa4f 003afa13 00465577 004ca727 004caa7d "
        "004e66d4 004fa2c8 00512901 00536710 0057954f 00579f60 0057fbb4 005c92c4",
    ),
    # Its train and val have no digests here, so it is known by its numbers alone: sizes, shape, and
    # the test images per class that the edition takes from MedMNIST's 1,000.
    "octmnist": Known(
        title="OCTMNIST",
        classes=("choroidal neovascularization", "diabetic macular edema", "drusen", "normal"),
        sizes=(97_477, 10_832, sum(OCT_TEST_IMAGES)),
        shape=(28, 28),
        test_counts=OCT_TEST_IMAGES,
        where="'python data/prepare.py download octmnist'",
        # MedMNIST's info.py
        download=Download(
            "https://zenodo.org/records/10519652/files/octmnist.npz?download=1",
            "c68d92d5b585d8d81f7112f81e2d0842",
            "octmnist_medmnist.npz",
        ),
    ),
    # The copy that these digests were taken from has 42 images that went through JPEG: the labels'
    # order and the sample tell it, not each pixel.
    "cifar10": Known(
        title="CIFAR-10",
        classes=(
            *("airplane", "automobile", "bird", "cat", "deer"),
            *("dog", "frog", "horse", "ship", "truck"),
        ),
        sizes=(10_000, 10_000, 10_000),
        shape=(32, 32, 3),
        test_counts=(1_000,) * 10,
        where="'python data/prepare.py download cifar10'",
        # the CIFAR-10 page
        download=Download(
            "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
            "c32a1d4ab5d03f1284b67883e8d87530",
            "cifar-10-binary.tar.gz",
        ),
        label_order=(
            "d829dbdf32167c9d7b3687cee66d92d80d46c441308b5aca0d11e8b69e27dac9",
            "5d18f7371ed35ea9ade77952fe958b0660a45cd6c8b8a8970030f21612cfd7e3",
        ),
        sample="0003659d 0005c1ff 0007dd99 00096de3 0009806c 000a86cf 000b2342 000b33e7 "
        "000dc44d 000f7d6f 0011e9ee 00157b4a 0015d3ec 00164f71 00168be1 001ea6b1 "
        "0021fa68 0022a81c 00250f4d 0025587d 00256aa1 0027cad2 00289b9e 00296a7b "
        "00296a9b 0033f80e 0035f079 003a2afb 003a838a 003aead7 00426f4b 0045b19e",
    ),
    "breastmnist": Known(
        title="BreastMNIST",
        classes=("malignant", "normal, benign"),
        sizes=(546, 78, 156),
        shape=(28, 28),
        where="https://zenodo.org/records/10519652/files/breastmnist.npz?download=1",
        content=(
            "38adf3885d7112ea8056bf3064cdf4f33a6e5f9696d3464917b04a704bd1f0c3",
            "9d11f578d31a0fa2ab80bf5a0d42cd46ed89432acc2dce5cb079c4cb0629c57d",
            "56bc1f3e8adf3ccabec4a2fcc32c3694f1a7e76fa8c15427836f3d40bf4eb907",
        ),
        sample="002c3419 00962056 00ff2f12 0108517d 01406410 01637dc9 0189b961 01bc7150 "
        "01f16f89 0201841e 0273606d 028a965f 02a9d9d6 02c8bd63 030f23f7 030f8a7d "
        "03328c64 038b3190 038ba1b9 03c730c2 03e06a05 0420a1cb 0461f84a 04ac41d2 "
        "052539b8 058f4180 05f17a98 06c69a1d 07393904 0821eca0 085a3537 089c98c1",
    ),
    "synthetic": Known(
        title="stand-in images, not the photographs",
        classes=LANDSCAPES,
        sizes=(12_630, 1_404, 3_000),
        shape=(48, 48, 3),
        where="'python data/prepare.py synthetic'",
        content=(
            "dc05f194b2bc1cab003063a7485df01a0d881fdecc16eece1d5064c837e0d6e1",
            "9205a7d07ea0db371ac6c84603ba5936084f25173252876cc51f7e4f72982896",
            "e425e9348be0ee98eb3a3a544d945bf58423b542dc2d779d58761da8c45fab18",
        ),
        sample="00062352 000e7261 0012e194 001d7b26 0023acfa 0028cf0e 003b8768 003bee5b "
        "003c5d8e 003e4ff4 003fca4b 00418aec 004404e8 00448ece 00470ca4 004aa0e8 "
        "004b0612 00562c3f 0056a0bd 005e9011 0061abf1 00632380 00672fbc 006899f0 "
        "0071b98d 007287ee 0076b229 00790695 00817f7e 0082d85a 008c3681 008f485d",
    ),
}

CHUNK = 512  # images read at once


class Fingerprint:
    """What a data set's content comes down to.

    arrays : as `pixels.read_data` returns them; labels (n,) or (n, 1).

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

    arrays : as `pixels.read_data` returns them; images may stay on disk.

    Returns (name in KNOWN, THE_VERY_DATA or ANOTHER_SPLIT), or (None, OTHER_DATA).

    The very data agrees in sizes, shape and all else that the table has; for OCTMNIST those are
    counts alone. Another split is made of the same images with the same labels, or nine tenths of
    them, so that some pictures exchanged or left out do not hide it; for OCTMNIST, of as many
    training and validation images. Images of another size or in grey are other data.
    """
    sizes = tuple(len(arrays[f"{split}_labels"]) for split in SPLITS)
    shape = tuple(arrays["train_images"].shape[1:])
    n_classes = int(np.max(arrays["train_labels"])) + 1
    fingerprint, found = None, (None, OTHER_DATA)
    for name, known in KNOWN.items():
        # So many more images are no split of the known ones, and take long to read.
        larger = sum(sizes) > 2 * sum(known.sizes)
        if shape != known.shape or n_classes != len(known.classes) or larger:
            continue
        same, alike = sizes == known.sizes, sizes[:2] == known.sizes[:2]
        if known.test_counts:
            counts = np.bincount(np.ravel(arrays["test_labels"]))
            same = same and tuple(counts.tolist()) == known.test_counts
        if known.sample:
            fingerprint = fingerprint or Fingerprint(arrays)
            same = same and fingerprint.has_digests_of(known)
            alike = fingerprint.has_images_of(known)
        if same and alike:
            return name, THE_VERY_DATA
        if alike:
            found = name, ANOTHER_SPLIT
    return found


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
