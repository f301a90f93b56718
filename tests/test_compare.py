"""lab/compare.py over seeds: repetitions in the table, in its files and in the figures; none is ever best."""

import csv
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from lab import compare
from lab.quantities import shortest
from lab.record import read_record


def record(val_acc, test_acc=0.5, epochs=2):
    """A record with this final validation accuracy, reached in equal steps."""
    rows = [{"epoch": i, "val_acc": val_acc * i / epochs} for i in range(1, epochs + 1)]
    return SimpleNamespace(epochs=rows, final={"val_acc": val_acc, "test_acc": test_acc})


def settings_and_records(accuracies):
    """{learning rate: accuracies} as a sweep has them, the seed changing fastest."""
    settings = [
        {"learning_rate": rate, "seed": seed}
        for rate, values in accuracies.items()
        for seed, _ in enumerate(values)
    ]
    return settings, [record(value) for values in accuracies.values() for value in values]


GOOD, AS_GOOD, POOR = [0.60, 0.62, 0.64], [0.59, 0.62, 0.63], [0.30, 0.31, 0.32]


def test_settings_are_grouped_whatever_the_order_of_the_options():
    for names in (("seed", "layers"), ("layers", "seed")):
        values = [(1, 2), (1, 3), (2, 2), (2, 3)]
        settings = [dict(zip(names, pair, strict=True)) for pair in values]
        others, groups = compare.grouped(settings, list("abcd"))
        if names[0] == "seed":
            assert (others, groups) == (
                [{"layers": 2}, {"layers": 3}],
                [["a", "c"], ["b", "d"]],
            )
        else:
            assert (others, groups) == (
                [{"layers": 1}, {"layers": 2}],
                [["a", "b"], ["c", "d"]],
            )


def test_the_best_is_followed_by_those_not_told_from_it():
    swept = settings_and_records({0.1: POOR, 0.01: GOOD, 0.001: AS_GOOD})
    rows, sentences, _ = compare.compare(*swept, "mlp", "photographs")
    assert [row["best"] for row in rows] == ["", "best", "not told apart"]
    assert [row["seeds"] for row in rows] == [3, 3, 3]
    row = rows[1]
    assert row["val_acc"] == pytest.approx(0.62)
    assert row["val_deviation"] == pytest.approx(0.02)
    assert (row["lowest_val_acc"], row["highest_val_acc"]) == (0.60, 0.64)
    assert sentences[0] == (
        "The highest mean validation accuracy, .6200, is that of learning rate 0.01; not to be told "
        "from it: learning rate 0.001."
    )
    assert len(sentences) == 4  # the best beside each other one, and what the test can tell
    assert "On average learning rate 0.01 is above learning rate 0.1 by .3100" in sentences[1]
    assert "No difference can be told between" in sentences[2]
    latex = " ".join(compare.latex(rows).split())
    assert r"\textbf{0.01} & \textbf{3}" in latex and r"\textit{0.001} & \textit{3}" in latex
    groups = compare.grouped(*swept)[1]
    assert len(compare.findings(["a", "b", "c"], groups)[2]) == 5


def test_settings_that_tie_share_the_top():
    groups = [list(map(record, values)) for values in (GOOD, POOR, GOOD)]
    top, alike, sentences = compare.findings(["a", "b", "c"], groups)
    assert (top, alike) == (["a", "c"], [])
    assert sentences[0].endswith(".6200, is shared by a and c.")


def test_one_run_of_a_setting_is_told_from_none():
    rows, sentences, _ = compare.compare(*settings_and_records({1: GOOD, 2: [0.1]}), "mlp", "")
    assert [row["best"] for row in rows] == ["best", "not told apart"]
    assert rows[1]["val_deviation"] is None
    assert "each needs two or more" in sentences[1]


def test_no_seed_is_best():
    settings = [{"seed": 42}, {"seed": 1}, {"seed": 2}]
    rows, sentences, figures = compare.compare(settings, list(map(record, GOOD)), "mlp", "images")
    assert len(rows) == 1 and rows[0]["best"] == ""
    assert "best" not in " ".join(sentences)
    assert sentences[0].startswith("Validation accuracy: Over 3 seeds the mean is .6200")
    ((quantity, figure),) = figures
    assert quantity == "val_acc"
    title = figure.get_suptitle().replace("\n", " ")
    assert "Validation accuracy of the MLP " in title and "by" not in title.split()
    assert "bold: the mean of 3 seeds; thin: each seed; shaded: their range" in title


def test_the_figure_has_the_mean_each_seed_and_the_band():
    swept = settings_and_records({0.1: POOR, 0.01: GOOD})
    ((_, figure),) = compare.compare(*swept, "mlp", "images")[2]
    (axes,) = figure.axes
    bold = [line for line in axes.lines if line.get_linewidth() == 2]
    thin = [line for line in axes.lines if line.get_linewidth() < 1]
    assert [line.get_label() for line in bold] == ["learning rate 0.1", "learning rate 0.01"]
    np.testing.assert_allclose([line.get_ydata() for line in bold], [[0.155, 0.31], [0.31, 0.62]])
    assert [line.get_ydata()[-1] for line in thin] == [*POOR, *GOOD]
    low, high = (band.get_paths()[0].get_extents() for band in axes.collections)
    assert (low.ymax, high.ymax, high.ymin) == (0.32, 0.64, 0.30)


def test_without_scipy_the_table_is_there(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "scipy", None)
    rows, sentences, _ = compare.compare(*settings_and_records({1: GOOD, 2: POOR}), "mlp", "")
    assert ([row["best"] for row in rows], sentences) == (["best", ""], [])
    assert capsys.readouterr().err == (
        "note: scipy is not installed, so settings are not tested for a difference\n"
    )


def test_a_sweep_over_seeds(q1, run_main, monkeypatch, tmp_path, tiny_npz):
    """The command's table, its files, and the sentences below it are of the records."""
    for module in ("lab.run", "lab.sweep"):
        monkeypatch.setattr(f"{module}.save_figure", lambda figure, path: path.touch())
    outcome = run_main(
        q1, "logistic_regression", "-learning_rate", 0.1, 0.00001, "-seed", 42, 1,
        "-epochs", 2, "-data_path", tiny_npz, "-plots_dir", tmp_path,
    )  # fmt: skip
    assert outcome.status == 0, outcome.err
    (path,) = tmp_path.glob("*sweep*.csv")
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert [float(row["learning_rate"]) for row in rows] == [0.1, 0.00001]
    assert [row["seeds"] for row in rows] == ["2", "2"]
    assert "seed" not in rows[0]
    for row in rows:
        rate = shortest(float(row["learning_rate"]))
        records = map(read_record, tmp_path.glob(f"runs/*-lr-{rate}-*/record.json"))
        values = [record.final["val_acc"] for record in records]
        assert len(values) == 2
        assert row["val_acc"] == f"{np.mean(values):.4f}"
        assert row["val_deviation"] == f"{np.std(values, ddof=1):.4f}"
        assert row["lowest_val_acc"] == f"{min(values):.4f}"
        assert row["highest_val_acc"] == f"{max(values):.4f}"
    assert max(row["best"] for row in rows) in ("best", "not told apart", "tied")
    after = outcome.out.split("Final test acc")[-1].split("\n\n")[-1].splitlines()
    assert after[0].split()[:3] == ["learning", "rate", "seeds"]
    assert len([line for line in after if line.split()[0] in ("0.1", "0.00001")]) == 2
    assert any(line.startswith("The highest mean validation accuracy, ") for line in after)
    assert "seeds" in path.with_suffix(".md").read_text().splitlines()[0]
    assert "Seeds" in path.with_suffix(".tex").read_text()
    figures = {p.name for p in tmp_path.glob("*-seed-42_1-*.pdf")}
    assert len(figures) == len(compare.shared_quantities([[records_of(tmp_path)]]))


def records_of(folder):
    return read_record(next(folder.glob("runs/*/record.json")))
