"""Which files of a submission's folder matter: listed within limits, copied, their digest."""

import hashlib
import os
import shutil
from pathlib import Path

MAX_FILES = 2000
MAX_FILE = 2 * 2**20  # bytes
MAX_TOTAL = 20 * 2**20  # bytes
MAX_DEPTH = 8

IGNORED_FOLDERS = {
    "__macosx",
    "__pycache__",
    "env",
    "node_modules",
    "plots",
    "site-packages",
    "venv",
}
# Data, figures and weights: no check reads them.
IGNORED_SUFFIXES = {
    *(".npz", ".npy", ".csv", ".tsv", ".h5", ".hdf5", ".pkl", ".pickle", ".pt", ".pth", ".ckpt"),
    *(".pdf", ".png", ".jpg", ".jpeg", ".gif", ".svg", ".eps", ".docx", ".pptx", ".mp4"),
    *(".pyc", ".pyo", ".dll", ".exe"),
}
ARCHIVES = {".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".rar", ".7z"}


def is_ignored(folder):
    """Whether a folder holds nothing of the student's: hidden, an environment, a cache, plots."""
    name = folder.name.lower()
    return name.startswith(".") or name in IGNORED_FOLDERS or (folder / "pyvenv.cfg").exists()


def files(folder):
    """The files of `folder` that a run may need, as paths relative to it, sorted.

    Links are followed to files inside the folder alone. Stops at `MAX_FILES` files and `MAX_TOTAL`
    bytes; larger files, data and figures are left out.
    """
    folder = Path(folder).resolve()
    found, total = [], 0
    for place, folders, names in os.walk(folder):
        place = Path(place)
        if len(place.relative_to(folder).parts) >= MAX_DEPTH:
            folders.clear()
        folders[:] = sorted(n for n in folders if not is_ignored(place / n))
        for name in sorted(names):
            path = place / name
            if path.suffix.lower() in IGNORED_SUFFIXES | ARCHIVES or not _is_inside(path, folder):
                continue
            size = path.stat().st_size
            if size > MAX_FILE or total + size > MAX_TOTAL:
                continue
            total += size
            found.append(path.relative_to(folder))
            if len(found) == MAX_FILES:
                return found
    return found


def _is_inside(path, folder):
    """Whether `path` is a regular file that lies in `folder` after its links are followed."""
    try:
        return path.is_file() and path.resolve().is_relative_to(folder)
    except (OSError, RuntimeError):  # no permission; a loop of links
        return False


def copy(folder, target):
    """Copy the files of `folder` to the folder `target`, as the files' contents, never as links."""
    for name in files(folder):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copyfile(Path(folder) / name, target / name)
        except OSError:  # one that may not be read: a run that needs it says so
            continue


def digest(folder, more=()):
    """SHA-256 of the files of `folder`, their names, and the strings `more`, in hexadecimal."""
    total = hashlib.sha256()
    for text in more:
        total.update(repr(text).encode("utf-8", "surrogateescape"))
    for name in files(folder):
        try:
            content = (Path(folder) / name).read_bytes()
        except OSError:
            content = b"cannot be read"
        total.update(f"{name.as_posix()!r} {len(content)} ".encode("utf-8", "surrogateescape"))
        total.update(content)
    return total.hexdigest()
