"""Runs in surroundings that do not help: odd names, closed streams, ignored signals, no memory."""

import io
import signal
import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT, record_of, run_script, started


@pytest.mark.parametrize("name", ["a$x^$b", "pay$\\frac$", "{}", "%s"])
def test_a_data_files_name_is_drawn_as_it_is(q1, run_main, tmp_path, tiny_npz, name):
    """Not read as a formula or a pattern: the figures are drawn and the run ends."""
    path = tiny_npz.rename(tmp_path / f"{name}.npz")
    outcome = run_main(
        q1, "perceptron", "-epochs", 1, "-data_path", path, "-plots_dir", tmp_path / "plots"
    )
    assert (outcome.status, outcome.err) == (0, "")
    assert len(list((tmp_path / "plots").glob("*.pdf"))) == 2


def test_a_figure_that_fails_leaves_the_record(q1, run_main, monkeypatch, tmp_path, tiny_npz):
    def no_room(figure, path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("utils.save_figure", no_room)
    outcome = run_main(
        q1, "mlp", "-epochs", 2, "-data_path", tiny_npz, "-plots_dir", tmp_path / "plots"
    )
    assert outcome.status == 1
    assert len(outcome.err_lines) == 1
    assert "No space left" in outcome.err
    record = record_of(tmp_path / "plots")
    assert record["status"] == "finished"
    assert f"{record['final']['test_acc']:.4f}" == outcome.out.split()[-1]


def test_a_signal_that_is_ignored_stays_ignored(tmp_path, tiny_npz):
    """As nohup asks: the terminal may close and the run goes on."""
    arguments = ["perceptron", "-epochs", 60, "-data_path", tiny_npz, "-plots_dir", tmp_path / "p"]

    def ignore():
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    with started("hw1-q1.py", *arguments, preexec_fn=ignore) as process:
        while "Training epoch 2" not in process.stdout.readline():
            pass
        process.send_signal(signal.SIGHUP)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert "Final test acc" in out


def test_a_closed_standard_output(tmp_path, tiny_npz):
    for script, model in (("hw1-q1.py", "perceptron"), ("hw1-q2.py", "mlp")):
        command = [sys.executable, str(ROOT / script), model, "-epochs", "1"]
        command += ["-data_path", str(tiny_npz), "-plots_dir", str(tmp_path / script)]
        done = subprocess.run(
            ["sh", "-c", '"$@" >&-', "sh", *command], check=False, capture_output=True, text=True
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert record_of(tmp_path / script)["status"] == "finished"


def test_a_closed_standard_error(tmp_path, tiny_npz):
    command = [sys.executable, str(ROOT / "hw1-q1.py"), "perceptron", "-epochs", "1", "-data_path"]
    for data, status in ((tiny_npz, 0), (tmp_path / "missing.npz", 2)):
        done = subprocess.run(
            ["sh", "-c", '"$@" 2>&-', "sh", *command, str(data), "-plots_dir", str(tmp_path / "p")],
            check=False,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert done.returncode == status
        assert "missing" not in done.stdout


def test_a_newline_in_a_name_is_still_one_line(tmp_path):
    done = run_script("hw1-q1.py", "perceptron", "-data_path", "no\nsuch.npz", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("lacking", ["random_keys", "W", "meta"])
def test_a_checkpoint_that_lacks_an_array(q1, run_main, tmp_path, tiny_npz, lacking):
    arguments = ["perceptron", "-data_path", tiny_npz, "-plots_dir", tmp_path / "plots"]
    assert run_main(q1, *arguments, "-epochs", 2).status == 0
    (path,) = (tmp_path / "plots").glob("*checkpoint.npz")
    with np.load(path) as arrays:
        kept = {name: arrays[name] for name in arrays.files if name != lacking}
    buffer = io.BytesIO()
    np.savez(buffer, **kept)
    path.write_bytes(buffer.getvalue())
    outcome = run_main(q1, *arguments, "-epochs", 2, "-resume")
    assert outcome.status == 2
    assert "start" in outcome.err_lines[-1]


def test_resuming_for_fewer_epochs_says_where_the_checkpoint_is(
    q1, run_main, blank_figures, tmp_path, tiny_npz
):
    arguments = ["perceptron", "-data_path", tiny_npz, "-plots_dir", tmp_path / "plots"]
    assert run_main(q1, *arguments, "-epochs", 5).status == 0
    outcome = run_main(q1, *arguments, "-epochs", 3, "-resume")
    assert outcome.status == 2
    assert "epoch 5" in outcome.err


def test_resuming_where_there_is_no_folder_makes_none(q1, run_main, tmp_path, tiny_npz):
    outcome = run_main(
        q1, "mlp", "-data_path", tiny_npz, "-plots_dir", tmp_path / "none", "-resume"
    )
    assert outcome.status == 2
    assert not (tmp_path / "none").exists()


def test_a_stand_in_that_cannot_be_written(q1, run_main, monkeypatch, tmp_path):
    import runs

    monkeypatch.setattr(runs, "DEFAULT_DATA", ROOT / "data" / "not there.npz")
    monkeypatch.setattr(runs, "STANDIN", tmp_path / "no folder" / "synthetic.npz")
    outcome = run_main(q1, "perceptron", "-plots_dir", tmp_path / "plots")
    assert outcome.status == 2
    assert outcome.err_lines[-1].startswith("hw1-q1.py: ")
    assert not (tmp_path / "plots").exists()
