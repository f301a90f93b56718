"""The checkpoints that a run keeps: when one is written, over which, and which it goes on from."""

import contextlib
import json
import time

from lab.checkpoint import Missing, read_checkpoint, write_checkpoint
from lab.names import of_similar_runs
from utils import InputError, notice

CHECKPOINT_SECONDS = 30  # a checkpoint costs milliseconds; half a minute is little to lose
# Of the time, at most: a checkpoint that takes longer is written less often.
CHECKPOINT_SHARE = 0.02


class NoCheckpoint(InputError):
    """There is nothing that the run could go on from."""


class Checkpoints:
    """The checkpoints of one run, in its folder.

    folder : `folder.RunFolder`.
    names : `names.Names`.
    identity, code : as in a `Checkpoint`.

    path : of the last one. One before it is kept beside it.
    last : path of the one that this run wrote or went on from, or None.
    """

    def __init__(self, folder, names, identity, code):
        self.folder, self.names, self.identity, self.code = folder, names, identity, code
        self.path = folder.path("checkpoint", "npz")
        self.path_before = folder.path("checkpoint-before", "npz")
        self.last = None
        self.earlier = None  # the `Checkpoint` of a run like this one, kept until we are as far
        self.next_at = time.monotonic() + CHECKPOINT_SECONDS

    # ---- writing

    def look_for_earlier(self, epochs):
        """Find out what an earlier run left that had these settings; say so if it was interrupted.

        For a run that starts anew, for so many epochs.
        """
        with contextlib.suppress(InputError):
            earlier = read_checkpoint(self.path)
            if earlier.identity != self.identity:
                return
            self.earlier = earlier
            if earlier.epochs < epochs:
                by = "" if earlier.code == self.code else " and by another version of the code"
                notice(
                    f"note: an interrupted run of these settings is here, stopped after epoch "
                    f"{earlier.epochs}{by}; this one starts anew, and that one's checkpoint is kept "
                    "until this one has got as far (-resume would go on with it)"
                )

    def withheld(self, epochs):
        """Would a checkpoint after so many epochs have less to tell than the earlier run's?"""
        earlier = self.earlier
        return earlier is not None and earlier.code == self.code and epochs < earlier.epochs

    def write(self, checkpoint, history, state):
        """Write a `Checkpoint` at `path`, with what `checkpoint.write_checkpoint` takes.

        The one there becomes the one before, unless it is of a run that this one replaces, or what is
        kept there, another code's, is further than we are.
        """
        of_other_code = self.earlier is not None and self.earlier.code != self.code
        if self.last is None:
            keeps = of_other_code
            if not keeps:
                self.path_before.unlink(missing_ok=True)
        else:
            behind = of_other_code and checkpoint.epochs < self.earlier.epochs
            keeps = self.last == self.path and not behind
        write_checkpoint(checkpoint, history, state, self.path_before if keeps else None)
        self.last = self.path

    def is_due(self):
        return time.monotonic() >= self.next_at

    @contextlib.contextmanager
    def timed(self):
        """Put off the next checkpoint by what writing this one, inside, takes."""
        start = time.monotonic()
        yield
        now = time.monotonic()
        self.next_at = now + max(CHECKPOINT_SECONDS, (now - start) / CHECKPOINT_SHARE)

    # ---- going on

    def find(self, most):
        """The checkpoints that the run could go on from, in the order to try them.

        most : epochs asked for. One of this version of the code goes before those of others, then
        the one with the most epochs, and the last before the one before it.

        Returns (list of `Checkpoint`, list of complaints about damaged files). NoCheckpoint where the
        only ones have more epochs than asked for.
        """
        found, complaints, further = [], [], 0
        where = self.folder.folder, self.names, self.folder.data
        for quantity in ("checkpoint", "checkpoint-before"):
            ours, perhaps = of_similar_runs(*where, quantity, "npz")
            for path in [*ours, *perhaps]:
                try:
                    checkpoint = read_checkpoint(path)
                except Missing:  # another run, with another number of epochs, replaces it
                    continue
                except InputError as error:
                    if path in ours:
                        complaints.append(str(error))
                    continue
                if checkpoint.identity != self.identity:
                    continue
                if checkpoint.epochs > most:
                    further = max(further, checkpoint.epochs)
                else:
                    found.append(checkpoint)
        if further and not found:
            raise NoCheckpoint(
                f"{self.folder.folder}: the checkpoint of this run is at epoch {further} already; "
                "ask for more -epochs, or start it without -resume"
            )
        found.sort(key=lambda each: (each.code == self.code, each.epochs), reverse=True)
        return found, complaints

    def none(self):
        """The `NoCheckpoint` of a run that can go on from none: in what the nearest checkpoint differs.

        Those of another script or model do not count, nor those that cannot be read.
        """
        folder, ours, found = self.folder.folder, self.identity, []
        for path in folder.glob("*checkpoint*.npz"):
            with contextlib.suppress(InputError):
                theirs = read_checkpoint(path).identity
                if theirs.keys() == ours.keys() and theirs["model"] == ours["model"]:
                    names = [name for name in ours if theirs[name] != ours[name]]
                    if names:
                        found.append((len(names), path.name, names, theirs))
        nearest = ""
        if found:
            _, file, names, theirs = min(found, key=lambda entry: entry[:2])
            words = []
            for name in names:
                their, our = (json.dumps(each[name])[:60] for each in (theirs, ours))
                if name == "data":
                    words.append(f"other data (SHA-256 {their[1:9]}, not {our[1:9]})")
                else:
                    words.append(f"-{name} {their} in place of {our}")
            nearest = f"; the nearest, {file}, has {', '.join(words)}"
        return NoCheckpoint(
            f"{folder}: no checkpoint of this run{nearest}; start it without -resume"
        )
