"""Nothing lost: runs that are killed, stopped, crowded or out of disk at each moment of their life.

The tests marked `long` try one random moment by default. In full, on a data file of one's own:

    HOMEWORK_KILLS=50 HOMEWORK_DATA=data/intel_landscapes.npz python -m pytest -m long tests
"""

import contextlib
import errno
import json
import math
import os
import pty
import random
import resource
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from conftest import ROOT, record_of, run_script, snapshot, started, tiny_arrays
from faulty import owner_of, plant

import runs

KILLS = int(os.environ.get("HOMEWORK_KILLS", "1"))
FAULTY = "tests/faulty.py"
MODELS = {
    "perceptron": ("q1", ["perceptron"]),
    "logistic regression": ("q1", ["logistic_regression", "-l2_penalty", 0.01]),
    "numpy mlp": ("q1", ["mlp", "-hidden_size", 10]),
    "torch mlp, dropout": ("q2", ["mlp", "-dropout", 0.3, "-hidden_size", 10]),
    "torch mlp, momentum": ("q2", ["mlp", "-momentum", 0.9, "-batch_size", 7]),
}
BOTH = ["numpy mlp", "torch mlp, momentum"]


@pytest.fixture
def a_run(request, run_main, blank_figures, tmp_path, tiny_npz):
    """Run a model for some epochs in this process: a_run("numpy mlp", "folder", 3, "-resume")."""

    def run(model, folder, epochs, *more, data=tiny_npz):
        script, arguments = MODELS[model]
        arguments = [*arguments, "-epochs", epochs, "-data_path", data, "-plots_dir"]
        return run_main(request.getfixturevalue(script), *arguments, tmp_path / folder, *more)

    return run


@pytest.fixture
def faults(request):
    """Plant faults, as tests/faulty.py takes them, in this process, for as long as the block lasts:
    with faults("q1", "SIGINT:os.replace:1"): ...
    """

    @contextlib.contextmanager
    def planted(script, *faults):
        stops = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {number: signal.getsignal(number) for number in stops}
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(runs, "CHECKPOINT_SECONDS", 0)
            patched.setattr(runs, "CHECKPOINT_SHARE", math.inf)
            for fault in faults:
                what, where, call = fault.split(":")
                owner, name = owner_of(where, request.getfixturevalue(script))
                patched.setattr(owner, name, getattr(owner, name))  # to be put back at the end
                plant(what, owner, name, int(call))
            yield
        for number, handler in before.items():
            signal.signal(number, handler)

    return planted


def numbers(folder):
    """The record of the only run in a folder, as text without the time that it took."""
    record = record_of(folder)
    assert set(record.pop("seconds")) == {"training", "evaluation", "plotting"}
    return json.dumps(record)


def lines(outcome):
    """What was said on standard error, without empty lines."""
    return [line for line in outcome.err.splitlines() if line.strip()]


def printed(outcome):
    return [line for line in outcome.out.splitlines() if not line.startswith("Training took")]


def hidden(folder):
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


def check_whole(folder):
    """Whatever has its name is whole."""
    for path in folder.iterdir():
        if not path.name.startswith("."):
            if path.suffix == ".json":
                runs.read_record(path)
            elif path.suffix == ".npz":
                runs.read_checkpoint(path, "meta")
                runs.read_checkpoint(path, "state")


# --------------------------------------------------------------------------------------------
# Killed


def killed(model, data, folder, epochs, line, pause):
    """A run in a process of its own that is killed some time after it has printed so many lines."""
    script, arguments = MODELS[model]
    arguments = [*arguments, "-epochs", epochs, "-data_path", data, "-plots_dir", folder]
    with started(FAULTY, "", f"hw1-{script}.py", *arguments) as process:
        for _ in range(line):
            process.stdout.readline()
        time.sleep(pause)
        process.kill()


def go_on(a_run, model, folder, epochs, **options):
    """Take up a killed run; one that has no checkpoint yet is started again."""
    outcome = a_run(model, folder, epochs, "-resume", **options)
    if outcome.status == 2 and "no checkpoint of this run" in outcome.err:
        outcome = a_run(model, folder, epochs, **options)
    assert outcome.status == 0, outcome.err
    return outcome


@pytest.mark.long
@pytest.mark.parametrize("model", BOTH)
def test_killed_at_random_moments_and_resumed(a_run, tmp_path, tiny_npz, model):
    """The record is that of a run never stopped; nothing half-written has a name, or stays."""
    epochs = 60
    assert a_run(model, "whole", epochs).status == 0
    moments = random.Random(5)
    for kill in range(KILLS):
        folder = tmp_path / str(kill)
        line, pause = moments.randrange(1, 2 * epochs + 4), moments.uniform(0, 0.02)
        killed(model, tiny_npz, folder, epochs, line, pause)
        check_whole(folder)
        if line > 6:  # the second epoch is over, the first's checkpoint written
            assert list(folder.glob("*checkpoint*"))
        go_on(a_run, model, str(kill), epochs)
        assert numbers(folder) == numbers(tmp_path / "whole"), (line, pause)
        assert not hidden(folder)


@pytest.mark.long
@pytest.mark.parametrize("model", MODELS if "HOMEWORK_DATA" in os.environ else ["perceptron"])
def test_killed_and_resumed_on_a_data_file_of_choice(a_run, tmp_path, tiny_npz, model):
    data = os.environ.get("HOMEWORK_DATA", tiny_npz)
    assert a_run(model, "whole", 4, data=data).status == 0
    killed(model, data, tmp_path / "killed", 4, line=6, pause=0)
    assert "going on after epoch" in go_on(a_run, model, "killed", 4, data=data).err
    assert numbers(tmp_path / "killed") == numbers(tmp_path / "whole")


@pytest.mark.parametrize("call", range(1, 10))
def test_killed_before_each_renaming(a_run, tmp_path, tiny_npz, call):
    """From the first checkpoint on there is a whole one at each moment."""
    assert a_run("perceptron", "whole", 3).status == 0
    arguments = ["perceptron", "-epochs", 3, "-data_path", tiny_npz, "-plots_dir", tmp_path / "x"]
    done = run_script(FAULTY, f"SIGKILL:os.replace:{call}", "hw1-q1.py", *arguments)
    assert done.returncode == -signal.SIGKILL
    check_whole(tmp_path / "x")
    assert bool(list((tmp_path / "x").glob("*checkpoint*"))) == (call > 1)
    outcome = go_on(a_run, "perceptron", "x", 3)
    assert numbers(tmp_path / "x") == numbers(tmp_path / "whole")
    assert printed(outcome)[-1].startswith("Final test acc")
    assert not hidden(tmp_path / "x")


# --------------------------------------------------------------------------------------------
# Stopped

# Where a stop arrives in a run of 4 epochs, and how many of them are kept; None: finished.
PHASES = {
    "reading the data": ("utils.read_npz:1", 0),
    "seeding": ("utils.configure_seed:1", 0),
    "before the first line": ("runs.Run.say:1", 0),
    "before the first epoch": ("runs.Run.epochs:1", 0),
    "training": ({"q1": "script.MLP.train_epoch:3", "q2": "runs.Run.progress:3"}, 2),
    "evaluation": ({"q1": "script.MLP.evaluate:8", "q2": "script.evaluate:4"}, 2),
    "before an epoch's line": ("runs.Run.end_epoch:3", 2),
    "before an epoch's snapshot": ("runs.Run.warn_if_not_finite:3", 2),
    "before a checkpoint": ("runs.Run.save_checkpoint:3", 3),
    "writing a checkpoint": ("os.fsync:2", 2),
    "keeping the checkpoint before": ("os.replace:2", 2),
    "naming a checkpoint": ("os.replace:3", 2),
    "after the last epoch": ("runs.Run.duration:1", 4),
    "the last evaluation": ({"q1": "script.MLP.evaluate:11", "q2": "script.evaluate:6"}, 4),
    "before finishing": ("runs.Run.finish:1", 4),
    "the last checkpoint": ("runs.Run._write_checkpoint:5", None),
    "the record": ("runs.Run._write_record:1", None),
    "the results": ("runs.Run._write_results:1", None),
    "the figures": ("runs.Run._write_curves:1", None),
    "a figure": ("utils.save_figure:1", None),
    "the record with the time of plotting": ("runs.Run._write_record:2", None),
}


@pytest.mark.parametrize("model", BOTH)
@pytest.mark.parametrize("phase", PHASES)
def test_stopped_at_each_phase(a_run, faults, tmp_path, model, phase):
    """The record says how far it came; the same command with -resume ends as if never stopped."""
    script = MODELS[model][0]
    whole = a_run(model, "whole", 4)
    where, kept = PHASES[phase]
    where = where if isinstance(where, str) else where[script]
    with faults(script, f"SIGINT:{where}"):
        stopped = a_run(model, "stopped", 4)
    folder = tmp_path / "stopped"
    assert stopped.status == 130
    assert len(lines(stopped)) == 1 and lines(stopped)[0].startswith("stopped"), stopped.err
    assert not folder.exists() or not hidden(folder)
    if kept == 0:
        assert not folder.exists() or not list(folder.iterdir())
        return
    record = record_of(folder)
    assert record["status"] == ("finished" if kept is None else "interrupted")
    assert len(record["epochs"]) == (kept or 4)
    assert ("-resume" in stopped.err) == ("time of plotting" not in phase)
    assert bool(list(folder.glob("*results*.txt"))) == (kept is None)
    if kept is not None:
        assert list(folder.glob("*.pdf"))
    resumed = go_on(a_run, model, "stopped", 4)
    assert numbers(folder) == numbers(tmp_path / "whole")
    assert printed(resumed)[-1] == printed(whole)[-1]
    left = {path.name for path in (tmp_path / "whole").iterdir()}
    assert left <= {path.name for path in folder.iterdir()}


@pytest.mark.parametrize(("name", "status"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_each_signal_has_its_exit_status_from_the_start(a_run, faults, tmp_path, name, status):
    with faults("q1", f"{name}:utils.read_npz:1"):
        outcome = a_run("perceptron", "x", 2)
    assert (outcome.status, outcome.out, len(lines(outcome))) == (status, "", 1)
    assert not (tmp_path / "x").exists()


def test_stopped_while_the_stand_in_is_drawn(q1, run_main, faults, monkeypatch, tmp_path):
    from data import standin

    monkeypatch.setattr(runs, "DEFAULT_DATA", ROOT / "data" / "not there.npz")
    monkeypatch.setattr(runs, "STANDIN", tmp_path / "synthetic.npz")
    with faults("q1"):
        monkeypatch.setattr(standin, "chunks", standin.chunks)
        plant("SIGTERM", standin, "chunks", 1)
        outcome = run_main(q1, "perceptron", "-plots_dir", tmp_path / "plots")
    assert outcome.status == 143
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "where", ["script.restore:1", "script.count_correct:1", "runs.Run.finish:1"]
)
def test_a_finished_run_is_not_marked_interrupted(a_run, faults, tmp_path, where):
    """Stopped when it is resumed with nothing left to train, it stays as it was."""
    assert a_run("numpy mlp", "x", 3).status == 0
    before = snapshot(tmp_path / "x")
    with faults("q1", f"SIGINT:{where}"):
        stopped = a_run("numpy mlp", "x", 3, "-resume")
    assert stopped.status == 130
    assert snapshot(tmp_path / "x") == before


def test_a_second_stop_leaves_at_once(a_run, tmp_path, tiny_npz):
    arguments = ["mlp", "-hidden_size", 10, "-epochs", 4, "-data_path", tiny_npz]
    faults = "SIGINT:runs.Run.end_epoch:4,SIGINT:runs.Run._write_record:1"
    done = run_script(FAULTY, faults, "hw1-q1.py", *arguments, "-plots_dir", tmp_path / "x")
    assert done.returncode == -signal.SIGINT
    check_whole(tmp_path / "x")
    go_on(a_run, "numpy mlp", "x", 4)
    assert a_run("numpy mlp", "whole", 4).status == 0
    assert numbers(tmp_path / "x") == numbers(tmp_path / "whole")


def test_a_terminal_that_is_closed(tmp_path, tiny_npz):
    """Its hangup arrives, and writing to it fails from then on."""
    arguments = ["perceptron", "-data_path", tiny_npz, "-plots_dir", tmp_path, "-epochs", 10**6]
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
def test_a_run_that_fails_keeps_what_it_trained(a_run, q1, monkeypatch, tmp_path, failure):
    """Whether the fault is the machine's or the program's."""
    train_epoch, epochs = q1.MLP.train_epoch, []

    def failing(*arguments, **options):
        epochs.append(1)
        if len(epochs) == 4:
            raise failure
        return train_epoch(*arguments, **options)

    with monkeypatch.context() as patched:
        patched.setattr(q1.MLP, "train_epoch", failing)
        if isinstance(failure, MemoryError):
            assert a_run("numpy mlp", "x", 6).status == 2
        else:
            with pytest.raises(ZeroDivisionError):
                a_run("numpy mlp", "x", 6)
    assert len(record_of(tmp_path / "x")["epochs"]) == 3
    go_on(a_run, "numpy mlp", "x", 6)
    assert a_run("numpy mlp", "whole", 6).status == 0
    assert numbers(tmp_path / "x") == numbers(tmp_path / "whole")


# --------------------------------------------------------------------------------------------
# No room


@pytest.mark.parametrize(("seconds", "pause"), [(0.1, 30), (0.6, 30), (3.0, 150)])
def test_a_slow_checkpoint_is_written_less_often(monkeypatch, seconds, pause):
    """So that checkpoints take at most 2% of the time."""
    run = SimpleNamespace(_write=lambda *_: None, _write_checkpoint=None)
    clock = SimpleNamespace(monotonic=iter([100.0, 100.0 + seconds]).__next__)
    monkeypatch.setattr(runs, "time", clock)
    runs.Run.save_checkpoint(run)
    assert run.due == pytest.approx(100 + seconds + pause)


@pytest.mark.parametrize("model", BOTH)
@pytest.mark.parametrize("error", ["ENOSPC", "EDQUOT", "EIO"])
def test_a_disk_that_is_full_during_training(a_run, faults, tmp_path, model, error):
    """Training goes on, it is said once; at the end what is missing is named, with status 1."""
    whole = a_run(model, "whole", 4)
    script = MODELS[model][0]
    with faults(script, f"{error}:os.fsync:2"):  # the first epoch's checkpoint is written
        outcome = a_run(model, "full", 4)
    assert outcome.status == 1
    assert printed(outcome) == printed(whole)
    assert len(lines(outcome)) == 2
    assert "goes on" in lines(outcome)[0] and "checkpoint" in lines(outcome)[0]
    for word in ("checkpoint", "record", "results", os.strerror(getattr(errno, error))):
        assert word in lines(outcome)[1]
    assert not hidden(tmp_path / "full")
    check_whole(tmp_path / "full")
    assert "going on after epoch 1 of 4" in go_on(a_run, model, "full", 4).err
    assert numbers(tmp_path / "full") == numbers(tmp_path / "whole")


def test_a_folder_that_turns_read_only(a_run, faults, monkeypatch, tmp_path):
    import tempfile

    whole = a_run("numpy mlp", "whole", 3)
    monkeypatch.setattr(tempfile, "mkstemp", tempfile.mkstemp)
    plant("EROFS", tempfile, "mkstemp", 1)
    with faults("q1"):
        outcome = a_run("numpy mlp", "x", 3)
    assert outcome.status == 1
    assert printed(outcome) == printed(whole)
    assert len(lines(outcome)) == 2 and "Read-only" in lines(outcome)[1]
    # Only what blank_figures writes in its own way.
    assert {path.suffix for path in (tmp_path / "x").iterdir()} == {".pdf"}


def test_room_again(a_run, faults, monkeypatch, tmp_path):
    """A checkpoint that failed in between is said, and no matter in the end."""
    fsync, calls = os.fsync, []

    def failing(descriptor):
        calls.append(1)
        if len(calls) in (1, 2):
            raise OSError(28, "No space left on device")
        return fsync(descriptor)

    monkeypatch.setattr(os, "fsync", failing)
    with faults("q1"):
        outcome = a_run("perceptron", "x", 4)
    assert outcome.status == 0
    assert len(lines(outcome)) == 1 and "goes on" in outcome.err
    assert record_of(tmp_path / "x")["status"] == "finished"


@pytest.mark.parametrize("failing", ["record", "results", "checkpoint", "curves"])
def test_each_kind_of_file_is_tried(a_run, faults, tmp_path, failing):
    """One that fails stops none of the others."""
    whole = a_run("perceptron", "whole", 2)
    where = "utils.save_figure:1" if failing == "curves" else f"runs.Run._write_{failing}:1"
    with faults("q1", f"ENOSPC:{where}"):
        outcome = a_run("perceptron", "x", 2)
    assert outcome.status == 1
    assert printed(outcome) == printed(whole)
    missing = {path.name for path in (tmp_path / "whole").iterdir()}
    missing -= {path.name for path in (tmp_path / "x").iterdir()}
    assert missing and all(name in lines(outcome)[-1] for name in missing)
    kinds = {"record": ".json", "results": ".txt", "checkpoint": ".npz", "curves": ".pdf"}
    assert {os.path.splitext(name)[1] for name in missing} == {kinds[failing]}


@pytest.mark.parametrize("failure", [MemoryError(), OSError("of no number")])
def test_a_checkpoint_that_fails_for_another_reason(a_run, monkeypatch, tmp_path, failure):
    """It is said as well, and training goes on."""

    def failing(run, path):
        raise failure

    whole = a_run("perceptron", "whole", 2)
    monkeypatch.setattr(runs.Run, "_write_checkpoint", failing)
    outcome = a_run("perceptron", "x", 2)
    assert (outcome.status, printed(outcome)) == (1, printed(whole))
    assert "checkpoint" in outcome.err and (str(failure) or "not enough memory") in outcome.err
    assert record_of(tmp_path / "x")["status"] == "finished"


def test_stopped_with_no_room_promises_nothing(a_run, faults, tmp_path):
    with faults("q1", "ENOSPC:os.fsync:1", "SIGINT:runs.Run.end_epoch:3"):
        outcome = a_run("perceptron", "x", 4)
    assert outcome.status == 130
    assert "-resume" not in outcome.err
    assert "checkpoint.npz" in lines(outcome)[-1] and "No space" in lines(outcome)[-1]


@pytest.mark.parametrize("room", [0, 3000, 12_000])
def test_a_disk_of_a_few_kilobytes(tmp_path, tiny_npz, room):
    """The operating system takes no more than `room` bytes a file; figures are real ones."""
    arguments = ["mlp", "-hidden_size", 5, "-epochs", 3, "-data_path", tiny_npz]
    done = run_script(
        "hw1-q1.py", *arguments, "-plots_dir", tmp_path / "x",
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room, room)),
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert done.stdout.splitlines()[-1].startswith("Final test acc")
    (line,) = done.stderr.splitlines()
    assert line.startswith("not written: ") and "File too large" in line
    for path in (tmp_path / "x").iterdir():
        assert 0 < path.stat().st_size <= room
        assert str(path) not in line
    check_whole(tmp_path / "x")


def test_standard_output_on_a_full_disk(tmp_path, tiny_npz):
    """As in `python hw1-q1.py ... > log`: the run goes on and leaves its files."""
    arguments = ["perceptron", "-epochs", 500, "-data_path", tiny_npz, "-plots_dir", tmp_path]
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, ROOT / "hw1-q1.py", *map(str, arguments)],
            check=False,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 2
    assert all("standard output" in line for line in done.stderr.splitlines())
    assert len(record_of(tmp_path)["epochs"]) == 500
    assert len(list(tmp_path.glob("*.pdf"))) == 2


# --------------------------------------------------------------------------------------------
# Not alone


def test_the_same_settings_twice_at_once(a_run, tmp_path, tiny_npz):
    """The second is refused, others are not; a run that was killed locks no one out."""
    plots = tmp_path / "x"
    arguments = ["perceptron", "-data_path", tiny_npz, "-plots_dir", plots]
    with started("hw1-q1.py", *arguments, "-epochs", 10**6) as process:
        process.stdout.readline()
        before = {path.name for path in plots.iterdir()}
        for more in ([], ["-resume"]):
            refused = a_run("perceptron", "x", 10**6, *more)
            assert (refused.status, refused.out) == (2, "")
            assert len(lines(refused)) == 1 and "another run" in refused.err
        assert before <= {path.name for path in plots.iterdir()}
        assert a_run("perceptron", "x", 3, "-seed", 1).status == 0
        assert a_run("perceptron", "x", 3).status == 0
        process.kill()
        process.wait()
    assert hidden(plots)  # the lock's file, which now locks nothing
    with started("hw1-q1.py", *arguments, "-epochs", 10**6) as process:
        assert process.stdout.readline().startswith("initial")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert not hidden(plots)


def test_many_at_once(a_run, tmp_path, tiny_npz):
    """Of equal runs started together some are refused; what is left is one run's, whole."""
    arguments = ["perceptron", "-epochs", "300", "-data_path", str(tiny_npz)]
    processes = [
        subprocess.Popen(
            [sys.executable, FAULTY, "", "hw1-q1.py", *arguments, "-plots_dir", tmp_path / "x"],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    said = [process.communicate(timeout=120)[1] for process in processes]
    ends = [process.returncode for process in processes]
    assert 0 in ends and set(ends) <= {0, 2}
    for end, text in zip(ends, said, strict=True):
        assert ("another run" in text) == (end == 2)
    assert a_run("perceptron", "whole", 300).status == 0
    assert numbers(tmp_path / "x") == numbers(tmp_path / "whole")
    assert not hidden(tmp_path / "x")


# --------------------------------------------------------------------------------------------
# The same again


def test_the_same_command_twice_writes_the_same_record(a_run, tmp_path):
    """Byte for byte but for the seconds; another seed gives other numbers."""
    for model in MODELS:
        texts = []
        for folder, more in (("a", []), ("b", []), ("c", ["-seed", 7])):
            folder = f"{model} {folder}"
            assert a_run(model, folder, 3, *more).status == 0
            (path,) = (tmp_path / folder).glob("*record*.json")
            head, _, seconds = path.read_text().partition(' "seconds": {')
            assert seconds.count("\n") == 6
            texts.append(head)
        assert texts[0] == texts[1]
        rows = [json.loads(head.rstrip().rstrip(",") + "}")["epochs"] for head in texts]
        assert rows[2] != rows[0], model


def test_question_1_is_the_same_on_any_number_of_threads(tmp_path):
    """Its products are large enough here for BLAS to divide them among threads, were it let."""
    np.savez(tmp_path / "x.npz", **tiny_arrays(sizes=(300, 100, 100), shape=(30, 30, 3)))
    arguments = ["mlp", "-epochs", 2, "-data_path", tmp_path / "x.npz", "-plots_dir"]
    for threads in ("1", "2", "5"):
        variables = {"OPENBLAS_NUM_THREADS": threads, "OMP_NUM_THREADS": threads}
        done = run_script(
            FAULTY, "", "hw1-q1.py", *arguments, tmp_path / threads, env={**os.environ, **variables}
        )
        assert done.returncode == 0, done.stderr
    assert numbers(tmp_path / "1") == numbers(tmp_path / "2") == numbers(tmp_path / "5")


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="torch has no oneDNN here")
def test_question_2_is_the_same_on_any_number_of_threads(tmp_path):
    """By oneDNN; torch's own products differ here from one thread to two."""
    np.savez(tmp_path / "x.npz", **tiny_arrays(sizes=(640, 64, 64), shape=(16, 16, 3), n_classes=6))
    arguments = ["mlp", "-epochs", 2, "-data_path", tmp_path / "x.npz", "-plots_dir"]
    states = []
    for threads in ("1", "2"):
        done = run_script(
            FAULTY, "", "hw1-q2.py", *arguments, tmp_path / threads,
            env={**os.environ, "OMP_NUM_THREADS": threads},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        (path,) = (tmp_path / threads).glob("mlp-checkpoint-batch*")
        states.append(runs.read_checkpoint(path, "state"))
    assert states[0].keys() == states[1].keys()
    for name, array in states[0].items():
        assert np.array_equal(array, states[1][name]), name


@pytest.mark.parametrize("name", ["../up", "ü" * 60, "x" * 240, "-resume"])
def test_no_name_escapes_the_folder(a_run, tmp_path, name):
    """Nor does what a killed run leaves behind, or the lock."""
    (tmp_path / "in" / "deeper").mkdir(parents=True)
    data = tmp_path / "in" / "deeper" / f"{name}.npz"
    np.savez(data, **tiny_arrays())
    before = snapshot(tmp_path)
    with started(FAULTY, "SIGKILL:os.replace:4", "hw1-q1.py", "perceptron", "-epochs", "5",
                 "-data_path", data, "-plots_dir", tmp_path / "x") as process:  # fmt: skip
        process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    assert hidden(tmp_path / "x")
    go_on(a_run, "perceptron", "x", 5, data=data)
    new = set(snapshot(tmp_path)) - set(before) - {"x"}
    assert new and all(path.startswith("x/") and path.count("/") == 1 for path in new)
    assert not hidden(tmp_path / "x")
