"""The record of a run: all that is known of it, as JSON, written by `Run` and read by everybody else."""

import csv
import functools
import importlib.metadata
import io
import json
import os
import platform
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lab.files import reason_of, replacing
from utils import InputError

MAX_BYTES = 16 * 2**20  # some 60,000 epochs of the longest kind; parsed it takes tenfold
FINISHED, INTERRUPTED = "finished", "interrupted"
CLOCKS = ("training", "evaluation", "plotting")


@dataclass
class Record:
    """What a run was, and what came of it.

    script, code : which program, and its version; see `version.code_version`.
    status : FINISHED or INTERRUPTED.
    options : {name: value} of the options that bear on the numbers, the model's name among them.
    data : name, bytes, sha256 and standin (a bool) of the data set.
    versions : {package: version}.
    ranks, threads : processes that trained together, and threads of each.
    runs_at_a_time : runs that shared the machine, as far as is known.
    initial : accuracies before training.
    epochs : a dict of numbers per epoch, "epoch" counting from 1.
    final : train_acc, val_acc and test_acc; {} of an interrupted run.
    best : val_acc and epoch of the highest validation accuracy.
    seconds : {clock: seconds} for the CLOCKS.

    A number that was not finite is None.
    """

    script: str
    code: str
    status: str
    options: dict
    data: dict
    versions: dict
    ranks: int
    threads: int
    runs_at_a_time: int
    initial: dict
    epochs: list
    final: dict
    best: dict
    seconds: dict

    @property
    def seconds_of_epochs(self):
        """The seconds that the run trained and evaluated."""
        return self.seconds["training"] + self.seconds["evaluation"]

    def write(self, path):
        """Write the record; NotWritten where that cannot be done."""
        text = json.dumps(vars(self), default=str)
        # nan and infinity, which JSON does not have, become null.
        text = json.dumps(json.loads(text, parse_constant=lambda name: None), indent=1)
        with replacing(path) as stream:
            stream.write(text.encode() + b"\n")

    def write_history(self, path):
        """Write the epochs' figures as CSV: the column step, then the quantities."""
        lines = io.StringIO()
        writer = csv.writer(lines, lineterminator="\n")
        # By name: a resumed run's earlier epochs have theirs in the checkpoint's order.
        names = [name for name in self.epochs[0] if name != "epoch"]
        writer.writerow(["step", *names])
        writer.writerows([row["epoch"], *(row[name] for name in names)] for row in self.epochs)
        with replacing(path) as stream:
            stream.write(lines.getvalue().encode())


def runs_at_a_time():
    """How many runs whoever started this one has at a time; 1 unless the environment says more."""
    said = os.environ.get("HOMEWORK_RUNS_AT_A_TIME", "")
    return int(said) if said.isascii() and said.isdigit() and len(said) < 4 else 1


def best_epoch(history):
    """val_acc and epoch of the highest validation accuracy, the first of equals."""
    accuracies = [row["val_acc"] for row in history]
    best = int(np.nanargmax(accuracies))
    return {"val_acc": accuracies[best], "epoch": best + 1}


@functools.cache
def versions():
    """The versions of Python, NumPy and torch, found without importing the last."""
    try:
        torch = importlib.metadata.version("torch")
    except importlib.metadata.PackageNotFoundError:
        torch = None
    return {"python": platform.python_version(), "numpy": np.__version__, "torch": torch}


def read_record(path):
    """The `Record` in a file, every part of it checked.

    InputError where the file is missing, cannot be read or is not a whole record.
    """
    path = Path(path)
    try:
        if not path.is_file():
            raise InputError(f"{path}: no such record of a run")
        with open(path, "rb") as stream:
            text = stream.read(MAX_BYTES + 1)
        if len(text) > MAX_BYTES:
            raise ValueError(f"larger than {MAX_BYTES} bytes")
        record = Record(**json.loads(text))
        _check(record)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, TypeError, RecursionError) as error:
        # half-written, no text, nested too deep, other fields than a record's
        raise InputError(f"{path}: damaged or not a record ({reason_of(error)})") from error
    return record


def _check(record):
    """ValueError, in words, where a record's fields are not what they should be."""

    def need(holds, otherwise):
        if not holds:
            raise ValueError(otherwise)

    for name, field in Record.__dataclass_fields__.items():
        need(type(getattr(record, name)) is field.type, f"no proper {name}")
    options, data, epochs, final = record.options, record.data, record.epochs, record.final
    need(record.status in (FINISHED, INTERRUPTED), "status is neither finished nor interrupted")
    plain = not any(isinstance(value, dict | list) for value in options.values())
    need(plain and isinstance(options.get("model"), str), "no proper options")
    named = isinstance(data.get("name"), str) and isinstance(data.get("standin"), bool)
    need(named and re.fullmatch("[0-9a-f]{64}", str(data.get("sha256"))), "no proper data")
    rows = [record.initial, final, record.best, record.seconds, *epochs]
    numbers = all(isinstance(row, dict) and all(map(is_number, row.values())) for row in rows)
    need(numbers, "something else where numbers belong")
    need(epochs, "no epochs")
    counted = [row.get("epoch") for row in epochs] == list(range(1, len(epochs) + 1))
    need(counted, "its epochs do not count from 1")
    alike = all(row.keys() == epochs[0].keys() for row in epochs) and "val_acc" in epochs[0]
    need(alike, "its epochs do not have the same figures")
    need(set(CLOCKS) <= record.seconds.keys(), "no proper seconds")
    need({"val_acc", "epoch"} <= record.best.keys(), "no best epoch")
    if record.status == FINISHED:
        need("test_acc" in final, "finished without a test accuracy")
        need(final.get("val_acc") == epochs[-1]["val_acc"], "its end contradicts its last epoch")
    best = [row["val_acc"] for row in epochs if row["val_acc"] is not None]
    need(record.best["val_acc"] == max(best, default=None), "its best contradicts its epochs")


def is_number(value):
    """Is it a finite number, or the None that stands for another?"""
    if isinstance(value, bool) or not isinstance(value, int | float | None):
        return False
    return value is None or abs(value) <= sys.float_info.max
