"""The names of the files that a run, or a sweep, leaves: no two different runs share one."""

import glob
import hashlib
from pathlib import Path
from typing import NamedTuple

# Bytes of a file's name without the quantity's word, a digest and the ending; file systems take 255.
MAX_NAME = 200


class Names(NamedTuple):
    """What a run is called.

    files : its files' name, for `file_path`; any_epochs : the same with * for the epochs.
    title : model and settings, for figures.
    """

    files: str
    any_epochs: str
    title: str


def settings(opt, parser, leave_out=()):
    """The options that differ from their defaults as a piece of a file's name: '-lr-0.1-seed-7'."""
    words = []
    for name, option in parser.table.items():
        value = getattr(opt, name)
        if name not in leave_out and value != option.default:
            words.append(f"-{option.short}" if value is True else f"-{option.short}-{value}")
    return "".join(words)


def file_path(folder, name, data, quantity, ending):
    """The file of a run, or of a sweep, for one quantity: plots/Q1-mlp-accs.pdf.

    `name` has `{data}` where the data set's tag goes and `{quantity}` where the quantity's word does.
    A digest stands for the rest of a name too long; the quantity's word stays whole.
    """
    before, after, digest = _parts(name, data)
    return Path(folder) / f"{before}{quantity}{after}{digest and f'-{digest}'}.{ending}"


def pattern(name, data, quantity, ending):
    """What `glob` finds the files of runs by that `name` describes with a * in it."""
    before, after, digest = _parts(name, data)
    before, after = (glob.escape(part).replace("[*]", "*") for part in (before, after))
    return f"{before}{quantity}{after}{'-' * bool(digest)}*.{ending}"


def _parts(name, data):
    """A file's name before and after the quantity's word, cut where too long, and then a digest."""
    before, after = name.format(data=data.tag, quantity="\n").split("\n")
    digest = ""
    if len(before + after) > MAX_NAME:
        digest = hashlib.sha256((before + after).encode()).hexdigest()[:16]
        after = after[: max(MAX_NAME - len(before), 0)]
        before = before[:MAX_NAME].rstrip("-") + "-"
    return before, after, digest
