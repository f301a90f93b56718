"""Which files of a submission's folder matter: listed within limits, copied, their digest."""

import collections
import hashlib
import os
import shutil
from pathlib import Path

MAX_FILES = 2000
MAX_FILE = 2 * 2**20  # bytes
MAX_TOTAL = 20 * 2**20  # bytes
MAX_DEPTH = 8
MAX_LISTED = 50_000  # files that are looked at

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
    hidden = name.startswith(".") or name in IGNORED_FOLDERS
    return hidden or os.path.exists(folder / "pyvenv.cfg")


def walk(folder):
    """The paths of the files in `folder` and below, those nearer to it first.

    Folders that may not be read, ignored ones and links to folders are left out.
    """
    waiting, listed = collections.deque([(Path(folder), 0)]), 0
    while waiting and listed < MAX_LISTED:
        place, depth = waiting.popleft()
        try:
            names = sorted(os.listdir(place))
        except OSError:
            continue
        for path in (place / name for name in names):
            listed += 1
            if not os.path.isdir(path):
                yield path
            elif depth < MAX_DEPTH and not os.path.islink(path) and not is_ignored(path):
                waiting.append((path, depth + 1))


def files(folder, always=()):
    """The files of `folder` that a run may need, as paths relative to it, sorted.

    Links are followed to files inside the folder alone. `always`, relative paths, come first, then
    scripts, then what lies nearer, up to `MAX_FILES` files and `MAX_TOTAL` bytes; larger files,
    data and figures are left out.
    """
    folder = Path(folder).resolve()
    wanted = [folder / name for name in always]
    below = [p for p in walk(folder) if p.suffix.lower() not in IGNORED_SUFFIXES | ARCHIVES]
    wanted += sorted(below, key=lambda path: path.suffix.lower() != ".py")
    found, total = set(), 0
    for path in dict.fromkeys(wanted):
        if len(found) == MAX_FILES:
            break
        if not _is_inside(path, folder):
            continue
        size = os.path.getsize(path)
        if size <= MAX_FILE and total + size <= MAX_TOTAL:
            total += size
            found.add(path.relative_to(folder))
    return sorted(found)


def _is_inside(path, folder):
    """Whether `path` is a regular file that lies in `folder` after its links are followed."""
    try:
        return path.is_file() and path.resolve().is_relative_to(folder)
    except (OSError, RuntimeError):  # no permission; a loop of links
        return False


def copy(folder, target, always=()):
    """Copy the files of `folder` to the folder `target`, as the files' contents, never as links."""
    for name in files(folder, always):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copyfile(Path(folder) / name, target / name)
        except OSError:  # one that may not be read: a run that needs it says so
            continue


def digest(folder, more=(), always=()):
    """SHA-256 of the files of `folder`, their names, and the strings `more`, in hexadecimal."""
    total = hashlib.sha256()
    for text in more:
        total.update(repr(text).encode("utf-8", "surrogateescape"))
    for name in files(folder, always):
        try:
            content = (Path(folder) / name).read_bytes()
        except OSError:
            content = b"cannot be read"
        total.update(f"{name.as_posix()!r} {len(content)} ".encode("utf-8", "surrogateescape"))
        total.update(content)
    return total.hexdigest()
