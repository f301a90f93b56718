"""Write a data file: an npz of six arrays that is whole or not there, equal bytes for equal data."""

import contextlib
import os
import sys
import zipfile
from pathlib import Path

import numpy as np

from lab.files import replacing
from utils import SPLITS, InputError


def write_npz(path, image_shape, splits):
    """Write a data file chunk by chunk, uncompressed.

    path : the file, which is replaced whole or not touched.
    image_shape : (height, width) or (height, width, channels).
    splits : for each of train, val and test a pair (n, chunks), where chunks yields
        (images, labels) with n examples in all.

    Returns dict of split -> int64 ndarray of shape (n,), the labels. Raises InputError where `path`
    cannot be a file's, files.NotWritten where it cannot be written.
    """
    path = Path(path)
    if os.path.lexists(path) and (path.is_symlink() or not path.is_file()):
        raise InputError(f"{path}: exists and is not a regular file; -output takes a file's name")
    if not path.parent.is_dir():
        raise InputError(f"{path}: cannot be written, there is no folder {path.parent}; make it")
    labels = {}
    with replacing(path) as file, _archive(file) as archive:
        for split in SPLITS:
            n, chunks = splits[split]
            seen = []
            with _member(archive, f"{split}_images", "|u1", (n, *image_shape)) as member:
                for chunk_images, chunk_labels in chunks:
                    member.write(np.ascontiguousarray(chunk_images, np.uint8))
                    seen.append(np.asarray(chunk_labels, "<i8").ravel())
            labels[split] = np.concatenate(seen)
            with _member(archive, f"{split}_labels", "<i8", (n,)) as member:
                member.write(labels[split])
    return labels


@contextlib.contextmanager
def _archive(file):
    """A ZipFile that is written to `file`; after an error or a stop nothing more is done to it."""
    archive = zipfile.ZipFile(file, "w", zipfile.ZIP_STORED)
    try:
        yield archive
    except BaseException:
        # Stopped in `open`, it would fail to close, and once more when it is deleted.
        archive.fp = None
        raise
    archive.close()


def _member(archive, name, dtype, shape):
    # A fixed date and system: the zip entry depends on the data alone.
    info = zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0))
    info.create_system = 3
    member = archive.open(info, "w", force_zip64=True)
    header = {"descr": dtype, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(member, header)
    return member


def print_counts(path, labels, classes):
    """Print the number of examples of each class in each split, and where they are."""
    width = max(map(len, ("total", *classes)))
    print(" " * width, *(f"{split:>7}" for split in SPLITS))
    for k, name in enumerate(classes):
        print(f"{name:<{width}}", *(f"{np.sum(labels[split] == k):7d}" for split in SPLITS))
    print(f"{'total':<{width}}", *(f"{len(labels[split]):7d}" for split in SPLITS))
    print(f"wrote {path}")


def progress_bar(**options):
    """A tqdm bar on standard error, on a terminal only."""
    from tqdm import tqdm

    return tqdm(file=sys.stderr, disable=None, leave=False, **options)
