"""lab.record.read_record: a run's record read back, and everything else refused in one line."""

import csv
import json
import re

import msgspec
import pytest

from lab.record import read_record
from utils import InputError


@pytest.fixture
def record_path(q1, run_main, blank_figures, tmp_path, tiny_npz):
    """The record of a run of three epochs."""
    arguments = ["-epochs", 3, "-data_path", tiny_npz, "-plots_dir", tmp_path / "plots"]
    assert run_main(q1, "logistic_regression", *arguments).status == 0
    (path,) = (tmp_path / "plots").glob("runs/*/record.json")
    return path


def complaint(path):
    """The message with which a record is refused: a single line that names the file."""
    with pytest.raises(InputError) as caught:
        read_record(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message and len(message) < 400 + len(str(path))
    return message


def test_a_record_is_read_as_it_was_written(record_path):
    text = json.loads(record_path.read_text())
    assert msgspec.to_builtins(read_record(record_path)) == text
    assert read_record(str(record_path)) == read_record(record_path)


def test_the_history_as_a_table(record_path):
    """Beside the record: a row an epoch, under the record's names, to be plotted by something else."""
    (path,) = record_path.parent.glob("history.csv")
    rows = list(csv.DictReader(path.read_text().splitlines()))
    for row, epoch in zip(rows, read_record(record_path).epochs, strict=True):
        assert {key: float(value) for key, value in row.items()} == {
            "step" if key == "epoch" else key: value for key, value in epoch.items()
        }


def test_the_history_goes_by_name(record_path, tmp_path):
    """As where a resumed run's epochs have their numbers in two orders."""
    record = read_record(record_path)
    record.epochs[1] = dict(reversed(record.epochs[1].items()))
    record.write_history(tmp_path / "again.csv")
    (whole,) = record_path.parent.glob("history.csv")
    assert (tmp_path / "again.csv").read_text() == whole.read_text()


@pytest.mark.parametrize("model", ["perceptron", "mlp"])
def test_the_other_models_records(q1, run_main, blank_figures, tmp_path, tiny_npz, model):
    arguments = ["-epochs", 1, "-data_path", tiny_npz, "-plots_dir", tmp_path / "plots"]
    assert run_main(q1, model, *arguments).status == 0
    (path,) = (tmp_path / "plots").glob("runs/*/record.json")
    assert read_record(path).options["model"] == model


def test_a_diverged_run_has_a_record_too(q1, run_main, blank_figures, tmp_path, tiny_npz):
    arguments = ["-epochs", 2, "-learning_rate", 1e300, "-data_path", tiny_npz]
    assert run_main(q1, "mlp", *arguments, "-plots_dir", tmp_path / "plots").status == 0
    (path,) = (tmp_path / "plots").glob("runs/*/record.json")
    assert read_record(path).epochs[-1]["loss"] is None


def changed(**values):
    def change(record):
        record.update(values)

    return change


def without(*names):
    def change(record):
        for name in names[:-1]:
            record = record[name]
        del record[names[-1]]

    return change


def put(value, *names):
    def change(record):
        for name in names[:-1]:
            record = record[name]
        record[names[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "word"),
    [
        *((without(name), name) for name in ("script", "status", "options", "data", "versions")),
        *((without(name), name) for name in ("initial", "epochs", "final", "best", "seconds")),
        *(
            (without(name), name)
            for name in ("code", "ranks", "threads", "runs_at_a_time", "digest")
        ),
        (changed(script=3), "script"),
        (changed(status="running"), "status"),
        (changed(epochs=[]), "epochs"),
        (changed(epochs={"1": {}}), "epochs"),
        (changed(options=["mlp"]), "options"),
        (put({"deep": []}, "options", "learning_rate"), "options"),
        (without("data", "sha256"), "data"),
        (put("../../x", "data", "sha256"), "data"),
        (put(3, "data", "name"), "data"),
        (put("0.5", "epochs", 1, "val_acc"), "epochs"),
        (put(True, "epochs", 1, "val_acc"), "epochs"),
        (put([0.5], "final", "test_acc"), "final"),
        (without("seconds", "training"), "seconds"),
        (without("best", "epoch"), "best"),
        (changed(ranks="2"), "ranks"),
        (changed(another=1), "another"),
    ],
)
def test_what_is_no_record_is_refused(record_path, change, word):
    record = json.loads(record_path.read_text())
    change(record)
    record_path.write_text(json.dumps(record))
    assert word in complaint(record_path)


@pytest.mark.parametrize(
    "change",
    [
        changed(status="interrupted"),
        changed(threads=7),
        without("options", "model"),
        without("epochs", 1),
        without("epochs", 1, "val_acc"),
        without("final", "test_acc"),
        put(0.987, "best", "val_acc"),
        put(0.987, "final", "val_acc"),
        put(0.987, "epochs", -1, "val_acc"),
        put(0.987, "initial", "val_acc"),
        put("0" * 64, "data", "sha256"),
    ],
)
def test_a_record_that_was_changed_is_refused(record_path, change):
    """Whatever is in it: its digest is of all of it but the seconds."""
    record = json.loads(record_path.read_text())
    change(record)
    record_path.write_text(json.dumps(record))
    assert "digest" in complaint(record_path)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"null",
        b"[1, 2]",
        b"{}",
        b"[" * 200_000,
        b'{"a":' * 200_000,
        b"9" * 100_000,
        b"\xff\xfe{}",
        b'{"script": "x"',
    ],
    ids=lambda text: str(text)[:30],
)
def test_what_is_no_json_object_is_refused(tmp_path, text):
    path = tmp_path / "x-record.json"
    path.write_bytes(text)
    complaint(path)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999", "1" * 400, "1" * 5000])
def test_numbers_that_are_none_are_refused(record_path, number):
    text, changes = re.subn('(?<="test_acc": )[^,}]*', number, record_path.read_text())
    assert changes == 1
    record_path.write_text(text)
    complaint(record_path)


def test_missing_folders_and_enormous_records(tmp_path):
    assert "no such" in complaint(tmp_path / "none.json")
    assert "no such" in complaint(tmp_path)
    path = tmp_path / "large.json"
    with open(path, "wb") as stream:
        stream.truncate(10**12)  # a hole: it takes no room on the disk
    assert "larger than" in complaint(path)
