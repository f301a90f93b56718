"""CIFAR-10's binary version: its batches from the archive, compressed or not, or from the folder."""

import gzip
import io
import tarfile
import zlib
from pathlib import Path

import numpy as np

from lab.files import reason_of
from lab.known_data import KNOWN
from utils import InputError

URL = KNOWN["cifar10"].download["url"]
FOLDER = "cifar-10-batches-bin"
BATCHES = {"train": "data_batch_1.bin", "val": "data_batch_2.bin", "test": "test_batch.bin"}
RECORD = 1 + 3 * 32 * 32  # a label, then the red, the green and the blue plane
BATCH_LIMIT = 300 * 10**6  # bytes; a batch has 30,730,000
MEMBER_LIMIT = 64  # files in the archive; the authors' has 8


def read(source):
    """dict of split -> (images (n, 32, 32, 3) uint8, labels (n,)) of the tar.gz, the tar or its folder.

    Raises InputError where a batch is missing, is no whole number of records, or has a label
    above 9.
    """
    source = Path(source)
    if not source.exists():
        raise InputError(f"{source}: no such file; give cifar-10-binary.tar.gz or its folder")
    contents = _from_folder(source) if source.is_dir() else _from_archive(source)
    splits = {}
    for split, name in BATCHES.items():
        if name not in contents:
            raise InputError(f"{source}: lacks {name}; give CIFAR-10's binary version, {URL}")
        splits[split] = _records(contents[name], f"{source}: {name}")
    return splits


def _records(content, name):
    if not content or len(content) % RECORD:
        raise InputError(
            f"{name} has {len(content)} bytes, not a whole number of {RECORD}-byte records;"
            " fetch it again"
        )
    records = np.frombuffer(content, np.uint8).reshape(-1, RECORD)
    labels = records[:, 0]
    if labels.max() > 9:
        bad = int(np.argmax(labels > 9))
        raise InputError(
            f"{name} has label {labels[bad]} in record {bad}, labels go from 0 to 9;"
            " give CIFAR-10's binary version"
        )
    return records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), labels


def _from_folder(folder):
    """dict of name -> bytes of the batches in the extracted folder, or in the one around it."""
    folder = folder / FOLDER if (folder / FOLDER).is_dir() else folder
    paths = [folder / name for name in BATCHES.values() if (folder / name).is_file()]
    for path in paths:
        _check_size(path, path.stat().st_size)
    return {path.name: path.read_bytes() for path in paths}


def _from_archive(path):
    """dict of name -> bytes of the batches in the tar.gz, or in the tar that a browser made of it."""
    contents = {}
    try:
        with open(path, "rb") as file:
            kind = _BoundedGzip if file.read(2) == b"\x1f\x8b" else _BoundedFile
        with kind(path) as stream, tarfile.open(fileobj=stream, mode="r:") as archive:
            for i, member in enumerate(archive):
                _check_size(f"{path}: {member.name}", member.size)
                if i == MEMBER_LIMIT:
                    raise InputError(f"{path}: not CIFAR-10's archive, which has 8 files; fetch it")
                name = member.name.rpartition("/")[2]
                if member.isfile() and name in BATCHES.values():
                    contents[name] = archive.extractfile(member).read()
                if len(contents) == len(BATCHES):
                    break
    except (OSError, EOFError, ValueError, tarfile.TarError, zlib.error) as error:
        reason = reason_of(error)
        raise InputError(f"{path}: not a whole tar.gz or tar ({reason}); fetch it again") from error
    return contents


def _check_size(name, size):
    if size > BATCH_LIMIT:
        raise InputError(f"{name} claims {size} bytes, CIFAR-10's have 30730000; fetch it again")


class _Bounded:
    """A stream that refuses the single huge reads that a tar header can ask for."""

    def read(self, size=-1):
        if not 0 <= size <= BATCH_LIMIT:
            raise ValueError(f"a part claims {size} bytes")
        return super().read(size)


class _BoundedGzip(_Bounded, gzip.GzipFile):
    pass


class _BoundedFile(_Bounded, io.FileIO):
    pass
