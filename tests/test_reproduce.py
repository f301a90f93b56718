"""reproduce.py: what it runs, keeps and runs again; editions as data; the report's numbers."""

import csv
import json
import math
import os
import pty
import re
import signal
import subprocess
import sys
import termios
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, run_script, snapshot, tiny_arrays

import editions
import report
import reproduce
import runs
import utils
from utils import InputError

EDITION = """
title = "A small edition"
data = "data/no such file.npz"
prepare = "python data/prepare.py small"
examples = { train = 60, val = 24, test = 24 }

[[questions]]
number = "1.1"
title = "Perceptron"
asked = "Train one & say how <well>."
[[questions.experiments]]
name = "perceptron"
command = "hw1-q1.py perceptron -epochs 200"
band = { test = [0.0, 1.0] }
published = [{ source = "handout", test = 0.390, note = "of <someone>" }]

[[questions]]
number = "1.2a"
title = "Two penalties"
asked = "Compare them."
compare = "l2_penalty"
[[questions.experiments]]
name = "none"
command = "hw1-q1.py logistic_regression -epochs 300"
band = { val = [0.9990, 1.0], test = [0.9990, 1.0] }
published = [{ source = "handout", test = 0.46, w_norm = 23.0806 }]
[[questions.experiments]]
name = "0.01"
command = "hw1-q1.py logistic_regression -epochs 300 -l2_penalty 0.01"
published = [{ source = "handout", test = [0.46, 0.51] }, { source = "others", seconds = 146 }]

[[questions]]
number = "1.2b"
title = "The same again"
asked = "Say it once more."
[[questions.experiments]]
name = "no penalty"
command = "hw1-q1.py logistic_regression -l2_penalty 0 -epochs 300"
"""


@pytest.fixture
def small(monkeypatch, tmp_path):
    """A folder with one edition, "small", in place of the project's; returns the edition's path."""
    folder = tmp_path / "editions"
    folder.mkdir()
    monkeypatch.setattr(editions, "FOLDER", folder)
    (folder / "small.toml").write_text(EDITION)
    return folder / "small.toml"


@pytest.fixture
def run_small(run_main, small, tmp_path, tiny_npz):
    """Run reproduce.py on the small edition, in this process; the runs are processes of their own."""

    def run(*arguments):
        where = ["-data_path", tiny_npz, "-plots_dir", tmp_path / "plots"]
        return run_main(reproduce, "small", *where, *arguments)

    return run


@pytest.fixture
def plan(small, tmp_path, tiny_npz):
    """The planned runs of the small edition on small data."""

    def make():
        opt = reproduce.parse_arguments(["small", "-data_path", str(tiny_npz)])
        edition = editions.load("small")
        data = reproduce.open_data(edition, str(tiny_npz))
        return reproduce.planned(edition, tmp_path / "plots" / "small", data, opt)

    return make


def records(folder):
    """{file name: what the record says but for the time} of an edition's folder."""
    found = {}
    for path in sorted(folder.glob("*record*.json")):
        record = runs.read_record(path)
        del record["seconds"]
        found[path.name] = record
    return found


# --------------------------------------------------------------------------------------------
# Running an edition


def test_an_edition_from_nothing_to_its_report(run_small, tmp_path, tiny_npz):
    """Each run once and as the single command; then nothing is left; a report with every number."""
    outcome = run_small("-jobs", 2)
    assert outcome.status == 0, outcome.err
    folder = tmp_path / "plots" / "small"
    assert outcome.out == f"{folder / 'report.html'}\n"
    assert [": finished after " in line for line in outcome.err_lines] == [True] * 3
    alone = run_script(
        "hw1-q1.py", "logistic_regression", "-epochs", 300, "-l2_penalty", 0.01,
        "-data_path", tiny_npz, "-plots_dir", tmp_path / "alone", env={**os.environ, "OMP_NUM_THREADS": "2"},
    )  # fmt: skip
    assert alone.returncode == 0
    ((name, single),) = records(tmp_path / "alone").items()
    assert records(folder)[name] == single
    assert len(records(folder)) == 3

    page, markdown = ((folder / f"report.{kind}").read_text() for kind in ("html", "md"))
    with open(folder / "glance.csv") as stream:
        glance = list(csv.DictReader(stream))
    assert [row["question"] for row in glance] == ["1.1", "1.2a", "1.2a"]
    *regressions, perceptron = records(folder).values()  # in the order of their names
    for row, found in zip(glance, [perceptron, *regressions], strict=True):
        assert row["test"] == report.fraction(found["final"]["test_acc"])
        assert row["test"] in page and row["test"] in markdown
    sentences = (
        "Training accuracy ends at ",  # of a run
        "Over the last 60 epochs validation accuracy runs from ",
        "Best by final validation accuracy: ",  # of a comparison
        "images, an accuracy has a standard error of ",  # of a row outside its band
        "from the published 23.0806.",
        "The commands below were given this file with -data_path.",
    )
    assert all(sentence in page and sentence in markdown for sentence in sentences)
    assert glance[0]["in the band?"] == "in the band"
    assert glance[1]["in the band?"].startswith("outside: ")
    assert glance[2]["in the band?"] == "no band"
    assert "Train one &amp; say how &lt;well&gt;." in page and "<someone>" not in page
    assert page.count("data:image/png;base64,") > 12
    assert not re.search(r'(src|href)="(?!data:|#)', page)
    assert "23.0806" in page and ".46 to .51" in page and "2 min 26 s" in page and ">.390<" in page
    for picture in re.findall(r"\]\(([^)]+\.png)\)", markdown):
        assert (folder / picture).is_file()
        assert (folder / picture).with_suffix(".pdf").is_file()
    for table in ("glance", "question-1.2a"):
        assert r"\toprule" in (folder / f"{table}.tex").read_text()

    before = {path.name: path.stat().st_mtime_ns for path in folder.glob("*record*")}
    again = run_small()
    assert (again.status, again.err_lines) == (0, ["3 of 3 runs are there already, and kept"])
    assert {path.name: path.stat().st_mtime_ns for path in folder.glob("*record*")} == before
    assert run_small("-print").out == ""


def test_what_is_kept_and_what_runs_again(q1, run_main, plan, monkeypatch, tmp_path, tiny_npz):
    """Options, data and code the same: kept. Else run again, and why; stopped: gone on with."""
    where = ["-data_path", tiny_npz, "-plots_dir", tmp_path / "plots" / "small"]
    where += ["-plot_format", "pdf", "png"]
    first = plan()[0]
    assert first.left() == ("start", "")
    assert run_main(q1, "perceptron", "-epochs", 200, *where).status == 0
    assert first.left() == ("kept", "")
    path, checkpoint = first.path("record", "json"), first.path("checkpoint", "npz")
    whole = path.read_bytes()
    saved = checkpoint.read_bytes()

    def changed(*names, value):
        record = inner = json.loads(whole)
        for name in names[:-1]:
            inner = inner[name]
        inner[names[-1]] = value
        path.write_text(json.dumps(record))
        return first.left()

    checkpoint.unlink()
    assert changed("code", value="0" * 16) == ("start", "run again, the code changed")
    assert changed("options", "seed", value=7) == ("start", "run again, the options changed")
    assert changed("data", "sha256", value="0" * 64) == ("start", "run again, the data changed")
    assert changed("final", "test_acc", value=None) == ("start", "run again, its record is damaged")
    rows = json.loads(whole)["epochs"]
    rows[3]["val_acc"] = None
    assert changed("epochs", value=rows) == ("start", "run again, its record is damaged")
    assert changed("seconds", "plotting", value=None) == (
        "start",
        "run again, its record is damaged",
    )
    assert changed("epochs", value=[]) == ("start", "run again, its record is damaged")
    assert changed("status", value="interrupted") == ("start", "run again, it was stopped")
    path.write_bytes(whole[: len(whole) // 2])
    assert first.left() == ("start", "run again, its record is damaged")
    checkpoint.write_bytes(saved[: len(saved) // 2])
    assert first.left()[0] == "start"

    checkpoint.write_bytes(saved)
    goes_on = "goes on after epoch 200 of 200"
    assert first.left() == ("resume", f"its record is damaged; {goes_on}")
    checkpoint.rename(first.path("checkpoint-before", "npz"))
    checkpoint.write_bytes(saved[: len(saved) // 2])
    assert first.left() == ("resume", f"its record is damaged; {goes_on}")
    checkpoint.write_bytes(saved)
    path.write_bytes(whole)
    figure = first.path("weights", "png")
    figure.unlink()  # killed while the figures were drawn
    assert first.left() == ("resume", f"its figures are missing; {goes_on}")
    assert run_main(q1, "perceptron", "-epochs", 200, "-resume", *where).status == 0
    assert figure.is_file() and first.left() == ("kept", "")
    path.unlink()  # killed before it could write one
    assert first.left() == ("resume", f"it was stopped; {goes_on}")
    monkeypatch.setattr(runs, "code_version", lambda script: "another")
    assert plan()[0].left() == ("start", "run again, the code changed")


def shown_until(terminal, pattern):
    """What a process writes to a terminal, up to a match of `pattern`; or to its end, with None."""
    seen = ""
    while pattern is None or not re.search(pattern, seen):
        try:
            seen += os.read(terminal, 1000).decode(errors="replace")
        except OSError:  # the process has ended
            assert pattern is None, seen
            break
    return seen


@pytest.mark.parametrize(("number", "ignored"), [("SIGINT", ""), ("SIGTERM", "trap '' INT; ")])
def test_stopping_and_going_on(tmp_path, number, ignored):
    """The run under way keeps its epochs, also where a shell has Ctrl-C ignored, as its `&` does;
    the same command goes on from there."""
    data = tmp_path / "data.npz"
    np.savez(data, **tiny_arrays(sizes=(10000, 100, 100), shape=(12, 12, 3)))
    where = ["-only", "1.1", "-data_path", str(data), "-plots_dir", str(tmp_path / "plots")]
    folder = tmp_path / "plots" / "ist-2024"
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))  # else there is no room for a progress bar
    command = [sys.executable, str(ROOT / "reproduce.py"), "ist-2024", *where]
    process = subprocess.Popen(
        ["sh", "-c", f'{ignored}exec "$@"', "sh", *command], stdin=theirs, stderr=theirs
    )
    os.close(theirs)
    try:
        shown_until(ours, r" [1-9]\d*/100 epochs")
        process.send_signal(getattr(signal, number))
        err = shown_until(ours, None)
        assert process.wait(timeout=60) == 128 + getattr(signal, number), err
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    said = "stopped; what was trained is kept, and the same command goes on"
    assert err.splitlines()[-1].endswith(said)
    assert "Traceback" not in err
    ((_, stopped),) = records(folder).items()
    assert stopped["status"] == "interrupted"
    done = len(stopped["epochs"])
    assert 1 <= done < 100
    again = run_script("reproduce.py", "ist-2024", *where)
    assert again.returncode == 0, again.stderr
    assert f"1.1 perceptron: it was stopped; goes on after epoch {done} of 100" in again.stderr
    ((_, finished),) = records(folder).items()
    assert finished["status"] == "finished"
    assert finished["epochs"][:done] == stopped["epochs"]


def test_a_stop_while_the_report_is_written(run_small, monkeypatch):
    def stopped(*arguments):
        raise utils.Stopped(signal.SIGTERM)

    monkeypatch.setattr(reproduce, "run_all", lambda left, jobs: None)
    monkeypatch.setattr(report, "write", stopped)
    outcome = run_small()
    assert outcome.status == 143
    assert outcome.err_lines == [
        "stopped; the finished runs are kept, and the same command writes the report"
    ]


def test_epochs_of_another_version_of_the_code(q1, run_main, plan, monkeypatch, tmp_path, tiny_npz):
    """A run may go on from them and says so; its record is not taken for one of this code."""
    where = ["-data_path", tiny_npz, "-plots_dir", tmp_path / "plots" / "small"]
    where += ["-plot_format", "pdf", "png"]
    first = plan()[0]
    with monkeypatch.context() as older:
        older.setattr(runs, "code_version", lambda script: "older")
        assert run_main(q1, "perceptron", "-epochs", 200, *where).status == 0
    for _ in range(2):  # the mark does not grow
        outcome = run_main(q1, "perceptron", "-epochs", 200, "-resume", *where)
        assert outcome.status == 0
        assert "another version of the code" in outcome.err
        record = runs.read_record(first.path("record", "json"))
        assert record["code"] == f"older+{first.code}"
        assert first.left() == ("start", "run again, the code changed")


def test_what_another_process_has_run_by_now_is_kept(q1, run_main, plan, tmp_path, tiny_npz):
    where = ["-data_path", tiny_npz, "-plots_dir", tmp_path / "plots" / "small"]
    where += ["-plot_format", "pdf", "png"]
    first = plan()[0]
    assert run_main(q1, "perceptron", "-epochs", 200, *where).status == 0
    written = first.path("record", "json").stat().st_mtime_ns
    reproduce.run_all([first], 1)
    assert first.path("record", "json").stat().st_mtime_ns == written and not first.failure


def test_a_run_that_fails_does_not_stop_the_others(run_small, plan, tmp_path):
    checkpoint = plan()[0].path("checkpoint", "npz")
    checkpoint.mkdir(parents=True)  # where the perceptron's is to be written
    outcome = run_small("-only", "1.1", "1.2a")
    assert outcome.status == 1
    failed = [line for line in outcome.err_lines if line.startswith("1.1 perceptron: failed after")]
    assert len(failed) == 1 and ": not written: " in failed[0]
    assert sum(": finished after" in line for line in outcome.err_lines) == 2
    page = (tmp_path / "plots" / "small" / "report.html").read_text()
    assert "failed: not written: " in page


def test_printed_commands_run_anywhere(run_main, tmp_path, tiny_npz):
    """Through xargs, two at a time: then nothing is left, and the numbers are a direct run's."""

    data = tiny_npz.rename(tmp_path / "my 'tiny' data.npz")

    def run(way, *more):
        some = ["-quick", "-only", "1.1", "2.2c", "-data_path", data]
        return run_main(reproduce, "ist-2024", *some, "-plots_dir", tmp_path / way, *more)

    printed = run("xargs", "-print")
    assert (printed.status, printed.err) == (0, "")
    lines = printed.out.splitlines()
    assert len(lines) == 3 and len(set(lines)) == 3
    assert not (tmp_path / "xargs").exists()
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["xargs", "-d", "\\n", "-P", "2", "-I{}", "sh", "-c", "{}"],
        check=False,
        input=printed.out,
        cwd=ROOT,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    gathered = run("xargs")
    assert gathered.err_lines == ["3 of 3 runs are there already, and kept"]
    direct = run("direct", "-jobs", 2)
    assert direct.status == 0, direct.err
    ours, theirs = (records(tmp_path / way / "ist-2024-quick") for way in ("xargs", "direct"))
    assert ours == theirs and len(ours) == 3


def test_nothing_printed_is_absolute(tmp_path):
    """But for a path that was given so and lies elsewhere."""
    assert reproduce.relative(runs.PLOTS / "ist-2024") == os.path.join("plots", "ist-2024")
    assert reproduce.relative("x.npz") == os.path.relpath("x.npz", ROOT)
    assert reproduce.relative(tmp_path / "x.npz") == str(tmp_path / "x.npz")
    assert reproduce.relative(ROOT / "-x.npz") == os.path.join(".", "-x.npz")


# --------------------------------------------------------------------------------------------
# The stand-in


def test_quick_on_the_stand_in(tmp_path):
    """Its published numbers are not comparable, in so many words, at the top and in every table."""
    from data.prepare import synthetic

    path = ROOT / "data" / "synthetic.npz"
    if not path.exists():
        synthetic(path)
    done = run_script(
        "reproduce.py", "ist-2024", "-quick", "-jobs", 2, "-data_path", path,
        "-plots_dir", tmp_path, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "ist-2024-quick"
    found = records(folder)
    assert len(found) == 15
    assert all(record["data"]["standin"] for record in found.values())
    page = (folder / "report.html").read_text()
    top = page[: page.index("<h2")]
    assert "stand-in" in top and "not comparable" in top and "100th of the epochs" in top
    tables = re.findall(r"<table.*?</table>", page, re.DOTALL)
    assert len(tables) == 1 + 7 + 5
    assert all("ot comparable" in table for table in tables)
    assert "in the band<" not in page and "outside:" not in page
    parts = (folder / "report.md").read_text().split("\n\n|")  # each but the last before a table
    assert len(parts) == len(tables) + 1
    assert all("ot comparable" in part for part in parts[:-1])


# --------------------------------------------------------------------------------------------
# Editions


@pytest.mark.parametrize(("name", "questions", "commands"), [("ist-2024", 7, 15), ("ist-2023", 7, 15), ("kth", 1, 4)])  # fmt: skip
def test_every_experiment_of_the_editions_is_a_run(tmp_path, tiny_npz, name, questions, commands):
    edition = editions.load(name)
    assert len(edition.questions) == questions
    data = reproduce.open_data(edition, str(tiny_npz))
    opt = reproduce.parse_arguments([name, "-data_path", str(tiny_npz)])
    planned = reproduce.planned(edition, tmp_path, data, opt)
    assert len(planned) == commands
    assert len({run.path("record", "json") for run in planned}) == commands
    quick = reproduce.parse_arguments([name, "-data_path", str(tiny_npz), "-quick"])
    for run, short in zip(planned, reproduce.planned(edition, tmp_path, data, quick), strict=True):
        assert short.opt.epochs == max(1, run.opt.epochs // 100)
        assert {**vars(short.opt), "epochs": run.opt.epochs} == vars(run.opt)


def test_published_numbers_are_kept_as_written(small):
    (entry,) = editions.load("small").questions[0].experiments[0].published
    assert entry["test"] == Decimal("0.390")
    assert report.written("test", entry["test"]) == ".390"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('title = "A small edition"', "", "small.toml: title: "),
        ('title = "A small edition"', "title = 3", "small.toml: title: "),
        ("train = 60", "train = 0", "examples: "),
        ("train = 60", 'train = "many"', "examples.train: "),
        ('number = "1.1"', 'number = "../1"', "questions[1].number: "),
        ('number = "1.1"', 'number = "1.2a"', "questions: two have the same number"),
        ("[0.0, 1.0]", "[1.0, 0.0]", "questions[1].experiments[1].band.test: "),
        ("[0.0, 1.0]", "0.5", "questions[1].experiments[1].band.test: "),
        ("test = 0.390", "test = 39.0", "experiments[1].published[1].test: "),
        ("test = 0.390", "tset = 0.390", "published[1].tset: "),
        ("test = 0.390", "test = nan", "published[1].test: "),
        ("hw1-q1.py perceptron", "rm -r perceptron", "questions[1].experiments[1].command: "),
        ("perceptron -epochs 200", "perceptron -epochs 0", "questions[1].experiments[1].command: "),
        ("perceptron -epochs 200", "perceptron -epochs 1 2", "must be a single run"),
        ("perceptron -epochs 200", "perceptron -plots_dir x", "not the edition's to say"),
        ("perceptron -epochs 200", "perceptron -data_path=x", "not the edition's to say"),
        ("perceptron -epochs 200", "perceptron -res", "not the edition's to say"),
        ("perceptron -epochs 200", "perceptron 'x", "questions[1].experiments[1].command: "),
        ('compare = "l2_penalty"', 'compare = "dropout"', "no option to compare"),
        ('compare = "l2_penalty"', "compare = 3", "questions[2].compare: "),
        ('name = "0.01"', 'name = "none"', "questions[2].experiments: two have the same name"),
        ("-epochs 300 -l2_penalty 0.01", "-epochs 9", "experiments[2].command: another experiment"),
        ("[[questions]]", "[[question", "not a TOML file"),
    ],
)  # fmt: skip
def test_a_wrong_edition_is_one_line_that_names_the_field(run_small, small, old, new, said):
    assert old in EDITION
    small.write_text(EDITION.replace(old, new, 1))
    outcome = run_small("-print")
    assert (outcome.status, outcome.out, len(outcome.err_lines)) == (2, "", 1), outcome.err
    assert said in outcome.err


def test_only(small):
    edition = editions.load("small")

    def numbers(*only):
        return [question.number for question in editions.choose(edition, only)]

    assert numbers("1.2") == ["1.2a", "1.2b"]
    assert numbers("1.2b", "1.1") == ["1.1", "1.2b"]
    assert numbers("1") == ["1.1", "1.2a", "1.2b"]
    for word in ("2", "1.1a", "", "1.2c"):
        with pytest.raises(InputError, match=re.escape(f"{word}: no such question")):
            numbers(word)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["ist-1999"], "there are ist-2023, ist-2024, kth"),
        (["../editions/kth"], "no such edition"),
        (["ist-2024", "-only", "9.9"], "there are 1.1, 1.2"),
        (["ist-2024", "-jobs", "0"], "-jobs"),
        (["ist-2024", "-data_path", "missing.npz"], "no such file"),
        ([], "edition"),
    ],
)
def test_bad_input_is_one_line(run_main, tmp_path, arguments, said):
    before = snapshot(tmp_path)
    outcome = run_main(reproduce, *arguments, "-plots_dir", tmp_path / "plots")
    assert (outcome.status, outcome.out, len(outcome.err_lines)) == (2, "", 1), outcome.err
    assert said in outcome.err
    assert snapshot(tmp_path) == before


def test_a_missing_data_file_says_how_to_get_it(run_main, small, tmp_path):
    outcome = run_main(reproduce, "small", "-plots_dir", tmp_path / "plots")
    assert (outcome.status, len(outcome.err_lines)) == (2, 1)
    assert "'python data/prepare.py small'" in outcome.err


def test_a_full_disk_is_one_line(run_small, monkeypatch):
    def no_room(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_room)
    monkeypatch.setattr(reproduce, "run_all", lambda left, jobs: None)
    outcome = run_small()
    assert (outcome.status, len(outcome.err_lines)) == (1, 1)
    assert "glance.csv: cannot be written (No space left on device)" in outcome.err


def test_the_time_left_is_that_of_what_was_trained(plan):
    """A run that failed says nothing about the next one's pace."""
    first, second, third = plan()
    runner = reproduce.Runner([first, second, third], 1)
    runner.advance(second, 0)
    runner.advance(second, 300, trained=False)
    assert runner.time_left() == ""
    runner.pace[first.title] = 0.5
    assert runner.time_left() == "; about 4 min 10 s left"  # 200 + 300 epochs
    runner.bar.close()


def test_the_runs_share_the_cores(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(4)), raising=False)
    assert [reproduce.Runner([], jobs).threads for jobs in (1, 2, 3, 8)] == ["4", "2", "1", "1"]


# --------------------------------------------------------------------------------------------
# What the report says


def record(accuracies, test=0.5, train=0.9, seconds=10.0, **rows):
    n = len(accuracies)
    best = max(accuracies)
    return {
        "epochs": [
            {"epoch": i + 1, "val_acc": accuracies[i], **{k: v[i] for k, v in rows.items()}}
            for i in range(n)
        ],
        "final": {"train_acc": train, "val_acc": accuracies[-1], "test_acc": test},
        "best": {"val_acc": best, "epoch": accuracies.index(best) + 1},
        "seconds": {"training": seconds, "evaluation": 0.0, "plotting": 0.0},
    }


def test_what_a_comparison_shows():
    slow = record([0.1, 0.2, 0.3, 0.4], test=0.45, seconds=40)
    fast = record([0.2, 0.4, 0.5, 0.6], test=0.35, seconds=20)
    said = " ".join(report.comparison(["momentum 0.0", "momentum 0.9"], [slow, fast], timed=True))
    assert "Best by final validation accuracy: momentum 0.9, with .6000 against .4000" in said
    assert "the highest, which selects nothing, is .4500 (momentum 0.0)" in said
    assert "With momentum 0.9 epoch 2 reaches" in said
    assert "momentum 0.0 ends with and first reaches in epoch 4: 2 epochs saved" in said
    assert "10.00 s (momentum 0.0) and 5.00 s (momentum 0.9)" in said
    assert "a ratio of 2.00" in said


def test_no_epochs_are_saved_where_a_curve_swings():
    swinging = record([0.5, 0.7, 0.4])
    said = " ".join(report.comparison(["a", "b"], [swinging, record([0.5, 0.5, 0.6])], timed=False))
    assert "saved" not in said


@pytest.mark.parametrize(
    ("losses", "said"),
    [
        (
            [3, 2, 1, 2, 3, 3, 3, 3, 3, 4],
            "turns: it is lowest, 1, after epoch 3 of 10, and ends at 4",
        ),
        (list(range(20, 0, -1)), "still falling in the last epoch, 20, where it is 1"),
        ([*range(20, 1, -1), 3], "is lowest, 2, in epoch 19 of 20, and ends at 3"),
        ([2, None, 1], "not finite in 1 of 3 epochs"),
    ],
)
def test_what_a_loss_does(losses, said):
    assert said in report.about_loss("validation loss", losses)


class FakeRun:
    failure, quantities, command = "", [], ["hw1-q1.py", "perceptron"]

    def __init__(self, found):
        self.found = found

    def record(self):
        return self.found


def entry_of(found, band, n=3000, why="", published=()):
    experiment = editions.Experiment("x", [], band, list(published), "")
    counts = {"train": 100, "val": 1404, "test": n}
    edition = editions.Edition("e", "E", "d", "p", False, counts)
    return report.Entry(FakeRun(found), None, experiment, edition, counts, why)


def test_a_row_outside_its_band_is_explained_by_measurement():
    """Against the standard errors worked out by hand, and the last epochs' range."""
    band = {"test": [Decimal("0.46"), Decimal("0.50")]}
    found = record([0.1] * 30 + [0.44 + 0.004 * i for i in range(20)], test=0.40)
    entry = entry_of(found, band)
    other = entry_of(record([0.5], test=0.47), band)
    assert entry.verdict() == ("outside: test", "out")
    said = " ".join(entry.explanation([entry, other, other, other]))
    error = (0.40 * 0.60 / 3000 + 0.46 * 0.54 / 3000) ** 0.5
    assert "lies .0600 below the band" in said
    assert f"{0.06 / error:.1f} times the standard error" in said
    assert "in fewer than 0.1% of cases" in said
    assert "last 10 epochs, from .4800 to .5160: the band of the test accuracy meets" in said
    assert "3 other runs with such a band lie, in the median, .0100 below" in said
    share = math.erfc(0.06 / (error * 10) / math.sqrt(2))
    assert entry_of(found, band, n=30).explanation([])[0].endswith(f"in {share:.1%} of cases.")


def test_a_band_is_met_in_its_own_digits():
    """A published .4173 lies in the band that it is the end of, .374 to .417."""
    band = {"test": [Decimal("0.374"), Decimal("0.417")]}
    assert entry_of(record([0.4], test=0.4173), band).verdict() == ("in the band", "in")
    assert entry_of(record([0.4], test=0.4176), band).verdict()[0] == "outside: test"


def test_a_loss_that_oscillates_is_said_to():
    said = report.about_loss("loss", [5, 1, 9, 2, 8, 3] * 5)
    assert "oscillates: over the last 6 epochs it runs from 1 to 9" in said


def test_verdicts():
    band = {"val": [Decimal("0.5"), Decimal("0.6")], "test": [Decimal("0.5"), Decimal("0.6")]}
    inside = record([0.6], test=0.5)
    assert entry_of(inside, band).verdict() == ("in the band", "in")
    assert entry_of(inside, band).explanation([]) == []
    assert entry_of(record([0.4], test=0.7), band).verdict()[0] == "outside: validation and test"
    assert entry_of(inside, {}).verdict()[0] == "no band"
    assert entry_of(record([0.1]), band, why="stand-in images").verdict() == (
        "not comparable: stand-in images",
        "none",
    )
    assert entry_of(record([0.1]), band, why="stand-in images").explanation([]) == []
