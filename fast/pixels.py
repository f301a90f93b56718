"""Images that stay bytes: in memory or on disk, turned into floats a block of rows at a time.

A split's pixels take 87 MB as bytes and 700 MB as float64. `FeatureMatrix` is the matrix that a model
sees; `open_folder` leaves the images in their files, for data sets larger than memory.
"""

import math
import mmap
import os
import threading
from pathlib import Path

import numpy as np

import utils
from utils import InputError

READ = 192  # rows read at once in a loop over a matrix


def read_data(path):
    """The data set at `path`: an npz file (see `utils.read_npz`) or a folder (see `open_folder`)."""
    return open_folder(path) if os.path.isdir(path) else utils.read_npz(path)


def npz_pieces(path, size=2**20):
    """Yield (key, piece) of an npz, key by key: the bytes of the six .npy files, as they are.

    Raises InputError where the archive is damaged or lacks an array; what the arrays hold is left
    to `open_folder`, which can read the files made of the pieces.
    """
    path = Path(path)
    with utils.opened_npz(path) as archive:
        for key in utils.KEYS:
            with utils.opened_member(archive, key) as (stream, _):
                while piece := stream.read(size):
                    yield key, piece


def open_folder(folder, called=None):
    """Open a data set larger than memory: the arrays of `utils.read_npz` as .npy files in a folder.

    Parameters
    ----------
    folder : holds train_images.npy, train_labels.npy and so on, as `utils.read_npz` describes the arrays;
        images in C order. `python data/prepare.py unpack FILE.npz FOLDER` makes one.
    called : what messages call it, if not `folder`.

    Returns
    -------
    dict as of `utils.read_npz`, but with the images as `StoredImages`, which stay in their files; labels
    are read.

    Raises
    ------
    InputError where a file is missing, damaged, or not of this format.
    """
    folder, called = Path(folder), called or folder
    arrays = {}
    for key in utils.KEYS:
        path = folder / f"{key}.npy"
        if not os.path.lexists(path):
            raise InputError(
                f"{called}: lacks {path.name}; a data folder has images and labels for train, val "
                "and test, as 'python data/prepare.py unpack' makes them from an .npz file"
            )
        if not os.path.isfile(path):
            raise InputError(f"{called}: {path.name} is not a regular file")
        stream = open(path, "rb", buffering=0)  # noqa: SIM115, stays open for the images
        with utils.damage_as_input_error(called, f"{path.name} is damaged or not an npy file"):
            size = os.fstat(stream.fileno()).st_size
            shape, fortran_order, dtype = utils.read_header(stream, size, key)
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
    return utils.checked(arrays, called)


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


class FeatureMatrix:
    """The images of a split as a matrix of floats that stays bytes until it is looked at.

    `X[a:b]` is the float array of rows a to b, `X[i]` row i, and a loop over X goes down the rows:
    pixels / 256, standardised if asked, with a column of ones at the end if `bias`. np.asarray(X) is
    the whole matrix.

    Parameters
    ----------
    images : uint8 array of shape (n, height, width) or (n, height, width, channels), or
        `StoredImages`.
    bias : append a column of ones?
    dtype : of the floats. pixels / 256 are exact in float32 and float64 alike.
    standardize : None, or the pair (mean, deviation) of `feature_statistics`.
    order : None, or which images are the rows, an integer array of shape (rows,).
    progress : None, or what is called with the number of rows that were just read.
    """

    def __init__(
        self, images, bias=False, dtype=np.float64, standardize=None, order=None, progress=None
    ):
        self.bytes = flat(images)
        self.bias, self.dtype, self.standardize = bias, np.dtype(dtype), standardize
        self.order, self.progress = order, progress

    @property
    def shape(self):
        return len(self), self.bytes.shape[1] + self.bias

    def __len__(self):
        return len(self.bytes if self.order is None else self.order)

    def __getitem__(self, rows):
        if not isinstance(rows, slice):
            i = range(len(self))[rows]  # IndexError beyond the last row
            return self[i : i + 1][0]
        raw = self.bytes[rows if self.order is None else self.order[rows]]
        block = np.empty((len(raw), self.shape[1]), self.dtype)
        features = block[:, : raw.shape[1]]
        np.multiply(raw, self.dtype.type(1 / 256), out=features)
        if self.standardize is not None:
            mean, deviation = self.standardize
            features -= mean
            features /= deviation
        block[:, raw.shape[1] :] = 1
        if self.progress is not None:
            self.progress(len(block))
        return block

    def __iter__(self):
        for start in range(0, len(self), READ):
            yield from self[start : start + READ]

    def __array__(self, dtype=None, copy=None):
        return self[:].astype(dtype or self.dtype, copy=False)

    def changed(self, **changes):
        """The same matrix with another `dtype`, `order` or `progress`."""
        settings = {name: getattr(self, name) for name in ("bias", "dtype", "standardize")}
        settings |= {"order": self.order, "progress": self.progress}
        return FeatureMatrix(self.bytes, **settings | changes)


def part(X, rows):
    """The rows of a slice: of an ndarray a view, of a `FeatureMatrix` one of which nothing is read yet."""
    if not isinstance(X, FeatureMatrix):
        return X[rows]
    order = np.arange(len(X)) if X.order is None else X.order
    return X.changed(order=order[rows])


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
