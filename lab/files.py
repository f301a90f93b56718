"""Files that are written whole or not at all, and the errors of those that cannot be written."""

import contextlib
import errno
import hashlib
import os
import tempfile
from pathlib import Path

from utils import InputError

# Error numbers of a disk that takes no more. They come from writing alone.
NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}


def reason_of(error):
    """What an error says, in one line of 200 characters at most; its type's name if it says nothing."""
    return (" ".join(str(error).split()) or type(error).__name__)[:200]


class NotWritten(OSError):
    """`filename` cannot be written, `strerror` says why: one line, and exit status 1."""


def make_folder(path, option):
    """Make the folder that `option` names, before the work; InputError if it cannot be written."""
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        reason = "it is not a folder" if isinstance(error, FileExistsError) else error.strerror
        raise InputError(
            f"{path}: cannot be written ({reason}); choose another folder with {option}"
        ) from error


@contextlib.contextmanager
def writing(path, errors=None):
    """NotWritten, naming `path`, in place of an OSError inside, if of these error numbers or of any."""
    try:
        yield
    except OSError as error:
        if errors is None or error.errno in errors:
            raise NotWritten(error.errno, error.strerror, str(path)) from error
        raise


@contextlib.contextmanager
def replacing(path):
    """Open `path` for writing bytes so that it is replaced whole or not touched at all.

    What is written goes to a temporary file in the same folder, which takes the name of `path`
    once it is complete and on disk. Raises NotWritten where it cannot be written.
    """
    path = Path(path)
    temporary = path.with_name(temporary_prefix(path) + os.urandom(4).hex())
    with writing(path):
        # Not by tempfile: its files are the owner's alone to read.
        stream = open(temporary, "xb")  # noqa: SIM115
    try:
        # Other errors in what the caller does need not be of this file.
        with writing(path, NO_ROOM), stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        with writing(path):
            os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def temporary_prefix(path):
    """How the names of the temporary files begin that `replacing` makes for `path`, and no other's.

    A process that is killed may leave one behind.
    """
    name = Path(path).name
    return f".{name[:40]}-{hashlib.sha256(os.fsencode(name)).hexdigest()[:16]}-"
