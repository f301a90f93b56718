"""Runs that are stopped, and go on as if they had not been."""

import io
import signal
import sys

import numpy as np
import pytest
from conftest import record_of, started, tiny_arrays

CASES = {
    "perceptron": ("q1", ["perceptron"]),
    "perceptron, batches": ("q1", ["perceptron", "-batch_size", 8]),
    "perceptron, float64": ("q1", ["perceptron", "-precision", "float64", "-seed", 3]),
    "logistic regression": ("q1", ["logistic_regression", "-l2_penalty", 0.01]),
    "logistic regression, standardised": ("q1", ["logistic_regression", "-standardize"]),
    "numpy mlp": ("q1", ["mlp", "-hidden_size", 10]),
    "numpy mlp, batches": ("q1", ["mlp", "-hidden_size", 10, "-batch_size", 16]),
    "torch logistic regression": ("q2", ["logistic_regression", "-batch_size", 7]),
    "torch mlp, dropout": ("q2", ["mlp", "-dropout", 0.3, "-hidden_size", 10]),
    "torch mlp, momentum": ("q2", ["mlp", "-momentum", 0.9, "-l2_decay", 0.01, "-batch_size", 7]),
    "torch mlp, adam": ("q2", ["mlp", "-optimizer", "adam", "-batch_size", 16, "-layers", 1]),
    "torch logistic regression, adam": ("q2", ["logistic_regression", "-optimizer", "adam"]),
}


def numbers(record):
    """A record without the time that it took."""
    return {key: value for key, value in record.items() if key != "seconds"}


def epoch_lines(outcome):
    return [
        line for line in outcome.out.splitlines() if not line.startswith(("Training took", "init"))
    ]


def runner(request, run_main, tiny_npz, case):
    script, arguments = CASES[case]
    module = request.getfixturevalue(script)

    def run(folder, epochs, *more):
        arguments_of_all = ["-epochs", epochs, "-data_path", tiny_npz, "-plots_dir", folder]
        return run_main(module, *arguments, *arguments_of_all, *more)

    return run


@pytest.mark.parametrize("case", CASES)
def test_a_run_that_goes_on_ends_as_one_never_stopped(
    request, run_main, blank_figures, tmp_path, tiny_npz, case
):
    """Number for number, from any epoch, after other random numbers were drawn in between."""
    run = runner(request, run_main, tiny_npz, case)
    whole = run(tmp_path / "whole", 6)
    expected = record_of(tmp_path / "whole")
    for stop in (1, 4):
        folder = tmp_path / f"stopped after {stop}"
        assert run(folder, stop).status == 0
        for path in folder.glob("*record*"):
            path.unlink()
        np.random.seed(1)
        np.random.rand(77)
        resumed = run(folder, 6, "-resume")
        assert resumed.status == 0, resumed.err
        assert numbers(record_of(folder)) == numbers(expected)
        assert epoch_lines(resumed) == epoch_lines(whole)[2 * stop :]


@pytest.mark.parametrize("case", ["numpy mlp", "torch mlp, momentum"])
def test_going_on_in_several_parts(request, run_main, blank_figures, tmp_path, tiny_npz, case):
    run = runner(request, run_main, tiny_npz, case)
    run(tmp_path / "whole", 4)
    run(tmp_path / "parts", 1)
    for epochs in (2, 3, 4):
        for path in (tmp_path / "parts").glob("*record*"):
            path.unlink()
        assert run(tmp_path / "parts", epochs, "-resume").status == 0
    assert numbers(record_of(tmp_path / "parts")) == numbers(record_of(tmp_path / "whole"))


@pytest.mark.parametrize("case", ["logistic regression", "torch mlp, dropout"])
def test_a_finished_run_that_goes_on_prints_its_result_again(
    request, run_main, blank_figures, tmp_path, tiny_npz, case
):
    run = runner(request, run_main, tiny_npz, case)
    first = run(tmp_path, 3)
    before = record_of(tmp_path)
    again = run(tmp_path, 3, "-resume")
    assert again.status == 0
    assert again.out.splitlines()[-1] == first.out.splitlines()[-1]
    assert numbers(record_of(tmp_path)) == numbers(before)


@pytest.mark.parametrize("script", ["q1", "q2"])
def test_nothing_to_go_on_from(request, run_main, blank_figures, tmp_path, tiny_npz, script):
    """No checkpoint, or one of another model, other options or other data: refused in a line."""
    module = request.getfixturevalue(script)
    common = ["-plots_dir", tmp_path / "plots", "-epochs", 2]
    ours = ["mlp", "-hidden_size", 5, *common, "-data_path", tiny_npz]

    def refused(*arguments):
        outcome = run_main(module, *arguments, "-resume")
        return outcome.status == 2 and outcome.out == "" and len(outcome.err_lines) == 1

    assert refused(*ours)
    assert run_main(module, *ours).status == 0
    assert not refused(*ours)
    other = tmp_path / "other.npz"
    np.savez(other, **tiny_arrays(seed=9))
    assert refused(*ours[:-1], other)
    assert refused("mlp", "-hidden_size", 6, *ours[3:])
    assert refused(*ours, "-seed", 1)
    assert refused(*ours, "-learning_rate", 0.5)
    assert refused(*ours, "-standardize")
    assert refused("logistic_regression", *ours[3:])


@pytest.mark.parametrize("case", ["perceptron", "torch mlp, momentum"])
@pytest.mark.parametrize("damage", ["empty", "half", "nearly all", "bits", "pickle"])
def test_a_damaged_checkpoint_is_said_and_never_run(
    request, run_main, blank_figures, tmp_path, tiny_npz, case, damage
):
    import pickle

    from files import Trap

    run = runner(request, run_main, tiny_npz, case)
    run(tmp_path / "plots", 2)
    (path,) = (tmp_path / "plots").glob("*checkpoint*")
    data = bytearray(path.read_bytes())
    if damage == "bits":
        for i in range(len(data) // 3, len(data) // 3 + 30):
            data[i] ^= 0xFF
    elif damage == "pickle":
        data = pickle.dumps(Trap(tmp_path / "trap"))
    else:
        data = data[: {"empty": 0, "half": len(data) // 2, "nearly all": -10}[damage]]
    path.write_bytes(data)
    outcome = run(tmp_path / "plots", 4, "-resume")
    assert outcome.status == 2
    assert outcome.out == ""
    assert "Traceback" not in outcome.err
    assert path.name in outcome.err
    assert not (tmp_path / "trap").exists()


@pytest.mark.parametrize(
    "arrays",
    [
        {},
        {"meta": b"[1, 2]"},
        {"meta": b"{}"},
        {"meta": b'{"epochs": 2}'},
        {"meta": b'{"identity": {}, "epochs": "many"}'},
        {"meta": b"not json"},
        {"meta": b"\xff\xfe"},
        {"meta": b"[" * 100_000},
    ],
    ids=lambda arrays: str(arrays)[:40],
)
def test_a_strangers_file_among_the_checkpoints(q1, run_main, tmp_path, tiny_npz, arrays):
    """An npz that some other program, or an earlier version of this one, named so."""
    arrays = {key: np.frombuffer(value, np.uint8) for key, value in arrays.items()}
    np.savez(tmp_path / "A-checkpoint.npz", **arrays)
    common = ["-data_path", tiny_npz, "-plots_dir", tmp_path]
    outcome = run_main(q1, "perceptron", *common, "-resume")
    assert outcome.status == 2
    assert outcome.out == ""
    assert run_main(q1, "perceptron", *common, "-epochs", 1).status == 0
    assert run_main(q1, "perceptron", *common, "-epochs", 2, "-resume").status == 0


def stopped_at(process, line, number):
    """Send a signal once a process has printed a line; what it prints from there on, and says."""
    assert f"{line}\n" in iter(process.stdout.readline, "")
    process.send_signal(number)
    return process.communicate(timeout=60)


@pytest.mark.parametrize(
    ("script", "arguments"),
    [
        ("q1", ["mlp", "-hidden_size", "10"]),
        ("q2", ["mlp", "-momentum", "0.9", "-dropout", "0.3", "-hidden_size", "10"]),
    ],
)
def test_ctrl_c_keeps_what_was_trained(request, run_main, tmp_path, tiny_npz, script, arguments):
    plots = tmp_path / "plots"
    arguments = [*arguments, "-data_path", tiny_npz, "-plots_dir"]
    with started(f"hw1-{script}.py", *arguments, plots, "-epochs", 1_000_000) as process:
        out, err = stopped_at(process, "Training epoch 3", signal.SIGINT)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert len([line for line in err.splitlines() if line.strip()]) == 1
    assert "-resume" in err
    assert "Final" not in out
    assert not any(path.name.startswith(".") for path in plots.iterdir())
    assert list(plots.glob("*.pdf"))
    record = record_of(plots)
    assert record["status"] == "interrupted"
    done = len(record["epochs"])
    assert done >= 2
    assert [row["epoch"] for row in record["epochs"]] == list(range(1, done + 1))

    module = request.getfixturevalue(script)
    for path in plots.glob("*record*"):
        path.unlink()
    resumed = run_main(module, *arguments, plots, "-epochs", done + 2, "-resume")
    assert resumed.status == 0, resumed.err
    assert run_main(module, *arguments, tmp_path / "whole", "-epochs", done + 2).status == 0
    assert numbers(record_of(plots)) == numbers(record_of(tmp_path / "whole"))


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_other_ways_to_be_stopped(tmp_path, tiny_npz, name):
    """The exit status tells them apart; what was trained is kept all the same."""
    number = getattr(signal, name)
    arguments = ["-data_path", tiny_npz, "-plots_dir", tmp_path / "plots", "-epochs", 1_000_000]
    with started("hw1-q1.py", "perceptron", *arguments) as process:
        _, err = stopped_at(process, "Training epoch 2", number)
    assert process.returncode == 128 + number
    assert len([line for line in err.splitlines() if line.strip()]) == 1
    record = record_of(tmp_path / "plots")
    assert record["status"] == "interrupted"
    assert len(record["epochs"]) >= 1


def test_ctrl_c_before_the_first_epoch_is_over(tmp_path):
    """Nothing is kept, which is said; the exit status is the same."""
    np.savez(tmp_path / "large.npz", **tiny_arrays(sizes=(20_000, 9, 9), shape=(20, 20)))
    arguments = ["-data_path", tmp_path / "large.npz", "-plots_dir", tmp_path / "plots"]
    with started("hw1-q1.py", "mlp", "-hidden_size", 500, *arguments) as process:
        out, err = stopped_at(process, "Training epoch 1", signal.SIGINT)
    assert process.returncode == 130
    assert out == ""
    assert "Traceback" not in err
    assert len([line for line in err.splitlines() if line.strip()]) == 1
    assert not list((tmp_path / "plots").iterdir())


def test_a_reader_that_leaves_is_no_traceback(tmp_path, tiny_npz):
    """As in `python hw1-q1.py ... | head -1`."""
    arguments = ["-data_path", tiny_npz, "-plots_dir", tmp_path / "plots", "-epochs", 1_000_000]
    with started("hw1-q1.py", "perceptron", *arguments) as process:
        process.stdout.readline()
        process.stdout.close()
        err = process.stderr.read()
        assert process.wait(timeout=60) != 0
    assert "Traceback" not in err
    assert "Exception" not in err


def test_each_line_is_flushed(q1, run_main, blank_figures, monkeypatch, tmp_path, tiny_npz):
    """Through a pipe too, an epoch is seen when it is over and not when the run is."""

    class Pipe(io.StringIO):
        seen = ""

        def flush(self):
            self.seen = self.getvalue()

    pipe, seen, train_epoch = Pipe(), [], q1.Perceptron.train_epoch

    def watched(model, *arguments, **options):
        seen.append(pipe.seen.splitlines())
        return train_epoch(model, *arguments, **options)

    monkeypatch.setattr(sys, "stdout", pipe)
    monkeypatch.setattr(q1.Perceptron, "train_epoch", watched)
    arguments = ["-epochs", 3, "-data_path", tiny_npz, "-plots_dir", tmp_path]
    assert run_main(q1, "perceptron", *arguments).status == 0
    assert [len(lines) for lines in seen] == [2, 4, 6]
    assert [lines[-1] for lines in seen] == [f"Training epoch {i}" for i in (1, 2, 3)]


def test_an_unknown_failure_is_not_hidden(q1, run_main, monkeypatch, tmp_path, tiny_npz):
    """Only what the user can mend is put into one line; a mistake of the program shows itself."""

    def mistake(*arguments, **options):
        raise ZeroDivisionError

    monkeypatch.setattr(q1.Perceptron, "train_epoch", mistake)
    with pytest.raises(ZeroDivisionError):
        run_main(q1, "perceptron", "-data_path", tiny_npz, "-plots_dir", tmp_path)
