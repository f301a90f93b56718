"""Runs that go on as if they had not been stopped, and runs that start anew where another was."""

import io
import sys

import numpy as np
import pytest
from conftest import checkpoints_in, numbers, record_of, remove_record, tiny_arrays
from faulty import checkpoints_after_every_epoch

from fast import exact_sgd
from lab.checkpoint import read_checkpoint

pytestmark = pytest.mark.usefixtures("blank_figures")

CASES = {
    "perceptron": ("q1", ["perceptron"]),
    "perceptron, batches": ("q1", ["perceptron", "-batch_size", 8]),
    "perceptron, another seed": ("q1", ["perceptron", "-seed", 3]),
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


@pytest.fixture
def a_run(request, run_main, tmp_path, tiny_npz):
    """Run a case for some epochs: a_run("numpy mlp", "folder", 3, "-resume")."""

    def run(case, folder, epochs, *more):
        script, arguments = CASES[case]
        where = ["-data_path", tiny_npz, "-plots_dir", tmp_path / folder]
        epochs = ["-epochs", epochs] if epochs else []
        return run_main(request.getfixturevalue(script), *arguments, *epochs, *where, *more)

    return run


def epoch_lines(outcome):
    return [line for line in outcome.printed if not line.startswith("init")]


@pytest.mark.parametrize("case", CASES)
def test_a_run_that_goes_on_ends_as_one_never_stopped(a_run, tmp_path, case):
    """Number for number, in parts of one and of three epochs, after random numbers drawn in between.

    Each of the parts was a command for fewer epochs. A finished run that goes on prints its result
    again.
    """
    whole = a_run(case, "whole", 6)
    lines, done = [], 0
    for epochs, more in ((1, []), (4, ["-resume"]), (6, ["-resume"])):
        np.random.seed(1)
        np.random.rand(77)
        outcome = a_run(case, "parts", epochs, *more)
        assert outcome.status == 0, outcome.err
        assert outcome.err_lines == (
            [f"resuming from epoch {done + 1} of {epochs}"] if more else []
        )
        lines += epoch_lines(outcome)[:-1]  # but for the final accuracy
        done = epochs
        if epochs < 6:
            remove_record(tmp_path / "parts")
    assert numbers(tmp_path / "parts") == numbers(tmp_path / "whole")
    assert [*lines, outcome.printed[-1]] == epoch_lines(whole)
    remove_record(tmp_path / "parts")
    assert a_run(case, "parts", 6, "-resume").printed == whole.printed[-1:]
    assert numbers(tmp_path / "parts") == numbers(tmp_path / "whole")


@pytest.mark.parametrize(
    ("case", "default"), [("perceptron", 20), ("torch logistic regression", 200)]
)
def test_the_default_number_of_epochs_is_one_like_any_other(a_run, case, default):
    """From it to more, to it from fewer, and to it from itself."""
    assert a_run(case, "x", default - 1).status == 0
    assert f"from epoch {default} of {default}" in a_run(case, "x", None, "-resume").err
    assert f"all {default} epochs are trained" in a_run(case, "x", None, "-resume").err
    assert (
        f"from epoch {default + 1} of {default + 2}" in a_run(case, "x", default + 2, "-resume").err
    )


def test_resuming_for_fewer_epochs_says_where_the_checkpoint_is(a_run):
    assert a_run("perceptron", "x", 5).status == 0
    outcome = a_run("perceptron", "x", 3, "-resume")
    assert (outcome.status, len(outcome.said)) == (2, 1)
    assert "epoch 5" in outcome.err


def test_resuming_where_there_is_no_folder_makes_none(a_run, tmp_path):
    assert a_run("numpy mlp", "none", 3, "-resume").status == 2
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("neighbour", ["-seed", "-standardize", "-l2_penalty"])
def test_only_this_runs_checkpoints_are_taken(a_run, tmp_path, neighbour):
    """By what they say of themselves: the folder that one lies in does not count."""
    case = "logistic regression"
    more = [neighbour] if neighbour == "-standardize" else [neighbour, 7]
    assert a_run(case, "x", 3, *more).status == 0
    (theirs,) = checkpoints_in(tmp_path / "x")
    assert a_run(case, "x", 2).status == 0
    (ours,) = set(checkpoints_in(tmp_path / "x")) - {theirs}
    ours.replace(theirs.with_name("checkpoint-before.npz"))
    theirs.replace(ours)
    assert a_run(case, "whole", 4).status == 0
    remove_record(tmp_path / "x")
    outcome = a_run(case, "x", 4, "-resume")
    assert (outcome.status, outcome.err) == (0, "resuming from epoch 3 of 4\n")
    assert numbers(tmp_path / "x") == numbers(tmp_path / "whole")


def test_a_damaged_neighbour_is_left_aside(a_run, tmp_path):
    """Whose it is cannot be told, so it is said in a line."""
    assert a_run("perceptron", "x", 3, "-seed", 5).status == 0
    (theirs,) = checkpoints_in(tmp_path / "x")
    theirs.write_bytes(b"damaged")
    assert a_run("perceptron", "x", 2).err == ""
    note, resumed = a_run("perceptron", "x", 3, "-resume").said
    assert theirs.parent.name in note and "damaged" in note and "left aside" in note
    assert resumed == "resuming from epoch 3 of 3"


def test_a_checkpoint_that_is_being_replaced_is_not_damaged(a_run, monkeypatch, tmp_path):
    """For a moment a run of other epochs has its last one under the name of the one before."""
    assert a_run("perceptron", "x", 2).status == 0
    assert a_run("perceptron", "x", 3).status == 0
    (last,) = (path for path in checkpoints_in(tmp_path / "x") if "epochs-3" in str(path))

    def gone_when_opened(path):
        if path == last:
            path.unlink(missing_ok=True)
        return read_checkpoint(path)

    monkeypatch.setattr("lab.checkpoint.read_checkpoint", gone_when_opened)
    outcome = a_run("perceptron", "x", 4, "-resume")
    assert (outcome.status, outcome.err) == (0, "resuming from epoch 3 of 4\n")


# --------------------------------------------------------------------------------------------
# The same command without -resume


def interrupted(a_run, q1, case, folder, after, epochs, *more):
    """Run a NumPy model that is stopped after so many epochs."""
    with pytest.MonkeyPatch.context() as patched:
        checkpoints_after_every_epoch(patched)
        calls, end_epoch = [], q1.Run.end_epoch

        def stopping(run, *arguments, **options):
            calls.append(1)
            if len(calls) > after:
                raise KeyboardInterrupt
            end_epoch(run, *arguments, **options)

        patched.setattr(q1.Run, "end_epoch", stopping)
        return a_run(case, folder, epochs, *more)


def checkpoint_epochs(folder):
    return sorted(read_checkpoint(path).epochs for path in checkpoints_in(folder))


def test_an_interrupted_runs_epochs_are_kept_until_the_new_run_has_as_many(a_run, q1, tmp_path):
    folder = tmp_path / "x"
    whole = a_run("numpy mlp", "whole", 8)
    assert interrupted(a_run, q1, "numpy mlp", "x", 5, 8).status == 130
    again = interrupted(a_run, q1, "numpy mlp", "x", 3, 8)
    assert again.status == 130
    note, end = again.said
    assert "stopped after epoch 5" in note and "-resume" in note and "kept" in note
    assert "stopped after epoch 3 of 8" in end and "after epoch 5, is kept" in end
    assert set(checkpoint_epochs(folder)) == {3, 5}
    assert len(record_of(folder)["epochs"]) == 3
    assert "resuming from epoch 6 of 8" in a_run("numpy mlp", "x", 8, "-resume").err
    assert numbers(folder) == numbers(tmp_path / "whole")
    assert 5 not in checkpoint_epochs(folder)
    # And once it has got as far, it is this run's that count.
    assert interrupted(a_run, q1, "numpy mlp", "y", 2, 8).status == 130
    assert interrupted(a_run, q1, "numpy mlp", "y", 4, 8).status == 130
    assert max(checkpoint_epochs(tmp_path / "y")) == 4
    assert len(record_of(tmp_path / "y")["epochs"]) == 4
    assert a_run("numpy mlp", "y", 8).printed == whole.printed
    assert numbers(tmp_path / "y") == numbers(tmp_path / "whole")


def test_a_new_start_that_is_stopped_at_once_costs_nothing(a_run, q1, tmp_path):
    """Nor do several of them, each with some epochs of its own."""
    for epochs in (5, 0, 3, 0, 2, 0):
        stopped = interrupted(a_run, q1, "numpy mlp", "x", epochs, 8)
        assert stopped.status == 130
        assert max(checkpoint_epochs(tmp_path / "x")) == 5
    assert "after epoch 5, is kept" in stopped.said[-1]
    assert a_run("numpy mlp", "whole", 8).status == 0
    assert "resuming from epoch 6 of 8" in a_run("numpy mlp", "x", 8, "-resume").err
    assert numbers(tmp_path / "x") == numbers(tmp_path / "whole")
    assert min(checkpoint_epochs(tmp_path / "x")) >= 7


def test_a_finished_runs_epochs_outlive_a_second_start(a_run, q1, tmp_path):
    """Without a word at its start: it is what the second start will come to as well."""
    assert a_run("numpy mlp", "x", 4).err == ""
    before = numbers(tmp_path / "x")
    again = interrupted(a_run, q1, "numpy mlp", "x", 2, 4)
    assert again.status == 130 and len(again.said) == 1 and "after epoch 4, is kept" in again.err
    assert "all 4 epochs are trained" in a_run("numpy mlp", "x", 4, "-resume").err
    assert numbers(tmp_path / "x") == before
    assert a_run("numpy mlp", "x", 4).err == ""


def test_epochs_of_another_version_of_the_code_are_kept_beside(a_run, q1, monkeypatch, tmp_path):
    """They are not what this version would come to, so this version's checkpoints go before them."""
    folder = tmp_path / "x"
    with monkeypatch.context() as patched:
        patched.setattr("lab.run.code_version", lambda script: "0" * 16)
        assert interrupted(a_run, q1, "numpy mlp", "x", 5, 8).status == 130
    again = interrupted(a_run, q1, "numpy mlp", "x", 3, 8)
    assert "another version of the code" in again.said[0] and "kept" in again.said[0]
    assert set(checkpoint_epochs(folder)) == {3, 5}
    resumed = interrupted(a_run, q1, "numpy mlp", "x", 1, 8, "-resume")
    assert "resuming from epoch 4 of 8" in resumed.err
    assert a_run("numpy mlp", "x", 8).status == 0
    assert a_run("numpy mlp", "whole", 8).status == 0
    assert numbers(folder) == numbers(tmp_path / "whole")


def test_going_on_from_another_version_of_the_code_is_said(a_run, monkeypatch, tmp_path):
    """And marked in the record for good."""
    with monkeypatch.context() as patched:
        patched.setattr("lab.run.code_version", lambda script: "0" * 16)
        assert a_run("perceptron", "x", 2).status == 0
    outcome = a_run("perceptron", "x", 3, "-resume")
    assert len(outcome.said) == 2 and "another version of the code" in outcome.said[0]
    remove_record(tmp_path / "x")
    assert a_run("perceptron", "x", 4, "-resume").status == 0
    code = record_of(tmp_path / "x")["code"]
    assert code.startswith("0" * 16 + "+") and code.count("+") == 1


# --------------------------------------------------------------------------------------------
# Nothing to go on from


@pytest.mark.parametrize("script", ["q1", "q2"])
def test_nothing_to_go_on_from(request, run_main, tmp_path, tiny_npz, script):
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
    (tmp_path / "runs" / "A").mkdir(parents=True)
    np.savez(tmp_path / "runs" / "A" / "checkpoint.npz", **arrays)
    common = ["-data_path", tiny_npz, "-plots_dir", tmp_path]
    outcome = run_main(q1, "perceptron", *common, "-resume")
    assert outcome.status == 2
    assert outcome.out == ""
    assert run_main(q1, "perceptron", *common, "-epochs", 1).status == 0
    assert run_main(q1, "perceptron", *common, "-epochs", 2, "-resume").status == 0


def test_each_line_is_flushed(q1, run_main, monkeypatch, tmp_path, tiny_npz):
    """Through a pipe too, an epoch is seen when it is over and not when the run is."""

    class Pipe(io.StringIO):
        seen = ""

        def flush(self):
            self.seen = self.getvalue()

    pipe, seen, train_epoch = Pipe(), [], exact_sgd.train_epoch

    def watched(X, *rest, **options):
        seen.append(pipe.seen.splitlines())
        return train_epoch(X, *rest, **options)

    monkeypatch.setattr(sys, "stdout", pipe)
    monkeypatch.setattr(exact_sgd, "train_epoch", watched)
    arguments = ["-epochs", 3, "-data_path", tiny_npz, "-plots_dir", tmp_path]
    assert run_main(q1, "perceptron", *arguments).status == 0
    assert [len(lines) for lines in seen] == [2, 4, 6]
    assert [lines[-1] for lines in seen] == [f"Training epoch {i}" for i in (1, 2, 3)]
