"""Data larger than memory: a folder of .npy files, whose images stay there until they are asked for."""

import math
import os
import threading
from pathlib import Path

import numpy as np

import utils
from utils import InputError


def npz_pieces(path, size=2**20):
    """Yield (key, piece) of an npz, key by key: the bytes of the six .npy files, as they are.

    Raises InputError where the archive is damaged or lacks an array; what the arrays hold is left
    to `open_folder`, which can read the files made of the pieces.
    """
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
                # Mapped, as `checked` compares the numbers of labels and images before it reads them.
                order = "F" if fortran_order else "C"
                arrays[key] = np.asarray(np.memmap(stream, dtype, "r", stream.tell(), shape, order))
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
    `shape`, `ndim`, `dtype`, `len` and `reshape(n, -1)` are those of an ndarray, so that code which
    takes rows of images takes either.

    Rows are read by their position. A memory map would do as well, but all that it touches counts
    as this process's memory until it is given back, and for each row of a shuffled block today's
    Linux maps up to 2 MB around it.

    stream : the file, open for reading bytes without a buffer.
    offset : where in it the first image starts.
    shape : (n, height, width) or (n, height, width, channels).
    reading : the lock of a view that shares the stream, as only one may read at a time; else None.
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

    def reshape(self, n, features):
        """The images as the rows of a matrix, (n, features): n is their number, features -1."""
        if (n, features) != (len(self), -1):
            raise ValueError("images that stay in their file can be flattened only: reshape(n, -1)")
        shape = n, math.prod(self.shape[1:])
        return StoredImages(self.stream, self.offset, shape, self.reading)

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
