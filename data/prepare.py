"""Make the homework's data files: npz files of images and labels, written beside this script.

    python data/prepare.py images SEG_TRAIN SEG_TEST   data/intel_landscapes.npz from photographs
    python data/prepare.py synthetic                   data/synthetic.npz, the stand-in, drawn here
    python data/prepare.py download intel              the course's own file, from Google Drive
    python data/prepare.py download octmnist           MedMNIST's file, then the one below
    python data/prepare.py download cifar10            the authors' archive, then the one below
    python data/prepare.py octmnist FILE               data/octmnist.npz, the 2023-24 edition's
    python data/prepare.py cifar10 FILE_OR_FOLDER      data/cifar10.npz from the binary version
    python data/prepare.py unpack FILE.npz FOLDER      the arrays as .npy files, for runs that read from disk

Every file holds train_images, train_labels, val_images, val_labels, test_images and test_labels:
images uint8 of shape (n, height, width) or (n, height, width, channels), labels integers of shape
(n,) from 0. A file takes its name only when it is whole. Each command ends by printing what it
wrote: the number of examples a class and split.
"""

import gzip
import hashlib
import os
import re
import sys
import tarfile
import tempfile
import warnings
import zipfile
import zlib
from pathlib import Path

import numpy as np

DATA = Path(__file__).resolve().parent
if __name__ == "__main__":
    # Run as a script, Python looks for modules in data/; ours are one folder up.
    sys.path.insert(0, str(DATA.parent))

import utils
from data import standin
from utils import SPLITS, InputError

# --- Writing and reporting ---


def write_npz(path, image_shape, splits):
    """Write a data file chunk by chunk, uncompressed, so that equal data gives equal bytes.

    Parameters
    ----------
    path : the file, which is replaced whole or not touched.
    image_shape : (height, width) or (height, width, channels).
    splits : for each of train, val and test a pair (n, chunks), where chunks yields
        (images, labels) with n examples in all.

    Returns
    -------
    dict of split -> int64 ndarray of shape (n,), the labels.

    Raises
    ------
    InputError where `path` is not to be a file's, utils.NotWritten where it cannot be written.
    """
    path = Path(path)
    if os.path.lexists(path) and (path.is_symlink() or not path.is_file()):
        raise InputError(f"{path}: is there and no regular file; -output takes a file's name")
    if not path.parent.is_dir():
        raise InputError(f"{path}: cannot be written, there is no folder {path.parent}; make it")
    labels = {}
    with utils.replacing(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for split in SPLITS:
            n, chunks = splits[split]
            seen = []
            with _member(archive, f"{split}_images", "|u1", (n, *image_shape)) as member:
                for chunk_images, chunk_labels in chunks:
                    member.write(np.ascontiguousarray(chunk_images, np.uint8))
                    seen.append(np.asarray(chunk_labels, "<i8").ravel())
            labels[split] = np.concatenate(seen)
            if len(labels[split]) != n:
                raise AssertionError(f"{split}: {len(labels[split])} examples came, {n} announced")
            with _member(archive, f"{split}_labels", "<i8", (n,)) as member:
                member.write(labels[split])
    return labels


def _member(archive, name, dtype, shape):
    # A fixed date and system: the zip entry depends on the data alone.
    info = zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0))
    info.create_system = 3
    member = archive.open(info, "w", force_zip64=True)
    header = {"descr": dtype, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(member, header)
    return member


def report(path, labels, classes):
    """Print the number of examples of each class in each split, and where they are."""
    width = max(map(len, ("total", *classes)))
    print(" " * width, *(f"{split:>7}" for split in SPLITS))
    for k, name in enumerate(classes):
        print(f"{name:<{width}}", *(f"{np.sum(labels[split] == k):7d}" for split in SPLITS))
    print(f"{'total':<{width}}", *(f"{len(labels[split]):7d}" for split in SPLITS))
    print(f"wrote {path}")


def _progress(iterable=None, **options):
    from tqdm import tqdm

    return tqdm(iterable, file=sys.stderr, disable=None, leave=False, **options)


# --- images: the public Intel Image Classification folders ---

SIDE = 48
SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp"}
FORMATS = ("JPEG", "PNG", "BMP", "GIF", "TIFF", "WEBP")  # no decoder that starts other programs
MEND = "mend or remove it, or unpack the photographs again"


def images(seg_train, seg_test, output, seed=42):
    """Resize the photographs to 48x48 RGB and hold a tenth of the training ones out (1,404).

    Raises InputError where a folder, a class or an image is missing or broken.
    """
    train, test = _photographs(Path(seg_train)), _photographs(Path(seg_test))
    if train.keys() != test.keys():
        name = min(train.keys() ^ test.keys())
        here, there = (seg_train, seg_test) if name in train else (seg_test, seg_train)
        raise InputError(f"{there}: lacks class {name}, which {here} has; {MEND}")
    classes = sorted(train)
    files = [(path, k) for k, name in enumerate(classes) for path in train[name]]
    # RandomState, because NumPy keeps its stream the same for ever; a tenth, rounded up.
    order = np.random.RandomState(seed).permutation(len(files))
    held_out = -(-len(files) // 10)
    chosen = {
        "val": [files[i] for i in order[:held_out]],
        "train": [files[i] for i in order[held_out:]],
        "test": [(path, k) for k, name in enumerate(classes) for path in test[name]],
    }
    left = {k for _, k in chosen["train"]}
    for k, name in enumerate(classes):
        if k not in left:
            raise InputError(
                f"{seg_train}: class {name} has so few images that all were held out; add some"
            )
    with _progress(total=sum(map(len, chosen.values())), unit=" images") as bar:

        def chunks(split):
            for path, k in chosen[split]:
                yield _load_image(path)[None], [k]
                bar.update()

        splits = {split: (len(chosen[split]), chunks(split)) for split in SPLITS}
        labels = write_npz(output, (SIDE, SIDE, 3), splits)
    report(output, labels, classes)


def _photographs(folder):
    """dict of class -> image files in natural order (2.jpg before 10.jpg)."""
    if not folder.is_dir():
        what = "not a folder" if folder.exists() else "no such folder"
        raise InputError(f"{folder}: {what}; give the folder that has one folder a class")
    inner = _subfolders(folder)
    if len(inner) == 1 and _subfolders(inner[0]):
        inner = _subfolders(inner[0])  # some downloads nest seg_train/seg_train
    if not inner:
        raise InputError(f"{folder}: has no class folders; give the folder that has them")
    photographs = {}
    for class_folder in inner:
        files = [p for p in class_folder.iterdir() if p.is_file() and not p.name.startswith(".")]
        found = [p for p in files if p.suffix.lower() in SUFFIXES]
        if not found:
            raise InputError(f"{class_folder}: class folder without images; {MEND}")
        if len(found) < len(files):
            other = min(set(files) - set(found))
            utils.notice(f"{other}: ignored, not the name of an image")
        photographs[class_folder.name] = sorted(found, key=_natural)
    return photographs


def _subfolders(folder):
    return [p for p in folder.iterdir() if p.is_dir() and not p.name.startswith((".", "__"))]


def _natural(path):
    parts = re.split(r"([0-9]+)", path.name)
    return [int(part) if i % 2 else part for i, part in enumerate(parts)], path.name


def _load_image(path):
    """The image as ndarray of shape (48, 48, 3), uint8."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=FORMATS) as image:
                if image.mode[0] in "IF":
                    raise ValueError("more than 8 bits a channel")
                rgb = image.convert("RGB")  # before resizing: a palette's indices do not blend
                return np.asarray(rgb.resize((SIDE, SIDE), Image.Resampling.LANCZOS))
    except Exception as error:  # on damaged files the decoders raise whatever comes up
        raise InputError(f"{path}: broken image ({_one_line(error)}); {MEND}") from error


# --- synthetic: the stand-in ---


def synthetic(output, times=1):
    """Draw the stand-in, times as many examples in every split as the photographs have."""
    sizes = {split: times * n for split, n in standin.SPLITS.items()}
    with _progress(total=sum(sizes.values()), unit=" images") as bar:

        def chunks(split):
            for chunk in standin.chunks(split, sizes[split]):
                yield chunk
                bar.update(len(chunk[1]))

        splits = {split: (sizes[split], chunks(split)) for split in SPLITS}
        labels = write_npz(output, (standin.SIZE, standin.SIZE, 3), splits)
    report(output, labels, standin.CLASSES)


# --- octmnist: the 2023-24 edition ---

OCTMNIST_CLASSES = ("neovascularization", "macular edema", "drusen", "normal")
OCTMNIST_TEST = (182, 55, 42, 250)  # test images of classes 0 to 3 that the edition uses


def octmnist(source, output):
    """Cut MedMNIST's OCTMNIST down to the edition's: the first 182, 55, 42, 250 test images.

    Train and validation stay as they are; the test images kept stay in the file's order.

    Raises InputError for a file that is not OCTMNIST or has fewer test images than that.
    """
    if Path(output).exists() and os.path.exists(source) and os.path.samefile(source, output):
        raise InputError(f"{output}: would overwrite its own source; give another -output")
    arrays = utils.read_npz(source)
    labels = {split: arrays[f"{split}_labels"].ravel() for split in SPLITS}
    if max(y.max() for y in labels.values()) >= len(OCTMNIST_TEST):
        raise InputError(
            f"{source}: not OCTMNIST, it has labels above 3; give MedMNIST's octmnist.npz"
        )
    first = []
    for k, count in enumerate(OCTMNIST_TEST):
        of_class = np.flatnonzero(labels["test"] == k)
        if len(of_class) < count:
            raise InputError(
                f"{source}: has {len(of_class)} test images of class {k}, the edition uses {count};"
                " give MedMNIST's octmnist.npz"
            )
        first.append(of_class[:count])
    kept = {"test": np.sort(np.concatenate(first))}
    splits = {}
    for split in SPLITS:
        part = kept.get(split, slice(None))
        x, y = arrays[f"{split}_images"][part], labels[split][part]
        splits[split] = (len(y), [(x, y)])
    labels = write_npz(output, arrays["train_images"].shape[1:], splits)
    report(output, labels, OCTMNIST_CLASSES)


# --- cifar10: the binary version ---

CIFAR10_CLASSES = ("airplane", "automobile", "bird", "cat", "deer")
CIFAR10_CLASSES += ("dog", "frog", "horse", "ship", "truck")
CIFAR10_FOLDER = "cifar-10-batches-bin"
CIFAR10_BATCHES = {"train": "data_batch_1.bin", "val": "data_batch_2.bin", "test": "test_batch.bin"}
CIFAR10_RECORD = 1 + 3 * 32 * 32  # a label, then the red, the green and the blue plane
BATCH_LIMIT = 300 * 10**6  # bytes; a batch has 30,730,000
MEMBER_LIMIT = 64  # files in the archive; the authors' has 8


def cifar10(source, output):
    """Turn data_batch_1, data_batch_2 and test_batch into train, validation and test.

    Raises InputError where a batch is missing, is no whole number of records, or has a label
    above 9.
    """
    source = Path(source)
    if not source.exists():
        raise InputError(f"{source}: no such file; give cifar-10-binary.tar.gz or its folder")
    batches = _batches_in_folder(source) if source.is_dir() else _batches_in_archive(source)
    splits = {}
    for split, name in CIFAR10_BATCHES.items():
        if name not in batches:
            raise InputError(
                f"{source}: lacks {name}; give CIFAR-10's binary version, {SOURCES['cifar10'][0]}"
            )
        x, y = _records(batches[name], f"{source}: {name}")
        splits[split] = (len(y), [(x, y)])
    labels = write_npz(output, (32, 32, 3), splits)
    report(output, labels, CIFAR10_CLASSES)


def _records(content, name):
    """Images (n, 32, 32, 3) and labels (n,) of a batch's bytes."""
    if not content or len(content) % CIFAR10_RECORD:
        raise InputError(
            f"{name} has {len(content)} bytes, not a whole number of {CIFAR10_RECORD}-byte records;"
            " fetch it again"
        )
    records = np.frombuffer(content, np.uint8).reshape(-1, CIFAR10_RECORD)
    labels = records[:, 0]
    if labels.max() > 9:
        bad = int(np.argmax(labels > 9))
        raise InputError(
            f"{name} has label {labels[bad]} in record {bad}, labels go from 0 to 9;"
            " give CIFAR-10's binary version"
        )
    return records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), labels


def _batches_in_folder(folder):
    """dict of name -> bytes of the batches in the extracted folder, or in the one around it."""
    if (folder / CIFAR10_FOLDER).is_dir():
        folder = folder / CIFAR10_FOLDER
    batches = {}
    for name in CIFAR10_BATCHES.values():
        if (folder / name).is_file():
            _check_size(f"{folder}: {name}", (folder / name).stat().st_size)
            batches[name] = (folder / name).read_bytes()
    return batches


def _batches_in_archive(path):
    """dict of name -> bytes of the batches in the tar.gz, which is never unpacked to disk."""
    batches = {}
    try:
        with _BoundedGzip(path) as stream, tarfile.open(fileobj=stream, mode="r:") as archive:
            for i, member in enumerate(archive):
                _check_size(f"{path}: {member.name}", member.size)
                if i == MEMBER_LIMIT:
                    raise InputError(f"{path}: not CIFAR-10's archive, which has 8 files; fetch it")
                name = member.name.rpartition("/")[2]
                if member.isfile() and name in CIFAR10_BATCHES.values():
                    batches[name] = archive.extractfile(member).read()
                if len(batches) == len(CIFAR10_BATCHES):
                    break
    except (OSError, EOFError, ValueError, tarfile.TarError, zlib.error) as error:
        raise InputError(
            f"{path}: not a whole tar.gz ({_one_line(error)}); fetch it again"
        ) from error
    return batches


def _check_size(name, size):
    if size > BATCH_LIMIT:
        raise InputError(f"{name} claims {size} bytes, CIFAR-10's have 30730000; fetch it again")


class _BoundedGzip(gzip.GzipFile):
    """A gzip stream that refuses the single huge reads that a tar header can ask for."""

    def read(self, size=-1):
        if not 0 <= size <= BATCH_LIMIT:
            raise ValueError(f"a part claims {size} bytes")
        return super().read(size)


# --- download ---

RETRIES = 3  # after a transfer breaks off; each goes on where the one before stopped

# name: (address, MD5 where its authors publish it, file in data/)
SOURCES = {
    # the address in the handout of the 2024-25 edition
    "intel": (
        "https://drive.google.com/uc?id=16AzJIrmra4qWdY7wU9N1ew4bwadmNt4j",
        None,
        "intel_landscapes.npz",
    ),
    # MedMNIST's info.py
    "octmnist": (
        "https://zenodo.org/records/10519652/files/octmnist.npz?download=1",
        "c68d92d5b585d8d81f7112f81e2d0842",
        "octmnist_medmnist.npz",
    ),
    # the CIFAR-10 page
    "cifar10": (
        "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
        "c32a1d4ab5d03f1284b67883e8d87530",
        "cifar-10-binary.tar.gz",
    ),
}


def download(name, folder):
    """Fetch a data set into the folder, check it, and turn it into the homework's format."""
    url, md5, file_name = SOURCES[name]
    path = folder / file_name
    then = "" if name == "intel" else f" and run: python data/prepare.py {name} {path}"
    if md5 and path.is_file() and _md5(path) == md5:
        utils.notice(f"{path}: already here")
    else:
        try:
            fetch(url, path, md5, check=utils.read_npz if name == "intel" else None)
        except (OSError, InputError) as error:
            raise InputError(
                f"cannot download {name} ({_one_line(error)}); fetch {url} by hand, save it as"
                f" {path}{then}"
            ) from error
    if name == "intel":
        arrays = utils.read_npz(path)
        labels = {split: arrays[f"{split}_labels"].ravel() for split in SPLITS}
        report(path, labels, standin.CLASSES)
    elif name == "octmnist":
        octmnist(path, folder / "octmnist.npz")
    else:
        cifar10(path, folder / "cifar10.npz")


def fetch(url, path, md5=None, check=None):
    """Download a file; it takes its name only when whole, its MD5 right and check(file) content.

    Raises OSError where there is no connection, the server refuses or the disk is full, and
    InputError where the MD5 differs or check raises it.
    """
    import gdown

    digest = hashlib.md5(usedforsecurity=False)
    with (
        _progress(unit="B", unit_scale=True, desc=path.name) as bar,
        tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder,
    ):
        part = Path(folder) / path.name

        def show(received, total):
            bar.total = total
            bar.update(received - bar.n)

        try:
            gdown.download(
                url,
                str(part),
                quiet=True,
                use_cookies=False,
                timeout=30,
                retries=RETRIES,
                hasher=digest,
                progress=show,
            )
        except gdown.exceptions.DownloadError as error:
            raise OSError(str(error)) from error
        if md5 and digest.hexdigest() != md5:
            raise InputError(f"its MD5 is {digest.hexdigest()}, its authors publish {md5}")
        if check:
            check(part)
        part.chmod(0o644)  # as fetched it is its owner's alone
        os.replace(part, path)


def _md5(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def _one_line(error):
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else text[:197] + "..."


# --- unpack: a data file as a folder, which a run reads from disk ---


def unpack(source, folder):
    """Copy the six arrays of an npz into .npy files in a new folder, never whole in memory.

    The folder takes its name only when it is whole and `utils.open_folder` takes it.

    Raises InputError where the file is missing or damaged or no data set, its images are not uint8
    in C order, or the folder is there already or cannot be made.
    """
    source, folder = Path(source), Path(folder)
    if os.path.lexists(folder):
        raise InputError(f"{folder}: is there already; remove it or give another name")
    if not folder.parent.is_dir():
        raise InputError(f"{folder}: there is no folder {folder.parent}; make it")
    with (
        utils.writing(folder, utils.NO_ROOM),
        tempfile.TemporaryDirectory(prefix=f".{folder.name[:40]}-", dir=folder.parent) as parent,
    ):
        whole = Path(parent) / "whole"
        whole.mkdir()
        with _progress(unit="B", unit_scale=True) as bar:
            for key, piece in utils.npz_pieces(source):
                with open(whole / f"{key}.npy", "ab") as file:
                    file.write(piece)
                bar.update(len(piece))
        for path in whole.iterdir():
            with open(path, "ab") as file:
                os.fsync(file.fileno())
        arrays = utils.open_folder(whole, called=source)
        labels = {split: arrays[f"{split}_labels"] for split in SPLITS}
        os.rename(whole, folder)
    report(folder, labels, [f"class {k}" for k in range(labels["train"].max() + 1)])


# --- The command line ---


def _parser():
    parser = utils.Parser(description="Make the data files of the homework.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name, file_name, text):
        sub = commands.add_parser(name, help=text, description=text)
        if file_name:
            sub.add_argument(
                "-output",
                type=Path,
                default=DATA / file_name,
                metavar="NPZ",
                help=f"file to write (default: data/{file_name}, beside this script)",
            )
        return sub

    sub = command("images", "intel_landscapes.npz", "from the Intel folders, one folder a class")
    sub.add_argument("seg_train", metavar="SEG_TRAIN", help="folder of the training images")
    sub.add_argument("seg_test", metavar="SEG_TEST", help="folder of the test images")
    sub.add_argument(
        "-seed",
        type=utils.whole_number(0, 2**32 - 1),
        default=42,
        help="seed of the split into training and validation (default: 42)",
    )
    sub = command("synthetic", "synthetic.npz", "draw the stand-in for trying, testing and timing")
    sub.add_argument(
        "-times",
        type=utils.whole_number(1, 10_000),
        default=1,
        metavar="N",
        help="this many times 12,630 / 1,404 / 3,000 examples (default: 1)",
    )
    sub = command("download", None, "fetch a published data set into data/ and convert it")
    sub.add_argument("name", choices=SOURCES, help="which data set")
    sub = command(
        "octmnist", "octmnist.npz", "the 2023-24 edition's part of MedMNIST's octmnist.npz"
    )
    sub.add_argument("file", metavar="FILE", type=Path, help="MedMNIST's octmnist.npz")
    sub = command("cifar10", "cifar10.npz", "from CIFAR-10's binary version")
    sub.add_argument(
        "source",
        metavar="FILE_OR_FOLDER",
        type=Path,
        help=f"cifar-10-binary.tar.gz or the folder {CIFAR10_FOLDER}",
    )
    sub = command("unpack", None, "turn an npz file into a folder for data larger than memory")
    sub.add_argument("file", metavar="FILE", type=Path, help="the npz file")
    sub.add_argument("folder", metavar="FOLDER", type=Path, help="the folder to make")
    return parser


def main(argv=None):
    """Run one command. Raises what its function does; InputError where a module is missing."""
    args = _parser().parse_args(argv)
    try:
        if args.command == "images":
            images(args.seg_train, args.seg_test, args.output, args.seed)
        elif args.command == "synthetic":
            synthetic(args.output, args.times)
        elif args.command == "download":
            download(args.name, DATA)
        elif args.command == "octmnist":
            octmnist(args.file, args.output)
        elif args.command == "unpack":
            unpack(args.file, args.folder)
        else:
            cifar10(args.source, args.output)
    except ModuleNotFoundError as error:
        raise InputError(
            f"module {error.name} is missing; pip install -r requirements.txt"
        ) from error


if __name__ == "__main__":
    utils.run_script(main)
