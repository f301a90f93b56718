"""Sweeps: each run is the single command's, the comparison is of what was recorded."""

import contextlib
import csv
import re
import signal
from pathlib import Path
from types import SimpleNamespace

import filelock
import numpy as np
import pytest
from conftest import launched, read_until, record_of, snapshot

from lab import compare
from lab.checkpoint import read_checkpoint, read_state
from lab.dataset import Data
from lab.folder import file_name
from lab.record import read_record

pytestmark = pytest.mark.usefixtures("blank_figures")

SWEEPS = [
    pytest.param(
        "q1",
        "perceptron",
        {"-epochs": [2, 4], "-seed": [7]},
        marks=pytest.mark.draws,
    ),
    ("q1", "logistic_regression", {"-learning_rate": [0.001, 0.1], "-l2_penalty": [0.0, 0.01]}),
    ("q1", "mlp", {"-hidden_size": [3, 5]}),
    ("q2", "logistic_regression", {"-batch_size": [7, 60], "-optimizer": ["sgd", "adam"]}),
    ("q2", "mlp", {"-layers": [1, 2], "-dropout": [0.0, 0.5]}),
    ("q2", "mlp", {"-activation": ["relu", "tanh"], "-precision": ["float32", "bfloat16"]}),
]


def words_of(options):
    return [word for name, values in options.items() for word in (name, *values)]


def combinations(options):
    """The single options of each combination, the last option's values changing fastest."""
    singles = [[]]
    for name, values in options.items():
        singles = [[*before, name, value] for before in singles for value in values]
    return singles


def without_seconds(text):
    return re.sub(r'"(training|evaluation|plotting)": [0-9.]+', r'"\1": 0', text)


def comparable(folder):
    """{file name: content} of a plots folder, without what tells only how long it took."""
    files = {}
    for path in filter(Path.is_file, folder.rglob("*")):
        content = path.read_bytes()
        if path.suffix == ".txt":
            content = content.partition(b"\n")[0]
        elif path.suffix == ".json":
            content = without_seconds(content.decode())
        elif path.suffix == ".npz":
            state, _ = read_state(path, read_checkpoint(path))
            content = {name: array.tobytes() for name, array in state.items()}
        files[str(path.relative_to(folder))] = content
    return files


@pytest.mark.parametrize(("script", "model", "options"), SWEEPS)
def test_each_run_is_the_single_commands(
    request, run_main, tmp_path, tiny_npz, script, model, options
):
    """The same lines, files, bytes of figures and numbers; then the table, once."""
    module = request.getfixturevalue(script)
    common = ["-data_path", tiny_npz, "-plot_format", "png"]
    if "-epochs" not in options:
        common += ["-epochs", 2]
    single_out = ""
    for arguments in combinations(options):
        one = run_main(module, model, *arguments, *common, "-plots_dir", tmp_path / "single")
        assert (one.status, one.err) == (0, "")
        single_out += one.out
    several = run_main(module, model, *words_of(options), *common, "-plots_dir", tmp_path / "sweep")
    assert several.status == 0
    assert several.out.startswith(single_out)
    assert len(several.err_lines) == len(combinations(options))
    singles, sweep = comparable(tmp_path / "single"), comparable(tmp_path / "sweep")
    assert {name: sweep.get(name) for name in singles} == singles
    added = sweep.keys() - singles.keys()
    quantities = record_keys(tmp_path / "single")
    assert len(added) == 3 + len(quantities), added


def record_keys(folder):
    record = read_record(next(folder.glob("runs/*/record.json")))
    return record.epochs[0].keys() - {"epoch"}


def test_the_table_is_of_the_records(q1, run_main, tmp_path, tiny_npz):
    """In three formats and on standard output; the best is chosen by validation accuracy."""
    rates = [1e-05, 0.01, 1.0]
    outcome = run_main(
        q1, "logistic_regression", "-epochs", 6, "-learning_rate", *rates,
        "-data_path", tiny_npz, "-plots_dir", tmp_path,
    )  # fmt: skip
    (path,) = tmp_path.glob("*sweep*.csv")
    rows = list(csv.DictReader(path.read_text().splitlines()))
    names = ["0.00001", "0.01", "1.0"]
    records = [read_record(next(tmp_path.glob(f"runs/*-lr-{x}-data*/record.json"))) for x in names]
    assert [float(row["learning_rate"]) for row in rows] == rates
    for row, record in zip(rows, records, strict=True):
        assert row["val_acc"] == f"{record.final['val_acc']:.4f}"
        assert row["test_acc"] == f"{record.final['test_acc']:.4f}"
        assert row["best_val_acc"] == f"{record.best['val_acc']:.4f}"
    accuracies = [record.final["val_acc"] for record in records]
    assert [row["best"] for row in rows].index("best") == accuracies.index(max(accuracies))
    assert [row["best"] for row in rows].count("best") == 1
    printed = outcome.out.split("\n\n")[-1].splitlines()
    assert [line.split()[0] for line in printed[2:]] == names
    assert path.with_suffix(".md").read_text().split()[:3] == ["|", "learning", "rate"]
    latex = path.with_suffix(".tex").read_text()
    assert r"\toprule" in latex and "Learning rate" in latex


def test_the_test_accuracy_selects_nothing():
    def record(val_acc, test_acc):
        return SimpleNamespace(
            epochs=[{"epoch": 1, "val_acc": val_acc}],
            final={"val_acc": val_acc, "test_acc": test_acc},
            best={"val_acc": 0.9, "epoch": 1},
            seconds={"training": 1.0, "evaluation": 1.0},
            seconds_of_epochs=2.0,
            threads=1,
            runs_at_a_time=1,
        )

    records = [record(0.4, 0.9), record(0.5, 0.1), record(0.5, 0.8)]
    groups = [[each] for each in records]
    settings = [{"layers": i} for i in range(3)]
    assert [row["best"] for row in compare.table(settings, groups)] == ["", "tied", "tied"]
    assert [row["best"] for row in compare.table(settings[:2], groups[:2])] == ["", "best"]
    seeds = [{"seed": i} for i in range(3)]
    assert [row["best"] for row in compare.table(seeds, groups)] == ["", "", ""]


def test_a_table_that_cannot_be_written_is_named(q1, run_main, tmp_path, tiny_npz):
    arguments = ["perceptron", "-epochs", 1, 2, "-data_path", tiny_npz, "-plots_dir", tmp_path]
    assert run_main(q1, *arguments).status == 0
    (path,) = tmp_path.glob("*sweep*.csv")
    path.unlink()
    path.mkdir()
    outcome = run_main(q1, *arguments)
    assert outcome.status == 1
    assert "best" in outcome.out
    assert f"{path}: cannot be written" in outcome.err_lines[-1]


def test_a_figure_that_is_missing_costs_no_table(q1, run_main, monkeypatch, tmp_path, tiny_npz):
    def no_room_for_weights(figure, path):
        if "weights" in path.name:
            raise OSError(28, "No space left on device")
        path.touch()

    monkeypatch.setattr("lab.run.save_figure", no_room_for_weights)
    arguments = ["perceptron", "-epochs", 1, 2, "-data_path", tiny_npz, "-plots_dir", tmp_path]
    outcome = run_main(q1, *arguments)
    assert outcome.status == 1
    assert "best" in outcome.out and list(tmp_path.glob("*sweep*.csv"))
    assert sum("not written: " in line for line in outcome.err_lines) == 2


@pytest.mark.draws
def test_a_shorter_run_ends_earlier_in_the_overlay():
    groups = [
        [SimpleNamespace(epochs=[{"epoch": i, "val_acc": i / 10} for i in range(1, n + 1)])]
        for n in (2, 3)
    ]
    ((quantity, figure),) = compare.overlays(groups, ["a", "b"], "the MLP", "D")
    assert quantity == "val_acc"
    curves = [list(zip(*line.get_data(), strict=True)) for line in figure.axes[0].lines]
    assert str(curves[0][:2]) == str(curves[1][:2])
    assert np.isnan(curves[0][2][1]) and curves[1][2] == (3, 0.3)


def test_no_two_sweeps_share_a_file(q1):
    seeds = [["1", "2"], ["12", "3"], ["1", "23"], ["1", "2", "3"], ["1"], ["12"]]
    seeds.append([str(2**31 + i) for i in range(30)])  # a name too long for a file system
    seeds.append([*seeds[-1][:-1], "5"])
    data = Data({}, None, "x.npz", 1, "0" * 64, standin=False, default=False)
    paths = {
        file_name(q1.parse_arguments(words).name, data, "sweep") + ".csv"
        for values in seeds
        for words in (["mlp", "-seed", *values], ["mlp", "-seed", *values, "-epochs", "1", "2"])
    }
    assert len(paths) == 2 * len(seeds)
    assert max(map(len, paths)) < 255


@pytest.mark.parametrize(
    "words",
    [
        ["-epochs", "2", "mlp"],
        ["-plot_format", "pdf", "mlp", "-epochs", "2"],
        ["-seed", "1", "2", "mlp", "-epochs", "2"],
        ["-plots_dir", "mlp", "-epochs", "2", "mlp"],
        ["-plots_dir", "mlp", "mlp", "-epochs", "2"],
        ["-epochs", "2", "-plots", "mlp", "-seed", "3", "mlp"],
    ],
)
def test_the_model_may_stand_anywhere(q1, words):
    sweep = q1.parse_arguments(words)
    assert {opt.model for opt, _ in sweep.runs} == {"mlp"}
    assert {opt.epochs for opt, _ in sweep.runs} == {2}
    assert sweep.runs[0][0].plots_dir.name == ("mlp" if words.count("mlp") == 2 else "plots")


@pytest.mark.parametrize(
    ("script", "words", "said"),
    [
        ("q1", ["perceptron", "-hidden_size", 1, 2], "has no effect on"),
        ("q1", ["mlp", "-l2_penalty", 0, 1], "has no effect on"),
        ("q2", ["logistic_regression", "-dropout", 0, 0.5], "has no effect on"),
        ("q1", ["mlp", "-learning_rate", 0.1, "1e-1"], "twice"),
        ("q2", ["mlp", "-optimizer", "sgd", "sgd"], "twice"),
        ("q2", ["mlp", "-optimizer", "sgd", "adam", "-momentum", 0.0, 0.9], "momentum"),
        ("q2", ["mlp", "-dropout", 0.1, 1], "dropout"),
        ("q2", ["mlp", "-layers", 2, 0], "layers"),
    ],
)
def test_sweeps_that_are_refused(request, run_main, tmp_path, tiny_npz, script, words, said):
    before = snapshot(tmp_path)
    where = ["-data_path", tiny_npz, "-plots_dir", tmp_path / "plots"]
    outcome = run_main(request.getfixturevalue(script), *words, *where)
    assert (outcome.status, outcome.out, len(outcome.err_lines)) == (2, "", 1)
    assert said in outcome.err
    assert snapshot(tmp_path) == before


def test_an_option_without_effect_is_noted_once(q2, run_main, tmp_path, tiny_npz):
    outcome = run_main(
        q2, "logistic_regression", "-dropout", 0.5, "-epochs", 1, "-seed", 1, 2,
        "-data_path", tiny_npz, "-plots_dir", tmp_path,
    )  # fmt: skip
    assert outcome.status == 0
    assert outcome.err_lines[0] == "note: -dropout has no effect on logistic regression"
    assert len(outcome.err_lines) == 3


@pytest.mark.parametrize("model", ["perceptron", "mlp"])
def test_an_l1_penalty_without_effect_changes_no_picture(q1, run_main, tmp_path, tiny_npz, model):
    words = [model, "-l1_penalty", 0.1, "-epochs", 1, "-data_path", tiny_npz]
    outcome = run_main(q1, *words, "-plots_dir", tmp_path / "plots")
    assert (outcome.status, outcome.err) == (
        0,
        f"note: -l1_penalty has no effect on {compare.called(model)}\n",
    )
    assert len(list((tmp_path / "plots").glob("*-weights-*.pdf"))) == (model == "perceptron")


def test_a_sweep_goes_on(q1, run_main, tmp_path, tiny_npz):
    """The runs with a checkpoint from there, the others from the start, with the same result."""
    common = ["logistic_regression", "-data_path", tiny_npz]
    several = [*common, "-learning_rate", 0.01, 0.1, "-epochs", 5]
    assert run_main(q1, *several, "-plots_dir", tmp_path / "whole").status == 0
    run_main(q1, *common, "-learning_rate", 0.1, "-epochs", 2, "-plots_dir", tmp_path / "parts")
    outcome = run_main(q1, *several, "-plots_dir", tmp_path / "parts", "-resume")
    assert outcome.status == 0
    assert "starts from the beginning" in outcome.err_lines[1]
    assert outcome.err_lines[3] == "resuming from epoch 3 of 5"
    whole, parts = comparable(tmp_path / "whole"), comparable(tmp_path / "parts")
    for name in whole:
        if name.endswith(".json"):
            assert parts[name] == whole[name]


def test_ctrl_c_in_a_sweep(q1, tmp_path, tiny_npz):
    arguments = ["perceptron", "-seed", 1, 2, 3, "-epochs", 100000]
    arguments += ["-data_path", tiny_npz, "-plots_dir", tmp_path / "plots"]
    with launched(q1, *arguments) as child:
        read_until(child, "Training epoch 3")
        child.send_signal(signal.SIGINT)
        _, err = child.communicate()
    assert child.returncode == 130
    assert "stopped after epoch" in err
    assert "run 1 of 3" in err.splitlines()[-1] and "-resume" in err.splitlines()[-1]
    assert record_of(tmp_path / "plots")["status"] == "interrupted"


@pytest.mark.parametrize("failure", ["a locked folder", "too little memory", "no room"])
def test_a_run_that_fails_ends_neither_the_sweep_nor_its_table(
    q1, run_main, monkeypatch, tmp_path, tiny_npz, failure
):
    """It is named, the others go on, and the exit status is 1."""
    arguments = ["mlp", "-hidden_size", 3, 4, 5, "-epochs", 2, "-data_path", tiny_npz]
    locks = contextlib.nullcontext()
    if failure == "a locked folder":
        assert run_main(q1, *arguments, "-plots_dir", tmp_path / "x").status == 0
        (path,) = (tmp_path / "x").glob("runs/*hidden-4-data*/lock")
        locks = filelock.FileLock(path)
    elif failure == "too little memory":
        train_epoch = q1.MLP.train_epoch

        def hungry(model, *arguments, **options):
            if len(model.W1) == 4:
                raise MemoryError("no room for W1")
            return train_epoch(model, *arguments, **options)

        monkeypatch.setattr(q1.MLP, "train_epoch", hungry)
    else:

        def no_room(run, path):
            if run.opt.hidden_size == 4:
                raise OSError(28, "No space left on device")
            write_results(run, path)

        write_results = q1.Run._write_results
        monkeypatch.setattr(q1.Run, "_write_results", no_room)
    with locks:
        outcome = run_main(q1, *arguments, "-plots_dir", tmp_path / "x")
    assert outcome.status == 1
    assert "Traceback" not in outcome.err
    (named,) = (line for line in outcome.said if line.startswith("run 2 of 3 (hidden size 4): "))
    reason = {"a locked": "another run", "too little": "no room for W1", "no room": "No space left"}
    assert next(words for start, words in reason.items() if failure.startswith(start)) in named
    assert "1 of 3 runs" in outcome.said[-1]
    rows = list(csv.DictReader(next((tmp_path / "x").glob("*sweep*.csv")).read_text().splitlines()))
    # What trained to its end is in the table, whatever else could not be written.
    trained = ["3", "4", "5"] if failure == "no room" else ["3", "5"]
    assert [row["hidden_size"] for row in rows] == trained
    assert outcome.out.count("Final test acc") == len(trained)
