"""What the homework's scripts share: loading the images, seeding, plotting.

A student's own skeleton runs unchanged beside this file: `configure_seed`, `load_dataset` and
`ClassificationDataset` are the course's. The scripts of this repository read the same files
through `read_data` and `Pixels`, which keep the images as bytes, in memory or, from a folder of
.npy files, on disk, and turn them into floats a block at a time. Neither torch nor matplotlib is
imported before something needs it.
"""

import argparse
import contextlib
import errno
import hashlib
import importlib.util
import math
import mmap
import os
import random
import signal
import sys
import tempfile
import textwrap
import threading
import zipfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent
SPLITS = ("train", "val", "test")
KEYS = [f"{split}_{part}" for split in SPLITS for part in ("images", "labels")]

# A file may not claim to hold much more than its size on disk: photographs shrink two- to
# fivefold in a zip, a zip bomb a thousandfold.
MAX_EXPANSION = 64
EXPANSION_ALLOWANCE = 64 * 2**20  # bytes; lets small, very regular test images pass


# Error numbers of a disk that takes no more. They come from writing alone.
NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}


class InputError(Exception):
    """An input that cannot be used: the message is one line that says what is wrong and what to do.

    The scripts print it on standard error and leave with exit status 2.
    """


class NotWritten(OSError):
    """`filename` cannot be written, `strerror` says why: one line, and exit status 1."""


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose errors are one line on standard error, with exit status 2."""

    def error(self, message):
        self.exit(2, f"{self.prog}: {message} ('{self.prog} -h' lists the options)\n")


def whole_number(least, most):
    """An argparse type: a whole number from `least` to `most`."""

    def parse(text):
        digits = text.isascii() and text.isdigit() and len(text) < 100  # int() refuses thousands
        if not digits or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(
                f"must be a whole number from {least:,} to {most:,}, not {text[:40]}"
            )
        return int(text)

    return parse


def notice(message):
    """Print `message` on standard error: standard output is for the results alone."""
    with contextlib.suppress(OSError):  # a log on a full disk, a terminal that was closed
        print(message, file=sys.stderr, flush=True)


class Stopped(KeyboardInterrupt):
    """The program was asked to stop: by Ctrl-C, SIGTERM or the closing of its terminal."""

    def __init__(self, signum):
        super().__init__(signum)
        self.signum = signum


@contextlib.contextmanager
def stoppable():
    """Have the signals that ask for a stop raise `Stopped`; a second one ends the program at once.

    A signal that is ignored, as nohup asks, stays ignored.
    """

    def stop(signum, frame):
        for number in before:
            signal.signal(number, signal.SIG_DFL)
        raise Stopped(signum)

    before = {}
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            before[number] = signal.getsignal(number)
            signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            if signal.getsignal(number) is stop:  # else stopping is under way: not held up again
                signal.signal(number, handler)


def drop_output():
    """Turn standard output to nowhere, so that what it could not take is not tried again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def run_script(main):
    """Run a script's main(): bad input is one line and exit status 2, a file that cannot be written
    one line and 1; a stop is one line and 130 for Ctrl-C, 143 for SIGTERM, 129 for a terminal that
    was closed.
    """
    # Closed by whoever started us. print() for standard error would turn to standard output.
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
    try:
        with stoppable():
            main()
    except BrokenPipeError:  # the reader of standard output, `head` say, has left
        drop_output()
        sys.exit(1)
    except (InputError, OSError) as error:
        message, status = " ".join(str(error).split()), 2
        if isinstance(error, NotWritten) or getattr(error, "errno", None) in NO_ROOM:
            what = error.filename or "standard output"
            message, status = f"{what}: cannot be written ({error.strerror})", 1
            if not error.filename:
                drop_output()
        notice(f"{Path(sys.argv[0]).name}: {message}")
        sys.exit(status)
    except MemoryError as error:
        notice(f"{Path(sys.argv[0]).name}: not enough memory ({error}); ask for smaller sizes")
        sys.exit(2)
    except Stopped as stopped:
        notice("stopped; there was nothing to keep")
        sys.exit(128 + stopped.signum)


def load_script(name):
    """A script as a module; `name` is its file's from here, often with a dash, which import refuses."""
    spec = importlib.util.spec_from_file_location(Path(name).stem.replace("-", "_"), ROOT / name)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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


# --------------------------------------------------------------------------------------------
# Loading


def read_data(path):
    """The data set at `path`: an npz file (see `read_npz`) or a folder (see `open_folder`)."""
    return open_folder(path) if os.path.isdir(path) else read_npz(path)


def read_npz(path):
    """Read an image data set in the course's format, trusting nothing that the file says.

    Parameters
    ----------
    path : path of an .npz with `{train,val,test}_images`, uint8 of shape (n, height, width) or
        (n, height, width, channels), and `{train,val,test}_labels`, integers from 0 of shape
        (n,) or (n, 1). MedMNIST publishes the same format.

    Returns
    -------
    dict of the six arrays: images as uint8 in the file's shape, labels as int64 of shape (n,).

    Raises
    ------
    InputError
        Where the file is missing, damaged or not of this format. Pickled objects are never
        loaded, and no more memory is taken than the file's size on disk can account for.
    """
    path = Path(path)
    with _opened_npz(path) as archive:
        arrays = {key: read_member(archive, key) for key in KEYS}
    return _checked(arrays, path)


@contextlib.contextmanager
def _opened_npz(path):
    """Open an npz of the six arrays; whatever is wrong with it becomes an InputError."""
    if os.path.isdir(path):
        raise InputError(f"{path}: is a folder, not an .npz file")
    if not os.path.exists(path):
        raise InputError(
            f"{path}: no such file; 'python data/prepare.py -h' says how to make or fetch one"
        )
    if not os.path.isfile(path):
        raise InputError(f"{path}: is not a regular file; give an .npz file")
    with (
        _damage_as_input_error(path, "damaged or not an npz file"),
        zipfile.ZipFile(path) as archive,
    ):
        for key in KEYS:
            if f"{key}.npy" not in archive.namelist():
                raise InputError(
                    f"{path}: lacks the array '{key}'; an image data set has images and labels for "
                    "train, val and test"
                )
        yield archive


@contextlib.contextmanager
def _damage_as_input_error(path, what):
    """Turn what reading a damaged file raises into an InputError, which starts "path: what".

    zipfile, its decompressors and the parsers of headers raise whatever comes up, MemoryError for
    deep nesting among it.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{path}: {what} ({reason}); make or fetch it again") from error


@contextlib.contextmanager
def _opened_member(archive, key):
    """Open the array `key` of an npz; yields a stream of its .npy bytes and how many there are.

    ValueError where it claims more bytes than the archive's file can hold; KeyError without it.
    """
    member = archive.getinfo(f"{key}.npy")
    size = os.fstat(archive.fp.fileno()).st_size
    if member.file_size > MAX_EXPANSION * size + EXPANSION_ALLOWANCE:
        raise ValueError(
            f"'{key}' claims {member.file_size} bytes, which a file of {size} bytes cannot hold"
        )
    with archive.open(member) as stream:
        yield stream, member.file_size


def _read_header(stream, size, key):
    """(shape, fortran_order, dtype) of an .npy stream of `size` bytes.

    ValueError where the header does not match that size, and for pickled objects.
    """
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        header = np.lib.format.read_array_header_1_0(stream)
    elif version == (2, 0):
        header = np.lib.format.read_array_header_2_0(stream)
    else:
        raise ValueError(f"'{key}' is of npy version {version}")
    shape, _, dtype = header
    if dtype.hasobject:
        raise ValueError(f"'{key}' holds pickled objects, which are never loaded")
    n_bytes = math.prod(shape) * dtype.itemsize
    if min(shape, default=0) < 0 or dtype.itemsize == 0 or n_bytes != size - stream.tell():
        raise ValueError(f"the header of '{key}' does not match its data")
    return header


def read_member(archive, key):
    """The array `key` of an open npz archive, its header checked before memory is taken.

    Raises ValueError where the header claims what the file cannot hold or does not match the data,
    and for pickled objects, which are never loaded; on damage whatever zipfile and NumPy raise.
    """
    with _opened_member(archive, key) as (stream, size):
        shape, fortran_order, dtype = _read_header(stream, size, key)
        array = np.empty(math.prod(shape), dtype)
        rest = memoryview(array).cast("B") if array.nbytes else b""
        while rest:
            chunk = stream.read(min(len(rest), 2**20))
            if not chunk:
                raise EOFError(f"'{key}' ends early")
            rest[: len(chunk)] = chunk
            rest = rest[len(chunk) :]
        stream.read(1)  # reaches the end, where the archive's checksum is compared
    return array.reshape(shape, order="F" if fortran_order else "C")


def npz_pieces(path, size=2**20):
    """Yield (key, piece) of an npz, key by key: the bytes of the six .npy files, as they are.

    Raises InputError where the archive is damaged or lacks an array; what the arrays hold is left
    to `open_folder`, which can read the files made of the pieces.
    """
    path = Path(path)
    with _opened_npz(path) as archive:
        for key in KEYS:
            with _opened_member(archive, key) as (stream, _):
                while piece := stream.read(size):
                    yield key, piece


def open_folder(folder, called=None):
    """Open a data set larger than memory: the arrays of `read_npz` as .npy files in a folder.

    Parameters
    ----------
    folder : holds train_images.npy, train_labels.npy and so on, as `read_npz` describes the arrays;
        images in C order. `python data/prepare.py unpack FILE.npz FOLDER` makes one.
    called : what messages call it, if not `folder`.

    Returns
    -------
    dict as of `read_npz`, but with the images as `StoredImages`, which stay in their files; labels
    are read.

    Raises
    ------
    InputError where a file is missing, damaged, or not of this format.
    """
    folder, called = Path(folder), called or folder
    arrays = {}
    for key in KEYS:
        path = folder / f"{key}.npy"
        if not os.path.lexists(path):
            raise InputError(
                f"{called}: lacks {path.name}; a data folder has images and labels for train, val "
                "and test, as 'python data/prepare.py unpack' makes them from an .npz file"
            )
        if not os.path.isfile(path):
            raise InputError(f"{called}: {path.name} is not a regular file")
        stream = open(path, "rb", buffering=0)  # noqa: SIM115, stays open for the images
        with _damage_as_input_error(called, f"{path.name} is damaged or not an npy file"):
            size = os.fstat(stream.fileno()).st_size
            shape, fortran_order, dtype = _read_header(stream, size, key)
            if key.endswith("labels"):
                mapped = mmap.mmap(stream.fileno(), size, access=mmap.ACCESS_READ)
                order = "F" if fortran_order else "C"
                arrays[key] = np.ndarray(shape, dtype, mapped, stream.tell(), order=order)
                stream.close()
            elif dtype == np.uint8 and not fortran_order:
                arrays[key] = StoredImages(stream, stream.tell(), shape)
            else:
                raise InputError(
                    f"{called}: {path.name} is {dtype} in {'CF'[fortran_order]} order; images that "
                    "stay in their file are uint8 in C order"
                )
    return _checked(arrays, called)


class StoredImages:
    """The images of an .npy file, which stay there: what is asked for is read, and not kept.

    `images[rows]`, `rows` a slice of step 1 or an array of integers, is a new uint8 ndarray.
    `shape`, `ndim`, `dtype` and `len` are those of an ndarray, so that code which takes rows of
    images takes either.

    Rows are read by their position. A memory map would do as well, but all that it touches counts
    as this process's memory until it is given back, and for each row of a shuffled block today's
    Linux maps up to 2 MB around it.

    stream : the file, open for reading bytes without a buffer.
    offset : where in it the first image starts.
    shape : (n, height, width) or (n, height, width, channels); (n, features) of a `flat` view.
    reading : the lock of those who share the stream, of whom one reads at a time; None for a new one.
    """

    dtype = np.dtype(np.uint8)

    def __init__(self, stream, offset, shape, reading=None):
        self.stream, self.offset, self.shape = stream, offset, shape
        self.ndim = len(shape)
        self.reading = reading or threading.Lock()

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, rows):
        if isinstance(rows, slice):
            start, stop, _ = rows.indices(len(self))
            block = np.empty((max(stop - start, 0), *self.shape[1:]), np.uint8)
            self._read_into(block, start)
        else:
            block = np.empty((len(rows), *self.shape[1:]), np.uint8)
            for image, row in zip(block, rows.tolist(), strict=True):
                self._read_into(image, row)
        return block

    def _read_into(self, array, row):
        """Fill the array with what the file holds from this row on."""
        rest = memoryview(array).cast("B") if array.size else b""
        with self.reading:
            self.stream.seek(self.offset + row * math.prod(self.shape[1:]))
            while rest:
                n_bytes = self.stream.readinto(rest)
                if not n_bytes:
                    raise InputError(f"{self.stream.name}: has become shorter since it was opened")
                rest = rest[n_bytes:]


def flat(images):
    """Images (n, height, width[, channels]) as the rows of a matrix, (n, features)."""
    if isinstance(images, StoredImages):
        shape = len(images), math.prod(images.shape[1:])
        return StoredImages(images.stream, images.offset, shape, images.reading)
    return images.reshape(len(images), -1)


def _checked(arrays, path):
    """The six arrays as uint8 images and int64 labels; InputError if they are no data set."""
    checked = {}
    for split in SPLITS:
        images, labels = arrays[f"{split}_images"], arrays[f"{split}_labels"]
        if images.ndim not in (3, 4) or 0 in images.shape[1:]:
            raise InputError(
                f"{path}: {split}_images has shape {images.shape}; images are "
                "(n, height, width) or (n, height, width, channels)"
            )
        if len(images) == 0:
            raise InputError(f"{path}: the {split} split is empty")
        if labels.ndim not in (1, 2) or labels.shape[1:] not in ((), (1,)):
            raise InputError(f"{path}: {split}_labels has shape {labels.shape}, not (n,) or (n, 1)")
        if len(images) != len(labels):
            raise InputError(f"{path}: {split} has {len(images)} images and {len(labels)} labels")
        if images.shape[1:] != arrays["train_images"].shape[1:]:
            raise InputError(
                f"{path}: {split}_images are {images.shape[1:]} each, train_images "
                f"{arrays['train_images'].shape[1:]}"
            )
        if images.dtype != np.uint8:
            if images.dtype.kind not in "iu":
                raise InputError(
                    f"{path}: {split}_images are {images.dtype}; pixels are integers, so save them "
                    "as uint8 from 0 to 255"
                )
            if images.min() < 0 or images.max() > 255:
                raise InputError(f"{path}: {split}_images has pixels outside 0 to 255")
            images = images.astype(np.uint8)
        if labels.dtype.kind not in "iu":
            raise InputError(f"{path}: {split}_labels are {labels.dtype}, not integers")
        if labels.min() < 0:
            raise InputError(f"{path}: {split}_labels has a negative label")
        checked[f"{split}_images"] = images

    classes = np.unique(arrays["train_labels"])
    if len(classes) == 1:
        raise InputError(f"{path}: train_labels has a single class; there is nothing to tell apart")
    if classes[-1] != len(classes) - 1:
        missing = next(c for c, label in enumerate(classes) if label != c)
        raise InputError(
            f"{path}: train_labels lacks class {missing}; classes are numbered from 0 without gaps"
        )
    for split in SPLITS:
        labels = arrays[f"{split}_labels"]
        if labels.max() >= len(classes):
            raise InputError(
                f"{path}: {split}_labels has class {labels.max()}, which training lacks"
            )
        checked[f"{split}_labels"] = labels.astype(np.int64).reshape(-1)
    return checked


def load_dataset(data_path, bias=False):
    """Load a data set as the course's skeleton does, as floats all at once.

    Parameters
    ----------
    data_path : path of the npz file, or of a folder (see `read_data`).
    bias : append a column of ones to the features?

    Returns
    -------
    {"train": (X, y), "dev": (X, y), "test": (X, y)} with X a float64 array of shape
    (n, features), pixels / 256, and y an int64 array of shape (n,).

    Raises
    ------
    InputError where `read_data` does.
    """
    arrays = read_data(data_path)
    data = {}
    for name, split in zip(("train", "dev", "test"), SPLITS, strict=True):
        pixels = Pixels(arrays.pop(f"{split}_images"), bias=bias)
        data[name] = (pixels[:], arrays.pop(f"{split}_labels"))
    return data


class ClassificationDataset:
    """The tensors of a data set, as the course's skeleton names them.

    `data` is what `load_dataset` returns. X, dev_X, test_X are float32 tensors of shape
    (n, features); y, dev_y, test_y int64 tensors of shape (n,). Indexing gives a training example
    (x_i, y_i), so that a torch DataLoader takes the object as it is.
    """

    def __init__(self, data):
        import torch

        def tensors(split):
            X, y = data[split]
            return torch.tensor(X, dtype=torch.float32), torch.tensor(y, dtype=torch.long)

        self.X, self.y = tensors("train")
        self.dev_X, self.dev_y = tensors("dev")
        self.test_X, self.test_y = tensors("test")

    def __len__(self):
        return len(self.X)

    def __getitem__(self, index):
        return self.X[index], self.y[index]


class Pixels:
    """The images of a split as a matrix of floats that stays bytes until it is looked at.

    `X[a:b]` is the float array of rows a to b, of shape (b - a, features): pixels / 256,
    standardised if asked, with a column of ones at the end if `bias`. `len(X)` and `X.shape` are
    those of the whole matrix, so code that walks over a matrix in slices takes either.

    Parameters
    ----------
    images : uint8 array of shape (n, height, width) or (n, height, width, channels), or
        `StoredImages`.
    bias : append a column of ones?
    dtype : of the floats. pixels / 256 are exact in float32 and float64 alike.
    standardize : None, or the pair (mean, deviation) of `feature_statistics`.
    order : None, or the rows' order, an integer array of shape (n,).
    """

    def __init__(self, images, bias=False, dtype=np.float64, standardize=None, order=None):
        self.bytes = flat(images)
        self.bias = bias
        self.dtype = np.dtype(dtype)
        self.standardize = standardize
        self.order = order

    @property
    def shape(self):
        n, features = self.bytes.shape
        return n, features + self.bias

    def __len__(self):
        return len(self.bytes)

    def __getitem__(self, rows):
        if not isinstance(rows, slice):
            raise TypeError("Pixels are read in slices: X[a:b]")
        raw = self.bytes[rows if self.order is None else self.order[rows]]
        block = np.empty((len(raw), self.shape[1]), self.dtype)
        features = block[:, : raw.shape[1]]
        np.multiply(raw, self.dtype.type(1 / 256), out=features)
        if self.standardize is not None:
            mean, deviation = self.standardize
            features -= mean
            features /= deviation
        block[:, raw.shape[1] :] = 1
        return block

    def reordered(self, order):
        """The same rows in another order: row i is row `order[i]` of the images."""
        return Pixels(self.bytes, self.bias, self.dtype, self.standardize, order)


def feature_statistics(images, block=1024):
    """Mean and standard deviation of each feature (pixel / 256), each of shape (features,).

    The sums are sums of integers and so exact. A constant feature has its deviation given as 1,
    so that standardising makes it 0 in place of dividing by 0.
    """
    raw = flat(images)
    n, features = raw.shape
    total, squares = np.zeros(features, np.int64), np.zeros(features, np.int64)
    for start in range(0, n, block):
        rows = raw[start : start + block].astype(np.int64)
        total += rows.sum(axis=0)
        squares += np.square(rows).sum(axis=0)
    mean = total / n
    variance = (squares - total * mean) / n
    constant = squares * n == total * total
    deviation = np.sqrt(np.where(constant, 256.0**2, variance))
    return mean / 256, deviation / 256


# --------------------------------------------------------------------------------------------
# Writing and plotting


def make_plots_folder(path):
    """Make the folder of `-plots_dir`, before the work; InputError if it cannot be written."""
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        reason = "it is no folder" if isinstance(error, FileExistsError) else error.strerror
        raise InputError(
            f"{path}: cannot be written ({reason}); choose another folder with -plots_dir"
        ) from error


@contextlib.contextmanager
def writing(path, errors=None):
    """NotWritten, naming `path`, in place of an OSError inside, if of these error numbers or of any."""
    try:
        yield
    except OSError as error:
        if errors is None or error.errno in errors:
            raise NotWritten(error.errno, error.strerror, str(path)) from error
        raise


@contextlib.contextmanager
def replacing(path):
    """Open `path` for writing bytes so that it is replaced whole or not touched at all.

    What is written goes to a temporary file in the same folder, which takes the name of `path`
    once it is complete and on disk. Raises NotWritten where it cannot be written.
    """
    path = Path(path)
    with writing(path):
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=temporary_prefix(path))
    try:
        # Other errors in what the caller does need not be of this file.
        with writing(path, NO_ROOM), os.fdopen(descriptor, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        with writing(path):
            os.chmod(temporary, 0o666 & ~_umask())
            os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def temporary_prefix(path):
    """How the names of the temporary files begin that `replacing` makes for `path`, and no other's.

    A process that is killed may leave one behind.
    """
    name = Path(path).name
    return f".{name[:40]}-{hashlib.sha256(os.fsencode(name)).hexdigest()[:16]}-"


def _umask():
    """The process's file mode mask, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def plot_curves(epochs, curves, ylabel, title, best=None, show=False):
    """A figure of one or more curves against the epochs.

    Parameters
    ----------
    epochs : the epochs' numbers.
    curves : {label: values}, a value an epoch; values that are not finite leave a gap.
    ylabel : the quantity, with its unit if it has one.
    title : model, settings and data set; long lines are wrapped.
    best : label of the curve whose highest point is marked, or None.
    show : make a figure that `plt.show()` opens in a window?

    Returns
    -------
    matplotlib Figure.
    """
    from matplotlib.ticker import LogFormatter, MaxNLocator

    # The legend lies below, clear of the curves, in as many columns as fit: of its text 14
    # characters are an inch, and a line with its margins is as long as 7.
    columns = max(1, min(3, int(6.4 * 14 / (max(map(len, curves)) + 7))))
    legend_rows = math.ceil(len(curves) / columns)
    figure = new_figure((6.4, 4.2 + 0.2 * max(legend_rows - 2, 0)), title, show)
    axes = figure.add_subplot()
    marker = "." if len(epochs) <= 30 else None
    lines = []
    for i, (label, values) in enumerate(curves.items()):
        values = np.asarray(values, float)
        values = np.where(np.isfinite(values), values, np.nan)
        style = ["-", "--", ":", "-."][i // 10 % 4]  # there are ten colours
        (line,) = axes.plot(epochs, values, style, marker=marker, label=label)
        lines.append(line)
        if label == best and not np.isnan(values).all():
            at = int(np.nanargmax(values))
            axes.plot(
                epochs[at],
                values[at],
                "o",
                color=line.get_color(),
                markersize=8,
                fillstyle="none",
                label=f"best {label}: {values[at]:.4f}, epoch {epochs[at]}",
            )
    panels, drawn = [axes], [line.get_ydata() for line in lines]
    if _spans_decades(drawn):  # the NumPy MLP's loss falls from hundreds to one
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(LogFormatter())
        axes.yaxis.set_minor_formatter(LogFormatter(minor_thresholds=(2, 1)))
        ylabel += ", log scale"
        if len(epochs) > 2 and not _spans_decades([values[1:] for values in drawn]):
            inset = axes.inset_axes((0.35, 0.4, 0.62, 0.5))
            inset.set_title("from the second epoch on", fontsize="small")
            for line, values in zip(lines, drawn, strict=True):
                inset.plot(epochs[1:], values[1:], line.get_linestyle(), color=line.get_color())
            panels.append(inset)
    empty = np.isnan(drawn).all()
    if empty:
        axes.text(0.5, 0.5, "no finite value", transform=axes.transAxes, ha="center")
    if empty or len(epochs) == 1:
        axes.set_xlim(epochs[0] - 1, epochs[-1] + 1)
    axes.set_xlabel("epoch")
    axes.set_ylabel(ylabel)
    for panel in panels:
        panel.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        panel.grid(alpha=0.3)
    figure.legend(loc="outside lower center", ncols=columns, frameon=False)
    return figure


def _spans_decades(curves):
    """Is the greatest of the positive values more than 30 times the least? nan counts for nothing."""
    values = np.concatenate(curves)
    positive = values[values > 0]
    return positive.size > 0 and positive.max() > 30 * positive.min()


def plot_weights(W, image_shape, title, show=False):
    """A figure of a linear model's weights, each class's row as an image: what it looks for.

    Parameters
    ----------
    W : ndarray of shape (n_classes, features), without the bias's column.
    image_shape : (height, width) or (height, width, channels), with `features` entries.
    title, show : as for `plot_curves`.

    Returns
    -------
    matplotlib Figure. Each image is stretched to the full range of its class: with three channels
    in colour, else in grey, the channels averaged.
    """
    n_classes = len(W)
    columns = min(n_classes, 6)
    rows = math.ceil(n_classes / columns)
    figure = new_figure((1.4 * columns, 1.65 * rows + 0.4), title, show)
    for label, weights in enumerate(W):
        axes = figure.add_subplot(rows, columns, label + 1)
        low, high = np.min(weights), np.max(weights)
        image = (weights.reshape(image_shape) - low) / (high - low or 1)
        if image.ndim == 3 and image.shape[2] != 3:
            image = image.mean(axis=2)
        axes.imshow(image, cmap="gray", interpolation="nearest")
        axes.set_title(f"class {label}", fontsize="small")
        axes.set_axis_off()
    return figure


def new_figure(size, title="", show=False):
    """An empty figure, `size` inches, titled; one that `plt.show()` opens, if `show`."""
    if show:
        from matplotlib.pyplot import figure as Figure
    else:
        from matplotlib.figure import Figure
    figure = Figure(figsize=size, layout="constrained")
    if title:
        lines = [textwrap.fill(line, int(13 * size[0])) for line in title.splitlines()]
        # A name may hold a $, which matplotlib would read as the start of a formula.
        figure.suptitle("\n".join(lines), fontsize="medium", parse_math=False)
    return figure


def show_figures():
    """Open the figures that were made to be shown; a notice where there is no screen for them."""
    import matplotlib
    from matplotlib import pyplot

    if matplotlib.get_backend().lower() == "agg":  # what matplotlib takes where none can open
        notice("note: no window can be opened here; the figures are in their files")
    else:
        pyplot.show()


def save_figure(figure, path):
    """Write `figure` to `path`, whose ending names the format; the file is whole or not there."""
    kind = Path(path).suffix[1:]
    with replacing(path) as stream:
        # A date in the file would make two runs of the same command differ.
        figure.savefig(
            stream, format=kind, dpi=150, metadata={"CreationDate": None} if kind == "pdf" else None
        )
