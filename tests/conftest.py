"""What several tests need: the scripts as modules, small data files, and running a script."""

import contextlib
import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import hypothesis
import numpy as np
import pytest

import utils
from lab import process, run, sweep
from lab.pictures import quantities

ROOT = Path(__file__).resolve().parent.parent

# The same examples on every run: a test that fails, fails again.
hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None, max_examples=30)
# pytest --hypothesis-profile=thorough
hypothesis.settings.register_profile("thorough", deadline=None, max_examples=1000)
hypothesis.settings.load_profile("repeatable")


def run_script(name, *arguments, cwd=ROOT, timeout=120, **options):
    """Run a script as a user does; returns the finished process with its output as text."""
    return subprocess.run(
        [sys.executable, ROOT / name, *map(str, arguments)],
        check=False,
        cwd=cwd,
        timeout=timeout,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        **options,
    )


@contextlib.contextmanager
def started(name, *arguments, **options):
    """A script's process, its output as text in pipes; killed at the end if it still runs."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL}
    process = subprocess.Popen(
        [sys.executable, ROOT / name, *map(str, arguments)], text=True, **{**pipes, **options}
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            if stream:
                stream.close()


def tiny_arrays(seed=0, sizes=(60, 24, 24), shape=(6, 5, 3), n_classes=3):
    """A small data set in the course's format, its classes told apart by brightness and noise."""
    rng = np.random.default_rng(seed)
    arrays = {}
    for split, n in zip(("train", "val", "test"), sizes, strict=True):
        labels = np.arange(n) % n_classes
        noise = rng.integers(0, 120, (n, *shape))
        arrays[f"{split}_images"] = (noise + 40 * labels.reshape(n, *[1] * len(shape))).astype(
            np.uint8
        )
        arrays[f"{split}_labels"] = labels
    return arrays


@pytest.fixture
def tiny_npz(tmp_path):
    """The path of a small data set."""
    path = tmp_path / "tiny.npz"
    np.savez(path, **tiny_arrays())
    return path


@pytest.fixture(scope="session")
def q1():
    return importlib.import_module("hw1-q1")


@pytest.fixture(scope="session")
def q2():
    return importlib.import_module("hw1-q2")


class Outcome(NamedTuple):
    """What a run of a script left on its streams."""

    status: int
    out: str
    err: str

    @property
    def err_lines(self):
        return self.err.splitlines()


@pytest.fixture
def run_main(monkeypatch, capsys):
    """Run a loaded script's main() in this process: run_main(q1, "mlp", "-epochs", 2)."""

    def run_it(module, *arguments):
        monkeypatch.setattr(sys, "argv", [Path(module.__file__).name, *map(str, arguments)])
        capsys.readouterr()
        try:
            process.run_script(module.main)
            status = 0
        except SystemExit as stop:
            status = stop.code or 0
        return Outcome(status, *capsys.readouterr())

    return run_it


def blank_pictures(outcome, *_):
    """`lab.pictures.pictures` without the pictures."""
    return [(quantity, None) for quantity in quantities(outcome.weights is not None)]


@pytest.fixture
def blank_figures(monkeypatch):
    """Have figures written as empty files, for the many runs whose figures are not looked at."""
    for name in ("plot_curves", "plot_weights"):
        monkeypatch.setattr(utils, name, lambda *arguments, **options: None)
    for module in (run, sweep):
        monkeypatch.setattr(module, "save_figure", lambda figure, path: path.touch())
    monkeypatch.setattr(run, "pictures", blank_pictures)


def record_of(folder):
    """The record of the only run in a plots folder."""
    (path,) = Path(folder).glob("*record*.json")
    return json.loads(path.read_text())


def snapshot(folder):
    """Every path below a folder, with the content of the files, to see whether one was touched."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in Path(folder).rglob("*")
    }
