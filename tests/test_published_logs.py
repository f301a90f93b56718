"""The figures that others published on the course's file, against what our commands print.

    HOMEWORK_DATA=data/intel_landscapes.npz python -m pytest -m long tests/test_published_logs.py

trains the five runs that have no chaos in them, 100 epochs each, and compares every line. Without
HOMEWORK_DATA the files themselves are looked at, and no run is made.
"""

import os

import pytest
from conftest import run_script

from editions import tables
from lab import dataset
from lab.known_data import THE_VERY_DATA

DATA = os.environ.get("HOMEWORK_DATA", "")
REGULAR = [
    ("1.1a", "perceptron"),
    ("1.2a", "no penalty"),
    ("1.2b", "l2 0.01"),
    ("2.1", "rate 0.00001"),
    ("2.1", "rate 0.001"),
]
WORDS = {
    "train_acc": "train acc",
    "val_acc": "val acc",
    "w_norm": "W norm",
    "train_loss": "train loss",
    "val_loss": "val loss",
}


def experiment(number, name):
    questions = {question.number: question for question in tables.load("ist-2024").questions}
    return next(e for e in questions[number].experiments if e.name == name)


def published_lines(log):
    """The lines that our scripts print where the figures are those of a log, without its order."""
    epochs = zip(*log.rows.values(), strict=True)
    return [{WORDS[k]: text for k, text in zip(log.rows, epoch, strict=True)} for epoch in epochs]


def printed_lines(out):
    found = []
    for line in out.splitlines():
        pairs = [part.split(": ") for part in line.split(" | ") if ": " in part]
        if any(name == "val acc" for name, _ in pairs):
            found.append(dict(pairs))
    return found


@pytest.mark.long
@pytest.mark.parametrize(("number", "name"), REGULAR)
def test_our_lines_are_the_published_ones(tmp_path, number, name):
    """All 100 epochs, in every printed digit, and the final test accuracy."""
    found = experiment(number, name)
    (log,) = found.logs
    lines = published_lines(log)
    assert len(lines) == 100
    if not DATA:
        return
    assert dataset.open_data(DATA).identity == ("intel_landscapes", THE_VERY_DATA)
    script, *words = found.command
    where = ["-data_path", DATA, "-plots_dir", tmp_path]
    done = run_script(script, *words, *where, timeout=3600)
    assert done.returncode == 0, done.stderr
    assert printed_lines(done.stdout) == lines
    final = {str(p["test"]) for p in found.published if len(str(p.get("test", ""))) == 6}
    assert done.stdout.splitlines()[-1].removeprefix("Final test acc: ") in final


def test_every_published_log_is_used():
    """By an experiment of the edition, whose epochs it has."""
    used = set()
    for question in tables.load("ist-2024").questions:
        for e in question.experiments:
            for log in e.logs:
                used.add(id(log))
                assert len(next(iter(log.rows.values()))) in (20, 100, 200)
    text = (tables.FOLDER / "ist-2024.toml").read_text()
    for path in (tables.FOLDER / "logs").glob("*.csv"):
        assert f'file = "{path.name}"' in text
    assert used
