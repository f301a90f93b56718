"""A run's bookkeeping: options, file names, clock, figures, record, checkpoint, interruption.

The scripts' main() keeps the skeleton's shape: load, build, loop over epochs, evaluate. Everything
that surrounds that loop is here, in the order in which a run meets it:

    sweep = sweeps.parse(parser, ...)       add_shared_options: those of both scripts
    data = open_data(opt)                   the data file, or the stand-in, and what it is
    with Run(opt, data, ...) as run:        names the files; refuses a folder it cannot write, and
                                            to run beside another run of the same settings
        run.load_checkpoint(restore)        when asked to resume
        for epoch in run.epochs():          prints "Training epoch i"
            with run.clock("training"): ...
            run.end_epoch(line, state, ...) prints, remembers, writes a checkpoint when due
        run.finish(train_acc=..., ...)      figures, record, results, the last checkpoint

A run can be stopped at any moment. The epoch under way is dropped; what was finished is kept. A file
that cannot be written holds nothing else up: it is named at the end, and the exit status is 1.
"""

import argparse
import ast
import contextlib
import functools
import hashlib
import importlib.metadata
import io
import json
import math
import os
import platform
import re
import signal
import sys
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import utils
from utils import InputError, notice

DEFAULT_DATA = utils.ROOT / "data" / "intel_landscapes.npz"
STANDIN = utils.ROOT / "data" / "synthetic.npz"
PLOTS = utils.ROOT / "plots"
# Bytes of a file's name without the quantity's word, a digest and the ending; file systems take 255.
MAX_NAME = 200
# Bytes of a record that is read, some 60,000 epochs of the longest kind; parsed it takes tenfold.
MAX_RECORD = 16 * 2**20
CHECKPOINT_SECONDS = 30  # a checkpoint costs milliseconds; half a minute is little to lose
# Of the time, at most: a checkpoint that takes longer is written less often.
CHECKPOINT_SHARE = 0.02
MAX_META = 2**20  # bytes of the options and the like in a checkpoint that is read

# Options that are in no file's name and free on resuming: they do not change a run's numbers, or,
# as data_path, are there as the data file's digest.
FREE_OPTIONS = {"data_path", "plots_dir", "plot_format", "show", "resume"}
# Options that take exactly one value which could be any word.
ONE_VALUE = ("-data_path", "-plots_dir", "-device")
# The modules beside a script on which a run's numbers depend, and those of one script alone.
CODE = ("utils.py", "runs.py")
OWN_CODE = {"hw1-q2.py": ("ranks.py",)}
# How an option is called in a file's name, where the skeleton has a shorter word for it.
SHORT = {
    "batch_size": "batch",
    "hidden_size": "hidden",
    "learning_rate": "lr",
    "l2_penalty": "l2",
    "l2_decay": "l2",
    "activation": "act",
    "optimizer": "opt",
    "momentum": "mom",
}


# --------------------------------------------------------------------------------------------
# Options


count = utils.whole_number(1, 2**31 - 1)
seed = utils.whole_number(0, 2**32 - 1)  # what NumPy's global generator takes


def positive(text):
    """An argparse type: a finite number above 0."""
    value = _number(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"must be a number above 0, not {text}")
    return value


def non_negative(text):
    """An argparse type: a finite number of at least 0."""
    value = _number(text)
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"must be a number of at least 0, not {text}")
    return value


def fraction(text):
    """An argparse type: a number in [0, 1)."""
    value = _number(text)
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError(f"must be a number of at least 0 and below 1, not {text}")
    return value


def _number(text):
    """`text` as a float; nan where it is none, which no range holds."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def add_shared_options(parser):
    """Add the options that mean the same in both scripts."""
    parser.add_argument(
        "-data_path",
        metavar="NPZ",
        help="images and labels; a folder of .npy files is read from disk a block at a time [all] "
        "(default: data/intel_landscapes.npz, or, where that file is not there, the stand-in "
        "images that the program draws itself)",
    )
    parser.add_argument(
        "-standardize",
        action="store_true",
        help="subtract each feature's training mean and divide by its deviation [all] "
        "(default: pixels / 256 as they are)",
    )
    parser.add_argument(
        "-seed", type=seed, nargs="+", default=42, help="[all] (default: %(default)s)"
    )
    parser.add_argument(
        "-plots_dir",
        type=Path,
        default=PLOTS,
        metavar="DIR",
        help="where figures and records go [all] (default: plots, beside this script)",
    )
    parser.add_argument(
        "-plot_format",
        nargs="+",
        choices=["pdf", "png"],
        default=["pdf"],
        help="one or both [all] (default: pdf)",
    )
    parser.add_argument(
        "-show", action="store_true", help="open the figures in windows [all] (default: no)"
    )
    parser.add_argument(
        "-resume",
        action="store_true",
        help="go on from this run's checkpoint; -epochs may be more than it was [all] "
        "(default: start anew)",
    )


def unused_options(opt, parser, uses):
    """The options given that do nothing for the model chosen, as '-dropout, -layers'.

    `uses` maps an option's name to the models that use it; an option not in it is used by all.
    """
    return ", ".join(
        f"-{name}"
        for name, models in uses.items()
        if opt.model not in models and getattr(opt, name) != parser.get_default(name)
    )


def settings(opt, parser, leave_out=()):
    """The options that differ from their defaults as a piece of a file's name: '-lr-0.1-seed-7'."""
    words = []
    for name, value in vars(opt).items():
        if name in {"model", *FREE_OPTIONS, *leave_out} or value == parser.get_default(name):
            continue
        word = SHORT.get(name, name)
        words.append(f"-{word}" if value is True else f"-{word}-{value}")
    return "".join(words)


def file_path(folder, name, data, quantity, ending):
    """The file of a run, or of a sweep, for one quantity: plots/Q1-mlp-accs.pdf.

    `name` has `{data}` where the data set's tag goes and `{quantity}` where the quantity's word does.
    A digest stands for the rest of a name too long; the quantity's word stays whole, as checkpoints
    are found by it.
    """
    before, after = name.format(data=data.tag, quantity="\n").split("\n")
    digest = ""
    if len(before + after) > MAX_NAME:
        digest = "-" + hashlib.sha256((before + after).encode()).hexdigest()[:16]
        after = after[: max(MAX_NAME - len(before), 0)]
        before = before[:MAX_NAME].rstrip("-") + "-"
    return Path(folder) / f"{before}{quantity}{after}{digest}.{ending}"


def recorded_options(opt):
    """The options that bear on a run's numbers, but for the data, which a record describes."""
    return {name: value for name, value in vars(opt).items() if name not in FREE_OPTIONS}


def code_version(script):
    """A digest of the program that a script's runs are made with: the script, by its file's name, and
    the modules of CODE and OWN_CODE.

    Taken over the syntax trees without docstrings, so that only what Python executes counts.
    """
    digest = hashlib.sha256()
    for name in (script, *CODE, *OWN_CODE.get(script, ())):
        path = utils.ROOT / name
        if not path.is_file():  # a run started by another program than the two scripts
            continue
        tree = ast.parse(path.read_bytes())
        for node in ast.walk(tree):
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(
                node, clean=False
            ):
                del node.body[0]
        digest.update(ast.dump(tree).encode())
    return digest.hexdigest()[:16]


# --------------------------------------------------------------------------------------------
# Data


@dataclass(frozen=True)
class Data:
    """A data set and the file, or folder of files, that it came from.

    arrays : what `utils.read_data` returns.
    name, size, sha256 : of the file; size in bytes. A folder's are those of its six files, one
        after the other in the order of `utils.KEYS`.
    path : of the file, as it was found.
    standin : is it the stand-in in place of the photographs?
    default : is it the course's file, in its place?
    """

    arrays: dict
    path: Path
    name: str
    size: int
    sha256: str
    standin: bool
    default: bool

    @property
    def n_classes(self):
        return int(self.arrays["train_labels"].max()) + 1

    @property
    def tag(self):
        """The data set in a file's name: '' for data/intel_landscapes.npz, else name and digest.

        Two files of one name are two data sets, so the digest tells them apart.
        """
        if self.default:
            return ""
        stem = re.sub(r"[^A-Za-z0-9_-]+", "_", Path(self.name).stem)[:40]
        return f"-data-{stem}-{self.sha256[:8]}"

    @property
    def title(self):
        """The data set in a figure's title."""
        return "stand-in images, not the photographs" if self.standin else Path(self.name).stem


def open_data(opt):
    """The data set of `-data_path`; without it the course's file or, lacking that, the stand-in.

    The stand-in is drawn and kept in data/ the first time that it is needed, and standard error
    says so each time. Raises InputError where `utils.read_data` does.
    """
    path = DEFAULT_DATA if opt.data_path is None else Path(opt.data_path)
    if opt.data_path is None and not path.exists():
        path = STANDIN
        notice(
            f"note: {DEFAULT_DATA.relative_to(utils.ROOT)} is not there; this run uses stand-in "
            "images drawn by the program ('python data/prepare.py -h' says how to get the "
            "photographs)"
        )
        if not path.exists():
            from data.prepare import synthetic

            try:
                with contextlib.redirect_stdout(sys.stderr):
                    synthetic(path)
            except OSError as error:
                raise InputError(
                    f"{path}: cannot be written ({error.strerror}); make the stand-in elsewhere with "
                    "'python data/prepare.py synthetic -output NPZ' and name it with -data_path"
                ) from error
    try:
        arrays = utils.read_data(path)
    except InputError as error:
        if path != STANDIN:
            raise
        raise InputError(
            f"{path}: is damaged; remove it, and the program draws it again"
        ) from error
    files = [path / f"{key}.npy" for key in utils.KEYS] if path.is_dir() else [path]
    digest = hashlib.sha256()
    for file in files:
        with open(file, "rb") as stream:
            hashlib.file_digest(stream, lambda: digest)
    return Data(
        arrays=arrays,
        path=path,
        name=path.resolve().name if path.is_dir() else path.name,
        size=sum(file.stat().st_size for file in files),
        sha256=digest.hexdigest(),
        standin=path.resolve() == STANDIN.resolve(),
        default=path.resolve() == DEFAULT_DATA.resolve(),
    )


# --------------------------------------------------------------------------------------------
# The run


@dataclass(frozen=True)
class Figure:
    """A figure to draw from the history: which quantities, under which labels.

    quantity : the figure's word in its file's name.
    ylabel : the axis.
    curves : {label in the legend: name in the history}.
    best : label of the curve whose best epoch is marked, or None.
    """

    quantity: str
    ylabel: str
    curves: dict
    best: str | None = None


class Watched:
    """A matrix read in slices, with a progress bar on standard error that follows them."""

    def __init__(self, X):
        from tqdm import tqdm

        self.X, self.shape = X, X.shape
        self.bar = tqdm(total=len(X), unit=" examples", leave=False)

    def __len__(self):
        return len(self.X)

    def __getitem__(self, rows):
        block = self.X[rows]
        self.bar.update(len(block))
        if self.bar.n >= len(self.X):
            self.bar.close()
        return block


class NoCheckpoint(InputError):
    """There is nothing that the run could go on from."""


class Run:
    """One run of one model: its names, its clock, its history, and the files it leaves.

    Parameters
    ----------
    opt : the resolved options, of argparse.
    data : `Data`.
    name : the name of its files, for `file_path`.
    title : model and settings, for the figures.
    figures : list of `Figure`.
    """

    ranks = 1  # processes that train together; ranks.py has the run of several

    def __init__(self, opt, data, name, title, figures):
        self.opt = opt
        self.data = data
        self.name = name
        self.title = f"{title}\n{data.title}"
        self.figures = figures
        self.script = Path(sys.argv[0]).name
        self.code = code_version(self.script)  # now: the files may change while it trains
        self.initial = {}
        self.final = {}
        self.history = []  # one dict of figures an epoch
        self.seconds = {"training": 0.0, "evaluation": 0.0, "plotting": 0.0}
        self.snapshot = (0, {})  # after how many epochs, and the state then, ready to be written
        self.resumed_at = 0  # after how many epochs
        self.whole = None  # the checkpoint that this run wrote or went on from
        self.due = time.monotonic() + CHECKPOINT_SECONDS  # the next one
        self.missing = {}  # what could not be written, and why
        self.drawn = False  # the figures, all of them
        self.warned = False

    def path(self, quantity, ending):
        """Where the file for `quantity` goes."""
        return file_path(self.opt.plots_dir, self.name, self.data, quantity, ending)

    # ---- starting and stopping

    def __enter__(self):
        """Refuse a plots folder that cannot be written, or where the same run is under way."""
        if self.opt.resume and not self.opt.plots_dir.is_dir():
            raise NoCheckpoint(f"{self.opt.plots_dir}: no such folder, so nothing to resume in it")
        utils.make_plots_folder(self.opt.plots_dir)
        self._lock()
        self._remove_leftovers()
        return self

    def _lock(self):
        """Refuse to run while another process writes the same files.

        The lock is the operating system's and ends with the process, however that ends; the file
        that it is on is removed by its holder alone, the last thing before letting go.
        """
        import filelock

        path = self.path("run", "lock")
        self.lock = filelock.FileLock(path.with_name(f".{path.name}"))
        try:
            self.lock.acquire(timeout=1)  # a run that ends just now is waited for
        except filelock.Timeout:
            raise InputError(
                f"{self.opt.plots_dir}: another run with these settings is under way in this "
                "folder; wait for its end or choose another folder with -plots_dir"
            ) from None

    def _unlock(self):
        if self.lock.is_locked:
            with contextlib.suppress(OSError):  # Windows removes no open file; there it stays
                Path(self.lock.lock_file).unlink()
            self.lock.release()

    def _remove_leftovers(self):
        """Remove the half-written files of a run of these settings that was killed."""
        quantities = [figure.quantity for figure in self.figures]
        quantities += ["weights", "record", "results", "checkpoint"]
        prefixes = tuple(
            utils.temporary_prefix(self.path(quantity, ending))
            for quantity in quantities
            for ending in ("pdf", "png", "json", "txt", "npz")
        )
        for path in self.opt.plots_dir.iterdir():
            if path.name.startswith(prefixes):
                with contextlib.suppress(OSError):
                    path.unlink()

    def __exit__(self, kind, error, traceback):
        try:
            if kind is not None:
                self._keep(stopped=isinstance(error, KeyboardInterrupt))
            try:
                sys.stdout.flush()  # a line may be left, of which the stop came in the middle
            except OSError:
                utils.drop_output()
            if self.missing:
                reasons = ", ".join(sorted(set(self.missing.values())))
                notice(f"not written: {', '.join(map(str, self.missing))} ({reasons})")
        finally:
            self._unlock()
        if isinstance(error, KeyboardInterrupt):
            sys.exit(128 + getattr(error, "signum", signal.SIGINT))
        if kind is None and self.missing:
            sys.exit(1)

    def _keep(self, stopped):
        """Write what a run that was stopped, or failed, has to show, and say how to go on."""
        done, _ = self.snapshot
        del self.history[done:]  # when stopped between an epoch's end and its snapshot
        if self.final:
            self._write_numbers()
            if self.drawn:
                notice("\nstopped when all was written")
            else:
                notice(
                    f"\nstopped while the figures were drawn; all else is in {self.opt.plots_dir}; "
                    "the same command with -resume draws them"
                )
        elif done > self.resumed_at:
            self._write_numbers()
            self._write_curves()
            if self.path("checkpoint", "npz") in self.missing:
                notice(f"\nstopped after epoch {done} of {self.opt.epochs}")
            else:
                notice(
                    f"\nstopped after epoch {done} of {self.opt.epochs}; what was trained is kept "
                    f"in {self.opt.plots_dir}; the same command with -resume goes on"
                )
        elif stopped and self.opt.resume:
            notice("\nstopped before another epoch was finished; the checkpoint is as it was")
        elif stopped:
            notice("\nstopped before the first epoch was finished; nothing is kept")

    # ---- the loop

    def say(self, line):
        """Print one of the skeleton's lines, at once."""
        try:
            print(line, flush=True)
        except BrokenPipeError:
            raise
        except OSError as error:  # its file's disk is full; Python tries again with the next line
            self._miss("standard output", error)

    @contextlib.contextmanager
    def clock(self, what):
        """Count the seconds spent inside as "training", "evaluation" or "plotting"."""
        start = time.perf_counter()
        yield
        self.seconds[what] += time.perf_counter() - start

    def progress(self, batches):
        """The batches of an epoch, with a bar on standard error where that is a terminal."""
        from tqdm import tqdm

        return tqdm(batches, unit=" batches", leave=False, disable=None)

    def progress_of_slices(self, X):
        """The matrix `X`; on a terminal with a bar that follows the slices that are taken of it."""
        return Watched(X) if sys.stderr.isatty() else X

    def epochs(self):
        """The numbers of the epochs still to be trained, each announced."""
        for epoch in range(len(self.history) + 1, self.opt.epochs + 1):
            self.say(f"Training epoch {epoch}")
            yield epoch

    def end_epoch(self, line, state, **figures):
        """Print the epoch's line, remember its figures, and save a checkpoint when one is due.

        `state` is a dict of arrays from which the run can go on; see `load_checkpoint`.
        """
        self.say(line)
        self.history.append(figures)
        self.warn_if_not_finite(figures)
        copy = {name: np.array(value) for name, value in state.items()}
        self.snapshot = (len(self.history), copy)
        if time.monotonic() >= self.due:
            self.save_checkpoint()

    def warn_if_not_finite(self, figures):
        """Say, the first time that a figure is nan or infinite, which one; the run goes on."""
        for name, value in figures.items():
            if not math.isfinite(value) and not self.warned:
                self.warned = True
                notice(
                    f"warning: {name} became {value} in epoch {len(self.history)}; training goes "
                    "on, but a smaller -learning_rate is likely needed"
                )

    def duration(self):
        """How long training and evaluation took together, in the skeleton's words."""
        minutes, seconds = divmod(int(self.seconds["training"] + self.seconds["evaluation"]), 60)
        return f"{minutes} minutes and {seconds} seconds"

    def finish(self, pictures=(), **final):
        """Write the last checkpoint, results, record and figures.

        `pictures` are pairs of a quantity and a function that draws its figure, in addition to the
        figures of curves; `final` holds train_acc, val_acc and test_acc, fractions.
        """
        self.final = final
        self._write_numbers()  # first without the time of plotting: it may fail or be stopped
        with self.clock("plotting"):
            self._write_curves()
            for quantity, draw in pictures:
                self.save_figure(quantity, draw())
        self.drawn = True
        path = self.path("record", "json")
        with contextlib.suppress(OSError):  # what was written or missed above stays so
            self._write_record(path)
            self.missing.pop(path, None)

    # ---- what it leaves

    def _write(self, quantity, ending, write):
        """Have `write` write a file, given its path; where it cannot, the run goes on without."""
        path = self.path(quantity, ending)
        try:
            write(path)
        except (OSError, MemoryError) as error:
            self._miss(path, error)
        else:
            self.missing.pop(path, None)

    def _miss(self, what, error):
        """Remember what could not be written; say so if the run still has epochs before it."""
        reason = getattr(error, "strerror", None) or str(error) or "not enough memory"
        if not self.missing and len(self.history) < self.opt.epochs:
            notice(
                f"warning: {what}: cannot be written ({reason}); training goes on and it is tried "
                "again"
            )
        self.missing[what] = reason

    def _write_numbers(self):
        """Write the checkpoint, the record and, at the end of a run, the results."""
        self.save_checkpoint()
        self._write("record", "json", self._write_record)
        if self.final:
            self._write("results", "txt", self._write_results)

    def _write_curves(self):
        """Draw every figure of curves in every format asked for."""
        epochs = list(range(1, len(self.history) + 1))
        for figure in self.figures:
            curves = {
                label: [row[key] for row in self.history] for label, key in figure.curves.items()
            }
            self.save_figure(
                figure.quantity,
                utils.plot_curves(
                    epochs, curves, figure.ylabel, self.title, figure.best, self.opt.show
                ),
            )

    def save_figure(self, quantity, figure):
        """Write a matplotlib figure in every format asked for."""
        for ending in self.opt.plot_format:
            self._write(quantity, ending, functools.partial(utils.save_figure, figure))

    def _write_results(self, path):
        """Write the test accuracy and the time, as the skeleton does."""
        text = f"Final test acc: {self.final['test_acc']}\nTraining time: {self.duration()}\n"
        with utils.replacing(path) as stream:
            stream.write(text.encode())

    def _write_record(self, path):
        """Write everything that is known of the run as JSON; see the README for its fields."""
        accuracies = [row["val_acc"] for row in self.history]
        best = int(np.nanargmax(accuracies))
        record = {
            "script": self.script,
            "code": self.code,
            "status": "finished" if self.final else "interrupted",
            # Not where it wrote or whether it resumed: a resumed run's record is the same.
            "options": {
                **recorded_options(self.opt),
                "data_path": self.data.path,
            },
            "data": {
                "name": self.data.name,
                "bytes": self.data.size,
                "sha256": self.data.sha256,
                "standin": self.data.standin,
            },
            "versions": {
                "python": platform.python_version(),
                "numpy": np.__version__,
                "torch": _version("torch"),
            },
            "ranks": self.ranks,
            "initial": self.initial,
            "epochs": [{"epoch": i, **row} for i, row in enumerate(self.history, 1)],
            "final": self.final,
            "best": {"val_acc": accuracies[best], "epoch": best + 1},
            "seconds": {name: round(value, 3) for name, value in self.seconds.items()},
        }
        with utils.replacing(path) as stream:
            text = json.dumps(_finite(record), indent=1, allow_nan=False, default=str)
            stream.write(text.encode() + b"\n")

    def save_checkpoint(self):
        """Write the state after the last whole epoch to the run's checkpoint."""
        start = time.monotonic()
        self._write("checkpoint", "npz", self._write_checkpoint)
        now = time.monotonic()
        self.due = now + max(CHECKPOINT_SECONDS, (now - start) / CHECKPOINT_SHARE)

    def _write_checkpoint(self, path):
        """Write a checkpoint; the one before it is kept beside it under another name."""
        epochs, state = self.snapshot
        meta = {
            "identity": self._identity(),
            "code": self.code,
            "epochs": epochs,
            "initial": self.initial,
            "seconds": self.seconds,
        }
        history = [[row[name] for name in self._quantities()] for row in self.history[:epochs]]
        arrays = {"meta": np.frombuffer(json.dumps(meta).encode(), np.uint8), "history": history}
        buffer = io.BytesIO()
        np.savez(buffer, **arrays, **state)
        before = self.path("checkpoint-before", "npz")
        if self.whole is None:  # it is another run's, which starts anew here
            before.unlink(missing_ok=True)
        with utils.replacing(path) as stream:
            stream.write(buffer.getbuffer())
            if self.whole == path:
                stream.flush()
                os.fsync(stream.fileno())
                # Killed from here on, the run has the one before until the new one has its name.
                with contextlib.suppress(FileNotFoundError):
                    os.replace(path, before)
        self.whole = path

    def _quantities(self):
        """The names of an epoch's figures."""
        return [key for figure in self.figures for key in figure.curves.values()]

    def _identity(self):
        """What a checkpoint must agree in to be this run's: options but the epochs, data, figures."""
        options = {
            name: value
            for name, value in vars(self.opt).items()
            if name not in FREE_OPTIONS | {"epochs"}
        }
        return {**options, "data": self.data.sha256, "quantities": self._quantities()}

    def load_checkpoint(self, restore):
        """Take up the run where its checkpoint left it; returns `restore` of the state saved there.

        Of the checkpoints in the plots folder with this run's options and data, the one with the
        most epochs, at most those asked for: it may come from a run that was to train for fewer.
        One of this version of the code goes before those of others, which leave a mark: the run's
        code is then 'theirs+ours'. One that is damaged, or whose state `restore` refuses, is left
        aside for the next. InputError where there is none.
        """
        identity = json.loads(json.dumps(self._identity()))
        ours, others, further = [], [], 0
        for path in sorted(self.opt.plots_dir.glob("*checkpoint*.npz")):
            try:
                meta = read_checkpoint(path, "meta")
            except InputError as error:
                notice(f"note: {error}; left aside")
                continue
            if meta["identity"] != identity:
                others.append((path, meta["identity"]))
            elif meta["epochs"] > self.opt.epochs:
                further = max(further, meta["epochs"])
            else:
                same = meta["code"] == self.code
                last = "checkpoint-before" not in path.name
                ours.append((same, meta["epochs"], last, path, meta))
        for *_, path, meta in sorted(ours, key=lambda entry: entry[:-1], reverse=True):
            try:
                restored = self._take_up(path, meta, restore)
            except InputError as error:
                notice(f"note: {error}; left aside")
                continue
            notice(f"going on after epoch {len(self.history)} of {self.opt.epochs}")
            return restored
        if further:
            raise NoCheckpoint(
                f"{self.opt.plots_dir}: the checkpoint of this run is at epoch {further} already; "
                "ask for more -epochs, or start it without -resume"
            )
        raise NoCheckpoint(
            f"{self.opt.plots_dir}: no checkpoint of this run{_nearest(others, identity)}; start it "
            "without -resume"
        )

    def _take_up(self, path, meta, restore):
        """Set the run to where a checkpoint left it. InputError where the state there is damaged."""
        state = read_checkpoint(path, "state")
        quantities = self._quantities()
        history = state.pop("history", np.empty(0))
        try:
            if history.shape != (meta["epochs"], len(quantities)) or history.dtype != np.float64:
                raise ValueError("the history does not fit")
            restored = restore(state)
        except (LookupError, ValueError, TypeError, RuntimeError) as error:
            reason = " ".join(str(error).split())[:200]
            raise InputError(f"{path.name}: damaged or not a checkpoint ({reason})") from error
        self.initial = meta["initial"]
        self.history = [dict(zip(quantities, row, strict=True)) for row in history.tolist()]
        self.seconds = meta["seconds"]
        self.snapshot = (meta["epochs"], state)
        self.resumed_at = meta["epochs"]
        self.whole = path
        if meta["code"] != self.code:
            notice(f"note: {path.name} was written by another version of the code")
            theirs = meta["code"].removesuffix(self.code).removesuffix("+")
            self.code = f"{theirs}+{self.code}"
        return restored


def _nearest(others, identity):
    """In words, which options the checkpoint has otherwise that is nearest to a run's identity.

    others : pairs of a path and an identity; those of another script or model do not count.
    """
    alike = [
        ([name for name in identity if other[name] != identity[name]], path, other)
        for path, other in others
        if other.keys() == identity.keys() and other["model"] == identity["model"]
    ]
    if not alike:
        return ""
    names, path, other = min(alike, key=lambda entry: len(entry[0]))
    words = []
    for name in names:
        theirs, ours = (json.dumps(each[name])[:60] for each in (other, identity))
        if name == "data":
            words.append(f"other data (SHA-256 {theirs[1:9]}, not {ours[1:9]})")
        else:
            words.append(f"-{name} {theirs} in place of {ours}")
    return f"; the nearest, {path.name}, has {', '.join(words)}"


def read_checkpoint(path, part):
    """The "meta" data (a dict) or the "state" (a dict of arrays) of a checkpoint.

    Nothing in it is executed: it is an npz of plain arrays of numbers, the meta data as JSON in one
    of them; and no more memory is taken than the file has bytes, the meta data's apart. InputError
    where it is damaged or not a checkpoint.
    """
    try:
        if not path.is_file():
            raise ValueError("not a regular file")
        with zipfile.ZipFile(path) as archive:
            if sum(member.file_size for member in archive.infolist()) > path.stat().st_size:
                raise ValueError("it claims to hold more bytes than it has")
            if part == "state":
                names = {name.removesuffix(".npy") for name in archive.namelist()} - {"meta"}
                state = {name: utils.read_member(archive, name) for name in names}
                if any(array.dtype.kind not in "biuf" for array in state.values()):
                    raise ValueError("it holds something else than numbers")
                return state
            if archive.getinfo("meta.npy").file_size > MAX_META:
                raise ValueError("its meta data are too large")
            meta = json.loads(utils.read_member(archive, "meta").tobytes())
        if not _is_meta(meta):
            raise ValueError("no checkpoint of this program")
        return meta
    except Exception as error:  # a damaged file makes the parsers raise whatever comes up
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{path.name}: damaged or not a checkpoint ({reason})") from error


def _is_meta(meta):
    """Is a parsed JSON value the meta data of a checkpoint?"""
    return (
        isinstance(meta, dict)
        and all(isinstance(meta.get(name), dict) for name in ("identity", "initial", "seconds"))
        and all(
            isinstance(item, str | int | float | None)
            for value in meta["identity"].values()
            for item in (value if isinstance(value, list) else [value])
        )
        and isinstance(meta.get("code"), str)
        and type(meta.get("epochs")) is int
        and meta["epochs"] >= 1
        and all(map(_is_number, [*meta["initial"].values(), *meta["seconds"].values()]))
        and meta["seconds"].keys() == {"training", "evaluation", "plotting"}
        and None not in meta["seconds"].values()
    )


def read_record(path):
    """The record of a run, as `Run` writes it: a dict, of which nothing is taken on trust.

    It has script and status ("finished" or "interrupted"), both str; options, a dict of plain
    values, "model" among them; data, a dict with name, sha256 and standin; versions; initial, final
    (of an interrupted run {}), best and seconds, dicts of numbers; and epochs, a list that is not
    empty, of dicts of numbers, "epoch" counting from 1. A number that was not finite is None.

    Raises InputError where the file is missing, cannot be read or is not a whole record.
    """
    path = Path(path)
    try:
        if not path.is_file():
            raise InputError(f"{path}: no such record of a run")
        with open(path, "rb") as stream:
            text = stream.read(MAX_RECORD + 1)
        if len(text) > MAX_RECORD:
            raise InputError(f"{path}: is larger than {MAX_RECORD} bytes, too large for a record")
        record = json.loads(text)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:  # half-written, no text, nested too deep
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{path}: damaged or not a record ({reason})") from error
    mistake = _mistake_in_record(record)
    if mistake:
        raise InputError(f"{path}: not a record of this program ({mistake})")
    return record


def _mistake_in_record(record):
    """What keeps a parsed JSON value from being a record, in words; None where it is one."""
    if not isinstance(record, dict):
        return "not an object"
    kinds = {"script": str, "status": str, "epochs": list}
    kinds |= dict.fromkeys(
        ("options", "data", "versions", "initial", "final", "best", "seconds"), dict
    )
    for name, kind in kinds.items():
        if not isinstance(record.get(name), kind):
            return f"no proper {name}"
    options, data, epochs = record["options"], record["data"], record["epochs"]
    if record["status"] not in ("finished", "interrupted"):
        return "status is neither finished nor interrupted"
    if any(isinstance(value, dict | list) for value in options.values()):
        return "an option is no plain value"
    if not isinstance(options.get("model"), str):
        return "no model"
    if not isinstance(data.get("name"), str) or not isinstance(data.get("standin"), bool):
        return "no proper name of the data"
    if not re.fullmatch("[0-9a-f]{64}", str(data.get("sha256"))):
        return "no SHA-256 of the data"
    rows = [record[name] for name in ("initial", "final", "best", "seconds")] + epochs
    if not all(isinstance(row, dict) and all(map(_is_number, row.values())) for row in rows):
        return "something else where numbers belong"
    if not epochs or [row.get("epoch") for row in epochs] != list(range(1, len(epochs) + 1)):
        return "its epochs do not count from 1"
    if any(row.keys() != epochs[0].keys() for row in epochs) or "val_acc" not in epochs[0]:
        return "its epochs do not have the same figures"
    if not {"training", "evaluation", "plotting"} <= record["seconds"].keys():
        return "no proper seconds"
    if not {"val_acc", "epoch"} <= record["best"].keys():
        return "no best epoch"
    if record["status"] == "finished" and "test_acc" not in record["final"]:
        return "finished without a test accuracy"
    return None


def _is_number(value):
    """Is it a finite number, or the None that stands for another?"""
    if isinstance(value, bool) or not isinstance(value, int | float | None):
        return False
    return value is None or abs(value) <= sys.float_info.max


def _version(package):
    """The version of an installed package, found without importing it, or None."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _finite(value):
    """`value` with each nan and infinity in it as None, which JSON can hold."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
