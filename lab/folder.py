"""A run's place in the plots folder: its files' names, the lock on them, what could not be written.

Figures lie in plots/, everything else of a run in plots/runs/NAME/.
"""

import contextlib
import hashlib
import os
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock, Timeout

from lab.files import make_folder, temporary_prefix
from utils import InputError, notice

# Bytes of a file's name without the quantity's word, a digest and the ending; file systems take 255.
MAX_NAME = 200


class Names(NamedTuple):
    """What a run is called.

    files : its files' name, a pattern with {quantity} and {data}; see `file_name`.
    title : model and settings, for figures.
    """

    files: str
    title: str


def file_name(pattern, data, quantity=""):
    """'Q1-mlp-accs-epochs-3' of 'Q1-mlp{quantity}-epochs-3{data}'; no two different runs share one.

    data : `dataset.Data`, whose tag stands in the name.
    A digest stands for the rest of a name too long; the quantity's word stays whole.
    """
    before, after = pattern.format(data=data.tag, quantity="\0").split("\0")
    if len(before + after) > MAX_NAME:
        digest = hashlib.sha256((before + after).encode()).hexdigest()[:16]
        after = f"{after[: MAX_NAME - len(before)]}-{digest}"
    return f"{before}{quantity and f'-{quantity}'}{after}"


def run_folder(folder, pattern, data):
    """The folder of a run's record, history, checkpoints, predictions and results."""
    return Path(folder) / "runs" / file_name(pattern, data)


def shown(path):
    """A path as a notice shows it: relative to the current folder where it lies below that."""
    with contextlib.suppress(ValueError):
        return os.path.join(Path(path).absolute().relative_to(Path.cwd()))
    return str(path)


class RunFolder:
    """The files of one run, and the right to write them.

    folder : of -plots_dir.
    pattern : of the files' names, for `file_name`.
    data : `dataset.Data`.

    own : the run's own folder, in plots/runs/.
    unwritten : {path: reason} of what could not be written and still is not.
    """

    def __init__(self, folder, pattern, data):
        self.folder, self.pattern, self.data = folder, pattern, data
        self.own = run_folder(folder, pattern, data)
        self.unwritten = {}
        # Its file stays when the lock is released: another process may be waiting on that very file.
        # The lock is the system's: a process that is killed lets go too.
        self.lock = FileLock(self.own / "lock")

    def figure(self, quantity, ending):
        """The path of the figure of a quantity."""
        return self.folder / f"{file_name(self.pattern, self.data, quantity)}.{ending}"

    def take(self, quantities):
        """Make the folders and lock the run's files; InputError where that cannot be.

        quantities : of the figures. What a run that was killed left half-written is removed.
        """
        make_folder(self.folder, "-plots_dir")
        make_folder(self.own, "-plots_dir")
        try:
            self.lock.acquire(timeout=1)  # a run that ends just now is waited for
        except Timeout:
            raise InputError(
                f"{self.folder}: another run with these settings is under way in this folder; wait "
                "for its end or choose another folder with -plots_dir"
            ) from None
        except OSError as error:  # its file is another user's, say
            raise InputError(
                f"{self.folder}: cannot be locked ({error.strerror}); choose another folder with "
                "-plots_dir"
            ) from error
        figures = [self.figure(q, ending) for q in quantities for ending in ("pdf", "png")]
        prefixes = tuple(map(temporary_prefix, figures))
        half_written = [p for p in self.folder.iterdir() if p.name.startswith(prefixes)]
        for path in [*half_written, *self.own.glob(".*")]:
            with contextlib.suppress(OSError):
                path.unlink()

    def write(self, path, write, goes_on):
        """Have `write` write a file, given its path; where it cannot, the run goes on without.

        goes_on : is there more to train, so that the first miss has to be said now?
        """
        try:
            write(path)
        except (OSError, MemoryError) as error:
            self.miss(path, error, goes_on)
        else:
            self.unwritten.pop(path, None)

    def miss(self, what, error, goes_on):
        """Remember what could not be written; say so if the run goes on."""
        reason = getattr(error, "strerror", None) or str(error) or "not enough memory"
        if not self.unwritten and goes_on:
            notice(
                f"warning: {what}: cannot be written ({reason}); training continues, and it is tried "
                "again"
            )
        self.unwritten[what] = reason

    def what_is_unwritten(self):
        """What could not be written, in a line; "" if nothing."""
        if not self.unwritten:
            return ""
        reasons = ", ".join(sorted(set(self.unwritten.values())))
        return f"not written: {', '.join(map(str, self.unwritten))} ({reasons})"
