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
import math
import sys
import time

import numpy as np
from tqdm import tqdm

from lab import record
from lab.checkpoint import Checkpoint, Checkpoints, Identity, NoCheckpoint, damaged, read_state
from lab.figures import CAPTIONS, pictures, save_figure
from lab.files import replacing
from lab.folder import RunFolder, shown
from lab.options import recorded_options
from lab.process import Incomplete, Stopped, flush_or_drop
from lab.version import code_version
from utils import InputError, notice


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
    names : `folder.Names`.
    figures : list of `figures.Figure`.
    threads : of each process.
    """

    ranks = 1  # processes that train together; lab/ranks.py has the run of several

    def __init__(self, script, opt, data, names, figures, threads=1):
        self.script, self.opt, self.data = script, opt, data
        self.figures, self.threads = figures, threads
        self.title = f"{names.title}\n{data.title}"
        self.code = code_version(script)
        options = {k: v for k, v in recorded_options(opt).items() if k != "epochs"}
        quantities = [key for figure in figures for key in figure.curves.values()]
        self.identity = Identity(options, data.sha256, quantities)
        self.folder = RunFolder(opt.plots_dir, names.files, data)
        self.checkpoints = Checkpoints(self.folder, self.identity, self.code)
        self.bar = tqdm(disable=True)
        self.initial = {}
        self.final = {}
        self.history = []  # one dict of numbers per epoch
        self.seconds = {"training": 0.0, "evaluation": 0.0, "plotting": 0.0}
        self.snapshot = (0, {})  # after how many epochs, and the state then, ready to be written
        self.resumed_at = 0  # after how many epochs
        self.drawn = []  # the paths of the figures
        self.complete = False  # is all written that a finished run leaves?
        self.warned = False

    # ---- starting and stopping

    def __enter__(self):
        """Refuse a plots folder that cannot be written, or where the same run is under way."""
        if self.opt.resume and not self.opt.plots_dir.is_dir():
            raise NoCheckpoint(f"{self.opt.plots_dir}: no such folder, so nothing to resume in it")
        self.folder.take([*(figure.quantity for figure in self.figures), *CAPTIONS])
        self.checkpoints.begin(self.opt.epochs, self.opt.resume)
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
            elif self.complete and kind is None:
                more = f" and {len(self.drawn) - 1} more" if len(self.drawn) > 1 else ""
                own = shown(self.folder.own)
                notice(f"figures: {shown(self.drawn[0])}{more}; records: {own}/")
        finally:
            self.folder.lock.release()
        if isinstance(error, KeyboardInterrupt):
            raise Stopped(*error.args[:1], told=True) from None

    def _keep(self, stopped):
        """Write what a run that was stopped, or failed, has to show, and say how to resume it."""
        done, _ = self.snapshot
        del self.history[done:]  # when stopped between an epoch's end and its snapshot
        if self.final or done > self.resumed_at:
            self._write_numbers()
        if not self.final and done > self.resumed_at:
            self._draw_curves()
        kept = self._what_is_kept(done, stopped)
        if kept:
            notice(f"\n{kept}")

    def _what_is_kept(self, done, stopped):
        """What is left of a run that ended after so many epochs, and how to resume it; "" after a failure
        that left nothing.
        """
        resume = "the same command with -resume"
        if self.complete:
            return "stopped when all was written"
        if self.final:
            return (
                f"stopped while the figures were drawn; all else is in {shown(self.folder.own)}; "
                f"{resume} draws them"
            )
        further = self.checkpoints.further(done)
        earlier = f"the earlier run's checkpoint, after epoch {further}, is kept; {resume} continues from it"
        if done > self.resumed_at:
            where = f"stopped after epoch {done} of {self.opt.epochs}"
            if self.checkpoints.path in self.folder.unwritten:
                return where
            if further:
                return f"{where}; {earlier}"
            return (
                f"{where}; what was trained is kept in {shown(self.folder.own)}; {resume} continues"
            )
        if not stopped:
            return ""
        if self.opt.resume:
            return "stopped before another epoch was finished; the checkpoint is as it was"
        kept = earlier if further else "nothing is kept"
        return f"stopped before the first epoch was finished; {kept}"

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
        """The `FeatureMatrix` X; on a terminal the bar follows what is read of it."""
        if self.bar.disable:
            return X
        return X.changed(progress=lambda rows: self.bar.update(rows / len(X)))

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
        self.history.append({name: float(value) for name, value in numbers.items()})
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
                    f"warning: {name} became {value} in epoch {len(self.history)}; training "
                    "continues, but a smaller -learning_rate is likely needed"
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
        write = functools.partial(_write_predictions, outcome)
        self._write(self.folder.own / "predictions.npy", write)
        with self.clock("plotting"):
            self._draw_curves()
            for quantity, figure in pictures(outcome, self.data, self.title, self.opt):
                self._save_figure(quantity, figure)
        self.complete = True
        path = self.folder.own / "record.json"
        with contextlib.suppress(OSError):  # what was written or missed above stays so
            self.record().write(path)
            self.folder.unwritten.pop(path, None)

    # ---- what it leaves

    def _write(self, path, write):
        self.folder.write(path, write, self._goes_on())

    def _write_numbers(self):
        """Write the checkpoint, the record and, at the end of a run, the results."""
        self.save_checkpoint()
        self._write(self.folder.own / "record.json", self.record().write)
        self._write(self.folder.own / "history.csv", self.record().write_history)
        if self.final:
            self._write(self.folder.own / "results.txt", self._write_results)

    def _draw_curves(self):
        for figure in self.figures:
            drawn = figure.draw(self.history, self.title, self.opt.show)
            self._save_figure(figure.quantity, drawn)

    def _save_figure(self, quantity, figure):
        """Write a matplotlib figure in every format asked for."""
        for ending in self.opt.plot_format:
            path = self.folder.figure(quantity, ending)
            self._write(path, functools.partial(save_figure, figure))
            self.drawn.append(path)

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
            initial=record.finite(self.initial),
            epochs=[{"epoch": i, **record.finite(row)} for i, row in enumerate(self.history, 1)],
            final=record.finite(self.final),
            best=record.best_epoch(self.history),
            digest="",
            seconds={name: round(value, 3) for name, value in self.seconds.items()},
        )

    def save_checkpoint(self):
        """Write the state after the last whole epoch to the run's checkpoint."""
        with self.checkpoints.timed():
            self._write(self.checkpoints.path, self._write_checkpoint)

    def _write_checkpoint(self, path):
        done, state = self.snapshot
        initial = record.finite(self.initial)
        about = Checkpoint(self.identity, self.code, done, initial, self.seconds)
        self.checkpoints.write(about, self.history[:done], state)

    def load_checkpoint(self, restore):
        """Take up the run where a checkpoint left it, giving `restore` the state saved there.

        The checkpoint is one in the plots folder of this run's identity, perhaps of a run that was to
        train for another number of epochs; see `checkpoint.Checkpoints.find`. One of another version
        of the code leaves a mark: the run's code is then 'theirs+ours'. One that is damaged, or whose
        state `restore` refuses, is left aside. NoCheckpoint where there is none.
        """
        found, complaints, none = self.checkpoints.find(self.opt.epochs)
        taken = None
        for path, checkpoint in found:
            try:
                self._take_up(path, checkpoint, restore)
                taken = path
                break
            except InputError as error:
                complaints.append(str(error))
        for complaint in complaints:
            notice(f"note: {complaint}; left aside")
        if taken is None:
            raise none
        if checkpoint.code != self.code:
            notice(f"note: {shown(taken)} was written by another version of the code")
            theirs = checkpoint.code.removesuffix(self.code).removesuffix("+")
            self.code = f"{theirs}+{self.code}"
        if checkpoint.epochs < self.opt.epochs:
            notice(f"resuming from epoch {checkpoint.epochs + 1} of {self.opt.epochs}")
        else:
            notice(f"all {self.opt.epochs} epochs are trained already")

    def _take_up(self, path, checkpoint, restore):
        """Set the run to where a checkpoint left it. InputError where the state there is damaged."""
        state, history = read_state(path, checkpoint)
        try:
            restore(state)
        except (LookupError, ValueError, TypeError, RuntimeError) as error:
            raise damaged(path, error) from error
        self.initial, self.seconds = checkpoint.initial, checkpoint.seconds
        self.history = history
        self.snapshot = (checkpoint.epochs, state)
        self.resumed_at = checkpoint.epochs
        self.checkpoints.written = path == self.checkpoints.path
        self.bar.initial = self.bar.n = checkpoint.epochs
