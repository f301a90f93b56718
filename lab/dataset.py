"""The data set of a run: which file it is, what is in it, and how names and titles call it."""

import contextlib
import dataclasses
import functools
import hashlib
import itertools
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import utils
from lab import known_data
from lab.stored import open_folder
from utils import InputError, notice

DEFAULT = utils.ROOT / "data" / "intel_landscapes.npz"
STANDIN = utils.ROOT / "data" / "synthetic.npz"
PHOTOGRAPHS = {".jpg", ".jpeg", ".png"}


@dataclass(frozen=True)
class Data:
    """A data set and the file, or folder of files, that it came from.

    arrays : what `read_data` returns.
    path : of the file, as it was found.
    name, size, sha256 : of the file; size in bytes. A folder's are those of its six files, one
        after the other in the order of `utils.KEYS`.
    standin : is it the stand-in in place of the photographs?
    default : does it lie where the course's file belongs?
    """

    arrays: dict
    path: Path
    name: str
    size: int
    sha256: str
    standin: bool
    default: bool

    @functools.cached_property
    def identity(self):
        """(name, relation) of the known data set that this is, whatever the file's name."""
        return known_data.identify(self.arrays)

    def without_images(self):
        """The same with the labels alone. What it is, which the images tell, is found out first."""
        labels = {name: array for name, array in self.arrays.items() if name.endswith("labels")}
        rest = dataclasses.replace(self, arrays=labels)
        rest.__dict__["identity"] = self.identity  # where the cached property keeps it
        return rest

    @property
    def known(self):
        """The entry of `known_data.KNOWN` whose very data this is, or None."""
        name, relation = self.identity
        return known_data.KNOWN[name] if relation == known_data.THE_VERY_DATA else None

    @property
    def n_classes(self):
        return int(self.arrays["train_labels"].max()) + 1

    @property
    def class_names(self):
        """The classes' names; of an unknown data set "class 0" and so on."""
        name, _ = self.identity
        if name is not None:
            return known_data.KNOWN[name].classes
        return [f"class {label}" for label in range(self.n_classes)]

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
        known = known_data.KNOWN["synthetic"] if self.standin else self.known
        return known.title if known else Path(self.name).stem


def read_data(path):
    """The data set at `path`: an npz file (see `utils.read_npz`) or a folder (see `open_folder`)."""
    return open_folder(path) if os.path.isdir(path) else utils.read_npz(path)


def open_data(data_path):
    """The data set of `-data_path`; if that is None the course's file or, lacking that, the stand-in.

    The stand-in is drawn and kept in data/ the first time that it is needed, and standard error
    says so each time. Raises InputError where `read_data` does.
    """
    path = DEFAULT if data_path is None else Path(data_path)
    if data_path is None and not path.exists():
        path = STANDIN
        notice(
            f"note: {DEFAULT.relative_to(utils.ROOT)} is missing; this run uses stand-in images "
            "drawn by the program ('python data/prepare.py -h' says how to get the photographs)"
        )
        if not path.exists():
            _draw_standin(path)
    if path.is_dir() and not (path / "train_images.npy").exists():
        inside = itertools.chain(path.glob("*.*"), path.glob("*/*.*"), path.glob("*/*/*.*"))
        if any(file.suffix.lower() in PHOTOGRAPHS for file in inside):
            raise InputError(
                f"{path}: that is a folder of photographs; run 'python data/prepare.py images "
                "SEG_TRAIN SEG_TEST', which makes a data file of them"
            )
    try:
        arrays = read_data(path)
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
    data = Data(
        arrays=arrays,
        path=path,
        name=path.resolve().name if path.is_dir() else path.name,
        size=sum(file.stat().st_size for file in files),
        sha256=digest.hexdigest(),
        standin=path.resolve() == STANDIN.resolve(),
        default=path.resolve() == DEFAULT.resolve(),
    )
    if data.default and data.known is None:
        sizes = " / ".join(f"{len(arrays[f'{split}_labels']):,}" for split in utils.SPLITS)
        notice(f"note: {path} is not the course's file; it has {sizes} images")
    return data


def _draw_standin(path):
    from lab import standin

    try:
        with contextlib.redirect_stdout(sys.stderr):
            standin.write(path)
    except OSError as error:
        raise InputError(
            f"{path}: cannot be written ({error.strerror}); make the stand-in elsewhere with "
            "'python data/prepare.py synthetic -output NPZ' and name it with -data_path"
        ) from error
