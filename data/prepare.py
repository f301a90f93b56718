"""Make the homework's data files, beside this script.

The photographs are the Intel Image Classification set, on Kaggle as
puneet6060/intel-image-classification: folders seg_train and seg_test, 14,034
and 3,000 images.

Every file holds train_images, train_labels, val_images, val_labels,
test_images and test_labels: images uint8 of shape (n, height, width) or
(n, height, width, channels), labels integers of shape (n,) from 0. A file
takes its name only when it is complete. Each command prints the number of
examples per class and split; 'prepare.py COMMAND -h' lists its arguments.
"""

import argparse
import os
import sys
from pathlib import Path

DATA = Path(__file__).resolve().parent
if __name__ == "__main__":
    # Run as a script, Python looks for modules in data/; ours are one folder up.
    sys.path.insert(0, str(DATA.parent))

try:
    import numpy as np

    import utils
    from data import cifar_batches
    from data.download import ensure
    from data.photographs import images
    from data.unpack import unpack
    from lab import standin
    from lab.datafile import print_counts, write_npz
    from lab.files import NO_ROOM, NotWritten
    from lab.known_data import KNOWN
    from lab.options import Parser, whole_number
    from lab.process import run_script
    from utils import SPLITS, InputError
except ModuleNotFoundError as error:
    advice = "activate the environment, or 'pip install -r requirements.txt'"
    print(f"data/prepare.py: the package {error.name} is missing; {advice}", file=sys.stderr)
    sys.exit(2)
except KeyboardInterrupt:
    sys.exit(130)

DOWNLOADS = {"intel": "intel_landscapes", "octmnist": "octmnist", "cifar10": "cifar10"}


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
    size, usual = arrays["test_images"].shape[1:], KNOWN["octmnist"].shape
    if size != usual:
        utils.notice(
            f"note: {file} has images of shape {size}; the edition uses MedMNIST's octmnist.npz, of "
            f"shape {usual}, and published numbers do not apply to others"
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
    path = DATA / known.download["file"]
    if name == "intel":
        ensure(path, known)
        arrays = utils.read_npz(path)
        print_counts(path, {s: arrays[f"{s}_labels"] for s in SPLITS}, known.classes)
    else:
        ensure(path, known, f" and run: python data/prepare.py {name} {path}")
        {"octmnist": octmnist, "cifar10": cifar10}[name](path, DATA / f"{name}.npz")


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
    sub = command(images, text, "seg_train", "seg_test", output="intel_landscapes.npz")
    what = "accept one folder twice, or fewer photographs to train than to test"
    sub.add_argument("-as_given", action="store_true", help=what)
    text = "draw the stand-in for trying, testing and timing"
    command(synthetic, text, output="synthetic.npz").add_argument(
        "-times",
        type=whole_number(1, 10_000),
        default=1,
        metavar="N",
        help="this many times 12,630 / 1,404 / 3,000 examples (default: 1)",
    )
    text = "fetch a published data set, intel being the course's file, and convert it"
    command(download, text).add_argument("name", choices=DOWNLOADS)
    text = "the 2023-24 edition's part of MedMNIST's octmnist.npz"
    command(octmnist, text, "file", output="octmnist.npz")
    text = f"from CIFAR-10's binary version: its tar.gz or the folder {cifar_batches.FOLDER}"
    command(cifar10, text, "file_or_folder", output="cifar10.npz")
    text = "an npz file as a folder of .npy files, for data larger than memory"
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
            f"the package {error.name} is missing; 'pip install -r requirements.txt'"
        ) from error
    except OSError as error:  # of a source; what cannot be written has its own
        if isinstance(error, NotWritten | BrokenPipeError) or error.errno in NO_ROOM:
            raise
        raise InputError(f"{error.filename}: cannot be read ({error.strerror})") from error


if __name__ == "__main__":
    run_script(main)
