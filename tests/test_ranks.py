"""One run on several processes under torchrun: the single run's numbers, and every way to end."""

import contextlib
import copy
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from conftest import ROOT, record_of, remove_record, tiny_arrays, without_places
from torch import nn

from lab import torchrun
from lab.folder import Names

MLP = ["mlp", "-dropout", 0, "-hidden_size", 10, "-batch_size", 20, "-learning_rate", 0.1]


# In a rank's interpreter: one rank fails at its third epoch.
FAILING = """
import os
if os.environ.get("RANK") == "{victim}" and "TORCHELASTIC_RUN_ID" in os.environ:
    import numpy.random as random
    plain, calls = random.SeedSequence, []
    def planted(entropy):
        calls.append(entropy)
        if entropy[-1] == 3:
            raise ZeroDivisionError("planted")
        return plain(entropy)
    random.SeedSequence = planted
"""


@pytest.fixture
def data(tmp_path):
    """A data set whose last batch of 20 has one example: of two ranks, one gets none."""
    np.savez(tmp_path / "data.npz", **tiny_arrays(sizes=(61, 24, 24)))
    return tmp_path / "data.npz"


@contextlib.contextmanager
def torchrun_of(tmp_path, size, *arguments, **environment):
    """hw1-q2.py on so many ranks; the process of torchrun, which leads a group with its ranks.

    Each rank leaves its process id in the file `rank-0`, `rank-1` and so on.
    """
    started = 'echo $$$$ > "$0-$RANK"; exec "$@"'  # torchrun makes one $ of two
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(size)]
    command += ["--no-python", "sh", "-c", started, tmp_path / "rank", sys.executable]
    process = subprocess.Popen(
        [*command, ROOT / "hw1-q2.py", *map(str, arguments)],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
    )
    try:
        yield process
    finally:
        process.terminate()  # and torchrun its ranks, which are not in its group
        process.communicate(timeout=60)


def ours(err):
    """The lines of standard error that are the program's own and not torchrun's report."""
    report, lines = False, []
    for line in without_places(err).splitlines():
        report = report or line.startswith("Traceback")
        if line.strip() and not report and "torch/distributed/" not in line:
            lines.append(line)
    return lines


def assert_same_numbers(record, expected):
    assert len(record["epochs"]) == len(expected["epochs"])
    for row, expected_row in zip(record["epochs"], expected["epochs"], strict=True):
        assert row == pytest.approx(expected_row, abs=2e-5)
    assert record["final"] == pytest.approx(expected["final"])
    assert record["initial"] == expected["initial"]


@pytest.mark.long
def test_any_number_of_ranks_gives_the_single_runs_numbers(
    run_main, q2, blank_figures, tmp_path, data
):
    """On three ranks, going on with two, then with one; shares are unequal, some are empty."""
    common = [*MLP, "-data_path", data]
    single = run_main(q2, *common, "-plots_dir", tmp_path / "single", "-epochs", 6)
    assert single.status == 0, single.err
    plots = ["-plots_dir", tmp_path / "plots"]
    lines = []
    for size, epochs, more in ((3, 2, []), (2, 4, ["-resume"])):
        with torchrun_of(tmp_path, size, *common, *plots, "-epochs", epochs, *more) as process:
            out, err = process.communicate(timeout=100)
        assert process.returncode == 0, err
        assert ours(err) == (["resuming from epoch 3 of 4"] if more else [])
        lines += [line for line in out.splitlines() if line.startswith(("init", "train"))]
        assert record_of(tmp_path / "plots")["ranks"] == size
        assert list((tmp_path / "plots").glob(f"runs/*-ranks-{size}/record.json"))
        remove_record(tmp_path / "plots")
    assert run_main(q2, *common, *plots, "-epochs", 6, "-resume").status == 0
    assert_same_numbers(record_of(tmp_path / "plots"), record_of(tmp_path / "single"))
    assert (
        lines
        == [line for line in single.out.splitlines() if line.startswith(("init", "train"))][:5]
    )


def test_ranks_draw_their_own_dropout(monkeypatch, capsys):
    """Of the seed, the rank and the epoch alone: the same however the run came to that epoch."""
    monkeypatch.setattr(torchrun.dist, "get_world_size", lambda: 2)
    monkeypatch.setattr(torchrun, "agree", lambda number, complaint: None)

    def masks(seed, rank, done=0):
        """{epoch: random numbers that the rank draws at its start}, after so many epochs."""
        monkeypatch.setattr(torchrun.dist, "get_rank", lambda: rank)
        opt = SimpleNamespace(seed=seed, epochs=3, plots_dir=Path("x"))
        data = SimpleNamespace(title="", tag="", sha256="")
        names = Names("{data}{quantity}", "")
        run = torchrun.RankRun("hw1-q2.py", opt, data, names, [])
        run.history = [{}] * done
        return {epoch: tuple(torch.rand(4).tolist()) for epoch in run.epochs()}

    every = [masks(seed, rank) for seed in (42, 43) for rank in (0, 1)]
    assert len({draws for of_rank in every for draws in of_rank.values()}) == 4 * 3
    assert masks(42, 1, done=2) == {3: every[1][3]}


@pytest.mark.parametrize("n", [1, 2, 7, 8])
def test_the_ranks_gradients_average_to_the_whole_batchs(q2, monkeypatch, n):
    """Whatever their shares, one of them empty: what DistributedDataParallel does with them."""
    X, y = torch.rand(n, 5), torch.arange(n) % 3
    model, size, gradients, losses = q2.LogisticRegression(3, 5), 3, [], []
    nn.functional.cross_entropy(model(X), y).backward()
    whole = model.linear.weight.grad.clone()
    monkeypatch.setattr(torchrun.dist, "get_world_size", lambda: size)
    monkeypatch.setattr(torchrun.dist, "all_reduce", lambda tensor, group: None)
    for rank in range(size):
        monkeypatch.setattr(torchrun.dist, "get_rank", lambda rank=rank: rank)
        learner = copy.deepcopy(model)
        learner.process_group = None
        optimizer = torch.optim.SGD(learner.parameters(), lr=0.0)
        batches, criterion = [(X, y)], nn.CrossEntropyLoss()
        losses.append(torchrun.train_epoch(q2.train_batch, batches, learner, optimizer, criterion))
        gradients.append(learner.linear.weight.grad)
    torch.testing.assert_close(sum(gradients) / size, whole)
    expected = nn.functional.cross_entropy(model(X), y).item()
    assert sum(losses) == pytest.approx(expected, rel=1e-5)


def wait_for(process, line):
    assert f"{line}\n" in iter(process.stdout.readline, "")


@pytest.mark.long
@pytest.mark.parametrize("victim", [1, 0])
def test_a_rank_that_is_killed_ends_the_run(run_main, q2, blank_figures, tmp_path, data, victim):
    """With one message and no hang; what rank 0 kept is whole, and one process goes on from it."""
    common = [*MLP, "-data_path", data, "-plots_dir"]
    with torchrun_of(tmp_path, 2, *common, tmp_path / "plots", "-epochs", 1_000_000) as process:
        wait_for(process, "Training epoch 3")
        os.kill(int((tmp_path / f"rank-{victim}").read_text()), signal.SIGKILL)
        _, err = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "SIGKILL" in err  # torchrun's own report
    if victim == 0:
        assert ours(err) == []
        return
    kept, why = ours(err)
    assert "stopped after epoch" in kept and "-resume" in kept
    assert "died" in why
    record = record_of(tmp_path / "plots")
    assert record["status"] == "interrupted"
    done = len(record["epochs"])
    remove_record(tmp_path / "plots")
    assert run_main(q2, *common, tmp_path / "plots", "-epochs", done + 2, "-resume").status == 0
    assert run_main(q2, *common, tmp_path / "single", "-epochs", done + 2).status == 0
    assert_same_numbers(record_of(tmp_path / "plots"), record_of(tmp_path / "single"))


def test_ctrl_c_keeps_what_was_trained(tmp_path, data):
    """The terminal sends it to torchrun and to all ranks, and torchrun then ends them again."""
    common = [*MLP, "-data_path", data, "-plots_dir", tmp_path / "plots"]
    with torchrun_of(tmp_path, 2, *common, "-epochs", 1_000_000) as process:
        wait_for(process, "Training epoch 3")
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode != 0
    assert [line for line in ours(err) if "-resume" in line] == ours(err)[-1:]
    record = record_of(tmp_path / "plots")
    assert record["status"] == "interrupted"
    assert record["ranks"] == 2
    assert list((tmp_path / "plots").glob("runs/*/checkpoint*"))


@pytest.mark.long
@pytest.mark.parametrize("victim", [1, 0])
def test_a_rank_that_fails_shows_its_traceback(tmp_path, data, victim):
    """Its own, and no other rank's; what was trained is kept."""
    (tmp_path / "sitecustomize.py").write_text(FAILING.format(victim=victim))
    common = [*MLP, "-data_path", data, "-plots_dir", tmp_path / "plots", "-epochs", 1_000_000]
    with torchrun_of(tmp_path, 2, *common, PYTHONPATH=str(tmp_path)) as process:
        _, err = process.communicate(timeout=100)
    assert process.returncode != 0
    assert err.count("ZeroDivisionError: planted") == 1
    assert "died" in err if victim else "died" not in err
    assert record_of(tmp_path / "plots")["status"] == "interrupted"


@pytest.mark.long
@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["-data_path", "none.npz"], "none.npz"),
        (["-batch_size", 1], "-batch_size 1"),
        (["-epochs", "many"], "many"),
    ],
)
def test_bad_input_is_said_once(tmp_path, data, arguments, word):
    common = ["-data_path", data, "-plots_dir", tmp_path / "plots"]
    with torchrun_of(tmp_path, 2, *MLP, *common, *arguments) as process:
        out, err = process.communicate(timeout=60)
    assert process.returncode != 0
    assert out == ""
    (line,) = ours(err)
    assert word in line
    assert "exitcode  : 2" in err
    assert not (tmp_path / "plots").exists()
