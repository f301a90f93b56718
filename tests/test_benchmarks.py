"""The benchmarks: they run from end to end and print what they promise. No timing is asserted."""

import importlib.util
import re

import contestants
import growth
import numpy as np
import plain_q1
import plain_q2
import pytest
import races
import speed
from conftest import run_script, tiny_arrays

# One of each kind; the others differ in the model alone and take as long again.
ROWS = [
    "command/mlp",
    "memory/q1-mlp",
    "perceptron/plain",
    "logistic_regression-l2/plain",
    "logistic_regression-l2/plain-in-program",
    "logistic_regression-l2/scikit-learn",
    "mlp/plain",
    "mlp/torch",
    "mlp/scikit-learn",
    "mlp/products",
    "q2-mlp-64/skeleton",
    "q2-mlp-64/products",
    "q2-mlp-64/products-one-batch",
    "q2-mlp-64/busy",
    "edition",
    "help",
]
IDLE_ALONE = ("command", "memory", "edition", "help", "q2-mlp-64/busy")


def cells(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


@pytest.mark.long
def test_speed_prints_every_row(tiny_npz):
    done = run_script(
        "benchmarks/speed.py",
        *("-data_path", tiny_npz, "-repeats", 1, "-epochs", 1, "-only", *ROWS),
        timeout=800,
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
        assert len(row) == 11
        assert (row[8:] == [""] * 3) == name.startswith(IDLE_ALONE)
        assert (row[7] == "") == name.endswith("one-batch")
        assert re.match(r"-?\d+\.\d\d (x faster|x their time|s|GB) \(", row[4])
    missed = {name for name, row in printed.items() if row[7] == "**NOT MET**"}
    assert all(row[7] in ("yes", "**NOT MET**", "") for row in printed.values())
    assert done.returncode == bool(missed)
    summary = done.stdout.partition("\nNOT MET: ")[2].split("\n")[0]
    assert set(filter(None, summary.split(", "))) == missed
    for what in ("Machine:", "60 training examples", "threads"):
        assert what in done.stdout


@pytest.mark.long
def test_the_benchmarks_refuse_what_is_missing_or_unknown(tmp_path, tiny_npz):
    none = tmp_path / "none.npz"
    for script, arguments, word in (
        ("speed", ["-data_path", none], "none.npz"),
        ("speed", ["-data_path", tiny_npz, "-only", "sorting"], "sorting"),
        ("scale", ["memory", none], str(none)),
        ("scale", ["ranks", "-data_path", none], str(none)),
    ):
        done = run_script(f"benchmarks/{script}.py", *arguments)
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 1
        assert word in done.stderr


def test_every_row_has_a_contestant():
    for race in races.RACES:
        for kind, *_ in (race.ours, *(rival.contestant for rival in race.rivals)):
            assert kind in contestants.RIVALS or kind in races.PLAIN
    assert len(set(races.ROWS)) == len(races.ROWS)
    assert set(ROWS) <= set(races.ROWS)


def test_the_editions_commands_are_understood_by_both_sides(q1, q2, monkeypatch, tiny_npz):
    """The 15 of them, a tenth of their epochs: our scripts' parsers take them, and the plain ones."""
    commands = races.edition_commands()
    assert len(commands) == len(set(commands)) == 15
    epochs = [options[options.index("-epochs") + 1] for _, options in commands]
    assert epochs == ["10"] * 4 + ["2"] + ["10"] * 3 + ["20"] * 7
    assert all("-epochs 1" in " ".join(options) for _, options in races.edition_commands(1))

    class Understood(Exception):
        pass

    def stop(seed):
        raise Understood

    monkeypatch.setattr(plain_q1.utils, "configure_seed", stop)
    plain = {"hw1-q1.py": plain_q1, "hw1-q2.py": plain_q2}
    for script, options in commands:
        module = {"hw1-q1.py": q1, "hw1-q2.py": q2}[script]
        assert len(module.parse_arguments(options).runs) == 1
        with pytest.raises(Understood):
            plain[script].main([*options, "-data_path", str(tiny_npz)])


def test_the_table_says_what_is_met(capsys):
    table = speed.Table()
    idle, busy = ([1, 2, 3], [3, 4, 6]), ([2, 2, 2], [4, 6, 8])
    table.ratio("fast", "ours", "theirs", 1.5, idle, busy)
    table.ratio("slow", "ours", "theirs", 2.5, idle)
    table.ratio("products", "ours", "theirs", 0.6, idle, at_most=True)
    table.ratio("told", "ours", "theirs", None, idle)
    table.limit("memory", "ours", "theirs", 1, [0.5], [2], "GB")
    table.finish()
    printed = [cells(line) for line in capsys.readouterr().out.splitlines() if "ours" in line]
    by_row = {row[0]: row[3:] for row in printed}
    assert by_row["fast"] == (
        ["at least 1.5 x faster", "2.00 x faster (2.00 to 3.00)", "2 s", "4 s", "yes"]
        + ["3.00 x faster (2.00 to 4.00)", "2 s", "6 s"]
    )
    verdicts = {name: row[4] for name, row in by_row.items() if name != "row"}
    assert verdicts == {"fast": "yes", "slow": "**NOT MET**", "products": "yes", "told": "",
                        "memory": "yes"}  # fmt: skip
    assert table.missed == ["slow"]


@pytest.mark.long
def test_growth_draws_and_prints_its_lines(tmp_path, tiny_npz):
    done = run_script(
        "benchmarks/growth.py",
        *("-data_path", tiny_npz, "-models", "mlp", "-repeats", 1, "-plots_dir", tmp_path),
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()[2:]
    assert [cells(line)[0] for line in lines] == ["examples", "features", "hidden units"]
    assert (tmp_path / "growth.png").read_bytes().startswith(b"\x89PNG")


def test_line_through_points_on_a_line():
    sizes = np.array([1.0, 2.0, 5.0])
    np.testing.assert_allclose(growth.straight_line(sizes, 3 + 0.5 * sizes), [3, 0.5, 1])


@pytest.mark.long
def test_checkpoints_prints_every_model(tiny_npz):
    done = run_script("benchmarks/checkpoints.py", "-data_path", tiny_npz, "-epochs", 2)
    assert (done.returncode, done.stderr) == (0, "")
    header, _, *rows = map(cells, done.stdout.splitlines())
    assert len(rows) == 7 and all(len(row) == len(header) == 5 for row in rows)
    for _, size, writing, share, holding in rows:
        assert float(size) >= 0 and float(writing) > 0 and float(holding) >= 0
        assert abs(float(share.rstrip("%")) - 100 * float(writing) / 30) < 0.001


@pytest.mark.long
def test_scale_prints_both_tables(tmp_path, tiny_npz):
    (tmp_path / "standin-2").mkdir()  # as if it had been drawn before
    for key, array in tiny_arrays().items():
        np.save(tmp_path / "standin-2" / f"{key}.npy", array)
    memory = run_script("benchmarks/scale.py", "memory", tmp_path, "-times", 2, timeout=600)
    assert memory.returncode == 0, memory.stderr
    rows = [cells(line) for line in memory.stdout.splitlines() if line.startswith("|")][2:]
    assert [row[0] for row in rows] == ["logistic regression, NumPy", "MLP, torch, batch 64"]
    for row in rows:
        assert row[1] == "25,260" and float(row[3]) >= 0 and float(row[5].split()[0]) > 20
    assert memory.stdout.count("100 epochs of 10^9 examples") == 2

    ranks = run_script(
        "benchmarks/scale.py", "ranks", "-data_path", tiny_npz, "-repeats", 1, timeout=600
    )
    assert ranks.returncode == 0, ranks.stderr
    rows = [cells(line) for line in ranks.stdout.splitlines()][2:]
    assert [row[0] for row in rows] == ["64", "512"]
    assert all(float(row[3]) > 0 for row in rows)
