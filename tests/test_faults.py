"""Nothing lost: runs that are killed, stopped, crowded or out of disk at each moment of their life.

The tests marked `long` try a few random moments. More, or a data file of one's own:

    HOMEWORK_KILLS=50 HOMEWORK_DATA=data/intel_landscapes.npz python -m pytest -m long tests/test_faults.py
"""

import contextlib
import errno
import json
import os
import pty
import random
import re
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from conftest import (
    FSYNC,
    ROOT,
    at_most,
    checkpoints_in,
    forked,
    launched,
    leave_figures_blank,
    left_behind,
    numbers,
    read_until,
    record_of,
    remove_record,
    run_forked,
    run_script,
    snapshot,
    tiny_arrays,
)
from faulty import checkpoints_after_every_epoch, faults, plant
from threadpoolctl import threadpool_limits

from fast import exact_sgd
from lab.checkpoint import Checkpoints, read_checkpoint, read_state
from lab.record import read_record

pytestmark = pytest.mark.usefixtures("blank_figures")

KILLS = int(os.environ.get("HOMEWORK_KILLS", "5"))
MODELS = {
    "perceptron": ("q1", ["perceptron"]),
    "logistic regression": ("q1", ["logistic_regression", "-l2_penalty", 0.01]),
    "numpy mlp": ("q1", ["mlp", "-hidden_size", 10]),
    "torch mlp, dropout": ("q2", ["mlp", "-dropout", 0.3, "-hidden_size", 10]),
    "torch mlp, momentum": ("q2", ["mlp", "-momentum", 0.9, "-batch_size", 7]),
}
BOTH = ["numpy mlp", "torch mlp, momentum"]
FOREVER = 10**6  # epochs


@pytest.fixture
def command(request, tmp_path, tiny_npz):
    """(the script's module, words) of a model's command: command("numpy mlp", "folder", 3, "-resume")."""

    def words(model, folder, epochs, *more, data=tiny_npz):
        script, arguments = MODELS[model]
        arguments = [*arguments, "-epochs", epochs, "-data_path", data, "-plots_dir"]
        return request.getfixturevalue(script), *arguments, tmp_path / folder, *more

    return words


@pytest.fixture
def a_run(command, run_main):
    """Run a model for some epochs in this process, as `command` has it."""
    return lambda *arguments, **options: run_main(*command(*arguments, **options))


@pytest.fixture
def planted(request):
    """Plant faults in this process, for as long as a block lasts: with planted("q1", ...): ..."""

    @contextlib.contextmanager
    def plant_all(script, *faults):
        with pytest.MonkeyPatch.context() as patched:
            checkpoints_after_every_epoch(patched)
            for fault in faults:
                plant(patched, fault, request.getfixturevalue(script))
            yield

    return plant_all


@pytest.fixture(scope="session")
def whole(request, tmp_path_factory):
    """What a run that nothing happened to leaves, made once: whole("numpy mlp", 4).

    With out, its printed lines; numbers, of its record; files, their names.
    """
    made = {}

    def make(model, epochs, data):
        folder = tmp_path_factory.mktemp("whole")
        if data is None:
            data = folder / "tiny.npz"
            np.savez(data, **tiny_arrays())
        script, arguments = MODELS[model]
        module, plots = request.getfixturevalue(script), folder / "plots"
        words = [*arguments, "-epochs", epochs, "-data_path", data, "-plots_dir", plots]
        with pytest.MonkeyPatch.context() as patched:
            leave_figures_blank(patched)
            outcome = run_forked(module, *words, prepare=faults(module))
        assert outcome.status == 0, outcome.err
        files = names_in(plots)
        return SimpleNamespace(
            printed=outcome.printed, numbers=without_path(numbers(plots)), files=files
        )

    def run(model, epochs, data=None):
        if (model, epochs, data) not in made:
            made[model, epochs, data] = make(model, epochs, data)
        return made[model, epochs, data]

    return run


def names_in(folder):
    """The names of the files of a run, in the plots folder and in its own."""
    return {path.name for path in folder.rglob("*") if path.is_file()}


def without_path(text):
    """A record's text without where its data lay."""
    return re.sub(r'"data_path": "[^"]*"', "", text)


def check_whole(folder):
    """Whatever has its name is whole."""
    for path in folder.rglob("*"):
        if not path.name.startswith("."):
            if path.suffix == ".json":
                read_record(path)
            elif path.suffix == ".npz":
                read_state(path, read_checkpoint(path))


def go_on(a_run, model, folder, epochs, **options):
    """Take up a killed run; one that has no checkpoint yet is started again."""
    outcome = a_run(model, folder, epochs, "-resume", **options)
    if outcome.status == 2 and "no checkpoint of this run" in outcome.err:
        outcome = a_run(model, folder, epochs, **options)
    assert outcome.status == 0, outcome.err
    return outcome


def check_ends_as(whole_run, folder):
    assert without_path(numbers(folder)) == whole_run.numbers
    assert not left_behind(folder)


# --------------------------------------------------------------------------------------------
# Killed


@pytest.mark.long
@pytest.mark.parametrize("model", BOTH)
def test_killed_at_random_moments_and_resumed(command, a_run, whole, tmp_path, model):
    """The record is that of a run never stopped; nothing half-written has a name, or stays."""
    epochs = 60
    moments = random.Random(5)
    for kill in range(KILLS):
        module, *words = command(model, str(kill), epochs)
        line, pause = moments.randrange(1, 2 * epochs + 4), moments.uniform(0, 0.02)
        with launched(module, *words, prepare=faults(module)) as child:
            for _ in range(line):
                child.stdout.readline()
            time.sleep(pause)
            child.kill()
            child.wait()
        check_whole(tmp_path / str(kill))
        if line > 6:  # the second epoch is over, the first's checkpoint written
            assert checkpoints_in(tmp_path / str(kill)), (line, pause)
        go_on(a_run, model, str(kill), epochs)
        check_ends_as(whole(model, epochs), tmp_path / str(kill))


@pytest.mark.long
@pytest.mark.parametrize("model", MODELS)
def test_killed_and_resumed_on_a_data_file_of_choice(command, a_run, whole, tmp_path, model):
    data = os.environ.get("HOMEWORK_DATA")
    options = {"data": data} if data else {}
    module, *words = command(model, "killed", 4, **options)
    with launched(module, *words, prepare=faults(module)) as child:
        read_until(child, "Training epoch 3")
    assert "resuming from epoch" in go_on(a_run, model, "killed", 4, **options).err
    check_ends_as(whole(model, 4, data), tmp_path / "killed")


@pytest.mark.parametrize("call", range(1, 13))
def test_killed_before_each_renaming(command, a_run, whole, tmp_path, call):
    """From the first checkpoint on there is a whole one at each moment."""
    q1, *words = command("perceptron", "x", 3)
    done = run_forked(q1, *words, prepare=faults(q1, f"SIGKILL:os.replace:{call}"))
    assert done.status == -signal.SIGKILL
    check_whole(tmp_path / "x")
    assert bool(checkpoints_in(tmp_path / "x")) == (call > 1)
    outcome = go_on(a_run, "perceptron", "x", 3)
    check_ends_as(whole("perceptron", 3), tmp_path / "x")
    assert outcome.printed[-1].startswith("Final test acc")


def test_a_file_is_on_disk_before_it_has_its_name(a_run, monkeypatch, tmp_path):
    """Else a power cut could leave a name without the content."""
    events, replace = [], os.replace

    def fsync(descriptor):
        events.append(os.fstat(descriptor).st_ino)
        FSYNC(descriptor)

    def renamed(source, target):
        if "-before" not in str(target):
            assert os.stat(source).st_ino in events
            events.append(str(target))
        replace(source, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", renamed)
    assert a_run("perceptron", "x", 2).status == 0
    written = {name for name in names_in(tmp_path / "x") if not name.endswith((".pdf", "lock"))}
    assert {os.path.basename(e) for e in events if isinstance(e, str)} == written


# --------------------------------------------------------------------------------------------
# Stopped

# Where a stop arrives in a run of 4 epochs, and how many of them are kept; None: finished.
PHASES = {
    "reading the data": ("utils.read_npz:1", 0),
    "seeding": ("utils.configure_seed:1", 0),
    "before the first line": ("lab.run.Run.say:1", 0),
    "before the first epoch": ("lab.run.Run.epochs:1", 0),
    "training": ({"q1": "fast.exact_sgd.train_epoch:3", "q2": "script.train_epoch:3"}, 2),
    "evaluation": ({"q1": "script.MLP.evaluate:8", "q2": "script.evaluate:4"}, 2),
    "before an epoch's line": ("lab.run.Run.end_epoch:3", 2),
    "before an epoch's snapshot": ("lab.run.Run._warn_if_not_finite:3", 2),
    "before a checkpoint": ("lab.run.Run.save_checkpoint:3", 3),
    "writing a checkpoint": ("os.fsync:2", 2),
    "keeping the checkpoint before": ("os.replace:2", 2),
    "naming a checkpoint": ("os.replace:3", 2),
    "after the last epoch": ("lab.run.Run.duration:1", 4),
    "the last evaluation": ({"q1": "script.MLP.evaluate:11", "q2": "script.evaluate:6"}, 4),
    "before finishing": ("lab.run.Run.finish:1", 4),
    "the last checkpoint": ("lab.run.Run._write_checkpoint:5", None),
    "the record": ("lab.record.Record.write:1", None),
    "the history": ("lab.record.Record.write_history:1", None),
    "the results": ("lab.run.Run._write_results:1", None),
    "the predictions": ("lab.run._write_predictions:1", None),
    "the figures": ("lab.run.Run._draw_curves:1", None),
    "a figure": ("lab.run.save_figure:1", None),
    "the record with the time of plotting": ("lab.record.Record.write:2", None),
}


@pytest.mark.parametrize("model", BOTH)
@pytest.mark.parametrize("phase", PHASES)
def test_stopped_at_each_phase(a_run, planted, whole, tmp_path, model, phase):
    """The record says how far it came; the same command with -resume ends as if never stopped."""
    script = MODELS[model][0]
    where, kept = PHASES[phase]
    where = where if isinstance(where, str) else where[script]
    with planted(script, f"SIGINT:{where}"):
        stopped = a_run(model, "stopped", 4)
    folder = tmp_path / "stopped"
    assert stopped.status == 130
    assert len(stopped.said) == 1 and stopped.said[0].startswith("stopped"), stopped.err
    assert not folder.exists() or not left_behind(folder)
    if kept == 0:
        assert names_in(folder) <= {"lock"}
        return
    record = record_of(folder)
    assert record["status"] == ("finished" if kept is None else "interrupted")
    assert len(record["epochs"]) == (kept or 4)
    assert ("-resume" in stopped.err) == ("time of plotting" not in phase)
    assert ("results.txt" in names_in(folder)) == (kept is None)
    if kept is not None:
        assert list(folder.glob("*.pdf"))
    resumed = go_on(a_run, model, "stopped", 4)
    check_ends_as(whole(model, 4), folder)
    assert resumed.printed[-1] == whole(model, 4).printed[-1]
    assert whole(model, 4).files - names_in(folder) <= {"checkpoint-before.npz"}


@pytest.mark.parametrize(("name", "status"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_each_signal_has_its_exit_status_from_the_start(a_run, planted, tmp_path, name, status):
    with planted("q1", f"{name}:utils.read_npz:1"):
        outcome = a_run("perceptron", "x", 2)
    assert (outcome.status, outcome.out, len(outcome.said)) == (status, "", 1)
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("script", ["q1", "q2"])
def test_ctrl_c_during_the_imports(tmp_path, script):
    """Of NumPy here, or of torch, in whose place something else is imported: 130, no traceback."""
    package = {"q1": "numpy", "q2": "torch"}[script]
    code = (
        "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nraise SystemExit('not stopped')\n"
    )
    (tmp_path / f"{package}.py").write_text(code)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = run_script(f"hw1-{script}.py", "mlp", env=environment)
    assert (done.returncode, done.stderr) == (130, "")


def test_stopped_while_the_stand_in_is_drawn(q1, run_main, planted, monkeypatch, tmp_path):
    monkeypatch.setattr("lab.dataset.DEFAULT", ROOT / "data" / "not there.npz")
    monkeypatch.setattr("lab.dataset.STANDIN", tmp_path / "synthetic.npz")
    with planted("q1", "SIGTERM:lab.standin.chunks:1"):
        outcome = run_main(q1, "perceptron", "-plots_dir", tmp_path / "plots")
    assert outcome.status == 143
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "where", ["lab.numpy_state.restore:1", "script.MLP.evaluate:1", "lab.run.Run.finish:1"]
)
def test_a_finished_run_is_not_marked_interrupted(a_run, planted, tmp_path, where):
    """Stopped when it is resumed with nothing left to train, it stays as it was."""
    assert a_run("numpy mlp", "x", 3).status == 0
    before = snapshot(tmp_path / "x")
    with planted("q1", f"SIGINT:{where}"):
        stopped = a_run("numpy mlp", "x", 3, "-resume")
    assert stopped.status == 130
    assert snapshot(tmp_path / "x") == before


@pytest.mark.parametrize("model", BOTH)
def test_ctrl_c_from_outside(command, a_run, whole, tmp_path, model):
    """A real one, at an arbitrary moment."""
    module, *words = command(model, "x", FOREVER)
    with launched(module, *words) as child:
        read_until(child, "Training epoch 3")
        child.send_signal(signal.SIGINT)
        out, err = child.communicate()
    assert child.returncode == 130
    assert len([line for line in err.splitlines() if line.strip()]) == 1 and "-resume" in err
    assert "Final" not in out
    record = record_of(tmp_path / "x")
    assert record["status"] == "interrupted"
    done = len(record["epochs"])
    assert done >= 2
    remove_record(tmp_path / "x")
    assert a_run(model, "x", done + 2, "-resume").status == 0
    assert a_run(model, "single", done + 2).status == 0
    assert numbers(tmp_path / "x") == numbers(tmp_path / "single")


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_other_ways_to_be_stopped(command, tmp_path, name):
    """The exit status tells them apart; what was trained is kept all the same."""
    number = getattr(signal, name)
    with launched(*command("perceptron", "x", FOREVER)) as child:
        read_until(child, "Training epoch 2")
        child.send_signal(number)
        _, err = child.communicate()
    assert child.returncode == 128 + number
    assert len([line for line in err.splitlines() if line.strip()]) == 1
    record = record_of(tmp_path / "x")
    assert record["status"] == "interrupted" and len(record["epochs"]) >= 1


def test_a_signal_that_is_ignored_stays_ignored(command):
    """As nohup asks: the terminal may close and the run goes on."""

    def ignore():
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    with launched(*command("perceptron", "x", 60), prepare=ignore) as child:
        read_until(child, "Training epoch 2")
        child.send_signal(signal.SIGHUP)
        out, err = child.communicate()
    assert (child.returncode, err) == (0, "")
    assert "Final test acc" in out


def test_ctrl_c_before_the_first_epoch_is_over(command, tmp_path):
    """Nothing is kept, which is said; the exit status is the same."""
    np.savez(tmp_path / "large.npz", **tiny_arrays(sizes=(20_000, 9, 9), shape=(20, 20)))
    words = command("numpy mlp", "x", 2, "-hidden_size", 500, data=tmp_path / "large.npz")
    with launched(*words) as child:
        read_until(child, "Training epoch 1")
        child.send_signal(signal.SIGINT)
        out, err = child.communicate()
    assert (child.returncode, out) == (130, "")
    assert len([line for line in err.splitlines() if line.strip()]) == 1
    assert names_in(tmp_path / "x") == {"lock"}


def test_a_second_stop_leaves_at_once(command, a_run, whole, tmp_path):
    q1, *words = command("numpy mlp", "x", 4)
    stops = ["SIGINT:lab.run.Run.end_epoch:4", "SIGINT:lab.record.Record.write:1"]
    assert run_forked(q1, *words, prepare=faults(q1, *stops)).status == -signal.SIGINT
    check_whole(tmp_path / "x")
    go_on(a_run, "numpy mlp", "x", 4)
    check_ends_as(whole("numpy mlp", 4), tmp_path / "x")


def test_a_terminal_that_is_closed(tmp_path, tiny_npz):
    """Its hangup arrives, and writing to it fails from then on."""
    arguments = ["perceptron", "-data_path", tiny_npz, "-plots_dir", tmp_path, "-epochs", FOREVER]
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(ROOT)
        os.execv(sys.executable, [sys.executable, "hw1-q1.py", *map(str, arguments)])
    seen = b""
    while b"Training epoch 3" not in seen:
        seen += os.read(terminal, 1000)
    os.close(terminal)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 129
    record = record_of(tmp_path)
    assert record["status"] == "interrupted" and len(record["epochs"]) >= 2


@pytest.mark.parametrize("failure", [MemoryError("no room"), ZeroDivisionError()])
def test_a_run_that_fails_keeps_what_it_trained(a_run, q1, whole, monkeypatch, tmp_path, failure):
    """Whether the fault is the machine's or the program's."""
    train_epoch, epochs = exact_sgd.train_epoch, []

    def failing(*arguments, **options):
        epochs.append(1)
        if len(epochs) == 4:
            raise failure
        return train_epoch(*arguments, **options)

    with monkeypatch.context() as patched:
        patched.setattr(exact_sgd, "train_epoch", failing)
        if isinstance(failure, MemoryError):
            assert a_run("numpy mlp", "x", 6).status == 2
        else:
            with pytest.raises(ZeroDivisionError):
                a_run("numpy mlp", "x", 6)
    assert len(record_of(tmp_path / "x")["epochs"]) == 3
    go_on(a_run, "numpy mlp", "x", 6)
    check_ends_as(whole("numpy mlp", 6), tmp_path / "x")


@pytest.mark.parametrize(
    "mistake", [ZeroDivisionError(), FileNotFoundError(2, "No such file or directory", "x.txt")]
)
def test_a_mistake_of_the_program_is_not_hidden(command, q1, monkeypatch, mistake):
    """Only what the user can mend is put into one line; another error shows itself, with status 1."""

    def failing(*arguments, **options):
        raise mistake

    monkeypatch.setattr(q1.Perceptron, "train_epoch", failing)
    outcome = run_forked(*command("perceptron", "x", 2))
    assert outcome.status == 1
    assert "Traceback" in outcome.err and type(mistake).__name__ in outcome.said[-1]


# --------------------------------------------------------------------------------------------
# No room


@pytest.mark.parametrize(("seconds", "pause"), [(0.1, 30), (0.6, 30), (3.0, 150)])
def test_a_slow_checkpoint_is_written_less_often(monkeypatch, seconds, pause):
    """So that checkpoints take at most 2% of the time."""
    kept = SimpleNamespace()
    clock = SimpleNamespace(monotonic=iter([100.0, 100.0 + seconds]).__next__)
    monkeypatch.setattr("lab.checkpoint.time", clock)
    with Checkpoints.timed(kept):
        pass
    assert kept.next_at == pytest.approx(100 + seconds + pause)


@pytest.mark.parametrize("model", BOTH)
@pytest.mark.parametrize("error", ["ENOSPC", "EDQUOT", "EIO"])
def test_a_disk_that_is_full_during_training(a_run, planted, whole, tmp_path, model, error):
    """Training goes on, it is said once; at the end what is missing is named, with status 1."""
    with planted(
        MODELS[model][0], f"{error}:os.fsync:2"
    ):  # the first epoch's checkpoint is written
        outcome = a_run(model, "full", 4)
    assert outcome.status == 1
    assert outcome.printed == whole(model, 4).printed
    assert len(outcome.said) == 2
    assert "continues" in outcome.said[0] and "checkpoint" in outcome.said[0]
    for word in ("checkpoint", "record", "history", "results", os.strerror(getattr(errno, error))):
        assert word in outcome.said[1]
    assert not left_behind(tmp_path / "full")
    check_whole(tmp_path / "full")
    assert "resuming from epoch 2 of 4" in go_on(a_run, model, "full", 4).err
    check_ends_as(whole(model, 4), tmp_path / "full")


def test_a_folder_that_turns_read_only(a_run, planted, whole, tmp_path):
    with planted("q1", "EROFS:lab.files.open:1"):
        outcome = a_run("numpy mlp", "x", 3)
    assert outcome.status == 1
    assert outcome.printed == whole("numpy mlp", 3).printed
    assert len(outcome.said) == 2 and "Read-only" in outcome.said[1]
    # Only what blank_figures writes in its own way.
    assert {os.path.splitext(name)[1] for name in names_in(tmp_path / "x")} == {".pdf", ""}


def test_room_again(a_run, planted, monkeypatch, tmp_path):
    """A checkpoint that failed in between is said, and no matter in the end."""
    calls = []

    def failing(descriptor):
        calls.append(1)
        if len(calls) in (1, 2):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", failing)
    with planted("q1"):
        outcome = a_run("perceptron", "x", 4)
    assert outcome.status == 0
    assert len(outcome.said) == 1 and "continues" in outcome.err
    assert record_of(tmp_path / "x")["status"] == "finished"


KINDS = {
    "lab.record.Record.write": ".json",
    "lab.record.Record.write_history": ".csv",
    "lab.run.Run._write_results": ".txt",
    "lab.run.Run._write_checkpoint": ".npz",
    "lab.run._write_predictions": ".npy",
    "lab.run.save_figure": ".pdf",
}


@pytest.mark.parametrize("failing", KINDS)
def test_each_kind_of_file_is_tried(a_run, planted, whole, tmp_path, failing):
    """One that fails stops none of the others."""
    with planted("q1", f"ENOSPC:{failing}:1"):
        outcome = a_run("perceptron", "x", 2)
    assert outcome.status == 1
    assert outcome.printed == whole("perceptron", 2).printed
    missing = {name for name in whole("perceptron", 2).files if "before" not in name}
    missing -= names_in(tmp_path / "x")
    assert missing and all(name in outcome.said[-1] for name in missing)
    assert {os.path.splitext(name)[1] for name in missing} == {KINDS[failing]}


@pytest.mark.parametrize("failure", [MemoryError(), OSError("of no number")])
def test_a_checkpoint_that_fails_for_another_reason(a_run, whole, monkeypatch, tmp_path, failure):
    """It is said as well, and training goes on."""

    def failing(run, path):
        raise failure

    printed = whole("perceptron", 2).printed  # before the fault, which it would have too
    monkeypatch.setattr("lab.run.Run._write_checkpoint", failing)
    outcome = a_run("perceptron", "x", 2)
    assert (outcome.status, outcome.printed) == (1, printed)
    assert "checkpoint" in outcome.err and (str(failure) or "not enough memory") in outcome.err
    assert record_of(tmp_path / "x")["status"] == "finished"


def test_stopped_with_no_room_promises_nothing(a_run, planted):
    with planted("q1", "ENOSPC:os.fsync:1", "SIGINT:lab.run.Run.end_epoch:3"):
        outcome = a_run("perceptron", "x", 4)
    assert outcome.status == 130
    assert "-resume" not in outcome.err
    assert "checkpoint.npz" in outcome.said[-1] and "No space" in outcome.said[-1]


@pytest.mark.draws
@pytest.mark.parametrize("room", [0, 3000, 12_000])
def test_a_disk_of_a_few_kilobytes(command, tmp_path, room):
    """The operating system takes no more than `room` bytes a file; figures are real ones."""
    read, write = os.pipe()  # which has no size, as a file for standard error would
    outcome = run_forked(*command("numpy mlp", "x", 3), prepare=lambda: at_most(room), stderr=write)
    os.close(write)
    with os.fdopen(read) as pipe:
        said = pipe.read()
    assert outcome.status == 1, said
    assert outcome.out.splitlines()[-1].startswith("Final test acc")
    (line,) = said.splitlines()
    assert line.startswith("not written: ") and "File too large" in line
    for path in (tmp_path / "x").rglob("*.*"):
        assert 0 < path.stat().st_size <= room
        assert str(path) not in line
    check_whole(tmp_path / "x")


def test_standard_output_on_a_full_disk(command, tmp_path):
    """As in `python hw1-q1.py ... > log`: the run goes on and leaves its files."""
    with open("/dev/full", "w") as full:
        outcome = run_forked(*command("perceptron", "x", 100), stdout=full)
    assert outcome.status == 1
    assert len(outcome.said) == 2
    assert all("standard output" in line for line in outcome.said)
    assert len(record_of(tmp_path / "x")["epochs"]) == 100
    assert len(list((tmp_path / "x").glob("*.pdf"))) == 5


def test_a_reader_that_leaves_is_no_traceback(command):
    """As in `python hw1-q1.py ... | head -1`."""
    with launched(*command("perceptron", "x", FOREVER)) as child:
        child.stdout.readline()
        child.stdout.close()
        _, err = child.communicate()
    assert child.returncode == 1
    assert "Traceback" not in err and "Exception" not in err


# --------------------------------------------------------------------------------------------
# Not alone


def test_the_same_settings_twice_at_once(command, a_run, tmp_path):
    """The second is refused, others are not; a run that was killed locks no one out."""
    plots = tmp_path / "x"
    with launched(*command("perceptron", "x", FOREVER)) as child:
        child.stdout.readline()
        before = names_in(plots)
        for more in ([], ["-resume"]):
            refused = a_run("perceptron", "x", FOREVER, *more)
            assert (refused.status, refused.out) == (2, "")
            assert len(refused.said) == 1 and "another run" in refused.err
        assert before <= names_in(plots)
        assert a_run("perceptron", "x", 3, "-seed", 1).status == 0
        assert a_run("perceptron", "x", 3).status == 0
        child.kill()
        child.wait()
    with launched(*command("perceptron", "x", FOREVER)) as child:
        assert child.stdout.readline().startswith("initial")


def test_the_locks_file_stays(command, a_run, tmp_path):
    """Another run may wait on it: with a new one in its place both would have the lock."""
    assert a_run("perceptron", "x", 1).status == 0
    (lock,) = (tmp_path / "x").glob("runs/*/lock")
    inode = lock.stat().st_ino
    assert a_run("perceptron", "x", 1).status == 0
    assert lock.stat().st_ino == inode


def test_many_at_once(command, whole, tmp_path):
    """Of equal runs started together some are refused; what is left is one run's, whole."""
    q1, *words = command("perceptron", "x", 100)
    with contextlib.ExitStack() as stack:
        children = [stack.enter_context(launched(q1, *words, prepare=faults(q1))) for _ in range(4)]
        said = [child.communicate()[1] for child in children]
        ends = [child.returncode for child in children]
    assert 0 in ends and set(ends) <= {0, 2}
    for end, text in zip(ends, said, strict=True):
        assert ("another run" in text) == (end == 2)
    check_ends_as(whole("perceptron", 100), tmp_path / "x")


def test_a_folder_whose_lock_cannot_be_had(a_run, monkeypatch, tmp_path):
    """As where the lock's file is another user's: a line, before the work."""

    def refused(*arguments, **options):
        raise PermissionError(13, "Permission denied", str(tmp_path / "x" / ".lock"))

    monkeypatch.setattr("lab.folder.FileLock.acquire", refused)
    outcome = a_run("perceptron", "x", 1)
    assert (outcome.status, outcome.out, len(outcome.said)) == (2, "", 1)
    assert "Permission denied" in outcome.err and "-plots_dir" in outcome.err


# --------------------------------------------------------------------------------------------
# The same again


def test_the_same_command_twice_writes_the_same_record(a_run, tmp_path):
    """Byte for byte but for the seconds; another seed gives other numbers."""
    for model in MODELS:
        texts = []
        for folder, more in (("a", []), ("b", []), ("c", ["-seed", 7])):
            folder = f"{model} {folder}"
            assert a_run(model, folder, 3, *more).status == 0
            (path,) = (tmp_path / folder).glob("runs/*/record.json")
            head, _, seconds = path.read_text().partition(' "seconds": {')
            assert seconds.count("\n") == 6
            texts.append(head)
        assert texts[0] == texts[1]
        rows = [json.loads(head.rstrip().rstrip(",") + "}")["epochs"] for head in texts]
        assert rows[2] != rows[0], model


def test_question_1_is_the_same_on_any_number_of_threads(q1, tmp_path):
    """Its products are large enough here for BLAS to divide them among threads, were it let."""
    np.savez(tmp_path / "x.npz", **tiny_arrays(sizes=(300, 100, 100), shape=(30, 30, 3)))
    words = ["mlp", "-epochs", 2, "-data_path", tmp_path / "x.npz", "-plots_dir"]
    for threads in (1, 2, 5):

        def several(threads=threads):
            threadpool_limits(threads, "blas")

        outcome = run_forked(q1, *words, tmp_path / str(threads), prepare=several)
        assert outcome.status == 0, outcome.err
    assert numbers(tmp_path / "1") == numbers(tmp_path / "2") == numbers(tmp_path / "5")


def test_question_2s_record_says_on_how_many_threads(q2, tmp_path):
    """On which its last digits may depend, and no more than these."""
    np.savez(tmp_path / "x.npz", **tiny_arrays(sizes=(320, 24, 24), shape=(8, 8, 3)))
    words = ["mlp", "-epochs", 2, "-data_path", tmp_path / "x.npz", "-plots_dir"]
    records = []
    for threads in (1, 2):

        def several(threads=threads):
            torch.set_num_threads(threads)

        outcome = run_forked(q2, *words, tmp_path / str(threads), prepare=several)
        assert outcome.status == 0, outcome.err
        records.append(record_of(tmp_path / str(threads)))
    assert [record["threads"] for record in records] == [1, 2]
    one, two = (record["epochs"] for record in records)
    for row, other in zip(one, two, strict=True):
        assert row == pytest.approx(other, rel=1e-5)


@pytest.mark.parametrize("name", ["../up", "ü" * 60, "x" * 240, "-resume"])
def test_no_name_escapes_the_folder(command, a_run, tmp_path, name):
    """Nor does what a killed run leaves behind, or the lock."""
    (tmp_path / "in" / "deeper").mkdir(parents=True)
    data = tmp_path / "in" / "deeper" / f"{name}.npz"
    np.savez(data, **tiny_arrays())
    before = snapshot(tmp_path)
    q1, *words = command("perceptron", "x", 5, data=data)
    killed = run_forked(q1, *words, prepare=faults(q1, "SIGKILL:os.replace:4"))
    assert killed.status == -signal.SIGKILL
    assert left_behind(tmp_path / "x")
    go_on(a_run, "perceptron", "x", 5, data=data)
    new = set(snapshot(tmp_path)) - set(before) - {"x"}
    assert new and all(re.fullmatch("x/(runs(/[^/]+){0,2}|[^/]+)", path) for path in new)
    assert not left_behind(tmp_path / "x")


# --------------------------------------------------------------------------------------------
# The tests themselves


def test_children_start_with_default_signals():
    """Also where pytest was started with some ignored, under nohup or with & from a script."""

    def report():
        print([signal.getsignal(number) for number in (signal.SIGINT, signal.SIGHUP)])

    with forked(report) as child:
        out, _ = child.communicate()
    assert out == f"{[signal.default_int_handler, signal.SIG_DFL]}\n"
    script = "import signal; print(*map(signal.getsignal, (signal.SIGINT, signal.SIGHUP)))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "<built-in function default_int_handler> 0\n"
