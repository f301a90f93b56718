"""Both scripts as a user runs them: every model and option, what is printed, refused and written."""

import contextlib
import json
import os
import pty
import re
import sys
import sysconfig
import termios
from pathlib import Path

import matplotlib
import numpy as np
import plain_q1
import pytest
from conftest import (
    ROOT,
    launched,
    record_of,
    run_script,
    snapshot,
    tiny_arrays,
)
from files import BAD
from matplotlib.text import Text

from fast import exact_sgd
from lab import figures
from lab.dataset import open_data
from lab.files import NotWritten
from lab.folder import run_folder
from lab.process import Incomplete
from utils import InputError

pytestmark = pytest.mark.usefixtures("blank_figures")

F = r"\d\.\d{4}"  # a fraction or a small loss
NUMBER = r"(?:\d+\.\d{4}|nan|inf)"
EPOCH_LINE = {
    ("q1", "perceptron"): rf"train acc: {F} \| val acc: {F}",
    ("q1", "logistic_regression"): rf"train acc: {F} \| val acc: {F} \| W norm: {NUMBER}",
    ("q1", "mlp"): rf"loss: {NUMBER} \| train acc: {F} \| val acc: {F}",
    ("q2", "logistic_regression"): rf"train loss: {NUMBER} \| val loss: {NUMBER} \| val acc: {F}",
    ("q2", "mlp"): rf"train loss: {NUMBER} \| val loss: {NUMBER} \| val acc: {F}",
}
INITIAL_LINE = {
    "q1": rf"initial train acc: {F} \| initial val acc: {F}",
    "q2": rf"initial val acc: {F}",
}


def check_output(out, script, model, epochs):
    """The skeleton's lines, all of them, and nothing else."""
    expected = [INITIAL_LINE[script]]
    for epoch in range(1, epochs + 1):
        expected += [f"Training epoch {epoch}", EPOCH_LINE[script, model]]
    expected += [r"Training took \d+ minutes and \d+ seconds", rf"Final test acc: {F}"]
    assert out.endswith("\n")
    lines = out.splitlines()
    assert len(lines) == len(expected), out
    for line, pattern in zip(lines, expected, strict=True):
        assert re.fullmatch(pattern, line), line


def check_record(record, out, script, model, epochs):
    """The record says what was printed, and more."""
    assert record["status"] == "finished"
    assert record["options"]["model"] == model
    assert record["options"]["epochs"] == epochs
    assert [row["epoch"] for row in record["epochs"]] == list(range(1, epochs + 1))
    lines = out.splitlines()
    first, rows = record["initial"], record["epochs"]
    if script == "q1":
        initial = (
            f"initial train acc: {first['train_acc']:.4f} | initial val acc: {first['val_acc']:.4f}"
        )
        printed = [f"train acc: {r['train_acc']:.4f} | val acc: {r['val_acc']:.4f}" for r in rows]
        if model == "logistic_regression":
            printed = [
                f"{line} | W norm: {row['w_norm']:.4f}"
                for line, row in zip(printed, rows, strict=True)
            ]
        elif model == "mlp":
            printed = [
                f"loss: {row['loss']:.4f} | {line}" for line, row in zip(printed, rows, strict=True)
            ]
    else:
        initial = f"initial val acc: {first['val_acc']:.4f}"
        printed = [
            f"train loss: {r['train_loss']:.4f} | val loss: {r['val_loss']:.4f} | "
            f"val acc: {r['val_acc']:.4f}"
            for r in rows
        ]
    assert lines[0] == initial
    assert lines[2:-2:2] == printed
    final, accuracies = record["final"], [row["val_acc"] for row in rows]
    assert lines[-1] == f"Final test acc: {final['test_acc']:.4f}"
    assert final["val_acc"] == accuracies[-1]
    if script == "q1":
        assert final["train_acc"] == rows[-1]["train_acc"]
    assert 0 <= final["train_acc"] <= 1
    assert record["best"]["val_acc"] == max(accuracies)
    assert record["best"]["epoch"] == accuracies.index(max(accuracies)) + 1
    seconds = record["seconds"]
    assert set(seconds) == {"training", "evaluation", "plotting"}
    assert all(value >= 0 for value in seconds.values())
    whole = int(seconds["training"] + seconds["evaluation"] + 1e-3)
    assert lines[-2] in {
        f"Training took {s // 60} minutes and {s % 60} seconds" for s in (whole - 1, whole)
    }


# --------------------------------------------------------------------------------------------
# Every model and option


OPTIONS = [
    ("q1", "perceptron", []),
    ("q1", "perceptron", ["-batch_size", 7]),
    ("q1", "perceptron", ["-seed", 7]),
    ("q1", "perceptron", ["-standardize"]),
    ("q1", "logistic_regression", []),
    ("q1", "logistic_regression", ["-l2_penalty", 0.01, "-learning_rate", 0.01]),
    ("q1", "logistic_regression", ["-batch_size", 100, "-standardize"]),
    ("q1", "logistic_regression", ["-plot_format", "png"]),
    ("q1", "mlp", []),
    ("q1", "mlp", ["-hidden_size", 1, "-learning_rate", 0.1]),
    ("q1", "mlp", ["-hidden_size", 7, "-batch_size", 8, "-seed", 0]),
    ("q1", "mlp", ["-standardize", "-plot_format", "pdf", "png"]),
    ("q2", "logistic_regression", []),
    ("q2", "logistic_regression", ["-batch_size", 1, "-learning_rate", 0.1, "-l2_decay", 0.01]),
    ("q2", "logistic_regression", ["-optimizer", "adam", "-seed", 1]),
    ("q2", "logistic_regression", ["-momentum", 0.9, "-standardize", "-plot_format", "png"]),
    ("q2", "mlp", []),
    ("q2", "mlp", ["-batch_size", 1024, "-momentum", 0.9]),
    ("q2", "mlp", ["-hidden_size", 3, "-layers", 3, "-activation", "tanh", "-dropout", 0.0]),
    ("q2", "mlp", ["-optimizer", "adam", "-layers", 1, "-l2_decay", 0.1, "-dropout", 0.99]),
    ("q2", "mlp", ["-device", "cpu", "-precision", "bfloat16", "-plot_format", "pdf", "png"]),
    ("q2", "mlp", ["-standardize", "-seed", 2**32 - 1]),
]


@pytest.mark.parametrize(
    ("script", "model", "options"),
    OPTIONS,
    ids=[" ".join(map(str, [script, model, *options])) for script, model, options in OPTIONS],
)
def test_models_and_options(request, run_main, tmp_path, tiny_npz, script, model, options):
    plots = tmp_path / "made" / "plots"
    arguments = ["-epochs", 3, "-data_path", tiny_npz, "-plots_dir", plots, *options]
    outcome = run_main(request.getfixturevalue(script), model, *arguments)
    assert outcome.status == 0, outcome.err
    assert outcome.err == ""
    check_output(outcome.out, script, model, 3)
    record = record_of(plots)
    check_record(record, outcome.out, script, model, 3)
    for i, option in enumerate(options):
        if str(option).startswith("-") and option not in ("-standardize", "-plot_format"):
            assert record["options"][option[1:]] == options[i + 1]
    check_files(plots, script, model, options)


FIGURES = {
    "perceptron": ["accs", "weights", "weight-histogram"],
    "logistic_regression": ["accs", "w_norms", "loss", "cost", "weights", "weight-histogram"],
    "mlp": ["accs", "loss"],
}


def check_files(plots, script, model, options):
    """The files that the run should leave, under its name, and no others."""
    formats = {ending for ending in ("pdf", "png") if ending in options} or {"pdf"}
    figures = ["training-loss", "validation-accuracy"] if script == "q2" else FIGURES[model]
    start = model if script == "q2" else f"Q1-{model}"
    (own,) = (plots / "runs").iterdir()
    settings = own.name.removeprefix(start)
    assert {path.name for path in plots.iterdir()} == {
        f"{start}-{quantity}{settings}.{ending}"
        for quantity in [*figures, "confusion", "mistakes"]
        for ending in formats
    } | {"runs"}
    books = {"predictions.npy", "checkpoint.npz", "record.json", "history.csv", "results.txt"}
    assert {path.name for path in own.iterdir()} == books | {"lock"}
    text = r"Final test acc: [01]\.\d+\nTraining time: \d+ minutes and \d+ seconds\n"
    assert re.fullmatch(text, (own / "results.txt").read_text())


@pytest.mark.draws("pictures")
@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("q1", "perceptron -plot_format png"),
        ("q2", "mlp"),
        pytest.param("q1", "logistic_regression -plot_format pdf png", marks=pytest.mark.long),
    ],
)
def test_the_figures_files(request, run_main, tmp_path, tiny_npz, script, words):
    arguments = [*words.split(), "-epochs", 2, "-data_path", tiny_npz, "-plots_dir", tmp_path / "x"]
    assert run_main(request.getfixturevalue(script), *arguments).status == 0
    check_files(tmp_path / "x", script, words.split()[0], words)
    for path in (tmp_path / "x").iterdir():
        if path.suffix in (".pdf", ".png"):
            content = path.read_bytes()
            assert content.startswith({".pdf": b"%PDF-", ".png": b"\x89PNG\r\n\x1a\n"}[path.suffix])
            assert {".pdf": b"%%EOF", ".png": b"IEND"}[path.suffix] in content[-16:]


def test_the_skeletons_name_of_question_2s_figures(q2, run_main, tmp_path, tiny_npz):
    """For another data set its name is added at the end."""
    arguments = ["-data_path", tiny_npz, "-plots_dir", tmp_path / "plots", "-epochs", 1]
    assert run_main(q2, "mlp", *arguments).status == 0
    assert run_main(q2, "logistic_regression", *arguments).status == 0
    names = [path.name for path in (tmp_path / "plots").glob("*.pdf")]
    settings = "batch-64-lr-0.002-epochs-1-hidden-200-dropout-0.3-l2-0.0-layers-2-act-relu-opt-sgd"
    for start in (
        f"mlp-training-loss-{settings}-mom-0.0-data-tiny-",
        f"mlp-validation-accuracy-{settings}-mom-0.0-data-tiny-",
        "logistic_regression-training-loss-batch-64-lr-0.002-epochs-1-l2-0.0-opt-sgd-data-tiny-",
    ):
        assert sum(name.startswith(start) for name in names) == 1, names


def test_the_record_names_the_data_and_the_versions(q1, run_main, tmp_path, tiny_npz):
    import hashlib
    import platform

    run_main(q1, "perceptron", "-epochs", 1, "-data_path", tiny_npz, "-plots_dir", tmp_path)
    record = record_of(tmp_path)
    data = record["data"]
    assert data["name"] == "tiny.npz"
    assert data["bytes"] == tiny_npz.stat().st_size
    assert data["sha256"] == hashlib.sha256(tiny_npz.read_bytes()).hexdigest()
    assert data["standin"] is False
    assert record["versions"]["python"] == platform.python_version()
    assert record["versions"]["numpy"] == np.__version__
    assert record["versions"]["torch"].startswith("2.")
    options = record["options"]
    assert options["seed"] == 42 and options["batch_size"] == 1


DIFFERENT = {
    "q1": [
        ["perceptron"],
        ["perceptron", "-epochs", 2],
        ["perceptron", "-batch_size", 2],
        ["perceptron", "-seed", 1],
        ["perceptron", "-standardize"],
        ["logistic_regression"],
        ["logistic_regression", "-l2_penalty", 0.01],
        ["logistic_regression", "-l2_penalty", 0.1],
        ["logistic_regression", "-l2_penalty", 0.010001],
        ["logistic_regression", "-learning_rate", 0.01],
        ["logistic_regression", "-learning_rate", 1e-7],
        ["logistic_regression", "-learning_rate", 0.01, "-l2_penalty", 0.01],
        ["logistic_regression", "-batch_size", 16],
        ["mlp"],
        ["mlp", "-hidden_size", 10],
        ["mlp", "-learning_rate", 0.01],
        ["mlp", "-batch_size", 10],
        ["mlp", "-seed", 10],
    ],
    "q2": [
        ["logistic_regression"],
        ["logistic_regression", "-batch_size", 32],
        ["logistic_regression", "-learning_rate", 0.1],
        ["logistic_regression", "-l2_decay", 0.01],
        ["logistic_regression", "-optimizer", "adam"],
        ["logistic_regression", "-momentum", 0.9],
        ["logistic_regression", "-seed", 3],
        ["logistic_regression", "-standardize"],
        ["logistic_regression", "-precision", "bfloat16"],
        ["mlp"],
        ["mlp", "-epochs", 2],
        ["mlp", "-batch_size", 512],
        ["mlp", "-hidden_size", 20],
        ["mlp", "-layers", 1],
        ["mlp", "-learning_rate", 0.1],
        ["mlp", "-l2_decay", 0.01],
        ["mlp", "-dropout", 0.25],
        ["mlp", "-dropout", 0.0],
        ["mlp", "-momentum", 0.9],
        ["mlp", "-activation", "tanh"],
        ["mlp", "-optimizer", "adam"],
        ["mlp", "-seed", 3],
        ["mlp", "-standardize"],
        ["mlp", "-precision", "bfloat16"],
    ],
}


@pytest.mark.parametrize("script", DIFFERENT)
def test_no_two_different_runs_share_a_file(request, tmp_path, tiny_npz, script):
    """The same settings on two data sets of one name, too."""
    other = tmp_path / "other" / "tiny.npz"
    other.parent.mkdir()
    np.savez(other, **tiny_arrays(seed=1))
    runs = [(words, tiny_npz) for words in DIFFERENT[script]] + [(["mlp"], other)]
    paths = set()
    for words, data in runs:
        ((_, names),) = request.getfixturevalue(script).parse_arguments(words).runs
        paths.add(run_folder(tmp_path, names.files, open_data(data)))
    assert len(paths) == len(runs)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("q1", "logistic_regression -learning_rate LONG -l2_penalty LONG"),
        ("q2", "mlp -learning_rate LONG -l2_decay LONG -momentum LONG -hidden_size 12"),
    ],
)
def test_the_longest_names_still_fit_and_are_resumed(request, run_main, tmp_path, script, words):
    """Also where the number of epochs, and so the place where the name is cut, is longer."""
    data = tmp_path / f"{'a long name ' * 10}.npz"
    np.savez(data, **tiny_arrays())
    arguments = [*words.replace("LONG", "1.2345678901234567e-05").split(), "-standardize"]
    arguments += ["-batch_size", 1234567, "-seed", 2**32 - 1]
    arguments += ["-data_path", data, "-plots_dir", tmp_path / "plots"]
    first, second = (
        run_main(request.getfixturevalue(script), *arguments, "-epochs", epochs, *more)
        for epochs, more in ((1, []), (10, ["-resume"]))
    )
    assert (first.status, second.status) == (0, 0), first.err + second.err
    assert "resuming from epoch 2 of 10" in second.err
    names = [path.name for path in (tmp_path / "plots" / "runs").iterdir()]
    if script == "q2":
        assert all(re.search("-[0-9a-f]{16}$", name) for name in names)  # all were too long
    assert len(names) == 2


@pytest.mark.parametrize("name", ["..", "-x", "a b", "*", "%s", "é", "con\nrol", "{}", "{0.x}"])
def test_no_name_of_a_data_file_escapes_the_folder(q1, run_main, tmp_path, name):
    data = tmp_path / "data" / f"{name}.npz"
    data.parent.mkdir()
    np.savez(data, **tiny_arrays())
    before = snapshot(tmp_path)
    outcome = run_main(
        q1, "perceptron", "-epochs", 1, "-data_path", data, "-plots_dir", tmp_path / "plots"
    )
    assert outcome.status == 0, outcome.err
    assert outcome.err == ""
    new = set(snapshot(tmp_path)) - set(before) - {"plots"}
    assert all(re.fullmatch(r"plots/(runs/)?[A-Za-z0-9_.-]+(/[a-z.]+)?", path) for path in new)


@pytest.mark.parametrize("script", ["q1", "q2"])
def test_help_says_each_options_default_and_models(request, run_main, script):
    outcome = run_main(request.getfixturevalue(script), "-h")
    assert outcome.status == 0
    assert outcome.err == ""
    paragraphs = outcome.out.split("options:")[1].split("\n  -")[1:]
    said = {text.split()[0]: " ".join(text.split()) for text in paragraphs}
    expected = {"epochs", "batch_size", "hidden_size", "learning_rate", "seed", "plots_dir"}
    expected |= {"plot_format", "show", "standardize", "resume", "data_path"}
    expected |= {
        "q1": {"l2_penalty", "l1_penalty"},
        "q2": {"l2_decay", "dropout", "momentum", "activation", "optimizer", "layers", "device"}
        | {"precision"},
    }[script]
    assert set(said) - {"h,"} == expected
    for option in expected:
        assert re.search(r"\[(all|[a-z_, ]+)\]", said[option]), option
        assert "(default: " in said[option], option
    text = " ".join(outcome.out.split())
    defaults = {"q1": ["20", "1", "100", "0.001", "0.0"], "q2": ["200", "64", "0.002", "0.3"]}
    for default in [*defaults[script], "42"]:
        assert f"(default: {default})" in text


DEFAULTS = {
    "q1": {
        "epochs": 20, "batch_size": 1, "hidden_size": 100, "learning_rate": 0.001,
        "l2_penalty": 0.0,
    },
    "q2": {
        "epochs": 200, "batch_size": 64, "hidden_size": 200, "layers": 2, "learning_rate": 0.002,
        "l2_decay": 0.0, "dropout": 0.3, "momentum": 0.0, "activation": "relu",
        "optimizer": "sgd", "device": "cpu", "precision": "float32",
    },
}  # fmt: skip


@pytest.mark.parametrize("script", ["q1", "q2"])
def test_the_defaults_are_the_skeletons(request, run_main, tmp_path, tiny_npz, script):
    outcome = run_main(
        request.getfixturevalue(script), "mlp", "-data_path", tiny_npz, "-plots_dir", tmp_path
    )
    check_output(outcome.out, script, "mlp", DEFAULTS[script]["epochs"])
    options = record_of(tmp_path)["options"]
    for name, value in {**DEFAULTS[script], "seed": 42, "standardize": False}.items():
        assert options[name] == value, name


# --------------------------------------------------------------------------------------------
# The numbers


@pytest.mark.parametrize("l2", [0.0, 0.01])
@pytest.mark.parametrize("model", ["perceptron", "logistic_regression", "mlp"])
def test_question_1s_numbers_are_the_plain_programs(
    q1, run_main, monkeypatch, capsys, tmp_path, model, l2
):
    """Order, initial weights, training and evaluation as a whole, from the seed on."""
    monkeypatch.setattr(exact_sgd, "_is_exact_in_float32", lambda X: False)
    arrays = tiny_arrays(seed=4, sizes=(70, 40, 40))
    np.savez(tmp_path / "tiny.npz", **arrays)
    arguments = ["-data_path", tmp_path / "tiny.npz", "-plots_dir", tmp_path / "plots"]
    arguments += ["-epochs", 5, "-hidden_size", 8, "-learning_rate", 0.01, "-seed", 11]
    arguments += ["-l2_penalty", l2] if model == "logistic_regression" else []
    outcome = run_main(q1, model, *arguments)
    assert outcome.status == 0, outcome.err
    plots = arguments.index("-plots_dir")
    _, plain = plain_q1.main([model, *map(str, arguments[:plots] + arguments[plots + 2 :])])
    assert outcome.printed == [
        line
        for line in capsys.readouterr().out.splitlines()
        if not line.startswith("Training took")
    ]
    for row, expected in zip(record_of(tmp_path / "plots")["epochs"], plain, strict=True):
        assert row["train_acc"] == pytest.approx(expected["train_acc"], rel=1e-12)
        assert row["val_acc"] == pytest.approx(expected["val_acc"], rel=1e-12)
        if model == "mlp":
            assert row["loss"] == pytest.approx(expected["loss"], rel=1e-9)


def test_a_linear_models_accuracies_start_at_the_share_of_class_0(q1, run_main, tmp_path, tiny_npz):
    outcome = run_main(
        q1, "perceptron", "-epochs", 1, "-data_path", tiny_npz, "-plots_dir", tmp_path
    )
    assert outcome.out.startswith("initial train acc: 0.3333 | initial val acc: 0.3333\n")


@pytest.mark.parametrize(
    ("script", "model", "option", "value"),
    [
        pytest.param("q1", "logistic_regression", "-l2_penalty", 1e300, marks=pytest.mark.draws),
        ("q1", "logistic_regression", "-learning_rate", 1e300),
        ("q1", "mlp", "-learning_rate", 1e300),
        ("q2", "logistic_regression", "-learning_rate", 1e38),
        ("q2", "mlp", "-learning_rate", 1e38),
    ],
)
def test_a_loss_that_is_not_finite_is_said_once(
    request, run_main, tmp_path, tiny_npz, script, model, option, value
):
    """One line on standard error; the run goes on to its end and leaves its files."""
    arguments = ["-data_path", tiny_npz, "-plots_dir", tmp_path / "plots", "-epochs", 4]
    outcome = run_main(request.getfixturevalue(script), model, *arguments, option, value)
    assert outcome.status == 0, outcome.err
    check_output(outcome.out, script, model, 4)
    said = [line for line in outcome.err_lines if line.strip()]
    assert len(said) == 1, outcome.err
    assert re.search(r"\b(nan|inf)\b", said[0])
    text = next((tmp_path / "plots").glob("runs/*/record.json")).read_text()
    assert "NaN" not in text and "Infinity" not in text  # which JSON does not have
    assert len(json.loads(text)["epochs"]) == 4
    assert list((tmp_path / "plots").glob("*.pdf"))


def test_options_without_effect_are_said_on_standard_error(q1, run_main, tmp_path, tiny_npz):
    arguments = ["-epochs", 1, "-data_path", tiny_npz, "-plots_dir", tmp_path]
    outcome = run_main(q1, "perceptron", *arguments, "-hidden_size", 10, "-l2_penalty", 0.1)
    assert outcome.status == 0
    (line,) = outcome.err_lines
    assert "-hidden_size" in line and "-l2_penalty" in line


@pytest.mark.draws
def test_without_data_the_stand_in_is_used_and_says_so(
    q1, run_main, monkeypatch, tmp_path, tiny_npz
):
    """On standard error, in the figures' titles and in the record."""
    monkeypatch.setattr("lab.dataset.DEFAULT", ROOT / "data" / "there-is-no-such-file.npz")
    monkeypatch.setattr("lab.dataset.STANDIN", tiny_npz)
    figures = collect_figures(monkeypatch)
    outcome = run_main(q1, "perceptron", "-epochs", 2, "-plots_dir", tmp_path / "plots")
    assert outcome.status == 0
    check_output(outcome.out, "q1", "perceptron", 2)
    (line,) = outcome.err_lines
    assert "stand-in" in line
    assert all("stand-in" in texts_of(figure) for figure in figures)
    assert record_of(tmp_path / "plots")["data"]["standin"] is True


def test_another_file_in_the_courses_place_is_noted(
    q1, run_main, blank_figures, monkeypatch, tmp_path, tiny_npz
):
    monkeypatch.setattr("lab.dataset.DEFAULT", tiny_npz)
    outcome = run_main(q1, "perceptron", "-epochs", 1, "-plots_dir", tmp_path / "plots")
    said = f"note: {tiny_npz} is not the course's file; it has 60 / 24 / 24 images\n"
    assert (outcome.status, outcome.err) == (0, said)


# --------------------------------------------------------------------------------------------
# Figures


@pytest.mark.filterwarnings("error")
def test_weights_that_are_not_finite_are_drawn_without_a_warning():
    figures.weight_histogram(np.full((3, 8), np.nan), "title").draw_without_rendering()


def collect_figures(monkeypatch):
    """A list that takes up every figure in place of its file."""
    figures = []

    def keep(figure, path):
        if figure.axes:  # else a picture, which is blank here
            figures.append(figure)

    monkeypatch.setattr("lab.run.save_figure", keep)
    return figures


def texts_of(figure):
    return "\n".join(text.get_text() for text in figure.findobj(Text))


@pytest.mark.draws
@pytest.mark.parametrize(
    ("script", "arguments", "curves", "words"),
    [
        ("q1", ["perceptron"], [("train_acc", "val_acc")], ["perceptron"]),
        (
            "q1",
            ["logistic_regression", "-l2_penalty", 0.03],
            [
                ("train_acc", "val_acc"),
                ("w_norm",),
                ("train_loss", "val_loss"),
                ("train_cost", "val_cost"),
            ],
            ["logistic regression", "0.03"],
        ),
        (
            "q1",
            ["mlp", "-hidden_size", 9],
            [("train_acc", "val_acc"), ("loss",)],
            ["MLP", "9", "0.001"],
        ),
        (
            "q2",
            ["mlp", "-dropout", 0.15, "-batch_size", 17],
            [("train_loss", "val_loss"), ("val_acc",)],
            ["MLP", "0.15", "17", "0.002"],
        ),
    ],
)
def test_figures_show_the_records_numbers(
    request, run_main, monkeypatch, tmp_path, tiny_npz, script, arguments, curves, words
):
    """Each quantity against whole epochs; a title that says model, settings and data set."""
    figures = collect_figures(monkeypatch)
    outcome = run_main(
        request.getfixturevalue(script), *arguments, "-epochs", 4,
        "-data_path", tiny_npz, "-plots_dir", tmp_path / "plots",
    )  # fmt: skip
    assert outcome.status == 0, outcome.err
    record = record_of(tmp_path / "plots")
    drawn = {}
    for figure in figures:
        text = texts_of(figure)
        for word in [*words, "tiny"]:
            assert word in text, (word, text)
        for axes in figure.axes:
            for line in axes.lines:
                drawn[tuple(line.get_ydata())] = axes
    for names in curves:
        values = [tuple(row[name] for row in record["epochs"]) for name in names]
        (axes,) = {drawn[value] for value in values}  # they are together in one picture
        assert axes.get_xlabel() == "epoch"
        assert axes.get_ylabel()
        for line in axes.lines:
            if tuple(line.get_ydata()) in values:
                assert list(line.get_xdata()) == [1, 2, 3, 4]
        assert all(tick == int(tick) for tick in axes.get_xticks())
        if "val_acc" in names:
            best = record["best"]
            marked = [line for line in axes.lines if len(line.get_xdata()) == 1]
            assert [(line.get_xdata()[0], line.get_ydata()[0]) for line in marked] == [
                (best["epoch"], best["val_acc"])
            ]


# --------------------------------------------------------------------------------------------
# Bad input: one line on standard error, exit status 2, no file touched


def check_refused(outcome, *words):
    assert outcome.status == 2, outcome
    assert outcome.out == ""
    assert len(outcome.err_lines) == 1, outcome.err
    assert outcome.err.endswith("\n")
    assert "Traceback" not in outcome.err
    for word in words:
        assert word in outcome.err


@pytest.mark.parametrize(
    "name",
    ["missing", "directory", "empty", "cut at 0.75", "lacks val_labels", "shapes differ in size"]
    + ["text labels", "a class that training lacks", "one class", "pickled objects", "terabytes"],
)
@pytest.mark.parametrize("script", ["q1", "q2"])
def test_bad_data(request, run_main, tmp_path, script, name):
    """A few of the gallery, which test_utils.py puts through the reader that is used here."""
    path = tmp_path / "data.npz"
    words = BAD[name](path)
    before = snapshot(tmp_path)
    arguments = ["mlp", "-data_path", path, "-plots_dir", tmp_path / "plots"]
    outcome = run_main(request.getfixturevalue(script), *arguments)
    check_refused(outcome, str(path), *words)
    assert snapshot(tmp_path) == before


WRONG_OPTIONS = [
    ("both", ["mlp", "-epochs", 0], "epochs"),
    ("both", ["mlp", "-epochs", -3], "epochs"),
    ("both", ["mlp", "-epochs", 1.5], "epochs"),
    ("both", ["mlp", "-epochs", "many"], "epochs"),
    ("both", ["mlp", "-epochs"], "epochs"),
    ("both", ["mlp", "-batch_size", 0], "batch_size"),
    ("both", ["mlp", "-batch_size", -1], "batch_size"),
    ("both", ["mlp", "-hidden_size", 0], "hidden_size"),
    ("both", ["mlp", "-learning_rate", 0], "learning_rate"),
    ("both", ["mlp", "-learning_rate", -0.1], "learning_rate"),
    ("both", ["mlp", "-learning_rate", "nan"], "learning_rate"),
    ("both", ["mlp", "-learning_rate", "inf"], "learning_rate"),
    ("both", ["mlp", "-learning_rate", "fast"], "learning_rate"),
    ("both", ["mlp", "-seed", -1], "seed"),
    ("both", ["mlp", "-seed", 2**32], "seed"),
    ("both", ["mlp", "-plot_format", "gif"], "plot_format"),
    ("both", ["mlp", "-plot_format"], "plot_format"),
    ("both", ["mlp", "-no_such_option", 1], "no_such_option"),
    ("both", ["mlp", "mlp"], "mlp"),
    ("both", ["svm"], "svm"),
    ("both", [], "model"),
    ("both", ["mlp", "--epochs", 0], "epochs"),
    ("both", ["mlp", "--no_such_option", 1], "no_such_option"),
    ("q1", ["mlp", "-precision", "float64"], "precision"),
    ("q2", ["mlp", "-precision", "int8"], "precision"),
    ("q1", ["logistic_regression", "-l2_penalty", -0.1], "l2_penalty"),
    ("q1", ["logistic_regression", "-l2_penalty", "nan"], "l2_penalty"),
    ("q2", ["perceptron"], "perceptron"),
    ("q2", ["mlp", "-l2_decay", -0.1], "l2_decay"),
    ("q2", ["mlp", "-dropout", 1], "dropout"),
    ("q2", ["mlp", "-dropout", -0.1], "dropout"),
    ("q2", ["mlp", "-dropout", "nan"], "dropout"),
    ("q2", ["mlp", "-momentum", -0.5], "momentum"),
    ("q2", ["mlp", "-momentum", "nan"], "momentum"),
    ("q2", ["mlp", "-layers", 0], "layers"),
    ("q2", ["mlp", "-activation", "sigmoid"], "activation"),
    ("q2", ["mlp", "-optimizer", "lbfgs"], "optimizer"),
    ("q2", ["mlp", "-optimizer", "adam", "-momentum", 0.9], "momentum"),
    ("q2", ["mlp", "-device", "toaster"], "toaster"),
    ("q2", ["mlp", "-device", "cuda:99"], "cuda:99"),
    ("q2", ["mlp", "-device", "meta"], "meta"),
    ("q2", ["mlp", "-device", ""], "device"),
]


@pytest.mark.parametrize(
    ("script", "arguments", "word"),
    [
        (script, arguments, word)
        for which, arguments, word in WRONG_OPTIONS
        for script in (["q1", "q2"] if which == "both" else [which])
    ],
)
def test_wrong_options(request, run_main, tmp_path, tiny_npz, script, arguments, word):
    before = snapshot(tmp_path)
    arguments = [*arguments, "-data_path", tiny_npz, "-plots_dir", tmp_path / "plots"]
    outcome = run_main(request.getfixturevalue(script), *arguments)
    check_refused(outcome, word)
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("script", ["q1", "q2"])
@pytest.mark.parametrize(
    ("option", "value"),
    [("-hidden_size", 2 * 10**9), ("-hidden_size", 10**30), ("-batch_size", 2 * 10**9)],
)
def test_enormous_sizes(request, run_main, tmp_path, tiny_npz, script, option, value):
    """More than the machine holds is refused in a line; a batch of more than all examples is all."""
    outcome = run_main(
        request.getfixturevalue(script), "mlp", option, value, "-epochs", 1,
        "-data_path", tiny_npz, "-plots_dir", tmp_path / "plots",
    )  # fmt: skip
    if outcome.status:
        check_refused(outcome)
    else:
        check_output(outcome.out, script, "mlp", 1)


@pytest.mark.parametrize("script", ["q1", "q2"])
@pytest.mark.parametrize("kind", ["a file", "below a file", "read-only", "a long name"])
def test_a_plots_folder_that_cannot_be_written(
    request, run_main, monkeypatch, tmp_path, tiny_npz, script, kind
):
    """It is found before training."""
    plots = tmp_path / "plots"
    if kind == "a file":
        plots.write_text("mine")
    elif kind == "below a file":
        plots.write_text("mine")
        plots = plots / "deeper"
    elif kind == "a long name":
        plots = tmp_path / ("x" * 300)
    else:  # chmod would not keep the administrator out, under whom tests may run
        import tempfile

        plots.mkdir()

        def refuse(*arguments, **options):
            raise PermissionError(13, "Permission denied")

        for name in ("TemporaryFile", "NamedTemporaryFile", "mkstemp", "mkdtemp"):
            monkeypatch.setattr(tempfile, name, refuse)
    before = snapshot(tmp_path)
    outcome = run_main(
        request.getfixturevalue(script), "mlp", "-data_path", tiny_npz, "-plots_dir", plots
    )
    check_refused(outcome, str(plots))
    assert snapshot(tmp_path) == before


# --------------------------------------------------------------------------------------------
# Two dashes, and a call from Python


@pytest.mark.parametrize("script", ["q1", "q2"])
def test_two_dashes_work_as_one(request, script):
    module = request.getfixturevalue(script)
    one = "mlp -epochs 3 -learning_rate 0.1 0.2 -data_path a--b.npz -plot_format png -resume"
    two = "mlp --epochs=3 --learning_rate 0.1 0.2 --data_path a--b.npz --plot_format png --resume"
    assert module.parse_arguments(two.split()) == module.parse_arguments(one.split())
    two = "--plots_dir mlp --epochs 3 mlp"
    assert module.parse_arguments(two.split()).runs[0][0].plots_dir == Path("mlp")


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("", "hw1-q1.py: unrecognized arguments:  ('hw1-q1.py -h' lists the options)\n"),
        ("-epoch_s", "unrecognized arguments: -epoch_s; did you mean -epochs? ('hw1-q1.py -h'"),
        ("-zzz", "hw1-q1.py: unrecognized arguments: -zzz ('hw1-q1.py -h' lists the options)\n"),
    ],
)
def test_an_unknown_word_is_one_line(q1, run_main, word, said):
    outcome = run_main(q1, "perceptron", word)
    assert (outcome.status, outcome.out, len(outcome.err_lines)) == (2, "", 1)
    assert said in outcome.err


@pytest.mark.parametrize(
    ("script", "words", "said"),
    [
        ("q1", ["perceptro"], "did you mean perceptron?"),
        ("q1", ["mlp", "-hidden_sizes", 3], "did you mean -hidden_size?"),
        ("q1", ["mlp", "-epochs", 0], "must be a whole number, at least 1; not 0"),
        ("q2", ["mlp", "-layers", 101], "must be a whole number, at most 100; not 101"),
        ("q1", ["mlp", "-learning_rate", "0,001"], "use a decimal point: 0.001"),
        ("q1", ["logistic_regression", "-l2_penalty", "-1e-5"], "of at least 0, not -1e-5"),
        ("q2", ["mlp", "-optimizer", "adm"], "did you mean adam?"),
        ("q1", ["mlp", "-plots_dir", ""], "-plots_dir: is empty"),
        ("q1", ["mlp", "-data_path", ""], "-data_path: is empty"),
    ],
)
def test_a_refusal_says_what_to_do(request, run_main, script, words, said):
    outcome = run_main(request.getfixturevalue(script), *words)
    check_refused(outcome, said)


def test_a_folder_of_photographs_is_told_from_a_data_set(q1, run_main, tmp_path):
    (tmp_path / "seg_train" / "forest").mkdir(parents=True)
    (tmp_path / "seg_train" / "forest" / "8.jpg").touch()
    outcome = run_main(q1, "mlp", "-data_path", tmp_path / "seg_train")
    check_refused(outcome, "a folder of photographs", "python data/prepare.py images")


def test_main_works_in_a_notebook(q1, q2, monkeypatch, capsys, tmp_path, tiny_npz):
    """It takes a list, asks nothing of sys.argv, returns what was trained, and raises to say why not."""
    monkeypatch.setattr(sys, "argv", ["ipykernel_launcher.py", "-f", "kernel.json"])
    where = ["-epochs", 2, "-data_path", tiny_npz, "-plots_dir", tmp_path]
    for script, model in ((q1, "perceptron"), (q2, "mlp")):
        _, history = script.main([model, *where])
        assert [set(row) >= {"val_acc"} for row in history] == [True, True]
    (kept, _), other = q1.main(["mlp", *where, "-hidden_size", 3, "-seed", 1, 2])
    assert kept.W1.shape == (3, 90) and len(other) == 2
    with pytest.raises(InputError, match="none.npz"):
        q1.main(["mlp", "-data_path", "none.npz"])

    def no_room(figure, path):
        raise NotWritten(28, "No space left on device", str(path))

    monkeypatch.setattr("lab.run.save_figure", no_room)
    with pytest.raises(Incomplete, match="not written: .*-accs-.*pdf"):
        q1.main(["mlp", *where])
    monkeypatch.setattr(q1.MLP, "train_epoch", lambda *_, **__: os.kill(os.getpid(), 2))
    with pytest.raises(KeyboardInterrupt):  # as a notebook's button for it does
        q1.main(["mlp", *where])
    capsys.readouterr()


# --------------------------------------------------------------------------------------------
# In a process of its own


@pytest.mark.parametrize(
    ("script", "arguments"),
    [
        ("hw1-q1.py", ["logistic_regression", "-l2_penalty", 0.01]),
        pytest.param("hw1-q2.py", ["mlp", "-batch_size", 16], marks=pytest.mark.long),
    ],
)
def test_a_run_from_another_folder(tmp_path, tiny_npz, script, arguments):
    """Paths are relative to where the user stands; standard error stays empty in a pipe.

    Nothing needs a writable home or a screen.
    """
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": sysconfig.get_path("purelib")}
    environment |= {
        "MPLCONFIGDIR": matplotlib.get_cachedir(),
        "OMP_NUM_THREADS": "1",
        "LOCAL_RANK": "0",
    }
    process = run_script(
        script, *arguments, "-epochs", 2, "-data_path", "tiny.npz", "-plots_dir", "my plots",
        cwd=tmp_path, env=environment,
    )  # fmt: skip
    assert process.returncode == 0, process.stderr
    first = "accs" if script == "hw1-q1.py" else "training-loss"
    figures, records = re.fullmatch(
        r"figures: (.*) and \d more; records: (.*)/\n", process.stderr
    ).groups()
    assert f"-{first}-" in figures and (tmp_path / figures).is_file()
    assert (tmp_path / records / "record.json").is_file()
    assert record_of(tmp_path / "my plots")["ranks"] == 1  # whatever a cluster has set
    name = script.removeprefix("hw1-").removesuffix(".py")
    check_output(process.stdout, name, arguments[0], 2)
    check_record(record_of(tmp_path / "my plots"), process.stdout, name, arguments[0], 2)
    check_files(tmp_path / "my plots", name, arguments[0], arguments)


def test_a_console_that_is_not_utf_8(tmp_path, tiny_npz):
    """A character that it lacks, the sign of a table of seeds, is written in another way."""
    where = ["-data_path", tiny_npz, "-plots_dir", tmp_path / "x"]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = run_script(
        "hw1-q1.py", "perceptron", "-epochs", 1, "-seed", 1, 2, *where, env=environment
    )
    assert done.returncode == 0, done.stderr
    assert "\\xb1 val" in done.stdout


def test_the_exit_status_of_a_refusal(tmp_path):
    """The in-process tests above stand for this one."""
    refused = run_script("hw1-q1.py", "mlp", "-data_path", tmp_path / "none.npz")
    assert refused.returncode == 2
    assert refused.stdout == "" and len(refused.stderr.splitlines()) == 1
    assert refused.stderr.startswith("hw1-q1.py: ")


@pytest.mark.parametrize(("script", "batch_size"), [("q1", 1), ("q2", 10)])
def test_one_progress_bar_on_a_terminal(request, tmp_path, script, batch_size):
    """It moves within the epochs, of which it counts all, and says how long they will take.

    Standard error is a terminal here; standard output is not, and keeps to its lines.
    """
    np.savez(tmp_path / "data.npz", **tiny_arrays(sizes=(3_000, 24, 24)))
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))  # rows, columns
    arguments = ["-epochs", 4, "-batch_size", batch_size, "-data_path", tmp_path / "data.npz"]
    arguments += ["-plots_dir", tmp_path / "plots"]

    def refresh_often():
        os.close(ours)
        import tqdm

        tqdm.tqdm.monitor_interval = 0
        init = tqdm.tqdm.__init__
        tqdm.tqdm.__init__ = lambda *args, **options: init(*args, **options, mininterval=0.001)

    module = request.getfixturevalue(script)
    with launched(module, "mlp", *arguments, stderr=theirs, prepare=refresh_often) as child:
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # which is how the terminal's end is told
            while data := os.read(ours, 4096):
                shown += data
        os.close(ours)
        out, _ = child.communicate()
        check_output(out, script, "mlp", 4)
        assert child.returncode == 0
    states = re.findall(r"\r *(\d+)% \|[^|]*\| epoch (\d)\.(\d) of 4, (\S+) left", shown.decode())
    assert {int(epoch) for _, epoch, _, _ in states} >= {0, 1, 2, 3}
    assert {int(tenth) for _, _, tenth, _ in states} >= {0, 3, 5, 8}
    assert any(re.fullmatch(r"\d\d:\d\d", left) for *_, left in states)
    places = [int(epoch) + int(tenth) / 10 for _, epoch, tenth, _ in states]
    assert places == sorted(places)  # one bar for the whole run
    assert b"\n" not in shown.replace(b"\r\n", b"")


def test_question_1_never_imports_torch(tmp_path, tiny_npz):
    """Nor any other library of its kind, in a sweep with its table; and for -h not even matplotlib."""

    def imported(*arguments):
        environment = {"PYTHONPROFILEIMPORTTIME": "1", "PATH": ""}
        done = run_script("hw1-q1.py", *arguments, env=environment)
        assert done.returncode == 0, done.stderr
        names = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
        others = {
            "torch",
            "sklearn",
            "tensorflow",
            "jax",
            "scipy",
            "matplotlib",
            "numpy",
            "tabulate",
        }
        return {name.split(".")[0] for name in names} & others

    where = ["-data_path", tiny_npz, "-plots_dir", tmp_path]
    assert imported("-h") == {"numpy"}
    assert imported("mlp", "-epochs", 1, 2, *where) == {"numpy", "matplotlib", "tabulate"}
