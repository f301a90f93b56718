"""Runs in surroundings that do not help: odd names, closed streams, missing packages, no stand-in."""

import io
import os
import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT, record_of, run_forked, run_script


@pytest.mark.draws
@pytest.mark.parametrize("name", ["pay$\\frac$", "{}%s"])
def test_a_data_files_name_is_drawn_as_it_is(q1, run_main, blank_figures, tmp_path, tiny_npz, name):
    """Not read as a formula or a pattern: the figures are drawn and the run ends."""
    path = tiny_npz.rename(tmp_path / f"{name}.npz")
    outcome = run_main(
        q1, "mlp", "-hidden_size", 3, "-epochs", 1, "-data_path", path, "-plots_dir", tmp_path / "x"
    )
    assert (outcome.status, outcome.err) == (0, "")
    assert list((tmp_path / "x").glob("*-accs-*.pdf"))


@pytest.mark.parametrize("script", ["q1", "q2"])
def test_a_closed_standard_output(request, blank_figures, tmp_path, tiny_npz, script):
    words = ["mlp", "-epochs", 1, "-data_path", tiny_npz, "-plots_dir", tmp_path / "x"]

    def close():
        os.close(1)
        sys.stdout = None  # which is what Python makes of it

    outcome = run_forked(request.getfixturevalue(script), *words, prepare=close)
    assert (outcome.status, outcome.out, outcome.err) == (0, "", "")
    assert record_of(tmp_path / "x")["status"] == "finished"


def test_a_closed_standard_error(q1, blank_figures, tmp_path, tiny_npz):
    command = [sys.executable, str(ROOT / "hw1-q1.py"), "perceptron", "-data_path", "missing.npz"]
    done = subprocess.run(
        ["sh", "-c", '"$@" 2>&-', "sh", *command], stdout=subprocess.PIPE, check=False, timeout=60
    )
    assert (done.returncode, done.stdout) == (2, b"")

    def close():
        os.close(2)
        sys.stderr = None

    words = ["perceptron", "-epochs", 1, "-data_path", tiny_npz, "-plots_dir", tmp_path / "x"]
    assert run_forked(q1, *words, prepare=close).status == 0


def test_a_package_that_is_missing_is_found_out_before_the_work(tmp_path):
    """filelock, say: when the script starts, and not once the data have been read."""
    (tmp_path / "filelock.py").write_text("raise ImportError('No module named filelock')\n")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = run_script("hw1-q1.py", "mlp", "-data_path", "none.npz", env=environment)
    assert done.returncode != 0 and "filelock" in done.stderr
    assert "none.npz" not in done.stderr


@pytest.mark.parametrize(
    ("script", "package"),
    [("hw1-q1.py", "numpy"), ("hw1-q2.py", "torch"), ("hw1-q3.py", "threadpoolctl")]
    + [("reproduce.py", "numpy"), ("check.py", "numpy")],
)
def test_a_package_that_is_missing_is_one_line(tmp_path, script, package):
    text = f"raise ModuleNotFoundError('No module', name='{package}')\n"
    (tmp_path / f"{package}.py").write_text(text)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = run_script(script, "x", env=environment)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert done.stderr.startswith(f"{script}: the package {package} is missing; ")


def test_a_newline_in_a_name_is_still_one_line(q1, run_main, tmp_path):
    outcome = run_main(q1, "perceptron", "-data_path", tmp_path / "no\nsuch.npz")
    assert (outcome.status, outcome.out, len(outcome.err_lines)) == (2, "", 1)


@pytest.mark.parametrize("lacking", ["random_keys", "W", "meta"])
def test_a_checkpoint_that_lacks_an_array(q1, run_main, blank_figures, tmp_path, tiny_npz, lacking):
    """Where there is none before it."""
    arguments = ["perceptron", "-data_path", tiny_npz, "-plots_dir", tmp_path / "plots"]
    assert run_main(q1, *arguments, "-epochs", 2).status == 0
    (path,) = (tmp_path / "plots").glob("runs/*/checkpoint.npz")
    with np.load(path) as arrays:
        kept = {name: arrays[name] for name in arrays.files if name != lacking}
    buffer = io.BytesIO()
    np.savez(buffer, **kept)
    path.write_bytes(buffer.getvalue())
    outcome = run_main(q1, *arguments, "-epochs", 2, "-resume")
    assert outcome.status == 2
    assert path.name in outcome.err_lines[0] and "start it without" in outcome.err_lines[-1]


def test_a_stand_in_that_cannot_be_written(q1, run_main, monkeypatch, tmp_path):
    monkeypatch.setattr("lab.dataset.DEFAULT", ROOT / "data" / "not there.npz")
    monkeypatch.setattr("lab.dataset.STANDIN", tmp_path / "no folder" / "synthetic.npz")
    outcome = run_main(q1, "perceptron", "-plots_dir", tmp_path / "plots")
    assert outcome.status == 2
    assert outcome.err_lines[-1].startswith("hw1-q1.py: ")
    assert not (tmp_path / "plots").exists()
