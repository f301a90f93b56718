"""Turn an npz into a folder of .npy files, for data larger than memory."""

import os
import tempfile
from pathlib import Path

from lab.datafile import print_counts, progress_bar
from lab.files import NO_ROOM, writing
from lab.stored import npz_pieces, open_folder
from utils import SPLITS, InputError


def unpack(file, folder):
    """Copy the six arrays of an npz into .npy files in a new folder, never whole in memory.

    The folder takes its name only when it is complete and `open_folder` takes it.

    Raises InputError where the file is missing or damaged or no data set, its images are not uint8
    in C order, or the folder exists already or cannot be made.
    """
    folder = Path(folder)
    if os.path.lexists(folder):
        raise InputError(f"{folder}: exists already; remove it or give another name")
    if not folder.parent.is_dir():
        raise InputError(f"{folder}: there is no folder {folder.parent}; make it")
    with (
        writing(folder, NO_ROOM),
        tempfile.TemporaryDirectory(prefix=f".{folder.name[:40]}-", dir=folder.parent) as parent,
    ):
        whole = Path(parent) / "whole"
        whole.mkdir()
        with progress_bar(unit="B", unit_scale=True) as bar:
            for key, piece in npz_pieces(file):
                with open(whole / f"{key}.npy", "ab") as stream:
                    stream.write(piece)
                bar.update(len(piece))
        for path in whole.iterdir():
            with open(path, "ab") as stream:
                os.fsync(stream.fileno())
        arrays = open_folder(whole, called=file)
        labels = {split: arrays[f"{split}_labels"] for split in SPLITS}
        os.rename(whole, folder)
    print_counts(folder, labels, [f"class {k}" for k in range(labels["train"].max() + 1)])
