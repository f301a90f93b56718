"""Checkpoints: what a run goes on from, as an npz of plain arrays, of which nothing is trusted.

`write_checkpoint` writes one, `find` lists those that a run could go on from, `read_state` reads one.
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
from lab.files import replacing
from lab.record import CLOCKS, is_number
from utils import InputError

MAX_META = 2**20  # bytes of the options and the like in a checkpoint that is read


class NoCheckpoint(InputError):
    """There is nothing that the run could go on from."""


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
        if not path.is_file():
            raise ValueError("not a regular file")
        with zipfile.ZipFile(path) as archive:
            if sum(member.file_size for member in archive.infolist()) > path.stat().st_size:
                raise ValueError("it claims to hold more bytes than it has")
            yield archive
    except Exception as error:  # a damaged file makes the parsers raise whatever comes up
        raise damaged(path, error) from error


def damaged(path, error):
    """The InputError that says that a checkpoint is damaged, and how that showed."""
    reason = " ".join(str(error).split())[:200]
    return InputError(f"{path.name}: damaged or not a checkpoint ({reason})")


def read_checkpoint(path):
    """The `Checkpoint` of a file; InputError where it is damaged or not a checkpoint."""
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
    """(state, history) of a checkpoint: a dict of arrays, and a dict of `quantities` an epoch.

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

    history : a list of numbers an epoch. state : a dict of arrays.
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


def find(paths, identity, code, most):
    """The checkpoints among `paths` that a run could go on from, in the order to try them.

    identity, code : the run's. most : epochs asked for.

    One of this version of the code goes before those of others, then the one with the most epochs;
    one that is a run's last before one that is kept as `...checkpoint-before...`.

    Returns (list of `Checkpoint`, list of complaints about damaged files). NoCheckpoint where the
    only ones have more epochs than asked for.
    """
    found, complaints, further = [], [], 0
    for path in sorted(paths):
        try:
            checkpoint = read_checkpoint(path)
        except InputError as error:
            complaints.append(str(error))
            continue
        if checkpoint.identity == identity:
            if checkpoint.epochs <= most:
                found.append(checkpoint)
            else:
                further = max(further, checkpoint.epochs)
    if further and not found:
        raise NoCheckpoint(
            f"the checkpoint of this run is at epoch {further} already; ask for more -epochs, or "
            "start it without -resume"
        )

    def rank(checkpoint):
        last = "checkpoint-before" not in checkpoint.path.name
        return checkpoint.code == code, checkpoint.epochs, last, checkpoint.path

    return sorted(found, key=rank, reverse=True), complaints


def nearest(paths, identity):
    """In words, which options the checkpoint has otherwise that is nearest to a run's identity.

    Those of another script or model do not count, nor those that cannot be read.
    """
    alike = []
    for path in paths:
        with contextlib.suppress(InputError):
            other = read_checkpoint(path).identity
            if other.keys() == identity.keys() and other["model"] == identity["model"]:
                names = [name for name in identity if other[name] != identity[name]]
                alike.append((len(names), path.name, names, other))
    if not alike:
        return ""
    _, file, names, other = min(alike, key=lambda entry: entry[:2])
    words = []
    for name in names:
        theirs, ours = (json.dumps(each[name])[:60] for each in (other, identity))
        if name == "data":
            words.append(f"other data (SHA-256 {theirs[1:9]}, not {ours[1:9]})")
        else:
            words.append(f"-{name} {theirs} in place of {ours}")
    return f"; the nearest, {file}, has {', '.join(words)}"
