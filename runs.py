"""A run's bookkeeping: options, file names, clock, figures, record, checkpoint, interruption.

The scripts' main() keeps the skeleton's shape: load, build, loop over epochs, evaluate. Everything
that surrounds that loop is here, in the order in which a run meets it:

    opt = parser.parse_args()               add_shared_options: those of both scripts
    data = open_data(opt)                   the data file, or the stand-in, and what it is
    with Run(opt, data, ...) as run:        names the files; refuses a folder it cannot write
        run.load_checkpoint(restore)        when asked to resume
        for epoch in run.epochs():          prints "Training epoch i"
            with run.clock("training"): ...
            run.end_epoch(line, state, ...) prints, remembers, writes a checkpoint when due
        run.finish(train_acc=..., ...)      figures, record, results, the last checkpoint

A run can be stopped at any moment. The epoch under way is dropped; what was finished is kept.
"""

import argparse
import contextlib
import hashlib
import importlib.metadata
import io
import json
import math
import platform
import re
import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import utils
from utils import InputError, notice

DEFAULT_DATA = utils.ROOT / "data" / "intel_landscapes.npz"
STANDIN = utils.ROOT / "data" / "synthetic.npz"
PLOTS = utils.ROOT / "plots"
MAX_NAME = 200  # bytes of a file's name; file systems take 255
CHECKPOINT_SECONDS = 30  # a checkpoint costs milliseconds; half a minute is little to lose

# Options that are in no file's name and free on resuming: they do not change a run's numbers, or,
# as data_path, are there as the data file's digest.
FREE_OPTIONS = {"data_path", "plots_dir", "plot_format", "show", "resume"}
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


def count(text):
    """An argparse type: a whole number of at least 1."""
    value = int(text)
    if not 1 <= value < 2**31:
        raise argparse.ArgumentTypeError(f"must be from 1 to 2^31 - 1, not {text}")
    return value


def seed(text):
    """An argparse type: what NumPy's global generator takes as a seed."""
    value = int(text)
    if not 0 <= value < 2**32:
        raise argparse.ArgumentTypeError(f"must be from 0 to 2^32 - 1, not {text}")
    return value


def positive(text):
    """An argparse type: a finite number above 0."""
    value = float(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"must be a number above 0, not {text}")
    return value


def non_negative(text):
    """An argparse type: a finite number of at least 0."""
    value = float(text)
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"must be a number of at least 0, not {text}")
    return value


def fraction(text):
    """An argparse type: a number in [0, 1)."""
    value = float(text)
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 0 and below 1, not {text}")
    return value


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
    parser.add_argument("-seed", type=seed, default=42, help="[all] (default: %(default)s)")
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
    arrays = utils.read_data(path)
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


class Stopped(BaseException):
    """The run was asked to stop, by Ctrl-C, SIGTERM or its terminal's closing."""

    def __init__(self, signum):
        self.signum = signum


class Run:
    """One run of one model: its names, its clock, its history, and the files it leaves.

    Parameters
    ----------
    opt : the resolved options, of argparse.
    data : `Data`.
    name : file name with `{}` where the quantity's word goes, without an ending.
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
        self.initial = {}
        self.history = []  # one dict of figures an epoch
        self.seconds = {"training": 0.0, "evaluation": 0.0, "plotting": 0.0}
        self.snapshot = (0, {})  # after how many epochs, and the state then, ready to be written
        self.saved_at = time.monotonic()
        self.warned = False

    def path(self, quantity, ending):
        """Where the file for `quantity` goes; a digest stands for the end of a name too long."""
        name = self.name.format(quantity)
        if len(name) > MAX_NAME:
            name = f"{name[:MAX_NAME]}-{hashlib.sha256(name.encode()).hexdigest()[:16]}"
        return self.opt.plots_dir / f"{name}.{ending}"

    # ---- starting and stopping

    def __enter__(self):
        """Refuse a plots folder that cannot be written; from here on be ready to be stopped."""
        if self.opt.resume and not self.opt.plots_dir.is_dir():
            raise InputError(f"{self.opt.plots_dir}: no such folder, so nothing to resume in it")
        try:
            self.opt.plots_dir.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.opt.plots_dir):
                pass
        except OSError as error:
            raise InputError(
                f"{self.opt.plots_dir}: cannot be written ({error.strerror}); "
                "choose another folder with -plots_dir"
            ) from None
        self.handlers = {
            number: signal.signal(number, self._stop)
            for name in ("SIGINT", "SIGTERM", "SIGHUP")
            if (number := getattr(signal, name, None)) is not None  # Windows has no SIGHUP
            and signal.getsignal(number) is not signal.SIG_IGN  # nohup: not to be stopped by it
        }
        return self

    def _stop(self, signum, frame):
        for number in self.handlers:
            signal.signal(number, signal.SIG_DFL)  # a second signal ends the program at once
        raise Stopped(signum)

    def __exit__(self, kind, stopped, traceback):
        if kind is not Stopped:
            for number, handler in self.handlers.items():
                signal.signal(number, handler)
            return
        done, _ = self.snapshot
        del self.history[done:]  # when stopped between an epoch's end and its snapshot
        if done:
            self.save_checkpoint()
            self._write_record("interrupted", {})
            self._write_curves()
            notice(
                f"\nstopped after epoch {done} of {self.opt.epochs}; what was trained is kept in "
                f"{self.opt.plots_dir}; the same command with -resume goes on"
            )
        else:
            notice("\nstopped before the first epoch was finished; nothing is kept")
        sys.exit(128 + stopped.signum)

    # ---- the loop

    def say(self, line):
        """Print one of the skeleton's lines, at once."""
        print(line, flush=True)

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
        if time.monotonic() - self.saved_at > CHECKPOINT_SECONDS:
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
        self.save_checkpoint()
        self._write_record("finished", final)  # first without the time of plotting: it may fail
        with utils.replacing(self.path("results", "txt")) as stream:
            stream.write(
                f"Final test acc: {final['test_acc']}\nTraining time: {self.duration()}\n".encode()
            )
        with self.clock("plotting"):
            self._write_curves()
            for quantity, draw in pictures:
                self.save_figure(quantity, draw())
        self._write_record("finished", final)
        if self.opt.show:
            from matplotlib import pyplot

            pyplot.show()

    # ---- what it leaves

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
            utils.save_figure(figure, self.path(quantity, ending))

    def _write_record(self, status, final):
        """Write everything that is known of the run as JSON; see the README for its fields."""
        accuracies = [row["val_acc"] for row in self.history]
        best = int(np.nanargmax(accuracies))
        record = {
            "script": Path(sys.argv[0]).name,
            "status": status,
            # Not where it wrote or whether it resumed: a resumed run's record is the same.
            "options": {
                **{k: v for k, v in vars(self.opt).items() if k not in FREE_OPTIONS},
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
            "final": final,
            "best": {"val_acc": accuracies[best], "epoch": best + 1},
            "seconds": {name: round(value, 3) for name, value in self.seconds.items()},
        }
        with utils.replacing(self.path("record", "json")) as stream:
            text = json.dumps(_finite(record), indent=1, allow_nan=False, default=str)
            stream.write(text.encode() + b"\n")

    def save_checkpoint(self):
        """Write the state after the last whole epoch to the run's checkpoint."""
        epochs, state = self.snapshot
        meta = {
            "identity": self._identity(),
            "epochs": epochs,
            "initial": self.initial,
            "history": self.history,
            "seconds": self.seconds,
        }
        buffer = io.BytesIO()
        np.savez(buffer, meta=np.frombuffer(json.dumps(meta).encode(), np.uint8), **state)
        with utils.replacing(self.path("checkpoint", "npz")) as stream:
            stream.write(buffer.getbuffer())
        self.saved_at = time.monotonic()

    def _identity(self):
        """What a checkpoint must agree in to be this run's: options but the epochs, data, history."""
        options = {
            name: value
            for name, value in vars(self.opt).items()
            if name not in FREE_OPTIONS | {"epochs"}
        }
        quantities = [key for figure in self.figures for key in figure.curves.values()]
        return {**options, "data": self.data.sha256, "quantities": quantities}

    def load_checkpoint(self, restore):
        """Take up the run where its checkpoint left it; returns `restore` of the state saved there.

        Of the checkpoints in the plots folder with this run's options and data, the one with the
        most epochs, at most those asked for: it may come from a run that was to train for fewer.
        InputError where there is none.
        """
        identity = json.loads(json.dumps(self._identity()))
        best, meta, further = None, {"epochs": -1}, 0
        for path in sorted(self.opt.plots_dir.glob("*checkpoint*.npz")):
            try:
                other = read_checkpoint(path, "meta")
            except InputError as error:
                notice(f"note: {error}; left aside")
                continue
            if other["identity"] != identity:
                continue
            if other["epochs"] > self.opt.epochs:
                further = max(further, other["epochs"])
            elif other["epochs"] > meta["epochs"]:
                best, meta = path, other
        if best is None and further:
            raise InputError(
                f"{self.opt.plots_dir}: the checkpoint of this run is at epoch {further} already; "
                "ask for more -epochs, or start it without -resume"
            )
        if best is None:
            raise InputError(
                f"{self.opt.plots_dir}: no checkpoint of a run with these options and this data; "
                "start it without -resume"
            )
        state = read_checkpoint(best, "state")
        self.initial = meta["initial"]
        self.history = meta["history"]
        self.seconds = meta["seconds"]
        self.snapshot = (meta["epochs"], state)
        try:
            restored = restore(state)
        except (KeyError, ValueError, TypeError, RuntimeError) as error:
            raise InputError(
                f"{best}: the checkpoint is damaged ({' '.join(str(error).split())[:200]}); "
                "start the run without -resume"
            ) from error
        notice(f"going on after epoch {len(self.history)} of {self.opt.epochs}")
        return restored


def read_checkpoint(path, part):
    """The "meta" data (a dict) or the "state" (a dict of arrays) of a checkpoint.

    Nothing in it is executed: it is an npz of plain arrays, the meta data as JSON in one of them.
    InputError where it is damaged or not a checkpoint.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            if part == "state":
                return {name: arrays[name] for name in arrays.files if name != "meta"}
            meta = json.loads(arrays["meta"].tobytes())
            wanted = {"identity", "epochs", "initial", "history", "seconds"}
            if not isinstance(meta, dict) or not wanted <= meta.keys():
                raise ValueError("no checkpoint of this program")
            return meta
    except Exception as error:  # a damaged file makes the parsers raise whatever comes up
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{path.name}: damaged or not a checkpoint ({reason})") from error


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
