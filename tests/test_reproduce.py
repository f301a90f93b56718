"""reproduce.py: what it runs, keeps and runs again; what an edition refuses."""

import csv
import hashlib
import importlib
import json
import os
import pty
import re
import signal
import subprocess
import sys
import termios
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest
from conftest import (
    ROOT,
    Child,
    leave_figures_blank,
    leave_pictures_blank,
    run_forked,
    run_script,
    snapshot,
    tiny_arrays,
)

import reproduce
from editions import commands, dataset, plan, pool, report, tables
from editions.entry import format_quantity
from lab import process
from lab.known_data import Fingerprint
from lab.options import PLOTS
from lab.process import Stopped
from lab.record import Record, read_record
from utils import SPLITS, InputError

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
command = "hw1-q1.py perceptron -epochs 40"
band = { test = [0.0, 1.0] }
published = [{ source = "handout", test = 0.390, note = "of <someone>" }]
logs = [{ file = "log.csv", source = "somebody" }]

[[questions]]
number = "1.2a"
title = "Two penalties"
asked = "Compare them."
compare = "l2_penalty"
[[questions.experiments]]
name = "none"
command = "hw1-q1.py logistic_regression -epochs 60"
band = { val = [0.9990, 1.0], test = [0.9990, 1.0] }
published = [{ source = "handout", test = 0.46, w_norm = 23.0806 }]
[[questions.experiments]]
name = "0.01"
command = "hw1-q1.py logistic_regression -epochs 60 -l2_penalty 0.01"
published = [
    { source = "handout", test = [0.46, 0.51] },
    { source = "others", seconds = 146, test = { mean = 0.5, deviation = 0.01, count = 5 } },
    { source = "a mistake", test = 0.175, flaw = "trained full-batch" },
]

[[questions]]
number = "1.2b"
title = "The same again"
asked = "Say it once more."
[[questions.experiments]]
name = "no penalty"
command = "hw1-q1.py logistic_regression -l2_penalty 0 -epochs 60"

[[questions]]
number = "3"
title = "A proof"
asked = "Prove it."
text = "It follows from what is printed below."
[[questions.experiments]]
name = "proof"
command = "hw1-q3.py interval -draws 2"
"""
LOG = "epoch,val_acc\n1,0.0000\n2,0.0000\n"


def digests_line(arrays):
    """The line by which an edition names its data."""
    found = Fingerprint(arrays)
    images = hashlib.sha256(" ".join(found.examples).encode()).hexdigest()
    pairs = zip((*SPLITS, "images"), (*found.content, images), strict=True)
    return "digests = { " + ", ".join(f'{s} = "{digest}"' for s, digest in pairs) + " }\n"


def split_otherwise(arrays):
    """The same images, one of them moved in each split, so that no split is what it was."""
    moved = {}
    for kind in ("images", "labels"):
        train, val, test = (arrays[f"{split}_{kind}"] for split in SPLITS)
        moved[f"train_{kind}"] = np.concatenate([train[1:], val[:1]])
        moved[f"val_{kind}"] = np.concatenate([val[1:], test[:1]])
        moved[f"test_{kind}"] = np.concatenate([test[1:], train[:1]])
    return moved


@pytest.fixture
def small(monkeypatch, tmp_path):
    """A folder with one edition, "small", in place of the project's; returns the edition's path."""
    folder = tmp_path / "editions"
    (folder / "logs").mkdir(parents=True)
    (folder / "logs" / "log.csv").write_text(LOG)
    monkeypatch.setattr(tables, "FOLDER", folder)
    (folder / "small.toml").write_text(digests_line(tiny_arrays()) + EDITION)
    return folder / "small.toml"


@pytest.fixture
def forked_runs(request, monkeypatch):
    """Have the runs be forked children in place of new interpreters; their figures are blank, but
    the curves in a test that is marked `draws`.
    """
    drawn = request.node.get_closest_marker("draws")

    def popen(words, env, stderr, **options):
        def run():
            os.environ.update(env)
            os.chdir(ROOT)
            patch = leave_pictures_blank if drawn else leave_figures_blank
            patch(pytest.MonkeyPatch())
            sys.argv = words[1:]
            process.run_script(importlib.import_module(words[1].removesuffix(".py")).main)

        return Child(run, stderr=stderr)

    pipes = {"PIPE": subprocess.PIPE, "DEVNULL": subprocess.DEVNULL}
    monkeypatch.setattr(pool, "subprocess", SimpleNamespace(Popen=popen, **pipes))
    if not drawn:
        monkeypatch.setattr(report, "save_figure", lambda figure, path: path.touch())


@pytest.fixture
def run_small(run_main, small, forked_runs, tmp_path, tiny_npz):
    """Run reproduce.py on the small edition, in this process, a run at a time."""

    def run(*arguments, data=tiny_npz):
        where = ["-data_path", data, "-plots_dir", tmp_path / "plots", "-jobs", 1]
        return run_main(reproduce, "small", *where, *arguments)

    return run


def plan_of(name, data_path, folder, *more):
    """The jobs of an edition on a data file."""
    opt = reproduce.parse_arguments([name, "-data_path", str(data_path), *more])
    edition = tables.load(name)
    commands.check(edition)
    found = dataset.open_dataset(edition, str(data_path))
    return plan.planned(edition, folder, found, opt)


@pytest.fixture
def make_plan(small, tmp_path, tiny_npz):
    """The jobs of the small edition on small data."""
    return lambda: plan_of("small", tiny_npz, tmp_path / "plots" / "small")


def records(folder):
    """{folder of a run: what its record says but for the time and the company} of an edition's."""
    found = {}
    for path in sorted(folder.glob("runs/*/record.json")):
        record = msgspec.to_builtins(read_record(path))
        for name in ("seconds", "runs_at_a_time", "digest"):
            del record[name]
        found[path.parent.name] = record
    return found


# --------------------------------------------------------------------------------------------
# Running an edition


@pytest.mark.draws
def test_an_edition_from_nothing_to_its_report(run_small, q1, monkeypatch, tmp_path, tiny_npz):
    """Each run once and as the single command; then nothing is left; a report with every number."""
    outcome = run_small()
    assert outcome.status == 0, outcome.err
    folder = tmp_path / "plots" / "small"
    assert outcome.out == f"{folder / 'report.html'}\n"
    assert outcome.err_lines[0].startswith("4 runs to train, ")
    assert [": finished after " in line for line in outcome.err_lines[1:]] == [True] * 4
    alone = run_forked(
        q1, "logistic_regression", "-epochs", 60, "-l2_penalty", 0.01, "-data_path", tiny_npz,
        "-plots_dir", tmp_path / "alone", prepare=lambda: leave_figures_blank(monkeypatch),
    )  # fmt: skip
    assert alone.status == 0
    ((name, single),) = records(tmp_path / "alone").items()
    assert {**records(folder)[name], "threads": 0} == {**single, "threads": 0}
    assert len(records(folder)) == 3
    assert read_record(folder / "runs" / name / "record.json").runs_at_a_time == 1

    page, markdown = ((folder / f"report.{kind}").read_text() for kind in ("html", "md"))
    with open(folder / "glance.csv") as stream:
        *glance, baseline = csv.DictReader(stream)
    assert [row["question"] for row in glance] == ["1.1", "1.2a", "1.2a", "1.2b", "3"]
    *regressions, perceptron = records(folder).values()  # in the order of their names
    ours = [perceptron, *regressions, regressions[0]]
    for row, found in zip(glance[:4], ours, strict=True):
        assert float(row["test_acc"]) == pytest.approx(found["final"]["test_acc"], abs=5e-5)
        text = f"{found['final']['test_acc']:.4f}".removeprefix("0")
        assert text in page and text in markdown
    assert float(baseline["test_acc"]) == pytest.approx(1 / 3, abs=5e-5)
    verdicts = [(row["in_band"], row["verdict"]) for row in glance]
    assert verdicts[0] == ("1", "in the band")
    assert verdicts[1][0] == "0" and verdicts[1][1].startswith("outside: ")
    assert verdicts[2:] == [("", "no band"), ("", ""), ("", "every claim holds")]
    assert glance[0]["band_test_low"] == "0.0" and glance[2]["published_test_high"] == "0.51"
    sentences = (
        "This is exactly the data that the published numbers belong to.",
        " epochs training accuracy is ",  # of a run
        "Over the last 12 epochs validation accuracy ",
        " by final validation accuracy",  # of a comparison
        "The log of somebody: 0 of 2 epochs are equal",
        "The commands below were given this file with -data_path.",
        "every claim holds",
        "trained full-batch; not compared",
        ".5 ± .01 (of 5)",
    )
    assert all(sentence in page and sentence in markdown for sentence in sentences)
    for word in ("chance", "standard error", "lands near"):
        assert word not in page
    assert "Train one &amp; say how &lt;well&gt;." in page and "<someone>" not in page
    assert page.count("data:image/png;base64,") > 12
    assert not re.search(r'(src|href)="(?!data:|#)', page)
    assert "23.0806" in page and ".46 to .51" in page and ">146<" in page and ">.390<" in page
    pictures = re.findall(r"\]\(([^)]+\.png)\)", markdown)
    assert any("-log-" in picture for picture in pictures)
    assert any(picture.startswith("Q3-interval-") for picture in pictures)
    for picture in pictures:
        assert (folder / picture).is_file()
        assert (folder / picture).with_suffix(".pdf").is_file()

    before = {path: path.stat().st_mtime_ns for path in folder.glob("runs/*/record.json")}
    monkeypatch.setattr(report, "save_figure", lambda figure, path: path.touch())
    again = run_small()
    assert (again.status, again.err_lines) == (0, ["4 of 4 runs are there already, and kept"])
    assert {path: path.stat().st_mtime_ns for path in folder.glob("runs/*/record.json")} == before
    assert run_small("-print").out == ""


def test_other_data_get_no_verdict(run_small, small, tmp_path):
    """Not from -report either, which runs nothing; another split is told from other data."""
    arrays = tiny_arrays()
    swapped = split_otherwise(arrays)
    two = tiny_arrays(seed=5, n_classes=2)
    for name, found, said in (("s.npz", swapped, "another split"), ("t.npz", two, "other data")):
        np.savez(tmp_path / name, **found)
        first = run_small("-only", "1.1", data=tmp_path / name)
        assert first.status == 0, first.err
        outcome = run_small("-report", data=tmp_path / name)
        assert (outcome.status, outcome.err) == (0, "")
        with open(tmp_path / "plots" / "small" / "glance.csv") as stream:
            perceptron, *others, _ = csv.DictReader(stream)
        assert (perceptron["verdict"], perceptron["in_band"]) == (said, "")
        assert {row["verdict"] for row in others} == {"not run yet"}
        page = (tmp_path / "plots" / "small" / "report.html").read_text()
        assert "The published numbers are shown and not judged" in page
        assert "in the band" not in page and "outside" not in page and "The log of" not in page
    small.write_text(EDITION)
    assert run_small("-report", data=tmp_path / "s.npz").status == 0
    page = (tmp_path / "plots" / "small" / "report.md").read_text()
    assert digests_line(swapped).strip() in page and "data not named" in page


def test_a_record_that_was_changed_is_not_used(run_small, make_plan, tmp_path):
    """Its row in the report says why, and it is run again."""
    assert run_small("-only", "1.1").status == 0
    first = make_plan()[0]
    path = first.own / "record.json"
    record = json.loads(path.read_text())
    record["final"]["test_acc"] = 0.9995
    path.write_text(json.dumps(record))
    assert run_small("-report").status == 0
    said = "its digest is not that of its contents"
    assert said in (tmp_path / "plots" / "small" / "report.md").read_text()
    what, why = first.left()
    assert what == "resume" and said in why


def test_what_is_kept_and_what_runs_again(
    q1, run_main, blank_figures, make_plan, monkeypatch, tmp_path, tiny_npz
):
    """Options, data and code the same: kept. Else run again, and why; stopped: gone on with."""
    where = ["-data_path", tiny_npz, "-plots_dir", tmp_path / "plots" / "small"]
    where += ["-plot_format", "pdf", "png"]
    first = make_plan()[0]
    assert first.left() == ("start", "")
    assert run_main(q1, "perceptron", "-epochs", 40, *where).status == 0
    assert first.left() == ("kept", "")
    path, checkpoint = first.own / "record.json", first.own / "checkpoint.npz"
    whole = path.read_bytes()
    saved = checkpoint.read_bytes()

    def changed(*names, value, resigned=True):
        record = inner = json.loads(whole)
        for name in names[:-1]:
            inner = inner[name]
        inner[names[-1]] = value
        path.write_text(json.dumps(record))
        if resigned:
            msgspec.json.decode(path.read_bytes(), type=Record).write(path)
        what, why = first.left()
        assert what == "start"
        return why.removeprefix("run again, ")

    checkpoint.unlink()
    assert changed("code", value="0" * 16) == "the code changed"
    assert changed("options", "seed", value=7) == "the options changed"
    assert changed("data", "sha256", value="0" * 64) == "the data changed"
    for *names, value in (
        ("final", "test_acc", None), ("seconds", "plotting", None), ("epochs", []), ("status", "x")
    ):  # fmt: skip
        assert "cannot be used" in changed(*names, value=value, resigned=False)
    path.write_bytes(whole[: len(whole) // 2])
    assert "cannot be used" in first.left()[1]
    checkpoint.write_bytes(saved[: len(saved) // 2])
    assert first.left()[0] == "start"

    checkpoint.write_bytes(saved)
    goes_on = "resumes after epoch 40 of 40"
    assert first.left()[0] == "resume" and first.left()[1].endswith(goes_on)
    checkpoint.rename(first.own / "checkpoint-before.npz")
    checkpoint.write_bytes(saved[: len(saved) // 2])
    assert first.left()[0] == "resume" and first.left()[1].endswith(goes_on)
    checkpoint.write_bytes(saved)
    path.write_bytes(whole)
    figure = first.figure("weights")
    figure.unlink()  # killed while the figures were drawn
    assert first.left() == ("resume", f"its figures are missing; {goes_on}")
    assert run_main(q1, "perceptron", "-epochs", 40, "-resume", *where).status == 0
    assert figure.is_file() and first.left() == ("kept", "")
    path.unlink()  # killed before it could write one
    assert first.left() == ("resume", f"it was stopped; {goes_on}")
    monkeypatch.setattr(plan, "code_version", lambda *files: "another")
    assert make_plan()[0].left() == ("start", "run again, the code changed")


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


@pytest.mark.long
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
    child = subprocess.Popen(
        ["sh", "-c", f'{ignored}exec "$@"', "sh", *command], stdin=theirs, stderr=theirs
    )
    os.close(theirs)
    try:
        shown_until(ours, r" [1-9]\d*/100 epochs")
        child.send_signal(getattr(signal, number))
        err = shown_until(ours, None)
        assert child.wait(timeout=60) == 128 + getattr(signal, number), err
    finally:
        child.kill()
        child.wait()
        os.close(ours)
    said = "stopped; what was trained is kept, and the same command continues"
    assert err.splitlines()[-1].endswith(said)
    assert "Traceback" not in err
    ((_, stopped),) = records(folder).items()
    assert stopped["status"] == "interrupted"
    done = len(stopped["epochs"])
    assert 1 <= done < 100
    again = run_script("reproduce.py", "ist-2024", *where)
    assert again.returncode == 0, again.stderr
    assert f"1.1a perceptron: it was stopped; resumes after epoch {done} of 100" in again.stderr
    ((_, finished),) = records(folder).items()
    assert finished["status"] == "finished"
    assert finished["epochs"][:done] == stopped["epochs"]


def test_a_stop_while_the_report_is_written(run_small, monkeypatch):
    def stopped(*arguments):
        raise Stopped(signal.SIGTERM)

    monkeypatch.setattr(report, "write", stopped)
    outcome = run_small("-report")
    assert outcome.status == 143
    assert outcome.err_lines == [
        "stopped; the finished runs are kept, and the same command writes the report"
    ]


def test_what_another_process_has_run_by_now_is_kept(
    q1, run_main, blank_figures, make_plan, tmp_path, tiny_npz
):
    where = ["-data_path", tiny_npz, "-plots_dir", tmp_path / "plots" / "small"]
    where += ["-plot_format", "pdf", "png"]
    first = make_plan()[0]
    assert run_main(q1, "perceptron", "-epochs", 40, *where).status == 0
    written = (first.own / "record.json").stat().st_mtime_ns
    pool.run_all([first], 1, 1)
    assert (first.own / "record.json").stat().st_mtime_ns == written and not first.failure


def test_a_run_that_fails_does_not_stop_the_others(run_small, make_plan, tmp_path):
    checkpoint = make_plan()[0].own / "checkpoint.npz"
    checkpoint.mkdir(parents=True)  # where the perceptron's is to be written
    outcome = run_small("-only", "1.1", "1.2a")
    assert outcome.status == 1
    failed = [line for line in outcome.err_lines if line.startswith("1.1 perceptron: failed after")]
    assert len(failed) == 1 and ": not written: " in failed[0]
    assert sum(": finished after" in line for line in outcome.err_lines) == 2
    assert outcome.err_lines[-1] == "1 of 3 runs failed, see above and in the report"
    page = (tmp_path / "plots" / "small" / "report.html").read_text()
    assert "failed: not written: " in page


@pytest.mark.long
def test_printed_commands_run_anywhere(run_main, small, tmp_path, tiny_npz):
    """Through xargs, two at a time: then nothing is left, and the numbers are a direct run's."""

    data = tiny_npz.rename(tmp_path / "my 'tiny' data.npz")

    def run(way, *more):
        return run_main(
            reproduce, "small", "-quick", "-data_path", data, "-plots_dir", tmp_path / way, *more
        )

    printed = run("xargs", "-print")
    assert (printed.status, printed.err) == (0, "")
    lines = printed.out.splitlines()
    assert len(lines) == 4 and len(set(lines)) == 4
    assert not (tmp_path / "xargs").exists()
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["xargs", "-d", "\n", "-P", "2", "-I{}", "sh", "-c", "{}"],
        check=False,
        input=printed.out,
        cwd=ROOT,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    gathered = run("xargs")
    assert gathered.err_lines == ["4 of 4 runs are there already, and kept"]
    direct = run("direct", "-jobs", 2)
    assert direct.status == 0, direct.err
    ours, theirs = (records(tmp_path / way / "small-quick") for way in ("xargs", "direct"))
    assert ours == theirs and len(ours) == 3


def test_nothing_printed_is_absolute(tmp_path):
    """But for a path that was given so and lies elsewhere."""
    assert commands.relative(PLOTS / "ist-2024") == os.path.join("plots", "ist-2024")
    assert commands.relative("x.npz") == os.path.relpath("x.npz", ROOT)
    assert commands.relative(tmp_path / "x.npz") == str(tmp_path / "x.npz")
    assert commands.relative(ROOT / "-x.npz") == os.path.join(".", "-x.npz")


def test_quick_says_once_that_nothing_is_comparable(run_small, monkeypatch, tmp_path):
    """At the top; and nothing is read from curves of one or two points."""
    monkeypatch.setattr(plan, "QUICK", 20)
    assert run_small("-quick", "-only", "1").status == 0
    folder = tmp_path / "plots" / "small-quick"
    assert {len(record["epochs"]) for record in records(folder).values()} == {2, 3}
    page = (folder / "report.html").read_text()
    top, rest = page.split("<h2", 1)
    assert "comparable with anything" in top and "100th of the epochs" in top
    assert "comparable" not in rest and "in the band<" not in rest and ">equal" not in rest
    assert "outside" not in rest and "The log of" not in rest
    perceptron = rest[rest.index('id="q1.1"') : rest.index('id="q1.2a"')]
    assert "<li>" not in perceptron
    found = re.findall(r"<table.*?</table>", page, re.DOTALL)
    assert len(found) == 1 + 3 + 1
    assert all("one class" in table for table in found)  # the baseline


# --------------------------------------------------------------------------------------------
# Editions


@pytest.mark.parametrize(
    ("name", "questions", "jobs"), [("ist-2024", 14, 17), ("ist-2023", 11, 17), ("kth", 1, 4)]
)
def test_every_experiment_of_the_editions_is_a_run(tmp_path, tiny_npz, name, questions, jobs):
    assert len(tables.load(name).questions) == questions
    planned = plan_of(name, tiny_npz, tmp_path)
    assert len(planned) == jobs
    assert len({tuple(job.argv) for job in planned}) == jobs
    quick = plan_of(name, tiny_npz, tmp_path, "-quick")
    for run, short in zip(planned, quick, strict=True):
        if isinstance(run, plan.Training):
            assert short.opt.epochs == max(1, run.opt.epochs // 100)
            assert {**vars(short.opt), "epochs": run.opt.epochs} == vars(run.opt)


def test_a_repeated_command_has_the_numbers_of_the_first(small):
    """Unless it has its own."""
    again = "hw1-q1.py logistic_regression -epochs 60"
    text = EDITION.replace("hw1-q1.py logistic_regression -l2_penalty 0 -epochs 60", again)
    small.write_text(text)
    _, (none, _), (same,), _ = (q.experiments for q in tables.load("small").questions)
    assert (same.name, same.band, same.published) == ("no penalty", none.band, none.published)
    small.write_text(text.replace(again + '"\n\n', again + '"\nno_verdict = "own"\n\n'))
    own = tables.load("small").questions[2].experiments[0]
    assert (own.no_verdict, own.published) == ("own", [])


def test_published_numbers_are_kept_as_written(small):
    (entry,) = tables.load("small").questions[0].experiments[0].published
    assert entry["test"] == Decimal("0.390")
    assert format_quantity("test", entry["test"]) == ".390"


P, Q = "small.toml: 1.1, perceptron: ", "small.toml: 1.2a, 0.01: "


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('title = "A small edition"', "", 'small.toml: title: is missing; write title = "..."'),
        ('title = "A small edition"', "title = 3", "small.toml: title: must be a text in quotes"),
        ("train = 60", "train = 0", "small.toml: examples: train: must be at least 1"),
        ("train = 60", "train = 61", "examples: the file that it names has others; write { train = 60"),
        ("digests = { train", "digests = { tarin", "digests: train: is missing"),
        ('train = "', 'train = "0', "digests: train: must be a SHA-256"),
        ("digests", 'known = "mnist"\ndigests', "known: there are intel_landscapes, "),
        ('number = "1.1"', 'number = "../1"', "small.toml: ../1: number: "),
        ('number = "1.1"', 'number = "1.2a"', "1.2a: two questions have this number"),
        ('number = "1.1"', 'nmber = "1.1"', "question 1 (Perceptron): number: is missing; call nmber so"),
        ('asked = "Train', 'askd = "Train', "small.toml: 1.1: asked: is missing; call askd so"),
        ('number = "1.1"', 'number = "1.1"\nfindin = "x"', "unknown field; did you mean finding?"),
        ("[0.0, 1.0]", "[1.0, 0.0]", f"{P}band: test: is written high to low; write [0.0, 1.0]"),
        ('command = "hw1-q1.py perceptron -epochs 40"',
         'command = "hw1-q1.py perceptron -epochs 40"\nknown = "cifar10"',
         f"{P}known: unknown field; it belongs above the first [[questions]]"),
        ("-epochs 60 -l2_penalty", "-epoch 60 -l2_penalty", f"{Q}command: write -epochs in full, not -epoch"),
        ("[0.0, 1.0]", "[0.0, inf]", f"{P}band: test: must be a finite number"),
        ("{ test = [0.0, 1.0] }", "{ train = [0.0, 1.0] }", f"{P}band: train: unknown field"),
        ("hw1-q1.py perceptron", "python hw1-q1.py perceptron", f"{P}command: leave out python; it must"),
        ("[0.0, 1.0]", "0.5", f"{P}band: test: must be [lowest, highest]"),
        ("test = 0.390", "test = 39.0", "1.1, perceptron, published 1: test: an accuracy is a fraction"),
        ("test = 0.390", "tset = 0.390", "published 1: tset: unknown field; did you mean test?"),
        ("test = 0.390", "test = nan", "published 1: test: "),
        ("count = 5", "count = 1", "1.2a, 0.01, published 2: test: a deviation needs a count"),
        ('file = "log.csv"', 'file = "../log.csv"', "1.1, perceptron, log 1: file: "),
        ("hw1-q1.py perceptron", "rm -r perceptron", f"{P}command: must start with hw1-q1.py"),
        ("perceptron -epochs 40", "perceptron -epochs 0", f"{P}command: hw1-q1.py: argument -epochs"),
        ("hw1-q1.py perceptron -epochs 40", "hw1-q2.py mlp -droput 1", "did you mean -dropout? ("),
        ("perceptron -epochs 40", "perceptron -epochs 1 2", "-epochs has several values; write an"),
        ("perceptron -epochs 40", "perceptron -plots_dir x", f"{P}command: remove -plots_dir"),
        ("perceptron -epochs 40", "perceptron --data_path=x", f"{P}command: remove -data_path"),
        ("perceptron -epochs 40", "perceptron -res", f"{P}command: remove -resume"),
        ("perceptron -epochs 40", "perceptron -l2_penalty 0", f"{P}command: -l2_penalty has no effect on"),
        ("perceptron -epochs 40", "perceptron 'x", f"{P}command: No closing quotation"),
        ("interval -draws 2", "interval -draws x", "3, proof: command: hw1-q3.py"),
        ('compare = "l2_penalty"', 'compare = "dropout"', "1.2a: compare: hw1-q1.py has no option"),
        ('compare = "l2_penalty"', 'compare = "-l2_penalty"', "compare: write l2_penalty, without the"),
        ('compare = "l2_penalty"', 'compare = "hidden_size"', "1.2a, none: -hidden_size, by which"),
        ('compare = "l2_penalty"', "compare = 3", "1.2a: compare: must be a text in quotes or a list"),
        ('name = "0.01"', 'name = "none"', "1.2a: two experiments are called none"),
        ("-epochs 60 -l2_penalty 0.01", "-epochs 60", f"{Q}has the same -l2_penalty as none"),
        ("-epochs 60 -l2_penalty 0.01", "-epochs 9 -l2_penalty 0.01",
         f"{Q}differs from none in -epochs too, not only in -l2_penalty"),
        ("[[questions]]", "[[question", "small.toml: not TOML: "),
        ('compare = "l2_penalty"', 'compare = "l2_penalty"\ncurves = "accuracy"',
         "small.toml: 1.2a: curves: accuracy: there are train_acc, val_acc, w_norm"),
        ('asked = "Train', 'compare = "epochs"\nasked = "Train', "1.1: compare: takes two experiments"),
        ('compare = "l2_penalty"\n[[questions.experiments]]\nname = "none"\ncommand = "hw1-q1.py logistic',
         'compare = "epochs"\n[[questions.experiments]]\nname = "none"\ncommand = "hw1-q1.py mlp -epochs 9" #',
         f"{Q}is another model than none"),
        ('published = [{ source = "handout", test = 0.390, note = "of <someone>" }]', 'published = "x"',
         "1.1, perceptron: published: must be a list, as in published = [{ source"),
        ("digests", 'known = "cifar10"\n#', "examples: cifar10 has others; if known = 'cifar10' is meant, write { train = 10000, "),
    ],
)  # fmt: skip
def test_a_wrong_edition_is_one_line_that_leads_to_its_place(run_small, small, old, new, said):
    text = small.read_text()
    assert old in text
    small.write_text(text.replace(old, new, 1))
    outcome = run_small("-print")
    assert (outcome.status, outcome.out, len(outcome.err_lines)) == (2, "", 1), outcome.err
    assert said in outcome.err


@pytest.mark.parametrize(
    ("log", "said"),
    [
        (b"\xff\xfe\x00", "log.csv: is no csv file"),
        (b"", "log.csv: its first line must be epoch and some of train_acc, "),
        (b"epoch,val_acc,tset_acc\n1,0.5,0.5\n", "its first line must be epoch and some of"),
        (b"epoch;val_acc\n1;0.5\n", "its first line must be epoch and some of"),
        (b"epoch,val_acc\n2,0.5\n", "log.csv, line 2: must be epoch 1"),
        (b"epoch,val_acc\n1,50.0\n", "log.csv, line 2: val_acc must be a fraction"),
        (b"epoch,val_acc\n1,a\n", "log.csv, line 2: val_acc must be a number as printed"),
        (b"epoch,val_acc\n1\n", "log.csv, line 2: val_acc must be a number as printed"),
    ],
)
def test_a_wrong_log_leads_to_its_line(run_small, small, log, said):
    (small.parent / "logs" / "log.csv").write_bytes(log)
    outcome = run_small("-print")
    assert (outcome.status, len(outcome.err_lines)) == (2, 1), outcome.err
    assert "small.toml: 1.1, perceptron, log 1: file: log.csv" in outcome.err
    assert said in outcome.err


def test_from_an_empty_file_each_line_names_what_to_write(run_small, small):
    """Following what is said, field by field, ends at an edition that runs."""
    small.write_text("")
    said = []
    for lines in (['title = "T"'], ['data = "x.npz"'], ['prepare = "p"'],
                  ["examples = { train = 60, val = 24, test = 24 }"], ["[[questions]]"],
                  ['number = "1"'], ['title = "Q"'], ['asked = "?"'], ["[[questions.experiments]]"],
                  ['name = "n"'], ['command = "hw1-q1.py perceptron"']):  # fmt: skip
        outcome = run_small("-print")
        assert outcome.status == 2 and len(outcome.err_lines) == 1
        said.append(outcome.err)
        small.write_text(small.read_text() + "\n".join(lines) + "\n")
        assert lines[0].partition(" = ")[0] in outcome.err
    assert run_small("-print").status == 0


def test_the_whole_report_or_a_part_of_the_edition(run_small):
    outcome = run_small("-report", "-only", "1.1")
    assert outcome.status == 2 and "leave out -only" in outcome.err


def test_a_byte_order_mark_is_no_mistake(small):
    small.write_bytes(b"\xef\xbb\xbf" + small.read_bytes())
    assert tables.load("small").title == "A small edition"


def test_the_edition_of_the_documentation(run_small, small):
    """The tables of docs/reproduce.md, put together as it says, and the mistakes that it shows."""
    text = (ROOT / "docs" / "reproduce.md").read_text()
    blocks = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    first, compared, theory, known, digests, published = blocks
    top, question = first.split("\n[[questions]]", 1)
    for named in (known, digests):
        whole = f"{top}{named}\n[[questions]]{question}{published}\n{compared}\n{theory}"
        small.with_name("next.toml").write_text(whole)
        edition = tables.load("next")
    assert [q.number for q in edition.questions] == ["1.1", "1.2", "2", "3"]
    commands.check(edition)
    assert sum(len(question.experiments) for question in edition.questions) == 6
    perceptron = edition.questions[0].experiments[0]
    assert len(perceptron.published) == 3 and perceptron.band
    assert len(edition.digests) == 4


def test_only(small):
    edition = tables.load("small")

    def numbers(*only):
        return [question.number for question in tables.choose(edition, only)]

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
        (["ist-2024", "-only", "9.9"], "there are 1.1a, 1.2a"),
        (["ist-2024", "-jobs", "0"], "-jobs"),
        (["ist-2024", "-print", "-report"], "not allowed with"),
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
    outcome = run_small("-report")
    assert (outcome.status, len(outcome.err_lines)) == (1, 1)
    assert "glance.csv: cannot be written (No space left on device)" in outcome.err


def test_seeds_are_repetitions(run_small, tmp_path):
    """Each run once a seed; means, ranges and what cannot be told in place of a best seed."""
    outcome = run_small("-seeds", 3, "-only", "1.2")
    assert outcome.status == 0, outcome.err
    folder = tmp_path / "plots" / "small"
    found = records(folder)
    assert sorted(record["options"]["seed"] for record in found.values()) == [1, 1, 2, 2, 42, 42]
    with open(folder / "question-1.2a.csv") as stream:
        none, penalty, one_class = csv.DictReader(stream)
    assert (none["seeds"], penalty["seeds"], one_class["seeds"]) == ("3", "3", "")
    ends = [
        record["final"]["val_acc"]
        for record in found.values()
        if record["options"]["l2_penalty"] == 0.01
    ]
    assert float(penalty["val_acc"]) == pytest.approx(sum(ends) / 3, abs=5e-5)
    assert float(penalty["lowest_val_acc"]) == pytest.approx(min(ends), abs=5e-5)
    page = (folder / "report.md").read_text()
    assert "mean of 3 seeds" in page and "The first table is of one seed" in page
    assert "The highest mean validation accuracy" in page
    assert "bold: the mean of 3 seeds; thin: each seed" in page
    assert "of one more seed: test acc outside" in page
    assert run_small("-seeds", 3, "-print", "-only", "1.2").out == ""
    assert len(run_small("-seeds", 4, "-print", "-only", "1.2").out.splitlines()) == 2


def test_a_question_about_seeds_has_no_repetitions(small, make_plan, tiny_npz, tmp_path):
    text = small.read_text().replace('compare = "l2_penalty"', 'compare = "seed"')
    small.write_text(text.replace("-epochs 60 -l2_penalty 0.01", "-epochs 60 -seed 7"))
    jobs = plan_of("small", tiny_npz, tmp_path, "-seeds", "3")
    assert sum(job.seed is not None for job in jobs) == 2  # the perceptron's
