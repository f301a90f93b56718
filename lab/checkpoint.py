"""Checkpoints: what a run resumes from, when one is written, and which is taken.

A checkpoint is an npz of plain arrays that is read without trust. It carries the identity of its run, and
that alone says whose it is: names of files and folders do not count. In a run's own folder

    checkpoint.npz            is the last one,
    checkpoint-before.npz     the one before it, should the last be damaged,
    checkpoint-5-1a2b3c4d.npz what an earlier run of the same identity had reached, 5 epochs, when this one
                              was started anew; it goes when this one has got as far.
"""

import contextlib
import io
import json
import math
import os
import time
import zipfile
from typing import Annotated

import msgspec
import numpy as np

from lab.files import reason_of, replacing
from lab.folder import shown
from lab.quantities import shortest
from lab.record import Numbers, Options, Seconds
from utils import InputError, notice

CHECKPOINT_SECONDS = 30  # a checkpoint costs milliseconds; half a minute is little to lose
# Of the time, at most: a checkpoint that takes longer is written less often.
CHECKPOINT_SHARE = 0.02
MAX_META = 2**20  # bytes of the options and the like in a checkpoint that is read


class NoCheckpoint(InputError):
    """There is nothing that the run could resume from."""


class Identity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What two runs must agree in for one to resume the other.

    options : that bear on the numbers, but for the epochs, the model's name among them.
    data : SHA-256 of the data file.
    quantities : of the history, in order.
    """

    options: Options
    data: str
    quantities: list[str]


class Checkpoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a checkpoint says of itself.

    code : the version of the code.
    epochs : how many were finished.
    initial : accuracies before training.
    """

    identity: Identity
    code: Annotated[str, msgspec.Meta(pattern="^[0-9a-f+]+$")]  # it stands in a file's name
    epochs: Annotated[int, msgspec.Meta(ge=1, lt=2**31)]
    initial: Numbers
    seconds: Seconds


# --------------------------------------------------------------------------------------------
# The file


def damaged(path, error):
    """The InputError that says that a checkpoint is damaged, and how that showed."""
    return InputError(f"{shown(path)}: damaged or not a checkpoint ({reason_of(error)})")


@contextlib.contextmanager
def _opened(path):
    """The names of a checkpoint's arrays and a function that reads one; InputError if it is damaged.

    No more memory is taken than the file has bytes, and nothing is unpickled.
    """
    try:
        if path.exists() and not path.is_file():
            raise ValueError("not a regular file")
        with zipfile.ZipFile(path) as archive:
            members = {m.filename.removesuffix(".npy"): m for m in archive.infolist()}
            if sum(member.file_size for member in archive.infolist()) > path.stat().st_size:
                raise ValueError("it claims to hold more bytes than it has")
            for name, member in members.items():
                _check_header(archive, name, member)
            with np.load(path, allow_pickle=False) as arrays:
                yield list(members), arrays.__getitem__
    except FileNotFoundError:
        raise
    except Exception as error:  # a damaged file makes the parsers raise whatever comes up
        raise damaged(path, error) from error


def _check_header(archive, name, member):
    """ValueError where an array's header claims another size than its member has, or no numbers."""
    with archive.open(member) as stream:
        if np.lib.format.read_magic(stream) != (1, 0):
            raise ValueError(f"'{name}' is not of npy version 1")
        shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
        if dtype.kind not in "biuf":
            raise ValueError(f"'{name}' does not hold numbers")
        if math.prod(shape) * dtype.itemsize != member.file_size - stream.tell():
            raise ValueError(f"the header of '{name}' does not match its data")


def read_checkpoint(path):
    """The `Checkpoint` of a file. InputError where it is damaged or not one, FileNotFoundError."""
    with _opened(path) as (_, read):
        meta = read("meta")
        if meta.nbytes > MAX_META:
            raise ValueError("its meta data are too large")
        return msgspec.json.decode(meta.tobytes(), type=Checkpoint)


def read_state(path, checkpoint):
    """(state, history) of a file whose `Checkpoint` is given: a dict of arrays, and a list with a dict
    of numbers per epoch. InputError where it is damaged or does not fit.
    """
    quantities = checkpoint.identity.quantities
    with _opened(path) as (names, read):
        state = {name: read(name) for name in names if name != "meta"}
        history = state.pop("history")
        expected = (checkpoint.epochs, len(quantities))
        if history.shape != expected or history.dtype != np.float64:
            raise ValueError("the history does not fit")
    return state, [dict(zip(quantities, row, strict=True)) for row in history.tolist()]


def write_checkpoint(path, checkpoint, history, state, before=None):
    """Write a checkpoint.

    history : a list of dicts of numbers, one per epoch. state : a dict of arrays.
    before : where the file that is at `path` goes; None to replace it.

    Raises NotWritten.
    """
    meta = np.frombuffer(msgspec.json.encode(checkpoint), np.uint8)
    rows = [[row[name] for name in checkpoint.identity.quantities] for row in history]
    buffer = io.BytesIO()
    np.savez(buffer, meta=meta, history=np.array(rows, float), **state)
    with replacing(path) as stream:
        stream.write(buffer.getbuffer())
        if before is not None:
            stream.flush()
            os.fsync(stream.fileno())
            # Killed from here on, the run has the one before until the new one has its name.
            with contextlib.suppress(FileNotFoundError):
                os.replace(path, before)


# --------------------------------------------------------------------------------------------
# Those of a run


class Checkpoints:
    """The checkpoints of one run.

    folder : `folder.RunFolder`.
    identity, code : as in a `Checkpoint`.

    path : of the last one.
    earlier : {path: `Checkpoint`} of those that earlier runs of this identity left in its folder, which
        are kept until this one has got as far.
    """

    def __init__(self, folder, identity, code):
        self.folder, self.identity, self.code = folder, identity, code
        self.path = folder.own / "checkpoint.npz"
        self.before = folder.own / "checkpoint-before.npz"
        self.earlier = {}
        self.written = False  # is what lies at `path` of this very run?
        self.next_at = time.monotonic() + CHECKPOINT_SECONDS

    def _ours(self, paths):
        """([(path, `Checkpoint`)] of this identity, all others' identities, complaints about damaged files)."""
        ours, others, complaints = [], [], []
        for path in paths:
            try:
                checkpoint = read_checkpoint(path)
            except FileNotFoundError:  # a run replaces it at this moment
                continue
            except InputError as error:
                complaints.append(str(error))
            else:
                same = checkpoint.identity == self.identity
                ours.append((path, checkpoint)) if same else others.append(checkpoint.identity)
        return ours, others, complaints

    def begin(self, asked, resume):
        """Find what earlier runs left in the folder. Unless this one resumes, their last checkpoint is
        renamed, and it is said if it has fewer epochs than this run is `asked` for.
        """
        ours, *_ = self._ours([self.path, self.before])
        if ours and not resume:
            (path, last), *_ = ours
            aside = self.path.with_name(f"checkpoint-{last.epochs}-{last.code[-8:]}.npz")
            os.replace(path, aside)
            if last.epochs < asked:
                by = "" if last.code == self.code else " by another version of the code"
                notice(
                    f"note: an unfinished run of these settings{by} stopped after epoch {last.epochs}; "
                    f"this run starts anew, and that checkpoint is kept as {aside.name} until this run "
                    "is as far (-resume would continue it)"
                )
        if not resume:
            self.before.unlink(missing_ok=True)
        self.earlier = dict(self._ours(self.folder.own.glob("checkpoint-*-*.npz"))[0])

    def further(self, epochs):
        """The epochs of the furthest earlier run of this code that has more than these, or 0."""
        done = [each.epochs for each in self.earlier.values() if each.code == self.code]
        return max((each for each in done if each > epochs), default=0)

    def is_due(self):
        return time.monotonic() >= self.next_at

    def write(self, checkpoint, history, state):
        """Write the run's last checkpoint; see `write_checkpoint`."""
        before = self.before if self.written else None
        write_checkpoint(self.path, checkpoint, history, state, before)
        self.written = True
        for path, each in list(self.earlier.items()):
            if each.epochs <= checkpoint.epochs:
                path.unlink(missing_ok=True)
                del self.earlier[path]

    @contextlib.contextmanager
    def timed(self):
        """Put off the next checkpoint by what writing this one, inside, takes."""
        start = time.monotonic()
        yield
        now = time.monotonic()
        self.next_at = now + max(CHECKPOINT_SECONDS, (now - start) / CHECKPOINT_SHARE)

    def find(self, asked):
        """The checkpoints in the plots folder that the run can resume from, in the order to try them.

        asked : epochs; a checkpoint with more of them does not count. Those of this version of the
        code come first, and of these the one with the most epochs.

        Returns (list of (path, `Checkpoint`), complaints about damaged files, the `NoCheckpoint` to raise
        where none of them will do).
        """
        # In reverse, so that of equal ones the last, checkpoint.npz, is tried first.
        paths = sorted((self.folder.folder / "runs").glob("*/checkpoint*.npz"), reverse=True)
        ours, others, complaints = self._ours(paths)
        found = [(path, each) for path, each in ours if each.epochs <= asked]
        found.sort(key=lambda pair: (pair[1].code == self.code, pair[1].epochs), reverse=True)
        why = f"no checkpoint of this run{self._nearest(others)}; start it without -resume"
        if ours and not found:
            done = max(each.epochs for _, each in ours)
            why = (
                f"the checkpoint of this run is at epoch {done} already; ask for more -epochs, or "
            )
            why += "start it without -resume"
        return found, complaints, NoCheckpoint(f"{shown(self.folder.folder)}: {why}")

    def _nearest(self, others):
        """In what the most similar run of the same model differs, for a message; "" if there is none."""
        asked, differences = self.identity.options, []
        for theirs in others:
            used = theirs.options
            if used.keys() != asked.keys() or used["model"] != asked["model"]:
                continue
            words = [
                f"-{name} {_word(used[name])}, you asked for {_word(asked[name])}"
                for name in asked
                if used[name] != asked[name]
            ]
            if theirs.data != self.identity.data:
                ours = self.identity.data[:8]
                words.append(f"other data (SHA-256 {theirs.data[:8]!a}, not {ours!a})")
            differences.append(words)
        nearest = min(filter(None, differences), key=len, default=[])
        return f"; the nearest used {', and '.join(nearest)}" if nearest else ""


def _word(value):
    """An option's value in a message; a text, which a stranger may have written, in quotes."""
    return shortest(value) if isinstance(value, float) else json.dumps(value)[:60]
