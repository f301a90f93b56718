"""Images that stay bytes, turned into floats a block of rows at a time: the matrix that a model sees.

A split's pixels take 87 MB as bytes and 700 MB as float64. The images are a uint8 array, or whatever
gives rows of one as it does and has its `reshape(n, -1)`: data larger than memory stay on disk.
"""

import numpy as np

READ = 192  # rows read at once in a loop over a matrix


def flat(images):
    """Images (n, height, width[, channels]) as the rows of a matrix, (n, features)."""
    return images.reshape(len(images), -1)


class FeatureMatrix:
    """The images of a split as a matrix of floats that stays bytes until it is looked at.

    `X[a:b]` is the float array of rows a to b, `X[i]` row i, and a loop over X goes down the rows:
    pixels / 256, standardised if asked, with a column of ones at the end if `bias`. np.asarray(X) is
    the whole matrix.

    Parameters
    ----------
    images : uint8 array of shape (n, height, width) or (n, height, width, channels), or what takes
        its place.
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
        names = ("bias", "dtype", "standardize", "order", "progress")
        settings = {name: getattr(self, name) for name in names}
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
