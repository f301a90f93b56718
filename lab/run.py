"""One run of one model: the loop over its epochs, its clock, its bar, and what it leaves behind.

    with Run(script, opt, ...) as run:      refuses a folder it cannot write, and to run beside
                                            another run of the same settings
        run.load_checkpoint(restore)        when asked to resume
        for epoch in run.epochs():          prints "Training epoch i"
            with run.clock("training"): ...
            run.end_epoch(line, state, ...) prints, remembers, writes a checkpoint when due
        run.finish(outcome, test_acc=...)   figures, record, results, the last checkpoint

A run can be stopped at any moment. The epoch under way is dropped; what was finished is kept. A file
that cannot be written holds nothing else up: it is named at the end, in an `Incomplete`.
"""

import contextlib
import functools
import json
import math
import sys
import time

import numpy as np
from tqdm import tqdm

from lab import record
from lab.checkpoint import Checkpoint, damaged, read_state
from lab.figures import CAPTIONS, pictures, save_figure
from lab.files import replacing
from lab.folder import RunFolder
from lab.keeping import Checkpoints, NoCheckpoint
from lab.options import recorded_options
from lab.process import Incomplete, Stopped, flush_or_drop
from lab.version import code_version
from utils import InputError, notice


class Watched:
    """A matrix read in slices, whose reading, once through, moves the bar by one epoch."""

    def __init__(self, X, bar):
        self.X, self.shape, self.bar = X, X.shape, bar

    def __len__(self):
        return len(self.X)

    def __getitem__(self, rows):
        block = self.X[rows]
        self.bar.update(len(block) / len(self.X))
        return block


def _write_predictions(outcome, path):
    """Write the predicted class of each test image, a byte or more each, as an .npy array."""
    predictions = outcome.predictions
    with replacing(path) as stream:
        np.save(stream, predictions.astype(np.min_scalar_type(predictions.max())))


class Run:
    """A run's books.

    Parameters
    ----------
    script : the program's file name.
    opt : the resolved options, of argparse.
    data : `dataset.Data`.
    names : `names.Names`.
    figures : list of `figures.Figure`.
    threads : of each process.
    """

    ranks = 1  # processes that train together; lab/ranks.py has the run of several
    code_files = ()  # that a run's numbers depend on besides the script's; see `code_version`

    def __init__(self, script, opt, data, names, figures, threads=1):
        self.script, self.opt, self.data, self.names = script, opt, data, names
        self.figures, self.threads = figures, threads
        self.title = f"{names.title}\n{data.title}"
        self.code = code_version(script, *self.code_files)
        self.quantities = [key for figure in figures for key in figure.curves.values()]
        self.folder = RunFolder(opt.plots_dir, names.files, data)
        self.bar = tqdm(disable=True)
        self.initial = {}
        self.final = {}
        self.history = []  # one dict of numbers per epoch
        self.seconds = dict.fromkeys(record.CLOCKS, 0.0)
        self.snapshot = (0, {})  # after how many epochs, and the state then, ready to be written
        self.resumed_at = 0  # after how many epochs
        self.checkpoints = Checkpoints(self.folder, names, self.identity(), self.code)
        self.drawn = False  # the figures, all of them
        self.warned = False

    # ---- starting and stopping

    def __enter__(self):
        """Refuse a plots folder that cannot be written, or where the same run is under way."""
        if self.opt.resume and not self.opt.plots_dir.is_dir():
            raise NoCheckpoint(f"{self.opt.plots_dir}: no such folder, so nothing to resume in it")
        drawn = [figure.quantity for figure in self.figures]
        written = ["record", "history", "results", "predictions", "checkpoint"]
        self.folder.take([*drawn, *CAPTIONS, *written])
        if not self.opt.resume:
            self.checkpoints.look_for_earlier(self.opt.epochs)
        # One bar per run, which moves within the epochs; only on a terminal.
        self.bar = tqdm(
            total=self.opt.epochs,
            bar_format="{percentage:3.0f}% |{bar}| epoch {n:.1f} of {total}, {remaining} left",
            disable=None,
            leave=False,
        )
        return self

    def __exit__(self, kind, error, traceback):
        self.bar.close()
        try:
            if kind is not None:
                self._keep(stopped=isinstance(error, KeyboardInterrupt))
            flush_or_drop(sys.stdout)  # of a line that the stop interrupted, a part may be left
            unwritten = self.folder.what_is_unwritten()
            if unwritten and kind is None:
                raise Incomplete(unwritten)
            if unwritten:
                notice(unwritten)
        finally:
            self.folder.lock.release()
        if isinstance(error, KeyboardInterrupt):
            raise Stopped(*error.args[:1], told=True) from None

    def _keep(self, stopped):
        """Write what a run that was stopped, or failed, has to show, and say how to go on."""
        done, _ = self.snapshot
        del self.history[done:]  # when stopped between an epoch's end and its snapshot
        if self.final:
            self._write_numbers()
        elif done > self.resumed_at and not self.checkpoints.withheld(done):
            self._write_numbers()
            self._draw_curves()
        said = self._what_is_kept(done, stopped)
        if said:
            notice(f"\n{said}")

    def _what_is_kept(self, done, stopped):
        """What is left of a run that ended after so many epochs, and how to go on; "" after a failure
        that left nothing.
        """
        where = f"stopped after epoch {done} of {self.opt.epochs}"
        resume = "the same command with -resume"
        if self.drawn:
            return "stopped when all was written"
        if self.final:
            return (
                f"stopped while the figures were drawn; all else is in {self.opt.plots_dir}; {resume} "
                "draws them"
            )
        if done and self.checkpoints.withheld(done):
            return (
                f"{where}; the earlier run's checkpoint, after epoch "
                f"{self.checkpoints.earlier.epochs}, is kept; {resume} goes on from there"
            )
        if done > self.resumed_at:
            if self.checkpoints.path in self.folder.unwritten:
                return where
            return f"{where}; what was trained is kept in {self.opt.plots_dir}; {resume} goes on"
        if not stopped:
            return ""
        if self.opt.resume:
            return "stopped before another epoch was finished; the checkpoint is as it was"
        return "stopped before the first epoch was finished; nothing is kept"

    # ---- the loop

    def say(self, line):
        """Print one of the skeleton's lines, at once."""
        self.bar.clear()
        try:
            print(line, flush=True)
        except BrokenPipeError:
            raise
        except OSError as error:  # its file's disk is full; Python tries again with the next line
            self.folder.miss("standard output", error, self._goes_on())

    def _goes_on(self):
        return len(self.history) < self.opt.epochs

    @contextlib.contextmanager
    def clock(self, what):
        """Count the seconds spent inside as "training", "evaluation" or "plotting"."""
        start = time.perf_counter()
        yield
        self.seconds[what] += time.perf_counter() - start

    def watched(self, X):
        """The matrix X; on a terminal the bar follows the slices that are taken of it."""
        return X if self.bar.disable else Watched(X, self.bar)

    def watched_batches(self, batches, count):
        """The batches, `count` of them; the bar follows them."""
        for batch in batches:
            yield batch
            self.bar.update(1 / count)

    def epochs(self):
        """The numbers of the epochs still to be trained, each announced."""
        for epoch in range(len(self.history) + 1, self.opt.epochs + 1):
            self.bar.n = epoch - 1
            self.bar.refresh()
            self.say(f"Training epoch {epoch}")
            yield epoch

    def end_epoch(self, line, state, **numbers):
        """Print the epoch's line, remember its numbers, and save a checkpoint when one is due.

        `state` is a dict of arrays from which the run can go on; see `load_checkpoint`.
        """
        self.say(line)
        self.history.append(numbers)
        self._warn_if_not_finite(numbers)
        # A copy, as the next epoch changes the model's arrays in place, and may be stopped half-way.
        copy = {name: np.array(value) for name, value in state.items()}
        self.snapshot = (len(self.history), copy)
        if self.checkpoints.is_due():
            self.save_checkpoint()

    def _warn_if_not_finite(self, numbers):
        """Say, the first time that a number is nan or infinite, which one; the run goes on."""
        for name, value in numbers.items():
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

    def finish(self, outcome, **final):
        """Write the last checkpoint, results, record, predictions and figures.

        `outcome` is a `figures.Outcome`; `final` holds train_acc, val_acc and test_acc, fractions.
        """
        self.final = final
        self._write_numbers()  # first without the time of plotting: it may fail or be stopped
        self._write("predictions", "npy", functools.partial(_write_predictions, outcome))
        with self.clock("plotting"):
            self._draw_curves()
            for quantity, figure in pictures(outcome, self.data, self.title, self.opt):
                self._save_figure(quantity, figure)
        self.drawn = True
        path = self.folder.path("record", "json")
        with contextlib.suppress(OSError):  # what was written or missed above stays so
            self.record().write(path)
            self.folder.unwritten.pop(path, None)

    # ---- what it leaves

    def _write(self, quantity, ending, write):
        self.folder.write(quantity, ending, write, self._goes_on())

    def _write_numbers(self):
        """Write the checkpoint, the record and, at the end of a run, the results."""
        self.save_checkpoint()
        self._write("record", "json", self.record().write)
        self._write("history", "csv", self.record().write_history)
        if self.final:
            self._write("results", "txt", self._write_results)

    def _draw_curves(self):
        for figure in self.figures:
            drawn = figure.draw(self.history, self.title, self.opt.show)
            self._save_figure(figure.quantity, drawn)

    def _save_figure(self, quantity, figure):
        """Write a matplotlib figure in every format asked for."""
        for ending in self.opt.plot_format:
            self._write(quantity, ending, functools.partial(save_figure, figure))

    def _write_results(self, path):
        """Write the test accuracy and the time, as the skeleton does."""
        text = f"Final test acc: {self.final['test_acc']}\nTraining time: {self.duration()}\n"
        with replacing(path) as stream:
            stream.write(text.encode())

    def record(self):
        """The `record.Record` of the run so far."""
        data = self.data
        return record.Record(
            script=self.script,
            code=self.code,
            status=record.FINISHED if self.final else record.INTERRUPTED,
            # Not where it wrote or whether it resumed: a resumed run's record is the same.
            options={**recorded_options(self.opt), "data_path": str(data.path)},
            data={
                "name": data.name,
                "bytes": data.size,
                "sha256": data.sha256,
                "standin": data.standin,
            },
            versions=record.versions(),
            ranks=self.ranks,
            threads=self.threads,
            runs_at_a_time=record.runs_at_a_time(),
            initial=self.initial,
            epochs=[{"epoch": i, **row} for i, row in enumerate(self.history, 1)],
            final=self.final,
            best=record.best_epoch(self.history),
            seconds={name: round(value, 3) for name, value in self.seconds.items()},
        )

    def identity(self):
        """What a checkpoint must agree in to be this run's: options but the epochs, data, quantities."""
        options = {k: v for k, v in recorded_options(self.opt).items() if k != "epochs"}
        whole = {**options, "data": self.data.sha256, "quantities": self.quantities}
        return json.loads(json.dumps(whole))  # equal to what is read back: a tuple is a list there

    def save_checkpoint(self):
        """Write the state after the last whole epoch to the run's checkpoint."""
        done, _ = self.snapshot
        if not self.checkpoints.withheld(done):
            with self.checkpoints.timed():
                self._write("checkpoint", "npz", self._write_checkpoint)

    def _write_checkpoint(self, path):
        done, state = self.snapshot
        about = Checkpoint(path, self.identity(), self.code, done, self.initial, self.seconds)
        history = [[row[name] for name in self.quantities] for row in self.history[:done]]
        self.checkpoints.write(about, history, state)

    def load_checkpoint(self, restore):
        """Take up the run where its checkpoint left it, giving `restore` the state saved there.

        The checkpoint is one in the plots folder with this run's options and data, perhaps of a run
        that was to train for another number of epochs; see `keeping.Checkpoints.find`. One of another
        version of the code leaves a mark: the run's code is then 'theirs+ours'. One that is damaged,
        or whose state `restore` refuses, is left aside. NoCheckpoint where there is none.
        """
        found, complaints = self.checkpoints.find(self.opt.epochs)
        for taken in found:
            try:
                self._take_up(taken, restore)
                break
            except InputError as error:
                complaints.append(str(error))
        else:
            taken = None
        for complaint in complaints:
            notice(f"note: {complaint}; left aside")
        if taken is None:
            raise self.checkpoints.none()
        if taken.code != self.code:
            notice(f"note: {taken.path.name} was written by another version of the code")
            theirs = taken.code.removesuffix(self.code).removesuffix("+")
            self.code = f"{theirs}+{self.code}"
        notice(f"going on after epoch {taken.epochs} of {self.opt.epochs}")

    def _take_up(self, checkpoint, restore):
        """Set the run to where a checkpoint left it. InputError where the state there is damaged."""
        state, history = read_state(checkpoint, self.quantities)
        try:
            restore(state)
        except (LookupError, ValueError, TypeError, RuntimeError) as error:
            raise damaged(checkpoint.path, error) from error
        self.initial, self.seconds = checkpoint.initial, checkpoint.seconds
        self.history = history
        self.snapshot = (checkpoint.epochs, state)
        self.resumed_at = checkpoint.epochs
        self.checkpoints.last = checkpoint.path
        self.bar.initial = self.bar.n = checkpoint.epochs
