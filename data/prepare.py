"""Make the homework's data files: npz files of images and labels, written beside this script.

    python data/prepare.py images SEG_TRAIN SEG_TEST   the course's file, from the photographs
    python data/prepare.py download intel              the course's file, from the course
    python data/prepare.py synthetic                   data/synthetic.npz, the stand-in, drawn here
    python data/prepare.py download octmnist           MedMNIST's file, then the one below
    python data/prepare.py download cifar10            the authors' archive, then the one below
    python data/prepare.py octmnist FILE               data/octmnist.npz, the 2023-24 edition's
    python data/prepare.py cifar10 FILE_OR_FOLDER      data/cifar10.npz from the binary version
    python data/prepare.py unpack FILE.npz FOLDER      the arrays as .npy files, for runs that read from disk

The photographs are the Intel Image Classification set, on Kaggle as
puneet6060/intel-image-classification: folders seg_train and seg_test, 14,034 and 3,000 images.

Every file holds train_images, train_labels, val_images, val_labels, test_images and test_labels:
images uint8 of shape (n, height, width) or (n, height, width, channels), labels integers of shape
(n,) from 0. A file takes its name only when it is complete. Each command prints the number of
examples per class and split.
"""

import argparse
import hashlib
import os
import sys
import tempfile
from pathlib import Path

DATA = Path(__file__).resolve().parent
if __name__ == "__main__":
    # Run as a script, Python looks for modules in data/; ours are one folder up.
    sys.path.insert(0, str(DATA.parent))

try:
    import numpy as np

    import utils
    from data import cifar_batches
    from data.photographs import (
        MEND,
        SIDE,
        compared_with_the_course,
        course_split,
        find_photographs,
        load_image,
    )
    from fast.pixels import npz_pieces, open_folder
    from lab import standin
    from lab.datafile import print_counts, progress_bar, write_npz
    from lab.files import NO_ROOM, NotWritten, reason_of, writing
    from lab.known_data import KNOWN, LANDSCAPES
    from lab.options import Parser, whole_number
    from lab.process import run_script
    from utils import SPLITS, InputError
except ModuleNotFoundError as error:
    advice = "activate the environment, or 'pip install -r requirements.txt'"
    print(f"data/prepare.py: the package {error.name} is missing; {advice}", file=sys.stderr)
    sys.exit(2)
except KeyboardInterrupt:
    sys.exit(130)

RETRIES = 3  # after a transfer breaks off; each goes on where the one before stopped
DOWNLOADS = {"intel": "intel_landscapes", "octmnist": "octmnist", "cifar10": "cifar10"}


def images(seg_train, seg_test, output):
    """Make the course's file: photographs as 48x48 RGB, a tenth of the training ones held out.

    Folders of other classes go through the same steps. Raises InputError where a folder, a class
    or an image is missing or broken, or the file is there already.
    """
    train, test = find_photographs(seg_train, "seg_train"), find_photographs(seg_test, "seg_test")
    if train.keys() != test.keys():
        name = min(train.keys() ^ test.keys())
        here, there = (seg_train, seg_test) if name in train else (seg_test, seg_train)
        raise InputError(f"{there}: lacks class {name}, which {here} has; {MEND}")
    classes = sorted(train)
    chosen = dict(zip(("train", "val"), course_split(train), strict=True))
    chosen["test"] = [(label, name) for label in classes for name in sorted(test[label])]
    if lost := set(classes) - {label for label, _ in chosen["train"]}:
        raise InputError(
            f"{seg_train}: class {min(lost)} has so few images that all were held out; add some"
        )
    if os.path.lexists(output):
        raise InputError(f"{output}: exists already; remove it or give another -output")
    if sum(map(len, test.values())) > sum(map(len, train.values())):
        utils.notice(f"note: {seg_test} has more photographs than {seg_train}; are they swapped?")
    with progress_bar(total=sum(map(len, chosen.values())), unit=" images") as bar:

        def chunks(split):
            for label, name in chosen[split]:
                path = (test if split == "test" else train)[label][name]
                yield load_image(path)[None], [classes.index(label)]
                bar.update()

        splits = {split: (len(chosen[split]), chunks(split)) for split in SPLITS}
        labels = write_npz(output, (SIDE, SIDE, 3), splits)
    print_counts(output, labels, classes)
    if tuple(classes) == LANDSCAPES:
        print(*compared_with_the_course(train, test, utils.read_npz(output)), sep="\n")


def synthetic(output, times=1):
    """Draw the stand-in, `times` as many examples in every split as the photographs have."""
    standin.write(output, times)


def octmnist(file, output):
    """Cut MedMNIST's OCTMNIST down to the edition's: the first 182, 55, 42, 250 test images.

    Train and validation stay as they are; the test images kept stay in the file's order.

    Raises InputError for a file that has fewer test images than that, or other classes.
    """
    if os.path.exists(output) and os.path.exists(file) and os.path.samefile(file, output):
        raise InputError(f"{output}: would overwrite its own source; give another -output")
    arrays = utils.read_npz(file)
    labels = arrays["test_labels"]
    has = np.bincount(labels, minlength=arrays["train_labels"].max() + 1)
    uses = np.array(utils.OCT_TEST_IMAGES)
    if len(has) != len(uses) or (has < uses).any():
        raise InputError(
            f"{file}: not OCTMNIST, it has {has.tolist()} test images per class, of which the edition "
            f"uses {uses.tolist()}; give MedMNIST's octmnist.npz"
        )
    kept = [np.flatnonzero(labels == k)[:count] for k, count in enumerate(uses)]
    kept = np.sort(np.concatenate(kept))
    arrays |= {key: arrays[key][kept] for key in ("test_images", "test_labels")}
    splits = {split: (arrays[f"{split}_images"], arrays[f"{split}_labels"]) for split in SPLITS}
    _write_arrays(output, splits, KNOWN["octmnist"].classes)


def cifar10(file_or_folder, output):
    """Turn data_batch_1, data_batch_2 and test_batch into train, validation and test."""
    _write_arrays(output, cifar_batches.read(file_or_folder), KNOWN["cifar10"].classes)


def _write_arrays(output, splits, classes):
    """Write {split: (images, labels)} and print the counts."""
    chunks = {split: (len(labels), [(x, labels)]) for split, (x, labels) in splits.items()}
    print_counts(output, write_npz(output, splits["train"][0].shape[1:], chunks), classes)


def download(name):
    """Fetch a data set into data/, check it, and turn it into the homework's format."""
    known = KNOWN[DOWNLOADS[name]]
    url, md5 = known.download["url"], known.download.get("md5")
    path, is_npz = DATA / known.download["file"], name == "intel"
    if md5 and path.is_file() and _md5(path) == md5:
        utils.notice(f"{path}: already here")
    else:
        try:
            fetch(url, path, md5)
        except (OSError, InputError) as error:
            then = "" if is_npz else f" and run: python data/prepare.py {name} {path}"
            raise InputError(
                f"cannot download {name} ({reason_of(error)}); fetch {url} by hand, save it as "
                f"{path}{then}"
            ) from error
    if is_npz:
        arrays = utils.read_npz(path)
        print_counts(path, {s: arrays[f"{s}_labels"] for s in SPLITS}, known.classes)
    else:
        {"octmnist": octmnist, "cifar10": cifar10}[name](path, DATA / f"{name}.npz")


def fetch(url, path, md5):
    """Download a file; it takes its name only when it is complete and what it should be.

    It should have the MD5 or, where none is published, be an image data set: InputError where it is
    not. OSError where there is no connection, the server refuses or the disk is full.
    """
    import gdown

    digest = hashlib.md5(usedforsecurity=False)
    with (
        progress_bar(unit="B", unit_scale=True, desc=path.name) as bar,
        tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder,
    ):
        part = Path(folder) / path.name

        def show(received, total):
            bar.total = total
            bar.update(received - bar.n)

        options = {"quiet": True, "use_cookies": False, "timeout": 30, "retries": RETRIES}
        try:
            gdown.download(url, str(part), hasher=digest, progress=show, **options)
        except gdown.exceptions.DownloadError as error:
            raise OSError(str(error)) from error
        if md5 is None:
            utils.read_npz(part)
        elif digest.hexdigest() != md5:
            raise InputError(f"its MD5 is {digest.hexdigest()}, its authors publish {md5}")
        part.chmod(0o644)  # as fetched only its owner may read it
        os.replace(part, path)


def _md5(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def unpack(file, folder):
    """Copy the six arrays of an npz into .npy files in a new folder, never whole in memory.

    The folder takes its name only when it is complete and `open_folder` takes it.

    Raises InputError where the file is missing or damaged or no data set, its images are not uint8
    in C order, or the folder exists already or cannot be made.
    """
    folder = Path(folder)
    if os.path.lexists(folder):
        raise InputError(f"{folder}: exists already; remove it or give another name")
    if not folder.parent.is_dir():
        raise InputError(f"{folder}: there is no folder {folder.parent}; make it")
    with (
        writing(folder, NO_ROOM),
        tempfile.TemporaryDirectory(prefix=f".{folder.name[:40]}-", dir=folder.parent) as parent,
    ):
        whole = Path(parent) / "whole"
        whole.mkdir()
        with progress_bar(unit="B", unit_scale=True) as bar:
            for key, piece in npz_pieces(file):
                with open(whole / f"{key}.npy", "ab") as stream:
                    stream.write(piece)
                bar.update(len(piece))
        for path in whole.iterdir():
            with open(path, "ab") as stream:
                os.fsync(stream.fileno())
        arrays = open_folder(whole, called=file)
        labels = {split: arrays[f"{split}_labels"] for split in SPLITS}
        os.rename(whole, folder)
    print_counts(folder, labels, [f"class {k}" for k in range(labels["train"].max() + 1)])


def _parser():
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(run, text, *arguments, output=None):
        """The command that calls the function `run` with these arguments."""
        sub = commands.add_parser(run.__name__, help=text, description=text)
        sub.set_defaults(run=run)
        for name in arguments:
            sub.add_argument(name, metavar=name.upper())
        if output:
            what = f"file to write (default: data/{output}, beside this script)"
            sub.add_argument("-output", default=DATA / output, metavar="NPZ", help=what)
        return sub

    text = "the course's file, from the public folders of photographs: one folder per class"
    command(images, text, "seg_train", "seg_test", output="intel_landscapes.npz")
    text = "draw the stand-in for trying, testing and timing"
    command(synthetic, text, output="synthetic.npz").add_argument(
        "-times",
        type=whole_number(1, 10_000),
        default=1,
        metavar="N",
        help="this many times 12,630 / 1,404 / 3,000 examples (default: 1)",
    )
    text = "fetch a published data set into data/ and convert it"
    command(download, text).add_argument("name", choices=DOWNLOADS)
    text = "the 2023-24 edition's part of MedMNIST's octmnist.npz"
    command(octmnist, text, "file", output="octmnist.npz")
    text = f"from CIFAR-10's binary version: its tar.gz or the folder {cifar_batches.FOLDER}"
    command(cifar10, text, "file_or_folder", output="cifar10.npz")
    text = "turn an npz file into a new folder for data larger than memory"
    command(unpack, text, "file", "folder")
    return parser


def main(arguments):
    """Run one command. Raises what its function does; InputError where a module is missing."""
    options = vars(_parser().parse_args(arguments))
    run, _ = options.pop("run"), options.pop("command")
    try:
        run(**options)
    except ModuleNotFoundError as error:
        raise InputError(
            f"module {error.name} is missing; pip install -r requirements.txt"
        ) from error
    except OSError as error:  # of a source; what cannot be written has its own
        if isinstance(error, NotWritten | BrokenPipeError) or error.errno in NO_ROOM:
            raise
        raise InputError(f"{error.filename}: cannot be read ({error.strerror})") from error


if __name__ == "__main__":
    run_script(main)
