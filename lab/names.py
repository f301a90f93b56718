"""The names of the files that a run, or a sweep, leaves: no two different runs share one."""

import hashlib
import re
from pathlib import Path
from typing import NamedTuple

# Bytes of a file's name without the quantity's word, a digest and the ending; file systems take 255.
MAX_NAME = 200


class Names(NamedTuple):
    """What a run is called.

    files : its files' name, for `file_path`.
    any_epochs : two such names that stand for any number of epochs: with * for it, and without it,
        as it is for the default.
    title : model and settings, for figures.
    """

    files: str
    any_epochs: tuple
    title: str


def changed_options(opt, parser, leave_out=()):
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
    before, _, after = name.format(data=data.tag, quantity="{}").partition("{}")
    if len(before + after) > MAX_NAME:
        digest = hashlib.sha256((before + after).encode()).hexdigest()[:16]
        after = f"{after[: max(MAX_NAME - len(before), 0)]}-{digest}"
        before = before[:MAX_NAME].rstrip("-") + "-"
    return Path(folder) / f"{before}{quantity}{after}.{ending}"


def of_similar_runs(folder, names, data, quantity, ending):
    """The files in `folder` of runs like this one, but for the epochs asked for and for the ranks.

    Returns two lists of paths: of such runs, and of names that were cut, which may be another run's.
    """
    ours, perhaps = [file_path(folder, names.files, data, quantity, ending)], []
    for name in names.any_epochs:
        text = name.format(data=data.tag, quantity=quantity)
        exact = re.escape(text).replace(r"\*", "[0-9]+") + f"(-ranks-[0-9]+)?[.]{ending}"
        # Long names differ in where they are cut, too, but not so early.
        start = re.escape(text.partition("*")[0][: MAX_NAME // 2])
        cut = f"{start}.*-[0-9a-f]{{16}}[.]{ending}"
        for path in sorted(Path(folder).glob(f"*.{ending}")):
            if path in ours or path in perhaps:
                continue
            if re.fullmatch(exact, path.name):
                ours.append(path)
            elif re.fullmatch(cut, path.name):
                perhaps.append(path)
    return ours, perhaps
