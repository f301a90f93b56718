"""A run's place in the plots folder: its files' names, the lock on them, what could not be written."""

import contextlib

from filelock import FileLock, Timeout

from lab.files import make_folder, temporary_prefix
from lab.names import file_path
from utils import InputError, notice


class RunFolder:
    """The files of one run, and the right to write them.

    folder : of -plots_dir.
    name : of the files, for `names.file_path`.
    data : `dataset.Data`.

    unwritten : {path: reason} of what could not be written and still is not.
    """

    def __init__(self, folder, name, data):
        self.folder, self.name, self.data = folder, name, data
        self.unwritten = {}
        path = self.path("run", "lock")
        # Its file stays when the lock is released: another process may be waiting on that very file.
        # The lock is the system's: a process that is killed lets go too.
        self.lock = FileLock(path.with_name(f".{path.name}"))

    def path(self, quantity, ending):
        """Where the file for `quantity` goes."""
        return file_path(self.folder, self.name, self.data, quantity, ending)

    def take(self, quantities):
        """Make the folder and lock the run's files; InputError where that cannot be.

        quantities : of the files that it will write; those half-written by a run that was killed
            are removed.
        """
        make_folder(self.folder, "-plots_dir")
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
        prefixes = tuple(
            temporary_prefix(self.path(quantity, ending))
            for quantity in quantities
            for ending in ("pdf", "png", "json", "txt", "npz", "npy", "csv")
        )
        for path in self.folder.iterdir():
            if path.name.startswith(prefixes):
                with contextlib.suppress(OSError):
                    path.unlink()

    def write(self, quantity, ending, write, goes_on):
        """Have `write` write a file, given its path; where it cannot, the run goes on without.

        goes_on : is there more to train, so that the first miss has to be said now?
        """
        path = self.path(quantity, ending)
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
                f"warning: {what}: cannot be written ({reason}); training goes on and it is tried "
                "again"
            )
        self.unwritten[what] = reason

    def what_is_unwritten(self):
        """What could not be written, in a line; "" if nothing."""
        if not self.unwritten:
            return ""
        reasons = ", ".join(sorted(set(self.unwritten.values())))
        return f"not written: {', '.join(map(str, self.unwritten))} ({reasons})"
