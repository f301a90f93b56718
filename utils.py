"""What a homework script needs around its models: loading the images, seeding, drawing the curves.

`configure_seed`, `load_dataset`, `load_oct_data` and `ClassificationDataset` are those of the course's
skeletons. A student's script runs beside this file alone: it needs NumPy to load, torch for
`ClassificationDataset` and matplotlib to draw, each imported when it is needed.
"""

import contextlib
import math
import os
import random
import sys
import textwrap
import zipfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent
SPLITS = ("train", "val", "test")
KEYS = [f"{split}_{part}" for split in SPLITS for part in ("images", "labels")]
# The 2023-24 edition tests on so many images of each of OCTMNIST's four classes, the first ones.
OCT_TEST_IMAGES = (182, 55, 42, 250)
# Photographs shrink two- to fivefold in a zip, a zip bomb a thousandfold. The allowance, in bytes, lets
# small, very regular test images pass.
MAX_EXPANSION, EXPANSION_ALLOWANCE = 64, 64 * 2**20


class InputError(Exception):
    """An input that cannot be used: one line that says what is wrong and what to do, for exit status 2."""


def notice(message):
    """Print `message` on standard error: standard output is for the results alone."""
    with contextlib.suppress(OSError):  # a log on a full disk, a terminal that was closed
        print(message, file=sys.stderr, flush=True)


def configure_seed(seed):
    """Seed Python's and NumPy's global generators, and torch's where torch has been imported."""
    os.environ["PYTHONHASHSEED"] = str(seed)
    random.seed(seed)
    np.random.seed(seed)
    if "torch" in sys.modules:
        import torch

        torch.manual_seed(seed)
        torch.backends.cudnn.deterministic = True
        torch.backends.cudnn.benchmark = False


# --- Loading


def read_npz(path):
    """Read an image data set in the course's format, which is MedMNIST's, trusting nothing in the file.

    path : of an .npz with `{train,val,test}_images`, uint8 of shape (n, height, width) or (n, height,
        width, channels), and `{train,val,test}_labels`, integers from 0 of shape (n,) or (n, 1).

    Returns a dict of the six arrays, labels as int64 of shape (n,). InputError where the file is missing,
    damaged or not of this format. Pickled objects are never loaded, and no more memory is taken than the
    file's size on disk can account for.
    """
    with opened_npz(path) as archive:
        arrays = {key: read_member(archive, key) for key in KEYS}
    return checked(arrays, path)


@contextlib.contextmanager
def opened_npz(path):
    """Open an npz of the six arrays; whatever is wrong with it becomes an InputError."""
    if os.path.isdir(path):
        raise InputError(f"{path}: is a folder, not an .npz file")
    if not os.path.exists(path):
        advice = "'python data/prepare.py -h' says how to make or fetch one"
        raise InputError(f"{path}: no such file; {advice}")
    if not os.path.isfile(path):
        raise InputError(f"{path}: is not a regular file; give an .npz file")
    damage = damage_as_input_error(path, "damaged or not an npz file")
    with damage, zipfile.ZipFile(path) as archive:
        for key in KEYS:
            if f"{key}.npy" not in archive.namelist():
                needed = "an image data set has images and labels for train, val and test"
                raise InputError(f"{path}: lacks the array '{key}'; {needed}")
        yield archive


@contextlib.contextmanager
def damage_as_input_error(path, what):
    """Make whatever zipfile, decompressors and parsers raise an InputError, which starts "path: what"."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{path}: {what} ({reason}); make or fetch it again") from error


@contextlib.contextmanager
def opened_member(archive, key):
    """Open the array `key` of an npz; yields a stream of its .npy bytes and how many there are.

    ValueError where it claims more bytes than the archive's file can hold; KeyError without it.
    """
    member = archive.getinfo(f"{key}.npy")
    size = os.fstat(archive.fp.fileno()).st_size
    if member.file_size > MAX_EXPANSION * size + EXPANSION_ALLOWANCE:
        claimed = f"'{key}' claims {member.file_size} bytes"
        raise ValueError(f"{claimed}, which a file of {size} bytes cannot hold")
    with archive.open(member) as stream:
        yield stream, member.file_size


def read_header(stream, size, key):
    """(shape, fortran_order, dtype) of an .npy stream of `size` bytes.

    ValueError where the header does not match that size, and for pickled objects.
    """
    version = np.lib.format.read_magic(stream)
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in readers:
        raise ValueError(f"'{key}' is of npy version {version}")
    shape, _, dtype = header = readers[version](stream)
    if dtype.hasobject:
        raise ValueError(f"'{key}' holds pickled objects, which are never loaded")
    n_bytes = math.prod(shape) * dtype.itemsize
    if min(shape, default=0) < 0 or dtype.itemsize == 0 or n_bytes != size - stream.tell():
        raise ValueError(f"the header of '{key}' does not match its data")
    return header


def read_member(archive, key):
    """The array `key` of an open npz archive, its header checked before memory is taken."""
    with opened_member(archive, key) as (stream, size):
        read_header(stream, size, key)
        stream.seek(0)
        array = np.lib.format.read_array(stream, allow_pickle=False)
        stream.read(1)  # reaches the end, where the archive's checksum is compared
    return array


def checked(arrays, path):
    """The six arrays as uint8 images and int64 labels; InputError if they are no data set."""

    def refuse(wrong, what):
        if wrong:
            raise InputError(f"{path}: {what}")

    valid, expected = {}, arrays["train_images"].shape[1:]
    for split in SPLITS:
        images, labels = arrays[f"{split}_images"], arrays[f"{split}_labels"]
        shape, size = images.shape, images.shape[1:]
        allowed = "images are (n, height, width) or (n, height, width, channels)"
        refuse(
            len(shape) not in (3, 4) or 0 in size, f"{split}_images has shape {shape}; {allowed}"
        )
        wrong = labels.ndim not in (1, 2) or labels.shape[1:] not in ((), (1,))
        refuse(wrong, f"{split}_labels has shape {labels.shape}, not (n,) or (n, 1)")
        n, m = len(images), len(labels)
        refuse(n == 0, f"the {split} split is empty")
        refuse(n != m, f"{split} has {n} images and {m} labels")
        refuse(size != expected, f"{split}_images are {size} each, train_images {expected}")
        if images.dtype != np.uint8:
            advice = "pixels are integers, so save them as uint8 from 0 to 255"
            refuse(images.dtype.kind not in "iu", f"{split}_images are {images.dtype}; {advice}")
            outside = images.min() < 0 or images.max() > 255
            refuse(outside, f"{split}_images has pixels outside 0 to 255")
            images = images.astype(np.uint8)
        refuse(labels.dtype.kind not in "iu", f"{split}_labels are {labels.dtype}, not integers")
        refuse(labels.min() < 0, f"{split}_labels has a negative label")
        valid[f"{split}_images"] = images

    classes = np.unique(arrays["train_labels"]).tolist()
    refuse(len(classes) == 1, "train_labels has a single class; there is nothing to tell apart")
    for c, label in enumerate(classes):
        gap = f"train_labels lacks class {c}; classes are numbered from 0 without gaps"
        refuse(label != c, gap)
    for split in SPLITS:
        labels = arrays[f"{split}_labels"]
        most = labels.max()
        refuse(most >= len(classes), f"{split}_labels has class {most}, which training lacks")
        valid[f"{split}_labels"] = labels.astype(np.int64).reshape(-1)
    return valid


def load_dataset(data_path, bias=False):
    """Load the npz file of `read_npz` as the course's skeleton does, as floats all at once.

    Returns {"train": (X, y), "dev": (X, y), "test": (X, y)} with X a float64 array of shape
    (n, features), pixels / 256, with `bias` also a last column of ones, and y (n,) of int64.
    """
    arrays = read_npz(data_path)
    data = {}
    for name, split in zip(("train", "dev", "test"), SPLITS, strict=True):
        images = arrays.pop(f"{split}_images")
        X = images.reshape(len(images), -1) / 256
        if bias:
            X = np.hstack([X, np.ones((len(X), 1))])
        data[name] = (X, arrays.pop(f"{split}_labels"))
    return data


def load_oct_data(data_path=None, bias=False):
    """`load_dataset` for the 2023-24 skeleton: OCTMNIST with that edition's 529 test images.

    data_path : MedMNIST's file or the edition's; without it octmnist.npz here or in data/.
    """
    here, there = Path("octmnist.npz"), ROOT / "data" / "octmnist.npz"
    data_path = data_path or (here if here.exists() else there)
    data = load_dataset(data_path, bias)
    if data["train"][1].max() + 1 != len(OCT_TEST_IMAGES):
        raise InputError(f"{data_path}: not OCTMNIST, which has four classes; use load_dataset")
    X, y = data["test"]
    kept = [np.flatnonzero(y == c)[:count] for c, count in enumerate(OCT_TEST_IMAGES)]
    kept = np.sort(np.concatenate(kept))
    data["test"] = (X[kept], y[kept])
    return data


class ClassificationDataset:
    """What `load_dataset` returns as tensors, named as in the course's skeleton.

    X, dev_X, test_X are float32 of shape (n, features); y, dev_y, test_y int64 of shape (n,). Indexing
    gives a training example (x_i, y_i), as a torch DataLoader asks.
    """

    def __init__(self, data):
        import torch

        def tensors(X, y):
            return torch.tensor(X, dtype=torch.float32), torch.tensor(y, dtype=torch.long)

        self.X, self.y = tensors(*data["train"])
        self.dev_X, self.dev_y = tensors(*data["dev"])
        self.test_X, self.test_y = tensors(*data["test"])

    def __len__(self):
        return len(self.X)

    def __getitem__(self, index):
        return self.X[index], self.y[index]


# --- Drawing


@contextlib.contextmanager
def default_style():
    """Draw as matplotlib is shipped, whatever a matplotlibrc, a style or MPLBACKEND says.

    Also a decorator: what is drawn, and what is written to a file, belongs inside.
    """
    if "matplotlib" not in sys.modules:
        # Its import fails where this names a backend that it does not know.
        backend = os.environ.pop("MPLBACKEND", None)
        import matplotlib

        matplotlib.rcdefaults()
        if backend is not None:
            os.environ["MPLBACKEND"] = backend
            with contextlib.suppress(ValueError):
                matplotlib.rcParams["backend"] = backend
    import matplotlib

    with matplotlib.rc_context(matplotlib.rcParamsDefault):
        yield


@default_style()
def new_figure(size, title="", show=False, margins=None):
    """An empty titled figure of `size` inches; one that `plt.show()` opens, if `show`.

    margins : (left, right, bottom) of its axes in inches; without them matplotlib finds room for
        every label, which takes as long as drawing does.
    """
    from matplotlib.figure import Figure

    kind = {"figsize": size, "layout": None if margins else "constrained"}
    if show:
        from matplotlib import pyplot

        try:
            figure = pyplot.figure(**kind)
        except ImportError:  # the backend that was asked for cannot open windows
            pyplot.switch_backend("agg")
            figure = pyplot.figure(**kind)
    else:
        figure = Figure(**kind)
    lines = [textwrap.fill(line, int(13 * size[0])) for line in title.splitlines()]
    text, (width, height) = "\n".join(lines), size
    if margins:
        left, right, bottom = margins
        above = 0.2 + 0.17 * len(text.splitlines())
        figure.subplots_adjust(left / width, bottom / height, 1 - right / width, 1 - above / height)
    if title:
        # A name may hold a $, which matplotlib would read as the start of a formula.
        where = {"y": 1 - 0.08 / height} if margins else {}
        figure.suptitle(text, fontsize="medium", parse_math=False, **where)
    return figure


@default_style()
def plot_curves(epochs, curves, ylabel, title, best=None, show=False, log_from=30):
    """A matplotlib Figure of one or more curves against the epochs.

    epochs, curves : their numbers; {label: a value per epoch}, a gap where it is not finite.
    ylabel : the quantity, with its unit if it has one.
    title : model, settings and data set; long lines are wrapped.
    best : label of the curve whose highest point is marked, or None.
    show : make a figure that `plt.show()` opens in a window?
    log_from : a logarithmic axis is drawn where the greatest value is so many times the least;
        where the first epoch is why, the others have an axis of their own beside it.
    """
    # The legend lies below, in as many columns as fit: 14 characters are an inch.
    columns = max(1, min(3, int(6.4 * 14 / (max(map(len, curves)) + 7))))
    below = 0.6 + 0.21 * math.ceil((len(curves) + (best in curves)) / columns)
    figure = new_figure((6.4, 3.6 + below), title, show, margins=(0.75, 0.2, below))
    curves = {label: np.asarray(values, float) for label, values in curves.items()}
    curves = {label: np.where(np.isfinite(y), y, np.nan) for label, y in curves.items()}
    whole, later = _span(curves.values()), _span(y[1:] for y in curves.values())
    beside = len(epochs) > 2 and whole > log_from >= later
    panels = figure.subplots(1, 1 + beside, squeeze=False)[0]
    for skipped, axes in enumerate(panels):
        x = epochs[skipped:]
        for i, (label, y) in enumerate(curves.items()):
            style = ["-", "--", ":", "-."][i // 10 % 4]  # there are ten colours
            axes.plot(x, y[skipped:], style, marker="." if len(x) <= 30 else None, label=label)
        axes.set_xticks(round_ticks(x[0], x[-1], 4 if beside else 6))
        axes.ticklabel_format(axis="y", useOffset=False, scilimits=(-6, 7))
        axes.grid(alpha=0.3)
        axes.set_xlabel(f"epoch, from {x[0]} on" if skipped else "epoch")
    axes = panels[0]
    if best in curves and not np.isnan(curves[best]).all():
        at = int(np.nanargmax(curves[best]))
        highest, color = curves[best][at], axes.lines[list(curves).index(best)].get_color()
        label = f"best {best}: {highest:.4f}, epoch {epochs[at]}"
        axes.plot(epochs[at], highest, "o", ms=8, fillstyle="none", color=color, label=label)
    if whole > log_from:  # the NumPy MLP's loss falls from hundreds to one
        axes.set_yscale("log", subs=[2, 5])
        for set_formatter in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
            set_formatter(lambda value, _: np.format_float_positional(value, 6, trim="-"))
        ylabel += ", log scale"
    if all(np.isnan(y).all() for y in curves.values()):
        axes.text(0.5, 0.5, "no finite value", transform=axes.transAxes, ha="center")
    axes.set_ylabel(ylabel)
    labelled = axes.get_legend_handles_labels()
    figure.legend(*labelled, loc="lower center", ncols=columns, frameon=False)
    return figure


def round_ticks(first, last, most):
    """Round numbers for an axis from `first` to `last`, at most `most` steps, `last` among them."""
    steps = (digit * 10**power for power in range(10) for digit in (1, 2, 5))
    step = next(step for step in steps if last - first <= step * most)
    start = first if step == 1 else first // step * step
    return [tick for tick in range(start, last, step) if last - tick >= step / 2] + [last]


def _span(curves):
    """How many times the least of the positive values the greatest is; nan counts for nothing."""
    values = np.concatenate(list(curves))
    positive = values[values > 0]
    return positive.max() / positive.min() if positive.size else 1.0
