"""A checkpoint's file: all that a run resumes from, an npz of plain arrays that is read without trust.

When one is written, and from which one a run resumes, is in lab/keeping.py.
"""

import contextlib
import io
import json
import os
import zipfile
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

import utils
from lab.files import reason_of, replacing
from lab.record import CLOCKS, is_number
from utils import InputError

MAX_META = 2**20  # bytes of the options and the like in a checkpoint that is read


class Missing(InputError):
    """There is no such checkpoint, if only for the moment in which a run replaces it."""


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint says of itself.

    path : its file.
    identity : {name: value} of all that makes the run this one: options but the epochs, data, and
        the quantities of its history.
    code : the version of the code.
    epochs : how many were finished.
    initial : accuracies before training.
    seconds : {clock: seconds}.
    """

    path: Path
    identity: dict
    code: str
    epochs: int
    initial: dict
    seconds: dict


@contextlib.contextmanager
def _opened(path):
    """Open a checkpoint; whatever is wrong with it becomes an InputError that says so."""
    try:
        if path.exists() and not path.is_file():
            raise ValueError("not a regular file")
        with zipfile.ZipFile(path) as archive:
            if sum(member.file_size for member in archive.infolist()) > path.stat().st_size:
                raise ValueError("it claims to hold more bytes than it has")
            yield archive
    except FileNotFoundError as error:
        raise Missing(f"{path.name}: no such checkpoint") from error
    except Exception as error:  # a damaged file makes the parsers raise whatever comes up
        raise damaged(path, error) from error


def damaged(path, error):
    """The InputError that says that a checkpoint is damaged, and how that showed."""
    return InputError(f"{path.name}: damaged or not a checkpoint ({reason_of(error)})")


def read_checkpoint(path):
    """The `Checkpoint` of a file; InputError where it is damaged or not one, Missing without it."""
    with _opened(path) as archive:
        if archive.getinfo("meta.npy").file_size > MAX_META:
            raise ValueError("its meta data are too large")
        meta = json.loads(utils.read_member(archive, "meta").tobytes())
        checkpoint = Checkpoint(path, **meta)
        _check(checkpoint)
    return checkpoint


def _check(checkpoint):
    """ValueError or TypeError where a checkpoint's fields are not what they should be."""
    for field in fields(Checkpoint)[1:]:
        if type(getattr(checkpoint, field.name)) is not field.type:
            raise ValueError(f"no proper {field.name}")
    for value in checkpoint.identity.values():
        for item in value if isinstance(value, list) else [value]:
            if not isinstance(item, str | int | float | None):
                raise TypeError("no proper identity")
    numbers = [*checkpoint.initial.values(), *checkpoint.seconds.values()]
    if not all(map(is_number, numbers)) or None in checkpoint.seconds.values():
        raise ValueError("something else where numbers belong")
    if checkpoint.seconds.keys() != set(CLOCKS) or checkpoint.epochs < 1:
        raise ValueError("no checkpoint of this program")


def read_state(checkpoint, quantities):
    """(state, history) of a checkpoint: a dict of arrays, and a list with a dict of `quantities` per epoch.

    Nothing in it is executed, and no more memory is taken than the file has bytes. InputError where
    it is damaged or does not fit.
    """
    with _opened(checkpoint.path) as archive:
        names = {name.removesuffix(".npy") for name in archive.namelist()} - {"meta"}
        state = {name: utils.read_member(archive, name) for name in names}
        if any(array.dtype.kind not in "biuf" for array in state.values()):
            raise ValueError("it holds something else than numbers")
        history = state.pop("history", np.empty(0))
        expected = (checkpoint.epochs, len(quantities))
        if history.shape != expected or history.dtype != np.float64:
            raise ValueError("the history does not fit")
    return state, [dict(zip(quantities, row, strict=True)) for row in history.tolist()]


def write_checkpoint(checkpoint, history, state, before=None):
    """Write a checkpoint at its path.

    history : a list of numbers per epoch. state : a dict of arrays.
    before : where the run's own last checkpoint, at the same path, goes; None if there is none.

    Raises NotWritten.
    """
    meta = {field.name: getattr(checkpoint, field.name) for field in fields(Checkpoint)[1:]}
    meta = np.frombuffer(json.dumps(meta).encode(), np.uint8)
    buffer = io.BytesIO()
    np.savez(buffer, meta=meta, history=history, **state)
    with replacing(checkpoint.path) as stream:
        stream.write(buffer.getbuffer())
        if before is not None:
            stream.flush()
            os.fsync(stream.fileno())
            # Killed from here on, the run has the one before until the new one has its name.
            with contextlib.suppress(FileNotFoundError):
                os.replace(checkpoint.path, before)
