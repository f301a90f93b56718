"""The record of a run: all that is known of it, as JSON, written by `Run` and read by everybody else."""

import csv
import functools
import hashlib
import importlib.metadata
import io
import math
import os
import platform
from pathlib import Path
from typing import Annotated, Literal, TypedDict

import msgspec
import numpy as np

from lab.files import reason_of, replacing
from utils import InputError

MAX_BYTES = 16 * 2**20  # some 60,000 epochs of the longest kind; parsed it takes tenfold
FINISHED, INTERRUPTED = "finished", "interrupted"

Numbers = dict[str, int | float | None]  # None stands for one that was not finite
Options = dict[str, bool | int | float | str | None]


class DataFacts(TypedDict):
    """The data file of a run."""

    name: str
    bytes: int
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    standin: bool


class Seconds(TypedDict):
    """How long a run trained, evaluated and drew."""

    training: float
    evaluation: float
    plotting: float


class Best(TypedDict):
    """The highest validation accuracy and its epoch."""

    val_acc: float | None
    epoch: int


class Record(msgspec.Struct, forbid_unknown_fields=True):
    """What a run was, and what came of it.

    script, code : which program, and its version; see `version.code_version`.
    options : {name: value} of the options that bear on the numbers, the model's name among them.
    versions : {package: version}.
    ranks, threads : processes that trained together, and threads of each.
    runs_at_a_time : runs that shared the machine, as far as is known.
    initial : accuracies before training.
    epochs : the numbers of each epoch, "epoch" counting from 1.
    final : train_acc, val_acc and test_acc; {} of an interrupted run.
    digest : of all the above; a record that was changed since is refused.
    """

    script: str
    code: str
    status: Literal["finished", "interrupted"]
    options: Options
    data: DataFacts
    versions: dict[str, str | None]
    ranks: int
    threads: int
    runs_at_a_time: int
    initial: Numbers
    epochs: Annotated[list[Numbers], msgspec.Meta(min_length=1)]
    final: Numbers
    best: Best
    digest: str
    seconds: Seconds  # last, and not in the digest: two equal runs differ in nothing else

    @property
    def seconds_of_epochs(self):
        """The seconds that the run trained and evaluated."""
        return self.seconds["training"] + self.seconds["evaluation"]

    def own_digest(self):
        """The SHA-256 of all fields but the digest and the seconds."""
        fields = msgspec.structs.asdict(self)
        del fields["digest"], fields["seconds"]
        return hashlib.sha256(msgspec.json.encode(fields)).hexdigest()

    def write(self, path):
        """Write the record, with its digest; NotWritten where that cannot be done."""
        self.digest = self.own_digest()
        with replacing(path) as stream:
            stream.write(msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n")

    def write_history(self, path):
        """Write the epochs' figures as CSV: the column step, then the quantities."""
        lines = io.StringIO()
        names = [name for name in self.epochs[0] if name != "epoch"]
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerow(["step", *names])
        writer.writerows([row["epoch"], *(row[name] for name in names)] for row in self.epochs)
        with replacing(path) as stream:
            stream.write(lines.getvalue().encode())


def read_record(path):
    """The `Record` in a file.

    InputError where the file is missing, cannot be read, is no record or was changed.
    """
    path = Path(path)
    try:
        if not path.is_file():
            raise InputError(f"{path}: no such record of a run")
        with open(path, "rb") as stream:
            text = stream.read(MAX_BYTES + 1)
        if len(text) > MAX_BYTES:
            raise ValueError(f"larger than {MAX_BYTES} bytes")
        record = msgspec.json.decode(text, type=Record)
        if record.digest != record.own_digest():
            raise ValueError("its digest is not that of its contents")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, msgspec.MsgspecError, RecursionError) as error:
        raise InputError(f"{path}: damaged or not a record ({reason_of(error)})") from error
    return record


def finite(numbers):
    """A dict of numbers as a record has them: floats and ints, None where one is nan or infinite."""
    plain = {
        name: value if isinstance(value, int) else float(value) for name, value in numbers.items()
    }
    return {name: value if math.isfinite(value) else None for name, value in plain.items()}


def best_epoch(history):
    """val_acc and epoch of the highest validation accuracy, the first of equals."""
    accuracies = [row["val_acc"] for row in history]
    best = int(np.nanargmax(accuracies))
    return {"val_acc": float(accuracies[best]), "epoch": best + 1}


def runs_at_a_time():
    """How many runs whoever started this one has at a time; 1 unless the environment says more."""
    said = os.environ.get("HOMEWORK_RUNS_AT_A_TIME", "")
    return int(said) if said.isascii() and said.isdigit() and len(said) < 4 else 1


@functools.cache
def versions():
    """The versions of Python, NumPy and torch, found without importing the last."""
    try:
        torch = importlib.metadata.version("torch")
    except importlib.metadata.PackageNotFoundError:
        torch = None
    return {"python": platform.python_version(), "numpy": np.__version__, "torch": torch}
