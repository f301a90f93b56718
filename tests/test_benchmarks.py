"""The benchmarks: they run from end to end and print what they promise. No timing is asserted."""

import re

import contestants
import growth
import numpy as np
import plain_q1
import plain_q2
import pytest
import speed
import timing
from conftest import run_script, tiny_arrays

# One of each kind; the others differ in the model alone and take as long again.
ROWS = [
    "logistic_regression-l2/plain-in-program",
    "mlp/torch",
    "q2-mlp-64/skeleton",
    "q2-mlp-64/products",
    "q2-mlp-64/busy",
    "edition",
]
IDLE_ALONE = ("edition", "q2-mlp-64/busy")


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
    assert set(printed) == set(ROWS)
    for name, row in printed.items():
        assert len(row) == 11
        assert (row[8:] == [""] * 3) == name.startswith(IDLE_ALONE)
        assert re.match(r"-?\d+\.\d\d (x faster|x their time) \(", row[4])
    missed = {name for name, row in printed.items() if row[7] == "**NOT MET**"}
    assert all(row[7] in ("yes", "**NOT MET**") for row in printed.values())
    assert done.returncode == bool(missed)
    summary = done.stdout.partition("\nNOT MET: ")[2].split("\n")[0]
    assert set(filter(None, summary.split(", "))) == missed
    for what in ("Machine:", "60 training examples"):
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
    for race in speed.RACES:
        for kind, *_ in (race.ours, *(rival.contestant for rival in race.rivals)):
            assert kind in contestants.RIVALS or kind in speed.PLAIN
    assert len(set(speed.ROWS)) == len(speed.ROWS)
    assert set(ROWS) <= set(speed.ROWS)


def test_the_editions_commands_are_understood_by_both_sides(q1, q2, monkeypatch, tiny_npz):
    """The 15 of them, a tenth of their epochs: our scripts' parsers take them, and the plain ones."""
    commands = speed.edition_commands()
    assert len(commands) == len(set(commands)) == 15
    epochs = [options[options.index("-epochs") + 1] for _, options in commands]
    assert epochs == ["10"] * 4 + ["2"] + ["10"] * 3 + ["20"] * 7
    assert all("-epochs 1" in " ".join(options) for _, options in speed.edition_commands(1))

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
    table.row("fast", "ours", "theirs", 1.5, idle, busy)
    table.row("slow", "ours", "theirs", 2.5, idle)
    table.row("products", "ours", "theirs", 0.6, idle, at_most=True)
    printed = [cells(line) for line in capsys.readouterr().out.splitlines() if "ours" in line]
    by_row = {row[0]: row[3:] for row in printed}
    assert by_row["fast"] == (
        ["at least 1.5 x faster", "2.00 x faster (2.00 to 3.00)", "2 s", "4 s", "yes"]
        + ["3.00 x faster (2.00 to 4.00)", "2 s", "6 s"]
    )
    verdicts = {name: row[4] for name, row in by_row.items() if name != "row"}
    assert verdicts == {"fast": "yes", "slow": "**NOT MET**", "products": "yes"}
    assert table.missed == ["slow"]


def test_runners_take_turns():
    calls = iter(range(6))
    runners = {"ours": lambda: next(calls), "theirs": lambda: next(calls)}
    assert timing.in_turn(runners, 3) == {"ours": [0, 2, 4], "theirs": [1, 3, 5]}


@pytest.mark.long
def test_block_size_fits_and_draws(tmp_path, tiny_npz):
    figure = tmp_path / "block-size.png"
    options = ("-data_path", tiny_npz, "-examples", 40, "-repeats", 1, "-figure", figure)
    done = run_script("benchmarks/block_size.py", *options)
    assert done.returncode == 0, done.stderr
    rows = [cells(line) for line in done.stdout.splitlines() if re.match(r"\| \d", line)]
    assert [row[0] for row in rows].count("96") == 2 and len(rows) == 22
    assert done.stdout.count(": t(B) = ") == 2
    assert figure.read_bytes().startswith(b"\x89PNG")


@pytest.mark.long
def test_parts_and_waiting_print_their_tables(tiny_npz):
    options = ("-data_path", tiny_npz, "-repeats", 1)
    parts = run_script("benchmarks/parts.py", *options, timeout=200)
    assert parts.returncode == 0, parts.stderr
    rows = [cells(line) for line in parts.stdout.splitlines()][2:]
    assert len(rows) == 9
    of_epoch = sum(float(row[1]) for row in rows[:6])
    assert of_epoch == pytest.approx(float(rows[6][1]), abs=0.004)

    waiting = run_script("benchmarks/waiting.py", *options, "-epochs", 1, timeout=400)
    assert waiting.returncode == 0, waiting.stderr
    rows = [cells(line) for line in waiting.stdout.splitlines()][2:]
    assert len(rows) == 6 and all(len(row) == 4 for row in rows)


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
    done = run_script("benchmarks/checkpoints.py", "-data_path", tiny_npz, "-repeats", 2)
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
