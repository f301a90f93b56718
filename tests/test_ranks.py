"""One run on several processes: the single run's numbers, and every way to end.

The processes are forked children, that take what torchrun gives them from the test; a few of each kind
are started by torchrun itself, which are marked `long`.
"""

import contextlib
import os
import runpy
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest
import torch
from conftest import ROOT, forked, read_until, record_of, remove_record, tiny_arrays

import lab
from lab import ranks
from lab.names import Names

MLP = ["mlp", "-dropout", 0, "-hidden_size", 10, "-batch_size", 20, "-learning_rate", 0.1]
FOREVER = 10**6  # epochs


@pytest.fixture
def data(tmp_path):
    """A data set whose last batch of 20 has one example: of two ranks, one gets none."""
    np.savez(tmp_path / "data.npz", **tiny_arrays(sizes=(61, 24, 24)))
    return tmp_path / "data.npz"


class Ranks(NamedTuple):
    """The processes of a run: what to read from rank 0, and to wait for all; kill(rank), interrupt()."""

    stdout: object
    communicate: object
    kill: object
    interrupt: object


@contextlib.contextmanager
def torchrun(q2, tmp_path, size, *arguments):
    """hw1-q2.py on so many ranks under torchrun, which leads a group with them."""
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
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )

    def communicate():
        out, err = process.communicate(timeout=100)
        return process.returncode, out, err

    def kill(rank):
        os.kill(int((tmp_path / f"rank-{rank}").read_text()), signal.SIGKILL)

    def interrupt():
        os.killpg(process.pid, signal.SIGINT)

    try:
        yield Ranks(process.stdout, communicate, kill, interrupt)
    finally:
        process.terminate()  # and torchrun its ranks, which are not in its group
        process.communicate(timeout=60)


@contextlib.contextmanager
def forks(q2, tmp_path, size, *arguments):
    """The same in forked children, with what torchrun gives its ranks: a store, and SIGTERM for all
    others when one has failed, and for all after Ctrl-C."""
    store = torch.distributed.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    given = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(store.port), "WORLD_SIZE": str(size)}
    given |= {"TORCHELASTIC_USE_AGENT_STORE": "True", "TORCHELASTIC_RUN_ID": "none"}

    def work(rank):
        os.environ.update(given, RANK=str(rank), LOCAL_RANK=str(rank))
        sys.argv = ["hw1-q2.py", *map(str, arguments)]
        ranks.run_script(q2.main)

    with contextlib.ExitStack() as stack:
        children = [stack.enter_context(forked(partial(work, rank))) for rank in range(size)]

        def tell(number):
            for child in children:
                child.send_signal(number)

        def communicate():
            while None in (statuses := [child.poll() for child in children]):
                if any(statuses):
                    tell(signal.SIGTERM)
                time.sleep(0.01)
            outs, errs = zip(*(child.communicate() for child in children), strict=True)
            return max(map(abs, statuses)), "".join(outs), "".join(reversed(errs))

        def interrupt():
            tell(signal.SIGINT)
            time.sleep(0.01)
            tell(signal.SIGTERM)

        yield Ranks(children[0].stdout, communicate, lambda rank: children[rank].kill(), interrupt)


def ours(err):
    """The lines of standard error that are the program's own and not torchrun's report."""
    report, lines = False, []
    for line in err.splitlines():
        report = report or line.startswith("Traceback")
        if line.strip() and not report and " torch/distributed/" not in line[:60]:
            lines.append(line)
    return lines


def assert_same_numbers(record, expected):
    assert len(record["epochs"]) == len(expected["epochs"])
    for row, expected_row in zip(record["epochs"], expected["epochs"], strict=True):
        assert row == pytest.approx(expected_row, abs=2e-5)
    assert record["final"] == pytest.approx(expected["final"])
    assert record["initial"] == expected["initial"]


LAUNCHERS = [forks, pytest.param(torchrun, marks=pytest.mark.long)]


@pytest.mark.parametrize("launch", LAUNCHERS)
def test_any_number_of_ranks_gives_the_single_runs_numbers(
    run_main, q2, blank_figures, tmp_path, data, launch
):
    """On three ranks, going on with two, then with one; shares are unequal, some are empty."""
    common = [*MLP, "-data_path", data]
    single = run_main(q2, *common, "-plots_dir", tmp_path / "single", "-epochs", 6)
    assert single.status == 0, single.err
    plots = ["-plots_dir", tmp_path / "plots"]
    lines = []
    for start, size, epochs, more in ((forks, 3, 2, []), (launch, 2, 4, ["-resume"])):
        with start(q2, tmp_path, size, *common, *plots, "-epochs", epochs, *more) as run:
            status, out, err = run.communicate()
        assert status == 0, err
        assert ours(err) == (["going on after epoch 2 of 4"] if more else [])
        lines += [line for line in out.splitlines() if line.startswith(("init", "train"))]
        assert record_of(tmp_path / "plots")["ranks"] == size
        assert list((tmp_path / "plots").glob(f"*-ranks-{size}.json"))
        remove_record(tmp_path / "plots")
    assert run_main(q2, *common, *plots, "-epochs", 6, "-resume").status == 0
    assert_same_numbers(record_of(tmp_path / "plots"), record_of(tmp_path / "single"))
    assert (
        lines
        == [line for line in single.out.splitlines() if line.startswith(("init", "train"))][:5]
    )


def test_ranks_draw_their_own_dropout(capsys):
    """Of the seed, the rank and the epoch alone: the same however the run came to that epoch."""

    def masks(seed, rank, done=0):
        """{epoch: random numbers that the rank draws at its start}, after so many epochs."""
        opt = SimpleNamespace(seed=seed, epochs=3, plots_dir=Path("x"))
        team = SimpleNamespace(rank=rank, size=2, agree=lambda *what: None)
        data = SimpleNamespace(title="", tag="", sha256="")
        names = Names("{data}-{quantity}", ("", ""), "")
        run = ranks.RankRun(team, "hw1-q2.py", opt, data, names, [])
        run.history = [{}] * done
        return {epoch: tuple(torch.rand(4).tolist()) for epoch in run.epochs()}

    every = [masks(seed, rank) for seed in (42, 43) for rank in (0, 1)]
    assert len({draws for of_rank in every for draws in of_rank.values()}) == 4 * 3
    assert masks(42, 1, done=2) == {3: every[1][3]}


@pytest.mark.parametrize(
    ("launch", "victim"),
    [(forks, 1), (forks, 0), pytest.param(torchrun, 1, marks=pytest.mark.long)],
)
def test_a_rank_that_is_killed_ends_the_run(
    run_main, q2, blank_figures, tmp_path, data, launch, victim
):
    """With one message and no hang; what rank 0 kept is whole, and one process goes on from it."""
    common = [*MLP, "-data_path", data, "-plots_dir"]
    with launch(q2, tmp_path, 2, *common, tmp_path / "plots", "-epochs", FOREVER) as run:
        read_until(run, "Training epoch 3")
        run.kill(victim)
        status, _, err = run.communicate()
    assert status != 0
    said = ours(err)
    if victim == 0:
        assert len(said) == 1
        assert "died" in said[0] and "-resume" in said[0]
        return
    assert len(said) in (1, 2)
    assert "stopped after epoch" in said[-1] and "-resume" in said[-1]
    record = record_of(tmp_path / "plots")
    assert record["status"] == "interrupted"
    done = len(record["epochs"])
    remove_record(tmp_path / "plots")
    assert run_main(q2, *common, tmp_path / "plots", "-epochs", done + 2, "-resume").status == 0
    assert run_main(q2, *common, tmp_path / "single", "-epochs", done + 2).status == 0
    assert_same_numbers(record_of(tmp_path / "plots"), record_of(tmp_path / "single"))


@pytest.mark.parametrize("launch", LAUNCHERS)
def test_ctrl_c_keeps_what_was_trained(q2, blank_figures, tmp_path, data, launch):
    """The terminal sends it to torchrun and to all ranks, and torchrun then ends them again."""
    common = [*MLP, "-data_path", data, "-plots_dir", tmp_path / "plots"]
    with launch(q2, tmp_path, 2, *common, "-epochs", FOREVER) as run:
        read_until(run, "Training epoch 3")
        run.interrupt()
        status, _, err = run.communicate()
    assert status != 0
    assert [line for line in ours(err) if "-resume" in line] == ours(err)[-1:]
    record = record_of(tmp_path / "plots")
    assert record["status"] == "interrupted"
    assert record["ranks"] == 2
    assert list((tmp_path / "plots").glob("*checkpoint*"))


@pytest.mark.parametrize(
    ("launch", "arguments", "word"),
    [
        (forks, ["-data_path", "none.npz"], "none.npz"),
        (forks, ["-batch_size", 1], "-batch_size 1"),
        (forks, ["-epochs", "many"], "many"),
        pytest.param(torchrun, ["-epochs", "many"], "many", marks=pytest.mark.long),
    ],
)
def test_bad_input_is_said_once(q2, tmp_path, data, launch, arguments, word):
    common = ["-data_path", data, "-plots_dir", tmp_path / "plots"]
    with launch(q2, tmp_path, 2, *MLP, *common, *arguments) as run:
        status, out, err = run.communicate()
    assert out == ""
    (line,) = ours(err)
    assert word in line
    assert status and (status == 2 if launch is forks else "exitcode  : 2" in err)
    assert not (tmp_path / "plots").exists()


def test_without_torchrun_nothing_of_it_is_imported():
    """Whatever a cluster has set that torchrun sets too."""

    def run():
        del sys.modules["lab.ranks"], lab.ranks
        os.environ["LOCAL_RANK"] = "0"
        sys.argv = ["hw1-q2.py", "-h"]
        try:
            runpy.run_path(str(ROOT / "hw1-q2.py"), run_name="__main__")
        finally:
            print("lab.ranks" in sys.modules)

    with forked(run) as child:
        out, err = child.communicate()
    assert (child.returncode, err) == (0, "")
    assert out.startswith("usage: hw1-q2.py") and out.endswith("\nFalse\n")
