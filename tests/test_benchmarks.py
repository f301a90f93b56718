"""The benchmark programs run from end to end and print what they promise. No timing is asserted."""

import importlib.util
import re

import numpy as np
from conftest import ROOT, run_script, tiny_arrays

import utils

# One of each kind; the others differ in the model alone and take as long again.
ROWS = [
    "command/mlp",
    "memory/q1-mlp",
    "perceptron/textbook",
    "logistic_regression-l2/textbook",
    "logistic_regression-l2/textbook-in-program",
    "logistic_regression-l2/scikit-learn",
    "mlp/textbook",
    "mlp/torch",
    "mlp/scikit-learn",
    "mlp/products",
    "q2-mlp-64/skeleton",
    "q2-mlp-64/products",
    "q2-mlp-64/products-one-batch",
    "help",
]


def cells(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_speed_prints_every_row(tiny_npz):
    done = run_script(
        "benchmarks/speed.py",
        *("-data_path", tiny_npz, "-repeats", 1, "-epochs", 1, "-only", *ROWS),
    )
    assert done.returncode in (0, 1), done.stderr
    printed = {
        cells(line)[0]: cells(line)
        for line in done.stdout.splitlines()
        if re.match(r"\| [a-z]\S+ \| \S* ", line) and not line.startswith("| row ")
    }
    wanted = set(ROWS)
    if importlib.util.find_spec("sklearn") is None:
        left_out = {row for row in ROWS if "scikit-learn" in row}
        assert "scikit-learn is not installed" in done.stdout
        assert all(row in done.stdout for row in left_out)
        wanted -= left_out
    assert set(printed) == wanted
    for name, row in printed.items():
        assert len(row) == 8
        assert (row[7] == "") == name.endswith("one-batch")
        assert re.match(r"-?\d+\.\d\d (x faster|x their time|s|GB) \(", row[4])
    missed = {name for name, row in printed.items() if row[7] == "**NOT MET**"}
    assert all(row[7] in ("yes", "**NOT MET**", "") for row in printed.values())
    assert done.returncode == bool(missed)
    summary = done.stdout.partition("\nNOT MET: ")[2].split("\n")[0]
    assert set(filter(None, summary.split(", "))) == missed
    for what in ("Machine:", "60 training examples", "threads"):
        assert what in done.stdout


def test_speed_refuses_a_missing_file_and_an_unknown_row(tmp_path, tiny_npz):
    missing = run_script("benchmarks/speed.py", "-data_path", tmp_path / "none.npz")
    unknown = run_script("benchmarks/speed.py", "-data_path", tiny_npz, "-only", "sorting")
    for done, word in ((missing, "none.npz"), (unknown, "sorting")):
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 1
        assert word in done.stderr


def test_growth_draws_and_prints_its_lines(tmp_path, tiny_npz):
    done = run_script(
        "benchmarks/growth.py",
        *("-data_path", tiny_npz, "-models", "mlp", "-repeats", 1, "-plots_dir", tmp_path),
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()[2:]
    assert [cells(line)[0] for line in lines] == ["examples", "features", "hidden units"]
    assert (tmp_path / "growth.png").read_bytes().startswith(b"\x89PNG")


def test_line_through_points_on_a_line(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    growth = utils.load_script("benchmarks/growth.py")
    sizes = np.array([1.0, 2.0, 5.0])
    np.testing.assert_allclose(growth.straight_line(sizes, 3 + 0.5 * sizes), [3, 0.5, 1])


def test_checkpoints_prints_every_model(tiny_npz):
    done = run_script("benchmarks/checkpoints.py", "-data_path", tiny_npz, "-epochs", 2)
    assert (done.returncode, done.stderr) == (0, "")
    header, _, *rows = map(cells, done.stdout.splitlines())
    assert len(rows) == 7 and all(len(row) == len(header) == 5 for row in rows)
    for _, size, writing, share, holding in rows:
        assert float(size) >= 0 and float(writing) > 0 and float(holding) >= 0
        assert abs(float(share.rstrip("%")) - 100 * float(writing) / 30) < 0.001


def test_scale_prints_both_tables(tmp_path, tiny_npz):
    (tmp_path / "standin-2").mkdir()  # as if it had been drawn before
    for key, array in tiny_arrays().items():
        np.save(tmp_path / "standin-2" / f"{key}.npy", array)
    memory = run_script("benchmarks/scale.py", "memory", tmp_path, "-times", 2)
    assert memory.returncode == 0, memory.stderr
    rows = [cells(line) for line in memory.stdout.splitlines() if line.startswith("|")][2:]
    assert [row[0] for row in rows] == ["logistic regression, NumPy", "MLP, torch, batch 64"]
    for row in rows:
        assert row[1] == "25,260" and float(row[3]) >= 0 and float(row[5].split()[0]) > 20
    assert memory.stdout.count("100 epochs of 10^9 examples") == 2

    ranks = run_script("benchmarks/scale.py", "ranks", "-data_path", tiny_npz, "-repeats", 1)
    assert ranks.returncode == 0, ranks.stderr
    rows = [cells(line) for line in ranks.stdout.splitlines()][2:]
    assert [row[0] for row in rows] == ["64", "512"]
    assert all(float(row[3]) > 0 for row in rows)


def test_scale_refuses_a_missing_folder_and_a_missing_file(tmp_path):
    for arguments in (["memory", tmp_path / "none"], ["ranks", "-data_path", tmp_path / "none"]):
        done = run_script("benchmarks/scale.py", *arguments)
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 1
        assert str(tmp_path / "none") in done.stderr
